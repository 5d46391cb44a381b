//! Several processes and one registry: nobody is told that it is locked, histories stay linear, and what would have gone
//! wrong with other settings is shown beside it. Then the places where a registry may lie.

use crate::cli_support::{Home, err};
use crate::faults::has_strace;
use crate::server::{Answer, Server};
use crate::support::count;
use assize::store::Store;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Ends well, and nobody was told of a lock; the document.
fn ended(child: Child) -> Value {
    let out = child.wait_with_output().unwrap();
    let words = err(&out);
    assert!(out.status.success() && !words.contains("locked") && !words.contains("busy"), "{words}");
    serde_json::from_slice(&out.stdout).unwrap()
}

#[test]
fn four_writers_on_one_prompt_and_eight_on_one_label() {
    let home = Home::new();
    home.register("p", "zero");
    home.register("p", "one");
    for round in 0..count(4, 300) {
        let files: Vec<String> = (0..4)
            .map(|w| home.file(&format!("{w}.txt"), format!("{round} {w}")).display().to_string())
            .collect();
        let mut all: Vec<Child> =
            files.iter().map(|f| home.command(&["register", "p", f, "--json"]).spawn().unwrap()).collect();
        all.extend((0..8).map(|w| {
            let to = if (round + w) % 2 == 0 { "r1" } else { "r2" };
            home.command(&["label", "set", "p", "production", to, "--json"]).spawn().unwrap()
        }));
        all.into_iter().for_each(|child| drop(ended(child)));
    }
    let log = home.json(&["log", "p"]);
    let mut seqs: Vec<u64> =
        log["revisions"].as_array().unwrap().iter().rev().map(|r| r["revision"].as_u64().unwrap()).collect();
    assert!(are_in_line(&seqs), "{seqs:?}");
    let store = Store::open(&home.path().join(".local/share/assize/registry.db")).unwrap();
    let events = store.label_log(&"p".parse().unwrap(), None).unwrap();
    let place = |payload: &Value, key: &str| payload.get(key).cloned().unwrap_or(Value::Null);
    let mut moves: Vec<[Value; 2]> =
        events.iter().rev().map(|e| ["from", "to"].map(|key| place(&e.payload, key))).collect();
    assert_eq!(first_break(&moves), None);
    assert_eq!(store.fsck().unwrap().faults, []);
    eprintln!("{} revisions and {} label moves in one line", seqs.len(), moves.len());
    // The twins: two writers that took the same number, and a move that was decided on what another had changed already.
    seqs[2] = seqs[1];
    assert!(!are_in_line(&seqs));
    let late = moves.iter().position(|[from, to]| from != to && !from.is_null()).unwrap();
    moves.insert(late + 1, moves[late].clone());
    assert_eq!(first_break(&moves), Some(late + 1));
}

#[test]
fn fifty_processes_write_at_once_and_none_is_told_that_the_registry_is_busy() {
    let home = Home::new();
    home.register("p", "zero");
    let rounds = count(1, 20);
    for round in 0..rounds {
        let files: Vec<String> = (0..50)
            .map(|w| home.file(&format!("{w}.txt"), format!("{round} {w}")).display().to_string())
            .collect();
        let all: Vec<Child> =
            files.iter().map(|f| home.command(&["register", "p", f, "--json"]).spawn().unwrap()).collect();
        all.into_iter().for_each(|child| drop(ended(child)));
    }
    let log = home.json(&["log", "p"]);
    let seqs: Vec<u64> =
        log["revisions"].as_array().unwrap().iter().rev().map(|r| r["revision"].as_u64().unwrap()).collect();
    assert!(are_in_line(&seqs) && seqs.len() == 1 + 50 * rounds, "{seqs:?}");
    assert_eq!(home.json(&["fsck"])["faults"], json!([]));
}

/// A home with twenty cases of two arms and a judge that takes its time.
fn slow_judge() -> (Home, Server) {
    let server = Server::start(|_| {
        std::thread::sleep(Duration::from_millis(40));
        Answer::Good
    });
    let home = Home::new();
    home.file(".config/assize/config.toml", server.config("concurrency = 2\n"));
    let item = |i: usize, arm: &str| {
        json!({"id": i.to_string(), "arm": arm, "prompt": "x", "response": format!("y{i} {arm}")}).to_string()
            + "\n"
    };
    home.file("i.jsonl", (0..20).map(|i| item(i, "a") + &item(i, "b")).collect::<String>());
    home.text(&["import", "items", "i.jsonl", "--set", "s"]);
    // What the endpoint takes is learned once, and not by each of those that follow.
    home.text(&["judge", "check", "j"]);
    (home, server)
}

/// So many processes do the same at once; how many requests that takes, and what each of them says.
fn at_once(homes: &[&Home], server: &Server, args: &[&str]) -> (usize, Vec<Value>) {
    let before = server.asked.load(Ordering::SeqCst);
    let all: Vec<Child> =
        homes.iter().map(|home| home.command(&[args, &["--json"]].concat()).spawn().unwrap()).collect();
    let said = all.into_iter().map(ended).collect();
    (server.asked.load(Ordering::SeqCst) - before, said)
}

#[test]
fn what_several_ask_at_once_is_paid_for_once() {
    // Discovery is each one's own.
    let own = 3;
    let run = ["run", "--items", "i.jsonl", "--criteria", "accuracy", "--judge", "j"];
    let (home, server) = slow_judge();
    let (asked, said) = at_once(&[&home, &home], &server, &run);
    assert!((40..=40 + 2 * own).contains(&asked), "{asked} requests for 40 questions");
    for run in &said {
        assert_eq!((&run["state"], &run["verdicts"]["scored"]), (&json!("complete"), &json!(40)), "{run}");
    }
    let pairs = ["run", "pairwise", "a", "b", "--cases", "s", "--criteria", "accuracy", "--judge", "j"];
    let (asked, said) = at_once(&[&home, &home, &home], &server, &pairs);
    assert!((40..=40 + 3 * own).contains(&asked), "{asked} requests for 40 questions about pairs");
    assert!(said.iter().all(|one| one["criteria"] == said[0]["criteria"]), "{said:?}");
    assert_eq!(home.json(&["fsck"])["faults"], json!([]));
    // The twin: two that do not know of each other pay twice.
    let (other, _) = slow_judge();
    let (fresh, server) = slow_judge();
    other.file(".config/assize/config.toml", server.config("concurrency = 2\n"));
    let (asked, _) = at_once(&[&fresh, &other], &server, &run);
    assert!(asked >= 80, "{asked} requests");
}

/// A limit on the size of files ended the process without a word, with what it had paid for.
#[test]
fn a_limit_on_file_sizes_ends_a_run_in_words_and_it_goes_on_without_the_limit() {
    let (home, server) = slow_judge();
    let before = server.asked.load(Ordering::SeqCst);
    let mut limited = Command::new("bash");
    let run = home.command(&["run", "--items", "i.jsonl", "--criteria", "accuracy", "--judge", "j"]);
    limited.args(["-c", "ulimit -f 1500; exec \"$0\" \"$@\""]).arg(run.get_program()).args(run.get_args());
    limited.env_clear().env("HOME", home.path()).env("PATH", std::env::var("PATH").unwrap());
    let out = limited.current_dir(home.path()).output().unwrap();
    let words = err(&out);
    assert_eq!(out.status.code(), Some(4), "{words}");
    assert!(words.contains("ulimit -f") && words.contains("run resume"), "{words}");
    let run = home.json(&["runs"])["runs"][0].clone();
    let saved = run["verdicts"].as_object().unwrap().values().filter_map(Value::as_u64).sum::<u64>();
    let asked = (server.asked.load(Ordering::SeqCst) - before) as u64;
    // Those in flight when the first write was refused, and what discovery asked.
    assert!(saved > 0 && saved < 40 && asked <= saved + 2 * 2 + 3, "{saved} of {asked}");
    home.text(&["run", "resume", run["run"].as_str().unwrap()]);
    assert_eq!(home.json(&["fsck"])["faults"], json!([]));
}

/// One that is killed while it asks leaves what it claimed to the other.
#[test]
fn what_a_killed_one_claimed_is_asked_by_who_waits_for_it() {
    let (home, server) = slow_judge();
    let before = server.asked.load(Ordering::SeqCst);
    let args = ["run", "--items", "i.jsonl", "--criteria", "accuracy", "--judge", "j"];
    let mut first = home.command(&args).spawn().unwrap();
    while server.asked.load(Ordering::SeqCst) < before + 8 {
        std::thread::yield_now();
    }
    let second = home.command(&[&args[..], &["--json"]].concat()).spawn().unwrap();
    while server.asked.load(Ordering::SeqCst) < before + 16 {
        std::thread::yield_now();
    }
    first.kill().unwrap();
    first.wait().unwrap();
    let said = ended(second);
    assert_eq!((&said["state"], &said["verdicts"]["scored"]), (&json!("complete"), &json!(40)), "{said}");
    // Those that were under way when it was killed are asked a second time, and no others.
    let asked = server.asked.load(Ordering::SeqCst) - before;
    assert!(asked <= 40 + 2 + 2 * 3, "{asked} requests");
}

fn are_in_line(seqs: &[u64]) -> bool {
    seqs.iter().copied().eq(1..=seqs.len() as u64)
}

/// The first move that does not begin where the one before it ended.
fn first_break(moves: &[[Value; 2]]) -> Option<usize> {
    let begins = |at: usize| if at == 0 { &Value::Null } else { &moves[at - 1][1] };
    (0..moves.len()).find(|at| moves[*at][0] != *begins(*at))
}

/// The twin: a transaction that begins as a reader cannot become a writer once somebody else has written, however long it
/// is willing to wait. With the write lock taken at its beginning the same two writers wait for each other.
#[test]
fn a_deferred_transaction_would_fail_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("twin.db");
    let open = || {
        let conn = rusqlite::Connection::open(&path).unwrap();
        conn.busy_timeout(std::time::Duration::from_secs(5)).unwrap();
        conn
    };
    let (one, two) = (open(), open());
    one.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t (x)").unwrap();
    one.execute_batch("BEGIN; SELECT count(*) FROM t").unwrap();
    one.query_row("SELECT count(*) FROM t", [], |r| r.get::<_, i64>(0)).unwrap();
    two.execute_batch("INSERT INTO t VALUES (1)").unwrap();
    let begun = Instant::now();
    let refused = one.execute_batch("INSERT INTO t VALUES (2)").unwrap_err().to_string();
    assert!(
        refused.contains("locked") && begun.elapsed().as_secs() < 1,
        "{refused} after {:?}",
        begun.elapsed()
    );
    one.execute_batch("ROLLBACK; BEGIN IMMEDIATE; INSERT INTO t VALUES (2); COMMIT").unwrap();
}

#[test]
fn odd_places_work() {
    for place in ["with spaces/and 'quotes'", "漢字/é", "per%cent?#/a&b", "-dash", "new\nline"] {
        let home = Home::new();
        let path = home.path().join(place).join("registry.db");
        let path = path.to_str().unwrap();
        home.file("t", "one");
        home.text(&["--registry", path, "register", "p", "t"]);
        assert_eq!(home.text(&["--registry", path, "get", "p"]), "one", "{place}");
        assert_eq!(home.json(&["--registry", path, "fsck"])["ok"], true, "{place}");
    }
    // No HOME: what needs none works, what does says so.
    let home = Home::new();
    let bare = |args: &[&str]| home.command(args).env_remove("HOME").env_remove("USER").output().unwrap();
    for args in [&["--version"][..], &["doctor"], &["--help"]] {
        let out = bare(args);
        assert!(out.status.success(), "{args:?}: {}", err(&out));
    }
    let out = bare(&["list"]);
    assert!(!err(&out).contains("panicked"), "{}", err(&out));
    assert!(bare(&["--registry", "here.db", "list"]).status.code().is_some_and(|c| c == 0 || c == 4));
}

/// The first write that a full disk refuses ends the paid calls; what came before it is kept, and it says so.
#[test]
fn a_full_disk_stops_paid_calls() {
    if !has_strace() {
        return;
    }
    let (items, at_once) = (200, 4);
    let server = Server::start(|_| Answer::Good);
    let home = Home::new();
    home.file(".config/assize/config.toml", server.config(&format!("concurrency = {at_once}\n")));
    home.register("p", "x");
    let row =
        |i: usize| format!("{}\n", json!({"id": i.to_string(), "prompt": "x", "response": format!("y {i}")}));
    home.file("i.jsonl", (0..items).map(row).collect::<String>());
    let wal = home.path().join(".local/share/assize/registry.db-wal");
    let out = Command::new("strace")
        .args(["-f", "-qq", "-o", "/dev/null", "-P"])
        .arg(&wal)
        .args(["-e", "trace=pwrite64", "-e", "inject=pwrite64:error=ENOSPC:when=60+"])
        .arg(env!("CARGO_BIN_EXE_assize"))
        .args(["run", "--items", "i.jsonl", "--criteria", "accuracy", "--judge", "j"])
        .env_clear()
        .env("HOME", home.path())
        .env("PATH", std::env::var("PATH").unwrap())
        .current_dir(home.path())
        .output()
        .unwrap();
    let words = err(&out);
    assert_eq!(out.status.code(), Some(4), "{words}");
    assert!(words.contains("full") && words.contains("saved"), "{words}");
    let kept: u64 = home.json(&["runs"])["runs"][0]["verdicts"]
        .as_object()
        .map_or(0, |v| v.values().filter_map(Value::as_u64).sum());
    let asked = server.asked.load(Ordering::SeqCst) as u64;
    assert!(asked < items as u64 / 2, "{asked} calls were made, {kept} verdicts kept");
    assert_eq!(home.json(&["fsck"])["ok"], true);
    // With room again it goes on where it stopped, and pays for nothing twice.
    let run = home.json(&["runs"])["runs"][0]["run"].as_str().unwrap().to_owned();
    let done = home.json(&["run", "resume", &run]);
    assert_eq!(done["verdicts"]["scored"].as_u64(), Some(items as u64));
    let total = server.asked.load(Ordering::SeqCst) as u64;
    assert!(total <= items as u64 + (asked - kept) + 4, "{total} calls for {items} verdicts");
    eprintln!("full after {kept} verdicts: {asked} calls made by then, {total} in all for {items}");
}

/// A small disk of its own, in memory; given back when this goes.
struct Disk(PathBuf);

impl Disk {
    /// None, said loudly, where nobody lets us mount one.
    fn mount(at: &Path, size: &str) -> Option<Self> {
        std::fs::create_dir_all(at).unwrap();
        let options = format!("size={size},mode=700");
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(at).output();
        if !mount.is_ok_and(|out| out.status.success()) {
            eprintln!("SKIPPED: no disk can be mounted here (not root?): none was filled");
            return None;
        }
        Some(Self(at.to_owned()))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

/// The rest of a disk, in a file that can be made longer until there is no room, and shorter again.
struct Filler(std::fs::File);

impl Filler {
    /// Takes all but `left` bytes.
    fn all_but(path: &Path, left: usize) -> Self {
        let mut filler = Self(std::fs::File::create(path).unwrap());
        while filler.takes(4_096) {}
        filler.gives(left);
        filler
    }

    /// Whether there was room for so many bytes more.
    fn takes(&mut self, bytes: usize) -> bool {
        let end = self.0.metadata().unwrap().len();
        std::os::unix::fs::FileExt::write_all_at(&self.0, &vec![1; bytes], end).is_ok()
    }

    fn gives(&mut self, bytes: usize) {
        self.0.set_len(self.0.metadata().unwrap().len() - bytes as u64).unwrap();
    }
}

/// A disk that really fills, by 4 KiB before each command, down to its last block.
#[test]
fn a_disk_filled_step_by_step_loses_nothing_and_still_reads() {
    let home = Home::new();
    let Some(disk) = Disk::mount(&home.path().join("disk"), "4m") else { return };
    let registry = disk.0.join("registry.db").display().to_string();
    let at = |args: &[&str]| home.run(&[&["--registry", &registry], args].concat());
    let register = |text: &str| {
        home.file("t", text);
        at(&["register", "p", "t"])
    };
    assert!(register("first").status.success());
    let begun = 393_216;
    let mut filler = Filler::all_but(&disk.0.join("filler"), begun);
    let (mut acknowledged, mut refused, mut step) = (vec!["first".to_owned()], 0, 0);
    while filler.takes(4_096) {
        step += 1;
        let text = format!("step {step}");
        let out = register(&text);
        let words = err(&out);
        assert!(!words.contains("panicked"), "{words}");
        if out.status.success() {
            acknowledged.push(text);
            continue;
        }
        refused += 1;
        assert_eq!(out.status.code(), Some(4), "{words}");
        assert!(words.contains("the disk is full"), "{words}");
    }
    assert!(acknowledged.len() > 5 && refused > 5, "{} done, {refused} refused", acknowledged.len());
    // Without room for anything at all it is read.
    assert!(err(&register("too much")).contains("the disk is full"));
    let log = at(&["log", "p", "--json"]);
    assert!(log.status.success(), "{}", err(&log));
    let log: Value = serde_json::from_slice(&log.stdout).unwrap();
    assert_eq!(log["revisions"].as_array().unwrap().len(), acknowledged.len());
    for (n, text) in acknowledged.iter().enumerate() {
        let out = at(&["get", &format!("p@r{}", n + 1)]);
        assert_eq!(String::from_utf8_lossy(&out.stdout), *text, "{}", err(&out));
    }
    assert!(at(&["fsck"]).status.success());
    // With room again it goes on.
    filler.gives(1_048_576);
    assert!(register("afterwards").status.success());
    assert!(at(&["fsck"]).status.success());
    eprintln!(
        "a disk filled in {step} steps: {} changes acknowledged, all there; {refused} refused",
        acknowledged.len()
    );
}
