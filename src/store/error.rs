//! Why the registry could not do something: what happened, and where. What to do next is data here; the command line
//! (`cli/advice.rs`) and the screens (`tui/advice.rs`) each say it in their own words.

use std::path::PathBuf;

/// The result of asking the registry.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;

/// What SQLite said, as a text; which library it is asked through is not promised.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct SqliteError(pub(super) rusqlite::Error);

/// What can be done where a file cannot be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// The reason says all.
    None,
    /// Registering makes a registry.
    MakeOne,
    /// The same, at another place.
    MakeElsewhere,
    /// Somebody should look at its place: permissions, locks, the folder.
    LookAround,
    /// Another file was meant.
    AnotherFile,
    /// What is damaged can be named, row by row.
    Check,
    /// All that is foreign in it can be named; a registry of this program, or a backup of it, should be used.
    CheckForeign,
    /// Opening it for writing takes back what was cut short.
    OpenOnce,
}

/// What there is where a selector picks nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum There {
    /// These labels.
    Labels(Vec<String>),
    /// Versions with other digests.
    Versions,
    /// Revisions from 1 up to this one.
    UpTo(u32),
}

impl std::fmt::Display for There {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self {
            Self::Labels(labels) if labels.is_empty() => f.write_str("; its labels: none"),
            Self::Labels(labels) => write!(f, "; its labels: {}", labels.join(", ")),
            Self::Versions => Ok(()),
            Self::UpTo(latest) => write!(f, "; it has r1 to r{latest}"),
        }
    }
}

/// What a protected label keeps from happening, as long as its name is not given again.
#[derive(Debug, Clone, PartialEq)]
pub enum Guarded {
    /// A move.
    Move,
    /// Lifting the protection.
    Lift,
    /// Another protection: with a gate of this margin, or by its name alone.
    Change {
        /// As it is.
        is: Option<f64>,
        /// As it should become.
        wanted: Option<f64>,
    },
    /// A prompt's name to be taken away from under it.
    Name {
        /// The prompt.
        name: String,
        /// `archive` or `rename`.
        verb: &'static str,
    },
}

impl Guarded {
    fn words(&self, label: &str) -> String {
        match self {
            Self::Move | Self::Lift => format!("{label} is protected"),
            Self::Change { is, .. } => format!("{label} is protected already, {}", Self::by(*is)),
            Self::Name { name, .. } => format!(
                "{name} carries the protected label '{label}', which nobody would find under this name any more"
            ),
        }
    }

    /// How a label is protected: `by a gate of margin 0.2`.
    pub fn by(gate: Option<f64>) -> String {
        gate.map_or_else(|| "by its name alone".to_owned(), |m| format!("by a gate of margin {m}"))
    }
}

/// `; did you mean a or b?`, or that it is archived.
fn meant(archived: bool, near: &[String]) -> String {
    match (archived, near) {
        (true, _) => "; it is archived".to_owned(),
        (false, []) => String::new(),
        (false, near) => format!("; did you mean {}?", near.join(" or ")),
    }
}

/// What kept the registry from answering.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The file cannot be opened or made.
    #[error("cannot open the registry {path}: {why}")]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system said, or what is wrong.
        why: String,
        /// What can be done.
        remedy: Remedy,
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
    #[error("no prompt is named '{name}'{}", meant(*archived, near))]
    NoPrompt {
        /// As asked.
        name: String,
        /// One of this name is archived.
        archived: bool,
        /// Live names that may have been meant, the nearest first.
        near: Vec<String>,
    },
    /// No archived prompt of this name.
    #[error("no archived prompt is named '{0}'")]
    NotArchived(String),
    /// No run of this id.
    #[error("no run has the id '{0}'")]
    NoRun(String),
    /// No case set of this name.
    #[error("no case set is named '{0}'")]
    NoCaseSet(String),
    /// The selector picks nothing.
    #[error("{name} has no revision '{selector}'{there}")]
    NoRevision {
        /// The prompt.
        name: String,
        /// As asked.
        selector: String,
        /// What there is.
        there: There,
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
    /// No place to exchange with was ever named.
    #[error("nothing was exchanged before")]
    NoPlace,
    /// Two files write under one name: this one, and a copy of it that has exchanged records.
    #[error(
        "another copy of this registry has exchanged records under this one's name, or this one is older than itself"
    )]
    Twin,
    /// The same, seen in records of others.
    #[error("two files write under the name {0}")]
    TwoWriters(String),
    /// A registry is not restored from itself.
    #[error("{} is the registry itself: name a copy of it", .0.display())]
    ItselfAsCopy(PathBuf),
    /// A review without the name of who gives it.
    #[error("a review needs the reviewer's name")]
    NoReviewer,
    /// A protected label, and nobody gave its name again.
    #[error("{}", against.words(label))]
    Protected {
        /// The label.
        label: String,
        /// What was to be done.
        against: Guarded,
    },
    /// A label that moves only when a gate has passed.
    #[error("{label} moves only after a gate of margin {margin} has passed")]
    NeedsGate {
        /// The prompt.
        name: String,
        /// The label.
        label: String,
        /// Where it stands, or stood last.
        now: u32,
        /// Where it is to stand.
        to: u32,
        /// The gate's margin.
        margin: f64,
    },
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
    #[error("the registry is damaged: {0}")]
    Damaged(String),
    /// Anything else SQLite said.
    #[error("the registry failed while {doing}: {source}")]
    Sqlite {
        /// What was being done.
        doing: &'static str,
        /// What SQLite said.
        source: SqliteError,
    },
    /// The thread that owns the registry has ended.
    #[error("the registry was closed")]
    Closed,
}

impl StoreError {
    /// Whether nothing of the name or id that was asked for is there.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::NotFound(_) | Self::NotArchived(_) | Self::NoRun(_) | Self::NoCaseSet(_))
    }

    /// The exit code of the command line: 2 for what was asked wrongly, 4 for the registry itself.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::NoPrompt { .. }
            | Self::NotArchived(_)
            | Self::NoRun(_)
            | Self::NoCaseSet(_)
            | Self::NoRevision { .. }
            | Self::Ambiguous { .. }
            | Self::NotFound(_)
            | Self::Invalid(_)
            | Self::NoReviewer
            | Self::NoPlace
            | Self::TwoWriters(_)
            | Self::ItselfAsCopy(_)
            | Self::Protected { .. }
            | Self::NeedsGate { .. } => 2,
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
            _ => Self::Sqlite { doing: "working", source: SqliteError(source) },
        }
    }
}
