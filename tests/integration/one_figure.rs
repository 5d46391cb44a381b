//! Figures of judged runs, asked on the command line and on the screens: the same, also where cells are missing and some
//! responses were judged more often than others.

use crate::tui_figures::{block, import, item, open, review, sane};
use assize::config::Config;
use assize::core::item::Item;
use assize::core::rubric::{Criterion, Rubric};
use assize::store::Store;
use assize::tui::testing::Harness;
use assize::tui::theme::Theme;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// The arms' names.
const ARMS: [&str; 2] = ["old", "new"];

/// Fourteen cases under two arms. Responses were judged once to three times, one verdict failed, one criterion was not asked
/// of one response, and the last case has a response of one arm alone.
fn registry(dir: &Path) -> PathBuf {
    let made = |i: usize, arm: &str| {
        let better = usize::from(arm == "new");
        let mut one = item(i, arm, [(2 + i % 3 + better) as u8, (1 + i % 4) as u8]);
        let third = one.verdicts[1].clone();
        match (i % 3, arm) {
            // One pass on each criterion.
            (0, _) => one.verdicts.retain(|v| v.repeat == 0),
            // A third pass on the first criterion, which differs.
            (1, "new") => one.verdicts.push(assize::core::item::ImportedVerdict {
                label: None,
                repeat: 2,
                score: third.score.map(|s| s - 1),
                ..third
            }),
            _ => {}
        }
        if i == 4 && arm == "new" {
            one.verdicts[0].score = None;
            one.verdicts[0].state = Some("refused".into());
        }
        if i == 5 && arm == "old" {
            one.verdicts.retain(|v| v.criterion != "clarity");
        }
        one
    };
    let items: Vec<Item> = (0..14)
        .flat_map(|i| ARMS.map(|arm| made(i, arm)))
        .filter(|one| one.id != "case-13" || one.arm == "old")
        .collect();
    let path = import(dir, items);
    let mut store = Store::open(&path).unwrap();
    let run = store.runs(None).unwrap()[0].id.clone();
    for item in 0..16 {
        review(&mut store, &run, "ana", item, 1 + (item % 4) as u8, &[]);
    }
    for item in 0..8 {
        review(&mut store, &run, "ben", item, 1 + (item % 5) as u8, &[]);
    }
    let criterion = |name: &str| Criterion {
        name: name.into(),
        question: format!("Is the {name} right?"),
        anchors: (0..5).map(|i| format!("{name} {i}")).collect(),
        scale: assize::core::rubric::Scale::OneToFive,
        steps: Vec::new(),
        generic: false,
    };
    let rubric = Rubric {
        name: "house".into(),
        description: "What we look for".into(),
        criteria: vec![criterion("accuracy"), criterion("clarity")],
        checks: Vec::new(),
    };
    store.add_rubric(&rubric).unwrap();
    path
}

fn run_of(path: &Path) -> String {
    Store::open(path).unwrap().runs(None).unwrap().last().unwrap().id.clone()
}

/// What a command says, as text and as JSON.
fn said(path: &Path, words: &[&str]) -> (String, Value) {
    let ask = |more: &[&str]| {
        let out = std::process::Command::new(env!("CARGO_BIN_EXE_assize"))
            .args(["--registry", path.to_str().unwrap()])
            .args(words)
            .args(more)
            .env("HOME", path.parent().unwrap())
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("XDG_DATA_HOME")
            .output()
            .unwrap();
        assert!(out.status.success(), "{words:?}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).unwrap()
    };
    (ask(&[]), serde_json::from_str(&ask(&["--json"])).unwrap())
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap_or_else(|| panic!("{value}"))
}

fn two(value: &Value) -> String {
    value.as_f64().map_or_else(|| "n/a".to_owned(), |v| format!("{v:.2}"))
}

/// `[0.12, 0.56]`; `between` stands between the ends.
fn ends(value: &Value, between: &str) -> String {
    format!("{}{between}{}", two(&value[0]), two(&value[1]))
}

fn shows(text: &str, figure: &str, what: &str) {
    assert!(text.contains(figure), "{what}: '{figure}' is not in\n{text}");
}

/// What stands on a screen, on one line: words are wrapped where the room ends.
fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_grid_and_its_coverage_are_those_of_run_show() {
    let dir = tempfile::tempdir().unwrap();
    let path = registry(dir.path());
    let run = run_of(&path);
    let (words, shown) = said(&path, &["run", "show", &run]);
    let (_, items) = said(&path, &["run", "show", &run, "--items"]);
    let library = {
        let store = Store::open(&path).unwrap();
        assize::questions::coverage::Coverage::read(&store, &run).unwrap()
    };
    block(async {
        let mut screen = open(&path, (160, 45)).await;
        screen.keys("2 Enter").await;
        screen.idle().await;
        let text = screen.text();
        sane(&text);
        let verdicts: u64 = shown["verdicts"].as_object().unwrap().values().filter_map(Value::as_u64).sum();
        shows(&text, &format!("complete · {verdicts} / {verdicts}"), "verdicts");
        shows(&text, "1 refused", "failures");
        // Every mean with what it rests on: by arm and criterion.
        for (arm, of_library) in list(&shown["arms"]).iter().zip(&library.arms) {
            for (c, own) in list(&arm["criteria"]).iter().zip(&of_library.criteria) {
                let what = format!("{} {}", arm["arm"], c["name"]);
                assert_eq!(
                    (c["mean"].as_f64(), c["coverage"].as_f64()),
                    (own.mean, Some(own.coverage)),
                    "{what}"
                );
                for (screens, commands) in [
                    (two(&c["mean"]), two(&c["mean"])),
                    (ends(&c["ci95"], "–"), ends(&c["ci95"], " to ")),
                    (
                        format!("{:.1} %", 100.0 * c["coverage"].as_f64().unwrap()),
                        format!("{:.1} %", 100.0 * c["coverage"].as_f64().unwrap()),
                    ),
                    (format!("{}/{}", c["n"], own.planned), format!("{}/{}", c["n"], own.planned)),
                ] {
                    shows(&text, &screens, &what);
                    shows(&words, &commands, &what);
                }
            }
        }
        // Every cell: the passes of a case's responses, arm by arm and criterion by criterion.
        for case in (0..14).map(|i| format!("case-{i:02}")) {
            let mut cells = String::new();
            for arm in ARMS {
                let mine = |r: &&Value| r["item"] == case.as_str() && r["arm"] == arm;
                if !list(&items["results"]).iter().any(|r| mine(&r)) {
                    continue;
                }
                for criterion in ["accuracy", "clarity"] {
                    for repeat in 0..3 {
                        let found = list(&items["results"])
                            .iter()
                            .find(|r| mine(r) && r["criterion"] == criterion && r["repeat"] == repeat);
                        cells.push(match found {
                            None => '·',
                            Some(r) => r["score"].as_u64().map_or('R', |s| char::from(b'0' + s as u8)),
                        });
                    }
                }
            }
            let row = text
                .lines()
                .find(|l| l.trim_start_matches(['▌', ' ']).starts_with(&case))
                .unwrap_or_else(|| panic!("{case}\n{text}"));
            let seen: String =
                row.chars().filter(|c| !c.is_whitespace() && !['!', '▌'].contains(c)).collect();
            let seen = seen.replace(&case, "");
            assert!(seen.starts_with(&cells), "{case}: {cells} is not what {row} begins with");
        }
        // The list of runs and the trends show the means over all arms.
        screen.keys("Esc").await;
        screen.idle().await;
        let text = screen.text();
        for c in list(&shown["criteria"]) {
            shows(&text, &two(&c["mean"]), "the list of runs");
            shows(&text, &format!("{:.1} %", 100.0 * c["coverage"].as_f64().unwrap()), "the list of runs");
        }
        let (_, trends) = said(&path, &["trends"]);
        for (c, trend) in list(&shown["criteria"]).iter().zip(list(&trends["trends"])) {
            for key in ["mean", "ci95", "n", "coverage", "checked_by_people"] {
                assert_eq!(c[key], trend[key], "{key} of {}", c["name"]);
            }
        }
    });
}

#[test]
fn a_comparison_and_its_noise_floor_are_those_of_run_compare() {
    let dir = tempfile::tempdir().unwrap();
    let path = registry(dir.path());
    let run = run_of(&path);
    let (words, of_run) = said(&path, &["run", "compare", "old", "new", "--run", &run, "--flips", "50"]);
    let (_, pooled) = said(&path, &["run", "compare", "old", "new", "--flips", "50"]);
    assert_eq!(of_run, pooled, "one run or all of them: here the same verdicts");
    let (_, noise) = said(&path, &["run", "noise", &run]);
    let words = flat(&words);
    block(async {
        let mut screen = open(&path, (200, 60)).await;
        screen.keys("2 Enter c").await;
        screen.idle().await;
        let text = screen.text();
        sane(&text);
        let one_line = flat(&text);
        shows(&one_line, of_run["sentence"].as_str().unwrap(), "sentence");
        shows(&words, of_run["sentence"].as_str().unwrap(), "sentence");
        for c in list(&of_run["criteria"]) {
            let name = c["name"].as_str().unwrap();
            // Where people's sample decides, the judge's own change stands in a row below.
            let at = text.lines().position(|l| l.trim_start().starts_with(name)).unwrap();
            let by_people = !c["corrected"].is_null();
            let row = text.lines().nth(at + usize::from(by_people)).unwrap();
            // No change has no sign on the screen.
            let signed = |v: &Value| match v.as_f64().unwrap() {
                0.0 => "0.00".to_owned(),
                v => format!("{v:+.2}"),
            };
            let figures = [
                two(&c["mean_a"]),
                two(&c["mean_b"]),
                signed(&c["difference"]),
                format!("{:>4} {:>4} {:>4} {:>7}", c["wins"], c["ties"], c["losses"], c["missing"]),
            ];
            for figure in figures {
                shows(&flat(row), &flat(&figure), name);
                shows(&words, &flat(&figure), name);
            }
            if by_people {
                let corrected = &c["corrected"];
                let above = text.lines().nth(at).unwrap();
                shows(above, &signed(&corrected["difference"]), name);
                shows(above, &format!("{} case", corrected["n_labelled"]), name);
            }
            // The floor of the change, where the judge was asked more than once.
            let floor = two(&c["noise_floor"]);
            assert_ne!(floor, "n/a", "{name}");
            shows(&one_line, &format!("{name} {floor}"), "noise");
            shows(&words, &floor, "noise");
            let marked = row.contains('~');
            assert_eq!(Some(marked), c["within_noise"].as_bool().map(|w| w && !by_people), "{row}");
            // What it is made of is said by `run noise`.
            let of_noise = list(&noise["criteria"]).iter().find(|n| n["name"] == name).unwrap();
            for key in ["icc1", "within_sd", "identical"] {
                let own = if key == "identical" {
                    of_noise["identical"].as_f64().map(|n| n / of_noise["items"].as_f64().unwrap())
                } else {
                    of_noise[key].as_f64()
                };
                let (one, other) = (c["itself"][key].as_f64().unwrap(), own.unwrap());
                assert!((one - other).abs() < 1e-9, "{key} of {name}: {one} {other}");
            }
        }
        let flips = list(&of_run["flips"]);
        shows(&one_line, &format!("{} scores changed", flips.len()), "flips");
        for flip in flips.iter().take(3) {
            let row = text
                .lines()
                .find(|l| {
                    let holds = |key: &str| l.contains(flip[key].as_str().unwrap());
                    holds("case") && holds("criterion")
                })
                .unwrap_or_else(|| panic!("{flip}\n{text}"));
            shows(row, &format!("{:.1}", flip["a"].as_f64().unwrap()), "flip");
            shows(row, &format!("{:.1}", flip["b"].as_f64().unwrap()), "flip");
        }
        // The cases of a tag are a comparison of their own.
        let (_, by_tag) = said(&path, &["run", "compare", "old", "new", "--by-tag"]);
        screen.keys("t").await;
        screen.idle().await;
        let text = screen.text();
        let slice = &by_tag["slices"][0];
        shows(&text, &format!("slice {}", slice["tag"].as_str().unwrap()), "slice");
        for c in list(&slice["criteria"]) {
            let name = c["name"].as_str().unwrap();
            let at = text.lines().position(|l| l.trim_start().starts_with(name)).unwrap();
            let row = text.lines().nth(at + usize::from(!c["corrected"].is_null())).unwrap();
            for key in ["mean_a", "mean_b"] {
                shows(row, &two(&c[key]), name);
            }
        }
    });
    // A gate decides on the same differences, and says the coverage that the comparison has.
    let out = std::process::Command::new(env!("CARGO_BIN_EXE_assize"))
        .args([
            "--registry",
            path.to_str().unwrap(),
            "gate",
            "--baseline",
            "old",
            "--candidate",
            "new",
            "--json",
        ])
        .output()
        .unwrap();
    let gate: Value = serde_json::from_slice(&out.stdout).unwrap();
    for (c, g) in list(&of_run["criteria"]).iter().zip(list(&gate["criteria"])) {
        for key in ["name", "n", "difference", "ci95", "corrected", "bias", "basis"] {
            assert_eq!(c[key], g[key], "{key}");
        }
    }
}

#[test]
fn agreement_is_that_of_the_command() {
    let dir = tempfile::tempdir().unwrap();
    let path = registry(dir.path());
    // Another judge of the same responses.
    let mut again: Vec<Item> =
        (0..13).flat_map(|i| ARMS.map(|arm| item(i, arm, [(1 + i % 5) as u8, 3]))).collect();
    again.iter_mut().flat_map(|i| &mut i.verdicts).for_each(|v| v.judge = "llama".into());
    Store::open(&path).unwrap().import_items("set", again).unwrap();
    let run = run_of(&path);
    let (words, document) = said(&path, &["agreement", "--run", &run]);
    let (_, judges) = said(&path, &["agreement", "--judges", "--run", &run]);
    let c = &document["criteria"][0];
    assert_eq!(c["name"], "accuracy");
    let wanted = assize::questions::agreement::AgreementFilter {
        criterion: 0,
        slice: None,
        reviewer: None,
        with_seen: false,
    };
    let library = {
        let store = Store::open(&path).unwrap();
        let ground = assize::questions::agreement::ground(&store, &run).unwrap();
        assize::questions::agreement::Answer::of(&ground, &wanted)
    };
    block(async {
        let mut screen = open(&path, (200, 60)).await;
        screen.keys("2 j Enter A").await;
        screen.idle().await;
        let text = screen.text();
        sane(&text);
        for (key, name, figure, n) in library.agreed.table() {
            assert_eq!(
                (c[key]["value"].as_f64(), c[key]["n"].as_u64()),
                (figure.value, Some(n as u64)),
                "{key}"
            );
            let row = text.lines().find(|l| l.contains(name)).unwrap_or_else(|| panic!("{name}\n{text}"));
            shows(row, &two(&c[key]["value"]), key);
            shows(row, &n.to_string(), key);
            shows(&words, &two(&c[key]["value"]), key);
            if key != "bias" {
                shows(row, &two(&c["human"][key]["value"]), key);
            }
        }
        for (human, row) in (1..).zip(list(&c["grid"])) {
            let line =
                text.lines().find(|l| l.trim_start().starts_with(&format!("{human}  "))).unwrap_or_default();
            for n in list(row).iter().filter(|n| **n != 0) {
                shows(line, &n.to_string(), "the cells of judge and people");
            }
        }
        let itself = format!("{:.3}", c["itself"]["icc1"].as_f64().unwrap());
        shows(&text, &format!("ICC(1) {itself}"), "the judge with itself");
        shows(&words, &format!("ICC(1) {itself}"), "the judge with itself");
        screen.keys("Tab Tab").await;
        screen.idle().await;
        let text = screen.text();
        let both: Vec<&Value> =
            list(&judges["judges"]).iter().filter(|j| j["criterion"] == "accuracy").collect();
        assert_eq!(both.len(), 1, "{judges}");
        for side in ["first", "second"] {
            shows(&text, both[0][side]["judge"].as_str().unwrap(), "judges");
            shows(&text, &two(&both[0]["kappa_quadratic"][side]), "judges");
        }
    });
}

#[test]
fn a_plan_and_what_it_can_be_made_of_are_the_commands() {
    let dir = tempfile::tempdir().unwrap();
    let path = registry(dir.path());
    let (_, sets) = said(&path, &["cases", "list"]);
    let (_, rubrics) = said(&path, &["rubric", "list"]);
    let settings = "[judge.main]\nbase_url = \"http://127.0.0.1:9/v1\"\nmodel = \"m\"\nprice_in = 30.0\nprice_out = 60.0\n";
    let file = dir.path().join(".config/assize/config.toml");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, settings).unwrap();
    let config = Config::parse(settings, &file).unwrap();
    let (words, plan) =
        said(&path, &["run", "--cases", "set", "--rubric", "house", "--judge", "main", "--dry-run"]);
    block(async {
        let mut screen = Harness::open(&path, config, false, (160, 45), Theme::Dark).await;
        screen.keys("2 J").await;
        screen.idle().await;
        let text = screen.text();
        let row = |text: &str, name: &str| {
            let of_dialog =
                |l: &&str| l.split('│').any(|p| p.trim_start_matches(['▌', ' ']).starts_with(name));
            text.lines().find(of_dialog).unwrap_or_else(|| panic!("{name}\n{text}")).to_owned()
        };
        shows(&row(&text, "case set"), &format!("1/{}", list(&sets["sets"]).len()), "case sets");
        shows(&row(&text, "judge "), "main", "judges");
        screen.keys("Tab Tab").await;
        let text = screen.text();
        // Each item's own question before the rubrics, names that are typed in behind.
        shows(&row(&text, "rubric"), &format!("1/{}", list(&rubrics["rubrics"]).len() + 2), "rubrics");
        screen.keys("Right").await;
        screen.idle().await;
        let text = screen.text();
        assert!(row(&text, "rubric").contains("house: accuracy, clarity"), "{text}");
        let calls = plan["calls"]["judge"].as_u64().unwrap();
        let items = plan["items"].as_u64().unwrap();
        shows(&text, &format!("{items} items"), "items");
        shows(&text, &format!("{calls} calls to the judge"), "calls");
        shows(&words, &format!("{calls} to judge"), "calls");
        let tokens = |key: &str| plan["tokens"][key].as_u64().unwrap();
        let shown = match (tokens("low"), tokens("high")) {
            (low, high) if low == high => format!("{low} tokens"),
            (low, high) => format!("{low} to {high} tokens"),
        };
        shows(&text.replace(',', ""), &shown, "tokens");
        let cost = |key: &str| format!("{:.2}", plan["cost_usd"][key].as_f64().unwrap());
        shows(&text, &format!("${} to ${}", cost("low"), cost("high")), "cost");
        let judging = |key: &str| format!("{:.4}", plan["cost_usd"][key].as_f64().unwrap());
        shows(&words, &format!("${} to ${}", judging("low"), judging("high")), "cost");
    });
}
