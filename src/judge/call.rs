//! One ask: a place in the limit, the run's gate, the request, and what to do when it fails.
//!
//! ```text
//!   place -> pause? wait -> gate -> send -> 200: answer
//!     ^                              `----> retry::decide -> stop | fail
//!     `------- wait (place given back) <--- retry
//! ```

use super::capabilities::RequestShape;
use super::config::JudgeConfig;
use super::dialect::Dialect;
use super::endpoint::{Endpoint, HttpAnswer};
use super::limit::{Limiter, PerMinute};
use super::retry::{self, Attempt, FailedRequest, FailureKind, Policy, RequestFault, RetryDecision};
use super::wire::{ApiError, hidden_status};
use super::{CallEvent, Gate, Stop};
use crate::core::verdict::VerdictState;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio_util::sync::CancellationToken;

pub(super) type CallEvents<'a> = &'a (dyn Fn(CallEvent) + Send + Sync);

/// A wait the endpoint names, from this long on, holds for all calls to it and not only for the one that was told.
const PAUSE_ALL: Duration = Duration::from_secs(2);

/// What one ask came to.
pub(super) enum AskResult {
    Answer(HttpAnswer),
    /// Refused for good, and why: only while learning, where a refusal may name a parameter that can be changed.
    Refused(u16, ApiError, String),
    Failed(VerdictState, String),
    Stopped(Stop),
}

/// One ask with all its requests.
pub(super) struct Exchanges {
    pub end: AskResult,
    pub requests: u32,
    pub took: Duration,
    /// The last body that came, for failures.
    pub raw: Vec<u8>,
}

/// Sends requests to one endpoint, with its limiter and the run's gate.
pub(super) struct Caller {
    pub endpoint: Endpoint,
    dialect: &'static dyn Dialect,
    limiter: Limiter,
    /// The time that one exchange may take.
    allowed: Duration,
    per_minute: PerMinute,
    /// Tokens assumed of an answer.
    room: u64,
    policy: Policy,
    model: String,
    pub origin: String,
    /// Where the key comes from; never the key.
    key_source: String,
    answered: AtomicBool,
    gate: RwLock<Option<Arc<dyn Gate>>>,
}

impl Caller {
    pub fn open(config: &JudgeConfig, dialect: &'static dyn Dialect) -> Result<Self, Stop> {
        let endpoint = Endpoint::open(config, dialect)?;
        let allowed = Duration::from_secs(config.timeout_s.max(1));
        Ok(Self {
            limiter: if endpoint.address().is_loopback() {
                Limiter::careful(config.concurrency, allowed)
            } else {
                Limiter::new(config.concurrency)
            },
            allowed,
            per_minute: PerMinute::new(config.requests_per_minute, config.tokens_per_minute),
            room: config.max_tokens.into(),
            policy: Policy {
                base: Duration::from_millis(config.backoff_ms),
                most: Duration::from_secs(config.max_wait_s),
            },
            model: config.model.clone(),
            origin: endpoint.address().origin(),
            key_source: endpoint.key_source(),
            endpoint,
            dialect,
            answered: AtomicBool::new(false),
            gate: RwLock::new(None),
        })
    }

    fn admitted(&self) -> bool {
        let gate = self.gate.read().unwrap_or_else(PoisonError::into_inner);
        gate.as_ref().is_none_or(|gate| gate.admit())
    }

    pub fn set_gate(&self, gate: Arc<dyn Gate>) {
        *self.gate.write().unwrap_or_else(PoisonError::into_inner) = Some(gate);
    }

    /// One ask: sends `body` until it is answered, given up or cancelled. `learning` hands refusals that name a
    /// parameter back instead of failing.
    pub async fn ask(
        &self,
        body: String,
        learning: bool,
        events: CallEvents<'_>,
        cancel: &CancellationToken,
    ) -> Exchanges {
        self.ask_for(body, false, learning, u32::MAX, events, cancel).await
    }

    /// As [`Caller::ask`] while learning, with no more requests than `most`.
    pub async fn ask_to_learn(&self, body: String, most: u32, cancel: &CancellationToken) -> Exchanges {
        self.ask_for(body, false, true, most, &|_| (), cancel).await
    }

    /// As [`Caller::ask`]; with `pieces` the body asks for a stream, and the text is told as it grows.
    pub async fn ask_for(
        &self,
        body: String,
        pieces: bool,
        learning: bool,
        most: u32,
        events: CallEvents<'_>,
        cancel: &CancellationToken,
    ) -> Exchanges {
        let mut asked = Exchanges { end: cancelled(), requests: 0, took: Duration::ZERO, raw: Vec::new() };
        let end = tokio::select! {
            biased;
            () = cancel.cancelled() => return asked,
            end = self.send(body.into_bytes(), How { pieces, learning, most }, events, &mut asked) => end,
        };
        asked.end = end;
        asked
    }

    async fn send(
        &self,
        body: Vec<u8>,
        how: How,
        events: CallEvents<'_>,
        asked: &mut Exchanges,
    ) -> AskResult {
        let How { pieces, learning, most } = how;
        let mut first_sent = None;
        let mut failures = Failures::default();
        loop {
            let place = self.limiter.acquire().await;
            while let Some((left, why)) = self.limiter.pause_left() {
                wait(left, &why, events).await;
                events(CallEvent::Retrying);
            }
            while let Err((left, why)) = self.per_minute.take((body.len() / 4) as u64 + self.room) {
                wait(left, why, events).await;
                events(CallEvent::Retrying);
            }
            if !self.admitted() {
                return AskResult::Failed(
                    VerdictState::OverBudget,
                    "a spending cap was reached before this call".to_owned(),
                );
            }
            if asked.requests >= most {
                return AskResult::Failed(
                    VerdictState::HttpError,
                    format!("no answer after {most} requests"),
                );
            }
            let beside = self.limiter.in_flight();
            let generation = self.endpoint.generation();
            events(CallEvent::Sent);
            asked.requests += 1;
            // Waiting for a place is no failure to connect: time counts from the first request.
            let begun = *first_sent.get_or_insert_with(Instant::now);
            let result = if pieces {
                let told = |text: &str| events(CallEvent::Text(text.to_owned()));
                self.endpoint.ask_in_pieces(body.clone(), &told).await
            } else {
                self.endpoint.ask(body.clone()).await
            };
            // An error in the body of a good answer is what it says it is.
            let result = result.map(|mut answer| {
                if answer.status == 200 {
                    answer.status = hidden_status(&answer.body).unwrap_or(200);
                }
                answer
            });
            let decision = match result {
                Ok(answer) if answer.status == 200 => {
                    self.limiter.observe(answer.took, beside);
                    self.endpoint.accepted();
                    self.answered.store(true, Ordering::Relaxed);
                    asked.took = answer.took;
                    place.succeeded();
                    let header = |name: &str| {
                        answer.headers.get(name).and_then(|v| v.to_str().ok()).map(str::to_owned)
                    };
                    // A time beyond all waits is no time to wait for: what is too much comes back as 429, with its own.
                    if let Some((left, what)) = self.dialect.limits(&header, self.now_s())
                        && left <= self.policy.most
                    {
                        let why = format!("the endpoint says that no {what} are left until then");
                        self.limiter.pause(left, &why);
                    }
                    return AskResult::Answer(answer);
                }
                // A key that worked has ended: its command is run once more.
                Ok(answer) if answer.status == 401 && self.endpoint.renew(generation).await => continue,
                // 203 and 206 may be changed or partial; the others of this kind carry no answer.
                Ok(answer) if (201..300).contains(&answer.status) => {
                    (asked.took, asked.raw) = (answer.took, answer.body);
                    let why = format!("{}: not a whole answer, which comes with 200", answer.status);
                    return AskResult::Failed(VerdictState::HttpError, why);
                }
                Ok(answer) => {
                    asked.took = answer.took;
                    let settled = self.look(&answer, learning, &mut failures, begun.elapsed());
                    asked.raw = answer.body;
                    match settled {
                        Settled::Refused(error, why) => return AskResult::Refused(answer.status, error, why),
                        Settled::Decided(decision) => decision,
                    }
                }
                Err(broken) => {
                    asked.took = broken.took;
                    let seen = FailedRequest::Broken(broken.fault, &broken.why);
                    let crowded = beside > 1;
                    if broken.fault == RequestFault::Timeout {
                        place.was_late(self.allowed);
                    }
                    let number = if crowded { failures.crowded(&seen) } else { failures.count(&seen) };
                    let attempt = Attempt { crowded, ..self.attempt(number, begun.elapsed()) };
                    retry::decide(&self.policy, &attempt, &seen)
                }
            };
            match decision {
                RetryDecision::Stop(stop) => return AskResult::Stopped(stop),
                RetryDecision::Fail(state, reason) => return AskResult::Failed(state, reason),
                RetryDecision::Retry { after, why, limited, told } => {
                    if limited {
                        place.limited();
                    }
                    if told && after >= PAUSE_ALL {
                        self.limiter.pause(after, &format!("the endpoint asked to wait ({why})"));
                    }
                    // The place is free for another call while this one waits.
                    drop(place);
                    wait(after, &why, events).await;
                    events(CallEvent::Retrying);
                }
            }
        }
    }

    /// What the rules of [`retry`] make of an answer that is no success.
    fn look(
        &self,
        answer: &HttpAnswer,
        learning: bool,
        failures: &mut Failures,
        elapsed: Duration,
    ) -> Settled {
        let error = self.dialect.error(&answer.body);
        let header = |name: &str| answer.headers.get(name).and_then(|v| v.to_str().ok()).map(str::to_owned);
        let seen = FailedRequest::Answer { status: answer.status, header: &header, body: &answer.body };
        let attempt = self.attempt(failures.count(&seen), elapsed);
        match retry::decide(&self.policy, &attempt, &seen) {
            RetryDecision::Fail(VerdictState::HttpError, why) if learning => Settled::Refused(error, why),
            // A refusal that names a parameter is not waited out, even under a status that would be (500).
            RetryDecision::Retry { why, .. }
                if learning
                    && RequestShape::first(true)
                        .learn(self.dialect, answer.status, &error, u32::MAX)
                        .is_some() =>
            {
                Settled::Refused(error, why)
            }
            decision => Settled::Decided(decision),
        }
    }

    fn now_s(&self) -> i64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(now.as_secs()).unwrap_or(i64::MAX)
    }

    fn attempt(&self, number: u32, elapsed: Duration) -> Attempt<'_> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Attempt {
            number,
            elapsed,
            jitter: f64::from(now.subsec_micros() % 1000) / 1000.0,
            now_s: i64::try_from(now.as_secs()).unwrap_or(i64::MAX),
            crowded: false,
            key_sent: self.endpoint.sends_key(),
            answered_before: self.answered.load(Ordering::Relaxed),
            dialect: self.dialect,
            origin: &self.origin,
            model: &self.model,
            key_source: &self.key_source,
        }
    }
}

/// What [`Caller::look`] makes of an answer that is no success.
enum Settled {
    Refused(ApiError, String),
    Decided(RetryDecision),
}

/// Failures of one ask so far, by kind.
#[derive(Default)]
struct Failures {
    too_much: u32,
    late: u32,
    faulty: u32,
    crowded: u32,
}

impl Failures {
    fn count(&mut self, seen: &FailedRequest<'_>) -> u32 {
        let counter = match seen.kind() {
            FailureKind::TooMuch => &mut self.too_much,
            FailureKind::Late => &mut self.late,
            FailureKind::Faulty => &mut self.faulty,
        };
        *counter += 1;
        *counter
    }

    /// The same for a request that had others beside it: its time-outs are counted apart, since a queue may have caused them.
    fn crowded(&mut self, seen: &FailedRequest<'_>) -> u32 {
        if seen.kind() != FailureKind::Late {
            return self.count(seen);
        }
        self.crowded += 1;
        self.crowded
    }
}

/// How one ask goes about it.
#[derive(Clone, Copy)]
struct How {
    pieces: bool,
    learning: bool,
    most: u32,
}

fn cancelled() -> AskResult {
    AskResult::Failed(VerdictState::Cancelled, "the run was cancelled".to_owned())
}

async fn wait(how_long: Duration, why: &str, events: CallEvents<'_>) {
    let until = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().saturating_add(how_long);
    events(CallEvent::Waiting {
        until_ms: u64::try_from(until.as_millis()).unwrap_or(u64::MAX),
        why: why.to_owned(),
    });
    tokio::time::sleep(how_long).await;
}
