//! The `[[checks]]` of a rubric's TOML, in and out.

use super::criterion::is_name;
use crate::core::checks::{Check, Kind};
use crate::core::toml_doc::{Doc, TomlSection};
use serde_json::{Map, Value, json};
use std::collections::HashSet;
use std::fmt::Write as _;
use toml::de::DeValue;

const KINDS: &str = "equals, contains, regex, json, json_schema, length, similarity or refusal";

/// Reads the checks; every problem is told with its line.
pub(super) fn read<'i>(doc: &mut Doc<'i>, top: &TomlSection<'_, 'i>) -> Vec<Check> {
    let Some(list) = Doc::value(top, "checks") else { return Vec::new() };
    let DeValue::Array(list) = list.get_ref() else {
        doc.problem(list.span().start, "checks is written as [[checks]], one table for each check");
        return Vec::new();
    };
    let (mut names, mut checks) = (HashSet::new(), Vec::new());
    for (ord, entry) in list.iter().enumerate() {
        let at = entry.span().start;
        let DeValue::Table(table) = entry.get_ref() else {
            doc.problem(at, "each of the checks is a [[checks]] table");
            continue;
        };
        let mut section = TomlSection { name: format!("check {}", ord + 1), at, table };
        let Some(name) = doc.needed(&section, "name", "a short name, as for a criterion") else { continue };
        if !is_name(&name) {
            doc.problem(
                at,
                format!("{} name: lower-case letters, digits, _ and -, up to 40 long", section.name),
            );
            continue;
        }
        section.name = format!("check '{name}'");
        if !names.insert(name.clone()) {
            doc.problem(at, format!("check '{name}' occurs twice: rename one"));
        }
        let Some(kind) = read_kind(doc, &section) else { continue };
        let check = Check { name, kind, not: doc.boolean(&section, "not").unwrap_or(false) };
        if let Some(why) = check.problem() {
            doc.problem(at, format!("{}: {why}", section.name));
        }
        checks.push(check);
    }
    checks
}

fn read_kind<'i>(doc: &mut Doc<'i>, section: &TomlSection<'_, 'i>) -> Option<Kind> {
    let word = doc.needed(section, "kind", &format!("say what is checked: {KINDS}"))?;
    let with = |keys: &[&'static str]| [&["name", "kind", "not"], keys].concat();
    let size = |n: Option<u64>| n.and_then(|n| usize::try_from(n).ok());
    Some(match word.as_str() {
        "equals" | "contains" => {
            doc.only(section, &with(&["text", "ignore_case"]));
            let text = doc.text(section, "text");
            let ignore_case = doc.boolean(section, "ignore_case").unwrap_or(false);
            if word == "equals" {
                Kind::Equals { text, ignore_case }
            } else {
                Kind::Contains { text, ignore_case }
            }
        }
        "regex" => {
            doc.only(section, &with(&["pattern"]));
            Kind::Regex { pattern: doc.needed(section, "pattern", "the pattern to look for")? }
        }
        "json" => {
            doc.only(section, &with(&[]));
            Kind::Json
        }
        "json_schema" => {
            doc.only(section, &with(&["schema"]));
            Kind::JsonSchema { schema: read_schema(doc, section)? }
        }
        "length" => {
            doc.only(section, &with(&["min", "max"]));
            let [min, max] = ["min", "max"].map(|key| size(doc.whole(section, key, 0..100_000_001)));
            Kind::Length { min, max }
        }
        "similarity" => {
            doc.only(section, &with(&["at_least"]));
            let Some(at_least) = doc.number(section, "at_least", 0.0..1.000_001) else {
                if Doc::value(section, "at_least").is_none() {
                    doc.problem(
                        section.at,
                        format!("{} has no at_least: a number from 0 to 1", section.name),
                    );
                }
                return None;
            };
            Kind::Similarity { at_least: at_least.min(1.0) }
        }
        "refusal" => {
            doc.only(section, &with(&[]));
            Kind::Refusal
        }
        _ => {
            let at = Doc::value(section, "kind").map_or(section.at, |v| v.span().start);
            doc.problem(at, format!("{} kind: it is one of {KINDS}", section.name));
            return None;
        }
    })
}

/// A schema as a table, or as JSON in a text.
fn read_schema<'i>(doc: &mut Doc<'i>, section: &TomlSection<'_, 'i>) -> Option<Value> {
    const WHAT: &str = "a JSON Schema, as a table or as JSON in quotes";
    let Some(value) = Doc::value(section, "schema") else {
        doc.problem(section.at, format!("{} has no schema: {WHAT}", section.name));
        return None;
    };
    let found = match value.get_ref() {
        DeValue::String(text) => serde_json::from_str(text).ok(),
        table @ DeValue::Table(_) => as_json(table),
        _ => None,
    };
    if found.is_none() {
        doc.problem(value.span().start, format!("{} schema: {WHAT} is wanted", section.name));
    }
    found
}

fn as_json(value: &DeValue<'_>) -> Option<Value> {
    Some(match value {
        DeValue::String(text) => json!(text.as_ref()),
        DeValue::Integer(n) => json!(n.as_str().replace('_', "").parse::<i64>().ok()?),
        DeValue::Float(n) => json!(n.as_str().replace('_', "").parse::<f64>().ok()?),
        DeValue::Boolean(b) => json!(b),
        DeValue::Datetime(_) => return None,
        DeValue::Array(list) => {
            Value::Array(list.iter().map(|v| as_json(v.get_ref())).collect::<Option<_>>()?)
        }
        DeValue::Table(table) => {
            let entry = |(k, v): (&toml::Spanned<_>, &toml::Spanned<DeValue<'_>>)| {
                let key: &toml::de::DeString<'_> = k.get_ref();
                Some((key.to_string(), as_json(v.get_ref())?))
            };
            Value::Object(table.iter().map(entry).collect::<Option<Map<_, _>>>()?)
        }
    })
}

/// The checks as TOML that [`read`] reads back.
pub(super) fn write(out: &mut String, checks: &[Check]) {
    let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
    for check in checks {
        let Ok(Value::Object(fields)) = serde_json::to_value(check) else { continue };
        out.push_str("\n[[checks]]\n");
        for (key, value) in &fields {
            // Writing to a String cannot fail.
            let _ = match value {
                Value::String(text) => writeln!(out, "{key} = {}", quoted(text)),
                // A schema is written as JSON: TOML has no null.
                Value::Object(_) => writeln!(out, "{key} = {}", quoted(&value.to_string())),
                other => writeln!(out, "{key} = {other}"),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::core::rubric::{read, to_toml};

    const CRITERION: &str = "name = \"r\"\n[[criteria]]\nname = \"a\"\nquestion = \"Good?\"\n\
        [criteria.anchors]\n1 = \"a\"\n2 = \"b\"\n3 = \"c\"\n4 = \"d\"\n5 = \"e\"\n";

    #[test]
    fn all_kinds_are_read_and_written_back() {
        let text = format!(
            "{CRITERION}
[[checks]]
name = \"same\"
kind = \"equals\"
ignore_case = true
[[checks]]
name = \"link\"
kind = \"contains\"
text = \"https://\"
not = true
[[checks]]
name = \"number\"
kind = \"regex\"
pattern = '\\d+'
[[checks]]
name = \"json\"
kind = \"json\"
[[checks]]
name = \"form\"
kind = \"json_schema\"
schema = {{ type = \"object\", required = [\"a\"], properties = {{ a = {{ minimum = 1 }} }} }}
[[checks]]
name = \"short\"
kind = \"length\"
max = 200
[[checks]]
name = \"near\"
kind = \"similarity\"
at_least = 0.75
[[checks]]
name = \"answers\"
kind = \"refusal\"
not = true
"
        );
        let rubric = read(&text, "r.toml").unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(rubric.checks.len(), 8);
        let again = read(&to_toml(&rubric), "r.toml").unwrap_or_else(|e| panic!("{e}\n{}", to_toml(&rubric)));
        assert_eq!(again, rubric);
        // A rubric without checks keeps the version it has always had.
        let plain = read(CRITERION, "r.toml").unwrap();
        assert!(!serde_json::to_string(&plain).unwrap().contains("checks"));
        assert_ne!(plain.version(), rubric.version());
    }

    #[test]
    fn each_problem_has_its_line() {
        for (check, want) in [
            ("name = \"x\"", "line 13: check 'x' has no kind"),
            ("name = \"x\"\nkind = \"eqals\"", "line 15: check 'x' kind: it is one of equals"),
            (
                "name = \"x\"\nkind = \"regex\"\npattern = \"(\"",
                "line 13: check 'x': the pattern cannot be used",
            ),
            ("name = \"x\"\nkind = \"json\"\nmax = 3", "line 16: check 'x' has no key 'max'"),
            (
                "name = \"x\"\nkind = \"json_schema\"\nschema = { nullable = true }",
                "/nullable is a keyword that is not checked",
            ),
            ("name = \"x\"\nkind = \"similarity\"", "line 13: check 'x' has no at_least"),
        ] {
            let text = format!("{CRITERION}\n\n[[checks]]\n{check}\n");
            let error = read(&text, "r.toml").unwrap_err().to_string();
            assert!(error.contains(want), "{error}");
        }
    }
}
