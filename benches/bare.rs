//! The bare loop that a run is measured against: the same requests over the same connections, with nothing stored,
//! parsed or shown. It prints one line: wall time, requests per second, and the peak of resident memory.
//!
//! Side by side with a run of the program, over as many items on one criterion (`mockai` is any OpenAI-compatible server
//! that answers after 50 ms):
//!
//! ```text
//! cargo build --release
//! mockai --port 8150 --latency-ms 50 &
//! cargo bench --bench bare -- http://127.0.0.1:8150/v1 2000 64 target/release/assize
//! ```
//! The run's wall time is that of its `wall_s`: from taking the run to its end, every verdict durable; reading the items and
//! making a registry come before it. It is to be within 1.10 of the loop's at 2000 x 50 ms, 1.5 at 200 x 50 ms, 3 at
//! 2000 x 0 ms, within 40 MiB. Figures name their profile: `cargo bench` builds with the release profile's optimisation.

use serde_json::json;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let (url, n, c, program) = match args.as_slice() {
        [url, n, c] => (url, n, c, None),
        [url, n, c, program] => (url, n, c, Some(program.as_str())),
        _ => {
            // `cargo bench` and `cargo test --benches` call every bench without arguments.
            println!(
                "bare: give a base URL, the number of requests and how many at once; see benches/bare.rs"
            );
            return ExitCode::SUCCESS;
        }
    };
    let (Ok(n), Ok(c)) = (n.parse(), c.parse()) else {
        eprintln!("bare: '{n}' and '{c}' must be whole numbers");
        return ExitCode::from(2);
    };
    let measured = run(url, n, c);
    let beside = match (program, &measured) {
        (Some(program), Ok(bare)) => beside(program, url, n, c, *bare),
        _ => Ok(()),
    };
    if let Err(error) = beside {
        eprintln!("bare: {error}");
        return ExitCode::FAILURE;
    }
    match measured {
        Ok(wall) => {
            let rate = n as f64 / wall.as_secs_f64();
            let rss = peak_rss_kib()
                .map_or_else(|| "unknown".to_owned(), |kib| format!("{:.1} MiB", kib as f64 / 1024.0));
            println!(
                "bare: {n} requests, {c} at once: wall {:.3} s, {rate:.0}/s, peak RSS {rss}",
                wall.as_secs_f64()
            );
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("bare: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(url: &str, n: usize, c: usize) -> anyhow::Result<Duration> {
    // Fails only when a provider is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
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

/// The same number of verdicts by the program, into a registry of its own that is thrown away.
fn beside(program: &str, url: &str, n: usize, c: usize, bare: Duration) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let (items, registry) = (folder.path().join("items.jsonl"), folder.path().join("r.db"));
    let line = |i: usize| {
        let response = format!("Answer {i}. {}", "A sentence to be judged. ".repeat(24));
        format!(
            "{}\n",
            json!({"id": format!("c{i}"), "prompt": format!("Question {i}?"), "response": response})
        )
    };
    std::fs::write(&items, (0..n).map(line).collect::<String>())?;
    let began = Instant::now();
    let mut child = std::process::Command::new(program)
        .arg("--registry")
        .arg(&registry)
        .args(["run", "--criteria", "accuracy", "--json", "--judge", &format!("{url}#mock"), "--items"])
        .arg(&items)
        .args(["--concurrency", &c.to_string()])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()?;
    let mut peak = 0;
    while child.try_wait()?.is_none() {
        peak = peak.max(peak_rss_kib_of(child.id()).unwrap_or(0));
        std::thread::sleep(Duration::from_millis(5));
    }
    let all = began.elapsed().as_secs_f64();
    let run: serde_json::Value = serde_json::from_slice(&child.wait_with_output()?.stdout)?;
    let wall = run["wall_s"].as_f64().unwrap_or(f64::NAN);
    println!(
        "assize: {} of {n} scored: wall {wall:.3} s ({:.2} of the bare loop), {all:.3} s from start to end, peak RSS {:.1} MiB",
        run["verdicts"]["scored"],
        wall / bare.as_secs_f64(),
        peak as f64 / 1024.0
    );
    Ok(())
}

/// A request of the size a judge sends.
fn body(i: usize) -> serde_json::Value {
    let system = "You are a judge. ".repeat(120);
    let user = format!("Item {i}. {}", "A response to be judged. ".repeat(60));
    let messages = [json!({"role": "system", "content": system}), json!({"role": "user", "content": user})];
    json!({"model": "mock", "messages": messages, "temperature": 0, "max_tokens": 1024})
}

/// The most memory this process ever held, as Linux tells it.
fn peak_rss_kib() -> Option<u64> {
    peak_rss_kib_of(std::process::id())
}

fn peak_rss_kib_of(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}
