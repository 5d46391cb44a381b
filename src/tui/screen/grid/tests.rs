//! Keys typed into the real loop, over a registry with imported and planned runs.

use crate::core::digest::Digest;
use crate::core::item::{ImportedVerdict, Item, Subject};
use crate::core::rubric::Criterion;
use crate::core::verdict::{Reading, VerdictState};
use crate::eval::{Control, Progress, RunNotes};
use crate::questions::grid::Gridded;
use crate::store::{Arm, Cell, NewRun, NewVerdict, RunItem, RunSpec, Store};
use crate::tui::msg::Msg;
use crate::tui::testing::Harness;
use crate::tui::theme::Theme;
use serde_json::json;

fn item(id: usize, arm: &str, scores: &[Option<u8>]) -> Item {
    let subject = Subject {
        prompt: format!("Question {id}?"),
        vars: serde_json::Map::from_iter([("ticket".to_owned(), json!("Order 8812"))]),
        reference: Some("A good answer.".into()),
        tags: Vec::new(),
        cluster: None,
        criterion: Some("Is the answer right?".into()),
        anchors: Some(["wrong", "poor", "half", "mostly", "right"].map(String::from)),
    };
    let verdict = |(repeat, score): (usize, &Option<u8>)| ImportedVerdict {
        label: None,
        criterion: "Is the answer right?".into(),
        judge: "gpt-4".into(),
        repeat: repeat as u32,
        score: *score,
        explanation: "because of the tower".into(),
        state: score.is_none().then(|| "truncated".into()),
        reply: None,
    };
    Item {
        id: format!("case-{id:03}"),
        arm: arm.into(),
        response: format!("The tower of {arm} is 330 m high."),
        subject,
        verdicts: scores.iter().enumerate().map(verdict).collect(),
    }
}

/// Two arms over `n` cases: the first scores 3, 4, 5 and 3 again; the second 4, but 1 for the last case, truncated once.
fn imported(dir: &std::path::Path, n: usize) -> std::path::PathBuf {
    let path = dir.join("registry.db");
    let mut items = Vec::new();
    for id in 0..n {
        items.push(item(id, "old", &[Some(3 + (id % 3) as u8), Some(3)]));
        let second = if id + 1 == n { [Some(1), None] } else { [Some(4), Some(4)] };
        items.push(item(id, "new", &second));
    }
    Store::open(&path).unwrap().import_items("support", items).unwrap();
    path
}

/// A run of one arm, two criteria and one pass over `n` items, with the first item judged on the first criterion.
fn planned(dir: &std::path::Path, n: usize) -> (std::path::PathBuf, String) {
    planned_over(dir, n, 0)
}

/// The same over another of the responses that were written for each case; none is stored but the first.
fn planned_over(dir: &std::path::Path, n: usize, generation: u32) -> (std::path::PathBuf, String) {
    let path = dir.join("registry.db");
    let mut store = Store::open(&path).unwrap();
    let items: Vec<Item> = (0..n).map(|id| item(id, "old", &[])).collect();
    let set = store.import_items("support", items).unwrap().set;
    let criterion = |name: &str| Criterion {
        name: name.into(),
        question: format!("Is it a case of {name}?"),
        anchors: ["a1", "a2", "a3", "a4", "a5"].map(String::from).to_vec(),
        scale: crate::core::rubric::Scale::OneToFive,
        steps: Vec::new(),
        generic: false,
    };
    let spec = RunSpec {
        set_digest: set.digest,
        criteria: vec![criterion("accuracy"), criterion("clarity")],
        ..super::view::tests::run(&[], &[]).spec
    };
    let arm = Arm { name: "old".into(), prompt: None, model: None };
    let planned = |ord: usize| RunItem {
        ord: ord as u32,
        case_id: format!("case-{ord:03}"),
        arm: "old".into(),
        set_id: set.id,
        repeat: generation,
        cluster: None,
        tags: Vec::new(),
    };
    let run = NewRun { items: (0..n).map(|ord| (planned(ord), arm.clone())).collect(), spec };
    let id = store.create_run(&run).unwrap();
    store.save_verdict(&id, &verdict(&run.spec.criteria[0])).unwrap();
    (path, id)
}

fn verdict(criterion: &Criterion) -> NewVerdict {
    NewVerdict {
        item: 0,
        criterion: 0,
        repeat: 0,
        state: VerdictState::Scored,
        reading: Some(Reading {
            score: 4,
            evidence: vec!["is 330 m high".into(), "is 400 m high".into()],
            explanation: "The height is right.".into(),
            injection_suspected: false,
            repairs: Vec::new(),
        }),
        reason: String::new(),
        criterion_version: criterion.version(),
        fingerprint: Digest::of("judge"),
        response: None,
        cache_key: None,
        cached: false,
        rung: "schema".into(),
        flags: vec!["quote_not_found".into()],
        model_returned: Some("small".into()),
        finish_reason: Some("stop".into()),
        prompt_tokens: Some(1204),
        completion_tokens: Some(96),
        cost_usd: None,
        latency_ms: 812,
        attempts: 1,
        nonce: "00112233aabbccdd".into(),
        raw: br#"{"score":4}"#.to_vec(),
    }
}

async fn open(path: &std::path::Path, width: u16, height: u16) -> Harness {
    let mut harness =
        Harness::open(path, crate::config::Config::default(), false, (width, height), Theme::Plain).await;
    harness.app.env.reviewer = "ana".into();
    harness
}

fn line<'a>(text: &'a str, with: &str) -> &'a str {
    text.lines().find(|l| l.contains(with)).unwrap_or_else(|| panic!("no line with {with:?} in\n{text}"))
}

#[tokio::test]
async fn the_list_says_what_each_run_is_and_what_came_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut screen = open(&imported(dir.path(), 6), 140, 30).await;
    screen.keys("2").await;
    let text = screen.text();
    let row = line(&text, "support × own");
    for words in ["complete", "old, new", "recorded gpt-4", "24/24", "1 T", "own 3."] {
        assert!(row.contains(words), "{words:?} is not in {row}");
    }
    assert!(text.contains("unchecked") && text.contains("1 truncated"), "{text}");
}

#[tokio::test]
async fn a_grid_shows_arms_side_by_side_and_sorts_by_drop() {
    let dir = tempfile::tempdir().unwrap();
    let mut screen = open(&imported(dir.path(), 6), 120, 24).await;
    screen.keys("2 Enter").await;
    let text = screen.text();
    let head = text.lines().next().unwrap();
    assert!(head.contains(" recorded · old, new × support × own · judge gpt-4"), "{head}");
    assert!(head.contains("complete · 24 / 24"), "{head}");
    assert!(text.contains("100 %") && text.contains("imported with its items"), "{text}");
    assert!(line(&text, "case-000").contains("3 3") && line(&text, "case-000").ends_with(" +1.0"), "{text}");
    let last = line(&text, "case-005");
    assert!(last.contains("5 3") && last.contains("1 T") && last.ends_with(" -3.0"), "{last}");
    assert!(!text.contains('▲') && !text.contains('▼'), "one case decides nothing: {text}");
    // Of the second arm one of twelve verdicts was cut short.
    let coverage = line(&text, " coverage");
    assert!(coverage.contains("100.0 %") && coverage.contains("91.7 %"), "{coverage}");
    screen.resize(120, 40);
    let scored = screen.text();
    assert_eq!(line(&scored, " scored").matches("6/6").count(), 2, "{scored}");
    screen.resize(120, 24);
    screen.keys("o o").await;
    let text = screen.text();
    assert!(text.lines().nth(8).unwrap().contains("case-005"), "the largest drop comes first:\n{text}");
    assert!(text.contains("sorted: largest drop first"), "{text}");
    screen.keys("F").await;
    let text = screen.text();
    assert!(text.contains("case-005") && !text.contains("case-001"), "{text}");
}

#[tokio::test]
async fn a_live_run_fills_cell_by_cell_and_nothing_moves() {
    let dir = tempfile::tempdir().unwrap();
    let (path, run) = planned(dir.path(), 4);
    let mut screen = open(&path, 100, 20).await;
    screen.keys("2 Enter").await;
    let before = screen.text();
    assert!(line(&before, "case-000").contains('4') && line(&before, "case-000").contains('·'), "{before}");
    assert!(before.contains("partial · 1 / 8"), "{before}");
    let tell = |screen: &mut Harness, progress: Progress| {
        screen.app.update(Msg::Run { run: run.clone(), progress });
    };
    tell(&mut screen, Progress::Began { item: 1, criterion: 1, repeat: 0 });
    let began = screen.text();
    assert_eq!(line(&began, "case-001").trim_end().chars().last(), Some('~'), "{began}");
    let cell = Cell {
        item: 1,
        criterion: 1,
        repeat: 0,
        state: VerdictState::Scored,
        score: Some(2),
        flagged: false,
    };
    tell(
        &mut screen,
        Progress::Saved {
            cell,
            explanation_known: true,
            cost_usd: Some(0.01),
            tokens: Some(9),
            cached: false,
        },
    );
    let after = screen.text();
    let column = line(&began, "case-001").find('~').unwrap();
    assert_eq!(
        line(&after, "case-001").find('2'),
        Some(column),
        "the digit stands where the sign stood:\n{after}"
    );
    assert!(after.contains("2 / 8"), "{after}");
    let refused =
        Cell { item: 2, criterion: 0, repeat: 0, state: VerdictState::Refused, score: None, flagged: false };
    tell(
        &mut screen,
        Progress::Saved {
            cell: refused,
            explanation_known: false,
            cost_usd: None,
            tokens: None,
            cached: false,
        },
    );
    assert!(screen.text().contains("1 refused"), "{}", screen.text());
    // Another run's news changes nothing here.
    screen.app.update(Msg::Run {
        run: "other".into(),
        progress: Progress::Began { item: 3, criterion: 0, repeat: 0 },
    });
    assert!(!line(&screen.text(), "case-003").contains('~'));
}

#[tokio::test]
async fn a_response_is_seen_while_it_is_being_written() {
    let dir = tempfile::tempdir().unwrap();
    let (path, run) = planned_over(dir.path(), 2, 1);
    let mut screen = open(&path, 120, 30).await;
    screen.keys("2 Enter Enter").await;
    assert!(screen.text().contains("not generated yet"), "{}", screen.text());
    for (item, text) in [(0, "The tower"), (1, "Another item's"), (0, "The tower is 33\u{1b}[31m")] {
        let progress = Progress::Writing { item, text: text.into() };
        screen.app.update(Msg::Run { run: run.clone(), progress });
    }
    let text = screen.text();
    assert!(text.contains("being written") && text.contains("The tower is 33\\x1b[31m"), "{text}");
    assert!(!text.contains("Another item's"), "{text}");
}

#[tokio::test]
async fn a_run_in_progress_is_paused_and_cancelled_from_any_view_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let (path, run) = planned(dir.path(), 3);
    let mut screen = open(&path, 120, 24).await;
    screen.keys("2").await;
    let control = Control::new();
    screen.app.env.running.push((run, control.clone()));
    screen.keys("Enter p").await;
    assert!(control.is_paused());
    assert!(screen.text().contains("paused · 1 / 6"), "{}", screen.text());
    screen.keys("p").await;
    assert!(!control.is_paused() && screen.text().contains("running"), "{}", screen.text());
    screen.keys("r").await;
    assert!(screen.text().contains("this run is in progress"), "{}", screen.text());
}

#[tokio::test]
async fn keys_that_cannot_act_say_why() {
    let dir = tempfile::tempdir().unwrap();
    let mut screen = open(&imported(dir.path(), 2), 120, 24).await;
    screen.keys("2 Enter").await;
    for (key, why) in
        [("p", "not in progress"), ("x", "not in progress"), ("r", "imported"), ("R", "imported")]
    {
        screen.keys(key).await;
        assert!(screen.text().contains(why), "{key}:\n{}", screen.text());
    }
}

fn fastest_frame(
    grid: &mut super::GridScreen,
    cell: Cell,
    env: &crate::tui::session::Env,
) -> std::time::Duration {
    use super::super::Screen;
    let mut buf = ratatui::buffer::Buffer::empty(ratatui::layout::Rect::new(0, 0, 120, 40));
    let rows = grid.order.len();
    (0..50)
        .map(|_| {
            let began = std::time::Instant::now();
            grid.cursor.act(crate::tui::keys::Action::PageDown, rows);
            grid.saved(cell, None, false, env.now);
            grid.draw(buf.area, &mut buf, env);
            began.elapsed()
        })
        .min()
        .unwrap()
}

#[tokio::test]
async fn ten_thousand_items_scroll_without_a_scan() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("registry.db");
    Store::open(&path).unwrap();
    let screen = open(&path, 120, 40).await;
    let items: Vec<RunItem> = (0..10_000)
        .map(|i| crate::questions::grid::board::tests::item(i, &format!("case-{i:05}"), "x"))
        .collect();
    let mut grid = super::GridScreen::running("r", Control::new());
    let mut run = super::view::tests::run(&["accuracy", "clarity"], &["x"]);
    run.spec.repeats = 5;
    let cells: Vec<Cell> = (0..100_000u32)
        .map(|i| Cell {
            item: i / 10,
            criterion: i / 5 % 2,
            repeat: i % 5,
            state: VerdictState::Scored,
            score: Some((i % 5 + 1) as u8),
            flagged: false,
        })
        .collect();
    let loaded = |items: &[RunItem], cells: &[Cell]| Gridded {
        run: run.clone(),
        items: items.to_vec(),
        cells: cells.to_vec(),
        reviews: Vec::new(),
        notes: RunNotes::default(),
    };
    grid.take(loaded(&items, &cells));
    grid.refresh_means(&screen.app.env);
    let mut small = super::GridScreen::running("r", Control::new());
    small.take(loaded(&items[..100], &cells[..1000]));
    small.refresh_means(&screen.app.env);
    let env = screen.app.env.clone();
    let (quick, large) =
        (fastest_frame(&mut small, cells[77], &env), fastest_frame(&mut grid, cells[77], &env));
    // The fastest of many frames hardly depends on what else the machine does; a scan of 100 times as many cells would.
    assert!(large < quick * 8, "a frame of 10,000 rows took {large:?}, one of 100 rows {quick:?}");
    assert_eq!(grid.cursor.top + grid.cursor.height - 1, grid.cursor.at);
}

#[tokio::test]
async fn an_item_shows_texts_reasons_and_the_exact_exchange() {
    let dir = tempfile::tempdir().unwrap();
    let (path, _) = planned(dir.path(), 3);
    let mut screen = open(&path, 120, 40).await;
    screen.keys("2 Enter Enter").await;
    let text = screen.text();
    for words in
        ["PROMPT", "Question 0?", "VARIABLES", "ticket", "The tower of old is 330 m high.", "REFERENCE"]
    {
        assert!(text.contains(words), "{words:?}:\n{text}");
    }
    for words in
        ["▌ accuracy", "The height is right.", "quote not found", "not asked yet", "Is it a case of clarity?"]
    {
        assert!(text.contains(words), "{words:?}:\n{text}");
    }
    assert!(text.contains("1 quote of accuracy marked"), "{text}");
    screen.keys("a").await;
    assert!(screen.text().contains("5 a5"), "{}", screen.text());
    screen.keys("x G").await;
    let text = screen.text();
    assert!(text.contains("00112233aabbccdd") && text.contains(r#"{"score":4}"#), "{text}");
    assert!(text.contains("96 tokens"), "{text}");
    screen.keys("Esc n").await;
    assert!(screen.text().contains("Question 1?"), "{}", screen.text());
    screen.keys("n n").await;
    assert!(screen.text().contains("this is the last of 3 items"), "{}", screen.text());
}

#[tokio::test]
async fn a_score_given_beside_the_judges_is_stored_as_seen_and_can_be_taken_back() {
    let dir = tempfile::tempdir().unwrap();
    let (path, run) = planned(dir.path(), 3);
    let mut screen = open(&path, 120, 40).await;
    screen.keys("2 Enter Enter 1").await;
    let text = screen.text();
    assert!(line(&text, "saw judge").contains("1 ana"), "{text}");
    let reviews = || Store::open(&path).unwrap().reviews(Some(&run)).unwrap();
    assert_eq!((reviews()[0].review.score, reviews()[0].review.saw_judge), (Some(1), true));
    screen.keys("c type:too_high Enter").await;
    assert!(screen.text().contains("too high"), "{}", screen.text());
    screen.keys("Esc").await;
    let text = screen.text();
    assert!(line(&text, "case-000").contains("4!"), "people and judge are three apart:\n{text}");
    screen.keys("Enter u u").await;
    assert!(reviews().is_empty() || reviews()[0].review.comment.is_empty(), "{:?}", reviews());
}

#[tokio::test]
async fn eighty_columns_show_one_pane_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let (path, _) = planned(dir.path(), 3);
    let mut screen = open(&path, 80, 24).await;
    screen.keys("2 Enter Enter").await;
    assert!(screen.text().contains("RESPONSE") && !screen.text().contains("The height is right."));
    screen.keys("Tab").await;
    assert!(
        !screen.text().contains("RESPONSE") && screen.text().contains("The height is right."),
        "{}",
        screen.text()
    );
    for line in screen.text().lines() {
        assert!(crate::core::text::width(line) <= 80, "{line}");
    }
}

#[tokio::test]
async fn the_plan_dialog_says_how_to_connect_a_judge() {
    let dir = tempfile::tempdir().unwrap();
    let mut screen = open(&imported(dir.path(), 3), 80, 24).await;
    screen.keys("2 J").await;
    let text = screen.text();
    for words in
        ["plan a run", "support · 6 items", "all 2: ", "recorded", "[judge.mine]", "api_key_env", "C-e"]
    {
        assert!(text.contains(words), "{words:?}:\n{text}");
    }
    screen.keys("Esc").await;
    assert!(!screen.text().contains("plan a run"));
}
