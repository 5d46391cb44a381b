//! Reading the texts that are kept.

use super::body::{StoredBody, stored_at};
use super::{Result, Store, StoreError};
use crate::core::digest::Digest;
use rusqlite::OptionalExtension;

impl Store {
    /// A body's exact bytes.
    ///
    /// # Errors
    /// When it is not there, or was forgotten.
    pub fn body(&self, digest: &Digest) -> Result<Vec<u8>> {
        let row: Option<(StoredBody, bool)> = self
            .conn
            .prepare_cached("SELECT bytes, unpacked, forgotten FROM body WHERE digest = ?1")?
            .query_row([digest.as_bytes()], |r| Ok((stored_at(r, 0)?, r.get(2)?)))
            .optional()?;
        let damaged = |what: &str| StoreError::Damaged(format!("the body {}: {what}", digest.short()));
        match row {
            Some((_, true)) => Err(StoreError::Forgotten(digest.short())),
            Some((stored, false)) => stored.text().map_err(damaged),
            None => Err(damaged("it is missing")),
        }
    }

    /// A body that is text.
    ///
    /// # Errors
    /// As [`Store::body`], or when it is not UTF-8.
    pub fn text(&self, digest: &Digest) -> Result<String> {
        String::from_utf8(self.body(digest)?)
            .map_err(|_| StoreError::Damaged(format!("the body {} is not UTF-8", digest.short())))
    }
}
