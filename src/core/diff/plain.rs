//! A diff as text for a terminal or a pipe: side by side, unified with marked words, or a summary.
//!
//! The caller has decided on colour and width; this only paints. Every text is escaped first, so the
//! only escape sequences in the result are the ones written here. Without colour, changed words carry
//! the marks of `git diff --word-diff`: `[-old-]{+new+}`.

use super::unified::{UnifiedLine, runs, span};
use super::{Diff, Row, RowKind, Segment, Show, Side, View, fold, segments};
use crate::core::text::{Align, count, escape_line, fit, plural, width, wrap};
use std::fmt::Write as _;

/// How to paint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plain {
    /// Columns of the whole output; at least 20 are used.
    pub width: usize,
    /// Whether to emit colours (SGR sequences).
    pub color: bool,
    /// Equal lines kept around each change.
    pub context: usize,
    /// How to show white space and tabs.
    pub show: Show,
}

impl Default for Plain {
    fn default() -> Self {
        Self { width: 80, color: false, context: 3, show: Show::default() }
    }
}

/// What a piece of output means; each has its colour among the terminal's own 16.
#[derive(Clone, Copy, PartialEq, Eq)]
enum DiffColor {
    Text,
    Dim,
    Head,
    Removed,
    RemovedWord,
    Added,
    AddedWord,
    MovedFrom,
    MovedTo,
}

impl DiffColor {
    fn sgr(self) -> &'static str {
        match self {
            Self::Text => "",
            Self::Dim => "2",
            Self::Head => "1",
            Self::Removed => "31",
            Self::RemovedWord => "1;7;31",
            Self::Added => "32",
            Self::AddedWord => "1;7;32",
            Self::MovedFrom => "35",
            Self::MovedTo => "36",
        }
    }

    fn paint(self, color: bool, text: &str) -> String {
        let mut out = String::with_capacity(text.len() + 12);
        self.paint_into(&mut out, color, text);
        out
    }

    fn paint_into(self, out: &mut String, color: bool, text: &str) {
        let sgr = self.sgr();
        if !color || sgr.is_empty() || text.is_empty() {
            return out.push_str(text);
        }
        for part in ["\x1b[", sgr, "m", text, "\x1b[0m"] {
            out.push_str(part);
        }
    }
}

/// Which text a line is from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum DiffSide {
    Left,
    Right,
}

/// The inks of a line and of its changed words, and its sign.
fn inks(row: &Row, hand: DiffSide) -> (DiffColor, DiffColor, char) {
    match (row.kind, row.moved, hand) {
        (RowKind::Equal, _, _) => (DiffColor::Text, DiffColor::Text, ' '),
        (_, Some(_), DiffSide::Left) => (DiffColor::MovedFrom, DiffColor::MovedFrom, '<'),
        (_, Some(_), DiffSide::Right) => (DiffColor::MovedTo, DiffColor::MovedTo, '>'),
        (_, None, DiffSide::Left) => (DiffColor::Removed, DiffColor::RemovedWord, '-'),
        (_, None, DiffSide::Right) => (DiffColor::Added, DiffColor::AddedWord, '+'),
    }
}

/// The pieces of one line with their inks. A row that differs only in white space shows it.
fn inked(row: &Row, hand: DiffSide, plain: &Plain) -> Vec<(String, DiffColor)> {
    let (side, other) = match hand {
        DiffSide::Left => (&row.left, &row.right),
        DiffSide::Right => (&row.right, &row.left),
    };
    let Some(side) = side else { return Vec::new() };
    let (line, word, _) = inks(row, hand);
    let show = Show { whitespace: plain.show.whitespace || row.whitespace, ..plain.show };
    let piece = |Segment { text, changed, mark }: Segment| match (changed, mark, hand) {
        (true, _, DiffSide::Left) if !plain.color => (format!("[-{text}-]"), word),
        (true, _, DiffSide::Right) if !plain.color => (format!("{{+{text}+}}"), word),
        (true, _, _) => (text, word),
        (false, true, _) => (text, DiffColor::Dim),
        (false, false, _) => (text, line),
    };
    segments(side, other.as_ref(), show).into_iter().map(piece).collect()
}

/// Cuts inked pieces into lines of at most `cols` columns.
fn wrap_inked(pieces: &[(String, DiffColor)], cols: usize, color: bool) -> Vec<(String, usize)> {
    let whole: String = pieces.iter().map(|(text, _)| text.as_str()).collect();
    let lines = wrap(&whole, cols).into_iter().map(|range| {
        let (mut out, mut used, mut start) = (String::new(), 0, 0);
        for (text, ink) in pieces {
            let (from, to) = (range.start.max(start), range.end.min(start + text.len()));
            let part = if from < to { text.get(from - start..to - start).unwrap_or_default() } else { "" };
            // The space a line may end with must not push the other side away.
            let part = if used + width(part) > cols { part.strip_suffix(' ').unwrap_or(part) } else { part };
            ink.paint_into(&mut out, color, part);
            used += width(part);
            start += text.len();
        }
        (out, used)
    });
    lines.collect()
}

/// The note lines, each with its ink.
fn notes(diff: &Diff, color: bool) -> String {
    diff.notes.iter().map(|note| DiffColor::Head.paint(color, &note.to_string()) + "\n").collect()
}

/// Both texts next to each other, equal stretches folded, long lines wrapped in their column.
pub fn render_side_by_side(left_name: &str, right_name: &str, diff: &Diff, plain: &Plain) -> String {
    let last =
        |pick: fn(&Row) -> Option<&Side>| diff.rows.iter().rev().find_map(pick).map_or(0, |side| side.number);
    let digits = last(|row| row.left.as_ref()).max(last(|row| row.right.as_ref())).to_string().len();
    let half = (plain.width.max(20) - 3) / 2;
    // number, space, sign, text
    let cols = half.saturating_sub(digits + 2).max(1);
    let color = plain.color;
    let mut out = notes(diff, color);
    if diff.is_equal() {
        return out;
    }
    let name = |name: &str| DiffColor::Head.paint(color, &fit(&escape_line(name), half, Align::Left));
    let bar = DiffColor::Dim.paint(color, "│");
    let _ = writeln!(out, "{} {bar} {}", name(left_name), name(right_name).trim_end());
    let mut right = String::new();
    for view in fold(diff, plain.context) {
        let row = match view {
            View::Folded(rows) => {
                let text =
                    fit(&format!("⋯ {}", plural(rows.len(), "equal line", "equal lines")), half, Align::Left);
                let _ = writeln!(
                    out,
                    "{} {bar} {}",
                    DiffColor::Dim.paint(color, &text),
                    DiffColor::Dim.paint(color, "⋯")
                );
                continue;
            }
            View::Row(at) => diff.rows.get(at),
        };
        let Some(row) = row else { continue };
        let cells = |hand| wrap_inked(&inked(row, hand, plain), cols, color);
        let (lefts, rights) = (cells(DiffSide::Left), cells(DiffSide::Right));
        for line in 0..lefts.len().max(rights.len()) {
            cell(&mut out, row, DiffSide::Left, line, &lefts, digits, cols, color);
            right.clear();
            cell(&mut right, row, DiffSide::Right, line, &rights, digits, cols, color);
            for part in [" ", &bar, " ", right.trim_end(), "\n"] {
                out.push_str(part);
            }
        }
    }
    out
}

/// One screen line of one side: number and sign on the first, then text filled to its columns.
#[expect(
    clippy::too_many_arguments,
    reason = "written into what is there: eight thousand cells are a megabyte's diff"
)]
fn cell(
    out: &mut String,
    row: &Row,
    hand: DiffSide,
    line: usize,
    lines: &[(String, usize)],
    digits: usize,
    cols: usize,
    color: bool,
) {
    let side = if hand == DiffSide::Left { &row.left } else { &row.right };
    let (ink, _, sign) = inks(row, hand);
    let number = match side {
        Some(side) if line == 0 => format!("{:>digits$}", side.number),
        _ => " ".repeat(digits),
    };
    let sign = if side.is_some() && line < lines.len() { sign } else { ' ' };
    let (text, used) = lines.get(line).map_or(("", 0), |(text, used)| (text.as_str(), *used));
    DiffColor::Dim.paint_into(out, color, &number);
    out.push(' ');
    ink.paint_into(out, color, sign.encode_utf8(&mut [0; 4]));
    out.push_str(text);
    out.extend(std::iter::repeat_n(' ', cols.saturating_sub(used)));
}

/// Unified for reading: signs, changed words marked, moved lines told apart. For `patch` there is
/// [`super::unified`].
pub fn render_unified(left_name: &str, right_name: &str, diff: &Diff, plain: &Plain) -> String {
    let color = plain.color;
    let mut out = notes(diff, color);
    if diff.is_equal() {
        return out;
    }
    for (sign, name) in [("---", left_name), ("+++", right_name)] {
        let _ = writeln!(out, "{}", DiffColor::Head.paint(color, &format!("{sign} {}", escape_line(name))));
    }
    let (mut left, mut right, mut at) = (0, 0, 0);
    for group in super::fold::groups(diff, plain.context) {
        let sides = |rows: std::ops::Range<usize>| {
            let rows = diff.rows.get(rows).unwrap_or_default();
            let lefts = rows.iter().filter(|row| row.left.is_some()).count();
            (lefts, rows.iter().filter(|row| row.right.is_some()).count())
        };
        let (skipped_left, skipped_right) = sides(at..group.start);
        (left, right) = (left + skipped_left, right + skipped_right);
        let (lefts, rights) = sides(group.clone());
        let head = format!("@@ -{} +{} @@", span(left, lefts), span(right, rights));
        let _ = writeln!(out, "{}", DiffColor::Dim.paint(color, &head));
        (left, right, at) = (left + lefts, right + rights, group.end);
        for UnifiedLine { sign, row, .. } in runs(diff, group) {
            let hand = if sign == '+' { DiffSide::Right } else { DiffSide::Left };
            let (ink, _, _) = inks(row, hand);
            out.push_str(&ink.paint(color, &sign.to_string()));
            inked(row, hand, plain).iter().for_each(|(text, ink)| out.push_str(&ink.paint(color, text)));
            out.push('\n');
        }
    }
    out
}

/// A summary of one or two lines: hunks, lines, moved blocks, and the notes.
pub fn render_stat(left_name: &str, right_name: &str, diff: &Diff, plain: &Plain) -> String {
    let color = plain.color;
    let mut out = format!("{} → {}: ", escape_line(left_name), escape_line(right_name));
    if !diff.is_equal() {
        out.push_str(&plural(diff.hunks.len(), "hunk", "hunks"));
        let (added, removed) = (diff.stats.added as u64, diff.stats.removed as u64);
        out.push_str(&format!(
            ", {} {}",
            DiffColor::Added.paint(color, &format!("+{}", count(added))),
            DiffColor::Removed.paint(color, &format!("-{}", count(removed)))
        ));
        if !diff.moves.is_empty() {
            out.push_str(&format!(", {} moved", plural(diff.moves.len(), "block", "blocks")));
        }
    }
    for (i, note) in diff.notes.iter().enumerate() {
        out.push_str(if i == 0 && diff.is_equal() { "" } else { "; " });
        out.push_str(&note.to_string());
    }
    out.push('\n');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn example() -> Diff {
        let rest = "one\ntwo\nthree\nfour\nfive\n";
        Diff::new(
            &format!("# STEPS\nExtract a summary of it in 25 words.\nkeep\tthis\n{rest}end"),
            &format!(
                "# STEPS\nExtract one sentence of it in 25 words,\nincluding who \u{1b}[31m is presenting\nkeep this\n{rest}end\n"
            ),
        )
    }

    #[test]
    fn side_by_side_without_colour() {
        let plain = Plain { width: 60, context: 1, ..Plain::default() };
        insta::assert_snapshot!(render_side_by_side("r56", "r58", &example(), &plain));
    }

    #[test]
    fn unified_without_colour() {
        insta::assert_snapshot!(render_unified(
            "r56",
            "r58",
            &example(),
            &Plain { context: 1, ..Plain::default() }
        ));
    }

    #[test]
    fn unified_with_colour() {
        let diff = Diff::new("a b\n", "a c\n");
        let text = render_unified("x", "y", &diff, &Plain { color: true, ..Plain::default() });
        assert!(text.contains("\u{1b}[31ma \u{1b}[0m\u{1b}[1;7;31mb\u{1b}[0m\n"), "{text:?}");
    }

    #[test]
    fn a_summary_counts_and_explains() {
        let stat = |left, right| render_stat("a", "b", &Diff::new(left, right), &Plain::default());
        assert_eq!(stat("x\n", "x\n"), "a → b: identical\n");
        assert_eq!(stat("x\n", "x\r\n"), "a → b: 1 hunk, +1 -1; differs only in line ends\n");
    }

    proptest! {
        #[test]
        fn lines_fit_and_nothing_raw_gets_out(
            left in "([a-z \t中\u{301}]{0,30}\r?\n){0,6}", right in any::<String>(), columns in 0usize..120
        ) {
            let plain = Plain { width: columns, ..Plain::default() };
            let diff = Diff::new(&left, &right);
            let side = render_side_by_side("l\u{7}", "r", &diff, &plain);
            for line in side.lines().skip(diff.notes.len()) {
                prop_assert!(width(line) <= columns.max(20), "{:?}", line);
            }
            for text in [side, render_unified("l\u{7}", "r", &diff, &plain), render_stat("l\u{7}", "r", &diff, &plain)] {
                prop_assert!(text.chars().all(|c| c == '\n' || !c.is_control()));
            }
        }
    }
}
