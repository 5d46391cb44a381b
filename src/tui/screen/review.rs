//! Review: a blind queue in seeded random order. Arm, judge and other reviewers stay hidden until a batch is done.
//!
//! ```text
//! run -> RunQueue (order, pass, reviewer) -> first place without a score -> score (saved, acknowledged) -> next
//!                                              ^                                      | every ten, or at the end
//!                                              +--------------- Enter --------- the judge's scores beside one's own
//! ```

use super::super::env::Env;
use super::super::keys::{Action, Scope};
use super::super::layer::Layer;
use super::super::msg::{Ticket, Use};
use super::super::query::{Query, Reply};
use super::{Cx, Nav, Purpose, Screen, Slot, Tab};
use crate::config::Reveal;
use crate::core::queue::{Order, Pass};
use crate::core::rubric::Criterion;
use crate::eval::{QueueSpec, RunQueue};
use crate::store::{FullItem, NewReview, RunInfo, Sampling, VerdictInfo};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

mod reveal;
mod text;
mod view;

use reveal::Given;

/// Scores between two reveals.
const BATCH: usize = 10;

/// An item as loaded.
pub(super) struct Shown {
    pub item: Box<FullItem>,
    pub verdicts: Vec<VerdictInfo>,
}

/// An answer that waits for its reviewer's name.
struct Held {
    place: (u32, u32),
    score: Option<u8>,
    comment: String,
    modes: Vec<String>,
}

/// How much of the anchors is on the screen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Anchors {
    /// One line, each cut short.
    #[default]
    Line,
    /// In full, below the item.
    Below,
    /// In full, in place of the item: there is no room for both.
    Alone,
}

/// The state of the screen.
#[derive(Default)]
pub struct Review {
    wanted: Option<String>,
    runs: Slot<()>,
    grid: Slot<()>,
    pub(super) run: Option<Box<RunInfo>>,
    pub(super) queue: RunQueue,
    pub(super) order: Order,
    pub(super) pass: Pass,
    pub(super) at: usize,
    pub(super) shown: Slot<Shown>,
    /// The item after this one, loaded while this one is read: a score never has to wait for a screen.
    ahead: Slot<Shown>,
    saving: Slot<NewReview>,
    undoing: Slot<()>,
    ruling: Slot<NewReview>,
    pub(super) batch: Vec<Given>,
    pub(super) revealed: bool,
    /// Which of the batch is selected in the reveal.
    pub(super) chosen: usize,
    pub(super) scroll: usize,
    /// In the reveal: bring the chosen one into sight at the next drawing.
    pub(super) follow: bool,
    /// Anchors in full or in one line, as `a` said; while it said nothing, in full where there is room.
    pub(super) anchors: Option<bool>,
    /// How the anchors were drawn last.
    pub(super) anchors_drawn: Anchors,
    pub(super) unfolded: bool,
    pub(super) comment: String,
    pub(super) modes: Vec<String>,
    pub(super) cache: Option<text::Cache>,
    reviewer: String,
    /// An answer given before the reviewer had a name.
    held: Option<Held>,
    asked_at: i64,
    /// (item, seconds) of each score of this sitting.
    spent: Vec<(u32, i64)>,
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
        self.queue.done.iter().filter(|d| **d).count()
    }

    /// Mean seconds of an item so far, in this sitting.
    pub(super) fn pace(&self) -> Option<i64> {
        let items: std::collections::BTreeSet<u32> = self.spent.iter().map(|(item, _)| *item).collect();
        let n = i64::try_from(items.len()).ok().filter(|n| *n > 0)?;
        Some(self.spent.iter().map(|(_, s)| s).sum::<i64>() / n)
    }

    /// The criterion that is asked now.
    pub(super) fn criterion(&self) -> Option<Criterion> {
        let run = self.run.as_ref()?;
        let (_, column) = *self.queue.places.get(self.at)?;
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

    /// Asks for the run anew: its order, or who goes through it, has changed.
    fn rearrange(&mut self, cx: &mut Cx) {
        if let Some(run) = &self.run {
            self.ahead.clear();
            self.grid.ask(cx, Use::Rest, Query::Grid(run.id.clone()));
        }
    }

    /// What this reviewer wants of the queue.
    fn spec(&self, env: &Env) -> QueueSpec {
        QueueSpec {
            reviewer: self.who(env),
            order: self.order,
            pass: self.pass,
            double: env.config.review.double,
        }
    }

    /// Asks for the item of the present place.
    fn show(&mut self, cx: &mut Cx) {
        self.scroll = 0;
        self.unfolded = false;
        if self.anchors_drawn == Anchors::Alone {
            // The next item is to be seen before it is scored.
            self.anchors = None;
        }
        self.comment.clear();
        self.modes.clear();
        self.asked_at = cx.env.now;
        let Some((run, (item, _))) = self.run.as_ref().zip(self.queue.places.get(self.at)) else {
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
            _ => self.shown.ask(cx, Use::Picture, Query::Item { run: run.id.clone(), item: *item }),
        }
    }

    /// Loads the next item that has no score yet.
    fn look_ahead(&mut self, cx: &mut Cx) {
        let Some(run) = &self.run else { return };
        let here = self.queue.places.get(self.at).map(|place| place.0);
        let (places, done) = (&self.queue.places, &self.queue.done);
        let mut open = places.iter().zip(done).filter(|(_, done)| !**done).map(|(place, _)| place.0);
        if let Some(item) = open.find(|item| Some(*item) != here) {
            self.ahead.ask(cx, Use::Rest, Query::Item { run: run.id.clone(), item });
        }
    }

    fn advance(&mut self, cx: &mut Cx) {
        let before = self.queue.places.get(self.at).map(|p| p.0);
        self.at = self.queue.next();
        let finished = self.at >= self.queue.places.len();
        // Never in the middle of an item: its other criteria are still to be scored blind.
        let boundary = finished || before != self.queue.places.get(self.at).map(|p| p.0);
        let scored = self.batch.iter().filter(|g| g.score.is_some()).count();
        let each = cx.env.config.ui.reveal == Reveal::Item && scored > 0;
        if boundary && (each || scored >= BATCH || finished && scored > 0) {
            let done: Vec<bool> = self.batch.iter().map(|g| self.item_is_done(g.place.0)).collect();
            for (given, done) in self.batch.iter_mut().zip(done) {
                given.arm_shown = done;
            }
            self.batch.retain(|g| g.score.is_some());
            self.revealed = true;
            (self.scroll, self.chosen, self.follow) = (0, 0, true);
            return;
        }
        self.show(cx);
    }

    /// Whether every criterion of an item is dealt with: before that its arm stays hidden.
    fn item_is_done(&self, item: u32) -> bool {
        let mut places = self.queue.places.iter().zip(&self.queue.done);
        places.all(|(place, done)| place.0 != item || *done)
    }

    fn answer(&mut self, score: Option<u8>, cx: &mut Cx) {
        if let Some(why) = &cx.env.read_only {
            return cx.fail(format!("cannot score: the registry is open for reading only ({why})"));
        }
        if self.who(cx.env).is_empty() {
            self.held = self.queue.places.get(self.at).map(|place| Held {
                place: *place,
                score,
                comment: self.comment.clone(),
                modes: self.modes.clone(),
            });
            cx.layer =
                Some(Layer::input("your name", "kept with each of your scores", "", Purpose::ReviewerName));
            return;
        }
        if self.saving.is_waiting() {
            return cx.say("the score before is still being saved");
        }
        let (Some(run), Some((item, criterion))) = (&self.run, self.queue.places.get(self.at).copied())
        else {
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
            saw_judge: cx.env.config.ui.reveal == Reveal::Item,
            sampling: if self.order.is_random() { Sampling::Random } else { Sampling::Picked },
            seconds: Some((cx.env.now - self.asked_at).max(0) as f64),
            undo: None,
        };
        self.saving.ask(cx, Use::Rest, Query::AddReview(review.clone()));
        self.saving.set(review);
    }

    /// The answer that waited for a name, if its item is still the one in hand: this reviewer may have scored it before.
    fn release(&mut self, cx: &mut Cx) {
        let Some(held) = self.held.take() else { return };
        if self.queue.places.get(self.at) == Some(&held.place) {
            (self.comment, self.modes) = (held.comment, held.modes);
            self.answer(held.score, cx);
        }
    }

    /// A score is counted only now that the registry has it.
    fn saved(&mut self, id: i64, cx: &mut Cx) {
        let Some(review) = self.saving.get().cloned() else { return };
        self.spent.push((review.item, review.seconds.unwrap_or(0.0) as i64));
        if let Some(done) = self.queue.done.get_mut(self.at) {
            *done = true;
        }
        let criterion = self.criterion().map(|c| c.name).unwrap_or_default();
        if let Some(shown) = self.shown.get() {
            let mine = shown.verdicts.iter().filter(|v| v.verdict.criterion == review.criterion);
            self.batch.push(Given {
                id,
                place: (review.item, review.criterion),
                case_id: shown.item.item.case_id.clone(),
                arm: shown.item.item.arm.clone(),
                arm_shown: false,
                criterion,
                score: review.score,
                verdicts: mine.cloned().collect(),
                rulings: Vec::new(),
            });
        }
        self.advance(cx);
    }

    fn undo(&mut self, cx: &mut Cx) {
        let (Some(last), Some(run)) = (self.batch.last().cloned(), &self.run) else {
            return cx.say("nothing of this batch to take back");
        };
        let (item, criterion) = last.place;
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
        self.undoing.ask(cx, Use::Rest, Query::AddReview(review));
    }

    fn undone(&mut self, cx: &mut Cx) {
        let Some(last) = self.batch.pop() else { return };
        let Some(at) = self.queue.places.iter().position(|p| *p == last.place) else { return };
        if let Some(done) = self.queue.done.get_mut(at) {
            *done = false;
        }
        self.at = at;
        self.show(cx);
        match last.score {
            Some(score) => cx.say(format!("your {score} was taken back")),
            None => cx.say("no longer skipped"),
        }
    }

    /// Keys that change how the queue is gone through.
    fn arrange(&mut self, action: Action, cx: &mut Cx) -> bool {
        match action {
            Action::Sort => {
                let all = Order::all(cx.env.config.review.mark);
                let next = all.iter().position(|o| *o == self.order).map_or(0, |i| i + 1);
                self.order = all.get(next).copied().unwrap_or_default();
                let note = if self.order.is_random() {
                    "random: these scores may correct the judge's mean"
                } else {
                    "not random: these scores never correct the judge's mean"
                };
                cx.say(format!("{} · {note}", view::order_words(self.order)));
            }
            Action::OnePass => {
                self.pass = if self.pass == Pass::Together { Pass::OneByOne } else { Pass::Together };
                cx.say(match self.pass {
                    Pass::Together => "all criteria of an item, then the next item",
                    Pass::OneByOne => "all items under one criterion, then the next criterion",
                });
            }
            _ => return false,
        }
        self.rearrange(cx);
        true
    }

    /// Adds a failure mode to the answer in hand, once.
    fn tag(&mut self, mode: &str) {
        if !self.modes.iter().any(|m| m == mode) {
            self.modes.push(mode.to_owned());
        }
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
            Some(run) => self.grid.ask(cx, Use::Rest, Query::Grid(run)),
            None => self.runs.ask(cx, Use::Rest, Query::Runs),
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
            Action::Down => self.scroll = self.scroll.saturating_add(1),
            Action::Up => self.scroll = self.scroll.saturating_sub(1),
            Action::PageDown | Action::Go => self.scroll = self.scroll.saturating_add(10),
            Action::PageUp => self.scroll = self.scroll.saturating_sub(10),
            Action::First => self.scroll = 0,
            Action::Last => self.scroll = usize::MAX,
            Action::Fold => {
                self.unfolded = !self.unfolded;
                self.scroll = 0;
            }
            Action::Anchors => {
                self.anchors = Some(self.anchors_drawn == Anchors::Line);
                self.scroll = 0;
            }
            Action::Sort | Action::OnePass if self.run.is_some() => return self.arrange(action, cx),
            Action::Who => {
                cx.layer = Some(Layer::input(
                    "reviewer",
                    "whose scores these are",
                    &self.who(cx.env),
                    Purpose::ReviewerName,
                ));
            }
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
            // The digits score here, so that this is the way out.
            Action::Back if self.wanted.is_none() => cx.nav = Some(Nav::Tab(Tab::Runs, None)),
            Action::Skip => self.answer(None, cx),
            Action::Undo => self.undo(cx),
            Action::Agreement if self.run.is_some() => {
                let id = self.run.as_ref().map(|r| r.id.clone()).unwrap_or_default();
                cx.nav = Some(Nav::Push(Box::new(super::agreement::Agreement::new(id))));
            }
            _ => return false,
        }
        true
    }

    fn answered(&mut self, purpose: &Purpose, text: Option<&str>, cx: &mut Cx) {
        match (purpose, text.map(str::trim)) {
            (Purpose::Comment, Some(text)) => self.comment = text.to_owned(),
            (Purpose::FailureMode, Some(text)) if !text.is_empty() => self.tag(text),
            (Purpose::Other(what), Some(text)) => self.rule(what, text, cx),
            (Purpose::ReviewerName, Some(text)) if !text.is_empty() => {
                if text != self.who(cx.env) {
                    self.reviewer = text.to_owned();
                    self.batch.clear();
                    self.rearrange(cx);
                }
                cx.say(format!("scoring as {text}"));
            }
            (Purpose::ReviewerName, None) => self.held = None,
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
            self.ruling.settle(ticket),
        ];
        if !known.contains(&true) {
            return false;
        }
        match result {
            Err(why) if known[4] || known[6] => cx.fail(format!("not saved: {why}")),
            Err(why) if !why.is_empty() => cx.fail(why.clone()),
            Err(_) => {}
            Ok(Reply::Item { item, verdicts, .. }) if known[3] => {
                self.ahead.set(Shown { item: item.clone(), verdicts: verdicts.clone() });
            }
            Ok(Reply::Runs(runs)) => {
                let scored = |r: &&RunInfo| r.verdicts.contains_key(&crate::core::verdict::State::Scored);
                match runs.iter().find(scored) {
                    Some(run) => self.grid.ask(cx, Use::Rest, Query::Grid(run.id.clone())),
                    None => self.nothing = true,
                }
            }
            Ok(Reply::Grid { run, items, cells, reviews, .. }) => {
                self.run = Some(Box::new((**run).clone()));
                self.queue = RunQueue::of(run, items, cells, reviews, &self.spec(cx.env));
                self.at = self.queue.next();
                self.show(cx);
                self.release(cx);
            }
            Ok(Reply::Item { item, verdicts, .. }) => {
                self.shown.set(Shown { item: item.clone(), verdicts: verdicts.clone() });
                self.asked_at = cx.env.now;
                self.look_ahead(cx);
            }
            Ok(Reply::Reviewed(_)) if known[5] => self.undone(cx),
            Ok(Reply::Reviewed(_)) if known[6] => self.ruled(cx),
            Ok(Reply::Reviewed(id)) => self.saved(*id, cx),
            Ok(_) => {}
        }
        true
    }

    fn draw(&mut self, area: Rect, buf: &mut Buffer, env: &Env) {
        view::draw(self, area, buf, env);
    }

    fn has_digits(&self) -> bool {
        !self.revealed && self.shown.get().is_some()
    }

    fn hints(&self) -> Vec<Action> {
        if self.revealed {
            return vec![Action::Go, Action::Agree, Action::Override, Action::WrongReasons];
        }
        if self.shown.get().is_none() {
            return Vec::new();
        }
        vec![
            Action::Score1,
            Action::Comment,
            Action::Tag,
            Action::Skip,
            Action::Undo,
            Action::Anchors,
            Action::Fold,
            Action::Sort,
        ]
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
            ("11 s an item", "your mean time for an item in this sitting"),
            (
                "random",
                "drawn by the run's seed, the same for all reviewers: such scores may correct the judge's mean",
            ),
            ("not random", "the order was chosen for a reason: such scores never correct the judge's mean"),
            ("12 more ↓", "lines of the item below the screen: j or Space goes down, f unfolds the prompt"),
            ("judge 4 4 5", "the judge's passes, shown at the end of a batch beside your score"),
            (
                "agreed · final",
                "the score that stands after you have seen the judge's; your blind one is kept beside it",
            ),
        ]
    }
}
