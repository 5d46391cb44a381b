//! Drawing by rows: the only place where screens write text into the buffer, and where that text is cleaned.

use super::theme::{Meaning, Theme};
use crate::core::text;
use ratatui::buffer::{Buffer, CellDiffOption};
use ratatui::layout::Rect;
use ratatui::style::{Color, Style};
use std::borrow::Cow;
use std::num::NonZeroU16;

/// A piece of a row.
#[derive(Debug, Clone)]
pub struct Seg<'a> {
    /// The words; cleaned when drawn.
    pub text: Cow<'a, str>,
    /// Their look.
    pub style: Style,
}

/// A piece of a row.
pub fn seg<'a>(text: impl Into<Cow<'a, str>>, style: Style) -> Seg<'a> {
    Seg { text: text.into(), style }
}

/// Draws `segs` from (x, y), at most `width` columns; the column after the last one drawn.
///
/// Controls, bidi and zero-width characters appear as visible escapes, whatever their origin.
pub fn put(buf: &mut Buffer, x: u16, y: u16, width: u16, segs: &[Seg]) -> u16 {
    let area = buf.area;
    if y < area.top() || y >= area.bottom() || x >= area.right() {
        return x;
    }
    let end = x.saturating_add(width).min(area.right());
    let mut at = x;
    for piece in segs {
        if at >= end {
            break;
        }
        let clean = text::escape_line(&piece.text);
        // Without controls, each character of ASCII is a cluster and has one column.
        if clean.is_ascii() {
            for (c, x) in clean.chars().zip(at..end) {
                buf[(x, y)].set_char(c).set_style(piece.style);
                at = x + 1;
            }
            continue;
        }
        for (cluster, wide) in text::clusters(&clean) {
            // What has no room of its own (a mark without a letter) cannot be shown by cells.
            let Some(columns) = u16::try_from(wide).ok().and_then(NonZeroU16::new) else { continue };
            if columns.get() > end - at {
                return at;
            }
            let cell = &mut buf[(at, y)];
            cell.set_symbol(cluster).set_style(piece.style);
            if cluster.contains(SOUND_MARKS) {
                cell.set_diff_option(CellDiffOption::ForcedWidth(columns));
            }
            for covered in at + 1..at + columns.get() {
                buf[(covered, y)].reset();
            }
            at += columns.get();
        }
    }
    at
}

/// The voiced sound marks of halfwidth kana: one column each, as all terminals have it. Cells count them twice.
const SOUND_MARKS: [char; 2] = ['\u{ff9e}', '\u{ff9f}'];

/// As [`put`], ending in `…` when it does not fit.
pub fn put_cut(buf: &mut Buffer, x: u16, y: u16, width: u16, segs: &[Seg]) -> u16 {
    let total: usize = segs.iter().map(|s| text::width(&text::escape_line(&s.text))).sum();
    // A wrapped line may end in a blank that hangs over the edge: nothing is lost with it.
    let hanging = segs.last().map_or(0, |s| s.text.len() - s.text.trim_end_matches(' ').len());
    let total = total - hanging;
    if total <= usize::from(width) || width == 0 {
        return put(buf, x, y, width, segs);
    }
    let at = put(buf, x, y, width.saturating_sub(1), segs);
    let style = segs.last().map_or_else(Style::default, |s| s.style);
    put(buf, at, y, 1, &[seg("…", style)])
}

/// Draws one piece so that it ends at column `right` (exclusive).
pub fn put_right(buf: &mut Buffer, right: u16, y: u16, room: u16, piece: &Seg) -> u16 {
    let clean = text::escape_line(&piece.text);
    let shown = text::truncate(&clean, usize::from(room));
    let wide = u16::try_from(text::width(&shown)).unwrap_or(u16::MAX).min(room);
    let x = right.saturating_sub(wide);
    put(buf, x, y, wide, &[seg(shown.as_ref(), piece.style)]);
    x
}

/// Gives a whole row a style: selection, added, removed.
pub fn tint(buf: &mut Buffer, area: Rect, style: Style) {
    buf.set_style(area.intersection(buf.area), style);
}

/// A thin rule across; `joints` are columns where a vertical rule meets it.
pub fn rule(buf: &mut Buffer, area: Rect, y: u16, joints: &[u16], joint: char, theme: Theme) {
    if y >= area.bottom() {
        return;
    }
    let style = theme.style(Meaning::Rule);
    for x in area.left()..area.right() {
        if let Some(cell) = buf.cell_mut((x, y)) {
            cell.set_char(if joints.contains(&x) { joint } else { '─' }).set_style(style);
        }
    }
}

/// A thin rule down.
pub fn upright(buf: &mut Buffer, x: u16, top: u16, bottom: u16, theme: Theme) {
    let style = theme.style(Meaning::Rule);
    for y in top..bottom {
        if let Some(cell) = buf.cell_mut((x, y)) {
            cell.set_char('│').set_style(style);
        }
    }
}

/// The row at `y` of an area.
pub fn row(area: Rect, y: u16) -> Rect {
    Rect { x: area.x, y, width: area.width, height: 1 }
}

/// A rectangle in the middle of another, at most as large.
pub fn centred(area: Rect, width: u16, height: u16) -> Rect {
    let (width, height) = (width.min(area.width), height.min(area.height));
    Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 2, width, height }
}

/// Marks the selected row: a bar at its left, and a tint.
pub fn select(buf: &mut Buffer, row: Rect, focused: bool, theme: Theme) {
    let look = theme.style(if focused { Meaning::Selected } else { Meaning::SelectedElsewhere });
    tint(buf, row, Style { fg: None, ..look });
    // Letters with a colour of their own keep it.
    let place = row.intersection(buf.area);
    for at in place.positions() {
        if let Some((cell, fg)) = buf.cell_mut(at).zip(look.fg)
            && cell.fg == Color::Reset
        {
            cell.fg = fg;
        }
    }
    let bar = if focused { theme.style(Meaning::Accent) } else { theme.style(Meaning::Dim) };
    put(buf, row.x, row.y, 1, &[seg("▌", bar)]);
}

/// A bar of `width` cells of which `share` (0..=1) is full, in eighths.
pub fn gauge(share: f64, width: usize) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let share = if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 };
    let eighths = (share * width as f64 * 8.0).floor() as usize;
    let (full, part) = (eighths / 8, EIGHTHS[eighths % 8]);
    let used = full + usize::from(!part.is_empty());
    format!("{}{part}{}", "█".repeat(full), "·".repeat(width.saturating_sub(used)))
}

/// A line of eight heights for values from 1 to 5.
pub fn sparkline(values: impl IntoIterator<Item = f64>) -> String {
    const HEIGHTS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    values.into_iter().map(|v| HEIGHTS[(((v - 1.0) / 4.0 * 7.0).round().clamp(0.0, 7.0)) as usize]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row_text(buf: &Buffer, y: u16) -> String {
        (0..buf.area.width).map(|x| buf[(x, y)].symbol().to_owned()).collect::<String>().trim_end().to_owned()
    }

    #[test]
    fn hostile_text_is_drawn_as_visible_escapes() {
        let mut buf = Buffer::empty(Rect::new(0, 0, 60, 1));
        put(&mut buf, 0, 0, 60, &[seg("a\u{1b}[31mb\u{202e}c", Style::default())]);
        let drawn = row_text(&buf, 0);
        assert!(
            drawn.contains("[31m") && !drawn.contains('\u{1b}') && !drawn.contains('\u{202e}'),
            "{drawn:?}"
        );
    }

    #[test]
    fn a_blank_that_hangs_over_the_edge_costs_no_letter() {
        let mut buf = Buffer::empty(Rect::new(0, 0, 8, 2));
        put_cut(&mut buf, 0, 0, 5, &[seg("3 ", Style::default()), seg("abc ", Style::default())]);
        put_cut(&mut buf, 0, 1, 5, &[seg("3 ", Style::default()), seg("abcd", Style::default())]);
        assert_eq!((row_text(&buf, 0), row_text(&buf, 1)), ("3 abc".into(), "3 ab…".into()));
    }

    #[test]
    fn nothing_is_drawn_outside() {
        let mut buf = Buffer::empty(Rect::new(0, 0, 4, 1));
        put(&mut buf, 2, 0, 90, &[seg("漢字漢字", Style::default())]);
        put(&mut buf, 0, 7, 9, &[seg("x", Style::default())]);
        put_right(&mut buf, 0, 0, 0, &seg("abc", Style::default()));
        assert_eq!(row_text(&buf, 0).trim_start(), "漢");
    }

    #[test]
    fn halfwidth_kana_with_a_sound_mark_fills_two_columns_in_cells_as_in_layout() {
        use ratatui::buffer::CellWidth as _;
        let mut buf = Buffer::empty(Rect::new(0, 0, 12, 1));
        let words = "ｶﾞｷﾟﾞx";
        assert_eq!(text::width(words), 6);
        assert_eq!(put(&mut buf, 0, 0, 12, &[seg(words, Style::default())]), 6);
        assert_eq!((buf[(0, 0)].cell_width(), buf[(2, 0)].cell_width(), buf[(5, 0)].symbol()), (2, 3, "x"));
    }

    #[test]
    fn a_gauge_is_as_wide_as_asked() {
        for (share, width) in [(0.0, 10), (0.33, 7), (1.0, 5), (f64::NAN, 3), (2.0, 4)] {
            assert_eq!(gauge(share, width).chars().count(), width, "{share}");
        }
    }
}
