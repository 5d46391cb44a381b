//! Rubric files: TOML, each criterion with an anchor for every score.
//!
//! ```toml
//! name = "support"
//! [[criteria]]
//! name = "tone"
//! question = "Is the response friendly?"
//! anchors = ["hostile", "cold", "neutral", "friendly", "warm"]   # or [criteria.anchors] 1 = ... 5 = ...
//! steps = ["Read the response.", "Look for greetings."]
//! ```

use super::ImportError;
use crate::core::rubric::{Criterion, Rubric};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    criteria: Vec<FileCriterion>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileCriterion {
    name: String,
    question: String,
    anchors: Option<Anchors>,
    #[serde(default)]
    steps: Vec<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Anchors {
    List(Vec<String>),
    Map(BTreeMap<String, String>),
}

/// Reads a rubric.
///
/// # Errors
/// The first fault; a missing anchor is one: without anchors two judges read the same number differently.
pub fn read(text: &str, file: &str) -> Result<Rubric, ImportError> {
    let parsed: File = toml::from_str(text)
        .map_err(|e| ImportError::new(file, format!("is no rubric: {}", e.to_string().trim())))?;
    let fault = |what: String| ImportError::new(file, what);
    if !is_name(&parsed.name) {
        return Err(fault(format!("'{}' is no rubric's name: use a-z, 0-9, _ and -", parsed.name)));
    }
    if parsed.criteria.is_empty() {
        return Err(fault("has no [[criteria]]".into()));
    }
    let mut names = BTreeSet::new();
    let mut criteria = Vec::with_capacity(parsed.criteria.len());
    for given in parsed.criteria {
        if !is_name(&given.name) || given.name.len() > 40 {
            return Err(fault(format!(
                "'{}' is no criterion's name: use a-z, 0-9, _ and -, up to 40",
                given.name
            )));
        }
        if !names.insert(given.name.clone()) {
            return Err(fault(format!("the criterion '{}' stands twice", given.name)));
        }
        if given.question.trim().is_empty() {
            return Err(fault(format!("the criterion '{}' asks nothing: its question is empty", given.name)));
        }
        let anchors =
            anchors(given.anchors).map_err(|why| fault(format!("the criterion '{}' {why}", given.name)))?;
        criteria.push(Criterion {
            name: given.name,
            question: given.question,
            anchors,
            steps: given.steps,
            generic: false,
        });
    }
    Ok(Rubric { name: parsed.name, description: parsed.description, criteria })
}

fn anchors(given: Option<Anchors>) -> Result<[String; 5], String> {
    let list = match given {
        None => return Err("has no anchors: say what earns 1, 2, 3, 4 and 5".into()),
        Some(Anchors::List(list)) => list,
        Some(Anchors::Map(map)) => {
            if let Some(odd) = map.keys().find(|k| !matches!(k.as_str(), "1" | "2" | "3" | "4" | "5")) {
                return Err(format!("has an anchor for '{odd}': scores are 1 to 5"));
            }
            (1..=5)
                .map(|n: u8| map.get(&n.to_string()).cloned().ok_or(n))
                .collect::<Result<_, _>>()
                .map_err(|n| format!("has no anchor for {n}"))?
        }
    };
    let found = list.len();
    let five = <[String; 5]>::try_from(list)
        .map_err(|_| format!("has {found} anchors, and needs 5: for 1, 2, 3, 4, 5"))?;
    match five.iter().position(|a| a.trim().is_empty()) {
        Some(at) => Err(format!("has an empty anchor for {}", at + 1)),
        None => Ok(five),
    }
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rubric(criterion: &str) -> Result<Rubric, ImportError> {
        read(&format!("name = \"r\"\n[[criteria]]\nname = \"c\"\nquestion = \"?\"\n{criterion}"), "r.toml")
    }

    #[test]
    fn both_forms_of_anchors_give_one_version() {
        let list = rubric("anchors = [\"a\", \"b\", \"c\", \"d\", \"e\"]").unwrap();
        let map =
            rubric("[criteria.anchors]\n1 = \"a\"\n2 = \"b\"\n3 = \"c\"\n4 = \"d\"\n5 = \"e\"").unwrap();
        assert_eq!(list.version(), map.version());
    }

    #[test]
    fn a_rubric_without_all_anchors_is_refused() {
        for (text, words) in [
            ("", "no anchors"),
            ("anchors = [\"a\"]", "1 anchors"),
            ("anchors = [\"a\", \"b\", \"\", \"d\", \"e\"]", "empty anchor for 3"),
            ("[criteria.anchors]\n1 = \"a\"\n6 = \"b\"", "'6'"),
            ("anchors = 3", "no rubric"),
            ("weight = 2", "weight"),
        ] {
            assert!(
                rubric(text).unwrap_err().to_string().contains(words),
                "{text}: {}",
                rubric(text).unwrap_err()
            );
        }
        assert!(read("name = \"r\"", "f").unwrap_err().what.contains("[[criteria]]"));
        assert!(read("name = [", "f").is_err());
    }
}
