//! Keys typed into the real state with the real effects; what is on the screen after.
use assize::config::Config;
use assize::core::prompt::Template;
use assize::store::{Cause, NewReview, NewRevision, Sampling, Store};
use assize::tui::testing::Harness;
use assize::tui::theme::Theme;
use std::path::{Path, PathBuf};

/// 2026-01-02T00:00:00Z: two days after the newest revision of the fixtures.
const NOW: i64 = 1_767_312_000;

fn revision(name: &str, body: &str, at: &str, message: &str) -> NewRevision {
    NewRevision {
        created_at: Some(at.into()),
        message: Some(message.into()),
        author: Some("ana".into()),
        ..NewRevision::new(name.parse().unwrap(), Template::text(body))
    }
}

const ONE: &str = "# IDENTITY\n\nYou summarise tickets.\n\n# STEPS\n\n- Extract a summary of the content in 25 words.\n- Keep names.\n- Use {{ language }}.\n";
const TWO: &str = "# IDENTITY\n\nYou summarise tickets.\n\n# STEPS\n\n- Extract one sentence of the content in 25 words,\n  including who is presenting.\n- Keep names.\n- Use {{ language }} and {{ tone }}.\n";

fn registry(dir: &Path) -> PathBuf {
    let path = dir.join("registry.db");
    let mut store = Store::open(&path).unwrap();
    store.register(revision("support/summary", ONE, "2025-12-01T00:00:00Z", "first version")).unwrap();
    store.register(revision("support/summary", TWO, "2025-12-30T00:00:00Z", "clarify OUTPUT")).unwrap();
    store.register(revision("extract_wisdom", "short\r\n", "2025-12-20T00:00:00Z", "crlf")).unwrap();
    store.register(revision("extract_wisdom", "short\n", "2025-12-21T00:00:00Z", "lf")).unwrap();
    store
        .set_label(
            &"support/summary".parse().unwrap(),
            &"production".parse().unwrap(),
            &"r1".parse().unwrap(),
            None,
            false,
            &Cause::default(),
        )
        .unwrap();
    path
}

/// So many prompts, `p0000` and on.
fn numbered(dir: &Path, prompts: usize) -> PathBuf {
    let path = dir.join("registry.db");
    let row = |i| NewRevision::new(format!("p{i:04}").parse().unwrap(), Template::text(format!("text {i}")));
    Store::open(&path).unwrap().import_revisions((0..prompts).map(row).collect()).unwrap();
    path
}

async fn open(path: &Path, size: (u16, u16), theme: Theme) -> Harness {
    let mut screen = Harness::open(path, Config::default(), false, size, theme).await;
    screen.at(NOW);
    screen
}

fn block<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(work)
}

#[test]
fn prompts_shows_list_history_and_preview() {
    let dir = tempfile::tempdir().unwrap();
    let path = registry(dir.path());
    block(async {
        let mut screen = open(&path, (120, 20), Theme::Dark).await;
        screen.keys("j").await;
        insta::assert_snapshot!("prompts_120", screen.styled());
        screen.resize(80, 20);
        insta::assert_snapshot!("prompts_80", screen.text());
        screen.resize(50, 20);
        assert!(screen.text().contains("support/summary") && !screen.text().contains("clarify OUTPUT"));
        screen.keys("Enter").await;
        assert!(screen.text().contains("clarify OUTPUT"));
    });
}

#[test]
fn keys_typed_ahead_of_an_answer_reach_where_their_typist_was_going() {
    let dir = tempfile::tempdir().unwrap();
    let path = registry(dir.path());
    block(async {
        let mut screen = open(&path, (120, 20), Theme::Dark).await;
        // While a history is being read: another tab at once, or after the keys before it.
        for keys in ["j 2", "j k j 2"] {
            screen.press(keys);
            screen.idle().await;
            assert!(screen.text().contains("▸2 Runs"), "{keys}: {}", screen.text());
            screen.keys("1").await;
        }
        screen.press("j Enter d");
        screen.idle().await;
        assert!(screen.text().contains("hunk"), "{}", screen.text());
    });
}

/// As often down as up leaves what was selected, also when all of it was typed before the first answer.
#[test]
fn keys_typed_ahead_in_a_burst_keep_their_order() {
    let dir = tempfile::tempdir().unwrap();
    let path = numbered(dir.path(), 60);
    block(async {
        for n in [10, 25, 50] {
            let mut screen = open(&path, (120, 30), Theme::Dark).await;
            screen.press(&format!("{} {}", "j ".repeat(n), "k ".repeat(n)));
            screen.idle().await;
            assert!(screen.text().contains("▌p0000"), "{n} down and up: {}", screen.text());
        }
    });
}

#[test]
fn a_diff_is_side_by_side_when_wide_and_unified_when_narrow() {
    let dir = tempfile::tempdir().unwrap();
    let path = registry(dir.path());
    block(async {
        let mut screen = open(&path, (120, 22), Theme::Dark).await;
        screen.keys("j Enter d").await;
        insta::assert_snapshot!("diff_120", screen.styled());
        assert!(screen.text().contains("variables +tone"));
        screen.resize(80, 24);
        insta::assert_snapshot!("diff_80", screen.text());
        screen.keys("q").await;
        assert!(screen.text().contains("2 revisions"));
    });
}

#[test]
fn signs_stand_for_colours_without_them() {
    let dir = tempfile::tempdir().unwrap();
    let path = registry(dir.path());
    block(async {
        let mut screen = open(&path, (120, 22), Theme::Plain).await;
        screen.keys("j Enter d").await;
        let styled = screen.styled();
        assert!(!styled.contains("Rgb") && !styled.contains("Red"), "{styled}");
        assert!(screen.text().contains(" + "), "{}", screen.text());
    });
}

#[test]
fn line_ends_that_differ_are_said_in_words_and_shown() {
    let dir = tempfile::tempdir().unwrap();
    let path = registry(dir.path());
    block(async {
        let mut screen = open(&path, (120, 22), Theme::Dark).await;
        screen.keys("Enter d").await;
        let text = screen.text();
        assert!(text.contains("differs only in line ends") && text.contains("␍␊"), "{text}");
    });
}

#[test]
fn labels_are_set_from_the_keyboard_and_taken_back() {
    let dir = tempfile::tempdir().unwrap();
    let path = registry(dir.path());
    block(async {
        let mut screen = open(&path, (120, 22), Theme::Dark).await;
        screen.keys("j Enter l type:production Enter").await;
        assert!(screen.text().contains("production moved from r1 to r2"), "{}", screen.text());
        screen.keys("u y").await;
        assert!(screen.text().contains("production moved from r2 to r1"), "{}", screen.text());
        screen.keys("t").await;
        assert!(screen.text().contains("label undone"), "{}", screen.text());
        screen.keys("t l type:latest Enter").await;
        assert!(screen.text().contains("is not a label"), "{}", screen.text());
    });
}

#[test]
fn an_edit_becomes_a_revision_and_a_draft_is_kept_until_then() {
    let dir = tempfile::tempdir().unwrap();
    let path = registry(dir.path());
    block(async {
        let mut screen = open(&path, (120, 22), Theme::Dark).await;
        screen.editor = Some(Ok("a new text\n".into()));
        screen.keys("j Enter e").await;
        // The difference is shown, variables included, before anything is asked.
        let text = screen.text();
        assert!(text.contains("draft not saved yet") && text.contains("+1 −10"), "{text}");
        assert!(text.contains("variables −language −tone"), "{text}");
        screen.keys("Enter").await;
        assert!(screen.text().contains("+1 -10 lines. Why?"), "{}", screen.text());
        screen.keys("Esc Esc").await;
        assert!(screen.text().contains("kept as a draft"), "{}", screen.text());
        // The editor is given the draft, and gives it back unchanged.
        screen.keys("e Enter type:shorter Enter").await;
        assert!(screen.text().contains("r3") && screen.text().contains("3 revisions"), "{}", screen.text());
        assert_eq!(Store::open(&path).unwrap().draft(&"support/summary".parse().unwrap()).unwrap(), None);
        screen.editor = Some(Err("vi ended with exit status: 1: nothing was saved".into()));
        screen.keys("e").await;
        assert!(screen.text().contains("nothing was saved"), "{}", screen.text());
    });
}

#[test]
fn filter_search_blame_help_and_palette_open_and_close() {
    let dir = tempfile::tempdir().unwrap();
    let path = registry(dir.path());
    block(async {
        let mut screen = open(&path, (120, 30), Theme::Dark).await;
        screen.keys("/ type:wisd").await;
        assert!(!screen.text().contains("support/summary"), "{}", screen.text());
        screen.keys("Esc").await;
        assert!(screen.text().contains("support/summary"));
        screen.keys("/ type:/presenting Enter").await;
        assert!(screen.text().contains("including who is presenting"), "{}", screen.text());
        screen.keys("Enter").await;
        assert!(screen.text().contains("hunk"), "{}", screen.text());
        screen.keys("q q j Enter b").await;
        insta::assert_snapshot!("blame", screen.text());
        screen.keys("q ?").await;
        assert!(screen.text().contains("what the figures mean"));
        screen.keys("Esc : type:timeline Enter").await;
        assert!(screen.text().contains("timeline of support/summary"), "{}", screen.text());
    });
}

#[test]
fn another_process_is_noticed_and_the_selection_stays() {
    let dir = tempfile::tempdir().unwrap();
    let path = registry(dir.path());
    block(async {
        let mut screen = open(&path, (120, 22), Theme::Dark).await;
        screen.keys("j Enter j").await;
        Store::open(&path)
            .unwrap()
            .register(revision("support/summary", "third", "2025-12-31T00:00:00Z", "from outside"))
            .unwrap();
        screen.changed().await;
        let text = screen.text();
        assert!(text.contains("from outside") && text.contains("3 revisions"), "{text}");
    });
}

/// Each tab asks again what it shows; none of them takes an answer from another.
#[test]
fn a_change_reaches_every_tab_that_was_opened_and_none_of_them_complains() {
    let dir = tempfile::tempdir().unwrap();
    let path = registry(dir.path());
    block(async {
        let mut screen = open(&path, (120, 22), Theme::Dark).await;
        screen.keys("2 4 1 j Enter").await;
        for n in 0..20 {
            let text = format!("text {n}");
            let new = revision("support/summary", &text, "2025-12-31T00:00:00Z", &format!("change {n}"));
            Store::open(&path).unwrap().register(new).unwrap();
            screen.changed().await;
            let text = screen.text();
            assert!(text.contains(&format!("{} revisions", n + 3)), "{text}");
            assert!(!text.lines().any(|line| line.starts_with(" !")), "{text}");
        }
    });
}

#[test]
fn hostile_text_reaches_no_screen_raw() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("registry.db");
    let evil = "\u{1b}]52;c;aGk=\u{7}\u{1b}[2J\u{9b}31m\u{202e}abc\u{200b}\u{e0041}\r\n\ttab\u{feff}";
    let mut store = Store::open(&path).unwrap();
    store.register(revision("p", evil, "2025-12-01T00:00:00Z", evil)).unwrap();
    store
        .register(NewRevision {
            author: Some(evil.into()),
            ..revision("p", &format!("{evil}2"), "2025-12-02T00:00:00Z", "x")
        })
        .unwrap();
    store
        .describe(
            &"p".parse().unwrap(),
            evil,
            &Cause { author: Some(evil.into()), reason: Some(evil.into()) },
        )
        .unwrap();
    block(async {
        let mut screen = open(&path, (120, 30), Theme::Dark).await;
        for keys in ["", "Enter", "Tab", "Esc d", "w", "u", "q b", "q t", "Esc / type:/abc Enter", "q"] {
            screen.keys(keys).await;
            let drawn = screen.draw();
            for cell in &drawn.content {
                let bad = cell
                    .symbol()
                    .chars()
                    .find(|c| c.is_control() || assize::core::text::is_invisible(*c) && *c != '\u{200d}');
                assert_eq!(bad, None, "after {keys:?}: {:?}", cell.symbol());
            }
        }
    });
}

#[test]
fn no_size_and_no_key_brings_a_screen_down() {
    let dir = tempfile::tempdir().unwrap();
    let path = registry(dir.path());
    let keys = "j Enter d n w f u z ] [ Right Left G g q b G q ? Esc : Esc / type:x Esc l Esc t Esc Tab Tab Tab 2 J Esc 3 4 1 q";
    block(async {
        for size in [
            (0, 0),
            (1, 1),
            (2, 3),
            (10, 2),
            (20, 5),
            (40, 12),
            (59, 9),
            (60, 10),
            (80, 24),
            (99, 30),
            (160, 45),
            (500, 200),
        ] {
            let mut screen = open(&path, size, Theme::Dark).await;
            for key in keys.split_whitespace() {
                screen.keys(key).await;
            }
        }
    });
}

/// The screens of runs: the keys that lead there, and what they show for certain.
const OF_RUNS: [(&str, &str); 7] = [
    ("2 Enter", "1,920 / 1,920"),
    ("2 Enter Enter", "item 1 of 160"),
    ("2 c", "scores changed"),
    ("2 Enter A", "against people"),
    ("2 f", "failure modes"),
    ("3", "arm and judge hidden"),
    ("4", "▸4 Trends"),
];

/// The demo's registry, with twelve reviews.
fn demo(dir: &Path) -> PathBuf {
    let path = crate::screens::demo(dir);
    let mut store = Store::open(&path).unwrap();
    let run = store.runs(Some(1)).unwrap().remove(0).id;
    for item in 0..12 {
        let review = NewReview {
            run: run.clone(),
            item,
            criterion: 0,
            reviewer: "ana".into(),
            score: Some((item % 5 + 1) as u8),
            comment: String::new(),
            modes: vec!["too long".into()],
            saw_judge: false,
            sampling: Sampling::Random,
            seconds: None,
            undo: None,
        };
        store.add_review(&review).unwrap();
    }
    path
}

#[test]
fn no_size_brings_a_screen_of_runs_down() {
    let dir = tempfile::tempdir().unwrap();
    let path = demo(dir.path());
    let sizes = [
        (1, 1),
        (2, 3),
        (500, 1),
        (3, 200),
        (10, 2),
        (20, 5),
        (40, 12),
        (59, 9),
        (60, 10),
        (80, 24),
        (160, 45),
        (500, 200),
    ];
    block(async {
        for (keys, sign) in OF_RUNS {
            let mut screen = open(&path, (120, 30), Theme::Dark).await;
            screen.keys(keys).await;
            for (width, height) in sizes {
                assert!(screen.text().contains(sign), "{keys}: {}", screen.text());
                screen.resize(width, height);
                screen.draw();
                screen.keys("j Tab G Tab k g ? j Esc").await;
                screen.resize(120, 30);
            }
        }
    });
}

#[test]
fn an_empty_registry_says_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("registry.db");
    drop(Store::open(&path).unwrap());
    block(async {
        let mut screen = open(&path, (120, 20), Theme::Dark).await;
        assert!(screen.text().contains("assize register NAME FILE"), "{}", screen.text());
        screen.keys("d J Esc e l b u y t j k G").await;
    });
}

#[test]
fn ten_thousand_prompts_load_a_page_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let path = numbered(dir.path(), 10_000);
    block(async {
        let mut screen = open(&path, (120, 30), Theme::Dark).await;
        assert!(screen.text().contains("10,000 prompts"));
        screen.keys("G").await;
        assert!(screen.text().contains("p9999") && screen.text().contains("text 9999"), "{}", screen.text());
        screen.press("g j j j j j");
        screen.idle().await;
        assert!(screen.text().contains("text 5"), "{}", screen.text());
        screen.keys("/ type:p4242").await;
        assert!(screen.text().contains("text 4242"), "{}", screen.text());
    });
}

#[test]
fn help_is_wrapped_not_cut_and_each_line_of_the_table_keeps_its_own_key() {
    let dir = tempfile::tempdir().unwrap();
    let path = registry(dir.path());
    block(async {
        for keys in ["?", "d ?", "b ?", "2 ?", "3 ?", "4 ?"] {
            let mut screen = open(&path, (80, 24), Theme::Dark).await;
            screen.keys(keys).await;
            let mut all = String::new();
            for _ in 0..8 {
                let text = screen.text();
                let inside: Vec<&str> = text
                    .lines()
                    .filter_map(|l| l.split('│').nth_back(1))
                    .filter(|l| l.contains("  "))
                    .collect();
                assert!(inside.iter().all(|l| !l.contains('…') || l.contains("12…")), "{keys}: {text}");
                all.push_str(&text);
                screen.keys("PageDown").await;
            }
            assert!(all.contains("C-c") && all.contains("a run in progress is saved"), "{keys}: {all}");
        }
    });
}
