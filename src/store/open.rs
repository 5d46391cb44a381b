//! Opening a registry: pragmas, permissions, schema, and the one way to write.
use super::Result;
use std::path::{Path, PathBuf};

/// An open registry: one connection.
pub struct Store {
    pub(super) conn: rusqlite::Connection,
    pub(super) path: PathBuf,
    pub(super) read_only: Option<String>,
    /// Inside a group of the worker: writes are savepoints of one transaction.
    pub(super) in_group: bool,
}

impl Store {
    /// Opens the registry for writing; makes file (0600) and folder (0700) when missing, migrates an older schema with a backup first.
    pub fn open(path: &Path) -> Result<Self> {
        todo!("{path:?}")
    }
    /// Opens an existing registry for reading only; nothing on disk changes.
    pub fn open_read_only(path: &Path) -> Result<Self> {
        todo!("{path:?}")
    }
    /// A registry in memory, for tests and one-off evaluations.
    pub fn in_memory() -> Result<Self> {
        todo!()
    }
    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }
    /// Why it cannot be written, when it cannot.
    pub fn read_only(&self) -> Option<&str> {
        self.read_only.as_deref()
    }
    /// Changes when another connection wrote.
    pub fn data_version(&self) -> Result<i64> {
        todo!()
    }
    /// A body's exact bytes.
    pub fn body(&self, _digest: &crate::core::digest::Digest) -> Result<Vec<u8>> {
        todo!()
    }
    /// A body that is text.
    pub fn text(&self, _digest: &crate::core::digest::Digest) -> Result<String> {
        todo!()
    }
    /// Runs `work` in one IMMEDIATE transaction (or a savepoint, inside a group of the worker); all or nothing.
    pub(super) fn write<T>(&mut self, _work: impl FnOnce(&rusqlite::Connection) -> Result<T>) -> Result<T> {
        todo!()
    }
}
