//! Putting a copy in the registry's place. Nothing is lost: what was there is kept whole, with its log.
//!
//! ```text
//! copy -> FILE.restoring, on disk -> fsck of that very file -> nobody else has FILE open, and nobody can from here on
//!                                                                                    killed or failed here:
//! 1  FILE -> FILE.before-STAMP.part, its log -> FILE.before-STAMP-wal, on disk       FILE and its log are as they were
//! 2  .part -> FILE.before-STAMP                                                      the same, and a whole copy beside
//! 3  SQLite brings the log into FILE; the log away                                   FILE is whole without a log
//! 4  FILE.restoring -> FILE, one rename; the folder on disk                          done
//! ```
//! So a log is never beside a file that it does not belong to, never taken from one that needs it, and no file has two names.
//! A file that SQLite cannot read has no use for its log: the pair is kept by 2, and 3 only takes the log away. What a killed
//! restore left (`.restoring`, `.part`) the next one removes; `fsck` and `doctor` name it. Who waited at FILE for the lock
//! meanwhile finds another file there, and is refused (`Store::write`).
//! A copy laid over a registry by hand meets the log of the one before, which SQLite then applies to it.

use super::file::copy_to;
use super::file::{make_folder, sync_folder};
use super::migrate::{beside, has_journal};
use super::offline_check::{companions, fsck_file, reader_of};
use super::rows::FsckReport;
use super::{Remedy, Result, StoreError, leftovers, shared_file};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use std::fmt::Display;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
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
/// When the copy is no sound registry, another process has the registry open, or the disk refuses; then the registry holds
/// what it held.
pub fn restore(registry: &Path, copy: &Path) -> Result<Restored> {
    restore_by(&mut Disk, registry, copy)
}

fn restore_by(steps: &mut dyn Steps, registry: &Path, copy: &Path) -> Result<Restored> {
    // A link to the registry stays a link: what it leads to is replaced.
    let registry = registry.canonicalize().unwrap_or_else(|_| registry.to_owned());
    if copy.canonicalize().is_ok_and(|c| c == registry) {
        return Err(StoreError::ItselfAsCopy(copy.to_owned()));
    }
    make_folder(&registry)?;
    let _only = only_restore(&registry)?;
    let ready = beside(&registry, ".restoring");
    for left in leftovers::of_restores(&registry) {
        steps.remove(&left).map_err(|e| cannot(&registry, &e))?;
    }
    let done = prepare(steps, copy, &ready).and_then(|report| {
        // Held until the lock is gone: to close a file gives up the locks on it.
        let seen = shared_file::look(&registry).ok();
        let held = alone(&registry)?;
        let former = put_in_place(steps, &registry, &ready, held)?;
        drop(seen);
        Ok(Restored { registry: registry.clone(), former, report })
    });
    if done.is_err() {
        let _ = steps.remove(&ready);
    }
    done
}

/// Keeps a second restore out: each would take what the other prepares for a killed one's. It ends with the process.
fn only_restore(registry: &Path) -> Result<Option<std::fs::File>> {
    let folder = registry.parent().filter(|f| !f.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let Ok(folder) = std::fs::File::open(folder) else { return Ok(None) };
    match folder.try_lock() {
        Err(std::fs::TryLockError::WouldBlock) => Err(StoreError::Conflict(
            "another restore is at work in this folder: wait for its end; nothing was changed".to_owned(),
        )),
        // Some file systems have no such locks.
        _ => Ok(Some(folder)),
    }
}

/// What is done to files, step by step, so that a test can stop after each.
trait Steps {
    /// Copies a file to a new one, which is on disk then.
    fn copy(&mut self, from: &Path, to: &Path) -> io::Result<()>;
    /// Gives a file another name.
    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file, if it is there.
    fn remove(&mut self, path: &Path) -> io::Result<()>;
    /// Brings names in a folder onto the disk.
    fn sync(&mut self, folder: Option<&Path>) -> io::Result<()>;
    /// Copies a database into a new file, which is on disk then.
    fn copy_database(&mut self, from: &Connection, to: &Path) -> Result<(), String>;
    /// Has SQLite bring the log into the file.
    fn settle(&mut self, registry: &Connection) -> Result<()>;
}

/// The steps as they are.
struct Disk;

impl Steps for Disk {
    fn copy(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let mut new = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(to)?;
        shared_file::copy(from, &mut new)?;
        new.sync_all()
    }

    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn remove(&mut self, path: &Path) -> io::Result<()> {
        match std::fs::remove_file(path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }

    fn sync(&mut self, folder: Option<&Path>) -> io::Result<()> {
        sync_folder(folder);
        Ok(())
    }

    fn copy_database(&mut self, from: &Connection, to: &Path) -> Result<(), String> {
        copy_to(from, to)
    }

    fn settle(&mut self, registry: &Connection) -> Result<()> {
        registry.pragma_update(None, "synchronous", "FULL")?;
        let busy: bool = registry.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |r| r.get(0))?;
        if busy { Err(StoreError::Busy) } else { Ok(()) }
    }
}

/// Copies page by page, with what a log beside the copy holds, and checks what will be the registry.
fn prepare(steps: &mut dyn Steps, copy: &Path, ready: &Path) -> Result<FsckReport> {
    let refused = |why: String| {
        StoreError::Invalid(format!("{} cannot be restored: {why}; nothing was changed", copy.display()))
    };
    let conn = reader_of(copy).map_err(|e| match e {
        StoreError::Damaged(why) => refused(why),
        other => refused(other.to_string()),
    })?;
    steps.copy_database(&conn, ready).map_err(refused)?;
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
/// `None` where there is nothing to lock: no file, none that SQLite can read, or one that it would change by looking at it.
fn alone(registry: &Path) -> Result<Option<Connection>> {
    if let Some(holder) = holders(registry).first() {
        return Err(taken(holder));
    }
    // Beside an empty file SQLite deletes a log; a journal it puts back.
    let empty = registry.metadata().is_ok_and(|m| m.len() == 0);
    if registry.symlink_metadata().is_err() || empty || has_journal(registry) {
        return Ok(None);
    }
    lock_if_readable(registry)
}

fn taken(who: &str) -> StoreError {
    StoreError::Conflict(format!(
        "another process has the registry open ({who}): end it, then restore; nothing was changed"
    ))
}

/// `None` when it is damaged so that SQLite cannot read it: nobody else can then, either.
fn lock_if_readable(registry: &Path) -> Result<Option<Connection>> {
    match lock(registry).map_err(StoreError::from) {
        Ok(conn) => Ok(Some(conn)),
        Err(StoreError::Busy) => Err(taken("it holds a lock")),
        Err(StoreError::Damaged(_)) => Ok(None),
        Err(e) => Err(cannot(registry, &format!("it cannot be locked: {e}"))),
    }
}

fn cannot(registry: &Path, why: &dyn Display) -> StoreError {
    StoreError::Open {
        path: registry.to_owned(),
        why: format!("it cannot be replaced: {why}; nothing was changed"),
        remedy: Remedy::None,
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

/// Keeps what is there and gives the new file its name; where the former one is now. A step that fails leaves the registry
/// with all it held.
fn put_in_place(
    steps: &mut dyn Steps,
    registry: &Path,
    ready: &Path,
    held: Option<Connection>,
) -> Result<Option<PathBuf>> {
    // The check of it may have left a log, of nothing; with more than that it is not the file that was checked.
    for left in companions(ready) {
        if left.metadata().is_ok_and(|m| m.len() > 0)
            && !left.as_os_str().as_encoded_bytes().ends_with(b"-shm")
        {
            return Err(cannot(registry, &format!("{} is in the way", left.display())));
        }
        steps.remove(&left).map_err(|e| cannot(registry, &e))?;
    }
    let former = keep(steps, registry)?;
    let kept = |e: &dyn Display| StoreError::Open {
        path: registry.to_owned(),
        why: match &former {
            Some(former) => format!(
                "it cannot be replaced: {e}; it holds all it held, and {} is a copy of it with its log as it was",
                former.display()
            ),
            None => format!("it cannot be made: {e}; nothing was changed"),
        },
        remedy: Remedy::None,
    };
    // What has a journal beside it was not to be looked at before it was kept.
    let held = match held {
        None if has_journal(registry) => lock_if_readable(registry)?,
        held => held,
    };
    if let Some(conn) = &held {
        match conn.execute_batch("COMMIT").map_err(StoreError::from).and_then(|()| steps.settle(conn)) {
            // It was kept with its log; by itself it cannot be read to the end, so that nobody misses the rest.
            Ok(()) | Err(StoreError::Damaged(_)) => {}
            Err(e) => return Err(kept(&e)),
        }
    }
    let mut place = || -> io::Result<()> {
        for left in companions(registry) {
            steps.remove(&left)?;
        }
        steps.rename(ready, registry)?;
        steps.sync(registry.parent())
    };
    place().map_err(|e| kept(&e))?;
    drop(held);
    Ok(former)
}

/// Keeps what is there, byte by byte, under a name that it gets when it is whole.
fn keep(steps: &mut dyn Steps, registry: &Path) -> Result<Option<PathBuf>> {
    let [log, _, journal] = companions(registry);
    let is_there = |path: &Path| path.symlink_metadata().is_ok();
    let there = is_there(registry);
    if !there && !is_there(&log) && !is_there(&journal) {
        return Ok(None);
    }
    let former = free_name(registry);
    let [former_log, _, former_journal] = companions(&former);
    let part = beside(&former, leftovers::PART);
    let mut all = || -> io::Result<()> {
        if there {
            steps.copy(registry, &part)?;
        }
        for (from, to) in [(&log, &former_log), (&journal, &former_journal)] {
            if from.metadata().is_ok_and(|m| m.len() > 0) {
                steps.copy(from, to)?;
            }
        }
        steps.sync(registry.parent())?;
        if there {
            steps.rename(&part, &former)?;
        }
        steps.sync(registry.parent())
    };
    if let Err(e) = all() {
        for left in [&former_log, &former_journal, &part, &former] {
            let _ = steps.remove(left);
        }
        let advice =
            "a registry that cannot be read to the end can be moved away by hand, together with its log";
        return Err(cannot(registry, &format!("a copy of it cannot be kept: {e} ({advice})")));
    }
    Ok(Some(former))
}

/// A name beside the registry that nothing has yet.
fn free_name(registry: &Path) -> PathBuf {
    let stamp: String = super::time::now().chars().take(19).filter(|c| c.is_ascii_alphanumeric()).collect();
    let name = |n: u32| match n {
        1 => beside(registry, &format!(".before-{stamp}")),
        n => beside(registry, &format!(".before-{stamp}-{n}")),
    };
    let free = |path: &PathBuf| {
        let names = [path.clone(), beside(path, leftovers::PART)];
        names.into_iter().chain(companions(path)).all(|p| p.symlink_metadata().is_err())
    };
    (1..1000).map(name).find(free).unwrap_or_else(|| name(1000))
}

#[cfg(test)]
mod tests;
