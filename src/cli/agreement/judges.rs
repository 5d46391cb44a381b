//! `agreement --judges`: every two judges on the same labelled responses.

use super::super::context::Ctx;
use super::super::error::{CliError, DONE, Result};
use super::super::output::clean;
use super::number;
use crate::core::stats::judges::FigureOfTwo;
use crate::core::text::{p_value, plural};
use crate::questions::agreement::{JudgeOf, TwoJudges};
use serde_json::{Value, json};

/// Prints them.
pub(super) fn run(ctx: &Ctx, found: &[TwoJudges]) -> Result<u8> {
    if found.is_empty() {
        return Err(CliError::input(
            "no two judges have scored the same responses that people scored, on the same question: judge them again with \
             another judge (`assize run --cases SET --judge OTHER`), labels count there at once",
        ));
    }
    if ctx.json {
        ctx.out.json(&json!({"schema": 1, "judges": found.iter().map(two_json).collect::<Vec<_>>()}))?;
        return Ok(DONE);
    }
    let mut last = "";
    for two in found {
        if last != two.criterion {
            ctx.out.line(clean(&two.criterion))?;
            last = &two.criterion;
        }
        let f = &two.figures;
        let (first, second) = (named(&two.first, found), named(&two.second, found));
        ctx.out.line(format!(
            "  {first} and {second}, {}",
            plural(two.items, "labelled response", "labelled responses")
        ))?;
        for (what, c) in [
            ("kappa with people (higher is closer)", &f.kappa),
            ("same score as people", &f.exact),
            ("distance from people (lower is closer)", &f.mae),
        ] {
            let ci = c.ci.map_or_else(|| "n/a".to_owned(), |(lo, hi)| format!("[{lo:+.2}, {hi:+.2}]"));
            ctx.out.line(format!(
                "    {what}: {} and {}, difference {} {ci}",
                number(c.first),
                number(c.second),
                c.difference.map_or_else(|| "n/a".to_owned(), |d| format!("{d:+.2}"))
            ))?;
        }
        ctx.out.line(format!("    exact p of the same score {}", p_value(Some(f.p_exact))))?;
        ctx.out.line(format!("    {}", two.sentence(&first, &second)))?;
    }
    ctx.out.line(format!(
        "Intervals are of the first less the second, at 95 % each; who is closer is told by the distance, for all {} together; kappas have one from 200 responses on.",
        plural(found.len(), "comparison", "comparisons")
    ))?;
    Ok(DONE)
}

/// The judge's name; with its fingerprint where two share a name.
fn named(judge: &JudgeOf, all: &[TwoJudges]) -> String {
    let same = |other: &JudgeOf| other.name == judge.name && other.fingerprint != judge.fingerprint;
    let name = clean(&judge.name).into_owned();
    match judge.fingerprint.filter(|_| all.iter().any(|t| same(&t.first) || same(&t.second))) {
        Some(print) => format!("{name} ({})", print.short()),
        None => name,
    }
}

fn two_json(two: &TwoJudges) -> Value {
    let f = &two.figures;
    let judge = |j: &JudgeOf| json!({"judge": j.name, "fingerprint": j.fingerprint});
    let compared = |c: &FigureOfTwo| {
        json!({
            "first": c.first, "second": c.second, "difference": c.difference, "ci95": c.ci.map(|(lo, hi)| [lo, hi]),
        })
    };
    json!({
        "criterion": two.criterion, "question": two.question, "first": judge(&two.first), "second": judge(&two.second),
        "items": two.items, "sources": two.sources, "kappa_quadratic": compared(&f.kappa), "exact": compared(&f.exact),
        "distance": compared(&f.mae), "p_exact": f.p_exact, "closer": two.word(), "together": two.together,
        "sentence": two.sentence(&two.first.name, &two.second.name),
    })
}
