//! `assize diff`: any two of revisions, files and stdin.
//!
//! ```text
//! argument -> starts with / or ./ , or no prompt has that name -> a file; `-` -> stdin; else NAME[@SEL]
//! two sides -> core::diff -> side by side (a wide terminal) | unified (pipes; exact bytes) | stat | json
//! ```

use super::context::{Ctx, LazyRegistry, prompt_argument, read_text, reference};
use super::error::{CliError, DONE, FAILED, Result};
use super::output::{Tint, clean, columns, talk};
use crate::core::diff::plain::Plain;
use crate::core::diff::{self, Diff};
use crate::core::prompt::{Selector, Settings, Template, TemplateKind};
use crate::core::text;
use crate::questions::difference::{self, Difference, Side};
use crate::questions::tokens;
use crate::store::Store;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;

// Arguments of `diff`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  assize diff summarize@~1 summarize\n  assize diff summarize@production ./draft.txt --stat\n  assize diff summarize@r1 summarize@r3 --unified > change.patch\n\nAn argument is a file if it starts with / or ./, or if no prompt has that name."
)]
pub struct Args {
    /// NAME or NAME@SEL, a file, or -
    pub a: String,
    /// NAME or NAME@SEL, a file, or -; left out with --draft
    #[arg(required_unless_present = "draft")]
    pub b: Option<String>,
    /// Compare with the draft that an unfinished edit of A has left
    #[arg(long, conflicts_with = "b")]
    pub draft: bool,
    /// Unified format, as `patch` takes it [default below 100 columns and in a pipe]
    #[arg(short, long, group = "form")]
    pub unified: bool,
    /// Two columns, changed words marked [default on a wide terminal]
    #[arg(short = 's', long, group = "form")]
    pub side_by_side: bool,
    /// Only how much changed
    #[arg(long, group = "form")]
    pub stat: bool,
    /// Exit 1 when the texts differ
    #[arg(long)]
    pub exit_code: bool,
    /// Equal lines around each change
    #[arg(short = 'C', long, value_name = "N", default_value_t = 3)]
    pub context: usize,
    /// Exact bytes also to a terminal
    #[arg(long)]
    pub raw: bool,
}

/// One side under its name.
struct End {
    name: String,
    side: Side,
    /// A text without settings of its own: it is read with those of the other side.
    bare: bool,
}

impl End {
    fn template(&self) -> &Template {
        &self.side.template
    }
}

/// Prints the difference.
pub fn run(ctx: &Ctx, args: &Args) -> Result<u8> {
    if args.a == "-" && args.b.as_deref() == Some("-") {
        return Err(CliError::input("only one side can be stdin"));
    }
    let registry = LazyRegistry::new(ctx);
    let mut left = side(&registry, &args.a)?;
    let mut right = match &args.b {
        Some(b) => side(&registry, b)?,
        None => draft(registry.get()?, &args.a)?,
    };
    match (left.bare, right.bare) {
        (true, false) => left.side.settings = right.side.settings.clone(),
        (false, true) => right.side.settings = left.side.settings.clone(),
        _ => {}
    }
    let differs = if ctx.json || !as_unified(ctx, args) {
        with_tokens(ctx, args, &left, &right)?
    } else {
        unified(ctx, args, &left, &right, &difference::rows(&left.side, &right.side))?;
        left.template().body != right.template().body
    };
    Ok(if args.exit_code && differs { FAILED } else { DONE })
}

fn as_unified(ctx: &Ctx, args: &Args) -> bool {
    let wide = !args.unified && ctx.out.is_terminal() && columns() >= 100;
    !(args.stat || args.side_by_side || wide)
}

/// What is printed with the tokens of both sides: they are counted while the texts are compared.
fn with_tokens(ctx: &Ctx, args: &Args, left: &End, right: &End) -> Result<bool> {
    std::thread::scope(|scope| {
        let count = || SideTokens { left: tokens::of(left.template()), right: tokens::of(right.template()) };
        // Where there is no thread to be had, they are counted when they are asked for.
        let counted = std::thread::Builder::new().spawn_scoped(scope, count).ok();
        let difference = Difference::of(&left.side, &right.side);
        let painted = (!ctx.json && !args.stat).then(|| painted(ctx, args, left, right, &difference));
        let tokens = counted.and_then(|thread| thread.join().ok()).unwrap_or_else(count);
        if ctx.json {
            ctx.out.json(&document(left, right, &difference, &tokens))?;
        } else {
            header(ctx, left, right, &difference, &tokens)?;
        }
        match painted {
            Some(text) => ctx.out.lines(&text)?,
            None if args.stat && !ctx.json => notes(ctx, &difference.rows)?,
            None => {}
        }
        Ok(!difference.same_text)
    })
}

/// How long both sides are, in tokens.
struct SideTokens {
    left: usize,
    right: usize,
}

/// Reads one argument.
fn side(registry: &LazyRegistry, argument: &str) -> Result<End> {
    if let Some(wanted) = prompt_argument(argument, registry)? {
        let store = registry.get()?;
        let info = store.resolve(&wanted.name, &wanted.selector)?;
        let body = store.text(&info.digest)?;
        let side = Side::prompt(Template { kind: info.kind, body }, info.settings());
        return Ok(End { name: format!("{}@r{}", info.name, info.seq), side, bare: false });
    }
    let path = Path::new(argument);
    let name = if argument == "-" { "stdin".to_owned() } else { argument.to_owned() };
    let side = Side::prompt(Template::text(read_text(path)?), Settings::default());
    Ok(End { name, side, bare: true })
}

/// What an unfinished edit of a prompt has left, with the settings of the revision it began with.
fn draft(store: &Store, argument: &str) -> Result<End> {
    let wanted = reference(argument)?;
    let Some((_, base, text)) = store.draft(&wanted.name)? else {
        return Err(CliError::input(format!(
            "{} has no draft: an edit begun on the screen with e, and not saved, leaves one",
            wanted.name
        )));
    };
    let selector = base.map_or(wanted.selector, Selector::revision);
    let info = store.resolve(&wanted.name, &selector)?;
    let side = Side::draft(info.kind, text, info.settings());
    Ok(End { name: format!("{}@draft", wanted.name), side, bare: false })
}

fn document(left: &End, right: &End, difference: &Difference, tokens: &SideTokens) -> Value {
    let sorted = |names: &[String]| names.iter().cloned().collect::<BTreeSet<String>>();
    let variables = &difference.variables;
    // Hunks are of exact lines, so that they can be applied: a chat is one line of JSON.
    let of_bytes;
    let exact = if left.template().kind == TemplateKind::Text && right.template().kind == TemplateKind::Text {
        &difference.rows
    } else {
        of_bytes = Diff::new(&left.template().body, &right.template().body);
        &of_bytes
    };
    let notes: Vec<String> = exact.notes.iter().map(ToString::to_string).collect();
    let mut document = json!({
        "schema": 1,
        "left": left.name,
        "right": right.name,
        "hunks": diff::json_hunks(exact),
        "stats": difference.stats,
        "variables": { "added": sorted(&variables.added), "removed": sorted(&variables.removed) },
        "tokens": { "left": tokens.left, "right": tokens.right },
        "notes": notes,
        "settings_changed": !difference.settings.is_empty(),
    });
    if let Some(all) = &difference.messages {
        document["messages"] = messages(all);
    }
    document
}

fn messages(all: &[diff::MessageDiff]) -> Value {
    let of = |m: &diff::MessageDiff| {
        json!({
            "role_left": m.role_left, "role_right": m.role_right,
            "hunks": diff::json_hunks(&m.diff), "stats": m.diff.stats,
        })
    };
    all.iter().map(of).collect()
}

/// What a reader should know before the lines: counts, variables, settings, tokens.
fn header(ctx: &Ctx, left: &End, right: &End, difference: &Difference, tokens: &SideTokens) -> Result<()> {
    let out = &ctx.out;
    out.line(out.tint(Tint::Bold, format!("{} -> {}", clean(&left.name), clean(&right.name))))?;
    let mut parts = vec![
        text::plural(difference.rows.hunks.len(), "hunk", "hunks"),
        format!("+{} -{}", difference.stats.added, difference.stats.removed),
        format!("{} tokens ({:+})", tokens.right, tokens.right as i64 - tokens.left as i64),
    ];
    let renamed = difference.variables.renamed.iter();
    parts.extend(renamed.map(|(old, new)| format!("variable {} is now {}", clean(old), clean(new))));
    let (added, removed) = difference.other_variables();
    parts.extend(added.into_iter().map(|v| format!("variable +{}", clean(v))));
    parts.extend(removed.into_iter().map(|v| format!("variable -{}", clean(v))));
    if difference.is_of_settings() {
        parts.push(OTHER_SETTINGS.into());
    } else if !difference.settings.is_empty() {
        parts.push("settings changed".into());
    }
    out.line(parts.join("  "))?;
    for change in &difference.settings {
        let (before, after) = change.words();
        out.line(clean(&format!("{} {before} -> {after}", change.name)))?;
    }
    Ok(())
}

const OTHER_SETTINGS: &str = "same text, other settings";

fn notes(ctx: &Ctx, difference: &Diff) -> Result<()> {
    difference.notes.iter().try_for_each(|note| ctx.out.line(ctx.out.tint(Tint::Warn, note.to_string())))
}

/// Exact bytes for `patch` when nobody looks on; else painted, with changed words marked.
fn unified(ctx: &Ctx, args: &Args, left: &End, right: &End, difference: &Diff) -> Result<()> {
    if difference.is_equal() && left.side.settings != right.side.settings {
        talk(format!("{OTHER_SETTINGS}; `assize show` names them"));
    }
    if args.raw || (!ctx.out.is_terminal() && !ctx.out.colored()) {
        let (left, right) = (format!("a/{}", left.name), format!("b/{}", right.name));
        return ctx.out.bytes(diff::unified(&left, &right, difference, args.context).as_bytes());
    }
    let text = diff::plain::render_unified(&left.name, &right.name, difference, &plain(ctx, args.context));
    ctx.out.lines(&text)
}

fn plain(ctx: &Ctx, context: usize) -> Plain {
    let width = if ctx.out.is_terminal() { columns() } else { 120 };
    Plain { width, color: ctx.out.colored(), context, ..Plain::default() }
}

/// Two columns; chats message by message.
fn painted(ctx: &Ctx, args: &Args, left: &End, right: &End, difference: &Difference) -> String {
    let plain = plain(ctx, args.context);
    let Some(messages) = &difference.messages else {
        return diff::plain::render_side_by_side(&left.name, &right.name, &difference.rows, &plain);
    };
    let mut out = String::new();
    for message in messages {
        let role = |role: &Option<String>| role.clone().unwrap_or_else(|| "(none)".into());
        let (before, after) = (role(&message.role_left), role(&message.role_right));
        if message.is_equal() {
            out += &ctx.out.tint(Tint::Dim, format!("{}: unchanged", clean(&after)));
            out.push('\n');
        } else {
            out += &diff::plain::render_side_by_side(&before, &after, &message.diff, &plain);
        }
    }
    out
}
