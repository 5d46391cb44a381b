//! However the screens end, the terminal is as it was before: eleven ways out, and sizes, pastes and keys that nobody types.

use crate::tty_support::{Tty, is_given_back, size};
use std::process::Command;
use std::time::{Duration, Instant};

#[test]
fn ten_ways_out_leave_the_terminal_as_it_was() {
    let f12 = "\u{1b}[24~";
    let ways: [(&str, &str, &str, &[(&str, &str)]); 10] = [
        ("q", "q", "", &[]),
        ("Ctrl-C", "\u{3}", "", &[]),
        ("SIGTERM", "", "-TERM", &[]),
        ("SIGHUP", "", "-HUP", &[]),
        ("panic in the loop", f12, "", &[("ASSIZE_TEST_PANIC", "loop")]),
        ("panic in the drawing", f12, "", &[("ASSIZE_TEST_PANIC", "draw")]),
        ("panic in a worker, then q", f12, "", &[("ASSIZE_TEST_PANIC", "worker")]),
        ("an editor that fails, then q", "e", "", &[("EDITOR", "false")]),
        ("an editor that is not there, then q", "e", "", &[("EDITOR", "/no/such/editor")]),
        ("stopped, continued, then q", "\u{1a}", "", &[]),
    ];
    for (how, keys, signal, extra) in ways {
        if !extra.is_empty() && extra[0].0 == "ASSIZE_TEST_PANIC" && !cfg!(debug_assertions) {
            eprintln!("SKIPPED: {how}: only builds with debug assertions panic on purpose");
            continue;
        }
        let home = tempfile::tempdir().unwrap();
        // A stop needs a shell that can go on.
        let shell = format!("set -m; {} demo; printf STOPPED; read x; fg", env!("CARGO_BIN_EXE_assize"));
        let mut tty = if how.starts_with("stopped") {
            Tty::run(home.path(), &["sh", "-c", &shell], extra)
        } else {
            Tty::start(home.path(), extra)
        };
        tty.wait("revisions ·");
        // The preview comes last.
        tty.wait(" tok");
        assert!(tty.line_differs(), "raw mode was expected");
        if !signal.is_empty() {
            tty.signal(signal);
        }
        tty.press(keys);
        if how.starts_with("an editor") {
            tty.wait(if extra[0].1 == "false" { "nothing was saved" } else { "cannot be started" });
        }
        if how.starts_with("stopped") {
            tty.until("the screen handed back", |s| {
                !s.alternate_screen() && s.contents().contains("STOPPED")
            });
            tty.press("\r");
            tty.until("the screen taken again", |s| {
                s.alternate_screen() && s.contents().contains("revisions")
            });
        }
        if how.ends_with("then q") {
            tty.press("q");
        }
        let took = tty.ends_as_it_began(how);
        eprintln!("{how}: ended after {took:?}");
    }
}

/// Signals that nobody sends to a screen on purpose: each would end it without a word, the terminal raw.
#[test]
fn every_signal_that_would_end_the_screens_ends_them_as_q_does() {
    for signal in ["-QUIT", "-ABRT", "-ALRM", "-USR1", "-USR2", "-PROF", "-VTALRM", "-XCPU", "-PWR"] {
        let home = tempfile::tempdir().unwrap();
        let tty = Tty::start(home.path(), &[]);
        tty.wait(" tok");
        assert!(tty.line_differs(), "raw mode was expected");
        tty.signal(signal);
        let took = tty.ends_as_it_began(signal);
        eprintln!("SIG{signal}: ended after {took:?}");
    }
}

/// The eleventh way: an error before the first screen is a word on the terminal, which is not touched.
#[test]
fn what_cannot_be_opened_is_said_on_a_terminal_left_alone() {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("notes.txt"), "no registry").unwrap();
    let mut tty = Tty::run(home.path(), &[env!("CARGO_BIN_EXE_assize"), "--registry", "notes.txt"], &[]);
    let took = tty.end("no registry");
    assert_eq!(tty.child.wait().unwrap().exit_code(), 4);
    tty.wait("not an assize registry");
    let took = tty.ends_as_it_began("no registry").max(took);
    eprintln!("no registry: ended after {took:?}");
}

/// The twin: programs that leave something behind are seen by the same comparison.
#[test]
fn a_terminal_left_changed_is_seen() {
    let home = tempfile::tempdir().unwrap();
    for left in ["raw", "-echo", "-icanon"] {
        let mut tty = Tty::run(home.path(), &["stty", left], &[]);
        tty.end(left);
        assert!(tty.line_differs(), "stty {left} is not seen");
    }
    for left in ["\\033[?1049h", "\\033[?25l", "\\033[?2004h"] {
        let mut tty = Tty::run(home.path(), &["sh", "-c", &format!("printf '{left}the end'")], &[]);
        tty.end(left);
        tty.wait("the end");
        tty.until("what was left", |screen| !is_given_back(screen));
    }
}

#[test]
fn storms_of_sizes_pastes_and_keys_do_not_hold_it_up() {
    let home = tempfile::tempdir().unwrap();
    let mut tty = Tty::start(home.path(), &[]);
    tty.wait("revisions ·");
    for i in 0..200_u16 {
        let (rows, cols) = [(1, 1), (2, 500), (200, 1), (200, 500), (24, 80), (7, 33)][usize::from(i) % 6];
        tty.master.resize(size(rows, cols)).unwrap();
    }
    tty.master.resize(size(36, 120)).unwrap();
    tty.press("/");
    tty.wait("filter:");
    tty.press("\u{1b}[200~");
    for _ in 0..80 {
        tty.press(&"pasted \u{202e} text ".repeat(4_000));
    }
    tty.press("\u{1b}[201~");
    // What follows at once is still the paste.
    tty.wait("pasted");
    tty.press("\u{1b}");
    tty.until("the field closed", |s| !s.contents().contains("filter:"));
    for _ in 0..1_000 {
        tty.press("jk");
    }
    tty.press("?");
    tty.wait("what the figures mean");
    tty.press("\u{1b}");
    tty.until("help closed", |s| !s.contents().contains("what the figures mean"));
    tty.press("q");
    let took = tty.ends_as_it_began("after the storms");
    eprintln!("after 200 sizes, 5 MB pasted and 2,000 keys: ended {took:?} after q");
}

/// How often the threads of the screens have gone to sleep by themselves: each was awake before.
fn wakes(tty: &Tty) -> u64 {
    let folder = format!("/proc/{}/task", tty.child.process_id().unwrap());
    let of = |status: String| -> Option<u64> {
        status.lines().find_map(|l| l.strip_prefix("voluntary_ctxt_switches:"))?.trim().parse().ok()
    };
    let threads = std::fs::read_dir(folder).unwrap().flatten();
    threads.filter_map(|t| of(std::fs::read_to_string(t.path().join("status")).ok()?)).sum()
}

/// Another process's write comes onto the screen without a key, and nobody polls for it: until then no thread wakes.
#[test]
fn another_process_is_noticed_and_an_idle_screen_sleeps() {
    let home = tempfile::tempdir().unwrap();
    let mut tty = Tty::start(home.path(), &[]);
    tty.wait("revisions ·");
    tty.wait(" tok");
    // A second without a wake-up comes soon; a program that polls has none at all.
    let mut seconds = 0;
    loop {
        let before = wakes(&tty);
        std::thread::sleep(Duration::from_secs(1));
        if wakes(&tty) == before {
            break;
        }
        seconds += 1;
        assert!(seconds < 20, "an idle screen wakes up every second");
    }
    let registry = home.path().join(".local/share/assize/demo/registry.db");
    is_locked(&registry, tty.child.process_id().unwrap());
    let mut slowest = Duration::ZERO;
    for (n, name) in ["aaa/first", "aaa/second", "aaa/third"].iter().enumerate() {
        let text = home.path().join("text");
        std::fs::write(&text, format!("written elsewhere, {n}")).unwrap();
        let mut register = Command::new(env!("CARGO_BIN_EXE_assize"));
        register
            .args(["register", name])
            .arg(&text)
            .arg("--registry")
            .arg(&registry)
            .env("HOME", home.path());
        let out = register.output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        let begun = Instant::now();
        tty.wait(name);
        slowest = slowest.max(begun.elapsed());
    }
    eprintln!("seen at most {slowest:?} after the other process had ended");
    is_locked(&registry, tty.child.process_id().unwrap());
    tty.press("q");
    tty.ends_as_it_began("q");
    for ending in ["-wal", "-shm"] {
        let left = format!("{}{ending}", registry.display());
        assert!(!std::path::Path::new(&left).exists(), "{left} stays although nobody has the registry open");
    }
}

/// Other programs see that the registry is in use: an SQLite older than 3.51 that sees no lock on the file takes its own
/// connection for the last one, and deletes the log under this one.
fn is_locked(registry: &std::path::Path, pid: u32) {
    use std::os::unix::fs::MetadataExt;
    let Ok(locks) = std::fs::read_to_string("/proc/locks") else {
        eprintln!("SKIPPED: this system does not tell of locks");
        return;
    };
    let (pid, file) = (format!(" {pid} "), format!(":{} ", registry.metadata().unwrap().ino()));
    assert!(
        locks.lines().any(|l| l.contains(&pid) && l.contains(&file)),
        "no lock on the registry:\n{locks}"
    );
}
