//! Ollama's own `/api/chat`: the schema as `format`, and a window that the prompt fits in (`num_ctx`), which the
//! OpenAI-compatible path of the same server cannot be told.

use super::super::Usage;
use super::super::capabilities::Rung;
use super::super::wire::{JudgeReply, no_error};
use super::{Ask, Dialect, EndpointAddress, Home, ModelAsk, json_of, plausible, tokens};
use crate::core::context::AROUND;
use crate::core::tokens::count;
use serde_json::{Map, Value, json};

/// Ollama `/api/chat`.
#[derive(Debug)]
pub struct Ollama;

/// The smallest window that is asked for. A server loads a model anew for each size: sizes double, so that there are few.
const SMALLEST: u64 = 4096;

/// The largest: what needs more is refused by the server's own window.
const LARGEST: u64 = 1 << 20;

impl Dialect for Ollama {
    fn name(&self) -> &'static str {
        "ollama"
    }

    fn words(&self) -> &'static str {
        "Ollama /api/chat"
    }

    fn home(&self) -> Option<Home> {
        Some(Home {
            base_url: "http://127.0.0.1:11434",
            base_variables: &["OLLAMA_HOST"],
            key_variables: &["OLLAMA_API_KEY"],
        })
    }

    fn speaks_at(&self, place: &EndpointAddress<'_>) -> bool {
        place.path.ends_with("/api/chat")
            || place.path.ends_with("/api")
            || ((place.port == Some(11434) || place.host == "ollama.com")
                && place.path.trim_matches('/').is_empty())
    }

    fn call_path(&self, base: &str, _model: &str) -> String {
        format!("{}/chat", api(base))
    }

    fn models_path(&self, base: &str) -> Option<String> {
        Some(format!("{}/tags", api(base)))
    }

    fn formats(&self) -> &'static [Rung] {
        &[Rung::Schema, Rung::JsonObject, Rung::Text]
    }

    fn takes_seed(&self) -> bool {
        true
    }

    fn ask(&self, ask: &Ask<'_>) -> String {
        let turns = ask.turns();
        let texts = turns.iter().map(|(_, text)| *text).chain([ask.form.system]);
        let mut options = Map::new();
        options.insert("num_ctx".to_owned(), json!(window(texts, ask.room, ask.config.context_window)));
        options.insert("num_predict".to_owned(), json!(ask.room));
        if let Some(temperature) = ask.temperature() {
            options.insert("temperature".to_owned(), json!(temperature));
        }
        if let Some(seed) = ask.seed() {
            options.insert("seed".to_owned(), json!(seed));
        }
        let mut messages = vec![json!({"role": "system", "content": ask.form.system})];
        messages.extend(turns.iter().map(|(role, text)| json!({"role": role, "content": text})));
        let mut body = Map::new();
        body.insert("model".to_owned(), json!(ask.config.model));
        body.insert("messages".to_owned(), json!(messages));
        body.insert("stream".to_owned(), json!(false));
        body.insert("options".to_owned(), Value::Object(options));
        match ask.shape.rung {
            Rung::Schema => _ = body.insert("format".to_owned(), json_of(ask.form.schema_of(ask.shape))),
            Rung::JsonObject => _ = body.insert("format".to_owned(), json!("json")),
            Rung::Tool | Rung::Text => {}
        }
        if let Some(effort) = &ask.config.reasoning_effort {
            body.insert("think".to_owned(), think(effort));
        }
        Value::Object(body).to_string()
    }

    fn writing(&self, writing: &ModelAsk<'_>) -> Map<String, Value> {
        let known = ["temperature", "max_tokens", "max_completion_tokens", "seed", "stop", "top_p", "top_k"];
        let mut body = writing.rest(&known);
        let texts = writing.messages.iter().map(|m| m.content.as_str());
        let mut options = Map::new();
        options.insert(
            "num_ctx".to_owned(),
            json!(window(texts, writing.room(), writing.config.context_window)),
        );
        options.insert("num_predict".to_owned(), json!(writing.room()));
        let set = [
            ("temperature", writing.temperature().map(Value::from)),
            ("seed", writing.seed().map(Value::from)),
            ("stop", writing.stop()),
            ("top_p", writing.params.get("top_p").cloned()),
            ("top_k", writing.params.get("top_k").cloned()),
        ];
        for (name, value) in set {
            if let Some(value) = value {
                options.insert(name.to_owned(), value);
            }
        }
        if let Some(Value::Object(more)) = body.remove("options") {
            options.extend(more);
        }
        body.insert("model".to_owned(), json!(writing.config.model));
        body.insert("messages".to_owned(), json!(writing.messages));
        body.insert("stream".to_owned(), json!(false));
        body.insert("options".to_owned(), Value::Object(options));
        if let Some(effort) = &writing.config.reasoning_effort {
            body.insert("think".to_owned(), think(effort));
        }
        body
    }

    fn reply(&self, body: &[u8]) -> Result<JudgeReply, String> {
        let value = no_error(body, "an Ollama answer")?;
        let message = value.get("message").ok_or_else(|| "the reply holds no message".to_owned())?;
        let text = |from: &Value, key: &str| {
            from.get(key).and_then(Value::as_str).filter(|t| !t.trim().is_empty()).map(str::to_owned)
        };
        let whole = value.get("done").and_then(Value::as_bool).unwrap_or(true);
        let content = text(message, "content");
        let usage = || {
            let read = tokens(value.get("prompt_eval_count")?)?;
            let written = tokens(value.get("eval_count")?)?;
            plausible(
                Usage { prompt_tokens: read, completion_tokens: written, ..Usage::default() },
                content.is_some(),
            )
        };
        let usage = usage();
        Ok(JudgeReply {
            finish_reason: if whole { text(&value, "done_reason") } else { Some("not done".to_owned()) },
            model: text(&value, "model"),
            thought: text(message, "thinking").map_or(0, |t| t.chars().count()),
            usage,
            content,
            ..JudgeReply::default()
        })
    }
}

/// The path of the native API: what stands before `/v1` or `/api`.
fn api(base: &str) -> String {
    let root = base.strip_suffix("/v1").or_else(|| base.strip_suffix("/api")).unwrap_or(base);
    format!("{root}/api")
}

/// A window that these texts and the answer fit in, by our count and a quarter more for another tokenizer; never more than is
/// configured.
fn window<'t>(texts: impl Iterator<Item = &'t str>, room: u32, configured: Option<u64>) -> u64 {
    let read: usize = texts.map(|text| count(text) + 2 * AROUND).sum();
    let needed = read as u64 * 5 / 4 + u64::from(room) + 64;
    let fitting = std::iter::successors(Some(SMALLEST), |n| Some(n * 2)).find(|n| *n >= needed.min(LARGEST));
    fitting.unwrap_or(LARGEST).min(configured.unwrap_or(LARGEST))
}

/// `none` switches thinking off; any other word is a level.
fn think(effort: &str) -> Value {
    match effort {
        "none" | "false" => json!(false),
        "true" => json!(true),
        level => json!(level),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_grows_with_the_prompt_in_few_sizes() {
        let of =
            |words: usize, configured| window([" word".repeat(words).as_str()].into_iter(), 1024, configured);
        assert_eq!(of(10, None), 4096);
        assert_eq!(of(2_300, None), 4096);
        assert_eq!(of(2_500, None), 8192);
        assert_eq!(of(8_000, None), 16_384);
        assert_eq!(of(8_000, Some(10_000)), 10_000);
    }

    #[test]
    fn the_native_path_is_found_from_any_base() {
        for base in ["", "/v1", "/api"] {
            assert_eq!(Ollama.call_path(base, "m"), "/api/chat");
        }
        assert_eq!(Ollama.call_path("/behind/proxy", "m"), "/behind/proxy/api/chat");
    }

    #[test]
    fn thinking_is_not_the_answer_and_half_an_answer_is_none() {
        let body = json!({"model": "q", "message": {"role": "assistant", "content": "x", "thinking": "hm"},
            "done": true, "done_reason": "stop", "prompt_eval_count": 300, "eval_count": 30});
        let reply = Ollama.reply(body.to_string().as_bytes()).unwrap();
        assert_eq!((reply.content.as_deref(), reply.thought), (Some("x"), 2));
        assert_eq!(reply.usage.map(|u| (u.prompt_tokens, u.completion_tokens)), Some((300, 30)));
        let half = Ollama.reply(br#"{"message":{"content":"x"},"done":false}"#).unwrap();
        assert_eq!(half.finish_reason.as_deref(), Some("not done"));
        assert!(Ollama.reply(br#"{"error":"model 'q' not found"}"#).unwrap_err().contains("not found"));
    }
}
