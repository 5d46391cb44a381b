//! TOML with the place of each value (crate `toml`), so that every problem of a file is told at once, each with its line.
//!
//! ```text
//! text -> Doc::parse -> tables and values with their place -> typed values
//!              \____________ problems, sorted by line ______________/
//! ```
//! A message never repeats a value: a file may hold what should not be shown.

use super::near_names::nearest;
use std::fmt;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// One thing wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// From 1.
    pub line: usize,
    /// What is wrong, and what would be right.
    pub text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.text)
    }
}

/// A table and where it begins.
pub struct TomlSection<'t, 'i> {
    /// How it is called in messages: `[judge.local]`.
    pub name: String,
    /// Byte offset of its heading.
    pub at: usize,
    /// Its entries.
    pub table: &'t DeTable<'i>,
}

/// A file being read: hands out typed values and gathers what is wrong.
pub struct Doc<'i> {
    text: &'i str,
    problems: Vec<Problem>,
}

/// A larger text is no file that a person wrote; reading all of it would only take time.
pub const MOST_BYTES: usize = 1 << 20;

/// After so many problems the rest is not looked for: nobody reads them, and each costs a walk through the text.
const MOST_PROBLEMS: usize = 100;

impl<'i> Doc<'i> {
    /// Parses `text`; what is readable of it is handed out even when some of it is not. More than [`MOST_BYTES`] are
    /// refused unread.
    pub fn parse(text: &'i str) -> (Self, DeTable<'i>) {
        let mut doc = Self { text, problems: Vec::new() };
        if text.len() > MOST_BYTES {
            doc.problem(0, format!("the file is larger than {} MiB", MOST_BYTES >> 20));
            return (doc, DeTable::parse_recoverable("").0.into_inner());
        }
        let (table, errors) = DeTable::parse_recoverable(text);
        for error in errors {
            let at = error.span().map_or(0, |span| span.start);
            doc.problem(at, error.message().replace('\n', "; "));
        }
        (doc, table.into_inner())
    }

    /// The line of a byte offset, from 1.
    pub fn line(&self, at: usize) -> usize {
        self.text.bytes().take(at).filter(|b| *b == b'\n').count() + 1
    }

    /// Notes a problem at a byte offset.
    pub fn problem(&mut self, at: usize, text: impl Into<String>) {
        if self.problems.len() >= MOST_PROBLEMS {
            return;
        }
        let line = self.line(at);
        self.problems.push(Problem { line, text: text.into() });
    }

    /// Whether nothing is wrong so far.
    pub fn is_sound(&self) -> bool {
        self.problems.is_empty()
    }

    /// All problems, by line.
    pub fn into_problems(mut self) -> Vec<Problem> {
        self.problems.sort();
        self.problems.dedup();
        self.problems
    }

    /// Notes each key that is none of `known`, with the nearest known one where there is one.
    pub fn only(&mut self, section: &TomlSection<'_, 'i>, known: &[&str]) {
        for key in section.table.keys().filter(|k| !known.contains(&k.get_ref().as_ref())) {
            let name = shown(key.get_ref());
            let near = nearest(key.get_ref(), known).map_or_else(
                || format!("the keys are {}", known.join(", ")),
                |near| format!("did you mean '{near}'?"),
            );
            self.problem(key.span().start, format!("{} has no key '{name}'; {near}", section.name));
        }
    }

    fn wrong(&mut self, section: &TomlSection<'_, 'i>, key: &str, span: Range<usize>, want: &str, got: &str) {
        self.problem(span.start, format!("{} {key}: {want} is wanted, not {got}", section.name));
    }

    /// A value as it stands, if it is there.
    pub fn value<'t>(section: &TomlSection<'t, 'i>, key: &str) -> Option<&'t Spanned<DeValue<'i>>> {
        section.table.iter().find(|(k, _)| k.get_ref() == key).map(|(_, v)| v)
    }

    /// A text, if it is there.
    pub fn text(&mut self, section: &TomlSection<'_, 'i>, key: &str) -> Option<String> {
        let value = Self::value(section, key)?;
        match value.get_ref() {
            DeValue::String(text) => Some(text.to_string()),
            other => {
                self.wrong(section, key, value.span(), "a text in quotes", kind(other));
                None
            }
        }
    }

    /// A text that must be there and hold more than white space.
    pub fn needed(&mut self, section: &TomlSection<'_, 'i>, key: &str, what: &str) -> Option<String> {
        let Some(value) = Self::value(section, key) else {
            self.problem(section.at, format!("{} has no {key}: {what}", section.name));
            return None;
        };
        let at = value.span().start;
        let text = self.text(section, key)?;
        if text.trim().is_empty() {
            self.problem(at, format!("{} {key} is empty: {what}", section.name));
            return None;
        }
        Some(text)
    }

    /// A number within `range`, if it is there.
    pub fn number(&mut self, section: &TomlSection<'_, 'i>, key: &str, range: Range<f64>) -> Option<f64> {
        let value = Self::value(section, key)?;
        let number = match value.get_ref() {
            DeValue::Float(f) => f.as_str().replace('_', "").parse::<f64>().ok(),
            DeValue::Integer(i) => i.to_string().replace('_', "").parse::<f64>().ok(),
            _ => None,
        };
        match number {
            Some(n) if range.contains(&n) => Some(n),
            _ => {
                let want = format!("a number from {} to below {}", range.start, range.end);
                self.wrong(section, key, value.span(), &want, kind(value.get_ref()));
                None
            }
        }
    }

    /// A whole number within `range`, if it is there.
    pub fn whole(&mut self, section: &TomlSection<'_, 'i>, key: &str, range: Range<u64>) -> Option<u64> {
        let value = Self::value(section, key)?;
        let number = match value.get_ref() {
            DeValue::Integer(i) if i.radix() == 10 => i.as_str().replace('_', "").parse::<u64>().ok(),
            _ => None,
        };
        match number {
            Some(n) if range.contains(&n) => Some(n),
            _ => {
                let want = format!("a whole number from {} to {}", range.start, range.end.saturating_sub(1));
                self.wrong(section, key, value.span(), &want, kind(value.get_ref()));
                None
            }
        }
    }

    /// `true` or `false`, if it is there.
    pub fn boolean(&mut self, section: &TomlSection<'_, 'i>, key: &str) -> Option<bool> {
        let value = Self::value(section, key)?;
        match value.get_ref() {
            DeValue::Boolean(b) => Some(*b),
            other => {
                self.wrong(section, key, value.span(), "true or false", kind(other));
                None
            }
        }
    }

    /// A list of texts; empty when it is not there.
    pub fn texts(&mut self, section: &TomlSection<'_, 'i>, key: &str) -> Vec<String> {
        let Some(value) = Self::value(section, key) else { return Vec::new() };
        let DeValue::Array(list) = value.get_ref() else {
            self.wrong(section, key, value.span(), "a list of texts", kind(value.get_ref()));
            return Vec::new();
        };
        let mut texts = Vec::new();
        for entry in list.iter() {
            match entry.get_ref() {
                DeValue::String(text) => texts.push(text.to_string()),
                other => self.wrong(section, key, entry.span(), "a text in quotes", kind(other)),
            }
        }
        texts
    }
}

/// What a value is, in words; never the value.
fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "this whole number",
        DeValue::Float(_) => "this number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// A key as shown in a message: nothing that could steer a terminal, nothing long.
fn shown(key: &str) -> String {
    key.chars()
        .take(60)
        .flat_map(|c| if c.is_control() { '?' } else { c }.to_string().chars().collect::<Vec<_>>())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn syntax_errors_have_their_line_and_never_the_value() {
        let (doc, _) = Doc::parse("a = 1\nkey = sk-secret-123\n");
        let problems = doc.into_problems();
        assert!(!problems.is_empty());
        assert_eq!(problems[0].line, 2);
        assert!(problems.iter().all(|p| !p.text.contains("sk-secret")), "{problems:?}");
    }
}
