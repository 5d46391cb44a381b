//! Two arms side by side, from outside: both orders, winners only where they agree, states instead of winners, and nothing
//! asked twice.
use crate::cli_support::{Home, err};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

/// The two responses that a judge was shown; `None` for the trial question of discovery.
fn shown(request: &Request) -> Option<(String, String)> {
    let body: Value = request.body_json().unwrap();
    let message = body["messages"][1]["content"].as_str().unwrap();
    let material: Value =
        serde_json::from_str(message.lines().find(|l| l.starts_with('{')).unwrap()).unwrap();
    let text = |key: &str| material[key].as_str().map(str::to_owned);
    text("response_first").zip(text("response_second"))
}

fn completion(content: &str) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(json!({
        "model": "m-1", "choices": [{"message": {"content": content}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 10},
    }))
}

fn choice(winner: &str) -> ResponseTemplate {
    completion(&json!({"explanation": "x", "injection_suspected": false, "winner": winner}).to_string())
}

/// A judge that answers as `say` has it of (first, second).
async fn judge(say: impl Fn(&str, &str) -> ResponseTemplate + Send + Sync + 'static) -> MockServer {
    let server = MockServer::start().await;
    let trial =
        json!({"evidence": [], "explanation": "x", "injection_suspected": false, "score": 5}).to_string();
    Mock::given(method("POST"))
        .and(path("/v1/chat/completions"))
        .respond_with(move |request: &Request| match shown(request) {
            Some((first, second)) => say(&first, &second),
            None => completion(&trial),
        })
        .mount(&server)
        .await;
    server
}

/// What is better wins; of equals, the first in even cases and the second in odd ones.
fn fair_but_placed(first: &str, second: &str) -> ResponseTemplate {
    let better = |text: &str| text.contains("better");
    let odd = first.ends_with(['1', '3', '5', '7', '9']);
    choice(match (better(first), better(second)) {
        (true, false) => "first",
        (false, true) => "second",
        _ if odd => "second",
        _ => "first",
    })
}

/// Ten cases: arm `a` is better in c0 and c1, `b` in c2 to c4, the others are equal; c9 has no response of `b`.
fn home() -> Home {
    let home = Home::new();
    let mut lines = String::new();
    for i in 0..10 {
        for arm in ["a", "b"] {
            if arm == "b" && i == 9 {
                continue;
            }
            let better = (arm == "a" && i < 2) || (arm == "b" && (2..5).contains(&i));
            let text = format!("{}{arm} {i}", if better { "better " } else { "" });
            lines +=
                &format!("{}\n", json!({"id": format!("c{i}"), "arm": arm, "prompt": "p", "response": text}));
        }
    }
    home.file("items.jsonl", lines);
    home.text(&["import", "items", "items.jsonl"]);
    home
}

fn args<'a>(arms: [&'a str; 2], url: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let head = ["run", "pairwise", arms[0], arms[1], "--criteria", "accuracy", "--judge", url];
    head.iter().chain(more).copied().collect()
}

async fn asked(server: &MockServer) -> usize {
    server.received_requests().await.unwrap().iter().filter(|r| shown(r).is_some()).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_winner_needs_both_orders_and_places_that_win_are_told() {
    let (home, server) = (home(), judge(fair_but_placed).await);
    let url = format!("{}/v1#m", server.uri());
    let plan = home.json(&args(["a", "b"], &url, &["--dry-run"]));
    assert_eq!(
        (&plan["pairs"], &plan["unpaired"], &plan["questions"], &plan["calls"]),
        (&json!(9), &json!(1), &json!(18), &json!(18))
    );
    assert_eq!(server.received_requests().await.unwrap().len(), 0, "a rehearsal sends nothing");
    let done = home.json(&args(["a", "b"], &url, &["--items"]));
    assert_eq!(
        (&done["state"], &done["usage"]["calls"], &done["missing"]),
        (&json!("complete"), &json!(19), &json!(0))
    );
    assert_eq!(asked(&server).await, 18, "each pair in both orders");
    let found = &done["criteria"][0];
    let counts = ["a_wins", "b_wins", "ties", "open"].map(|k| found[k].as_u64().unwrap());
    assert_eq!(counts, [2, 3, 4, 0]);
    // Of the equal pairs c5 to c8 the first place won in c6 and c8, the second in c5 and c7.
    assert_eq!(
        (
            &found["position_bias"]["first"],
            &found["position_bias"]["second"],
            &found["position_bias"]["rate"]
        ),
        (&json!(2), &json!(2), &json!(4.0 / 9.0))
    );
    let first = &done["results"][0];
    assert_eq!(
        (&first["case"], &first["outcome"], &first["orders"][1]["winner"]),
        (&json!("c0"), &json!("a"), &json!("second"))
    );
    let text = home.text(&args(["a", "b"], &url, &[]));
    assert!(text.contains("4 of 9 (44 %): first 2, second 2, p 1"), "{text}");
    assert!(
        text.contains("of 4 ties neither is better in both orders of 0, the same place won in 4"),
        "{text}"
    );
    // Two wins against three: the exact test and the interval over all nine say that this may be chance.
    assert!((found["p"].as_f64().unwrap() - 1.0).abs() < 1e-9, "{found}");
    assert_eq!(found["decision"], "no_evidence");
    assert!((found["difference"].as_f64().unwrap() - 1.0 / 9.0).abs() < 1e-12, "{found}");
    assert!(found["ci95"][0].as_f64().unwrap() < 0.0 && found["ci95"][1].as_f64().unwrap() > 0.2, "{found}");
    assert_eq!(found["ties_by"], json!({"equal": 0, "place": 4, "one_order": 0}));
    let sentence = "The pairs show no preference for a or b beyond chance on accuracy.";
    assert_eq!(done["sentence"], sentence);
    assert!(text.contains(sentence), "{text}");
    assert_eq!(home.json(&["fsck"])["ok"], true);
    assert_eq!(home.json(&["fsck"])["checked"]["pair_answer"], 18);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_stored_is_never_asked_again() {
    let (home, server) = (home(), judge(fair_but_placed).await);
    let url = format!("{}/v1#m", server.uri());
    let cut = home.run(&args(["a", "b"], &url, &["--max-calls", "6", "--json"]));
    assert_eq!(cut.status.code(), Some(3), "{}", err(&cut));
    let cut: Value = serde_json::from_slice(&cut.stdout).unwrap();
    // Discovery is one of the six calls.
    assert_eq!(
        (&cut["state"], &cut["missing"], &cut["usage"]["calls"]),
        (&json!("stopped"), &json!(13), &json!(6))
    );
    assert_eq!(home.json(&args(["a", "b"], &url, &["--dry-run"]))["known"], 5);
    let whole = home.json(&args(["a", "b"], &url, &[]));
    assert_eq!((&whole["state"], asked(&server).await), (&json!("complete"), 18));
    let requests = server.received_requests().await.unwrap().len();
    let again = home.json(&args(["a", "b"], &url, &[]));
    assert_eq!((&again["usage"]["calls"], &again["criteria"]), (&json!(0), &whole["criteria"]));
    // Named the other way round it is the same comparison.
    let turned = home.json(&args(["b", "a"], &url, &[]));
    let counts = ["a_wins", "b_wins", "ties"].map(|k| turned["criteria"][0][k].as_u64().unwrap());
    assert_eq!((counts, &turned["usage"]["calls"]), ([3, 2, 4], &json!(0)));
    assert_eq!(server.received_requests().await.unwrap().len(), requests, "not even a trial question");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_a_state_and_is_asked_again_only_when_told_to() {
    let broken = Arc::new(AtomicBool::new(true));
    let is_broken = Arc::clone(&broken);
    let server = judge(move |first, second| {
        // A stands first in c0: no choice. Whatever c3 is: a winner that is none.
        let spoilt = first == "better a 0" || [first, second].iter().any(|t| t.ends_with('3'));
        if spoilt && is_broken.load(Ordering::SeqCst) {
            choice("both")
        } else {
            fair_but_placed(first, second)
        }
    })
    .await;
    let home = home();
    let url = format!("{}/v1#m", server.uri());
    let done = home.json(&args(["a", "b"], &url, &["--items"]));
    assert_eq!(done["answers"], json!({"scored": 15, "unparseable": 3}));
    let found = &done["criteria"][0];
    let counts = |found: &Value| ["a_wins", "b_wins", "ties", "open"].map(|k| found[k].as_u64().unwrap());
    assert_eq!((counts(found), &done["state"]), ([1, 2, 4, 2], &json!("complete")));
    assert_eq!(
        (&done["results"][0]["outcome"], &done["results"][0]["orders"][0]["winner"]),
        (&json!("open"), &Value::Null)
    );
    // Each failure was asked twice: once more with the reason.
    assert_eq!(asked(&server).await, 21);
    broken.store(false, Ordering::SeqCst);
    assert_eq!(home.json(&args(["a", "b"], &url, &[]))["answers"], done["answers"]);
    assert_eq!(asked(&server).await, 21, "a failure is an answer of its own until --retry");
    let mended = home.json(&args(["a", "b"], &url, &["--retry"]));
    assert_eq!((counts(&mended["criteria"][0]), asked(&server).await), ([2, 3, 4, 0], 24));
    assert_eq!(home.json(&["fsck"])["checked"]["pair_answer"], 21, "what failed is kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_stops_leaves_what_was_answered() {
    let server = judge(|first, second| {
        if [first, second].iter().any(|text| text.ends_with('6')) {
            let error = json!({"error": {"message": "gone", "type": "t", "code": "insufficient_quota"}});
            ResponseTemplate::new(429).set_body_json(error)
        } else {
            fair_but_placed(first, second)
        }
    })
    .await;
    let home = home();
    let url = format!("{}/v1#m", server.uri());
    let out = home.run(&args(["a", "b"], &url, &["--concurrency", "1", "--json"]));
    assert_eq!(out.status.code(), Some(5), "{}", err(&out));
    let done: Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!(
        (&done["state"], &done["answers"]["scored"], &done["missing"]),
        (&json!("stopped"), &json!(12), &json!(6))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_compared_is_refused_in_words() {
    let (home, server) = (home(), judge(fair_but_placed).await);
    let url = format!("{}/v1#m", server.uri());
    home.refuses(&args(["a", "a"], &url, &[]), 2, &["both arms"]);
    home.refuses(&args(["a", "nobody"], &url, &[]), 2, &["nobody"]);
    home.refuses(&args(["a", "nobody"], &url, &["--cases", "items"]), 2, &["nobody", "it has: a, b"]);
    home.refuses(&["run", "pairwise", "a", "b", "--judge", &url], 2, &["--rubric"]);
    home.refuses(&args(["a", "b"], "recorded", &[]), 2, &["recorded"]);
    home.refuses(&args(["a", "b"], "http://127.0.0.1:9/v1#m", &["--max-calls", "0"]), 2, &["at least 1"]);
    assert_eq!(server.received_requests().await.unwrap().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_judge_whose_trial_gave_no_verdict_compares_eight_times_unless_one_is_an_answer() {
    let server = MockServer::start().await;
    let shut = Arc::new(AtomicBool::new(true));
    let is_shut = Arc::clone(&shut);
    Mock::given(method("POST"))
        .respond_with(move |request: &Request| match shown(request) {
            Some((first, second)) if !is_shut.load(Ordering::SeqCst) => fair_but_placed(&first, &second),
            _ => completion("I like {both}."),
        })
        .mount(&server)
        .await;
    let (home, url) = (home(), format!("{}/v1#m", server.uri()));
    let out = home.run(&[&["--json"], &args(["a", "b"], &url, &[])[..]].concat());
    let done: Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!(
        (out.status.code(), &done["answers"]),
        (Some(5), &json!({"scored": 0, "unparseable": 8})),
        "{done}"
    );
    assert!(err(&out).contains("gives no verdicts"), "{}", err(&out));
    // The trial and each question are asked once more with the reason.
    assert_eq!(server.received_requests().await.unwrap().len(), 2 + 2 * 8);
    shut.store(false, Ordering::SeqCst);
    let rest = home.json(&args(["a", "b"], &url, &["--retry"]));
    assert_eq!((&rest["answers"], &rest["state"]), (&json!({"scored": 18}), &json!("complete")));
}
