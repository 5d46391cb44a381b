//! What goes into the registry and what comes out of it: plain values, no SQL.
//!
//! Listing types (`*Info`, [`Cell`]) never carry bodies; a body is asked for by its digest.

pub use super::report::{Advice, Fault, FsckReport};
pub use super::run_info::*;
use crate::core::digest::Digest;
use crate::core::prompt::{Label, PromptName, Selector, Settings, Syntax, Template, TemplateKind};
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Who changes something, when and why; goes into the event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cause {
    /// The author's name, when known.
    pub author: Option<String>,
    /// Why.
    pub reason: Option<String>,
}

/// A revision to be registered.
#[derive(Debug, Clone, PartialEq)]
pub struct NewRevision {
    /// Which prompt; made when there is none of this name.
    pub name: PromptName,
    /// The exact bytes.
    pub template: Template,
    /// Syntax and model config.
    pub settings: Settings,
    /// Who wrote it.
    pub author: Option<String>,
    /// Why it was changed.
    pub message: Option<String>,
    /// Anything else.
    pub metadata: Map<String, Value>,
    /// Tags of this revision.
    pub tags: Vec<String>,
    /// Labels to set on it.
    pub labels: Vec<Label>,
    /// RFC 3339; now when absent.
    pub created_at: Option<String>,
    /// Key of an imported row; a row whose key is present is known and adds nothing.
    pub origin: Option<Digest>,
}

impl NewRevision {
    /// A revision with only a name and a template.
    pub fn new(name: PromptName, template: Template) -> Self {
        Self {
            name,
            template,
            settings: Settings::default(),
            author: None,
            message: None,
            metadata: Map::new(),
            tags: Vec::new(),
            labels: Vec::new(),
            created_at: None,
            origin: None,
        }
    }
}

/// What registering did.
#[derive(Debug, Clone, PartialEq)]
pub struct Registered {
    /// The revision that now holds the template: a new one, or the newest, which held it already.
    pub revision: RevisionInfo,
    /// False when the newest revision already held exactly this (template and settings).
    pub new: bool,
}

/// One entry of a prompt's history, without its text.
#[derive(Debug, Clone, PartialEq)]
pub struct RevisionInfo {
    /// The prompt's name.
    pub name: PromptName,
    /// Its number in the prompt's sequence: the 3 of `r3`.
    pub seq: u32,
    /// sha256 of the template's bytes.
    pub digest: Digest,
    /// sha256 over template, kind, syntax and config.
    pub settings_digest: Digest,
    /// Text or chat.
    pub kind: TemplateKind,
    /// How variables are written.
    pub syntax: Syntax,
    /// Model parameters, `role`, `input`.
    pub config: Map<String, Value>,
    /// The sequence number it followed.
    pub parent: Option<u32>,
    /// Who wrote it.
    pub author: Option<String>,
    /// Why.
    pub message: Option<String>,
    /// RFC 3339, as given or the clock's.
    pub created_at: String,
    /// Anything else.
    pub metadata: Map<String, Value>,
    /// Tags, sorted.
    pub tags: Vec<String>,
    /// Labels that point here, sorted.
    pub labels: Vec<String>,
    /// Length of the template in bytes.
    pub bytes: u64,
}

impl RevisionInfo {
    /// Syntax and config together.
    pub fn settings(&self) -> Settings {
        Settings { syntax: self.syntax, config: self.config.clone() }
    }
}

/// One prompt of the list.
#[derive(Debug, Clone, PartialEq)]
pub struct PromptInfo {
    /// Its name.
    pub name: PromptName,
    /// A line about it.
    pub description: String,
    /// Whether it is put away.
    pub archived: bool,
    /// How many revisions it has.
    pub revisions: u32,
    /// The newest revision.
    pub latest: RevisionInfo,
    /// Label to sequence number.
    pub labels: BTreeMap<String, u32>,
}

/// What to list.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ListQuery {
    /// Only names that contain this text (case-insensitive).
    pub containing: Option<String>,
    /// Archived prompts instead of live ones.
    pub archived: bool,
    /// Skip so many.
    pub offset: usize,
    /// At most so many; all when absent.
    pub limit: Option<usize>,
}

/// How many rows of an import were new and how many were there already.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Imported {
    /// Rows taken in.
    pub new: usize,
    /// Rows that were there.
    pub known: usize,
}

/// Where a label must stand for a move to go ahead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expect {
    /// It must not be set yet.
    Unset,
    /// It must point at the revision this selects.
    At(Selector),
}

/// A change of a label.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LabelMove {
    /// The label.
    pub label: String,
    /// Sequence number before; null when it was not set.
    pub from: Option<u32>,
    /// Sequence number after; null when it was removed.
    pub to: Option<u32>,
}

/// One row of the append-only log.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EventInfo {
    /// RFC 3339.
    pub at: String,
    /// What happened: `label_set`, `archived`, `renamed`, ...
    pub kind: String,
    /// By whom.
    pub author: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// Particulars, e.g. `{"label":"production","from":2,"to":3}`.
    pub payload: Value,
}

/// A hit of a text search.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit {
    /// The prompt.
    pub name: PromptName,
    /// The first revision that held the line.
    pub seq: u32,
    /// The line.
    pub line: String,
    /// Whether it is of the template or of the revision's message.
    pub place: crate::core::search_query::SearchField,
}

/// An explanation or a comment that a search found.
#[derive(Debug, Clone, PartialEq)]
pub struct ItemHit {
    /// The run.
    pub run: String,
    /// The item's place in it.
    pub item: u32,
    /// The arm that answered.
    pub arm: String,
    /// The case.
    pub case: String,
    /// The criterion.
    pub criterion: String,
    /// The text.
    pub text: String,
    /// Which of the two it is.
    pub place: crate::core::search_query::SearchField,
}

/// A versioned set of cases or items.
#[derive(Debug, Clone, PartialEq)]
pub struct CaseSetInfo {
    /// Its row.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// Over its rows.
    pub digest: Digest,
    /// `cases` or `items`.
    pub kind: String,
    /// How many rows.
    pub rows: u64,
    /// RFC 3339.
    pub created_at: String,
    /// Names of the arms that have responses in it.
    pub arms: Vec<String>,
}

/// What importing items did.
#[derive(Debug, Clone, PartialEq)]
pub struct ImportedItems {
    /// The set they are in.
    pub set: CaseSetInfo,
    /// Items taken in, and items that were there.
    pub count: Imported,
    /// Finished runs made of their verdicts: run id, judge's name, verdict rows; empty when there were none (or known).
    pub runs: Vec<(String, String, usize)>,
}
