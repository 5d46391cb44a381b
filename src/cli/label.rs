//! `assize label`: movable pointers, their log and their protection.

use super::context::Ctx;
use super::error::{CliError, DONE, Result};
use super::json;
use super::output::{brief, clean, talk};
use super::run::Narrow;
use crate::core::prompt::{Label, PromptName, Selector};
use crate::core::stats::gate::{GateRule, GateVerdict};
use crate::questions::comparison::gate;
use crate::store::{Cause, Consent, Expect, LabelMove, Store};
use serde_json::json;

// Words after `label`.
#[derive(Debug, clap::Subcommand)]
#[command(defer = true)]
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
        /// Which verdicts its gate rests on, where it asks for one
        #[command(flatten)]
        narrow: Narrow,
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
    /// From now on moving this label asks for its name, and for a passing gate if wanted
    #[command(
        after_help = "Examples:\n  assize label protect production\n  assize label protect production --gate 0.2\n\nWith --gate a move is held against the revision where the label stands, by the verdicts that are stored;\nit goes ahead when the gate passes, and ends with 1 (worse) or 3 (not enough evidence) when it does not.\nTaking a move back asks for the name alone.\nA label that is protected already is protected in another way only with --confirm LABEL; a label that was\nremoved is held against the revision where it stood last."
    )]
    Protect {
        /// The label
        label: String,
        /// A move needs a gate that passes with this margin
        #[arg(long, value_name = "POINTS")]
        gate: Option<f64>,
        /// Who and why
        #[command(flatten)]
        cause: CauseArgs,
    },
    /// Lift the protection
    #[command(after_help = "Example:\n  assize label unprotect production --confirm production")]
    Unprotect {
        /// The label
        label: String,
        /// Who and why
        #[command(flatten)]
        cause: CauseArgs,
    },
}

// Who moves a label, why, and whether a protected one may move.
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
        Args::Set { name, label, selector, expect, cause, narrow } => {
            let name: PromptName = name.parse()?;
            let label: Label = label.parse()?;
            let selector: Selector = selector.parse()?;
            let expect = expect.as_deref().map(expectation).transpose()?;
            let mut store = ctx.write()?;
            let named = confirmed(&store, &label, cause)?;
            let consent = if named && gated(&store, (&name, &label), &selector, narrow)? {
                Consent::Gated
            } else {
                named.into()
            };
            let moved =
                store.set_label(&name, &label, &selector, expect.as_ref(), consent, &cause.cause())?;
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
        Args::Protect { label, gate, cause } => protect(ctx, label, *gate, cause),
        Args::Unprotect { label, cause } => unprotect(ctx, label, cause),
    }
}

fn expectation(text: &str) -> Result<Expect> {
    Ok(if text == "none" { Expect::Unset } else { Expect::At(text.parse()?) })
}

/// Whether the label was named again; naming another one is a slip of the hand, and refused.
fn named_again(label: &Label, cause: &CauseArgs) -> Result<bool> {
    match cause.confirm.as_deref() {
        Some(text) if text == label.as_str() => Ok(true),
        Some(text) => Err(CliError::input(format!("--confirm says '{text}', but the label is '{label}'"))),
        None => Ok(false),
    }
}

/// Whether a protected label was named again.
fn confirmed(store: &Store, label: &Label, cause: &CauseArgs) -> Result<bool> {
    match named_again(label, cause)? {
        true => Ok(true),
        false if store.protected()?.iter().any(|p| p == label.as_str()) => Err(CliError::input(format!(
            "the label '{label}' is protected: add --confirm {label} to move it all the same"
        ))),
        false => Ok(false),
    }
}

fn undo(ctx: &Ctx, name: &str, label: Option<&str>, cause: &CauseArgs) -> Result<u8> {
    let name: PromptName = name.parse()?;
    let label: Option<Label> = label.map(str::parse).transpose()?;
    let mut store = ctx.write()?;
    // Without a name it is the newest move's label that is confirmed, and no other.
    let label = label.map_or_else(|| store.last_label_move(&name).map(|(label, ..)| label), Ok)?;
    let confirmed = confirmed(&store, &label, cause)?;
    let moved = store.undo_label(&name, Some(&label), confirmed, &cause.cause())?;
    told(ctx, &name, &moved)
}

fn told(ctx: &Ctx, name: &PromptName, moved: &LabelMove) -> Result<u8> {
    if ctx.json {
        ctx.out.json(&json::label_move(name.as_str(), moved))?;
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

/// Whether the gate that guards the label was asked, and passed; false when it asks for none.
///
/// # Errors
/// With the gate's exit code when it did not pass.
fn gated(
    store: &Store,
    (name, label): (&PromptName, &Label),
    to: &Selector,
    narrow: &Narrow,
) -> Result<bool> {
    let (Some(margin), Some(now)) = (store.gate_of(label)?, store.label_stand(name, label)?) else {
        return Ok(false);
    };
    let to = store.resolve(name, to)?.seq;
    if to == now {
        return Ok(false);
    }
    let (baseline, candidate) = (format!("{name}@r{now}"), format!("{name}@r{to}"));
    let rule = GateRule { margin, ..GateRule::default() };
    let unmoved = |why: &str| {
        format!("{label} stays at r{now}: it moves only after a gate of margin {margin} has passed; {why}")
    };
    let report = gate(store, &baseline, &candidate, &rule, &narrow.asked(true))
        .map_err(CliError::from)
        .map_err(|e| CliError { code: e.code, message: unmoved(&e.message) })?
        .report;
    if report.verdict == GateVerdict::Pass {
        return Ok(true);
    }
    let worst: Vec<String> = report
        .criteria
        .iter()
        .filter(|c| c.verdict != GateVerdict::Pass)
        .map(|c| format!("{}: {}", clean(&c.name), clean(&c.reason)))
        .collect();
    Err(CliError { code: report.verdict.exit_code(), message: unmoved(&worst.join("; ")) })
}

fn protect(ctx: &Ctx, label: &str, gate: Option<f64>, cause: &CauseArgs) -> Result<u8> {
    let label: Label = label.parse()?;
    if gate.is_some_and(|margin| !(margin.is_finite() && margin >= 0.0)) {
        return Err(CliError::input("--gate is a number of points, 0 or more"));
    }
    let named = named_again(&label, cause)?;
    ctx.write()?.protect(&label, gate, named, &cause.cause())?;
    if ctx.json {
        ctx.out.json(&json!({ "schema": 1, "label": label, "protected": true, "gate": gate }))?;
    } else {
        let gate = gate.map_or_else(String::new, |m| format!(", and moves only after a gate of margin {m}"));
        ctx.out.line(format!("{label} is protected{gate}"))?;
    }
    Ok(DONE)
}

fn unprotect(ctx: &Ctx, label: &str, cause: &CauseArgs) -> Result<u8> {
    let label: Label = label.parse()?;
    let named = named_again(&label, cause)?;
    ctx.write()?.unprotect(&label, named, &cause.cause())?;
    if ctx.json {
        ctx.out.json(&json!({ "schema": 1, "label": label, "protected": false }))?;
    } else {
        ctx.out.line(format!("{label} is no longer protected"))?;
    }
    Ok(DONE)
}
