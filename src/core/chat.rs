//! Chat messages as the APIs of the field write them: a list, or the body of a request around one.
//!
//! ```text
//! [{"role","content": text | null | parts, ...}]        kept whole; what is no text has a short sign for people: [image_url]
//! {"model","temperature","messages": [...]}             OpenAI: messages, the rest into settings or named
//! {"system","messages"}                                 Anthropic: system is the first message
//! {"instructions","input"}                              OpenAI Responses
//! {"systemInstruction","contents": [{"role","parts"}]}  Gemini: `model` is `assistant`
//! ```

pub use super::message::Message;
use super::message::part_text;
use super::prompt::{ChatError, Template};
use serde_json::{Map, Value, json};

/// The messages with each text replaced by what `make` gives for it; all else stays as it is.
///
/// # Errors
/// What `make` says.
pub fn with_texts<E>(messages: &Value, mut make: impl FnMut(&str) -> Result<String, E>) -> Result<Value, E> {
    let mut messages = messages.clone();
    for message in messages.as_array_mut().into_iter().flatten() {
        match message.get_mut("content") {
            Some(Value::String(text)) => *text = make(text)?,
            Some(Value::Array(parts)) => {
                for part in parts {
                    let text = if part.is_string() { Some(part) } else { part.get_mut("text") };
                    if let Some(Value::String(text)) = text {
                        *text = make(text)?;
                    }
                }
            }
            _ => {}
        }
    }
    Ok(messages)
}

/// A chat out of a list of messages or a request's body, with what stands beside the messages.
#[derive(Debug, Clone, PartialEq)]
pub struct ChatBody {
    /// The messages.
    pub template: Template,
    /// What changes how a model answers: `model`, `temperature`, `tools`, ...
    pub config: Map<String, Value>,
    /// Keys of the body that are not kept.
    pub dropped: Vec<String>,
}

/// Keys of a request that belong to a prompt's settings.
const SETTINGS: [&str; 29] = [
    "model",
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "max_tokens",
    "max_completion_tokens",
    "max_output_tokens",
    "n",
    "seed",
    "stop",
    "stop_sequences",
    "presence_penalty",
    "frequency_penalty",
    "repetition_penalty",
    "logit_bias",
    "logprobs",
    "top_logprobs",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "functions",
    "function_call",
    "response_format",
    "reasoning_effort",
    "reasoning",
    "thinking",
    "verbosity",
    "generationConfig",
];

impl ChatBody {
    /// Reads a list of messages, or one of the bodies that this file's first lines show.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn read(value: &Value) -> Result<Self, ChatError> {
        let Value::Object(map) = value else {
            return Ok(Self { template: Template::chat(value)?, config: Map::new(), dropped: Vec::new() });
        };
        let mut map = map.clone();
        let mut messages = Vec::new();
        let system = ["system", "instructions"].into_iter().find_map(|key| map.shift_remove(key));
        if let Some(system) = system.filter(|system| !system.is_null()) {
            messages.push(json!({ "role": "system", "content": system }));
        }
        let gemini =
            ["systemInstruction", "system_instruction"].into_iter().find_map(|k| map.shift_remove(k));
        if let Some(system) = gemini {
            messages.push(json!({ "role": "system", "content": gemini_parts(system) }));
        }
        match (map.shift_remove("messages"), map.shift_remove("input"), map.shift_remove("contents")) {
            (Some(Value::Array(list)), None, None) => messages.extend(list),
            (None, Some(Value::Array(list)), None) => messages.extend(list),
            (None, Some(Value::String(text)), None) => {
                messages.push(json!({ "role": "user", "content": text }))
            }
            (None, None, Some(Value::Array(list))) => messages.extend(list.into_iter().map(gemini_message)),
            _ => return Err(ChatError("the object has no list 'messages', 'input' or 'contents'".into())),
        }
        let mut config = Map::new();
        let mut dropped = Vec::new();
        for (key, value) in map {
            if SETTINGS.contains(&key.as_str()) { _ = config.insert(key, value) } else { dropped.push(key) }
        }
        Ok(Self { template: Template::chat(&Value::Array(messages))?, config, dropped })
    }
}

fn gemini_message(message: Value) -> Value {
    let Value::Object(mut map) = message else { return message };
    let parts = map.shift_remove("parts").unwrap_or(Value::Null);
    let role = match map.shift_remove("role") {
        Some(Value::String(role)) if role == "model" => "assistant".to_owned(),
        Some(Value::String(role)) => role,
        _ => "user".to_owned(),
    };
    json!({ "role": role, "content": gemini_parts(parts) })
}

/// One text as a text; more parts as they are.
fn gemini_parts(value: Value) -> Value {
    let parts = match value {
        Value::Object(mut map) => map.shift_remove("parts").unwrap_or(Value::Object(map)),
        other => other,
    };
    match parts.as_array().map(Vec::as_slice) {
        Some([only]) if part_text(only).is_some() => part_text(only).map_or(Value::Null, Value::from),
        _ => parts,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: Value) -> Message {
        Message::read(&value).unwrap()
    }

    #[test]
    fn parts_calls_and_placeholders_are_kept_and_have_signs() {
        let parts = read(json!({"role": "user", "content": [
            {"type": "text", "text": "Look:", "cache_control": {"type": "ephemeral"}},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}, "and say"]}));
        assert_eq!(
            (parts.content.as_str(), &parts.more[..]),
            ("Look:\nand say", &["[image_url]".to_owned()][..])
        );
        let call =
            json!({"id": "c1", "type": "function", "function": {"name": "w", "arguments": "{\"x\":1}"}});
        let calls = read(json!({"role": "assistant", "content": null, "tool_calls": [call]}));
        assert_eq!(calls.shown(), "[call w({\"x\":1})]");
        assert_eq!(read(json!({"role": "assistant", "tool_calls": [call]})).more, calls.more);
        assert_eq!(read(json!({"type": "placeholder", "name": "history"})).shown(), "[placeholder history]");
        assert_eq!(
            read(json!({"role": "assistant", "content": null, "refusal": "No."})).more,
            ["[refusal: No.]"]
        );
        for bad in [
            json!("x"),
            json!({"content": "x"}),
            json!({"role": 1, "content": "x"}),
            json!({"role": "user"}),
            json!({"role": "user", "content": null}),
            json!({"role": "assistant", "content": null, "tool_calls": []}),
            json!({"role": "user", "content": 3}),
            json!({"role": "user", "content": [3]}),
        ] {
            assert!(Message::read(&bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn texts_are_made_anew_and_all_else_stays() {
        let messages = json!([
            {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": "a"}}]},
            {"role": "assistant", "content": null, "tool_calls": [{"function": {"name": "a", "arguments": "a"}}]},
            {"role": "tool", "tool_call_id": "a", "content": "a"}]);
        let made = with_texts::<()>(&messages, |text| Ok(text.to_uppercase())).unwrap();
        let mut expected = messages;
        expected[0]["content"][0]["text"] = json!("A");
        expected[2]["content"] = json!("A");
        assert_eq!(made, expected);
    }

    #[test]
    fn bodies_of_requests_give_messages_settings_and_what_is_dropped() {
        let hi = json!([{"role": "user", "content": "hi"}]);
        let roles = |body: &ChatBody| {
            body.template.messages().iter().map(|m| format!("{}:{}", m.role, m.content)).collect::<Vec<_>>()
        };
        let openai = json!({"model": "m", "temperature": 0.2, "messages": hi, "stream": true, "tools": []});
        let body = ChatBody::read(&openai).unwrap();
        assert_eq!(roles(&body), ["user:hi"]);
        assert_eq!(json!(body.config), json!({"model": "m", "temperature": 0.2, "tools": []}));
        assert_eq!(body.dropped, ["stream"]);
        let anthropic =
            ChatBody::read(&json!({"system": [{"type": "text", "text": "be kind"}], "messages": hi}))
                .unwrap();
        assert_eq!(roles(&anthropic), ["system:be kind", "user:hi"]);
        let responses = ChatBody::read(&json!({"instructions": "s", "input": "hi", "model": "m"})).unwrap();
        assert_eq!(roles(&responses), ["system:s", "user:hi"]);
        let gemini = ChatBody::read(&json!({
            "systemInstruction": {"parts": [{"text": "s"}]},
            "contents": [{"parts": [{"text": "q"}]}, {"role": "model", "parts": [{"text": "a"}]}],
            "generationConfig": {"temperature": 1}}))
        .unwrap();
        assert_eq!(roles(&gemini), ["system:s", "user:q", "assistant:a"]);
        assert!(ChatBody::read(&json!({"model": "m"})).is_err() && ChatBody::read(&json!("x")).is_err());
        assert!(ChatBody::read(&json!({"system": "x", "messages": "hi"})).is_err());
    }
}
