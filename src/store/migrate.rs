//! The ladder of schemas: append-only, one transaction, a backup first, a newer schema refused untouched.
//!
//! ```text
//! header -> another program's file, or a newer schema? refused without a byte written
//!        -> BEGIN IMMEDIATE -> older? copy to FILE.bak-vN -> each missing step -> a search index of another kind? made anew
//!        -> user_version -> COMMIT
//! ```

use super::file::IN_MEMORY;
pub(super) use super::file::beside;
use super::file::{patiently, sync_folder};
use super::{Remedy, Result, StoreError, search, shared_file};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use std::path::Path;

/// Each step's SQL; its place (from 1) is the schema it makes.
const STEPS: &[&str] = &[
    include_str!("../../assets/migrations/0001_registry.sql"),
    include_str!("../../assets/migrations/0002_pairwise.sql"),
    include_str!("../../assets/migrations/0003_batch.sql"),
    include_str!("../../assets/migrations/0004_said.sql"),
    include_str!("../../assets/migrations/0005_packed.sql"),
    include_str!("../../assets/migrations/0006_tally.sql"),
    include_str!("../../assets/migrations/0007_content_ids.sql"),
];

/// The schema since which rows are counted as they are written; those of older ones are counted once, as they are found.
const TALLIED: u32 = 6;

/// The schema since which bodies are packed: what reads them can be used.
const PACKED: u32 = 5;

/// The schema since which rows have content ids.
const NAMED: u32 = 7;

/// The newest schema known here.
pub const KNOWN: u32 = STEPS.len() as u32;

/// Says in the file's header whose it is: "asze".
const APPLICATION: u32 = 0x6173_7a65;

/// What a file says of itself.
struct FileHeader {
    schema: u32,
    application: u32,
    has_log: bool,
}

/// Reads the file's header without SQLite, and so without touching anything.
fn header(path: &Path) -> Option<FileHeader> {
    let mut header = [0_u8; 100];
    shared_file::beginning(path, &mut header).ok()?;
    let number = |at: usize| Some(u32::from_be_bytes(header.get(at..at + 4)?.try_into().ok()?));
    header.starts_with(b"SQLite format 3\0").then_some(())?;
    // Its versions for writing and reading are both 2 while it is kept with a log beside it.
    Some(FileHeader { schema: number(60)?, application: number(68)?, has_log: header.get(18..20)? == [2, 2] })
}

/// Whether a file is a registry as this program leaves it: opening it for writing changes nothing about it.
pub(super) fn is_settled(path: &Path) -> bool {
    header(path).is_some_and(|h| h.schema == KNOWN && h.application == APPLICATION && h.has_log)
}

/// What SQLite's rollback journals begin with.
const JOURNAL: [u8; 8] = [0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7];

/// Whether a journal lies beside the file whose state SQLite would put back at the next opening.
pub(super) fn has_journal(path: &Path) -> bool {
    use std::io::Read;
    let mut magic = [0_u8; 8];
    let journal = beside(path, "-journal");
    // A pipe would wait for somebody to write into it.
    journal.is_file()
        && std::fs::File::open(journal).and_then(|mut f| f.read_exact(&mut magic)).is_ok()
        && magic == JOURNAL
}

/// Whether the file begins as SQLite's do.
pub(super) fn has_header(path: &Path) -> bool {
    header(path).is_some()
}

/// Lets SQLite take back what a power cut left of a first page: the journal beside it holds the state before, and reading
/// puts it back. Only for a file whose beginning cannot be read at all.
fn roll_back(path: &Path) {
    if has_journal(path) {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        // What it could not take back is told by the look at the header that follows.
        let _ = Connection::open_with_flags(path, flags)
            .and_then(|c| c.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(())));
    }
}

/// Refuses a file whose schema is newer than this program, or that is no registry at all. Nothing is written.
pub fn refuse_foreign(path: &Path) -> Result<()> {
    super::file::refuse_no_file(path)?;
    let empty = || path.metadata().is_ok_and(|m| m.len() == 0);
    if !empty() && header(path).is_none() {
        roll_back(path);
    }
    if empty() {
        return Ok(());
    }
    let not_one = |what: &str, remedy| {
        let why = format!("it is not an assize registry ({what})");
        Err(StoreError::Open { path: path.to_owned(), why, remedy })
    };
    let not_ours = |what: &str| not_one(what, Remedy::AnotherFile);
    // Permission and the like are told by the opening itself.
    match shared_file::can_read(path) {
        Err(e) if e.kind() == std::io::ErrorKind::InvalidInput => return not_ours("it is no file"),
        Err(_) => return Ok(()),
        Ok(()) => {}
    }
    let Some(mut found) = header(path) else {
        return not_one("no SQLite file, or its beginning is damaged", Remedy::Check);
    };
    if beside(path, "-wal").metadata().is_ok_and(|m| m.len() > 0) {
        // The header may be older than the log beside it.
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        if let Ok(conn) = Connection::open_with_flags(path, flags) {
            let number = |pragma: &str| conn.pragma_query_value(None, pragma, |r| r.get::<_, i64>(0)).ok();
            let read = |pragma: &str| number(pragma).and_then(|n| u32::try_from(n).ok());
            found.schema = read("user_version").unwrap_or(found.schema);
            found.application = read("application_id").unwrap_or(found.application);
        }
    }
    match found {
        FileHeader { application, .. } if application != APPLICATION && application != 0 => {
            not_ours("another program's database")
        }
        FileHeader { schema, .. } if schema > KNOWN => {
            Err(StoreError::Newer { path: path.to_owned(), found: schema, known: KNOWN })
        }
        // Somebody else's tables, or what a process left that died while it made the file: then there are none.
        FileHeader { application: 0, .. } if has_foreign_tables(path) => {
            not_ours("another program's database")
        }
        _ => Ok(()),
    }
}

fn has_foreign_tables(path: &Path) -> bool {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let sql = "SELECT count(*) > 0 AND sum(name = 'revision') = 0 FROM sqlite_schema";
    Connection::open_with_flags(path, flags).and_then(|c| c.query_row(sql, [], |r| r.get(0))).unwrap_or(false)
}

/// Whether a connection reads a registry of this schema, with a search index as it is made now.
pub(super) fn is_current(conn: &Connection) -> bool {
    let number = |pragma: &str| conn.pragma_query_value(None, pragma, |r| r.get::<_, u32>(0)).ok();
    number("application_id") == Some(APPLICATION)
        && number("user_version") == Some(KNOWN)
        && !search::is_old(conn)
}

/// Refuses what only a connection that may write could bring up to date.
pub(super) fn refuse_older(conn: &Connection, path: &Path) -> Result<()> {
    let present: u32 = conn.pragma_query_value(None, "user_version", |r| r.get(0))?;
    if present == KNOWN {
        return Ok(());
    }
    let (why, remedy) = if present == 0 {
        ("it is empty, and cannot be written".to_owned(), Remedy::MakeElsewhere)
    } else {
        let why = format!(
            "it has schema {present}, needs {KNOWN}, and cannot be written: copy it to where it can, and open it there"
        );
        (why, Remedy::None)
    };
    Err(StoreError::Open { path: path.to_owned(), why, remedy })
}

/// Brings the schema up to date. The version is read inside the write transaction, so that several processes
/// may open a new file at once.
pub fn migrate(conn: &mut Connection, path: &Path) -> Result<()> {
    climb(conn, path, STEPS)
}

/// A new registry in memory with one of the schemas, for comparison; of schema 0 nothing.
pub(super) fn empty(schema: u32) -> Result<Connection> {
    let conn = Connection::open_in_memory()?;
    if schema > 0 {
        climb(&conn, Path::new(IN_MEMORY), STEPS.get(..schema as usize).unwrap_or(STEPS))?;
    }
    Ok(conn)
}

fn climb(conn: &Connection, path: &Path, steps: &[&str]) -> Result<()> {
    let known = steps.len() as u32;
    let version = |conn: &Connection| conn.pragma_query_value(None, "user_version", |r| r.get::<_, u32>(0));
    if patiently(|| version(conn))? == known && (known < PACKED || !search::is_old(conn)) {
        return Ok(());
    }
    patiently(|| conn.execute_batch("BEGIN IMMEDIATE"))?;
    let done = version(conn).map_err(StoreError::from).and_then(|present| {
        if present > known {
            return Err(StoreError::Newer { path: path.to_owned(), found: present, known });
        }
        if present > 0 && present < known && path != Path::new(IN_MEMORY) {
            tracing::info!(path = %path.display(), from = present, to = known, "the schema is brought up to date");
            keep_copy(path, present)?;
        }
        for step in steps.iter().skip(present as usize) {
            conn.execute_batch(step)?;
        }
        if present > 0 && present < NAMED && known >= NAMED {
            // What may not change otherwise is changed here.
            conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
            let done = super::identify::give_ids(conn, present >= TALLIED);
            conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, true)?;
            done?;
        }
        if present == 0 {
            search::mark_current(conn)?;
        } else if known >= PACKED && search::is_old(conn) {
            tracing::info!(path = %path.display(), "the search index is made anew");
            search::renew(conn)?;
        }
        conn.pragma_update(None, "application_id", APPLICATION)?;
        Ok(conn.pragma_update(None, "user_version", known)?)
    });
    let done = done.and_then(|()| Ok(conn.execute_batch("COMMIT")?));
    if let Err(error) = &done {
        tracing::error!(error = error as &dyn std::error::Error, "the schema stays as it was");
        let _ = conn.execute_batch("ROLLBACK");
    }
    done
}

/// Copies an older registry to `FILE.bak-vN` while the write lock is held, so that the copy lacks nothing. It gets its
/// name only when it is whole: a process killed in between leaves none.
fn keep_copy(path: &Path, present: u32) -> Result<()> {
    let (copy, unfinished) = (beside(path, &format!(".bak-v{present}")), beside(path, ".bak-unfinished"));
    if copy.exists() {
        return Ok(());
    }
    let cannot = |e: &dyn std::fmt::Display| StoreError::Open {
        path: path.to_owned(),
        why: format!(
            "cannot keep a copy {} before the schema changes: {e}; nothing was changed",
            copy.display()
        ),
        remedy: Remedy::None,
    };
    let _ = std::fs::remove_file(&unfinished);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let reader = Connection::open_with_flags(path, flags).map_err(|e| cannot(&e))?;
    super::file::copy_to(&reader, &unfinished).map_err(|e| cannot(&e))?;
    std::fs::rename(&unfinished, &copy).map_err(|e| cannot(&e))?;
    sync_folder(path.parent());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::prompt::Template;
    use crate::store::{NewRevision, Store};
    use std::path::PathBuf;

    fn made(dir: &Path) -> PathBuf {
        let path = dir.join("r.db");
        let mut store = Store::open(&path).unwrap();
        store.register(NewRevision::new("p".parse().unwrap(), Template::text("one"))).unwrap();
        path
    }

    #[test]
    fn an_older_schema_is_migrated_after_a_copy_was_kept() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = made(dir.path());
        // What a migration that was killed while it copied has left behind.
        std::fs::write(beside(&path, ".bak-unfinished"), "half").unwrap();
        let next = [STEPS, &["CREATE TABLE later (x INTEGER) STRICT;"]].concat();
        climb(&Connection::open(&path).unwrap(), &path, &next).unwrap();
        let (now, kept) = (Connection::open(&path).unwrap(), beside(&path, &format!(".bak-v{KNOWN}")));
        assert_eq!(now.pragma_query_value(None, "user_version", |r| r.get::<_, u32>(0)).unwrap(), KNOWN + 1);
        assert_eq!(std::fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(!beside(&path, ".bak-unfinished").exists());
        // This program takes the copy, and leaves alone what is now too new for it.
        let copy = Store::open(&kept).unwrap();
        assert_eq!((copy.names().unwrap().len(), copy.fsck().unwrap().faults), (1, vec![]));
        assert!(matches!(Store::open(&path), Err(StoreError::Newer { found, .. }) if found == KNOWN + 1));
    }

    #[test]
    fn each_older_schema_climbs_to_this_one_and_is_sound() {
        let dir = tempfile::tempdir().unwrap();
        for first in 1..STEPS.len() {
            let path = dir.path().join(format!("v{first}.db"));
            let conn = Connection::open(&path).unwrap();
            climb(&conn, &path, &STEPS[..first]).unwrap();
            drop(conn);
            // A check looks at it as it would be, and leaves it as it is.
            let before = std::fs::read(&path).unwrap();
            assert_eq!(crate::store::offline_check::fsck_file(&path).unwrap().faults, vec![]);
            assert!(before == std::fs::read(&path).unwrap());
            assert!(!beside(&path, &format!(".bak-v{first}")).exists());
            let store = Store::open(&path).unwrap();
            assert_eq!((store.schema().unwrap(), store.fsck().unwrap().faults), (KNOWN, vec![]));
            assert!(beside(&path, &format!(".bak-v{first}")).exists());
        }
    }

    #[test]
    fn a_step_that_fails_leaves_the_old_schema() {
        let dir = tempfile::tempdir().unwrap();
        let path = made(dir.path());
        let later = "CREATE TABLE later (x INTEGER) STRICT; CREATE TABLE later (x INTEGER);";
        let broken = [STEPS, &[later]].concat();
        assert!(climb(&Connection::open(&path).unwrap(), &path, &broken).is_err());
        let store = Store::open(&path).unwrap();
        assert_eq!((store.schema().unwrap(), store.fsck().unwrap().faults), (KNOWN, vec![]));
    }

    #[test]
    fn a_newer_schema_still_in_the_log_is_left_alone_too() {
        let dir = tempfile::tempdir().unwrap();
        let path = made(dir.path());
        let live = Connection::open(&path).unwrap();
        live.execute_batch("PRAGMA wal_autocheckpoint = 0; PRAGMA user_version = 8").unwrap();
        // As a killed process leaves it: the file says 7, the log 8.
        let copy = dir.path().join("copy.db");
        for ending in ["", "-wal"] {
            std::fs::copy(beside(&path, ending), beside(&copy, ending)).unwrap();
        }
        let bytes = || ["", "-wal"].map(|e| std::fs::read(beside(&copy, e)).unwrap());
        let before = bytes();
        assert!(matches!(Store::open(&copy), Err(StoreError::Newer { found: 8, .. })));
        assert!(matches!(Store::open_read_only(&copy), Err(StoreError::Newer { found: 8, .. })));
        assert!(before == bytes());
    }

    #[test]
    fn other_files_are_refused_and_stay_as_they_are() {
        let dir = tempfile::tempdir().unwrap();
        let cases: [(&str, &str); 3] = [
            ("tables", "CREATE TABLE moz_places (id INTEGER)"),
            ("same-version", "CREATE TABLE moz_places (id INTEGER); PRAGMA user_version = 1"),
            ("another", "PRAGMA application_id = 252006675; CREATE TABLE revision (id INTEGER)"),
        ];
        for (name, sql) in cases {
            let path = dir.path().join(name);
            Connection::open(&path).unwrap().execute_batch(sql).unwrap();
            let before = std::fs::read(&path).unwrap();
            let error = Store::open(&path).err().unwrap().to_string();
            assert!(error.contains("not an assize registry"), "{name}: {error}");
            assert!(before == std::fs::read(&path).unwrap(), "{name}");
        }
        let text = dir.path().join("notes.txt");
        std::fs::write(&text, "x").unwrap();
        assert!(Store::open(&text).err().unwrap().to_string().contains("no SQLite file"));
        assert_eq!(std::fs::read(&text).unwrap(), b"x");
    }
    /// A power cut while the file is made: its first page is torn, the journal beside it says that nothing was there.
    #[test]
    fn a_first_page_torn_by_a_power_cut_is_taken_back_and_the_file_made_anew() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("r.db");
        let mut page = vec![0_u8; 16_384];
        page[512..].fill(0x2a);
        std::fs::write(&path, &page).unwrap();
        // Without a journal it could be anybody's.
        assert!(Store::open(&path).err().unwrap().to_string().contains("no SQLite file"));
        assert!(std::fs::read(&path).unwrap() == page);
        // Magic, no page kept, a nonce, no page before, sectors of 512, pages of 16 KiB: as SQLite writes it.
        let mut journal = JOURNAL.to_vec();
        for number in [0_u32, 0xf7ab_b68d, 0, 512, 16_384] {
            journal.extend(number.to_be_bytes());
        }
        journal.resize(512, 0);
        std::fs::write(beside(&path, "-journal"), journal).unwrap();
        let store = Store::open(&path).unwrap();
        assert_eq!((store.schema().unwrap(), store.fsck().unwrap().faults), (KNOWN, vec![]));
    }
}
