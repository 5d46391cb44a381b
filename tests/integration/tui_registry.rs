//! The registry's screens: rendering with a case, the meter, the timeline, folders, names, drafts, two responses compared.
use assize::config::Config;
use assize::core::item::Case;
use assize::core::prompt::{Settings, Template};
use assize::store::{Cause, NewRevision, Store};
use assize::tui::testing::Harness;
use assize::tui::theme::Theme;
use serde_json::json;
use std::path::{Path, PathBuf};

fn revision(name: &str, template: Template, at: &str, message: &str) -> NewRevision {
    NewRevision {
        created_at: Some(at.into()),
        message: Some(message.into()),
        author: Some("ana".into()),
        ..NewRevision::new(name.parse().unwrap(), template)
    }
}

pub(crate) fn registry(dir: &Path) -> PathBuf {
    let path = dir.join("registry.db");
    let mut store = Store::open(&path).unwrap();
    let mut add = |name: &str, text: &str, at: &str, why: &str| {
        store.register(revision(name, Template::text(text), at, why)).unwrap();
    };
    add("alone", "Say hello.\n", "2025-12-01T00:00:00Z", "first");
    add("rules/tone", "Be kind.\n", "2025-12-01T00:00:00Z", "first");
    add("support/summary", "Summarise {{ ticket }}.\n", "2025-12-01T00:00:00Z", "first version");
    let second = "{% include 'rules/tone' %}Summarise {{ ticket }} in {{ language }}.\n";
    add("support/summary", second, "2025-12-30T00:00:00Z", "clarify OUTPUT");
    let chat = Template::chat(&json!([
        {"role": "system", "content": "You are {{ who }}."}, {"role": "user", "content": "{{ ticket }}"}
    ]))
    .unwrap();
    store.register(revision("support/zchat", chat, "2025-12-02T00:00:00Z", "a chat")).unwrap();
    let case = |id: &str, vars: serde_json::Value| -> Case {
        serde_json::from_value(json!({"id": id, "vars": vars})).unwrap()
    };
    let cases = vec![
        case("incomplete", json!({"ticket": "no language"})),
        case("whole", json!({"ticket": "order {{ language }}", "language": "German", "extra": "x"})),
    ];
    store.import_cases("tickets", cases).unwrap();
    let cause = Cause { author: Some("bob".into()), reason: Some("release".into()) };
    let (name, label) = ("support/summary".parse().unwrap(), "production".parse().unwrap());
    for seq in ["r1", "r2"] {
        store.set_label(&name, &label, &seq.parse().unwrap(), None, false, &cause).unwrap();
    }
    path
}

async fn open(path: &Path, size: (u16, u16), config: &str) -> Harness {
    let config = Config::parse(config, Path::new("config.toml")).unwrap();
    let mut screen = Harness::open(path, config, false, size, Theme::Dark).await;
    screen.at(1_767_312_000);
    screen
}

fn block<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(work)
}

fn has(screen: &mut Harness, words: &[&str]) {
    let text = screen.text();
    for word in words {
        assert!(text.contains(word), "'{word}' is not on the screen:\n{text}");
    }
}

#[test]
fn a_preview_is_rendered_with_a_chosen_case_and_faults_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = registry(dir.path());
    block(async {
        let mut screen = open(&path, (140, 24), "").await;
        // The case that has all variables comes first; a value that looks like a variable stays text.
        screen.keys("j j Enter p").await;
        has(
            &mut screen,
            &["with tickets/whole", "2 of 2", "Be kind.", "Summarise order {{", "German.", "not used: extra"],
        );
        screen.keys(",").await;
        has(&mut screen, &["tickets/incomplete", "has no value for"]);
        // The older revision asks for less.
        screen.keys("j").await;
        has(&mut screen, &["Summarise no language."]);
        screen.keys("p").await;
        has(&mut screen, &["Summarise {{ ticket }}."]);
        screen.keys("h j Enter p").await;
        has(&mut screen, &["has no value for 'who'"]);
        screen.keys("p").await;
        has(&mut screen, &["── system ──", "You are {{ who }}.", "who, ticket"]);
        screen.resize(70, 24);
        screen.keys("p").await;
        has(&mut screen, &["has no value for"]);
    });
}

#[test]
fn the_meter_measures_against_the_chosen_models_window() {
    let dir = tempfile::tempdir().unwrap();
    let path = registry(dir.path());
    block(async {
        let model = |name: &str, more: &str| {
            format!(
                "[model.{name}]\nbase_url = \"http://127.0.0.1:9/v1\"\nmodel = \"own\"\nmax_tokens = 100\n{more}\n"
            )
        };
        let config =
            [model("a", "context_window = 1000"), model("b", "context_window = 256"), model("c", "")]
                .concat();
        let mut screen = open(&path, (160, 24), &config).await;
        screen.keys("Enter").await;
        has(&mut screen, &["% of 1,000 a"]);
        screen.keys("m").await;
        has(&mut screen, &["% of 256 b"]);
        screen.keys("m").await;
        has(&mut screen, &["window of c not known"]);
        // A revision that names its model is measured against that one.
        let settings = Settings {
            config: serde_json::from_value(json!({"model": "gpt-4o-mini"})).unwrap(),
            ..Settings::default()
        };
        let mut named = NewRevision::new("alone".parse().unwrap(), Template::text("long ".repeat(200_000)));
        named.settings = settings;
        Store::open(&path).unwrap().register(named).unwrap();
        screen.changed().await;
        screen.keys("g").await;
        has(&mut screen, &["does not fit", "% of 128,000"]);
    });
}

#[test]
fn the_timeline_stands_beside_the_revisions() {
    let dir = tempfile::tempdir().unwrap();
    let path = registry(dir.path());
    block(async {
        let mut screen = open(&path, (160, 24), "").await;
        screen.keys("j j Enter t").await;
        has(
            &mut screen,
            &["timeline of support/summary", "production r1 → r2", "bob  \"rel", "clarify OUTPUT"],
        );
        // One key, and a yes, roll back; the timeline has it at once.
        screen.keys("u y").await;
        has(&mut screen, &["production r2 → r1"]);
        screen.keys("t t").await;
        has(&mut screen, &["production r2 → r1"]);
    });
}

#[test]
fn folders_fold_and_open_and_the_cursor_stays() {
    let dir = tempfile::tempdir().unwrap();
    let path = registry(dir.path());
    block(async {
        let mut screen = open(&path, (120, 20), "").await;
        screen.keys("j j z").await;
        has(&mut screen, &["▸ support/", "alone", "tone"]);
        assert!(!screen.text().contains("zchat"), "{}", screen.text());
        screen.keys("Enter").await;
        has(&mut screen, &["zchat"]);
        screen.keys("Z").await;
        has(&mut screen, &["▸ support/", "▸ rules/"]);
        screen.keys("k z").await;
        has(&mut screen, &["▸ support/", "tone"]);
        screen.keys("g z").await;
        has(&mut screen, &["alone is in no folder"]);
        screen.changed().await;
        has(&mut screen, &["▸ support/"]);
        screen.keys("Z").await;
        has(&mut screen, &["zchat", "tone"]);
    });
}

#[test]
fn names_are_changed_copied_freed_and_taken_back_on_the_screen() {
    let dir = tempfile::tempdir().unwrap();
    let path = registry(dir.path());
    block(async {
        let mut screen = open(&path, (140, 20), "").await;
        screen.keys("R Home C-k type:first Enter").await;
        has(&mut screen, &["alone is now first"]);
        // A new prompt starts from an old revision.
        screen.keys("g j j Enter j c Home C-k type:newer Enter").await;
        let store = Store::open(&path).unwrap();
        let copied = store.resolve(&"newer".parse().unwrap(), &"latest".parse().unwrap()).unwrap();
        assert_eq!(store.text(&copied.digest).unwrap(), "Summarise {{ ticket }}.\n", "{}", screen.text());
        screen.keys("Esc g A y").await;
        has(&mut screen, &["first is put away"]);
        assert!(Store::open(&path).unwrap().prompt(&"first".parse().unwrap()).is_err());
        screen.keys("a").await;
        has(&mut screen, &["first"]);
        screen.keys("A a").await;
        assert!(Store::open(&path).unwrap().prompt(&"first".parse().unwrap()).is_ok());
        screen.keys("R Home C-k type:newer Enter").await;
        has(&mut screen, &["is taken"]);
    });
}

#[test]
fn what_a_dead_editor_left_is_offered_again_and_a_draft_can_be_mended() {
    let dir = tempfile::tempdir().unwrap();
    let path = registry(dir.path());
    let left = dir.path().join("left");
    std::fs::create_dir(&left).unwrap();
    let file = left.join("prompt.md");
    std::fs::write(&file, "rescued {{ ticket }}\n").unwrap();
    block(async {
        let mut screen = open(&path, (140, 24), "").await;
        screen.editor = Some(Err(format!(
            "vi ended with signal: 9: nothing was saved; your text is kept in {}",
            file.display()
        )));
        screen.keys("j j Enter e").await;
        has(&mut screen, &["kept as a draft: e opens it again"]);
        assert!(!left.exists(), "the file has become the draft");
        screen.keys("e").await;
        has(&mut screen, &["+ rescued {{ ticket }}", "variables −language", "draft not saved yet"]);
        // e again from the difference: the editor goes on with the draft.
        screen.editor = Some(Ok("rescued {{ ticket }} {{ language }}\n".into()));
        screen.keys("e").await;
        has(&mut screen, &["rescued {{ ticket }} {{ language }}"]);
        assert!(!screen.text().contains("variables"), "{}", screen.text());
        screen.keys("s type:mended Enter").await;
        has(&mut screen, &["r3", "saved; J judges it", "mended"]);
        // Nothing to save, and it says so.
        screen.keys("e").await;
        has(&mut screen, &["nothing was changed"]);
        // A chat that is no JSON stays a draft.
        screen.editor = Some(Ok("{ not json".into()));
        screen.keys("h j Enter e Enter Enter").await;
        has(&mut screen, &["not saved, kept as a draft"]);
    });
}

#[test]
fn two_responses_of_a_case_are_compared_by_word() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("registry.db");
    let item = |arm: &str, response: &str| {
        let verdict =
            json!({"criterion": "accuracy", "judge": "j", "repeat": 0, "score": 4, "explanation": "so"});
        json!({"id": "c1", "arm": arm, "prompt": "Say it.", "response": response, "verdicts": [verdict]})
            .to_string()
    };
    let lines = [item("base", "The order came late.\n"), item("cand", "The order came early.\n")].join("\n");
    let items = assize::interop::items::read(lines.as_bytes(), "items.jsonl").unwrap().items;
    Store::open(&path).unwrap().import_items("items", items).unwrap();
    block(async {
        let mut screen = open(&path, (120, 24), "").await;
        screen.keys("2 Enter Enter d").await;
        has(&mut screen, &["c1 · base", "c1 · cand", "came late", "came early", "1 hunk"]);
        screen.keys("J").await;
        has(&mut screen, &["J plans a run over revisions"]);
        screen.keys("[").await;
        has(&mut screen, &["stepping needs two revisions"]);
        screen.keys("q").await;
        has(&mut screen, &["RESPONSE"]);
    });
}

#[test]
fn every_screen_of_the_registry_draws_at_any_size() {
    let dir = tempfile::tempdir().unwrap();
    let path = registry(dir.path());
    block(async {
        for keys in ["j j Enter p", "j j Enter t", "Z", "a", "j j Enter d", "j j Enter b", "/ type:x", "?"] {
            let mut screen = open(
                &path,
                (120, 30),
                "[model.a]\nbase_url = \"http://127.0.0.1:9/v1\"\nmodel = \"gpt-4o\"\n",
            )
            .await;
            screen.keys(keys).await;
            for (width, height) in [
                (0, 0),
                (1, 1),
                (3, 2),
                (9, 4),
                (20, 5),
                (59, 7),
                (60, 12),
                (79, 24),
                (100, 3),
                (200, 60),
                (500, 200),
            ] {
                screen.resize(width, height);
                screen.draw();
            }
        }
    });
}

/// What `l`, `e` and `J` act on is what was selected before, wherever it stands now.
#[test]
fn a_prompt_that_comes_in_above_does_not_move_the_selection_to_another() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("registry.db");
    let row = |i| NewRevision::new(format!("p{i:04}").parse().unwrap(), Template::text(format!("text {i}")));
    Store::open(&path).unwrap().import_revisions((0..200).map(row).collect()).unwrap();
    let add = |name: &str| {
        Store::open(&path)
            .unwrap()
            .register(NewRevision::new(name.parse().unwrap(), Template::text("x")))
            .unwrap();
    };
    let selected = |screen: &mut Harness| {
        let text = screen.text();
        let line = text.lines().find(|l| l.starts_with('▌')).unwrap_or_else(|| panic!("{text}"));
        line.trim_start_matches('▌').split_whitespace().next().unwrap().to_owned()
    };
    block(async {
        let mut screen = Harness::open(&path, Config::default(), false, (120, 22), Theme::Dark).await;
        let mut n = 0;
        for (way, name) in [("g", "p0000"), ("j", "p0001"), ("G", "p0199"), ("k k", "p0197")] {
            screen.keys(way).await;
            assert_eq!(selected(&mut screen), name);
            // So many that it goes to another page.
            for _ in 0..40 {
                n += 1;
                add(&format!("a{n:04}"));
            }
            screen.changed().await;
            assert_eq!(selected(&mut screen), name, "after {n} came in above");
            // The places around it are those of now.
            screen.keys("k j").await;
            assert_eq!(selected(&mut screen), name);
            if way == "g" {
                screen.keys("k").await;
                assert_eq!(selected(&mut screen), "a0040");
                screen.keys("j").await;
            }
        }
        // One that is put away leaves the selection in its place.
        let gone = "p0197".parse().unwrap();
        Store::open(&path).unwrap().archive(&gone, &Cause::default()).unwrap();
        screen.changed().await;
        assert_eq!(selected(&mut screen), "p0198");
    });
}

#[test]
fn what_was_just_saved_is_selected_and_an_undo_says_what_it_takes_back() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("registry.db");
    let mut store = Store::open(&path).unwrap();
    for text in ["one", "two"] {
        store.register(NewRevision::new("p".parse().unwrap(), Template::text(text))).unwrap();
    }
    block(async {
        let mut screen = Harness::open(&path, Config::default(), false, (120, 22), Theme::Dark).await;
        screen.keys("u").await;
        assert!(screen.text().contains("p has no label move to take back"), "{}", screen.text());
        screen.editor = Some(Ok("three".into()));
        screen.keys("e s type:shorter Enter").await;
        assert!(screen.text().contains("p r3") && screen.text().contains("saved"), "{}", screen.text());
        screen.changed().await;
        for label in ["production", "staging"] {
            screen.keys(&format!("l type:{label} Enter")).await;
            assert!(screen.text().contains(&format!("{label} set on r3")), "{}", screen.text());
        }
        screen.keys("u").await;
        let text = screen.text();
        assert!(text.contains("take staging off r3 again?"), "{text}");
        screen.keys("y").await;
        assert!(screen.text().contains("staging removed"), "{}", screen.text());
        screen.keys("u").await;
        assert!(screen.text().contains("take production off r3 again?"), "{}", screen.text());
        screen.keys("n").await;
        let labels = store.log(&"p".parse().unwrap(), None, None).unwrap();
        assert_eq!(labels[0].labels, ["production"]);
    });
}
