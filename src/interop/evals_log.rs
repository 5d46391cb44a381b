//! openai/evals: the log of a run. The answer is a sample's first `sampling`; a later one is a judge's.

use super::ImportError;
use super::batch::{Batch, BatchRows, DROPPED};
use super::foreign::{self, Answers, OTHER_SCALE};
use super::importer::{ImportOptions, Importer};
use super::source::ImportSource;
use crate::core::item::Subject;
use serde_json::Value;
use std::collections::HashMap;

/// A run's log.
pub const EVALS_LOG: Importer = Importer {
    name: "openai-evals-log",
    about: "logs of openai/evals (oaieval --record_path): samples as items",
    sniff: |source| {
        source
            .first_row()
            .is_some_and(|row| row.get("spec").is_some_and(|spec| spec.get("eval_name").is_some()))
    },
    read,
};

fn read(source: &ImportSource, options: &ImportOptions) -> Result<Batch, ImportError> {
    let mut batch = Batch::default();
    for (path, to, why) in [
        ("sample_id", "id", "of the case"),
        ("data.prompt[].role", "prompt", "as it was sent"),
        ("data.prompt[].content", "prompt", "as it was sent"),
        ("data.prompt", "prompt", "as it was sent"),
        ("data.sampled[]", "response", "the first answer; a judge's calls are dropped"),
        ("data.model", "arm", "who answered"),
        ("data.expected", "reference", "the good answer"),
        ("data.expected[]", "reference", "good answers, a line each"),
        ("spec.**", DROPPED, "how the run was started"),
        ("final_report.**", DROPPED, "sums of the rows"),
        ("data.**", DROPPED, OTHER_SCALE),
    ] {
        batch.ledger.say(path, to, why);
    }
    let mut order: Vec<String> = Vec::new();
    let mut found: HashMap<String, (String, Option<String>, Subject)> = HashMap::new();
    for row in source.rows() {
        let record = match row {
            Ok(record) => record,
            Err((place, why)) => {
                batch.refuse(source.at(place), why.clone());
                continue;
            }
        };
        batch.ledger.account(&Value::Object(record.fields.clone()));
        let text = |key: &str| record.fields.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (id, kind, data) = (text("sample_id"), text("type"), record.fields.get("data"));
        match (kind.as_str(), data) {
            ("sampling", Some(data)) if !found.contains_key(&id) => {
                let (prompt, _) = foreign::input_of(data.get("prompt"));
                let sampled = data.get("sampled").map(|s| s.get(0).unwrap_or(s));
                let arm = foreign::said(data.get("model")).unwrap_or_else(|| "default".into());
                order.push(id.clone());
                found.insert(id, (arm, foreign::said(sampled), Subject { prompt, ..Subject::default() }));
            }
            ("match", Some(data)) => {
                if let Some((_, _, subject)) = found.get_mut(&id) {
                    subject.reference = foreign::reference_of(data.get("expected"));
                }
            }
            _ => {}
        }
    }
    let mut answers = Answers::default();
    for id in order {
        if let Some((arm, response, subject)) = found.remove(&id) {
            answers.add(&id, &arm, response, subject);
        }
    }
    batch.sets.push((options.set_name(source)?, BatchRows::Items(answers.done())));
    Ok(batch)
}
