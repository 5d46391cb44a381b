//! Runs: the list, newest first, and the figures of the selected one.
//!
//! ```text
//! query::Runs -> rows; for the rows in sight, one at a time: query::Means -> means with coverage, kept by run and count
//! ```

use crate::core::text;
use crate::eval::Progress;
use crate::questions::coverage::Coverage;
use crate::store::{RunInfo, RunState};
use crate::tui::context::{Context, Pending};
use crate::tui::keys::{Action, KeyScope};
use crate::tui::model::{Priority, Ticket};
use crate::tui::query;
use crate::tui::route::{Begin, Route, Tab};
use crate::tui::screen::Screen;
use crate::tui::session::Env;
use crate::tui::widget::cursor::Cursor;
use crate::tui::widget::run::done;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use std::collections::HashMap;

mod view;

/// The state of the screen.
#[derive(Default)]
pub struct RunsScreen {
    pub(super) rows: Pending<query::AskRuns>,
    pub(super) cursor: Cursor,
    pub(super) figures: HashMap<String, KnownMeans>,
    /// How often the screen was opened: figures of an earlier time may lack what people have scored since.
    opened: u32,
    /// The run whose figures are being read.
    reading: Pending<query::Means, String>,
}

/// A run's means, and when they were taken.
pub(super) struct KnownMeans {
    /// How many verdicts there were.
    done: u32,
    opened: u32,
    /// Absent where they could not be read.
    pub found: Option<Coverage>,
}

impl RunsScreen {
    pub(super) fn selected(&self) -> Option<&RunInfo> {
        self.rows.get()?.get(self.cursor.at)
    }

    fn load(&mut self, cx: &mut Context) {
        self.rows.ask(cx, Priority::Background, query::AskRuns);
    }

    /// Asks for the figures of one more row in sight, the selected one first.
    fn follow(&mut self, cx: &mut Context) {
        if self.reading.is_waiting() {
            return;
        }
        let Some(rows) = self.rows.get() else { return };
        let height = self.cursor.height.max(1);
        let lacks = |run: &&RunInfo| {
            self.figures.get(&run.id).is_none_or(|f| f.done != done(run) || f.opened != self.opened)
        };
        let in_sight = rows.iter().skip(self.cursor.top).take(height);
        let next = self.selected().into_iter().chain(in_sight).find(lacks).map(|r| r.id.clone());
        if let Some(id) = next {
            self.reading.ask(cx, Priority::Background, query::Means(id.clone()));
            self.reading.set(id);
        }
    }

    fn with_selected(&self, cx: &mut Context, go: impl FnOnce(&RunInfo, &mut Context)) {
        match self.selected() {
            Some(run) => go(run, cx),
            None => cx.say(cx.env.filled(KeyScope::Runs, "no run is selected: {Judge} plans one")),
        }
    }

    fn take_rows(&mut self, rows: Vec<RunInfo>) {
        let selected = self.selected().map(|r| r.id.clone());
        if let Some(at) = selected.and_then(|id| rows.iter().position(|r| r.id == id)) {
            self.cursor.at = at;
        }
        self.rows.set(rows);
    }
}

impl Screen for RunsScreen {
    fn scope(&self) -> KeyScope {
        KeyScope::Runs
    }

    fn tab(&self) -> Tab {
        Tab::Runs
    }

    fn title(&self) -> String {
        "Runs".into()
    }

    fn open(&mut self, cx: &mut Context) {
        self.opened += 1;
        self.load(cx);
    }

    fn changed(&mut self, cx: &mut Context) {
        if !self.rows.is_waiting() {
            self.load(cx);
        }
    }

    fn act(&mut self, action: Action, cx: &mut Context) -> bool {
        let len = self.rows.get().map_or(0, Vec::len);
        if self.cursor.act(action, len) {
            self.follow(cx);
            return true;
        }
        match action {
            Action::Enter | Action::Right => {
                self.with_selected(cx, |run, cx| cx.go(Route::grid(&run.id)));
            }
            Action::Resume => self.with_selected(cx, |run, cx| {
                cx.go(Route::Grid { run: run.id.clone(), begin: Begin::Missing });
            }),
            Action::Modes => self.with_selected(cx, |run, cx| cx.go(Route::Modes(run.id.clone()))),
            Action::Compare => self.with_selected(cx, |run, cx| {
                if run.arms.len() < 2 {
                    cx.say("this run has one arm: comparing needs two");
                } else {
                    cx.go(Route::Compare(run.id.clone()));
                }
            }),
            Action::Go => self.with_selected(cx, |run, cx| cx.go(Route::Review(run.id.clone()))),
            Action::Judge => cx.plan(Vec::new()),
            _ => return false,
        }
        true
    }

    fn reply(&mut self, ticket: Ticket, cx: &mut Context) -> bool {
        if let Some(answer) = self.rows.answer(ticket) {
            match answer {
                Ok(rows) => self.take_rows(rows),
                Err(why) => cx.fail(why),
            }
        } else if let Some(answer) = self.reading.answer(ticket) {
            match answer {
                Ok(found) => {
                    let id = found.run.id.clone();
                    let known =
                        KnownMeans { done: done(&found.run), opened: self.opened, found: Some(found) };
                    self.figures.insert(id, known);
                }
                Err(why) => {
                    // Not asked again for this run until its count changes: an error must not repeat itself.
                    if let Some(id) = self.reading.get().cloned() {
                        let run = self.rows.get().and_then(|r| r.iter().find(|r| r.id == id));
                        let known =
                            KnownMeans { done: run.map_or(0, done), opened: self.opened, found: None };
                        self.figures.insert(id, known);
                    }
                    cx.fail(why);
                }
            }
        } else {
            return false;
        }
        self.follow(cx);
        true
    }

    fn progress(&mut self, run: &str, progress: &Progress, _cx: &mut Context) {
        // The list counts along; its figures are read again when the run has ended.
        if let (Progress::Saved { cell, .. }, Some(rows)) = (progress, self.rows.get_mut())
            && let Some(row) = rows.iter_mut().find(|r| r.id == run)
            && done(row) < row.planned
        {
            *row.verdicts.entry(cell.state).or_default() += 1;
            row.state = RunState::Running;
            if let Some(figures) = self.figures.get_mut(run) {
                figures.done = done(row);
            }
        }
    }

    fn run_ended(&mut self, run: &str, cx: &mut Context) {
        self.figures.remove(run);
        self.load(cx);
    }

    fn list_at(&mut self, at: Position) -> Option<&mut Cursor> {
        self.cursor.under(at)
    }

    fn draw(&mut self, area: Rect, buf: &mut Buffer, env: &Env) {
        view::draw(self, area, buf, env);
    }

    fn hints(&self) -> Vec<Action> {
        vec![Action::Judge, Action::Resume, Action::Compare, Action::Go]
    }

    fn summary(&self, _env: &Env) -> String {
        self.rows.get().map_or_else(String::new, |rows| text::plural(rows.len(), "run", "runs"))
    }

    fn figures(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("412/480", "verdicts that have a state, of those planned"),
            ("4.02 [3.91, 4.13]", "mean over items of all arms, and its 95 % interval"),
            ("scored 38/40", "items with a score, of those planned"),
            ("coverage", "verdicts with a score, of those that were to be reached: every arm's, every pass"),
            ("2 ?", "failed verdicts by their sign; {Enter}, then {Help} explains the signs"),
            ("recorded", "verdicts reached elsewhere, imported or replayed"),
            ("people 3.00 (40)", "the mean of what people gave, and how many items they scored"),
            (
                "corrected",
                "the judge's mean put right by people's scores of a random sample, and its interval",
            ),
            ("unchecked", "no person has scored any item of this run"),
        ]
    }
}
