//! What every screen looks like: keys typed into the real loop, then one snapshot for each size of terminal.
//!
//! ```text
//! screen_test!(blame, "Enter b", EVERY);                      the demo
//! screen_test!(tag, "3 t type:vague", EVERY, on Stage::Blind);   another registry
//! ```
//! A registry is built once and copied for each picture, so that no test sees what another one typed. Run one of them with
//! `cargo test --test integration screens::blame`; accept a change that is meant with `INSTA_UPDATE=always` in front.

use assize::config::Config;
use assize::core::item::{ImportedVerdict, Item, Subject};
use assize::store::{Cause, Store};
use assize::tui::testing::Harness;
use assize::tui::theme::Theme;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// 2026-01-02T00:00:00Z: what the screens take for now where prompts have days of their own.
const NOW: i64 = 1_767_312_000;

/// Widths and heights that every screen is made for.
const EVERY: [(u16, u16); 3] = [(80, 24), (120, 36), (160, 45)];
/// Where the room changes nothing: one line of words, or a window in the middle.
const ONE: [(u16, u16); 1] = [(80, 24)];

/// The registry under a screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Prompts of two projects and a recorded run of 640 items under four arms.
    Demo,
    /// No prompt, no run.
    Empty,
    /// Four prompts with labels and cases, one of them a chat; no run.
    Small,
    /// Three arms and two criteria over twelve cases, with two reviewers and failure modes.
    Figures,
    /// A prompt with three revisions that were judged.
    History,
    /// Twelve items that look alike: the order of a review follows the run's id, and each registry has another one.
    Blind,
    /// As `Small`, on a disk that takes no writing.
    ReadOnly,
}

/// The demo's registry, made once for all tests and copied into `dir`.
pub(crate) fn demo(dir: &Path) -> PathBuf {
    copy(Stage::Demo, dir).0
}

/// A registry of that kind in `dir`, and when it was made.
pub(crate) fn copy(stage: Stage, dir: &Path) -> (PathBuf, i64) {
    static BUILT: [OnceLock<(tempfile::TempDir, PathBuf, i64)>; 6] = [const { OnceLock::new() }; 6];
    let at = if stage == Stage::ReadOnly { Stage::Small as usize } else { stage as usize };
    let (_, built, made) = BUILT[at].get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let path = build(stage, folder.path());
        // A copy of one file is whole only once nothing is left in the log beside it.
        rusqlite::Connection::open(&path)
            .unwrap()
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
            .unwrap();
        (folder, path, jiff::Timestamp::now().as_second())
    });
    let path = dir.join("registry.db");
    std::fs::copy(built, &path).unwrap();
    (path, *made)
}

fn build(stage: Stage, dir: &Path) -> PathBuf {
    match stage {
        Stage::Demo => {
            let built = std::process::Command::new(env!("CARGO_BIN_EXE_assize"))
                .args(["demo", "--no-tui", "--dir", "demo"])
                .current_dir(dir)
                .env("HOME", dir)
                .output()
                .unwrap();
            assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
            dir.join("demo/registry.db")
        }
        Stage::Empty => {
            let path = dir.join("registry.db");
            drop(Store::open(&path).unwrap());
            path
        }
        Stage::Small | Stage::ReadOnly => crate::tui_registry::registry(dir),
        Stage::Figures => {
            let (path, run) = crate::tui_figures::registry(dir);
            let mut store = Store::open(&path).unwrap();
            for item in 0..30 {
                let modes: &[&str] = if item % 3 == 0 { &["vague", "too long"] } else { &["vague"] };
                crate::tui_figures::review(&mut store, &run, "ana", item, 1 + (item % 4) as u8, modes);
            }
            for item in 0..12 {
                crate::tui_figures::review(&mut store, &run, "ben", item, 1 + (item % 5) as u8, &[]);
            }
            path
        }
        Stage::History => {
            let path = crate::tui_history::history(dir);
            let (name, label) = ("p".parse().unwrap(), "staging".parse().unwrap());
            let mut store = Store::open(&path).unwrap();
            store.set_label(&name, &label, &"r2".parse().unwrap(), None, false, &Cause::default()).unwrap();
            path
        }
        Stage::Blind => {
            let path = dir.join("registry.db");
            Store::open(&path).unwrap().import_items("set", (0..12).map(alike).collect()).unwrap();
            path
        }
    }
}

fn alike(i: usize) -> Item {
    Item {
        id: format!("case-{i:02}"),
        arm: "secret-arm".into(),
        response: "The parcel was sent on Monday.\n\nIt will be with you on Wednesday.".into(),
        subject: Subject {
            prompt: "Where is my parcel?\n".repeat(12),
            vars: serde_json::Map::new(),
            reference: Some("Sent on Monday, there on Wednesday.".into()),
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

/// The screen without what differs from one registry to the next: ids of runs, the day on which they were made, and which
/// of several cases that look alike came first.
fn steady(path: &Path, text: &str) -> String {
    let store = Store::open_read_only(path).unwrap();
    let start = |t: &str, n: usize| t.chars().take(n).collect::<String>();
    let mut text = text.to_owned();
    for run in store.runs(None).unwrap() {
        text = text.replace(&start(&run.id, 6), "7f3c0a");
        // A time may be cut anywhere.
        for length in (10..=16).rev() {
            text = text.replace(&start(&run.created_at, length), &start("2026-01-01T00:00", length));
        }
    }
    // Seconds differ, too.
    let second = "2026-01-01T00:00:";
    let mut parts = text.split(second);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        let rest = part
            .strip_prefix(|c: char| c.is_ascii_digit())
            .and_then(|p| p.strip_prefix(|c: char| c.is_ascii_digit()));
        rest.map_or_else(|| format!("{text}{second}{part}"), |rest| format!("{text}{second}00{rest}"))
    })
}

/// Types the keys at each size and holds what is then on the screen against its snapshot.
fn shows(name: &str, keys: &str, sizes: &[(u16, u16)], stage: Stage) {
    for (width, height) in sizes.iter().copied() {
        let dir = tempfile::tempdir().unwrap();
        let (path, made) = copy(stage, dir.path());
        // Ages must not differ from day to day: runs are as old as the registry, and so is all else but for prompts that
        // have days of their own.
        let runs = stage == Stage::Demo && keys.starts_with(['2', '3', '4']);
        let now =
            if runs || matches!(stage, Stage::Figures | Stage::History | Stage::Blind) { made } else { NOW };
        let text = crate::tui_figures::block(async {
            let mut config = Config::default();
            config.review.name = Some("ana".into());
            let mut screen =
                Harness::open(&path, config, stage == Stage::Demo, (width, height), Theme::Dark).await;
            screen.at(now);
            if stage == Stage::ReadOnly {
                screen.app.env.read_only = Some("the disk takes no writing".into());
            }
            screen.editor = Some(Ok("What is left of the prompt.\nIt has {{ two }} lines.\n".into()));
            screen.keys(keys).await;
            screen.text()
        });
        // Words of the demo's texts hold anything.
        if stage != Stage::Demo {
            crate::tui_figures::sane(&text);
        }
        let mut text = steady(&path, &text);
        if stage == Stage::Blind {
            for i in 0..12 {
                text = text.replace(&format!("case-{i:02}"), "case-NN");
            }
        }
        insta::with_settings!({description => format!("{stage:?}: {keys}"), omit_expression => true}, {
            insta::assert_snapshot!(format!("{name}_{width}x{height}"), text);
        });
    }
}

macro_rules! screen_test {
    ($name:ident, $keys:expr, $sizes:expr) => {
        screen_test!($name, $keys, $sizes, on Stage::Demo);
    };
    ($name:ident, $keys:expr, $sizes:expr, on $stage:expr) => {
        #[test]
        fn $name() {
            shows(stringify!($name), $keys, &$sizes, $stage);
        }
    };
}

// Prompts
screen_test!(prompts, "", EVERY);
screen_test!(prompts_history, "Enter j j", EVERY);
screen_test!(prompts_preview, "Enter Tab j", EVERY);
screen_test!(prompts_filter, "/ type:wisdom", EVERY);
screen_test!(prompts_filter_fits_nothing, "/ type:zzzz", EVERY);
screen_test!(prompts_folded, "Z", EVERY);
screen_test!(prompts_archive, "a", EVERY);
screen_test!(prompts_archive_asks, "A", ONE);
screen_test!(prompts_archived, "A y a", ONE);
screen_test!(prompts_empty, "", EVERY, on Stage::Empty);
screen_test!(prompts_empty_diff, "d", ONE, on Stage::Empty);
screen_test!(prompts_chat, "G Enter Tab", EVERY, on Stage::Small);
screen_test!(prompts_rendered, "j j Enter p", EVERY, on Stage::Small);
screen_test!(prompts_rendered_fault, "j j Enter p ,", ONE, on Stage::Small);
screen_test!(prompts_rendered_without_cases, "p", ONE);
screen_test!(prompts_timeline, "Enter t", EVERY, on Stage::History);
screen_test!(prompts_label, "Enter l type:prod", ONE);
screen_test!(prompts_label_moved, "j j Enter l type:staging Enter", ONE, on Stage::Small);
screen_test!(prompts_label_refused, "Enter l type:latest Enter", ONE);
screen_test!(prompts_label_undo, "j j Enter u", ONE, on Stage::Small);
screen_test!(prompts_label_no_undo, "u", ONE, on Stage::Small);
screen_test!(prompts_rename, "R type:2", ONE);
screen_test!(prompts_rename_refused, "R type:_! Enter", ONE);
screen_test!(prompts_duplicate, "c", ONE);
screen_test!(prompts_marked, "Enter Space", ONE);
screen_test!(prompts_first_revision, "Enter G d", ONE);
screen_test!(prompts_read_only, "Enter e", ONE, on Stage::ReadOnly);
screen_test!(prompts_read_only_rename, "R", ONE, on Stage::ReadOnly);
screen_test!(prompts_model, "m", ONE);
screen_test!(prompts_scored, "Enter", EVERY, on Stage::History);

// What a search finds
screen_test!(search, "/ type:/identity", EVERY);
screen_test!(search_again, "/ type:/identity Enter /", ONE);
screen_test!(search_finds_nothing, "/ type:/zzzzqq Enter", EVERY);
screen_test!(search_refused, "/ type:/score:high Enter", ONE);

// Blame and the charts of a prompt
screen_test!(blame, "Enter b", EVERY);
screen_test!(blame_first_revision, "Enter b Enter", ONE, on Stage::Small);
screen_test!(revisions, "v", EVERY, on Stage::History);
screen_test!(revisions_cost, "v m", EVERY, on Stage::History);
screen_test!(revisions_never_judged, "v", EVERY);

// Diff
screen_test!(diff, "Enter d", EVERY);
screen_test!(diff_whole, "Enter d f u z w", EVERY);
screen_test!(diff_older, "Enter d [", ONE);
screen_test!(diff_newest, "Enter d ]", ONE);
screen_test!(diff_search, "Enter d / type:the", ONE);
screen_test!(diff_of_a_chat_and_a_text, "G Enter Space k Enter d", EVERY, on Stage::Small);
screen_test!(draft, "j j Enter e", EVERY, on Stage::Small);
screen_test!(draft_message, "j j Enter e Enter", ONE, on Stage::Small);
screen_test!(draft_kept, "j j Enter e Esc", ONE, on Stage::Small);
screen_test!(draft_refused, "G Enter e Enter Enter", ONE, on Stage::Small);

// What lies on top
screen_test!(palette, ":", EVERY);
screen_test!(palette_finds, ": type:label", ONE);
screen_test!(palette_finds_nothing, ": type:zzzz", ONE);
screen_test!(help_prompts, "?", EVERY);
screen_test!(help_search, "/ type:/identity Enter ?", EVERY);
screen_test!(help_blame, "b ?", EVERY);
screen_test!(help_diff, "Enter d ?", EVERY);
screen_test!(help_revisions, "v ?", EVERY);
screen_test!(help_runs, "2 ?", EVERY);
screen_test!(help_run, "2 Enter ?", EVERY);
screen_test!(help_item, "2 Enter Enter ?", EVERY);
screen_test!(help_review, "3 ?", EVERY, on Stage::Blind);
screen_test!(help_reveal, "3 1 1 1 1 1 1 1 1 1 1 ?", EVERY, on Stage::Blind);
screen_test!(help_agreement, "2 Enter A ?", EVERY, on Stage::Figures);
screen_test!(help_compare, "2 c ?", EVERY, on Stage::Figures);
screen_test!(help_modes, "2 f ?", EVERY, on Stage::Figures);
screen_test!(help_trends, "4 ?", EVERY);
screen_test!(help_scrolled, "? C-d", ONE);
screen_test!(plan, "2 J", EVERY);
screen_test!(plan_of_revisions, "j j J", EVERY, on Stage::Small);
screen_test!(plan_without_anything, "2 J Enter", EVERY, on Stage::Empty);

// Runs
screen_test!(runs, "2", EVERY);
screen_test!(runs_empty, "2", EVERY, on Stage::Empty);
screen_test!(runs_empty_compare, "2 c", ONE, on Stage::Empty);
screen_test!(runs_one_arm, "2 c", ONE, on Stage::Blind);
screen_test!(grid, "2 Enter", EVERY);
screen_test!(grid_sorted, "2 Enter o", EVERY, on Stage::Figures);
screen_test!(grid_no_failure, "2 Enter F", ONE, on Stage::Figures);
screen_test!(grid_not_live, "2 Enter p", ONE);
screen_test!(grid_imported, "2 r", ONE);
screen_test!(item, "2 Enter Enter", EVERY);
screen_test!(item_scores, "2 Enter Enter Tab a", EVERY);
screen_test!(item_exchange, "2 Enter Enter x", EVERY);
screen_test!(item_next, "2 Enter Enter n", ONE, on Stage::Figures);
screen_test!(item_first, "2 Enter Enter N", ONE, on Stage::Figures);
screen_test!(item_comment, "2 Enter Enter 3 c", ONE, on Stage::Figures);
screen_test!(item_comment_without_score, "2 Enter Enter c", ONE);
screen_test!(item_to_set, "2 Enter Enter C", ONE);
screen_test!(item_read_only, "2 Enter", ONE, on Stage::ReadOnly);
screen_test!(item_diff, "2 Enter Enter d", EVERY, on Stage::Figures);
screen_test!(item_no_other_arm, "2 Enter Enter d", ONE, on Stage::Blind);
screen_test!(modes, "2 f", EVERY, on Stage::Figures);
screen_test!(modes_none, "2 f", EVERY);
screen_test!(modes_none_to_criterion, "2 f c", ONE);
screen_test!(compare, "2 c", EVERY, on Stage::Figures);
screen_test!(compare_pairs, "2 c m", EVERY, on Stage::Figures);
screen_test!(compare_slice, "2 c t", ONE, on Stage::Figures);
screen_test!(compare_flip, "2 c Enter", EVERY, on Stage::Figures);
screen_test!(agreement, "2 Enter A", EVERY, on Stage::Figures);
screen_test!(agreement_by_score, "2 Enter A Tab", EVERY, on Stage::Figures);
screen_test!(agreement_side_by_side, "2 Enter A Tab Tab", EVERY, on Stage::Figures);
screen_test!(agreement_nobody, "2 Enter A", EVERY);

// Review
screen_test!(review, "3", EVERY, on Stage::Blind);
screen_test!(review_anchors, "3 a", EVERY, on Stage::Blind);
screen_test!(review_unfolded, "3 f j", EVERY, on Stage::Blind);
screen_test!(review_comment, "3 c type:too_short", ONE, on Stage::Blind);
screen_test!(review_tag, "3 t type:vague Enter", EVERY, on Stage::Blind);
screen_test!(review_order, "3 o", ONE, on Stage::Blind);
screen_test!(review_who, "3 w", ONE, on Stage::Blind);
screen_test!(review_undone, "3 4 u", ONE, on Stage::Blind);
screen_test!(review_nothing_to_undo, "3 u", ONE, on Stage::Blind);
screen_test!(review_empty, "3", EVERY, on Stage::Empty);
screen_test!(review_done, "3 1 1 1 1 1 1 1 1 1 1 Enter s s Enter", EVERY, on Stage::Blind);
screen_test!(reveal, "3 1 1 1 1 1 1 1 1 1 2", EVERY, on Stage::Blind);
screen_test!(reveal_digit, "3 1 1 1 1 1 1 1 1 1 2 4", ONE, on Stage::Blind);
screen_test!(reveal_agreed, "3 1 1 1 1 1 1 1 1 1 2 y", EVERY, on Stage::Blind);
screen_test!(reveal_override, "3 1 1 1 1 1 1 1 1 1 2 o", EVERY, on Stage::Blind);
screen_test!(reveal_override_refused, "3 1 1 1 1 1 1 1 1 1 2 o type:4 Enter", ONE, on Stage::Blind);
screen_test!(reveal_wrong_reasons, "3 1 1 1 1 1 1 1 1 1 2 w type:no Enter", ONE, on Stage::Blind);

// Trends
screen_test!(trends, "4", EVERY);
screen_test!(trends_cost, "4 m", EVERY, on Stage::History);
screen_test!(trends_empty, "4", EVERY, on Stage::Empty);
screen_test!(trends_no_prompt, "4 v", ONE);

#[test]
fn a_snapshot_that_no_test_asks_for_is_found() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut unused = Vec::new();
    for entry in std::fs::read_dir(root.join("tests/integration/snapshots")).unwrap() {
        let file = entry.unwrap().file_name().into_string().unwrap();
        let (module, name) = file
            .strip_prefix("integration__")
            .and_then(|f| f.strip_suffix(".snap"))
            .and_then(|f| f.split_once("__"))
            .unwrap_or_else(|| panic!("{file} is no snapshot of these tests: remove it"));
        let source =
            std::fs::read_to_string(root.join(format!("tests/integration/{module}.rs"))).unwrap_or_default();
        if !asked_for(&source).iter().any(|wanted| fits(wanted, name)) {
            unused.push(file);
        }
    }
    assert!(
        unused.is_empty(),
        "no test refers to these: remove them, or add the test\n{}",
        unused.join("\n")
    );
}

/// Names of snapshots that a file of tests asks for; `{}` stands for anything.
fn asked_for(source: &str) -> Vec<String> {
    let mut names = Vec::new();
    for call in source.split("assert_snapshot!(").skip(1) {
        let call = call.trim_start().trim_start_matches("format!(").trim_start();
        names.extend(call.strip_prefix('"').and_then(|t| t.split('"').next()).map(ToOwned::to_owned));
    }
    for call in source.split("\nscreen_test!(").skip(1) {
        let Some((call, _)) = call.split_once(");") else { continue };
        let Some((name, rest)) = call.split_once(',') else { continue };
        let sizes: &[(u16, u16)] = if rest.contains(", EVERY") { &EVERY } else { &ONE };
        names.extend(sizes.iter().map(|(width, height)| format!("{}_{width}x{height}", name.trim())));
    }
    // The one place that names them after its caller is not a name.
    names.retain(|name| name != "{name}_{width}x{height}");
    names
}

/// Whether a name is what a pattern with `{...}` in it can become.
fn fits(pattern: &str, name: &str) -> bool {
    match pattern.split_once('{') {
        None => pattern == name,
        Some((start, rest)) => {
            let rest = rest.split_once('}').map_or("", |(_, rest)| rest);
            name.strip_prefix(start).is_some_and(|name| {
                name.char_indices()
                    .map(|(at, _)| at)
                    .chain([name.len()])
                    .any(|at| fits(rest, name.get(at..).unwrap_or("")))
            })
        }
    }
}

#[test]
fn names_of_snapshots_are_read_from_the_tests() {
    let source = "\nscreen_test!(plan, \"2 J\", EVERY);\nscreen_test!(model,\n \"m\", ONE, on Stage::Small);\n\
                  insta::assert_snapshot!(\"a\", x); insta::assert_snapshot!(format!(\"b_{w}x{h}\"), x);";
    let names = asked_for(source);
    assert_eq!(names, ["a", "b_{w}x{h}", "plan_80x24", "plan_120x36", "plan_160x45", "model_80x24"]);
    assert!(fits("b_{w}x{h}", "b_80x24") && fits("a", "a"));
    assert!(!fits("b_{w}x{h}", "c_80x24") && !fits("a", "ab") && !fits("b_{w}x{h}", "b_80"));
}

/// What every test here types, and where: for tests of other matters.
pub(crate) fn typed() -> Vec<(String, Stage)> {
    let stages = [Stage::Empty, Stage::Small, Stage::Figures, Stage::History, Stage::Blind, Stage::ReadOnly];
    let calls = include_str!("screens.rs").split("\nscreen_test!(").skip(1);
    let call = |call: &str| {
        let (call, _) = call.split_once(");")?;
        let keys = call.split('"').nth(1)?.to_owned();
        let named = |stage: &&Stage| call.ends_with(&format!("Stage::{stage:?}"));
        Some((keys, stages.iter().find(named).copied().unwrap_or(Stage::Demo)))
    };
    calls.filter_map(call).collect()
}
