//! Registries made by somebody else: whatever they bring along, nothing of it runs, every verb ends, and says why.
//!
//! ```text
//! a sound registry -> triggers, views that never end, indexes, other tables, giant bodies, pipes, devices, odd headers
//!                  -> opened for reading and for writing, listed, written to, checked, copied, within a time limit
//! ```

use crate::cli_support::{Home, err};
use crate::store_damage::counted;
use crate::support::{Rng, count};
use assize::core::digest::Digest;
use assize::core::prompt::{Selector, Template};
use assize::store::offline_check::fsck_file;
use assize::store::{NewRevision, Store};
use rusqlite::{Connection, params};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::sync::mpsc::channel;
use std::time::Duration;

/// However slow the machine is.
const LIMIT: Duration = Duration::from_secs(60);

/// What a registry brings along, and whether it is told as foreign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The twin: it was made here.
    Sound,
    /// Something that would run, or is not as it should be.
    Foreign,
    /// What cannot be used, and is told in any words.
    Broken,
    /// A body that says that it is very large.
    Giant,
}

const TABLES: [&str; 8] =
    ["prompt", "revision", "body", "verdict", "review", "response", "event", "run_state"];

/// A block that unpacks to more than any body may, with the length it has then.
static GIANT: LazyLock<(Vec<u8>, i64)> = LazyLock::new(|| {
    let length = (512 << 20) + 1;
    let mut block = lz4_flex::block::compress(&vec![b'a'; length]);
    let proof = Digest::of(&block);
    block.extend(&proof.as_bytes()[..8]);
    (block, length as i64)
});

fn without_triggers(conn: &Connection) {
    conn.execute_batch("PRAGMA foreign_keys = OFF").unwrap();
    let names: Vec<String> = conn
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'trigger'")
        .unwrap()
        .query_map([], |r| r.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    names.iter().for_each(|name| conn.execute_batch(&format!("DROP TRIGGER {name}")).unwrap());
}

const ENDLESS: &str = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n)";

/// Changes a sound registry into one of somebody else.
fn estrange(path: &Path, rng: &mut Rng) -> (Kind, String) {
    let table = *rng.pick(&TABLES);
    let conn = Connection::open(path).unwrap();
    let run = |sql: String| {
        conn.execute_batch(&sql).unwrap_or_else(|e| panic!("{sql}: {e}"));
        (Kind::Foreign, sql)
    };
    match rng.below(11) {
        0 => (Kind::Sound, "nothing".to_owned()),
        1 => {
            let when = *rng.pick(&["AFTER INSERT", "BEFORE INSERT", "AFTER UPDATE"]);
            let does = *rng.pick(&[
                "INSERT INTO draft (prompt, text, at) VALUES ('p', 'it ran', '')",
                "DELETE FROM label",
                "UPDATE run_state SET state = 'complete'",
                "SELECT RAISE(IGNORE)",
            ]);
            run(format!("CREATE TRIGGER helper{} {when} ON {table} BEGIN {does}; END", rng.below(9)))
        }
        2 => run(format!(
            "CREATE TRIGGER slow AFTER INSERT ON {table} BEGIN INSERT INTO draft (prompt, text, at) SELECT a.name, b.name, \
             c.name FROM sqlite_schema a, sqlite_schema b, sqlite_schema c, sqlite_schema d; END"
        )),
        3 => {
            // A view in the place of a table, with its columns and without an end.
            let columns: Vec<String> = conn
                .prepare(&format!("SELECT name FROM pragma_table_info('{table}')"))
                .unwrap()
                .query_map([], |r| r.get(0))
                .unwrap()
                .map(Result::unwrap)
                .collect();
            let list: Vec<String> = columns.iter().map(|c| format!("x AS \"{c}\"")).collect();
            without_triggers(&conn);
            run(format!(
                "DROP TABLE {table}; CREATE VIEW {table} AS {ENDLESS} SELECT {} FROM n",
                list.join(", ")
            ))
        }
        4 => {
            let column = if table == "run_state" { "run_id" } else { "rowid" };
            let of = if column == "rowid" { "row_digest" } else { "state" };
            let of = if table == "body" { "digest" } else { of };
            run(format!("CREATE INDEX quick ON {table}(length(hex(zeroblob(100000))) + length({of}))"))
        }
        5 => run(format!("CREATE TABLE notes{} (x TEXT DEFAULT (hex(randomblob(9))))", rng.below(9))),
        6 => run("CREATE VIRTUAL TABLE more USING fts5(x)".to_owned()),
        7 => run(format!("ALTER TABLE {table} ADD COLUMN more TEXT AS (hex(zeroblob(1000))) VIRTUAL")),
        8 => {
            // The words of a table, without what they promise.
            let table = if table == "run_state" { "prompt" } else { table };
            let sql = "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, 'STRICT', '') WHERE name = '";
            run(format!("{sql}{table}'; PRAGMA writable_schema = OFF"))
        }
        9 => {
            without_triggers(&conn);
            let (block, length) = &*GIANT;
            let digest = Digest::of("giant");
            conn.execute(
                "UPDATE body SET bytes = ?1, unpacked = ?2 WHERE digest = (SELECT digest FROM revision ORDER BY id DESC LIMIT 1)",
                params![block, length],
            )
            .unwrap();
            (Kind::Giant, digest.short())
        }
        _ => {
            let (offset, byte) = (16 + rng.below(84), rng.below(256) as u8);
            conn.close().unwrap();
            let mut bytes = std::fs::read(path).unwrap();
            bytes[offset] = byte;
            std::fs::write(path, bytes).unwrap();
            (Kind::Broken, format!("byte {offset} is {byte}"))
        }
    }
}

/// What each way of using it came to: words, or nothing where it worked.
fn used(path: &Path) -> Vec<(&'static str, Option<String>)> {
    let copy = path.with_extension("copy");
    let _ = std::fs::remove_file(&copy);
    let words = |done: assize::store::Result<()>| done.err().map(|e| e.to_string());
    let read = |work: &dyn Fn(&Store) -> assize::store::Result<()>| {
        words(Store::open_read_only(path).and_then(|store| work(&store)))
    };
    vec![
        ("names", read(&|s| s.names().map(drop))),
        ("list", read(&|s| s.list(&Default::default()).map(drop))),
        ("runs", read(&|s| s.runs(None).map(drop))),
        ("search", read(&|s| s.search("brief", 9).map(drop))),
        (
            "get",
            read(&|s| {
                s.resolve(&"q".parse().unwrap(), &Selector::LATEST).and_then(|r| s.text(&r.digest)).map(drop)
            }),
        ),
        ("backup", read(&|s| s.backup(&copy))),
        (
            "register",
            words(Store::open(path).and_then(|mut s| {
                s.register(NewRevision::new("new".parse().unwrap(), Template::text("some words"))).map(drop)
            })),
        ),
        (
            "fsck",
            match fsck_file(path) {
                Ok(report) if report.faults.is_empty() => None,
                Ok(report) => {
                    Some(report.faults.iter().map(|f| format!("{}: {}\n", f.place, f.what)).collect())
                }
                Err(e) => Some(e.to_string()),
            },
        ),
    ]
}

/// As [`used`], and panics with `what` when it does not end.
fn used_in_time(path: &Path, what: &str) -> Vec<(&'static str, Option<String>)> {
    let (send, receive) = channel();
    let of = path.to_owned();
    std::thread::spawn(move || send.send(used(&of)));
    receive.recv_timeout(LIMIT).unwrap_or_else(|e| panic!("{what}: it did not end, or panicked: {e}"))
}

#[test]
fn whatever_somebody_elses_registry_brings_along_nothing_of_it_runs_and_every_use_ends_in_words() {
    let dir = tempfile::tempdir().unwrap();
    let sound = counted(dir.path());
    let path = dir.path().join("theirs.db");
    let (all, mut seen) = (count(200, 10_000), std::collections::BTreeMap::<String, usize>::new());
    for seed in 0..all as u64 {
        std::fs::copy(&sound, &path).unwrap();
        for ending in ["-wal", "-shm", "-journal"] {
            let _ = std::fs::remove_file(format!("{}{ending}", path.display()));
        }
        let (kind, what) = estrange(&path, &mut Rng::new(seed));
        let before = std::fs::read(&path).unwrap();
        let place = format!("seed {seed}: {what}");
        let came_to = used_in_time(&path, &place);
        *seen.entry(format!("{kind:?}")).or_default() += 1;
        match kind {
            Kind::Sound => assert!(came_to.iter().all(|(_, words)| words.is_none()), "{place}: {came_to:?}"),
            Kind::Foreign => {
                for (verb, words) in &came_to {
                    let words = words.as_deref().unwrap_or_default();
                    assert!(words.contains("not as this program makes it"), "{place}: {verb}: '{words}'");
                }
                assert!(before == std::fs::read(&path).unwrap(), "{place}: it was changed");
            }
            Kind::Giant => {
                let words = |verb: &str| came_to.iter().find(|(v, _)| *v == verb).unwrap().1.clone();
                for verb in ["get", "fsck"] {
                    let words = words(verb).unwrap_or_default();
                    assert!(words.contains("larger than any text"), "{place}: {verb}: {words}");
                }
                assert_eq!(words("list"), None, "{place}");
            }
            // Ends, whatever it says.
            Kind::Broken => {}
        }
    }
    eprintln!("{all} registries of strangers: {seen:?}");
    assert_eq!(seen.len(), 4, "{seen:?}");
}

/// The twin: without the look a trigger of theirs runs, and a view of theirs does not end.
#[test]
fn without_the_look_it_would_run() {
    let dir = tempfile::tempdir().unwrap();
    let path = counted(dir.path());
    let conn = Connection::open(&path).unwrap();
    let count = || conn.query_row("SELECT count(*) FROM draft", [], |r| r.get::<_, i64>(0)).unwrap();
    conn.execute_batch(
        "CREATE TRIGGER helper AFTER INSERT ON event BEGIN INSERT INTO draft (prompt, text, at) VALUES ('p', 'it ran', ''); END;
         INSERT INTO event (at, kind, payload, row_digest) VALUES ('', 'x', '{}', x'00')",
    )
    .unwrap();
    assert_eq!(count(), 1);
    without_triggers(&conn);
    conn.execute_batch(&format!("DROP TABLE body; CREATE VIEW body AS {ENDLESS} SELECT x AS digest FROM n"))
        .unwrap();
    let sql = "SELECT count(*) FROM (SELECT 1 FROM body LIMIT 100000)";
    assert_eq!(conn.query_row(sql, [], |r| r.get::<_, i64>(0)).unwrap(), 100_000, "it goes on for ever");
}

/// Every verb that opens the registry, on one of theirs.
const VERBS: &[&[&str]] = &[
    &["list"],
    &["log", "q"],
    &["show", "q"],
    &["get", "q"],
    &["search", "brief"],
    &["diff", "q@r1", "q@r2"],
    &["blame", "q"],
    &["runs"],
    &["register", "new", "t.txt"],
    &["label", "set", "q", "staging", "r1"],
    &["import", "prompts", "p.jsonl"],
    &["export", "--out", "-"],
    &["cases", "list"],
    &["rubric", "list"],
    &["judge", "list"],
    &["trends"],
    &["backup", "copy.db"],
    &["fsck"],
    &["doctor"],
];

#[test]
fn every_verb_ends_on_a_pipe_a_device_and_a_registry_with_a_trigger() {
    let home = Home::new();
    home.file("t.txt", "words");
    home.file("p.jsonl", "{\"name\":\"a\",\"template\":\"b\"}\n");
    let made = counted(home.path());
    let pipe = |path: &Path| assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
    let stage = |name: &str| -> PathBuf {
        let path = home.path().join(name);
        std::fs::copy(&made, &path).unwrap();
        path
    };
    let fifo = home.path().join("fifo.db");
    pipe(&fifo);
    let zero = home.path().join("zero.db");
    std::os::unix::fs::symlink("/dev/zero", &zero).unwrap();
    let null = home.path().join("null.db");
    std::os::unix::fs::symlink("/dev/null", &null).unwrap();
    let mut all = vec![fifo, zero, null, home.path().to_owned()];
    for ending in ["-wal", "-journal"] {
        let path = stage(&format!("beside{ending}.db"));
        pipe(Path::new(&format!("{}{ending}", path.display())));
        all.push(path);
    }
    let theirs = stage("theirs.db");
    Connection::open(&theirs)
        .unwrap()
        .execute_batch("CREATE TRIGGER helper AFTER INSERT ON event BEGIN DELETE FROM label; END")
        .unwrap();
    all.push(theirs);
    for path in &all {
        for verb in VERBS {
            let mut command = Command::new("timeout");
            let plain = home.command(verb);
            command.arg("60").arg(plain.get_program()).args(plain.get_args()).arg("--registry").arg(path);
            command.env_clear().env("HOME", home.path()).env("PATH", std::env::var("PATH").unwrap());
            let out = command.current_dir(home.path()).output().unwrap();
            let (code, place) = (out.status.code(), format!("{verb:?} on {}", path.display()));
            let told = String::from_utf8_lossy(&out.stdout).into_owned() + &err(&out);
            // The doctor tells of it and is well; all others end with the code of the registry.
            let wanted = if verb[0] == "doctor" { Some(0) } else { Some(4) };
            assert_eq!(code, wanted, "{place}: {told}");
            assert!(told.contains("no file") || told.contains("not as this program"), "{place}: {told}");
        }
        let _ = std::fs::remove_file(home.path().join("copy.db"));
    }
}
