//! Agreement: the judge's scores against the people's, cell by cell, and what that says about trust.

use super::super::app::{foot_rule, head_rule};
use super::super::env::Env;
use super::super::keys::{Action, Scope};
use super::super::msg::{Lane, Ticket};
use super::super::paint::{put, put_cut, seg};
use super::super::query::{Query, Reply};
use super::super::theme::Meaning;
use super::{Cx, Nav, Screen, Slot, Tab};
use crate::core::stats::agree::{Agreement as Figures, Figure, agreement};
use crate::core::text;
use crate::store::{Cell, ReviewInfo, RunInfo};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// The state of the screen.
pub struct Agreement {
    wanted: String,
    grid: Slot<()>,
    run: Option<Box<RunInfo>>,
    cells: Vec<Cell>,
    reviews: Vec<ReviewInfo>,
    criterion: usize,
    /// (human, judge), 1 to 5 each.
    at: (u8, u8),
    found: Option<Figures>,
    /// (human, judge, item)
    pairs: Vec<(u8, u8, u32)>,
}

impl Agreement {
    /// Over a run's reviews.
    pub fn new(run: impl Into<String>) -> Self {
        Self {
            wanted: run.into(),
            grid: Slot::default(),
            run: None,
            cells: Vec::new(),
            reviews: Vec::new(),
            criterion: 0,
            at: (3, 3),
            found: None,
            pairs: Vec::new(),
        }
    }

    fn work(&mut self) {
        let column = self.criterion as u32;
        self.pairs = self
            .reviews
            .iter()
            .filter(|r| r.review.criterion == column && !r.review.saw_judge)
            .filter_map(|r| {
                let judged = self
                    .cells
                    .iter()
                    .find(|c| c.item == r.review.item && c.criterion == column && c.score.is_some());
                Some((r.review.score?, judged?.score?, r.review.item))
            })
            .collect();
        let both: Vec<(u8, u8)> = self.pairs.iter().map(|(h, j, _)| (*h, *j)).collect();
        self.found = (!both.is_empty()).then(|| agreement(&both, None, 1));
    }
}

impl Screen for Agreement {
    fn scope(&self) -> Scope {
        Scope::Agreement
    }

    fn tab(&self) -> Tab {
        Tab::Runs
    }

    fn title(&self) -> String {
        "Agreement".into()
    }

    fn has_tabs(&self) -> bool {
        false
    }

    fn open(&mut self, cx: &mut Cx) {
        self.grid.ask(cx, Lane::Other, Query::Grid(self.wanted.clone()));
    }

    fn act(&mut self, action: Action, cx: &mut Cx) -> bool {
        let (human, judge) = &mut self.at;
        match action {
            Action::Up => *human = (*human - 1).max(1),
            Action::Down => *human = (*human + 1).min(5),
            Action::Left => *judge = (*judge - 1).max(1),
            Action::Right => *judge = (*judge + 1).min(5),
            Action::NextCriterion => {
                let n = self.run.as_ref().map_or(1, |r| r.criteria.len().max(1));
                self.criterion = (self.criterion + 1) % n;
                self.work();
            }
            Action::Enter => {
                let found = self.pairs.iter().find(|(h, j, _)| (*h, *j) == self.at);
                match (found, &self.run) {
                    (Some((_, _, item)), Some(run)) => {
                        cx.nav =
                            Some(Nav::Push(Box::new(super::item::ItemScreen::new(run.id.clone(), *item))));
                    }
                    _ => cx.say("no item has this pair of scores"),
                }
            }
            Action::Back | Action::Quit => cx.nav = Some(Nav::Pop),
            _ => return false,
        }
        true
    }

    fn reply(&mut self, ticket: Ticket, result: &Result<Reply, String>, cx: &mut Cx) -> bool {
        if !self.grid.settle(ticket) {
            return false;
        }
        match result {
            Ok(Reply::Grid { run, cells, reviews, .. }) => {
                self.run = Some(Box::new((**run).clone()));
                self.cells = cells.clone();
                self.reviews = reviews.clone();
                self.work();
            }
            Ok(_) => {}
            Err(why) => cx.fail(why.clone()),
        }
        true
    }

    fn draw(&mut self, area: Rect, buf: &mut Buffer, env: &Env) {
        if area.height < 8 || area.width < 40 {
            return;
        }
        let (dim, strong) = (env.style(Meaning::Dim), env.style(Meaning::Strong));
        let Some(run) = &self.run else { return };
        let name = run.criteria.get(self.criterion).cloned().unwrap_or_default();
        let head = [
            seg(format!(" {name}"), strong),
            seg(format!("   judge {} against people, blind scores only", run.spec.judge), dim),
        ];
        put_cut(buf, area.x, area.y, area.width, &head);
        head_rule(buf, area, area.y + 1, &[], env);
        foot_rule(buf, area, area.bottom() - 1, &[], env);
        let body = Rect { x: area.x + 2, y: area.y + 3, width: area.width - 4, height: area.height - 5 };
        let Some(found) = &self.found else {
            let words = "Nobody has scored these responses blind yet: press v in the run. Ten scores already say something.";
            put_cut(buf, body.x, body.y, body.width, &[seg(words, dim)]);
            return;
        };
        draw_grid(found, self.at, body, buf, env);
        let side = body.width >= 90;
        let place = if side {
            Rect { x: body.x + 46, width: body.width - 46, ..body }
        } else {
            Rect { y: body.y + 9, height: body.height.saturating_sub(9), ..body }
        };
        draw_figures(found, place, buf, env);
    }

    fn hints(&self) -> Vec<Action> {
        vec![Action::NextCriterion]
    }

    fn status(&self, _env: &Env) -> String {
        let here = self.pairs.iter().filter(|(h, j, _)| (*h, *j) == self.at).count();
        format!("human {} judge {}: {here} · Enter opens", self.at.0, self.at.1)
    }

    fn figures(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("same score", "share of items where judge and person gave the same score"),
            ("bias", "the judge's score minus the person's, on average; above 0 the judge is kinder"),
            ("kappa", "agreement beyond chance, far misses weighing more: 0 is chance, 1 is perfect"),
            ("alpha", "Krippendorff's, for ordered scores: .8 is good, below .67 draw no conclusions"),
            ("[a, b]", "where the figure lies with 95 % confidence"),
            ("n/a", "cannot be said: one side always gave the same score, or there are too few"),
        ]
    }
}

fn draw_grid(found: &Figures, at: (u8, u8), area: Rect, buf: &mut Buffer, env: &Env) {
    let dim = env.style(Meaning::Dim);
    put(buf, area.x, area.y, area.width, &[seg("            judge", dim)]);
    put(buf, area.x, area.y + 1, area.width, &[seg("  human     1      2      3      4      5", dim)]);
    for human in 1..=5_u8 {
        let y = area.y + 1 + u16::from(human);
        if y >= area.bottom() {
            return;
        }
        put(buf, area.x, y, 8, &[seg(format!("      {human}"), env.style(Meaning::Score(human)))]);
        for judge in 1..=5_u8 {
            let n = found.grid.cells[usize::from(human - 1)][usize::from(judge - 1)];
            let x = area.x + 8 + u16::from(judge - 1) * 7;
            let meaning = match human.abs_diff(judge) {
                0 => Meaning::Good,
                1 => Meaning::Text,
                _ => Meaning::Warning,
            };
            let shown = if n == 0 { "·".to_owned() } else { n.to_string() };
            let style = if n == 0 { dim } else { env.style(meaning) };
            put(buf, x, y, 6, &[seg(text::pad(&shown, 5, text::Align::Right), style)]);
            if (human, judge) == at {
                super::super::paint::tint(
                    buf,
                    Rect { x, y, width: 6, height: 1 },
                    env.style(Meaning::Selected),
                );
            }
        }
    }
}

fn draw_figures(found: &Figures, area: Rect, buf: &mut Buffer, env: &Env) {
    let lines: [(&str, &Figure); 6] = [
        ("same score", &found.exact),
        ("within one", &found.within_one),
        ("bias", &found.bias),
        ("kappa, quadratic", &found.kappa_quadratic),
        ("alpha, ordinal", &found.alpha_ordinal),
        ("rank correlation", &found.spearman),
    ];
    put(buf, area.x, area.y, area.width, &[seg(format!("n {}", found.n), env.style(Meaning::Dim))]);
    for (i, (name, figure)) in lines.iter().enumerate() {
        let y = area.y + 1 + i as u16;
        if y >= area.bottom() {
            return;
        }
        let value = figure.value.map_or_else(|| "n/a".to_owned(), |v| format!("{v:.2}"));
        let interval = figure.ci95.map_or_else(String::new, |(lo, hi)| format!("[{lo:.2}, {hi:.2}]"));
        let parts = [
            seg(text::pad(name, 20, text::Align::Left), env.style(Meaning::Dim)),
            seg(text::pad(&value, 6, text::Align::Right), env.style(Meaning::Strong)),
            seg(format!("  {interval}"), env.style(Meaning::Dim)),
        ];
        put_cut(buf, area.x, y, area.width, &parts);
    }
}
