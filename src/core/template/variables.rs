//! The variables that templates ask for, and how those of two differ.

use super::fstring::Braces;
use super::syntax::{Syntax, TemplateError, Variable};
use super::{fstring, jinja, mustache};
use serde::Serialize;
use serde_json::{Map, Value};

/// Whether a text may hold anything but itself.
pub(super) fn has_braces(text: &str) -> bool {
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
