//! Trends: run by run, the mean of each criterion with its interval, or cost, latency, failures. Oldest first.

use super::super::app::{foot_rule, head_rule};
use super::super::env::Env;
use super::super::keys::{Action, Scope};
use super::super::msg::{Ticket, Use};
use super::super::paint::{gauge, put, put_cut, row, seg, select};
use super::super::query::{Query, Reply};
use super::super::theme::Meaning;
use super::revisions::{Metric, forest};
use super::{Cursor, Cx, Nav, Screen, Slot, Tab};
use crate::core::prompt::PromptName;
use crate::core::stats::bounded::{SCORES, bounded_ci};
use crate::core::text;
use crate::core::verdict::State;
use crate::store::scores::Effort;
use crate::store::{PoolQuery, PooledVerdict, RunInfo};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use std::collections::BTreeMap;

/// One row: a run and a criterion.
struct Point {
    run: String,
    at: String,
    judge: String,
    recorded: bool,
    set: String,
    mean: Option<f64>,
    interval: Option<(f64, f64)>,
    n: usize,
    failed: u32,
    cost: Option<f64>,
    effort: Option<Effort>,
    /// The prompt of the run's first arm that is a revision.
    prompt: Option<PromptName>,
}

/// The state of the screen.
#[derive(Default)]
pub struct Trends {
    runs: Slot<Vec<RunInfo>>,
    pooled: Slot<Vec<PooledVerdict>>,
    efforts: Slot<Vec<Effort>>,
    metric: Metric,
    criterion: usize,
    criteria: Vec<String>,
    points: Vec<Point>,
    cursor: Cursor,
}

impl Trends {
    fn work(&mut self) {
        let (Some(runs), Some(pooled)) = (self.runs.get(), self.pooled.get()) else { return };
        let mut criteria: Vec<String> = Vec::new();
        for v in pooled {
            if !criteria.contains(&v.criterion) {
                criteria.push(v.criterion.clone());
            }
        }
        self.criteria = criteria;
        let Some(wanted) = self.criteria.get(self.criterion).or(self.criteria.first()) else {
            self.points.clear();
            return;
        };
        let mut sums: BTreeMap<&str, BTreeMap<(&str, &str), (f64, u32)>> = BTreeMap::new();
        let mut failed: BTreeMap<&str, u32> = BTreeMap::new();
        for v in pooled.iter().filter(|v| v.criterion == *wanted) {
            *failed.entry(v.run.as_str()).or_default() += u32::from(v.state != State::Scored);
            let items = sums.entry(v.run.as_str()).or_default();
            if let Some(score) = v.score {
                let cell = items.entry((v.case_id.as_str(), v.arm.as_str())).or_insert((0.0, 0));
                *cell = (cell.0 + f64::from(score), cell.1 + 1);
            }
        }
        self.points = runs
            .iter()
            .rev()
            .filter_map(|run| {
                let items = sums.get(run.id.as_str())?;
                let values: Vec<f64> = items.values().map(|(sum, n)| sum / f64::from(*n)).collect();
                let ci = bounded_ci(&values, None, SCORES, 0.95);
                Some(Point {
                    run: run.id.chars().take(6).collect(),
                    at: run.created_at.chars().take(16).collect(),
                    judge: run.spec.judge.clone(),
                    recorded: run.is_recorded(),
                    set: run.spec.set.clone(),
                    mean: ci.mean,
                    interval: ci.ci,
                    n: ci.n,
                    failed: failed.get(run.id.as_str()).copied().unwrap_or_default(),
                    cost: run.usage.cost_usd,
                    effort: self.efforts.get().and_then(|all| all.iter().find(|e| e.of == run.id).cloned()),
                    prompt: run.arms.iter().find_map(|arm| arm.split_once("@r")?.0.parse().ok()),
                })
            })
            .collect();
    }
}

impl Screen for Trends {
    fn scope(&self) -> Scope {
        Scope::Trends
    }

    fn tab(&self) -> Tab {
        Tab::Trends
    }

    fn title(&self) -> String {
        "Trends".into()
    }

    fn open(&mut self, cx: &mut Cx) {
        self.runs.ask(cx, Use::Rest, Query::Runs);
        self.pooled.ask(cx, Use::Rest, Query::Pooled(PoolQuery::default()));
        self.efforts.ask(cx, Use::Picture, Query::Efforts);
    }

    fn changed(&mut self, cx: &mut Cx) {
        if self.runs.get().is_some() {
            self.open(cx);
        }
    }

    fn act(&mut self, action: Action, cx: &mut Cx) -> bool {
        if self.cursor.act(action, self.points.len()) {
            return true;
        }
        match action {
            Action::NextCriterion => {
                self.criterion = (self.criterion + 1) % self.criteria.len().max(1);
                self.work();
            }
            Action::Metric => self.metric = self.metric.next(),
            Action::Revisions => match self.points.get(self.cursor.at).map(|p| p.prompt.clone()) {
                Some(Some(name)) => {
                    let screen = super::revisions::Revisions::new(name);
                    cx.nav = Some(Nav::Push(Box::new(screen)));
                }
                Some(None) => cx.say("the arms of this run are no revisions of a prompt"),
                None => {}
            },
            Action::Enter => {
                let wanted = self.points.get(self.cursor.at).map(|p| p.run.clone());
                let run = self
                    .runs
                    .get()
                    .and_then(|runs| runs.iter().find(|r| Some(r.id.chars().take(6).collect()) == wanted));
                if let Some(run) = run {
                    let grid = super::grid::Grid::new(run.id.clone());
                    cx.nav = Some(Nav::Tab(Tab::Runs, Some(Box::new(grid))));
                }
            }
            _ => return false,
        }
        true
    }

    fn reply(&mut self, ticket: Ticket, result: &Result<Reply, String>, cx: &mut Cx) -> bool {
        let (runs, pooled) = (self.runs.settle(ticket), self.pooled.settle(ticket));
        let efforts = self.efforts.settle(ticket);
        match result {
            Ok(Reply::Runs(list)) if runs => self.runs.set(list.clone()),
            Ok(Reply::Pooled(list)) if pooled => self.pooled.set(list.clone()),
            Ok(Reply::Efforts(list)) if efforts => self.efforts.set(list.clone()),
            Err(why) if runs || pooled || efforts => cx.fail(why.clone()),
            _ => {}
        }
        if runs || pooled || efforts {
            self.work();
        }
        runs || pooled || efforts
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
            if !self.runs.is_waiting() && !self.pooled.is_waiting() {
                let words = "Nothing has a trend yet: press 2, then J to judge some responses; each run is a point here.";
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
        let scale = if self.metric == Metric::Score { ["1", "5"] } else { ["0", "most"] };
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
        let values = self.points.iter().filter_map(|p| self.metric.of(p.effort.as_ref()?));
        let top = values.fold(0.0_f64, f64::max);
        let rows = Rect { y: body.y + 3, height: body.height.saturating_sub(3), ..body };
        for (i, at) in self.cursor.rows(self.points.len(), rows).enumerate() {
            let here = row(rows, rows.y + i as u16);
            if at == self.cursor.at {
                select(buf, here, true, env.theme);
            }
            draw_point(&self.points[at], (self.metric, top), bar, here, buf, env);
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
            ("├──●──┤", "the mean on the scale from 1 to 5, and its 95 % interval over items"),
            ("value", "the mean, or the measure that m chose; — where nothing is known of it"),
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

fn draw_point(p: &Point, (metric, top): (Metric, f64), bar: usize, here: Rect, buf: &mut Buffer, env: &Env) {
    let dim = env.style(Meaning::Dim);
    let (chart, meaning) = match (metric, p.effort.as_ref().and_then(|e| metric.of(e))) {
        (Metric::Score, _) => {
            let meaning = p.mean.map_or(Meaning::Dim, |m| Meaning::Score(m.round().clamp(1.0, 5.0) as u8));
            (forest(p.mean, p.interval, bar), meaning)
        }
        (Metric::Failures, Some(v)) if v > 0.0 => (gauge(v / top, bar), Meaning::Warning),
        (_, Some(v)) if top > 0.0 => (gauge(v / top, bar), Meaning::Text),
        _ => ("·".repeat(bar), Meaning::Dim),
    };
    let value = match metric {
        Metric::Score => text::fixed(p.mean, 2),
        other => other.shown(p.effort.as_ref().and_then(|e| other.of(e))),
    };
    let fit = |t: &str, n: usize| text::fit(&text::escape_line(t), n, text::Align::Left);
    let cost = p.cost.map_or_else(|| "—".to_owned(), |c| format!("${c:.4}"));
    let slim = here.width < SLIM;
    let day: String = p.at.chars().take(10).collect();
    let when = if slim { format!("{day} ") } else { format!("{:<17} {:<7} ", p.at, p.run) };
    let parts = [
        seg(when, dim),
        seg(fit(&p.judge, 18), env.style(if p.recorded { Meaning::Warning } else { Meaning::Text })),
        seg(format!(" {} ", fit(&p.set, 12)), dim),
        seg(chart, env.style(meaning)),
        seg(format!(" {value:>8} {:>5} ", p.n), env.style(Meaning::Text)),
        seg(
            format!("{:>6} ", p.failed),
            env.style(if p.failed > 0 { Meaning::Warning } else { Meaning::Dim }),
        ),
        seg(if slim { String::new() } else { format!("{cost:>8}") }, dim),
    ];
    put_cut(buf, here.x + 2, here.y, here.width.saturating_sub(3), &parts);
}
