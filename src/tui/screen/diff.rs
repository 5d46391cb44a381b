//! Two texts compared, side by side with words refined, or in one column when narrow: revisions, the draft that `$EDITOR`
//! has left (Enter saves it as a revision), or two responses to one case.
//!
//! ```text
//! two sources -> DiffDoc (computed once, off the loop) -> views (folded or whole) -> only the rows in sight are laid out
//! ```

use crate::core::diff::{RowKind, View, fold};
use crate::core::text;
use crate::tui::context::{Context, Pending};
use crate::tui::doc::diff::{DiffDoc, DiffSource};
use crate::tui::keys::{Action, KeyScope};
use crate::tui::model::{Priority, RevisionRef, Ticket};
use crate::tui::query;
use crate::tui::route::{Purpose, Tab};
use crate::tui::screen::Screen;
use crate::tui::session::Env;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use std::sync::Arc;

mod draft;
mod layout;
mod reasons;
mod view;

use draft::Draft;
use reasons::Reasons;

/// Equal lines kept around a change when the rest is folded.
const CONTEXT: usize = 3;

/// The state of the screen.
pub struct DiffScreen {
    left: DiffSource,
    right: DiffSource,
    draft: Option<Draft>,
    /// What a judge said of each side, shown below the texts.
    reasons: Option<Reasons>,
    pub(super) doc: Pending<query::AskDifference, Arc<DiffDoc>>,
    tokens_left: Pending<query::Count>,
    tokens_right: Pending<query::Count>,
    pub(super) views: Vec<View>,
    pub(super) folded: bool,
    pub(super) whitespace: bool,
    pub(super) unified: Option<bool>,
    pub(super) wrap: bool,
    /// The first view in sight, and how many of its drawn lines are above.
    pub(super) top: (usize, usize),
    pub(super) column: usize,
    pub(super) height: usize,
    pub(super) width: u16,
    pub(super) search: String,
    failed: Option<String>,
}

impl DiffScreen {
    /// A screen over any two texts.
    pub fn new(left: DiffSource, right: DiffSource) -> Self {
        Self {
            left,
            right,
            draft: None,
            reasons: None,
            doc: Pending::default(),
            tokens_left: Pending::default(),
            tokens_right: Pending::default(),
            views: Vec::new(),
            folded: true,
            whitespace: false,
            unified: None,
            wrap: true,
            top: (0, 0),
            column: 0,
            height: 0,
            width: 0,
            search: String::new(),
            failed: None,
        }
    }

    /// With what a judge said of the left and of the right text, shown below them.
    pub fn with_reasons(mut self, reasons: Option<[String; 2]>) -> Self {
        self.reasons = reasons.map(Reasons::new);
        self
    }

    fn load(&mut self, cx: &mut Context) {
        let question = query::AskDifference { left: self.left.clone(), right: self.right.clone() };
        self.doc.ask(cx, Priority::Visible, question);
    }

    fn take(&mut self, doc: DiffDoc, cx: &mut Context) {
        match doc.tokens {
            Some((left, right)) => {
                self.tokens_left.set(left);
                self.tokens_right.set(right);
            }
            None => {
                self.tokens_left.ask(cx, Priority::Background, query::Count(doc.left.side.template.clone()));
                self.tokens_right.ask(
                    cx,
                    Priority::Background,
                    query::Count(doc.right.side.template.clone()),
                );
            }
        }
        self.left = doc.left.source.clone();
        self.right = doc.right.source.clone();
        self.doc.set(Arc::new(doc));
        self.views.clear();
        self.top = (0, 0);
        self.failed = None;
        self.refold();
    }

    pub(super) fn is_unified(&self) -> bool {
        self.unified.unwrap_or(self.width < 100)
    }

    pub(super) fn tokens(&self) -> Option<(usize, usize)> {
        Some((*self.tokens_left.get()?, *self.tokens_right.get()?))
    }

    fn refold(&mut self) {
        let Some(doc) = self.doc.get() else { return };
        // Keep the row that is on top in its place.
        let row = self.views.get(self.top.0).map(first_row);
        self.views = if self.folded && !doc.diff.hunks.is_empty() {
            fold(&doc.diff, CONTEXT)
        } else {
            (0..doc.diff.rows.len()).map(View::Row).collect()
        };
        self.top = (row.map_or(0, |r| self.view_of(r)), 0);
    }

    fn view_of(&self, row: usize) -> usize {
        self.views.iter().rposition(|v| first_row(v) <= row).unwrap_or(0)
    }

    /// The hunk that is at or next below the top, from 0.
    pub(super) fn hunk(&self) -> Option<usize> {
        let doc = self.doc.get()?;
        let top = self.views.get(self.top.0).map(first_row)?;
        let at = doc.diff.hunks.iter().rposition(|h| h.start <= top + CONTEXT);
        at.or(if doc.diff.hunks.is_empty() { None } else { Some(0) })
    }

    fn jump(&mut self, forward: bool, cx: &mut Context) {
        let Some(doc) = self.doc.get().cloned() else { return };
        let targets: Vec<usize> = if self.search.is_empty() {
            doc.diff.hunks.iter().map(|h| h.start).collect()
        } else {
            let wanted = self.search.to_lowercase();
            let holds = |side: &Option<crate::core::diff::Side>| {
                side.as_ref().is_some_and(|s| s.text.to_lowercase().contains(&wanted))
            };
            doc.diff
                .rows
                .iter()
                .enumerate()
                .filter(|(_, r)| holds(&r.left) || holds(&r.right))
                .map(|(i, _)| i)
                .collect()
        };
        if targets.is_empty() {
            return cx.say(if self.search.is_empty() {
                "no change to go to".into()
            } else {
                format!("'{}' is not here", self.search)
            });
        }
        if !self.search.is_empty() && self.folded {
            self.folded = false;
            self.refold();
        }
        let lead = if self.search.is_empty() { CONTEXT } else { 2 };
        let places: Vec<usize> = targets.iter().map(|r| self.view_of(r.saturating_sub(lead))).collect();
        let next = if forward {
            places.iter().find(|p| **p > self.top.0)
        } else {
            places.iter().rev().find(|p| **p < self.top.0)
        };
        match next {
            Some(view) => self.top = (*view, 0),
            None => cx.say(if forward { "that was the last one" } else { "that was the first one" }),
        }
    }

    fn step(&mut self, newer: bool, cx: &mut Context) {
        let (DiffSource::Revision(older), DiffSource::Revision(newest)) = (&self.left, &self.right) else {
            return cx.say("stepping needs two revisions; one of these is none");
        };
        if older.name != newest.name {
            return cx.say("stepping needs two revisions of one prompt");
        }
        let shift = |seq: u32| if newer { Some(seq + 1) } else { seq.checked_sub(1).filter(|s| *s > 0) };
        match (shift(older.seq), shift(newest.seq)) {
            (Some(left), Some(right)) => {
                let spot = |seq| DiffSource::Revision(RevisionRef { name: older.name.clone(), seq });
                let next = (spot(left), spot(right));
                (self.left, self.right) = next;
                self.load(cx);
            }
            _ => cx.say("that is the first revision"),
        }
    }

    fn scroll(&mut self, action: Action) -> bool {
        let lines = match action {
            Action::Down => 1,
            Action::Up => -1,
            Action::PageDown => self.height.saturating_sub(2).max(1) as isize,
            Action::PageUp => -(self.height.saturating_sub(2).max(1) as isize),
            Action::First => {
                self.top = (0, 0);
                return true;
            }
            Action::Last => {
                self.top = (self.views.len(), 0);
                -(self.height as isize)
            }
            Action::Left => {
                self.column = self.column.saturating_sub(8);
                return true;
            }
            Action::Right if !self.wrap => {
                self.column += 8;
                return true;
            }
            _ => return false,
        };
        self.move_by(lines);
        true
    }

    fn move_by(&mut self, lines: isize) {
        for _ in 0..lines.unsigned_abs() {
            let (view, sub) = self.top;
            if lines > 0 {
                if view >= self.views.len() {
                    return;
                }
                self.top = if sub + 1 < self.lines_of(view) { (view, sub + 1) } else { (view + 1, 0) };
                // The last page stays full.
                if self.rest() < self.height {
                    self.top = (view, sub);
                    return;
                }
            } else if sub > 0 {
                self.top = (view, sub - 1);
            } else if view > 0 {
                self.top = (view - 1, self.lines_of(view - 1).saturating_sub(1));
            }
        }
    }

    /// Drawn lines from the top to the end, counted no further than a screen.
    fn rest(&self) -> usize {
        let mut lines = 0;
        for view in self.top.0..self.views.len() {
            lines += self.lines_of(view);
            if lines >= self.height + self.top.1 {
                break;
            }
        }
        lines.saturating_sub(self.top.1)
    }
}

/// The row a view begins with.
fn first_row(view: &View) -> usize {
    match view {
        View::Row(row) => *row,
        View::Folded(rows) => rows.start,
    }
}

impl Screen for DiffScreen {
    fn scope(&self) -> KeyScope {
        KeyScope::Diff
    }

    fn tab(&self) -> Tab {
        Tab::Prompts
    }

    fn title(&self) -> String {
        match (&self.left, &self.right) {
            (DiffSource::Revision(left), DiffSource::Revision(right)) => {
                format!("Diff {} r{} r{}", right.name, left.seq, right.seq)
            }
            (left, right) => format!("Diff {} {}", left.name(), right.name()),
        }
    }

    fn has_tabs(&self) -> bool {
        false
    }

    fn open(&mut self, cx: &mut Context) {
        if self.doc.get().is_none() {
            self.load(cx);
        }
    }

    fn act(&mut self, action: Action, cx: &mut Context) -> bool {
        if self.reasons.as_mut().is_some_and(|r| r.act(action)) || self.scroll(action) {
            return true;
        }
        match action {
            Action::NextHunk => self.jump(true, cx),
            Action::PreviousHunk => self.jump(false, cx),
            Action::Whitespace => self.whitespace = !self.whitespace,
            Action::Fold => {
                self.folded = !self.folded;
                self.refold();
            }
            Action::Unified => self.unified = Some(!self.is_unified()),
            Action::Wrap => {
                self.wrap = !self.wrap;
                self.column = 0;
                self.top.1 = 0;
            }
            Action::Older => self.step(false, cx),
            Action::Newer => self.step(true, cx),
            Action::Exchange => cx.say("no judge's reasons are compared here"),
            Action::Search => {
                let hint =
                    cx.env.filled(KeyScope::Diff, "in both texts; {NextHunk} and {PreviousHunk} go through");
                cx.input("search", &hint, &self.search, Purpose::Search);
            }
            Action::Judge => {
                match (&self.left, &self.right) {
                    (DiffSource::Revision(left), DiffSource::Revision(right)) => {
                        cx.plan(vec![left.clone(), right.clone()]);
                    }
                    _ => cx.say(cx.env.filled(
                        KeyScope::Diff,
                        "{Judge} plans a run over revisions; one of these is none yet",
                    )),
                }
            }
            Action::Enter | Action::Save if self.draft.is_some() => self.ask_message(cx),
            Action::Edit if self.draft.is_some() => self.edit_again(cx),
            Action::Edit | Action::Save => {
                cx.say(cx.env.filled(
                    KeyScope::Prompts,
                    "{Edit} on Prompts edits a revision; its draft is compared here",
                ))
            }
            Action::Back if !self.search.is_empty() => self.search.clear(),
            Action::Back | Action::Quit => {
                if self.draft.is_some() {
                    cx.say(cx.env.filled(KeyScope::Prompts, "kept as a draft: {Edit} opens it again"));
                }
                cx.leave();
            }
            _ => return false,
        }
        true
    }

    fn edited(&mut self, ticket: Ticket, result: &Result<String, String>, cx: &mut Context) -> bool {
        self.take_edit(ticket, result, cx)
    }

    fn answered(&mut self, purpose: &Purpose, answer: Option<&str>, cx: &mut Context) {
        if *purpose == Purpose::SaveMessage {
            return self.save(answer, cx);
        }
        if *purpose == Purpose::Search {
            self.search = answer.unwrap_or("").to_owned();
            if !self.search.is_empty() {
                self.jump(true, cx);
            }
        }
    }

    fn reply(&mut self, ticket: Ticket, cx: &mut Context) -> bool {
        match self.doc.answer(ticket) {
            Some(Ok(doc)) => self.take(doc, cx),
            // Stepping past the end: stay where we were.
            Some(Err(why)) => match self.doc.get() {
                Some(old) => {
                    self.left = old.left.source.clone();
                    self.right = old.right.source.clone();
                    cx.say("that is the newest revision");
                }
                None => {
                    self.failed = Some(why.clone());
                    cx.fail(why);
                }
            },
            None => {
                return self.draft_reply(ticket, cx)
                    || self.tokens_left.answer(ticket).map(|n| n.map(|n| self.tokens_left.set(n))).is_some()
                    || self
                        .tokens_right
                        .answer(ticket)
                        .map(|n| n.map(|n| self.tokens_right.set(n)))
                        .is_some();
            }
        }
        true
    }

    fn draw(&mut self, area: Rect, buf: &mut Buffer, env: &Env) {
        view::draw(self, area, buf, env);
    }

    fn hints(&self) -> Vec<Action> {
        if self.draft.is_some() {
            return vec![Action::Save, Action::Edit, Action::NextHunk, Action::Whitespace, Action::Fold];
        }
        vec![
            Action::NextHunk,
            Action::Whitespace,
            Action::Fold,
            Action::Unified,
            Action::Older,
            Action::Newer,
            Action::Judge,
        ]
    }

    fn status(&self, _env: &Env) -> String {
        let Some(doc) = self.doc.get() else { return String::new() };
        match self.hunk() {
            Some(at) if !doc.diff.hunks.is_empty() => format!("hunk {}/{}", at + 1, doc.diff.hunks.len()),
            _ => "no change".into(),
        }
    }

    fn figures(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("+14 −9", "lines that only the right and only the left text have"),
            ("1,204 tok (+61)", "tokens of the right text by o200k_base, and how many more than the left"),
            (
                "$0.00120 a call",
                "those tokens at price_in of the model this prompt is for, or of the first one configured",
            ),
            (
                "clarity ▲.31",
                "change of the mean score on the same cases by the same judge; associated, not caused",
            ),
            ("⋯ 31 equal lines", "folded; {Fold} shows them"),
            ("~ at a line", "the line moved: it was removed here and added there"),
        ]
    }

    fn ticks(&self) -> bool {
        self.doc.is_waiting()
    }
}

/// The sign beside a line.
pub(super) fn sign(kind: RowKind, left: bool, moved: bool) -> &'static str {
    match (kind, left, moved) {
        (RowKind::Equal, _, _) => " ",
        (_, _, true) => "~",
        (_, true, _) => "-",
        (_, false, _) => "+",
    }
}

/// What the header says about size: `3 hunks · +14 −9`.
pub(super) fn size_words(doc: &DiffDoc, tokens: Option<(usize, usize)>, price_in: Option<f64>) -> String {
    let stats = doc.stats;
    let hunks = text::plural(doc.diff.hunks.len(), "hunk", "hunks");
    let tokens = tokens.map_or_else(String::new, |(l, r)| {
        let change = r as i64 - l as i64;
        format!(
            " · {} tok ({}{}){}",
            text::count(r as u64),
            if change < 0 { "−" } else { "+" },
            text::count(change.unsigned_abs()),
            price_in.map_or_else(String::new, |price| cost_words(r, change, price))
        )
    });
    format!("{hunks} · +{} −{}{tokens}", stats.added, stats.removed)
}

/// What reading the right text costs, and how much more than the left: ` · $.0036 (+.0002) a call`.
fn cost_words(tokens: usize, change: i64, price_in: f64) -> String {
    let usd = |tokens: f64| format!("{:.5}", tokens * price_in / 1e6);
    let sign = if change < 0 { "−" } else { "+" };
    format!(" · ${} ({sign}{}) a call", usd(tokens as f64), usd(change.unsigned_abs() as f64))
}
