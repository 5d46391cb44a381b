//! Blind review from the keyboard: what is hidden, what is saved, what is shown at the end of a batch.
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
            label: None,
            criterion: "Does it answer?".into(),
            judge: "hidden-judge".into(),
            repeat: 0,
            score: Some(2),
            explanation: "the judge's own words".into(),
            state: None,
            reply: None,
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

/// A run of two criteria with long texts, and two judge passes that disagree about one item.
fn long_registry(dir: &Path) -> (PathBuf, String) {
    let path = dir.join("registry.db");
    let mut store = Store::open(&path).unwrap();
    let items = (0..3)
        .map(|i| {
            let mut one = item(i);
            let lines = |what: &str| (0..60).map(|n| format!("{what} {i} line {n}\n")).collect::<String>();
            one.subject.prompt = lines("prompt");
            one.response = lines("answer");
            one.subject.criterion = None;
            one.subject.anchors = None;
            one.subject.tags = vec![if i == 1 { "legal" } else { "common" }.into()];
            one.verdicts = ["accuracy", "clarity"]
                .into_iter()
                .flat_map(|criterion| (0..2).map(move |repeat| (criterion, repeat)))
                .map(|(criterion, repeat)| ImportedVerdict {
                    label: None,
                    criterion: criterion.into(),
                    judge: "hidden-judge".into(),
                    repeat,
                    score: Some(if i == 2 && repeat == 1 { 5 } else { 2 }),
                    explanation: format!("reasons about {criterion}"),
                    state: None,
                    reply: None,
                })
                .collect();
            one
        })
        .collect();
    let done = store.import_items("long", items).unwrap();
    (path, done.runs[0].0.clone())
}

#[test]
fn the_whole_of_a_long_item_can_be_read_at_80_by_24() {
    let dir = tempfile::tempdir().unwrap();
    let (path, _) = long_registry(dir.path());
    block(async {
        let mut screen = open(&path).await;
        screen.keys("3").await;
        // Folded, the response is in sight at once; Space and j go to its last line.
        let first = screen.text();
        assert!(first.contains("RESPONSE") && first.contains("more: f shows all"), "{first}");
        let mut seen = first;
        for _ in 0..12 {
            screen.keys("Space").await;
            seen.push_str(&screen.text());
        }
        let shown = |what: &str, n: usize, seen: &str| {
            (0..3).any(|i| seen.lines().any(|l| l.trim_end().ends_with(&format!("{what} {i} line {n}"))))
        };
        assert!((0..60).all(|n| shown("answer", n, &seen)), "{seen}");
        // Unfolded, every line of the prompt comes by as well.
        screen.keys("f").await;
        let mut seen = screen.text();
        for _ in 0..12 {
            screen.keys("Space").await;
            seen.push_str(&screen.text());
        }
        assert!((0..60).all(|n| shown("prompt", n, &seen) && shown("answer", n, &seen)), "{seen}");
        screen.keys("g").await;
        assert!(screen.text().contains("PROMPT"));
        screen.keys("G").await;
        assert!(screen.text().contains("above"), "{}", screen.text());
    });
}

#[test]
fn criteria_go_together_or_one_at_a_time_and_orders_that_choose_say_so() {
    let dir = tempfile::tempdir().unwrap();
    let (path, run) = long_registry(dir.path());
    block(async {
        let mut screen = open(&path).await;
        screen.keys("3").await;
        let answer = |t: &str| t.lines().find(|l| l.contains("RESPONSE")).unwrap().to_owned();
        let first = screen.text();
        assert!(first.contains("· accuracy") && first.contains("0 of 6"), "{first}");
        screen.keys("4").await;
        assert!(screen.text().contains("· clarity"));
        assert_eq!(answer(&screen.text()), answer(&first));
        screen.keys("4 p").await;
        let alone = screen.text();
        assert!(alone.contains("· accuracy alone") && alone.contains("2 of 6"), "{alone}");
        screen.keys("3").await;
        assert!(screen.text().contains("· accuracy alone"), "{}", screen.text());
        // The item on which the judge's repeats disagree; its scores are no random sample.
        screen.keys("p o").await;
        let picked = screen.text();
        assert!(picked.contains("not random"), "{picked}");
    });
    block(async {
        let mut screen = open(&path).await;
        screen.app.env.reviewer = "ben".into();
        screen.keys("3 o").await;
        assert!(screen.text().contains("answer 2 line"), "{}", screen.text());
        screen.keys("1 o o o").await;
        assert!(screen.text().contains("rare slice first, not random"), "{}", screen.text());
        assert!(screen.text().contains("answer 1 line"), "{}", screen.text());
    });
    let store = Store::open(&path).unwrap();
    let reviews = store.reviews(Some(&run)).unwrap();
    let by = |who: &str| -> Vec<&'static str> {
        reviews.iter().filter(|r| r.review.reviewer == who).map(|r| r.review.sampling.name()).collect()
    };
    assert_eq!(by("ana"), ["random"; 3]);
    assert_eq!(by("ben"), ["picked"]);
}

#[test]
fn reviewers_meet_the_same_items_and_never_each_others_scores() {
    let dir = tempfile::tempdir().unwrap();
    let (path, run) = registry(dir.path(), 12);
    block(async {
        let mut screen = open(&path).await;
        screen.keys("3").await;
        let response = |t: &str| t.lines().find(|l| l.contains("response number")).unwrap().to_owned();
        let first = response(&screen.text());
        screen.keys("5 c type:only_mine Enter 5").await;
        screen.keys("w C-u").await;
        for _ in 0..3 {
            screen.keys("Backspace").await;
        }
        screen.keys("type:ben Enter").await;
        let text = screen.text();
        assert!(text.contains("you: ben · 0 of 12") && !text.contains("only mine"), "{text}");
        assert_eq!(response(&text), first);
        screen.keys("1").await;
    });
    // Where only a part is scored twice, the rest goes to whoever comes first.
    block(async {
        let mut config = Config::default();
        config.review.name = Some("cleo".into());
        config.review.double = 0.0;
        let mut screen = Harness::open(&path, config, false, (80, 24), Theme::Dark).await;
        screen.keys("3").await;
        assert!(screen.text().contains("0 of 10"), "{}", screen.text());
    });
    assert_eq!(Store::open(&path).unwrap().reviews(Some(&run)).unwrap().len(), 3);
}

#[test]
fn after_the_reveal_one_agrees_overrides_or_faults_the_reasons_and_nothing_is_erased() {
    let dir = tempfile::tempdir().unwrap();
    let (path, run) = registry(dir.path(), 3);
    block(async {
        let mut screen = open(&path).await;
        screen.keys("3 4 4 4").await;
        let text = screen.text();
        assert!(text.contains("the judge's own words") && text.contains("y agree"), "{text}");
        screen.keys("y").await;
        assert!(screen.text().contains("agreed · final 2"), "{}", screen.text());
        // A reason is needed; without one nothing is kept.
        screen.keys("j o type:5 Enter").await;
        assert!(screen.text().contains("needs its reason"), "{}", screen.text());
        screen.keys("o type:5_the_date_is_right Enter").await;
        assert!(screen.text().contains("final 5: the date is right"), "{}", screen.text());
        screen.keys("j w type:quotes_nothing Enter").await;
        assert!(screen.text().contains("reasons marked wrong: quotes nothing"), "{}", screen.text());
        screen.keys("1 2 3").await;
        assert!(screen.text().contains("3 items scored"), "digits do nothing here: {}", screen.text());
    });
    let store = Store::open(&path).unwrap();
    let log = store.review_log(&run).unwrap();
    let told: Vec<_> = log
        .iter()
        .map(|r| (r.review.sampling.name(), r.review.score, r.review.saw_judge, r.review.comment.as_str()))
        .collect();
    assert_eq!(told[..3], [("random", Some(4), false, ""); 3]);
    assert_eq!(
        told[3..],
        [
            ("agree", Some(2), true, ""),
            ("override", Some(5), true, "the date is right"),
            ("wrong_reasons", None, true, "quotes nothing")
        ]
    );
    // The blind scores are still in force beside them.
    let blind = store.reviews(Some(&run)).unwrap();
    assert_eq!(blind.iter().filter(|r| !r.review.saw_judge).count(), 3);
    assert_eq!(store.fsck().unwrap().faults, []);
}

#[test]
fn revealed_after_each_item_a_score_counts_as_not_blind() {
    let dir = tempfile::tempdir().unwrap();
    let (path, run) = registry(dir.path(), 3);
    block(async {
        let mut config = Config::default();
        config.review.name = Some("ana".into());
        config.ui.reveal = assize::config::Reveal::Item;
        let mut screen = Harness::open(&path, config, false, (80, 24), Theme::Dark).await;
        screen.keys("3 4").await;
        assert!(screen.text().contains("the judge's own words"), "{}", screen.text());
        screen.keys("Enter 3").await;
    });
    let store = Store::open(&path).unwrap();
    assert!(store.reviews(Some(&run)).unwrap().iter().all(|r| r.review.saw_judge));
}

#[test]
fn a_score_given_before_one_has_a_name_is_kept_with_its_comment() {
    let dir = tempfile::tempdir().unwrap();
    let (path, run) = registry(dir.path(), 12);
    block(async {
        let mut config = Config::default();
        config.review.name = Some(String::new());
        let mut screen = Harness::open(&path, config, false, (80, 24), Theme::Dark).await;
        screen.keys("3 c type:too_long Enter 4").await;
        assert!(screen.text().contains("your name:"), "{}", screen.text());
        screen.keys("type:ana Enter").await;
        assert!(screen.text().contains("you: ana · 1 of 12"), "{}", screen.text());
    });
    let reviews = Store::open(&path).unwrap().reviews(Some(&run)).unwrap();
    let first = &reviews[0].review;
    assert_eq!(
        (reviews.len(), first.score, first.comment.as_str(), first.reviewer.as_str()),
        (1, Some(4), "too long", "ana")
    );
}

#[test]
fn anchors_in_full_never_hide_the_next_item_and_cut_no_letter() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("registry.db");
    let long = |n: usize| format!("{n}: {}END{n}", "what earns this score is told at length ".repeat(5));
    Store::open(&path)
        .unwrap()
        .import_items(
            "set",
            (0..4)
                .map(|i| {
                    let mut one = item(i);
                    one.subject.anchors = Some([1, 2, 3, 4, 5].map(long));
                    one
                })
                .collect(),
        )
        .unwrap();
    block(async {
        let mut screen = open(&path).await;
        screen.keys("3 a").await;
        let text = screen.text();
        assert!(!text.contains("response number") && text.contains("a shows the item again"), "{text}");
        screen.keys("4").await;
        let text = screen.text();
        assert!(text.contains("response number") && text.contains("1 of 4"), "{text}");
        // On a taller screen they stand below the item in full, without a key.
        screen.resize(160, 60);
        let text = screen.text();
        assert!(text.contains("response number") && text.contains("END5"), "{text}");
        // `a` takes them back to one line, and to their whole length.
        screen.keys("a").await;
        assert!(!screen.text().contains("END5"), "{}", screen.text());
        screen.keys("a").await;
        assert!(screen.text().contains("END5"), "{}", screen.text());
    });
}

#[test]
fn esc_leaves_the_queue_where_digits_are_scores_and_help_is_always_offered() {
    let dir = tempfile::tempdir().unwrap();
    let (path, _) = registry(dir.path(), 3);
    block(async {
        let mut screen = open(&path).await;
        screen.keys("3").await;
        assert!(screen.text().contains("? keys"), "{}", screen.text());
        screen.keys("s u").await;
        assert!(screen.text().contains("no longer skipped"), "{}", screen.text());
        // What was said makes room for the keys as soon as one goes on.
        screen.keys("4").await;
        assert!(screen.text().contains("1-5 score"), "{}", screen.text());
        screen.keys("Esc").await;
        assert!(screen.text().contains("▸2 Runs"), "{}", screen.text());
    });
}

#[test]
fn pass_or_fail_is_answered_by_its_own_keys_and_a_category_by_its_digit() {
    use assize::core::rubric::{Criterion, Scale};
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("registry.db");
    let mut store = Store::open(&path).unwrap();
    let labelled = |i: usize| {
        let verdict = |criterion: &str, label: &str| ImportedVerdict {
            label: Some(label.into()),
            criterion: criterion.into(),
            score: None,
            ..item(i).verdicts[0].clone()
        };
        let subject = Subject { criterion: None, anchors: None, ..item(i).subject };
        Item { subject, verdicts: vec![verdict("grounded", "pass"), verdict("harm", "mild")], ..item(i) }
    };
    let names = ["none", "mild"].map(String::from).to_vec();
    let harm = Criterion {
        scale: Scale::Categories { names, ordered: true },
        anchors: vec!["nobody minds".into(), "somebody minds".into()],
        name: "harm".into(),
        question: "Is harm done?".into(),
        steps: vec![],
        generic: false,
    };
    let rubric = assize::core::rubric::Rubric {
        name: "r".into(),
        description: String::new(),
        criteria: vec![harm],
        checks: vec![],
    };
    store.add_rubric(&rubric).unwrap();
    let run = store.import_items("set", (0..3).map(labelled).collect()).unwrap().runs[0].0.clone();
    drop(store);
    block(async {
        let mut screen = open(&path).await;
        screen.keys("3").await;
        let text = screen.text();
        assert!(text.contains("pass") && text.contains("fail") && !text.contains("secret-arm"), "{text}");
        // A digit is no answer here, and says which keys are.
        screen.keys("4").await;
        assert!(screen.text().contains("p passes, f fails"), "{}", screen.text());
        screen.keys("f").await;
        let text = screen.text();
        assert!(
            text.contains("Is harm done?") && text.contains("1 none") && text.contains("2 mild"),
            "{text}"
        );
        // There is no third category; and p is what it is elsewhere.
        screen.keys("3").await;
        assert!(screen.text().contains("one of none, mild"), "{}", screen.text());
        screen.keys("2 p p").await;
        screen.keys("p 1 p 1").await;
        let text = screen.text();
        assert!(text.contains("judge") && text.contains("mild") && text.contains("another label"), "{text}");
        screen.keys("o type:maybe_so Enter").await;
        assert!(screen.text().contains("not kept: begin with one of"), "{}", screen.text());
    });
    let scores: Vec<_> =
        Store::open(&path).unwrap().reviews(Some(&run)).unwrap().iter().map(|r| r.review.score).collect();
    assert_eq!(scores[..2], [Some(1), Some(2)], "{scores:?}");
}
