//! OpenAI Evals and prompt objects, in the layouts that owners saved them in before the service ended.
//!
//! ```text
//! {"item":{..},"sample"?}                     a data file: cases
//! {"run_id","data_source_idx","item","sample","grades"}          the dashboard's "Download results": items
//! {"data":[{"object":"eval.run.output_item"}]}, or one a line    items
//! {"data":[{"object":"eval.run"}]}            runs: the input messages as prompts, the rows as cases
//! {"object":"eval","testing_criteria"}        criteria
//! {"eval","rows","runs":[{"run","output_items"}]}                all of these
//! {"openai_prompt_id","versions":[..]}        a prompt with its versions; production_version is a label
//! ```
//! Grades are on each grader's own range, which the rows do not tell: they are told, not stored.

use super::ImportError;
use super::batch::{Batch, BatchRows, DROPPED, METADATA};
use super::folder::FileNames;
use super::foreign::{self, key_of};
use super::importer::{ImportOptions, Importer};
use super::source::ImportSource;
use crate::core::chat::{ChatBody, with_texts};
use crate::core::item::{Case, Item, Subject};
use crate::core::prompt::Syntax;
use crate::core::rubric::Criterion;
use serde_json::{Map, Value, json};
use std::collections::HashMap;

/// What OpenAI's Evals and prompt objects were saved as.
pub const OPENAI: Importer = Importer {
    name: "openai-evals",
    about: "OpenAI Evals (data files, results, runs, evals) and prompt objects, as saved from the dashboard or the API",
    sniff: |source| layout(source).is_some(),
    read,
};

enum LogLayout<'a> {
    Page(&'a [Value]),
    Lines,
    Eval(&'a Value),
    Export(&'a Value),
    Prompt(&'a Value),
}

fn is_object(value: &Value, kind: &str) -> bool {
    value.get("object").and_then(Value::as_str) == Some(kind)
}

fn layout(source: &ImportSource) -> Option<LogLayout<'_>> {
    if let Ok(value) = source.json() {
        let list = value.get("data").and_then(Value::as_array);
        if let Some(list) = list
            && list.first().is_some_and(|v| {
                is_object(v, "eval.run.output_item") || is_object(v, "eval.run") || is_object(v, "eval")
            })
        {
            return Some(LogLayout::Page(list));
        }
        if value.get("testing_criteria").is_some() && is_object(value, "eval") {
            return Some(LogLayout::Eval(value));
        }
        if value.get("runs").is_some_and(Value::is_array) && value.get("eval").is_some_and(Value::is_object) {
            return Some(LogLayout::Export(value));
        }
        if value.get("openai_prompt_id").is_some() && value.get("versions").is_some_and(Value::is_array) {
            return Some(LogLayout::Prompt(value));
        }
    }
    let first = source.first_row()?;
    let has = |key: &str| first.contains_key(key);
    let lines = first.get("item").is_some_and(Value::is_object)
        && first.keys().all(|k| LINE.contains(&k.as_str()))
        || has("datasource_item") && has("results");
    lines.then_some(LogLayout::Lines)
}

const LINE: [&str; 8] =
    ["item", "sample", "run_id", "data_source_idx", "grades", "passes", "grader_samples", "trajectory"];

const GRADES: &str = "a grade on its grader's own range; scores here are 1 to 5";

fn read(source: &ImportSource, options: &ImportOptions) -> Result<Batch, ImportError> {
    let layout = layout(source).ok_or_else(|| source.fault("is no save of OpenAI's Evals or prompts"))?;
    let mut batch = Batch::default();
    let set = options.set_name(source)?;
    let mut reader = Reader {
        set,
        names: FileNames::default(),
        cases: Vec::new(),
        items: Vec::new(),
        seen: HashMap::new(),
    };
    match layout {
        LogLayout::Prompt(value) => {
            reader.prompt_object(source, value, &mut batch);
            batch.ledger.account(value);
        }
        LogLayout::Eval(value) => {
            tell_eval(&mut batch, "");
            reader.eval(value, &mut batch);
            batch.ledger.account(value);
        }
        LogLayout::Page(list) => {
            for (at, value) in list.iter().enumerate() {
                let place = source.at(&format!("/data/{at}"));
                reader.object(&place, value, &mut batch);
            }
            tell_eval(&mut batch, "data[].");
            tell_run(&mut batch, "data[].");
            tell_item(&mut batch, "data[].");
            if let Ok(value) = source.json() {
                batch.ledger.account(value);
            }
        }
        LogLayout::Export(value) => {
            tell_eval(&mut batch, "eval.");
            tell_run(&mut batch, "runs[].run.");
            tell_item(&mut batch, "runs[].output_items[].");
            batch.ledger.say("rows[].**", "vars.*", "a case");
            if let Some(eval) = value.get("eval") {
                reader.eval(eval, &mut batch);
            }
            for row in value.get("rows").and_then(Value::as_array).into_iter().flatten() {
                reader.case(row, None);
            }
            for (at, run) in value.get("runs").and_then(Value::as_array).into_iter().flatten().enumerate() {
                let place = source.at(&format!("/runs/{at}"));
                if let Some(run) = run.get("run") {
                    reader.run(&place, run, &mut batch);
                }
                for (n, item) in
                    run.get("output_items").and_then(Value::as_array).into_iter().flatten().enumerate()
                {
                    reader.item(&format!("{place}/output_items/{n}"), item, &mut batch);
                }
            }
            batch.ledger.account(value);
        }
        LogLayout::Lines => {
            tell_item(&mut batch, "");
            for row in source.rows() {
                match row {
                    Err((place, why)) => batch.refuse(source.at(place), why.clone()),
                    Ok(record) => {
                        let value = Value::Object(record.fields.clone());
                        batch.ledger.account(&value);
                        reader.object(&source.at(&record.place), &value, &mut batch);
                    }
                }
            }
        }
    }
    let Reader { set, cases, items, .. } = reader;
    // Responses bring their cases along; where some cases have none, all cases are a set of their own.
    let answered =
        |case: &Case| items.iter().any(|i| i.id == case.id || i.subject.cluster.as_ref() == Some(&case.id));
    let alone = !cases.iter().all(answered);
    if !items.is_empty() {
        let name = if alone { format!("{set}-answers") } else { set.clone() };
        batch.sets.push((name, BatchRows::Items(items)));
    }
    if alone {
        batch.sets.push((set, BatchRows::Cases(cases)));
    }
    Ok(batch)
}

fn tell_item(batch: &mut Batch, prefix: &str) {
    for (path, to, why) in [
        ("item.*", "vars.*", "a variable"),
        ("item.**", "vars.*", "a variable"),
        ("datasource_item.*", "vars.*", "a variable"),
        ("datasource_item.**", "vars.*", "a variable"),
        ("datasource_item_id", "id", "of the case"),
        ("data_source_idx", "id", "of the case"),
        ("run_id", "arm", "with the model"),
        ("sample.model", "arm", "with the run"),
        ("sample.output[].content", "response", "the first answer"),
        ("sample.outputs[].content", "response", "the first answer"),
        ("sample.output_text", "response", "the answer"),
        ("sample.input[].**", "prompt", "as it was sent"),
        ("sample.error.**", DROPPED, "an answer that failed is not_generated, and the words are told"),
        ("grades.**", DROPPED, GRADES),
        ("passes.**", DROPPED, GRADES),
        ("grader_samples.**", DROPPED, GRADES),
        ("results[].**", DROPPED, GRADES),
    ] {
        batch.ledger.say(&format!("{prefix}{path}"), to, why);
    }
}

fn tell_run(batch: &mut Batch, prefix: &str) {
    for (path, to, why) in [
        ("data_source.input_messages.template[].content", "template", "of a prompt"),
        ("data_source.input_messages.template[].content.text", "template", "of a prompt"),
        ("data_source.input_messages.template[].role", "template", "of a prompt"),
        ("data_source.input_messages.template[].**", DROPPED, "how the API wrote a message"),
        ("data_source.model", "config", "of the prompt"),
        ("data_source.sampling_params.**", "config", "of the prompt, where it is set"),
        ("data_source.source.content[].item.**", "vars.*", "a case"),
    ] {
        batch.ledger.say(&format!("{prefix}{path}"), to, why);
    }
}

fn tell_eval(batch: &mut Batch, prefix: &str) {
    for (path, to, why) in [
        ("name", "rubric", "its description"),
        ("testing_criteria[].name", "criteria", "the criterion's name; checks by string or code are dropped"),
        ("testing_criteria[].input[].**", "criteria", "the question of a model's grader"),
        ("testing_criteria[].**", DROPPED, "ranges, labels and models of graders have no counterpart"),
        ("data_source_config.**", DROPPED, "the shape of rows follows from the rows"),
    ] {
        batch.ledger.say(&format!("{prefix}{path}"), to, why);
    }
}

struct Reader {
    set: String,
    names: FileNames,
    cases: Vec<Case>,
    items: Vec<Item>,
    /// Ids of cases by what is in them.
    seen: HashMap<String, String>,
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// Content as the SDKs write it: a text, a list of parts, or one part alone.
fn plain_messages(messages: &Value) -> Value {
    let list = messages.as_array().into_iter().flatten().map(|message| {
        let content = message.get("content").cloned().unwrap_or(Value::Null);
        let content = match content.get("text") {
            Some(text) => text.clone(),
            None => content,
        };
        json!({ "role": message.get("role").cloned().unwrap_or(Value::Null), "content": content })
    });
    list.collect()
}

/// `{{item.x}}` is `{{x}}` here.
fn without_item(text: &str) -> String {
    text.replace("{{item.", "{{").replace("{{ item.", "{{ ")
}

fn set_values(map: Option<&Value>) -> Map<String, Value> {
    let map = map.and_then(Value::as_object).cloned().unwrap_or_default();
    map.into_iter().filter(|(_, value)| !value.is_null()).collect()
}

impl Reader {
    /// An id for a row: one for each content.
    fn case(&mut self, row: &Value, id: Option<String>) -> Option<String> {
        let vars = row.as_object().filter(|map| !map.is_empty())?.clone();
        let key = key_of(row);
        if let Some(id) = self.seen.get(&key) {
            return Some(id.clone());
        }
        let taken = |id: &String, seen: &HashMap<String, String>| seen.values().any(|known| known == id);
        let id = id.filter(|id| !taken(id, &self.seen)).unwrap_or_else(|| {
            (self.seen.len() + 1..)
                .map(|n| format!("case-{n:03}"))
                .find(|id| !taken(id, &self.seen))
                .unwrap_or_default()
        });
        self.seen.insert(key, id.clone());
        self.cases.push(Case { id: id.clone(), vars, reference: None, tags: vec![], cluster: None });
        Some(id)
    }

    fn object(&mut self, place: &str, value: &Value, batch: &mut Batch) {
        match text(value, "object") {
            "eval.run" => self.run(place, value, batch),
            "eval" => self.eval(value, batch),
            _ => self.item(place, value, batch),
        }
    }

    fn item(&mut self, place: &str, value: &Value, batch: &mut Batch) {
        let row = value.get("datasource_item").or_else(|| value.get("item")).cloned().unwrap_or(Value::Null);
        let number = value.get("datasource_item_id").or_else(|| value.get("data_source_idx"));
        let Some(id) = self.case(&row, number.map(|n| format!("item-{}", n.to_string().trim_matches('"'))))
        else {
            return batch.refuse(place, "gives an empty case: its item holds nothing");
        };
        let sample = value.get("sample").filter(|s| s.is_object());
        let run = text(value, "run_id");
        let Some(sample) = sample else {
            if !run.is_empty() {
                batch.refuse(place, "has no sample, and so no response");
            }
            return;
        };
        let first =
            |key: &str| sample.get(key).and_then(|list| list.get(0)).and_then(|m| m.get("content")).cloned();
        let output = foreign::said(first("output").or_else(|| first("outputs")).as_ref())
            .or_else(|| foreign::said(sample.get("output_text")));
        if let Some(error) = sample.get("error").filter(|e| !e.is_null()) {
            batch.note(format!("{place}: not generated: {}", text(error, "message")));
        }
        let model = text(sample, "model");
        let arm = match (run, model) {
            ("", "") => "default".to_owned(),
            ("", one) | (one, "") => one.to_owned(),
            (run, model) => format!("{run} [{model}]"),
        };
        // The arm of a run that failed names no model where the others do.
        let arm = self
            .items
            .iter()
            .find(|i| !run.is_empty() && i.arm.starts_with(run))
            .map_or(arm, |i| i.arm.clone());
        let prompt = sample.get("input").and_then(foreign::messages_text).unwrap_or_default();
        let count = self
            .items
            .iter()
            .filter(|i| i.arm == arm && (i.id == id || i.subject.cluster.as_ref() == Some(&id)))
            .count();
        let subject = Subject {
            prompt,
            vars: row.as_object().cloned().unwrap_or_default(),
            cluster: (count > 0).then(|| id.clone()),
            ..Subject::default()
        };
        let id = if count > 0 { format!("{id}#{}", count + 1) } else { id };
        let failed = sample.get("error").is_some_and(|e| !e.is_null());
        let response = if failed { String::new() } else { output.unwrap_or_default() };
        self.items.push(Item { id, arm, response, subject, verdicts: Vec::new() });
    }

    fn run(&mut self, place: &str, run: &Value, batch: &mut Batch) {
        let source = run.get("data_source").cloned().unwrap_or(Value::Null);
        for entry in source.pointer("/source/content").and_then(Value::as_array).into_iter().flatten() {
            if let Some(item) = entry.get("item") {
                self.case(item, None);
            }
        }
        let Some(template) = source.pointer("/input_messages/template") else { return };
        let messages = plain_messages(template);
        let Ok(messages) = with_texts::<()>(&messages, |text| Ok(without_item(text))) else { return };
        let body = match ChatBody::read(&messages) {
            Ok(body) => body,
            Err(error) => return batch.refuse(format!("{place}/data_source"), error.to_string()),
        };
        let mut config = set_values(source.get("sampling_params"));
        if let Some(model) = source.get("model").filter(|m| !m.is_null()) {
            config.insert("model".into(), model.clone());
        }
        let same =
            |row: &crate::store::NewRevision| row.template == body.template && row.settings.config == config;
        if batch.prompts.iter().any(same) {
            return;
        }
        let label = format!("{}/{}", self.set, text(run, "name"));
        let Some(name) = foreign::prompt_name(&mut self.names, &self.set, &label, batch.prompts.len() + 1)
        else {
            return batch.refuse(place, "gives no prompt's name");
        };
        batch.prompts.push(foreign::revision(name, body.template, Syntax::Mustache, config));
    }

    fn eval(&mut self, eval: &Value, batch: &mut Batch) {
        let mut criteria: Vec<Criterion> = Vec::new();
        for grader in eval.get("testing_criteria").and_then(Value::as_array).into_iter().flatten() {
            let is_graded = matches!(text(grader, "type"), "label_model" | "score_model");
            let Some(messages) = grader.get("input").filter(|_| is_graded) else { continue };
            let question = foreign::messages_text(&plain_messages(messages)).unwrap_or_default();
            if !question.trim().is_empty() {
                criteria.push(foreign::criterion(text(grader, "name"), &question, &criteria));
            }
        }
        let name = Some(text(eval, "name")).filter(|n| !n.is_empty()).unwrap_or(&self.set);
        batch.rubrics.extend(foreign::rubric(name, "Graders of an OpenAI eval", criteria));
    }

    fn prompt_object(&mut self, source: &ImportSource, value: &Value, batch: &mut Batch) {
        for (path, to, why) in [
            ("openai_prompt_id", METADATA, "beside each version"),
            ("name", "name", "of the prompt"),
            ("production_version", "labels", "production"),
            ("versions[].version", METADATA, "beside the revision; their order is the history"),
            ("versions[].messages[].**", "template", "a revision"),
            ("versions[].config.**", "config", "of the revision"),
        ] {
            batch.ledger.say(path, to, why);
        }
        let Some((name, _)) =
            self.names.of(text(value, "name")).or_else(|| self.names.of(text(value, "openai_prompt_id")))
        else {
            return batch.refuse(source.at("/name"), "gives no prompt's name");
        };
        let plain = |value: Option<&Value>| {
            value.map(|v| v.to_string().trim_matches('"').to_owned()).unwrap_or_default()
        };
        let production = plain(value.get("production_version"));
        for (at, version) in value.get("versions").and_then(Value::as_array).into_iter().flatten().enumerate()
        {
            let place = source.at(&format!("/versions/{at}"));
            let messages = plain_messages(version.get("messages").unwrap_or(&Value::Null));
            let body = match ChatBody::read(&messages) {
                Ok(body) => body,
                Err(error) => {
                    batch.refuse(place, error.to_string());
                    continue;
                }
            };
            let mut row = foreign::revision(
                name.clone(),
                body.template,
                Syntax::Mustache,
                set_values(version.get("config")),
            );
            let number = plain(version.get("version"));
            row.metadata.insert("openai_version".into(), number.clone().into());
            row.metadata.insert("openai_prompt_id".into(), text(value, "openai_prompt_id").into());
            if !number.is_empty() && number == production {
                row.labels = foreign::labels(["production".to_owned()], batch, &place);
            }
            batch.prompts.push(row);
        }
    }
}
