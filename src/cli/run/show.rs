//! `run show` and `run noise`.

use super::super::context::Ctx;
use super::super::error::{CliError, Result};
use super::super::json as shapes;
use super::super::output::{clean, table};
use super::{OK, execute};
use crate::eval::{self, Noise};
use crate::judge::weighted::weighted_score;
use crate::questions::grid::Gridded;
use crate::questions::noise;
use crate::store::{RunInfo, RunItem, Store, VerdictInfo};
use serde_json::{Value, json};

/// One run: its summary, or every verdict.
pub(super) fn run(ctx: &Ctx, id: &str, items: bool) -> Result<u8> {
    let store = ctx.read()?;
    let run = store.run(id)?;
    if !items {
        execute::tell_run(ctx, &run)?;
        return Ok(OK);
    }
    let list = store.run_items(&run.id)?;
    let verdicts = store.verdicts(&run.id)?;
    if ctx.json {
        let mut value = execute::run_json(&store, &run)?;
        let all: Vec<Value> = verdicts.iter().map(|v| verdict_json(&run, &list, v, true)).collect();
        if let Some(map) = value.as_object_mut() {
            map.insert("results".into(), Value::Array(all));
            map.insert("checked".into(), json!(eval::check_run(&store, &run)?));
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
            v.verdict.reading.as_ref().map_or_else(
                || v.verdict.state.name().to_owned(),
                |r| run.scale(v.verdict.criterion).shown(r.score),
            ),
            super::super::output::brief(why, 60),
        ]);
    }
    for line in table(&rows, &[3]) {
        ctx.out.line(line)?;
    }
    let checked = eval::check_run(&store, &run)?;
    for c in checked.iter().filter(|c| c.outcome.word() != "pass") {
        let (item, arm, name) = (clean(&c.item), clean(&c.arm), clean(&c.name));
        ctx.out.line(format!(
            "check {name} {}: {item} {arm}: {}",
            c.outcome.word(),
            super::super::output::brief(c.outcome.why(), 80)
        ))?;
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
        "generation": item.map(|i| i.repeat),
        "repeat": v.repeat,
        "state": v.state.name(),
        "score": Value::Null,
        "evidence": v.reading.as_ref().map(|r| r.evidence.clone()).unwrap_or_default(),
        "explanation": v.reading.as_ref().map_or(v.reason.as_str(), |r| r.explanation.as_str()),
        "raw": String::from_utf8_lossy(&v.raw),
        "rung": v.rung,
        "repairs": v.reading.as_ref().map(|r| r.repairs.clone()).unwrap_or_default(),
        "flags": v.flags,
    });
    if let Some(map) = value.as_object_mut() {
        map.extend(shapes::answer(&run.scale(v.criterion), v.reading.as_ref().map(|r| r.score)));
    }
    if let Some(map) = value.as_object_mut().filter(|_| full) {
        map.insert("usage".into(), json!({"prompt_tokens": v.prompt_tokens, "completion_tokens": v.completion_tokens, "cost_usd": v.cost_usd}));
        map.insert("latency_ms".into(), json!(v.latency_ms));
        map.insert("attempts".into(), json!(v.attempts));
        map.insert("cached".into(), json!(v.cached));
        map.insert("model_returned".into(), json!(v.model_returned));
        map.insert("finish_reason".into(), json!(v.finish_reason));
        let scores = run.scale(v.criterion).is_scores();
        let weighted = v.reading.as_ref().filter(|_| scores).and_then(|r| weighted_score(&v.raw, r.score));
        map.insert("weighted".into(), json!(weighted.map(|w| json!({"score": w.usable(), "mass": w.mass}))));
        map.insert("at".into(), json!(info.at));
    }
    value
}

/// How much the judge disagrees with itself over the passes of a run, and where the spread comes from.
pub(super) fn noise(ctx: &Ctx, id: &str) -> Result<u8> {
    let store: Store = ctx.read()?;
    let grid = Gridded::read(&store, id)?;
    let run = &grid.run;
    let Some(found) = noise::of(&grid) else {
        return Err(CliError::input(format!(
            "run {} has one pass over one response a case: repeat a run with --repeats 3 to see the judge's noise, with --generations 3 the model's",
            run.id
        )));
    };
    if ctx.json {
        let rows: Vec<Value> = found.iter().map(noise_json).collect();
        ctx.out.json(
            &json!({"schema": 1, "run": run.id, "generations": run.spec.generations, "criteria": rows}),
        )?;
        return Ok(OK);
    }
    for n in &found {
        for line in noise_lines(n) {
            ctx.out.line(line)?;
        }
    }
    Ok(OK)
}

fn noise_json(n: &Noise) -> Value {
    let Noise { name, passes: r, mean_range, flips, split, floor } = n;
    json!({
        "name": name, "items": r.n, "passes": r.repeats, "identical": r.all_equal, "range_ge_2": r.range_ge2,
        "mean_range": mean_range, "flips": {"mark": eval::PASS_MARK, "flipped": flips.0, "of": flips.1},
        "within_sd": r.within_sd, "icc1": r.icc1, "icck": r.icck, "alpha_ordinal": r.alpha_ordinal,
        "variance": {"case": split.case, "generation": split.generation, "judge": split.judge},
        "noise_floor": floor,
    })
}

fn noise_lines(n: &Noise) -> Vec<String> {
    let number = |v: Option<f64>| v.map_or_else(|| "n/a".to_owned(), |v| format!("{v:.3}"));
    let r = &n.passes;
    let split = [("cases", n.split.case), ("generations", n.split.generation), ("judge", n.split.judge)];
    let total: f64 = split.iter().filter_map(|(_, v)| *v).sum();
    let parts: Vec<String> = split
        .iter()
        .map(|(what, v)| match v {
            Some(v) if total > 0.0 => format!("{what} {v:.3} ({:.0} %)", 100.0 * v / total),
            Some(v) => format!("{what} {v:.3}"),
            None => format!("{what} n/a"),
        })
        .collect();
    let mark = eval::PASS_MARK;
    vec![
        clean(&n.name).into_owned(),
        format!("  identical passes        {} of {} items", r.all_equal, r.n),
        format!("  apart by two or more    {}", r.range_ge2),
        format!("  mean range              {}", number(n.mean_range)),
        format!("  across {mark} in some pass  {} of {} items", n.flips.0, n.flips.1),
        format!("  spread within an item   {}", number(r.within_sd)),
        format!("  ICC of one pass, of all {}, {}", number(r.icc1), number(r.icck)),
        format!("  variance                {}", parts.join(", ")),
        format!("  smallest change to believe in a mean over these items  {}", number(n.floor)),
    ]
}
