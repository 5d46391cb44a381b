//! A registry may have been made by somebody else: what is in it is looked at before any of it is used.
//!
//! ```text
//! path --no file, or a companion that is none? refused--> connection -> its tables, indexes, triggers, word for word
//!      those of its schema? used : a trigger, view or index more, a table made otherwise? refused, and fsck names it
//! ```
//! SQLite runs what a file brings along: a trigger on each write, an expression of an index, a view that stands where a table
//! was and never ends. Reading the schema runs none of it. What is only missing is no danger to who reads; fsck names it.

use super::file::patiently;
use super::migrate::{self, KNOWN};
use super::{Remedy, Result, StoreError};
use rusqlite::Connection;
use std::collections::BTreeSet;
use std::path::Path;

/// All that the newest schema is made of, as [`listing`] has it, so that a start does not make it anew; a test holds it.
const NEWEST: &str = include_str!("newest_schema.txt");

/// Names of tables, indexes and triggers with their texts.
type SchemaTexts = BTreeSet<(Vec<u8>, Vec<u8>)>;

/// How a file's schema differs from what this program makes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct SchemaDifferences {
    /// Names of what is there and is not made so by this program.
    pub foreign: BTreeSet<String>,
    /// Names of what is not there.
    pub missing: BTreeSet<String>,
}

fn texts(conn: &Connection) -> rusqlite::Result<SchemaTexts> {
    // As bytes, for damaged text need not be text; with the storage classes, for equal bytes may be no text. What ANALYZE
    // keeps is read by nobody but the planner.
    let sql = "SELECT CAST(name AS BLOB), CAST(typeof(type) || typeof(name) || typeof(tbl_name) || typeof(sql) || ' ' \
        || type || ' ' || tbl_name || ' ' || coalesce(sql, '') AS BLOB) FROM sqlite_schema \
        WHERE NOT (type = 'table' AND name IN ('sqlite_stat1', 'sqlite_stat4'))";
    let mut stmt = conn.prepare(sql)?;
    stmt.query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?.collect()
}

/// Each name and text behind their lengths: no two schemas have one listing.
fn listing(texts: &SchemaTexts) -> Vec<u8> {
    let mut all = Vec::with_capacity(NEWEST.len());
    for (name, text) in texts {
        all.extend_from_slice(format!("{} {}\n", name.len(), text.len()).as_bytes());
        all.extend_from_slice(name);
        all.push(b'\n');
        all.extend_from_slice(text);
        all.push(b'\n');
    }
    all
}

/// What a file of this schema is made of, as this program makes it.
fn made(schema: u32) -> Result<SchemaTexts> {
    Ok(texts(&migrate::empty(schema)?)?)
}

/// How the file behind a connection differs from a new registry of its own schema. Nothing in it is run.
///
/// # Errors
/// When its schema cannot be read.
pub(super) fn differences(conn: &Connection) -> Result<SchemaDifferences> {
    // Version and texts of one moment: another process may be bringing it up to date.
    patiently(|| conn.execute_batch("SAVEPOINT look"))?;
    let read = patiently(|| {
        let schema: u32 = conn.pragma_query_value(None, "user_version", |r| r.get(0))?;
        Ok((schema, texts(conn)?))
    });
    conn.execute_batch("RELEASE look")?;
    let (schema, there) = read?;
    if schema > KNOWN || schema == KNOWN && listing(&there) == NEWEST.as_bytes() {
        return Ok(SchemaDifferences::default());
    }
    let right = made(schema)?;
    let name = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
    let foreign: BTreeSet<String> = there.difference(&right).map(|(n, _)| name(n)).collect();
    let missing =
        right.difference(&there).map(|(n, _)| name(n)).filter(|name| !foreign.contains(name)).collect();
    Ok(SchemaDifferences { foreign, missing })
}

/// Refuses a file with anything in it that would be run and that this program did not make.
///
/// # Errors
/// Names some of it.
pub(super) fn refuse(conn: &Connection, path: &Path) -> Result<()> {
    let foreign = differences(conn)?.foreign;
    if foreign.is_empty() {
        return Ok(());
    }
    let shown: Vec<String> =
        foreign.iter().take(3).map(|name| format!("'{}'", name.escape_debug())).collect();
    let more = foreign.len().saturating_sub(shown.len());
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let why = format!(
        "{}{more} in it is not as this program makes it (a table, an index, a view or a trigger), and would run with \
         whatever is done here",
        shown.join(", ")
    );
    Err(StoreError::Open { path: path.to_owned(), why, remedy: Remedy::CheckForeign })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_schema_is_known_word_for_word() {
        let made = listing(&made(KNOWN).unwrap());
        if std::env::var_os("UPDATE_DOCS").is_some() {
            let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store/newest_schema.txt");
            std::fs::write(file, &made).unwrap();
        }
        assert_eq!(String::from_utf8(made).unwrap(), NEWEST, "UPDATE_DOCS=1 writes it anew");
        // Where a name ends is part of it.
        let two = |name: &str, text: &str| {
            listing(&SchemaTexts::from([(name.as_bytes().to_vec(), text.as_bytes().to_vec())]))
        };
        assert_ne!(two("a\n", "b"), two("a", "\nb"));
    }

    #[test]
    fn what_is_more_or_other_is_told_from_what_is_missing() {
        for schema in 1..=KNOWN {
            let conn = migrate::empty(schema).unwrap();
            assert_eq!(differences(&conn).unwrap(), SchemaDifferences::default(), "schema {schema}");
            conn.execute_batch("DROP TRIGGER verdict_kept; ANALYZE").unwrap();
            let found = differences(&conn).unwrap();
            assert_eq!(
                (found.foreign.len(), found.missing.first().map(String::as_str)),
                (0, Some("verdict_kept"))
            );
            assert!(refuse(&conn, Path::new("r.db")).is_ok());
            conn.execute_batch(
                "CREATE TRIGGER verdict_kept AFTER INSERT ON verdict BEGIN DELETE FROM draft; END",
            )
            .unwrap();
            let found = differences(&conn).unwrap();
            assert_eq!(
                (found.foreign.first().map(String::as_str), found.missing.len()),
                (Some("verdict_kept"), 0)
            );
            let said = refuse(&conn, Path::new("r.db")).unwrap_err().to_string();
            assert!(said.contains("'verdict_kept' in it is not as"), "{said}");
        }
    }
}
