//! The states in which a judgement can end: a score, or exactly one reason why there is none.

use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// How a verdict (or the response it needed) ended. Only [`VerdictState::Scored`] carries a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum VerdictState {
    /// A score from 1 to 5 with its explanation.
    Scored,
    /// A reply arrived, and no unambiguous score from 1 to 5 with reasons could be read from it.
    Unparseable,
    /// The judge declined to answer.
    Refused,
    /// The answer was cut by the output limit.
    Truncated,
    /// The endpoint cut the prompt to its window: what it answered is about a part of it.
    TruncatedPrompt,
    /// A content filter withheld the answer.
    Filtered,
    /// Still rate limited after all retries.
    RateLimited,
    /// The endpoint answered with an error, or with something that is no answer.
    HttpError,
    /// No complete answer within the time allowed.
    TimedOut,
    /// A spending cap stopped the call before it was made.
    OverBudget,
    /// The run was cancelled before this call ended.
    Cancelled,
    /// There is no response to judge: the rendered prompt does not fit the model's context window.
    Overflow,
    /// There is no response to judge: it is empty, or generating it failed.
    NotGenerated,
}

impl VerdictState {
    /// All states, in the order in which they are listed.
    pub const ALL: [Self; 13] = [
        Self::Scored,
        Self::Unparseable,
        Self::Refused,
        Self::Truncated,
        Self::Filtered,
        Self::RateLimited,
        Self::HttpError,
        Self::TimedOut,
        Self::OverBudget,
        Self::Cancelled,
        Self::Overflow,
        Self::NotGenerated,
        Self::TruncatedPrompt,
    ];

    /// The name used in JSON and in the registry.
    pub fn name(self) -> &'static str {
        match self {
            Self::Scored => "scored",
            Self::Unparseable => "unparseable",
            Self::Refused => "refused",
            Self::Truncated => "truncated",
            Self::TruncatedPrompt => "truncated_prompt",
            Self::Filtered => "filtered",
            Self::RateLimited => "rate_limited",
            Self::HttpError => "http_error",
            Self::TimedOut => "timed_out",
            Self::OverBudget => "over_budget",
            Self::Cancelled => "cancelled",
            Self::Overflow => "overflow",
            Self::NotGenerated => "not_generated",
        }
    }

    /// The sign in a grid cell; a scored cell shows its digit instead.
    pub fn sign(self) -> char {
        match self {
            Self::Scored => '#',
            Self::Unparseable => '?',
            Self::Refused => 'R',
            Self::Truncated => 'T',
            Self::TruncatedPrompt => 'P',
            Self::Filtered => 'F',
            Self::RateLimited => 'L',
            Self::HttpError => 'E',
            Self::TimedOut => 'O',
            Self::OverBudget => 'B',
            Self::Cancelled => 'X',
            Self::Overflow => 'W',
            Self::NotGenerated => 'G',
        }
    }

    /// The words shown to people.
    pub fn words(self) -> &'static str {
        match self {
            Self::RateLimited => "rate limited",
            Self::HttpError => "http error",
            Self::TimedOut => "timed out",
            Self::OverBudget => "over budget",
            Self::TruncatedPrompt => "prompt cut by the endpoint",
            Self::Overflow => "prompt over the context window",
            Self::NotGenerated => "no response to judge",
            other => other.name(),
        }
    }

    /// Whether `run resume` asks again: what never got an answer of its own.
    pub fn is_open_on_resume(self) -> bool {
        matches!(self, Self::Cancelled | Self::OverBudget)
    }
}

/// Not the name of a state.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("'{0}' is not the state of a verdict")]
pub struct NotAState(pub String);

impl FromStr for VerdictState {
    type Err = NotAState;
    fn from_str(text: &str) -> Result<Self, NotAState> {
        Self::ALL.into_iter().find(|s| s.name() == text).ok_or_else(|| NotAState(text.to_owned()))
    }
}

/// What was read from a judge's reply: always a whole score from 1 to 5, always with a reason, which only imported
/// verdicts may lack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// 1..=5.
    pub score: u8,
    /// Quotations from the response, as the judge gave them.
    pub evidence: Vec<String>,
    /// Why this score; empty only where an imported verdict came without one.
    pub explanation: String,
    /// The judge says the response tried to influence its score.
    pub injection_suspected: bool,
    /// What had to be mended before the reply could be read (`fence`, `trailing comma`, `comment`, ...).
    pub repairs: Vec<String>,
}
