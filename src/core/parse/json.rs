//! Finding objects in a reply, reading them with their duplicate keys, and the few repairs that are allowed.

use super::Unread;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use std::borrow::Cow;
use std::fmt;

/// The top-level objects of a text.
pub(super) struct Scan<'t> {
    /// Each from its `{` to its `}`.
    pub objects: Vec<&'t str>,
    /// The text ends inside an object.
    pub unclosed: bool,
    /// What stands before, between and after them, where it is more than white space.
    pub outside: Vec<&'t str>,
}

/// Walks the text of an object, knowing what is string and what is comment.
#[derive(Default)]
struct Walker {
    in_string: bool,
    escaped: bool,
    in_comment: bool,
    slash: bool,
}

/// What a character is to a [`Walker`].
#[derive(PartialEq, Eq, Clone, Copy)]
enum Kind {
    /// Part of the JSON itself.
    Structure,
    /// Inside a string, quotation marks included.
    Text,
    /// Inside a comment, from its second slash on.
    Comment,
}

impl Walker {
    fn step(&mut self, c: char) -> Kind {
        if self.in_comment {
            self.in_comment = c != '\n';
            return if self.in_comment { Kind::Comment } else { Kind::Structure };
        }
        if self.in_string {
            match c {
                _ if self.escaped => self.escaped = false,
                '\\' => self.escaped = true,
                '"' => self.in_string = false,
                _ => {}
            }
            return Kind::Text;
        }
        let second_slash = self.slash && c == '/';
        self.slash = c == '/' && !second_slash;
        if second_slash {
            self.in_comment = true;
            return Kind::Comment;
        }
        if c == '"' {
            self.in_string = true;
            return Kind::Text;
        }
        Kind::Structure
    }
}

/// Finds the balanced objects of `text` that lie inside no other object. Outside of objects, quotation marks mean
/// nothing. An object that is never closed ends the search: what looks like an object inside it is only a part.
pub(super) fn scan<'t>(text: &'t str) -> Scan<'t> {
    let (mut objects, mut outside) = (Vec::new(), Vec::new());
    let mut leave = |part: Option<&'t str>| outside.extend(part.map(str::trim).filter(|t| !t.is_empty()));
    let (mut depth, mut start, mut end) = (0usize, 0, 0);
    let mut walker = Walker::default();
    for (at, c) in text.char_indices() {
        if depth == 0 {
            if c == '{' {
                (depth, start, walker) = (1, at, Walker::default());
                leave(text.get(end..at));
            }
            continue;
        }
        if walker.step(c) != Kind::Structure {
            continue;
        }
        match c {
            '{' => depth += 1,
            '}' => {
                depth -= 1;
                if depth == 0 {
                    end = at + 1;
                    objects.extend(text.get(start..end));
                }
            }
            _ => {}
        }
    }
    if depth == 0 {
        leave(text.get(end..));
    }
    Scan { objects, unclosed: depth > 0, outside }
}

/// An object's fields in their order, duplicates kept, and what was mended to read it.
pub(super) struct Parsed<'t> {
    fields: Vec<(String, Value)>,
    /// The JSON that was read: the text, or what the repairs made of it.
    text: Cow<'t, str>,
    /// Names of the repairs made.
    pub repairs: Vec<&'static str>,
}

impl Parsed<'_> {
    /// The last field of this name, as JSON readers take it.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.fields.iter().rev().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// All fields of this name, in their order.
    pub fn all<'p>(&'p self, key: &'p str) -> impl Iterator<Item = &'p Value> + Clone {
        self.fields.iter().filter(move |(name, _)| name == key).map(|(_, value)| value)
    }

    /// Calls `seen` with each scalar at any depth: the keys that lead to it, outermost first and as they stand in the
    /// text, and its own text.
    pub fn scalars(&self, mut seen: impl FnMut(&[&str], &str)) {
        let text: &str = &self.text;
        let (mut path, mut key) = (Vec::new(), "");
        let (mut at, bytes) = (0, text.as_bytes());
        while let Some(byte) = bytes.get(at) {
            let from = at;
            at += 1;
            match byte {
                b'{' | b'[' => path.push(std::mem::take(&mut key)),
                b'}' | b']' => {
                    path.pop();
                }
                b',' => key = "",
                b':' | b' ' | b'\n' | b'\r' | b'\t' => {}
                b'"' => {
                    while bytes.get(at).is_some_and(|b| *b != b'"') {
                        at += 1 + usize::from(bytes.get(at) == Some(&b'\\'));
                    }
                    at += 1;
                    let token = text.get(from..at).unwrap_or_default();
                    let rest = text.get(at..).unwrap_or_default();
                    if key.is_empty() && rest.trim_start().starts_with(':') {
                        key = token;
                    } else {
                        path.push(key);
                        seen(&path, token);
                        path.pop();
                    }
                }
                _ => {
                    while bytes.get(at).is_some_and(|b| !b",]} \n\r\t".contains(b)) {
                        at += 1;
                    }
                    path.push(key);
                    seen(&path, text.get(from..at).unwrap_or_default());
                    path.pop();
                }
            }
        }
    }

    /// The names of all fields, with their values.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.fields.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// A score that a reader with floating point takes for a whole number, and that is none.
    fn inexact(&self) -> Option<Unread> {
        let mut found = None;
        self.scalars(|path, raw| {
            let near = raw.parse::<f64>().is_ok_and(|n| [1.0, 2.0, 3.0, 4.0, 5.0].contains(&n));
            if path.len() == 2 && near && !is_exact(raw) {
                let is_score =
                    path.last().is_some_and(|k| serde_json::from_str(k).is_ok_and(|k: String| k == "score"));
                if is_score {
                    let shown: String = raw.chars().take(40).collect();
                    found = Some(not_a_score(&shown));
                }
            }
        });
        found
    }

    /// The score; `None` when the object has no such field, an error when it is no whole number from 1 to 5 or is
    /// given twice with different values.
    pub fn score(&self) -> Option<Result<u8, Unread>> {
        let mut all =
            self.fields.iter().filter(|(name, _)| name == "score").map(|(_, value)| score_of(value));
        let first = all.next()?;
        if let (Ok(_), Some(unread)) = (&first, self.inexact()) {
            return Some(Err(unread));
        }
        match all.find(|other| *other != first) {
            None => Some(first),
            Some(_) => Some(Err(Unread::conflict("the object gives two scores that differ"))),
        }
    }
}

/// A whole number from 1 to 5, as a number or as a string of just that number.
pub(super) fn score_of(value: &Value) -> Result<u8, Unread> {
    let number = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => {
            let text = text.trim_matches([' ', '\n', '\r', '\t']);
            text.parse::<u8>().ok().filter(|_| text.len() == 1).map(f64::from)
        }
        _ => None,
    };
    // Exact comparison on purpose: 4.0 is 4, and 4.000001 is no score.
    [1u8, 2, 3, 4, 5].into_iter().find(|n| number == Some(f64::from(*n))).ok_or_else(|| {
        let shown = match value {
            Value::Array(_) => "a list".to_owned(),
            Value::Object(_) => "an object".to_owned(),
            Value::String(text) => {
                format!("the text \"{}\"", text.escape_default().take(20).collect::<String>())
            }
            small => small.to_string(),
        };
        not_a_score(&shown)
    })
}

fn not_a_score(shown: &str) -> Unread {
    Unread::new(format!("the score is {shown}; it must be a whole number from 1 to 5"))
}

/// Whether the text of a number is a whole number from 1 to 5, digit by digit: `4`, `4.0`, `40e-1`.
fn is_exact(raw: &str) -> bool {
    let (digits, exponent) = raw.split_once(['e', 'E']).unwrap_or((raw, "0"));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all = [whole, fraction].concat();
    let bare = all.trim_start_matches('0').trim_end_matches('0');
    let zeros = all.len() - all.trim_end_matches('0').len();
    let place = exponent.parse::<i64>().ok().and_then(|e| e.checked_sub(fraction.len() as i64));
    matches!(bare, "1" | "2" | "3" | "4" | "5") && place.and_then(|p| p.checked_add(zeros as i64)) == Some(0)
}

/// Parses strictly; failing that, after the allowed repairs. `Err` when neither gives an object.
pub(super) fn parse(text: &str) -> Result<Parsed<'_>, ()> {
    if let Ok(Fields(fields)) = serde_json::from_str(text) {
        return Ok(Parsed { fields, text: Cow::Borrowed(text), repairs: Vec::new() });
    }
    let (mended, repairs) = mend(text);
    match serde_json::from_str(&mended) {
        Ok(Fields(fields)) => Ok(Parsed { fields, text: Cow::Owned(mended), repairs }),
        Err(_) => Err(()),
    }
}

/// The allowed repairs: `//` comments, raw line breaks and tabs in strings, a comma before a closing bracket.
fn mend(text: &str) -> (String, Vec<&'static str>) {
    let mut out = String::with_capacity(text.len() + 16);
    let mut repairs = Vec::new();
    let mut done = |name: &'static str| {
        if !repairs.contains(&name) {
            repairs.push(name);
        }
    };
    let mut walker = Walker::default();
    for c in text.chars() {
        match (walker.step(c), c) {
            (Kind::Comment, _) => {
                // The first slash was passed on before it was known to begin a comment.
                if out.ends_with('/') {
                    out.pop();
                }
                done("comment");
            }
            (Kind::Text, '\n' | '\r' | '\t') => {
                done("raw newline");
                out.push_str(match c {
                    '\n' => "\\n",
                    '\r' => "\\r",
                    _ => "\\t",
                });
            }
            (Kind::Structure, '}' | ']') => {
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
    (out, repairs)
}

/// An object with all its fields, also those given twice.
struct Fields(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Fields;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    fields.push(entry);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Collect)
    }
}
