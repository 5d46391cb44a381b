//! Trends: run by run, the mean of each criterion with its interval, failures and cost. Oldest first.

use super::super::app::{foot_rule, head_rule};
use super::super::env::Env;
use super::super::keys::{Action, Scope};
use super::super::msg::{Lane, Ticket};
use super::super::paint::{put, put_cut, row, seg, select};
use super::super::query::{Query, Reply};
use super::super::theme::Meaning;
use super::{Cursor, Cx, Nav, Screen, Slot, Tab};
use crate::core::stats::mean::mean_ci;
use crate::core::text;
use crate::core::verdict::State;
use crate::store::{PoolQuery, PooledVerdict, RunInfo};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
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
}

/// The state of the screen.
#[derive(Default)]
pub struct Trends {
    runs: Slot<Vec<RunInfo>>,
    pooled: Slot<Vec<PooledVerdict>>,
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
        for v in pooled.iter().filter(|v| v.criterion == *wanted) {
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
                let ci = mean_ci(&values, 0.95);
                Some(Point {
                    run: run.id.chars().take(6).collect(),
                    at: run.created_at.chars().take(16).collect(),
                    judge: run.spec.judge.clone(),
                    recorded: run.imported || run.spec.judge == "recorded",
                    set: run.spec.set.clone(),
                    mean: ci.mean,
                    interval: ci.interval(),
                    n: ci.n,
                    failed: run.verdicts.iter().filter(|(s, _)| **s != State::Scored).map(|(_, n)| n).sum(),
                    cost: run.usage.cost_usd,
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
        self.runs.ask(cx, Lane::Other, Query::Runs);
        self.pooled.ask(cx, Lane::Other, Query::Pooled(PoolQuery::default()));
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
        match result {
            Ok(Reply::Runs(list)) if runs => self.runs.set(list.clone()),
            Ok(Reply::Pooled(list)) if pooled => self.pooled.set(list.clone()),
            Err(why) if runs || pooled => cx.fail(why.clone()),
            _ => {}
        }
        if runs || pooled {
            self.work();
        }
        runs || pooled
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
            &[seg(name, env.style(Meaning::Strong)), seg("   mean by run, oldest first", dim)],
        );
        let bar = usize::from(body.width).saturating_sub(92).clamp(8, 60);
        let head = format!(
            "  {:<17} {:<7} {:<18} {:<12} 1{:>w$}  {:>5} {:>6} {:>6} {:>8}",
            "when",
            "run",
            "judge",
            "set",
            "5",
            "mean",
            "n",
            "failed",
            "cost",
            w = bar - 1
        );
        put_cut(buf, body.x, body.y + 2, body.width, &[seg(head, dim)]);
        let rows = Rect { y: body.y + 3, height: body.height.saturating_sub(3), ..body };
        for (i, at) in self.cursor.window(self.points.len(), usize::from(rows.height)).enumerate() {
            let here = row(rows, rows.y + i as u16);
            if at == self.cursor.at {
                select(buf, here, true, env.theme);
            }
            draw_point(&self.points[at], bar, here, buf, env);
        }
    }

    fn hints(&self) -> Vec<Action> {
        if self.criteria.len() > 1 { vec![Action::NextCriterion] } else { Vec::new() }
    }

    fn figures(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("├──●──┤", "the mean on the scale from 1 to 5, and its 95 % interval over items"),
            ("n", "items with a score"),
            ("failed", "verdicts without a score in that run: they enter no mean"),
            (
                "judge",
                "means of two judges, or over two sets, are never compared: look down one judge's rows",
            ),
        ]
    }
}

fn draw_point(p: &Point, bar: usize, here: Rect, buf: &mut Buffer, env: &Env) {
    let dim = env.style(Meaning::Dim);
    let place = |v: f64| ((((v - 1.0) / 4.0) * (bar - 1) as f64).round().max(0.0) as usize).min(bar - 1);
    let mut cells = vec!['·'; bar];
    if let Some((lo, hi)) = p.interval {
        let (lo, hi) = (place(lo), place(hi));
        cells[lo..=hi].fill('─');
        cells[lo] = '├';
        cells[hi] = '┤';
    }
    if let Some(mean) = p.mean {
        cells[place(mean)] = '●';
    }
    let meaning = p.mean.map_or(Meaning::Dim, |m| Meaning::Score(m.round().clamp(1.0, 5.0) as u8));
    let fit = |t: &str, n: usize| text::fit(&text::escape_line(t), n, text::Align::Left);
    let cost = p.cost.map_or_else(|| "—".to_owned(), |c| format!("${c:.4}"));
    let mean = p.mean.map_or_else(|| "n/a".to_owned(), |m| format!("{m:.2}"));
    let parts = [
        seg(format!("{:<17} {:<7} ", p.at, p.run), dim),
        seg(fit(&p.judge, 18), env.style(if p.recorded { Meaning::Warning } else { Meaning::Text })),
        seg(format!(" {} ", fit(&p.set, 12)), dim),
        seg(cells.into_iter().collect::<String>(), env.style(meaning)),
        seg(format!("  {mean:>5} {:>6} ", p.n), env.style(Meaning::Text)),
        seg(
            format!("{:>6} ", p.failed),
            env.style(if p.failed > 0 { Meaning::Warning } else { Meaning::Dim }),
        ),
        seg(format!("{cost:>8}"), dim),
    ];
    put_cut(buf, here.x + 2, here.y, here.width.saturating_sub(3), &parts);
}
