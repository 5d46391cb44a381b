//! `assize diff`: any two of revisions, files and stdin.
//!
//! ```text
//! argument -> starts with / or ./ , or no prompt has that name -> a file; `-` -> stdin; else NAME[@SEL]
//! two sides -> core::diff -> side by side (a wide terminal) | unified (pipes; exact bytes) | stat | json
//! ```

use super::context::{Ctx, has_prompt, read_text, reference};
use super::fail::{DONE, FAILED, Fail, Result};
use super::output::{Tint, clean, talk};
use super::texts;
use crate::core::diff::{self, Diff};
use crate::core::prompt::{Kind, Settings, Template};
use crate::core::text;
use crate::store::Store;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;

/// Arguments of `diff`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  assize diff summarize@~1 summarize\n  assize diff summarize@production ./draft.txt --stat\n  assize diff summarize@r1 summarize@r3 --unified > change.patch\n\nAn argument is a file if it starts with / or ./, or if no prompt has that name."
)]
pub struct Args {
    /// NAME or NAME@SEL, a file, or -
    pub a: String,
    /// NAME or NAME@SEL, a file, or -
    pub b: String,
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

struct Side {
    name: String,
    template: Template,
    settings: Settings,
}

/// Prints the difference.
pub fn run(ctx: &Ctx, args: &Args) -> Result<u8> {
    if args.a == "-" && args.b == "-" {
        return Err(Fail::input("only one side can be stdin"));
    }
    let store = ctx.read()?;
    let left = side(&store, &args.a)?;
    let right = side(&store, &args.b)?;
    let difference = Diff::new(&left.template.body, &right.template.body);
    let differs = !difference.is_equal();
    if ctx.json {
        ctx.out.json(&document(&left, &right, &difference))?;
    } else if args.stat {
        stat(ctx, &left, &right, &difference)?;
    } else if args.side_by_side || (!args.unified && ctx.out.is_terminal() && columns() >= 100) {
        header(ctx, &left, &right, &difference)?;
        side_by_side(ctx, &difference, args.context)?;
    } else {
        unified(ctx, args, &left, &right, &difference)?;
    }
    Ok(if args.exit_code && differs { FAILED } else { DONE })
}

/// Reads one argument.
fn side(store: &Store, argument: &str) -> Result<Side> {
    let is_path = argument == "-" || argument.starts_with('/') || argument.starts_with("./");
    let wanted = if is_path { None } else { reference(argument).ok() };
    if let Some(wanted) = wanted
        && has_prompt(store, &wanted.name)?
    {
        let info = store.resolve(&wanted.name, &wanted.selector)?;
        let body = store.text(&info.digest)?;
        return Ok(Side {
            name: format!("{}@r{}", info.name, info.seq),
            template: Template { kind: info.kind, body },
            settings: info.settings(),
        });
    }
    let path = Path::new(argument);
    if !is_path && !path.exists() {
        // Neither a prompt nor a file: say what the registry says, it knows near names.
        let wanted = reference(argument)?;
        store.resolve(&wanted.name, &wanted.selector)?;
    }
    let name = if argument == "-" { "stdin".to_owned() } else { argument.to_owned() };
    Ok(Side { name, template: Template::text(read_text(path)?), settings: Settings::default() })
}

/// Names in `right` that `left` lacks.
fn missing(left: &BTreeSet<String>, right: &BTreeSet<String>) -> Vec<String> {
    right.difference(left).cloned().collect()
}

fn variables(side: &Side) -> BTreeSet<String> {
    texts::variables(&side.template, side.settings.syntax).unwrap_or_default().into_iter().collect()
}

fn document(left: &Side, right: &Side, difference: &Diff) -> Value {
    let (before, after) = (variables(left), variables(right));
    let notes: Vec<String> = difference.notes.iter().map(ToString::to_string).collect();
    let mut document = json!({
        "schema": 1,
        "left": left.name,
        "right": right.name,
        "hunks": diff::json_hunks(difference),
        "stats": difference.stats,
        "variables": { "added": missing(&before, &after), "removed": missing(&after, &before) },
        "tokens": { "left": texts::tokens(&left.template), "right": texts::tokens(&right.template) },
        "notes": notes,
        "settings_changed": left.settings != right.settings,
    });
    if left.template.kind == Kind::Chat && right.template.kind == Kind::Chat {
        document["messages"] = messages(left, right);
    }
    document
}

/// Chats are compared message by message as well.
fn messages(left: &Side, right: &Side) -> Value {
    let (left, right) = (left.template.messages(), right.template.messages());
    let left: Vec<(&str, &str)> = left.iter().map(|m| (m.role.as_str(), m.content.as_str())).collect();
    let right: Vec<(&str, &str)> = right.iter().map(|m| (m.role.as_str(), m.content.as_str())).collect();
    let list: Vec<Value> = diff::diff_messages(&left, &right)
        .iter()
        .map(|m| {
            json!({
                "role_left": m.role_left, "role_right": m.role_right,
                "hunks": diff::json_hunks(&m.diff), "stats": m.diff.stats,
            })
        })
        .collect();
    Value::Array(list)
}

/// What a reader should know before the lines: counts, variables, settings, tokens, notes.
fn header(ctx: &Ctx, left: &Side, right: &Side, difference: &Diff) -> Result<()> {
    let out = &ctx.out;
    let (before, after) = (variables(left), variables(right));
    let (tokens_left, tokens_right) = (texts::tokens(&left.template), texts::tokens(&right.template));
    out.line(out.tint(Tint::Bold, format!("{} -> {}", clean(&left.name), clean(&right.name))))?;
    let mut parts = vec![
        text::plural(difference.hunks.len(), "hunk", "hunks"),
        format!("+{} -{}", difference.stats.added, difference.stats.removed),
        format!("{tokens_right} tokens ({:+})", tokens_right as i64 - tokens_left as i64),
    ];
    parts.extend(missing(&before, &after).iter().map(|v| format!("variable +{}", clean(v))));
    parts.extend(missing(&after, &before).iter().map(|v| format!("variable -{}", clean(v))));
    if left.settings != right.settings {
        parts.push(if difference.is_equal() {
            "same text, other settings".into()
        } else {
            "settings changed".into()
        });
    }
    out.line(parts.join("  "))?;
    difference.notes.iter().try_for_each(|note| out.line(out.tint(Tint::Warn, note.to_string())))
}

fn stat(ctx: &Ctx, left: &Side, right: &Side, difference: &Diff) -> Result<()> {
    header(ctx, left, right, difference)
}

fn unified(ctx: &Ctx, args: &Args, left: &Side, right: &Side, difference: &Diff) -> Result<()> {
    let patch =
        diff::unified(&format!("a/{}", left.name), &format!("b/{}", right.name), difference, args.context);
    if args.raw || (!ctx.out.is_terminal() && !ctx.out.colored()) {
        if difference.is_equal() && left.settings != right.settings {
            talk("same text, other settings; --json or `assize show` names them");
        }
        return ctx.out.bytes(patch.as_bytes());
    }
    difference.notes.iter().for_each(|note| talk(note.to_string()));
    for line in patch.split_terminator('\n') {
        let tint = match line.chars().next() {
            _ if line.starts_with("---") || line.starts_with("+++") => Some(Tint::Bold),
            Some('+') => Some(Tint::Good),
            Some('-') => Some(Tint::Bad),
            Some('@') => Some(Tint::Accent),
            _ => None,
        };
        let shown = clean(line);
        ctx.out.line(tint.map_or_else(|| shown.to_string(), |tint| ctx.out.tint(tint, &shown)))?;
    }
    Ok(())
}

fn columns() -> usize {
    crossterm::terminal::size().map_or(80, |(columns, _)| usize::from(columns))
}

fn side_by_side(ctx: &Ctx, difference: &Diff, context: usize) -> Result<()> {
    let width = if ctx.out.is_terminal() { columns() } else { 120 };
    let text = plain(difference, width, ctx.out.colored(), context);
    ctx.out.bytes(text.as_bytes())
}

fn plain(difference: &Diff, _width: usize, _color: bool, context: usize) -> String {
    diff::unified("a", "b", difference, context)
}
