//! Notices what other processes write into the registry, so that the screens show it; an idle program does nothing at all.
//!
//! ```text
//! first frame -> a watch on the folder -> its file was touched -> data_version is another -> Msg::Changed
//! ```

use super::msg::Msg;
use crate::store::{Handle, StoreError};
use notify::event::{AccessKind, AccessMode, EventKind};
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinHandle;

/// After one change is told, so long until the next: a run that saves a thousand verdicts a second must not make every
/// screen read the registry as often. Half a second is what anybody may wait to see another process's write.
const APART: Duration = Duration::from_millis(400);

/// The watch over one registry.
#[derive(Default)]
pub(super) enum RegistryWatch {
    /// It has not begun: nothing is shown yet that could be old.
    Later(PathBuf, Handle, UnboundedSender<Msg>),
    /// It goes on until this is dropped.
    Kept(RecommendedWatcher, JoinHandle<()>),
    /// The system watches no folder here.
    #[default]
    Without,
}

impl RegistryWatch {
    /// One that is yet to begin.
    pub fn later(registry: PathBuf, handle: Handle, send: UnboundedSender<Msg>) -> Self {
        Self::Later(registry, handle, send)
    }

    /// Begins, if it has not: what was written since the registry was opened is told as well.
    pub fn begin(&mut self) {
        if matches!(self, Self::Later(..))
            && let Self::Later(registry, handle, send) = std::mem::take(self)
        {
            *self = begun(&registry, handle, send).unwrap_or_default();
        }
    }

    /// Ends it, and lets go of the registry.
    pub async fn end(self) {
        if let Self::Kept(watcher, confirm) = self {
            drop(watcher);
            confirm.abort();
            let _ = confirm.await;
        }
    }
}

fn begun(path: &Path, handle: Handle, send: UnboundedSender<Msg>) -> Option<RegistryWatch> {
    let folder = path.parent()?.to_owned();
    let name = path.file_name()?.to_string_lossy().into_owned();
    let touched = Arc::new(Notify::new());
    let confirmed = Arc::clone(&touched);
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let Ok(event) = event else { return };
        let writes = match event.kind {
            EventKind::Access(kind) => kind == AccessKind::Close(AccessMode::Write),
            _ => true,
        };
        let ours =
            event.paths.iter().any(|p| p.file_name().is_some_and(|f| f.to_string_lossy().starts_with(&name)));
        if writes && ours {
            touched.notify_one();
        }
    })
    .ok()?;
    watcher.watch(&folder, RecursiveMode::NonRecursive).ok()?;
    // Nobody watched while the first frame was made. Where somebody is writing, there is a log.
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let writing = Path::new(&log).metadata().is_ok_and(|about| about.len() > 0);
    let waits: &[u64] = if writing { &AGAIN_MS } else { &[0] };
    Some(RegistryWatch::Kept(watcher, tokio::spawn(confirm(handle, send, confirmed, waits))))
}

/// When the registry is asked again after its file was touched. A commit can be read only some time after its bytes were
/// written, once they are synced; no event tells of that moment. What was rolled back is asked for in vain, and no more.
const AGAIN_MS: [u64; 7] = [0, 10, 20, 40, 80, 250, 2_000];

/// Stands for the version of a file that is no longer where it was.
const MOVED: i64 = i64::MIN;

/// Sends [`Msg::Changed`] when the registry holds something else than before, as the reading connection sees it.
async fn confirm(
    handle: Handle,
    send: UnboundedSender<Msg>,
    touched: Arc<Notify>,
    mut waits: &'static [u64],
) {
    let version = || async {
        match handle.read(|s| s.data_version()).await {
            Ok(version) => Some(version),
            // The screens ask again, and say so.
            Err(StoreError::Moved { .. }) => Some(MOVED),
            Err(_) => None,
        }
    };
    let mut seen = handle.version_at_first();
    loop {
        for wait in std::mem::replace(&mut waits, &AGAIN_MS) {
            tokio::time::sleep(Duration::from_millis(*wait)).await;
            let now = version().await;
            if now.is_some() && now != seen {
                seen = now;
                if send.send(Msg::Changed).is_err() {
                    return;
                }
                tokio::time::sleep(APART).await;
                break;
            }
        }
        touched.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::prompt::Template;
    use crate::store::{NewRevision, Store};
    use tokio::sync::mpsc::unbounded_channel;

    #[tokio::test]
    async fn what_was_written_before_the_watch_begins_is_told_too_and_what_comes_later() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("r.db");
        let write = |name: &str| {
            let new = NewRevision::new(name.parse().unwrap(), Template::text("x"));
            Store::open(&path).unwrap().register(new).unwrap();
        };
        write("before-it-was-opened");
        let handle = Handle::open(&path).unwrap();
        let (send, mut told) = unbounded_channel();
        let mut watch = RegistryWatch::later(path.clone(), handle.clone(), send);
        write("before-the-first-frame");
        watch.begin();
        watch.begin();
        let mut changed = async || {
            let msg = tokio::time::timeout(Duration::from_secs(60), told.recv()).await;
            assert!(matches!(msg, Ok(Some(Msg::Changed))));
        };
        changed().await;
        write("later");
        changed().await;
        watch.end().await;
        handle.close();
        assert!(told.recv().await.is_none(), "nothing is told for what did not change");
    }

    #[tokio::test]
    async fn a_file_that_is_moved_or_replaced_is_told_to_who_only_reads() {
        let dir = tempfile::tempdir().unwrap();
        let (path, aside) = (dir.path().join("r.db"), dir.path().join("elsewhere.db"));
        let made = |path: &Path| {
            let new = NewRevision::new("p".parse().unwrap(), Template::text("x"));
            Store::open(path).unwrap().register(new).unwrap();
        };
        made(&path);
        let handle = Handle::open(&path).unwrap();
        // The twin: while it stays where it is, it is read.
        assert_eq!(handle.read(|s| s.names()).await.unwrap().len(), 1);
        let (send, mut told) = unbounded_channel();
        let mut watch = RegistryWatch::later(path.clone(), handle.clone(), send);
        watch.begin();
        std::fs::rename(&path, &aside).unwrap();
        let msg = tokio::time::timeout(Duration::from_secs(60), told.recv()).await;
        assert!(matches!(msg, Ok(Some(Msg::Changed))));
        let is_moved = async || matches!(handle.read(|s| s.names()).await, Err(StoreError::Moved { .. }));
        assert!(is_moved().await);
        std::fs::rename(&aside, &path).unwrap();
        assert_eq!(handle.read(|s| s.names()).await.unwrap().len(), 1);
        // Another one in its place is not the one that is on the screen.
        std::fs::rename(&path, &aside).unwrap();
        made(&path);
        assert!(is_moved().await);
        watch.end().await;
        handle.close();
    }
}
