//! However the screens end, the terminal is as it was before: ten ways out, and sizes, pastes and keys that nobody types.

use portable_pty::{Child, CommandBuilder, MasterPty, PtyPair, PtySize, native_pty_system};
use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

struct Seen {
    parser: vt100::Parser,
    ended: bool,
}

struct Tty {
    child: Box<dyn Child + Send + Sync>,
    pair: PtyPair,
    writer: Box<dyn Write + Send>,
    seen: Arc<(Mutex<Seen>, Condvar)>,
    before: String,
}

fn size(rows: u16, cols: u16) -> PtySize {
    PtySize { rows, cols, pixel_width: 0, pixel_height: 0 }
}

fn modes(master: &dyn MasterPty) -> String {
    let out = Command::new("stty").arg("-g").arg("-F").arg(master.tty_name().unwrap()).output().unwrap();
    String::from_utf8(out.stdout).unwrap()
}

impl Tty {
    fn start(home: &Path, extra: &[(&str, &str)]) -> Self {
        let pair = native_pty_system().openpty(size(36, 120)).unwrap();
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_assize"));
        command.arg("demo");
        command.env_clear();
        let own = [
            ("HOME", home.to_str().unwrap()),
            ("TERM", "xterm-256color"),
            ("PATH", "/usr/bin:/bin"),
            ("USER", "ana"),
        ];
        own.iter().chain(extra).for_each(|(name, value)| command.env(name, value));
        command.cwd(home);
        let before = modes(&*pair.master);
        let child = pair.slave.spawn_command(command).unwrap();
        let mut reader = pair.master.try_clone_reader().unwrap();
        let writer = pair.master.take_writer().unwrap();
        let parser = vt100::Parser::new(NonZeroU16::new(36).unwrap(), NonZeroU16::new(120).unwrap(), 0);
        let seen = Arc::new((Mutex::new(Seen { parser, ended: false }), Condvar::new()));
        let shared = Arc::clone(&seen);
        std::thread::spawn(move || {
            let mut piece = [0_u8; 65_536];
            loop {
                let n = reader.read(&mut piece).unwrap_or(0);
                let mut seen = shared.0.lock().unwrap();
                seen.parser.process(&piece[..n]);
                seen.ended = n == 0;
                shared.1.notify_all();
                if n == 0 {
                    return;
                }
            }
        });
        Self { child, pair, writer, seen, before }
    }

    fn until(&self, what: &str, wanted: impl Fn(&vt100::Screen) -> bool) {
        let end = Instant::now() + Duration::from_secs(60);
        let mut seen = self.seen.0.lock().unwrap();
        while !wanted(seen.parser.screen()) {
            let left = end.saturating_duration_since(Instant::now());
            assert!(
                !left.is_zero() && !seen.ended,
                "never came: {what}\n{}",
                seen.parser.screen().contents()
            );
            seen = self.seen.1.wait_timeout(seen, left).unwrap().0;
        }
    }

    fn wait(&self, text: &str) {
        self.until(text, |screen| screen.contents().contains(text));
    }

    fn press(&mut self, keys: &str) {
        self.writer.write_all(keys.as_bytes()).unwrap();
        self.writer.flush().unwrap();
    }

    fn signal(&self, name: &str) {
        let pid = self.child.process_id().unwrap().to_string();
        assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
    }

    /// Waits until the process stands still: a signal to go on that comes before that is lost.
    fn stands_still(&self) {
        let stat = format!("/proc/{}/stat", self.child.process_id().unwrap());
        let begun = Instant::now();
        while !std::fs::read_to_string(&stat).unwrap().contains(") T ") {
            assert!(begun.elapsed() < Duration::from_secs(30), "it does not stop");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits for the end, and compares; how long it took.
    fn ends_as_it_began(mut self, how: &str) -> Duration {
        let begun = Instant::now();
        while self.child.try_wait().unwrap().is_none() {
            assert!(begun.elapsed() < Duration::from_secs(30), "{how}: it does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
        let took = begun.elapsed();
        assert_eq!(modes(&*self.pair.master), self.before, "{how}: the line's modes differ");
        // What was written last has been read when the emulator is back on the first screen.
        self.until(&format!("{how}: given back"), |s| {
            !s.alternate_screen() && !s.hide_cursor() && !s.bracketed_paste()
        });
        took
    }
}

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
        let mut tty = Tty::start(home.path(), extra);
        tty.wait("revisions ·");
        // The preview comes last.
        tty.wait(" tok");
        assert_ne!(modes(&*tty.pair.master), tty.before, "raw mode was expected");
        if !signal.is_empty() {
            tty.signal(signal);
        }
        tty.press(keys);
        if how.starts_with("an editor") {
            tty.wait(if extra[0].1 == "false" { "nothing was saved" } else { "cannot be started" });
        }
        if how.starts_with("stopped") {
            tty.until("the screen handed back", |s| !s.alternate_screen());
            tty.stands_still();
            tty.signal("-CONT");
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

#[test]
fn storms_of_sizes_pastes_and_keys_do_not_hold_it_up() {
    let home = tempfile::tempdir().unwrap();
    let mut tty = Tty::start(home.path(), &[]);
    tty.wait("revisions ·");
    for i in 0..200_u16 {
        let (rows, cols) = [(1, 1), (2, 500), (200, 1), (200, 500), (24, 80), (7, 33)][usize::from(i) % 6];
        tty.pair.master.resize(size(rows, cols)).unwrap();
    }
    tty.pair.master.resize(size(36, 120)).unwrap();
    tty.press("\u{1b}[200~");
    for _ in 0..80 {
        tty.press(&"pasted \u{202e} text ".repeat(4_000));
    }
    tty.press("\u{1b}[201~");
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
    tty.press("q");
    tty.ends_as_it_began("q");
}
