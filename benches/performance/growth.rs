//! The calls people wait for, on registries of 1,000, 10,000 and 100,000 revisions: time against size, and the slope.
//!
//! The slope is the exponent of the size: 0 does not grow, 1 grows as the registry does.

use crate::pairs::median;
use crate::{Bench, line, target, targets};
use assize::core::digest::Digest;
use assize::core::prompt::{PromptName, Selector, Template};
use assize::interop::generated::RegistrySize;
use assize::store::{ListQuery, NewRevision, Store};
use std::fmt::Write as _;
use std::path::Path;
use std::time::Instant;

const SIZES: [usize; 3] = [1_000, 10_000, 100_000];
/// Revisions of a prompt.
const EACH: usize = 10;
/// Registered one by one.
const REGISTERED: usize = 500;

fn shape(revisions: usize) -> RegistrySize {
    RegistrySize { prompts: revisions / EACH, revisions, verdicts: 0, seed: 1 }
}

/// Milliseconds of the middle one of `n` calls, after some that do not count.
fn timed<T>(n: usize, mut call: impl FnMut(usize) -> T) -> f64 {
    let times: Vec<f64> = (0..n + n / 10 + 1)
        .map(|i| {
            let begun = Instant::now();
            std::hint::black_box(call(i));
            begun.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    median(&times[n / 10 + 1..])
}

/// What was measured at one size.
struct Size {
    /// Name and milliseconds.
    calls: Vec<(&'static str, f64)>,
    /// Revisions a second.
    import: f64,
    /// File without the search index, over the bytes of the bodies.
    space: f64,
    /// The same if no body were packed.
    unpacked: f64,
}

fn measured(path: &Path, n: usize) -> Size {
    let shape = shape(n);
    let mut store = Store::open(path).unwrap();
    // The rows are made before the clock starts.
    let rows: Vec<Vec<NewRevision>> = shape.revisions().collect();
    let begun = Instant::now();
    for batch in rows {
        store.import_revisions(batch).unwrap();
    }
    let import = n as f64 / begun.elapsed().as_secs_f64();
    drop(store);
    let (space, unpacked) = space(path);
    let store = Store::open(path).unwrap();
    let some = |i: usize| shape.name(i * 7919 % shape.prompts).unwrap();
    let page = ListQuery { offset: shape.prompts / 2, limit: Some(50), ..ListQuery::default() };
    let filter = ListQuery { containing: Some("0042".into()), limit: Some(50), ..ListQuery::default() };
    let digest =
        |i: usize| Digest::of(shape.text(i * 7919 % shape.prompts, 3)).short().parse::<Selector>().unwrap();
    let mut calls = vec![
        ("open", timed(50, |_| Store::open(path).unwrap())),
        ("list, a page of 50 in the middle", timed(200, |_| store.list(&page).unwrap())),
        ("list, names holding four digits", timed(100, |_| store.list(&filter).unwrap())),
        ("log, 20 rows", timed(200, |i| store.log(&some(i), None, Some(20)).unwrap())),
        (
            "get latest",
            timed(500, |i| {
                let info = store.resolve(&some(i), &Selector::LATEST).unwrap();
                store.text(&info.digest).unwrap()
            }),
        ),
        ("get by 8 hex digits", timed(500, |i| store.resolve(&some(i), &digest(i)).unwrap())),
        (
            "search, a rare word",
            timed(100, |i| store.search(&format!("prompt {}", i * 7919 % shape.prompts), 20).unwrap()),
        ),
        ("search, two common words", timed(50, |_| store.search("question facts", 20).unwrap())),
    ];
    drop(store);
    let mut store = Store::open(path).unwrap();
    let name: PromptName = "written/often".parse().unwrap();
    // So many that the log is written anew some times, as in a process that goes on; the texts are made before.
    let new = |i: usize| NewRevision::new(name.clone(), Template::text(shape.text(0, i)));
    let mut news: Vec<NewRevision> = (0..REGISTERED + REGISTERED / 10 + 1).rev().map(new).collect();
    calls.push((
        "register, synchronous=FULL",
        timed(REGISTERED, |_| news.pop().map(|new| store.register(new).unwrap())),
    ));
    Size { calls, import, space, unpacked }
}

/// The file's pages without those of the search index, over the bytes of the bodies; and if no body were packed.
fn space(path: &Path) -> (f64, f64) {
    let conn = rusqlite::Connection::open(path).unwrap();
    conn.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    let one = |sql: &str| conn.query_row(sql, [], |r| r.get::<_, f64>(0)).unwrap();
    let index =
        "SELECT coalesce(sum(pgsize), 0.0) FROM dbstat WHERE name LIKE '%line%' OR name LIKE '%_fts%'";
    // Without dbstat the whole file stands for itself.
    let index = conn.query_row(index, [], |r| r.get::<_, f64>(0)).unwrap_or(0.0);
    let bytes = std::fs::metadata(path).unwrap().len() as f64;
    let bodies = one("SELECT CAST(sum(coalesce(unpacked, length(bytes))) AS REAL) FROM body");
    let saved = bodies - one("SELECT CAST(sum(length(bytes)) AS REAL) FROM body");
    ((bytes - index) / bodies, (bytes - index + saved) / bodies)
}

/// The exponent of the size over which a time grew.
fn slope(times: &[f64]) -> f64 {
    (times[times.len() - 1] / times[0]).ln() / 100_f64.ln()
}

/// Measures all sizes.
pub fn section(bench: &Bench, out: &mut String) {
    let sizes: Vec<Size> =
        SIZES.iter().map(|n| measured(&bench.dir.join(format!("grown-{n}.db")), *n)).collect();
    line!(
        out,
        "In process, milliseconds (the middle one of 50 to 500 calls); the slope is the exponent of the size: 0 does not grow.\n"
    );
    line!(out, "| call | 1,000 revisions | 10,000 | 100,000 | slope |");
    line!(out, "|---|---|---|---|---|");
    for (i, (what, _)) in sizes[0].calls.iter().enumerate() {
        let times: Vec<f64> = sizes.iter().map(|s| s.calls[i].1).collect();
        line!(out, "| {what} | {:.3} | {:.3} | {:.3} | {:.2} |", times[0], times[1], times[2], slope(&times));
    }
    line!(out);
    let last = &sizes[2];
    let call = |what: &str| last.calls.iter().find(|c| c.0.starts_with(what)).unwrap().1;
    targets(out);
    target(out, "register one version, 100,000 there", call("register"), " ms", 0.5, "<= 0.5 ms");
    target(out, "read one", call("get latest"), " ms", 0.1, "<= 0.1 ms");
    target(out, "search, a rare word", call("search, a rare"), " ms", 20.0, "<= 20 ms");
    target(out, "search, two common words", call("search, two"), " ms", 20.0, "<= 20 ms");
    target(out, "file over the bytes of the bodies, search index apart", last.space, "", 1.25, "<= 1.25");
    let met = if last.import >= 15_000.0 { "met" } else { "**missed**" };
    line!(out, "| bulk import of 100,000 | {:.0} a second | >= 15,000 a second | {met} |", last.import);
    line!(
        out,
        "\nLonger texts are packed; as they are they would make it {:.2} of their bytes at least, and the room that is left in pages more.",
        last.unpacked
    );
}
