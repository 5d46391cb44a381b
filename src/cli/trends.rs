//! `assize trends`: mean scores, failures and cost, run by run.

use super::context::Ctx;
use super::fail::{DONE, Result};
use super::output::{clean, table, talk};
use crate::core::verdict::State;
use crate::eval::{People, summarize};
use serde_json::{Value, json};

/// Arguments of `trends`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  assize trends -n 20 --json")]
pub struct Args {
    /// At most so many runs, the newest
    #[arg(short = 'n', long = "limit", value_name = "N")]
    pub limit: Option<usize>,
}

/// Prints one row for each run and criterion, oldest first.
pub fn run(ctx: &Ctx, args: &Args) -> Result<u8> {
    let store = ctx.read()?;
    let mut runs = store.runs(args.limit)?;
    runs.reverse();
    let mut found: Vec<Value> = Vec::new();
    for run in &runs {
        let people = People::of(&store.reviews(Some(&run.id))?);
        let summary = summarize(run, &store.cells(&run.id)?, &store.run_items(&run.id)?, &people);
        let failed: u32 = run.verdicts.iter().filter(|(s, _)| **s != State::Scored).map(|(_, n)| n).sum();
        for c in &summary.criteria {
            found.push(json!({
                "run": run.id, "created_at": run.created_at, "judge": run.spec.judge, "fingerprint": run.fingerprint,
                "set": run.spec.set, "criterion": c.name, "mean": c.mean, "ci95": c.ci95.map(|(lo, hi)| [lo, hi]), "n": c.n, "planned": c.planned,
                "coverage": c.coverage, "checked_by_people": c.checked.items, "corrected_mean": c.checked.corrected.map(|p| p.estimate), "failed": failed, "cost_usd": run.usage.cost_usd, "wall_s": run.usage.wall_s,
            }));
        }
    }
    if ctx.json {
        ctx.out.json(&json!({"schema": 1, "trends": found}))?;
        return Ok(DONE);
    }
    if found.is_empty() {
        talk("no runs yet: nothing has a trend");
        return Ok(DONE);
    }
    let mut rows = vec![
        ["created", "run", "judge", "set", "criterion", "mean", "scored", "people", "failed"]
            .map(str::to_owned)
            .to_vec(),
    ];
    for t in &found {
        let text = |key: &str| clean(t[key].as_str().unwrap_or("-")).into_owned();
        rows.push(vec![
            text("created_at").chars().take(16).collect(),
            text("run"),
            text("judge"),
            text("set"),
            text("criterion"),
            t["mean"].as_f64().map_or_else(|| "n/a".into(), |m| format!("{m:.2}")),
            format!("{}/{}", t["n"], t["planned"]),
            match t["checked_by_people"].as_u64() {
                Some(0) | None => "unchecked".to_owned(),
                Some(n) => n.to_string(),
            },
            t["failed"].to_string(),
        ]);
    }
    for line in table(&rows, &[5, 6, 7, 8]) {
        ctx.out.line(line)?;
    }
    Ok(DONE)
}
