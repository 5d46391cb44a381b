//! What is sent, and what comes back from servers of every kind.

use super::super::super::wire::settle;
use super::super::{Correction, Form, MOST_TOKENS};
use super::*;
use crate::core::verdict::VerdictState;
use crate::judge::JudgeConfig;

fn reply(message: Value, finish: Value) -> Result<JudgeReply, String> {
    read_reply(json!({"choices": [{"message": message, "finish_reason": finish}]}).to_string().as_bytes())
}

fn ask<'a>(config: &'a JudgeConfig, shape: &'a RequestShape) -> Ask<'a> {
    Ask { config, shape, form: Form::SCORE, user: "us\"er", again: None, repeat: 2, room: 2048 }
}

#[test]
fn each_body_is_json_with_what_its_shape_says() {
    let config = JudgeConfig { model: "m\"".into(), seed: Some(7), ..JudgeConfig::default() };
    for rung in [Rung::Schema, Rung::Tool, Rung::JsonObject, Rung::Text] {
        let shape = RequestShape { rung, ..RequestShape::first(true) };
        let again = Correction { said: "no\n".into(), ask: "again".into() };
        let body: Value =
            serde_json::from_str(&OpenAiChat.ask(&Ask { again: Some(&again), ..ask(&config, &shape) }))
                .unwrap();
        assert_eq!(body["model"], "m\"");
        assert_eq!(body["messages"].as_array().map(Vec::len), Some(4));
        assert_eq!(body["messages"][1]["content"], "us\"er");
        assert_eq!(
            (&body["temperature"], &body["max_tokens"], &body["seed"]),
            (&json!(0), &json!(2048), &json!(9))
        );
        assert_eq!(body.get("tools").is_some(), rung == Rung::Tool);
        assert_eq!(
            body.pointer("/response_format/type").and_then(Value::as_str),
            match rung {
                Rung::Schema => Some("json_schema"),
                Rung::JsonObject => Some("json_object"),
                _ => None,
            }
        );
    }
}

#[test]
fn every_ending_has_its_state() {
    let settled = |message, finish| {
        settle(&reply(message, finish).unwrap(), Rung::Schema).map_err(|(s, _)| s).map(str::to_owned)
    };
    assert_eq!(settled(json!({"content": "x"}), json!("stop")), Ok("x".into()));
    assert_eq!(settled(json!({"content": [{"type": "text", "text": "x"}]}), json!(null)), Ok("x".into()));
    assert_eq!(settled(json!({"content": null}), json!("stop")), Err(VerdictState::Unparseable));
    assert_eq!(settled(json!({"content": "  "}), json!("stop")), Err(VerdictState::Unparseable));
    assert_eq!(settled(json!(null), json!("stop")), Err(VerdictState::Unparseable));
    assert_eq!(settled(json!({"content": "x"}), json!("length")), Err(VerdictState::Truncated));
    assert_eq!(settled(json!({"content": null, "refusal": "no"}), json!("stop")), Err(VerdictState::Refused));
    assert_eq!(settled(json!({"content": "x"}), json!("content_filter")), Err(VerdictState::Filtered));
    let call = json!({"content": null, "tool_calls": [{"function": {"name": "verdict", "arguments": "{}"}}]});
    assert_eq!(settled(call, json!("tool_calls")), Ok("{}".into()));
}

#[test]
fn what_is_no_reply_is_said_in_one_line() {
    for (body, line) in [
        ("<!DOCTYPE html><html>", "an HTML page came instead of JSON: is base_url the address of an API?"),
        ("", "the reply is empty"),
        ("data: {}\n\n", "an event stream came, though none was asked for"),
        (r#"{"choices":[]}"#, "the reply holds no choices"),
        (r#"{"object":"list"}"#, "the reply holds no choices"),
        (r#"{"error":{"message":"upstream\nfailed"}}"#, "200 with an error inside: upstream failed"),
    ] {
        assert_eq!(read_reply(body.as_bytes()).unwrap_err(), line);
    }
    for (body, how) in [(&b"\x1f\x8b\x08\x00"[..], "gzip"), (b"\x28\xb5\x2f\xfd\x04", "zstd")] {
        let told = read_reply(body).unwrap_err();
        assert!(told.contains(how) && told.contains("not asked for"), "{told}");
        assert!(ApiError::read(body).line().contains(how));
    }
    assert!(read_reply(b"[1,2]").unwrap_err().starts_with("the reply is not JSON of a chat completion"));
}

#[test]
fn usage_that_is_not_told_is_unknown() {
    let of = |usage: Value| {
        read_reply(json!({"choices": [{}], "usage": usage}).to_string().as_bytes()).unwrap().usage
    };
    assert_eq!(of(json!(null)), None);
    assert_eq!(of(json!({"prompt_tokens": 3})), None);
    let told = json!({"prompt_tokens": 3, "completion_tokens": 4, "completion_tokens_details": {"reasoning_tokens": 2}});
    assert_eq!(
        of(told),
        Some(Usage { prompt_tokens: 3, completion_tokens: 4, reasoning_tokens: Some(2), ..Usage::default() })
    );
}

#[test]
fn usage_beyond_all_calls_and_of_nothing_is_unknown() {
    let of = |usage: Value, content: &str| {
        let body = json!({"choices": [{"message": {"content": content}}], "usage": usage});
        read_reply(body.to_string().as_bytes()).unwrap().usage
    };
    let told = |prompt: Value, written: Value| json!({"prompt_tokens": prompt, "completion_tokens": written});
    for wrong in
        [json!(u64::MAX), json!(1_u64 << 63), json!(MOST_TOKENS + 1), json!(-1), json!("3"), json!(1.5)]
    {
        assert_eq!(of(told(wrong.clone(), json!(4)), "x"), None, "{wrong}");
        assert_eq!(of(told(json!(3), wrong.clone()), "x"), None, "{wrong}");
        let mut total = told(json!(3), json!(4));
        total["total_tokens"] = wrong.clone();
        assert_eq!(of(total, "x"), None, "{wrong}");
    }
    assert_eq!(of(told(json!(0), json!(0)), "x"), None);
    assert_eq!(of(told(json!(9), json!(0)), "x"), None);
    assert_eq!(of(told(json!(9), json!(0)), "").map(|u| u.completion_tokens), Some(0));
    assert_eq!(of(told(json!(MOST_TOKENS), json!(1)), "x").map(|u| u.prompt_tokens), Some(MOST_TOKENS));
}

#[test]
fn thoughts_that_are_told_apart_are_paid_for() {
    let of = |usage: Value| {
        let body = json!({"choices": [{"message": {"content": "x"}}], "usage": usage});
        read_reply(body.to_string().as_bytes()).unwrap().usage.map(|u| (u.prompt_tokens, u.completion_tokens))
    };
    let details = json!({"reasoning_tokens": 5000});
    let base = |total: Value| json!({"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": total});
    let with = |mut usage: Value| {
        usage["completion_tokens_details"] = details.clone();
        usage
    };
    assert_eq!(of(with(base(json!(5110)))), Some((100, 5010)), "told apart, the total says it");
    assert_eq!(of(base(json!(5110))), Some((100, 5010)), "the total alone");
    assert_eq!(of(with(base(json!(null)))), Some((100, 5010)), "no total");
    assert_eq!(of(base(json!(110))), Some((100, 10)));
    assert_eq!(of(base(json!(50))), Some((100, 10)), "a total that is too small is none");
    let within = json!({"prompt_tokens": 100, "completion_tokens": 5200, "total_tokens": 5300,
        "completion_tokens_details": details});
    assert_eq!(of(within), Some((100, 5200)), "the usual: thoughts are in it");
}
