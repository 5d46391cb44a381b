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
use crate::verbs::{
    Moody, Rows, TABLES, Verb, base, empty_made, first_run, registry, rows, unfinished, verbs,
};
use assize::store::Store;
use serde_json::json;
use std::collections::{BTreeMap, HashSet};
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
    "fcntl",
    "close",
];
const FAULTS: &[Fault] = &[
    ("killed", "signal=KILL"),
    ("EIO once", "error=EIO"),
    ("EIO from then on", "error=EIO"),
    ("full from then on", "error=ENOSPC"),
];
/// `fcntl` takes and gives back locks: a full disk says nothing there, and a lock that cannot be given back is waited for by
/// its own process until it loses patience.
const OF_LOCKS: &[Fault] =
    &[("interrupted once", "error=EINTR"), ("held once", "error=EAGAIN"), ("EIO once", "error=EIO")];

/// A kind of fault: its name, and how strace is told.
type Fault = (&'static str, &'static str);

/// The faults for the `nth` of such calls: a lock is taken so often that each of them gets one kind in turn.
fn faults_of(call: &str, nth: usize) -> &'static [Fault] {
    match call {
        "fcntl" => OF_LOCKS.get(nth % OF_LOCKS.len()..).and_then(|f| f.get(..1)).unwrap_or_default(),
        _ => FAULTS,
    }
}

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

/// What one command came to, with a fault on its way.
struct Outcome {
    /// None when it was killed.
    code: Option<i32>,
    before: Rows,
    there: Rows,
    said: Vec<u8>,
    words: String,
}

impl Outcome {
    /// What is wrong with it, if anything is.
    fn objection(&self, verb: &Verb) -> Option<String> {
        let Self { code, before, there, said, words } = self;
        if words.contains("panicked") {
            return Some(format!("it panicked: {words}"));
        }
        if *code == Some(0) {
            if *there != verb.whole {
                return Some(format!("acknowledged, and not there: {there:?} of {:?}: {words}", verb.whole));
            }
            if verb.says.as_ref().is_some_and(|says| says != said) {
                return Some("ended well, and did not say all".to_owned());
            }
            return verb.unfinished_file();
        }
        let between = |at: usize| (before[at]..=verb.whole[at]).contains(&there[at]);
        let partly = verb.by_parts && (0..TABLES.len()).all(between);
        if there != before && *there != verb.whole && !partly {
            return Some(format!("there in part: {there:?} of {before:?} to {:?}", verb.whole));
        }
        // fsck tells of what it cannot read on stdout.
        let silent = words.trim().is_empty() && said.is_empty();
        (code.is_some() && silent).then(|| "refused, without a word about it".to_owned())
    }
}

/// Runs the command with the fault on a registry put back to what it was.
fn outcome(home: &Home, kept: &Path, verb: &Verb, call: &str, nth: usize, fault: Fault) -> Outcome {
    let folder: PathBuf = home.path().join(".local/share/assize");
    copy_folder(kept, &folder);
    empty_made(home);
    let until_the_end = if fault.0.ends_with("from then on") { "+" } else { "" };
    let out =
        with_fault(home, &verb.args, &files(home, verb), call, fault.1, &format!("{nth}{until_the_end}"));
    let place = format!("{} {call} {nth} {}", verb.name(), fault.0);
    let store = Store::open(&folder.join("registry.db")).unwrap_or_else(|e| panic!("{place}: {e}"));
    assert_eq!(store.fsck().unwrap().faults, [], "{place}");
    // What was acknowledged earlier.
    assert_eq!(store.text(&assize::core::digest::Digest::of("one\n")).unwrap(), "one\n", "{place}");
    Outcome {
        code: out.status.code().filter(|c| *c < 128),
        before: rows(&kept.join("registry.db")),
        there: rows(&folder.join("registry.db")),
        said: out.stdout,
        words: String::from_utf8_lossy(&out.stderr).into_owned(),
    }
}

/// All files that a command reads and writes for the registry's sake.
fn files(home: &Home, verb: &Verb) -> Vec<PathBuf> {
    let made = verb.makes.iter().flat_map(|(path, _)| with_sides(path));
    with_sides(&registry(home)).into_iter().chain(made).collect()
}

/// The commands, and the registry that they begin with, kept.
fn stage() -> (Moody, Home, Vec<Verb>) {
    let moody = Moody::new();
    let home = base(&moody.server);
    let unfinished = unfinished(&home, &moody);
    copy_folder(&home.path().join(".local/share/assize"), &home.path().join("kept"));
    let verbs = verbs(&home, &unfinished);
    (moody, home, verbs)
}

#[test]
fn a_fault_at_any_call_loses_nothing_that_was_acknowledged() {
    if !has_strace() {
        return;
    }
    let (_moody, home, verbs) = stage();
    let (folder, kept) = (home.path().join(".local/share/assize"), home.path().join("kept"));
    // By call: of a sample each call has its share, however often it is made.
    let mut all: BTreeMap<&str, Vec<(usize, usize, Fault)>> = BTreeMap::new();
    for (v, verb) in verbs.iter().enumerate() {
        copy_folder(&kept, &folder);
        empty_made(&home);
        for (call, n) in points(&home, &verb.args, &files(&home, verb)) {
            let each = (1..=n).flat_map(|nth| faults_of(call, nth).iter().map(move |fault| (v, nth, *fault)));
            all.entry(call).or_default().extend(each);
        }
    }
    let possible: usize = all.values().map(Vec::len).sum();
    let wanted = count(120, usize::MAX).min(possible);
    let (mut rng, mut done, mut refused, mut killed) = (Rng::new(11), 0, 0, 0);
    for tried in 0..wanted {
        let calls: Vec<&str> = all.keys().copied().collect();
        let call = *rng.pick(&calls);
        let left = all.get_mut(call).unwrap();
        let (v, nth, fault) = left.swap_remove(rng.below(left.len()));
        if left.is_empty() {
            all.remove(call);
        }
        let verb = &verbs[v];
        let seen = outcome(&home, &kept, verb, call, nth, fault);
        assert_eq!(seen.objection(verb), None, "{} {call} {nth} {}", verb.name(), fault.0);
        match seen.code {
            Some(0) => done += 1,
            Some(_) => refused += 1,
            None => killed += 1,
        }
        if tried % 500 == 499 {
            eprintln!("{} of {wanted} faults", tried + 1);
        }
    }
    eprintln!(
        "{wanted} of {possible} faults in {} commands: {done} done all the same, {refused} refused, {killed} killed; \
         nothing acknowledged was lost",
        verbs.len()
    );
    assert!(killed > 0 && refused > 0);
}

/// The twin: a program that says it is done before its commit is one that is killed there and had ended with 0; and one that
/// writes in parts leaves some of its rows.
#[test]
fn an_early_word_and_half_a_change_would_be_found_out() {
    if !has_strace() {
        return;
    }
    let (_moody, home, verbs) = stage();
    let kept = home.path().join("kept");
    let (mut early, mut halves) = (0, 0);
    for verb in verbs.iter().filter(|v| v.says.is_none()) {
        let seen = outcome(&home, &kept, verb, "pwrite64", 1, ("killed", "signal=KILL"));
        assert_eq!(seen.objection(verb), None, "{}", verb.name());
        let said = Outcome { code: Some(0), ..seen };
        let objection = said.objection(verb).unwrap_or_default();
        assert!(objection.starts_with("acknowledged, and not there"), "{}: {objection}", verb.name());
        early += 1;
        let touched: Vec<usize> = (0..TABLES.len()).filter(|t| said.before[*t] != verb.whole[*t]).collect();
        if touched.len() > 1 && !verb.by_parts {
            let mut there = said.before.clone();
            there[touched[0]] = verb.whole[touched[0]];
            let objection = Outcome { code: None, there, ..said }.objection(verb).unwrap_or_default();
            assert!(objection.starts_with("there in part"), "{}: {objection}", verb.name());
            halves += 1;
        }
    }
    assert!(early > 20 && halves > 2, "{early} early words, {halves} halves");
    // A copy cut short, of a command that ended well.
    let backup = verbs.iter().find(|v| v.args[0] == "backup").unwrap();
    assert_eq!(outcome(&home, &kept, backup, "rename", 1, FAULTS[0]).objection(backup), None);
    let copy = std::fs::OpenOptions::new().write(true).open(&backup.makes[0].0).unwrap();
    copy.set_len(copy.metadata().unwrap().len() / 2).unwrap();
    assert!(backup.unfinished_file().is_some());
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

    /// What of it is not there.
    fn lost(&self, store: &Store, reviewed: &str) -> Vec<String> {
        let log = store.log(&"p".parse().unwrap(), None, None).unwrap();
        let there: HashSet<String> = log.iter().map(|r| r.digest.hex()).collect();
        let mut lost: Vec<String> = self.revisions.iter().filter(|d| !there.contains(*d)).cloned().collect();
        let there: HashSet<i64> = store.review_log(reviewed).unwrap().iter().map(|r| r.id).collect();
        let reviews = self.reviews.iter().filter(|id| !there.contains(id));
        lost.extend(reviews.map(|id| format!("review {id}")));
        let judged = |run: &str| store.run(run).is_ok_and(|r| r.verdicts.values().sum::<u32>() > 0);
        lost.extend(self.runs.iter().filter(|run| !judged(run)).map(|run| format!("the verdict of {run}")));
        let moves = store.label_log(&"p".parse().unwrap(), Some(&"moving".parse().unwrap())).unwrap();
        lost.extend((moves.len()..self.moves).map(|n| format!("move {n} of the label")));
        lost
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
            assert_eq!(acknowledged.lost(&store, &run), Vec::<String>::new());
        }
    }
    // The twin: what a writer says that speaks before its commit, and is killed then.
    let store = Store::open(&registry(&home)).unwrap();
    let early = Acknowledged {
        revisions: vec![assize::core::digest::Digest::of("never written").hex()],
        reviews: vec![i64::MAX],
        runs: vec!["000000000000".to_owned()],
        moves: store.label_log(&"p".parse().unwrap(), None).unwrap().len() + 1,
    };
    assert!(early.lost(&store, &run).len() >= 4);
    let Acknowledged { revisions, reviews, runs, moves } = acknowledged;
    let counts = [revisions.len(), reviews.len(), runs.len(), moves];
    assert!(kills > 0 && counts.iter().all(|n| *n > 0), "{kills} kills, {counts:?}");
    eprintln!(
        "{kills} kills in {round} rounds of two; acknowledged: {} revisions, {} reviews, {} runs, {} label moves: none lost",
        counts[0], counts[1], counts[2], counts[3]
    );
}
