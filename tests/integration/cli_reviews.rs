//! Reviews in and out as JSON Lines: nothing is lost on the way.
use crate::cli_support::Home;
use serde_json::{Value, json};

/// Six judged items; the run's id.
fn stage() -> (Home, String) {
    let home = Home::new();
    let line = |i: usize| {
        let verdict =
            json!({"criterion": "accuracy", "judge": "j", "repeat": 0, "score": 3, "explanation": "x"});
        json!({"id": format!("c{i}"), "prompt": "p", "response": "r", "verdicts": [verdict]}).to_string()
            + "\n"
    };
    home.file("i.jsonl", (0..6).map(line).collect::<String>());
    let run = home.json(&["import", "items", "i.jsonl"])["runs"][0]["run"].as_str().unwrap().to_owned();
    (home, run)
}

fn row(run: &str, item: usize, score: u8, modes: &[&str]) -> Value {
    json!({"run": run, "item": item, "criterion": "accuracy", "reviewer": "ana", "score": score, "modes": modes})
}

fn lines(rows: &[Value]) -> String {
    rows.iter().map(|row| format!("{row}\n")).collect()
}

/// The log without what belongs to a place and a time.
fn log(home: &Home, run: &str) -> Vec<Value> {
    let text = home.text(&["review", "export", run]);
    let rows: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let place = |id: &Value| rows.iter().position(|row| row["id"] == *id);
    let bare = |row: &Value| {
        let mut row = row.clone();
        // What it takes back, by its place in the log: the numbers differ from registry to registry.
        row["undo"] = json!(place(&row["undo"]));
        for key in ["id", "at"] {
            row.as_object_mut().unwrap().remove(key);
        }
        row
    };
    rows.iter().map(bare).collect()
}

#[test]
fn an_export_of_reviews_comes_back_whole() {
    let (home, run) = stage();
    home.text(&["backup", "before.db"]);
    let first = json!({"run": run, "item": 0, "criterion": "accuracy", "reviewer": "ana", "score": 2, "comment": "n\u{e9}",
        "modes": ["too long", "off; topic"], "saw_judge": true});
    home.file("r.jsonl", lines(&[first, row(&run, 1, 5, &[]), row(&run, 2, 1, &["rude"])]));
    home.json(&["review", "import", "r.jsonl"]);
    // The same again after another; and one that is taken back, as `u` on the screen does it.
    for score in ["4", "5", "4"] {
        home.text(&[
            "review", "add", &run, "--item", "3", "--score", score, "--as", "ben", "--mode", "vague",
        ]);
    }
    let mut rows: Vec<Value> =
        home.text(&["review", "export", &run]).lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let mut undo = rows[1].clone();
    (undo["id"], undo["undo"], undo["score"]) = (json!(99), rows[1]["id"].clone(), Value::Null);
    rows.push(undo);
    home.file("all.jsonl", lines(&rows));
    assert_eq!(
        home.json(&["review", "import", "all.jsonl"]),
        json!({"schema": 1, "new": 1, "known": 6, "random": 0, "skipped": 0})
    );
    home.file("all.jsonl", home.text(&["review", "export", &run]));
    let whole = log(&home, &run);
    assert_eq!((whole.len(), &whole[6]["undo"]), (7, &json!(1)));
    // Known here; all new there, and then known.
    for (registry, new, known) in [(None, 0, 7), (Some("before.db"), 7, 0), (Some("before.db"), 0, 7)] {
        let mut args = vec!["review", "import", "all.jsonl"];
        args.extend(registry.iter().flat_map(|path| ["--registry", path]));
        let done = home.json(&args);
        assert_eq!((&done["new"], &done["known"]), (&json!(new), &json!(known)), "{registry:?}");
    }
    std::fs::copy(home.path().join("before.db"), home.path().join(".local/share/assize/registry.db"))
        .unwrap();
    for ending in ["-wal", "-shm"] {
        let beside = home.path().join(format!(".local/share/assize/registry.db{ending}"));
        let _ = std::fs::remove_file(beside);
    }
    assert_eq!(log(&home, &run), whole);
    assert_eq!(home.json(&["fsck"])["ok"], true);
}

#[test]
fn a_line_that_says_two_things_is_refused_with_its_number() {
    let (home, run) = stage();
    let good = row(&run, 0, 4, &[]).to_string();
    for (bad, words) in [
        (good.replace("\"score\":4", "\"score\":2,\"score\":5"), "'score' stands twice"),
        (good.replace("\"score\":4", "\"score\":9"), "'score'"),
        (good.replace("\"score\":4,", ""), "'score'"),
        (good.replace("\"modes\":[]", "\"modes\":\"long\""), "'modes'"),
        (good.replace("\"modes\":[]", "\"saw_judge\":\"no\""), "'saw_judge'"),
        (good.replace("\"modes\":[]", "\"sampling\":\"dice\""), "'dice'"),
        (good.replace("\"item\":0", "\"item\":6"), "'item'"),
    ] {
        home.file("bad.jsonl", format!("{good}\n{bad}\n"));
        home.refuses(&["review", "import", "bad.jsonl"], 2, &["bad.jsonl line 2", words]);
        assert_eq!(log(&home, &run), Vec::<Value>::new(), "{bad}");
    }
}

#[test]
fn a_score_for_another_wording_of_the_question_is_not_taken_for_this_one() {
    let (home, run) = stage();
    home.file("r.jsonl", lines(&[row(&run, 1, 5, &[])]));
    home.json(&["review", "import", "r.jsonl"]);
    let mut exported: Value = serde_json::from_str(home.text(&["review", "export", &run]).trim()).unwrap();
    assert_eq!(exported["question"].as_str().map(str::len), Some(64), "{exported}");
    (exported["item"], exported["id"]) = (json!(2), Value::Null);
    home.file("same.jsonl", lines(std::slice::from_ref(&exported)));
    assert_eq!(home.json(&["review", "import", "same.jsonl"])["new"], 1);
    exported["question"] = json!("0".repeat(64));
    (exported["item"], exported["score"]) = (json!(3), json!(1));
    home.file("other.jsonl", lines(std::slice::from_ref(&exported)));
    home.refuses(&["review", "import", "other.jsonl"], 2, &["line 1", "did not ask under the wording"]);
    // By its set, case and arm it is looked for in every run, and found in none.
    exported["run"] = Value::Null;
    home.file("other.jsonl", lines(&[exported]));
    home.refuses(&["review", "import", "other.jsonl"], 2, &["line 1", "under the wording"]);
    assert_eq!(home.text(&["review", "export", &run]).lines().count(), 2);
}
