//! OpenAI chat completions: the dialect that most servers, gateways and providers speak, tolerant of what they really send.

mod stream;
#[cfg(test)]
mod tests;

use super::super::Usage;
use super::super::capabilities::{RequestShape, Rung};
use super::super::prompt::SCHEMA_NAME;
use super::super::wire::{ApiError, JudgeReply, SEVERAL, not_a_reply, one_line};
use super::{Ask, Dialect, EndpointAddress, Home, ModelAsk, Stream, plausible, tokens, tokens_or_none};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::fmt::Write;

/// OpenAI chat completions.
#[derive(Debug)]
pub struct OpenAiChat;

impl Dialect for OpenAiChat {
    fn name(&self) -> &'static str {
        "openai"
    }

    fn words(&self) -> &'static str {
        "OpenAI chat completions"
    }

    fn answer_words(&self) -> &'static str {
        "chat completion"
    }

    fn home(&self) -> Option<Home> {
        Some(Home {
            base_url: "https://api.openai.com/v1",
            base_variables: &["OPENAI_BASE_URL"],
            key_variables: &["OPENAI_API_KEY"],
        })
    }

    fn speaks_at(&self, _place: &EndpointAddress<'_>) -> bool {
        true
    }

    fn call_path(&self, base: &str, _model: &str) -> String {
        format!("{base}/chat/completions")
    }

    fn takes_seed(&self) -> bool {
        true
    }

    fn gives_logprobs(&self) -> bool {
        true
    }

    fn renames_room(&self) -> bool {
        true
    }

    fn formats(&self) -> &'static [Rung] {
        &[Rung::Schema, Rung::Tool, Rung::JsonObject, Rung::Text]
    }

    fn ask(&self, ask: &Ask<'_>) -> String {
        question(ask)
    }

    fn writing(&self, writing: &ModelAsk<'_>) -> Map<String, Value> {
        response(writing)
    }

    fn reply(&self, body: &[u8]) -> Result<JudgeReply, String> {
        read_reply(body)
    }

    fn stream(&self) -> Option<Box<dyn Stream>> {
        Some(Box::<stream::Assembly>::default())
    }

    fn batch(&self) -> Option<&'static str> {
        Some("/v1/chat/completions")
    }
}

fn quoted(text: &str) -> String {
    // A string always serialises.
    serde_json::to_string(text).unwrap_or_default()
}

/// The body of a question. Written by hand, in an order that stays: thousands of calls write it, and the same question gives
/// the same bytes.
pub(super) fn question(ask: &Ask<'_>) -> String {
    let mut body = String::with_capacity(ask.form.system.len() * 9 / 8 + ask.user.len() * 9 / 8 + 1000);
    // Writing to a String cannot fail.
    let _ = write!(
        body,
        r#"{{"model":{},"messages":[{{"role":"system","content":{}}}"#,
        quoted(&ask.config.model),
        quoted(ask.form.system)
    );
    for (role, text) in ask.turns() {
        let _ = write!(body, r#",{{"role":"{role}","content":{}}}"#, quoted(text));
    }
    body.push(']');
    parameters(&mut body, ask);
    body.push('}');
    body
}

fn parameters(body: &mut String, ask: &Ask<'_>) {
    let shape: &RequestShape = ask.shape;
    if let Some(temperature) = ask.temperature() {
        let _ = write!(body, r#","temperature":{temperature}"#);
    }
    if let Some(name) = shape.room.name() {
        let _ = write!(body, r#","{name}":{}"#, ask.room);
    }
    if let Some(seed) = ask.seed() {
        let _ = write!(body, r#","seed":{seed}"#);
    }
    if let Some(effort) = &ask.config.reasoning_effort {
        let _ = write!(body, r#","reasoning_effort":{}"#, quoted(effort));
    }
    if shape.logprobs {
        let _ = write!(body, r#","logprobs":true,"top_logprobs":{}"#, shape.top_logprobs.unwrap_or(20));
    }
    let schema = ask.form.schema_of(shape);
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

/// The body that asks a model for a response.
pub(super) fn response(writing: &ModelAsk<'_>) -> Map<String, Value> {
    let ModelAsk { config, messages, params, .. } = writing;
    let mut body = Map::new();
    body.insert("model".to_owned(), json!(config.model));
    body.insert("messages".to_owned(), json!(messages));
    if let Some(temperature) = config.temperature {
        body.insert("temperature".to_owned(), json!(temperature));
    }
    if let Some(seed) = config.seed {
        body.insert("seed".to_owned(), json!(seed));
    }
    body.insert("max_tokens".to_owned(), json!(config.max_tokens));
    if let Some(effort) = &config.reasoning_effort {
        body.insert("reasoning_effort".to_owned(), json!(effort));
    }
    for (name, value) in *params {
        body.insert(name.clone(), value.clone());
    }
    if body.contains_key("max_completion_tokens") {
        body.remove("max_tokens");
    } else if writing.renamed
        && let Some(room) = body.remove("max_tokens")
    {
        body.insert("max_completion_tokens".to_owned(), room);
    }
    if writing.pieces {
        body.insert("stream".to_owned(), json!(true));
        body.insert("stream_options".to_owned(), json!({"include_usage": true}));
    }
    body
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
fn read_reply(body: &[u8]) -> Result<JudgeReply, String> {
    let raw: RawReply =
        serde_json::from_slice(body).map_err(|error| not_a_reply(body, "a chat completion", &error))?;
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
    Ok(JudgeReply {
        content: content_of(message.get("content")),
        arguments: calls.first().and_then(|(_, arguments)| text(arguments)),
        refusal: refusal_of(&message),
        unsure: if others { Some(SEVERAL.to_owned()) } else { unsure(&message, &calls) },
        finish_reason: finish_of(&finish_reason),
        model: text(&raw.model),
        thought: thought_of(&message),
        usage: usage_of(&raw.usage, says_something(&message)),
    })
}

/// Characters of thinking that stand beside the content, under the names that servers give it.
fn thought_of(message: &Value) -> usize {
    let told = ["reasoning_content", "reasoning"].into_iter().find_map(|key| message.get(key)?.as_str());
    told.map_or(0, |text| text.chars().count())
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

/// What the endpoint says that a call cost (OpenRouter), in billionths of a USD.
fn cost_of(usage: &Value) -> Option<u64> {
    let usd = usage.get("cost")?.as_f64().filter(|usd| (0.0..1e4).contains(usd))?;
    // Within the range of the number: a few thousand USD are 1e13 at most.
    Some((usd * 1e9).round() as u64)
}

/// What a call used. `None` (not known, which caps take for the most it can have been) where a number is missing or
/// beyond all calls, and where an answer is said to have taken no tokens.
///
/// Thoughts are paid for as what is written. Most servers have them in `completion_tokens`; some tell them apart, and
/// then the total says it, or they are more than what was written.
fn usage_of(usage: &Value, answered: bool) -> Option<Usage> {
    let (prompt, written) = (tokens(usage.get("prompt_tokens")?)?, tokens(usage.get("completion_tokens")?)?);
    let total = tokens_or_none(usage.get("total_tokens"))?;
    let thought = tokens_or_none(usage.pointer("/completion_tokens_details/reasoning_tokens"))?;
    let apart = thought.filter(|thought| *thought > written).map_or(written, |thought| written + thought);
    let completion =
        total.map_or(apart, |total| total.saturating_sub(prompt).max(written).max(thought.unwrap_or(0)));
    plausible(
        Usage {
            prompt_tokens: prompt,
            completion_tokens: completion,
            reasoning_tokens: thought,
            cached_tokens: tokens_or_none(usage.pointer("/prompt_tokens_details/cached_tokens")).flatten(),
            cache_write_tokens: tokens_or_none(usage.pointer("/prompt_tokens_details/cache_write_tokens"))
                .flatten(),
            cost_nano_usd: cost_of(usage),
        },
        answered,
    )
}
