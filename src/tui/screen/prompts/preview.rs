//! The right pane: the text of the selected revision, and what stands in its place when asked for.

use super::side::{Shown, Side};
use crate::core::digest::Digest;
use crate::tui::context::{Cx, Slot};
use crate::tui::keys::Action;
use crate::tui::model::{Spot, Ticket, Use};
use crate::tui::query;
use crate::tui::widget::cursor::Cursor;
use ratatui::layout::Rect;

/// Lines that a page down goes.
const PAGE: usize = 20;

/// The state of the pane.
#[derive(Default)]
pub(in super::super) struct Preview {
    pub text: Slot<query::Preview>,
    pub of: Option<Spot>,
    pub top: usize,
    /// Where it was drawn last.
    pub place: Rect,
    pub tokens: Slot<query::Tokens>,
    pub side: Side,
}

impl Preview {
    /// Shows nothing.
    pub fn clear(&mut self) {
        self.text.clear();
        self.of = None;
    }

    /// Asks for the text of a revision, unless it is there.
    pub fn follow(&mut self, spot: Spot, cx: &mut Cx) {
        if self.of.as_ref() == Some(&spot) {
            return;
        }
        self.text.ask(cx, Use::Picture, query::Preview(spot.clone()));
        self.tokens.clear();
        self.top = 0;
        self.of = Some(spot.clone());
        self.follow_side(Some(spot), 0, cx);
    }

    /// Asks for what the pane lacks for the selected revision.
    pub fn follow_side(&mut self, spot: Option<Spot>, step: isize, cx: &mut Cx) {
        match (self.side.shown, spot) {
            (Shown::Rendered, Some(spot)) => {
                let from = self.side.pick.clone();
                self.side.rendered.ask(cx, Use::Picture, query::Render { spot, from, step });
            }
            (Shown::Timeline, Some(spot)) => {
                self.side.events.ask(cx, Use::Picture, query::Events(spot.name));
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
    pub fn reply(&mut self, ticket: Ticket, digest: Option<Digest>, gone: bool, cx: &mut Cx) -> bool {
        let failed = |why: String, cx: &mut Cx| {
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
                            self.tokens.ask(cx, Use::Rest, query::Tokens(digest, text.kind))
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
                    self.side.shown = Shown::Template;
                    cx.fail(why);
                }
            }
        } else {
            return self.side.rest.keep(ticket, cx);
        }
        true
    }
}
