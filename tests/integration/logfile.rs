//! The log file from outside: what it holds, what never reaches it, and that there is none where none is asked for.
use crate::cli_support::{Home, err};
use serde_json::json;
use std::os::unix::fs::PermissionsExt;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

const KEY: &str = "Zq9/secret+of-mine-0123456789";
const HEADER: &str = "gateway-secret-0123456789";
const RESPONSE: &str = "the response nobody else may read";

/// A judge of model `m` that scores 4, and one of model `broken` that repeats the key it was given, in two spellings.
async fn server() -> MockServer {
    let server = MockServer::start().await;
    let verdict =
        json!({"evidence": [], "explanation": "told in words", "injection_suspected": false, "score": 4});
    let reply = json!({
        "model": "m", "choices": [{"message": {"content": verdict.to_string()}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 41, "completion_tokens": 7},
    });
    let answer = move |request: &Request| {
        let sent = request.headers.get("authorization").unwrap().to_str().unwrap().to_owned();
        if String::from_utf8_lossy(&request.body).contains("broken") {
            let escaped = sent.replace('/', "\\/").replace('+', "\\u002B");
            let body = format!("{{\"error\":{{\"message\":\"wrong key: {escaped}\"}}}}");
            return ResponseTemplate::new(401)
                .set_body_raw(body, "application/json")
                .insert_header("x-key", sent.as_str());
        }
        ResponseTemplate::new(200).set_body_json(&reply)
    };
    Mock::given(method("POST")).and(path("/v1/chat/completions")).respond_with(answer).mount(&server).await;
    server
}

fn home(url: &str) -> Home {
    let home = Home::new();
    let judge = |name: &str, model: &str| {
        format!(
            "[judge.{name}]\nbase_url = \"{url}/v1\"\nmodel = \"{model}\"\napi_key_env = \"CANARY\"\n\
             headers = {{ x-gateway = {{ env = \"GATEWAY\" }} }}\nquery = {{ sig = {{ env = \"GATEWAY\" }} }}\n"
        )
    };
    home.file(".config/assize/config.toml", judge("main", "m") + &judge("broken", "broken"));
    home.register("p", "Say {{ x }}");
    home.file("items.jsonl", format!("{}\n", json!({"id": "i", "prompt": "p", "response": RESPONSE})));
    home
}

fn run(home: &Home, judge: &str, log: &str) -> std::process::Output {
    let args = ["run", "--items", "items.jsonl", "--criteria", "accuracy", "--judge", judge];
    let mut command = home.command(&args);
    command.env("CANARY", KEY).env("GATEWAY", HEADER);
    command.args(["--log", log, "--log-level", "debug"]).output().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn it_tells_what_was_done_and_no_key_and_no_text() {
    let server = server().await;
    let home = home(&server.uri());
    let log = home.path().join("assize.log");
    let good = run(&home, "main", "assize.log");
    assert!(good.status.success(), "{}", err(&good));
    let bad = run(&home, "broken", "assize.log");
    assert_eq!(bad.status.code(), Some(5), "{}", err(&bad));
    // A key where an address, a name and an option's value belong.
    for args in [
        ["judge", "check", "http://user:sk-0123456789@127.0.0.1:9/v1?key=sk-0123456789#m"],
        ["get", "p@sk-0123456789abcdef", "--var=x=sk-0123456789"],
    ] {
        let out = home.command(&args).env("ASSIZE_LOG", &log).output().unwrap();
        assert!(!out.status.success());
    }
    let text = std::fs::read_to_string(&log).unwrap();
    for wanted in [
        "# assize log 1\n",
        concat!("a command begins version=\"", env!("CARGO_PKG_VERSION"), "\" schema=7 "),
        "verb=run options=\"--items --criteria --judge --log --log-level\"",
        "a call begins judge=main model=m",
        "a call ended judge=main model=m state=scored ms=",
        "tokens_in=41 tokens_out=7",
        "the command ended exit=0 ms=",
        "the command ended exit=5 ms=",
        "ERROR",
    ] {
        assert!(text.contains(wanted) || text.contains(&wanted.replace('"', "")), "{wanted}\n{text}");
    }
    // None of what was sent, said or given, in any part long enough to be told from other words.
    for never in
        ["Zq9", "of-mine", "gateway-secret", "sk-0123", "nobody else", "told in words", "Bearer", "Say {{"]
    {
        assert!(!text.contains(never), "{never}\n{text}");
    }
    assert_eq!(std::fs::metadata(&log).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn there_is_none_where_none_is_asked_for() {
    let home = Home::new();
    home.register("p", "x");
    let names = |home: &Home| {
        let names = std::fs::read_dir(home.path()).unwrap().map(|e| e.unwrap().file_name());
        names.map(|n| n.to_string_lossy().into_owned()).filter(|n| !n.starts_with('.')).collect::<Vec<_>>()
    };
    assert_eq!(names(&home), [""; 0]);
    // An empty variable asks for nothing.
    assert!(home.command(&["list"]).env("ASSIZE_LOG", "").output().unwrap().status.success());
    assert_eq!(names(&home), [""; 0]);
    assert!(home.command(&["list"]).env("ASSIZE_LOG", "l").output().unwrap().status.success());
    assert_eq!(names(&home), ["l"]);
}

#[test]
fn a_file_that_is_no_log_is_left_as_it_is() {
    let home = Home::new();
    home.register("p", "x");
    home.file("notes.txt", "mine\n");
    let out = home.command(&["list", "--log", "notes.txt"]).output().unwrap();
    assert_eq!(out.status.code(), Some(2));
    assert!(err(&out).contains("cannot write the log") && err(&out).contains("notes.txt"), "{}", err(&out));
    assert_eq!(std::fs::read_to_string(home.path().join("notes.txt")).unwrap(), "mine\n");
    assert_eq!(home.command(&["list", "--log", "no/folder/l"]).output().unwrap().status.code(), Some(2));
}

#[test]
fn a_schema_that_changes_an_exchange_and_a_failure_are_told() {
    let home = Home::new();
    let packed = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/v3.db.lz4");
    let mut bytes = Vec::new();
    let mut plain = lz4_flex::frame::FrameDecoder::new(std::fs::File::open(packed).unwrap());
    std::io::Read::read_to_end(&mut plain, &mut bytes).unwrap();
    home.file(".local/share/assize/registry.db", bytes);
    std::fs::create_dir(home.path().join("team")).unwrap();
    for args in [&["list"][..], &["sync", "team"], &["show", "nothing-there"]] {
        home.command(args).args(["--log", "l"]).output().unwrap();
    }
    let text = std::fs::read_to_string(home.path().join("l")).unwrap();
    for wanted in [
        "the schema is brought up to date path=",
        "from=3 to=7",
        "records were exchanged place=",
        "no prompt",
    ] {
        assert!(text.contains(wanted), "{wanted}\n{text}");
    }
}
