//! Making every character that a terminal would obey, or that a reader could not see, visible.
//!
//! What stays: letters, marks, symbols, all spaces, and the joiners and variation selectors that
//! scripts and emoji need where they need them. The escapes are ASCII, so escaping twice changes nothing.

use std::borrow::Cow;
use std::fmt::Write as _;
use unicode_segmentation::UnicodeSegmentation as _;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// For output of several lines: keeps `\n` and tabs; every other control is shown as `\x1b`, every
/// bidi control, zero-width, tag, separator or non-character as `\u{202e}`.
pub fn escape(text: &str) -> Cow<'_, str> {
    escape_with(text, |c| c == '\n' || c == '\t')
}

/// For one line: as [`escape`], and `\n` and tab are shown as `\n` and `\t` too.
pub fn escape_line(text: &str) -> Cow<'_, str> {
    escape_with(text, |_| false)
}

fn escape_with(text: &str, keep: impl Fn(char) -> bool) -> Cow<'_, str> {
    if text.bytes().all(|b| (0x20..0x7f).contains(&b) || (b < 0x80 && keep(b as char))) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    let mut changed = false;
    // The last character, when it was kept: an escape between two characters ends what joined them.
    let mut prev: Option<char> = None;
    for (start, cluster) in text.grapheme_indices(true) {
        let after = text.get(start + cluster.len()..).and_then(|rest| rest.chars().next());
        let mut chars = cluster.chars().peekable();
        while let Some(c) = chars.next() {
            let inside = chars.peek().copied();
            let stays = match class(c) {
                Class::Shown => true,
                Class::Control => keep(c),
                Class::Hidden => false,
                Class::Joiner => joins(prev, inside, inside.or(after)),
                Class::Selector => selects(c, prev, inside.or(after)),
            };
            if stays {
                out.push(c);
            } else {
                changed = true;
                push_escape(&mut out, c);
            }
            prev = stays.then_some(c);
        }
    }
    if changed { Cow::Owned(out) } else { Cow::Borrowed(text) }
}

fn push_escape(out: &mut String, c: char) {
    // Writing to a String cannot fail.
    let _ = match c {
        '\n' => write!(out, "\\n"),
        '\t' => write!(out, "\\t"),
        '\r' => write!(out, "\\r"),
        '\0'..='\u{9f}' => write!(out, "\\x{:02x}", c as u32),
        _ => write!(out, "\\u{{{:x}}}", c as u32),
    };
}

/// Whether a reader cannot see `c` at all: joiners, selectors, bidi controls, tags and the like.
pub fn is_invisible(c: char) -> bool {
    matches!(class(c), Class::Hidden | Class::Joiner | Class::Selector)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Shown,
    Control,
    Hidden,
    Joiner,
    Selector,
}

/// Hidden are the characters of Unicode's Default_Ignorable_Code_Point and Bidi_Control, the line and
/// paragraph separators, the interlinear marks and the 66 non-characters.
fn class(c: char) -> Class {
    match c {
        ' '..='~' => Class::Shown,
        '\0'..='\u{9f}' => Class::Control,
        '\u{200c}' | '\u{200d}' => Class::Joiner,
        '\u{fe00}'..='\u{fe0f}' | '\u{180b}'..='\u{180d}' | '\u{180f}' | '\u{e0100}'..='\u{e01ef}' => {
            Class::Selector
        }
        '\u{ad}'
        | '\u{34f}'
        | '\u{61c}'
        | '\u{115f}'
        | '\u{1160}'
        | '\u{17b4}'
        | '\u{17b5}'
        | '\u{180e}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{3164}'
        | '\u{feff}'
        | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}'
        | '\u{fdd0}'..='\u{fdef}'
        | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}' => Class::Hidden,
        // The last two code points of every plane are never characters.
        _ if c as u32 & 0xfffe == 0xfffe => Class::Hidden,
        _ => Class::Shown,
    }
}

/// Whether a joiner between these belongs there: inside an emoji cluster (the only clusters that go on
/// after a joiner with something that takes room) or between two letters.
fn joins(prev: Option<char>, inside: Option<char>, next: Option<char>) -> bool {
    let Some(prev) = prev else { return false };
    let in_cluster = inside.is_some_and(|c| class(c) == Class::Shown && c.width().is_some_and(|w| w > 0))
        && prev != '\u{200d}';
    in_cluster || (letter_or_mark(prev) && next.is_some_and(letter_or_mark))
}

/// Whether a variation selector belongs there: after a character that is or can become an emoji, after
/// a wide letter (an ideographic variant), or between two letters.
fn selects(selector: char, prev: Option<char>, next: Option<char>) -> bool {
    let Some(prev) = prev else { return false };
    if class(prev) != Class::Shown {
        return false;
    }
    let emoji = || {
        matches!(selector, '\u{fe0e}' | '\u{fe0f}') && {
            let mut pair = String::from(prev);
            pair.push('\u{fe0f}');
            pair.width() == 2
        }
    };
    let ideograph = || prev.is_alphabetic() && prev.width() == Some(2);
    emoji() || ideograph() || (letter_or_mark(prev) && next.is_some_and(letter_or_mark))
}

/// A letter, or a mark that sits on one (viramas are marks, and joiners follow them).
fn letter_or_mark(c: char) -> bool {
    class(c) == Class::Shown && (c.is_alphabetic() || c.width() == Some(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn controls_and_invisibles_become_visible() {
        for (text, shown) in [
            ("a\u{1b}[31mb", "a\\x1b[31mb"),
            ("a\r\nb\tc", "a\\r\nb\tc"),
            ("\u{7f}\u{9b}0m\0", "\\x7f\\x9b0m\\x00"),
            ("abc\u{202e}def", "abc\\u{202e}def"),
            ("a\u{200b}b\u{feff}", "a\\u{200b}b\\u{feff}"),
            ("\u{e0041}\u{e007f}", "\\u{e0041}\\u{e007f}"),
            ("x\u{2028}y\u{2029}", "x\\u{2028}y\\u{2029}"),
            ("\u{ffff}\u{1fffe}\u{fdd0}", "\\u{ffff}\\u{1fffe}\\u{fdd0}"),
            ("\u{2066}\u{61c}\u{ad}\u{3164}", "\\u{2066}\\u{61c}\\u{ad}\\u{3164}"),
        ] {
            assert_eq!(escape(text), shown, "{text:?}");
        }
        assert_eq!(escape_line("a\n\tb\r"), "a\\n\\tb\\r");
    }

    #[test]
    fn joiners_and_selectors_stay_where_scripts_and_emoji_need_them() {
        for text in [
            "👩\u{200d}👩\u{200d}👧\u{200d}👦",
            "❤\u{fe0f}\u{200d}🔥",
            "🏳\u{fe0f}\u{200d}🌈",
            "👩🏽\u{200d}🚀",
            "1\u{fe0f}\u{20e3}",
            "☀\u{fe0e}",
            "می\u{200c}خواهم",
            "क\u{94d}\u{200d}ष",
            "葛\u{e0100}飾",
            "e\u{301}\u{4e2d}한글ا",
        ] {
            assert_eq!(escape(text), text, "{text:?}");
        }
    }

    #[test]
    fn joiners_and_selectors_elsewhere_are_shown() {
        for (text, shown) in [
            ("a \u{200d} b", "a \\u{200d} b"),
            ("\u{200d}a", "\\u{200d}a"),
            ("a\u{200d}", "a\\u{200d}"),
            ("a\u{200d}\u{200d}b", "a\\u{200d}\\u{200d}b"),
            ("😀\u{fe00}\u{fe01}", "😀\\u{fe00}\\u{fe01}"),
            ("😀\u{e0100}\u{e0101}\u{e0102}", "😀\\u{e0100}\\u{e0101}\\u{e0102}"),
            ("👩\u{fe0f}\u{fe0f}\u{200d}👩", "👩\u{fe0f}\\u{fe0f}\\u{200d}👩"),
        ] {
            assert_eq!(escape(text), shown, "{text:?}");
        }
    }

    /// Text in which joiners, selectors and controls meet often.
    pub(crate) fn awkward() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            4 => any::<char>(),
            2 => prop::sample::select(vec!['a', 'é', 'م', 'क', '\u{94d}', '中', '👩', '❤', '🏽', '1', '\u{20e3}', ' ']),
            2 => prop::sample::select(vec!['\u{200d}', '\u{200c}', '\u{fe0f}', '\u{fe0e}', '\u{e0100}', '\u{180b}']),
            1 => prop::sample::select(vec!['\u{1b}', '\n', '\r', '\t', '\u{9b}', '\u{202e}', '\u{e0041}', '\u{301}']),
        ];
        prop::collection::vec(piece, 0..40).prop_map(|chars| chars.into_iter().collect())
    }

    proptest! {
        #[test]
        fn escaping_is_idempotent_and_no_control_survives(text in awkward()) {
            let once = escape(&text).into_owned();
            prop_assert_eq!(escape(&once), once.as_str());
            prop_assert!(once.chars().all(|c| c == '\n' || c == '\t' || !c.is_control()));
            let line = escape_line(&text).into_owned();
            prop_assert_eq!(escape_line(&line), line.as_str());
            prop_assert!(line.chars().all(|c| !c.is_control()));
            prop_assert!(once.chars().chain(line.chars()).all(|c| class(c) != Class::Hidden));
        }

        #[test]
        fn plain_text_is_borrowed(text in "[ -~\n\t]{0,80}") {
            prop_assert!(matches!(escape(&text), Cow::Borrowed(_)));
        }
    }
}
