//! The screens of figures, by typing keys: Agreement, Compare, Trends, failure modes.
#![expect(clippy::unwrap_used, reason = "a test that cannot make its registry should fail")]

use assize::config::Config;
use assize::core::item::{ImportedVerdict, Item, Subject};
use assize::store::{NewReview, Sampling, Store};
use assize::tui::testing::Harness;
use assize::tui::theme::Theme;
use std::path::{Path, PathBuf};

fn block<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(work)
}

async fn open(path: &Path, size: (u16, u16)) -> Harness {
    let mut config = Config::default();
    config.review.name = Some("ana".into());
    Harness::open(path, config, false, size, Theme::Dark).await
}

/// One item of an arm, judged twice on each of two criteria.
fn item(i: usize, arm: &str, scores: [u8; 2]) -> Item {
    let verdict = |criterion: &str, repeat: u32, score: u8| ImportedVerdict {
        criterion: criterion.into(),
        judge: "gpt".into(),
        repeat,
        score: Some(score),
        explanation: format!("{criterion} of {arm} in case {i}"),
        state: None,
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
fn registry(dir: &Path) -> (PathBuf, String) {
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

fn review(store: &mut Store, run: &str, who: &str, item: u32, score: u8, modes: &[&str]) {
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
fn sane(text: &str) {
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

#[test]
fn a_comparison_tells_power_trust_and_slices_and_a_flip_opens_with_both_reasons() {
    let dir = tempfile::tempdir().unwrap();
    let (path, run) = registry(dir.path());
    block(async {
        let mut screen = open(&path, (80, 24)).await;
        screen.keys("2 Enter c").await;
        let text = screen.text();
        assert!(text.contains("base") && text.contains("cand"), "{text}");
        for word in
            ["Smallest change these cases can show", "more", "not yet checked by a human", "12/12", "missing"]
        {
            assert!(text.contains(word), "{word}:\n{text}");
        }
        sane(&text);
        insta::assert_snapshot!("compare_80x24", text);
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
        screen.resize(160, 45);
        let text = screen.text();
        assert!(
            text.lines().any(|l| l.contains("accuracy of base") && l.contains("accuracy of cand")),
            "{text}"
        );
        screen.keys("Esc").await;
        assert!(screen.text().contains("drops first"), "{}", screen.text());
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
        assert!(
            text.contains("12 checked corrected") && text.contains("unchecked")
                || text.contains("not yet checked"),
            "{text}"
        );
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
        assert!(text.contains("no evidence") && text.contains("B is"), "{text}");
        sane(&text);
        // The last rows are cand against other.
        screen.keys("G Enter").await;
        let text = screen.text();
        assert!(text.lines().next().unwrap().contains("cand  →  other"), "{text}");
    });
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
                vec!["smallest change", "p(Holm)", "wins ties losses", "missing", "corrected", "24/24"],
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
