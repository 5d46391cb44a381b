//! Inspect (UK AISI): evaluation logs as JSON, version 2.
//!
//! A sample is a case, its epochs are repeats; a sample with an error is `not_generated`. `.eval` is a packed log: `inspect log
//! convert --to json` unpacks it.

use super::ImportError;
use super::batch::{Batch, BatchRows, DROPPED};
use super::foreign::{self, Answers, OTHER_SCALE};
use super::importer::{ImportOptions, Importer};
use super::source::ImportSource;
use crate::core::item::Subject;
use serde_json::{Map, Value};

/// A log as JSON.
pub const INSPECT: Importer = Importer {
    name: "inspect",
    about: "Inspect logs as JSON: samples as items, epochs as repeats",
    sniff: |source| {
        source.ending() == "eval" || {
            let value = source.json().ok();
            value.is_some_and(|v| {
                v.get("eval").is_some_and(|e| e.get("task").is_some()) && v.get("version").is_some()
            })
        }
    },
    read,
};

fn read(source: &ImportSource, options: &ImportOptions) -> Result<Batch, ImportError> {
    if source.bytes().starts_with(b"PK") {
        return Err(
            source.fault("is a packed log: `inspect log convert --to json --output-dir DIR FILE` unpacks it")
        );
    }
    let value = source.json().map_err(|why| source.fault(format!("is not JSON: {why}")))?;
    let mut batch = Batch::default();
    for (path, to, why) in [
        ("eval.model", "arm", "who answered"),
        ("samples[].id", "id", "of the case"),
        ("samples[].epoch", "id", "a repeat is a case of its own in one cluster"),
        ("samples[].input", "prompt", "as it was sent"),
        ("samples[].input[].role", "prompt", "as it was sent"),
        ("samples[].input[].content", "prompt", "as it was sent"),
        ("samples[].target", "reference", "the good answer"),
        ("samples[].target[]", "reference", "good answers, a line each"),
        ("samples[].output.completion", "response", "the answer"),
        (
            "samples[].output.choices[].message.content",
            "response",
            "the first answer, where there is no completion",
        ),
        ("samples[].metadata.*", "tags", "name=value"),
        ("samples[].error.**", DROPPED, "a failed answer is not_generated, and the words are told"),
        ("samples[].scores.**", DROPPED, OTHER_SCALE),
        ("reductions[].**", DROPPED, OTHER_SCALE),
        ("results.**", DROPPED, OTHER_SCALE),
        ("samples[].events[].**", DROPPED, "the transcript of the run"),
        ("samples[].messages[].**", DROPPED, "the transcript of the run"),
        ("eval.model_roles.**", DROPPED, "may hold addresses and keys"),
        ("eval.model_args.**", DROPPED, "may hold addresses and keys"),
    ] {
        batch.ledger.say(path, to, why);
    }
    batch.ledger.account(value);
    let arm = value.pointer("/eval/model").and_then(Value::as_str).unwrap_or("default");
    let mut answers = Answers::default();
    let mut samples: Vec<(usize, &Value)> =
        value.get("samples").and_then(Value::as_array).into_iter().flatten().enumerate().collect();
    // They stand there as they were done.
    samples.sort_by_key(|(at, sample)| (sample.get("epoch").and_then(Value::as_u64).unwrap_or(0), *at));
    for (at, sample) in samples {
        let place = source.at(&format!("/samples/{at}"));
        let Some(id) = foreign::said(sample.get("id")) else {
            batch.refuse(place, "has no 'id'");
            continue;
        };
        let (prompt, vars) = foreign::input_of(sample.get("input"));
        let error = sample.get("error").filter(|e| !e.is_null());
        if let Some(error) = error {
            let words = error.get("message").and_then(Value::as_str).unwrap_or("an error");
            batch.note(format!("{place}: not generated: {}", words.lines().next().unwrap_or_default()));
        }
        let said = foreign::said(sample.pointer("/output/completion"))
            .or_else(|| foreign::said(sample.pointer("/output/choices/0/message/content")));
        let subject = Subject {
            prompt,
            vars: Map::from_iter(vars),
            reference: foreign::reference_of(sample.get("target")),
            tags: foreign::tags_of(sample.get("metadata")),
            ..Subject::default()
        };
        answers.add(&id, arm, said.filter(|_| error.is_none()), subject);
    }
    batch.sets.push((options.set_name(source)?, BatchRows::Items(answers.done())));
    Ok(batch)
}
