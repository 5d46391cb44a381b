//! Blocks that were removed in one place and added, unchanged, in another.

use super::edits::Edits;
use super::lines::TextLine;
use super::rows::Move;
use imara_diff::{InternedInput, Token};
use std::collections::HashMap;

/// Shorter blocks are coincidence as often as moves.
const MIN_LINES: usize = 3;
/// A block of blank lines and brackets is no move; this many visible characters are.
const MIN_VISIBLE: usize = 20;
/// A line that was added in more places than this is no good start for a search.
const MAX_PLACES: usize = 16;

/// For each line of the two texts, the move it belongs to.
pub(super) struct Marks {
    pub(super) left: Vec<Option<usize>>,
    pub(super) right: Vec<Option<usize>>,
}

impl Marks {
    pub(super) fn new(moves: &[Move], left_lines: usize, right_lines: usize) -> Self {
        let mut marks = Self { left: vec![None; left_lines], right: vec![None; right_lines] };
        for (id, block) in moves.iter().enumerate() {
            for (range, side) in [(&block.left, &mut marks.left), (&block.right, &mut marks.right)] {
                for mark in side.iter_mut().take(range.end - 1).skip(range.start - 1) {
                    *mark = Some(id);
                }
            }
        }
        marks
    }
}

/// The longest moved blocks, from the top of the left text; no line is in two of them.
pub(super) fn find(input: &InternedInput<&str>, edits: &Edits, left: &[TextLine<'_>]) -> Vec<Move> {
    let removed = |i: usize| edits.removed.get(i) == Some(&true);
    let added = |j: usize| edits.added.get(j) == Some(&true);
    let mut places: HashMap<Token, Vec<usize>> = HashMap::new();
    for (j, token) in input.after.iter().enumerate() {
        if added(j) {
            places.entry(*token).or_default().push(j);
        }
    }
    let mut taken = vec![false; input.after.len()];
    let mut moves = Vec::new();
    let mut i = 0;
    while i < input.before.len() {
        let found = removed(i)
            .then(|| input.before.get(i).and_then(|token| places.get(token)))
            .flatten()
            .filter(|starts| starts.len() <= MAX_PLACES)
            .and_then(|starts| {
                let run = |j: usize| {
                    (0..)
                        .take_while(|&k| {
                            removed(i + k)
                                && taken.get(j + k) == Some(&false)
                                && added(j + k)
                                && input.before.get(i + k) == input.after.get(j + k)
                        })
                        .count()
                };
                // The first of the longest.
                starts
                    .iter()
                    .map(|&j| (run(j), j))
                    .reduce(|best, next| if next.0 > best.0 { next } else { best })
            });
        match found {
            Some((length, j)) if length >= MIN_LINES && visible(left, i, length) >= MIN_VISIBLE => {
                taken.iter_mut().skip(j).take(length).for_each(|taken| *taken = true);
                moves.push(Move { left: i + 1..i + 1 + length, right: j + 1..j + 1 + length });
                i += length;
            }
            _ => i += 1,
        }
    }
    moves
}

fn visible(lines: &[TextLine<'_>], from: usize, length: usize) -> usize {
    let chars = lines.iter().skip(from).take(length).flat_map(|line| line.text.chars());
    chars.filter(|c| !c.is_whitespace()).take(MIN_VISIBLE).count()
}
