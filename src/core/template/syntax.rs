//! The words of all templates: syntaxes, variables, what can go wrong, and what one rendering may cost.

use serde::{Deserialize, Serialize};
use std::cell::Cell;
use std::fmt;
use std::str::FromStr;

/// How a template marks its variables. Chosen per prompt, never guessed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Syntax {
    /// `{{ name }}`, `{% if %}`, `{% for %}` and filters, as in Jinja.
    #[default]
    Jinja,
    /// `{name}`, with `{{` and `}}` for braces, as in Python's `str.format`.
    Fstring,
    /// No variables: every byte stands for itself.
    Literal,
    /// `{name}` where just a name stands between braces; every other brace is text. For prompts that hold JSON.
    Braces,
    /// `{{name}}`, `{{{name}}}`, `{{#if}}`, `{{#each}}`: mustache and the plain part of Handlebars.
    Mustache,
}

impl Syntax {
    /// All syntaxes, in the order a chooser shows them.
    pub const ALL: [Self; 5] = [Self::Jinja, Self::Fstring, Self::Literal, Self::Braces, Self::Mustache];

    /// The name in options, JSON and the registry.
    pub fn name(self) -> &'static str {
        match self {
            Self::Jinja => "jinja",
            Self::Fstring => "fstring",
            Self::Literal => "literal",
            Self::Braces => "braces",
            Self::Mustache => "mustache",
        }
    }
}

impl fmt::Display for Syntax {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Not the name of a syntax.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no template syntax has this name; choose jinja, fstring, braces, mustache or literal")]
pub struct UnknownSyntax;

impl FromStr for Syntax {
    type Err = UnknownSyntax;
    fn from_str(name: &str) -> Result<Self, UnknownSyntax> {
        Self::ALL.into_iter().find(|syntax| syntax.name() == name).ok_or(UnknownSyntax)
    }
}

/// What a variable seems to hold, from how the template uses it. A guess, for forms and previews.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Printed, or handed to a filter.
    Text,
    /// Gone through in a `for`.
    List,
    /// Has fields or is indexed: `a.b`, `a[0]`.
    Object,
    /// Only asked about in an `if`.
    Flag,
}

/// A variable that a template asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Variable {
    /// Its name; of `a.b` this is `a`.
    pub name: String,
    /// What it seems to hold.
    pub kind: Kind,
}

/// Why a template gives no text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum TemplateError {
    /// A variable has no value.
    #[error("line {line}: the variable `{name}` has no value; give it one")]
    Missing {
        /// The variable, or the expression whose value is missing (`user.name`).
        name: String,
        /// Line of the template, from 1.
        line: usize,
    },
    /// The text is no template of this syntax.
    #[error("line {line}: {message}")]
    Syntax {
        /// Line of the template, from 1.
        line: usize,
        /// What is wrong there.
        message: String,
    },
    /// A filter, function or operation failed on these values.
    #[error("line {line}: {message}")]
    Failed {
        /// Line of the template, from 1; 0 when it is not known.
        line: usize,
        /// What failed.
        message: String,
    },
    /// Rendering was stopped: a loop, a repetition or a value grows beyond any prompt.
    #[error(
        "rendering was stopped: it takes too many steps, too much time or memory, or makes too much text; look for nested loops and for values that grow"
    )]
    TooCostly,
    /// It has to be rendered in a process of its own, and there is none.
    #[error("the template cannot be rendered: {0}")]
    Unavailable(String),
    /// The fault is in a prompt that this one includes.
    #[error("in '{part}': {error}")]
    In {
        /// The include, as written.
        part: String,
        /// What is wrong there.
        error: Box<TemplateError>,
    },
}

impl TemplateError {
    /// The variable without a value, if that is the fault, here or in a part.
    pub fn missing(&self) -> Option<&str> {
        match self {
            Self::Missing { name, .. } => Some(name),
            Self::In { error, .. } => error.missing(),
            _ => None,
        }
    }
}

/// The most text that one rendering gives, in bytes.
const MOST_TEXT: usize = 64 << 20;
/// The most pieces of `fstring` texts, and renderings of parts, that one rendering is made of.
const MOST_PIECES: u32 = 4_000_000;

/// What one rendering has left, over all its parts.
pub(super) struct Budget {
    text: Cell<usize>,
    pieces: Cell<u32>,
}

impl Budget {
    pub(super) fn new() -> Self {
        Self { text: Cell::new(MOST_TEXT), pieces: Cell::new(MOST_PIECES) }
    }

    /// Pays for so many pieces and so many bytes.
    pub(super) fn pay(&self, pieces: u32, bytes: usize) -> Result<(), TemplateError> {
        let left = self.pieces.get().checked_sub(pieces).zip(self.text.get().checked_sub(bytes));
        let (pieces, text) = left.ok_or(TemplateError::TooCostly)?;
        self.pieces.set(pieces);
        self.text.set(text);
        Ok(())
    }
}
