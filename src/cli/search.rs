//! `assize search`: lines, messages, explanations and comments that hold the words, and revisions by filters.

use super::context::Ctx;
use super::error::{CliError, DONE, Result};
use super::output::{Tint, clean, talk};
use crate::core::search_query::{Find, from_match, matches};
use crate::core::text::truncate;
use serde_json::json;

// Arguments of `search`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  assize search \"step by step\"\n  assize search label:production author:ana changed:\"<7d\"\n  assize search markdown score:\"<3\" criterion:clarity -n 20 --json\n\nFilters: label:NAME  author:TEXT  changed:<7d (m h d w mo y)  score:<3  criterion:NAME  var:NAME\n         in:template|message|explanation|comment"
)]
pub struct Args {
    /// Words that a line must hold (the last may be the beginning of one), and filters
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
        return Err(CliError::input("the search is empty: give a word"));
    }
    let store = ctx.read()?;
    let find = Find::parse(&query).map_err(|e| CliError::input(clean(&e.to_string()).into_owned()))?;
    // As much as SQLite can count, when no limit is given.
    let hits = store.find(&find, args.limit.unwrap_or(1 << 40))?;
    if ctx.json {
        let list: Vec<_> = hits
            .lines
            .iter()
            .map(|hit| {
                json!({ "name": hit.name, "revision": hit.seq, "line": hit.line, "in": hit.place.name() })
            })
            .collect();
        let items: Vec<_> = hits
            .items
            .iter()
            .map(|hit| {
                json!({
                    "run": hit.run, "case": hit.case, "arm": hit.arm, "criterion": hit.criterion,
                    "text": hit.text, "in": hit.place.name(),
                })
            })
            .collect();
        ctx.out.json(&json!({ "schema": 1, "query": query, "hits": list, "items": items }))?;
        return Ok(DONE);
    }
    for hit in &hits.lines {
        let place = ctx.out.tint(Tint::Accent, format!("{} r{}", hit.name, hit.seq));
        ctx.out.line(format!("{place}: {}", lit(ctx, hit.line.trim(), &find.words)))?;
    }
    for hit in &hits.items {
        let place = format!("{} {} {} {}", hit.run, clean(&hit.case), clean(&hit.arm), clean(&hit.criterion));
        let place = ctx.out.tint(Tint::Accent, format!("{} {place}", hit.place.name()));
        let text: String = hit.text.lines().collect::<Vec<_>>().join(" ");
        ctx.out.line(format!("{place}: {}", lit(ctx, &text, &find.words)))?;
    }
    if hits.lines.is_empty() && hits.items.is_empty() {
        talk(format!("nothing fits '{}'", clean(&query)));
    }
    Ok(DONE)
}

/// Columns of a longer line that are printed, from where the words stand in it.
const COLUMNS: usize = 2_000;

/// A text, cleaned, with the words that were searched for made bold.
fn lit(ctx: &Ctx, text: &str, words: &[String]) -> String {
    let shown = clean(&truncate(&from_match(text, words, COLUMNS), COLUMNS)).into_owned();
    matches(&shown, words)
        .into_iter()
        .map(|(part, hit)| if hit { ctx.out.tint(Tint::Bold, part) } else { part.to_owned() })
        .collect()
}
