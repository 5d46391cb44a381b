//! Errors as servers spell them, and what they come to: too much, used up, filtered, too long, an unknown model, a refused key.
//!
//! Texts are looked at because nothing better comes: proxies put one provider's error into the message of another's. Each list
//! of words is of texts that were seen; what fits none of them is an error like any other.

use super::body::{compressed, is_compressed, one_line};
use serde_json::Value;
use std::time::Duration;

/// An error: `{"error":{...}}`, a list of it, `{"error":"text"}`, `{"detail":...}`, `{"message":...}`, HTML, text.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ApiError {
    message: String,
    kind: String,
    code: String,
    param: String,
    asked: Option<u64>,
    held: Option<u64>,
    /// All of the body in lower case, cut to a few thousand characters.
    all: String,
    /// The body was plain text: nothing structured, no page.
    pub is_plain: bool,
    /// The body was an HTML page: of a firewall, or of no API at all.
    pub is_page: bool,
    /// The body was JSON that says something of its own.
    pub is_structured: bool,
}

/// So much of a body is looked at for details.
const LOOKED_AT: usize = 6000;

impl ApiError {
    /// Reads whatever came.
    pub fn read(body: &[u8]) -> Self {
        let Ok(value) = serde_json::from_slice::<Value>(body) else {
            if let Some(how) = compressed(body) {
                return Self { message: is_compressed(how), ..Self::default() };
            }
            let text = String::from_utf8_lossy(body);
            let html = is_html(&text);
            let message = if html { "an HTML page".to_owned() } else { text.into_owned() };
            let all = if html { String::new() } else { lowered(&message) };
            return Self { message, all, is_plain: !html, is_page: html, ..Self::default() };
        };
        Self::from_value(&value)
    }

    /// Reads the value of a JSON error body.
    pub fn from_value(value: &Value) -> Self {
        // Google's compatible endpoint sends a list of one.
        if let Some(first) = value.as_array().and_then(|list| list.first()) {
            return Self::from_value(first);
        }
        let all = lowered(&value.to_string());
        let inner = match value.get("error") {
            Some(error @ Value::Object(_)) => error,
            _ => value,
        };
        let text = |key: &str| match inner.get(key) {
            Some(Value::String(text)) if text != "None" => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            _ => String::new(),
        };
        let told = ["message", "detail", "msg", "Message", "error"].iter().find_map(|key| inner.get(*key));
        let mut message = match told {
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
            None => inner.to_string(),
        };
        // What the provider behind a gateway said.
        if let Some(raw) = inner.pointer("/metadata/raw").and_then(Value::as_str) {
            message = format!("{message}: {raw}");
        }
        let or = |first: String, second: &str| if first.is_empty() { text(second) } else { first };
        Self {
            message,
            kind: or(or(text("type"), "status"), "__type"),
            code: text("code"),
            param: text("param"),
            asked: inner.get("n_prompt_tokens").and_then(Value::as_u64),
            held: inner.get("n_ctx").and_then(Value::as_u64),
            all,
            is_plain: false,
            is_page: false,
            is_structured: told.is_some()
                && told.and_then(Value::as_str).is_none_or(|t| !is_bare_not_found(t)),
        }
    }

    /// The message as one short line.
    pub fn line(&self) -> String {
        let line = one_line(&self.message, 160);
        if line.is_empty() { "no reason given".to_owned() } else { line }
    }

    /// Whether the error is about this parameter.
    pub fn names(&self, name: &str) -> bool {
        if self.param == name || self.param.ends_with(&format!(".{name}")) {
            return true;
        }
        let inner = |c: char| c.is_ascii_alphanumeric() || c == '_';
        self.message.match_indices(name).any(|(at, _)| {
            let before = self.message.get(..at).and_then(|text| text.chars().next_back());
            let after = self.message.get(at + name.len()..).and_then(|text| text.chars().next());
            !before.is_some_and(inner) && !after.is_some_and(inner)
        })
    }

    fn says(&self, any: &[&str]) -> bool {
        let text = self.message.to_lowercase();
        any.iter().any(|words| text.contains(words))
    }

    fn is(&self, any: &[&str]) -> bool {
        any.iter().any(|known| self.kind == *known || self.code == *known)
    }

    fn holds(&self, any: &[&str]) -> bool {
        any.iter().any(|words| self.all.contains(words))
    }

    /// A limit for a time, and not for a prompt.
    pub fn is_rate(&self) -> bool {
        self.is(&["rate_limit_exceeded", "rate_limit_error", "RESOURCE_EXHAUSTED"])
            || self.holds(&["per minute", "perminute", "per day", "perday", "rate limit", "rate_limit"])
    }

    /// The prompt is longer than the context window.
    pub fn is_context_overflow(&self) -> bool {
        if self.holds(&["tokens per minute", "(tpm)", "tokens per day"]) {
            return false;
        }
        self.is(&["context_length_exceeded", "exceed_context_size_error", "string_above_max_length"])
            || self.says(&[
                "contextwindowexceeded",
                "context window",
                "context length",
                "context size",
                "maximum context",
                "prompt is too long",
                "input is too long",
                "exceeds the maximum number of tokens allowed",
                "too many input tokens",
            ])
    }

    /// Tokens asked for and tokens held, where the error tells.
    pub fn sizes(&self) -> Option<(u64, u64)> {
        Some((self.asked?, self.held?))
    }

    /// The account is used up: its quota, its balance, what it may have in a day. What comes back within minutes is not meant:
    /// Google has the same words for both.
    pub fn is_quota(&self) -> bool {
        if self.is(&["insufficient_quota", "billing_hard_limit_reached", "billing_error"])
            || self.holds(&[
                "insufficient_quota",
                "insufficient balance",
                "billing hard limit",
                "credit balance is too low",
                "perday",
            ])
        {
            return true;
        }
        let passes = self.wait().is_some() || self.holds(&["perminute", "per minute", "resource_exhausted"]);
        self.holds(&["exceeded your current quota"]) && !passes
    }

    /// The endpoint has more to do than it can.
    pub fn is_overloaded(&self) -> bool {
        self.is(&[
            "overloaded_error",
            "UNAVAILABLE",
            "service_unavailable",
            "engine_overloaded_error",
            "ThrottlingException",
            "throttling_error",
            "ModelNotReadyException",
        ]) || self.holds(&["overloaded", "throttlingexception", "too many requests", "at capacity"])
    }

    /// A filter of the endpoint did not let this text through: the fault of one item, whatever the status.
    pub fn is_filtered(&self) -> bool {
        self.is(&[
            "content_filter",
            "content_policy_violation",
            "invalid_prompt",
            "ResponsibleAIPolicyViolation",
            "moderation_blocked",
        ]) || self.holds(&[
            "content_filter",
            "contentpolicyviolation",
            "content policy",
            "content management policy",
            "responsibleaipolicy",
            "requires moderation",
            "moderation",
            "was flagged",
            "been flagged",
            "usage guidelines",
            "usage policy",
            "usage policies",
            "safety_check",
            "safety system",
            "safety policy",
            "guardrail",
            "content violates",
            "prohibited content",
            "blocked by",
        ]) || (self.holds(&["content"])
            && self.holds(&[
                "not permitted",
                "not allowed",
                "violat",
                "prohibited",
                "restricted",
                "unsafe",
                "harmful",
            ]))
    }

    /// A sample that went wrong by chance: the next may not.
    pub fn is_by_chance(&self) -> bool {
        self.is(&["json_validate_failed"])
    }

    /// No such model.
    pub fn is_unknown_model(&self) -> bool {
        self.is(&["model_not_found", "invalid_model", "DeploymentNotFound"])
            || self.says(&[
                "invalid model",
                "unknown model",
                "no such model",
                "model not found",
                "model not exist",
                "not a valid model",
                "no healthy deployments",
                "api deployment for this resource does not exist",
            ])
            || (self.is(&["not_found_error"]) && self.says(&["model:", "model "]))
            || (self.says(&["model"]) && self.says(&["does not exist", "not found", "is not available"]))
    }

    /// The model answers at another path of the same provider.
    pub fn is_of_responses(&self) -> bool {
        self.says(&["v1/responses"])
    }

    /// The account may not be used from here.
    pub fn is_of_region(&self) -> bool {
        self.is(&["unsupported_country_region_territory"]) || self.says(&["country, region, or territory"])
    }

    /// The key is refused, though the status says something else. `no_db_connection` is what a LiteLLM proxy without a
    /// database answers to a key that is not its own.
    pub fn is_key_refused(&self) -> bool {
        self.is(&[
            "no_db_connection",
            "invalid_api_key",
            "authentication_error",
            "auth_error",
            "permission_error",
        ]) || self.holds(&["api_key_invalid"])
            || (self.says(&["api key", "api_key", "access token", "credential"])
                && self.says(&[
                    "invalid",
                    "not valid",
                    "incorrect",
                    "no api key",
                    "expired",
                    "disabled",
                    "revoked",
                ]))
    }

    /// How long the body asks to wait: `retryDelay`, `retry in 20.5s`, `try again in 7m12s`, `retry after 2 seconds`.
    pub fn wait(&self) -> Option<Duration> {
        const LEADS: [&str; 6] =
            ["retrydelay", "retry in", "retry after", "try again in", "retry_after_seconds", "retry_after"];
        LEADS.iter().find_map(|lead| {
            let (_, rest) = self.all.split_once(lead)?;
            let rest = rest.trim_start_matches(|c: char| c.is_whitespace() || "\"'\\:=~".contains(c));
            spelled(rest)
        })
    }

    /// The largest room for an answer that a complaint about its size names, in tokens; `None` when it complains of something
    /// else.
    pub fn most_room(&self) -> Option<u64> {
        let complains = self.holds(&[
            "too large",
            "at most",
            "cannot be greater",
            "greater than",
            "must be less",
            "less than or equal",
            "maximum allowed",
            "valid range",
            "range of",
            "exceed",
            "maximum value",
            "max value",
            "up to",
        ]) || self.all.contains(" > ");
        let numbers = numbers(&self.message);
        if !complains || numbers.is_empty() {
            return None;
        }
        // The value that was sent is named too, and is larger; a range begins with a small number.
        let sent = numbers.iter().copied().max()?;
        let below = numbers.iter().copied().filter(|n| *n < sent && *n >= 16).max();
        below
            .or_else(|| (numbers.len() == 1 || numbers.iter().all(|n| *n < 16 || *n == sent)).then_some(sent))
    }
}

impl ApiError {
    /// The largest number below twenty that a complaint names: `top_logprobs must be at most 11`.
    pub fn most_small(&self) -> Option<u8> {
        let complains = self.holds(&["at most", "less than", "maximum", "between", "up to"]);
        let small = numbers(&self.message).into_iter().filter(|n| *n < 20).max()?;
        complains.then(|| u8::try_from(small).ok()).flatten()
    }
}

/// What a framework says of an address it does not know: nothing of an API.
fn is_bare_not_found(text: &str) -> bool {
    let text = text.trim().trim_end_matches('.').to_ascii_lowercase();
    let known = ["", "not found", "file not found", "404 not found", "page not found", "method not allowed"];
    known.contains(&text.as_str())
}

fn lowered(text: &str) -> String {
    text.chars().take(LOOKED_AT).flat_map(char::to_lowercase).collect()
}

/// The whole numbers of a text that stand alone (`max_tokens=4096` counts, `o1` and `gpt-4` do not).
fn numbers(text: &str) -> Vec<u64> {
    let mut found = Vec::new();
    let mut before = ' ';
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if !c.is_ascii_digit() {
            before = c;
            continue;
        }
        let mut digits = String::from(c);
        while let Some(more) = chars.next_if(|c| c.is_ascii_digit() || *c == ',' || *c == '_') {
            // A comma before a blank ends the number.
            if more == ',' && !chars.peek().is_some_and(char::is_ascii_digit) {
                break;
            }
            digits.push(more);
        }
        let alone = !(before.is_alphanumeric() || "-._/".contains(before));
        let ends = !chars.peek().is_some_and(|c| c.is_alphanumeric() || *c == '-');
        if alone && ends {
            found.extend(digits.replace([',', '_'], "").parse::<u64>());
        }
        before = '0';
    }
    found
}

/// Reads `26s`, `20.5s`, `7m12s`, `2 seconds`, `1 minute`, `1500ms`, `26`.
fn spelled(text: &str) -> Option<Duration> {
    let (mut total, mut any, mut rest) = (0.0, false, text);
    loop {
        let digits = rest.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(rest.len());
        let Some(number) = rest.get(..digits).and_then(|n| n.trim_end_matches('.').parse::<f64>().ok())
        else {
            break;
        };
        let after = rest.get(digits..).unwrap_or_default();
        let unit = after.trim_start();
        let word: String = unit.chars().take_while(char::is_ascii_alphabetic).collect();
        let seconds = match word.as_str() {
            "ms" | "milliseconds" => 0.001,
            "m" | "min" | "mins" | "minute" | "minutes" => 60.0,
            "h" | "hr" | "hour" | "hours" => 3600.0,
            "s" | "sec" | "secs" | "second" | "seconds" => 1.0,
            _ if !any => 1.0,
            _ => break,
        };
        total += number * seconds;
        any = true;
        rest = unit.get(word.len()..).unwrap_or_default();
    }
    any.then(|| Duration::try_from_secs_f64(total).ok()).flatten()
}

pub(super) fn is_html(text: &str) -> bool {
    let start = text.trim_start().chars().take(15).collect::<String>().to_ascii_lowercase();
    start.starts_with("<!doctype") || start.starts_with("<html") || start.starts_with("<head")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> ApiError {
        ApiError::read(text.as_bytes())
    }

    #[test]
    fn waits_are_read_from_bodies_in_all_their_spellings() {
        for (body, seconds) in [
            (r#"[{"error":{"message":"x","details":[{"retryDelay":"26s"}]}}]"#, 26.0),
            (r#"{"error":{"message":"quota. Please retry in 20.5s."}}"#, 20.5),
            (r#"{"error":{"message":"Please retry after 2 seconds."}}"#, 2.0),
            (r#"{"error":{"message":"try again in 7m12s. Visit"}}"#, 432.0),
            (r#"{"error":{"message":"Please try again in 1.2s"}}"#, 1.2),
            (r#"{"error":{"message":"try again in 450ms"}}"#, 0.45),
            (r#"{"error":{"message":"litellm: {\"details\": [{\"retryDelay\": \"3s\"}]}"}}"#, 3.0),
            (r#"{"error":{"message":"x","metadata":{"retry_after":5}}}"#, 5.0),
            ("retry after 1 minute", 60.0),
        ] {
            let wait = error(body).wait().unwrap_or_else(|| panic!("{body}"));
            assert!((wait.as_secs_f64() - seconds).abs() < 1e-9, "{body}: {wait:?}");
        }
        for body in [r#"{"error":{"message":"slow down"}}"#, "try again in a while", ""] {
            assert_eq!(error(body).wait(), None, "{body}");
        }
    }

    #[test]
    fn a_complaint_about_the_room_names_its_most() {
        for (text, most) in [
            (
                "max_tokens: 32000 > 8192, which is the maximum allowed number of output tokens for claude-3-5-haiku",
                Some(8192),
            ),
            (
                "max_tokens is too large: 32000. This model supports at most 16384 completion tokens, whereas you provided 32000.",
                Some(16_384),
            ),
            (
                "max_tokens=4096 cannot be greater than max_model_len=2048. Please request fewer output tokens.",
                Some(2048),
            ),
            ("Invalid max_tokens value, the valid range of max_tokens is [1, 8192]", Some(8192)),
            ("Range of max_tokens should be [1, 8192]", Some(8192)),
            ("max_tokens must be less than or equal to 65,536", Some(65_536)),
            ("Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.", None),
            ("max_tokens is not supported", None),
        ] {
            let body = serde_json::json!({"error": {"message": text}}).to_string();
            assert_eq!(error(&body).most_room(), most, "{text}");
        }
    }

    #[test]
    fn a_quota_that_comes_back_is_none_that_is_used_up() {
        let minute = r#"[{"error":{"code":429,"message":"You exceeded your current quota, please check your plan and billing details.","status":"RESOURCE_EXHAUSTED","details":[{"violations":[{"quotaId":"GenerateRequestsPerMinutePerProjectPerModel-FreeTier"}]},{"retryDelay":"2s"}]}}]"#;
        assert!(!error(minute).is_quota() && error(minute).line().starts_with("You exceeded"));
        assert!(error(&minute.replace("PerMinute", "PerDay")).is_quota());
        for body in [
            r#"{"error":{"message":"You exceeded your current quota","type":"insufficient_quota"}}"#,
            r#"{"error":{"message":"You exceeded your current quota, please check your plan and billing details."}}"#,
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low to access the Anthropic API."}}"#,
        ] {
            assert!(error(body).is_quota(), "{body}");
        }
    }

    #[test]
    fn filters_models_and_windows_are_told_apart() {
        for body in [
            r#"{"error":{"code":403,"message":"openai/gpt-5 requires moderation on OpenAI. Your input was flagged for \"violence\".","metadata":{"reasons":["violence"]}}}"#,
            r#"{"code":"The caller does not have permission to execute the specified operation","error":"Content violates usage guidelines. Failed check: SAFETY_CHECK_TYPE_BIO"}"#,
            r#"{"error":{"message":"filtered","code":"content_filter"}}"#,
            r#"{"error":{"message":"Invalid prompt: your prompt was flagged","code":"invalid_prompt"}}"#,
        ] {
            assert!(error(body).is_filtered(), "{body}");
        }
        for body in [
            r#"{"error":{"message":"model 'qwen9' not found","type":"not_found_error"}}"#,
            r#"{"type":"error","error":{"type":"not_found_error","message":"model: claude-foo"}}"#,
            r#"{"error":{"message":"Model Not Exist","type":"invalid_request_error"}}"#,
            r#"{"message":"Invalid model: mistral-foo","type":"invalid_model"}"#,
            r#"{"error":{"message":"foo/bar is not a valid model ID","code":400}}"#,
            r#"{"error":{"code":"DeploymentNotFound","message":"The API deployment for this resource does not exist."}}"#,
            r#"[{"error":{"code":404,"message":"models/g is not found for API version v1main","status":"NOT_FOUND"}}]"#,
        ] {
            assert!(error(body).is_unknown_model() && !error(body).is_filtered(), "{body}");
        }
        let long = r#"[{"error":{"message":"The input token count (1200000) exceeds the maximum number of tokens allowed (1048576)."}}]"#;
        assert!(error(long).is_context_overflow());
        let minute = r#"{"error":{"message":"Request too large for model on tokens per minute (TPM): Limit 6000, Requested 8000, please reduce your message size; context length","code":"rate_limit_exceeded"}}"#;
        assert!(!error(minute).is_context_overflow() && error(minute).is_rate());
        assert!(!error(r#"{"detail":"Not Found"}"#).is_structured);
        assert!(error(r#"{"error":{"message":"No endpoints found"}}"#).is_structured);
    }
}
