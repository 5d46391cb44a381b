//! Bedrock Converse with a bearer key: the model in the path, the schema as a string in `outputConfig`.

use super::super::Usage;
use super::super::capabilities::Rung;
use super::super::prompt::SCHEMA_NAME;
use super::super::wire::{JudgeReply, no_error, one_answer};
use super::{
    Ask, Dialect, EndpointAddress, Home, ModelAsk, json_of, plausible, segment, tokens, tokens_or_none,
};
use serde_json::{Map, Value, json};

/// Bedrock Converse.
#[derive(Debug)]
pub struct Bedrock;

impl Dialect for Bedrock {
    fn name(&self) -> &'static str {
        "bedrock"
    }

    fn words(&self) -> &'static str {
        "Bedrock Converse"
    }

    fn home(&self) -> Option<Home> {
        Some(Home { base_url: "", base_variables: &[], key_variables: &["AWS_BEARER_TOKEN_BEDROCK"] })
    }

    fn speaks_at(&self, place: &EndpointAddress<'_>) -> bool {
        place.path.ends_with("/converse")
            || (place.host.starts_with("bedrock-runtime.") && !place.path.contains("/openai"))
    }

    fn call_path(&self, base: &str, model: &str) -> String {
        format!("{base}/model/{}/converse", segment(model))
    }

    fn models_path(&self, _base: &str) -> Option<String> {
        // The list is another service's, at another host.
        None
    }

    fn formats(&self) -> &'static [Rung] {
        &[Rung::Schema, Rung::Tool, Rung::Text]
    }

    fn ask(&self, ask: &Ask<'_>) -> String {
        let mut inference = Map::new();
        inference.insert("maxTokens".to_owned(), json!(ask.room));
        if let Some(temperature) = ask.temperature() {
            inference.insert("temperature".to_owned(), json!(temperature));
        }
        let messages: Vec<Value> = ask.turns().into_iter().map(|(role, text)| turn(role, text)).collect();
        let mut body = Map::new();
        body.insert("system".to_owned(), json!([{"text": ask.form.system}]));
        body.insert("messages".to_owned(), json!(messages));
        body.insert("inferenceConfig".to_owned(), Value::Object(inference));
        let schema = ask.form.schema_of(ask.shape);
        match ask.shape.rung {
            Rung::Schema => {
                let format = json!({"type": "json_schema",
                    "structure": {"jsonSchema": {"name": SCHEMA_NAME, "schema": schema}}});
                body.insert("outputConfig".to_owned(), json!({"textFormat": format}));
            }
            Rung::Tool => {
                let tool = json!({"toolSpec": {"name": SCHEMA_NAME, "description": "Gives the verdict.",
                    "inputSchema": {"json": json_of(schema)}}});
                let config = json!({"tools": [tool], "toolChoice": {"tool": {"name": SCHEMA_NAME}}});
                body.insert("toolConfig".to_owned(), config);
            }
            Rung::JsonObject | Rung::Text => {}
        }
        if let Some(effort) = &ask.config.reasoning_effort {
            body.insert("additionalModelRequestFields".to_owned(), json!({"reasoning_effort": effort}));
        }
        Value::Object(body).to_string()
    }

    fn writing(&self, writing: &ModelAsk<'_>) -> Map<String, Value> {
        let (system, rest) = writing.system_apart();
        let known = ["temperature", "max_tokens", "max_completion_tokens", "seed", "stop", "top_p"];
        let mut body = writing.rest(&known);
        let messages: Vec<Value> = rest.iter().map(|m| turn(&m.role, &m.content)).collect();
        let mut inference = Map::new();
        inference.insert("maxTokens".to_owned(), json!(writing.room()));
        let set = [
            ("temperature", writing.temperature().map(Value::from)),
            ("stopSequences", writing.stop()),
            ("topP", writing.params.get("top_p").cloned()),
        ];
        for (name, value) in set {
            if let Some(value) = value {
                inference.insert(name.to_owned(), value);
            }
        }
        body.insert("messages".to_owned(), json!(messages));
        body.insert("inferenceConfig".to_owned(), Value::Object(inference));
        if !system.is_empty() {
            body.insert("system".to_owned(), json!([{"text": system}]));
        }
        body
    }

    fn reply(&self, body: &[u8]) -> Result<JudgeReply, String> {
        let value = no_error(body, "a Bedrock answer")?;
        let blocks = value
            .pointer("/output/message/content")
            .and_then(Value::as_array)
            .ok_or_else(|| "the reply holds no message".to_owned())?;
        let text: String = blocks.iter().filter_map(|b| b.get("text").and_then(Value::as_str)).collect();
        let calls: Vec<(Option<&str>, String)> = blocks
            .iter()
            .filter_map(|b| b.get("toolUse"))
            .map(|call| {
                let input = call.get("input").map(Value::to_string).unwrap_or_default();
                (call.get("name").and_then(Value::as_str), input)
            })
            .collect();
        let (arguments, unsure) = one_answer(&calls);
        let said = !text.trim().is_empty() || !calls.is_empty();
        Ok(JudgeReply {
            content: (!text.trim().is_empty()).then_some(text),
            arguments,
            unsure,
            finish_reason: value.get("stopReason").and_then(Value::as_str).map(str::to_owned),
            thought: blocks
                .iter()
                .filter_map(|b| b.pointer("/reasoningContent/reasoningText/text").and_then(Value::as_str))
                .map(|t| t.chars().count())
                .sum(),
            usage: value.get("usage").and_then(|usage| usage_of(usage, said)),
            ..JudgeReply::default()
        })
    }
}

fn turn(role: &str, text: &str) -> Value {
    json!({"role": role, "content": [{"text": text}]})
}

/// What is read from and written to the cache stands beside `inputTokens`, not in it.
fn usage_of(usage: &Value, said: bool) -> Option<Usage> {
    let number = |key: &str| tokens_or_none(usage.get(key));
    let (cached, written) = (number("cacheReadInputTokens")?, number("cacheWriteInputTokens")?);
    let input = tokens(usage.get("inputTokens")?)?;
    plausible(
        Usage {
            prompt_tokens: input + cached.unwrap_or(0) + written.unwrap_or(0),
            completion_tokens: tokens(usage.get("outputTokens")?)?,
            cached_tokens: cached,
            cache_write_tokens: written,
            ..Usage::default()
        },
        said,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_stays_one_segment_of_the_path() {
        let path = Bedrock.call_path("", "arn:aws:bedrock:eu:1:inference-profile/x");
        assert_eq!(path, "/model/arn:aws:bedrock:eu:1:inference-profile%2Fx/converse");
    }

    #[test]
    fn a_tools_input_is_the_answer() {
        let body = json!({"output": {"message": {"role": "assistant", "content": [
                {"reasoningContent": {"reasoningText": {"text": "hm"}}},
                {"toolUse": {"name": "verdict", "input": {"score": 4}}}]}},
            "stopReason": "tool_use", "usage": {"inputTokens": 300, "outputTokens": 30, "cacheReadInputTokens": 7}});
        let reply = Bedrock.reply(body.to_string().as_bytes()).unwrap();
        assert_eq!((reply.arguments.as_deref(), reply.thought), (Some("{\"score\":4}"), 2));
        assert_eq!(reply.usage.map(|u| (u.prompt_tokens, u.cached_tokens)), Some((307, Some(7))));
        let other =
            json!({"output": {"message": {"content": [{"toolUse": {"name": "other", "input": {}}}]}}});
        assert!(Bedrock.reply(other.to_string().as_bytes()).unwrap().unsure.is_some());
    }
}
