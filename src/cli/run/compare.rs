//! `run compare`: two arms in full, or every pair of several.
//!
//! ```text
//! two arms     -> table, sentence, power meter, worst flips, slices by tag
//! more of them -> one row for each pair and criterion, all p's corrected together
//! ```

use super::super::context::Ctx;
use super::super::error::{CliError, Result};
use super::super::output::{clean, table};
use super::super::{agreement, json};
use super::OK;
use crate::core::rubric::Scale;
use crate::core::stats::compare::{Comparison, ComparisonOutcome};
use crate::core::text;
use crate::eval::compare::{Flip, is_noise, more, smallest};
use crate::questions::comparison::{self, CannotCompare, DELTA, OnGround, Pairs, Versus, pairs, together};
use serde_json::{Value, json};

// Which verdicts count.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Narrow {
    /// Only this run
    #[arg(long, value_name = "ID")]
    pub run: Option<String>,
    /// Only this case set
    #[arg(long, value_name = "SET")]
    pub cases: Option<String>,
    /// Only runs under this rubric
    #[arg(long, value_name = "RUBRIC")]
    pub rubric: Option<String>,
    /// Only this judge
    #[arg(long, value_name = "JUDGE")]
    pub judge: Option<String>,
}

impl Narrow {
    /// The same as the question takes it; `without_dictated`: what a response tried to dictate is missing.
    pub fn asked(&self, without_dictated: bool) -> comparison::Narrow {
        let Self { run, cases, rubric, judge } = self.clone();
        comparison::Narrow { run, cases, rubric, judge, without_dictated }
    }

    /// Whether any of them is given.
    pub fn is_given(&self) -> bool {
        let Self { run, cases, rubric, judge } = self;
        [run, cases, rubric, judge].into_iter().any(Option::is_some)
    }
}

impl From<CannotCompare> for CliError {
    fn from(error: CannotCompare) -> Self {
        let list = |grounds: &[OnGround]| -> String {
            let one = |g: &OnGround| {
                let OnGround { set, version, judge, fingerprint } = g;
                format!("--cases {set} (version {version}) --judge {judge} (fingerprint {fingerprint})")
            };
            grounds.iter().map(one).collect::<Vec<_>>().join("; ")
        };
        let what = error.to_string();
        Self::input(match error {
            CannotCompare::Store(error) => return error.into(),
            CannotCompare::NothingJudged => format!(
                "{what}: `assize runs` lists case sets, rubrics and judges, and --run, --cases, --rubric, --judge must fit one of them"
            ),
            CannotCompare::NotJudged(_) => format!("{what}: `assize runs` shows what was judged"),
            CannotCompare::NeverAlike { arms: (a, b), grounds: (of_a, of_b) } => {
                format!("{what}: '{a}' by {}; '{b}' by {}", list(&of_a), list(&of_b))
            }
            CannotCompare::SeveralModels(_) => format!("{what}; narrow it with --run ID"),
            CannotCompare::SeveralGrounds(all) => format!("{what}; narrow it with one of: {}", list(&all)),
            CannotCompare::UnknownArm { .. }
            | CannotCompare::SeveralArms { .. }
            | CannotCompare::OneArm(_) => what,
        })
    }
}

// Arguments of `run compare`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The first arm
    pub a: String,
    /// The second arm
    pub b: String,
    /// More arms: every pair is compared, and all are corrected together
    pub others: Vec<String>,
    /// The change that the power meter speaks of
    #[arg(long, value_name = "POINTS", default_value_t = DELTA)]
    pub delta: f64,
    /// Show so many of the scores that changed, the largest drop first
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub flips: usize,
    /// Also for the cases of each tag alone
    #[arg(long)]
    pub by_tag: bool,
    /// Which verdicts
    #[command(flatten)]
    pub narrow: Narrow,
}

/// Compares.
pub fn run(ctx: &Ctx, args: &Args) -> Result<u8> {
    if !(args.delta.is_finite() && args.delta > 0.0) {
        return Err(CliError::input("--delta is a number of points, more than 0"));
    }
    if !args.others.is_empty() {
        return many(ctx, args);
    }
    let store = ctx.read()?;
    let pairs = pairs(&store, &args.a, &args.b, &args.narrow.asked(false))?;
    let found = pairs.versus(None, args.delta);
    // The commonest tag first.
    let of_tag = |(tag, n): &(String, usize)| (tag.clone(), *n, pairs.versus(Some(tag), args.delta).found);
    let slices: Vec<_> = if args.by_tag { found.slices.iter().map(of_tag).collect() } else { Vec::new() };
    if ctx.json {
        ctx.out.json(&two_json(args, &pairs, &found, &slices))?;
        return Ok(OK);
    }
    tell_two(ctx, args, &pairs, &found)?;
    for (tag, n, found) in &slices {
        ctx.out.line("")?;
        ctx.out.line(format!("tag {} ({n} cases)", clean(tag)))?;
        tell_table(ctx, found, &vec![None; found.len()])?;
    }
    if !slices.is_empty() {
        ctx.out.line("")?;
        ctx.out
            .line("Each tag is a comparison of its own: among many, some look like a change by chance.")?;
    }
    Ok(OK)
}

/// One criterion's comparison as the contract has it.
fn criterion_json(c: &Comparison) -> Value {
    let mut value = json!({
        "name": c.name, "n": c.n, "mean_a": c.mean_a, "mean_b": c.mean_b, "difference": c.difference,
        "ci95": c.ci95.map(|(lo, hi)| [lo, hi]), "p": c.p, "p_holm": c.p_holm,
        "wins": c.wins, "ties": c.ties, "losses": c.losses, "missing": c.missing,
        "decision_ci": c.decision_ci.map(|(lo, hi)| [lo, hi]), "together": c.together,
        "decision": c.decision(None).word(), "basis": c.basis().name(), "corrected": json::corrected_difference(c), "bias": json::bias(c),
    });
    if let Some(map) = value.as_object_mut() {
        map.extend(json::scale(&c.scale));
        if c.scale == Scale::PassFail {
            map.insert("share_a".into(), json!(c.mean_a));
            map.insert("share_b".into(), json!(c.mean_b));
        }
    }
    value
}

fn two_json(
    args: &Args,
    pairs: &Pairs,
    versus: &Versus,
    slices: &[(String, usize, Vec<Comparison>)],
) -> Value {
    let criteria: Vec<Value> = versus
        .found
        .iter()
        .zip(&versus.floors)
        .map(|(c, floor)| {
            let mut value = criterion_json(c);
            if let Some(map) = value.as_object_mut() {
                map.insert("noise_floor".into(), json!(floor));
                map.insert("within_noise".into(), json!(floor.map(|_| is_noise(c, *floor))));
                map.insert("smallest_change".into(), json!(smallest(c)));
                map.insert("more_cases".into(), json!(more(c, args.delta)));
                let itself = pairs.itself.get(c.name.as_str());
                map.insert("itself".into(), json!(itself.map(agreement::itself_json)));
            }
            value
        })
        .collect();
    let flip = |f: &Flip| json!({"case": f.case, "criterion": f.criterion, "a": changed(f, f.a), "b": changed(f, f.b)});
    let mut value = json!({
        "schema": 1, "a": pairs.names.0, "b": pairs.names.1, "delta": args.delta, "flagged": pairs.flagged, "criteria": criteria,
        "sentence": versus.sentence,
        "flips": versus.flips.iter().take(args.flips).map(flip).collect::<Vec<_>>(),
    });
    if let (Some(map), true) = (value.as_object_mut(), args.by_tag) {
        let slice = |(tag, n, found): &(String, usize, Vec<Comparison>)| json!({"tag": tag, "cases": n, "criteria": found.iter().map(criterion_json).collect::<Vec<_>>()});
        map.insert("slices".into(), slices.iter().map(slice).collect());
    }
    value
}

/// One side of a change: the score, or the label; the mean of passes that differ has none.
fn changed(flip: &Flip, level: f64) -> Value {
    match flip.label(level) {
        Some(label) => Value::from(label),
        None => json!(flip.scale.figure(level)),
    }
}

fn number(v: Option<f64>, digits: usize) -> String {
    v.map_or_else(|| "n/a".to_owned(), |v| format!("{v:.digits$}"))
}

fn signed(v: Option<f64>) -> String {
    v.map_or_else(|| "n/a".into(), |d| format!("{d:+.2}"))
}

fn ends(interval: Option<(f64, f64)>) -> String {
    interval.map_or_else(|| "n/a".into(), |(lo, hi)| format!("{lo:+.2} to {hi:+.2}"))
}

fn tell_table(ctx: &Ctx, found: &[Comparison], floors: &[Option<f64>]) -> Result<()> {
    let with_floor = floors.iter().any(Option::is_some);
    let mut head =
        vec!["criterion", "A", "B", "change", "95 %", "p(Holm)", "wins", "ties", "losses", "missing"];
    if with_floor {
        head.push("noise");
    }
    let mut rows = vec![head.into_iter().map(str::to_owned).collect::<Vec<_>>()];
    for (c, floor) in found.iter().zip(floors) {
        let mut row = vec![
            clean(&c.name).into_owned(),
            number(c.mean_a, 2),
            number(c.mean_b, 2),
            // A word and not a colour: it must be seen in a log too.
            format!("{}{}", signed(c.difference), if is_noise(c, *floor) { " ~" } else { "" }),
            ends(c.ci95),
            text::p_value(c.p_holm),
            c.wins.to_string(),
            c.ties.to_string(),
            c.losses.to_string(),
            c.missing.to_string(),
        ];
        if with_floor {
            row.push(number(*floor, 2));
        }
        rows.push(row);
    }
    for line in table(&rows, &[1, 2, 3, 5, 6, 7, 8, 9, 10]) {
        ctx.out.line(line)?;
    }
    Ok(())
}

fn tell_two(ctx: &Ctx, args: &Args, pairs: &Pairs, versus: &Versus) -> Result<()> {
    let (found, floors) = (versus.found.as_slice(), versus.floors.as_slice());
    let (a, b) = (clean(&pairs.names.0), clean(&pairs.names.1));
    ctx.out.line(format!("A {a}   B {b}"))?;
    tell_table(ctx, found, floors)?;
    let together = found.iter().map(|c| c.together).max().unwrap_or_default();
    let all = match together {
        0 | 1 => String::new(),
        m => {
            format!("; each 95 % interval is of its row alone, the sentence holds for all {m} rows together")
        }
    };
    ctx.out.line(format!("means are over the cases that both arms have, change is B minus A{all}"))?;
    if found.iter().zip(floors).any(|(c, floor)| is_noise(c, *floor)) {
        ctx.out.line(
            "~ smaller than the judge's own noise: judging the same responses again moves a mean as far",
        )?;
    }
    for c in found {
        if let Some(words) = people_words(c) {
            ctx.out.line(words)?;
        }
    }
    ctx.out.line(clean(&versus.sentence))?;
    if pairs.flagged > 0 {
        ctx.out.line(format!(
            "{} flagged: a response or the judge speaks of an attempt to dictate the score; a gate leaves them out",
            text::plural(pairs.flagged, "scored verdict is", "scored verdicts are")
        ))?;
    }
    if found.iter().all(|c| c.people.is_none()) {
        ctx.out.line(
            "This is by the judge alone: no random sample of both arms is scored by people (press 3, or `assize review next`)",
        )?;
    }
    if let Some(words) = &versus.power {
        ctx.out.line(clean(words))?;
    }
    for (name, itself) in &pairs.itself {
        ctx.out.line(format!("{}: {}", clean(name), agreement::itself_words(itself)))?;
    }
    for f in versus.flips.iter().take(args.flips).filter(|f| f.b < f.a) {
        let shown = |level: f64| if f.scale.is_scores() { format!("{level:.1}") } else { f.shown(level) };
        let (a, b) = (shown(f.a), shown(f.b));
        ctx.out.line(format!(
            "  {} {} {} -> {}",
            clean(&f.case),
            clean(&f.criterion),
            clean(&a),
            clean(&b)
        ))?;
    }
    Ok(())
}

/// What people's labels make of a criterion's change: `tone by people: -0.21 [-0.40, -0.02], 40 cases labelled; judge
/// kinder to B by 0.70`.
fn people_words(c: &Comparison) -> Option<String> {
    let p = c.people?;
    let bias = |side: &str, bias: Option<f64>| bias.map(|b| format!("{side} {b:+.2}"));
    let biases: Vec<String> = [bias("A", p.bias_a), bias("B", p.bias_b)].into_iter().flatten().collect();
    Some(format!(
        "{} corrected by people: {:+.2} [{:+.2}, {:+.2}], {} labelled; judge minus people: {}",
        clean(&c.name),
        p.difference,
        p.ci95.0,
        p.ci95.1,
        text::plural(p.n_labelled, "case", "cases"),
        biases.join(", ")
    ))
}

/// Every pair of the arms, corrected over all pairs and criteria together.
fn many(ctx: &Ctx, args: &Args) -> Result<u8> {
    let store = ctx.read()?;
    let names: Vec<&String> = [&args.a, &args.b].into_iter().chain(&args.others).collect();
    let mut found: Vec<((String, String), Vec<Comparison>)> = Vec::new();
    for (i, a) in names.iter().enumerate() {
        for b in names.iter().skip(i + 1) {
            let pairs = pairs(&store, a, b, &args.narrow.asked(false))?;
            let compared = pairs.compared();
            found.push((pairs.names, compared));
        }
    }
    together(found.iter_mut().map(|(_, table)| table));
    if ctx.json {
        let pair = |((a, b), table): &((String, String), Vec<Comparison>)| json!({"a": a, "b": b, "criteria": table.iter().map(criterion_json).collect::<Vec<_>>()});
        ctx.out.json(&json!({"schema": 1, "pairs": found.iter().map(pair).collect::<Vec<_>>()}))?;
        return Ok(OK);
    }
    let mut rows =
        vec![["A", "B", "criterion", "change", "95 %", "p(all)", "B is", "by"].map(str::to_owned).to_vec()];
    for ((a, b), table) in &found {
        for c in table {
            rows.push(vec![
                clean(a).into_owned(),
                clean(b).into_owned(),
                clean(&c.name).into_owned(),
                signed(c.decisive().0),
                ends(c.decisive().1),
                text::p_value(c.p_holm),
                words(c.outcome()).to_owned(),
                c.basis().words().to_owned(),
            ]);
        }
    }
    for line in table(&rows, &[3, 5]) {
        ctx.out.line(line)?;
    }
    ctx.out.line(format!(
        "Every p (the judge's), and what B is, is corrected for all {} comparisons together; each 95 % interval is of its row alone.",
        found.iter().map(|(_, t)| t.len()).sum::<usize>()
    ))?;
    Ok(OK)
}

fn words(outcome: ComparisonOutcome) -> &'static str {
    match outcome {
        ComparisonOutcome::Better => "better",
        ComparisonOutcome::Worse => "worse",
        ComparisonOutcome::NoEvidence => "no evidence",
        ComparisonOutcome::TooFew => "too few cases",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::worlds::{FEW, many, world};

    fn one_decision(seeds: impl Iterator<Item = u64>) {
        for seed in seeds {
            for row in &world(seed).compared() {
                let decision = row.decision(None);
                let document = criterion_json(row);
                assert_eq!(document["decision"], decision.word(), "{seed}");
                assert_eq!(
                    words(row.outcome()).replace(" cases", ""),
                    decision.word().replace('_', " "),
                    "{seed}"
                );
            }
        }
    }

    #[test]
    fn one_decision_in_table_and_document() {
        one_decision(0..FEW);
    }

    #[test]
    #[ignore = "minutes, in a release build; the same over a few hundred worlds runs always"]
    fn one_decision_in_table_and_document_of_many() {
        one_decision(FEW..many());
    }
}
