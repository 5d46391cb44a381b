//! How long a diff takes: a prompt with an edit, and the megabytes that must not block a key.
//! `cargo bench --bench diff`

#[path = "performance/prose.rs"]
mod prose;

use assize::core::diff::{Diff, plain::Plain, plain::render_side_by_side, unified};
use prose::prose;

fn main() {
    divan::main();
}

/// Every twentieth "never" replaced: many small changes.
fn edited(text: &str) -> String {
    let parts: Vec<&str> = text.split("never").collect();
    let mut out = String::with_capacity(text.len());
    for (i, part) in parts.iter().enumerate() {
        out.push_str(part);
        if i + 1 < parts.len() {
            out.push_str(if i % 20 == 0 { "do not ever" } else { "never" });
        }
    }
    out
}

#[divan::bench(args = [20 << 10, 1 << 20])]
fn edits(bencher: divan::Bencher, bytes: usize) {
    let left = prose(1, bytes);
    let right = edited(&left);
    bencher.bench(|| Diff::new(&left, &right));
}

#[divan::bench(args = [20 << 10, 1 << 20])]
fn all_lines_differ(bencher: divan::Bencher, bytes: usize) {
    let (left, right) = (prose(1, bytes), prose(2, bytes));
    bencher.bench(|| Diff::new(&left, &right));
}

#[divan::bench(args = [20 << 10, 1 << 20])]
fn line_ends(bencher: divan::Bencher, bytes: usize) {
    let left = prose(1, bytes);
    let right = left.replace('\n', "\r\n");
    bencher.bench(|| Diff::new(&left, &right));
}

#[divan::bench]
fn one_line_of_ten_megabytes(bencher: divan::Bencher) {
    let left = prose(1, 10 << 20).replace('\n', " ");
    let right = edited(&left);
    bencher.bench(|| Diff::new(&left, &right));
}

#[divan::bench(args = [20 << 10, 1 << 20])]
fn render_unified(bencher: divan::Bencher, bytes: usize) {
    let left = prose(1, bytes);
    let diff = Diff::new(&left, &edited(&left));
    bencher.bench(|| unified("a", "b", &diff, 3));
}

#[divan::bench(args = [20 << 10])]
fn render_two_columns(bencher: divan::Bencher, bytes: usize) {
    let left = prose(1, bytes);
    let diff = Diff::new(&left, &edited(&left));
    bencher.bench(|| render_side_by_side("a", "b", &diff, &Plain { color: true, ..Plain::default() }));
}
