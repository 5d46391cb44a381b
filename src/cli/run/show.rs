//! `run show` and `run noise`.

use super::super::context::Ctx;
use super::super::fail::{Fail, Result};
use super::super::output::{clean, table};
use super::{OK, carry};
use crate::core::stats::repeat::repeatability;
use crate::store::{RunInfo, RunItem, Store, VerdictInfo};
use serde_json::{Value, json};

/// One run: its summary, or every verdict.
pub(super) fn run(ctx: &Ctx, id: &str, items: bool) -> Result<u8> {
    let store = ctx.read()?;
    let run = store.run(id)?;
    if !items {
        carry::tell_run(ctx, &run)?;
        return Ok(OK);
    }
    let list = store.run_items(&run.id)?;
    let verdicts = store.verdicts(&run.id)?;
    if ctx.json {
        let mut value = carry::run_json(&store, &run)?;
        let all: Vec<Value> = verdicts.iter().map(|v| verdict_json(&run, &list, v, true)).collect();
        if let Some(map) = value.as_object_mut() {
            map.insert("results".into(), Value::Array(all));
        }
        ctx.out.json(&value)?;
        return Ok(OK);
    }
    let mut rows = vec![["case", "arm", "criterion", "pass", "score", "why"].map(str::to_owned).to_vec()];
    for v in &verdicts {
        let (item, column) = places(&run, &list, v);
        let why = v.verdict.reading.as_ref().map_or(v.verdict.reason.as_str(), |r| r.explanation.as_str());
        rows.push(vec![
            clean(item.map_or("?", |i| i.case_id.as_str())).into_owned(),
            clean(item.map_or("?", |i| i.arm.as_str())).into_owned(),
            clean(column).into_owned(),
            (v.verdict.repeat + 1).to_string(),
            v.verdict
                .reading
                .as_ref()
                .map_or_else(|| v.verdict.state.name().to_owned(), |r| r.score.to_string()),
            super::super::output::brief(why, 60),
        ]);
    }
    for line in table(&rows, &[3]) {
        ctx.out.line(line)?;
    }
    Ok(OK)
}

fn places<'a>(run: &'a RunInfo, items: &'a [RunItem], v: &VerdictInfo) -> (Option<&'a RunItem>, &'a str) {
    let column = run.criteria.get(v.verdict.criterion as usize).map_or("?", String::as_str);
    (items.get(v.verdict.item as usize), column)
}

/// A verdict as `run show --items --json` has it; without what changes from run to run when not `full`.
pub(super) fn verdict_json(run: &RunInfo, items: &[RunItem], info: &VerdictInfo, full: bool) -> Value {
    let (item, column) = places(run, items, info);
    let v = &info.verdict;
    let mut value = json!({
        "item": item.map(|i| i.case_id.as_str()),
        "arm": item.map(|i| i.arm.as_str()),
        "criterion": column,
        "repeat": v.repeat,
        "state": v.state.name(),
        "score": v.reading.as_ref().map(|r| r.score),
        "evidence": v.reading.as_ref().map(|r| r.evidence.clone()).unwrap_or_default(),
        "explanation": v.reading.as_ref().map_or(v.reason.as_str(), |r| r.explanation.as_str()),
        "raw": String::from_utf8_lossy(&v.raw),
        "rung": v.rung,
        "repairs": v.reading.as_ref().map(|r| r.repairs.clone()).unwrap_or_default(),
        "flags": v.flags,
    });
    if let Some(map) = value.as_object_mut().filter(|_| full) {
        map.insert("usage".into(), json!({"prompt_tokens": v.prompt_tokens, "completion_tokens": v.completion_tokens, "cost_usd": v.cost_usd}));
        map.insert("latency_ms".into(), json!(v.latency_ms));
        map.insert("attempts".into(), json!(v.attempts));
        map.insert("cached".into(), json!(v.cached));
        map.insert("model_returned".into(), json!(v.model_returned));
        map.insert("finish_reason".into(), json!(v.finish_reason));
        map.insert("at".into(), json!(info.at));
    }
    value
}

/// How much the judge disagrees with itself over the passes of a run.
pub(super) fn noise(ctx: &Ctx, id: &str) -> Result<u8> {
    let store: Store = ctx.read()?;
    let run = store.run(id)?;
    if run.spec.repeats < 2 {
        return Err(Fail::input(format!(
            "run {} has one pass: repeat a run with --repeats 3 to see the judge's noise",
            run.id
        )));
    }
    let cells = store.cells(&run.id)?;
    let mut found = Vec::new();
    for (column, name) in run.criteria.iter().enumerate() {
        let mut table: Vec<Vec<Option<f64>>> =
            vec![vec![None; run.spec.repeats as usize]; run.items as usize];
        for cell in cells.iter().filter(|c| c.criterion as usize == column) {
            if let Some(slot) =
                table.get_mut(cell.item as usize).and_then(|r| r.get_mut(cell.repeat as usize))
            {
                *slot = cell.score.map(f64::from);
            }
        }
        let r = repeatability(&table);
        let floor = r
            .within_sd
            .and_then(|sd| crate::core::stats::repeat::noise_floor_from_repeats(sd, r.n, r.repeats));
        found.push(json!({
            "name": name, "items": r.n, "passes": r.repeats, "identical": r.all_equal, "range_ge_2": r.range_ge2,
            "within_sd": r.within_sd, "icc1": r.icc1, "icck": r.icck, "alpha_ordinal": r.alpha_ordinal, "noise_floor": floor,
        }));
    }
    if ctx.json {
        ctx.out.json(&json!({"schema": 1, "run": run.id, "criteria": found}))?;
        return Ok(OK);
    }
    for c in &found {
        let number = |key: &str| c[key].as_f64().map_or_else(|| "n/a".to_owned(), |v| format!("{v:.3}"));
        ctx.out.line(format!("{}", clean(c["name"].as_str().unwrap_or("?"))))?;
        ctx.out.line(format!("  identical passes        {} of {} items", c["identical"], c["items"]))?;
        ctx.out.line(format!("  apart by two or more    {}", c["range_ge_2"]))?;
        ctx.out.line(format!("  spread within an item   {}", number("within_sd")))?;
        ctx.out.line(format!("  ICC of one pass         {}", number("icc1")))?;
        ctx.out.line(format!(
            "  smallest change to believe in a mean over these items  {}",
            number("noise_floor")
        ))?;
    }
    Ok(OK)
}
