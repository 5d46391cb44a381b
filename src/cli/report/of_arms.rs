//! The report of two arms in words.

use super::document::{Bar, Block, Document, Picture, Section, Table, Tone, name, sentence};
use super::words::{
    self, NONE, SENTENCE, agreement, basis, change, cut, ends, example, figure, level, noise_words, percent,
};
use crate::core::rubric::Scale;
use crate::core::stats::compare::Comparison;
use crate::core::stats::decision::Decision;
use crate::core::text::{self, plural};
use crate::questions::comparison::Versus;
use crate::questions::report::ArmsReport;

/// How a decision is made.
pub const DECIDED: &str = "An arm is called better or worse only where the interval of the difference lies wholly on one side of zero, made \
     so wide that all criteria together are right 95 times in a hundred. Anything else is no evidence, which is not the same as no \
     difference.";
/// Intervals in one picture.
const BARS: usize = 30;

/// The report.
pub fn document(report: &ArmsReport) -> Document {
    let (a, b) = &report.pairs.names;
    Document {
        title: format!("{} against {}", name(b), name(a)),
        answer: vec![
            sentence(&report.versus.sentence, SENTENCE),
            basis(report.versus.found.iter().any(|c| c.people.is_some())),
        ],
        facts: facts(report),
        sections: vec![
            figures(report),
            people(report),
            drops(report),
            words::modes(&report.modes),
            words::failures(&report.failures, &[a.clone(), b.clone()]),
            method(report),
        ],
    }
}

/// What a row's decision is called.
pub fn decision(c: &Comparison) -> &'static str {
    match c.decision(None) {
        Decision::Better => "better",
        Decision::Worse => "worse",
        Decision::NotWorse => "not worse",
        Decision::NoEvidence => "no evidence of a difference",
        Decision::TooFew => "too few cases",
    }
}

fn facts(report: &ArmsReport) -> Vec<(String, String)> {
    const TOLD: usize = 4;
    let (a, b) = &report.pairs.names;
    let mut facts = vec![("A".to_owned(), name(a)), ("B".to_owned(), name(b))];
    if let Some(run) = report.runs.last() {
        facts.push(("Cases".to_owned(), name(&run.spec.set)));
        facts.push(("Judge".to_owned(), name(&run.spec.judge)));
    }
    let runs: Vec<&str> = report.runs.iter().rev().take(TOLD).map(|run| run.id.as_str()).collect();
    let more = report.runs.len().saturating_sub(TOLD);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    facts.push(("Runs".to_owned(), format!("{}{more}", runs.join(", "))));
    facts
}

fn figures(report: &ArmsReport) -> Section {
    let mut blocks = differences(&report.versus, &report.pairs.coverage);
    let mut points = Vec::new();
    if report.pairs.flagged > 0 {
        points.push(format!(
            "{} flagged: a response or the judge speaks of an attempt to dictate the score. They count here.",
            plural(report.pairs.flagged, "scored verdict is", "scored verdicts are")
        ));
    }
    points.extend(report.versus.power.as_deref().map(|words| sentence(words, SENTENCE)));
    if !points.is_empty() {
        blocks.push(Block::List(points));
    }
    Section { title: "Figures", blocks }
}

/// Differences as a picture and a table, B against A; coverage by row, where it is known.
pub fn differences(versus: &Versus, coverage: &[(f64, f64)]) -> Vec<Block> {
    let mut blocks = pictures(&versus.found);
    let mut table = Table::new(
        "B minus A on the same cases; the decision is of B against A",
        &[
            "Criterion",
            "#A",
            "#B",
            "#Change",
            "#95 % interval",
            "#p, corrected",
            "B is",
            "By",
            "#B higher / same / lower",
            "#Missing",
            "#Coverage A / B",
            "#Judge's noise",
        ],
    );
    for (at, c) in versus.found.iter().enumerate() {
        let floor = versus.floors.get(at).copied().flatten();
        let of = |value: Option<f64>| change(&c.scale, value);
        let (difference, interval) = c.decisive();
        let categories = !c.scale.has_mean();
        table.rows.push(vec![
            name(&c.name),
            figure(&c.scale, c.mean_a),
            figure(&c.scale, c.mean_b),
            of(difference),
            ends(interval, |v| of(Some(v))),
            text::p_value(c.p_holm),
            if categories {
                "not compared: categories have no mean".to_owned()
            } else {
                decision(c).to_owned()
            },
            if categories { NONE.to_owned() } else { c.basis().words().to_owned() },
            if categories {
                format!("{} the same, of {}", text::count(c.ties as u64), text::count(c.n as u64))
            } else {
                format!("{} / {} / {}", c.wins, c.ties, c.losses)
            },
            text::count(c.missing as u64),
            coverage
                .get(at)
                .map_or_else(|| NONE.to_owned(), |(a, b)| format!("{} / {}", percent(*a), percent(*b))),
            noise_words(c, floor),
        ]);
    }
    blocks.extend(cut(table));
    let together = versus.found.iter().map(|c| c.together).max().unwrap_or_default();
    let all = if together > 1 {
        format!(
            " Each interval is of its row alone; what B is, and p, hold for all {together} rows together."
        )
    } else {
        String::new()
    };
    blocks.push(Block::Para(format!(
        "A and B are over the cases that both have. The judge's noise is how far a mean moves when the same responses are judged again.{all}"
    )));
    blocks
}

/// One picture for differences of scores and one for those of shares.
fn pictures(found: &[Comparison]) -> Vec<Block> {
    let scores = Scale::OneToFive;
    [
        (&scores, "Change of the mean score, B minus A"),
        (&Scale::PassFail, "Change of the share that passes, B minus A"),
    ]
    .into_iter()
    .filter_map(|(scale, what)| {
        let of = |value| change(scale, Some(value));
        let mut bars = Vec::new();
        for c in found.iter().filter(|c| c.scale == *scale) {
            let tone = match c.decision(None) {
                Decision::Better => Tone::Good,
                Decision::Worse => Tone::Bad,
                _ => Tone::Plain,
            };
            let (Some(value), interval) = c.decisive() else { continue };
            let said = format!("{} ({}), {}", of(value), ends(interval, of), short(c));
            bars.push(Bar { label: name(&c.name), value, interval, said, tone });
        }
        let left_out = bars.len().saturating_sub(BARS);
        bars.truncate(BARS);
        let name = match left_out {
            0 => format!("{what}, with 95 % intervals"),
            n => format!(
                "{what}, with 95 % intervals; {} in the table only",
                plural(n, "more stands", "more stand")
            ),
        };
        let farthest = bars
            .iter()
            .flat_map(|b| [Some(b.value), b.interval.map(|i| i.0), b.interval.map(|i| i.1)])
            .flatten()
            .fold(0.0_f64, |far, v| far.max(v.abs()));
        let reach = if scale.is_scores() { 4.0 } else { 1.0 };
        let end = [0.125, 0.25, 0.5, 1.0].into_iter().map(|part| part * reach).find(|end| *end >= farthest);
        let end = end.unwrap_or(reach);
        let ticks = [-1.0, -0.5, 0.0, 0.5, 1.0].map(|part| (part * end, of(part * end)));
        (!bars.is_empty()).then_some(Block::Picture(Picture {
            name,
            ends: (-end, end),
            ticks: ticks.into(),
            zero: Some(0.0),
            bars,
        }))
    })
    .collect()
}

fn short(c: &Comparison) -> &'static str {
    match c.decision(None) {
        Decision::Better => "better",
        Decision::Worse => "worse",
        Decision::NotWorse | Decision::NoEvidence => "open",
        Decision::TooFew => "too few",
    }
}

fn people(report: &ArmsReport) -> Section {
    let pairs = &report.pairs;
    let mut blocks = Vec::new();
    if pairs.humans.iter().all(|n| *n == 0) {
        blocks.push(Block::Caution(
            "No person has checked these scores: they rest on the judge alone.".to_owned(),
        ));
    } else {
        let mut table = Table::new(
            "What people checked of the two arms",
            &[
                "Criterion",
                "#Cases scored",
                "#Change put right by people",
                "#95 % interval",
                "#Cases it rests on",
                "#Judge minus people, A",
                "#B",
            ],
        );
        table.rows = versus_rows(report);
        blocks.extend(cut(table));
        blocks.push(Block::Para(
            "A change is put right where a random sample of both arms was scored blind; then it decides. Judge minus people: above zero \
             the judge is kinder to that arm."
                .to_owned(),
        ));
    }
    for (run, people) in report.people.iter().filter(|(_, p)| !p.agreed.is_empty()) {
        blocks.push(Block::Heading(format!("Agreement in run {run}, over all its arms")));
        blocks.extend(agreement(people));
    }
    let itself: Vec<String> = pairs
        .itself
        .iter()
        .take(BARS)
        .map(|(criterion, r)| {
            let (same, all) = (text::count(r.all_equal as u64), plural(r.n, "item", "items"));
            format!("{}: the same answer in all {} passes on {same} of {all}.", name(criterion), r.repeats)
        })
        .collect();
    if !itself.is_empty() {
        blocks.push(Block::Heading("The judge against itself".to_owned()));
        blocks.push(Block::List(itself));
    }
    Section { title: "What people checked", blocks }
}

fn versus_rows(report: &ArmsReport) -> Vec<Vec<String>> {
    let rows = report.versus.found.iter().zip(&report.pairs.humans);
    rows.map(|(c, humans)| {
        let of = |value: Option<f64>| change(&c.scale, value);
        let p = c.people;
        vec![
            name(&c.name),
            text::count(*humans as u64),
            of(p.map(|p| p.difference)),
            ends(p.map(|p| p.ci95), |v| of(Some(v))),
            p.map_or_else(|| NONE.to_owned(), |p| text::count(p.n_labelled as u64)),
            of(p.and_then(|p| p.bias_a)),
            of(p.and_then(|p| p.bias_b)),
        ]
    })
    .collect()
}

fn drops(report: &ArmsReport) -> Section {
    let mut blocks = Vec::new();
    for of in &report.drops {
        blocks.push(Block::Heading(format!("Largest drops on {}", name(&of.name))));
        for (flip, items) in &of.cases {
            let case = name(&flip.case);
            let (from, to) = (level(&of.scale, flip.a), level(&of.scale, flip.b));
            blocks.push(Block::Para(format!("Case {case}: {from} with A, {to} with B.")));
            for (side, item) in ["A", "B"].into_iter().zip(items) {
                let Some(item) = item else { continue };
                let title = format!("{side} · {case} · {}", level(&of.scale, item.level));
                blocks.push(Block::Example(example(&of.scale, item, title)));
            }
        }
        if of.left_out > 0 {
            blocks.push(Block::Para(format!(
                "{} on this criterion not shown.",
                plural(of.left_out, "more case is lower", "more cases are lower")
            )));
        }
    }
    Section { title: "Worst items, with the judge's reasons", blocks }
}

fn method(report: &ArmsReport) -> Section {
    let scales: Vec<&Scale> = report.versus.found.iter().map(|c| &c.scale).collect();
    let mut blocks = Vec::new();
    if let Some(run) = report.runs.last() {
        blocks.push(Block::Para(words::judged_by(run)));
        blocks.extend(words::questions(run));
    }
    blocks.push(Block::Heading("How to read the figures".to_owned()));
    let mut points = words::reading(&scales);
    points.push(DECIDED.to_owned());
    points.push("Both arms answered the same cases under the same judge; only cases with a score of both count, the others are missing.".to_owned());
    blocks.push(Block::List(points));
    blocks.push(Block::Heading("What they cannot say".to_owned()));
    blocks.push(Block::List(words::limits()));
    blocks.push(Block::Para(words::written_by()));
    Section { title: "Method and limits", blocks }
}
