//! The difference between any two texts: prompts or responses, side by side or unified.
//!
//! ```text
//! two texts -> lines (ends kept) -> line diff -> changed blocks -> moved blocks marked
//!           -> removed lines paired with added ones by their words -> words refined inside a pair
//!           -> Diff { rows, hunks, stats, notes }
//!                |-> fold       what a screen shows            |-> unified  what `patch` takes
//!                |-> segments   one side's text, made visible  |-> json     what scripts read
//!                `-> plain      coloured text for a terminal
//! ```
//!
//! Nothing is normalised: the rows hold both texts exactly ([`Diff::left_text`], [`Diff::right_text`]).
//! Work is bounded; where the bound is met a [`Note`] says so in words.

mod anchors;
mod block;
mod edits;
mod fold;
mod json;
mod lines;
mod messages;
mod moves;
mod note;
pub mod plain;
mod segments;
mod unified;
mod words;

pub use fold::{View, fold};
pub use json::{JsonHunk, JsonSide, json_hunks};
pub use messages::{MessageDiff, diff_messages};
pub use note::Note;
pub use segments::{Segment, Show, segments};
pub use unified::unified;

use imara_diff::InternedInput;
use lines::{Line, split};
use serde::Serialize;
use std::ops::Range;
use std::sync::Arc;
use words::Budget;

/// How a line ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LineEnd {
    /// `\n`
    Lf,
    /// `\r\n`
    CrLf,
    /// The text ended without a line end.
    Missing,
}

impl LineEnd {
    /// The bytes of this end.
    pub fn text(self) -> &'static str {
        match self {
            Self::Lf => "\n",
            Self::CrLf => "\r\n",
            Self::Missing => "",
        }
    }
}

/// A stretch of a line. The spans of a side follow each other and cover its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// Bytes of the side's text.
    pub range: Range<usize>,
    /// In a [`RowKind::Changed`] row: these words are not on the other side. Else false.
    pub changed: bool,
}

/// One line of one text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Side {
    /// Line number, from 1.
    pub number: usize,
    /// The line without its end.
    pub text: Arc<str>,
    /// Its end.
    pub end: LineEnd,
    /// The line in stretches, changed or not.
    pub spans: Vec<Span>,
}

/// What a row says about its lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RowKind {
    /// Both lines are the same, line end included.
    Equal,
    /// A removed line and the added one that replaced it.
    Changed,
    /// A line of the left text alone.
    Removed,
    /// A line of the right text alone.
    Added,
}

/// One row of a side-by-side view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// What happened.
    pub kind: RowKind,
    /// The left line; absent in an added row.
    pub left: Option<Side>,
    /// The right line; absent in a removed row.
    pub right: Option<Side>,
    /// A changed row whose lines differ only in white space or line ends.
    pub whitespace: bool,
    /// The move this line is part of, an index into [`Diff::moves`]; only in removed and added rows.
    pub moved: Option<usize>,
}

/// A block of at least three lines that was removed here and added there unchanged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    /// Line numbers in the left text, from 1.
    pub left: Range<usize>,
    /// Line numbers in the right text, from 1.
    pub right: Range<usize>,
}

/// How many lines only one of the texts has; a changed line counts on both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Stats {
    /// Lines of the right text that the left lacks.
    pub added: usize,
    /// Lines of the left text that the right lacks.
    pub removed: usize,
}

/// Two texts compared.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Diff {
    /// All rows, top to bottom.
    pub rows: Vec<Row>,
    /// The stretches of rows that are not equal.
    pub hunks: Vec<Range<usize>>,
    /// Lines added and removed.
    pub stats: Stats,
    /// Blocks that moved.
    pub moves: Vec<Move>,
    /// What a reader should know before reading: why the texts differ if it is hard to see, and what was
    /// left out to stay quick.
    pub notes: Vec<Note>,
}

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
            budget: Budget::default(),
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

    /// Whether the texts are the same, byte for byte.
    pub fn is_equal(&self) -> bool {
        self.hunks.is_empty()
    }

    /// The left text, put together again from the rows.
    pub fn left_text(&self) -> String {
        joined(self.rows.iter().filter_map(|row| row.left.as_ref()))
    }

    /// The right text, put together again from the rows.
    pub fn right_text(&self) -> String {
        joined(self.rows.iter().filter_map(|row| row.right.as_ref()))
    }
}

fn joined<'a>(sides: impl Iterator<Item = &'a Side>) -> String {
    sides.flat_map(|side| [&*side.text, side.end.text()]).collect()
}

/// Rows as they come, and how far each text has been used up.
struct Builder<'a> {
    left: &'a [Line<'a>],
    right: &'a [Line<'a>],
    moved: moves::Marks,
    budget: Budget,
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
                block::Pair::Both(i, j) => self.changed(before.start + i, after.start + j),
                block::Pair::Left(i) => self.single(RowKind::Removed, before.start + i),
                block::Pair::Right(j) => self.single(RowKind::Added, after.start + j),
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

/// One span over all of a line; none over an empty one.
fn whole(text: &str, changed: bool) -> Vec<Span> {
    if text.is_empty() { Vec::new() } else { vec![Span { range: 0..text.len(), changed }] }
}

#[cfg(test)]
mod tests;
