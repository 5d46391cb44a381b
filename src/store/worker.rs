//! The thread that owns the writing connection, and its async handle.
//!
//! ```text
//! handle.write(f) --> queue --> [ BEGIN IMMEDIATE; f1; f2; ... all that waits; COMMIT ] --> answers
//! handle.read(f)  --> queue --> second connection (read only), never behind an fsync
//! ```
use super::{Result, Store};
use std::path::Path;

/// A cheap, cloneable handle to the registry's threads.
#[derive(Clone)]
pub struct Handle {}

impl Handle {
    /// Opens the registry and starts its threads.
    pub fn open(path: &Path) -> Result<Self> {
        todo!("{path:?}")
    }
    /// Runs `work` on the writing thread, grouped with all that waits; answers after the group's commit.
    pub async fn write<T: Send + 'static>(
        &self,
        _work: impl FnOnce(&mut Store) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        todo!()
    }
    /// Runs `work` on the reading thread.
    pub async fn read<T: Send + 'static>(
        &self,
        _work: impl FnOnce(&Store) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        todo!()
    }
    /// As [`Handle::write`], from a thread without a runtime.
    pub fn write_blocking<T: Send + 'static>(
        &self,
        _work: impl FnOnce(&mut Store) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        todo!()
    }
    /// As [`Handle::read`], from a thread without a runtime.
    pub fn read_blocking<T: Send + 'static>(
        &self,
        _work: impl FnOnce(&Store) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        todo!()
    }
    /// Waits until everything queued is committed, then ends both threads.
    pub fn close(self) {}
}
