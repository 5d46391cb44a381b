//! What does leave the registry: a text forgotten on purpose, and drafts once they are registered or dropped.
//!
//! ```text
//! forget: body -> empty, marked; raw replies quoting it -> empty; its lines out of the index; an event -> the freed
//!         pages are overwritten, the log is folded into the file and cut
//! ```

use super::body::forget_body;
use super::prompts::{log_event, now};
use super::rows::Cause;
use super::{Result, Store, StoreError, search};
use crate::core::digest::Digest;
use crate::core::prompt::PromptName;
use rusqlite::{OptionalExtension, params};
use serde_json::json;

/// A shorter text is not looked for in replies: it would stand in most of them by chance.
const QUOTABLE: usize = 8;

impl Store {
    /// Replaces a body, and raw replies and drafts quoting it, by a tombstone; how many revisions and replies were
    /// touched. Copies made before (backups, exports) still hold it.
    ///
    /// # Errors
    /// When no body has this digest, or it is forgotten already.
    pub fn forget(&mut self, digest: &Digest, cause: &Cause) -> Result<(usize, usize)> {
        let there: Option<bool> = self
            .conn
            .query_row("SELECT forgotten FROM body WHERE digest = ?1", [digest.as_bytes()], |r| r.get(0))
            .optional()?;
        if there.is_none() {
            return Err(StoreError::NotFound(format!("no text has the digest {digest}")));
        }
        let text = self.body(digest)?;
        if self.read_only.is_none() {
            // From here on SQLite overwrites what it frees.
            self.conn.pragma_update(None, "secure_delete", true)?;
        }
        let touched = self.write(|conn| {
            let revisions: i64 = conn.query_row(
                "SELECT count(*) FROM revision WHERE digest = ?1",
                [digest.as_bytes()],
                |r| r.get(0),
            )?;
            search::forget(conn, digest, &text)?;
            forget_body(conn, digest)?;
            let mut replies = 0;
            if text.len() >= QUOTABLE {
                replies = conn
                    .execute("UPDATE verdict_text SET raw = x'' WHERE instr(raw, ?1) > 0", [&text])?
                    + conn.execute("UPDATE pair_answer SET raw = x'' WHERE instr(raw, ?1) > 0", [&text])?;
                conn.execute("DELETE FROM draft WHERE instr(CAST(text AS BLOB), ?1) > 0", [&text])?;
            }
            let payload = json!({"digest": digest, "revisions": revisions, "replies": replies});
            log_event(conn, None, "forgotten", &payload, cause)?;
            Ok((usize::try_from(revisions).unwrap_or(0), replies))
        })?;
        if !self.in_group {
            // Others may be reading: then the log is cut when the last of them closes.
            let _ = self.conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        }
        Ok(touched)
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
