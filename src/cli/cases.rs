//! `assize cases`: the case sets, and what is in one.

use super::context::Ctx;
use super::error::{DONE, Result};
use super::output::{brief, clean, table, talk};
use crate::store::CaseSetInfo;
use serde_json::{Value, json};

// Words after `cases`.
#[derive(Debug, clap::Subcommand)]
#[command(defer = true)]
#[command(after_help = "Example:\n  assize cases list")]
pub enum Args {
    /// All sets, the newest version of each first
    #[command(after_help = "Example:\n  assize cases list --json")]
    List {
        /// At most so many
        #[arg(short = 'n', long = "limit", value_name = "N")]
        limit: Option<usize>,
    },
    /// The cases of a set
    #[command(after_help = "Example:\n  assize cases show support -n 3")]
    Show {
        /// The set
        set: String,
        /// At most so many
        #[arg(short = 'n', long = "limit", value_name = "N")]
        limit: Option<usize>,
    },
}

/// Lists or shows.
pub fn run(ctx: &Ctx, args: &Args) -> Result<u8> {
    match args {
        Args::List { limit } => list(ctx, *limit),
        Args::Show { set, limit } => show(ctx, set, *limit),
    }
}

fn set_json(set: &CaseSetInfo) -> Value {
    json!({
        "name": set.name, "digest": set.digest, "kind": set.kind, "rows": set.rows,
        "created_at": set.created_at, "arms": set.arms,
    })
}

fn list(ctx: &Ctx, limit: Option<usize>) -> Result<u8> {
    let mut sets = ctx.read()?.case_sets()?;
    sets.truncate(limit.unwrap_or(usize::MAX));
    if ctx.json {
        let list: Vec<Value> = sets.iter().map(set_json).collect();
        ctx.out.json(&json!({ "schema": 1, "sets": list }))?;
        return Ok(DONE);
    }
    let rows: Vec<Vec<String>> = sets
        .iter()
        .map(|s| {
            vec![
                clean(&s.name).into_owned(),
                s.digest.short(),
                s.kind.clone(),
                s.rows.to_string(),
                s.created_at.chars().take(10).collect(),
                brief(&s.arms.join(", "), 60),
            ]
        })
        .collect();
    for line in table(&rows, &[3]) {
        ctx.out.line(line)?;
    }
    if sets.is_empty() {
        talk(
            "no case sets yet; `assize import cases FILE.jsonl` or `assize import items FILE.jsonl` makes one",
        );
    }
    Ok(DONE)
}

fn show(ctx: &Ctx, set: &str, limit: Option<usize>) -> Result<u8> {
    let store = ctx.read()?;
    let info = store.case_set(set)?;
    let mut cases = store.cases(info.id)?;
    cases.truncate(limit.unwrap_or(usize::MAX));
    if ctx.json {
        let mut document = json!({ "schema": 1 });
        if let (Some(map), Value::Object(more)) = (document.as_object_mut(), set_json(&info)) {
            map.extend(more);
            map.insert("cases".into(), json!(cases));
        }
        ctx.out.json(&document)?;
        return Ok(DONE);
    }
    for case in &cases {
        let vars = serde_json::Value::Object(case.vars.clone()).to_string();
        let tags = if case.tags.is_empty() {
            String::new()
        } else {
            format!("  [{}]", clean(&case.tags.join(", ")))
        };
        ctx.out.line(format!("{}  {}{tags}", clean(&case.id), brief(&vars, 90)))?;
    }
    Ok(DONE)
}
