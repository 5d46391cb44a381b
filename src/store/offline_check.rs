//! Looking at a file without changing a byte of it: for `fsck`, and for a copy that is to be restored.
//!
//! ```text
//! file -> a write cut short beside it? -> its beginning readable? -> a connection that cannot write -> older schema, or a search
//!         index of another kind? the same in memory, brought up to date -> Store -> fsck
//! ```
//! The ordinary way in takes back a write that was cut short and brings an older schema up to date: right for work, wrong
//! for a file of which nobody knows yet whether it is sound.

use super::error::has_no_room;
use super::file::BUSY;
use super::file::copy_pages;
use super::migrate::{self, beside};
use super::open::{check_sqlite, is_denied, reader, tune};
use super::report::RESTORE;
use super::rows::FsckReport;
use super::{Remedy, Result, Store, StoreError, search, shared_file};
use rusqlite::{Connection, OpenFlags};
use std::path::Path;

/// Checks a file as [`Store::fsck`] does, changing nothing. A beginning that cannot be read is a fault in the report: all
/// that says what the file is, and where its tables are, stands there.
///
/// # Errors
/// When the file cannot be opened, is another program's, has a newer schema, or a write to it was cut short.
pub fn fsck_file(path: &Path) -> Result<FsckReport> {
    match reader_of(path).and_then(|conn| checkable(conn, path)) {
        Ok(store) => store.hold_view()?.fsck(),
        Err(StoreError::Damaged(why)) => {
            let mut report = FsckReport::default();
            let what = format!(
                "its beginning is damaged ({why}), without which nothing in it can be read, or it is no registry at all"
            );
            report.fault("file".to_owned(), what, RESTORE);
            Ok(report)
        }
        Err(other) => Err(other),
    }
}

/// A connection that only reads, to a file that is a registry as far as its beginning tells.
pub(super) fn reader_of(path: &Path) -> Result<Connection> {
    check_sqlite()?;
    let cannot =
        |why: &str| StoreError::Open { path: path.to_owned(), why: why.to_owned(), remedy: Remedy::None };
    super::file::refuse_no_file(path)?;
    match path.metadata() {
        Err(e) => return Err(cannot(&e.to_string())),
        Ok(about) if about.len() == 0 => return Err(cannot("it is empty")),
        Ok(_) => {}
    }
    if migrate::has_journal(path) {
        let why = "a write to it was cut short, and the journal beside it still holds the state before";
        let remedy = Remedy::OpenOnce;
        return Err(StoreError::Open { path: path.to_owned(), why: why.to_owned(), remedy });
    }
    shared_file::can_read(path).map_err(|e| cannot(&e.to_string()))?;
    if !migrate::has_header(path) {
        return Err(StoreError::Damaged("it does not begin as an SQLite file does".to_owned()));
    }
    migrate::refuse_foreign(path)?;
    if beside(path, "-wal").metadata().is_ok_and(|log| log.len() > 0) {
        return Ok(reader(path)?.0);
    }
    // Without a log to apply, a connection that may write changes nothing as long as it writes nothing, and takes away
    // again what SQLite puts beside the file; one that only reads leaves it there.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let tidy = Connection::open_with_flags(path, flags).and_then(|conn| {
        conn.busy_timeout(BUSY)?;
        conn.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
        Ok(conn)
    });
    match tidy {
        Ok(conn) => Ok(conn),
        Err(e) if is_denied(&e) || has_no_room(&e) => Ok(reader(path)?.0),
        Err(e) => Err(e.into()),
    }
}

/// As a store; of an older schema a copy in memory, brought up to date there.
fn checkable(conn: Connection, path: &Path) -> Result<Store> {
    tune(&conn)?;
    let schema: u32 = conn.pragma_query_value(None, "user_version", |r| r.get(0))?;
    // One made by somebody else is not brought up to date: that would run what it brings along.
    let known = schema == migrate::KNOWN && !search::is_old(&conn)
        || !super::foreign_schema::differences(&conn)?.foreign.is_empty();
    let conn = if known { conn } else { in_memory(&conn)? };
    tune(&conn)?;
    Ok(Store::around(conn, path, Some("it is only looked at".to_owned())))
}

fn in_memory(from: &Connection) -> Result<Connection> {
    let mut conn = Connection::open_in_memory()?;
    let size: i64 = from.pragma_query_value(None, "page_size", |r| r.get(0))?;
    conn.pragma_update(None, "page_size", size)?;
    copy_pages(from, &mut conn).map_err(StoreError::Damaged)?;
    migrate::migrate(&mut conn, Path::new(super::file::IN_MEMORY))?;
    Ok(conn)
}

/// What is beside a registry and belongs to it: its log, the log's index, the journal.
pub(super) fn companions(path: &Path) -> [std::path::PathBuf; 3] {
    ["-wal", "-shm", "-journal"].map(|ending| beside(path, ending))
}
