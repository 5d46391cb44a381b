//! The terminal as cells: what is shown, what is to be shown, and only the difference written.
//!
//! ```text
//! draw(paint) -> next frame -> rows that differ from the shown ones -> pen -> one write, or none at all
//! blank()     -> the next frame erases the terminal first, so that every row differs
//! ```
//! A frame in which no cell has changed writes no byte: an answer that is not in sight costs nothing over a slow line.
//! Where the terminal is known to hold back what it shows until a frame is whole, the frame says where it begins and ends.

use super::capabilities::Capabilities;
use super::links::{self, ScreenLink};
use super::pen::{Pen, changes, is_disputed};
use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::Rect;
use std::io::Write;

/// Draws on a terminal.
pub(super) struct Canvas<W: Write> {
    out: W,
    /// The terminal's cells.
    area: Rect,
    /// Of no cells before there is a first frame: to touch a quarter of a megabyte takes as long as to draw on it.
    shown: Buffer,
    /// Of no cells before the first frame is drawn on it.
    next: Buffer,
    /// Which of the shown rows hold something that terminals give different room.
    disputed: Vec<bool>,
    /// The links in each of the shown rows; empty while there are none.
    links: Vec<Vec<ScreenLink>>,
    /// Nothing is known of what the terminal shows.
    unknown: bool,
    /// What the terminal takes.
    pub known: Capabilities,
}

impl<W: Write> Canvas<W> {
    /// A terminal of which nothing is known yet. `out` is written to once a frame, and flushed.
    pub fn new(out: W) -> Self {
        Self {
            out,
            area: Rect::ZERO,
            shown: Buffer::empty(Rect::ZERO),
            next: Buffer::empty(Rect::ZERO),
            disputed: Vec::new(),
            links: Vec::new(),
            unknown: true,
            known: Capabilities::default(),
        }
    }

    /// Takes the terminal's size; when it is another than before, everything is drawn again.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn fit(&mut self) -> std::io::Result<()> {
        let (width, height) = crossterm::terminal::size()?;
        self.fit_to(width, height);
        Ok(())
    }

    /// Takes a size, in columns and rows.
    pub fn fit_to(&mut self, width: u16, height: u16) {
        let area = Rect::new(0, 0, width, height);
        if area != self.area {
            self.area = area;
            self.unknown = true;
        }
    }

    /// Whatever the terminal shows is erased with the next frame, which is drawn whole. (The terminal is not asked where
    /// its cursor is: one that does not answer would be waited for.)
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn blank(&mut self) -> std::io::Result<()> {
        self.fit()?;
        self.unknown = true;
        Ok(())
    }

    /// As [`Canvas::blank`], of the size that it has.
    pub fn forget(&mut self) {
        self.unknown = true;
    }

    /// Draws a frame.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn draw(&mut self, paint: impl FnOnce(&mut Buffer)) -> std::io::Result<()> {
        if self.next.area == self.area {
            self.next.reset();
        } else {
            self.next = Buffer::empty(self.area);
        }
        paint(&mut self.next);
        let frame = self.frame();
        std::mem::swap(&mut self.shown, &mut self.next);
        if frame.is_empty() {
            return Ok(());
        }
        self.out.write_all(&frame)?;
        self.out.flush()
    }

    /// The bytes that lead from what is shown to what is to be shown.
    fn frame(&mut self) -> Vec<u8> {
        let mut frame = Vec::new();
        let width = usize::from(self.next.area.width);
        // What an erased terminal shows, in each of its rows.
        let mut erased = Vec::new();
        if std::mem::take(&mut self.unknown) {
            erased.resize(width, Cell::default());
            self.disputed = vec![false; usize::from(self.next.area.height)];
            self.links.clear();
            Pen::new(&mut frame).erase_all();
        }
        if width > 0 {
            let mut pieces = Vec::new();
            let mut pen = Pen::new(&mut frame);
            let links = if self.known.hyperlinks { links::of(&self.next) } else { Vec::new() };
            let shown = &self.shown.content;
            let former = |y: usize| {
                if erased.is_empty() {
                    shown.get(y * width..(y + 1) * width).unwrap_or_default()
                } else {
                    &erased
                }
            };
            let rows = self.next.content.chunks(width).zip(&mut self.disputed);
            for (y, (new, disputed)) in rows.enumerate() {
                let old: &[Cell] = former(y);
                let [had, has] =
                    [&self.links, &links].map(|all| all.get(y).map_or(&[] as &[ScreenLink], Vec::as_slice));
                if old == new && had == has {
                    continue;
                }
                let was = std::mem::replace(disputed, is_disputed(new));
                // What is behind an address may have changed though its letters did not.
                let linked = !had.is_empty() || !has.is_empty();
                if was || *disputed || linked {
                    pen.whole(y, new, has);
                } else {
                    changes(y, old, new, &mut pieces);
                }
            }
            self.links = links;
            pen.lay(&pieces);
            pen.end();
        }
        if !frame.is_empty() && self.known.synchronized {
            frame.splice(0..0, *b"\x1b[?2026h");
            frame.extend_from_slice(b"\x1b[?2026l");
        }
        frame
    }
}

impl Canvas<Vec<u8>> {
    /// What was written since this was asked last.
    pub fn taken(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }
}

#[cfg(test)]
mod tests {
    use super::super::draw_text::{put, seg};
    use super::*;
    use crate::core::text;
    use ratatui::style::{Color, Style};

    /// A canvas of 20 by 3, and what a frame with this text in its middle row writes.
    fn canvas() -> Canvas<Vec<u8>> {
        let mut canvas = Canvas::new(Vec::new());
        canvas.fit_to(20, 3);
        canvas
    }

    fn frame(canvas: &mut Canvas<Vec<u8>>, text: &str, style: Style) -> String {
        canvas
            .draw(|buf| {
                buf.set_string(1, 1, text, style);
            })
            .unwrap();
        String::from_utf8(canvas.taken()).unwrap()
    }

    #[test]
    fn only_what_changed_is_written_and_nothing_when_nothing_did() {
        let mut canvas = canvas();
        assert_eq!(frame(&mut canvas, "first-words", Style::new()), "\x1b[m\x1b[2J\x1b[2;2Hfirst-words");
        assert_eq!(frame(&mut canvas, "first-words", Style::new()), "");
        // Two letters apart: the two between them cost less than a move.
        assert_eq!(frame(&mut canvas, "first-cards", Style::new()), "\x1b[2;8Hca");
        assert_eq!(frame(&mut canvas, "fairy-carts", Style::new()), "\x1b[2;3Hairy-cart");
        // What lies further apart is not written again.
        assert_eq!(frame(&mut canvas, "hairy-cartz", Style::new()), "\x1b[2;2Hh\x1b[12Gz");
        // The second half of a wide character is none of the blanks behind it.
        assert_eq!(frame(&mut canvas, "ha中", Style::new()), "\x1b[2;4H中\x1b[K");
        assert_eq!(frame(&mut canvas, "ha", Style::new()), "\x1b[2;4H\x1b[K");
    }

    #[test]
    fn addresses_are_links_to_exactly_what_is_shown_where_the_terminal_takes_them() {
        let address = "https://example.org/abcdefgh";
        let paint = |buf: &mut Buffer, text: &str| {
            let found = text::addresses(text);
            for (y, range) in text::wrap(text, 20).into_iter().enumerate() {
                let line = seg(text.get(range.clone()).unwrap().to_owned(), Style::new());
                put(buf, 0, y as u16, 20, &links::marked(vec![line], range.start, &found));
            }
        };
        let mut canvas = canvas();
        canvas.draw(|buf| paint(buf, &format!("see {address}"))).unwrap();
        assert!(
            !String::from_utf8(canvas.taken()).unwrap().contains("]8;"),
            "a byte for a terminal that is not known"
        );
        canvas.known.hyperlinks = true;
        canvas.forget();
        canvas.draw(|buf| paint(buf, &format!("see {address} x"))).unwrap();
        let written = String::from_utf8(canvas.taken()).unwrap();
        // Both parts lead to the whole address, by one name, and the text behind it does not.
        let opening =
            written.split("\x1b]8;").nth(1).and_then(|rest| rest.split('\x1b').next()).unwrap().to_owned();
        assert!(opening.starts_with("id=") && opening.ends_with(&format!(";{address}")), "{opening}");
        assert_eq!(written.matches(&format!("\x1b]8;{opening}\x1b\\")).count(), 2, "{written:?}");
        assert_eq!(written.matches("\x1b]8;;\x1b\\").count(), 2, "{written:?}");
        assert!(written.contains("abcdefgh\x1b]8;;\x1b\\\x1b[10Gx"), "{written:?}");
        // Nothing changed, nothing written; another end, and the first row's link is another.
        canvas.draw(|buf| paint(buf, &format!("see {address} x"))).unwrap();
        assert_eq!(canvas.taken(), b"");
        canvas.draw(|buf| paint(buf, &format!("see {address}i x"))).unwrap();
        let written = String::from_utf8(canvas.taken()).unwrap();
        assert_eq!(written.matches(&format!(";{address}i\x1b\\")).count(), 2, "{written:?}");
        // An address of which the rest is not in sight leads nowhere.
        canvas
            .draw(|buf| paint(buf, &format!("{}https://example.org/{}", "a ".repeat(18), "b".repeat(90))))
            .unwrap();
        assert!(!String::from_utf8(canvas.taken()).unwrap().contains(";https"));
    }

    #[test]
    fn rows_are_written_look_by_look_where_that_is_shorter() {
        let mut canvas = canvas();
        frame(&mut canvas, "", Style::new());
        let dim = Style::new().fg(Color::Rgb(100, 100, 100));
        let two = |buf: &mut Buffer| {
            for y in 0..3 {
                buf.set_string(0, y, "name", dim);
                buf.set_string(8, y, "text", Style::new());
            }
        };
        canvas.draw(two).unwrap();
        let written = String::from_utf8(canvas.taken()).unwrap();
        assert_eq!(written.matches("38;2;100").count(), 1, "{written:?}");
        assert!(written.ends_with("\x1b[1;9H\x1b[mtext\n\x1b[9Gtext\n\x1b[9Gtext"), "{written:?}");
    }

    #[test]
    fn a_look_is_changed_by_the_shorter_way_and_left_plain() {
        let mut canvas = canvas();
        let loud = Style::new().fg(Color::Rgb(1, 2, 3)).bg(Color::Indexed(7)).bold().underlined();
        assert_eq!(frame(&mut canvas, "a", loud), "\x1b[m\x1b[2J\x1b[2;2H\x1b[1;4;38;2;1;2;3;48;5;7ma\x1b[m");
        // Bold and dim have one switch: what stays is switched on again.
        canvas
            .draw(|buf| {
                buf.set_string(1, 1, "b", Style::new().bold().dim().fg(Color::Indexed(1)));
                buf.set_string(2, 1, "c", Style::new().bold().fg(Color::Indexed(1)));
            })
            .unwrap();
        assert_eq!(String::from_utf8(canvas.taken()).unwrap(), "\x1b[2;2H\x1b[1;2;38;5;1mb\x1b[22;1mc\x1b[m");
        // Also of a blank, that no look depends on what was written before it.
        assert_eq!(frame(&mut canvas, "b ", Style::new().bold()), "\x1b[2;2H\x1b[1mb \x1b[m");
    }

    #[test]
    fn a_row_with_a_cluster_that_terminals_count_differently_is_erased_before_and_after() {
        let mut canvas = canvas();
        frame(&mut canvas, "plain", Style::new());
        let tinted = Style::new().bg(Color::Indexed(1));
        assert_eq!(
            frame(&mut canvas, "aकि b", tinted),
            "\x1b[2;1H\x1b[2K\x1b[2G\x1b[48;5;1ma  \x1b[2;3Hकि\x1b[2;5H b\x1b[m\x1b[K"
        );
        assert_eq!(frame(&mut canvas, "plain", Style::new()), "\x1b[2;1H\x1b[2K\x1b[2Gplain");
        // All terminals give this the same room.
        assert_eq!(frame(&mut canvas, "pl中文", Style::new()), "\x1b[2;4H中文");
        assert_eq!(frame(&mut canvas, "pla", Style::new()), "\x1b[2;4Ha\x1b[K");
    }

    #[test]
    fn a_frame_is_marked_where_the_terminal_takes_the_marks_and_empty_when_nothing_changed() {
        let mut canvas = canvas();
        canvas.known.synchronized = true;
        let first = frame(&mut canvas, "a", Style::new());
        assert!(
            first.starts_with("\x1b[?2026h\x1b[m\x1b[2J") && first.ends_with("a\x1b[?2026l"),
            "{first:?}"
        );
        assert_eq!(frame(&mut canvas, "a", Style::new()), "");
    }
}
