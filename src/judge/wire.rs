//! What came back, in the terms of no single API: replies, errors, and what an ending says of an answer.

use super::Usage;
pub use super::api_error::ApiError;
use super::api_error::is_html;
use super::body::is_compressed;
pub use super::body::{compressed, one_line};
use super::capabilities::Rung;
use super::prompt::SCHEMA_NAME;
use crate::core::verdict::VerdictState;
use serde_json::Value;

/// What a successful answer holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct JudgeReply {
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
    /// Characters of thinking that came beside the answer.
    pub thought: usize,
    /// Tokens.
    pub usage: Option<Usage>,
}

/// Why a body is no reply, in one line.
pub(super) fn not_a_reply(body: &[u8], what: &str, error: &serde_json::Error) -> String {
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
        format!("the reply is not JSON of {what}: {}", one_line(&error.to_string(), 100))
    }
}

/// What an answer says in several places that do not agree.
pub(super) const SEVERAL: &str = "the reply holds several answers that differ";

/// An answer as JSON, `what` in words. An error inside of it is no answer.
///
/// # Errors
/// One line saying what came instead.
pub(super) fn no_error(body: &[u8], what: &str) -> Result<Value, String> {
    let value: Value = serde_json::from_slice(body).map_err(|error| not_a_reply(body, what, &error))?;
    match value.get("error") {
        None | Some(Value::Null) => Ok(value),
        Some(_) => Err(format!("200 with an error inside: {}", ApiError::from_value(&value).line())),
    }
}

/// The status that an error inside a good answer stands for: its code, or what its kind says. `None` where there is no error,
/// or none that is told apart.
pub(super) fn hidden_status(body: &[u8]) -> Option<u16> {
    // Most answers hold no such word, and are read once.
    if !body.windows(7).any(|w| w == b"\"error\"") {
        return None;
    }
    let value: Value = serde_json::from_slice(body).ok()?;
    let told = |value: &Value| value.get("error").filter(|e| !e.is_null()).cloned();
    let error = told(&value).or_else(|| value.pointer("/choices/0").and_then(told))?;
    let code = |key: &str| error.get(key).and_then(|c| c.as_u64().or_else(|| c.as_str()?.parse().ok()));
    if let Some(status) = code("code").or_else(|| code("status")).and_then(|c| u16::try_from(c).ok()) {
        return (400..600).contains(&status).then_some(status);
    }
    let read = ApiError::from_value(&serde_json::json!({ "error": error }));
    if read.is_quota() || (read.is_rate() && !read.is_overloaded()) {
        return Some(429);
    }
    read.is_overloaded().then_some(529)
}

/// The arguments of the calls in an answer (each with the name it calls), and why they are no single answer of the judge.
pub(super) fn one_answer(calls: &[(Option<&str>, String)]) -> (Option<String>, Option<String>) {
    let Some((_, first)) = calls.first() else { return (None, None) };
    let arguments = Some(first.clone()).filter(|text| !text.trim().is_empty());
    if calls.iter().any(|(_, other)| other != first) {
        return (arguments, Some(SEVERAL.to_owned()));
    }
    let other = calls.iter().find_map(|(name, _)| name.filter(|n| !matches!(n.trim(), "" | SCHEMA_NAME)));
    let unsure =
        other.map(|name| format!("the reply calls \"{}\", which was not offered", one_line(name, 40)));
    (arguments, unsure)
}

/// What a finish reason says of an answer.
fn finished(reply: &JudgeReply, rung: Rung) -> Result<(), (VerdictState, String)> {
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
        | "incomplete" => Err((VerdictState::Truncated, "the answer was cut at the token limit".to_owned())),
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
        | "model_armor"
        | "guardrail_intervened" => {
            Err((VerdictState::Filtered, "the endpoint's content filter withheld the answer".to_owned()))
        }
        "refusal" => Err((VerdictState::Refused, "the judge declined: no reason given".to_owned())),
        // An answer that ended otherwise is no whole answer: the endpoint's fault, whatever it calls it.
        _ => Err((
            VerdictState::HttpError,
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
pub fn settle(reply: &JudgeReply, rung: Rung) -> Result<&str, (VerdictState, String)> {
    let ended = finished(reply, rung);
    if let Err((VerdictState::Filtered, _)) = ended {
        return ended.map(|()| "");
    }
    if let Some(refusal) = &reply.refusal {
        return Err((VerdictState::Refused, format!("the judge declined: {}", one_line(refusal, 200))));
    }
    ended?;
    let text = match rung {
        Rung::Tool => reply.arguments.as_deref().or(reply.content.as_deref()),
        _ => reply.content.as_deref().or(reply.arguments.as_deref()),
    };
    text.ok_or_else(|| {
        let why = match reply.thought {
            0 => "the reply has no content".to_owned(),
            n => format!(
                "the reply has no content; {n} characters of thinking came beside it: switch thinking off \
                 (reasoning_effort = \"none\", or extra = {{ chat_template_kwargs = {{ enable_thinking = false }} }})"
            ),
        };
        (VerdictState::Unparseable, why)
    })
}

/// As [`settle`], for a verdict: the text to read, and what the reply says beside it (empty when nothing).
///
/// # Errors
/// As [`settle`]; `unparseable` when the reply holds no single answer of the judge.
pub fn settle_verdict(reply: &JudgeReply, rung: Rung) -> Result<(&str, &str), (VerdictState, String)> {
    let text = settle(reply, rung)?;
    if let Some(why) = &reply.unsure {
        return Err((VerdictState::Unparseable, why.clone()));
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

    #[test]
    fn text_from_outside_becomes_one_harmless_line() {
        assert_eq!(one_line("a\u{1b}[31m\r\nb\u{202e}  c", 80), "a [31m b c");
        assert_eq!(one_line("abcdef", 4), "abc\u{2026}");
        assert_eq!(ApiError::read(b"").line(), "no reason given");
    }
}
