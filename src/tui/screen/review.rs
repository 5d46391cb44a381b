//! Review: a blind queue in seeded random order. Arm, judge and other reviewers stay hidden until a batch is done.
//!
//! ```text
//! run -> order(seed of run and reviewer) -> first place without a score -> score (saved, acknowledged) -> next
//!                                              ^                                      | every ten, or at the end
//!                                              +--------------- Enter --------- the judge's scores beside one's own
//! ```

use super::super::env::Env;
use super::super::keys::{Action, Scope};
use super::super::layer::Layer;
use super::super::msg::{Lane, Ticket};
use super::super::query::{Query, Reply};
use super::{Cx, Nav, Purpose, Screen, Slot, Tab};
use crate::core::digest::Digest;
use crate::core::queue;
use crate::core::rubric::Criterion;
use crate::store::{FullItem, NewReview, ReviewInfo, RunInfo, RunItem, Sampling, VerdictInfo};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

mod view;

/// Scores between two reveals.
const BATCH: usize = 10;

/// One score of the present batch, with what the judge said of it.
#[derive(Debug, Clone)]
pub(super) struct Given {
    pub id: i64,
    pub place: usize,
    pub case_id: String,
    pub arm: String,
    pub criterion: String,
    pub score: u8,
    pub verdicts: Vec<VerdictInfo>,
}

/// An item as loaded.
pub(super) struct Shown {
    pub item: Box<FullItem>,
    pub verdicts: Vec<VerdictInfo>,
}

/// The state of the screen.
#[derive(Default)]
pub struct Review {
    wanted: Option<String>,
    runs: Slot<()>,
    grid: Slot<()>,
    pub(super) run: Option<Box<RunInfo>>,
    items: Vec<RunItem>,
    /// (item, criterion) in the order of the queue.
    pub(super) queue: Vec<(u32, u32)>,
    /// Which places of the queue this reviewer has dealt with.
    done: Vec<bool>,
    pub(super) at: usize,
    pub(super) shown: Slot<Shown>,
    /// The item after this one, loaded while this one is read: a score never has to wait for a screen.
    ahead: Slot<Shown>,
    saving: Slot<NewReview>,
    undoing: Slot<()>,
    pub(super) batch: Vec<Given>,
    pub(super) revealed: bool,
    pub(super) scroll: usize,
    pub(super) anchors: bool,
    pub(super) comment: String,
    pub(super) modes: Vec<String>,
    reviewer: String,
    asked_at: i64,
    spent: Vec<i64>,
    pub(super) nothing: bool,
}

impl Review {
    /// The queue of one run.
    pub fn new(run: impl Into<String>) -> Self {
        Self { wanted: Some(run.into()), ..Self::default() }
    }

    pub(super) fn who(&self, env: &Env) -> String {
        if self.reviewer.is_empty() { env.reviewer.clone() } else { self.reviewer.clone() }
    }

    pub(super) fn dealt_with(&self) -> usize {
        self.done.iter().filter(|d| **d).count()
    }

    /// Mean seconds of an item so far, in this sitting.
    pub(super) fn pace(&self) -> Option<i64> {
        let n = i64::try_from(self.spent.len()).ok().filter(|n| *n > 0)?;
        Some(self.spent.iter().sum::<i64>() / n)
    }

    /// The criterion that is asked now.
    pub(super) fn criterion(&self) -> Option<Criterion> {
        let run = self.run.as_ref()?;
        let (_, column) = *self.queue.get(self.at)?;
        if !run.spec.own_criterion {
            return run.spec.criteria.get(column as usize).cloned();
        }
        let subject = self.shown.get()?.item.subject.as_ref()?;
        let question =
            subject.criterion.clone().unwrap_or_else(|| run.criteria.first().cloned().unwrap_or_default());
        let name = run.criteria.get(column as usize).cloned().unwrap_or_default();
        Some(Criterion {
            name,
            question,
            anchors: subject.anchors.clone().unwrap_or_default(),
            steps: Vec::new(),
            generic: false,
        })
    }

    /// The queue's order: the same for this reviewer on this run, today and in a year.
    fn arrange(&mut self, reviews: &[ReviewInfo], env: &Env) {
        let Some(run) = &self.run else { return };
        let who = self.who(env);
        let digest = Digest::of(format!("review:{}:{who}", run.id));
        let seed = digest.as_bytes().iter().take(8).fold(0_u64, |n, b| n << 8 | u64::from(*b));
        let columns = run.criteria.len() as u32;
        self.queue = queue::order(seed, self.items.len())
            .into_iter()
            .filter_map(|i| self.items.get(i))
            .flat_map(|item| (0..columns).map(|c| (item.ord, c)))
            .collect();
        let mine = |place: &(u32, u32)| {
            reviews.iter().any(|r| r.review.reviewer == who && (r.review.item, r.review.criterion) == *place)
        };
        self.done = self.queue.iter().map(mine).collect();
        self.at = self.done.iter().position(|d| !d).unwrap_or(self.queue.len());
    }

    /// Asks for the item of the present place.
    fn show(&mut self, cx: &mut Cx) {
        self.scroll = 0;
        self.comment.clear();
        self.modes.clear();
        self.asked_at = cx.env.now;
        let Some((run, (item, _))) = self.run.as_ref().zip(self.queue.get(self.at)) else {
            self.shown.clear();
            return;
        };
        let same = self.shown.get().is_some_and(|s| s.item.item.ord == *item);
        if same {
            return;
        }
        self.shown.clear();
        match self.ahead.take() {
            Some(shown) if shown.item.item.ord == *item => {
                self.shown.set(shown);
                self.look_ahead(cx);
            }
            _ => self.shown.ask(cx, Lane::Item, Query::Item { run: run.id.clone(), item: *item }),
        }
    }

    /// Loads the next item that has no score yet.
    fn look_ahead(&mut self, cx: &mut Cx) {
        let Some(run) = &self.run else { return };
        let here = self.queue.get(self.at).map(|place| place.0);
        let open = self.queue.iter().zip(&self.done).filter(|(_, done)| !**done).map(|(place, _)| place.0);
        if let Some(item) = open.into_iter().find(|item| Some(*item) != here) {
            self.ahead.ask(cx, Lane::Other, Query::Item { run: run.id.clone(), item });
        }
    }

    fn advance(&mut self, cx: &mut Cx) {
        let over = self.batch.len() >= BATCH;
        self.at = self.done.iter().position(|d| !d).unwrap_or(self.queue.len());
        let finished = self.at >= self.queue.len();
        if (over || finished) && !self.batch.is_empty() {
            self.revealed = true;
            self.scroll = 0;
            return;
        }
        self.show(cx);
    }

    fn answer(&mut self, score: Option<u8>, cx: &mut Cx) {
        if let Some(why) = &cx.env.read_only {
            return cx.fail(format!("cannot score: the registry is open for reading only ({why})"));
        }
        if self.who(cx.env).is_empty() {
            cx.layer =
                Some(Layer::input("your name", "kept with each of your scores", "", Purpose::ReviewerName));
            return;
        }
        if self.saving.is_waiting() {
            return cx.say("the score before is still being saved");
        }
        let (Some(run), Some((item, criterion))) = (&self.run, self.queue.get(self.at).copied()) else {
            return cx.say("nothing is left to score here");
        };
        // Nobody scores what is not on the screen yet.
        if self.shown.get().is_none() {
            return cx.say("the item is still being loaded: score it when it shows");
        }
        let review = NewReview {
            run: run.id.clone(),
            item,
            criterion,
            reviewer: self.who(cx.env),
            score,
            comment: self.comment.clone(),
            modes: self.modes.clone(),
            saw_judge: false,
            sampling: Sampling::Random,
            seconds: Some((cx.env.now - self.asked_at).max(0) as f64),
            undo: None,
        };
        self.saving.ask(cx, Lane::Other, Query::AddReview(review.clone()));
        self.saving.set(review);
    }

    /// A score is counted only now that the registry has it.
    fn saved(&mut self, id: i64, cx: &mut Cx) {
        let Some(review) = self.saving.get().cloned() else { return };
        self.spent.push(review.seconds.unwrap_or(0.0) as i64);
        if let Some(done) = self.done.get_mut(self.at) {
            *done = true;
        }
        let criterion = self.criterion().map(|c| c.name).unwrap_or_default();
        if let Some((shown, score)) = self.shown.get().zip(review.score) {
            self.batch.push(Given {
                id,
                place: self.at,
                case_id: shown.item.item.case_id.clone(),
                arm: shown.item.item.arm.clone(),
                criterion,
                score,
                verdicts: shown
                    .verdicts
                    .iter()
                    .filter(|v| v.verdict.criterion == review.criterion)
                    .cloned()
                    .collect(),
            });
        }
        self.advance(cx);
    }

    fn undo(&mut self, cx: &mut Cx) {
        let (Some(last), Some(run)) = (self.batch.last().cloned(), &self.run) else {
            return cx.say("nothing of this batch to take back");
        };
        let Some((item, criterion)) = self.queue.get(last.place).copied() else { return };
        let review = NewReview {
            run: run.id.clone(),
            item,
            criterion,
            reviewer: self.who(cx.env),
            score: None,
            comment: String::new(),
            modes: Vec::new(),
            saw_judge: false,
            sampling: Sampling::Random,
            seconds: None,
            undo: Some(last.id),
        };
        self.undoing.ask(cx, Lane::Other, Query::AddReview(review));
    }

    fn undone(&mut self, cx: &mut Cx) {
        if let Some(last) = self.batch.pop() {
            if let Some(done) = self.done.get_mut(last.place) {
                *done = false;
            }
            self.at = last.place;
            self.show(cx);
            cx.say(format!("your {} was taken back", last.score));
        }
    }

    fn end_reveal(&mut self, cx: &mut Cx) {
        self.revealed = false;
        self.batch.clear();
        self.show(cx);
    }

    fn act_revealed(&mut self, action: Action, cx: &mut Cx) -> bool {
        match action {
            Action::Go | Action::Enter => self.end_reveal(cx),
            Action::Down => self.scroll += 1,
            Action::Up => self.scroll = self.scroll.saturating_sub(1),
            Action::PageDown => self.scroll += 10,
            Action::PageUp => self.scroll = self.scroll.saturating_sub(10),
            _ => return false,
        }
        true
    }
}

impl Screen for Review {
    fn scope(&self) -> Scope {
        if self.revealed { Scope::Reveal } else { Scope::Review }
    }

    fn tab(&self) -> Tab {
        Tab::Review
    }

    fn title(&self) -> String {
        "Review".into()
    }

    fn open(&mut self, cx: &mut Cx) {
        if self.run.is_some() {
            self.asked_at = cx.env.now;
            return;
        }
        match self.wanted.clone() {
            Some(run) => self.grid.ask(cx, Lane::Other, Query::Grid(run)),
            None => self.runs.ask(cx, Lane::Other, Query::Runs),
        }
    }

    fn act(&mut self, action: Action, cx: &mut Cx) -> bool {
        if self.revealed {
            return self.act_revealed(action, cx);
        }
        let score = match action {
            Action::Score1 => Some(1),
            Action::Score2 => Some(2),
            Action::Score3 => Some(3),
            Action::Score4 => Some(4),
            Action::Score5 => Some(5),
            _ => None,
        };
        if score.is_some() && self.run.is_some() {
            self.answer(score, cx);
            return true;
        }
        match action {
            Action::Down => self.scroll += 1,
            Action::Up => self.scroll = self.scroll.saturating_sub(1),
            Action::PageDown => self.scroll += 8,
            Action::PageUp => self.scroll = self.scroll.saturating_sub(8),
            Action::First => self.scroll = 0,
            Action::Anchors => self.anchors = !self.anchors,
            Action::Comment => {
                cx.layer =
                    Some(Layer::input("comment", "saved with the score", &self.comment, Purpose::Comment))
            }
            Action::Tag => {
                cx.layer = Some(Layer::input(
                    "failure mode",
                    "what went wrong, in a word or two",
                    "",
                    Purpose::FailureMode,
                ))
            }
            Action::Skip => self.answer(None, cx),
            Action::Undo => self.undo(cx),
            Action::Agreement if self.run.is_some() => {
                let id = self.run.as_ref().map(|r| r.id.clone()).unwrap_or_default();
                cx.nav = Some(Nav::Push(Box::new(super::agreement::Agreement::new(id))));
            }
            // A tab's number is a score here: the tabs are reached from elsewhere.
            Action::TabPrompts | Action::TabRuns | Action::TabTrends if self.run.is_some() => {}
            _ => return false,
        }
        true
    }

    fn answered(&mut self, purpose: &Purpose, text: Option<&str>, cx: &mut Cx) {
        match (purpose, text.map(str::trim)) {
            (Purpose::Comment, Some(text)) => self.comment = text.to_owned(),
            (Purpose::FailureMode, Some(text)) if !text.is_empty() => self.modes.push(text.to_owned()),
            (Purpose::ReviewerName, Some(text)) if !text.is_empty() => {
                self.reviewer = text.to_owned();
                cx.say(format!("scoring as {text}: press the score again"));
            }
            _ => {}
        }
    }

    fn reply(&mut self, ticket: Ticket, result: &Result<Reply, String>, cx: &mut Cx) -> bool {
        let known = [
            self.runs.settle(ticket),
            self.grid.settle(ticket),
            self.shown.settle(ticket),
            self.ahead.settle(ticket),
            self.saving.settle(ticket),
            self.undoing.settle(ticket),
        ];
        if !known.contains(&true) {
            return false;
        }
        match result {
            Err(why) if known[4] => cx.fail(format!("not saved: {why}")),
            Err(why) if !why.is_empty() => cx.fail(why.clone()),
            Err(_) => {}
            Ok(Reply::Item { item, verdicts, .. }) if known[3] => {
                self.ahead.set(Shown { item: item.clone(), verdicts: verdicts.clone() });
            }
            Ok(Reply::Runs(runs)) => {
                let scored = |r: &&RunInfo| r.verdicts.contains_key(&crate::core::verdict::State::Scored);
                match runs.iter().find(scored) {
                    Some(run) => self.grid.ask(cx, Lane::Other, Query::Grid(run.id.clone())),
                    None => self.nothing = true,
                }
            }
            Ok(Reply::Grid { run, items, reviews, .. }) => {
                self.run = Some(Box::new((**run).clone()));
                self.items = items.clone();
                self.arrange(reviews, cx.env);
                self.show(cx);
            }
            Ok(Reply::Item { item, verdicts, .. }) => {
                self.shown.set(Shown { item: item.clone(), verdicts: verdicts.clone() });
                self.asked_at = cx.env.now;
                self.look_ahead(cx);
            }
            Ok(Reply::Reviewed(_)) if known[5] => self.undone(cx),
            Ok(Reply::Reviewed(id)) => self.saved(*id, cx),
            Ok(_) => {}
        }
        true
    }

    fn draw(&mut self, area: Rect, buf: &mut Buffer, env: &Env) {
        view::draw(self, area, buf, env);
    }

    fn hints(&self) -> Vec<Action> {
        if self.revealed {
            return vec![Action::Go];
        }
        if self.shown.get().is_none() {
            return Vec::new();
        }
        vec![Action::Score1, Action::Comment, Action::Tag, Action::Skip, Action::Undo, Action::Anchors]
    }

    fn status(&self, _env: &Env) -> String {
        match (&self.run, self.revealed) {
            (Some(_), false) => "arm and judge hidden".into(),
            (Some(_), true) => "revealed".into(),
            _ => String::new(),
        }
    }

    fn figures(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("17 of 40", "how many places of the queue you have scored or skipped, and how many there are"),
            ("11 s an item", "your mean time in this sitting"),
            ("random", "the order is drawn by a stored seed: such scores may correct the judge's mean"),
            ("judge 4 4 5", "the judge's passes, shown at the end of a batch beside your score"),
        ]
    }
}
