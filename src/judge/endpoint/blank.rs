//! Blanks a key wherever an endpoint repeats it: some quote a refused key in their error, and each language escapes in its
//! own way (`+` is `\u002B` from .NET, `&` is `\u0026` from Go, `/` is `\/` from PHP, `%2F` in an address).
//!
//! ```text
//! bytes --spelled--> every place where the key stands, character by character in any spelling --> [key]
//!   JSON? each string once more, decoded, so that an escaped escape is seen too
//! ```

use serde_json::Value;

/// What stands where the key stood.
const BLANK: &[u8] = b"[key]";

/// More backslashes than this before one character are no escape; it bounds the search.
const MOST_BACKSLASHES: usize = 16;

/// The bytes without the key.
pub(super) fn blank(bytes: Vec<u8>, key: &str) -> Vec<u8> {
    let bytes = blank_text(bytes, key.as_bytes());
    // Only an escaped ASCII character can hide a part of another escape.
    if !bytes.windows(4).any(|w| w == b"\\u00") {
        return bytes;
    }
    let Ok(mut value) = serde_json::from_slice::<Value>(&bytes) else { return bytes };
    if blank_value(&mut value, key.as_bytes()) { value.to_string().into_bytes() } else { bytes }
}

/// Whether anything was blanked.
fn blank_value(value: &mut Value, key: &[u8]) -> bool {
    match value {
        Value::String(text) => {
            let clean = blank_text(text.clone().into_bytes(), key);
            let held = clean != text.as_bytes();
            if held {
                *text = String::from_utf8_lossy(&clean).into_owned();
            }
            held
        }
        // Each is looked at, so the search must not end with the first that held it.
        Value::Array(values) => values.iter_mut().fold(false, |held, v| blank_value(v, key) | held),
        Value::Object(fields) => {
            let named = fields.keys().any(|name| spelled_in(name.as_bytes(), key));
            if named {
                // A key as the name of a field is no answer of any API; its fields say nothing that is needed.
                fields.clear();
            }
            fields.values_mut().fold(named, |held, v| blank_value(v, key) | held)
        }
        _ => false,
    }
}

fn spelled_in(text: &[u8], key: &[u8]) -> bool {
    (0..text.len()).any(|at| spelled(text.get(at..).unwrap_or_default(), key).is_some())
}

fn blank_text(text: Vec<u8>, key: &[u8]) -> Vec<u8> {
    if !spelled_in(&text, key) {
        return text;
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_slice();
    while let Some(first) = rest.first() {
        match spelled(rest, key) {
            Some(length) => {
                out.extend_from_slice(BLANK);
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
        let mut next = Vec::new();
        for end in &ends {
            character(text.get(*end..).unwrap_or_default(), *byte, &mut |length| {
                if !next.contains(&(end + length)) {
                    next.push(end + length);
                }
            });
        }
        ends = next;
    }
    ends.into_iter().max()
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
    let Some(end) = text.iter().take(10).position(|b| *b == b';') else { return };
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
        String::from_utf8(blank(text.as_bytes().to_vec(), key)).unwrap()
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
        }
        assert!(begun.elapsed() < std::time::Duration::from_secs(20), "{:?}", begun.elapsed());
    }
}
