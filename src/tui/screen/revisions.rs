//! A prompt's revisions as charts: a forest plot of revisions by criterion, and what judging each took.
//!
//! ```text
//! query::Charts (prompt) -> history::points per criterion -> rows: interval on the scale 1..5, change, in words
//!                           -> efforts                       -> rows: bars of cost, latency, failures
//! ```

use crate::core::prompt::PromptName;
use crate::core::text;
use crate::eval::history::{self, HistoryPoint};
use crate::store::scores::Effort;
use crate::store::{RevisionInfo, RevisionScore};
use crate::tui::context::{Context, Pending};
use crate::tui::draw_text::{gauge, put, put_cut, row, seg, select};
use crate::tui::keys::{Action, KeyScope};
use crate::tui::model::{Priority, RevisionRef, Ticket};
use crate::tui::query;
use crate::tui::route::{Route, Tab};
use crate::tui::screen::Screen;
use crate::tui::session::Env;
use crate::tui::theme::Meaning;
use crate::tui::widget::bars::{foot_rule, head_rule};
use crate::tui::widget::cursor::Cursor;
use crate::tui::widget::decided::look;
use crate::tui::widget::forest::{ForestMetric, forest};
use crate::tui::widget::means;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use std::collections::HashMap;

/// What is loaded.
struct RevisionRows {
    log: HashMap<u32, RevisionInfo>,
    scores: Vec<RevisionScore>,
    efforts: Vec<Effort>,
}

/// A row of the chart.
enum ChartRow {
    Criterion(String),
    Point(HistoryPoint),
}

/// The state of the screen.
pub struct Revisions {
    name: PromptName,
    data: Pending<query::Charts, RevisionRows>,
    rows: Vec<ChartRow>,
    metric: ForestMetric,
    cursor: Cursor,
}

impl Revisions {
    /// Of a prompt.
    pub fn new(name: PromptName) -> Self {
        Self {
            name,
            data: Pending::default(),
            rows: Vec::new(),
            metric: ForestMetric::default(),
            cursor: Cursor::default(),
        }
    }

    fn work(&mut self) {
        let Some(data) = self.data.get() else { return };
        let overall = history::points(&data.scores, None).into_iter().map(ChartRow::Point);
        let criteria = history::criteria(&data.scores);
        let title = if criteria.len() > 1 { "all criteria" } else { "" };
        self.rows = match (self.metric, criteria.as_slice()) {
            (_, []) => Vec::new(),
            (ForestMetric::Score, [_, _, ..]) => {
                let each = criteria.iter().flat_map(|name| {
                    let points = history::points(&data.scores, Some(name)).into_iter().map(ChartRow::Point);
                    std::iter::once(ChartRow::Criterion(name.clone())).chain(points).collect::<Vec<_>>()
                });
                std::iter::once(ChartRow::Criterion(title.into())).chain(overall).chain(each).collect()
            }
            (ForestMetric::Score, [one]) => {
                std::iter::once(ChartRow::Criterion(one.clone())).chain(overall).collect()
            }
            _ => overall.collect(),
        };
    }

    fn selected(&self) -> Option<&HistoryPoint> {
        match self.rows.get(self.cursor.at)? {
            ChartRow::Point(point) => Some(point),
            ChartRow::Criterion(_) => None,
        }
    }

    /// What judging a revision took under the judge whose scores are shown.
    fn effort(&self, seq: u32) -> Option<&Effort> {
        let data = self.data.get()?;
        let judge = history::main_judge(&data.scores)?.hex();
        data.efforts.iter().find(|e| e.seq == seq && e.of == judge)
    }
}

impl Screen for Revisions {
    fn scope(&self) -> KeyScope {
        KeyScope::Revisions
    }

    fn tab(&self) -> Tab {
        Tab::Prompts
    }

    fn title(&self) -> String {
        format!("Revisions {}", self.name)
    }

    fn has_tabs(&self) -> bool {
        false
    }

    fn open(&mut self, cx: &mut Context) {
        self.data.ask(cx, Priority::Background, query::Charts(self.name.clone()));
    }

    fn changed(&mut self, cx: &mut Context) {
        if !self.data.is_waiting() {
            self.open(cx);
        }
    }

    fn act(&mut self, action: Action, cx: &mut Context) -> bool {
        if self.cursor.act(action, self.rows.len()) {
            return true;
        }
        match action {
            Action::Metric => {
                self.metric = self.metric.next();
                self.cursor = Cursor::default();
                self.work();
            }
            Action::Enter | Action::Diff => match self.selected() {
                Some(HistoryPoint { seq, change: Some(change), .. }) => {
                    let spot = |seq| RevisionRef { name: self.name.clone(), seq };
                    cx.go(Route::diff(spot(change.since), spot(*seq)));
                }
                Some(point) => {
                    cx.say(format!("r{} is the first that was scored: nothing before it", point.seq))
                }
                None => {}
            },
            Action::Back | Action::Quit => cx.leave(),
            _ => return false,
        }
        true
    }

    fn reply(&mut self, ticket: Ticket, cx: &mut Context) -> bool {
        match self.data.answer(ticket) {
            Some(Ok(found)) => {
                let log = found.log.into_iter().map(|r| (r.seq, r)).collect();
                self.data.set(RevisionRows { log, scores: found.scores, efforts: found.efforts });
                self.work();
            }
            Some(Err(why)) => cx.fail(why),
            None => return false,
        }
        true
    }

    fn list_at(&mut self, at: Position) -> Option<&mut Cursor> {
        self.cursor.under(at)
    }

    fn draw(&mut self, area: Rect, buf: &mut Buffer, env: &Env) {
        if area.height < 5 || area.width < 40 {
            return;
        }
        let (dim, strong) = (env.style(Meaning::Dim), env.style(Meaning::Strong));
        let metric = self.metric.words();
        let mut words = format!("   {metric} by revision; changes are associated, not caused");
        if text::width(&words) + text::width(&self.name.to_string()) + 1 > usize::from(area.width) {
            words = format!("   {metric} by revision · associated");
        }
        let head = [seg(format!(" {}", self.name), strong), seg(words, dim)];
        put_cut(buf, area.x, area.y, area.width, &head);
        head_rule(buf, area, area.y + 1, &[], env);
        foot_rule(buf, area, area.bottom() - 1, &[], env);
        let body = Rect { y: area.y + 2, height: area.height - 3, ..area };
        if self.rows.is_empty() {
            let words = if self.data.get().is_some() {
                env.filled(
                    KeyScope::Prompts,
                    "No revision of this prompt was judged yet: {Judge} on Prompts plans a run.",
                )
            } else {
                String::new()
            };
            put_cut(buf, body.x + 2, body.y + 1, body.width.saturating_sub(3), &[seg(words, dim)]);
            return;
        }
        let bar = usize::from(body.width).saturating_sub(70).clamp(8, 60);
        let top = (1..).zip(&self.rows).filter_map(|(_, r)| match r {
            ChartRow::Point(p) => self.metric.of(self.effort(p.seq)?),
            ChartRow::Criterion(_) => None,
        });
        let top = top.fold(0.0_f64, f64::max);
        for (i, at) in self.cursor.rows(self.rows.len(), body).enumerate() {
            let here = row(body, body.y + i as u16);
            if at == self.cursor.at {
                select(buf, here, true, env.theme);
            }
            match self.rows.get(at) {
                Some(ChartRow::Criterion(name)) => {
                    let scale = if self.metric == ForestMetric::Score {
                        format!("1{}5", " ".repeat(bar.saturating_sub(2)))
                    } else {
                        String::new()
                    };
                    let name = text::fit(&text::escape_line(name), 22, text::Align::Left);
                    put_cut(buf, here.x + 1, here.y, here.width, &[seg(name, strong), seg(scale, dim)]);
                }
                Some(ChartRow::Point(point)) => self.draw_point(point, bar, top, here, buf, env),
                None => {}
            }
        }
    }

    fn hints(&self) -> Vec<Action> {
        vec![Action::Metric, Action::Diff]
    }

    fn status(&self, _env: &Env) -> String {
        let Some(point) = self.selected() else { return String::new() };
        let message =
            self.data.get().and_then(|d| d.log.get(&point.seq)?.message.clone()).unwrap_or_default();
        format!("r{} {}", point.seq, message.lines().next().unwrap_or(""))
    }

    fn figures(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("├──●──┤", "a revision's mean on the scale from 1 to 5, and its 95 % interval over cases"),
            ("4.02 [3.91, 4.13]", "the same in digits"),
            ("n", "cases with a score"),
            (
                "▲ +0.12 better",
                "change from the revision scored before, over common cases; as `run compare` decides it",
            ),
            ("▼ worse", "the same the other way; by people wherever their sample allows"),
            ("? no evidence", "the change may well be chance; · too few cases: fewer than six in common"),
            ("associated", "the score changed with this revision; what caused it, figures cannot say"),
            ("cost", "what all verdicts on the revision cost, where a price is known"),
            (
                "latency",
                "mean time of the requests that were really sent; recorded and cached ones have none",
            ),
            ("failures", "share of verdicts that ended without a score: they enter no mean"),
        ]
    }

    fn ticks(&self) -> bool {
        self.data.is_waiting()
    }
}

impl Revisions {
    fn draw_point(&self, p: &HistoryPoint, bar: usize, top: f64, here: Rect, buf: &mut Buffer, env: &Env) {
        let dim = env.style(Meaning::Dim);
        let info = self.data.get().and_then(|d| d.log.get(&p.seq));
        let age = info
            .and_then(|r| r.created_at.parse::<jiff::Timestamp>().ok())
            .map_or_else(String::new, |t| text::relative_time(t.as_second(), env.now));
        let version = info.map_or_else(String::new, |r| r.digest.short());
        let mut parts = vec![
            seg(text::pad(&format!("r{}", p.seq), 5, text::Align::Left), env.style(Meaning::Accent)),
            seg(format!("{} ", text::pad(&version, 8, text::Align::Left)), dim),
            seg(format!("{}  ", text::pad(&age, 5, text::Align::Right)), dim),
        ];
        if self.metric == ForestMetric::Score {
            let drawn = |figure: f64| p.scale.on_levels(figure);
            let ends = p.ci95.map(|(lo, hi)| (drawn(lo), drawn(hi)));
            let colour = env.style(Meaning::Score(drawn(p.mean).round().clamp(1.0, 5.0) as u8));
            parts.push(seg(forest(Some(drawn(p.mean)), ends, bar), colour));
            parts.push(seg(
                format!(
                    "  {}",
                    text::pad(&means::with_interval(Some(p.mean), p.ci95), 17, text::Align::Left)
                ),
                env.style(Meaning::Text),
            ));
            parts.push(seg(format!("{:>4} ", p.n), dim));
            if let Some(change) = &p.change {
                let look = look(change.decision);
                let words =
                    format!("{} {} {}", look.sign, text::signed(Some(change.difference), 2), look.words);
                parts.push(seg(words, env.style(look.meaning)));
            }
        } else {
            let effort = self.effort(p.seq);
            let value = effort.and_then(|e| self.metric.of(e));
            let share = value.filter(|_| top > 0.0).map_or(0.0, |v| v / top);
            let meaning = if self.metric == ForestMetric::Failures && share > 0.0 {
                Meaning::Warning
            } else {
                Meaning::Text
            };
            parts.push(seg(gauge(share, bar), env.style(meaning)));
            parts.push(seg(format!("  {:>10}", self.metric.shown(value)), env.style(Meaning::Strong)));
            let verdicts = effort.map_or(0, |e| e.verdicts);
            parts.push(seg(format!("   {} verdicts", text::count(verdicts)), dim));
        }
        put(buf, here.x + 2, here.y, here.width.saturating_sub(3), &parts);
    }
}
