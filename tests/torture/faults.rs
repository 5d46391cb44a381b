//! One fault at each system call on the registry's files, of each command that writes: killed there, an error once, errors
//! from then on, a full disk. Afterwards the registry is whole, what was acknowledged is there, and what was there before
//! still is.
//!
//! ```text
//! base registry --copy--> strace -e inject=CALL:...:when=N assize VERB ... -> exit code
//!                         fsck: no fault; exit 0 => the change is there; else it is there whole, or not at all
//! ```

use crate::cli_support::Home;
use crate::support::{Rng, StopsAll, cores, count, side_by_side};
use crate::verbs::{Moody, Rows, TABLES, Verb, empty_made, filled, registry, rows, unfinished, verbs};
use assize::store::Store;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;

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
        .args(["-f", "-qq", UNSEEN, "-e", "trace=write", "-o", "/dev/null", "true"])
        .output()
        .is_ok_and(|out| out.status.success());
    if !works {
        eprintln!("SKIPPED: strace is not there, or may not trace: no faults were injected");
    }
    works
}

/// Where strace tells what it saw and did.
fn log_of(home: &Home) -> PathBuf {
    home.path().join("strace.log")
}

/// Whether the call was made, and failed as it was to fail.
fn was_injected(home: &Home) -> bool {
    std::fs::read_to_string(log_of(home)).unwrap().contains("(INJECTED")
}

/// Other system calls then run on without a stop. Not with signals: such a stop cannot deliver one.
const UNSEEN: &str = "--seccomp-bpf";

/// The program under strace, which looks at calls on `files` alone.
fn strace(home: &Home, options: &[String], args: &[String], files: &[PathBuf]) -> Command {
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-o"]).arg(log_of(home));
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

/// How often each call is made on `files` by one command: by that of its threads that makes it most often, for strace counts
/// for each by itself.
pub fn points(home: &Home, args: &[String], files: &[PathBuf]) -> Vec<(&'static str, usize)> {
    let trace = [UNSEEN.into(), "-e".into(), format!("trace={}", CALLS.join(","))];
    let out = strace(home, &trace, args, files).output().unwrap();
    assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
    let text = std::fs::read_to_string(log_of(home)).unwrap();
    let most = |call: &str| {
        let begins = format!("{call}(");
        let mut by_thread: BTreeMap<&str, usize> = BTreeMap::new();
        for line in text.lines().filter(|l| l.split(' ').any(|w| w.starts_with(&begins))) {
            *by_thread.entry(line.split(' ').next().unwrap_or_default()).or_default() += 1;
        }
        by_thread.into_values().max().unwrap_or(0)
    };
    CALLS.iter().map(|c| (*c, most(c))).filter(|(_, n)| *n > 0).collect()
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
    let inject = format!("inject={call}:{fault}:when={nth}");
    let mut options = vec!["-e".into(), format!("trace={call}"), "-e".into(), inject];
    if !fault.starts_with("signal=") {
        options.push(UNSEEN.into());
    }
    strace(home, &options, args, files).stdout(Stdio::piped()).stderr(Stdio::piped()).output().unwrap()
}

/// What one command came to, with a fault on its way.
struct Outcome {
    /// Whether the call was made at all.
    struck: bool,
    /// None when it was killed.
    code: Option<i32>,
    /// Whether the fault is one that kills.
    deadly: bool,
    before: Rows,
    there: Rows,
    said: Vec<u8>,
    words: String,
}

impl Outcome {
    /// What is wrong with it, if anything is.
    fn objection(&self, verb: &Verb) -> Option<String> {
        let Self { code, before, there, said, words, .. } = self;
        if words.contains("panicked") {
            return Some(format!("it panicked: {words}"));
        }
        if code.is_none() && !self.deadly {
            return Some(format!("it died of an error: {words}"));
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

/// One fault: of which command, at which of its calls.
#[derive(Clone, Copy)]
struct Point {
    verb: usize,
    call: &'static str,
    nth: usize,
    fault: Fault,
}

/// The commands, and the registry that they begin with, kept.
struct Stage {
    _moody: Moody,
    home: Home,
    verbs: Vec<Verb>,
    before: Rows,
}

impl Stage {
    fn new(folder: &Path) -> Self {
        let moody = Moody::new();
        let home = filled(Home::within(folder), &moody.server);
        let unfinished = unfinished(&home, &moody);
        copy_folder(&home.path().join(".local/share/assize"), &home.path().join("kept"));
        let verbs = verbs(&home, &unfinished);
        let before = rows(&home.path().join("kept/registry.db"));
        Self { _moody: moody, home, verbs, before }
    }

    /// The registry as it was, and no file beside it.
    fn put_back(&self) {
        let folder = self.home.path().join(".local/share/assize");
        copy_folder(&self.home.path().join("kept"), &folder);
        empty_made(&self.home);
    }

    /// All files that a command reads and writes for the registry's sake.
    fn files(&self, verb: &Verb) -> Vec<PathBuf> {
        let unfinished = |path: &Path| PathBuf::from(format!("{}.unfinished", path.display()));
        let made = verb
            .makes
            .iter()
            .flat_map(|(path, _)| [with_sides(path), with_sides(&unfinished(path))].concat());
        let ready = PathBuf::from(format!("{}.restoring", registry(&self.home).display()));
        let ready = with_sides(&ready).into_iter().filter(|_| verb.args[0] == "restore");
        with_sides(&registry(&self.home)).into_iter().chain(ready).chain(made).collect()
    }

    /// Every fault there is, by call: of a sample each call has its share, however often it is made.
    fn points(&self) -> BTreeMap<&'static str, Vec<Point>> {
        let mut all: BTreeMap<_, Vec<Point>> = BTreeMap::new();
        for (at, verb) in self.verbs.iter().enumerate() {
            self.put_back();
            for (call, n) in points(&self.home, &verb.args, &self.files(verb)) {
                let of_call = |nth| {
                    faults_of(call, nth).iter().map(move |fault| Point { verb: at, call, nth, fault: *fault })
                };
                all.entry(call).or_default().extend((1..=n).flat_map(of_call));
            }
        }
        all
    }

    fn place(&self, point: &Point) -> String {
        format!("{} {} {} {}", self.verbs[point.verb].name(), point.call, point.nth, point.fault.0)
    }

    /// Runs the command with the fault on a registry put back to what it was.
    fn outcome(&self, point: &Point) -> Outcome {
        self.put_back();
        let (verb, place) = (&self.verbs[point.verb], self.place(point));
        let until_the_end = if point.fault.0.ends_with("from then on") { "+" } else { "" };
        let when = format!("{}{until_the_end}", point.nth);
        let out = with_fault(&self.home, &verb.args, &self.files(verb), point.call, point.fault.1, &when);
        let path = registry(&self.home);
        let store = Store::open(&path).unwrap_or_else(|e| panic!("{place}: {e}"));
        assert_eq!(store.fsck().unwrap().faults, [], "{place}");
        // What was acknowledged earlier.
        assert_eq!(store.text(&assize::core::digest::Digest::of("one\n")).unwrap(), "one\n", "{place}");
        let code = out.status.code().filter(|c| *c < 128);
        Outcome {
            struck: code.is_none() || was_injected(&self.home),
            code,
            deadly: point.fault.1.starts_with("signal="),
            before: self.before.clone(),
            // While the other is open: the last one to close a registry has its log to bring in.
            there: rows(&path),
            said: out.stdout,
            words: String::from_utf8_lossy(&out.stderr).into_owned(),
        }
    }
}

/// What came of the faults.
#[derive(Default)]
struct Tally {
    done: usize,
    refused: usize,
    killed: usize,
    /// Calls that this time were not made so often.
    missed: usize,
}

impl Tally {
    fn take(&mut self, seen: &Outcome) {
        match seen.code {
            Some(0) => self.done += 1,
            Some(_) => self.refused += 1,
            None => self.killed += 1,
        }
        self.missed += usize::from(!seen.struck);
    }
}

/// So many of the points, in an order that is the same each time.
fn drawn(mut all: BTreeMap<&'static str, Vec<Point>>, wanted: usize) -> Vec<Point> {
    let mut rng = Rng::new(11);
    let mut next = || {
        let calls: Vec<&str> = all.keys().copied().collect();
        let call = *rng.pick(&calls);
        let left = all.get_mut(call)?;
        let point = left.swap_remove(rng.below(left.len()));
        if left.is_empty() {
            all.remove(call);
        }
        Some(point)
    };
    (0..wanted).map_while(|_| next()).collect()
}

/// Where stages lie in the full count: thousands of commands need no disk that turns, and none loses its power here.
fn in_memory() -> PathBuf {
    let memory = PathBuf::from("/dev/shm");
    let fits = count(0, 1) == 1 && std::env::var_os("TMPDIR").is_none() && memory.is_dir();
    if fits { memory } else { std::env::temp_dir() }
}

#[test]
fn a_fault_at_any_call_loses_nothing_that_was_acknowledged() {
    if !has_strace() {
        return;
    }
    let folder = in_memory();
    let stage = Stage::new(&folder);
    let (all, commands) = (stage.points(), stage.verbs.len());
    let possible: usize = all.values().map(Vec::len).sum();
    let points = drawn(all, count(80, usize::MAX).min(possible));
    let (wanted, next) = (points.len(), AtomicUsize::new(0));
    let (first, tally) = (Mutex::new(Some(stage)), Mutex::new(Tally::default()));
    // A stage of its own is worth its while only to one who has much to do; and a process that waits for its own lock needs
    // no core.
    side_by_side(wanted.div_ceil(500).min(cores() * 8), || {
        let made = first.lock().unwrap().take();
        let stage = made.unwrap_or_else(|| Stage::new(&folder));
        let going_on = StopsAll(&next);
        while let Some((at, point)) = going_on.next().and_then(|at| Some((at, points.get(at)?))) {
            let seen = stage.outcome(point);
            assert_eq!(seen.objection(&stage.verbs[point.verb]), None, "{}", stage.place(point));
            tally.lock().unwrap().take(&seen);
            if at % 500 == 499 {
                eprintln!("{} of {wanted} faults", at + 1);
            }
        }
    });
    let Tally { done, refused, killed, missed } = tally.into_inner().unwrap();
    eprintln!(
        "{wanted} of {possible} faults in {commands} commands: {done} done all the same, {refused} refused, {killed} \
         killed ({missed} at calls that were not made so often this time); nothing acknowledged was lost"
    );
    assert!(killed > 0 && refused > 0 && missed * 20 < wanted);
}

/// The twin: a program that says it is done before its commit is one that is killed there and had ended with 0; and one that
/// writes in parts leaves some of its rows.
#[test]
fn an_early_word_and_half_a_change_would_be_found_out() {
    if !has_strace() {
        return;
    }
    let stage = Stage::new(&std::env::temp_dir());
    let killed_at = |verb, call| stage.outcome(&Point { verb, call, nth: 1, fault: FAULTS[0] });
    let (mut early, mut halves) = (0, 0);
    for (at, verb) in stage.verbs.iter().enumerate().filter(|(_, v)| v.says.is_none()) {
        let seen = killed_at(at, "pwrite64");
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
    let at = stage.verbs.iter().position(|v| v.args[0] == "backup").unwrap();
    let backup = &stage.verbs[at];
    assert_eq!(killed_at(at, "rename").objection(backup), None);
    let copy = std::fs::OpenOptions::new().write(true).open(&backup.makes[0].0).unwrap();
    copy.set_len(copy.metadata().unwrap().len() / 2).unwrap();
    assert!(backup.unfinished_file().is_some());
}
