//! A run through the endpoint's Batch API: what was sent earlier is taken in first, only then is anything sent.
//!
//! ```text
//! earlier batches -> lost answer? looked up by its token -> polled -> lines are verdicts, or open again
//! what was in none -> discovery -> lines -> row stored -> upload -> id stored -> asked for -> id stored -> polled -> taken in
//! ```
//! Stopping in the middle loses nothing: the batch goes on at the endpoint, and the next invocation finds it by its id. A
//! line counts as one call; uploads and looks cost nothing and are not counted.

use super::super::super::verdict_key::VerdictKey;
use super::super::load::{Ready, Step};
use super::super::save;
use super::{MODEL_CHANGED, RunEngine};
use crate::core::digest::Digest;
use crate::eval::control::{Progress, RunScope};
use crate::eval::error::EvalError;
use crate::eval::execute::PRICE;
use crate::judge::batch::{self, BatchClient, BatchLine, BatchStatus, MOST_BYTES, MOST_LINES};
use crate::judge::{Judge, JudgeRequest, Stop};
use crate::store::{BatchInfo, BatchStage, NewBatch, NewVerdict, RunState, Store};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// Verdicts that share a commit.
const GROUP: usize = 256;

/// Why an invocation ends before all is answered.
enum Halt {
    /// The endpoint said no, or nothing.
    Stopped(Stop),
    /// It was cancelled; what is under way goes on at the endpoint.
    Cancelled,
    /// The registry failed.
    Failed(EvalError),
}

impl From<Stop> for Halt {
    fn from(stop: Stop) -> Self {
        Self::Stopped(stop)
    }
}

impl From<EvalError> for Halt {
    fn from(error: EvalError) -> Self {
        Self::Failed(error)
    }
}

impl From<crate::store::StoreError> for Halt {
    fn from(error: crate::store::StoreError) -> Self {
        Self::Failed(error.into())
    }
}

/// What came back from the endpoint so far.
#[derive(Default)]
struct BatchReplies {
    /// Keys of batches that ended without an answer for them.
    returned: HashSet<VerdictKey>,
    /// Why: the last words of those batches.
    why: String,
}

impl RunEngine {
    /// Carries the run out through batches; how it stands afterwards.
    pub async fn by_batch(&mut self) -> Result<(RunState, String), EvalError> {
        let judge = Arc::clone(&self.work.judge);
        let Some(client) = judge.batch() else {
            return Ok((RunState::Stopped, format!("the judge '{}' takes no batches", judge.name())));
        };
        let mut taken = BatchReplies::default();
        let halt = self.batches(&judge, &client, &mut taken).await.err();
        let left = self.without_verdict().await?;
        let id = &self.work.run.id;
        Ok(match halt {
            Some(Halt::Failed(error)) => return Err(error),
            Some(Halt::Stopped(stop)) => (RunState::Stopped, stop.message),
            Some(Halt::Cancelled) => (
                RunState::Partial,
                format!("its batch goes on at the endpoint; `assize run resume {id}` takes it in"),
            ),
            None if left > 0 => {
                let why = format!(
                    "{left} verdicts are still open ({}); `assize run resume {id}` asks for them in a new batch",
                    taken.why
                );
                (RunState::Partial, why)
            }
            None => (RunState::Complete, String::new()),
        })
    }

    async fn batches(
        &mut self,
        judge: &Arc<dyn Judge>,
        client: &BatchClient<'_>,
        taken: &mut BatchReplies,
    ) -> Result<(), Halt> {
        let mut under_way = self.earlier(client).await?;
        if let Some(fingerprint) = self.work.run.fingerprint {
            self.judging.fingerprint = fingerprint;
        }
        let sent: HashSet<VerdictKey> = under_way.iter().flat_map(keys_of).collect();
        let fresh: Vec<VerdictKey> = self.todo.drain(..).filter(|key| !sent.contains(key)).collect();
        if !fresh.is_empty() {
            under_way.extend(self.send(judge, client, fresh).await?);
        }
        for info in under_way {
            self.settle_batch(judge, client, info, taken).await?;
        }
        Ok(())
    }

    async fn stored(&mut self) -> Result<Vec<BatchInfo>, Halt> {
        let run = Arc::clone(&self.run);
        Ok(self.handle.read(move |s| s.batches(&run)).await?)
    }

    async fn put(&mut self, info: &BatchInfo) -> Result<(), Halt> {
        let info = info.clone();
        self.handle.write(move |s| s.set_batch(&info)).await.map_err(|e| Halt::Failed(self.write_error(e)))
    }

    /// The batches of earlier invocations that are at the endpoint. One whose creation was not answered is looked for by
    /// its token: it may be there, and paid for.
    async fn earlier(&mut self, client: &BatchClient<'_>) -> Result<Vec<BatchInfo>, Halt> {
        let mut there = Vec::new();
        for mut info in self.stored().await? {
            match info.stage {
                BatchStage::Settled | BatchStage::Dropped => continue,
                BatchStage::Sent => {}
                BatchStage::Planned => info.stage = BatchStage::Dropped,
                BatchStage::Creating => match client.find(&info.batch.token).await? {
                    Some(status) => note(&mut info, &status),
                    None => info.stage = BatchStage::Dropped,
                },
            }
            self.put(&info).await?;
            if info.stage == BatchStage::Sent {
                there.push(info);
            }
        }
        Ok(there)
    }

    /// Discovers, writes the lines of `keys` and sends them; what an earlier run knows already is saved at once.
    async fn send(
        &mut self,
        judge: &Arc<dyn Judge>,
        client: &BatchClient<'_>,
        keys: Vec<VerdictKey>,
    ) -> Result<Vec<BatchInfo>, Halt> {
        (self.work.tell)(Progress::Discovering);
        let token = self.work.control.token();
        match judge.discover(&token).await {
            Ok(found) => self.discovered(found).await?,
            Err(_) if token.is_cancelled() => return Err(Halt::Cancelled),
            Err(stop) => {
                self.undiscovered().await?;
                return Err(Halt::Stopped(stop));
            }
        }
        let mut lines: Vec<(VerdictKey, String)> = Vec::new();
        for keys in keys.chunks(GROUP) {
            let mut known = Vec::new();
            for step in self.steps(keys).await? {
                match step {
                    Step::Ask(key, ready) => {
                        let body = self.request(key, &ready).and_then(|request| judge.body(&request));
                        lines.extend(
                            body.map(|body| (key, batch::line(&self.custom_id(key), client.url(), &body))),
                        );
                    }
                    Step::Cached(_, verdict) => known.push(*verdict),
                    Step::Settle(key, state, reason) => {
                        let version = self.loader.version(key.criterion);
                        known.push(save::unasked(key, state, reason, version, self.judging.fingerprint));
                    }
                    // The plan refuses a batch of a run that writes responses.
                    Step::Write(_) => {}
                }
            }
            self.save_all(known, 0).await?;
        }
        if let Some(stop) = self.unproven.refuse_batch(lines.len()) {
            return Err(Halt::Stopped(stop));
        }
        let mut sent = Vec::new();
        for file in batch::split(lines, MOST_LINES, MOST_BYTES) {
            sent.push(self.send_file(judge.rung(), client, file).await?);
        }
        Ok(sent)
    }

    /// One file: its row first, then the upload, then the batch; each id is stored before the next step.
    async fn send_file(
        &mut self,
        rung: &str,
        client: &BatchClient<'_>,
        file: Vec<(VerdictKey, String)>,
    ) -> Result<BatchInfo, Halt> {
        let lines: String = file.iter().map(|(_, line)| line.as_str()).collect();
        let batch = NewBatch {
            token: format!("{}-{:016x}", self.run, rand::random::<u64>()),
            keys: file.iter().map(|(key, _)| (key.item, key.criterion, key.repeat)).collect(),
            rung: rung.to_owned(),
            input: Digest::of(&lines),
        };
        let (run, new) = (Arc::clone(&self.run), batch.clone());
        let id =
            self.handle.write(move |s| s.add_batch(&run, &new)).await.map_err(|e| self.write_error(e))?;
        let mut info = BatchInfo {
            id,
            batch,
            created_at: String::new(),
            stage: BatchStage::Planned,
            file_id: None,
            batch_id: None,
            status: String::new(),
        };
        self.wait_told(0.0, format!("uploading {} requests", file.len()));
        let token = self.work.control.token();
        let file_id = tokio::select! {
            biased;
            () = token.cancelled() => return Err(Halt::Cancelled),
            id = client.upload(&lines) => id?,
        };
        info.file_id = Some(file_id.clone());
        info.stage = BatchStage::Creating;
        self.put(&info).await?;
        // An answer that is not waited for is looked up by the token, next time.
        let created = tokio::select! {
            biased;
            () = token.cancelled() => return Err(Halt::Cancelled),
            created = client.create(&file_id, &info.batch.token) => created,
        };
        match created {
            Ok(status) => note(&mut info, &status),
            Err((stop, certain)) => {
                if certain {
                    info.stage = BatchStage::Dropped;
                    info.status = "refused".to_owned();
                    self.put(&info).await?;
                }
                return Err(Halt::Stopped(stop));
            }
        }
        self.put(&info).await?;
        Ok(info)
    }

    /// Waits until a batch is over, then stores what its lines say.
    async fn settle_batch(
        &mut self,
        judge: &Arc<dyn Judge>,
        client: &BatchClient<'_>,
        mut info: BatchInfo,
        taken: &mut BatchReplies,
    ) -> Result<(), Halt> {
        let Some(batch_id) = info.batch_id.clone() else { return Ok(()) };
        let status = self.poll(client, &batch_id, &mut info).await?;
        let mut lines = Vec::new();
        for file in [&status.output_file_id, &status.error_file_id].into_iter().flatten() {
            lines.extend(client.lines(file).await?);
        }
        let lines = batch::by_id(lines);
        // A batch that was taken in half before is not taken in twice.
        let row = info.id;
        let done = self.handle.read(move |s| s.verdicts_since_batch(row)).await?;
        let done: HashSet<VerdictKey> = done.iter().map(key_of).collect();
        let keys: Vec<VerdictKey> = keys_of(&info).filter(|key| !done.contains(key)).collect();
        // Known verdicts are not looked up here: these were paid for.
        if let Some(loader) = Arc::get_mut(&mut self.loader) {
            loader.fingerprint = None;
        }
        for chunk in keys.chunks(GROUP) {
            let mut verdicts = Vec::new();
            for step in self.steps(chunk).await? {
                let Step::Ask(key, ready) = step else { continue };
                let line = lines.get(&self.custom_id(key));
                match line.and_then(|line| self.verdict_of(judge, &info.batch.rung, key, &ready, line)) {
                    Some(verdict) => verdicts.push(verdict),
                    None => _ = taken.returned.insert(key),
                }
            }
            self.save_all(verdicts, 1).await?;
        }
        info.stage = BatchStage::Settled;
        self.put(&info).await?;
        let left = keys.iter().filter(|key| taken.returned.contains(key)).count();
        if left > 0 {
            let said = if status.errors.is_empty() {
                String::new()
            } else {
                format!(": {}", status.errors.join("; "))
            };
            taken.why = format!("the batch {} ended as {}{said}", info.batch.token, status.status);
        }
        if status.status == "failed" {
            let why = std::mem::take(&mut taken.why);
            return Err(Halt::Stopped(Stop::new(crate::judge::StopKind::Unusable, why)));
        }
        Ok(())
    }

    async fn poll(
        &mut self,
        client: &BatchClient<'_>,
        batch_id: &str,
        info: &mut BatchInfo,
    ) -> Result<BatchStatus, Halt> {
        let token = self.work.control.token();
        for n in 0.. {
            let status = tokio::select! {
                biased;
                () = token.cancelled() => return Err(Halt::Cancelled),
                status = client.status(batch_id) => status?,
            };
            if info.status != status.status {
                note(info, &status);
                self.put(info).await?;
            }
            if status.is_over() {
                (self.work.tell)(Progress::Resumed);
                return Ok(status);
            }
            let wait = client.wait(n);
            let (done, failed, all) = status.counts;
            let why = format!("the batch is {}, {} of {all} done", status.status, done + failed);
            self.wait_told(wait.as_secs_f64(), why);
            tokio::select! {
                biased;
                () = token.cancelled() => return Err(Halt::Cancelled),
                () = tokio::time::sleep(wait) => {}
            }
        }
        Err(Halt::Cancelled)
    }

    fn wait_told(&self, seconds: f64, why: String) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        (self.work.tell)(Progress::Waiting { until_s: Some(now + seconds), why });
    }

    /// How many keys have no verdict, or one that was never asked for.
    async fn without_verdict(&mut self) -> Result<usize, EvalError> {
        let id = self.work.run.id.clone();
        let cells = self.handle.read(move |s| s.cells(&id)).await?;
        let run = &self.work.run;
        let all = super::planned(run.items, run.criteria.len() as u32, run.spec.repeats);
        Ok(super::missing(all, &cells, RunScope::Missing).len())
    }

    async fn steps(&mut self, keys: &[VerdictKey]) -> Result<Vec<Step>, Halt> {
        let (loader, keys) = (Arc::clone(&self.loader), keys.to_vec());
        Ok(self.handle.read(move |s| loader.load(s, &keys)).await?)
    }

    /// The name of a line: the run and the key of its verdict.
    fn custom_id(&self, key: VerdictKey) -> String {
        format!("{}:{}:{}:{}", self.run, key.item, key.criterion, key.repeat)
    }

    fn request(&self, key: VerdictKey, ready: &Arc<Ready>) -> Option<JudgeRequest> {
        let question = self.loader.question(key.criterion, ready)?;
        let (subject, response) = (Arc::clone(&ready.subject), Arc::clone(&ready.response));
        let criterion = Arc::clone(&question.criterion);
        Some(JudgeRequest::new(subject, response, criterion, key.repeat, ready.lookup.clone()))
    }

    fn verdict_of(
        &mut self,
        judge: &Arc<dyn Judge>,
        rung: &str,
        key: VerdictKey,
        ready: &Arc<Ready>,
        line: &BatchLine,
    ) -> Option<NewVerdict> {
        let request = self.request(key, ready)?;
        let mut outcome = judge.read_line(&request, rung, &line.result)?;
        if let Some(model) = &outcome.model_returned {
            let first = self.first_model.get_or_insert_with(|| model.clone());
            if first != model {
                outcome.flags.push(MODEL_CHANGED.to_owned());
            }
        }
        let question = self.loader.question(key.criterion, ready)?;
        let mut verdict = save::verdict(&self.judging, key, ready, question, request.nonce, outcome);
        verdict.cost_usd = verdict.cost_usd.map(|usd| usd * PRICE);
        Some(verdict)
    }

    /// Stores verdicts in one commit, then tells them.
    async fn save_all(&mut self, verdicts: Vec<NewVerdict>, calls: u64) -> Result<(), Halt> {
        if verdicts.is_empty() {
            return Ok(());
        }
        let told: Vec<Progress> = verdicts.iter().map(save::told).collect();
        let run = Arc::clone(&self.run);
        let save = move |s: &mut Store| {
            verdicts.iter().try_for_each(|v| s.save_paid_verdict(&run, v, &save::usage_of(v, calls)))
        };
        self.keep(save).await.map_err(|e| Halt::Failed(self.write_error(e)))?;
        told.into_iter().for_each(|progress| (self.work.tell)(progress));
        Ok(())
    }
}

fn keys_of(info: &BatchInfo) -> impl Iterator<Item = VerdictKey> + '_ {
    info.batch.keys.iter().map(key_of)
}

fn key_of((item, criterion, repeat): &(u32, u32, u32)) -> VerdictKey {
    VerdictKey { item: *item, criterion: *criterion, repeat: *repeat }
}

fn note(info: &mut BatchInfo, status: &BatchStatus) {
    info.stage = BatchStage::Sent;
    info.batch_id = Some(status.id.clone());
    info.status.clone_from(&status.status);
}
