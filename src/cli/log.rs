//! `assize log`: a prompt's history, newest first.

use super::context::{self, Ctx};
use super::error::{DONE, Result};
use super::json;
use super::output::{Tint, brief, table};
use crate::core::prompt::PromptName;
use serde_json::json;

// Arguments of `log`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  assize log summarize -n 5\n  assize log summarize --events\n  assize log summarize --json"
)]
pub struct Args {
    /// The prompt
    pub name: String,
    /// At most so many
    #[arg(short = 'n', long = "limit", value_name = "N")]
    pub limit: Option<usize>,
    /// Also what happened besides revisions: labels, names, tags, archiving
    #[arg(long)]
    pub events: bool,
}

/// Prints the history.
pub fn run(ctx: &Ctx, args: &Args) -> Result<u8> {
    let name: PromptName = args.name.parse()?;
    let store = ctx.read()?;
    let history = store.log(&name, None, args.limit)?;
    let versions = match args.limit {
        // Only a whole history can tell which digits are ambiguous.
        Some(_) => history.iter().map(|r| context::version(&store, r)).collect::<Result<Vec<_>>>()?,
        None => context::versions(&history),
    };
    let events = if args.events { store.events(&name)? } else { Vec::new() };
    if ctx.json {
        let revisions: Vec<_> = history.iter().zip(&versions).map(|(r, v)| json::revision(r, v)).collect();
        let mut document = json!({ "schema": 1, "name": name, "revisions": revisions });
        if args.events {
            document["events"] = json!(events);
        }
        ctx.out.json(&document)?;
        return Ok(DONE);
    }
    let rows: Vec<Vec<String>> = history
        .iter()
        .zip(&versions)
        .map(|(r, version)| {
            let labels =
                if r.labels.is_empty() { String::new() } else { format!("({}) ", r.labels.join(", ")) };
            vec![
                format!("r{}", r.seq),
                version.clone(),
                r.created_at.chars().take(16).map(|c| if c == 'T' { ' ' } else { c }).collect(),
                brief(r.author.as_deref().unwrap_or("-"), 20),
                format!(
                    "{}{}",
                    ctx.out.tint(Tint::Accent, labels),
                    brief(r.message.as_deref().unwrap_or_default(), 80)
                ),
            ]
        })
        .collect();
    for line in table(&rows, &[0]) {
        ctx.out.line(line)?;
    }
    for event in &events {
        ctx.out.line(format!(
            "{}  {}  {}  {}{}",
            event.at,
            event.kind,
            super::output::clean(&event.payload.to_string()),
            brief(event.author.as_deref().unwrap_or("-"), 20),
            event.reason.as_deref().map(|r| format!("  {}", brief(r, 60))).unwrap_or_default(),
        ))?;
    }
    Ok(DONE)
}
