//! What is compared: two ends, wherever their texts come from, and all that is said about them.

use crate::core::diff::{Diff, Stats};
use crate::core::prompt::{Kind, Template};
use crate::core::template::{Variable, VariableChanges};
use crate::eval::history::{self, Change};
use crate::questions::difference::Difference;
use crate::questions::tokens;
use crate::store::{RevisionInfo, RevisionScore};
use crate::tui::model::Spot;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Where a text comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A revision of the registry.
    Revision(Spot),
    /// What the editor left of a revision: same kind and settings, another text.
    Draft {
        /// The revision it started from.
        base: Spot,
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

impl Source {
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
pub struct End {
    /// Where it is from.
    pub source: Source,
    /// The revision, or the one a draft started from.
    pub info: Option<RevisionInfo>,
    /// What is compared and counted. Chat prompts are written out message by message.
    pub text: Arc<str>,
    /// The prompt itself; a text from elsewhere is one of its own.
    pub template: Template,
    variables: Option<Vec<Variable>>,
}

impl End {
    /// A text from somewhere; `body` is that of the revision or the draft.
    pub fn new(source: Source, info: Option<RevisionInfo>, body: &str) -> Self {
        let kind = info.as_ref().map_or(Kind::Text, |info| info.kind);
        let template = Template { kind, body: body.to_owned() };
        let variables = info.as_ref().and_then(|info| template.variables(info.syntax).ok());
        Self { source, text: template.written_out().into(), template, variables, info }
    }
}

/// Two texts, compared.
#[derive(Debug)]
pub struct DiffDoc {
    /// The older, or the one marked.
    pub left: End,
    /// The newer, or the one selected.
    pub right: End,
    /// Their texts, row by row.
    pub diff: Diff,
    /// Lines added and removed.
    pub stats: Stats,
    /// What the header says about variables and settings, in words.
    pub changes: Vec<String>,
    /// Change of the mean score per criterion, where both were judged alike on the same cases.
    pub scores: Vec<(String, Change)>,
    /// Tokens of both, where counting takes no time.
    pub tokens: Option<(usize, usize)>,
}

impl DiffDoc {
    /// Compares two texts; takes as long as they need, so not on the loop.
    pub fn new(left: End, right: End, scores: &[RevisionScore]) -> Self {
        let changes = changes(&left, &right);
        let Difference { rows: diff, stats, .. } = Difference::of(&left.template, &right.template);
        let scores = match (&left.source, &right.source) {
            (Source::Revision(l), Source::Revision(r)) => history::changes(scores, l.seq, r.seq),
            _ => Vec::new(),
        };
        let tokens = tokens::at_once(&left.template).zip(tokens::at_once(&right.template));
        Self { left, right, diff, stats, changes, scores, tokens }
    }
}

fn changes(left: &End, right: &End) -> Vec<String> {
    let mut out = Vec::new();
    if let (Some(before), Some(after)) = (&left.variables, &right.variables) {
        let found = VariableChanges::between(before, after);
        out.extend(found.renamed.iter().map(|(old, new)| format!("variable {old} is now {new}")));
        let renamed = |name: &String| found.renamed.iter().any(|(old, new)| old == name || new == name);
        let plus = found.added.iter().filter(|v| !renamed(v)).map(|v| format!("+{v}"));
        let minus = found.removed.iter().filter(|v| !renamed(v)).map(|v| format!("−{v}"));
        let changed: Vec<String> = plus.chain(minus).collect();
        if !changed.is_empty() {
            out.push(format!("variables {}", changed.join(" ")));
        }
    }
    let (Some(old), Some(new)) = (&left.info, &right.info) else { return out };
    if old.syntax != new.syntax {
        out.push(format!("syntax {}→{}", old.syntax.name(), new.syntax.name()));
    }
    let keys: BTreeSet<&String> = old.config.keys().chain(new.config.keys()).collect();
    for key in keys {
        let value =
            |info: &RevisionInfo| info.config.get(key).map_or_else(|| "—".to_owned(), ToString::to_string);
        if old.config.get(key) != new.config.get(key) {
            out.push(format!("{key} {}→{}", value(old), value(new)));
        }
    }
    if old.digest == new.digest && old.settings_digest != new.settings_digest {
        out.insert(0, "same text, other settings".into());
    }
    out
}
