//! The prompts that a template includes, each with its text.

use super::syntax::{Syntax, TemplateError};
use crate::core::digest::Digest;
use crate::core::name::PromptName;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What an include stood for when it was resolved: kept with the revision and with each run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Included {
    /// As the template writes it: `rules/tone@production`.
    pub reference: String,
    /// The prompt.
    pub name: PromptName,
    /// Its revision.
    pub revision: u32,
    /// The digest of the text that was put in.
    pub digest: Digest,
    /// How the included text writes its variables.
    pub syntax: Syntax,
}

/// A prompt that was found under its reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// What it is.
    pub included: Included,
    /// Its text.
    pub text: Arc<str>,
}

/// The prompts that a template is made of; none for most.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parts(Vec<Part>);

impl Parts {
    /// Of parts that were gathered before.
    pub(in crate::core) fn of(parts: Vec<Part>) -> Self {
        Self(parts)
    }

    /// What was put in, innermost first; to be recorded.
    pub fn included(&self) -> Vec<Included> {
        self.0.iter().map(|part| part.included.clone()).collect()
    }

    /// Whether the template stands alone.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn get(&self, reference: &str) -> Option<&Part> {
        self.0.iter().find(|part| part.included.reference == reference)
    }

    pub(in crate::core) fn iter(&self) -> impl Iterator<Item = &Part> {
        self.0.iter()
    }
}

impl Part {
    pub(super) fn blame(&self, error: TemplateError) -> TemplateError {
        TemplateError::In { part: self.included.reference.clone(), error: Box::new(error) }
    }
}
