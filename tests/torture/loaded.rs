//! Screens whose surroundings are slow, silent or locked, and keys faster than anybody types: they answer, and they leave.
//!
//! Times are printed; what is asserted has ten times the room of what is aimed at, for a machine under load.

use crate::cli_support::Home;
use crate::server::{Answer, Server};
use crate::support::count;
use crate::tty_support::Tty;
use crate::verbs::{Moody, base, first_run, registry, unfinished};
use serde_json::json;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// What is aimed at is a second.
const SOON: Duration = Duration::from_secs(10);

/// Opens help and closes it; how long that took.
fn answers(tty: &mut Tty, when: &str) -> Duration {
    let begun = Instant::now();
    tty.press("?");
    tty.wait("what the figures mean");
    tty.press("\u{1b}");
    tty.until("help closed", |s| !s.contents().contains("what the figures mean"));
    let took = begun.elapsed();
    assert!(took < SOON, "{when}: help took {took:?}");
    took
}

fn quits(mut tty: Tty, when: &str) -> Duration {
    tty.press("q");
    let took = tty.ends_as_it_began(when);
    assert!(took < SOON, "{when}: it took {took:?} to quit");
    took
}

#[test]
fn an_endpoint_that_never_answers_holds_up_neither_keys_nor_the_end() {
    let moody = Moody::new();
    let home = base(&moody.server);
    // What is missing there is asked for by `resume`; from now on nothing is answered.
    unfinished(&home, &moody);
    moody.be_silent();
    let mut tty = Tty::run(home.path(), &[env!("CARGO_BIN_EXE_assize")], &[]);
    tty.wait("revisions ·");
    tty.press("2");
    tty.wait("partial");
    let before = moody.server.asked.load(Ordering::SeqCst);
    // The newest run is the one that failed; below it lies the one that was killed.
    tty.press("jr");
    let begun = Instant::now();
    while moody.server.asked.load(Ordering::SeqCst) == before {
        assert!(begun.elapsed() < Duration::from_secs(60), "nothing was asked");
        std::thread::sleep(Duration::from_millis(5));
    }
    let help = answers(&mut tty, "while the endpoint is silent");
    // From the run's grid back to the runs.
    tty.press("q");
    tty.wait("▸2 Runs");
    let took = quits(tty, "while the endpoint is silent");
    eprintln!("while an endpoint is silent: help and back {help:?}, ended {took:?} after q");
    assert_eq!(home.json(&["fsck"])["ok"], true);
}

#[test]
fn a_thousand_keys_a_second_do_not_hold_it_up() {
    let home = tempfile::tempdir().unwrap();
    let mut tty = Tty::start(home.path(), &[]);
    tty.wait("revisions ·");
    let (begun, keys) = (Instant::now(), 2_000);
    for n in 0..keys {
        tty.press(if n % 50 < 25 { "j" } else { "k" });
        // The pace is the load: each key at its own millisecond, and not all in one piece.
        let due = begun + Duration::from_millis(n + 1);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
    }
    let typed = begun.elapsed();
    let help = answers(&mut tty, "after the keys");
    let took = quits(tty, "after the keys");
    eprintln!("{keys} keys in {typed:?}: help and back {help:?} after the last, ended {took:?} after q");
}

#[test]
fn five_megabytes_pasted_into_a_field_are_outlived() {
    let home = tempfile::tempdir().unwrap();
    for (field, key) in [("the filter", "/"), ("the palette", ":")] {
        let mut tty = Tty::start(home.path(), &[]);
        tty.wait("revisions ·");
        tty.press(key);
        let begun = Instant::now();
        tty.press("\u{1b}[200~");
        for _ in 0..80 {
            tty.press(&"pasted \u{202e} text ".repeat(4_000));
        }
        tty.press("\u{1b}[201~");
        tty.until("the paste", |s| s.contents().contains("text pasted"));
        let shown = begun.elapsed();
        tty.press("\u{1b}");
        tty.until("the field closed", |s| !s.contents().contains("pasted"));
        let closed = begun.elapsed() - shown;
        assert!(closed < SOON, "{field}: it took {closed:?} to close");
        let help = answers(&mut tty, field);
        let took = quits(tty, field);
        eprintln!(
            "5 MB into {field}: shown {shown:?} after its first byte, closed in {closed:?}, help and back {help:?}, \
             ended {took:?} after q"
        );
    }
}

/// Another process holds the write lock, as a long import does; in the full count for longer than a write is patient.
#[test]
fn a_locked_registry_delays_a_write_and_nothing_else() {
    let held = Duration::from_secs(count(5, 30).min(30) as u64);
    let home = Home::new();
    home.register("held", "one");
    home.register("held", "two");
    let mut tty = Tty::run(home.path(), &[env!("CARGO_BIN_EXE_assize")], &[]);
    tty.wait("revisions ·");
    tty.wait(" tok");
    let other = rusqlite::Connection::open(registry(&home)).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let locked = Instant::now();
    tty.press("l");
    tty.wait("label");
    tty.press("waiting\r");
    let help = answers(&mut tty, "while the registry is locked");
    let moves = "SELECT count(*) FROM label WHERE label = 'waiting'";
    let written = || other.query_row(moves, [], |r| r.get::<_, i64>(0)).unwrap() == 1;
    assert!(!written(), "it was written in spite of the lock");
    std::thread::sleep(held.saturating_sub(locked.elapsed()));
    // A key takes such a word away once it could be read: looked for before the next.
    let refused = tty.screen(|s| s.contents().contains("is busy"));
    let later = answers(&mut tty, "after a long lock");
    other.execute_batch("COMMIT").unwrap();
    let freed = Instant::now();
    if !refused {
        tty.wait("waiting set on r");
    }
    let late = freed.elapsed();
    assert_ne!(refused, written(), "what was said is not what happened");
    assert!(!refused || held > Duration::from_secs(9), "it gave up within {held:?}");
    let end = if refused { "refused in words" } else { "set" };
    let took = quits(tty, "after the lock");
    eprintln!(
        "registry locked for {held:?}: help and back {help:?} and {later:?}, the label {end}, {late:?} after it was freed, \
         ended {took:?} after q"
    );
}

/// Another process holds the write lock for longer than a write is patient, while a run is under way: what was answered, and
/// paid for, is kept until it can be saved, little more is asked meanwhile, and nothing is asked twice.
#[test]
fn a_run_outwaits_a_lock_and_loses_nothing_that_was_answered() {
    const ITEMS: usize = 120;
    let held = Duration::from_secs(count(12, 45).min(45) as u64);
    let locked = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&locked);
    // The first few are answered at once, the others when the lock is held.
    let server = Server::start(move |n| {
        while n >= 20 && !seen.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(1));
        }
        if (22..24).contains(&n) {
            // These come when the run's own heartbeat waits for the lock already.
            std::thread::sleep(Duration::from_secs(4));
        }
        Answer::Good
    });
    let home = Home::new();
    home.file(".config/assize/config.toml", server.config("concurrency = 4\n"));
    let item =
        |i: usize| format!("{}\n", json!({"id": i.to_string(), "prompt": "x", "response": format!("y{i}")}));
    home.file("i.jsonl", (0..ITEMS).map(item).collect::<String>());
    let mut child = home.command(&["run", "--items", "i.jsonl", "--criteria", "accuracy", "--judge", "j"]);
    let child = child.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    while server.asked.load(Ordering::SeqCst) < 24 {
        std::thread::sleep(Duration::from_millis(1));
    }
    let other = rusqlite::Connection::open(registry(&home)).unwrap();
    other.busy_timeout(Duration::from_secs(5)).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    locked.store(true, Ordering::SeqCst);
    std::thread::sleep(held);
    let meanwhile = server.asked.load(Ordering::SeqCst);
    other.execute_batch("COMMIT").unwrap();
    let out = child.wait_with_output().unwrap();
    let words = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{words}");
    assert!(words.contains("locked by another process"), "{words}");
    assert!(meanwhile < ITEMS, "it went on asking while nothing could be saved: {meanwhile}");
    let run = first_run(&home);
    let shown = home.json(&["run", "show", &run]);
    let asked = server.asked.load(Ordering::SeqCst);
    assert_eq!(shown["verdicts"]["scored"], ITEMS, "{shown}");
    assert_eq!(shown["usage"]["calls"], asked, "{shown}");
    eprintln!(
        "registry locked for {held:?} under a run: {meanwhile} asked by its end, {asked} in all for {ITEMS} verdicts, none lost"
    );
}
