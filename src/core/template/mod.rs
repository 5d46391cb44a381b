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

mod compose;
mod fstring;
mod jinja;
mod mustache;
mod parts;
mod plain;
mod syntax;
mod variables;

pub use compose::{ComposeError, compose, includes, render};
pub use parts::{Included, Part, Parts};
pub use syntax::{Kind, Syntax, TemplateError, UnknownSyntax, Variable};
pub use variables::{VariableChanges, unknown, variables};

#[cfg(test)]
mod tests;
