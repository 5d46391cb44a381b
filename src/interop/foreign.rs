//! What several foreign formats share: names, chats as text, criteria out of questions, messages with placeholders.

use super::ImportError;
use super::batch::Batch;
use super::folder::FileNames;
use super::source::ImportSource;
use crate::core::canonical::{self, Numbers};
use crate::core::chat::ChatBody;
use crate::core::item::{Item, Subject};
use crate::core::prompt::{Label, PromptName, Syntax, Template};
use crate::core::rubric::{self, Criterion, Rubric};
use crate::store::NewRevision;
use serde_json::{Map, Value};
use std::collections::HashMap;

/// A prompt's name out of a label: the label where it reads like one, else the source's name and a number.
pub fn prompt_name(names: &mut FileNames, stem: &str, label: &str, number: usize) -> Option<PromptName> {
    let short = label.chars().count() <= 60 && !label.contains(['\n', '{']);
    let wanted =
        if short && !label.trim().is_empty() { label.to_owned() } else { format!("{stem}/prompt-{number}") };
    names.of(&wanted).or_else(|| names.of(&format!("{stem}/prompt-{number}"))).map(|(name, _)| name)
}

/// A template out of text that may be the JSON of a chat.
pub fn template_of(raw: &str) -> Template {
    let chat = raw.trim_start().starts_with(['[', '{']).then(|| super::json::strict(raw).ok()).flatten();
    match chat.as_ref().map(ChatBody::read) {
        Some(Ok(body)) => body.template,
        _ => Template::text(raw),
    }
}

/// A list of messages as one text, as a judge is shown it.
pub fn messages_text(messages: &Value) -> Option<String> {
    let template = ChatBody::read(messages).ok()?.template;
    let all = template.messages();
    Some(match all.as_slice() {
        [only] => only.shown(),
        several => {
            several.iter().map(|m| format!("[{}]\n{}", m.role, m.shown())).collect::<Vec<_>>().join("\n\n")
        }
    })
}

/// The text of what a model said: text as it is, anything else as its JSON; nothing for null.
pub fn said(value: Option<&Value>) -> Option<String> {
    match value {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => Some(text.clone()),
        Some(other) => Some(other.to_string()),
    }
}

/// Labels of another registry: `latest` is left out (it follows from the order here), and what is no label is told.
pub fn labels(given: impl IntoIterator<Item = String>, batch: &mut Batch, place: &str) -> Vec<Label> {
    let mut out = Vec::new();
    for label in given {
        match label.parse::<Label>() {
            Ok(label) => out.push(label),
            Err(_) if label == "latest" => {
                batch.note("the label 'latest' is left out: here it is always the newest revision")
            }
            Err(error) => batch.note(format!("{place}: {error}; it is left out")),
        }
    }
    out
}

/// A criterion that asks `question`, with the generic anchors; named after `name`, told apart from those in `taken`.
pub fn criterion(name: &str, question: &str, taken: &[Criterion]) -> Criterion {
    let mut slug: String = name
        .to_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' })
        .collect::<String>()
        .trim_matches(|c: char| c == '-' || c == '_')
        .chars()
        .take(36)
        .collect();
    if slug.is_empty() {
        slug = "criterion".into();
    }
    let base = slug.clone();
    let mut number = 1;
    while taken.iter().any(|c| c.name == slug) {
        number += 1;
        slug = format!("{base}-{number}");
    }
    Criterion { name: slug, ..rubric::own(question, None) }
}

/// A rubric of these criteria, named after the source.
pub fn rubric(name: &str, description: &str, criteria: Vec<Criterion>) -> Option<Rubric> {
    let named = criterion(name, "x", &[]).name;
    (!criteria.is_empty()).then(|| Rubric {
        name: named,
        description: description.to_owned(),
        criteria,
        checks: Vec::new(),
    })
}

/// A value written in one way, to group equal ones by.
pub fn key_of(value: &Value) -> String {
    canonical::to_string(value, Numbers::Written).unwrap_or_else(|_| value.to_string())
}

/// Single values of an object as tags, `name=value`: the slices that a case belongs to.
pub fn tags_of(value: Option<&Value>) -> Vec<String> {
    let map = value.and_then(Value::as_object);
    map.into_iter()
        .flatten()
        .filter_map(|(key, value)| match value {
            Value::String(text) => Some(format!("{key}={text}")),
            Value::Bool(_) | Value::Number(_) => Some(format!("{key}={value}")),
            _ => None,
        })
        .collect()
}

/// A revision with what most registries say of one.
pub fn revision(
    name: PromptName,
    template: Template,
    syntax: Syntax,
    config: Map<String, Value>,
) -> NewRevision {
    let mut row = NewRevision::new(name, template);
    row.settings.syntax = syntax;
    row.settings.config = config;
    row
}

/// Items being gathered: one case and arm a second time is a repeat, and becomes a case of its own in one cluster with the first.
#[derive(Default)]
pub struct Answers {
    items: Vec<Item>,
    counts: HashMap<(String, String), u32>,
}

impl Answers {
    /// Adds an answer; `None` is one that was not generated.
    pub fn add(&mut self, id: &str, arm: &str, response: Option<String>, subject: Subject) {
        let count = self.counts.entry((id.to_owned(), arm.to_owned())).or_insert(0);
        *count += 1;
        let repeated = *count > 1;
        let own = if repeated { format!("{id}#{count}") } else { id.to_owned() };
        let mut subject = subject;
        if repeated {
            subject.cluster = Some(id.to_owned());
            for first in self.items.iter_mut().filter(|item| item.id == id) {
                first.subject.cluster = Some(id.to_owned());
            }
        }
        let response = response.unwrap_or_default();
        self.items.push(Item { id: own, arm: arm.to_owned(), response, subject, verdicts: Vec::new() });
    }

    /// All of them.
    pub fn done(self) -> Vec<Item> {
        self.items
    }
}

/// An input as a prompt and as variables: an object gives variables, and its text; a list of messages the messages' text.
pub fn input_of(input: Option<&Value>) -> (String, Map<String, Value>) {
    match input {
        Some(Value::Object(map)) => (String::new(), map.clone()),
        Some(list @ Value::Array(_)) => (messages_text(list).unwrap_or_else(|| list.to_string()), Map::new()),
        other => (said(other).unwrap_or_default(), Map::new()),
    }
}

/// An expected answer as a reference: one text, several on lines of their own, anything else as JSON; empty is none.
pub fn reference_of(expected: Option<&Value>) -> Option<String> {
    let text = super::table::text_of(expected?, "expected", &mut Vec::new())?;
    (!text.is_empty()).then_some(text)
}

/// Why scores on other scales do not come in.
pub const OTHER_SCALE: &str = "a score, label or grade on another scale; scores here are 1 to 5";
/// The front matter of a file, and what stands below it.
///
/// # Errors
/// When it has none, or one that is no YAML.
pub(super) fn head_and_body(source: &ImportSource) -> Result<(Value, &str), ImportError> {
    let (head, body) = source.front_matter().ok_or_else(|| source.fault("has no front matter"))?;
    let head = head.map_err(|why| source.fault(format!("its front matter is not YAML: {why}")))?;
    Ok((head, body))
}
