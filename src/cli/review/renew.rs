//! `review renew`: takes stale scores over, or shows them apart.

use super::super::context::Ctx;
use super::super::error::{DONE, Result};
use super::super::output::{clean, table};
use super::{column, who};
use crate::core::digest::Digest;
use crate::core::rubric::{self, Criterion};
use crate::core::text::plural;
use crate::store::{Cause, RunInfo, RunItem, StaleReview, Store};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Which of them.
pub(super) struct RenewFilter<'a> {
    /// Only this criterion.
    pub criterion: Option<&'a str>,
    /// Only this reviewer's.
    pub reviewer: Option<&'a str>,
    /// Only answers to the version that begins so.
    pub from: Option<&'a str>,
}

/// Takes them over, or shows them.
pub(super) fn run(
    ctx: &Ctx,
    id: &str,
    wanted: &RenewFilter<'_>,
    (by, reason): (Option<&str>, Option<&str>),
    dry_run: bool,
) -> Result<u8> {
    let mut store = if dry_run { ctx.read()? } else { ctx.write()? };
    let run = store.run(id)?;
    let only = wanted.criterion.map(|name| column(&run, Some(name))).transpose()?;
    let mut stale = store.stale_reviews(&run.id)?;
    stale.retain(|r| {
        only.is_none_or(|column| r.criterion == column)
            && wanted.reviewer.is_none_or(|name| r.reviewer == name)
            && wanted.from.is_none_or(|version| r.version.hex().starts_with(version))
    });
    let by = who(ctx, by)?;
    let items = store.run_items(&run.id)?;
    let wordings = wordings(&store, &run, &stale)?;
    let new: Vec<Option<i64>> = if dry_run {
        vec![None; stale.len()]
    } else {
        let cause = Cause { author: Some(by.clone()), reason: reason.map(str::to_owned) };
        store.renew_reviews(&run.id, &stale, &cause)?.into_iter().map(Some).collect()
    };
    if ctx.json {
        let rows: Vec<Value> =
            stale.iter().zip(&new).map(|(r, new)| row_json(&run, &items, r, *new)).collect();
        let wording = |((criterion, from), (then, now)): (&(u32, Digest), &(String, String))| {
            json!({
                "criterion": run.criteria.get(*criterion as usize), "from": from.short(), "answered": then, "asked": now,
            })
        };
        ctx.out.json(&json!({
            "schema": 1, "run": run.id, "dry_run": dry_run, "by": by, "reason": reason,
            "renewed": if dry_run { 0 } else { rows.len() }, "rows": rows,
            "wordings": wordings.iter().map(wording).collect::<Vec<_>>(),
        }))?;
        return Ok(DONE);
    }
    if stale.is_empty() {
        ctx.out
            .line("nothing is stale here: no score by people answers another wording of these questions")?;
        return Ok(DONE);
    }
    for ((criterion, from), (then, now)) in &wordings {
        let name = run.criteria.get(*criterion as usize).map_or("?", String::as_str);
        ctx.out.line(format!("{} {} answered: {}", clean(name), from.short(), clean(then)))?;
        ctx.out.line(format!("{} now asked: {}", clean(name), clean(now)))?;
    }
    tell_rows(ctx, &run, &items, &stale)?;
    let n = plural(stale.len(), "score or skip", "scores and skips");
    ctx.out.line(if dry_run {
        format!("{n} would be taken over: assize review renew {}", run.id)
    } else {
        format!("{n} taken over by {}", clean(&by))
    })?;
    Ok(DONE)
}

fn row_json(run: &RunInfo, items: &[RunItem], r: &StaleReview, new: Option<i64>) -> Value {
    let item = items.get(r.item as usize);
    json!({
        "review": r.id, "new": new, "given_in": r.given_in, "criterion": run.criteria.get(r.criterion as usize), "item": r.item,
        "case": item.map(|i| &i.case_id), "arm": item.map(|i| &i.arm), "reviewer": r.reviewer, "score": r.score,
        "sampling": r.sampling.name(), "from": r.version.hex(), "to": r.now.hex(),
    })
}

fn tell_rows(ctx: &Ctx, run: &RunInfo, items: &[RunItem], stale: &[StaleReview]) -> Result<()> {
    let head = ["criterion", "case", "arm", "reviewer", "score", "chosen", "answered", "asked"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for r in stale {
        let item = items.get(r.item as usize);
        rows.push(vec![
            clean(run.criteria.get(r.criterion as usize).map_or("?", String::as_str)).into_owned(),
            clean(item.map_or("?", |i| i.case_id.as_str())).into_owned(),
            clean(item.map_or("?", |i| i.arm.as_str())).into_owned(),
            clean(&r.reviewer).into_owned(),
            r.score.map_or_else(|| "skipped".to_owned(), |s| s.to_string()),
            r.sampling.name().to_owned(),
            r.version.short(),
            r.now.short(),
        ]);
    }
    for line in table(&rows, &[4]) {
        ctx.out.line(line)?;
    }
    Ok(())
}

/// Both wordings of each question, by column and version that was answered: what was asked then, and what is asked now.
fn wordings(
    store: &Store,
    run: &RunInfo,
    stale: &[StaleReview],
) -> Result<BTreeMap<(u32, Digest), (String, String)>> {
    let mut found = BTreeMap::new();
    for r in stale {
        let key = (r.criterion, r.version);
        if found.contains_key(&key) {
            continue;
        }
        let name = run.criteria.get(r.criterion as usize).map(String::as_str).unwrap_or_default();
        let then = if r.bare {
            format!("only the name '{name}', without a wording")
        } else {
            wording(&store.run(&r.given_in)?, name, r.version)
        };
        found.insert(key, (then, wording(run, name, r.now)));
    }
    Ok(found)
}

/// The question of a run's criterion; of one that items bring themselves, its version.
fn wording(run: &RunInfo, name: &str, version: Digest) -> String {
    let named = rubric::by_name(name);
    let known = run.spec.criteria.iter().chain([&named]).find(|c| Criterion::version(c) == version);
    known.map_or_else(|| format!("the item's own question ({})", version.short()), |c| c.question.clone())
}
