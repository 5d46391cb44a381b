//! What is checked, as it stands in a rubric, and how a check can end.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One thing that is checked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// `[a-z0-9][a-z0-9_-]*`, up to 40 bytes; unique within its rubric.
    pub name: String,
    /// What is checked.
    #[serde(flatten)]
    pub kind: Kind,
    /// The response must NOT do this.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub not: bool,
}

/// What is checked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Kind {
    /// The response, trimmed, is this text; without one, the reference.
    Equals {
        /// The text, or the reference when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<String>,
        /// Upper and lower case count alike.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        ignore_case: bool,
    },
    /// This text stands in the response; without one, the reference does.
    Contains {
        /// The text, or the reference when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<String>,
        /// Upper and lower case count alike.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        ignore_case: bool,
    },
    /// The pattern matches somewhere (syntax of the `regex` crate: no look-around, no back-references, linear time).
    Regex {
        /// The pattern.
        pattern: String,
    },
    /// The response is JSON, one code fence around it left off.
    Json,
    /// It is JSON that fits a schema.
    JsonSchema {
        /// The schema; a keyword that [`super::Schema`] does not check is refused.
        schema: Value,
    },
    /// So many characters (as Unicode counts them), white space at both ends left off.
    Length {
        /// At least.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        min: Option<usize>,
        /// At most.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max: Option<usize>,
    },
    /// As alike to the reference as this: the share of common pairs of neighbouring characters, see [`super::similarity`].
    Similarity {
        /// From 0 (nothing in common) to 1 (the same but for case and spacing).
        at_least: f64,
    },
    /// The response declines to answer.
    Refusal,
}

// The one number in it is finite: `Check::problem` refuses all others.
impl Eq for Kind {}
impl Eq for Check {}

/// How a check ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// It holds.
    Pass,
    /// It does not.
    Fail {
        /// What was found instead, one line.
        why: String,
    },
    /// It cannot be decided: there is no reference, or no response.
    NotApplicable {
        /// What is missing.
        why: String,
    },
}

impl Outcome {
    /// `pass`, `fail`, `n/a`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail { .. } => "fail",
            Self::NotApplicable { .. } => "n/a",
        }
    }

    /// Why it did not pass; empty when it did.
    pub fn why(&self) -> &str {
        match self {
            Self::Pass => "",
            Self::Fail { why } | Self::NotApplicable { why } => why,
        }
    }
}
