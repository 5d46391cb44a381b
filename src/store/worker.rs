//! The threads that own the registry's connections, and their async handle.
//!
//! ```text
//! handle.write(f) --> queue --> [ BEGIN IMMEDIATE; f1; f2; ... all that waits; COMMIT ] --> answers
//! handle.read(f)  --> queue --> a connection that only reads, never behind an fsync; one view of the registry a job
//! ```
//! The connection that writes is opened with the first write, where opening it changes nothing.
//! A job that fails or panics loses only its own savepoint; a failed COMMIT is everybody's answer. While another process
//! holds the write lock, each job waits for as long as any write is patient, and one that saves what was paid for much longer.

use super::file::PATIENCE;
use super::lock_holder::held_by_another;
use super::shared_file::identity;
use super::{Remedy, Result, Store, StoreError};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SendError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

/// The most jobs that share one commit; more would make the first of them wait.
const GROUP: usize = 1_024;

/// How long what was paid for waits for another process that holds the write lock: longer than any import or check takes.
const PAID_PATIENCE: Duration = Duration::from_secs(600);
/// How long a write waits for another process before it is told that it does.
const SILENCE: Duration = Duration::from_secs(10);
/// When nobody else has been seen holding the lock for so long, it is this process's own, and does not come back.
const ALONE: Duration = Duration::from_secs(5);
/// How long each attempt at the write lock takes; in between it is looked who has waited for long enough.
const ATTEMPT: Duration = Duration::from_millis(200);

/// Runs on a thread's store, or is refused; hands back what is to be said once the group is committed.
type StoreWork = Box<dyn FnOnce(Result<&mut Store>) -> SendAnswer + Send>;
/// What is queued.
struct QueuedJob {
    work: StoreWork,
    since: Instant,
    /// What it saves was paid for: it waits for a lock until this is cancelled.
    paid: Option<CancellationToken>,
}
/// What goes through a queue.
enum QueueOrder {
    Do(QueuedJob),
    /// Everything before this, and then no more.
    End,
}
/// Sends the job's answer; given the error of a commit that failed.
type SendAnswer = Box<dyn FnOnce(Option<&StoreError>) + Send>;

/// A cheap, cloneable handle to the registry's threads. They end when the last handle is dropped, after
/// everything queued is committed.
#[derive(Clone)]
pub struct Handle {
    write: Sender<QueueOrder>,
    read: Sender<QueueOrder>,
    /// Ends after the reading thread.
    writer: Arc<Mutex<Option<JoinHandle<()>>>>,
    read_only: Option<String>,
    lock: Arc<Lock>,
    first: Option<i64>,
}

/// How it stands with the write lock, for both sides of the queue.
#[derive(Default)]
struct Lock {
    /// Another process has held it for as long as a write is patient, and what was paid for goes on waiting.
    held: AtomicBool,
    /// The process wants to end: nothing waits for long any more.
    closing: AtomicBool,
}

fn answer<T: Send + 'static>(value: Result<T>, tell: impl FnOnce(Result<T>) + Send + 'static) -> SendAnswer {
    Box::new(move |failed| {
        let value = match failed {
            Some(why) if value.is_ok() => Err(why.for_each_of_group()),
            _ => value,
        };
        tell(value);
    })
}

fn job<T: Send + 'static>(
    work: impl FnOnce(&mut Store) -> Result<T> + Send + 'static,
    paid: Option<CancellationToken>,
    tell: impl FnOnce(Result<T>) + Send + 'static,
) -> QueuedJob {
    let work: StoreWork = Box::new(move |store| {
        let done = store.and_then(|store| {
            store.as_one_job(|store| {
                catch_unwind(AssertUnwindSafe(|| work(store))).unwrap_or_else(|_| {
                    Err(StoreError::Invalid("a change of the registry panicked and was taken back".into()))
                })
            })
        });
        answer(done, tell)
    });
    QueuedJob { work, since: Instant::now(), paid }
}

/// Queues a job; one for a thread that has ended is answered at once.
fn queue<T: Send + 'static>(
    queue: &Sender<QueueOrder>,
    work: impl FnOnce(&mut Store) -> Result<T> + Send + 'static,
    paid: Option<CancellationToken>,
    tell: impl FnOnce(Result<T>) + Send + 'static,
) {
    if let Err(SendError(QueueOrder::Do(job))) = queue.send(QueueOrder::Do(job(work, paid, tell))) {
        (job.work)(Err(StoreError::Closed))(None);
    }
}

/// As [`queue`], for who waits for the answer.
fn ask<T: Send + 'static>(
    to: &Sender<QueueOrder>,
    work: impl FnOnce(&mut Store) -> Result<T> + Send + 'static,
    paid: Option<CancellationToken>,
) -> oneshot::Receiver<Result<T>> {
    let (reply, receive) = oneshot::channel();
    // The asker may have gone: then nobody wants the answer.
    queue(to, work, paid, |value| drop(reply.send(value)));
    receive
}

impl Handle {
    /// Opens the registry and starts its threads. One that opening for writing would not change is opened so only when
    /// something is written: a session that looks around does not wait for that.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open(path: &Path) -> Result<Self> {
        let file = identity(path);
        match Store::open_settled(path) {
            Some(reader) if file.is_some() && file == identity(path) => {
                let writer = WriteConnection::Later { path: path.to_owned(), file };
                Self::start(writer, Some(reader), PATIENCE, held_by_another)
            }
            _ => Self::over(Store::open(path)?),
        }
    }

    /// Starts the threads over an open registry. One in memory has no second connection: its reads queue up with
    /// the writes.
    ///
    /// # Errors
    /// When the second connection cannot be opened, or the system gives no threads.
    pub fn over(writer: Store) -> Result<Self> {
        Self::with_patience(writer, PATIENCE, held_by_another)
    }

    fn with_patience(writer: Store, patience: Duration, is_held: fn(&Path) -> bool) -> Result<Self> {
        let reader = if writer.is_in_memory() { None } else { Some(Store::open_read_only(writer.path())?) };
        Self::start(WriteConnection::Open(Box::new(writer)), reader, patience, is_held)
    }

    fn start(
        writer: WriteConnection,
        reader: Option<Store>,
        patience: Duration,
        is_held: fn(&Path) -> bool,
    ) -> Result<Self> {
        let no_thread = |e: std::io::Error| StoreError::Invalid(format!("no thread for the registry: {e}"));
        let read_only =
            if let WriteConnection::Open(store) = &writer { store.read_only.clone() } else { None };
        let first = reader.as_ref().map(Store::data_version).transpose()?;
        let (write, queue) = channel::<QueueOrder>();
        let (mut read, mut reading) = (write.clone(), None);
        if let Some(mut reader) = reader {
            let (ask, asked) = channel::<QueueOrder>();
            let answer_all = move || {
                while let Ok(QueueOrder::Do(job)) = asked.recv() {
                    let answer = match reader.still_there() {
                        Ok(()) => reader.in_one_view(|reader| (job.work)(Ok(reader))),
                        // What is read of a file that is gone, or is another one's now, is told as such.
                        Err(moved) => (job.work)(Err(moved)),
                    };
                    answer(None);
                }
                refuse_late(&asked);
            };
            let thread = std::thread::Builder::new().name("registry-reader".into()).spawn(answer_all);
            (read, reading) = (ask, Some(thread.map_err(no_thread)?));
        }
        let lock = Arc::new(Lock::default());
        let shared = Arc::clone(&lock);
        let write_all = move || {
            let last = writer.write_all(queue, shared, patience, is_held);
            // The connection that may write closes last: it takes away what SQLite keeps beside the file.
            let _ = reading.map(JoinHandle::join);
            drop(last);
        };
        let thread = std::thread::Builder::new().name("registry-writer".into()).spawn(write_all);
        let writer = Arc::new(Mutex::new(Some(thread.map_err(no_thread)?)));
        Ok(Self { write, read, writer, read_only, lock, first })
    }

    /// What [`Store::data_version`] said before anything was read; nothing, where reads share the writing connection.
    pub fn version_at_first(&self) -> Option<i64> {
        self.first
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
        ask(&self.write, work, None).await.map_err(|_| StoreError::Closed)?
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
        ask(&self.write, work, Some(give_up)).await.map_err(|_| StoreError::Closed)?
    }

    /// As [`Handle::write`], for who does not wait: `tell` is called on the writing thread, and should not take long; for what
    /// comes after [`Handle::close`] on the asking one.
    pub fn write_then<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Store) -> Result<T> + Send + 'static,
        tell: impl FnOnce(Result<T>) + Send + 'static,
    ) {
        queue(&self.write, work, None, tell);
    }

    /// As [`Handle::read`], for who does not wait: `tell` is called on the reading thread, and should not take long; for what
    /// comes after [`Handle::close`] on the asking one.
    pub fn read_then<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T> + Send + 'static,
        tell: impl FnOnce(Result<T>) + Send + 'static,
    ) {
        queue(&self.read, |store| work(store), None, tell);
    }

    /// Runs `work` on the reading thread.
    ///
    /// # Errors
    /// What `work` says.
    pub async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        ask(&self.read, |store| work(store), None).await.map_err(|_| StoreError::Closed)?
    }

    /// As [`Handle::write`], from a thread without a runtime.
    ///
    /// # Errors
    /// What `work` or the commit says.
    pub fn write_blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Store) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        ask(&self.write, work, None).blocking_recv().map_err(|_| StoreError::Closed)?
    }

    /// As [`Handle::read`], from a thread without a runtime.
    ///
    /// # Errors
    /// What `work` says.
    pub fn read_blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        ask(&self.read, |store| work(store), None).blocking_recv().map_err(|_| StoreError::Closed)?
    }

    /// Waits until everything queued is committed and both threads have ended; what other handles ask for later is refused.
    /// A lock that another process holds is waited for no longer than by any write.
    pub fn close(self) {
        self.lock.closing.store(true, Ordering::Relaxed);
        for queue in [&self.write, &self.read] {
            // It may have ended already.
            let _ = queue.send(QueueOrder::End);
        }
        let thread = self.writer.lock().map(|mut thread| thread.take()).unwrap_or_default();
        let _ = thread.map(JoinHandle::join);
    }
}

/// The connection that writes.
enum WriteConnection {
    /// It is there.
    Open(Box<Store>),
    /// It is opened for the first write, if it is the same file then.
    Later { path: PathBuf, file: Option<(u64, u64)> },
}

impl WriteConnection {
    /// Does what is queued, to the end; the connection, if there is one now.
    fn write_all(
        self,
        queue: Receiver<QueueOrder>,
        lock: Arc<Lock>,
        patience: Duration,
        is_held: fn(&Path) -> bool,
    ) -> Option<Store> {
        let mut waiting = VecDeque::new();
        let store = match self {
            Self::Open(store) => *store,
            Self::Later { path, file } => loop {
                let job = match queue.recv() {
                    Ok(QueueOrder::Do(job)) => job,
                    Ok(QueueOrder::End) => {
                        refuse_late(&queue);
                        return open_again(&path, file).ok();
                    }
                    // Nobody waits for the end.
                    Err(_) => return None,
                };
                match open_again(&path, file) {
                    Ok(store) => {
                        waiting.push_back(job);
                        break store;
                    }
                    Err(e) => (job.work)(Err(e))(None),
                }
            },
        };
        let mut writing =
            WriteThread { store, queue, waiting, ended: false, lock, patience, is_held, alone: None };
        writing.run();
        refuse_late(&writing.queue);
        Some(writing.store)
    }
}

/// Answers what was queued behind the end.
fn refuse_late(queue: &Receiver<QueueOrder>) {
    while let Ok(order) = queue.try_recv() {
        if let QueueOrder::Do(job) = order {
            (job.work)(Err(StoreError::Closed))(None);
        }
    }
}

/// Opens for writing what is open for reading already; what cannot be written now may be so later.
fn open_again(path: &Path, file: Option<(u64, u64)>) -> Result<Store> {
    let replaced = || {
        let why = "it is no longer the file that was opened; leave, and start again".to_owned();
        Err(StoreError::Open { path: path.to_owned(), why, remedy: Remedy::None })
    };
    if identity(path) != file {
        return replaced();
    }
    let store = Store::open_made(path, false)?;
    match &store.read_only {
        _ if identity(path) != file => replaced(),
        Some(why) => Err(StoreError::ReadOnly { path: path.to_owned(), why: why.clone() }),
        None => Ok(store),
    }
}

/// The writing thread.
struct WriteThread {
    store: Store,
    queue: Receiver<QueueOrder>,
    /// Taken from the queue and not done yet, in order.
    waiting: VecDeque<QueuedJob>,
    /// Nothing more is taken from the queue.
    ended: bool,
    lock: Arc<Lock>,
    /// How long an ordinary job waits for another process.
    patience: Duration,
    /// Whether another process holds the lock.
    is_held: fn(&Path) -> bool,
    /// Since when the lock could not be had although no other process was seen holding it.
    alone: Option<Instant>,
}

impl WriteThread {
    fn run(&mut self) {
        while !(self.ended && self.waiting.is_empty()) {
            if self.waiting.is_empty() {
                match self.queue.recv() {
                    Ok(QueueOrder::Do(job)) => self.waiting.push_back(job),
                    Ok(QueueOrder::End) | Err(_) => return,
                }
            }
            while let Some(job) = self.next() {
                self.waiting.push_back(job);
            }
            let begun = Instant::now();
            match self.store.begin_group(ATTEMPT.min(self.patience)) {
                Ok(()) => self.group(),
                Err(StoreError::Busy) => {
                    self.refuse_who_waited();
                    // Where SQLite says so without waiting.
                    std::thread::sleep((ATTEMPT / 10).saturating_sub(begun.elapsed()));
                }
                // Tried alone, the job says itself what is in its way; or it finds that the way is free again.
                Err(_) => {
                    if let Some(first) = self.waiting.pop_front() {
                        (first.work)(Ok(&mut self.store))(None);
                    }
                }
            }
        }
    }

    /// What was queued meanwhile.
    fn next(&mut self) -> Option<QueuedJob> {
        if self.ended {
            return None;
        }
        match self.queue.try_recv() {
            Ok(QueueOrder::Do(job)) => Some(job),
            Ok(QueueOrder::End) => {
                self.ended = true;
                None
            }
            Err(_) => None,
        }
    }

    /// Another process holds the lock: who has waited for long enough is told so, the others stay in their order.
    fn refuse_who_waited(&mut self) {
        self.alone = match self.alone {
            _ if (self.is_held)(self.store.path()) => None,
            since => since.or_else(|| Some(Instant::now())),
        };
        let hopeless = self.alone.is_some_and(|since| since.elapsed() >= ALONE);
        let closing = hopeless || self.lock.closing.load(Ordering::Relaxed);
        let patience = self.patience;
        let is_patient = |job: &QueuedJob| match &job.paid {
            Some(give_up) if !closing && !give_up.is_cancelled() => job.since.elapsed() < PAID_PATIENCE,
            _ => job.since.elapsed() < patience,
        };
        let (stay, over): (VecDeque<QueuedJob>, VecDeque<QueuedJob>) =
            self.waiting.drain(..).partition(is_patient);
        self.waiting = stay;
        for job in over {
            tracing::warn!(waited_ms = job.since.elapsed().as_millis() as u64, "a write was given up");
            (job.work)(Err(StoreError::Busy))(None);
        }
        let told = patience.min(SILENCE);
        let held = self.waiting.iter().any(|job| job.since.elapsed() >= told);
        if self.lock.held.swap(held, Ordering::Relaxed) != held {
            tracing::warn!(waiting = self.waiting.len(), held, "another process holds the registry");
        }
    }

    /// All that waits as one transaction, and what comes meanwhile.
    fn group(&mut self) {
        if self.lock.held.swap(false, Ordering::Relaxed) {
            tracing::info!("the registry can be written again");
        }
        self.alone = None;
        let mut answers = Vec::new();
        while answers.len() < GROUP && (answers.is_empty() || self.store.has_group()) {
            let Some(next) = self.waiting.pop_front().or_else(|| self.next()) else { break };
            answers.push((next.work)(Ok(&mut self.store)));
        }
        let failed = self.store.commit_group().err();
        for answer in answers {
            answer(failed.as_ref());
        }
    }
}
#[cfg(test)]
mod tests;
