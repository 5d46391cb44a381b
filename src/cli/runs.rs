//! `assize runs`: all runs, newest first.

use super::context::Ctx;
use super::error::{DONE, Result};
use super::json;
use super::output::{clean, table, talk};
use serde_json::{Value, json};

// Arguments of `runs`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  assize runs -n 5 --json")]
pub struct Args {
    /// At most so many
    #[arg(short = 'n', long = "limit", value_name = "N")]
    pub limit: Option<usize>,
}

/// Lists the runs.
pub fn run(ctx: &Ctx, args: &Args) -> Result<u8> {
    let runs = ctx.read()?.runs(args.limit)?;
    if ctx.json {
        let list: Vec<Value> = runs.iter().map(json::run).collect();
        ctx.out.json(&json!({ "schema": 1, "runs": list }))?;
        return Ok(DONE);
    }
    if runs.is_empty() {
        talk("no runs yet; start one with `assize run --items FILE --criteria accuracy --judge URL#MODEL`");
        return Ok(DONE);
    }
    let mut rows =
        vec![["run", "state", "created", "set", "rubric", "judge", "scored"].map(str::to_owned).to_vec()];
    for run in &runs {
        let scored = run.verdicts.get(&crate::core::verdict::VerdictState::Scored).copied().unwrap_or(0);
        let state = json!(run.state).as_str().unwrap_or("").to_owned();
        rows.push(vec![
            run.id.clone(),
            state,
            run.created_at.chars().take(16).collect(),
            clean(&run.spec.set).into_owned(),
            clean(&run.spec.rubric).into_owned(),
            format!(
                "{}{}{}",
                clean(&run.spec.judge),
                if run.imported { " (recorded)" } else { "" },
                if run.retired.is_some() { " (retired judge)" } else { "" }
            ),
            format!("{scored}/{}", run.planned),
        ]);
    }
    for line in table(&rows, &[6]) {
        ctx.out.line(line)?;
    }
    Ok(DONE)
}
