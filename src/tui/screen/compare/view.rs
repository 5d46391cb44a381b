//! Drawing a comparison: table, sentence, power, trust, flips; or the table of every pair.

use super::{Compare, names, table, words};
use crate::core::text;
use crate::eval::compare::Flip;
use crate::questions::comparison::Versus;
use crate::store::RunInfo;
use crate::tui::draw_text::{Seg, put, put_cut, put_right, row, rule, seg, select};
use crate::tui::keys::KeyScope;
use crate::tui::session::Env;
use crate::tui::theme::Meaning;
use crate::tui::widget::bars::{foot_rule, head_rule};
use crate::tui::widget::decided::look;
use crate::tui::widget::face::level_meaning;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// From so many rows on everything is said; below, what no figure here needs is left out.
const TALL: u16 = 28;

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
    head(s, &field.run, Rect { width: end.saturating_sub(area.x + 1), ..area }, buf, env);
    head_rule(buf, area, area.y + 1, &[], env);
    foot_rule(buf, area, area.bottom() - 1, &[], env);
    let mut body = Rect { y: area.y + 2, height: area.height - 3, ..area };
    if s.names().len() < 2 {
        let words = "This run has one arm. A comparison needs two on the same cases: judge a second revision with {Judge}.";
        let words = env.filled(KeyScope::Prompts, words);
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
        let y = draw_said(s, said, body, buf, env);
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

/// The arms compared, in their direction, and on what.
fn head(s: &Compare, run: &RunInfo, area: Rect, buf: &mut Buffer, env: &Env) {
    let (dim, strong) = (env.style(Meaning::Dim), env.style(Meaning::Strong));
    let set = seg(format!("   on {}", run.spec.set), dim);
    let mut parts = if s.show_pairs {
        vec![seg(format!(" every pair of {} arms", s.names().len()), strong), set]
    } else {
        let (first, second) = s.pair();
        let names = [s.name(first), s.name(second)].map(|n| text::escape_line(n).into_owned());
        let slice = s.slice.as_ref().map_or_else(String::new, |tag| format!(" · slice {tag}"));
        // Long names are cut both, so that the second is never cut away.
        let room = usize::from(area.width).saturating_sub(text::width(&slice) + 6) / 2;
        let names = if names.iter().map(|n| text::width(n)).sum::<usize>() > 2 * room {
            names::short(s.name(first), s.name(second), room)
        } else {
            names
        };
        let [a, b] = names;
        vec![
            seg(format!(" {a}"), strong),
            seg("  →  ", env.style(Meaning::Accent)),
            seg(b, strong),
            seg(slice, strong),
            set,
        ]
    };
    let wide = |parts: &[Seg]| parts.iter().map(|p| text::width(&text::escape_line(&p.text))).sum::<usize>();
    // The arms stay whole before the set is named.
    if wide(&parts) > usize::from(area.width) {
        parts.pop();
    }
    put_cut(buf, area.x, area.y, area.width, &parts);
}

/// Table, sentence, what it rests on, power meter, means over all cases; the row after them.
fn draw_said(s: &Compare, said: &Versus, body: Rect, buf: &mut Buffer, env: &Env) -> u16 {
    let (dim, strong) = (env.style(Meaning::Dim), env.style(Meaning::Strong));
    let (first, second) = s.pair();
    let arms = (s.name(first), s.name(second));
    let mut y = body.y + table::draw(said, arms, body, buf, env);
    let room = usize::from(body.width.saturating_sub(3)).max(1);
    let labels = names::short(arms.0, arms.1, 14);
    let rests = words::rests_on(said, &labels, s.slice.as_deref());
    let noise = words::noise(&said.found, &said.floors).unwrap_or_default();
    let power = said.power.clone().unwrap_or_default();
    let low = body.height < TALL;
    // Where little room is left, a noise that no change lies within is left out: the flips need it more.
    let noise = if low && !noise.contains('~') { String::new() } else { noise };
    for (words, style) in [(&said.sentence, strong), (&rests, dim), (&noise, dim), (&power, dim)] {
        let shown = text::escape_line(words);
        for line in text::wrapped(&shown, room).into_iter().filter(|l| !l.is_empty()) {
            if y < body.bottom() {
                put(buf, body.x + 1, y, body.width, &[seg(line.to_owned(), style)]);
            }
            y += 1;
        }
    }
    if !said.trust.is_empty() && y < body.bottom() {
        rule(buf, body, y, &[], '─', env.theme);
        let title = " over all cases of each arm: mean, 95 % interval, scored of planned ";
        put_cut(buf, body.x + 2, y, body.width.saturating_sub(3), &[seg(title, dim)]);
        y += 1;
    }
    for both in &said.trust {
        for line in words::trust(both, &labels, room, env) {
            if y < body.bottom() {
                put_cut(buf, body.x + 1, y, body.width.saturating_sub(2), &line);
            }
            y += 1;
        }
    }
    y
}

fn draw_flips(s: &mut Compare, y: u16, body: Rect, buf: &mut Buffer, env: &Env) {
    if y + 1 >= body.bottom() {
        return;
    }
    rule(buf, body, y, &[], '─', env.theme);
    let order = if s.gains_first { "gains" } else { "drops" };
    let (first, second) = s.pair();
    let [_, of] = names::short(s.name(first), s.name(second), 24);
    let words = format!(" {} changed, {order} of {of} first ", text::plural(s.flips(), "score", "scores"));
    put_cut(buf, body.x + 2, y, body.width, &[seg(words, env.style(Meaning::Dim))]);
    let rows = Rect { y: y + 1, height: body.bottom() - y - 1, ..body };
    let len = s.flips();
    let of_labels = |flip: &Flip| flip.scale.labels().iter().map(|l| text::width(l)).max().unwrap_or(3);
    let widest = (0..len).filter_map(|at| s.flip(at)).map(of_labels).max().unwrap_or(3);
    for (i, at) in s.cursor.rows(len, rows).enumerate() {
        if let Some(flip) = s.flip(at) {
            draw_flip(flip, widest, at == s.cursor.at, row(rows, rows.y + i as u16), buf, env);
        }
    }
}

/// Every pair of the arms: the second one's change against the first, corrected over the whole table.
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
    let wide = usize::from(body.width.saturating_sub(68) / 2).clamp(6, 40);
    let fit = |t: &str, n: usize| text::fit(&text::escape_line(t), n, text::Align::Left);
    let (from, to) = (fit("from", wide), fit("to", wide));
    let head = format!(
        "  {from} {to} {} {:>7} {:>15} {:>6}  it is",
        fit("criterion", 12),
        "change",
        "95 %",
        "p(all)"
    );
    put_cut(buf, body.x, body.y, body.width, &[seg(head, dim)]);
    let place = Rect { y: body.y + 1, height: body.height.saturating_sub(2), ..body };
    s.cursor.place = Rect::ZERO;
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
        let look = look(c.decision(None));
        let name = |at: usize| s.field.as_ref().and_then(|f| f.run.arms.get(at)).cloned().unwrap_or_default();
        let [a, b] = names::short(&name(pair.arms.0), &name(pair.arms.1), wide);
        let parts = [
            seg(
                format!("{} {} {} ", fit(&a, wide), fit(&b, wide), fit(&c.name, 12)),
                env.style(Meaning::Text),
            ),
            seg(format!("{:>7} {:>15} ", table::change(c), table::interval(c)), env.style(look.meaning)),
            seg(format!("{:>6}  ", text::p_value(c.p_holm)), dim),
            seg(format!("{} {}", look.sign, look.words), env.style(look.meaning)),
        ];
        put_cut(buf, here.x + 2, here.y, here.width.saturating_sub(3), &parts);
    }
    let all = format!("Intervals and p hold for all {} comparisons together.", rows.len());
    put_cut(buf, body.x + 1, body.bottom() - 1, body.width, &[seg(all, dim)]);
}

fn draw_flip(flip: &Flip, widest: usize, selected: bool, here: Rect, buf: &mut Buffer, env: &Env) {
    if selected {
        select(buf, here, true, env.theme);
    }
    let score = |v: f64| {
        let shown = if flip.scale.is_scores() { format!("{v:.1}") } else { flip.shown(v) };
        let shown = text::pad(&text::escape_line(&shown), widest, text::Align::Left);
        seg(shown, env.style(level_meaning(&flip.scale, v.round() as u8)))
    };
    // Of two categories neither is more.
    let change = if flip.scale.has_mean() {
        text::signed(flip.scale.difference(flip.b - flip.a), 1)
    } else {
        String::new()
    };
    let parts = [
        // One case decides nothing: its change has a number, and no colour.
        seg(format!("{change:>4}  "), env.style(Meaning::Text)),
        score(flip.a),
        seg(" → ", env.style(Meaning::Dim)),
        score(flip.b),
        seg(format!("   {}", text::pad(&flip.case, 20, text::Align::Left)), env.style(Meaning::Text)),
        seg(format!("  {}", flip.criterion), env.style(Meaning::Dim)),
    ];
    put_cut(buf, here.x + 2, here.y, here.width.saturating_sub(3), &parts);
}

#[cfg(test)]
mod tests;
