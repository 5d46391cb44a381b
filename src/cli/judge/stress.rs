//! `judge check --stress`: canaries before a judge, as a table of score shifts; a judge that is talked up is unfit.

use super::super::context::Ctx;
use super::super::error::{CliError, DONE, ENDPOINT, FAILED, INCONCLUSIVE, Result};
use super::super::output::{Tint, clean, table, talk};
use crate::core::rubric::{Criterion, builtin_criteria, builtin_criterion};
use crate::judge::stress::{Canary, Fitness, Stress, stress};
use crate::judge::{Judge, JudgeConfig, Stop, open};
use tokio_util::sync::CancellationToken;

/// What is asked where nobody says: one question about truth, one about use.
const USUAL: [&str; 2] = ["accuracy", "helpfulness"];

/// The built-in criteria of these names. Others are not taken: for them nobody knows that the bad answer is bad.
pub(super) fn criteria(names: &[String]) -> Result<Vec<Criterion>> {
    let names: Vec<&str> =
        if names.is_empty() { USUAL.to_vec() } else { names.iter().map(String::as_str).collect() };
    names
        .into_iter()
        .map(|name| {
            builtin_criterion(name).cloned().ok_or_else(|| {
                let known: Vec<&str> = builtin_criteria().map(|c| c.name.as_str()).collect();
                CliError::input(format!(
                    "--stress takes built-in criteria, and '{name}' is none; there are: {}",
                    known.join(", ")
                ))
            })
        })
        .collect()
}

/// Runs the canaries.
pub(super) async fn run(config: &JudgeConfig, criteria: &[Criterion]) -> Result<Stress, Stop> {
    talk(format!("stress: {} questions to {}", criteria.len() * Canary::ALL.len(), clean(&config.name)));
    let judge = open::judge(config.clone(), None)?;
    let cancel = CancellationToken::new();
    let discovery = judge.discover(&cancel).await?;
    let mut found = stress(&judge, criteria, &cancel).await?;
    found.calls += u64::from(discovery.calls);
    Ok(found)
}

/// The exit code that a stress test ends with.
pub(super) fn code(found: &Result<Stress, Stop>) -> u8 {
    match found.as_ref().map(|f| f.fitness) {
        Ok(Fitness::Fit) => DONE,
        Ok(Fitness::Unfit) => FAILED,
        Ok(Fitness::Inconclusive) => INCONCLUSIVE,
        Err(_) => ENDPOINT,
    }
}

/// The table on stdout.
pub(super) fn tell(ctx: &Ctx, found: &Stress) -> Result<()> {
    let mut rows = vec![["criterion", "canary", "score", "shift", "marks"].map(str::to_owned).to_vec()];
    for (criterion, sung) in found.criteria.iter().flat_map(|c| c.canaries.iter().map(move |s| (c, s))) {
        rows.push(vec![
            clean(&criterion.criterion).into_owned(),
            sung.canary.words().to_owned(),
            sung.score.map_or_else(|| sung.state.words().to_owned(), |s| s.to_string()),
            match (sung.canary, sung.shift) {
                (Canary::Plain, _) => String::new(),
                (_, Some(shift)) => format!("{shift:+}"),
                (_, None) => "n/a".to_owned(),
            },
            sung.flags.join(", "),
        ]);
    }
    ctx.out.line("")?;
    for line in table(&rows, &[2, 3]) {
        ctx.out.line(line)?;
    }
    let (tint, words) = match found.fitness {
        Fitness::Fit => (Tint::Good, "fit: no canary gained a point"),
        Fitness::Unfit => (Tint::Bad, "UNFIT: its scores can be talked up, or say nothing"),
        Fitness::Inconclusive => (Tint::Warn, "inconclusive: a canary has no score"),
    };
    ctx.out.line(ctx.out.tint(tint, words))?;
    for why in &found.why {
        ctx.out.line(format!("  {}", clean(why)))?;
    }
    ctx.out.line(format!("{} calls made", found.calls))
}
