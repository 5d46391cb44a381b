//! One fault at each system call on the registry's files, of each command that writes: killed there, an error once, errors
//! from then on, a full disk. Afterwards the registry is whole, what was acknowledged is there, and what was there before
//! still is.
//!
//! ```text
//! base registry --copy--> strace -e inject=CALL:...:when=N assize VERB ... -> exit code
//!                         fsck: no fault; exit 0 => the change is there; else it is there whole, or not at all
//! ```

use crate::cli_support::Home;
use crate::server::{Answer, Server};
use crate::support::{Rng, count};
use assize::store::Store;
use serde_json::json;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// System calls through which a registry changes or is read.
const CALLS: &[&str] = &[
    "openat",
    "read",
    "pread64",
    "write",
    "pwrite64",
    "fsync",
    "fdatasync",
    "ftruncate",
    "fallocate",
    "unlink",
    "fchmod",
    "mmap",
    "rename",
    "newfstatat",
];
const FAULTS: &[(&str, &str)] = &[
    ("killed", "signal=KILL"),
    ("EIO once", "error=EIO"),
    ("EIO from then on", "error=EIO"),
    ("full from then on", "error=ENOSPC"),
];

/// Whether faults can be injected here; said loudly when not.
pub fn has_strace() -> bool {
    let works = Command::new("strace")
        .args(["-f", "-qq", "-e", "trace=write", "-o", "/dev/null", "true"])
        .output()
        .is_ok_and(|out| out.status.success());
    if !works {
        eprintln!("SKIPPED: strace is not there, or may not trace: no faults were injected");
    }
    works
}

/// One command, and what it leaves when nothing goes wrong.
struct Verb {
    args: Vec<String>,
    /// Whether it may stop half-way with what it has so far: a run, whose verdicts are changes of their own.
    by_parts: bool,
    /// How many rows there are once it has happened whole.
    whole: Rows,
    /// What it prints, where it only reads: a reader that ends well has printed all of it.
    says: Option<Vec<u8>>,
}

impl Verb {
    fn name(&self) -> String {
        self.args.iter().take(2).map(String::as_str).collect::<Vec<_>>().join(" ")
    }
}

/// What commands append to; a change is there when its rows are, in every table that it touches.
const TABLES: &[&str] = &[
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
type Rows = Vec<i64>;

fn rows(path: &Path) -> Rows {
    let conn = rusqlite::Connection::open(path).unwrap();
    let count = |t: &&str| conn.query_row(&format!("SELECT count(*) FROM {t}"), [], |r| r.get(0)).unwrap();
    TABLES.iter().map(count).collect()
}

pub fn registry(home: &Home) -> PathBuf {
    home.path().join(".local/share/assize/registry.db")
}

/// A registry with a little of everything, and a configured judge.
pub fn base(server: &Server) -> Home {
    let home = Home::new();
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
    home.text(&["import", "items", "i.jsonl"]);
    home.text(&["import", "cases", "cases.jsonl", "--set", "cases"]);
    let run = first_run(&home);
    home.text(&["review", "add", &run, "--item", "0", "--score", "4", "--mode", "too long", "--as", "ana"]);
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
fn verbs(home: &Home) -> Vec<Verb> {
    let run = first_run(home);
    let secret = home.json(&["show", "other"])["digest"].as_str().unwrap().to_owned();
    let run = run.as_str();
    let writers: &[&[&str]] = &[
        &["register", "p", "third.txt", "--label", "new"],
        &["label", "set", "p", "production", "r2"],
        &["label", "rm", "p", "moving"],
        &["label", "undo", "p", "production"],
        &["label", "protect", "production"],
        &["label", "unprotect", "frozen"],
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
        &["mode", "rename", "too long", "lengthy"],
        &["forget", &secret, "--confirm", secret.get(..8).unwrap()],
    ];
    let paying: &[&[&str]] = &[
        &["run", "--items", "new.jsonl", "--criteria", "accuracy", "--judge", "j"],
        &["run", "--arm", "p", "--cases", "cases", "--criteria", "accuracy", "--judge", "j", "--model", "m"],
        &["run", "pairwise", "a", "b", "--criteria", "accuracy", "--judge", "j"],
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
    Verb { args, by_parts, whole, says: reads.then_some(out.stdout) }
}

/// The program under strace, which looks at calls on `files` alone.
fn strace(home: &Home, options: &[String], args: &[String], files: &[PathBuf]) -> Command {
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-o", "/dev/null"]);
    for file in files {
        command.arg("-P").arg(file);
    }
    command
        .args(options)
        .arg(env!("CARGO_BIN_EXE_assize"))
        .args(args)
        .env_clear()
        .env("HOME", home.path())
        .env("PATH", std::env::var("PATH").unwrap())
        .current_dir(home.path())
        .stdin(Stdio::null());
    command
}

/// A database with what SQLite puts beside it.
pub fn with_sides(path: &Path) -> Vec<PathBuf> {
    let beside = |ending: &str| PathBuf::from(format!("{}{ending}", path.display()));
    ["", "-wal", "-shm", "-journal"].map(beside).to_vec()
}

pub fn copy_folder(from: &Path, to: &Path) {
    let _ = std::fs::remove_dir_all(to);
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().flatten() {
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

/// How often each call is made on `files` by one command.
pub fn points(home: &Home, args: &[String], files: &[PathBuf]) -> Vec<(&'static str, usize)> {
    let log = home.path().join("strace.log");
    let trace = ["-e".into(), format!("trace={}", CALLS.join(",")), "-o".into(), log.display().to_string()];
    let out = strace(home, &trace, args, files).output().unwrap();
    assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
    let text = std::fs::read_to_string(log).unwrap();
    let named = |call: &str| {
        text.lines().filter(|l| l.split(' ').any(|w| w.starts_with(&format!("{call}(")))).count()
    };
    CALLS.iter().map(|c| (*c, named(c))).filter(|(_, n)| *n > 0).collect()
}

/// Runs the command with a fault at the `nth` call; `+` after it: and at all later ones.
pub fn with_fault(
    home: &Home,
    args: &[String],
    files: &[PathBuf],
    call: &str,
    fault: &str,
    nth: &str,
) -> Output {
    let options =
        ["-e".into(), format!("trace={call}"), "-e".into(), format!("inject={call}:{fault}:when={nth}")];
    strace(home, &options, args, files).stdout(Stdio::piped()).stderr(Stdio::piped()).output().unwrap()
}

#[derive(Default)]
struct Tally {
    done: usize,
    refused: usize,
    killed: usize,
}

fn one(
    home: &Home,
    kept: &Path,
    verb: &Verb,
    call: &str,
    nth: usize,
    fault: (&str, &str),
    tally: &mut Tally,
) {
    let folder: PathBuf = home.path().join(".local/share/assize");
    copy_folder(kept, &folder);
    let until_the_end = if fault.0.ends_with("from then on") { "+" } else { "" };
    let files = with_sides(&registry(home));
    let out = with_fault(home, &verb.args, &files, call, fault.1, &format!("{nth}{until_the_end}"));
    let place = format!("{} {call} {nth} {}", verb.name(), fault.0);
    let words = String::from_utf8_lossy(&out.stderr);
    assert!(!words.contains("panicked"), "{place}: {words}");
    let store = Store::open(&folder.join("registry.db")).unwrap_or_else(|e| panic!("{place}: {e}"));
    assert_eq!(store.fsck().unwrap().faults, [], "{place}");
    let (before, there) = (rows(&kept.join("registry.db")), rows(&folder.join("registry.db")));
    match out.status.code() {
        Some(0) => {
            tally.done += 1;
            assert_eq!(there, verb.whole, "{place}: acknowledged, and not there: {words}");
            if let Some(says) = &verb.says {
                assert!(out.stdout == *says, "{place}: ended well, and did not say all");
            }
        }
        code => {
            let between = |at: usize| (before[at]..=verb.whole[at]).contains(&there[at]);
            let partly = verb.by_parts && (0..TABLES.len()).all(between);
            assert!(
                there == before || there == verb.whole || partly,
                "{place}: {there:?} of {before:?}, {:?}",
                verb.whole
            );
            if code.is_some_and(|c| c < 128) {
                tally.refused += 1;
                // fsck tells of what it cannot read on stdout.
                assert!(!words.trim().is_empty() || !out.stdout.is_empty(), "{place}: no word about it");
            } else {
                tally.killed += 1;
            }
        }
    }
    // What was acknowledged earlier.
    assert_eq!(store.text(&assize::core::digest::Digest::of("one\n")).unwrap(), "one\n", "{place}");
}

#[test]
fn a_fault_at_any_call_loses_nothing_that_was_acknowledged() {
    if !has_strace() {
        return;
    }
    let server = Server::start(|_| Answer::Good);
    let home = base(&server);
    let folder = home.path().join(".local/share/assize");
    let kept = home.path().join("kept");
    copy_folder(&folder, &kept);
    let verbs = verbs(&home);
    let (mut all, mut rng, mut tally) = (Vec::new(), Rng::new(11), Tally::default());
    for (v, verb) in verbs.iter().enumerate() {
        copy_folder(&kept, &folder);
        for (call, n) in points(&home, &verb.args, &with_sides(&registry(&home))) {
            all.extend((1..=n).flat_map(|nth| (0..FAULTS.len()).map(move |fault| (v, call, nth, fault))));
        }
    }
    let wanted = count(100, usize::MAX).min(all.len());
    let possible = all.len();
    for tried in 0..wanted {
        let (v, call, nth, fault) = all.swap_remove(rng.below(all.len()));
        one(&home, &kept, &verbs[v], call, nth, FAULTS[fault], &mut tally);
        if tried % 500 == 499 {
            eprintln!("{} of {wanted} faults", tried + 1);
        }
    }
    eprintln!(
        "{wanted} of {possible} faults in {} commands: {} done all the same, {} refused, {} killed; nothing acknowledged was lost",
        verbs.len(),
        tally.done,
        tally.refused,
        tally.killed
    );
    assert!(tally.killed > 0 && tally.refused > 0);
}

/// What processes said was done, before they or others were killed.
#[derive(Default)]
struct Acknowledged {
    revisions: Vec<String>,
    reviews: Vec<i64>,
    /// Runs that ended with a verdict.
    runs: Vec<String>,
    moves: usize,
}

impl Acknowledged {
    fn take(&mut self, said: &serde_json::Value) {
        self.revisions.extend(said["digest"].as_str().map(ToOwned::to_owned));
        self.reviews.extend(said["review"].as_i64());
        self.runs.extend(said["run"].as_str().filter(|_| said["state"] == "complete").map(ToOwned::to_owned));
        self.moves += usize::from(said["label"] == "moving" && said["from"] != said["to"]);
    }

    fn all_there(&self, store: &Store, reviewed: &str) {
        let log = store.log(&"p".parse().unwrap(), None, None).unwrap();
        let there: HashSet<String> = log.iter().map(|r| r.digest.hex()).collect();
        let lost: Vec<&String> = self.revisions.iter().filter(|d| !there.contains(*d)).collect();
        assert!(lost.is_empty(), "revisions {lost:?}");
        let there: HashSet<i64> = store.review_log(reviewed).unwrap().iter().map(|r| r.id).collect();
        assert!(self.reviews.iter().all(|id| there.contains(id)), "{:?} of {there:?}", self.reviews);
        for run in &self.runs {
            assert!(store.run(run).unwrap().verdicts.values().sum::<u32>() > 0, "run {run} lost its verdict");
        }
        let moves = store.label_log(&"p".parse().unwrap(), Some(&"moving".parse().unwrap())).unwrap();
        assert!(moves.len() >= self.moves, "{} moves of {} acknowledged", moves.len(), self.moves);
    }
}

#[test]
fn writers_killed_at_random_moments_keep_what_they_said() {
    let server = Server::start(|_| Answer::Good);
    let home = base(&server);
    let (run, mut rng, mut kills) = (first_run(&home), Rng::new(5), 0);
    let mut acknowledged = Acknowledged::default();
    // Not every process still lives when its moment comes: the full count is one of kills.
    let (rounds, wanted) = (count(40, 8_000), count(1, 10_000));
    // How long such processes live here: the moments are spread over that, and some more.
    let lives = |work: &dyn Fn()| {
        let begun = std::time::Instant::now();
        work();
        begun.elapsed().as_micros() as usize
    };
    let short = lives(&|| drop(home.register("p", "how long does it take\n")));
    let judged = ["run", "--items", "new.jsonl", "--criteria", "accuracy", "--judge", "j"];
    let long = lives(&|| drop(home.text(&judged)));
    let mut round = 0;
    while round < rounds || kills < wanted {
        let texts = [0, 1].map(|w| {
            home.file(&format!("t{w}.txt"), format!("round {round} of {w}\n")).display().to_string()
        });
        let items = home
            .file(
                "k.jsonl",
                format!("{}\n", json!({"id": "1", "prompt": "x", "response": format!("r{round}")})),
            )
            .display()
            .to_string();
        let score = (1 + round % 5).to_string();
        let second: Vec<&str> = match round % 4 {
            0 => vec!["register", "p", &texts[1], "--json"],
            1 => vec!["review", "add", &run, "--item", "2", "--score", &score, "--as", "ana", "--json"],
            2 => vec!["label", "set", "p", "moving", if round % 8 == 2 { "r2" } else { "r1" }, "--json"],
            _ => vec!["run", "--items", &items, "--criteria", "accuracy", "--judge", "j", "--json"],
        };
        let mut two = [home.command(&["register", "p", &texts[0], "--json"]), home.command(&second)]
            .map(|mut c| c.spawn().unwrap());
        let life = if round % 4 == 3 { long } else { short };
        for child in &mut two {
            // The moment is the fault: anywhere in the life of a process.
            std::thread::sleep(std::time::Duration::from_micros(rng.below(life * 3 / 2) as u64));
            kills += usize::from(child.try_wait().unwrap().is_none());
            let _ = child.kill();
        }
        for child in two {
            let out = child.wait_with_output().unwrap();
            let words = String::from_utf8_lossy(&out.stderr).into_owned();
            assert!(!words.contains("locked") && !words.contains("panicked"), "{words}");
            let said = serde_json::from_slice::<serde_json::Value>(&out.stdout).unwrap_or_default();
            acknowledged.take(&said);
        }
        round += 1;
        if round % 10 == 0 || round >= rounds {
            let store = Store::open(&home.path().join(".local/share/assize/registry.db")).unwrap();
            assert_eq!(store.fsck().unwrap().faults, []);
            acknowledged.all_there(&store, &run);
        }
    }
    let Acknowledged { revisions, reviews, runs, moves } = acknowledged;
    let counts = [revisions.len(), reviews.len(), runs.len(), moves];
    assert!(kills > 0 && counts.iter().all(|n| *n > 0), "{kills} kills, {counts:?}");
    eprintln!(
        "{kills} kills in {round} rounds of two; acknowledged: {} revisions, {} reviews, {} runs, {} label moves: none lost",
        counts[0], counts[1], counts[2], counts[3]
    );
}
