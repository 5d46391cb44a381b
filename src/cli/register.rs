//! `assize register`: a text or chat messages become a prompt's newest revision.

use super::context::{self, Ctx, place, read_text};
use super::error::{CliError, DONE, Result};
use super::output::{clean, talk};
use crate::core::chat::ChatBody;
use crate::core::prompt::{Label, PromptName, Settings, Syntax, Template};
use crate::core::template::{self, ComposeError};
use crate::store::{NewRevision, Store};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

// Arguments of `register`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  assize register summarize prompt.txt -m \"ask for two sentences\" --label staging\n  printf 'Summarise: {{ text }}' | assize register summarize -\n  assize register support chat.json --chat --config model.toml"
)]
pub struct Args {
    /// The prompt's name: lower-case letters of any script, digits and . _ / -
    pub name: String,
    /// The template's file; `-` or nothing is stdin
    #[arg(default_value = "-")]
    pub file: PathBuf,
    /// Why it was changed
    #[arg(short, long, value_name = "MSG")]
    pub message: Option<String>,
    /// Who wrote it
    #[arg(long, value_name = "A")]
    pub author: Option<String>,
    /// Point this label at the revision (may be repeated)
    #[arg(long, value_name = "L")]
    pub label: Vec<String>,
    /// A protected label's name, to move it all the same (may be repeated)
    #[arg(long, value_name = "LABEL")]
    pub confirm: Vec<String>,
    /// Tag the revision (may be repeated)
    #[arg(long, value_name = "T")]
    pub tag: Vec<String>,
    /// Metadata (may be repeated); a value that is JSON is kept as such
    #[arg(long, value_name = "K=V")]
    pub meta: Vec<String>,
    /// How variables are written [default: jinja, or as in the newest revision]
    #[arg(long, value_parser = ["jinja", "fstring", "braces", "mustache", "literal"])]
    pub syntax: Option<String>,
    /// The file holds chat messages: a JSON list of {"role", "content"}, or a request's body with one
    #[arg(long)]
    pub chat: bool,
    /// Model parameters, `role` and `input`, as TOML [default: those of the newest revision]
    #[arg(long, value_name = "FILE.toml")]
    pub config: Option<PathBuf>,
}

/// Registers, and tells which revision now holds the text.
pub fn run(ctx: &Ctx, args: &Args) -> Result<u8> {
    let name: PromptName = args.name.parse()?;
    let labels: Vec<Label> = args.label.iter().map(|l| l.parse()).collect::<Result<_, _>>()?;
    let metadata = metadata(&args.meta)?;
    let config = args.config.as_deref().map(read_config).transpose()?;
    let (template, beside) = read_template(&args.file, args.chat)?;
    let mut store = ctx.write()?;
    refuse_protected(&store, &name, &labels, &args.confirm)?;
    let newest = if store.has_prompt(&name)? { Some(store.prompt(&name)?.latest) } else { None };
    let settings = Settings {
        syntax: match &args.syntax {
            Some(text) => syntax(text)?,
            None => newest.as_ref().map_or(Syntax::Jinja, |r| r.syntax),
        },
        config: config
            .or_else(|| (!beside.is_empty()).then_some(beside))
            .or_else(|| newest.as_ref().map(|r| r.config.clone()))
            .unwrap_or_default(),
    };
    warn_of_syntax(&template, settings.syntax);
    let new = NewRevision {
        name,
        template,
        settings,
        author: args.author.clone(),
        message: args.message.clone(),
        metadata,
        tags: args.tag.clone(),
        labels,
        created_at: None,
        origin: None,
    };
    let seq = newest.as_ref().map_or(0, |r| r.seq) + 1;
    if let Err(error @ ComposeError::Missing { .. }) = store.parts_of_new(&new, seq) {
        talk(format!("warning: {}; it is kept as given", clean(&error.to_string())));
    }
    let registered = store.register(new)?;
    let revision = &registered.revision;
    let version = context::version(&store, revision)?;
    if !registered.new {
        talk(format!(
            "{} r{} holds this already (text and settings): nothing was added",
            revision.name, revision.seq
        ));
    }
    if ctx.json {
        ctx.out.json(&json!({
            "schema": 1,
            "name": revision.name,
            "revision": revision.seq,
            "version": version,
            "digest": revision.digest,
            "created_at": revision.created_at,
            "new": registered.new,
            "labels": revision.labels,
        }))?;
    } else {
        ctx.out.line(format!("{} r{} {version}", revision.name, revision.seq))?;
    }
    Ok(DONE)
}

/// A syntax by its name.
///
/// # Errors
/// For any other text.
pub fn syntax(text: &str) -> Result<Syntax> {
    text.parse().map_err(|_| {
        CliError::input(format!("'{text}' is no syntax: use jinja, fstring, braces, mustache or literal"))
    })
}

/// The template, and the settings that a request's body holds beside its messages.
pub(super) fn read_template(file: &Path, chat: bool) -> Result<(Template, Map<String, Value>)> {
    let text = read_text(file)?;
    if !chat {
        return Ok((Template::text(text), Map::new()));
    }
    // A mark of the byte order is no part of JSON, and editors leave one.
    let value = crate::interop::json::strict(text.trim_start_matches('\u{feff}'))
        .map_err(|e| CliError::input(format!("{} holds no chat messages: {e}", place(file))))?;
    let body = ChatBody::read(&value).map_err(|e| CliError::input(format!("{}: {e}", place(file))))?;
    if !body.dropped.is_empty() {
        let keys: Vec<_> = body.dropped.iter().map(|key| clean(key)).collect();
        talk(format!("note: {}: not kept: {}", place(file), keys.join(", ")));
    }
    Ok((body.template, body.config))
}

/// `K=V` pairs as an object; a value that is JSON is kept as such, all else is text.
fn metadata(pairs: &[String]) -> Result<Map<String, Value>> {
    let mut map = Map::new();
    for pair in pairs {
        let (key, value) = pair
            .split_once('=')
            .filter(|(key, _)| !key.is_empty())
            .ok_or_else(|| CliError::input(format!("--meta takes KEY=VALUE, and '{pair}' is none")))?;
        let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
        if map.insert(key.to_owned(), value).is_some() {
            return Err(CliError::input(format!("--meta gives '{key}' twice")));
        }
    }
    Ok(map)
}

fn read_config(file: &Path) -> Result<Map<String, Value>> {
    let text = read_text(file)?;
    let table: toml::Table =
        text.parse().map_err(|e| CliError::input(format!("{} is not TOML: {e}", place(file))))?;
    match serde_json::to_value(table) {
        Ok(Value::Object(map)) => Ok(map),
        _ => Err(CliError::input(format!("{} holds values that JSON cannot carry", place(file)))),
    }
}

/// A label that is protected and points at another revision moves only when its name is typed again.
fn refuse_protected(store: &Store, name: &PromptName, labels: &[Label], confirmed: &[String]) -> Result<()> {
    let protected = store.protected()?;
    for label in labels {
        let guarded = protected.iter().any(|p| p == label.as_str());
        if guarded && !confirmed.iter().any(|c| c == label.as_str()) {
            return Err(CliError::input(format!(
                "the label '{label}' is protected: to move it on {name}, add --confirm {label}; nothing was registered"
            )));
        }
    }
    Ok(())
}

/// A template that does not parse is kept as it is; the author hears of it, and of a syntax that would fit better.
fn warn_of_syntax(template: &Template, syntax: Syntax) {
    let better = better_syntax(&template.written_out(), syntax);
    if let Err(problem) = template.variables(syntax) {
        let literal = "--syntax literal if braces are text";
        talk(format!(
            "warning: as {} this template has a fault: {}; it is kept as given ({})",
            syntax.name(),
            clean(&problem.to_string()),
            better.map_or_else(|| literal.to_owned(), |better| format!("{better}; {literal}"))
        ));
    } else if let Some(better) = better {
        talk(format!("note: {better}"));
    }
}

/// What another syntax would make of the text, where this one most likely is the wrong one.
fn better_syntax(text: &str, syntax: Syntax) -> Option<String> {
    let names = |syntax| {
        let found = template::variables(text, syntax).unwrap_or_default();
        found.iter().map(|v| clean(&v.name).into_owned()).take(8).collect::<Vec<_>>().join(", ")
    };
    let handlebars = ["{{#", "{{/", "{{^", "{{>", "{{{"].iter().any(|tag| text.contains(tag));
    if syntax == Syntax::Jinja && handlebars && !text.contains("{%") && !text.contains("{{#}") {
        let found = names(Syntax::Mustache);
        let found = if found.is_empty() { found } else { format!(", with the variables {found}") };
        return Some(format!("it looks like Handlebars or mustache: --syntax mustache reads it{found}"));
    }
    let has_tags = text.contains("{{") || text.contains("{%");
    let wrong = match syntax {
        Syntax::Jinja => !has_tags,
        Syntax::Fstring => template::variables(text, syntax).is_err(),
        _ => false,
    };
    let found = if wrong { names(Syntax::Braces) } else { String::new() };
    (!found.is_empty()).then(|| {
        format!("--syntax braces reads {{name}} as a variable and every other brace as text; the variables are then {found}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_syntax_that_fits_better_is_named() {
        let better = |text, syntax| better_syntax(text, syntax).unwrap_or_default();
        assert!(
            better("{{#if a}}{{b}}{{/if}}", Syntax::Jinja)
                .contains("--syntax mustache reads it, with the variables a, b")
        );
        assert!(better("{q}\n{\"a\": 1}", Syntax::Jinja).contains("--syntax braces"));
        assert!(better("{q}\n{\"a\": 1}", Syntax::Fstring).contains("are then q"));
        for (text, syntax) in [
            ("{{ q }} {x}", Syntax::Jinja),
            ("{\"a\": 1}", Syntax::Jinja),
            ("no braces", Syntax::Jinja),
            ("{q}", Syntax::Fstring),
            ("{q}", Syntax::Literal),
            ("{q} {\"a\"}", Syntax::Braces),
        ] {
            assert_eq!(better(text, syntax), "", "{text}");
        }
    }
}
