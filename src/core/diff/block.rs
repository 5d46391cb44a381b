//! Inside one changed block: which removed line became which added line.
//!
//! ```text
//! lines equal but for white space  ->  anchors, found by a diff of their own
//! gaps between anchors             ->  the pairing with the greatest sum of similarities, in order;
//!                                      in a gap too large for that, near lines only
//! ```
//! A pair never crosses another, so each side reads in its own order. Moved lines are never paired.

use super::edits::Edits;
use super::lines::TextLine;
use super::words::{Bag, WordBudget};
use imara_diff::InternedInput;
use std::ops::Range;

/// Lines less alike than this stand for themselves.
const ALIKE: f32 = 0.4;
/// A gap with more line pairs than this is paired by looking near only.
const MAX_PAIRS: usize = 20_000;
/// How far ahead that looks.
const NEAR: usize = 8;

/// A changed block: its lines, and the moves they belong to.
pub(super) struct Block<'a> {
    pub(super) left: &'a [TextLine<'a>],
    pub(super) right: &'a [TextLine<'a>],
    pub(super) left_moved: &'a [Option<usize>],
    pub(super) right_moved: &'a [Option<usize>],
}

/// A row to be: indices into the block's lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LinePair {
    Left(usize),
    Right(usize),
    Both(usize, usize),
}

/// Pairs up a block. Every line is in exactly one pair, each side in order; between two pairs the
/// removed lines come before the added ones.
pub(super) fn align(block: &Block<'_>, budget: &mut WordBudget) -> Vec<LinePair> {
    let mut rows = Vec::with_capacity(block.left.len() + block.right.len());
    let (mut i, mut j) = (0, 0);
    let mut pairs = Vec::new();
    if !block.left.is_empty() && !block.right.is_empty() {
        for (left, right) in anchors(block, budget) {
            match_gap(block, i..left, j..right, budget, &mut pairs);
            pairs.push((left, right));
            (i, j) = (left + 1, right + 1);
        }
        match_gap(block, i..block.left.len(), j..block.right.len(), budget, &mut pairs);
    }
    (i, j) = (0, 0);
    for (left, right) in pairs.into_iter().chain([(block.left.len(), block.right.len())]) {
        rows.extend((i..left).map(LinePair::Left));
        rows.extend((j..right).map(LinePair::Right));
        if left < block.left.len() {
            rows.push(LinePair::Both(left, right));
        }
        (i, j) = (left + 1, right + 1);
    }
    rows
}

/// Pairs of lines that differ only in white space and line ends. Blank lines are all alike and would
/// pull good pairs apart, so they are none.
fn anchors(block: &Block<'_>, budget: &mut WordBudget) -> Vec<(usize, usize)> {
    let key = |prefix: char, at: usize, line: &TextLine<'_>, moved: bool| {
        let mut squeezed: String = line.text.chars().filter(|c| !c.is_whitespace()).collect();
        if squeezed.is_empty() || moved {
            // Equal to no other key: a squeezed line holds no line feed.
            squeezed = format!("{prefix}\n{at}");
        }
        squeezed
    };
    let mut input: InternedInput<String> = InternedInput::default();
    let keys = |prefix, lines: &[TextLine<'_>], moved: &[Option<usize>]| {
        let marks = moved.iter().map(Option::is_some);
        lines
            .iter()
            .zip(marks)
            .enumerate()
            .map(|(at, (line, moved))| key(prefix, at, line, moved))
            .collect::<Vec<_>>()
    };
    input.update_before(keys('l', block.left, block.left_moved).into_iter());
    input.update_after(keys('r', block.right, block.right_moved).into_iter());
    let edits = Edits::new(&input, |_, _| {});
    budget.in_pieces |= edits.in_pieces;
    let same = |changed: Vec<bool>| {
        changed.into_iter().enumerate().filter(|(_, changed)| !changed).map(|(at, _)| at)
    };
    same(edits.removed).zip(same(edits.added)).collect()
}

/// Pairs the lines of one gap by their words and adds them, in order, to `pairs`.
fn match_gap(
    block: &Block<'_>,
    left: Range<usize>,
    right: Range<usize>,
    budget: &mut WordBudget,
    pairs: &mut Vec<(usize, usize)>,
) {
    if left.is_empty() || right.is_empty() {
        return;
    }
    let bags = |lines: &[TextLine<'_>], moved: &[Option<usize>], range: Range<usize>| -> Vec<Option<Bag>> {
        let both = lines.iter().zip(moved).skip(range.start).take(range.len());
        both.map(|(line, moved)| moved.is_none().then(|| Bag::new(line.text))).collect()
    };
    let left_bags = bags(block.left, block.left_moved, left.clone());
    let right_bags = bags(block.right, block.right_moved, right.clone());
    let words = |bags: &[Option<Bag>]| bags.iter().flatten().map(|bag| bag.len() + 1).sum::<usize>();
    let steps = words(&left_bags) * right.len() + words(&right_bags) * left.len();
    let found = if left.len() * right.len() <= MAX_PAIRS && budget.pairing(steps) {
        best_pairs(&left_bags, &right_bags)
    } else {
        budget.near_pairs = true;
        near_pairs(&left_bags, &right_bags, budget)
    };
    pairs.extend(found.into_iter().map(|(i, j)| (left.start + i, right.start + j)));
}

fn alike(left: Option<&Option<Bag>>, right: Option<&Option<Bag>>) -> f32 {
    match (left, right) {
        (Some(Some(left)), Some(Some(right))) => left.similarity(right),
        _ => 0.0,
    }
}

/// The in-order pairing with the greatest sum of similarities, each at least [`ALIKE`].
fn best_pairs(left: &[Option<Bag>], right: &[Option<Bag>]) -> Vec<(usize, usize)> {
    let columns = right.len() + 1;
    // best[i][j]: the greatest sum for the lines from i and from j on.
    let mut best = vec![0f32; (left.len() + 1) * columns];
    let mut alikes = vec![0f32; left.len() * right.len()];
    let at = |best: &[f32], i: usize, j: usize| best.get(i * columns + j).copied().unwrap_or(0.0);
    for i in (0..left.len()).rev() {
        for j in (0..right.len()).rev() {
            let score = alike(left.get(i), right.get(j));
            let skip = at(&best, i + 1, j).max(at(&best, i, j + 1));
            let pair = if score >= ALIKE { at(&best, i + 1, j + 1) + score } else { 0.0 };
            if let Some(cell) = best.get_mut(i * columns + j) {
                *cell = skip.max(pair);
            }
            if let Some(cell) = alikes.get_mut(i * right.len() + j) {
                *cell = score;
            }
        }
    }
    let mut pairs = Vec::new();
    let (mut i, mut j) = (0, 0);
    while i < left.len() && j < right.len() {
        let score = alikes.get(i * right.len() + j).copied().unwrap_or(0.0);
        let here = at(&best, i, j);
        if score >= ALIKE && here <= at(&best, i + 1, j + 1) + score {
            pairs.push((i, j));
            (i, j) = (i + 1, j + 1);
        } else if here <= at(&best, i + 1, j) {
            i += 1;
        } else {
            j += 1;
        }
    }
    pairs
}

/// Each line with the first alike one among the next few.
fn near_pairs(left: &[Option<Bag>], right: &[Option<Bag>], budget: &mut WordBudget) -> Vec<(usize, usize)> {
    let mut pairs = Vec::new();
    let mut from = 0;
    for (i, bag) in left.iter().enumerate() {
        let words = bag.as_ref().map_or(1, |bag| bag.len() + 1);
        let found = (from..right.len().min(from + NEAR)).find(|&j| {
            let theirs = right.get(j).and_then(Option::as_ref).map_or(1, |bag| bag.len() + 1);
            budget.pairing(words + theirs) && alike(Some(bag), right.get(j)) >= ALIKE
        });
        if let Some(j) = found {
            pairs.push((i, j));
            from = j + 1;
        }
    }
    pairs
}
