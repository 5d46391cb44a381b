//! The Batch API of an OpenAI-compatible endpoint: a file of requests, answered within a day at about half the price.
//!
//! ```text
//! lines --POST files--> file id --POST batches (token as metadata)--> batch id --GET--> status ... terminal
//!                                                                          output file, error file --> lines
//! ```
//! Nothing here decides when to send: the caller stores each id before it goes on.

use super::config::JudgeConfig;
use super::endpoint::{Broken, Endpoint, HttpAnswer};
use super::wire::{ApiError, one_line};
use super::{Stop, StopKind};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::time::Duration;

/// The most requests in one file.
pub const MOST_LINES: usize = 50_000;
/// The largest file, in bytes; a little below what is allowed.
pub const MOST_BYTES: usize = 190 << 20;
/// Times that a question without a price (an upload, a status, a file) is put before it is given up.
const TRIES: u32 = 5;
/// Pages of the list of batches that are looked through, 100 batches each.
const PAGES: usize = 20;

/// A batch as the endpoint tells it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BatchStatus {
    /// Its id.
    pub id: String,
    /// `validating`, `failed`, `in_progress`, `finalizing`, `completed`, `expired`, `cancelling`, `cancelled`.
    pub status: String,
    /// The file of answers, once there is one.
    pub output_file_id: Option<String>,
    /// The file of requests that failed.
    pub error_file_id: Option<String>,
    /// Requests done, failed and in all.
    pub counts: (u64, u64, u64),
    /// Why it was refused as a whole.
    pub errors: Vec<String>,
}

impl BatchStatus {
    /// Whether nothing more will come of it.
    pub fn is_over(&self) -> bool {
        matches!(self.status.as_str(), "completed" | "failed" | "expired" | "cancelled")
    }

    fn read(value: &Value) -> Option<Self> {
        let text =
            |key: &str| value.get(key).and_then(Value::as_str).filter(|t| !t.is_empty()).map(str::to_owned);
        let count = |key: &str| value.pointer(key).and_then(Value::as_u64).unwrap_or_default();
        let errors = value.pointer("/errors/data").and_then(Value::as_array);
        let error = |e: &Value| {
            let line =
                e.get("line").and_then(Value::as_u64).map(|n| format!("line {n}: ")).unwrap_or_default();
            one_line(
                &format!("{line}{}", e.get("message").and_then(Value::as_str).unwrap_or("no reason given")),
                200,
            )
        };
        Some(Self {
            id: text("id")?,
            status: one_line(&text("status")?, 40),
            output_file_id: text("output_file_id"),
            error_file_id: text("error_file_id"),
            counts: (
                count("/request_counts/completed"),
                count("/request_counts/failed"),
                count("/request_counts/total"),
            ),
            errors: errors.into_iter().flatten().take(5).map(error).collect(),
        })
    }
}

/// One line of an output or error file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchLine {
    /// As it was sent.
    pub custom_id: String,
    /// The answer.
    pub result: LineResult,
}

/// What a line holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LineResult {
    /// An HTTP status and a body.
    Answer(u16, Vec<u8>),
    /// It was never put: the batch expired or was cancelled first.
    Unasked,
    /// It failed otherwise.
    Failed(String),
    /// Lines with this id hold results that differ.
    Conflict,
}

/// Reads an output or error file. Lines that do not read are left out: their requests stay open.
pub fn read_lines(file: &[u8]) -> Vec<BatchLine> {
    file.split(|b| *b == b'\n').filter_map(read_line).collect()
}

fn read_line(line: &[u8]) -> Option<BatchLine> {
    let value: Value = serde_json::from_slice(line).ok()?;
    let custom_id = value.get("custom_id")?.as_str()?.to_owned();
    let error = value.get("error").filter(|e| !e.is_null());
    let result = match (error, value.get("response").filter(|r| !r.is_null())) {
        (Some(error), _) => {
            let code = error.get("code").and_then(Value::as_str).unwrap_or_default();
            if matches!(code, "batch_expired" | "batch_cancelled") {
                LineResult::Unasked
            } else {
                LineResult::Failed(ApiError::from_value(&json!({"error": error})).line())
            }
        }
        (None, Some(response)) => {
            let status =
                response.get("status_code").and_then(Value::as_u64).and_then(|s| u16::try_from(s).ok());
            LineResult::Answer(status?, response.get("body")?.to_string().into_bytes())
        }
        (None, None) => return None,
    };
    Some(BatchLine { custom_id, result })
}

/// The lines by their id. An id with results that differ has none of them: which one is the answer, nobody can tell.
pub fn by_id(lines: Vec<BatchLine>) -> HashMap<String, BatchLine> {
    let mut known: HashMap<String, BatchLine> = HashMap::new();
    for line in lines {
        match known.get_mut(&line.custom_id) {
            Some(first) if first.result != line.result => first.result = LineResult::Conflict,
            Some(_) => {}
            None => _ = known.insert(line.custom_id.clone(), line),
        }
    }
    known
}

/// One request to `url` as a line of the input file. `body` is JSON already.
pub fn line(custom_id: &str, url: &str, body: &str) -> String {
    format!("{{\"custom_id\":{},\"method\":\"POST\",\"url\":\"{url}\",\"body\":{body}}}\n", json!(custom_id))
}

/// Splits lines into files that the endpoint takes, by number and size; every line is in exactly one.
pub fn split<T>(lines: Vec<(T, String)>, most_lines: usize, most_bytes: usize) -> Vec<Vec<(T, String)>> {
    let mut files: Vec<Vec<(T, String)>> = Vec::new();
    let mut size = 0;
    for (key, line) in lines {
        let full = files.last().is_none_or(|f| f.len() >= most_lines || size + line.len() > most_bytes);
        if full {
            files.push(Vec::new());
            size = 0;
        }
        size += line.len();
        if let Some(file) = files.last_mut() {
            file.push((key, line));
        }
    }
    files
}

/// Talks to the Batch API of one endpoint.
pub struct BatchClient<'a> {
    endpoint: &'a Endpoint,
    url: &'static str,
    pause: Duration,
}

impl<'a> BatchClient<'a> {
    pub(super) fn new(endpoint: &'a Endpoint, config: &JudgeConfig, url: &'static str) -> Self {
        Self { endpoint, url, pause: Duration::from_millis(config.backoff_ms.max(1)) }
    }

    /// The path that its lines name.
    pub fn url(&self) -> &'static str {
        self.url
    }

    /// How long to wait before the `n`th look at a batch, from 0: twenty times the first wait after a failure (10 s when
    /// nothing is configured), doubling up to six times that.
    pub fn wait(&self, n: u32) -> Duration {
        let first = self.pause * 20;
        (first * 2_u32.saturating_pow(n.min(8))).min(first * 6)
    }

    fn stop(&self, what: &str, why: &str) -> Stop {
        let origin = self.endpoint.address().origin();
        Stop::new(StopKind::Unusable, format!("{origin} {what}: {why}"))
    }

    fn refused(&self, what: &str, answer: &HttpAnswer) -> Stop {
        let why = format!("{}: {}", answer.status, ApiError::read(&answer.body).line());
        let kind = match answer.status {
            401 | 403 => StopKind::Key,
            404 => return self.stop(what, &format!("{why}; does it have a Batch API?")),
            _ => StopKind::Unusable,
        };
        Stop { kind, ..self.stop(what, &why) }
    }

    /// Puts a question that costs nothing until it is answered: again after what passes.
    async fn patiently<F: Future<Output = Result<HttpAnswer, Broken>>>(
        &self,
        what: &str,
        ask: impl Fn() -> F,
    ) -> Result<HttpAnswer, Stop> {
        let mut tries = 0;
        loop {
            tries += 1;
            let stop = match ask().await {
                Ok(answer) if answer.status == 200 => return Ok(answer),
                Ok(answer) if tries >= TRIES || !matches!(answer.status, 408 | 409 | 429 | 500..) => {
                    return Err(self.refused(what, &answer));
                }
                Ok(_) => None,
                Err(broken) if tries >= TRIES => {
                    Some(Stop { kind: StopKind::Unreachable, ..self.stop(what, &broken.why) })
                }
                Err(_) => None,
            };
            if let Some(stop) = stop {
                return Err(stop);
            }
            tokio::time::sleep(self.pause * 2_u32.saturating_pow(tries)).await;
        }
    }

    fn json(&self, what: &str, answer: &HttpAnswer) -> Result<Value, Stop> {
        serde_json::from_slice(&answer.body).map_err(|_| self.stop(what, "the answer is not JSON"))
    }

    /// Uploads the lines; the file's id.
    ///
    /// # Errors
    /// When the endpoint refuses it, or cannot be reached after a few tries.
    pub async fn upload(&self, lines: &str) -> Result<String, Stop> {
        let what = "did not take the file of requests";
        let answer = self.patiently(what, || self.endpoint.upload(lines)).await?;
        let value = self.json(what, &answer)?;
        let id = value.get("id").and_then(Value::as_str);
        id.map(str::to_owned).ok_or_else(|| self.stop(what, "the answer holds no id"))
    }

    /// Asks for a batch over an uploaded file. Put once and never again by itself: an answer that was lost may have been a
    /// yes, and [`BatchClient::find`] knows.
    ///
    /// # Errors
    /// The stop, and whether the endpoint said no for certain.
    pub async fn create(&self, file_id: &str, token: &str) -> Result<BatchStatus, (Stop, bool)> {
        let what = "did not begin the batch";
        let body = json!({
            "input_file_id": file_id,
            "endpoint": self.url,
            "completion_window": "24h",
            "metadata": {"assize": token},
        });
        match self.endpoint.post("batches", &body).await {
            Ok(answer) if answer.status == 200 => {
                let read = self.json(what, &answer).map(|value| BatchStatus::read(&value));
                match read {
                    Ok(Some(status)) => Ok(status),
                    Ok(None) => Err((self.stop(what, "the answer holds no id"), false)),
                    Err(stop) => Err((stop, false)),
                }
            }
            Ok(answer) => {
                let certain =
                    (400..500).contains(&answer.status) && answer.status != 408 && answer.status != 409;
                Err((self.refused(what, &answer), certain))
            }
            Err(broken) => {
                let stop = Stop { kind: StopKind::Unreachable, ..self.stop(what, &broken.why) };
                Err((stop, false))
            }
        }
    }

    /// Looks for the batch that carries this token.
    ///
    /// # Errors
    /// When the list cannot be had: then nobody knows whether the batch is there.
    pub async fn find(&self, token: &str) -> Result<Option<BatchStatus>, Stop> {
        let what = "does not tell which batches there are";
        let mut after = String::new();
        for _ in 0..PAGES {
            let parameters = [("limit", "100"), ("after", after.as_str())];
            let answer = self.patiently(what, || self.endpoint.get("batches", &parameters)).await?;
            let value = self.json(what, &answer)?;
            let list =
                value.get("data").and_then(Value::as_array).ok_or_else(|| self.stop(what, "no list came"))?;
            let is_it = |b: &&Value| b.pointer("/metadata/assize").and_then(Value::as_str) == Some(token);
            if let Some(found) = list.iter().find(is_it) {
                return Ok(BatchStatus::read(found));
            }
            let last = list.last().and_then(|b| b.get("id")).and_then(Value::as_str);
            match (value.get("has_more").and_then(Value::as_bool), last) {
                (Some(true), Some(last)) => after = last.to_owned(),
                _ => return Ok(None),
            }
        }
        Ok(None)
    }

    /// How a batch stands.
    ///
    /// # Errors
    /// When the endpoint refuses to tell, or cannot be reached after a few tries.
    pub async fn status(&self, batch_id: &str) -> Result<BatchStatus, Stop> {
        let what = "does not tell how the batch stands";
        let path = format!("batches/{batch_id}");
        let answer = self.patiently(what, || self.endpoint.get(&path, &[])).await?;
        BatchStatus::read(&self.json(what, &answer)?)
            .ok_or_else(|| self.stop(what, "the answer holds no status"))
    }

    /// Asks for a batch to be cancelled; what is answered by then stays answered.
    ///
    /// # Errors
    /// When the endpoint refuses, or cannot be reached after a few tries.
    pub async fn cancel(&self, batch_id: &str) -> Result<BatchStatus, Stop> {
        let what = "did not cancel the batch";
        let path = format!("batches/{batch_id}/cancel");
        let answer = self.patiently(what, || self.endpoint.post(&path, &Value::Null)).await?;
        BatchStatus::read(&self.json(what, &answer)?)
            .ok_or_else(|| self.stop(what, "the answer holds no status"))
    }

    /// The lines of an output or error file.
    ///
    /// # Errors
    /// When the endpoint refuses, or cannot be reached after a few tries.
    pub async fn lines(&self, file_id: &str) -> Result<Vec<BatchLine>, Stop> {
        let what = "did not give the file of answers";
        let path = format!("files/{file_id}/content");
        let answer = self.patiently(what, || self.endpoint.get(&path, &[])).await?;
        Ok(read_lines(&answer.body))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_hold_answers_errors_or_nothing() {
        let file = concat!(
            r#"{"id":"b1","custom_id":"one","response":{"status_code":200,"request_id":"r","body":{"a":1}},"error":null}"#,
            "\n\nnot json\n",
            r#"{"custom_id":"two","response":{"status_code":429,"body":{"error":{"message":"slow"}}},"error":null}"#,
            "\n",
            r#"{"custom_id":"three","response":null,"error":{"code":"batch_expired","message":"too late"}}"#,
            "\n",
            r#"{"custom_id":"four","response":null,"error":{"code":"x","message":"broken\nline"}}"#,
            "\n",
            r#"{"custom_id":"five","response":null,"error":null}"#,
        );
        let read: Vec<_> = read_lines(file.as_bytes()).into_iter().map(|l| (l.custom_id, l.result)).collect();
        assert_eq!(
            read,
            [
                ("one".to_owned(), LineResult::Answer(200, b"{\"a\":1}".to_vec())),
                ("two".to_owned(), LineResult::Answer(429, br#"{"error":{"message":"slow"}}"#.to_vec())),
                ("three".to_owned(), LineResult::Unasked),
                ("four".to_owned(), LineResult::Failed("broken line".to_owned())),
            ]
        );
    }

    #[test]
    fn an_id_with_results_that_differ_has_none() {
        let line = |id: &str, result| BatchLine { custom_id: id.to_owned(), result };
        let (five, one) = (LineResult::Answer(200, b"5".to_vec()), LineResult::Answer(200, b"1".to_vec()));
        let lines = vec![
            line("same", five.clone()),
            line("twice", five.clone()),
            line("late", LineResult::Failed("x".into())),
            line("same", five.clone()),
            line("twice", one),
            line("late", five.clone()),
            line("twice", five.clone()),
        ];
        let known = by_id(lines);
        let of = |id: &str| known.get(id).map(|l| l.result.clone());
        assert_eq!((of("same"), of("twice")), (Some(five), Some(LineResult::Conflict)));
        assert_eq!((of("late"), of("other")), (Some(LineResult::Conflict), None));
    }

    #[test]
    fn a_request_is_one_line_of_json() {
        let line = line("7f3c:0:1:2", "/v1/chat/completions", r#"{"model":"m"}"#);
        let value: Value = serde_json::from_str(&line).unwrap();
        assert_eq!((&value["custom_id"], &value["body"]["model"]), (&json!("7f3c:0:1:2"), &json!("m")));
        assert_eq!((&value["method"], &value["url"]), (&json!("POST"), &json!("/v1/chat/completions")));
        assert_eq!(line.matches('\n').count(), 1);
    }

    proptest! {
        #[test]
        fn files_keep_to_their_limits_and_lose_nothing(
            sizes in proptest::collection::vec(1_usize..40, 0..60), most_lines in 1_usize..9, most_bytes in 40_usize..90,
        ) {
            let lines: Vec<(usize, String)> = sizes.iter().enumerate().map(|(i, n)| (i, "x".repeat(*n))).collect();
            let files = split(lines, most_lines, most_bytes);
            let keys: Vec<usize> = files.iter().flatten().map(|(key, _)| *key).collect();
            prop_assert_eq!(keys, (0..sizes.len()).collect::<Vec<_>>());
            for file in &files {
                prop_assert!(!file.is_empty() && file.len() <= most_lines);
                prop_assert!(file.iter().map(|(_, l)| l.len()).sum::<usize>() <= most_bytes);
            }
        }
    }
}
