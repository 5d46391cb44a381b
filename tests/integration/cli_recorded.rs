//! `--judge recorded:NAME`: a response gets what that judge said of it, and of no other response, and no other judge's.
use crate::cli_support::{Home, err};
use serde_json::{Value, json};

fn verdict(judge: &str, score: Option<u8>, explanation: &str) -> Value {
    let state = score.is_none().then_some("refused");
    json!({"criterion": "accuracy", "judge": judge, "score": score, "state": state, "explanation": explanation})
}

fn item(id: &str, prompt: &str, response: &str, verdicts: &[Value]) -> Value {
    json!({"id": id, "prompt": prompt, "response": response, "verdicts": verdicts})
}

fn import(home: &Home, set: &str, items: &[Value]) {
    let text: String = items.iter().map(|i| format!("{i}\n")).collect();
    home.json_of(&["import", "items", "-", "--set", set], text);
}

fn asking<'a>(set: &'a str, judge: &'a str) -> [&'a str; 7] {
    ["run", "--cases", set, "--criteria", "accuracy", "--judge", judge]
}

/// State, score and explanation of each verdict of a finished run, by item.
fn verdicts(home: &Home, run: &Value) -> Vec<(String, Option<u64>, String)> {
    let shown = home.json(&["run", "show", run["run"].as_str().unwrap(), "--items"]);
    let row = |v: &Value| {
        let state = v["state"].as_str().unwrap().to_owned();
        (state, v["score"].as_u64(), v["explanation"].as_str().unwrap().to_owned())
    };
    shown["results"].as_array().unwrap().iter().map(row).collect()
}

#[test]
fn no_response_gets_the_score_of_another() {
    let home = Home::new();
    let paris = |id| item(id, "Capital of France?", "Paris.", &[]);
    import(
        &home,
        "s1",
        &[item("1", "Capital of France?", "Paris.", &[verdict("gpt", Some(5), "Right: Paris.")])],
    );
    // The same id, arm and criterion; another text.
    import(&home, "s2", &[item("1", "Capital of Italy?", "Berlin.", &[])]);
    home.refuses(&asking("s2", "recorded"), 2, &["no verdict on accuracy was recorded", "text"]);
    home.refuses(&asking("s2", "recorded:gpt"), 2, &["by 'gpt'"]);
    // The same text as the answer to another question.
    import(&home, "s3", &[item("1", "Capital of Italy?", "Paris.", &[])]);
    home.refuses(&asking("s3", "recorded"), 2, &["another prompt"]);
    // Beside one that was judged: a state, and no number.
    import(&home, "s4", &[item("1", "Capital of Italy?", "Berlin.", &[]), paris("2")]);
    let run = home.json(&asking("s4", "recorded"));
    assert_eq!(run["judge"]["name"], "recorded:gpt");
    let got = verdicts(&home, &run);
    assert_eq!((got[0].0.as_str(), got[0].1), ("http_error", None), "{got:?}");
    assert_eq!(got[1], ("scored".to_owned(), Some(5), "Right: Paris.".to_owned()));
    // The twin: that very response in another set, under another id, keeps its score.
    import(&home, "s5", &[paris("ninth")]);
    let run = home.json(&asking("s5", "recorded"));
    assert_eq!(verdicts(&home, &run), [("scored".to_owned(), Some(5), "Right: Paris.".to_owned())]);
    // Another wording of a criterion of that name is another question.
    home.file(
        "r.toml",
        "name = \"r\"\n[[criteria]]\nname = \"accuracy\"\nquestion = \"Is it short?\"\n[criteria.anchors]\n1 = \"a\"\n2 = \"b\"\n3 = \"c\"\n4 = \"d\"\n5 = \"e\"\n",
    );
    home.json(&["rubric", "add", "r.toml"]);
    home.refuses(&["run", "--cases", "s5", "--rubric", "r", "--judge", "recorded"], 2, &["exact wording"]);
}

#[test]
fn two_judges_are_never_mixed_and_a_refusal_stays_one() {
    let home = Home::new();
    let set = |judge, first: Option<u8>, second, why: &str| {
        [
            item("c1", "one?", "first", &[verdict(judge, first, why)]),
            item("c2", "two?", "second", &[verdict(judge, second, why)]),
        ]
    };
    import(&home, "s", &set("kind", Some(5), Some(5), "kind says"));
    import(&home, "s", &set("harsh", Some(1), None, "harsh says"));
    // The first import is a version of the set like the second: one response each, two judges.
    home.refuses(
        &asking("s", "recorded"),
        2,
        &["2 recorded judges", "--judge recorded:kind", "--judge recorded:harsh"],
    );
    let kind = home.json(&asking("s", "recorded:kind"));
    let scored = |score| ("scored".to_owned(), Some(score), "kind says".to_owned());
    assert_eq!(verdicts(&home, &kind), [scored(5), scored(5)]);
    let harsh = home.json(&[&asking("s", "recorded:harsh")[..], &["--min-coverage", "0"]].concat());
    let got = verdicts(&home, &harsh);
    assert_eq!(got[0], ("scored".to_owned(), Some(1), "harsh says".to_owned()));
    assert_eq!((got[1].0.as_str(), got[1].1), ("refused", None), "{got:?}");
    assert_ne!(kind["judge"]["fingerprint"], harsh["judge"]["fingerprint"]);
    home.refuses(&asking("s", "recorded:none"), 2, &["'none'", "--judge recorded:kind"]);
}

#[test]
fn of_five_judges_each_can_be_chosen_as_it_is_listed() {
    let home = Home::new();
    let names = ["gpt-4", "llama 3", "it's", "--flag", "\u{1b}[31mred"];
    let all: Vec<Value> = (1..=5).zip(names).map(|(n, name)| verdict(name, Some(n), "why")).collect();
    import(&home, "s", &[item("1", "p", "r", &all)]);
    let out = home.run(&asking("s", "recorded"));
    assert_eq!((out.status.code(), out.stdout.is_empty()), (Some(2), true));
    let said = err(&out);
    assert!(!said.contains('\u{1b}'), "{said:?}");
    for typed in [
        "--judge recorded:gpt-4",
        "--judge 'recorded:llama 3'",
        "--judge 'recorded:it'\\''s'",
        "--judge recorded:--flag",
        "--judge 'recorded:\\x1b[31mred'",
    ] {
        assert!(said.contains(typed), "{typed}: {said}");
    }
    for (score, name) in (1..=5).zip(names) {
        let judge = format!("recorded:{name}");
        let run = home.json(&asking("s", &judge));
        assert_eq!(run["judge"]["name"].as_str(), Some(judge.as_str()));
        assert_eq!(verdicts(&home, &run)[0].1, Some(score), "{name}");
    }
    // One that is left over is the only one that fits, whoever else was imported.
    import(&home, "t", &[item("1", "q", "other", &[verdict("late", Some(2), "")])]);
    let run = home.json(&asking("t", "recorded"));
    assert_eq!(run["judge"]["name"], "recorded:late");
    // An explanation that is not there does not take the score away.
    assert_eq!(verdicts(&home, &run), [("scored".to_owned(), Some(2), String::new())]);
}

#[test]
fn what_was_recorded_twice_with_different_results_is_no_score() {
    let home = Home::new();
    for (set, score) in [("one", 5), ("two", 3)] {
        import(&home, set, &[item("1", "p", "r", &[verdict("j", Some(score), "why")])]);
        // At its own place it is what was imported there.
        let run = home.json(&asking(set, "recorded"));
        assert_eq!(verdicts(&home, &run)[0].1, Some(score.into()));
    }
    import(&home, "three", &[item("1", "p", "r", &[])]);
    let dry = home.json(&[&asking("three", "recorded")[..], &["--dry-run"]].concat());
    assert!(dry["warnings"].to_string().contains("different results"), "{dry}");
    let out = home.run(&[&asking("three", "recorded")[..], &["--json"]].concat());
    let run: Value = serde_json::from_slice(&out.stdout).unwrap();
    let got = verdicts(&home, &run);
    assert_eq!((got[0].0.as_str(), got[0].1), ("unparseable", None), "{got:?}");
    assert!(got[0].2.contains("5 in run ") && got[0].2.contains("3 in run "), "{got:?}");
}

#[test]
fn every_failure_is_replayed_as_it_was() {
    let home = Home::new();
    let states = ["unparseable", "refused", "truncated", "filtered", "rate_limited", "timed_out"];
    let states = states.iter().chain(&["over_budget", "cancelled", "overflow", "not_generated"]);
    let mut items: Vec<Value> = states
        .clone()
        .map(|state| {
            let said = json!({"criterion": "accuracy", "judge": "j", "score": null, "state": state, "explanation": "so"});
            item(state, "p", state, &[said])
        })
        .collect();
    items.push(item("good", "p", "good", &[verdict("j", Some(4), "why")]));
    import(&home, "s", &items);
    let run = home.json(&[&asking("s", "recorded")[..], &["--min-coverage", "0"]].concat());
    assert_eq!(run["state"], "complete");
    let got: Vec<String> = verdicts(&home, &run).into_iter().map(|v| v.0).collect();
    let expected: Vec<&str> = states.copied().chain(["scored"]).collect();
    assert_eq!(got, expected);
}

#[test]
fn trends_count_the_failures_of_each_criterion_apart() {
    let home = Home::new();
    let said = |criterion: &str, score: Option<u8>| {
        let state = score.is_none().then_some("refused");
        json!({"criterion": criterion, "judge": "j", "score": score, "state": state})
    };
    let items = [
        item("1", "p", "x", &[said("accuracy", Some(3)), said("tone", None), said("clarity", None)]),
        item("2", "p", "y", &[said("accuracy", Some(4)), said("tone", Some(2)), said("clarity", None)]),
    ];
    import(&home, "s", &items);
    let rows = home.json(&["trends"])["trends"].clone();
    let told: Vec<(&str, u64)> = rows
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["criterion"].as_str().unwrap(), row["failed"].as_u64().unwrap()))
        .collect();
    assert_eq!(told, [("accuracy", 0), ("tone", 1), ("clarity", 2)]);
}
