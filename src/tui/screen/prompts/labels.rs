//! Labels of the selected prompt: set, and taken back.

use super::Prompts;
use crate::core::prompt::{Label, PromptName};
use crate::tui::context::{Context, Pending};
use crate::tui::keys::{Action, KeyScope};
use crate::tui::model::{Priority, Ticket};
use crate::tui::query;
use crate::tui::route::Purpose;
use crate::tui::screen::Screen;

/// What is asked about labels.
#[derive(Default)]
pub(in super::super) struct LabelQuestions {
    moved: Pending<query::MoveLabel, ()>,
    last: Pending<query::LastMove, ()>,
}

impl Prompts {
    /// Asks what an undo would take back.
    pub(super) fn undo_label(&mut self, cx: &mut Context) {
        match self.past.of.clone() {
            Some(name) => self.labels.last.ask(cx, Priority::Background, query::LastMove(name)),
            None => cx.fail("no prompt is selected"),
        }
    }

    pub(super) fn take_label_back(&mut self, name: PromptName, label: Label, cx: &mut Context) {
        self.labels.moved.ask(cx, Priority::Background, query::MoveLabel::Back { name, label });
    }

    pub(super) fn ask_label(&mut self, cx: &mut Context) {
        let Some(spot) = self.spot() else { return cx.fail("no revision is selected") };
        let title = format!("label for r{}", spot.seq);
        // The keys of a field are its own.
        let hint = "production, staging, ... Enter sets it, Esc leaves";
        cx.input(&title, hint, "", Purpose::LabelName { seq: spot.seq });
    }

    pub(super) fn set_label(&mut self, text: &str, seq: u32, cx: &mut Context) {
        let Some(name) = self.past.of.clone() else { return };
        match text.trim().parse() {
            Ok(label) => {
                self.labels.moved.ask(cx, Priority::Background, query::MoveLabel::To { name, label, seq })
            }
            Err(e) => cx.fail(format!("{e}")),
        }
    }

    /// An answer about labels. False when it is none.
    pub(super) fn label_reply(&mut self, ticket: Ticket, cx: &mut Context) -> bool {
        if let Some(answer) = self.labels.moved.answer(ticket) {
            match answer {
                Ok(moved) => {
                    let undo = cx.env.hint(KeyScope::Prompts, Action::UndoLabel);
                    cx.say(match (moved.from, moved.to) {
                        (Some(a), Some(b)) => {
                            format!("{} moved from r{a} to r{b}; {undo} takes it back", moved.label)
                        }
                        (None, Some(b)) => format!("{} set on r{b}; {undo} takes it back", moved.label),
                        (_, None) => format!("{} removed", moved.label),
                    });
                    self.changed(cx);
                }
                Err(why) => cx.fail(why),
            }
        } else if let Some(answer) = self.labels.last.answer(ticket) {
            match answer {
                Ok(last) => self.ask_undo(last, cx),
                Err(why) => cx.fail(why),
            }
        } else {
            return false;
        }
        true
    }

    fn ask_undo(&self, last: query::Moved, cx: &mut Context) {
        let Some(name) = self.past.of.clone() else { return };
        let query::Moved { label, from, to } = last;
        let question = match (from, to) {
            (Some(from), Some(to)) => format!("move {label} back from r{to} to r{from}?"),
            (Some(from), None) => format!("put {label} back on r{from}?"),
            (None, Some(to)) => format!("take {label} off r{to} again?"),
            (None, None) => format!("take the last move of {label} back?"),
        };
        cx.confirm(question, Purpose::UndoLabel { name, label });
    }
}
