//! A look at a registry's file without SQLite, and without harm to SQLite's locks.
//!
//! ```text
//! path -> is it open here already? the same descriptor : opened -> bytes
//!                                                            \-> held by each Store of the file, closed after the last of them
//! ```
//! To close a file gives up every POSIX lock the process holds on it, whichever descriptor took it. The lock that SQLite
//! holds for as long as a registry is open tells other processes that it is in use: without it, one of an SQLite older than
//! 3.51 takes itself for the last one when it closes, and deletes the log that we go on writing to. So nothing closes a
//! registry's file but the last of its connections.

use std::fs::{File, Metadata};
use std::io::{Error, ErrorKind};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// The files that are open for a look.
static SEEN: Mutex<Vec<Weak<File>>> = Mutex::new(Vec::new());

/// A file open for reading, the same for all who look at it: to be held for as long as a connection to it is open, and
/// from before that on.
///
/// # Errors
/// When it cannot be opened.
pub(super) fn look(path: &Path) -> std::io::Result<Arc<File>> {
    let id = |about: Metadata| (about.dev(), about.ino());
    let wanted = id(path.metadata()?);
    let mut seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
    seen.retain(|file| file.strong_count() > 0);
    let is_it = |file: &Arc<File>| file.metadata().is_ok_and(|about| id(about) == wanted);
    if let Some(file) = seen.iter().filter_map(Weak::upgrade).find(is_it) {
        return Ok(file);
    }
    let file = Arc::new(File::open(path)?);
    seen.push(Arc::downgrade(&file));
    Ok(file)
}

/// Fills `bytes` from the file's beginning.
///
/// # Errors
/// When the file cannot be read, or is shorter.
pub(super) fn beginning(path: &Path, bytes: &mut [u8]) -> std::io::Result<()> {
    look(path)?.read_exact_at(bytes, 0)
}

/// Whether the file can be opened for reading.
///
/// # Errors
/// The system's, when it cannot.
pub(super) fn can_read(path: &Path) -> std::io::Result<()> {
    match beginning(path, &mut [0]) {
        Err(e) if e.kind() == ErrorKind::UnexpectedEof => Ok(()),
        other => other,
    }
}

/// Whether the file may be written, as far as its permissions and its file system tell.
pub(super) fn can_write(path: &Path) -> std::io::Result<()> {
    rustix::fs::access(path, rustix::fs::Access::WRITE_OK).map_err(Error::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;

    /// What other processes see of this one's locks on a file: the lines of `/proc/locks` with its number.
    fn locks(path: &Path) -> Option<usize> {
        let (all, inode) = (std::fs::read_to_string("/proc/locks").ok()?, path.metadata().ok()?.ino());
        let own = std::process::id().to_string();
        let mine = |line: &&str| {
            let words: Vec<&str> = line.split_whitespace().collect();
            words.contains(&own.as_str()) && words.iter().any(|w| w.ends_with(&format!(":{inode}")))
        };
        Some(all.lines().filter(mine).count())
    }

    #[test]
    fn other_processes_see_that_the_registry_is_in_use_however_often_it_is_looked_at() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("r.db");
        let store = Store::open(&path).unwrap();
        let Some(before) = locks(&path) else {
            eprintln!("SKIPPED: this system does not tell of locks");
            return;
        };
        assert_eq!(before, 1, "SQLite holds one for as long as it is open");
        drop((Store::open(&path).unwrap(), Store::open_read_only(&path).unwrap()));
        let handle = crate::store::Handle::open(&path).unwrap();
        assert_eq!(locks(&path), Some(1));
        handle.close();
        crate::store::inspect::fsck_file(&path).unwrap();
        assert_eq!(locks(&path), Some(1));
        // What the look takes care of: with a plain one the lock is gone.
        drop(File::open(&path).unwrap());
        assert_eq!(locks(&path), Some(0));
        drop(store);
    }

    #[test]
    fn another_file_in_the_same_place_is_looked_at_anew_and_what_nobody_has_open_is_closed() {
        let dir = tempfile::tempdir().unwrap();
        let (path, other) = (dir.path().join("a"), dir.path().join("b"));
        std::fs::write(&path, "first").unwrap();
        let bytes = || {
            let mut bytes = [0; 5];
            beginning(&path, &mut bytes).map(|()| bytes)
        };
        let held = look(&path).unwrap();
        assert!(Arc::ptr_eq(&held, &look(&path).unwrap()));
        assert_eq!(bytes().unwrap(), *b"first");
        std::fs::write(&other, "other").unwrap();
        std::fs::rename(&other, &path).unwrap();
        assert_eq!(bytes().unwrap(), *b"other");
        drop(held);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(bytes().unwrap_err().kind(), ErrorKind::NotFound);
        std::fs::write(&path, "last").unwrap();
        assert_eq!(bytes().unwrap_err().kind(), ErrorKind::UnexpectedEof);
        assert!(can_read(&path).is_ok() && can_write(&path).is_ok() && can_read(dir.path()).is_err());
        let registry = dir.path().join("r.db");
        drop((Store::open(&registry).unwrap(), Store::open(&registry).unwrap()));
        let here = dir.path().canonicalize().unwrap();
        let open = std::fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
        assert_eq!(open.filter(|fd| fd.path().read_link().is_ok_and(|to| to.starts_with(&here))).count(), 0);
    }
}
