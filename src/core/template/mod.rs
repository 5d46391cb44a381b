//! Templates in five syntaxes: which variables they ask for, and the text that values make of them.
//!
//! ```text
//! text + Syntax  ->  variables()            names and kinds, in order of first use; or why it does not parse
//!                ->  render(values)         one pass: a value that holds `{{x}}` stays text; or what is missing
//!                ->  unknown(values)        values that nothing asks for
//! two texts      ->  VariableChanges        added, removed, renamed
//! text           ->  compose                the prompts it includes; see [`compose`]
//! ```
//!
//! Rendering is strict (a missing variable is an error), escapes nothing, keeps a trailing newline,
//! reads no file, and stops when it costs too much: a template that is plain (it prints, chooses, goes through lists) is
//! rendered here, any other in a process that can be ended, where there is one (`core::aside`). A text that does not parse can still be stored,
//! read and compared: callers warn.

pub mod compose;
mod fstring;
mod jinja;
mod mustache;
mod plain;

pub use compose::{ComposeError, Included, Part, Parts, compose, includes};

use fstring::Braces;

use super::aside::{self, Done, Job, Lost};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
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

/// Whether a text may hold anything but itself.
fn has_braces(text: &str) -> bool {
    // By bytes, and in stretches that need no branch within: a search for two characters decodes a megabyte first.
    text.as_bytes()
        .chunks(256)
        .any(|part| part.iter().fold(false, |found, b| found | (*b == b'{') | (*b == b'}')))
}

/// The variables of a template, each once, in order of first use.
///
/// # Errors
/// [`TemplateError::Syntax`] when the text does not parse.
pub fn variables(text: &str, syntax: Syntax) -> Result<Vec<Variable>, TemplateError> {
    // The common prompt without variables starts no engine.
    if syntax == Syntax::Literal || !has_braces(text) {
        return Ok(Vec::new());
    }
    match syntax {
        Syntax::Jinja => jinja::variables(text),
        Syntax::Mustache => mustache::variables(text),
        Syntax::Braces => fstring::variables(text, Braces::Text),
        Syntax::Fstring | Syntax::Literal => fstring::variables(text, Braces::Doubled),
    }
}

/// The text that `values` make of a template. Strings stand as they are; true, false and null are written as Python writes
/// them (`True`, `None`) in `jinja`, `fstring` and `braces`; numbers as they were given; lists and objects as JSON, in
/// `jinja` as the engine writes them.
///
/// # Errors
/// Any [`TemplateError`]; values that the template does not ask for are none (see [`unknown`]).
pub fn render(text: &str, syntax: Syntax, values: &Map<String, Value>) -> Result<String, TemplateError> {
    Parts::default().render(text, syntax, values)
}

/// The most text that one rendering gives, in bytes.
const MOST_TEXT: usize = 64 << 20;
/// The most pieces of `fstring` texts, and renderings of parts, that one rendering is made of.
const MOST_PIECES: u32 = 4_000_000;

/// What one rendering has left, over all its parts.
struct Budget {
    text: Cell<usize>,
    pieces: Cell<u32>,
}

impl Budget {
    fn new() -> Self {
        Self { text: Cell::new(MOST_TEXT), pieces: Cell::new(MOST_PIECES) }
    }

    /// Pays for so many pieces and so many bytes.
    fn pay(&self, pieces: u32, bytes: usize) -> Result<(), TemplateError> {
        let left = self.pieces.get().checked_sub(pieces).zip(self.text.get().checked_sub(bytes));
        let (pieces, text) = left.ok_or(TemplateError::TooCostly)?;
        self.pieces.set(pieces);
        self.text.set(text);
        Ok(())
    }
}

/// Renders where it can be ended; here, where there is no such place.
fn render_elsewhere(
    parts: &Parts,
    text: &str,
    syntax: Syntax,
    values: &Map<String, Value>,
) -> Result<String, TemplateError> {
    match aside::carried_out(|| Job::render(text, syntax, values, parts)) {
        None => parts.render_here(text, syntax, values),
        Some(Ok(Done::Rendered(rendered))) => rendered,
        Some(Ok(Done::Checked(_))) => Err(TemplateError::Unavailable("another answer came".to_owned())),
        Some(Err(Lost::TooCostly)) => Err(TemplateError::TooCostly),
        Some(Err(Lost::Unavailable(why))) => Err(TemplateError::Unavailable(why)),
    }
}

/// The names in `values` that the template does not ask for, in their order; none when it does not parse.
pub fn unknown(text: &str, syntax: Syntax, values: &Map<String, Value>) -> Vec<String> {
    let Ok(asked) = variables(text, syntax) else { return Vec::new() };
    values.keys().filter(|name| !asked.iter().any(|variable| variable.name == **name)).cloned().collect()
}

/// How the variables of two templates differ.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct VariableChanges {
    /// Names only the right template has.
    pub added: Vec<String>,
    /// Names only the left template has.
    pub removed: Vec<String>,
    /// Pairs out of `removed` and `added` that seem to be one variable under a new name: same kind, and
    /// first used at the same place among the variables.
    #[serde(skip)]
    pub renamed: Vec<(String, String)>,
}

impl VariableChanges {
    /// Compares the variables of two templates.
    pub fn between(left: &[Variable], right: &[Variable]) -> Self {
        let lacks = |all: &[Variable], name: &str| !all.iter().any(|variable| variable.name == name);
        let only = |mine: &[Variable], theirs: &[Variable]| -> Vec<String> {
            mine.iter().map(|v| &v.name).filter(|name| lacks(theirs, name)).cloned().collect()
        };
        let same_place = left.iter().zip(right).filter(|_| left.len() == right.len());
        Self {
            added: only(right, left),
            removed: only(left, right),
            renamed: same_place
                .filter(|(l, r)| l.kind == r.kind && lacks(right, &l.name) && lacks(left, &r.name))
                .map(|(l, r)| (l.name.clone(), r.name.clone()))
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests;
