//! The history of the selected prompt.

use crate::core::prompt::PromptName;
use crate::store::RevisionInfo;
use crate::tui::context::{Context, Pending};
use crate::tui::model::{Priority, RevisionRef, Ticket};
use crate::tui::query;
use crate::tui::widget::cursor::Cursor;

/// Revisions asked for at once.
const LOG_PAGE: usize = 100;
/// So near its end more of the history is asked for.
const NEAR: usize = 50;

/// The state of the pane.
#[derive(Default)]
pub(in super::super) struct Past {
    pub log: Vec<RevisionInfo>,
    pub of: Option<PromptName>,
    pub cursor: Cursor,
    pub scores: Pending<query::AskScores>,
    pub slot: Pending<query::Log, ()>,
    /// Nothing is older than what is there.
    pub whole: bool,
    /// The next piece of history replaces what is shown.
    pub replace: bool,
    /// A selection to come back to after the next answer.
    pub wanted: Option<RevisionRef>,
}

impl Past {
    /// The selected revision of this prompt.
    pub fn revision(&self, selected: Option<&PromptName>) -> Option<&RevisionInfo> {
        if self.of.as_ref() != selected {
            return None;
        }
        self.log.get(self.cursor.at)
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.of = None;
        self.log.clear();
    }

    /// Begins the history of another prompt.
    pub fn begin(&mut self, name: PromptName, cx: &mut Context) {
        self.of = Some(name.clone());
        self.log.clear();
        self.replace = false;
        self.whole = false;
        self.cursor = Cursor { height: self.cursor.height, ..Cursor::default() };
        self.scores.clear();
        let question = query::Log { name: name.clone(), before: None, limit: LOG_PAGE };
        self.slot.ask(cx, Priority::Visible, question);
        self.scores.ask(cx, Priority::Visible, query::AskScores(name));
    }

    /// Asks for more of it where its end is near.
    pub fn go_on(&mut self, name: PromptName, cx: &mut Context) {
        if !self.whole && self.cursor.at + NEAR > self.log.len() && !self.slot.is_waiting() {
            let before = self.log.last().map(|r| r.seq);
            self.slot.ask(cx, Priority::Visible, query::Log { name, before, limit: LOG_PAGE });
        }
    }

    /// Asks for it again, in place.
    pub fn again(&mut self, name: PromptName, cx: &mut Context) {
        self.replace = true;
        let limit = self.log.len().max(LOG_PAGE);
        self.slot.ask(cx, Priority::Visible, query::Log { name: name.clone(), before: None, limit });
        self.scores.ask(cx, Priority::Visible, query::AskScores(name));
    }

    /// Renamed, put away or forgotten meanwhile: the list, asked too, moves the selection on.
    fn gone(&self, why: String, cx: &mut Context) {
        if !self.replace {
            cx.fail(why);
        }
    }

    fn take_log(&mut self, rows: Vec<RevisionInfo>) {
        let replaced = std::mem::take(&mut self.replace);
        if replaced {
            self.log.clear();
        }
        self.whole = rows.len() < LOG_PAGE;
        let seen = self.log.last().map_or(u32::MAX, |r| r.seq);
        self.log.extend(rows.into_iter().filter(|r| r.seq < seen));
        if let Some(at) = self
            .wanted
            .as_ref()
            .and_then(|w| self.log.iter().position(|r| r.name == w.name && r.seq == w.seq))
        {
            self.cursor.at = at;
            self.wanted = None;
        } else if replaced {
            self.wanted = None;
        }
    }

    /// An answer for the history. False when it is none.
    pub fn reply(&mut self, ticket: Ticket, cx: &mut Context) -> bool {
        if let Some(answer) = self.slot.answer(ticket) {
            match answer {
                Ok(rows) => self.take_log(rows),
                Err(why) => self.gone(why, cx),
            }
        } else if let Some(answer) = self.scores.answer(ticket) {
            match answer {
                Ok(scores) => self.scores.set(scores),
                Err(why) => self.gone(why, cx),
            }
        } else {
            return false;
        }
        true
    }
}
