//! What differs from one judge API to the next: one file each behind one trait, and the one list of them.
//!
//! ```text
//! Ask | Writing --ask, writing--> body --auth, call_path--> HTTP --200--> reply --> Reply, the same for all
//!                                                             \---------> error, limits --> retry
//! ```
//! `docs/technical/judging.md` says how one is added. What is the same for all (discovery, waits, second chances, reading,
//! fingerprints) is in [`super::endpoint_judge`] and never asks which dialect it speaks.

mod anthropic;
mod azure;
mod bedrock;
mod gemini;
mod ollama;
mod openai_chat;
mod openai_responses;
#[cfg(test)]
mod tests;

pub use anthropic::Anthropic;
pub use azure::Azure;
pub use bedrock::Bedrock;
pub use gemini::Gemini;
pub use ollama::Ollama;
pub use openai_chat::OpenAiChat;
pub use openai_responses::OpenAiResponses;

use super::capabilities::{RequestShape, Rung};
use super::config::{Api, JudgeConfig};
use super::prompt::{SCHEMA, SCHEMA_BOUNDED, SYSTEM};
use super::reset;
use super::wire::{ApiError, JudgeReply};
use super::{ChatMessage, Usage};
use serde_json::{Map, Value, json};
use std::fmt::Debug;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::time::Duration;

/// Every dialect, the one that is spoken where nothing else is known first.
pub static ALL: [&dyn Dialect; 7] =
    [&OpenAiChat, &OpenAiResponses, &Anthropic, &Gemini, &Ollama, &Azure, &Bedrock];

/// Looks a header up by its lower-case name.
pub type HeaderLookup<'a> = &'a (dyn Fn(&str) -> Option<String> + Sync);

/// One API that judges and models are reached by.
pub trait Dialect: Debug + Send + Sync + UnwindSafe + RefUnwindSafe {
    /// What `api = "..."` calls it.
    fn name(&self) -> &'static str;

    /// What it is, for people.
    fn words(&self) -> &'static str;

    /// Where the provider itself answers, and which variables its own libraries read; `None` where a name alone leads
    /// nowhere.
    fn home(&self) -> Option<Home> {
        None
    }

    /// Whether an address is one of this dialect. The first that says so is taken; where none does, [`OpenAiChat`].
    fn speaks_at(&self, place: &EndpointAddress<'_>) -> bool;

    /// What an answer of it is called: `chat completion`.
    fn answer_words(&self) -> &'static str {
        "answer of this API"
    }

    /// The header that carries the key, and its value.
    fn auth(&self, key: &str) -> (&'static str, String) {
        ("authorization", format!("Bearer {key}"))
    }

    /// Headers that every request carries.
    fn headers(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    /// What every address ends with behind `?`, unless the configuration says otherwise.
    fn query(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// The path of a call below the base's path (which has no slash at its end).
    fn call_path(&self, base: &str, model: &str) -> String;

    /// The path of the list of models; `None` where there is none to ask for.
    fn models_path(&self, base: &str) -> Option<String> {
        Some(format!("{base}/models"))
    }

    /// The ways in which the form of a reply can be asked for, best first.
    fn formats(&self) -> &'static [Rung];

    /// Whether a seed can be sent.
    fn takes_seed(&self) -> bool {
        false
    }

    /// Whether log probabilities can be asked for.
    fn gives_logprobs(&self) -> bool {
        false
    }

    /// Whether the room for the answer goes by a second name where the first is refused.
    fn renames_room(&self) -> bool {
        false
    }

    /// The body of a question to a judge. The same question gives the same bytes.
    fn ask(&self, ask: &Ask<'_>) -> String;

    /// The body that asks a model for a response.
    fn writing(&self, writing: &ModelAsk<'_>) -> Map<String, Value>;

    /// Reads a successful answer.
    ///
    /// # Errors
    /// One line saying what came instead of one.
    fn reply(&self, body: &[u8]) -> Result<JudgeReply, String>;

    /// Reads the body of any other answer.
    fn error(&self, body: &[u8]) -> ApiError {
        ApiError::read(body)
    }

    /// What puts the pieces of a streamed answer together; `None` where answers come whole.
    fn stream(&self) -> Option<Box<dyn Stream>> {
        None
    }

    /// How long no more requests or tokens are left, and of which, by the headers of any answer.
    fn limits(&self, header: HeaderLookup<'_>, now_s: i64) -> Option<(Duration, &'static str)> {
        reset::used_up(header, now_s)
    }

    /// The path that the lines of a batch name; `None` where there is no such API.
    fn batch(&self) -> Option<&'static str> {
        None
    }
}

impl Api {
    /// That of a dialect.
    pub fn of(dialect: &'static dyn Dialect) -> Self {
        Self(dialect.name())
    }

    /// The dialect of this name.
    pub fn dialect(self) -> &'static dyn Dialect {
        ALL.into_iter().find(|dialect| dialect.name() == self.0).unwrap_or(&OpenAiChat)
    }
}

impl JudgeConfig {
    /// The API that its endpoint speaks: as configured, else as its address says.
    pub fn dialect(&self) -> &'static dyn Dialect {
        self.api.map_or_else(|| guess(&self.base_url, &self.model), Api::dialect)
    }
}

/// Where a provider answers, and what its libraries read from the environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Home {
    /// Its address; empty where each account has its own.
    pub base_url: &'static str,
    /// Variables that hold another address, the first that is set counts.
    pub base_variables: &'static [&'static str],
    /// Variables that hold the key, the first that is set counts.
    pub key_variables: &'static [&'static str],
}

/// An address as far as a guess needs it, and the model asked for.
#[derive(Debug, Clone, Copy)]
pub struct EndpointAddress<'a> {
    /// The host, in lower case.
    pub host: &'a str,
    /// The port, where one is written.
    pub port: Option<u16>,
    /// The path, without a slash at its end.
    pub path: &'a str,
    /// The model.
    pub model: &'a str,
}

/// The dialect that this base URL is one of, as it was written: a pasted path says more than what is left of it.
pub fn guess(base_url: &str, model: &str) -> &'static dyn Dialect {
    let Ok(url) = reqwest::Url::parse(base_url.trim()) else { return &OpenAiChat };
    let path = url.path().trim_end_matches('/');
    let host = url.host_str().unwrap_or_default();
    at(&EndpointAddress { host, port: url.port(), path, model })
}

/// The dialect that this address is one of.
pub fn at(place: &EndpointAddress<'_>) -> &'static dyn Dialect {
    ALL.into_iter().skip(1).find(|dialect| dialect.speaks_at(place)).unwrap_or(&OpenAiChat)
}

/// The dialect of this name.
pub fn named(name: &str) -> Option<&'static dyn Dialect> {
    ALL.into_iter().find(|dialect| dialect.name() == name)
}

/// Puts a streamed answer together.
pub trait Stream: Send {
    /// Takes bytes; whether the text grew.
    fn push(&mut self, bytes: &[u8]) -> bool;

    /// The text so far.
    fn text(&self) -> &str;

    /// The body that the pieces amount to, as [`Dialect::reply`] reads it.
    ///
    /// # Errors
    /// One line, when the stream ended before its end.
    fn finish(self: Box<Self>) -> Result<Vec<u8>, String>;
}

/// What is asked for: the system message, and the schema of the answer with and without bounds on its texts.
#[derive(Debug, Clone, Copy)]
pub struct Form<'a> {
    /// Role and rules.
    pub system: &'a str,
    /// The answer's schema, as JSON.
    pub schema: &'a str,
    /// The same with bounds.
    pub bounded: &'a str,
}

impl Form<'static> {
    /// A score with its reasons.
    pub const SCORE: Self = Self { system: SYSTEM, schema: SCHEMA, bounded: SCHEMA_BOUNDED };
}

impl<'a> Form<'a> {
    /// The schema that requests of this shape carry.
    pub fn schema_of(&self, shape: &RequestShape) -> &'a str {
        if shape.bounded { self.bounded } else { self.schema }
    }
}

/// What is said after a reply that could not be read.
#[derive(Debug, Clone)]
pub struct Correction {
    /// What the judge had said.
    pub said: String,
    /// What is asked now.
    pub ask: String,
}

/// One question to a judge.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// Model, temperature, seed.
    pub config: &'a JudgeConfig,
    /// What the endpoint accepts.
    pub shape: &'a RequestShape,
    /// What is asked for.
    pub form: Form<'a>,
    /// The user message.
    pub user: &'a str,
    /// The reply that could not be read, and what is asked now.
    pub again: Option<&'a Correction>,
    /// Which of several passes, from 0.
    pub repeat: u32,
    /// Room for the answer, in tokens.
    pub room: u32,
}

impl Ask<'_> {
    /// The temperature; `None` when none is sent.
    pub fn temperature(&self) -> Option<f64> {
        self.shape.temperature.then(|| self.config.temperature.unwrap_or(0.0))
    }

    /// The seed of this pass; `None` when none is sent.
    pub fn seed(&self) -> Option<i64> {
        let seed = self.config.seed.filter(|_| self.shape.seed)?;
        Some(seed.wrapping_add(i64::from(self.repeat)))
    }

    /// The turns after the system message: role (`user`, `assistant`) and text.
    pub fn turns(&self) -> Vec<(&'static str, &str)> {
        let mut turns = vec![("user", self.user)];
        if let Some(again) = self.again {
            turns.push(("assistant", again.said.as_str()));
            turns.push(("user", again.ask.as_str()));
        }
        turns
    }
}

/// One response to be written by a model.
#[derive(Debug, Clone, Copy)]
pub struct ModelAsk<'a> {
    /// Model and parameters.
    pub config: &'a JudgeConfig,
    /// The prompt.
    pub messages: &'a [ChatMessage],
    /// The prompt's own settings, which win over the configured ones; none of them names texts or delivery.
    pub params: &'a Map<String, Value>,
    /// The endpoint wants the other name of the room for the answer.
    pub renamed: bool,
    /// The answer is asked for in pieces.
    pub pieces: bool,
}

impl ModelAsk<'_> {
    /// The temperature; `None` when none is sent.
    pub fn temperature(&self) -> Option<f64> {
        self.params.get("temperature").and_then(Value::as_f64).or(self.config.temperature)
    }

    /// Room for the answer, in tokens.
    pub fn room(&self) -> u32 {
        let asked =
            ["max_completion_tokens", "max_tokens"].iter().find_map(|key| self.params.get(*key)?.as_u64());
        asked.and_then(|n| u32::try_from(n).ok()).unwrap_or(self.config.max_tokens)
    }

    /// The seed; `None` when none is sent.
    pub fn seed(&self) -> Option<i64> {
        self.params.get("seed").and_then(Value::as_i64).or(self.config.seed)
    }

    /// Texts that end the answer, as a list.
    pub fn stop(&self) -> Option<Value> {
        match self.params.get("stop")? {
            Value::String(one) => Some(json!([one])),
            list @ Value::Array(_) => Some(list.clone()),
            _ => None,
        }
    }

    /// The system messages as one text, and the others.
    pub fn system_apart(&self) -> (String, Vec<&ChatMessage>) {
        let (system, rest): (Vec<_>, Vec<_>) =
            self.messages.iter().partition(|m| matches!(m.role.as_str(), "system" | "developer"));
        let system: Vec<&str> = system.iter().map(|m| m.content.as_str()).collect();
        (system.join("\n\n"), rest)
    }

    /// The prompt's settings without those that the dialect writes in its own way.
    pub fn rest(&self, known: &[&str]) -> Map<String, Value> {
        let others = self.params.iter().filter(|(name, _)| !known.contains(&name.as_str()));
        others.map(|(name, value)| (name.clone(), value.clone())).collect()
    }
}

/// JSON that is known to read.
pub(super) fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_default()
}

/// A text as one segment of a path, whatever it holds.
pub(super) fn segment(text: &str) -> String {
    let kept = |b: u8| b.is_ascii_alphanumeric() || b"-._~:@".contains(&b);
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if kept(byte) {
            out.push(char::from(byte));
        } else {
            let hex = |n: u8| char::from_digit(u32::from(n), 16).unwrap_or('0').to_ascii_uppercase();
            out.extend(['%', hex(byte >> 4), hex(byte & 15)]);
        }
    }
    out
}

/// More tokens than any one call has: a larger number is a server's word for "not known".
const MOST_TOKENS: u64 = 100_000_000;

/// A number of tokens; `None` when it is none, or beyond all calls.
pub(super) fn tokens(value: &Value) -> Option<u64> {
    value.as_u64().filter(|n| *n <= MOST_TOKENS)
}

/// The same of a number that may be left out: `Some(None)` where it is, `None` where it is no number.
pub(super) fn tokens_or_none(value: Option<&Value>) -> Option<Option<u64>> {
    match value {
        None | Some(Value::Null) => Some(None),
        Some(told) => tokens(told).map(Some),
    }
}

/// Nothing is used up by an answer that says something and cost no tokens: then it is not known what was.
pub(super) fn plausible(usage: Usage, answered: bool) -> Option<Usage> {
    (!answered || usage.completion_tokens > 0).then_some(usage)
}
