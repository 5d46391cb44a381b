//! The end of a batch: the judge's scores and reasons beside one's own, and what one says to them then.
//!
//! Nothing is erased: the verdict, the blind review, and the word after the reveal are three rows.

use super::Review;
use crate::core::rubric::Scale;
use crate::core::text;
use crate::store::{NewReview, Sampling, VerdictInfo};
use crate::tui::context::Context;
use crate::tui::context::Pending;
use crate::tui::draw_text::{Seg, put_cut, seg, select};
use crate::tui::keys::{Action, KeyScope};
use crate::tui::model::Priority;
use crate::tui::query;
use crate::tui::route::Purpose;
use crate::tui::session::Env;
use crate::tui::theme::Meaning;
use crate::tui::widget::face::level_meaning;
use crate::tui::widget::text::more;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// Lines of an explanation of those that are not selected.
const BRIEF: usize = 4;

/// One score of the present batch, with what the judge said of it.
#[derive(Debug, Clone)]
pub struct GivenScore {
    /// The review's row.
    pub id: i64,
    /// (item, criterion)
    pub place: (u32, u32),
    /// The case.
    pub case_id: String,
    /// What produced the response.
    pub arm: String,
    /// Whether that may be shown: not while criteria of the item are to be scored blind.
    pub arm_shown: bool,
    /// The criterion's name.
    pub criterion: String,
    /// On which the criterion is answered.
    pub scale: Scale,
    /// One's own score; absent when skipped.
    pub score: Option<u8>,
    /// The judge's passes.
    pub verdicts: Vec<VerdictInfo>,
    /// What was said after the reveal.
    pub rulings: Vec<NewReview>,
}

/// The state of the reveal.
#[derive(Default)]
pub(in super::super) struct RevealPane {
    pub batch: Vec<GivenScore>,
    /// The judge is in sight.
    pub on: bool,
    /// Which of the batch is selected.
    pub chosen: usize,
    /// Bring it into sight at the next drawing.
    pub follow: bool,
    pub ruling: Pending<query::AddReview, NewReview>,
}

impl GivenScore {
    /// The judge's scores.
    pub fn judged(&self) -> Vec<u8> {
        self.verdicts.iter().filter_map(|v| v.verdict.reading.as_ref().map(|r| r.score)).collect()
    }
}

impl Review {
    fn end_reveal(&mut self, cx: &mut Context) {
        self.reveal.on = false;
        self.reveal.batch.clear();
        self.show(cx);
    }

    /// A key while the judge is in sight.
    pub(super) fn act_revealed(&mut self, action: Action, cx: &mut Context) -> bool {
        let last = self.reveal.batch.len().saturating_sub(1);
        match action {
            Action::Go | Action::Enter => self.end_reveal(cx),
            Action::Down => {
                (self.reveal.chosen, self.reveal.follow) = ((self.reveal.chosen + 1).min(last), true)
            }
            Action::Up => {
                (self.reveal.chosen, self.reveal.follow) = (self.reveal.chosen.saturating_sub(1), true)
            }
            Action::First => (self.reveal.chosen, self.reveal.follow) = (0, true),
            Action::Last => (self.reveal.chosen, self.reveal.follow) = (last, true),
            Action::PageDown => self.scroll = self.scroll.saturating_add(10),
            Action::PageUp => self.scroll = self.scroll.saturating_sub(10),
            Action::Agree => self.agree(cx),
            Action::Override => {
                let hint = "such as: 4 the date is right, the judge overlooked it";
                cx.input("final score and why", hint, "", Purpose::Override);
            }
            Action::WrongReasons => {
                let title = "what is wrong with the judge's reasons";
                cx.input(title, "in a few words", "", Purpose::WrongReasons);
            }
            // A digit typed ahead is no score, and no tab either.
            Action::TabPrompts | Action::TabRuns | Action::TabReview | Action::TabTrends => {
                cx.say(cx.env.filled(KeyScope::Reveal, "the judge is in sight: {Enter} goes on"));
            }
            _ => return false,
        }
        true
    }

    fn agree(&mut self, cx: &mut Context) {
        let judged = self.reveal.batch.get(self.reveal.chosen).and_then(|g| g.judged().first().copied());
        match judged {
            Some(score) => self.keep(Sampling::Agree, Some(score), String::new(), cx),
            None => cx.say("the judge gave no score here to agree with"),
        }
    }

    /// The judge's explanation is wrong, as these words say.
    pub(super) fn mark_reasons(&mut self, text: &str, cx: &mut Context) {
        self.keep(Sampling::WrongReasons, None, text.to_owned(), cx);
    }

    /// A final score and its reason, as typed.
    pub(super) fn overrule(&mut self, text: &str, cx: &mut Context) {
        let (score, why) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let scale = self.reveal.batch.get(self.reveal.chosen).map(|g| g.scale.clone()).unwrap_or_default();
        // A category's name may have blanks in it; its digit has none.
        let digit =
            || score.parse::<u8>().ok().filter(|level| scale.holds(*level) && scale != Scale::PassFail);
        match scale.read(score).or_else(digit) {
            Some(score) if !why.trim().is_empty() => {
                self.keep(Sampling::Override, Some(score), why.trim().to_owned(), cx);
            }
            Some(_) => cx
                .fail("not kept: an override needs its reason after the score, such as: 4 the date is right"),
            None if scale.is_scores() => cx.fail("not kept: begin with the score, 1 to 5, then the reason"),
            None => cx.fail(format!("not kept: begin with {}, then the reason", scale.words())),
        }
    }

    fn keep(&mut self, sampling: Sampling, score: Option<u8>, comment: String, cx: &mut Context) {
        if self.reveal.ruling.is_waiting() {
            return cx.say("the one before is still being saved");
        }
        let (Some(given), Some(run)) = (self.reveal.batch.get(self.reveal.chosen), &self.queue.run) else {
            return;
        };
        let review = NewReview {
            run: run.id.clone(),
            item: given.place.0,
            criterion: given.place.1,
            reviewer: self.who(cx.env),
            score,
            comment,
            modes: Vec::new(),
            saw_judge: true,
            sampling,
            seconds: None,
            undo: None,
        };
        self.reveal.ruling.ask(cx, Priority::Background, query::AddReview(review.clone()));
        self.reveal.ruling.set(review);
    }

    /// A word after the reveal is shown only now that the registry has it.
    pub(super) fn ruled(&mut self, cx: &mut Context) {
        let Some(review) = self.reveal.ruling.take() else { return };
        let place = (review.item, review.criterion);
        if let Some(given) = self.reveal.batch.iter_mut().find(|g| g.place == place) {
            given.rulings.push(review);
        }
        cx.say("kept, beside your blind score and the verdict");
    }
}

/// Draws the batch.
pub(super) fn draw(s: &mut Review, area: Rect, buf: &mut Buffer, env: &Env) {
    let scored = s.reveal.batch.len();
    let agreed =
        s.reveal.batch.iter().filter(|g| g.score.is_some_and(|own| g.judged().contains(&own))).count();
    let title = format!(
        " {} scored; the judge gave the same score in {agreed} of them",
        text::plural(scored, "item", "items")
    );
    put_cut(buf, area.x, area.y, area.width, &[seg(title, env.style(Meaning::Strong))]);
    let width = usize::from(area.width.saturating_sub(5)).max(1);
    let mut lines: Vec<Vec<Seg>> = Vec::new();
    let mut blocks = Vec::new();
    for (i, given) in s.reveal.batch.iter().enumerate() {
        let start = lines.len();
        lines.push(header(given, env));
        lines.extend(reasons(given, i == s.reveal.chosen, width, env));
        lines.extend(given.rulings.iter().map(|r| ruling(r, &given.scale, env)));
        blocks.push(start..lines.len());
        lines.push(Vec::new());
    }
    let height = usize::from(area.height.saturating_sub(2));
    if let Some(block) = blocks.get(s.reveal.chosen).filter(|_| s.reveal.follow) {
        if block.start < s.scroll || block.len() >= height {
            s.scroll = block.start;
        } else if block.end > s.scroll + height {
            s.scroll = block.end - height;
        }
        s.reveal.follow = false;
    }
    s.scroll = s.scroll.min(lines.len().saturating_sub(height));
    for (i, line) in lines.iter().enumerate().skip(s.scroll).take(height) {
        let y = area.y + 2 + (i - s.scroll) as u16;
        if blocks.get(s.reveal.chosen).is_some_and(|b| b.start == i) {
            select(buf, Rect { y, height: 1, ..area }, true, env.theme);
        }
        put_cut(buf, area.x + 2, y, area.width.saturating_sub(3), line);
    }
    more(s.scroll, lines.len().saturating_sub(s.scroll + height), area, buf, env);
}

fn header<'a>(given: &GivenScore, env: &Env) -> Vec<Seg<'a>> {
    let (dim, strong) = (env.style(Meaning::Dim), env.style(Meaning::Strong));
    let score = |level: u8| {
        let style = env.style(level_meaning(&given.scale, level)).patch(strong);
        seg(text::escape_line(&given.scale.shown(level)).into_owned(), style)
    };
    let mut head = vec![seg("you ", dim)];
    head.extend(given.score.map(score));
    head.push(seg("   judge", dim));
    for judged in given.judged() {
        head.extend([seg(" ", dim), score(judged)]);
    }
    if given.judged().is_empty() {
        head.push(seg(" no score", env.style(Meaning::Warning)));
    }
    let apart = if given.scale.is_scores() { 2 } else { 1 };
    let far = given.score.is_some_and(|own| given.judged().iter().any(|j| j.abs_diff(own) >= apart));
    let words = match (far, given.scale.is_scores()) {
        (true, true) => "  ! two or more apart",
        (true, false) => "  ! another label",
        (false, _) => "",
    };
    head.push(seg(words, env.style(Meaning::Warning)));
    let arm = if given.arm_shown { given.arm.as_str() } else { "arm hidden" };
    head.push(seg(format!("   {} · {arm} · {}", given.case_id, given.criterion), dim));
    head
}

fn reasons<'a>(given: &GivenScore, whole: bool, width: usize, env: &Env) -> Vec<Vec<Seg<'a>>> {
    let Some(info) = given.verdicts.first() else {
        return vec![vec![seg("not judged yet", env.style(Meaning::Dim))]];
    };
    let why = info.verdict.reading.as_ref().map_or_else(
        || format!("{}: {}", info.verdict.state.words(), info.verdict.reason),
        |r| r.explanation.clone(),
    );
    let clean = text::escape_line(&why);
    let pieces = text::wrapped(&clean, width);
    let most = if whole { usize::MAX } else { BRIEF };
    let over = pieces.len().saturating_sub(most);
    let mut lines: Vec<Vec<Seg>> = pieces
        .into_iter()
        .take(most)
        .map(|piece| vec![seg(piece.to_owned(), env.style(Meaning::Text))])
        .collect();
    if over > 0 {
        let [down, up] = [Action::Down, Action::Up].map(|a| env.hint(KeyScope::Reveal, a));
        let words = format!("⋯ {} more: {down} {up} select it", text::plural(over, "line", "lines"));
        lines.push(vec![seg(words, env.style(Meaning::Dim))]);
    }
    lines
}

fn ruling<'a>(review: &NewReview, scale: &Scale, env: &Env) -> Vec<Seg<'a>> {
    let shown = |level: u8| text::escape_line(&scale.shown(level)).into_owned();
    let words = match (review.sampling, review.score) {
        (Sampling::Agree, Some(score)) => format!("✓ agreed · final {}", shown(score)),
        (_, Some(score)) => format!("→ overridden · final {}: {}", shown(score), review.comment),
        _ => format!("✗ reasons marked wrong: {}", review.comment),
    };
    vec![seg(words, env.style(Meaning::Label))]
}
