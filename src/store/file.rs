//! The file under a registry: which file system it lies on, who may write it, copies of it, and waiting for its locks.

use super::{Remedy, Result, StoreError, shared_file};
use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long a write waits for another process before it says so.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
/// How long SQLite itself waits for a lock before each of our attempts ends.
pub(super) const BUSY: Duration = Duration::from_secs(5);
/// The path that stands for no file.
pub(super) const IN_MEMORY: &str = ":memory:";

/// Repeats what another process's lock refused, for a while: SQLite's own timeout does not cover every case.
pub(super) fn patiently<T>(mut work: impl FnMut() -> rusqlite::Result<T>) -> Result<T> {
    let start = Instant::now();
    let mut pause = Duration::from_millis(1);
    loop {
        match work() {
            Ok(value) => return Ok(value),
            Err(e) => match StoreError::from(e) {
                StoreError::Busy if start.elapsed() < PATIENCE => {
                    tracing::debug!(
                        waited_ms = start.elapsed().as_millis() as u64,
                        "another process holds the registry"
                    );
                    std::thread::sleep(pause);
                    pause = (pause * 2).min(Duration::from_millis(100));
                }
                other => return Err(other),
            },
        }
    }
}

/// Makes the file's folder (0700, whatever the umask) when it is missing; the folder.
pub(super) fn make_folder(path: &Path) -> Result<Option<&Path>> {
    use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
    let folder = path.parent().filter(|f| !f.as_os_str().is_empty());
    if let Some(folder) = folder.filter(|f| !f.exists()) {
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
        // A umask may have taken more than group and others.
        made.and_then(|()| std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700)))
            .map_err(|e| cannot_open(path, &e))?;
        sync_folder(folder.parent());
    }
    Ok(folder)
}

/// Makes a new name in a folder outlive a power cut; where a folder cannot be synced, nothing is lost but that.
pub(super) fn sync_folder(folder: Option<&Path>) {
    let folder = folder.filter(|f| !f.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if let Ok(handle) = std::fs::File::open(folder) {
        let _ = handle.sync_all();
    }
}

pub(super) fn is_write_protected(path: &Path) -> bool {
    !shared_file::can_write(path)
        || path.parent().is_some_and(|f| {
            std::fs::metadata(if f.as_os_str().is_empty() { Path::new(".") } else { f })
                .is_ok_and(|m| m.permissions().readonly())
        })
}

/// File systems that other machines share (the host of a virtual machine is one), whose processes see no common memory:
/// the index of a WAL is such memory.
pub(super) const SHARED: &[&str] = &[
    "9p", "afs", "beegfs", "ceph", "cifs", "gfs2", "gpfs", "lustre", "ncpfs", "nfs", "nfs4", "ocfs2",
    "prl_fs", "pvfs2", "smb3", "smbfs", "vboxsf", "virtiofs", "vmhgfs",
];

/// Whether the file lies on a network file system, where a WAL is not safe.
pub fn on_network(path: &Path) -> bool {
    let Ok(mounts) = std::fs::read_to_string("/proc/self/mountinfo") else { return false };
    file_system(&mounts, &real_path(path)).is_some_and(|kind| is_shared(&kind))
}

pub(super) fn is_shared(kind: &str) -> bool {
    SHARED.contains(&kind) || kind.starts_with("fuse")
}

/// Where the file really lies: a link, of the file or of a folder above it, may lead to another file system.
pub(super) fn real_path(path: &Path) -> PathBuf {
    let absolute = || std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    path.canonicalize()
        .ok()
        .or_else(|| {
            let whole = absolute();
            Some(whole.parent()?.canonicalize().ok()?.join(whole.file_name()?))
        })
        .unwrap_or_else(absolute)
}

/// The kind of file system a path lies on, by the longest mount point that is its prefix.
pub fn file_system(mountinfo: &str, path: &Path) -> Option<String> {
    mountinfo
        .lines()
        .filter_map(|line| {
            let (left, right) = line.split_once(" - ")?;
            let point = unescaped(left.split(' ').nth(4)?);
            let kind = right.split(' ').next()?;
            path.starts_with(&point).then(|| (point.len(), kind.to_owned()))
        })
        .max_by_key(|(length, _)| *length)
        .map(|(_, kind)| kind)
}

/// A mount point as the kernel writes it: blanks, tabs, line ends and backslashes as `\\040` and the like.
pub(super) fn unescaped(point: &str) -> String {
    [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")]
        .iter()
        .fold(point.to_owned(), |text, (code, sign)| text.replace(code, sign))
}

pub(super) const EXISTS: &str = "it exists already; choose another name";

/// Gives a file a name that no other has, where the system can look and act in one step; else in two.
pub(super) fn rename_to_new(from: &Path, to: &Path) -> Result<(), String> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    use rustix::io::Errno;
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(()),
        Err(Errno::EXIST) => Err(EXISTS.to_owned()),
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) if to.symlink_metadata().is_err() => {
            std::fs::rename(from, to).map_err(|e| e.to_string())
        }
        Err(e) => Err(e.to_string()),
    }
}

/// Copies a whole database into a new file (0600), which is on disk when this returns; a copy that failed is removed.
pub(super) fn copy_to(from: &Connection, to: &Path) -> Result<(), String> {
    use std::os::unix::fs::OpenOptionsExt;
    let file =
        std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(to).map_err(|e| match e
            .kind()
        {
            std::io::ErrorKind::AlreadyExists => EXISTS.to_owned(),
            _ => e.to_string(),
        })?;
    let pages = || copy_pages(from, &mut Connection::open(to).map_err(|e| e.to_string())?);
    let copied = pages().and_then(|()| file.sync_all().map_err(|e| e.to_string()));
    if copied.is_err() {
        let _ = std::fs::remove_file(to);
    }
    sync_folder(to.parent());
    copied
}

/// Copies all pages into another database.
pub(super) fn copy_pages(from: &Connection, to: &mut Connection) -> Result<(), String> {
    let backup = Backup::new(from, to).map_err(|e| e.to_string())?;
    // All pages in one step: what others write meanwhile would make a copy in parts begin again and again.
    let start = std::time::Instant::now();
    loop {
        match backup.step(-1).map_err(|e| e.to_string())? {
            StepResult::Done => return Ok(()),
            _ if start.elapsed() > std::time::Duration::from_secs(30) => {
                return Err(StoreError::Busy.to_string());
            }
            _ => std::thread::sleep(std::time::Duration::from_millis(10)),
        }
    }
}

pub(super) fn cannot_open(path: &Path, e: &dyn std::fmt::Display) -> StoreError {
    StoreError::Open { path: path.to_owned(), why: e.to_string(), remedy: Remedy::LookAround }
}

/// Refuses a file that has, or may have, a second name: SQLite keeps the newest changes in a log beside the name it was
/// opened by, and those who open it by another neither see that log nor know that it is in use.
pub(super) fn one_name(path: &Path) -> Result<()> {
    match second_name(path) {
        Some(why) => Err(StoreError::Open { path: path.to_owned(), why, remedy: Remedy::None }),
        None => Ok(()),
    }
}

/// In which way a file has a second name, and what to do about it.
pub(super) fn second_name(path: &Path) -> Option<String> {
    use std::os::unix::fs::MetadataExt;
    let lost = "of what is written under two names of one file, half is lost";
    let links = path.metadata().ok().filter(|m| m.is_file())?.nlink();
    if links > 1 {
        let find = "`find FOLDER -samefile FILE` finds the other: remove it, or use a symbolic link instead";
        return Some(format!("the file has {links} names (hard links), and {lost}; {find}"));
    }
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    is_mount_point(&mounts, &real_path(path)).then(|| {
        format!("the file alone is mounted here, without the folder it is in, and {lost}; mount the folder instead")
    })
}

/// Whether something is mounted at exactly this path.
fn is_mount_point(mountinfo: &str, path: &Path) -> bool {
    mountinfo
        .lines()
        .any(|line| line.split(' ').nth(4).is_some_and(|point| Path::new(&unescaped(point)) == path))
}

/// A file beside the registry: its whole name with an ending.
pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// Refuses what is there and is no file, or has something beside it in the place of its log that is none: a pipe waits for
/// somebody to write into it, and a device never ends.
///
/// # Errors
/// Says which.
pub(super) fn refuse_no_file(path: &Path) -> Result<()> {
    let open = |why: String, remedy| Err(StoreError::Open { path: path.to_owned(), why, remedy });
    if path.metadata().is_ok_and(|about| !about.is_file()) {
        return open("it is no file".to_owned(), Remedy::AnotherFile);
    }
    for ending in ["-wal", "-shm", "-journal"] {
        if beside(path, ending).metadata().is_ok_and(|about| !about.is_file()) {
            let why = format!(
                "what lies beside it as {ending} is no file: SQLite keeps its log there; move it away"
            );
            return open(why, Remedy::None);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_mount_decides() {
        let mounts =
            "22 1 254:0 / / rw - ext4 /dev/vda rw\n30 22 0:40 / /home/a\\040b rw - nfs4 host:/x rw\n";
        assert_eq!(file_system(mounts, Path::new("/home/a b/r.db")).as_deref(), Some("nfs4"));
        assert_eq!(file_system(mounts, Path::new("/home/r.db")).as_deref(), Some("ext4"));
    }

    #[test]
    fn only_a_mount_of_the_very_file_is_one() {
        let mounts = "22 1 254:0 / / rw - ext4 /dev/vda rw\n30 22 254:0 /r.db /home/a\\040b/r.db rw - ext4 x rw\n\
            31 22 254:0 /d /folder rw - ext4 x rw\n";
        assert!(is_mount_point(mounts, Path::new("/home/a b/r.db")));
        for not in ["/home/a b/r.db-wal", "/home/a b", "/folder/r.db", "/r.db"] {
            assert!(!is_mount_point(mounts, Path::new(not)), "{not}");
        }
    }

    #[test]
    fn a_link_does_not_hide_the_file_system() {
        let dir = tempfile::tempdir().unwrap();
        let real = dir.path().canonicalize().unwrap().join("share");
        std::fs::create_dir(&real).unwrap();
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&real, &link).unwrap();
        std::fs::write(real.join("there.db"), "").unwrap();
        std::os::unix::fs::symlink(real.join("there.db"), dir.path().join("file.db")).unwrap();
        for path in [link.join("there.db"), dir.path().join("file.db")] {
            assert_eq!(real_path(&path), real.join("there.db"));
        }
        assert_eq!(real_path(&link.join("new.db")), real.join("new.db"));
        let mounts =
            format!("22 1 0:1 / / rw - ext4 x rw\n30 22 0:2 / {} rw - lustre x rw\n", real.display());
        assert_eq!(file_system(&mounts, &real_path(&link.join("new.db"))).as_deref(), Some("lustre"));
        for (kind, shared) in
            [("lustre", true), ("fuse.sshfs", true), ("virtiofs", true), ("vboxsf", true), ("ext4", false)]
        {
            assert_eq!(is_shared(kind), shared, "{kind}");
        }
    }
}
