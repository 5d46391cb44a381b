//! Breaking text into lines of at most so many columns, losing nothing.

use super::columns::cluster_width;
use std::ops::Range;
use unicode_segmentation::UnicodeSegmentation as _;

/// Byte ranges of `text`, one for each screen line of at most `cols` columns (0 counts as 1).
///
/// Lines break after spaces, around wide letters (CJK), else inside a word that is wider than a line.
/// `\n` and `\r\n` end a line and belong to no range; everything else belongs to exactly one, in order.
/// One space at a break may hang over the edge, and a cluster wider than `cols` stands alone.
pub fn wrap(text: &str, cols: usize) -> Vec<Range<usize>> {
    let cols = cols.max(1);
    let mut lines = Vec::new();
    let mut start = 0;
    for piece in text.split_inclusive('\n') {
        let body = piece.strip_suffix('\n').map_or(piece, |line| line.strip_suffix('\r').unwrap_or(line));
        wrap_line(body, start, cols, &mut lines);
        start += piece.len();
    }
    if text.is_empty() || text.ends_with('\n') {
        lines.push(start..start);
    }
    lines
}

/// [`wrap`], as the pieces of text themselves.
pub fn wrapped(text: &str, cols: usize) -> Vec<&str> {
    wrap(text, cols).into_iter().filter_map(|range| text.get(range)).collect()
}

/// The line being filled: where it starts, how wide it is, and the last place it may break.
struct Filling {
    start: usize,
    used: usize,
    /// Byte offset of the break and the columns used up to it.
    stop: Option<(usize, usize)>,
}

fn wrap_line(line: &str, base: usize, cols: usize, out: &mut Vec<Range<usize>>) {
    // In printable ASCII each byte is a cluster, and one column wide.
    if line.bytes().all(|b| (b' '..=b'~').contains(&b)) {
        if line.len() <= cols {
            return out.push(base..base + line.len());
        }
        return fill(
            line.len(),
            base,
            cols,
            out,
            line.bytes().enumerate().map(|(at, b)| (at, 1, b == b' ', false)),
        );
    }
    let clusters = line.grapheme_indices(true).map(|(at, cluster)| {
        let wide = cluster_width(cluster);
        let ideograph = wide == 2 && cluster.chars().next().is_some_and(char::is_alphabetic);
        (at, wide, cluster == " ", ideograph)
    });
    fill(line.len(), base, cols, out, clusters);
}

/// Fills lines with clusters: where each starts, its columns, whether it is a space, whether a line may break around it.
fn fill(
    end: usize,
    base: usize,
    cols: usize,
    out: &mut Vec<Range<usize>>,
    clusters: impl Iterator<Item = (usize, usize, bool, bool)>,
) {
    let mut now = Filling { start: 0, used: 0, stop: None };
    let mut prev_breaks = false;
    for (at, wide, space, ideograph) in clusters {
        if at > now.start && (prev_breaks || ideograph) && (!space || now.used > cols) {
            now.stop = Some((at, now.used));
        }
        // The first space that does not fit hangs over the edge; the next one starts a line.
        let hangs = space && now.used == cols && at > now.start;
        while now.used + wide > cols && at > now.start && !hangs {
            let (stop, used) = now.stop.take().unwrap_or((at, now.used));
            out.push(base + now.start..base + stop);
            now = Filling { start: stop, used: now.used - used, stop: None };
        }
        now.used += wide;
        prev_breaks = space || ideograph;
    }
    out.push(base + now.start..base + end);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::text::width;
    use proptest::prelude::*;

    #[test]
    fn breaks_between_words_then_inside_them() {
        assert_eq!(wrapped("one two three", 7), ["one two ", "three"]);
        assert_eq!(wrapped("one two three", 8), ["one two ", "three"]);
        assert_eq!(wrapped("abcdefgh ij", 3), ["abc", "def", "gh ", "ij"]);
        assert_eq!(wrapped("ab cd  x", 5), ["ab cd ", " x"]);
        assert_eq!(wrapped("中文字典", 5), ["中文", "字典"]);
        assert_eq!(wrapped("ab中文", 3), ["ab", "中", "文"]);
        assert_eq!(wrapped("a\r\n\nb\n", 9), ["a", "", "b", ""]);
        assert_eq!(wrapped("", 9), [""]);
        assert_eq!(wrapped("中", 1), ["中"]);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_lines_fit(text in "[ab \u{301}中👩\u{200d}é\t\n\r-]{0,80}", cols in 0usize..40) {
            let lines = wrap(&text, cols);
            let mut at = 0;
            for range in &lines {
                prop_assert!(matches!(text.get(at..range.start), Some("" | "\n" | "\r\n")));
                at = range.end;
                let piece = text.get(range.clone()).unwrap();
                let body = piece.strip_suffix(' ').unwrap_or(piece);
                let alone = piece.graphemes(true).filter(|g| width(g) > 0).count() == 1;
                prop_assert!(width(body) <= cols.max(1) || alone, "{:?} in {}", piece, cols);
            }
            prop_assert!(matches!(text.get(at..), Some("" | "\n" | "\r\n")));
        }

        /// An accent at the end of the line sends it down the long way: all before the last cluster breaks alike.
        #[test]
        fn ascii_breaks_as_any_text_does(text in "[a-d ]{0,60}[a-d]", cols in 1usize..20) {
            let long = format!("{text}\u{301}");
            let (short, long) = (wrap(&text, cols), wrap(&long, cols));
            prop_assert_eq!(short.len(), long.len());
            let starts = |lines: &[Range<usize>]| lines.iter().map(|l| l.start).collect::<Vec<_>>();
            prop_assert_eq!(starts(&short), starts(&long));
        }

        #[test]
        fn any_text_at_any_width(text in any::<String>(), cols in 0usize..200) {
            let kept: usize = wrapped(&text, cols).iter().map(|line| line.len()).sum();
            let ends = text.matches('\n').count() + text.matches("\r\n").count();
            prop_assert_eq!(kept + ends, text.len());
        }
    }
}
