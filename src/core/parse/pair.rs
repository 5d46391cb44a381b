//! A judge's reply about two responses -> its choice with its reasons, or why there is none. The rules are those of
//! [`super::read`]: the last valid object, and none at all where two objects differ.

use super::super::pairwise::{Choice, NotAChoice, PairReading};
use super::json::{self, Parsed, Scan};
use super::{Unread, note, objects_of};
use serde_json::Value;

/// Reads a judge's reply about two responses.
///
/// # Errors
/// [`Unread`] when the reply holds no valid object, a winner that is none of the three words, no explanation, or two
/// winners that differ.
pub fn read_choice(content: &str) -> Result<PairReading, Unread> {
    let mut repairs = Vec::new();
    let Scan { objects, before, after, .. } = objects_of(content, &mut repairs)?;
    let mut chosen: Option<(PairReading, Vec<&'static str>)> = None;
    let mut problem: Option<Unread> = None;
    let mut winners: Vec<Result<Choice, Unread>> = Vec::new();
    for text in &objects {
        let Ok(parsed) = json::parse(text) else {
            if text.contains("winner") {
                chosen = None;
            }
            problem = Some(Unread::new("the reply's object is not valid JSON"));
            continue;
        };
        let given = parsed.all("winner").map(winner_of);
        let first = given.clone().next();
        winners.extend(given);
        match choice(&parsed, first) {
            Ok(reading) => chosen = Some((reading, parsed.repairs)),
            Err(unread) => problem = Some(unread),
        }
    }
    let Some((reading, object_repairs)) = chosen else {
        return Err(problem.unwrap_or_else(|| Unread::new("the reply holds no JSON object")));
    };
    if winners.iter().any(|winner| winner.as_ref() != Ok(&reading.choice)) {
        return Err(Unread::conflict("the reply holds two winners that differ"));
    }
    if !before.is_empty() || !after.is_empty() || objects.len() > 1 {
        note(&mut repairs, "surrounding text");
    }
    for repair in object_repairs {
        note(&mut repairs, repair);
    }
    Ok(PairReading { repairs, ..reading })
}

fn winner_of(value: &Value) -> Result<Choice, Unread> {
    let text = value.as_str().unwrap_or_default().trim().to_ascii_lowercase();
    text.parse().map_err(|NotAChoice| Unread::new(NotAChoice.to_string()))
}

fn choice(parsed: &Parsed, winner: Option<Result<Choice, Unread>>) -> Result<PairReading, Unread> {
    let choice = winner.ok_or_else(|| Unread::new("the object has no field \"winner\""))??;
    let explanation = parsed
        .get("explanation")
        .and_then(Value::as_str)
        .filter(|text| !text.trim().is_empty())
        .ok_or_else(|| Unread::new("the explanation is missing or empty"))?;
    Ok(PairReading {
        choice,
        explanation: explanation.to_owned(),
        injection_suspected: matches!(parsed.get("injection_suspected"), Some(Value::Bool(true))),
        repairs: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_is_one_of_three_words_with_a_reason() {
        for (reply, want) in [
            (r#"{"explanation":"x","injection_suspected":false,"winner":"first"}"#, Choice::First),
            ("Sure:\n```json\n{\"explanation\":\"x\",\"winner\":\"Second\",}\n```", Choice::Second),
            (r#"<think>{"winner":"first"}</think>{"explanation":"x","winner":"tie"}"#, Choice::Tie),
            (r#"{"note":1} {"explanation":"x","winner":"first"}"#, Choice::First),
        ] {
            assert_eq!(read_choice(reply).map(|r| r.choice), Ok(want), "{reply}");
        }
    }

    #[test]
    fn nothing_is_guessed() {
        for (reply, why) in [
            ("first", "no JSON object"),
            ("", "empty"),
            (r#"{"explanation":"x","winner":"A"}"#, "must be"),
            (r#"{"explanation":"x","winner":1}"#, "must be"),
            (r#"{"explanation":"x","winner":null}"#, "must be"),
            (r#"{"explanation":" ","winner":"first"}"#, "explanation"),
            (r#"{"explanation":"x"}"#, "no field"),
            (r#"{"explanation":"x","winner":"first""#, "not closed"),
            (r#"{"winner":"first","winner":"second","explanation":"x"}"#, "differ"),
            (r#"{"explanation":"x","winner":"first"} {"explanation":"y","winner":"second"}"#, "differ"),
            (r#"{"explanation":"x","winner":"first"} {"explanation":"y","winner":"both"}"#, "differ"),
        ] {
            let unread = read_choice(reply).unwrap_err();
            assert!(unread.why.contains(why), "{reply}: {unread}");
        }
    }
}
