//! A model that writes responses, behind the same kind of endpoint as a judge.

use super::{
    AskResult, BoxFuture, CallEvents, Caller, CancellationToken, ChatMessage, Gate, Generated, JudgeConfig,
    Map, Model, Stop, StopKind, Value, VerdictState, check_config, one_line, settle,
};
use crate::core::context::{AROUND, Fit, Window};
use crate::core::tokens;
use crate::judge::CallEvent;
use crate::judge::capabilities::Rung;
use crate::judge::dialect::{Dialect, ModelAsk};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A model behind an endpoint.
pub struct EndpointModel {
    config: JudgeConfig,
    dialect: &'static dyn Dialect,
    caller: Caller,
    /// The endpoint wants `max_completion_tokens`.
    renamed: AtomicBool,
    /// Somebody watches.
    pieces: AtomicBool,
}

impl EndpointModel {
    /// See [`crate::judge::open::model`].
    pub(in super::super) fn with(config: JudgeConfig, dialect: &'static dyn Dialect) -> Result<Self, Stop> {
        check_config(&config)?;
        Ok(Self {
            caller: Caller::open(&config, dialect)?,
            dialect,
            config,
            renamed: AtomicBool::new(false),
            pieces: AtomicBool::new(false),
        })
    }

    fn body(&self, messages: &[ChatMessage], params: &Map<String, Value>) -> String {
        // A prompt's settings set parameters; they name neither the texts nor how the answer is delivered.
        let delivery = ["model", "messages", "stream", "stream_options", "n", "role", "input"];
        let params: Map<String, Value> = params
            .iter()
            .filter(|(name, _)| !delivery.contains(&name.as_str()))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        let writing = ModelAsk {
            config: &self.config,
            messages,
            params: &params,
            renamed: self.renamed.load(Ordering::Relaxed),
            pieces: self.in_pieces(),
        };
        self.config.extras.put_into(Value::Object(self.dialect.writing(&writing)).to_string())
    }

    fn in_pieces(&self) -> bool {
        self.pieces.load(Ordering::Relaxed) && self.dialect.stream().is_some()
    }

    /// Why the messages do not fit the model's window, before anything is sent; `None` when they do, or when the window is
    /// not known. Tokens are counted offline, with the tokenizer named: of other models it is an estimate.
    fn overflows(&self, messages: &[ChatMessage], params: &Map<String, Value>) -> Option<String> {
        let configured = self.config.context_window.map(Window::configured);
        let window = configured.or_else(|| Window::of_model(&self.config.model))?;
        let asked = ["max_completion_tokens", "max_tokens"].iter().find_map(|key| params.get(*key)?.as_u64());
        let room = asked.unwrap_or(self.config.max_tokens.into());
        let of = |m: &ChatMessage| (tokens::count(&m.content) + AROUND) as u64;
        let bytes: usize = messages.iter().map(|m| m.content.len() + AROUND).sum();
        // A token is at least a byte: what is short in bytes needs no counting.
        if window.fit(bytes as u64, room) == Fit::Fits {
            return None;
        }
        let prompt: u64 = messages.iter().map(of).sum();
        (window.fit(prompt, room) == Fit::Over).then(|| {
            format!(
                "the prompt has {prompt} tokens ({}) and {room} are kept for the answer: more than the {} of {} ({}); nothing was sent",
                tokens::TOKENIZER,
                window.tokens,
                one_line(&self.config.model, 80),
                window.source
            )
        })
    }

    async fn write(
        &self,
        messages: &[ChatMessage],
        params: &Map<String, Value>,
        events: CallEvents<'_>,
        cancel: &CancellationToken,
    ) -> Generated {
        let mut out = Generated {
            text: String::new(),
            state: VerdictState::NotGenerated,
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
            (out.state, out.reason) = (VerdictState::Overflow, why);
            return out;
        }
        loop {
            let pieces = self.in_pieces();
            let learning = pieces || !self.renamed.load(Ordering::Relaxed);
            let body = self.body(messages, params);
            let asked = self.caller.ask_for(body, pieces, learning, u32::MAX, events, cancel).await;
            out.attempts += asked.requests;
            out.latency_ms = u64::try_from(asked.took.as_millis()).unwrap_or(u64::MAX);
            out.raw = asked.raw;
            match asked.end {
                AskResult::Refused(_, error, _)
                    if pieces && (error.names("stream") || error.names("stream_options")) =>
                {
                    self.pieces.store(false, Ordering::Relaxed);
                    continue;
                }
                AskResult::Refused(_, error, _)
                    if !self.renamed.load(Ordering::Relaxed)
                        && error.names("max_tokens")
                        && !error.is_context_overflow() =>
                {
                    self.renamed.store(true, Ordering::Relaxed);
                    continue;
                }
                AskResult::Refused(_, error, why) => {
                    let state = if error.is_context_overflow() {
                        VerdictState::Overflow
                    } else {
                        VerdictState::HttpError
                    };
                    (out.state, out.reason) = (state, why);
                }
                AskResult::Failed(VerdictState::HttpError, reason)
                    if reason.starts_with("the context window of") =>
                {
                    (out.state, out.reason) = (VerdictState::Overflow, reason);
                }
                AskResult::Failed(state, reason) => (out.state, out.reason) = (state, reason),
                AskResult::Stopped(stop) => {
                    out.state = if stop.kind == StopKind::Quota {
                        VerdictState::RateLimited
                    } else {
                        VerdictState::HttpError
                    };
                    out.reason.clone_from(&stop.message);
                    out.stop = Some(stop);
                }
                AskResult::Answer(answer) => take(self.dialect, &mut out, answer.body),
            }
            return out;
        }
    }
}

fn take(dialect: &dyn Dialect, out: &mut Generated, body: Vec<u8>) {
    let read = dialect.reply(&body);
    out.raw = body;
    let reply = match read {
        Ok(reply) => reply,
        Err(why) => {
            (out.state, out.reason) = (VerdictState::HttpError, why);
            return;
        }
    };
    match settle(&reply, Rung::Text) {
        Ok(text) => (out.state, out.text) = (VerdictState::Scored, text.to_owned()),
        // A response that was cut is not what the model would have said: it is not judged as if it were.
        Err((VerdictState::Unparseable, _)) => {
            (out.state, out.reason) = (VerdictState::NotGenerated, "the response is empty".to_owned())
        }
        Err((state, why)) => (out.state, out.reason) = (state, one_line(&why, 400)),
    }
    (out.usage, out.finish_reason, out.model_returned) = (reply.usage, reply.finish_reason, reply.model);
}

impl Model for EndpointModel {
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

    fn set_pieces(&self, pieces: bool) {
        self.pieces.store(pieces, Ordering::Relaxed);
    }
}
