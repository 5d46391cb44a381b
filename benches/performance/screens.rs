//! First frame, key to paint, bytes a key and idle, from outside through a pseudo-terminal of 120 by 40 cells, beside gitui
//! and tig on a repository of 5,000 commits.
//!
//! A row per screen: milliseconds from a key to the first and to the last byte it caused, bytes written, processor time.
//! The programs are started in turn, so that a machine that slows down slows all of them.

use crate::pairs::{median, quantile};
use crate::tty::{Answer, Tty};
use crate::{Bench, line, target, targets};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// A screen: how to come there from the first frame, what stands there then, and the keys that are timed.
struct Place {
    name: &'static str,
    way: &'static [(&'static [u8], &'static str)],
    keys: &'static [&'static [u8]],
}

const J: &[u8] = b"j";
const K: &[u8] = b"k";
const SCROLL: &[&[u8]] = &[J, J, J, J, J, J, J, J, J, J, J, J, J, J, J, K, K, K, K, K];
const SHORT: &[&[u8]] = &[J, J, J, J, K, K, K, K];

/// The screens.
const PLACES: &[Place] = &[
    Place { name: "Prompts", way: &[], keys: SCROLL },
    Place { name: "Prompts, pages", way: &[], keys: &[b"\x04"] },
    Place { name: "History", way: &[(b"\r", "")], keys: SHORT },
    Place { name: "Diff", way: &[(b"\r", ""), (b"d", "Revision 8")], keys: &[b"n", b"w", b"N", b"w"] },
    Place { name: "Diff, older", way: &[(b"\r", ""), (b"d", "Revision 8")], keys: &[b"[", b"[", b"]", b"]"] },
    Place { name: "Run grid", way: &[(b"2", "made-up"), (b"\r", "case-000003")], keys: SCROLL },
    Place {
        name: "Item",
        way: &[(b"2", "made-up"), (b"\r", "case-000003"), (b"\r", "Response 0")],
        keys: &[b"n", b"n", b"n", b"N"],
    },
    Place { name: "Review", way: &[(b"3", "accuracy")], keys: &[b"s"] },
];

/// Starts of each program, and of two builds of ours, of which small differences are to be seen.
const STARTS: usize = 15;
const STARTS_OF_TWO: usize = 61;

/// List, history and preview of the first prompt are all there.
const WHOLE: [&str; 3] = ["prompts ·", "change 0", "# Prompt 0"];

/// A terminal program on the repository: what stands on its first whole frame, and the keys from there.
struct Peer {
    name: &'static str,
    words: Vec<String>,
    whole: &'static [&'static str],
    way: &'static [(&'static [u8], &'static str)],
}

fn peers(bench: &Bench) -> Vec<Peer> {
    let found = |name: &str| bench.peer(name).map(|p| vec![p.to_string_lossy().into_owned()]);
    let gitui = found("gitui").map(|words| Peer {
        name: "gitui",
        words,
        // The changed file and its difference: as ours, a frame with something on it.
        whole: &["Status [1]", "not yet committed"],
        way: &[(b"2", "commit 4990")],
    });
    let tig = found("tig").map(|words| Peer {
        name: "tig",
        words,
        whole: &["commit 4999", "commit 4990"],
        way: &[],
    });
    [gitui, tig].into_iter().flatten().collect()
}

/// A repository of 5,000 commits of one file.
fn repository(bench: &Bench) -> PathBuf {
    let folder = bench.dir.join("repo");
    let git = |args: &[&str]| {
        let mut command = Command::new("git");
        command.args(args).env("HOME", &bench.dir).env("GIT_CONFIG_NOSYSTEM", "1").stdin(Stdio::piped());
        command
    };
    assert!(git(&["init", "-q", folder.to_str().unwrap()]).status().unwrap().success());
    let mut stream = String::new();
    for n in 0..5_000 {
        let (message, text) = (format!("commit {n}"), format!("line {n}\n"));
        line!(stream, "commit refs/heads/main\ncommitter a <a@b> {} +0000", 1_700_000_000 + n * 60);
        line!(stream, "data {}\n{message}\nM 644 inline f\ndata {}\n{text}", message.len(), text.len());
    }
    let mut import = git(&["-C", folder.to_str().unwrap(), "fast-import", "--quiet"]).spawn().unwrap();
    std::io::Write::write_all(&mut import.stdin.take().unwrap(), stream.as_bytes()).unwrap();
    assert!(import.wait().unwrap().success());
    assert!(git(&["-C", folder.to_str().unwrap(), "checkout", "-q", "main"]).status().unwrap().success());
    std::fs::write(folder.join("f"), "line 4999\nnot yet committed\n").unwrap();
    folder
}

/// A copy of a program: how its file was written decides how many pages the kernel maps at once (a linker's output took 988 page
/// faults, `cp`'s of the same bytes 867), so that both builds are copied alike.
fn copied(bench: &Bench, program: &Path, name: &str) -> String {
    let copy = bench.dir.join(name);
    std::fs::copy(program, &copy).unwrap();
    copy.to_str().unwrap().to_owned()
}

fn first_frames(bench: &Bench, repo: &Path, peers: &[Peer], out: &mut String) {
    let registry = bench.large().to_str().unwrap();
    let mut earlier = bench.earlier();
    let ours = if let Some(words) = earlier.as_mut() {
        words[0] = copied(bench, Path::new(&words[0]), "earlier");
        copied(bench, &bench.program, "ours")
    } else {
        bench.program.to_str().unwrap().to_owned()
    };
    let ours = [ours.as_str(), "--registry", registry];
    let (mut first, mut cpu, mut bare) = (Vec::new(), Vec::new(), Vec::new());
    let mut before = Vec::new();
    let mut theirs = vec![Vec::new(); peers.len()];
    let starts = if earlier.is_some() { STARTS_OF_TWO } else { STARTS };
    let once = |words: &[&str]| {
        let mut tty = Tty::start(words, &bench.dir);
        (tty.until(&WHOLE), tty.cpu_ns() as f64 / 1e6)
    };
    for turn in 0..starts {
        let words: Option<Vec<&str>> = earlier.as_ref().map(|w| w.iter().map(String::as_str).collect());
        // Whoever starts after the other finds the machine awake: they change places.
        if let Some(words) = words.as_ref().filter(|_| turn % 2 == 0) {
            before.push(once(words).0);
        }
        let (took, processor) = once(&ours);
        first.push(took);
        cpu.push(processor);
        if let Some(words) = words.as_ref().filter(|_| turn % 2 == 1) {
            before.push(once(words).0);
        }
        bare.push(Tty::start(&["/bin/sh", "-c", "printf ready; sleep 1"], &bench.dir).until(&["ready"]));
        for (peer, times) in peers.iter().zip(&mut theirs) {
            let words: Vec<&str> = peer.words.iter().map(String::as_str).collect();
            times.push(Tty::start_in(&words, &bench.dir, repo).until(peer.whole));
        }
    }
    line!(
        out,
        "First whole frame (list, history and preview are there), median of {starts} starts in turn:\n"
    );
    line!(out, "| program | ms | slowest | |");
    line!(out, "|---|---|---|---|");
    let row = |out: &mut String, name: &str, times: &[f64], more: &str| {
        line!(out, "| {name} | {:.1} | {:.1} | {more} |", median(times), quantile(times, 1.0));
    };
    let more = format!(
        "10,000 prompts, 100,000 revisions, 100,000 verdicts; {:.1} ms of processor time",
        median(&cpu)
    );
    row(out, "assize", &first, &more);
    if earlier.is_some() {
        row(out, "assize, an earlier build", &before, "the same, started in turn");
    }
    for (peer, times) in peers.iter().zip(&theirs) {
        row(out, peer.name, times, "5,000 commits, one changed file");
    }
    row(out, "`sh -c printf`", &bare, "a process and a terminal alone");
    line!(out);
    if earlier.is_some() {
        targets(out);
        target(
            out,
            "first whole frame, of the earlier build's",
            median(&first) / median(&before),
            "",
            1.05,
            "<= 1.05",
        );
        line!(out);
    }
    if let Some(at) = peers.iter().position(|p| p.name == "gitui") {
        targets(out);
        target(out, "first whole frame, of gitui's", median(&first) / median(&theirs[at]), "", 0.5, "<= 0.5");
        line!(out);
    }
}

/// Keys on one screen, from outside; the program's home and its folder.
fn keys(
    words: &[&str],
    home: (&Path, &Path),
    whole: &[&str],
    way: &[(&[u8], &str)],
    keys: &[&[u8]],
    samples: usize,
) -> Vec<Answer> {
    let mut tty = Tty::start_in(words, home.0, home.1);
    tty.until(whole);
    for (key, text) in way {
        tty.quiet();
        tty.send(key);
        tty.until(&[text]);
    }
    tty.quiet();
    let answers: Vec<Answer> = keys.iter().cycle().take(samples).map(|key| tty.key(key)).collect();
    if answers.iter().all(|a| a.bytes == 0) {
        eprintln!("no key did anything:\n{}", tty.text());
    }
    answers.into_iter().filter(|a| a.bytes > 0).collect()
}

fn of(answers: &[Answer], get: fn(&Answer) -> f64, share: f64) -> f64 {
    quantile(&answers.iter().map(get).collect::<Vec<_>>(), share)
}

fn row(out: &mut String, name: &str, answers: &[Answer]) {
    line!(
        out,
        "| {name} | {:.2} | {:.2} | {:.2} | {:.0} | {:.2} |",
        of(answers, |a| a.first, 0.5),
        of(answers, |a| a.last, 0.5),
        of(answers, |a| a.last, 0.99),
        of(answers, |a| a.bytes as f64, 0.5),
        of(answers, |a| a.cpu, 0.5)
    );
}

/// Measures first frames, keys and idling.
pub fn section(bench: &Bench, out: &mut String) {
    let (repo, peers) = (repository(bench), peers(bench));
    first_frames(bench, &repo, &peers, out);
    let registry = bench.large().to_str().unwrap();
    let ours = [bench.program.to_str().unwrap(), "--registry", registry];
    line!(out, "A key, then the bytes it caused; {} keys a screen:\n", bench.samples);
    line!(
        out,
        "| screen | first byte ms, median | last byte ms, median | p99 | bytes a key | CPU ms a key |"
    );
    line!(out, "|---|---|---|---|---|---|");
    let mut worst = (0.0_f64, 0.0_f64);
    for place in PLACES {
        let answers = keys(&ours, (&bench.dir, &bench.dir), &WHOLE, place.way, place.keys, bench.samples);
        row(out, place.name, &answers);
        worst = (worst.0.max(of(&answers, |a| a.last, 0.5)), worst.1.max(of(&answers, |a| a.last, 0.99)));
    }
    if let Some(words) = bench.earlier() {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let answers = keys(&words, (&bench.dir, &bench.dir), &WHOLE, &[], SCROLL, bench.samples);
        row(out, "Prompts, the earlier build", &answers);
    }
    for peer in &peers {
        let words: Vec<&str> = peer.words.iter().map(String::as_str).collect();
        row(
            out,
            &format!("{}, its log", peer.name),
            &keys(&words, (&bench.dir, &repo), peer.whole, peer.way, SCROLL, bench.samples),
        );
    }
    line!(out);
    targets(out);
    target(out, "key to last byte, the slowest screen's median", worst.0, " ms", 2.0, "<= 2 ms");
    target(out, "the slowest screen's p99", worst.1, " ms", 5.0, "<= 5 ms");
    idle(&ours, &bench.dir, out);
}

fn idle(words: &[&str], home: &Path, out: &mut String) {
    let mut tty = Tty::start(words, home);
    tty.until(&WHOLE);
    tty.quiet();
    std::thread::sleep(Duration::from_secs(1));
    let (wakes, cpu) = (tty.wakes(), tty.cpu_ns());
    std::thread::sleep(Duration::from_secs(5));
    let wakes = (tty.wakes() - wakes) as f64 / 5.0;
    target(out, "idle: wake-ups", wakes, " a second", 0.0, "0");
    line!(out, "| idle: processor time in 5 s | {:.3} ms | | |", (tty.cpu_ns() - cpu) as f64 / 1e6);
}
