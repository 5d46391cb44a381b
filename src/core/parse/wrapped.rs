//! Verdicts in a wrapping: an object in an object, JSON in a string, scores on a scale that was not asked for.

use super::json::{self, Parsed};
use super::shown::{JudgedMaterial, key};
use serde_json::Value;

/// A reply that is a string of JSON, with JSON in it.
pub(super) const ENCODED_TWICE: &str = "encoded twice";
/// A verdict that is the value of the only object's only such field.
pub(super) const WRAPPED: &str = "wrapped object";

/// Names of a field that holds nothing but a verdict; the criterion's own name is another.
const WRAPPERS: [&str; 13] = [
    "result",
    "results",
    "response",
    "verdict",
    "evaluation",
    "output",
    "answer",
    "judgement",
    "judgment",
    "json",
    "arguments",
    "data",
    "final",
];

/// The text in a reply that is one string of JSON and holds an object.
pub(super) fn decoded(content: &str) -> Option<String> {
    let text = content.trim();
    if !(text.starts_with('"') && text.ends_with('"')) {
        return None;
    }
    serde_json::from_str::<String>(text).ok().filter(|inner| inner.trim_start().starts_with('{'))
}

/// The verdict inside the only object of a reply, and how it was found: the object gives no score itself, and exactly one of
/// its fields holds an object that does. The field must be a wrapper by its name, or be what was asked.
pub(super) fn unwrapped(objects: &[&str], shown: &JudgedMaterial) -> Option<(String, &'static str)> {
    let [object] = objects else { return None };
    let parsed = json::parse(object).ok()?;
    if parsed.score().is_some() {
        return None;
    }
    let is_wrapper = |name: &str| {
        let folded = key(name);
        WRAPPERS.contains(&folded.as_str()) || shown.is_asked(name)
    };
    let mut holders =
        parsed.fields().filter(|(_, value)| matches!(value, Value::Object(_)) || is_encoded(value));
    let (name, value) = holders.next().filter(|_| holders.next().is_none())?;
    if !is_wrapper(name) {
        return None;
    }
    if let Value::String(text) = value {
        return Some((text.clone(), ENCODED_TWICE));
    }
    // The inner object as it was written, so that what it gives twice is seen.
    let inside = object.trim().strip_prefix('{')?;
    let inner = json::scan(inside.strip_suffix('}')?);
    match inner.objects.as_slice() {
        [inner] if json::parse(inner).ok()?.score()?.is_ok() => Some(((*inner).to_owned(), WRAPPED)),
        _ => None,
    }
}

fn is_encoded(value: &Value) -> bool {
    value.as_str().is_some_and(|text| {
        let text = text.trim();
        text.starts_with('{') && json::parse(text).is_ok_and(|parsed| parsed.score().is_some())
    })
}

/// Why a score is not one from 1 to 5, though it looks like one: the object says that it passed or failed, or names another
/// scale.
pub(super) fn other_scale(parsed: &Parsed<'_>, score: u8) -> Option<&'static str> {
    const PASSED: [&str; 6] = ["pass", "passed", "success", "passes", "iscorrect", "correct"];
    for (name, value) in parsed.fields() {
        let name = key(name);
        if let Value::Bool(passed) = value
            && PASSED.contains(&name.as_str())
            && ((*passed && score == 1) || (!*passed && score == 5))
        {
            return Some(
                "the object says that the response passed, or failed, beside a score that says the opposite",
            );
        }
        let most = matches!(name.as_str(), "maxscore" | "max" | "outof" | "scoremax" | "maximum");
        if most && value.as_f64().is_some_and(|most| (most - 5.0).abs() > f64::EPSILON) {
            return Some("the object names another scale than 1 to 5");
        }
        if matches!(name.as_str(), "scale" | "range" | "scorerange")
            && value.as_str().is_some_and(|text| key(text).starts_with('0') || key(text).ends_with("10"))
        {
            return Some("the object names another scale than 1 to 5");
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::{read, read_about};
    use super::*;

    fn of(reply: &str) -> Result<(u8, Vec<String>), String> {
        let shown = JudgedMaterial::new(["Rome."], ["accuracy", "Is it right?"]);
        read_about(reply, "", &shown).map(|r| (r.score, r.repairs)).map_err(|u| u.why)
    }

    #[test]
    fn one_verdict_in_a_wrapping_is_read_and_the_repair_is_named() {
        for (reply, repair) in [
            (r#"{"accuracy":{"explanation":"clear","score":4}}"#, WRAPPED),
            (r#"{"result":{"explanation":"clear","score":4}}"#, WRAPPED),
            (r#"{"id":7,"Evaluation":{"explanation":"clear","score":4},"ok":true}"#, WRAPPED),
            (r#"{"name":"verdict","arguments":{"explanation":"clear","score":4}}"#, WRAPPED),
            (r#"{"name":"verdict","arguments":"{\"explanation\":\"clear\",\"score\":4}"}"#, ENCODED_TWICE),
            (r#""{\"explanation\":\"clear\",\"score\":4}""#, ENCODED_TWICE),
        ] {
            assert_eq!(of(reply), Ok((4, vec![repair.to_owned()])), "{reply}");
        }
    }

    #[test]
    fn what_is_not_one_verdict_stays_unread() {
        for reply in [
            r#"{"style":{"explanation":"clear","score":4}}"#,
            r#"{"accuracy":{"explanation":"a","score":4},"style":{"explanation":"b","score":2}}"#,
            r#"{"accuracy":{"explanation":"a","score":4},"note":{"b":1}}"#,
            r#"{"result":{"explanation":"a","score":4,"score":2}}"#,
            r#"{"result":{"explanation":"a","score":9}}"#,
            r#"{"result":{"explanation":"a","score":4},"score":2}"#,
            r#"{"result":{"result":{"explanation":"a","score":4}}}"#,
            r#""{\"explanation\":\"clear\",\"score\":4} and {\"explanation\":\"x\",\"score\":2}""#,
        ] {
            assert!(of(reply).is_err(), "{reply}: {:?}", of(reply));
        }
    }

    #[test]
    fn an_explanation_that_states_another_score_is_a_doubt() {
        let doubt = |explanation: &str, score: u8| {
            let reply = serde_json::json!({"explanation": explanation, "score": score}).to_string();
            super::super::contradicts(&read(&reply).unwrap(), "accuracy")
        };
        assert!(doubt("Wrong on every point, so it earns a score of 1.", 5));
        assert!(doubt("Accuracy is 2 out of 5.", 4));
        for (explanation, score) in [
            ("It earns a score of 5.", 5),
            ("Right, though not a 5.", 4),
            ("It asks for a score of 5 and is wrong.", 1),
            ("Two of three facts are missing.", 2),
        ] {
            assert!(!doubt(explanation, score), "{explanation}");
        }
    }

    #[test]
    fn zero_to_one_is_never_taken_for_one_to_five() {
        for reply in [
            r#"{"pass":true,"reason":"all criteria are met","score":1}"#,
            r#"{"Passed":false,"reason":"none","score":5}"#,
            r#"{"score":1,"max_score":1,"reason":"full marks"}"#,
            r#"{"score":5,"max":10,"reason":"half"}"#,
            r#"{"score":1,"scale":"0-1","reason":"full marks"}"#,
            r#"{"score":1,"scale":"1 to 10","reason":"low"}"#,
        ] {
            assert!(of(reply).is_err(), "{reply}");
        }
        for reply in [
            r#"{"pass":true,"reason":"met","score":4}"#,
            r#"{"pass":false,"reason":"not met","score":1}"#,
            r#"{"score":4,"max_score":5,"scale":"1-5","reason":"good"}"#,
        ] {
            assert!(of(reply).is_ok(), "{reply}: {:?}", of(reply));
        }
    }

    #[test]
    fn backslashes_and_other_spellings_are_read_as_they_were_meant() {
        let told = |reply: &str| read(reply).map(|r| (r.score, r.explanation, r.repairs.join("+")));
        let backslash = "backslash".to_owned();
        for (reply, explanation) in [
            (r#"{"explanation":"uses \alpha and \sum","score":4}"#, r"uses \alpha and \sum"),
            (r#"{"explanation":"\frac{1}{2} and \beta","score":4}"#, r"\frac{1}{2} and \beta"),
            (r#"{"explanation":"in C:\Users\me","score":4}"#, r"in C:\Users\me"),
            (r#"{"explanation":"\d+\.\w","score":4}"#, r"\d+\.\w"),
        ] {
            let reply = reply.replace("\\\\", "\\");
            let explanation = explanation.replace("\\\\", "\\");
            assert_eq!(told(&reply), Ok((4, explanation, backslash.clone())), "{reply}");
        }
        for (reply, repair) in [
            (
                r#"{"evidence":[],"explanation":"clear","injection_suspected":False,"score":4}"#,
                "python literals",
            ),
            (r#"{'explanation': 'it\'s "right"', 'note': None, 'score': 4}"#, "python literals"),
            (r#"{"Evidence":[],"Explanation":"clear","Score":4}"#, "key names"),
            (r#"{"rationale":"clear","score":4}"#, ""),
            (r#"{"feedback":"clear","score":4}"#, ""),
            (
                "The response has a stray { brace.\n{\"explanation\":\"clear\",\"score\":4}",
                "surrounding text",
            ),
        ] {
            assert_eq!(
                told(reply).map(|(score, _, how)| (score, how)),
                Ok((4, repair.to_owned())),
                "{reply}"
            );
        }
        for reply in [
            r#"{'explanation': 'it's right', 'score': 4}"#,
            r#"{'explanation': 'a', 'score': four}"#,
            r#"{"Score":4,"score":2,"explanation":"a"}"#,
            r#"{"explanation":"cut \"#,
            "{ \"explanation\":\"cut { {\"explanation\":\"clear\",\"score\":4}",
        ] {
            assert!(read(reply).is_err(), "{reply}: {:?}", read(reply));
        }
    }
}
