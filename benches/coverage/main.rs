//! Whether the intervals hold what they promise.
//!
//! ```text
//! cargo bench --bench coverage -- --write              10,000 worlds a cell into docs/trust.md, beside other libraries
//! cargo bench --bench coverage -- --worlds 300 share   these tables, printed
//! cargo bench --bench coverage -- --quick              ten worlds a cell; fails where a table as a whole does not hold
//! ```
//! Tables: mean difference corrected share kappa alpha raters spearman judges gate. All cores; the seeds are this file's own, and
//! the same on any number of cores. A run fails where an interval leaves the scale or has no width.

mod agreement_worlds;
mod cells;
mod peers;
mod worlds;

use agreement_worlds::{Coefficient, coefficients, joints, three_raters, two_judges};
use cells::Cell;
use std::fmt::Write as _;
use std::time::Instant;
use worlds::{
    LEVEL, SCORE_SHAPES, SHAPES, Sources, corrected_differences, corrected_means, differences, gate_passes,
    means, shares,
};

const CASES: [usize; 8] = [5, 8, 10, 15, 30, 60, 120, 300];
/// Cases in clusters: how many, and how they share sources.
const CLUSTERED: [(usize, Sources); 7] = [
    (30, Sources::Equal(5)),
    (60, Sources::Equal(5)),
    (150, Sources::Equal(5)),
    (120, Sources::Equal(10)),
    (300, Sources::Equal(10)),
    (60, Sources::Unequal),
    (160, Sources::Unequal),
];
const LABELS: [usize; 6] = [10, 15, 30, 60, 120, 150];
const ALONE: Sources = Sources::Equal(1);

/// Names of the tables, as they are asked for.
const TABLES: [&str; 10] =
    ["mean", "difference", "corrected", "share", "kappa", "alpha", "raters", "spearman", "judges", "gate"];
/// What each table holds at least, all cells together, in a quick run.
const QUICK: f64 = 0.94;

fn main() -> std::process::ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let has = |name: &str| arguments.iter().any(|a| a == name);
    // `cargo test --benches` only asks whether it can run.
    if has("--test") {
        return std::process::ExitCode::SUCCESS;
    }
    let given =
        arguments.iter().position(|a| a == "--worlds").and_then(|at| arguments.get(at + 1)?.parse().ok());
    let quick = has("--quick");
    let worlds: usize = given.unwrap_or(if quick { 10 } else { 10_000 });
    let named: Vec<&str> = TABLES.into_iter().filter(|t| has(t)).collect();
    let tables = if named.is_empty() { TABLES.to_vec() } else { named };
    let begun = Instant::now();
    let mut report = Report {
        text: String::new(),
        seed: 70_001,
        worlds,
        below: vec![],
        wrong: 0,
        cells: 0,
        together: vec![],
        tables,
    };
    report.all();
    let seconds = begun.elapsed().as_secs();
    let peers = if has("--write") { peers::table(worlds.min(2000)) } else { String::new() };
    let text = report.finish(&peers, seconds);
    if has("--write") {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/trust.md");
        if let Err(why) = std::fs::write(path, &text) {
            eprintln!("docs/trust.md cannot be written: {why}");
            return std::process::ExitCode::FAILURE;
        }
    } else if !quick {
        println!("{text}");
    }
    let mut fine = report.wrong == 0;
    for (table, given, held) in &report.together {
        if *given == 0 {
            continue;
        }
        let (n, share) = (*given as f64, *held as f64 / *given as f64);
        eprintln!("{table}: {held} of {given} intervals hold ({share:.3})");
        // Less two standard errors: what is tested is the rule, and not its luck.
        fine &= !quick || share >= QUICK - 2.0 * (0.95 * 0.05 / n).sqrt();
    }
    eprintln!(
        "{} cells in {seconds} s; {} intervals leave the scale or have no width",
        report.cells, report.wrong
    );
    if fine { std::process::ExitCode::SUCCESS } else { std::process::ExitCode::FAILURE }
}

struct Report {
    text: String,
    seed: u64,
    worlds: usize,
    /// Cells that hold less than 0.94.
    below: Vec<String>,
    /// Intervals that leave the scale or have no width.
    wrong: usize,
    cells: usize,
    /// Of each table: intervals given, and how many hold.
    together: Vec<(String, usize, usize)>,
    /// Tables that are wanted.
    tables: Vec<&'static str>,
}

fn rate(value: Option<f64>) -> String {
    value.map_or("-".to_owned(), |v| format!("{v:.3}"))
}

/// `60`, or how its sources share it.
fn cases(n: usize, sources: Sources) -> String {
    match sources {
        ALONE => n.to_string(),
        Sources::Equal(size) => format!("{} x {size} = {n}", n / size),
        Sources::Unequal => {
            format!("{} unequal = {n}", Sources::Unequal.of(n).last().map_or(0, |last| last + 1))
        }
    }
}

impl Report {
    fn heading(&mut self, title: &str, what: &str, columns: &str) {
        // Each table has seeds of its own, whichever others are made.
        self.seed = title.bytes().fold(70_001, |seed: u64, b| (seed * 31 + u64::from(b)) % 1_000_003) * 1000;
        eprintln!("{title} ...");
        self.together.push((title.to_owned(), 0, 0));
        let line = "---|".repeat(columns.split('|').count());
        let _ = writeln!(self.text, "\n## {title}\n\n{what}\n\n| {columns} |\n|{line}");
    }

    fn next_seed(&mut self) -> u64 {
        self.seed += 1;
        self.seed
    }

    /// A row of a table, with what the gate passes where there is one.
    fn row(&mut self, table: &str, place: &str, cell: &Cell, gate: bool) {
        self.cells += 1;
        self.wrong += cell.wrong;
        let (given, held) = cell.counts();
        if let Some(last) = self.together.last_mut() {
            (last.1, last.2) = (last.1 + given, last.2 + held);
        }
        let refused = cell.refused();
        let held = if cell.held().is_none() || refused > 0.5 {
            "refused: too few".to_owned()
        } else {
            rate(cell.held())
        };
        if refused <= 0.5 && cell.held().is_some_and(|h| h < 0.94) {
            self.below.push(format!("{table}: {place} ({held})").replace(" | ", ", "));
        }
        let ratio = cell.ratio().filter(|_| refused <= 0.5).map_or("-".to_owned(), |r| format!("{r:.2}"));
        let _ = write!(self.text, "| {place} | {held} | {:.3} | {ratio} |", cell.held_twin());
        if gate {
            let _ = write!(self.text, " {} | {} |", rate(cell.passed()), rate(cell.passed_twin()));
        }
        let _ = writeln!(self.text);
    }

    fn all(&mut self) {
        let parts: [(&str, fn(&mut Self)); 6] = [
            ("mean", Self::means),
            ("difference", Self::differences),
            ("corrected", Self::corrected),
            ("share", Self::shares),
            ("", Self::agreement),
            ("gate", Self::gate),
        ];
        for (name, part) in parts {
            if name.is_empty() || self.tables.contains(&name) {
                part(self);
            }
        }
    }

    fn means(&mut self) {
        let title = "Mean of scores 1 to 5";
        self.heading(
            title,
            "Twin: Student's t; with clusters t by CR1.",
            "shape | cases | passes | held | twin | width",
        );
        for shape in &SCORE_SHAPES {
            for n in CASES {
                let cell = means(shape, n, ALONE, 1, self.worlds, self.next_seed());
                self.row(title, &format!("{} | {n} | 1", shape.name), &cell, false);
            }
            for (n, sources) in CLUSTERED {
                let cell = means(shape, n, sources, 1, self.worlds, self.next_seed());
                self.row(title, &format!("{} | {} | 1", shape.name, cases(n, sources)), &cell, false);
            }
            for passes in [2, 3] {
                let cell = means(shape, 30, ALONE, passes, self.worlds, self.next_seed());
                self.row(title, &format!("{} | 30 | {passes}", shape.name), &cell, false);
            }
        }
    }

    fn differences(&mut self) {
        let title = "Paired difference, and the gate at exactly the true drop";
        let columns = "shape | cases | passes | held | twin | width | false pass | by twin";
        self.heading(title, "Through the program's own comparison and gate. Twin: as above.", columns);
        for shape in &SHAPES {
            for n in CASES.into_iter().chain([75]) {
                let cell = differences(shape, n, ALONE, 1, self.worlds, self.next_seed());
                self.row(title, &format!("{} | {n} | 1", shape.name), &cell, true);
            }
            for (n, sources) in CLUSTERED {
                let cell = differences(shape, n, sources, 1, self.worlds, self.next_seed());
                self.row(title, &format!("{} | {} | 1", shape.name, cases(n, sources)), &cell, true);
            }
            for passes in [2, 3] {
                let cell = differences(shape, 60, ALONE, passes, self.worlds, self.next_seed());
                self.row(title, &format!("{} | 60 | {passes}", shape.name), &cell, true);
            }
        }
    }

    fn corrected(&mut self) {
        let title = "Mean corrected by people's labels";
        let what = "About 150 responses of 1, 2 or 4 arms to the same cases. The judge misses a quarter of what is no 5 and \
                    is kinder by a point on three in ten. Twin: PPI++ with its normal interval.";
        self.heading(title, what, "shape | labelled | arms | passes | held | twin | width");
        for shape in &SCORE_SHAPES {
            for n in LABELS {
                let cell = corrected_means(shape, n, 1, 1, self.worlds, self.next_seed());
                self.row(title, &format!("{} | {n} | 1 | 1", shape.name), &cell, false);
            }
            for (n, arms, passes) in [(30, 2, 1), (60, 2, 1), (30, 4, 1), (60, 4, 1), (60, 4, 3)] {
                let cell = corrected_means(shape, n, arms, passes, self.worlds, self.next_seed());
                self.row(title, &format!("{} | {n} | {arms} | {passes}", shape.name), &cell, false);
            }
        }
        let title = "Difference corrected by people's labels";
        let what = "150 cases; the judge is 0.7 kinder to the new arm and misses a quarter of what people see (its own \
                    interval holds the truth in none of a thousand worlds). Twin: PPI++ with its normal interval.";
        self.heading(title, what, "shape | labelled | sources | passes | held | twin | width");
        for shape in &SHAPES {
            for n in LABELS {
                let cell = corrected_differences(shape, n, ALONE, 1, self.worlds, self.next_seed());
                self.row(title, &format!("{} | {n} | 150 | 1", shape.name), &cell, false);
            }
            for (n, sources, passes) in [
                (30, Sources::Equal(5), 1),
                (60, Sources::Equal(5), 1),
                (120, Sources::Equal(5), 1),
                (60, Sources::Unequal, 1),
                (60, ALONE, 3),
            ] {
                let cell = corrected_differences(shape, n, sources, passes, self.worlds, self.next_seed());
                let place = format!("{} | {n} | {} | {passes}", shape.name, cases(150, sources));
                self.row(title, &place, &cell, false);
            }
        }
    }

    fn shares(&mut self) {
        let title = "Share";
        let what = "Twin: p -/+ 1.96 sqrt(p(1-p)/n), which knows no clusters.";
        self.heading(title, what, "share | cases | held | twin | width");
        for p in [0.05, 0.1, 0.2, 0.5, 0.8, 0.95] {
            for (n, sources) in CASES.map(|n| (n, ALONE)).into_iter().chain(CLUSTERED) {
                let cell = shares(p, n, sources, self.worlds, self.next_seed());
                self.row(title, &format!("{p} | {}", cases(n, sources)), &cell, false);
            }
        }
    }

    fn agreement(&mut self) {
        let all = joints();
        let grown = [(150, Sources::Equal(5)), (300, Sources::Equal(10)), (160, Sources::Unequal)];
        let sizes = || CASES.map(|n| (n, ALONE)).into_iter().chain(grown);
        let plain = "Twin: the plain jackknife with t.";
        let columns = "shape | items | held | twin | width";
        for (name, title, what) in [
            ("kappa", "Quadratic kappa", Some(Coefficient::Kappa)),
            ("alpha", "Ordinal alpha of judge and people", Some(Coefficient::Alpha)),
            ("raters", "Ordinal alpha of three raters", None),
            ("spearman", "Spearman's rho", Some(Coefficient::Spearman)),
        ] {
            if !self.tables.contains(&name) {
                continue;
            }
            self.heading(title, plain, columns);
            for joint in &all {
                for (n, sources) in sizes() {
                    let (worlds, seed) = (self.worlds, self.next_seed());
                    let cell = match what {
                        Some(what) => coefficients(what, joint, n, sources, worlds, seed),
                        None => three_raters(joint, n, sources, worlds, seed),
                    };
                    self.row(title, &format!("{} | {}", joint.name, cases(n, sources)), &cell, false);
                }
            }
        }
        if !self.tables.contains(&"judges") {
            return;
        }
        let title = "Difference of two judges' kappas";
        let fewer = (self.worlds / 5).max(10);
        let what = format!(
            "On the same items; the second judge guesses one in seven. {plain} {fewer} worlds a cell: these cost the most."
        );
        self.heading(title, &what, columns);
        for joint in &all {
            for (n, sources) in sizes() {
                let cell = two_judges(joint, n, sources, fewer, self.next_seed());
                self.row(title, &format!("{} | {}", joint.name, cases(n, sources)), &cell, false);
            }
        }
    }

    fn gate(&mut self) {
        self.heading(
            "What the gate still passes",
            "Share of candidates that pass at margin 0.2 (*gain* is what the new arm is better by).",
            "shape | gain | cases | passes",
        );
        let mut said = vec![];
        for shape in &LEVEL {
            let mut enough = None;
            for (gain, n) in
                [(0.7, 60), (0.3, 60)].into_iter().chain([60, 75, 120, 150, 200, 300, 400].map(|n| (0.0, n)))
            {
                let seed = self.next_seed();
                let passes = gate_passes(shape, n, 0.2, gain, self.worlds, seed);
                if gain == 0.0 && passes >= 0.9 {
                    enough = enough.or(Some(n));
                }
                let _ = writeln!(self.text, "| {} | {gain:+.1} | {n} | {passes:.3} |", shape.name);
            }
            let n = enough.map_or("more than 400".to_owned(), |n| n.to_string());
            said.push(format!("{n} where the differences are {}", shape.name));
        }
        let _ = writeln!(
            self.text,
            "\nThe lower limit that is read allows for a break that no case shows, and holds 0.025 on every shape above. Its price: a \
             candidate that changed nothing passes a margin of 0.2 in nine of ten worlds only from so many cases on (of the numbers \
             tried): {}. With fewer the gate says \"inconclusive\", not \"worse\". One that changed no score at all needs 72.",
            said.join("; ")
        );
    }

    fn finish(&self, peers: &str, seconds: u64) -> String {
        let error = (0.95 * 0.05 / self.worlds as f64).sqrt();
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let mut out = format!(
            "# What the intervals hold\n\nWritten by `cargo bench --bench coverage -- --write` (`--worlds` where it is not 10,000): {} worlds a cell \
             (standard error of a coverage {error:.4}), {seconds} s on {cores} cores. Each world draws cases from a known \
             truth. *held* is the share of the 95 % intervals that contain it; *twin* the same for the plain method named \
             at each table; *width* the mean width of ours over that of the twin; *false pass* the share in which `gate` \
             passes a candidate whose true drop is exactly the margin (nominal 0.025), *by twin* the same read from the \
             twin's lower limit. Clusters correlate by 0.3 within. *refused* says that no interval is printed.\n\n\
             {} cells; intervals that leave the scale or have no width: {}. ",
            self.worlds, self.cells, self.wrong
        );
        if self.below.is_empty() {
            out.push_str("Every cell holds at least 0.94.\n");
        } else {
            let _ = writeln!(out, "Cells below 0.94:\n");
            self.below.iter().for_each(|line| {
                let _ = writeln!(out, "- {line}");
            });
        }
        out.push_str(&self.text);
        if !peers.is_empty() {
            let _ = write!(
                out,
                "\n## Other libraries on the same shapes\n\n`benches/coverage/peers.py`, seeds of its own; *width* is the \
                 mean width in points.\n\n| library | figure | shape | cases | held | width |\n|---|---|---|---|---|---|\n{peers}"
            );
        }
        out
    }
}
