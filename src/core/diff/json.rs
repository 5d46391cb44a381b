//! Hunks as `diff --json` prints them: exact, without context, and enough to apply.

use super::rows::{Diff, LineEnd, Row, Side};
use serde::Serialize;

/// Where the texts differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JsonHunk {
    /// The lines of the left text that the right text lacks here.
    pub left: JsonSide,
    /// The lines of the right text that took their place.
    pub right: JsonSide,
}

/// One side of a hunk: in the text's lines (split at `\n`), `lines` stand at `start - 1` and on, also
/// where there are none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JsonSide {
    /// The number, from 1, of the first of `lines`, or of the line they would stand before.
    pub start: usize,
    /// The exact lines without their `\n`; a `\r` before it stays, so that line ends can be compared.
    pub lines: Vec<String>,
    /// Whether the last of `lines` ends the text without a `\n`; left out when false.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub no_newline: bool,
}

/// The hunks of a diff, top to bottom.
pub fn json_hunks(diff: &Diff) -> Vec<JsonHunk> {
    let mut hunks = Vec::with_capacity(diff.hunks.len());
    // The number the next line of each text has.
    let (mut left, mut right, mut at) = (1, 1, 0);
    for hunk in &diff.hunks {
        // Between hunks all rows are equal.
        left += hunk.start - at;
        right += hunk.start - at;
        let rows = diff.rows.get(hunk.clone()).unwrap_or_default();
        let made = JsonHunk {
            left: side(left, rows, |row| row.left.as_ref()),
            right: side(right, rows, |row| row.right.as_ref()),
        };
        left += made.left.lines.len();
        right += made.right.lines.len();
        at = hunk.end;
        hunks.push(made);
    }
    hunks
}

fn side(start: usize, rows: &[Row], pick: fn(&Row) -> Option<&Side>) -> JsonSide {
    let sides: Vec<&Side> = rows.iter().filter_map(pick).collect();
    let exact = |side: &&Side| {
        let cr = if side.end == LineEnd::CrLf { "\r" } else { "" };
        format!("{}{cr}", side.text)
    };
    JsonSide {
        start,
        no_newline: sides.last().is_some_and(|side| side.end == LineEnd::Missing),
        lines: sides.iter().map(exact).collect(),
    }
}
