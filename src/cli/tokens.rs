//! `assize tokens`: how long a prompt is, part by part, and whether it fits a model's window.

use super::context::{self, Ctx, reference};
use super::error::{CliError, DONE, Result};
use super::get;
use super::output::{Tint, clean, table};
use crate::config::Role;
use crate::core::context::{Fit, PromptTokens, Window};
use crate::core::text;
use crate::core::tokens::TOKENIZER;
use crate::questions::rendered::Prompt;
use crate::store::{RevisionInfo, Store};
use serde_json::{Map, Value, json};
use std::path::PathBuf;

// Arguments of `tokens`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  assize tokens summarize\n  assize tokens summarize --var text=\"a long story\" --model writer\n  assize tokens summarize --cases tickets --model http://127.0.0.1:8080/v1#qwen3\n\nCounted offline with o200k_base; for models with another tokenizer it is an estimate. A window is context_window of the\nconfiguration, else a dated table's."
)]
pub struct Args {
    /// NAME or NAME@SEL
    #[arg(value_name = "NAME[@SEL]")]
    pub prompt: String,
    /// Count with this value (may be repeated)
    #[arg(long, value_name = "K=V")]
    pub var: Vec<String>,
    /// Count with the values of a JSON object
    #[arg(long, value_name = "FILE", conflicts_with = "cases")]
    pub vars: Option<PathBuf>,
    /// Count with each case of a set
    #[arg(long, value_name = "SET", conflicts_with = "var")]
    pub cases: Option<String>,
    /// Measure against this model's window: its name in config.toml, or URL#MODEL
    #[arg(long, value_name = "MODEL")]
    pub model: Option<String>,
    /// Measure against a window of so many tokens
    #[arg(long, value_name = "N", conflicts_with = "model")]
    pub window: Option<u64>,
    /// Room for the answer [default: the model's max_tokens, else 0]
    #[arg(long, value_name = "N")]
    pub room: Option<u64>,
}

/// The window to measure against, and the room for the answer.
struct Measure {
    window: Option<Window>,
    room: u64,
}

/// One way to fill the prompt in.
struct FillRow {
    case: Option<String>,
    usage: std::result::Result<PromptTokens, String>,
}

/// Counts.
pub fn run(ctx: &Ctx, args: &Args) -> Result<u8> {
    let wanted = reference(&args.prompt)?;
    let store = ctx.read()?;
    let prompt = Prompt::read(&store, &wanted.name, &wanted.selector)?;
    if let Err(why) = &prompt.parts {
        return Err(CliError::input(clean(why).into_owned()));
    }
    let info = &prompt.info;
    let measure = measure(ctx, args)?;
    let rows = rows(&store, args, &prompt)?;
    if ctx.json {
        ctx.out.json(&document(info, &context::version(&store, info)?, &rows, &measure))?;
        return Ok(DONE);
    }
    if args.cases.is_some() {
        cases(ctx, &rows, &measure)?;
    } else if let Some(row) = rows.first() {
        one(ctx, info, row, &measure)?;
    }
    Ok(DONE)
}

fn measure(ctx: &Ctx, args: &Args) -> Result<Measure> {
    let (window, room) = match (&args.model, args.window) {
        (_, Some(tokens)) => {
            (Some(Window { tokens, source: "--window".into() }), args.room.unwrap_or_default())
        }
        (Some(name), None) => {
            let config = ctx.config()?;
            let model =
                config.resolve_endpoint(Role::Model, name).map_err(|e| CliError::input(e.to_string()))?;
            let window =
                model.context_window.map(Window::configured).or_else(|| Window::of_model(&model.model));
            if window.is_none() {
                super::output::talk(format!(
                    "note: the window of '{}' is not known: set context_window in [model.{}], or give --window N",
                    clean(&model.model),
                    clean(name)
                ));
            }
            (window, args.room.unwrap_or(model.max_tokens.into()))
        }
        (None, None) => (None, args.room.unwrap_or_default()),
    };
    Ok(Measure { window, room })
}

fn rows(store: &Store, args: &Args, prompt: &Prompt) -> Result<Vec<FillRow>> {
    let info = &prompt.info;
    let count =
        |case: Option<String>, values: &Map<String, Value>| FillRow { case, usage: prompt.usage(values) };
    if let Some(set) = &args.cases {
        let cases = store.cases(store.case_set(set)?.id)?;
        return Ok(cases.iter().map(|c| count(Some(c.id.clone()), &c.vars)).collect());
    }
    match get::values(&args.var, args.vars.as_deref())? {
        None => Ok(vec![FillRow { case: None, usage: Ok(PromptTokens::of_template(&prompt.template)) }]),
        Some(values) => {
            let row = count(None, &values);
            match row.usage {
                Err(why) => Err(CliError::input(format!(
                    "cannot render {} r{}: {}",
                    info.name,
                    info.seq,
                    clean(&why)
                ))),
                Ok(_) => Ok(vec![row]),
            }
        }
    }
}

impl Measure {
    fn fit(&self, tokens: usize) -> Option<Fit> {
        self.window.as_ref().map(|w| w.fit(tokens as u64, self.room))
    }
}

fn document(info: &RevisionInfo, version: &str, rows: &[FillRow], measure: &Measure) -> Value {
    let counted: Vec<Value> = rows
        .iter()
        .map(|row| match &row.usage {
            Ok(usage) => json!({
                "case": row.case, "template": usage.template, "variables": usage.variables,
                "messages": usage.messages, "total": usage.total, "fit": measure.fit(usage.total), "error": null,
            }),
            Err(why) => json!({ "case": row.case, "error": why }),
        })
        .collect();
    json!({
        "schema": 1,
        "name": info.name,
        "revision": info.seq,
        "version": version,
        "tokenizer": TOKENIZER,
        "window": measure.window.as_ref().map(Window::to_json),
        "room": measure.room,
        "counts": counted,
    })
}

fn one(ctx: &Ctx, info: &RevisionInfo, row: &FillRow, measure: &Measure) -> Result<()> {
    let Ok(usage) = &row.usage else { return Ok(()) };
    let out = &ctx.out;
    let line = |what: &str, name: &str, tokens: usize| {
        format!("{what:<9} {:<20} {:>10}", clean(name), text::count(tokens as u64))
    };
    out.line(out.tint(Tint::Bold, format!("{} r{}", info.name, info.seq)))?;
    out.line(line("template", "", usage.template))?;
    for share in &usage.variables {
        out.line(line("variable", &share.name, share.tokens))?;
    }
    for share in &usage.messages {
        out.line(line("message", &share.name, share.tokens))?;
    }
    out.line(line("in all", "", usage.total))?;
    out.line(out.tint(Tint::Dim, format!("{TOKENIZER}; an estimate for models with another tokenizer")))?;
    meter(ctx, usage.total, measure)
}

fn meter(ctx: &Ctx, total: usize, measure: &Measure) -> Result<()> {
    let Some(window) = &measure.window else { return Ok(()) };
    let fit = window.fit(total as u64, measure.room);
    let bar = text::meter(total as u64 + measure.room, window.tokens, 30);
    let words = format!(
        "{bar} {} % of {} ({}), {} of it for the answer: {}",
        window.percent(total as u64 + measure.room),
        text::count(window.tokens),
        clean(&window.source),
        text::count(measure.room),
        fit.words()
    );
    let tint = if fit == Fit::Fits { words } else { ctx.out.tint(Tint::Warn, words) };
    ctx.out.line(tint)
}

fn cases(ctx: &Ctx, rows: &[FillRow], measure: &Measure) -> Result<()> {
    let mut lines = Vec::new();
    for row in rows {
        let case = clean(row.case.as_deref().unwrap_or_default()).into_owned();
        lines.push(match &row.usage {
            Err(why) => vec![case, "—".into(), clean(why).into_owned()],
            Ok(usage) => {
                let fit = match measure.fit(usage.total) {
                    None | Some(Fit::Fits) => String::new(),
                    Some(fit) => fit.words().to_owned(),
                };
                vec![case, text::count(usage.total as u64), fit]
            }
        });
    }
    table(&lines, &[1]).into_iter().try_for_each(|line| ctx.out.line(line))?;
    let over = |wanted: Fit| {
        rows.iter().filter(|r| r.usage.as_ref().is_ok_and(|u| measure.fit(u.total) == Some(wanted))).count()
    };
    let (over, close) = (over(Fit::Over), over(Fit::Close));
    let longest = rows.iter().filter_map(|r| r.usage.as_ref().ok()).map(|u| u.total).max().unwrap_or(0);
    ctx.out.line(format!(
        "{}, the longest {} tokens ({TOKENIZER}); {over} do not fit, {close} may not",
        text::plural(rows.len(), "case", "cases"),
        text::count(longest as u64)
    ))?;
    meter(ctx, longest, measure)
}
