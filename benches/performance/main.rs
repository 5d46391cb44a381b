//! How fast the program is, beside the programs that people would use instead and the bare limits of the machine, each pair
//! in one run. The answers stand in docs/performance.md, which this writes.
//!
//! ```text
//! benches/peers.sh                                   once: gitui, tig, delta, difftastic, promptfoo
//! cargo bench --bench performance -- --write         all of it, into docs/performance.md; about half an hour, nothing else running
//! cargo bench --bench performance -- screens diff    these sections, printed; with --write put into the page as well
//! ```
//! The page is of the `dist` profile, which it builds first; single sections are of the release profile, or of the build that
//! `--program FILE` names; `--beside FILE` measures the first frame and the keys of Prompts of another build in turn with it.
//! Options: `--samples N` takes so many keys a screen (200). A peer that is not there
//! is SKIPPED, loudly. Times are those of a shared machine: quote ratios.

#![expect(clippy::unwrap_used, reason = "a bench that cannot set its stage should fail")]

mod build;
mod diff;
mod drawing;
mod figures;
mod growth;
mod judge;
mod machine;
mod memory;
mod pairs;
mod prose;
mod screens;
mod server;
mod start;
mod tty;

use std::cell::OnceCell;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// What all sections need.
pub struct Bench {
    /// The program that is measured.
    pub program: PathBuf,
    /// An earlier build, to measure beside.
    pub beside: Option<PathBuf>,
    /// A folder that goes with the bench.
    pub dir: PathBuf,
    /// Keys for each screen.
    pub samples: usize,
    large: OnceCell<PathBuf>,
}

type Section = fn(&Bench, &mut String);

/// The sections, in the order of the page.
const SECTIONS: &[(&str, &str, Section)] = &[
    ("build", "Size and build", build::section),
    ("start", "Commands, from start to end", start::section),
    ("growth", "Time against size", growth::section),
    ("screens", "First frame and keys", screens::section),
    ("drawing", "What a live run costs to draw", drawing::section),
    ("memory", "Memory", memory::section),
    ("diff", "Diff", diff::section),
    ("judge", "Judge runs", judge::section),
    ("figures", "Figures over a million verdicts, beside DuckDB", figures::section),
];

impl Bench {
    /// A registry of 10,000 prompts, 100,000 revisions and 100,000 verdicts, made when it is first asked for.
    pub fn large(&self) -> &Path {
        self.large.get_or_init(|| {
            let path = self.dir.join("large.db");
            if !path.exists() {
                let mut make = self.command(&["bench-data"]);
                assert!(make.arg(&path).status().unwrap().success());
            }
            path
        })
    }

    /// The earlier build's words, with a registry as [`Bench::large`] that it made itself: ours may be too new for it.
    pub fn earlier(&self) -> Option<Vec<String>> {
        let program = self.beside.as_ref()?;
        let path = self.dir.join("earlier.db");
        if !path.exists() {
            let mut make = std::process::Command::new(program);
            make.arg("bench-data").arg(&path).env("HOME", &self.dir).env_remove("ASSIZE_REGISTRY");
            assert!(make.stdin(std::process::Stdio::null()).status().unwrap().success());
        }
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        Some(vec![text(program), "--registry".to_owned(), text(&path)])
    }

    /// Where a build of the dist profile lies, once it has been made.
    pub fn dist(&self) -> PathBuf {
        self.dir.join("assize-dist")
    }

    /// The program with these arguments, in a home of its own.
    pub fn command(&self, args: &[&str]) -> std::process::Command {
        let mut command = std::process::Command::new(&self.program);
        command.args(args).env("HOME", &self.dir).env_remove("ASSIZE_REGISTRY").current_dir(&self.dir);
        command.stdin(std::process::Stdio::null());
        command
    }

    /// A peer's program: from `target/peers`, else from the path; said loudly when it is in neither.
    pub fn peer(&self, name: &str) -> Option<PathBuf> {
        let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/peers");
        let places = [own.join("bin"), own.join("node_modules/.bin")];
        let path = std::env::var_os("PATH").unwrap_or_default();
        let found = places
            .into_iter()
            .chain(std::env::split_paths(&path))
            .map(|d| d.join(name))
            .find(|p| p.is_file());
        if found.is_none() {
            eprintln!("SKIPPED: {name} is not there; benches/peers.sh installs it");
        }
        found
    }
}

fn argument(name: &str) -> Option<String> {
    let args: Vec<String> = std::env::args().collect();
    args.iter().position(|a| a == name).and_then(|i| args.get(i + 1).cloned())
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    // `cargo test --benches` only asks whether it can run.
    if args.iter().any(|a| a == "--test") {
        return;
    }
    if let Some(latency) = argument("--serve") {
        return server::serve(latency.parse().unwrap());
    }
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench {
        program: argument("--program")
            .map_or_else(|| env!("CARGO_BIN_EXE_assize").into(), |p| std::fs::canonicalize(p).unwrap()),
        beside: argument("--beside").map(|p| std::fs::canonicalize(p).unwrap()),
        dir: argument("--dir").map_or_else(|| folder.path().to_owned(), PathBuf::from),
        samples: argument("--samples").and_then(|n| n.parse().ok()).unwrap_or(200),
        large: OnceCell::new(),
    };
    let named = |name: &str| args.iter().any(|a| a == name);
    if let Some(name) = argument("--section") {
        let (.., section) = SECTIONS.iter().find(|(n, ..)| *n == name).unwrap();
        let mut text = String::new();
        section(&bench, &mut text);
        return print!("{text}");
    }
    let all = !SECTIONS.iter().any(|(name, ..)| named(name));
    let mut page = String::new();
    for (name, title, _) in SECTIONS.iter().filter(|(name, ..)| all || named(name)) {
        eprintln!("== {name}");
        let text = format!("\n## {title}\n\n{}", apart(&bench, name));
        println!("{text}");
        page.push_str(&text);
        if *name == "build" && argument("--program").is_none() {
            bench.program = bench.dist();
        }
    }
    if named("--write") {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/performance.md");
        let page = if all { machine::head(&bench) + &page } else { put_in(&bench, &path, &page) };
        std::fs::write(path, page).unwrap();
    }
}

/// The page as it stands, with these sections in the place of the ones of the same title, or behind the others; each says when
/// and of what it was measured.
fn put_in(bench: &Bench, path: &Path, sections: &str) -> String {
    let mut page = std::fs::read_to_string(path).unwrap();
    let measured = machine::line(bench);
    for section in sections.split("\n## ").filter(|s| !s.trim().is_empty()) {
        let (title, text) = section.split_once('\n').unwrap();
        let new = format!("\n## {title}\n\n{measured}\n{}\n", text.trim_end());
        let from = page.find(&format!("\n## {title}\n")).unwrap_or(page.len());
        let after =
            page.get(from + 1..).and_then(|rest| rest.find("\n## ")).map_or(page.len(), |at| from + 1 + at);
        page.replace_range(from..after, &new);
    }
    page
}

/// A section in a process of its own: starting programs from one that has grown large takes longer.
fn apart(bench: &Bench, name: &str) -> String {
    let out = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--section", name, "--samples", &bench.samples.to_string(), "--program"])
        .arg(&bench.program)
        .arg("--dir")
        .arg(&bench.dir)
        .args(bench.beside.iter().flat_map(|earlier| ["--beside".as_ref(), earlier.as_os_str()]))
        .stderr(std::process::Stdio::inherit())
        .output()
        .unwrap();
    assert!(out.status.success(), "{name}: {}", out.status);
    String::from_utf8(out.stdout).unwrap()
}

/// A line of a page.
macro_rules! line {
    ($out:expr) => { $out.push('\n') };
    ($out:expr, $($arg:tt)*) => { writeln!($out, $($arg)*).unwrap() };
}
pub(crate) use line;

/// A row of a table of targets: what, what was measured, what it is to be, whether it is.
pub fn target(out: &mut String, what: &str, measured: f64, unit: &str, most: f64, shown_target: &str) {
    let met = if measured <= most { "met" } else { "**missed**" };
    let digits = if measured.abs() < 10.0 { 2 } else { 1 };
    line!(out, "| {what} | {measured:.digits$}{unit} | {shown_target} | {met} |");
}

/// The head of such a table.
pub fn targets(out: &mut String) {
    line!(out, "| what | measured | target | |");
    line!(out, "|---|---|---|---|");
}
