//! items.jsonl: prompts with responses, to be judged as they are; and verdicts that came with them.

use super::ImportError;
use super::jsonl::{Row, Rows, kind, whole};
use crate::core::item::{ImportedVerdict, Item, Subject};
use crate::core::verdict::State;
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};
use std::io::BufRead;

/// The items of a file, and keys that are not used.
#[derive(Debug, Default)]
pub struct ItemFile {
    /// In the file's order, each (id, arm) once.
    pub items: Vec<Item>,
    /// Keys that no item has.
    pub unused: BTreeSet<String>,
}

/// Reads a file whole; any fault refuses it.
///
/// # Errors
/// The first fault, with its line; one (id, arm) twice with other content is a fault.
pub fn read(reader: impl BufRead, file: &str) -> Result<ItemFile, ImportError> {
    let mut out = ItemFile::default();
    let mut seen: HashMap<(String, String), (usize, usize)> = HashMap::new();
    for row in Rows::new(reader, file) {
        let (line, map) = row?;
        let mut row = Row::new(file, line, map);
        let item = read_item(&mut row)?;
        let key = (item.id.clone(), item.arm.clone());
        if let Some((first, index)) = seen.get(&key) {
            if out.items.get(*index) != Some(&item) {
                return Err(row.fault(format!(
                    "the item '{}' of arm '{}' stands on line {first} with other content",
                    item.id, item.arm
                )));
            }
            continue;
        }
        seen.insert(key, (line, out.items.len()));
        out.items.push(item);
        out.unused.extend(row.rest().into_iter().map(|(key, _)| key));
    }
    if out.items.is_empty() {
        return Err(ImportError::new(
            file,
            "holds no items: each line is {\"id\", \"prompt\", \"response\"}",
        ));
    }
    Ok(out)
}

fn read_item(row: &mut Row<'_>) -> Result<Item, ImportError> {
    let id = row.id("id")?.ok_or_else(|| row.fault("has no 'id'"))?;
    let arm = row.text("arm")?.unwrap_or_else(|| "default".into());
    if arm.trim().is_empty() {
        return Err(row.fault("'arm' is empty"));
    }
    let subject = Subject {
        prompt: row.need("prompt")?,
        vars: row.object("vars")?,
        reference: row.text("reference")?,
        tags: row.texts("tags")?,
        cluster: row.id("cluster")?,
        criterion: row.text("criterion")?,
        anchors: read_anchors(row)?,
    };
    Ok(Item { id, arm, response: row.need("response")?, subject, verdicts: read_verdicts(row)? })
}

/// Anchors for 1..5: a list of five texts, or an object with the keys 1 to 5.
fn read_anchors(row: &mut Row<'_>) -> Result<Option<[String; 5]>, ImportError> {
    let Some(value) = row.take("anchors") else { return Ok(None) };
    let list: Option<Vec<String>> = match &value {
        Value::Array(list) => list.iter().map(|v| v.as_str().map(str::to_owned)).collect(),
        Value::Object(map) if map.len() == 5 => {
            (1..=5).map(|n: u8| map.get(&n.to_string()).and_then(Value::as_str).map(str::to_owned)).collect()
        }
        _ => None,
    };
    let five = list.and_then(|list| <[String; 5]>::try_from(list).ok());
    five.map(Some)
        .ok_or_else(|| row.fault("'anchors' must be five texts: a list, or an object with the keys 1 to 5"))
}

fn read_verdicts(row: &mut Row<'_>) -> Result<Vec<ImportedVerdict>, ImportError> {
    let list = match row.take("verdicts") {
        None => return Ok(Vec::new()),
        Some(Value::Array(list)) => list,
        Some(other) => return Err(row.fault(format!("'verdicts' is {}, and must be a list", kind(&other)))),
    };
    let mut keys = BTreeSet::new();
    let mut out = Vec::with_capacity(list.len());
    for (number, value) in list.into_iter().enumerate() {
        let verdict = read_verdict(value).map_err(|e| row.fault(format!("verdict {}: {e}", number + 1)))?;
        if !keys.insert((verdict.judge.clone(), verdict.criterion.clone(), verdict.repeat)) {
            return Err(row.fault(format!(
                "verdict {}: judge '{}' has scored '{}' in repeat {} already",
                number + 1,
                verdict.judge,
                verdict.criterion,
                verdict.repeat
            )));
        }
        out.push(verdict);
    }
    Ok(out)
}

fn read_verdict(value: Value) -> Result<ImportedVerdict, String> {
    let Value::Object(map) = value else { return Err(format!("is {}, and must be an object", kind(&value))) };
    let text = |key: &str| match map.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(other) => Err(format!("'{key}' is {}, and must be a text", kind(other))),
    };
    let need =
        |key: &str| text(key)?.filter(|t| !t.trim().is_empty()).ok_or_else(|| format!("has no '{key}'"));
    let repeat = match map.get("repeat") {
        None | Some(Value::Null) => 0,
        Some(n) => whole(n)
            .and_then(|n| u32::try_from(n).ok())
            .ok_or_else(|| format!("'repeat' is {n}, and must be a whole number from 0"))?,
    };
    let score = match map.get("score") {
        None | Some(Value::Null) => None,
        Some(n) => {
            Some(whole(n).and_then(|n| u8::try_from(n).ok()).filter(|n| (1..=5).contains(n)).ok_or_else(
                || format!("'score' is {n}, and must be a whole number from 1 to 5, or null with a 'state'"),
            )?)
        }
    };
    let state = match text("state")? {
        Some(name) => Some(name.parse::<State>().map_err(|e| e.to_string())?),
        None => None,
    };
    match (score, state) {
        (Some(_), None | Some(State::Scored)) => {}
        (None, Some(state)) if state != State::Scored => {}
        (None, _) => return Err("has no 'score', and no 'state' that says why".into()),
        (Some(_), Some(state)) => return Err(format!("has a score and the state '{}'", state.name())),
    }
    Ok(ImportedVerdict {
        criterion: need("criterion")?,
        judge: need("judge")?,
        repeat,
        score,
        explanation: text("explanation")?.unwrap_or_default(),
        state: state.filter(|s| *s != State::Scored).map(|s| s.name().to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(extra: &str) -> Result<ItemFile, ImportError> {
        read(format!("{{\"id\":\"a\",\"prompt\":\"p\",\"response\":\"r\"{extra}}}").as_bytes(), "f")
    }

    #[test]
    fn arm_and_repeat_have_defaults_and_anchors_two_forms() {
        let list =
            one(r#","anchors":["1","2","3","4","5"],"verdicts":[{"criterion":"c","judge":"j","score":4}]"#)
                .unwrap();
        let map = one(r#","anchors":{"1":"1","2":"2","3":"3","4":"4","5":"5"}"#).unwrap();
        assert_eq!(list.items[0].subject.anchors, map.items[0].subject.anchors);
        assert_eq!(list.items[0].arm, "default");
        assert_eq!(list.items[0].verdicts[0].repeat, 0);
    }

    #[test]
    fn no_score_is_taken_that_is_not_1_to_5() {
        for score in ["\"4/5\"", "6", "0", "null", "4.5", "-1", "[4]"] {
            let text = format!(r#","verdicts":[{{"criterion":"c","judge":"j","score":{score}}}]"#);
            assert_eq!(one(&text).unwrap_err().line, Some(1), "{score}");
        }
        // A program that holds numbers as floats writes 4 as 4.0.
        let float = one(r#","verdicts":[{"criterion":"c","judge":"j","score":4.0,"repeat":1.0}]"#).unwrap();
        assert_eq!((float.items[0].verdicts[0].score, float.items[0].verdicts[0].repeat), (Some(4), 1));
        assert!(one(r#","verdicts":[{"criterion":"c","judge":"j","score":null,"state":"refused"}]"#).is_ok());
        assert!(one(r#","verdicts":[{"criterion":"c","judge":"j","score":3,"state":"refused"}]"#).is_err());
        assert!(one(r#","verdicts":[{"criterion":"c","judge":"j","score":null,"state":"scored"}]"#).is_err());
        let twice = r#","verdicts":[{"criterion":"c","judge":"j","score":3},{"criterion":"c","judge":"j","score":4}]"#;
        assert!(one(twice).unwrap_err().what.contains("already"));
    }

    #[test]
    fn one_pair_twice_is_known_when_equal_and_refused_when_not() {
        let row = |r: &str, arm: &str| {
            format!("{{\"id\":\"a\",\"arm\":\"{arm}\",\"prompt\":\"p\",\"response\":\"{r}\"}}\n")
        };
        assert_eq!(
            read([row("x", "m"), row("x", "m"), row("y", "n")].concat().as_bytes(), "f").unwrap().items.len(),
            2
        );
        let error = read([row("x", "m"), row("y", "m")].concat().as_bytes(), "f").unwrap_err();
        assert_eq!(error.line, Some(2));
        assert!(error.what.contains("line 1"));
    }
}
