//! The field's standard figures of one criterion, each with a line that says what it is.

use super::super::context::Ctx;
use super::super::error::Result;
use super::super::output::{clean, table};
use super::{figure_json, interval, number};
use crate::core::stats::agreement::Figure;
use crate::core::stats::bounded::Ends;
use crate::core::stats::confusion::Counted;
use crate::core::text::plural;
use crate::eval::agreement::{ByLevel, Correlations, StandardFigures, TwoPeople};
use serde_json::{Value, json};

fn ends(ci: Option<Ends>) -> Value {
    json!(ci.map(|(lo, hi)| [lo, hi]))
}

/// As keys of one object: `levels`, `confusion`, `calibration`, `between_reviewers`.
pub(super) fn standard_json(s: &StandardFigures) -> serde_json::Map<String, Value> {
    let level = |l: &Correlations| {
        let at = |pick: fn(&ByLevel) -> Value| json!({"spearman": pick(&l.spearman), "kendall": pick(&l.kendall), "pearson": pick(&l.pearson)});
        json!({
            "document": at(|b| json!({"value": b.document.value, "ci95": ends(b.document.ci95)})),
            "system": at(|b| json!({"value": b.system.value, "ci95": ends(b.system.ci95)})),
            "pooled": at(|b| json!({"value": b.pooled})),
            "documents": l.documents, "documents_undefined": l.undefined, "systems": l.systems,
        })
    };
    let share = |c: &Counted| json!({"value": c.value, "n": c.n, "ci95": ends(c.held)});
    let confusion = s.confusion.iter().map(|c| {
        json!({
            "score": c.score, "people": c.people, "judge": c.judge, "both": c.both,
            "recall": share(&c.recall), "precision": share(&c.precision),
        })
    });
    let calibration = s
        .calibration
        .iter()
        .map(|c| json!({"judge": c.judge, "people_mean": c.mean, "ci95": ends(c.ci), "n": c.n}));
    let mut out = serde_json::Map::new();
    out.insert("levels".into(), json!(s.levels.as_ref().map(level)));
    out.insert("confusion".into(), confusion.collect());
    out.insert("calibration".into(), calibration.collect());
    out.insert("between_reviewers".into(), s.reviewers.iter().map(two_json).collect());
    out
}

fn two_json(two: &TwoPeople) -> Value {
    let f = &two.figures;
    json!({
        "first": two.first, "second": two.second, "n": f.n, "exact": figure_json(&f.exact, f.n),
        "within_one": figure_json(&f.within_one, f.n), "second_minus_first": figure_json(&f.bias, f.n),
        "kappa_quadratic": figure_json(&f.kappa_quadratic, f.n), "spearman": figure_json(&f.spearman, f.n),
    })
}

/// `0.67 [0.40, 0.85]`.
fn shown(value: Option<f64>, ci: Option<Ends>) -> String {
    format!("{} {}", number(value), interval(&Figure { value, ci95: ci })).trim_end().to_owned()
}

/// Prints them.
pub(super) fn tell(ctx: &Ctx, s: &StandardFigures) -> Result<()> {
    let mut lines = Vec::new();
    if let Some(l) = &s.levels {
        let row = |name: &str, pick: fn(&ByLevel) -> (Option<f64>, Option<Ends>)| {
            let each = [("Spearman", l.spearman), ("Kendall", l.kendall), ("Pearson", l.pearson)].map(
                |(name, b)| {
                    let (value, ci) = pick(&b);
                    format!("{name} {}", shown(value, ci))
                },
            );
            format!("  {name}: {}", each.join(", "))
        };
        lines.push(format!(
            "{} (does the judge rank the arms' answers to a case as people do? mean over {}{})",
            row("document level", |b| (b.document.value, b.document.ci95)),
            plural(l.documents, "case", "cases"),
            if l.undefined > 0 {
                format!("; {} where one side ties all", l.undefined)
            } else {
                String::new()
            },
        ));
        lines.push(format!(
            "{} (does it rank the arms' means as people do? {})",
            row("system level", |b| (b.system.value, b.system.ci95)),
            plural(l.systems, "arm", "arms"),
        ));
    }
    let says = s.calibration.iter().filter(|c| c.n > 0).map(|c| {
        format!("says {}: people {} ({})", c.judge, shown(c.mean, c.ci), plural(c.n, "item", "items"))
    });
    lines.push(format!(
        "  calibration (what people give on average where the judge gives a score): {}",
        says.collect::<Vec<_>>().join("; ")
    ));
    for line in lines {
        ctx.out.line(line)?;
    }
    ctx.out.line("  confusion by score (of what people gave a score, how much did the judge too; and the other way round)")?;
    let head = ["  score", "people", "judge", "both", "judge too", "95 %", "people too", "95 %"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    let range = |c: &Counted| interval(&Figure { value: c.value, ci95: c.held });
    for c in s.confusion.iter().filter(|c| c.people + c.judge > 0) {
        rows.push(vec![
            format!("  {}", c.score),
            c.people.to_string(),
            c.judge.to_string(),
            c.both.to_string(),
            number(c.recall.value),
            range(&c.recall),
            number(c.precision.value),
            range(&c.precision),
        ]);
    }
    for line in table(&rows, &[1, 2, 3, 4, 6]) {
        ctx.out.line(line.trim_end())?;
    }
    if s.reviewers.is_empty() {
        return Ok(());
    }
    ctx.out.line("  people one by one, on the items that both scored (apart: the second's score less the first's, mean)")?;
    let head = ["  people", "items", "same", "within one", "apart", "95 %", "kappa", "95 %"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for two in &s.reviewers {
        let f = &two.figures;
        rows.push(vec![
            format!("  {} and {}", clean(&two.first), clean(&two.second)),
            f.n.to_string(),
            number(f.exact.value),
            number(f.within_one.value),
            number(f.bias.value),
            interval(&f.bias),
            number(f.kappa_quadratic.value),
            interval(&f.kappa_quadratic),
        ]);
    }
    for line in table(&rows, &[1, 2, 3, 4, 6]) {
        ctx.out.line(line.trim_end())?;
    }
    Ok(())
}
