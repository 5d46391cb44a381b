//! Damage: every column of every content row, and flipped bits anywhere in the file, are named by `fsck`; what is
//! forgotten is gone from the file; a registry that cannot be written still reads.

use assize::core::digest::Digest;
use assize::core::item::{Case, ImportedVerdict, Item, Subject};
use assize::core::pairwise::{Choice, PairReading};
use assize::core::prompt::{PromptName, Selector, Template};
use assize::core::rubric::{Criterion, Rubric};
use assize::core::verdict::VerdictState;
use assize::store::{
    Arm, Cause, NewBatch, NewPairAnswer, NewReview, NewRevision, Sampling, Store, StoreError,
};
use rusqlite::types::Value;
use rusqlite::{Connection, params};
use std::path::{Path, PathBuf};

use crate::support::count;

fn name(text: &str) -> PromptName {
    text.parse().unwrap()
}

fn text(prompt: &str, body: &str) -> NewRevision {
    NewRevision::new(name(prompt), Template::text(body))
}

fn subject() -> Subject {
    Subject {
        prompt: "Sum it up.".into(),
        vars: serde_json::Map::new(),
        reference: Some("short".into()),
        tags: vec!["slice".into()],
        cluster: Some("source".into()),
        criterion: Some("accuracy".into()),
        anchors: None,
    }
}

/// An answer about two responses with a value in every column.
fn pair_answer(store: &Store) -> NewPairAnswer {
    let arm = |name: &str| Arm { name: name.into(), prompt: None, model: None };
    let reading = PairReading {
        choice: Choice::Second,
        explanation: "clearer".into(),
        injection_suspected: false,
        repairs: vec!["fence".into()],
    };
    NewPairAnswer {
        key: Digest::of("key"),
        set_id: store.case_set("items").unwrap().id,
        case_id: "a".into(),
        arms: (arm("x"), arm("y")),
        responses: (Digest::of("one"), Digest::of("two")),
        criterion: "accuracy".into(),
        criterion_version: Digest::of("version"),
        judge: "j".into(),
        fingerprint: Digest::of("j"),
        state: VerdictState::Scored,
        reading: Some(reading),
        reason: String::new(),
        flags: vec!["asked_again".into()],
        rung: "schema".into(),
        model_returned: Some("m".into()),
        finish_reason: Some("stop".into()),
        prompt_tokens: Some(10),
        completion_tokens: Some(2),
        cost_usd: Some(0.5),
        latency_ms: 12,
        attempts: 1,
        nonce: "0123".into(),
        raw: b"the reply".to_vec(),
    }
}

/// A registry with a row in every table, and a value in every column that can have one.
fn whole(dir: &Path) -> PathBuf {
    let path = dir.join("registry.db");
    let mut store = Store::open(&path).unwrap();
    let cause = Cause { author: Some("ana".into()), reason: Some("why".into()) };
    let long = "Say where it is from, and how sure you are of it.\n".repeat(20);
    for body in ["You sum up.\nBe brief.", "You sum up.\nBe very brief.", &long] {
        let new = NewRevision {
            author: Some("ana".into()),
            message: Some("shorter".into()),
            tags: vec!["tried".into()],
            origin: Some(Digest::of(body)),
            ..text("p", body)
        };
        store.register(new).unwrap();
    }
    store.describe(&name("p"), "sums up", &cause).unwrap();
    let production = "production".parse().unwrap();
    store.set_label(&name("p"), &production, &Selector::revision(1), None, false, &cause).unwrap();
    store.protect(&production, None, false, &cause).unwrap();
    store.rename_with(&name("p"), &name("q"), std::slice::from_ref(&production), &cause).unwrap();
    let case =
        Case { id: "c".into(), vars: serde_json::Map::new(), reference: None, tags: vec![], cluster: None };
    store.import_cases("cases", vec![case]).unwrap();
    let criterion = Criterion {
        name: "accuracy".into(),
        question: "Is it right?".into(),
        anchors: ["1", "2", "3", "4", "5"].map(String::from).to_vec(),
        scale: assize::core::rubric::Scale::OneToFive,
        steps: vec![],
        generic: false,
    };
    store
        .add_rubric(&Rubric {
            name: "r".into(),
            description: String::new(),
            criteria: vec![criterion],
            checks: vec![],
        })
        .unwrap();
    let verdict = |repeat, score: Option<u8>| ImportedVerdict {
        label: None,
        criterion: "accuracy".into(),
        judge: "j".into(),
        repeat,
        score,
        explanation: "it says so".into(),
        state: score.is_none().then(|| "unparseable".into()),
        reply: None,
    };
    let verdicts = vec![verdict(0, Some(4)), verdict(1, None)];
    let item = Item {
        id: "a".into(),
        arm: "x".into(),
        response: "It is short.".into(),
        subject: subject(),
        verdicts,
    };
    let run = store.import_items("items", vec![item]).unwrap().runs.remove(0).0;
    let review = NewReview {
        run: run.clone(),
        item: 0,
        criterion: 0,
        reviewer: "ana".into(),
        score: Some(5),
        comment: "yes".into(),
        modes: vec!["too long".into()],
        saw_judge: false,
        sampling: Sampling::Random,
        seconds: Some(2.5),
        undo: None,
    };
    let id = store.add_review(&review).unwrap();
    store.add_review(&NewReview { score: None, undo: Some(id), ..review }).unwrap();
    store.save_pair_answer(&pair_answer(&store)).unwrap();
    let batch = NewBatch {
        token: "t".into(),
        keys: vec![(0, 0, 0)],
        rung: "schema".into(),
        input: Digest::of("lines"),
    };
    store.add_batch(&run, &batch).unwrap();
    assert_eq!(store.fsck().unwrap().faults, []);
    drop(store);
    Connection::open(&path)
        .unwrap()
        .execute_batch("PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode = DELETE")
        .unwrap();
    path
}

/// Columns that say how things stand at the moment, or are kept for comfort; a changed one harms no result.
const MOVING: &[&str] = &[
    "capability.",
    "run_batch.state",
    "run_batch.file_id",
    "run_batch.batch_id",
    "run_batch.status",
    "draft.",
    "claim.",
    "claimant.",
    "run_state.state",
    "run_state.reason",
    "run_state.holder",
    "run_state.heartbeat",
    "run_state.usage",
    "run_state.finished_at",
    "replica.",
    "sealed.",
];

fn tables(conn: &Connection) -> rusqlite::Result<Vec<(String, Vec<String>)>> {
    let names = |sql: &str| -> rusqlite::Result<Vec<String>> {
        conn.prepare(sql)?.query_map([], |r| r.get(0))?.collect()
    };
    names("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE '%_fts%' ORDER BY name")?
        .into_iter()
        .map(|t| Ok((t.clone(), names(&format!("SELECT name FROM pragma_table_info('{t}')"))?)))
        .collect()
}

/// One bit of a value.
fn flipped(value: Value) -> Value {
    match value {
        Value::Integer(n) => Value::Integer(n ^ 1),
        Value::Real(x) => Value::Real(f64::from_bits(x.to_bits() ^ (1 << 40))),
        Value::Text(t) => {
            let mut chars: Vec<char> = t.chars().collect();
            let last = chars.pop().unwrap();
            chars.push(char::from_u32(last as u32 ^ 1).unwrap());
            Value::Text(chars.into_iter().collect())
        }
        Value::Blob(mut b) => {
            *b.last_mut().unwrap() ^= 1;
            Value::Blob(b)
        }
        Value::Null => Value::Null,
    }
}

#[test]
fn fsck_names_a_flipped_bit_in_every_column_of_every_row() {
    let dir = tempfile::tempdir().unwrap();
    let path = whole(dir.path());
    let all = tables(&Connection::open(&path).unwrap()).unwrap();
    let (mut missed, mut tried, mut empty) = (Vec::new(), 0, Vec::new());
    for (table, column) in all.iter().flat_map(|(t, columns)| columns.iter().map(move |c| (t, c))) {
        let place = format!("{table}.{column}");
        if MOVING.iter().any(|m| place.starts_with(m)) {
            continue;
        }
        let copy = dir.path().join("copy.db");
        std::fs::copy(&path, &copy).unwrap();
        let conn = Connection::open(&copy).unwrap();
        conn.execute_batch("PRAGMA ignore_check_constraints = ON; PRAGMA foreign_keys = OFF").unwrap();
        let triggers: Vec<String> = conn
            .prepare("SELECT name FROM sqlite_schema WHERE type = 'trigger'")
            .unwrap()
            .query_map([], |r| r.get(0))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        triggers.iter().for_each(|t| conn.execute_batch(&format!("DROP TRIGGER {t}")).unwrap());
        // Each different value of the column in turn would be the same code: the first and the last row stand for all.
        let sql = format!("SELECT DISTINCT {column} FROM {table} WHERE length({column}) > 0");
        let values: Vec<Value> =
            conn.prepare(&sql).unwrap().query_map([], |r| r.get(0)).unwrap().map(Result::unwrap).collect();
        let Some(old) = values.last().cloned() else {
            empty.push(place);
            continue;
        };
        let set = format!("UPDATE OR IGNORE {table} SET {column} = ?1 WHERE {column} IS ?2");
        if conn.execute(&set, params![flipped(old.clone()), old]).unwrap() == 0 {
            continue; // The row would be another one's: SQLite itself refuses it.
        }
        conn.close().unwrap();
        tried += 1;
        match Store::open(&copy).and_then(|s| s.fsck()) {
            // The triggers were taken away by this test: that alone is no proof.
            Ok(report) if report.faults.iter().all(|f| f.place.starts_with("schema")) => missed.push(place),
            _ => {}
        }
    }
    assert_eq!(missed, Vec::<String>::new());
    assert!(tried > 100, "only {tried} columns were tried");
    // Nothing in this registry fills these; everything else was tried.
    let unfilled = [
        "arm.model",
        "arm.prompt_id",
        "arm.seq",
        "verdict.cache_key",
        "verdict.completion_tokens",
        "verdict.cost_usd",
        "verdict.finish_reason",
        "verdict.model_returned",
        "verdict.prompt_tokens",
        "verdict_text.nonce",
    ];
    // What only exchanged or forgotten rows have.
    let apart = |e: &str| {
        e.ends_with(".named")
            || ["verdict.place", "verdict.previous"].contains(&e)
            || e.starts_with("record.")
            || e.starts_with("chain.")
    };
    assert!(
        empty.iter().all(|e| unfilled.contains(&e.as_str()) || e == "run_criterion.version" || apart(e)),
        "{empty:?}"
    );
}

/// All that content tables hold, as SQLite reads it; an error where it does not.
fn dump(path: &Path) -> Result<String, rusqlite::Error> {
    let conn = Connection::open(path)?;
    let mut out = String::new();
    for (table, columns) in tables(&conn)? {
        if MOVING.iter().any(|m| m.trim_end_matches('.') == table) || table == "run_state" {
            continue;
        }
        let sql = format!("SELECT {} FROM {table} NOT INDEXED ORDER BY 1", columns.join(", "));
        let mut stmt = conn.prepare(&sql)?;
        let mut rows = stmt.query([])?;
        while let Some(row) = rows.next()? {
            for (at, column) in columns.iter().enumerate() {
                out.push_str(&format!("{table}.{column} {:?}\n", row.get::<_, Value>(at)?));
            }
        }
    }
    Ok(out)
}

/// The first few values that differ.
fn changed_parts(before: &str, after: &str) -> Vec<(String, String)> {
    let pairs = before.lines().zip(after.lines()).filter(|(b, a)| b != a);
    pairs.take(3).map(|(b, a)| (b.to_owned(), a.to_owned())).collect()
}

#[test]
fn fsck_names_each_flipped_bit_of_the_file_that_changes_a_row() {
    let dir = tempfile::tempdir().unwrap();
    let path = whole(dir.path());
    let (sound, bytes) = (dump(&path).unwrap(), std::fs::read(&path).unwrap());
    let flips = count(150, 10_000);
    let copy = dir.path().join("copy.db");
    let (mut harmful, mut missed, mut unseen) = (0, Vec::new(), 0);
    for _ in 0..flips {
        // Where something is written: most of a page is empty, and a flip there changes nothing.
        let at = loop {
            let at = rand::random_range(100..bytes.len());
            if bytes[at] != 0 {
                break at;
            }
        };
        let mut damaged = bytes.clone();
        let bit = rand::random_range(0..8);
        damaged[at] ^= 1 << bit;
        std::fs::write(&copy, &damaged).unwrap();
        let now = dump(&copy);
        if now.as_ref().is_ok_and(|now| *now == sound) {
            continue;
        }
        harmful += 1;
        unseen += usize::from(sqlite_sees_nothing(&copy));
        if Store::open(&copy).and_then(|s| s.fsck()).is_ok_and(|report| report.faults.is_empty()) {
            let changed = now.map(|now| changed_parts(&sound, &now)).map_err(|e| e.to_string());
            missed.push(format!("bit {bit} of byte {at}: {changed:?}"));
        }
    }
    eprintln!(
        "{harmful} of {flips} flipped bits changed a row: {} missed by fsck, {unseen} by SQLite's own check alone",
        missed.len()
    );
    assert!(harmful > flips / 10, "{harmful} of {flips} flips changed a row");
    assert_eq!(missed, Vec::<String>::new());
    // The twin: without digests over rows about one in four of the same flips would pass for sound.
    assert!(unseen * 20 > harmful, "SQLite alone misses only {unseen} of {harmful}");
}

/// What is left of `fsck` when no row has a digest.
fn sqlite_sees_nothing(path: &Path) -> bool {
    let check = |conn: Connection| conn.query_row("PRAGMA integrity_check(1)", [], |r| r.get::<_, String>(0));
    Connection::open(path).and_then(check).is_ok_and(|said| said == "ok")
}

#[test]
fn fsck_names_a_missing_trigger_and_a_reply_emptied_by_hand() {
    let dir = tempfile::tempdir().unwrap();
    let path = whole(dir.path());
    let conn = Connection::open(&path).unwrap();
    conn.execute_batch("UPDATE verdict_text SET raw = x'' WHERE verdict_id = 1; DROP TRIGGER verdict_kept")
        .unwrap();
    conn.close().unwrap();
    let places: Vec<String> =
        Store::open(&path).unwrap().fsck().unwrap().faults.into_iter().map(|f| f.place).collect();
    assert!(places.iter().any(|p| p == "schema verdict_kept"), "{places:?}");
    assert!(places.iter().any(|p| p.starts_with("verdict 1 of run")), "{places:?}");
}

/// Does something to a registry's rows as somebody would who knows SQLite: triggers are taken out, and put back.
fn behind_its_back(path: &Path, sql: &str) {
    let conn = Connection::open(path).unwrap();
    conn.execute_batch("PRAGMA foreign_keys = OFF").unwrap();
    let triggers: Vec<(String, String)> = conn
        .prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'")
        .unwrap()
        .query_map([], |r| Ok((r.get(0)?, r.get(1)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    triggers.iter().for_each(|(name, _)| conn.execute_batch(&format!("DROP TRIGGER {name}")).unwrap());
    conn.execute_batch(sql).unwrap();
    assert!(conn.changes() > 0, "{sql}");
    triggers.iter().for_each(|(_, made)| conn.execute_batch(made).unwrap());
    conn.close().unwrap();
}

/// A registry with several rows in each table that is counted.
pub fn counted(dir: &Path) -> PathBuf {
    let path = whole(dir);
    let mut store = Store::open(&path).unwrap();
    let case = |id: &str| Case {
        id: id.into(),
        vars: serde_json::Map::new(),
        reference: None,
        tags: vec![],
        cluster: None,
    };
    store.import_cases("more", ["d", "e", "f"].map(case).into()).unwrap();
    let rows = ["d", "e", "f"].map(|id| (id.to_owned(), "x".to_owned(), format!("It is {id}.")));
    store.import_responses("more", rows.into()).unwrap();
    for key in ["second", "third"] {
        let answer = NewPairAnswer { key: Digest::of(key), ..pair_answer(&store) };
        store.save_pair_answer(&answer).unwrap();
    }
    assert_eq!((store.fsck().unwrap().faults, store.missing_rows().unwrap()), (vec![], vec![]));
    path
}

#[test]
fn rows_that_are_gone_are_named_with_their_table_their_number_and_what_they_were_of() {
    let dir = tempfile::tempdir().unwrap();
    let (path, copy) = (counted(dir.path()), dir.path().join("copy.db"));
    let places = |path: &Path| -> Vec<String> {
        let report = Store::open(path).unwrap().fsck().unwrap();
        report.faults.iter().map(|f| format!("{}: {}", f.place, f.what)).collect()
    };
    // Which rows, and in which order they were written.
    let tables = [
        ("review", "id", "reviews of run "),
        ("response", "id", "responses of case set "),
        ("case_row", "set_id, ord", "cases of case set "),
        ("pair_answer", "id", "pair answers of case set items "),
        ("event", "id", "events of "),
    ];
    for (table, order, named) in tables {
        let key = if table == "case_row" { "(set_id, ord)" } else { "id" };
        let columns = key.trim_matches(['(', ')']);
        let one = |direction: &str| {
            let order = order.replace(", ", &format!(" {direction}, "));
            format!(
                "DELETE FROM {table} WHERE {key} = (SELECT {columns} FROM {table} ORDER BY {order} {direction} LIMIT 1)"
            )
        };
        for (which, sql) in
            [("all", format!("DELETE FROM {table}")), ("last", one("DESC")), ("first", one("ASC"))]
        {
            std::fs::copy(&path, &copy).unwrap();
            behind_its_back(&copy, &sql);
            let found = places(&copy);
            let tells = |f: &String| f.starts_with(named) && f.contains("gone");
            assert!(found.iter().any(tells), "{which} of {table}: {found:?}");
            let store = Store::open(&copy).unwrap();
            let quick = store.missing_rows().unwrap();
            assert!(quick.iter().any(|m| m.table == table && m.written > m.there), "{which} of {table}");
        }
    }
    // One in the place of another: their number is right.
    std::fs::copy(&path, &copy).unwrap();
    behind_its_back(
        &copy,
        "UPDATE review SET comment = 'no', row_digest = (SELECT row_digest FROM review WHERE id = 1) WHERE id = 2",
    );
    assert!(places(&copy).iter().any(|f| f.contains("not the 2 that were written")), "{:?}", places(&copy));
    // A whole run, to its last trace but the count.
    std::fs::copy(&path, &copy).unwrap();
    let whole_run = ["review", "verdict", "run_batch", "run_item", "run_criterion", "run_state", "run"];
    let gone: String = whole_run.iter().map(|t| format!("DELETE FROM {t};")).collect();
    behind_its_back(&copy, &format!("DELETE FROM verdict_text; {gone}"));
    let found = places(&copy);
    assert!(
        found.iter().any(|f| f.starts_with("table run: 1 rows were written and 0 are there")),
        "{found:?}"
    );
}

#[test]
fn a_row_put_in_by_hand_and_the_index_without_its_lines_are_named_and_what_is_written_later_hides_neither() {
    let dir = tempfile::tempdir().unwrap();
    let (path, copy) = (counted(dir.path()), dir.path().join("copy.db"));
    let register = |path: &Path| {
        let mut store = Store::open(path).unwrap();
        store.register(text("q", &format!("something new {}", rand::random::<u64>()))).unwrap();
    };
    let faults = |path: &Path| Store::open(path).unwrap().fsck().unwrap().faults;
    // The twin: the program's own writes are right.
    std::fs::copy(&path, &copy).unwrap();
    register(&copy);
    assert_eq!(faults(&copy), []);
    let columns = "key, set_id, case_id, first_arm, second_arm, first, second, criterion, criterion_version, judge, \
        fingerprint, state, choice, explanation, flags, repairs, rung, model_returned, finish_reason, prompt_tokens, \
        completion_tokens, cost_usd, latency_ms, attempts, nonce, raw_digest, at, raw, row_digest";
    for (sql, tells) in [
        // Right in itself: it is a row that was there before.
        (
            format!("INSERT INTO pair_answer ({columns}) SELECT {columns} FROM pair_answer WHERE id = 1"),
            "came by another program",
        ),
        ("DELETE FROM pair_answer WHERE id = 3".to_owned(), "1 are gone"),
        ("DELETE FROM line_fts; DELETE FROM line".to_owned(), "lines are gone"),
        (
            // With its words, whose number the next line is given again.
            "DELETE FROM line_fts WHERE rowid = (SELECT max(id) FROM line); \
             DELETE FROM line WHERE id = (SELECT max(id) FROM line)"
                .to_owned(),
            "1 of its lines are gone",
        ),
        ("DELETE FROM tally".to_owned(), "came by another program"),
        ("UPDATE tally SET rows = rows - 1 WHERE what = 'event'".to_owned(), "came by another program"),
    ] {
        std::fs::copy(&path, &copy).unwrap();
        behind_its_back(&copy, &sql);
        for _ in 0..2 {
            let found = faults(&copy);
            assert!(found.iter().any(|f| f.what.contains(tells)), "{sql}: {found:?}");
            register(&copy);
        }
    }
    // And nobody does it in passing.
    let conn = Connection::open(&path).unwrap();
    for sql in ["DELETE FROM tally", "UPDATE tally SET rows = rows - 1", "UPDATE tally SET scope = 'x'"] {
        assert!(conn.execute_batch(sql).is_err(), "{sql}");
    }
}

#[test]
fn a_forgotten_text_is_gone_from_the_file_and_the_rest_stays() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("registry.db");
    let mut store = Store::open(&path).unwrap();
    let secret = "the pass phrase is zanzibar-quokka-8841";
    store.register(text("p", "You sum up.\nBe brief.")).unwrap();
    // One that is packed in the file, and one that is not.
    let long = format!("You sum up.\n{secret}\n{}", "Be kind to whoever asks for it.\n".repeat(40));
    let packed = store.register(text("long", &long)).unwrap().revision;
    let lies: Vec<u8> = Connection::open(&path)
        .unwrap()
        .query_row("SELECT bytes FROM body WHERE unpacked IS NOT NULL", [], |r| r.get(0))
        .unwrap();
    let with = store.register(text("p", &format!("You sum up.\n{secret}\nBe kind."))).unwrap().revision;
    store.register(text("p", "You sum up.\nBe kind.")).unwrap();
    store.save_draft(&name("p"), Some(2), &format!("You sum up.\n{secret}\nBe kind.")).unwrap();
    assert_eq!(store.search("quokka", 9).unwrap().len(), 2);
    for forgotten in [&with, &packed] {
        store.forget(&forgotten.digest, &Cause::default()).unwrap();
        assert!(matches!(store.text(&forgotten.digest), Err(StoreError::Forgotten(_))));
    }
    assert!(store.draft(&name("p")).unwrap().is_none());
    assert_eq!(store.search("quokka", 9).unwrap(), []);
    // Lines that other revisions hold are still found, under the first of those.
    let hits = |words: &str| store.search(words, 9).unwrap().iter().map(|h| h.seq).collect::<Vec<_>>();
    assert_eq!((hits("sum up"), hits("be kind")), (vec![1], vec![3]));
    let report = store.fsck().unwrap();
    assert_eq!((report.forgotten, report.faults), (2, vec![]));
    drop(store);
    for file in std::fs::read_dir(dir.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        for word in ["zanzibar", "quokka", "8841"] {
            assert!(!bytes.windows(word.len()).any(|w| w == word.as_bytes()), "{word} is still there");
        }
        // Of a packed text the words cannot be looked for: no part of what lay there may be left.
        assert!(
            lies.chunks_exact(16).all(|part| !bytes.windows(16).any(|w| w == part)),
            "packed bytes are still there"
        );
    }
}

#[test]
fn what_cannot_be_written_still_reads() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("kept");
    std::fs::create_dir(&folder).unwrap();
    let path = whole(&folder);
    let mode = |p: &Path, m| std::fs::set_permissions(p, std::fs::Permissions::from_mode(m)).unwrap();
    mode(&path, 0o400);
    mode(&folder, 0o500);
    let mut store = Store::open(&path).unwrap();
    assert!(store.read_only().is_some());
    assert_eq!(store.names().unwrap(), [name("q")]);
    let refused = store.register(text("q", "new")).unwrap_err();
    assert!(matches!(refused, StoreError::ReadOnly { .. }), "{refused}");
    drop(store);
    mode(&folder, 0o700);
}

#[test]
fn a_backup_made_while_others_write_is_whole_and_opens() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("registry.db");
    let mut writer = Store::open(&path).unwrap();
    writer.register(text("p", "0")).unwrap();
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut i = 0;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                i += 1;
                writer.register(text("p", &format!("{i} {}", "x".repeat(5_000)))).unwrap();
            }
        });
        let reader = Store::open(&path).unwrap();
        for i in 0..5 {
            let to = dir.path().join(format!("copy {i}.db"));
            reader.backup(&to).unwrap();
            assert_eq!(std::fs::metadata(&to).unwrap().permissions().mode() & 0o777, 0o600);
            let copy = Store::open(&to).unwrap();
            let newest = copy.prompt(&name("p")).unwrap().revisions;
            assert_eq!(
                (copy.log(&name("p"), None, None).unwrap().len() as u32, copy.fsck().unwrap().faults),
                (newest, vec![])
            );
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    // A copy that fails leaves no half of itself behind.
    let nowhere = dir.path().join("no such folder/copy.db");
    assert!(Store::open(&path).unwrap().backup(&nowhere).is_err());
}
