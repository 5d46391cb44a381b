//! A run: items down, criteria (and arms) across, each verdict a cell that fills while one looks.
//!
//! ```text
//! query::Grid -> Board + Sheet ----------------------------------------------> rows in sight
//! progress    -> one cell changes (by arithmetic, no scan), the tally follows -+
//! asked again while the run goes on: what was saved since the question is put on top of the answer
//! ```

use crate::eval::{Control, CriterionSummary, People, Progress, RunNotes, RunScope as Reach};
use crate::questions::coverage::means;
use crate::questions::grid::Gridded;
use crate::questions::grid::board;
use crate::questions::grid::board::{Board, Face, Human, Sheet, Sort};
use crate::store::{Cell, RunInfo, RunItem, RunState};
use crate::tui::context::{Context, Pending};
use crate::tui::keys::{Action, KeyScope};
use crate::tui::model::{Priority, Ticket};
use crate::tui::msg::Effect;
use crate::tui::query;
use crate::tui::route::{Begin, ItemContext, Route, Tab};
use crate::tui::screen::Screen;
use crate::tui::session::Env;
use crate::tui::widget::cursor::Cursor;
use crate::tui::widget::pace::ProgressRate;
use crate::tui::widget::run;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use std::collections::HashSet;
use std::sync::Arc;

mod view;

/// A run as loaded, with what came since.
pub(super) struct LoadedRun {
    pub run: Arc<RunInfo>,
    pub items: Arc<Vec<RunItem>>,
    pub board: Board,
    pub sheet: Sheet,
    pub human: Human,
    pub reviewed: usize,
    pub people: People,
    /// By group and criterion; older than the board while `stale`, empty where several models' scores have no mean.
    pub means: Vec<CriterionSummary>,
    /// What is to be known before the figures are read.
    pub notes: RunNotes,
    pub stale: bool,
    pub computed_at: u64,
}

/// A run that is being carried out by this program.
pub(super) struct Live {
    pub control: Control,
    pub pace: ProgressRate,
    pub cost: Option<f64>,
    pub cached: u64,
    /// Until when (Unix seconds) and why nothing is asked.
    pub waiting: Option<(Option<f64>, String)>,
    /// What goes on before the first verdict.
    pub note: &'static str,
}

/// The state of the screen.
pub struct GridScreen {
    pub(super) id: String,
    pub(super) data: Pending<query::AskGrid, LoadedRun>,
    pub(super) live: Option<Live>,
    pub(super) cursor: Cursor,
    /// The selected column, over all groups.
    pub(super) column: usize,
    /// The first column in sight.
    pub(super) left: usize,
    pub(super) sort: Sort,
    pub(super) failures_only: bool,
    /// Rows of the sheet in the order shown. Changes only on a key or a reload, so that nothing jumps while it fills.
    pub(super) order: Vec<u32>,
    since: Vec<Cell>,
    in_flight: HashSet<(u32, u32, u32)>,
    /// What to begin once the run is loaded.
    wanted: Option<Reach>,
}

impl GridScreen {
    /// The grid of a stored run.
    pub fn new(run: impl Into<String>) -> Self {
        Self {
            id: run.into(),
            data: Pending::default(),
            live: None,
            cursor: Cursor::default(),
            column: 0,
            left: 0,
            sort: Sort::default(),
            failures_only: false,
            order: Vec::new(),
            since: Vec::new(),
            in_flight: HashSet::new(),
            wanted: None,
        }
    }

    /// The grid of a run that has just been begun with this control.
    pub fn running(run: impl Into<String>, control: Control) -> Self {
        let mut grid = Self::new(run);
        grid.live = Some(Live { note: "starting", ..Live::new(control) });
        grid
    }

    /// As the route says.
    pub fn begun(run: String, begin: Begin) -> Self {
        match begin {
            Begin::Nothing => Self::new(run),
            Begin::Missing => Self::resuming(run),
            Begin::Running(control) => Self::running(run, control),
        }
    }

    /// The grid of a run that is to be resumed as soon as it is loaded.
    pub fn resuming(run: impl Into<String>) -> Self {
        let mut grid = Self::new(run);
        grid.wanted = Some(Reach::Missing);
        grid
    }

    fn load(&mut self, cx: &mut Context) {
        self.since.clear();
        self.data.ask(cx, Priority::Background, query::AskGrid(self.id.clone()));
    }

    fn take(&mut self, found: Gridded) {
        let (mut board, sheet) = found.board();
        let (reviewed, people) = (found.reviewed(), found.people());
        let Gridded { run, items, reviews, notes, .. } = found;
        for cell in self.since.drain(..) {
            board.put(&cell);
        }
        for (item, criterion, repeat) in &self.in_flight {
            if let Some(at) = board.index(*item, *criterion, *repeat) {
                board.set(at, Face::InFlight);
            }
        }
        self.id.clone_from(&run.id);
        self.data.set(LoadedRun {
            human: board::human(&reviews),
            reviewed,
            people,
            run: Arc::new(run),
            items: Arc::new(items),
            board,
            sheet,
            means: Vec::new(),
            notes,
            stale: true,
            computed_at: 0,
        });
        self.reorder();
    }

    /// Orders the rows anew; the selected one stays selected.
    fn reorder(&mut self) {
        let Some(data) = self.data.get() else { return };
        let selected = self.order.get(self.cursor.at).copied();
        self.order = board::order(&data.sheet, &data.board, &data.human, self.sort, self.failures_only);
        if let Some(at) = selected.and_then(|row| self.order.iter().position(|r| *r == row)) {
            self.cursor.at = at;
        }
        self.cursor.at = self.cursor.at.min(self.order.len().saturating_sub(1));
    }

    /// Begins to ask for what is missing, or again for what failed.
    fn begin(&mut self, reach: Reach, cx: &mut Context) {
        let Some(data) = self.data.get() else { return cx.say("the run is still being read") };
        if self.live.is_some() {
            return cx.say(
                cx.env.filled(
                    KeyScope::Grid,
                    "this run is in progress: {Pause} pauses it, {Cancel} cancels it",
                ),
            );
        }
        if let Some(why) = &cx.env.read_only {
            return cx.fail(format!("cannot go on: the registry is open for reading only ({why})"));
        }
        if data.run.imported {
            return cx.say("these verdicts were imported: there is nothing to ask for");
        }
        if let Some(holder) = data.run.holder.as_ref().filter(|_| data.run.state == RunState::Running) {
            return cx.fail(format!("{holder} is writing this run: wait for it, or end that process"));
        }
        let missing = data.board.planned().saturating_sub(data.board.done());
        let open = data.board.failed().filter(|(s, _)| s.is_open_on_resume()).map(|(_, n)| n).sum::<usize>();
        let failed: usize = data.board.failed().map(|(_, n)| n).sum();
        match reach {
            Reach::Missing if missing + open == 0 => {
                let words =
                    "nothing is missing: every verdict has a state; {RetryFailures} asks again for failures";
                return cx.say(cx.env.filled(KeyScope::Grid, words));
            }
            Reach::Failed if failed == 0 => {
                return cx.say("no verdict failed: there is nothing to ask again");
            }
            _ => {}
        }
        let control = Control::new().watched();
        self.live = Some(Live::new(control.clone()));
        cx.effects.push(Effect::Execute { run: self.id.clone(), scope: reach, control });
    }

    fn pause(&mut self, cx: &mut Context) {
        let Some(live) = &self.live else { return cx.say(cx.env.filled(KeyScope::Grid, NOT_LIVE)) };
        let paused = !live.control.is_paused();
        live.control.pause(paused);
        let words =
            if paused { "paused: what is in flight will still come in; {Pause} goes on" } else { "goes on" };
        cx.say(cx.env.filled(KeyScope::Grid, words));
    }

    fn cancel(&mut self, cx: &mut Context) {
        let Some(live) = &self.live else { return cx.say(cx.env.filled(KeyScope::Grid, NOT_LIVE)) };
        live.control.cancel();
        cx.say(cx.env.filled(KeyScope::Grid, "cancelled: what is done stays; {Resume} resumes it"));
    }

    /// Takes part in a run that goes on already: begun here, left, and come back to.
    fn join(&mut self, env: &Env) {
        if self.live.is_none()
            && let Some((_, control)) = env.running.iter().find(|(id, _)| *id == self.id)
        {
            self.live = Some(Live::new(control.clone()));
        }
    }

    fn columns(&self) -> usize {
        self.data.get().map_or(0, |d| d.sheet.groups.len() * d.board.columns())
    }

    /// The selected row's item: that of the selected column's arm, else the first there is.
    fn selected_item(&self) -> Option<u32> {
        let data = self.data.get()?;
        let row = data.sheet.rows.get(*self.order.get(self.cursor.at)? as usize)?;
        let group = self.column / data.board.columns().max(1);
        row.items.get(group).copied().flatten().or_else(|| row.items.iter().flatten().next().copied())
    }

    fn open_item(&self, cx: &mut Context) {
        let (Some(data), Some(item)) = (self.data.get(), self.selected_item()) else {
            return cx.say("no item is selected");
        };
        let group = self.column / data.board.columns().max(1);
        let in_order = |row: &u32| {
            let items = &data.sheet.rows.get(*row as usize)?.items;
            items.get(group).copied().flatten().or_else(|| items.iter().flatten().next().copied())
        };
        let context = ItemContext {
            run: Arc::clone(&data.run),
            items: Arc::clone(&data.items),
            order: self.order.iter().filter_map(in_order).collect(),
        };
        let criterion = (self.column % data.board.columns().max(1)) as u32;
        cx.go(Route::Item { run: self.id.clone(), item, within: Some((context, criterion)) });
    }

    fn sort(&mut self, cx: &mut Context) {
        let two = self.data.get().is_some_and(|d| d.sheet.groups.len() == 2);
        self.sort = self.sort.next(two);
        self.reorder();
        // What the order puts first is what it was asked for.
        (self.cursor.at, self.cursor.top) = (0, 0);
        cx.say(format!("sorted: {}", self.sort.words()));
    }

    fn filter_failures(&mut self, cx: &mut Context) {
        self.failures_only = !self.failures_only;
        self.reorder();
        if self.failures_only && self.order.is_empty() {
            self.failures_only = false;
            self.reorder();
            cx.say("no row has a failed verdict");
        }
    }

    fn saved(&mut self, cell: Cell, cost: Option<f64>, cached: bool, now: i64) {
        self.in_flight.remove(&(cell.item, cell.criterion, cell.repeat));
        if self.data.is_waiting() {
            self.since.push(cell);
        }
        if let Some(data) = self.data.get_mut() {
            data.board.put(&cell);
            data.stale = true;
        }
        if let Some(live) = &mut self.live {
            live.pace.note(now);
            live.note = "";
            live.cached += u64::from(cached);
            live.cost = match (live.cost, cost) {
                (None, None) => None,
                (a, b) => Some(a.unwrap_or(0.0) + b.unwrap_or(0.0)),
            };
        }
    }

    fn began(&mut self, item: u32, criterion: u32, repeat: u32) {
        self.in_flight.insert((item, criterion, repeat));
        if let Some(data) = self.data.get_mut()
            && let Some(at) = data.board.index(item, criterion, repeat)
        {
            data.board.set(at, Face::InFlight);
            data.stale = true;
        }
    }

    /// Figures over the rows, anew when cells have changed: at once when still, at most once in a tick while live.
    fn refresh_means(&mut self, env: &Env) {
        let running = self.live.is_some();
        let Some(data) = self.data.get_mut() else { return };
        if data.stale && (!running || data.means.is_empty() || data.computed_at != env.tick) {
            data.means = data.summed();
            data.stale = false;
            data.computed_at = env.tick;
        }
    }
}

impl LoadedRun {
    /// The means as `run show` has them: of each arm where arms stand side by side, else of all items.
    fn summed(&self) -> Vec<CriterionSummary> {
        if self.notes.is_split {
            return Vec::new();
        }
        let found = means(&self.run, &self.board.cells(), &self.items, &self.people);
        if self.sheet.groups.len() > 1 {
            found.arms.into_iter().flat_map(|arm| arm.criteria).collect()
        } else {
            found.criteria
        }
    }
}

const NOT_LIVE: &str = "this run is not in progress; {Resume} resumes it";

impl Live {
    fn new(control: Control) -> Self {
        Self { control, pace: ProgressRate::default(), cost: None, cached: 0, waiting: None, note: "" }
    }
}

impl Screen for GridScreen {
    fn scope(&self) -> KeyScope {
        KeyScope::Grid
    }

    fn tab(&self) -> Tab {
        Tab::Runs
    }

    fn title(&self) -> String {
        format!("run {}", run::short(&self.id))
    }

    fn has_tabs(&self) -> bool {
        false
    }

    fn open(&mut self, cx: &mut Context) {
        self.join(cx.env);
        self.load(cx);
    }

    fn changed(&mut self, cx: &mut Context) {
        // A run of this program's own tells of each verdict, and is read again at its end.
        if self.live.is_none() && !self.data.is_waiting() {
            self.load(cx);
        }
    }

    fn act(&mut self, action: Action, cx: &mut Context) -> bool {
        if self.cursor.act(action, self.order.len()) {
            return true;
        }
        match action {
            Action::Left => self.column = self.column.saturating_sub(1),
            Action::Right => self.column = (self.column + 1).min(self.columns().saturating_sub(1)),
            Action::Enter => self.open_item(cx),
            Action::Pause => self.pause(cx),
            Action::Cancel => self.cancel(cx),
            Action::Resume => self.begin(Reach::Missing, cx),
            Action::RetryFailures => self.begin(Reach::Failed, cx),
            Action::Sort => self.sort(cx),
            Action::FailuresOnly => self.filter_failures(cx),
            Action::Compare => match self.data.get() {
                Some(data) if data.run.arms.len() < 2 => cx.say("this run has one arm: comparing needs two"),
                _ => cx.go(Route::Compare(self.id.clone())),
            },
            Action::Go => cx.go(Route::Review(self.id.clone())),
            Action::Modes => cx.go(Route::Modes(self.id.clone())),
            Action::Agreement => cx.go(Route::Agreement(self.id.clone())),
            _ => return false,
        }
        true
    }

    fn reply(&mut self, ticket: Ticket, cx: &mut Context) -> bool {
        match self.data.answer(ticket) {
            Some(Ok(found)) => {
                self.take(found);
                if let Some(reach) = self.wanted.take() {
                    self.begin(reach, cx);
                }
            }
            Some(Err(why)) => cx.fail(why),
            None => return false,
        }
        true
    }

    fn progress(&mut self, run: &str, progress: &Progress, cx: &mut Context) {
        if run != self.id {
            return;
        }
        match progress {
            Progress::Began { item, criterion, repeat } => self.began(*item, *criterion, *repeat),
            Progress::Saved { cell, cost_usd, cached, .. } => {
                self.saved(*cell, *cost_usd, *cached, cx.env.now)
            }
            Progress::Waiting { until_s, why } => {
                if let Some(live) = &mut self.live {
                    live.waiting = Some((*until_s, why.clone()));
                }
            }
            Progress::Resumed => {
                if let Some(live) = &mut self.live {
                    live.waiting = None;
                }
            }
            Progress::Discovering => self.note("asking the judge what it accepts"),
            Progress::Discovered { .. } => self.note("the judge answers"),
            Progress::Writing { .. } => {}
            Progress::Generated { .. } => self.note("generating responses"),
            Progress::Ended { .. } => {}
        }
    }

    fn run_ended(&mut self, run: &str, cx: &mut Context) {
        if run == self.id {
            self.live = None;
            self.in_flight.clear();
            self.load(cx);
        }
    }

    fn ticks(&self) -> bool {
        self.live.is_some() || self.data.is_waiting()
    }

    fn list_at(&mut self, at: Position) -> Option<&mut Cursor> {
        self.cursor.under(at)
    }

    fn draw(&mut self, area: Rect, buf: &mut Buffer, env: &Env) {
        self.refresh_means(env);
        view::draw(self, area, buf, env);
    }

    fn hints(&self) -> Vec<Action> {
        if self.live.is_some() {
            return vec![Action::Pause, Action::Cancel, Action::Sort, Action::Compare];
        }
        let unfinished =
            self.data.get().is_some_and(|d| d.board.done() < d.board.planned() && !d.run.imported);
        let failed = self.data.get().is_some_and(|d| d.board.failed().next().is_some() && !d.run.imported);
        let mut hints = Vec::new();
        hints.extend(unfinished.then_some(Action::Resume));
        hints.extend(failed.then_some(Action::RetryFailures));
        hints.extend([Action::Go, Action::Compare, Action::Sort]);
        hints
    }

    fn status(&self, _env: &Env) -> String {
        view::status(self)
    }

    fn figures(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("4", "a score, on its colour; underlined where people have scored it too"),
            ("· ~", "planned; in flight"),
            ("? R T F", "unparseable, refused, truncated, filtered: no score, never a number"),
            ("L E O", "rate limited, http error, timed out"),
            ("B X W G", "over budget, cancelled, prompt over the context window, no response to judge"),
            ("!", "people and judge differ by two or more"),
            (
                "mean  95 %",
                "mean over items (an item's score is the mean of its passes), and its 95 % interval",
            ),
            ("scored 38/40", "items with a score, of those planned; only scores enter the mean"),
            ("coverage", "verdicts with a score, of those that were to be reached: every arm's, every pass"),
            ("+1.0", "this case's change from the first arm to the second; one case is no evidence"),
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

impl GridScreen {
    fn note(&mut self, words: &'static str) {
        if let Some(live) = &mut self.live {
            live.note = words;
        }
    }
}

#[cfg(test)]
mod tests;
