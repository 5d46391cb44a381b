//! A cursor over rows of which only some are in sight, and the rules between panes.

use crate::tui::keys::Action;
use ratatui::layout::{Position, Rect};

/// A cursor over rows of which only some are in sight.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cursor {
    /// The selected row.
    pub at: usize,
    /// The first row in sight.
    pub top: usize,
    /// How many rows were in sight when last drawn.
    pub height: usize,
    /// Where they were drawn; nowhere when they are not clicked.
    pub place: Rect,
    /// How many rows there were.
    pub len: usize,
}

impl Cursor {
    /// Moves by an action over `len` rows; false when the action is no movement.
    pub fn act(&mut self, action: Action, len: usize) -> bool {
        let page = self.height.saturating_sub(1).max(1);
        let to = match action {
            Action::Down => self.at.saturating_add(1),
            Action::Up => self.at.saturating_sub(1),
            Action::PageDown => self.at.saturating_add(page),
            Action::PageUp => self.at.saturating_sub(page),
            Action::First => 0,
            Action::Last => usize::MAX,
            _ => return false,
        };
        self.at = to.min(len.saturating_sub(1));
        true
    }

    /// Brings the selected row into sight of `height` rows; the rows in sight.
    pub fn window(&mut self, len: usize, height: usize) -> std::ops::Range<usize> {
        self.height = height;
        self.at = self.at.min(len.saturating_sub(1));
        if self.at < self.top {
            self.top = self.at;
        } else if height > 0 && self.at >= self.top.saturating_add(height) {
            self.top = self.at + 1 - height;
        }
        self.top = self.top.min(len.saturating_sub(height));
        self.top..len.min(self.top.saturating_add(height))
    }

    /// As [`Cursor::window`] in an area of one line a row, in which the mouse selects.
    pub fn rows(&mut self, len: usize, area: Rect) -> std::ops::Range<usize> {
        (self.place, self.len) = (area, len);
        self.window(len, usize::from(area.height))
    }

    /// This list, if it was drawn at that place.
    pub fn under(&mut self, at: Position) -> Option<&mut Self> {
        self.place.contains(at).then_some(self)
    }

    /// Puts the cursor beside the row at a place, and names the step that goes on to it as a key would: what depends on
    /// the selection follows. None where there is no row, and on the selected one.
    pub fn step_to(&mut self, at: Position) -> Option<Action> {
        let row = self.top + usize::from(at.y.checked_sub(self.place.y)?);
        if row >= self.len || row == self.at {
            return None;
        }
        match row.checked_sub(1) {
            Some(before) => {
                self.at = before;
                Some(Action::Down)
            }
            None => {
                self.at = 1;
                Some(Action::Up)
            }
        }
    }
}

/// The upright rules between panes, and where somebody has dragged them.
#[derive(Debug, Clone, Default)]
pub struct Dividers {
    area: Rect,
    /// Columns of the rules when last drawn.
    drawn: Vec<u16>,
    /// Of so many panes, the rule after the so-manieth, at this share of the width.
    dragged: Vec<(usize, usize, f64)>,
}

/// The least width of a pane beside a dragged rule.
const LEAST: u16 = 12;

impl Dividers {
    /// Widths of panes side by side with a column for a rule between each two: as they are usually, save for rules that
    /// were dragged.
    pub fn fit(&mut self, area: Rect, widths: &mut [u16]) {
        self.area = area;
        let panes = widths.len();
        let mut ends: Vec<u16> = Vec::new();
        for width in widths.iter() {
            ends.push(ends.last().map_or(0, |end| end + 1) + width);
        }
        let room = usize::from(area.width) >= panes * usize::from(LEAST + 1);
        for (_, rule, share) in self.dragged.iter().filter(|(of, ..)| *of == panes && room) {
            if let Some(end) = ends.get_mut(*rule) {
                *end = (share * f64::from(area.width)).round() as u16;
            }
        }
        let mut from = 0;
        for (i, width) in widths.iter_mut().enumerate() {
            let after = (panes - 1 - i) as u16;
            if room && !self.dragged.is_empty() {
                let most = if after == 0 { area.width } else { area.width - after * (LEAST + 1) };
                ends[i] = if after == 0 { area.width } else { ends[i].max(from + LEAST).min(most) };
            }
            *width = ends[i].saturating_sub(from);
            from = ends[i] + 1;
        }
        ends.pop();
        self.drawn = ends.into_iter().map(|end| area.x + end).collect();
    }

    /// The rule at a place.
    pub fn rule_at(&self, at: Position) -> Option<usize> {
        let rule = self.drawn.iter().position(|x| *x == at.x)?;
        self.area.contains(at).then_some(rule)
    }

    /// Puts a rule elsewhere.
    pub fn drag(&mut self, rule: usize, x: u16) {
        let panes = self.drawn.len() + 1;
        let share = f64::from(x.saturating_sub(self.area.x)) / f64::from(self.area.width.max(1));
        self.dragged.retain(|(of, which, _)| (*of, *which) != (panes, rule));
        self.dragged.push((panes, rule, share));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_stays_in_its_rows_and_in_sight() {
        let mut cursor = Cursor::default();
        assert_eq!(cursor.window(0, 10), 0..0);
        assert!(cursor.act(Action::Last, 100));
        assert_eq!(cursor.window(100, 10), 90..100);
        cursor.act(Action::PageUp, 100);
        assert_eq!((cursor.at, cursor.window(100, 10)), (90, 90..100));
        cursor.act(Action::Up, 100);
        assert_eq!(cursor.window(100, 10), 89..99);
        // Rows vanish: the cursor follows.
        assert_eq!(cursor.window(3, 10), 0..3);
        assert_eq!(cursor.at, 2);
        assert!(!cursor.act(Action::Diff, 3));
    }
}
