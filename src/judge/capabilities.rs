//! What an endpoint accepts, learned from its refusals: how the reply's form may be asked for, and which parameters.
//!
//! ```text
//!   schema --refused--> tool --refused or ignored--> json_object --refused--> text
//! ```
//! A refusal changes exactly the parameter it names, once. What is left when discovery ends is part of the fingerprint.

use super::config::JudgeConfig;
use serde::{Deserialize, Serialize};

/// How the reply's form is asked for, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rung {
    /// `response_format` with a strict JSON schema.
    Schema,
    /// A function the model is made to call.
    Tool,
    /// `response_format: json_object`.
    JsonObject,
    /// Nothing but the words of the prompt.
    Text,
}

impl Rung {
    /// As stored with a verdict.
    pub fn name(self) -> &'static str {
        match self {
            Self::Schema => "schema",
            Self::Tool => "tool",
            Self::JsonObject => "json_object",
            Self::Text => "text",
        }
    }
}

/// What the room for the answer is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoomName {
    /// What most servers know.
    MaxTokens,
    /// What reasoning models want.
    MaxCompletionTokens,
    /// Neither is accepted.
    Neither,
}

impl RoomName {
    /// The parameter's name; `None` when none is sent.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::MaxTokens => Some("max_tokens"),
            Self::MaxCompletionTokens => Some("max_completion_tokens"),
            Self::Neither => None,
        }
    }
}

/// The form requests to one (base URL, model) take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestShape {
    /// How the reply's form is asked for.
    pub rung: Rung,
    /// Whether the schema bounds its texts.
    pub bounded: bool,
    /// What the room for the answer is called.
    pub room: RoomName,
    /// Whether `temperature` is sent.
    pub temperature: bool,
    /// Whether `seed` is sent.
    pub seed: bool,
    /// Whether log probabilities are asked for.
    #[serde(default)]
    pub logprobs: bool,
    /// Room for the answer in tokens, where it is another than configured: less where the endpoint allows less, more for a
    /// judge that thinks first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room_tokens: Option<u32>,
    /// The most log probabilities for a token, where it is less than is usual.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top_logprobs: Option<u8>,
}

/// What was learned of one (base URL, model), as it is remembered from run to run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RememberedEndpoint {
    /// What it accepts.
    pub shape: RequestShape,
    /// What was learned, one line each.
    pub notes: Vec<String>,
    /// When, in Unix seconds. An endpoint learns too: what is old is found out anew.
    pub at: i64,
}

/// How long what was learned is relied on, in seconds: a week.
pub(super) const KEEPS: i64 = 7 * 24 * 3600;

impl RememberedEndpoint {
    /// Reads what was stored; `None` when it does not read or is too old at `now` (Unix seconds).
    pub fn read(stored: &str, now: i64) -> Option<Self> {
        Self::stored(stored).filter(|known| !known.is_old(now))
    }

    /// Reads what was stored, however old it is: for people to look at.
    pub fn stored(stored: &str) -> Option<Self> {
        serde_json::from_str(stored).ok()
    }

    /// Whether it is too old to be relied on at `now` (Unix seconds).
    pub fn is_old(&self, now: i64) -> bool {
        !(0..KEEPS).contains(&(now - self.at))
    }

    /// The shape to begin with: what is refused stays left out, what is not configured is not sent.
    pub fn begin(&self, wanted: RequestShape) -> RequestShape {
        let RequestShape { seed, logprobs, .. } = wanted;
        RequestShape {
            seed: seed && self.shape.seed,
            logprobs: logprobs && self.shape.logprobs,
            ..self.shape
        }
    }
}

/// What the room for the answer is called by one API or another.
pub(super) const ROOM_NAMES: [&str; 7] = [
    "max_tokens",
    "max_completion_tokens",
    "max_output_tokens",
    "max_new_tokens",
    "maxOutputTokens",
    "maxTokens",
    "num_predict",
];

impl RequestShape {
    /// Room for an answer in tokens.
    pub fn room_of(&self, config: &JudgeConfig) -> u32 {
        self.room_tokens.unwrap_or(config.max_tokens)
    }

    /// What is sent and how the reply is asked for, in a few words.
    pub fn words(&self) -> String {
        let mut words = vec![format!("replies as {}", self.rung.name())];
        words.extend((!self.bounded).then(|| "schema without bounds".to_owned()));
        words.push(self.room.name().map_or_else(|| "no limit of length".to_owned(), str::to_owned));
        words.extend(self.room_tokens.map(|n| format!("{n} tokens for the answer")));
        words.extend((!self.temperature).then(|| "no temperature".to_owned()));
        words.extend(self.seed.then(|| "seed".to_owned()));
        words.extend(self.logprobs.then(|| "logprobs".to_owned()));
        words.join(", ")
    }

    /// Where learning begins: everything asked for.
    pub fn first(seed: bool) -> Self {
        Self {
            rung: Rung::Schema,
            bounded: true,
            room: RoomName::MaxTokens,
            temperature: true,
            seed,
            logprobs: false,
            room_tokens: None,
            top_logprobs: None,
        }
    }
}
