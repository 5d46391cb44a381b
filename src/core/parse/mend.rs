//! The repairs that are allowed before an object is read, each with its name. None adds a value: a score that is read stood
//! in the reply.

use super::walker::{CharKind, Walker};
use serde_json::Value;

/// The repair of a backslash that is no escape.
pub(super) const BACKSLASH: &str = "backslash";
/// The repair of an object in Python's spelling.
pub(super) const PYTHON: &str = "python literals";

/// `//` comments, raw line breaks and tabs in strings, a comma before a closing bracket, a backslash that begins no escape, and
/// `True`, `False`, `None`.
pub(super) fn mend(text: &str) -> (String, Vec<&'static str>) {
    let mut out = String::with_capacity(text.len() + 16);
    let mut repairs = Vec::new();
    let mut done = |name: &'static str| {
        if !repairs.contains(&name) {
            repairs.push(name);
        }
    };
    let mut walker = Walker::default();
    let (mut word, mut escaped) = (String::new(), false);
    for (at, c) in text.char_indices() {
        let kind = walker.step(c);
        if kind == CharKind::Structure && c.is_ascii_alphabetic() {
            word.push(c);
            continue;
        }
        if !word.is_empty() {
            out.push_str(match word.as_str() {
                "True" => "true",
                "False" => "false",
                "None" => "null",
                other => other,
            });
            if matches!(word.as_str(), "True" | "False" | "None") {
                done(PYTHON);
            }
            word.clear();
        }
        let was_escaped = std::mem::take(&mut escaped);
        match (kind, c) {
            (CharKind::Comment, _) => {
                // The first slash was passed on before it was known to begin a comment.
                if out.ends_with('/') {
                    out.pop();
                }
                done("comment");
            }
            (CharKind::Text, '\\') if !was_escaped => {
                if is_escape(text.get(at + 1..).unwrap_or_default()) {
                    escaped = true;
                } else {
                    done(BACKSLASH);
                    out.push('\\');
                }
                out.push('\\');
            }
            (CharKind::Text, '\n' | '\r' | '\t') => {
                done("raw newline");
                out.push_str(match c {
                    '\n' => "\\n",
                    '\r' => "\\r",
                    _ => "\\t",
                });
            }
            (CharKind::Structure, '}' | ']') => {
                let trimmed = out.trim_end().len();
                if out.get(..trimmed).is_some_and(|before| before.ends_with(',')) {
                    out.truncate(trimmed - 1);
                    done("trailing comma");
                }
                out.push(c);
            }
            _ => out.push(c),
        }
    }
    out.push_str(&word);
    (out, repairs)
}

/// Whether what follows a backslash makes an escape of JSON. `\f` and `\b` before a letter are words: `\frac`, `\beta`.
fn is_escape(after: &str) -> bool {
    let mut chars = after.chars();
    match chars.next() {
        Some('"' | '\\' | '/' | 'n' | 'r' | 't') => true,
        Some('b' | 'f') => !chars.next().is_some_and(char::is_alphabetic),
        Some('u') => chars.take(4).filter(char::is_ascii_hexdigit).count() == 4,
        _ => false,
    }
}

/// Gives a text back the words that began with `\f` or `\b`; whether there were any.
pub(super) fn restore(value: &mut Value) -> bool {
    match value {
        Value::String(text) => {
            let mut out = String::with_capacity(text.len());
            let mut chars = text.chars().peekable();
            while let Some(c) = chars.next() {
                let begins_word = chars.peek().is_some_and(|next| next.is_alphabetic());
                match c {
                    '\u{c}' if begins_word => out.push_str("\\f"),
                    '\u{8}' if begins_word => out.push_str("\\b"),
                    c => out.push(c),
                }
            }
            let met = out != *text;
            *text = out;
            met
        }
        Value::Array(list) => list.iter_mut().map(restore).filter(|met| *met).count() > 0,
        Value::Object(fields) => fields.values_mut().map(restore).filter(|met| *met).count() > 0,
        _ => false,
    }
}

/// An object in Python's spelling as JSON: strings in single quotes, `True`, `False`, `None`. `None` when it is anything else:
/// each part must be understood.
pub(super) fn python(text: &str) -> Option<String> {
    if !text.contains('\'') {
        return None;
    }
    let mut out = String::with_capacity(text.len() + 16);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\'' | '"' => out.push_str(&string(&mut chars, c)?),
            c if c.is_ascii_alphabetic() => {
                let mut word = String::from(c);
                while let Some(more) = chars.next_if(|c| c.is_alphanumeric() || *c == '_') {
                    word.push(more);
                }
                out.push_str(match word.as_str() {
                    "True" | "true" => "true",
                    "False" | "false" => "false",
                    "None" | "null" => "null",
                    _ => return None,
                });
            }
            '}' | ']' => {
                let trimmed = out.trim_end().len();
                if out.get(..trimmed).is_some_and(|before| before.ends_with(',')) {
                    out.truncate(trimmed - 1);
                }
                out.push(c);
            }
            c if c.is_ascii_digit() || c.is_whitespace() || "{[,:.-+".contains(c) => out.push(c),
            _ => return None,
        }
    }
    Some(out)
}

/// The rest of a string that began with `quote`, as a string of JSON. It must end where a value can end, so that an apostrophe
/// in a text is not taken for its end.
fn string(chars: &mut std::iter::Peekable<std::str::Chars<'_>>, quote: char) -> Option<String> {
    let mut text = String::new();
    loop {
        match chars.next()? {
            '\\' => match chars.next()? {
                'n' => text.push('\n'),
                't' => text.push('\t'),
                'r' => text.push('\r'),
                c @ ('\\' | '\'' | '"' | '/') => text.push(c),
                other => text.extend(['\\', other]),
            },
            c if c == quote => {
                let mut ahead = chars.clone();
                let next = ahead.find(|c| !c.is_whitespace());
                if !matches!(next, Some(',' | ':' | '}' | ']')) {
                    return None;
                }
                return serde_json::to_string(&text).ok();
            }
            c => text.push(c),
        }
    }
}
