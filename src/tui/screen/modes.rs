//! Failure modes of a run: a Pareto chart by arm, and the ways on: the items, a criterion of the rubric.
//!
//! ```text
//! query::Modes -> chart -> Enter: the tagged items, one after the other
//!                       -> c: $EDITOR on the rubric with a criterion for the mode -> query::SaveRubric -> a new version
//! ```

use crate::core::text;
use crate::eval::modes::FailureMode;
use crate::tui::context::{Context, Pending};
use crate::tui::draw_text::{gauge, put_cut, row, seg, select};
use crate::tui::keys::{Action, KeyScope};
use crate::tui::model::{Priority, Ticket};
use crate::tui::msg::Effect;
use crate::tui::query;
use crate::tui::route::{ItemContext, Route, Tab};
use crate::tui::screen::Screen;
use crate::tui::session::Env;
use crate::tui::theme::Meaning;
use crate::tui::widget::bars::{foot_rule, head_rule};
use crate::tui::widget::cursor::Cursor;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use std::sync::Arc;

/// The state of the screen.
pub struct ModesScreen {
    run: String,
    data: Pending<query::AskModes>,
    /// One arm, or all.
    arm: Option<usize>,
    cursor: Cursor,
    drafted: Pending<query::DraftRubric, ()>,
    saved: Pending<query::SaveRubric, ()>,
    editor: Option<Ticket>,
    /// What the editor left and the reader refused: offered again, never lost.
    refused: Option<String>,
}

impl ModesScreen {
    /// Of a run.
    pub fn new(run: impl Into<String>) -> Self {
        Self {
            run: run.into(),
            data: Pending::default(),
            arm: None,
            cursor: Cursor::default(),
            drafted: Pending::default(),
            saved: Pending::default(),
            editor: None,
            refused: None,
        }
    }

    /// Modes with their count in the chosen arm, the commonest first; without those it lacks.
    fn rows(&self) -> Vec<(&FailureMode, usize)> {
        let Some(data) = self.data.get() else { return Vec::new() };
        let name = self.arm.and_then(|at| data.run.arms.get(at));
        let count = |m: &FailureMode| name.map_or(m.count, |arm| m.arms.get(arm).copied().unwrap_or(0));
        let mut rows: Vec<(&FailureMode, usize)> =
            data.modes.iter().map(|m| (m, count(m))).filter(|r| r.1 > 0).collect();
        rows.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.name.cmp(&b.0.name)));
        rows
    }

    fn edit(&mut self, text: String, cx: &mut Context) {
        let ticket = cx.ticket();
        self.editor = Some(ticket);
        cx.effects.push(Effect::Edit { ticket, text, extension: "toml" });
    }

    fn draft(&mut self, with_mode: bool, cx: &mut Context) {
        if let Some(why) = &cx.env.read_only {
            return cx
                .fail(format!("a rubric cannot be saved: the registry is open for reading only ({why})"));
        }
        if let Some(text) = self.refused.take() {
            return self.edit(text, cx);
        }
        let mode = self.rows().get(self.cursor.at).map(|(m, _)| (*m).clone());
        match (with_mode, mode) {
            (true, None) => cx.say(
                cx.env
                    .filled(KeyScope::Review, "no failure mode is selected: {Tag} tags one while reviewing"),
            ),
            (with, mode) => {
                let question = query::DraftRubric { run: self.run.clone(), mode: mode.filter(|_| with) };
                self.drafted.ask(cx, Priority::Background, question);
            }
        }
    }

    fn enter(&self, cx: &mut Context) {
        let Some(data) = self.data.get() else { return };
        let Some((mode, _)) = self.rows().get(self.cursor.at).copied() else { return };
        let order: Vec<u32> = mode.items.iter().map(|(_, item)| *item).collect();
        let Some(first) = order.first().copied() else { return };
        let context =
            ItemContext { run: Arc::new(data.run.clone()), items: Arc::new(data.items.clone()), order };
        cx.go(Route::Item { run: data.run.id.clone(), item: first, within: Some((context, 0)) });
    }
}

impl Screen for ModesScreen {
    fn scope(&self) -> KeyScope {
        KeyScope::Modes
    }

    fn tab(&self) -> Tab {
        Tab::Runs
    }

    fn title(&self) -> String {
        "Failure modes".into()
    }

    fn has_tabs(&self) -> bool {
        false
    }

    fn open(&mut self, cx: &mut Context) {
        self.data.ask(cx, Priority::Background, query::AskModes(self.run.clone()));
    }

    fn changed(&mut self, cx: &mut Context) {
        if !self.data.is_waiting() {
            self.open(cx);
        }
    }

    fn act(&mut self, action: Action, cx: &mut Context) -> bool {
        let len = self.rows().len();
        if self.cursor.act(action, len) {
            return true;
        }
        match action {
            Action::NextPane => {
                let n = self.data.get().map_or(0, |d| d.run.arms.len());
                self.arm = self.arm.map_or(Some(0), |at| Some(at + 1)).filter(|at| *at < n);
                self.cursor = Cursor { height: self.cursor.height, ..Cursor::default() };
            }
            Action::ToCriterion => self.draft(true, cx),
            Action::Edit => self.draft(false, cx),
            Action::Enter => self.enter(cx),
            Action::Back | Action::Quit => cx.leave(),
            _ => return false,
        }
        true
    }

    fn reply(&mut self, ticket: Ticket, cx: &mut Context) -> bool {
        if let Some(answer) = self.saved.answer(ticket) {
            match answer {
                Ok(words) => {
                    self.refused = None;
                    cx.say(words);
                    self.open(cx);
                }
                Err(why) => cx.fail(format!(
                    "not saved: {why}; {} opens your text again",
                    cx.env.filled(KeyScope::Modes, "{ToCriterion} or {Edit}")
                )),
            }
            return true;
        }
        match self.drafted.answer(ticket) {
            Some(Ok(text)) => self.edit(text, cx),
            Some(Err(why)) => cx.fail(why),
            None => return self.data.keep(ticket, cx),
        }
        true
    }

    fn edited(&mut self, ticket: Ticket, result: &Result<String, String>, cx: &mut Context) -> bool {
        if self.editor != Some(ticket) {
            return false;
        }
        self.editor = None;
        match result {
            Ok(text) => {
                // Kept until it is stored: a fault in it must not cost the work.
                self.refused = Some(text.clone());
                self.saved.ask(cx, Priority::Background, query::SaveRubric(text.clone()));
            }
            Err(why) => cx.fail(why.clone()),
        }
        true
    }

    fn list_at(&mut self, at: Position) -> Option<&mut Cursor> {
        self.cursor.under(at)
    }

    fn draw(&mut self, area: Rect, buf: &mut Buffer, env: &Env) {
        if area.height < 5 || area.width < 30 {
            return;
        }
        let (dim, strong) = (env.style(Meaning::Dim), env.style(Meaning::Strong));
        let Some(data) = self.data.get() else { return };
        let arm = self.arm.and_then(|at| data.run.arms.get(at)).map_or("all arms", String::as_str);
        let total: usize = self.rows().iter().map(|r| r.1).sum();
        let head = [
            seg(" failure modes", strong),
            seg(format!("   {arm} · {}", text::plural(total, "tag", "tags")), dim),
        ];
        put_cut(buf, area.x, area.y, area.width, &head);
        head_rule(buf, area, area.y + 1, &[], env);
        foot_rule(buf, area, area.bottom() - 1, &[], env);
        let mut body = Rect { y: area.y + 2, height: area.height - 3, ..area };
        for note in &data.notes {
            put_cut(
                buf,
                body.x + 1,
                body.y,
                body.width.saturating_sub(2),
                &[seg(note.clone(), env.style(Meaning::Warning))],
            );
            body = Rect { y: body.y + 1, height: body.height.saturating_sub(1), ..body };
        }
        if total == 0 {
            let words = env.filled(
                KeyScope::Review,
                "No failure mode was tagged here yet: {Tag} tags one while reviewing.",
            );
            put_cut(buf, body.x + 2, body.y + 1, body.width.saturating_sub(3), &[seg(words, dim)]);
            return;
        }
        let bar = usize::from(body.width).saturating_sub(48).clamp(8, 60);
        let title = format!(
            "  {} {:>5} {:>6} {:>8}",
            text::pad("mode", 24, text::Align::Left),
            "count",
            "share",
            "together"
        );
        put_cut(buf, body.x, body.y, body.width, &[seg(title, dim)]);
        let place = Rect { y: body.y + 1, height: body.height.saturating_sub(1), ..body };
        let counts: Vec<(String, usize)> = self.rows().iter().map(|(m, n)| (m.name.clone(), *n)).collect();
        let most = counts.first().map_or(1, |r| r.1).max(1);
        let mut running: Vec<usize> = Vec::with_capacity(counts.len());
        for (_, n) in &counts {
            running.push(running.last().copied().unwrap_or(0) + n);
        }
        for (i, at) in self.cursor.rows(counts.len(), place).enumerate() {
            let here = row(place, place.y + i as u16);
            let Some(((name, n), sum)) = counts.get(at).zip(running.get(at)) else { continue };
            if at == self.cursor.at {
                select(buf, here, true, env.theme);
            }
            let percent = |n: usize| format!("{:.0} %", 100.0 * n as f64 / total as f64);
            let parts = [
                seg(text::fit(&text::escape_line(name), 24, text::Align::Left), env.style(Meaning::Text)),
                seg(format!(" {n:>5} {:>6} {:>8}  ", percent(*n), percent(*sum)), dim),
                seg(gauge(*n as f64 / most as f64, bar), env.style(Meaning::Warning)),
            ];
            put_cut(buf, here.x + 2, here.y, here.width.saturating_sub(3), &parts);
        }
    }

    fn hints(&self) -> Vec<Action> {
        vec![Action::ToCriterion, Action::Edit]
    }

    fn status(&self, env: &Env) -> String {
        match self.data.get().map_or(0, |d| d.run.arms.len()) {
            0 | 1 => String::new(),
            n => format!("{n} arms · {} next", env.hint(KeyScope::Modes, Action::NextPane)),
        }
    }

    fn figures(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("count", "reviews that carry this failure mode, in the arm shown"),
            ("share", "of all tags in the arm shown"),
            ("together", "this mode and all above it: few modes often make up most of the failures"),
            ("bars", "the commonest mode fills the bar"),
            ("stale", "the rubric was edited after this run: its verdicts answer the older question"),
        ]
    }
}
