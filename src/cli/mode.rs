//! `assize mode`: the failure modes that reviewers tagged: counted, renamed, merged.

use super::context::Ctx;
use super::error::{CliError, DONE, Result};
use super::output::{clean, talk};
use crate::core::text::plural;
use crate::eval::modes::{draft, pareto};
use serde_json::{Value, json};
use std::collections::HashMap;

// Words after `mode`.
#[derive(Debug, clap::Subcommand)]
#[command(defer = true)]
#[command(after_help = "Example:\n  assize mode list")]
pub enum Args {
    /// Each mode, how often it was tagged, its share and that of all before it, and in which arms
    #[command(after_help = "Example:\n  assize mode list --json")]
    List {
        /// Only this run
        #[arg(long, value_name = "ID")]
        run: Option<String>,
    },
    /// The run's rubric with a criterion for a mode, its tagged items as examples: to be edited, then `rubric add`
    #[command(after_help = "Example:\n  assize mode criterion \"too long\" --run 7f3c > rubric.toml")]
    Criterion {
        /// The mode
        mode: String,
        /// The run in which it was tagged
        #[arg(long, value_name = "ID")]
        run: String,
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
        Args::Criterion { mode, run } => criterion(ctx, mode, run),
        Args::Rename { from, to } => {
            let taken = ctx.read()?.reviews(None)?.iter().any(|r| r.review.modes.contains(to));
            if taken {
                return Err(CliError::input(format!(
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
        return Err(CliError::input("a failure mode needs a name"));
    }
    let mut store = ctx.write()?;
    let held: Vec<_> = store
        .reviews(None)?
        .into_iter()
        .filter(|r| r.review.modes.iter().any(|m| from.contains(m)))
        .collect();
    if let Some(unknown) = from.iter().find(|m| !held.iter().any(|r| r.review.modes.contains(m))) {
        return Err(CliError::input(format!(
            "no review carries the failure mode '{}'; `assize mode list` shows them",
            clean(unknown)
        )));
    }
    let held: Vec<_> = held.into_iter().map(|info| info.review).collect();
    let renamed = held.iter().cloned().map(|mut review| {
        review.modes.retain(|m| !from.contains(m) && m != to);
        review.modes.push(to.to_owned());
        review.undo = None;
        review
    });
    // A failure in the middle would leave some reviews with the old name, and the next attempt would be refused.
    store.add_reviews(&renamed.collect::<Vec<_>>(), &HashMap::new())?;
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
    let list = pareto(&store.reviews(run.as_ref().map(|r| r.id.as_str()))?);
    if ctx.json {
        let all: Vec<Value> =
            list.iter().map(|m| json!({"mode": m.name, "count": m.count, "share": m.share, "together": m.running, "arms": m.arms})).collect();
        ctx.out.json(&json!({"schema": 1, "modes": all}))?;
        return Ok(DONE);
    }
    if list.is_empty() {
        talk("no failure mode was tagged yet: press t while reviewing");
    }
    let most = list.first().map_or(1, |m| m.count).max(1);
    for m in &list {
        let by: Vec<String> = m.arms.iter().map(|(arm, n)| format!("{} {n}", clean(arm))).collect();
        let bar = "#".repeat((m.count * 20).div_ceil(most));
        ctx.out.line(format!(
            "{:>5} {:>4.0} % {:>4.0} %  {bar:<20}  {:<30} {}",
            m.count,
            100.0 * m.share,
            100.0 * m.running,
            clean(&m.name),
            by.join(", ")
        ))?;
    }
    Ok(DONE)
}

/// The rubric with a criterion for the mode, to be edited and given to `rubric add`.
fn criterion(ctx: &Ctx, mode: &str, run: &str) -> Result<u8> {
    let store = ctx.read()?;
    let run = store.run(run)?;
    let list = pareto(&store.reviews(Some(&run.id))?);
    let found = list.iter().find(|m| m.name == mode).ok_or_else(|| {
        CliError::input(format!(
            "no review of run {} carries the failure mode '{}'; `assize mode list` shows them",
            run.id,
            clean(mode)
        ))
    })?;
    let text = draft(&store, &run.id, Some(found))?;
    if ctx.json {
        ctx.out.json(&json!({"schema": 1, "mode": mode, "toml": text}))?;
    } else {
        ctx.out.bytes(text.as_bytes())?;
    }
    Ok(DONE)
}
