//! The registry's promises: digests, sequence, labels, imports, runs, damage.

#![expect(clippy::unwrap_used, reason = "a test that cannot open its registry should fail")]

use assize::core::digest::Digest;
use assize::core::item::{ImportedVerdict, Item, Subject};
use assize::core::prompt::{Label, PromptName, Selector, Template};
use assize::store::{Cause, Expect, Handle, ListQuery, NewReview, NewRevision, Sampling, Store, StoreError};
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
    store.protect(&production, &cause).unwrap();
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
    assert!(store.resolve(&name("p"), &Selector::LATEST).unwrap_err().to_string().contains("unarchive"));
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
        criterion: "accuracy".into(),
        judge: judge.into(),
        repeat,
        score,
        explanation: "because".into(),
        state: score.is_none().then(|| "refused".into()),
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
