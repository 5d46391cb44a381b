//! Registries of every older schema, filled, are brought up to date: all rows stay, what is exported is the same, a sound
//! copy lies beside them; also when the process is killed at any call.
//!
//! ```text
//! make_fixture (by hand, once for each new schema): the fixture before it, brought up to date -> lz4
//! tests/fixtures/vN.db.lz4 -> unpacked -> any command -> rows, exports, FILE.bak-vN, fsck
//! ```

use crate::cli_support::Home;
use crate::faults::{copy_folder, has_strace, points, with_fault, with_sides};
use crate::support::{Rng, count};
use crate::verbs::registry;
use assize::store::Store;
use assize::store::migrate::KNOWN;
use rusqlite::Connection;
use rusqlite::types::Value;
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The ladder, written down here too: the fixtures are made without the code that they test.
const STEPS: &[&str] = &[
    include_str!("../../assets/migrations/0001_registry.sql"),
    include_str!("../../assets/migrations/0002_pairwise.sql"),
    include_str!("../../assets/migrations/0003_batch.sql"),
    include_str!("../../assets/migrations/0004_said.sql"),
    include_str!("../../assets/migrations/0005_packed.sql"),
    include_str!("../../assets/migrations/0006_tally.sql"),
    include_str!("../../assets/migrations/0007_content_ids.sql"),
];

fn fixture(schema: u32) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/v{schema}.db.lz4"))
}

/// The tables with rows of their own: an index of words is made anew from them.
fn tables(conn: &Connection) -> Vec<String> {
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE '%\\_fts%' ESCAPE '\\' \
               AND name NOT LIKE 'sqlite%' ORDER BY name";
    conn.prepare(sql).unwrap().query_map([], |r| r.get(0)).unwrap().map(Result::unwrap).collect()
}

/// Every row of every table, in the order in which they lie there.
fn rows(path: &Path) -> BTreeMap<String, Vec<Vec<Value>>> {
    let conn = Connection::open(path).unwrap();
    let all = |table: String| {
        let mut asked = conn.prepare(&format!("SELECT * FROM {table}")).unwrap();
        let columns = asked.column_count();
        let row = |r: &rusqlite::Row<'_>| (0..columns).map(|c| r.get(c)).collect();
        let rows = asked.query_map([], row).unwrap().map(Result::unwrap).collect();
        (table, rows)
    };
    tables(&conn).into_iter().map(all).collect()
}

/// A home whose registry is the fixture of this schema.
fn unpacked(schema: u32) -> Home {
    let home = Home::new();
    let packed = std::fs::File::open(fixture(schema)).unwrap();
    let mut bytes = Vec::new();
    let mut plain = lz4_flex::frame::FrameDecoder::new(packed);
    std::io::Read::read_to_end(&mut plain, &mut bytes).unwrap();
    home.file(".local/share/assize/registry.db", bytes);
    home
}

fn kept_copy(home: &Home, schema: u32) -> PathBuf {
    PathBuf::from(format!("{}.bak-v{schema}", registry(home).display()))
}

/// All that a registry gives out.
fn exports(home: &Home) -> Vec<String> {
    let mut out = vec![home.text(&["export", "--out", "-", "--events"]), home.text(&["runs"])];
    let mut reviews = String::new();
    for run in home.json(&["runs"])["runs"].as_array().unwrap() {
        let id = run["run"].as_str().unwrap();
        out.push(home.text(&["run", "export", id, "--full"]));
        reviews += &home.text(&["review", "export", id]);
    }
    out.push(reviews);
    // Words of messages, explanations and comments have an index only since the fourth schema.
    for words in ["in:message said", "in:explanation right", "in:comment long"] {
        let words: Vec<&str> = words.split(' ').collect();
        out.push(home.text(&[&["search"], words.as_slice()].concat()));
    }
    out
}

/// The copy that was kept is what the registry was.
fn assert_sound(copy: &Path, schema: u32, before: &BTreeMap<String, Vec<Vec<Value>>>, place: &str) {
    let mode =
        std::fs::metadata(copy).unwrap_or_else(|e| panic!("{place}: no copy: {e}")).permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "{place}");
    let conn = Connection::open(copy).unwrap();
    let said: String = conn.query_row("PRAGMA integrity_check", [], |r| r.get(0)).unwrap();
    let number: u32 = conn.pragma_query_value(None, "user_version", |r| r.get(0)).unwrap();
    assert_eq!((said.as_str(), number), ("ok", schema), "{place}");
    assert!(rows(copy) == *before, "{place}: the copy holds other rows");
}

/// Columns that the seventh schema made anew, and only it: digests cover content ids since then, and what is counted is
/// counted under these.
fn made_anew(path: &Path, table: &str) -> Vec<usize> {
    let conn = Connection::open(path).unwrap();
    let mut asked = conn.prepare(&format!("SELECT name FROM pragma_table_info('{table}')")).unwrap();
    let names = asked.query_map([], |r| r.get::<_, String>(0)).unwrap().map(Result::unwrap);
    let anew = |name: &str| name == "row_digest" || table == "tally" && (name == "scope" || name == "chain");
    names.enumerate().filter(|(_, name)| anew(name)).map(|(at, _)| at).collect()
}

/// A table where not every row that was there is there, or something else is.
fn differing(path: &Path, before: &BTreeMap<String, Vec<Vec<Value>>>) -> Option<String> {
    let now = rows(path);
    let kept = |table: &String, old: &Vec<Vec<Value>>| {
        let anew = made_anew(path, table);
        // Columns that are new come last.
        let seen = |rows: &Vec<Vec<Value>>| {
            let mut seen: Vec<String> = rows
                .iter()
                .map(|row| {
                    let width = old.first().map_or(0, Vec::len);
                    let there = row.iter().take(width).enumerate().filter(|(at, _)| !anew.contains(at));
                    there.map(|(_, value)| format!("{value:?}")).collect::<Vec<_>>().join(" ")
                })
                .collect();
            if table == "tally" {
                seen.sort();
            }
            seen
        };
        now.get(table).is_some_and(|now| seen(now) == seen(old))
    };
    before.iter().find(|(table, old)| !kept(table, old)).map(|(table, _)| table.clone())
}

fn assert_same_rows(path: &Path, before: &BTreeMap<String, Vec<Vec<Value>>>, place: &str) {
    assert_eq!(differing(path, before), None, "{place}: a table whose rows differ");
}

#[test]
fn each_older_registry_keeps_all_it_held() {
    assert!(fixture(KNOWN).exists(), "schema {KNOWN} has no fixture: run the ignored test make_fixture");
    let wanted = exports(&unpacked(KNOWN));
    assert!(wanted.iter().all(|text| text.lines().count() > 0), "{wanted:?}");
    let packed = |v: &Vec<Value>| v.last().is_some_and(|unpacked| *unpacked != Value::Null);
    assert!(rows(&registry(&unpacked(KNOWN)))["body"].iter().any(packed), "no body of the fixture is packed");
    for schema in 1..KNOWN {
        let home = unpacked(schema);
        let (path, place) = (registry(&home), format!("schema {schema}"));
        let before = rows(&path);
        for table in ["revision", "label", "verdict_text", "review", "event"] {
            assert!(before[table].len() > 1, "{place}: {table} is all but empty");
        }
        assert_eq!(exports(&home), wanted, "{place}");
        assert_same_rows(&path, &before, &place);
        let store = Store::open(&path).unwrap();
        assert_eq!((store.schema().unwrap(), store.fsck().unwrap().faults), (KNOWN, vec![]), "{place}");
        assert_sound(&kept_copy(&home, schema), schema, &before, &place);
    }
}

/// The twins: migrations that forget a row, all rows, a value.
#[test]
fn a_row_lost_or_changed_would_be_found_out() {
    for (change, table) in [
        ("DELETE FROM event WHERE rowid = (SELECT max(rowid) FROM event)", "event"),
        ("DELETE FROM label", "label"),
        ("UPDATE revision SET message = 'other' WHERE seq = 1", "revision"),
    ] {
        let home = unpacked(1);
        let path = registry(&home);
        let before = rows(&path);
        let conn = Connection::open(&path).unwrap();
        let names = "SELECT name FROM sqlite_schema WHERE type = 'trigger'";
        let triggers: Vec<String> =
            conn.prepare(names).unwrap().query_map([], |r| r.get(0)).unwrap().map(Result::unwrap).collect();
        // The registry's own refusals stand aside: it is the comparison that is tried.
        conn.execute_batch("PRAGMA foreign_keys = OFF").unwrap();
        triggers.iter().for_each(|name| conn.execute_batch(&format!("DROP TRIGGER {name}")).unwrap());
        assert_eq!(differing(&path, &before), None);
        conn.execute_batch(change).unwrap();
        assert_eq!(differing(&path, &before).as_deref(), Some(table), "{change}");
    }
}

/// What a killed process leaves of a registry, its newest row in the log alone; all rows.
fn with_a_hot_log(path: &Path, kept: &Path) -> BTreeMap<String, Vec<Vec<Value>>> {
    let live = Connection::open(path).unwrap();
    live.execute_batch(
        "PRAGMA wal_autocheckpoint = 0; INSERT INTO draft (prompt, text, at) VALUES ('p', 'hot', '2026-11-30T00:00:00Z')",
    )
    .unwrap();
    std::fs::create_dir_all(kept).unwrap();
    for file in with_sides(path).iter().take(2) {
        assert!(file.metadata().unwrap().len() > 0, "{}", file.display());
        std::fs::copy(file, kept.join(file.file_name().unwrap())).unwrap();
    }
    rows(path)
}

#[test]
fn a_migration_killed_at_any_call_is_made_again() {
    if !has_strace() {
        return;
    }
    let args = ["list".to_owned()];
    let (mut all, mut rng, mut kills) = (Vec::new(), Rng::new(23), 0);
    let homes: Vec<(Home, BTreeMap<_, _>, Vec<PathBuf>)> = (1..KNOWN)
        .map(|schema| {
            let home = unpacked(schema);
            let (path, copy) = (registry(&home), kept_copy(&home, schema));
            let unfinished = PathBuf::from(format!("{}.bak-unfinished", path.display()));
            let files = [path.as_path(), &copy, &unfinished].map(with_sides).concat();
            let before = with_a_hot_log(&path, &home.path().join("kept"));
            (home, before, files)
        })
        .collect();
    for (at, (home, _, files)) in homes.iter().enumerate() {
        copy_folder(&home.path().join("kept"), registry(home).parent().unwrap());
        for (call, n) in points(home, &args, files) {
            all.extend((1..=n).map(|nth| (at, call, nth)));
        }
    }
    let (wanted, possible) = (count(30, usize::MAX).min(all.len()), all.len());
    for _ in 0..wanted {
        let (at, call, nth) = all.swap_remove(rng.below(all.len()));
        let ((home, before, files), schema) = (&homes[at], at as u32 + 1);
        let (path, place) = (registry(home), format!("schema {schema}, killed at {call} {nth}"));
        copy_folder(&home.path().join("kept"), path.parent().unwrap());
        let out = with_fault(home, &args, files, call, "signal=KILL", &nth.to_string());
        kills += usize::from(!out.status.success());
        let store = Store::open(&path).unwrap_or_else(|e| panic!("{place}: {e}"));
        assert_eq!((store.schema().unwrap(), store.fsck().unwrap().faults), (KNOWN, vec![]), "{place}");
        assert_same_rows(&path, before, &place);
        assert_sound(&kept_copy(home, schema), schema, before, &place);
        assert!(!files.iter().any(|f| f.ends_with("registry.db.bak-unfinished") && f.exists()), "{place}");
    }
    assert!(kills * 2 > wanted, "only {kills} of {wanted} were killed");
    eprintln!(
        "{kills} migrations killed at {wanted} of {possible} calls: each made again, all rows and the copy whole"
    );
}

/// Makes the fixture of the newest schema from that of the one before, so that all hold the same rows:
/// `cargo test --test torture make_fixture -- --ignored`. Those of older schemas need never be made again.
#[test]
#[ignore = "writes tests/fixtures, for each new schema once"]
fn make_fixture() {
    assert_eq!(STEPS.len() as u32, KNOWN, "the new step is missing here");
    let home = unpacked(KNOWN - 1);
    let path = registry(&home);
    assert_eq!(Store::open(&path).unwrap().fsck().unwrap().faults, vec![]);
    let whole = home.path().join("whole.db");
    Connection::open(&path).unwrap().execute("VACUUM INTO ?1", [whole.to_str().unwrap()]).unwrap();
    Connection::open(&whole).unwrap().execute_batch("PRAGMA journal_mode = WAL").unwrap();
    let packed =
        Command::new("lz4").args(["-12", "-BD", "-q", "-f"]).arg(&whole).arg(fixture(KNOWN)).status();
    assert!(packed.unwrap().success());
}
