//! The table of a comparison: a row for each criterion, two where people's labels decide.
//!
//! ```text
//! both scored    base  cand   change          95 %  p(Holm) wins ties loss missing
//! accuracy       2.50  3.33  ▲ +0.83 [+0.28, +1.24]   0.012    8    4    0       0
//! tone by people             ▼ -0.21 [-0.40, -0.02] 40 cases labelled
//!   judge alone  3.20  3.48    +0.28 [+0.10, +0.46]   0.004   20   11    9       0
//! ```
//! The interval is the one that the decision is read from, so that colour, sign, interval and sentence say one thing.

use super::names;
use crate::core::stats::bounded::Ends;
use crate::core::stats::compare::Comparison;
use crate::core::text;
use crate::eval::compare::is_noise;
use crate::questions::comparison::Versus;
use crate::tui::draw_text::{put_cut, seg};
use crate::tui::session::Env;
use crate::tui::theme::Meaning;
use crate::tui::widget::decided::look;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// Columns that everything but bar and words needs, with names of the least width.
const LEAST: usize = 68;
/// Columns of a criterion's name, at least.
const NAME: usize = 11;
/// Columns of an arm's mean, at least.
const ARM: usize = 5;
/// Columns of the decision in words, with the blank before it.
const WORDS: usize = 14;

/// Widths of the columns that grow with the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct TableWidths {
    name: usize,
    arm: usize,
    bar: usize,
    words: bool,
}

impl TableWidths {
    /// The words of a decision come first, then whole names, then the bar takes what is left.
    fn of(width: usize, criteria: usize, arms: usize) -> Self {
        let mut left = width.saturating_sub(LEAST + NAME + 1);
        let mut take = |n: usize| {
            let taken = n.min(left);
            left -= taken;
            taken
        };
        let words = take(WORDS) == WORDS;
        let name = NAME + take(criteria.saturating_sub(NAME).min(13));
        // Both arms' columns are as wide.
        let arm = ARM + take(2 * arms.saturating_sub(ARM)) / 2;
        let bar = if left >= 12 { (left - 1).min(48) } else { 0 };
        Self { name, arm, bar, words }
    }
}

/// The change that decides: people's where they decide.
pub(super) fn change(c: &Comparison) -> String {
    text::signed(c.decisive().0, 2)
}

/// `[-0.28, +1.94]`.
fn ends(interval: Option<Ends>) -> String {
    let end = |v| text::signed(Some(v), 2);
    interval.map_or_else(|| "n/a".into(), |(lo, hi)| format!("[{}, {}]", end(lo), end(hi)))
}

/// The interval that the decision is read from.
pub(super) fn interval(c: &Comparison) -> String {
    ends(c.decision_ci)
}

/// Draws it; how many rows it took.
pub(super) fn draw(said: &Versus, arms: (&str, &str), area: Rect, buf: &mut Buffer, env: &Env) -> u16 {
    let dim = env.style(Meaning::Dim);
    let found = &said.found;
    let criteria = found.iter().map(|c| text::width(&text::escape_line(&c.name))).max().unwrap_or(0);
    let w = TableWidths::of(usize::from(area.width), criteria, names::width(arms.0, arms.1, 14));
    let [a, b] = names::short(arms.0, arms.1, w.arm);
    let right = |t: &str, n: usize| text::fit(t, n, text::Align::Right);
    let head = format!(
        " {} {} {}  {:>6}{}{}{:>15} {:>8} {:>4} {:>4} {:>4} {:>7}",
        text::fit("both scored", w.name, text::Align::Left),
        right(&a, w.arm),
        right(&b, w.arm),
        "change",
        if w.words { " ".repeat(WORDS) } else { String::new() },
        if w.bar > 0 { " ".repeat(w.bar + 1) } else { String::new() },
        "95 %",
        "p(Holm)",
        "wins",
        "ties",
        "loss",
        "missing"
    );
    put_cut(buf, area.x, area.y, area.width, &[seg(head, dim)]);
    let ends = |c: &Comparison| c.decision_ci.or(c.ci95);
    let reach = found.iter().filter_map(ends).fold(0.2_f64, |m, (lo, hi)| m.max(lo.abs()).max(hi.abs()));
    let mut y = area.y + 1;
    for (i, c) in found.iter().enumerate() {
        let noise = is_noise(c, said.floors.get(i).copied().flatten());
        for row in rows(c, noise) {
            if y < area.bottom() {
                put_row(c, &row, w, reach, Rect { y, ..area }, buf, env);
            }
            y += 1;
        }
    }
    y - area.y
}

/// What a row of the table shows of a comparison.
struct TableRow {
    name: String,
    change: Option<f64>,
    interval: Option<Ends>,
    /// Whether the decision, with its colour, is of this row.
    decides: bool,
    noise: bool,
    /// In place of the judge's means, p and counts.
    instead: Option<String>,
}

/// One row, or people's and the judge's.
fn rows(c: &Comparison, noise: bool) -> Vec<TableRow> {
    let judge = |name: String, decides: bool| TableRow {
        name,
        change: c.difference,
        interval: if decides { c.decision_ci } else { c.ci95 },
        decides,
        noise,
        instead: None,
    };
    let Some(people) = c.people else { return vec![judge(c.name.clone(), true)] };
    let labelled = format!("by people, {} labelled", text::plural(people.n_labelled, "case", "cases"));
    let decided = TableRow {
        name: c.name.clone(),
        change: Some(people.difference),
        interval: c.decision_ci,
        decides: true,
        noise: false,
        instead: Some(labelled),
    };
    vec![decided, judge(" judge only".to_owned(), false)]
}

fn put_row(
    c: &Comparison,
    row: &TableRow,
    w: TableWidths,
    reach: f64,
    at: Rect,
    buf: &mut Buffer,
    env: &Env,
) {
    let (dim, plain) = (env.style(Meaning::Dim), env.style(Meaning::Text));
    let look = look(c.decision(None));
    let (sign, decision) = if row.decides { (look.sign, look.words) } else { (" ", "") };
    let style = env.style(if row.decides { look.meaning } else { Meaning::Dim });
    let name_style = if row.decides { plain } else { dim };
    let mean = |v: Option<f64>| {
        let shown = if row.instead.is_some() { String::new() } else { text::fixed(v, 2) };
        text::fit(&shown, w.arm, text::Align::Right)
    };
    let noise = if row.noise { "~" } else { " " };
    let mut parts = vec![
        seg(format!(" {} ", text::fit(&text::escape_line(&row.name), w.name, text::Align::Left)), name_style),
        seg(format!("{} {} ", mean(c.mean_a), mean(c.mean_b)), name_style),
        seg(format!("{sign}{:>6}", text::signed(row.change, 2)), style),
        seg(noise, dim),
    ];
    if w.words {
        parts.push(seg(text::fit(decision, WORDS, text::Align::Left), style));
    }
    if w.bar > 0 {
        parts.push(seg(format!("{} ", forest(row.change, row.interval, reach, w.bar)), style));
    }
    parts.push(seg(format!("{:>14} ", ends(row.interval)), style));
    parts.push(match &row.instead {
        Some(words) => seg(words.clone(), plain),
        None => seg(
            format!(
                "{:>8} {:>4} {:>4} {:>4} {:>7}",
                text::p_value(c.p_holm),
                c.wins,
                c.ties,
                c.losses,
                c.missing
            ),
            dim,
        ),
    });
    put_cut(buf, at.x, at.y, at.width, &parts);
}

/// An interval on a scale from `-reach` to `reach`, `width` columns wide.
fn forest(change: Option<f64>, interval: Option<Ends>, reach: f64, width: usize) -> String {
    if width < 5 {
        return String::new();
    }
    let place =
        |v: f64| (((v / reach + 1.0) / 2.0 * (width - 1) as f64).round().max(0.0) as usize).min(width - 1);
    let mut cells = vec![' '; width];
    if let Some((lo, hi)) = interval {
        let (lo, hi) = (place(lo), place(hi));
        cells[lo..=hi].fill('─');
        cells[lo] = '├';
        cells[hi] = '┤';
    }
    let zero = place(0.0);
    cells[zero] = if cells[zero] == ' ' { '┊' } else { '┼' };
    if let Some(d) = change {
        cells[place(d)] = '●';
    }
    cells.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_is_drawn_on_the_common_scale() {
        let forest = |d, ci, reach, width| super::forest(Some(d), Some(ci), reach, width);
        assert_eq!(forest(0.5, (0.2, 0.8), 1.0, 21), "          ┊ ├──●──┤  ");
        assert_eq!(forest(0.0, (-0.4, 0.4), 1.0, 11), "   ├─●─┤   ");
        assert_eq!(forest(9.0, (-9.0, 9.0), 1.0, 7), "├──┼──●");
        assert_eq!(forest(0.0, (0.0, 0.0), 1.0, 3), "");
    }

    #[test]
    fn words_come_first_then_names_then_the_bar() {
        assert_eq!(TableWidths::of(80, 8, 4), TableWidths { name: 11, arm: 5, bar: 0, words: false });
        assert_eq!(TableWidths::of(120, 8, 4), TableWidths { name: 11, arm: 5, bar: 25, words: true });
        assert_eq!(TableWidths::of(120, 14, 10), TableWidths { name: 14, arm: 10, bar: 12, words: true });
        assert_eq!(TableWidths::of(10, 90, 90), TableWidths { name: 11, arm: 5, bar: 0, words: false });
    }
}
