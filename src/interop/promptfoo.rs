//! promptfoo: results (JSON, JSONL; 0.118 to 0.123) and configurations (YAML, JSON).
//!
//! ```text
//! results: prompts[].raw -> prompts      rows -> items: a case for each (description, vars, assertions), an arm for each prompt and
//!          provider, repeats as cases of one cluster; a row without an answer is `not_generated`
//! config:  prompts -> prompts            tests -> cases (list values are expanded)      llm-rubric, g-eval, factuality -> criteria
//! ```
//! Nothing of `config` is stored (it holds keys), no file that a value names is read, no assertion is run. Scores from 0 to 1 and
//! passes are told, not stored: a score here is 1 to 5.

use super::ImportError;
use super::batch::{Batch, BatchRows, DROPPED, METADATA};
use super::folder::FileNames;
use super::foreign::{self, key_of, said, tags_of, template_of};
use super::importer::{ImportOptions, Importer};
use super::source::ImportSource;
use crate::core::item::{Case, Item, Subject};
use crate::core::prompt::Syntax;
use crate::core::rubric::Criterion;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Results of `promptfoo eval -o`, and what `promptfoo export eval` writes.
pub const RESULTS: Importer = Importer {
    name: "promptfoo-results",
    about: "promptfoo results, .json or .jsonl: prompts, and responses as items",
    sniff: |source| rows_of(source).is_some(),
    read: read_results,
};

/// promptfooconfig.yaml.
pub const CONFIG: Importer = Importer {
    name: "promptfoo-config",
    about: "a promptfoo configuration, YAML or JSON: prompts, tests as cases, model-graded assertions as criteria",
    sniff: |source| {
        let config = config_of(source);
        config.is_some_and(|map| {
            map.contains_key("prompts") && CONFIG_KEYS.iter().any(|key| map.contains_key(*key))
        })
    },
    read: read_config,
};

const CONFIG_KEYS: [&str; 5] = ["providers", "targets", "tests", "defaultTest", "scenarios"];

/// Why scores do not come in.
const OTHER_SCALE: &str = "a pass, or a score from 0 to 1; scores here are 1 to 5";

struct ResultRow<'a> {
    place: String,
    map: &'a Map<String, Value>,
    number: usize,
}

impl ResultRow<'_> {
    fn number(&self, key: &str) -> u64 {
        self.map.get(key).and_then(Value::as_u64).unwrap_or(u64::MAX)
    }

    fn at(&self, path: &[&str]) -> Option<&Value> {
        let (first, rest) = path.split_first()?;
        rest.iter().try_fold(self.map.get(*first)?, |value, key| value.get(*key)).filter(|v| !v.is_null())
    }

    fn text(&self, path: &[&str]) -> &str {
        self.at(path).and_then(Value::as_str).unwrap_or_default()
    }
}

/// The result rows, and the list of prompts where there is one.
fn rows_of(source: &ImportSource) -> Option<(Vec<ResultRow<'_>>, Vec<&Value>)> {
    let is_row = |map: &Map<String, Value>| {
        map.contains_key("promptIdx") && map.contains_key("testIdx") && map.contains_key("vars")
    };
    if let Ok(value) = source.json() {
        let results = value.get("results")?;
        let list = results.get("results")?.as_array()?;
        let rows = list
            .iter()
            .enumerate()
            .filter_map(|(number, value)| {
                Some(ResultRow {
                    place: format!("/results/results/{number}"),
                    map: value.as_object()?,
                    number,
                })
            })
            .collect();
        let prompts =
            results.get("prompts").and_then(Value::as_array).map(|p| p.iter().collect()).unwrap_or_default();
        return Some((rows, prompts));
    }
    if !source.first_row().is_some_and(|map| is_row(&map)) {
        return None;
    }
    let rows = source.rows().iter().enumerate().filter_map(|(number, row)| {
        let record = row.as_ref().ok()?;
        Some(ResultRow { place: record.place.clone(), map: &record.fields, number })
    });
    Some((rows.collect(), Vec::new()))
}

fn read_results(source: &ImportSource, options: &ImportOptions) -> Result<Batch, ImportError> {
    let (mut rows, prompts) = rows_of(source).ok_or_else(|| source.fault("holds no promptfoo results"))?;
    let mut batch = Batch::default();
    let set = options.set_name(source)?;
    tell_results(&mut batch, source.json().is_ok());
    for row in source.rows().iter().filter(|_| source.json().is_err()) {
        if let Err((place, why)) = row {
            batch.refuse(source.at(place), why.clone());
        }
    }
    let mut names = FileNames::default();
    let mut seen = HashSet::new();
    for (number, prompt) in prompts.iter().enumerate() {
        let text = |key: &str| prompt.get(key).and_then(Value::as_str).unwrap_or_default();
        let Some(raw) = prompt.get("raw").and_then(Value::as_str) else { continue };
        // Once for each text, though it stands there once for each provider.
        if !seen.insert((raw, text("label"))) {
            continue;
        }
        let place = source.at(&format!("/results/prompts/{number}"));
        match foreign::prompt_name(&mut names, &set, text("label"), seen.len()) {
            None => batch.refuse(place, "gives no prompt's name"),
            Some(name) => {
                let mut row = foreign::revision(name, template_of(raw), Syntax::Jinja, Map::new());
                row.metadata.insert("promptfoo_label".into(), text("label").into());
                batch.prompts.push(row);
            }
        }
    }
    match source.json() {
        Ok(value) => batch.ledger.account(value),
        Err(_) => rows.iter().for_each(|row| batch.ledger.account(&Value::Object(row.map.clone()))),
    }
    // They come in the order in which they were done.
    rows.sort_by_key(|row| (row.number("testIdx"), row.number("promptIdx"), row.number));
    let items = items(source, &rows, &mut batch);
    batch.sets.push((set, BatchRows::Items(items)));
    Ok(batch)
}

/// What each field becomes; in JSONL a row stands alone.
fn tell_results(batch: &mut Batch, whole: bool) {
    let ledger = &mut batch.ledger;
    let row = |path: &str| if whole { format!("results.results[].{path}") } else { path.to_owned() };
    for (path, to, why) in [
        ("prompt.raw", "prompt", "as it was sent"),
        ("prompt.label", "arm", "with the provider"),
        ("provider.id", "arm", "where the provider has no label"),
        ("provider.label", "arm", "with the prompt's label"),
        ("vars.*", "vars.*", "a variable"),
        ("vars.**", "vars.*", "a variable"),
        ("testCase.vars.**", "vars.*", "the row's own variables say the same, list values expanded"),
        ("testCase.description", "id", "of the case, where it names one case only"),
        ("testCase.metadata.*", "tags", "name=value"),
        ("metadata.**", DROPPED, "the test's metadata come from the test; the rest is promptfoo's own"),
        ("response.output", "response", "the answer"),
        ("error", DROPPED, "a failed answer is not_generated; of others it repeats the grader's reason"),
        ("failureReason", "response", "2: nothing was generated"),
        ("testIdx", "id", "which test, and which repeat of it"),
        ("promptIdx", "arm", "which prompt and provider"),
        ("gradingResult.**", DROPPED, OTHER_SCALE),
        ("score", DROPPED, OTHER_SCALE),
        ("success", DROPPED, OTHER_SCALE),
        ("namedScores.**", DROPPED, OTHER_SCALE),
        (
            "testCase.assert[].**",
            DROPPED,
            "assertions come in from the configuration, where they are criteria",
        ),
        ("testCase.options.**", DROPPED, "may hold addresses and keys"),
        ("prompt.config.**", DROPPED, "may hold addresses and keys"),
        ("response.metadata.**", DROPPED, "holds headers"),
        ("tokenUsage.**", DROPPED, "tokens of answers from elsewhere have no place"),
        ("response.tokenUsage.**", DROPPED, "tokens of answers from elsewhere have no place"),
        ("latencyMs", DROPPED, "times of answers from elsewhere have no place"),
        ("cost", DROPPED, "costs of answers from elsewhere have no place"),
    ] {
        ledger.say(&row(path), to, why);
    }
    if whole {
        ledger.say("results.prompts[].raw", "template", "a prompt");
        ledger.say("results.prompts[].label", METADATA, "and the prompt's name, where it reads like one");
        ledger.say("results.prompts[].provider", "arm", "with the prompt's label");
        ledger.say("results.prompts[].id", DROPPED, "a digest of the label");
        ledger.say("results.prompts[].metrics.**", DROPPED, "sums of the rows");
        ledger.say("results.stats.**", DROPPED, "sums of the rows");
        ledger.say("config.**", DROPPED, "may hold addresses and keys; import the configuration itself");
    }
}

fn items(source: &ImportSource, rows: &[ResultRow<'_>], batch: &mut Batch) -> Vec<Item> {
    // A case is what its test says; nothing marks repeats of it.
    let key = |row: &ResultRow<'_>| {
        let test = |key: &str| row.at(&["testCase", key]).cloned().unwrap_or(Value::Null);
        let vars = row.at(&["vars"]).cloned().unwrap_or(Value::Null);
        key_of(&Value::Array(vec![test("description"), vars, test("assert")]))
    };
    let mut order: Vec<String> = Vec::new();
    let mut described: HashMap<String, HashSet<String>> = HashMap::new();
    for row in rows {
        let key = key(row);
        described
            .entry(row.text(&["testCase", "description"]).trim().to_owned())
            .or_default()
            .insert(key.clone());
        if !order.contains(&key) {
            order.push(key);
        }
    }
    let arms = arms(rows);
    let mut repeats: HashMap<(String, u64), u32> = HashMap::new();
    let mut out = Vec::new();
    for row in rows {
        let key = key(row);
        let prompt_index = row.number("promptIdx");
        let description = row.text(&["testCase", "description"]).trim().to_owned();
        let number = order.iter().position(|k| *k == key).unwrap_or_default() + 1;
        let alone = described.get(&description).is_some_and(|keys| keys.len() == 1);
        let case = if alone && !description.is_empty() { description } else { format!("case-{number:03}") };
        let count = repeats.entry((key, prompt_index)).or_insert(0);
        *count += 1;
        let id = if *count == 1 { case.clone() } else { format!("{case}#{count}") };
        let output = said(row.at(&["response", "output"]));
        let failed = row.number("failureReason") == 2 || output.is_none();
        if failed {
            let why = row.text(&["error"]);
            let why = if why.is_empty() { "the provider gave no output" } else { why };
            batch.note(format!(
                "{}: not generated: {}",
                source.at(&row.place),
                why.lines().next().unwrap_or_default()
            ));
        }
        let vars = row.at(&["vars"]).and_then(Value::as_object).cloned().unwrap_or_default();
        let subject = Subject {
            prompt: row.text(&["prompt", "raw"]).to_owned(),
            vars: vars.into_iter().filter(|(name, _)| !name.starts_with('_')).collect(),
            tags: tags_of(row.at(&["testCase", "metadata"])),
            cluster: Some(case),
            ..Subject::default()
        };
        let arm = arms.get(&prompt_index).cloned().unwrap_or_else(|| "default".into());
        let response = if failed { String::new() } else { output.unwrap_or_default() };
        out.push(Item { id, arm, response, subject, verdicts: Vec::new() });
    }
    // A cluster of one says nothing.
    let repeated: HashSet<&String> =
        repeats.iter().filter(|(_, n)| **n > 1).map(|((key, _), _)| key).collect();
    if repeated.is_empty() {
        out.iter_mut().for_each(|item| item.subject.cluster = None);
    }
    out
}

/// An arm for each prompt and provider: `LABEL [PROVIDER]`, each name once.
fn arms(rows: &[ResultRow<'_>]) -> BTreeMap<u64, String> {
    let mut arms: BTreeMap<u64, String> = BTreeMap::new();
    let mut labels: Vec<String> = Vec::new();
    for row in rows {
        let index = row.number("promptIdx");
        if arms.contains_key(&index) {
            continue;
        }
        let provider = [row.text(&["provider", "label"]), row.text(&["provider", "id"])]
            .into_iter()
            .find(|p| !p.is_empty());
        let label = row.text(&["prompt", "label"]).trim().to_owned();
        if !labels.contains(&label) {
            labels.push(label.clone());
        }
        let short = label.chars().count() <= 60 && !label.contains('\n') && !label.is_empty();
        let at = labels.iter().position(|l| *l == label).unwrap_or_default() + 1;
        let label = if short { label } else { format!("prompt-{at}") };
        let base = match provider {
            Some(provider) => format!("{label} [{provider}]"),
            None => label,
        };
        let taken = |name: &String| arms.values().any(|known| known == name);
        let name = if taken(&base) {
            (2..).map(|n| format!("{base} #{n}")).find(|name| !taken(name)).unwrap_or(base)
        } else {
            base
        };
        arms.insert(index, name);
    }
    arms
}

fn config_of(source: &ImportSource) -> Option<&Map<String, Value>> {
    let value = match source.ending().as_str() {
        "yaml" | "yml" => source.yaml().ok(),
        _ => source.json().ok(),
    };
    value?.as_object()
}

/// Assertions that a judge answers.
const GRADED: [&str; 6] = [
    "llm-rubric",
    "g-eval",
    "factuality",
    "model-graded-closedqa",
    "model-graded-factuality",
    "agent-rubric",
];

fn read_config(source: &ImportSource, options: &ImportOptions) -> Result<Batch, ImportError> {
    let config = config_of(source).ok_or_else(|| source.fault("holds no promptfoo configuration"))?;
    let set = match (&options.set, config.get("description").and_then(Value::as_str)) {
        (None, Some(words)) if words.chars().count() <= 40 && !words.trim().is_empty() => {
            words.trim().to_owned()
        }
        _ => options.set_name(source)?,
    };
    let mut batch = Batch::default();
    tell_config(&mut batch);
    prompts(source, config, &set, &mut batch);
    let mut graded: Vec<Criterion> = Vec::new();
    let none = Map::new();
    let default = config.get("defaultTest").and_then(Value::as_object).unwrap_or(&none);
    criteria(default, &mut graded);
    let mut cases = Vec::new();
    match config.get("tests") {
        Some(Value::Array(tests)) => {
            for (number, test) in tests.iter().enumerate() {
                let place = source.at(&format!("/tests/{number}"));
                match test {
                    Value::Object(test) => {
                        criteria(test, &mut graded);
                        add_cases(&place, number, (default, test), &mut cases, &mut batch);
                    }
                    Value::String(path) => batch
                        .refuse(place, format!("names '{path}', and no file is read: import it by itself")),
                    _ => batch.refuse(place, "is no test"),
                }
            }
        }
        Some(Value::String(path)) => {
            batch.refuse(
                source.at("/tests"),
                format!("names '{path}', and no file is read: import it by itself"),
            );
        }
        _ => {}
    }
    if config.get("scenarios").is_some_and(|s| s.as_array().is_some_and(|s| !s.is_empty())) {
        batch.refuse(source.at("/scenarios"), "scenarios are not expanded: write their tests out");
    }
    batch.ledger.account(&Value::Object(config.clone()));
    batch.rubrics.extend(foreign::rubric(&set, "Questions of promptfoo's model-graded assertions", graded));
    batch.sets.push((set, BatchRows::Cases(cases)));
    Ok(batch)
}

fn tell_config(batch: &mut Batch) {
    let ledger = &mut batch.ledger;
    for (path, to, why) in [
        ("description", "set", "the set's name, where it is short"),
        ("prompts[]", "template", "a prompt; one that names a file is refused"),
        ("prompts[].raw", "template", "a prompt"),
        ("prompts[].label", METADATA, "and the prompt's name, where it reads like one"),
        ("prompts.*", METADATA, "a label"),
        ("prompts", "template", "a prompt"),
        ("tests[].vars.**", "vars.*", "a variable; list values are expanded"),
        ("defaultTest.vars.**", "vars.*", "a variable of every test"),
        ("tests[].description", "id", "of the case, where it names one case only"),
        ("tests[].metadata.*", "tags", "name=value"),
        ("providers.**", DROPPED, "may hold addresses and keys"),
        ("targets.**", DROPPED, "may hold addresses and keys"),
        ("env.**", DROPPED, "may hold keys"),
        ("defaultTest.options.**", DROPPED, "may hold addresses and keys"),
        ("tests[].options.**", DROPPED, "may hold addresses and keys"),
    ] {
        ledger.say(path, to, why);
    }
    for test in ["defaultTest", "tests[]"] {
        for inner in ["", ".assert[]"] {
            let at = format!("{test}.assert[]{inner}");
            ledger.say(
                &format!("{at}.type"),
                "criteria",
                "model-graded ones become criteria; all others are dropped, never run",
            );
            ledger.say(
                &format!("{at}.value"),
                "criteria",
                "the question of a model-graded one; all others are dropped, never run",
            );
            ledger.say(&format!("{at}.metric"), "criteria", "the criterion's name");
            ledger.say(&format!("{at}.provider.**"), DROPPED, "may hold addresses and keys");
        }
        ledger.say(
            &format!("{test}.assert[].**"),
            DROPPED,
            "weights, thresholds and settings of assertions have no counterpart",
        );
    }
}

fn names_a_file(text: &str) -> bool {
    let path = text.starts_with("file://") || text.starts_with("exec:") || text.starts_with("huggingface://");
    let ends =
        [".txt", ".json", ".jsonl", ".md", ".yaml", ".yml", ".py", ".js", ".ts", ".mjs", ".csv", ".j2"];
    path || (!text.contains(char::is_whitespace)
        && !text.contains('{')
        && ends.iter().any(|end| text.ends_with(end)))
}

fn prompts(source: &ImportSource, config: &Map<String, Value>, set: &str, batch: &mut Batch) {
    let single;
    let list: &[Value] = match config.get("prompts") {
        Some(Value::Array(list)) => list,
        Some(text @ Value::String(_)) => {
            single = [text.clone()];
            &single
        }
        Some(Value::Object(map)) => {
            for path in map.keys() {
                batch.refuse(
                    source.at("/prompts"),
                    format!("names '{path}', and no file is read: import it by itself"),
                );
            }
            return;
        }
        _ => return,
    };
    let mut names = FileNames::default();
    for (number, prompt) in list.iter().enumerate() {
        let place = source.at(&format!("/prompts/{number}"));
        let label = prompt.get("label").and_then(Value::as_str).unwrap_or_default();
        let raw = match prompt {
            Value::String(text) => text.as_str(),
            Value::Object(map) => match map.get("raw").or_else(|| map.get("id")) {
                Some(Value::String(text)) => text.as_str(),
                _ => {
                    batch.refuse(place, "has no text 'raw'");
                    continue;
                }
            },
            _ => {
                batch.refuse(place, "is no prompt");
                continue;
            }
        };
        if names_a_file(raw) {
            batch.refuse(place, format!("names '{raw}', and no file is read: import it by itself"));
            continue;
        }
        match foreign::prompt_name(&mut names, set, label, number + 1) {
            None => batch.refuse(place, "gives no prompt's name"),
            Some(name) => {
                let mut row = foreign::revision(name, template_of(raw), Syntax::Jinja, Map::new());
                if !label.is_empty() {
                    row.metadata.insert("promptfoo_label".into(), label.into());
                }
                batch.prompts.push(row);
            }
        }
    }
}

/// The model-graded assertions of a test, those of sets too; each question once.
fn criteria(test: &Map<String, Value>, out: &mut Vec<Criterion>) {
    for assertion in test.get("assert").and_then(Value::as_array).into_iter().flatten() {
        let kind = assertion.get("type").and_then(Value::as_str).unwrap_or_default();
        if kind == "assert-set" {
            if let Some(inner) = assertion.as_object() {
                criteria(inner, out);
            }
            continue;
        }
        let kind = kind.strip_prefix("not-").unwrap_or(kind);
        let questions: Vec<&str> = match assertion.get("value") {
            Some(Value::String(text)) => vec![text],
            Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        if !GRADED.contains(&kind) {
            continue;
        }
        for question in questions.into_iter().filter(|q| !q.trim().is_empty() && !names_a_file(q)) {
            if out.iter().any(|known| known.question == question) {
                continue;
            }
            let metric = assertion.get("metric").and_then(Value::as_str).unwrap_or(question);
            out.push(foreign::criterion(metric, question, out));
        }
    }
}

/// The most cases that the list values of one test expand to.
const MOST: usize = 10_000;

fn add_cases(
    place: &str,
    number: usize,
    (default, test): (&Map<String, Value>, &Map<String, Value>),
    out: &mut Vec<Case>,
    batch: &mut Batch,
) {
    let mut vars = default.get("vars").and_then(Value::as_object).cloned().unwrap_or_default();
    match test.get("vars") {
        None => {}
        Some(Value::Object(own)) => vars.extend(own.clone()),
        Some(Value::String(path)) => {
            return batch.refuse(place, format!("its variables are in '{path}', and no file is read"));
        }
        Some(_) => return batch.refuse(place, "its 'vars' are no object"),
    }
    if let Some((name, _)) = vars.iter().find(|(_, v)| v.as_str().is_some_and(|v| v.starts_with("file://"))) {
        return batch.refuse(
            place,
            format!("the variable '{name}' names a file, and no file is read: put its text here"),
        );
    }
    if vars.is_empty() {
        return batch.refuse(place, "gives an empty case: it has no variables");
    }
    let mut all: Vec<Map<String, Value>> = vec![Map::new()];
    for (name, value) in vars {
        let values = match value {
            Value::Array(list) if !list.is_empty() => list,
            other => vec![other],
        };
        if all.len().saturating_mul(values.len()) > MOST {
            return batch.refuse(place, format!("its list values expand to more than {MOST} cases"));
        }
        let with = |map: &Map<String, Value>, value: &Value| {
            let mut map = map.clone();
            map.insert(name.clone(), value.clone());
            map
        };
        all = all
            .iter()
            .flat_map(|map| values.iter().map(|value| with(map, value)).collect::<Vec<_>>())
            .collect();
    }
    let description = test.get("description").and_then(Value::as_str).unwrap_or_default().trim().to_owned();
    let free = !description.is_empty() && !out.iter().any(|case| case.id == description);
    let id = if free { description } else { format!("case-{:03}", number + 1) };
    let several = all.len() > 1;
    for (at, vars) in all.into_iter().enumerate() {
        out.push(Case {
            id: if several { format!("{id}.{}", at + 1) } else { id.clone() },
            vars,
            reference: None,
            tags: tags_of(test.get("metadata")),
            cluster: several.then(|| id.clone()),
        });
    }
}
