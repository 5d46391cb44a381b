//! The model calls of a trace: which spans are calls, in which dialect, and what was asked and answered.

use super::otlp::TraceSpan;
use crate::core::chat::ChatBody;
use serde_json::{Map, Value, json};

/// A call of a model.
#[derive(Debug, Clone, Default)]
pub struct Call {
    /// Messages in this program's form.
    pub messages: Vec<Value>,
    /// The answer's text; of an answer that calls tools, the calls.
    pub answer: Option<String>,
    /// Further answers to the same question.
    pub more: usize,
    /// The model that was asked for.
    pub requested: Option<String>,
    /// The model that says it answered.
    pub returned: Option<String>,
    /// Why it failed.
    pub error: Option<String>,
    /// Name and version of the prompt, where the trace says it.
    pub prompt: Option<(String, String)>,
    /// Why it is no item, though it is a call.
    pub missing: Option<&'static str>,
}

/// Content that was not captured.
pub const NOT_CAPTURED: &str = "its content was not captured: switch it on where the trace is made (OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT, \
     TRACELOOP_TRACE_CONTENT, OPENINFERENCE_HIDE_INPUTS, ... say so)";
const CUT: &str =
    "its content was cut by a limit on the length of values (OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT)";
const DROPPED: &str = "attributes were dropped by a limit on their number (OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT), so that messages are missing";
const REDACTED: &str = "its content was redacted where the trace was made";

fn text<'a>(map: &'a Map<String, Value>, key: &str) -> Option<&'a str> {
    map.get(key).and_then(Value::as_str).filter(|t| !t.is_empty())
}

/// JSON that stands in a text, at any depth that MLflow writes it at.
fn inner(value: &Value) -> Value {
    match value.as_str().map(super::super::json::lenient) {
        Some(Ok((value @ (Value::Object(_) | Value::Array(_) | Value::String(_)), _))) => value,
        _ => value.clone(),
    }
}

/// Whether a text begins as JSON and does not end as such.
fn is_cut(value: &Value) -> bool {
    value.as_str().is_some_and(|t| t.starts_with(['[', '{']) && super::super::json::lenient(t).is_err())
}

/// Which dialect a span is a call in.
fn dialect(a: &Map<String, Value>) -> Option<&'static str> {
    let word =
        |key: &str| a.get(key).map(inner).and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default();
    let is = |key: &str, value: &str| word(key).eq_ignore_ascii_case(value);
    if a.contains_key("langfuse.observation.type") {
        return is("langfuse.observation.type", "generation").then_some("langfuse");
    }
    if a.keys().any(|k| k.starts_with("mlflow.span")) && !a.contains_key("gen_ai.operation.name") {
        return (is("mlflow.spanType", "CHAT_MODEL") || is("mlflow.spanType", "LLM")).then_some("mlflow");
    }
    if a.contains_key("openinference.span.kind") {
        return is("openinference.span.kind", "LLM").then_some("openinference");
    }
    if let Some(operation) = text(a, "ai.operationId") {
        return (operation.ends_with(".doGenerate") || operation.ends_with(".doStream")).then_some("vercel");
    }
    if a.contains_key("genkit:type") || a.contains_key("genkit:metadata:subtype") {
        return is("genkit:metadata:subtype", "model").then_some("genkit");
    }
    if a.contains_key("langsmith.span.kind") {
        return is("langsmith.span.kind", "llm").then_some("langsmith");
    }
    let operation = word("gen_ai.operation.name");
    if !operation.is_empty() {
        return matches!(operation.as_str(), "chat" | "generate_content" | "text_completion")
            .then_some("genai");
    }
    let has_model = a.contains_key("gen_ai.request.model") || a.contains_key("gen_ai.response.model");
    let has_messages = a
        .keys()
        .any(|k| k.starts_with("gen_ai.prompt.") || k == "gen_ai.input.messages" || k == "request_data");
    (has_model && has_messages).then_some("genai")
}

/// Attributes with numbers in their names as a list: `PREFIX.0.rest`.
fn indexed(a: &Map<String, Value>, prefix: &str) -> Vec<Map<String, Value>> {
    let mut out: std::collections::BTreeMap<usize, Map<String, Value>> = std::collections::BTreeMap::new();
    for (key, value) in a {
        let Some((number, rest)) =
            key.strip_prefix(prefix).and_then(|k| k.strip_prefix('.')?.split_once('.'))
        else {
            continue;
        };
        if let Ok(number) = number.parse() {
            out.entry(number).or_default().insert(rest.to_owned(), value.clone());
        }
    }
    out.into_values().collect()
}

fn role_of(role: &str) -> String {
    match role.to_ascii_lowercase().as_str() {
        "developer" => "system",
        "model" | "ai" => "assistant",
        "human" => "user",
        other => return other.to_owned(),
    }
    .to_owned()
}

/// A message of any dialect in this program's form; `None` where it holds nothing.
fn message(value: &Value) -> Option<Value> {
    let map = value.as_object()?;
    let map = map.get("message").and_then(Value::as_object).unwrap_or(map);
    let mut role = role_of(map.get("role").and_then(Value::as_str).unwrap_or("assistant"));
    let mut texts: Vec<String> = Vec::new();
    let mut more: Vec<Value> = Vec::new();
    let mut calls: Vec<Value> = Vec::new();
    let parts = map.get("parts").or_else(|| map.get("content")).or_else(|| map.get("contents"));
    match parts {
        Some(Value::String(text)) => texts.push(text.clone()),
        Some(Value::Array(list)) => {
            for part in list {
                let kind = part.get("type").and_then(Value::as_str).unwrap_or_default();
                let call = part.get("toolUse").or_else(|| part.get("toolRequest"));
                let result = part.get("toolResult").or_else(|| part.get("toolResponse"));
                if let Some(text) = part.as_str().or_else(|| part.get("text").and_then(Value::as_str)) {
                    texts.push(text.to_owned());
                } else if matches!(kind, "tool_call" | "tool-call" | "tool_use") || call.is_some() {
                    calls.push(call_of(call.unwrap_or(part)));
                } else if matches!(kind, "tool_call_response" | "tool-result" | "tool_result")
                    || result.is_some()
                {
                    role = "tool".into();
                    let source = result.unwrap_or(part);
                    let found =
                        ["response", "result", "output", "content"].iter().find_map(|key| source.get(*key));
                    texts.push(plain(found.unwrap_or(&Value::Null)));
                } else if let Some(text) = part
                    .get("content")
                    .and_then(Value::as_str)
                    .filter(|_| matches!(kind, "text" | "reasoning" | ""))
                {
                    if kind != "reasoning" {
                        texts.push(text.to_owned());
                    }
                } else if !matches!(kind, "text" | "") {
                    more.push(part.clone());
                }
            }
        }
        _ => {}
    }
    for key in ["tool_calls", "toolCalls"] {
        calls.extend(map.get(key).and_then(Value::as_array).into_iter().flatten().map(call_of));
    }
    if texts.is_empty() && calls.is_empty() && more.is_empty() {
        return None;
    }
    let mut out = Map::new();
    out.insert("role".into(), Value::from(role));
    let joined = texts.join("\n");
    let content = match (more.is_empty(), texts.is_empty()) {
        (true, true) => Value::Null,
        (true, false) => Value::from(joined),
        (false, true) => Value::Array(more),
        (false, false) => std::iter::once(json!({"type": "text", "text": joined})).chain(more).collect(),
    };
    out.insert("content".into(), content);
    if !calls.is_empty() {
        out.insert("tool_calls".into(), Value::Array(calls));
    }
    Some(Value::Object(out))
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(list) if list.iter().all(|b| b.get("text").is_some()) => {
            list.iter().filter_map(|b| b["text"].as_str()).collect::<Vec<_>>().join("\n")
        }
        other => other.to_string(),
    }
}

/// A tool's call in the form of OpenAI: arguments as text.
fn call_of(call: &Value) -> Value {
    let call = call.get("tool_call").unwrap_or(call);
    let function = call.get("function").unwrap_or(call);
    let word = |keys: &[&str]| keys.iter().find_map(|key| function.get(*key).or_else(|| call.get(*key)));
    let name = word(&["name", "toolName"]).cloned().unwrap_or(Value::Null);
    let arguments = match word(&["arguments", "args", "input"]) {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    };
    json!({"type": "function", "function": {"name": name, "arguments": arguments}})
}

fn messages(value: &Value) -> Vec<Value> {
    match inner(value) {
        Value::Array(list) => list.iter().filter_map(message).collect(),
        Value::Object(map) => match ["messages", "input", "contents"].iter().find_map(|key| map.get(*key)) {
            Some(list @ Value::Array(_)) => {
                let system = ["system", "instructions"].iter().find_map(|k| map.get(*k)?.as_str());
                let system = system.map(|text| json!({"role": "system", "content": text}));
                system.into_iter().chain(messages(list)).collect()
            }
            Some(Value::String(text)) => {
                let system = map
                    .get("instructions")
                    .and_then(Value::as_str)
                    .map(|text| json!({"role": "system", "content": text}));
                system.into_iter().chain([json!({"role": "user", "content": text})]).collect()
            }
            _ => message(&Value::Object(map)).into_iter().collect(),
        },
        Value::String(text) if !text.is_empty() => vec![json!({"role": "user", "content": text})],
        _ => Vec::new(),
    }
}

/// What an answer says: its text, else the calls that it makes.
fn said(message: &Value) -> Option<String> {
    let body = ChatBody::read(&Value::Array(vec![message.clone()])).ok()?;
    let shown = body.template.messages().first()?.shown();
    (!shown.trim().is_empty()).then_some(shown)
}

/// Answers out of a value of any dialect: choices, messages, one message, or text.
fn answers(value: &Value) -> Vec<String> {
    match inner(value) {
        Value::String(text) if !text.is_empty() => vec![text],
        Value::Array(list) => {
            // Output items of the Responses API: one answer in several entries.
            let items: Vec<Value> = list.iter().filter_map(response_item).collect();
            if !items.is_empty() {
                return items
                    .iter()
                    .filter_map(said)
                    .collect::<Vec<_>>()
                    .join("\n")
                    .split('\0')
                    .map(str::to_owned)
                    .filter(|t| !t.is_empty())
                    .collect();
            }
            list.iter().filter_map(message).filter_map(|m| said(&m)).collect()
        }
        Value::Object(map) => {
            if let Some(list) = map.get("choices").or_else(|| map.get("output")).filter(|v| v.is_array()) {
                return answers(list);
            }
            if let Some(text) = map.get("output_text").and_then(Value::as_str) {
                return vec![text.to_owned()];
            }
            message(&Value::Object(map)).and_then(|m| said(&m)).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

/// An entry of a response's `output`: a message with `output_text`, or a call.
fn response_item(value: &Value) -> Option<Value> {
    match value.get("type").and_then(Value::as_str)? {
        "message" => message(value),
        "function_call" => {
            Some(json!({"role": "assistant", "content": null, "tool_calls": [call_of(value)]}))
        }
        _ => None,
    }
}

/// The call that a span is, with the log records that belong to it.
pub fn read(span: &TraceSpan, logs: &[&TraceSpan]) -> Option<Call> {
    let a = &span.attributes;
    let dialect = dialect(a)?;
    let mut call = Call { error: span.error.clone(), ..Call::default() };
    let value = |key: &str| a.get(key).filter(|v| !v.is_null());
    let mut looked: Vec<&Value> = Vec::new();
    let (mut question, mut answer): (Vec<Value>, Vec<String>);
    let take = |q: Option<&Value>, r: Option<&Value>| {
        (q.map(messages).unwrap_or_default(), r.map(answers).unwrap_or_default())
    };
    let mut pair = |q: &str, r: &str| {
        looked.extend([value(q), value(r)].into_iter().flatten());
        take(value(q), value(r))
    };
    match dialect {
        "langfuse" => (question, answer) = pair("langfuse.observation.input", "langfuse.observation.output"),
        "mlflow" => (question, answer) = pair("mlflow.spanInputs", "mlflow.spanOutputs"),
        "genkit" => (question, answer) = pair("genkit:input", "genkit:output"),
        "langsmith" => (question, answer) = pair("gen_ai.prompt", "gen_ai.completion"),
        "vercel" => {
            (question, _) = pair("ai.prompt.messages", "ai.response.text");
            answer = text(a, "ai.response.text").map(str::to_owned).into_iter().collect();
            if answer.is_empty()
                && let Some(Value::Array(calls)) = value("ai.response.toolCalls").map(inner)
            {
                let calls: Vec<Value> = calls.iter().map(call_of).collect();
                answer = said(&json!({"role": "assistant", "content": null, "tool_calls": calls}))
                    .into_iter()
                    .collect();
            }
        }
        "openinference" => {
            let of = |prefix: &str| -> Vec<Value> {
                indexed(a, prefix).iter().filter_map(|fields| message(&nested(fields, "message."))).collect()
            };
            question = of("llm.input_messages");
            answer = of("llm.output_messages").iter().filter_map(said).collect();
            looked.extend([value("input.value"), value("output.value")].into_iter().flatten());
        }
        _ => {
            (question, answer) = pair("gen_ai.input.messages", "gen_ai.output.messages");
            if question.is_empty() {
                question =
                    indexed(a, "gen_ai.prompt").iter().filter_map(|f| message(&nested(f, ""))).collect();
                answer = indexed(a, "gen_ai.completion")
                    .iter()
                    .filter_map(|f| message(&nested(f, "")))
                    .filter_map(|m| said(&m))
                    .collect();
            }
            if question.is_empty() {
                (question, answer) = pair("request_data", "response_data");
                if answer.is_empty()
                    && let Some(Value::Object(map)) = value("response_data").map(inner)
                {
                    answer = map.get("message").map(answers).unwrap_or_default();
                }
            }
            if question.is_empty() && answer.is_empty() {
                (question, answer) = of_events(span, logs);
            }
            if answer.is_empty() {
                // LiteLLM: parts that are empty, and the call beside them.
                let fields = indexed(a, "gen_ai.completion").into_iter().next().unwrap_or_default();
                if let Some(name) = fields.get("function_call.name") {
                    let made = json!({"name": name, "arguments": fields.get("function_call.arguments")});
                    let calls = json!({"role": "assistant", "content": null, "tool_calls": [call_of(&made)]});
                    answer.extend(said(&calls));
                }
            }
            if let Some(system) = value("gen_ai.system_instructions").map(inner)
                && question.first().and_then(|m| m["role"].as_str()) != Some("system")
            {
                let words = match &system {
                    Value::Array(parts) => message(&json!({"role": "system", "parts": parts})),
                    Value::String(text) => Some(json!({"role": "system", "content": text})),
                    _ => None,
                };
                question.splice(0..0, words);
            }
        }
    }
    let word = |keys: &[&str]| {
        keys.iter().find_map(|key| Some(inner(value(key)?)).and_then(|v| v.as_str().map(str::to_owned)))
    };
    call.requested = word(&["gen_ai.request.model", "ai.model.id", "model"]).or_else(|| {
        value("llm.invocation_parameters")
            .map(inner)
            .and_then(|v| v.get("model")?.as_str().map(str::to_owned))
    });
    call.returned = word(&[
        "gen_ai.response.model",
        "ai.response.model",
        "llm.model_name",
        "langfuse.observation.model.name",
        "mlflow.llm.model",
    ]);
    let version = value("langfuse.observation.prompt.version").or_else(|| value("gen_ai.prompt.version"));
    call.prompt = word(&["langfuse.observation.prompt.name", "gen_ai.prompt.name"])
        .map(|name| (name, version.map(|v| v.to_string().trim_matches('"').to_owned()).unwrap_or_default()));
    if call.error.is_none()
        && (text(a, "error.type").is_some() || text(a, "langfuse.observation.level") == Some("ERROR"))
    {
        call.error = Some(word(&["langfuse.observation.status_message", "error.type"]).unwrap_or_default());
    }
    call.more = answer.len().saturating_sub(1);
    // Of a call that failed there is no answer, even where an empty message says one.
    call.answer = answer.into_iter().next().filter(|_| call.error.is_none());
    let redacted = |m: &Value| m["content"] == "__REDACTED__";
    call.missing = if span.dropped > 0 {
        Some(DROPPED)
    } else if looked.iter().any(|v| is_cut(v)) {
        Some(CUT)
    } else if question.iter().any(redacted) || looked.iter().any(|v| v.as_str() == Some("__REDACTED__")) {
        Some(REDACTED)
    } else if question.is_empty() || (call.answer.is_none() && call.error.is_none()) {
        Some(NOT_CAPTURED)
    } else {
        None
    };
    call.messages = question;
    Some(call)
}

/// Flat fields as a message: `content`, `contents.0.message_content.text`, `tool_calls.0.tool_call.function.name`.
fn nested(fields: &Map<String, Value>, prefix: &str) -> Value {
    let own: Map<String, Value> = fields
        .iter()
        .filter_map(|(key, value)| Some((key.strip_prefix(prefix)?.to_owned(), value.clone())))
        .collect();
    let mut out = Map::new();
    for key in ["role", "content"] {
        out.extend(own.get(key).map(|value| (key.to_owned(), value.clone())));
    }
    let contents: Vec<Value> = indexed(&own, "contents")
        .iter()
        .map(|part| match part.get("message_content.text") {
            Some(text) => json!({"type": "text", "text": text}),
            None => {
                json!({"type": part.get("message_content.type").cloned().unwrap_or_else(|| "image".into()),
                "image_url": part.get("message_content.image.image.url")})
            }
        })
        .collect();
    if !contents.is_empty() {
        out.insert("content".into(), Value::Array(contents));
    }
    let calls: Vec<Value> = indexed(&own, "tool_calls")
        .iter()
        .map(|call| {
            let of =
                |key: &str| call.get(&format!("tool_call.function.{key}")).or_else(|| call.get(key)).cloned();
            json!({"function": {"name": of("name"), "arguments": of("arguments")}})
        })
        .collect();
    if !calls.is_empty() {
        out.insert("tool_calls".into(), Value::Array(calls));
    }
    Value::Object(out)
}

/// Messages as events of the span, or as log records beside it.
fn of_events(span: &TraceSpan, logs: &[&TraceSpan]) -> (Vec<Value>, Vec<String>) {
    let (mut question, mut answer) = (Vec::new(), Vec::new());
    let beside = logs.iter().map(|log| {
        let name = log.attributes.get("event.name").and_then(Value::as_str).unwrap_or(&log.name);
        let body = if log.body.is_null() { Value::Object(log.attributes.clone()) } else { log.body.clone() };
        (name.to_owned(), body)
    });
    let own = span.events.iter().map(|(name, attributes)| (name.clone(), Value::Object(attributes.clone())));
    for (name, body) in own.chain(beside) {
        if name == "gen_ai.client.inference.operation.details" {
            question.extend(body.get("gen_ai.input.messages").map(messages).unwrap_or_default());
            answer.extend(body.get("gen_ai.output.messages").map(answers).unwrap_or_default());
            continue;
        }
        let Some(role) = name
            .strip_prefix("gen_ai.")
            .and_then(|n| n.strip_suffix(".message").or(n.strip_suffix("choice").map(|_| "choice")))
        else {
            continue;
        };
        let mut map = body.as_object().cloned().unwrap_or_default();
        for key in ["content", "message"] {
            // Blocks as JSON in a text; any other JSON is what a tool said.
            if let Some(value) = map.get_mut(key)
                && let blocks @ (Value::Array(_) | Value::Object(_)) = inner(value)
                && (blocks.is_array() || key == "message")
            {
                *value = blocks;
            }
        }
        if role == "choice" {
            let mut made = match map.get("message") {
                Some(Value::Object(message)) => message.clone(),
                Some(other) => Map::from_iter([("content".to_owned(), other.clone())]),
                None => map.clone(),
            };
            made.entry("role").or_insert_with(|| "assistant".into());
            made.extend(map.get("tool_calls").map(|calls| ("tool_calls".to_owned(), calls.clone())));
            answer.extend(message(&Value::Object(made)).and_then(|m| said(&m)));
        } else {
            map.insert("role".into(), Value::from(role));
            question.extend(message(&Value::Object(map)));
        }
    }
    (question, answer)
}
