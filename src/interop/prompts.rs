//! prompts.jsonl: revisions in order, in and out without loss.
//!
//! ```text
//! {"assize":1}                                              written first, skipped when read
//! {"name","template"|"messages","created_at"?,...}          one revision a line; unknown keys become metadata
//! {"event":{"name","kind","at","payload",...}}              with --events; kept apart when read
//! ```

use super::batch::Refused;
use super::jsonl::{JsonRow, JsonRows};
use super::{ImportError, align};
use crate::core::chat::ChatBody;
use crate::core::digest::Digest;
use crate::core::prompt::{Label, PromptName, Settings, Syntax, Template, TemplateKind};
use crate::store::{EventInfo, NewRevision, RevisionInfo};
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::io::BufRead;

/// What a file held.
#[derive(Debug, Default)]
pub struct PromptFile {
    /// Revisions to be taken in, in the file's order.
    pub rows: Vec<NewRevision>,
    /// Rows that repeat the one before them (same prompt, text and settings): they add nothing.
    pub repeated: usize,
    /// Events of an export with `--events`, in the file's order.
    pub events: Vec<(PromptName, EventInfo)>,
    /// Names that were converted, as given and as taken.
    pub converted: Vec<(String, PromptName)>,
    /// Files of a folder that are left out.
    pub refused: Vec<Refused>,
}

/// How names are taken and where bodies are.
#[derive(Default)]
pub struct NameOptions<'a> {
    /// Convert names that are none into the nearest valid ones.
    pub slug: bool,
    /// Finds the body of a row that carries none (exported folders): by name and revision number.
    pub body: Option<&'a dyn Fn(&PromptName, u64) -> Result<String, String>>,
}

/// Reads a file whole; any fault refuses it.
///
/// # Errors
/// The first fault, with its line.
pub fn read(reader: impl BufRead, file: &str, options: &NameOptions<'_>) -> Result<PromptFile, ImportError> {
    let mut out = PromptFile::default();
    let mut newest: HashMap<PromptName, usize> = HashMap::new();
    let mut seen: HashMap<Digest, i64> = HashMap::new();
    for row in JsonRows::new(reader, file) {
        let (line, map) = row?;
        if map.contains_key("assize") && !map.contains_key("name") {
            header(file, line, &map)?;
            continue;
        }
        let mut row = JsonRow::new(file, line, map);
        if let Some(event) = row.take("event") {
            out.events.push(read_event(&row, event)?);
            continue;
        }
        let mut revision = read_revision(row, options, &mut out.converted)?;
        let before = newest.get(&revision.name).and_then(|i| out.rows.get_mut(*i));
        if let Some(before) = before
            && before.template == revision.template
            && before.settings == revision.settings
        {
            before.labels.append(&mut revision.labels);
            out.repeated += 1;
            continue;
        }
        let key = row_key(&revision).map_err(|e| ImportError::at(file, line, e.to_string()))?;
        let count = seen.entry(key).or_insert(0);
        revision.origin = Some(align::origin(&key, *count));
        *count += 1;
        newest.insert(revision.name.clone(), out.rows.len());
        out.rows.push(revision);
    }
    if out.rows.is_empty() {
        return Err(ImportError::new(file, "holds no prompts"));
    }
    Ok(out)
}

fn header(file: &str, line: usize, map: &Map<String, Value>) -> Result<(), ImportError> {
    match map.get("assize").and_then(Value::as_u64) {
        Some(1) => Ok(()),
        _ => Err(ImportError::at(file, line, "was exported by a newer assize; use that one to read it")),
    }
}

fn row_key(row: &NewRevision) -> Result<Digest, serde_json::Error> {
    let times = (row.created_at.as_deref(), row.author.as_deref(), row.message.as_deref());
    let settings = row.settings.digest(&row.template)?;
    Ok(align::row_key(row.name.as_str(), &row.template.digest(), &settings, times))
}

fn read_revision(
    mut row: JsonRow<'_>,
    options: &NameOptions<'_>,
    converted: &mut Vec<(String, PromptName)>,
) -> Result<NewRevision, ImportError> {
    let given = row.need("name")?;
    let name = read_name(&row, &given, options.slug)?;
    let foreign = row.has("prompt") && !row.has("template") && !row.has("messages");
    let template = read_template(&mut row, &name, options)?;
    let mut revision = NewRevision::new(name.clone(), template);
    revision.settings = read_settings(&mut row, &revision.template)?;
    revision.author = row.text("author")?;
    revision.message = row.text("message")?;
    if foreign && revision.message.is_none() {
        revision.message = row.text("commitMessage")?;
    }
    revision.created_at = row.text("created_at")?;
    if let Some(at) = &revision.created_at
        && at.parse::<jiff::Timestamp>().is_err()
    {
        return Err(
            row.fault(format!("'created_at' is '{at}', and must be a time such as 2026-01-31T12:00:00Z"))
        );
    }
    let labels = row.texts("labels")?;
    for label in labels.into_iter().filter(|label| !(foreign && label == "latest")) {
        revision.labels.push(label.parse::<Label>().map_err(|e| row.fault(e.to_string()))?);
    }
    revision.tags = row.texts("tags")?;
    row.take("parent"); // follows from the order
    if let Some(digest) = row.text("settings_digest")? {
        let here = revision.settings.digest(&revision.template).map_err(|e| row.fault(e.to_string()))?;
        if here.hex() != digest {
            return Err(
                row.fault("'settings_digest' does not fit the text and its settings: the row was changed")
            );
        }
    }
    let mut metadata = row.object("metadata")?;
    if given != name.as_str() {
        metadata.entry("source_name").or_insert_with(|| Value::from(given.as_str()));
        converted.push((given, name));
    }
    let line = row.line;
    let file = row.fault("");
    for (key, value) in row.rest() {
        if metadata.get(&key).is_some_and(|present| *present != value) {
            return Err(ImportError::at(
                &file.file,
                line,
                format!("gives '{key}' twice: beside and inside 'metadata'"),
            ));
        }
        metadata.insert(key, value);
    }
    revision.metadata = metadata;
    Ok(revision)
}

fn read_name(row: &JsonRow<'_>, given: &str, slug: bool) -> Result<PromptName, ImportError> {
    given.parse::<PromptName>().or_else(|error| match PromptName::from_foreign(given) {
        Some(name) if slug => Ok(name),
        Some(name) => {
            Err(row.fault(format!("{error}; '{name}' would do, and --slug converts every such name")))
        }
        None => Err(row.fault(error.to_string())),
    })
}

fn read_template(
    row: &mut JsonRow<'_>,
    name: &PromptName,
    options: &NameOptions<'_>,
) -> Result<Template, ImportError> {
    let text = row.text("template")?;
    let messages = row.take("messages");
    match (text, messages, options.body) {
        (Some(text), None, _) => Ok(Template::text(text)),
        (None, Some(messages), _) => Template::chat(&messages).map_err(|e| row.fault(e.to_string())),
        (Some(_), Some(_), _) => Err(row.fault("has both 'template' and 'messages'")),
        // Langfuse's word for either.
        (None, None, None) => match row.take("prompt") {
            Some(prompt) => template(Some(&prompt)).map_err(|e| row.fault(e)),
            None => Err(row.fault("has neither 'template' nor 'messages'")),
        },
        (None, None, Some(body)) => {
            let number = row
                .take("revision")
                .and_then(|n| n.as_u64())
                .ok_or_else(|| row.fault("has neither a text nor a 'revision' number"))?;
            // Without a digest any file that lies at the place would do.
            let digest = row.need("digest")?;
            let text = body(name, number).map_err(|e| row.fault(e))?;
            let chat = row.take("kind").is_some_and(|k| k == "chat");
            let template =
                Template { kind: if chat { TemplateKind::Chat } else { TemplateKind::Text }, body: text };
            if digest != template.digest().hex() {
                return Err(row
                    .fault(format!("the file of {name} r{number} does not fit its digest: it was changed")));
            }
            Ok(template)
        }
    }
}

/// The template of a prompt as Langfuse writes it, a text or messages; or why there is none.
pub fn template(prompt: Option<&Value>) -> Result<Template, String> {
    match prompt {
        Some(Value::String(text)) => Ok(Template::text(text.as_str())),
        Some(list @ Value::Array(_)) => {
            ChatBody::read(list).map(|body| body.template).map_err(|e| e.to_string())
        }
        _ => Err("has no 'prompt'".into()),
    }
}

fn read_settings(row: &mut JsonRow<'_>, template: &Template) -> Result<Settings, ImportError> {
    let syntax = match row.text("syntax")?.as_deref() {
        None => Syntax::default(),
        Some(text) => text.parse().map_err(|_| {
            row.fault(format!(
                "'syntax' is '{text}', and must be jinja, fstring, braces, mustache or literal"
            ))
        })?,
    };
    let settings = Settings { syntax, config: row.object("config")? };
    settings.digest(template).map_err(|e| row.fault(format!("'config': {e}")))?;
    Ok(settings)
}

fn read_event(row: &JsonRow<'_>, event: Value) -> Result<(PromptName, EventInfo), ImportError> {
    let text = |key: &str| event.get(key).and_then(Value::as_str).map(str::to_owned);
    let need = |key: &str| text(key).ok_or_else(|| row.fault(format!("the event has no '{key}'")));
    let name = need("name")?.parse::<PromptName>().map_err(|e| row.fault(e.to_string()))?;
    let info = EventInfo {
        at: need("at")?,
        kind: need("kind")?,
        author: text("author"),
        reason: text("reason"),
        payload: event.get("payload").cloned().unwrap_or_else(|| json!({})),
    };
    Ok((name, info))
}

/// The line a file starts with.
pub fn header_row() -> Value {
    json!({ "assize": 1 })
}

/// One revision as a row; its body goes in too, unless the folder holds it.
pub fn row(info: &RevisionInfo, body: Option<&str>) -> Value {
    let mut row = Map::new();
    row.insert("name".into(), json!(info.name));
    match (body, info.kind) {
        (Some(text), TemplateKind::Text) => {
            row.insert("template".into(), json!(text));
        }
        (Some(text), TemplateKind::Chat) => {
            row.insert("messages".into(), serde_json::from_str(text).unwrap_or_else(|_| json!(text)));
        }
        (None, kind) => {
            row.insert("revision".into(), json!(info.seq));
            row.insert("kind".into(), json!(kind));
            row.insert("digest".into(), json!(info.digest));
        }
    }
    row.insert("created_at".into(), json!(info.created_at));
    row.insert("author".into(), json!(info.author));
    row.insert("message".into(), json!(info.message));
    row.insert("labels".into(), json!(info.labels));
    row.insert("tags".into(), json!(info.tags));
    row.insert("metadata".into(), json!(info.metadata));
    row.insert("syntax".into(), json!(info.syntax.name()));
    row.insert("config".into(), json!(info.config));
    row.insert("settings_digest".into(), json!(info.settings_digest));
    row.insert("parent".into(), json!(info.parent));
    Value::Object(row)
}

/// One event as a row.
pub fn event_row(name: &PromptName, event: &EventInfo) -> Value {
    json!({ "event": {
        "name": name, "at": event.at, "kind": event.kind, "author": event.author,
        "reason": event.reason, "payload": event.payload,
    } })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<PromptFile, ImportError> {
        read(text.as_bytes(), "f.jsonl", &NameOptions::default())
    }

    #[test]
    fn unknown_keys_become_metadata_and_order_stays() {
        let file = parse(concat!(
            "{\"assize\":1}\n",
            "{\"name\":\"a\",\"template\":\"x\",\"version\":1,\"metadata\":{\"k\":true}}\n",
            "{\"name\":\"a\",\"template\":\"y\",\"labels\":[\"production\"]}\n",
        ))
        .unwrap();
        assert_eq!(file.rows.len(), 2);
        assert_eq!(json!(file.rows[0].metadata), json!({"k": true, "version": 1}));
        assert_eq!(file.rows[1].labels[0].as_str(), "production");
    }

    #[test]
    fn a_b_a_is_three_rows_with_three_keys_and_a_a_is_one() {
        let row = |t: &str| format!("{{\"name\":\"p\",\"template\":\"{t}\"}}\n");
        let file = parse(&[row("A"), row("B"), row("A"), row("A")].concat()).unwrap();
        let keys: std::collections::HashSet<_> = file.rows.iter().map(|r| r.origin).collect();
        assert_eq!((file.rows.len(), file.repeated, keys.len()), (3, 1, 3));
    }

    #[test]
    fn faults_are_refused_with_their_line() {
        for (text, words) in [
            ("{\"name\":\"a\"}", "neither"),
            ("{\"template\":\"a\"}", "no 'name'"),
            ("{\"name\":\"A B\",\"template\":\"\"}", "'a-b' would do"),
            ("{\"name\":\"a\",\"template\":1}", "a number"),
            ("{\"name\":\"a\",\"template\":\"\",\"created_at\":\"yesterday\"}", "yesterday"),
            ("{\"name\":\"a\",\"template\":\"\",\"labels\":[\"latest\"]}", "not a label"),
            ("{\"name\":\"a\",\"template\":\"\",\"syntax\":\"smarty\"}", "smarty"),
            ("{\"name\":\"a\",\"messages\":[]}", "empty"),
            ("{\"name\":\"a\",\"template\":\"\",\"settings_digest\":\"00\"}", "changed"),
            ("{\"assize\":2}", "newer"),
        ] {
            let error = parse(text).unwrap_err();
            assert_eq!(error.line, Some(1), "{text}");
            assert!(error.what.contains(words), "{text}: {error}");
        }
        assert!(parse("\n").unwrap_err().what.contains("no prompts"));
    }

    #[test]
    fn rows_of_langfuse_are_read_by_their_own_words() {
        let file = parse(concat!(
            "{\"name\":\"a\",\"type\":\"text\",\"prompt\":\"Hi {{x}}\",\"version\":3,\"labels\":[\"production\",\"latest\"],",
            "\"tags\":[\"t\"],\"config\":{\"model\":\"m\"},\"commitMessage\":\"c\"}\n",
            "{\"name\":\"b\",\"prompt\":[{\"role\":\"user\",\"content\":\"x\"}]}\n",
        ))
        .unwrap();
        let row = &file.rows[0];
        assert_eq!(
            (row.template.body.as_str(), row.message.as_deref(), row.labels.len()),
            ("Hi {{x}}", Some("c"), 1)
        );
        assert_eq!((&row.settings.config["model"], &row.metadata["version"]), (&json!("m"), &json!(3)));
        assert_eq!(file.rows[1].template.kind, TemplateKind::Chat);
    }

    #[test]
    fn names_are_converted_only_when_asked() {
        let options = NameOptions { slug: true, body: None };
        let text = "{\"name\":\"Code Review\",\"template\":\"x\"}";
        let file = read(text.as_bytes(), "f", &options).unwrap();
        assert_eq!(file.rows[0].name.as_str(), "code-review");
        assert_eq!(file.rows[0].metadata["source_name"], "Code Review");
    }
}
