//! Dotprompt (`.prompt`): front matter at the very beginning, then Handlebars with `{{role "user"}}` between messages.

use super::ImportError;
use super::batch::{Batch, METADATA};
use super::folder::FileNames;
use super::foreign;
use super::importer::{ImportOptions, Importer};
use super::prompt_yml::settings;
use super::source::ImportSource;
use crate::core::prompt::{Syntax, Template};
use serde_json::{Map, Value, json};

/// `.prompt`.
pub const DOTPROMPT: Importer = Importer {
    name: "dotprompt",
    about: "Dotprompt files (.prompt): a prompt with its settings",
    sniff: |source| source.ending() == "prompt" && source.front_matter().is_some(),
    read,
};

/// The messages of a body, where it has roles; `model` is `assistant`.
fn messages(body: &str) -> Option<Value> {
    let mut out: Vec<(String, String)> = Vec::new();
    let mut rest = body;
    while let Some((before, after)) = rest.split_once("{{role ") {
        let (role, after) = after.split_once("}}")?;
        push(&mut out, before);
        let role = role.trim().trim_matches(['"', '\'']);
        out.push((if role == "model" { "assistant" } else { role }.to_owned(), String::new()));
        rest = after;
    }
    if out.is_empty() {
        return None;
    }
    push(&mut out, rest);
    out.retain(|(_, text)| !text.trim().is_empty());
    let list: Vec<Value> =
        out.iter().map(|(role, text)| json!({ "role": role, "content": text.trim() })).collect();
    (!list.is_empty()).then_some(Value::Array(list))
}

fn push(out: &mut Vec<(String, String)>, text: &str) {
    match out.last_mut() {
        Some((_, all)) => all.push_str(text),
        None if text.trim().is_empty() => {}
        None => out.push(("user".into(), text.to_owned())),
    }
}

fn read(source: &ImportSource, _: &ImportOptions) -> Result<Batch, ImportError> {
    let (head, body) = foreign::head_and_body(source)?;
    let empty = Map::new();
    let map = head.as_object().unwrap_or(&empty);
    let mut batch = Batch::default();
    for (path, to, why) in [
        ("name", "name", "of the prompt"),
        ("model", "config", "of the prompt"),
        ("config.**", "config", "of the prompt"),
        ("**", METADATA, "beside the revision"),
    ] {
        batch.ledger.say(path, to, why);
    }
    batch.ledger.account(&head);
    let stem = source.stem.clone().unwrap_or_else(|| "prompt".into());
    let given = map.get("name").and_then(Value::as_str).unwrap_or(&stem);
    let (name, _) = FileNames::default().of(given).ok_or_else(|| source.fault("gives no prompt's name"))?;
    let mut config = settings(map, &["config"]);
    if let Some(model) = map.get("model").filter(|m| !m.is_null()) {
        config.insert("model".into(), model.clone());
    }
    let template = match messages(body) {
        Some(messages) => Template::chat(&messages).map_err(|e| source.fault(e.to_string()))?,
        None => Template::text(body),
    };
    let mut row = foreign::revision(name, template, Syntax::Mustache, config);
    let kept = map.iter().filter(|(key, _)| !matches!(key.as_str(), "name" | "model" | "config"));
    row.metadata.extend(kept.map(|(key, value)| (key.clone(), value.clone())));
    batch.prompts.push(row);
    Ok(batch)
}
