//! The raw edit script of two token sequences, by imara-diff, with a bound on its work.
//!
//! Its histogram diff splits at tokens that are rare on the other side and is fast there. In a long
//! stretch of nothing but common tokens (a megabyte of one-letter lines) it falls back on Myers, whose
//! time grows with the square of the stretch. That square is counted first; where it is too much, the
//! sequences are compared in pieces, each with the one at the same place.

use imara_diff::{Algorithm, InternedInput, Token};
use std::hash::Hash;
use std::ops::Range;

/// imara-diff's histogram takes a token that occurs at least this often as common.
const COMMON: u32 = 64;
/// The most work, in squared tokens, for one comparison: a tenth of a second.
const MAX_WORK: u64 = 200_000_000;
/// Tokens in a piece.
const PIECE: usize = 1024;

/// Which tokens are on one side only.
pub(super) struct Edits {
    pub(super) removed: Vec<bool>,
    pub(super) added: Vec<bool>,
    /// Compared in pieces: right, but far from the shortest.
    pub(super) in_pieces: bool,
}

impl Edits {
    /// Compares, in pieces if need be; `tidy` moves sliding edits to where they read best.
    pub(super) fn new<T: Hash + Eq>(
        input: &InternedInput<T>,
        tidy: impl FnOnce(&mut imara_diff::Diff, &InternedInput<T>),
    ) -> Self {
        if work(input) <= MAX_WORK {
            return Self::whole(input, Algorithm::Histogram, tidy);
        }
        let (before, after) = (&input.before, &input.after);
        let start = before.iter().zip(after).take_while(|(a, b)| a == b).count();
        let most = before.len().min(after.len()) - start;
        let end = before.iter().rev().zip(after.iter().rev()).take(most).take_while(|(a, b)| a == b).count();
        let mut edits =
            Self { removed: vec![false; before.len()], added: vec![false; after.len()], in_pieces: true };
        let (left, right) = (start..before.len() - end, start..after.len() - end);
        let pieces = left.len().max(right.len()).div_ceil(PIECE).max(1);
        let mut diff = imara_diff::Diff::default();
        for piece in 0..pieces {
            let part = |range: &Range<usize>| {
                let at = |n: usize| range.start + range.len() * n / pieces;
                at(piece)..at(piece + 1)
            };
            let (l, r) = (part(&left), part(&right));
            let tokens =
                |all: &'_ [Token], range: &Range<usize>| all.get(range.clone()).unwrap_or_default().to_vec();
            let (a, b) = (tokens(before, &l), tokens(after, &r));
            diff.compute_with(Algorithm::Histogram, &a, &b, input.interner.num_tokens());
            mark(&mut edits.removed, l, |i| diff.is_removed(i));
            mark(&mut edits.added, r, |i| diff.is_added(i));
        }
        edits
    }

    /// Compares in one go, whatever it costs.
    pub(super) fn whole<T: Hash + Eq>(
        input: &InternedInput<T>,
        algorithm: Algorithm,
        tidy: impl FnOnce(&mut imara_diff::Diff, &InternedInput<T>),
    ) -> Self {
        let mut diff = imara_diff::Diff::compute(algorithm, input);
        tidy(&mut diff, input);
        Self {
            removed: (0..input.before.len()).map(|i| diff.is_removed(i as u32)).collect(),
            added: (0..input.after.len()).map(|i| diff.is_added(i as u32)).collect(),
            in_pieces: false,
        }
    }

    /// The changed stretches, in order: tokens of the left, tokens of the right.
    pub(super) fn hunks(&self) -> Vec<(Range<usize>, Range<usize>)> {
        let run = |flags: &[bool], from: usize| flags.iter().skip(from).take_while(|&&flag| flag).count();
        let (mut i, mut j) = (0, 0);
        let mut hunks = Vec::new();
        loop {
            let (lefts, rights) = (run(&self.removed, i), run(&self.added, j));
            if lefts + rights > 0 {
                hunks.push((i..i + lefts, j..j + rights));
            }
            (i, j) = (i + lefts, j + rights);
            if i >= self.removed.len() || j >= self.added.len() {
                return hunks;
            }
            // Here both sides hold the same unchanged token.
            (i, j) = (i + 1, j + 1);
        }
    }
}

fn mark(flags: &mut [bool], range: Range<usize>, changed: impl Fn(u32) -> bool) {
    for (at, flag) in flags.iter_mut().skip(range.start).take(range.len()).enumerate() {
        *flag = changed(at as u32);
    }
}

/// The squared lengths of the stretches of common tokens, summed: what a histogram diff may cost.
pub(super) fn work<T>(input: &InternedInput<T>) -> u64 {
    let shared = input.before.iter().zip(&input.after).take_while(|(a, b)| a == b).count();
    let most = input.before.len().min(input.after.len()) - shared;
    let tail = input.before.iter().rev().zip(input.after.iter().rev());
    let shared_end = tail.take(most).take_while(|(a, b)| a == b).count();
    let middle =
        |tokens: &'_ [Token]| tokens.get(shared..tokens.len() - shared_end).unwrap_or_default().to_vec();
    let (before, after) = (middle(&input.before), middle(&input.after));
    let mut times = vec![0u32; input.interner.num_tokens() as usize];
    for token in &after {
        if let Some(times) = times.get_mut(u32::from(*token) as usize) {
            *times += 1;
        }
    }
    let (mut sum, mut run) = (0u64, 0u64);
    for token in before {
        match times.get(u32::from(token) as usize).copied().unwrap_or(0) {
            // Not on the other side: stripped before the comparison starts.
            0 => {}
            n if n < COMMON => {
                sum = sum.saturating_add(run * run);
                run = 0;
            }
            _ => run += 1,
        }
    }
    sum.saturating_add(run * run)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_make_a_right_script() {
        let tokens = |seed: u64| {
            (0..40_000u64).map(move |i| (i.wrapping_mul(2_654_435_761).wrapping_add(seed * i * i) >> 7) % 5)
        };
        let mut input: InternedInput<u64> = InternedInput::default();
        input.update_before(tokens(1));
        input.update_after(tokens(3).take(30_000));
        assert!(work(&input) > MAX_WORK);
        let edits = Edits::new(&input, |_, _| {});
        assert!(edits.in_pieces);
        let kept = |tokens: &[Token], changed: &[bool]| -> Vec<Token> {
            tokens.iter().zip(changed).filter(|(_, changed)| !**changed).map(|(token, _)| *token).collect()
        };
        let kept_left = kept(&input.before, &edits.removed);
        assert_eq!(kept_left, kept(&input.after, &edits.added));
        assert!(kept_left.len() > 10_000);
        let (lefts, rights): (Vec<_>, Vec<_>) = edits.hunks().into_iter().unzip();
        assert_eq!(lefts.iter().map(Range::len).sum::<usize>(), 40_000 - kept_left.len());
        assert_eq!(rights.iter().map(Range::len).sum::<usize>(), 30_000 - kept_left.len());
    }

    #[test]
    fn rare_lines_between_common_ones_cost_nothing() {
        let mut input: InternedInput<u64> = InternedInput::default();
        input.update_before((0..100_000).map(|i| if i % 10 == 0 { i } else { 1 }));
        input.update_after((5..100_000).map(|i| if i % 10 == 0 { i } else { 1 }));
        assert!(work(&input) < MAX_WORK);
    }
}
