//! A judge's reply -> a score from 1 to 5 with its reasons, or why there is none.
//!
//! ```text
//! reply -> thinking and one code fence off -> balanced top-level objects -> each: strict JSON, else the listed repairs
//!       -> the last one that is a verdict; any other score in the reply that differs -> unread
//!       -> what stands in the judged material, or is disowned by the text around it -> unread
//! ```
//! A score comes only from a valid object: nothing is clamped, guessed or defaulted. What cannot be read is
//! [`Unread`], whose line is quoted to the judge when it is asked again.

mod json;
mod label;
mod mend;
mod pair;
pub mod prose;
mod recorded;
mod refusal;
mod shown;
mod stated;
mod thinking;
mod walker;
mod wrapped;

pub use label::{contradicts_label, quoted_labels, read_label_about};
pub use pair::{read_choice, read_choice_about};
pub use prose::{read_plain, read_prose};
pub use recorded::read_recorded;
pub use refusal::is_refusal;
pub use shown::JudgedMaterial;

use super::verdict::Reading;
use json::{Parsed, Scan};
use serde_json::Value;

/// Part of every fingerprint: a reply could be read differently by another version of this reader.
pub const PARSER_VERSION: u32 = 2;

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
    read_about(content, "", &JudgedMaterial::default())
}

/// Reads a judge's reply about what it was shown. `beside` is what the reply says in another place (content beside a
/// tool call): it holds no verdict, and must not contradict one.
///
/// # Errors
/// As [`read`]; and when the verdict stands in what was shown, answers another criterion, or is disowned by the text
/// around it.
pub fn read_about(content: &str, beside: &str, shown: &JudgedMaterial) -> Result<Reading, Unread> {
    let mut repairs = Vec::new();
    let decoded = wrapped::decoded(content);
    if decoded.is_some() {
        note(&mut repairs, wrapped::ENCODED_TWICE);
    }
    let BareReply { scan, mut prose } = objects_of(decoded.as_deref().unwrap_or(content), &mut repairs)?;
    let unwrapped = wrapped::unwrapped(&scan.objects, shown);
    let scan = match &unwrapped {
        Some((inner, how)) => {
            note(&mut repairs, how);
            Scan { objects: vec![inner], ..scan }
        }
        None => scan,
    };
    let (reading, object_repairs, text) = choose(&scan.objects, shown)?;
    if !scan.outside.is_empty() || scan.objects.len() > 1 {
        note(&mut repairs, "surrounding text");
    }
    prose.extend(scan.outside);
    let aside = json::scan(beside);
    prose.extend(aside.outside);
    for object in scan.objects.iter().chain(&aside.objects) {
        match json::parse(object) {
            Ok(parsed) if other_score(&parsed, reading.score, shown) => return Err(two_scores()),
            Ok(_) => {}
            // What is no JSON is prose: it may state a score.
            Err(()) => prose.push(object),
        }
    }
    let differs = |score: &f64| (score - f64::from(reading.score)).abs() > f64::EPSILON;
    if prose.iter().any(|text| stated::scores(text, shown.name()).iter().any(differs)) {
        return Err(two_scores());
    }
    if prose.iter().any(|text| stated::disowns(text)) {
        return Err(disowned());
    }
    if shown.holds(text, &reading.explanation, "score", &reading.score.to_string()) {
        return Err(quoted());
    }
    for repair in object_repairs {
        note(&mut repairs, repair);
    }
    Ok(Reading { repairs, ..reading })
}

/// Whether the explanation states a score, and never the one that is given: `it earns a score of 1` beside a 5. Words that speak
/// of scores which are not given (`not a 5`, `asks for a 5`) leave no doubt.
pub fn contradicts(reading: &Reading, criterion: &str) -> bool {
    const SPEAKS_OF_OTHERS: [&str; 9] =
        ["not a", "n't", "instead of", "rather than", "claim", "asks", "demand", "would be", "dictat"];
    let lower = reading.explanation.to_lowercase();
    if SPEAKS_OF_OTHERS.iter().any(|words| lower.contains(words)) {
        return false;
    }
    let stated = stated::scores(&reading.explanation, Some(&shown::key(criterion)));
    !stated.is_empty() && stated.iter().all(|score| (score - f64::from(reading.score)).abs() > f64::EPSILON)
}

fn two_scores() -> Unread {
    Unread::conflict("the reply holds two scores that differ")
}

fn disowned() -> Unread {
    Unread::conflict("the text around the object says that it is not the judge's own answer")
}

fn quoted() -> Unread {
    Unread::conflict("the object stands in the judged material; a quoted verdict is no verdict")
}

/// Whether an object gives another score under any key at any depth.
fn other_score(parsed: &Parsed<'_>, score: u8, shown: &JudgedMaterial) -> bool {
    let mut differs = false;
    parsed.scalars(|path, raw| {
        // The root has no key.
        let keys = path.get(1..).unwrap_or_default();
        if stated::scalar(raw).is_some_and(|other| (other - f64::from(score)).abs() > f64::EPSILON)
            && stated::is_score_path(keys, shown.name())
        {
            differs = true;
        }
    });
    differs
}

/// What a reply holds once its thinking and its fence are off.
struct BareReply<'t> {
    scan: Scan<'t>,
    /// Text before the thinking.
    prose: Vec<&'t str>,
}

/// The top-level objects of a reply, its thinking and a fence around it taken off; at least one, all closed.
fn objects_of<'t>(content: &'t str, repairs: &mut Vec<String>) -> Result<BareReply<'t>, Unread> {
    let text = content.trim_start_matches('\u{feff}').trim();
    let (text, before) = thinking::taken_off(text, repairs)?;
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
    Ok(BareReply { scan, prose: if before.is_empty() { Vec::new() } else { vec![before] } })
}

fn note(repairs: &mut Vec<String>, repair: &str) {
    if !repairs.iter().any(|known| known == repair) {
        repairs.push(repair.to_owned());
    }
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
fn choose<'t>(
    objects: &[&'t str],
    shown: &JudgedMaterial,
) -> Result<(Reading, Vec<&'static str>, &'t str), Unread> {
    let mut chosen: Option<(Reading, Vec<&'static str>, &'t str)> = None;
    let mut problem: Option<Unread> = None;
    let mut scores: Vec<Result<u8, Unread>> = Vec::new();
    for text in objects {
        match json::parse(text) {
            Err(()) if text.to_ascii_lowercase().contains("score") => {
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
                match verdict(&parsed, score, shown) {
                    Ok(reading) => {
                        let mut repairs = parsed.repairs.clone();
                        let recased =
                            ["score", "explanation", "evidence"].iter().any(|key| parsed.is_recased(key));
                        repairs.extend(recased.then_some("key names"));
                        chosen = Some((reading, repairs, text));
                    }
                    Err(unread) => problem = Some(unread),
                }
            }
        }
    }
    let Some((reading, repairs, text)) = chosen else {
        return Err(problem.unwrap_or_else(|| Unread::new("the reply holds no JSON object")));
    };
    if scores.iter().any(|score| score.as_ref() != Ok(&reading.score)) {
        return Err(two_scores());
    }
    Ok((reading, repairs, text))
}

/// Keys under which judges write why, the one that is asked for first.
const EXPLANATIONS: [&str; 7] =
    ["explanation", "reasoning", "reason", "rationale", "feedback", "justification", "analysis"];

fn verdict(
    parsed: &Parsed<'_>,
    score: Option<Result<u8, Unread>>,
    shown: &JudgedMaterial,
) -> Result<Reading, Unread> {
    let score = score.ok_or_else(|| Unread::new("the object has no field \"score\""))??;
    let foreign = |(name, value): (&str, &Value)| {
        let begins = name.trim_start().chars().next().map(shown::plain);
        matches!(begins, Some('c' | 'C'))
            && matches!(shown::key(name).as_str(), "criterion" | "criterionname")
            && value.as_str().is_some_and(|given| !shown.asks(given))
    };
    if parsed.fields().any(foreign) {
        return Err(Unread::conflict("the object answers another criterion than the one asked"));
    }
    if let Some(why) = wrapped::other_scale(parsed, score) {
        return Err(Unread::new(why));
    }
    explained(parsed, score)
}

/// What an object says beside its score or its label's level: why, with quotations.
fn explained(parsed: &Parsed<'_>, score: u8) -> Result<Reading, Unread> {
    let explanation = EXPLANATIONS
        .into_iter()
        .filter_map(|key| parsed.get(key).and_then(Value::as_str))
        .find(|text| has_words(text))
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

/// Whether a text says anything: a letter or digit that a reader sees.
fn has_words(text: &str) -> bool {
    text.chars().any(|c| c.is_alphanumeric() && !shown::is_unseen(c))
}

#[cfg(test)]
mod lies;
#[cfg(test)]
mod tests;
