//! LangChain prompts: `save()` (JSON, YAML) and `dumps()`; texts and chats.

use super::ImportError;
use super::batch::{Batch, METADATA};
use super::folder::FileNames;
use super::foreign;
use super::importer::{ImportOptions, Importer};
use super::source::ImportSource;
use crate::core::prompt::{Syntax, Template};
use serde_json::{Map, Value, json};

/// What LangChain saves.
pub const LANGCHAIN: Importer = Importer {
    name: "langchain",
    about: "LangChain prompts, from save() or dumps(): a prompt each",
    sniff: |source| {
        let value = value(source);
        let has = |key: &str| value.is_some_and(|v| v.get(key).is_some());
        has("lc") && has("kwargs") || has("template") && (has("input_variables") || has("_type"))
    },
    read,
};

fn value(source: &ImportSource) -> Option<&Value> {
    match source.ending().as_str() {
        "yaml" | "yml" => source.yaml().ok(),
        _ => source.json().ok(),
    }
}

fn syntax(format: Option<&Value>) -> Syntax {
    match format.and_then(Value::as_str) {
        Some("jinja2") => Syntax::Jinja,
        Some("mustache") => Syntax::Mustache,
        _ => Syntax::Fstring,
    }
}

/// A message of `dumps()`: its template's class says the role.
fn message(value: &Value) -> Result<(Value, Option<Value>), String> {
    let class = value.pointer("/id").and_then(|id| id.as_array()?.last()?.as_str()).unwrap_or_default();
    let kwargs = value.get("kwargs").ok_or("a message has no 'kwargs'")?;
    if class == "MessagesPlaceholder" {
        let name = kwargs.get("variable_name").cloned().unwrap_or_default();
        return Ok((json!({ "type": "placeholder", "name": name }), None));
    }
    let role = match class {
        "SystemMessagePromptTemplate" | "SystemMessage" => "system",
        "HumanMessagePromptTemplate" | "HumanMessage" => "user",
        "AIMessagePromptTemplate" | "AIMessage" => "assistant",
        other => kwargs
            .get("role")
            .and_then(Value::as_str)
            .ok_or_else(|| format!("'{other}' is no message known here"))?,
    };
    let inner = kwargs.pointer("/prompt/kwargs");
    let text = inner.and_then(|p| p.get("template")).or_else(|| kwargs.get("content"));
    let text = text.and_then(Value::as_str).ok_or_else(|| format!("'{class}' has no text"))?;
    Ok((json!({ "role": role, "content": text }), inner.and_then(|p| p.get("template_format")).cloned()))
}

fn read(source: &ImportSource, _: &ImportOptions) -> Result<Batch, ImportError> {
    let value = value(source).ok_or_else(|| source.fault("is neither JSON nor YAML"))?;
    let mut batch = Batch::default();
    let prefix = if value.get("kwargs").is_some() { "kwargs." } else { "" };
    let (map, named) = match value.get("kwargs").and_then(Value::as_object) {
        Some(kwargs) => (kwargs, None),
        None => (
            value.as_object().ok_or_else(|| source.fault("is no object"))?,
            value.get("name").and_then(Value::as_str),
        ),
    };
    for (path, to, why) in [
        ("template", "template", "the prompt"),
        ("template_format", "syntax", "of the prompt"),
        ("messages[].kwargs.prompt.kwargs.template", "template", "a message"),
        ("messages[].kwargs.prompt.kwargs.template_format", "syntax", "of the prompt"),
        ("messages[].kwargs.content", "template", "a message"),
        ("messages[].kwargs.variable_name", "template", "a placeholder"),
        ("partial_variables.**", METADATA, "values that are set already"),
        ("metadata.**", METADATA, "beside the revision"),
        ("tags[]", "tags", "of the revision"),
    ] {
        batch.ledger.say(&format!("{prefix}{path}"), to, why);
    }
    batch.ledger.account(value);
    let stem = source.stem.clone().unwrap_or_else(|| "prompt".into());
    let (name, _) = FileNames::default()
        .of(named.unwrap_or(&stem))
        .ok_or_else(|| source.fault("gives no prompt's name"))?;
    let mut formats = vec![map.get("template_format").cloned()];
    let template =
        match (map.get("template").and_then(Value::as_str), map.get("messages").and_then(Value::as_array)) {
            (Some(text), _) => Template::text(text),
            (None, Some(list)) => {
                formats.clear();
                let mut messages = Vec::new();
                for (at, entry) in list.iter().enumerate() {
                    let (made, format) =
                        message(entry).map_err(|why| source.fault(format!("message {}: {why}", at + 1)))?;
                    formats.extend(made.get("role").is_some().then_some(format));
                    messages.push(made);
                }
                Template::chat(&Value::Array(messages)).map_err(|e| source.fault(e.to_string()))?
            }
            (None, None) => return Err(source.fault("has neither a 'template' nor 'messages'")),
        };
    let syntaxes: Vec<Syntax> = formats.iter().map(|f| syntax(f.as_ref())).collect();
    let first = syntaxes.first().copied().unwrap_or(Syntax::Fstring);
    if syntaxes.iter().any(|s| *s != first) {
        return Err(source.fault("its messages are written in several syntaxes, and a prompt here has one"));
    }
    let mut row = foreign::revision(name, template, first, Map::new());
    for key in ["partial_variables", "metadata"] {
        let filled = map.get(key).filter(|v| v.as_object().is_some_and(|m| !m.is_empty()));
        row.metadata.extend(filled.map(|value| (key.to_owned(), value.clone())));
    }
    let tags = map.get("tags").and_then(Value::as_array);
    row.tags = tags.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
    batch.prompts.push(row);
    Ok(batch)
}
