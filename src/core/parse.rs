//! A judge's reply -> a score from 1 to 5 with its reasons, or why there is none.
//!
//! ```text
//! reply -> one code fence off -> balanced top-level objects -> each: strict JSON, else the listed repairs
//!       -> the last one that is a verdict; any other score in the reply that differs -> unread
//! ```
//! A score comes only from a valid object: nothing is clamped, guessed or defaulted. What cannot be read is
//! [`Unread`], whose line is quoted to the judge when it is asked again.

mod json;
mod pair;
pub mod prose;

pub use pair::read_choice;
pub use prose::{read_plain, read_prose};

use super::verdict::Reading;
use json::{Parsed, Scan};
use serde_json::Value;

/// Part of every fingerprint: a reply could be read differently by another version of this reader.
pub const PARSER_VERSION: u32 = 1;

/// Why no score could be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct Unread {
    /// One line, fit to be quoted to the judge; holds nothing of the reply but small JSON values.
    pub why: String,
    /// The reply holds two scores that differ: a sign of a quoted or forged verdict.
    pub conflict: bool,
}

impl Unread {
    fn new(why: impl Into<String>) -> Self {
        Self { why: why.into(), conflict: false }
    }

    fn conflict(why: impl Into<String>) -> Self {
        Self { why: why.into(), conflict: true }
    }
}

/// Reads a judge's reply.
///
/// # Errors
/// [`Unread`] when the reply holds no valid object, a score that is no whole number from 1 to 5, no explanation, or
/// two scores that differ.
pub fn read(content: &str) -> Result<Reading, Unread> {
    let mut repairs = Vec::new();
    let Scan { objects, before, after, .. } = objects_of(content, &mut repairs)?;
    let (reading, object_repairs) = choose(&objects)?;
    if trailing_score_differs(after, reading.score) {
        return Err(Unread::conflict("the reply holds two scores that differ"));
    }
    if !before.is_empty() || !after.is_empty() || objects.len() > 1 {
        note(&mut repairs, "surrounding text");
    }
    for repair in object_repairs {
        note(&mut repairs, repair);
    }
    Ok(Reading { repairs, ..reading })
}

/// The top-level objects of a reply, its thinking and a fence around it taken off; at least one, all closed.
fn objects_of<'t>(content: &'t str, repairs: &mut Vec<String>) -> Result<Scan<'t>, Unread> {
    let text = without_thinking(content.trim_start_matches('\u{feff}').trim(), repairs)?;
    let text = without_fence(text, repairs);
    if text.is_empty() {
        return Err(Unread::new("the reply is empty"));
    }
    let scan = json::scan(text);
    if scan.unclosed {
        return Err(Unread::new("the reply holds a JSON object that is not closed"));
    }
    if scan.objects.is_empty() {
        return Err(Unread::new("the reply holds no JSON object"));
    }
    Ok(scan)
}

fn note(repairs: &mut Vec<String>, repair: &str) {
    if !repairs.iter().any(|known| known == repair) {
        repairs.push(repair.to_owned());
    }
}

/// Reasoning models on local servers put their thinking before the answer; drafts in there are no verdicts.
fn without_thinking<'t>(text: &'t str, repairs: &mut Vec<String>) -> Result<&'t str, Unread> {
    let Some(thinking) = text.strip_prefix("<think>") else { return Ok(text) };
    let (_, answer) =
        thinking.split_once("</think>").ok_or_else(|| Unread::new("the reply ends inside its thinking"))?;
    note(repairs, "thinking");
    Ok(answer.trim())
}

/// Removes one code fence around the whole of `text`.
fn without_fence<'t>(text: &'t str, repairs: &mut Vec<String>) -> &'t str {
    let Some(inner) = text.strip_prefix("```").and_then(|rest| rest.strip_suffix("```")) else { return text };
    // The first line may name a language; anything else on it belongs to the content.
    let word = inner.trim_start_matches(|c: char| c.is_ascii_alphanumeric());
    note(repairs, "fence");
    word.trim()
}

/// The last verdict among `objects`, when no other object of the reply says otherwise.
fn choose(objects: &[&str]) -> Result<(Reading, Vec<&'static str>), Unread> {
    let mut chosen: Option<(Reading, Vec<&'static str>)> = None;
    let mut problem: Option<Unread> = None;
    let mut scores: Vec<Result<u8, Unread>> = Vec::new();
    for text in objects {
        match json::parse(text) {
            Err(()) if text.contains("score") => {
                // The last word on the score cannot be read; an earlier object is not the verdict.
                chosen = None;
                problem = Some(Unread::new("the reply's object is not valid JSON"));
            }
            Err(()) => {
                problem = problem.or_else(|| Some(Unread::new("the reply's object is not valid JSON")))
            }
            Ok(parsed) => {
                let score = parsed.score();
                if let Some(score) = &score {
                    scores.push(score.clone());
                }
                match verdict(&parsed, score) {
                    Ok(reading) => chosen = Some((reading, parsed.repairs)),
                    Err(unread) => problem = Some(unread),
                }
            }
        }
    }
    let Some((reading, repairs)) = chosen else {
        return Err(problem.unwrap_or_else(|| Unread::new("the reply holds no JSON object")));
    };
    if scores.iter().any(|score| score.as_ref() != Ok(&reading.score)) {
        return Err(Unread::conflict("the reply holds two scores that differ"));
    }
    Ok((reading, repairs))
}

fn verdict(parsed: &Parsed, score: Option<Result<u8, Unread>>) -> Result<Reading, Unread> {
    let score = score.ok_or_else(|| Unread::new("the object has no field \"score\""))??;
    let explanation = ["explanation", "reasoning", "reason"]
        .into_iter()
        .filter_map(|key| parsed.get(key).and_then(Value::as_str))
        .find(|text| !text.trim().is_empty())
        .ok_or_else(|| Unread::new("the explanation is missing or empty"))?;
    let evidence = match parsed.get("evidence") {
        Some(Value::Array(quotes)) => quotes.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Some(Value::String(quote)) => vec![quote.clone()],
        _ => Vec::new(),
    };
    Ok(Reading {
        score,
        evidence: evidence.into_iter().filter(|quote: &String| !quote.trim().is_empty()).collect(),
        explanation: explanation.to_owned(),
        injection_suspected: matches!(parsed.get("injection_suspected"), Some(Value::Bool(true)))
            || parsed.get("injection_suspected").and_then(Value::as_str) == Some("true"),
        repairs: Vec::new(),
    })
}

/// A line `SCORE: n` after the object is a second verdict.
fn trailing_score_differs(after: &str, score: u8) -> bool {
    after.lines().filter_map(prose::plain_score).any(|other| other != Ok(score))
}

#[cfg(test)]
mod tests;
