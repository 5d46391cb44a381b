//! Two arms' responses side by side: every pair is asked about in both orders, each answer stored before it is told.
//!
//! ```text
//! arms + cases --plan--> pairs x criteria x two orders --key--> stored? known : asked -> saved -> told
//!                                                                 `--> outcome: both agree, else a tie; open without both
//! ```
//! A second call finds what the first one stored, whichever arm is named first, and asks only for what is missing; two at
//! once put each question once.

mod figures;
mod plan;

pub use figures::{PairFigures, sentence as pair_sentence};
pub use plan::{PairPlan, PairwiseRequest, plan_pairs};

use super::budget::{Caps, RunBudget, Unit};
use super::control::Control;
use super::endpoints::{open_endpoint_judge, remembered};
use super::error::EvalError;
use super::estimate::PriceRates;
use super::execute::{HEARTBEAT, aside, refuse_retired, tell_lock};
use super::recorded::is_recorded;
use super::unproven::UnprovenJudge;
use crate::config::{Config, Role};
use crate::core::digest::Digest;
use crate::core::pairwise::{Choice, PairCounts, PairVerdict, outcome};
use crate::core::rubric::Criterion;
use crate::core::verdict::VerdictState;
use crate::judge::capabilities::RememberedEndpoint;
use crate::judge::{CallEvent, Judge, JudgeConfig, KeySource, PairOutcome, PairRequest, Stop, open};
use crate::store::lease::holder;
use crate::store::{
    Arm, Claim, Handle, NewPairAnswer, PaidQuestion as Asked, PairAnswer, Result as StoreResult, Store,
    StoreError, pair_key,
};
use futures_util::{FutureExt, StreamExt};
use plan::ResponsePair;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// One pair under one criterion, in both orders.
#[derive(Debug, Clone, PartialEq)]
pub struct PairResult {
    /// The case.
    pub case_id: String,
    /// The source that the case shares with others.
    pub cluster: Option<String>,
    /// Place in the list of criteria.
    pub criterion: usize,
    /// What was said with A first.
    pub a_first: Option<PairAnswer>,
    /// What was said with B first.
    pub b_first: Option<PairAnswer>,
}

impl PairResult {
    fn choices(&self) -> (Option<Choice>, Option<Choice>) {
        let choice = |answer: &Option<PairAnswer>| answer.as_ref().and_then(|a| a.choice);
        (choice(&self.a_first), choice(&self.b_first))
    }

    /// What both orders together amount to.
    pub fn outcome(&self) -> PairVerdict {
        let (a_first, b_first) = self.choices();
        outcome(a_first, b_first)
    }
}

/// How a comparison stands after an invocation.
#[derive(Debug, Clone, PartialEq)]
pub struct PairwiseRun {
    /// The judge's fingerprint for pairs.
    pub fingerprint: Digest,
    /// Every pair under every criterion, case by case.
    pub results: Vec<PairResult>,
    /// Questions without an answer or a failure of their own.
    pub missing: usize,
    /// HTTP requests of this invocation, discovery included.
    pub calls: u64,
    /// Tokens and USD of this invocation, as far as told.
    pub spent: crate::store::Spend,
    /// Why the endpoint ended it.
    pub stopped: Option<String>,
    /// The cap that ended it, in words.
    pub capped: Option<String>,
    /// What discovery learned.
    pub notes: Vec<String>,
}

impl PairwiseRun {
    /// The pairs of one criterion, counted.
    pub fn tally(&self, criterion: usize) -> PairCounts {
        let mut tally = PairCounts::default();
        for result in self.results.iter().filter(|r| r.criterion == criterion) {
            let (a_first, b_first) = result.choices();
            tally.add(a_first, b_first);
        }
        tally
    }

    /// Answers in every state, both orders together.
    pub fn answers(&self) -> impl Iterator<Item = &PairAnswer> {
        self.results.iter().flat_map(|r| r.a_first.iter().chain(&r.b_first))
    }
}

/// One question: a pair, a criterion, an order.
struct PairQuestion {
    pair: usize,
    criterion: usize,
    /// A's response stands first.
    a_first: bool,
    key: Digest,
}

/// What all questions of an invocation share.
struct Asking {
    plan: PairPlan,
    criteria: Vec<(Arc<Criterion>, Digest)>,
    fingerprint: Digest,
    judge: Arc<dyn Judge>,
    name: String,
    rates: PriceRates,
}

impl Asking {
    fn questions(&self) -> Vec<PairQuestion> {
        let mut questions = Vec::new();
        for (at, pair) in self.plan.pairs.iter().enumerate() {
            for (criterion, (_, version)) in self.criteria.iter().enumerate() {
                for a_first in [true, false] {
                    let (first, second) = pair.digests(a_first);
                    let key = pair_key(&self.fingerprint, &pair.subject_digest, (first, second), version);
                    questions.push(PairQuestion { pair: at, criterion, a_first, key });
                }
            }
        }
        questions
    }

    /// The questions that are still to be put.
    fn open(&self, store: &Store, retry: bool) -> StoreResult<Vec<PairQuestion>> {
        let mut open = Vec::new();
        for question in self.questions() {
            let is_open = match store.pair_answer(&question.key)? {
                None => true,
                Some(known) => {
                    known.state.is_open_on_resume() || retry && known.state != VerdictState::Scored
                }
            };
            if is_open {
                open.push(question);
            }
        }
        Ok(open)
    }

    fn results(&self, store: &Store) -> StoreResult<Vec<PairResult>> {
        let mut results: Vec<PairResult> = Vec::new();
        for question in self.questions() {
            let answer = store.pair_answer(&question.key)?;
            let Some(pair) = self.plan.pairs.get(question.pair) else { continue };
            if question.a_first {
                results.push(PairResult {
                    case_id: pair.case_id.clone(),
                    cluster: pair.subject.cluster.clone(),
                    criterion: question.criterion,
                    a_first: answer,
                    b_first: None,
                });
            } else if let Some(last) = results.last_mut() {
                last.b_first = answer;
            }
        }
        Ok(results)
    }

    fn request(&self, question: &PairQuestion) -> Option<(&ResponsePair, PairRequest)> {
        let pair = self.plan.pairs.get(question.pair)?;
        let (criterion, _) = self.criteria.get(question.criterion)?;
        let (first, second) = pair.texts(question.a_first);
        let request = PairRequest::new(Arc::clone(&pair.subject), first, second, Arc::clone(criterion));
        Some((pair, request))
    }

    fn answer(
        &self,
        question: &PairQuestion,
        pair: &ResponsePair,
        nonce: String,
        done: PairOutcome,
    ) -> NewPairAnswer {
        let PairOutcome { outcome: o, reading } = done;
        let (a, b): (&Arm, &Arm) = (&self.plan.arms.0, &self.plan.arms.1);
        let (first, second) = if question.a_first { (a, b) } else { (b, a) };
        let responses = pair.digests(question.a_first);
        let (name, version) = self
            .criteria
            .get(question.criterion)
            .map_or_else(|| (String::new(), question.key), |(c, version)| (c.name.clone(), *version));
        NewPairAnswer {
            key: question.key,
            set_id: self.plan.set.id,
            case_id: pair.case_id.clone(),
            arms: (first.clone(), second.clone()),
            responses: (*responses.0, *responses.1),
            criterion: name,
            criterion_version: version,
            judge: self.name.clone(),
            fingerprint: self.fingerprint,
            state: o.state,
            reading,
            reason: o.reason,
            flags: o.flags,
            rung: o.rung.to_owned(),
            model_returned: o.model_returned,
            finish_reason: o.finish_reason,
            prompt_tokens: o.usage.map(|u| u.prompt_tokens),
            completion_tokens: o.usage.map(|u| u.completion_tokens),
            cost_usd: o.usage.and_then(|u| self.rates.of_usage(&u)),
            latency_ms: o.latency_ms,
            attempts: o.attempts,
            nonce,
            raw: o.raw,
        }
    }
}

/// What one question came to for the invocation.
enum Put {
    Saved(crate::store::Spend, VerdictState, String),
    Stopped(Stop),
    /// Cancelled, or refused by a cap: nothing is stored, it stays open.
    Left(VerdictState),
}

/// How the asking goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PairProgress {
    /// So many questions are answered, of so many to be asked.
    Answered(usize, usize),
    /// Why saving waits.
    Waiting(&'static str),
}

/// Asks what is missing and stores it; `told` hears how it goes on.
///
/// # Errors
/// When the judge cannot be opened, is retired, or the registry fails. An endpoint that stops it, a cap and a
/// cancellation are no errors: the result tells them.
pub async fn compare_pairs(
    handle: Handle,
    config: &Config,
    request: &PairwiseRequest,
    plan: PairPlan,
    control: &Control,
    told: impl Fn(PairProgress),
) -> Result<PairwiseRun, EvalError> {
    let mut asking = open(&handle, config, request, plan).await?;
    let budget = RunBudget::new(Caps { calls: request.max_calls, ..Caps::default() });
    asking.judge.set_gate(budget.gate(Unit::default()));
    let (retry, token) = (request.retry, control.token());
    let (mut done, mut open) = look(&handle, asking, retry).await?;
    let mut run = PairwiseRun {
        fingerprint: done.fingerprint,
        results: Vec::new(),
        missing: 0,
        calls: 0,
        spent: crate::store::Spend::default(),
        stopped: None,
        capped: None,
        notes: Vec::new(),
    };
    if !open.is_empty() {
        match done.judge.discover(&token).await {
            Ok(found) => {
                let mut unproven = UnprovenJudge::new(found.no_verdict);
                run.notes = found.notes.into_iter().chain(unproven.note()).collect();
                refuse_retired(&handle, &done.name, done.judge.fingerprint()).await?;
                if let Some(learnt) = done.judge.learnt() {
                    let keep =
                        move |s: &mut Store| s.set_capability(&learnt.base_url, &learnt.model, &learnt.known);
                    handle.write(keep).await?;
                }
                done.fingerprint = done.judge.pairs_fingerprint();
                asking = done;
                (done, open) = look(&handle, asking, retry).await?;
                let asker = Asker { handle: handle.clone(), holder: holder() };
                let puts = put_in_turn(
                    &asker,
                    done,
                    open,
                    (request, config, &mut unproven),
                    control,
                    &mut run,
                    &told,
                );
                done = tokio::select! {
                    put = puts => put?,
                    failed = asker.beat() => return Err(failed.into()),
                    never = tell_lock(&handle, |why| why.into_iter().for_each(|w| told(PairProgress::Waiting(w)))) =>
                        match never {},
                };
            }
            Err(_) if token.is_cancelled() => {}
            Err(stop) => run.stopped = Some(stop.message),
        }
    }
    run.calls = budget.calls();
    run.capped = run.capped.map(|_: String| budget.words());
    run.fingerprint = done.fingerprint;
    let (results, missing) = handle.read(move |s| Ok((done.results(s)?, done.open(s, false)?.len()))).await?;
    (run.results, run.missing) = (results, missing);
    Ok(run)
}

async fn open(
    handle: &Handle,
    config: &Config,
    request: &PairwiseRequest,
    plan: PairPlan,
) -> Result<Asking, EvalError> {
    let name = request.judge.clone();
    let (of, asked) = (config.clone(), name.clone());
    let known = handle.read(move |s| Ok(remembered(&of, s, &asked))).await?;
    let (of, asked, concurrency) = (config.clone(), name.clone(), request.concurrency);
    let judge = aside(move || open_endpoint_judge(&of, &asked, concurrency, known.as_deref())).await?;
    refuse_retired(handle, &name, judge.fingerprint()).await?;
    Ok(Asking {
        criteria: plan.criteria.iter().map(|c| (Arc::new(c.clone()), c.version())).collect(),
        plan,
        fingerprint: judge.pairs_fingerprint(),
        judge,
        name,
        rates: PriceRates::of(&config.resolve_endpoint(Role::Judge, &request.judge)?),
    })
}

/// What is still to be asked; the asking comes back with it, for it was lent to the reading thread.
async fn look(
    handle: &Handle,
    asking: Asking,
    retry: bool,
) -> Result<(Asking, Vec<PairQuestion>), EvalError> {
    Ok(handle
        .read(move |s| {
            let open = asking.open(s, retry)?;
            Ok((asking, open))
        })
        .await?)
}

/// How long what another process asks is left to it before it is looked for again.
const LATER: Duration = Duration::from_millis(500);

/// Who puts the questions: while one process asks, others that want the same answers wait for them.
struct Asker {
    handle: Handle,
    holder: String,
}

impl Asker {
    /// Which of these may be put, and which another process is putting.
    async fn claim(
        &self,
        open: Vec<PairQuestion>,
        retry: bool,
        token: &CancellationToken,
    ) -> StoreResult<(Vec<PairQuestion>, HashSet<Digest>)> {
        let asked: Vec<Asked> = open.iter().map(|q| Asked::Pair(q.key, retry)).collect();
        let holder = self.holder.clone();
        let claims = self.handle.write_paid(token.clone(), move |s| s.claim(&holder, &asked)).await?;
        let (mut mine, mut others) = (Vec::new(), HashSet::new());
        for (question, claim) in open.into_iter().zip(claims) {
            match claim {
                Claim::Mine => mine.push(question),
                Claim::Held => _ = others.insert(question.key),
                Claim::Answered => {}
            }
        }
        Ok((mine, others))
    }

    /// Says that it is still there, for ever; comes back only with what made that impossible.
    async fn beat(&self) -> StoreError {
        loop {
            tokio::time::sleep(HEARTBEAT).await;
            let holder = self.holder.clone();
            match self.handle.write(move |s| s.beat_claims(&holder)).await {
                Ok(()) | Err(StoreError::Busy) => {}
                Err(error) => return error,
            }
        }
    }
}

impl Drop for Asker {
    fn drop(&mut self) {
        let holder = std::mem::take(&mut self.holder);
        let handle = self.handle.clone();
        // The first poll queues the work, which is done whether or not anybody waits for its answer.
        let _ = async move { handle.write(move |s| s.leave_claims(&holder)).await }.now_or_never();
    }
}

/// Puts what nobody else is putting; then waits for the answers to the rest, and puts those that did not come.
async fn put_in_turn(
    asker: &Asker,
    mut asking: Asking,
    mut open: Vec<PairQuestion>,
    (request, config, unproven): (&PairwiseRequest, &Config, &mut UnprovenJudge),
    control: &Control,
    run: &mut PairwiseRun,
    told: &impl Fn(PairProgress),
) -> Result<Asking, EvalError> {
    let token = control.token();
    loop {
        let (mine, others) = asker.claim(open, request.retry, &token).await?;
        put_all(asker, &asking, mine, (request, config, unproven), control, run, told).await?;
        if others.is_empty() || token.is_cancelled() || run.stopped.is_some() || run.capped.is_some() {
            return Ok(asking);
        }
        told(PairProgress::Waiting("another process asks the same; its answers are taken"));
        tokio::select! {
            () = tokio::time::sleep(LATER) => {}
            () = token.cancelled() => return Ok(asking),
        }
        (asking, open) = look(&asker.handle, asking, request.retry).await?;
        open.retain(|question| others.contains(&question.key));
        if open.is_empty() {
            return Ok(asking);
        }
    }
}

async fn put_all(
    asker: &Asker,
    asking: &Asking,
    mut open: Vec<PairQuestion>,
    (request, config, unproven): (&PairwiseRequest, &Config, &mut UnprovenJudge),
    control: &Control,
    run: &mut PairwiseRun,
    told: &impl Fn(PairProgress),
) -> Result<(), EvalError> {
    let configured = config.resolve_endpoint(Role::Judge, &request.judge)?.concurrency;
    let concurrency = request.concurrency.unwrap_or(configured).max(1);
    let (all, mut answered) = (open.len(), 0);
    let token = control.token();
    while !open.is_empty() {
        let later = open.split_off(unproven.allowed(open.len()));
        if open.is_empty() {
            run.stopped = unproven.stop().map(|stop| stop.message);
            break;
        }
        open.iter().for_each(|_| unproven.begin());
        let mut puts = futures_util::stream::iter(open)
            .map(|question| {
                let token = token.clone();
                async move { put(asker, asking, &question, &token).await }
            })
            .buffer_unordered(concurrency);
        while let Some(done) = puts.next().await {
            match done? {
                Put::Saved(spend, state, reason) => {
                    run.spent = run.spent.plus(&spend);
                    unproven.take(state, &reason);
                    answered += 1;
                    told(PairProgress::Answered(answered, all));
                }
                Put::Stopped(stop) => {
                    run.stopped = Some(stop.message);
                    return Ok(());
                }
                Put::Left(VerdictState::OverBudget) => run.capped = Some(String::new()),
                Put::Left(_) => return Ok(()),
            }
        }
        open = if run.capped.is_some() { Vec::new() } else { later };
    }
    Ok(())
}

/// Puts one question and stores what came of it.
async fn put(
    asker: &Asker,
    asking: &Asking,
    question: &PairQuestion,
    token: &CancellationToken,
) -> Result<Put, EvalError> {
    let Some((pair, request)) = asking.request(question) else {
        return Ok(Put::Left(VerdictState::Cancelled));
    };
    let sent = AtomicU64::new(0);
    let count = |event| {
        if event == CallEvent::Sent {
            sent.fetch_add(1, Ordering::Relaxed);
        }
    };
    let mut done = asking.judge.prefer(&request, &count, token).await;
    if let Some(stop) = done.outcome.stop.take() {
        return Ok(Put::Stopped(stop));
    }
    if done.outcome.state.is_open_on_resume() {
        return Ok(Put::Left(done.outcome.state));
    }
    let answer = asking.answer(question, pair, request.nonce, done);
    let spend = crate::store::Spend {
        calls: sent.into_inner(),
        prompt_tokens: answer.prompt_tokens,
        completion_tokens: answer.completion_tokens,
        cost_usd: answer.cost_usd,
    };
    let (state, reason) = (answer.state, answer.reason.clone());
    let (holder, asked) = (asker.holder.clone(), Asked::Pair(question.key, false));
    let save = move |s: &mut Store| {
        s.save_pair_answer(&answer)?;
        s.release(&holder, &asked)
    };
    let saved = asker.handle.write_paid(token.clone(), save).await;
    saved.map_err(|source| EvalError::Write { run: "pairwise".to_owned(), source })?;
    Ok(Put::Saved(spend, state, reason))
}

/// How many of a plan's questions are stored already under the judge as it was last known, and what asking the others may
/// take. Nothing is sent; where the judge was never asked, nothing is known of it.
///
/// # Errors
/// When there is no such judge, or the registry cannot be read.
pub fn rehearse(
    store: &Store,
    config: &Config,
    request: &PairwiseRequest,
    plan: &PairPlan,
) -> Result<(usize, super::Guess), EvalError> {
    if is_recorded(&request.judge) {
        return Err(EvalError::Input("a recorded judge compares nothing: name one that can be asked".into()));
    }
    let resolved = config.resolve_endpoint(Role::Judge, &request.judge)?;
    let known = remembered(config, store, &request.judge);
    let known = known.and_then(|text| RememberedEndpoint::read(&text, crate::clock::now().as_second()));
    // Nothing is sent, so no key is fetched.
    let keyless = JudgeConfig { key: KeySource::None, ..resolved.clone() };
    let judge: Arc<dyn Judge> = Arc::new(open::judge(keyless, known)?);
    let asking = Asking {
        criteria: plan.criteria.iter().map(|c| (Arc::new(c.clone()), c.version())).collect(),
        plan: plan.clone(),
        fingerprint: judge.pairs_fingerprint(),
        judge,
        name: request.judge.clone(),
        rates: PriceRates::of(&resolved),
    };
    let open = asking.open(store, request.retry)?;
    let mut guess = super::Guess::default();
    for question in &open {
        if let (Some(pair), Some((criterion, _))) =
            (plan.pairs.get(question.pair), asking.criteria.get(question.criterion))
        {
            guess.add(&asking.rates, pair.bytes(criterion), 1);
        }
    }
    Ok((asking.questions().len() - open.len(), guess))
}
