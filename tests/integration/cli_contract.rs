//! The command line as scripts see it: shapes of the JSON, exit codes, exact bytes, refusals.
use serde_json::Value;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn run(&self, args: &[&str], stdin: &[u8]) -> Output {
        let mut child = Command::new(env!("CARGO_BIN_EXE_assize"))
            .args(args)
            .env_clear()
            .env("HOME", self.path())
            .env("PATH", std::env::var("PATH").unwrap())
            .env("USER", "ana")
            .current_dir(self.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A program that refuses early may not read its input.
        let _ = child.stdin.take().unwrap().write_all(stdin);
        child.wait_with_output().unwrap()
    }

    fn json(&self, args: &[&str], stdin: &[u8]) -> Value {
        let args: Vec<&str> = args.iter().copied().chain(["--json"]).collect();
        let out = self.run(&args, stdin);
        assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
        serde_json::from_slice(&out.stdout).unwrap()
    }

    /// A refusal: its exit code, its words; stdout is empty.
    fn refused(&self, args: &[&str], stdin: &[u8]) -> (i32, String) {
        let out = self.run(args, stdin);
        assert!(out.stdout.is_empty(), "{args:?}: {}", String::from_utf8_lossy(&out.stdout));
        (out.status.code().unwrap(), String::from_utf8_lossy(&out.stderr).into_owned())
    }
}

/// The shape of a document: its keys and the kinds of its values.
fn shape(value: &Value) -> Value {
    match value {
        Value::Object(map) => map.iter().map(|(k, v)| (k.clone(), shape(v))).collect(),
        Value::Array(list) => Value::Array(list.first().map(shape).into_iter().collect()),
        Value::String(_) => "text".into(),
        Value::Number(_) => "number".into(),
        Value::Bool(_) => "true or false".into(),
        Value::Null => "null".into(),
    }
}

fn items() -> String {
    let mut lines = String::new();
    for i in 0..12 {
        for (arm, score) in [("base", 3), ("cand", 3 + i % 2)] {
            let verdict = serde_json::json!({"criterion": "accuracy", "judge": "j", "repeat": 0, "score": score, "explanation": "because"});
            let item = serde_json::json!({"id": format!("c{i}"), "arm": arm, "prompt": "Say hello.", "response": format!("hello {i} {arm}"), "verdicts": [verdict]});
            lines += &format!("{item}\n");
        }
    }
    lines
}

const RUBRIC: &str = "name = \"r\"\n[[criteria]]\nname = \"a\"\nquestion = \"?\"\nanchors = [\"1\", \"2\", \"3\", \"4\", \"5\"]\n";

/// Verbs that take files, change what is there, or need a run of several passes.
fn record_the_rest(home: &Home, run: &str, record: &mut dyn FnMut(&str, Value)) {
    std::fs::write(
        home.path().join("cases.jsonl"),
        "{\"id\":\"a\",\"vars\":{\"x\":\"1\"},\"tags\":[\"t\"]}\n",
    )
    .unwrap();
    std::fs::write(home.path().join("responses.jsonl"), "{\"case\":\"a\",\"arm\":\"m\",\"text\":\"t\"}\n")
        .unwrap();
    std::fs::write(home.path().join("r.toml"), RUBRIC).unwrap();
    let digest = home.json(&["show", "p@r1"], b"")["digest"].as_str().unwrap().to_owned();
    let short: String = digest.chars().take(8).collect();
    let forget: [&str; 4] = ["forget", &digest, "--confirm", &short];
    let more: [(&str, &[&str]); 32] = [
        ("tokens", &["tokens", "p", "--var", "x=1", "--var", "y=2"]),
        ("get, with variables", &["get", "p", "--var", "x=1", "--var", "y=2"]),
        ("log --events", &["log", "p", "--events"]),
        ("import prompts", &["import", "prompts", "all.jsonl"]),
        ("import cases", &["import", "cases", "cases.jsonl", "--set", "s"]),
        ("import responses", &["import", "responses", "responses.jsonl", "--set", "s"]),
        ("cases show", &["cases", "show", "s"]),
        ("rubric add", &["rubric", "add", "r.toml"]),
        ("rubric show", &["rubric", "show", "r"]),
        ("run", &["run", "--cases", "items", "--criteria", "accuracy", "--judge", "recorded"]),
        (
            "run --dry-run",
            &["run", "--cases", "items", "--criteria", "accuracy", "--judge", "recorded", "--dry-run"],
        ),
        ("label undo", &["label", "undo", "p", "staging"]),
        ("label rm", &["label", "rm", "p", "production"]),
        ("label protect", &["label", "protect", "production"]),
        ("label unprotect", &["label", "unprotect", "production", "--confirm", "production"]),
        ("tag", &["tag", "p", "t"]),
        ("describe", &["describe", "p", "a line"]),
        ("copy", &["copy", "p", "q"]),
        ("rename", &["rename", "q", "q2"]),
        ("archive", &["archive", "q2"]),
        ("unarchive", &["unarchive", "q2"]),
        ("mode rename", &["mode", "rename", "none", "other"]),
        ("judge retire", &["judge", "retire", "j"]),
        ("backup", &["backup", "copy.db"]),
        ("forget", &forget),
        ("demo", &["demo"]),
        ("doctor", &["doctor"]),
        ("review import", &["review", "import", "reviews.jsonl"]),
        ("review pack", &["review", "pack", run, "--for", "bea", "--out", "bea.assize"]),
        ("review take", &["review", "take", "bea.assize"]),
        ("restore", &["restore", "copy.db", "--registry", "other.db"]),
        ("sync", &["sync", "place"]),
    ];
    std::fs::create_dir(home.path().join("place")).unwrap();
    record("export", home.json(&["export", "--out", "all.jsonl"], b""));
    let reviews = home.run(&["review", "export", run], b"").stdout;
    std::fs::write(home.path().join("reviews.jsonl"), reviews).unwrap();
    for (title, args) in more {
        record(title, home.json(args, b""));
    }
    let passes: String = (0..4)
        .map(|i| {
            let verdict = |n| serde_json::json!({"criterion": "accuracy", "judge": "thrice", "repeat": n, "score": 2 + (i + n) % 3});
            let other = serde_json::json!({"criterion": "accuracy", "judge": "another", "score": 4});
            let verdicts: Vec<Value> = (0..3).map(verdict).chain([other]).collect();
            serde_json::json!({"id": i, "prompt": "p", "response": format!("r{i}"), "verdicts": verdicts}).to_string() + "\n"
        })
        .collect();
    let run =
        home.json(&["import", "items", "-", "--set", "passes"], passes.as_bytes())["runs"][0]["run"].clone();
    let run = run.as_str().unwrap();
    record("run noise", home.json(&["run", "noise", run], b""));
    home.json(&["review", "add", run, "--item", "0", "--score", "4"], b"");
    record("agreement --judges", home.json(&["agreement", "--judges"], b""));
}

/// Verbs that ask a judge: one that says the same to every question.
fn record_what_asks(home: &Home, record: &mut dyn FnMut(&str, Value)) {
    use wiremock::{Mock, MockServer, ResponseTemplate, matchers};
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let verdict = serde_json::json!({"evidence": ["hello"], "explanation": "x", "injection_suspected": false, "score": 3, "winner": "first"});
    let reply = serde_json::json!({
        "model": "m-1", "choices": [{"message": {"content": verdict.to_string()}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 3},
    });
    let server = runtime.block_on(async {
        let server = MockServer::start().await;
        let models = serde_json::json!({"data": [{"id": "m", "shutdown_date": "2027-01-31"}]});
        for (verb, body) in [("POST", reply), ("GET", models)] {
            let answer = ResponseTemplate::new(200).set_body_json(body);
            Mock::given(matchers::method(verb)).respond_with(answer).mount(&server).await;
        }
        server
    });
    let url = format!("{}/v1#m", server.uri());
    let pairs =
        ["run", "pairwise", "base", "cand", "--cases", "items", "--criteria", "accuracy", "--judge", &url];
    let with =
        |more: &'static [&'static str]| pairs.iter().copied().chain(more.iter().copied()).collect::<Vec<_>>();
    record("run pairwise --dry-run", home.json(&with(&["--dry-run"]), b""));
    record("run pairwise", home.json(&pairs, b""));
    record("run pairwise --items", home.json(&with(&["--items"]), b""));
    record("try", home.json(&["try", "-", "--model", &url], b"hello"));
    record("judge check", home.json(&["judge", "check", &url], b""));
    // The label on `passes` answered the bare name: under a wording of one's own it is stale.
    let anchors: String = (1..=5).map(|n| format!("{n} = \"level {n}\"\n")).collect();
    let rubric = format!(
        "name = \"r\"\n[[criteria]]\nname = \"accuracy\"\nquestion = \"Is it right?\"\n[criteria.anchors]\n{anchors}"
    );
    std::fs::write(home.path().join("r.toml"), rubric).unwrap();
    let judged = home.json(&["run", "--cases", "passes", "--rubric", "./r.toml", "--judge", &url], b"");
    record("review renew", home.json(&["review", "renew", judged["run"].as_str().unwrap()], b""));
    // A judge that likes all the same is unfit, and said so by the exit code.
    let out = home.run(&["judge", "check", &url, "--stress", "--json"], b"");
    assert_eq!(out.status.code(), Some(1));
    record("judge check --stress", serde_json::from_slice(&out.stdout).unwrap());
}

#[test]
fn documents_have_the_shapes_that_the_page_records() {
    let home = Home::new();
    std::fs::write(home.path().join("items.jsonl"), items()).unwrap();
    let mut page = String::from(
        "# JSON of the command line\n\nEach verb's document, its values replaced by their kinds. Made from the program's own output;\n`UPDATE_DOCS=1 cargo test --test integration cli_contract` writes it anew.\n",
    );
    let mut record = |title: &str, value: Value| {
        assert_eq!(value["schema"], 1, "{title}");
        page += &format!(
            "\n## {title}\n\n```json\n{}\n```\n",
            serde_json::to_string_pretty(&shape(&value)).unwrap()
        );
    };
    record(
        "register",
        home.json(&["register", "p", "-", "-m", "first", "--label", "production"], b"one {{ x }}\n"),
    );
    home.json(&["register", "p", "-"], b"two {{ x }} {{ y }}\n");
    record("get", home.json(&["get", "p"], b""));
    record("list", home.json(&["list"], b""));
    record("log", home.json(&["log", "p"], b""));
    record("show", home.json(&["show", "p"], b""));
    record("search", home.json(&["search", "two"], b""));
    record("diff", home.json(&["diff", "p@r1", "p@r2"], b""));
    record("blame", home.json(&["blame", "p"], b""));
    record("label set", home.json(&["label", "set", "p", "staging", "r2"], b""));
    record("label log", home.json(&["label", "log", "p"], b""));
    record("import items", home.json(&["import", "items", "items.jsonl"], b""));
    record("import", home.json(&["import", "-", "--set", "q"], b"{\"q\":1,\"answer\":NaN}\n[1]\n"));
    record("import --as list", home.json(&["import", "--as", "list"], b""));
    record("cases list", home.json(&["cases", "list"], b""));
    record("runs", home.json(&["runs"], b""));
    let run = home.json(&["runs"], b"")["runs"][0]["run"].as_str().unwrap().to_owned();
    record("run show", home.json(&["run", "show", &run], b""));
    record("run show --items", home.json(&["run", "show", &run, "--items"], b""));
    record("run compare", home.json(&["run", "compare", "base", "cand"], b""));
    record("gate", home.json(&["gate", "--baseline", "base", "--candidate", "cand", "--margin", "4"], b""));
    record("rubric list", home.json(&["rubric", "list"], b""));
    record(
        "review add",
        home.json(&["review", "add", &run, "--item", "0", "--score", "4", "--mode", "none"], b""),
    );
    record("review next", home.json(&["review", "next", &run], b""));
    record("agreement", home.json(&["agreement"], b""));
    record("trends", home.json(&["trends"], b""));
    record("trends NAME", home.json(&["trends", "p"], b""));
    record("mode list", home.json(&["mode", "list"], b""));
    record("mode criterion", home.json(&["mode", "criterion", "none", "--run", &run], b""));
    record("judge list", home.json(&["judge", "list"], b""));
    record("config show", home.json(&["config", "show"], b""));
    record("fsck", home.json(&["fsck"], b""));
    record_the_rest(&home, &run, &mut record);
    record_what_asks(&home, &mut record);
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/json.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&file, &page).unwrap();
    }
    assert_eq!(
        std::fs::read_to_string(&file).unwrap_or_default(),
        page,
        "run UPDATE_DOCS=1 cargo test --test integration cli_contract"
    );
}

#[test]
fn registering_follows_the_contract_to_the_letter() {
    let home = Home::new();
    let first = home.json(&["register", "p", "-"], b"test");
    assert_eq!(
        (first["revision"].as_u64(), first["version"].as_str(), first["new"].as_bool()),
        (Some(1), Some("9f86d081"), Some(true))
    );
    assert_eq!(first["digest"], "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08");
    assert_eq!(home.json(&["register", "p", "-"], b"test")["new"], false);
    let text = home.run(&["register", "q", "-"], b"test");
    assert_eq!(text.stdout, b"q r1 9f86d081\n");
    let awkward = "a\r\n\u{1b}[31m\u{202e} e\u{301}\u{feff} no newline".as_bytes();
    home.json(&["register", "q", "-"], awkward);
    assert_eq!(home.run(&["get", "q"], b"").stdout, awkward);
    assert_eq!(home.json(&["log", "q"], b"")["revisions"][0]["revision"], 2);
}

#[test]
fn bad_input_is_refused_whole_with_the_place_of_the_fault() {
    let home = Home::new();
    home.json(&["register", "p", "-"], b"You are a careful reviewer. Case 201779.");
    home.json(&["register", "p", "-"], b"You are a careful reviewer. Case 244046.");
    let says = |args: &[&str], stdin: &[u8], code: i32, words: &[&str]| {
        let (found, text) = home.refused(args, stdin);
        assert_eq!(found, code, "{args:?}: {text}");
        for word in words {
            assert!(text.contains(word), "{args:?}: {text}");
        }
    };
    says(&["get", "p@e6247467"], b"", 2, &["several versions", "r1", "r2"]);
    says(&["get", "nothing"], b"", 2, &["no prompt is named 'nothing'"]);
    says(&["get", "p@nolabel"], b"", 2, &["nolabel"]);
    says(&["register", "p", "-"], b"bad \xff byte", 2, &["UTF-8"]);
    says(&["register", "No Name", "-"], b"x", 2, &["not a prompt name"]);
    says(&["import", "items", "-", "--set", "s"], b"", 2, &[]);
    let twice = b"{\"id\":\"a\",\"prompt\":\"p\",\"response\":\"one\"}\n{\"id\":\"a\",\"prompt\":\"p\",\"response\":\"two\"}\n";
    says(&["import", "items", "-", "--set", "s"], twice, 2, &["'a'", "other content"]);
    says(&["import", "prompts", "-"], b"{\"name\":\"ok\",\"template\":\"x\"}\n{broken\n", 2, &["2"]);
    assert_eq!(
        home.json(&["list"], b"")["prompts"].as_array().unwrap().len(),
        1,
        "a broken line changed something"
    );
    std::fs::write(
        home.path().join("r.toml"),
        "name = \"r\"\n[[criteria]]\nname = \"a\"\nquestion = \"?\"\n",
    )
    .unwrap();
    says(&["rubric", "add", "r.toml"], b"", 2, &["anchors"]);
    says(&["label", "set", "p", "production", "r1", "--expect", "r2"], b"", 4, &["not set"]);
    std::fs::write(home.path().join("items.jsonl"), items()).unwrap();
    let down =
        ["run", "--items", "items.jsonl", "--criteria", "accuracy", "--judge", "http://127.0.0.1:9/v1#m"];
    let out = home.run(&down, b"");
    assert_eq!(out.status.code(), Some(5), "{}", String::from_utf8_lossy(&out.stderr));
}

#[test]
fn a_history_round_trips_without_loss() {
    let home = Home::new();
    for text in ["a", "b", "a"] {
        home.json(&["register", "p", "-", "-m", text], text.as_bytes());
    }
    assert!(home.run(&["export", "--out", "all.jsonl"], b"").status.success());
    let other = Home::new();
    std::fs::copy(home.path().join("all.jsonl"), other.path().join("all.jsonl")).unwrap();
    assert!(other.run(&["import", "prompts", "all.jsonl"], b"").status.success());
    let digests = |h: &Home| -> Vec<String> {
        let log = h.json(&["log", "p"], b"");
        log["revisions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|r| format!("{} {} {}", r["revision"], r["digest"], r["message"]))
            .collect()
    };
    assert_eq!(digests(&home), digests(&other));
    let again = other.json(&["import", "prompts", "all.jsonl"], b"");
    assert_eq!((again["new"].as_u64(), again["known"].as_u64()), (Some(0), Some(3)));
}

#[test]
fn diff_exits_with_one_for_a_difference_when_asked_and_patch_accepts_it() {
    let home = Home::new();
    home.json(&["register", "p", "-"], b"one\ntwo\nthree\n");
    home.json(&["register", "p", "-"], b"one\n2\nthree");
    assert_eq!(home.run(&["diff", "p@r1", "p@r2", "--exit-code"], b"").status.code(), Some(1));
    assert_eq!(home.run(&["diff", "p@r1", "p@r1", "--exit-code"], b"").status.code(), Some(0));
    let patch = home.run(&["diff", "p@r1", "p@r2", "--unified"], b"");
    std::fs::write(home.path().join("f"), "one\ntwo\nthree\n").unwrap();
    std::fs::write(home.path().join("d.patch"), &patch.stdout).unwrap();
    match Command::new("patch").args(["f", "d.patch"]).current_dir(home.path()).output() {
        Ok(done) => {
            assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
            assert_eq!(std::fs::read(home.path().join("f")).unwrap(), b"one\n2\nthree");
        }
        Err(_) => eprintln!("SKIPPED: the program patch is not installed"),
    }
}

#[test]
fn every_verb_has_help_with_an_example() {
    fn walk(command: &clap::Command, path: &str) {
        for sub in command.get_subcommands().filter(|s| s.get_name() != "help") {
            let path = format!("{path} {}", sub.get_name());
            let text = sub.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(text.contains("assize "), "{path} has no example");
            walk(sub, &path);
        }
    }
    walk(&assize::cli::grammar(), "assize");
}
