//! items.jsonl: prompts with responses, to be judged as they are; and verdicts that came with them.
//!
//! ```text
//! score                  -> that score
//! raw, no score          -> read as a live reply is, prose included: a score, or `unparseable` with the reason
//! raw and score          -> both must say the same; where they differ it is `unparseable`, never one of the two
//! raw that cannot be read, and a score -> the score, marked `reply_unread`
//! state                  -> that failure, whatever the reply says
//! ```

use super::ImportError;
use super::jsonl::{JsonRow, JsonRows, kind, whole};
use crate::core::evidence;
use crate::core::item::{ImportedReply, ImportedVerdict, Item, Subject};
use crate::core::parse::{JudgedMaterial, read_recorded};
use crate::core::verdict::VerdictState;
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
    for row in JsonRows::new(reader, file) {
        let (line, map) = row?;
        let mut row = JsonRow::new(file, line, map);
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

fn read_item(row: &mut JsonRow<'_>) -> Result<Item, ImportError> {
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
    let response = row.need("response")?;
    let verdicts = read_verdicts(row, &subject, &response)?;
    Ok(Item { id, arm, response, subject, verdicts })
}

/// Anchors for 1..5: a list of five texts, or an object with the keys 1 to 5.
fn read_anchors(row: &mut JsonRow<'_>) -> Result<Option<[String; 5]>, ImportError> {
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

/// The mark of a verdict whose reply did not come to a score when it was read here.
const REPLY_UNREAD: &str = "reply_unread";

fn read_verdicts(
    row: &mut JsonRow<'_>,
    subject: &Subject,
    response: &str,
) -> Result<Vec<ImportedVerdict>, ImportError> {
    let list = match row.take("verdicts") {
        None => return Ok(Vec::new()),
        Some(Value::Array(list)) => list,
        Some(other) => return Err(row.fault(format!("'verdicts' is {}, and must be a list", kind(&other)))),
    };
    let mut keys = BTreeSet::new();
    let mut out = Vec::with_capacity(list.len());
    for (number, value) in list.into_iter().enumerate() {
        let verdict = read_verdict(value, subject, response)
            .map_err(|e| row.fault(format!("verdict {}: {e}", number + 1)))?;
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

fn read_verdict(value: Value, subject: &Subject, response: &str) -> Result<ImportedVerdict, String> {
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
        Some(name) => Some(name.parse::<VerdictState>().map_err(|e| e.to_string())?),
        None => None,
    };
    let label = text("label")?.map(|label| label.trim().to_owned()).filter(|label| !label.is_empty());
    if let Some(label) = &label {
        if label.chars().count() > 40 || label.chars().any(char::is_control) {
            return Err("'label' is one line of up to 40 characters".into());
        }
        if score.is_some() {
            return Err("has a 'score' and a 'label': give one of them".into());
        }
    }
    let reply = read_reply(&map)?;
    if label.is_some() && reply.as_ref().is_some_and(|r| r.raw.is_some()) {
        return Err("has a 'label' and a 'raw' reply: give one of them".into());
    }
    let raw = reply.as_ref().and_then(|r| r.raw.as_deref());
    match (score, state, raw) {
        (None, None | Some(VerdictState::Scored), _) if label.is_some() => {}
        (None, Some(state), _) if label.is_some() => {
            return Err(format!("has a label and the state '{}'", state.name()));
        }
        (Some(_), None | Some(VerdictState::Scored), _) | (None, None, Some(_)) => {}
        (None, Some(state), _) if state != VerdictState::Scored => {}
        (None, _, _) => return Err("has no 'score', and no 'state' that says why".into()),
        (Some(_), Some(state), _) => {
            return Err(format!("has a score and the state '{}'", state.name()));
        }
    }
    let verdict = ImportedVerdict {
        label: label.clone(),
        criterion: need("criterion")?,
        judge: need("judge")?,
        repeat,
        score,
        explanation: text("explanation")?.unwrap_or_default(),
        state: state.filter(|s| *s != VerdictState::Scored).map(|s| s.name().to_owned()),
        reply,
    };
    Ok(settled(verdict, subject, response))
}

/// What came with a verdict besides its result: `raw`, `model`, `usage`, `evidence`.
fn read_reply(map: &serde_json::Map<String, Value>) -> Result<Option<ImportedReply>, String> {
    let text = |key: &str| match map.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(other) => Err(format!("'{key}' is {}, and must be a text", kind(other))),
    };
    let evidence = match map.get("evidence") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::String(quote)) => vec![quote.clone()],
        Some(Value::Array(list)) => list
            .iter()
            .map(|quote| quote.as_str().map(str::to_owned))
            .collect::<Option<Vec<_>>>()
            .ok_or("'evidence' must be a text or a list of texts")?,
        Some(other) => return Err(format!("'evidence' is {}, and must be a list of texts", kind(other))),
    };
    let usage = match map.get("usage") {
        None | Some(Value::Null) => None,
        Some(Value::Object(usage)) => Some(usage),
        Some(other) => return Err(format!("'usage' is {}, and must be an object", kind(other))),
    };
    let tokens = |key: &str| match usage.and_then(|u| u.get(key)) {
        None | Some(Value::Null) => Ok(None),
        Some(n) => whole(n)
            .and_then(|n| u64::try_from(n).ok())
            .map(Some)
            .ok_or_else(|| format!("'usage.{key}' is {n}, and must be a whole number from 0")),
    };
    let reply = ImportedReply {
        raw: text("raw")?,
        model: text("model")?,
        prompt_tokens: tokens("prompt_tokens")?,
        completion_tokens: tokens("completion_tokens")?,
        evidence: evidence.into_iter().filter(|quote| !quote.trim().is_empty()).collect(),
        repairs: Vec::new(),
        flags: Vec::new(),
    };
    Ok((reply != ImportedReply::default()).then_some(reply))
}

/// The verdict with its reply read, and the marks that a live one would bear.
fn settled(mut verdict: ImportedVerdict, subject: &Subject, response: &str) -> ImportedVerdict {
    let Some(mut reply) = verdict.reply.take() else { return verdict };
    let mut flags: Vec<String> = Vec::new();
    if let Some(raw) = reply.raw.as_deref().filter(|_| verdict.state.is_none()) {
        let fail = |verdict: &mut ImportedVerdict, why: String| {
            (verdict.score, verdict.explanation) = (None, why);
            verdict.state = Some(VerdictState::Unparseable.name().to_owned());
        };
        match (read_recorded(raw, &shown(&verdict.criterion, subject, response)), verdict.score) {
            (Ok(read), Some(score)) if read.score != score => {
                let why = format!("the reply reads as {}, and the score beside it is {score}", read.score);
                fail(&mut verdict, why);
            }
            (Ok(read), _) => {
                verdict.score = Some(read.score);
                if verdict.explanation.trim().is_empty() {
                    verdict.explanation = read.explanation;
                }
                if reply.evidence.is_empty() {
                    reply.evidence = read.evidence;
                }
                reply.repairs = read.repairs;
                if read.injection_suspected {
                    flags.push(evidence::INJECTION_SUSPECTED.to_owned());
                }
            }
            (Err(unread), Some(_)) if !unread.conflict => flags.push(REPLY_UNREAD.to_owned()),
            (Err(unread), _) => fail(&mut verdict, unread.why),
        }
    }
    if reply.evidence.iter().any(|quote| evidence::find_quote(response, quote).is_none()) {
        flags.push(evidence::QUOTE_NOT_FOUND.to_owned());
    }
    reply.flags = flags;
    verdict.reply = Some(reply);
    verdict
}

/// What a judge of this item was shown.
fn shown(criterion: &str, subject: &Subject, response: &str) -> JudgedMaterial {
    let vars = Value::Object(subject.vars.clone()).to_string();
    let texts = [response, subject.prompt.as_str(), vars.as_str(), criterion].into_iter();
    let anchors = subject.anchors.iter().flatten().map(String::as_str);
    JudgedMaterial::new(texts.chain(subject.reference.as_deref()).chain(anchors), [criterion])
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

    fn verdict(extra: &str) -> ImportedVerdict {
        let text = format!(r#","verdicts":[{{"criterion":"accuracy","judge":"j",{extra}}}]"#);
        one(&text).unwrap_or_else(|e| panic!("{extra}: {e}")).items.remove(0).verdicts.remove(0)
    }

    #[test]
    fn a_reply_is_read_where_no_score_was() {
        for raw in [
            r#""{\"evidence\": [\"r\"], \"explanation\": \"Short.\", \"score\": 4}""#,
            r#""It is short, so I give it a score of 4.""#,
            r#""Short.\nSCORE: 4""#,
        ] {
            let read = verdict(&format!(
                r#""raw":{raw},"model":"m-1","usage":{{"prompt_tokens":10.0,"completion_tokens":5}}"#
            ));
            assert_eq!((read.score, &read.state), (Some(4), &None), "{raw}");
            assert!(read.explanation.contains("hort"), "{read:?}");
            let reply = read.reply.unwrap();
            assert_eq!(
                (reply.model.as_deref(), reply.prompt_tokens, reply.completion_tokens),
                (Some("m-1"), Some(10), Some(5))
            );
            assert!(reply.raw.is_some() && reply.flags.is_empty(), "{reply:?}");
        }
        let unread = verdict(r#""raw":"It is short.""#);
        assert_eq!((unread.score, unread.state.as_deref()), (None, Some("unparseable")));
        assert!(unread.explanation.contains("no single score"), "{unread:?}");
    }

    #[test]
    fn where_reply_and_score_differ_there_is_no_number() {
        let prose = r#""raw":"I give it a score of 4.","score""#;
        let same = verdict(&format!("{prose}:4"));
        assert_eq!((same.score, same.state), (Some(4), None));
        let differs = verdict(&format!("{prose}:5"));
        assert_eq!((differs.score, differs.state.as_deref()), (None, Some("unparseable")));
        assert!(
            differs.explanation.contains("reads as 4") && differs.explanation.contains("is 5"),
            "{differs:?}"
        );
        // Two scores in the reply are a doubt about either.
        let two = verdict(r#""raw":"A score of 2 for style, a score of 5 for facts.","score":5"#);
        assert_eq!(two.score, None);
        // A reply in a form of its own says nothing against the score beside it.
        let own = verdict(r#""raw":"Verdict: [[B+]]","score":4"#);
        assert_eq!((own.score, own.reply.unwrap().flags), (Some(4), vec!["reply_unread".to_owned()]));
        // A failure stays one, whatever its reply says.
        let refused = verdict(r#""raw":"I give it a score of 4.","score":null,"state":"refused""#);
        assert_eq!((refused.score, refused.state.as_deref()), (None, Some("refused")));
    }

    #[test]
    fn quotations_come_along_and_one_that_is_not_there_is_marked() {
        let found = verdict(r#""score":4,"evidence":["r"]"#).reply.unwrap();
        assert_eq!((found.evidence.len(), found.flags.len()), (1, 0));
        let not = verdict(r#""score":4,"evidence":"nowhere""#).reply.unwrap();
        assert_eq!(not.flags, [evidence::QUOTE_NOT_FOUND]);
        for bad in [
            r#""score":4,"evidence":[1]"#,
            r#""score":4,"usage":3"#,
            r#""score":4,"raw":{}"#,
            r#""score":4,"usage":{"prompt_tokens":-1}"#,
        ] {
            assert!(
                one(&format!(r#","verdicts":[{{"criterion":"c","judge":"j",{bad}}}]"#)).is_err(),
                "{bad}"
            );
        }
        // Without any of these keys a verdict is what it was.
        assert_eq!(verdict(r#""score":4,"explanation":"x""#).reply, None);
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
