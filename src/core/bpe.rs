//! Byte pair encoding, for counting: how many tokens of a vocabulary a text has.
//!
//! ```text
//! text -> pieces (words with what leads them, numbers, signs, white space) -> each: one token, or merged from its bytes
//! ```
//! The vocabulary lies in the program as it was packed: for each token, by rank, its length and its bytes; beside it the
//! table that finds a token by its bytes. Neither is read before it is needed, nor more of it than is needed, so that the
//! first count costs next to nothing. ASCII is split by hand; the pattern, whose making takes longer than a short text's
//! count, is made when a text first needs it. Merging always takes the pair of lowest rank, the leftmost first, as its definition wants; a heap keeps
//! it within n log n also for a piece without end.

use regex_automata::{Anchored, Input, meta::Regex};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::OnceLock;

/// The tokens of o200k_base in order of rank; where they come from stands in `assets/tokens/NOTICE.md`.
static O200K: &[u8] = include_bytes!("../../assets/tokens/o200k_base.bin");
/// Finds a token: at the place that its hash names, or the next ones up to a free one, stands in three bytes (the least
/// first) one more than where the token lies in [`O200K`]; 0 where nothing is. A test makes it anew and compares.
static TABLE: &[u8] = include_bytes!("../../assets/tokens/o200k_base.table");
/// No token is longer.
const LONGEST: usize = 128;
/// Places of the table: a power of two, more than twice as many as there are tokens.
const PLACES: usize = 1 << 19;

/// How o200k_base splits a text before it merges: all of its alternatives but those for white space alone, which look
/// ahead and are therefore taken by hand.
fn pieces() -> String {
    let (upper, lower) = (r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]");
    let (lead, ending) = (r"[^\r\n\p{L}\p{N}]?", "(?i:'s|'t|'re|'ve|'m|'ll|'d)?");
    [
        format!("{lead}{upper}*{lower}+{ending}"),
        format!("{lead}{upper}+{lower}*{ending}"),
        r"\p{N}{1,3}".to_owned(),
        r" ?[^\s\p{L}\p{N}]+[\r\n/]*".to_owned(),
        r"\s*[\r\n]+".to_owned(),
    ]
    .join("|")
}

/// The pattern of the pieces, once a text has needed it.
static PIECES: OnceLock<Option<Regex>> = OnceLock::new();

/// The pattern; `None` if it were none.
fn pattern() -> Option<&'static Regex> {
    PIECES.get_or_init(|| Regex::new(&pieces()).ok()).as_ref()
}

/// The vocabulary of GPT-4o and later.
pub struct Vocabulary;

/// FNV-1a: tokens are a few bytes long.
fn hash(bytes: &[u8]) -> usize {
    let all = bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x100_0000_01b3));
    (all ^ (all >> 29)) as usize & (PLACES - 1)
}

impl Vocabulary {
    /// Whether a text is counted without making the pattern first.
    pub fn is_ready_for(&self, text: &str) -> bool {
        text.is_ascii() || PIECES.get().is_some()
    }

    /// Where the token with these bytes lies: the smaller, the lower its rank.
    fn rank(&self, bytes: &[u8]) -> Option<u32> {
        if bytes.len() > LONGEST {
            return None;
        }
        let mut place = hash(bytes);
        loop {
            let [a, b, c] = *TABLE.get(place * 3..)?.first_chunk::<3>()?;
            let at = u32::from_le_bytes([a, b, c, 0]).checked_sub(1)?;
            let token = O200K.get(at as usize..)?;
            let (length, rest) = token.split_first()?;
            if usize::from(*length) == bytes.len() && rest.starts_with(bytes) {
                return Some(at);
            }
            place = (place + 1) & (PLACES - 1);
        }
    }

    /// The tokens of a text.
    pub fn count(&self, text: &str) -> usize {
        let (mut rest, mut tokens, mut merging) = (text, 0, Merging::default());
        while !rest.is_empty() {
            let end = self.piece(rest);
            let Some((piece, after)) = rest.split_at_checked(end) else { break };
            tokens += match self.rank(piece.as_bytes()) {
                Some(_) => 1,
                None => merging.count(self, piece.as_bytes()),
            };
            rest = after;
        }
        tokens
    }

    /// Where the first piece of a text that is not empty ends.
    fn piece(&self, text: &str) -> usize {
        if let Some(end) = ascii::piece(text.as_bytes()) {
            return end;
        }
        if let Some(found) = pattern().and_then(|p| p.find(Input::new(text).anchored(Anchored::Yes))) {
            return found.end().max(1);
        }
        // White space without a line end: all of it at the end of the text, else all but the last, which leads a word.
        let (mut last, mut end) = (0, 0);
        for (at, c) in text.char_indices().take_while(|(_, c)| c.is_whitespace()) {
            (last, end) = (at, at + c.len_utf8());
        }
        if end == 0 {
            return text.chars().next().map_or(text.len(), char::len_utf8);
        }
        if end < text.len() && last > 0 { last } else { end }
    }
}

mod ascii;

/// Merges one piece; its room is used again for the next.
#[derive(Default)]
struct Merging {
    /// Where the part that starts at a byte ends; 0 where none starts.
    ends: Vec<usize>,
    /// Where the part before the one that starts at a byte starts.
    before: Vec<usize>,
    /// Pairs that would make a token: its rank, then where the left, the right and what follows start.
    pairs: BinaryHeap<Reverse<(u32, usize, usize, usize)>>,
}

impl Merging {
    fn count(&mut self, vocabulary: &Vocabulary, bytes: &[u8]) -> usize {
        let n = bytes.len();
        self.ends.clear();
        self.ends.extend(1..=n);
        self.before.clear();
        self.before.extend((0..n).map(|i| i.wrapping_sub(1)));
        self.pairs.clear();
        for left in 0..n.saturating_sub(1) {
            self.offer(vocabulary, bytes, left);
        }
        let mut parts = n;
        while let Some(Reverse((_, left, right, end))) = self.pairs.pop() {
            // One of the two has been merged with another since.
            if self.ends[left] != right || self.ends[right] != end {
                continue;
            }
            self.ends[left] = end;
            self.ends[right] = 0;
            if let Some(before) = self.before.get_mut(end) {
                *before = left;
            }
            parts -= 1;
            self.offer(vocabulary, bytes, left);
            if left > 0 {
                self.offer(vocabulary, bytes, self.before[left]);
            }
        }
        parts
    }

    /// Notes the pair that starts here, if it makes a token.
    fn offer(&mut self, vocabulary: &Vocabulary, bytes: &[u8], left: usize) {
        let right = self.ends[left];
        let Some(end) = self.ends.get(right).copied() else { return };
        if let Some(rank) = bytes.get(left..end).and_then(|pair| vocabulary.rank(pair)) {
            self.pairs.push(Reverse((rank, left, right, end)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn agree(text: &str) {
        assert_eq!(Vocabulary.count(text), bpe_openai::o200k_base().count(text), "{text:?}");
    }

    /// The table of the tokens as they are packed; with `ASSIZE_WRITE_TABLE` it is written where it belongs.
    #[test]
    fn the_table_finds_every_token() {
        let mut table = vec![0_u8; PLACES * 3];
        let (mut at, mut tokens) = (0, 0);
        while let Some(length) = O200K.get(at) {
            let end = at + 1 + usize::from(*length);
            let mut place = hash(&O200K[at + 1..end]);
            while table[place * 3..place * 3 + 3] != [0, 0, 0] {
                place = (place + 1) & (PLACES - 1);
            }
            table[place * 3..place * 3 + 3].copy_from_slice(&(at as u32 + 1).to_le_bytes()[..3]);
            (at, tokens) = (end, tokens + 1);
        }
        if std::env::var_os("ASSIZE_WRITE_TABLE").is_some() {
            let path = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/tokens/o200k_base.table");
            std::fs::write(path, &table).unwrap();
        }
        assert_eq!(tokens, 199_998);
        assert!(table == TABLE, "run this test with ASSIZE_WRITE_TABLE=1");
    }

    #[test]
    fn counts_what_another_tokenizer_counts() {
        let hard = [
            "",
            " ",
            "  ",
            "\n",
            " \n ",
            "\r\n\r\n  x",
            "a  b",
            "a \u{a0} b",
            "don't DON'T we'Ll",
            "HTTPServerError",
            "x = {\"a\": [1, 22, 4444]};\n\t\treturn 12345678\n",
            "naïve Ünïcödé ǅungla ʰʷ",
            "漢字かなカナ한국어 ไทย",
            "🧑‍🚀🏳️‍🌈 zero\u{200b}width e\u{301}\u{301}",
            "{{ input }} {% for x in y -%}\n",
            "https://a.b/c?d=e#f//",
            "١٢٣٤ ²³ Ⅷ",
            "trailing   ",
            "\t\t\tx   \r\n\r\n   y",
            "'s 'S ''s",
            "______----====",
            "a\u{301}b\u{1f600}\u{0}\u{1}",
        ];
        for text in hard {
            agree(text);
            agree(&text.repeat(7));
        }
        agree(include_str!("../../assets/judge/system.txt"));
        agree(include_str!("bpe.rs"));
    }

    #[test]
    fn a_piece_without_end_is_merged_in_time() {
        for piece in ["a", "ab", "中", "!", "aB"] {
            agree(&piece.repeat(4_000));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]
        #[test]
        fn any_ascii_is_split_as_the_pattern_does(text in "([ \\t\\r\\n/'!-@A-Za-z{-~]|[A-Z][a-z]{0,4}|'(s|t|re|VE|m|Ll|d)| {1,3}|\\PC){1,40}") {
            let (mut rest, pattern) = (text.as_str(), pattern().unwrap());
            while !rest.is_empty() {
                if let Some(end) = ascii::piece(rest.as_bytes())
                    && let Some(found) = pattern.find(Input::new(rest).anchored(Anchored::Yes))
                {
                    prop_assert_eq!(end, found.end(), "{:?}", rest);
                }
                rest = rest.get(Vocabulary.piece(rest)..).unwrap();
            }
        }

        #[test]
        fn any_text_counts_alike(text in "(\\PC|[ \\t\\r\\n'/]|[a-zA-Z]{1,9}|[0-9]{1,5}){0,60}") {
            agree(&text);
        }
    }
}
