//! Review: a blind queue in seeded random order. Arm, judge and other reviewers stay hidden until a batch is done.
//!
//! ```text
//! run -> RunQueue (order, pass, reviewer) -> first place without a score -> score (saved, acknowledged) -> next
//!                                              ^                                      | every ten, or at the end
//!                                              +--------------- Enter --------- the judge's scores beside one's own
//! ```

use crate::core::rubric::Scale;
use crate::tui::context::Context;
use crate::tui::keys::{Action, KeyScope};
use crate::tui::model::{Priority, Ticket};
use crate::tui::query;
use crate::tui::route::{Purpose, Route, Tab};
use crate::tui::screen::Screen;
use crate::tui::session::Env;
use answer::ReviewAnswer;
use queue::Queue;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use reveal::RevealPane;

mod answer;
mod queue;
mod reveal;
mod text;
mod view;

/// How much of the anchors is on the screen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum AnchorRoom {
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
    pub(super) queue: Queue,
    pub(super) answer: ReviewAnswer,
    pub(super) reveal: RevealPane,
    pub(super) scroll: usize,
    /// Anchors in full or in one line, as a key said; while it said nothing, in full where there is room.
    pub(super) anchors: Option<bool>,
    /// How the anchors were drawn last.
    pub(super) anchors_drawn: AnchorRoom,
    pub(super) unfolded: bool,
    pub(super) cache: Option<text::Cache>,
}

impl Review {
    /// The scale of the criterion that is asked now.
    pub(super) fn scale(&self) -> Scale {
        self.criterion().map(|c| c.scale).unwrap_or_default()
    }

    fn how_to_answer(&self, cx: &Context) -> String {
        let words = match self.scale() {
            Scale::PassFail => "{Passes} passes, {Fails} fails".to_owned(),
            scale => format!("answer with the digit of {}", scale.words()),
        };
        cx.env.filled(KeyScope::ReviewPassFail, &words)
    }

    /// The queue of one run.
    pub fn new(run: impl Into<String>) -> Self {
        Self { wanted: Some(run.into()), ..Self::default() }
    }
}

impl Screen for Review {
    fn scope(&self) -> KeyScope {
        match self.scale() {
            _ if self.reveal.on => KeyScope::Reveal,
            Scale::PassFail => KeyScope::ReviewPassFail,
            _ => KeyScope::Review,
        }
    }

    fn tab(&self) -> Tab {
        Tab::Review
    }

    fn title(&self) -> String {
        "Review".into()
    }

    fn open(&mut self, cx: &mut Context) {
        if self.queue.run.is_some() {
            self.answer.asked_at = cx.env.now;
            return;
        }
        match self.wanted.clone() {
            Some(run) => self.queue.grid.ask(cx, Priority::Background, query::AskGrid(run)),
            None => self.queue.runs.ask(cx, Priority::Background, query::AskRuns),
        }
    }

    fn act(&mut self, action: Action, cx: &mut Context) -> bool {
        if self.reveal.on {
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
        let scale = self.scale();
        let score = match action {
            Action::Passes | Action::Fails if scale != Scale::PassFail => return false,
            Action::Passes => scale.level("pass"),
            Action::Fails => scale.level("fail"),
            _ if score.is_some() && self.queue.run.is_some() => {
                let Some(level) = score.filter(|level| scale.holds(*level) && scale != Scale::PassFail)
                else {
                    cx.say(self.how_to_answer(cx));
                    return true;
                };
                Some(level)
            }
            _ => None,
        };
        if score.is_some() && self.queue.run.is_some() {
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
                self.anchors = Some(self.anchors_drawn == AnchorRoom::Line);
                self.scroll = 0;
            }
            Action::Sort | Action::OnePass if self.queue.run.is_some() => return self.arrange(action, cx),
            Action::Who if cx.env.pack.is_some() => {
                cx.say(format!(
                    "this pack is for {}: each reviewer has a file of their own",
                    self.who(cx.env)
                ));
            }
            Action::Who => {
                let who = self.who(cx.env);
                cx.input("reviewer", "whose scores these are", &who, Purpose::ReviewerName);
            }
            Action::Comment => {
                cx.input("comment", "saved with the score", &self.answer.comment, Purpose::Comment);
            }
            Action::Tag => {
                cx.input("failure mode", "what went wrong, in a word or two", "", Purpose::FailureMode);
            }
            // The digits score here, so that this is the way out.
            Action::Back if self.wanted.is_none() => cx.tab(Tab::Runs),
            Action::Skip => self.answer(None, cx),
            Action::Undo => self.undo(cx),
            Action::Agreement if self.queue.run.is_some() => {
                let id = self.queue.run.as_ref().map(|r| r.id.clone()).unwrap_or_default();
                cx.go(Route::Agreement(id));
            }
            _ => return false,
        }
        true
    }

    fn answered(&mut self, purpose: &Purpose, text: Option<&str>, cx: &mut Context) {
        match (purpose, text.map(str::trim)) {
            (Purpose::Comment, Some(text)) => self.answer.comment = text.to_owned(),
            (Purpose::FailureMode, Some(text)) if !text.is_empty() => self.tag(text),
            (Purpose::Override, Some(text)) => self.overrule(text, cx),
            (Purpose::WrongReasons, Some(text)) => self.mark_reasons(text, cx),
            (Purpose::ReviewerName, Some(text)) if !text.is_empty() => {
                if text != self.who(cx.env) {
                    self.answer.reviewer = text.to_owned();
                    self.reveal.batch.clear();
                    self.rearrange(cx);
                }
                cx.say(format!("scoring as {text}"));
            }
            (Purpose::ReviewerName, None) => self.answer.held = None,
            _ => {}
        }
    }

    fn reply(&mut self, ticket: Ticket, cx: &mut Context) -> bool {
        if let Some(answer) = self.queue.shown.answer(ticket) {
            match answer {
                Ok(item) => {
                    self.queue.shown.set(item);
                    self.answer.asked_at = cx.env.now;
                    self.look_ahead(cx);
                }
                Err(why) => cx.fail(why),
            }
        } else if let Some(answer) = self.answer.saving.answer(ticket) {
            match answer {
                Ok(id) => self.saved(id, cx),
                Err(why) => cx.fail(format!("not saved: {why}")),
            }
        } else if let Some(answer) = self.answer.undoing.answer(ticket) {
            match answer {
                Ok(_) => self.undone(cx),
                Err(why) => cx.fail(why),
            }
        } else if let Some(answer) = self.reveal.ruling.answer(ticket) {
            match answer {
                Ok(_) => self.ruled(cx),
                Err(why) => cx.fail(format!("not saved: {why}")),
            }
        } else if let Some(answer) = self.queue.grid.answer(ticket) {
            match answer {
                Ok(found) => self.take(found, cx),
                Err(why) => cx.fail(why),
            }
        } else if let Some(answer) = self.queue.runs.answer(ticket) {
            match answer {
                Ok(runs) => self.choose(&runs, cx),
                Err(why) => cx.fail(why),
            }
        } else {
            return self.queue.ahead.keep(ticket, cx);
        }
        true
    }

    fn draw(&mut self, area: Rect, buf: &mut Buffer, env: &Env) {
        view::draw(self, area, buf, env);
    }

    fn has_digits(&self) -> bool {
        !self.reveal.on && self.queue.shown.get().is_some()
    }

    fn hints(&self) -> Vec<Action> {
        if self.reveal.on {
            return vec![Action::Go, Action::Agree, Action::Override, Action::WrongReasons];
        }
        if self.queue.shown.get().is_none() {
            return Vec::new();
        }
        let answers = match self.scale() {
            Scale::PassFail => vec![Action::Passes, Action::Fails],
            _ => vec![Action::Score1],
        };
        let others = [
            Action::Comment,
            Action::Tag,
            Action::Skip,
            Action::Undo,
            Action::Anchors,
            Action::Fold,
            Action::Sort,
        ];
        answers.into_iter().chain(others).collect()
    }

    fn status(&self, _env: &Env) -> String {
        match (&self.queue.run, self.reveal.on) {
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
            (
                "12 more ↓",
                "lines of the item below the screen: {Down} or {Go} goes down, {Fold} unfolds the prompt",
            ),
            ("judge 4 4 5", "the judge's passes, shown at the end of a batch beside your score"),
            (
                "agreed · final",
                "the score that stands after you have seen the judge's; your blind one is kept beside it",
            ),
        ]
    }
}
