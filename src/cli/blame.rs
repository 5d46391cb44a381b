//! `assize blame`: for each line of a revision, the revision that brought it.

use super::context::{self, Ctx, reference};
use super::error::{DONE, Result};
use super::output::{Tint, brief, clean, table};
use crate::questions::blame::History;
use crate::store::RevisionInfo;
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
    let found = History::read(&store, &chosen.name, chosen.seq)?.blame();
    let versions = context::versions(&found.log);
    let versions: HashMap<u32, &String> = found.log.iter().map(|r| r.seq).zip(&versions).collect();
    let version = |seq: u32| versions.get(&seq).map(|v| v.as_str()).unwrap_or_default();
    let lines: Vec<_> = (1..)
        .zip(&found.lines)
        .filter_map(|(number, (line, seq))| Some((number, line, found.revision(*seq)?)))
        .collect::<Vec<(usize, &String, &RevisionInfo)>>();
    if ctx.json {
        let list: Vec<Value> = lines
            .iter()
            .map(|(number, line, info)| {
                json!({
                    "line": number, "text": line, "revision": info.seq, "version": version(info.seq),
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
        .map(|(number, line, info)| {
            vec![
                ctx.out.tint(Tint::Accent, format!("r{}", info.seq)),
                ctx.out.tint(Tint::Dim, version(info.seq)),
                info.created_at.chars().take(10).collect(),
                brief(info.author.as_deref().unwrap_or("-"), 16),
                brief(info.message.as_deref().unwrap_or("-"), 28),
                number.to_string(),
                clean(line).into_owned(),
            ]
        })
        .collect();
    for line in table(&rows, &[0, 5]) {
        ctx.out.line(line)?;
    }
    Ok(DONE)
}
