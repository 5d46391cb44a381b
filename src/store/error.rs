//! Why the registry could not do something, in words that say what to do next.

use std::path::PathBuf;

/// The result of asking the registry.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;

/// What kept the registry from answering.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file cannot be opened or made.
    #[error("cannot open the registry {path}: {why}")]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system said, and what to do.
        why: String,
    },
    /// Written by a newer program.
    #[error(
        "the registry {path} has schema {found}, and this assize knows up to {known}: use the newer assize that wrote it; the file is unchanged"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: u32,
        /// The newest known here.
        known: u32,
    },
    /// No prompt of this name.
    #[error("no prompt is named '{name}'{hint}")]
    NoPrompt {
        /// As asked.
        name: String,
        /// Near names, or nothing.
        hint: String,
    },
    /// The selector picks nothing.
    #[error("{name} has no revision '{selector}'{hint}")]
    NoRevision {
        /// The prompt.
        name: String,
        /// As asked.
        selector: String,
        /// What there is.
        hint: String,
    },
    /// A prefix that fits several digests.
    #[error("{name} has several versions that start with '{prefix}': {}", candidates.join(", "))]
    Ambiguous {
        /// The prompt.
        name: String,
        /// As asked.
        prefix: String,
        /// Enough digits of each to tell them apart, with its revision.
        candidates: Vec<String>,
    },
    /// Nothing of this name or id.
    #[error("{0}")]
    NotFound(String),
    /// The request cannot be meant as it stands.
    #[error("{0}")]
    Invalid(String),
    /// A compare-and-set found another value.
    #[error("{0}")]
    Conflict(String),
    /// A run's writer cannot be seen from here: whether it is there shows when its heartbeat is looked at for a while.
    #[error(
        "run {run} may still be written by {holder}, whose process cannot be seen from here; try again in a few seconds"
    )]
    Unsure {
        /// The run.
        run: String,
        /// Its writer.
        holder: String,
    },
    /// A body that was forgotten on purpose.
    #[error("the text of {0} was forgotten on purpose; its digest and history remain")]
    Forgotten(String),
    /// The registry was opened for reading only.
    #[error("the registry {path} is open for reading only: {why}")]
    ReadOnly {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// The path leads to another file than the one that is open, or to none.
    #[error(
        "the registry {path} was moved, replaced or removed, itself or its log (-wal), while it was open: what was being saved is not there; put back what belongs there, both files, or start again with what is there now"
    )]
    Moved {
        /// Where it was.
        path: PathBuf,
    },
    /// The disk is full.
    #[error(
        "the disk is full: nothing of this change was saved, all before it is; free some space and try again"
    )]
    Full,
    /// The process may not write files as large as this.
    #[error(
        "this process may not write larger files (`ulimit -f`): nothing of this change was saved, all before it is; raise the limit and try again"
    )]
    Limited,
    /// The commit of a group of changes failed.
    #[error("the change was not saved: {0}; all before it is")]
    NotSaved(String),
    /// Another process keeps the registry locked.
    #[error("the registry is busy: another process has been writing for long; try again")]
    Busy,
    /// A row does not fit its digest, or SQLite found damage.
    #[error(
        "the registry is damaged: {0}; run `assize fsck`; if it names faults, `assize restore BACKUP` puts a backup in its place"
    )]
    Damaged(String),
    /// Anything else SQLite said.
    #[error("the registry failed while {doing}: {source}")]
    Sqlite {
        /// What was being done.
        doing: &'static str,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// The thread that owns the registry has ended.
    #[error("the registry was closed")]
    Closed,
}

impl StoreError {
    /// The exit code of the command line: 2 for what was asked wrongly, 4 for the registry itself.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::NoPrompt { .. }
            | Self::NoRevision { .. }
            | Self::Ambiguous { .. }
            | Self::NotFound(_)
            | Self::Invalid(_) => 2,
            _ => 4,
        }
    }
}

impl StoreError {
    /// The same for every change of a group: the whole group shares the fate of its commit.
    pub(super) fn for_each_of_group(&self) -> Self {
        match self {
            Self::Full => Self::Full,
            Self::Limited => Self::Limited,
            Self::Busy => Self::Busy,
            Self::Moved { path } => Self::Moved { path: path.clone() },
            Self::Damaged(what) => Self::Damaged(what.clone()),
            other => Self::NotSaved(other.to_string()),
        }
    }
}

/// Whether there was no room for the file in which connections share what they know of the log: SQLite calls that an
/// error of input and output.
pub(super) fn has_no_room(e: &rusqlite::Error) -> bool {
    e.sqlite_error().is_some_and(|e| e.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE)
}

/// Whether the system refused to write.
fn is_refused_write(e: &rusqlite::Error) -> bool {
    e.sqlite_error().is_some_and(|e| e.extended_code == rusqlite::ffi::SQLITE_IOERR_WRITE)
}

/// Whether this process has a limit on the size of files, which SQLite cannot tell from a broken disk.
fn has_size_limit() -> bool {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let soft = limits.lines().find_map(|line| line.strip_prefix("Max file size")?.split_whitespace().next());
    soft.is_some_and(|soft| soft != "unlimited")
}

impl From<rusqlite::Error> for StoreError {
    fn from(source: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode::{DatabaseBusy, DatabaseCorrupt, DatabaseLocked, DiskFull, NotADatabase};
        match source.sqlite_error_code() {
            Some(DiskFull) => Self::Full,
            _ if has_no_room(&source) => Self::Full,
            _ if is_refused_write(&source) && has_size_limit() => Self::Limited,
            Some(DatabaseBusy | DatabaseLocked) => Self::Busy,
            Some(DatabaseCorrupt | NotADatabase) => Self::Damaged(source.to_string()),
            _ => Self::Sqlite { doing: "working", source },
        }
    }
}
