//! The OpenAI-compatible wire: requests out, replies and errors in, tolerant of what real servers send.

use super::capabilities::{Rung, Shape};
use super::prompt::{SCHEMA, SCHEMA_BOUNDED, SCHEMA_NAME, SYSTEM};
use super::{Usage, config::JudgeConfig};
use crate::core::verdict::State;
use serde::Deserialize;
use serde_json::Value;
use std::fmt::Write;

/// Text from outside as one line of at most `most` characters: controls, line ends and marks that reorder text become
/// spaces, runs of spaces become one.
pub fn one_line(text: &str, most: usize) -> String {
    let spaced = text.chars().map(|c| match c {
        '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2028}'
        | '\u{2029}'
        | '\u{2060}'..='\u{206f}' => ' ',
        '\u{feff}' | '\u{e0000}'..='\u{e007f}' => ' ',
        c if c.is_control() => ' ',
        c => c,
    });
    let line = spaced.collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= most {
        return line;
    }
    line.chars().take(most.saturating_sub(1)).chain(['\u{2026}']).collect()
}

/// Writes the bodies of requests. All that does not change from call to call is written once.
pub(super) struct BodyWriter {
    head: String,
    shape: Shape,
    temperature: f64,
    room: u32,
    seed: Option<i64>,
    form: Form,
}

/// What is asked for: the system message, and the schema of the answer with and without bounds on its texts.
#[derive(Clone, Copy)]
pub(super) struct Form {
    pub system: &'static str,
    pub schema: &'static str,
    pub bounded: &'static str,
}

/// A score with its reasons.
const SCORE: Form = Form { system: SYSTEM, schema: SCHEMA, bounded: SCHEMA_BOUNDED };

/// What is said after a reply that could not be read.
pub(super) struct Again {
    /// What the judge had said.
    pub said: String,
    /// What is asked now.
    pub ask: String,
}

fn quoted(text: &str) -> String {
    // A string always serialises.
    serde_json::to_string(text).unwrap_or_default()
}

impl BodyWriter {
    /// For requests of this shape, for a score.
    pub fn new(config: &JudgeConfig, shape: Shape) -> Self {
        Self::with_form(config, shape, SCORE)
    }

    /// The same for another answer.
    pub fn with_form(config: &JudgeConfig, shape: Shape, form: Form) -> Self {
        let head = format!(
            r#"{{"model":{},"messages":[{{"role":"system","content":{}}},{{"role":"user","content":"#,
            quoted(&config.model),
            quoted(form.system)
        );
        Self {
            head,
            shape,
            temperature: config.temperature.unwrap_or(0.0),
            room: config.max_tokens,
            seed: config.seed,
            form,
        }
    }

    /// The body of one request. `room_factor` multiplies the room for the answer.
    pub fn write(&self, user: &str, again: Option<&Again>, repeat: u32, room_factor: u32) -> String {
        let mut body = String::with_capacity(self.head.len() + user.len() * 9 / 8 + 900);
        body.push_str(&self.head);
        body.push_str(&quoted(user));
        body.push('}');
        if let Some(again) = again {
            // Writing to a String cannot fail.
            let _ = write!(
                body,
                r#",{{"role":"assistant","content":{}}},{{"role":"user","content":{}}}"#,
                quoted(&again.said),
                quoted(&again.ask)
            );
        }
        body.push(']');
        self.write_parameters(&mut body, repeat, room_factor);
        body.push('}');
        body
    }

    fn write_parameters(&self, body: &mut String, repeat: u32, room_factor: u32) {
        let shape = &self.shape;
        if shape.temperature {
            let _ = write!(body, r#","temperature":{}"#, self.temperature);
        }
        if let Some(name) = shape.room.name() {
            let _ = write!(body, r#","{name}":{}"#, self.room.saturating_mul(room_factor));
        }
        if let (true, Some(seed)) = (shape.seed, self.seed) {
            let _ = write!(body, r#","seed":{}"#, seed.wrapping_add(i64::from(repeat)));
        }
        if shape.logprobs {
            body.push_str(r#","logprobs":true,"top_logprobs":20"#);
        }
        let schema = if shape.bounded { self.form.bounded } else { self.form.schema };
        let _ = match shape.rung {
            Rung::Schema => write!(
                body,
                r#","response_format":{{"type":"json_schema","json_schema":{{"name":"{SCHEMA_NAME}","strict":true,"schema":{schema}}}}}"#
            ),
            Rung::Tool => write!(
                body,
                r#","tools":[{{"type":"function","function":{{"name":"{SCHEMA_NAME}","strict":true,"parameters":{schema}}}}}],"tool_choice":{{"type":"function","function":{{"name":"{SCHEMA_NAME}"}}}},"parallel_tool_calls":false"#
            ),
            Rung::JsonObject => write!(body, r#","response_format":{{"type":"json_object"}}"#),
            Rung::Text => Ok(()),
        };
    }
}

/// An error as servers spell it: `{"error":{...}}`, `{"error":"text"}`, `{"detail":...}`, `{"message":...}`, HTML, text.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ApiError {
    message: String,
    kind: String,
    code: String,
    param: String,
    asked: Option<u64>,
    held: Option<u64>,
    /// The body was plain text: nothing structured, no page.
    pub is_plain: bool,
}

impl ApiError {
    /// Reads whatever came.
    pub fn read(body: &[u8]) -> Self {
        let Ok(value) = serde_json::from_slice::<Value>(body) else {
            if let Some(how) = compressed(body) {
                return Self { message: is_compressed(how), ..Self::default() };
            }
            let text = String::from_utf8_lossy(body);
            let html = is_html(&text);
            let message = if html { "an HTML page".to_owned() } else { text.into_owned() };
            return Self { message, is_plain: !html, ..Self::default() };
        };
        Self::from_value(&value)
    }

    /// Reads the value of a JSON error body.
    pub fn from_value(value: &Value) -> Self {
        let inner = match value.get("error") {
            Some(error @ Value::Object(_)) => error,
            Some(Value::String(text)) => return Self { message: text.clone(), ..Self::default() },
            _ => value,
        };
        let text = |key: &str| match inner.get(key) {
            Some(Value::String(text)) if text != "None" => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            _ => String::new(),
        };
        let message = match inner.get("message").or_else(|| inner.get("detail")).or_else(|| inner.get("msg"))
        {
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
            None => inner.to_string(),
        };
        Self {
            message,
            kind: text("type"),
            code: text("code"),
            param: text("param"),
            asked: inner.get("n_prompt_tokens").and_then(Value::as_u64),
            held: inner.get("n_ctx").and_then(Value::as_u64),
            is_plain: false,
        }
    }

    /// The message as one short line.
    pub fn line(&self) -> String {
        let line = one_line(&self.message, 160);
        if line.is_empty() { "no reason given".to_owned() } else { line }
    }

    /// Whether the error is about this parameter.
    pub fn names(&self, name: &str) -> bool {
        if self.param == name || self.param.ends_with(&format!(".{name}")) {
            return true;
        }
        let inner = |c: char| c.is_ascii_alphanumeric() || c == '_';
        self.message.match_indices(name).any(|(at, _)| {
            let before = self.message.get(..at).and_then(|text| text.chars().next_back());
            let after = self.message.get(at + name.len()..).and_then(|text| text.chars().next());
            !before.is_some_and(inner) && !after.is_some_and(inner)
        })
    }

    fn says(&self, any: &[&str]) -> bool {
        let text = self.message.to_lowercase();
        any.iter().any(|words| text.contains(words))
    }

    fn is(&self, any: &[&str]) -> bool {
        any.iter().any(|known| self.kind == *known || self.code == *known)
    }

    /// The prompt is longer than the context window.
    pub fn is_context_overflow(&self) -> bool {
        self.is(&["context_length_exceeded", "exceed_context_size_error", "string_above_max_length"])
            || self.says(&[
                "contextwindowexceeded",
                "context window",
                "context length",
                "context size",
                "maximum context",
                "prompt is too long",
            ])
    }

    /// Tokens asked for and tokens held, where the error tells.
    pub fn sizes(&self) -> Option<(u64, u64)> {
        Some((self.asked?, self.held?))
    }

    /// The quota or the balance is used up.
    pub fn is_quota(&self) -> bool {
        self.is(&["insufficient_quota", "billing_hard_limit_reached"])
            || self.says(&[
                "insufficient_quota",
                "exceeded your current quota",
                "insufficient balance",
                "billing hard limit",
            ])
    }

    /// No such model.
    pub fn is_unknown_model(&self) -> bool {
        self.is(&["model_not_found"])
            || self.says(&["invalid model name", "unknown model", "no such model", "model not found"])
            || (self.says(&["model"])
                && self.says(&["does not exist", "not found, try pulling", "is not found"]))
    }

    /// The key is refused, though the status says something else. `no_db_connection` is what a LiteLLM proxy without a
    /// database answers to a key that is not its own.
    pub fn is_key_refused(&self) -> bool {
        self.is(&["no_db_connection", "invalid_api_key", "authentication_error", "auth_error"])
            || (self.says(&["api key", "api_key"])
                && self.says(&["invalid", "not valid", "incorrect", "no api key"]))
    }
}

fn is_html(text: &str) -> bool {
    let start = text.trim_start().chars().take(15).collect::<String>().to_ascii_lowercase();
    start.starts_with("<!doctype") || start.starts_with("<html") || start.starts_with("<head")
}

/// What a successful answer holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// The content, when there is any.
    pub content: Option<String>,
    /// Arguments of the function call, when there is one.
    pub arguments: Option<String>,
    /// What the model said in refusing.
    pub refusal: Option<String>,
    /// Why the reply holds no single answer of the judge: several that differ, another function's call, another role.
    pub unsure: Option<String>,
    /// Why it ended.
    pub finish_reason: Option<String>,
    /// Who says it answered.
    pub model: Option<String>,
    /// Tokens.
    pub usage: Option<Usage>,
}

#[derive(Deserialize)]
struct RawReply {
    #[serde(default)]
    choices: Option<Vec<RawChoice>>,
    #[serde(default)]
    model: Value,
    #[serde(default)]
    usage: Value,
    #[serde(default)]
    error: Value,
}

#[derive(Deserialize)]
struct RawChoice {
    #[serde(default)]
    message: Value,
    #[serde(default)]
    finish_reason: Value,
}

/// Reads a successful answer.
///
/// # Errors
/// One line saying what came instead of one.
pub fn read_reply(body: &[u8]) -> Result<Reply, String> {
    let raw: RawReply = serde_json::from_slice(body).map_err(|error| not_a_reply(body, &error))?;
    if !raw.error.is_null() {
        let whole = serde_json::json!({ "error": raw.error });
        return Err(format!("200 with an error inside: {}", ApiError::from_value(&whole).line()));
    }
    let mut choices = raw.choices.unwrap_or_default().into_iter();
    let Some(RawChoice { message, finish_reason }) = choices.next() else {
        return Err("the reply holds no choices".to_owned());
    };
    let text = |value: &Value| value.as_str().filter(|text| !text.trim().is_empty()).map(str::to_owned);
    let calls = calls_of(&message);
    let others = choices.any(|other| {
        content_of(other.message.get("content")) != content_of(message.get("content"))
            || calls_of(&other.message) != calls
    });
    Ok(Reply {
        content: content_of(message.get("content")),
        arguments: calls.first().and_then(|(_, arguments)| text(arguments)),
        refusal: refusal_of(&message),
        unsure: if others { Some(SEVERAL.to_owned()) } else { unsure(&message, &calls) },
        finish_reason: finish_of(&finish_reason),
        model: text(&raw.model),
        usage: usage_of(&raw.usage, says_something(&message)),
    })
}

/// Whether a message holds anything that took a token to write.
fn says_something(message: &Value) -> bool {
    let told = |key: &str| match message.get(key) {
        None | Some(Value::Null) => false,
        Some(Value::String(text)) => !text.is_empty(),
        Some(Value::Array(list)) => !list.is_empty(),
        Some(_) => true,
    };
    ["content", "tool_calls", "function_call", "refusal"].into_iter().any(told)
}

/// Content is a string, or (some servers) a list of parts with texts.
fn content_of(content: Option<&Value>) -> Option<String> {
    let text = match content? {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            // Parts of any other type (thinking, reasoning, refusal) are not what was answered.
            let is_text = |part: &&Value| {
                matches!(part.get("type").and_then(Value::as_str), None | Some("text" | "output_text"))
            };
            let texts =
                parts.iter().filter(is_text).filter_map(|part| part.get("text").and_then(Value::as_str));
            texts.collect()
        }
        _ => return None,
    };
    (!text.trim().is_empty()).then_some(text)
}

const SEVERAL: &str = "the reply holds several answers that differ";

/// Names and arguments of the calls in a message, the older form included.
fn calls_of(message: &Value) -> Vec<(Option<&str>, &Value)> {
    fn of(call: &Value) -> (Option<&str>, &Value) {
        (call.get("name").and_then(Value::as_str), call.get("arguments").unwrap_or(&Value::Null))
    }
    let calls = message.get("tool_calls").and_then(Value::as_array).into_iter().flatten();
    let older = message.get("function_call").filter(|call| call.is_object());
    calls.filter_map(|call| call.get("function")).chain(older).map(of).collect()
}

/// What was said in refusing: a text, a list of them, or a part of the content.
fn refusal_of(message: &Value) -> Option<String> {
    let parts = message.get("content").and_then(Value::as_array).into_iter().flatten();
    let part = parts
        .filter(|part| part.get("type").and_then(Value::as_str) == Some("refusal"))
        .find_map(|part| part.get("refusal").or_else(|| part.get("text")).or(Some(part)));
    let said = |value: &Value| match value {
        Value::Null | Value::Bool(false) => None,
        Value::String(text) => (!text.trim().is_empty()).then(|| text.clone()),
        Value::Array(list) if list.is_empty() => None,
        Value::Object(fields) if fields.is_empty() => None,
        other => Some(other.to_string()),
    };
    message.get("refusal").and_then(said).or_else(|| part.and_then(said))
}

/// Why a message is not one answer of the judge.
fn unsure(message: &Value, calls: &[(Option<&str>, &Value)]) -> Option<String> {
    if let Some(role) = message.get("role").and_then(Value::as_str)
        && !matches!(role.trim().to_ascii_lowercase().as_str(), "assistant" | "model" | "")
    {
        return Some(format!("the reply speaks in the role \"{}\", not as the judge", one_line(role, 40)));
    }
    let first = calls.first()?;
    if calls.iter().any(|(_, arguments)| *arguments != first.1) {
        return Some(SEVERAL.to_owned());
    }
    let other = calls.iter().find_map(|(name, _)| name.filter(|n| !matches!(n.trim(), "" | SCHEMA_NAME)));
    other.map(|name| format!("the reply calls \"{}\", which was not offered", one_line(name, 40)))
}

/// Why it ended, as told; what is no text is told as it stands.
fn finish_of(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => (!text.trim().is_empty()).then(|| text.clone()),
        other => Some(other.to_string()),
    }
}

/// More tokens than any one call has: a larger number is a server's word for "not known".
const MOST_TOKENS: u64 = 100_000_000;

/// What a call used. `None` (not known, which caps take for the most it can have been) where a number is missing or
/// beyond all calls, and where an answer is said to have taken no tokens.
///
/// Thoughts are paid for as what is written. Most servers have them in `completion_tokens`; some tell them apart, and
/// then the total says it, or they are more than what was written.
fn usage_of(usage: &Value, answered: bool) -> Option<Usage> {
    let number = |value: &Value| value.as_u64().filter(|n| *n <= MOST_TOKENS);
    let (prompt, written) = (number(usage.get("prompt_tokens")?)?, number(usage.get("completion_tokens")?)?);
    let optional = |value: Option<&Value>| match value {
        None | Some(Value::Null) => Some(None),
        Some(told) => number(told).map(Some),
    };
    let total = optional(usage.get("total_tokens"))?;
    let thought = optional(usage.pointer("/completion_tokens_details/reasoning_tokens"))?;
    let apart = thought.filter(|thought| *thought > written).map_or(written, |thought| written + thought);
    let completion =
        total.map_or(apart, |total| total.saturating_sub(prompt).max(written).max(thought.unwrap_or(0)));
    if answered && completion == 0 {
        return None;
    }
    Some(Usage { prompt_tokens: prompt, completion_tokens: completion, reasoning_tokens: thought })
}

/// How a body is compressed, by its first bytes: none is asked for, and none is unpacked.
pub fn compressed(body: &[u8]) -> Option<&'static str> {
    let kinds: [(&[u8], &str); 3] =
        [(b"\x1f\x8b", "gzip"), (b"\x28\xb5\x2f\xfd", "zstd"), (b"\x78\x9c", "deflate")];
    kinds.into_iter().find_map(|(begin, name)| body.starts_with(begin).then_some(name))
}

fn is_compressed(how: &str) -> String {
    format!(
        "the answer came compressed ({how}), which was not asked for; switch that off at the server or the proxy before it"
    )
}

fn not_a_reply(body: &[u8], error: &serde_json::Error) -> String {
    if let Some(how) = compressed(body) {
        return is_compressed(how);
    }
    let text = String::from_utf8_lossy(body);
    let start = text.trim_start();
    if is_html(start) {
        "an HTML page came instead of JSON: is base_url the address of an API?".to_owned()
    } else if start.is_empty() {
        "the reply is empty".to_owned()
    } else if start.starts_with("data:") || start.starts_with(": ") || start.starts_with("event:") {
        "an event stream came, though none was asked for".to_owned()
    } else {
        format!("the reply is not JSON of a chat completion: {}", one_line(&error.to_string(), 100))
    }
}

/// What a finish reason says of an answer.
fn finished(reply: &Reply, rung: Rung) -> Result<(), (State, String)> {
    let told = reply.finish_reason.as_deref().unwrap_or_default();
    match told.trim().to_ascii_lowercase().as_str() {
        // Servers that tell no reason give whole answers.
        "" | "stop" | "end_turn" | "eos" | "eos_token" | "stop_sequence" => Ok(()),
        "tool_calls" | "function_call" | "tool_use" if rung == Rung::Tool || reply.arguments.is_some() => {
            Ok(())
        }
        "length"
        | "max_tokens"
        | "max_output_tokens"
        | "max_completion_tokens"
        | "max_length"
        | "model_length"
        | "model_context_window_exceeded"
        | "token_limit"
        | "incomplete" => Err((State::Truncated, "the answer was cut at the token limit".to_owned())),
        "content_filter"
        | "content_filtered"
        | "safety"
        | "image_safety"
        | "recitation"
        | "blocklist"
        | "prohibited_content"
        | "spii"
        | "language"
        | "sensitive"
        | "guardrail_intervened" => {
            Err((State::Filtered, "the endpoint's content filter withheld the answer".to_owned()))
        }
        "refusal" => Err((State::Refused, "the judge declined: no reason given".to_owned())),
        // An answer that ended otherwise is no whole answer: the endpoint's fault, whatever it calls it.
        _ => Err((
            State::HttpError,
            format!(
                "the endpoint ended the answer with \"{}\", which is no whole answer",
                one_line(told, 40)
            ),
        )),
    }
}

/// What an answer comes to before its content is read: the text to read, or a state and why.
///
/// # Errors
/// The state the verdict ends in (`truncated`, `filtered`, `refused`, `unparseable`, `http_error`) and one line.
pub fn settle(reply: &Reply, rung: Rung) -> Result<&str, (State, String)> {
    let ended = finished(reply, rung);
    if let Err((State::Filtered, _)) = ended {
        return ended.map(|()| "");
    }
    if let Some(refusal) = &reply.refusal {
        return Err((State::Refused, format!("the judge declined: {}", one_line(refusal, 200))));
    }
    ended?;
    let text = match rung {
        Rung::Tool => reply.arguments.as_deref().or(reply.content.as_deref()),
        _ => reply.content.as_deref().or(reply.arguments.as_deref()),
    };
    text.ok_or_else(|| (State::Unparseable, "the reply has no content".to_owned()))
}

/// As [`settle`], for a verdict: the text to read, and what the reply says beside it (empty when nothing).
///
/// # Errors
/// As [`settle`]; `unparseable` when the reply holds no single answer of the judge.
pub fn settle_verdict(reply: &Reply, rung: Rung) -> Result<(&str, &str), (State, String)> {
    let text = settle(reply, rung)?;
    if let Some(why) = &reply.unsure {
        return Err((State::Unparseable, why.clone()));
    }
    let both = match (&reply.content, &reply.arguments) {
        (Some(content), Some(_)) if rung == Rung::Tool => content.as_str(),
        (Some(_), Some(arguments)) => arguments.as_str(),
        _ => "",
    };
    Ok((text, both))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn reply(message: Value, finish: Value) -> Result<Reply, String> {
        read_reply(json!({"choices": [{"message": message, "finish_reason": finish}]}).to_string().as_bytes())
    }

    #[test]
    fn each_body_is_json_with_what_its_shape_says() {
        let config = JudgeConfig { model: "m\"".into(), seed: Some(7), ..JudgeConfig::default() };
        for rung in [Rung::Schema, Rung::Tool, Rung::JsonObject, Rung::Text] {
            let writer = BodyWriter::new(&config, Shape { rung, ..Shape::first(true) });
            let again = Again { said: "no\n".into(), ask: "again".into() };
            let body: Value = serde_json::from_str(&writer.write("us\"er", Some(&again), 2, 2)).unwrap();
            assert_eq!(body["model"], "m\"");
            assert_eq!(body["messages"].as_array().map(Vec::len), Some(4));
            assert_eq!(body["messages"][1]["content"], "us\"er");
            assert_eq!(
                (&body["temperature"], &body["max_tokens"], &body["seed"]),
                (&json!(0), &json!(2048), &json!(9))
            );
            assert_eq!(body.get("tools").is_some(), rung == Rung::Tool);
            assert_eq!(
                body.pointer("/response_format/type").and_then(Value::as_str),
                match rung {
                    Rung::Schema => Some("json_schema"),
                    Rung::JsonObject => Some("json_object"),
                    _ => None,
                }
            );
        }
    }

    #[test]
    fn every_ending_has_its_state() {
        let settled = |message, finish| {
            settle(&reply(message, finish).unwrap(), Rung::Schema).map_err(|(s, _)| s).map(str::to_owned)
        };
        assert_eq!(settled(json!({"content": "x"}), json!("stop")), Ok("x".into()));
        assert_eq!(settled(json!({"content": [{"type": "text", "text": "x"}]}), json!(null)), Ok("x".into()));
        assert_eq!(settled(json!({"content": null}), json!("stop")), Err(State::Unparseable));
        assert_eq!(settled(json!({"content": "  "}), json!("stop")), Err(State::Unparseable));
        assert_eq!(settled(json!(null), json!("stop")), Err(State::Unparseable));
        assert_eq!(settled(json!({"content": "x"}), json!("length")), Err(State::Truncated));
        assert_eq!(settled(json!({"content": null, "refusal": "no"}), json!("stop")), Err(State::Refused));
        assert_eq!(settled(json!({"content": "x"}), json!("content_filter")), Err(State::Filtered));
        let call =
            json!({"content": null, "tool_calls": [{"function": {"name": "verdict", "arguments": "{}"}}]});
        assert_eq!(settled(call, json!("tool_calls")), Ok("{}".into()));
    }

    #[test]
    fn what_is_no_reply_is_said_in_one_line() {
        for (body, line) in [
            (
                "<!DOCTYPE html><html>",
                "an HTML page came instead of JSON: is base_url the address of an API?",
            ),
            ("", "the reply is empty"),
            ("data: {}\n\n", "an event stream came, though none was asked for"),
            (r#"{"choices":[]}"#, "the reply holds no choices"),
            (r#"{"object":"list"}"#, "the reply holds no choices"),
            (r#"{"error":{"message":"upstream\nfailed"}}"#, "200 with an error inside: upstream failed"),
        ] {
            assert_eq!(read_reply(body.as_bytes()).unwrap_err(), line);
        }
        for (body, how) in [(&b"\x1f\x8b\x08\x00"[..], "gzip"), (b"\x28\xb5\x2f\xfd\x04", "zstd")] {
            let told = read_reply(body).unwrap_err();
            assert!(told.contains(how) && told.contains("not asked for"), "{told}");
            assert!(ApiError::read(body).line().contains(how));
        }
        assert!(read_reply(b"[1,2]").unwrap_err().starts_with("the reply is not JSON of a chat completion"));
    }

    #[test]
    fn usage_that_is_not_told_is_unknown() {
        let of = |usage: Value| {
            read_reply(json!({"choices": [{}], "usage": usage}).to_string().as_bytes()).unwrap().usage
        };
        assert_eq!(of(json!(null)), None);
        assert_eq!(of(json!({"prompt_tokens": 3})), None);
        let told = json!({"prompt_tokens": 3, "completion_tokens": 4, "completion_tokens_details": {"reasoning_tokens": 2}});
        assert_eq!(
            of(told),
            Some(Usage { prompt_tokens: 3, completion_tokens: 4, reasoning_tokens: Some(2) })
        );
    }

    #[test]
    fn usage_beyond_all_calls_and_of_nothing_is_unknown() {
        let of = |usage: Value, content: &str| {
            let body = json!({"choices": [{"message": {"content": content}}], "usage": usage});
            read_reply(body.to_string().as_bytes()).unwrap().usage
        };
        let told =
            |prompt: Value, written: Value| json!({"prompt_tokens": prompt, "completion_tokens": written});
        for wrong in
            [json!(u64::MAX), json!(1_u64 << 63), json!(MOST_TOKENS + 1), json!(-1), json!("3"), json!(1.5)]
        {
            assert_eq!(of(told(wrong.clone(), json!(4)), "x"), None, "{wrong}");
            assert_eq!(of(told(json!(3), wrong.clone()), "x"), None, "{wrong}");
            let mut total = told(json!(3), json!(4));
            total["total_tokens"] = wrong.clone();
            assert_eq!(of(total, "x"), None, "{wrong}");
        }
        assert_eq!(of(told(json!(0), json!(0)), "x"), None);
        assert_eq!(of(told(json!(9), json!(0)), "x"), None);
        assert_eq!(of(told(json!(9), json!(0)), "").map(|u| u.completion_tokens), Some(0));
        assert_eq!(of(told(json!(MOST_TOKENS), json!(1)), "x").map(|u| u.prompt_tokens), Some(MOST_TOKENS));
    }

    #[test]
    fn thoughts_that_are_told_apart_are_paid_for() {
        let of = |usage: Value| {
            let body = json!({"choices": [{"message": {"content": "x"}}], "usage": usage});
            read_reply(body.to_string().as_bytes())
                .unwrap()
                .usage
                .map(|u| (u.prompt_tokens, u.completion_tokens))
        };
        let details = json!({"reasoning_tokens": 5000});
        let base =
            |total: Value| json!({"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": total});
        let with = |mut usage: Value| {
            usage["completion_tokens_details"] = details.clone();
            usage
        };
        assert_eq!(of(with(base(json!(5110)))), Some((100, 5010)), "told apart, the total says it");
        assert_eq!(of(base(json!(5110))), Some((100, 5010)), "the total alone");
        assert_eq!(of(with(base(json!(null)))), Some((100, 5010)), "no total");
        assert_eq!(of(base(json!(110))), Some((100, 10)));
        assert_eq!(of(base(json!(50))), Some((100, 10)), "a total that is too small is none");
        let within = json!({"prompt_tokens": 100, "completion_tokens": 5200, "total_tokens": 5300,
            "completion_tokens_details": details});
        assert_eq!(of(within), Some((100, 5200)), "the usual: thoughts are in it");
    }

    #[test]
    fn text_from_outside_becomes_one_harmless_line() {
        assert_eq!(one_line("a\u{1b}[31m\r\nb\u{202e}  c", 80), "a [31m b c");
        assert_eq!(one_line("abcdef", 4), "abc\u{2026}");
        assert_eq!(ApiError::read(b"").line(), "no reason given");
    }
}
