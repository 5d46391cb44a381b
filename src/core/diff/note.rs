//! What to say in words about a difference that the eye would miss, or that was not looked at in full.

use crate::core::text::is_invisible;
use std::fmt;
use unicode_normalization::UnicodeNormalization as _;

/// A remark on a diff, to be shown with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Note {
    /// The texts are the same, byte for byte.
    Identical,
    /// One ends with a line end, the other does not.
    OnlyFinalNewline,
    /// `\n` here is `\r\n` there.
    OnlyLineEnds,
    /// Spaces, tabs, blank lines.
    OnlyWhitespace,
    /// The same characters, composed here and decomposed there.
    OnlyUnicodeForm,
    /// Zero-width, bidi, tag or variation characters.
    OnlyInvisible,
    /// A bounded fallback: too many lines that all repeat each other to compare as one.
    InPieces,
    /// A bounded fallback: a changed block was too large to compare each line with each.
    NearPairs,
    /// A bounded fallback: some changed lines were too long, or too many, to compare by word.
    NoWords,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Identical => "identical",
            Self::OnlyFinalNewline => "differs only in the final newline",
            Self::OnlyLineEnds => "differs only in line ends",
            Self::OnlyWhitespace => "differs only in white space",
            Self::OnlyUnicodeForm => "differs only in Unicode form (composed or decomposed)",
            Self::OnlyInvisible => "differs only in invisible characters",
            Self::InPieces => "too large and repetitive to compare as one: compared in pieces",
            Self::NearPairs => "too large to pair every line: only near lines are paired",
            Self::NoWords => "too large for word refinement: some changes are shown by line",
        })
    }
}

/// Why two texts differ, when it is one thing only.
pub(super) fn differs_only(left: &str, right: &str) -> Option<Note> {
    if left == right {
        return Some(Note::Identical);
    }
    let chomp = |text| {
        let text: &str = text;
        text.strip_suffix("\r\n")
            .or_else(|| text.strip_suffix('\n'))
            .map_or((text, false), |rest| (rest, true))
    };
    let ((left_body, left_ends), (right_body, right_ends)) = (chomp(left), chomp(right));
    if left_body == right_body && left_ends != right_ends {
        return Some(Note::OnlyFinalNewline);
    }
    if left_body.lines().eq(right_body.lines()) && left_ends == right_ends {
        return Some(Note::OnlyLineEnds);
    }
    if same_without(left, right, char::is_whitespace) {
        return Some(Note::OnlyWhitespace);
    }
    if left.is_ascii() && right.is_ascii() {
        return None;
    }
    if same_without(left, right, is_invisible) {
        return Some(Note::OnlyInvisible);
    }
    left.nfc().eq(right.nfc()).then_some(Note::OnlyUnicodeForm)
}

/// Whether two texts are the same once the characters that `skip` names are left out.
pub(super) fn same_without(left: &str, right: &str, skip: impl Fn(char) -> bool) -> bool {
    left.chars().filter(|&c| !skip(c)).eq(right.chars().filter(|&c| !skip(c)))
}
