//! Every command that opens the registry, a registry with a little of everything for it, and what it leaves there when
//! nothing goes wrong.

use crate::cli_support::Home;
use crate::faults::copy_folder;
use crate::server::{Answer, Server};
use assize::store::Store;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// One command, and what it leaves when nothing goes wrong.
pub struct Verb {
    pub args: Vec<String>,
    /// Whether it may stop half-way with what it has so far: a run, whose verdicts are changes of their own.
    pub by_parts: bool,
    /// How many rows there are once it has happened whole.
    pub whole: Rows,
    /// What it prints, where it only reads: a reader that ends well has printed all of it.
    pub says: Option<Vec<u8>>,
    /// The files that it writes beside the registry, with what they hold.
    pub makes: Vec<(PathBuf, Vec<u8>)>,
}

impl Verb {
    pub fn name(&self) -> String {
        self.args.iter().take(2).map(String::as_str).collect::<Vec<_>>().join(" ")
    }

    /// What is wrong with the files that it says it has written.
    pub fn unfinished_file(&self) -> Option<String> {
        let wrong = |path: &Path, bytes: &[u8]| {
            if path.extension().is_some_and(|e| e == "db") {
                // Two copies of one registry may differ in bytes.
                let sound = Store::open(path).and_then(|s| s.fsck()).is_ok_and(|r| r.faults.is_empty());
                return !sound || rows(path) != self.whole;
            }
            std::fs::read(path).unwrap_or_default() != bytes
        };
        let found = self.makes.iter().find(|(path, bytes)| wrong(path, bytes))?;
        Some(format!("{} is not all there", found.0.display()))
    }
}

/// What commands append to; a change is there when its rows are, in every table that it touches.
pub const TABLES: &[&str] = &[
    "event",
    "revision",
    "body",
    "case_set",
    "case_row",
    "arm",
    "response",
    "rubric",
    "run",
    "run_item",
    "verdict",
    "verdict_text",
    "review",
    "pair_answer",
];
pub type Rows = Vec<i64>;

pub fn rows(path: &Path) -> Rows {
    let conn = rusqlite::Connection::open(path).unwrap();
    let count = |t: &&str| conn.query_row(&format!("SELECT count(*) FROM {t}"), [], |r| r.get(0)).unwrap();
    TABLES.iter().map(count).collect()
}

pub fn registry(home: &Home) -> PathBuf {
    home.path().join(".local/share/assize/registry.db")
}

/// A registry with a little of everything, and a configured judge.
pub fn base(server: &Server) -> Home {
    filled(Home::new(), server)
}

/// The same, in a home that is there.
pub fn filled(home: Home, server: &Server) -> Home {
    let writer = format!("[model.m]\nbase_url = \"http://127.0.0.1:{}/v1\"\nmodel = \"m\"\n", server.port);
    home.file(".config/assize/config.toml", server.config(&format!("concurrency = 2\n{writer}")));
    home.register("p", "one\n");
    home.register("p", "two {{ x }}\n");
    home.register("other", "never mentioned again\n");
    home.register("away", "put away\n");
    home.text(&["archive", "away"]);
    home.text(&["label", "set", "p", "production", "r1"]);
    home.text(&["label", "set", "p", "moving", "r1"]);
    home.text(&["label", "protect", "frozen"]);
    home.text(&["backup", "old.db"]);
    let line = |value: serde_json::Value| format!("{value}\n");
    let judged = json!([{"criterion": "accuracy", "judge": "k", "score": 3, "explanation": "e"}]);
    let item = |i: usize, arm: &str, verdicts: &serde_json::Value| {
        line(
            json!({"id": i.to_string(), "prompt": "x", "response": format!("y{i} {arm}"), "arm": arm, "verdicts": verdicts}),
        )
    };
    let both = |i: usize| item(i, "a", &judged) + &item(i, "b", &judged);
    home.file("i.jsonl", (0..3).map(both).collect::<String>());
    home.file("new.jsonl", (0..3).map(|i| item(i + 7, "a", &json!([]))).collect::<String>());
    home.file(
        "more.jsonl",
        (0..9).map(|i| line(json!({"name": "p", "template": format!("more {i}")}))).collect::<String>(),
    );
    home.file(
        "cases.jsonl",
        (0..3).map(|i| line(json!({"id": format!("c{i}"), "vars": {"x": i}}))).collect::<String>(),
    );
    home.file(
        "answers.jsonl",
        (0..3)
            .map(|i| line(json!({"case": format!("c{i}"), "arm": "given", "text": format!("t{i}")})))
            .collect::<String>(),
    );
    home.file("rubric.toml", RUBRIC);
    home.file("third.txt", "three\n");
    // A folder in which somebody else has put what is new to this registry.
    std::fs::create_dir(home.path().join("place")).unwrap();
    for args in [&["register", "p", "third.txt", "--label", "theirs"][..], &["sync", "place"]] {
        home.text(&[&["--registry", "their.db"], args].concat());
    }
    home.text(&["import", "items", "i.jsonl"]);
    home.text(&["import", "cases", "cases.jsonl", "--set", "cases"]);
    let run = first_run(&home);
    for (item, mode) in [("0", "too long"), ("1", "rambling"), ("2", "verbose"), ("3", "too long")] {
        home.text(&["review", "add", &run, "--item", item, "--score", "4", "--mode", mode, "--as", "ana"]);
    }
    let scored = |item: usize| {
        line(json!({"run": run, "item": item, "criterion": "accuracy", "reviewer": "ben", "score": 5}))
    };
    home.file("reviews.jsonl", (0..3).map(scored).collect::<String>());
    let repo = home.path().join("repo");
    std::fs::create_dir_all(&repo).unwrap();
    for (n, args) in [&["init", "-q"][..], &["add", "f"], &["commit", "-q", "-m", "m"]].iter().enumerate() {
        std::fs::write(repo.join("f"), format!("{n}\n")).unwrap();
        let git = Command::new("git")
            .args(["-c", "user.name=a", "-c", "user.email=a@b"])
            .args(*args)
            .current_dir(&repo)
            .env("HOME", home.path())
            .status();
        assert!(git.is_ok_and(|s| s.success()), "git {args:?}");
    }
    home
}

const RUBRIC: &str = r#"name = "own"
[[criteria]]
name = "depth"
question = "Does the response go below the surface?"
steps = ["Read the response.", "Count the thoughts that go below the surface."]
[criteria.anchors]
1 = "It stays on the surface throughout."
2 = "One thought goes below the surface."
3 = "Some thoughts go below the surface."
4 = "Most thoughts go below the surface."
5 = "Every thought goes below the surface."
"#;

pub fn first_run(home: &Home) -> String {
    home.json(&["runs"])["runs"][0]["run"].as_str().unwrap().to_owned()
}

/// Every command that opens the registry: those that write, those that pay, those that read.
pub fn verbs(home: &Home, unfinished: &Unfinished) -> Vec<Verb> {
    let run = first_run(home);
    let secret = home.json(&["show", "other"])["digest"].as_str().unwrap().to_owned();
    let run = run.as_str();
    let writers: &[&[&str]] = &[
        &["register", "p", "third.txt", "--label", "new"],
        &["label", "set", "p", "production", "r2"],
        &["label", "rm", "p", "moving"],
        &["label", "undo", "p", "production"],
        &["label", "protect", "production"],
        &["label", "unprotect", "frozen", "--confirm", "frozen"],
        &["import", "prompts", "more.jsonl"],
        &["import", "items", "i.jsonl", "--set", "again"],
        &["import", "cases", "cases.jsonl", "--set", "others"],
        &["import", "responses", "answers.jsonl", "--set", "cases"],
        &["import", "git", "repo", "f", "--name", "from-git"],
        &["archive", "p"],
        &["unarchive", "away"],
        &["rename", "p", "q"],
        &["copy", "p", "q"],
        &["describe", "p", "words about it"],
        &["tag", "p", "tried"],
        &["rubric", "add", "rubric.toml"],
        &["judge", "retire", "k"],
        &["review", "add", run, "--item", "1", "--score", "2", "--as", "ana"],
        &["forget", &secret, "--confirm", secret.get(..8).unwrap()],
        &["review", "import", "reviews.jsonl"],
        &["mode", "rename", "too long", "lengthy"],
        &["mode", "merge", "rambling", "verbose", "--into", "wordy"],
        &["restore", "old.db"],
        &["sync", "place"],
    ];
    let paying: &[&[&str]] = &[
        &["run", "--items", "new.jsonl", "--criteria", "accuracy", "--judge", "j"],
        &["run", "--arm", "p", "--cases", "cases", "--criteria", "accuracy", "--judge", "j", "--model", "m"],
        &["run", "pairwise", "a", "b", "--criteria", "accuracy", "--judge", "j"],
        &["run", "resume", &unfinished.partial],
        &["run", "retry", &unfinished.failed],
    ];
    let readers: &[&[&str]] = &[
        &["list"],
        &["log", "p"],
        &["get", "p"],
        &["show", "p"],
        &["search", "two"],
        &["diff", "p@r1", "p"],
        &["blame", "p"],
        &["export", "--out", "-"],
        &["export", "--out", "made/", "--events"],
        &["backup", "made/copy.db"],
        &["runs"],
        &["run", "show", run, "--items"],
        &["run", "export", run],
        &["run", "compare", "a", "b"],
        &["agreement"],
        &["review", "export", run],
        &["fsck"],
    ];
    let verb =
        |args: &[&str], by_parts, reads| (args.iter().map(|a| (*a).to_owned()).collect(), by_parts, reads);
    let all = writers.iter().map(|a| verb(a, false, false));
    let all = all.chain(paying.iter().map(|a| verb(a, true, false)));
    all.chain(readers.iter().map(|a| verb(a, false, true)))
        .map(|(args, by_parts, reads)| clean(home, args, by_parts, reads))
        .collect()
}

/// What the command does where nothing goes wrong; the registry is put back afterwards.
fn clean(home: &Home, args: Vec<String>, by_parts: bool, reads: bool) -> Verb {
    let folder = home.path().join(".local/share/assize");
    let kept = home.path().join("kept");
    copy_folder(&kept, &folder);
    let made = empty_made(home);
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let out = home.run(&words);
    assert!(out.status.success(), "{words:?}: {}", String::from_utf8_lossy(&out.stderr));
    let whole = rows(&registry(home));
    assert_eq!(
        whole == rows(&kept.join("registry.db")),
        reads,
        "{words:?} leaves a trace if it writes, and only then"
    );
    copy_folder(&kept, &folder);
    let mut makes = Vec::new();
    files_under(&made, &mut makes);
    Verb { args, by_parts, whole, says: reads.then_some(out.stdout), makes }
}

/// The folder for what commands write beside the registry, with nothing in it.
pub fn empty_made(home: &Home) -> PathBuf {
    let made = home.path().join("made");
    let _ = std::fs::remove_dir_all(&made);
    std::fs::create_dir(&made).unwrap();
    made
}

fn files_under(folder: &Path, all: &mut Vec<(PathBuf, Vec<u8>)>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files_under(&path, all);
        } else {
            let bytes = std::fs::read(&path).unwrap();
            all.push((path, bytes));
        }
    }
}

/// Answers well, but for a time that it is told of.
pub struct Moody {
    pub server: Server,
    /// How many requests are answered well; later ones are answered as the kind of trouble says.
    good: Arc<AtomicUsize>,
}

impl Moody {
    pub fn new() -> Self {
        let good = Arc::new(AtomicUsize::new(usize::MAX));
        let asked = Arc::clone(&good);
        let answer = move |n| match asked.load(Ordering::SeqCst) {
            usize::MAX => Answer::Good,
            0 => Answer::Junk,
            good if n < good => Answer::Good,
            _ => Answer::Silence,
        };
        Self { server: Server::start(answer), good }
    }

    /// From now on nobody gets an answer.
    pub fn be_silent(&self) {
        self.good.store(1, Ordering::SeqCst);
    }
}

/// Runs that did not end well.
pub struct Unfinished {
    /// Its process was killed.
    partial: String,
    /// It asked for all, and some came to nothing.
    failed: String,
}

/// A run that was killed, and one whose verdicts failed.
pub fn unfinished(home: &Home, moody: &Moody) -> Unfinished {
    let item = |id: String| {
        let response = format!("of {id}");
        format!("{}\n", json!({"id": id, "prompt": "x", "response": response, "arm": "u"}))
    };
    for name in ["partial", "failed"] {
        home.file(&format!("{name}.jsonl"), (0..6).map(|i| item(format!("{name}{i}"))).collect::<String>());
    }
    let start = |items| ["run", "--items", items, "--criteria", "accuracy", "--judge", "j"];
    let newest = || home.json(&["runs"])["runs"][0].clone();
    let id = |run: serde_json::Value| run["run"].as_str().unwrap().to_owned();
    moody.good.store(4, Ordering::SeqCst);
    let mut child = home.command(&start("partial.jsonl")).spawn().unwrap();
    // Two at once: all that were answered have been read when two more were asked that never will be.
    while moody.server.asked.load(Ordering::SeqCst) < 6 {
        assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let partial = newest();
    assert_eq!(partial["state"], "partial", "{partial}");
    moody.good.store(0, Ordering::SeqCst);
    home.run(&start("failed.jsonl"));
    moody.good.store(usize::MAX, Ordering::SeqCst);
    let failed = newest();
    assert_ne!(failed["run"], partial["run"], "{failed}");
    assert_eq!(failed["verdicts"]["scored"].as_u64().unwrap_or(0), 0, "{failed}");
    Unfinished { partial: id(partial), failed: id(failed) }
}
