//! From rows to drawn lines: wrapped or scrolled, side by side or in one column. Only what is in sight is laid out.

use super::DiffScreen;
use crate::core::diff::View;
use crate::core::diff::{Row, RowKind, Side};
use crate::core::diff::{Segment, Show, segments};
use crate::core::text;
use std::sync::Arc;

/// Longer lines are shown up to here; the cut is marked.
const LONGEST: usize = 16_384;
/// Columns of a line number, its sign and the blanks around them.
pub(super) const GUTTER: usize = 7;

/// One side of a drawn line.
#[derive(Debug, Clone, Default)]
pub(super) struct Half {
    /// The line's number, on the first of its drawn lines.
    pub number: Option<usize>,
    /// Whether there is a line at all.
    pub present: bool,
    /// What is drawn.
    pub segments: Vec<Segment>,
}

/// A drawn line.
#[derive(Debug, Clone)]
pub(super) enum DiffLine {
    /// Both sides.
    Pair(RowKind, bool, Half, Half),
    /// One column: which side it is.
    One { kind: RowKind, left: bool, moved: bool, half: Half },
    /// So many equal lines, folded.
    Folded(usize),
}

impl DiffScreen {
    /// Width of one side's text.
    fn text_width(&self) -> usize {
        let whole = usize::from(self.width);
        let side = if self.is_unified() { whole } else { whole.saturating_sub(1) / 2 };
        side.saturating_sub(GUTTER + 1).max(1)
    }

    /// How many drawn lines a view takes.
    pub(super) fn lines_of(&self, view: usize) -> usize {
        self.lay(view).len().max(1)
    }

    /// The drawn lines of a view.
    pub(super) fn lay(&self, view: usize) -> Vec<DiffLine> {
        let Some(doc) = self.doc.get() else { return Vec::new() };
        match self.views.get(view) {
            None => Vec::new(),
            Some(View::Folded(rows)) => vec![DiffLine::Folded(rows.len())],
            Some(View::Row(at)) => doc.diff.rows.get(*at).map(|row| self.lay_row(row)).unwrap_or_default(),
        }
    }

    fn lay_row(&self, row: &Row) -> Vec<DiffLine> {
        let half = |side: Option<&Side>, other: Option<&Side>| {
            side.map(|s| self.halves(s, other)).unwrap_or_default()
        };
        let moved = row.moved.is_some();
        let (left, right) = (row.left.as_ref(), row.right.as_ref());
        if self.is_unified() {
            let one = |left, half| DiffLine::One { kind: row.kind, left, moved, half };
            if row.kind == RowKind::Equal {
                return half(right, None).into_iter().map(|h| one(false, h)).collect();
            }
            let old = half(left, right).into_iter().map(|h| one(true, h));
            return old.chain(half(right, left).into_iter().map(|h| one(false, h))).collect();
        }
        let (mut old, mut new) = (half(left, right), half(right, left));
        let lines = old.len().max(new.len()).max(1);
        let fill = |halves: &mut Vec<Half>, present: bool| {
            halves.resize_with(lines, || Half { present, ..Half::default() });
        };
        fill(&mut old, left.is_some());
        fill(&mut new, right.is_some());
        old.into_iter().zip(new).map(|(l, r)| DiffLine::Pair(row.kind, moved, l, r)).collect()
    }

    fn halves(&self, side: &Side, other: Option<&Side>) -> Vec<Half> {
        let show = Show { whitespace: self.whitespace, ..Show::default() };
        let other = other.filter(|_| true);
        let all = if side.text.len() > LONGEST {
            segments(&shortened(side), other, show)
        } else {
            segments(side, other, show)
        };
        let width = self.text_width();
        let lines = if self.wrap { wrap(all, width) } else { vec![cut(all, self.column, width)] };
        lines
            .into_iter()
            .enumerate()
            .map(|(i, segments)| Half { number: (i == 0).then_some(side.number), present: true, segments })
            .collect()
    }
}

/// A line that is too long to look at, up to where it is shown.
fn shortened(side: &Side) -> Side {
    let at = (0..=LONGEST).rev().find(|i| side.text.is_char_boundary(*i)).unwrap_or(0);
    let kept = side.text.get(..at).unwrap_or("");
    let spans = side
        .spans
        .iter()
        .filter(|s| s.range.start < at)
        .map(|s| crate::core::diff::Span { range: s.range.start..s.range.end.min(at), changed: s.changed })
        .collect();
    Side { text: Arc::from(kept), spans, ..side.clone() }
}

/// Breaks segments into lines of at most `width` columns, at blanks where there are some.
fn wrap(segments: Vec<Segment>, width: usize) -> Vec<Vec<Segment>> {
    let whole: String = segments.iter().map(|s| s.text.as_str()).collect();
    if text::width(&whole) <= width {
        return vec![segments];
    }
    let mut starts: Vec<usize> = text::wrap(&whole, width).into_iter().map(|r| r.start).skip(1).collect();
    starts.push(whole.len());
    let mut lines = vec![Vec::new()];
    let (mut offset, mut next) = (0, starts.into_iter().peekable());
    for segment in segments {
        let mut rest = segment.text.as_str();
        while let Some(end) = next.peek().copied().filter(|end| *end < offset + rest.len()) {
            let (head, tail) = rest.split_at_checked(end - offset).unwrap_or((rest, ""));
            push(&mut lines, head, &segment);
            lines.push(Vec::new());
            offset = end;
            rest = tail;
            next.next();
        }
        push(&mut lines, rest, &segment);
        offset += rest.len();
        if next.peek() == Some(&offset) && offset < whole.len() {
            lines.push(Vec::new());
            next.next();
        }
    }
    lines
}

fn push(lines: &mut [Vec<Segment>], text: &str, like: &Segment) {
    if let Some(line) = lines.last_mut().filter(|_| !text.is_empty()) {
        line.push(Segment { text: text.to_owned(), ..like.clone() });
    }
}

/// The columns from `from` on, at most `width` of them.
fn cut(segments: Vec<Segment>, from: usize, width: usize) -> Vec<Segment> {
    let (mut at, mut out) = (0, Vec::new());
    for segment in segments {
        let wide = text::width(&segment.text);
        let (start, end) = (at.max(from), (at + wide).min(from + width));
        if start < end {
            let shown = text::slice_cols(&segment.text, start - at, end - start).into_owned();
            out.push(Segment { text: shown, ..segment });
        }
        at += wide;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(text: &str, changed: bool) -> Segment {
        Segment { text: text.into(), changed, mark: false }
    }

    #[test]
    fn wrapping_loses_nothing_and_keeps_to_the_width() {
        let parts = vec![
            segment("Extract a ", false),
            segment("summary of the", true),
            segment(" content in twenty-five words", false),
        ];
        let whole: String = parts.iter().map(|s| s.text.as_str()).collect();
        for width in 1..60 {
            let lines = wrap(parts.clone(), width);
            let again: String = lines.iter().flatten().map(|s| s.text.as_str()).collect();
            assert_eq!(again, whole, "width {width}");
            for line in &lines {
                let text: String = line.iter().map(|s| s.text.as_str()).collect();
                assert!(text::width(text.trim_end()) <= width, "{text:?} at {width}");
            }
        }
    }

    #[test]
    fn cutting_keeps_what_is_changed() {
        let parts = vec![segment("abcdef", false), segment("ghijkl", true)];
        let shown = cut(parts, 4, 4);
        assert_eq!(shown, [segment("ef", false), segment("gh", true)]);
    }
}
