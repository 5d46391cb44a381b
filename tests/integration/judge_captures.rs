//! Real answers of llama.cpp, llama-cpp-python and the LiteLLM proxy, replayed through the client.
//!
//! `captures/expected.txt` has an entry for every file: what discovery makes of it when the endpoint answers nothing
//! else, and what a verdict makes of it when discovery went well, with the number of requests it took.
//! `BLESS=1 cargo test --test integration judge_captures` rewrites it; its diff is then for a human to read.
use assize::core::item::Subject;
use assize::core::rubric::Criterion;
use assize::core::verdict::VerdictState;
use assize::judge::{EndpointJudge, Judge, JudgeConfig, JudgeRequest, KeySource, Lookup, Outcome, open};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio_util::sync::CancellationToken;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

const KEY: &str = "sk-master-1234";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captures")
}

/// Every capture, by its path below the folder.
fn captures() -> Vec<String> {
    let mut found = Vec::new();
    for server in std::fs::read_dir(folder()).unwrap().flatten().filter(|entry| entry.path().is_dir()) {
        for file in std::fs::read_dir(server.path()).unwrap().flatten() {
            let name = format!("{}/{}", server.file_name().display(), file.file_name().display());
            if name.ends_with(".http") {
                found.push(name);
            }
        }
    }
    found.sort();
    assert!(found.len() > 100, "the captures are not there: {}", found.len());
    found
}

/// The recorded answer. Lengths and encodings of the transfer are the replaying server's own.
fn recorded(name: &str) -> ResponseTemplate {
    let text = std::fs::read_to_string(folder().join(name)).unwrap();
    let (_, answer) = text.split_once("=== RESPONSE").unwrap();
    let (_, answer) = answer.split_once('\n').unwrap();
    let (head, body) = answer.split_once("\n\n").unwrap_or((answer, ""));
    let mut lines = head.lines();
    let status: u16 = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let mut template = ResponseTemplate::new(status);
    let mut kind = "text/plain".to_owned();
    for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
        match name.to_ascii_lowercase().as_str() {
            "content-length" | "transfer-encoding" | "connection" | "keep-alive" => {}
            "content-type" => kind = value.to_owned(),
            _ => template = template.append_header(name, value),
        }
    }
    template.set_body_raw(body.trim_end_matches('\n').as_bytes().to_vec(), &kind)
}

/// Answers well `good` times, then as recorded.
struct Replay {
    good: usize,
    asked: AtomicUsize,
    then: ResponseTemplate,
}

impl Respond for Replay {
    fn respond(&self, _: &Request) -> ResponseTemplate {
        if self.asked.fetch_add(1, Ordering::SeqCst) < self.good {
            let content =
                r#"{"evidence":[],"explanation":"It is Paris.","injection_suspected":false,"score":5}"#;
            return ResponseTemplate::new(200).set_body_json(serde_json::json!({
                "model": "mock-judge",
                "choices": [{"message": {"role": "assistant", "content": content}, "finish_reason": "stop"}],
            }));
        }
        self.then.clone()
    }
}

fn request() -> JudgeRequest {
    let subject: Subject = serde_json::from_value(serde_json::json!({"prompt": "Say hello."})).unwrap();
    let criterion = Criterion {
        name: "accuracy".into(),
        question: "Is it a greeting?".into(),
        anchors: ["no", "hardly", "half", "mostly", "yes"].map(String::from).to_vec(),
        scale: assize::core::rubric::Scale::OneToFive,
        steps: Vec::new(),
        generic: false,
    };
    let lookup = Lookup::default();
    JudgeRequest::new(Arc::new(subject), "Hello.".into(), Arc::new(criterion), 0, lookup)
}

async fn replayed(name: &str, good: usize, key: KeySource) -> (EndpointJudge, MockServer) {
    let server = MockServer::start().await;
    Mock::given(any())
        .respond_with(Replay { good, asked: AtomicUsize::new(0), then: recorded(name) })
        .mount(&server)
        .await;
    let judge = open::judge(
        JudgeConfig {
            base_url: format!("{}/v1", server.uri()),
            model: "mock-judge".into(),
            key,
            backoff_ms: 1,
            max_wait_s: 30,
            ..JudgeConfig::default()
        },
        None,
    );
    (judge.unwrap(), server)
}

fn with_key() -> KeySource {
    KeySource::Command(format!("echo {KEY}"))
}

fn plain(text: &str, server: &MockServer) -> String {
    text.replace(&server.uri(), "ORIGIN").replace(&with_key().to_string(), "KEY")
}

async fn discovery_of(name: &str) -> String {
    let (judge, server) = replayed(name, 0, with_key()).await;
    let line = match judge.discover(&CancellationToken::new()).await {
        Ok(found) => format!("ok {} [{}]", judge.shape().rung.name(), found.notes.join("; ")),
        Err(stop) => format!("stop {:?}: {stop}", stop.kind),
    };
    plain(&line, &server)
}

async fn verdict_of(name: &str) -> (String, Outcome) {
    let (judge, server) = replayed(name, 1, with_key()).await;
    let cancel = CancellationToken::new();
    judge.discover(&cancel).await.unwrap();
    let outcome = judge.judge(&request(), &|_| (), &cancel).await;
    let stop = if outcome.stop.is_some() { "STOP " } else { "" };
    let score = outcome.reading.as_ref().map(|reading| reading.score.to_string()).unwrap_or_default();
    let line = format!("{stop}{} {score}{} [{}]", outcome.state.name(), outcome.reason, outcome.attempts);
    (plain(&line, &server), outcome)
}

#[tokio::test]
async fn every_capture_ends_in_its_state_with_its_line() {
    let mut found = String::new();
    for name in captures() {
        let (verdict, outcome) = verdict_of(&name).await;
        let discovery = discovery_of(&name).await;
        for line in [&verdict, &discovery] {
            assert!(!line.contains(KEY) && !line.chars().any(char::is_control), "{name}: {line:?}");
        }
        assert_eq!(outcome.reading.is_some(), outcome.state == VerdictState::Scored, "{name}");
        assert_eq!(
            outcome.reason.is_empty(),
            outcome.state == VerdictState::Scored,
            "{name}: a failure says why"
        );
        assert!(!String::from_utf8_lossy(&outcome.raw).contains(KEY), "{name}");
        writeln!(found, "{name}\n  discovery: {discovery}\n  verdict:   {verdict}").unwrap();
    }
    let path = folder().join("expected.txt");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &found).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    let differing: Vec<String> = found
        .lines()
        .zip(expected.lines().chain(std::iter::repeat("")))
        .filter(|(found, expected)| found != expected)
        .map(|(found, expected)| format!("- {expected}\n+ {found}"))
        .collect();
    assert!(differing.is_empty() && found == expected, "{}", differing.join("\n"));
}

/// The lines people see for the mistakes everybody makes, spelled out here so that no blessing changes them unseen.
#[tokio::test]
async fn common_mistakes_give_one_clear_line() {
    let wants = "ORIGIN wants a key and none is sent";
    for (name, key, line) in [
        (
            "litellm/e01_missing_key.http",
            KeySource::None,
            "ORIGIN answers 500 without a reason, and no key is sent: LiteLLM answers a missing key so; set api_key_env"
                .to_owned(),
        ),
        (
            "litellm-limits/e01_missing_key.http",
            KeySource::None,
            format!("{wants} (401: Authentication Error, No api key passed in.); set api_key_env"),
        ),
        (
            "llamacpp-smollm2/e01_no_key.http",
            KeySource::None,
            format!("{wants} (401: Invalid API Key); set api_key_env"),
        ),
        (
            "llama-cpp-python/e01_no_key.http",
            KeySource::None,
            format!("{wants} (401: Invalid API key); set api_key_env"),
        ),
        (
            "litellm/e02_wrong_key.http",
            with_key(),
            "ORIGIN refuses the key from api_key_command (400: No connected db.); check that it is the right one".to_owned(),
        ),
        (
            "llamacpp-smollm2/e02_wrong_key.http",
            with_key(),
            "ORIGIN refuses the key from api_key_command (401: Invalid API Key); check that it is the right one".to_owned(),
        ),
    ] {
        let (judge, server) = replayed(name, 0, key).await;
        let stop = judge.discover(&CancellationToken::new()).await.unwrap_err();
        assert_eq!(stop.message.replace(&server.uri(), "ORIGIN"), line, "{name}");
    }
    for (name, state, start) in [
        (
            "litellm-limits/e05_rpm2_call1.http",
            VerdictState::RateLimited,
            "asked to wait 60 s, more than 30 s is not waited for; 429: ",
        ),
        (
            "llamacpp-smollm2/e04_too_long.http",
            VerdictState::HttpError,
            "the context window of mock-judge is too small for this item (6031 tokens asked, 2048 held); 400: ",
        ),
        (
            "litellm/e07b_real_ctx.http",
            VerdictState::HttpError,
            "the context window of mock-judge is too small for this item; 400: ",
        ),
        ("litellm/e03_bad_model.http", VerdictState::HttpError, "http://127.0.0.1:"),
    ] {
        let (_, outcome) = verdict_of(name).await;
        assert!(outcome.state == state && outcome.reason.starts_with(start), "{name}: {}", outcome.reason);
        assert_eq!(outcome.stop.is_some(), name.contains("bad_model"), "{name}");
    }
}

#[test]
fn a_real_servers_probabilities_at_the_score_give_a_weighted_score() {
    let text = std::fs::read_to_string(folder().join("llamacpp-smollm2/04b_logprobs_schema.http")).unwrap();
    let (_, body) = text.split_once("=== RESPONSE").unwrap().1.split_once("\n\n").unwrap();
    // The sampled score is 1; its tokens are listed with a fence that the content does not have.
    let found = assize::judge::weighted::weighted_score(body.trim().as_bytes(), 1).unwrap();
    let score = found.score.unwrap();
    assert!((1.0..=5.0).contains(&score) && score > 1.0, "{found:?}");
    assert!(found.mass > 0.0 && found.mass <= 1.0 + 1e-9, "{found:?}");
    assert_eq!(found.dist.len(), 5);
    assert_eq!(assize::judge::weighted::weighted_score(body.trim().as_bytes(), 7), None);
}
