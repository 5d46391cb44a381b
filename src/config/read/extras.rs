//! The settings of an endpoint that say how it is spoken to: `api`, `headers`, `query`, `extra`, `reasoning_effort`.

use crate::core::secrets::holds_key;
use crate::core::toml_doc::{Doc, TomlSection};
use crate::judge::config::Api;
use crate::judge::config::ReplyAs;
use crate::judge::dialect;
use crate::judge::extras::{ExtraValue, Extras, OWN_FIELDS, OWN_HEADERS};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use toml::Spanned;
use toml::de::DeValue;

/// Headers by which keys are sent: a text in the file would be one.
const KEY_HEADERS: [&str; 5] =
    ["authorization", "api-key", "x-api-key", "x-goog-api-key", "proxy-authorization"];

/// The words of a key that comes from a variable, for messages.
const FROM_VARIABLE: &str = "write { env = \"NAME_OF_A_VARIABLE\" }: a key is never kept in this file";

pub(super) fn api<'i>(doc: &mut Doc<'i>, section: &TomlSection<'_, 'i>) -> Option<Api> {
    let name = doc.text(section, "api")?;
    let found = dialect::named(&name).map(Api::of);
    if found.is_none() {
        let names: Vec<&str> = dialect::ALL.iter().map(|d| d.name()).collect();
        let at = Doc::value(section, "api").map_or(section.at, |v| v.span().start);
        doc.problem(at, format!("{} api is one of {}", section.name, names.join(", ")));
    }
    found
}

pub(super) fn effort<'i>(doc: &mut Doc<'i>, section: &TomlSection<'_, 'i>) -> Option<String> {
    let effort = doc.text(section, "reasoning_effort")?;
    let is_word =
        |text: &str| text.len() <= 20 && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if effort.is_empty() || !is_word(&effort) {
        let at = Doc::value(section, "reasoning_effort").map_or(section.at, |v| v.span().start);
        doc.problem(at, format!("{} reasoning_effort is one word, such as low, high or none", section.name));
        return None;
    }
    Some(effort)
}

pub(super) fn reply<'i>(doc: &mut Doc<'i>, section: &TomlSection<'_, 'i>) -> ReplyAs {
    match doc.text(section, "reply").as_deref() {
        None | Some("verdict") => ReplyAs::Verdict,
        Some("prose") => ReplyAs::Prose,
        Some(_) => {
            let at = Doc::value(section, "reply").map_or(section.at, |v| v.span().start);
            doc.problem(at, format!("{} reply is \"verdict\" or \"prose\"", section.name));
            ReplyAs::Verdict
        }
    }
}

pub(super) fn extras<'i>(doc: &mut Doc<'i>, section: &TomlSection<'_, 'i>) -> Extras {
    let headers = given(doc, section, "headers");
    let mut kept = BTreeMap::new();
    for (name, (at, value)) in headers {
        let name = name.to_ascii_lowercase();
        let is_name =
            !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
        if !is_name || OWN_HEADERS.contains(&name.as_str()) {
            doc.problem(at, format!("{} headers: this is no header that can be set here", section.name));
        } else if matches!(value, ExtraValue::Text(_)) && KEY_HEADERS.contains(&name.as_str()) {
            doc.problem(at, format!("{} headers {name}: {FROM_VARIABLE}", section.name));
        } else {
            kept.insert(name, value);
        }
    }
    let query = given(doc, section, "query").into_iter().map(|(name, (_, value))| (name, value)).collect();
    Extras { headers: kept, query, body: body(doc, section) }
}

/// A table of texts, each written there or taken from a variable; with the place of each.
fn given<'i>(
    doc: &mut Doc<'i>,
    section: &TomlSection<'_, 'i>,
    key: &str,
) -> BTreeMap<String, (usize, ExtraValue)> {
    let Some(value) = Doc::value(section, key) else { return BTreeMap::new() };
    let DeValue::Table(table) = value.get_ref() else {
        doc.problem(value.span().start, format!("{} {key} is a table: {{ name = \"value\" }}", section.name));
        return BTreeMap::new();
    };
    let mut found = BTreeMap::new();
    for (name, value) in table {
        let at = name.span().start;
        match of(value) {
            Some(ExtraValue::Text(text)) if holds_key(&text) => {
                doc.problem(at, format!("{} {key}: a value reads like a key; {FROM_VARIABLE}", section.name));
            }
            Some(given) => _ = found.insert(name.get_ref().to_string(), (at, given)),
            None => doc.problem(
                at,
                format!("{} {key}: a value is a text, or {{ env = \"NAME_OF_A_VARIABLE\" }}", section.name),
            ),
        }
    }
    found
}

fn of(value: &Spanned<DeValue<'_>>) -> Option<ExtraValue> {
    match value.get_ref() {
        DeValue::String(text) => Some(ExtraValue::Text(text.to_string())),
        DeValue::Integer(_) | DeValue::Boolean(_) => {
            Some(ExtraValue::Text(json(value.get_ref())?.to_string()))
        }
        DeValue::Table(table) if table.len() == 1 => match table.iter().next() {
            Some((name, value)) if name.get_ref() == "env" => match value.get_ref() {
                DeValue::String(name) if is_variable(name) => Some(ExtraValue::Env(name.to_string())),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    }
}

fn is_variable(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 100
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn body<'i>(doc: &mut Doc<'i>, section: &TomlSection<'_, 'i>) -> Map<String, Value> {
    // The other name is what OpenAI's library calls it.
    let Some(value) = Doc::value(section, "extra").or_else(|| Doc::value(section, "extra_body")) else {
        return Map::new();
    };
    let at = value.span().start;
    let Some(Value::Object(fields)) = json(value.get_ref()) else {
        doc.problem(at, format!("{} extra is a table of fields: {{ top_p = 0.9 }}", section.name));
        return Map::new();
    };
    if holds_key(&Value::Object(fields.clone()).to_string()) {
        doc.problem(
            at,
            format!("{} extra holds what reads like a key; a key is never kept in this file", section.name),
        );
        return Map::new();
    }
    if let Some(own) = OWN_FIELDS.iter().find(|own| fields.contains_key(**own)) {
        doc.problem(at, format!("{} extra: '{own}' is what assize writes itself", section.name));
        return Map::new();
    }
    fields
}

/// A value as JSON; `None` for dates and numbers that JSON has not.
fn json(value: &DeValue<'_>) -> Option<Value> {
    Some(match value {
        DeValue::String(text) => Value::from(text.to_string()),
        DeValue::Boolean(b) => Value::from(*b),
        DeValue::Integer(i) if i.radix() == 10 => {
            Value::from(i.as_str().replace('_', "").parse::<i64>().ok()?)
        }
        DeValue::Float(f) => {
            Value::from(f.as_str().replace('_', "").parse::<f64>().ok().filter(|f| f.is_finite())?)
        }
        DeValue::Array(list) => list.iter().map(|v| json(v.get_ref())).collect::<Option<Vec<_>>>()?.into(),
        DeValue::Table(table) => {
            let fields = table.iter().map(|(k, v)| Some((k.get_ref().to_string(), json(v.get_ref())?)));
            Value::Object(fields.collect::<Option<Map<_, _>>>()?)
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::read;
    use crate::judge::extras::ExtraValue;
    use serde_json::json;

    fn judge(lines: &str) -> Result<crate::judge::JudgeConfig, String> {
        let text = format!("[judge.a]\nbase_url = \"https://h/v1\"\nmodel = \"m\"\n{lines}\n");
        let read =
            read(&text).map_err(|all| all.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
        read.map(|config| config.judges["a"].clone())
    }

    #[test]
    fn headers_query_and_fields_are_read() {
        let found = judge(
            "api = \"responses\"\nheaders = { X-Team = \"a\", \"x-portkey-provider\" = { env = \"PROVIDER\" } }\n\
             query = { api-version = \"2024-10-21\" }\nreasoning_effort = \"low\"\n\
             extra = { top_p = 0.5, n_probs = 3, chat_template_kwargs = { enable_thinking = false } }",
        )
        .unwrap();
        assert_eq!((found.dialect().name(), found.reasoning_effort.as_deref()), ("responses", Some("low")));
        assert_eq!(found.extras.headers["x-team"], ExtraValue::Text("a".into()));
        assert_eq!(found.extras.headers["x-portkey-provider"], ExtraValue::Env("PROVIDER".into()));
        assert_eq!(found.extras.query["api-version"], ExtraValue::Text("2024-10-21".into()));
        let body = json!({"top_p": 0.5, "n_probs": 3, "chat_template_kwargs": {"enable_thinking": false}});
        assert_eq!(serde_json::Value::Object(found.extras.body), body);
    }

    #[test]
    fn what_must_not_stand_there_is_refused_and_never_repeated() {
        for (lines, why) in [
            ("headers = { Authorization = \"Bearer canary\" }", "env ="),
            ("headers = { x-other = \"sk-canary-0123456789\" }", "reads like a key"),
            ("query = { k = \"sk-canary-0123456789\" }", "reads like a key"),
            ("extra = { a = \"sk-canary-0123456789\" }", "reads like a key"),
            ("headers = { Host = \"canary\" }", "no header that can be set"),
            ("headers = \"canary\"", "is a table"),
            ("headers = { a = { env = \"not a canary\" } }", "NAME_OF_A_VARIABLE"),
            ("extra = { messages = [] }", "'messages' is what assize writes"),
            ("api = \"canary\"", "openai, responses, anthropic, gemini, ollama, azure, bedrock"),
            ("reasoning_effort = \"a canary\"", "one word"),
            ("reply = \"canary\"", "prose"),
        ] {
            let told = judge(lines).unwrap_err();
            assert!(told.contains(why) && !told.contains("canary"), "{lines}: {told}");
        }
    }

    #[test]
    fn an_api_with_a_home_needs_no_address() {
        let config = read("[judge.a]\napi = \"anthropic\"\nmodel = \"m\"\n").unwrap();
        assert_eq!(config.judges["a"].base_url, "https://api.anthropic.com");
        assert!(read("[judge.a]\napi = \"azure\"\nmodel = \"m\"\n").is_err());
    }
}
