//! One item of a run: what was asked and answered, each score with its reasons, and a place for one's own score.
//!
//! ```text
//! query::Item -> texts | scores          s selects a criterion: its quotes are marked in the response
//! 1..5, c, u  -> query::AddReview -> asked again      n N o -> another item, asked anew
//! ```
//! A review given here has seen the judge's scores, and is stored so: it never counts as blind.

use crate::core::rubric::Scale;
use crate::eval::Progress;
use crate::store::{FullItem, NewReview, ReviewInfo, Sampling};
use crate::tui::context::{Context, Pending};
use crate::tui::doc::diff::DiffSource;
use crate::tui::keys::{Action, KeyScope};
use crate::tui::model::{Priority, Ticket};
use crate::tui::query;
use crate::tui::route::{ItemContext, Purpose, Route, Tab};
use crate::tui::screen::Screen;
use crate::tui::session::Env;
use crate::tui::widget::cursor::{Cursor, Dividers};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use std::sync::Arc;

mod exchange;
mod lines;
mod scores;
mod texts;
mod view;

/// The pane that has the focus, and the one in sight where there is room for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ItemPane {
    Text,
    Scores,
}

/// The state of the screen.
pub struct ItemScreen {
    run: String,
    pub(super) at: u32,
    pub(super) context: Pending<query::AskGrid, ItemContext>,
    pub(super) loaded: Pending<query::AskItem>,
    pub(super) criterion: u32,
    pub(super) pane: ItemPane,
    pub(super) text: Cursor,
    pub(super) scores: Cursor,
    /// Where texts and scores were drawn last.
    pub(super) places: (Rect, Rect),
    pub(super) dividers: Dividers,
    pub(super) anchors: bool,
    pub(super) exchange: bool,
    /// Long prompts are shown whole.
    pub(super) unfolded: bool,
    pub(super) cache: Option<(texts::ItemTextKey, Vec<lines::ItemLine>)>,
    /// Lines of both panes, and where the blocks of the criteria start, as last drawn.
    pub(super) drawn: (usize, usize, Vec<usize>),
    version: u64,
    saved: Pending<query::AddReview, String>,
    to_set: Pending<query::ToCase, ()>,
    other: Pending<query::AskItem, ()>,
    /// Who scores, when the session does not know.
    reviewer: String,
    /// A score that waits for the reviewer's name.
    pending: Option<u8>,
    /// The response so far, while it is being written.
    pub(super) writing: Option<Arc<str>>,
}

impl ItemScreen {
    /// An item by its run and its place in it.
    pub fn new(run: impl Into<String>, item: u32) -> Self {
        Self {
            run: run.into(),
            at: item,
            context: Pending::default(),
            loaded: Pending::default(),
            criterion: 0,
            pane: ItemPane::Text,
            text: Cursor::default(),
            scores: Cursor::default(),
            places: Default::default(),
            dividers: Dividers::default(),
            anchors: false,
            exchange: false,
            unfolded: false,
            cache: None,
            drawn: (0, 0, Vec::new()),
            version: 0,
            saved: Pending::default(),
            to_set: Pending::default(),
            other: Pending::default(),
            reviewer: String::new(),
            pending: None,
            writing: None,
        }
    }

    /// The same within a run that is loaded already, with this criterion selected.
    pub fn within(mut self, within: Option<(ItemContext, u32)>) -> Self {
        if let Some((context, criterion)) = within {
            self.context.set(context);
            self.criterion = criterion;
        }
        self
    }

    fn load(&mut self, cx: &mut Context) {
        if self.context.get().is_none() && !self.context.is_waiting() {
            self.context.ask(cx, Priority::Background, query::AskGrid(self.run.clone()));
        }
        self.loaded.ask(cx, Priority::Visible, query::AskItem { run: self.run.clone(), item: self.at });
    }

    /// What the cache of wrapped lines depends on, besides the width.
    pub(super) fn key(&self, width: usize) -> texts::ItemTextKey {
        texts::ItemTextKey {
            width,
            version: self.version,
            criterion: self.criterion,
            exchange: self.exchange,
            unfolded: self.unfolded,
        }
    }

    fn columns(&self) -> u32 {
        self.context.get().map_or(1, |c| c.run.criteria.len() as u32).max(1)
    }

    pub(super) fn column_name(&self) -> String {
        self.context
            .get()
            .and_then(|c| c.run.criteria.get(self.criterion as usize))
            .map_or_else(|| "this item".to_owned(), Clone::clone)
    }

    fn go_to(&mut self, item: u32, cx: &mut Context) {
        self.at = item;
        self.writing = None;
        self.loaded.clear();
        self.text = Cursor { height: self.text.height, ..Cursor::default() };
        self.scores = Cursor { height: self.scores.height, ..Cursor::default() };
        self.version += 1;
        self.load(cx);
    }

    /// Where this item stands in the order, and of how many.
    pub(super) fn place(&self) -> Option<(usize, usize)> {
        let order = &self.context.get()?.order;
        Some((order.iter().position(|i| *i == self.at)?, order.len()))
    }

    fn step(&mut self, forward: bool, cx: &mut Context) {
        let Some((at, len)) = self.place() else { return cx.say("the other items are still being read") };
        let next = if forward { at + 1 } else { at.wrapping_sub(1) };
        match self.context.get().and_then(|c| c.order.get(next)).copied() {
            Some(item) => self.go_to(item, cx),
            None if forward => cx.say(format!("this is the last of {len} items")),
            None => cx.say("this is the first item"),
        }
    }

    /// The same case in the arm that follows.
    fn other_arm(&mut self, cx: &mut Context) {
        let Some(context) = self.context.get() else { return };
        let Some(here) = context.items.iter().find(|i| i.ord == self.at) else { return };
        let same: Vec<u32> = context
            .items
            .iter()
            .filter(|i| i.case_id == here.case_id && i.repeat == here.repeat)
            .map(|i| i.ord)
            .collect();
        match same.iter().position(|i| *i == self.at) {
            Some(at) if same.len() > 1 => self.go_to(same[(at + 1) % same.len()], cx),
            _ => cx.say("no other arm of this run answered this case"),
        }
    }

    /// The same case in the next arm of the run.
    fn next_arm(&self) -> Option<u32> {
        let context = self.context.get()?;
        let here = context.items.iter().find(|i| i.ord == self.at)?;
        let mut same = context.items.iter().filter(|i| i.case_id == here.case_id && i.repeat == here.repeat);
        let arms: Vec<u32> = same.by_ref().map(|i| i.ord).filter(|o| *o != self.at).collect();
        arms.iter().find(|o| **o > self.at).or(arms.first()).copied()
    }

    /// Asks for the other arm's response, to compare the two.
    fn diff_arms(&mut self, cx: &mut Context) {
        match self.next_arm() {
            Some(item) => {
                self.other.ask(cx, Priority::Background, query::AskItem { run: self.run.clone(), item })
            }
            None => cx.say("no other arm of this run answered this case"),
        }
    }

    fn open_diff(&self, other: &FullItem, cx: &mut Context) {
        let Some(here) = self.loaded.get().map(|l| &l.item) else { return };
        let source = |item: &FullItem| match &item.response {
            Some(Ok(text)) => Some(DiffSource::Text {
                name: format!("{} · {}", item.item.case_id, item.item.arm),
                text: text.as_str().into(),
            }),
            _ => None,
        };
        match (source(here), source(other)) {
            // In the order of the plan, whichever was on the screen.
            (Some(a), Some(b)) => {
                let (left, right) = if here.item.ord <= other.item.ord { (a, b) } else { (b, a) };
                cx.go(Route::Diff { left, right, reasons: None });
            }
            _ => cx.say("one of the two arms has no response to compare"),
        }
    }

    /// Who scores.
    fn who(&self, env: &Env) -> String {
        if env.reviewer.is_empty() { self.reviewer.clone() } else { env.reviewer.clone() }
    }

    /// My newest review of the selected criterion in force.
    fn mine(&self, env: &Env) -> Option<&ReviewInfo> {
        let who = self.who(env);
        let reviews = &self.loaded.get()?.reviews;
        reviews.iter().rfind(|r| r.review.reviewer == who && r.review.criterion == self.criterion)
    }

    /// The scale of the selected criterion.
    fn scale(&self) -> Scale {
        self.context.get().map(|c| c.run.scale(self.criterion)).unwrap_or_default()
    }

    fn how_to_answer(&self, cx: &Context) -> String {
        let words = match self.scale() {
            Scale::PassFail => "{Passes} passes, {Fails} fails",
            Scale::Categories { .. } => {
                "this criterion has fewer categories: {Anchors} shows them with their digits"
            }
            Scale::OneToFive => "{Score1} to {Score5} score",
        };
        cx.env.filled(KeyScope::Item, words)
    }

    /// A pressed digit: of a score, or of a category.
    fn digit(&mut self, digit: u8, cx: &mut Context) {
        if self.scale() == Scale::PassFail {
            return cx.say(self.how_to_answer(cx));
        }
        self.score(digit, cx);
    }

    /// Passes or fails, where that is asked.
    fn label(&mut self, label: &str, cx: &mut Context) {
        match self.scale() {
            scale @ Scale::PassFail => self.score(scale.level(label).unwrap_or_default(), cx),
            _ => cx.say(self.how_to_answer(cx)),
        }
    }

    fn score(&mut self, score: u8, cx: &mut Context) {
        if let Some(why) = &cx.env.read_only {
            return cx.fail(format!("not saved: the registry is open for reading only ({why})"));
        }
        if self.who(cx.env).is_empty() {
            self.pending = Some(score);
            let hint = "kept with each score; [review] name in the config saves asking";
            cx.input("your name", hint, "", Purpose::ReviewerName);
            return;
        }
        let comment = self.mine(cx.env).map(|r| r.review.comment.clone()).unwrap_or_default();
        let [tell, undo] = [Action::Comment, Action::Undo].map(|a| cx.env.hint(KeyScope::Item, a));
        let scale = self.scale();
        if !scale.holds(score) {
            return cx.say(self.how_to_answer(cx));
        }
        let (name, who, score_shown) = (self.column_name(), self.who(cx.env), scale.shown(score));
        let words = format!("{name} {score_shown} by {who}; {tell} comments, {undo} takes it back");
        self.store(Some(score), comment, None, words, cx);
    }

    fn store(
        &mut self,
        score: Option<u8>,
        comment: String,
        undo: Option<i64>,
        words: String,
        cx: &mut Context,
    ) {
        let judged = self.loaded.get().is_some_and(|l| {
            l.verdicts.iter().any(|v| v.verdict.criterion == self.criterion && v.verdict.reading.is_some())
        });
        let review = NewReview {
            run: self.run.clone(),
            item: self.at,
            criterion: self.criterion,
            reviewer: self.who(cx.env),
            score,
            comment,
            modes: Vec::new(),
            // The judge's scores are on this screen: those of the other criteria, where this one has none.
            saw_judge: true,
            sampling: if judged { Sampling::Override } else { Sampling::Picked },
            seconds: None,
            undo,
        };
        self.saved.ask(cx, Priority::Background, query::AddReview(review));
        self.saved.set(words);
    }

    fn ask_comment(&mut self, cx: &mut Context) {
        match self.mine(cx.env) {
            Some(mine) => {
                let text = mine.review.comment.clone();
                let title = format!("comment on {}", self.column_name());
                cx.input(&title, "kept with your score", &text, Purpose::Comment);
            }
            None => {
                cx.say(cx.env.filled(
                    KeyScope::Item,
                    "score first: {Score1} to {Score5}, then {Comment} comments on it",
                ))
            }
        }
    }

    fn undo(&mut self, cx: &mut Context) {
        match self.mine(cx.env).map(|r| (r.id, r.review.score)) {
            Some((id, score)) => {
                let was = score.map_or_else(|| "skip".to_owned(), |s| self.scale().shown(s));
                let words = format!("your {} {was} was taken back", self.column_name());
                self.store(None, String::new(), Some(id), words, cx);
            }
            None => cx.say("you have no score here to take back"),
        }
    }

    fn scroll(&mut self, action: Action) -> bool {
        let (cursor, len) = match self.pane {
            ItemPane::Text => (&mut self.text, self.drawn.0),
            ItemPane::Scores => (&mut self.scores, self.drawn.1),
        };
        // The first line in sight moves, not a selected one: reading has no selection.
        let mut top = Cursor { at: cursor.top, height: cursor.height, ..Cursor::default() };
        let moved = top.act(action, len.saturating_sub(cursor.height) + 1);
        if moved {
            cursor.top = top.at;
        }
        moved
    }

    fn select(&mut self, criterion: u32) {
        self.criterion = criterion;
        if let Some(start) = self.drawn.2.get(criterion as usize) {
            self.scores.top = *start;
        }
    }
}

impl Screen for ItemScreen {
    fn scope(&self) -> KeyScope {
        KeyScope::Item
    }

    fn tab(&self) -> Tab {
        Tab::Runs
    }

    fn title(&self) -> String {
        match self.loaded.get() {
            Some(loaded) => format!("item {}", loaded.item.item.case_id),
            None => format!("item {}", self.at),
        }
    }

    fn has_tabs(&self) -> bool {
        false
    }

    fn open(&mut self, cx: &mut Context) {
        self.load(cx);
    }

    fn changed(&mut self, cx: &mut Context) {
        if !self.loaded.is_waiting() {
            self.load(cx);
        }
    }

    fn act(&mut self, action: Action, cx: &mut Context) -> bool {
        if self.scroll(action) {
            return true;
        }
        match action {
            Action::NextPane | Action::PreviousPane | Action::Left | Action::Right => {
                self.pane = if self.pane == ItemPane::Text { ItemPane::Scores } else { ItemPane::Text };
            }
            Action::Passes => self.label("pass", cx),
            Action::Fails => self.label("fail", cx),
            Action::Score1 => self.digit(1, cx),
            Action::Score2 => self.digit(2, cx),
            Action::Score3 => self.digit(3, cx),
            Action::Score4 => self.digit(4, cx),
            Action::Score5 => self.digit(5, cx),
            Action::Comment => self.ask_comment(cx),
            Action::Undo => self.undo(cx),
            Action::Anchors => {
                self.anchors = !self.anchors;
                self.pane = if self.anchors { ItemPane::Scores } else { self.pane };
            }
            Action::Exchange => {
                self.exchange = !self.exchange;
                self.pane = ItemPane::Text;
                self.text.top = 0;
            }
            Action::Back if self.exchange => {
                self.exchange = false;
                self.text.top = 0;
            }
            Action::Enter => self.unfolded = !self.unfolded,
            Action::NextCriterion => self.select((self.criterion + 1) % self.columns()),
            Action::NextItem => self.step(true, cx),
            Action::PreviousItem => self.step(false, cx),
            Action::OtherArm => self.other_arm(cx),
            Action::Diff => self.diff_arms(cx),
            Action::ToCase => match &cx.env.read_only {
                Some(why) => cx.fail(format!("the registry is open for reading only ({why})")),
                None => {
                    let hint = "a set that is there, or a new one";
                    cx.input("add this case to the set", hint, "failures", Purpose::CaseSet);
                }
            },
            Action::Copy => match self.loaded.get().and_then(|l| l.item.response.as_ref()) {
                Some(Ok(text)) => {
                    cx.copy(text);
                    cx.say("the response was sent to the terminal's clipboard");
                }
                _ => cx.say("there is no response to copy"),
            },
            _ => return false,
        }
        true
    }

    fn reply(&mut self, ticket: Ticket, cx: &mut Context) -> bool {
        if let Some(answer) = self.saved.answer(ticket) {
            match answer {
                Ok(_) => {
                    if let Some(words) = self.saved.get() {
                        cx.say(words.clone());
                    }
                    self.load(cx);
                }
                Err(why) => cx.fail(format!("not saved: {why}")),
            }
        } else if let Some(answer) = self.to_set.answer(ticket) {
            match answer {
                Ok(words) => cx.say(words),
                Err(why) => cx.fail(format!("not saved: {why}")),
            }
        } else if let Some(answer) = self.other.answer(ticket) {
            match answer {
                Ok(other) => self.open_diff(&other.item, cx),
                Err(why) => cx.fail(why),
            }
        } else if let Some(answer) = self.context.answer(ticket) {
            match answer {
                Ok(found) => {
                    let order = found.items.iter().map(|i| i.ord).collect();
                    let (run, items) = (Arc::new(found.run), Arc::new(found.items));
                    self.context.set(ItemContext { run, items, order });
                }
                Err(why) => cx.fail(why),
            }
        } else if let Some(answer) = self.loaded.answer(ticket) {
            match answer {
                Ok(loaded) => {
                    self.version += 1;
                    self.loaded.set(loaded);
                }
                Err(why) => cx.fail(why),
            }
        } else {
            return false;
        }
        true
    }

    fn answered(&mut self, purpose: &Purpose, text: Option<&str>, cx: &mut Context) {
        match (purpose, text) {
            (Purpose::Comment, Some(text)) => {
                if let Some(score) = self.mine(cx.env).map(|r| r.review.score) {
                    let words = format!("comment on {} saved", self.column_name());
                    self.store(score, text.trim().to_owned(), None, words, cx);
                }
            }
            (Purpose::CaseSet, Some(set)) if !set.trim().is_empty() => {
                let (run, set) = (self.run.clone(), set.trim().to_owned());
                self.to_set.ask(cx, Priority::Background, query::ToCase { run, item: self.at, set });
            }
            (Purpose::ReviewerName, Some(name)) if !name.trim().is_empty() => {
                name.trim().clone_into(&mut self.reviewer);
                if let Some(score) = self.pending.take() {
                    self.score(score, cx);
                }
            }
            (Purpose::ReviewerName, _) => self.pending = None,
            _ => {}
        }
    }

    fn progress(&mut self, run: &str, progress: &Progress, cx: &mut Context) {
        if run != self.run {
            return;
        }
        let mine = match progress {
            Progress::Writing { item, text } if *item == self.at => {
                self.writing = Some(Arc::clone(text));
                self.version += 1;
                false
            }
            Progress::Saved { cell, .. } => cell.item == self.at,
            Progress::Generated { item } => *item == self.at,
            _ => false,
        };
        if mine && !self.loaded.is_waiting() {
            self.load(cx);
        }
    }

    fn run_ended(&mut self, run: &str, cx: &mut Context) {
        if run == self.run {
            self.load(cx);
        }
    }

    fn list_at(&mut self, at: Position) -> Option<&mut Cursor> {
        if self.places.0.contains(at) {
            self.pane = ItemPane::Text;
        } else if self.places.1.contains(at) {
            self.pane = ItemPane::Scores;
        }
        None
    }

    fn dividers(&mut self) -> Option<&mut Dividers> {
        Some(&mut self.dividers)
    }

    fn draw(&mut self, area: Rect, buf: &mut Buffer, env: &Env) {
        view::draw(self, area, buf, env);
    }

    fn hints(&self) -> Vec<Action> {
        let mut hints =
            vec![Action::Score1, Action::Comment, Action::NextItem, Action::Anchors, Action::Exchange];
        if self.scale() == Scale::PassFail {
            hints.splice(..1, [Action::Passes, Action::Fails]);
        }
        if self.context.get().is_some_and(|c| c.run.arms.len() > 1) {
            hints.insert(3, Action::OtherArm);
        }
        hints
    }

    fn status(&self, env: &Env) -> String {
        let who = self.who(env);
        match self.place() {
            Some((at, len)) if who.is_empty() => format!("item {} of {len}", at + 1),
            Some((at, len)) => format!("you: {who} · item {} of {len}", at + 1),
            None => String::new(),
        }
    }

    fn figures(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("4 4 5", "the judge's score of each pass; a sign instead of a digit where there is none"),
            ("4.33", "mean of the passes that were scored"),
            (
                "quote not found",
                "the judge quotes words that the response does not hold; the score stands, with this flag",
            ),
            (
                "saw judge",
                "this person's score was given with the judge's in sight: it does not count as blind",
            ),
            ("recorded", "verdicts reached elsewhere, imported or replayed"),
            ("generic anchors", "the criterion has no anchors of its own"),
        ]
    }
}
