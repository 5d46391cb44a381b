//! Diff against delta and blame against `git blame`, on the same texts, in one run: the prompt of the demo with the longest
//! history, as it is in the registry and as a git history made of it. `cargo bench --bench compare`
//!
//! Says, per tool: time for all pairs of neighbours, process starts included; added and removed lines by git and by us; and
//! for how many lines of the newest text both blames name the same revision. Without delta that part is left out, loudly.
//! `ASSIZE_BIN` names another build of the program.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

type Error = Box<dyn std::error::Error>;

fn main() -> Result<(), Error> {
    let dir = std::env::temp_dir().join(format!("assize-compare-{}", std::process::id()));
    std::fs::create_dir_all(&dir)?;
    let done = run(&dir);
    std::fs::remove_dir_all(&dir)?;
    done
}

struct Bench {
    program: String,
    registry: PathBuf,
    name: String,
    texts: Vec<String>,
    repo: PathBuf,
}

fn run(dir: &Path) -> Result<(), Error> {
    let bench = Bench::new(dir)?;
    println!(
        "{}: {} revisions, newest of {} bytes",
        bench.name,
        bench.texts.len(),
        bench.texts.last().map_or(0, String::len)
    );
    bench.diffs()?;
    bench.blames()
}

impl Bench {
    fn new(dir: &Path) -> Result<Self, Error> {
        let program = std::env::var("ASSIZE_BIN").unwrap_or_else(|_| env!("CARGO_BIN_EXE_assize").into());
        ok(Command::new(&program).args(["demo", "--no-tui", "--dir"]).arg(dir.join("demo")))?;
        let registry = dir.join("demo/registry.db");
        let ours = |args: &[&str]| ok(Command::new(&program).args(args).arg("--registry").arg(&registry));
        let list: Value = serde_json::from_slice(&ours(&["list", "--json"])?.stdout)?;
        let prompts = list["prompts"].as_array().ok_or("no prompts")?;
        let longest = prompts.iter().max_by_key(|p| p["revisions"].as_u64()).ok_or("no prompts")?;
        let name = longest["name"].as_str().ok_or("no name")?.to_owned();
        let rows = ours(&["export", &name, "--out", "-"])?.stdout;
        let texts: Vec<String> = String::from_utf8(rows)?
            .lines()
            .filter_map(|line| {
                serde_json::from_str::<Value>(line).ok()?["template"].as_str().map(str::to_owned)
            })
            .collect();
        let repo = dir.join("repo");
        std::fs::create_dir_all(&repo)?;
        git(&repo, &["init", "-q"])?;
        for (i, text) in texts.iter().enumerate() {
            std::fs::write(dir.join(format!("r{}", i + 1)), text)?;
            std::fs::write(repo.join("prompt"), text)?;
            git(&repo, &["add", "prompt"])?;
            let who = ["-c", "user.name=a", "-c", "user.email=a@b"];
            let message = format!("r{}", i + 1);
            git(&repo, &[&who[..], &["commit", "-q", "--allow-empty", "-m", &message]].concat())?;
        }
        Ok(Self { program, registry, name, texts, repo })
    }

    fn pair(&self, i: usize) -> (PathBuf, PathBuf) {
        let dir = self.repo.parent().unwrap_or(&self.repo);
        (dir.join(format!("r{i}")), dir.join(format!("r{}", i + 1)))
    }

    /// Runs a tool on all pairs of neighbours; its time, and all it said.
    fn each(&self, command: impl Fn(&Path, &Path) -> Command) -> Result<(Duration, String), Error> {
        let (mut took, mut said) = (Duration::ZERO, String::new());
        for i in 1..self.texts.len() {
            let (left, right) = self.pair(i);
            let begun = Instant::now();
            let out = command(&left, &right).stdin(Stdio::null()).output()?;
            took += begun.elapsed();
            said.push_str(&String::from_utf8_lossy(&out.stdout));
        }
        Ok((took, said))
    }

    fn ours(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(args).arg("--registry").arg(&self.registry);
        command
    }

    fn diffs(&self) -> Result<(), Error> {
        let pairs = self.texts.len() - 1;
        let shown = |what: &str, took: Duration, more: &str| {
            println!("{what:<34} {:>8.1} ms a pair  {more}", took.as_secs_f64() * 1e3 / pairs as f64);
        };
        let (took, stat) = self.each(|l, r| {
            let mut git = Command::new("git");
            git.args(["diff", "--no-index", "--numstat"]).args([l, r]);
            git
        })?;
        let sum = |column: usize| -> u64 {
            stat.lines().filter_map(|l| l.split('\t').nth(column)?.parse::<u64>().ok()).sum()
        };
        shown("git diff --numstat", took, &format!("+{} -{} lines", sum(0), sum(1)));
        let (took, ours) = self.each(|l, r| {
            let (l, r) = (l.to_string_lossy().into_owned(), r.to_string_lossy().into_owned());
            self.ours(&["diff", &l, &r, "--json"])
        })?;
        let mut counts = (0, 0);
        for document in serde_json::Deserializer::from_str(&ours).into_iter::<Value>() {
            let stats = &document?["stats"];
            counts.0 += stats["added"].as_u64().unwrap_or(0);
            counts.1 += stats["removed"].as_u64().unwrap_or(0);
        }
        shown("assize diff --json", took, &format!("+{} -{} lines", counts.0, counts.1));
        let (took, _) = self.each(|l, r| {
            let (l, r) = (l.to_string_lossy().into_owned(), r.to_string_lossy().into_owned());
            self.ours(&["diff", &l, &r, "--side-by-side", "--color", "always"])
        })?;
        shown("assize diff --side-by-side", took, "words refined, moves marked");
        if Command::new("delta").arg("--version").output().is_err() {
            println!("SKIPPED: delta is not installed; `cargo install git-delta`, then run this again");
            return Ok(());
        }
        let (took, _) = self.each(|l, r| {
            let mut delta = Command::new("delta");
            delta.args(["--no-gitconfig", "--paging=never", "--side-by-side", "--width=120"]).args([l, r]);
            delta
        })?;
        shown("delta --side-by-side", took, "words refined");
        Ok(())
    }

    fn blames(&self) -> Result<(), Error> {
        let begun = Instant::now();
        let git = git(&self.repo, &["blame", "--line-porcelain", "prompt"])?;
        let (git, took_git) = (String::from_utf8(git.stdout)?, begun.elapsed());
        let theirs: Vec<&str> = git.lines().filter_map(|l| l.strip_prefix("summary ")).collect();
        let begun = Instant::now();
        let out = ok(&mut self.ours(&["blame", &self.name, "--json"]))?;
        let took = begun.elapsed();
        let document: Value = serde_json::from_slice(&out.stdout)?;
        let lines = document["lines"].as_array().ok_or("no lines")?;
        let ours: Vec<String> = lines.iter().map(|l| format!("r{}", l["revision"])).collect();
        let same = ours.iter().zip(&theirs).filter(|(a, b)| a == *b).count();
        println!(
            "{:<34} {:>8.1} ms         {} lines",
            "git blame",
            took_git.as_secs_f64() * 1e3,
            theirs.len()
        );
        println!("{:<34} {:>8.1} ms         {} lines", "assize blame", took.as_secs_f64() * 1e3, ours.len());
        println!("both name the same revision for {same} of {} lines", ours.len().max(theirs.len()));
        for (n, (a, b)) in ours.iter().zip(&theirs).enumerate().filter(|(_, (a, b))| a != *b) {
            let text = lines.get(n).and_then(|l| l["text"].as_str()).unwrap_or("");
            println!("  line {}: we say {a}, git says {b}: {:.60}", n + 1, text.escape_debug().to_string());
        }
        Ok(())
    }
}

fn ok(command: &mut Command) -> Result<Output, Error> {
    let out = command.stdin(Stdio::null()).output()?;
    if out.status.success() { Ok(out) } else { Err(String::from_utf8_lossy(&out.stderr).into_owned().into()) }
}

fn git(repo: &Path, args: &[&str]) -> Result<Output, Error> {
    let mut command = Command::new("git");
    command.current_dir(repo).env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    ok(command.args(args))
}
