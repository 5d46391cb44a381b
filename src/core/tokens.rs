//! Offline token counts.
//!
//! Counted with the tokenizer of OpenAI's GPT-4o and later. For every other model it is an estimate:
//! for English within some ten percent, for code and other scripts further off. So the count is always
//! shown with [`TOKENIZER`], and a context window is judged with room to spare.

use super::bpe::Vocabulary;
use std::sync::atomic::{AtomicBool, Ordering};

/// The tokenizer [`count`] uses: stored beside a count, since counts of two tokenizers do not compare.
pub const TOKENIZER: &str = "o200k_base";

/// Longer runs without a break are counted in parts: a token is far shorter, so the sum is off by at
/// most one for each part, and no text takes more than linear time.
const PART: usize = 32 << 10;

/// Texts up to this many bytes are counted in less than a millisecond.
const SMALL: usize = 16 << 10;

/// Whether anything was counted yet.
static AWAKE: AtomicBool = AtomicBool::new(false);

/// Whether the tokenizer's tables are in memory, since it was used before. The first frame does not wait for them.
pub fn is_awake() -> bool {
    AWAKE.load(Ordering::Relaxed)
}

/// The tokens of `text`. A megabyte takes some ten milliseconds, the first text beyond ASCII some more: off the
/// screen's thread, please.
pub fn count(text: &str) -> usize {
    let mut rest = text;
    let mut tokens = 0;
    while let Some((part, after)) = rest.split_at_checked(cut(rest)) {
        tokens += Vocabulary.count(part);
        if after.is_empty() {
            break;
        }
        rest = after;
    }
    AWAKE.store(true, Ordering::Relaxed);
    tokens
}

/// The tokens of `text` if that takes no time: it is small, and nothing has to be made ready for it.
pub fn count_at_once(text: &str) -> Option<usize> {
    (text.len() <= SMALL && Vocabulary.is_ready_for(text)).then(|| count(text))
}

/// Where to end the next part: at a line's start if one is near, where a token may end in any case.
fn cut(text: &str) -> usize {
    if text.len() <= PART {
        return text.len();
    }
    let end = text.floor_char_boundary(PART);
    let part = text.as_bytes().get(..end).unwrap_or_default();
    // A line feed that a non-space follows: white space before it never joins what comes after.
    let line =
        part.windows(2).rposition(|pair| matches!(pair, [b'\n', next] if next.is_ascii_alphanumeric()));
    line.map_or(end, |at| at + 1)
}

/// An instant guess, one token for four bytes, to be shown as `~` until [`count`] has answered.
pub fn estimate(text: &str) -> usize {
    text.len().div_ceil(4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_as_the_tokenizer_does() {
        // What tiktoken's o200k_base gives; digits come in threes.
        for (text, tokens) in [("", 0), ("hello world", 2), ("Hello, world!", 4), ("\n", 1), ("1234567", 3)] {
            assert_eq!(count(text), tokens, "{text:?}");
        }
    }

    #[test]
    fn parts_do_not_change_the_count_of_prose() {
        let line = "Extract 20 to 50 of the most surprising ideas, in {{language}}.\n";
        let text = line.repeat(3000);
        assert!(text.len() > 4 * PART);
        assert_eq!(count(&text), bpe_openai::o200k_base().count(text.as_str()));
    }

    #[test]
    fn a_long_text_without_a_break_is_linear() {
        for piece in ["a", " ", "\n", "中", "!", "\u{301}", "aB"] {
            let text = piece.repeat((1 << 18) / piece.len());
            let tokens = count(&text);
            assert!(tokens > 0 && tokens <= text.len(), "{piece:?}: {tokens}");
        }
    }

    #[test]
    fn the_guess_is_a_quarter_of_the_bytes() {
        assert_eq!((estimate(""), estimate("a"), estimate("abcd"), estimate("abcde")), (0, 1, 1, 2));
    }
}
