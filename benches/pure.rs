//! The pure parts on the paths that people wait for: hashing, reading a reply, rendering, counting tokens, statistics, and
//! a frame of the Prompts screen. (Diff and the refinement of words: benches/diff.rs; the registry: benches/store.rs.)
//! `cargo bench --bench pure`

#![expect(clippy::unwrap_used, reason = "a bench that cannot set its stage should fail")]

use assize::config::Config;
use assize::core::digest::Digest;
use assize::core::prompt::Syntax;
use assize::core::stats::agreement::agreement;
use assize::core::stats::compare::{Pair, PairedInput, paired_compare};
use assize::core::{parse, template, text, tokens};
use assize::interop::generated::RegistrySize;
use assize::store::Store;
use assize::tui::testing::Harness;
use assize::tui::theme::Theme;
use divan::{Bencher, counter::BytesCount};

fn main() {
    divan::main();
}

/// A prompt of about this many bytes.
fn prompt(bytes: usize) -> String {
    let shape = RegistrySize { prompts: 1, revisions: 1, verdicts: 0, seed: 1 };
    let mut text = String::new();
    for n in 0.. {
        if text.len() >= bytes {
            break;
        }
        text.push_str(&shape.text(n, 0));
    }
    text
}

const SIZES: [usize; 2] = [2 << 10, 1 << 20];

#[divan::bench(args = SIZES)]
fn digest(bencher: Bencher, bytes: usize) {
    let text = prompt(bytes);
    bencher.counter(BytesCount::new(text.len())).bench(|| Digest::of(&text));
}

#[divan::bench(args = SIZES)]
fn count_tokens(bencher: Bencher, bytes: usize) {
    let text = prompt(bytes);
    tokens::count(&text);
    bencher.counter(BytesCount::new(text.len())).bench(|| tokens::count(&text));
}

#[divan::bench(args = SIZES)]
fn estimate_tokens(bencher: Bencher, bytes: usize) {
    let text = prompt(bytes);
    bencher.counter(BytesCount::new(text.len())).bench(|| tokens::estimate(&text));
}

#[divan::bench(args = SIZES)]
fn escape_for_a_terminal(bencher: Bencher, bytes: usize) {
    let text = prompt(bytes);
    bencher.counter(BytesCount::new(text.len())).bench(|| text::escape(&text).len());
}

#[divan::bench]
fn render_a_template(bencher: Bencher) {
    let text = prompt(2 << 10);
    let values = serde_json::json!({"input": "an article", "language": "Italian"});
    let values = values.as_object().unwrap().clone();
    bencher.bench(|| template::render(&text, Syntax::Jinja, &values).unwrap());
}

fn reply() -> String {
    serde_json::json!({
        "evidence": ["the cause is named", "the remedy is named"],
        "explanation": "It names the cause and the remedy, and leaves out the date. ".repeat(8),
        "injection_suspected": false,
        "score": 4,
    })
    .to_string()
}

#[divan::bench]
fn read_a_reply(bencher: Bencher) {
    let reply = reply();
    bencher.bench(|| parse::read(&reply).unwrap());
}

#[divan::bench]
fn read_a_reply_in_prose(bencher: Bencher) {
    let reply =
        format!("Let me think about it step by step.\n\n```json\n{}\n```\nThat is my verdict.", reply());
    bencher.bench(|| parse::read(&reply).unwrap());
}

/// Scores from 1 to 5 of so many cases, by a fixed rule.
fn scores(n: usize, shift: usize) -> impl Iterator<Item = u8> {
    (0..n).map(move |i| 1 + ((i * 7 + i / 3 + shift * (i % 4)) % 5) as u8)
}

#[divan::bench(args = [20, 200, 2_000])]
fn compare_two_arms(bencher: Bencher, n: usize) {
    let pairs = scores(n, 0).zip(scores(n, 1));
    let pairs =
        pairs.map(|(a, b)| Pair { a: Some(f64::from(a)), b: Some(f64::from(b)), cluster: None }).collect();
    let input = [PairedInput { name: "accuracy".into(), pairs, people: Vec::new() }];
    bencher.bench(|| paired_compare(&input, 1));
}

#[divan::bench(args = [200, 2_000], sample_count = 10)]
fn agreement_with_intervals(bencher: Bencher, n: usize) {
    let pairs: Vec<(u8, u8)> = scores(n, 0).zip(scores(n, 1)).collect();
    bencher.bench(|| agreement(&pairs, None));
}

#[divan::bench(args = [(80, 24), (160, 45)])]
fn draw_the_prompts_screen(bencher: Bencher, size: (u16, u16)) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("r.db");
    let shape = RegistrySize { prompts: 500, revisions: 1_500, verdicts: 0, seed: 3 };
    let mut store = Store::open(&path).unwrap();
    for rows in shape.revisions() {
        store.import_revisions(rows).unwrap();
    }
    drop(store);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let mut screen = runtime.block_on(Harness::open(&path, Config::default(), false, size, Theme::Dark));
    runtime.block_on(screen.keys("j"));
    bencher.bench_local(|| screen.draw());
}
