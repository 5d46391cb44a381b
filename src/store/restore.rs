//! Putting a copy in the registry's place. Nothing is deleted: what was there is moved aside, with its log.
//!
//! ```text
//! copy -> pages into FILE.restoring, on disk -> fsck of that very file -> nobody else has the registry open?
//!      -> its log is moved aside, a second name keeps it -> FILE.restoring takes its name -> the folder on disk
//! ```
//! A copy laid over a registry by hand meets the log of the one before, which SQLite then applies to it.

use super::fsck::copy_to;
use super::inspect::{companions, fsck_file, reader_of};
use super::migrate::beside;
use super::open::{make_folder, sync_folder};
use super::rows::FsckReport;
use super::{Result, StoreError};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What was done.
#[derive(Debug)]
pub struct Restored {
    /// The registry's file.
    pub registry: PathBuf,
    /// Where the one before is now; `None` when there was none.
    pub former: Option<PathBuf>,
    /// What the check of the copy found.
    pub report: FsckReport,
}

/// Puts `copy` in the place of the registry.
///
/// # Errors
/// When the copy is no sound registry, another process has the registry open, or the disk refuses; then nothing changed.
pub fn restore(registry: &Path, copy: &Path) -> Result<Restored> {
    // A link to the registry stays a link: what it leads to is replaced.
    let registry = registry.canonicalize().unwrap_or_else(|_| registry.to_owned());
    if copy.canonicalize().is_ok_and(|c| c == registry) {
        return Err(StoreError::Invalid(format!(
            "{} is the registry itself: name a copy of it, as `assize backup FILE` makes one",
            copy.display()
        )));
    }
    make_folder(&registry)?;
    let ready = beside(&registry, ".restoring");
    // What a restore that was killed left.
    for left in companions(&ready).iter().chain([&ready]) {
        let _ = std::fs::remove_file(left);
    }
    let done = prepare(copy, &ready).and_then(|report| {
        let alone = alone(&registry)?;
        let former = put_in_place(&registry, &ready)?;
        drop(alone);
        Ok(Restored { registry: registry.clone(), former, report })
    });
    if done.is_err() {
        let _ = std::fs::remove_file(&ready);
    }
    done
}

/// Copies page by page, with what a log beside the copy holds, and checks what will be the registry.
fn prepare(copy: &Path, ready: &Path) -> Result<FsckReport> {
    let refused = |why: String| {
        StoreError::Invalid(format!("{} cannot be restored: {why}; nothing was changed", copy.display()))
    };
    let conn = reader_of(copy).map_err(|e| match e {
        StoreError::Damaged(why) => refused(why),
        other => refused(other.to_string()),
    })?;
    copy_to(&conn, ready).map_err(refused)?;
    let report = fsck_file(ready)?;
    match report.faults.as_slice() {
        [] => Ok(report),
        [first, rest @ ..] => Err(refused(format!(
            "it is damaged itself ({}: {}; {} more faults)",
            first.place,
            first.what,
            rest.len()
        ))),
    }
}

/// Makes sure that nobody else has the registry open, as far as can be seen, and keeps others out while this is held.
fn alone(registry: &Path) -> Result<Option<Connection>> {
    let taken = |who: String| {
        StoreError::Conflict(format!(
            "another process has the registry open ({who}): end it, then restore; nothing was changed"
        ))
    };
    if let Some(holder) = holders(registry).first() {
        return Err(taken(holder.clone()));
    }
    if !registry.exists() || super::migrate::has_journal(registry) {
        return Ok(None);
    }
    match lock(registry).map_err(StoreError::from) {
        Ok(conn) => Ok(Some(conn)),
        Err(StoreError::Busy) => Err(taken("it holds a lock".to_owned())),
        // What is damaged cannot be locked by this way; the look at the open files has to do.
        Err(_) => Ok(None),
    }
}

/// An exclusive lock that changes nothing: not even a log that does not belong to the file is applied when it ends.
fn lock(registry: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(registry, flags)?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    conn.busy_timeout(Duration::from_secs(1))?;
    conn.execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE")?;
    Ok(conn)
}

/// Other processes of this user that have the file or its log open, where the system tells (Linux).
fn holders(registry: &Path) -> Vec<String> {
    use std::os::unix::fs::MetadataExt;
    let files: Vec<(u64, u64)> = std::iter::once(registry.to_owned())
        .chain(companions(registry))
        .filter_map(|path| path.metadata().ok())
        .map(|about| (about.dev(), about.ino()))
        .collect();
    let own = std::process::id().to_string();
    let Ok(processes) = std::fs::read_dir("/proc") else { return Vec::new() };
    processes
        .flatten()
        .filter_map(|process| {
            let pid = process.file_name().into_string().ok()?;
            if pid == own || !pid.bytes().all(|b| b.is_ascii_digit()) {
                return None;
            }
            let open = std::fs::read_dir(process.path().join("fd")).ok()?.flatten();
            let holds = |fd: std::fs::DirEntry| {
                std::fs::metadata(fd.path()).is_ok_and(|m| files.contains(&(m.dev(), m.ino())))
            };
            open.into_iter().any(holds).then(|| {
                let name = std::fs::read_to_string(process.path().join("comm")).unwrap_or_default();
                format!("process {pid}, {}", name.trim())
            })
        })
        .collect()
}

/// Moves what is there aside and gives the new file its name; where the former one is now. A step that fails takes back
/// those before it.
fn put_in_place(registry: &Path, ready: &Path) -> Result<Option<PathBuf>> {
    let aside = free_name(registry);
    let mut moved = Vec::new();
    let mut steps = || -> std::io::Result<bool> {
        // The log first: the file without its log is at least a registry, a new file with the log of another is none.
        for (from, to) in companions(registry).into_iter().zip(companions(&aside)) {
            if from.symlink_metadata().is_ok() {
                std::fs::rename(&from, &to)?;
                moved.push((from, to));
            }
        }
        let there = registry.symlink_metadata().is_ok();
        // A second name, so that there is a registry at every moment; where a file has only one, it is moved.
        if there && std::fs::hard_link(registry, &aside).is_err() {
            std::fs::rename(registry, &aside)?;
            moved.push((registry.to_owned(), aside.clone()));
        }
        if let Err(e) = std::fs::rename(ready, registry) {
            if there && registry.exists() {
                let _ = std::fs::remove_file(&aside);
            }
            return Err(e);
        }
        Ok(there)
    };
    let done = steps();
    sync_folder(registry.parent());
    match done {
        Ok(there) => Ok((there || !moved.is_empty()).then_some(aside)),
        Err(e) => {
            for (from, to) in moved.into_iter().rev() {
                let _ = std::fs::rename(to, from);
            }
            Err(StoreError::Open {
                path: registry.to_owned(),
                why: format!("it cannot be replaced: {e}; nothing was changed"),
            })
        }
    }
}

/// A name beside the registry that nothing has yet.
fn free_name(registry: &Path) -> PathBuf {
    let stamp: String =
        super::prompts::now().chars().take(19).filter(|c| c.is_ascii_alphanumeric()).collect();
    let name = |n: u32| match n {
        1 => beside(registry, &format!(".before-{stamp}")),
        n => beside(registry, &format!(".before-{stamp}-{n}")),
    };
    let free = |path: &PathBuf| {
        std::iter::once(path.clone()).chain(companions(path)).all(|p| p.symlink_metadata().is_err())
    };
    (1..1000).map(name).find(free).unwrap_or_else(|| name(1000))
}
