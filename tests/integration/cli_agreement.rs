//! Agreement from outside: figures with their n, the human ceiling, slices, length, and the demo's real passes.
use crate::cli_support::Home;
use serde_json::{Value, json};

/// Twelve items judged once; ana scores all, ben the first six. The longer a response, the kinder the judge.
fn stage() -> (Home, String) {
    let home = Home::new();
    let mut lines = String::new();
    for i in 0..12_usize {
        let judged = json!({"criterion": "accuracy", "judge": "j", "repeat": 0, "score": 1 + i * 5 / 12, "explanation": "x"});
        let tag = if i < 4 { "legal" } else { "common" };
        let item = json!({"id": format!("c{i:02}"), "prompt": "p", "response": "x".repeat(10 + i), "tags": [tag], "verdicts": [judged]});
        lines += &format!("{item}\n");
    }
    home.file("i.jsonl", lines);
    let run = home.json(&["import", "items", "i.jsonl"])["runs"][0]["run"].as_str().unwrap().to_owned();
    let ana = [2, 1, 3, 2, 2, 3, 2, 4, 3, 3, 4, 3];
    let ben = [1, 1, 3, 3, 2, 4];
    let review = |who: &str, scores: &[u8]| -> String {
        (0..)
            .zip(scores)
            .map(|(item, score): (usize, &u8)| {
                json!({"run": run, "item": item, "criterion": "accuracy", "reviewer": who, "score": score})
                    .to_string()
                    + "\n"
            })
            .collect()
    };
    home.file("r.jsonl", review("ana", &ana) + &review("ben", &ben));
    home.json(&["review", "import", "r.jsonl"]);
    (home, run)
}

fn value(figure: &Value) -> f64 {
    figure["value"].as_f64().unwrap_or_else(|| panic!("no value: {figure}"))
}

#[test]
fn each_figure_has_its_n_and_interval_and_people_among_themselves_stand_beside() {
    let (home, run) = stage();
    let found = home.json(&["agreement"])["criteria"][0].clone();
    assert_eq!((found["n"].as_u64(), found["items"].as_u64()), (Some(12), Some(12)));
    assert_eq!(found["reviewers"], json!(["ana", "ben"]));
    for key in ["exact", "within_one", "bias", "kappa_quadratic", "alpha_ordinal", "spearman", "tau_b"] {
        let figure = &found[key];
        // Twelve items are too few for an interval of a coefficient.
        let is_share = ["exact", "within_one", "bias"].contains(&key);
        match (figure["ci95"][0].as_f64(), figure["ci95"][1].as_f64()) {
            (Some(lo), Some(hi)) => assert!(lo <= value(figure) && value(figure) <= hi, "{key}: {figure}"),
            _ => assert!(!is_share, "{key}: {figure}"),
        }
        // Each item once against people's mean, each person's score once beside it.
        assert_eq!((&figure["n"], &found["single"][key]["n"]), (&json!(12), &json!(18)), "{key}");
    }
    // By hand: of ana's and ben's six common scores four are equal, and all lie at most one apart.
    let human = &found["human"];
    assert_eq!((human["items"].as_u64(), value(&human["within_one"])), (Some(6), 1.0));
    assert!((value(&human["exact"]) - 3.0 / 6.0).abs() < 1e-12, "{human}");
    assert!(value(&human["kappa_quadratic"]) > value(&found["kappa_quadratic"]), "{human}");
    assert!(human.get("bias").is_none(), "between two people a bias has no direction");
    // The judge goes with length entirely (its scores tie), people less so.
    let length = &found["length"];
    assert!(length["judge"].as_f64().unwrap() > 0.95 && value(&length["difference"]) > 0.0, "{length}");
    // The same twice: resampling is seeded.
    assert_eq!(home.json(&["agreement"])["criteria"][0], found);
    let text = home.text(&["agreement", "--run", &run]);
    assert!(text.contains("people") && text.contains("judge minus people"), "{text}");
}

#[test]
fn a_slice_counts_its_own_cases_and_one_reviewer_has_no_ceiling() {
    let (home, _) = stage();
    let legal = home.json(&["agreement", "--slice", "legal"])["criteria"][0].clone();
    assert_eq!(
        (legal["slice"].as_str(), legal["n"].as_u64(), legal["items"].as_u64()),
        (Some("legal"), Some(4), Some(4))
    );
    let all = home.json(&["agreement", "--by-slice"])["criteria"][0].clone();
    let slices: Vec<_> = all["slices"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| (s["tag"].as_str().unwrap(), s["n"].as_u64().unwrap()))
        .collect();
    assert_eq!(slices, [("common", 8), ("legal", 4)]);
    assert_eq!(all["slices"][1]["kappa_quadratic"], legal["kappa_quadratic"]);
    let ben = home.json(&["agreement", "--as", "ben"])["criteria"][0].clone();
    assert_eq!((ben["n"].as_u64(), &ben["human"]), (Some(6), &Value::Null));
    home.refuses(&["agreement", "--slice", "nothing"], 2, &["'nothing'", "--by-slice"]);
    assert!(home.text(&["agreement", "--by-slice"]).contains("ceiling"));
}

#[test]
fn what_cannot_be_said_is_null_and_never_a_number_that_is_none() {
    let home = Home::new();
    let judged = json!({"criterion": "accuracy", "judge": "j", "score": 4, "explanation": "x"});
    home.file(
        "i.jsonl",
        json!({"id": "c", "prompt": "p", "response": "r", "verdicts": [judged]}).to_string(),
    );
    let run = home.json(&["import", "items", "i.jsonl"])["runs"][0]["run"].as_str().unwrap().to_owned();
    home.refuses(&["agreement"], 2, &["nobody has scored"]);
    home.json(&["review", "add", &run, "--item", "0", "--score", "4", "--as", "ana"]);
    let one = home.json(&["agreement"])["criteria"][0].clone();
    assert_eq!((value(&one["exact"]), &one["kappa_quadratic"]["value"]), (1.0, &Value::Null));
    assert_eq!(one["length"]["difference"], json!({"value": null, "ci95": null, "n": 1}));
    let text = home.text(&["agreement"]);
    assert!(text.contains("n/a") && !text.contains("NaN") && !text.contains("inf"), "{text}");
}

/// Measured outside: `reference/judge.md`, 640 items under three GPT-4 passes.
#[test]
fn the_demos_three_real_passes_repeat_themselves_as_measured_elsewhere() {
    let home = Home::new();
    home.json(&["demo", "--dir", "demo"]);
    let registry = home.path().join("demo/registry.db").to_str().unwrap().to_owned();
    let with = |args: &[&str]| -> Value { home.json(&[&["--registry", registry.as_str()], args].concat()) };
    let run = with(&["runs"])["runs"][0]["run"].as_str().unwrap().to_owned();
    let itself = with(&["agreement", "--run", &run])["criteria"][0]["itself"].clone();
    let compared =
        with(&["run", "compare", "chatgpt", "vicuna_13b", "--run", &run])["criteria"][0]["itself"].clone();
    assert_eq!(itself, compared);
    assert_eq!((itself["n"].as_u64(), itself["passes"].as_u64()), (Some(640), Some(3)));
    let figure = |key: &str| itself[key].as_f64().unwrap();
    assert!((figure("icc1") - 0.852).abs() < 0.0005, "{itself}");
    assert!((figure("icck") - 0.945).abs() < 0.0005, "{itself}");
    assert!((figure("identical") - 340.0 / 640.0).abs() < 1e-12, "{itself}");
    assert!((figure("alpha_ordinal") - 0.781).abs() < 0.0005, "{itself}");
    let text =
        home.text(&["--registry", &registry, "run", "compare", "chatgpt", "vicuna_13b", "--run", &run]);
    assert!(text.contains("ICC(1) 0.852, 53 % identical"), "{text}");
}

#[test]
fn a_sheet_goes_out_blind_and_comes_back_whole_or_not_at_all() {
    let (home, run) = stage();
    home.json(&[
        "review",
        "add",
        &run,
        "--item",
        "3",
        "--score",
        "2",
        "--as",
        "cleo",
        "--comment",
        "=2+5",
        "--mode",
        "@vague",
    ]);
    let told = home.json(&["review", "export", &run, "--csv", "s.csv", "--as", "cleo"]);
    assert_eq!((told["rows"].as_u64(), told["blind"].as_bool()), (Some(12), Some(true)));
    let sheet = std::fs::read_to_string(home.path().join("s.csv")).unwrap();
    for hidden in ["judge", "default", ",c03,", "ana", "ben"] {
        assert!(!sheet.contains(hidden), "a blind sheet shows '{hidden}': {sheet}");
    }
    assert!(sheet.contains("'=2+5") && sheet.contains("'@vague"), "{sheet}");
    // As it is, it brings nothing new: the comment and the mode came back as they were.
    let again = home.json(&["review", "import", "s.csv"]);
    assert_eq!((again["new"].as_u64(), again["known"].as_u64()), (Some(0), Some(1)), "{sheet}");
    home.refuses(
        &["review", "export", &run, "--csv", "s.csv", "--as", "cleo"],
        2,
        &["s.csv", "not there yet"],
    );
    // Filled; with one bad row nothing of it is taken in.
    let filled: String = sheet.replace(",cleo,,,", ",cleo,4,\"good, mostly\",too long; off topic");
    let lines: Vec<&str> = filled.lines().collect();
    let bad = filled.replacen(",cleo,4,", ",cleo,9,", 1);
    home.file("bad.csv", &bad);
    home.refuses(&["review", "import", "bad.csv"], 2, &["bad.csv", "line ", "'9'", "nothing was taken in"]);
    assert_eq!(home.text(&["review", "export", &run]).lines().count(), 19, "18 of the stage and one");
    home.file("good.csv", &filled);
    let done = home.json(&["review", "import", "good.csv"]);
    assert_eq!((done["new"].as_u64(), done["known"].as_u64()), (Some(11), Some(1)), "{}", lines[1]);
    assert_eq!(home.json(&["review", "import", "good.csv"])["new"], 0);
    let log = home.text(&["review", "export", &run]);
    let last: Value = serde_json::from_str(log.lines().last().unwrap()).unwrap();
    assert_eq!(
        (last["comment"].as_str(), &last["modes"]),
        (Some("good, mostly"), &json!(["too long", "off topic"]))
    );
    // The whole of a queue that was drawn at random.
    assert_eq!((&last["saw_judge"], &last["sampling"]), (&json!(false), &json!("random")));
    // Another name than the sheet's; a sheet that shows the judge counts as not blind.
    home.json(&["review", "import", "good.csv", "--as", "dora"]);
    home.text(&["review", "export", &run, "--csv", "open.csv", "--as", "eva", "--with-judge"]);
    let open = std::fs::read_to_string(home.path().join("open.csv")).unwrap();
    assert!(open.contains("judge_score") && open.contains("c03"), "{open}");
    home.file("open2.csv", open.replace(",eva,,,", ",eva,1,,"));
    home.json(&["review", "import", "open2.csv"]);
    let people = home.json(&["agreement"])["criteria"][0]["reviewers"].clone();
    assert_eq!(people, json!(["ana", "ben", "cleo", "dora"]));
    home.refuses(&["review", "import", "good.csv", "--as", " "], 2, &["who scored?"]);
    home.file("other.csv", "run,item,criterion,score,reviewer\nffff,0,accuracy,3,x\n");
    home.refuses(&["review", "import", "other.csv"], 2, &["line 2"]);
}

/// Items judged by several, and labelled: (case, arm, each judge's score, ana's, ben's).
fn labelled(rows: &[(String, &str, Vec<(&str, u8)>, u8, Option<u8>)]) -> (Home, Vec<String>) {
    let home = Home::new();
    let mut lines = String::new();
    for (case, arm, judges, ..) in rows {
        let verdicts: Vec<Value> = judges
            .iter()
            .map(|(judge, score)| json!({"criterion": "accuracy", "judge": judge, "score": score, "explanation": "x"}))
            .collect();
        let item = json!({"id": case, "arm": arm, "prompt": "p", "response": format!("{case} {arm}"), "verdicts": verdicts});
        lines += &format!("{item}\n");
    }
    home.file("i.jsonl", lines);
    let done = home.json(&["import", "items", "i.jsonl", "--set", "s"]);
    let runs: Vec<String> =
        done["runs"].as_array().unwrap().iter().map(|r| r["run"].as_str().unwrap().to_owned()).collect();
    let mut reviews = String::new();
    for (at, (_, _, _, ana, ben)) in rows.iter().enumerate() {
        for (who, score) in [("ana", Some(ana)), ("ben", ben.as_ref())] {
            if let Some(score) = score {
                let review = json!({"run": runs[0], "item": at, "criterion": "accuracy", "reviewer": who, "score": score});
                reviews += &format!("{review}\n");
            }
        }
    }
    home.file("r.jsonl", reviews);
    home.json(&["review", "import", "r.jsonl"]);
    (home, runs)
}

#[test]
fn the_fields_standard_figures_are_told_each_with_a_line() {
    let row = |case: usize, arm: &'static str, judge: u8, ana: u8, ben: Option<u8>| {
        (format!("c{case}"), arm, vec![("j", judge)], ana, ben)
    };
    let (home, _) = labelled(&[
        row(0, "a", 5, 5, Some(4)),
        row(0, "b", 1, 3, Some(3)),
        row(1, "a", 3, 5, None),
        row(1, "b", 4, 4, None),
        row(2, "a", 3, 2, None),
        row(2, "b", 3, 3, None),
    ]);
    let found = home.json(&["agreement", "--as", "ana"])["criteria"][0].clone();
    // Within cases: c0 alike, c1 the other way round, c2 tied by the judge. The arms' means are ranked alike.
    let levels = &found["levels"];
    assert_eq!(
        (&levels["documents"], &levels["documents_undefined"], &levels["systems"]),
        (&json!(2), &json!(1), &json!(2))
    );
    assert!(value(&levels["document"]["spearman"]).abs() < 1e-12, "{levels}");
    assert!((value(&levels["system"]["pearson"]) - 1.0).abs() < 1e-12, "{levels}");
    // Where the judge says 3, ana says 5, 2 and 3; it says 3 three times, she twice, both once.
    let three = &found["calibration"][2];
    assert_eq!((&three["judge"], &three["n"]), (&json!(3), &json!(3)));
    assert!((three["people_mean"].as_f64().unwrap() - 10.0 / 3.0).abs() < 1e-12, "{three}");
    assert!(
        three["ci95"][0].as_f64().unwrap() >= 1.0 && three["ci95"][1].as_f64().unwrap() <= 5.0,
        "{three}"
    );
    assert_eq!(found["calibration"][1]["people_mean"], Value::Null, "the judge never says 2");
    let three = &found["confusion"][2];
    assert_eq!((&three["people"], &three["judge"], &three["both"]), (&json!(2), &json!(3), &json!(1)));
    assert_eq!((value(&three["recall"]), &three["precision"]["n"]), (0.5, &json!(3)));
    assert_eq!(found["between_reviewers"], json!([]));
    // People one by one: ana and ben share two items, on one of which they agree; he gives half a point less.
    let both = home.json(&["agreement"])["criteria"][0]["between_reviewers"].clone();
    assert_eq!(
        (&both[0]["first"], &both[0]["second"], &both[0]["n"]),
        (&json!("ana"), &json!("ben"), &json!(2))
    );
    assert_eq!((value(&both[0]["exact"]), value(&both[0]["second_minus_first"])), (0.5, -0.5));
    let text = home.text(&["agreement"]);
    for words in [
        "document level: Spearman",
        "rank the arms' answers to a case as people do?",
        "system level: Spearman",
        "says 4: people 4.00",
        "confusion by score (of what people gave",
        "ana and ben",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    // The twin: with one arm there is nothing to rank within a case.
    let (home, _) = stage();
    assert_eq!(home.json(&["agreement"])["criteria"][0]["levels"], Value::Null);
    assert!(!home.text(&["agreement"]).contains("document level"));
}

#[test]
fn judges_stand_side_by_side_on_the_same_labels() {
    let rows: Vec<_> = (0..60_usize)
        .map(|i| {
            let people = 1 + (i * 7 % 5) as u8;
            let near = if i % 6 == 0 { (people + 1).min(5) } else { people };
            let judges = vec![("near", near), ("like", near), ("coin", 1 + (i * 11 % 4) as u8)];
            (format!("c{i:02}"), "a", judges, people, None)
        })
        .collect();
    let (home, runs) = labelled(&rows);
    // The labels were given in the first judge's run; they count for all.
    let found = home.json(&["agreement", "--judges"])["judges"].clone();
    let of = |first: &str, second: &str| {
        found
            .as_array()
            .unwrap()
            .iter()
            .find(|p| p["first"]["judge"] == first && p["second"]["judge"] == second)
            .unwrap_or_else(|| panic!("{first} {second}: {found}"))
    };
    let coin = of("coin", "near");
    assert_eq!(
        (&coin["items"], &coin["closer"], &coin["together"]),
        (&json!(60), &json!("second"), &json!(3))
    );
    let kappa = &coin["kappa_quadratic"];
    // Sixty responses are too few for an interval of two kappas; the distance has one.
    assert!(kappa["difference"].as_f64().unwrap() < -0.5 && kappa["ci95"].is_null(), "{kappa}");
    assert!(coin["distance"]["ci95"][0].as_f64().unwrap() > 0.0, "{coin}");
    // Beside the figure of the same judge alone.
    let alone =
        home.json(&["agreement", "--run", &runs[0]])["criteria"][0]["kappa_quadratic"]["value"].clone();
    assert!((kappa["second"].as_f64().unwrap() - alone.as_f64().unwrap()).abs() < 1e-9, "{kappa} {alone}");
    let exact = &coin["exact"];
    assert!((exact["second"].as_f64().unwrap() - 52.0 / 60.0).abs() < 0.05, "{exact}");
    // The twin: two that say the same are not told apart.
    assert_eq!(of("like", "near")["closer"], "no_evidence");
    let text = home.text(&["agreement", "--judges"]);
    assert!(text.contains("near goes with people more closely than coin"), "{text}");
    assert!(text.contains("for all 3 comparisons together"), "{text}");
    let (alone, _) = stage();
    alone.refuses(&["agreement", "--judges"], 2, &["no two judges"]);
}
