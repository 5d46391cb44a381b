//! YAML as JSON values: digits as they are written, doubled keys refused, no alias grows beyond bounds.

use granit_parser::{Event, Parser, ScalarStyle, Span};
use serde_json::{Map, Number, Value};
use std::collections::HashMap;

/// Nodes that one document may have, those that aliases repeat counted each time.
const NODES: usize = 2_000_000;
/// Lists and maps inside each other.
const DEPTH: usize = 128;

/// One document of a stream, with the line that it begins on.
pub type Document = (usize, Value);

/// Reads all documents of a stream.
///
/// # Errors
/// What is wrong, with its line.
pub fn documents(text: &str) -> Result<Vec<Document>, String> {
    let mut reader = YamlReader { parser: Parser::new_from_str(text), anchors: HashMap::new(), nodes: 0 };
    let mut out = Vec::new();
    while let Some((event, _)) = reader.next()? {
        match event {
            Event::StreamEnd => break,
            Event::DocumentStart(..) => {
                let (event, span) = reader.need()?;
                let line = span.start.line();
                out.push((line, reader.node(event, span, 0)?));
            }
            _ => {}
        }
    }
    Ok(out)
}

/// Reads a text that is one document.
///
/// # Errors
/// What is wrong, with its line; that there is more than one document.
pub fn read(text: &str) -> Result<Value, String> {
    let mut all = documents(text)?;
    match all.len() {
        0 => Ok(Value::Null),
        1 => Ok(all.remove(0).1),
        _ => Err("holds several documents (`---`), and one is needed".into()),
    }
}

struct YamlReader<'a> {
    parser: Parser<'a, granit_parser::StrInput<'a>>,
    anchors: HashMap<usize, (Value, usize)>,
    nodes: usize,
}

fn at(span: &Span, what: &str) -> String {
    format!("line {}: {what}", span.start.line())
}

impl<'a> YamlReader<'a> {
    fn next(&mut self) -> Result<Option<(Event<'a>, Span)>, String> {
        loop {
            match self.parser.next_event() {
                None => return Ok(None),
                Some(Err(error)) => return Err(error.to_string()),
                Some(Ok((Event::Comment(..), _))) => {}
                Some(Ok(event)) => return Ok(Some(event)),
            }
        }
    }

    fn need(&mut self) -> Result<(Event<'a>, Span), String> {
        self.next()?.ok_or_else(|| "ends too early".to_owned())
    }

    fn count(&mut self, span: &Span, more: usize) -> Result<(), String> {
        self.nodes += more;
        if self.nodes > NODES { Err(at(span, "holds more than aliases may make of it")) } else { Ok(()) }
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Value, String> {
        if depth > DEPTH {
            return Err(at(&span, "is nested too deep"));
        }
        self.count(&span, 1)?;
        let before = self.nodes;
        let anchor = event.anchor_id();
        let value = match event {
            Event::Scalar(text, style, _, tag) => {
                let tag = tag.as_deref().and_then(|tag| tag.core_suffix().map(str::to_owned));
                scalar(&text, style == ScalarStyle::Plain, tag.as_deref())
            }
            Event::Alias(id) => {
                let (value, size) = self
                    .anchors
                    .get(&id)
                    .cloned()
                    .ok_or_else(|| at(&span, "an alias inside of what it names"))?;
                self.count(&span, size)?;
                value
            }
            Event::SequenceStart(..) => {
                let mut list = Vec::new();
                loop {
                    match self.need()? {
                        (Event::SequenceEnd, _) => break,
                        (event, span) => list.push(self.node(event, span, depth + 1)?),
                    }
                }
                Value::Array(list)
            }
            Event::MappingStart(..) => Value::Object(self.mapping(depth)?),
            _ => Value::Null,
        };
        if let Some(id) = anchor {
            self.anchors.insert(id, (value.clone(), self.nodes - before + 1));
        }
        Ok(value)
    }

    fn mapping(&mut self, depth: usize) -> Result<Map<String, Value>, String> {
        let mut map = Map::new();
        let mut merged: Vec<Map<String, Value>> = Vec::new();
        loop {
            let (event, span) = self.need()?;
            if matches!(event, Event::MappingEnd) {
                break;
            }
            let merges = matches!(&event, Event::Scalar(text, ScalarStyle::Plain, ..) if text == "<<");
            // A key is its text, as written: `1.0` and `yes` too.
            let key = match &event {
                Event::Scalar(text, ..) => text.to_string(),
                _ => match self.node(event.clone(), span, depth + 1)? {
                    Value::String(text) => text,
                    other => other.to_string(),
                },
            };
            let (event, value_span) = self.need()?;
            let value = self.node(event, value_span, depth + 1)?;
            match value {
                Value::Object(more) if merges => merged.push(more),
                Value::Array(list) if merges => {
                    merged.extend(
                        list.into_iter()
                            .filter_map(|v| if let Value::Object(m) = v { Some(m) } else { None }),
                    );
                }
                value => {
                    if map.contains_key(&key) {
                        return Err(at(&span, &format!("the key '{key}' stands twice")));
                    }
                    map.insert(key, value);
                }
            }
        }
        for more in merged {
            for (key, value) in more {
                map.entry(key).or_insert(value);
            }
        }
        Ok(map)
    }
}

/// A scalar by the core schema of YAML 1.2: null, true, false and numbers where nothing says that it is a text.
fn scalar(text: &str, plain: bool, tag: Option<&str>) -> Value {
    match tag {
        Some("str") => return Value::from(text),
        None if !plain => return Value::from(text),
        _ => {}
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => number(text).map_or_else(|| Value::from(text), Value::Number),
    }
}

/// A number, where JSON writes it the same way (`0o17`, `.5` and `1_000` stay texts: their digits would change).
fn number(text: &str) -> Option<Number> {
    let first = text.strip_prefix('-').unwrap_or(text);
    first.starts_with(|c: char| c.is_ascii_digit()).then(|| text.parse::<Number>().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_are_those_of_the_core_schema_with_their_digits() {
        let text = "a: 12345678901234567890123\nb: 1.10\nc: 0123\nd: '5'\ne: yes\nf: true\ng: ~\nh:\ni: |\n  two\n  lines\nj: [x, {k: \"v\"}]\nk: 2026-01-01\nl: .5\nm: !!str 7\nn: 1_000\n";
        let value = read(text).unwrap();
        assert_eq!(value["a"].to_string(), "12345678901234567890123");
        assert_eq!(value["b"].to_string(), "1.10");
        for (key, expected) in [
            ("c", json!("0123")),
            ("d", json!("5")),
            ("e", json!("yes")),
            ("f", json!(true)),
            ("g", json!(null)),
            ("h", json!(null)),
            ("i", json!("two\nlines\n")),
            ("j", json!(["x", {"k": "v"}])),
            ("k", json!("2026-01-01")),
            ("l", json!(".5")),
            ("m", json!("7")),
            ("n", json!("1_000")),
        ] {
            assert_eq!(value[key], expected, "{key}");
        }
    }

    #[test]
    fn aliases_and_merges_are_followed_within_bounds() {
        let value = read("base: &b {x: 1, y: 2}\nuse:\n  <<: *b\n  y: 3\nsame: *b\n").unwrap();
        assert_eq!(
            value,
            json!({"base": {"x": 1, "y": 2}, "use": {"y": 3, "x": 1}, "same": {"x": 1, "y": 2}})
        );
        let mut bomb = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
        for n in 1..9 {
            let alias = format!("*a{}", n - 1);
            bomb.push_str(&format!("a{n}: &a{n} [{}]\n", [alias.as_str(); 10].join(",")));
        }
        assert!(read(&bomb).unwrap_err().contains("aliases"));
        assert!(read(&"[".repeat(5_000)).is_err());
    }

    #[test]
    fn faults_have_their_line() {
        assert!(read("a: 1\nb: 2\na: 3\n").unwrap_err().contains("line 3: the key 'a' stands twice"));
        assert!(read("a: [1\nb: }").unwrap_err().contains("line"));
        assert!(read("a: 1\n---\nb: 2\n").unwrap_err().contains("several documents"));
        assert_eq!(documents("a: 1\n---\nb: 2\n").unwrap().len(), 2);
        assert_eq!(read("# nothing\n").unwrap(), Value::Null);
    }
}
