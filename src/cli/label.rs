//! `assize label`: movable pointers, their log and their protection.

use super::context::Ctx;
use super::fail::{DONE, Fail, Result};
use super::output::{brief, clean, talk};
use super::shape;
use crate::core::prompt::{Label, PromptName, Selector};
use crate::store::{Cause, Expect, LabelMove, Store};
use serde_json::json;

/// Words after `label`.
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Example:\n  assize label set summarize production r3 --expect r2")]
pub enum Args {
    /// Point a label at a revision
    #[command(
        after_help = "Examples:\n  assize label set summarize production r3\n  assize label set summarize production latest --expect r2 --confirm production"
    )]
    Set {
        /// The prompt
        name: String,
        /// The label
        label: String,
        /// The revision: latest, another label, r12, ~1 or hex digits
        #[arg(value_name = "SEL")]
        selector: String,
        /// Only if it now points here; `none` for not yet set
        #[arg(long, value_name = "SEL")]
        expect: Option<String>,
        /// Who and why
        #[command(flatten)]
        cause: CauseArgs,
    },
    /// Remove a label
    #[command(after_help = "Example:\n  assize label rm summarize staging")]
    Rm {
        /// The prompt
        name: String,
        /// The label
        label: String,
        /// Who and why
        #[command(flatten)]
        cause: CauseArgs,
    },
    /// Moves of a prompt's labels, newest first
    #[command(after_help = "Example:\n  assize label log summarize production")]
    Log {
        /// The prompt
        name: String,
        /// Only this label
        label: Option<String>,
        /// At most so many
        #[arg(short = 'n', long = "limit", value_name = "N")]
        limit: Option<usize>,
    },
    /// Take back the last move
    #[command(after_help = "Example:\n  assize label undo summarize production")]
    Undo {
        /// The prompt
        name: String,
        /// Only this label
        label: Option<String>,
        /// Who and why
        #[command(flatten)]
        cause: CauseArgs,
    },
    /// From now on moving this label asks for its name
    #[command(after_help = "Example:\n  assize label protect production")]
    Protect {
        /// The label
        label: String,
    },
    /// Lift the protection
    #[command(after_help = "Example:\n  assize label unprotect production")]
    Unprotect {
        /// The label
        label: String,
    },
}

/// Who moves a label, why, and whether a protected one may move.
#[derive(Debug, Clone, clap::Args)]
pub struct CauseArgs {
    /// A protected label's name, typed again
    #[arg(long, value_name = "LABEL")]
    pub confirm: Option<String>,
    /// Who
    #[arg(long, value_name = "A")]
    pub author: Option<String>,
    /// Why
    #[arg(short, long, value_name = "MSG")]
    pub message: Option<String>,
}

impl CauseArgs {
    fn cause(&self) -> Cause {
        Cause { author: self.author.clone(), reason: self.message.clone() }
    }
}

/// Carries out the word.
pub fn run(ctx: &Ctx, args: &Args) -> Result<u8> {
    match args {
        Args::Set { name, label, selector, expect, cause } => {
            let name: PromptName = name.parse()?;
            let label: Label = label.parse()?;
            let selector: Selector = selector.parse()?;
            let expect = expect.as_deref().map(expectation).transpose()?;
            let mut store = ctx.write()?;
            let confirmed = confirmed(&store, &label, cause)?;
            let moved =
                store.set_label(&name, &label, &selector, expect.as_ref(), confirmed, &cause.cause())?;
            told(ctx, &name, &moved)
        }
        Args::Rm { name, label, cause } => {
            let (name, label): (PromptName, Label) = (name.parse()?, label.parse()?);
            let mut store = ctx.write()?;
            let confirmed = confirmed(&store, &label, cause)?;
            let moved = store.remove_label(&name, &label, confirmed, &cause.cause())?;
            told(ctx, &name, &moved)
        }
        Args::Undo { name, label, cause } => undo(ctx, name, label.as_deref(), cause),
        Args::Log { name, label, limit } => log(ctx, name, label.as_deref(), *limit),
        Args::Protect { label } => protect(ctx, label, true),
        Args::Unprotect { label } => protect(ctx, label, false),
    }
}

fn expectation(text: &str) -> Result<Expect> {
    Ok(if text == "none" { Expect::Unset } else { Expect::At(text.parse()?) })
}

/// Whether a protected label was named again; naming another one is a slip of the hand, and refused.
fn confirmed(store: &Store, label: &Label, cause: &CauseArgs) -> Result<bool> {
    match cause.confirm.as_deref() {
        Some(text) if text == label.as_str() => Ok(true),
        Some(text) => Err(Fail::input(format!("--confirm says '{text}', but the label is '{label}'"))),
        None if store.protected()?.iter().any(|p| p == label.as_str()) => Err(Fail::input(format!(
            "the label '{label}' is protected: add --confirm {label} to move it all the same"
        ))),
        None => Ok(false),
    }
}

fn undo(ctx: &Ctx, name: &str, label: Option<&str>, cause: &CauseArgs) -> Result<u8> {
    let name: PromptName = name.parse()?;
    let label: Option<Label> = label.map(str::parse).transpose()?;
    let mut store = ctx.write()?;
    let confirmed = match (&label, cause.confirm.as_deref()) {
        (Some(label), _) => confirmed(&store, label, cause)?,
        (None, confirm) => confirm.is_some(),
    };
    let moved = store.undo_label(&name, label.as_ref(), confirmed, &cause.cause())?;
    told(ctx, &name, &moved)
}

fn told(ctx: &Ctx, name: &PromptName, moved: &LabelMove) -> Result<u8> {
    if ctx.json {
        ctx.out.json(&shape::label_move(name.as_str(), moved))?;
        return Ok(DONE);
    }
    let seq = |n: Option<u32>| n.map_or("unset".to_owned(), |n| format!("r{n}"));
    ctx.out.line(format!("{name} {} {} -> {}", moved.label, seq(moved.from), seq(moved.to)))?;
    Ok(DONE)
}

fn log(ctx: &Ctx, name: &str, label: Option<&str>, limit: Option<usize>) -> Result<u8> {
    let name: PromptName = name.parse()?;
    let label: Option<Label> = label.map(str::parse).transpose()?;
    let mut events = ctx.read()?.label_log(&name, label.as_ref())?;
    events.truncate(limit.unwrap_or(usize::MAX));
    if ctx.json {
        ctx.out.json(&json!({ "schema": 1, "name": name, "events": events }))?;
        return Ok(DONE);
    }
    for event in &events {
        let seq = |key: &str| {
            event
                .payload
                .get(key)
                .and_then(serde_json::Value::as_u64)
                .map_or("unset".into(), |n| format!("r{n}"))
        };
        ctx.out.line(format!(
            "{}  {}  {} {} -> {}  {}{}",
            event.at,
            event.kind,
            clean(event.payload.get("label").and_then(|l| l.as_str()).unwrap_or("-")),
            seq("from"),
            seq("to"),
            brief(event.author.as_deref().unwrap_or("-"), 20),
            event.reason.as_deref().map(|r| format!("  {}", brief(r, 60))).unwrap_or_default(),
        ))?;
    }
    if events.is_empty() {
        talk(format!("no label of {name} has moved yet"));
    }
    Ok(DONE)
}

fn protect(ctx: &Ctx, label: &str, on: bool) -> Result<u8> {
    let label: Label = label.parse()?;
    let mut store = ctx.write()?;
    let cause = Cause::default();
    if on {
        store.protect(&label, &cause)?
    } else {
        store.unprotect(&label, &cause)?
    }
    if ctx.json {
        ctx.out.json(&json!({ "schema": 1, "label": label, "protected": on }))?;
    } else {
        ctx.out.line(format!("{label} {}", if on { "is protected" } else { "is no longer protected" }))?;
    }
    Ok(DONE)
}
