//! Judges from outside: what is configured and learned, what rests on a model that ends, and what retiring one does.
use crate::cli_support::{Home, err};
use serde_json::{Value, json};
use std::process::Output;
use wiremock::matchers::{body_string_contains, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

const KEY: &str = "sk-canary-0123456789abcdef";

/// A judge that scores 4, and whose list of models says when `m` ends.
async fn server() -> MockServer {
    let server = MockServer::start().await;
    let verdict = json!({"evidence": [], "explanation": "fine", "injection_suspected": false, "score": 4});
    let reply = json!({
        "model": "m-2026", "choices": [{"message": {"content": verdict.to_string()}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5},
    });
    // What the writer writes is no verdict: a judge that repeated it would be quoting.
    let written = json!({"choices": [{"message": {"content": "One."}, "finish_reason": "stop"}]});
    Mock::given(method("POST"))
        .and(path("/v1/chat/completions"))
        .and(body_string_contains("\"model\":\"w\""))
        .respond_with(ResponseTemplate::new(200).set_body_json(written))
        .mount(&server)
        .await;
    Mock::given(method("POST"))
        .and(path("/v1/chat/completions"))
        .respond_with(ResponseTemplate::new(200).set_body_json(reply))
        .mount(&server)
        .await;
    let models = json!({"data": [{"id": "m", "shutdown_date": 1_801_353_600}, {"id": "n"}]});
    Mock::given(method("GET"))
        .and(path("/v1/models"))
        .respond_with(ResponseTemplate::new(200).set_body_json(models))
        .mount(&server)
        .await;
    server
}

/// A home with the judges `main` and `other` and a model at `url`.
fn home(url: &str) -> Home {
    let home = Home::new();
    home.file(
        ".config/assize/config.toml",
        format!(
            "[judge.main]\nbase_url = \"{url}/v1\"\nmodel = \"m\"\napi_key_env = \"CANARY\"\n\
             [judge.other]\nbase_url = \"{url}/v1\"\nmodel = \"n\"\n\
             [model.writer]\nbase_url = \"{url}/v1\"\nmodel = \"w\"\n"
        ),
    );
    home
}

/// With the key in its variable.
fn keyed(home: &Home, args: &[&str]) -> Output {
    let out = home.command(args).env("CANARY", KEY).output().unwrap();
    assert!(!String::from_utf8_lossy(&out.stdout).contains(KEY) && !err(&out).contains(KEY), "{args:?}");
    out
}

fn document(home: &Home, args: &[&str]) -> Value {
    let args: Vec<&str> = args.iter().copied().chain(["--json"]).collect();
    let out = keyed(home, &args);
    assert!(out.status.success(), "{args:?}: {}", err(&out));
    serde_json::from_slice(&out.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_tells_where_the_key_is_and_what_was_learned_and_never_the_key() {
    let server = server().await;
    let home = home(&server.uri());
    home.register("p", "x");
    let by_name = |list: &Value, name: &str| {
        list["judges"].as_array().unwrap().iter().find(|j| j["name"] == name).unwrap().clone()
    };
    let main = by_name(&home.json(&["judge", "list"]), "main");
    assert_eq!((&main["key_present"], &main["origin"]), (&json!(false), &json!(server.uri())));
    assert_eq!((&main["capabilities"], &main["learned_at"]), (&Value::Null, &Value::Null));
    let text = home.text(&["judge", "list"]);
    assert!(text.contains("CANARY: NOT SET") && text.contains("never asked"), "{text}");

    let report = document(&home, &["judge", "check", "main"]);
    assert_eq!((&report["usable"], &report["key_present"]), (&json!(true), &json!(true)));
    assert_eq!(report["capabilities"]["rung"], "schema");
    let main = by_name(&document(&home, &["judge", "list"]), "main");
    assert_eq!((&main["key_present"], &main["capabilities"]["rung"]), (&json!(true), &json!("schema")));
    assert!(main["learned_at"].as_str().unwrap().starts_with("20"), "{main}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_ends_is_told_with_the_runs_and_labels_that_rest_on_it() {
    let server = server().await;
    let home = home(&server.uri());
    home.json_of(&["register", "p", "-", "--label", "production"], "Say {{ x }}");
    home.file("cases.jsonl", "{\"id\":\"a\",\"vars\":{\"x\":\"1\"}}\n");
    home.file("items.jsonl", "{\"id\":\"i\",\"prompt\":\"p\",\"response\":\"r\"}\n");
    home.text(&["import", "cases", "cases.jsonl", "--set", "s"]);
    let arm = ["run", "--arm", "p", "--cases", "s", "--model", "writer", "--criteria", "accuracy"];
    let run = |more: &[&str]| {
        let args: Vec<&str> = arm.iter().chain(more).copied().collect();
        document(&home, &args)["run"].as_str().unwrap().to_owned()
    };
    let (judged, other) = (run(&["--judge", "main"]), run(&["--judge", "other"]));
    let plain = ["run", "--items", "items.jsonl", "--criteria", "accuracy", "--judge", "main"];
    let without_label = document(&home, &plain)["run"].as_str().unwrap().to_owned();

    let report = document(&home, &["judge", "check", "main"]);
    assert_eq!(report["shutdown_date"], "2027-01-31");
    let hit: Vec<&Value> = report["affected"]["runs"].as_array().unwrap().iter().map(|r| &r["run"]).collect();
    assert_eq!(hit, [&json!(without_label), &json!(judged)], "and not {other}");
    assert_eq!(
        report["affected"]["labels"],
        json!([{"name": "p", "label": "production", "revision": "r1", "runs": [judged]}])
    );
    let text = String::from_utf8(keyed(&home, &["judge", "check", "main"]).stdout).unwrap();
    for words in ["2027-01-31; 2 runs and 1 labels", &judged, "p production -> r1"] {
        assert!(text.contains(words), "{text}");
    }
    let report = document(&home, &["judge", "check", "other"]);
    assert_eq!((&report["shutdown_date"], &report["affected"]["runs"]), (&Value::Null, &json!([])));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retired_judge_is_refused_and_its_runs_say_so() {
    let server = server().await;
    let home = home(&server.uri());
    home.file("items.jsonl", "{\"id\":\"i\",\"prompt\":\"p\",\"response\":\"r\"}\n");
    let start = ["run", "--items", "items.jsonl", "--criteria", "accuracy", "--judge", "main"];
    let run = document(&home, &start);
    let (id, fingerprint) =
        (run["run"].as_str().unwrap().to_owned(), run["judge"]["fingerprint"].as_str().unwrap().to_owned());
    assert_eq!(run["judge"]["retired"], Value::Null);
    home.refuses(&["judge", "retire", "nobody"], 2, &["no run was judged by 'nobody'"]);

    let looked = home.json(&["judge", "retire", "main", "--dry-run"]);
    assert_eq!((&looked["changed"], &looked["fingerprints"][0]["retired"]), (&json!(0), &Value::Null));
    let short: String = fingerprint.chars().take(10).collect();
    let done = home.json(&["judge", "retire", &short, "-m", "too kind"]);
    assert_eq!((&done["changed"], &done["runs"][0]["run"]), (&json!(1), &json!(id)));
    assert_eq!(home.json(&["judge", "retire", "main"])["changed"], 0, "it is so already");

    assert!(home.text(&["runs"]).contains("main (retired judge)"));
    assert!(home.json(&["runs"])["runs"][0]["judge_retired"].is_string());
    assert!(home.json(&["run", "show", &id])["judge"]["retired"].is_string());
    assert!(err(&home.run(&["run", "show", &id])).contains("retired judge"));
    let asked = server.received_requests().await.unwrap().len();
    for args in [&start[..], &["run", "retry", &id]] {
        let out = keyed(&home, args);
        assert_eq!(out.status.code(), Some(2), "{}", err(&out));
        for words in ["was retired on", "too kind", "--undo"] {
            assert!(err(&out).contains(words), "{args:?}: {}", err(&out));
        }
    }
    assert_eq!(server.received_requests().await.unwrap().len(), asked, "it was asked all the same");

    // Under another name it is the same judge: found out once it is asked, before any verdict is stored.
    let url = format!("{}/v1#m", server.uri());
    let out = home.run(&["run", "--items", "items.jsonl", "--criteria", "clarity", "--judge", &url]);
    assert_eq!(out.status.code(), Some(2), "{}", err(&out));
    assert!(err(&out).contains("was retired on"), "{}", err(&out));
    assert_eq!(home.json(&["runs"])["runs"][0]["verdicts"], json!({"scored": 0}));

    home.json(&["judge", "retire", "main", "--undo"]);
    assert_eq!(document(&home, &start)["state"], "complete");
    assert_eq!(home.json(&["fsck"])["ok"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_stood_for_two_judges_is_not_guessed_at() {
    let home = Home::new();
    for (file, judge) in [("one", "a"), ("two", "b")] {
        let verdict = json!({"criterion": "accuracy", "judge": judge, "score": 3});
        let item = json!({"id": "i", "prompt": "p", "response": file, "verdicts": [verdict]});
        home.file(&format!("{file}.jsonl"), item.to_string());
        home.text(&["import", "items", &format!("{file}.jsonl")]);
    }
    let server = server().await;
    home.file(
        ".config/assize/config.toml",
        format!("[judge.a]\nbase_url = \"{}/v1\"\nmodel = \"m\"\n", server.uri()),
    );
    home.text(&["run", "--cases", "one", "--criteria", "accuracy", "--judge", "a"]);
    home.refuses(&["judge", "retire", "a"], 2, &["several judges", "--all"]);
    assert_eq!(home.json(&["judge", "retire", "a", "--all"])["changed"], 2);
    assert_eq!(home.json(&["judge", "retire", "b", "--dry-run"])["runs"][0]["judge_retired"], Value::Null);
}

#[test]
fn a_model_that_its_maker_retired_is_told_by_list_and_plan_and_by_no_other_host() {
    let home = Home::new();
    home.file(
        ".config/assize/config.toml",
        "[judge.old]\nbase_url = \"https://api.openai.com/v1\"\nmodel = \"gpt-4\"\napi_key_env = \"CANARY\"\n\
         [judge.own]\nbase_url = \"http://127.0.0.1:9/v1\"\nmodel = \"gpt-4\"\n",
    );
    home.register("p", "x");
    home.file("items.jsonl", "{\"id\":\"i\",\"prompt\":\"p\",\"response\":\"r\"}\n");
    let retired = "gpt-4 is retired since 2026-10-23, as its maker announced (list of 2026-11-30)";
    let text = home.text(&["judge", "list"]);
    assert!(text.contains(&format!("warning  old: {retired}")) && !text.contains("own: gpt-4"), "{text}");
    let list = home.json(&["judge", "list"]);
    let of =
        |name: &str| list["judges"].as_array().unwrap().iter().find(|j| j["name"] == name).unwrap().clone();
    assert_eq!(of("old")["retirement"]["date"], "2026-10-23");
    assert!(of("old")["retirement"]["source"].as_str().unwrap().contains("developers.openai.com"));
    assert_eq!((&of("own")["retirement"], &of("own")["warning"]), (&Value::Null, &Value::Null));
    let plan = |judge: &str| {
        home.json(&["run", "--items", "items.jsonl", "--criteria", "accuracy", "--judge", judge, "--dry-run"])
    };
    assert_eq!(plan("old")["warnings"], json!([retired]));
    assert_eq!(plan("own")["warnings"], json!([]));
}
