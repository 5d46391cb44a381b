//! How prompts and revisions are named: names, labels, selectors and references.

use super::digest::Digest;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// What is wrong with a name, a label or a selector, and what would be right.
#[derive(Debug, thiserror::Error, PartialEq, Eq, Clone)]
pub enum NameError {
    /// A prompt's name.
    #[error(
        "'{0}' is not a prompt name: use lower-case letters of any script, digits and . _ - /, starting with a letter or digit, up to 200 bytes, no empty, '.' or '..' part"
    )]
    Prompt(String),
    /// A label.
    #[error(
        "'{0}' is not a label: use letters, digits and . _ -, up to 64 bytes; not 'latest', 'r<digits>' or 4 to 64 hex digits, which select revisions"
    )]
    Label(String),
    /// A selector.
    #[error("'{0}' does not select a revision: use latest, a label, r12, ~1, LABEL~1 or 4 to 64 hex digits")]
    Selector(String),
}

/// The name of a prompt: lower-case letters of any script, digits and `. _ / -`, up to 200 bytes, in Unicode's form NFC (so that
/// an accent typed as two characters gives the same name).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PromptName(String);

/// The most bytes of a name.
const MOST_NAME: usize = 200;

/// A letter (of a script with two cases: a lower-case one), a digit, or a mark that stands on a letter.
fn is_name_letter(c: char) -> bool {
    c.is_ascii_lowercase()
        || c.is_ascii_digit()
        || (!c.is_ascii() && (c.is_alphanumeric() || is_combining_mark(c)) && c.to_lowercase().eq([c]))
}

impl PromptName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The nearest valid name for text from elsewhere: lower-cased, letters and digits of any script kept, each other byte
    /// `-`. `None` when nothing is left.
    pub fn from_foreign(text: &str) -> Option<Self> {
        let mut name = String::with_capacity(text.len());
        for c in text.nfc().flat_map(char::to_lowercase).nfc() {
            if is_name_letter(c) || "._/-".contains(c) {
                name.push(c);
            } else {
                name.extend(std::iter::repeat_n('-', c.len_utf8()));
            }
        }
        let parts: Vec<&str> = name
            .split('/')
            .map(|p| p.trim_matches('-'))
            .filter(|p| !p.is_empty() && *p != "." && *p != "..")
            .collect();
        parts.join("/").trim_start_matches(|c: char| "._-".contains(c) || is_combining_mark(c)).parse().ok()
    }

    /// The same name with `-2`, `-3`, ... behind it, cut where it would be too long: for the second file that would be called so.
    pub fn numbered(&self, number: usize) -> Self {
        let end = format!("-{number}");
        let mut start = String::new();
        for c in self.0.chars() {
            if start.len() + c.len_utf8() + end.len() > MOST_NAME {
                break;
            }
            start.push(c);
        }
        Self(start + &end)
    }

    /// As [`PromptName::from_foreign`], where too long a name is cut and gets a digest of the whole; `None` when nothing is left.
    pub fn from_foreign_long(text: &str) -> Option<Self> {
        Self::from_foreign(text).or_else(|| {
            let mut start = String::new();
            for c in text.nfc() {
                // Letters grow by at most half when lower-cased; there is room for that and for the digest.
                if start.len() + c.len_utf8() > MOST_NAME / 2 {
                    break;
                }
                start.push(c);
            }
            let cut = Self::from_foreign(&start)?;
            Some(Self(format!("{}-{}", cut.0.trim_end_matches(['/', '.']), Digest::of(text).short())))
        })
    }
}

impl FromStr for PromptName {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        let name: String = text.nfc().collect();
        let starts = |c: char| is_name_letter(c) && !is_combining_mark(c);
        let fits = name.len() <= MOST_NAME
            && name.starts_with(starts)
            && name.chars().all(|c| is_name_letter(c) || "._/-".contains(c))
            && name.split('/').all(|part| !matches!(part, "" | "." | ".."));
        if fits { Ok(Self(name)) } else { Err(NameError::Prompt(text.to_owned())) }
    }
}

impl fmt::Display for PromptName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A movable pointer's name: `[A-Za-z0-9][A-Za-z0-9._-]{0,63}`, never anything that selects by itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Label(String);

impl Label {
    /// The label as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Label {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        let fits = text.len() <= 64
            && text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
            && text != "latest"
            && !is_revision(text)
            && !is_digest_prefix(text);
        if fits { Ok(Self(text.to_owned())) } else { Err(NameError::Label(text.to_owned())) }
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_revision(text: &str) -> bool {
    text.strip_prefix('r').is_some_and(|n| !n.is_empty() && n.chars().all(|c| c.is_ascii_digit()))
}

fn is_digest_prefix(text: &str) -> bool {
    (4..=64).contains(&text.len()) && text.chars().all(|c| c.is_ascii_hexdigit())
}

/// Where a selector starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Base {
    /// The highest sequence number.
    Latest,
    /// Where a label points.
    Label(Label),
    /// `r12`.
    Revision(u32),
    /// 4 to 64 lower-case hex digits: the newest revision of the prompt holding that digest.
    Digest(String),
}

/// Picks one revision of a prompt: a base, then so many revisions back in its sequence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector {
    /// Where to start.
    pub base: Base,
    /// How many revisions before it.
    pub back: u32,
}

impl Selector {
    /// The newest revision.
    pub const LATEST: Self = Self { base: Base::Latest, back: 0 };

    /// The revision with this sequence number.
    pub fn revision(seq: u32) -> Self {
        Self { base: Base::Revision(seq), back: 0 }
    }
}

impl FromStr for Selector {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        let bad = || NameError::Selector(text.to_owned());
        let (base, back) = match text.split_once('~') {
            Some((base, back)) => (base, back.parse().map_err(|_| bad())?),
            None => (text, 0),
        };
        let base = match base {
            "" | "latest" => Base::Latest,
            _ if is_revision(base) => {
                Base::Revision(base.trim_start_matches('r').parse().map_err(|_| bad())?)
            }
            _ if is_digest_prefix(base) => Base::Digest(base.to_ascii_lowercase()),
            _ => Base::Label(base.parse().map_err(|_| bad())?),
        };
        if text.is_empty() { Err(bad()) } else { Ok(Self { base, back }) }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.base {
            Base::Latest if self.back > 0 => {}
            Base::Latest => f.write_str("latest")?,
            Base::Label(label) => write!(f, "{label}")?,
            Base::Revision(seq) => write!(f, "r{seq}")?,
            Base::Digest(prefix) => f.write_str(prefix)?,
        }
        if self.back > 0 { write!(f, "~{}", self.back) } else { Ok(()) }
    }
}

/// `NAME` or `NAME@SEL`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// The prompt.
    pub name: PromptName,
    /// Which of its revisions; latest when left out.
    pub selector: Selector,
}

impl FromStr for Reference {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        match text.split_once('@') {
            Some((name, selector)) => Ok(Self { name: name.parse()?, selector: selector.parse()? }),
            None => Ok(Self { name: text.parse()?, selector: Selector::LATEST }),
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.name, self.selector)
    }
}
