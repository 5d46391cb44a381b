//! The screens of figures, by typing keys: Agreement, Compare, Trends, failure modes.
use assize::config::Config;
use assize::core::item::{ImportedVerdict, Item, Subject};
use assize::store::{NewReview, Sampling, Store};
use assize::tui::testing::Harness;
use assize::tui::theme::{Meaning, Theme};
use ratatui::style::Color;
use std::path::{Path, PathBuf};

pub(crate) fn block<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(work)
}

pub(crate) async fn open(path: &Path, size: (u16, u16)) -> Harness {
    let mut config = Config::default();
    config.review.name = Some("ana".into());
    Harness::open(path, config, false, size, Theme::Dark).await
}

/// One item of an arm, judged twice on each of two criteria.
pub(crate) fn item(i: usize, arm: &str, scores: [u8; 2]) -> Item {
    let verdict = |criterion: &str, repeat: u32, score: u8| ImportedVerdict {
        label: None,
        criterion: criterion.into(),
        judge: "gpt".into(),
        repeat,
        score: Some(score),
        explanation: format!("{criterion} of {arm} in case {i}"),
        state: None,
        reply: None,
    };
    Item {
        id: format!("case-{i:02}"),
        arm: arm.into(),
        response: format!("The answer of {arm} to case {i} is {}", "long ".repeat(i)),
        subject: Subject {
            prompt: format!("question {i}"),
            vars: serde_json::Map::new(),
            reference: None,
            tags: vec![if i < 4 { "legal" } else { "common" }.into()],
            cluster: None,
            criterion: None,
            anchors: None,
        },
        verdicts: vec![
            verdict("accuracy", 0, scores[0]),
            verdict("accuracy", 1, scores[0]),
            verdict("clarity", 0, scores[1]),
            verdict("clarity", 1, scores[1].min(4) + (i % 2) as u8),
        ],
    }
}

/// Twelve cases under three arms; `cand` is better on accuracy but for the legal cases.
pub(crate) fn registry(dir: &Path) -> (PathBuf, String) {
    let path = dir.join("registry.db");
    let mut store = Store::open(&path).unwrap();
    let items = (0..12)
        .flat_map(|i| {
            let low = 2 + (i % 2) as u8;
            [
                item(i, "base", [low, 3]),
                item(i, "cand", [if i < 4 { 1 } else { low + 2 }, 3 + (i % 3 == 0) as u8]),
                item(i, "other", [low, 3]),
            ]
        })
        .collect();
    let done = store.import_items("set", items).unwrap();
    (path, done.runs[0].0.clone())
}

pub(crate) fn review(store: &mut Store, run: &str, who: &str, item: u32, score: u8, modes: &[&str]) {
    let review = NewReview {
        run: run.into(),
        item,
        criterion: 0,
        reviewer: who.into(),
        score: Some(score),
        comment: String::new(),
        modes: modes.iter().map(ToString::to_string).collect(),
        saw_judge: false,
        sampling: Sampling::Random,
        seconds: None,
        undo: None,
    };
    store.add_review(&review).unwrap();
}

/// Nothing that is no number, whatever is on the screen.
pub(crate) fn sane(text: &str) {
    for bad in ["NaN", "nan", "inf", "-0.00"] {
        assert!(!text.contains(bad), "'{bad}' on a screen:\n{text}");
    }
}

#[test]
fn agreement_shows_the_ceiling_slices_and_opens_the_items_of_a_cell() {
    let dir = tempfile::tempdir().unwrap();
    let (path, run) = registry(dir.path());
    let mut store = Store::open(&path).unwrap();
    for item in 0..30 {
        review(&mut store, &run, "ana", item, 1 + (item % 4) as u8, &[]);
    }
    for item in 0..12 {
        review(&mut store, &run, "ben", item, 1 + (item % 5) as u8, &[]);
    }
    drop(store);
    block(async {
        let mut screen = open(&path, (80, 24)).await;
        screen.keys("2 Enter A").await;
        let text = screen.text();
        for word in ["same score", "tau-b", "people", "length", "ICC(1)", "kappa, quadratic"] {
            assert!(text.contains(word), "{word}:\n{text}");
        }
        sane(&text);
        insta::assert_snapshot!("agreement_80x24", text);
        screen.keys("t").await;
        assert!(screen.text().contains("slice common"), "{}", screen.text());
        screen.keys("t").await;
        assert!(screen.text().contains("slice legal"), "{}", screen.text());
        screen.keys("t o").await;
        let text = screen.text();
        assert!(text.contains("clarity") && !text.contains("· slice"), "{text}");
        assert!(text.contains("Nobody has scored"), "{text}");
        sane(&text);
        screen.keys("o").await;
        // The cell human 1, judge 2 has several items: n goes through them and no further.
        screen.keys("k k h").await;
        let status = screen.text();
        let line = status.lines().last().unwrap().to_owned();
        let count: usize =
            line.split("judge 2: ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
        assert!(count > 1, "{line}");
        screen.keys("Enter").await;
        assert!(screen.text().contains(&format!("item 1 of {count}")), "{}", screen.text());
        for _ in 0..count {
            screen.keys("n").await;
        }
        assert!(screen.text().contains(&format!("last of {count}")), "{}", screen.text());
    });
}

/// The first value under this key, however deep.
fn find<'a>(value: &'a serde_json::Value, key: &str) -> Option<&'a serde_json::Value> {
    match value {
        serde_json::Value::Object(map) => {
            map.get(key).or_else(|| map.values().find_map(|inner| find(inner, key)))
        }
        serde_json::Value::Array(all) => all.iter().find_map(|inner| find(inner, key)),
        _ => None,
    }
}

#[test]
fn agreement_goes_on_score_by_score_and_side_by_side() {
    let dir = tempfile::tempdir().unwrap();
    let (path, run) = registry(dir.path());
    let mut store = Store::open(&path).unwrap();
    for item in 0..30 {
        review(&mut store, &run, "ana", item, 1 + (item % 4) as u8, &[]);
    }
    for item in 0..12 {
        review(&mut store, &run, "ben", item, 1 + (item % 5) as u8, &[]);
    }
    drop(store);
    let out = std::process::Command::new(env!("CARGO_BIN_EXE_assize"))
        .args(["--registry", path.to_str().unwrap(), "agreement", "--run", &run, "--json"])
        .output()
        .unwrap();
    let said: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    block(async {
        for (width, height) in [(80, 24), (120, 36), (160, 45)] {
            let mut screen = open(&path, (width, height)).await;
            screen.keys("2 Enter A").await;
            assert!(screen.text().contains("Tab: score by score"), "{}", screen.text());
            screen.keys("Tab").await;
            let text = screen.text();
            sane(&text);
            for row in find(&said, "calibration").unwrap().as_array().unwrap() {
                if let Some(mean) = row["people_mean"].as_f64() {
                    let line = format!("{:>10}  {mean:.2} [", row["judge"]);
                    assert!(text.contains(&line), "{line}\n{text}");
                }
            }
            for row in find(&said, "confusion").unwrap().as_array().unwrap() {
                let count = |key: &str| row[key].as_u64().unwrap();
                let line = format!("{:>6}  {:>5}  {:>4}", count("people"), count("judge"), count("both"));
                assert!(text.contains(&line), "{line}\n{text}");
            }
            insta::assert_snapshot!(format!("agreement_scores_{width}x{height}"), text);
            screen.keys("Tab").await;
            let text = screen.text();
            sane(&text);
            let document = &find(&said, "document").unwrap()["spearman"]["value"];
            assert!(text.contains(&format!("{:.2}", document.as_f64().unwrap())), "{document}\n{text}");
            assert!(text.contains("ana and ben") && text.contains("no other judge"), "{text}");
            insta::assert_snapshot!(format!("agreement_side_by_side_{width}x{height}"), text);
            screen.keys("Tab").await;
            assert!(screen.text().contains("kappa, quadratic"), "{}", screen.text());
        }
    });
    // Another judge of the same responses: the labels count there at once.
    let mut store = Store::open(&path).unwrap();
    let mut items: Vec<Item> = (0..12)
        .flat_map(|i| [item(i, "base", [1, 3]), item(i, "cand", [5, 3]), item(i, "other", [3, 3])])
        .collect();
    items.iter_mut().flat_map(|i| &mut i.verdicts).for_each(|v| v.judge = "llama".into());
    store.import_items("set", items).unwrap();
    drop(store);
    block(async {
        let mut screen = open(&path, (120, 36)).await;
        screen.keys("2 j Enter A Tab Tab").await;
        let text = screen.text();
        assert!(
            text.contains("gpt") && text.contains("llama") && text.contains("kappa of each with people"),
            "{text}"
        );
        sane(&text);
    });
}

#[test]
fn a_comparison_tells_power_trust_and_slices_and_a_flip_opens_with_both_reasons() {
    let dir = tempfile::tempdir().unwrap();
    let (path, run) = registry(dir.path());
    block(async {
        let mut screen = open(&path, (80, 24)).await;
        screen.keys("2 Enter c").await;
        let text = screen.text();
        assert!(text.contains("base") && text.contains("cand"), "{text}");
        for word in [
            "Smallest change these cases can show",
            "more",
            "By the judge alone",
            "12/12",
            "missing",
            "s swap",
        ] {
            assert!(text.contains(word), "{word}:\n{text}");
        }
        sane(&text);
        insta::assert_snapshot!("compare_80x24", text);
        for (width, height) in [(120, 36), (160, 45)] {
            screen.resize(width, height);
            let text = screen.text();
            sane(&text);
            insta::assert_snapshot!(format!("compare_{width}x{height}"), text);
        }
        screen.resize(80, 24);
        screen.keys("t t").await;
        let text = screen.text();
        assert!(text.contains("slice legal") && text.contains("4/4"), "{text}");
        sane(&text);
        screen.keys("t").await;
        assert!(!screen.text().contains("· slice"));
        // The worst drop: both responses, both explanations, and no other criterion's.
        screen.keys("Enter").await;
        let text = screen.text();
        assert!(text.contains("the judge's reasons"), "{text}");
        let case: usize =
            text.split("in case ").nth(1).unwrap().chars().take(1).collect::<String>().parse().unwrap();
        for word in [
            format!("accuracy of base in case {case}"),
            format!("accuracy of cand in case {case}"),
            format!("to case {case} is"),
        ] {
            assert!(text.contains(&word), "{word}:\n{text}");
        }
        assert!(!text.contains("clarity of"), "{text}");
        screen.keys("x").await;
        sane(&screen.text());
        // Reasons longer than their room are scrolled, not cut.
        screen.keys("x").await;
        screen.resize(40, 14);
        assert!(screen.text().contains("more ↓"), "{}", screen.text());
        screen.keys("Tab G").await;
        let text = screen.text();
        assert!(text.contains("↑") && text.contains(&format!("to case {case} is")), "{text}");
        screen.keys("Tab").await;
        screen.resize(160, 45);
        let text = screen.text();
        assert!(
            text.lines().any(|l| l.contains("accuracy of base") && l.contains("accuracy of cand")),
            "{text}"
        );
        screen.keys("Esc").await;
        assert!(screen.text().contains("drops of cand first"), "{}", screen.text());
    });
    let mut store = Store::open(&path).unwrap();
    for item in 0..36 {
        review(&mut store, &run, "ana", item, 1 + (item % 3) as u8, &[]);
    }
    drop(store);
    block(async {
        let mut screen = open(&path, (160, 45)).await;
        screen.keys("2 Enter c").await;
        let text = screen.text();
        assert!(text.contains("By the judge alone on clarity: not yet checked by a human."), "{text}");
        assert!(text.contains("12 checked corrected"), "{text}");
        sane(&text);
    });
}

#[test]
fn several_arms_are_compared_in_one_table_corrected_together() {
    let dir = tempfile::tempdir().unwrap();
    let (path, _) = registry(dir.path());
    block(async {
        let mut screen = open(&path, (80, 24)).await;
        screen.keys("2 Enter c m").await;
        let text = screen.text();
        assert!(
            text.contains("every pair of 3 arms") && text.contains("all 6 comparisons together"),
            "{text}"
        );
        assert!(text.contains("no evidence") && text.contains("it is"), "{text}");
        sane(&text);
        insta::assert_snapshot!("pairs_80x24", text);
        let change = |text: &str| {
            let line =
                text.lines().find(|l| l.contains("accuracy") && l.contains("cand") && l.contains("base"));
            let line = line.unwrap_or_else(|| panic!("{text}")).to_owned();
            (line.find("base") < line.find("cand"), line.contains("+0.83"), line.contains("-0.83"))
        };
        assert_eq!(change(&text), (true, true, false), "{text}");
        screen.keys("s").await;
        assert_eq!(change(&screen.text()), (false, false, true), "{}", screen.text());
        screen.keys("s").await;
        // The last rows are cand against other.
        screen.keys("G Enter").await;
        let text = screen.text();
        assert!(text.lines().next().unwrap().contains("cand  →  other"), "{text}");
    });
}

/// An item with one verdict on each of the criteria given.
pub(crate) fn plain(case: usize, arm: &str, scores: &[(&str, u8)]) -> Item {
    let mut made = item(case, arm, [3, 3]);
    made.subject.tags.clear();
    let one = made.verdicts.remove(0);
    made.verdicts = scores
        .iter()
        .map(|(name, score)| ImportedVerdict {
            label: None,
            criterion: (*name).into(),
            score: Some(*score),
            ..one.clone()
        })
        .collect();
    made
}

pub(crate) fn import(dir: &Path, items: Vec<Item>) -> PathBuf {
    let path = dir.join("registry.db");
    Store::open(&path).unwrap().import_items("set", items).unwrap();
    path
}

pub(crate) fn compared(path: &Path, a: &str, b: &str) -> serde_json::Value {
    let out = std::process::Command::new(env!("CARGO_BIN_EXE_assize"))
        .args(["--registry", path.to_str().unwrap(), "run", "compare", a, b, "--json"])
        .output()
        .unwrap();
    serde_json::from_slice(&out.stdout).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&out.stderr)))
}

/// The colours of the row of the table that begins with these words, from column `from` on, blanks left out.
pub(crate) fn colours(screen: &mut Harness, words: &str, from: u16) -> Vec<Color> {
    let text = screen.text();
    let y = text.lines().position(|l| l.trim_start().starts_with(words)).unwrap_or_else(|| panic!("{text}"));
    let buf = screen.draw();
    (from..buf.area.width)
        .filter(|x| buf[(*x, y as u16)].symbol() != " ")
        .map(|x| buf[(x, y as u16)].fg)
        .collect()
}

#[test]
fn the_direction_is_the_users_and_every_figure_turns_with_it() {
    let dir = tempfile::tempdir().unwrap();
    // The file's first line is of the arm that is called B.
    let items = (0..20).flat_map(|i| {
        let low = 2 + (i % 2) as u8;
        [plain(i, "B", &[("tone", low + 1 + (i % 5 == 0) as u8)]), plain(i, "A", &[("tone", low)])]
    });
    let path = import(dir.path(), items.collect());
    block(async {
        let mut screen = open(&path, (120, 36)).await;
        screen.keys("2 Enter c").await;
        for (first, second, keys) in [("B", "A", ""), ("A", "B", "s"), ("B", "A", "s")] {
            screen.keys(keys).await;
            let text = screen.text();
            let said = compared(&path, first, second);
            let row = &said["criteria"][0];
            let head = text.lines().nth(2).unwrap();
            let (one, two) = (head.find(&format!(" {first} ")), head.find(&format!(" {second} ")));
            assert!(one.is_some() && one < two, "{head}");
            assert!(text.lines().next().unwrap().contains(&format!("{first}  →  {second}")), "{text}");
            let line = text.lines().find(|l| l.starts_with(" tone")).unwrap();
            let number = |key: &str| row[key].as_f64().unwrap();
            let count = |key: &str| row[key].as_u64().unwrap();
            for shown in [
                format!("{:.2} ", number("mean_a")),
                format!("{:.2} ", number("mean_b")),
                format!("{:+.2} ", number("difference")),
                format!(
                    "[{:+.2}, {:+.2}]",
                    row["ci95"][0].as_f64().unwrap(),
                    row["ci95"][1].as_f64().unwrap()
                ),
                format!(" {:>4} {:>4} {:>4}", count("wins"), count("ties"), count("losses")),
            ] {
                assert!(line.contains(&shown), "{shown:?} not in {line:?}");
            }
            assert!(text.contains(said["sentence"].as_str().unwrap()), "{text}");
            let (sign, meaning) = match row["decision"].as_str() {
                Some("better") => ("▲", Meaning::Good),
                Some("worse") => ("▼", Meaning::Error),
                other => panic!("{other:?}"),
            };
            assert!(line.contains(sign), "{line}");
            let seen = colours(&mut screen, "tone", 24);
            assert!(seen.contains(&Theme::Dark.style(meaning).fg.unwrap()), "{line}");
            let flips = text.lines().find(|l| l.contains("scores changed")).unwrap();
            assert!(flips.contains(&format!("drops of {second} first")), "{flips}");
            sane(&text);
        }
        screen.keys("?").await;
        assert!(screen.text().contains("swap the direction"), "{}", screen.text());
    });
}

#[test]
fn a_colour_never_says_more_than_the_sentence() {
    // As many wins as it takes for an interval alone to exclude 0, while two criteria together do not let it.
    let scores = |wins: usize, i: usize| [("tone", 3 + u8::from(i < wins)), ("style", 3 + (i % 2) as u8)];
    let items = |wins: usize| {
        (0..20)
            .flat_map(|i| [plain(i, "old", &scores(0, i)), plain(i, "new", &scores(wins, i))])
            .collect::<Vec<_>>()
    };
    let found = (1..12).find_map(|wins| {
        let dir = tempfile::tempdir().unwrap();
        let path = import(dir.path(), items(wins));
        let said = compared(&path, "old", "new");
        let row = said["criteria"].as_array().unwrap().iter().find(|c| c["name"] == "tone").unwrap().clone();
        let alone = row["ci95"][0].as_f64().unwrap() > 0.0;
        (alone && row["decision"] == "no_evidence").then_some((dir, path, said))
    });
    let (_dir, path, said) = found.expect("some number of wins lies between");
    block(async {
        for size in [(80, 24), (120, 36)] {
            let mut screen = open(&path, size).await;
            screen.keys("2 Enter c").await;
            let text = screen.text();
            assert!(text.contains("no difference between old and new"), "{text}");
            let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(flat.contains("Intervals and p hold for all 2 criteria together"), "{text}");
            let row = text.lines().find(|l| l.starts_with(" tone")).unwrap();
            // The interval shown is the one that decides: it holds 0.
            assert!(row.contains("?") && row.contains("[-") && !row.contains('▲'), "{row}\n{said}");
            for loud in [Meaning::Good, Meaning::Error] {
                let colour = Theme::Dark.style(loud).fg.unwrap();
                assert!(!colours(&mut screen, "tone", 0).contains(&colour), "{text}");
            }
        }
    });
}

#[test]
fn people_decide_where_their_sample_allows_and_the_judges_change_stands_below() {
    let dir = tempfile::tempdir().unwrap();
    // The judge likes the new arm by a point; people see it fall by one.
    let items = (0..24).flat_map(|i| {
        let low = 3 + (i % 2) as u8;
        [plain(i, "old", &[("tone", low)]), plain(i, "new", &[("tone", low + 1)])]
    });
    let path = import(dir.path(), items.collect());
    let mut store = Store::open(&path).unwrap();
    let run = store.runs(None).unwrap()[0].id.clone();
    for item in 0..48_u32 {
        let low = 3 + (item / 2 % 2) as u8;
        review(&mut store, &run, "ana", item, low - (item % 2) as u8, &[]);
    }
    drop(store);
    let said = compared(&path, "old", "new");
    assert_eq!(
        (said["criteria"][0]["decision"].as_str(), said["criteria"][0]["basis"].as_str()),
        (Some("worse"), Some("people"))
    );
    block(async {
        for (width, height) in [(80, 24), (120, 36), (160, 45)] {
            let mut screen = open(&path, (width, height)).await;
            screen.keys("2 Enter c").await;
            let text = screen.text();
            let line =
                |word: &str| text.lines().find(|l| l.trim_start().starts_with(word)).unwrap().to_owned();
            assert!(line("tone").contains('▼') && line("tone").contains("-1.00"), "{text}");
            assert!(line("tone").contains("by people, 24 cases labelled"), "{text}");
            assert!(line("judge only").contains("+1.00") && !line("judge only").contains('▲'), "{text}");
            let good = Theme::Dark.style(Meaning::Good).fg.unwrap();
            assert!(!colours(&mut screen, "judge only", 0).contains(&good), "{text}");
            assert!(colours(&mut screen, "tone", 0).contains(&Theme::Dark.style(Meaning::Error).fg.unwrap()));
            assert!(!text.contains("By the judge alone"), "{text}");
            assert!(text.contains("Judge minus people on tone: old 0.00, new +2.00."), "{text}");
            insta::assert_snapshot!(format!("compare_people_{width}x{height}"), text);
        }
    });
}

#[test]
fn long_names_of_arms_never_hide_which_is_which() {
    let dir = tempfile::tempdir().unwrap();
    let names = [
        "a/very/long/prompt/of/one/team@r11+a-model-with-a-long-name",
        "a/very/long/prompt/of/one/team@r12+a-model-with-a-long-name",
    ];
    let hostile = ["\u{202e}evil\u{1b}[2J", "\u{202e}evil\u{1b}[3J"];
    for (arms, shown) in [(names, ["r11", "r12"]), (hostile, ["[2J", "[3J"])] {
        let path = import(
            dir.path(),
            (0..8).flat_map(|i| arms.map(|arm| plain(i, arm, &[("tone", 3 + (i % 2) as u8)]))).collect(),
        );
        block(async {
            let mut screen = open(&path, (80, 24)).await;
            screen.keys("2 Enter c").await;
            let text = screen.text();
            assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'), "{text}");
            for line in [0, 2] {
                let line = text.lines().nth(line).unwrap();
                assert!(shown.iter().all(|n| line.contains(n)), "{line}");
            }
        });
        std::fs::remove_file(path).unwrap();
    }
}

/// Everything that `?` must explain is on the screen it explains.
#[test]
fn question_mark_explains_each_figure_in_one_line() {
    let dir = tempfile::tempdir().unwrap();
    let (path, _) = registry(dir.path());
    block(async {
        for (keys, words) in [
            ("2 Enter A", vec!["kappa", "alpha", "tau-b", "ICC(1)", "bias", "length", "people", "identical"]),
            (
                "2 Enter c",
                vec!["smallest change", "p(Holm)", "wins ties loss", "missing", "corrected", "24/24", "swap"],
            ),
        ] {
            let mut screen = open(&path, (160, 60)).await;
            screen.keys(keys).await;
            screen.keys("?").await;
            let text = screen.text();
            for word in words {
                assert!(text.contains(word), "{keys} ? does not explain {word}:\n{text}");
            }
        }
    });
}
