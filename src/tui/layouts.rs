//! Keys of other keyboard layouts: which Latin letter is on the same key of a US keyboard.
//!
//! ```text
//! Ctrl or Alt with a letter -> the terminal tells the key's place, where kitty's keys are on -> by_place
//! a letter alone            -> only the letter comes; the table tells its place             -> latin
//! ```
//! Text that is typed into a field stays as it is: only what would be a key of the table of keys is looked up here.

/// Letters of a layout, each with the US key it is on: in the order of the keys, without Shift and with it.
struct KeyboardLayout {
    keys: &'static str,
    letters: &'static str,
}

/// The layouts whose letters nobody else has on another key. Cyrillic is the Russian one with the letters that only
/// Ukrainian and Belarusian have.
const LAYOUTS: &[KeyboardLayout] = &[
    // Russian.
    KeyboardLayout { keys: "qwertyuiop[]", letters: "йцукенгшщзхъ" },
    KeyboardLayout { keys: "asdfghjkl;'", letters: "фывапролджэ" },
    KeyboardLayout { keys: "zxcvbnm,.`", letters: "ячсмитьбюё" },
    KeyboardLayout { keys: "QWERTYUIOP{}", letters: "ЙЦУКЕНГШЩЗХЪ" },
    KeyboardLayout { keys: "ASDFGHJKL:\"", letters: "ФЫВАПРОЛДЖЭ" },
    KeyboardLayout { keys: "ZXCVBNM<>~", letters: "ЯЧСМИТЬБЮЁ" },
    // What Ukrainian and Belarusian have in place of some of them.
    KeyboardLayout { keys: "s'o]SO}\"", letters: "ієўїІЎЇЄ" },
    // Greek.
    KeyboardLayout { keys: "wertyuiop", letters: "ςερτυθιοπ" },
    KeyboardLayout { keys: "asdfghjkl", letters: "ασδφγηξκλ" },
    KeyboardLayout { keys: "zxcvbnm", letters: "ζχψωβνμ" },
    KeyboardLayout { keys: "ERTYUIOP", letters: "ΕΡΤΥΘΙΟΠ" },
    KeyboardLayout { keys: "ASDFGHJKL", letters: "ΑΣΔΦΓΗΞΚΛ" },
    KeyboardLayout { keys: "ZXCVBNM", letters: "ΖΧΨΩΒΝΜ" },
    // Hebrew.
    KeyboardLayout { keys: "ertyuiop", letters: "קראטוןםפ" },
    KeyboardLayout { keys: "asdfghjkl;", letters: "שדגכעיחלךף" },
    KeyboardLayout { keys: "zxcvbnm,.", letters: "זסבהנמצתץ" },
    // Arabic (101).
    KeyboardLayout { keys: "qwertyuiop[]", letters: "ضصثقفغعهخحجد" },
    KeyboardLayout { keys: "asdfghjkl;'", letters: "شسيبلاتنمكط" },
    KeyboardLayout { keys: "zxcvnm,./`", letters: "ئءؤرىةوزظذ" },
    // Korean (two sets), before letters are put together.
    KeyboardLayout { keys: "qwertyuiop", letters: "ㅂㅈㄷㄱㅅㅛㅕㅑㅐㅔ" },
    KeyboardLayout { keys: "asdfghjkl", letters: "ㅁㄴㅇㄹㅎㅗㅓㅏㅣ" },
    KeyboardLayout { keys: "zxcvbnm", letters: "ㅋㅌㅊㅍㅠㅜㅡ" },
    KeyboardLayout { keys: "QWERTOP", letters: "ㅃㅉㄸㄲㅆㅒㅖ" },
    // Thai (Kedmanee).
    KeyboardLayout { keys: "wertyuiop[]", letters: "ไำพะัีรนยบล" },
    KeyboardLayout { keys: "asdfghjkl;'", letters: "ฟหกดเ้่าสวง" },
    KeyboardLayout { keys: "zxcvbnm,.", letters: "ผปแอิืทมใ" },
];

/// The US key that a letter is on in its own layout; a wide letter's is that of the narrow one. None for Latin letters
/// and for letters of layouts that are not in the table.
pub(super) fn latin(letter: char) -> Option<char> {
    if ('！'..='～').contains(&letter) {
        return char::from_u32(u32::from(letter) - u32::from('！') + u32::from('!'));
    }
    LAYOUTS.iter().find_map(|layout| {
        layout.letters.chars().zip(layout.keys.chars()).find_map(|(of, key)| (of == letter).then_some(key))
    })
}

/// A letter held with Ctrl or Alt as kitty's keys tell it, `CSI code:shifted:place ; held u`, with the key's place in
/// place of the letter; none when there is nothing to change.
pub(super) fn by_place(bytes: &[u8]) -> Option<Vec<u8>> {
    let body = str::from_utf8(bytes).ok()?.strip_prefix("\x1b[")?.strip_suffix('u')?;
    let (codes, held) = body.split_once(';')?;
    let mut codes = codes.split(':');
    let letter: u32 = codes.next()?.parse().ok()?;
    let place: u32 = codes.nth(1)?.parse().ok()?;
    // One more than the bits of Shift 1, Alt 2, Ctrl 4.
    let bits = held.split([':', ';']).next()?.parse::<u32>().ok()?.checked_sub(1)?;
    (bits & 6 != 0 && place != letter && letter > 0x7f).then(|| format!("\x1b[{place};{held}u").into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn each_layout_has_a_key_for_each_letter_and_no_letter_two_keys() {
        let mut seen: HashMap<char, char> = HashMap::new();
        for layout in LAYOUTS {
            assert_eq!(layout.keys.chars().count(), layout.letters.chars().count(), "{}", layout.letters);
            for (letter, key) in layout.letters.chars().zip(layout.keys.chars()) {
                assert!(!letter.is_ascii() && key.is_ascii_graphic(), "{letter} {key}");
                assert_eq!(seen.insert(letter, key), None, "{letter} twice");
            }
        }
    }

    #[test]
    fn letters_are_found_where_their_key_is() {
        for (letter, key) in [
            ('о', 'j'),
            ('й', 'q'),
            ('І', 'S'),
            ('ξ', 'j'),
            ('ח', 'j'),
            ('ت', 'j'),
            ('ㅓ', 'j'),
            ('ｊ', 'j'),
            ('／', '/'),
            ('่', 'j'),
        ] {
            assert_eq!(latin(letter), Some(key), "{letter}");
        }
        for none in ['j', 'é', '漢', '😀', ';'] {
            assert_eq!(latin(none), None, "{none}");
        }
    }

    #[test]
    fn only_letters_that_are_held_with_others_are_told_by_their_place() {
        // Ctrl with the Cyrillic letter on the key of c.
        assert_eq!(by_place(b"\x1b[1089::99;5u").as_deref(), Some(&b"\x1b[99;5u"[..]));
        assert_eq!(by_place(b"\x1b[1089:1057:99;6u").as_deref(), Some(&b"\x1b[99;6u"[..]));
        assert_eq!(by_place(b"\x1b[1079::112;5:1u").as_deref(), Some(&b"\x1b[112;5:1u"[..]));
        // Alone, it is text; a Latin letter of another order stays (Dvorak, AZERTY).
        for same in
            ["\x1b[1089::99;1u", "\x1b[1089::99u", "\x1b[97::113;5u", "\x1b[97;5u", "\x1b[A", "é", "\x1b[;u"]
        {
            assert_eq!(by_place(same.as_bytes()), None, "{same:?}");
        }
    }
}
