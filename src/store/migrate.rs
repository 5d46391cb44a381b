//! The ladder of schemas: append-only, one transaction, a backup first, a newer schema refused untouched.

use super::open::patiently;
use super::{Result, StoreError};
use rusqlite::{Connection, OpenFlags};
use std::path::Path;

/// Each step's SQL; its place (from 1) is the schema it makes.
const STEPS: &[&str] = &[include_str!("../../assets/migrations/0001_registry.sql")];

/// The newest schema known here.
pub const KNOWN: u32 = STEPS.len() as u32;

/// Reads the schema's number out of the file's header, without SQLite and so without touching anything.
fn header_version(path: &Path) -> Option<u32> {
    use std::io::Read;
    let mut header = [0_u8; 100];
    std::fs::File::open(path).ok()?.read_exact(&mut header).ok()?;
    let bytes: [u8; 4] = header.get(60..64)?.try_into().ok()?;
    header.starts_with(b"SQLite format 3\0").then(|| u32::from_be_bytes(bytes))
}

/// Refuses a file whose schema is newer than this program, or that is no SQLite file at all.
pub fn refuse_newer(path: &Path) -> Result<()> {
    let mut found = header_version(path);
    let wal = path.with_file_name(format!("{}-wal", path.file_name().unwrap_or_default().to_string_lossy()));
    if wal.metadata().is_ok_and(|m| m.len() > 0) {
        // The header may be older than the log beside it.
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        if let Ok(conn) = Connection::open_with_flags(path, flags) {
            found = conn.pragma_query_value(None, "user_version", |r| r.get(0)).ok().or(found);
        }
    }
    match found {
        Some(found) if found > KNOWN => Err(StoreError::Newer { path: path.to_owned(), found, known: KNOWN }),
        None if path.metadata().is_ok_and(|m| m.len() > 0) => Err(StoreError::Open {
            path: path.to_owned(),
            why: "it is not an assize registry (no SQLite file); choose another with --registry".into(),
        }),
        _ => Ok(()),
    }
}

/// Brings the schema up to date. The version is read inside the write transaction, so that several processes
/// may open a new file at once.
pub fn migrate(conn: &mut Connection, path: &Path) -> Result<()> {
    let present: u32 = patiently(|| conn.pragma_query_value(None, "user_version", |r| r.get(0)))?;
    if present == KNOWN {
        return Ok(());
    }
    if present > 0 && present < KNOWN {
        let copy = path.with_extension(format!("before-schema-{KNOWN}.db"));
        if !copy.exists() {
            conn.backup("main", &copy, None::<fn(rusqlite::backup::Progress)>)?;
        }
    }
    patiently(|| conn.execute_batch("BEGIN IMMEDIATE"))?;
    let done = climb(conn, path);
    conn.execute_batch(if done.is_ok() { "COMMIT" } else { "ROLLBACK" })?;
    done
}

fn climb(conn: &Connection, path: &Path) -> Result<()> {
    let present: u32 = conn.pragma_query_value(None, "user_version", |r| r.get(0))?;
    if present > KNOWN {
        return Err(StoreError::Newer { path: path.to_owned(), found: present, known: KNOWN });
    }
    for step in STEPS.iter().skip(present as usize) {
        conn.execute_batch(step)?;
    }
    conn.pragma_update(None, "user_version", KNOWN)?;
    Ok(())
}
