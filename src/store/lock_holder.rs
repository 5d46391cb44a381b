//! Who holds the write lock: another process, for which it is worth to wait, or this one itself.
//!
//! A lock that could not be given back (the call for it failed) is held by its own process for as long as that has the
//! registry open. Asking the system for the holder by way of the file would be no help: closing the file again gives
//! away every lock this process has on it. Linux lists all locks in `/proc/locks`.

use super::offline_check::companions;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Whether another process holds a lock that keeps others from writing. Where nothing tells, it is taken for granted.
pub(super) fn held_by_another(registry: &Path) -> bool {
    let Ok(locks) = std::fs::read_to_string("/proc/locks") else { return true };
    let [log, index, _] = companions(registry);
    let files: Vec<u64> = [registry, log.as_path(), index.as_path()]
        .iter()
        .filter_map(|path| path.metadata().ok())
        .map(|about| about.ino())
        .collect();
    locks.lines().any(|line| is_of_another(line, &files, std::process::id()))
}

/// A line such as `5: POSIX  ADVISORY  WRITE 27015 00:1b:1256112 120 120`; one with an arrow only waits. Locks of other
/// containers may not be told here: then nothing waits for longer than any write. Devices are not compared: some file
/// systems tell another one here, and to take a lock on a strange file for one on ours does no more than wait.
fn is_of_another(line: &str, files: &[u64], own: u32) -> bool {
    let mut words = line.split_whitespace().skip(1);
    let mut next = || words.next().unwrap_or_default();
    let (kind, _, mode, pid, file) = (next(), next(), next(), next(), next());
    let inode = file.rsplit(':').next().and_then(|n| n.parse::<u64>().ok());
    kind != "->" && mode == "WRITE" && pid != own.to_string() && inode.is_some_and(|n| files.contains(&n))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_write_lock_of_another_process_on_these_files_counts() {
        let held = |line: &str| is_of_another(line, &[1_256_112, 9], 27_015);
        assert!(held("5: POSIX  ADVISORY  WRITE 27016 00:1b:1256112 120 120"));
        assert!(held("5: OFDLCK ADVISORY  WRITE -1 00:1b:9 0 EOF"));
        for not in [
            "5: POSIX  ADVISORY  WRITE 27015 00:1b:1256112 120 120",
            "5: POSIX  ADVISORY  READ 27016 00:1b:1256112 123 123",
            "5: -> POSIX  ADVISORY  WRITE 27016 00:1b:1256112 120 120",
            "5: POSIX  ADVISORY  WRITE 27016 00:1b:12561120 120 120",
            "5: FLOCK",
            "",
        ] {
            assert!(!held(not), "{not}");
        }
    }

    #[test]
    fn a_lock_of_this_process_is_not_anothers() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("r.db");
        drop(crate::store::Store::open(&path).unwrap());
        let conn = rusqlite::Connection::open(&path).unwrap();
        conn.execute_batch("BEGIN IMMEDIATE").unwrap();
        assert!(!Path::new("/proc/locks").exists() || !held_by_another(&path));
    }
}
