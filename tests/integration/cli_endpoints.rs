//! Endpoints that refuse, from outside: what real servers answered, served again; one clear line, and exit code 5.
use crate::cli_support::{Home, err};
use std::path::Path;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

const KEY: &str = "sk-canary-0123456789abcdef";

/// What a server answered when it was recorded.
fn recorded(name: &str) -> ResponseTemplate {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captures").join(name);
    let text = std::fs::read_to_string(file).unwrap();
    let (_, answer) = text.split_once("=== RESPONSE").unwrap();
    let (head, body) = answer.split_once('\n').unwrap().1.split_once("\n\n").unwrap();
    let status: u16 = head.split(' ').nth(1).unwrap().parse().unwrap();
    ResponseTemplate::new(status)
        .set_body_raw(body.trim_end_matches('\n').as_bytes().to_vec(), "application/json")
}

fn run(home: &Home, url: &str) -> std::process::Output {
    home.file(
        "config.toml",
        format!("[judge.j]\nbase_url = \"{url}\"\nmodel = \"mock-judge\"\napi_key_env = \"CANARY\"\n"),
    );
    home.file("items.jsonl", "{\"id\":\"a\",\"prompt\":\"2+2?\",\"response\":\"4\"}\n");
    let args = ["run", "--items", "items.jsonl", "--criteria", "accuracy", "--judge", "j", "--json"];
    let mut command = home.command(&args);
    command.env("CANARY", KEY).env("XDG_CONFIG_HOME", home.path().join("c"));
    std::fs::create_dir_all(home.path().join("c/assize")).unwrap();
    std::fs::copy(home.path().join("config.toml"), home.path().join("c/assize/config.toml")).unwrap();
    command.output().unwrap()
}

/// One line for the user: nothing was scored, the words are there, and the key is nowhere.
fn refuses(out: &std::process::Output, name: &str, words: &[&str]) {
    let said = err(out);
    assert_eq!(out.status.code(), Some(5), "{name}: {said}");
    for word in words {
        assert!(said.contains(word), "{name} does not say '{word}': {said}");
    }
    let told = said.lines().filter(|line| words.iter().all(|word| line.contains(word))).count();
    assert_eq!(told, 1, "{name}: one line tells it all: {said}");
    assert!(!said.contains(KEY) && !String::from_utf8_lossy(&out.stdout).contains(KEY), "{name}: {said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_real_servers_refuse_is_one_clear_line_and_exit_code_5() {
    for (name, words) in [
        ("litellm-limits/e01_missing_key.http", &["refuses the key from variable CANARY", "No api key"][..]),
        ("litellm-limits/e02_wrong_key.http", &["refuses the key from variable CANARY"]),
        ("litellm/e03_bad_model.http", &["does not know the model 'mock-judge'", "Invalid model name"]),
        ("litellm/e07_mock_ctx.http", &["context window of mock-judge is too small"]),
        ("llamacpp-smollm2/e02_wrong_key.http", &["refuses the key from variable CANARY", "401"]),
        ("llamacpp-smollm2/e04_too_long.http", &["context"]),
        ("llama-cpp-python/e02_wrong_key.http", &["refuses the key from variable CANARY", "401"]),
        ("llama-cpp-python/e04_too_long.http", &["context"]),
    ] {
        let server = MockServer::start().await;
        Mock::given(any()).respond_with(recorded(name)).mount(&server).await;
        let home = Home::new();
        refuses(&run(&home, &format!("{}/v1", server.uri())), name, words);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_and_a_closed_door_are_told_as_such() {
    let server = MockServer::start().await;
    let page = ResponseTemplate::new(200).set_body_raw("<!doctype html><title>Sign in</title>", "text/html");
    Mock::given(any()).respond_with(page).mount(&server).await;
    refuses(&run(&Home::new(), &server.uri()), "HTML", &["HTML page came instead of JSON"]);
    // A port that was just free.
    let door = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    refuses(&run(&Home::new(), &format!("http://{door}/v1")), "closed", &["refused"]);
}

/// A server that scores everything 4 and says this of itself; how often it was asked, and what the run printed.
async fn scored(
    items: usize,
    usage: serde_json::Value,
    header: Option<(&str, &str)>,
    args: &[&str],
) -> (Home, std::process::Output, usize) {
    let verdict = r#"{"evidence":[],"explanation":"It is right.","injection_suspected":false,"score":4}"#;
    let body = serde_json::json!({"model": "m", "usage": usage, "choices": [
        {"message": {"role": "assistant", "content": verdict}, "finish_reason": "stop"}]});
    let mut answer = ResponseTemplate::new(200).set_body_json(body);
    if let Some((remaining, reset)) = header {
        answer = answer
            .insert_header("x-ratelimit-remaining-requests", remaining)
            .insert_header("x-ratelimit-reset-requests", reset);
    }
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(answer).mount(&server).await;
    let home = Home::new();
    home.file(
        ".config/assize/config.toml",
        format!(
            "[judge.j]\nbase_url = \"{}/v1\"\nmodel = \"m\"\nconcurrency = 1\nprice_in = 10\nprice_out = 1000\n",
            server.uri()
        ),
    );
    let item =
        |n: usize| serde_json::json!({"id": n.to_string(), "prompt": format!("{n}?"), "response": "4"});
    home.file("i.jsonl", (0..items).map(|n| format!("{}\n", item(n))).collect::<String>());
    let args =
        [&["run", "--items", "i.jsonl", "--criteria", "accuracy", "--judge", "j", "--json"], args].concat();
    let (out, home) = tokio::task::spawn_blocking({
        let args: Vec<String> = args.into_iter().map(str::to_owned).collect();
        move || (home.run(&args.iter().map(String::as_str).collect::<Vec<_>>()), home)
    })
    .await
    .unwrap();
    let asked = server.received_requests().await.unwrap().len();
    (home, out, asked)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_number_of_an_endpoint_damages_the_registry_or_its_backup() {
    for wrong in ["18446744073709551615", "9223372036854775808", "-1", "1e300"] {
        let wrong: serde_json::Value = serde_json::from_str(wrong).unwrap();
        let usage =
            serde_json::json!({"prompt_tokens": wrong, "completion_tokens": wrong, "total_tokens": wrong});
        let (home, out, _) = scored(2, usage, None, &[]).await;
        assert_eq!(out.status.code(), Some(0), "{wrong}: {}", err(&out));
        let run: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
        assert_eq!(home.json(&["fsck"])["faults"], serde_json::json!([]), "{wrong}");
        let shown = home.json(&["run", "show", run["run"].as_str().unwrap(), "--items"]);
        assert!(shown.to_string().contains("\"scored\""), "{shown}");
        home.text(&["backup", "copy.db"]);
        home.text(&["restore", "copy.db"]);
        assert_eq!(home.json(&["fsck"])["ok"], true, "{wrong}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn thoughts_and_answers_of_no_tokens_count_towards_a_cap() {
    // What is told, and the most calls that 20 USD can pay for: 5.01 each; not known, so the most that each can have been.
    let apart = serde_json::json!({"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 5110,
        "completion_tokens_details": {"reasoning_tokens": 5000}});
    let none = serde_json::json!({"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0});
    let honest = serde_json::json!({"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110});
    let cap = ["--max-cost", "20"];
    let (_, out, asked) = scored(40, apart, None, &cap).await;
    assert!((2..=6).contains(&asked), "{asked} calls: {}", err(&out));
    let (_, out, asked) = scored(40, none, None, &cap).await;
    assert!((2..=20).contains(&asked), "{asked} calls: {}", err(&out));
    // The twin: where the tokens are few, all are asked.
    let (_, out, asked) = scored(40, honest, None, &cap).await;
    assert!(asked >= 40, "{asked} calls: {}", err(&out));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_that_is_reset_in_a_million_years_delays_nothing() {
    let usage = serde_json::json!({"prompt_tokens": 10, "completion_tokens": 10});
    let begun = std::time::Instant::now();
    let (_, out, asked) = scored(4, usage.clone(), Some(("0", "99999999999h")), &[]).await;
    assert!(out.status.success() && asked >= 4, "{asked}: {}", err(&out));
    assert!(begun.elapsed() < std::time::Duration::from_secs(60), "{:?}", begun.elapsed());
    // The twin: one that is soon is waited for, and the reason is told.
    let begun = std::time::Instant::now();
    let (_, out, _) = scored(2, usage, Some(("0", "1200ms")), &[]).await;
    assert!(
        out.status.success() && begun.elapsed() > std::time::Duration::from_millis(1200),
        "{}",
        err(&out)
    );
}
