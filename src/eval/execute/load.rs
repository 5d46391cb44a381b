//! Brings the texts of the next items into memory, a chunk at a time, with the verdicts that earlier runs reached
//! already: one question to the registry for many keys, while calls are under way.

use super::super::attempt::seeded;
use super::super::plan::own_of;
use super::super::render::render_with;
use super::super::verdict_key::{VerdictKey, cache_key};
use crate::core::digest::Digest;
use crate::core::item::{Case, Subject};
use crate::core::prompt::{Selector, Settings, Template};
use crate::core::rubric::Criterion;
use crate::core::template::Parts;
use crate::core::verdict::VerdictState;
use crate::judge::{ChatMessage, Lookup};
use crate::store::{Arm, FullItem, NewVerdict, PaidQuestion as Asked, Result, RunInfo, Store, StoreError};
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::sync::Arc;

/// A question with its version, shared by all calls that put it.
#[derive(Debug, Clone)]
pub(super) struct CriterionQuestion {
    pub criterion: Arc<Criterion>,
    pub version: Digest,
}

impl CriterionQuestion {
    pub fn new(criterion: Criterion) -> Self {
        Self { version: criterion.version(), criterion: Arc::new(criterion) }
    }
}

/// An item ready to be judged.
#[derive(Debug)]
pub(super) struct Ready {
    pub subject: Arc<Subject>,
    pub response: Arc<str>,
    pub response_digest: Digest,
    pub subject_digest: Option<Digest>,
    pub lookup: Lookup,
    /// The item's own question, in runs where each brings one.
    pub own: Option<CriterionQuestion>,
}

impl Ready {
    pub fn new(lookup: Lookup, subject: Subject, response: String, own: bool) -> Self {
        Self {
            own: own.then(|| own_of(&subject).map(CriterionQuestion::new)).flatten(),
            response_digest: Digest::of(&response),
            subject_digest: subject.digest().ok(),
            subject: Arc::new(subject),
            response: response.into(),
            lookup,
        }
    }

    pub fn cache_key(&self, fingerprint: &Digest, version: &Digest, repeat: u32) -> Option<Digest> {
        let subject = self.subject_digest.as_ref()?;
        Some(cache_key(fingerprint, &self.response_digest, subject, version, repeat))
    }
}

/// A response to be written first.
#[derive(Debug)]
pub(super) struct Unwritten {
    pub item: crate::store::RunItem,
    pub arm: Arm,
    pub subject: Subject,
    pub messages: Vec<ChatMessage>,
    pub params: Map<String, Value>,
    pub keys: Vec<VerdictKey>,
}

/// What is to be done next.
#[derive(Debug)]
pub(super) enum Step {
    /// Ask the judge.
    Ask(VerdictKey, Arc<Ready>),
    /// Ask the model; then the judge.
    Write(Box<Unwritten>),
    /// An earlier run reached this verdict.
    Cached(VerdictKey, Box<NewVerdict>),
    /// There is nothing to ask: no response.
    Settle(VerdictKey, VerdictState, String),
}

impl Unwritten {
    /// As it is claimed.
    pub fn question(&self) -> Asked {
        Asked::Response {
            set: self.item.set_id,
            arm: self.arm.name.clone(),
            case: self.item.case_id.clone(),
            repeat: self.item.repeat,
        }
    }
}

impl Step {
    /// The keys that it is for.
    pub fn keys(&self) -> Vec<VerdictKey> {
        match self {
            Self::Ask(key, _) | Self::Cached(key, _) | Self::Settle(key, ..) => vec![*key],
            Self::Write(unwritten) => unwritten.keys.clone(),
        }
    }
}

/// How prompts of a run's arms are rendered.
struct ArmRenderer {
    arm: Arm,
    template: Template,
    settings: Settings,
    parts: Parts,
}

/// All that loading needs besides the registry; made once, shared by the chunks.
pub(super) struct Loader {
    run: String,
    set: String,
    own: bool,
    questions: Vec<CriterionQuestion>,
    writers: HashMap<String, ArmRenderer>,
    cases: HashMap<String, Case>,
    /// The model's seed, where one is configured.
    seed: Option<i64>,
    /// Where earlier verdicts are looked up; none for recorded judges.
    pub fingerprint: Option<Digest>,
}

impl Loader {
    /// Reads the templates and cases of the arms that can generate.
    pub fn open(store: &Store, run: &RunInfo, can_write: bool) -> Result<Self> {
        let mut loader = Self {
            run: run.id.clone(),
            set: run.spec.set.clone(),
            own: run.spec.own_criterion,
            questions: run.spec.criteria.iter().cloned().map(CriterionQuestion::new).collect(),
            writers: HashMap::new(),
            cases: HashMap::new(),
            seed: run.spec.model_config.as_ref().and_then(|c| c.get("seed")).and_then(Value::as_i64),
            fingerprint: None,
        };
        if !can_write {
            return Ok(loader);
        }
        for arm in store.run_arms(&run.id)? {
            let Some((name, seq)) = &arm.prompt else { continue };
            let info = store.resolve(name, &Selector::revision(*seq))?;
            let template = Template { kind: info.kind, body: store.text(&info.digest)? };
            // What the includes stood for when the run was planned, not what they stand for now.
            let recorded = run.spec.includes.get(&arm.name).map(Vec::as_slice).unwrap_or_default();
            let parts = store
                .parts((name, *seq), &template, info.syntax, recorded)
                .map_err(|e| StoreError::Invalid(e.to_string()))?;
            let writer = ArmRenderer { settings: info.settings(), template, parts, arm };
            loader.writers.insert(writer.arm.name.clone(), writer);
        }
        if !loader.writers.is_empty() {
            let set = store.case_set_by_digest(&run.spec.set, &run.spec.set_digest)?;
            loader.cases = store.cases(set.id)?.into_iter().map(|c| (c.id.clone(), c)).collect();
        }
        Ok(loader)
    }

    /// The question of a column for an item.
    pub fn question<'q>(&'q self, column: u32, ready: &'q Ready) -> Option<&'q CriterionQuestion> {
        if self.own { ready.own.as_ref() } else { self.questions.get(column as usize) }
    }

    /// The version of a column's question where there is no item to ask about.
    pub fn version(&self, column: u32) -> Digest {
        self.questions.get(column as usize).map_or_else(|| Digest::of("own"), |q| q.version)
    }

    /// The steps for these keys, all of whose items are loaded. Keys of one item stand together.
    pub fn load(&self, store: &Store, keys: &[VerdictKey]) -> Result<Vec<Step>> {
        let mut steps = Vec::with_capacity(keys.len());
        for keys in keys.chunk_by(|a, b| a.item == b.item) {
            let Some(first) = keys.first() else { continue };
            self.load_item(store, store.full_item(&self.run, first.item)?, keys, &mut steps)?;
        }
        Ok(steps)
    }

    fn load_item(
        &self,
        store: &Store,
        full: FullItem,
        keys: &[VerdictKey],
        steps: &mut Vec<Step>,
    ) -> Result<()> {
        let writer = self.writers.get(&full.item.arm);
        let (subject, response) = match (full.subject, full.response, writer) {
            (Some(subject), Some(Ok(text)), _) if !text.trim().is_empty() => (subject, text),
            (_, Some(Ok(_)), _) => {
                let why = "the response is empty".to_owned();
                steps.extend(keys.iter().map(|k| Step::Settle(*k, VerdictState::NotGenerated, why.clone())));
                return Ok(());
            }
            (_, _, Some(writer)) => {
                steps.push(self.write_step(full.item, writer, keys)?);
                return Ok(());
            }
            (_, Some(Err((state, why))), None) => {
                steps.extend(keys.iter().map(|k| Step::Settle(*k, state, why.clone())));
                return Ok(());
            }
            _ => {
                let why = "there is no response, and no model to write one".to_owned();
                steps.extend(keys.iter().map(|k| Step::Settle(*k, VerdictState::NotGenerated, why.clone())));
                return Ok(());
            }
        };
        let item = full.item;
        let place = Lookup { set: self.set.clone(), case_id: item.case_id, arm: item.arm };
        let ready = Arc::new(Ready::new(place, subject, response, self.own));
        for key in keys {
            steps.push(self.ask_or_cached(store, *key, &ready)?);
        }
        Ok(())
    }

    fn ask_or_cached(&self, store: &Store, key: VerdictKey, ready: &Arc<Ready>) -> Result<Step> {
        let Some(question) = self.question(key.criterion, ready) else {
            return Ok(Step::Settle(key, VerdictState::NotGenerated, "the item brings no criterion".into()));
        };
        let cache = self.fingerprint.and_then(|f| ready.cache_key(&f, &question.version, key.repeat));
        if let Some(cache) = cache
            && let Some(found) = store.cached_verdict(&cache)?
        {
            let verdict = NewVerdict {
                item: key.item,
                criterion: key.criterion,
                repeat: key.repeat,
                cached: true,
                attempts: 0,
                latency_ms: 0,
                cost_usd: None,
                prompt_tokens: None,
                completion_tokens: None,
                ..found.verdict
            };
            return Ok(Step::Cached(key, Box::new(verdict)));
        }
        Ok(Step::Ask(key, Arc::clone(ready)))
    }

    /// The prompt's own parameters; with a seed, each further response to a case has another one.
    fn params(&self, writer: &ArmRenderer, generation: u32) -> Map<String, Value> {
        seeded(&writer.settings.config, self.seed, generation)
    }

    fn write_step(
        &self,
        item: crate::store::RunItem,
        writer: &ArmRenderer,
        keys: &[VerdictKey],
    ) -> Result<Step> {
        let case = self.cases.get(&item.case_id).ok_or_else(|| {
            StoreError::Damaged(format!(
                "run {} plans the case '{}', which its set does not hold",
                self.run, item.case_id
            ))
        })?;
        let item_generation = item.repeat;
        match render_with(&writer.template, &writer.settings, case, &writer.parts) {
            Ok(done) => Ok(Step::Write(Box::new(Unwritten {
                item,
                arm: writer.arm.clone(),
                subject: done.subject,
                messages: done.messages,
                params: self.params(writer, item_generation),
                keys: keys.to_vec(),
            }))),
            // The plan refuses this; a set cannot change under a run.
            Err(error) => Err(StoreError::Invalid(error.to_string())),
        }
    }

    /// What a step asks for that somebody else may be asking too; nothing where its answer serves nobody else.
    pub fn asks(&self, step: &Step) -> Option<Asked> {
        match step {
            Step::Ask(key, ready) => self.asks_of(*key, ready),
            Step::Write(unwritten) => Some(unwritten.question()),
            Step::Cached(..) | Step::Settle(..) => None,
        }
    }

    /// As [`Loader::asks`], of a verdict.
    pub fn asks_of(&self, key: VerdictKey, ready: &Ready) -> Option<Asked> {
        let (fingerprint, question) = (self.fingerprint?, self.question(key.criterion, ready)?);
        ready.cache_key(&fingerprint, &question.version, key.repeat).map(Asked::Verdict)
    }

    /// The bytes of the largest request among these keys: what a money cap reserves for each call.
    pub fn largest(&self, store: &Store, keys: &[VerdictKey]) -> Result<usize> {
        use super::super::estimate::{UNWRITTEN, question_bytes};
        let mut largest = 0;
        for step in self.load(store, keys)? {
            let bytes = match &step {
                Step::Ask(key, ready) => self
                    .question(key.criterion, ready)
                    .map_or(0, |q| question_bytes(&ready.subject, ready.response.len(), &q.criterion)),
                Step::Write(unwritten) => self
                    .questions
                    .iter()
                    .map(|q| question_bytes(&unwritten.subject, 4 * UNWRITTEN, &q.criterion))
                    .max()
                    .unwrap_or(0),
                _ => 0,
            };
            largest = largest.max(bytes);
        }
        Ok(largest)
    }
}
