//! `assize blame`: for each line of a revision, the revision that brought it.

use super::context::{self, Ctx, reference};
use super::fail::{DONE, Fail, Result};
use super::output::{Tint, brief, clean, table};
use crate::core::blame::blame;
use crate::core::prompt::Template;
use serde_json::{Value, json};
use std::collections::HashMap;

// Arguments of `blame`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  assize blame summarize\n  assize blame summarize@production --json")]
pub struct Args {
    /// NAME or NAME@SEL
    #[arg(value_name = "NAME[@SEL]")]
    pub prompt: String,
}

/// Prints one row for each line.
pub fn run(ctx: &Ctx, args: &Args) -> Result<u8> {
    let wanted = reference(&args.prompt)?;
    let store = ctx.read()?;
    let chosen = store.resolve(&wanted.name, &wanted.selector)?;
    let mut history = store.log(&wanted.name, Some(chosen.seq.saturating_add(1)), None)?;
    let versions = context::versions(&history);
    let versions: HashMap<u32, &String> = history.iter().map(|r| r.seq).zip(&versions).collect();
    history.reverse();
    let texts = history
        .iter()
        .map(|info| match store.text(&info.digest) {
            // A forgotten text lends its lines to the revision after it.
            Err(crate::store::StoreError::Forgotten(_)) if info.seq != chosen.seq => Ok(String::new()),
            // Messages are blamed by their own lines.
            other => other.map_err(Fail::from).map(|body| Template { kind: info.kind, body }.written_out()),
        })
        .collect::<Result<Vec<_>>>()?;
    let borrowed: Vec<&str> = texts.iter().map(String::as_str).collect();
    let lines = blame(&borrowed);
    let version = |seq: u32| versions.get(&seq).map(|v| v.as_str()).unwrap_or_default();
    if ctx.json {
        let list: Vec<Value> = lines
            .iter()
            .enumerate()
            .filter_map(|(number, line)| history.get(line.origin).map(|info| (number, line, info)))
            .map(|(number, line, info)| {
                json!({
                    "line": number + 1, "text": line.text, "revision": info.seq, "version": version(info.seq),
                    "created_at": info.created_at, "author": info.author, "message": info.message,
                })
            })
            .collect();
        ctx.out.json(&json!({
            "schema": 1, "name": chosen.name, "revision": chosen.seq, "version": version(chosen.seq), "lines": list,
        }))?;
        return Ok(DONE);
    }
    let rows: Vec<Vec<String>> = lines
        .iter()
        .enumerate()
        .filter_map(|(number, line)| history.get(line.origin).map(|info| (number, line, info)))
        .map(|(number, line, info)| {
            vec![
                ctx.out.tint(Tint::Accent, format!("r{}", info.seq)),
                ctx.out.tint(Tint::Dim, version(info.seq)),
                info.created_at.chars().take(10).collect(),
                brief(info.author.as_deref().unwrap_or("-"), 16),
                brief(info.message.as_deref().unwrap_or("-"), 28),
                (number + 1).to_string(),
                clean(&line.text).into_owned(),
            ]
        })
        .collect();
    for line in table(&rows, &[0, 5]) {
        ctx.out.line(line)?;
    }
    Ok(DONE)
}
