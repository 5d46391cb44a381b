//! A program on a terminal of its own, watched through an emulator.

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, SlavePty, native_pty_system};
use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

pub struct Seen {
    parser: vt100::Parser,
    pub bytes: Vec<u8>,
    ended: bool,
}

/// A program on a pseudo-terminal; what it writes is read into a terminal emulator as it comes.
pub struct Tty {
    pub child: Box<dyn Child + Send + Sync>,
    pub master: Box<dyn MasterPty + Send>,
    /// Held while the line's modes are asked for: once nobody holds this end, the line begins anew.
    slave: Option<Box<dyn SlavePty + Send>>,
    writer: Box<dyn Write + Send>,
    seen: Arc<(Mutex<Seen>, Condvar)>,
    before: String,
}

pub fn size(rows: u16, cols: u16) -> PtySize {
    PtySize { rows, cols, pixel_width: 0, pixel_height: 0 }
}

/// The modes of the line, as `stty` tells them.
fn modes(master: &dyn MasterPty) -> String {
    let out = Command::new("stty").arg("-g").arg("-F").arg(master.tty_name().unwrap()).output().unwrap();
    String::from_utf8(out.stdout).unwrap()
}

impl Tty {
    /// The demo's screens.
    pub fn start(home: &Path, extra: &[(&str, &str)]) -> Self {
        Self::run(home, &[env!("CARGO_BIN_EXE_assize"), "demo"], extra)
    }

    /// Any program.
    pub fn run(home: &Path, words: &[&str], extra: &[(&str, &str)]) -> Self {
        let pair = native_pty_system().openpty(size(36, 120)).unwrap();
        let mut command = CommandBuilder::new(words[0]);
        command.args(&words[1..]);
        command.env_clear();
        let own = [
            ("HOME", home.to_str().unwrap()),
            ("TERM", "xterm-256color"),
            ("COLORTERM", "truecolor"),
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
        let seen = Seen { parser, bytes: Vec::new(), ended: false };
        let seen = Arc::new((Mutex::new(seen), Condvar::new()));
        let shared = Arc::clone(&seen);
        std::thread::spawn(move || {
            let mut piece = [0_u8; 65_536];
            loop {
                let n = reader.read(&mut piece).unwrap_or(0);
                let mut seen = shared.0.lock().unwrap();
                seen.parser.process(&piece[..n]);
                seen.bytes.extend_from_slice(&piece[..n]);
                seen.ended = n == 0;
                shared.1.notify_all();
                if n == 0 {
                    return;
                }
            }
        });
        Self { child, master: pair.master, slave: Some(pair.slave), writer, seen, before }
    }

    pub fn until(&self, what: &str, wanted: impl Fn(&vt100::Screen) -> bool) {
        self.until_seen(what, |seen| wanted(seen.parser.screen()));
    }

    /// As [`Tty::until`], also of what is on the screen no more.
    pub fn until_seen(&self, what: &str, wanted: impl Fn(&Seen) -> bool) {
        let end = Instant::now() + Duration::from_secs(60);
        let mut seen = self.seen.0.lock().unwrap();
        while !wanted(&seen) {
            let left = end.saturating_duration_since(Instant::now());
            assert!(
                !left.is_zero() && !seen.ended,
                "never came: {what}\n{}",
                seen.parser.screen().contents()
            );
            seen = self.seen.1.wait_timeout(seen, left).unwrap().0;
        }
    }

    pub fn wait(&self, text: &str) {
        self.until(text, |screen| screen.contents().contains(text));
    }

    /// What the screen shows now.
    pub fn screen<T>(&self, look: impl FnOnce(&vt100::Screen) -> T) -> T {
        look(self.seen.0.lock().unwrap().parser.screen())
    }

    pub fn press(&mut self, keys: &str) {
        self.writer.write_all(keys.as_bytes()).unwrap();
        self.writer.flush().unwrap();
    }

    pub fn signal(&self, name: &str) {
        let pid = self.child.process_id().unwrap().to_string();
        assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
    }

    /// Waits until the process stands still: a signal to go on that comes before that is lost.
    pub fn stands_still(&self) {
        let stat = format!("/proc/{}/stat", self.child.process_id().unwrap());
        let begun = Instant::now();
        while !std::fs::read_to_string(&stat).unwrap().contains(") T ") {
            assert!(begun.elapsed() < Duration::from_secs(30), "it does not stop");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits for the end; how long it took.
    pub fn end(&mut self, how: &str) -> Duration {
        let begun = Instant::now();
        while self.child.try_wait().unwrap().is_none() {
            assert!(begun.elapsed() < Duration::from_secs(30), "{how}: it does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
        begun.elapsed()
    }

    /// Waits for the end, and compares; how long it took.
    pub fn ends_as_it_began(mut self, how: &str) -> Duration {
        let took = self.end(how);
        assert!(!self.line_differs(), "{how}: the line's modes differ");
        self.read_to_the_end(how);
        assert!(self.screen(is_given_back), "{how}: a mode of the screen was left set");
        let written = String::from_utf8_lossy(&self.bytes()).into_owned();
        assert!(
            written.rfind("\u{1b}[?7l") <= written.rfind("\u{1b}[?7h"),
            "{how}: lines do not wrap any more"
        );
        took
    }

    /// Waits until all that an ended program wrote has been read.
    pub fn read_to_the_end(&mut self, how: &str) {
        // The reader sees an end when nobody can write any more.
        self.slave = None;
        let seen = self.seen.0.lock().unwrap();
        let end = Duration::from_secs(30);
        let (seen, waited) = self.seen.1.wait_timeout_while(seen, end, |seen| !seen.ended).unwrap();
        drop(seen);
        assert!(!waited.timed_out(), "{how}: somebody still holds the terminal");
    }

    /// Every byte that was written to the terminal.
    pub fn bytes(&self) -> Vec<u8> {
        self.seen.0.lock().unwrap().bytes.clone()
    }

    /// Whether the line's modes are others than before the start, as in raw mode.
    pub fn line_differs(&self) -> bool {
        modes(&*self.master) != self.before
    }
}

/// Whether no mode of the screen is left set.
pub fn is_given_back(screen: &vt100::Screen) -> bool {
    !screen.alternate_screen() && !screen.hide_cursor() && !screen.bracketed_paste()
}
