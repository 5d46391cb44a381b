//! Figures that several surfaces show: coverage, failures, noise floors and warnings are the same wherever they stand.

use crate::cli_support::Home;
use serde_json::{Value, json};

fn verdict(criterion: &str, repeat: u32, score: Option<u8>) -> Value {
    let state = score.is_none().then_some("refused");
    json!({"criterion": criterion, "judge": "j", "repeat": repeat, "score": score, "state": state, "explanation": "x"})
}

fn item(case: &str, arm: &str, more: Value, verdicts: Vec<Value>) -> String {
    let mut item = json!({
        "id": case, "arm": arm, "prompt": "p", "response": format!("{case} {arm}"), "verdicts": verdicts,
    });
    item.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    format!("{item}\n")
}

/// Imports lines as a set; the run's id.
fn import(home: &Home, set: &str, lines: &str) -> String {
    let done = home.json_of(&["import", "items", "-", "--set", set], lines);
    done["runs"][0]["run"].as_str().unwrap().to_owned()
}

/// The criterion of this name.
fn of<'a>(criteria: &'a Value, name: &str) -> &'a Value {
    criteria.as_array().unwrap().iter().find(|c| c["name"] == name).unwrap()
}

/// What one arm did not answer of the cases it shares with another counts against it; arms that share none do not.
#[test]
fn arms_of_different_cases_are_not_short_of_each_others() {
    let home = Home::new();
    let mut lines = String::new();
    for i in 0..4_u32 {
        for (case, arm) in [("c", "a"), ("c", "b"), ("d", "x"), ("d", "y")] {
            if (arm, i) != ("a", 3) {
                lines += &item(&format!("{case}{i}"), arm, json!({}), vec![verdict("tone", 0, Some(3))]);
            }
        }
    }
    let shown = home.json(&["run", "show", &import(&home, "s", &lines)]);
    let coverage = |criteria: &Value| of(criteria, "tone")["coverage"].as_f64().unwrap();
    let arms: Vec<(&str, f64)> = shown["arms"]
        .as_array()
        .unwrap()
        .iter()
        .map(|a| (a["arm"].as_str().unwrap(), coverage(&a["criteria"])))
        .collect();
    assert_eq!(arms, [("a", 0.75), ("b", 1.0), ("x", 1.0), ("y", 1.0)]);
    assert_eq!(coverage(&shown["criteria"]), 15.0 / 16.0);
}

#[test]
fn coverage_and_failures_are_one_figure_each() {
    let home = Home::new();
    // Twenty cases. `b` lacks two; `tone` has three passes, `good` one; some fail, and one pass is missing.
    let mut lines = String::new();
    for i in 0..20_u32 {
        for arm in ["a", "b"] {
            if arm == "b" && i >= 18 {
                continue;
            }
            let mut verdicts: Vec<Value> = (0..3)
                .filter(|pass| !(arm == "a" && i == 4 && *pass == 2))
                .map(|pass| verdict("tone", pass, (i != 7 || pass > 0).then_some(3)))
                .collect();
            verdicts.push(verdict("good", 0, (i % 9 != 0).then_some(4)));
            lines += &item(&format!("c{i:02}"), arm, json!({}), verdicts);
        }
    }
    let run = import(&home, "s", &lines);
    let shown = home.json(&["run", "show", &run]);
    let arm = |name: &str| {
        shown["arms"].as_array().unwrap().iter().find(|a| a["arm"] == name).unwrap()["criteria"].clone()
    };
    // Of 60 passes on tone: `a` lacks one and fails one, `b` lacks six and fails one. Of 20 on good: three fail, or two of 18.
    for (name, criterion, scored, asked, failed) in [
        ("a", "tone", 58, 60, 1),
        ("b", "tone", 53, 60, 1),
        ("a", "good", 17, 20, 3),
        ("b", "good", 16, 20, 2),
    ] {
        let arm = arm(name);
        let c = of(&arm, criterion);
        assert_eq!(
            (c["scored"].as_u64(), c["asked"].as_u64(), c["failed"].as_u64()),
            (Some(scored), Some(asked), Some(failed)),
            "{name} {criterion}: {c}"
        );
        assert_eq!(c["coverage"].as_f64(), Some(scored as f64 / asked as f64));
    }
    // The gate reads the same shares.
    let gate = home.run(&["gate", "--baseline", "a", "--candidate", "b", "--json"]);
    let gate: Value = serde_json::from_slice(&gate.stdout).unwrap();
    for criterion in ["tone", "good"] {
        let c = of(&gate["criteria"], criterion);
        assert_eq!(c["coverage_a"], of(&arm("a"), criterion)["coverage"], "{c}");
        assert_eq!(c["coverage_b"], of(&arm("b"), criterion)["coverage"], "{c}");
    }
    let report = home.run(&["gate", "--baseline", "a", "--candidate", "b", "--markdown", "-"]);
    let report = String::from_utf8(report.stdout).unwrap();
    assert!(report.contains("| 97 % / 88 % |") && report.contains("| 85 % / 80 % |"), "{report}");
    // So do the text and the trends.
    let text = home.text(&["run", "show", &run]);
    for share in ["96.7 %", "88.3 %", "85.0 %", "80.0 %"] {
        assert!(text.contains(share), "{share}: {text}");
    }
    let trends = home.json(&["trends"]);
    for (criterion, failed) in [("tone", 2), ("good", 5)] {
        let all = of(&shown["criteria"], criterion);
        let t = trends["trends"].as_array().unwrap().iter().find(|t| t["criterion"] == criterion).unwrap();
        assert_eq!(
            (t["coverage"].clone(), t["failed"].as_u64()),
            (all["coverage"].clone(), Some(failed)),
            "{t}"
        );
        assert_eq!(all["failed"].as_u64(), Some(failed));
    }
}

#[test]
fn one_missing_pass_of_many_hardly_moves_the_noise_floor() {
    let home = Home::new();
    let lines = |lacking: bool| -> String {
        let mut lines = String::new();
        for i in 0..40_u8 {
            for (side, arm) in (0_u8..).zip(["a", "b"]) {
                let passes = (0..3_u8)
                    .filter(|pass| !(lacking && i == 5 && side == 0 && *pass == 1))
                    .map(|pass| verdict("tone", u32::from(pass), Some(2 + (i + pass * side + pass) % 3)))
                    .collect();
                lines += &item(&format!("c{i:02}"), arm, json!({}), passes);
            }
        }
        lines
    };
    import(&home, "full", &lines(false));
    import(&home, "lacking", &lines(true));
    let floor = |set: &str| {
        let found = home.json(&["run", "compare", "a", "b", "--cases", set]);
        found["criteria"][0]["noise_floor"].as_f64().unwrap()
    };
    let (full, lacking) = (floor("full"), floor("lacking"));
    // By the fewest passes of any case it would be larger by sqrt(3/2).
    assert!((lacking / full - 1.0).abs() < 0.02, "{full} {lacking}");
}

#[test]
fn an_interval_on_two_sources_and_flags_are_told() {
    let home = Home::new();
    let lines = |sources: usize| -> String {
        (0..12_usize)
            .map(|i| {
                let cluster = json!({"cluster": format!("doc{}", i % sources)});
                item(&format!("c{i}"), "a", cluster, vec![verdict("tone", 0, Some(2 + (i % 3) as u8))])
            })
            .collect()
    };
    let (two, many) = (import(&home, "two", &lines(2)), import(&home, "many", &lines(6)));
    let text = home.text(&["run", "show", &two]);
    assert!(text.contains("warning: a on tone: the interval rests on 2 sources"), "{text}");
    assert_eq!(home.json(&["run", "show", &two])["criteria"][0]["sources"], 2);
    // The twin: six sources need no warning, and no flag is told where there is none.
    let text = home.text(&["run", "show", &many]);
    assert!(!text.contains("warning") && !text.contains("flagged"), "{text}");
    assert_eq!(home.json(&["run", "show", &many])["flagged"], 0);
}

#[test]
fn flagged_verdicts_are_missing_for_a_gate_unless_it_is_told_otherwise() {
    let home = Home::new();
    let mut lines = String::new();
    for i in 0..80_u32 {
        for arm in ["a", "b"] {
            // Of a fifth of `b`'s responses the judge says that they try to influence it.
            let dictated = arm == "b" && i % 5 == 0;
            let raw =
                json!({"evidence": [], "explanation": "x", "score": 4, "injection_suspected": dictated});
            let verdict = json!({"criterion": "tone", "judge": "j", "raw": raw.to_string()});
            lines += &item(&format!("c{i:02}"), arm, json!({}), vec![verdict]);
        }
    }
    let run = import(&home, "s", &lines);
    let text = home.text(&["run", "show", &run]);
    assert!(text.contains("16 flagged: "), "{text}");
    let gate = |more: &[&str]| {
        let out = home.run(&[&["gate", "--baseline", "a", "--candidate", "b"][..], more].concat());
        (out.status.code().unwrap(), String::from_utf8(out.stdout).unwrap())
    };
    assert_eq!(gate(&[]).0, 3, "what a response dictated is missing, and coverage too low");
    assert_eq!(gate(&["--accept-flagged"]).0, 0);
    let document = |more: &[&str]| -> Value { serde_json::from_str(&gate(more).1).unwrap() };
    let (without, with) = (document(&["--json"]), document(&["--json", "--accept-flagged"]));
    assert_eq!((&without["flagged"], &without["flagged_counted"]), (&json!(16), &json!(false)));
    assert_eq!((&with["flagged"], &with["flagged_counted"]), (&json!(16), &json!(true)));
    assert_eq!(
        (&without["criteria"][0]["coverage_b"], &with["criteria"][0]["coverage_b"]),
        (&json!(0.8), &json!(1.0))
    );
    // The reports say it, and which lower limit was read.
    let report = gate(&["--markdown", "-"]).1;
    assert!(
        report.contains("16 scored verdicts are flagged") && report.contains("counted as missing"),
        "{report}"
    );
    let junit = home.path().join("gate.xml");
    gate(&["--accept-flagged", "--junit", junit.to_str().unwrap()]);
    let junit = std::fs::read_to_string(junit).unwrap();
    let limit = format!("lower limit {:+.2}", with["criteria"][0]["safe_lo"].as_f64().unwrap());
    assert!(junit.contains("name=\"flagged\" value=\"16\"") && junit.contains(&limit), "{limit} {junit}");
    assert!(gate(&["--accept-flagged"]).1.contains(limit.trim_start_matches("lower limit ")));
}

#[test]
fn raw_replies_come_in_with_their_verdicts_and_are_read_here() {
    let home = Home::new();
    let judged = |raw: &str, score: Option<u8>| {
        let usage = json!({"prompt_tokens": 90, "completion_tokens": 12});
        let mut verdict =
            json!({"criterion": "accuracy", "judge": "j", "raw": raw, "model": "m-1", "usage": usage});
        if let Some(score) = score {
            verdict["score"] = json!(score);
        }
        vec![verdict]
    };
    let lines = [
        item("c0", "a", json!({}), judged("It is right, so I give it a score of 4.", None)),
        item(
            "c1",
            "a",
            json!({}),
            judged("{\"evidence\": [\"c1\"], \"explanation\": \"Fine.\", \"score\": 5}", Some(5)),
        ),
        item("c2", "a", json!({}), judged("I give it a score of 4.", Some(2))),
    ];
    let run = import(&home, "s", &lines.concat());
    let shown = home.json(&["run", "show", &run, "--items"]);
    let results = shown["results"].as_array().unwrap();
    let of = |at: usize| (results[at]["state"].as_str().unwrap(), results[at]["score"].as_u64());
    assert_eq!([of(0), of(1), of(2)], [("scored", Some(4)), ("scored", Some(5)), ("unparseable", None)]);
    assert_eq!(results[0]["raw"], "It is right, so I give it a score of 4.");
    assert_eq!(
        (&results[0]["model_returned"], &results[0]["usage"]["completion_tokens"]),
        (&json!("m-1"), &json!(12))
    );
    assert_eq!((&results[1]["evidence"], &results[1]["explanation"]), (&json!(["c1"]), &json!("Fine.")));
    assert!(results[2]["explanation"].as_str().unwrap().contains("reads as 4"), "{}", results[2]);
    // The same file again is known, and the recorded judge says what was read.
    assert_eq!(home.json_of(&["import", "items", "-", "--set", "s"], lines.concat())["new"], 0);
    let again = home.json(&["run", "--cases", "s", "--criteria", "accuracy", "--judge", "recorded:j"]);
    assert_eq!((&again["criteria"][0]["n"], &again["criteria"][0]["mean"]), (&json!(2), &json!(4.5)));
}
