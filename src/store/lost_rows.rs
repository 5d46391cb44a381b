//! Rows that are gone, asked of an open registry.

use super::report::{FsckReport, Vanished};
use super::{Result, Store, tally};

impl Store {
    /// As [`tally::check`].
    pub(super) fn check_tally(&self, report: &mut FsckReport) -> Result<()> {
        tally::check(&self.conn, report)
    }

    /// A quick look whether rows are missing, by their numbers alone: nothing of them is read. What `fsck` says is more.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub fn missing_rows(&self) -> Result<Vec<Vanished>> {
        tally::missing(&self.conn)
    }
}
