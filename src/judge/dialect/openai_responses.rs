//! OpenAI Responses: the only API of some models. Instructions apart, the schema in `text.format`, items for an answer.

use super::super::Usage;
use super::super::capabilities::Rung;
use super::super::prompt::SCHEMA_NAME;
use super::super::wire::{JudgeReply, no_error, one_answer};
use super::{Ask, Dialect, EndpointAddress, ModelAsk, json_of, plausible, tokens, tokens_or_none};
use serde_json::{Map, Value, json};

/// OpenAI Responses.
#[derive(Debug)]
pub struct OpenAiResponses;

impl Dialect for OpenAiResponses {
    fn name(&self) -> &'static str {
        "responses"
    }

    fn words(&self) -> &'static str {
        "OpenAI Responses"
    }

    fn speaks_at(&self, place: &EndpointAddress<'_>) -> bool {
        place.path.ends_with("/responses") || (place.host == "api.openai.com" && is_only_here(place.model))
    }

    fn call_path(&self, base: &str, _model: &str) -> String {
        format!("{base}/responses")
    }

    fn formats(&self) -> &'static [Rung] {
        &[Rung::Schema, Rung::JsonObject, Rung::Text]
    }

    fn ask(&self, ask: &Ask<'_>) -> String {
        let input: Vec<Value> =
            ask.turns().into_iter().map(|(role, text)| json!({"role": role, "content": text})).collect();
        let mut body = Map::new();
        body.insert("model".to_owned(), json!(ask.config.model));
        body.insert("instructions".to_owned(), json!(ask.form.system));
        body.insert("input".to_owned(), json!(input));
        body.insert("store".to_owned(), json!(false));
        body.insert("max_output_tokens".to_owned(), json!(ask.room));
        if let Some(temperature) = ask.temperature() {
            body.insert("temperature".to_owned(), json!(temperature));
        }
        let format = match ask.shape.rung {
            Rung::Schema => Some(json!({"type": "json_schema", "name": SCHEMA_NAME, "strict": true,
                "schema": json_of(ask.form.schema_of(ask.shape))})),
            Rung::JsonObject => Some(json!({"type": "json_object"})),
            Rung::Tool | Rung::Text => None,
        };
        if let Some(format) = format {
            body.insert("text".to_owned(), json!({"format": format}));
        }
        if let Some(effort) = &ask.config.reasoning_effort {
            body.insert("reasoning".to_owned(), json!({"effort": effort}));
        }
        Value::Object(body).to_string()
    }

    fn writing(&self, writing: &ModelAsk<'_>) -> Map<String, Value> {
        let (system, rest) = writing.system_apart();
        let mut body = writing.rest(&["temperature", "max_tokens", "max_completion_tokens", "seed", "stop"]);
        let input: Vec<Value> = rest.iter().map(|m| json!({"role": m.role, "content": m.content})).collect();
        body.insert("model".to_owned(), json!(writing.config.model));
        body.insert("input".to_owned(), json!(input));
        body.insert("store".to_owned(), json!(false));
        body.insert("max_output_tokens".to_owned(), json!(writing.room()));
        if !system.is_empty() {
            body.insert("instructions".to_owned(), json!(system));
        }
        if let Some(temperature) = writing.temperature() {
            body.insert("temperature".to_owned(), json!(temperature));
        }
        if let Some(effort) = &writing.config.reasoning_effort {
            body.insert("reasoning".to_owned(), json!({"effort": effort}));
        }
        body
    }

    fn reply(&self, body: &[u8]) -> Result<JudgeReply, String> {
        let value = no_error(body, "an OpenAI response")?;
        let items = value
            .get("output")
            .and_then(Value::as_array)
            .ok_or_else(|| "the reply is no response: it has no output".to_owned())?;
        let kind = |item: &Value, kind: &str| item.get("type").and_then(Value::as_str) == Some(kind);
        let parts: Vec<&Value> = items
            .iter()
            .filter(|item| kind(item, "message"))
            .filter_map(|item| item.get("content").and_then(Value::as_array))
            .flatten()
            .collect();
        let text = |key: &str, of: &str| -> String {
            parts.iter().filter(|p| kind(p, of)).filter_map(|p| p.get(key).and_then(Value::as_str)).collect()
        };
        let (content, refusal) = (text("text", "output_text"), text("refusal", "refusal"));
        let calls: Vec<(Option<&str>, String)> = items
            .iter()
            .filter(|item| kind(item, "function_call"))
            .map(|item| {
                let arguments = item.get("arguments").and_then(Value::as_str).unwrap_or_default();
                (item.get("name").and_then(Value::as_str), arguments.to_owned())
            })
            .collect();
        let (arguments, unsure) = one_answer(&calls);
        let said = !parts.is_empty() || !calls.is_empty();
        Ok(JudgeReply {
            content: (!content.trim().is_empty()).then_some(content),
            arguments,
            refusal: (!refusal.trim().is_empty()).then_some(refusal),
            unsure,
            finish_reason: ending(&value),
            model: value.get("model").and_then(Value::as_str).map(str::to_owned),
            thought: 0,
            usage: value.get("usage").and_then(|usage| usage_of(usage, said)),
        })
    }

    fn batch(&self) -> Option<&'static str> {
        Some("/v1/responses")
    }
}

/// Models of OpenAI that answer nowhere else.
fn is_only_here(model: &str) -> bool {
    let name = model.rsplit('/').next().unwrap_or(model);
    let pro =
        name.split('-').any(|part| part == "pro") && (name.starts_with('o') || name.starts_with("gpt-5"));
    pro || ["codex", "deep-research", "computer-use"].iter().any(|part| name.contains(part))
}

/// The status, or why it is incomplete.
fn ending(value: &Value) -> Option<String> {
    let status = value.get("status").and_then(Value::as_str)?;
    let reason = value.pointer("/incomplete_details/reason").and_then(Value::as_str);
    Some(
        match (status, reason) {
            ("completed", _) => "stop",
            ("incomplete", Some(reason)) => reason,
            (other, _) => other,
        }
        .to_owned(),
    )
}

fn usage_of(usage: &Value, said: bool) -> Option<Usage> {
    let detail = |path: &str| tokens_or_none(usage.pointer(path));
    plausible(
        Usage {
            prompt_tokens: tokens(usage.get("input_tokens")?)?,
            completion_tokens: tokens(usage.get("output_tokens")?)?,
            reasoning_tokens: detail("/output_tokens_details/reasoning_tokens")?,
            cached_tokens: detail("/input_tokens_details/cached_tokens")?,
            cache_write_tokens: detail("/input_tokens_details/cache_write_tokens")?,
            cost_nano_usd: None,
        },
        said,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_before_the_message_are_passed_over() {
        let body = json!({"status": "completed", "model": "p", "error": null, "incomplete_details": null, "output": [
                {"type": "reasoning", "summary": [{"type": "summary_text", "text": "{\"score\":1}"}]},
                {"type": "message", "content": [{"type": "output_text", "text": "{\"score\":4}"}]}],
            "usage": {"input_tokens": 300, "input_tokens_details": {"cached_tokens": 200}, "output_tokens": 530,
                "output_tokens_details": {"reasoning_tokens": 500}, "total_tokens": 830}});
        let reply = OpenAiResponses.reply(body.to_string().as_bytes()).unwrap();
        assert_eq!(
            (reply.content.as_deref(), reply.finish_reason.as_deref()),
            (Some("{\"score\":4}"), Some("stop"))
        );
        let usage = reply.usage.unwrap();
        assert_eq!(
            (usage.completion_tokens, usage.reasoning_tokens, usage.cached_tokens),
            (530, Some(500), Some(200))
        );
    }

    #[test]
    fn each_ending_is_told_as_it_is() {
        let of = |body: Value| OpenAiResponses.reply(body.to_string().as_bytes());
        let cut = json!({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}, "output": []});
        assert_eq!(of(cut).unwrap().finish_reason.as_deref(), Some("max_output_tokens"));
        let refused = json!({"status": "completed", "output": [
            {"type": "message", "content": [{"type": "refusal", "refusal": "I cannot"}]}]});
        assert_eq!(of(refused).unwrap().refusal.as_deref(), Some("I cannot"));
        let failed =
            json!({"status": "failed", "error": {"code": "server_error", "message": "broke"}, "output": []});
        assert!(of(failed).unwrap_err().contains("broke"));
    }

    #[test]
    fn models_that_answer_only_here_are_known() {
        for name in
            ["o1-pro", "gpt-5-pro", "gpt-5.5-pro-2026-04-01", "gpt-5.1-codex-mini", "o3-deep-research"]
        {
            assert!(is_only_here(name), "{name}");
        }
        for name in ["gpt-5", "gpt-4o", "o3", "gpt-5-mini", "gemini-2.5-pro", "my-pro"] {
            assert!(!is_only_here(name), "{name}");
        }
    }
}
