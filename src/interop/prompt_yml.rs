//! GitHub Models: `NAME.prompt.yml`, with messages, settings and test data.
//!
//! `{{x}}` without blanks is a variable there, and `{{ x }}` is text; here both are variables, and that is told.

use super::ImportError;
use super::batch::{Batch, BatchRows, DROPPED, METADATA};
use super::folder::FileNames;
use super::importer::{ImportOptions, Importer};
use super::source::{ImportSource, SourceRecord};
use super::{foreign, table};
use crate::core::chat::ChatBody;
use crate::core::prompt::Syntax;
use serde_json::{Map, Value};

/// `.prompt.yml`.
pub const PROMPT_YML: Importer = Importer {
    name: "github-models",
    about: "GitHub Models' NAME.prompt.yml: a prompt, and its test data as cases",
    sniff: |source| {
        let named = source.file_name.ends_with(".prompt.yml") || source.file_name.ends_with(".prompt.yaml");
        let map = if named || matches!(source.ending().as_str(), "yml" | "yaml") {
            source.yaml().ok()
        } else {
            None
        };
        let has = |key: &str| map.is_some_and(|m| m.get(key).is_some());
        has("messages") && (named || has("modelParameters") || has("testData"))
    },
    read,
};

fn read(source: &ImportSource, options: &ImportOptions) -> Result<Batch, ImportError> {
    let value = source.yaml().map_err(|why| source.fault(format!("is not YAML: {why}")))?;
    let map = value.as_object().ok_or_else(|| source.fault("is no object"))?;
    let mut batch = Batch::default();
    for (path, to, why) in [
        ("name", "name", "of the prompt"),
        ("description", METADATA, "beside the revision"),
        ("model", "config", "of the prompt"),
        ("modelParameters.**", "config", "of the prompt"),
        ("responseFormat", "config", "of the prompt"),
        ("jsonSchema.**", "config", "of the prompt"),
        ("messages[].**", "template", "the prompt"),
        ("testData[].expected", "reference", "the good answer"),
        ("testData[].**", "vars.*", "a variable"),
        ("evaluators[].**", DROPPED, "graders on scales of their own; scores here are 1 to 5"),
    ] {
        batch.ledger.say(path, to, why);
    }
    batch.ledger.account(value);
    let stem = source.stem.clone().unwrap_or_else(|| "prompt".into());
    let stem = stem.trim_end_matches(".prompt").to_owned();
    let text = |key: &str| map.get(key).and_then(Value::as_str);
    let name = FileNames::default().of(text("name").unwrap_or(&stem)).map(|(name, _)| name);
    let name = name.ok_or_else(|| source.fault("gives no prompt's name"))?;
    let body = ChatBody::read(map.get("messages").unwrap_or(&Value::Null))
        .map_err(|e| source.fault(e.to_string()))?;
    if body.template.messages().iter().any(|m| m.content.contains("{{ ")) {
        batch.note("'{{ x }}' with blanks is text to GitHub Models, and a variable here");
    }
    let mut config = map.get("modelParameters").and_then(Value::as_object).cloned().unwrap_or_default();
    for key in ["model", "responseFormat", "jsonSchema"] {
        if let Some(value) = map.get(key).filter(|v| !v.is_null()) {
            config.insert(key.into(), value.clone());
        }
    }
    let mut row = foreign::revision(name.clone(), body.template, Syntax::Mustache, config);
    if let Some(words) = map.get("description").filter(|v| !v.is_null()) {
        row.metadata.insert("description".into(), words.clone());
    }
    batch.prompts.push(row);
    let tests: Vec<_> =
        map.get("testData").and_then(Value::as_array).into_iter().flatten().enumerate().collect();
    let records: Vec<_> = tests
        .into_iter()
        .map(|(at, test)| {
            let place = format!("/testData/{at}");
            match test.as_object() {
                Some(fields) => Ok(SourceRecord { place, fields: fields.clone(), notes: Vec::new() }),
                None => Err((place, "is no object".to_owned())),
            }
        })
        .collect();
    if !records.is_empty() {
        let mut inner = Batch::default();
        let rows = table::convert(source, &records, options, &mut inner)?;
        batch.refused.extend(inner.refused);
        inner.notes.into_iter().for_each(|note| batch.note(note));
        if let BatchRows::Cases(_) = &rows {
            batch.sets.push((options.set.clone().unwrap_or_else(|| name.to_string()), rows));
        }
    }
    Ok(batch)
}

/// Front matter's settings for a model, whatever their nesting: all below `keys`, flat.
pub fn settings(map: &Map<String, Value>, keys: &[&str]) -> Map<String, Value> {
    let mut out = Map::new();
    for key in keys {
        if let Some(Value::Object(more)) = map.get(*key) {
            out.extend(more.iter().filter(|(_, v)| !v.is_null()).map(|(k, v)| (k.clone(), v.clone())));
        }
    }
    out
}
