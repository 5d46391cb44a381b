//! The unified format, byte-exact, as `patch` and `git apply` take it.

use super::fold::groups;
use super::rows::{Diff, LineEnd, Row, RowKind, Side};
use std::fmt::Write as _;
use std::ops::Range;

/// The diff in unified format with `context` equal lines around each change; empty when the texts are
/// the same. Exact bytes: to a terminal it goes through [`crate::core::text::escape`].
///
/// A line that ends the text without `\n` is followed by `\ No newline at end of file`; the `\r` of a
/// `\r\n` line stays before its `\n`. Names with spaces or odd characters are written as git does.
pub fn unified(left_name: &str, right_name: &str, diff: &Diff, context: usize) -> String {
    let mut out = String::new();
    let groups = groups(diff, context);
    if groups.is_empty() {
        return out;
    }
    out.push_str(&format!("--- {}\n+++ {}\n", header_name(left_name), header_name(right_name)));
    // Lines of each text in the rows before the group.
    let (mut left, mut right, mut at) = (0, 0, 0);
    for group in groups {
        let count = |range: Range<usize>, side: fn(&Row) -> bool| {
            diff.rows.get(range).unwrap_or_default().iter().filter(|row| side(row)).count()
        };
        left += count(at..group.start, |row| row.left.is_some());
        right += count(at..group.start, |row| row.right.is_some());
        at = group.start;
        let lefts = count(group.clone(), |row| row.left.is_some());
        let rights = count(group.clone(), |row| row.right.is_some());
        // Writing to a String cannot fail.
        let _ = writeln!(out, "@@ -{} +{} @@", span(left, lefts), span(right, rights));
        for line in runs(diff, group) {
            push_line(&mut out, line.sign, line.side);
        }
    }
    out
}

/// One line of the unified order.
pub(super) struct UnifiedLine<'a> {
    /// ` `, `-` or `+`.
    pub(super) sign: char,
    pub(super) side: &'a Side,
    pub(super) row: &'a Row,
}

/// The lines of some rows in unified order: in each changed stretch what was removed, then what was added.
pub(super) fn runs(diff: &Diff, rows: Range<usize>) -> Vec<UnifiedLine<'_>> {
    let (mut out, mut added) = (Vec::new(), Vec::new());
    for row in diff.rows.get(rows).unwrap_or_default() {
        match (&row.left, &row.right) {
            (Some(side), Some(_)) if row.kind == RowKind::Equal => {
                out.append(&mut added);
                out.push(UnifiedLine { sign: ' ', side, row });
            }
            (left, right) => {
                out.extend(left.iter().map(|side| UnifiedLine { sign: '-', side, row }));
                added.extend(right.iter().map(|side| UnifiedLine { sign: '+', side, row }));
            }
        }
    }
    out.append(&mut added);
    out
}

/// `start,count`: of an empty range the line before it, as the format has it; a count of one is left out.
pub(super) fn span(before: usize, count: usize) -> String {
    match count {
        0 => format!("{before},0"),
        1 => (before + 1).to_string(),
        _ => format!("{},{count}", before + 1),
    }
}

fn push_line(out: &mut String, sign: char, side: &Side) {
    out.push(sign);
    out.push_str(&side.text);
    match side.end {
        LineEnd::Missing => out.push_str("\n\\ No newline at end of file\n"),
        end => out.push_str(end.text()),
    }
}

/// A name in a header: quoted in the way of C if it holds a control, a quote or a backslash, else with a
/// tab after it if it holds a space, so that nothing reads the rest of the name as a date.
fn header_name(name: &str) -> String {
    if name.chars().any(|c| c.is_control() || c == '"' || c == '\\') {
        let mut out = String::from("\"");
        for c in name.chars() {
            match c {
                '"' | '\\' => out.extend(['\\', c]),
                '\n' => out.push_str("\\n"),
                '\t' => out.push_str("\\t"),
                c if c.is_control() => {
                    c.to_string().bytes().for_each(|b| out.push_str(&format!("\\{b:03o}")))
                }
                c => out.push(c),
            }
        }
        out.push('"');
        return out;
    }
    if name.contains(' ') { format!("{name}\t") } else { name.to_owned() }
}
