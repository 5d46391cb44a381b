//! What drawing a live run costs: the grid of a run that takes a thousand verdicts a second, its loop's own processor time.
//!
//! The first thread of the program is the one that updates and draws; judging, saving and reading have others. Its share
//! of a core is therefore an upper bound of what drawing costs.

use crate::server::Server;
use crate::tty::Tty;
use crate::{Bench, judge, line, target, targets};
use std::fmt::Write as _;
use std::process::Stdio;
use std::time::{Duration, Instant};

const ITEMS: usize = 20_000;
/// So long it is watched.
const SPAN: Duration = Duration::from_secs(5);

/// Starts a run, opens its grid, and watches.
pub fn section(bench: &Bench, out: &mut String) {
    let server = Server::start(48);
    let home = bench.dir.join("drawing");
    std::fs::create_dir_all(home.join(".config/assize")).unwrap();
    let config =
        format!("[judge.mock]\nbase_url = \"{}\"\nmodel = \"mock\"\nconcurrency = 50\n", server.url());
    std::fs::write(home.join(".config/assize/config.toml"), config).unwrap();
    judge::items(&home.join("items.jsonl"), ITEMS);
    let registry = home.join("r.db");
    let registry = registry.to_str().unwrap();
    // A run that was begun and killed: what is left of it is taken up on the screen.
    let mut begun =
        bench.command(&["--registry", registry, "run", "--criteria", "accuracy", "--judge", "mock"]);
    begun
        .args(["--items", "items.jsonl"])
        .env("HOME", &home)
        .env_remove("XDG_CONFIG_HOME")
        .current_dir(&home);
    let mut begun = begun.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while server.asked() < 50 {
        assert!(begun.try_wait().unwrap().is_none(), "the run ended before it began");
        std::thread::sleep(Duration::from_millis(20));
    }
    begun.kill().unwrap();
    begun.wait().unwrap();
    let mut tty = Tty::start(&[bench.program.to_str().unwrap(), "--registry", registry], &home);
    tty.until(&["prompts ·"]);
    for key in [&b"2"[..], b"\r"] {
        tty.quiet();
        tty.send(key);
    }
    tty.until(&["c000000"]);
    tty.quiet();
    tty.send(b"r");
    tty.watch(Duration::from_secs(1));
    let (cpu, all, asked, begun) = (tty.loop_cpu_ns(), tty.cpu_ns(), server.asked(), Instant::now());
    let (bytes, frames) = tty.watch(SPAN);
    let span = begun.elapsed().as_secs_f64();
    let share = (tty.loop_cpu_ns() - cpu) as f64 / 1e9 / span * 100.0;
    let whole = (tty.cpu_ns() - all) as f64 / 1e9 / span * 100.0;
    let rate = (server.asked() - asked) as f64 / span;
    if rate < 100.0 {
        eprintln!("the run does not run:\n{}", tty.text());
    }
    line!(out, "The grid of a run of {ITEMS} items, {rate:.0} verdicts a second, watched for {span:.0} s:\n");
    targets(out);
    target(out, "the loop's thread, updating and drawing", share, " % of a core", 15.0, "< 15 %");
    target(out, "frames", frames as f64 / span, " a second", 120.0, "<= 120");
    line!(out, "| bytes written to the terminal | {:.0} a second | | |", bytes as f64 / span);
    line!(out, "| the whole program: judging, saving, drawing | {whole:.1} % of a core | | |");
}
