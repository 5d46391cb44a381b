//! What was found of a judge on labels that were kept from its rubric's author: each look is an event, kept for good.

use super::events::{log_event, read_event};
use super::rows::{Cause, EventInfo};
use super::{Result, Store};
use serde_json::Value;

/// The kind of these events.
const KIND: &str = "licence_opened";

impl Store {
    /// Keeps one look at the sealed labels of a criterion: `payload` says of which judge and criterion, and what was found.
    ///
    /// # Errors
    /// When the registry cannot be written.
    pub fn open_licence(&mut self, payload: &Value, cause: &Cause) -> Result<i64> {
        self.write(|conn| log_event(conn, None, KIND, payload, cause))
    }

    /// All such looks, oldest first.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub fn licence_openings(&self) -> Result<Vec<EventInfo>> {
        let mut stmt = self.conn.prepare_cached(
            "SELECT at, kind, author, reason, payload FROM event WHERE kind = ?1 ORDER BY id",
        )?;
        Ok(stmt.query_map([KIND], read_event)?.collect::<std::result::Result<_, _>>()?)
    }
}
