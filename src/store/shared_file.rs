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

use std::fs::{File, Metadata, OpenOptions, Permissions};
use std::io::{Error, ErrorKind, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// The files that are open for a look: each is held here, and by those who look.
static SEEN: Mutex<Vec<Arc<File>>> = Mutex::new(Vec::new());

/// A file open for reading, the same for all who look at it: to be held for as long as a connection to it is open, and
/// from before that on.
pub(super) struct SharedFile(Option<Arc<File>>);

impl SharedFile {
    /// Which file is looked at, whatever its path leads to now.
    pub(super) fn identity(&self) -> Option<(u64, u64)> {
        self.0.as_ref().and_then(|file| file.metadata().ok()).map(|about| id(&about))
    }
}

impl Drop for SharedFile {
    /// The last one closes the file, while nobody else can begin to look at it.
    fn drop(&mut self) {
        let mut seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
        self.0 = None;
        seen.retain(|file| Arc::strong_count(file) > 1);
    }
}

/// Which file it is.
fn id(about: &Metadata) -> (u64, u64) {
    (about.dev(), about.ino())
}

/// Which file a path leads to.
pub(super) fn identity(path: &Path) -> Option<(u64, u64)> {
    path.metadata().ok().map(|about| id(&about))
}

/// Looks at a file.
///
/// # Errors
/// When it is none, or cannot be opened.
pub(super) fn look(path: &Path) -> std::io::Result<SharedFile> {
    let about = path.metadata()?;
    if !about.is_file() {
        return Err(Error::new(ErrorKind::InvalidInput, "it is no file"));
    }
    let mut seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
    let known = seen.iter().find(|file| file.metadata().is_ok_and(|of| id(&of) == id(&about)));
    if let Some(file) = known {
        return Ok(SharedFile(Some(Arc::clone(file))));
    }
    let file = Arc::new(File::open(path)?);
    seen.push(Arc::clone(&file));
    Ok(SharedFile(Some(file)))
}

/// Makes a file that is not there yet.
///
/// # Errors
/// When it is there, or cannot be made.
pub(super) fn make(path: &Path, mode: u32) -> std::io::Result<SharedFile> {
    let mut seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
    let made = OpenOptions::new().read(true).write(true).create_new(true).mode(mode).open(path)?;
    // Whatever the umask.
    made.set_permissions(Permissions::from_mode(mode))?;
    let file = Arc::new(made);
    seen.push(Arc::clone(&file));
    Ok(SharedFile(Some(file)))
}

/// Fills `bytes` from the file's beginning.
///
/// # Errors
/// When the file cannot be read, or is shorter.
pub(super) fn beginning(path: &Path, bytes: &mut [u8]) -> std::io::Result<()> {
    let look = look(path)?;
    look.0.as_ref().map_or_else(|| Err(ErrorKind::NotFound.into()), |file| file.read_exact_at(bytes, 0))
}

/// Copies all bytes of a file into another.
///
/// # Errors
/// When one cannot be read, or the other written.
pub(super) fn copy(from: &Path, to: &mut impl Write) -> std::io::Result<()> {
    let look = look(from)?;
    let Some(file) = look.0.as_ref() else { return Err(ErrorKind::NotFound.into()) };
    let (mut at, mut bytes) = (0_u64, vec![0; 1 << 20]);
    loop {
        match file.read_at(&mut bytes, at) {
            Ok(0) => return Ok(()),
            Ok(read) => {
                to.write_all(bytes.get(..read).unwrap_or_default())?;
                at += read as u64;
            }
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
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
pub(super) fn can_write(path: &Path) -> bool {
    use rustix::fs::{Access, AtFlags, CWD, accessat};
    accessat(CWD, path, Access::WRITE_OK, AtFlags::EACCESS).is_ok()
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
        crate::store::offline_check::fsck_file(&path).unwrap();
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
        assert!(Arc::ptr_eq(held.0.as_ref().unwrap(), look(&path).unwrap().0.as_ref().unwrap()));
        assert_eq!(bytes().unwrap(), *b"first");
        std::fs::write(&other, "other").unwrap();
        std::fs::rename(&other, &path).unwrap();
        assert_eq!(bytes().unwrap(), *b"other");
        drop(held);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(bytes().unwrap_err().kind(), ErrorKind::NotFound);
        std::fs::write(&path, "last").unwrap();
        assert_eq!(bytes().unwrap_err().kind(), ErrorKind::UnexpectedEof);
        assert!(can_read(&path).is_ok() && can_write(&path) && can_read(dir.path()).is_err());
        let registry = dir.path().join("r.db");
        drop((Store::open(&registry).unwrap(), Store::open(&registry).unwrap()));
        let here = dir.path().canonicalize().unwrap();
        let open = std::fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
        assert_eq!(open.filter(|fd| fd.path().read_link().is_ok_and(|to| to.starts_with(&here))).count(), 0);
    }
}
