//! The right pane: the text of the selected revision, and what stands in its place when asked for.

use super::inspector::{SidePane, SideView};
use crate::core::digest::Digest;
use crate::tui::context::{Context, Pending};
use crate::tui::keys::Action;
use crate::tui::model::{Priority, RevisionRef, Ticket};
use crate::tui::query;
use crate::tui::widget::cursor::Cursor;
use ratatui::layout::Rect;

/// Lines that a page down goes.
const PAGE: usize = 20;

/// The state of the pane.
#[derive(Default)]
pub(in super::super) struct PreviewPane {
    pub text: Pending<query::AskPreview>,
    pub of: Option<RevisionRef>,
    pub top: usize,
    /// Where it was drawn last.
    pub place: Rect,
    pub tokens: Pending<query::AskTokens>,
    pub side: SidePane,
}

impl PreviewPane {
    /// Shows nothing.
    pub fn clear(&mut self) {
        self.text.clear();
        self.of = None;
    }

    /// Asks for the text of a revision, unless it is there.
    pub fn follow(&mut self, spot: RevisionRef, cx: &mut Context) {
        if self.of.as_ref() == Some(&spot) {
            return;
        }
        self.text.ask(cx, Priority::Visible, query::AskPreview(spot.clone()));
        self.tokens.clear();
        self.top = 0;
        self.of = Some(spot.clone());
        self.follow_side(Some(spot), 0, cx);
    }

    /// Asks for what the pane lacks for the selected revision.
    pub fn follow_side(&mut self, spot: Option<RevisionRef>, step: isize, cx: &mut Context) {
        match (self.side.shown, spot) {
            (SideView::Rendered, Some(spot)) => {
                let from = self.side.pick.clone();
                self.side.rendered.ask(cx, Priority::Visible, query::Render { spot, from, step });
            }
            (SideView::Timeline, Some(spot)) => {
                self.side.events.ask(cx, Priority::Visible, query::AskEvents(spot.name));
            }
            _ => {}
        }
    }

    pub fn scroll(&mut self, action: Action) -> bool {
        let mut cursor = Cursor { at: self.top, height: PAGE, ..Cursor::default() };
        let lines = self.text.get().map_or(0, |p| p.text.lines().count());
        let moved = cursor.act(action, lines);
        self.top = cursor.at;
        moved
    }

    /// An answer for the pane, while the revision with this digest is selected. False when it is none. A failure is not worth
    /// a word where the list is asked anew: what was renamed, put away or forgotten meanwhile goes from it.
    pub fn reply(&mut self, ticket: Ticket, digest: Option<Digest>, gone: bool, cx: &mut Context) -> bool {
        let failed = |why: String, cx: &mut Context| {
            if !gone {
                cx.fail(why);
            }
        };
        if let Some(answer) = self.text.answer(ticket) {
            match answer {
                Ok(text) => {
                    match (text.tokens, digest) {
                        (Some(n), _) => self.tokens.set(n),
                        (None, Some(digest)) => {
                            self.tokens.ask(cx, Priority::Background, query::AskTokens(digest, text.kind))
                        }
                        (None, None) => {}
                    }
                    self.text.set(text);
                }
                Err(why) => failed(why, cx),
            }
        } else if let Some(answer) = self.tokens.answer(ticket) {
            match answer {
                Ok(n) => self.tokens.set(n),
                Err(why) => failed(why, cx),
            }
        } else if let Some(answer) = self.side.events.answer(ticket) {
            match answer {
                Ok(events) => self.side.events.set(events),
                Err(why) => failed(why, cx),
            }
        } else if let Some(answer) = self.side.rendered.answer(ticket) {
            match answer {
                Ok(done) => {
                    self.side.pick = Some(done.pick.clone());
                    self.side.rendered.set(done);
                }
                Err(why) => {
                    self.side.shown = SideView::Template;
                    cx.fail(why);
                }
            }
        } else {
            return self.side.rest.keep(ticket, cx);
        }
        true
    }
}
