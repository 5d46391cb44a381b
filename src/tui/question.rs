//! A question to the registry's threads, with the type of its own answer.
//!
//! ```text
//! Pending::ask(question) -> Request (in an effect) -> reading thread | writing thread | a thread that computes
//!        ^                                                             |
//!        +--- Pending::answer(ticket) <--- Msg::Reply { ticket } <--------+  the answer waits in a channel of its own type
//! ```
//! A type that is asked and has no [`Question::work`] does not compile, and no answer can reach another question's place.

use crate::config::Config;
use crate::store::{Handle, Store};
use crate::tui::advice::told;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::oneshot;

/// Something that is asked.
pub trait Question: Send + 'static {
    /// What it is answered with.
    type Answer: Send + 'static;

    /// How the answer is found, and on which thread.
    fn work(self) -> Lane<Self::Answer>;
}

type Read<A> = Box<dyn FnOnce(&Store, &Config) -> crate::store::Result<A> + Send>;
type Write<A> = Box<dyn FnOnce(&mut Store) -> crate::store::Result<A> + Send>;
type Computed<A> = Pin<Box<dyn Future<Output = Result<A, String>> + Send>>;
type Compute<A> = Box<dyn FnOnce(Handle) -> Computed<A> + Send>;

/// Where the work on an answer is done.
pub enum Lane<A> {
    /// On the reading thread. No question for a list loads a body.
    Read(Read<A>),
    /// On the writing thread; done even when nobody waits for it any more.
    Write(Write<A>),
    /// Away from both: it takes its time, or needs no registry.
    Compute(Compute<A>),
}

impl<A: Send + 'static> Lane<A> {
    /// Reads the registry.
    pub fn read(work: impl FnOnce(&Store, &Config) -> crate::store::Result<A> + Send + 'static) -> Self {
        Self::Read(Box::new(work))
    }

    /// Writes to the registry.
    pub fn write(work: impl FnOnce(&mut Store) -> crate::store::Result<A> + Send + 'static) -> Self {
        Self::Write(Box::new(work))
    }

    /// Computes; what it needs of the registry it asks the handle for.
    pub fn compute<F>(work: impl FnOnce(Handle) -> F + Send + 'static) -> Self
    where
        F: Future<Output = Result<A, String>> + Send + 'static,
    {
        Self::Compute(Box::new(move |handle| Box::pin(work(handle))))
    }
}

/// Runs what takes its time on a thread that may be kept busy.
///
/// # Errors
/// When the computation panicked.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, String> {
    tokio::task::spawn_blocking(work).await.map_err(|e| format!("the computation failed: {e}"))
}

type Performed = Box<dyn FnOnce() + Send>;

/// A question on its way, whatever its type.
pub struct Request(Box<dyn FnOnce(&Handle, &Arc<Config>, Performed) + Send>);

impl Request {
    /// Has the answer worked out; `done` is called once it is there, by the thread that found it: an answer does not go by
    /// way of the runtime's threads.
    pub fn perform(self, handle: &Handle, config: &Arc<Config>, done: impl FnOnce() + Send + 'static) {
        (self.0)(handle, config, Box::new(done));
    }
}

/// The other end of a [`Request`]: when this goes, the question need not be answered.
#[derive(Debug)]
pub struct PendingAnswer<A> {
    ticket: super::model::Ticket,
    dropped: Arc<AtomicBool>,
    answer: oneshot::Receiver<Result<A, String>>,
}

impl<A> Drop for PendingAnswer<A> {
    fn drop(&mut self) {
        self.dropped.store(true, Ordering::Relaxed);
    }
}

impl<A: Send + 'static> PendingAnswer<A> {
    /// Makes a request of a question.
    pub fn new<Q: Question<Answer = A>>(ticket: super::model::Ticket, question: Q) -> (Self, Request) {
        let (give, answer) = oneshot::channel();
        let dropped = Arc::new(AtomicBool::new(false));
        let asked = Self { ticket, dropped: Arc::clone(&dropped), answer };
        (asked, request(question, dropped, give))
    }

    /// Which question it is.
    pub fn ticket(&self) -> super::model::Ticket {
        self.ticket
    }

    /// The answer, or one line for the user about what failed and what to do.
    ///
    /// # Errors
    /// What the work on it says.
    pub fn answer(mut self) -> Result<A, String> {
        self.answer.try_recv().unwrap_or_else(|_| Err("the registry gave no answer: try it again".into()))
    }
}

fn request<Q: Question>(
    question: Q,
    dropped: Arc<AtomicBool>,
    give: oneshot::Sender<Result<Q::Answer, String>>,
) -> Request {
    Request(Box::new(move |handle, config, done| {
        let is_dropped = move || dropped.load(Ordering::Relaxed);
        // Nothing is given where nobody waits; that the work is over is told always.
        let tell = move |answer: Result<Q::Answer, String>| {
            let _ = give.send(answer);
        };
        match question.work() {
            Lane::Write(work) => handle.write_then(work, move |result| {
                tell(result.map_err(|e| told(&e)));
                done();
            }),
            Lane::Read(work) => {
                let config = Arc::clone(config);
                let work = move |store: &Store| {
                    if is_dropped() { Ok(None) } else { work(store, &config).map(Some) }
                };
                handle.read_then(work, move |result| {
                    if let Some(answer) = result.map_err(|e| told(&e)).transpose() {
                        tell(answer);
                    }
                    done();
                });
            }
            Lane::Compute(work) => {
                let handle = handle.clone();
                tokio::spawn(async move {
                    if !is_dropped() {
                        tell(work(handle).await);
                    }
                    done();
                });
            }
        }
    }))
}
