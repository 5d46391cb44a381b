//! First frame and key to paint, measured from outside through a pseudo-terminal, on a registry of this size.
//!
//! ```text
//! cargo bench --bench screens                                   fabric-sized: 60 prompts, 600 revisions
//! cargo bench --bench screens -- --prompts 10000 --revisions 10
//! ```
//! Prints milliseconds: the program's start to the text of its first full frame (median of 15), and a key to the last
//! byte it caused (median and 99th percentile of 200).
#![expect(clippy::unwrap_used, reason = "a bench that cannot start its program should fail")]

use assize::core::prompt::Template;
use assize::store::{NewRevision, Store};
use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use std::io::{Read, Write};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

fn argument(name: &str, otherwise: usize) -> usize {
    let args: Vec<String> = std::env::args().collect();
    args.iter().position(|a| a == name).and_then(|i| args.get(i + 1)?.parse().ok()).unwrap_or(otherwise)
}

fn main() {
    let (prompts, revisions) = (argument("--prompts", 60), argument("--revisions", 10));
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("registry.db");
    let begun = Instant::now();
    let rows: Vec<NewRevision> = (0..prompts)
        .flat_map(|p| {
            (0..revisions).map(move |r| {
                let body = format!(
                    "# Prompt {p}\n\nRevision {r}.\n{}",
                    "A line of instructions that says what to do.\n".repeat(40)
                );
                NewRevision {
                    message: Some(format!("change {r}")),
                    ..NewRevision::new(format!("team/prompt-{p:05}").parse().unwrap(), Template::text(body))
                }
            })
        })
        .collect();
    let count = rows.len();
    Store::open(&path).unwrap().import_revisions(rows).unwrap();
    let took = begun.elapsed();
    println!(
        "registry       {prompts} prompts, {count} revisions, imported in {:.2} s ({:.0}/s)",
        took.as_secs_f64(),
        count as f64 / took.as_secs_f64()
    );

    let mut first: Vec<f64> = (0..15).map(|_| Tty::start(&path).1).collect();
    first.sort_by(f64::total_cmp);
    println!(
        "first frame    {:.1} ms median, {:.1} worst of 15",
        first[first.len() / 2],
        first[first.len() - 1]
    );

    let (mut tty, _) = Tty::start(&path);
    tty.quiet(Duration::from_millis(300));
    let mut keys: Vec<f64> = (0..200).map(|i| tty.key(if i % 20 < 15 { b"j" } else { b"k" })).collect();
    keys.sort_by(f64::total_cmp);
    println!("key to paint   {:.2} ms median, {:.2} p99 of 200 (j and k in Prompts)", keys[100], keys[198]);
    tty.key(b"\r");
    tty.quiet(Duration::from_millis(200));
    tty.key(b"d");
    tty.quiet(Duration::from_millis(200));
    let mut keys: Vec<f64> = (0..200).map(|i| tty.key(if i % 20 < 10 { b"j" } else { b"k" })).collect();
    keys.sort_by(f64::total_cmp);
    println!("key to paint   {:.2} ms median, {:.2} p99 of 200 (j and k in Diff)", keys[100], keys[198]);
}

struct Tty {
    writer: Box<dyn Write + Send>,
    output: Receiver<(Instant, Vec<u8>)>,
    child: Box<dyn portable_pty::Child + Send + Sync>,
    _master: Box<dyn portable_pty::MasterPty + Send>,
}

impl Tty {
    /// Starts the program; milliseconds until its first full frame was there.
    fn start(registry: &std::path::Path) -> (Self, f64) {
        let pair = native_pty_system()
            .openpty(PtySize { rows: 40, cols: 120, pixel_width: 0, pixel_height: 0 })
            .unwrap();
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_assize"));
        command.args(["--registry", registry.to_str().unwrap()]);
        command.env("TERM", "xterm-256color");
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
        let mut parser = vt100::Parser::new(40.try_into().unwrap(), 120.try_into().unwrap(), 0);
        let tty = Self { writer, output, child, _master: pair.master };
        // Full: the list, the history and the preview of the first prompt.
        loop {
            let (at, bytes) = tty.output.recv_timeout(Duration::from_secs(20)).unwrap();
            parser.process(&bytes);
            let screen = parser.screen().contents();
            if screen.contains("prompts ·") && screen.contains("change") && screen.contains("# Prompt 0") {
                return (tty, (at - begun).as_secs_f64() * 1e3);
            }
        }
    }

    /// Waits until nothing was written for a while.
    fn quiet(&self, for_so_long: Duration) {
        while self.output.recv_timeout(for_so_long).is_ok() {}
    }

    /// Milliseconds from a key to the last byte of what it caused.
    fn key(&mut self, key: &[u8]) -> f64 {
        let begun = Instant::now();
        self.writer.write_all(key).unwrap();
        self.writer.flush().unwrap();
        let mut last = begun;
        if let Ok((at, _)) = self.output.recv_timeout(Duration::from_millis(500)) {
            last = at;
            while let Ok((at, _)) = self.output.recv_timeout(Duration::from_millis(20)) {
                last = at;
            }
        }
        (last - begun).as_secs_f64() * 1e3
    }
}

impl Drop for Tty {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
