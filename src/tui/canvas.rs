//! The terminal as cells: what is shown, what is to be shown, and only the difference written.
//!
//! ```text
//! draw(paint) -> next frame -> cells that differ from the shown one -> written in one piece, or nothing at all
//! blank()     -> the terminal cleared, so that every cell differs
//! ```
//! A frame in which no cell has changed writes no byte: an answer that is not in sight costs nothing over a slow line.

use ratatui::backend::{Backend, ClearType, CrosstermBackend};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use std::io::{BufWriter, Write};

/// What a frame writes leaves in one piece, up to so many bytes.
const ROOM: usize = 64 << 10;

/// Draws on a terminal.
pub(super) struct Canvas<W: Write> {
    backend: CrosstermBackend<BufWriter<W>>,
    shown: Buffer,
    next: Buffer,
}

impl<W: Write> Canvas<W> {
    /// A terminal of which nothing is known yet.
    pub fn new(out: W) -> Self {
        let backend = CrosstermBackend::new(BufWriter::with_capacity(ROOM, out));
        Self { backend, shown: Buffer::empty(Rect::ZERO), next: Buffer::empty(Rect::ZERO) }
    }

    /// Takes the terminal's size; true when it is another than before, and everything is to be drawn again.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn fit(&mut self) -> std::io::Result<bool> {
        let size = self.backend.size()?;
        self.fit_to(Rect::new(0, 0, size.width, size.height))
    }

    fn fit_to(&mut self, area: Rect) -> std::io::Result<bool> {
        let other = area != self.shown.area;
        if other {
            (self.shown, self.next) = (Buffer::empty(area), Buffer::empty(area));
            self.backend.clear_region(ClearType::All)?;
        }
        Ok(other)
    }

    /// Clears the terminal, whatever was on it: the next frame is drawn whole. (The terminal is not asked where its
    /// cursor is: one that does not answer would be waited for.)
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn blank(&mut self) -> std::io::Result<()> {
        if !self.fit()? {
            self.shown.reset();
            self.backend.clear_region(ClearType::All)?;
        }
        Ok(())
    }

    /// Draws a frame.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn draw(&mut self, paint: impl FnOnce(&mut Buffer)) -> std::io::Result<()> {
        self.next.reset();
        paint(&mut self.next);
        let changed = self.shown.diff(&self.next);
        if !changed.is_empty() {
            self.backend.draw(changed.into_iter())?;
        }
        Backend::flush(&mut self.backend)?;
        std::mem::swap(&mut self.shown, &mut self.next);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::style::Style;
    use std::cell::RefCell;
    use std::rc::Rc;

    #[derive(Clone, Default)]
    struct Line(Rc<RefCell<Vec<u8>>>);

    impl Write for Line {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.borrow_mut().extend(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn only_what_changed_is_written_and_nothing_when_nothing_did() {
        let line = Line::default();
        let mut canvas = Canvas::new(line.clone());
        canvas.fit_to(Rect::new(0, 0, 20, 3)).unwrap();
        let mut frame = |text: &str| {
            line.0.borrow_mut().clear();
            canvas.draw(|buf| buf.set_string(1, 1, text, Style::default())).unwrap();
            String::from_utf8(line.0.borrow().clone()).unwrap()
        };
        assert!(frame("first-words").contains("first-words"));
        assert_eq!(frame("first-words"), "");
        let third = frame("first-cards");
        assert!(third.contains("ca") && !third.contains("first"), "{third:?}");
    }
}
