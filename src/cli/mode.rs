//! `assize mode`: the failure modes that reviewers tagged, counted.

use super::context::Ctx;
use super::fail::{DONE, Result};
use super::output::{clean, talk};
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
}

/// Counts the modes, most frequent first.
pub fn run(ctx: &Ctx, args: &Args) -> Result<u8> {
    let Args::List { run } = args;
    let store = ctx.read()?;
    let run = run.as_deref().map(|id| store.run(id)).transpose()?;
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
