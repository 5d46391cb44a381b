//! `assize forget`: a pasted secret's text becomes a tombstone, after its digest was typed again; a secret by itself is
//! taken out of everything, and comes from stdin, for arguments are seen by others and kept by shells.

use super::context::{Ctx, read_text};
use super::error::{CliError, DONE, REGISTRY, Result};
use super::output::{clean, talk};
use crate::core::digest::Digest;
use crate::store::{Cause, Forgotten, Store, StoreError};
use serde_json::json;
use std::io::{BufRead, IsTerminal};
use std::path::Path;

// Arguments of `forget`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  assize forget \"$(assize show summarize@r3 --json | jq -r .digest)\"\n  assize forget --text - < secret.txt\n\nA digest forgets that one text, and what quotes the whole of it. --text - reads a secret from stdin and takes it out of\neverything: texts that hold it are emptied; in replies, explanations, comments, messages and plans a mark stands in its\nplace. Digests and history stay. Backups are not touched. What could not be reached yet is told, and the exit code is 4."
)]
pub struct Args {
    /// The whole digest, 64 hex digits
    #[arg(required_unless_present = "text", conflicts_with = "text")]
    pub digest: Option<String>,
    /// Forget a text, read from stdin (`-`), wherever it stands; never given as an argument
    #[arg(long, visible_alias = "secret", value_name = "-")]
    pub text: Option<String>,
    /// The digest's first 8 digits, typed again; of --text those of its sha256, which are told
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
    let cause = Cause { author: args.author.clone(), reason: args.message.clone() };
    let Some(digest) = &args.digest else { return run_text(ctx, args, &cause) };
    let digest: Digest = digest.parse().map_err(|_| {
        CliError::input(
            "forget takes the whole digest, 64 hex digits: `assize show NAME@SEL --json` prints it",
        )
    })?;
    let mut store = ctx.write()?;
    match store.body(&digest) {
        Err(StoreError::Damaged(_)) => {
            return Err(CliError::input(format!(
                "no text here has the digest {digest}; nothing was changed"
            )));
        }
        // Forgotten already: what could not be reached then is done now.
        Err(StoreError::Forgotten(_)) => {}
        other => drop(other?),
    }
    let typed = match &args.confirm {
        Some(text) => text.clone(),
        None => ask(&digest)?,
    };
    confirmed(&typed, &digest)?;
    let done = store.forget(&digest, &cause)?;
    tell(ctx, &digest, &done)
}

/// A secret from stdin.
fn run_text(ctx: &Ctx, args: &Args, cause: &Cause) -> Result<u8> {
    if args.text.as_deref() != Some("-") {
        // Not repeated: it may be the secret.
        return Err(CliError::input(
            "--text reads the secret from stdin: assize forget --text - < FILE (arguments are seen by others and kept by shells)",
        ));
    }
    let text = read_text(Path::new("-"))?;
    let text = text.trim_end_matches(['\n', '\r']);
    let digest = Digest::of(text);
    let Some(typed) = &args.confirm else {
        let bodies = ctx.read()?.holding(text)?;
        return Err(CliError::input(format!(
            "{bodies} texts hold it and would be emptied, and it would be taken out of all others for good; nothing was changed. \
             Give it again with --confirm {}",
            digest.short()
        )));
    };
    confirmed(typed, &digest)?;
    let mut store: Store = ctx.write()?;
    let done = store.forget_text(text, cause)?;
    tell(ctx, &digest, &done)
}

fn confirmed(typed: &str, digest: &Digest) -> Result<()> {
    if typed.trim() == digest.short() {
        return Ok(());
    }
    Err(CliError::input(format!(
        "not confirmed: type {} (or --confirm {0}); nothing was changed",
        digest.short()
    )))
}

fn tell(ctx: &Ctx, digest: &Digest, done: &Forgotten) -> Result<u8> {
    if ctx.json {
        ctx.out.json(&json!({
            "schema": 1, "digest": digest, "revisions": done.revisions, "replies": done.replies,
            "texts": done.texts, "bodies": done.bodies, "drafts": done.drafts,
            "unreached": done.unreached, "copies": done.copies,
        }))?;
    } else {
        ctx.out.line(format!(
            "forgotten: {} in {} revisions, {} raw replies, {} other texts",
            digest.short(),
            done.revisions,
            done.replies,
            done.texts + done.drafts
        ))?;
        talk(
            "backups and exports made earlier still hold the text; a secret that was here should be changed",
        );
        for copy in &done.copies {
            talk(format!("  not looked into: {}", clean(&copy.to_string_lossy())));
        }
    }
    if done.unreached.is_empty() {
        return Ok(DONE);
    }
    let list: Vec<String> = done.unreached.iter().map(|what| format!("  {what}")).collect();
    Err(CliError {
        code: REGISTRY,
        message: format!("it could not be reached everywhere yet:\n{}", list.join("\n")),
    })
}

fn ask(digest: &Digest) -> Result<String> {
    if !std::io::stdin().is_terminal() {
        return Err(CliError::input(format!("forget asks before it acts: add --confirm {}", digest.short())));
    }
    talk(format!(
        "This text and raw replies quoting it will be gone for good. Type {} to go on:",
        digest.short()
    ));
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    Ok(line)
}
