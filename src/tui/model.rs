//! What travels between screens, questions and the loop, and belongs to none of them.

use crate::core::prompt::{PromptName, Template};
use crate::store::{NewRevision, RevisionInfo};

/// Names one question; an answer that nobody awaits any more is dropped.
pub type Ticket = u64;

/// What an answer is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Priority {
    /// What is looked at: a frame waits for it a moment.
    Visible,
    /// Anything else.
    Background,
}

/// Which revision: a prompt and a number in its sequence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevisionRef {
    /// The prompt.
    pub name: PromptName,
    /// Its revision.
    pub seq: u32,
}

/// A revision that follows another: same prompt and settings, a new text.
pub fn following(info: &RevisionInfo, template: Template) -> NewRevision {
    NewRevision { settings: info.settings(), ..NewRevision::new(info.name.clone(), template) }
}
