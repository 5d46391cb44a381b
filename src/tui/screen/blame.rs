//! Blame: for each line of a revision, the revision, age, author and message that brought it.

use crate::core::stats::decision::Decision;
use crate::core::text;
use crate::eval::history::{self, MeanChange};
use crate::store::RevisionInfo;
use crate::tui::context::{Context, Pending};
use crate::tui::draw_text::{put, put_cut, put_right, row, seg, select};
use crate::tui::keys::{Action, KeyScope};
use crate::tui::model::{Priority, RevisionRef, Ticket};
use crate::tui::query;
use crate::tui::route::{Route, Tab};
use crate::tui::screen::Screen;
use crate::tui::session::Env;
use crate::tui::theme::Meaning;
use crate::tui::widget::bars::{foot_rule, head_rule};
use crate::tui::widget::cursor::Cursor;
use crate::tui::widget::decided::look;
use crate::tui::widget::score::change_words;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use std::collections::HashMap;

/// Each line with the number of the revision that brought it, those revisions, and how scores changed with them.
type BlamedLines = (Vec<(String, u32)>, HashMap<u32, RevisionInfo>, HashMap<u32, MeanChange>);

/// The state of the screen.
pub struct BlameScreen {
    spot: RevisionRef,
    lines: Pending<query::AskBlame, BlamedLines>,
    cursor: Cursor,
}

impl BlameScreen {
    /// Blame of a revision.
    pub fn new(spot: RevisionRef) -> Self {
        Self { spot, lines: Pending::default(), cursor: Cursor::default() }
    }

    fn selected(&self) -> Option<&(String, u32)> {
        self.lines.get()?.0.get(self.cursor.at)
    }

    fn go(&self, cx: &mut Context) {
        let Some((_, seq)) = self.selected() else { return };
        let name = self.spot.name.clone();
        if *seq < 2 {
            return cx.say(format!("r{seq} is the first revision: there is nothing before it"));
        }
        let (left, right) =
            (RevisionRef { name: name.clone(), seq: seq - 1 }, RevisionRef { name, seq: *seq });
        cx.go(Route::diff(left, right));
    }
}

impl Screen for BlameScreen {
    fn scope(&self) -> KeyScope {
        KeyScope::Blame
    }

    fn tab(&self) -> Tab {
        Tab::Prompts
    }

    fn title(&self) -> String {
        format!("Blame {} r{}", self.spot.name, self.spot.seq)
    }

    fn has_tabs(&self) -> bool {
        false
    }

    fn open(&mut self, cx: &mut Context) {
        if self.lines.get().is_none() {
            self.lines.ask(cx, Priority::Visible, query::AskBlame(self.spot.clone()));
        }
    }

    fn act(&mut self, action: Action, cx: &mut Context) -> bool {
        let len = self.lines.get().map_or(0, |l| l.0.len());
        if self.cursor.act(action, len) {
            return true;
        }
        match action {
            Action::Enter | Action::Diff => self.go(cx),
            Action::Copy => {
                if let Some((line, _)) = self.selected() {
                    cx.copy(line);
                }
            }
            Action::Back | Action::Quit => cx.leave(),
            _ => return false,
        }
        true
    }

    fn reply(&mut self, ticket: Ticket, cx: &mut Context) -> bool {
        match self.lines.answer(ticket) {
            Some(Ok(found)) => {
                let by_seq = found.found.log.into_iter().map(|r| (r.seq, r)).collect();
                let points = history::points(&found.scores, None);
                let changes = points.iter().filter_map(|p| Some((p.seq, p.change?))).collect();
                self.lines.set((found.found.lines, by_seq, changes));
            }
            Some(Err(why)) => cx.fail(why),
            None => return false,
        }
        true
    }

    fn list_at(&mut self, at: Position) -> Option<&mut Cursor> {
        self.cursor.under(at)
    }

    fn draw(&mut self, area: Rect, buf: &mut Buffer, env: &Env) {
        if area.height < 4 {
            return;
        }
        let dim = env.style(Meaning::Dim);
        let scored = self.lines.get().is_some_and(|l| !l.2.is_empty());
        let about = if scored {
            "   who brought each line · ▲▼? its score change, associated"
        } else {
            "   who brought each line"
        };
        let title = [
            seg(format!(" {}   ", self.spot.name), env.style(Meaning::Strong)),
            seg(format!("r{}", self.spot.seq), env.style(Meaning::Strong)),
            seg(about, dim),
        ];
        put_cut(buf, area.x, area.y, area.width, &title);
        head_rule(buf, area, area.y + 1, &[], env);
        foot_rule(buf, area, area.bottom() - 1, &[], env);
        let body = Rect { y: area.y + 2, height: area.height - 3, ..area };
        let Some((lines, log, changes)) = self.lines.get() else {
            if self.lines.is_waiting() {
                put(buf, body.x + 1, body.y, body.width, &[seg("reading the history …", dim)]);
            }
            return;
        };
        let gutter = if area.width >= 100 { 48 } else { 20 };
        let window = self.cursor.rows(lines.len(), body);
        let mut last = None;
        for (i, at) in window.enumerate() {
            let here = row(body, body.y + i as u16);
            let (line, seq) = &lines[at];
            if at == self.cursor.at {
                select(buf, here, true, env.theme);
            }
            // A block of lines of one revision is named once.
            if last != Some(*seq) {
                draw_origin(*seq, log.get(seq), changes.get(seq), Rect { width: gutter, ..here }, buf, env);
            }
            last = Some(*seq);
            let x = here.x + gutter;
            put(buf, x, here.y, 5, &[seg(format!("{:>4} ", at + 1), dim)]);
            let shown: String = line.chars().take(usize::from(area.width) * 2).collect();
            put_cut(
                buf,
                x + 5,
                here.y,
                here.right().saturating_sub(x + 5),
                &[seg(text::expand_tabs(&shown, 4).into_owned(), env.style(Meaning::Text))],
            );
        }
    }

    fn hints(&self) -> Vec<Action> {
        vec![Action::Diff, Action::Copy]
    }

    fn status(&self, _env: &Env) -> String {
        let Some((lines, log, changes)) = self.lines.get() else { return String::new() };
        let Some((_, seq)) = lines.get(self.cursor.at) else { return String::new() };
        let message = log.get(seq).and_then(|r| r.message.clone()).unwrap_or_default();
        let change = changes.get(seq).map_or_else(String::new, |c| {
            let by = match c.decision {
                Decision::Better | Decision::Worse => {
                    format!(" by {}", text::signed(Some(c.difference), 2))
                }
                Decision::NotWorse | Decision::NoEvidence | Decision::TooFew => String::new(),
            };
            format!(" · {}{by}, associated", look(c.decision).words)
        });
        format!(
            "line {} of {}{change} · r{seq} {}",
            self.cursor.at + 1,
            lines.len(),
            message.lines().next().unwrap_or("")
        )
    }

    fn figures(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("r12", "the revision in which the line first stood here, going back from this one"),
            (
                "▲.12 ▼.12 ?",
                "the change of the mean score that came with that revision: better, worse, no evidence; associated, not caused",
            ),
        ]
    }

    fn ticks(&self) -> bool {
        self.lines.is_waiting()
    }
}

fn draw_origin(
    seq: u32,
    info: Option<&RevisionInfo>,
    change: Option<&MeanChange>,
    place: Rect,
    buf: &mut Buffer,
    env: &Env,
) {
    let dim = env.style(Meaning::Dim);
    let age = info
        .and_then(|r| r.created_at.parse::<jiff::Timestamp>().ok())
        .map_or_else(String::new, |t| text::relative_time(t.as_second(), env.now));
    let marked = change.map_or((String::new(), Meaning::Dim), change_words);
    let head = [
        seg(text::pad(&format!("r{seq}"), 6, text::Align::Left), env.style(Meaning::Accent)),
        seg(text::pad(&age, 5, text::Align::Right), dim),
        seg(" ", dim),
        seg(
            if marked.0.is_empty() { String::new() } else { text::pad(&marked.0, 5, text::Align::Left) },
            env.style(marked.1),
        ),
    ];
    let x = put(buf, place.x + 1, place.y, place.width, &head);
    let message =
        info.and_then(|r| r.message.as_deref()).unwrap_or("").lines().next().unwrap_or("").to_owned();
    let author = info.and_then(|r| r.author.clone()).map(|a| format!("{a}: ")).unwrap_or_default();
    put_cut(
        buf,
        x,
        place.y,
        place.right().saturating_sub(x + 1),
        &[seg(author, env.style(Meaning::Label)), seg(message, dim)],
    );
    put_right(buf, place.right(), place.y, 1, &seg(" ", dim));
}
