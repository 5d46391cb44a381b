//! Mustache, and the part of Handlebars that prompts use: values, sections, `if`, `unless`, `each`, `with`, `else`, comments.
//!
//! ```text
//! {{x}} {{{x}}} {{& x}} {{a.b}} {{this}} {{../x}} {{@index}} {{json x}}   a value; nothing is escaped
//! {{#x}}..{{/x}}  {{^x}}..{{/x}}                                      for each of a list, or with what is there; or where there is none
//! {{#if x}}..{{else}}..{{/if}}  {{#unless}}  {{#each}}  {{#with}}  {{! comment }}   \{{x}} is text
//! ```
//! A tag that prints nothing and stands alone on its line takes the line with it. A value that is printed must be there; a condition
//! may be absent. Partials, other helpers and new delimiters are named faults.

use super::syntax::{Budget, Kind, TemplateError, Variable};
use serde_json::{Map, Value};

/// Blocks inside blocks.
const DEPTH: usize = 100;

enum MustacheNode<'a> {
    Text(&'a str),
    /// A printed value; as JSON where asked.
    Value {
        path: &'a str,
        json: bool,
        line: usize,
    },
    Block {
        word: MustacheWord,
        path: &'a str,
        line: usize,
        body: Vec<MustacheNode<'a>>,
        other: Vec<MustacheNode<'a>>,
    },
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum MustacheWord {
    If,
    Unless,
    Each,
    With,
    Section,
    Inverted,
}

/// A tag: where it stands, what is between its braces, and on which line.
struct Tag<'a> {
    start: usize,
    end: usize,
    inside: &'a str,
    raw: bool,
    line: usize,
}

impl Tag<'_> {
    fn prints(&self) -> bool {
        self.raw || !(self.inside.starts_with(['#', '^', '/', '!']) || self.inside == "else")
    }
}

fn fault(line: usize, message: impl Into<String>) -> TemplateError {
    TemplateError::Syntax { line, message: message.into() }
}

fn part(text: &str, from: usize, to: usize) -> &str {
    text.get(from..to).unwrap_or_default()
}

/// All tags, and the backslashes before tags that are text.
fn tags(text: &str) -> Result<(Vec<Tag<'_>>, Vec<usize>), TemplateError> {
    let (mut tags, mut escapes) = (Vec::new(), Vec::new());
    let (mut at, mut counted, mut line) = (0, 0, 1);
    while let Some(found) = text.get(at..).and_then(|rest| rest.find("{{")) {
        let start = at + found;
        line += part(text, counted, start).matches('\n').count();
        counted = start;
        let from = text.get(start..).unwrap_or_default();
        if part(text, at, start).ends_with('\\') {
            escapes.push(start - 1);
            at = start + 2;
            continue;
        }
        let (open, close) = match from {
            _ if from.starts_with("{{{") => ("{{{", "}}}"),
            _ if from.starts_with("{{!--") => ("{{", "--}}"),
            _ => ("{{", "}}"),
        };
        let Some(length) = from.get(open.len()..).and_then(|inside| inside.find(close)) else {
            return Err(fault(line, format!("a `{open}` without its `{close}`")));
        };
        let end = start + open.len() + length + close.len();
        let inside = part(text, start + open.len(), end - close.len()).trim_matches('~').trim();
        tags.push(Tag { start, end, inside, raw: open.len() == 3, line });
        at = end;
    }
    Ok((tags, escapes))
}

/// What a tag takes out of the text: itself, or its whole line where it prints nothing and stands there alone.
fn extent(text: &str, tag: &Tag<'_>) -> (usize, usize) {
    let line_start = part(text, 0, tag.start).rfind('\n').map_or(0, |at| at + 1);
    let after = text.get(tag.end..).unwrap_or_default();
    let to_end = after.find('\n').map_or(after.len(), |at| at + 1);
    let blank = |text: &str| text.trim_matches([' ', '\t', '\r', '\n']).is_empty();
    if !tag.prints() && blank(part(text, line_start, tag.start)) && blank(part(after, 0, to_end)) {
        (line_start, tag.end + to_end)
    } else {
        (tag.start, tag.end)
    }
}

/// A block that is not closed yet.
struct Open<'a> {
    word: MustacheWord,
    path: &'a str,
    line: usize,
    name: &'a str,
    body: Vec<MustacheNode<'a>>,
    other: Option<Vec<MustacheNode<'a>>>,
}

/// The text of a stretch, without the backslashes that stand before tags.
fn plain<'a>(text: &'a str, (from, to): (usize, usize), escapes: &[usize], out: &mut Vec<MustacheNode<'a>>) {
    let mut at = from;
    for escape in escapes.iter().filter(|escape| (from..to).contains(*escape)) {
        out.push(MustacheNode::Text(part(text, at, *escape)));
        at = escape + 1;
    }
    out.push(MustacheNode::Text(part(text, at, to)));
}

fn parse(text: &str) -> Result<Vec<MustacheNode<'_>>, TemplateError> {
    let (tags, escapes) = tags(text)?;
    let mut open: Vec<Open<'_>> = Vec::new();
    let mut top: Vec<MustacheNode<'_>> = Vec::new();
    let mut at = 0;
    fn list<'o, 'a>(
        open: &'o mut [Open<'a>],
        top: &'o mut Vec<MustacheNode<'a>>,
    ) -> &'o mut Vec<MustacheNode<'a>> {
        match open.last_mut() {
            None => top,
            Some(block) => block.other.as_mut().unwrap_or(&mut block.body),
        }
    }
    for tag in &tags {
        let (start, end) = extent(text, tag);
        plain(text, (at, start.max(at)), &escapes, list(&mut open, &mut top));
        at = end;
        let line = tag.line;
        if tag.prints() {
            list(&mut open, &mut top).push(printed(tag)?);
        } else if let Some(head) = tag.inside.strip_prefix('#') {
            let (word, path, name) = opening(head.trim(), line)?;
            open.push(Open { word, path, line, name, body: Vec::new(), other: None });
        } else if let Some(path) = tag.inside.strip_prefix('^').map(str::trim).filter(|path| !path.is_empty())
        {
            let path = checked(path, line)?;
            open.push(Open {
                word: MustacheWord::Inverted,
                path,
                line,
                name: path,
                body: Vec::new(),
                other: None,
            });
        } else if tag.inside == "else" || tag.inside == "^" {
            match open.last_mut() {
                Some(block) if block.other.is_none() => block.other = Some(Vec::new()),
                _ => return Err(fault(line, "an `{{else}}` outside of a block")),
            }
        } else if let Some(name) = tag.inside.strip_prefix('/').map(str::trim) {
            match open.pop() {
                Some(block) if block.name == name => {
                    let Open { word, path, line, body, other, .. } = block;
                    let other = other.unwrap_or_default();
                    list(&mut open, &mut top).push(MustacheNode::Block { word, path, line, body, other });
                }
                Some(block) => {
                    return Err(fault(
                        line,
                        format!("`{{{{/{name}}}}}` where `{{{{/{}}}}}` should be", block.name),
                    ));
                }
                None => return Err(fault(line, format!("`{{{{/{name}}}}}` without its opening"))),
            }
        }
        if open.len() > DEPTH {
            return Err(fault(line, format!("blocks are nested deeper than {DEPTH}")));
        }
    }
    if let Some(block) = open.last() {
        return Err(fault(block.line, format!("`{{{{#{}}}}}` is never closed", block.name)));
    }
    plain(text, (at, text.len().max(at)), &escapes, &mut top);
    Ok(top)
}

fn opening(head: &str, line: usize) -> Result<(MustacheWord, &str, &str), TemplateError> {
    let (name, path) =
        head.split_once(char::is_whitespace).map_or((head, ""), |(name, path)| (name, path.trim()));
    let word = match name {
        "if" => MustacheWord::If,
        "unless" => MustacheWord::Unless,
        "each" => MustacheWord::Each,
        "with" => MustacheWord::With,
        _ if path.is_empty() => return Ok((MustacheWord::Section, checked(name, line)?, name)),
        _ => return Err(fault(line, format!("the helper `{name}` is not known here"))),
    };
    // `{{#each xs as |x|}}` names what is gone through; such names are not known here.
    Ok((word, checked(path, line)?, name))
}

fn printed<'a>(tag: &Tag<'a>) -> Result<MustacheNode<'a>, TemplateError> {
    let (inside, line) = (tag.inside, tag.line);
    let refuse = |what: &str| Err(fault(line, format!("{what} not known here")));
    match inside.chars().next() {
        Some('>') => return refuse(&format!("partials (`{{{{{inside}}}}}`) are")),
        Some('=') => return refuse("other delimiters are"),
        _ => {}
    }
    let path = inside.strip_prefix('&').unwrap_or(inside).trim();
    match path.split_once(char::is_whitespace) {
        Some(("json", path)) => {
            Ok(MustacheNode::Value { path: checked(path.trim(), line)?, json: true, line })
        }
        Some((helper, _)) => refuse(&format!("the helper `{helper}` is")),
        None => Ok(MustacheNode::Value { path: checked(path, line)?, json: false, line }),
    }
}

/// A path: names joined by points or strokes, or `this`, `.`, `@index`.
fn checked(path: &str, line: usize) -> Result<&str, TemplateError> {
    let fits = |c: char| c.is_alphanumeric() || "_-./@".contains(c);
    match path.is_empty() || !path.chars().all(fits) {
        true => Err(fault(line, format!("`{path}` is no name"))),
        false => Ok(path),
    }
}

/// A path taken apart: how many levels up, whether it begins here (`this.x`, `../x`), and its names.
fn steps(path: &str) -> (usize, bool, Vec<&str>) {
    let (mut up, mut rest) = (0, path);
    while let Some(shorter) = rest.strip_prefix("..") {
        up += 1;
        rest = shorter.strip_prefix('/').unwrap_or(shorter);
    }
    let here = rest.strip_prefix("this").filter(|r| r.is_empty() || r.starts_with(['.', '/']));
    let (rest, explicit) = match here {
        Some(after) => (after, true),
        None if rest.starts_with('.') => (rest, true),
        None => (rest, up > 0),
    };
    (up, explicit, rest.split(['.', '/']).filter(|name| !name.is_empty()).collect())
}

/// What a name may refer to: a value, and the place in a list that it stands at.
struct Frame<'a> {
    value: &'a Value,
    at: Option<(Value, bool, bool)>,
}

/// The frames, the innermost last; the outermost is the object of all values.
type Stack<'a> = Vec<Frame<'a>>;

fn find<'a>(stack: &Stack<'a>, path: &str) -> Option<std::borrow::Cow<'a, Value>> {
    use std::borrow::Cow;
    if let Some(name) = path.strip_prefix('@') {
        let (key, first, last) = stack.iter().rev().find_map(|frame| frame.at.as_ref())?;
        return match name {
            "index" | "key" => Some(Cow::Owned(key.clone())),
            "first" => Some(Cow::Owned(Value::from(*first))),
            "last" => Some(Cow::Owned(Value::from(*last))),
            _ => None,
        };
    }
    let (up, explicit, names) = steps(path);
    let kept = stack.len().checked_sub(up)?;
    let within = stack.get(..kept)?;
    let dig = |value: &'a Value, names: &[&str]| {
        names.iter().try_fold(value, |value, name| match value {
            Value::Array(list) => list.get(name.parse::<usize>().ok()?),
            other => other.get(*name),
        })
    };
    let Some((first, rest)) = names.split_first() else {
        return within.last().map(|f| Cow::Borrowed(f.value));
    };
    if explicit {
        return dig(within.last()?.value, &names).map(Cow::Borrowed);
    }
    let start = within.iter().rev().find_map(|frame| frame.value.get(*first))?;
    dig(start, rest).map(Cow::Borrowed)
}

/// Whether a section shows for a value.
fn holds(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::Number(number) => number.as_f64() != Some(0.0),
        _ => true,
    }
}

pub(super) fn render(
    text: &str,
    values: &Map<String, Value>,
    budget: &Budget,
) -> Result<String, TemplateError> {
    let nodes = parse(text)?;
    let root = Value::Object(values.clone());
    let mut out = String::with_capacity(text.len());
    let mut stack = vec![Frame { value: &root, at: None }];
    write(&nodes, &mut stack, budget, &mut out)?;
    Ok(out)
}

fn write<'a>(
    nodes: &[MustacheNode<'_>],
    stack: &mut Stack<'a>,
    budget: &Budget,
    out: &mut String,
) -> Result<(), TemplateError> {
    for node in nodes {
        let before = out.len();
        match node {
            MustacheNode::Text(text) => out.push_str(text),
            MustacheNode::Value { path, json, line } => {
                let missing = || TemplateError::Missing { name: (*path).to_owned(), line: *line };
                match &*find(stack, path).ok_or_else(missing)? {
                    Value::String(text) if !json => out.push_str(text),
                    Value::Null if !json => {}
                    other => out.push_str(&other.to_string()),
                }
            }
            MustacheNode::Block { word, path, line, body, other } => {
                budget.pay(1, 0)?;
                block((*word, path, *line), (body, other), stack, budget, out)?;
                continue;
            }
        }
        budget.pay(1, out.len() - before)?;
    }
    Ok(())
}

fn block<'a>(
    (word, path, line): (MustacheWord, &str, usize),
    (body, other): (&[MustacheNode<'_>], &[MustacheNode<'_>]),
    stack: &mut Stack<'a>,
    budget: &Budget,
    out: &mut String,
) -> Result<(), TemplateError> {
    use std::borrow::Cow;
    let found = find(stack, path);
    let shows = found.as_deref().is_some_and(holds);
    let Some(Cow::Borrowed(value)) = found else {
        // Absent, or a place in a list, into which nothing can go further.
        let yes = shows != matches!(word, MustacheWord::Unless | MustacheWord::Inverted);
        return write(if yes { body } else { other }, stack, budget, out);
    };
    match (word, value) {
        (MustacheWord::If, _) => write(if shows { body } else { other }, stack, budget, out),
        (MustacheWord::Unless | MustacheWord::Inverted, _) => {
            write(if shows { other } else { body }, stack, budget, out)
        }
        _ if !shows => write(other, stack, budget, out),
        (MustacheWord::Each | MustacheWord::Section, Value::Array(list)) => {
            let items = list.iter().enumerate().map(|(at, item)| (Value::from(at), item));
            each(items.collect(), body, stack, budget, out)
        }
        (MustacheWord::Each, Value::Object(map)) => {
            let items = map.iter().map(|(key, item)| (Value::from(key.as_str()), item));
            each(items.collect(), body, stack, budget, out)
        }
        (MustacheWord::Each, _) => {
            Err(TemplateError::Failed { line, message: format!("`{path}` is no list") })
        }
        (MustacheWord::With | MustacheWord::Section, _) => {
            stack.push(Frame { value, at: None });
            let written = write(body, stack, budget, out);
            stack.pop();
            written
        }
    }
}

fn each<'a>(
    items: Vec<(Value, &'a Value)>,
    body: &[MustacheNode<'_>],
    stack: &mut Stack<'a>,
    budget: &Budget,
    out: &mut String,
) -> Result<(), TemplateError> {
    let last = items.len().saturating_sub(1);
    for (at, (key, value)) in items.into_iter().enumerate() {
        stack.push(Frame { value, at: Some((key, at == 0, at == last)) });
        let written = write(body, stack, budget, out);
        stack.pop();
        written?;
    }
    Ok(())
}

/// Inside a list's block a plain name is most likely a field of its items, and is not counted.
pub(super) fn variables(text: &str) -> Result<Vec<Variable>, TemplateError> {
    let mut found = Vec::new();
    collect(&parse(text)?, &mut Vec::new(), &mut found);
    Ok(found)
}

/// `inside` says, for each frame that the blocks around have pushed, whether names within are fields of a list's items.
fn collect(nodes: &[MustacheNode<'_>], inside: &mut Vec<bool>, found: &mut Vec<Variable>) {
    for node in nodes {
        match node {
            MustacheNode::Text(_) => {}
            MustacheNode::Value { path, .. } => note(path, Kind::Text, inside, found),
            MustacheNode::Block { word, path, body, other, .. } => {
                let kind = match word {
                    MustacheWord::Each => Kind::List,
                    MustacheWord::With => Kind::Object,
                    _ => Kind::Flag,
                };
                note(path, kind, inside, found);
                let pushes = matches!(word, MustacheWord::Each | MustacheWord::With | MustacheWord::Section);
                if pushes {
                    // A section may be a condition, whose names are variables.
                    inside.push(*word != MustacheWord::Section);
                }
                collect(body, inside, found);
                if pushes {
                    inside.pop();
                }
                collect(other, inside, found);
            }
        }
    }
}

fn note(path: &str, kind: Kind, inside: &[bool], found: &mut Vec<Variable>) {
    if path.starts_with('@') {
        return;
    }
    let (up, explicit, names) = steps(path);
    let around = inside.get(..inside.len().saturating_sub(up)).unwrap_or_default();
    let is_root = if explicit { around.is_empty() } else { !around.contains(&true) };
    let Some(name) = names.first().filter(|_| is_root) else { return };
    let kind = if names.len() > 1 { Kind::Object } else { kind };
    match found.iter_mut().find(|variable| variable.name == *name) {
        None => found.push(Variable { name: (*name).to_owned(), kind }),
        Some(variable) if variable.kind == Kind::Flag => variable.kind = kind,
        Some(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn made(text: &str, values: Value) -> Result<String, TemplateError> {
        render(text, values.as_object().unwrap(), &Budget::new())
    }

    #[test]
    fn values_sections_and_loops() {
        let values = json!({"name": "Ann <3", "ok": true, "no": false, "xs": ["a", "b"], "n": 7, "u": {"city": "Rome", "n": 8},
            "docs": [{"t": "one"}, {"t": "two", "n": 0}], "empty": [], "nil": null});
        for (text, result) in [
            ("Hi {{name}}! {{{ name }}} {{&name}}\n", "Hi Ann <3! Ann <3 Ann <3\n"),
            ("{{u.city}} {{u/n}} {{xs.1}} [{{nil}}] {{json xs}}", "Rome 8 b [] [\"a\",\"b\"]"),
            (
                "{{#if ok}}yes{{else}}no{{/if}}{{#if absent}}x{{else}}y{{/if}}{{#unless no}}z{{/unless}}",
                "yesyz",
            ),
            ("{{#each xs}}{{@index}}{{this}}{{#unless @last}},{{/unless}}{{/each}}", "0a,1b"),
            ("{{#each docs}}{{t}}/{{n}}/{{../n}} {{/each}}", "one/7/7 two/0/7 "),
            (
                "{{#each u}}{{@key}}={{.}};{{/each}}{{#each empty}}x{{else}}none{{/each}}",
                "city=Rome;n=8;none",
            ),
            ("{{#docs}}<{{t}}>{{/docs}}{{^docs}}none{{/docs}}{{^absent}}none{{/absent}}", "<one><two>none"),
            ("{{#with u}}{{city}} {{name}}{{/with}}{{#u}}{{n}}{{/u}}", "Rome Ann <38"),
            ("a\n  {{#if ok}}\nb\n  {{/if}}\n{{! gone }}\nc {{!-- {{x}} --}}d\n", "a\nb\nc d\n"),
            ("a\r\n{{#if ok}}\r\nb\r\n{{/if}}\r\nc", "a\r\nb\r\nc"),
            ("\\{{name}} {\"a\": {\"b\": 1} } }}", "{{name}} {\"a\": {\"b\": 1} } }}"),
        ] {
            assert_eq!(made(text, values.clone()).as_deref(), Ok(result), "{text}");
        }
    }

    #[test]
    fn what_is_missing_or_not_known_is_named_with_its_line() {
        assert_eq!(made("\n{{x}}", json!({})), Err(TemplateError::Missing { name: "x".into(), line: 2 }));
        assert_eq!(made("{{#each xs}}{{y}}{{/each}}", json!({"xs": [{}]})).unwrap_err().missing(), Some("y"));
        for (text, words) in [
            ("a\n{{x", "without its `}}`"),
            ("a\n{{#if x}}", "never closed"),
            ("a\n{{/if}}", "without its opening"),
            ("{{#if x}}\n{{/each}}", "where `{{/if}}`"),
            ("a\n{{else}}", "outside of a block"),
            ("a\n{{> rules/tone}}", "partials"),
            ("a\n{{role \"system\"}}", "helper `role`"),
            ("a\n{{#ifEquals a b}}{{/ifEquals}}", "helper `ifEquals`"),
            ("a\n{{=<% %>=}}", "delimiters"),
            ("a\n{{ x | upper }}", "helper `x`"),
            ("a\n{{}}", "no name"),
        ] {
            match made(text, json!({"x": 1})) {
                Err(TemplateError::Syntax { line: 2, message }) => {
                    assert!(message.contains(words), "{text}: {message}")
                }
                other => panic!("{text}: {other:?}"),
            }
        }
        let deep = format!("{}{}", "{{#if a}}".repeat(5_000), "{{/if}}".repeat(5_000));
        assert!(made(&deep, json!({})).is_err());
        let wide = json!({"xs": vec![1; 400]});
        let bomb = format!("{}x{}", "{{#each xs}}{{#each ../xs}}".repeat(2), "{{/each}}{{/each}}".repeat(2));
        assert_eq!(made(&bomb, wide), Err(TemplateError::TooCostly));
    }

    #[test]
    fn variables_are_those_of_the_whole() {
        let text = "{{a}}{{#if b}}{{c.d}}{{/if}}{{#each e}}{{f}}{{../g}}{{this.h}}{{@index}}{{/each}}{{#i}}{{j}}{{/i}}{{#if a}}{{/if}}{{{k}}}";
        let found: Vec<_> = variables(text).unwrap().into_iter().map(|v| (v.name, v.kind)).collect();
        let expected = [
            ("a", Kind::Text),
            ("b", Kind::Flag),
            ("c", Kind::Object),
            ("e", Kind::List),
            ("g", Kind::Text),
            ("i", Kind::Flag),
            ("j", Kind::Text),
            ("k", Kind::Text),
        ];
        assert_eq!(found, expected.map(|(name, kind)| (name.to_owned(), kind)));
    }
}
