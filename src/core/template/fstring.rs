//! `{name}` and `{include:PROMPT@SEL}`, nothing else: one pass over the text, `{{` and `}}` for braces. Or, in the syntax
//! `braces`, `{name}` alone, and every other brace is text.

use super::jinja::JinjaEngine;
use super::parts::Parts;
use super::syntax::{Budget, Kind, TemplateError, Variable};
use serde_json::{Map, Value};

/// What a brace is that stands around no name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Braces {
    /// A fault, unless it is doubled.
    Doubled,
    /// Text.
    Text,
}

/// A stretch of the text.
enum FstringPart<'a> {
    Text(&'a str),
    Name { name: &'a str, line: usize },
    Include(&'a str),
}

pub(super) fn variables(text: &str, braces: Braces) -> Result<Vec<Variable>, TemplateError> {
    let mut found: Vec<Variable> = Vec::new();
    each_part(text, braces, |part| {
        if let FstringPart::Name { name, .. } = part
            && !found.iter().any(|variable| variable.name == name)
        {
            found.push(Variable { name: name.to_owned(), kind: Kind::Text });
        }
        Ok(())
    })?;
    Ok(found)
}

/// The prompts that the text includes, as written.
pub(super) fn includes(text: &str) -> Result<Vec<String>, TemplateError> {
    let mut found: Vec<String> = Vec::new();
    each_part(text, Braces::Doubled, |part| {
        if let FstringPart::Include(written) = part
            && !found.iter().any(|known| known == written)
        {
            found.push(written.to_owned());
        }
        Ok(())
    })?;
    Ok(found)
}

pub(super) fn render(
    text: &str,
    braces: Braces,
    values: &Map<String, Value>,
    parts: &Parts,
    budget: &Budget,
    engine: JinjaEngine,
) -> Result<String, TemplateError> {
    let mut out = String::with_capacity(text.len());
    each_part(text, braces, |part| {
        let made;
        let piece = match part {
            FstringPart::Text(text) => text,
            FstringPart::Include(written) => {
                made = parts.render_part(written, values, budget, engine)?;
                made.as_str()
            }
            FstringPart::Name { name, line } => match values.get(name) {
                Some(Value::String(value)) => value.as_str(),
                // As Python writes them, and the engine of jinja too.
                Some(Value::Bool(true)) => "True",
                Some(Value::Bool(false)) => "False",
                Some(Value::Null) => "None",
                Some(value) => {
                    made = value.to_string();
                    made.as_str()
                }
                None => return Err(TemplateError::Missing { name: name.to_owned(), line }),
            },
        };
        budget.pay(1, piece.len())?;
        out.push_str(piece);
        Ok(())
    })?;
    Ok(out)
}

/// Calls `visit` with the parts in order, and stops at its first error or at one of the text.
fn each_part<'a>(
    text: &'a str,
    braces: Braces,
    mut visit: impl FnMut(FstringPart<'a>) -> Result<(), TemplateError>,
) -> Result<(), TemplateError> {
    let mut rest = text;
    let mut line = 1;
    while let Some((before, from_brace)) = rest.find(['{', '}']).and_then(|at| rest.split_at_checked(at)) {
        visit(FstringPart::Text(before))?;
        line += before.matches('\n').count();
        if braces == Braces::Text {
            match name(from_brace, line) {
                Ok((name, after)) => {
                    visit(FstringPart::Name { name, line })?;
                    rest = after;
                }
                Err(_) => {
                    let (brace, after) = from_brace.split_at_checked(1).unwrap_or((from_brace, ""));
                    visit(FstringPart::Text(brace))?;
                    rest = after;
                }
            }
        } else if let Some(after) = from_brace.strip_prefix("{{") {
            visit(FstringPart::Text("{"))?;
            rest = after;
        } else if let Some(after) = from_brace.strip_prefix("}}") {
            visit(FstringPart::Text("}"))?;
            rest = after;
        } else if let Some((written, after)) =
            from_brace.strip_prefix("{include:").and_then(|r| r.split_once('}'))
        {
            visit(FstringPart::Include(written))?;
            rest = after;
        } else {
            let (name, after) = name(from_brace, line)?;
            visit(FstringPart::Name { name, line })?;
            rest = after;
        }
    }
    visit(FstringPart::Text(rest))
}

/// The name between the brace that `text` starts with and the next, and what follows.
fn name(text: &str, line: usize) -> Result<(&str, &str), TemplateError> {
    let fail = |message: &str| TemplateError::Syntax { line, message: message.to_owned() };
    let Some(inside) = text.strip_prefix('{') else {
        return Err(fail("a `}` without its `{`; write `}}` for a brace"));
    };
    let end = inside.find(|c: char| c != '_' && !c.is_alphanumeric()).unwrap_or(inside.len());
    let (name, after) = inside.split_at_checked(end).unwrap_or((inside, ""));
    let starts_right = name.chars().next().is_some_and(|c| c == '_' || c.is_alphabetic());
    match after.strip_prefix('}') {
        Some(after) if starts_right => Ok((name, after)),
        _ if starts_right && after.starts_with([':', '!', '.', '[']) => Err(fail(&format!(
            "`{{{name}` is followed by a format, a conversion or a field, which are not known here: give the value as it is to \
             be printed and write `{{{name}}}`, or use the syntax jinja (`{{{{ {name}.field }}}}`)"
        ))),
        _ => Err(fail("after `{` comes a name and `}`, as in `{topic}`; write `{{` for a brace")),
    }
}
