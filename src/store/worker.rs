//! The threads that own the registry's connections, and their async handle.
//!
//! ```text
//! handle.write(f) --> queue --> [ BEGIN IMMEDIATE; f1; f2; ... all that waits; COMMIT ] --> answers
//! handle.read(f)  --> queue --> second connection (read only), never behind an fsync; one view of the registry a job
//! ```
//! A job that fails or panics loses only its own savepoint; a failed COMMIT is everybody's answer. While another process
//! holds the write lock, a job waits as any write does, one that saves what was paid for much longer; when a wait was in
//! vain, all that is queued is answered at once.

use super::{Result, Store, StoreError};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

/// The most jobs that share one commit; more would make the first of them wait.
const GROUP: usize = 1_024;

/// How long what was paid for waits for another process that holds the write lock: longer than any import or check takes.
const PAID_PATIENCE: Duration = Duration::from_secs(600);

/// Runs on a thread's store; hands back what is to be said once the group is committed.
type Work = Box<dyn FnOnce(&mut Store) -> Answer + Send>;
/// What is queued.
struct Job {
    work: Work,
    /// What it saves was paid for: it waits for a lock until this is cancelled.
    paid: Option<CancellationToken>,
}
/// Sends the job's answer; given the error of a commit that failed.
type Answer = Box<dyn FnOnce(Option<&StoreError>) + Send>;

/// A cheap, cloneable handle to the registry's threads. They end when the last handle is dropped, after
/// everything queued is committed.
#[derive(Clone)]
pub struct Handle {
    write: Option<Sender<Job>>,
    read: Option<Sender<Job>>,
    threads: Arc<Mutex<Vec<JoinHandle<()>>>>,
    read_only: Option<String>,
    lock: Arc<Lock>,
}

/// How it stands with the write lock, for both sides of the queue.
#[derive(Default)]
struct Lock {
    /// Another process has held it for as long as a write is patient, and what was paid for goes on waiting.
    held: AtomicBool,
    /// The process wants to end: nothing waits for long any more.
    closing: AtomicBool,
}

fn answer<T: Send + 'static>(value: Result<T>, reply: oneshot::Sender<Result<T>>) -> Answer {
    Box::new(move |failed| {
        let value = match failed {
            Some(why) if value.is_ok() => Err(why.for_each_of_group()),
            _ => value,
        };
        // The asker may have gone: then nobody wants the answer.
        let _ = reply.send(value);
    })
}

fn job<T: Send + 'static>(
    work: impl FnOnce(&mut Store) -> Result<T> + Send + 'static,
) -> (Job, oneshot::Receiver<Result<T>>) {
    let (reply, receive) = oneshot::channel();
    let work: Work = Box::new(move |store| {
        let done = store.as_one_job(|store| {
            catch_unwind(AssertUnwindSafe(|| work(store))).unwrap_or_else(|_| {
                Err(StoreError::Invalid("a change of the registry panicked and was taken back".into()))
            })
        });
        answer(done, reply)
    });
    (Job { work, paid: None }, receive)
}

impl Handle {
    /// Opens the registry and starts its threads.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open(path: &Path) -> Result<Self> {
        Self::over(Store::open(path)?)
    }

    /// Starts the threads over an open registry. One in memory has no second connection: its reads queue up with
    /// the writes.
    ///
    /// # Errors
    /// When the second connection cannot be opened, or the system gives no threads.
    pub fn over(writer: Store) -> Result<Self> {
        let read_only = writer.read_only.clone();
        let reader = if writer.is_in_memory() { None } else { Some(Store::open_read_only(writer.path())?) };
        let no_thread = |e: std::io::Error| StoreError::Invalid(format!("no thread for the registry: {e}"));
        let (write, writes) = channel::<Job>();
        let lock = Arc::new(Lock::default());
        let seen = Arc::clone(&lock);
        let mut threads = vec![
            std::thread::Builder::new()
                .name("registry-writer".into())
                .spawn(move || write_loop(writer, &writes, &seen))
                .map_err(no_thread)?,
        ];
        let mut read = write.clone();
        if let Some(mut reader) = reader {
            let (ask, asked) = channel::<Job>();
            let answer_all = move || {
                while let Ok(job) = asked.recv() {
                    let answer = reader.in_one_view(|reader| (job.work)(reader));
                    answer(None);
                }
            };
            let thread = std::thread::Builder::new().name("registry-reader".into()).spawn(answer_all);
            threads.push(thread.map_err(no_thread)?);
            read = ask;
        }
        let threads = Arc::new(Mutex::new(threads));
        Ok(Self { write: Some(write), read: Some(read), threads, read_only, lock })
    }

    /// Whether what was paid for waits because another process holds the write lock for long.
    pub fn is_locked_out(&self) -> bool {
        self.lock.held.load(Ordering::Relaxed)
    }

    /// Why the registry cannot be written, when it cannot.
    pub fn read_only(&self) -> Option<&str> {
        self.read_only.as_deref()
    }

    /// Runs `work` on the writing thread, grouped with all that waits; answers after the group's commit.
    ///
    /// # Errors
    /// What `work` or the commit says.
    pub async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Store) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.queue(work, None)?.await.map_err(|_| StoreError::Closed)?
    }

    /// As [`Handle::write`], for what was paid for: while another process holds the write lock it waits for ten minutes,
    /// or until `give_up` is cancelled or the handle closed.
    ///
    /// # Errors
    /// What `work` or the commit says.
    pub async fn write_paid<T: Send + 'static>(
        &self,
        give_up: CancellationToken,
        work: impl FnOnce(&mut Store) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.queue(work, Some(give_up))?.await.map_err(|_| StoreError::Closed)?
    }

    fn queue<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Store) -> Result<T> + Send + 'static,
        paid: Option<CancellationToken>,
    ) -> Result<oneshot::Receiver<Result<T>>> {
        let (job, receive) = job(work);
        self.write.as_ref().and_then(|q| q.send(Job { paid, ..job }).ok()).ok_or(StoreError::Closed)?;
        Ok(receive)
    }

    /// Runs `work` on the reading thread.
    ///
    /// # Errors
    /// What `work` says.
    pub async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (job, receive) = job(move |store| work(store));
        self.read.as_ref().and_then(|q| q.send(job).ok()).ok_or(StoreError::Closed)?;
        receive.await.map_err(|_| StoreError::Closed)?
    }

    /// As [`Handle::write`], from a thread without a runtime.
    ///
    /// # Errors
    /// What `work` or the commit says.
    pub fn write_blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Store) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.queue(work, None)?.blocking_recv().map_err(|_| StoreError::Closed)?
    }

    /// As [`Handle::read`], from a thread without a runtime.
    ///
    /// # Errors
    /// What `work` says.
    pub fn read_blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (job, receive) = job(move |store| work(store));
        self.read.as_ref().and_then(|q| q.send(job).ok()).ok_or(StoreError::Closed)?;
        receive.blocking_recv().map_err(|_| StoreError::Closed)?
    }

    /// Waits until everything queued is committed and both threads have ended (if this is the last handle). A lock that
    /// another process holds is waited for no longer than by any write.
    pub fn close(mut self) {
        self.lock.closing.store(true, Ordering::Relaxed);
        self.write = None;
        self.read = None;
        if let Some(threads) = Arc::get_mut(&mut self.threads).and_then(|t| t.get_mut().ok()) {
            for thread in threads.drain(..) {
                let _ = thread.join();
            }
        }
    }
}

fn write_loop(mut store: Store, queue: &Receiver<Job>, lock: &Lock) {
    while let Ok(first) = queue.recv() {
        let begun = begin(&mut store, &first, lock);
        lock.held.store(false, Ordering::Relaxed);
        match begun {
            Ok(()) => {}
            Err(StoreError::Busy) => {
                // Each of them says itself what is in its way, or finds that the way is free again; that the lock is held
                // need not be waited for once more.
                for Job { work, .. } in std::iter::once(first).chain(queue.try_iter()) {
                    store.hurriedly(work)(None);
                }
                continue;
            }
            Err(_) => {
                (first.work)(&mut store)(None);
                continue;
            }
        }
        let mut answers = vec![(first.work)(&mut store)];
        while answers.len() < GROUP && store.has_group() {
            let Ok(next) = queue.try_recv() else { break };
            answers.push((next.work)(&mut store));
        }
        let failed = store.commit_group().err();
        for answer in answers {
            answer(failed.as_ref());
        }
    }
}

/// Takes the write lock for a group that begins with `first`.
fn begin(store: &mut Store, first: &Job, lock: &Lock) -> Result<()> {
    let begun = Instant::now();
    loop {
        let done = store.begin_group();
        let Some(give_up) = &first.paid else { return done };
        let over = || {
            give_up.is_cancelled() || lock.closing.load(Ordering::Relaxed) || begun.elapsed() >= PAID_PATIENCE
        };
        if !matches!(done, Err(StoreError::Busy)) || over() {
            return done;
        }
        lock.held.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::prompt::Template;
    use crate::store::NewRevision;

    #[test]
    fn a_group_that_sqlite_rolled_back_is_nobodys_success() {
        let handle = Handle::over(Store::in_memory().unwrap()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let register = |name: &str| {
            let new = NewRevision::new(name.parse().unwrap(), Template::text("x"));
            handle.write(move |s| s.register(new))
        };
        // A full disk makes SQLite take the whole transaction back by itself, in the middle of the group.
        let full = handle.write::<()>(|s| {
            s.conn.execute_batch("ROLLBACK")?;
            Err(StoreError::Full)
        });
        // The writer is held until all three wait, so that they are one group.
        let (go, wait) = channel::<()>();
        let held = handle.write(move |_| wait.recv().map_err(|_| StoreError::Closed));
        let (_, before, full, after, ()) = runtime.block_on(async {
            tokio::join!(held, register("a"), full, register("b"), async { go.send(()).unwrap() })
        });
        assert!(matches!(full, Err(StoreError::Full)));
        let names: Vec<String> =
            handle.read_blocking(|s| s.names()).unwrap().iter().map(ToString::to_string).collect();
        for (name, answer) in [("a", before), ("b", after)] {
            assert_eq!(
                answer.is_ok(),
                names.contains(&name.to_owned()),
                "{name}: {answer:?}, stored: {names:?}"
            );
        }
    }

    #[test]
    fn a_file_that_may_not_grow_refuses_only_what_does_not_fit() {
        let dir = tempfile::tempdir().unwrap();
        let handle = Handle::open(&dir.path().join("r.db")).unwrap();
        let add = |name: &str, body: String| {
            let new = NewRevision::new(name.parse().unwrap(), Template::text(body));
            handle.write_blocking(move |s| s.register(new))
        };
        add("before", "x".into()).unwrap();
        let limit = |pages: &'static str| {
            handle.write_blocking(move |s| {
                Ok(s.conn.execute_batch(&format!("PRAGMA max_page_count = {pages}"))?)
            })
        };
        // SQLite does not go below what there is: the file is as large as it may be.
        limit("1").unwrap();
        // Words that do not repeat: they need their room packed too.
        let words: String =
            (0..100_000_u32).map(|n| format!("{:x} ", n.wrapping_mul(2_654_435_761))).collect();
        let full = add("large", words).unwrap_err();
        assert!(matches!(full, StoreError::Full), "{full}");
        assert_eq!(full.exit_code(), 4);
        limit("1000000").unwrap();
        add("after", "x".into()).unwrap();
        let (names, faults) = handle.read_blocking(|s| Ok((s.names()?, s.fsck()?.faults))).unwrap();
        assert_eq!(
            (names.iter().map(|n| n.as_str()).collect::<Vec<_>>(), faults),
            (vec!["after", "before"], vec![])
        );
    }

    #[test]
    fn who_waited_for_a_lock_in_vain_is_told_at_once_and_waits_again_the_next_time() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("r.db");
        let mut store = Store::open(&path).unwrap();
        let other = rusqlite::Connection::open(&path).unwrap();
        let register =
            |s: &mut Store| s.register(NewRevision::new("p".parse().unwrap(), Template::text("x")));
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let begun = std::time::Instant::now();
        assert!(matches!(store.hurriedly(register), Err(StoreError::Busy)));
        // A write that waits gives up after 10 s.
        assert!(begun.elapsed() < std::time::Duration::from_secs(5));
        std::thread::scope(|scope| {
            let patient = scope.spawn(|| register(&mut store));
            other.execute_batch("COMMIT").unwrap();
            assert!(patient.join().unwrap().is_ok());
        });
    }

    /// A registry whose write lock another process holds, and a handle that is not patient.
    fn locked(dir: &Path) -> (rusqlite::Connection, Handle) {
        let path = dir.join("r.db");
        let mut store = Store::open(&path).unwrap();
        store.patience = Duration::from_millis(1);
        store.conn.busy_timeout(Duration::from_millis(1)).unwrap();
        let other = rusqlite::Connection::open(&path).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        (other, Handle::over(store).unwrap())
    }

    fn register(name: &str) -> impl FnOnce(&mut Store) -> Result<()> + Send + use<> {
        let new = NewRevision::new(name.parse().unwrap(), Template::text("x"));
        move |s| s.register(new).map(|_| ())
    }

    #[test]
    fn what_was_paid_for_outwaits_a_lock_that_other_writes_do_not() {
        let dir = tempfile::tempdir().unwrap();
        let (other, handle) = locked(dir.path());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            assert!(matches!(handle.write(register("free")).await, Err(StoreError::Busy)));
            assert!(!handle.is_locked_out());
            let paid =
                [1, 2].map(|n| handle.write_paid(CancellationToken::new(), register(&format!("paid{n}"))));
            let let_go = async {
                while !handle.is_locked_out() {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                other.execute_batch("COMMIT").unwrap();
            };
            let [first, second] = paid;
            let (first, second, ()) = tokio::join!(first, second, let_go);
            assert!(first.is_ok() && second.is_ok(), "{first:?} {second:?}");
            assert!(!handle.is_locked_out());
        });
        let names = handle.read_blocking(|s| s.names()).unwrap();
        assert_eq!(names.iter().map(|n| n.as_str()).collect::<Vec<_>>(), ["paid1", "paid2"]);
    }

    #[test]
    fn a_lock_is_not_waited_for_by_who_is_cancelled_or_wants_to_end_and_all_are_told_together() {
        let dir = tempfile::tempdir().unwrap();
        let (other, handle) = locked(dir.path());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let token = CancellationToken::new();
        let waiting = (0..20).map(|n| handle.write_paid(token.clone(), register(&format!("p{n}"))));
        runtime.block_on(async {
            let cancel = async {
                while !handle.is_locked_out() {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                token.cancel();
            };
            let (all, ()) = tokio::join!(futures_util::future::join_all(waiting), cancel);
            assert!(all.iter().all(|saved| matches!(saved, Err(StoreError::Busy))), "{all:?}");
        });
        // As does one that nobody waits for any more, when the process ends.
        let receive = handle.queue(register("late"), Some(CancellationToken::new())).unwrap();
        handle.close();
        assert!(matches!(receive.blocking_recv(), Ok(Err(StoreError::Busy))));
        other.execute_batch("COMMIT").unwrap();
    }

    #[test]
    fn a_failed_or_panicking_job_takes_only_itself_back() {
        let dir = tempfile::tempdir().unwrap();
        let handle = Handle::open(&dir.path().join("r.db")).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let register = |name: &str| {
            let new = NewRevision::new(name.parse().unwrap(), Template::text("x"));
            handle.write(move |s| s.register(new))
        };
        runtime.block_on(async {
            let bad = handle.write::<()>(|s| {
                s.register(NewRevision::new("lost".parse().unwrap(), Template::text("x")))?;
                Err(StoreError::Invalid("no".into()))
            });
            let panics = handle.write::<()>(|_| panic!("on purpose"));
            let (a, b, c, d) = tokio::join!(register("a"), bad, panics, register("b"));
            assert!(a.is_ok() && d.is_ok());
            assert!(b.is_err() && c.unwrap_err().to_string().contains("taken back"));
        });
        let names = handle.read_blocking(|s| s.names()).unwrap();
        assert_eq!(names.iter().map(|n| n.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        handle.close();
    }
}
