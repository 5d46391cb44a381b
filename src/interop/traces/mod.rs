//! Traces of production: each call of a model that a trace holds becomes an item, with the messages as its prompt.
//!
//! ```text
//! OTLP/JSON (collectors, SDKs), MLflow, Phoenix -> otlp (spans, log records) -> calls (which spans are calls; dialects) -> items
//! ```
//! What was not captured, was cut or was dropped by a limit is refused by its place and never made an item. Parents that repeat
//! their children's messages are no calls. A call that failed is `not_generated`.

mod calls;
mod otlp;

pub use calls::Call;

use super::ImportError;
use super::batch::{Batch, BatchRows, DROPPED};
use super::foreign::{self, Answers};
use super::importer::{ImportOptions, Importer};
use super::source::ImportSource;
use crate::core::item::Subject;
use serde_json::Value;
use std::collections::HashMap;

/// Traces.
pub const TRACES: Importer = Importer {
    name: "traces",
    about: "traces as OTLP/JSON, of MLflow or Phoenix: each call of a model as an item",
    sniff: |source| {
        let is_trace = |v: &Value| {
            ["resourceSpans", "resource_spans", "resourceLogs", "resource_logs"]
                .iter()
                .any(|key| v.get(*key).is_some())
                || v.get("spans").or_else(|| v.pointer("/data/spans")).is_some_and(Value::is_array)
                || (v.get("attributes").is_some()
                    && (v.get("span_id").is_some() || v.get("context").is_some()))
        };
        match source.json() {
            Ok(Value::Array(list)) => list.first().is_some_and(is_trace),
            Ok(value) => is_trace(value),
            Err(_) => source.first_row().is_some_and(|row| is_trace(&Value::Object(row))),
        }
    },
    read: |source, options| read(&[source], options),
};

/// All calls of these sources together: log records may lie in other files than their spans. With the place of each.
pub fn calls(sources: &[&ImportSource]) -> (Vec<(String, String, Call)>, Vec<(String, String)>) {
    let (mut read, mut refused) = (otlp::TraceDocument::default(), Vec::new());
    for source in sources {
        match source.json() {
            Ok(value) => otlp::read(value, &source.shown, &mut read),
            Err(_) => {
                for row in source.rows() {
                    match row {
                        Ok(record) => otlp::read(
                            &Value::Object(record.fields.clone()),
                            &source.at(&record.place),
                            &mut read,
                        ),
                        Err((place, why)) => refused.push((source.at(place), why.clone())),
                    }
                }
            }
        }
    }
    let mut logs: HashMap<(&str, &str), Vec<&otlp::TraceSpan>> = HashMap::new();
    for log in &read.logs {
        logs.entry((&log.trace, &log.id)).or_default().push(log);
    }
    let mut spans: Vec<&otlp::TraceSpan> = read.spans.iter().collect();
    spans.sort_by_key(|span| span.start);
    let mut out = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for span in spans {
        // A span that is exported twice is one call.
        if !span.id.is_empty() && !seen.insert((span.trace.as_str(), span.id.as_str())) {
            continue;
        }
        let beside =
            logs.get(&(span.trace.as_str(), span.id.as_str())).map(Vec::as_slice).unwrap_or_default();
        if let Some(call) = calls::read(span, beside) {
            out.push((format!("{} span {}", span.place, span.id), span.id.clone(), call));
        }
    }
    (out, refused)
}

/// Reads traces that may lie in several files.
///
/// # Errors
/// When the set has no name.
pub fn read(sources: &[&ImportSource], options: &ImportOptions) -> Result<Batch, ImportError> {
    let Some(first) = sources.first() else { return Ok(Batch::default()) };
    let mut batch = Batch::default();
    batch.ledger.say("span", "id", "the case's name is the span's id");
    let (calls, refused) = calls(sources);
    refused.into_iter().for_each(|(place, why)| batch.refuse(place, why));
    for (field, to, why) in [
        ("messages", "prompt", "in whichever attributes, events or log records they stand"),
        ("answer", "response", "the first; of an answer that calls tools, the calls"),
        ("model", "arm", "the one that answered, else the one that was asked for"),
        ("prompt link", "tags", "prompt=NAME@VERSION"),
        ("usage, times, session", DROPPED, "have no place beside an item"),
    ] {
        batch.ledger.say_name(field, to, why);
        batch.ledger.account(&Value::Object(serde_json::Map::from_iter([(field.to_owned(), Value::Null)])));
    }
    let mut answers = Answers::default();
    for (place, id, call) in calls {
        if let Some(why) = call.missing {
            batch.refuse(place, why);
            continue;
        }
        if let Some(error) = &call.error {
            batch.note(format!("{place}: not generated: {}", error.lines().next().unwrap_or_default()));
        }
        if call.more > 0 {
            batch.note(format!("{place}: {} more answers to the same question are left out", call.more));
        }
        let arm = call.returned.clone().or(call.requested.clone()).unwrap_or_else(|| "default".into());
        let prompt = foreign::messages_text(&Value::Array(call.messages.clone())).unwrap_or_default();
        let tags = call.prompt.iter().map(|(name, version)| format!("prompt={name}@{version}")).collect();
        let subject = Subject { prompt, tags, ..Subject::default() };
        answers.add(&id, &arm, call.answer, subject);
    }
    batch.sets.push((options.set_name(first)?, BatchRows::Items(answers.done())));
    Ok(batch)
}
