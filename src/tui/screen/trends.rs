//! Trends: run by run, the mean of each criterion with its interval, or cost, latency, failures. Oldest first.
//!
//! ```text
//! query::Runs -> rows; for the rows in sight, one at a time: query::Means -> means as `run show` has them
//! ```

use crate::core::prompt::PromptName;
use crate::core::text;
use crate::eval::CriterionSummary;
use crate::questions::coverage::Coverage;
use crate::store::RunInfo;
use crate::store::scores::Effort;
use crate::tui::context::{Context, Pending};
use crate::tui::draw_text::{gauge, put, put_cut, row, seg, select};
use crate::tui::keys::{Action, KeyScope};
use crate::tui::model::{Priority, Ticket};
use crate::tui::query;
use crate::tui::route::{Nav, Route, Tab};
use crate::tui::screen::Screen;
use crate::tui::session::Env;
use crate::tui::theme::Meaning;
use crate::tui::widget::bars::{foot_rule, head_rule};
use crate::tui::widget::cursor::Cursor;
use crate::tui::widget::forest::{ForestMetric, forest};
use crate::tui::widget::means;
use crate::tui::widget::run;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use std::collections::HashMap;

/// The state of the screen.
#[derive(Default)]
pub struct Trends {
    /// Oldest first.
    runs: Pending<query::AskRuns>,
    /// By run; absent where they could not be read.
    figures: HashMap<String, Option<Coverage>>,
    reading: Pending<query::Means, String>,
    efforts: Pending<query::Efforts>,
    metric: ForestMetric,
    criterion: usize,
    criteria: Vec<String>,
    /// Places of the runs that were judged on the criterion.
    points: Vec<usize>,
    cursor: Cursor,
}

impl Trends {
    fn work(&mut self) {
        let Some(runs) = self.runs.get() else { return };
        let judged = |run: &RunInfo| run.verdicts.values().any(|n| *n > 0);
        let mut criteria: Vec<String> = Vec::new();
        for name in runs.iter().filter(|r| judged(r)).flat_map(|r| &r.criteria) {
            if !criteria.contains(name) {
                criteria.push(name.clone());
            }
        }
        let wanted = criteria.get(self.criterion).or(criteria.first());
        self.points = (0..)
            .zip(runs)
            .filter(|(_, run)| judged(run) && wanted.is_some_and(|w| run.criteria.contains(w)))
            .map(|(at, _)| at)
            .collect();
        self.criteria = criteria;
    }

    fn ask(&mut self, cx: &mut Context) {
        self.runs.ask(cx, Priority::Background, query::AskRuns);
        self.efforts.ask(cx, Priority::Visible, query::Efforts);
    }

    /// Takes the runs; what has been judged since loses its figures, which are then asked for again.
    fn take(&mut self, newest_first: Vec<RunInfo>) {
        for run in &newest_first {
            let known = self.figures.get(&run.id);
            if known.is_some_and(|f| f.as_ref().is_some_and(|f| f.run.verdicts != run.verdicts)) {
                self.figures.remove(&run.id);
            }
        }
        self.runs.set(newest_first.into_iter().rev().collect());
        self.work();
    }

    fn run(&self, point: usize) -> Option<&RunInfo> {
        self.runs.get()?.get(*self.points.get(point)?)
    }

    /// The criterion in sight, as a run has it.
    fn mean(&self, run: &str) -> Option<&CriterionSummary> {
        let wanted = self.criteria.get(self.criterion)?;
        // No mean over several models' scores is shown.
        let found = self.figures.get(run)?.as_ref().filter(|f| !f.notes.is_split)?;
        found.criteria.iter().find(|c| c.name == *wanted)
    }

    fn effort(&self, run: &str) -> Option<&Effort> {
        self.efforts.get()?.iter().find(|e| e.of == run)
    }

    /// Asks for the means of one more row in sight, the selected one first.
    fn follow(&mut self, cx: &mut Context) {
        if self.reading.is_waiting() {
            return;
        }
        let in_sight = self.cursor.top..self.cursor.top + self.cursor.height.max(1);
        let next = [self.cursor.at]
            .into_iter()
            .chain(in_sight)
            .filter_map(|at| self.run(at))
            .find(|run| !self.figures.contains_key(&run.id))
            .map(|run| run.id.clone());
        if let Some(id) = next {
            self.reading.ask(cx, Priority::Background, query::Means(id.clone()));
            self.reading.set(id);
        }
    }
}

impl Screen for Trends {
    fn scope(&self) -> KeyScope {
        KeyScope::Trends
    }

    fn tab(&self) -> Tab {
        Tab::Trends
    }

    fn title(&self) -> String {
        "Trends".into()
    }

    fn open(&mut self, cx: &mut Context) {
        self.figures.clear();
        self.ask(cx);
    }

    fn changed(&mut self, cx: &mut Context) {
        if self.runs.get().is_some() && !self.runs.is_waiting() {
            self.ask(cx);
        }
    }

    fn act(&mut self, action: Action, cx: &mut Context) -> bool {
        if self.cursor.act(action, self.points.len()) {
            self.follow(cx);
            return true;
        }
        match action {
            Action::NextCriterion => {
                self.criterion = (self.criterion + 1) % self.criteria.len().max(1);
                self.work();
                self.cursor.at = self.cursor.at.min(self.points.len().saturating_sub(1));
                self.follow(cx);
            }
            Action::Metric => self.metric = self.metric.next(),
            Action::Revisions => match self.run(self.cursor.at).map(prompt) {
                Some(Some(name)) => {
                    cx.go(Route::Revisions(name));
                }
                Some(None) => cx.say("the arms of this run are no revisions of a prompt"),
                None => {}
            },
            Action::Enter => {
                if let Some(run) = self.run(self.cursor.at) {
                    cx.nav = Some(Nav::Tab(Tab::Runs, Some(Route::grid(&run.id))));
                }
            }
            _ => return false,
        }
        true
    }

    fn reply(&mut self, ticket: Ticket, cx: &mut Context) -> bool {
        if let Some(answer) = self.runs.answer(ticket) {
            match answer {
                Ok(runs) => self.take(runs),
                Err(why) => cx.fail(why),
            }
        } else if let Some(answer) = self.reading.answer(ticket) {
            match answer {
                Ok(found) => drop(self.figures.insert(found.run.id.clone(), Some(found))),
                Err(why) => {
                    // Not asked again: an error must not repeat itself.
                    if let Some(id) = self.reading.get() {
                        self.figures.insert(id.clone(), None);
                    }
                    cx.fail(why);
                }
            }
        } else if !self.efforts.keep(ticket, cx) {
            return false;
        }
        self.follow(cx);
        true
    }

    fn list_at(&mut self, at: Position) -> Option<&mut Cursor> {
        self.cursor.under(at)
    }

    fn draw(&mut self, area: Rect, buf: &mut Buffer, env: &Env) {
        if area.height < 5 || area.width < 30 {
            return;
        }
        let dim = env.style(Meaning::Dim);
        head_rule(buf, area, area.y, &[], env);
        foot_rule(buf, area, area.bottom() - 1, &[], env);
        let body = Rect { y: area.y + 1, height: area.height - 2, ..area };
        if self.points.is_empty() {
            if !self.runs.is_waiting() {
                let words = env.filled(
                    KeyScope::Runs,
                    "Nothing has a trend yet: press {TabRuns}, then {Judge} to judge some responses; each run is a point here.",
                );
                put_cut(buf, body.x + 2, body.y + 1, body.width.saturating_sub(3), &[seg(words, dim)]);
            }
            return;
        }
        let name = self.criteria.get(self.criterion).cloned().unwrap_or_default();
        put(
            buf,
            body.x + 1,
            body.y,
            body.width,
            &[
                seg(name, env.style(Meaning::Strong)),
                seg(format!("   {} by run, oldest first", self.metric.words()), dim),
            ],
        );
        let bar = usize::from(body.width).saturating_sub(92).clamp(8, 60);
        let scale = if self.metric == ForestMetric::Score { ["1", "5"] } else { ["0", "most"] };
        let ends = format!("{}{:>w$}", scale[0], scale[1], w = bar - 1);
        let slim = body.width < SLIM;
        let (when, cost) = if slim {
            (format!("{:<10}", "when"), "")
        } else {
            (format!("{:<17} {:<7}", "when", "run"), "    cost")
        };
        let head = format!(
            "  {when} {:<18} {:<12} {ends} {:>8} {:>5} {:>6} {cost}",
            "judge", "set", "value", "n", "failed",
        );
        put_cut(buf, body.x, body.y + 2, body.width, &[seg(head, dim)]);
        let shown = (0..self.points.len()).filter_map(|at| self.run(at));
        let values = shown.filter_map(|run| self.metric.of(self.effort(&run.id)?));
        let top = values.fold(0.0_f64, f64::max);
        let rows = Rect { y: body.y + 3, height: body.height.saturating_sub(3), ..body };
        for (i, at) in self.cursor.rows(self.points.len(), rows).enumerate() {
            let here = row(rows, rows.y + i as u16);
            if at == self.cursor.at {
                select(buf, here, true, env.theme);
            }
            if let Some(run) = self.run(at) {
                let point = TrendRow { run, mean: self.mean(&run.id), effort: self.effort(&run.id) };
                draw_point(&point, (self.metric, top), bar, here, buf, env);
            }
        }
    }

    fn hints(&self) -> Vec<Action> {
        let mut hints = vec![Action::Metric, Action::Revisions];
        if self.criteria.len() > 1 {
            hints.push(Action::NextCriterion);
        }
        hints
    }

    fn figures(&self) -> &'static [(&'static str, &'static str)] {
        &[
            (
                "├──●──┤",
                "the mean on the scale from 1 to 5, and its 95 % interval; cases of one source count together",
            ),
            ("value", "the mean, or the measure that {Metric} chose; — where nothing is known of it"),
            ("bars", "cost, latency or failures of each run, the largest filling the bar"),
            (
                "latency",
                "mean time of the requests that were really sent; recorded and cached ones have none",
            ),
            ("n", "items with a score"),
            ("cost", "what the run cost, judging and writing together, where a price is known"),
            ("failed", "verdicts on this criterion without a score in that run: they enter no mean"),
            (
                "judge",
                "means of two judges, or over two sets, are never compared: look down one judge's rows",
            ),
        ]
    }
}

/// Below so many columns a row has its day alone, and no run and cost: `m` turns to the cost, Enter opens the run.
const SLIM: u16 = 100;

/// The prompt of a run's first arm that is a revision.
fn prompt(run: &RunInfo) -> Option<PromptName> {
    run.arms.iter().find_map(|arm| arm.split_once("@r")?.0.parse().ok())
}

/// One row: a run on the criterion in sight.
struct TrendRow<'a> {
    run: &'a RunInfo,
    /// Absent until it is read.
    mean: Option<&'a CriterionSummary>,
    effort: Option<&'a Effort>,
}

fn draw_point(
    p: &TrendRow,
    (metric, top): (ForestMetric, f64),
    bar: usize,
    here: Rect,
    buf: &mut Buffer,
    env: &Env,
) {
    let dim = env.style(Meaning::Dim);
    let mean = p.mean.and_then(|c| c.mean);
    let (chart, meaning) = match (metric, p.effort.and_then(|e| metric.of(e))) {
        (ForestMetric::Score, _) => {
            let drawn = |figure: f64| p.mean.map_or(figure, |c| c.scale.on_levels(figure));
            let meaning =
                mean.map_or(Meaning::Dim, |m| Meaning::Score(drawn(m).round().clamp(1.0, 5.0) as u8));
            let ends = p.mean.and_then(|c| c.ci95).map(|(lo, hi)| (drawn(lo), drawn(hi)));
            (forest(mean.map(drawn), ends, bar), meaning)
        }
        (ForestMetric::Failures, Some(v)) if v > 0.0 => (gauge(v / top, bar), Meaning::Warning),
        (_, Some(v)) if top > 0.0 => (gauge(v / top, bar), Meaning::Text),
        _ => ("·".repeat(bar), Meaning::Dim),
    };
    let value = match metric {
        ForestMetric::Score => means::value(mean),
        other => other.shown(p.effort.and_then(|e| other.of(e))),
    };
    let fit = |t: &str, n: usize| text::fit(&text::escape_line(t), n, text::Align::Left);
    let cost = p.run.usage.cost_usd.map_or_else(|| "—".to_owned(), |c| format!("${c:.4}"));
    let slim = here.width < SLIM;
    let start = |t: &str, n: usize| t.chars().take(n).collect::<String>();
    let when = if slim {
        format!("{} ", start(&p.run.created_at, 10))
    } else {
        format!("{:<17} {:<7} ", start(&p.run.created_at, 16), run::short(&p.run.id))
    };
    let count = |n: Option<usize>| n.map_or_else(|| "—".to_owned(), |n| text::count(n as u64));
    let failed = p.mean.map(|c| c.failed);
    let judge = env.style(if p.run.is_recorded() { Meaning::Warning } else { Meaning::Text });
    let parts = [
        seg(when, dim),
        seg(fit(&p.run.spec.judge, 18), judge),
        seg(format!(" {} ", fit(&p.run.spec.set, 12)), dim),
        seg(chart, env.style(meaning)),
        seg(format!(" {value:>8} {:>5} ", count(p.mean.map(|c| c.n))), env.style(Meaning::Text)),
        seg(
            format!("{:>6} ", count(failed)),
            env.style(if failed.is_some_and(|n| n > 0) { Meaning::Warning } else { Meaning::Dim }),
        ),
        seg(if slim { String::new() } else { format!("{cost:>8}") }, dim),
    ];
    put_cut(buf, here.x + 2, here.y, here.width.saturating_sub(3), &parts);
}
