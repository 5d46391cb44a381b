//! The bare loop that a run is measured against: the same requests over the same connections, with nothing stored,
//! parsed or shown. It prints one line: wall time, requests per second, and the peak of resident memory.
//!
//! Side by side with a run, over 2000 items on one criterion (`mockai` is any OpenAI-compatible server that answers
//! after 50 ms; `items.jsonl` holds 2000 lines with `id`, `prompt` and `response`):
//!
//! ```text
//! mockai --port 8150 --latency-ms 50 &
//! cargo bench --bench bare -- http://127.0.0.1:8150/v1 2000 64
//! cargo build --release
//! /usr/bin/time -v target/release/assize --registry /tmp/bench.db run --items items.jsonl \
//!     --criteria accuracy --judge http://127.0.0.1:8150/v1#mock --concurrency 64 --json > run.json
//! ```
//! The run's `wall_s` is to be within 1.10 of the line's wall time. Figures name their profile: `cargo bench` builds with
//! the release profile's optimisation.

use serde_json::json;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let [url, n, c] = args.as_slice() else {
        // `cargo bench` and `cargo test --benches` call every bench without arguments.
        println!("bare: give a base URL, the number of requests and how many at once; see benches/bare.rs");
        return ExitCode::SUCCESS;
    };
    let (Ok(n), Ok(c)) = (n.parse(), c.parse()) else {
        eprintln!("bare: '{n}' and '{c}' must be whole numbers");
        return ExitCode::from(2);
    };
    match run(url, n, c) {
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

/// A request of the size a judge sends.
fn body(i: usize) -> serde_json::Value {
    let system = "You are a judge. ".repeat(120);
    let user = format!("Item {i}. {}", "A response to be judged. ".repeat(60));
    let messages = [json!({"role": "system", "content": system}), json!({"role": "user", "content": user})];
    json!({"model": "mock", "messages": messages, "temperature": 0, "max_tokens": 1024})
}

/// The most memory this process ever held, as Linux tells it.
fn peak_rss_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}
