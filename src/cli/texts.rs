//! What the commands ask about a template: its variables, its faults, its rendering.

use crate::core::prompt::{Message, Syntax, Template};
use crate::core::template as engine;
use crate::core::template::Parts;

pub use crate::core::tokens::TOKENIZER;

/// The texts of a template: one, or one for each message.
fn texts(template: &Template) -> Vec<Message> {
    template.messages()
}

/// The names of a template's variables, in the order of their first use.
///
/// # Errors
/// The template's fault, in words.
pub fn variables(template: &Template, syntax: Syntax) -> Result<Vec<String>, String> {
    let mut names: Vec<String> = Vec::new();
    for message in texts(template) {
        for variable in engine::variables(&message.content, syntax).map_err(|e| e.to_string())? {
            if !names.contains(&variable.name) {
                names.push(variable.name);
            }
        }
    }
    Ok(names)
}

/// The names of the variables of a template and of what it includes.
///
/// # Errors
/// The template's fault, in words.
pub fn all_variables(template: &Template, syntax: Syntax, parts: &Parts) -> Result<Vec<String>, String> {
    let mut names: Vec<String> = Vec::new();
    for message in texts(template) {
        for variable in parts.variables(&message.content, syntax).map_err(|e| e.to_string())? {
            if !names.contains(&variable.name) {
                names.push(variable.name);
            }
        }
    }
    Ok(names)
}

/// What is wrong with a template, if anything.
pub fn problem(template: &Template, syntax: Syntax) -> Option<String> {
    variables(template, syntax).err()
}
