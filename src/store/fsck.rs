//! Checking every stored byte against its digest; backups.
use super::*;
use std::path::Path;

impl Store {
    /// Re-hashes all bodies and rows, walks the chains, compares projections with events. Repairs nothing.
    pub fn fsck(&self) -> Result<FsckReport> {
        todo!()
    }
    /// A consistent copy, also while others write; refuses to overwrite.
    pub fn backup(&self, _to: &Path) -> Result<()> {
        todo!()
    }
}
