//! Blind review from the keyboard: what is hidden, what is saved, what is shown at the end of a batch.
#![expect(clippy::unwrap_used, reason = "a test that cannot make its registry should fail")]

use assize::config::Config;
use assize::core::item::{ImportedVerdict, Item, Subject};
use assize::store::Store;
use assize::tui::testing::Harness;
use assize::tui::theme::Theme;
use std::path::{Path, PathBuf};

fn item(i: usize) -> Item {
    Item {
        id: format!("case-{i:02}"),
        arm: "secret-arm".into(),
        response: format!("response number {i}"),
        subject: Subject {
            prompt: format!("question {i}"),
            vars: serde_json::Map::new(),
            reference: None,
            tags: vec![],
            cluster: None,
            criterion: Some("Does it answer?".into()),
            anchors: Some(["no", "hardly", "partly", "mostly", "fully"].map(String::from)),
        },
        verdicts: vec![ImportedVerdict {
            criterion: "Does it answer?".into(),
            judge: "hidden-judge".into(),
            repeat: 0,
            score: Some(2),
            explanation: "the judge's own words".into(),
            state: None,
        }],
    }
}

fn registry(dir: &Path, n: usize) -> (PathBuf, String) {
    let path = dir.join("registry.db");
    let mut store = Store::open(&path).unwrap();
    let done = store.import_items("set", (0..n).map(item).collect()).unwrap();
    (path, done.runs[0].0.clone())
}

async fn open(path: &Path) -> Harness {
    let mut config = Config::default();
    config.review.name = Some("ana".into());
    Harness::open(path, config, false, (80, 24), Theme::Dark).await
}

fn block<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(work)
}

#[test]
fn arm_and_judge_stay_hidden_until_the_batch_is_done() {
    let dir = tempfile::tempdir().unwrap();
    let (path, run) = registry(dir.path(), 12);
    block(async {
        let mut screen = open(&path).await;
        screen.keys("3").await;
        for step in 0..10 {
            let text = screen.text();
            assert!(text.contains("response number") && text.contains("Does it answer?"), "{text}");
            for hidden in ["secret-arm", "hidden-judge", "the judge's own words"] {
                assert!(!text.contains(hidden), "step {step}: {text}");
            }
            screen.keys("4").await;
        }
        let text = screen.text();
        assert!(text.contains("the judge's own words") && text.contains("secret-arm"), "{text}");
        // A digit is no score while the judge is visible.
        screen.keys("5").await;
        assert_eq!(Store::open(&path).unwrap().reviews(Some(&run)).unwrap().len(), 10);
        screen.keys("Enter").await;
        assert!(screen.text().contains("10 of 12"), "{}", screen.text());
    });
    let store = Store::open(&path).unwrap();
    let reviews = store.reviews(Some(&run)).unwrap();
    assert!(
        reviews
            .iter()
            .all(|r| r.review.score == Some(4) && !r.review.saw_judge && r.review.reviewer == "ana")
    );
    assert_eq!(store.fsck().unwrap().faults, []);
}

#[test]
fn scores_comments_and_modes_are_there_again_after_a_restart_in_the_same_order() {
    let dir = tempfile::tempdir().unwrap();
    let (path, run) = registry(dir.path(), 12);
    let third = block(async {
        let mut screen = open(&path).await;
        screen.keys("3 5").await;
        screen.keys("c type:too_long Enter t type:vague Enter 2").await;
        screen.text()
    });
    block(async {
        let mut screen = open(&path).await;
        screen.keys("3").await;
        let shown = screen.text();
        let response = |t: &str| t.lines().find(|l| l.contains("response number")).unwrap().to_owned();
        assert_eq!(response(&shown), response(&third));
        assert!(shown.contains("2 of 12"), "{shown}");
    });
    let reviews = Store::open(&path).unwrap().reviews(Some(&run)).unwrap();
    assert_eq!(
        (reviews.len(), reviews[1].review.comment.as_str(), reviews[1].review.modes.as_slice()),
        (2, "too long", &["vague".to_owned()][..])
    );
}

#[test]
fn undo_takes_the_score_back_and_shows_its_item_again() {
    let dir = tempfile::tempdir().unwrap();
    let (path, run) = registry(dir.path(), 3);
    block(async {
        let mut screen = open(&path).await;
        screen.keys("3").await;
        let first = screen.text();
        screen.keys("1 u").await;
        let response = |t: &str| t.lines().find(|l| l.contains("response number")).unwrap().to_owned();
        assert_eq!(response(&screen.text()), response(&first));
        screen.keys("3 s 4").await;
        assert!(screen.text().contains("scored; the judge gave"), "{}", screen.text());
        screen.keys("Enter").await;
        assert!(screen.text().contains("You have scored everything"), "{}", screen.text());
    });
    let store = Store::open(&path).unwrap();
    let scores: Vec<_> = store.reviews(Some(&run)).unwrap().iter().map(|r| r.review.score).collect();
    assert_eq!(scores, [Some(3), None, Some(4)]);
    // Nothing is erased: the score taken back and the taking back are rows.
    assert_eq!(store.review_log(&run).unwrap().len(), 5);
}

#[test]
fn review_at_80_by_24_shows_the_whole_item() {
    let dir = tempfile::tempdir().unwrap();
    let (path, _) = registry(dir.path(), 2);
    block(async {
        let mut screen = open(&path).await;
        screen.keys("3").await;
        // Which of the two comes first hangs on the run's random id.
        let text = screen.text().replace("question 1", "question 0").replace("number 1", "number 0");
        insta::assert_snapshot!("review_80x24", text);
        screen.keys("a").await;
        assert!(screen.text().contains("5 fully"));
    });
}
