//! Finding objects in a reply, reading them with their duplicate keys, and the few repairs that are allowed.

use super::Unread;
use super::mend::{self, mend};
use super::walker::{CharKind, Walker};
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

/// Finds the balanced objects of `text` that lie inside no other object. Outside of objects, quotation marks mean
/// nothing. An object that is never closed ends the search: what looks like an object inside it is only a part.
pub(super) fn scan<'t>(text: &'t str) -> Scan<'t> {
    let found = scan_from(text, &|_| true);
    if !found.unclosed {
        return found;
    }
    // A brace that begins no object is a mark of the prose, and hides none that comes after it.
    let again = scan_from(text, &begins_object);
    // One brace in the words before the only object, which ends the text: anything more and nobody knows what is quoted.
    let braces = again.outside.iter().flat_map(|part| part.chars()).filter(|c| "{}".contains(*c)).count();
    let ends = again.objects.first().is_some_and(|object| text.trim_end().ends_with(object));
    if again.unclosed || again.objects.len() != 1 || braces != 1 || !ends { found } else { again }
}

/// Whether what follows a brace can be the inside of an object: a key in quotes, an end, a comment, or a bare key.
fn begins_object(inside: &str) -> bool {
    let inside = inside.trim_start();
    let bare = inside.trim_start_matches(|c: char| c.is_alphanumeric() || "_-$ ".contains(c));
    inside.is_empty()
        || inside.starts_with(['"', '\'', '}', '{', '/', '\\', '\u{201c}', '`'])
        || (bare.len() < inside.len() && bare.starts_with([':', '"']))
}

/// As [`scan`]; only braces whose inside passes `begins` open an object outside of all others.
fn scan_from<'t>(text: &'t str, begins: &dyn Fn(&str) -> bool) -> Scan<'t> {
    let (mut objects, mut outside) = (Vec::new(), Vec::new());
    let mut leave = |part: Option<&'t str>| outside.extend(part.map(str::trim).filter(|t| !t.is_empty()));
    let (mut depth, mut start, mut end) = (0usize, 0, 0);
    let mut walker = Walker::default();
    for (at, c) in text.char_indices() {
        if depth == 0 {
            if c == '{' && begins(text.get(at + 1..).unwrap_or_default()) {
                (depth, start, walker) = (1, at, Walker::default());
                leave(text.get(end..at));
            }
            continue;
        }
        if walker.step(c) != CharKind::Structure {
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
    /// The last field of this name, as JSON readers take it; failing that, the last whose name differs in its case alone.
    pub fn get(&self, key: &str) -> Option<&Value> {
        let named = |same: &dyn Fn(&str) -> bool| {
            self.fields.iter().rev().find(|(name, _)| same(name)).map(|(_, value)| value)
        };
        named(&|name| name == key).or_else(|| named(&|name| name.eq_ignore_ascii_case(key)))
    }

    /// Whether this field is there only under a name of another case.
    pub fn is_recased(&self, key: &str) -> bool {
        self.fields.iter().any(|(name, _)| name.eq_ignore_ascii_case(key))
            && !self.fields.iter().any(|(name, _)| name == key)
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
                let is_score = path.last().is_some_and(|k| {
                    serde_json::from_str(k).is_ok_and(|k: String| k.eq_ignore_ascii_case("score"))
                });
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
        let mut all = self
            .fields
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case("score"))
            .map(|(_, value)| score_of(value));
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
    if let Ok(Fields(mut fields)) = serde_json::from_str(text) {
        let mut repairs = Vec::new();
        // `\f` and `\b` are escapes of JSON that nobody means: before a letter they begin a word such as `\frac`.
        if text.contains("\\f") || text.contains("\\b") {
            let met = fields.iter_mut().map(|(_, value)| mend::restore(value)).filter(|met| *met).count() > 0;
            repairs.extend(met.then_some(mend::BACKSLASH));
        }
        return Ok(Parsed { fields, text: Cow::Borrowed(text), repairs });
    }
    let (mended, repairs) = mend(text);
    let python = || mend::python(text).map(|json| (json, vec![mend::PYTHON]));
    for (mended, repairs) in std::iter::once((mended, repairs)).chain(std::iter::once_with(python).flatten())
    {
        if let Ok(Fields(fields)) = serde_json::from_str(&mended) {
            return Ok(Parsed { fields, text: Cow::Owned(mended), repairs });
        }
    }
    Err(())
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
