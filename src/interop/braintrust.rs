//! Braintrust: results of an evaluation as JSON. Trials are equal rows; a task that failed is `not_generated`.

use super::ImportError;
use super::batch::{Batch, BatchRows, DROPPED};
use super::foreign::{self, Answers, OTHER_SCALE};
use super::importer::{ImportOptions, Importer};
use super::source::ImportSource;
use crate::core::item::Subject;
use serde_json::Value;

/// Results.
pub const BRAINTRUST: Importer = Importer {
    name: "braintrust",
    about: "Braintrust evaluation results as JSON: rows as items",
    sniff: |source| {
        let list = source.json().ok().and_then(Value::as_array);
        list.and_then(|list| list.first()).is_some_and(|row| {
            ["input", "output", "scores"].iter().all(|key| row.get(*key).is_some())
                && row["scores"].is_object()
        })
    },
    read,
};

fn read(source: &ImportSource, options: &ImportOptions) -> Result<Batch, ImportError> {
    let value = source.json().map_err(|why| source.fault(format!("is not JSON: {why}")))?;
    let mut batch = Batch::default();
    for (path, to, why) in [
        ("[].input", "prompt", "what was asked"),
        ("[].input.**", "vars.*", "a variable"),
        ("[].output", "response", "the answer"),
        ("[].output.**", "response", "the answer"),
        ("[].expected", "reference", "the good answer"),
        ("[].expected.**", "reference", "the good answer"),
        ("[].metadata.id", "id", "of the case"),
        ("[].metadata.scorer_errors.**", DROPPED, "a scorer's fault"),
        ("[].metadata.*", "tags", "name=value"),
        ("[].tags[]", "tags", "of the case"),
        ("[].error", DROPPED, "a failed answer is not_generated, and the words are told"),
        ("[].scores.**", DROPPED, OTHER_SCALE),
    ] {
        batch.ledger.say(path, to, why);
    }
    batch.ledger.account(value);
    let mut answers = Answers::default();
    for (at, row) in value.as_array().into_iter().flatten().enumerate() {
        let metadata = row.get("metadata");
        let input = row.get("input").map(foreign::key_of).unwrap_or_default();
        let id = foreign::said(metadata.and_then(|m| m.get("id")))
            .unwrap_or_else(|| format!("case-{}", crate::core::digest::Digest::of(&input).short()));
        if let Some(error) = foreign::said(row.get("error")) {
            batch.note(format!(
                "{}: not generated: {}",
                source.at(&format!("/{at}")),
                error.lines().next().unwrap_or_default()
            ));
        }
        let (prompt, vars) = foreign::input_of(row.get("input"));
        let mut tags: Vec<String> = foreign::tags_of(metadata);
        tags.retain(|tag| !tag.starts_with("id="));
        tags.extend(
            row.get("tags")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .map(str::to_owned),
        );
        let subject = Subject {
            prompt,
            vars,
            reference: foreign::reference_of(row.get("expected")),
            tags,
            ..Subject::default()
        };
        answers.add(&id, "default", foreign::said(row.get("output")), subject);
    }
    batch.sets.push((options.set_name(source)?, BatchRows::Items(answers.done())));
    Ok(batch)
}
