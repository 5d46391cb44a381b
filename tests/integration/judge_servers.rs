//! What real servers answer when they do not simply answer, replayed: overload, quotas, filters, errors in good answers, numbers
//! that are too large, thinking, one call at a time, keys that end. Bodies are the servers' own; times are milliseconds.
use assize::core::item::Subject;
use assize::core::rubric::Criterion;
use assize::core::verdict::VerdictState;
use assize::judge::config::Api;
use assize::judge::config::ReplyAs;
use assize::judge::dialect;
use assize::judge::extras::{ExtraValue, Extras};
use assize::judge::{
    Discovery, EndpointJudge, Judge, JudgeConfig, JudgeRequest, KeySource, Lookup, Outcome, Stop, StopKind,
    open,
};
use futures_util::StreamExt;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio_util::sync::CancellationToken;

/// A request as it came.
#[derive(Clone)]
struct Came {
    /// How many questions came before it.
    n: usize,
    path: String,
    headers: BTreeMap<String, String>,
    body: Value,
}

/// Status, headers, body.
type Reply = (u16, Vec<(&'static str, String)>, Value);

const GOOD: &str = r#"{"evidence":[],"explanation":"It is right.","injection_suspected":false,"score":4}"#;

fn says(content: Value, finish: &str) -> Reply {
    let body = json!({"model": "m", "choices": [{"message": {"content": content}, "finish_reason": finish}],
        "usage": {"prompt_tokens": 300, "completion_tokens": 30, "total_tokens": 330}});
    (200, vec![], body)
}

fn good() -> Reply {
    says(json!(GOOD), "stop")
}

fn error(status: u16, body: Value) -> Reply {
    (status, vec![], body)
}

/// A server that answers each question by `answer`, as soon as `pace` says so.
struct Server {
    origin: String,
    came: Arc<Mutex<Vec<Came>>>,
}

impl Server {
    async fn start<F, P>(answer: impl Fn(&Came) -> Reply + Send + Sync + 'static, pace: P) -> Self
    where
        P: Fn() -> F + Send + Sync + 'static,
        F: Future<Output = bool> + Send + 'static,
    {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let came: Arc<Mutex<Vec<Came>>> = Arc::default();
        let (answer, pace, all) = (Arc::new(answer), Arc::new(pace), Arc::clone(&came));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (answer, pace, all) = (Arc::clone(&answer), Arc::clone(&pace), Arc::clone(&all));
                tokio::spawn(async move {
                    let (read, mut write) = stream.into_split();
                    let mut read = BufReader::new(read);
                    while let Some(mut one) = next(&mut read).await {
                        let (status, headers, body) = if one.body.is_null() {
                            (200, vec![], json!({"data": [{"id": "m-large"}, {"id": "m"}]}))
                        } else {
                            one.n = {
                                let mut all = all.lock().unwrap();
                                all.push(one.clone());
                                all.len() - 1
                            };
                            if pace().await { answer(&one) } else { over() }
                        };
                        let body = body.to_string();
                        let more: String = headers.iter().map(|(k, v)| format!("{k}: {v}\r\n")).collect();
                        let head = format!(
                            "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\n{more}content-length: {}\r\n\r\n",
                            body.len()
                        );
                        if write.write_all(format!("{head}{body}").as_bytes()).await.is_err() {
                            return;
                        }
                    }
                });
            }
        });
        Self { origin, came }
    }

    async fn of(answer: impl Fn(&Came) -> Reply + Send + Sync + 'static) -> Self {
        Self::start(answer, || async { true }).await
    }

    fn calls(&self) -> usize {
        self.came.lock().unwrap().len()
    }

    fn config(&self) -> JudgeConfig {
        JudgeConfig {
            name: "j".into(),
            base_url: format!("{}/v1", self.origin),
            model: "m".into(),
            backoff_ms: 4,
            ..JudgeConfig::default()
        }
    }
}

fn over() -> Reply {
    error(529, json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}))
}

async fn next(read: &mut BufReader<tokio::net::tcp::OwnedReadHalf>) -> Option<Came> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if read.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        if line.trim().is_empty() {
            break;
        }
        lines.push(line.trim().to_owned());
    }
    let path = lines.first()?.split(' ').nth(1)?.to_owned();
    let header = |line: &String| line.split_once(": ").map(|(k, v)| (k.to_ascii_lowercase(), v.to_owned()));
    let headers: BTreeMap<String, String> = lines.iter().skip(1).filter_map(header).collect();
    let length = headers.get("content-length").and_then(|n| n.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    read.read_exact(&mut body).await.ok()?;
    Some(Came { n: 0, path, headers, body: serde_json::from_slice(&body).unwrap_or_default() })
}

fn request(n: usize, response: &str) -> JudgeRequest {
    let prompt = format!("Name the capital of country {n}.");
    let subject: Subject = serde_json::from_value(json!({"prompt": prompt})).unwrap();
    let criterion = Criterion {
        name: "accuracy".into(),
        question: "Is it right?".into(),
        anchors: ["wrong", "mostly wrong", "half", "mostly right", "right"].map(String::from).to_vec(),
        scale: assize::core::rubric::Scale::OneToFive,
        steps: Vec::new(),
        generic: false,
    };
    let lookup = Lookup::default();
    JudgeRequest::new(Arc::new(subject), response.into(), Arc::new(criterion), 0, lookup)
}

/// A run in small: discovery, then so many verdicts, eight at a time.
struct Ran {
    found: Discovery,
    outcomes: Vec<Outcome>,
}

impl Ran {
    fn count(&self, state: VerdictState) -> usize {
        self.outcomes.iter().filter(|o| o.state == state).count()
    }

    fn stops(&self) -> usize {
        self.outcomes.iter().filter(|o| o.stop.is_some()).count()
    }
}

async fn run(judge: &EndpointJudge, verdicts: usize) -> Result<Ran, Stop> {
    let cancel = CancellationToken::new();
    let found = judge.discover(&cancel).await?;
    let asked = (0..verdicts).map(|n| {
        let cancel = cancel.clone();
        async move { judge.judge(&request(n / 2, "It is Paris."), &|_| (), &cancel).await }
    });
    let outcomes = futures_util::stream::iter(asked).buffer_unordered(8).collect().await;
    Ok(Ran { found, outcomes })
}

async fn ran(server: &Server, verdicts: usize) -> Ran {
    run(&open::judge(server.config(), None).unwrap(), verdicts).await.unwrap()
}

/// Every fifth question after the third gets the odd answer.
fn some(odd: impl Fn() -> Reply + Send + Sync + 'static) -> impl Fn(&Came) -> Reply + Send + Sync + 'static {
    move |came| if came.n >= 3 && (came.n - 3).is_multiple_of(5) { odd() } else { good() }
}

#[tokio::test]
async fn what_passes_is_waited_out_and_every_verdict_is_scored() {
    let gemini = || {
        error(
            429,
            json!([{"error": {"code": 429, "status": "RESOURCE_EXHAUSTED",
            "message": "You exceeded your current quota, please check your plan and billing details.\nPlease retry in 0.02s.",
            "details": [{"violations": [{"quotaId": "GenerateRequestsPerMinutePerProjectPerModel-FreeTier"}]},
                {"retryDelay": "0.02s"}]}}]),
        )
    };
    let litellm = || {
        error(
            500,
            json!({"error": {"message": "litellm.InternalServerError: AnthropicError - {\"type\": \"error\", \"error\": {\"type\": \"overloaded_error\", \"message\": \"Overloaded\"}}", "type": "internal_server_error", "code": "500"}}),
        )
    };
    let inside = |code: u16| {
        move || {
            (
                200,
                vec![],
                json!({"error": {"message": "Provider returned error", "code": code,
            "metadata": {"raw": "temporarily rate-limited upstream"}}}),
            )
        }
    };
    let choice = || {
        (
            200,
            vec![],
            json!({"choices": [{"message": {"content": ""}, "finish_reason": "error",
            "error": {"code": 502, "message": "Upstream idle timeout exceeded"}}]}),
        )
    };
    let groq = || {
        error(
            400,
            json!({"error": {"message": "Failed to generate JSON. Please adjust your prompt.",
            "type": "invalid_request_error", "code": "json_validate_failed"}}),
        )
    };
    let gemini_503 = || {
        error(
            503,
            json!([{"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}}]),
        )
    };
    for (name, server) in [
        ("a quota a minute", Server::of(some(gemini)).await),
        ("529", Server::of(some(over)).await),
        ("529 behind a proxy", Server::of(some(litellm)).await),
        ("503", Server::of(some(gemini_503)).await),
        ("429 in a good answer", Server::of(some(inside(429))).await),
        ("502 in a good answer", Server::of(some(inside(502))).await),
        ("an error in a choice", Server::of(some(choice)).await),
        ("a sample that went wrong", Server::of(some(groq)).await),
    ] {
        let ran = ran(&server, 24).await;
        let why: Vec<&str> =
            ran.outcomes.iter().map(|o| o.reason.as_str()).filter(|r| !r.is_empty()).collect();
        assert_eq!((ran.count(VerdictState::Scored), ran.stops()), (24, 0), "{name}: {why:?}");
        assert!(server.calls() <= 33, "{name}: {}", server.calls());
        assert!(
            ran.outcomes.iter().all(|o| o.flags.is_empty()),
            "{name}: no answer was taken for an unreadable one"
        );
    }
}

/// One item of twelve, two questions: 22 scored, 2 filtered, a call each and one for the trial.
#[tokio::test]
async fn a_flagged_item_is_filtered_and_the_others_are_scored() {
    let moderation = json!({"error": {"code": 403, "message": "openai/gpt-5 requires moderation on OpenAI. Your input was flagged for \"violence\". No credits were charged.", "metadata": {"reasons": ["violence"]}}});
    let xai = json!({"code": "The caller does not have permission to execute the specified operation", "error": "Content violates usage guidelines. Failed check: SAFETY_CHECK_TYPE_BIO"});
    let azure = json!({"error": {"message": "The response was filtered due to the prompt triggering Azure OpenAI's content management policy.", "param": "prompt", "code": "content_filter", "innererror": {"code": "ResponsibleAIPolicyViolation"}}});
    let openai = json!({"error": {"message": "Invalid prompt: your prompt was flagged as potentially violating our usage policy.", "type": "invalid_request_error", "code": "invalid_prompt"}});
    let other = json!({"error": {"message": "Request not permitted for this content", "code": 403}});
    for (status, body) in [(403, moderation), (403, xai), (400, azure), (400, openai), (403, other)] {
        let told = body.clone();
        let server = Server::of(move |came| {
            if came.body.to_string().contains("country 7.") { error(status, told.clone()) } else { good() }
        })
        .await;
        let ran = ran(&server, 24).await;
        let counts = (ran.count(VerdictState::Scored), ran.count(VerdictState::Filtered), ran.stops());
        assert_eq!(counts, (22, 2, 0), "{body}");
        assert!(server.calls() <= 26, "{}", server.calls());
    }
    // The twin: what speaks of the key ends the run, and so does a 403 before any answer.
    for (good_ones, body) in [
        (3, json!({"error": {"message": "Incorrect API key provided", "code": "invalid_api_key"}})),
        (0, json!({"error": "no"})),
    ] {
        let server =
            Server::of(move |came| if came.n < good_ones { good() } else { error(403, body.clone()) }).await;
        let ended = run(&open::judge(server.config(), None).unwrap(), 24).await;
        assert!(ended.map_or(true, |ran| ran.stops() > 0));
    }
}

#[tokio::test]
async fn numbers_that_are_too_large_are_lowered_within_twelve_requests() {
    let asked = |came: &Came| {
        let of = |key: &str| came.body.get(key).and_then(Value::as_u64).unwrap_or(0);
        of("max_tokens").max(of("max_completion_tokens"))
    };
    let openai = move |came: &Came| {
        let (n, text) = (
            asked(came),
            "max_tokens is too large: 32000. This model supports at most 16384 completion tokens, whereas you provided 32000.",
        );
        if n > 16_384 {
            error(400, json!({"error": {"message": text, "param": "max_tokens"}}))
        } else {
            good()
        }
    };
    let anthropic = move |came: &Came| {
        let text = format!(
            "max_tokens: {} > 8192, which is the maximum allowed number of output tokens for claude-3-5-haiku",
            asked(came)
        );
        if asked(came) > 8192 { error(400, json!({"error": {"message": text}})) } else { good() }
    };
    let vllm = move |came: &Came| {
        let n = asked(came);
        if n > 2048 {
            error(
                400,
                json!({"error": {"message": format!("max_tokens={n} cannot be greater than max_model_len=2048. Please request fewer output tokens.")}}),
            )
        } else if n > 1024 {
            error(
                400,
                json!({"error": {"message": format!("This model's maximum context length is 2048 tokens. However, you requested {n} output tokens and your prompt contains at least 900 input tokens.")}}),
            )
        } else {
            good()
        }
    };
    let deepseek = move |came: &Came| {
        let text = "Invalid max_tokens value, the valid range of max_tokens is [1, 8192]";
        if asked(came) > 8192 { error(400, json!({"error": {"message": text}})) } else { good() }
    };
    for (room, server) in [
        (16_384, Server::of(openai).await),
        (8192, Server::of(anthropic).await),
        (1024, Server::of(vllm).await),
        (8192, Server::of(deepseek).await),
    ] {
        let judge = open::judge(JudgeConfig { max_tokens: 32_000, ..server.config() }, None).unwrap();
        let ran = run(&judge, 4).await.unwrap();
        assert_eq!(
            (judge.shape().room_tokens, ran.count(VerdictState::Scored)),
            (Some(room), 4),
            "{:?}",
            ran.found.notes
        );
        assert!(ran.found.calls <= 5, "{}", ran.found.calls);
    }
    // What is never content ends, and says so.
    for text in [
        "max_tokens and max_completion_tokens are wrong",
        "max_tokens: 32000 > 8192, which is the maximum allowed number of output tokens",
        "temperature, seed, response_format, tools, max_tokens must be at most 31999, 31998, 31997",
    ] {
        let server = Server::of(move |_| error(400, json!({"error": {"message": text}}))).await;
        let stop = open::judge(JudgeConfig { max_tokens: 32_000, ..server.config() }, None)
            .unwrap()
            .discover(&CancellationToken::new())
            .await
            .unwrap_err();
        assert_eq!(stop.kind, StopKind::Unusable, "{stop}");
        assert!(server.calls() <= 12, "{text}: {}", server.calls());
    }
    let server = Server::of(|_| over()).await;
    assert!(open::judge(server.config(), None).unwrap().discover(&CancellationToken::new()).await.is_err());
    assert!(server.calls() <= 12);
}

#[tokio::test]
async fn a_judge_that_thinks_first_is_given_room_step_by_step() {
    let server = Server::of(|came| {
        let room = came.body["max_tokens"].as_u64().unwrap();
        if room >= 4096 {
            return good();
        }
        (200, vec![], json!({"model": "m", "choices": [{"message": {"content": ""}, "finish_reason": "length"}],
            "usage": {"prompt_tokens": 300, "completion_tokens": room, "completion_tokens_details": {"reasoning_tokens": room}}}))
    })
    .await;
    let ran = ran(&server, 24).await;
    assert_eq!(ran.count(VerdictState::Scored), 24);
    assert!(server.calls() <= 30, "{}", server.calls());
    assert!(ran.found.notes.iter().any(|n| n.contains("4096 are kept")), "{:?}", ran.found.notes);
    // The twin: an answer that is long by itself is given no more.
    let long = Server::of(|_| says(json!("{\"evidence\": [\"a"), "length")).await;
    let judge = open::judge(long.config(), None).unwrap();
    let found = judge.discover(&CancellationToken::new()).await.unwrap();
    assert_eq!((judge.shape().room_tokens, found.calls, found.no_verdict.is_some()), (None, 1, true));
}

/// A server that answers one question at a time, and goes on with what nobody waits for any more: how many of 24 verdicts are
/// scored, in how many requests, and how long that took against 24 replies one after the other.
async fn one_at_a_time(took: Duration, timeout_s: u64) -> (usize, usize, f64) {
    let one = Arc::new(tokio::sync::Mutex::new(()));
    let server = Server::start(
        |_| good(),
        move || {
            let one = Arc::clone(&one);
            async move {
                let _turn = one.lock().await;
                tokio::time::sleep(took).await;
                true
            }
        },
    )
    .await;
    let judge = open::judge(JudgeConfig { timeout_s, ..server.config() }, None).unwrap();
    let begun = Instant::now();
    let ran = run(&judge, 24).await.unwrap();
    let ratio = begun.elapsed().as_secs_f64() / (took * 24).as_secs_f64();
    (ran.count(VerdictState::Scored), server.calls(), ratio)
}

/// A server that takes two questions at once and answers the others with 529: how many of 48 are scored, in how many requests.
async fn two_at_once(took: Duration, backoff_ms: u64) -> (usize, usize) {
    let flight = Arc::new(AtomicUsize::new(0));
    let server = Server::start(
        |_| good(),
        move || {
            let flight = Arc::clone(&flight);
            async move {
                let over = flight.fetch_add(1, Ordering::SeqCst) >= 2;
                if !over {
                    tokio::time::sleep(took).await;
                }
                flight.fetch_sub(1, Ordering::SeqCst);
                !over
            }
        },
    )
    .await;
    let judge = open::judge(JudgeConfig { backoff_ms, ..server.config() }, None).unwrap();
    let ran = run(&judge, 48).await.unwrap();
    (ran.count(VerdictState::Scored), server.calls())
}

/// 22 s a reply and 120 s allowed, scaled down.
#[tokio::test]
async fn a_server_that_does_one_thing_at_a_time_loses_nothing() {
    let (scored, calls, ratio) = one_at_a_time(Duration::from_millis(180), 1).await;
    // The trial is one reply more; a loaded machine is given the rest.
    assert!(
        (scored, calls) == (24, 25) && ratio < 2.0,
        "{scored} scored in {calls} calls, {ratio:.3} of the serial time"
    );
}

#[tokio::test]
async fn a_server_that_takes_two_at_once_scores_all() {
    let (scored, calls) = two_at_once(Duration::from_millis(15), 4).await;
    assert_eq!(scored, 48, "{calls} calls");
}

/// `cargo test --test integration judge_servers::the_figures -- --ignored --nocapture`
#[tokio::test]
#[ignore = "takes ten minutes: replies take as long as they do on a slow machine"]
async fn the_figures_at_their_full_times() {
    let (scored, calls) = two_at_once(Duration::from_millis(1500), 500).await;
    println!("two at once, else 529, 1.5 s a reply: {scored} of 48 scored in {calls} calls");
    assert_eq!(scored, 48);
    let (scored, calls, ratio) = one_at_a_time(Duration::from_secs(22), 120).await;
    println!(
        "one at a time, 22 s a reply: {scored} of 24 scored in {calls} calls, {ratio:.3} of the serial time"
    );
    assert!((scored, calls) == (24, 25) && ratio < 1.05);
}

#[tokio::test]
async fn an_unknown_model_is_told_as_that_with_the_models_there_are() {
    for (status, body) in [
        (404, json!({"error": {"message": "model 'mm' not found", "type": "not_found_error"}})),
        (404, json!({"type": "error", "error": {"type": "not_found_error", "message": "model: mm"}})),
        (400, json!({"error": {"message": "Model Not Exist", "type": "invalid_request_error"}})),
        (
            404,
            json!({"error": {"code": "DeploymentNotFound", "message": "The API deployment for this resource does not exist."}}),
        ),
        (400, json!({"error": {"message": "foo/bar is not a valid model ID", "code": 400}})),
    ] {
        let server = Server::of(move |_| error(status, body.clone())).await;
        let judge = open::judge(JudgeConfig { model: "m-larg".into(), ..server.config() }, None).unwrap();
        let stop = judge.discover(&CancellationToken::new()).await.unwrap_err();
        assert_eq!(stop.kind, StopKind::Model, "{stop}");
        assert!(stop.message.contains("did you mean 'm-large'?; it lists m-large, m"), "{stop}");
    }
    let responses = json!({"error": {"message": "This model is only supported in v1/responses and not in v1/chat/completions.", "param": "model"}});
    let server = Server::of(move |_| error(404, responses.clone())).await;
    let judge = open::judge(server.config(), None).unwrap();
    let stop = judge.discover(&CancellationToken::new()).await.unwrap_err();
    assert!(stop.message.contains("set api = \"responses\""), "{stop}");
    let routing = json!({"error": {"message": "No endpoints found that can handle the requested parameters.", "code": 404}});
    let server = Server::of(move |_| error(404, routing.clone())).await;
    let judge = open::judge(server.config(), None).unwrap();
    let stop = judge.discover(&CancellationToken::new()).await.unwrap_err();
    assert!(!stop.message.contains("base_url"), "{stop}");
}

#[tokio::test]
async fn a_prompt_that_the_server_cut_is_a_state_and_no_score() {
    let server = Server::of(|came| {
        let long = came.body.to_string().len() > 20_000;
        let read = if long { 2050 } else { 700 };
        (
            200,
            vec![],
            json!({"model": "m", "choices": [{"message": {"content": GOOD}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": read, "completion_tokens": 30}}),
        )
    })
    .await;
    let judge = open::judge(server.config(), None).unwrap();
    let cancel = CancellationToken::new();
    let long = "The quick brown fox jumps over the lazy dog. ".repeat(800);
    let outcome = judge.judge(&request(1, &long), &|_| (), &cancel).await;
    assert_eq!((outcome.state, outcome.reading), (VerdictState::TruncatedPrompt, None));
    assert!(outcome.reason.contains("read 2050 tokens"), "{}", outcome.reason);
    let short = judge.judge(&request(1, "Paris."), &|_| (), &cancel).await;
    assert_eq!(short.state, VerdictState::Scored);
}

#[tokio::test]
async fn more_room_than_there_is_leaves_the_answer_a_cut_one() {
    let server = Server::of(|came| match came.body["max_tokens"].as_u64().unwrap() {
        _ if came.n == 0 => good(),
        1500 => says(json!("{\"evidence\": [\"a"), "length"),
        n => error(400, json!({"error": {"message": format!("max_tokens={n} cannot be greater than max_model_len=2048")}})),
    })
    .await;
    let judge = open::judge(JudgeConfig { max_tokens: 1500, ..server.config() }, None).unwrap();
    let ran = run(&judge, 3).await.unwrap();
    assert_eq!(ran.count(VerdictState::Truncated), 3);
    assert!(ran.outcomes[0].reason.contains("twice the room is refused"), "{}", ran.outcomes[0].reason);
}

#[tokio::test]
async fn refusals_in_words_are_refusals() {
    let server = Server::of(|came| {
        if came.n == 0 {
            good()
        } else {
            says(json!("I'm sorry, but I can't assist with that request."), "stop")
        }
    })
    .await;
    let ran = ran(&server, 2).await;
    assert_eq!((ran.count(VerdictState::Refused), server.calls()), (2, 3));
}

/// A judge that can only write prose, in the form of Prometheus.
#[tokio::test]
async fn a_judge_that_answers_in_prose_is_read_where_the_user_says_so() {
    let prose = |_: &Came| says(json!("Feedback: the response is clear and correct. [RESULT] 4"), "stop");
    let server = Server::of(prose).await;
    let judge = open::judge(JudgeConfig { reply: ReplyAs::Prose, ..server.config() }, None).unwrap();
    let ran = run(&judge, 4).await.unwrap();
    assert_eq!((ran.count(VerdictState::Scored), ran.found.no_verdict.clone(), server.calls()), (4, None, 5));
    let reading = ran.outcomes[0].reading.clone().unwrap();
    assert_eq!((reading.score, reading.repairs, ran.outcomes[0].rung), (4, vec!["prose".to_owned()], "text"));
    let sent = server.came.lock().unwrap().last().cloned().unwrap().body.to_string();
    assert!(
        sent.contains("SCORE:")
            && !sent.contains("response_format")
            && !sent.contains("JSON object described")
    );
    let usual = open::judge(server.config(), None).unwrap();
    assert_ne!(judge.fingerprint(), usual.fingerprint());
    // The twin: nobody said so, and prose is no verdict.
    assert_eq!(run(&usual, 2).await.unwrap().count(VerdictState::Scored), 0);
}

#[tokio::test]
async fn a_key_that_ended_is_fetched_once_more() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("token");
    std::fs::write(&file, "token-one").unwrap();
    let key = KeySource::Command(format!("cat {}", file.display()));
    let expired = || error(401, json!({"error": {"message": "Access token has expired", "code": 401}}));
    let server = Server::of(move |came| {
        let sent = came.headers.get("authorization").map(String::as_str);
        let wanted = if came.n < 8 { "Bearer token-one" } else { "Bearer token-two" };
        if sent == Some(wanted) { good() } else { expired() }
    })
    .await;
    let judge = open::judge(JudgeConfig { key: key.clone(), ..server.config() }, None).unwrap();
    std::fs::write(&file, "token-two").unwrap();
    let ran = run(&judge, 24).await.unwrap();
    assert_eq!((ran.count(VerdictState::Scored), ran.stops()), (24, 0));
    let shown = format!("{:?}{}", ran.outcomes, judge.describe());
    assert!(!shown.contains("token-one") && !shown.contains("token-two"));
    // The twin: what is printed again is refused again, and that is told.
    std::fs::write(&file, "token-one").unwrap();
    let server = Server::of(move |came| if came.n < 8 { good() } else { expired() }).await;
    let ran = run(&open::judge(JudgeConfig { key, ..server.config() }, None).unwrap(), 24).await.unwrap();
    assert!(ran.stops() > 0 && server.calls() < 40, "{}", server.calls());
}

#[tokio::test]
async fn headers_parameters_and_fields_are_sent_and_part_a_fingerprint() {
    let server = Server::of(|_| good()).await;
    let extras = Extras {
        headers: [
            ("x-portkey-provider".to_owned(), ExtraValue::Text("openai".into())),
            ("x-home".to_owned(), ExtraValue::Env("HOME".into())),
        ]
        .into(),
        query: [("api-version".to_owned(), ExtraValue::Text("7".into()))].into(),
        body: json!({"chat_template_kwargs": {"enable_thinking": false}}).as_object().unwrap().clone(),
    };
    let config = JudgeConfig { extras, reasoning_effort: Some("low".into()), ..server.config() };
    let judge = open::judge(config, None).unwrap();
    let plain = open::judge(server.config(), None).unwrap();
    assert_ne!(judge.fingerprint(), plain.fingerprint());
    assert_eq!(run(&judge, 1).await.unwrap().count(VerdictState::Scored), 1);
    let came = server.came.lock().unwrap().last().cloned().unwrap();
    assert_eq!(came.path, "/v1/chat/completions?api-version=7");
    assert_eq!(came.headers["x-portkey-provider"], "openai");
    assert_eq!(came.headers["x-home"], std::env::var("HOME").unwrap());
    assert_eq!(came.body["chat_template_kwargs"], json!({"enable_thinking": false}));
    assert_eq!(came.body["reasoning_effort"], "low");
    let sent: Value = serde_json::from_str(&judge.body(&request(0, "It is Paris.")).unwrap()).unwrap();
    assert_eq!(sent, came.body, "the body can be rebuilt");
}

/// What the official libraries send to each API, and what they read: path, header of the key, where the schema stands.
#[tokio::test]
async fn every_dialect_speaks_as_the_official_libraries_do() {
    for (file, api, base, model, auth, fields) in [
        (
            "openai-3.57.0-chat",
            "openai",
            "/v1",
            "gpt-ok",
            ("authorization", "Bearer k"),
            vec![
                "/messages",
                "/model",
                "/response_format/json_schema/strict",
                "/response_format/json_schema/schema/properties",
                "/response_format/type",
            ],
        ),
        (
            "mistralai-3.7.0-chat",
            "openai",
            "/v1",
            "mistral-ok",
            ("authorization", "Bearer k"),
            vec!["/messages", "/max_tokens", "/temperature", "/response_format/json_schema/schema"],
        ),
        (
            "openai-3.57.0-azure-v1",
            "openai",
            "/openai/v1",
            "dep-ok",
            ("authorization", "Bearer k"),
            vec!["/messages", "/model"],
        ),
        ("openai-3.57.0-azure-classic", "azure", "", "dep-ok", ("api-key", "k"), vec!["/messages", "/model"]),
        (
            "openai-3.57.0-responses",
            "responses",
            "/v1",
            "gpt-5-pro",
            ("authorization", "Bearer k"),
            vec![
                "/instructions",
                "/max_output_tokens",
                "/store",
                "/text/format/strict",
                "/text/format/name",
                "/text/format/type",
                "/text/format/schema/properties",
            ],
        ),
        (
            "anthropic-2.14.0-messages",
            "anthropic",
            "",
            "claude-ok",
            ("x-api-key", "k"),
            vec![
                "/max_tokens",
                "/messages",
                "/model",
                "/system",
                "/output_config/format/type",
                "/output_config/format/schema/properties",
            ],
        ),
        (
            "google-genai-3.6.1-generateContent",
            "gemini",
            "/v1",
            "gemini-ok",
            ("x-goog-api-key", "k"),
            vec![
                "/contents/0/parts/0/text",
                "/contents/0/role",
                "/systemInstruction/parts/0/text",
                "/generationConfig/maxOutputTokens",
                "/generationConfig/responseMimeType",
                "/generationConfig/responseJsonSchema/properties",
                "/generationConfig/temperature",
            ],
        ),
        (
            "ollama-0.6.3-chat",
            "ollama",
            "",
            "qwen-ok",
            ("authorization", "Bearer k"),
            vec![
                "/messages",
                "/model",
                "/stream",
                "/options/num_ctx",
                "/options/num_predict",
                "/options/temperature",
                "/format/properties",
            ],
        ),
        (
            "boto3-1.44.8-converse",
            "bedrock",
            "",
            "anthropic.claude-ok",
            ("authorization", "Bearer k"),
            vec![
                "/system/0/text",
                "/messages/0/content/0/text",
                "/inferenceConfig/maxTokens",
                "/inferenceConfig/temperature",
                "/outputConfig/textFormat/type",
                "/outputConfig/textFormat/structure/jsonSchema/schema",
                "/outputConfig/textFormat/structure/jsonSchema/name",
            ],
        ),
    ] {
        let path = format!("{}/tests/captures/native-sdk/{file}.json", env!("CARGO_MANIFEST_DIR"));
        let capture: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let answer = capture["answer_of_my_echo"].clone();
        let server = Server::of(move |_| (200, vec![], answer.clone())).await;
        let config = JudgeConfig {
            base_url: format!("{}{base}", server.origin),
            model: model.into(),
            api: dialect::named(api).map(Api::of),
            key: KeySource::Command("echo k".into()),
            ..server.config()
        };
        let judge = open::judge(config, None).unwrap();
        let ran = run(&judge, 1).await.unwrap();
        let outcome = &ran.outcomes[0];
        assert_eq!(
            (outcome.state, outcome.reading.as_ref().map(|r| r.score)),
            (VerdictState::Scored, Some(4)),
            "{file}: {}",
            outcome.reason
        );
        let usage = outcome.usage.unwrap();
        assert!(usage.prompt_tokens >= 300 && usage.completion_tokens >= 30, "{file}: {usage:?}");
        let came = server.came.lock().unwrap().last().cloned().unwrap();
        assert_eq!(came.path, capture["request"]["path"].as_str().unwrap(), "{file}");
        assert_eq!(came.headers.get(auth.0).map(String::as_str), Some(auth.1), "{file}");
        for field in fields {
            let (theirs, ours) = (capture["request"]["body"].pointer(field), came.body.pointer(field));
            let kind = |v: Option<&Value>| v.map(std::mem::discriminant);
            assert!(ours.is_some() && kind(theirs) == kind(ours), "{file} {field}: {theirs:?} {ours:?}");
        }
        let named = judge.describe()["api"].as_str().map(str::to_owned);
        assert_eq!(named, (api != "openai").then(|| api.to_owned()));
    }
}
