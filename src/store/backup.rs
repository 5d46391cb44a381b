//! A copy of the registry beside the life of it.

use super::file::{EXISTS, copy_to, rename_to_new, sync_folder};
use super::{Result, Store, StoreError};
use std::path::Path;

impl Store {
    /// A consistent copy, also while others write.
    ///
    /// # Errors
    /// When the file exists already, or cannot be written.
    pub fn backup(&self, to: &Path) -> Result<()> {
        let cannot = |why: &dyn std::fmt::Display| {
            StoreError::Invalid(format!("cannot write the backup {}: {why}", to.display()))
        };
        if to.symlink_metadata().is_ok() {
            return Err(cannot(&EXISTS));
        }
        // It gets its name when it is whole: half a copy is no backup.
        let part = super::migrate::beside(to, ".unfinished");
        if part.symlink_metadata().is_ok() {
            let why = "is left of a backup that was cut short, or one is at work: remove it, or choose another name";
            return Err(cannot(&format!("{} {why}", part.display())));
        }
        copy_to(&self.conn, &part).map_err(|why| cannot(&why))?;
        if let Err(e) = rename_to_new(&part, to) {
            let _ = std::fs::remove_file(&part);
            return Err(cannot(&e));
        }
        sync_folder(to.parent());
        Ok(())
    }
}
