//! Searches with filters, on the command line and while typing on the screen; and on a hundred thousand revisions.

use crate::cli_support::Home;
use assize::config::Config;
use assize::core::prompt::Template;
use assize::core::search_query::Find;
use assize::store::{NewRevision, Store};
use assize::tui::testing::Harness;
use assize::tui::theme::Theme;
use serde_json::json;

/// Three prompts by two authors; one judged low, one commented on.
fn home() -> Home {
    let home = Home::new();
    let add = |name: &str, text: &str, author: &str, message: &str| {
        let out = home.feed(&["register", name, "-", "--author", author, "-m", message], text);
        assert!(out.status.success());
    };
    add("a", "Write step by step about {{ topic }}.\n", "Ana Maria", "first");
    add("a", "Write step by step about {{ subject }}.\n", "Bob", "other variable");
    add("b", "Answer step by step.\n", "Bob", "zebra crossing");
    home.text(&["label", "set", "a", "production", "r1"]);
    let old =
        json!({"name": "old", "template": "step by step, long ago", "created_at": "2020-01-01T00:00:00Z"});
    home.file("old.jsonl", format!("{old}\n"));
    home.text(&["import", "prompts", "old.jsonl"]);
    let item = |arm: &str, score: u8, why: &str| {
        let verdict =
            json!({"criterion": "clarity", "judge": "j", "repeat": 0, "score": score, "explanation": why});
        json!({"id": "c1", "arm": arm, "prompt": "p", "response": "r", "verdicts": [verdict]}).to_string()
    };
    let items = [item("b@r1+m", 2, "It rambles like a giraffe."), item("a@r2+m", 5, "Crisp.")].join("\n");
    home.file("items.jsonl", items);
    home.text(&["import", "items", "items.jsonl"]);
    home
}

fn hits(home: &Home, query: &[&str]) -> Vec<String> {
    let found = home.json(&[&["search"], query].concat());
    let line = |h: &serde_json::Value| format!("{} r{}", h["name"].as_str().unwrap(), h["revision"]);
    let mut lines: Vec<String> = found["hits"].as_array().unwrap().iter().map(line).collect();
    lines.sort();
    lines
}

#[test]
fn each_filter_chooses_revisions_alone_and_with_words() {
    let home = home();
    assert_eq!(hits(&home, &["step by step", "label:production"]), ["a r1"]);
    assert_eq!(hits(&home, &["label:production"]), ["a r1"]);
    assert_eq!(hits(&home, &["step", "author:bob"]), ["a r2", "b r1"]);
    assert_eq!(hits(&home, &["author:\"ana maria\""]), ["a r1"]);
    assert_eq!(hits(&home, &["step", "changed:>1y"]), ["old r1"]);
    assert_eq!(hits(&home, &["step", "changed:<7d"]), ["a r1", "a r2", "b r1"]);
    assert_eq!(hits(&home, &["var:topic"]), ["a r1"]);
    assert_eq!(hits(&home, &["var:subject", "step"]), ["a r2"]);
    // A word of the message, and nothing in the template.
    assert_eq!(hits(&home, &["zebra"]), ["b r1"]);
    assert_eq!(hits(&home, &["zebra", "in:template"]), [""; 0]);
    assert_eq!(hits(&home, &["step", "label:nowhere"]), [""; 0]);
    assert_eq!(hits(&home, &["score:<3", "criterion:clarity"]), [""; 0], "an imported arm is no revision");
    home.refuses(&["search", "changed:soon"], 2, &["changed:soon says nothing", "changed:<7d"]);
    home.refuses(&["search", "\"\""], 2, &["nothing to search for"]);
}

/// What is printed of a long line begins near the word, and holds no more than can be read; JSON has all of it.
#[test]
fn chats_and_long_lines_are_found_where_people_read_them() {
    let home = Home::new();
    let chat = json!([{"role": "system", "content": "Be kind.\nAlways answer briefly.\tNever shout."}, {"role": "user", "content": "{{ q }}"}]);
    let long = format!("{}needlehere {}", "word ".repeat(10_000), "tail ".repeat(2_000));
    assert!(home.feed(&["register", "sc", "-", "--chat"], chat.to_string()).status.success());
    assert!(home.feed(&["register", "long", "-"], &long).status.success());
    for (word, found) in [
        ("kind", 1),
        ("Always", 1),
        ("Never", 1),
        ("nAlways", 0),
        ("tNever", 0),
        ("role", 0),
        ("needlehere", 1),
    ] {
        assert_eq!(hits(&home, &[word]).len(), found, "{word}");
    }
    assert_eq!(home.text(&["search", "Always"]).trim_end(), "sc r1: Always answer briefly.\tNever shout.");
    let shown = home.text(&["search", "needlehere"]);
    assert!(shown.starts_with("long r1: …word word ") && shown.trim_end().ends_with('…'), "{shown}");
    assert!(shown.contains("word needlehere tail") && shown.chars().count() < 2_100, "{shown}");
    assert_eq!(home.json(&["search", "needlehere"])["hits"][0]["line"], long.trim());
}

#[test]
fn explanations_are_found_and_scores_narrow_them() {
    let home = home();
    let found = home.json(&["search", "giraffe"]);
    assert_eq!(found["items"][0]["in"], "explanation");
    assert_eq!(
        (&found["items"][0]["case"], &found["items"][0]["criterion"]),
        (&json!("c1"), &json!("clarity"))
    );
    let none =
        |query: &[&str]| home.json(&[&["search"], query].concat())["items"].as_array().unwrap().is_empty();
    assert!(!none(&["giraffe", "score:<3", "criterion:clarity"]));
    assert!(
        none(&["giraffe", "score:>3"])
            && none(&["giraffe", "criterion:tone"])
            && none(&["giraffe", "in:comment"])
    );
    let run = found["items"][0]["run"].as_str().unwrap().to_owned();
    home.text(&[
        "review",
        "add",
        &run,
        "--item",
        "0",
        "--criterion",
        "clarity",
        "--score",
        "1",
        "--comment",
        "an ocelot, really",
        "--as",
        "eve",
    ]);
    assert_eq!(home.json(&["search", "ocelot"])["items"][0]["in"], "comment");
}

#[test]
fn hits_are_shown_while_typing_and_their_words_are_marked() {
    let home = home();
    let path = home.path().join(".local/share/assize/registry.db");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let mut screen = Harness::open(&path, Config::default(), false, (120, 20), Theme::Dark).await;
        screen.keys("/ type:/step").await;
        assert!(
            screen.text().contains("Answer step by step") && screen.text().contains("long ago"),
            "{}",
            screen.text()
        );
        screen.keys("type:_label:production").await;
        assert!(
            screen.text().contains("Write step by step") && !screen.text().contains("long ago"),
            "{}",
            screen.text()
        );
        // The word is marked wherever it stands in the line.
        let marked = screen.styled();
        let line = screen.text().lines().position(|l| l.contains("Write step by step")).unwrap();
        let looks = marked.lines().filter(|l| l.starts_with(&format!("{line}:"))).count();
        assert!(looks >= 4, "{marked}");
        screen.keys("Enter Enter").await;
        assert!(screen.text().contains("step by step about"), "{}", screen.text());
        screen.keys("q / Home C-k type:giraffe Enter Enter").await;
        assert!(screen.text().contains("RESPONSE") && screen.text().contains("rambles"), "{}", screen.text());
        screen.keys("q q").await;
        assert!(screen.text().contains("prompts"), "{}", screen.text());
        screen.keys("/ type:/zeb Esc").await;
        assert!(screen.text().contains("Prompts"), "{}", screen.text());
    });
}

/// 5,000 revisions, or as many as `ASSIZE_REVISIONS` says. What each query took is printed (`--nocapture`), not judged:
/// a clock says more of the machine than of the search.
#[test]
fn very_many_revisions_answer_while_one_types() {
    let count: u32 = std::env::var("ASSIZE_REVISIONS").ok().and_then(|n| n.parse().ok()).unwrap_or(5_000);
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(&dir.path().join("registry.db")).unwrap();
    let row = |i: u32| NewRevision {
        author: Some(format!("author{}", i % 7)),
        message: Some(format!("message {i}")),
        origin: Some(assize::core::digest::Digest::of(i.to_le_bytes())),
        ..NewRevision::new(
            format!("folder{}/prompt{}", i % 50, i % 1000).parse().unwrap(),
            Template::text(format!("Common words of all.\nLine {i} about {{{{ v{} }}}}.\n", i % 11)),
        )
    };
    store.import_revisions((0..count).map(row).collect()).unwrap();
    for query in [
        "com",
        "common words",
        "author:author3 common",
        "message 4999",
        "var:v3 line",
        "changed:<7d line 777",
    ] {
        let begun = std::time::Instant::now();
        let found = store.find(&Find::parse(query).unwrap(), 200).unwrap();
        let took = begun.elapsed();
        eprintln!("{query:28} {:>4} hits in {took:?}", found.lines.len());
        assert!(!found.lines.is_empty(), "{query}");
    }
}
