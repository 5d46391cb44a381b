//! Long texts are compared between their anchors: lines that each side holds exactly once, in the same order.
//!
//! ```text
//! lines of both sides -> those that are once on each -> the longest run of them in order -> gaps between them -> each compared
//! ```
//! A histogram diff looks at all that is left once for each place where it splits, so that many small changes in a long
//! text cost their number times its length; the gaps cost their own lengths only. Texts below [`LONG`] lines are compared
//! whole, as a person who knows `git diff` expects them.

use super::edits::Edits;
use imara_diff::{Algorithm, Diff, IndentHeuristic, IndentLevel, InternedInput, Token};
use std::ops::Range;

/// Lines of both sides together from which on anchors pay.
const LONG: usize = 4_096;
/// The most cells of a gap's table for which the plain algorithm is as good and needs no table of all lines.
const SMALL: usize = 4_096;
/// A gap of more cells than this is compared as part of the whole, whose work is bounded.
const TOO_MUCH: usize = 20_000_000;

/// The edit script of two texts' lines.
pub(super) fn lines(input: &InternedInput<&str>) -> Edits {
    if input.before.len() + input.after.len() < LONG {
        return Edits::new(input, Diff::postprocess_lines);
    }
    let gaps = gaps(input);
    let hard = |(l, r): &(Range<usize>, Range<usize>)| l.len().saturating_mul(r.len()) > TOO_MUCH;
    if gaps.iter().any(hard) {
        return Edits::new(input, Diff::postprocess_lines);
    }
    let mut edits = Edits {
        removed: vec![false; input.before.len()],
        added: vec![false; input.after.len()],
        in_pieces: false,
    };
    for (left, right) in gaps {
        gap(input, left, right, &mut edits);
    }
    edits
}

/// Compares one gap, its edits moved to where they read best.
fn gap(input: &InternedInput<&str>, left: Range<usize>, right: Range<usize>, edits: &mut Edits) {
    let (Some(before), Some(after)) = (input.before.get(left.clone()), input.after.get(right.clone())) else {
        return;
    };
    let mut diff = Diff::default();
    let algorithm =
        if before.len() * after.len() <= SMALL { Algorithm::MyersMinimal } else { Algorithm::Histogram };
    diff.compute_with(algorithm, before, after, input.interner.num_tokens());
    let indent = |token| IndentLevel::for_ascii_line(input.interner[token].bytes(), 8);
    diff.postprocess_with(before, after, IndentHeuristic::new(indent));
    for at in 0..before.len() {
        edits.removed[left.start + at] = diff.is_removed(at as u32);
    }
    for at in 0..after.len() {
        edits.added[right.start + at] = diff.is_added(at as u32);
    }
}

/// What lies between the anchors, where anything does.
fn gaps(input: &InternedInput<&str>) -> Vec<(Range<usize>, Range<usize>)> {
    let (mut i, mut j) = (0, 0);
    let mut gaps = Vec::new();
    let ends = std::iter::once((input.before.len(), input.after.len()));
    for (to_left, to_right) in longest(&anchors(input)).into_iter().chain(ends) {
        // Equal lines on both sides of a gap belong to it: its edits may slide over them.
        if to_left > i || to_right > j {
            gaps.push((i..to_left, j..to_right));
        }
        (i, j) = (to_left + 1, to_right + 1);
    }
    gaps
}

/// Lines that are once on each side: where they are on the left and on the right, in the left's order.
fn anchors(input: &InternedInput<&str>) -> Vec<(usize, usize)> {
    let tokens = input.interner.num_tokens() as usize;
    let seen = |side: &[Token]| {
        let mut seen = vec![(0_u32, 0_usize); tokens];
        for (at, token) in side.iter().enumerate() {
            if let Some(place) = seen.get_mut(u32::from(*token) as usize) {
                *place = (place.0 + 1, at);
            }
        }
        seen
    };
    let (left, right) = (seen(&input.before), seen(&input.after));
    let once = |token: &Token| {
        let at = u32::from(*token) as usize;
        match (left.get(at), right.get(at)) {
            (Some((1, i)), Some((1, j))) => Some((*i, *j)),
            _ => None,
        }
    };
    input.before.iter().filter_map(once).collect()
}

/// The longest subsequence that rises on the right too (patience sorting).
fn longest(pairs: &[(usize, usize)]) -> Vec<(usize, usize)> {
    // For each length, the pair that ends such a run the earliest; for each pair, the one before it.
    let (mut tails, mut previous) = (Vec::<usize>::new(), Vec::with_capacity(pairs.len()));
    let right = |at: usize| pairs.get(at).map_or(usize::MAX, |p| p.1);
    for (at, (_, j)) in pairs.iter().enumerate() {
        let length = tails.partition_point(|tail| right(*tail) < *j);
        previous.push(length.checked_sub(1).and_then(|shorter| tails.get(shorter).copied()));
        match tails.get_mut(length) {
            Some(tail) => *tail = at,
            None => tails.push(at),
        }
    }
    let mut run: Vec<(usize, usize)> =
        std::iter::successors(tails.last().copied(), |at| previous.get(*at).copied().flatten())
            .filter_map(|at| pairs.get(at).copied())
            .collect();
    run.reverse();
    run
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn input<'a>(left: &'a [String], right: &'a [String]) -> InternedInput<&'a str> {
        let mut input = InternedInput::default();
        input.update_before(left.iter().map(String::as_str));
        input.update_after(right.iter().map(String::as_str));
        input
    }

    fn kept(tokens: &[Token], changed: &[bool]) -> Vec<Token> {
        tokens.iter().zip(changed).filter(|(_, changed)| !**changed).map(|(token, _)| *token).collect()
    }

    /// A long text: mostly lines of their own, every eighth a common one.
    fn long() -> Vec<String> {
        (0..5_000).map(|n| if n % 8 == 0 { "common\n".into() } else { format!("line {n}\n") }).collect()
    }

    #[test]
    fn many_small_changes_are_found_as_the_whole_comparison_finds_them() {
        let left = long();
        let right: Vec<String> = left
            .iter()
            .enumerate()
            .flat_map(|(n, line)| match n % 35 {
                17 => vec![format!("other {n}\n")],
                23 => vec![line.clone(), format!("new {n}\n"), "common\n".into()],
                29 => vec![],
                _ => vec![line.clone()],
            })
            .collect();
        let input = input(&left, &right);
        let (ours, whole) = (lines(&input), Edits::new(&input, Diff::postprocess_lines));
        let count = |flags: &[bool]| flags.iter().filter(|f| **f).count();
        assert_eq!(count(&ours.removed), count(&whole.removed));
        assert_eq!(count(&ours.added), count(&whole.added));
        assert_eq!(ours.hunks().len(), whole.hunks().len());
    }

    #[test]
    fn a_moved_block_stays_whole() {
        let left = long();
        let mut right = left.clone();
        let block: Vec<String> = right.drain(1_000..1_200).collect();
        right.splice(3_000..3_000, block);
        let edits = lines(&input(&left, &right));
        assert_eq!(edits.removed.iter().filter(|f| **f).count(), 200);
        assert_eq!(edits.added.iter().filter(|f| **f).count(), 200);
        assert_eq!(edits.hunks().len(), 2);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn any_script_is_right(changes in prop::collection::vec((0usize..5_000, 0u8..4, 0u8..4), 0..300)) {
            let left = long();
            let mut right = left.clone();
            for (at, what, line) in changes {
                let at = at % right.len();
                match what {
                    0 => drop(right.remove(at)),
                    1 => right[at] = format!("line {line}\n"),
                    2 => right.insert(at, "common\n".into()),
                    _ => right.swap(at, 7 * usize::from(line)),
                }
            }
            let input = input(&left, &right);
            let edits = lines(&input);
            prop_assert_eq!(kept(&input.before, &edits.removed), kept(&input.after, &edits.added));
        }
    }
}
