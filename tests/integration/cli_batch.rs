//! Runs through a Batch API, against an endpoint that follows the documented shapes: results in any order, errors in single
//! lines, batches that expire, fail or are called off, and processes that die at the worst moments. Nothing is sent twice.
use crate::cli_support::{Home, err};
use serde_json::{Value, json};
use std::process::Output;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

/// How a batch ends.
#[derive(Clone, Copy, PartialEq)]
enum End {
    Completed,
    /// Only even cases were answered in time.
    Expired,
    Failed,
    /// It stays in progress until it is called off.
    Never,
}

struct Batch {
    id: String,
    file: usize,
    token: String,
    status: &'static str,
    looks: usize,
}

struct Api {
    files: Vec<String>,
    batches: Vec<Batch>,
    chats: usize,
    end: End,
    /// What single lines come to, by case.
    spoilt: bool,
    /// The trial question is answered in prose.
    prosy: bool,
    /// Batches are made, and the answer that says so is lost.
    deaf: bool,
    /// Batches are neither made nor answered.
    dead: bool,
    told: Sender<&'static str>,
}

fn completion(n: usize) -> Value {
    let verdict = json!({"evidence": [], "explanation": format!("Reason {n}."), "injection_suspected": false, "score": n % 5 + 1});
    json!({
        "model": "m-1", "choices": [{"message": {"content": verdict.to_string()}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1000, "completion_tokens": 100},
    })
}

/// The number in the response that a judge is shown: `Answer 7.`; 0 for the trial question.
fn number(body: &Value) -> usize {
    let message = body["messages"][1]["content"].as_str().unwrap();
    let material: Value =
        serde_json::from_str(message.lines().find(|l| l.starts_with('{')).unwrap()).unwrap();
    let digits: String =
        material["response"].as_str().unwrap().chars().filter(char::is_ascii_digit).collect();
    digits.parse().unwrap_or(0)
}

impl Api {
    fn answer(&mut self, request: &Request) -> ResponseTemplate {
        let path = request.url.path().to_owned();
        let parts: Vec<&str> = path.trim_start_matches("/v1/").split('/').collect();
        let ok = |value: Value| ResponseTemplate::new(200).set_body_json(value);
        match (request.method.as_str(), parts.as_slice()) {
            ("POST", ["chat", "completions"]) => {
                self.chats += 1;
                let prose = json!({"model": "m-1", "choices": [{"message": {"content": "It is {right}."}, "finish_reason": "stop"}]});
                ok(if self.prosy { prose } else { completion(number(&request.body_json().unwrap())) })
            }
            ("POST", ["files"]) => {
                let text = String::from_utf8(request.body.clone()).unwrap();
                assert!(text.contains("name=\"purpose\"\r\n\r\nbatch\r\n"), "{text}");
                let (_, rest) = text.split_once("Content-Type: application/jsonl\r\n\r\n").unwrap();
                self.files.push(rest.split("\r\n--").next().unwrap().to_owned());
                ok(
                    json!({"id": format!("file-{}", self.files.len() - 1), "object": "file", "purpose": "batch"}),
                )
            }
            ("POST", ["batches"]) => self.create(&request.body_json().unwrap()),
            ("GET", ["batches"]) => {
                let list: Vec<Value> = self.batches.iter().rev().map(|b| self.shape(b)).collect();
                ok(json!({"object": "list", "data": list, "has_more": false}))
            }
            ("GET", ["batches", id]) => {
                let at = self.batches.iter().position(|b| b.id == *id).unwrap();
                self.look(at);
                ok(self.shape(&self.batches[at]))
            }
            ("POST", ["batches", id, "cancel"]) => {
                let at = self.batches.iter().position(|b| b.id == *id).unwrap();
                self.batches[at].status = "cancelling";
                ok(self.shape(&self.batches[at]))
            }
            ("GET", ["files", id, "content"]) => self.content(id),
            other => panic!("no such address: {other:?}"),
        }
    }

    fn create(&mut self, body: &Value) -> ResponseTemplate {
        assert_eq!(
            (&body["endpoint"], &body["completion_window"]),
            (&json!("/v1/chat/completions"), &json!("24h"))
        );
        let lost = ResponseTemplate::new(200).set_delay(Duration::from_secs(600));
        if self.dead {
            self.told.send("dead").unwrap();
            return lost;
        }
        let file = body["input_file_id"].as_str().unwrap().trim_start_matches("file-").parse().unwrap();
        let token = body["metadata"]["assize"].as_str().unwrap().to_owned();
        let id = format!("batch_{}", self.batches.len());
        self.batches.push(Batch { id, file, token, status: "validating", looks: 0 });
        if self.deaf {
            self.told.send("deaf").unwrap();
            return lost;
        }
        ResponseTemplate::new(200).set_body_json(self.shape(self.batches.last().unwrap()))
    }

    /// Each look takes a batch one step on.
    fn look(&mut self, at: usize) {
        let end = self.end;
        let batch = &mut self.batches[at];
        batch.looks += 1;
        let looks = batch.looks;
        batch.status = match (batch.status, looks, end) {
            ("cancelling", _, _) => "cancelled",
            ("cancelled", _, _) => "cancelled",
            (_, 1, _) | (_, _, End::Never) => "in_progress",
            (_, 2, _) => "finalizing",
            (_, _, End::Completed) => "completed",
            (_, _, End::Expired) => "expired",
            (_, _, End::Failed) => "failed",
        };
        let _ = self.told.send("looked");
    }

    fn shape(&self, batch: &Batch) -> Value {
        let over = matches!(batch.status, "completed" | "expired" | "cancelled");
        let lines = self.files[batch.file].lines().count();
        let errors = json!({"object": "list", "data": [{"code": "invalid_json_line", "message": "This line is no JSON.", "line": 2}]});
        json!({
            "id": batch.id, "object": "batch", "endpoint": "/v1/chat/completions", "status": batch.status,
            "input_file_id": format!("file-{}", batch.file), "completion_window": "24h",
            "errors": if batch.status == "failed" { errors } else { Value::Null },
            "output_file_id": over.then(|| format!("out-{}", batch.id)),
            "error_file_id": over.then(|| format!("err-{}", batch.id)),
            "request_counts": {"total": lines, "completed": 0, "failed": 0},
            "metadata": {"assize": batch.token},
        })
    }

    /// Output or errors, last line first: the order means nothing.
    fn content(&self, id: &str) -> ResponseTemplate {
        let (kind, batch_id) = id.split_once('-').unwrap();
        let batch = self.batches.iter().find(|b| b.id == batch_id).unwrap();
        let mut text = String::new();
        for line in self.files[batch.file].lines().rev() {
            let line: Value = serde_json::from_str(line).unwrap();
            let n = number(&line["body"]);
            let unasked = batch.status != "completed" && n % 2 == 1;
            let code = if batch.status == "expired" { "batch_expired" } else { "batch_cancelled" };
            let answer =
                |status: u16, body: Value| json!({"status_code": status, "request_id": "r", "body": body});
            let (response, error) = match n {
                _ if unasked => (Value::Null, json!({"code": code, "message": "not in time"})),
                1 if self.spoilt => (answer(429, json!({"error": {"message": "slow down"}})), Value::Null),
                2 if self.spoilt => {
                    let too_long =
                        json!({"error": {"message": "too long", "code": "context_length_exceeded"}});
                    (answer(400, too_long), Value::Null)
                }
                3 if self.spoilt => {
                    let prose = json!({"choices": [{"message": {"content": "Four, I'd say."}, "finish_reason": "stop"}]});
                    (answer(200, prose), Value::Null)
                }
                4 if self.spoilt => (Value::Null, json!({"code": "x", "message": "it broke"})),
                n => (answer(200, completion(n)), Value::Null),
            };
            let is_error = !error.is_null() || response["status_code"] != 200;
            if is_error == (kind == "err") {
                text += &format!(
                    "{}\n",
                    json!({"id": "b", "custom_id": line["custom_id"], "response": response, "error": error})
                );
            }
        }
        // A line of something else, and one that belongs to nobody.
        text += "{\"custom_id\":\"elsewhere:0:0:0\",\"response\":{\"status_code\":200,\"body\":{}},\"error\":null}\nnot json\n";
        ResponseTemplate::new(200).set_body_string(text)
    }
}

struct Stage {
    home: Home,
    api: Arc<Mutex<Api>>,
    events: Receiver<&'static str>,
    _server: MockServer,
}

const START: [&str; 8] =
    ["run", "--items", "items.jsonl", "--criteria", "accuracy", "--judge", "j", "--batch"];

impl Stage {
    async fn new(end: End) -> Self {
        let (told, events) = channel();
        let api = Api {
            files: vec![],
            batches: vec![],
            chats: 0,
            end,
            spoilt: false,
            prosy: false,
            deaf: false,
            dead: false,
            told,
        };
        let api = Arc::new(Mutex::new(api));
        let (server, shared) = (MockServer::start().await, Arc::clone(&api));
        let answer = move |request: &Request| shared.lock().unwrap().answer(request);
        Mock::given(any()).respond_with(answer).mount(&server).await;
        let home = Home::new();
        home.file(
            ".config/assize/config.toml",
            format!(
                "[judge.j]\nbase_url = \"{}/v1\"\nmodel = \"m\"\nbackoff_ms = 1\nprice_in = 1.0\nprice_out = 10.0\n",
                server.uri()
            ),
        );
        let line =
            |i| json!({"id": format!("c{i}"), "prompt": "p", "response": format!("Answer {i}.")}).to_string();
        home.file("items.jsonl", (1..=6).map(line).collect::<Vec<_>>().join("\n"));
        Self { home, api, events, _server: server }
    }

    fn set(&self, change: impl FnOnce(&mut Api)) {
        change(&mut self.api.lock().unwrap());
    }

    /// Files uploaded, batches made, chat requests.
    fn sent(&self) -> (usize, usize, usize) {
        let api = self.api.lock().unwrap();
        (api.files.len(), api.batches.len(), api.chats)
    }

    fn run(&self, args: &[&str], code: i32) -> Value {
        // How much is scored is each test's own matter.
        let runs = args.contains(&"--batch") || matches!(args.get(1), Some(&("resume" | "retry")));
        let whatever: &[&str] = if runs { &["--min-coverage", "0"] } else { &[] };
        let args: Vec<&str> = args.iter().chain(whatever).copied().chain(["--json"]).collect();
        let out: Output = self.home.run(&args);
        assert_eq!(out.status.code(), Some(code), "{args:?}: {}", err(&out));
        serde_json::from_slice(&out.stdout).unwrap_or_else(|e| panic!("{e}: {}", err(&out)))
    }

    fn id(&self) -> String {
        self.home.json(&["runs"])["runs"][0]["run"].as_str().unwrap().to_owned()
    }

    /// Starts a run and ends it by `signal` when the endpoint has told `event`.
    fn ended_at(&self, event: &str, signal: &str) -> Option<i32> {
        self.ended(&START, event, signal)
    }

    fn ended(&self, args: &[&str], event: &str, signal: &str) -> Option<i32> {
        while self.events.try_recv().is_ok() {}
        let mut child = self.home.command(args).spawn().unwrap();
        drop(child.stdin.take());
        while self.events.recv_timeout(Duration::from_secs(30)).unwrap() != event {}
        std::process::Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
        let out = child.wait_with_output().unwrap();
        while self.events.try_recv().is_ok() {}
        out.status.code()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_comes_to_the_same_as_single_calls_at_half_the_price() {
    let stage = Stage::new(End::Completed).await;
    let done = stage.run(&START, 0);
    assert_eq!((&done["state"], &done["verdicts"]), (&json!("complete"), &json!({"scored": 6})));
    assert_eq!(stage.sent(), (1, 1, 1), "one file, one batch, the trial question");
    assert_eq!(done["usage"]["calls"], 7, "the trial question and six lines");
    // 6 x (1000 x 1 + 100 x 10) / 1e6, halved.
    assert!((done["usage"]["cost_usd"].as_f64().unwrap() - 0.006).abs() < 1e-9, "{}", done["usage"]);
    assert_eq!(
        (&done["batches"][0]["stage"], &done["batches"][0]["requests"]),
        (&json!("settled"), &json!(6))
    );
    let id = done["run"].as_str().unwrap();
    let custom: Vec<String> = stage.api.lock().unwrap().files[0]
        .lines()
        .map(|l| serde_json::from_str::<Value>(l).unwrap()["custom_id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(custom, (0..6).map(|n| format!("{id}:{n}:0:0")).collect::<Vec<_>>());
    let exported = stage.home.text(&["run", "export", id]);
    let single = Stage::new(End::Completed).await;
    let whole: Vec<&str> = START.iter().copied().filter(|a| *a != "--batch").collect();
    let id = single.run(&whole, 0)["run"].as_str().unwrap().to_owned();
    let (batched, called) = (exported.lines().skip(1), single.home.text(&["run", "export", &id]));
    assert_eq!(batched.collect::<Vec<_>>(), called.lines().skip(1).collect::<Vec<_>>());
    // What is known already is in no batch.
    let again = stage.run(&START, 0);
    assert_eq!((&again["usage"]["cached"], stage.sent()), (&json!(6), (1, 1, 2)));
    assert_eq!(stage.home.json(&["fsck"])["ok"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_in_single_lines_are_states_and_a_retry_sends_only_these() {
    let stage = Stage::new(End::Completed).await;
    stage.set(|api| api.spoilt = true);
    let done = stage.run(&START, 0);
    assert_eq!(
        done["verdicts"],
        json!({"scored": 2, "unparseable": 1, "rate_limited": 1, "http_error": 1, "overflow": 1})
    );
    let id = done["run"].as_str().unwrap();
    let all = stage.home.json(&["run", "show", id, "--items"]);
    let why: Vec<&str> =
        all["results"].as_array().unwrap().iter().map(|v| v["explanation"].as_str().unwrap()).collect();
    assert_eq!(why[0], "429: slow down");
    assert_eq!((why[1], why[3], why[4]), ("400: too long", "it broke", "Reason 5."));
    assert_eq!(stage.run(&["run", "resume", id], 0)["verdicts"], done["verdicts"], "nothing is open");
    assert_eq!(stage.sent().1, 1);
    stage.set(|api| api.spoilt = false);
    let mended = stage.run(&["run", "retry", id], 0);
    assert_eq!(mended["verdicts"], json!({"scored": 6}));
    assert_eq!(stage.api.lock().unwrap().files[1].lines().count(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_batch_that_expired_answered_is_kept_and_the_rest_is_sent_again() {
    let stage = Stage::new(End::Expired).await;
    let done = stage.run(&START, 3);
    assert_eq!((&done["state"], &done["verdicts"]), (&json!("partial"), &json!({"scored": 3})));
    assert!(done["reason"].as_str().unwrap().contains("expired"), "{}", done["reason"]);
    stage.set(|api| api.end = End::Completed);
    let id = stage.id();
    let whole = stage.run(&["run", "resume", &id], 0);
    assert_eq!((&whole["state"], &whole["verdicts"]), (&json!("complete"), &json!({"scored": 6})));
    assert_eq!(stage.api.lock().unwrap().files[1].lines().count(), 3, "only what is missing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_is_refused_as_a_whole_stops_the_run() {
    let stage = Stage::new(End::Failed).await;
    let done = stage.run(&START, 5);
    assert_eq!((&done["state"], &done["verdicts"]), (&json!("stopped"), &json!({"scored": 0})));
    assert!(done["reason"].as_str().unwrap().contains("line 2: This line is no JSON."), "{}", done["reason"]);
    stage.set(|api| api.end = End::Completed);
    assert_eq!(stage.run(&["run", "resume", &stage.id()], 0)["verdicts"], json!({"scored": 6}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_goes_on_while_nobody_waits_and_can_be_called_off() {
    let stage = Stage::new(End::Never).await;
    assert_eq!(stage.ended_at("looked", "-INT"), Some(130));
    let id = stage.id();
    assert_eq!(stage.home.json(&["run", "show", &id])["batches"][0]["stage"], "sent");
    let cancelled = stage.run(&["run", "cancel", &id], 0);
    assert_eq!(cancelled["batches"][0]["status"], "cancelling");
    let done = stage.run(&["run", "resume", &id], 3);
    assert_eq!((&done["state"], &done["verdicts"]), (&json!("partial"), &json!({"scored": 3})));
    assert!(done["reason"].as_str().unwrap().contains("cancelled"), "{}", done["reason"]);
    assert_eq!(stage.sent(), (1, 1, 1), "what was called off is not sent again unasked");
    stage.home.refuses(&["run", "cancel", &id], 2, &["no batch under way"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_killed_after_sending_pays_once() {
    let stage = Stage::new(End::Completed).await;
    assert_eq!(stage.ended_at("looked", "-KILL"), None);
    let there = stage.home.json(&["run", "show", &stage.id()])["batches"][0].clone();
    assert_eq!(
        (&there["stage"], &there["batch"]),
        (&json!("sent"), &json!("batch_0")),
        "before it was polled"
    );
    let done = stage.run(&["run", "resume", &stage.id()], 0);
    assert_eq!(
        (&done["verdicts"], stage.sent()),
        (&json!({"scored": 6}), (1, 1, 1)),
        "taken in, not sent again"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_that_was_killed_is_taken_in_though_nothing_is_missing() {
    let stage = Stage::new(End::Completed).await;
    stage.set(|api| api.spoilt = true);
    let id = stage.run(&START, 0)["run"].as_str().unwrap().to_owned();
    stage.set(|api| api.spoilt = false);
    assert_eq!(stage.ended(&["run", "retry", &id], "looked", "-KILL"), None);
    let done = stage.run(&["run", "resume", &id], 0);
    assert_eq!((&done["verdicts"], stage.sent().1), (&json!({"scored": 6}), 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_was_taken_in_is_not_taken_in_again() {
    let stage = Stage::new(End::Completed).await;
    let before = stage.run(&START, 0);
    let registry = stage.home.path().join(".local/share/assize/registry.db");
    // As a process leaves it that dies after its last verdict and before it says so.
    rusqlite::Connection::open(registry).unwrap().execute("UPDATE run_batch SET state = 'sent'", []).unwrap();
    let after = stage.run(&["run", "resume", before["run"].as_str().unwrap()], 0);
    assert_eq!((&after["verdicts"], &after["usage"]["calls"]), (&json!({"scored": 6}), &json!(7)));
    assert_eq!(stage.home.json(&["fsck"])["checked"]["verdict"], 6);
    assert_eq!((&after["batches"][0]["stage"], stage.sent()), (&json!("settled"), (1, 1, 1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_whose_answer_was_lost_is_found_by_its_token() {
    let stage = Stage::new(End::Completed).await;
    stage.set(|api| api.deaf = true);
    assert_eq!(stage.ended_at("deaf", "-KILL"), None);
    stage.set(|api| api.deaf = false);
    let done = stage.run(&["run", "resume", &stage.id()], 0);
    assert_eq!(
        (&done["verdicts"], stage.sent()),
        (&json!({"scored": 6}), (1, 1, 1)),
        "it was there, and paid for"
    );
    let stage = Stage::new(End::Completed).await;
    stage.set(|api| api.deaf = true);
    assert_eq!(stage.ended_at("deaf", "-INT"), Some(130), "Ctrl-C does not wait for the answer");
    assert_eq!(stage.run(&["run", "resume", &stage.id()], 0)["verdicts"], json!({"scored": 6}));
    assert_eq!(stage.sent(), (1, 1, 1));
    // And one that was never made is made.
    let stage = Stage::new(End::Completed).await;
    stage.set(|api| api.dead = true);
    assert_eq!(stage.ended_at("dead", "-KILL"), None);
    stage.set(|api| api.dead = false);
    let done = stage.run(&["run", "resume", &stage.id()], 0);
    assert_eq!((&done["verdicts"], stage.sent()), (&json!({"scored": 6}), (2, 1, 2)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_batch_can_keep_is_refused_before_anything_is_sent() {
    let stage = Stage::new(End::Completed).await;
    let refuses = |more: &[&str], words: &[&str]| {
        let args: Vec<&str> = START.iter().chain(more).copied().collect();
        stage.home.refuses(&args, 2, words);
    };
    refuses(&["--max-calls", "5"], &["6 requests", "allows 5"]);
    refuses(&["--max-tokens", "10"], &["--max-tokens allows 10"]);
    refuses(&["--max-cost", "0.0001"], &["--max-cost allows 0.0001"]);
    refuses(&["--until", "ci<0.2"], &["--until"]);
    stage.home.register("p", "Say {{ x }}");
    stage.home.file("cases.jsonl", "{\"id\":\"a\",\"vars\":{\"x\":\"1\"}}\n");
    let url = "http://127.0.0.1:9/v1#m";
    let generating = [
        "run",
        "--arm",
        "p",
        "--cases",
        "./cases.jsonl",
        "--model",
        url,
        "--criteria",
        "accuracy",
        "--judge",
        "j",
        "--batch",
    ];
    stage.home.refuses(&generating, 2, &["write them first"]);
    assert_eq!(stage.sent(), (0, 0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_judge_whose_trial_gave_no_verdict_is_sent_no_batch_of_more_than_eight_lines() {
    let stage = Stage::new(End::Completed).await;
    stage.set(|api| api.prosy = true);
    let twice: Vec<&str> = START.iter().copied().chain(["--repeats", "2"]).collect();
    let done = stage.run(&twice, 5);
    assert_eq!(
        (&done["state"], &done["verdicts"], stage.sent().1),
        (&json!("stopped"), &json!({"scored": 0}), 0)
    );
    let reason = done["reason"].as_str().unwrap();
    assert!(reason.contains("12 questions") && reason.contains("trial question"), "{reason}");
    // The twins: few lines go, and so does the rest once the trial is answered.
    assert_eq!(stage.run(&START, 0)["verdicts"], json!({"scored": 6}));
    stage.set(|api| api.prosy = false);
    let rest = stage.run(&["run", "resume", done["run"].as_str().unwrap()], 0);
    assert_eq!(rest["verdicts"], json!({"scored": 12}));
}
