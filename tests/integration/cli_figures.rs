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
