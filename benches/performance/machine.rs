//! What was measured where: a page of figures is worth nothing without it.

use crate::{Bench, line};
use std::fmt::Write as _;
use std::process::Command;

fn first_line(program: &str, args: &[&str]) -> Option<String> {
    let out = Command::new(program).args(args).output().ok()?;
    String::from_utf8(out.stdout).ok()?.lines().next().map(|l| l.trim().to_owned())
}

fn after<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines()
        .find_map(|l| l.strip_prefix(name))
        .map(|rest| rest.trim_start_matches([':', '\t', ' ']).trim())
}

/// Where and when a section was measured by itself.
pub fn line(bench: &Bench) -> String {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    format!(
        "Measured by itself on {}: {}, {} cores; {}.",
        jiff::Timestamp::now().strftime("%Y-%m-%d"),
        after(&cpu, "model name").unwrap_or("processor unknown"),
        std::thread::available_parallelism().map_or(0, usize::from),
        first_line(bench.program.to_str().unwrap(), &["--version"]).unwrap_or_default()
    )
}

/// The head of the page.
pub fn head(bench: &Bench) -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let (cpu, memory) = (read("/proc/cpuinfo"), read("/proc/meminfo"));
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let gib =
        after(&memory, "MemTotal").and_then(|m| m.split(' ').next()?.parse::<f64>().ok()).unwrap_or(0.0);
    let mut out = String::from("# How fast it is\n\n");
    line!(
        out,
        "Written by `cargo bench --bench performance -- --write` (benches/performance says how each figure is taken)."
    );
    line!(
        out,
        "Each ratio is of two things measured in turn in this one run; milliseconds alone are this machine's. `met` is"
    );
    line!(out, "against the project's own targets.");
    line!(out);
    line!(
        out,
        "- {} · {cores} cores, {:.0} GiB · Linux {}",
        jiff::Timestamp::now().strftime("%Y-%m-%d"),
        gib / 1048576.0,
        read("/proc/sys/kernel/osrelease").trim()
    );
    line!(out, "- {}", after(&cpu, "model name").unwrap_or("processor unknown"));
    line!(out, "- load at the start: {}", read("/proc/loadavg").split(' ').next().unwrap_or("?"));
    let version = first_line(bench.program.to_str().unwrap(), &["--version"]).unwrap_or_default();
    let built = if bench.program.to_string_lossy().contains("dist") { "dist" } else { "release" };
    line!(out, "- {version}, {built} profile, {}", first_line("rustc", &["--version"]).unwrap_or_default());
    let peers = ["gitui", "tig", "delta", "difft", "promptfoo", "git", "sqlite3"];
    let versions: Vec<String> = peers
        .iter()
        .filter_map(|name| {
            let said = first_line(bench.peer(name)?.to_str()?, &["--version"])?;
            let number = said.split_whitespace().find(|w| w.starts_with(|c: char| c.is_ascii_digit()))?;
            Some(format!("{name} {number}"))
        })
        .collect();
    line!(out, "- beside it: {}", versions.join(", "));
    out
}
