//! Words: what two lines share, and where they differ.
//!
//! A word is a Unicode word (UAX 29) with each space, sign, ideograph, kana and hangul syllable for
//! itself, so that a change in Chinese is a character and not a sentence.

use super::edits::{Edits, work};
use super::note::Note;
use super::rows::{Span, whole};
use imara_diff::{Algorithm, InternedInput, Token};
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher as _};
use std::ops::Range;
use unicode_segmentation::UnicodeSegmentation as _;
use unicode_width::UnicodeWidthChar as _;

/// The work one diff may spend on words, so that a large one never blocks.
#[derive(Debug)]
pub(super) struct WordBudget {
    /// Bytes that may still be split into words and compared.
    bytes: usize,
    /// Steps of comparing two lines' words that may still be made while pairing.
    steps: usize,
    /// What [`super::edits::work`] may still come to for long lines.
    work: u64,
    pub(super) in_pieces: bool,
    pub(super) near_pairs: bool,
    no_words: bool,
}

/// About a tenth of a second of word splitting.
const WORD_BYTES: usize = 2 << 20;
/// About a tenth of a second of pairing.
const PAIR_STEPS: usize = 16 << 20;
/// About a tenth of a second of comparing words that all repeat each other.
const WORK: u64 = 200_000_000;
/// The longest stretch compared by word; a longer one is marked whole.
const MAX_WORD_BYTES: usize = 256 << 10;
/// Up to this many words the shortest script reads best and is cheap.
const FEW_WORDS: usize = 250;
/// The words of a line that count while looking for its pair.
const MAX_PAIR_WORDS: usize = 400;

impl Default for WordBudget {
    fn default() -> Self {
        Self {
            bytes: WORD_BYTES,
            steps: PAIR_STEPS,
            work: WORK,
            in_pieces: false,
            near_pairs: false,
            no_words: false,
        }
    }
}

impl WordBudget {
    /// Takes `bytes` of word work; false, and remembered, when there is not enough left.
    fn words(&mut self, bytes: usize) -> bool {
        match self.bytes.checked_sub(bytes) {
            Some(rest) if bytes <= MAX_WORD_BYTES => {
                self.bytes = rest;
                true
            }
            _ => {
                self.no_words = true;
                false
            }
        }
    }

    /// Takes `steps` of pairing work; false when there is not enough left.
    pub(super) fn pairing(&mut self, steps: usize) -> bool {
        let rest = self.steps.checked_sub(steps);
        self.steps = rest.unwrap_or(self.steps);
        rest.is_some()
    }

    /// Takes `work` of comparing; false, and remembered, when there is not enough left.
    fn comparing(&mut self, work: u64) -> bool {
        let rest = self.work.checked_sub(work);
        self.work = rest.unwrap_or(self.work);
        self.no_words |= rest.is_none();
        rest.is_some()
    }

    /// What the bounds made of this diff.
    pub(super) fn notes(&self) -> impl Iterator<Item = Note> + use<> {
        [(self.in_pieces, Note::InPieces), (self.near_pairs, Note::NearPairs), (self.no_words, Note::NoWords)]
            .into_iter()
            .filter_map(|(said, note)| said.then_some(note))
    }
}

/// The words of a line: they follow each other and cover it.
pub(super) fn tokens(text: &str) -> impl Iterator<Item = &str> {
    text.split_word_bounds().flat_map(|word| {
        let single = !word.is_ascii() && word.chars().any(|c| c.is_alphabetic() && c.width() == Some(2));
        let clusters = single.then(|| word.graphemes(true)).into_iter().flatten();
        clusters.chain((!single).then_some(word))
    })
}

/// The words of a line in the form that comparing many lines with many takes: sorted hashes, each with
/// its weight, the characters it has; spaces weigh nothing and are left out.
#[derive(Debug, Default)]
pub(super) struct Bag {
    words: Vec<(u64, u32)>,
    weight: u32,
}

impl Bag {
    pub(super) fn new(text: &str) -> Self {
        let mut bag = Self::default();
        // A line of a megabyte is paired by its beginning.
        let start = text.get(..text.floor_char_boundary(MAX_PAIR_WORDS * 16)).unwrap_or(text);
        for word in tokens(start).filter(|word| !word.trim().is_empty()).take(MAX_PAIR_WORDS) {
            let mut hasher = DefaultHasher::new();
            word.hash(&mut hasher);
            let weight = word.chars().count() as u32;
            bag.words.push((hasher.finish(), weight));
            bag.weight += weight;
        }
        bag.words.sort_unstable();
        bag
    }

    pub(super) fn len(&self) -> usize {
        self.words.len()
    }

    /// How alike two lines are, 0 to 1: the Dice coefficient of their words by weight. A line that holds
    /// nearly all of the other's words counts as at least half alike, however much was added to it.
    pub(super) fn similarity(&self, other: &Self) -> f32 {
        if self.words.is_empty() || other.words.is_empty() {
            return if self.words.is_empty() && other.words.is_empty() { 1.0 } else { 0.0 };
        }
        let (mut mine, mut theirs) = (self.words.iter().peekable(), other.words.iter().peekable());
        let mut common = 0;
        while let (Some(a), Some(b)) = (mine.peek(), theirs.peek()) {
            match a.cmp(b) {
                std::cmp::Ordering::Less => drop(mine.next()),
                std::cmp::Ordering::Greater => drop(theirs.next()),
                std::cmp::Ordering::Equal => {
                    common += a.1;
                    mine.next();
                    theirs.next();
                }
            }
        }
        let (common, smaller) = (common as f32, self.weight.min(other.weight) as f32);
        let dice = 2.0 * common / (self.weight + other.weight) as f32;
        let held = common / smaller;
        if smaller >= 8.0 && held >= 0.8 { dice.max(held / 2.0) } else { dice }
    }
}

/// The spans of two lines that stand for each other.
pub(super) fn refine(left: &str, right: &str, budget: &mut WordBudget) -> (Vec<Span>, Vec<Span>) {
    if left == right {
        return (whole(left, false), whole(right, false));
    }
    // Long lines usually share most of their length: only the middle is worth splitting.
    let (start, end) = if left.len() + right.len() > 4096 { shared(left, right) } else { (0, 0) };
    let middle = |text: &'_ str| start..text.len() - end;
    let (left_middle, right_middle) = (middle(left), middle(right));
    let (a, b) = (
        left.get(left_middle.clone()).unwrap_or_default(),
        right.get(right_middle.clone()).unwrap_or_default(),
    );
    let refined = if budget.words(a.len() + b.len()) { changed_ranges(a, b, budget) } else { None };
    let (left_changes, right_changes) = refined.unwrap_or_else(|| {
        let all = |text: &str| std::iter::once(0..text.len()).collect::<Vec<_>>();
        (all(a), all(b))
    });
    let spans = |text: &str, changed: Vec<Range<usize>>| {
        spans_of(text.len(), changed.into_iter().map(|range| range.start + start..range.end + start))
    };
    (spans(left, left_changes), spans(right, right_changes))
}

/// How many bytes two texts share at the start and at the end, cut back to an ASCII space near by, so
/// that no word is split, or else to a character.
fn shared(left: &str, right: &str) -> (usize, usize) {
    let (a, b) = (left.as_bytes(), right.as_bytes());
    let start = a.iter().zip(b).take_while(|(x, y)| x == y).count();
    let near = |bytes: &[u8]| bytes.iter().rev().take(512).position(|b| b.is_ascii_whitespace());
    let start = left.floor_char_boundary(start);
    let start = start - a.get(..start).and_then(near).unwrap_or(0);
    let longest = a.len().min(b.len()) - start;
    let end = a.iter().rev().zip(b.iter().rev()).take(longest).take_while(|(x, y)| x == y).count();
    // Equal bytes up to the end of both: where one starts a character, so does the other.
    let end = left.len() - left.ceil_char_boundary(left.len() - end);
    let tail = a.get(a.len() - end..).unwrap_or_default();
    let end = end - tail.iter().take(512).position(u8::is_ascii_whitespace).unwrap_or(0);
    (start, end)
}

/// Byte ranges of the left and of the right text.
type Changes = (Vec<Range<usize>>, Vec<Range<usize>>);

/// The byte ranges of each text that the other has not, by word; changes that only white space parts
/// are one change. `None` when the comparison would cost too much.
fn changed_ranges(left: &str, right: &str, budget: &mut WordBudget) -> Option<Changes> {
    let mut input: InternedInput<&str> = InternedInput::default();
    input.update_before(tokens(left));
    input.update_after(tokens(right));
    let algorithm = if input.before.len().max(input.after.len()) <= FEW_WORDS {
        Algorithm::Myers
    } else if budget.comparing(work(&input)) {
        Algorithm::Histogram
    } else {
        return None;
    };
    let edits = Edits::whole(&input, algorithm, imara_diff::Diff::postprocess_no_heuristic);
    let mut merged: Vec<(Range<usize>, Range<usize>)> = Vec::new();
    for (before, after) in edits.hunks() {
        match merged.last_mut() {
            Some((last_before, last_after)) if blank(&input, last_before.end..before.start) => {
                last_before.end = before.end;
                last_after.end = after.end;
            }
            _ => merged.push((before, after)),
        }
    }
    let offsets = |tokens: &[Token]| {
        let mut at = vec![0usize];
        at.extend(tokens.iter().scan(0, |end, token| {
            *end += input.interner[*token].len();
            Some(*end)
        }));
        at
    };
    let (left_at, right_at) = (offsets(&input.before), offsets(&input.after));
    let bytes = |at: &[usize], range: &Range<usize>| {
        let get = |i: usize| at.get(i).copied().unwrap_or(0);
        get(range.start)..get(range.end)
    };
    Some(merged.iter().map(|(before, after)| (bytes(&left_at, before), bytes(&right_at, after))).unzip())
}

fn blank(input: &InternedInput<&str>, range: Range<usize>) -> bool {
    let tokens = input.before.get(range).unwrap_or_default();
    tokens.iter().all(|token| input.interner[*token].trim().is_empty())
}

/// Spans over `length` bytes, the given ranges changed, the rest not.
fn spans_of(length: usize, changed: impl Iterator<Item = Range<usize>>) -> Vec<Span> {
    let mut spans = Vec::new();
    let mut at = 0;
    for range in changed.filter(|range| !range.is_empty()) {
        if range.start > at {
            spans.push(Span { range: at..range.start, changed: false });
        }
        at = range.end;
        spans.push(Span { range, changed: true });
    }
    if at < length {
        spans.push(Span { range: at..length, changed: false });
    }
    spans
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(left: &str, right: &str) -> (String, String) {
        let (l, r) = refine(left, right, &mut WordBudget::default());
        let show = |text: &str, spans: &[Span]| -> String {
            spans
                .iter()
                .map(|span| {
                    let part = text.get(span.range.clone()).unwrap();
                    if span.changed { format!("[{part}]") } else { part.to_owned() }
                })
                .collect()
        };
        (show(left, &l), show(right, &r))
    }

    #[test]
    fn words_are_refined() {
        let (left, right) = marked(
            "Extract a summary of the content in 25 words.",
            "Extract one sentence of the content in 25 words,",
        );
        assert_eq!(left, "Extract [a summary] of the content in 25 words[.]");
        assert_eq!(right, "Extract [one sentence] of the content in 25 words[,]");
    }

    #[test]
    fn cjk_is_refined_by_character() {
        assert_eq!(
            marked("提取内容摘要", "提取正文摘要"),
            ("提取[内容]摘要".to_owned(), "提取[正文]摘要".to_owned())
        );
        assert_eq!(marked("カタカナ", "カタクナ").1, "カタ[ク]ナ");
        assert_eq!(marked("한국어로", "한국말로").1, "한국[말]로");
    }

    #[test]
    fn only_one_side_may_have_changes() {
        assert_eq!(marked("a b", "a x b"), ("a b".to_owned(), "a [x ]b".to_owned()));
        assert_eq!(marked("", "x"), (String::new(), "[x]".to_owned()));
    }

    #[test]
    fn long_lines_are_trimmed_and_the_middle_is_refined() {
        let (before, after) = ("é word ".repeat(1000), " more ü".repeat(1000));
        let (left, right) = marked(&format!("{before}old{after}"), &format!("{before}new thing{after}"));
        assert_eq!(left, format!("{before}[old]{after}"));
        assert_eq!(right, format!("{before}[new thing]{after}"));
    }

    #[test]
    fn similarity_is_symmetric_and_knows_extension() {
        let bag = Bag::new;
        let (short, long) = (
            bag("Be brief and kind."),
            bag("Be brief and kind. Never invent facts, quote your sources, say so."),
        );
        assert!(short.similarity(&long) >= 0.5, "{}", short.similarity(&long));
        assert_eq!(short.similarity(&long), long.similarity(&short));
        assert_eq!(bag("").similarity(&bag("  ")), 1.0);
        assert!(bag("foo: 1").similarity(&bag("bar: 2")) < 0.4);
    }
}
