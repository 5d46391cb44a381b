//! `assize list`: the prompts by name.

use super::context::{self, Ctx};
use super::error::{CliError, DONE, Result};
use super::json;
use super::output::{ColumnWidths, Tint, brief, talk};
use crate::store::{ListQuery, PromptInfo, Store};
use serde_json::{Map, Value, json};

// Arguments of `list`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  assize list\n  assize list extract -n 10 --json")]
pub struct Args {
    /// Only names that contain this text
    pub containing: Option<String>,
    /// At most so many
    #[arg(short = 'n', long = "limit", value_name = "N")]
    pub limit: Option<usize>,
    /// Archived prompts instead of live ones
    #[arg(long)]
    pub archived: bool,
}

/// Rows of a list that are held at once.
const HELD: usize = 10_000;

/// Prints the list.
pub fn run(ctx: &Ctx, args: &Args) -> Result<u8> {
    let store = ctx.read()?;
    let query = ListQuery {
        containing: args.containing.clone(),
        archived: args.archived,
        offset: 0,
        limit: args.limit,
    };
    if ctx.json {
        ctx.out.json_list("prompts", |print| {
            store.list_each(&query, |prompt| print(&document(&store, &prompt)?))
        })?;
        return Ok(DONE);
    }
    let row = |prompt: &PromptInfo| {
        let labels: Vec<String> = prompt.labels.iter().map(|(l, seq)| format!("{l}=r{seq}")).collect();
        vec![
            prompt.name.to_string(),
            prompt.revisions.to_string(),
            prompt.latest.digest.short(),
            prompt.latest.created_at.chars().take(10).collect(),
            ctx.out.tint(Tint::Accent, labels.join(" ")),
            brief(&prompt.description, 60),
        ]
    };
    // The widths of columns follow from all rows. Of a long list these are read twice, so that it is never held whole.
    let (mut widths, mut held, mut count) = (ColumnWidths::default(), Vec::new(), 0_usize);
    store.list_each(&query, |prompt| {
        let row = row(&prompt);
        widths.fit(&row);
        count += 1;
        if count <= HELD {
            held.push(row);
        }
        Ok::<(), CliError>(())
    })?;
    if count <= HELD {
        for row in &held {
            ctx.out.line(widths.line(row, &[1]))?;
        }
    } else {
        drop(held);
        store.list_each(&query, |prompt| ctx.out.line(widths.line(&row(&prompt), &[1])))?;
    }
    if count == 0 {
        talk(match (&args.containing, args.archived) {
            (Some(text), _) => format!("no prompt's name contains '{}'", super::output::clean(text)),
            (None, true) => "no prompt is archived".into(),
            (None, false) => format!(
                "no prompts yet in {}; start with `assize register NAME FILE`, or look around with `assize demo`",
                context::shown(&ctx.registry_path()?)
            ),
        });
    }
    Ok(DONE)
}

/// One prompt of the document.
fn document(store: &Store, prompt: &PromptInfo) -> Result<Value> {
    let version =
        if prompt.archived { prompt.latest.digest.short() } else { context::version(store, &prompt.latest)? };
    let labels: Map<String, Value> =
        prompt.labels.iter().map(|(label, seq)| (label.clone(), json!(format!("r{seq}")))).collect();
    Ok(json!({
        "name": prompt.name,
        "revisions": prompt.revisions,
        "latest": json::revision(&prompt.latest, &version),
        "labels": labels,
        "description": prompt.description,
        "archived": prompt.archived,
    }))
}
