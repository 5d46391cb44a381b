//! What `fsck` read and found, as data.

use serde::Serialize;
use std::collections::BTreeMap;

/// What can be done about a fault, for a surface to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Advice {
    /// A backup made before the damage takes the place of the file; or what is sound is exported and imported elsewhere.
    Restore,
    /// The same; only searching is affected.
    RestoreForSearch,
    /// The tag is set, or taken away, again.
    TagAgain,
    /// The prompt is described again.
    DescribeAgain,
    /// The label is set again where it belongs.
    LabelAgain,
    /// The protection is set, or lifted, again.
    ProtectAgain,
}

/// One fault that `fsck` found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// Table and row: `revision 12 (summarize r3)`.
    pub place: String,
    /// What is wrong.
    pub what: String,
    /// What it affects, and what can be done.
    pub advice: Advice,
}

/// Rows that differ from what was counted as they were written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Vanished {
    /// The table.
    pub table: String,
    /// The run, case set or prompt whose rows they are; empty for a whole table.
    pub of: String,
    /// How many were written.
    pub written: i64,
    /// How many are there: fewer when some were taken out, more when some were put in by hand, as many when one stands in
    /// the place of another.
    pub there: i64,
}

/// What `fsck` read and found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct FsckReport {
    /// Rows re-hashed, by table.
    pub checked: BTreeMap<String, u64>,
    /// Bodies that were forgotten on purpose.
    pub forgotten: u64,
    /// Where rows are gone, or came by another program; each is a fault as well.
    pub missing: Vec<Vanished>,
    /// Empty when all is well.
    pub faults: Vec<Fault>,
}

impl FsckReport {
    pub(super) fn fault(&mut self, place: String, what: impl Into<String>, advice: Advice) {
        self.faults.push(Fault { place, what: what.into(), advice });
    }

    pub(super) fn count(&mut self, table: &str) {
        *self.checked.entry(table.to_owned()).or_default() += 1;
    }
}

pub(super) const RESTORE: Advice = Advice::Restore;
