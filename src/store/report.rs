//! What `fsck` read and found, as data.

use serde::Serialize;
use std::collections::BTreeMap;

/// One fault that `fsck` found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// Table and row: `revision 12 (summarize r3)`.
    pub place: String,
    /// What is wrong.
    pub what: String,
    /// What it affects and what to do.
    pub advice: String,
}

/// What `fsck` read and found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct FsckReport {
    /// Rows re-hashed, by table.
    pub checked: BTreeMap<String, u64>,
    /// Bodies that were forgotten on purpose.
    pub forgotten: u64,
    /// Where rows are gone, or came by another program; each is a fault as well.
    pub missing: Vec<super::Vanished>,
    /// Empty when all is well.
    pub faults: Vec<Fault>,
}

impl FsckReport {
    pub(super) fn fault(&mut self, place: String, what: impl Into<String>, advice: &str) {
        self.faults.push(Fault { place, what: what.into(), advice: advice.into() });
    }

    pub(super) fn count(&mut self, table: &str) {
        *self.checked.entry(table.to_owned()).or_default() += 1;
    }
}

pub(super) const RESTORE: &str = "`assize restore BACKUP` puts a backup made before the damage in its place and keeps this file; or export what is sound, or a backup, and import it into a new registry";
