//! What a full-text search found: lines of prompts, each with the first revision that held it.

use super::super::app::{foot_rule, head_rule};
use super::super::env::Env;
use super::super::keys::{Action, Scope};
use super::super::msg::{Lane, Ticket};
use super::super::paint::{put, put_cut, row, seg, select};
use super::super::query::{Query, Reply, Spot};
use super::super::theme::Meaning;
use super::{Cursor, Cx, Nav, Screen, Slot, Tab};
use crate::store::Hit;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// The state of the screen.
pub struct Found {
    words: String,
    hits: Slot<Vec<Hit>>,
    cursor: Cursor,
}

impl Found {
    /// A search for words.
    pub fn new(words: &str) -> Self {
        Self { words: words.trim().to_owned(), hits: Slot::default(), cursor: Cursor::default() }
    }
}

impl Screen for Found {
    fn scope(&self) -> Scope {
        Scope::Blame
    }

    fn tab(&self) -> Tab {
        Tab::Prompts
    }

    fn title(&self) -> String {
        format!("Search {}", self.words)
    }

    fn open(&mut self, cx: &mut Cx) {
        self.hits.ask(cx, Lane::Other, Query::Search(self.words.clone()));
    }

    fn act(&mut self, action: Action, cx: &mut Cx) -> bool {
        let len = self.hits.get().map_or(0, Vec::len);
        if self.cursor.act(action, len) {
            return true;
        }
        match action {
            Action::Enter | Action::Diff => {
                if let Some(hit) = self.hits.get().and_then(|h| h.get(self.cursor.at)) {
                    let right = Spot { name: hit.name.clone(), seq: hit.seq };
                    cx.nav = Some(Nav::Push(match hit.seq {
                        // The revision that brought the line, against the one before.
                        2.. => Box::new(super::diff::DiffScreen::new(
                            Spot { seq: hit.seq - 1, ..right.clone() },
                            right,
                        )),
                        _ => Box::new(super::blame::Blame::new(right)),
                    }));
                }
            }
            Action::Back | Action::Quit => cx.nav = Some(Nav::Pop),
            _ => return false,
        }
        true
    }

    fn reply(&mut self, ticket: Ticket, result: &Result<Reply, String>, cx: &mut Cx) -> bool {
        if !self.hits.settle(ticket) {
            return false;
        }
        match result {
            Ok(Reply::Hits(hits)) => self.hits.set(hits.clone()),
            Ok(_) => {}
            Err(why) => cx.fail(why.clone()),
        }
        true
    }

    fn draw(&mut self, area: Rect, buf: &mut Buffer, env: &Env) {
        if area.height < 4 {
            return;
        }
        head_rule(buf, area, area.y, &[], env);
        foot_rule(buf, area, area.bottom() - 1, &[], env);
        let body = Rect { y: area.y + 1, height: area.height - 2, ..area };
        let Some(hits) = self.hits.get() else { return };
        if hits.is_empty() {
            let words = format!("no line of any prompt holds '{}'", self.words);
            put_cut(buf, body.x + 2, body.y + 1, body.width, &[seg(words, env.style(Meaning::Dim))]);
        }
        for (i, at) in self.cursor.window(hits.len(), usize::from(body.height)).enumerate() {
            let here = row(body, body.y + i as u16);
            let hit = &hits[at];
            if at == self.cursor.at {
                select(buf, here, true, env.theme);
            }
            let room = (here.width / 3).min(36);
            put_cut(
                buf,
                here.x + 1,
                here.y,
                room.saturating_sub(8),
                &[seg(hit.name.to_string(), env.style(Meaning::Text))],
            );
            put(
                buf,
                here.x + room.saturating_sub(6),
                here.y,
                6,
                &[seg(format!("r{}", hit.seq), env.style(Meaning::Dim))],
            );
            put_cut(
                buf,
                here.x + room + 1,
                here.y,
                here.width.saturating_sub(room + 2),
                &marked(&hit.line, &self.words, env),
            );
        }
    }

    fn hints(&self) -> Vec<Action> {
        vec![Action::Diff]
    }

    fn status(&self, _env: &Env) -> String {
        self.hits.get().map_or_else(String::new, |h| format!("{} lines", h.len()))
    }
}

/// A line with the words that were searched for made visible.
fn marked<'a>(line: &str, words: &str, env: &Env) -> Vec<super::super::paint::Seg<'a>> {
    let wanted: Vec<String> = words.to_lowercase().split_whitespace().map(ToOwned::to_owned).collect();
    let mut parts = Vec::new();
    for word in line.split_inclusive(char::is_whitespace) {
        let hit = wanted.iter().any(|w| word.to_lowercase().starts_with(w.as_str()));
        parts.push(seg(word.to_owned(), env.style(if hit { Meaning::Match } else { Meaning::Text })));
    }
    parts
}
