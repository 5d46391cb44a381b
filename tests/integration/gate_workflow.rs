//! The workflow file of docs/gate.md is YAML, and its steps do what they say: they are run, in order, in a fresh home
//! against a judge on this machine.
use crate::cli_support::Home;
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use wiremock::matchers::method;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

const PAGE: &str = include_str!("../../docs/gate.md");

fn workflow() -> String {
    let (_, after) = PAGE.split_once("```yaml\n").unwrap();
    after.split_once("\n```").unwrap().0.to_owned()
}

/// Writes "short" for the prompt that says so and "long" for the other; the judge scores "long" 1 and "short" 4.
fn answer(request: &Request) -> ResponseTemplate {
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    let said = body["messages"].to_string();
    let content = if body["model"] == "some-model" {
        let word = if said.contains("briefly") { "a short summary" } else { "a long summary" };
        word.to_owned()
    } else {
        let score = if said.contains("a long summary") { 1 } else { 4 };
        json!({"evidence": [], "explanation": "As it is.", "injection_suspected": false, "score": score})
            .to_string()
    };
    ResponseTemplate::new(200).set_body_json(json!({
        "id": "x", "object": "chat.completion", "model": body["model"],
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": content}}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    }))
}

fn git(home: &Path, args: &[&str]) {
    let done = Command::new("git")
        .args(["-c", "user.name=a", "-c", "user.email=a@b.c"])
        .args(args)
        .current_dir(home)
        .env("HOME", home)
        .output();
    assert!(done.unwrap().status.success(), "git {args:?}");
}

/// A repository whose main branch has one prompt and whose working tree has another.
fn stage(home: &Home, base: &str, change: &str) {
    home.file("prompts/summary.txt", base);
    let cases: String = (0..12)
        .map(|i| json!({"id": format!("c{i}"), "vars": {"ticket": format!("t{i}")}}).to_string() + "\n")
        .collect();
    home.file("tests/cases.jsonl", cases);
    let anchors = "1 = \"a\"\n2 = \"b\"\n3 = \"c\"\n4 = \"d\"\n5 = \"e\"\n";
    home.file(
        "tests/rubric.toml",
        format!("name = \"summary\"\n[[criteria]]\nname = \"brevity\"\nquestion = \"Is it brief?\"\n[criteria.anchors]\n{anchors}"),
    );
    git(home.path(), &["init", "-q", "-b", "main"]);
    git(home.path(), &["add", "prompts", "tests"]);
    git(home.path(), &["commit", "-q", "-m", "first"]);
    git(home.path(), &["update-ref", "refs/remotes/origin/main", "HEAD"]);
    home.file("prompts/summary.txt", change);
}

/// Runs the steps of the job; the exit code of the first that fails, and its name.
fn run_steps(home: &Home, url: &str) -> (i32, String) {
    let file: Value = serde_saphyr::from_str(&workflow()).unwrap();
    assert!(file["on"]["pull_request"]["paths"].is_array(), "{file}");
    let bin = Path::new(env!("CARGO_BIN_EXE_assize")).parent().unwrap().to_owned();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let steps = file["jobs"]["gate"]["steps"].as_array().unwrap();
    assert!(steps.len() >= 7);
    for step in steps {
        let Some(script) = step["run"].as_str() else { continue };
        let out = Command::new("bash")
            .args(["-e", "-c", &script.replace("https://api.example.com/v1", url)])
            .current_dir(home.path())
            .env_clear()
            .env("HOME", home.path())
            .env("PATH", &path)
            .env("ASSIZE_REGISTRY", home.path().join(".assize/registry.db"))
            .env("EXAMPLE_API_KEY", "k")
            .env("GITHUB_BASE_REF", "main")
            .env("GITHUB_SHA", "abc")
            .env("GITHUB_STEP_SUMMARY", home.path().join("summary.md"))
            .output()
            .unwrap();
        let name = step["name"].as_str().unwrap().to_owned();
        if !out.status.success() {
            eprintln!("{name}: {}", String::from_utf8_lossy(&out.stderr));
            return (out.status.code().unwrap(), name);
        }
    }
    (0, String::new())
}

async fn judged(base: &str, change: &str) -> ((i32, String), Home) {
    let server = MockServer::start().await;
    Mock::given(method("POST")).respond_with(answer).mount(&server).await;
    let home = Home::new();
    stage(&home, base, change);
    let url = format!("{}/v1", server.uri());
    let done = tokio::task::spawn_blocking(move || (run_steps(&home, &url), home)).await;
    done.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_documented_workflow_stops_a_worse_prompt_and_lets_a_better_one_through() {
    let (long, short) = ("Summarise {{ ticket }}.\n", "Summarise {{ ticket }} briefly.\n");
    let (done, home) = judged(short, long).await;
    assert_eq!(done, (1, "Gate".into()));
    let xml = std::fs::read_to_string(home.path().join("gate.xml")).unwrap();
    assert!(xml.contains("failures=\"1\" errors=\"0\""), "{xml}");
    let summary = std::fs::read_to_string(home.path().join("summary.md")).unwrap();
    assert!(
        summary.starts_with("### Gate failed") && summary.contains("| brevity | fail | -3.00 |"),
        "{summary}"
    );
    let (done, _home) = judged(long, short).await;
    assert_eq!(done, (0, String::new()));
}

#[test]
fn enough_cases_must_be_checked_by_people_where_that_is_asked() {
    let home = Home::new();
    let mut lines = String::new();
    for i in 0..80 {
        for arm in ["base", "cand"] {
            let verdict = json!({"criterion": "accuracy", "judge": "j", "score": 3, "explanation": "x"});
            let item = json!({"id": format!("c{i}"), "arm": arm, "prompt": "p", "response": format!("{arm} {i}"), "verdicts": [verdict]});
            lines += &format!("{item}\n");
        }
    }
    home.file("i.jsonl", lines);
    home.text(&["import", "items", "i.jsonl"]);
    let gate = |more: &[&str]| {
        let args: Vec<&str> =
            ["gate", "--baseline", "base", "--candidate", "cand"].iter().chain(more).copied().collect();
        let out = home.run(&args);
        (out.status.code().unwrap(), String::from_utf8(out.stdout).unwrap())
    };
    assert_eq!(gate(&[]).0, 0);
    let (code, text) = gate(&["--require-human", "1"]);
    assert_eq!(code, 3);
    assert!(text.contains("0 cases reviewed by a human, 1 needed"), "{text}");
    let run = home.json(&["runs"])["runs"][0]["run"].as_str().unwrap().to_owned();
    // Two scores of one case are one case that was checked.
    for (item, who) in [("0", "ana"), ("0", "ben")] {
        home.text(&["review", "add", &run, "--item", item, "--score", "3", "--as", who]);
    }
    assert_eq!(gate(&["--require-human", "1"]).0, 0);
    assert_eq!(gate(&["--require-human", "2"]).0, 3);
    let text = gate(&["--markdown", "-"]).1;
    assert!(text.starts_with("### Gate passed"), "{text}");
    assert!(text.contains("| 1 |"), "{text}");
}

/// A prompt `p` whose r2 is judged worse than its r1 and whose r3 is judged better; r4 was not judged.
fn judged_prompt() -> Home {
    let home = Home::new();
    for text in ["first", "worse", "better", "unjudged"] {
        home.register("p", text);
    }
    let mut lines = String::new();
    for i in 0..80 {
        for (arm, score) in [("p@r1", 3), ("p@r2", 1), ("p@r3", 4)] {
            let verdict = json!({"criterion": "accuracy", "judge": "j", "score": score, "explanation": "x"});
            let item = json!({"id": format!("c{i}"), "arm": arm, "prompt": "p", "response": format!("{arm} {i}"), "verdicts": [verdict]});
            lines += &format!("{item}\n");
        }
    }
    home.file("i.jsonl", lines);
    home.text(&["import", "items", "i.jsonl"]);
    home
}

#[test]
fn a_label_that_asks_for_a_gate_moves_only_to_what_passes_it_and_can_always_be_taken_back() {
    let home = judged_prompt();
    home.text(&["label", "protect", "production", "--gate", "0.2"]);
    let set = |to: &str, more: &[&str]| {
        let args: Vec<&str> = ["label", "set", "p", "production", to].iter().chain(more).copied().collect();
        let out = home.run(&args);
        (out.status.code().unwrap(), crate::cli_support::err(&out))
    };
    let at = || home.json(&["list"])["prompts"][0]["labels"]["production"].clone();
    let named = ["--confirm", "production"];
    // Where it stands nowhere yet there is nothing to hold against: its name is enough.
    assert_eq!(set("r1", &[]).0, 2);
    assert_eq!(set("r1", &named).0, 0);
    let (code, said) = set("r2", &named);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("stays at r1") && said.contains("accuracy"), "{said}");
    let (code, said) = set("r4", &named);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("no judged arm is named 'p@r4'"), "{said}");
    assert_eq!(at(), "r1");
    assert_eq!(set("r3", &named).0, 0);
    assert_eq!(at(), "r3");
    // The way back asks for no evidence.
    home.text(&["label", "undo", "p", "production", "--confirm", "production"]);
    assert_eq!(at(), "r1");
}

#[test]
fn no_way_leads_round_a_labels_gate() {
    let home = judged_prompt();
    let does = |line: &str| {
        let out = home.run(&line.split(' ').collect::<Vec<_>>());
        (out.status.code().unwrap(), crate::cli_support::err(&out))
    };
    let refused = |line: &str, code: i32| {
        let (found, said) = does(line);
        assert_eq!(found, code, "{line}: {said}");
        assert!(said.contains("production"), "{line}: {said}");
    };
    let done = |line: &str| {
        let (found, said) = does(line);
        assert_eq!(found, 0, "{line}: {said}");
    };
    let named = "--confirm production";
    done("label set p production r1");
    done("label protect production --gate 0.2");
    // What guards it is changed by nobody in passing, and in the same way it may be asked for again.
    done("label protect production --gate 0.2");
    for line in
        ["label protect production", "label protect production --gate 5", "label unprotect production"]
    {
        refused(line, 2);
        refused(&format!("{line} --confirm staging"), 2);
    }
    for line in ["label rm p production", "archive p", "rename p q", "label undo p"] {
        refused(line, 2);
    }
    for line in ["archive p", "rename p q", "label undo p"] {
        refused(&format!("{line} --confirm staging"), 2);
    }
    // Taken off and set again, it is held against where it stood.
    done(&format!("label rm p production {named}"));
    refused(&format!("label set p production r2 {named}"), 1);
    refused(&format!("label set p production r4 {named}"), 2);
    done(&format!("label set p production r3 {named}"));
    // Each of these is a decision that somebody puts a name to, and an event.
    let log = || home.json(&["log", "p", "--events"])["events"].as_array().map_or(0, Vec::len);
    let before = log();
    done(&format!("label protect production --gate 0.5 {named} --author ana -m why"));
    done(&format!("rename p q {named}"));
    done(&format!("rename q p {named}"));
    done(&format!("archive p {named}"));
    done("unarchive p");
    assert_eq!(log(), before + 4);
    done(&format!("label unprotect production {named}"));
    done("rename p q");
    done("label set q production r2");
    assert_eq!(home.json(&["fsck"])["faults"].as_array().map(Vec::len), Some(0));
    let events = guards(&home);
    assert_eq!(events, ["protected", "protected", "unprotected"]);
}

/// What happened to labels themselves, in order.
fn guards(home: &Home) -> Vec<String> {
    let conn = rusqlite::Connection::open(home.path().join(".local/share/assize/registry.db")).unwrap();
    let sql = "SELECT kind FROM event WHERE prompt_id IS NULL AND kind LIKE '%protected' ORDER BY id";
    let mut stmt = conn.prepare(sql).unwrap();
    stmt.query_map([], |r| r.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
}
