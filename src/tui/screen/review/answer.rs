//! An answer: a score or none, with its comment and failure modes; saved, and taken back.

use super::Review;
use super::reveal::GivenScore;
use crate::config::Reveal as When;
use crate::store::{NewReview, Sampling};
use crate::tui::context::{Context, Pending};
use crate::tui::model::Priority;
use crate::tui::query;
use crate::tui::route::Purpose;
use crate::tui::session::Env;

/// An answer that waits for its reviewer's name.
pub(in super::super) struct HeldAnswer {
    place: (u32, u32),
    score: Option<u8>,
    comment: String,
    modes: Vec<String>,
}

/// What is being answered.
#[derive(Default)]
pub(in super::super) struct ReviewAnswer {
    pub comment: String,
    pub modes: Vec<String>,
    /// An answer given before the reviewer had a name.
    pub held: Option<HeldAnswer>,
    pub saving: Pending<query::AddReview, NewReview>,
    pub undoing: Pending<query::AddReview, ()>,
    pub reviewer: String,
    pub asked_at: i64,
    /// (item, seconds) of each score of this sitting.
    pub spent: Vec<(u32, i64)>,
}

impl Review {
    pub(super) fn who(&self, env: &Env) -> String {
        if self.answer.reviewer.is_empty() { env.reviewer.clone() } else { self.answer.reviewer.clone() }
    }

    /// Mean seconds of an item so far, in this sitting.
    pub(super) fn pace(&self) -> Option<i64> {
        let items: std::collections::BTreeSet<u32> =
            self.answer.spent.iter().map(|(item, _)| *item).collect();
        let n = i64::try_from(items.len()).ok().filter(|n| *n > 0)?;
        Some(self.answer.spent.iter().map(|(_, s)| s).sum::<i64>() / n)
    }

    pub(super) fn answer(&mut self, score: Option<u8>, cx: &mut Context) {
        if let Some(why) = &cx.env.read_only {
            return cx.fail(format!("cannot score: the registry is open for reading only ({why})"));
        }
        if self.who(cx.env).is_empty() {
            self.answer.held = self.queue.turns.places.get(self.queue.at).map(|place| HeldAnswer {
                place: *place,
                score,
                comment: self.answer.comment.clone(),
                modes: self.answer.modes.clone(),
            });
            return cx.input("your name", "kept with each of your scores", "", Purpose::ReviewerName);
        }
        if self.answer.saving.is_waiting() {
            return cx.say("the score before is still being saved");
        }
        let (Some(run), Some((item, criterion))) =
            (&self.queue.run, self.queue.turns.places.get(self.queue.at).copied())
        else {
            return cx.say("nothing is left to score here");
        };
        // Nobody scores what is not on the screen yet.
        if self.queue.shown.get().is_none() {
            return cx.say("the item is still being loaded: score it when it shows");
        }
        let review = NewReview {
            run: run.id.clone(),
            item,
            criterion,
            reviewer: self.who(cx.env),
            score,
            comment: self.answer.comment.clone(),
            modes: self.answer.modes.clone(),
            saw_judge: cx.env.config.ui.reveal == When::Item,
            sampling: if self.queue.order.is_random() { Sampling::Random } else { Sampling::Picked },
            seconds: Some((cx.env.now - self.answer.asked_at).max(0) as f64),
            undo: None,
        };
        self.answer.saving.ask(cx, Priority::Background, query::AddReview(review.clone()));
        self.answer.saving.set(review);
    }

    /// The answer that waited for a name, if its item is still the one in hand: this reviewer may have scored it before.
    pub(super) fn release(&mut self, cx: &mut Context) {
        let Some(held) = self.answer.held.take() else { return };
        if self.queue.turns.places.get(self.queue.at) == Some(&held.place) {
            (self.answer.comment, self.answer.modes) = (held.comment, held.modes);
            self.answer(held.score, cx);
        }
    }

    /// A score is counted only now that the registry has it.
    pub(super) fn saved(&mut self, id: i64, cx: &mut Context) {
        let Some(review) = self.answer.saving.get().cloned() else { return };
        self.answer.spent.push((review.item, review.seconds.unwrap_or(0.0) as i64));
        if let Some(done) = self.queue.turns.done.get_mut(self.queue.at) {
            *done = true;
        }
        let criterion = self.criterion().map(|c| c.name).unwrap_or_default();
        let run_scale = self.scale();
        if let Some(shown) = self.queue.shown.get() {
            let mine = shown.verdicts.iter().filter(|v| v.verdict.criterion == review.criterion);
            self.reveal.batch.push(GivenScore {
                id,
                place: (review.item, review.criterion),
                case_id: shown.item.item.case_id.clone(),
                arm: shown.item.item.arm.clone(),
                arm_shown: false,
                criterion,
                scale: run_scale,
                score: review.score,
                verdicts: mine.cloned().collect(),
                rulings: Vec::new(),
            });
        }
        self.advance(cx);
    }

    pub(super) fn undo(&mut self, cx: &mut Context) {
        let (Some(last), Some(run)) = (self.reveal.batch.last().cloned(), &self.queue.run) else {
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
        self.answer.undoing.ask(cx, Priority::Background, query::AddReview(review));
    }

    pub(super) fn undone(&mut self, cx: &mut Context) {
        let Some(last) = self.reveal.batch.pop() else { return };
        let Some(at) = self.queue.turns.places.iter().position(|p| *p == last.place) else { return };
        if let Some(done) = self.queue.turns.done.get_mut(at) {
            *done = false;
        }
        self.queue.at = at;
        self.show(cx);
        match last.score {
            Some(score) => cx.say(format!("your {} was taken back", last.scale.shown(score))),
            None => cx.say("no longer skipped"),
        }
    }

    /// Adds a failure mode to the answer in hand, once.
    pub(super) fn tag(&mut self, mode: &str) {
        if !self.answer.modes.iter().any(|m| m == mode) {
            self.answer.modes.push(mode.to_owned());
        }
    }
}
