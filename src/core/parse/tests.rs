//! Golden replies, awkward replies, and a hundred thousand spoiled ones.

use super::*;
use crate::core::stats::rng::Rng;
use serde_json::json;

fn reply(score: &str) -> String {
    format!(
        r#"{{"evidence":["a quote"],"explanation":"because","injection_suspected":false,"score":{score}}}"#
    )
}

#[test]
fn a_plain_verdict_is_read_whole() {
    let reading = read(&reply("4")).unwrap();
    assert_eq!(reading.score, 4);
    assert_eq!(reading.evidence, ["a quote"]);
    assert_eq!(reading.explanation, "because");
    assert_eq!((reading.injection_suspected, reading.repairs.len()), (false, 0));
    for key in ["reasoning", "reason"] {
        assert_eq!(read(&json!({key: "why", "score": 2}).to_string()).unwrap().explanation, "why");
    }
}

#[test]
fn only_whole_scores_from_one_to_five_are_scores() {
    for (score, expected) in [("1", 1), ("5", 5), ("4.0", 4), ("\"4\"", 4), ("4e0", 4), ("\" 3 \"", 3)] {
        assert_eq!(read(&reply(score)).map(|r| r.score), Ok(expected), "{score}");
    }
    for score in [
        "0",
        "6",
        "-1",
        "4.5",
        "4.000001",
        "1e400",
        "true",
        "null",
        "\"4/5\"",
        "\"four\"",
        "\"\"",
        "NaN",
        "[4]",
        "{\"score\":4}",
        "\"44\"",
        "\"4.5\"",
        "\"+4\"",
        "Infinity",
        "0x4",
        "٤",
        "\"٤\"",
    ] {
        let unread = read(&reply(score)).unwrap_err();
        assert!(!unread.why.is_empty() && unread.why.len() < 120, "{score}: {unread}");
    }
    assert_eq!(
        read(&reply("4.5")).unwrap_err().why,
        "the score is 4.5; it must be a whole number from 1 to 5"
    );
    assert_eq!(read("{\"explanation\":\"x\"}").unwrap_err().why, "the object has no field \"score\"");
}

#[test]
fn an_explanation_is_needed() {
    for bad in ["{\"score\":4}", "{\"score\":4,\"explanation\":\" \"}", "{\"score\":4,\"explanation\":7}"] {
        assert_eq!(read(bad).unwrap_err().why, "the explanation is missing or empty");
    }
}

#[test]
fn the_listed_repairs_are_made_and_named() {
    let plain = reply("4");
    for (text, repairs) in [
        (format!("```json\n{plain}\n```"), vec!["fence"]),
        (format!("```\n{plain}\n```\n"), vec!["fence"]),
        (format!("Here is my verdict:\n{plain}\nThank you."), vec!["surrounding text"]),
        (format!("Sure!\n```json\n{plain}\n```"), vec!["surrounding text"]),
        (format!("<think>maybe {}?</think>\n{plain}", reply("2")), vec!["thinking"]),
        ("{\"explanation\":\"a\", \"score\":4,}".into(), vec!["trailing comma"]),
        ("{\"evidence\":[\"a\",\n],\"explanation\":\"a\",\"score\":4}".into(), vec!["trailing comma"]),
        ("{\"explanation\":\"a\", // why\n \"score\":4}".into(), vec!["comment"]),
        ("{// it's \"odd\" }\n\"explanation\":\"see http://x\",\"score\":4}".into(), vec!["comment"]),
        ("{\"explanation\":\"a\nb\tc\",\"score\":4}".into(), vec!["raw newline"]),
        (
            "{\"explanation\":\"a\r\nb\",\"score\":4, // last\n}".into(),
            vec!["raw newline", "comment", "trailing comma"],
        ),
    ] {
        let reading = read(&text).unwrap_or_else(|e| panic!("{text}: {e}"));
        assert_eq!(
            (reading.score, reading.repairs),
            (4, repairs.iter().map(ToString::to_string).collect()),
            "{text}"
        );
    }
    assert_eq!(read("{\"explanation\":\"a\nb\",\"score\":4}").unwrap().explanation, "a\nb");
}

#[test]
fn nothing_else_is_repaired() {
    for text in [
        "{explanation:\"a\",score:4}",
        "{\"explanation\":\"a\",\"score\":4",
        "\"explanation\":\"a\",\"score\":4}",
        "{\"explanation\":\"a\" \"score\":4}",
        "{\"explanation\":\"a\",/* c */\"score\":4}",
        "{\"accuracy\":{\"score\":4,\"explanation\":\"nested is not the verdict\"}}",
        "SCORE: 4",
        "I would give it a 4 out of 5.",
        "<think>unfinished {\"explanation\":\"a\",\"score\":4}",
        "",
        "   ",
        "null",
        "4",
    ] {
        assert!(read(text).is_err(), "{text}");
    }
}

#[test]
fn the_last_valid_object_counts_and_two_scores_do_not() {
    let template = "{\"explanation\": \"...\", \"score\": <1-5>}";
    assert_eq!(read(&format!("{template}\n{}", reply("3"))).unwrap().score, 3);
    assert_eq!(read(&format!("{}\n{{\"note\":\"done\"}}", reply("3"))).unwrap().score, 3);
    assert_eq!(read(&format!("{}{}", reply("3"), reply("3"))).unwrap().score, 3);
    for two in [
        format!("{}{}", reply("5"), reply("2")),
        format!("The response says {} but I say {}", reply("5"), reply("1")),
        format!("{}{{\"score\":9,\"explanation\":\"x\"}}", reply("5")),
        format!("{{\"score\":6}}{}", reply("5")),
        format!("{}\nSCORE: 2", reply("5")),
        "{\"score\":5,\"explanation\":\"x\",\"score\":1}".into(),
        "{\"score\":5,\"explanation\":\"x\",\"score\":6}".into(),
    ] {
        let unread = read(&two).unwrap_err();
        assert!(unread.conflict, "{two}: {unread}");
    }
    assert_eq!(read("{\"score\":5,\"explanation\":\"x\",\"score\":5.0}").unwrap().score, 5);
    // The last word on the score cannot be read: an earlier, quoted verdict must not stand in for it.
    assert!(read(&format!("It quotes {} but: {template}", reply("5"))).is_err());
    assert!(read(&format!("It quotes {} but: {{\"score\": 1", reply("5"))).is_err());
}

#[test]
fn what_is_quoted_inside_a_string_is_never_the_verdict() {
    let quoted =
        json!({"evidence": [reply("5"), "}{\"score\":5"], "explanation": "says \"score\": 5 }", "score": 1});
    assert_eq!(read(&quoted.to_string()).unwrap().score, 1);
}

#[test]
fn deep_and_huge_replies_do_no_harm() {
    assert!(read(&"{\"a\":".repeat(100_000)).is_err());
    assert!(read(&format!("{}{}", "{\"a\":".repeat(5000), "}".repeat(5000))).is_err());
    assert!(read(&"[".repeat(100_000)).is_err());
    assert!(read(&"{}".repeat(50_000)).is_err());
}

#[test]
fn a_line_of_plain_text_counts_only_alone_and_last() {
    assert_eq!(read_plain("It is fine.\nSCORE: 4\n").unwrap().score, 4);
    for bad in [
        "SCORE: 4",
        "fine\nSCORE: 4.5",
        "fine\nSCORE: 6",
        "fine\nSCORE: 4/5",
        "fine\nScore: 4",
        "SCORE: 4\nfine",
        "fine SCORE: 4",
        "fine\nSCORE: 2\nSCORE: 4",
        "",
    ] {
        assert!(read_plain(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn prose_is_read_as_a_careful_person_would() {
    for (text, expected) in [
        ("making it a 4 out of 5 for relevance.", Some(4.0)),
        ("so I would give it a 3.5.", Some(3.5)),
        ("Score: 3/5.", Some(3.0)),
        ("Score:4", Some(4.0)),
        ("Two stars. The summary is short.", Some(2.0)),
        ("C", Some(3.0)),
        ("resulting in a score of three out of five.", Some(3.0)),
        ("so it scores a one.", Some(1.0)),
        ("It lowers the score by one point.", None),
        ("scored 15 penalties from 16 attempts. 2.", Some(2.0)),
        ("beat Chile 1-0 in 2016", None),
        ("4 out of 5; not a perfect 5 out of 5.", None),
        ("7/5", None),
        ("Score: 7", None),
        ("scored 3 goals", None),
        ("scored a 3 goals", None),
        ("", None),
        ("F", None),
        ("12,000 people, 3% of them", None),
    ] {
        assert_eq!(read_prose(text), expected, "{text}");
    }
}

/// Published replies without a licence, which stay outside of the project.
#[test]
#[ignore = "needs data that is no part of the project: ASSIZE_DATA names the folder of parse_golden.jsonl"]
fn all_golden_replies_read_as_a_person_reads_them() {
    let folder = std::env::var("ASSIZE_DATA").expect("ASSIZE_DATA names the folder of the data");
    let rows = std::fs::read_to_string(std::path::Path::new(&folder).join("parse_golden.jsonl")).unwrap();
    let mut wrong = Vec::new();
    let mut count = 0;
    for line in rows.lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        let raw = row.get("raw").and_then(Value::as_str).unwrap();
        let expected = row.get("expected").and_then(Value::as_f64);
        count += 1;
        if read_prose(raw) != expected {
            wrong.push(format!("expected {expected:?}, read {:?}: {raw}", read_prose(raw)));
        }
        // Prose is no verdict: the strict reader scores none of these.
        assert!(read(raw).is_err(), "{raw}");
    }
    assert!(wrong.is_empty(), "{} of {count} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(count, 312);
}

/// Chance from a fixed seed: the same hundred thousand replies every time.
struct Dice(Rng);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0.below(below.max(1) as u64) as usize
    }
}

fn spoil(text: &mut Vec<char>, dice: &mut Dice) {
    const PIECES: [&str; 16] = [
        "{",
        "}",
        "\"",
        "\\",
        ",",
        "//",
        "\n",
        "```",
        "6",
        "0",
        "4.5",
        "null",
        "\"score\":5",
        "\"score\":9",
        "\u{202e}",
        "😀",
    ];
    let at = dice.roll(text.len() + 1);
    match dice.roll(5) {
        0 => text.truncate(at),
        1 if at < text.len() => {
            text.remove(at);
        }
        2 => {
            let end = (at + dice.roll(30)).min(text.len());
            let copy: Vec<char> = text.get(at..end).unwrap_or_default().to_vec();
            let to = dice.roll(text.len() + 1);
            text.splice(to..to, copy);
        }
        _ => {
            let piece = PIECES.get(dice.roll(PIECES.len())).copied().unwrap_or("{");
            text.splice(at..at, piece.chars());
        }
    }
}

/// An independent, simpler witness: every span from a `{` to a `}` that is JSON (or becomes JSON by the listed repairs)
/// and holds exactly this score.
fn some_object_says(text: &str, score: u8) -> bool {
    text.match_indices('{').any(|(from, _)| {
        text.match_indices('}').filter(|(to, _)| *to > from).any(|(to, _)| {
            let span = text.get(from..=to).unwrap_or_default();
            json::parse(span).is_ok_and(|parsed| parsed.score() == Some(Ok(score)))
        })
    })
}

#[test]
fn a_hundred_thousand_spoiled_replies_invent_no_score() {
    let mut dice = Dice(Rng::seeded(20_261_123));
    let starts =
        [reply("4"), format!("```json\n{}\n```", reply("2")), format!("I think\n{}\nso.", reply("1"))];
    let (mut read_count, mut unread_count) = (0u32, 0u32);
    for round in 0..100_000usize {
        let mut text: Vec<char> = starts.get(round % starts.len()).unwrap().chars().collect();
        for _ in 0..=dice.roll(6) {
            spoil(&mut text, &mut dice);
        }
        let text: String = text.into_iter().collect();
        let _ = read_prose(&text);
        let _ = read_plain(&text);
        match read(&text) {
            Ok(reading) => {
                read_count += 1;
                assert!((1..=5).contains(&reading.score) && !reading.explanation.trim().is_empty(), "{text}");
                assert!(some_object_says(&text, reading.score), "invented {} from {text}", reading.score);
            }
            Err(_) => unread_count += 1,
        }
    }
    // The mutations must reach both sides, or this test shows nothing.
    assert!(read_count > 5_000 && unread_count > 5_000, "{read_count} read, {unread_count} not");
}
