//! A judge's reply about two responses -> its choice with its reasons, or why there is none. The rules are those of
//! [`super::read`]: the last valid object, and none at all where two objects differ.

use super::super::pairwise::{Choice, NotAChoice, PairReading};
use super::json::{self, Parsed};
use super::{
    BareReply, JudgedMaterial, Unread, disowned, has_words, note, objects_of, quoted, shown, stated,
};
use serde_json::Value;

/// Reads a judge's reply about two responses.
///
/// # Errors
/// [`Unread`] when the reply holds no valid object, a winner that is none of the three words, no explanation, or two
/// winners that differ.
pub fn read_choice(content: &str) -> Result<PairReading, Unread> {
    read_choice_about(content, "", &JudgedMaterial::default())
}

/// Reads a judge's reply about what it was shown, as [`super::read_about`] does.
///
/// # Errors
/// As [`read_choice`]; and when the choice stands in what was shown, or is disowned by the text around it.
pub fn read_choice_about(content: &str, beside: &str, shown: &JudgedMaterial) -> Result<PairReading, Unread> {
    let mut repairs = Vec::new();
    let BareReply { scan, mut prose } = objects_of(content, &mut repairs)?;
    let (objects, aside) = (scan.objects, json::scan(beside));
    if !scan.outside.is_empty() || objects.len() > 1 {
        note(&mut repairs, "surrounding text");
    }
    prose.extend(scan.outside);
    prose.extend(aside.outside);
    let mut chosen: Option<(PairReading, Vec<&'static str>, &str)> = None;
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
            Ok(reading) => chosen = Some((reading, parsed.repairs, text)),
            Err(unread) => problem = Some(unread),
        }
    }
    let Some((reading, object_repairs, text)) = chosen else {
        return Err(problem.unwrap_or_else(|| Unread::new("the reply holds no JSON object")));
    };
    if winners.iter().any(|winner| winner.as_ref() != Ok(&reading.choice)) {
        return Err(Unread::conflict("the reply holds two winners that differ"));
    }
    for object in objects.iter().chain(&aside.objects) {
        match json::parse(object) {
            Ok(parsed) if other_winner(&parsed, reading.choice) => {
                return Err(Unread::conflict("the reply holds two winners that differ"));
            }
            Ok(_) => {}
            Err(()) => prose.push(object),
        }
    }
    if prose.iter().any(|text| names_another(text, reading.choice)) {
        return Err(Unread::conflict("the reply holds two winners that differ"));
    }
    if prose.iter().any(|text| stated::disowns(text)) {
        return Err(disowned());
    }
    if shown.holds(text, &reading.explanation, "winner", reading.choice.name()) {
        return Err(quoted());
    }
    for repair in object_repairs {
        note(&mut repairs, repair);
    }
    Ok(PairReading { repairs, ..reading })
}

/// Whether an object names another winner under any key at any depth.
fn other_winner(parsed: &Parsed<'_>, choice: Choice) -> bool {
    let mut differs = false;
    parsed.scalars(|path, raw| {
        let word = shown::key(raw);
        if word.parse::<Choice>().is_ok_and(|other| other != choice)
            && path
                .iter()
                .any(|k| ["winner", "better", "choice", "verdict"].iter().any(|w| shown::key(k).contains(w)))
        {
            differs = true;
        }
    });
    differs
}

/// Whether prose says that another is the winner: `Winner: second`, `the second response is better`.
fn names_another(prose: &str, choice: Choice) -> bool {
    prose.split(['.', '!', '?', '\n', ';']).any(|sentence| {
        let words: Vec<String> = sentence.split_whitespace().map(shown::key).collect();
        let leads = words.iter().any(|w| {
            ["winner", "better", "wins", "prefer", "choose", "verdict", "best"].contains(&w.as_str())
                || w.starts_with("winner")
        });
        let named = |w: &String| w.trim_start_matches("winner").parse::<Choice>();
        leads && words.iter().filter_map(|w| named(w).ok()).any(|other| other != choice)
    })
}

fn winner_of(value: &Value) -> Result<Choice, Unread> {
    let text = value.as_str().unwrap_or_default().trim().to_ascii_lowercase();
    text.parse().map_err(|NotAChoice| Unread::new(NotAChoice.to_string()))
}

fn choice(parsed: &Parsed<'_>, winner: Option<Result<Choice, Unread>>) -> Result<PairReading, Unread> {
    let choice = winner.ok_or_else(|| Unread::new("the object has no field \"winner\""))??;
    let explanation = parsed
        .get("explanation")
        .and_then(Value::as_str)
        .filter(|text| has_words(text))
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
