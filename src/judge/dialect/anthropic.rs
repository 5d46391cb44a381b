//! Anthropic Messages: the system message apart, a schema in `output_config`, thoughts and text as blocks.

use super::super::Usage;
use super::super::capabilities::Rung;
use super::super::prompt::SCHEMA_NAME;
use super::super::reset;
use super::super::wire::{JudgeReply, no_error, one_answer};
use super::{
    Ask, Dialect, EndpointAddress, HeaderLookup, Home, ModelAsk, json_of, plausible, tokens, tokens_or_none,
};
use serde_json::{Map, Value, json};
use std::time::Duration;

/// Anthropic Messages.
#[derive(Debug)]
pub struct Anthropic;

/// The version of the API that this file speaks.
const VERSION: &str = "2023-06-01";

impl Dialect for Anthropic {
    fn name(&self) -> &'static str {
        "anthropic"
    }

    fn words(&self) -> &'static str {
        "Anthropic Messages"
    }

    fn home(&self) -> Option<Home> {
        Some(Home {
            base_url: "https://api.anthropic.com",
            base_variables: &["ANTHROPIC_BASE_URL"],
            key_variables: &["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"],
        })
    }

    fn speaks_at(&self, place: &EndpointAddress<'_>) -> bool {
        place.path.ends_with("/messages")
            || (place.host == "api.anthropic.com" && !place.path.contains("/openai"))
    }

    fn auth(&self, key: &str) -> (&'static str, String) {
        ("x-api-key", key.to_owned())
    }

    fn headers(&self) -> &'static [(&'static str, &'static str)] {
        &[("anthropic-version", VERSION)]
    }

    fn call_path(&self, base: &str, _model: &str) -> String {
        format!("{}/messages", versioned(base))
    }

    fn models_path(&self, base: &str) -> Option<String> {
        Some(format!("{}/models", versioned(base)))
    }

    fn formats(&self) -> &'static [Rung] {
        &[Rung::Schema, Rung::Tool, Rung::Text]
    }

    fn ask(&self, ask: &Ask<'_>) -> String {
        let messages: Vec<Value> =
            ask.turns().into_iter().map(|(role, text)| json!({"role": role, "content": text})).collect();
        let mut body = Map::new();
        body.insert("model".to_owned(), json!(ask.config.model));
        body.insert("max_tokens".to_owned(), json!(ask.room));
        body.insert("system".to_owned(), json!(ask.form.system));
        body.insert("messages".to_owned(), json!(messages));
        if let Some(temperature) = ask.temperature() {
            body.insert("temperature".to_owned(), json!(temperature));
        }
        let schema = json_of(ask.form.schema_of(ask.shape));
        let mut output = Map::new();
        match ask.shape.rung {
            Rung::Schema => {
                output.insert("format".to_owned(), json!({"type": "json_schema", "schema": schema}));
            }
            Rung::Tool => {
                let tool =
                    json!({"name": SCHEMA_NAME, "description": "Gives the verdict.", "input_schema": schema});
                body.insert("tools".to_owned(), json!([tool]));
                body.insert("tool_choice".to_owned(), json!({"type": "tool", "name": SCHEMA_NAME}));
            }
            Rung::JsonObject | Rung::Text => {}
        }
        if let Some(effort) = &ask.config.reasoning_effort {
            output.insert("effort".to_owned(), json!(effort));
        }
        if !output.is_empty() {
            body.insert("output_config".to_owned(), Value::Object(output));
        }
        Value::Object(body).to_string()
    }

    fn writing(&self, writing: &ModelAsk<'_>) -> Map<String, Value> {
        let (system, rest) = writing.system_apart();
        let mut body = writing.rest(&["temperature", "max_tokens", "max_completion_tokens", "seed", "stop"]);
        let messages: Vec<Value> =
            rest.iter().map(|m| json!({"role": m.role, "content": m.content})).collect();
        body.insert("model".to_owned(), json!(writing.config.model));
        body.insert("max_tokens".to_owned(), json!(writing.room()));
        body.insert("messages".to_owned(), json!(messages));
        if !system.is_empty() {
            body.insert("system".to_owned(), json!(system));
        }
        if let Some(temperature) = writing.temperature() {
            body.insert("temperature".to_owned(), json!(temperature));
        }
        if let Some(stop) = writing.stop() {
            body.insert("stop_sequences".to_owned(), stop);
        }
        if let Some(effort) = &writing.config.reasoning_effort {
            body.insert("output_config".to_owned(), json!({"effort": effort}));
        }
        body
    }

    fn reply(&self, body: &[u8]) -> Result<JudgeReply, String> {
        let value = no_error(body, "an Anthropic message")?;
        let blocks = value
            .get("content")
            .and_then(Value::as_array)
            .ok_or_else(|| "the reply is no message: it has no content".to_owned())?;
        let kind = |block: &&Value, kind: &str| block.get("type").and_then(Value::as_str) == Some(kind);
        let text: String = blocks
            .iter()
            .filter(|b| kind(b, "text"))
            .filter_map(|b| b.get("text").and_then(Value::as_str))
            .collect();
        let calls: Vec<(Option<&str>, String)> = blocks
            .iter()
            .filter(|b| kind(b, "tool_use"))
            .map(|b| {
                let input = b.get("input").map(Value::to_string).unwrap_or_default();
                (b.get("name").and_then(Value::as_str), input)
            })
            .collect();
        let (arguments, unsure) = one_answer(&calls);
        let said = !text.trim().is_empty() || !calls.is_empty();
        Ok(JudgeReply {
            content: (!text.trim().is_empty()).then_some(text),
            arguments,
            refusal: None,
            unsure,
            finish_reason: value.get("stop_reason").and_then(Value::as_str).map(str::to_owned),
            model: value.get("model").and_then(Value::as_str).map(str::to_owned),
            thought: blocks
                .iter()
                .filter(|b| kind(b, "thinking"))
                .filter_map(|b| b.get("thinking").and_then(Value::as_str))
                .map(|t| t.chars().count())
                .sum(),
            usage: value.get("usage").and_then(|usage| usage_of(usage, said)),
        })
    }

    fn limits(&self, header: HeaderLookup<'_>, now_s: i64) -> Option<(Duration, &'static str)> {
        let left = |name: &str, what: &'static str| {
            header(&format!("anthropic-ratelimit-{name}-remaining")).filter(|left| left.trim() == "0")?;
            let reset = header(&format!("anthropic-ratelimit-{name}-reset"))?;
            let at: jiff::Timestamp = reset.trim().parse().ok()?;
            Some((Duration::from_secs(u64::try_from(at.as_second() - now_s).unwrap_or(0)), what))
        };
        let own = ["requests", "tokens", "input-tokens", "output-tokens"]
            .into_iter()
            .filter_map(|name| left(name, if name == "requests" { "requests" } else { "tokens" }))
            .max();
        own.or_else(|| reset::used_up(header, now_s))
    }
}

/// The base with its version.
fn versioned(base: &str) -> String {
    if base.ends_with("/v1") { base.to_owned() } else { format!("{base}/v1") }
}

/// What is read from and written to the cache stands beside `input_tokens`, not in it.
fn usage_of(usage: &Value, said: bool) -> Option<Usage> {
    let cached = tokens_or_none(usage.get("cache_read_input_tokens"))?;
    let written = tokens_or_none(usage.get("cache_creation_input_tokens"))?;
    let input = tokens(usage.get("input_tokens")?)?;
    let output = tokens(usage.get("output_tokens")?)?;
    let thoughts = ["/output_tokens_details/reasoning_tokens", "/output_tokens_details/thinking_tokens"];
    let thought = thoughts.iter().find_map(|path| usage.pointer(path)).and_then(tokens);
    plausible(
        Usage {
            prompt_tokens: input + cached.unwrap_or(0) + written.unwrap_or(0),
            completion_tokens: output,
            reasoning_tokens: thought,
            cached_tokens: cached,
            cache_write_tokens: written,
            cost_nano_usd: None,
        },
        said,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_cached_is_counted_beside_the_input() {
        let body = json!({"content": [
                {"type": "thinking", "thinking": "Is it {\"score\":1}?"},
                {"type": "text", "text": "{\"score\":4}"}],
            "stop_reason": "end_turn", "model": "m-1",
            "usage": {"input_tokens": 300, "cache_creation_input_tokens": 10, "cache_read_input_tokens": 200, "output_tokens": 30}});
        let reply = Anthropic.reply(body.to_string().as_bytes()).unwrap();
        assert_eq!(reply.content.as_deref(), Some("{\"score\":4}"));
        let usage = reply.usage.unwrap();
        assert_eq!((usage.prompt_tokens, usage.completion_tokens), (510, 30));
        assert_eq!((usage.cached_tokens, usage.cache_write_tokens), (Some(200), Some(10)));
    }

    #[test]
    fn its_own_headers_say_when_nothing_is_left() {
        let header = |name: &str| match name {
            "anthropic-ratelimit-requests-remaining" => Some("0".to_owned()),
            "anthropic-ratelimit-requests-reset" => Some("2026-11-30T12:00:30Z".to_owned()),
            _ => None,
        };
        let now = "2026-11-30T12:00:00Z".parse::<jiff::Timestamp>().unwrap().as_second();
        assert_eq!(Anthropic.limits(&header, now), Some((Duration::from_secs(30), "requests")));
    }
}
