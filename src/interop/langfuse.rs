//! Langfuse: prompts (one, a list, or what the SDK posts) and dataset items, as its API gives them.
//!
//! ```text
//! {"name","version","type","prompt","config","labels","tags","commitMessage"}   a revision each, by version
//! {"input","expectedOutput","metadata"} of a dataset                            cases
//! ```
//! `latest` is left out: it follows from the order here. A reference that stands unresolved in a text stays in it.

use super::ImportError;
use super::batch::{Batch, BatchRows, DROPPED, METADATA};
use super::folder::FileNames;
use super::foreign;
use super::importer::{ImportOptions, Importer};
use super::prompts::template;
use super::source::ImportSource;
use crate::core::item::Case;
use crate::core::prompt::{PromptName, Syntax};
use serde_json::{Map, Value};
use std::collections::HashMap;

/// Pages and objects of Langfuse's public API.
pub const LANGFUSE: Importer = Importer {
    name: "langfuse",
    about: "Langfuse prompts and dataset items, as its API gives them: one, a page, or one a line",
    sniff: |source| first(source).is_some_and(|map| is_prompt(&map) || is_dataset_item(&map)),
    read,
};

fn is_prompt(map: &Map<String, Value>) -> bool {
    map.contains_key("prompt")
        && map.contains_key("name")
        && ["commitMessage", "labels", "config"].iter().filter(|key| map.contains_key(**key)).count() >= 2
}

fn is_dataset_item(map: &Map<String, Value>) -> bool {
    map.contains_key("expectedOutput")
        && (map.contains_key("datasetName") || map.contains_key("sourceTraceId"))
}

/// The first object of a file: to look at before all are taken apart.
fn first(source: &ImportSource) -> Option<Map<String, Value>> {
    let row = match source.json() {
        Ok(Value::Array(all)) => all.first()?.as_object()?.clone(),
        Ok(value) => match value.get("data") {
            Some(Value::Array(all)) => all.first()?.as_object()?.clone(),
            _ => value.as_object()?.clone(),
        },
        Err(_) => source.first_row()?,
    };
    Some(row.get("body").and_then(Value::as_object).cloned().unwrap_or(row))
}

/// The objects of a file with their places: a page, a list, one alone, or one a line.
fn entries(source: &ImportSource) -> Vec<(String, Map<String, Value>)> {
    let list = |prefix: &str, list: &[Value]| -> Vec<(String, Map<String, Value>)> {
        let entry =
            |(at, value): (usize, &Value)| Some((format!("{prefix}/{at}"), value.as_object()?.clone()));
        list.iter().enumerate().filter_map(entry).collect()
    };
    match source.json() {
        Ok(Value::Array(all)) => list("", all),
        Ok(value) => match value.get("data") {
            Some(Value::Array(all)) => list("/data", all),
            _ => value.as_object().map(|map| vec![(String::from("/"), map.clone())]).unwrap_or_default(),
        },
        Err(_) => source
            .rows()
            .iter()
            .filter_map(|row| row.as_ref().ok())
            // What the SDK sends stands in the body of a request.
            .map(|r| {
                (
                    r.place.clone(),
                    r.fields.get("body").and_then(Value::as_object).unwrap_or(&r.fields).clone(),
                )
            })
            .collect(),
    }
}

fn text<'a>(map: &'a Map<String, Value>, key: &str) -> Option<&'a str> {
    map.get(key).and_then(Value::as_str)
}

fn texts(map: &Map<String, Value>, key: &str) -> Vec<String> {
    let list = map.get(key).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn read(source: &ImportSource, options: &ImportOptions) -> Result<Batch, ImportError> {
    let mut batch = Batch::default();
    for (path, to, why) in [
        ("name", "name", "of the prompt"),
        ("prompt", "template", "a revision"),
        ("prompt[].**", "template", "a revision"),
        ("version", METADATA, "beside the revision; their order is the history"),
        ("type", "template", "text or chat"),
        ("config.**", "config", "of the revision"),
        ("labels[]", "labels", "but 'latest', which is always the newest here"),
        ("tags[]", "tags", "of the revision"),
        ("commitMessage", "message", "of the revision"),
        ("createdBy", METADATA, "an id"),
        ("createdAt", "created_at", "of the revision"),
        ("input.**", "vars.*", "a variable; a text is 'input'"),
        ("expectedOutput.**", "reference", "the good answer"),
        ("metadata.*", "tags", "name=value"),
        ("datasetName", "set", "the set's name"),
        ("id", "id", "of the case; a prompt's is its name and version"),
        ("status", DROPPED, "an archived item is refused"),
    ] {
        batch.ledger.say(path, to, why);
    }
    for row in source.rows().iter().filter(|_| source.json().is_err()) {
        if let Err((place, why)) = row {
            batch.refuse(source.at(place), why.clone());
        }
    }
    let mut rows: Vec<(String, Map<String, Value>)> = entries(source);
    rows.iter().for_each(|(_, map)| batch.ledger.account(&Value::Object(map.clone())));
    // A page lists the newest first; the history begins with the oldest.
    rows.sort_by_key(|(_, map)| map.get("version").and_then(Value::as_u64).unwrap_or(u64::MAX));
    let (mut names, mut known) = (FileNames::default(), HashMap::<String, PromptName>::new());
    let mut sets: Vec<(String, Vec<Case>)> = Vec::new();
    for (place, map) in rows {
        let place = source.at(&place);
        if is_dataset_item(&map) {
            match case(&map) {
                Err(why) => batch.refuse(place, why),
                Ok(case) => {
                    let set = match (&options.set, text(&map, "datasetName")) {
                        (None, Some(name)) => name.to_owned(),
                        _ => options.set_name(source)?,
                    };
                    match sets.iter_mut().find(|(name, _)| *name == set) {
                        Some((_, cases)) => cases.push(case),
                        None => sets.push((set, vec![case])),
                    }
                }
            }
            continue;
        }
        if !is_prompt(&map) {
            batch.refuse(place, "is neither a prompt nor a dataset item of Langfuse");
            continue;
        }
        let given = text(&map, "name").unwrap_or_default();
        let name = known.get(given).cloned().or_else(|| names.of(given).map(|(name, _)| name));
        let (Some(name), template) = (name, template(map.get("prompt"))) else {
            batch.refuse(place, "gives no prompt's name");
            continue;
        };
        known.insert(given.to_owned(), name.clone());
        match template {
            Err(why) => batch.refuse(place, why),
            Ok(template) => {
                let config = map.get("config").and_then(Value::as_object).cloned().unwrap_or_default();
                if template.body.contains("@@@langfusePrompt:") {
                    batch.note(format!(
                        "{place}: a reference to another prompt stands in the text, unresolved"
                    ));
                }
                let mut row = foreign::revision(name, template, Syntax::Mustache, config);
                row.message = text(&map, "commitMessage").map(str::to_owned);
                row.created_at = text(&map, "createdAt")
                    .filter(|at| at.parse::<jiff::Timestamp>().is_ok())
                    .map(str::to_owned);
                row.tags = texts(&map, "tags");
                row.labels = foreign::labels(texts(&map, "labels"), &mut batch, &place);
                for (key, at) in [("version", "langfuse_version"), ("createdBy", "langfuse_created_by")] {
                    if let Some(value) = map.get(key).filter(|v| !v.is_null()) {
                        row.metadata.insert(at.into(), value.clone());
                    }
                }
                if given != row.name.as_str() {
                    row.metadata.insert("source_name".into(), given.into());
                }
                batch.prompts.push(row);
            }
        }
    }
    batch.sets.extend(sets.into_iter().map(|(name, cases)| (name, BatchRows::Cases(cases))));
    Ok(batch)
}

fn case(map: &Map<String, Value>) -> Result<Case, String> {
    if text(map, "status").is_some_and(|status| status != "ACTIVE") {
        return Err("is archived".into());
    }
    let vars = match map.get("input") {
        Some(Value::Object(vars)) => vars.clone(),
        None | Some(Value::Null) => return Err("gives an empty case: it has no input".into()),
        Some(other) => Map::from_iter([("input".to_owned(), other.clone())]),
    };
    Ok(Case {
        id: text(map, "id").map(str::to_owned).ok_or("has no 'id'")?,
        vars,
        reference: foreign::said(map.get("expectedOutput")),
        tags: foreign::tags_of(map.get("metadata")),
        cluster: None,
    })
}
