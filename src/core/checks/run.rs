//! Carrying a check out: here where it is cheap, else where it can be ended.

use super::check::{Check, Kind, Outcome};
use super::schema::{self, Schema};
use super::words::short;
use crate::core::bounded_work::{self, BoundedJob, JobResult, Lost};
use serde_json::Value;
use std::collections::HashMap;

/// Texts that open an answer which is none. Looked for near its beginning.
const REFUSALS: [&str; 18] = [
    "i'm sorry, but i",
    "i am sorry, but i",
    "i'm sorry, i can",
    "sorry, but i can",
    "sorry, i can't",
    "i cannot help with",
    "i can't help with",
    "i cannot assist",
    "i can't assist",
    "i cannot provide",
    "i can't provide",
    "i cannot fulfill",
    "i can't fulfill",
    "i won't be able to",
    "i am unable to",
    "i'm unable to",
    "i must decline",
    "as an ai language model",
];

/// A refusal stands within so many characters of the beginning; further down it may be a quotation.
const REFUSAL_WITHIN: usize = 300;

impl Check {
    /// Why the check cannot be used; `None` when it can.
    pub fn problem(&self) -> Option<String> {
        match &self.kind {
            Kind::Regex { pattern } => regex(pattern).err(),
            Kind::JsonSchema { schema } => Schema::compile(schema).err().map(|e| e.to_string()),
            Kind::Length { min: None, max: None } => Some("a length needs min, max or both".into()),
            Kind::Length { min: Some(min), max: Some(max) } if min > max => {
                Some(format!("min {min} is more than max {max}"))
            }
            Kind::Similarity { at_least } if !(0.0..=1.0).contains(at_least) => {
                Some("at_least is a number from 0 to 1".into())
            }
            Kind::Equals { text: Some(text), .. } | Kind::Contains { text: Some(text), .. }
                if text.is_empty() =>
            {
                Some("the text is empty".into())
            }
            _ => None,
        }
    }

    /// Checks a response. What may take long (a large pattern over a long response) is done where it can be ended; a check
    /// that had to be ended decides nothing.
    pub fn run(&self, response: &str, reference: Option<&str>) -> Outcome {
        if !bounded_work::is_there() || self.is_cheap(response) {
            return self.run_here(response, reference);
        }
        let job = || BoundedJob::Check {
            check: self.clone(),
            response: response.to_owned(),
            reference: reference.map(str::to_owned),
        };
        let why = match bounded_work::carried_out(job) {
            None => return self.run_here(response, reference),
            Some(Ok(JobResult::Checked(outcome))) => return outcome,
            Some(Ok(JobResult::Rendered(_))) => "another answer came".to_owned(),
            Some(Err(Lost::TooCostly)) => {
                "it takes more time or memory than a check may; make the pattern smaller".to_owned()
            }
            Some(Err(Lost::Unavailable(why))) => why,
        };
        Outcome::NotApplicable { why }
    }

    /// Whether the check takes little time over this response: a pattern's time is its size times the response's, all
    /// others go through the response once.
    fn is_cheap(&self, response: &str) -> bool {
        let small = |pattern: &str| {
            response.len() <= SHORT
                || (response.len() <= LONG && regex_within(pattern, SMALL_PATTERN).is_ok())
        };
        match &self.kind {
            Kind::Regex { pattern } => small(pattern),
            Kind::JsonSchema { schema } => {
                let size = schema.to_string().len();
                !schema::has_references(schema)
                    && (response.len() <= SHORT || (response.len() <= LONG && size <= SHORT))
            }
            _ => true,
        }
    }

    /// As [`Check::run`], here whatever it costs.
    pub(in crate::core) fn run_here(&self, response: &str, reference: Option<&str>) -> Outcome {
        let found = self.holds(response, reference);
        match (found, self.not) {
            (Err(why), _) => Outcome::NotApplicable { why },
            (Ok(Ok(())), false) | (Ok(Err(_)), true) => Outcome::Pass,
            (Ok(Err(why)), false) => Outcome::Fail { why },
            (Ok(Ok(())), true) => Outcome::Fail { why: self.unwanted() },
        }
    }

    /// Holds, or does not and why; an error when that cannot be decided.
    fn holds(&self, response: &str, reference: Option<&str>) -> Result<Result<(), String>, String> {
        let wanted = |text: &Option<String>| {
            text.clone()
                .or_else(|| reference.map(str::to_owned))
                .ok_or_else(|| "the case has no reference".to_owned())
        };
        let trimmed = response.trim();
        Ok(match &self.kind {
            Kind::Equals { text, ignore_case } => {
                let (a, b) = (folded(trimmed, *ignore_case), folded(wanted(text)?.trim(), *ignore_case));
                if a == b { Ok(()) } else { Err(format!("it is not {}", short(&b))) }
            }
            Kind::Contains { text, ignore_case } => {
                let (a, b) = (folded(response, *ignore_case), folded(wanted(text)?.trim(), *ignore_case));
                if a.contains(&b) { Ok(()) } else { Err(format!("{} is not in it", short(&b))) }
            }
            Kind::Regex { pattern } => {
                if regex(pattern)?.is_match(response) {
                    Ok(())
                } else {
                    Err(format!("nothing in it matches {}", short(pattern)))
                }
            }
            Kind::Json => json(trimmed).map(|_| ()),
            Kind::JsonSchema { schema } => {
                let schema = Schema::compile(schema).map_err(|e| e.to_string())?;
                json(trimmed).and_then(|value| schema.check(&value))
            }
            Kind::Length { min, max } => length(trimmed.chars().count(), *min, *max),
            Kind::Similarity { at_least } => {
                let reference = reference.ok_or_else(|| "the case has no reference".to_owned())?;
                let found = similarity(response, reference);
                if found >= *at_least {
                    Ok(())
                } else {
                    Err(format!("{found:.2} alike to the reference, {at_least} is asked for"))
                }
            }
            Kind::Refusal => match refusal(response) {
                Some(_) => Ok(()),
                None => Err("it does not decline".to_owned()),
            },
        })
    }

    /// Why a check under `not` failed.
    fn unwanted(&self) -> String {
        match &self.kind {
            Kind::Equals { .. } => "it is exactly what it must not be".into(),
            Kind::Contains { text: Some(text), .. } => format!("{} is in it", short(text)),
            Kind::Contains { text: None, .. } => "the reference is in it".into(),
            Kind::Regex { pattern } => format!("something in it matches {}", short(pattern)),
            Kind::Json => "it is JSON".into(),
            Kind::JsonSchema { .. } => "it fits the schema".into(),
            Kind::Length { .. } => "its length is one it must not have".into(),
            Kind::Similarity { at_least } => format!("it is at least {at_least} alike to the reference"),
            Kind::Refusal => "it declines to answer".into(),
        }
    }
}

fn folded(text: &str, ignore_case: bool) -> String {
    if ignore_case { text.to_lowercase() } else { text.to_owned() }
}

/// A response over which any check is cheap, in bytes; also a small schema.
const SHORT: usize = 2 << 10;
/// One over which a small pattern is.
const LONG: usize = 64 << 10;
/// What a small pattern comes to, in bytes.
const SMALL_PATTERN: usize = 64 << 10;

fn regex(pattern: &str) -> Result<regex::Regex, String> {
    regex_within(pattern, 1 << 20)
}

fn regex_within(pattern: &str, size: usize) -> Result<regex::Regex, String> {
    regex::RegexBuilder::new(pattern).size_limit(size).build().map_err(|e| {
        format!("the pattern cannot be used: {}", e.to_string().lines().last().unwrap_or_default().trim())
    })
}

fn json(text: &str) -> Result<Value, String> {
    let inner = text
        .strip_prefix("```")
        .and_then(|rest| rest.strip_suffix("```"))
        .map_or(text, |inner| inner.trim_start_matches(|c: char| c.is_ascii_alphanumeric()).trim());
    serde_json::from_str(inner).map_err(|e| format!("it is not JSON: {e}"))
}

fn length(found: usize, min: Option<usize>, max: Option<usize>) -> Result<(), String> {
    match (min, max) {
        (Some(min), _) if found < min => Err(format!("{found} characters, at least {min} are asked for")),
        (_, Some(max)) if found > max => Err(format!("{found} characters, at most {max} are allowed")),
        _ => Ok(()),
    }
}

fn refusal(response: &str) -> Option<&'static str> {
    let start: String = response.trim_start().chars().take(REFUSAL_WITHIN).collect();
    let start = start.to_lowercase().replace('\u{2019}', "'");
    REFUSALS.into_iter().find(|words| start.contains(words))
}

/// How alike two texts are, from 0 to 1: twice the common pairs of neighbouring characters over all pairs (Dice 1945,
/// Sørensen 1948, over bigrams with their multiplicity), letters folded to lower case and white space to single spaces.
/// Takes linear time; 1 also for two texts without a pair that are equal.
pub fn similarity(a: &str, b: &str) -> f64 {
    let plain = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    let (a, b) = (plain(a), plain(b));
    if a == b {
        return 1.0;
    }
    let pairs = |text: &str| {
        let mut counts: HashMap<(char, char), u32> = HashMap::new();
        for pair in text.chars().zip(text.chars().skip(1)) {
            *counts.entry(pair).or_default() += 1;
        }
        counts
    };
    let (left, right) = (pairs(&a), pairs(&b));
    let all: u32 = left.values().chain(right.values()).sum();
    if all == 0 {
        return 0.0;
    }
    let common: u32 = left.iter().map(|(pair, n)| (*n).min(right.get(pair).copied().unwrap_or(0))).sum();
    f64::from(2 * common) / f64::from(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn check(value: Value) -> Check {
        let mut value = value;
        value["name"] = json!("c");
        serde_json::from_value(value).unwrap()
    }

    fn word(value: Value, response: &str, reference: Option<&str>) -> &'static str {
        check(value).run(response, reference).word()
    }

    #[test]
    fn each_kind_passes_and_fails() {
        for (value, response, reference, want) in [
            (json!({"kind": "equals", "text": "Paris"}), " Paris\n", None, "pass"),
            (json!({"kind": "equals", "text": "Paris"}), "paris", None, "fail"),
            (json!({"kind": "equals", "ignore_case": true}), "paris", Some("Paris"), "pass"),
            (json!({"kind": "equals"}), "paris", None, "n/a"),
            (json!({"kind": "contains", "text": "is"}), "Paris", None, "pass"),
            (json!({"kind": "contains"}), "It is Paris.", Some(" Paris "), "pass"),
            (json!({"kind": "contains", "text": "x", "not": true}), "Paris", None, "pass"),
            (json!({"kind": "contains", "not": true}), "Paris", None, "n/a"),
            (json!({"kind": "regex", "pattern": "^[A-Z]\\w+$"}), "Paris", None, "pass"),
            (json!({"kind": "regex", "pattern": "\\d"}), "Paris", None, "fail"),
            (json!({"kind": "json"}), "{\"a\":1}", None, "pass"),
            (json!({"kind": "json"}), "```json\n[1]\n```", None, "pass"),
            (json!({"kind": "json"}), "Here: {\"a\":1}", None, "fail"),
            (json!({"kind": "length", "max": 5}), "Grüße", None, "pass"),
            (json!({"kind": "length", "min": 6}), "Grüße", None, "fail"),
            (
                json!({"kind": "similarity", "at_least": 0.9}),
                "The  capital is Paris",
                Some("the capital is paris"),
                "pass",
            ),
            (json!({"kind": "similarity", "at_least": 0.5}), "abc", Some("xyz"), "fail"),
            (json!({"kind": "refusal"}), "I\u{2019}m sorry, but I cannot do that.", None, "pass"),
            (json!({"kind": "refusal", "not": true}), "Paris.", None, "pass"),
            (
                json!({"kind": "json_schema", "schema": {"type": "object", "required": ["a"]}}),
                "{\"a\":1}",
                None,
                "pass",
            ),
            (
                json!({"kind": "json_schema", "schema": {"type": "object", "required": ["a"]}}),
                "{}",
                None,
                "fail",
            ),
        ] {
            assert_eq!(word(value.clone(), response, reference), want, "{value} {response}");
        }
    }

    #[test]
    fn a_failure_says_what_was_found() {
        let why = |value: Value, response: &str| check(value).run(response, Some("abcd")).why().to_owned();
        assert_eq!(why(json!({"kind": "length", "max": 3}), "four"), "4 characters, at most 3 are allowed");
        assert_eq!(why(json!({"kind": "contains", "text": "Rome"}), "Paris"), "'Rome' is not in it");
        assert_eq!(
            why(json!({"kind": "similarity", "at_least": 0.9}), "abxx"),
            "0.33 alike to the reference, 0.9 is asked for"
        );
        assert_eq!(
            why(json!({"kind": "refusal", "not": true}), "I cannot help with this."),
            "it declines to answer"
        );
    }

    #[test]
    fn what_cannot_be_used_is_said_before_it_is_used() {
        for (value, want) in [
            (json!({"kind": "regex", "pattern": "("}), "the pattern cannot be used"),
            (json!({"kind": "length"}), "needs min, max or both"),
            (json!({"kind": "length", "min": 3, "max": 2}), "min 3 is more than max 2"),
            (json!({"kind": "similarity", "at_least": 2.0}), "from 0 to 1"),
            (
                json!({"kind": "json_schema", "schema": {"nullable": true}}),
                "/nullable is a keyword that is not checked",
            ),
            (json!({"kind": "contains", "text": ""}), "the text is empty"),
        ] {
            let problem = check(value.clone()).problem().unwrap_or_default();
            assert!(problem.contains(want), "{value}: {problem}");
        }
        assert_eq!(check(json!({"kind": "json"})).problem(), None);
    }

    proptest! {
        #[test]
        fn similarity_is_symmetric_and_between_0_and_1(a in ".{0,60}", b in ".{0,60}") {
            let found = similarity(&a, &b);
            prop_assert!((0.0..=1.0).contains(&found));
            prop_assert_eq!(found, similarity(&b, &a));
            prop_assert_eq!(similarity(&a, &a), 1.0);
        }
    }
}
