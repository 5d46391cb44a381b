//! Drawing an item: two panes from 100 columns on, one at a time below.

use super::{ItemPane, ItemScreen, exchange, lines, scores, texts};
use crate::tui::draw_text;
use crate::tui::draw_text::{put, put_cut, put_right, seg};
use crate::tui::keys::{Action, KeyScope};
use crate::tui::session::Env;
use crate::tui::theme::Meaning;
use crate::tui::widget::run;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

/// From this width on both panes are shown.
const WIDE: u16 = 100;

pub(super) fn draw(screen: &mut ItemScreen, area: Rect, buf: &mut Buffer, env: &Env) {
    if area.height < 4 || area.width < 10 {
        return;
    }
    header(screen, draw_text::row(area, area.y), buf, env);
    let body = Rect { y: area.y + 2, height: area.height - 3, ..area };
    let wide = area.width >= WIDE;
    let mut widths = [area.width * 56 / 100, area.width - area.width * 56 / 100 - 1];
    if wide {
        screen.dividers.fit(body, &mut widths);
    }
    let middle = area.x + if wide { widths[0] } else { area.width };
    screen.places = Default::default();
    let joints: &[u16] = if wide { &[middle] } else { &[] };
    draw_text::rule(buf, area, area.y + 1, joints, '┬', env.theme);
    draw_text::rule(buf, area, area.bottom() - 1, joints, '┴', env.theme);
    let left = Rect { width: middle - area.x, ..body };
    if !wide {
        match screen.pane {
            ItemPane::Text => text_pane(screen, left, buf, env),
            ItemPane::Scores => score_pane(screen, left, buf, env),
        }
        let other = if screen.pane == ItemPane::Text { "scores" } else { "texts" };
        let words = format!(" {}: {other} ", env.hint(KeyScope::Item, Action::NextPane));
        put_right(buf, area.right().saturating_sub(2), area.y + 1, 14, &seg(words, env.style(Meaning::Dim)));
        return;
    }
    draw_text::upright(buf, middle, body.top(), body.bottom(), env.theme);
    text_pane(screen, left, buf, env);
    let right = Rect { x: middle + 1, width: area.right().saturating_sub(middle + 1), ..body };
    screen.places = (left, right);
    score_pane(screen, right, buf, env);
    // The focused pane's rule carries the accent: that is where j and k scroll.
    let (from, to) =
        if screen.pane == ItemPane::Text { (area.x, middle) } else { (middle + 1, area.right()) };
    draw_text::tint(
        buf,
        Rect { x: from, y: area.y + 1, width: to - from, height: 1 },
        env.style(Meaning::Accent),
    );
}

fn header(screen: &ItemScreen, row: Rect, buf: &mut Buffer, env: &Env) {
    let dim = env.style(Meaning::Dim);
    let Some(loaded) = screen.loaded.get() else {
        let words = if screen.loaded.is_waiting() {
            format!(" {} reading …", env.spinner())
        } else {
            " no item".into()
        };
        put(buf, row.x, row.y, row.width, &[seg(words, dim)]);
        return;
    };
    let item = &loaded.item.item;
    let mut segs = vec![
        seg(format!(" {}", item.case_id), env.style(Meaning::Strong)),
        seg(format!(" · {}", item.arm), Style::default()),
    ];
    if !item.tags.is_empty() {
        segs.push(seg(format!(" · {}", item.tags.join(", ")), dim));
    }
    let mut right = String::new();
    if let Some(context) = screen.context.get() {
        let judge =
            if row.width >= WIDE { format!(" · judge {}", context.run.spec.judge) } else { String::new() };
        right = format!("run {}{judge} ", run::short(&context.run.id));
        if run::is_recorded(&context.run) {
            segs.push(seg("   recorded", env.style(Meaning::Warning)));
        }
    }
    let reviewed = loaded.reviews.iter().any(|r| r.review.score.is_some());
    if !reviewed {
        segs.push(seg("   unchecked", dim));
    }
    let x = put_right(buf, row.right(), row.y, row.width / 2, &seg(right, dim));
    put_cut(buf, row.x, row.y, x.saturating_sub(row.x + 1), &segs);
}

fn text_pane(screen: &mut ItemScreen, area: Rect, buf: &mut Buffer, env: &Env) {
    let width = usize::from(area.width.saturating_sub(1));
    let key = screen.key(width);
    if screen.cache.as_ref().is_none_or(|(k, _)| *k != key) {
        let built = screen.loaded.get().map(|loaded| {
            if screen.exchange {
                exchange::build(screen, loaded, width, env)
            } else {
                texts::build(screen, loaded, width, env)
            }
        });
        screen.cache = built.map(|lines| (key, lines));
    }
    let Some((_, all)) = &screen.cache else { return };
    let height = usize::from(area.height);
    screen.drawn.0 = all.len();
    screen.text.height = height;
    screen.text.top = screen.text.top.min(all.len().saturating_sub(height));
    lines::draw(all, screen.text.top, area, buf);
    more(all.len(), screen.text.top, area, buf, env);
}

fn score_pane(screen: &mut ItemScreen, area: Rect, buf: &mut Buffer, env: &Env) {
    let width = usize::from(area.width.saturating_sub(1));
    let Some((all, starts)) = screen.loaded.get().map(|loaded| scores::build(screen, loaded, width, env))
    else {
        return;
    };
    let height = usize::from(area.height);
    screen.scores.height = height;
    screen.scores.top = screen.scores.top.min(all.len().saturating_sub(height));
    lines::draw(&all, screen.scores.top, area, buf);
    more(all.len(), screen.scores.top, area, buf, env);
    screen.drawn.1 = all.len();
    screen.drawn.2 = starts;
}

/// Says on the rule below that there are more lines.
fn more(len: usize, top: usize, area: Rect, buf: &mut Buffer, env: &Env) {
    let below = len.saturating_sub(top + usize::from(area.height));
    if below > 0 {
        let piece = seg(format!(" {below} more ↓ "), env.style(Meaning::Dim));
        put_right(buf, area.right().saturating_sub(1), area.bottom(), area.width / 2, &piece);
    }
}
