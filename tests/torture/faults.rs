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
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

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

/// One command, and how to see whether it has happened.
struct Verb {
    name: &'static str,
    args: Vec<String>,
    happened: fn(&Store) -> usize,
    /// How many there are once it has happened whole.
    whole: usize,
    /// Whether it may stop half-way with what it has so far: a run, whose verdicts are changes of their own.
    by_parts: bool,
}

fn revisions(store: &Store) -> usize {
    store.log(&"p".parse().unwrap(), None, None).map_or(0, |l| l.len())
}

fn moves(store: &Store) -> usize {
    store.label_log(&"p".parse().unwrap(), None).map_or(0, |l| l.len())
}

fn runs(store: &Store) -> usize {
    store.runs(None).map_or(0, |r| r.len())
}

fn sum_of_verdicts(store: &Store) -> usize {
    let runs = store.runs(None).unwrap_or_default();
    runs.iter().map(|r| r.verdicts.values().sum::<u32>() as usize).sum()
}

fn base(server: &Server) -> (Home, Vec<Verb>) {
    let home = Home::new();
    home.file(".config/assize/config.toml", server.config("concurrency = 2\n"));
    home.register("p", "one\n");
    home.register("p", "two\n");
    home.text(&["label", "set", "p", "production", "r1"]);
    let item = |i: usize, verdicts: serde_json::Value| {
        format!(
            "{}\n",
            json!({"id": i.to_string(), "prompt": "x", "response": format!("y{i}"), "verdicts": verdicts})
        )
    };
    let judged = json!([{"criterion": "accuracy", "judge": "k", "score": 3, "explanation": "e"}]);
    home.file("i.jsonl", (0..3).map(|i| item(i, judged.clone())).collect::<String>());
    home.file("new.jsonl", (0..3).map(|i| item(i + 7, json!([]))).collect::<String>());
    home.file(
        "more.jsonl",
        (0..9)
            .map(|i| format!("{}\n", json!({"name": "p", "template": format!("more {i}")})))
            .collect::<String>(),
    );
    home.text(&["import", "items", "i.jsonl"]);
    let file = home.file("third.txt", "three\n").display().to_string();
    let verb = |name, args: &[&str], happened, whole, by_parts| {
        let args = args.iter().map(|a| (*a).to_owned()).collect();
        Verb { name, args, happened, whole, by_parts }
    };
    let verbs = vec![
        verb("register", &["register", "p", &file], revisions, 3, false),
        verb("label", &["label", "set", "p", "production", "r2"], moves, 2, false),
        verb("import", &["import", "prompts", "more.jsonl"], revisions, 11, false),
        verb("items", &["import", "items", "i.jsonl", "--set", "again"], runs, 2, false),
        verb(
            "run",
            &["run", "--items", "new.jsonl", "--criteria", "accuracy", "--judge", "j"],
            sum_of_verdicts,
            6,
            true,
        ),
    ];
    (home, verbs)
}

fn strace(home: &Home, options: &[String], verb: &Verb) -> Command {
    let folder = home.path().join(".local/share/assize");
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-o", "/dev/null"]);
    for name in ["registry.db", "registry.db-wal", "registry.db-shm", "registry.db-journal"] {
        command.arg("-P").arg(folder.join(name));
    }
    command
        .args(options)
        .arg(env!("CARGO_BIN_EXE_assize"))
        .args(&verb.args)
        .env_clear()
        .env("HOME", home.path())
        .env("PATH", std::env::var("PATH").unwrap())
        .current_dir(home.path())
        .stdin(Stdio::null());
    command
}

fn copy_folder(from: &Path, to: &Path) {
    let _ = std::fs::remove_dir_all(to);
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().flatten() {
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

/// How often each call is made on the registry's files by one command.
fn points(home: &Home, verb: &Verb) -> Vec<(&'static str, usize)> {
    let log = home.path().join("strace.log");
    let trace = ["-e".into(), format!("trace={}", CALLS.join(",")), "-o".into(), log.display().to_string()];
    let out = strace(home, &trace, verb).output().unwrap();
    assert!(out.status.success(), "{}: {}", verb.name, String::from_utf8_lossy(&out.stderr));
    let text = std::fs::read_to_string(log).unwrap();
    let named = |call: &str| {
        text.lines().filter(|l| l.split(' ').any(|w| w.starts_with(&format!("{call}(")))).count()
    };
    CALLS.iter().map(|c| (*c, named(c))).filter(|(_, n)| *n > 0).collect()
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
    let options = [
        "-e".into(),
        format!("trace={call}"),
        "-e".into(),
        format!("inject={call}:{}:when={nth}{until_the_end}", fault.1),
    ];
    let out = strace(home, &options, verb).stdout(Stdio::piped()).stderr(Stdio::piped()).output().unwrap();
    let place = format!("{} {call} {nth} {}", verb.name, fault.0);
    let words = String::from_utf8_lossy(&out.stderr);
    assert!(!words.contains("panicked"), "{place}: {words}");
    let store = Store::open(&folder.join("registry.db")).unwrap_or_else(|e| panic!("{place}: {e}"));
    assert_eq!(store.fsck().unwrap().faults, [], "{place}");
    let there = (verb.happened)(&store);
    let before = {
        let old = Store::open(&kept.join("registry.db")).unwrap();
        (verb.happened)(&old)
    };
    match out.status.code() {
        Some(0) => {
            tally.done += 1;
            assert_eq!(there, verb.whole, "{place}: acknowledged, and not there: {words}");
        }
        code => {
            assert!(
                there == before || there == verb.whole || (verb.by_parts && there > before),
                "{place}: {there}"
            );
            if code.is_some_and(|c| c < 128) {
                tally.refused += 1;
                assert!(!words.trim().is_empty(), "{place}: no word about it");
            } else {
                tally.killed += 1;
            }
        }
    }
    // What was acknowledged earlier.
    assert!(revisions(&store) >= 2 && moves(&store) >= 1, "{place}");
    assert_eq!(store.text(&assize::core::digest::Digest::of("one\n")).unwrap(), "one\n", "{place}");
}

#[test]
fn a_fault_at_any_call_loses_nothing_that_was_acknowledged() {
    if !has_strace() {
        return;
    }
    let server = Server::start(|_| Answer::Good);
    let (home, verbs) = base(&server);
    let folder = home.path().join(".local/share/assize");
    let kept = home.path().join("kept");
    copy_folder(&folder, &kept);
    let (mut all, mut rng, mut tally) = (Vec::new(), Rng::new(11), Tally::default());
    for (v, verb) in verbs.iter().enumerate() {
        copy_folder(&kept, &folder);
        for (call, n) in points(&home, verb) {
            all.extend((1..=n).flat_map(|nth| (0..FAULTS.len()).map(move |fault| (v, call, nth, fault))));
        }
    }
    let wanted = count(40, usize::MAX).min(all.len());
    let possible = all.len();
    for tried in 0..wanted {
        let (v, call, nth, fault) = all.swap_remove(rng.below(all.len()));
        one(&home, &kept, &verbs[v], call, nth, FAULTS[fault], &mut tally);
        if tried % 500 == 499 {
            eprintln!("{} of {wanted} faults", tried + 1);
        }
    }
    eprintln!(
        "{wanted} of {possible} faults: {} done all the same, {} refused, {} killed; nothing acknowledged was lost",
        tally.done, tally.refused, tally.killed
    );
    assert!(tally.killed > 0 && tally.refused > 0);
}

#[test]
fn writers_killed_at_random_moments_keep_what_they_said() {
    let server = Server::start(|_| Answer::Good);
    let (home, _) = base(&server);
    let (mut rng, mut acknowledged, mut kills) = (Rng::new(5), Vec::<String>::new(), 0);
    let rounds = count(40, 7_500);
    // How long such a process lives here: the moments are spread over that, and some more.
    let begun = std::time::Instant::now();
    home.register("p", "how long does it take\n");
    let life = begun.elapsed().as_micros() as usize;
    for round in 0..rounds {
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
        let second: Vec<&str> = match round % 3 {
            0 => vec!["register", "p", &texts[1], "--json"],
            1 => vec!["label", "set", "p", "moving", if round % 2 == 0 { "r1" } else { "r2" }, "--json"],
            _ => vec!["run", "--items", &items, "--criteria", "accuracy", "--judge", "j", "--json"],
        };
        let mut two = [home.command(&["register", "p", &texts[0], "--json"]), home.command(&second)]
            .map(|mut c| c.spawn().unwrap());
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
            acknowledged.extend(said["digest"].as_str().map(ToOwned::to_owned));
        }
        if round % 10 == 9 || round + 1 == rounds {
            let store = Store::open(&home.path().join(".local/share/assize/registry.db")).unwrap();
            assert_eq!(store.fsck().unwrap().faults, []);
            let there: Vec<String> = store
                .log(&"p".parse().unwrap(), None, None)
                .unwrap()
                .iter()
                .map(|r| r.digest.hex())
                .collect();
            let lost: Vec<&String> = acknowledged.iter().filter(|d| !there.contains(d)).collect();
            assert!(lost.is_empty(), "{lost:?}");
        }
    }
    assert!(kills > 0 && !acknowledged.is_empty());
    eprintln!("{kills} kills, {} acknowledged revisions, none lost", acknowledged.len());
}
