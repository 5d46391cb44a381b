//! An answer that comes in pieces: server-sent events put together to the completion they amount to.
//!
//! ```text
//! bytes --push--> lines "data: {...}" --> text so far (told) ... [DONE] | finish_reason --finish--> the body of a completion
//! ```
//! Whoever reads the body afterwards reads it as any other. A stream that ends before its end is a cut answer.

use super::super::Stream;
use serde_json::{Map, Value, json};

/// Puts a stream together.
#[derive(Debug, Default)]
pub(super) struct Assembly {
    /// The end of the bytes, without a line end yet.
    rest: Vec<u8>,
    text: String,
    refusal: String,
    model: Value,
    usage: Value,
    finish: Value,
    error: Option<Value>,
    /// Events with a choice.
    events: usize,
    done: bool,
}

impl Assembly {
    fn line(&mut self, line: &str) {
        let Some(data) = line.trim_end().strip_prefix("data:").map(str::trim) else { return };
        if data == "[DONE]" {
            self.done = true;
            return;
        }
        let Ok(event) = serde_json::from_str::<Value>(data) else { return };
        if let Some(error) = event.get("error").filter(|e| !e.is_null()) {
            self.error = Some(error.clone());
        }
        for (kept, key) in [(&mut self.model, "model"), (&mut self.usage, "usage")] {
            if let Some(value) = event.get(key).filter(|v| !v.is_null()) {
                *kept = value.clone();
            }
        }
        let Some(choice) = event.pointer("/choices/0") else { return };
        self.events += 1;
        let delta =
            |key: &str| choice.pointer(&format!("/delta/{key}")).and_then(Value::as_str).unwrap_or_default();
        self.text.push_str(delta("content"));
        self.refusal.push_str(delta("refusal"));
        if let Some(reason) = choice.get("finish_reason").filter(|r| !r.is_null()) {
            self.finish = reason.clone();
        }
    }
}

impl Stream for Assembly {
    fn push(&mut self, bytes: &[u8]) -> bool {
        let before = self.text.len();
        self.rest.extend_from_slice(bytes);
        while let Some(end) = self.rest.iter().position(|b| *b == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            self.line(&String::from_utf8_lossy(&line));
        }
        self.text.len() > before
    }

    fn text(&self) -> &str {
        &self.text
    }

    fn finish(mut self: Box<Self>) -> Result<Vec<u8>, String> {
        let last = std::mem::take(&mut self.rest);
        self.line(&String::from_utf8_lossy(&last));
        if let Some(error) = self.error {
            return Ok(json!({ "error": error }).to_string().into_bytes());
        }
        if self.events == 0 {
            // What some servers answer to a prompt that does not fit: told as what it is, a reply without any choice.
            return Ok(json!({"choices": [], "model": self.model}).to_string().into_bytes());
        }
        if !self.done && self.finish.is_null() {
            return Err("the stream ended before the answer was complete".to_owned());
        }
        let mut message = Map::new();
        message.insert("role".to_owned(), json!("assistant"));
        message.insert("content".to_owned(), json!(self.text));
        if !self.refusal.is_empty() {
            message.insert("refusal".to_owned(), json!(self.refusal));
        }
        let choice = json!({"index": 0, "message": message, "finish_reason": self.finish});
        Ok(json!({"model": self.model, "choices": [choice], "usage": self.usage}).to_string().into_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::super::read_reply;
    use super::*;

    fn event(delta: Value, finish: Value) -> String {
        format!(
            "data: {}\n\n",
            json!({"model": "m-1", "choices": [{"delta": delta, "finish_reason": finish}]})
        )
    }

    #[test]
    fn pieces_make_the_completion_wherever_they_are_cut() {
        let stream = [
            event(json!({"role": "assistant", "content": null}), json!(null)),
            event(json!({"content": "Gr\u{fc}"}), json!(null)),
            event(json!({"content": "\u{df}e"}), json!(null)),
            event(json!({}), json!("stop")),
            format!(
                "data: {}\n\n",
                json!({"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}})
            ),
            "data: [DONE]\n\n".to_owned(),
        ]
        .concat();
        for size in [1, 2, 7, 1000] {
            let mut assembly = Box::<Assembly>::default();
            let grew = stream.as_bytes().chunks(size).filter(|piece| assembly.push(piece)).count();
            assert!(grew > 0);
            assert_eq!(assembly.text(), "Gr\u{fc}\u{df}e");
            let reply = read_reply(&assembly.finish().unwrap()).unwrap();
            assert_eq!(
                (reply.content.as_deref(), reply.model.as_deref()),
                (Some("Gr\u{fc}\u{df}e"), Some("m-1"))
            );
            assert_eq!(reply.finish_reason.as_deref(), Some("stop"));
            assert_eq!(reply.usage.map(|u| (u.prompt_tokens, u.completion_tokens)), Some((3, 2)));
        }
    }

    #[test]
    fn a_stream_without_an_end_is_cut_and_an_empty_one_holds_nothing() {
        let mut cut = Box::<Assembly>::default();
        cut.push(event(json!({"content": "half"}), json!(null)).as_bytes());
        assert!(cut.finish().is_err());
        let empty = Box::<Assembly>::default().finish().unwrap();
        assert_eq!(read_reply(&empty).unwrap_err(), "the reply holds no choices");
        let mut failed = Box::<Assembly>::default();
        failed.push(b"data: {\"error\":{\"message\":\"too long\"}}\n\n");
        assert!(read_reply(&failed.finish().unwrap()).unwrap_err().contains("too long"));
    }
}
