//! `assize get`: a revision's exact bytes, or the text rendered with variables.

use super::context::{self, Ctx, place, read_text, reference};
use super::error::{CliError, DONE, Result};
use super::json;
use super::output::{clean, talk};
use crate::core::prompt::TemplateKind;
use crate::interop::json::strict;
use crate::questions::rendered::Prompt;
use crate::store::RevisionInfo;
use serde_json::{Map, Value, json};
use std::path::PathBuf;

// Arguments of `get`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  assize get summarize@production > prompt.txt\n  assize get summarize --var text=\"a long story\" --var words=20\n  assize get summarize@r3 --json"
)]
pub struct Args {
    /// NAME or NAME@SEL: latest, a label, r12, ~1 or hex digits of a digest
    #[arg(value_name = "NAME[@SEL]")]
    pub prompt: String,
    /// Render with this value (may be repeated)
    #[arg(long, value_name = "K=V")]
    pub var: Vec<String>,
    /// Render with the values of a JSON object
    #[arg(long, value_name = "FILE")]
    pub vars: Option<PathBuf>,
    /// Write the exact bytes to a terminal, too
    #[arg(long)]
    pub raw: bool,
}

/// Prints the bytes.
pub fn run(ctx: &Ctx, args: &Args) -> Result<u8> {
    let wanted = reference(&args.prompt)?;
    let values = values(&args.var, args.vars.as_deref())?;
    let given: Vec<&str> =
        args.var.iter().filter_map(|pair| pair.split_once('=')).map(|(key, _)| key).collect();
    let store = ctx.read()?;
    let prompt = Prompt::read(&store, &wanted.name, &wanted.selector)?;
    let rendered = values.as_ref().map(|values| render(&prompt, values, &given)).transpose()?;
    let Prompt { info, template, parts } = &prompt;
    if ctx.json {
        let version = context::version(&store, info)?;
        let (key, value) = json::body(template.kind, &template.body);
        let mut document = json!({
            "schema": 1,
            "name": info.name,
            "revision": info.seq,
            "version": version,
            "digest": info.digest,
            "kind": info.kind,
            "syntax": info.syntax.name(),
        });
        document[key] = value;
        if let Ok(parts) = parts
            && !parts.is_empty()
        {
            document["includes"] = json!(parts.included());
        }
        if let Some(text) = &rendered {
            document["rendered"] = match info.kind {
                TemplateKind::Text => Value::from(text.as_str()),
                TemplateKind::Chat => json::body(TemplateKind::Chat, text).1,
            };
        }
        ctx.out.json(&document)?;
        return Ok(DONE);
    }
    print(ctx, rendered.as_deref().unwrap_or(&template.body), args.raw)?;
    Ok(DONE)
}

/// Exact bytes to a pipe or file; escaped to a terminal, unless `raw`.
///
/// # Errors
/// When stdout cannot be written.
pub fn print(ctx: &Ctx, text: &str, raw: bool) -> Result<()> {
    if raw || !ctx.out.is_terminal() {
        return ctx.out.bytes(text.as_bytes());
    }
    for line in text.lines() {
        ctx.out.line(clean(line))?;
    }
    Ok(())
}

/// The values of `--var` and `--vars` together; `None` when neither was given.
///
/// # Errors
/// When a pair or the file is none.
pub fn values(pairs: &[String], file: Option<&std::path::Path>) -> Result<Option<Map<String, Value>>> {
    if pairs.is_empty() && file.is_none() {
        return Ok(None);
    }
    let mut map = match file {
        Some(file) => match strict(&read_text(file)?) {
            Ok(Value::Object(map)) => map,
            Ok(_) => {
                return Err(CliError::input(format!("{} is not a JSON object of variables", place(file))));
            }
            Err(e) => return Err(CliError::input(format!("{} is not JSON: {e}", place(file)))),
        },
        None => Map::new(),
    };
    for pair in pairs {
        let (key, value) = pair
            .split_once('=')
            .filter(|(key, _)| !key.is_empty())
            .ok_or_else(|| CliError::input(format!("--var takes NAME=VALUE, and '{pair}' is none")))?;
        map.insert(key.to_owned(), Value::from(value));
    }
    Ok(Some(map))
}

fn cannot(info: &RevisionInfo, why: &str) -> CliError {
    CliError::input(format!("cannot render {} r{}: {}", info.name, info.seq, clean(why)))
}

/// The text with its variables filled in; the canonical JSON of the messages for chat.
fn render(prompt: &Prompt, values: &Map<String, Value>, given: &[&str]) -> Result<String> {
    let info = &prompt.info;
    let variables = prompt.variables().map_err(|e| cannot(info, &e))?;
    let (slips, unused): (Vec<&String>, Vec<&String>) =
        values.keys().filter(|key| !variables.contains(key)).partition(|key| given.contains(&key.as_str()));
    // One file of values may serve several prompts; what is typed for this one is meant for it.
    if !unused.is_empty() {
        let keys: Vec<_> = unused.iter().map(|key| clean(key)).collect();
        talk(format!("note: {} r{} does not use: {}", info.name, info.seq, keys.join(", ")));
    }
    if let Some(unknown) = slips.first() {
        return Err(CliError::input(format!(
            "{} r{} has no variable '{unknown}'; it has: {}",
            info.name,
            info.seq,
            if variables.is_empty() { "none".into() } else { variables.join(", ") }
        )));
    }
    prompt.text(values).map_err(|e| cannot(info, &e))
}
