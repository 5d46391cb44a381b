//! Keeps the log short while somebody always reads.
//!
//! ```text
//! commit -> log shorter than 16 MiB? nothing to do
//!        -> else: all of it into the file, readers that began before are waited for, shortly -> the log begins anew
//! ```
//! SQLite itself takes the log into the file without waiting for anybody, and begins it anew only when no reader is in it at
//! that moment. Beside an open screen and other commands there is always one, and the log only grew. A reader that stays in
//! one view (a pager) cannot be waited for; then it is tried again when the log has grown some more.

use super::file::BUSY;
use super::{Store, migrate::beside};
use std::time::Duration;

/// From this length on, in bytes.
const LONG: u64 = 16 << 20;
/// How much it grows before it is tried again.
const STEP: u64 = 4 << 20;
/// From here on readers are waited for longer.
const TOO_LONG: u64 = 40 << 20;

impl Store {
    /// Shortens the log after a commit, if it is long and its readers let go of it.
    pub(super) fn shorten_log(&self) {
        if self.is_in_memory() {
            return;
        }
        let length = beside(&self.path, "-wal").metadata().map_or(0, |about| about.len());
        if length < LONG.max(self.log_tried.get() + STEP) {
            return;
        }
        let patience = if length < TOO_LONG { Duration::from_millis(100) } else { Duration::from_secs(2) };
        // What was committed is safe, whatever comes of this.
        let _ = self.conn.busy_timeout(patience);
        let busy = self.conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |r| r.get::<_, bool>(0));
        let _ = self.conn.busy_timeout(BUSY);
        self.log_tried.set(if matches!(busy, Ok(false)) { 0 } else { length });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::prompt::Template;
    use crate::store::NewRevision;
    use rusqlite::Connection;
    use std::path::Path;
    use std::sync::atomic::{AtomicBool, Ordering};

    /// Two readers of which one is always in a view; the longest log that `write` leads to.
    fn longest(path: &Path, mut write: impl FnMut(usize)) -> u64 {
        let ended = AtomicBool::new(false);
        let mut longest = 0;
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    let store = Store::open_read_only(path).unwrap();
                    while !ended.load(Ordering::Relaxed) {
                        store.conn.execute_batch("BEGIN").unwrap();
                        let _ = store.names().unwrap();
                        std::thread::sleep(Duration::from_millis(15));
                        store.conn.execute_batch("COMMIT").unwrap();
                    }
                });
            }
            for n in 0..60 {
                write(n);
                longest = longest.max(beside(path, "-wal").metadata().unwrap().len());
            }
            ended.store(true, Ordering::Relaxed);
        });
        longest
    }

    /// Two million bytes that cannot be packed.
    fn noise(n: usize) -> String {
        let mut state = n as u64 * 2 + 1;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            char::from(b' ' + (state >> 33) as u8 % 95)
        };
        (0..2_000_000).map(|_| next()).collect()
    }

    #[test]
    fn the_log_stays_short_beside_readers_that_overlap() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("r.db");
        let mut store = Store::open(&path).unwrap();
        let kept = longest(&path, |n| {
            let new = NewRevision::new("p".parse().unwrap(), Template::text(noise(n)));
            store.register(new).unwrap();
        });
        assert!(kept < 64 << 20, "{kept}");
        // The twin: the same, left to SQLite alone.
        let plain = Connection::open(&path).unwrap();
        plain.busy_timeout(BUSY).unwrap();
        let left = longest(&path, |n| {
            plain.execute("INSERT INTO draft (prompt, text, at) VALUES ('p', ?1, '')", [noise(n)]).unwrap();
        });
        assert!(left > 64 << 20, "{left}");
        assert_eq!(store.fsck().unwrap().faults, vec![]);
    }
}
