//! What every dialect must do, asked of all of them.

use super::*;
use crate::core::verdict::VerdictState;
use crate::judge::wire::settle_verdict;

fn config() -> JudgeConfig {
    JudgeConfig { model: "m-1".into(), seed: Some(7), ..JudgeConfig::default() }
}

const GOOD: &str = r#"{"evidence":[],"explanation":"It is right.","injection_suspected":false,"score":4}"#;

/// A good answer, as the dialect's own servers give it: the captures of the official libraries' types.
fn answer(dialect: &dyn Dialect, text: &str) -> Value {
    match dialect.name() {
        "responses" => json!({"status": "completed", "model": "m-1", "error": null, "output": [
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]}],
            "usage": {"input_tokens": 300, "output_tokens": 30}}),
        "anthropic" => json!({"type": "message", "model": "m-1", "stop_reason": "end_turn",
            "content": [{"type": "text", "text": text}], "usage": {"input_tokens": 300, "output_tokens": 30}}),
        "gemini" => json!({"modelVersion": "m-1", "candidates": [
            {"finishReason": "STOP", "content": {"role": "model", "parts": [{"text": text}]}}],
            "usageMetadata": {"promptTokenCount": 300, "candidatesTokenCount": 30, "totalTokenCount": 330}}),
        "ollama" => json!({"model": "m-1", "message": {"role": "assistant", "content": text}, "done": true,
            "done_reason": "stop", "prompt_eval_count": 300, "eval_count": 30}),
        "bedrock" => json!({"output": {"message": {"role": "assistant", "content": [{"text": text}]}},
            "stopReason": "end_turn", "usage": {"inputTokens": 300, "outputTokens": 30, "totalTokens": 330}}),
        _ => json!({"model": "m-1", "choices": [{"message": {"content": text}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 300, "completion_tokens": 30}}),
    }
}

/// The names of the reasons for which an answer was cut.
fn cut(dialect: &dyn Dialect) -> Value {
    let mut value = answer(dialect, "{\"evidence\": [");
    match dialect.name() {
        "responses" => {
            value["status"] = json!("incomplete");
            value["incomplete_details"] = json!({"reason": "max_output_tokens"});
        }
        "anthropic" => value["stop_reason"] = json!("max_tokens"),
        "gemini" => value["candidates"][0]["finishReason"] = json!("MAX_TOKENS"),
        "ollama" => value["done_reason"] = json!("length"),
        "bedrock" => value["stopReason"] = json!("max_tokens"),
        _ => value["choices"][0]["finish_reason"] = json!("length"),
    }
    value
}

#[test]
fn every_dialect_has_a_name_of_its_own_and_is_found_by_it() {
    for (n, dialect) in ALL.into_iter().enumerate() {
        assert!(named(dialect.name()).is_some_and(|found| found.words() == dialect.words()));
        assert!(ALL.into_iter().skip(n + 1).all(|other| other.name() != dialect.name()));
        assert!(
            dialect.formats().is_sorted() && dialect.formats().first() == Some(&Rung::Schema),
            "{dialect:?}"
        );
        assert_eq!(dialect.formats().last(), Some(&Rung::Text));
    }
}

#[test]
fn every_dialect_puts_the_same_question() {
    let config = config();
    let again = Correction { said: "no verdict".into(), ask: "answer again".into() };
    for dialect in ALL {
        for rung in dialect.formats() {
            let shape = RequestShape { rung: *rung, ..RequestShape::first(true) };
            let ask = Ask {
                config: &config,
                shape: &shape,
                form: Form::SCORE,
                user: "the \"material\"",
                again: Some(&again),
                repeat: 2,
                room: 1234,
            };
            let body = dialect.ask(&ask);
            assert_eq!(body, dialect.ask(&ask), "the same bytes");
            let value: Value = serde_json::from_str(&body).unwrap();
            let text = value.to_string();
            for part in ["the \\\"material\\\"", "no verdict", "answer again", "1234"] {
                assert!(text.contains(part), "{dialect:?} {rung:?} lacks {part}: {text}");
            }
            let system = serde_json::to_string(&SYSTEM.chars().take(40).collect::<String>()).unwrap();
            assert!(text.contains(system.trim_matches('"')), "{dialect:?}");
            let holds_schema = text.contains("injection_suspected") && text.contains("\"enum\"")
                || text.contains("\\\"enum\\\"");
            assert_eq!(holds_schema, matches!(rung, Rung::Schema | Rung::Tool), "{dialect:?} {rung:?}");
            let seeded = Ask { repeat: 3, ..ask };
            assert_eq!(dialect.ask(&seeded) != body, dialect.takes_seed(), "{dialect:?}");
            let cold = RequestShape { temperature: false, ..shape };
            assert!(!dialect.ask(&Ask { shape: &cold, ..ask }).contains("temperature"), "{dialect:?}");
            let effort = JudgeConfig { reasoning_effort: Some("low".into()), ..config.clone() };
            assert!(dialect.ask(&Ask { config: &effort, ..ask }).contains("\"low\""), "{dialect:?}");
        }
    }
}

#[test]
fn every_dialect_reads_its_answers_endings_and_tokens() {
    for dialect in ALL {
        let read = |value: &Value| dialect.reply(value.to_string().as_bytes());
        let reply = read(&answer(dialect, GOOD)).unwrap();
        assert_eq!(settle_verdict(&reply, Rung::Schema).unwrap(), (GOOD, ""), "{dialect:?}");
        assert_eq!(
            reply.usage.map(|u| (u.prompt_tokens, u.completion_tokens)),
            Some((300, 30)),
            "{dialect:?}"
        );
        if dialect.name() != "bedrock" {
            assert_eq!(reply.model.as_deref(), Some("m-1"), "{dialect:?}");
        }
        let reply = read(&cut(dialect)).unwrap();
        let ended = settle_verdict(&reply, Rung::Schema).map_err(|(state, _)| state);
        assert_eq!(ended, Err(VerdictState::Truncated), "{dialect:?}");
        for broken in
            ["", "<html>", "{}", "[]", "null", "{\"error\":{\"message\":\"broke\"}}", "\u{1f}\u{8b}"]
        {
            assert!(dialect.reply(broken.as_bytes()).is_err(), "{dialect:?} reads {broken}");
        }
    }
}

#[test]
fn every_dialect_writes_responses_too() {
    let config = config();
    let turn = |role: &str, content: &str| ChatMessage { role: role.into(), content: content.into() };
    let messages =
        [turn("system", "be brief"), turn("user", "hello"), turn("assistant", "hi"), turn("user", "more")];
    let params = json!({"temperature": 0.25, "max_tokens": 99}).as_object().unwrap().clone();
    for dialect in ALL {
        let writing =
            ModelAsk { config: &config, messages: &messages, params: &params, renamed: false, pieces: false };
        let text = Value::Object(dialect.writing(&writing)).to_string();
        for part in ["be brief", "hello", "\"hi\"", "more", "0.25", "99"] {
            assert!(text.contains(part), "{dialect:?} lacks {part}: {text}");
        }
    }
}

#[test]
fn an_address_says_which_api_it_is() {
    for (url, model, name) in [
        ("https://api.openai.com/v1", "gpt-4o", "openai"),
        ("https://api.openai.com/v1", "gpt-5-pro", "responses"),
        ("https://api.openai.com/v1/responses", "gpt-4o", "responses"),
        ("https://api.anthropic.com", "c", "anthropic"),
        ("https://api.anthropic.com/v1", "c", "anthropic"),
        ("http://127.0.0.1:9/v1/messages", "c", "anthropic"),
        ("https://generativelanguage.googleapis.com/v1beta", "g", "gemini"),
        ("https://generativelanguage.googleapis.com/v1beta/openai", "g", "openai"),
        ("http://127.0.0.1:11434", "q", "ollama"),
        ("http://127.0.0.1:11434/v1", "q", "openai"),
        ("http://127.0.0.1:9/api/chat", "q", "ollama"),
        ("https://r.openai.azure.com", "d", "azure"),
        ("https://r.openai.azure.com/openai/v1", "d", "openai"),
        ("https://bedrock-runtime.eu-west-1.amazonaws.com", "m", "bedrock"),
        ("https://bedrock-runtime.eu-west-1.amazonaws.com/openai/v1", "m", "openai"),
        ("http://127.0.0.1:8080/v1", "m", "openai"),
        ("https://openrouter.ai/api/v1", "anthropic/claude", "openai"),
        ("no address", "m", "openai"),
    ] {
        assert_eq!(guess(url, model).name(), name, "{url} {model}");
    }
}
