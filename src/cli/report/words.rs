//! Words and parts that both kinds of report share: figures of each scale, what people checked, failure modes, failures, the
//! judge's reasons, method and limits.

use super::document::{Block, Example, Section, Table, name, passage, sentence};
use crate::core::rubric::Scale;
use crate::core::stats::agreement::Figure;
use crate::core::text::{self, plural};
use crate::eval::compare::is_noise;
use crate::eval::modes::FailureMode;
use crate::questions::report::{AgreedOn, Failure, PeopleReport, Reason, ShownItem};
use crate::store::RunInfo;

/// Rows of a table, at most: what is left out is counted.
pub const ROWS: usize = 60;
/// Rows of a list of modes.
const MODES: usize = 20;
/// Characters of a prompt, a response, an explanation, a quote, a comment.
const PROMPT: usize = 300;
const RESPONSE: usize = 600;
const REASON: usize = 600;
const QUOTE: usize = 160;
const COMMENT: usize = 240;
/// Quotes and people of one item.
const QUOTES: usize = 3;
const PEOPLE: usize = 3;
/// Characters of a question and of an anchor in the method.
const QUESTION: usize = 300;
const ANCHOR: usize = 160;
/// Criteria whose wording is shown.
const WORDED: usize = 12;
/// Characters of a sentence.
pub const SENTENCE: usize = 1200;

/// Where there is no figure.
pub const NONE: &str = "n/a";

/// Whose word a decision is.
pub fn basis(people: bool) -> String {
    if people {
        "Where people scored a random sample of both, their scores put the judge's right.".to_owned()
    } else {
        "This is by the judge alone: no random sample of both is scored by people.".to_owned()
    }
}

/// Whether a change is no more than the judge's own noise, in words.
pub fn noise_words(c: &crate::core::stats::compare::Comparison, floor: Option<f64>) -> String {
    match floor {
        None => NONE.to_owned(),
        Some(f) if is_noise(c, floor) => format!("{} (the change is below it)", figure(&c.scale, Some(f))),
        Some(f) => figure(&c.scale, Some(f)),
    }
}

/// A share in per cent.
pub fn percent(share: f64) -> String {
    format!("{} %", text::fixed(Some(100.0 * share), 1))
}

/// A mean, or a share in per cent; categories have neither.
pub fn figure(scale: &Scale, value: Option<f64>) -> String {
    match (scale, value) {
        (Scale::Categories { .. }, _) | (_, None) => NONE.to_owned(),
        (Scale::PassFail, Some(share)) => percent(share),
        (Scale::OneToFive, mean) => text::fixed(mean, 2),
    }
}

/// A difference with its sign: in points, or in percentage points (pp).
pub fn change(scale: &Scale, value: Option<f64>) -> String {
    match (scale, value) {
        (Scale::Categories { .. }, _) | (_, None) => NONE.to_owned(),
        (Scale::PassFail, Some(share)) => format!("{} pp", text::signed(Some(100.0 * share), 1)),
        (Scale::OneToFive, points) => text::signed(points, 2),
    }
}

/// An interval of figures, or of differences, each end written by `one`.
pub fn ends(interval: Option<(f64, f64)>, one: impl Fn(f64) -> String) -> String {
    interval.map_or_else(|| NONE.to_owned(), |(lo, hi)| format!("{} to {}", one(lo), one(hi)))
}

/// A mean of levels as people read it: the label or score where all passes agree, else the figure.
pub fn level(scale: &Scale, mean: f64) -> String {
    let whole = scale.levels().into_iter().find(|l| (f64::from(*l) - mean).abs() < 1e-9);
    whole.map_or_else(|| figure(scale, scale.figure(mean)), |l| scale.shown(l))
}

/// How a scale is called.
pub fn scale_words(scale: &Scale) -> &'static str {
    match scale {
        Scale::OneToFive => "score, 1 to 5",
        Scale::PassFail => "pass or fail",
        Scale::Categories { ordered: true, .. } => "categories, in order",
        Scale::Categories { .. } => "categories",
    }
}

/// A table cut to [`ROWS`], and how many rows are left out.
pub fn cut(mut table: Table) -> Vec<Block> {
    let left_out = table.rows.len().saturating_sub(ROWS);
    table.rows.truncate(ROWS);
    let mut blocks = vec![Block::Table(table)];
    if left_out > 0 {
        blocks.push(Block::Para(format!("{} left out.", plural(left_out, "more row is", "more rows are"))));
    }
    blocks
}

/// What judge and people agree on in a run, as a table with a word on how to read it.
pub fn agreement(people: &PeopleReport) -> Vec<Block> {
    if people.agreed.is_empty() {
        return Vec::new();
    }
    let head = [
        "Criterion",
        "#Items scored by both",
        "#Same answer",
        "#At most one apart",
        "#Judge minus people",
        "#Kappa",
        "#People among themselves: same answer",
    ];
    let mut table = Table::new(
        "The judge against the mean of people's blind scores on the same responses, with 95 % intervals",
        &head,
    );
    table.rows = people.agreed.iter().map(agreed_row).collect();
    let mut blocks = cut(table);
    blocks.push(Block::Para(
        "Blind: given before the judge's score was seen. Judge minus people: above zero the judge is kinder. Kappa: 0 is what chance \
         would give, 1 is the same answer always (weights grow with the square of the distance). What people reach among themselves \
         is the most that can be asked of a judge."
            .to_owned(),
    ));
    blocks
}

fn agreed_row(on: &AgreedOn) -> Vec<String> {
    let agreed = &on.answer.agreed;
    let figures = &agreed.figures;
    let scores = on.scale.is_scores();
    let with = |f: &Figure, one: &dyn Fn(f64) -> String| match (f.value, f.ci95) {
        (Some(value), Some((lo, hi))) => format!("{} ({} to {})", one(value), one(lo), one(hi)),
        (Some(value), None) => one(value),
        (None, _) => NONE.to_owned(),
    };
    let plain = |v: f64| text::fixed(Some(v), 2);
    // In levels: what a difference of two figures of this scale is.
    let bias = |v: f64| change(&on.scale, on.scale.difference(v));
    let only = |is: bool, words: String| if is { words } else { NONE.to_owned() };
    let ceiling = agreed.ceiling.as_ref().map(|c| with(&c.figures.exact, &percent));
    vec![
        name(&on.name),
        text::count(agreed.items as u64),
        with(&figures.exact, &percent),
        only(scores, with(&figures.within_one, &percent)),
        only(on.scale.has_mean(), with(&figures.bias, &bias)),
        only(on.scale.has_mean(), with(&figures.kappa_quadratic, &plain)),
        ceiling.unwrap_or_else(|| NONE.to_owned()),
    ]
}

/// An item with the judge's reason in its lowest pass, its quotes, what people said, and its texts.
pub fn example(scale: &Scale, item: &ShownItem, title: String) -> Example {
    let mut passages = Vec::new();
    let mut add = |label: String, text: &str, most: usize| {
        if !text.trim().is_empty() {
            passages.push((label, passage(text, most)));
        }
    };
    if let Some(reason) = item.reasons.iter().min_by_key(|r| r.level) {
        let given: Vec<String> = item.reasons.iter().map(|r| scale.shown(r.level)).collect();
        let passes = match given.as_slice() {
            [_] => String::new(),
            given => format!(" in the lowest of {} passes ({})", given.len(), given.join(", ")),
        };
        add(format!("The judge said{passes}"), &reason.explanation, REASON);
        for quote in reason.quotes.iter().take(QUOTES) {
            add("Quoted by the judge from the response".to_owned(), quote, QUOTE);
        }
        if let Some(words) = doubts(reason) {
            add("To be doubted".to_owned(), &words, QUOTE);
        }
    }
    for said in item.people.iter().take(PEOPLE) {
        let gave = said.level.map_or_else(|| "no score".to_owned(), |l| scale.shown(l));
        let seen = if said.saw_judge { ", after the judge's score was seen" } else { "" };
        let modes: Vec<String> = said.modes.iter().take(PEOPLE).map(|m| name(m)).collect();
        let words = [said.comment.clone(), modes.join(", ")].join("\n");
        let words = if words.trim().is_empty() { "(without a comment)".to_owned() } else { words };
        add(format!("A person gave {gave}{seen}"), &words, COMMENT);
    }
    add("Prompt".to_owned(), item.prompt.as_deref().unwrap_or_default(), PROMPT);
    add("Response".to_owned(), item.response.as_deref().unwrap_or_default(), RESPONSE);
    Example { title, passages }
}

fn doubts(reason: &Reason) -> Option<String> {
    let words: Vec<String> = reason.flags.iter().take(QUOTES).map(|f| name(f).replace('_', " ")).collect();
    (!words.is_empty()).then(|| words.join(", "))
}

/// What reviewers tagged.
pub fn modes(modes: &[FailureMode]) -> Section {
    let title = "Failure modes";
    if modes.is_empty() {
        return Section { title, blocks: Vec::new() };
    }
    let mut table = Table::new(
        "What people tagged while they reviewed, the commonest first",
        &["Failure mode", "#Reviews", "#Of all tags", "#Running share", "By arm"],
    );
    table.rows = modes
        .iter()
        .take(MODES)
        .map(|m| {
            let arms: Vec<String> =
                m.arms.iter().take(8).map(|(arm, n)| format!("{} {n}", name(arm))).collect();
            vec![
                name(&m.name),
                text::count(m.count as u64),
                percent(m.share),
                percent(m.running),
                arms.join(", "),
            ]
        })
        .collect();
    let mut blocks = vec![Block::Table(table)];
    if modes.len() > MODES {
        let left_out = modes.len() - MODES;
        blocks
            .push(Block::Para(format!("{} left out.", plural(left_out, "rarer mode is", "rarer modes are"))));
    }
    Section { title, blocks }
}

/// Verdicts without a score, by state and arm.
pub fn failures(failures: &[Failure], arms: &[String]) -> Section {
    const ARMS: usize = 6;
    let title = "Without a score";
    if failures.is_empty() {
        let none = "Every verdict that was reached has a score.".to_owned();
        return Section { title, blocks: vec![Block::Para(none)] };
    }
    let by_arm = arms.len() <= ARMS;
    let columns: Vec<String> =
        if by_arm { arms.iter().map(|a| format!("#{}", name(a))).collect() } else { Vec::new() };
    let head: Vec<&str> =
        ["What happened", "#Verdicts"].into_iter().chain(columns.iter().map(String::as_str)).collect();
    let mut table = Table::new("Verdicts that ended without a score, by reason", &head);
    for failure in failures {
        let all = failure.by_arm.iter().sum::<usize>();
        let mut row = vec![failure.state.words().to_owned(), text::count(all as u64)];
        if by_arm {
            row.extend(failure.by_arm.iter().map(|n| text::count(*n as u64)));
        }
        table.rows.push(row);
    }
    let blocks = vec![
        Block::Table(table),
        Block::Para("None of these counts as a score. They count against coverage.".to_owned()),
    ];
    Section { title, blocks }
}

/// The questions put to the judge, with what earns each answer.
pub fn questions(run: &RunInfo) -> Vec<Block> {
    if run.spec.own_criterion {
        return vec![Block::Para("Each item brought its own question to the judge.".to_owned())];
    }
    let mut table = Table::new(
        "What was asked, and what a response that earns each answer looks like",
        &["Criterion", "Question", "Answered by", "Answers"],
    );
    for criterion in run.spec.criteria.iter().take(WORDED) {
        let answers: Vec<String> = criterion
            .levels()
            .map(|(shown, anchor)| format!("{}: {}", name(&shown), sentence(anchor, ANCHOR)))
            .collect();
        table.rows.push(vec![
            name(&criterion.name),
            sentence(&criterion.question, QUESTION),
            scale_words(&criterion.scale).to_owned(),
            answers.join("; "),
        ]);
    }
    let left_out = run.spec.criteria.len().saturating_sub(WORDED);
    let mut blocks = vec![Block::Table(table)];
    if left_out > 0 {
        blocks.push(Block::Para(format!(
            "{} left out.",
            plural(left_out, "more question is", "more questions are")
        )));
    }
    blocks
}

/// Whose verdicts a run holds, in a sentence.
pub fn judged_by(run: &RunInfo) -> String {
    let judge = name(&run.spec.judge);
    let passes = plural(run.spec.repeats as usize, "time", "times");
    if run.is_recorded() {
        return format!(
            "The verdicts were recorded elsewhere, by the judge \"{judge}\", and brought in as they were: no judge was asked for this \
             report. Each response was judged {passes} on each criterion."
        );
    }
    format!(
        "The responses were scored by a judge, which is a language model (\"{judge}\"), {passes} on each criterion. It must quote from \
         the response and give its reasons before its score."
    )
}

/// How to read the figures.
pub fn reading(scales: &[&Scale]) -> Vec<String> {
    let mut points = Vec::new();
    if scales.iter().any(|s| s.is_scores()) {
        points.push(
            "A mean is of items: each item's score is the mean of its scored passes, from 1 (worst) to 5 (best)."
                .to_owned(),
        );
    }
    if scales.iter().any(|s| **s == Scale::PassFail) {
        points.push(
            "Where the answer is pass or fail, the figure is the share that passes, in per cent; pp are percentage points.".to_owned(),
        );
    }
    if scales.iter().any(|s| !s.has_mean()) {
        points.push(
            "Categories are counted. They have no mean, and none is better than another here.".to_owned(),
        );
    }
    points.push("Nothing is averaged over criteria, over scales or over judges.".to_owned());
    points.push(
        "A 95 % interval says how far the figure could move with other cases of the same kind: of a hundred such intervals about \
         ninety-five hold the true figure. Cases from one source count as one."
            .to_owned(),
    );
    points.push(
        "Coverage is the share of planned verdicts that have a score. A failed verdict is never a number: it lowers coverage, and a \
         figure of low coverage speaks only of what was scored."
            .to_owned(),
    );
    points
}

/// What such figures cannot say.
pub fn limits() -> Vec<String> {
    vec![
        "A judge's score is an opinion. An interval does not show whether the judge looks at the right thing: only people's own scores \
         of the same responses do, and what they did not check rests on the judge alone."
            .to_owned(),
        "The figures speak of these cases. Whether these are like those in use is not known here.".to_owned(),
        "Many figures stand side by side: by chance some look remarkable.".to_owned(),
        "Texts are cut, lists too; where something is left out it is said how much. The registry has all of it, with each reply of the \
         judge as it came."
            .to_owned(),
    ]
}

/// Which program wrote the report.
pub fn written_by() -> String {
    format!("Written by assize {}.", env!("CARGO_PKG_VERSION"))
}
