//! First frame, key to paint, idle and memory, measured from outside through a pseudo-terminal of 120 by 40 cells.
//!
//! ```text
//! cargo bench --bench screens                              10,000 prompts, 100,000 revisions, 100,000 verdicts
//! cargo bench --bench screens -- --prompts 100 --revisions 1000 --verdicts 1000
//! cargo bench --bench screens -- --registry FILE           a registry of `assize bench-data`
//! cargo bench --bench screens -- --only Diff --samples 50 --program target/dist/assize
//! ```
//! A row per screen: milliseconds from a key to the first and to the last byte it caused, bytes written, processor time.
//! Latencies are those of a shared machine; processor time and bytes are not.
#![expect(clippy::unwrap_used, reason = "a bench that cannot start its program should fail")]

use assize::interop::generated::Shape;
use assize::store::Store;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tty::{Answer, Tty, quantile};

mod tty;

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
    Place { name: "Diff", way: &[(b"\r", ""), (b"d", "Revision 8")], keys: SHORT },
    Place { name: "Diff, older", way: &[(b"\r", ""), (b"d", "Revision 8")], keys: &[b"[", b"[", b"]", b"]"] },
    Place { name: "Runs", way: &[(b"2", "made-up")], keys: SHORT },
    Place { name: "Run grid", way: &[(b"2", "made-up"), (b"\r", "case-000003")], keys: SCROLL },
    Place {
        name: "Item",
        way: &[(b"2", "made-up"), (b"\r", "case-000003"), (b"\r", "Response 0")],
        keys: &[b"n", b"n", b"n", b"N"],
    },
    Place { name: "Review", way: &[(b"3", "accuracy")], keys: &[b"s"] },
];

fn argument(name: &str) -> Option<String> {
    let args: Vec<String> = std::env::args().collect();
    args.iter().position(|a| a == name).and_then(|i| args.get(i + 1).cloned())
}

fn number(name: &str, otherwise: usize) -> usize {
    argument(name).and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

fn main() {
    // `cargo test --benches` only asks whether it can run.
    if std::env::args().any(|a| a == "--test") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let registry = argument("--registry").map_or_else(|| made(dir.path()), PathBuf::from);
    let program = argument("--program").unwrap_or_else(|| env!("CARGO_BIN_EXE_assize").to_owned());
    let words = [program.as_str(), "--registry", registry.to_str().unwrap()];
    first_frame(&words, number("--starts", 15));
    let only = argument("--only");
    println!("| screen | first byte ms, median | last byte ms, median | p99 | bytes a key | CPU ms a key |");
    println!("|---|---|---|---|---|---|");
    for place in PLACES.iter().filter(|p| only.as_ref().is_none_or(|o| p.name.starts_with(o.as_str()))) {
        keys(&words, place, number("--samples", 200));
    }
    idle(&words);
}

/// Makes the registry in this folder.
fn made(dir: &Path) -> PathBuf {
    let path = dir.join("registry.db");
    let shape = Shape {
        prompts: number("--prompts", 10_000),
        revisions: number("--revisions", 100_000),
        verdicts: number("--verdicts", 100_000),
        seed: 1,
    };
    let mut store = Store::open(&path).unwrap();
    for rows in shape.revisions() {
        store.import_revisions(rows).unwrap();
    }
    if shape.verdicts > 0 {
        store.import_items("made-up", shape.items()).unwrap();
    }
    println!(
        "registry: {} prompts, {} revisions, {} verdicts\n",
        shape.prompts, shape.revisions, shape.verdicts
    );
    path
}

/// List, history and preview of the first prompt are all there.
const WHOLE: [&str; 3] = ["prompts ·", "change 0", "# Prompt 0"];

fn first_frame(words: &[&str], starts: usize) {
    let (mut first, mut cpu) = (Vec::new(), Vec::new());
    for _ in 0..starts {
        let mut tty = Tty::start(words);
        first.push(tty.until(&WHOLE));
        cpu.push(tty.cpu_ns() as f64 / 1e6);
    }
    let mut bare: Vec<f64> = (0..starts)
        .map(|_| Tty::start(&["/bin/sh", "-c", "printf ready; sleep 1"]).until(&["ready"]))
        .collect();
    println!(
        "first whole frame: {:.1} ms median, {:.1} worst of {starts}; {:.1} ms of processor time; a shell's printf: {:.1} ms\n",
        quantile(&mut first.clone(), 0.5),
        quantile(&mut first, 1.0),
        quantile(&mut cpu, 0.5),
        quantile(&mut bare, 0.5)
    );
}

fn keys(words: &[&str], place: &Place, samples: usize) {
    let mut tty = Tty::start(words);
    tty.until(&WHOLE);
    for (key, text) in place.way {
        tty.quiet();
        tty.send(key);
        tty.until(&[text]);
    }
    tty.quiet();
    let answers: Vec<Answer> = place.keys.iter().cycle().take(samples).map(|key| tty.key(key)).collect();
    if answers.iter().all(|a| a.bytes == 0) {
        eprintln!("no key did anything on {}:\n{}", place.name, tty.text());
    }
    let of = |get: fn(&Answer) -> f64, share: f64| {
        let mut values: Vec<f64> = answers.iter().filter(|a| a.bytes > 0).map(get).collect();
        quantile(&mut values, share)
    };
    println!(
        "| {} | {:.2} | {:.2} | {:.2} | {:.0} | {:.2} |",
        place.name,
        of(|a| a.first, 0.5),
        of(|a| a.last, 0.5),
        of(|a| a.last, 0.99),
        of(|a| a.bytes as f64, 0.5),
        of(|a| a.cpu, 0.5)
    );
}

fn idle(words: &[&str]) {
    let mut tty = Tty::start(words);
    tty.until(&WHOLE);
    tty.quiet();
    std::thread::sleep(Duration::from_secs(1));
    let (wakes, cpu) = (tty.wakes(), tty.cpu_ns());
    std::thread::sleep(Duration::from_secs(3));
    let (now, peak) = tty.memory();
    println!(
        "\nidle: {} wake-ups and {:.3} ms of processor time in 3 s; memory {now:.1} MiB, {peak:.1} at its peak",
        tty.wakes() - wakes,
        (tty.cpu_ns() - cpu) as f64 / 1e6
    );
}
