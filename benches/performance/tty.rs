//! A program on a pseudo-terminal, timed from outside: what it wrote and when, and what it cost the processor.
//!
//! ```text
//! spawn -> until(text on the screen) -> key, key, key ... (each: first byte, last byte, bytes, CPU) -> kill
//! ```

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use std::io::{Read, Write};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// Nothing written for so long: the answer to a key is complete.
const SILENCE: Duration = Duration::from_millis(40);
/// Longer than any answer.
const PATIENCE: Duration = Duration::from_secs(30);

pub struct Tty {
    writer: Box<dyn Write + Send>,
    output: Receiver<(Instant, Vec<u8>)>,
    child: Box<dyn Child + Send + Sync>,
    _master: Box<dyn MasterPty + Send>,
    screen: vt100::Parser,
    begun: Instant,
}

/// What one key did.
#[derive(Clone, Copy)]
pub struct Answer {
    /// Milliseconds to the first byte of the answer.
    pub first: f64,
    /// Milliseconds to its last byte.
    pub last: f64,
    /// Bytes written to the terminal.
    pub bytes: usize,
    /// Milliseconds of processor time, of all threads.
    pub cpu: f64,
}

impl Tty {
    /// Starts a program on a screen of 120 by 40 cells, in a folder that is its home.
    pub fn start(words: &[&str], home: &std::path::Path) -> Self {
        Self::start_in(words, home, home)
    }

    /// The same, in another folder.
    pub fn start_in(words: &[&str], home: &std::path::Path, folder: &std::path::Path) -> Self {
        let size = PtySize { rows: 40, cols: 120, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).unwrap();
        let mut command = CommandBuilder::new(words[0]);
        command.args(&words[1..]);
        command.env("TERM", "xterm-256color");
        command.env("HOME", home);
        command.env("XDG_CONFIG_HOME", home.join(".config"));
        command.cwd(folder);
        command.env("COLORTERM", "truecolor");
        let begun = Instant::now();
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let mut reader = pair.master.try_clone_reader().unwrap();
        let writer = pair.master.take_writer().unwrap();
        let (send, output) = channel();
        std::thread::spawn(move || {
            let mut piece = [0_u8; 65_536];
            while let Ok(n) = reader.read(&mut piece) {
                if n == 0 || send.send((Instant::now(), piece[..n].to_vec())).is_err() {
                    return;
                }
            }
        });
        let screen = vt100::Parser::new(40.try_into().unwrap(), 120.try_into().unwrap(), 0);
        Self { writer, output, child, _master: pair.master, screen, begun }
    }

    /// Milliseconds from the start until all of these stood on the screen.
    pub fn until(&mut self, texts: &[&str]) -> f64 {
        let end = Instant::now() + PATIENCE;
        let mut at = Instant::now();
        while !texts.iter().all(|t| self.screen.screen().contents().contains(t)) {
            match self.output.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok((when, bytes)) => {
                    at = when;
                    self.screen.process(&bytes);
                }
                Err(_) => panic!("{texts:?} never came:\n{}", self.screen.screen().contents()),
            }
        }
        (at - self.begun).as_secs_f64() * 1e3
    }

    /// Waits until nothing was written for a while.
    pub fn quiet(&mut self) {
        while let Ok((_, bytes)) = self.output.recv_timeout(Duration::from_millis(300)) {
            self.screen.process(&bytes);
        }
    }

    /// Sends bytes, whatever they cause.
    pub fn send(&mut self, bytes: &[u8]) {
        self.writer.write_all(bytes).unwrap();
        self.writer.flush().unwrap();
    }

    /// Sends a key and watches what it does.
    pub fn key(&mut self, key: &[u8]) -> Answer {
        let before = self.cpu_ns();
        let begun = Instant::now();
        self.send(key);
        let (mut first, mut last, mut bytes) = (None, begun, 0);
        let mut wait = Duration::from_millis(500);
        while let Ok((at, piece)) = self.output.recv_timeout(wait) {
            self.screen.process(&piece);
            first.get_or_insert(at);
            (last, bytes, wait) = (at, bytes + piece.len(), SILENCE);
        }
        let ms = |at: Instant| (at - begun).as_secs_f64() * 1e3;
        let cpu = self.cpu_ns().saturating_sub(before) as f64 / 1e6;
        Answer { first: ms(first.unwrap_or(begun)), last: ms(last), bytes, cpu }
    }

    /// Processor time of all threads so far, in nanoseconds.
    pub fn cpu_ns(&self) -> u64 {
        self.of_threads("schedstat", |text| text.split_whitespace().next()?.parse().ok())
    }

    /// Processor time of its first thread, which is the one that updates and draws.
    pub fn loop_cpu_ns(&self) -> u64 {
        let stat =
            self.pid().and_then(|p| std::fs::read_to_string(format!("/proc/{p}/task/{p}/schedstat")).ok());
        stat.and_then(|text| text.split_whitespace().next()?.parse().ok()).unwrap_or(0)
    }

    /// Takes in what is written for so long; the bytes, and in how many bursts (frames: at least 3 ms apart) they came.
    pub fn watch(&mut self, how_long: Duration) -> (usize, usize) {
        let end = Instant::now() + how_long;
        let (mut bytes, mut bursts, mut last) = (0, 0, None::<Instant>);
        while let Ok((at, piece)) = self.output.recv_timeout(end.saturating_duration_since(Instant::now())) {
            self.screen.process(&piece);
            bursts += usize::from(last.is_none_or(|l| at - l > Duration::from_millis(3)));
            (bytes, last) = (bytes + piece.len(), Some(at));
        }
        (bytes, bursts)
    }

    /// How often its threads have been put to sleep by themselves: each was awake before.
    pub fn wakes(&self) -> u64 {
        self.of_threads("status", |text| {
            text.lines().find_map(|l| l.strip_prefix("voluntary_ctxt_switches:"))?.trim().parse().ok()
        })
    }

    /// Resident memory now and at its peak, in MiB.
    pub fn memory(&self) -> (f64, f64) {
        let text = self.pid().and_then(|p| std::fs::read_to_string(format!("/proc/{p}/status")).ok());
        let of = |name: &str| -> f64 {
            let line = text.as_deref().and_then(|t| t.lines().find_map(|l| l.strip_prefix(name)));
            line.and_then(|l| l.split_whitespace().next()?.parse::<f64>().ok()).unwrap_or(f64::NAN) / 1024.0
        };
        (of("VmRSS:"), of("VmHWM:"))
    }

    fn pid(&self) -> Option<u32> {
        self.child.process_id()
    }

    fn of_threads(&self, file: &str, read: impl Fn(&str) -> Option<u64>) -> u64 {
        let Some(pid) = self.pid() else { return 0 };
        let Ok(threads) = std::fs::read_dir(format!("/proc/{pid}/task")) else { return 0 };
        threads.flatten().filter_map(|t| read(&std::fs::read_to_string(t.path().join(file)).ok()?)).sum()
    }

    /// What is on the screen.
    pub fn text(&self) -> String {
        self.screen.screen().contents()
    }
}

impl Drop for Tty {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
