//! One message of a chat: its role, its content in any of the forms that APIs give it, and how it is shown.

use serde::Serialize;
use serde_json::{Map, Value};

/// One message of a chat template, as far as it is text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Message {
    /// `system`, `user`, `assistant`, ...
    pub role: String,
    /// Its text; several parts each on lines of their own.
    pub content: String,
    /// Signs for what it holds besides: `[image_url]`, `[call weather({"city":"Rome"})]`, `[placeholder history]`.
    #[serde(skip)]
    pub more: Vec<String>,
}

impl Message {
    /// A message that is text only.
    pub fn new(role: impl Into<String>, content: impl Into<String>) -> Self {
        Self { role: role.into(), content: content.into(), more: Vec::new() }
    }

    /// The text and the signs for all else, as people read it.
    pub fn shown(&self) -> String {
        let mut out = self.content.trim_end_matches('\n').to_owned();
        for sign in &self.more {
            if !out.is_empty() {
                out.push('\n');
            }
            out.push_str(sign);
        }
        out
    }

    /// Reads one message.
    pub(super) fn read(value: &Value) -> Result<Self, String> {
        let Value::Object(map) = value else { return Err("is no object".into()) };
        if map.get("type").and_then(Value::as_str) == Some("placeholder")
            && let Some(name) = map.get("name").and_then(Value::as_str)
        {
            let more = vec![format!("[placeholder {name}]")];
            return Ok(Self { role: "placeholder".into(), content: String::new(), more });
        }
        let role = match map.get("role") {
            Some(Value::String(role)) => role.clone(),
            Some(_) => return Err("has a 'role' that is no text".into()),
            None => return Err("has no 'role'".into()),
        };
        let mut message = Self::new(role, "");
        let calls = map.get("tool_calls").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        match map.get("content") {
            Some(Value::String(text)) => message.content = text.clone(),
            Some(Value::Array(parts)) => {
                let mut texts: Vec<&str> = Vec::new();
                for (number, part) in parts.iter().enumerate() {
                    match part_text(part) {
                        Some(text) => texts.push(text),
                        None => message.more.push(sign(part).ok_or_else(|| {
                            format!("has a part {} that is neither a text nor an object", number + 1)
                        })?),
                    }
                }
                message.content = texts.join("\n");
            }
            // Where a message only calls tools, or refuses, its content is null or absent.
            None | Some(Value::Null) if !calls.is_empty() || OTHER.iter().any(|key| is_set(map, key)) => {}
            None | Some(Value::Null) => return Err("has no 'content'".into()),
            Some(_) => return Err("has a 'content' that is neither a text, a list of parts nor null".into()),
        }
        message.more.extend(calls.iter().map(call_sign));
        message.more.extend(OTHER.iter().filter(|key| is_set(map, key)).map(|key| {
            match map.get(*key).and_then(Value::as_str) {
                Some(text) => format!("[{key}: {text}]"),
                None => format!("[{key}]"),
            }
        }));
        Ok(message)
    }
}

/// What a message may hold in place of content.
const OTHER: [&str; 3] = ["function_call", "refusal", "audio"];

fn is_set(map: &Map<String, Value>, key: &str) -> bool {
    map.get(key).is_some_and(|value| !value.is_null())
}

/// A part's text.
pub(super) fn part_text(part: &Value) -> Option<&str> {
    part.as_str().or_else(|| part.get("text").and_then(Value::as_str))
}

/// A short sign for a part that is no text.
fn sign(part: &Value) -> Option<String> {
    let map = part.as_object()?;
    let kind = map.get("type").and_then(Value::as_str).or_else(|| map.keys().next().map(String::as_str));
    Some(format!("[{}]", kind.unwrap_or("part")))
}

fn call_sign(call: &Value) -> String {
    let (name, arguments) = call_parts(call);
    let arguments = match arguments {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    };
    format!("[call {name}({arguments})]")
}

/// A call's tool and its arguments, which most APIs write as JSON inside of a text.
fn call_parts(call: &Value) -> (&str, Option<&Value>) {
    let function = call.get("function").unwrap_or(call);
    let name = function.get("name").and_then(Value::as_str).unwrap_or("?");
    (name, function.get("arguments").or_else(|| function.get("input")))
}

/// Keys under which stands what programs tell each other, and no text.
const NO_TEXT: [&str; 12] = [
    "role",
    "type",
    "id",
    "call_id",
    "tool_call_id",
    "tool_use_id",
    "cache_control",
    "media_type",
    "mime_type",
    "mimeType",
    "detail",
    "signature",
];

/// All text of chat messages, line by line as people read it: contents, parts, calls with their arguments, what tools gave
/// back. Line breaks are those of the texts, also inside of a call's arguments; roles, other keys and images are left out.
pub(super) fn all_text(messages: &[Value]) -> String {
    let mut out = String::new();
    for message in messages {
        add_text(message, "", &mut out);
    }
    out
}

fn add_text(value: &Value, key: &str, out: &mut String) {
    match value {
        _ if NO_TEXT.contains(&key) => {}
        Value::String(text) if !is_data(text) => {
            out.push_str(text);
            out.push('\n');
        }
        Value::Array(list) => list.iter().for_each(|value| add_text(value, key, out)),
        Value::Object(map) => {
            let is_call = matches!(key, "tool_calls" | "function_call")
                || map
                    .get("type")
                    .and_then(Value::as_str)
                    .is_some_and(|t| t == "tool_use" || t == "function_call");
            if is_call {
                add_call(value, out);
            } else {
                map.iter().for_each(|(key, value)| add_text(value, key, out));
            }
        }
        _ => {}
    }
}

/// A call as [`call_sign`] shows it, but for the escapes in its arguments.
fn add_call(call: &Value, out: &mut String) {
    let (name, arguments) = call_parts(call);
    out.push_str("[call ");
    out.push_str(name);
    out.push('(');
    match arguments {
        Some(Value::String(text)) => match serde_json::from_str(text) {
            Ok(Value::String(_)) | Err(_) => out.push_str(text),
            Ok(value) => add_plain(&value, out),
        },
        Some(other) => add_plain(other, out),
        None => {}
    }
    out.push_str(")]\n");
}

/// JSON without escapes: for reading only.
fn add_plain(value: &Value, out: &mut String) {
    match value {
        Value::String(text) if is_data(text) => out.push_str("\"...\""),
        Value::String(text) => {
            out.push('"');
            out.push_str(text);
            out.push('"');
        }
        Value::Array(list) => {
            out.push('[');
            for (at, value) in list.iter().enumerate() {
                out.push_str(if at > 0 { "," } else { "" });
                add_plain(value, out);
            }
            out.push(']');
        }
        Value::Object(map) => {
            out.push('{');
            for (at, (key, value)) in map.iter().enumerate() {
                out.push_str(if at > 0 { "," } else { "" });
                out.push_str(&format!("\"{key}\":"));
                add_plain(value, out);
            }
            out.push('}');
        }
        other => out.push_str(&other.to_string()),
    }
}

/// Whether a text is the bytes of an image or a sound, in which nobody looks for a word.
fn is_data(text: &str) -> bool {
    const LONG: usize = 256;
    let base64 = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=' | b'-' | b'_');
    text.starts_with("data:") && text.contains(";base64,") || text.len() > LONG && text.bytes().all(base64)
}
