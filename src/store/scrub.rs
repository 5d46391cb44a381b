//! After a text was forgotten: what SQLite still keeps of it is written over.
//!
//! ```text
//! tombstone committed -> full-text segments merged (deleted words leave them) -> VACUUM (no free pages are left)
//!                     -> the WAL copied back and cut to nothing
//! ```

use super::{Result, Store, StoreError};

impl Store {
    /// Rewrites the file without free pages and empties the WAL. Needs as much free disk as the registry takes.
    ///
    /// # Errors
    /// When another process keeps reading or writing: the old pages may then still be on disk.
    pub fn scrub(&mut self) -> Result<()> {
        self.conn.execute_batch("INSERT INTO line_fts (line_fts) VALUES ('optimize'); VACUUM")?;
        let busy: i64 = self.conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |r| r.get(0))?;
        if busy == 0 { Ok(()) } else { Err(StoreError::Busy) }
    }
}
