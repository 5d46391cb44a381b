//! What a search found, while its words are typed: lines and messages of prompts, explanations, comments.

use crate::core::search_query::{Find, SearchField, from_match, matches};
use crate::core::text;
use crate::tui::context::{Context, Pending};
use crate::tui::draw_text::{Seg, put, put_cut, row, seg, select};
use crate::tui::keys::{Action, KeyScope};
use crate::tui::model::{Priority, RevisionRef, Ticket};
use crate::tui::query;
use crate::tui::route::{Purpose, Route, Tab};
use crate::tui::screen::Screen;
use crate::tui::session::Env;
use crate::tui::theme::Meaning;
use crate::tui::widget::bars::{foot_rule, head_rule};
use crate::tui::widget::cursor::Cursor;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

/// The state of the screen.
pub struct SearchScreen {
    words: String,
    hits: Pending<query::Search>,
    cursor: Cursor,
}

impl SearchScreen {
    /// A search for words.
    pub fn new(words: &str) -> Self {
        Self { words: words.trim().to_owned(), hits: Pending::default(), cursor: Cursor::default() }
    }

    fn len(&self) -> usize {
        self.hits.get().map_or(0, |h| h.lines.len() + h.items.len())
    }

    fn ask(&mut self, cx: &mut Context) {
        if self.words.is_empty() {
            self.hits.clear();
        } else {
            self.hits.ask(cx, Priority::Visible, query::Search(self.words.clone()));
        }
    }

    fn search(&mut self, words: &str, cx: &mut Context) {
        let words = words.strip_prefix('/').unwrap_or(words).trim();
        if words != self.words {
            words.clone_into(&mut self.words);
            self.cursor = Cursor { height: self.cursor.height, ..Cursor::default() };
            self.ask(cx);
        }
    }

    fn open_hit(&self, cx: &mut Context) {
        let Some(hits) = self.hits.get() else { return };
        if let Some(hit) = hits.lines.get(self.cursor.at) {
            let right = RevisionRef { name: hit.name.clone(), seq: hit.seq };
            cx.go(match hit.seq {
                // The revision that brought the line, against the one before.
                2.. => Route::diff(RevisionRef { seq: hit.seq - 1, ..right.clone() }, right),
                _ => Route::Blame(right),
            });
        } else if let Some(hit) = hits.items.get(self.cursor.at - hits.lines.len().min(self.cursor.at)) {
            cx.go(Route::Item { run: hit.run.clone(), item: hit.item, within: None });
        }
    }
}

impl Screen for SearchScreen {
    fn scope(&self) -> KeyScope {
        KeyScope::Found
    }

    fn tab(&self) -> Tab {
        Tab::Prompts
    }

    fn title(&self) -> String {
        format!("Search {}", self.words)
    }

    fn open(&mut self, cx: &mut Context) {
        self.ask(cx);
    }

    fn act(&mut self, action: Action, cx: &mut Context) -> bool {
        let len = self.len();
        if self.cursor.act(action, len) {
            return true;
        }
        match action {
            Action::Enter | Action::Diff => self.open_hit(cx),
            Action::Search => {
                let hint = "words and filters: label: author: changed:<7d score:<3 criterion: var: in:";
                cx.input("search", hint, &self.words, Purpose::Search);
            }
            Action::Back | Action::Quit => cx.leave(),
            _ => return false,
        }
        true
    }

    fn typing(&mut self, _purpose: &Purpose, text: &str, cx: &mut Context) {
        self.search(text, cx);
    }

    fn answered(&mut self, purpose: &Purpose, text: Option<&str>, cx: &mut Context) {
        match text {
            Some(text) => self.search(text, cx),
            // The field in which it was begun was closed.
            None if *purpose == Purpose::Filter => cx.leave(),
            None => {}
        }
    }

    fn reply(&mut self, ticket: Ticket, cx: &mut Context) -> bool {
        self.hits.keep(ticket, cx)
    }

    fn list_at(&mut self, at: Position) -> Option<&mut Cursor> {
        self.cursor.under(at)
    }

    fn draw(&mut self, area: Rect, buf: &mut Buffer, env: &Env) {
        if area.height < 4 {
            return;
        }
        head_rule(buf, area, area.y, &[], env);
        foot_rule(buf, area, area.bottom() - 1, &[], env);
        let body = Rect { y: area.y + 1, height: area.height - 2, ..area };
        let Some(hits) = self.hits.get() else { return };
        let words = Find::parse(&self.words).map(|f| f.words).unwrap_or_default();
        let len = hits.lines.len() + hits.items.len();
        if len == 0 {
            let words = format!("nothing fits '{}'", self.words);
            put_cut(buf, body.x + 2, body.y + 1, body.width, &[seg(words, env.style(Meaning::Dim))]);
        }
        for (i, at) in self.cursor.rows(len, body).enumerate() {
            let here = row(body, body.y + i as u16);
            if at == self.cursor.at {
                select(buf, here, true, env.theme);
            }
            let room = (here.width / 3).min(36);
            let place = here.width.saturating_sub(room + 2);
            let shown = |line: &str, field| shown(line, field, &words, place);
            let (name, mark, line) =
                match (hits.lines.get(at), hits.items.get(at.wrapping_sub(hits.lines.len()))) {
                    (Some(hit), _) => {
                        (hit.name.to_string(), format!("r{}", hit.seq), shown(&hit.line, hit.place))
                    }
                    (None, Some(hit)) => {
                        let name = format!("{} {}", hit.case, hit.arm);
                        (name, String::new(), shown(&format!("{} {}", hit.criterion, hit.text), hit.place))
                    }
                    _ => continue,
                };
            put_cut(buf, here.x + 1, here.y, room.saturating_sub(8), &[seg(name, env.style(Meaning::Text))]);
            let x = here.x + room.saturating_sub(6);
            put(buf, x, here.y, 6, &[seg(mark, env.style(Meaning::Dim))]);
            put_cut(buf, here.x + room + 1, here.y, place, &marked(&line, &words, env));
        }
    }

    fn hints(&self) -> Vec<Action> {
        vec![Action::Search, Action::Diff]
    }

    fn status(&self, _env: &Env) -> String {
        if self.hits.is_waiting() { String::new() } else { text::plural(self.len(), "hit", "hits") }
    }
}

/// A hit's line, after the word that says where it stands, if that is no template; from where its words can be seen in so
/// many columns, and no longer than can be seen.
fn shown(line: &str, field: SearchField, words: &[String], columns: u16) -> String {
    let named = if field == SearchField::Template { String::new() } else { format!("{}: ", field.name()) };
    let columns = usize::from(columns).saturating_sub(named.len());
    let line = from_match(line, words, columns);
    let line = line.chars().take(2_000).map(|c| if c == '\n' { ' ' } else { c });
    named.chars().chain(line).collect()
}

/// A line with the words that were searched for made visible.
fn marked<'a>(line: &str, words: &[String], env: &Env) -> Vec<Seg<'a>> {
    let style = |hit| env.style(if hit { Meaning::Match } else { Meaning::Text });
    matches(line, words).into_iter().map(|(part, hit)| seg(part.to_owned(), style(hit))).collect()
}
