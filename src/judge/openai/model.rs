//! A model that writes responses, behind the same kind of endpoint as a judge.

use super::{
    BoxFuture, Caller, CancellationToken, ChatMessage, End, Events, Gate, Generated, JudgeConfig, Map, Model,
    State, Stop, StopKind, Value, check_config, json, one_line, read_reply, settle,
};
use crate::core::tokens;
use crate::judge::CallEvent;
use crate::judge::capabilities::Rung;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Tokens around a message: its role and its marks.
const FRAME: u64 = 4;

/// A model behind an OpenAI-compatible endpoint.
pub struct OpenAiModel {
    config: JudgeConfig,
    caller: Caller,
    /// The endpoint wants `max_completion_tokens`.
    renamed: AtomicBool,
}

impl OpenAiModel {
    /// Checks the address, resolves the key and builds the client; sends nothing.
    ///
    /// # Errors
    /// One clear line when the address is refused, the model is missing or the key cannot be had.
    pub fn open(config: JudgeConfig) -> Result<Self, Stop> {
        check_config(&config)?;
        Ok(Self { caller: Caller::open(&config)?, config, renamed: AtomicBool::new(false) })
    }

    fn body(&self, messages: &[ChatMessage], params: &Map<String, Value>) -> String {
        let mut body = Map::new();
        body.insert("model".to_owned(), json!(self.config.model));
        body.insert("messages".to_owned(), json!(messages));
        if let Some(temperature) = self.config.temperature {
            body.insert("temperature".to_owned(), json!(temperature));
        }
        if let Some(seed) = self.config.seed {
            body.insert("seed".to_owned(), json!(seed));
        }
        body.insert("max_tokens".to_owned(), json!(self.config.max_tokens));
        for (name, value) in params {
            // A prompt's settings set parameters; they name neither the texts nor how the answer is delivered.
            if !matches!(
                name.as_str(),
                "model" | "messages" | "stream" | "stream_options" | "n" | "role" | "input"
            ) {
                body.insert(name.clone(), value.clone());
            }
        }
        if body.contains_key("max_completion_tokens") {
            body.remove("max_tokens");
        } else if self.renamed.load(Ordering::Relaxed)
            && let Some(room) = body.remove("max_tokens")
        {
            body.insert("max_completion_tokens".to_owned(), room);
        }
        Value::Object(body).to_string()
    }

    /// Why the messages do not fit the configured window, before anything is sent; `None` when they do, or when no window
    /// is configured. Tokens are counted offline, with the tokenizer named: of other models it is an estimate.
    fn overflows(&self, messages: &[ChatMessage], params: &Map<String, Value>) -> Option<String> {
        let window = self.config.context_window?;
        let asked = ["max_completion_tokens", "max_tokens"].iter().find_map(|key| params.get(*key)?.as_u64());
        let room = asked.unwrap_or(self.config.max_tokens.into());
        let of = |m: &ChatMessage| tokens::count(&m.content) as u64 + FRAME;
        let prompt: u64 = messages.iter().map(of).sum();
        (prompt + room > window).then(|| {
            format!(
                "the prompt has {prompt} tokens ({}) and {room} are kept for the answer: more than the {window} of {}; nothing was sent",
                tokens::TOKENIZER,
                one_line(&self.config.model, 80)
            )
        })
    }

    async fn write(
        &self,
        messages: &[ChatMessage],
        params: &Map<String, Value>,
        events: Events<'_>,
        cancel: &CancellationToken,
    ) -> Generated {
        let mut out = Generated {
            text: String::new(),
            state: State::NotGenerated,
            reason: String::new(),
            raw: Vec::new(),
            usage: None,
            latency_ms: 0,
            attempts: 0,
            finish_reason: None,
            model_returned: None,
            stop: None,
        };
        if let Some(why) = self.overflows(messages, params) {
            (out.state, out.reason) = (State::Overflow, why);
            return out;
        }
        loop {
            let learning = !self.renamed.load(Ordering::Relaxed);
            let asked = self.caller.ask(self.body(messages, params), learning, events, cancel).await;
            out.attempts += asked.requests;
            out.latency_ms = u64::try_from(asked.took.as_millis()).unwrap_or(u64::MAX);
            out.raw = asked.raw;
            match asked.end {
                End::Refused(_, error, _) if error.names("max_tokens") && !error.is_context_overflow() => {
                    self.renamed.store(true, Ordering::Relaxed);
                    continue;
                }
                End::Refused(_, error, why) => {
                    let state = if error.is_context_overflow() { State::Overflow } else { State::HttpError };
                    (out.state, out.reason) = (state, why);
                }
                End::Failed(State::HttpError, reason) if reason.starts_with("the context window of") => {
                    (out.state, out.reason) = (State::Overflow, reason);
                }
                End::Failed(state, reason) => (out.state, out.reason) = (state, reason),
                End::Stopped(stop) => {
                    out.state =
                        if stop.kind == StopKind::Quota { State::RateLimited } else { State::HttpError };
                    out.reason.clone_from(&stop.message);
                    out.stop = Some(stop);
                }
                End::Answer(answer) => take(&mut out, answer.body),
            }
            return out;
        }
    }
}

fn take(out: &mut Generated, body: Vec<u8>) {
    let read = read_reply(&body);
    out.raw = body;
    let reply = match read {
        Ok(reply) => reply,
        Err(why) => {
            (out.state, out.reason) = (State::HttpError, why);
            return;
        }
    };
    match settle(&reply, Rung::Text) {
        Ok(text) => (out.state, out.text) = (State::Scored, text.to_owned()),
        // A response that was cut is not what the model would have said: it is not judged as if it were.
        Err((State::Unparseable, _)) => {
            (out.state, out.reason) = (State::NotGenerated, "the response is empty".to_owned())
        }
        Err((state, why)) => (out.state, out.reason) = (state, one_line(&why, 400)),
    }
    (out.usage, out.finish_reason, out.model_returned) = (reply.usage, reply.finish_reason, reply.model);
}

impl Model for OpenAiModel {
    fn name(&self) -> &str {
        &self.config.name
    }

    fn model(&self) -> &str {
        &self.config.model
    }

    fn generate<'a>(
        &'a self,
        messages: &'a [ChatMessage],
        params: &'a Map<String, Value>,
        events: &'a (dyn Fn(CallEvent) + Send + Sync),
        cancel: &'a CancellationToken,
    ) -> BoxFuture<'a, Generated> {
        Box::pin(self.write(messages, params, events, cancel))
    }

    fn set_gate(&self, gate: Arc<dyn Gate>) {
        self.caller.set_gate(gate);
    }
}
