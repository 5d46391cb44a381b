//! Which revision brought each line of a text: the history walked from old to new, line by line.
//!
//! ```text
//! r1 text ----> each line came with r1
//! r2 text ----> equal rows keep their revision, all others came with r2
//! ...           until the chosen revision
//! ```

use super::diff::{Diff, RowKind};

/// The lines of a text with the index, in the history given, of the revision that brought each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blamed {
    /// The line, without its end.
    pub text: String,
    /// Index into the history.
    pub origin: usize,
}

/// Blames the last text of `history` (oldest first). A line that went and came back belongs to its return;
/// a line whose end alone changed belongs to that change. Empty for an empty history.
pub fn blame(history: &[&str]) -> Vec<Blamed> {
    let mut origins: Vec<usize> = Vec::new();
    let mut before = "";
    let mut lines: Vec<String> = Vec::new();
    for (index, text) in history.iter().enumerate() {
        if index > 0 && *text == before {
            continue;
        }
        let diff = Diff::new(before, text);
        let mut next = Vec::with_capacity(origins.len());
        lines.clear();
        for row in &diff.rows {
            let Some(right) = &row.right else { continue };
            let kept = match (row.kind, &row.left) {
                (RowKind::Equal, Some(left)) => origins.get(left.number.saturating_sub(1)).copied(),
                _ => None,
            };
            next.push(kept.unwrap_or(index));
            lines.push(right.text.to_string());
        }
        origins = next;
        before = text;
    }
    lines.into_iter().zip(origins).map(|(text, origin)| Blamed { text, origin }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origins(history: &[&str]) -> Vec<usize> {
        blame(history).into_iter().map(|line| line.origin).collect()
    }

    #[test]
    fn each_line_belongs_to_the_revision_that_brought_it() {
        assert_eq!(origins(&["a\nb\n", "a\nx\nb\n", "a\nx\nb!\n"]), [0, 1, 2]);
        assert_eq!(origins(&["a\nb\nc\n"]), [0, 0, 0]);
        assert_eq!(origins(&[]), Vec::<usize>::new());
        assert_eq!(origins(&["a\n", ""]), Vec::<usize>::new());
    }

    #[test]
    fn a_line_that_came_back_belongs_to_its_return() {
        assert_eq!(origins(&["a\nb\n", "b\n", "a\nb\n"]), [2, 0]);
    }

    #[test]
    fn a_changed_line_end_is_a_change() {
        assert_eq!(origins(&["a\r\nb\r\n", "a\nb\r\n"]), [1, 0]);
        assert_eq!(origins(&["a\nb", "a\nb\n"]), [0, 1]);
    }

    #[test]
    fn the_lines_are_those_of_the_last_text() {
        let text = "one\r\ntwo\n\nthree";
        let shown: Vec<_> = blame(&["", text]).into_iter().map(|l| l.text).collect();
        assert_eq!(shown, ["one", "two", "", "three"]);
    }
}
