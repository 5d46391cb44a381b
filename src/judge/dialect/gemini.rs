//! Gemini `generateContent`: the model in the path, parts for texts, a schema in `generationConfig`.

use super::super::Usage;
use super::super::capabilities::Rung;
use super::super::wire::{JudgeReply, SEVERAL, no_error};
use super::{
    Ask, Dialect, EndpointAddress, Home, ModelAsk, json_of, plausible, segment, tokens, tokens_or_none,
};
use serde_json::{Map, Value, json};

/// Gemini `generateContent`.
#[derive(Debug)]
pub struct Gemini;

impl Dialect for Gemini {
    fn name(&self) -> &'static str {
        "gemini"
    }

    fn words(&self) -> &'static str {
        "Gemini generateContent"
    }

    fn home(&self) -> Option<Home> {
        Some(Home {
            base_url: "https://generativelanguage.googleapis.com/v1beta",
            base_variables: &[],
            key_variables: &["GEMINI_API_KEY", "GOOGLE_API_KEY"],
        })
    }

    fn speaks_at(&self, place: &EndpointAddress<'_>) -> bool {
        place.host == "generativelanguage.googleapis.com" && !place.path.contains("/openai")
    }

    fn auth(&self, key: &str) -> (&'static str, String) {
        ("x-goog-api-key", key.to_owned())
    }

    fn call_path(&self, base: &str, model: &str) -> String {
        let name = model.strip_prefix("models/").unwrap_or(model);
        format!("{}/models/{}:generateContent", versioned(base), segment(name))
    }

    fn models_path(&self, base: &str) -> Option<String> {
        Some(format!("{}/models", versioned(base)))
    }

    fn formats(&self) -> &'static [Rung] {
        &[Rung::Schema, Rung::JsonObject, Rung::Text]
    }

    fn takes_seed(&self) -> bool {
        true
    }

    fn ask(&self, ask: &Ask<'_>) -> String {
        let contents: Vec<Value> = ask.turns().into_iter().map(|(role, text)| turn(role, text)).collect();
        let mut generation = Map::new();
        generation.insert("maxOutputTokens".to_owned(), json!(ask.room));
        if let Some(temperature) = ask.temperature() {
            generation.insert("temperature".to_owned(), json!(temperature));
        }
        if let Some(seed) = ask.seed() {
            generation.insert("seed".to_owned(), json!(seed));
        }
        if matches!(ask.shape.rung, Rung::Schema | Rung::JsonObject) {
            generation.insert("responseMimeType".to_owned(), json!("application/json"));
        }
        if ask.shape.rung == Rung::Schema {
            generation.insert("responseJsonSchema".to_owned(), json_of(ask.form.schema_of(ask.shape)));
        }
        if let Some(effort) = &ask.config.reasoning_effort {
            generation.insert("thinkingConfig".to_owned(), thinking(effort));
        }
        json!({
            "systemInstruction": {"parts": [{"text": ask.form.system}]},
            "contents": contents,
            "generationConfig": generation,
        })
        .to_string()
    }

    fn writing(&self, writing: &ModelAsk<'_>) -> Map<String, Value> {
        let (system, rest) = writing.system_apart();
        let known = ["temperature", "max_tokens", "max_completion_tokens", "seed", "stop", "top_p", "top_k"];
        let mut body = writing.rest(&known);
        let contents: Vec<Value> = rest.iter().map(|m| turn(&m.role, &m.content)).collect();
        body.insert("contents".to_owned(), json!(contents));
        if !system.is_empty() {
            body.insert("systemInstruction".to_owned(), json!({"parts": [{"text": system}]}));
        }
        let mut generation = Map::new();
        generation.insert("maxOutputTokens".to_owned(), json!(writing.room()));
        let set = [
            ("temperature", writing.temperature().map(Value::from)),
            ("seed", writing.seed().map(Value::from)),
            ("stopSequences", writing.stop()),
            ("topP", writing.params.get("top_p").cloned()),
            ("topK", writing.params.get("top_k").cloned()),
            ("thinkingConfig", writing.config.reasoning_effort.as_deref().map(thinking)),
        ];
        for (name, value) in set {
            if let Some(value) = value {
                generation.insert(name.to_owned(), value);
            }
        }
        if let Some(Value::Object(more)) = body.remove("generationConfig") {
            generation.extend(more);
        }
        body.insert("generationConfig".to_owned(), Value::Object(generation));
        body
    }

    fn reply(&self, body: &[u8]) -> Result<JudgeReply, String> {
        let value = no_error(body, "a Gemini answer")?;
        let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        let candidates =
            value.get("candidates").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let blocked = value.pointer("/promptFeedback/blockReason").and_then(Value::as_str);
        let Some(first) = candidates.first() else {
            let Some(reason) = blocked else { return Err("the reply holds no candidates".to_owned()) };
            return Ok(JudgeReply {
                finish_reason: Some(blocking(reason)),
                model: text("modelVersion"),
                ..JudgeReply::default()
            });
        };
        let content = said(first, false);
        let others = candidates.iter().skip(1).any(|other| said(other, false) != content);
        let usage = value.get("usageMetadata").and_then(|usage| usage_of(usage, content.is_some()));
        Ok(JudgeReply {
            content,
            unsure: others.then(|| SEVERAL.to_owned()),
            finish_reason: first.get("finishReason").and_then(Value::as_str).map(str::to_owned),
            model: text("modelVersion"),
            thought: said(first, true).map_or(0, |t| t.chars().count()),
            usage,
            ..JudgeReply::default()
        })
    }
}

/// Names of a version: `/v1`, `/v1beta`, `/v1alpha`. Without one, the newest that takes schemas.
fn versioned(base: &str) -> String {
    let is_version = |part: &str| part.starts_with("v1");
    if base.rsplit('/').next().is_some_and(is_version) { base.to_owned() } else { format!("{base}/v1beta") }
}

fn turn(role: &str, text: &str) -> Value {
    let role = if role == "assistant" { "model" } else { "user" };
    json!({"role": role, "parts": [{"text": text}]})
}

/// A number is a budget of tokens, a word a level.
fn thinking(effort: &str) -> Value {
    match effort.parse::<i64>() {
        Ok(budget) => json!({"thinkingBudget": budget}),
        Err(_) if effort == "none" => json!({"thinkingBudget": 0}),
        Err(_) => json!({"thinkingLevel": effort}),
    }
}

/// What a candidate says, or (with `thoughts`) thinks.
fn said(candidate: &Value, thoughts: bool) -> Option<String> {
    let parts = candidate.pointer("/content/parts")?.as_array()?;
    let text: String = parts
        .iter()
        .filter(|part| part.get("thought").and_then(Value::as_bool).unwrap_or(false) == thoughts)
        .filter_map(|part| part.get("text").and_then(Value::as_str))
        .collect();
    (!text.trim().is_empty()).then_some(text)
}

/// A prompt that was blocked has no candidate; why, in a word that says that it was filtered.
fn blocking(reason: &str) -> String {
    match reason {
        "SAFETY" | "BLOCKLIST" | "PROHIBITED_CONTENT" | "IMAGE_SAFETY" | "MODEL_ARMOR" => reason.to_owned(),
        _ => "content_filter".to_owned(),
    }
}

/// Thoughts stand beside what was written, not in it.
fn usage_of(usage: &Value, said: bool) -> Option<Usage> {
    let number = |key: &str| tokens_or_none(usage.get(key));
    let prompt = tokens(usage.get("promptTokenCount")?)?;
    let (written, thought, total) =
        (number("candidatesTokenCount")?, number("thoughtsTokenCount")?, number("totalTokenCount")?);
    if written.is_none() && total.is_none() {
        return None;
    }
    let told = written.unwrap_or(0) + thought.unwrap_or(0);
    plausible(
        Usage {
            prompt_tokens: prompt,
            completion_tokens: told.max(total.unwrap_or(0).saturating_sub(prompt)),
            reasoning_tokens: thought,
            cached_tokens: number("cachedContentTokenCount")?,
            cache_write_tokens: None,
            cost_nano_usd: None,
        },
        said,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thoughts_are_paid_for_and_never_read() {
        let body = json!({"candidates": [{"content": {"parts": [
                {"text": "maybe {\"score\":1}", "thought": true}, {"text": "{\"score\":"}, {"text": "4}"}]},
            "finishReason": "STOP"}], "modelVersion": "g-1",
            "usageMetadata": {"promptTokenCount": 300, "candidatesTokenCount": 30, "thoughtsTokenCount": 500,
                "totalTokenCount": 830, "cachedContentTokenCount": 200}});
        let reply = Gemini.reply(body.to_string().as_bytes()).unwrap();
        assert_eq!((reply.content.as_deref(), reply.model.as_deref()), (Some("{\"score\":4}"), Some("g-1")));
        let usage = reply.usage.unwrap();
        assert_eq!(
            (usage.prompt_tokens, usage.completion_tokens, usage.reasoning_tokens),
            (300, 530, Some(500))
        );
        assert_eq!(usage.cached_tokens, Some(200));
    }

    #[test]
    fn a_version_is_added_where_there_is_none_and_a_model_stays_one_segment() {
        let at = |base: &str, model: &str| Gemini.call_path(base, model);
        assert_eq!(at("/v1beta", "g"), "/v1beta/models/g:generateContent");
        assert_eq!(at("/v1", "models/g"), "/v1/models/g:generateContent");
        assert_eq!(at("", "a/../b"), "/v1beta/models/a%2F..%2Fb:generateContent");
    }

    #[test]
    fn a_blocked_prompt_is_filtered() {
        for (reason, told) in [("SAFETY", "SAFETY"), ("JAILBREAK", "content_filter")] {
            let body = json!({"promptFeedback": {"blockReason": reason}});
            let reply = Gemini.reply(body.to_string().as_bytes()).unwrap();
            assert_eq!(reply.finish_reason.as_deref(), Some(told));
        }
        assert!(Gemini.reply(b"{}").is_err());
    }
}
