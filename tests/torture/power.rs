//! Lost power, without pulling a plug: one trace of a process that writes is replayed up to every moment; what was not
//! synced by then may be missing, torn or written out of order. From each such state the registry must open whole, with all
//! that had been acknowledged at that moment.
//!
//! ```text
//! strace of a writing child -> writes, truncations, syncs, acknowledgements in order
//!     moment k -> per file: all up to its last sync, and of the rest each op kept (1/2), torn at 512 bytes, or dropped
//!              -> files -> open, check, compare with what was acknowledged before k
//! ```
//! The creation and removal of a file are taken as durable at once; so is the folder.

use crate::faults::has_strace;
use crate::judged::{a_run, verdict};
use crate::support::{Rng, count};
use assize::core::prompt::{Selector, Template};
use assize::store::{Cause, NewReview, NewRevision, Sampling, Store};
use std::collections::{BTreeMap, HashSet};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::mpsc::sync_channel;

#[derive(Debug, Clone)]
enum Op {
    Write { at: usize, bytes: Vec<u8> },
    Truncate(usize),
}

#[derive(Debug)]
enum Event {
    Change(String, Op),
    Sync(String),
    Remove(String),
    Said(String),
}

/// The bytes of a string as strace prints it with `-xx`.
fn unescaped(text: &str) -> Vec<u8> {
    let hex = |two: &str| u8::from_str_radix(two.get(..2)?, 16).ok();
    text.split("\\x").skip(1).filter_map(hex).collect()
}

fn quoted(line: &str) -> Option<Vec<u8>> {
    Some(unescaped(line.split('"').nth(1)?))
}

/// The path of the first file descriptor of a call: `pwrite64(5</path>, ...`, its path possibly in hex.
fn file_of(line: &str) -> Option<String> {
    let path = line.split_once('<')?.1.split_once('>')?.0;
    let path = if path.contains("\\x") { String::from_utf8(unescaped(path)).ok()? } else { path.to_owned() };
    path.rsplit('/').next().map(ToOwned::to_owned)
}

/// Whole calls, in the order in which they ended: a call cut in two by another thread is joined.
fn calls(log: &str) -> Vec<String> {
    let mut open: BTreeMap<String, String> = BTreeMap::new();
    let mut out = Vec::new();
    for line in log.lines() {
        let Some((pid, rest)) = line.split_once(' ') else { continue };
        let rest = rest.trim_start();
        if let Some(begun) = rest.strip_suffix("<unfinished ...>") {
            open.insert(pid.to_owned(), begun.to_owned());
        } else if let Some((_, end)) = rest.split_once("resumed>") {
            out.push(open.remove(pid).unwrap_or_default() + end);
        } else {
            out.push(rest.to_owned());
        }
    }
    out
}

fn events(log: &str, name: &str) -> Vec<Event> {
    let mut out = Vec::new();
    for call in calls(log) {
        let failed = call.rsplit_once(" = ").is_none_or(|(_, r)| r.starts_with('-'));
        let verb = call.split('(').next().unwrap_or_default();
        if failed {
            continue;
        }
        let number = |nth: usize| {
            call.rsplit_once(" = ")?
                .0
                .trim_end()
                .trim_end_matches(')')
                .rsplit(", ")
                .nth(nth)?
                .parse::<usize>()
                .ok()
        };
        let file = file_of(&call).filter(|f| f.starts_with(name) && !f.ends_with("-shm"));
        match (verb, file) {
            ("unlink", _) => {
                let path = String::from_utf8(quoted(&call).unwrap()).unwrap();
                out.extend(path.rsplit('/').next().map(|f| Event::Remove(f.to_owned())));
            }
            ("pwrite64", Some(file)) => {
                let op = Op::Write { at: number(0).unwrap(), bytes: quoted(&call).unwrap() };
                out.push(Event::Change(file, op));
            }
            ("ftruncate", Some(file)) => out.push(Event::Change(file, Op::Truncate(number(0).unwrap()))),
            ("fsync" | "fdatasync", Some(file)) => out.push(Event::Sync(file)),
            ("write", None) => {
                let said = String::from_utf8_lossy(&quoted(&call).unwrap_or_default()).into_owned();
                let acks = said.lines().filter_map(|l| Some(l.split_once("ack ")?.1.to_owned()));
                out.extend(acks.map(Event::Said));
            }
            _ => {}
        }
    }
    out
}

fn apply(bytes: &mut Vec<u8>, op: &Op) {
    match op {
        Op::Write { at, bytes: new } => {
            bytes.resize(bytes.len().max(at + new.len()), 0);
            bytes[*at..at + new.len()].copy_from_slice(new);
        }
        Op::Truncate(len) => bytes.resize(*len, 0),
    }
}

/// A disk that has lost power: some of what was not synced is there, in part, in any order.
fn after_power_loss(
    durable: &BTreeMap<String, Vec<u8>>,
    pending: &[(String, Op)],
    rng: &mut Rng,
) -> BTreeMap<String, Vec<u8>> {
    let mut disk = durable.clone();
    // Now and then nothing at all of it, or everything but one.
    let share = *rng.pick(&[0, 20, 50, 50, 80, 95]);
    for (file, op) in pending {
        let bytes = disk.entry(file.clone()).or_default();
        if rng.below(100) >= share {
            continue;
        }
        match op {
            Op::Write { at, bytes: new } if rng.below(3) == 0 => {
                for (i, sector) in
                    new.chunks(512).enumerate().filter(|_| rng.below(2) == 0).collect::<Vec<_>>()
                {
                    apply(bytes, &Op::Write { at: at + i * 512, bytes: sector.to_vec() });
                }
            }
            whole => apply(bytes, whole),
        }
    }
    disk
}

/// What is there, or why it cannot be read.
type Reader = fn(&Path) -> Result<HashSet<String>, String>;

struct Outcome {
    states: usize,
    corrupt: Vec<String>,
    losing: usize,
}

/// One disk after a loss of power: the moment, its files, and how many acknowledgements had been given by then.
struct State {
    moment: usize,
    files: BTreeMap<String, Vec<u8>>,
    said: usize,
}

/// All that was acknowledged, in order.
fn acknowledgements(events: &[Event]) -> Vec<&str> {
    events
        .iter()
        .filter_map(|event| match event {
            Event::Said(what) => Some(what.as_str()),
            _ => None,
        })
        .collect()
}

/// Makes `wanted` states, spread over all moments of the trace.
fn states(events: &[Event], wanted: usize, mut give: impl FnMut(State)) {
    let mut rng = Rng::new(17);
    let (mut durable, mut pending) = (BTreeMap::<String, Vec<u8>>::new(), Vec::<(String, Op)>::new());
    let (mut said, mut made) = (0, 0);
    for (moment, event) in events.iter().enumerate() {
        match event {
            Event::Change(file, op) => pending.push((file.clone(), op.clone())),
            Event::Sync(file) => {
                let synced: Vec<_> = pending.extract_if(.., |(f, _)| f == file).collect();
                let bytes = durable.entry(file.clone()).or_default();
                synced.iter().for_each(|(_, op)| apply(bytes, op));
            }
            Event::Remove(file) => {
                durable.remove(file);
                pending.retain(|(f, _)| f != file);
            }
            Event::Said(_) => said += 1,
        }
        while made < wanted * (moment + 1) / events.len() {
            made += 1;
            give(State { moment, files: after_power_loss(&durable, &pending, &mut rng), said });
        }
    }
}

/// Tries them, on each core at once.
fn replay(events: &[Event], folder: &Path, name: &str, wanted: usize, read: Reader) -> Outcome {
    let said = acknowledgements(events);
    let out = Mutex::new(Outcome { states: 0, corrupt: Vec::new(), losing: 0 });
    let (give, take) = sync_channel::<State>(8);
    let take = Mutex::new(take);
    std::thread::scope(|scope| {
        for worker in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            let (folder, out, take, said) = (folder.join(worker.to_string()), &out, &take, &said);
            scope.spawn(move || {
                loop {
                    let next = take.lock().unwrap().recv();
                    let Ok(state) = next else { return };
                    let _ = std::fs::remove_dir_all(&folder);
                    std::fs::create_dir_all(&folder).unwrap();
                    for (file, bytes) in &state.files {
                        std::fs::write(folder.join(file), bytes).unwrap();
                    }
                    let found = read(&folder.join(name));
                    let mut out = out.lock().unwrap();
                    out.states += 1;
                    match found {
                        Ok(there) => {
                            out.losing += usize::from(said[..state.said].iter().any(|s| !there.contains(*s)))
                        }
                        Err(why) => out.corrupt.push(format!("after {}: {why}", state.moment)),
                    }
                    if out.states % 10_000 == 0 {
                        eprintln!("{} of {wanted} states", out.states);
                    }
                }
            });
        }
        states(events, wanted, |state| give.send(state).unwrap());
        drop(give);
    });
    out.into_inner().unwrap()
}

/// A folder in memory, where there is one: the states are many and small.
fn scratch() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory).unwrap() } else { tempfile::tempdir().unwrap() }
}

fn trace(job: &str, path: &Path) -> String {
    let log = path.with_extension("log");
    let out = Command::new("strace")
        .args(["-f", "-qq", "-y", "-xx", "-s", "10000000", "-o"])
        .arg(&log)
        .args(["-e", "trace=pwrite64,write,ftruncate,fsync,fdatasync,unlink"])
        .arg(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "power::writing_child", "--nocapture", "--test-threads=1"])
        .env("POWER_JOB", job)
        .env("POWER_PATH", path)
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    std::fs::read_to_string(log).unwrap()
}

fn say(what: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "ack {what}").unwrap();
    out.flush().unwrap();
}

/// Not a test of its own: the process whose power is lost.
#[test]
#[ignore = "started by the other tests, under strace"]
fn writing_child() {
    let Some(path) = std::env::var_os("POWER_PATH").map(PathBuf::from) else { return };
    match std::env::var("POWER_JOB").as_deref() {
        Ok("registry") => registry_child(&path),
        Ok(level) => table_child(&path, level),
        Err(_) => {}
    }
}

/// Opens the registry again and again, so that logs are folded in, removed and made anew; and once for many writes.
fn registry_child(path: &Path) {
    let me = assize::store::lease::holder();
    for round in 0..4_u32 {
        let mut store = Store::open(path).unwrap();
        let run = match store.runs(None).unwrap().pop() {
            Some(run) => run.id,
            None => a_run(&mut store),
        };
        store.lease(&run, &me).unwrap();
        for i in 0..if round == 3 { 25 } else { 4 } {
            write_each(&mut store, &run, round, i);
        }
    }
}

/// A revision; and in turn a label on it, a verdict, a review.
fn write_each(store: &mut Store, run: &str, round: u32, i: u32) {
    let text = format!("{round} {i} {}", "words ".repeat(i as usize * 90));
    let done = store.register(NewRevision::new("p".parse().unwrap(), Template::text(text))).unwrap();
    say(&format!("revision {}", done.revision.digest.hex()));
    match i % 3 {
        0 => {
            let (name, label) = ("p".parse().unwrap(), "moving".parse().unwrap());
            let at = Selector::revision(done.revision.seq);
            store.set_label(&name, &label, &at, None, false, &Cause::default()).unwrap();
            say(&format!("label {}", done.revision.seq));
        }
        1 => {
            let repeat = round * 100 + i;
            store.save_verdict(run, &verdict(repeat)).unwrap();
            say(&format!("verdict {repeat}"));
        }
        _ => {
            let id = store.add_review(&review(run)).unwrap();
            say(&format!("review {id}"));
        }
    }
}

fn review(run: &str) -> NewReview {
    NewReview {
        run: run.to_owned(),
        item: 0,
        criterion: 0,
        reviewer: "ana".into(),
        score: Some(4),
        comment: "said in the dark".into(),
        modes: vec!["too long".into()],
        saw_judge: false,
        sampling: Sampling::Random,
        seconds: None,
        undo: None,
    }
}

/// The same promise made with a weaker setting: what the check must be able to see.
fn table_child(path: &Path, level: &str) {
    let conn = rusqlite::Connection::open(path).unwrap();
    conn.execute_batch(&format!(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = {level}; CREATE TABLE t (x TEXT)"
    ))
    .unwrap();
    for i in 0..60 {
        conn.execute("INSERT INTO t VALUES (?1)", [format!("row {i}")]).unwrap();
        say(&format!("row {i}"));
    }
}

fn read_registry(path: &Path) -> Result<HashSet<String>, String> {
    if !path.exists() {
        return Ok(HashSet::new());
    }
    let store = Store::open(path).map_err(|e| e.to_string())?;
    let report = store.fsck().map_err(|e| e.to_string())?;
    if !report.faults.is_empty() {
        return Err(format!("{:?}", report.faults));
    }
    let p = "p".parse().unwrap();
    let log = store.log(&p, None, None).unwrap_or_default();
    let mut there: HashSet<String> = log.iter().map(|r| format!("revision {}", r.digest.hex())).collect();
    let moves = store.label_log(&p, None).unwrap_or_default();
    there.extend(moves.iter().map(|e| format!("label {}", e.payload["to"])));
    for run in store.runs(None).map_err(|e| e.to_string())? {
        let cells = store.cells(&run.id).map_err(|e| e.to_string())?;
        there.extend(cells.iter().map(|c| format!("verdict {}", c.repeat)));
        let reviews = store.review_log(&run.id).map_err(|e| e.to_string())?;
        there.extend(reviews.iter().map(|r| format!("review {}", r.id)));
    }
    Ok(there)
}

fn read_table(path: &Path) -> Result<HashSet<String>, String> {
    let read = || -> rusqlite::Result<HashSet<String>> {
        let conn = rusqlite::Connection::open(path)?;
        let tables: u32 = conn.query_row("SELECT count(*) FROM sqlite_schema", [], |r| r.get(0))?;
        if tables == 0 {
            return Ok(HashSet::new());
        }
        conn.prepare("SELECT x FROM t")?.query_map([], |r| r.get(0))?.collect()
    };
    read().map_err(|e| e.to_string())
}

fn states_of(job: &str, wanted: usize, read: Reader) -> Outcome {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("registry.db");
    let events = events(&trace(job, &path), "registry.db");
    let (said, syncs) = events.iter().fold((0, 0), |(said, syncs), e| match e {
        Event::Said(_) => (said + 1, syncs),
        Event::Sync(_) => (said, syncs + 1),
        _ => (said, syncs),
    });
    assert!(
        said >= 50 && syncs >= 1 && events.len() > 150,
        "{said} acknowledged, {syncs} syncs, {} events",
        events.len()
    );
    let scratch = scratch();
    let outcome = replay(&events, &scratch.path().join("disk"), "registry.db", wanted, read);
    eprintln!(
        "{job}: {} states of {} events ({said} acknowledged): {} corrupt, {} losing what was acknowledged",
        outcome.states,
        events.len(),
        outcome.corrupt.len(),
        outcome.losing
    );
    outcome
}

#[test]
fn no_power_loss_takes_what_was_acknowledged() {
    if !has_strace() {
        return;
    }
    let ours = states_of("registry", count(250, 100_000), read_registry);
    assert_eq!((ours.corrupt.as_slice(), ours.losing), (&[][..], 0));
}

#[test]
fn a_weaker_setting_would_be_found_out() {
    if !has_strace() {
        return;
    }
    let full = states_of("FULL", count(150, 3_000), read_table);
    assert_eq!((full.corrupt.len(), full.losing), (0, 0));
    let normal = states_of("NORMAL", count(150, 3_000), read_table);
    assert!(
        normal.losing * 4 > normal.states,
        "only {} of {} states lost rows",
        normal.losing,
        normal.states
    );
}
