//! The window of calls, and the saving beside it.
//!
//! ```text
//! todo (keys) --load--> ready (steps) --place free--> call --> outcome --> save --> told
//!                          | cached, nothing to ask ----------------------^
//! ending set: nothing begins; cancelled or stopped: calls are dropped; capped: calls in flight end
//! ```

mod batch;

use super::super::budget::{Caps, MayBegin, RunBudget, Unit};
use super::super::control::{Progress, RunScope};
use super::super::error::EvalError;
use super::super::estimate::PriceRates;
use super::super::stopping::StopWatch;
use super::super::unproven::UnprovenJudge;
use super::super::verdict_key::{VerdictKey, missing, planned};
use super::Invocation;
use super::load::{Loader, Ready, Step, Unwritten};
use super::save::{self, Judging, MODEL_CHANGED};
use crate::core::digest::Digest;
use crate::core::verdict::VerdictState;
use crate::judge::recorded::RUNG;
use crate::judge::{CallEvent, Discovery, Generated, JudgeRequest, Lookup, Outcome, Stop, nonce_of};
use crate::store::{
    Cell, Claim, Handle, NewVerdict, PaidQuestion, ResponseText, RunInfo, RunUsage, Store, StoreError,
};
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::task::{Id, JoinError, JoinSet};

/// Items loaded at once.
const CHUNK: usize = 64;
/// Results waiting to be committed before no further step is begun: a slow disk must not fill the memory.
const SAVES: usize = 512;
/// The same for results that were paid for, where twice the window of calls is less than this: they are what a full
/// disk or a killed process loses, so few may wait. A group's commit takes all of them at once.
const PAID_SAVES: usize = 32;

/// How long what another process asks is left to it before it is looked for again.
const LATER: Duration = Duration::from_millis(500);

/// How often at most a response is told while it is being written.
const WRITING: Duration = Duration::from_millis(80);

/// Why no further key is begun.
#[derive(Debug)]
pub(super) enum Ending {
    Cancelled,
    Stopped(Stop),
    Capped(String),
    /// What the run was to find out is known.
    Answered(String),
}

/// A call that ended.
enum EndedCall {
    Judged { key: VerdictKey, ready: Arc<Ready>, nonce: String, outcome: Box<Outcome>, sent: u32 },
    Written { unwritten: Box<Unwritten>, out: Box<Generated>, sent: u32 },
}

type Saving = BoxFuture<'static, Result<Progress, StoreError>>;
type Loading = BoxFuture<'static, Result<LoadedChunk, StoreError>>;

/// What a chunk of keys came to.
struct LoadedChunk {
    steps: Vec<Step>,
    /// What another process is asking right now, or has just been told.
    later: Vec<VerdictKey>,
    /// Whether any of it is still being asked.
    held: bool,
}

/// One invocation of a run.
pub(super) struct RunEngine {
    pub work: Invocation,
    handle: Handle,
    run: Arc<str>,
    loader: Arc<Loader>,
    budget: Arc<RunBudget>,
    judging: Judging,
    model_rates: PriceRates,
    /// The most that one request of the judge, and of the model, may cost.
    units: (Unit, Unit),
    todo: VecDeque<VerdictKey>,
    ready: VecDeque<Step>,
    calls: JoinSet<EndedCall>,
    /// Requests sent by calls that have not ended: what a dropped call had sent counts too.
    sent: HashMap<Id, Arc<AtomicU32>>,
    saves: FuturesUnordered<Saving>,
    load: Option<Loading>,
    /// Keys that another process asks about, and when they are looked for again.
    later: (Vec<VerdictKey>, tokio::time::Instant),
    first_model: Option<String>,
    /// Keys without a state at the end.
    left: usize,
    /// Keys that the gate refused in the middle.
    refused: usize,
    /// Requests that no verdict accounts for.
    unaccounted: u64,
    ending: Option<Ending>,
    dropped: bool,
    /// Whether enough is known, where the plan says when that is.
    watch: Option<StopWatch>,
    /// Whether scores came of this judge in this run before.
    scored_before: bool,
    unproven: UnprovenJudge,
}

impl RunEngine {
    /// Works out what is to be asked.
    pub async fn new(handle: Handle, work: Invocation, cells: &[Cell]) -> Result<Self, EvalError> {
        let run = &work.run;
        let all = planned(run.items, run.criteria.len() as u32, run.spec.repeats);
        let watch = watch(&handle, run, cells).await?;
        let todo: VecDeque<VerdictKey> =
            in_order(missing(all, cells, work.scope), watch.as_ref(), work.scope).into();
        let (info, can_write) = (run.clone(), work.model.is_some());
        let loader = handle.read(move |s| Loader::open(s, &info, can_write)).await?;
        let loader = Arc::new(loader);
        let judging = Judging {
            fingerprint: Digest::of(""),
            caching: !work.judge.is_recorded(),
            rates: PriceRates::of_stored(Some(&run.spec.judge_config)),
        };
        let model_rates = PriceRates::of_stored(run.spec.model_config.as_ref());
        let mut units = <(Unit, Unit)>::default();
        if run.spec.max_cost_usd.is_some() || run.spec.max_tokens.is_some() {
            let (loader, keys) = (Arc::clone(&loader), Vec::from(todo.clone()));
            let bytes = handle.read(move |s| loader.largest(s, &keys)).await?;
            units = (judging.rates.most(bytes), model_rates.most(bytes));
        }
        let budget = RunBudget::new(Caps {
            calls: run.spec.max_calls,
            tokens: run.spec.max_tokens,
            usd: run.spec.max_cost_usd,
        });
        work.judge.set_gate(budget.gate(units.0));
        if let Some(model) = &work.model {
            model.set_gate(budget.gate(units.1));
            model.set_pieces(work.control.is_watched());
        }
        let first_model = first_model(&handle, &work, cells).await?;
        Ok(Self {
            handle,
            run: work.run.id.as_str().into(),
            loader,
            budget,
            judging,
            model_rates,
            units,
            left: todo.len(),
            todo,
            ready: VecDeque::new(),
            calls: JoinSet::new(),
            sent: HashMap::new(),
            saves: FuturesUnordered::new(),
            load: None,
            later: (Vec::new(), tokio::time::Instant::now()),
            first_model,
            refused: 0,
            unaccounted: 0,
            ending: None,
            dropped: false,
            watch,
            scored_before: cells.iter().any(|cell| cell.state == VerdictState::Scored),
            unproven: UnprovenJudge::default(),
            work,
        })
    }

    /// Whether every key has a state already.
    pub fn is_done(&self) -> bool {
        self.todo.is_empty()
    }

    /// What the run was to find out, once it is known.
    pub fn answer(&self) -> Option<String> {
        self.watch.as_ref().and_then(StopWatch::answer)
    }

    /// Keys that are still without a state.
    pub fn left(&self) -> usize {
        self.left
    }

    fn write_error(&self, source: StoreError) -> EvalError {
        EvalError::Write { run: self.run.to_string(), source }
    }

    async fn account(&mut self, calls: u64) -> Result<(), EvalError> {
        let run = Arc::clone(&self.run);
        let usage = RunUsage { calls, ..RunUsage::default() };
        self.keep(move |s| s.add_usage(&run, &usage)).await.map_err(|e| self.write_error(e))
    }

    /// Saves what was paid for: until the run is cancelled, a lock that another process holds is waited out.
    fn keep<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Store) -> Result<T, StoreError> + Send + 'static,
    ) -> impl Future<Output = Result<T, StoreError>> + Send + 'static {
        let (handle, give_up) = (self.handle.clone(), self.work.control.token());
        async move { handle.write_paid(give_up, work).await }
    }

    /// The endpoint refused before the first key: what it was asked counts all the same.
    pub async fn undiscovered(&mut self) -> Result<(), EvalError> {
        self.account(self.budget.calls()).await
    }

    /// A judge that was found to think first takes more for a call than was planned: caps count with that.
    fn make_room(&mut self) {
        let rates = &mut self.judging.rates;
        let Some(more) = self.work.judge.room().map(u64::from).and_then(|room| room.checked_sub(rates.room))
        else {
            return;
        };
        rates.room += more;
        self.units.0.tokens += 2 * more;
        self.units.0.usd += rates.cost(0, 2 * more).unwrap_or_default();
        self.work.judge.set_gate(self.budget.gate(self.units.0));
    }

    /// Fixes the fingerprint before the first verdict is stored.
    pub async fn discovered(&mut self, found: Discovery) -> Result<(), EvalError> {
        let calls = u64::from(found.calls);
        self.budget.settle(calls, None, None, self.units.0);
        self.judging.fingerprint = self.work.judge.fingerprint();
        self.make_room();
        let (run, fingerprint) = (Arc::clone(&self.run), self.judging.fingerprint);
        let refused = super::refuse_retired(&self.handle, &self.work.run.spec.judge, fingerprint).await;
        if refused.is_err() {
            self.account(calls).await?;
            return refused;
        }
        let learnt = self.work.judge.learnt();
        self.handle
            .write(move |s| {
                s.add_usage(&run, &RunUsage { calls, ..RunUsage::default() })?;
                if let Some(learnt) = learnt {
                    s.set_capability(&learnt.base_url, &learnt.model, &learnt.known)?;
                }
                s.set_fingerprint(&run, &fingerprint)
            })
            .await?;
        if self.judging.caching
            && let Some(loader) = Arc::get_mut(&mut self.loader)
        {
            loader.fingerprint = Some(fingerprint);
        }
        self.unproven = UnprovenJudge::new(found.no_verdict.filter(|_| !self.scored_before));
        let notes = found.notes.into_iter().chain(self.unproven.note()).collect();
        (self.work.tell)(Progress::Discovered { fingerprint, notes });
        Ok(())
    }

    /// Asks and saves until nothing is left, or something ends it.
    pub async fn run(&mut self) -> Result<Option<Ending>, EvalError> {
        let token = self.work.control.token();
        let mut pauses = self.work.control.pauses();
        loop {
            if self.ending.is_none() && token.is_cancelled() {
                self.ending = Some(Ending::Cancelled);
            }
            self.drop_calls_when_ending()?;
            self.begin_steps();
            if self.is_idle() {
                break;
            }
            tokio::select! {
                Some(joined) = self.calls.join_next_with_id(), if !self.calls.is_empty() => self.ended(joined)?,
                Some(saved) = self.saves.next(), if !self.saves.is_empty() => self.saved(saved)?,
                loaded = loading(&mut self.load), if self.load.is_some() => {
                    self.load = None;
                    let loaded = loaded.map_err(|e| self.write_error(e))?;
                    self.loaded(loaded);
                }
                () = tokio::time::sleep_until(self.later.1), if self.waits_for_others() => {
                    let keys = std::mem::take(&mut self.later.0);
                    self.load = Some(self.load(keys));
                }
                () = token.cancelled(), if self.ending.is_none() => {}
                Ok(()) = pauses.changed() => {}
            }
        }
        if self.unaccounted > 0 {
            self.account(self.unaccounted).await?;
        }
        Ok(self.ending.take())
    }

    fn is_idle(&self) -> bool {
        let quiet = self.calls.is_empty() && self.saves.is_empty();
        let nothing_left =
            self.load.is_none() && self.todo.is_empty() && self.ready.is_empty() && self.later.0.is_empty();
        quiet && (self.ending.is_some() || nothing_left)
    }

    /// Cancelled or stopped: calls in flight are dropped, those that ended a moment ago are kept.
    fn drop_calls_when_ending(&mut self) -> Result<(), EvalError> {
        if self.dropped || !matches!(self.ending, Some(Ending::Cancelled | Ending::Stopped(_))) {
            return Ok(());
        }
        self.dropped = true;
        while let Some(joined) = self.calls.try_join_next_with_id() {
            self.ended(joined)?;
        }
        self.calls.abort_all();
        Ok(())
    }

    /// Begins what there is room for.
    fn begin_steps(&mut self) {
        while self.ending.is_none() && self.saves.len() < SAVES {
            let unit = match self.ready.front() {
                None => break,
                Some(Step::Cached(..) | Step::Settle(..)) => None,
                Some(Step::Ask(..)) => Some(self.units.0),
                Some(Step::Write(_)) => Some(self.units.1),
            };
            if let Some(unit) = unit {
                let waiting = self.work.concurrency.saturating_mul(2).clamp(PAID_SAVES, SAVES);
                let full = self.calls.len() >= self.work.concurrency || self.saves.len() >= waiting;
                if full || self.work.control.is_paused() {
                    break;
                }
                if !self.work.judge.is_recorded() {
                    match self.budget.room(self.calls.len() as u64, unit) {
                        MayBegin::Now => {}
                        MayBegin::Later => break,
                        MayBegin::Never => {
                            self.ending = Some(Ending::Capped(self.budget.words()));
                            break;
                        }
                    }
                }
            }
            if matches!(self.ready.front(), Some(Step::Ask(..))) {
                match self.unproven.may_ask() {
                    MayBegin::Now => self.unproven.begin(),
                    MayBegin::Later => break,
                    MayBegin::Never => {
                        self.ending = self.unproven.stop().map(Ending::Stopped);
                        break;
                    }
                }
            }
            if let Some(step) = self.ready.pop_front() {
                self.begin(step);
            }
        }
        let low = self.work.concurrency.saturating_mul(2).max(CHUNK);
        if self.ending.is_none() && self.load.is_none() && self.ready.len() < low && !self.todo.is_empty() {
            self.load = Some(self.next_chunk());
        }
    }

    fn next_chunk(&mut self) -> Loading {
        let mut keys: Vec<VerdictKey> = Vec::new();
        let mut items = 0;
        while let Some(key) = self.todo.front() {
            if keys.last().is_none_or(|last| last.item != key.item) {
                items += 1;
            }
            if items > CHUNK {
                break;
            }
            keys.extend(self.todo.pop_front());
        }
        self.load(keys)
    }

    /// Loads keys, and claims what has to be asked for them: what another process asks right now is left to it.
    fn load(&self, keys: Vec<VerdictKey>) -> Loading {
        let (handle, loader, run) = (self.handle.clone(), Arc::clone(&self.loader), Arc::clone(&self.run));
        let give_up = self.work.control.token();
        Box::pin(async move {
            let of = Arc::clone(&loader);
            let all = handle.read(move |s| of.load(s, &keys)).await?;
            let questions: Vec<Option<PaidQuestion>> = all.iter().map(|step| loader.asks(step)).collect();
            let asked: Vec<PaidQuestion> = questions.iter().flatten().cloned().collect();
            let mut loaded =
                LoadedChunk { steps: Vec::with_capacity(all.len()), later: Vec::new(), held: false };
            if asked.is_empty() {
                loaded.steps = all;
                return Ok(loaded);
            }
            let claims = handle.write_paid(give_up, move |s| s.claim_for_run(&run, &asked)).await?;
            let mut claims = claims.into_iter();
            for (step, question) in all.into_iter().zip(questions) {
                let claim = question.and_then(|_| claims.next()).unwrap_or(Claim::Mine);
                if claim == Claim::Mine {
                    loaded.steps.push(step);
                } else {
                    loaded.held |= claim == Claim::Held;
                    loaded.later.extend(step.keys());
                }
            }
            Ok(loaded)
        })
    }

    fn loaded(&mut self, loaded: LoadedChunk) {
        self.ready.extend(loaded.steps);
        if loaded.later.is_empty() {
            return;
        }
        let pause = if loaded.held { LATER } else { Duration::ZERO };
        self.later.0.extend(loaded.later);
        self.later.1 = tokio::time::Instant::now() + pause;
        if loaded.held && self.calls.is_empty() && self.ready.is_empty() {
            let why = "another process asks the same; its answers are taken".to_owned();
            (self.work.tell)(Progress::Waiting { until_s: None, why });
        }
    }

    fn waits_for_others(&self) -> bool {
        self.ending.is_none() && self.load.is_none() && !self.later.0.is_empty()
    }

    fn begin(&mut self, step: Step) {
        match step {
            Step::Cached(_, verdict) => {
                // The criterion and the fingerprint are in the key; only where it stands differs.
                self.save(*verdict, 0);
            }
            Step::Settle(key, state, reason) => {
                let version = self.loader.version(key.criterion);
                self.save(save::unasked(key, state, reason, version, self.judging.fingerprint), 0);
            }
            Step::Ask(key, ready) => self.ask(key, ready),
            Step::Write(unwritten) => self.write(unwritten),
        }
    }

    /// Counts requests, passes on waits, and what is written for `item`.
    fn events(&self, item: u32) -> (Arc<AtomicU32>, impl Fn(CallEvent) + Send + Sync + 'static) {
        let sent = Arc::new(AtomicU32::new(0));
        let (counter, tell) = (Arc::clone(&sent), Arc::clone(&self.work.tell));
        let told = Mutex::new(None);
        let events = move |event| match event {
            CallEvent::Sent => {
                counter.fetch_add(1, Ordering::Relaxed);
            }
            CallEvent::Waiting { until_ms, why } => {
                tell(Progress::Waiting { until_s: Some(until_ms as f64 / 1e3), why })
            }
            CallEvent::Retrying => tell(Progress::Resumed),
            CallEvent::Text(text) => {
                let mut last = told.lock().unwrap_or_else(PoisonError::into_inner);
                if last.is_none_or(|at: Instant| at.elapsed() >= WRITING) {
                    *last = Some(Instant::now());
                    tell(Progress::Writing { item, text: text.into() });
                }
            }
        };
        (sent, events)
    }

    fn ask(&mut self, key: VerdictKey, ready: Arc<Ready>) {
        let Some(question) = self.loader.question(key.criterion, &ready) else { return };
        let (criterion, version) = (Arc::clone(&question.criterion), question.version);
        let (judge, token) = (Arc::clone(&self.work.judge), self.work.control.token());
        let (sent, events) = self.events(key.item);
        let counter = Arc::clone(&sent);
        let task = self.calls.spawn(async move {
            let (subject, response) = (Arc::clone(&ready.subject), Arc::clone(&ready.response));
            let lookup = ready.lookup.clone();
            let request = match &ready.subject_digest {
                Some(digest) => {
                    let nonce = nonce_of(digest, &response, &version, key.repeat);
                    JudgeRequest { subject, response, criterion, repeat: key.repeat, nonce, lookup }
                }
                None => JudgeRequest::new(subject, response, criterion, key.repeat, lookup),
            };
            let outcome = Box::new(judge.judge(&request, &events, &token).await);
            EndedCall::Judged {
                key,
                ready,
                nonce: request.nonce,
                outcome,
                sent: counter.load(Ordering::Relaxed),
            }
        });
        self.sent.insert(task.id(), sent);
        let VerdictKey { item, criterion, repeat } = key;
        (self.work.tell)(Progress::Began { item, criterion, repeat });
    }

    fn write(&mut self, unwritten: Box<Unwritten>) {
        let Some(model) = self.work.model.clone() else { return };
        let token = self.work.control.token();
        let (sent, events) = self.events(unwritten.item.ord);
        let counter = Arc::clone(&sent);
        for key in &unwritten.keys {
            let VerdictKey { item, criterion, repeat } = *key;
            (self.work.tell)(Progress::Began { item, criterion, repeat });
        }
        let task = self.calls.spawn(async move {
            let out = Box::new(model.generate(&unwritten.messages, &unwritten.params, &events, &token).await);
            EndedCall::Written { unwritten, out, sent: counter.load(Ordering::Relaxed) }
        });
        self.sent.insert(task.id(), sent);
    }

    fn ended(&mut self, joined: Result<(Id, EndedCall), JoinError>) -> Result<(), EvalError> {
        match joined {
            Ok((id, done)) => {
                self.sent.remove(&id);
                match done {
                    EndedCall::Judged { key, ready, nonce, outcome, sent } => {
                        self.judged(key, &ready, nonce, *outcome, sent)
                    }
                    EndedCall::Written { unwritten, out, sent } => self.written(unwritten, &out, sent),
                }
                Ok(())
            }
            Err(error) => {
                let sent = self.sent.remove(&error.id()).map_or(0, |n| n.load(Ordering::Relaxed));
                self.unaccounted += u64::from(sent);
                if error.is_panic() {
                    Err(EvalError::Internal(format!("a call failed: {error}")))
                } else {
                    Ok(())
                }
            }
        }
    }

    fn judged(&mut self, key: VerdictKey, ready: &Ready, nonce: String, mut outcome: Outcome, sent: u32) {
        let calls = u64::from(sent.max(outcome.attempts));
        let rates = self.judging.rates;
        let cost = outcome.usage.and_then(|u| rates.of_usage(&u));
        self.budget.settle(calls, outcome.usage, cost, self.units.0);
        if let Some(stop) = outcome.stop.take() {
            self.unaccounted += calls;
            self.ending.get_or_insert(Ending::Stopped(stop));
            return;
        }
        match outcome.state {
            // How a recorded verdict ended says nothing of this run.
            _ if outcome.rung == RUNG => {}
            VerdictState::Cancelled => {
                self.unaccounted += calls;
                return;
            }
            VerdictState::OverBudget => {
                self.refused += 1;
                self.ending.get_or_insert(Ending::Capped(self.budget.words()));
            }
            _ => {}
        }
        self.unproven.take(outcome.state, &outcome.reason);
        if let Some(model) = &outcome.model_returned {
            let first = self.first_model.get_or_insert_with(|| model.clone());
            if first != model {
                outcome.flags.push(MODEL_CHANGED.to_owned());
            }
        }
        let Some(question) = self.loader.question(key.criterion, ready) else { return };
        let asked = self.loader.asks_of(key, ready);
        let verdict = save::verdict(&self.judging, key, ready, question, nonce, outcome);
        self.save_answer(verdict, calls, asked);
    }

    fn written(&mut self, unwritten: Box<Unwritten>, out: &Generated, sent: u32) {
        let calls = u64::from(sent.max(out.attempts));
        let rates = self.model_rates;
        let cost = out.usage.and_then(|u| rates.of_usage(&u));
        self.budget.settle(calls, out.usage, cost, self.units.1);
        if let Some(stop) = &out.stop {
            self.unaccounted += calls;
            self.ending.get_or_insert(Ending::Stopped(stop.clone()));
            return;
        }
        match out.state {
            VerdictState::Cancelled => {
                self.unaccounted += calls;
                return;
            }
            VerdictState::OverBudget => {
                self.unaccounted += calls;
                self.ending.get_or_insert(Ending::Capped(self.budget.words()));
                self.ready.push_front(Step::Write(unwritten));
                return;
            }
            _ => {}
        }
        let response = save::response(&unwritten, out);
        let usage = save::usage_of_response(out, &rates, calls);
        let judged = self.judge_written(&unwritten, &response.text);
        let (run, item, written) = (Arc::clone(&self.run), unwritten.item.ord, unwritten.question());
        let save = self.keep(move |s| {
            s.add_usage(&run, &usage)?;
            let saved = s.save_response(response)?;
            // Nobody else could ask about it before: its verdicts are claimed as it becomes known.
            s.claim_for_run(&run, &judged)?;
            s.release_for_run(&run, &written)?;
            Ok(saved)
        });
        self.saves
            .push(Box::pin(async move { save.await.map(|_: ResponseText| Progress::Generated { item }) }));
    }

    /// A response is handed to the registry before its verdicts: the queue keeps their order. What is asked about it.
    fn judge_written(
        &mut self,
        unwritten: &Unwritten,
        text: &Result<String, (VerdictState, String)>,
    ) -> Vec<PaidQuestion> {
        match text {
            Ok(text) => {
                let spec = &self.work.run.spec;
                let place = Lookup {
                    set: spec.set.clone(),
                    case_id: unwritten.item.case_id.clone(),
                    arm: unwritten.item.arm.clone(),
                };
                let subject = unwritten.subject.clone();
                let ready = Arc::new(Ready::new(place, subject, text.clone(), spec.own_criterion));
                for key in unwritten.keys.iter().rev() {
                    self.ready.push_front(Step::Ask(*key, Arc::clone(&ready)));
                }
                unwritten.keys.iter().filter_map(|key| self.loader.asks_of(*key, &ready)).collect()
            }
            Err((state, why)) => {
                for key in unwritten.keys.iter().rev() {
                    self.ready.push_front(Step::Settle(*key, *state, why.clone()));
                }
                Vec::new()
            }
        }
    }

    fn save(&mut self, verdict: NewVerdict, calls: u64) {
        self.save_answer(verdict, calls, None);
    }

    /// Saves a verdict, and gives back the claim on what was asked for it.
    fn save_answer(&mut self, verdict: NewVerdict, calls: u64, asked: Option<PaidQuestion>) {
        let run = Arc::clone(&self.run);
        let (told, usage) = (save::told(&verdict), save::usage_of(&verdict, calls));
        let save = self.keep(move |s| {
            s.save_paid_verdict(&run, &verdict, &usage)?;
            asked.map_or(Ok(()), |asked| s.release_for_run(&run, &asked))
        });
        self.saves.push(Box::pin(async move { save.await.map(|()| told) }));
    }

    /// Only what is committed is told.
    fn saved(&mut self, saved: Result<Progress, StoreError>) -> Result<(), EvalError> {
        let progress = saved.map_err(|e| self.write_error(e))?;
        if let Progress::Saved { cell, .. } = &progress {
            self.left = self.left.saturating_sub(1);
            if let Some(watch) = &mut self.watch {
                watch.take(cell);
                let answer = watch.answer().map(Ending::Answered);
                self.ending = self.ending.take().or(answer);
            }
        }
        (self.work.tell)(progress);
        Ok(())
    }

    /// Gives every key that was never asked the state `over_budget`; how many have it now.
    pub async fn over_budget(&mut self) -> Result<usize, EvalError> {
        if let Some(load) = self.load.take() {
            let loaded = load.await?;
            self.loaded(loaded);
        }
        let mut keys: Vec<VerdictKey> = self.ready.drain(..).flat_map(|step| step.keys()).collect();
        keys.append(&mut self.later.0);
        keys.extend(self.todo.drain(..));
        let reason = self.budget.words();
        for chunk in keys.chunks(SAVES) {
            let verdicts: Vec<NewVerdict> = chunk
                .iter()
                .map(|key| {
                    let version = self.loader.version(key.criterion);
                    save::unasked(
                        *key,
                        VerdictState::OverBudget,
                        reason.clone(),
                        version,
                        self.judging.fingerprint,
                    )
                })
                .collect();
            let told: Vec<Progress> = verdicts.iter().map(save::told).collect();
            let run = Arc::clone(&self.run);
            let save = move |s: &mut Store| verdicts.iter().try_for_each(|v| s.save_verdict(&run, v));
            self.handle.write(save).await.map_err(|e| self.write_error(e))?;
            for progress in told {
                self.saved(Ok(progress))?;
            }
        }
        Ok(keys.len() + self.refused)
    }
}

/// Watches the run where its plan says when enough is known.
async fn watch(handle: &Handle, run: &RunInfo, cells: &[Cell]) -> Result<Option<StopWatch>, EvalError> {
    let Some(rule) = run.spec.until else { return Ok(None) };
    let id = run.id.clone();
    let items = handle.read(move |s| s.run_items(&id)).await?;
    Ok(Some(StopWatch::new(rule, run, &items, cells)))
}

/// Keys case by case in the order drawn; none when enough is known already, unless failures are to be asked again.
fn in_order(mut keys: Vec<VerdictKey>, watch: Option<&StopWatch>, scope: RunScope) -> Vec<VerdictKey> {
    let Some(watch) = watch else { return keys };
    if scope == RunScope::Missing && watch.answer().is_some() {
        return Vec::new();
    }
    keys.sort_by_key(|key| (watch.rank(key.item), *key));
    keys
}

async fn loading(load: &mut Option<Loading>) -> Result<LoadedChunk, StoreError> {
    match load {
        Some(load) => load.await,
        None => std::future::pending().await,
    }
}

/// The model that answered earlier in this run: what resumes it is compared with that.
async fn first_model(
    handle: &Handle,
    work: &Invocation,
    cells: &[Cell],
) -> Result<Option<String>, EvalError> {
    let Some(cell) = cells.iter().find(|c| c.state == VerdictState::Scored) else { return Ok(None) };
    let (run, item) = (work.run.id.clone(), cell.item);
    let verdicts = handle.read(move |s| s.item_verdicts(&run, item)).await?;
    Ok(verdicts.into_iter().find_map(|v| v.verdict.model_returned))
}
