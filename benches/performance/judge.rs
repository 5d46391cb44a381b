//! Judge runs beside the bare loop (the same requests over the same kind of connections, with nothing stored, parsed or
//! shown) and beside promptfoo, against an endpoint that answers after 50 ms or at once.
//!
//! The program's time is its `wall_s`: from taking the run to its end, every verdict durable; reading the items and making a
//! registry come before it and are told apart. promptfoo's is the whole command's.

use crate::pairs::median;
use crate::server::Server;
use crate::{Bench, line, target, targets};
use serde_json::json;
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// At once.
const AT_ONCE: usize = 64;
/// Times of each, in turn.
const ROUNDS: usize = 5;

/// The bare loop's wall time. In this process: a client with nothing else to do.
fn bare(url: &str, n: usize, c: usize, threads: usize) -> anyhow::Result<Duration> {
    // Fails only when a provider is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = match threads {
        1 => tokio::runtime::Builder::new_current_thread().enable_all().build()?,
        n => tokio::runtime::Builder::new_multi_thread().worker_threads(n).enable_all().build()?,
    };
    runtime.block_on(async {
        let client =
            reqwest::Client::builder().pool_max_idle_per_host(c).timeout(Duration::from_secs(120)).build()?;
        let (url, next) =
            (format!("{}/chat/completions", url.trim_end_matches('/')), Arc::new(AtomicUsize::new(0)));
        let begun = Instant::now();
        let workers: Vec<_> = (0..c)
            .map(|_| {
                let (client, url, next) = (client.clone(), url.clone(), Arc::clone(&next));
                tokio::spawn(async move {
                    loop {
                        let i = next.fetch_add(1, Ordering::Relaxed);
                        if i >= n {
                            return anyhow::Ok(());
                        }
                        let reply = client.post(&url).json(&body(i)).send().await?.error_for_status()?;
                        reply.bytes().await?;
                    }
                })
            })
            .collect();
        for worker in workers {
            worker.await??;
        }
        Ok(begun.elapsed())
    })
}

/// Items to be judged, one case each.
pub fn items(path: &Path, n: usize) {
    let line = |i: usize| {
        let response = format!("Answer {i}. {}", "A sentence to be judged. ".repeat(24));
        format!(
            "{}\n",
            json!({"id": format!("c{i:06}"), "prompt": format!("Question {i}?"), "response": response})
        )
    };
    std::fs::write(path, (0..n).map(line).collect::<String>()).unwrap();
}

/// Waits for the end of a process; its peak of resident memory in MiB.
fn peak_of(child: &mut Child) -> f64 {
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0.0_f64;
    while child.try_wait().unwrap().is_none() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|l| l.strip_prefix("VmHWM:"));
        let kib = line.and_then(|l| l.split_whitespace().next()?.parse::<f64>().ok()).unwrap_or(0.0);
        peak = peak.max(kib / 1024.0);
        std::thread::sleep(Duration::from_millis(5));
    }
    peak
}

/// What a run took.
struct Took {
    /// From taking the run to its end, in seconds.
    wall: f64,
    /// From start to end of the process.
    all: f64,
    /// MiB.
    peak: f64,
}

fn ours(bench: &Bench, url: &str, n: usize) -> Took {
    let folder = tempfile::tempdir().unwrap();
    items(&folder.path().join("items.jsonl"), n);
    let mut command = bench.command(&["--registry", "r.db", "run", "--criteria", "accuracy", "--json"]);
    command.args([
        "--items",
        "items.jsonl",
        "--judge",
        &format!("{url}#mock"),
        "--concurrency",
        &AT_ONCE.to_string(),
    ]);
    let begun = Instant::now();
    let mut child =
        command.current_dir(folder.path()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let peak = peak_of(&mut child);
    let all = begun.elapsed().as_secs_f64();
    let run: serde_json::Value = serde_json::from_slice(&child.wait_with_output().unwrap().stdout).unwrap();
    assert_eq!(run["verdicts"]["scored"].as_u64(), Some(n as u64), "{run}");
    Took { wall: run["wall_s"].as_f64().unwrap(), all, peak }
}

/// promptfoo over the same items: the response is echoed, one grader call judges it.
fn promptfoo(bench: &Bench, program: &Path, url: &str, n: usize) -> Took {
    let folder = tempfile::tempdir().unwrap();
    let grader = json!({"id": "openai:chat:mock", "config": {"apiBaseUrl": url, "apiKey": "none"}});
    let test = |i: usize| json!({"vars": {"response": format!("Answer {i}. {}", "A sentence to be judged. ".repeat(24))}});
    let config = json!({
        "prompts": ["{{response}}"], "providers": ["echo"], "tests": (0..n).map(test).collect::<Vec<_>>(),
        "defaultTest": {"options": {"provider": grader}, "assert": [{"type": "llm-rubric", "value": "It answers the question"}]},
    });
    std::fs::write(folder.path().join("promptfooconfig.json"), config.to_string()).unwrap();
    let mut command = Command::new(program);
    command
        .args([
            "eval",
            "-c",
            "promptfooconfig.json",
            "--no-cache",
            "--no-progress-bar",
            "--no-table",
            "-o",
            "out.json",
        ])
        .args(["-j", &AT_ONCE.to_string()])
        .current_dir(folder.path())
        .env("HOME", &bench.dir)
        .env("PROMPTFOO_CONFIG_DIR", folder.path().join("pf"))
        .env("PROMPTFOO_DISABLE_TELEMETRY", "1")
        .env("PROMPTFOO_DISABLE_UPDATE", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let begun = Instant::now();
    let mut child = command.spawn().unwrap();
    let peak = peak_of(&mut child);
    let all = begun.elapsed().as_secs_f64();
    let written = std::fs::read_to_string(folder.path().join("out.json")).unwrap_or_default();
    let passed = serde_json::from_str::<serde_json::Value>(&written).unwrap_or_default()["results"]["stats"]
        ["successes"]
        .as_u64();
    if passed != Some(n as u64) {
        eprintln!("promptfoo passed {passed:?} of {n}");
    }
    Took { wall: all, all, peak }
}

/// One size against one endpoint: the medians of a few turns; bare on one thread, on all cores, ours.
fn beside(bench: &Bench, server: &Server, n: usize) -> (f64, f64, Took) {
    let (mut loops, mut wide, mut peak) = (Vec::new(), Vec::new(), 0.0_f64);
    let (mut walls, mut alls) = (Vec::new(), Vec::new());
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    for _ in 0..ROUNDS {
        loops.push(bare(&server.url(), n, AT_ONCE, 1).unwrap().as_secs_f64());
        wide.push(bare(&server.url(), n, AT_ONCE, cores).unwrap().as_secs_f64());
        let took = ours(bench, &server.url(), n);
        walls.push(took.wall);
        alls.push(took.all);
        peak = peak.max(took.peak);
    }
    (median(&loops), median(&wide), Took { wall: median(&walls), all: median(&alls), peak })
}

/// Measures the three sizes.
pub fn section(bench: &Bench, out: &mut String) {
    line!(
        out,
        "One judge call a case, {AT_ONCE} at once, medians of {ROUNDS} in turn; the endpoint is a process of its own on this machine:\n"
    );
    line!(out, "| program | cases x latency | s | from start to end | peak MiB |");
    line!(out, "|---|---|---|---|---|");
    let cases = [(2_000, 50, 1.10), (200, 50, 1.5), (2_000, 0, 3.0)];
    let mut ratios = Vec::new();
    let pf = bench.peer("promptfoo");
    for (n, latency, most) in cases {
        let server = Server::start(latency);
        let (bare, wide, took) = beside(bench, &server, n);
        let size = format!("{n} x {latency} ms");
        line!(out, "| bare loop, one thread | {size} | {bare:.3} | | |");
        line!(out, "| bare loop, a thread a core | {size} | {wide:.3} | | |");
        line!(
            out,
            "| assize, every verdict durable | {size} | {:.3} | {:.3} | {:.0} |",
            took.wall,
            took.all,
            took.peak
        );
        let mut faster = None;
        if let Some(pf) = pf.as_ref().filter(|_| latency > 0) {
            let theirs = promptfoo(bench, pf, &server.promptfoo_url(), n);
            line!(out, "| promptfoo | {size} | | {:.1} | {:.0} |", theirs.all, theirs.peak);
            faster = Some(theirs.all / took.all);
        }
        ratios.push((size, took.wall / bare, most, faster, took.peak, took.all, bare));
    }
    line!(out);
    targets(out);
    for (size, ratio, most, ..) in &ratios {
        target(
            out,
            &format!("{size}, of the bare loop on one thread"),
            *ratio,
            "",
            *most,
            &format!("<= {most:.2}"),
        );
    }
    target(out, "peak memory, 2,000 cases", ratios[0].4, " MiB", 40.0, "<= 40 MiB");
    if let Some(faster) = ratios[0].3 {
        // How much there is to be had: a loop that does nothing but ask.
        let bound = faster * ratios[0].5 / ratios[0].6;
        let met = if faster >= 11.0 { "met" } else { "**missed**" };
        line!(
            out,
            "| 2000 x 50 ms, times as fast as promptfoo, start to end (the bare loop: {bound:.1}) | {faster:.1} | >= 11 | {met} |"
        );
    }
}

/// A request of the size a judge sends.
fn body(i: usize) -> serde_json::Value {
    let system = "You are a judge. ".repeat(120);
    let user = format!("Item {i}. {}", "A response to be judged. ".repeat(60));
    let messages = [json!({"role": "system", "content": system}), json!({"role": "user", "content": user})];
    json!({"model": "mock", "messages": messages, "temperature": 0, "max_tokens": 1024})
}
