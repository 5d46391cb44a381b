//! What is stored of an outcome, and what is told once it is.

use super::super::control::Progress;
use super::super::estimate::PriceRates;
use super::super::verdict_key::VerdictKey;
use super::load::{CriterionQuestion, Ready};
use crate::core::digest::Digest;
use crate::core::evidence::is_suspicious;
use crate::core::verdict::VerdictState;
use crate::judge::{Generated, Outcome};
use crate::store::{Cell, NewResponse, NewVerdict, RunUsage, Spend};
use serde_json::json;

/// The flag of a verdict that another model gave than those before it in this run.
pub(super) const MODEL_CHANGED: &str = "model_changed";

/// What is the same for all verdicts of an invocation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Judging {
    pub fingerprint: Digest,
    /// Whether scored verdicts may serve later runs.
    pub caching: bool,
    pub rates: PriceRates,
}

/// A verdict as it is stored.
pub(super) fn verdict(
    judging: &Judging,
    key: VerdictKey,
    ready: &Ready,
    question: &CriterionQuestion,
    nonce: String,
    outcome: Outcome,
) -> NewVerdict {
    let Judging { fingerprint, caching, rates } = *judging;
    let serves = caching && outcome.state == VerdictState::Scored;
    let cache_key = serves.then(|| ready.cache_key(&fingerprint, &question.version, key.repeat)).flatten();
    NewVerdict {
        item: key.item,
        criterion: key.criterion,
        repeat: key.repeat,
        state: outcome.state,
        reading: outcome.reading,
        reason: outcome.reason,
        criterion_version: question.version,
        fingerprint,
        response: Some(ready.response_digest),
        cache_key,
        cached: false,
        rung: outcome.rung.to_owned(),
        flags: outcome.flags,
        model_returned: outcome.model_returned,
        finish_reason: outcome.finish_reason,
        prompt_tokens: outcome.usage.map(|u| u.prompt_tokens),
        completion_tokens: outcome.usage.map(|u| u.completion_tokens),
        cost_usd: outcome.usage.and_then(|u| rates.of_usage(&u)),
        latency_ms: outcome.latency_ms,
        attempts: outcome.attempts,
        nonce,
        raw: outcome.raw,
    }
}

/// A verdict for which nothing was asked.
pub(super) fn unasked(
    key: VerdictKey,
    state: VerdictState,
    reason: String,
    version: Digest,
    fingerprint: Digest,
) -> NewVerdict {
    NewVerdict {
        item: key.item,
        criterion: key.criterion,
        repeat: key.repeat,
        state,
        reading: None,
        reason,
        criterion_version: version,
        fingerprint,
        response: None,
        cache_key: None,
        cached: false,
        rung: String::new(),
        flags: Vec::new(),
        model_returned: None,
        finish_reason: None,
        prompt_tokens: None,
        completion_tokens: None,
        cost_usd: None,
        latency_ms: 0,
        attempts: 0,
        nonce: String::new(),
        raw: Vec::new(),
    }
}

/// What a verdict adds to the run's account.
pub(super) fn usage_of(verdict: &NewVerdict, calls: u64) -> RunUsage {
    let silent = verdict.prompt_tokens.is_none() && calls > 0;
    RunUsage {
        calls,
        cached: u64::from(verdict.cached),
        prompt_tokens: verdict.prompt_tokens,
        completion_tokens: verdict.completion_tokens,
        cost_usd: verdict.cost_usd,
        unknown: u64::from(silent && was_answered(verdict.state)),
        ..RunUsage::default()
    }
}

/// Whether the endpoint may have worked, and charged, for what ended so.
fn was_answered(state: VerdictState) -> bool {
    !matches!(state, VerdictState::RateLimited | VerdictState::OverBudget | VerdictState::Cancelled)
}

/// What a response adds to the run's account.
pub(super) fn usage_of_response(out: &Generated, rates: &PriceRates, calls: u64) -> RunUsage {
    let usage = out.usage;
    let generation = Spend {
        calls,
        prompt_tokens: usage.map(|u| u.prompt_tokens),
        completion_tokens: usage.map(|u| u.completion_tokens),
        cost_usd: usage.and_then(|u| rates.of_usage(&u)),
    };
    RunUsage {
        calls,
        prompt_tokens: generation.prompt_tokens,
        completion_tokens: generation.completion_tokens,
        cost_usd: generation.cost_usd,
        unknown: u64::from(usage.is_none() && calls > 0 && was_answered(out.state)),
        generation,
        ..RunUsage::default()
    }
}

/// What is told of a verdict after its commit.
pub(super) fn told(verdict: &NewVerdict) -> Progress {
    let cell = Cell {
        item: verdict.item,
        criterion: verdict.criterion,
        repeat: verdict.repeat,
        state: verdict.state,
        score: verdict.reading.as_ref().map(|r| r.score),
        flagged: verdict.flags.iter().any(|f| is_suspicious(f)),
    };
    let tokens = match (verdict.prompt_tokens, verdict.completion_tokens) {
        (None, None) => None,
        (a, b) => Some(a.unwrap_or(0) + b.unwrap_or(0)),
    };
    Progress::Saved {
        cell,
        explanation_known: verdict.reading.as_ref().is_some_and(|r| !r.explanation.is_empty()),
        cost_usd: verdict.cost_usd,
        tokens,
        cached: verdict.cached,
    }
}

/// A generated response as it is stored. What kept it from being written is a state of the response: the prompt did not
/// fit, or there is none.
pub(super) fn response(unwritten: &super::load::Unwritten, out: &Generated) -> NewResponse {
    let text = match out.state {
        VerdictState::Scored if out.text.trim().is_empty() => {
            Err((VerdictState::NotGenerated, "the model answered with an empty text".to_owned()))
        }
        VerdictState::Scored => Ok(out.text.clone()),
        VerdictState::Overflow => Err((VerdictState::Overflow, out.reason.clone())),
        other => Err((VerdictState::NotGenerated, format!("{}: {}", other.words(), out.reason))),
    };
    NewResponse {
        set_id: unwritten.item.set_id,
        case_id: unwritten.item.case_id.clone(),
        arm: unwritten.arm.clone(),
        repeat: unwritten.item.repeat,
        subject: unwritten.subject.clone(),
        text,
        detail: json!({
            "model_returned": out.model_returned,
            "finish_reason": out.finish_reason,
            "latency_ms": out.latency_ms,
            "attempts": out.attempts,
            "prompt_tokens": out.usage.map(|u| u.prompt_tokens),
            "completion_tokens": out.usage.map(|u| u.completion_tokens),
        }),
    }
}
