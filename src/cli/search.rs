//! `assize search`: lines of all prompts that hold the words.

use super::context::Ctx;
use super::fail::{DONE, Fail, Result};
use super::output::{Tint, clean, talk};
use serde_json::json;

/// Arguments of `search`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  assize search \"step by step\"\n  assize search markdown bullets -n 20 --json"
)]
pub struct Args {
    /// Words that a line must hold; the last may be the beginning of one
    #[arg(required = true)]
    pub query: Vec<String>,
    /// At most so many
    #[arg(short = 'n', long = "limit", value_name = "N")]
    pub limit: Option<usize>,
}

/// Prints the hits, best first.
pub fn run(ctx: &Ctx, args: &Args) -> Result<u8> {
    let query = args.query.join(" ");
    if query.trim().is_empty() {
        return Err(Fail::input("the search is empty: give a word"));
    }
    let store = ctx.read()?;
    let hits = store.search(&query, args.limit.unwrap_or(usize::MAX >> 1))?;
    if ctx.json {
        let list: Vec<_> = hits
            .iter()
            .map(|hit| json!({ "name": hit.name, "revision": hit.seq, "line": hit.line }))
            .collect();
        ctx.out.json(&json!({ "schema": 1, "query": query, "hits": list }))?;
        return Ok(DONE);
    }
    for hit in &hits {
        let place = ctx.out.tint(Tint::Accent, format!("{} r{}", hit.name, hit.seq));
        ctx.out.line(format!("{place}: {}", clean(hit.line.trim())))?;
    }
    if hits.is_empty() {
        talk(format!("no line holds '{}'", clean(&query)));
    }
    Ok(DONE)
}
