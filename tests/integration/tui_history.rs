//! Histories on the screens: marks and means of revisions, charts of runs, failure modes.

use crate::tui_figures::{block, item, open, registry, review, sane};
use assize::store::Store;
use std::path::{Path, PathBuf};

/// A prompt of three revisions, each judged on eight cases and two criteria: r2 is better than r1, r3 no different.
pub(crate) fn history(dir: &Path) -> PathBuf {
    use crate::judged::{run_item, spec};
    use assize::core::digest::Digest;
    use assize::core::prompt::{PromptName, Template};
    use assize::core::rubric::builtin_rubric;
    use assize::store::{Arm, NewRevision, NewRun, NewVerdict};
    let path = dir.join("history.db");
    let mut store = Store::open(&path).unwrap();
    let source = {
        let done = store.import_items("source", vec![item(0, "a", [3, 3])]).unwrap();
        store.verdicts(&done.runs[0].0).unwrap()[0].verdict.clone()
    };
    let name: PromptName = "p".parse().unwrap();
    let cases: Vec<assize::core::item::Case> = (0..8)
        .map(|i| serde_json::from_value(serde_json::json!({"id": format!("c{i}"), "vars": {}})).unwrap())
        .collect();
    let set = store.import_cases("cases", cases).unwrap().0;
    let criteria: Vec<_> = builtin_rubric("default")
        .or_else(|| assize::core::rubric::builtin_rubrics().first())
        .unwrap()
        .criteria
        .iter()
        .take(2)
        .cloned()
        .collect();
    for seq in 1..=3_u32 {
        let text = format!("line one\nline of revision {seq}\n");
        let mut revision = NewRevision::new(name.clone(), Template::text(&text));
        revision.message = Some(format!("message {seq}"));
        store.register(revision).unwrap();
        let spec = spec(&set, criteria.clone());
        let arm =
            Arm { name: format!("p@r{seq}+m"), prompt: Some((name.clone(), seq)), model: Some("m".into()) };
        let items = (0..8).map(|i| (run_item(&set, i, &format!("c{i}"), &arm), arm.clone())).collect();
        let run = store.create_run(&NewRun { spec, items }).unwrap();
        for i in 0..8_u32 {
            for (column, criterion) in (0..).zip(&criteria) {
                let base = 2 + (i % 2) as u8;
                let mut verdict = NewVerdict {
                    item: i,
                    criterion: column,
                    repeat: 0,
                    criterion_version: criterion.version(),
                    fingerprint: Digest::of("judge"),
                    cached: false,
                    latency_ms: u64::from(1000 * seq),
                    cost_usd: Some(0.001 * f64::from(seq)),
                    ..source.clone()
                };
                verdict.reading.as_mut().unwrap().score = match seq {
                    1 => base,
                    2 => base + 1 + (i % 4 == 0) as u8,
                    _ => base + 1 + (i % 4 == 1) as u8,
                };
                store.save_verdict(&run, &verdict).unwrap();
            }
        }
    }
    path
}

#[test]
fn each_revision_shows_its_mean_and_what_changed_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = history(dir.path());
    block(async {
        let mut screen = open(&path, (120, 30)).await;
        screen.keys("l").await;
        screen.keys("Esc Tab").await;
        let text = screen.text();
        let line = |seq: &str| {
            text.lines()
                .find(|l| l.contains(&format!("{seq} ")) && l.contains("message"))
                .unwrap_or_else(|| panic!("{seq}:\n{text}"))
                .to_owned()
        };
        assert!(line("r2").contains("▲1.25") && line("r2").contains("3.75±"), "{text}");
        assert!(line("r3").contains('?') && !line("r3").contains('▲'), "{text}");
        assert!(line("r1").contains("2.50±"), "{text}");
        sane(&text);
        screen.resize(80, 24);
        let text = screen.text();
        assert!(text.contains("▲1.25") && text.contains("3.75±"), "{text}");
        insta::assert_snapshot!("history_80x24", text);
        screen.resize(120, 30);
        // The diff's header and blame carry it as associated.
        screen.keys("b").await;
        let text = screen.text();
        assert!(text.contains("associated"), "{text}");
        let blamed = text.lines().find(|l| l.contains("line of revision 3")).unwrap();
        assert!(blamed.contains(" ? "), "{text}");
        screen.keys("j Enter").await;
        let text = screen.text();
        assert!(text.contains("no evidence") && text.contains("associated"), "{text}");
        screen.keys("[").await;
        let text = screen.text();
        assert!(text.contains("▲1.25") && text.contains("associated"), "{text}");
        sane(&text);
    });
}

#[test]
fn revisions_are_plotted_by_criterion_and_cost_latency_and_failures_are_charts() {
    let dir = tempfile::tempdir().unwrap();
    let path = history(dir.path());
    block(async {
        let mut screen = open(&path, (100, 24)).await;
        screen.at(4_000_000_000);
        screen.keys("v").await;
        let text = screen.text();
        assert!(
            text.contains("all criteria")
                && text.contains("▲ +1.25 better")
                && text.contains("? 0.00 no evidence"),
            "{text}"
        );
        // All together and each criterion: three rows of each, every one with its interval.
        assert_eq!(text.matches('●').count(), 9, "{text}");
        sane(&text);
        screen.keys("m").await;
        let text = screen.text();
        assert!(text.contains("$0.0160") && text.contains("$0.0480"), "cost: {text}");
        screen.keys("m").await;
        assert!(screen.text().contains("3.00 s"), "{}", screen.text());
        screen.keys("m").await;
        assert!(screen.text().contains("0.0 %"), "{}", screen.text());
        sane(&screen.text());
        screen.keys("m j j Enter").await;
        assert!(screen.text().contains("r1") && screen.text().contains("associated"), "{}", screen.text());
        screen.keys("Esc Esc 4 m m").await;
        let text = screen.text();
        assert!(text.contains("latency of a request") && text.contains("3.00 s"), "{text}");
        sane(&text);
        screen.keys("G v").await;
        assert!(screen.text().contains("all criteria"), "{}", screen.text());
        screen.resize(80, 24);
        sane(&screen.text());
    });
    let out = std::process::Command::new(env!("CARGO_BIN_EXE_assize"))
        .args(["--registry", path.to_str().unwrap(), "trends", "p", "--json"])
        .output()
        .unwrap();
    let value: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    let rows = value["revisions"].as_array().unwrap();
    let last = rows.last().unwrap();
    assert_eq!(
        (rows.len(), &last["criterion"], last["revision"].as_u64()),
        (9, &serde_json::Value::Null, Some(3))
    );
    assert_eq!(
        (last["associated"]["evidence"].as_str(), rows[1]["associated"]["evidence"].as_str()),
        (Some("no evidence"), Some("better"))
    );
    assert_eq!(last["latency_ms"], 3000.0);
}

#[test]
fn failure_modes_are_a_pareto_chart_and_become_a_criterion_and_a_case() {
    let dir = tempfile::tempdir().unwrap();
    let (path, run) = registry(dir.path());
    let mut store = Store::open(&path).unwrap();
    for item in 0..6 {
        review(&mut store, &run, "ana", item, 2, &["too long"]);
    }
    for item in 6..8 {
        review(&mut store, &run, "ana", item, 2, &["Vague!"]);
    }
    drop(store);
    block(async {
        let mut screen = open(&path, (80, 24)).await;
        screen.keys("2 f").await;
        let text = screen.text();
        let line = |word: &str| text.lines().find(|l| l.contains(word)).unwrap().to_owned();
        assert!(line("too long").contains("75 %") && line("Vague!").contains("100 %"), "{text}");
        sane(&text);
        screen.keys("Tab").await;
        assert!(screen.text().contains("base ·"), "{}", screen.text());
        screen.keys("Tab Tab Tab j").await;
        // What the editor leaves broken is refused with its line, and offered again.
        screen.editor = Some(Ok("name = \"r\"\n[[criteria]]\n".into()));
        screen.keys("c").await;
        assert!(screen.text().contains("not saved"), "{}", screen.text());
        screen.keys("c").await;
        assert!(screen.text().contains("not saved"), "the refused text is offered again: {}", screen.text());
        screen.keys("Esc Esc").await;
        screen.keys("2 f j c").await;
        assert!(screen.text().contains("is saved as version"), "{}", screen.text());
        // The item becomes a case of a set of its own.
        screen.keys("Enter C Enter").await;
        assert!(screen.text().contains("is in the set 'failures'"), "{}", screen.text());
        screen.keys("C Enter").await;
        assert!(screen.text().contains("already"), "{}", screen.text());
    });
    let store = Store::open(&path).unwrap();
    let rubrics = store.rubrics().unwrap();
    let added = rubrics[0].rubric.criteria.last().unwrap();
    assert_eq!((added.name.as_str(), added.generic), ("vague", false));
    let set = store.case_set("failures").unwrap();
    assert_eq!((set.rows, store.cases(set.id).unwrap()[0].vars["prompt"].as_str().is_some()), (1, true));
    assert_eq!(store.fsck().unwrap().faults, []);
    let out = std::process::Command::new(env!("CARGO_BIN_EXE_assize"))
        .args(["--registry", path.to_str().unwrap(), "mode", "criterion", "too long", "--run", &run])
        .output()
        .unwrap();
    let draft = String::from_utf8(out.stdout).unwrap();
    assert!(
        draft.contains("# Responses tagged 'too long' (6)") && draft.contains("#   The answer of base"),
        "{draft}"
    );
    assert!(assize::core::rubric::read(&draft, "draft").is_ok(), "{draft}");
}

/// One item, all ties, a judge that never varies, failures only: every screen of figures stands, and says n/a.
#[test]
fn no_screen_ever_shows_a_number_that_is_none() {
    let constant = |n: usize| {
        (0..n).flat_map(|i| [item(i, "base", [3, 3]), item(i, "cand", [3, 3])]).collect::<Vec<_>>()
    };
    let failed = || {
        let mut items = constant(2);
        for verdict in items.iter_mut().flat_map(|i| &mut i.verdicts) {
            verdict.score = None;
            verdict.state = Some("refused".into());
        }
        items
    };
    for (name, items) in [("one", constant(1)), ("ties", constant(7)), ("failed", failed())] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("r.db");
        let mut store = Store::open(&path).unwrap();
        let n = items.len() as u32;
        let run = store.import_items("set", items).unwrap().runs[0].0.clone();
        for item in 0..n {
            review(&mut store, &run, "ana", item, 3, &["same"]);
            review(&mut store, &run, "ben", item, 3, &[]);
        }
        drop(store);
        block(async {
            for size in [(80, 24), (160, 45)] {
                let mut screen = open(&path, size).await;
                for keys in
                    ["2", "Enter", "A", "t", "o", "Esc c", "t", "o", "Esc f", "Esc Esc 4", "m", "m", "m", "3"]
                {
                    screen.keys(keys).await;
                    let text = screen.text();
                    assert!(
                        !text.contains("NaN") && !text.contains("inf ") && !text.contains("-0.00"),
                        "{name} {keys}:\n{text}"
                    );
                }
            }
        });
    }
}
