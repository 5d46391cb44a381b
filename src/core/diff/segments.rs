//! One line as a screen shows it: cleaned, tabs expanded, changed words apart, white space made visible.

use super::rows::{LineEnd, Side, Span};
use crate::core::text::{escape_line, width};

/// A stretch of a line, ready to print.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Safe on a terminal: no control, nothing invisible.
    pub text: String,
    /// Changed words: the strong tint.
    pub changed: bool,
    /// A stand-in for white space or a line end: the dim colour.
    pub mark: bool,
}

/// How to show a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Show {
    /// Spaces as `·`, tabs as `→`, line ends as `␍␊` or `␊`, a missing one as `∅`.
    pub whitespace: bool,
    /// Columns between tab stops, at least 1.
    pub tab: usize,
}

impl Default for Show {
    fn default() -> Self {
        Self { whitespace: false, tab: 4 }
    }
}

/// The line in segments. `other` is the line across, if there is one: a `\r` or a missing final newline
/// that only one of the two has is shown even when white space is not.
pub fn segments(side: &Side, other: Option<&Side>, show: Show) -> Vec<Segment> {
    let mut line = Segments { out: Vec::new(), col: 0, show };
    for Span { range, changed } in &side.spans {
        line.push(side.text.get(range.clone()).unwrap_or_default(), *changed);
    }
    let differs = other.is_some_and(|other| other.end != side.end);
    let end = match side.end {
        LineEnd::CrLf if show.whitespace || differs => "␍␊",
        LineEnd::Lf if show.whitespace || differs => "␊",
        LineEnd::Missing if show.whitespace || differs => "∅",
        _ => "",
    };
    line.add(end.to_owned(), differs, true);
    line.out
}

struct Segments {
    out: Vec<Segment>,
    col: usize,
    show: Show,
}

impl Segments {
    /// Adds text, joined to the segment before it when both look the same.
    fn add(&mut self, text: String, changed: bool, mark: bool) {
        if text.is_empty() {
            return;
        }
        self.col += width(&text);
        match self.out.last_mut() {
            Some(last) if (last.changed, last.mark) == (changed, mark) => last.text.push_str(&text),
            _ => self.out.push(Segment { text, changed, mark }),
        }
    }

    fn push(&mut self, text: &str, changed: bool) {
        let whitespace = self.show.whitespace;
        let special = |c: char| c == '\t' || (c == ' ' && whitespace);
        let mut rest = text;
        while let Some((at, c)) = rest.char_indices().find(|&(_, c)| special(c)) {
            let (before, after) = rest.split_at_checked(at).unwrap_or((rest, ""));
            self.add(escape_line(before).into_owned(), changed, false);
            if c == '\t' {
                let stop = self.show.tab.max(1);
                let spaces = stop - self.col % stop;
                let lead = if self.show.whitespace { "→" } else { " " };
                self.add(format!("{lead}{}", " ".repeat(spaces - 1)), changed, self.show.whitespace);
            } else {
                self.add("·".to_owned(), changed, true);
            }
            rest = after.strip_prefix(c).unwrap_or("");
        }
        self.add(escape_line(rest).into_owned(), changed, false);
    }
}
