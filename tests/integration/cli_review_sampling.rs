//! Scores given outside the screens: which of them are a random sample, and so may correct a judge's mean.
use crate::cli_support::{Home, err};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const ITEMS: usize = 30;

/// Judged items of two arms, 30 in all; the run's id.
fn stage() -> (Home, String) {
    let home = Home::new();
    let line = |i: usize| {
        let verdict = json!({"criterion": "accuracy", "judge": "j", "score": i % 5 + 1, "explanation": "x"});
        let arm = if i.is_multiple_of(2) { "a" } else { "b" };
        let item = json!({"id": format!("c{}", i / 2), "arm": arm, "prompt": "p", "response": format!("r{i}"), "verdicts": [verdict]});
        item.to_string() + "\n"
    };
    home.file("i.jsonl", (0..ITEMS).map(line).collect::<String>());
    let run = home.json(&["import", "items", "i.jsonl", "--set", "s"])["runs"][0]["run"]
        .as_str()
        .unwrap()
        .to_owned();
    (home, run)
}

/// How many reviews there are of each kind: sampling, and whether there is a score.
fn kinds(home: &Home, run: &str) -> BTreeMap<(String, bool), usize> {
    let mut found = BTreeMap::new();
    for line in home.text(&["review", "export", run]).lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        let kind = (row["sampling"].as_str().unwrap().to_owned(), !row["score"].is_null());
        *found.entry(kind).or_default() += 1;
    }
    found
}

fn only(found: &[(&str, bool, usize)]) -> BTreeMap<(String, bool), usize> {
    found.iter().map(|(sampling, scored, n)| (((*sampling).to_owned(), *scored), *n)).collect()
}

fn corrected(home: &Home, run: &str) -> Value {
    home.json(&["run", "show", run])["criteria"][0]["corrected"].clone()
}

/// The sheet, filled in: the score column of the rows that `fill` has something for.
fn fill(home: &Home, run: &str, fill: impl Fn(usize) -> &'static str) -> Vec<String> {
    let _ = std::fs::remove_file(home.path().join("s.csv"));
    home.json(&["review", "export", run, "--csv", "s.csv", "--as", "ana"]);
    let sheet = std::fs::read_to_string(home.path().join("s.csv")).unwrap();
    let mut rows: Vec<String> = sheet.lines().map(str::to_owned).collect();
    for (i, row) in rows.iter_mut().skip(1).enumerate() {
        *row = row.replacen(",ana,,", &format!(",ana,{},", fill(i)), 1);
    }
    rows
}

fn import(home: &Home, rows: &[String]) -> Value {
    home.file("filled.csv", rows.join("\n") + "\n");
    home.json(&["review", "import", "filled.csv"])
}

#[test]
fn the_top_of_a_drawn_sheet_is_a_random_sample_and_what_is_left_empty_in_it_a_skip() {
    let (home, run) = stage();
    let rows = fill(&home, &run, |i| match i {
        3 => "",
        5 => "skip",
        // Most of the 30, so that both arms have enough of them, whatever is drawn.
        0..26 => "3",
        _ => "",
    });
    let done = import(&home, &rows);
    assert_eq!((&done["new"], &done["random"], &done["skipped"]), (&json!(26), &json!(24), &json!(2)));
    assert_eq!(kinds(&home, &run), only(&[("random", true, 24), ("random", false, 2)]));
    let told = corrected(&home, &run);
    assert!(told["mean"].is_number(), "{told}");
    assert_eq!(import(&home, &rows)["new"], 0);
    // The skipped ones come back: last, and told.
    let next = home.json(&["review", "next", &run, "--as", "ana"]);
    assert_eq!(next["skipped"], 2);
    assert_eq!(home.json(&["fsck"])["ok"], true);
}

#[test]
fn however_a_sheet_is_sorted_and_cut_its_top_is_found() {
    let (home, run) = stage();
    let mut rows = fill(&home, &run, |i| if i < 12 { "4" } else { "" });
    // Only the filled rows come back, the other way round.
    rows.truncate(13);
    rows[1..].reverse();
    assert_eq!(import(&home, &rows)["random"], 12);
    assert!(corrected(&home, &run)["mean"].is_number());
}

#[test]
fn what_was_chosen_in_a_sheet_is_picked() {
    // Every third row; all but the first row; another run's seals.
    for way in 0..3 {
        let (home, run) = stage();
        let rows = match way {
            0 => fill(&home, &run, |i| if i % 3 == 2 { "4" } else { "" }),
            1 => {
                let mut rows = fill(&home, &run, |i| if i < 14 { "4" } else { "" });
                rows.remove(1);
                rows
            }
            _ => {
                let mut rows = fill(&home, &run, |i| if i < 14 { "4" } else { "" });
                for row in rows.iter_mut().skip(1) {
                    let cut = row.rfind(':').unwrap();
                    row.replace_range(cut.., ":0123456789abcdef");
                }
                rows
            }
        };
        let done = import(&home, &rows);
        assert!(done["new"].as_u64().unwrap() >= 10 && done["random"] == 0, "{way}: {done}");
        assert_eq!(corrected(&home, &run), Value::Null, "{way}");
    }
}

#[test]
fn what_review_next_gives_is_random_and_anything_else_picked() {
    let (home, run) = stage();
    let next = || home.json(&["review", "next", &run, "--as", "ana"])["item"].as_u64().unwrap().to_string();
    let add = |item: &str, what: &[&str]| {
        let args = [&["review", "add", &run, "--as", "ana", "--item", item][..], what].concat();
        home.json(&args)["sampling"].as_str().unwrap().to_owned()
    };
    let first = next();
    // So many that no arm is left with too few of them by chance.
    for n in 0..22 {
        let item = next();
        assert_eq!(add(&item, &["--score", if n % 2 == 0 { "3" } else { "4" }]), "random");
    }
    // A correction of such a score is of the same sample.
    assert_eq!(add(&first, &["--score", "5"]), "random");
    assert!(corrected(&home, &run)["mean"].is_number());
    let skipped = next();
    assert_eq!(add(&skipped, &["--skip"]), "random");
    let other = next();
    assert_ne!(other, skipped);
    let picked = (0..ITEMS as u64).map(|i| i.to_string()).find(|i| {
        *i != other && *i != skipped && kinds(&home, &run).len() < 4 && {
            let log = home.text(&["review", "export", &run]);
            !log.contains(&format!("\"item\":{i},"))
        }
    });
    assert_eq!(add(&picked.unwrap(), &["--score", "1"]), "picked");
    // When all else is done, what was skipped comes back.
    for _ in 0..ITEMS {
        let item = next();
        if item == skipped {
            break;
        }
        add(&item, &["--score", "2"]);
    }
    assert_eq!(next(), skipped);
    assert_eq!(add(&skipped, &["--score", "2"]), "random");
    assert_eq!(home.json(&["review", "next", &run, "--as", "ana"])["done"], true);
    home.refuses(&["review", "add", &run, "--item", "0"], 2, &["--score"]);
}

fn row(i: usize, more: &Value) -> String {
    let mut row = json!({"set": "s", "case": format!("c{}", i / 2), "arm": if i.is_multiple_of(2) { "a" } else { "b" },
        "criterion": "accuracy", "reviewer": "ana", "score": 3.0});
    for (key, value) in more.as_object().unwrap() {
        row[key] = value.clone();
    }
    row.to_string() + "\n"
}

#[test]
fn rows_go_by_set_case_and_arm_and_a_complete_labelling_is_random() {
    let all: String = (0..ITEMS).map(|i| row(i, &json!({}))).collect();
    let (home, run) = stage();
    home.file("all.jsonl", &all);
    let done = home.json(&["review", "import", "all.jsonl"]);
    assert_eq!((&done["new"], &done["random"]), (&json!(ITEMS), &json!(ITEMS)));
    assert!(corrected(&home, &run)["mean"].is_number());
    assert_eq!(home.json(&["review", "import", "all.jsonl"])["known"], ITEMS);
    // Each at its own item.
    for line in home.text(&["review", "export", &run]).lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        let (case, arm) = (row["case"].as_str().unwrap(), row["arm"].as_str().unwrap());
        let item = row["item"].as_u64().unwrap();
        assert_eq!(
            (case, arm),
            (format!("c{}", item / 2).as_str(), if item.is_multiple_of(2) { "a" } else { "b" })
        );
    }
    // One is missing: nothing says how the others were chosen, and to say `all` would be false.
    let (home, run) = stage();
    let most: String = (1..ITEMS).map(|i| row(i, &json!({}))).collect();
    home.file("most.jsonl", &most);
    assert_eq!(home.json(&["review", "import", "most.jsonl"])["random"], 0);
    assert_eq!(corrected(&home, &run), Value::Null);
    // What was picked before is not made complete by its rest...
    home.file("rest.jsonl", row(0, &json!({})));
    assert_eq!(home.json(&["review", "import", "rest.jsonl"])["random"], 0);
    // ... but by the whole, in one file.
    home.file("all.jsonl", &all);
    assert_eq!(home.json(&["review", "import", "all.jsonl"])["random"], ITEMS);
    // Beside a complete labelling, a score of somebody else was chosen all the same.
    home.file("other.jsonl", row(0, &json!({"reviewer": "cleo"})));
    assert_eq!(home.json(&["review", "import", "other.jsonl"])["random"], 0);
    // Two people who shared it out have left nothing out.
    let (home, _) = stage();
    let shared = (0..ITEMS).map(|i| row(i, &json!({"reviewer": if i < 9 { "ben" } else { "cleo" }})));
    home.file("shared.jsonl", shared.collect::<String>());
    assert_eq!(home.json(&["review", "import", "shared.jsonl"])["random"], ITEMS);
    let (home, run) = stage();
    let claimed: String = (1..ITEMS).map(|i| row(i, &json!({"sampling": "all"}))).collect();
    home.file("claimed.jsonl", &claimed);
    home.refuses(&["review", "import", "claimed.jsonl"], 2, &["claimed.jsonl line 1", "1 of 30 items"]);
    assert_eq!(kinds(&home, &run), BTreeMap::new());
    let drawn: String = (1..13).map(|i| row(i, &json!({"sampling": "random"}))).collect();
    home.file("drawn.jsonl", &drawn);
    assert_eq!(home.json(&["review", "import", "drawn.jsonl"])["random"], 12);
    let picked: String =
        (0..ITEMS).map(|i| row(i, &json!({"sampling": "picked", "reviewer": "ben"}))).collect();
    home.file("picked.jsonl", &picked);
    assert_eq!(home.json(&["review", "import", "picked.jsonl"])["random"], 0);
}

#[test]
fn a_row_that_names_no_place_is_refused_and_an_export_finds_its_own_elsewhere() {
    let (home, run) = stage();
    for (more, words) in [
        (json!({"case": "nobody"}), "'nobody'"),
        (json!({"set": "t"}), "'t'"),
        (json!({"arm": "c"}), "'c'"),
        (json!({"arm": null}), "\"arm\", one of: a, b"),
        (json!({"set": null}), "'run' and 'item'"),
        (json!({"sampling": "dice"}), "'random', 'all' or 'picked'"),
    ] {
        home.file("bad.jsonl", row(0, &json!({})) + &row(2, &more));
        home.refuses(&["review", "import", "bad.jsonl"], 2, &["bad.jsonl line 2", words]);
    }
    home.file("some.jsonl", (0..3).map(|i| row(i, &json!({}))).collect::<String>());
    home.json(&["review", "import", "some.jsonl"]);
    // Another registry with the same items has other run ids.
    let (there, other) = stage();
    assert_ne!(run, other);
    there.file("log.jsonl", home.text(&["review", "export", &run]));
    assert_eq!(there.json(&["review", "import", "log.jsonl"])["new"], 3);
    assert_eq!(there.json(&["review", "import", "log.jsonl"])["known"], 3);
    let out = there.run(&["review", "import", "log.jsonl"]);
    assert!(
        out.status.success() && String::from_utf8_lossy(&out.stdout).contains("3 known"),
        "{}",
        err(&out)
    );
}
