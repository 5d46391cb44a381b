//! `assize sync`: exchanges records with a folder that others exchange with as well.

use super::context::Ctx;
use super::error::{DONE, Result};
use super::output::{clean, talk};
use serde_json::json;
use std::path::PathBuf;

// Arguments of `sync`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  assize sync /media/stick\n  assize sync\n\nThe folder may be on a stick, a mount, or in whatever carries files from one machine to another; nothing in it is ever rewritten. A registry that is a copy of another writes under a name of its own. Bodies that were forgotten anywhere are forgotten here too; a protected label never moves by this alone."
)]
pub struct Args {
    /// The folder; that of the last time without one
    pub place: Option<PathBuf>,
    /// For a copy that was taken for its original: give this registry a writer's name of its own first
    #[arg(long)]
    pub as_new: bool,
}

/// Exchanges records.
pub fn run(ctx: &Ctx, args: &Args) -> Result<u8> {
    let done = ctx.write()?.sync(args.place.as_deref(), args.as_new)?;
    for refused in &done.refused {
        talk(format!("left alone: {}", clean(refused)));
    }
    if ctx.json {
        ctx.out.json(&json!({
            "schema": 1, "place": done.place, "sent": done.sent, "received": done.received,
            "conflicts": done.conflicts, "refused": done.refused,
        }))?;
        return Ok(DONE);
    }
    ctx.out.line(format!(
        "{} records sent to {}, {} received",
        done.sent,
        clean(&done.place),
        done.received
    ))?;
    for conflict in &done.conflicts {
        let prompt = clean(&conflict.prompt);
        let (what, winner, other) = (clean(&conflict.what), clean(&conflict.winner), clean(&conflict.other));
        ctx.out.line(match conflict.kind {
            "label" => format!(
                "conflict: {prompt}: '{what}' stands at {winner}, and somebody else had it {other}; `assize label set` settles it"
            ),
            "name" => format!(
                "conflict: '{what}' is the name of two prompts: this one is {other} now; `assize rename` settles it"
            ),
            _ => format!("{prompt}: {what} is {winner} now: somebody else made a revision at the same time"),
        })?;
    }
    Ok(DONE)
}
