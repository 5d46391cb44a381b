//! Compare: two arms of a run on the same cases under the same judge, criterion by criterion, and the flips.

use super::super::app::{foot_rule, head_rule};
use super::super::env::Env;
use super::super::keys::{Action, Scope};
use super::super::msg::{Lane, Ticket};
use super::super::paint::{put, put_cut, put_right, row, rule, seg, select};
use super::super::query::{Query, Reply};
use super::super::theme::Meaning;
use super::{Cursor, Cx, Nav, Screen, Slot, Tab};
use crate::core::stats::compare::{Comparison, Pair, PairedInput, paired_compare, verdict_sentence};
use crate::core::text;
use crate::store::{Cell, RunInfo, RunItem};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use std::collections::BTreeMap;

/// The seed of the sign-flip test: the same answer today and tomorrow.
const SEED: u64 = 20_261_123;

/// A case whose score changed.
#[derive(Debug, Clone, PartialEq)]
struct Flip {
    case_id: String,
    criterion: String,
    a: f64,
    b: f64,
    item: u32,
}

/// What is shown once the run is loaded.
#[derive(Debug, Default)]
struct Ground {
    run: Option<Box<RunInfo>>,
    items: Vec<RunItem>,
    cells: Vec<Cell>,
}

/// The state of the screen.
pub struct Compare {
    wanted: String,
    grid: Slot<()>,
    ground: Ground,
    /// Indices into the run's arms.
    pair: (usize, usize),
    found: Vec<Comparison>,
    /// The smallest change of each criterion that is more than the judge's own noise, where it is known.
    floors: Vec<Option<f64>>,
    flips: Vec<Flip>,
    gains_first: bool,
    cursor: Cursor,
}

impl Compare {
    /// The arms of a run.
    pub fn new(run: impl Into<String>) -> Self {
        Self {
            wanted: run.into(),
            grid: Slot::default(),
            ground: Ground::default(),
            pair: (0, 1),
            found: Vec::new(),
            floors: Vec::new(),
            flips: Vec::new(),
            gains_first: false,
            cursor: Cursor::default(),
        }
    }

    fn arms(&self) -> &[String] {
        self.ground.run.as_ref().map_or(&[], |r| r.arms.as_slice())
    }

    fn names(&self) -> (String, String) {
        let name = |i: usize| self.arms().get(i).cloned().unwrap_or_default();
        (name(self.pair.0), name(self.pair.1))
    }

    /// Pairs up the scores of the two arms.
    fn work(&mut self) {
        let Some(run) = &self.ground.run else { return };
        let (a, b) = self.names();
        let mut sums: BTreeMap<(u32, String), [(f64, u32, u32); 2]> = BTreeMap::new();
        let mut clusters: BTreeMap<String, u32> = BTreeMap::new();
        let mut of_case: BTreeMap<String, Option<u32>> = BTreeMap::new();
        for item in &self.ground.items {
            let number = item.cluster.as_ref().map(|c| {
                let next = clusters.len() as u32;
                *clusters.entry(c.clone()).or_insert(next)
            });
            of_case.insert(item.case_id.clone(), number);
        }
        for cell in &self.ground.cells {
            let Some(item) = self.ground.items.get(cell.item as usize) else { continue };
            let side = if item.arm == a {
                0
            } else if item.arm == b {
                1
            } else {
                continue;
            };
            let slot = &mut sums.entry((cell.criterion, item.case_id.clone())).or_default()[side];
            slot.2 = item.ord;
            if let Some(score) = cell.score {
                *slot = (slot.0 + f64::from(score), slot.1 + 1, item.ord);
            }
        }
        let mean = |(sum, n, _): (f64, u32, u32)| (n > 0).then(|| sum / f64::from(n));
        let mut inputs = Vec::new();
        self.flips.clear();
        for (column, name) in run.criteria.iter().enumerate() {
            let mut pairs = Vec::new();
            for ((_, case), [left, right]) in sums.iter().filter(|((c, _), _)| *c as usize == column) {
                let (before, after) = (mean(*left), mean(*right));
                pairs.push(Pair { a: before, b: after, cluster: of_case.get(case).copied().flatten() });
                if let (Some(x), Some(y)) = (before, after)
                    && (x - y).abs() > f64::EPSILON
                {
                    self.flips.push(Flip {
                        case_id: case.clone(),
                        criterion: name.clone(),
                        a: x,
                        b: y,
                        item: right.2,
                    });
                }
            }
            inputs.push(PairedInput { name: name.clone(), pairs });
        }
        self.found = paired_compare(&inputs, SEED);
        let noise = crate::eval::noise(run, &self.ground.cells, &self.ground.items);
        self.floors = self.found.iter().zip(&noise).map(|(c, n)| n.floor_over(c.n)).collect();
        self.sort();
    }

    fn sort(&mut self) {
        let gains = self.gains_first;
        self.flips.sort_by(|x, y| {
            let change = |f: &Flip| f.b - f.a;
            let order = change(x).total_cmp(&change(y));
            (if gains { order.reverse() } else { order }).then_with(|| x.case_id.cmp(&y.case_id))
        });
        self.cursor = Cursor { height: self.cursor.height, ..Cursor::default() };
    }

    /// The next pair of arms, in order.
    fn next_pair(&mut self, cx: &mut Cx) {
        let n = self.arms().len();
        if n < 3 {
            return cx.say("this run has no other pair of arms");
        }
        let (a, b) = self.pair;
        self.pair = if b + 1 < n {
            (a, b + 1)
        } else if a + 2 < n {
            (a + 1, a + 2)
        } else {
            (0, 1)
        };
        self.work();
    }
}

impl Screen for Compare {
    fn scope(&self) -> Scope {
        Scope::Compare
    }

    fn tab(&self) -> Tab {
        Tab::Runs
    }

    fn title(&self) -> String {
        "Compare".into()
    }

    fn has_tabs(&self) -> bool {
        false
    }

    fn open(&mut self, cx: &mut Cx) {
        self.grid.ask(cx, Lane::Other, Query::Grid(self.wanted.clone()));
    }

    fn act(&mut self, action: Action, cx: &mut Cx) -> bool {
        if self.cursor.act(action, self.flips.len()) {
            return true;
        }
        match action {
            Action::NextPane => self.next_pair(cx),
            Action::Sort => {
                self.gains_first = !self.gains_first;
                self.sort();
            }
            Action::Enter => {
                if let (Some(flip), Some(run)) = (self.flips.get(self.cursor.at), &self.ground.run) {
                    let item = super::item::ItemScreen::new(run.id.clone(), flip.item);
                    cx.nav = Some(Nav::Push(Box::new(item)));
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
            Ok(Reply::Grid { run, items, cells, .. }) => {
                self.ground = Ground {
                    run: Some(Box::new((**run).clone())),
                    items: items.clone(),
                    cells: cells.clone(),
                };
                self.work();
            }
            Ok(_) => {}
            Err(why) => cx.fail(why.clone()),
        }
        true
    }

    fn draw(&mut self, area: Rect, buf: &mut Buffer, env: &Env) {
        if area.height < 6 || area.width < 30 {
            return;
        }
        let dim = env.style(Meaning::Dim);
        let (a, b) = self.names();
        let Some(run) = &self.ground.run else { return };
        let right = format!("judge {} · {} passes", run.spec.judge, run.spec.repeats);
        let end = put_right(buf, area.right().saturating_sub(1), area.y, area.width / 3, &seg(right, dim));
        let strong = env.style(Meaning::Strong);
        let head = [
            seg(format!(" {a}"), strong),
            seg("  →  ", env.style(Meaning::Accent)),
            seg(b.clone(), strong),
            seg(format!("   on {}", run.spec.set), dim),
        ];
        put_cut(buf, area.x, area.y, end.saturating_sub(area.x + 1), &head);
        head_rule(buf, area, area.y + 1, &[], env);
        foot_rule(buf, area, area.bottom() - 1, &[], env);
        let body = Rect { y: area.y + 2, height: area.height - 3, ..area };
        if self.arms().len() < 2 {
            let words = "This run has one arm. A comparison needs two on the same cases: judge a second revision with J.";
            put_cut(buf, body.x + 2, body.y + 1, body.width.saturating_sub(3), &[seg(words, dim)]);
            return;
        }
        let used = draw_table(&self.found, &self.floors, body, buf, env);
        let sentence = verdict_sentence(&self.found, &a, &b);
        let mut y = body.y + used + 1;
        for line in
            text::wrapped(&text::escape_line(&sentence), usize::from(body.width.saturating_sub(3)).max(1))
        {
            put(buf, body.x + 1, y, body.width, &[seg(line.to_owned(), strong)]);
            y += 1;
        }
        y += 1;
        if y + 2 < body.bottom() {
            rule(buf, body, y, &[], '─', env.theme);
            let order = if self.gains_first { "gains first" } else { "drops first" };
            let words = format!(" {} changed, {order} ", text::plural(self.flips.len(), "score", "scores"));
            put_cut(buf, body.x + 2, y, body.width, &[seg(words, dim)]);
            let rows = Rect { y: y + 1, height: body.bottom() - y - 1, ..body };
            for (i, at) in self.cursor.window(self.flips.len(), usize::from(rows.height)).enumerate() {
                draw_flip(&self.flips[at], at == self.cursor.at, row(rows, rows.y + i as u16), buf, env);
            }
        }
    }

    fn hints(&self) -> Vec<Action> {
        vec![Action::Sort]
    }

    fn status(&self, _env: &Env) -> String {
        match self.arms().len() {
            n if n > 2 => format!("pair {} × {} of {n} arms · Tab next", self.pair.0 + 1, self.pair.1 + 1),
            _ => String::new(),
        }
    }

    fn figures(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("change", "mean of B minus A over the cases that both have; above 0 means B scores higher"),
            (
                "a dim change",
                "smaller than the judge's own noise: judging the same responses again moves a mean as far",
            ),
            ("├──●──┤", "where the true change lies with 95 % confidence; ┊ marks no change"),
            (
                "p(Holm)",
                "how often chance alone would give a change like this, corrected for several criteria",
            ),
            ("wins ties losses", "cases where B scores higher, the same, lower"),
            ("missing", "cases that only one arm has a score for: left out, and counted here"),
        ]
    }
}

/// The table of criteria; how many rows it took.
fn draw_table(found: &[Comparison], floors: &[Option<f64>], area: Rect, buf: &mut Buffer, env: &Env) -> u16 {
    let dim = env.style(Meaning::Dim);
    let width = usize::from(area.width);
    let bar = width.saturating_sub(94).min(48);
    let head = format!(
        " {:<14} {:>6} {:>6} {:>7}  {}{:>15} {:>8} {:>5} {:>5} {:>6} {:>7}",
        "",
        "A",
        "B",
        "change",
        " ".repeat(bar),
        "95 %",
        "p(Holm)",
        "wins",
        "ties",
        "losses",
        "missing"
    );
    put_cut(buf, area.x, area.y, area.width, &[seg(head, dim)]);
    let reach =
        found.iter().filter_map(|c| c.ci95).fold(0.2_f64, |m, (lo, hi)| m.max(lo.abs()).max(hi.abs()));
    let number = |v: Option<f64>| v.map_or_else(|| "n/a".to_owned(), |v| format!("{v:.2}"));
    for (i, c) in found.iter().enumerate() {
        let y = area.y + 1 + i as u16;
        if y >= area.bottom() {
            break;
        }
        let floor = floors.get(i).copied().flatten();
        let noise = c.difference.zip(floor).is_some_and(|(d, floor)| d.abs() < floor);
        let meaning = match c.ci95 {
            _ if noise => Meaning::Dim,
            Some((lo, _)) if lo > 0.0 => Meaning::Good,
            Some((_, hi)) if hi < 0.0 => Meaning::Error,
            _ => Meaning::Text,
        };
        let interval = c.ci95.map_or_else(|| "n/a".into(), |(lo, hi)| format!("[{lo:+.2}, {hi:+.2}]"));
        let parts = [
            seg(
                format!(
                    " {} {:>6} {:>6} ",
                    text::fit(&text::escape_line(&c.name), 14, text::Align::Left),
                    number(c.mean_a),
                    number(c.mean_b)
                ),
                env.style(Meaning::Text),
            ),
            seg(
                format!("{:>7}  ", c.difference.map_or_else(|| "n/a".into(), |d| format!("{d:+.2}"))),
                env.style(meaning),
            ),
            seg(forest(c, reach, bar), env.style(meaning)),
            seg(
                format!(
                    "{interval:>15} {:>8} {:>5} {:>5} {:>6} {:>7}",
                    c.p_holm.map_or_else(|| "n/a".into(), |p| format!("{p:.3}")),
                    c.wins,
                    c.ties,
                    c.losses,
                    c.missing
                ),
                dim,
            ),
        ];
        put_cut(buf, area.x, y, area.width, &parts);
    }
    found.len() as u16 + 1
}

/// An interval on a scale from `-reach` to `reach`, `width` columns wide.
fn forest(c: &Comparison, reach: f64, width: usize) -> String {
    if width < 5 {
        return String::new();
    }
    let place =
        |v: f64| (((v / reach + 1.0) / 2.0 * (width - 1) as f64).round().max(0.0) as usize).min(width - 1);
    let mut cells = vec![' '; width];
    if let Some((lo, hi)) = c.ci95 {
        let (lo, hi) = (place(lo), place(hi));
        cells[lo..=hi].fill('─');
        cells[lo] = '├';
        cells[hi] = '┤';
    }
    let zero = place(0.0);
    cells[zero] = if cells[zero] == ' ' { '┊' } else { '┼' };
    if let Some(d) = c.difference {
        cells[place(d)] = '●';
    }
    cells.into_iter().collect()
}

fn draw_flip(flip: &Flip, selected: bool, here: Rect, buf: &mut Buffer, env: &Env) {
    if selected {
        select(buf, here, true, env.theme);
    }
    let change = flip.b - flip.a;
    let (sign, meaning) = if change > 0.0 { ("▲", Meaning::Good) } else { ("▼", Meaning::Error) };
    let score = |v: f64| seg(format!("{v:.1}"), env.style(Meaning::Score(v.round() as u8)));
    let parts = [
        seg(format!("{sign}{:.1}  ", change.abs()), env.style(meaning)),
        score(flip.a),
        seg(" → ", env.style(Meaning::Dim)),
        score(flip.b),
        seg(format!("   {}", text::pad(&flip.case_id, 20, text::Align::Left)), env.style(Meaning::Text)),
        seg(format!("  {}", flip.criterion), env.style(Meaning::Dim)),
    ];
    put_cut(buf, here.x + 2, here.y, here.width.saturating_sub(3), &parts);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn comparison(difference: f64, ci95: (f64, f64)) -> Comparison {
        let pairs = vec![Pair { a: Some(3.0), b: Some(3.0), cluster: None }; 2];
        let mut found = paired_compare(&[PairedInput { name: "x".into(), pairs }], 1);
        let mut c = found.remove(0);
        (c.difference, c.ci95) = (Some(difference), Some(ci95));
        c
    }

    #[test]
    fn an_interval_is_drawn_on_the_common_scale() {
        assert_eq!(forest(&comparison(0.5, (0.2, 0.8)), 1.0, 21), "          ┊ ├──●──┤  ");
        assert_eq!(forest(&comparison(0.0, (-0.4, 0.4)), 1.0, 11), "   ├─●─┤   ");
        assert_eq!(forest(&comparison(9.0, (-9.0, 9.0)), 1.0, 7), "├──┼──●");
        assert_eq!(forest(&comparison(0.0, (0.0, 0.0)), 1.0, 3), "");
    }
}
