//! `archive`, `unarchive`, `rename`, `copy`, `describe`, `tag`: what changes around a prompt's revisions.
//! Each is an event; none touches a text.

use super::context::{self, Ctx, reference};
use super::error::{CliError, DONE, Result};
use super::output::clean;
use crate::core::prompt::{Label, PromptName};
use crate::store::Cause;
use serde_json::{Value, json};

// Who changes something, and why.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Why {
    /// Who
    #[arg(long, value_name = "A")]
    pub author: Option<String>,
    /// Why
    #[arg(short, long, value_name = "MSG")]
    pub message: Option<String>,
}

impl Why {
    /// As the registry takes it.
    pub fn cause(&self) -> Cause {
        Cause { author: self.author.clone(), reason: self.message.clone() }
    }
}

// Arguments of `archive`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  assize archive old-prompt -m \"replaced by summarize\"")]
pub struct ArchiveArgs {
    /// The prompt
    pub name: String,
    /// A protected label that it carries, typed again (may be repeated)
    #[arg(long, value_name = "LABEL")]
    pub confirm: Vec<String>,
    /// Who and why
    #[command(flatten)]
    pub why: Why,
}

// Arguments of `unarchive`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  assize unarchive old-prompt")]
pub struct UnarchiveArgs {
    /// The prompt
    pub name: String,
    /// Who and why
    #[command(flatten)]
    pub why: Why,
}

// Arguments of `rename`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  assize rename summarize support/summarize")]
pub struct RenameArgs {
    /// The name now
    pub from: String,
    /// The name from now on
    pub to: String,
    /// A protected label that it carries, typed again (may be repeated)
    #[arg(long, value_name = "LABEL")]
    pub confirm: Vec<String>,
    /// Who and why
    #[command(flatten)]
    pub why: Why,
}

// Arguments of `copy`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  assize copy summarize@r3 summarize-short")]
pub struct CopyArgs {
    /// NAME or NAME@SEL to start from
    #[arg(value_name = "NAME[@SEL]")]
    pub from: String,
    /// The new prompt's name
    pub to: String,
    /// Who and why
    #[command(flatten)]
    pub why: Why,
}

// Arguments of `describe`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  assize describe summarize \"Two-sentence summaries for support leads\"")]
pub struct DescribeArgs {
    /// The prompt
    pub name: String,
    /// One line about it; empty to remove it
    pub text: String,
    /// Who and why
    #[command(flatten)]
    pub why: Why,
}

// Arguments of `tag`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  assize tag summarize@r3 reviewed\n  assize tag summarize --remove draft"
)]
pub struct TagArgs {
    /// NAME or NAME@SEL
    #[arg(value_name = "NAME[@SEL]")]
    pub prompt: String,
    /// Tags to add
    pub add: Vec<String>,
    /// A tag to remove (may be repeated)
    #[arg(long, value_name = "T")]
    pub remove: Vec<String>,
    /// Who and why
    #[command(flatten)]
    pub why: Why,
}

fn told(ctx: &Ctx, document: Value, line: String) -> Result<u8> {
    if ctx.json {
        ctx.out.json(&document)?
    } else {
        ctx.out.line(line)?
    }
    Ok(DONE)
}

fn labels(confirmed: &[String]) -> Result<Vec<Label>> {
    Ok(confirmed.iter().map(|text| text.parse()).collect::<Result<_, _>>()?)
}

/// Puts a prompt away.
pub fn archive(ctx: &Ctx, args: &ArchiveArgs) -> Result<u8> {
    let name: PromptName = args.name.parse()?;
    ctx.write()?.archive_with(&name, &labels(&args.confirm)?, &args.why.cause())?;
    told(
        ctx,
        json!({ "schema": 1, "name": name, "archived": true }),
        format!("{name} is archived; `assize unarchive {name}` takes it back"),
    )
}

/// Takes it back.
pub fn unarchive(ctx: &Ctx, args: &UnarchiveArgs) -> Result<u8> {
    let name: PromptName = args.name.parse()?;
    ctx.write()?.unarchive(&name, &args.why.cause())?;
    told(ctx, json!({ "schema": 1, "name": name, "archived": false }), format!("{name} is back"))
}

/// Gives another name.
pub fn rename(ctx: &Ctx, args: &RenameArgs) -> Result<u8> {
    let (from, to): (PromptName, PromptName) = (args.from.parse()?, args.to.parse()?);
    ctx.write()?.rename_with(&from, &to, &labels(&args.confirm)?, &args.why.cause())?;
    told(ctx, json!({ "schema": 1, "name": to, "was": from }), format!("{from} is now {to}"))
}

/// Starts a new prompt.
pub fn copy(ctx: &Ctx, args: &CopyArgs) -> Result<u8> {
    let from = reference(&args.from)?;
    let to: PromptName = args.to.parse()?;
    let mut store = ctx.write()?;
    let info = store.copy(&from.name, &from.selector, &to, &args.why.cause())?;
    let version = context::version(&store, &info)?;
    told(
        ctx,
        json!({ "schema": 1, "name": info.name, "revision": info.seq, "version": version, "digest": info.digest }),
        format!("{} r{} {version}", info.name, info.seq),
    )
}

/// Sets the line about a prompt.
pub fn describe(ctx: &Ctx, args: &DescribeArgs) -> Result<u8> {
    let name: PromptName = args.name.parse()?;
    if args.text.contains(['\n', '\r']) {
        return Err(CliError::input("a description is one line"));
    }
    ctx.write()?.describe(&name, &args.text, &args.why.cause())?;
    told(
        ctx,
        json!({ "schema": 1, "name": name, "description": args.text }),
        format!("{name}: {}", clean(&args.text)),
    )
}

/// Adds and removes tags.
pub fn tag(ctx: &Ctx, args: &TagArgs) -> Result<u8> {
    let wanted = reference(&args.prompt)?;
    let mut store = ctx.write()?;
    let info = store.resolve(&wanted.name, &wanted.selector)?;
    let tags = if args.add.is_empty() && args.remove.is_empty() {
        info.tags.clone()
    } else {
        store.tag(&wanted.name, &wanted.selector, &args.add, &args.remove, &args.why.cause())?
    };
    told(
        ctx,
        json!({ "schema": 1, "name": info.name, "revision": info.seq, "tags": tags }),
        format!(
            "{} r{}: {}",
            info.name,
            info.seq,
            if tags.is_empty() { "no tags".into() } else { clean(&tags.join(", ")).into_owned() }
        ),
    )
}
