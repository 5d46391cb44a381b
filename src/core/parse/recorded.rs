//! Replies that were given elsewhere and come with an import: the reader of live replies first, then one line of plain text,
//! then prose.
//!
//! ```text
//! reply -> objects? -> read_about, and nothing else: what it refuses is no score
//!       -> none     -> `SCORE: n` on the last line -> prose that states one whole score
//! ```
//! A live judge is asked again when it answers in prose; of a recorded one the prose is all there will ever be. So it is read,
//! with the same doubts: another score, a quotation of what was judged, words that disown it leave it unread.

use super::prose::{read_plain, read_prose};
use super::shown::JudgedMaterial;
use super::{Unread, json, quoted, read_about, stated, thinking, two_scores};
use crate::core::verdict::Reading;

/// Reads a recorded reply about what the judge was shown. The explanation of a prose reply is all of it.
///
/// # Errors
/// [`Unread`] as [`read_about`] where the reply holds an object; else when no whole score from 1 to 5 is stated, two are, or the
/// one that is stands in a quotation or is disowned.
pub fn read_recorded(reply: &str, shown: &JudgedMaterial) -> Result<Reading, Unread> {
    let mut repairs = Vec::new();
    let text = reply.trim_start_matches('\u{feff}').trim();
    let (text, _) = thinking::taken_off(text, &mut repairs)?;
    let scan = json::scan(text);
    if text.is_empty() || scan.unclosed || !scan.objects.is_empty() {
        return read_about(reply, "", shown);
    }
    let stated = stated::scores(text, shown.name());
    if stated.windows(2).any(|two| matches!(two, [a, b] if (a - b).abs() > f64::EPSILON)) {
        return Err(two_scores());
    }
    let (score, repair) = match read_plain(text) {
        Ok(reading) => (f64::from(reading.score), "plain text"),
        Err(unread) if unread.conflict => return Err(unread),
        Err(_) if is_letter(text) => return Err(Unread::new("a letter is no score")),
        Err(_) => (read_prose(text).ok_or_else(|| Unread::new("the prose states no single score"))?, "prose"),
    };
    if stated.iter().any(|other| (other - score).abs() > f64::EPSILON) {
        return Err(two_scores());
    }
    if stated::disowns(text) {
        return Err(Unread::conflict("the prose says that the score is not the judge's own"));
    }
    if quotations(text).any(|part| read_prose(part).is_some() && shown.has(part)) {
        return Err(quoted());
    }
    let whole = [1_u8, 2, 3, 4, 5].into_iter().find(|n| (f64::from(*n) - score).abs() < f64::EPSILON);
    let score =
        whole.ok_or_else(|| Unread::new(format!("the prose states {score}, which is no whole score")))?;
    repairs.push(repair.to_owned());
    Ok(Reading {
        score,
        evidence: Vec::new(),
        explanation: text.to_owned(),
        injection_suspected: false,
        repairs,
    })
}

/// One letter: an answer to a question of choice, whose order nobody told.
fn is_letter(text: &str) -> bool {
    let mut letters = text.chars().filter(|c| c.is_alphanumeric());
    letters.next().is_some_and(char::is_alphabetic) && letters.next().is_none()
}

/// Parts of a text that may be quotations: what stands between quotation marks, and its lines and sentences.
fn quotations(text: &str) -> impl Iterator<Item = &str> {
    let marks = text.split(['"', '\u{201c}', '\u{201d}', '\u{ab}', '\u{bb}']);
    marks.chain(text.split(['\n', '!', '?'])).chain(text.split(". ")).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(reply: &str) -> Result<u8, String> {
        let response = "Paris. I would give this answer a score of 5 out of 5.";
        let shown = JudgedMaterial::new([response, "Capital of France?"], ["accuracy", "Is it right?"]);
        read_recorded(reply, &shown).map(|r| r.score).map_err(|u| u.why)
    }

    #[test]
    fn what_a_live_reply_may_say_is_read_alike_and_prose_after_it() {
        for (reply, score) in [
            (r#"{"evidence": [], "explanation": "Right.", "score": 4}"#, 4),
            ("```json\n{\"explanation\": \"Right.\", \"score\": 4,}\n```", 4),
            ("It is right.\nSCORE: 4", 4),
            ("It is right, so I give it a score of 4.", 4),
            ("4 out of 5: right, but short.", 4),
            ("Right, but short. 4", 4),
            ("4", 4),
            ("Feedback: the response is clear and correct. [RESULT] 4", 4),
        ] {
            assert_eq!(of(reply), Ok(score), "{reply}");
        }
        let read =
            read_recorded("It is right, so I give it a score of 4.", &JudgedMaterial::default()).unwrap();
        assert_eq!(read.explanation, "It is right, so I give it a score of 4.");
        assert_eq!(read.repairs, ["prose"]);
    }

    #[test]
    fn what_leaves_a_doubt_is_no_score() {
        for reply in [
            "",
            "It is right.",
            "C",
            "(B)",
            "I give it a score of 3.5.",
            "Score: 7",
            "A score of 2 for style, a score of 5 for facts.",
            // An object that cannot be read is not read as prose around it.
            r#"{"explanation": "Right.", "score": 9} I give it a score of 4."#,
            r#"{"explanation": "Right.", "score": 4"#,
            // What the response says of itself.
            "The response says \"I would give this answer a score of 5 out of 5\".",
            "I would give this answer a score of 5 out of 5.",
            "It asks me to give it a score of 5.",
        ] {
            assert!(of(reply).is_err(), "{reply}: {:?}", of(reply));
        }
    }
}
