//! The report of one run in words.

use super::document::{Bar, Block, Document, Picture, Section, Table, Tone, name, sentence};
use super::words::{
    self, SENTENCE, agreement, basis, change, cut, ends, example, figure, level, percent, scale_words,
};
use crate::core::rubric::Scale;
use crate::core::text::{self, plural};
use crate::eval::CriterionSummary;
use crate::questions::report::RunReport;

/// Criteria told in the answer.
const ANSWERED: usize = 4;
/// Intervals in one picture.
const BARS: usize = 30;

/// The report.
pub fn document(report: &RunReport) -> Document {
    let run = report.run();
    Document {
        title: format!("Report of run {}: {} by {}", run.id, name(&run.spec.set), name(&run.spec.rubric)),
        answer: answer(report),
        facts: facts(report),
        sections: vec![
            figures(report),
            compared(report),
            people(report),
            worst(report),
            words::modes(&report.modes),
            words::failures(&report.failures, &run.arms),
            checks(report),
            method(report),
        ],
    }
}

/// What it comes to, in sentences.
fn answer(report: &RunReport) -> Vec<String> {
    let found = &report.coverage;
    if found.notes.is_split {
        return vec![format!(
            "No mean is given: {} answered in this run, and their scores are not pooled.",
            plural(found.groups.len(), "model", "models")
        )];
    }
    let mut lines = Vec::new();
    if let Some(versus) = &report.versus {
        lines.push(sentence(&versus.sentence, SENTENCE));
        lines.push(basis(versus.found.iter().any(|c| c.people.is_some())));
        return lines;
    }
    for c in found.criteria.iter().take(ANSWERED) {
        lines.push(told(c));
    }
    let left_out = found.criteria.len().saturating_sub(ANSWERED);
    if left_out > 0 {
        lines.push(format!("{} below.", plural(left_out, "more criterion stands", "more criteria stand")));
    }
    if !report.pairs.is_empty() {
        let decided = report.pairs.iter().filter(|p| p.found.iter().any(decided)).count();
        lines.push(format!(
            "Of {} of arms, {} beyond chance on some criterion.",
            plural(report.pairs.len(), "pair", "pairs"),
            plural(decided, "differs", "differ")
        ));
    }
    lines
}

fn decided(c: &crate::core::stats::compare::Comparison) -> bool {
    use crate::core::stats::decision::Decision;
    matches!(c.decision(None), Decision::Better | Decision::Worse)
}

/// One criterion in a sentence.
fn told(c: &CriterionSummary) -> String {
    let over = format!("over {} ({} coverage)", plural(c.n, "item", "items"), percent(c.coverage));
    let on = name(&c.name);
    let of = |value| figure(&c.scale, Some(value));
    match (&c.scale, c.mean) {
        (Scale::Categories { .. }, _) => {
            let each: Vec<String> =
                c.labels.iter().map(|(l, n)| format!("{} {}", name(l), text::count(*n as u64))).collect();
            format!("On {on} the answers are: {}, {over}.", each.join(", "))
        }
        (_, None) => format!("On {on} nothing is scored."),
        (Scale::PassFail, Some(share)) => {
            format!("On {on} {} pass (95 % interval {}), {over}.", of(share), ends(c.ci95, of))
        }
        (Scale::OneToFive, Some(mean)) => {
            format!("On {on} the mean is {} of 5 (95 % interval {}), {over}.", of(mean), ends(c.ci95, of))
        }
    }
}

fn facts(report: &RunReport) -> Vec<(String, String)> {
    let run = report.run();
    let state = serde_json::to_value(run.state).ok();
    let state = state.as_ref().and_then(|s| s.as_str()).unwrap_or_default();
    let mut facts = vec![
        ("Cases".to_owned(), name(&run.spec.set)),
        ("Responses".to_owned(), plural(run.items as usize, "item", "items")),
        ("Arms".to_owned(), arms(&run.arms)),
        ("Rubric".to_owned(), name(&run.spec.rubric)),
        ("Judge".to_owned(), name(&run.spec.judge)),
        ("Passes".to_owned(), run.spec.repeats.to_string()),
        ("Run".to_owned(), format!("{} ({state})", run.id)),
        ("Begun".to_owned(), run.created_at.clone()),
    ];
    if !report.models.is_empty() {
        let models: Vec<String> = report.models.iter().take(4).map(|m| name(m)).collect();
        facts.push(("Models that answered".to_owned(), models.join(", ")));
    }
    if run.usage.calls > 0 {
        let cost =
            run.usage.cost_usd.map_or_else(|| "cost unknown".to_owned(), |usd| format!("{usd:.2} USD"));
        let calls = plural(usize::try_from(run.usage.calls).unwrap_or(usize::MAX), "call", "calls");
        facts.push(("Took".to_owned(), format!("{calls}, {cost}")));
    }
    facts
}

/// The first arms by name.
fn arms(arms: &[String]) -> String {
    const TOLD: usize = 6;
    let told: Vec<String> = arms.iter().take(TOLD).map(|a| name(a)).collect();
    match arms.len().saturating_sub(TOLD) {
        0 => told.join(", "),
        more => format!("{} and {} more", told.join(", "), text::count(more as u64)),
    }
}

fn figures(report: &RunReport) -> Section {
    let found = &report.coverage;
    let mut blocks: Vec<Block> = Vec::new();
    blocks.extend(found.notes.lines.iter().map(|line| Block::Caution(sentence(line, SENTENCE))));
    let rows: Vec<(&str, &CriterionSummary)> =
        found.arms.iter().flat_map(|arm| arm.criteria.iter().map(|c| (arm.arm.as_str(), c))).collect();
    blocks.extend(pictures(&rows));
    let mut table = Table::new(
        "Means and shares by arm and criterion",
        &[
            "Arm",
            "Criterion",
            "Answered by",
            "#Mean or share",
            "#95 % interval",
            "#Items scored",
            "#Coverage",
            "#By people",
        ],
    );
    table.rows = rows
        .iter()
        .map(|(arm, c)| {
            let of = |value| figure(&c.scale, Some(value));
            vec![
                name(arm),
                name(&c.name),
                scale_words(&c.scale).to_owned(),
                figure(&c.scale, c.mean),
                ends(c.ci95, of),
                format!("{} of {}", text::count(c.n as u64), text::count(c.planned as u64)),
                percent(c.coverage),
                if c.checked.items == 0 { "not yet".to_owned() } else { text::count(c.checked.items as u64) },
            ]
        })
        .collect();
    blocks.extend(cut(table));
    blocks.extend(counts(&rows));
    blocks.extend(models(report));
    let cautions = rows.iter().filter_map(|(arm, c)| Some((arm, c, c.caution()?)));
    let cautions = cautions.map(|(arm, c, why)| format!("{} on {}: {}.", name(arm), name(&c.name), why));
    let doubts = report.doubts.iter().map(|(at, doubt)| {
        let criterion = report.run().criteria.get(*at).map_or("?", String::as_str);
        format!("{} {}.", name(criterion), sentence(&doubt.words(), SENTENCE))
    });
    let mut points: Vec<String> = cautions.chain(doubts).take(BARS).collect();
    if found.flagged > 0 {
        points.push(format!(
            "{} flagged: a quote that is not in the response, a response that speaks to the judge, and the like.",
            plural(found.flagged, "verdict is", "verdicts are")
        ));
    }
    if !points.is_empty() {
        blocks.push(Block::Heading("To be known before they are read".to_owned()));
        blocks.push(Block::List(points));
    }
    Section { title: "Figures", blocks }
}

/// Counts of labels, where answers are labels.
fn counts(rows: &[(&str, &CriterionSummary)]) -> Vec<Block> {
    let mut table = Table::new("Items by answer", &["Arm", "Criterion", "Answers"]);
    for (arm, c) in rows.iter().filter(|(_, c)| c.scale.has_labels()) {
        let mut each: Vec<String> =
            c.labels.iter().map(|(label, n)| format!("{} {}", name(label), text::count(*n as u64))).collect();
        let labelled: usize = c.labels.iter().map(|(_, n)| n).sum();
        if c.n > labelled {
            each.push(format!("passes that differ {}", text::count((c.n - labelled) as u64)));
        }
        table.rows.push(vec![name(arm), name(&c.name), each.join(", ")]);
    }
    if table.rows.is_empty() { Vec::new() } else { cut(table) }
}

/// Each model apart, where several answered.
fn models(report: &RunReport) -> Vec<Block> {
    if report.coverage.groups.is_empty() {
        return Vec::new();
    }
    let mut table = Table::new(
        "Each model that answered, apart",
        &["Model", "Criterion", "#Mean or share", "#95 % interval", "#Items"],
    );
    for (group, c) in report.coverage.groups.iter().flat_map(|g| g.criteria.iter().map(move |c| (g, c))) {
        let of = |value| figure(&c.scale, Some(value));
        table.rows.push(vec![
            name(&group.model),
            name(&c.name),
            figure(&c.scale, c.mean),
            ends(c.ci95, of),
            text::count(c.n as u64),
        ]);
    }
    cut(table)
}

/// One picture for scores and one for shares: they have no axis in common.
fn pictures(rows: &[(&str, &CriterionSummary)]) -> Vec<Block> {
    let one_arm = rows.iter().all(|(arm, _)| rows.first().is_some_and(|(first, _)| first == arm));
    let one_criterion = rows.iter().all(|(_, c)| rows.first().is_some_and(|(_, first)| first.name == c.name));
    let label = |arm: &str, c: &CriterionSummary| match (one_arm, one_criterion) {
        (true, _) => name(&c.name),
        (_, true) => name(arm),
        _ => format!("{}: {}", name(&c.name), name(arm)),
    };
    let scores = Scale::OneToFive;
    [(&scores, "Mean scores with 95 % intervals"), (&Scale::PassFail, "Shares that pass with 95 % intervals")]
        .into_iter()
        .filter_map(|(scale, what)| {
            let mine = || rows.iter().filter(|(_, c)| c.scale == *scale);
            let of = |value| figure(scale, Some(value));
            let mut bars = Vec::new();
            for (arm, c) in mine() {
                let Some(value) = c.mean else { continue };
                let said = format!("{} ({})", of(value), ends(c.ci95, of));
                bars.push(Bar { label: label(arm, c), value, interval: c.ci95, said, tone: Tone::Plain });
                if let Some(by) = c.checked.corrected {
                    let interval = Some((by.lo, by.hi));
                    let said = format!("{} ({})", of(by.estimate), ends(interval, of));
                    let label = format!("{}, put right by people", label(arm, c));
                    bars.push(Bar { label, value: by.estimate, interval, said, tone: Tone::People });
                }
            }
            let left_out = bars.len().saturating_sub(BARS);
            bars.truncate(BARS);
            let name = match left_out {
                0 => what.to_owned(),
                n => format!("{what}; {} in the table only", plural(n, "more stands", "more stand")),
            };
            let (ends, ticks): (_, Vec<f64>) = if scale.is_scores() {
                ((1.0, 5.0), vec![1.0, 2.0, 3.0, 4.0, 5.0])
            } else {
                ((0.0, 1.0), vec![0.0, 0.25, 0.5, 0.75, 1.0])
            };
            let tick = |v: f64| {
                (v, if scale.is_scores() { format!("{v:.0}") } else { format!("{:.0} %", 100.0 * v) })
            };
            let ticks = ticks.into_iter().map(tick).collect();
            (!bars.is_empty()).then_some(Block::Picture(Picture { name, ends, ticks, zero: None, bars }))
        })
        .collect()
}

/// The arms against each other.
fn compared(report: &RunReport) -> Section {
    let run = report.run();
    let mut blocks = Vec::new();
    if let Some(versus) = &report.versus {
        blocks.extend(super::of_arms::differences(versus, &[]));
    } else if !report.pairs.is_empty() {
        let mut table = Table::new(
            "Every pair of arms, the second against the first",
            &[
                "First",
                "Second",
                "Criterion",
                "#Change",
                "#95 % interval",
                "#p, corrected",
                "The second is",
                "By",
            ],
        );
        let arm = |at: usize| name(run.arms.get(at).map_or("?", String::as_str));
        for (pair, c) in report.pairs.iter().flat_map(|p| p.found.iter().map(move |c| (p, c))) {
            let (difference, interval) = c.decisive();
            table.rows.push(vec![
                arm(pair.arms.0),
                arm(pair.arms.1),
                name(&c.name),
                change(&c.scale, difference),
                ends(interval, |v| change(&c.scale, Some(v))),
                text::p_value(c.p_holm),
                super::of_arms::decision(c).to_owned(),
                c.basis().words().to_owned(),
            ]);
        }
        blocks.extend(cut(table));
        blocks.push(Block::Para(
            "What the second is, and p, hold for all pairs and criteria together; each interval is of its row alone."
                .to_owned(),
        ));
    } else if run.arms.len() > 1 && !report.coverage.notes.is_split {
        blocks.push(Block::Para(format!(
            "{} are not compared pair by pair here: name two arms for a report of their comparison.",
            plural(run.arms.len(), "arm", "arms")
        )));
    }
    Section { title: "The arms compared", blocks }
}

fn people(report: &RunReport) -> Section {
    let found = &report.coverage;
    let checked: usize = found.criteria.iter().map(|c| c.checked.items).max().unwrap_or_default();
    let mut blocks = Vec::new();
    if checked == 0 {
        blocks.push(Block::Caution(
            "No person has checked these scores: they rest on the judge alone.".to_owned(),
        ));
    } else {
        blocks.push(Block::Para(format!(
            "{} scored responses of this run.",
            plural(report.people.reviewers, "person", "people")
        )));
        let mut table = Table::new(
            "What people checked, over all arms",
            &[
                "Criterion",
                "#Items scored",
                "#Of a random sample",
                "#Skipped",
                "#People's figure there",
                "#The judge's, over all",
                "#Put right by people",
                "#95 % interval",
            ],
        );
        table.rows = found
            .criteria
            .iter()
            .map(|c| {
                let of = |value| figure(&c.scale, Some(value));
                let corrected = c.checked.corrected;
                vec![
                    name(&c.name),
                    text::count(c.checked.items as u64),
                    text::count(c.checked.random as u64),
                    text::count(c.checked.skipped as u64),
                    figure(&c.scale, c.checked.people),
                    figure(&c.scale, c.mean),
                    figure(&c.scale, corrected.map(|p| p.estimate)),
                    ends(corrected.map(|p| (p.lo, p.hi)), of),
                ]
            })
            .collect();
        blocks.extend(cut(table));
        blocks.push(Block::Para(
            "Put right: the judge's figure with its mean error on the random sample taken off. Items that people picked themselves \
             cannot correct it, and a sample below ten is too small."
                .to_owned(),
        ));
        blocks.extend(agreement(&report.people));
    }
    let itself: Vec<String> = report
        .noise
        .iter()
        .filter(|n| n.passes.n > 0 && n.passes.repeats > 1)
        .map(|n| {
            let floor = n.floor.map_or_else(String::new, |f| {
                let scale = found.criteria.iter().find(|c| c.name == n.name).map(|c| &c.scale);
                match scale.and_then(|s| Some((s, s.difference(f)?))) {
                    Some((scale, f)) => {
                        format!("; a change of a mean below {} may be its own noise", figure(scale, Some(f)))
                    }
                    None => String::new(),
                }
            });
            format!(
                "{}: the same answer in all {} passes on {} of {}{floor}.",
                name(&n.name),
                n.passes.repeats,
                text::count(n.passes.all_equal as u64),
                plural(n.passes.n, "item", "items")
            )
        })
        .collect();
    if !itself.is_empty() {
        blocks.push(Block::Heading("The judge against itself".to_owned()));
        blocks.push(Block::List(itself));
    }
    Section { title: "What people checked", blocks }
}

fn worst(report: &RunReport) -> Section {
    let mut blocks = Vec::new();
    for of in &report.worst {
        blocks.push(Block::Heading(format!("Lowest on {}", name(&of.name))));
        for item in &of.items {
            let title =
                format!("{} · {} · {}", name(&item.case), name(&item.arm), level(&of.scale, item.level));
            blocks.push(Block::Example(example(&of.scale, item, title)));
        }
        if of.left_out > 0 {
            let what = if of.scale == Scale::PassFail { "that fail" } else { "below the highest score" };
            blocks.push(Block::Para(format!(
                "{} {what} not shown.",
                plural(of.left_out, "more item", "more items")
            )));
        }
    }
    Section { title: "Worst items, with the judge's reasons", blocks }
}

fn checks(report: &RunReport) -> Section {
    let mut blocks = Vec::new();
    if !report.checks.is_empty() {
        let mut table = Table::new(
            "Checks without a judge",
            &["Arm", "Check", "#Passed", "#Failed", "#Cannot be decided"],
        );
        table.rows = report
            .checks
            .iter()
            .map(|c| {
                vec![
                    name(&c.arm),
                    name(&c.name),
                    c.pass.to_string(),
                    c.fail.to_string(),
                    c.not_applicable.to_string(),
                ]
            })
            .collect();
        blocks.extend(cut(table));
    }
    Section { title: "Checks", blocks }
}

fn method(report: &RunReport) -> Section {
    let run = report.run();
    let scales: Vec<&Scale> = report.coverage.criteria.iter().map(|c| &c.scale).collect();
    let mut blocks = vec![Block::Para(words::judged_by(run))];
    blocks.extend(words::questions(run));
    blocks.push(Block::Heading("How to read the figures".to_owned()));
    let mut points = words::reading(&scales);
    if report.versus.is_some() || !report.pairs.is_empty() {
        points.push(super::of_arms::DECIDED.to_owned());
    }
    blocks.push(Block::List(points));
    blocks.push(Block::Heading("What they cannot say".to_owned()));
    blocks.push(Block::List(words::limits()));
    blocks.push(Block::Para(words::written_by()));
    Section { title: "Method and limits", blocks }
}
