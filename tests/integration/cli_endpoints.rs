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
