//! `assize agreement`: how well a judge agrees with the people who scored the same responses.

use super::context::Ctx;
use super::fail::{DONE, Fail, Result};
use super::output::clean;
use crate::core::stats::agree::{Agreement, Figure, agreement};
use crate::store::{ReviewInfo, RunInfo, Store};
use serde_json::{Value, json};

/// Arguments of `agreement`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  assize agreement --run 7f3c --json")]
pub struct Args {
    /// Only this run [default: every run with reviews]
    #[arg(long, value_name = "ID")]
    pub run: Option<String>,
    /// Only this reviewer
    #[arg(long = "as", value_name = "NAME")]
    pub reviewer: Option<String>,
    /// Scores given after the judge's was seen count too
    #[arg(long)]
    pub with_seen: bool,
}

/// Prints the figures for each criterion.
pub fn run(ctx: &Ctx, args: &Args) -> Result<u8> {
    let store = ctx.read()?;
    let runs: Vec<RunInfo> = match &args.run {
        Some(id) => vec![store.run(id)?],
        None => store.runs(None)?,
    };
    let mut found: Vec<Value> = Vec::new();
    for run in &runs {
        let reviews: Vec<ReviewInfo> = store
            .reviews(Some(&run.id))?
            .into_iter()
            .filter(|r| {
                (args.with_seen || !r.review.saw_judge)
                    && args.reviewer.as_ref().is_none_or(|n| *n == r.review.reviewer)
            })
            .collect();
        if !reviews.is_empty() {
            found.extend(of_run(&store, run, &reviews)?);
        }
    }
    if found.is_empty() {
        return Err(Fail::input(
            "nobody has scored a judged response yet: press 3 in the screens, or `assize review next`",
        ));
    }
    if ctx.json {
        ctx.out.json(&json!({"schema": 1, "criteria": found}))?;
        return Ok(DONE);
    }
    for c in &found {
        ctx.out.line(format!(
            "{}  run {}  n {}",
            clean(c["name"].as_str().unwrap_or("?")),
            c["run"].as_str().unwrap_or("?"),
            c["n"]
        ))?;
        for (key, words) in FIGURES {
            let figure = &c[key];
            let value = figure["value"].as_f64().map_or_else(|| "n/a".to_owned(), |v| format!("{v:.2}"));
            let interval = match (figure["ci95"][0].as_f64(), figure["ci95"][1].as_f64()) {
                (Some(lo), Some(hi)) => format!("[{lo:.2}, {hi:.2}]"),
                _ => String::new(),
            };
            ctx.out.line(format!("  {words:<46} {value:>6} {interval}"))?;
        }
    }
    Ok(DONE)
}

const FIGURES: [(&str, &str); 6] = [
    ("exact", "share with the same score"),
    ("within_one", "share at most one apart"),
    ("bias", "judge minus human, mean"),
    ("kappa_quadratic", "quadratic kappa (0 chance, 1 always alike)"),
    ("alpha_ordinal", "Krippendorff's alpha, ordinal"),
    ("spearman", "rank correlation"),
];

fn of_run(store: &Store, run: &RunInfo, reviews: &[ReviewInfo]) -> Result<Vec<Value>> {
    let cells = store.cells(&run.id)?;
    let mut out = Vec::new();
    for (column, name) in run.criteria.iter().enumerate() {
        let mut pairs: Vec<(u8, u8)> = Vec::new();
        for review in reviews.iter().filter(|r| r.review.criterion as usize == column) {
            let Some(human) = review.review.score else { continue };
            // One judge score an item: the first pass, so that repeats do not count as more evidence.
            let judged = cells.iter().find(|c| {
                c.item == review.review.item && c.criterion as usize == column && c.score.is_some()
            });
            pairs.extend(judged.and_then(|c| c.score).map(|judge| (human, judge)));
        }
        if pairs.is_empty() {
            continue;
        }
        let found: Agreement = agreement(&pairs, None, 1);
        let figure = |f: &Figure| json!({"value": f.value, "ci95": f.ci95.map(|(lo, hi)| [lo, hi])});
        out.push(json!({
            "run": run.id, "judge": run.spec.judge, "name": name, "n": found.n, "grid": found.grid.cells,
            "exact": figure(&found.exact), "within_one": figure(&found.within_one), "bias": figure(&found.bias),
            "kappa_quadratic": figure(&found.kappa_quadratic), "alpha_ordinal": figure(&found.alpha_ordinal),
            "spearman": figure(&found.spearman), "tau_b": figure(&found.tau_b),
        }));
    }
    Ok(out)
}
