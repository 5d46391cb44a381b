//! Blanks a secret wherever it stands: a key that an endpoint repeats, a text that is to be forgotten. Some endpoints
//! quote a refused key in their error, and each language escapes in its own way (`+` is `\u002B` from .NET, `&` is `\u0026` from Go, `/` is `\/` from PHP, `%2F` in an address).
//!
//! ```text
//! bytes --spelled--> every place where the key stands, character by character in any spelling --> a mark
//!   JSON? each string once more, decoded, so that an escaped escape is seen too
//! a text that grows --blank, settled--> what can be shown of it: not an end that may become the key
//! ```

use serde_json::Value;

/// What stands where a key stood.
pub const KEY: &str = "[key]";

/// More backslashes than this before one character are no escape; it bounds the search.
const MOST_BACKSLASHES: usize = 16;

/// The most bytes of an entity.
const MOST_OF_ENTITY: usize = 10;

/// The most bytes that spell one character.
const LONGEST: usize = MOST_BACKSLASHES * 6 + 5;

/// The bytes without the key; `mark` stands where it stood.
pub fn blank(bytes: Vec<u8>, key: &str, mark: &str) -> Vec<u8> {
    let what = What { key: key.as_bytes(), mark: mark.as_bytes() };
    let bytes = blank_text(bytes, what);
    // Only an escaped ASCII character can hide a part of another escape.
    if !bytes.windows(4).any(|w| w == b"\\u00") {
        return bytes;
    }
    let Ok(mut value) = serde_json::from_slice::<Value>(&bytes) else { return bytes };
    if blank_value(&mut value, what) { value.to_string().into_bytes() } else { bytes }
}

/// Whether the key stands in the bytes, in any spelling that [`blank`] sees.
pub fn holds(bytes: &[u8], key: &str) -> bool {
    if spelled_in(bytes, key.as_bytes()) {
        return true;
    }
    bytes.windows(4).any(|w| w == b"\\u00") && blank(bytes.to_vec(), key, "") != bytes
}

/// What is looked for, and what stands in its place.
#[derive(Clone, Copy)]
struct What<'a> {
    key: &'a [u8],
    mark: &'a [u8],
}

/// How much of a text that still grows can be shown, once the key is blanked in it: all before an end that is the
/// beginning of the key, in any spelling.
pub fn settled(text: &[u8], key: &str) -> usize {
    let first = text.len().saturating_sub(key.len() * LONGEST);
    let begins_at = |at: &usize| begins(text.get(*at..).unwrap_or_default(), key.as_bytes());
    (first..text.len()).find(begins_at).unwrap_or(text.len())
}

/// Whether the whole text is the beginning of a spelling of the key.
fn begins(text: &[u8], key: &[u8]) -> bool {
    let mut ends = vec![0];
    for byte in key {
        if ends.iter().any(|end| begun(text.get(*end..).unwrap_or_default(), *byte)) {
            return true;
        }
        ends = one_more(text, &ends, *byte);
        if ends.is_empty() {
            return false;
        }
    }
    false
}

/// Whether the text is all there is yet of a spelling of one character.
fn begun(text: &[u8], byte: u8) -> bool {
    let Some((sign, name)) = text.split_first() else { return true };
    match sign {
        b'\\' => backslash_begun(text, byte),
        b'%' => {
            let hex = format!("{byte:02x}");
            [&b""[..], b"25", b"2525"]
                .iter()
                .filter_map(|more| name.strip_prefix(*more))
                .any(|rest| is_beginning(rest, &hex) || is_beginning(rest, "25"))
        }
        // As long as entities are looked for; which one it becomes is not asked.
        b'&' => text.len() < MOST_OF_ENTITY && name.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'#'),
        _ => false,
    }
}

/// As [`backslashed`] reads it: any number of backslashes, and a code that is not complete yet.
fn backslash_begun(text: &[u8], byte: u8) -> bool {
    let (codes, mut rest) = ([format!("u{byte:04x}"), format!("x{byte:02x}")], text);
    for _ in 0..MOST_BACKSLASHES {
        let Some(after) = rest.strip_prefix(b"\\") else { return false };
        let escaped = after.strip_prefix(b"u").is_some_and(|r| is_hex(r, 4, b'\\'));
        rest = if escaped { after.get(5..).unwrap_or_default() } else { after };
        if is_beginning(after, "u005c") || codes.iter().any(|code| is_beginning(rest, code)) {
            return true;
        }
    }
    false
}

fn is_beginning(text: &[u8], of: &str) -> bool {
    text.len() < of.len() && of.as_bytes().get(..text.len()).is_some_and(|b| b.eq_ignore_ascii_case(text))
}

/// Whether anything was blanked.
fn blank_value(value: &mut Value, what: What<'_>) -> bool {
    match value {
        Value::String(text) => {
            let clean = blank_text(text.clone().into_bytes(), what);
            let held = clean != text.as_bytes();
            if held {
                *text = String::from_utf8_lossy(&clean).into_owned();
            }
            held
        }
        // Each is looked at, so the search must not end with the first that held it.
        Value::Array(values) => values.iter_mut().fold(false, |held, v| blank_value(v, what) | held),
        Value::Object(fields) => {
            let named = fields.keys().any(|name| spelled_in(name.as_bytes(), what.key));
            if named {
                // A key as the name of a field is no answer of any API; its fields say nothing that is needed.
                fields.clear();
            }
            fields.values_mut().fold(named, |held, v| blank_value(v, what) | held)
        }
        _ => false,
    }
}

fn spelled_in(text: &[u8], key: &[u8]) -> bool {
    (0..text.len()).any(|at| spelled(text.get(at..).unwrap_or_default(), key).is_some())
}

fn blank_text(text: Vec<u8>, what: What<'_>) -> Vec<u8> {
    if !spelled_in(&text, what.key) {
        return text;
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_slice();
    while let Some(first) = rest.first() {
        match spelled(rest, what.key) {
            Some(length) => {
                out.extend_from_slice(what.mark);
                rest = rest.get(length..).unwrap_or_default();
            }
            None => {
                out.push(*first);
                rest = rest.get(1..).unwrap_or_default();
            }
        }
    }
    out
}

/// The length of the key's spelling at the beginning of the text, the longest where there are several. A character may be
/// spelled in more than one way (`\` alone, or `\\`), so every place the spelling can have come to is followed at once.
fn spelled(text: &[u8], key: &[u8]) -> Option<usize> {
    let (first, others) = key.split_first()?;
    let mut ends = Vec::new();
    character(text, *first, &mut |length| ends.push(length));
    for byte in others {
        if ends.is_empty() {
            return None;
        }
        ends = one_more(text, &ends, *byte);
    }
    ends.into_iter().max()
}

/// Every place that a spelling of one more character can come to.
fn one_more(text: &[u8], ends: &[usize], byte: u8) -> Vec<usize> {
    let mut next = Vec::new();
    for end in ends {
        character(text.get(*end..).unwrap_or_default(), byte, &mut |length| {
            if !next.contains(&(end + length)) {
                next.push(end + length);
            }
        });
    }
    next
}

/// Tells the length of each spelling of one character at the beginning of the text.
fn character(text: &[u8], byte: u8, found: &mut impl FnMut(usize)) {
    match text.first() {
        None => return,
        Some(b'\\') => backslashed(text, byte, found),
        Some(b'%') => percent(text, byte, found),
        Some(b'&') => entity(text, byte, found),
        Some(b'+') if byte == b' ' => found(1),
        Some(_) => {}
    }
    if text.first() == Some(&byte) {
        found(1);
    }
}

/// `\u002b`, `\x2b`, `\+`, after any number of backslashes: a text quoted within a quoted text doubles them.
fn backslashed(text: &[u8], byte: u8, found: &mut impl FnMut(usize)) {
    let mut at = 0;
    for _ in 0..MOST_BACKSLASHES {
        let rest = text.get(at..).unwrap_or_default();
        if !rest.starts_with(b"\\") {
            break;
        }
        // A backslash may itself be written as \u005c.
        let escaped = rest.get(1..).and_then(|r| r.strip_prefix(b"u")).is_some_and(|r| is_hex(r, 4, b'\\'));
        at += if escaped { 6 } else { 1 };
        let after = text.get(at..).unwrap_or_default();
        if byte == b'\\' && (at > 1) {
            found(at);
        }
        if after.strip_prefix(b"u").is_some_and(|r| is_hex(r, 4, byte)) {
            found(at + 5);
        }
        if after.strip_prefix(b"x").is_some_and(|r| is_hex(r, 2, byte)) {
            found(at + 3);
        }
        if !byte.is_ascii_alphanumeric() && after.first() == Some(&byte) {
            found(at + 1);
        }
    }
}

/// `%2B`, and `%252B` of an address within an address.
fn percent(text: &[u8], byte: u8, found: &mut impl FnMut(usize)) {
    let mut at = 1;
    for _ in 0..3 {
        let rest = text.get(at..).unwrap_or_default();
        if is_hex(rest, 2, byte) {
            found(at + 2);
        }
        if !rest.starts_with(b"25") {
            break;
        }
        at += 2;
    }
}

/// `&#43;`, `&#x2B;`, `&amp;`, as a page of HTML writes them.
fn entity(text: &[u8], byte: u8, found: &mut impl FnMut(usize)) {
    let Some(end) = text.iter().take(MOST_OF_ENTITY).position(|b| *b == b';') else { return };
    let name = text.get(1..end).and_then(|name| std::str::from_utf8(name).ok()).unwrap_or_default();
    let code = match name.strip_prefix('#') {
        Some(number) => match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok(),
            None => number.parse().ok(),
        },
        None => match name {
            "amp" => Some(u32::from(b'&')),
            "lt" => Some(u32::from(b'<')),
            "gt" => Some(u32::from(b'>')),
            "quot" => Some(u32::from(b'"')),
            "apos" => Some(u32::from(b'\'')),
            _ => None,
        },
    };
    if code == Some(u32::from(byte)) {
        found(end + 1);
    }
}

/// Whether so many hex digits, in either case, are this byte.
fn is_hex(text: &[u8], digits: usize, byte: u8) -> bool {
    let digits = text.get(..digits).and_then(|d| std::str::from_utf8(d).ok());
    digits.is_some_and(|d| !d.starts_with('+') && u32::from_str_radix(d, 16) == Ok(u32::from(byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blanked(key: &str, text: &str) -> String {
        String::from_utf8(blank(text.as_bytes().to_vec(), key, KEY)).unwrap()
    }

    #[test]
    fn a_key_is_blanked_however_it_is_spelled() {
        let key = "a+b/c==";
        for spelling in [
            "a+b/c==",
            r"a\u002Bb\u002fc\u003d\u003D",
            r"a\u002bb\/c==",
            r"\u0061+b/c==",
            r"a\\u002Bb/c==",
            r"a\\\\u002Bb\\\\/c==",
            r"a\x2bb/c==",
            "a%2Bb%2Fc%3D%3D",
            "a%2bb/c%3d=",
            "a%252Bb%252Fc==",
            "a&#43;b/c&#x3D;=",
            r"a\u005cu002Bb/c==",
        ] {
            assert_eq!(blanked(key, &format!("<{spelling}> {spelling}")), "<[key]> [key]", "{spelling}");
        }
        for other in ["a+b/c=", r"a\u002Cb/c==", "A+b/c==", "a%2Cb/c==", r"a\u+02bb/c==", "", "\\", "%", "&#"]
        {
            assert_eq!(blanked(key, other), other);
        }
        assert_eq!(
            blanked("a\"b\\c&'<", r#"raw a"b\c&'< json a\"b\\c&'< go a\"b\\c\u0026\u0027\u003c"#),
            "raw [key] json [key] go [key]"
        );
        assert_eq!(blanked("a b", "a+b a%20b"), "[key] [key]");
    }

    /// What is shown of a text after each byte that comes.
    fn shown(key: &str, text: &str) -> Vec<String> {
        let ends = (1..=text.len()).filter(|end| text.is_char_boundary(*end));
        let show = |end| {
            let clean = blanked(key, text.get(..end).unwrap());
            clean.get(..settled(clean.as_bytes(), key)).unwrap().to_owned()
        };
        ends.map(show).collect()
    }

    #[test]
    fn a_text_that_grows_shows_no_beginning_of_the_key() {
        let key = "a+b/cab=";
        for spelling in [
            "a+b/cab=",
            r"a\u002Bb\u002fcab\u003d",
            r"\u0061+b\/cab=",
            r"\x61\x2bb/ca\\u0062\\u003D",
            r"a\\\\u002Bb\\\\/cab=",
            "a%2Bb%2fcab%3D",
            "a%252Bb%25252Fcab=",
            "&#97;&#x2B;b/cab&#61;",
            r"a\u005cu002Bb/cab=",
        ] {
            let text = format!("So: {spelling}, {spelling}");
            for shown in shown(key, &text) {
                assert!("So: [key], [key]".starts_with(&shown), "{spelling}: {shown}");
            }
        }
        // What only looks like it comes a little later, and whole.
        for other in ["Ah, a+b/cab", "50 % of R&D, \\u00", "caf\u{e9} & \u{2014} tea"] {
            let text = format!("{other} or not.");
            let shown = shown(key, &text);
            assert!(shown.iter().all(|shown| text.starts_with(shown)), "{shown:?}");
            assert_eq!(shown.last(), Some(&text));
        }
        // A key within itself: the whole is blanked before its end is looked at.
        assert_eq!(shown("abab", "-abababab.").last().unwrap(), "-[key][key].");
        assert!(shown("abab", "-abababab.").iter().all(|shown| "-[key][key].".starts_with(shown)));
    }

    #[test]
    fn what_shows_only_when_decoded_is_blanked_too() {
        // \u005cu002B is \u002B once decoded, and + when that is decoded; \u0025 is a percent sign.
        let body = r#"{"error":{"message":"bad a\u00252Bb","more":["a\u00252Bb",1]}}"#;
        assert_eq!(blanked("a+b", body), r#"{"error":{"message":"bad [key]","more":["[key]",1]}}"#);
        assert_eq!(blanked("a+b", r#"{"a\u00252Bb":1,"x":"\u0041"}"#), "{}");
        let untouched = r#"{"x": "\u0041"}"#;
        assert_eq!(blanked("a+b", untouched), untouched);
    }

    #[test]
    fn a_long_body_is_read_in_little_time() {
        let begun = std::time::Instant::now();
        for piece in ["\\", "%25", "&", "a", "\\u005c"] {
            let body = piece.repeat(200_000);
            assert_eq!(blanked("aaaa\\+%&b", &body), body);
            settled(body.as_bytes(), "aaaa\\+%&b");
        }
        assert!(begun.elapsed() < std::time::Duration::from_secs(20), "{:?}", begun.elapsed());
    }
}
