//! deepeval: results of `evaluate()` and the test runs that it saves. Goldens are tables ([`super::table`]).

use super::ImportError;
use super::batch::{Batch, BatchRows, DROPPED};
use super::foreign::{self, Answers, OTHER_SCALE};
use super::importer::{ImportOptions, Importer};
use super::source::ImportSource;
use crate::core::item::Subject;
use serde_json::Value;

/// Results.
pub const DEEPEVAL: Importer = Importer {
    name: "deepeval",
    about: "deepeval results (result.json, test_run_*.json): test cases as items",
    sniff: |source| source.json().is_ok_and(|v| LISTS.iter().any(|(key, _)| first(v, key).is_some())),
    read,
};

/// The list of test cases, and how its keys are written.
const LISTS: [(&str, [&str; 4]); 2] = [
    ("test_results", ["actual_output", "expected_output", "metrics_data", "input"]),
    ("testCases", ["actualOutput", "expectedOutput", "metricsData", "input"]),
];

fn first<'a>(value: &'a Value, key: &str) -> Option<&'a Value> {
    value
        .get(key)?
        .get(0)
        .filter(|case| case.get("metrics_data").is_some() || case.get("metricsData").is_some())
}

fn read(source: &ImportSource, options: &ImportOptions) -> Result<Batch, ImportError> {
    let value = source.json().map_err(|why| source.fault(format!("is not JSON: {why}")))?;
    let mut batch = Batch::default();
    let mut answers = Answers::default();
    for (list, [actual, expected, metrics, input]) in LISTS {
        for (path, to, why) in [
            ("name", "id", "of the case"),
            (input, "prompt", "what was asked"),
            (actual, "response", "the answer"),
            (expected, "reference", "the good answer"),
            ("tags[]", "tags", "of the case"),
        ] {
            batch.ledger.say(&format!("{list}[].{path}"), to, why);
        }
        batch.ledger.say(&format!("{list}[].{metrics}[].**"), DROPPED, OTHER_SCALE);
        for (at, case) in value.get(list).and_then(Value::as_array).into_iter().flatten().enumerate() {
            let id = foreign::said(case.get("name")).unwrap_or_else(|| format!("case-{:03}", at + 1));
            let (prompt, vars) = foreign::input_of(case.get(input));
            let tags = case.get("tags").and_then(Value::as_array);
            let subject = Subject {
                prompt,
                vars,
                reference: foreign::reference_of(case.get(expected)),
                tags: tags.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect(),
                ..Subject::default()
            };
            answers.add(&id, "default", foreign::said(case.get(actual)), subject);
        }
    }
    batch.ledger.account(value);
    batch.sets.push((options.set_name(source)?, BatchRows::Items(answers.done())));
    Ok(batch)
}
