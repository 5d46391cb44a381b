//! What does leave the registry: a text forgotten on purpose, and drafts once they are registered or dropped.
//!
//! ```text
//! forget       the body of a digest -> empty, marked; what quotes the whole of it, as below
//! forget_text  a secret -> every body that holds it: empty, marked; in all other texts a mark stands in its place:
//!              replies, explanations, evidence, comments, messages, plans of runs ... (forget/rows.rs), drafts go
//! both         its lines out of the index; an event -> the freed pages are overwritten, the log is folded into the file
//!              and cut -> looked for once more, in all tables, the file and the log: what is left is told
//! ```

mod rows;

use super::body::forget_body;
use super::events::log_event;
use super::rows::Cause;
use super::time::now;
use super::{Result, Store, StoreError, search, shared_file, tally};
use crate::core::digest::Digest;
use crate::core::prompt::PromptName;
use crate::core::redact;
use rows::ForgottenRows;
use rusqlite::config::DbConfig;
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, OptionalExtension, params, params_from_iter};
use serde_json::json;
use std::io::Write;
use std::path::{Path, PathBuf};

/// A shorter text is not looked for: it would stand in most places by chance.
pub const QUOTABLE: usize = 8;

/// What stands where a forgotten text stood.
const MARK: &str = "[forgotten]";

/// What was forgotten, and what could not be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// Texts by digest: of prompts, responses, cases.
    pub bodies: usize,
    /// Revisions that had one of them.
    pub revisions: usize,
    /// Raw replies that quoted it.
    pub replies: usize,
    /// Rows (explanations, comments, messages, plans ...) in which a mark stands in its place now.
    pub texts: usize,
    /// Drafts that held it, gone.
    pub drafts: usize,
    /// Where it still is, and why; nothing when it is gone.
    pub unreached: Vec<String>,
    /// Files beside the registry that may hold it: copies are not looked into.
    pub copies: Vec<PathBuf>,
}

/// What is looked for.
pub(super) struct Secret<'a> {
    text: &'a str,
    /// A reply that holds it is emptied; the digest of how it came stays.
    empties: bool,
}

/// What a reply becomes.
pub(super) struct ReplyFate {
    bytes: Vec<u8>,
    /// Its digest, where it is a new one.
    digest: Option<Digest>,
}

impl Secret<'_> {
    fn is_in(&self, bytes: &[u8]) -> bool {
        redact::holds(bytes, self.text)
    }

    /// The text without it; `None` where it is not in it.
    fn out_of(&self, text: &str) -> Option<String> {
        let blanked = || redact::blank(text.as_bytes().to_vec(), self.text, MARK);
        self.is_in(text.as_bytes()).then(|| String::from_utf8_lossy(&blanked()).into_owned())
    }

    fn out_of_reply(&self, raw: &[u8]) -> Option<ReplyFate> {
        if !self.is_in(raw) {
            return None;
        }
        if self.empties {
            return Some(ReplyFate { bytes: Vec::new(), digest: None });
        }
        let bytes = redact::blank(raw.to_vec(), self.text, MARK);
        Some(ReplyFate { digest: Some(Digest::of(&bytes)), bytes })
    }
}

impl Store {
    /// Replaces a body by a tombstone, and what quotes the whole of it (replies, explanations, drafts ...). Of a body that
    /// is forgotten already, what could not be reached then is done. Copies made before (backups, exports) still hold it.
    ///
    /// # Errors
    /// When no body has this digest, or the registry cannot be written.
    pub fn forget(&mut self, digest: &Digest, cause: &Cause) -> Result<Forgotten> {
        let there: Option<bool> = self
            .conn
            .query_row("SELECT forgotten FROM body WHERE digest = ?1", [digest.as_bytes()], |r| r.get(0))
            .optional()?;
        match there {
            None => return Err(StoreError::NotFound(format!("no text has the digest {digest}"))),
            Some(true) => {
                self.overwrite_freed()?;
                let mut done = Forgotten::default();
                self.clean(None, &mut done)?;
                return Ok(done);
            }
            Some(false) => {}
        }
        let body = self.body(digest)?;
        let text = String::from_utf8(body).ok().filter(|text| text.len() >= QUOTABLE);
        let secret = text.as_deref().map(|text| Secret { text, empties: true });
        self.forget_all(&[*digest], secret.as_ref(), cause)
    }

    /// Forgets a text wherever it stands, in any spelling that JSON, an address or HTML has for it.
    ///
    /// # Errors
    /// When it is shorter than [`QUOTABLE`] bytes, or the registry cannot be written.
    pub fn forget_text(&mut self, text: &str, cause: &Cause) -> Result<Forgotten> {
        let secret = Secret { text: searchable(text)?, empties: false };
        let bodies = self.bodies_with(&secret)?;
        self.forget_all(&bodies, Some(&secret), cause)
    }

    /// How many texts, by digest, hold a text: what [`Store::forget_text`] would make tombstones of.
    ///
    /// # Errors
    /// As [`Store::forget_text`].
    pub fn holding(&self, text: &str) -> Result<usize> {
        Ok(self.bodies_with(&Secret { text: searchable(text)?, empties: false })?.len())
    }

    fn bodies_with(&self, secret: &Secret) -> Result<Vec<Digest>> {
        let mut digests: Vec<Digest> = Vec::new();
        self.each("SELECT digest FROM body WHERE forgotten = 0 ORDER BY id", |r| {
            digests.extend(Digest::from_bytes(&r.get::<_, Vec<u8>>(0)?));
            Ok(())
        })?;
        let mut found = Vec::new();
        for digest in digests {
            if secret.is_in(&self.body(&digest)?) {
                found.push(digest);
            }
        }
        Ok(found)
    }

    /// From here on SQLite overwrites what it frees.
    pub(super) fn overwrite_freed(&self) -> Result<()> {
        if self.read_only.is_none() {
            self.conn.pragma_update(None, "secure_delete", true)?;
        }
        Ok(())
    }

    fn forget_all(&mut self, bodies: &[Digest], secret: Option<&Secret>, cause: &Cause) -> Result<Forgotten> {
        let mut texts = Vec::new();
        for digest in bodies {
            texts.push((*digest, self.body(digest)?));
        }
        self.overwrite_freed()?;
        // What may not change otherwise is changed here; see rows.rs.
        self.conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
        let done = self.write(|conn| forget_in(conn, &texts, secret, cause));
        self.conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, true)?;
        let mut done = done?;
        self.clean(secret, &mut done)?;
        Ok(done)
    }

    /// Folds the log into the file and cuts it, then looks for what is left.
    fn clean(&mut self, secret: Option<&Secret>, done: &mut Forgotten) -> Result<()> {
        if let Some(secret) = secret {
            self.still_in_tables(secret, done)?;
        }
        if self.in_group || self.is_in_memory() {
            return Ok(());
        }
        let log = super::migrate::beside(&self.path, "-wal");
        let mut cut = self.cut_log()?;
        if cut
            && let Some(secret) = secret
            && stands_in(&self.path, secret)
        {
            // Pages that were freed before, and never overwritten: a file that is written anew has none.
            self.conn.execute_batch("VACUUM")?;
            cut = self.cut_log()?;
        }
        if !cut {
            done.unreached.push(format!(
                "the log {} still holds what was there: another process is reading the registry (a screen, a pager); \
                 end it, then give the same `assize forget` again",
                log.display()
            ));
        } else if let Some(secret) = secret {
            for file in [&self.path, &log] {
                if stands_in(file, secret) {
                    done.unreached.push(format!("{}: it still stands in its bytes", file.display()));
                }
            }
        }
        done.copies = super::leftovers::copies(&self.path);
        Ok(())
    }

    /// Whether nothing of the log is left; readers are waited for as long as for any lock.
    pub(super) fn cut_log(&self) -> Result<bool> {
        let busy = self.conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |r| r.get::<_, bool>(0));
        match busy {
            Ok(busy) => Ok(!busy),
            Err(e) if e.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy) => Ok(false),
            Err(e) => Err(e.into()),
        }
    }

    /// Looks into every column of every table; what an index made of it is not readable as such.
    fn still_in_tables(&self, secret: &Secret, done: &mut Forgotten) -> Result<()> {
        let mut tables: Vec<String> = Vec::new();
        self.each(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND sql NOT LIKE 'CREATE VIRTUAL%'",
            |r| {
                tables.push(r.get(0)?);
                Ok(())
            },
        )?;
        for table in tables {
            let mut statement =
                self.conn.prepare(&format!("SELECT * FROM \"{}\"", table.replace('"', "\"\"")))?;
            let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
            let mut counts = vec![0_usize; columns.len()];
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                for (at, count) in counts.iter_mut().enumerate() {
                    if let ValueRef::Text(bytes) | ValueRef::Blob(bytes) = row.get_ref(at)? {
                        *count += usize::from(secret.is_in(bytes));
                    }
                }
            }
            for (column, count) in columns.iter().zip(counts).filter(|(_, count)| *count > 0) {
                done.unreached.push(format!(
                    "{count} rows of {table}.{column}: a name, an id or settings, which other rows rest on"
                ));
            }
        }
        Ok(())
    }

    /// Keeps an edit that was not registered; its id.
    ///
    /// # Errors
    /// When the registry cannot be written.
    pub fn save_draft(&mut self, prompt: &PromptName, base: Option<u32>, text: &str) -> Result<i64> {
        self.write(|conn| {
            conn.execute("DELETE FROM draft WHERE prompt = ?1", [prompt.as_str()])?;
            conn.execute(
                "INSERT INTO draft (prompt, base_seq, text, at) VALUES (?1, ?2, ?3, ?4)",
                params![prompt.as_str(), base, text, now()],
            )?;
            Ok(conn.last_insert_rowid())
        })
    }

    /// The newest kept edit of a prompt: id, base revision, text.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub fn draft(&self, prompt: &PromptName) -> Result<Option<(i64, Option<u32>, String)>> {
        Ok(self
            .conn
            .query_row(
                "SELECT id, base_seq, text FROM draft WHERE prompt = ?1 ORDER BY id DESC LIMIT 1",
                [prompt.as_str()],
                |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)),
            )
            .optional()?)
    }

    /// Drops a kept edit.
    ///
    /// # Errors
    /// When the registry cannot be written.
    pub fn drop_draft(&mut self, id: i64) -> Result<()> {
        self.write(|conn| Ok(conn.execute("DELETE FROM draft WHERE id = ?1", [id]).map(|_| ())?))
    }
}

fn searchable(text: &str) -> Result<&str> {
    let text = text.trim_end_matches(['\n', '\r']);
    if text.len() < QUOTABLE {
        return Err(StoreError::Invalid(format!(
            "a text of less than {QUOTABLE} bytes stands in many places by chance; give more of it"
        )));
    }
    Ok(text)
}

/// Leaves tombstones where somebody elsewhere left them; the event that says so is here already.
pub(super) fn forget_bodies(conn: &Connection, bodies: &[(Digest, Vec<u8>)]) -> Result<()> {
    for (digest, text) in bodies {
        search::forget(conn, digest, text)?;
        forget_body(conn, digest)?;
        if let Some(text) = std::str::from_utf8(text).ok().filter(|text| text.len() >= QUOTABLE) {
            rows::blank_all(conn, &Secret { text, empties: true })?;
        }
    }
    tally::rechain(conn, &tally::Unsound::new())?;
    Ok(())
}

fn forget_in(
    conn: &Connection,
    bodies: &[(Digest, Vec<u8>)],
    secret: Option<&Secret>,
    cause: &Cause,
) -> Result<Forgotten> {
    let mut revisions = Vec::new();
    for (digest, text) in bodies {
        let count: i64 =
            conn.query_row("SELECT count(*) FROM revision WHERE digest = ?1", [digest.as_bytes()], |r| {
                r.get(0)
            })?;
        search::forget(conn, digest, text)?;
        forget_body(conn, digest)?;
        revisions.push(count);
    }
    let (mut done, mut drafts) = (ForgottenRows::default(), 0);
    if let Some(secret) = secret {
        let unsound = tally::unsound(conn)?;
        done = rows::blank_all(conn, secret)?;
        tally::rechain(conn, &unsound)?;
        drafts = drop_rows(conn, "draft", &["id"], &["prompt", "text"], secret)?;
        drop_rows(conn, "capability", &["base_url", "model"], &["base_url", "model", "json"], secret)?;
        for (table, key, column) in [("prompt", "id", "description"), ("run_state", "run_id", "reason")] {
            done.texts += blank_column(conn, table, key, column, secret)?;
        }
    }
    for ((digest, _), revisions) in bodies.iter().zip(&revisions) {
        let payload = json!({"digest": digest, "revisions": revisions, "replies": done.replies});
        log_event(conn, None, "forgotten", &payload, cause)?;
    }
    if bodies.is_empty() && done.texts + done.replies + drafts > 0 {
        let payload = json!({"texts": done.texts, "replies": done.replies, "drafts": drafts});
        log_event(conn, None, "forgotten", &payload, cause)?;
    }
    Ok(Forgotten {
        bodies: bodies.len(),
        revisions: revisions.iter().map(|n| usize::try_from(*n).unwrap_or(0)).sum(),
        replies: done.replies,
        texts: done.texts,
        drafts,
        unreached: done.left,
        copies: Vec::new(),
    })
}

/// Removes the rows of a table that nothing rests on; how many.
fn drop_rows(conn: &Connection, table: &str, key: &[&str], texts: &[&str], secret: &Secret) -> Result<usize> {
    let mut keys: Vec<Vec<Value>> = Vec::new();
    let mut statement =
        conn.prepare(&format!("SELECT {}, {} FROM {table}", key.join(", "), texts.join(", ")))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let holds = |at| row.get_ref(at).is_ok_and(|v| v.as_bytes().is_ok_and(|b| secret.is_in(b)));
        if (key.len()..key.len() + texts.len()).any(holds) {
            keys.push((0..key.len()).map(|at| row.get(at)).collect::<rusqlite::Result<_>>()?);
        }
    }
    let fits: Vec<String> =
        key.iter().enumerate().map(|(n, column)| format!("{column} = ?{}", n + 1)).collect();
    for values in &keys {
        conn.execute(&format!("DELETE FROM {table} WHERE {}", fits.join(" AND ")), params_from_iter(values))?;
    }
    Ok(keys.len())
}

/// Blanks a column that no digest covers; of how many rows.
fn blank_column(conn: &Connection, table: &str, key: &str, column: &str, secret: &Secret) -> Result<usize> {
    let mut found: Vec<(Value, String)> = Vec::new();
    let mut statement = conn.prepare(&format!("SELECT {key}, {column} FROM {table}"))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        if let Some(clean) = row.get::<_, Option<String>>(1)?.and_then(|text| secret.out_of(&text)) {
            found.push((row.get(0)?, clean));
        }
    }
    for (id, clean) in &found {
        conn.execute(&format!("UPDATE {table} SET {column} = ?2 WHERE {key} = ?1"), params![id, clean])?;
    }
    Ok(found.len())
}

/// Looks for the exact bytes in what is written to it.
struct Looking<'a> {
    wanted: &'a [u8],
    kept: Vec<u8>,
    found: bool,
}

impl Write for Looking<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.kept.extend_from_slice(bytes);
        let at = |first: &u8| self.wanted.first() == Some(first);
        let mut rest = self.kept.as_slice();
        while let Some(next) = rest.iter().position(at) {
            rest = rest.get(next..).unwrap_or_default();
            if rest.starts_with(self.wanted) {
                self.found = true;
            }
            rest = rest.get(1..).unwrap_or_default();
        }
        // A text may lie across two pieces.
        let done = self.kept.len().saturating_sub(self.wanted.len());
        self.kept.drain(..done);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Whether a file holds the exact bytes. One that cannot be read is told of by whoever opens it.
fn stands_in(file: &Path, secret: &Secret) -> bool {
    let mut looking = Looking { wanted: secret.text.as_bytes(), kept: Vec::new(), found: false };
    shared_file::copy(file, &mut looking).is_ok() && looking.found
}
