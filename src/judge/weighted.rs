//! The judge's score weighted by its own probabilities, read from a stored reply.
//!
//! The sampled score stands as it is; this one is told beside it, never mixed with it and never in its place.

use crate::core::stats::logprob::{LogprobScore, logprob_score};
use serde_json::Value;

/// The probability-weighted score of a reply whose log probabilities were asked for. `None` where the reply carries none,
/// or none at the score.
///
/// The tokens listed need not line up with the content (some servers list fence tokens that are stripped, and take
/// probabilities before the schema's constraint), so the score's token is the last one that is nothing but the sampled
/// digit: the score is the last field of the answer.
pub fn weighted_score(raw: &[u8], sampled: u8) -> Option<LogprobScore> {
    let reply: Value = serde_json::from_slice(raw).ok()?;
    let tokens = reply.pointer("/choices/0/logprobs/content")?.as_array()?;
    let digit = sampled.to_string();
    let is_it =
        |token: &&Value| token.get("token").and_then(Value::as_str).is_some_and(|t| t.trim() == digit);
    let token = tokens.iter().rev().find(is_it)?;
    // What is above 1 as a probability is none; a little for rounding.
    let log = |t: &Value| t.get("logprob")?.as_f64().filter(|log| *log <= 1e-3);
    let pair = |t: &Value| Some((t.get("token")?.as_str()?.to_owned(), log(t)?));
    let mut top: Vec<(String, f64)> =
        token.get("top_logprobs").and_then(Value::as_array)?.iter().filter_map(pair).collect();
    // Under a schema the chosen token can be missing from its own list.
    if let Some(own) = pair(token)
        && top.iter().all(|(text, _)| *text != own.0)
    {
        top.push(own);
    }
    Some(logprob_score(&top)).filter(|found| found.score.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn reply(tokens: Value) -> Vec<u8> {
        json!({"choices": [{"message": {"content": "..."}, "logprobs": {"content": tokens}}]})
            .to_string()
            .into_bytes()
    }

    fn token(text: &str, top: &[(&str, f64)]) -> Value {
        let top: Vec<Value> = top.iter().map(|(t, p)| json!({"token": t, "logprob": p.ln()})).collect();
        let own = top.iter().find(|t| t["token"] == text).map_or(json!(-0.1), |t| t["logprob"].clone());
        json!({"token": text, "logprob": own, "top_logprobs": top})
    }

    #[test]
    fn the_last_token_that_is_the_score_decides() {
        let raw = reply(json!([
            token("4", &[("4", 0.9)]),
            token(" out", &[(" out", 1.0)]),
            token(" 4", &[(" 4", 0.5), ("5", 0.25), ("3", 0.25)]),
            token("}", &[("}", 1.0)]),
        ]));
        let found = weighted_score(&raw, 4).unwrap();
        assert!((found.score.unwrap() - 4.0).abs() < 1e-12 && (found.mass - 1.0).abs() < 1e-12);
        let skewed = reply(json!([token("4", &[("4", 0.6), ("5", 0.3), ("x", 0.1)])]));
        let found = weighted_score(&skewed, 4).unwrap();
        assert!((found.score.unwrap() - 3.9 / 0.9).abs() < 1e-12 && (found.mass - 0.9).abs() < 1e-12);
    }

    #[test]
    fn without_probabilities_at_the_score_there_is_none() {
        for raw in [
            b"not json".to_vec(),
            json!({"choices": [{"message": {"content": "x"}}]}).to_string().into_bytes(),
            reply(json!([token("3", &[("3", 1.0)])])),
            reply(json!([{"token": "4", "logprob": -0.1}])),
        ] {
            assert_eq!(weighted_score(&raw, 4), None);
        }
    }
}
