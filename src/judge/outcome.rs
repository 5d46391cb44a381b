//! What a judge or a model is asked, and what comes of it: requests, outcomes, stops.

use crate::core::digest::{Digest, RowDigest};
use crate::core::item::Subject;
use crate::core::rubric::Criterion;
use crate::core::verdict::{Reading, VerdictState};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Where a response stands: of several recordings of one text, a recorded judge takes that of this very place.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Lookup {
    /// The set's name.
    pub set: String,
    /// The case's id.
    pub case_id: String,
    /// The arm whose response is judged.
    pub arm: String,
}

/// One verdict to be reached: a response, what surrounds it, and one question about it.
#[derive(Debug, Clone)]
pub struct JudgeRequest {
    /// The prompt, its variables and the reference.
    pub subject: Arc<Subject>,
    /// The text to be judged.
    pub response: Arc<str>,
    /// The question, with its anchors and steps.
    pub criterion: Arc<Criterion>,
    /// Which of several passes, from 0. With a configured seed, pass `n` uses `seed + n`.
    pub repeat: u32,
    /// Marks where the material begins and ends; see [`nonce_for`].
    pub nonce: String,
    /// Where it stands.
    pub lookup: Lookup,
}

impl JudgeRequest {
    /// A request whose nonce is derived from its own content by [`nonce_for`].
    pub fn new(
        subject: Arc<Subject>,
        response: Arc<str>,
        criterion: Arc<Criterion>,
        repeat: u32,
        lookup: Lookup,
    ) -> Self {
        let nonce = nonce_for(&subject, &response, &criterion, repeat);
        Self { subject, response, criterion, repeat, nonce, lookup }
    }
}

/// The nonce of a verdict: 16 hex digits hashed from all that is judged.
///
/// It is the same whenever the same verdict is asked for, so that an interrupted run and an unbroken one send the
/// same bytes; and a response cannot contain its own nonce, because writing it in changes it. (Texts are JSON
/// strings besides, so that even a right guess closes nothing.)
pub fn nonce_for(subject: &Subject, response: &str, criterion: &Criterion, repeat: u32) -> String {
    let subject = subject.digest().unwrap_or_else(|_| Digest::of(&subject.prompt));
    nonce_of(&subject, response, &criterion.version(), repeat)
}

/// The same where the digests are known already: a run knows them for thousands of calls.
pub fn nonce_of(subject: &Digest, response: &str, criterion: &Digest, repeat: u32) -> String {
    RowDigest::new("assize.nonce.1")
        .bytes(subject.as_bytes())
        .text(response)
        .bytes(criterion.as_bytes())
        .int(i64::from(repeat))
        .finish()
        .hex()
        .chars()
        .take(16)
        .collect()
}

/// Tokens the endpoint says were used. What it does not say is unknown, never zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens read.
    pub prompt_tokens: u64,
    /// Tokens written, reasoning included.
    pub completion_tokens: u64,
    /// Of those written, how many were reasoning; `None` when not told.
    pub reasoning_tokens: Option<u64>,
    /// Of those read, how many came from the endpoint's cache; `None` when not told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cached_tokens: Option<u64>,
    /// Of those read, how many were written into that cache; `None` when not told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write_tokens: Option<u64>,
    /// What the endpoint says that the call cost, in billionths of a USD; `None` when not told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_nano_usd: Option<u64>,
}

impl Usage {
    /// What the endpoint says that the call cost in USD; else the price at `price_in` and `price_out` USD per million tokens.
    /// `None` when neither is known.
    pub fn cost(&self, price_in: Option<f64>, price_out: Option<f64>) -> Option<f64> {
        self.cost_with_cache(price_in, price_out, None, None)
    }

    /// The same where what is read from the endpoint's cache has a price of its own (as for others when absent), and what is
    /// written into it: of that the price is unknown when absent, and then so is the cost of an exchange that wrote any.
    pub fn cost_with_cache(
        &self,
        price_in: Option<f64>,
        price_out: Option<f64>,
        price_cached: Option<f64>,
        price_cache_write: Option<f64>,
    ) -> Option<f64> {
        if let Some(told) = self.cost_nano_usd {
            return Some(told as f64 / 1e9);
        }
        let cached = self.cached_tokens.unwrap_or(0).min(self.prompt_tokens);
        let kept = self.cache_write_tokens.unwrap_or(0).min(self.prompt_tokens - cached);
        let (read, written) = ((self.prompt_tokens - cached - kept) as f64, self.completion_tokens as f64);
        let price_in = price_in?;
        let of_cache = cached as f64 * price_cached.unwrap_or(price_in);
        let into_cache = if kept == 0 { 0.0 } else { kept as f64 * price_cache_write? };
        Some((read * price_in + of_cache + into_cache + written * price_out?) / 1e6)
    }
}

/// Why a whole run must stop: going on would fail in the same way for every item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopKind {
    /// The key is missing, wrong or may not do this.
    Key,
    /// The endpoint does not know the model.
    Model,
    /// The account's quota or balance is used up.
    Quota,
    /// No connection: refused, no such host, TLS failure, or it stopped answering.
    Unreachable,
    /// The base URL is refused or does not lead to an API.
    Address,
    /// The endpoint answers, but refuses what a judge needs.
    Unusable,
    /// Cancelled while discovering.
    Cancelled,
}

/// The one clear line that ends a run. It never holds a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Stop {
    /// What kind of failure.
    pub kind: StopKind,
    /// What happened, where, and what to do next.
    pub message: String,
}

impl Stop {
    /// A stop of `kind` with its message.
    pub fn new(kind: StopKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }
}

/// What a call is doing, for the screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallEvent {
    /// An HTTP request is about to be sent. Exactly one for each request: counting these counts the calls.
    Sent,
    /// Waiting until `until_ms` (milliseconds since the Unix epoch) because of `why`.
    Waiting {
        /// Milliseconds since the Unix epoch.
        until_ms: u64,
        /// Why: `429, asked to wait 20 s`.
        why: String,
    },
    /// The wait is over.
    Retrying,
    /// The text of a response so far, where it comes in pieces.
    Text(String),
}

/// Asked before every HTTP request of a judge or model: the place for hard caps on calls and money.
pub trait Gate: Send + Sync {
    /// Whether one more request may be sent. `false` ends the verdict as [`VerdictState::OverBudget`].
    fn admit(&self) -> bool;
}

/// What came of one request for a verdict.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Scored, or the one reason why not.
    pub state: VerdictState,
    /// Present exactly when scored.
    pub reading: Option<Reading>,
    /// For failures: one line saying why. Empty when scored.
    pub reason: String,
    /// The body of the last reply, as it came (the key, should the endpoint echo it, is blanked).
    pub raw: Vec<u8>,
    /// All tokens of this verdict's exchanges; `None` when any of the answers did not say.
    pub usage: Option<Usage>,
    /// How long the last exchange took, waits not counted.
    pub latency_ms: u64,
    /// HTTP requests made for this verdict, discovery (if this call had to do it) included.
    pub attempts: u32,
    /// How the reply's form was asked for: `schema`, `tool`, `json_object`, `text`, `recorded`, or `` (no call).
    pub rung: &'static str,
    /// As the endpoint gave it.
    pub finish_reason: Option<String>,
    /// The model that says it answered.
    pub model_returned: Option<String>,
    /// Marks for people: `injection_suspected`, `injection_pattern`, `quote_not_found`, `hidden_characters`,
    /// `asked_again`, `more_room`.
    pub flags: Vec<String>,
    /// Set when the whole run must stop. Such a verdict is not to be stored: it stays open.
    pub stop: Option<Stop>,
}

impl Outcome {
    /// A failure before anything was sent.
    pub fn failed(state: VerdictState, reason: impl Into<String>) -> Self {
        Self {
            state,
            reading: None,
            reason: reason.into(),
            raw: Vec::new(),
            usage: None,
            latency_ms: 0,
            attempts: 0,
            rung: "",
            finish_reason: None,
            model_returned: None,
            flags: Vec::new(),
            stop: None,
        }
    }
}

/// What discovery found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Discovery {
    /// HTTP requests made; they count as calls of the run.
    pub calls: u32,
    /// The model that says it answered.
    pub model_returned: Option<String>,
    /// What was learned, one line each: `temperature is refused and left out`.
    pub notes: Vec<String>,
    /// Why the answer to the trial question holds no verdict; `None` when it holds one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_verdict: Option<String>,
}

/// What a judge learned of its endpoint, to be remembered for the next run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Learnt {
    /// Origin and path.
    pub base_url: String,
    /// The model asked for.
    pub model: String,
    /// JSON of [`super::capabilities::RememberedEndpoint`].
    pub known: String,
}

/// One message of a chat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChatMessage {
    /// `system`, `user` or `assistant`.
    pub role: String,
    /// The text.
    pub content: String,
}

/// What came of asking a model for a response.
#[derive(Debug, Clone, PartialEq)]
pub struct Generated {
    /// The response; empty unless `state` is `Scored`.
    pub text: String,
    /// [`VerdictState::Scored`] stands for "generated"; otherwise why there is no response.
    pub state: VerdictState,
    /// For failures: one line saying why.
    pub reason: String,
    /// The body of the last reply.
    pub raw: Vec<u8>,
    /// Tokens, when told.
    pub usage: Option<Usage>,
    /// How long the last exchange took.
    pub latency_ms: u64,
    /// HTTP requests made.
    pub attempts: u32,
    /// As the endpoint gave it.
    pub finish_reason: Option<String>,
    /// The model that says it answered.
    pub model_returned: Option<String>,
    /// Set when the whole run must stop.
    pub stop: Option<Stop>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_from_the_cache_and_written_into_it_have_prices_of_their_own_and_an_unknown_one_is_no_zero()
     {
        let used = |cached: Option<u64>, kept: Option<u64>| Usage {
            prompt_tokens: 10_000,
            completion_tokens: 1_000,
            cached_tokens: cached,
            cache_write_tokens: kept,
            ..Usage::default()
        };
        let cost = |usage: Usage, write: Option<f64>| {
            usage.cost_with_cache(Some(4.0), Some(20.0), Some(0.4), write).map(|usd| (usd * 1e6).round())
        };
        // 10,000 at 4 and 1,000 at 20 USD a million are 40,000 and 20,000 millionths.
        assert_eq!(cost(used(None, None), Some(5.0)), Some(60_000.0));
        assert_eq!(cost(used(Some(3_000), None), Some(5.0)), Some(49_200.0));
        assert_eq!(cost(used(Some(3_000), Some(5_000)), Some(5.0)), Some(54_200.0));
        assert_eq!(cost(used(Some(3_000), Some(5_000)), None), None, "the price of writing is unknown");
        assert_eq!(cost(used(Some(3_000), Some(0)), None), Some(49_200.0), "nothing was written");
        assert_eq!(
            cost(used(Some(9_000), Some(5_000)), Some(5.0)),
            Some(28_600.0),
            "never more than was read"
        );
        let told = Usage { cost_nano_usd: Some(7_000), ..used(None, Some(5_000)) };
        assert_eq!(cost(told, None), Some(7.0), "what the endpoint says goes first");
    }
}
