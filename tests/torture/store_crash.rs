//! Processes that open, write and die at the same time: nothing acknowledged is lost, nothing is torn.
//!
//! ```text
//! this test -> starts itself again as a child -> the child says "ack ..." after each call has returned
//!           -> SIGKILL after so many of them  -> the registry must hold at least those, and fsck find no fault
//! ```
//! `ASSIZE_TORTURE=100` multiplies the rounds, `full` asks for all.

use assize::core::digest::Digest;
use assize::core::prompt::{PromptName, Selector, Template};
use assize::store::{Cause, Handle, NewRevision, RunState, Store};
use std::collections::HashSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::judged::{a_run, verdict};
use crate::support::count;

fn child(path: &Path, job: &str, who: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "store_crash::child_process", "--nocapture", "--test-threads=1"])
        .envs([("CRASH_PATH", path.as_os_str()), ("CRASH_JOB", job.as_ref()), ("CRASH_WHO", who.as_ref())])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// What a child said in full lines: `ack WHAT`. A line cut off by the kill was not said.
fn acks(child: &mut Child, kill_after: Option<usize>) -> Vec<String> {
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let (mut said, mut line) = (Vec::new(), String::new());
    while out.read_line(&mut line).unwrap() > 0 {
        if let Some(what) = line.strip_suffix('\n').and_then(|l| l.split_once("ack ")).map(|(_, what)| what) {
            said.push(what.to_owned());
        }
        if Some(said.len()) == kill_after {
            child.kill().unwrap();
        }
        line.clear();
    }
    child.wait().unwrap();
    said
}

fn name(text: &str) -> PromptName {
    text.parse().unwrap()
}

fn text(prompt: &str, body: String) -> NewRevision {
    NewRevision::new(name(prompt), Template::text(body))
}

fn say(what: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "ack {what}").unwrap();
    out.flush().unwrap();
}

/// Not a test of its own: what the children of the others do.
#[test]
#[ignore = "started by the other tests, as a process that they kill"]
fn child_process() {
    let Some(path) = std::env::var_os("CRASH_PATH") else { return };
    let (job, who) = (std::env::var("CRASH_JOB").unwrap(), std::env::var("CRASH_WHO").unwrap());
    let path = Path::new(&path);
    match job.as_str() {
        "open" => {
            let mut store = Store::open(path).unwrap();
            for i in 0..5 {
                let done = store.register(text("p", format!("{who} {i}"))).unwrap();
                say(&format!("r{} {}", done.revision.seq, done.revision.digest));
            }
        }
        "naive" => match open_naively(path) {
            Ok(()) => say("opened"),
            Err(e) => say(&format!("refused: {e}")),
        },
        "write" => write_for_ever(path, &who),
        "judge" => judge_for_ever(path, &who),
        "modes" => {
            let _store = Store::open(path).unwrap();
            use std::os::unix::fs::PermissionsExt;
            let folder = path.parent().unwrap();
            let files = std::fs::read_dir(folder).unwrap().map(|f| f.unwrap().path());
            for each in files.chain([folder.to_owned()]) {
                let mode = std::fs::metadata(&each).unwrap().permissions().mode() & 0o777;
                say(&format!("{mode:o} {}", each.file_name().unwrap().to_string_lossy()));
            }
        }
        other => panic!("no such job: {other}"),
    }
}

/// How a registry is opened by a program that has thought of one process: the twin of our opening.
fn open_naively(path: &Path) -> rusqlite::Result<()> {
    let conn = rusqlite::Connection::open(path)?;
    conn.busy_timeout(std::time::Duration::from_secs(5))?;
    conn.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    let schema: u32 = conn.pragma_query_value(None, "user_version", |r| r.get(0))?;
    // The worst moment, which chance brings now and then: each has looked before one of them writes.
    say("looked");
    while !path.with_extension("gate").exists() {
        std::thread::yield_now();
    }
    if schema == 0 {
        conn.execute_batch("BEGIN; CREATE TABLE prompt (x); PRAGMA user_version = 1; COMMIT")?;
    }
    conn.execute("INSERT INTO prompt VALUES (1)", []).map(|_| ())
}

fn write_for_ever(path: &Path, who: &str) {
    let mut store = Store::open(path).unwrap();
    let label = format!("by-{who}").parse().unwrap();
    for i in 0_u64.. {
        let done = store.register(text("shared", format!("{who} {i} {}", rand::random::<u64>()))).unwrap();
        say(&format!("revision {} {}", done.revision.seq, done.revision.digest));
        let at = Selector::revision(done.revision.seq);
        store.set_label(&name("shared"), &label, &at, None, false, &Cause::default()).unwrap();
        say(&format!("label {label} {}", done.revision.seq));
    }
}

fn judge_for_ever(path: &Path, run: &str) {
    let handle = Handle::open(path).unwrap();
    let (id, me) = (run.to_owned(), assize::store::lease::holder());
    handle.write_blocking(move |s| s.lease(&id, &me)).unwrap();
    for i in 0_u32.. {
        let (id, verdict) = (run.to_owned(), verdict(i));
        handle.write_blocking(move |s| s.save_verdict(&id, &verdict)).unwrap();
        say(&format!("verdict {i}"));
    }
}

/// What was acknowledged and is not there. A label that has moved on since was there: its log says so.
fn lost(store: &Store, acknowledged: &[String]) -> Vec<String> {
    let mut there = HashSet::new();
    for r in store.log(&name("shared"), None, None).unwrap_or_default() {
        assert_eq!(Digest::of(store.text(&r.digest).unwrap()), r.digest);
        there.insert(format!("revision {} {}", r.seq, r.digest));
    }
    for event in store.label_log(&name("shared"), None).unwrap_or_default() {
        let (label, to) = (event.payload.get("label"), event.payload.get("to"));
        there.insert(format!("label {} {}", label.and_then(|l| l.as_str()).unwrap(), to.unwrap()));
    }
    acknowledged.iter().filter(|what| !there.contains(*what)).cloned().collect()
}

#[test]
fn six_processes_open_a_new_registry_at_once() {
    let rounds = count(5, 1_000);
    for _ in 0..rounds {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("new folder/registry.db");
        let mut children: Vec<Child> = (0..6).map(|i| child(&path, "open", &i.to_string())).collect();
        let mut said: Vec<String> = Vec::new();
        for child in &mut children {
            let mut errors = child.stderr.take().unwrap();
            let mine = acks(child, None);
            let mut text = String::new();
            std::io::Read::read_to_string(&mut errors, &mut text).unwrap();
            assert_eq!(mine.len(), 5, "{text}");
            said.extend(mine);
        }
        let mut seqs: Vec<u32> = said
            .iter()
            .map(|s| s.split_once(' ').unwrap().0.trim_start_matches('r').parse().unwrap())
            .collect();
        seqs.sort_unstable();
        assert_eq!(seqs, (1..=30).collect::<Vec<_>>());
        assert_eq!(Store::open(&path).unwrap().fsck().unwrap().faults, []);
    }
    eprintln!("{rounds} new registries opened by six processes at once: nobody refused, no revision lost");
}

#[test]
fn six_that_open_naively_refuse_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("new.db");
    let mut children: Vec<Child> = (0..6).map(|i| child(&path, "naive", &i.to_string())).collect();
    let mut said: Vec<_> =
        children.iter_mut().map(|c| BufReader::new(c.stdout.take().unwrap()).lines()).collect();
    let mut next = || -> Vec<String> {
        let word = |line: std::io::Result<String>| Some(line.unwrap().split_once("ack ")?.1.to_owned());
        said.iter_mut().map(|lines| lines.find_map(word).unwrap()).collect()
    };
    // Some are refused already by the switch to a WAL.
    let looked = next().iter().filter(|s| *s == "looked").count();
    std::fs::write(path.with_extension("gate"), "").unwrap();
    let mut refused = 6 - looked;
    if looked == 6 {
        refused += next().iter().filter(|s| s.starts_with("refused")).count();
    }
    for child in &mut children {
        child.wait().unwrap();
    }
    eprintln!("twin: {refused} of 6 naive openings refused");
    assert!(refused > 0, "a naive opening is good enough");
}

#[test]
fn what_two_killed_writers_were_told_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("registry.db");
    let mut acknowledged = Vec::new();
    let rounds = count(10, 1_000);
    for round in 0..rounds {
        let mut two = [child(&path, "write", "a"), child(&path, "write", "b")];
        // The first is killed early or late; the second sees it go, and goes on for a while alone.
        let [first, second] = &mut two;
        acknowledged.extend(acks(first, Some(1 + (round * 7 + rand::random_range(0..7)) % 23)));
        acknowledged.extend(acks(second, Some(1 + rand::random_range(0..40))));
        let store = Store::open(&path).unwrap();
        assert_eq!(lost(&store, &acknowledged), Vec::<String>::new());
        assert_eq!(store.fsck().unwrap().faults, []);
    }
    assert!(acknowledged.len() >= rounds * 2);
    eprintln!("{} writers killed: none of {} acknowledgements lost", rounds * 2, acknowledged.len());
    // The check itself can fail: a writer that speaks before its commit would be found out.
    let store = Store::open(&path).unwrap();
    let next = store.resolve(&name("shared"), &Selector::LATEST).unwrap().seq + 1;
    let early = format!("revision {next} {}", Digest::of("never written"));
    assert_eq!(lost(&store, std::slice::from_ref(&early)), [early]);
}

#[test]
fn a_killed_judge_leaves_a_whole_chain_and_a_free_lease() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("registry.db");
    let run = a_run(&mut Store::open(&path).unwrap());
    let (rounds, mut told) = (count(5, 500), 0);
    for _ in 0..rounds {
        // Each time all verdicts are judged again: the newest of a key counts.
        let said = acks(&mut child(&path, "judge", &run), Some(1 + rand::random_range(0..40)));
        told += said.len();
        let store = Store::open(&path).unwrap();
        let cells = store.cells(&run).unwrap();
        let kept: Vec<String> = cells.iter().map(|c| format!("verdict {}", c.repeat)).collect();
        assert!(said.iter().all(|s| kept.contains(s)), "{said:?} against {kept:?}");
        assert_eq!(store.run(&run).unwrap().state, RunState::Partial, "its writer is dead");
        assert_eq!(store.run(&run).unwrap().verdicts.values().sum::<u32>() as usize, cells.len());
        assert_eq!(store.fsck().unwrap().faults, []);
    }
    eprintln!("{rounds} judges killed: none of {told} acknowledged verdicts lost, the chain whole");
}

#[test]
fn modes_do_not_hang_on_the_umask() {
    for umask in ["000", "022", "277"] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a folder/registry.db");
        let out = Command::new("sh")
            .args(["-c", "umask \"$0\"; exec \"$@\"", umask])
            .arg(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "store_crash::child_process", "--nocapture", "--test-threads=1"])
            .envs([
                ("CRASH_PATH", path.as_os_str()),
                ("CRASH_JOB", "modes".as_ref()),
                ("CRASH_WHO", "".as_ref()),
            ])
            .output()
            .unwrap();
        let text = String::from_utf8(out.stdout).unwrap();
        let mut said: Vec<&str> = text.lines().filter_map(|l| Some(l.split_once("ack ")?.1)).collect();
        said.sort_unstable();
        let right = ["600 registry.db", "600 registry.db-shm", "600 registry.db-wal", "700 a folder"];
        assert_eq!(said, right, "umask {umask}: {}", String::from_utf8_lossy(&out.stderr));
    }
}
