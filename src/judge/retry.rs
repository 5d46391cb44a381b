//! What to do after a failed request: wait and send it again, give this item up, or stop the run. A pure function.
//!
//! | seen | done |
//! |---|---|
//! | a filter's words under 400, 403, 422, 451; a page under 403 once answers have come | this item is filtered |
//! | 401, 403, a key error under another status | stop: key |
//! | 402, an account that is used up | stop: quota |
//! | 404, an unknown model under another status | stop: model or address |
//! | 3xx | stop: redirects are not followed |
//! | 408, 409, 424, 425, 429, 5xx, cut body | again, until the 4th failure (the 8th for 429, 503, 529 and "overloaded") |
//! | no answer in time | again once; while other calls were in flight up to five times, with fewer of them |
//! | no connection | again for some seconds, then stop |
//! | context too long, any other 4xx | this item fails |
//!
//! Waits are what the endpoint asks for (`retry-after-ms`, `retry-after` in seconds or as a date, LiteLLM's
//! `llm_provider-retry-after`, `x-ratelimit-reset-requests` or `-tokens` when none remain, `retryDelay` and the like in the body), else they double, less up to a quarter of
//! jitter. A wait longer than allowed is not waited for. `x-should-retry` overrides.

use super::dialect::Dialect;
use super::reset::until_date;
use super::wire::{ApiError, one_line};
use super::{Stop, StopKind};
use crate::core::verdict::VerdictState;
use std::time::Duration;

/// How often and how long.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    /// The first wait.
    pub base: Duration,
    /// The longest wait an endpoint may ask for.
    pub most: Duration,
}

/// Where a request stands.
#[derive(Debug, Clone, Copy)]
pub struct Attempt<'a> {
    /// How many failures of this kind this request makes; see [`FailureKind`]. 1 for the first.
    pub number: u32,
    /// Time since the first request was sent.
    pub elapsed: Duration,
    /// From 0 to 1: how much of the jitter is taken off a wait.
    pub jitter: f64,
    /// Now, in seconds since the Unix epoch, for dates in headers.
    pub now_s: i64,
    /// Whether other calls were in flight when this one was sent: then a time-out may be the time spent in a queue.
    pub crowded: bool,
    /// Whether a key is sent.
    pub key_sent: bool,
    /// Whether the endpoint has given any answer yet.
    pub answered_before: bool,
    /// What the endpoint speaks: how its errors and headers read.
    pub dialect: &'a dyn Dialect,
    /// Scheme, host and port, for messages.
    pub origin: &'a str,
    /// The model asked for, for messages.
    pub model: &'a str,
    /// Where the key comes from, for messages; never the key.
    pub key_source: &'a str,
}

/// How a request failed to get an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestFault {
    /// Refused, no such host, TLS failure.
    Connect,
    /// Not complete within the time allowed.
    Timeout,
    /// The connection broke before the answer was complete.
    Cut,
}

/// Failures that are counted together: being told "too much" a few times leaves the patience for faults whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// 429, 503, 529, and what says that it is overloaded.
    TooMuch,
    /// No complete answer in time.
    Late,
    /// Everything else.
    Faulty,
}

impl FailedRequest<'_> {
    /// The kind of this failure.
    pub fn kind(&self) -> FailureKind {
        match self {
            Self::Answer { status: 429 | 503 | 529, .. } => FailureKind::TooMuch,
            Self::Answer { status: 400.., body, .. } if ApiError::read(body).is_overloaded() => {
                FailureKind::TooMuch
            }
            Self::Broken(RequestFault::Timeout, _) => FailureKind::Late,
            _ => FailureKind::Faulty,
        }
    }
}

/// A failed request.
#[derive(Clone, Copy)]
pub enum FailedRequest<'a> {
    /// An answer that is no success.
    Answer {
        /// The HTTP status.
        status: u16,
        /// Looks a header up by its lower-case name.
        header: &'a (dyn Fn(&str) -> Option<String> + Sync),
        /// The body.
        body: &'a [u8],
    },
    /// No answer.
    Broken(RequestFault, &'a str),
}

/// What to do.
#[derive(Debug, Clone, PartialEq)]
pub enum RetryDecision {
    /// Wait, then send the same request again.
    Retry {
        /// How long to wait.
        after: Duration,
        /// One line for the screen.
        why: String,
        /// The endpoint says it is too much: send fewer at once.
        limited: bool,
        /// The endpoint itself named the wait.
        told: bool,
    },
    /// Nothing can be judged: end the run.
    Stop(Stop),
    /// This item ends in this state, for this reason.
    Fail(VerdictState, String),
}

/// The failure of [`FailureKind::Faulty`] that is the last.
const REQUESTS: u32 = 4;
/// The same for [`FailureKind::TooMuch`].
const REQUESTS_LIMITED: u32 = 8;
/// The same for [`FailureKind::Late`]: each costs the whole time allowed.
const REQUESTS_TIMEOUT: u32 = 2;
/// The same where other calls were in flight: the time may have been spent in a queue.
const REQUESTS_CROWDED: u32 = 6;
/// No new attempt to connect after this long, so that a dead endpoint is told of within 10 s.
const CONNECTING: Duration = Duration::from_millis(4500);

/// Decides.
pub fn decide(policy: &Policy, attempt: &Attempt<'_>, seen: &FailedRequest<'_>) -> RetryDecision {
    match seen {
        FailedRequest::Broken(fault, why) => broken(policy, attempt, *fault, why),
        FailedRequest::Answer { status, header, body } => {
            let error = attempt.dialect.error(body);
            if is_filtered(attempt, *status, &error) {
                return RetryDecision::Fail(VerdictState::Filtered, format!("{status}: {}", error.line()));
            }
            if let Some(stop) = stop_for(attempt, *status, &error, header) {
                return RetryDecision::Stop(stop);
            }
            answered(policy, attempt, *status, seen.kind(), header, &error)
        }
    }
}

fn backoff(policy: &Policy, attempt: &Attempt<'_>) -> Duration {
    let doubled = policy.base.saturating_mul(1 << attempt.number.saturating_sub(1).min(4));
    doubled.mul_f64(1.0 - 0.25 * attempt.jitter.clamp(0.0, 1.0))
}

fn broken(policy: &Policy, attempt: &Attempt<'_>, fault: RequestFault, why: &str) -> RetryDecision {
    let after = backoff(policy, attempt);
    let again = match fault {
        RequestFault::Connect => attempt.number < REQUESTS && attempt.elapsed + after < CONNECTING,
        RequestFault::Timeout => {
            attempt.number < if attempt.crowded { REQUESTS_CROWDED } else { REQUESTS_TIMEOUT }
        }
        RequestFault::Cut => attempt.number < REQUESTS,
    };
    let why = one_line(why, 160);
    if again {
        return RetryDecision::Retry { after, why, limited: fault == RequestFault::Timeout, told: false };
    }
    match fault {
        RequestFault::Connect => {
            let text = format!(
                "no connection to {}: {why}; is the server running, is base_url right?",
                attempt.origin
            );
            RetryDecision::Stop(Stop::new(StopKind::Unreachable, text))
        }
        RequestFault::Timeout => {
            RetryDecision::Fail(VerdictState::TimedOut, format!("{why}, {} times", attempt.number))
        }
        RequestFault::Cut => {
            RetryDecision::Fail(VerdictState::HttpError, format!("{why}, {} times", attempt.number))
        }
    }
}

fn answered(
    policy: &Policy,
    attempt: &Attempt<'_>,
    status: u16,
    kind: FailureKind,
    header: &(dyn Fn(&str) -> Option<String> + Sync),
    error: &ApiError,
) -> RetryDecision {
    let what = format!("{status}: {}", error.line());
    if error.is_context_overflow() || (status == 413 && !error.is_rate()) {
        let sizes = error.sizes().map(|(asked, held)| format!(" ({asked} tokens asked, {held} held)"));
        let reason = format!(
            "the context window of {} is too small for this item{}; {what}",
            one_line(attempt.model, 80),
            sizes.unwrap_or_default()
        );
        return RetryDecision::Fail(VerdictState::HttpError, one_line(&reason, 300));
    }
    let limited = kind == FailureKind::TooMuch;
    let state = match status {
        413 | 429 => VerdictState::RateLimited,
        408 => VerdictState::TimedOut,
        _ => VerdictState::HttpError,
    };
    let retryable = match header("x-should-retry").as_deref() {
        Some("true") => true,
        Some("false") => false,
        _ => {
            matches!(status, 408 | 409 | 424 | 425 | 429) || status >= 500 || limited || error.is_by_chance()
        }
    };
    if !retryable {
        return RetryDecision::Fail(state, what);
    }
    let told = wait_asked(attempt.dialect, header, attempt.now_s).or_else(|| error.wait());
    if let Some(wait) = told.filter(|wait| *wait > policy.most) {
        let (asked, most) = (wait.as_secs(), policy.most.as_secs());
        return RetryDecision::Fail(
            state,
            format!("asked to wait {asked} s, more than {most} s is not waited for; {what}"),
        );
    }
    let most = if limited { REQUESTS_LIMITED } else { REQUESTS };
    if attempt.number < most {
        let after = told.unwrap_or_else(|| backoff(policy, attempt));
        return RetryDecision::Retry { after, why: what, limited, told: told.is_some() };
    }
    if status == 500 && !attempt.key_sent && !attempt.answered_before && error.is_plain {
        let text = format!(
            "{} answers 500 without a reason, and no key is sent: LiteLLM answers a missing key so; set api_key_env",
            attempt.origin
        );
        return RetryDecision::Stop(Stop::new(StopKind::Key, text));
    }
    RetryDecision::Fail(state, format!("{what} ({} times)", attempt.number))
}

/// Whether a filter kept this one item back.
fn is_filtered(attempt: &Attempt<'_>, status: u16, error: &ApiError) -> bool {
    match status {
        400 | 422 | 451 => error.is_filtered(),
        // The page of a firewall after answers is about what was sent.
        403 => error.is_filtered() || (attempt.answered_before && error.is_page),
        _ => false,
    }
}

/// The line that ends the run, if this answer would come for every item.
fn stop_for(
    attempt: &Attempt<'_>,
    status: u16,
    error: &ApiError,
    header: &(dyn Fn(&str) -> Option<String> + Sync),
) -> Option<Stop> {
    let Attempt { origin, model, .. } = attempt;
    let what = format!("{status}: {}", error.line());
    let (kind, text) = match status {
        300..=399 => {
            let to = header("location").map(|to| one_line(&to, 100)).unwrap_or_default();
            (
                StopKind::Address,
                format!(
                    "{origin} redirects to '{to}'; redirects are not followed: set base_url to the right address"
                ),
            )
        }
        _ if error.is_of_region() => (
            StopKind::Key,
            format!("{origin} does not serve the place that this account is used from ({what})"),
        ),
        401 | 403 => (StopKind::Key, key_message(attempt, &what)),
        402 => (StopKind::Quota, format!("{origin} wants payment ({what}); check the account")),
        _ if error.is_quota() => {
            (StopKind::Quota, format!("the quota at {origin} is used up ({what}); check the account"))
        }
        400 | 404 if error.is_of_responses() => (
            StopKind::Model,
            format!(
                "{origin} answers for '{}' at another path ({what}); set api = \"responses\"",
                one_line(model, 80)
            ),
        ),
        400 | 404 | 422 if error.is_unknown_model() => (
            StopKind::Model,
            format!(
                "{origin} does not know the model '{}' ({what}); ask for one it lists",
                one_line(model, 80)
            ),
        ),
        // An API that says why is there.
        404 if error.is_structured => {
            (StopKind::Unusable, format!("{origin} has nothing that answers as asked for ({what})"))
        }
        404 | 405 | 410 => (
            StopKind::Address,
            format!(
                "{origin} has no {} at this path ({what}); {}",
                attempt.dialect.words().trim_start_matches("OpenAI "),
                "base_url usually ends in /v1"
            ),
        ),
        _ if error.is_key_refused() => (StopKind::Key, key_message(attempt, &what)),
        _ => return None,
    };
    Some(Stop::new(kind, text))
}

fn key_message(attempt: &Attempt<'_>, what: &str) -> String {
    let Attempt { origin, key_source, .. } = attempt;
    if attempt.key_sent {
        format!("{origin} refuses the key from {key_source} ({what}); check that it is the right one")
    } else {
        format!("{origin} wants a key and none is sent ({what}); set api_key_env")
    }
}

/// How long the endpoint asks to wait.
fn wait_asked(
    dialect: &dyn Dialect,
    header: &(dyn Fn(&str) -> Option<String> + Sync),
    now_s: i64,
) -> Option<Duration> {
    let seconds =
        |text: String| text.trim().parse::<f64>().ok().and_then(|s| Duration::try_from_secs_f64(s).ok());
    let value =
        |name: &str| header(name).and_then(|text| seconds(text.clone()).or_else(|| until_date(&text, now_s)));
    header("retry-after-ms")
        .and_then(seconds)
        .map(|thousand| thousand / 1000)
        .or_else(|| value("retry-after"))
        .or_else(|| value("llm_provider-retry-after"))
        .or_else(|| dialect.limits(header, now_s).map(|(left, _)| left))
}

#[cfg(test)]
mod tests {
    use super::super::dialect::OpenAiChat;
    use super::super::reset::duration;
    use super::*;

    const POLICY: Policy = Policy { base: Duration::from_millis(500), most: Duration::from_secs(120) };

    fn attempt(number: u32) -> Attempt<'static> {
        Attempt {
            number,
            elapsed: Duration::ZERO,
            jitter: 0.0,
            now_s: 784_111_777,
            key_sent: true,
            answered_before: true,
            crowded: false,
            dialect: &OpenAiChat,
            origin: "http://h:1",
            model: "m",
            key_source: "variable K",
        }
    }

    fn see(attempt: &Attempt<'_>, status: u16, headers: &[(&str, &str)], body: &str) -> RetryDecision {
        let header =
            |name: &str| headers.iter().find(|(known, _)| *known == name).map(|(_, v)| (*v).to_owned());
        decide(&POLICY, attempt, &FailedRequest::Answer { status, header: &header, body: body.as_bytes() })
    }

    fn wait(headers: &[(&str, &str)]) -> Option<u64> {
        match see(&attempt(1), 429, headers, "{}") {
            RetryDecision::Retry { after, .. } => Some(after.as_millis() as u64),
            _ => None,
        }
    }

    #[test]
    fn the_wait_asked_for_is_honoured_in_all_its_spellings() {
        for (headers, expected) in [
            (vec![("retry-after", "2")], Some(2000)),
            (vec![("retry-after", "0.25")], Some(250)),
            (vec![("retry-after-ms", "30"), ("retry-after", "2")], Some(30)),
            (vec![("retry-after", "Sun, 06 Nov 1994 08:49:57 GMT")], Some(20_000)),
            (vec![("retry-after", "Sun, 06 Nov 1994 08:00:00 GMT")], Some(0)),
            (vec![("llm_provider-retry-after", "60")], Some(60_000)),
            (vec![("retry-after", "121")], None),
            (vec![("retry-after", "Sun, 06 Nov 1994 09:49:37 GMT")], None),
            (vec![("retry-after", "-3")], Some(500)),
            (vec![("retry-after", "soon")], Some(500)),
            (vec![("retry-after", "inf")], Some(500)),
            (
                vec![("x-ratelimit-remaining-requests", "0"), ("x-ratelimit-reset-requests", "1m0.5s")],
                Some(60_500),
            ),
            (vec![("x-ratelimit-remaining-requests", "3"), ("x-ratelimit-reset-requests", "1m")], Some(500)),
            (vec![("x-ratelimit-remaining-requests", "-1")], Some(500)),
            (vec![("x-ratelimit-remaining-tokens", "0"), ("x-ratelimit-reset-tokens", "250ms")], Some(250)),
            (
                vec![
                    ("x-ratelimit-remaining-tokens", "0"),
                    ("x-ratelimit-reset-tokens", "7"),
                    ("x-ratelimit-remaining-requests", "0"),
                    ("x-ratelimit-reset-requests", "1s"),
                ],
                Some(7000),
            ),
            (
                vec![("x-ratelimit-remaining-requests", "0"), ("x-ratelimit-reset-requests", "1784111777")],
                None,
            ),
            (vec![("x-should-retry", "false")], None),
        ] {
            assert_eq!(wait(&headers), expected, "{headers:?}");
        }
        for (text, ms) in
            [("12ms", Some(12)), ("6m0s", Some(360_000)), ("1h", Some(3_600_000)), ("5", None), ("", None)]
        {
            assert_eq!(duration(text).map(|d| d.as_millis() as u64), ms, "{text}");
        }
    }

    #[test]
    fn waits_double_and_end() {
        let mut waits = Vec::new();
        for number in 1..10 {
            match see(&attempt(number), 429, &[], "{}") {
                RetryDecision::Retry { after, limited, told, .. } => {
                    assert!(limited && !told);
                    waits.push(after.as_millis());
                }
                other => {
                    assert!(matches!(other, RetryDecision::Fail(VerdictState::RateLimited, _)), "{other:?}");
                    break;
                }
            }
        }
        assert_eq!(waits, [500, 1000, 2000, 4000, 8000, 8000, 8000]);
        let jittered = see(&Attempt { jitter: 1.0, ..attempt(1) }, 500, &[], "{}");
        assert!(
            matches!(jittered, RetryDecision::Retry { after, .. } if after == Duration::from_millis(375))
        );
        assert!(matches!(see(&attempt(4), 500, &[], "{}"), RetryDecision::Fail(VerdictState::HttpError, _)));
        assert!(matches!(see(&attempt(4), 503, &[], "{}"), RetryDecision::Retry { .. }));
        assert!(matches!(see(&attempt(4), 408, &[], "{}"), RetryDecision::Fail(VerdictState::TimedOut, _)));
    }

    #[test]
    fn what_fails_for_every_item_stops_the_run_with_one_line() {
        let no_key = Attempt { key_sent: false, ..attempt(1) };
        let fresh = Attempt { key_sent: false, answered_before: false, ..attempt(4) };
        for (attempt, status, body, kind, line) in [
            (
                attempt(1),
                401,
                r#"{"error":{"message":"Invalid API Key","type":"authentication_error","code":401}}"#,
                StopKind::Key,
                "http://h:1 refuses the key from variable K (401: Invalid API Key); check that it is the right one",
            ),
            (
                no_key,
                401,
                r#"{"detail":"Invalid API key"}"#,
                StopKind::Key,
                "http://h:1 wants a key and none is sent (401: Invalid API key); set api_key_env",
            ),
            (
                attempt(1),
                400,
                r#"{"error":{"message":"No connected db.","type":"no_db_connection","param":null,"code":"400"}}"#,
                StopKind::Key,
                "http://h:1 refuses the key from variable K (400: No connected db.); check that it is the right one",
            ),
            (
                fresh,
                500,
                "Internal Server Error",
                StopKind::Key,
                "http://h:1 answers 500 without a reason, and no key is sent: LiteLLM answers a missing key so; set api_key_env",
            ),
            (
                attempt(1),
                429,
                r#"{"error":{"message":"You exceeded your current quota","type":"insufficient_quota","code":"insufficient_quota"}}"#,
                StopKind::Quota,
                "the quota at http://h:1 is used up (429: You exceeded your current quota); check the account",
            ),
            (
                attempt(1),
                404,
                r#"{"error":{"message":"The model `m` does not exist","code":"model_not_found"}}"#,
                StopKind::Model,
                "http://h:1 does not know the model 'm' (404: The model `m` does not exist); ask for one it lists",
            ),
            (
                attempt(1),
                404,
                "<html><body>nginx</body></html>",
                StopKind::Address,
                "http://h:1 has no chat completions at this path (404: an HTML page); base_url usually ends in /v1",
            ),
        ] {
            assert_eq!(
                see(&attempt, status, &[], body),
                RetryDecision::Stop(Stop::new(kind, line)),
                "{body}"
            );
        }
        let redirect = see(&attempt(1), 302, &[("location", "https://evil.example/\u{1b}[31m")], "");
        let RetryDecision::Stop(stop) = redirect else { panic!("{redirect:?}") };
        assert!(stop.message.contains("redirects are not followed") && !stop.message.contains('\u{1b}'));
    }

    #[test]
    fn a_dead_endpoint_is_told_of_within_ten_seconds() {
        let refused = |number, elapsed| {
            let attempt = Attempt { elapsed: Duration::from_millis(elapsed), ..attempt(number) };
            decide(&POLICY, &attempt, &FailedRequest::Broken(RequestFault::Connect, "refused"))
        };
        for (number, elapsed) in [(1, 0), (2, 500), (3, 1500)] {
            assert!(matches!(refused(number, elapsed), RetryDecision::Retry { .. }));
        }
        for (number, elapsed) in [(4, 3500), (1, 5000)] {
            assert!(
                matches!(refused(number, elapsed), RetryDecision::Stop(stop) if stop.kind == StopKind::Unreachable)
            );
        }
    }

    #[test]
    fn time_outs_are_tried_twice_and_cut_bodies_four_times() {
        for (fault, most, state) in [
            (RequestFault::Timeout, 2, VerdictState::TimedOut),
            (RequestFault::Cut, 4, VerdictState::HttpError),
        ] {
            let at = |number| decide(&POLICY, &attempt(number), &FailedRequest::Broken(fault, "cut"));
            assert!(matches!(at(most - 1), RetryDecision::Retry { .. }));
            assert!(matches!(at(most), RetryDecision::Fail(found, _) if found == state));
        }
    }

    #[test]
    fn a_context_that_is_too_small_is_the_items_failure() {
        let body = r#"{"error":{"code":400,"message":"request (6031 tokens) exceeds the available context size (2048 tokens), try increasing it","type":"exceed_context_size_error","n_prompt_tokens":6031,"n_ctx":2048}}"#;
        let RetryDecision::Fail(VerdictState::HttpError, reason) = see(&attempt(1), 400, &[], body) else {
            panic!()
        };
        assert!(reason.starts_with(
            "the context window of m is too small for this item (6031 tokens asked, 2048 held)"
        ));
        let proxied = r#"{"error":{"message":"litellm.ContextWindowExceededError: litellm.BadRequestError: this is a mock context window exceeded error","type":"invalid_request_error"}}"#;
        assert!(matches!(
            see(&attempt(1), 400, &[], proxied),
            RetryDecision::Fail(VerdictState::HttpError, _)
        ));
    }
}
