//! Opening a registry: permissions, pragmas, schema, and the one way to write.
//!
//! ```text
//! path -> folder 0700, file 0600 -> newer schema, or no registry? refuse untouched -> WAL (DELETE on a network file
//!         system), synchronous=FULL, busy timeout -> BEGIN IMMEDIATE, migrate -> Store
//!         cannot be written? -> for reading only, changing nothing on disk
//! ```

use super::error::has_no_room;
use super::file::{
    BUSY, IN_MEMORY, cannot_open, is_write_protected, make_folder, one_name, patiently, sync_folder,
};
pub use super::file::{file_system, on_network};
use super::shared_file::{self, SharedFile};
use super::{Remedy, Result, StoreError, foreign_schema, lease, migrate, tally, text_index};
use rusqlite::{Connection, OpenFlags};
use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The SQLite that first has the repair of a bug that could reset a WAL.
const OLDEST_SQLITE: i32 = 3_051_003;

/// An open registry: one connection.
pub struct Store {
    pub(super) conn: Connection,
    pub(super) path: PathBuf,
    pub(super) read_only: Option<String>,
    /// Inside a group of the worker: writes are savepoints of one transaction.
    pub(super) in_group: bool,
    /// What was in the indexes and counted when the group began.
    heads: DerivedHeads,
    /// Runs this registry was asked to write, and as whom: a lease lost to another process ends the writing.
    pub(super) leases: std::collections::HashMap<String, String>,
    /// Holders of leases and claims that cannot be seen from here.
    pub(super) watch: lease::LeaseWatch,
    /// Which file it is.
    file: Option<(u64, u64)>,
    /// Which log, once there is one.
    log: Cell<Option<(u64, u64)>>,
    /// How long the log was when it could not be shortened.
    pub(super) log_tried: Cell<u64>,
    /// Dropped after the connection.
    _seen: Option<SharedFile>,
}

/// What follows from rows that were written, brought up to date before their transaction ends: the indexes of messages,
/// explanations and comments, and the count of the rows themselves.
#[derive(Debug, Clone, Copy, Default)]
struct DerivedHeads {
    said: text_index::IndexHeads,
    tally: tally::TallyHeads,
}

impl DerivedHeads {
    fn now(conn: &Connection) -> rusqlite::Result<Self> {
        Ok(Self { said: text_index::IndexHeads::now(conn)?, tally: tally::TallyHeads::now(conn)? })
    }

    fn catch_up(self, conn: &Connection) -> rusqlite::Result<()> {
        self.said.catch_up(conn)?;
        self.tally.catch_up(conn)
    }
}

impl Store {
    /// Opens the registry for writing; makes file (0600) and folder (0700) when missing, and migrates an older
    /// schema after a backup. A file or folder that cannot be written is opened for reading.
    ///
    /// # Errors
    /// When the file cannot be made or opened, is no registry, or has a newer schema (it is then left untouched).
    pub fn open(path: &Path) -> Result<Self> {
        check_sqlite()?;
        super::file::refuse_no_file(path)?;
        let (fresh, _seen) = prepare(path)?;
        Self::open_made(path, fresh)
    }

    /// Opens for writing what is there, and makes nothing.
    pub(super) fn open_made(path: &Path, fresh: bool) -> Result<Self> {
        // While it is held, nothing below closes a file that a connection of this process has open.
        let _seen = shared_file::look(path).ok();
        if !fresh {
            migrate::refuse_foreign(path)?;
        }
        if !fresh && is_write_protected(path) {
            return Self::open_read_only(path);
        }
        one_name(path)?;
        let opened = Self::open_writing(path, on_network(path));
        // Whoever waited for a lock may have waited at a file that was replaced meanwhile.
        let opened = opened.and_then(|store| store.still_there().map(|()| store));
        match opened {
            Err(StoreError::Sqlite { source, .. }) if !fresh && is_denied(&source.0) => {
                Self::open_read_only(path)
            }
            // A disk without room for a page of shared memory: what is there can still be read.
            Err(StoreError::Full) if !fresh => {
                let mut store = Self::open_read_only(path)?;
                store.read_only = Some("the disk is full".to_owned());
                Ok(store)
            }
            other => other,
        }
    }

    fn open_writing(path: &Path, network: bool) -> Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut conn = Connection::open_with_flags(path, flags).map_err(|e| cannot_open(path, &e))?;
        if conn.is_readonly("main")? {
            drop(conn);
            return Self::open_read_only(path);
        }
        tune(&conn)?;
        foreign_schema::refuse(&conn, path)?;
        configure(&conn, network)?;
        migrate::migrate(&mut conn, path)?;
        Ok(Self::around(conn, path, None))
    }

    pub(super) fn around(conn: Connection, path: &Path, read_only: Option<String>) -> Self {
        let leases = std::collections::HashMap::new();
        let (path, heads, _seen) = (path.to_owned(), DerivedHeads::default(), shared_file::look(path).ok());
        let file = _seen.as_ref().and_then(SharedFile::identity);
        let watch = lease::LeaseWatch::default();
        Self {
            watch,
            conn,
            path,
            read_only,
            in_group: false,
            heads,
            leases,
            file,
            log: Cell::new(None),
            log_tried: Cell::new(0),
            _seen,
        }
    }

    /// Whether the path still leads to the file that is open, and its log is still the one that is written to: what is
    /// committed to a file that was moved or removed is found by nobody.
    pub(super) fn still_there(&self) -> Result<()> {
        if self.is_in_memory() {
            return Ok(());
        }
        let moved = Err(StoreError::Moved { path: self.path.clone() });
        if self.file.is_none() || shared_file::identity(&self.path) != self.file {
            return moved;
        }
        // There as soon as anything is read, and until the last one closes; without a log there is none to lose.
        let log = shared_file::identity(&migrate::beside(&self.path, "-wal"));
        match self.log.get() {
            None => self.log.set(log),
            known if known != log => return moved,
            _ => {}
        }
        Ok(())
    }

    /// Opens an existing registry for reading only; its file does not change. (Where the folder can be written,
    /// SQLite may put its own `-shm` and `-wal` beside it, as for any reader.)
    ///
    /// # Errors
    /// When there is no such file, or it cannot be read, or has a newer or an older schema.
    pub fn open_read_only(path: &Path) -> Result<Self> {
        check_sqlite()?;
        if !path.exists() {
            let (why, remedy) = ("there is no such file".to_owned(), Remedy::MakeOne);
            return Err(StoreError::Open { path: path.to_owned(), why, remedy });
        }
        let _seen = shared_file::look(path).ok();
        migrate::refuse_foreign(path)?;
        let (conn, why) = reader(path).map_err(|e| match e {
            open @ StoreError::Open { .. } => open,
            other => cannot_open(path, &other),
        })?;
        tune(&conn)?;
        foreign_schema::refuse(&conn, path)?;
        migrate::refuse_older(&conn, path)?;
        Ok(Self::around(conn, path, Some(why)))
    }

    /// Opens for reading what opening for writing would not change, and what can be written: a registry of this schema, with
    /// its log, on a file system of this machine. Anything else is for [`Store::open`] to say or to do.
    pub(super) fn open_settled(path: &Path) -> Option<Self> {
        check_sqlite().ok()?;
        let _seen = shared_file::look(path).ok()?;
        let settled = migrate::is_settled(path) && !migrate::has_journal(path);
        if !settled || is_write_protected(path) || on_network(path) {
            return None;
        }
        let conn = plain_reader(path).ok()?;
        // The header may be older than the log beside it.
        if !migrate::is_current(&conn) {
            return None;
        }
        tune(&conn).ok()?;
        foreign_schema::refuse(&conn, path).ok()?;
        Some(Self::around(conn, path, Some("this connection only reads".to_owned())))
    }

    /// A registry in memory, for tests and one-off evaluations.
    ///
    /// # Errors
    /// When SQLite cannot start.
    pub fn in_memory() -> Result<Self> {
        let mut conn = Connection::open_in_memory()?;
        tune(&conn)?;
        migrate::migrate(&mut conn, Path::new(IN_MEMORY))?;
        Ok(Self::around(conn, Path::new(IN_MEMORY), None))
    }

    pub(super) fn is_in_memory(&self) -> bool {
        self.path == Path::new(IN_MEMORY)
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Why it cannot be written, when it cannot.
    pub fn read_only(&self) -> Option<&str> {
        self.read_only.as_deref()
    }

    /// Changes when another connection wrote.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub fn data_version(&self) -> Result<i64> {
        Ok(self.conn.pragma_query_value(None, "data_version", |r| r.get(0))?)
    }

    /// The schema's number.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub fn schema(&self) -> Result<u32> {
        Ok(self.conn.pragma_query_value(None, "user_version", |r| r.get(0))?)
    }

    /// Runs `work` in one IMMEDIATE transaction (or a savepoint, inside a group of the worker): all or nothing.
    pub(super) fn write<T>(&mut self, work: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        self.write_then(work, |_, _| Ok(()))
    }

    /// As [`Store::write`]; `last` comes after indexes and counts were brought up to date, for who gives rows other numbers.
    pub(super) fn write_then<T>(
        &mut self,
        work: impl FnOnce(&Connection) -> Result<T>,
        last: impl FnOnce(&Connection, &T) -> Result<()>,
    ) -> Result<T> {
        if let Some(why) = &self.read_only {
            return Err(StoreError::ReadOnly { path: self.path.clone(), why: why.clone() });
        }
        let (begin, commit, back) = if self.in_group {
            ("SAVEPOINT job", "RELEASE job", "ROLLBACK TO job; RELEASE job")
        } else {
            ("BEGIN IMMEDIATE", "COMMIT", "ROLLBACK")
        };
        if self.in_group {
            self.step(begin)?
        } else {
            patiently(|| self.step(begin))?
        }
        // In a group it is looked for once, before and after its commit.
        let there = |store: &Self| if store.in_group { Ok(()) } else { store.still_there() };
        let done = there(self)
            .and_then(|()| self.heads_before())
            .and_then(|heads| Ok((work(&self.conn)?, heads)))
            .and_then(|(value, heads)| {
                if let Some(heads) = heads {
                    heads.catch_up(&self.conn)?;
                }
                last(&self.conn, &value)?;
                there(self)?;
                self.step(commit)?;
                there(self)?;
                Ok(value)
            });
        if done.is_err() {
            // SQLite may have rolled back by itself (disk full), or the commit is what was done last: then there is nothing left to undo.
            let _ = self.conn.execute_batch(back);
        } else if !self.in_group {
            self.shorten_log();
        }
        done
    }

    /// Where indexes and counts stand, when it is this transaction that brings them up to date, and not its group.
    fn heads_before(&self) -> Result<Option<DerivedHeads>> {
        if self.in_group { Ok(None) } else { Ok(Some(DerivedHeads::now(&self.conn)?)) }
    }

    /// One statement without values, prepared once.
    fn step(&self, sql: &str) -> rusqlite::Result<()> {
        self.conn.prepare_cached(sql)?.execute([]).map(|_| ())
    }

    /// Runs a job of the worker: inside a group it is all or nothing, however many writes it makes.
    pub(super) fn as_one_job<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if !self.in_group {
            return work(self);
        }
        self.step("SAVEPOINT whole")?;
        let done = work(self);
        let ended = if done.is_ok() {
            self.step("RELEASE whole")
        } else {
            self.conn.execute_batch("ROLLBACK TO whole; RELEASE whole")
        };
        match (done, ended) {
            (Ok(_), Err(e)) => Err(e.into()),
            (done, _) => done,
        }
    }

    /// Runs a job of the reading thread in one view of the registry: what it reads fits together, and no statement
    /// has to take and give back the locks of the file for itself.
    pub(super) fn in_one_view<T>(&mut self, work: impl FnOnce(&mut Self) -> T) -> T {
        let begun = self.conn.execute_batch("BEGIN").is_ok();
        let done = work(self);
        if begun {
            // Nothing was written: ending it can fail only when it has ended already.
            let _ = self.conn.execute_batch("COMMIT");
        }
        done
    }

    /// Keeps one view of the registry, from the first read on, until this is dropped: for a command that only reads. What
    /// it tells fits together, and ten thousand small reads do not each take and give back the file's locks.
    ///
    /// # Errors
    /// When a transaction is open already.
    pub fn hold_view(self) -> Result<Self> {
        self.conn.execute_batch("BEGIN")?;
        Ok(self)
    }

    /// Opens a group, if no other process holds the write lock for longer than `patience`: writes until
    /// [`Store::commit_group`] are one transaction.
    pub(super) fn begin_group(&mut self, patience: Duration) -> Result<()> {
        if self.read_only.is_none() {
            self.conn.busy_timeout(patience)?;
            let begun = self.conn.execute_batch("BEGIN IMMEDIATE");
            self.conn.busy_timeout(BUSY)?;
            begun?;
            match self.still_there().and_then(|()| Ok(DerivedHeads::now(&self.conn)?)) {
                Ok(heads) => (self.heads, self.in_group) = (heads, true),
                Err(e) => {
                    let _ = self.conn.execute_batch("ROLLBACK");
                    return Err(e);
                }
            }
        }
        Ok(())
    }

    /// Whether the group's transaction still stands: a full disk makes SQLite take all of it back by itself, and
    /// what is written after that would be outside of it.
    pub(super) fn has_group(&self) -> bool {
        self.in_group && !self.conn.is_autocommit()
    }

    /// Commits the group.
    pub(super) fn commit_group(&mut self) -> Result<()> {
        let stands = self.has_group();
        if !std::mem::take(&mut self.in_group) {
            return Ok(());
        }
        if !stands {
            return Err(StoreError::NotSaved("another change of the same group failed for good".into()));
        }
        let done = self
            .heads
            .catch_up(&self.conn)
            .map_err(StoreError::from)
            .and_then(|()| self.still_there())
            .and_then(|()| Ok(self.conn.execute_batch("COMMIT")?))
            .and_then(|()| self.still_there());
        if done.is_err() {
            let _ = self.conn.execute_batch("ROLLBACK");
        } else {
            self.shorten_log();
        }
        done
    }
}

/// A connection that only reads, and has read.
fn plain_reader(path: &Path) -> rusqlite::Result<Connection> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let conn = Connection::open_with_flags(path, flags)?;
    conn.busy_timeout(BUSY)?;
    conn.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
    Ok(conn)
}

/// A connection that only reads, and why it cannot write. A beginning that is damaged is told as such.
pub(super) fn reader(path: &Path) -> Result<(Connection, String)> {
    let folder = path.parent().filter(|f| !f.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut why = if shared_file::can_write(path) && shared_file::can_write(folder) {
        "its permissions let it be written, and the system did not: are too many files open (`ulimit -n`), or is the disk full?"
    } else {
        "the file or its folder cannot be written"
    }
    .to_owned();
    let conn = match plain_reader(path) {
        Ok(conn) => conn,
        // A WAL database in a folder that cannot be written opens only as immutable, without its log.
        // As does one on a disk without room for what its connections share.
        Err(e) if is_denied(&e) || has_no_room(&e) => {
            if migrate::beside(path, "-wal").metadata().is_ok_and(|m| m.len() > 0) {
                why.push_str(", and the newest changes, still in its log, cannot be read from here");
            }
            plain_reader(immutable_uri(path).as_ref()).map_err(|e| cannot_open(path, &e))?
        }
        Err(e) => return Err(e.into()),
    };
    Ok((conn, why))
}

/// The SQLite in this program.
pub fn sqlite_version() -> &'static str {
    rusqlite::version()
}

pub(super) fn check_sqlite() -> Result<()> {
    if rusqlite::version_number() < OLDEST_SQLITE {
        return Err(StoreError::Invalid(format!(
            "SQLite {} is too old: 3.51.3 or newer is needed",
            rusqlite::version()
        )));
    }
    Ok(())
}

/// Whether an error means that we may not write here (as opposed to damage, or a lock).
pub(super) fn is_denied(e: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{CannotOpen, PermissionDenied, ReadOnly};
    matches!(e.sqlite_error_code(), Some(CannotOpen | PermissionDenied | ReadOnly))
}

/// Makes folder and file with their modes, whatever the umask; true when the file is new.
fn prepare(path: &Path) -> Result<(bool, Option<SharedFile>)> {
    let folder = make_folder(path)?;
    match shared_file::make(path, 0o600) {
        Ok(look) => {
            sync_folder(folder);
            Ok((true, Some(look)))
        }
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists && path.is_file() => {
            Ok((std::fs::metadata(path).map_err(|e| cannot_open(path, &e))?.len() == 0, None))
        }
        Err(e) => Err(cannot_open(path, &e)),
    }
}

fn immutable_uri(path: &Path) -> String {
    let mut uri = String::from("file:");
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => {
                uri.push(char::from(*byte))
            }
            other => uri.push_str(&format!("%{other:02X}")),
        }
    }
    uri + "?immutable=1"
}

fn configure(conn: &Connection, network: bool) -> Result<()> {
    conn.busy_timeout(BUSY)?;
    // Larger pages hold several templates each: 4 KiB pages double the file.
    conn.pragma_update(None, "page_size", 16_384)?;
    // Switching a new file to WAL is the one moment where the busy timeout does not help.
    patiently(|| {
        let now: String = conn.pragma_query_value(None, "journal_mode", |r| r.get(0))?;
        let schema: u32 = conn.pragma_query_value(None, "user_version", |r| r.get(0))?;
        match (network, now.eq_ignore_ascii_case("wal")) {
            (true, true) => conn.pragma_update_and_check(None, "journal_mode", "DELETE", |_| Ok(())),
            // A registry that somebody has taken off WAL stays as it is: they know their file system.
            (false, false) if schema == 0 => {
                conn.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))
            }
            _ => Ok(()),
        }
    })?;
    conn.pragma_update(None, "synchronous", "FULL")?;
    Ok(())
}

/// What every connection has, whether it writes or not.
pub(super) fn tune(conn: &Connection) -> Result<()> {
    conn.pragma_update(None, "foreign_keys", true)?;
    conn.pragma_update(None, "trusted_schema", false)?;
    conn.pragma_update(None, "cell_size_check", true)?;
    conn.pragma_update(None, "cache_size", -8_192)?;
    // What a savepoint would take back is kept in memory, not in a file: each verdict of a group has one, and its pages
    // written there were two fifths of the writer's time.
    conn.pragma_update(None, "temp_store", "MEMORY")?;
    // Else a statement that a partial index might serve is prepared anew whenever a value is bound to it: the question
    // for an earlier verdict took longer than all else of a step.
    conn.set_db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    conn.set_prepared_statement_cache_capacity(64);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn on_a_network_file_system_there_is_no_log_and_all_else_works() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("r.db");
        let mode =
            |s: &Store| s.conn.pragma_query_value(None, "journal_mode", |r| r.get::<_, String>(0)).unwrap();
        let register = |store: &mut Store, text: &str| {
            let new = crate::store::NewRevision::new(
                "p".parse().unwrap(),
                crate::core::prompt::Template::text(text),
            );
            store.register(new).unwrap().revision.seq
        };
        // One that was made elsewhere and then copied there leaves its log too.
        let mut local = Store::open_writing(&path_made(&path), false).unwrap();
        assert_eq!((mode(&local), register(&mut local, "one")), ("wal".into(), 1));
        drop(local);
        let mut store = Store::open_writing(&path, true).unwrap();
        assert_eq!((mode(&store), register(&mut store, "two")), ("delete".into(), 2));
        let mut other = Store::open_writing(&path, true).unwrap();
        assert_eq!(
            (mode(&other), register(&mut other, "three"), register(&mut store, "four")),
            ("delete".into(), 3, 4)
        );
        assert_eq!(Store::open_read_only(&path).unwrap().fsck().unwrap().faults, vec![]);
        for ending in ["-wal", "-shm"] {
            assert!(!migrate::beside(&path, ending).exists(), "{ending}");
        }
        // A new one as well.
        let new = dir.path().join("new.db");
        let mut store = Store::open_writing(&path_made(&new), true).unwrap();
        assert_eq!((mode(&store), register(&mut store, "one")), ("delete".into(), 1));
    }

    fn path_made(path: &Path) -> PathBuf {
        prepare(path).unwrap();
        path.to_owned()
    }

    #[test]
    fn file_and_folder_are_private_and_a_newer_schema_is_left_alone() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("näh e/registry.db");
        drop(Store::open(&path).unwrap());
        let mode = |p: &Path| std::fs::metadata(p).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        let conn = Connection::open(&path).unwrap();
        conn.pragma_update(None, "user_version", 99).unwrap();
        conn.close().unwrap();
        let before = std::fs::read(&path).unwrap();
        let error = Store::open(&path).err().unwrap().to_string();
        assert!(error.contains("schema 99") && error.contains("unchanged"), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), before);
    }
}
