//! Where one can go and what can lie on top, as data: screens name a [`Route`] or an [`Overlay`] and know no other screen.
//! `routes.rs` makes the screen or the overlay of it.

use super::doc::diff::DiffSource;
use super::keys::{Action, KeyScope};
use super::model::RevisionRef;
use crate::core::prompt::{Label, PromptName};
use crate::eval::Control;
use crate::store::{RevisionInfo, RunInfo, RunItem};
use std::sync::Arc;

/// The four tabs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the screens")]
pub enum Tab {
    Prompts,
    Runs,
    Review,
    Trends,
}

impl Tab {
    /// The tab that an action goes to, if it goes to one.
    pub fn of(action: Action) -> Option<Self> {
        match action {
            Action::TabPrompts => Some(Self::Prompts),
            Action::TabRuns => Some(Self::Runs),
            Action::TabReview => Some(Self::Review),
            Action::TabTrends => Some(Self::Trends),
            _ => None,
        }
    }
}

/// A screen, by what it needs.
pub enum Route {
    /// What a tab begins with.
    Tab(Tab),
    /// Two texts, compared; with what a judge said of each.
    Diff {
        /// The older, or the first.
        left: DiffSource,
        /// The newer, or the second.
        right: DiffSource,
        /// What a judge said of the left and of the right text.
        reasons: Option<[String; 2]>,
    },
    /// What the editor left, beside the revision it started from.
    Draft {
        /// That revision.
        base: Box<RevisionInfo>,
        /// The text.
        text: String,
    },
    /// Who brought each line of a revision.
    Blame(RevisionRef),
    /// What a search for these words finds.
    Found(String),
    /// The charts of a prompt.
    Revisions(PromptName),
    /// A run.
    Grid {
        /// Its id.
        run: String,
        /// What is done with it there.
        begin: Begin,
    },
    /// An item of a run.
    Item {
        /// The run's id.
        run: String,
        /// Its place in the run.
        item: u32,
        /// The run around it where that is loaded already, and the criterion to select.
        within: Option<(ItemContext, u32)>,
    },
    /// The blind queue of a run.
    Review(String),
    /// Two arms of a run.
    Compare(String),
    /// A judge and the people.
    Agreement(String),
    /// What reviewers tagged in a run.
    Modes(String),
}

impl Route {
    /// Two revisions, compared.
    pub fn diff(left: RevisionRef, right: RevisionRef) -> Self {
        Self::Diff { left: DiffSource::Revision(left), right: DiffSource::Revision(right), reasons: None }
    }

    /// A run to be looked at.
    pub fn grid(run: impl Into<String>) -> Self {
        Self::Grid { run: run.into(), begin: Begin::Nothing }
    }
}

/// What is done with a run when it is opened.
pub enum Begin {
    /// It is looked at.
    Nothing,
    /// What is missing is asked for once it is loaded.
    Missing,
    /// It has just been begun, with this control.
    Running(Control),
}

/// The run around an item.
#[derive(Debug, Clone)]
pub struct ItemContext {
    /// The run.
    pub run: Arc<RunInfo>,
    /// Its items, by their place in it.
    pub items: Arc<Vec<RunItem>>,
    /// Items in the order in which one goes through them.
    pub order: Vec<u32>,
}

/// Where to go next.
pub enum Nav {
    /// Into a screen.
    Push(Route),
    /// Out of this screen.
    Pop,
    /// Out of this screen, to the revision that was saved on it.
    Saved(RevisionRef),
    /// To a tab, and into a screen there if given.
    Tab(Tab, Option<Route>),
}

/// What lies on top of a screen, by what it needs.
pub enum Overlay {
    /// The keys of a screen, and what its figures mean.
    Help {
        /// Whose keys.
        scope: KeyScope,
        /// Name and meaning of each figure.
        figures: &'static [(&'static str, &'static str)],
    },
    /// Every action of a screen, to be found by name.
    Palette(KeyScope),
    /// One line to be typed.
    Input {
        /// What it is.
        title: String,
        /// What stands in it while nothing is typed.
        hint: String,
        /// What stands in it to begin with.
        text: String,
        /// What it is for.
        purpose: Purpose,
    },
    /// A question that `y` answers.
    Confirm {
        /// The question.
        question: String,
        /// What it is for.
        purpose: Purpose,
    },
    /// What a run over these revisions would do; over imported responses when there are none.
    Plan(Vec<RevisionRef>),
}

/// One line for the user, in the place of the hints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Toast {
    /// The words: what happened, and what to do.
    pub text: String,
    /// Stays until a key is pressed.
    pub error: bool,
}

/// An input field's or confirmation's purpose, so that a screen knows what was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is named after the question")]
pub enum Purpose {
    Filter,
    Search,
    LabelName { seq: u32 },
    UndoLabel { name: PromptName, label: Label },
    Rename,
    Duplicate,
    Archive,
    SaveMessage,
    Comment,
    FailureMode,
    ReviewerName,
    CaseSet,
    Override,
    WrongReasons,
}
