//! Work that may cost more than anybody waits for: templates whose values may grow, patterns over long responses. The
//! program carries it out in a process of its own that can be ended (`crate::aside`); a library that has none, and that
//! process itself, here.
//!
//! ```text
//! render, check --cheap?--> here
//!               \-- no --> Job --the place that was named, if any--> Done | Lost (it took too much; there is no place)
//! ```
//! An engine's own count of steps bounds what it was told of; time, memory and depth of the stack are bounds of a process.

use super::checks::{Check, Outcome};
use super::template::{Included, Parts, Syntax, TemplateError};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::sync::OnceLock;

/// What is to be done.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum BoundedJob {
    /// Render a template.
    Render {
        /// The template.
        text: String,
        /// How it writes variables.
        syntax: Syntax,
        /// Their values.
        values: Map<String, Value>,
        /// What it includes: each with its text.
        parts: Vec<(Included, String)>,
    },
    /// Check a response.
    Check {
        /// The check.
        check: Check,
        /// The response.
        response: String,
        /// The case's reference.
        reference: Option<String>,
    },
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum JobResult {
    /// The text that a template gave, or why it gives none.
    Rendered(Result<String, TemplateError>),
    /// How a check ended.
    Checked(Outcome),
}

/// Why nothing came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lost {
    /// It took more time, memory or depth than there is, and was ended.
    TooCostly,
    /// There is no process to do it in, and why.
    Unavailable(String),
}

/// Carries out a job elsewhere, within bounds.
pub type Worker = fn(&BoundedJob) -> Result<JobResult, Lost>;

static PLACE: OnceLock<Worker> = OnceLock::new();

/// Names the place, once for the process; a later one is not taken.
pub fn install(place: Worker) {
    let _ = PLACE.set(place);
}

/// Whether there is a place.
pub(super) fn is_there() -> bool {
    PLACE.get().is_some()
}

/// Carries it out in the place that was named; `None` where none is.
pub(super) fn carried_out(job: impl FnOnce() -> BoundedJob) -> Option<Result<JobResult, Lost>> {
    PLACE.get().map(|place| place(&job()))
}

impl BoundedJob {
    /// To render a template with what it includes.
    pub(super) fn render(text: &str, syntax: Syntax, values: &Map<String, Value>, parts: &Parts) -> Self {
        Self::Render {
            text: text.to_owned(),
            syntax,
            values: values.clone(),
            parts: parts.iter().map(|part| (part.included.clone(), part.text.to_string())).collect(),
        }
    }

    /// What makes it costly, as far as that can be told before: the template, or the check.
    pub fn key(&self) -> Vec<u8> {
        match self {
            Self::Render { text, .. } => text.as_bytes().to_vec(),
            // A check always serialises.
            Self::Check { check, .. } => serde_json::to_vec(check).unwrap_or_default(),
        }
    }
}
