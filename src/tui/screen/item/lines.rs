//! Wrapped lines of pieces, for panes of text that scroll.

use crate::core::text;
use crate::tui::draw_text::{Seg, put, seg};
use crate::tui::links;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use std::ops::Range;

/// One line of the screen.
#[derive(Debug, Clone, Default)]
pub(in super::super) struct ItemLine {
    pub segs: Vec<Seg<'static>>,
}

impl ItemLine {
    /// A line of one piece.
    pub fn of(text: impl Into<String>, style: Style) -> Self {
        Self { segs: vec![seg(text.into(), style)] }
    }

    /// An empty line.
    pub fn blank() -> Self {
        Self::default()
    }

    #[cfg(test)]
    pub fn text(&self) -> String {
        self.segs.iter().map(|s| s.text.as_ref()).collect()
    }
}

/// A text as a pane shows it: escapes visible and tabs expanded first, so that the widths counted are those drawn.
pub fn shown(text: &str) -> String {
    text::expand_tabs(&text::escape(&text.replace("\r\n", "\n")), 4).into_owned()
}

/// Wraps a cleaned text; the parts in `marks` (bytes, sorted, apart) have the look `marked`.
pub fn wrap(
    clean: &str,
    width: usize,
    style: Style,
    marks: &[Range<usize>],
    marked: Style,
    indent: usize,
) -> Vec<ItemLine> {
    let room = width.saturating_sub(indent).max(1);
    let mut lines = Vec::new();
    let addresses = text::addresses(clean);
    for range in text::wrap(clean, room) {
        let mut segs = Vec::new();
        let mut at = range.start;
        for mark in marks.iter().filter(|m| m.start < range.end && m.end > range.start) {
            let (from, to) = (mark.start.max(range.start), mark.end.min(range.end));
            push(&mut segs, clean, at..from, style);
            push(&mut segs, clean, from..to, marked);
            at = to;
        }
        push(&mut segs, clean, at..range.end, style);
        let mut segs = links::marked(segs, range.start, &addresses);
        if indent > 0 {
            segs.insert(0, seg(" ".repeat(indent), style));
        }
        lines.push(ItemLine { segs });
    }
    lines
}

fn push(segs: &mut Vec<Seg<'static>>, text: &str, range: Range<usize>, style: Style) {
    if let Some(piece) = text.get(range).filter(|p| !p.is_empty()) {
        segs.push(seg(piece.to_owned(), style));
    }
}

/// Sorts ranges and joins those that touch.
pub fn joined(mut ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    ranges.sort_by_key(|r| r.start);
    let mut out: Vec<Range<usize>> = Vec::new();
    for range in ranges {
        match out.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => out.push(range),
        }
    }
    out
}

/// Draws lines from `top` on.
pub fn draw(lines: &[ItemLine], top: usize, area: Rect, buf: &mut Buffer) {
    for (i, line) in lines.iter().skip(top).take(usize::from(area.height)).enumerate() {
        put(buf, area.x, area.y + i as u16, area.width, &line.segs);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::style::Modifier;

    #[test]
    fn marks_go_on_over_the_end_of_a_line_and_nothing_is_lost() {
        let bold = Style::new().add_modifier(Modifier::BOLD);
        let marks = joined(vec![4..13, 6..9, 13..14]);
        assert_eq!((marks.len(), marks.first()), (1, Some(&(4..14))));
        let lines = wrap("one two three four", 8, Style::new(), &marks, bold, 2);
        let text: Vec<String> = lines.iter().map(ItemLine::text).collect();
        assert_eq!(text, ["  one ", "  two ", "  three ", "  four"]);
        let marked: String =
            lines.iter().flat_map(|l| &l.segs).filter(|s| s.style == bold).map(|s| s.text.as_ref()).collect();
        assert_eq!(marked, "two three ");
    }

    #[test]
    fn what_is_shown_has_no_control_left_and_keeps_its_lines() {
        assert_eq!(shown("a\tb\r\nc\u{1b}[1m"), "a   b\nc\\x1b[1m");
    }
}
