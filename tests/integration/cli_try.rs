//! `try`: answers to look at, of a revision, a file and stdin; nothing of them is kept.
use crate::cli_support::{Home, err};
use serde_json::{Value, json};
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate, matchers};

/// Says back what it was asked, with the seed; refuses a prompt that holds "broken", and the second answer of "once".
struct Echo;

impl Respond for Echo {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let body: Value = request.body_json().unwrap();
        let asked = body["messages"].as_array().unwrap().last().unwrap()["content"].as_str().unwrap();
        if asked.contains("broken") || asked.contains("once") && body["seed"] == 8 {
            return ResponseTemplate::new(400).set_body_json(
                json!({"error": {"message": "no such thing", "type": "invalid_request_error"}}),
            );
        }
        let text = format!("{}|{}|{}", body["model"].as_str().unwrap(), body["seed"], asked);
        ResponseTemplate::new(200).set_body_json(json!({
            "model": "m-2026", "choices": [{"message": {"content": text}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 9, "completion_tokens": 3},
        }))
    }
}

fn stage() -> (tokio::runtime::Runtime, MockServer, Home) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = runtime.block_on(async {
        let server = MockServer::start().await;
        Mock::given(matchers::method("POST")).respond_with(Echo).mount(&server).await;
        server
    });
    let home = Home::new();
    let model = |name: &str| {
        format!("[model.{name}]\nbase_url = \"{}/v1\"\nmodel = \"{name}\"\nseed = 7\n", server.uri())
    };
    home.file(".config/assize/config.toml", model("one"));
    home.file("two.toml", model("one") + &model("two"));
    home.file("none.toml", "");
    (runtime, server, home)
}

/// Makes this file of the home its configuration.
fn configure(home: &Home, name: &str) {
    let text = std::fs::read(home.path().join(name)).unwrap();
    home.file(".config/assize/config.toml", text);
}

#[test]
fn an_answer_stands_alone_on_stdout_and_nothing_is_stored() {
    let (_runtime, _server, home) = stage();
    home.register("p", "Say {{ what }}");
    home.register("p", "Shout {{ what }}");
    let out = home.run(&["try", "p@r1", "--var", "what=hello"]);
    assert_eq!(
        (out.status.code(), String::from_utf8_lossy(&out.stdout).as_ref()),
        (Some(0), "one|7|Say hello\n"),
        "{}",
        err(&out)
    );
    assert!(err(&out).contains("9 + 3 tokens") && err(&out).contains("stop"), "{}", err(&out));
    // A text that is not registered: no registry is made for it either.
    let other = Home::new();
    other.file("draft.txt", "Whisper {{ what }}");
    other.file(
        ".config/assize/config.toml",
        std::fs::read(home.path().join(".config/assize/config.toml")).unwrap(),
    );
    let args = ["try", "./draft.txt", "--var", "what=hello"];
    let found = other.json(&args);
    assert_eq!(
        (&found["tries"][0]["text"], &found["tries"][0]["revision"]),
        (&json!("one|7|Whisper hello"), &json!(null))
    );
    assert!(!other.path().join(".local/share/assize/registry.db").exists());
    let found = other.json_of(&["try", "-"], "Hum");
    assert_eq!(found["tries"][0]["text"], "one|7|Hum");
    let found = home.json(&["try", "p", "--var", "what=hello"]);
    let tried = &found["tries"][0];
    assert_eq!(
        (
            &tried["model"],
            &tried["revision"],
            &tried["state"],
            &tried["finish"],
            &tried["usage"]["prompt_tokens"]
        ),
        (&json!("one"), &json!(2), &json!("generated"), &json!("stop"), &json!(9))
    );
    assert!(tried["latency_ms"].is_number());
    assert_eq!(home.json(&["runs"])["runs"], json!([]));
}

#[test]
fn cases_models_and_samples_multiply_and_each_sample_has_its_seed() {
    let (_runtime, _server, home) = stage();
    home.register("p", "Say {{ what }}");
    home.file(
        "c.jsonl",
        "{\"id\":\"a\",\"vars\":{\"what\":\"this\"}}\n{\"id\":\"b\",\"vars\":{\"what\":\"that\"}}\n",
    );
    home.json(&["import", "cases", "c.jsonl", "--set", "s"]);
    configure(&home, "two.toml");
    let args = ["try", "p", "--case", "b", "--model", "two", "--model", "one", "-n", "2"];
    let found = home.json(&args);
    let texts: Vec<&str> =
        found["tries"].as_array().unwrap().iter().map(|t| t["text"].as_str().unwrap()).collect();
    assert_eq!(texts, ["two|7|Say that", "two|8|Say that", "one|7|Say that", "one|8|Say that"]);
    home.file(
        ".config/assize/config.toml",
        std::fs::read_to_string(home.path().join("two.toml")).unwrap().split("[model.two]").next().unwrap(),
    );
    // What is typed wins over the case; without an id the set's first case is taken.
    let found = home.json(&["try", "p", "--cases", "s", "--var", "what=more"]);
    assert_eq!(found["tries"][0]["text"], "one|7|Say more");
    let found = home.json(&["try", "p", "--cases", "s"]);
    assert_eq!(found["tries"][0]["text"], "one|7|Say this");
    home.json(&["import", "cases", "c.jsonl", "--set", "t"]);
    home.refuses(&["try", "p", "--case", "b"], 2, &["several sets", "s, t"]);
    home.refuses(&["try", "p", "--cases", "s", "--case", "z"], 2, &["no case 'z' in 's'"]);
}

#[test]
fn what_did_not_come_is_a_state_and_the_exit_code_says_how_much_came() {
    let (_runtime, _server, home) = stage();
    let failed = home.feed(&["try", "-", "--json"], "broken");
    let found: Value = serde_json::from_slice(&failed.stdout).unwrap();
    assert_eq!(failed.status.code(), Some(5), "{found}");
    let tried = &found["tries"][0];
    assert!(tried["state"] != "generated" && tried["text"] == "", "{tried}");
    assert!(tried["reason"].as_str().unwrap().contains("no such thing"), "{tried}");
    let half = home.feed(&["try", "-", "-n", "2"], "once");
    assert_eq!(
        (half.status.code(), String::from_utf8_lossy(&half.stdout).lines().next()),
        (Some(3), Some("one|7|once"))
    );
    assert!(err(&half).contains("no such thing"), "{}", err(&half));
}

#[test]
fn what_cannot_be_tried_is_refused_before_anything_is_sent() {
    let (runtime, server, home) = stage();
    home.register("p", "Say {{ what }}");
    home.refuses(&["try", "p"], 2, &["what"]);
    home.refuses(&["try", "p", "--var", "what=x", "--var", "waht=y"], 2, &["no variable 'waht'"]);
    home.refuses(&["try", "q"], 2, &["no prompt is named 'q'"]);
    home.refuses(&["try", "p", "--var", "what=x", "-n", "0"], 2, &["1..=100"]);
    configure(&home, "two.toml");
    home.refuses(&["try", "p", "--var", "what=x"], 2, &["which model?", "one, two"]);
    home.refuses(&["try", "p", "--var", "what=x", "--model", "three"], 2, &["three"]);
    configure(&home, "none.toml");
    home.refuses(&["try", "p", "--var", "what=x"], 2, &["[model.writer]", "--model URL#MODEL"]);
    assert_eq!(runtime.block_on(server.received_requests()).unwrap().len(), 0);
}
