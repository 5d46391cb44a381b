//! Means on the screens are those of `run show`, figure by figure: Grid, Runs, Trends, Compare.

use crate::tui_figures::{block, import, open, plain, review, sane};
use assize::core::item::Item;
use assize::store::Store;
use serde_json::Value;
use std::path::{Path, PathBuf};

fn shown(path: &Path) -> Value {
    let out = std::process::Command::new(env!("CARGO_BIN_EXE_assize"))
        .args(["--registry", path.to_str().unwrap(), "run", "show", &run_of(path), "--json"])
        .output()
        .unwrap();
    serde_json::from_slice(&out.stdout).unwrap()
}

fn run_of(path: &Path) -> String {
    Store::open(path).unwrap().runs(None).unwrap()[0].id.clone()
}

/// Twelve cases of four sources under two arms; one verdict failed, and people scored twenty items at random.
fn registry(dir: &Path) -> PathBuf {
    let items: Vec<Item> = (0..12)
        .flat_map(|i| {
            let score = 2 + (i / 3 % 2) as u8;
            let mut both = [plain(i, "old", &[("tone", score)]), plain(i, "new", &[("tone", score + 1)])];
            for item in &mut both {
                item.subject.cluster = Some(format!("source {}", i / 3));
            }
            if i == 7 {
                both[1].verdicts[0].score = None;
                both[1].verdicts[0].state = Some("refused".into());
            }
            both
        })
        .collect();
    let path = import(dir, items);
    let run = run_of(&path);
    let mut store = Store::open(&path).unwrap();
    for item in 0..24 {
        review(&mut store, &run, "ana", item, 1 + (item % 3) as u8, &[]);
    }
    path
}

/// The screen without what differs from day to day: the run's id and its date.
fn steady(path: &Path, text: &str) -> String {
    let run = Store::open(path).unwrap().runs(None).unwrap().remove(0);
    let start = |t: &str, n: usize| t.chars().take(n).collect::<String>();
    text.replace(&start(&run.id, 6), "7f3c0a")
        .replace(&start(&run.created_at, 16), "2026-01-01T00:00")
        .replace(&start(&run.created_at, 10), "2026-01-01")
}

fn number(value: &Value) -> String {
    format!("{:.2}", value.as_f64().unwrap_or_else(|| panic!("{value}")))
}

/// The figures of one criterion as every screen of means writes them.
fn figures(c: &Value, planned: usize, between: &str) -> Vec<String> {
    let span = |ends: &Value| format!("{}{between}{}", number(&ends[0]), number(&ends[1]));
    vec![
        number(&c["mean"]),
        span(&c["ci95"]),
        format!("{}/{planned}", c["n"]),
        format!("{:.1} %", 100.0 * c["coverage"].as_f64().unwrap()),
        format!("{} ({})", number(&c["people_mean"]), c["checked_by_people"]),
        number(&c["corrected"]["mean"]),
        span(&c["corrected"]["ci95"]),
    ]
}

#[test]
fn the_grid_shows_each_arm_as_run_show_does() {
    let dir = tempfile::tempdir().unwrap();
    let path = registry(dir.path());
    let said = shown(&path);
    block(async {
        for size in [(80, 24), (120, 36), (160, 45)] {
            let mut screen = open(&path, size).await;
            screen.keys("2 Enter").await;
            let text = screen.text();
            sane(&text);
            for arm in said["arms"].as_array().unwrap() {
                for (at, figure) in (0..).zip(figures(&arm["criteria"][0], 12, "–")) {
                    // Items of those planned are left to higher screens.
                    if at != 2 || size.1 > 24 {
                        assert!(text.contains(&figure), "{figure} of {}\n{text}", arm["arm"]);
                    }
                }
            }
            let (width, height) = size;
            insta::assert_snapshot!(format!("grid_people_{width}x{height}"), steady(&path, &text));
        }
    });
}

#[test]
fn the_list_of_runs_counts_sources_over_all_arms_as_run_show_does() {
    let dir = tempfile::tempdir().unwrap();
    let path = registry(dir.path());
    let said = shown(&path);
    block(async {
        for (width, height) in [(80, 24), (120, 36), (160, 45)] {
            let mut screen = open(&path, (width, height)).await;
            screen.keys("2").await;
            let text = screen.text();
            sane(&text);
            let line = text.lines().find(|l| l.trim_start().starts_with("means")).unwrap().to_owned();
            let all = figures(&said["criteria"][0], 24, ", ");
            // Of little room the items of those planned are left out, and the corrected mean is cut.
            for (_, figure) in (0..).zip(&all).filter(|(at, _)| width > 80 || [0, 1, 3, 4].contains(at)) {
                assert!(line.contains(figure), "{figure} is not in {line}");
            }
            insta::assert_snapshot!(format!("runs_{width}x{height}"), steady(&path, &text));
            screen.keys("4").await;
            let text = screen.text();
            let c = &said["criteria"][0];
            assert!(text.contains(&number(&c["mean"])) && text.contains(&c["n"].to_string()), "{text}");
            sane(&text);
            insta::assert_snapshot!(format!("trends_{width}x{height}"), steady(&path, &text));
        }
    });
}

/// Whatever else has no room on 80 columns, what nobody has checked says so.
#[test]
fn what_nobody_has_checked_says_so_in_the_narrowest_list() {
    let dir = tempfile::tempdir().unwrap();
    let path = import(
        dir.path(),
        (0..6).map(|i| plain(i, "old", &[("faithfulness", 3), ("tone of voice", 4)])).collect(),
    );
    block(async {
        let mut screen = open(&path, (80, 24)).await;
        screen.keys("2").await;
        let text = screen.text();
        sane(&text);
        let row = text.lines().find(|l| l.contains("complete")).unwrap();
        assert!(row.trim_end().ends_with("…  unchecked") && row.contains("faithfulness 3"), "{row}");
        let means: Vec<&str> = text.lines().filter(|l| l.contains("coverage")).collect();
        assert_eq!(means.len(), 2, "{text}");
        assert!(means.iter().all(|l| l.trim_end().ends_with("  unchecked")), "{text}");
    });
}

/// What people have scored since shows when one comes back to the list.
#[test]
fn a_review_made_meanwhile_is_in_the_list_when_one_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let path = import(dir.path(), (0..6).map(|i| plain(i, "old", &[("tone", 3)])).collect());
    let run = run_of(&path);
    block(async {
        let mut screen = open(&path, (120, 36)).await;
        screen.keys("2").await;
        assert!(screen.text().contains("unchecked"), "{}", screen.text());
        screen.keys("Enter").await;
        review(&mut Store::open(&path).unwrap(), &run, "ana", 0, 2, &[]);
        screen.keys("Esc").await;
        let text = screen.text();
        assert!(text.contains("people 2.00 (1)") && !text.contains("unchecked"), "{text}");
    });
}
