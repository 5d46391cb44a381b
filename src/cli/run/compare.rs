//! `run compare`, and what `gate` shares with it: which verdicts of two arms belong together.

use super::super::context::Ctx;
use super::super::fail::{Fail, Result};
use super::super::output::{clean, table};
use super::OK;
use crate::core::stats::compare::{Comparison, Pair, PairedInput, paired_compare, verdict_sentence};
use crate::store::{PoolQuery, PooledVerdict, Store};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The seed of the sign-flip test, so that a comparison says the same today and tomorrow.
const SEED: u64 = 20_261_123;

/// Which verdicts count.
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

/// Two arms on common ground: the cases' scores side by side for each criterion.
pub struct Pairs {
    /// Per criterion, in order of first appearance.
    pub inputs: Vec<PairedInput>,
    /// Per criterion: share of planned verdicts that are scored, of A and of B.
    pub coverage: Vec<(f64, f64)>,
    /// The arms' full names.
    pub names: (String, String),
}

/// The one arm that a name means; several are listed as they must be typed.
fn one_arm(text: &str, known: &BTreeSet<String>) -> Result<String> {
    if known.contains(text) {
        return Ok(text.to_owned());
    }
    // NAME[@SEL][+MODEL] leaves parts out: what is given must agree.
    let (prompt, model) = text.split_once('+').map_or((text, None), |(p, m)| (p, Some(m)));
    let fits = |name: &String| {
        let (full, with) = name.split_once('+').map_or((name.as_str(), None), |(p, m)| (p, Some(m)));
        let same = full == prompt
            || !prompt.contains('@') && full.split('@').next() == Some(prompt) && full.contains('@');
        same && (model.is_none() || model == with)
    };
    let found: Vec<&String> = known.iter().filter(|n| fits(n)).collect();
    match found.as_slice() {
        [one] => Ok((*one).clone()),
        [] => {
            let all: Vec<&str> = known.iter().map(String::as_str).collect();
            Err(Fail::input(format!("no judged arm is named '{text}'; there are: {}", all.join(", "))))
        }
        several => {
            let names: Vec<&str> = several.iter().map(|s| s.as_str()).collect();
            Err(Fail::input(format!("several arms fit '{text}': {}", names.join(", "))))
        }
    }
}

/// The verdicts of two arms, paired by case, criterion version and judge.
pub fn pick_arms(store: &Store, a: &str, b: &str, narrow: &Narrow) -> Result<Pairs> {
    let query = PoolQuery {
        arms: Vec::new(),
        run: narrow.run.clone(),
        set: narrow.cases.clone(),
        rubric: narrow.rubric.clone(),
        judge: narrow.judge.clone(),
    };
    let all = store.pooled(&query)?;
    let known: BTreeSet<String> = all.iter().map(|v| v.arm.clone()).collect();
    let selected = |text: &str| {
        resolved(store, text).map_or_else(|| one_arm(text, &known), |full| one_arm(&full, &known))
    };
    let (a, b) = (selected(a)?, selected(b)?);
    if a == b {
        return Err(Fail::input(format!("'{a}' is both arms: name two")));
    }
    let ours: Vec<PooledVerdict> = all.into_iter().filter(|v| v.arm == a || v.arm == b).collect();
    check_alike(&ours, &a, &b)?;
    Ok(pair_up(&ours, a, b))
}

/// `NAME@SEL` as `NAME@rN`, where it selects a revision.
fn resolved(store: &Store, text: &str) -> Option<String> {
    let (prompt, model) = text.split_once('+').map_or((text, None), |(p, m)| (p, Some(m)));
    let reference: crate::core::prompt::Reference = prompt.parse().ok().filter(|_| prompt.contains('@'))?;
    let info = store.resolve(&reference.name, &reference.selector).ok()?;
    let model = model.map(|m| format!("+{m}")).unwrap_or_default();
    Some(format!("{}@r{}{model}", info.name, info.seq))
}

/// Scores of two judges, or over two case sets, are never compared.
fn check_alike(ours: &[PooledVerdict], a: &str, b: &str) -> Result<()> {
    let of = |arm: &str| -> BTreeSet<(String, String, String, String)> {
        ours.iter()
            .filter(|v| v.arm == arm)
            .map(|v| (v.set.clone(), v.set_digest.short(), v.judge.clone(), v.fingerprint.short()))
            .collect()
    };
    let both: Vec<_> = of(a).intersection(&of(b)).cloned().collect();
    let list = |ground: &[(String, String, String, String)]| -> String {
        ground
            .iter()
            .map(|(s, d, j, f)| format!("--cases {s} (version {d}) --judge {j} (fingerprint {f})"))
            .collect::<Vec<_>>()
            .join("; ")
    };
    match both.len() {
        0 => Err(Fail::input(format!(
            "'{a}' and '{b}' were never judged alike (same case set, same judge): '{a}' by {}; '{b}' by {}",
            list(&of(a).into_iter().collect::<Vec<_>>()),
            list(&of(b).into_iter().collect::<Vec<_>>())
        ))),
        1 if of(a).len() == 1 && of(b).len() == 1 => Ok(()),
        _ => {
            let all: Vec<_> = of(a).union(&of(b)).cloned().collect();
            Err(Fail::input(format!(
                "there is more than one ground to compare them on; narrow it with one of: {}",
                list(&all)
            )))
        }
    }
}

fn pair_up(ours: &[PooledVerdict], a: String, b: String) -> Pairs {
    type Sums = BTreeMap<String, [(f64, u32, u32); 2]>;
    let mut criteria: Vec<String> = Vec::new();
    let mut sums: BTreeMap<String, Sums> = BTreeMap::new();
    let mut clusters: BTreeMap<String, String> = BTreeMap::new();
    for v in ours {
        if !criteria.contains(&v.criterion) {
            criteria.push(v.criterion.clone());
        }
        let side = usize::from(v.arm == b);
        let cell =
            &mut sums.entry(v.criterion.clone()).or_default().entry(v.case_id.clone()).or_default()[side];
        cell.2 += 1;
        if let Some(score) = v.score {
            cell.0 += f64::from(score);
            cell.1 += 1;
        }
        if let Some(cluster) = &v.cluster {
            clusters.insert(v.case_id.clone(), cluster.clone());
        }
    }
    let numbers: BTreeMap<&String, u32> =
        clusters.values().collect::<BTreeSet<_>>().into_iter().zip(0_u32..).collect();
    let mut inputs = Vec::new();
    let mut coverage = Vec::new();
    for name in criteria {
        let cases = sums.remove(&name).unwrap_or_default();
        let mean = |(sum, n, _): (f64, u32, u32)| (n > 0).then(|| sum / f64::from(n));
        let share = |side: usize| {
            let (scored, all) = cases.values().fold((0, 0), |(s, t), c| (s + c[side].1, t + c[side].2));
            f64::from(scored) / f64::from(all.max(1))
        };
        coverage.push((share(0), share(1)));
        let pairs = cases
            .iter()
            .map(|(case, [a, b])| Pair {
                a: mean(*a),
                b: mean(*b),
                cluster: clusters.get(case).and_then(|c| numbers.get(c).copied()),
            })
            .collect();
        inputs.push(PairedInput { name, pairs });
    }
    Pairs { inputs, coverage, names: (a, b) }
}

/// One criterion's comparison as the contract has it.
fn criterion_json(c: &Comparison) -> Value {
    json!({
        "name": c.name, "n": c.n, "mean_a": c.mean_a, "mean_b": c.mean_b, "difference": c.difference,
        "ci95": c.ci95.map(|(lo, hi)| [lo, hi]), "p": c.p, "p_holm": c.p_holm,
        "wins": c.wins, "ties": c.ties, "losses": c.losses, "missing": c.missing,
    })
}

/// Compares two arms.
pub(super) fn run(ctx: &Ctx, a: &str, b: &str, narrow: &Narrow) -> Result<u8> {
    let store = ctx.read()?;
    let pairs = pick_arms(&store, a, b, narrow)?;
    let found = paired_compare(&pairs.inputs, SEED);
    if ctx.json {
        let list: Vec<Value> = found.iter().map(criterion_json).collect();
        ctx.out.json(&json!({"schema": 1, "a": pairs.names.0, "b": pairs.names.1, "criteria": list}))?;
        return Ok(OK);
    }
    let mut rows = vec![
        ["criterion", "A", "B", "change", "95 %", "p(Holm)", "wins", "ties", "losses", "missing"]
            .map(str::to_owned)
            .to_vec(),
    ];
    let number =
        |v: Option<f64>, digits: usize| v.map_or_else(|| "n/a".to_owned(), |v| format!("{v:.digits$}"));
    for c in &found {
        rows.push(vec![
            clean(&c.name).into_owned(),
            number(c.mean_a, 2),
            number(c.mean_b, 2),
            c.difference.map_or_else(|| "n/a".into(), |d| format!("{d:+.2}")),
            c.ci95.map_or_else(|| "n/a".into(), |(lo, hi)| format!("{lo:+.2} to {hi:+.2}")),
            number(c.p_holm, 3),
            c.wins.to_string(),
            c.ties.to_string(),
            c.losses.to_string(),
            c.missing.to_string(),
        ]);
    }
    ctx.out.line(format!("A {}   B {}", clean(&pairs.names.0), clean(&pairs.names.1)))?;
    for line in table(&rows, &[1, 2, 3, 5, 6, 7, 8, 9]) {
        ctx.out.line(line)?;
    }
    ctx.out.line(verdict_sentence(&found, &clean(&pairs.names.0), &clean(&pairs.names.1)))?;
    Ok(OK)
}

/// The comparison that a gate decides on.
pub(in super::super) fn compared(pairs: &Pairs) -> Vec<Comparison> {
    paired_compare(&pairs.inputs, SEED)
}
