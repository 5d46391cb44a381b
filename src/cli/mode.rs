//! `assize mode`: the failure modes that reviewers tagged: counted, renamed, merged.

use super::context::Ctx;
use super::fail::{DONE, Fail, Result};
use super::output::{clean, talk};
use crate::core::text::plural;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Words after `mode`.
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Example:\n  assize mode list")]
pub enum Args {
    /// Each mode, how often it was tagged, and in which arms
    #[command(after_help = "Example:\n  assize mode list --json")]
    List {
        /// Only this run
        #[arg(long, value_name = "ID")]
        run: Option<String>,
    },
    /// Give a mode another name, in all reviews
    #[command(after_help = "Example:\n  assize mode rename \"to long\" \"too long\"")]
    Rename {
        /// The name now
        from: String,
        /// The name from now on; one that is in use already needs `merge`
        to: String,
    },
    /// Make one mode of several
    #[command(after_help = "Example:\n  assize mode merge verbose rambling --into \"too long\"")]
    Merge {
        /// The modes to merge
        #[arg(required = true)]
        from: Vec<String>,
        /// The one they become
        #[arg(long, value_name = "MODE")]
        into: String,
    },
}

/// Counts, renames or merges.
pub fn run(ctx: &Ctx, args: &Args) -> Result<u8> {
    match args {
        Args::List { run } => list(ctx, run.as_deref()),
        Args::Rename { from, to } => {
            let taken = ctx.read()?.reviews(None)?.iter().any(|r| r.review.modes.contains(to));
            if taken {
                return Err(Fail::input(format!(
                    "'{}' is in use already: `assize mode merge` makes one of the two",
                    clean(to)
                )));
            }
            relabel(ctx, std::slice::from_ref(from), to)
        }
        Args::Merge { from, into } => relabel(ctx, from, into),
    }
}

/// Reviews are append-only: each that carries one of the modes gets a successor with the same score and other tags.
fn relabel(ctx: &Ctx, from: &[String], to: &str) -> Result<u8> {
    if to.trim().is_empty() {
        return Err(Fail::input("a failure mode needs a name"));
    }
    let mut store = ctx.write()?;
    let held: Vec<_> = store
        .reviews(None)?
        .into_iter()
        .filter(|r| r.review.modes.iter().any(|m| from.contains(m)))
        .collect();
    if let Some(unknown) = from.iter().find(|m| !held.iter().any(|r| r.review.modes.contains(m))) {
        return Err(Fail::input(format!(
            "no review carries the failure mode '{}'; `assize mode list` shows them",
            clean(unknown)
        )));
    }
    for info in &held {
        let mut review = info.review.clone();
        review.modes.retain(|m| !from.contains(m) && m != to);
        review.modes.push(to.to_owned());
        review.undo = None;
        store.add_review(&review)?;
    }
    if ctx.json {
        ctx.out.json(&json!({"schema": 1, "from": from, "to": to, "reviews": held.len()}))?;
    } else {
        ctx.out.line(format!("{} now say '{}'", plural(held.len(), "review", "reviews"), clean(to)))?;
    }
    Ok(DONE)
}

/// Counts the modes, most frequent first.
fn list(ctx: &Ctx, run: Option<&str>) -> Result<u8> {
    let store = ctx.read()?;
    let run = run.map(|id| store.run(id)).transpose()?;
    let mut modes: BTreeMap<String, BTreeMap<String, u32>> = BTreeMap::new();
    for review in store.reviews(run.as_ref().map(|r| r.id.as_str()))? {
        for mode in &review.review.modes {
            *modes.entry(mode.clone()).or_default().entry(review.arm.clone()).or_default() += 1;
        }
    }
    let mut list: Vec<(String, u32, BTreeMap<String, u32>)> =
        modes.into_iter().map(|(mode, arms)| (mode, arms.values().sum(), arms)).collect();
    list.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    if ctx.json {
        let all: Vec<Value> =
            list.iter().map(|(m, n, arms)| json!({"mode": m, "count": n, "arms": arms})).collect();
        ctx.out.json(&json!({"schema": 1, "modes": all}))?;
        return Ok(DONE);
    }
    if list.is_empty() {
        talk("no failure mode was tagged yet: press t while reviewing");
    }
    for (mode, n, arms) in &list {
        let by: Vec<String> = arms.iter().map(|(arm, n)| format!("{} {n}", clean(arm))).collect();
        ctx.out.line(format!("{n:>5}  {:<30} {}", clean(mode), by.join(", ")))?;
    }
    Ok(DONE)
}
