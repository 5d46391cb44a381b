//! Questions that write: what is asked for is done, and the answer says what became of it.

use crate::core::prompt::{Label, PromptName, Selector};
use crate::eval::{RunPlan, modes};
use crate::store::{Cause, LabelMove, NewReview, NewRevision, Registered, RevisionInfo, Store, StoreError};
use crate::tui::model::RevisionRef;
use crate::tui::question::{Lane, Question};
use std::path::PathBuf;

/// A change of names.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "named after the verbs of the command line")]
pub enum Manage {
    Rename { name: PromptName, to: PromptName },
    Copy { from: RevisionRef, to: PromptName },
    Archive(PromptName),
    Unarchive(PromptName),
}

impl Question for Manage {
    /// What was done.
    type Answer = Manage;

    fn work(self) -> Lane<Self> {
        Lane::write(move |s| {
            let cause = Cause::default();
            match &self {
                Self::Rename { name, to } => drop(s.rename(name, to, &cause)?),
                Self::Copy { from, to } => {
                    drop(s.copy(&from.name, &Selector::revision(from.seq), to, &cause)?)
                }
                Self::Archive(name) => drop(s.archive(name, &cause)?),
                Self::Unarchive(name) => drop(s.unarchive(name, &cause)?),
            }
            Ok(self)
        })
    }
}

/// A move of a label.
#[derive(Debug)]
pub enum MoveLabel {
    /// To a revision.
    To {
        /// The prompt.
        name: PromptName,
        /// The label.
        label: Label,
        /// The revision.
        seq: u32,
    },
    /// Back to where it was.
    Back {
        /// The prompt.
        name: PromptName,
        /// The label.
        label: Label,
    },
}

impl Question for MoveLabel {
    type Answer = LabelMove;

    fn work(self) -> Lane<LabelMove> {
        Lane::write(move |s| {
            let cause = Cause::default();
            match self {
                Self::To { name, label, seq } => {
                    s.set_label(&name, &label, &Selector::revision(seq), None, false, &cause)
                }
                Self::Back { name, label } => s.undo_label(&name, Some(&label), false, &cause),
            }
        })
    }
}

/// A new revision; the draft it came from is dropped with it.
#[derive(Debug)]
pub struct Register(pub NewRevision);

impl Question for Register {
    type Answer = Registered;

    fn work(self) -> Lane<Registered> {
        Lane::write(move |s| {
            let name = self.0.name.clone();
            let done = s.register(self.0)?;
            if let Some((id, ..)) = s.draft(&name)? {
                s.drop_draft(id)?;
            }
            Ok(done)
        })
    }
}

/// Keeps an edit that is not saved yet.
#[derive(Debug)]
pub struct KeepDraft {
    /// The prompt.
    pub name: PromptName,
    /// The revision that was edited.
    pub base: u32,
    /// What is kept.
    pub left: EditedText,
}

/// What an editor left.
#[derive(Debug)]
pub enum EditedText {
    /// A text.
    Text(String),
    /// A file, of an editor that died.
    File(PathBuf),
}

/// Stands in the message of an edit that failed, before the path of the file that holds the text.
pub const KEPT_IN: &str = "; your text is kept in ";

/// A text that was typed.
pub fn kept(base: &RevisionInfo, text: &str) -> KeepDraft {
    KeepDraft { name: base.name.clone(), base: base.seq, left: EditedText::Text(text.to_owned()) }
}

/// A text that a dead editor left behind, as the reason says.
pub fn rescue(base: &RevisionInfo, why: &str) -> Option<KeepDraft> {
    let (_, path) = why.split_once(KEPT_IN)?;
    Some(KeepDraft { name: base.name.clone(), base: base.seq, left: EditedText::File(path.into()) })
}

impl Question for KeepDraft {
    type Answer = ();

    fn work(self) -> Lane<()> {
        Lane::write(move |s| match self.left {
            EditedText::Text(text) => keep(s, &self.name, self.base, &text),
            EditedText::File(path) => {
                let text = std::fs::read_to_string(&path)
                    .map_err(|e| StoreError::Invalid(format!("cannot read {}: {e}", path.display())))?;
                keep(s, &self.name, self.base, &text)?;
                // Only what an edit left behind: the file, and the private folder once it is empty.
                let _ = std::fs::remove_file(&path);
                let _ = path.parent().map(std::fs::remove_dir);
                Ok(())
            }
        })
    }
}

fn keep(s: &mut Store, name: &PromptName, base: u32, text: &str) -> crate::store::Result<()> {
    s.save_draft(name, Some(base), text)?;
    Ok(())
}

/// A new version of a rubric.
#[derive(Debug)]
pub struct SaveRubric(pub String);

impl Question for SaveRubric {
    /// What was done, in words.
    type Answer = String;

    fn work(self) -> Lane<String> {
        Lane::write(move |s| modes::save(s, &self.0))
    }
}

/// An item's case becomes one of a case set.
#[derive(Debug)]
pub struct ToCase {
    /// The run.
    pub run: String,
    /// Its item.
    pub item: u32,
    /// The set.
    pub set: String,
}

impl Question for ToCase {
    /// What was done, in words.
    type Answer = String;

    fn work(self) -> Lane<String> {
        Lane::write(move |s| modes::item_to_case(s, &self.run, self.item, &self.set))
    }
}

/// A score by a person, or what undoes one.
#[derive(Debug)]
pub struct AddReview(pub NewReview);

impl Question for AddReview {
    /// The review's id.
    type Answer = i64;

    fn work(self) -> Lane<i64> {
        Lane::write(move |s| s.add_review(&self.0))
    }
}

/// Stores a plan.
#[derive(Debug)]
pub struct CreateRun(pub Box<RunPlan>);

impl Question for CreateRun {
    /// The run's id.
    type Answer = String;

    fn work(self) -> Lane<String> {
        Lane::write(move |s| s.create_run(&self.0.run))
    }
}
