//! What is compared: two ends, wherever their texts come from, and all that is said about them.

use crate::core::diff::{Diff, Stats};
use crate::core::prompt::Template;
use crate::eval::history::{self, MeanChange};
use crate::questions::difference::{Difference, Side};
use crate::questions::tokens;
use crate::store::{RevisionInfo, RevisionScore};
use crate::tui::model::RevisionRef;
use std::sync::Arc;

/// Where a text comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DiffSource {
    /// A revision of the registry.
    Revision(RevisionRef),
    /// What the editor left of a revision: same kind and settings, another text.
    Draft {
        /// The revision it started from.
        base: RevisionRef,
        /// Its text.
        text: Arc<str>,
    },
    /// Any text under a name: a response.
    Text {
        /// What to call it.
        name: String,
        /// The text.
        text: Arc<str>,
    },
}

impl DiffSource {
    /// What it is called.
    pub fn name(&self) -> String {
        match self {
            Self::Revision(spot) => format!("{} r{}", spot.name, spot.seq),
            Self::Draft { base, .. } => format!("draft after {} r{}", base.name, base.seq),
            Self::Text { name, .. } => name.clone(),
        }
    }
}

/// One side.
#[derive(Debug)]
pub struct DiffSide {
    /// Where it is from.
    pub source: DiffSource,
    /// The revision, or the one a draft started from.
    pub info: Option<RevisionInfo>,
    /// What is compared and counted.
    pub side: Side,
}

impl DiffSide {
    /// A text from somewhere; `body` is that of the revision or the draft.
    pub fn new(source: DiffSource, info: Option<RevisionInfo>, body: String) -> Self {
        let side = match (&source, &info) {
            (DiffSource::Draft { .. }, Some(info)) => Side::draft(info.kind, body, info.settings()),
            (_, Some(info)) => Side::prompt(Template { kind: info.kind, body }, info.settings()),
            (_, None) => Side::text(body),
        };
        Self { source, info, side }
    }
}

/// Two texts, compared.
#[derive(Debug)]
pub struct DiffDoc {
    /// The older, or the one marked.
    pub left: DiffSide,
    /// The newer, or the one selected.
    pub right: DiffSide,
    /// Their texts, row by row.
    pub diff: Diff,
    /// Lines added and removed.
    pub stats: Stats,
    /// What the header says about variables and settings, in words.
    pub changes: Vec<String>,
    /// Change of the mean score per criterion, where both were judged alike on the same cases.
    pub scores: Vec<(String, MeanChange)>,
    /// Tokens of both, where counting takes no time.
    pub tokens: Option<(usize, usize)>,
}

impl DiffDoc {
    /// Compares two texts; takes as long as they need, so not on the loop.
    pub fn new(left: DiffSide, right: DiffSide, scores: &[RevisionScore]) -> Self {
        let found = Difference::of(&left.side, &right.side);
        let changes = changes(&found);
        let scores = match (&left.source, &right.source) {
            (DiffSource::Revision(l), DiffSource::Revision(r)) => history::changes(scores, l.seq, r.seq),
            _ => Vec::new(),
        };
        let tokens = tokens::at_once(&left.side.template).zip(tokens::at_once(&right.side.template));
        Self { left, right, diff: found.rows, stats: found.stats, changes, scores, tokens }
    }
}

/// What differs besides the lines, in words.
fn changes(found: &Difference) -> Vec<String> {
    let mut out = Vec::new();
    if found.is_of_settings() {
        out.push("same text, other settings".to_owned());
    }
    out.extend(found.variables.renamed.iter().map(|(old, new)| format!("variable {old} is now {new}")));
    let (added, removed) = found.other_variables();
    let plus = added.into_iter().map(|v| format!("+{v}"));
    let changed: Vec<String> = plus.chain(removed.into_iter().map(|v| format!("−{v}"))).collect();
    if !changed.is_empty() {
        out.push(format!("variables {}", changed.join(" ")));
    }
    out.extend(found.settings.iter().map(|change| {
        let (before, after) = change.words();
        format!("{} {before}→{after}", change.name)
    }));
    out
}
