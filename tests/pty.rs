//! The binary under a real pseudo-terminal: the whole job typed by hand, and the terminal given back after every exit.
#![expect(clippy::unwrap_used, reason = "a test that cannot start its program should fail")]

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// A program on a pseudo-terminal; what it wrote is read into a terminal emulator as it comes.
struct Tty {
    child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
    writer: Box<dyn Write + Send>,
    seen: Arc<(Mutex<Seen>, Condvar)>,
}

struct Seen {
    parser: vt100::Parser,
    raw: Vec<u8>,
    ended: bool,
}

impl Tty {
    fn start(args: &[&str], home: &Path, extra: &[(&str, &str)]) -> Self {
        let size = PtySize { rows: 36, cols: 120, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).unwrap();
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_assize"));
        command.args(args);
        command.env_clear();
        for (name, value) in [
            ("HOME", home.to_str().unwrap()),
            ("TERM", "xterm-256color"),
            ("COLORTERM", "truecolor"),
            ("PATH", "/usr/bin:/bin"),
        ] {
            command.env(name, value);
        }
        for (name, value) in extra {
            command.env(name, value);
        }
        command.cwd(home);
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let mut reader = pair.master.try_clone_reader().unwrap();
        let writer = pair.master.take_writer().unwrap();
        let parser = vt100::Parser::new(NonZeroU16::new(36).unwrap(), NonZeroU16::new(120).unwrap(), 0);
        let seen = Arc::new((Mutex::new(Seen { parser, raw: Vec::new(), ended: false }), Condvar::new()));
        let shared = Arc::clone(&seen);
        std::thread::spawn(move || {
            let mut piece = [0_u8; 65_536];
            loop {
                let n = reader.read(&mut piece).unwrap_or(0);
                let mut seen = shared.0.lock().unwrap();
                seen.parser.process(&piece[..n]);
                seen.raw.extend_from_slice(&piece[..n]);
                seen.ended = n == 0;
                shared.1.notify_all();
                if n == 0 {
                    return;
                }
            }
        });
        Self { child, master: pair.master, writer, seen }
    }

    /// Waits until the screen satisfies `wanted`.
    fn until(&self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        let end = Instant::now() + Duration::from_secs(30);
        let mut seen = self.seen.0.lock().unwrap();
        loop {
            let text = seen.parser.screen().contents();
            if wanted(&text) {
                return text;
            }
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero() && !seen.ended, "never came: {what}\n{text}");
            seen = self.seen.1.wait_timeout(seen, left).unwrap().0;
        }
    }

    fn wait(&self, text: &str) -> String {
        self.until(text, |screen| screen.contains(text))
    }

    fn press(&mut self, keys: &str) {
        self.writer.write_all(keys.as_bytes()).unwrap();
        self.writer.flush().unwrap();
    }

    fn modes(&self) -> String {
        let stty = std::process::Command::new("stty")
            .arg("-a")
            .arg("-F")
            .arg(self.master.tty_name().unwrap())
            .output()
            .unwrap();
        String::from_utf8_lossy(&stty.stdout).into_owned()
    }

    /// Waits for the end; its exit code, and whether every mode it set was taken back.
    fn end(mut self) -> (u32, bool) {
        let status = self.child.wait().unwrap();
        let end = Instant::now() + Duration::from_secs(10);
        let mut seen = self.seen.0.lock().unwrap();
        while !seen.ended && Instant::now() < end {
            seen = self.seen.1.wait_timeout(seen, Duration::from_millis(200)).unwrap().0;
        }
        let screen = seen.parser.screen();
        let restored = !screen.alternate_screen() && !screen.hide_cursor() && !screen.bracketed_paste();
        (status.exit_code(), restored)
    }
}

fn demo(home: &Path) -> Tty {
    Tty::start(&["demo"], home, &[("USER", "ana")])
}

fn send(tty: &Tty, signal: &str) {
    let pid = tty.child.process_id().unwrap().to_string();
    assert!(std::process::Command::new("kill").args([signal, &pid]).status().unwrap().success());
}

#[test]
fn the_terminal_is_given_back_after_q_and_ctrl_c_and_every_signal_that_ends() {
    for how in ["q", "\u{3}", "-TERM", "-HUP", "-INT", "-QUIT"] {
        let home = tempfile::tempdir().unwrap();
        let mut tty = demo(home.path());
        let before = {
            let screen = tty.wait("revisions ·");
            assert!(screen.contains("revisions"), "{screen}");
            tty.modes()
        };
        assert!(before.contains("-icanon"), "raw mode was expected: {before}");
        if how.starts_with('-') {
            send(&tty, how);
        } else {
            tty.press(how);
        }
        let (_, restored) = tty.end();
        assert!(restored, "after {how:?} a mode was left set");
    }
}

#[test]
fn a_stop_from_outside_gives_the_terminal_back_until_it_goes_on() {
    let home = tempfile::tempdir().unwrap();
    let mut tty = demo(home.path());
    tty.wait("revisions ·");
    send(&tty, "-TSTP");
    // The shell's screen is there again, in its modes, and the program stands still.
    tty.until("the stop", |screen| !screen.contains("revisions ·"));
    let status = format!("/proc/{}/stat", tty.child.process_id().unwrap());
    let end = Instant::now() + Duration::from_secs(10);
    let stopped = || std::fs::read_to_string(&status).unwrap().contains(") T ");
    while !stopped() {
        assert!(Instant::now() < end, "it did not stop");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(!tty.modes().contains("-icanon"), "raw mode stayed on");
    assert!(!tty.seen.0.lock().unwrap().parser.screen().bracketed_paste());
    send(&tty, "-CONT");
    tty.wait("revisions ·");
    assert!(tty.modes().contains("-icanon"));
    tty.press("q");
    assert_eq!(tty.end(), (0, true));
}

#[test]
fn without_a_terminal_the_screens_are_refused_clearly() {
    let home = tempfile::tempdir().unwrap();
    let out = std::process::Command::new(env!("CARGO_BIN_EXE_assize"))
        .env("HOME", home.path())
        .env_remove("XDG_DATA_HOME")
        .output()
        .unwrap();
    assert_eq!(out.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&out.stderr).contains("terminal"), "{out:?}");
    assert!(out.stdout.is_empty());
}

/// A panic in the loop, a drawing or a background task, made on purpose by a build with debug assertions.
#[test]
#[cfg(debug_assertions)]
fn a_panic_gives_the_terminal_back_before_its_words() {
    for place in ["loop", "draw"] {
        let home = tempfile::tempdir().unwrap();
        let mut tty = Tty::start(&["demo"], home.path(), &[("ASSIZE_TEST_PANIC", place)]);
        tty.wait("revisions ·");
        let inside = tty.modes();
        tty.press("\u{1b}[24~");
        tty.until("the panic's words", |screen| screen.contains("on purpose"));
        assert_ne!(inside, tty.modes(), "{place}: raw mode stayed on");
        let raw = String::from_utf8_lossy(&tty.seen.0.lock().unwrap().raw).into_owned();
        let left = raw.rfind("\u{1b}[?1049l");
        assert!(
            left.is_some() && left < raw.rfind("on purpose"),
            "{place}: the words went to the alternate screen"
        );
        let (code, restored) = tty.end();
        assert!(restored, "{place}");
        assert_ne!(code, 0, "{place}");
    }
    // One of a background task is told, and costs nobody the session.
    let home = tempfile::tempdir().unwrap();
    let mut tty = Tty::start(&["demo"], home.path(), &[("ASSIZE_TEST_PANIC", "worker")]);
    tty.wait("revisions ·");
    tty.press("\u{1b}[24~");
    tty.press("2");
    tty.wait("gpt-4-recorded");
    tty.press("\u{3}");
    assert_eq!(tty.end(), (0, true));
}

#[test]
fn the_whole_job_by_hand() {
    let home = tempfile::tempdir().unwrap();
    let mut tty = demo(home.path());
    tty.wait("revisions ·");
    // A history of 58 revisions.
    tty.press("/analyze_prose/system\r");
    tty.wait("58 revisions");
    tty.press("\r");
    tty.press("j");
    tty.press("d");
    tty.wait("hunk");
    tty.wait("→");
    tty.press("q");
    tty.wait("58 revisions");
    // The recorded judge over all items, live; then three scores by hand.
    tty.press("2");
    tty.wait("gpt-4-recorded");
    tty.press("J");
    tty.wait("640 verdicts");
    tty.press("\r");
    tty.wait("640 / 640");
    tty.press("q");
    tty.wait("recorded");
    tty.press("3");
    for done in ["0 of 640", "1 of 640", "2 of 640"] {
        // What is not on the screen yet cannot be scored: the hints come with the item.
        tty.until(done, |screen| screen.contains(done) && screen.contains("1-5 score"));
        tty.press("4");
    }
    tty.wait("3 of 640");
    tty.press("\u{3}");
    assert_eq!(tty.end(), (0, true));
    // Another start finds all of it.
    let mut tty = demo(home.path());
    tty.wait("revisions ·");
    tty.press("2");
    tty.until("two runs", |screen| screen.matches("complete").count() >= 2);
    tty.press("3");
    tty.wait("3 of 640");
    tty.press("\u{3}");
    assert_eq!(tty.end(), (0, true));
}

#[test]
fn an_editor_gets_the_terminal_whole_and_its_text_becomes_a_revision() {
    use std::os::unix::fs::PermissionsExt;
    let home = tempfile::tempdir().unwrap();
    let editor = home.path().join("editor.sh");
    std::fs::write(&editor, "#!/bin/sh\ntest -t 0 || exit 3\nprintf 'edited here\\n' > \"$1\"\n").unwrap();
    std::fs::set_permissions(&editor, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut tty = Tty::start(&["demo"], home.path(), &[("EDITOR", editor.to_str().unwrap())]);
    tty.wait("revisions ·");
    tty.press("/analyze_prose/system\r");
    tty.wait("58 revisions");
    tty.press("\r");
    tty.wait("tok");
    tty.press("e");
    // What changed is shown before a reason is asked for.
    tty.wait("draft not saved yet");
    tty.press("s");
    tty.wait("Why?");
    tty.press("made shorter\r");
    tty.wait("59 revisions");
    tty.press("q");
    tty.press("q");
    tty.press("\u{3}");
    assert!(tty.end().1);
}

#[test]
fn twenty_items_are_reviewed_in_sixty_keys_and_found_again() {
    let home = tempfile::tempdir().unwrap();
    let mut tty = demo(home.path());
    tty.wait("revisions ·");
    let mut keys = 0;
    let mut press = |tty: &mut Tty, key: &str| {
        tty.press(key);
        keys += 1;
    };
    press(&mut tty, "3");
    for done in 0..20 {
        let count = format!("{done} of 640");
        if done == 10 {
            // The end of a batch: the judge beside one's own scores.
            tty.until("the first reveal", |s| s.contains("go on") && !s.contains("1-5 score"));
            press(&mut tty, " ");
        }
        tty.until(&count, |s| s.contains("1-5 score") && s.contains(&count));
        press(&mut tty, ["3", "4", "5"][done % 3]);
    }
    tty.until("the second reveal", |s| s.contains("go on") && !s.contains("1-5 score"));
    press(&mut tty, " ");
    tty.wait("20 of 640");
    assert!(keys <= 60, "{keys} keys");
    tty.press("\u{3}");
    assert_eq!(tty.end(), (0, true));
    let mut tty = demo(home.path());
    tty.wait("revisions ·");
    tty.press("3");
    tty.wait("20 of 640");
    tty.press("\u{3}");
    assert_eq!(tty.end(), (0, true));
}
