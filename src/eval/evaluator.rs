//! Judging from an application's own code, without a registry.

use crate::core::item::Subject;
use crate::core::rubric::Criterion;
use crate::core::verdict::VerdictState;
use crate::judge::{Judge, JudgeConfig, JudgeRequest, Lookup, RecordedJudge, Stop, StopKind};
use futures_util::future::join_all;
use serde_json::Map;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// What came of one criterion.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Evaluation {
    /// The criterion's name.
    pub criterion: String,
    /// [`VerdictState::Scored`], or the one reason why there is no score.
    pub state: VerdictState,
    /// 1 to 5; present exactly when scored.
    pub score: Option<u8>,
    /// The judge's reasons; for failures, what went wrong.
    pub explanation: String,
    /// Quotations from the response.
    pub evidence: Vec<String>,
}

/// Puts responses before a judge.
///
/// ```
/// use assize::{Evaluator, RecordedJudge, VerdictState, criterion};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// // A judge that replays a reply; `Evaluator::asking` puts responses before a live one.
/// let criteria = [criterion("accuracy"), criterion("clarity")];
/// let judge = RecordedJudge::new("scripted");
/// let judge = judge.with_score("On 4 July 1776.", &criteria[0], 4, "One date is off by a day.");
///
/// let evaluator = Evaluator::replaying(judge);
/// let verdicts = evaluator.evaluate_response("When was it signed?", "On 4 July 1776.", &criteria).await;
///
/// assert_eq!(verdicts[0].score, Some(4));
/// assert_eq!(verdicts[0].explanation, "One date is off by a day.");
/// // No score is ever invented: what could not be judged is a state with its reason.
/// assert_eq!((verdicts[1].state, verdicts[1].score), (VerdictState::HttpError, None));
/// # }
/// ```
#[derive(Clone)]
pub struct Evaluator {
    judge: Arc<dyn Judge>,
}

impl Evaluator {
    /// Over a judge of the program's own kind, whose terms are not promised.
    #[doc(hidden)]
    pub fn new(judge: Arc<dyn Judge>) -> Self {
        Self { judge }
    }

    /// Over a judge that replays what was recorded; of what was not, it says so.
    pub fn replaying(judge: RecordedJudge) -> Self {
        Self::new(Arc::new(judge))
    }

    /// Over the model of an endpoint: `http://127.0.0.1:8080/v1#MODEL`, or `openai#MODEL` and the like, whose keys are read
    /// from the variables that the providers' own libraries read. Nothing is sent yet.
    ///
    /// # Errors
    /// When the address or the model is refused, or no key is found where one is needed.
    pub fn asking(endpoint: &str) -> Result<Self, Stop> {
        let config = JudgeConfig::from_url(endpoint)?.filter(|config| !config.model.is_empty());
        let config = config.ok_or_else(|| {
            Stop::new(StopKind::Address, "an endpoint is URL#MODEL, such as http://127.0.0.1:8080/v1#MODEL")
        })?;
        Ok(Self::new(Arc::new(crate::judge::open::judge(config, None)?)))
    }

    /// Judges one response on each criterion, all at once; one evaluation for each, in their order. An empty response
    /// is never sent: its state is [`VerdictState::NotGenerated`].
    pub async fn evaluate_response(
        &self,
        prompt: &str,
        response: &str,
        criteria: &[Criterion],
    ) -> Vec<Evaluation> {
        let subject = Subject {
            prompt: prompt.to_owned(),
            vars: Map::new(),
            reference: None,
            tags: Vec::new(),
            cluster: None,
            criterion: None,
            anchors: None,
        };
        self.evaluate(subject, response, criteria).await
    }

    /// As [`Evaluator::evaluate_response`], with variables and a reference answer for the judge to see.
    pub async fn evaluate(
        &self,
        subject: Subject,
        response: &str,
        criteria: &[Criterion],
    ) -> Vec<Evaluation> {
        let failed = |state, why: &str| -> Vec<Evaluation> {
            criteria.iter().map(|c| Evaluation::failed(&c.name, state, why)).collect()
        };
        if response.trim().is_empty() {
            return failed(VerdictState::NotGenerated, "the response is empty");
        }
        let cancel = CancellationToken::new();
        if let Err(stop) = self.judge.discover(&cancel).await {
            return failed(VerdictState::HttpError, &stop.message);
        }
        let (subject, response): (Arc<Subject>, Arc<str>) = (Arc::new(subject), response.into());
        let calls = criteria.iter().map(|criterion| {
            let lookup = Lookup::default();
            let (subject, response) = (Arc::clone(&subject), Arc::clone(&response));
            let request = JudgeRequest::new(subject, response, Arc::new(criterion.clone()), 0, lookup);
            self.one(request, &cancel)
        });
        join_all(calls).await
    }

    async fn one(&self, request: JudgeRequest, cancel: &CancellationToken) -> Evaluation {
        let outcome = self.judge.judge(&request, &|_| (), cancel).await;
        let name = &request.criterion.name;
        match (outcome.state, outcome.reading) {
            (VerdictState::Scored, Some(reading)) => Evaluation {
                criterion: name.clone(),
                state: VerdictState::Scored,
                score: Some(reading.score),
                explanation: reading.explanation,
                evidence: reading.evidence,
            },
            (state, _) => {
                let why = outcome.stop.map_or(outcome.reason, |stop| stop.message);
                Evaluation::failed(name, state, &why)
            }
        }
    }
}

impl Evaluation {
    fn failed(criterion: &str, state: VerdictState, why: &str) -> Self {
        Self {
            criterion: criterion.to_owned(),
            state,
            score: None,
            explanation: why.to_owned(),
            evidence: Vec::new(),
        }
    }
}
