//! JSON Schema for checks of responses. Crate `jsonschema` reads the schema and checks values; what this file adds is that a
//! keyword which is not checked is refused with its place: JSON Schema itself lets a validator pass over such a keyword, and
//! a check of which a part is silently left out would pass what it should not.
//!
//! ```text
//! schema --every keyword known, every $ref inside it, not too large--> jsonschema --> first place that does not fit
//! ```
//! Nothing is fetched: a reference to another document is refused. Patterns take linear time and bounded memory.

use super::words::{line, short};
use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use jsonschema::paths::{Location, LocationSegment};
use jsonschema::{Draft, PatternOptions, ValidationError, Validator};
use serde_json::{Map, Value};
use std::collections::HashSet;

/// How deep a schema may go.
const DEEPEST: usize = 32;
/// So many schemas may stand in one: a chain of references through all of them still fits a thread's stack.
const MOST: usize = 400;
/// The memory that a pattern may take, in bytes.
const PATTERN: usize = 1 << 20;

/// What stands under a keyword.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Under {
    /// Words that only describe.
    Words,
    /// A value that the keyword reads itself.
    Plain,
    /// A schema.
    Schema,
    /// A list of schemas.
    List,
    /// Schemas by name.
    Named,
    /// A schema, or (until draft 2019-09) a list of them.
    Items,
}

/// The keywords that all drafts share.
const SHARED: [(&str, Under); 44] = [
    ("$schema", Under::Words),
    ("$id", Under::Words),
    ("$comment", Under::Words),
    ("title", Under::Words),
    ("description", Under::Words),
    ("default", Under::Words),
    ("examples", Under::Words),
    ("deprecated", Under::Words),
    ("readOnly", Under::Words),
    ("writeOnly", Under::Words),
    // Of OpenAPI, beside a oneOf or anyOf that decides: which branch a reader should try.
    ("discriminator", Under::Words),
    ("$ref", Under::Plain),
    ("type", Under::Plain),
    ("enum", Under::Plain),
    ("const", Under::Plain),
    ("format", Under::Plain),
    ("required", Under::Plain),
    ("minItems", Under::Plain),
    ("maxItems", Under::Plain),
    ("uniqueItems", Under::Plain),
    ("minLength", Under::Plain),
    ("maxLength", Under::Plain),
    ("minProperties", Under::Plain),
    ("maxProperties", Under::Plain),
    ("pattern", Under::Plain),
    ("minimum", Under::Plain),
    ("maximum", Under::Plain),
    ("exclusiveMinimum", Under::Plain),
    ("exclusiveMaximum", Under::Plain),
    ("multipleOf", Under::Plain),
    ("definitions", Under::Named),
    ("properties", Under::Named),
    ("patternProperties", Under::Named),
    ("additionalProperties", Under::Schema),
    ("propertyNames", Under::Schema),
    ("contains", Under::Schema),
    ("not", Under::Schema),
    ("if", Under::Schema),
    ("then", Under::Schema),
    ("else", Under::Schema),
    ("allOf", Under::List),
    ("anyOf", Under::List),
    ("oneOf", Under::List),
    ("items", Under::Items),
];
/// Those that came with draft 2019-09.
const SINCE_2019: [(&str, Under); 5] = [
    ("$defs", Under::Named),
    ("dependentSchemas", Under::Named),
    ("dependentRequired", Under::Plain),
    ("minContains", Under::Plain),
    ("maxContains", Under::Plain),
];
/// Those of one draft alone.
const OF_2020: [(&str, Under); 1] = [("prefixItems", Under::List)];
const UNTIL_2019: [(&str, Under); 1] = [("additionalItems", Under::Schema)];

/// What a keyword of this draft holds; `None` for one that is not checked.
fn keyword(draft: Draft, name: &str) -> Option<Under> {
    let old = draft == Draft::Draft7;
    let own: &[&[_]] = match draft {
        Draft::Draft7 => &[&SHARED, &UNTIL_2019],
        Draft::Draft201909 => &[&SHARED, &SINCE_2019, &UNTIL_2019],
        _ => &[&SHARED, &SINCE_2019, &OF_2020],
    };
    // The generators of draft 7 write `$defs` too, as a place for what is referred to.
    if old && name == "$defs" {
        return Some(Under::Named);
    }
    own.concat().into_iter().find(|(known, _)| *known == name).map(|(_, under)| under)
}

/// Why a schema cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the schema cannot be used: {0}")]
pub struct SchemaError(String);

/// A schema of draft 2020-12, or of 2019-09 or 7 where its `$schema` says so, whose every keyword is checked.
///
/// Not among them, and refused: `unevaluatedProperties`, `unevaluatedItems`, `dependencies`, references that depend on who
/// asks (`$dynamicRef`, `$recursiveRef`) or lead out of the schema, anchors, contents of strings, and formats that are unknown.
#[derive(Debug)]
pub struct Schema(Validator);

impl Schema {
    /// Reads a schema.
    ///
    /// # Errors
    /// When it holds a keyword that is not checked, a value that a keyword cannot have, a reference to nothing, or too much.
    pub fn compile(schema: &Value) -> Result<Self, SchemaError> {
        let draft = draft_of(schema).map_err(SchemaError)?;
        let mut walk = Walk { draft, places: HashSet::new(), references: Vec::new() };
        walk.schema(schema, String::new(), 0).map_err(SchemaError)?;
        walk.references_lead_somewhere().map_err(SchemaError)?;
        let options = jsonschema::options()
            .with_draft(draft)
            .offline()
            .should_validate_formats(true)
            .should_ignore_unknown_formats(false)
            .with_pattern_options(PatternOptions::regex().size_limit(PATTERN));
        options.build(schema).map(Self).map_err(|error| SchemaError(unfit(&error)))
    }

    /// Checks a value.
    ///
    /// # Errors
    /// The first place that does not fit, with what is asked for there.
    pub fn check(&self, value: &Value) -> Result<(), String> {
        self.0.validate(value).map_err(|error| said(&error))
    }
}

/// Whether a schema refers to parts of itself: it may then ask for more work than its size shows.
pub fn has_references(schema: &Value) -> bool {
    match schema {
        Value::Object(map) => map.iter().any(|(key, value)| key == "$ref" || has_references(value)),
        Value::Array(list) => list.iter().any(has_references),
        _ => false,
    }
}

fn draft_of(schema: &Value) -> Result<Draft, String> {
    let Some(named) = schema.get("$schema") else { return Ok(Draft::Draft202012) };
    let plain = named.as_str().map(|uri| uri.trim_end_matches('#').replacen("http://", "https://", 1));
    match plain.as_deref() {
        Some("https://json-schema.org/draft/2020-12/schema") => Ok(Draft::Draft202012),
        Some("https://json-schema.org/draft/2019-09/schema") => Ok(Draft::Draft201909),
        Some("https://json-schema.org/draft-07/schema") => Ok(Draft::Draft7),
        _ => Err("/$schema names none of the drafts that are known: 2020-12, 2019-09, draft-07".to_owned()),
    }
}

/// Goes through all schemas that stand in one.
struct Walk {
    draft: Draft,
    /// Where they stand, as JSON pointers.
    places: HashSet<String>,
    /// What is referred to, each with the place that does.
    references: Vec<(String, String)>,
}

impl Walk {
    fn schema(&mut self, schema: &Value, at: String, depth: usize) -> Result<(), String> {
        let map = match schema {
            Value::Bool(_) => None,
            Value::Object(map) if depth < DEEPEST => Some(map),
            Value::Object(_) => return Err(format!("{at} is nested deeper than {DEEPEST}")),
            _ => return Err(format!("{at} is neither an object nor true or false")),
        };
        self.places.insert(at.clone());
        if self.places.len() > MOST {
            return Err(format!("it holds more than {MOST} schemas"));
        }
        for (key, value) in map.into_iter().flatten() {
            let place = format!("{at}/{}", escaped(key));
            let Some(under) = keyword(self.draft, key) else {
                return Err(format!("{place} is a keyword that is not checked"));
            };
            let wrong = || format!("{place} has a value it cannot have");
            match (under, value) {
                (Under::Words, _) if key != "$schema" && key != "$id" => {}
                // Below the root they would begin another document.
                (Under::Words, _) if at.is_empty() => {}
                (Under::Words, _) => return Err(format!("{place} stands only at the beginning of a schema")),
                (Under::Plain, value) if key == "$ref" => {
                    let target = value.as_str().ok_or_else(wrong)?;
                    self.references.push((place, target.to_owned()));
                }
                (Under::Plain, _) => {}
                (Under::Named, Value::Object(named)) => {
                    for (name, inner) in named {
                        self.schema(inner, format!("{place}/{}", escaped(name)), depth + 1)?;
                    }
                }
                (Under::List, Value::Array(list)) => self.list(list, &place, depth)?,
                (Under::Items, Value::Array(list)) if self.draft != Draft::Draft202012 => {
                    self.list(list, &place, depth)?;
                }
                (Under::Schema | Under::Items, inner) => self.schema(inner, place, depth + 1)?,
                _ => return Err(wrong()),
            }
        }
        if self.draft == Draft::Draft7 && map.is_some_and(|map| map.contains_key("$ref")) {
            self.alone(map.into_iter().flatten().map(|(key, _)| key.as_str()), &at)?;
        }
        Ok(())
    }

    /// Draft 7 passes over all that stands beside a reference.
    fn alone<'k>(&self, keys: impl Iterator<Item = &'k str>, at: &str) -> Result<(), String> {
        let mut checked = keys.filter(|key| {
            !matches!(*key, "$ref" | "$defs" | "definitions")
                && keyword(self.draft, key).is_some_and(|under| under != Under::Words)
        });
        match checked.next() {
            Some(key) => {
                Err(format!("{at}/{} stands beside $ref, where draft-07 does not check it", escaped(key)))
            }
            None => Ok(()),
        }
    }

    fn list(&mut self, list: &[Value], at: &str, depth: usize) -> Result<(), String> {
        list.iter().enumerate().try_for_each(|(n, inner)| self.schema(inner, format!("{at}/{n}"), depth + 1))
    }

    /// Each reference is to a schema that was gone through: no other would have had its keywords looked at.
    fn references_lead_somewhere(&self) -> Result<(), String> {
        for (place, target) in &self.references {
            let Some(pointer) = target.strip_prefix('#') else {
                return Err(format!("{place} leads out of the schema; nothing is fetched"));
            };
            if !self.places.contains(pointer) {
                return Err(format!("{place} refers to '{target}', which is no schema in it"));
            }
        }
        Ok(())
    }
}

/// A name as a part of a JSON pointer (RFC 6901).
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// Why the crate does not take a schema, with the place.
fn unfit(error: &ValidationError<'_>) -> String {
    let place = error.instance_path().as_str();
    match error.kind() {
        Kind::Format { format } if format != "regex" => {
            format!("{place}: the format {} is not known", short(format))
        }
        Kind::Custom { message, .. } => format!("{place}: {}", short(message)),
        Kind::Referencing(error) => format!("{place}: {error}"),
        _ => format!("{place} has a value it cannot have"),
    }
}

/// A place in the response: `$.tags[0]`. Names are the response's: on one line, and not longer than a line.
fn place(path: &Location) -> String {
    let mut place = "$".to_owned();
    for segment in path {
        match segment {
            LocationSegment::Property(name) => {
                place.push('.');
                place.push_str(&line(&name));
            }
            LocationSegment::Index(index) => place.push_str(&format!("[{index}]")),
        }
    }
    place
}

/// What does not fit, in words. Values of the response are not repeated: they may be long.
fn said(error: &ValidationError<'_>) -> String {
    let at = place(error.instance_path());
    let value = error.instance();
    let outside = || format!("{at} is {value}, outside of its bounds");
    match error.kind() {
        Kind::Type { kind: TypeKind::Single(one) } => format!("{at} is not of type {one}"),
        Kind::Type { kind: TypeKind::Multiple(all) } => {
            format!(
                "{at} is not of type {}",
                all.iter().map(|t| t.to_string()).collect::<Vec<_>>().join(" or ")
            )
        }
        Kind::Constant { .. } => format!("{at} is not the one value it may have"),
        Kind::Enum { .. } => format!("{at} is none of the values it may have"),
        Kind::Required { property } => format!("{at} has no '{}'", property.as_str().unwrap_or_default()),
        Kind::AdditionalProperties { unexpected } => {
            format!("{at}.{} is not allowed", line(unexpected.first().map_or("", String::as_str)))
        }
        Kind::FalseSchema => format!("{at} is not allowed"),
        Kind::MinItems { .. } | Kind::MaxItems { .. } | Kind::AdditionalItems { .. } => {
            format!("{at} has {} entries", value.as_array().map_or(0, Vec::len))
        }
        Kind::MinProperties { .. } | Kind::MaxProperties { .. } => {
            format!("{at} has {} fields", value.as_object().map_or(0, Map::len))
        }
        Kind::MinLength { .. } | Kind::MaxLength { .. } => {
            format!("{at} has {} characters", value.as_str().map_or(0, |text| text.chars().count()))
        }
        Kind::Pattern { .. } => format!("{at} does not match the pattern"),
        Kind::Format { format } => format!("{at} is not written as the format {} is", short(format)),
        Kind::Minimum { .. } | Kind::Maximum { .. } => outside(),
        Kind::ExclusiveMinimum { .. } | Kind::ExclusiveMaximum { .. } => outside(),
        Kind::MultipleOf { multiple_of } => format!("{at} is {value}, not a multiple of {multiple_of}"),
        Kind::UniqueItems => format!("{at} has an entry twice"),
        Kind::Contains => format!("{at} has no entry, or not as many, as one must be"),
        Kind::AnyOf { .. } | Kind::OneOfNotValid { .. } => {
            format!("{at} fits none of the schemas it may fit")
        }
        Kind::OneOfMultipleValid { .. } => format!("{at} fits more than one of the schemas it may fit"),
        Kind::Not { .. } => format!("{at} fits the schema it must not fit"),
        Kind::PropertyNames { .. } => format!("{at} has a field whose name is not allowed"),
        other => format!("{at} does not fit '{}'", other.keyword()),
    }
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
            (json!({"name": "ab", "tags": ["a"], "n": 1.5}), Err("$.n is not of type null or integer")),
            (json!({"name": "ab", "tags": ["a"], "x": 1}), Err("$.x is not allowed")),
        ] {
            assert_eq!(found(&schema, &value), want.map_err(str::to_owned), "{value}");
        }
    }

    /// As Pydantic writes a model with an optional field, a nested one, a tagged union and a list of itself.
    fn of_pydantic() -> Value {
        json!({
            "$defs": {
                "Cat": {"title": "Cat", "type": "object", "required": ["kind", "lives"],
                    "properties": {"kind": {"const": "cat", "type": "string"}, "lives": {"type": "integer"}}},
                "Dog": {"title": "Dog", "type": "object", "required": ["kind"],
                    "properties": {"kind": {"const": "dog", "type": "string"}}},
                "Node": {"type": "object", "required": ["name"], "properties": {
                    "name": {"type": "string"},
                    "children": {"type": "array", "items": {"$ref": "#/$defs/Node"}, "default": []},
                }},
            },
            "title": "Owner", "type": "object", "required": ["pet", "tree"],
            "properties": {
                "born": {"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}], "default": null},
                "pet": {"oneOf": [{"$ref": "#/$defs/Cat"}, {"$ref": "#/$defs/Dog"}],
                    "discriminator": {"propertyName": "kind", "mapping": {"cat": "#/$defs/Cat"}}},
                "tree": {"$ref": "#/$defs/Node"},
                "mail": {"type": "string", "format": "email"},
            },
        })
    }

    #[test]
    fn schemas_as_libraries_write_them_are_checked() {
        let tree = json!({"name": "a", "children": [{"name": "b", "children": []}]});
        for (value, want) in [
            (json!({"pet": {"kind": "cat", "lives": 9}, "tree": tree, "born": "2024-02-29"}), Ok(())),
            (json!({"pet": {"kind": "dog"}, "tree": tree, "born": null, "mail": "a@b.org"}), Ok(())),
            (json!({"pet": {"kind": "cat"}, "tree": tree}), Err("$.pet fits none of the schemas it may fit")),
            (
                json!({"pet": {"kind": "dog"}, "tree": {"name": "a", "children": [{"name": 1}]}}),
                Err("$.tree.children[0].name is not of type string"),
            ),
            (
                json!({"pet": {"kind": "dog"}, "tree": tree, "born": "2023-02-29"}),
                Err("$.born fits none of the schemas it may fit"),
            ),
            (
                json!({"pet": {"kind": "dog"}, "tree": tree, "mail": "nobody"}),
                Err("$.mail is not written as the format 'email' is"),
            ),
        ] {
            assert_eq!(found(&of_pydantic(), &value), want.map_err(str::to_owned), "{value}");
        }
        // As Zod writes it for draft 7.
        let old = json!({"$schema": "http://json-schema.org/draft-07/schema#", "$ref": "#/definitions/a",
            "definitions": {"a": {"type": "array", "items": [{"type": "string"}], "additionalItems": false}}});
        assert_eq!(found(&old, &json!(["x"])), Ok(()));
        assert_eq!(found(&old, &json!([1])), Err("$[0] is not of type string".into()));
        assert!(found(&old, &json!(["x", 1])).is_err());
    }

    #[test]
    fn numbers_are_compared_exactly() {
        let large = "900719925474099301";
        let schema: Value =
            serde_json::from_str(&format!("{{\"maximum\": {large}, \"not\": {{\"const\": 1}}}}")).unwrap();
        assert_eq!(found(&schema, &serde_json::from_str(large).unwrap()), Ok(()));
        assert!(found(&schema, &serde_json::from_str("900719925474099302").unwrap()).is_err());
        assert!(found(&schema, &serde_json::from_str("1.0").unwrap()).is_err());
    }

    #[test]
    fn what_is_not_checked_is_refused() {
        let seven = "http://json-schema.org/draft-07/schema";
        for (schema, want) in [
            (
                json!({"properties": {"a": {"nullable": true}}}),
                "/properties/a/nullable is a keyword that is not checked",
            ),
            (
                json!({"$defs": {"a/b": {"anyOf": [{}, {"requierd": ["x"]}]}}}),
                "/$defs/a~1b/anyOf/1/requierd is a keyword that is not checked",
            ),
            (
                json!({"properties": {"a": {"$ref": "#/x"}}}),
                "/properties/a/$ref refers to '#/x', which is no schema",
            ),
            (
                json!({"enum": [{"nullable": 1}], "$ref": "#/enum/0"}),
                "/$ref refers to '#/enum/0', which is no schema",
            ),
            (
                json!({"$ref": "https://example.org/s.json"}),
                "/$ref leads out of the schema; nothing is fetched",
            ),
            (json!({"$ref": "s.json#/a"}), "/$ref leads out of the schema"),
            (json!({"properties": {"a": {"$id": "b"}}}), "/properties/a/$id stands only at the beginning"),
            (json!({"$schema": "https://example.org/draft"}), "/$schema names none of the drafts"),
            (
                json!({"$schema": seven, "definitions": {"a": {}}, "$ref": "#/definitions/a", "minLength": 1}),
                "/minLength stands beside $ref",
            ),
            (json!({"$schema": seven, "prefixItems": []}), "/prefixItems is a keyword that is not checked"),
            (json!({"dependencies": {"a": ["b"]}}), "/dependencies is a keyword that is not checked"),
            (json!({"items": [{}]}), "/items is neither an object"),
            (json!({"unevaluatedProperties": false}), "/unevaluatedProperties is a keyword"),
            (json!({"format": "shoe-size"}), "shoe-size"),
            (json!({"type": "text"}), "/type has a value"),
            (json!({"pattern": "("}), "/pattern has a value"),
            (json!({"pattern": "(?!a)b"}), "/pattern"),
            (json!({"pattern": "((a{1000}){1000}){1000}"}), "/pattern"),
            (json!({"minLength": -1}), "/minLength has a value"),
            (json!({"anyOf": []}), "/anyOf has a value"),
            (json!("x"), "neither an object"),
        ] {
            let error = Schema::compile(&schema).map(|_| ()).expect_err(&schema.to_string()).to_string();
            assert!(error.contains(want), "{schema}: {error}");
        }
        assert!(Schema::compile(&json!({"title": "x", "items": true})).is_ok());
    }

    /// `depth` schemas, each in the one before it.
    fn nested(depth: usize) -> Value {
        (1..depth).fold(json!({}), |inner, _| json!({"not": inner}))
    }

    #[test]
    fn size_and_depth_have_bounds() {
        assert!(Schema::compile(&nested(DEEPEST)).is_ok());
        let error = Schema::compile(&nested(DEEPEST + 1)).unwrap_err().to_string();
        assert!(error.contains("is nested deeper than 32"), "{error}");

        // A chain of references as long as may be, on a test's stack of 2 MiB.
        let chain = |length: usize| {
            let links = (1..length).map(|n| (n.to_string(), json!({"$ref": format!("#/$defs/{}", n - 1)})));
            let links: Map<_, _> =
                std::iter::once(("0".to_owned(), json!({"type": "null"}))).chain(links).collect();
            json!({"$defs": links, "$ref": format!("#/$defs/{}", length - 1)})
        };
        assert_eq!(found(&chain(MOST - 1), &Value::Null), Ok(()));
        assert!(found(&chain(MOST - 1), &json!(1)).is_err());
        let error = Schema::compile(&chain(MOST)).unwrap_err().to_string();
        assert!(error.contains("more than 400 schemas"), "{error}");

        // One that asks for itself asks for nothing more.
        assert_eq!(found(&json!({"$ref": "#"}), &json!({"a": [1]})), Ok(()));
    }

    #[test]
    fn what_is_said_is_one_line() {
        let schema = json!({"additionalProperties": {"type": "null"}});
        let name = format!("a\nb{}", "c".repeat(500));
        let mut value = json!({});
        value[&name] = json!(1);
        let error = found(&schema, &value).unwrap_err();
        assert!(!error.contains('\n') && error.chars().count() < 120, "{error}");
    }
}
