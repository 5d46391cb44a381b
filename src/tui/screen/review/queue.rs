//! The queue: which item comes next, and what is shown of it.

use super::{AnchorRoom, Review, view};
use crate::config::Reveal as When;
use crate::core::queue::{Pass, ReviewOrder};
use crate::core::rubric::{Criterion, Scale};
use crate::eval::{QueueSpec, RunQueue};
use crate::questions::grid::Gridded;
use crate::store::RunInfo;
use crate::tui::context::{Context, Pending};
use crate::tui::keys::Action;
use crate::tui::model::Priority;
use crate::tui::query;
use crate::tui::session::Env;

/// Scores between two reveals.
const BATCH: usize = 10;

/// The state of the queue.
#[derive(Default)]
pub(in super::super) struct Queue {
    pub runs: Pending<query::AskRuns, ()>,
    pub grid: Pending<query::AskGrid, ()>,
    pub run: Option<Box<RunInfo>>,
    pub turns: RunQueue,
    pub order: ReviewOrder,
    pub pass: Pass,
    pub at: usize,
    pub shown: Pending<query::AskItem>,
    /// The item after this one, loaded while this one is read: a score never has to wait for a screen.
    pub ahead: Pending<query::AskItem>,
    /// No run has a score.
    pub nothing: bool,
}

impl Review {
    pub(super) fn dealt_with(&self) -> usize {
        self.queue.turns.done.iter().filter(|d| **d).count()
    }

    /// The criterion that is asked now.
    pub(super) fn criterion(&self) -> Option<Criterion> {
        let run = self.queue.run.as_ref()?;
        let (_, column) = *self.queue.turns.places.get(self.queue.at)?;
        if !run.spec.own_criterion {
            return run.spec.criteria.get(column as usize).cloned();
        }
        let subject = self.queue.shown.get()?.item.subject.as_ref()?;
        let question =
            subject.criterion.clone().unwrap_or_else(|| run.criteria.first().cloned().unwrap_or_default());
        let name = run.criteria.get(column as usize).cloned().unwrap_or_default();
        Some(Criterion {
            name,
            question,
            anchors: subject.anchors.clone().unwrap_or_default().to_vec(),
            steps: Vec::new(),
            generic: false,
            scale: Scale::OneToFive,
        })
    }

    /// The newest run with a score is what the tab begins with.
    pub(super) fn choose(&mut self, runs: &[RunInfo], cx: &mut Context) {
        let scored = |r: &&RunInfo| r.verdicts.contains_key(&crate::core::verdict::VerdictState::Scored);
        match runs.iter().find(scored) {
            Some(run) => self.queue.grid.ask(cx, Priority::Background, query::AskGrid(run.id.clone())),
            None => self.queue.nothing = true,
        }
    }

    pub(super) fn take(&mut self, found: Gridded, cx: &mut Context) {
        let spec = self.spec(cx.env);
        self.queue.turns = RunQueue::of(&found.run, &found.items, &found.cells, &found.reviews, &spec);
        self.queue.run = Some(Box::new(found.run));
        self.queue.at = self.queue.turns.next();
        self.show(cx);
        self.release(cx);
    }

    /// Asks for the run anew: its order, or who goes through it, has changed.
    pub(super) fn rearrange(&mut self, cx: &mut Context) {
        if let Some(run) = &self.queue.run {
            self.queue.ahead.clear();
            self.queue.grid.ask(cx, Priority::Background, query::AskGrid(run.id.clone()));
        }
    }

    /// What this reviewer wants of the queue.
    pub(super) fn spec(&self, env: &Env) -> QueueSpec {
        QueueSpec {
            reviewer: self.who(env),
            order: self.queue.order,
            pass: self.queue.pass,
            double: env.config.review.double,
        }
    }

    /// Asks for the item of the present place.
    pub(super) fn show(&mut self, cx: &mut Context) {
        self.scroll = 0;
        self.unfolded = false;
        if self.anchors_drawn == AnchorRoom::Alone {
            // The next item is to be seen before it is scored.
            self.anchors = None;
        }
        self.answer.comment.clear();
        self.answer.modes.clear();
        self.answer.asked_at = cx.env.now;
        let Some((run, (item, _))) = self.queue.run.as_ref().zip(self.queue.turns.places.get(self.queue.at))
        else {
            self.queue.shown.clear();
            return;
        };
        let same = self.queue.shown.get().is_some_and(|s| s.item.item.ord == *item);
        if same {
            return;
        }
        self.queue.shown.clear();
        match self.queue.ahead.take() {
            Some(shown) if shown.item.item.ord == *item => {
                self.queue.shown.set(shown);
                self.look_ahead(cx);
            }
            _ => self.queue.shown.ask(
                cx,
                Priority::Visible,
                query::AskItem { run: run.id.clone(), item: *item },
            ),
        }
    }

    /// Loads the next item that has no score yet.
    pub(super) fn look_ahead(&mut self, cx: &mut Context) {
        let Some(run) = &self.queue.run else { return };
        let here = self.queue.turns.places.get(self.queue.at).map(|place| place.0);
        let (places, done) = (&self.queue.turns.places, &self.queue.turns.done);
        let mut open = places.iter().zip(done).filter(|(_, done)| !**done).map(|(place, _)| place.0);
        if let Some(item) = open.find(|item| Some(*item) != here) {
            self.queue.ahead.ask(cx, Priority::Background, query::AskItem { run: run.id.clone(), item });
        }
    }

    pub(super) fn advance(&mut self, cx: &mut Context) {
        let before = self.queue.turns.places.get(self.queue.at).map(|p| p.0);
        self.queue.at = self.queue.turns.next();
        let finished = self.queue.at >= self.queue.turns.places.len();
        // Never in the middle of an item: its other criteria are still to be scored blind.
        let boundary = finished || before != self.queue.turns.places.get(self.queue.at).map(|p| p.0);
        let scored = self.reveal.batch.iter().filter(|g| g.score.is_some()).count();
        let each = cx.env.config.ui.reveal == When::Item && scored > 0;
        // A pack holds no verdict: there is nothing to reveal, and all of it can be taken back.
        let hidden = cx.env.pack.is_some();
        if !hidden && boundary && (each || scored >= BATCH || finished && scored > 0) {
            let done: Vec<bool> = self.reveal.batch.iter().map(|g| self.item_is_done(g.place.0)).collect();
            for (given, done) in self.reveal.batch.iter_mut().zip(done) {
                given.arm_shown = done;
            }
            self.reveal.batch.retain(|g| g.score.is_some());
            self.reveal.on = true;
            (self.scroll, self.reveal.chosen, self.reveal.follow) = (0, 0, true);
            return;
        }
        self.show(cx);
    }

    /// Whether every criterion of an item is dealt with: before that its arm stays hidden.
    pub(super) fn item_is_done(&self, item: u32) -> bool {
        let mut places = self.queue.turns.places.iter().zip(&self.queue.turns.done);
        places.all(|(place, done)| place.0 != item || *done)
    }

    /// Keys that change how the queue is gone through.
    pub(super) fn arrange(&mut self, action: Action, cx: &mut Context) -> bool {
        match action {
            Action::Sort => {
                let all = ReviewOrder::all(cx.env.config.review.mark);
                let next = all.iter().position(|o| *o == self.queue.order).map_or(0, |i| i + 1);
                self.queue.order = all.get(next).copied().unwrap_or_default();
                let note = if self.queue.order.is_random() {
                    "random: these scores may correct the judge's mean"
                } else {
                    "not random: these scores never correct the judge's mean"
                };
                cx.say(format!("{} · {note}", view::order_words(self.queue.order)));
            }
            Action::OnePass => {
                self.queue.pass =
                    if self.queue.pass == Pass::Together { Pass::OneByOne } else { Pass::Together };
                cx.say(match self.queue.pass {
                    Pass::Together => "all criteria of an item, then the next item",
                    Pass::OneByOne => "all items under one criterion, then the next criterion",
                });
            }
            _ => return false,
        }
        self.rearrange(cx);
        true
    }
}
