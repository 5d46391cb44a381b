//! `assize show`: one revision with all that is known about it.

use super::context::{self, Ctx, reference};
use super::error::{DONE, Result};
use super::json;
use super::output::{Tint, clean};
use crate::core::prompt::{Template, TemplateKind};
use crate::core::tokens::TOKENIZER;
use crate::questions::tokens;
use serde_json::json;

// Arguments of `show`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  assize show summarize\n  assize show summarize@~1 --json")]
pub struct Args {
    /// NAME or NAME@SEL
    #[arg(value_name = "NAME[@SEL]")]
    pub prompt: String,
}

/// Prints it.
pub fn run(ctx: &Ctx, args: &Args) -> Result<u8> {
    let wanted = reference(&args.prompt)?;
    let store = ctx.read()?;
    let info = store.resolve(&wanted.name, &wanted.selector)?;
    let version = context::version(&store, &info)?;
    let body = store.text(&info.digest)?;
    let template = Template { kind: info.kind, body };
    let variables = template.variables(info.syntax).unwrap_or_default();
    let variables: Vec<String> = variables.into_iter().map(|v| v.name).collect();
    let count = tokens::of(&template);
    let parts = store.parts((&info.name, info.seq), &template, info.syntax, &[]);
    if ctx.json {
        let mut document = json::revision(&info, &version);
        let (key, value) = json::body(template.kind, &template.body);
        document[key] = value;
        document["variables"] = json!(variables);
        if let Ok(parts) = &parts
            && !parts.is_empty()
        {
            document["includes"] = json!(parts.included());
        }
        document["tokens"] = json!({ "count": count, "tokenizer": TOKENIZER });
        let mut whole = json!({ "schema": 1, "name": info.name });
        if let (Some(whole), serde_json::Value::Object(rest)) = (whole.as_object_mut(), document) {
            whole.extend(rest);
        }
        ctx.out.json(&whole)?;
        return Ok(DONE);
    }
    let out = &ctx.out;
    let labels =
        if info.labels.is_empty() { String::new() } else { format!("  ({})", info.labels.join(", ")) };
    out.line(out.tint(Tint::Bold, format!("{} r{} {version}{labels}", info.name, info.seq)))?;
    out.line(format!("digest    {}", info.digest))?;
    out.line(format!("settings  {}", info.settings_digest))?;
    out.line(format!(
        "created   {}{}",
        info.created_at,
        info.author.as_deref().map(|a| format!(" by {}", clean(a))).unwrap_or_default()
    ))?;
    if let Some(parent) = info.parent {
        out.line(format!("parent    r{parent}"))?;
    }
    for line in info.message.as_deref().unwrap_or_default().lines() {
        out.line(format!("message   {}", clean(line)))?;
    }
    if !info.tags.is_empty() {
        out.line(format!("tags      {}", clean(&info.tags.join(", "))))?;
    }
    out.line(format!("kind      {}, {}", info.kind.name(), info.syntax.name()))?;
    if !info.config.is_empty() {
        out.line(format!("config    {}", clean(&json!(info.config).to_string())))?;
    }
    if !info.metadata.is_empty() {
        out.line(format!("metadata  {}", clean(&json!(info.metadata).to_string())))?;
    }
    let names = if variables.is_empty() { "none".into() } else { clean(&variables.join(", ")).into_owned() };
    out.line(format!("variables {names}"))?;
    match &parts {
        Ok(parts) => {
            for part in parts.included() {
                let words = format!("{} r{} {}", part.reference, part.revision, part.digest.short());
                let then = info.moved_includes(parts).into_iter().find(|m| m.0.reference == part.reference);
                let note = then.map_or_else(String::new, |(then, _)| {
                    format!("  (r{} {} when this was registered)", then.revision, then.digest.short())
                });
                out.line(format!("includes  {}{note}", clean(&words)))?;
            }
        }
        Err(error) => out.line(out.tint(Tint::Warn, format!("includes  {}", clean(&error.to_string()))))?,
    }
    out.line(format!(
        "size      {} bytes, {count} tokens ({}; an estimate for other models)",
        info.bytes, TOKENIZER
    ))?;
    out.line("")?;
    match info.kind {
        TemplateKind::Text => print_lines(ctx, &template.body)?,
        TemplateKind::Chat => {
            for message in template.messages() {
                out.line(out.tint(Tint::Bold, format!("[{}]", clean(&message.role))))?;
                print_lines(ctx, &message.shown())?;
            }
        }
    }
    Ok(DONE)
}

fn print_lines(ctx: &Ctx, text: &str) -> Result<()> {
    text.lines().try_for_each(|line| ctx.out.line(clean(line)))
}
