//! `assize forget`: a pasted secret's text becomes a tombstone, after its digest was typed again.

use super::context::Ctx;
use super::fail::{DONE, Fail, Result};
use super::output::talk;
use crate::core::digest::Digest;
use crate::store::{Cause, StoreError};
use serde_json::json;
use std::io::{BufRead, IsTerminal};

// Arguments of `forget`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  assize forget \"$(assize show summarize@r3 --json | jq -r .digest)\"\n\nThe text, and raw replies quoting it, are gone for good; digest and history stay. Backups are not touched."
)]
pub struct Args {
    /// The whole digest, 64 hex digits
    pub digest: String,
    /// The digest's first 8 digits, typed again
    #[arg(long, value_name = "HEX8")]
    pub confirm: Option<String>,
    /// Why
    #[arg(short, long, value_name = "MSG")]
    pub message: Option<String>,
    /// Who
    #[arg(long, value_name = "A")]
    pub author: Option<String>,
}

/// Forgets.
pub fn run(ctx: &Ctx, args: &Args) -> Result<u8> {
    let digest: Digest = args.digest.parse().map_err(|_| {
        Fail::input("forget takes the whole digest, 64 hex digits: `assize show NAME@SEL --json` prints it")
    })?;
    let mut store = ctx.write()?;
    match store.body(&digest) {
        Err(StoreError::Damaged(_)) => {
            return Err(Fail::input(format!("no text here has the digest {digest}; nothing was changed")));
        }
        other => other?,
    };
    let typed = match &args.confirm {
        Some(text) => text.clone(),
        None => ask(&digest)?,
    };
    if typed.trim() != digest.short() {
        return Err(Fail::input(format!(
            "not confirmed: type {} (or --confirm {0}); nothing was changed",
            digest.short()
        )));
    }
    let cause = Cause { author: args.author.clone(), reason: args.message.clone() };
    let (revisions, replies) = store.forget(&digest, &cause)?;
    if ctx.json {
        ctx.out
            .json(&json!({ "schema": 1, "digest": digest, "revisions": revisions, "replies": replies }))?;
    } else {
        ctx.out
            .line(format!("forgotten: {} in {revisions} revisions, {replies} raw replies", digest.short()))?;
        talk(
            "backups and exports made earlier still hold the text; a secret that was here should be changed",
        );
    }
    Ok(DONE)
}

fn ask(digest: &Digest) -> Result<String> {
    if !std::io::stdin().is_terminal() {
        return Err(Fail::input(format!("forget asks before it acts: add --confirm {}", digest.short())));
    }
    talk(format!(
        "This text and raw replies quoting it will be gone for good. Type {} to go on:",
        digest.short()
    ));
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    Ok(line)
}
