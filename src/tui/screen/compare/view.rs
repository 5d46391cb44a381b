//! Drawing a comparison: table, sentence, power, trust, flips; or the table of every pair.

use super::super::super::app::{foot_rule, head_rule};
use super::super::super::env::Env;
use super::super::super::paint::{Seg, put, put_cut, put_right, row, rule, seg, select};
use super::super::super::theme::Meaning;
use super::Compare;
use crate::core::stats::compare::{Comparison, Outcome};
use crate::core::text;
use crate::eval::CriterionSummary;
use crate::eval::compare::Flip;
use crate::eval::versus::Versus;
use crate::store::RunInfo;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// Draws the screen.
pub(super) fn draw(s: &mut Compare, area: Rect, buf: &mut Buffer, env: &Env) {
    if area.height < 6 || area.width < 30 {
        return;
    }
    let dim = env.style(Meaning::Dim);
    let (Some(field), true) = (s.field.clone(), s.said.get().is_some()) else {
        let words =
            if s.said.is_waiting() { format!("{} working it out", env.spinner()) } else { String::new() };
        put_cut(buf, area.x + 1, area.y, area.width, &[seg(words, dim)]);
        return;
    };
    let end = draw_judge(&field.run, area, buf, env);
    let strong = env.style(Meaning::Strong);
    let slice = s.slice.as_ref().map_or_else(String::new, |tag| format!(" · slice {tag}"));
    let head = if s.show_pairs {
        vec![
            seg(format!(" every pair of {} arms", s.names().len()), strong),
            seg(format!("   on {}", field.run.spec.set), dim),
        ]
    } else {
        vec![
            seg(format!(" {}", s.name(s.arms.0)), strong),
            seg("  →  ", env.style(Meaning::Accent)),
            seg(s.name(s.arms.1).to_owned(), strong),
            seg(slice, strong),
            seg(format!("   on {}", field.run.spec.set), dim),
        ]
    };
    let room = end.saturating_sub(area.x + 1);
    let wide = |parts: &[Seg]| parts.iter().map(|p| text::width(&p.text)).sum::<usize>();
    // The arms stay whole before the set is named.
    let parts = if wide(&head) > usize::from(room) { &head[..head.len() - 1] } else { &head[..] };
    put_cut(buf, area.x, area.y, room, parts);
    head_rule(buf, area, area.y + 1, &[], env);
    foot_rule(buf, area, area.bottom() - 1, &[], env);
    let mut body = Rect { y: area.y + 2, height: area.height - 3, ..area };
    if s.names().len() < 2 {
        let words =
            "This run has one arm. A comparison needs two on the same cases: judge a second revision with J.";
        put_cut(buf, body.x + 2, body.y + 1, body.width.saturating_sub(3), &[seg(words, dim)]);
        return;
    }
    if field.notes.is_split {
        let words = field.notes.lines.first().cloned().unwrap_or_default();
        put_cut(
            buf,
            body.x + 1,
            body.y,
            body.width,
            &[seg(format!("not compared: {words}"), env.style(Meaning::Warning))],
        );
        return;
    }
    for note in &field.notes.lines {
        put_cut(
            buf,
            body.x + 1,
            body.y,
            body.width.saturating_sub(2),
            &[seg(note.clone(), env.style(Meaning::Warning))],
        );
        body = Rect { y: body.y + 1, height: body.height.saturating_sub(1), ..body };
    }
    if s.show_pairs {
        draw_pairs(s, body, buf, env);
    } else if let Some(said) = s.said.get() {
        let y = draw_said(said, body, buf, env);
        draw_flips(s, y, body, buf, env);
    }
}

/// Whose verdicts are compared, and that they were recorded: on the right of the first line; where it begins.
fn draw_judge(run: &RunInfo, area: Rect, buf: &mut Buffer, env: &Env) -> u16 {
    let passes = text::plural(run.spec.repeats as usize, "pass", "passes");
    let judge = text::escape_line(&run.spec.judge).into_owned();
    let most = usize::from(area.width) * 2 / 5;
    // The name of some recorded judges says it already.
    let sign = if run.is_recorded() && !judge.contains("recorded") { " recorded" } else { "" };
    let long = format!("judge {judge}{sign} · {passes}");
    let words = if text::width(&long) <= most {
        long
    } else {
        let tail = format!("{sign} · {passes}");
        format!("{}{tail}", text::truncate(&judge, most.saturating_sub(text::width(&tail))))
    };
    let meaning = if run.is_recorded() { Meaning::Warning } else { Meaning::Dim };
    put_right(buf, area.right().saturating_sub(1), area.y, area.width / 2, &seg(words, env.style(meaning)))
}

/// Table, sentence, power meter and trust; the row after them.
fn draw_said(said: &Versus, body: Rect, buf: &mut Buffer, env: &Env) -> u16 {
    let (dim, strong) = (env.style(Meaning::Dim), env.style(Meaning::Strong));
    let mut y = body.y + draw_table(&said.found, &said.floors, body, buf, env);
    let room = usize::from(body.width.saturating_sub(3)).max(1);
    let power = said.power.clone().unwrap_or_default();
    for (words, style) in [(said.sentence.as_str(), strong), (power.as_str(), dim)] {
        for line in text::wrapped(&text::escape_line(words), room) {
            if y < body.bottom() {
                put(buf, body.x + 1, y, body.width, &[seg(line.to_owned(), style)]);
            }
            y += 1;
        }
    }
    for both in &said.trust {
        if y < body.bottom() {
            put_cut(buf, body.x + 1, y, body.width.saturating_sub(2), &trust(both, env));
        }
        y += 1;
    }
    y
}

/// What both means of a criterion rest on: `accuracy  A 3.90±.11 24/24  B 4.02±.12 24/24  not yet checked by a human`.
fn trust<'a>(both: &[CriterionSummary; 2], env: &Env) -> Vec<Seg<'a>> {
    let (dim, warning) = (env.style(Meaning::Dim), env.style(Meaning::Warning));
    let name = text::fit(&text::escape_line(&both[0].name), 14, text::Align::Left);
    let mut out = vec![seg(format!("{name} "), env.style(Meaning::Text))];
    let unchecked = both.iter().all(|c| c.checked.items == 0);
    for (side, c) in ["A", "B"].iter().zip(both) {
        let half = c.ci95.map_or_else(String::new, |(lo, hi)| {
            let shown = text::fixed(Some((hi - lo) / 2.0), 2);
            format!("±{}", shown.strip_prefix('0').unwrap_or(&shown))
        });
        let mean = text::fixed(c.mean, 2);
        let coverage = format!(" {}/{}", c.n, c.planned);
        let short = c.n < c.planned || c.coverage < 1.0;
        out.push(seg(format!(" {side} {mean}{half}"), dim));
        out.push(seg(coverage, if short { warning } else { dim }));
        if unchecked {
            continue;
        }
        match (c.checked.items, c.checked.corrected) {
            (0, _) => out.push(seg(" unchecked", warning)),
            (n, None) => out.push(seg(format!(" {n} checked"), dim)),
            (n, Some(p)) => {
                let corrected = format!(" corrected {:.2} [{:.2}, {:.2}]", p.estimate, p.lo, p.hi);
                out.push(seg(format!(" {n} checked"), dim));
                out.push(seg(corrected, env.style(Meaning::Strong)));
            }
        }
    }
    if unchecked {
        out.push(seg("  not yet checked by a human", warning));
    }
    out
}

fn draw_flips(s: &mut Compare, y: u16, body: Rect, buf: &mut Buffer, env: &Env) {
    if y + 1 >= body.bottom() {
        return;
    }
    rule(buf, body, y, &[], '─', env.theme);
    let order = if s.gains_first { "gains first" } else { "drops first" };
    let words = format!(" {} changed, {order} ", text::plural(s.flips(), "score", "scores"));
    put_cut(buf, body.x + 2, y, body.width, &[seg(words, env.style(Meaning::Dim))]);
    let rows = Rect { y: y + 1, height: body.bottom() - y - 1, ..body };
    let len = s.flips();
    for (i, at) in s.cursor.window(len, usize::from(rows.height)).enumerate() {
        if let Some(flip) = s.flip(at) {
            draw_flip(flip, at == s.cursor.at, row(rows, rows.y + i as u16), buf, env);
        }
    }
}

fn outcome_look(outcome: Outcome) -> (&'static str, Meaning) {
    match outcome {
        Outcome::Better => ("▲ better", Meaning::Good),
        Outcome::Worse => ("▼ worse", Meaning::Error),
        Outcome::NoEvidence => ("no evidence", Meaning::Dim),
        Outcome::TooFew => ("too few cases", Meaning::Dim),
    }
}

/// Every pair of the arms: B's change against A, with p corrected over the whole table.
fn draw_pairs(s: &mut Compare, body: Rect, buf: &mut Buffer, env: &Env) {
    let dim = env.style(Meaning::Dim);
    let rows = s.pair_rows();
    let Some(pairs) = s.pairs.get() else {
        put_cut(
            buf,
            body.x + 1,
            body.y,
            body.width,
            &[seg(format!("{} working it out", env.spinner()), dim)],
        );
        return;
    };
    let wide = usize::from(body.width.saturating_sub(64) / 2).clamp(8, 40);
    let fit = |t: &str, n: usize| text::fit(&text::escape_line(t), n, text::Align::Left);
    let head = format!(
        "  {} {} {} {:>7} {:>15} {:>6}  B is",
        fit("A", wide),
        fit("B", wide),
        fit("criterion", 14),
        "change",
        "95 %",
        "p(all)"
    );
    put_cut(buf, body.x, body.y, body.width, &[seg(head, dim)]);
    let place = Rect { y: body.y + 1, height: body.height.saturating_sub(2), ..body };
    for (i, at) in s.pair_cursor.window(rows.len(), usize::from(place.height)).enumerate() {
        let here = row(place, place.y + i as u16);
        let Some((pair, c)) =
            rows.get(at).and_then(|(p, c)| Some((pairs.get(*p)?, pairs.get(*p)?.found.get(*c)?)))
        else {
            continue;
        };
        if at == s.pair_cursor.at {
            select(buf, here, true, env.theme);
        }
        let (words, meaning) = outcome_look(c.outcome());
        let name = |at: usize| s.field.as_ref().and_then(|f| f.run.arms.get(at)).cloned().unwrap_or_default();
        let parts = [
            seg(
                format!(
                    "{} {} {} ",
                    fit(&name(pair.arms.0), wide),
                    fit(&name(pair.arms.1), wide),
                    fit(&c.name, 14)
                ),
                env.style(Meaning::Text),
            ),
            seg(format!("{:>7} ", change(c)), env.style(meaning)),
            seg(format!("{:>15} {:>6}  ", interval(c), text::p_value(c.p_holm)), dim),
            seg(words, env.style(meaning)),
        ];
        put_cut(buf, here.x + 2, here.y, here.width.saturating_sub(3), &parts);
    }
    let all = format!("Every p is corrected for all {} comparisons together.", rows.len());
    put_cut(buf, body.x + 1, body.bottom() - 1, body.width, &[seg(all, dim)]);
}

fn change(c: &Comparison) -> String {
    text::signed(c.difference, 2)
}

fn interval(c: &Comparison) -> String {
    let end = |v| text::signed(Some(v), 2);
    c.ci95.map_or_else(|| "n/a".into(), |(lo, hi)| format!("[{}, {}]", end(lo), end(hi)))
}

/// The table of criteria; how many rows it took.
fn draw_table(found: &[Comparison], floors: &[Option<f64>], area: Rect, buf: &mut Buffer, env: &Env) -> u16 {
    let dim = env.style(Meaning::Dim);
    let width = usize::from(area.width);
    let bar = width.saturating_sub(82).min(48);
    let head = format!(
        " {:<12} {:>5} {:>5} {:>6} {}{:>14} {:>7} {:>4} {:>4} {:>6} {:>7}",
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
        let interval = interval(c);
        let parts = [
            seg(
                format!(
                    " {} {:>5} {:>5} ",
                    text::fit(&text::escape_line(&c.name), 12, text::Align::Left),
                    number(c.mean_a),
                    number(c.mean_b)
                ),
                env.style(Meaning::Text),
            ),
            seg(format!("{:>6} ", change(c)), env.style(meaning)),
            seg(forest(c, reach, bar), env.style(meaning)),
            seg(
                format!(
                    "{interval:>14} {:>7} {:>4} {:>4} {:>6} {:>7}",
                    text::p_value(c.p_holm),
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
        seg(format!("   {}", text::pad(&flip.case, 20, text::Align::Left)), env.style(Meaning::Text)),
        seg(format!("  {}", flip.criterion), env.style(Meaning::Dim)),
    ];
    put_cut(buf, here.x + 2, here.y, here.width.saturating_sub(3), &parts);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::stats::compare::{Pair, PairedInput, paired_compare};

    fn comparison(difference: f64, ci95: (f64, f64)) -> Comparison {
        let pairs = vec![Pair { a: Some(3.0), b: Some(3.0), cluster: None }; 2];
        let mut found = paired_compare(&[PairedInput { name: "x".into(), pairs, people: Vec::new() }], 1);
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
