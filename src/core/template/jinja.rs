//! Jinja through minijinja, shut in: strict, no files, no escaping, a bounded number of steps.

use super::parts::Parts;
use super::syntax::{Budget, Kind, Syntax, TemplateError, Variable};
use crate::core::canonical::same_number;
use minijinja::machinery::{Span, Token, tokenize};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Kwargs;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior};
use minijinja_contrib::pycompat::unknown_method_callback;
use serde_json::{Map, Value};
use std::sync::LazyLock;

/// Steps one rendering may take; a step is an instruction or 64 bytes of text made. This is a quarter
/// of a gigabyte of text in all, beyond any prompt.
const FUEL: u64 = 4_000_000;
/// The same where nothing can end it from outside.
const PLAIN_FUEL: u64 = 1_000_000;

/// How much a rendering may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum JinjaEngine {
    /// A plain template, here.
    Plain,
    /// Any template.
    Full,
}

impl JinjaEngine {
    fn environment(self) -> &'static Environment<'static> {
        match self {
            Self::Plain => &PLAIN_ENGINE,
            Self::Full => &ENGINE,
        }
    }
}

/// Operators, subscripts, filters and calls in one statement. The engine walks a chain of them (`a.b.c`, `a + b + c`) by
/// calling itself, once for each, and bounds only what is nested in brackets.
const LINKS: usize = 500;

/// One engine for all renderings: building its tables takes longer than most prompts.
static ENGINE: LazyLock<Environment<'static>> = LazyLock::new(environment);
static PLAIN_ENGINE: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut env = environment();
    env.set_fuel(Some(PLAIN_FUEL));
    env
});

fn environment<'a>() -> Environment<'a> {
    let mut env = Environment::new();
    // A condition may be about what is not there; what is printed must be there.
    env.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    // Methods of texts, lists and objects as in Python: `.items()`, `.split()`, `.strip()`.
    env.set_unknown_method_callback(unknown_method_callback);
    // Prompts are no web pages: `<`, `>`, `&` and `'` in JSON stay what they are.
    env.add_filter("tojson", tojson);
    env.set_auto_escape_callback(|_| AutoEscape::None);
    env.set_syntax(syntax());
    env.set_fuel(Some(FUEL));
    // Lets an error point at the expression that failed.
    env.set_debug(true);
    // It would print every value there is.
    env.remove_global("debug");
    env
}

/// JSON without the escapes that the engine puts in for web pages.
fn tojson(value: &minijinja::Value, indent: Option<minijinja::Value>, args: Kwargs) -> Result<String, Error> {
    let escaped = minijinja::filters::tojson(value, indent, args)?.to_string();
    let mut out = String::with_capacity(escaped.len());
    let mut rest = escaped.as_str();
    while let Some((before, from)) = rest.find('\\').and_then(|at| rest.split_at_checked(at)) {
        out.push_str(before);
        let plain = [("\\u003c", "<"), ("\\u003e", ">"), ("\\u0026", "&"), ("\\u0027", "'")];
        let (kept, length) = match plain.iter().find(|(escape, _)| from.starts_with(escape)) {
            Some((escape, character)) => (*character, escape.len()),
            // Of any other escape both characters: the second may be a backslash.
            None => (from.get(..2).unwrap_or(from), 2),
        };
        out.push_str(kept);
        rest = from.get(length..).unwrap_or_default();
    }
    out.push_str(rest);
    Ok(out)
}

pub(super) fn syntax() -> SyntaxConfig {
    // The delimiters are the engine's own, so building cannot fail; without it, its defaults.
    SyntaxConfig::builder().keep_trailing_newline(true).build().unwrap_or_default()
}

/// Refuses a statement that would take the engine deeper than the stack of a thread allows.
fn bounded(text: &str) -> Result<(), TemplateError> {
    // Each link is a byte at least.
    if text.len() <= LINKS {
        return Ok(());
    }
    // An `elif` is to the engine an `if` inside the `else` before it.
    let (mut links, mut elifs) = (0, 0);
    for (token, span) in tokenize(text, false, syntax()).map_while(Result::ok) {
        match token {
            Token::VariableStart | Token::BlockStart => links = 0,
            Token::TemplateData(_) | Token::Str(_) | Token::String(_) => {}
            Token::Int(_) | Token::Int128(_) | Token::Float(_) | Token::Comma | Token::Colon => {}
            Token::Ident("elif") => elifs += 1,
            Token::Ident(word) if !matches!(word, "and" | "or" | "not" | "in" | "is" | "if" | "else") => {}
            Token::BracketClose | Token::ParenClose | Token::BraceClose => {}
            _ => links += 1,
        }
        let message = if links > LINKS {
            format!("one statement holds more than {LINKS} operators: split it by `set`")
        } else if elifs > LINKS {
            format!("there are more than {LINKS} uses of `elif`")
        } else {
            continue;
        };
        return Err(TemplateError::Syntax { line: span.start_line.into(), message });
    }
    Ok(())
}

pub(super) fn variables(text: &str) -> Result<Vec<Variable>, TemplateError> {
    bounded(text)?;
    let env = environment();
    let template = env.template_from_str(text).map_err(|error| explain(&error))?;
    let mut asked = template.undeclared_variables(false);
    for (name, _) in env.globals() {
        asked.remove(name);
    }
    asked.extend(set_from_itself(text));
    let tokens: Vec<(Token<'_>, Span)> = tokenize(text, false, syntax()).map_while(Result::ok).collect();
    let mut found: Vec<(Variable, bool)> = Vec::new();
    let mut statement = "";
    for (at, (token, _)) in tokens.iter().enumerate() {
        let near =
            |offset: isize| at.checked_add_signed(offset).and_then(|i| tokens.get(i)).map(|(token, _)| token);
        match token {
            Token::VariableStart | Token::BlockEnd => statement = "",
            Token::Ident(word) if matches!(near(-1), Some(Token::BlockStart)) => statement = word,
            Token::Ident(name) if asked.contains(*name) => {
                if let Some(kind) = kind_of(statement, near(-1), near(1)) {
                    note(&mut found, name, kind);
                }
            }
            _ => {}
        }
    }
    // Whatever the reading above did not meet is asked for all the same.
    let mut rest: Vec<String> =
        asked.into_iter().filter(|name| !found.iter().any(|(v, _)| v.name == *name)).collect();
    rest.sort();
    let rest = rest.into_iter().map(|name| Variable { name, kind: Kind::Text });
    Ok(found.into_iter().map(|(variable, _)| variable).chain(rest).collect())
}

/// Names that a `set` reads before the text has given them a value: `{% set x = x|trim %}` asks for `x`.
fn set_from_itself(text: &str) -> Vec<String> {
    let tokens: Vec<Token<'_>> =
        tokenize(text, false, syntax()).map_while(Result::ok).map(|(token, _)| token).collect();
    let mut given: Vec<&str> = Vec::new();
    let mut found: Vec<String> = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let starts = matches!(token, Token::BlockStart)
            && matches!(tokens.get(at + 1), Some(Token::Ident("set" | "for")));
        let Some(statement) = tokens.get(at + 2..).filter(|_| starts) else { continue };
        let ends = statement.iter().position(|t| matches!(t, Token::BlockEnd)).unwrap_or(statement.len());
        let statement = statement.get(..ends).unwrap_or_default();
        let is_split = |t: &Token<'_>| matches!(t, Token::Assign | Token::Ident("in"));
        let Some(split) = statement.iter().position(is_split) else { continue };
        let (targets, value) = statement.split_at(split);
        let names: Vec<&str> = targets
            .iter()
            .filter_map(|t| if let Token::Ident(name) = t { Some(*name) } else { None })
            .collect();
        let is_for = matches!(tokens.get(at + 1), Some(Token::Ident("for")));
        for pair in value.windows(2) {
            let [before, Token::Ident(name)] = pair else { continue };
            let is_name = !matches!(before, Token::Dot | Token::Pipe);
            if is_name && !is_for && names.contains(name) && !given.contains(name) {
                found.push((*name).to_owned());
            }
        }
        given.extend(names);
    }
    found
}

/// The prompts that the text includes, extends or imports, as written.
pub(super) fn includes(text: &str) -> Result<Vec<String>, TemplateError> {
    let mut found: Vec<String> = Vec::new();
    // Up to the first word that is none: after it the tokenizer repeats its error for ever.
    let tokens: Vec<(Token<'_>, Span)> = tokenize(text, false, syntax()).map_while(Result::ok).collect();
    for window in tokens.windows(3) {
        let [(Token::BlockStart, _), (Token::Ident(word), span), (what, _)] = window else { continue };
        if !matches!(*word, "include" | "extends" | "import" | "from") {
            continue;
        }
        let written = match what {
            Token::Str(written) => (*written).to_owned(),
            Token::String(written) => written.to_string(),
            _ => {
                return Err(TemplateError::Syntax {
                    line: span.start_line.into(),
                    message: format!(
                        "after `{word}` comes a prompt in quotes, as in {{% {word} \"rules/tone@production\" %}}"
                    ),
                });
            }
        };
        if !found.contains(&written) {
            found.push(written);
        }
    }
    Ok(found)
}

/// What one use says of a variable; `None` when the word is a field or an argument's name.
fn kind_of(statement: &str, before: Option<&Token<'_>>, after: Option<&Token<'_>>) -> Option<Kind> {
    match (before, after) {
        (Some(Token::Dot | Token::Pipe), _) => None,
        (_, Some(Token::Assign)) if statement != "set" => None,
        (_, Some(Token::Dot | Token::BracketOpen)) => Some(Kind::Object),
        (Some(Token::Ident("in")), _) if statement == "for" => Some(Kind::List),
        _ if matches!(statement, "if" | "elif") => Some(Kind::Flag),
        _ => Some(Kind::Text),
    }
}

/// Adds a use: a list or an object once is one; a flag is one only while nothing else is known.
fn note(found: &mut Vec<(Variable, bool)>, name: &str, kind: Kind) {
    match found.iter_mut().find(|(variable, _)| variable.name == name) {
        None => {
            found.push((Variable { name: name.to_owned(), kind }, matches!(kind, Kind::List | Kind::Object)))
        }
        Some((variable, sure)) if !*sure && kind != Kind::Flag => {
            variable.kind = kind;
            *sure = matches!(kind, Kind::List | Kind::Object);
        }
        Some(_) => {}
    }
}

pub(super) fn render(
    text: &str,
    values: &Map<String, Value>,
    engine: JinjaEngine,
) -> Result<String, TemplateError> {
    bounded(text)?;
    let context = object(values);
    engine.environment().render_str(text, context).map_err(|error| match error.kind() {
        ErrorKind::UndefinedError => missing(&error, text, values),
        _ => explain(&error),
    })
}

/// As [`render`], with the prompts that the text includes.
pub(super) fn render_parts(
    text: &str,
    values: &Map<String, Value>,
    parts: &Parts,
    budget: &Budget,
    engine: JinjaEngine,
) -> Result<String, TemplateError> {
    bounded(text)?;
    let mut env = engine.environment().clone();
    let mut all = values.clone();
    for (at, part) in parts.iter().enumerate() {
        let included = &part.included;
        let source = if included.syntax == Syntax::Jinja {
            bounded(&part.text).map_err(|error| part.blame(error))?;
            part.text.to_string()
        } else {
            // Another syntax: rendered by itself, then put in as a value. So its variables are asked for even where
            // a condition leaves it out.
            let name = format!("__assize_part_{at}");
            all.insert(
                name.clone(),
                Value::String(parts.render_part(&included.reference, values, budget, engine)?),
            );
            format!("{{{{ {name} }}}}")
        };
        env.add_template_owned(included.reference.clone(), source)
            .map_err(|error| part.blame(explain(&error)))?;
    }
    env.render_str(text, object(&all)).map_err(|error| {
        let inner = innermost(&error);
        let part = inner.name().and_then(|name| parts.get(name));
        let source = part.map_or(text, |part| &part.text);
        let error = match inner.kind() {
            ErrorKind::UndefinedError => missing(inner, source, values),
            _ => explain(inner),
        };
        part.map_or(error.clone(), |part| part.blame(error))
    })
}

/// The error that others were made of.
fn innermost(error: &Error) -> &Error {
    let mut at = error;
    while let Some(inner) = std::error::Error::source(at).and_then(|e| e.downcast_ref::<Error>()) {
        at = inner;
    }
    at
}

fn object(values: &Map<String, Value>) -> minijinja::Value {
    minijinja::Value::from_pairs(values.iter().map(|(name, value)| (name.as_str(), engine_value(value))))
}

fn engine_value(value: &Value) -> minijinja::Value {
    use minijinja::Value as Engine;
    match value {
        Value::Null => Engine::from(()),
        Value::Bool(yes) => Engine::from(*yes),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(whole), _) => Engine::from(whole),
            (None, Some(whole)) => Engine::from(whole),
            // Where a double is another number, its digits go out as they stand.
            (None, None) => number
                .as_f64()
                .filter(|double| same_number(&double.to_string(), number.as_str()))
                .map_or_else(|| Engine::from(number.as_str()), Engine::from),
        },
        Value::String(text) => Engine::from(text.as_str()),
        Value::Array(items) => Engine::from(items.iter().map(engine_value).collect::<Vec<_>>()),
        Value::Object(fields) => object(fields),
    }
}

/// Names what is missing: the variable if it has no value, else the expression (`user.name`) that has none.
fn missing(error: &Error, text: &str, values: &Map<String, Value>) -> TemplateError {
    let line = error.line().unwrap_or(0);
    // The engine may point at a filter's name instead of what it was given.
    let expression = error.range().and_then(|range| text.get(range)).unwrap_or_default().trim();
    let word = |c: char| c == '_' || c.is_alphanumeric();
    let root = expression.split(|c| !word(c)).next().unwrap_or_default();
    let source = text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
    let absent: Vec<String> =
        variables(text).unwrap_or_default().into_iter().map(|variable| variable.name).collect();
    let absent = || absent.iter().filter(|name| !values.contains_key(*name));
    let named = absent()
        .find(|name| *name == root)
        .or_else(|| absent().find(|name| source.split(|c| !word(c)).any(|part| part == *name)));
    let fallback = || if expression.is_empty() { error.kind().to_string() } else { expression.to_owned() };
    TemplateError::Missing { name: named.cloned().unwrap_or_else(fallback), line }
}

/// The engine's error in our words.
fn explain(error: &Error) -> TemplateError {
    let line = error.line().unwrap_or(0);
    let message = || error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    match error.kind() {
        ErrorKind::OutOfFuel => TemplateError::TooCostly,
        ErrorKind::SyntaxError | ErrorKind::BadEscape => TemplateError::Syntax { line, message: message() },
        ErrorKind::TemplateNotFound | ErrorKind::BadInclude => TemplateError::Failed {
            line,
            message: format!("another template cannot be read here: {}", message()),
        },
        kind => {
            let detail = error.detail().map(|detail| format!(": {detail}")).unwrap_or_default();
            TemplateError::Failed { line, message: format!("{kind}{detail}") }
        }
    }
}
