//! The one place that cuts, measures or cleans strings.
//!
//! ```text
//! a model, a file, a peer  ->  Untrusted  --exact()-->  store, --json, exports, digests
//!                                    \-----shown()-->  screens and plain output, as visible escapes
//! any text  ->  width / truncate / fit / wrap / slice_cols  ->  exactly so many columns
//! ```
//!
//! Columns are terminal columns, counted by grapheme cluster, so that what is measured here is what
//! a terminal fills. Every function accepts any Unicode text and any number of columns.

mod address;
mod agreed;
mod columns;
mod escape;
mod human;
mod wrap;

pub use address::addresses;
pub use agreed::is_agreed;
pub use columns::{Align, clusters, expand_tabs, fit, pad, slice_cols, truncate, width};
pub use escape::{escape, escape_line, is_invisible};
pub use human::{count, fixed, meter, p_value, plural, relative_time, signed};
pub use wrap::{wrap, wrapped};

use serde::{Deserialize, Serialize};
use std::fmt;

/// Text that someone else wrote. It has no `Display`, so it cannot reach a terminal by accident; it
/// serialises as its exact text, because JSON and exports carry exact bytes.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Untrusted(String);

impl Untrusted {
    /// Marks `text` as written by someone else.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The exact text: for storing, hashing, JSON and exports, never for a terminal.
    pub fn exact(&self) -> &str {
        &self.0
    }

    /// The text as a screen or plain output may show it: [`escape`]d.
    pub fn shown(&self) -> String {
        escape(&self.0).into_owned()
    }

    /// The text on one line, as a list or a message may show it: [`escape_line`]d.
    pub fn shown_line(&self) -> String {
        escape_line(&self.0).into_owned()
    }

    /// The exact text, owned.
    pub fn into_exact(self) -> String {
        self.0
    }
}

impl fmt::Debug for Untrusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Untrusted(\"{}\")", escape_line(&self.0))
    }
}

impl From<String> for Untrusted {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Untrusted {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn untrusted_shows_escapes_and_keeps_the_exact_text() {
        let text = Untrusted::new("\u{1b}]0;title\u{7}a\nb");
        assert_eq!(text.shown(), "\\x1b]0;title\\x07a\nb");
        assert_eq!(text.shown_line(), "\\x1b]0;title\\x07a\\nb");
        assert_eq!(format!("{text:?}"), "Untrusted(\"\\x1b]0;title\\x07a\\nb\")");
        assert_eq!(text.exact(), "\u{1b}]0;title\u{7}a\nb");
        assert_eq!(serde_json::to_string(&text).unwrap(), r#""\u001b]0;title\u0007a\nb""#);
    }
}
