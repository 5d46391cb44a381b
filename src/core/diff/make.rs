//! Comparing two texts: lines first, then the words of those that replaced each other.

use super::lines::{TextLine, split};
use super::note;
use super::rows::{Diff, Row, RowKind, Side, whole};
use super::words::{self, WordBudget};
use super::{anchors, block, moves};
use imara_diff::InternedInput;
use std::ops::Range;
use std::sync::Arc;

impl Diff {
    /// Compares two texts. Pure, and bounded: under a second for megabytes on either side.
    pub fn new(left: &str, right: &str) -> Self {
        let (left_lines, right_lines) = (split(left), split(right));
        let mut input: InternedInput<&str> = InternedInput::default();
        input.update_before(left_lines.iter().map(|line| line.raw));
        input.update_after(right_lines.iter().map(|line| line.raw));
        let edits = anchors::lines(&input);

        let moves = moves::find(&input, &edits, &left_lines);
        let mut build = Builder {
            left: &left_lines,
            right: &right_lines,
            moved: moves::Marks::new(&moves, left_lines.len(), right_lines.len()),
            budget: WordBudget::default(),
            used: (0, 0),
            diff: Self {
                moves,
                notes: note::differs_only(left, right).into_iter().collect(),
                ..Self::default()
            },
        };
        build.budget.in_pieces |= edits.in_pieces;
        for (before, after) in edits.hunks() {
            build.equal_until(before.start);
            build.block(before, after);
        }
        build.equal_until(left_lines.len());
        let Builder { mut diff, budget, .. } = build;
        diff.notes.extend(budget.notes());
        diff
    }
}

/// Rows as they come, and how far each text has been used up.
struct Builder<'a> {
    left: &'a [TextLine<'a>],
    right: &'a [TextLine<'a>],
    moved: moves::Marks,
    budget: WordBudget,
    /// Lines used so far on the left and the right.
    used: (usize, usize),
    diff: Diff,
}

impl Builder<'_> {
    /// Equal rows up to, not including, this line of the left text.
    fn equal_until(&mut self, end: usize) {
        let (left, right) = self.used;
        for (i, line) in self.left.iter().enumerate().take(end).skip(left) {
            let text: Arc<str> = line.text.into();
            let side =
                |number| Side { number, spans: whole(&text, false), text: text.clone(), end: line.end };
            self.diff.rows.push(Row {
                kind: RowKind::Equal,
                left: Some(side(i + 1)),
                right: Some(side(right + i - left + 1)),
                whitespace: false,
                moved: None,
            });
        }
        self.used = (end, right + end - left);
    }

    /// The rows of one changed block.
    fn block(&mut self, before: Range<usize>, after: Range<usize>) {
        let start = self.diff.rows.len();
        self.diff.stats.removed += before.len();
        self.diff.stats.added += after.len();
        let lines = block::Block {
            left: self.left.get(before.clone()).unwrap_or_default(),
            right: self.right.get(after.clone()).unwrap_or_default(),
            left_moved: self.moved.left.get(before.clone()).unwrap_or_default(),
            right_moved: self.moved.right.get(after.clone()).unwrap_or_default(),
        };
        for pair in block::align(&lines, &mut self.budget) {
            let row = match pair {
                block::LinePair::Both(i, j) => self.changed(before.start + i, after.start + j),
                block::LinePair::Left(i) => self.single(RowKind::Removed, before.start + i),
                block::LinePair::Right(j) => self.single(RowKind::Added, after.start + j),
            };
            self.diff.rows.extend(row);
        }
        self.diff.hunks.push(start..self.diff.rows.len());
        self.used = (before.end, after.end);
    }

    fn single(&self, kind: RowKind, at: usize) -> Option<Row> {
        let removed = kind == RowKind::Removed;
        let (lines, marks) =
            if removed { (self.left, &self.moved.left) } else { (self.right, &self.moved.right) };
        let line = lines.get(at)?;
        let side =
            Side { number: at + 1, text: line.text.into(), end: line.end, spans: whole(line.text, false) };
        let (left, right) = if removed { (Some(side), None) } else { (None, Some(side)) };
        Some(Row { kind, left, right, whitespace: false, moved: marks.get(at).copied().flatten() })
    }

    fn changed(&mut self, i: usize, j: usize) -> Option<Row> {
        let (left, right) = (self.left.get(i)?, self.right.get(j)?);
        let (left_spans, right_spans) = words::refine(left.text, right.text, &mut self.budget);
        Some(Row {
            kind: RowKind::Changed,
            left: Some(Side { number: i + 1, text: left.text.into(), end: left.end, spans: left_spans }),
            right: Some(Side { number: j + 1, text: right.text.into(), end: right.end, spans: right_spans }),
            whitespace: note::same_without(left.text, right.text, char::is_whitespace),
            moved: None,
        })
    }
}
