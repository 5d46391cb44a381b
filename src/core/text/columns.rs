//! Measuring and cutting by terminal column.
//!
//! The unit is the grapheme cluster: a family emoji is one thing two columns wide, and no cut leaves
//! half of it behind. A control character fills no column here, as a cell grid skips it.

use std::borrow::Cow;
use unicode_segmentation::UnicodeSegmentation as _;
use unicode_width::UnicodeWidthStr as _;

/// Where text stands in a field wider than itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Align {
    /// Text first, spaces after it.
    #[default]
    Left,
    /// Spaces first.
    Right,
    /// Spaces on both sides, the odd one after the text.
    Center,
}

/// The columns one grapheme cluster fills.
pub(super) fn cluster_width(cluster: &str) -> usize {
    if cluster.chars().any(char::is_control) { 0 } else { cluster.width() }
}

/// The columns `text` fills when printed on one line; control characters (tabs too) count as none.
pub fn width(text: &str) -> usize {
    if text.bytes().all(|b| (0x20..0x7f).contains(&b)) {
        return text.len();
    }
    text.graphemes(true).map(cluster_width).sum()
}

/// The grapheme clusters of `text`, each with the columns it fills.
pub fn clusters(text: &str) -> impl Iterator<Item = (&str, usize)> {
    text.graphemes(true).map(|cluster| (cluster, cluster_width(cluster)))
}

/// The longest start of `text` that fills at most `cols` columns, and the columns it fills.
fn head(text: &str, cols: usize) -> (&str, usize) {
    let mut used = 0;
    for (at, cluster) in text.grapheme_indices(true) {
        let wide = cluster_width(cluster);
        if used + wide > cols {
            return (text.get(..at).unwrap_or(text), used);
        }
        used += wide;
    }
    (text, used)
}

/// `text` in at most `cols` columns: unchanged when it fits, else cut and ended with `…`.
pub fn truncate(text: &str, cols: usize) -> Cow<'_, str> {
    let (fits, _) = head(text, cols);
    if fits.len() == text.len() {
        return Cow::Borrowed(text);
    }
    if cols == 0 {
        return Cow::Borrowed("");
    }
    let (start, _) = head(text, cols - 1);
    Cow::Owned(format!("{start}…"))
}

/// `text` with spaces added until it fills `cols` columns; unchanged when it already does or is wider.
pub fn pad(text: &str, cols: usize, align: Align) -> String {
    let room = cols.saturating_sub(width(text));
    let before = match align {
        Align::Left => 0,
        Align::Right => room,
        Align::Center => room / 2,
    };
    let mut out = " ".repeat(before);
    out.push_str(text);
    out.extend(std::iter::repeat_n(' ', room - before));
    out
}

/// `text` in exactly `cols` columns: [`truncate`]d, then [`pad`]ded.
pub fn fit(text: &str, cols: usize, align: Align) -> String {
    pad(&truncate(text, cols), cols, align)
}

/// Tabs as spaces up to the next multiple of `stop` columns (at least 1). `text` is one line; after a
/// line feed the count starts anew.
pub fn expand_tabs(text: &str, stop: usize) -> Cow<'_, str> {
    if !text.contains('\t') {
        return Cow::Borrowed(text);
    }
    let stop = stop.max(1);
    let mut out = String::with_capacity(text.len() + 16);
    let mut col = 0;
    for cluster in text.graphemes(true) {
        match cluster {
            "\t" => {
                let spaces = stop - col % stop;
                out.extend(std::iter::repeat_n(' ', spaces));
                col += spaces;
            }
            "\n" | "\r\n" => {
                out.push_str(cluster);
                col = 0;
            }
            _ => {
                out.push_str(cluster);
                col += cluster_width(cluster);
            }
        }
    }
    Cow::Owned(out)
}

/// The part of one line that lies in the columns `from..from + cols`, for scrolling sideways. A cluster
/// cut by an edge shows as spaces, so that everything after it keeps its column.
pub fn slice_cols(line: &str, from: usize, cols: usize) -> Cow<'_, str> {
    if from == 0 {
        let (start, used) = head(line, cols);
        let cut_wide = start.len() < line.len() && used < cols;
        return if cut_wide { Cow::Owned(pad(start, cols, Align::Left)) } else { Cow::Borrowed(start) };
    }
    let end = from.saturating_add(cols);
    let mut out = String::new();
    let mut col = 0;
    for cluster in line.graphemes(true) {
        let next = col + cluster_width(cluster);
        if col >= end && next > col {
            break;
        }
        if col >= from && next <= end {
            // A zero-width cluster on the left edge belongs to what was cut off.
            if next > col || col > from {
                out.push_str(cluster);
            }
        } else if next > from {
            out.extend(std::iter::repeat_n(' ', next.min(end) - col.max(from)));
        }
        col = next;
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn widths_of_awkward_clusters() {
        for (text, cols) in [
            ("", 0),
            ("abc", 3),
            ("中文", 4),
            ("e\u{301}", 1),
            ("👩\u{200d}👩\u{200d}👧", 2),
            ("❤\u{fe0f}", 2),
            ("🇩🇪", 2),
            ("\u{1b}", 0),
            ("한", 2),
        ] {
            assert_eq!(width(text), cols, "{text:?}");
        }
    }

    #[test]
    fn cuts_end_with_an_ellipsis_and_keep_clusters_whole() {
        assert_eq!(truncate("abcdef", 6), "abcdef");
        assert_eq!(truncate("abcdef", 5), "abcd…");
        assert_eq!(truncate("中文字", 4), "中…");
        assert_eq!(truncate("中文字", 5), "中文…");
        assert_eq!(truncate("abc", 1), "…");
        assert_eq!(truncate("abc", 0), "");
        assert_eq!(fit("ab", 5, Align::Right), "   ab");
        assert_eq!(fit("ab", 5, Align::Center), " ab  ");
        assert_eq!(fit("中文字", 4, Align::Left), "中… ");
    }

    #[test]
    fn tabs_go_to_the_next_stop() {
        assert_eq!(expand_tabs("a\tb", 4), "a   b");
        assert_eq!(expand_tabs("abcd\tb", 4), "abcd    b");
        assert_eq!(expand_tabs("中\tb", 4), "中  b");
        assert_eq!(expand_tabs("\t", 0), " ");
        assert_eq!(expand_tabs("a\n\tb", 4), "a\n    b");
    }

    #[test]
    fn a_sideways_slice_keeps_columns() {
        assert_eq!(slice_cols("abcdef", 2, 3), "cde");
        assert_eq!(slice_cols("中文字", 1, 4), " 文 ");
        assert_eq!(slice_cols("中文字", 0, 3), "中 ");
        assert_eq!(slice_cols("ab", 5, 3), "");
        assert_eq!(slice_cols("e\u{301}x", 1, 3), "x");
        assert_eq!(slice_cols("abc", 1, usize::MAX), "bc");
    }

    proptest! {
        #[test]
        fn fit_is_exact_for_any_text(text in ".{0,60}", cols in 0usize..200) {
            for align in [Align::Left, Align::Right, Align::Center] {
                let shown = fit(&crate::core::text::escape_line(&text), cols, align);
                prop_assert_eq!(width(&shown), cols);
            }
        }

        #[test]
        fn truncate_and_slice_never_exceed(text in "\\PC{0,60}", from in 0usize..200, cols in 0usize..200) {
            prop_assert!(width(&truncate(&text, cols)) <= cols);
            prop_assert!(width(&slice_cols(&text, from, cols)) <= cols);
            prop_assert_eq!(slice_cols(&text, 0, usize::MAX), text.as_str());
            prop_assert_eq!(width(&pad(&text, cols, Align::Right)), cols.max(width(&text)));
        }

        #[test]
        fn expanding_tabs_leaves_none(text in "[a中\t\n]{0,40}", stop in 0usize..10) {
            prop_assert!(!expand_tabs(&text, stop).contains('\t'));
        }
    }
}
