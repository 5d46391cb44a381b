//! People's labels belong to a response and a question: they count for every judge and in every run, and they decide.
use crate::cli_support::{Home, err};
use serde_json::{Value, json};

/// One line of an items file, judged once by each of these.
fn item(id: &str, arm: &str, prompt: &str, response: &str, verdicts: &[(&str, u8)]) -> String {
    let verdicts: Vec<Value> = verdicts
        .iter()
        .map(|(judge, score)| json!({"criterion": "accuracy", "judge": judge, "score": score, "explanation": "x"}))
        .collect();
    json!({"id": id, "arm": arm, "prompt": prompt, "response": response, "verdicts": verdicts}).to_string()
        + "\n"
}

fn import(home: &Home, set: &str, lines: &str) -> Vec<(String, String)> {
    home.file("items.jsonl", lines);
    home.json(&["import", "items", "items.jsonl", "--set", set])["runs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| (r["judge"].as_str().unwrap().to_owned(), r["run"].as_str().unwrap().to_owned()))
        .collect()
}

fn label(home: &Home, run: &str, labels: impl IntoIterator<Item = (usize, u8)>, who: &str, sampling: &str) {
    let lines: String = labels
        .into_iter()
        .map(|(item, score)| {
            json!({"run": run, "item": item, "criterion": "accuracy", "reviewer": who, "score": score, "sampling": sampling})
                .to_string()
                + "\n"
        })
        .collect();
    home.file("labels.jsonl", lines);
    home.json(&["review", "import", "labels.jsonl"]);
}

fn checked(home: &Home, run: &str) -> Value {
    home.json(&["run", "show", run])["criteria"][0]["checked_by_people"].clone()
}

#[test]
fn labels_given_under_one_judge_count_for_every_other() {
    let home = Home::new();
    let lines: String = (0..20)
        .map(|i| item(&format!("c{i}"), "a", "p", &format!("answer {i}"), &[("one", 4), ("two", 3)]))
        .collect();
    let runs = import(&home, "s", &lines);
    label(&home, &runs[0].1, (0..20).map(|i| (i, 2 + (i % 3) as u8)), "ana", "random");
    for (judge, run) in &runs {
        let shown = home.json(&["run", "show", run])["criteria"][0].clone();
        assert_eq!(shown["checked_by_people"], 20, "{judge}");
        assert_eq!(shown["corrected"]["n_labelled"], 20, "{judge}: {shown}");
        assert_eq!(home.json(&["agreement", "--run", run])["criteria"][0]["items"], 20, "{judge}");
    }
    // The same rows under another set's name, and another arm that gives the same answer to the same prompt.
    let again: String =
        (0..20).map(|i| item(&format!("k{i}"), "b", "p", &format!("answer {i}"), &[("three", 5)])).collect();
    let third = import(&home, "t", &again);
    assert_eq!(checked(&home, &third[0].1), 20);
    // Along all runs too; one that shows nothing of it has none.
    let other = item("x", "c", "p", "no answer of theirs", &[("four", 2)]);
    let fourth = import(&home, "u", &other)[0].1.clone();
    let trends = home.json(&["trends"])["trends"].as_array().unwrap().clone();
    let counted = |run: &str| trends.iter().find(|t| t["run"] == run).unwrap()["checked_by_people"].clone();
    assert!(runs.iter().chain(&third).all(|(_, run)| counted(run) == 20), "{trends:?}");
    assert_eq!(counted(&fourth), 0);
    // Taken back where it was given, it is gone everywhere.
    let log = home.text(&["review", "export", &runs[0].1]);
    let first: Value = serde_json::from_str(log.lines().next().unwrap()).unwrap();
    home.file(
        "undo.jsonl",
        format!("{first}\n")
            + &json!({"id": 999, "run": runs[0].1, "item": first["item"], "criterion": "accuracy", "reviewer": "ana", "undo": first["id"]})
                .to_string(),
    );
    home.json(&["review", "import", "undo.jsonl"]);
    assert_eq!(checked(&home, &third[0].1), 19);
}

#[test]
fn the_same_words_under_another_prompt_or_another_question_are_another_matter() {
    let home = Home::new();
    let lines: String =
        (0..12).map(|i| item(&format!("c{i}"), "a", &format!("is {i} even?"), "Yes.", &[("j", 4)])).collect();
    let run = import(&home, "s", &lines)[0].1.clone();
    label(&home, &run, [(0, 5)], "ana", "picked");
    assert_eq!(checked(&home, &run), 1, "`Yes.` to one question is no label of `Yes.` to another");
    // Another question about the same responses.
    let other = lines.replace("\"accuracy\"", "\"tone\"");
    let tone = import(&home, "t", &other)[0].1.clone();
    assert_eq!(checked(&home, &tone), 0);
}

/// A judge that likes the new arm by 0.7, while people find the old one better: `seen` of both arms are labelled.
fn self_preference(home: &Home, seen: usize) -> String {
    let mut lines = String::new();
    for i in 0..150_usize {
        let people = |arm: &str| 2 + ((i * 7 + usize::from(arm == "new") * 3) % 3) as u8;
        for arm in ["old", "new"] {
            let kind = if arm == "new" && i % 10 < 7 { 1 } else { 0 };
            lines += &item(
                &format!("c{i:03}"),
                arm,
                &format!("p{i}"),
                &format!("{arm} {i}"),
                &[("j", people(arm) + kind)],
            );
        }
    }
    let run = import(home, "s", &lines)[0].1.clone();
    let labels = (0..2 * seen).map(|at| {
        let (i, new) = (at / 2, at % 2 == 1);
        let people = 2 + ((i * 7 + usize::from(new) * 3) % 3) as u8;
        // People like the new arm less by a third of a point.
        (at, if new && i % 3 == 0 { people.saturating_sub(1) } else { people })
    });
    label(home, &run, labels, "ana", "random");
    run
}

#[test]
fn people_decide_where_their_sample_allows() {
    let home = Home::new();
    self_preference(&home, 60);
    let row = home.json(&["run", "compare", "old", "new"])["criteria"][0].clone();
    assert_eq!(row["basis"], "people");
    assert!(row["difference"].as_f64().unwrap() > 0.5, "the judge alone: {row}");
    assert!(row["corrected"]["difference"].as_f64().unwrap() < 0.1, "{row}");
    assert!((row["bias"]["b"].as_f64().unwrap() - row["bias"]["a"].as_f64().unwrap()) > 0.5, "{row}");
    let text = home.text(&["run", "compare", "old", "new"]);
    assert!(text.contains("corrected by people") && !text.contains("new is better"), "{text}");
    let gate =
        home.run(&["gate", "--baseline", "old", "--candidate", "new", "--require-human", "20", "--json"]);
    assert_ne!(gate.status.code(), Some(0), "the judge's liking passes no gate: {}", err(&gate));
    let gate: Value = serde_json::from_slice(&gate.stdout).unwrap();
    assert_eq!(gate["criteria"][0]["basis"], "people");
}

#[test]
fn without_a_sample_it_says_that_the_judge_decided_alone() {
    let home = Home::new();
    self_preference(&home, 0);
    let row = home.json(&["run", "compare", "old", "new"])["criteria"][0].clone();
    assert_eq!(
        (&row["basis"], &row["corrected"], &row["bias"]),
        (&json!("judge"), &Value::Null, &Value::Null)
    );
    let text = home.text(&["run", "compare", "old", "new"]);
    assert!(text.contains("new is better") && text.contains("by the judge alone"), "{text}");
    let gate = home.run(&["gate", "--baseline", "old", "--candidate", "new"]);
    assert!(String::from_utf8_lossy(&gate.stdout).contains("by the judge alone"));
}

#[test]
fn one_reviewer_who_also_agrees_after_the_reveal_is_one_person() {
    let home = Home::new();
    let lines: String = (0..12)
        .map(|i| item(&format!("c{i}"), "a", "p", &format!("r{i}"), &[("j", 1 + (i % 5) as u8)]))
        .collect();
    let run = import(&home, "s", &lines)[0].1.clone();
    label(&home, &run, (0..12).map(|i| (i, 5 - (i % 5) as u8)), "ana", "random");
    let agree: String = (0..12)
        .map(|i| {
            json!({"run": run, "item": i, "criterion": "accuracy", "reviewer": "ana", "score": 1 + i % 5, "sampling": "agree", "saw_judge": true})
                .to_string()
                + "\n"
        })
        .collect();
    home.file("agree.jsonl", agree);
    home.json(&["review", "import", "agree.jsonl"]);
    let out = home.run(&["run", "show", &run]);
    let said = String::from_utf8_lossy(&out.stdout).into_owned() + &err(&out);
    assert!(!said.contains("people do not agree"), "{said}");
}

#[test]
fn more_people_do_not_make_a_judge_by_chance_look_reliable() {
    let alpha = |people: &[&str]| -> f64 {
        let home = Home::new();
        // The judge gives by turns what has nothing to do with the answers.
        let lines: String = (0..40)
            .map(|i| item(&format!("c{i:02}"), "a", "p", &format!("r{i}"), &[("j", 1 + (i * 7 % 5) as u8)]))
            .collect();
        let run = import(&home, "s", &lines)[0].1.clone();
        for who in people {
            label(&home, &run, (0..40).map(|i| (i, 1 + (i / 8) as u8)), who, "random");
        }
        home.json(&["agreement"])["criteria"][0]["alpha_ordinal"]["value"].as_f64().unwrap()
    };
    let (one, five) = (alpha(&["ana"]), alpha(&["ana", "ben", "cem", "dan", "eva"]));
    assert!((one - five).abs() < 1e-9 && five < 0.3, "{one} {five}");
}

/// A rubric of one question.
fn rubric(question: &str) -> String {
    let anchors: String = (1..=5).map(|n| format!("{n} = \"level {n}\"\n")).collect();
    format!(
        "name = \"r\"\n[[criteria]]\nname = \"accuracy\"\nquestion = \"{question}\"\nsteps = [\"Look.\"]\n[criteria.anchors]\n{anchors}"
    )
}

/// A run of the set `s` under the rubric `r` as it is now. Nothing answers at the judge's address: the run is planned, and
/// people may score it before any judge does.
fn planned(home: &Home, question: &str) -> String {
    home.file("r.toml", rubric(question));
    home.json(&["rubric", "add", "r.toml"]);
    let args = ["run", "--cases", "s", "--rubric", "r", "--judge", "http://127.0.0.1:9/v1#m"];
    assert_eq!(home.run(&args).status.code(), Some(5));
    home.json(&["runs"])["runs"][0]["run"].as_str().unwrap().to_owned()
}

/// Twelve answers of one arm, judged by nobody.
fn twelve(home: &Home) {
    let lines: String = (0..12).map(|i| item(&format!("c{i:02}"), "a", "p", &format!("r{i}"), &[])).collect();
    home.file("items.jsonl", &lines);
    home.json(&["import", "items", "items.jsonl", "--set", "s"]);
}

#[test]
fn an_edited_question_makes_labels_stale_and_they_are_shown_apart() {
    let home = Home::new();
    twelve(&home);
    let first = planned(&home, "Is it right?");
    label(&home, &first, (0..12).map(|i| (i, 3)), "ana", "random");
    // The same question, another run: they count.
    let second = planned(&home, "Is it right?");
    assert_eq!(checked(&home, &second), 12);
    let third = planned(&home, "Is every claim right?");
    let shown = home.json(&["run", "show", &third]);
    assert_eq!(shown["criteria"][0]["checked_by_people"], 0);
    let stale = shown["stale"].to_string();
    assert!(stale.contains("12 scores by people") && stale.contains("another wording"), "{stale}");
    // In their own run they stand as they were, and nothing there is stale for them.
    let own = home.json(&["run", "show", &first]);
    assert_eq!(own["criteria"][0]["checked_by_people"], 12);
    assert!(!own["stale"].to_string().contains("scores by people"), "{own}");
}

#[test]
fn stale_labels_are_taken_over_only_by_an_act_that_is_kept() {
    let home = Home::new();
    twelve(&home);
    let first = planned(&home, "Is it right?");
    label(&home, &first, (0..10).map(|i| (i, 3)), "ana", "random");
    label(&home, &first, [(3, 5), (4, 1)], "ben", "picked");
    home.json(&["review", "add", &first, "--item", "11", "--score", "2", "--as", "cem"]);
    let second = planned(&home, "Is it rigth?");
    // To look at them changes nothing, and shows both wordings.
    let looked = home.json(&["review", "renew", &second, "--dry-run"]);
    assert_eq!((looked["rows"].as_array().unwrap().len(), &looked["renewed"]), (13, &json!(0)));
    assert_eq!(
        (&looked["wordings"][0]["answered"], &looked["wordings"][0]["asked"]),
        (&json!("Is it right?"), &json!("Is it rigth?"))
    );
    assert_eq!(checked(&home, &second), 0);
    // Some of them, by name.
    let args = ["review", "renew", &second, "--reviewer", "ana", "--as", "dan", "--reason", "a typo"];
    let done = home.json(&args);
    assert_eq!(
        (&done["renewed"], &done["by"], &done["reason"]),
        (&json!(10), &json!("dan"), &json!("a typo"))
    );
    let row = &done["rows"][0];
    assert_ne!((&row["from"], &row["review"]), (&row["to"], &row["new"]), "{row}");
    assert_eq!(checked(&home, &second), 10);
    let stale = home.json(&["run", "show", &second])["stale"].to_string();
    assert!(stale.contains("3 scores by people"), "what was not taken over is told apart: {stale}");
    // Once: a second time there is nothing left of hers.
    assert_eq!(home.json(&args)["renewed"], 0);
    // They are reviews of the person who scored, under the new question, and say what they take over.
    let log = home.text(&["review", "export", &second]);
    let rows: Vec<Value> = log.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(rows.len(), 10);
    assert!(rows.iter().all(|r| r["reviewer"] == "ana" && r["sampling"] == "random" && r["renews"].is_i64()));
    // So they count in every run of this wording, as its own would.
    assert_eq!(checked(&home, &planned(&home, "Is it rigth?")), 10);
    // The twin: a third wording finds them stale again, and the first run has all it had.
    assert_eq!(checked(&home, &planned(&home, "Is every claim right?")), 0);
    assert_eq!(checked(&home, &first), 11);
    let text = home.text(&["review", "renew", &second]);
    assert!(
        text.contains("now asked: Is it rigth?") && text.contains("3 scores and skips taken over"),
        "{text}"
    );
    assert!(home.text(&["review", "renew", &second]).contains("nothing is stale"));
    assert!(home.run(&["fsck"]).status.success());
}

#[test]
fn what_was_taken_over_stays_so_in_another_registry() {
    let home = Home::new();
    twelve(&home);
    let first = planned(&home, "Is it right?");
    label(&home, &first, (0..10).map(|i| (i, 3)), "ana", "random");
    let second = planned(&home, "Is it rigth?");
    home.json(&["review", "renew", &second]);
    let logs = [&first, &second].map(|run| home.text(&["review", "export", run]));
    let renews = |home: &Home, run: &str| -> Vec<Value> {
        let log = home.text(&["review", "export", run]);
        log.lines().map(|l| serde_json::from_str::<Value>(l).unwrap()["renews"].clone()).collect()
    };
    let import = |lines: &str| {
        let other = Home::new();
        twelve(&other);
        let runs = ["Is it right?", "Is it rigth?"].map(|question| planned(&other, question));
        other.file("log.jsonl", lines.replace(&first, &runs[0]).replace(&second, &runs[1]));
        other.json(&["review", "import", "log.jsonl"]);
        assert_eq!(other.json(&["review", "import", "log.jsonl"])["new"], 0);
        assert!(other.run(&["fsck"]).status.success());
        (runs, other)
    };
    // With the rows that were taken over: by their numbers here.
    let ([old, new], other) = import(&logs.concat());
    let ids: Vec<Value> = other
        .text(&["review", "export", &old])
        .lines()
        .map(|l| serde_json::from_str::<Value>(l).unwrap()["id"].clone())
        .collect();
    assert_eq!((renews(&other, &new), checked(&other, &new)), (ids, json!(10)));
    assert!(renews(&other, &old).iter().all(Value::is_null));
    // Without them: by their numbers there.
    let ([_, new], other) = import(&logs[1]);
    assert_eq!(renews(&other, &new), renews(&home, &second));
    // The twin: a file that does not say so brings scores like any other.
    let plain: String = logs[1]
        .lines()
        .map(|l| {
            let mut row: Value = serde_json::from_str(l).unwrap();
            row.as_object_mut().unwrap().remove("renews");
            format!("{row}\n")
        })
        .collect();
    let ([_, new], other) = import(&plain);
    assert!(renews(&other, &new).iter().all(Value::is_null) && checked(&other, &new) == 10);
}

#[test]
fn labels_under_a_bare_name_are_of_the_criterion_that_it_stands_for_and_of_no_other_wording() {
    let home = Home::new();
    let lines: String =
        (0..12).map(|i| item(&format!("c{i:02}"), "a", "p", &format!("r{i}"), &[("j", 4)])).collect();
    let imported = import(&home, "s", &lines)[0].1.clone();
    label(&home, &imported, (0..12).map(|i| (i, 2 + (i % 3) as u8)), "ana", "random");
    // A run of the criterion that the name stands for: the same question, whoever judges it.
    let live = home.json(&["run", "--cases", "s", "--criteria", "accuracy", "--judge", "recorded:j"]);
    assert_eq!(live["criteria"][0]["checked_by_people"], 12);
    assert_eq!(live["criteria"][0]["corrected"]["n_labelled"], 12);
    // The other way round too: what is scored there counts in the imported run.
    label(&home, live["run"].as_str().unwrap(), (0..12).map(|i| (i, 5)), "ben", "random");
    assert_eq!(
        home.json(&["agreement", "--run", &imported])["criteria"][0]["reviewers"],
        json!(["ana", "ben"])
    );
    // The twin: under a wording of one's own they answer another question, and that is said.
    let own = planned(&home, "Is it right?");
    let shown = home.json(&["run", "show", &own]);
    assert_eq!(shown["criteria"][0]["checked_by_people"], 0);
    let stale = shown["stale"].to_string();
    assert!(stale.contains("12 scores by people") && stale.contains("the bare name"), "{stale}");
    home.json(&["review", "renew", &own, "--reviewer", "ana"]);
    assert_eq!(checked(&home, &own), 12);
}

#[test]
fn what_was_skipped_in_a_sample_stays_skipped_for_every_judge() {
    let home = Home::new();
    let lines: String = (0..30)
        .map(|i| item(&format!("c{i:02}"), "a", "p", &format!("r{i}"), &[("one", 4), ("two", 3)]))
        .collect();
    let runs = import(&home, "s", &lines);
    for _ in 0..16 {
        let next = home.json(&["review", "next", &runs[0].1, "--as", "ana"]);
        let item = next["item"].as_u64().unwrap();
        let given = if item.is_multiple_of(4) {
            vec!["--skip".to_owned()]
        } else {
            vec!["--score".into(), "4".into()]
        };
        let (item, given) = (item.to_string(), given.iter().map(String::as_str).collect::<Vec<_>>());
        home.json(&[&["review", "add", &runs[0].1, "--item", &item, "--as", "ana"][..], &given].concat());
    }
    let of = |run: &str| home.json(&["run", "show", run])["criteria"][0]["skipped_by_people"].clone();
    assert!(of(&runs[0].1).as_u64() > Some(0));
    assert_eq!(of(&runs[1].1), of(&runs[0].1));
}
