//! What a difference is made of: rows of lines, stretches of them that changed, blocks that moved.

use super::note::Note;
use serde::Serialize;
use std::ops::Range;
use std::sync::Arc;

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

/// One span over all of a line; none over an empty one.
pub(super) fn whole(text: &str, changed: bool) -> Vec<Span> {
    if text.is_empty() { Vec::new() } else { vec![Span { range: 0..text.len(), changed }] }
}
