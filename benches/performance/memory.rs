//! Memory: with registries of two sizes open, with a template of 10 MB, with a diff of 1 MB; and the peak of commands on them.

use crate::diff::edited;
use crate::prose::prose;
use crate::tty::Tty;
use crate::{Bench, line, target, targets};
use std::fmt::Write as _;
use std::path::Path;

/// Resident now and at the peak, after a walk over the screens.
fn after_a_walk(bench: &Bench, registry: &Path, keys: &[&[u8]]) -> (f64, f64) {
    let mut tty =
        Tty::start(&[bench.program.to_str().unwrap(), "--registry", registry.to_str().unwrap()], &bench.dir);
    tty.until(&["prompts ·"]);
    for key in keys {
        tty.quiet();
        tty.send(key);
    }
    tty.quiet();
    tty.memory()
}

const WALK: &[&[u8]] =
    &[b"jjjjjjjjjj", b"\r", b"jj", b"d", b"jj", b"\x1b", b"\x1b", b"2", b"\r", b"jjjj", b"\x1b", b"1"];

/// Opens them.
pub fn section(bench: &Bench, out: &mut String) {
    let small = bench.dir.join("small.db");
    let mut make = bench.command(&["bench-data"]);
    let made =
        make.arg(&small).args(["--prompts", "100", "--revisions", "1000", "--verdicts", "1000"]).status();
    assert!(made.unwrap().success());
    let (long, right) = (bench.dir.join("long.txt"), bench.dir.join("right.txt"));
    let texts = bench.dir.join("texts.db");
    let text = prose(1, 10 << 20);
    std::fs::write(&long, &text).unwrap();
    let megabyte = prose(1, 1 << 20);
    let register = |name: &str, text: &str| {
        std::fs::write(&right, text).unwrap();
        let mut command = bench.command(&["--registry", texts.to_str().unwrap(), "register", name]);
        assert!(command.arg(&right).output().unwrap().status.success(), "{name}");
    };
    register("b-diff", &megabyte);
    register("b-diff", &edited(&megabyte));
    register("a-long", &text);
    line!(
        out,
        "Resident memory of the screens after a walk (a list, a history, a diff, a run's grid), in MiB:\n"
    );
    targets(out);
    let mut row = |what: &str, (now, peak): (f64, f64), most: f64| {
        target(out, what, peak, " at its peak", most, &format!("<= {most:.0}"));
        line!(out, "| ... and now | {now:.1} | | |");
    };
    row("1,000 revisions, 1,000 verdicts", after_a_walk(bench, &small, WALK), 40.0);
    row(
        "100,000 revisions of 10,000 prompts, 100,000 verdicts",
        after_a_walk(bench, bench.large(), &WALK[..7]),
        40.0,
    );
    row("... and the grid of its 100,000 verdicts", after_a_walk(bench, bench.large(), WALK), 100.0);
    row("a template of 10 MB shown", after_a_walk(bench, &texts, &[b"\r", b"G"]), 150.0);
    row(
        "a diff of 1 MB against 1 MB",
        after_a_walk(bench, &texts, &[b"j", b"\r", b"d", b"jjj", b"G"]),
        150.0,
    );
}
