//! A framed window in the middle, and a field to type in.

use crate::core::text;
use crate::tui::draw_text::{centred, put, put_cut, seg};
use crate::tui::session::Env;
use crate::tui::theme::Meaning;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::{Clear, Widget};
use ratatui_textarea::TextArea;

/// An empty field, or one that begins with a text.
pub fn field(text: &str) -> TextArea<'static> {
    let mut area = TextArea::new(vec![text.to_owned()]);
    area.set_cursor_line_style(ratatui::style::Style::default());
    area.move_cursor(ratatui_textarea::CursorMove::End);
    area
}

/// What was typed.
pub fn content(area: &TextArea) -> String {
    area.lines().join(" ")
}

/// Draws a field with its cursor as a reversed cell; the text goes through the same cleaning as all else.
pub fn draw_field(area: &TextArea, place: Rect, buf: &mut Buffer, env: &Env, hint: &str) {
    if place.width == 0 || place.height == 0 {
        return;
    }
    let typed = content(area);
    let before: String = typed.chars().take(area.cursor().1).collect();
    let shown = text::escape_line(&typed).into_owned();
    let at = text::width(&text::escape_line(&before));
    let room = usize::from(place.width).saturating_sub(1);
    let skip = at.saturating_sub(room);
    put(
        buf,
        place.x,
        place.y,
        place.width,
        &[seg(text::slice_cols(&shown, skip, room + 1).into_owned(), env.style(Meaning::Text))],
    );
    if typed.is_empty() {
        put_cut(
            buf,
            place.x + 1,
            place.y,
            place.width.saturating_sub(1),
            &[seg(hint.to_owned(), env.style(Meaning::Dim))],
        );
    }
    let x = place.x + u16::try_from(at - skip).unwrap_or(0).min(place.width.saturating_sub(1));
    if let Some(cell) = buf.cell_mut((x, place.y)) {
        cell.modifier.insert(ratatui::style::Modifier::REVERSED);
    }
}

/// Makes a row empty.
pub fn blank(area: Rect, y: u16, buf: &mut Buffer) {
    Clear.render(Rect { y, height: 1, ..area }.intersection(buf.area), buf);
}

/// A framed window in the middle with a heading; the room inside it.
pub fn window(area: Rect, width: u16, height: u16, title: &str, buf: &mut Buffer, env: &Env) -> Rect {
    let place = centred(area, width, height);
    if place.width < 4 || place.height < 3 {
        return Rect { width: 0, height: 0, ..place };
    }
    Clear.render(place, buf);
    let rule = env.style(Meaning::Rule);
    let line = "─".repeat(usize::from(place.width - 2));
    put(buf, place.x, place.y, place.width, &[seg(format!("╭{line}╮"), rule)]);
    put(buf, place.x, place.bottom() - 1, place.width, &[seg(format!("╰{line}╯"), rule)]);
    for y in place.y + 1..place.bottom() - 1 {
        put(buf, place.x, y, 1, &[seg("│", rule)]);
        put(buf, place.right() - 1, y, 1, &[seg("│", rule)]);
    }
    put_cut(
        buf,
        place.x + 2,
        place.y,
        place.width - 4,
        &[seg(format!(" {title} "), env.style(Meaning::Strong).fg(ratatui::style::Color::Reset))],
    );
    Rect { x: place.x + 2, y: place.y + 1, width: place.width - 4, height: place.height - 2 }
}
