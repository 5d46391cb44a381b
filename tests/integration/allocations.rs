//! Five hot paths, counted instead of timed: how often each asks for memory, and how much, does not depend on the machine.
//!
//! A bound is about a quarter above what was counted when it was set (`cargo test --test integration allocations -- --nocapture` prints
//! the counts). Beside each bound stands a twin: the slip that the bound is there for, done on purpose, which must exceed it.
//! Only this thread's requests through Rust's allocator are counted: SQLite's own are not.
use allocation_counter::{AllocationInfo, measure};
use assize::config::Config;
use assize::core::diff::Diff;
use assize::core::digest::Digest;
use assize::core::parse;
use assize::core::prompt::{PromptName, Template};
use assize::interop::generated::RegistrySize;
use assize::store::{ListQuery, NewRevision, Store};
use assize::tui::testing::Harness;
use assize::tui::theme::Theme;
use std::path::Path;

/// What a path may ask for.
#[derive(Clone, Copy)]
struct Bound {
    /// Requests.
    count: u64,
    /// Bytes of them together.
    bytes: u64,
}

/// The path keeps its bound, and its broken twin does not.
fn holds(path: &str, bound: Bound, real: AllocationInfo, twin: AllocationInfo) {
    println!(
        "{path}: {} requests, {} bytes (twin: {}, {})",
        real.count_total, real.bytes_total, twin.count_total, twin.bytes_total
    );
    let within = |i: &AllocationInfo| i.count_total <= bound.count && i.bytes_total <= bound.bytes;
    assert!(
        within(&real),
        "{path} asks {} times for {} bytes; its bound is {} and {}",
        real.count_total,
        real.bytes_total,
        bound.count,
        bound.bytes
    );
    assert!(!within(&twin), "{path}: the bound does not catch its broken twin");
}

fn shape(prompts: usize) -> RegistrySize {
    RegistrySize { prompts, revisions: prompts * 3, verdicts: 0, seed: 3 }
}

fn registry(path: &Path, prompts: usize) -> Store {
    let mut store = Store::open(path).unwrap();
    for rows in shape(prompts).revisions() {
        store.import_revisions(rows).unwrap();
    }
    store
}

#[test]
fn registering_a_version() {
    let mut store = Store::in_memory().unwrap();
    let name: PromptName = "p".parse().unwrap();
    let new = |n: usize| NewRevision::new(name.clone(), Template::text(shape(1).text(0, n)));
    // Statements are prepared, and the first lines indexed.
    for n in 0..4 {
        store.register(new(n)).unwrap();
    }
    let next = new(4);
    let real = measure(|| {
        std::hint::black_box(Digest::of(&next.template.body));
        store.register(next).unwrap();
    });
    // The twin looks at every earlier text, as a search for an equal one without an index would.
    let twin = measure(|| {
        for row in store.log(&name, None, None).unwrap() {
            std::hint::black_box(store.text(&row.digest).unwrap());
        }
        store.register(new(5)).unwrap();
    });
    // A good third of the bytes is the table that packing the text looks earlier parts up in.
    holds("digest and register", Bound { count: 210, bytes: 39_000 }, real, twin);
}

#[test]
fn a_page_of_the_list() {
    let dir = tempfile::tempdir().unwrap();
    let page = |prompts: usize, limit: Option<usize>| {
        let store = registry(&dir.path().join(format!("{prompts}-{limit:?}.db")), prompts);
        let query = ListQuery { offset: 100, limit, ..ListQuery::default() };
        store.list(&query).unwrap();
        measure(|| drop(std::hint::black_box(store.list(&query).unwrap())))
    };
    let (small, large) = (page(200, Some(50)), page(2_000, Some(50)));
    assert_eq!(small.count_total, large.count_total, "a page must not grow with the registry");
    // The twin reads all prompts and shows a page of them.
    holds("a page of 50 prompts", Bound { count: 1_200, bytes: 195_000 }, large, page(2_000, None));
}

#[test]
fn a_diff_of_20_kb() {
    let text = |seed: u64, every: usize| {
        let changed = |(n, line): (usize, &str)| {
            if n % every == 0 { format!("{line} {seed}\n") } else { format!("{line}\n") }
        };
        (0..8)
            .flat_map(|r| shape(1).text(r, 0).lines().map(str::to_owned).collect::<Vec<_>>())
            .enumerate()
            .map(|(n, l)| changed((n, &l)))
            .collect::<String>()
    };
    let (left, right) = (text(1, 10), text(2, 10));
    assert!((15_000..30_000).contains(&left.len()), "{} bytes", left.len());
    let real = measure(|| drop(std::hint::black_box(Diff::new(&left, &right))));
    // The twin refines each line by itself, changed or not.
    let twin = measure(|| {
        for (a, b) in left.lines().zip(right.lines()) {
            drop(std::hint::black_box(Diff::new(a, b)));
        }
    });
    holds("diff of 20 KB", Bound { count: 3_900, bytes: 555_000 }, real, twin);
}

#[test]
fn reading_a_judges_reply() {
    let reply = serde_json::json!({
        "evidence": ["the cause is named", "the remedy is named"],
        "explanation": "It names the cause and the remedy, and leaves out the date. ".repeat(8),
        "score": 4,
    })
    .to_string();
    parse::read(&reply).unwrap();
    let real = measure(|| drop(std::hint::black_box(parse::read(&reply))));
    // The twin climbs a rung too many: it reads the reply a second time, as one that had to be repaired.
    let twin = measure(|| {
        drop(std::hint::black_box(parse::read(&reply)));
        drop(std::hint::black_box(parse::read(&format!("```json\n{reply}\n```"))));
    });
    // Numbers keep their digits: each is a text.
    holds("reading a judge's reply", Bound { count: 50, bytes: 5_200 }, real, twin);
}

#[test]
fn drawing_a_frame() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("r.db");
    drop(registry(&path, 500));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        let mut screen = Harness::open(&path, Config::default(), false, (120, 40), Theme::Dark).await;
        screen.keys("j").await;
        screen.draw();
        let real = measure(|| drop(std::hint::black_box(screen.draw())));
        // The twin draws rows that are not on the screen.
        screen.resize(120, 120);
        screen.keys("k").await;
        let twin = measure(|| drop(std::hint::black_box(screen.draw())));
        holds("drawing a frame", Bound { count: 1_250, bytes: 310_000 }, real, twin);
    });
}
