//! A judge that replays replies recorded earlier, through the same engine as a live one.
//!
//! It lets a registry without any endpoint show how a run fills; nothing about it pretends to be live:
//! [`Judge::is_recorded`] is true, and a reply that was never recorded is a named failure.

use super::{CallEvent, Discovery, Judge, JudgeRequest, Outcome, Stop};
use crate::core::digest::{Digest, RowDigest};
use crate::core::verdict::{Reading, State};
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// `(case id, arm, criterion name, repeat)`.
pub type RecordedKey = (String, String, String, u32);

/// Replays stored scores and explanations.
pub struct RecordedJudge {
    name: String,
    replies: HashMap<RecordedKey, (u8, String)>,
    latency_ms: (u64, u64),
}

impl RecordedJudge {
    /// A judge called `name` that knows these replies. Each takes 5 to 30 ms unless [`Self::with_latency`] says else.
    pub fn new(name: impl Into<String>, replies: HashMap<RecordedKey, (u8, String)>) -> Self {
        Self { name: name.into(), replies, latency_ms: (5, 30) }
    }

    /// The least and the most milliseconds a reply takes; which of them a reply takes is fixed by its key.
    #[must_use]
    pub fn with_latency(mut self, least_ms: u64, most_ms: u64) -> Self {
        self.latency_ms = (least_ms, most_ms.max(least_ms));
        self
    }

    /// How many replies are known.
    pub fn len(&self) -> usize {
        self.replies.len()
    }

    /// Whether a reply to this question is known.
    pub fn knows(&self, case: &str, arm: &str, criterion: &str, repeat: u32) -> bool {
        self.replies.contains_key(&(case.to_owned(), arm.to_owned(), criterion.to_owned(), repeat))
    }

    /// Whether none is known.
    pub fn is_empty(&self) -> bool {
        self.replies.is_empty()
    }

    fn latency_of(&self, key: &RecordedKey) -> u64 {
        let (least, most) = self.latency_ms;
        let digest = RowDigest::new("assize.recorded.1")
            .text(&key.0)
            .text(&key.1)
            .text(&key.2)
            .int(i64::from(key.3))
            .finish();
        let roll = digest.as_bytes().iter().take(4).fold(0u64, |n, byte| n << 8 | u64::from(*byte));
        least + roll % (most - least + 1)
    }

    fn replay(&self, key: &RecordedKey, latency_ms: u64) -> Outcome {
        let Some((score, explanation)) = self.replies.get(key) else {
            return Outcome {
                rung: "recorded",
                ..Outcome::failed(State::HttpError, "no recorded reply for this item")
            };
        };
        if !(1..=5).contains(score) || explanation.trim().is_empty() {
            let why = format!("the recorded reply holds no score from 1 to 5 with a reason (score {score})");
            return Outcome { rung: "recorded", ..Outcome::failed(State::Unparseable, why) };
        }
        let reading = Reading {
            score: *score,
            evidence: Vec::new(),
            explanation: explanation.clone(),
            injection_suspected: false,
            repairs: Vec::new(),
        };
        Outcome {
            state: State::Scored,
            raw: json!({"score": score, "explanation": explanation}).to_string().into_bytes(),
            reading: Some(reading),
            latency_ms,
            rung: "recorded",
            model_returned: Some(self.name.clone()),
            ..Outcome::failed(State::Scored, "")
        }
    }
}

impl Judge for RecordedJudge {
    fn name(&self) -> &str {
        &self.name
    }

    fn model(&self) -> &str {
        &self.name
    }

    fn is_recorded(&self) -> bool {
        true
    }

    fn discover<'a>(&'a self, _cancel: &'a CancellationToken) -> BoxFuture<'a, Result<Discovery, Stop>> {
        let notes =
            vec![format!("{} recorded replies; nothing is asked over the network", self.replies.len())];
        Box::pin(std::future::ready(Ok(Discovery {
            calls: 0,
            model_returned: Some(self.name.clone()),
            notes,
        })))
    }

    /// sha256 of `recorded:` and the name.
    fn fingerprint(&self) -> Digest {
        Digest::of(format!("recorded:{}", self.name))
    }

    fn describe(&self) -> Value {
        json!({"name": self.name, "recorded": true, "replies": self.replies.len()})
    }

    fn judge<'a>(
        &'a self,
        request: &'a JudgeRequest,
        _events: &'a (dyn Fn(CallEvent) + Send + Sync),
        cancel: &'a CancellationToken,
    ) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            let key = (
                request.lookup.case_id.clone(),
                request.lookup.arm.clone(),
                request.criterion.name.clone(),
                request.repeat,
            );
            let latency_ms = self.latency_of(&key);
            tokio::select! {
                biased;
                () = cancel.cancelled() => Outcome::failed(State::Cancelled, "the run was cancelled"),
                () = tokio::time::sleep(Duration::from_millis(latency_ms)) => self.replay(&key, latency_ms),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::item::Subject;
    use crate::core::rubric::Criterion;
    use crate::judge::Lookup;
    use serde_json::Map;
    use std::sync::Arc;

    fn request(case: &str, repeat: u32) -> JudgeRequest {
        let subject = Subject {
            prompt: "p".into(),
            vars: Map::new(),
            reference: None,
            tags: Vec::new(),
            cluster: None,
            criterion: None,
            anchors: None,
        };
        let criterion = Criterion {
            name: "quality".into(),
            question: "Good?".into(),
            anchors: ["1", "2", "3", "4", "5"].map(String::from),
            steps: Vec::new(),
            generic: false,
        };
        let lookup = Lookup { case_id: case.into(), arm: "a".into() };
        JudgeRequest::new(Arc::new(subject), "text".into(), Arc::new(criterion), repeat, lookup)
    }

    fn judge() -> RecordedJudge {
        let key = |case: &str| (case.to_owned(), "a".to_owned(), "quality".to_owned(), 0);
        RecordedJudge::new(
            "gpt-4",
            HashMap::from([
                (key("c1"), (4, "clear".to_owned())),
                (key("bad"), (6, "x".to_owned())),
                (key("mute"), (3, " ".to_owned())),
            ]),
        )
    }

    #[tokio::test]
    async fn replays_what_it_knows_and_names_what_it_does_not() {
        let (judge, none, cancel) = (judge(), |_| (), CancellationToken::new());
        let outcome = judge.judge(&request("c1", 0), &none, &cancel).await;
        assert_eq!(outcome.state, State::Scored);
        assert_eq!(outcome.reading.unwrap().score, 4);
        assert!((5..=30).contains(&outcome.latency_ms));
        for (case, repeat, state) in [
            ("c1", 1, State::HttpError),
            ("c2", 0, State::HttpError),
            ("bad", 0, State::Unparseable),
            ("mute", 0, State::Unparseable),
        ] {
            let outcome = judge.judge(&request(case, repeat), &none, &cancel).await;
            assert_eq!((outcome.state, outcome.reading), (state, None), "{case} {repeat}");
        }
        cancel.cancel();
        assert_eq!(judge.judge(&request("c1", 0), &none, &cancel).await.state, State::Cancelled);
    }

    #[test]
    fn its_fingerprint_is_its_name() {
        assert_eq!(judge().fingerprint(), Digest::of("recorded:gpt-4"));
        assert!(judge().is_recorded());
    }
}
