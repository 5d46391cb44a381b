//! Carries out a stored run until every planned key has a state, or it is stopped.
//!
//! ```text
//! lease -> discover -> fingerprint -> [ load a chunk -> call -> save -> tell ] ... -> finish, lease given back
//!   |                                    window of `concurrency` calls; a place is free when its call ends,
//!   |                                    saving goes on beside further calls; told only after the commit
//!   +--- heartbeat every 3 s; when it fails nothing more is sent
//! ```
//! Dropping the future at any moment leaves a run that resumes: a key is either stored or still open.

mod engine;
mod load;
mod save;

use super::control::{Control, Progress, RunScope};
use super::endpoints::{open_endpoint_judge, open_endpoint_model, remembered};
use super::error::EvalError;
use super::judges;
use super::recorded::{self, is_recorded, recorded_name};
use crate::config::{Config, Role};
use crate::core::digest::Digest;
use crate::core::verdict::VerdictState;
use crate::judge::{Judge, Model, Stop};
use crate::store::lease::holder;
use crate::store::{Handle, RunInfo, RunState, RunUsage, Store, StoreError};
use engine::{Ending, RunEngine};
use futures_util::FutureExt;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What a batch costs of the price of single calls.
pub(super) const PRICE: f64 = 0.5;

/// How often the lease is renewed.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(3);
/// How often it is looked whether saving waits for another process.
const LOCKED: Duration = Duration::from_secs(1);
/// What is said then.
const LOCKED_OUT: &str = "the registry is locked by another process; answers are saved when it lets go";
/// Calls in flight when nobody says how many.
const CONCURRENCY: usize = 8;

/// Who is told of each step.
type Tell = Arc<dyn Fn(Progress) + Send + Sync>;

/// What one invocation works with.
struct Invocation {
    run: RunInfo,
    scope: RunScope,
    judge: Arc<dyn Judge>,
    model: Option<Arc<dyn Model>>,
    concurrency: usize,
    control: Control,
    tell: Tell,
}

/// Carries out (or resumes: the same thing) a stored run with an open judge. `concurrency` 0 takes the configured
/// number. Caps hold for one invocation: to resume is to agree to as much again.
///
/// # Errors
/// When another process writes the run, the registry fails, or a result cannot be stored. An endpoint that stops the
/// run, a cap and a cancellation are no errors: the run's state and reason tell them.
#[expect(clippy::too_many_arguments, reason = "each is a separate decision of the caller")]
pub async fn execute(
    handle: Handle,
    config: &Config,
    run_id: String,
    judge: Arc<dyn Judge>,
    model: Option<Arc<dyn Model>>,
    concurrency: usize,
    control: Control,
    scope: RunScope,
    progress: impl Fn(Progress) + Send + Sync + 'static,
) -> Result<RunInfo, EvalError> {
    let run = handle.read(move |s| s.run(&run_id)).await?;
    if run.imported {
        return Err(EvalError::Input(format!(
            "run {} was imported with its verdicts: there is nothing to ask; judge its items anew with `assize run`",
            run.id
        )));
    }
    if let Some(fingerprint) = run.fingerprint {
        refuse_retired(&handle, &run.spec.judge, fingerprint).await?;
    }
    let configured = config.resolve_endpoint(Role::Judge, &run.spec.judge).ok().map(|j| j.concurrency);
    let concurrency = if concurrency > 0 { concurrency } else { configured.unwrap_or(CONCURRENCY) };
    let work = Invocation { run, scope, judge, model, concurrency, control, tell: Arc::new(progress) };
    lease_and_run(handle, work).await
}

/// As [`execute`], with the judge and the model that the run's plan names.
///
/// # Errors
/// As [`execute`]; also when they cannot be opened.
pub async fn execute_stored(
    handle: Handle,
    config: &Config,
    run_id: String,
    scope: RunScope,
    concurrency: Option<usize>,
    control: Control,
    progress: impl Fn(Progress) + Send + Sync + 'static,
) -> Result<RunInfo, EvalError> {
    let id = run_id.clone();
    let run = handle.read(move |s| s.run(&id)).await?;
    let judge: Arc<dyn Judge> = if is_recorded(&run.spec.judge) {
        let name = run.spec.judge.clone();
        let judge = handle.read(move |s| Ok(recorded::open(s, recorded_name(&name).flatten()))).await??;
        Arc::new(judge)
    } else {
        // A key's command may take its time: not on the runtime's thread.
        let (config, name) = (config.clone(), run.spec.judge.clone());
        let (of, asked) = (config.clone(), name.clone());
        let known = handle.read(move |s| Ok(remembered(&of, s, &asked))).await?;
        aside(move || open_endpoint_judge(&config, &name, concurrency, known.as_deref())).await?
    };
    let model = match run.spec.model.clone() {
        Some(name) => {
            let config = config.clone();
            Some(aside(move || open_endpoint_model(&config, &name, concurrency)).await?)
        }
        None => None,
    };
    execute(handle, config, run_id, judge, model, concurrency.unwrap_or(0), control, scope, progress).await
}

/// A retired judge is not asked: neither where its fingerprint is known, nor once discovery has found that it is this one.
pub(super) async fn refuse_retired(
    handle: &Handle,
    name: &str,
    fingerprint: Digest,
) -> Result<(), EvalError> {
    let name = name.to_owned();
    match handle.read(move |s| judges::refusal(s, &name, &fingerprint)).await? {
        Some(why) => Err(EvalError::Input(why)),
        None => Ok(()),
    }
}

pub(super) async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, EvalError> + Send + 'static,
) -> Result<T, EvalError> {
    tokio::task::spawn_blocking(work).await.map_err(|e| EvalError::Internal(e.to_string()))?
}

async fn lease_and_run(handle: Handle, work: Invocation) -> Result<RunInfo, EvalError> {
    let run = work.run.id.clone();
    let mut lease = Lease::take(&handle, &run).await?;
    let (tell, begun, give_up) = (Arc::clone(&work.tell), Instant::now(), work.control.token());
    let done = tokio::select! {
        done = begin(&handle, work) => done,
        error = beat(&lease) => Err(error),
        never = tell_lock(&handle, |why| tell(why.map_or(Progress::Resumed, locked))) => match never {},
    };
    let (state, reason) = match done {
        Ok(ending) => ending,
        Err(error) => {
            // Awaited, so that whoever hears of the error finds the run free. What went wrong is told by the first
            // error; a registry that is full fails here once more.
            let _ = lease.release(error.to_string()).await;
            return Err(error);
        }
    };
    let (id, wall_s, why) = (run.clone(), begun.elapsed().as_secs_f64(), reason.clone());
    handle
        .write_paid(give_up, move |s| {
            s.add_usage(&id, &RunUsage { wall_s, ..RunUsage::default() })?;
            s.finish_run(&id, state, &why)
        })
        .await
        .map_err(|source| EvalError::Write { run: run.clone(), source })?;
    lease.given_back = true;
    let info = handle.read(move |s| s.run(&run)).await?;
    tell(Progress::Ended { state, reason });
    Ok(info)
}

/// The right to write a run. Dropped before it was given back (an error, a dropped future), it leaves the run `partial`
/// and free for the next, at once.
struct Lease {
    handle: Handle,
    run: String,
    mine: String,
    given_back: bool,
}

impl Lease {
    async fn take(handle: &Handle, run: &str) -> Result<Self, EvalError> {
        let (id, mine) = (run.to_owned(), holder());
        loop {
            let (id, me) = (id.clone(), mine.clone());
            match handle.write(move |s| s.lease(&id, &me)).await {
                // Its writer may be there: its heartbeat is looked at until that shows.
                Err(StoreError::Unsure { .. }) => tokio::time::sleep(LOCKED).await,
                done => break done?,
            }
        }
        Ok(Self { handle: handle.clone(), run: run.to_owned(), mine, given_back: false })
    }
}

impl Lease {
    /// Leaves the run `partial` and free. The heartbeat fails when another process has taken the run over: then its
    /// state is theirs.
    fn release(&mut self, why: String) -> impl Future<Output = Result<(), StoreError>> + use<> {
        self.given_back = true;
        let (handle, run, mine) = (self.handle.clone(), self.run.clone(), self.mine.clone());
        async move {
            let leave = move |s: &mut Store| {
                s.heartbeat(&run, &mine)?;
                s.finish_run(&run, RunState::Partial, &why)
            };
            handle.write(leave).await
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if !self.given_back {
            // The first poll queues the work, which is done whether or not anybody waits for its answer.
            let _ = self.release("interrupted".to_owned()).now_or_never();
        }
    }
}

/// Renews the lease for ever; comes back only with what made that impossible.
async fn beat(lease: &Lease) -> EvalError {
    loop {
        tokio::time::sleep(HEARTBEAT).await;
        let (id, me) = (lease.run.clone(), lease.mine.clone());
        match lease.handle.write(move |s| s.heartbeat(&id, &me)).await {
            // A lock of another process: nobody else can take the run over meanwhile.
            Ok(()) | Err(StoreError::Busy) => {}
            Err(error @ StoreError::Conflict(_)) => return error.into(),
            Err(source) => return EvalError::Write { run: lease.run.clone(), source },
        }
    }
}

fn locked(why: &str) -> Progress {
    Progress::Waiting { until_s: None, why: why.to_owned() }
}

/// Tells why saving waits, as long as it does so for another process, and once with nothing that it goes on.
pub(super) async fn tell_lock(handle: &Handle, tell: impl Fn(Option<&'static str>)) -> Infallible {
    let mut told = false;
    loop {
        tokio::time::sleep(LOCKED).await;
        let held = handle.is_locked_out();
        if held || told {
            tell(held.then_some(LOCKED_OUT));
        }
        told = held;
    }
}

/// Discovery, then the keys; how the run stands afterwards.
async fn begin(handle: &Handle, work: Invocation) -> Result<(RunState, String), EvalError> {
    let id = work.run.id.clone();
    let cells = handle.read(move |s| s.cells(&id)).await?;
    let mut engine = RunEngine::new(handle.clone(), work, &cells).await?;
    // Also when nothing is missing: a batch of retried keys may be under way.
    if engine.work.run.spec.batch {
        return engine.by_batch().await;
    }
    if engine.is_done() {
        return Ok((RunState::Complete, engine.answer().unwrap_or_default()));
    }
    (engine.work.tell)(Progress::Discovering);
    let token = engine.work.control.token();
    match engine.work.judge.discover(&token).await {
        Err(stop) => {
            engine.undiscovered().await?;
            let cancelled = token.is_cancelled();
            return Ok(if cancelled {
                (RunState::Partial, "cancelled".into())
            } else {
                (RunState::Stopped, stop.message)
            });
        }
        Ok(discovery) => engine.discovered(discovery).await?,
    }
    let ending = engine.run().await?;
    let left = engine.left();
    Ok(match ending {
        Some(Ending::Cancelled) => (RunState::Partial, "cancelled".into()),
        Some(Ending::Stopped(Stop { message, .. })) => (RunState::Stopped, message),
        Some(Ending::Capped(words)) => {
            let open = engine.over_budget().await?;
            let id = &engine.work.run.id;
            let reason = format!(
                "{words}: {open} verdicts are over budget; `assize run resume {id}` goes on under the same cap anew"
            );
            (RunState::Stopped, reason)
        }
        Some(Ending::Answered(words)) => (RunState::Complete, words),
        None if left > 0 => (RunState::Partial, format!("{left} verdicts are still open")),
        None => (RunState::Complete, String::new()),
    })
}

/// The exit code for a run that was carried out: 0 when every planned verdict has a state and one is scored; 3 when a
/// cap stopped it or fewer than `min_coverage` (0 to 1) are scored; 5 when the endpoint stopped it or nothing was scored.
/// A cancelled run is the caller's to tell (130, 143).
pub fn exit_code(run: &RunInfo, min_coverage: f64) -> u8 {
    let count = |state: VerdictState| run.verdicts.get(&state).copied().unwrap_or_default();
    let scored = count(VerdictState::Scored);
    if run.state == RunState::Stopped && count(VerdictState::OverBudget) > 0 {
        return 3;
    }
    if run.state == RunState::Stopped || scored == 0 {
        return 5;
    }
    let coverage = f64::from(scored) / f64::from(run.planned.max(1));
    if run.state != RunState::Complete || coverage < min_coverage { 3 } else { 0 }
}
