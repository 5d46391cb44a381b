//! The registry's promises: digests, sequence, labels, imports, runs, damage.

use assize::core::digest::Digest;
use assize::core::item::{ImportedVerdict, Item, Subject};
use assize::core::prompt::{Label, PromptName, Selector, Template};
use assize::store::{Cause, Expect, Handle, ListQuery, NewReview, NewRevision, Sampling, Store, StoreError};
use std::io::Read as _;
use std::path::Path;

fn name(text: &str) -> PromptName {
    text.parse().unwrap()
}

fn text(prompt: &str, body: &str) -> NewRevision {
    NewRevision::new(name(prompt), Template::text(body))
}

fn sel(text: &str) -> Selector {
    text.parse().unwrap()
}

#[test]
fn registering_the_newest_text_adds_nothing_and_an_older_one_adds_a_revision() {
    let mut store = Store::in_memory().unwrap();
    let one = store.register(text("p", "one")).unwrap();
    assert!(one.new);
    assert!(!store.register(text("p", "one")).unwrap().new);
    store.register(text("p", "two")).unwrap();
    let again = store.register(text("p", "one")).unwrap();
    assert_eq!((again.new, again.revision.seq, again.revision.digest), (true, 3, one.revision.digest));
    // A digest selects the newest revision that holds it.
    assert_eq!(store.resolve(&name("p"), &sel(&one.revision.digest.short())).unwrap().seq, 3);
    assert_eq!(store.resolve(&name("p"), &sel("~1")).unwrap().seq, 2);
    assert!(store.resolve(&name("p"), &sel("~3")).is_err());
}

#[test]
fn awkward_texts_come_back_byte_for_byte() {
    let mut store = Store::in_memory().unwrap();
    let megabyte = "x".repeat(1 << 20);
    for (i, body) in
        ["", "a\r\nb\r\n", "no newline", "e\u{301} é \u{fc}", "👩‍👩‍👧 \u{feff}", "\0\u{1b}[31m", &megabyte]
            .into_iter()
            .enumerate()
    {
        let prompt = format!("p{i}");
        let done = store.register(text(&prompt, body)).unwrap();
        assert_eq!(done.revision.digest, Digest::of(body));
        assert_eq!(store.text(&done.revision.digest).unwrap(), body);
    }
}

#[test]
fn an_ambiguous_prefix_is_refused_with_its_candidates() {
    let mut store = Store::in_memory().unwrap();
    store.register(text("p", "You are a careful reviewer. Case 201779.")).unwrap();
    store.register(text("p", "You are a careful reviewer. Case 244046.")).unwrap();
    let error = store.resolve(&name("p"), &sel("e6247467")).unwrap_err();
    let StoreError::Ambiguous { candidates, .. } = &error else { panic!("{error}") };
    assert_eq!(candidates.len(), 2);
    assert_ne!(candidates[0], candidates[1]);
    assert_eq!(error.exit_code(), 2);
}

#[test]
fn latest_follows_the_sequence_when_the_clock_jumps_back() {
    let mut store = Store::in_memory().unwrap();
    for (body, at) in
        [("a", "2030-01-01T00:00:00Z"), ("b", "2001-01-01T00:00:00Z"), ("c", "2001-01-01T00:00:00Z")]
    {
        store.register(NewRevision { created_at: Some(at.into()), ..text("p", body) }).unwrap();
    }
    assert_eq!(store.resolve(&name("p"), &Selector::LATEST).unwrap().digest, Digest::of("c"));
    let bad = NewRevision { created_at: Some("yesterday".into()), ..text("p", "d") };
    assert!(store.register(bad).is_err());
}

#[test]
fn imports_know_their_rows() {
    let rows = || {
        ["a", "b", "a"]
            .iter()
            .enumerate()
            .map(|(i, body)| NewRevision { origin: Some(Digest::of(format!("{i}"))), ..text("p", body) })
            .collect::<Vec<_>>()
    };
    let mut store = Store::in_memory().unwrap();
    let first = store.import_revisions(rows()).unwrap();
    let second = store.import_revisions(rows()).unwrap();
    assert_eq!((first.new, first.known, second.new, second.known), (3, 0, 0, 3));
}

#[test]
fn labels_move_by_compare_and_set_and_can_be_taken_back() {
    let mut store = Store::in_memory().unwrap();
    let (p, production, cause) = (name("p"), "production".parse::<Label>().unwrap(), Cause::default());
    store.register(text("p", "one")).unwrap();
    store.register(text("p", "two")).unwrap();
    store.set_label(&p, &production, &sel("r1"), Some(&Expect::Unset), false, &cause).unwrap();
    let stale =
        store.set_label(&p, &production, &sel("r2"), Some(&Expect::Unset), false, &cause).unwrap_err();
    assert_eq!(stale.exit_code(), 4);
    assert!(stale.to_string().contains("at r1"), "{stale}");
    store.set_label(&p, &production, &sel("r2"), Some(&Expect::At(sel("r1"))), false, &cause).unwrap();
    assert_eq!(store.undo_label(&p, None, false, &cause).unwrap().to, Some(1));
    // A second undo goes further back; then there is nothing left.
    assert_eq!(store.undo_label(&p, None, false, &cause).unwrap().to, None);
    assert!(store.undo_label(&p, None, false, &cause).is_err());
    store.protect(&production, None, false, &cause).unwrap();
    assert!(store.set_label(&p, &production, &sel("r1"), None, false, &cause).is_err());
    store.set_label(&p, &production, &sel("r1"), None, true, &cause).unwrap();
    assert!(store.fsck().unwrap().faults.is_empty());
}

#[test]
fn archived_names_are_free_again() {
    let mut store = Store::in_memory().unwrap();
    let cause = Cause::default();
    store.register(text("p", "one")).unwrap();
    store.archive(&name("p"), &cause).unwrap();
    assert!(store.resolve(&name("p"), &Selector::LATEST).unwrap_err().to_string().contains("it is archived"));
    store.register(text("p", "new life")).unwrap();
    assert!(store.unarchive(&name("p"), &cause).is_err());
    store.rename(&name("p"), &name("q"), &cause).unwrap();
    store.unarchive(&name("p"), &cause).unwrap();
    assert_eq!(store.list(&ListQuery::default()).unwrap().len(), 2);
    assert!(store.fsck().unwrap().faults.is_empty());
}

#[test]
fn six_openers_and_four_writers_never_see_a_lock() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("new/registry.db");
    let seqs: Vec<u32> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..6)
            .map(|t| {
                let path = path.clone();
                scope.spawn(move || {
                    let mut store = Store::open(&path).unwrap();
                    (0..20)
                        .map(|i| store.register(text("p", &format!("{t} {i}"))).unwrap().revision.seq)
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        threads.into_iter().flat_map(|t| t.join().unwrap()).collect()
    });
    let mut sorted = seqs.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, (1..=120).collect::<Vec<_>>());
}

#[test]
fn content_rows_refuse_update_and_delete() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("r.db");
    Store::open(&path).unwrap().register(text("p", "one")).unwrap();
    let conn = rusqlite::Connection::open(&path).unwrap();
    for sql in [
        "UPDATE body SET bytes = x'00'",
        "DELETE FROM body",
        "UPDATE revision SET message = 'x'",
        "DELETE FROM revision",
    ] {
        assert!(conn.execute_batch(sql).is_err(), "{sql}");
    }
}

fn items() -> Vec<Item> {
    let subject = |prompt: &str| Subject {
        prompt: prompt.into(),
        vars: serde_json::Map::new(),
        reference: None,
        tags: vec![],
        cluster: None,
        criterion: Some("accuracy".into()),
        anchors: None,
    };
    let verdict = |judge: &str, repeat, score| ImportedVerdict {
        label: None,
        criterion: "accuracy".into(),
        judge: judge.into(),
        repeat,
        score,
        explanation: "because".into(),
        state: score.is_none().then(|| "refused".into()),
        reply: None,
    };
    vec![
        Item {
            id: "a".into(),
            arm: "x".into(),
            response: "one".into(),
            subject: subject("?"),
            verdicts: vec![verdict("j", 0, Some(4)), verdict("j", 1, None)],
        },
        Item {
            id: "a".into(),
            arm: "y".into(),
            response: "two".into(),
            subject: subject("?"),
            verdicts: vec![verdict("k", 0, Some(1))],
        },
    ]
}

#[test]
fn items_bring_their_verdicts_as_finished_runs() {
    let mut store = Store::in_memory().unwrap();
    let done = store.import_items("set", items()).unwrap();
    assert_eq!((done.count.new, done.runs.len()), (2, 2));
    assert_eq!(store.import_items("set", items()).unwrap().count.known, 2);
    let run = store.run(&done.runs[0].0).unwrap();
    assert_eq!((run.planned, run.items, run.criteria.as_slice()), (2, 1, &["accuracy".to_owned()][..]));
    let cells = store.cells(&run.id).unwrap();
    assert_eq!(cells.iter().map(|c| (c.repeat, c.score)).collect::<Vec<_>>(), [(0, Some(4)), (1, None)]);
    assert_eq!(run.fingerprint, Some(Digest::of("imported:j")));
    let mut twice = items();
    twice[1].arm = "x".into();
    assert!(store.import_items("other", twice).unwrap_err().to_string().contains("twice"));
    let id = store
        .add_review(&NewReview {
            run: run.id.clone(),
            item: 0,
            criterion: 0,
            reviewer: "ana".into(),
            score: Some(5),
            comment: "ok".into(),
            modes: vec![],
            saw_judge: false,
            sampling: Sampling::Random,
            seconds: Some(3.5),
            undo: None,
        })
        .unwrap();
    assert_eq!(store.reviews(Some(&run.id)).unwrap()[0].id, id);
    assert_eq!(store.fsck().unwrap().faults, []);
}

fn flip(path: &Path, table: &str, column: &str) -> Vec<String> {
    let copy = path.with_extension(format!("{table}.{column}.db"));
    std::fs::copy(path, &copy).unwrap();
    let conn = rusqlite::Connection::open(&copy).unwrap();
    let triggers: Vec<String> = conn
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'trigger'")
        .unwrap()
        .query_map([], |r| r.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    for trigger in triggers {
        conn.execute_batch(&format!("DROP TRIGGER {trigger}")).unwrap();
    }
    let value = if column == "score" {
        "5 - score"
    } else {
        &format!(
            "CAST(substr({column}, 1, length({column}) - 1) AS {})",
            if matches!(column, "bytes" | "raw") { "BLOB" } else { "TEXT" }
        )
    };
    conn.execute_batch(&format!("UPDATE {table} SET {column} = {value} WHERE length({column}) > 0")).unwrap();
    conn.close().unwrap();
    let faults = Store::open(&copy).unwrap().fsck().unwrap().faults;
    faults.into_iter().map(|f| f.place).collect()
}

#[test]
fn fsck_names_whatever_was_changed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("r.db");
    let mut store = Store::open(&path).unwrap();
    store.register(NewRevision { message: Some("why".into()), ..text("p", "one") }).unwrap();
    store
        .set_label(&name("p"), &"production".parse().unwrap(), &sel("r1"), None, false, &Cause::default())
        .unwrap();
    store.import_items("set", items()).unwrap();
    assert_eq!(store.fsck().unwrap().faults, []);
    drop(store);
    for (table, column, place) in [
        ("body", "bytes", "body"),
        ("revision", "message", "revision p r1"),
        ("event", "payload", "event"),
        ("response", "detail", "response"),
        ("verdict", "score", "verdict"),
        ("verdict_text", "explanation", "verdict"),
        ("verdict_text", "raw", "verdict"),
        ("label", "label", "label"),
    ] {
        let places = flip(&path, table, column);
        assert!(places.iter().any(|p| p.starts_with(place)), "{table}.{column}: {places:?}");
    }
}

#[test]
fn a_lease_is_refused_while_its_holder_lives_and_taken_over_when_it_is_dead() {
    let mut store = Store::in_memory().unwrap();
    let run = store.import_items("set", items()).unwrap().runs[0].0.clone();
    let host = assize::store::lease::host_name();
    store.lease(&run, &format!("{}@{host}", std::process::id())).unwrap();
    let refused = store.lease(&run, &format!("1.x@{host}")).unwrap_err();
    assert!(
        refused.to_string().contains(&std::process::id().to_string()) && refused.exit_code() == 4,
        "{refused}"
    );
    // No process has this number: its lease is free.
    store.finish_run(&run, assize::store::RunState::Partial, "").unwrap();
    store.lease(&run, &format!("4194999@{host}")).unwrap();
    store.lease(&run, &format!("{}@{host}", std::process::id())).unwrap();
}

#[test]
fn a_screen_reads_while_another_process_writes() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("r.db");
    let handle = Handle::open(&path).unwrap();
    let before = handle.read_blocking(|s| s.data_version()).unwrap();
    Store::open(&path).unwrap().register(text("p", "one")).unwrap();
    assert_ne!(handle.read_blocking(|s| s.data_version()).unwrap(), before);
    assert_eq!(handle.read_blocking(|s| s.names()).unwrap(), [name("p")]);
}

#[test]
fn search_finds_each_distinct_line_once() {
    let mut store = Store::in_memory().unwrap();
    store.register(text("p", "# STEPS\nExtract a summary")).unwrap();
    store.register(text("p", "# STEPS\nExtract one sentence")).unwrap();
    let hits = store.search("extract summ", 10).unwrap();
    assert_eq!(hits.iter().map(|h| (h.seq, h.line.as_str())).collect::<Vec<_>>(), [(1, "Extract a summary")]);
    assert_eq!(store.search("STEPS", 10).unwrap().len(), 1);
    assert!(store.search("  ", 10).is_err());
}

#[test]
fn a_backup_is_a_whole_registry() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(&dir.path().join("r.db")).unwrap();
    store.register(text("p", "one")).unwrap();
    let copy = dir.path().join("copy.db");
    store.backup(&copy).unwrap();
    assert!(store.backup(&copy).unwrap_err().to_string().contains("exists"));
    assert_eq!(Store::open(&copy).unwrap().names().unwrap(), [name("p")]);
}

#[test]
fn digests_are_those_that_python_prints() {
    // python3 -c 'import hashlib; print(hashlib.sha256("caf\u00e9".encode()).hexdigest())'
    let mut store = Store::in_memory().unwrap();
    for (i, (body, hex)) in [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("a\r\nb\r\n", "58055bdcc73787eb88c78d36f0b4939e9c5dc1c3ad17e25cc85a6833cf1a0cab"),
        ("caf\u{e9}", "850f7dc43910ff890f8879c0ed26fe697c93a067ad93a7d50f466a7028a9bf4e"),
        ("cafe\u{301}", "81ef060bcd98adc7824eb5c1ada83c32491b16018e11e79f00ab9d09e04b015a"),
        ("👩\u{200d}👩\u{200d}👧", "81e8a05f6e8a541e34130a4f0d1e6f05319bc810f6c1df9d3f03bbb40c1fb3cc"),
        ("no newline", "84629f9a7125f5b50e9767df4fea1e93b34462b57bd35a12ebca2b52520f5c84"),
        (&"x".repeat(1 << 20), "8f990ba0b577b51cf009ea049368c16bbda1b21e1b93be07a824758bb253c39b"),
    ]
    .into_iter()
    .enumerate()
    {
        let done = store.register(text(&format!("p{i}"), body)).unwrap().revision;
        assert_eq!(done.digest.hex(), hex, "{i}");
        assert_eq!(store.resolve(&done.name, &sel(hex)).unwrap().seq, 1);
        assert_eq!(store.resolve(&done.name, &sel(&hex.chars().take(5).collect::<String>())).unwrap().seq, 1);
    }
}

#[test]
fn hints_name_what_is_near() {
    let mut store = Store::in_memory().unwrap();
    for prompt in ["summarize", "p1", "support/summary"] {
        store.register(text(prompt, "x")).unwrap();
    }
    let hint = |wrong: &str| store.resolve(&name(wrong), &Selector::LATEST).unwrap_err().to_string();
    assert!(hint("sumarise").contains("did you mean summarize?"), "{}", hint("sumarise"));
    assert!(hint("p2").contains("p1"), "{}", hint("p2"));
    assert!(hint("summary").contains("support/summary"), "{}", hint("summary"));
    // With nothing near there is nothing to add; what to do next is for the command line and the screens to say.
    assert_eq!(hint("unlike-anything"), "no prompt is named 'unlike-anything'");
}

#[test]
fn eight_movers_of_one_label_leave_a_linear_log() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("r.db");
    let mut store = Store::open(&path).unwrap();
    let (p, label, moves) = (name("p"), "production".parse::<Label>().unwrap(), 25);
    (0..9).for_each(|i| drop(store.register(text("p", &i.to_string())).unwrap()));
    store.set_label(&p, &label, &sel("r9"), None, false, &Cause::default()).unwrap();
    let done: usize = std::thread::scope(|scope| {
        let mover = |t: u32| {
            let (p, label, mut store) = (p.clone(), label.clone(), Store::open(&path).unwrap());
            move || {
                let mut done = 0;
                while done < moves {
                    // What it read may be stale by now: then nothing moves, and it reads again.
                    let seen = store.prompt(&p).unwrap().labels["production"];
                    let to = if seen == t + 1 { Selector::revision(9) } else { Selector::revision(t + 1) };
                    let expect = Expect::At(Selector::revision(seen));
                    match store.set_label(&p, &label, &to, Some(&expect), false, &Cause::default()) {
                        Ok(_) => done += 1,
                        Err(StoreError::Conflict(_)) => {}
                        Err(other) => panic!("{other}"),
                    }
                }
                done
            }
        };
        let threads: Vec<_> = (0..8).map(|t| scope.spawn(mover(t))).collect();
        threads.into_iter().map(|t| t.join().unwrap()).sum()
    });
    let log = store.label_log(&p, Some(&label)).unwrap();
    assert_eq!(log.len(), done + 1);
    for pair in log.windows(2) {
        assert_eq!(pair[0].payload["from"], pair[1].payload["to"]);
    }
    assert_eq!(store.fsck().unwrap().faults, []);
}

#[test]
fn a_writer_whose_run_was_taken_over_writes_nothing_more() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("r.db");
    let mut mine = Store::open(&path).unwrap();
    let run = mine.import_items("set", items()).unwrap().runs[0].0.clone();
    let verdict = mine.verdicts(&run).unwrap()[0].verdict.clone();
    // No process has this number: to others, this writer is dead.
    mine.lease(&run, &format!("4194999@{}", assize::store::lease::host_name())).unwrap();
    mine.save_verdict(&run, &verdict).unwrap();
    Store::open(&path).unwrap().lease(&run, &assize::store::lease::holder()).unwrap();
    let before = mine.run(&run).unwrap();
    assert!(matches!(mine.save_verdict(&run, &verdict), Err(StoreError::Conflict(_))));
    let ended = mine.finish_run(&run, assize::store::RunState::Complete, "");
    assert!(matches!(ended, Err(StoreError::Conflict(_))));
    assert_eq!(mine.run(&run).unwrap(), before);
    assert!(matches!(mine.lease("000000000000", "1@x"), Err(StoreError::NoRun(_))));
}

#[test]
fn a_failed_verdict_never_carries_a_score_nor_a_scored_one_none() {
    let mut store = Store::in_memory().unwrap();
    let run = store.import_items("set", items()).unwrap().runs[0].0.clone();
    let scored = store.verdicts(&run).unwrap()[0].verdict.clone();
    let mut six = scored.clone();
    six.reading.as_mut().unwrap().score = 6;
    let bad = [
        assize::store::NewVerdict { reading: None, ..scored.clone() },
        assize::store::NewVerdict { state: assize::core::verdict::VerdictState::TimedOut, ..scored.clone() },
        six,
    ];
    let before = store.cells(&run).unwrap();
    for verdict in bad {
        assert!(matches!(store.save_verdict(&run, &verdict), Err(StoreError::Invalid(_))));
    }
    assert_eq!(store.cells(&run).unwrap(), before);
    // A price that is no number, as a broken endpoint may send it, does not make the row a damaged one.
    for cost in [f64::NAN, f64::INFINITY, -0.0] {
        let odd = assize::store::NewVerdict { cost_usd: Some(cost), ..scored.clone() };
        store.save_verdict(&run, &odd).unwrap();
    }
    assert_eq!(store.fsck().unwrap().faults, []);
}

#[test]
fn items_that_repeat_add_up_or_are_refused() {
    let mut store = Store::in_memory().unwrap();
    // One row for each verdict, as some tools write it.
    let mut rows = Vec::new();
    for item in items() {
        for verdict in item.verdicts.clone() {
            rows.push(Item { verdicts: vec![verdict], ..item.clone() });
        }
    }
    let done = store.import_items("set", rows).unwrap();
    assert_eq!((done.count.new, done.count.known, done.runs[0].2), (2, 1, 2));
    // One verdict would hide the other.
    let mut torn = items();
    let other = ImportedVerdict { score: Some(1), ..torn[0].verdicts[0].clone() };
    torn[0].verdicts.push(other);
    let refused = store.import_items("other", torn).unwrap_err().to_string();
    assert!(refused.contains("two different verdicts of judge 'j'"), "{refused}");
    let mut wild = items();
    wild[0].verdicts[0].repeat = u32::MAX;
    assert!(store.import_items("other", wild).unwrap_err().to_string().contains("repeat"));
    assert_eq!(store.case_sets().unwrap().len(), 1);
}

#[test]
fn importing_an_empty_response_again_is_known() {
    let mut store = Store::in_memory().unwrap();
    let vars = serde_json::Map::new();
    let case =
        assize::core::item::Case { id: "c".into(), vars, reference: None, tags: vec![], cluster: None };
    store.import_cases("set", vec![case]).unwrap();
    let rows = || vec![("c".to_owned(), "x".to_owned(), "  ".to_owned())];
    let (first, again) =
        (store.import_responses("set", rows()).unwrap(), store.import_responses("set", rows()).unwrap());
    assert_eq!((first.new, again.new, again.known), (1, 0, 1));
}

#[test]
fn a_registry_taken_off_the_log_stays_so() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("r.db");
    Store::open(&path).unwrap().register(text("p", "one")).unwrap();
    let mode = |pragma: &str| {
        let conn = rusqlite::Connection::open(&path).unwrap();
        conn.query_row(pragma, [], |r| r.get::<_, String>(0)).unwrap()
    };
    assert_eq!(mode("PRAGMA journal_mode"), "wal");
    mode("PRAGMA journal_mode = DELETE");
    Store::open(&path).unwrap().register(text("p", "two")).unwrap();
    assert_eq!(mode("PRAGMA journal_mode"), "delete");
}

#[test]
fn a_registry_in_memory_has_a_handle_too() {
    let handle = Handle::over(Store::in_memory().unwrap()).unwrap();
    handle.write_blocking(|s| s.register(text("p", "one"))).unwrap();
    assert_eq!(handle.read_blocking(|s| s.names()).unwrap(), [name("p")]);
    handle.close();
}

#[test]
fn a_real_history_of_46_prompts_comes_in_once() {
    let packed: &[u8] = include_bytes!("../../assets/demo/fabric.jsonl.lz4");
    let mut rows = String::new();
    lz4_flex::frame::FrameDecoder::new(packed).read_to_string(&mut rows).unwrap();
    let rows = || -> Vec<NewRevision> {
        let mut counts = std::collections::HashMap::new();
        let row = |line: &str| {
            let row: serde_json::Value = serde_json::from_str(line).unwrap();
            let field = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
            let before = counts.entry(line.to_owned()).and_modify(|n| *n += 1).or_insert(0);
            let key = Digest::of(format!("{line} {before}"));
            NewRevision {
                origin: Some(key),
                message: Some(field("message")),
                ..text(&field("name"), &field("template"))
            }
        };
        rows.lines().map(row).collect()
    };
    let mut store = Store::in_memory().unwrap();
    let (first, second) = (store.import_revisions(rows()).unwrap(), store.import_revisions(rows()).unwrap());
    assert_eq!((first.new, first.known, second.new, second.known), (475, 0, 0, 475));
    assert_eq!(store.count(&ListQuery::default()).unwrap(), (46, 475));
    for row in rows().iter().rev().take(46) {
        let digest = row.template.digest();
        assert_eq!(store.text(&digest).unwrap(), row.template.body);
    }
    assert_eq!(store.fsck().unwrap().faults, []);
}

#[test]
fn two_versions_of_a_criterion_are_never_averaged() {
    use crate::judged::{criterion, run_item, spec};
    use assize::store::{Arm, NewRun, NewVerdict};
    let mut store = Store::in_memory().unwrap();
    store.register(text("p", "one")).unwrap();
    let set = store.import_items("set", items()).unwrap().set;
    let mut source = store.verdicts(&store.runs(None).unwrap()[0].id.clone()).unwrap()[0].verdict.clone();
    source.fingerprint = Digest::of("judge");
    for (question, score) in [("Is it right?", 1), ("Is it quite right?", 5)] {
        let criterion = criterion(question);
        let version = criterion.version();
        let spec = spec(&set, vec![criterion]);
        let arm = Arm { name: "p@r1+m".into(), prompt: Some((name("p"), 1)), model: Some("m".into()) };
        let item = run_item(&set, 0, "a", &arm);
        let run = store.create_run(&NewRun { spec, items: vec![(item, arm)] }).unwrap();
        let mut verdict =
            NewVerdict { item: 0, criterion: 0, repeat: 0, criterion_version: version, ..source.clone() };
        verdict.reading.as_mut().unwrap().score = score;
        store.save_verdict(&run, &verdict).unwrap();
    }
    let scores = store.revision_scores(&name("p")).unwrap();
    let mut means: Vec<f64> = scores.iter().flat_map(|s| s.cases.iter().map(|(_, mean)| *mean)).collect();
    means.sort_by(f64::total_cmp);
    assert_eq!(means, [1.0, 5.0]);
    assert_ne!(scores[0].criterion_version, scores[1].criterion_version);
}
