//! Side by side with words refined, beside delta and difftastic on the same files; and the worst a diff can be given.

use crate::pairs::{in_turn, once};
use crate::prose::prose;
use crate::{Bench, line, target, targets};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// One line in thirty-five with a word replaced: 286 of 10,000, as in the figures that the targets come from.
pub fn edited(text: &str) -> String {
    let change = |(n, line): (usize, &str)| {
        if n % 35 == 17 { line.replacen(' ', " altogether ", 1) } else { line.to_owned() }
    };
    text.split_inclusive('\n').enumerate().map(change).collect()
}

fn files(dir: &Path, name: &str, left: &str, right: &str) -> [PathBuf; 2] {
    let paths = ["left", "right"].map(|side| dir.join(format!("{name}-{side}.txt")));
    std::fs::write(&paths[0], left).unwrap();
    std::fs::write(&paths[1], right).unwrap();
    paths
}

fn ours(bench: &Bench, [left, right]: &[PathBuf; 2]) -> Command {
    let mut command = bench.command(&["diff", "--side-by-side", "--color", "always"]);
    command.args([left, right]).env("COLUMNS", "120");
    command
}

fn beside(bench: &Bench, size: &str, paths: &[PathBuf; 2], out: &mut String) -> Vec<(&'static str, f64)> {
    let [left, right] = paths;
    let mut named = vec![("assize diff --side-by-side", ours(bench, paths))];
    if let Some(delta) = bench.peer("delta") {
        let mut command = Command::new(delta);
        command
            .args(["--no-gitconfig", "--paging=never", "--side-by-side", "--width=120"])
            .args([left, right]);
        named.push(("delta --side-by-side", command));
    }
    if let Some(difft) = bench.peer("difft") {
        let mut command = Command::new(difft);
        command.args(["--color=always", "--width=120"]).args([left, right]);
        named.push(("difft", command));
    }
    let mut git = Command::new("git");
    git.args(["diff", "--no-index", "--word-diff"]).args([left, right]);
    named.push(("git diff --word-diff", git));
    let (names, mut commands): (Vec<_>, Vec<_>) = named.into_iter().unzip();
    let times = in_turn(15, &mut commands);
    for (name, time) in names.iter().zip(&times) {
        line!(out, "| {name}, {size} | {time:.1} |");
    }
    names.into_iter().zip(times).collect()
}

/// Measures edits and worst cases.
pub fn section(bench: &Bench, out: &mut String) {
    let large = prose(1, 988 << 10);
    let small = prose(1, 20 << 10);
    let of = |times: &[(&str, f64)], who: &str| times.iter().find(|t| t.0.starts_with(who)).map(|t| t.1);
    line!(
        out,
        "Whole commands in turn, process start included, medians of 15; 10,000 lines of which 286 changed, and 20 KB:\n"
    );
    line!(out, "| command | ms |\n|---|---|");
    let big = beside(bench, "1 MB", &files(&bench.dir, "big", &large, &edited(&large)), out);
    let little = beside(bench, "20 KB", &files(&bench.dir, "little", &small, &edited(&small)), out);
    line!(out);
    targets(out);
    if let (Some(a), Some(delta)) = (of(&big, "assize"), of(&big, "delta")) {
        target(out, "1 MB x 1 MB, of `delta --side-by-side`", a / delta, "", 0.4, "<= 0.4");
    }
    if let (Some(a), Some(difft)) = (of(&little, "assize"), of(&little, "difft")) {
        target(out, "20 KB, of difftastic", a / difft, "", 1.0, "<= 1");
    }
    let random: String = (0..1_u64 << 20)
        .map(|i| char::from(32 + ((i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) % 95) as u8))
        .collect::<String>();
    let turned: String = random.chars().rev().collect();
    line!(out, "\nThe worst it can be given is bounded:\n\n| case | ms |\n|---|---|");
    for (what, name, left, right) in [
        ("1 MB, every line differs", "all", prose(1, 1 << 20), prose(2, 1 << 20)),
        ("1 MB in one line", "one", large.replace('\n', " "), edited(&large).replace('\n', " ")),
        ("1 MB of random characters in one line", "random", random, turned),
        ("10 MB, 1 line in 35 changed", "ten", prose(1, 10 << 20), edited(&prose(1, 10 << 20))),
    ] {
        let took = once(&mut ours(bench, &files(&bench.dir, name, &left, &right)));
        line!(out, "| {what} | {took:.0} |");
    }
}
