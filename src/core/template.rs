//! (placeholder until the template module lands)
use serde::{Deserialize, Serialize};
/// How variables are written in a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Syntax {
    /// `{{ name }}`
    #[default]
    Jinja,
    /// `{name}`
    Fstring,
    /// No variables.
    Literal,
}
impl Syntax {
    /// Name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Jinja => "jinja",
            Self::Fstring => "fstring",
            Self::Literal => "literal",
        }
    }
}

/// stub
#[derive(Debug, Clone)]
pub struct Variable { /// stub
    pub name: String }
/// stub
#[derive(Debug, Clone, thiserror::Error)]
#[error("x")]
pub struct TemplateError;
/// stub
pub fn variables(_t: &str, _s: Syntax) -> Result<Vec<Variable>, TemplateError> { Ok(vec![]) }
