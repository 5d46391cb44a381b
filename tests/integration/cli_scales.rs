//! Criteria answered by pass or fail, or by named categories: from the rubric's file to the gate, on the command line.
use crate::cli_support::Home;
use serde_json::{Value, json};
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

const RUBRIC: &str = r#"
name = "support"
[[criteria]]
name = "grounded"
question = "Is every claim in the sources?"
scale = "pass-fail"
pass = "Each claim stands in the sources."
fail = "A claim stands in none of them."
[[criteria]]
name = "harm"
question = "How much harm could it do?"
scale = "categories"
ordered = true
[[criteria.categories]]
name = "none"
anchor = "Nobody is hurt."
[[criteria.categories]]
name = "mild"
anchor = "Somebody is annoyed."
[[criteria.categories]]
name = "very severe"
anchor = "Somebody is hurt."
[[criteria]]
name = "tone"
question = "Is it kind?"
anchors = ["rude", "cold", "plain", "warm", "kind"]
"#;

/// A judge that reads the response: `sound` passes and is harmless, `odd` gets a label of no scale.
struct Reading;

impl Respond for Reading {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let body = String::from_utf8_lossy(&request.body);
        let why =
            json!({"evidence": [], "explanation": "as the response shows", "injection_suspected": false});
        let mut verdict = why;
        let good = body.contains("sound answer");
        if !body.contains("exactly one label") {
            verdict["score"] = json!(if good { 5 } else { 2 });
        } else if body.contains("odd answer") {
            verdict["label"] = json!("maybe");
        } else if body.contains("Is every claim") {
            verdict["label"] = json!(if good { "pass" } else { "FAIL" });
        } else {
            verdict["label"] = json!(if good { "none" } else { "very severe" });
        }
        // A strict schema is what a judge of labels is held to.
        let asked: Value = serde_json::from_slice(&request.body).unwrap();
        let schema = &asked["response_format"]["json_schema"]["schema"]["properties"];
        if body.contains("exactly one label") && body.contains("Is every claim") {
            assert_eq!(schema["label"]["enum"], json!(["fail", "pass"]), "{asked}");
            assert_eq!(schema.get("score"), None);
        }
        ResponseTemplate::new(200).set_body_json(json!({
            "model": "m-1", "choices": [{"message": {"content": verdict.to_string()}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 10, "completion_tokens": 5},
        }))
    }
}

/// Twenty cases under two arms: `base` is sound in the first 8, `new` in the first 18; the last of `new` is odd.
fn items() -> String {
    let line = |case: usize, arm: &str, text: &str| {
        format!(
            "{}\n",
            json!({"id": format!("c{case:02}"), "prompt": "p", "response": format!("{text} answer {case} {arm}"), "arm": arm})
        )
    };
    let of = |case: usize| {
        let (base, new) = (if case < 8 { "sound" } else { "bad" }, if case < 18 { "sound" } else { "odd" });
        line(case, "base", base) + &line(case, "new", new)
    };
    (0..20).map(of).collect()
}

struct Judged {
    home: Home,
    run: Value,
}

async fn judged() -> Judged {
    let server = MockServer::start().await;
    Mock::given(method("POST")).and(path("/v1/chat/completions")).respond_with(Reading).mount(&server).await;
    let home = Home::new();
    home.file(
        ".config/assize/config.toml",
        format!("[judge.j]\nbase_url = \"{}/v1\"\nmodel = \"m\"\n", server.uri()),
    );
    let rubric = home.file("support.toml", RUBRIC);
    home.json(&["rubric", "add", rubric.to_str().unwrap()]);
    let items = home.file("items.jsonl", items());
    let out = tokio::task::spawn_blocking(move || {
        let args =
            ["run", "--items", items.to_str().unwrap(), "--rubric", "support", "--judge", "j", "--json"];
        let run: Value = serde_json::from_slice(&home.run(&args).stdout).unwrap();
        Judged { home, run }
    });
    out.await.unwrap()
}

fn named<'v>(list: &'v Value, name: &str) -> &'v Value {
    list.as_array()
        .unwrap()
        .iter()
        .find(|c| c["name"] == name)
        .unwrap_or_else(|| panic!("no {name} in {list}"))
}

fn near(value: &Value, wanted: f64) {
    assert!((value.as_f64().unwrap() - wanted).abs() < 1e-9, "{value} is not {wanted}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_scale_has_its_own_figures_and_none_is_averaged_into_another() {
    let Judged { home, run } = judged().await;
    let id = run["run"].as_str().unwrap();
    assert_eq!(run["verdicts"]["scored"], 116, "{run}");
    assert_eq!(run["verdicts"]["unparseable"], 4);
    let arms = run["arms"].as_array().unwrap();
    let new = arms.iter().find(|a| a["arm"] == "new").unwrap();
    let grounded = named(&new["criteria"], "grounded");
    assert_eq!((&grounded["scale"], grounded.get("mean")), (&json!("pass-fail"), None));
    near(&grounded["share"], 1.0);
    let (lo, hi) = (grounded["ci95"][0].as_f64().unwrap(), grounded["ci95"][1].as_f64().unwrap());
    assert!(lo > 0.7 && lo < 0.95 && (hi - 1.0).abs() < 1e-9, "{grounded}");
    let base = named(&arms.iter().find(|a| a["arm"] == "base").unwrap()["criteria"], "grounded");
    near(&base["share"], 0.4);
    assert_eq!(base["labels"], json!({"fail": 12, "pass": 8}));
    let harm = named(&new["criteria"], "harm");
    assert_eq!(
        (&harm["scale"], &harm["mean"], &harm["ci95"]),
        (&json!("categories"), &Value::Null, &Value::Null)
    );
    assert_eq!(
        (&harm["labels"], &harm["ordered"]),
        (&json!({"none": 18, "mild": 0, "very severe": 0}), &json!(true))
    );
    let tone = named(&new["criteria"], "tone");
    assert_eq!((&tone["scale"], tone.get("share")), (&json!("1-5"), None));
    near(&tone["mean"], 4.7);

    let shown = home.json(&["run", "show", id, "--items"]);
    for verdict in shown["results"].as_array().unwrap() {
        let label = match (verdict["criterion"].as_str().unwrap(), verdict["state"].as_str().unwrap()) {
            ("tone", _) => {
                assert_eq!((verdict["score"].is_u64(), verdict.get("label")), (true, None), "{verdict}");
                continue;
            }
            (_, "unparseable") => Value::Null,
            ("grounded", _) if verdict["pass"] == true => json!("pass"),
            ("grounded", _) => json!("fail"),
            _ if verdict["item"].as_str().unwrap() < "c08" || verdict["arm"] == "new" => json!("none"),
            _ => json!("very severe"),
        };
        assert_eq!((&verdict["score"], &verdict["label"]), (&Value::Null, &label), "{verdict}");
    }
    let text = home.text(&["run", "show", id]);
    for words in ["40 % pass", "100 % pass", "18 none, 0 mild, 0 very severe", "no mean", "4.70"] {
        assert!(text.contains(words), "{words} is not in:\n{text}");
    }
    assert!(home.text(&["run", "show", id, "--items"]).contains("very severe"));
}

#[tokio::test(flavor = "multi_thread")]
async fn shares_are_compared_as_shares_and_categories_have_no_difference() {
    let Judged { home, .. } = judged().await;
    let found = home.json(&["run", "compare", "base", "new"]);
    let grounded = named(&found["criteria"], "grounded");
    // 18 pairs: 10 of them fail in base and pass in new.
    assert_eq!(
        (&grounded["n"], &grounded["missing"], &grounded["wins"]),
        (&json!(18), &json!(2), &json!(10))
    );
    near(&grounded["difference"], 10.0 / 18.0);
    near(&grounded["share_a"], 8.0 / 18.0);
    near(&grounded["mean_b"], 1.0);
    let hi = grounded["ci95"][1].as_f64().unwrap();
    assert!(grounded["ci95"][0].as_f64().unwrap() > 0.2 && hi < 0.9, "{grounded}");
    // The exact test of 10 that all went one way.
    near(&grounded["p"], 2.0 * 0.5_f64.powi(10));
    assert_eq!((&grounded["decision"], &grounded["scale"]), (&json!("better"), &json!("pass-fail")));
    let harm = named(&found["criteria"], "harm");
    assert_eq!(
        (&harm["n"], &harm["difference"], &harm["ci95"], &harm["mean_a"]),
        (&json!(18), &Value::Null, &Value::Null, &Value::Null)
    );
    assert_eq!((&harm["ties"], &harm["wins"], &harm["scale"]), (&json!(8), &json!(0), &json!("categories")));
    assert_eq!(harm["decision"], "no_evidence");
    let sentence = found["sentence"].as_str().unwrap();
    assert!(sentence.contains("10 of 18 cases have another category on harm"), "{sentence}");
    assert!(home.text(&["run", "compare", "new", "base"]).contains("grounded pass -> fail"));
    let flips = found["flips"].as_array().unwrap();
    assert!(flips.iter().all(|f| f["criterion"] == "tone" || f["a"].is_string()), "{flips:?}");

    // Lower by far: certain, on the share's own margin.
    let gate =
        home.run(&["gate", "--baseline", "new", "--candidate", "base", "--min-coverage", "0.8", "--json"]);
    assert_eq!(gate.status.code(), Some(1), "{}", String::from_utf8_lossy(&gate.stderr));
    let gate: Value = serde_json::from_slice(&gate.stdout).unwrap();
    assert_eq!(named(&gate["criteria"], "grounded")["decision"], "worse");
}

#[tokio::test(flavor = "multi_thread")]
async fn people_answer_with_labels_and_the_judge_is_held_against_them() {
    let Judged { home, run } = judged().await;
    let id = run["run"].as_str().unwrap();
    let next = home.json(&["review", "next", id, "--as", "ana"]);
    assert!(next["scale"].is_string(), "{next}");
    let add = |criterion: &'static str, more: [&'static str; 2]| {
        let first = ["review", "add", id, "--item", "0", "--criterion", criterion, "--as", "ana"];
        first.into_iter().chain(more).collect::<Vec<&str>>()
    };
    home.refuses(&add("grounded", ["--score", "4"]), 2, &["'grounded' is answered by one of fail, pass"]);
    home.refuses(&add("grounded", ["--label", "maybe"]), 2, &["'maybe' is no label", "fail, pass"]);
    home.refuses(&add("tone", ["--label", "pass"]), 2, &["'tone' is answered by a whole number from 1 to 5"]);
    home.text(&add("grounded", ["--label", "PASS"]));
    home.text(&add("harm", ["--label", "very severe"]));
    // A person finds one of the base arm's passes wrong, and one of its failures right.
    let line = |case: usize, arm: &str, label: &str| {
        format!(
            "{}\n",
            json!({"set": "items", "case": format!("c{case:02}"), "arm": arm, "criterion": "grounded", "reviewer": "bea", "label": label})
        )
    };
    let said = |case: usize| match case {
        0 => "fail",
        1..8 => "pass",
        19 => "pass",
        _ => "fail",
    };
    let log: String = (0..20).map(|case| line(case, "base", said(case))).collect();
    let log = home.file("labels.jsonl", log);
    assert_eq!(home.json(&["review", "import", log.to_str().unwrap()])["new"], 20);
    let bad = home.file("bad.jsonl", line(2, "base", "perhaps"));
    home.refuses(&["review", "import", bad.to_str().unwrap()], 2, &["line 1", "'perhaps' is no label"]);

    let found = home.json(&["agreement", "--run", id, "--as", "bea"]);
    let rates = &named(&found["criteria"], "grounded")["rates"];
    assert_eq!(
        (&rates["tp"], &rates["fn"], &rates["fp"], &rates["tn"]),
        (&json!(7), &json!(1), &json!(1), &json!(11))
    );
    near(&rates["tpr"]["value"], 7.0 / 8.0);
    near(&rates["tnr"]["value"], 11.0 / 12.0);
    assert!(rates["tnr"]["ci95"][0].as_f64().unwrap() > 0.5, "{rates}");
    assert!(home.text(&["agreement", "--run", id]).contains("of what people fail, the judge fails"));

    let exported = home.text(&["review", "export", id]);
    let rows: Vec<Value> = exported.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert!(rows.iter().all(|r| r["score"].is_null() && r["label"].is_string()), "{exported}");
    let again = home.file("again.jsonl", &exported);
    let taken = home.json(&["review", "import", again.to_str().unwrap()]);
    assert_eq!((&taken["new"], &taken["known"]), (&json!(0), &json!(rows.len())));
    let sheet = home.path().join("sheet.csv");
    home.text(&["review", "export", id, "--csv", sheet.to_str().unwrap(), "--as", "bea"]);
    let text = std::fs::read_to_string(&sheet).unwrap();
    assert!(text.contains("pass Each claim stands") && text.contains("fail A claim"), "{text}");
    let taken = home.json(&["review", "import", sheet.to_str().unwrap()]);
    assert_eq!(taken["new"], 0, "what came out is known: {taken}");
}

#[test]
fn labels_come_in_with_items_and_are_replayed_as_the_registered_question() {
    let home = Home::new();
    let rubric = home.file("support.toml", RUBRIC);
    home.text(&["rubric", "add", rubric.to_str().unwrap()]);
    let line = |id: &str, verdicts: Value| {
        format!("{}\n", json!({"id": id, "prompt": "p", "response": id, "verdicts": verdicts}))
    };
    let both = |label: &str, harm: &str| {
        json!([
            {"criterion": "grounded", "judge": "old", "label": label, "explanation": "x"},
            {"criterion": "harm", "judge": "old", "label": harm},
            {"criterion": "accuracy", "judge": "old", "score": 4},
        ])
    };
    let file = home.file("seen.jsonl", line("a", both("pass", "mild")) + &line("b", both("Fail", "none")));
    home.json(&["import", "items", file.to_str().unwrap()]);
    let runs = home.json(&["runs"]);
    let id = runs["runs"][0]["run"].as_str().unwrap();
    let shown = home.json(&["run", "show", id, "--items"]);
    near(&named(&shown["criteria"], "grounded")["share"], 0.5);
    near(&named(&shown["criteria"], "accuracy")["mean"], 4.0);
    assert_eq!(named(&shown["criteria"], "harm")["labels"], json!({"none": 1, "mild": 1, "very severe": 0}));
    let again = home.json(&[
        "run",
        "--items",
        file.to_str().unwrap(),
        "--rubric",
        "support",
        "--judge",
        "recorded:old",
    ]);
    assert_eq!(again["verdicts"]["scored"], 4, "the two labelled questions of both items: {again}");
    near(&named(&again["criteria"], "grounded")["share"], 0.5);

    for (verdict, why) in [
        (
            json!([{"criterion": "c", "judge": "j", "label": "pass", "score": 5}]),
            "has a 'score' and a 'label'",
        ),
        (
            json!([{"criterion": "c", "judge": "j", "label": "pass", "state": "refused"}]),
            "has a label and the state",
        ),
    ] {
        let file = home.file("bad.jsonl", line("a", verdict));
        home.refuses(&["import", "items", file.to_str().unwrap()], 2, &["line 1", why]);
    }
    let mixed = line("a", json!([{"criterion": "c", "judge": "j", "label": "pass"}]))
        + &line("b", json!([{"criterion": "c", "judge": "j", "score": 5}]));
    let file = home.file("mixed.jsonl", mixed);
    home.refuses(
        &["import", "items", file.to_str().unwrap()],
        2,
        &["judge 'j' on 'c' are labels and scores"],
    );
}

/// A registry with `n` labelled responses that judge `old` judged, wrong where `wrong` says so; people pass every second one.
fn licensed(n: usize, wrong: impl Fn(usize) -> bool) -> Home {
    let home = Home::new();
    let rubric = home.file("support.toml", RUBRIC);
    home.text(&["rubric", "add", rubric.to_str().unwrap()]);
    let (mut items, mut labels) = (String::new(), String::new());
    for at in 0..n {
        let said = |passes: bool| if passes { "pass" } else { "fail" };
        let verdict =
            json!({"criterion": "grounded", "judge": "old", "label": said((at % 2 == 0) != wrong(at))});
        items += &format!(
            "{}\n",
            json!({"id": format!("c{at}"), "prompt": "p", "response": format!("r{at}"), "verdicts": [verdict]})
        );
        labels += &format!(
            "{}\n",
            json!({"set": "items", "case": format!("c{at}"), "criterion": "grounded", "reviewer": "bea", "label": said(at % 2 == 0)})
        );
    }
    let items = home.file("items.jsonl", items);
    home.text(&["import", "items", items.to_str().unwrap()]);
    let labels = home.file("labels.jsonl", labels);
    home.text(&["review", "import", labels.to_str().unwrap()]);
    home
}

fn licence(home: &Home, judge: &str) -> (Option<i32>, Value) {
    let out = home.run(&["judge", "licence", judge, "--criterion", "grounded", "--json"]);
    (out.status.code(), serde_json::from_slice(&out.stdout).unwrap())
}

#[test]
fn a_judge_that_holds_on_the_sealed_labels_has_its_licence_and_one_that_does_not_is_refused() {
    let home = licensed(200, |_| false);
    let (code, first) = licence(&home, "old");
    assert_eq!((code, &first["state"], &first["openings"]), (Some(0), &json!("held"), &json!(1)), "{first}");
    let of = |part: &str| first["labels"][part].as_u64().unwrap();
    assert_eq!(of("train") + of("dev") + of("test"), 200);
    assert_eq!(first["shown"]["tpr"]["value"], 1.0);
    // A gate that asks for a licence passes with it alone.
    let gate = |home: &Home, more: &[&str]| {
        let arms = ["gate", "--baseline", "default", "--candidate", "twin", "--min-coverage", "0.5"];
        home.run(&[&arms[..], more].concat())
    };
    let twin: String = (0..200)
        .map(|at| {
            let verdict = json!({"criterion": "grounded", "judge": "old", "label": if at % 2 == 0 { "pass" } else { "fail" }});
            let row = |arm: &str| format!("{}\n", json!({"id": format!("c{at}"), "arm": arm, "prompt": "p", "response": format!("r{at}"), "verdicts": [verdict]}));
            row("default") + &row("twin")
        })
        .collect();
    let twin = home.file("twin.jsonl", twin);
    home.text(&["import", "items", twin.to_str().unwrap(), "--set", "twins"]);
    let held = gate(&home, &["--cases", "twins", "--require-licence"]);
    assert_eq!(
        held.status.code(),
        Some(0),
        "{}{}",
        String::from_utf8_lossy(&held.stdout),
        String::from_utf8_lossy(&held.stderr)
    );
    // What is held is told again without another look.
    let (code, again) = licence(&home, "old");
    assert_eq!((code, &again["openings"], &again["since"]), (Some(0), &json!(1), &first["since"]), "{again}");

    let home = licensed(200, |at| at % 4 == 0);
    let (code, found) = licence(&home, "old");
    assert_eq!((code, &found["state"]), (Some(1), &json!("refused")), "{found}");
    assert!(found["shown"]["tpr"]["value"].as_f64().unwrap() < 0.7, "{found}");
    let twin = home.file("twin.jsonl", (0..100).map(|at| {
        let verdict = json!({"criterion": "grounded", "judge": "old", "label": "pass"});
        let row = |arm: &str| format!("{}\n", json!({"id": format!("t{at}"), "arm": arm, "prompt": "p", "response": format!("t{at}"), "verdicts": [verdict]}));
        row("a") + &row("b")
    }).collect::<String>());
    home.text(&["import", "items", twin.to_str().unwrap(), "--set", "twins"]);
    let gate = ["gate", "--baseline", "a", "--candidate", "b"];
    assert_eq!(home.run(&gate).status.code(), Some(0));
    let held_back = home.run(&[&gate[..], &["--require-licence"]].concat());
    assert_eq!(held_back.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&held_back.stdout).contains("was refused a licence"));
    // Each look wears the test part: the next is read at a stricter level.
    let (code, second) = licence(&home, "old");
    assert_eq!((code, &second["openings"]), (Some(1), &json!(2)));
    near(&second["shown"]["level"], 0.975);
    let width = |v: &Value| {
        v["shown"]["tnr"]["ci"][1].as_f64().unwrap() - v["shown"]["tnr"]["ci"][0].as_f64().unwrap()
    };
    assert!(width(&second) > width(&found));
    assert_eq!(home.run(&["fsck"]).status.code(), Some(0));
}

#[test]
fn too_few_labels_decide_nothing_and_wear_nothing_and_another_wording_ends_a_licence() {
    let home = licensed(40, |_| false);
    let (code, found) = licence(&home, "old");
    assert_eq!(
        (code, &found["state"], &found["openings"]),
        (Some(3), &json!("too_few"), &json!(0)),
        "{found}"
    );
    assert!(found["why"].as_str().unwrap().contains("needs"), "{found}");
    home.refuses(
        &["judge", "licence", "nobody", "--criterion", "grounded"],
        2,
        &["no run of judge 'nobody'"],
    );

    let home = licensed(200, |_| false);
    assert_eq!(licence(&home, "old").0, Some(0));
    let edited = home.file("edited.toml", RUBRIC.replace("in none of them", "in none of the sources"));
    home.text(&["rubric", "add", edited.to_str().unwrap()]);
    let verdict = json!({"criterion": "grounded", "judge": "old", "label": "pass"});
    let one = home.file(
        "more.jsonl",
        format!("{}\n", json!({"id": "x", "prompt": "p", "response": "x", "verdicts": [verdict]})),
    );
    home.text(&["import", "items", one.to_str().unwrap()]);
    let (code, found) = licence(&home, "old");
    assert_eq!((code, &found["state"]), (Some(1), &json!("lapsed")), "{found}");
    assert!(found["why"].as_str().unwrap().contains("the wording of the criterion"), "{found}");
}
