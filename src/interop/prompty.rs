//! Prompty, 0.1 and 2: front matter, then messages under lines such as `system:`.
//!
//! Environment variables and files that the front matter names are not read; connections are never stored.

use super::ImportError;
use super::batch::{Batch, DROPPED, METADATA};
use super::folder::FileNames;
use super::foreign;
use super::importer::{ImportOptions, Importer};
use super::prompt_yml::settings;
use super::source::ImportSource;
use crate::core::prompt::{Syntax, Template};
use serde_json::{Map, Value, json};

/// `.prompty`.
pub const PROMPTY: Importer = Importer {
    name: "prompty",
    about: "Prompty files, 0.1 and 2: a prompt with its settings",
    sniff: |source| source.ending() == "prompty" && source.front_matter().is_some(),
    read,
};

const ROLES: [&str; 5] = ["system", "user", "assistant", "developer", "tool"];

/// The role that a line opens: `system:` or `# system:` alone on it.
fn role_of(line: &str) -> Option<&'static str> {
    let line = line.trim().trim_start_matches('#').trim_start();
    let name = line.strip_suffix(':')?.trim().to_ascii_lowercase();
    ROLES.into_iter().find(|role| *role == name)
}

/// The messages of a body; a body without roles is one system message.
fn messages(body: &str) -> Value {
    let mut out: Vec<(&str, String)> = Vec::new();
    for line in body.split_inclusive('\n') {
        match role_of(line) {
            Some(role) => out.push((role, String::new())),
            None => match out.last_mut() {
                Some((_, text)) => text.push_str(line),
                None if line.trim().is_empty() => {}
                None => out.push(("system", line.to_owned())),
            },
        }
    }
    out.iter()
        .map(|(role, text)| json!({ "role": role, "content": text.trim_matches(['\r', '\n']) }))
        .collect()
}

fn read(source: &ImportSource, _: &ImportOptions) -> Result<Batch, ImportError> {
    let (head, body) = foreign::head_and_body(source)?;
    let empty = Map::new();
    let map = head.as_object().unwrap_or(&empty);
    let mut batch = Batch::default();
    for (path, to, why) in [
        ("name", "name", "of the prompt"),
        ("model", "config", "of the prompt"),
        ("model.id", "config", "of the prompt"),
        ("model.configuration.name", "config", "as the model"),
        ("model.configuration.**", DROPPED, "may hold addresses and keys"),
        ("model.connection.**", DROPPED, "may hold addresses and keys"),
        ("model.options.**", "config", "of the prompt"),
        ("model.parameters.**", "config", "of the prompt"),
        ("model.**", DROPPED, "how the API is called"),
        ("template.**", "syntax", "of the prompt"),
        ("template", "syntax", "of the prompt"),
        ("inputs.**", METADATA, "the inputs with their defaults"),
        ("sample.**", METADATA, "an example of the inputs"),
        ("**", METADATA, "beside the revision"),
    ] {
        batch.ledger.say(path, to, why);
    }
    batch.ledger.account(&head);
    let stem = source.stem.clone().unwrap_or_else(|| "prompt".into());
    let given = map.get("name").and_then(Value::as_str).unwrap_or(&stem);
    let (name, _) = FileNames::default().of(given).ok_or_else(|| source.fault("gives no prompt's name"))?;
    let model = map.get("model").and_then(Value::as_object).unwrap_or(&empty);
    let mut config = settings(model, &["parameters", "options"]);
    let called = map.get("model").filter(|m| m.is_string()).or_else(|| model.get("id"));
    let called = called.or_else(|| model.get("configuration").and_then(|c| c.get("name")));
    if let Some(called) = called {
        config.insert("model".into(), called.clone());
    }
    let engine = map.get("template").map(Value::to_string).unwrap_or_default();
    let syntax = if engine.contains("mustache") { Syntax::Mustache } else { Syntax::Jinja };
    let template = Template::chat(&messages(body)).map_err(|e| source.fault(e.to_string()))?;
    let mut row = foreign::revision(name, template, syntax, config);
    let kept = map.iter().filter(|(key, _)| !matches!(key.as_str(), "name" | "model" | "template"));
    row.metadata.extend(kept.map(|(key, value)| (key.clone(), value.clone())));
    batch.prompts.push(row);
    Ok(batch)
}
