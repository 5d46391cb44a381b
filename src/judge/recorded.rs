//! A judge that replays replies recorded earlier, through the same engine as a live one.
//!
//! ```text
//! (response digest, criterion version, repeat) -> recordings of ONE judge
//!      this very place (set, case, arm) -> else the same prompt -> else none: another question's reply is no reply
//!      all alike: that one, a failure as the failure it was;  unlike: unparseable, with the places
//! ```
//! It lets a registry without any endpoint show how a run fills; nothing about it pretends to be live:
//! [`Judge::is_recorded`] is true, and a reply that was never recorded is a named failure.

use super::{CallEvent, Discovery, Judge, JudgeRequest, Lookup, Outcome, Stop};
use crate::core::digest::{Digest, RowDigest};
use crate::core::rubric::Criterion;
use crate::core::verdict::{Reading, VerdictState};
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How a replayed outcome names the way it came by.
pub const RUNG: &str = "recorded";

/// What a recorded reply answered: a text and a question, never a case's id or a criterion's name alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RecordedKey {
    /// Of the response's text.
    pub response: Digest,
    /// The criterion's version.
    pub criterion: Digest,
    /// Which of several passes, from 0.
    pub repeat: u32,
}

/// A reply as it was recorded: a score with its reasons, or the failure it was.
#[derive(Debug, Clone, PartialEq)]
pub struct Recording {
    /// How it ended.
    pub state: VerdictState,
    /// Present exactly when scored; its explanation may be empty.
    pub reading: Option<Reading>,
    /// What went wrong, for failures.
    pub reason: String,
    /// The reply's bytes, where they were kept.
    pub raw: Option<Vec<u8>>,
    /// Where the response stood; `None` where that is not known.
    pub place: Option<Lookup>,
    /// Digest of the prompt that the response answered; `None`, which fits any, where that is not known.
    pub prompt: Option<Digest>,
    /// What people look it up by: the run it was imported as.
    pub source: String,
}

/// What is known of a question.
#[derive(Debug, PartialEq)]
pub enum RecordedAnswer<'a> {
    /// It was never recorded.
    Nothing,
    /// This text was recorded under this criterion, but as the answer to another prompt.
    OtherPrompt,
    /// It was recorded, once or always with the same result.
    Reply(&'a Recording),
    /// It was recorded with different results.
    Conflict(Vec<&'a Recording>),
}

/// Replays what one judge said.
pub struct RecordedJudge {
    of: String,
    name: String,
    replies: HashMap<RecordedKey, Vec<Recording>>,
    latency_ms: (u64, u64),
}

impl RecordedJudge {
    /// Knows nothing yet of what the judge called `of` said; its own name is `recorded:` and that. Each reply takes 5 to
    /// 30 ms unless [`Self::with_latency`] says else.
    pub fn new(of: impl Into<String>) -> Self {
        let of = of.into();
        Self { name: format!("recorded:{of}"), of, replies: HashMap::new(), latency_ms: (5, 30) }
    }

    /// Learns a reply; the newest comes last.
    pub fn learn(&mut self, key: RecordedKey, recording: Recording) {
        self.replies.entry(key).or_default().push(recording);
    }

    /// The same judge, which gives `response` this score on `criterion` in its first pass, whatever it answered.
    #[must_use]
    pub fn with_score(mut self, response: &str, criterion: &Criterion, score: u8, explanation: &str) -> Self {
        let key = RecordedKey { response: Digest::of(response), criterion: criterion.version(), repeat: 0 };
        let reading = Reading {
            score,
            evidence: Vec::new(),
            explanation: explanation.to_owned(),
            injection_suspected: false,
            repairs: Vec::new(),
        };
        let recording = Recording {
            state: VerdictState::Scored,
            reading: Some(reading),
            reason: String::new(),
            raw: None,
            place: None,
            prompt: None,
            source: "a script".to_owned(),
        };
        self.learn(key, recording);
        self
    }

    /// The least and the most milliseconds a reply takes; which of them a reply takes is fixed by its key.
    #[must_use]
    pub fn with_latency(mut self, least_ms: u64, most_ms: u64) -> Self {
        self.latency_ms = (least_ms, most_ms.max(least_ms));
        self
    }

    /// Whose replies they are.
    pub fn of(&self) -> &str {
        &self.of
    }

    /// How many replies are known.
    pub fn len(&self) -> usize {
        self.replies.values().map(Vec::len).sum()
    }

    /// Whether none is known.
    pub fn is_empty(&self) -> bool {
        self.replies.is_empty()
    }

    /// What is known of a response that stands at `place` and answers `prompt`.
    pub fn find(&self, key: &RecordedKey, place: &Lookup, prompt: &str) -> RecordedAnswer<'_> {
        let Some(all) = self.replies.get(key) else { return RecordedAnswer::Nothing };
        let here: Vec<&Recording> = all.iter().filter(|r| r.place.as_ref() == Some(place)).collect();
        let fitting = if here.is_empty() {
            let asked = (!prompt.is_empty()).then(|| Digest::of(prompt));
            let same = |r: &&Recording| r.prompt.is_none() || asked.is_none() || r.prompt == asked;
            all.iter().filter(same).collect()
        } else {
            here
        };
        let result = |r: &Recording| (r.state, r.reading.as_ref().map(|r| r.score));
        match fitting.last() {
            None => RecordedAnswer::OtherPrompt,
            Some(newest) if fitting.iter().all(|r| result(r) == result(newest)) => {
                RecordedAnswer::Reply(newest)
            }
            Some(_) => RecordedAnswer::Conflict(fitting),
        }
    }

    fn latency_of(&self, key: &RecordedKey) -> u64 {
        let (least, most) = self.latency_ms;
        let digest = RowDigest::new("assize.recorded.1")
            .bytes(key.response.as_bytes())
            .bytes(key.criterion.as_bytes())
            .int(i64::from(key.repeat))
            .finish();
        let roll = digest.as_bytes().iter().take(4).fold(0u64, |n, byte| n << 8 | u64::from(*byte));
        least + roll % (most - least + 1)
    }

    fn replay(&self, key: &RecordedKey, request: &JudgeRequest, latency_ms: u64) -> Outcome {
        let failed = |state, why: String| Outcome { rung: RUNG, ..Outcome::failed(state, why) };
        match self.find(key, &request.lookup, &request.subject.prompt) {
            RecordedAnswer::Nothing => {
                let why = format!("the judge '{}' never scored this response on this criterion", self.of);
                failed(VerdictState::HttpError, why)
            }
            RecordedAnswer::OtherPrompt => failed(
                VerdictState::HttpError,
                format!("the judge '{}' scored this text only as the answer to another prompt", self.of),
            ),
            RecordedAnswer::Conflict(all) => failed(
                VerdictState::Unparseable,
                format!("recorded with different results: {}", places(&all)),
            ),
            RecordedAnswer::Reply(recording) => self.outcome(recording, latency_ms),
        }
    }

    fn outcome(&self, recording: &Recording, latency_ms: u64) -> Outcome {
        let raw = match (&recording.raw, &recording.reading) {
            (Some(raw), _) => raw.clone(),
            (None, Some(reading)) => {
                json!({"score": reading.score, "explanation": reading.explanation}).to_string().into_bytes()
            }
            (None, None) => Vec::new(),
        };
        Outcome {
            state: recording.state,
            reading: recording.reading.clone(),
            raw,
            latency_ms,
            rung: RUNG,
            model_returned: Some(self.name.clone()),
            ..Outcome::failed(recording.state, recording.reason.clone())
        }
    }
}

/// `5 in run 1f3a, refused in run 9c02`.
fn places(all: &[&Recording]) -> String {
    let mut told: Vec<String> = Vec::new();
    for recording in all {
        let result = match &recording.reading {
            Some(reading) => reading.score.to_string(),
            None => recording.state.name().to_owned(),
        };
        let words = format!("{result} in run {}", recording.source);
        if !told.contains(&words) {
            told.push(words);
        }
    }
    told.join(", ")
}

impl Judge for RecordedJudge {
    fn name(&self) -> &str {
        &self.name
    }

    fn model(&self) -> &str {
        &self.of
    }

    fn is_recorded(&self) -> bool {
        true
    }

    fn discover<'a>(&'a self, _cancel: &'a CancellationToken) -> BoxFuture<'a, Result<Discovery, Stop>> {
        let notes = vec![format!(
            "{} recorded replies of '{}'; nothing is asked over the network",
            self.len(),
            self.of
        )];
        Box::pin(std::future::ready(Ok(Discovery {
            calls: 0,
            model_returned: Some(self.name.clone()),
            notes,
            no_verdict: None,
        })))
    }

    /// sha256 of `recorded:` and the name of the judge whose replies they are.
    fn fingerprint(&self) -> Digest {
        Digest::of(&self.name)
    }

    fn describe(&self) -> Value {
        json!({"name": self.name, "recorded": true, "judge": self.of, "replies": self.len()})
    }

    fn judge<'a>(
        &'a self,
        request: &'a JudgeRequest,
        _events: &'a (dyn Fn(CallEvent) + Send + Sync),
        cancel: &'a CancellationToken,
    ) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            let key = RecordedKey {
                response: Digest::of(&*request.response),
                criterion: request.criterion.version(),
                repeat: request.repeat,
            };
            let latency_ms = self.latency_of(&key);
            tokio::select! {
                biased;
                () = cancel.cancelled() => Outcome::failed(VerdictState::Cancelled, "the run was cancelled"),
                () = tokio::time::sleep(Duration::from_millis(latency_ms)) => self.replay(&key, request, latency_ms),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::item::Subject;
    use crate::core::rubric::by_name;
    use std::sync::Arc;

    fn place(set: &str, case: &str) -> Lookup {
        Lookup { set: set.into(), case_id: case.into(), arm: "a".into() }
    }

    fn request(prompt: &str, text: &str, at: Lookup) -> JudgeRequest {
        let subject = Subject { prompt: prompt.into(), ..Subject::default() };
        JudgeRequest::new(Arc::new(subject), text.into(), Arc::new(by_name("accuracy")), 0, at)
    }

    /// What was said of `text`, the answer to `prompt`, at `at`: a score, or the failure it was.
    fn learn(
        judge: &mut RecordedJudge,
        prompt: &str,
        text: &str,
        at: Lookup,
        said: Result<u8, VerdictState>,
    ) {
        let known = RecordedJudge::new("x").with_score(text, &by_name("accuracy"), said.unwrap_or(1), "");
        for (key, recordings) in known.replies {
            for mut recording in recordings {
                (recording.place, recording.prompt) = (Some(at.clone()), Some(Digest::of(prompt)));
                recording.source.clone_from(&at.set);
                if let Err(state) = said {
                    (recording.state, recording.reading, recording.reason) = (state, None, "why".into());
                }
                judge.learn(key, recording);
            }
        }
    }

    async fn say(judge: &RecordedJudge, request: &JudgeRequest) -> (VerdictState, Option<u8>, String) {
        let out = judge.judge(request, &|_| (), &CancellationToken::new()).await;
        (out.state, out.reading.map(|r| r.score), out.reason)
    }

    #[tokio::test]
    async fn a_reply_is_for_its_text_its_question_and_its_prompt_only() {
        let mut judge = RecordedJudge::new("gpt-4").with_latency(0, 0);
        learn(&mut judge, "Capital of France?", "Paris.", place("s1", "1"), Ok(5));
        let ask = |prompt: &str, text: &str, at| request(prompt, text, at);
        assert_eq!(say(&judge, &ask("Capital of France?", "Paris.", place("s1", "1"))).await.1, Some(5));
        // The same answer to the same question elsewhere is that very response.
        assert_eq!(say(&judge, &ask("Capital of France?", "Paris.", place("s9", "7"))).await.1, Some(5));
        for (prompt, text, words) in [
            ("Capital of Italy?", "Berlin.", "never scored"),
            ("Capital of Italy?", "Paris.", "another prompt"),
            ("Capital of France?", "Paris", "never scored"),
        ] {
            // The same id, set and arm: none of them is what was judged.
            let (state, score, why) = say(&judge, &ask(prompt, text, place("s2", "1"))).await;
            assert_eq!((state, score), (VerdictState::HttpError, None), "{prompt} {text}");
            assert!(why.contains(words), "{why}");
        }
        let mut other = ask("Capital of France?", "Paris.", place("s1", "1"));
        other.criterion = Arc::new(by_name("clarity"));
        assert_eq!(say(&judge, &other).await.0, VerdictState::HttpError);
        let mut later = ask("Capital of France?", "Paris.", place("s1", "1"));
        later.repeat = 1;
        assert_eq!(say(&judge, &later).await.0, VerdictState::HttpError);
        let cancel = CancellationToken::new();
        cancel.cancel();
        assert_eq!(judge.judge(&other, &|_| (), &cancel).await.state, VerdictState::Cancelled);
    }

    #[tokio::test]
    async fn a_failure_stays_that_failure_and_an_empty_explanation_a_score() {
        let mut judge = RecordedJudge::new("harsh").with_latency(0, 0);
        learn(&mut judge, "p", "x", place("s", "1"), Err(VerdictState::Refused));
        learn(&mut judge, "p", "y", place("s", "2"), Ok(3));
        let refused = say(&judge, &request("p", "x", place("s", "1"))).await;
        assert_eq!(refused, (VerdictState::Refused, None, "why".to_owned()));
        assert_eq!(
            say(&judge, &request("p", "y", place("s", "2"))).await,
            (VerdictState::Scored, Some(3), String::new())
        );
    }

    #[tokio::test]
    async fn unlike_recordings_of_one_response_are_a_conflict_except_at_their_own_place() {
        let mut judge = RecordedJudge::new("j").with_latency(0, 0);
        learn(&mut judge, "p", "x", place("one", "1"), Ok(5));
        learn(&mut judge, "p", "x", place("two", "1"), Ok(3));
        assert_eq!(say(&judge, &request("p", "x", place("one", "1"))).await.1, Some(5));
        assert_eq!(say(&judge, &request("p", "x", place("two", "1"))).await.1, Some(3));
        let (state, score, why) = say(&judge, &request("p", "x", place("three", "1"))).await;
        assert_eq!((state, score), (VerdictState::Unparseable, None));
        assert!(why.contains("5 in run one, 3 in run two"), "{why}");
        // Alike, they are one.
        learn(&mut judge, "p", "y", place("one", "2"), Ok(4));
        learn(&mut judge, "p", "y", place("two", "2"), Ok(4));
        assert_eq!(say(&judge, &request("p", "y", place("three", "2"))).await.1, Some(4));
    }

    #[test]
    fn its_fingerprint_is_its_name() {
        let judge = RecordedJudge::new("gpt-4");
        assert_eq!(judge.fingerprint(), Digest::of("recorded:gpt-4"));
        assert_eq!((judge.name(), judge.of()), ("recorded:gpt-4", "gpt-4"));
        assert!(judge.is_recorded() && judge.is_empty());
    }
}
