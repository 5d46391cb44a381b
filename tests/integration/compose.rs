//! Prompts made of prompts, from outside: what is rendered, recorded and refused, and what a resumed run uses.

use crate::cli_support::{Home, err};
use crate::eval_support::{Registry, Scripted, Writing, request};
use assize::core::item::Case;
use assize::core::prompt::{Selector, Template};
use assize::eval::{ArmChoice, Control, Progress, RunRequest, RunScope};
use assize::store::{Cause, NewRevision};
use serde_json::json;
use std::sync::{Arc, Mutex};

#[test]
fn includes_are_rendered_recorded_and_their_moves_are_told() {
    let home = Home::new();
    let tone = home.register("rules/tone", "Be {{ tone }}.\n");
    home.text(&["label", "set", "rules/tone", "production", "r1"]);
    home.register("main", "{% include \"rules/tone@production\" %}{{ input }}");
    assert_eq!(home.text(&["get", "main"]), "{% include \"rules/tone@production\" %}{{ input }}");
    let args = ["get", "main", "--var", "tone=calm", "--var", "input={{ tone }}"];
    assert_eq!(home.text(&args), "Be calm.\n{{ tone }}");
    let shown = home.json(&["show", "main"]);
    let recorded = &shown["metadata"]["includes"][0];
    assert_eq!(
        (&recorded["reference"], &recorded["revision"], &recorded["digest"]),
        (&json!("rules/tone@production"), &json!(1), &tone["digest"])
    );
    // The label moves: the text follows, the record stays, and `show` says so.
    let new = home.register("rules/tone", "Be very {{ tone }}.\n");
    home.text(&["label", "set", "rules/tone", "production", "r2"]);
    assert_eq!(home.text(&args), "Be very calm.\n{{ tone }}");
    let shown = home.json(&["show", "main"]);
    assert_eq!(shown["metadata"]["includes"][0]["digest"], tone["digest"]);
    assert_eq!(shown["includes"][0]["digest"], new["digest"]);
    assert!(home.text(&["show", "main"]).contains("when this was registered"));
    home.refuses(
        &["get", "main", "--var", "input=x"],
        2,
        &["in 'rules/tone@production'", "`tone` has no value"],
    );
    home.refuses(&["get", "main", "--var", "inptu=x"], 2, &["no variable 'inptu'", "input, tone"]);
    assert_eq!(home.run(&["fsck"]).status.code(), Some(0));
}

#[test]
fn a_cycle_is_refused_with_its_path_and_a_missing_part_is_a_warning() {
    let home = Home::new();
    let out = home.feed(&["register", "a", "-"], "{% include \"b\" %}");
    assert!(out.status.success() && err(&out).contains("a@r1 -> b cannot be included"), "{}", err(&out));
    let out = home.feed(&["register", "b", "-"], "{% include \"a\" %}");
    assert_eq!(out.status.code(), Some(2));
    assert!(err(&out).contains("b@r1 -> a@r1 -> b@r1"), "{}", err(&out));
    assert!(home.run(&["get", "b"]).stdout.is_empty(), "nothing was registered");
    home.register("b", "one");
    // The revision before is no cycle.
    home.register("b", "{% include \"b@r1\" %} two");
    assert_eq!(home.text(&["get", "b", "--vars", home.file("v.json", "{}").to_str().unwrap()]), "one two");
    let out = home
        .feed(&["register", "chat", "-", "--chat"], r#"[{"role":"user","content":"{% include 'b@r1' %}"}]"#);
    assert!(out.status.success());
    assert_eq!(home.json(&["show", "chat"])["includes"][0]["name"], "b");
    assert!(err(&home.feed(&["register", "c", "-"], "{% include 'chat' %}")).contains("only texts"));
}

#[test]
fn an_export_brings_the_record_back() {
    let home = Home::new();
    home.register("part", "x");
    home.feed(&["register", "whole", "-", "--syntax", "fstring"], "{include:part}{{}}");
    home.text(&["export", "--out", "all.jsonl"]);
    let other = ["--registry", "other.db"];
    home.text(&[&["import", "prompts", "all.jsonl"], &other[..]].concat());
    let (one, two) = (home.json(&["show", "whole"]), home.json(&[&["show", "whole"], &other[..]].concat()));
    assert_eq!(one["metadata"]["includes"][0]["name"], "part");
    assert_eq!((&one["digest"], &one["metadata"]), (&two["digest"], &two["metadata"]));
}

fn revision(name: &str, text: &str) -> NewRevision {
    NewRevision::new(name.parse().unwrap(), Template::text(text))
}

#[tokio::test]
async fn a_run_uses_what_its_plan_recorded_however_labels_move() {
    let registry = Registry::empty();
    let case = |id: &str| serde_json::from_value::<Case>(json!({"id": id, "vars": {"x": id}})).unwrap();
    let cases = vec![case("1"), case("2")];
    registry
        .handle
        .write(move |s| {
            s.register(revision("part", "old "))?;
            s.register(revision("p", "{% include 'part' %}{{ x }}"))?;
            s.import_cases("set", cases)
        })
        .await
        .unwrap();
    let ask = || RunRequest {
        arms: vec![ArmChoice::Prompt { name: "p".parse().unwrap(), selector: Selector::LATEST }],
        model: Some("m".into()),
        ..request(&["accuracy"])
    };
    let id = registry.create(ask()).await;
    registry.handle.write(|s| s.register(revision("part", "new "))).await.unwrap();
    let prompts = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&prompts);
    let model = Writing::new(move |prompt| {
        seen.lock().unwrap().push(prompt.to_owned());
        Ok("answer".into())
    });
    let judge = Scripted::scoring(4);
    let tell = |_: Progress| {};
    registry
        .go_telling(&id, &judge, Some(model as _), RunScope::Missing, &Control::new(), tell)
        .await
        .unwrap();
    let mut sent = prompts.lock().unwrap().clone();
    sent.sort();
    assert_eq!(sent, ["old 1", "old 2"]);
    let run = registry.run(&id).await;
    let recorded = &run.spec.includes["p@r1+mm"][0];
    assert_eq!((recorded.reference.as_str(), recorded.revision), ("part", 1));
    // A new plan finds the stored answers, and says that they answered another text.
    let plan = registry.plan(ask()).await;
    assert!(plan.warnings.iter().any(|w| w.contains("stood for another text")), "{:?}", plan.warnings);
    let gone = registry.handle.write(|s| s.archive(&"part".parse().unwrap(), &Cause::default())).await;
    gone.unwrap();
    let error = registry.try_plan(ask()).await.unwrap_err();
    assert!(error.to_string().contains("p@r1 -> part cannot be included"), "{error}");
}
