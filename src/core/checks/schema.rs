//! The part of JSON Schema that checks of responses use. A keyword outside of it is refused when the rubric is read: a
//! schema of which a part is silently ignored would pass what it should not.

use serde_json::{Map, Value};

/// Keywords that only describe.
const WORDS_ONLY: [&str; 8] =
    ["$schema", "$id", "$comment", "title", "description", "default", "examples", "deprecated"];
/// Keywords that are checked.
const KNOWN: [&str; 16] = [
    "type",
    "enum",
    "const",
    "properties",
    "required",
    "additionalProperties",
    "items",
    "minItems",
    "maxItems",
    "minLength",
    "maxLength",
    "pattern",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
];
/// How deep a schema may go.
const DEEPEST: usize = 32;

/// Why a schema cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the schema cannot be used: {0}")]
pub struct SchemaError(String);

/// A schema whose every keyword is known: `type enum const properties required additionalProperties items minItems
/// maxItems minLength maxLength pattern minimum maximum exclusiveMinimum exclusiveMaximum`.
#[derive(Debug, Clone)]
pub struct Schema<'s>(&'s Value);

impl<'s> Schema<'s> {
    /// Reads a schema.
    ///
    /// # Errors
    /// When it holds a keyword that is not checked, or a value that a keyword cannot have.
    pub fn compile(schema: &'s Value) -> Result<Self, SchemaError> {
        sound(schema, "", 0).map_err(SchemaError)?;
        Ok(Self(schema))
    }

    /// Checks a value.
    ///
    /// # Errors
    /// The first place that does not fit, with what is asked for there.
    pub fn check(&self, value: &Value) -> Result<(), String> {
        fits(self.0, value, "$")
    }
}

fn sound(schema: &Value, at: &str, depth: usize) -> Result<(), String> {
    let map = match schema {
        Value::Bool(_) => return Ok(()),
        Value::Object(map) if depth < DEEPEST => map,
        Value::Object(_) => return Err(format!("{at} is nested deeper than {DEEPEST}")),
        _ => return Err(format!("{at} is neither an object nor true or false")),
    };
    for (key, value) in map {
        let place = format!("{at}/{key}");
        if WORDS_ONLY.contains(&key.as_str()) {
            continue;
        }
        if !KNOWN.contains(&key.as_str()) {
            return Err(format!("{place} is a keyword that is not checked; known are {}", KNOWN.join(", ")));
        }
        let right = match key.as_str() {
            "type" => types(value).is_some(),
            "enum" => value.is_array(),
            "properties" => match value {
                Value::Object(properties) => {
                    for (name, inner) in properties {
                        sound(inner, &format!("{place}/{name}"), depth + 1)?;
                    }
                    true
                }
                _ => false,
            },
            "required" => value.as_array().is_some_and(|names| names.iter().all(Value::is_string)),
            "items" | "additionalProperties" => {
                sound(value, &place, depth + 1)?;
                true
            }
            "pattern" => value.as_str().is_some_and(|pattern| super::regex(pattern).is_ok()),
            "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" => value.is_number(),
            "const" => true,
            _ => value.is_u64(),
        };
        if !right {
            return Err(format!("{place} has a value it cannot have"));
        }
    }
    Ok(())
}

const TYPES: [&str; 7] = ["object", "array", "string", "number", "integer", "boolean", "null"];

fn types(value: &Value) -> Option<Vec<&str>> {
    let names: Vec<&str> = match value {
        Value::String(name) => vec![name],
        Value::Array(names) => names.iter().map(Value::as_str).collect::<Option<_>>()?,
        _ => return None,
    };
    (!names.is_empty() && names.iter().all(|n| TYPES.contains(n))).then_some(names)
}

fn is(value: &Value, name: &str) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.as_f64().is_some_and(|n| n.fract() == 0.0),
        "boolean" => value.is_boolean(),
        _ => value.is_null(),
    }
}

fn fits(schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    let map = match schema {
        Value::Bool(false) => return Err(format!("{at} is not allowed")),
        Value::Object(map) => map,
        _ => return Ok(()),
    };
    if let Some(names) = map.get("type").and_then(types)
        && !names.iter().any(|name| is(value, name))
    {
        return Err(format!("{at} is not of type {}", names.join(" or ")));
    }
    if map.get("const").is_some_and(|only| only != value) {
        return Err(format!("{at} is not the one value it may have"));
    }
    if map.get("enum").and_then(Value::as_array).is_some_and(|all| !all.contains(value)) {
        return Err(format!("{at} is none of the values it may have"));
    }
    match value {
        Value::Object(fields) => object(map, fields, at),
        Value::Array(list) => array(map, list, at),
        Value::String(text) => string(map, text, at),
        Value::Number(number) => numbers(map, number.as_f64().unwrap_or(f64::NAN), at),
        _ => Ok(()),
    }
}

fn object(schema: &Map<String, Value>, fields: &Map<String, Value>, at: &str) -> Result<(), String> {
    for name in
        schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
    {
        if !fields.contains_key(name) {
            return Err(format!("{at} has no '{name}'"));
        }
    }
    let properties = schema.get("properties").and_then(Value::as_object);
    for (name, value) in fields {
        let place = format!("{at}.{name}");
        match (properties.and_then(|p| p.get(name)), schema.get("additionalProperties")) {
            (Some(inner), _) | (None, Some(inner)) => fits(inner, value, &place)?,
            (None, None) => {}
        }
    }
    Ok(())
}

fn limit(schema: &Map<String, Value>, key: &str) -> Option<usize> {
    schema.get(key)?.as_u64().and_then(|n| usize::try_from(n).ok())
}

fn array(schema: &Map<String, Value>, list: &[Value], at: &str) -> Result<(), String> {
    if limit(schema, "minItems").is_some_and(|min| list.len() < min)
        || limit(schema, "maxItems").is_some_and(|max| list.len() > max)
    {
        return Err(format!("{at} has {} entries", list.len()));
    }
    let Some(inner) = schema.get("items") else { return Ok(()) };
    list.iter().enumerate().try_for_each(|(n, value)| fits(inner, value, &format!("{at}[{n}]")))
}

fn string(schema: &Map<String, Value>, text: &str, at: &str) -> Result<(), String> {
    let length = text.chars().count();
    if limit(schema, "minLength").is_some_and(|min| length < min)
        || limit(schema, "maxLength").is_some_and(|max| length > max)
    {
        return Err(format!("{at} has {length} characters"));
    }
    match schema.get("pattern").and_then(Value::as_str).map(super::regex) {
        Some(Ok(pattern)) if !pattern.is_match(text) => Err(format!("{at} does not match the pattern")),
        _ => Ok(()),
    }
}

fn numbers(schema: &Map<String, Value>, number: f64, at: &str) -> Result<(), String> {
    let bound = |key: &str| schema.get(key).and_then(Value::as_f64);
    let out = bound("minimum").is_some_and(|min| number < min)
        || bound("maximum").is_some_and(|max| number > max)
        || bound("exclusiveMinimum").is_some_and(|min| number <= min)
        || bound("exclusiveMaximum").is_some_and(|max| number >= max);
    if out { Err(format!("{at} is {number}, outside of its bounds")) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn found(schema: &Value, value: &Value) -> Result<(), String> {
        Schema::compile(schema).unwrap().check(value)
    }

    #[test]
    fn the_first_place_that_does_not_fit_is_named() {
        let schema = json!({
            "type": "object", "required": ["name", "tags"], "additionalProperties": false,
            "properties": {
                "name": {"type": "string", "minLength": 2, "pattern": "^[a-z]+$"},
                "tags": {"type": "array", "minItems": 1, "items": {"enum": ["a", "b"]}},
                "n": {"type": ["integer", "null"], "minimum": 1, "exclusiveMaximum": 10},
            },
        });
        for (value, want) in [
            (json!({"name": "ab", "tags": ["a"], "n": 9}), Ok(())),
            (json!({"name": "ab", "tags": ["a"], "n": null}), Ok(())),
            (json!([]), Err("$ is not of type object")),
            (json!({"name": "ab"}), Err("$ has no 'tags'")),
            (json!({"name": "ab", "tags": []}), Err("$.tags has 0 entries")),
            (json!({"name": "ab", "tags": ["c"]}), Err("$.tags[0] is none of the values it may have")),
            (json!({"name": "a", "tags": ["a"]}), Err("$.name has 1 characters")),
            (json!({"name": "AB", "tags": ["a"]}), Err("$.name does not match the pattern")),
            (json!({"name": "ab", "tags": ["a"], "n": 10}), Err("$.n is 10, outside of its bounds")),
            (json!({"name": "ab", "tags": ["a"], "n": 1.5}), Err("$.n is not of type integer or null")),
            (json!({"name": "ab", "tags": ["a"], "x": 1}), Err("$.x is not allowed")),
        ] {
            assert_eq!(found(&schema, &value), want.map_err(str::to_owned), "{value}");
        }
    }

    #[test]
    fn what_is_not_checked_is_refused() {
        for (schema, want) in [
            (
                json!({"properties": {"a": {"$ref": "#/x"}}}),
                "/properties/a/$ref is a keyword that is not checked",
            ),
            (json!({"type": "text"}), "/type has a value"),
            (json!({"pattern": "("}), "/pattern has a value"),
            (json!({"minLength": -1}), "/minLength has a value"),
            (json!("x"), "neither an object"),
        ] {
            let error = Schema::compile(&schema).unwrap_err().to_string();
            assert!(error.contains(want), "{error}");
        }
        assert!(Schema::compile(&json!({"title": "x", "items": true})).is_ok());
    }
}
