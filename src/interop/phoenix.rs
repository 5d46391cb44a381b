//! Arize Phoenix: prompt versions, dataset examples and experiments, as its REST API gives them.
//!
//! Versions come without their prompt's name: the file's name is taken.

use super::ImportError;
use super::batch::{Batch, BatchRows, DROPPED};
use super::folder::FileNames;
use super::foreign::{self, Answers, OTHER_SCALE};
use super::importer::{ImportOptions, Importer};
use super::source::ImportSource;
use crate::core::chat::ChatBody;
use crate::core::item::{Case, Subject};
use crate::core::prompt::Syntax;
use serde_json::{Map, Value};

/// What Phoenix's API gives.
pub const PHOENIX: Importer = Importer {
    name: "phoenix",
    about: "Phoenix prompt versions, dataset examples and experiments, as its API gives them",
    sniff: |source| {
        source
            .json()
            .is_ok_and(|v| !versions(v).is_empty() || examples(v).is_some() || experiment(v).is_some())
    },
    read,
};

/// Prompt versions, the newest first: a page, one, or what is posted.
fn versions(value: &Value) -> Vec<&Value> {
    let is_version =
        |v: &&Value| v.get("template_format").is_some() && v.pointer("/template/messages").is_some();
    let one = value.get("version").or_else(|| value.get("data")).unwrap_or(value);
    match one {
        Value::Array(list) => list.iter().filter(is_version).collect(),
        one => Some(one).into_iter().filter(is_version).collect(),
    }
}

fn examples(value: &Value) -> Option<&Vec<Value>> {
    value.pointer("/data/examples")?.as_array()
}

fn experiment(value: &Value) -> Option<&Vec<Value>> {
    let list = value.as_array()?;
    let first = list.first()?;
    (first.get("example_id").is_some() && first.get("repetition_number").is_some()).then_some(list)
}

fn read(source: &ImportSource, options: &ImportOptions) -> Result<Batch, ImportError> {
    let value = source.json().map_err(|why| source.fault(format!("is not JSON: {why}")))?;
    let mut batch = Batch::default();
    for prefix in ["data[].", "data.", "version.", ""] {
        for (path, to, why) in [
            ("template.messages[].role", "template", "a message"),
            ("template.messages[].content", "template", "a message"),
            ("template.messages[].**", "template", "a message"),
            ("template_format", "syntax", "of the prompt"),
            ("model_name", "config", "of the prompt"),
            ("description", "message", "of the revision"),
        ] {
            batch.ledger.say(&format!("{prefix}{path}"), to, why);
        }
    }
    for (path, to, why) in [
        ("prompt.name", "name", "of the prompt"),
        ("data.examples[].id", "id", "of the case"),
        ("data.examples[].input.**", "vars.*", "a variable"),
        ("data.examples[].output.**", "reference", "the good answer"),
        ("data.examples[].metadata.*", "tags", "name=value"),
        ("[].example_id", "id", "of the case"),
        ("[].repetition_number", "id", "a repeat is a case of its own in one cluster"),
        ("[].input.**", "vars.*", "a variable"),
        ("[].reference_output.**", "reference", "the good answer"),
        ("[].output.**", "response", "the answer"),
        ("[].output", "response", "the answer"),
        ("[].error", DROPPED, "a failed answer is not_generated, and the words are told"),
        ("[].annotations[].**", DROPPED, OTHER_SCALE),
    ] {
        batch.ledger.say(path, to, why);
    }
    batch.ledger.account(value);
    let stem = source.stem.clone().unwrap_or_else(|| "prompt".into());
    let given = value.pointer("/prompt/name").and_then(Value::as_str).unwrap_or(&stem);
    let name = FileNames::default()
        .of(given)
        .map(|(name, _)| name)
        .ok_or_else(|| source.fault("gives no prompt's name"))?;
    for version in versions(value).into_iter().rev() {
        let messages = version.pointer("/template/messages").cloned().unwrap_or(Value::Null);
        let body = match ChatBody::read(&messages) {
            Ok(body) => body,
            Err(error) => {
                batch.refuse(source.at("/template"), error.to_string());
                continue;
            }
        };
        let syntax = match version.get("template_format").and_then(Value::as_str) {
            Some("F_STRING") => Syntax::Fstring,
            Some("NONE") => Syntax::Literal,
            _ => Syntax::Mustache,
        };
        let mut config = Map::new();
        config.extend(version.get("model_name").map(|model| ("model".to_owned(), model.clone())));
        let mut row = foreign::revision(name.clone(), body.template, syntax, config);
        row.message =
            version.get("description").and_then(Value::as_str).filter(|d| !d.is_empty()).map(str::to_owned);
        batch.prompts.push(row);
    }
    if let Some(list) = examples(value) {
        let mut cases = Vec::new();
        for (at, example) in list.iter().enumerate() {
            let place = source.at(&format!("/data/examples/{at}"));
            match (foreign::said(example.get("id")), example.get("input").and_then(Value::as_object)) {
                (Some(id), Some(vars)) if !vars.is_empty() => cases.push(Case {
                    id,
                    vars: vars.clone(),
                    reference: reference(example.get("output")),
                    tags: foreign::tags_of(example.get("metadata")),
                    cluster: None,
                }),
                _ => batch.refuse(place, "gives an empty case: it has no id or no input"),
            }
        }
        batch.sets.push((options.set_name(source)?, BatchRows::Cases(cases)));
    }
    if let Some(list) = experiment(value) {
        let mut answers = Answers::default();
        for (at, row) in list.iter().enumerate() {
            let place = source.at(&format!("/{at}"));
            let Some(id) = foreign::said(row.get("example_id")) else {
                batch.refuse(place, "has no 'example_id'");
                continue;
            };
            if let Some(error) = foreign::said(row.get("error")) {
                batch.note(format!("{place}: not generated: {}", error.lines().next().unwrap_or_default()));
            }
            let (prompt, vars) = foreign::input_of(row.get("input"));
            let subject = Subject {
                prompt,
                vars,
                reference: reference(row.get("reference_output")),
                ..Subject::default()
            };
            answers.add(&id, &stem, foreign::said(row.get("output")), subject);
        }
        batch.sets.push((options.set_name(source)?, BatchRows::Items(answers.done())));
    }
    Ok(batch)
}

/// An output of one field is that field's value.
fn reference(value: Option<&Value>) -> Option<String> {
    match value.and_then(Value::as_object) {
        Some(map) if map.len() == 1 => foreign::reference_of(map.values().next()),
        _ => foreign::reference_of(value),
    }
}
