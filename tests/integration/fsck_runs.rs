//! What is kept about a run beside its verdicts: `fsck` names what no run can come to, and nothing of what runs do.
use crate::cli_support::Home;
use serde_json::{Value, json};
use wiremock::matchers::method;
use wiremock::{Mock, MockServer, ResponseTemplate};

fn faults(home: &Home) -> Vec<String> {
    let out = home.run(&["fsck", "--json"]);
    let report: Value = serde_json::from_slice(&out.stdout).unwrap();
    report["faults"].as_array().unwrap().iter().map(|f| f["what"].as_str().unwrap().to_owned()).collect()
}

fn change(home: &Home, set: &str) {
    let path = home.path().join(".local/share/assize/registry.db");
    rusqlite::Connection::open(path).unwrap().execute_batch(&format!("UPDATE run_state SET {set}")).unwrap();
}

/// A registry with a run of four items against a judge with a price; the server's answers cost 10 and 5 tokens.
async fn stage(answers: usize) -> (Home, MockServer) {
    let server = MockServer::start().await;
    let content =
        json!({"evidence": [], "explanation": "x", "injection_suspected": false, "score": 4}).to_string();
    let body = json!({"model": "m", "choices": [{"message": {"content": content}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5}});
    let good = Mock::given(method("POST")).respond_with(ResponseTemplate::new(200).set_body_json(body));
    good.up_to_n_times(answers as u64).mount(&server).await;
    let refused = json!({"error": {"message": "Incorrect API key provided", "code": "invalid_api_key"}});
    let bad = Mock::given(method("POST")).respond_with(ResponseTemplate::new(401).set_body_json(refused));
    bad.mount(&server).await;
    let home = Home::new();
    let config = format!(
        "[judge.j]\nbase_url = \"{}/v1\"\nmodel = \"m\"\nprice_in = 1.0\nprice_out = 2.0\nconcurrency = 1\n",
        server.uri()
    );
    home.file(".config/assize/config.toml", config);
    let line = |i: usize| {
        json!({"id": format!("c{i}"), "prompt": "p", "response": format!("r{i}")}).to_string() + "\n"
    };
    home.file("i.jsonl", (0..4).map(line).collect::<String>());
    home.run(&["run", "--items", "i.jsonl", "--criteria", "accuracy", "--judge", "j", "--repeats", "2"]);
    (home, server)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_state_or_an_account_that_cannot_be_is_named() {
    let (home, _server) = stage(100).await;
    assert_eq!(faults(&home), Vec::<String>::new());
    let row: (String, String) = {
        let conn = rusqlite::Connection::open(home.path().join(".local/share/assize/registry.db")).unwrap();
        conn.query_row("SELECT usage, finished_at FROM run_state", [], |r| Ok((r.get(0)?, r.get(1)?)))
            .unwrap()
    };
    for (set, words) in [
        ("usage = '{}'", "0 prompt tokens"),
        ("usage = json_set(usage, '$.prompt_tokens', 79)", "79 prompt tokens"),
        ("usage = json_set(usage, '$.completion_tokens', NULL)", "0 completion tokens"),
        ("usage = json_set(usage, '$.cost_usd', 0.00001)", "0.00001 USD"),
        ("usage = 'nothing'", "state cannot be read"),
        ("state = 'partial'", "names no reason"),
        ("state = 'stopped'", "names no reason"),
        ("state = 'running'", "writer"),
        ("reason = 'cancelled'", "names a reason"),
        ("holder = '1@x'", "writer"),
        ("state = 'stopped', reason = 'x', finished_at = NULL", "never ended"),
    ] {
        change(&home, set);
        let found = faults(&home);
        assert!(found.iter().any(|f| f.contains(words)), "{set}: {found:?}");
        change(
            &home,
            &format!(
                "usage = '{}', state = 'complete', reason = '', holder = NULL, finished_at = '{}'",
                row.0, row.1
            ),
        );
        assert_eq!(faults(&home), Vec::<String>::new(), "after {set}");
    }
    // More than its verdicts used is possible: retries and re-asks cost too.
    change(&home, "usage = json_set(usage, '$.prompt_tokens', 9999, '$.cost_usd', 9.5)");
    assert_eq!(faults(&home), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_lacks_verdicts_is_not_complete() {
    // The key is refused in the middle: the run stops with a part of its verdicts.
    let (home, _server) = stage(4).await;
    let run = home.json(&["runs"])["runs"][0].clone();
    assert_ne!(run["state"], "complete", "{run}");
    assert_eq!(faults(&home), Vec::<String>::new());
    change(&home, "state = 'complete', reason = ''");
    let found = faults(&home);
    assert!(found.iter().any(|f| f.contains("of 8 verdicts are there")), "{found:?}");
}
