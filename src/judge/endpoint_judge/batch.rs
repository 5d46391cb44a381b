//! Verdicts from the lines of a batch: read as those of a call are, without second chances.

use super::super::batch::LineResult;
use super::super::capabilities::Rung;
use super::super::retry::{FailedRequest, FailureKind};
use super::super::wire::ApiError;
use super::super::{JudgeRequest, Outcome};
use super::{EndpointJudge, end_with, mark, said, shown};
use crate::core::verdict::VerdictState;

/// The rung of this name; batches store it as text.
fn rung_of(name: &str) -> Rung {
    [Rung::Schema, Rung::Tool, Rung::JsonObject].into_iter().find(|r| r.name() == name).unwrap_or(Rung::Text)
}

impl EndpointJudge {
    /// What a line comes to; `None` when the request was never put, and stays open.
    pub(super) fn of_line(&self, request: &JudgeRequest, rung: &str, result: &LineResult) -> Option<Outcome> {
        let rung = rung_of(rung);
        let mut outcome = Outcome::failed(VerdictState::HttpError, "");
        (outcome.rung, outcome.attempts) = (rung.name(), 1);
        let (status, body) = match result {
            LineResult::Unasked => return None,
            LineResult::Failed(why) => {
                end_with(&mut outcome, VerdictState::HttpError, why.clone());
                mark(request, &mut outcome);
                return Some(outcome);
            }
            LineResult::Conflict => {
                let why = "the batch holds several results for this request that differ";
                end_with(&mut outcome, VerdictState::Unparseable, why.to_owned());
                mark(request, &mut outcome);
                return Some(outcome);
            }
            LineResult::Answer(status, body) => (*status, body),
        };
        outcome.raw.clone_from(body);
        if status == 200 {
            self.read_body(request, rung, &mut outcome);
        } else {
            let error = ApiError::read(body);
            let seen = FailedRequest::Answer { status, header: &|_| None, body };
            let state = match seen.kind() {
                _ if error.is_context_overflow() => VerdictState::Overflow,
                FailureKind::TooMuch => VerdictState::RateLimited,
                FailureKind::Late => VerdictState::TimedOut,
                FailureKind::Faulty => VerdictState::HttpError,
            };
            end_with(&mut outcome, state, format!("{status}: {}", error.line()));
        }
        mark(request, &mut outcome);
        Some(outcome)
    }

    fn read_body(&self, request: &JudgeRequest, rung: Rung, outcome: &mut Outcome) {
        let reply = match self.dialect.reply(&outcome.raw) {
            Ok(reply) => reply,
            Err(why) => return end_with(outcome, VerdictState::HttpError, why),
        };
        outcome.usage = reply.usage;
        outcome.finish_reason.clone_from(&reply.finish_reason);
        outcome.model_returned.clone_from(&reply.model);
        let shown = shown(request);
        let scale = &request.criterion.scale;
        match said(&reply, rung, &|text, beside| self.read_text(text, beside, &shown, scale)) {
            Ok(reading) => {
                (outcome.state, outcome.reason) = (VerdictState::Scored, String::new());
                outcome.reading = Some(reading);
            }
            Err((state, why, _)) => end_with(outcome, state, why),
        }
    }
}
