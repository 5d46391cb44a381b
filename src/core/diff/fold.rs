//! Which rows a reader sees when equal stretches are folded away.

use super::rows::Diff;
use std::ops::Range;

/// One line of a folded view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum View {
    /// An index into [`Diff::rows`].
    Row(usize),
    /// Equal rows that are folded into one line: always two or more.
    Folded(Range<usize>),
}

/// The rows with `context` equal rows around each hunk and the rest folded. A diff without hunks folds
/// into one line.
pub fn fold(diff: &Diff, context: usize) -> Vec<View> {
    let mut views = Vec::new();
    let mut at = 0;
    for shown in groups(diff, context) {
        push_folded(&mut views, at..shown.start);
        views.extend(shown.clone().map(View::Row));
        at = shown.end;
    }
    push_folded(&mut views, at..diff.rows.len());
    views
}

/// A fold takes a line itself, so it is worth it from two rows on.
fn push_folded(views: &mut Vec<View>, rows: Range<usize>) {
    match rows.len() {
        0 => {}
        1 => views.push(View::Row(rows.start)),
        _ => views.push(View::Folded(rows)),
    }
}

/// Hunks with their context; those whose contexts touch are one group.
pub(super) fn groups(diff: &Diff, context: usize) -> Vec<Range<usize>> {
    let mut groups: Vec<Range<usize>> = Vec::new();
    for hunk in &diff.hunks {
        let start = hunk.start.saturating_sub(context);
        let end = hunk.end.saturating_add(context).min(diff.rows.len());
        match groups.last_mut() {
            Some(last) if last.end >= start => last.end = end,
            _ => groups.push(start..end),
        }
    }
    groups
}
