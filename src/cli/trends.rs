//! `assize trends`: mean scores, failures, cost and latency, run by run or along a prompt's revisions.

use super::context::Ctx;
use super::error::{DONE, Result};
use super::output::{clean, table, talk};
use crate::core::prompt::PromptName;
use crate::core::text;
use crate::eval::history;
use crate::eval::{People, summarize_together};
use crate::store::Store;
use serde_json::{Value, json};

// Arguments of `trends`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  assize trends -n 20 --json\n  assize trends support/summary")]
pub struct Args {
    /// By revision of this prompt [default: by run]
    #[arg(value_name = "NAME")]
    pub name: Option<PromptName>,
    /// At most so many runs, the newest
    #[arg(short = 'n', long = "limit", value_name = "N")]
    pub limit: Option<usize>,
}

/// Prints one row for each run and criterion, oldest first.
pub fn run(ctx: &Ctx, args: &Args) -> Result<u8> {
    let store = ctx.read()?;
    if let Some(name) = &args.name {
        return by_revision(ctx, &store, name, args.limit);
    }
    let efforts = store.effort(None)?;
    let mut runs = store.runs(args.limit)?;
    runs.reverse();
    let reviewed = store.reviewed_everywhere()?;
    let mut found: Vec<Value> = Vec::new();
    for run in &runs {
        let (items, cells) = (store.run_items(&run.id)?, store.cells(&run.id)?);
        let people = People::of(&run.id, &items, &store.reviews_among(&run.id, &reviewed)?);
        for c in &summarize_together(run, &cells, &items, &people) {
            found.push(json!({
                "run": run.id, "created_at": run.created_at, "judge": run.spec.judge, "fingerprint": run.fingerprint,
                "set": run.spec.set, "criterion": c.name, "mean": c.mean, "ci95": c.ci95.map(|(lo, hi)| [lo, hi]), "n": c.n, "planned": c.planned,
                "coverage": c.coverage, "checked_by_people": c.checked.items, "corrected_mean": c.checked.corrected.map(|p| p.estimate), "failed": c.failed, "latency_ms": efforts.iter().find(|e| e.of == run.id).and_then(|e| e.latency_ms), "cost_usd": run.usage.cost_usd, "wall_s": run.usage.wall_s,
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

/// One row for each criterion and revision, oldest first: what changed with it, never what caused it.
fn by_revision(ctx: &Ctx, store: &Store, name: &PromptName, limit: Option<usize>) -> Result<u8> {
    let scores = history::scores(store, name)?;
    let efforts = store.effort(Some(name))?;
    let log = store.log(name, None, None)?;
    let judge = history::main_judge(&scores);
    let mut found: Vec<Value> = Vec::new();
    let criteria = history::criteria(&scores);
    let all: Vec<Option<&str>> =
        criteria.iter().map(|c| Some(c.as_str())).chain((criteria.len() > 1).then_some(None)).collect();
    for points in history::points_of_each(&scores, &all) {
        let skip = points.len().saturating_sub(limit.unwrap_or(usize::MAX));
        for p in points.into_iter().skip(skip) {
            let info = log.iter().find(|r| r.seq == p.seq);
            let effort = efforts.iter().find(|e| e.seq == p.seq && judge.is_some_and(|j| j.hex() == e.of));
            let change = p.change.map(|c| {
                json!({
                    "since": c.since, "difference": c.difference, "ci95": c.ci95.map(|(lo, hi)| [lo, hi]), "n": c.n,
                    "evidence": c.mark().words(), "decision": c.decision.word(), "basis": c.basis.name(),
                })
            });
            found.push(json!({
                "criterion": p.criterion, "revision": p.seq, "version": info.map(|r| r.digest.short()),
                "created_at": info.map(|r| r.created_at.clone()), "fingerprint": judge.map(|j| j.short()),
                "mean": p.mean, "ci95": p.ci95.map(|(lo, hi)| [lo, hi]), "n": p.n, "failed": p.failed, "associated": change,
                "latency_ms": effort.and_then(|e| e.latency_ms), "cost_usd": effort.and_then(|e| e.cost_usd),
            }));
        }
    }
    if ctx.json {
        ctx.out.json(&json!({"schema": 1, "name": name, "revisions": found}))?;
        return Ok(DONE);
    }
    if found.is_empty() {
        talk("no revision of this prompt was judged yet: `assize run --arm NAME --cases SET` judges one");
        return Ok(DONE);
    }
    let mut rows = vec![
        ["criterion", "revision", "mean", "95 %", "n", "failed", "latency", "cost", "associated change"]
            .map(str::to_owned)
            .to_vec(),
    ];
    for t in &found {
        let number = |key: &str, digits| text::fixed(t[key].as_f64(), digits);
        let ci = |v: &Value| match (v[0].as_f64(), v[1].as_f64()) {
            (Some(lo), Some(hi)) => format!("[{}, {}]", text::fixed(Some(lo), 2), text::fixed(Some(hi), 2)),
            _ => "n/a".to_owned(),
        };
        let change = &t["associated"];
        rows.push(vec![
            clean(t["criterion"].as_str().unwrap_or("all together")).into_owned(),
            format!("r{}", t["revision"]),
            number("mean", 2),
            ci(&t["ci95"]),
            t["n"].to_string(),
            t["failed"].to_string(),
            t["latency_ms"].as_f64().map_or_else(|| "-".into(), |v| format!("{v:.0} ms")),
            t["cost_usd"].as_f64().map_or_else(|| "-".into(), |v| format!("${v:.4}")),
            match change["difference"].as_f64() {
                Some(d) => format!(
                    "{} {} since r{}: {}",
                    text::signed(Some(d), 2),
                    ci(&change["ci95"]),
                    change["since"],
                    change["evidence"].as_str().unwrap_or("")
                ),
                None => String::new(),
            },
        ]);
    }
    for line in table(&rows, &[2, 4, 5, 6, 7]) {
        ctx.out.line(line)?;
    }
    if criteria.len() > 1 {
        ctx.out.line(format!(
            "better and worse hold for all {} criteria together; each 95 % interval is of its row alone",
            criteria.len()
        ))?;
    }
    Ok(DONE)
}
