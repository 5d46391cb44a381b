//! What the registry takes for the calls people wait for, on registries of 1k and 10k revisions
//! (100k too with `ASSIZE_BENCH_LARGE=1`), and on a run of 100k verdicts. Files lie in the temporary folder;
//! each write ends in an fsync, so its time is mostly the disk's.
//!
//! `cargo bench --bench store`; one group alone: `cargo bench --bench store -- cells`.

#![expect(clippy::unwrap_used, reason = "a bench that cannot make its registry should fail")]

use assize::core::digest::Digest;
use assize::core::item::{ImportedVerdict, Item, Subject};
use assize::core::prompt::{PromptName, Selector, Template};
use assize::store::{Handle, ListQuery, NewRevision, PoolQuery, Store};
use divan::{Bencher, counter::ItemsCount};
use std::collections::HashMap;
use std::sync::{LazyLock, Mutex};

/// Revisions of one prompt.
const EACH: usize = 20;

fn main() {
    divan::main();
}

fn sizes() -> Vec<usize> {
    let large = std::env::var_os("ASSIZE_BENCH_LARGE").is_some();
    if large { vec![1_000, 10_000, 100_000] } else { vec![1_000, 10_000] }
}

fn prompt(i: usize) -> PromptName {
    format!("team-{}/prompt-{:05}", i % 7, i).parse().unwrap()
}

/// About 2 KB of words in 30 lines, one of which differs from the revision before.
fn body(prompt: usize, revision: usize) -> String {
    let line = |n: usize| {
        let seed = if n == revision % 30 { prompt * 31 + revision * 7 + n } else { prompt * 31 + n };
        let words = (0..11).map(|w| format!("w{:x}", (seed * 2_654_435_761 + w * 97) % 4_096));
        words.collect::<Vec<_>>().join(" ")
    };
    (0..30).map(line).collect::<Vec<_>>().join("\n")
}

fn rows(n: usize) -> Vec<NewRevision> {
    let row = |i: usize| {
        let (which, revision) = (i / EACH, i % EACH);
        NewRevision {
            message: Some(format!("change {revision}")),
            author: Some("ana".into()),
            origin: Some(Digest::of(i.to_string())),
            ..NewRevision::new(prompt(which), Template::text(body(which, revision)))
        }
    };
    (0..n).map(row).collect()
}

/// A seeded registry on disk, made once per size.
fn seeded(n: usize) -> std::path::PathBuf {
    static MADE: LazyLock<Mutex<HashMap<usize, tempfile::TempDir>>> = LazyLock::new(Mutex::default);
    let mut made = MADE.lock().unwrap();
    let dir = made.entry(n).or_insert_with(|| {
        let dir = tempfile::tempdir().unwrap();
        let mut store = Store::open(&dir.path().join("r.db")).unwrap();
        store.import_revisions(rows(n)).unwrap();
        dir
    });
    dir.path().join("r.db")
}

/// A registry whose one run holds 100k verdicts: 10k items, 5 passes, two criteria.
fn judged() -> std::path::PathBuf {
    static MADE: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
        let dir = tempfile::tempdir().unwrap();
        let mut store = Store::open(&dir.path().join("r.db")).unwrap();
        store.import_items("bench", (0..10_000).map(item).collect()).unwrap();
        dir
    });
    MADE.path().join("r.db")
}

fn item(i: usize) -> Item {
    let verdict = |n: usize| {
        let refused = (i + n).is_multiple_of(50);
        ImportedVerdict {
            label: None,
            criterion: ["accuracy", "clarity"][n % 2].into(),
            judge: "j".into(),
            repeat: (n / 2) as u32,
            score: if refused { None } else { Some(((i + n) % 5 + 1) as u8) },
            explanation: "The response names the cause and the remedy, and leaves out the date.".into(),
            state: refused.then(|| "refused".to_owned()),
            reply: None,
        }
    };
    Item {
        id: format!("case-{:05}", i / 2),
        arm: ["a", "b"][i % 2].into(),
        response: format!("Response {i}: {}", body(i, 0).chars().take(300).collect::<String>()),
        subject: Subject { prompt: "Answer the question.".into(), ..Subject::default() },
        verdicts: (0..10).map(verdict).collect(),
    }
}

#[divan::bench(args = sizes(), sample_count = 3, sample_size = 1)]
fn import(bencher: Bencher, n: usize) {
    bencher
        .counter(ItemsCount::new(n))
        .with_inputs(|| {
            let dir = tempfile::tempdir().unwrap();
            let store = Store::open(&dir.path().join("r.db")).unwrap();
            (dir, store, rows(n))
        })
        .bench_local_values(|(dir, mut store, rows)| {
            store.import_revisions(rows).unwrap();
            (dir, store)
        });
}

#[divan::bench(args = sizes())]
fn register(bencher: Bencher, n: usize) {
    let mut store = Store::open(&seeded(n)).unwrap();
    let mut i = 0;
    bencher.bench_local(|| {
        i += 1;
        let text = format!("{} {}", body(0, 0), Digest::of(format!("{i}{:?}", std::time::Instant::now())));
        store.register(NewRevision::new("written/often".parse().unwrap(), Template::text(text))).unwrap()
    });
}

/// The program's own part of registering: the same without a disk.
#[divan::bench]
fn register_in_memory(bencher: Bencher) {
    let mut store = Store::in_memory().unwrap();
    store.import_revisions(rows(1_000)).unwrap();
    let mut i = 0;
    bencher.bench_local(|| {
        i += 1;
        store.register(NewRevision::new(prompt(3), Template::text(format!("{} {i}", body(0, 0))))).unwrap()
    });
}

/// 100 writers at once: what one of them waits for, when its group shares a commit.
#[divan::bench(sample_count = 20)]
fn group_of_100(bencher: Bencher) {
    let dir = tempfile::tempdir().unwrap();
    let handle = Handle::open(&dir.path().join("r.db")).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut i = 0;
    bencher.counter(ItemsCount::new(100_usize)).bench_local(|| {
        runtime.block_on(async {
            let writes = (0..100).map(|_| {
                i += 1;
                let new = NewRevision::new(prompt(i % 10), Template::text(format!("text {i}")));
                handle.write(move |s| s.register(new))
            });
            futures_util::future::join_all(writes).await
        })
    });
}

#[divan::bench(args = sizes())]
fn resolve_label_and_digest(bencher: Bencher, n: usize) {
    let store = Store::open(&seeded(n)).unwrap();
    let prefix = Digest::of(body(3, 4)).short().parse::<Selector>().unwrap();
    bencher.bench_local(|| store.resolve(&prompt(3), &prefix).unwrap());
}

#[divan::bench(args = sizes())]
fn get_latest(bencher: Bencher, n: usize) {
    let store = Store::open(&seeded(n)).unwrap();
    bencher.bench_local(|| {
        let info = store.resolve(&prompt(3), &Selector::LATEST).unwrap();
        store.text(&info.digest).unwrap()
    });
}

#[divan::bench(args = sizes())]
fn list_page_of_50(bencher: Bencher, n: usize) {
    let store = Store::open(&seeded(n)).unwrap();
    let query = ListQuery { offset: n / EACH / 2, limit: Some(50), ..ListQuery::default() };
    bencher.bench_local(|| store.list(&query).unwrap());
}

#[divan::bench(args = sizes())]
fn list_filtered(bencher: Bencher, n: usize) {
    let store = Store::open(&seeded(n)).unwrap();
    let query = ListQuery { containing: Some("0042".into()), limit: Some(50), ..ListQuery::default() };
    bencher.bench_local(|| store.list(&query).unwrap());
}

#[divan::bench(args = sizes())]
fn log_20(bencher: Bencher, n: usize) {
    let store = Store::open(&seeded(n)).unwrap();
    bencher.bench_local(|| store.log(&prompt(7), None, Some(20)).unwrap());
}

#[divan::bench(args = sizes())]
fn search_two_words(bencher: Bencher, n: usize) {
    let store = Store::open(&seeded(n)).unwrap();
    let words: Vec<String> = body(5, 1).split_whitespace().take(2).map(str::to_owned).collect();
    bencher.bench_local(|| store.search(&words.join(" "), 50).unwrap());
}

/// While typing: a beginning that stands in most lines.
#[divan::bench(args = sizes(), sample_count = 10, sample_size = 1)]
fn search_common_beginning(bencher: Bencher, n: usize) {
    let store = Store::open(&seeded(n)).unwrap();
    bencher.bench_local(|| store.search("w1", 50).unwrap());
}

#[divan::bench(args = sizes())]
fn open(bencher: Bencher, n: usize) {
    let path = seeded(n);
    bencher.bench_local(|| Store::open(&path).unwrap());
}

#[divan::bench(args = sizes(), sample_count = 3, sample_size = 1)]
fn fsck(bencher: Bencher, n: usize) {
    let store = Store::open(&seeded(n)).unwrap();
    bencher.bench_local(|| store.fsck().unwrap());
}

#[divan::bench(sample_count = 20, sample_size = 1)]
fn cells_of_100k_verdicts(bencher: Bencher) {
    let store = Store::open(&judged()).unwrap();
    let run = store.runs(None).unwrap().remove(0).id;
    bencher.bench_local(|| store.cells(&run).unwrap());
}

#[divan::bench(sample_count = 20, sample_size = 1)]
fn runs_over_100k_verdicts(bencher: Bencher) {
    let store = Store::open(&judged()).unwrap();
    bencher.bench_local(|| store.runs(None).unwrap());
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn pooled_100k_verdicts(bencher: Bencher) {
    let store = Store::open(&judged()).unwrap();
    bencher.bench_local(|| store.pooled(&PoolQuery::default()).unwrap());
}

#[divan::bench]
fn full_item(bencher: Bencher) {
    let store = Store::open(&judged()).unwrap();
    let run = store.runs(None).unwrap().remove(0).id;
    bencher.bench_local(|| store.full_item(&run, 4_321).unwrap());
}
