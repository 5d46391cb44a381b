//! `judge check`: a few cheap calls that say whether a judge can be used; and a look for endpoints on this machine.

use super::capabilities::RequestShape;
use super::config::JudgeConfig;
use super::dialect::{Dialect, OpenAiChat};
use super::endpoint::{Endpoint, HttpAnswer};
use super::models::listed;
use super::open;
use super::retirement::{Retirement, listed_retirement};
use super::wire::ApiError;
use super::{Judge, Learnt, StopKind};
use crate::core::digest::Digest;
use serde::Serialize;
use serde_json::Value;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

/// What a check found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CheckReport {
    /// The judge's name.
    pub name: String,
    /// Origin and path.
    pub endpoint: String,
    /// The model asked for.
    pub model: String,
    /// Which API is spoken, as `api = "..."` calls it.
    pub api: &'static str,
    /// Whether anything answered.
    pub reachable: bool,
    /// Whether the key (or its absence) was accepted; `None` when that was not found out.
    pub key_accepted: Option<bool>,
    /// Whether the endpoint lists the model; `None` when it gives no list.
    pub model_listed: Option<bool>,
    /// Models it lists, the first 50.
    pub models: Vec<String>,
    /// The model that says it answered.
    pub model_returned: Option<String>,
    /// How the reply's form is asked for: `schema`, `tool`, `json_object`, `text`.
    pub rung: Option<&'static str>,
    /// Whether log probabilities are given; `None` when not found out.
    pub logprobs: Option<bool>,
    /// How long the trial question took.
    pub latency_ms: Option<u64>,
    /// When the endpoint says the model will be shut down.
    pub shutdown_date: Option<String>,
    /// When its maker said that it is retired, as the list that comes with the program has it.
    pub retirement: Option<Retirement>,
    /// What requests to it look like; `None` when discovery did not end.
    pub capabilities: Option<RequestShape>,
    /// The same as the registry keeps it.
    #[serde(skip)]
    pub learnt: Option<Learnt>,
    /// Whether the key is there: `None` when none is needed, or its command was not run.
    pub key_present: Option<bool>,
    /// What was learned and what is odd.
    pub notes: Vec<String>,
    /// The fingerprint its verdicts will carry.
    pub fingerprint: Option<Digest>,
    /// HTTP requests made.
    pub calls: u32,
    /// Why it cannot be used; `None` when it can.
    pub error: Option<String>,
}

impl CheckReport {
    fn of(config: &JudgeConfig) -> Self {
        Self {
            name: config.name.clone(),
            endpoint: config.base_url.clone(),
            model: config.model.clone(),
            api: config.dialect().name(),
            reachable: false,
            key_accepted: None,
            model_listed: None,
            models: Vec::new(),
            model_returned: None,
            rung: None,
            logprobs: None,
            latency_ms: None,
            shutdown_date: None,
            retirement: listed_retirement(config),
            capabilities: None,
            learnt: None,
            key_present: config.key.is_present(),
            notes: Vec::new(),
            fingerprint: None,
            calls: 0,
            error: None,
        }
    }

    /// Whether the judge can be used.
    pub fn is_usable(&self) -> bool {
        self.error.is_none()
    }
}

/// Checks a judge: the list of models, a trial question, log probabilities. Three requests where all goes well.
pub async fn check(config: &JudgeConfig, cancel: &CancellationToken) -> CheckReport {
    let mut report = CheckReport::of(config);
    let endpoint = match Endpoint::open(config, config.dialect()) {
        Ok(endpoint) => endpoint,
        Err(stop) => {
            report.error = Some(stop.message);
            return report;
        }
    };
    report.endpoint = endpoint.address().base();
    if config.api.is_none() && config.dialect().name() != OpenAiChat.name() {
        let words = config.dialect().words();
        report.notes.push(format!(
            "{words} is spoken, as the address says; api = \"openai\" would speak OpenAI chat completions"
        ));
    }
    report.key_present = endpoint.sends_key().then_some(true);
    tokio::select! {
        biased;
        () = cancel.cancelled() => report.error = Some("the check was cancelled".to_owned()),
        () = list(&endpoint, config, &mut report) => {}
    }
    if report.error.is_some() {
        return report;
    }
    let judge = match open::judge(config.clone(), None) {
        Ok(judge) => judge,
        Err(stop) => {
            report.error = Some(stop.message);
            return report;
        }
    };
    let begun = Instant::now();
    match judge.discover(cancel).await {
        Ok(discovery) => {
            report.calls += discovery.calls;
            report.latency_ms = Some(millis(begun.elapsed()) / u64::from(discovery.calls.max(1)));
            (report.reachable, report.key_accepted) = (true, Some(true));
            report.model_returned = discovery.model_returned;
            report.error = discovery.no_verdict.map(|why| {
                format!("the judge answers, but its answer to the trial question holds no verdict: {why}")
            });
            report.notes.extend(discovery.notes);
            report.rung = Some(judge.shape().rung.name());
            report.capabilities = Some(judge.shape());
            report.learnt = judge.learnt();
            report.fingerprint = Some(judge.fingerprint());
            if config.dialect().gives_logprobs() {
                tokio::select! {
                    () = cancel.cancelled() => {}
                    () = logprobs(&endpoint, config, &mut report) => {}
                }
            }
        }
        Err(stop) => {
            report.reachable |= stop.kind != StopKind::Unreachable;
            if stop.kind == StopKind::Key {
                report.key_accepted = Some(false);
            }
            report.error = Some(stop.message);
        }
    }
    report
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Reads the list of models. An endpoint without one is no failure; the trial question decides.
async fn list(endpoint: &Endpoint, config: &JudgeConfig, report: &mut CheckReport) {
    report.calls += 1;
    let Ok(Some(answer)) = endpoint.models(Duration::from_secs(10)).await else { return };
    report.reachable = true;
    if answer.status != 200 {
        report.notes.push(format!(
            "no list of models ({}: {})",
            answer.status,
            ApiError::read(&answer.body).line()
        ));
        return;
    }
    let Some(models) = listed(&answer) else {
        report.notes.push("no list of models".to_owned());
        return;
    };
    let mine = models.iter().find(|(id, _)| *id == config.model);
    report.model_listed = Some(mine.is_some());
    report.shutdown_date = mine.and_then(|(_, shutdown)| shutdown.clone());
    if mine.is_none() {
        report.notes.push("the endpoint does not list this model".to_owned());
    }
    report.models = models.into_iter().map(|(id, _)| id).take(50).collect();
}

/// Asks for one token with log probabilities.
async fn logprobs(endpoint: &Endpoint, config: &JudgeConfig, report: &mut CheckReport) {
    let body = serde_json::json!({
        "model": config.model,
        "messages": [{"role": "user", "content": "Answer with the digit 4."}],
        "max_tokens": 1,
        "logprobs": true,
        "top_logprobs": 5,
    });
    report.calls += 1;
    let Ok(answer) = endpoint.ask(body.to_string().into_bytes()).await else { return };
    let given = |answer: &HttpAnswer| {
        let value: Value = serde_json::from_slice(&answer.body).ok()?;
        Some(
            value
                .pointer("/choices/0/logprobs/content")?
                .as_array()?
                .iter()
                .any(|token| token.get("top_logprobs").is_some()),
        )
    };
    report.logprobs = match answer.status {
        200 => Some(given(&answer).unwrap_or(false)),
        400 | 422 if ApiError::read(&answer.body).names("logprobs") => Some(false),
        _ => None,
    };
}

/// An endpoint found running on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FoundEndpoint {
    /// The server that usually listens there: `Ollama`, `llama.cpp`, `LM Studio`, `vLLM`.
    pub server: &'static str,
    /// What to put into `base_url`.
    pub base_url: String,
    /// Models it lists, the first 50; empty when it wants a key.
    pub models: Vec<String>,
    /// Whether it wants a key.
    pub wants_key: bool,
}

/// Looks for local servers at their usual ports: a TCP connection, then the list of models, without any key. Only ever
/// called when the user asks; nothing but this machine is contacted.
pub async fn endpoints_here() -> Vec<FoundEndpoint> {
    let ports = [("Ollama", 11434), ("llama.cpp", 8080), ("LM Studio", 1234), ("vLLM", 8000)];
    let looks = ports.map(|(server, port)| look_at(server, port));
    futures_util::future::join_all(looks).await.into_iter().flatten().collect()
}

async fn look_at(server: &'static str, port: u16) -> Option<FoundEndpoint> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    tokio::time::timeout(Duration::from_millis(200), TcpStream::connect(address)).await.ok()?.ok()?;
    let base_url = format!("http://127.0.0.1:{port}/v1");
    let endpoint =
        Endpoint::open(&JudgeConfig { base_url: base_url.clone(), ..JudgeConfig::default() }, &OpenAiChat)
            .ok()?;
    let answer = endpoint.models(Duration::from_secs(1)).await.ok()??;
    let wants_key = matches!(answer.status, 401 | 403);
    // Anything else at this port (a web server, say) is no endpoint.
    let models = match listed(&answer) {
        Some(models) if answer.status == 200 => models.into_iter().map(|(id, _)| id).take(50).collect(),
        _ if wants_key => Vec::new(),
        _ => return None,
    };
    Some(FoundEndpoint { server, base_url, models, wants_key })
}
