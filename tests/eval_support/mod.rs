//! A judge and a model that follow a script, and registries made for the tests of runs.

use assize::config::Config;
use assize::core::digest::Digest;
use assize::core::item::{Item, Subject};
use assize::core::verdict::{Reading, VerdictState};
use assize::eval::{
    Control, EvalError, Progress, RubricChoice, RunPlan, RunRequest, RunScope, SetChoice, execute, plan,
};
use assize::judge::{
    CallEvent, ChatMessage, Discovery, Gate, Generated, Judge, JudgeRequest, Model, Outcome, Stop, StopKind,
    Usage,
};
use assize::store::{Handle, RunInfo, Store};
use futures_util::future::BoxFuture;
use serde_json::{Map, Value, json};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tokio_util::sync::CancellationToken;

/// What the judge does with a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Act {
    Score(u8),
    Fail(VerdictState),
    Stop,
    /// Never answers.
    Hang,
    /// Another model answers.
    As(&'static str),
    Panic,
}

pub type Script = Box<dyn Fn(&JudgeRequest, u64) -> Act + Send + Sync>;

/// A judge that does what its script says. It asks the gate and announces its requests as a real one does.
pub struct Scripted {
    pub script: Script,
    /// Requests sent, discovery left out.
    pub asked: AtomicU64,
    pub keys: Mutex<Vec<String>>,
    pub fingerprint: Digest,
    pub refuses_discovery: bool,
    /// Why the trial gave no verdict.
    pub no_verdict: Option<String>,
    pub uses_gate: bool,
    pub in_flight: AtomicU64,
    pub most_in_flight: AtomicU64,
    pub gate: Mutex<Option<Arc<dyn Gate>>>,
}

impl Scripted {
    pub fn new(script: impl Fn(&JudgeRequest, u64) -> Act + Send + Sync + 'static) -> Self {
        Self {
            script: Box::new(script),
            asked: AtomicU64::new(0),
            keys: Mutex::default(),
            fingerprint: Digest::of("scripted"),
            refuses_discovery: false,
            no_verdict: None,
            uses_gate: true,
            in_flight: AtomicU64::new(0),
            most_in_flight: AtomicU64::new(0),
            gate: Mutex::default(),
        }
    }

    pub fn scoring(score: u8) -> Arc<Self> {
        Arc::new(Self::new(move |_, _| Act::Score(score)))
    }

    pub fn asked(&self) -> u64 {
        self.asked.load(Ordering::SeqCst)
    }

    fn admitted(&self) -> bool {
        !self.uses_gate || self.gate.lock().unwrap().as_ref().is_none_or(|g| g.admit())
    }

    async fn act(&self, request: &JudgeRequest) -> Outcome {
        let n = self.asked.fetch_add(1, Ordering::SeqCst);
        let key = format!(
            "{}|{}|{}|{}",
            request.lookup.case_id, request.lookup.arm, request.criterion.name, request.repeat
        );
        self.keys.lock().unwrap().push(key);
        let now = self.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_in_flight.fetch_max(now, Ordering::SeqCst);
        tokio::task::yield_now().await;
        self.in_flight.fetch_sub(1, Ordering::SeqCst);
        let (score, model) = match (self.script)(request, n) {
            Act::Score(score) => (score, "scripted-1"),
            Act::As(model) => (3, model),
            Act::Fail(state) => return Outcome { attempts: 1, ..Outcome::failed(state, "as scripted") },
            Act::Stop => {
                let stop = Some(Stop::new(StopKind::Quota, "the quota is used up"));
                return Outcome { attempts: 1, stop, ..Outcome::failed(VerdictState::HttpError, "quota") };
            }
            Act::Hang => std::future::pending().await,
            Act::Panic => panic!("on purpose"),
        };
        let explanation = format!("because {}", request.lookup.case_id);
        let reading =
            Reading { score, evidence: vec![], explanation, injection_suspected: false, repairs: vec![] };
        Outcome {
            reading: Some(reading),
            raw: format!("{{\"score\":{score}}}").into_bytes(),
            usage: Some(Usage { prompt_tokens: 100, completion_tokens: 10, ..Usage::default() }),
            attempts: 1,
            rung: "schema",
            model_returned: Some(model.to_owned()),
            ..Outcome::failed(VerdictState::Scored, "")
        }
    }
}

impl Judge for Scripted {
    fn name(&self) -> &str {
        "scripted"
    }
    fn model(&self) -> &str {
        "scripted"
    }
    fn is_recorded(&self) -> bool {
        false
    }
    fn discover<'a>(&'a self, _: &'a CancellationToken) -> BoxFuture<'a, Result<Discovery, Stop>> {
        let refused = self.refuses_discovery || !self.admitted();
        Box::pin(std::future::ready(if refused {
            Err(Stop::new(StopKind::Key, "the key was refused"))
        } else {
            let (notes, no_verdict) = (vec!["a note".into()], self.no_verdict.clone());
            Ok(Discovery { calls: 1, model_returned: None, notes, no_verdict })
        }))
    }
    fn fingerprint(&self) -> Digest {
        self.fingerprint
    }
    fn describe(&self) -> Value {
        json!({})
    }
    fn judge<'a>(
        &'a self,
        request: &'a JudgeRequest,
        events: &'a (dyn Fn(CallEvent) + Send + Sync),
        _: &'a CancellationToken,
    ) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            if !self.admitted() {
                return Outcome::failed(VerdictState::OverBudget, "the gate is shut");
            }
            events(CallEvent::Sent);
            self.act(request).await
        })
    }
    fn set_gate(&self, gate: Arc<dyn Gate>) {
        *self.gate.lock().unwrap() = Some(gate);
    }
}

/// A model that answers by a script over the last message.
pub struct Writing {
    pub asked: AtomicU64,
    script: Box<dyn Fn(&str) -> Result<String, VerdictState> + Send + Sync>,
}

impl Writing {
    pub fn new(script: impl Fn(&str) -> Result<String, VerdictState> + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self { asked: AtomicU64::new(0), script: Box::new(script) })
    }
}

impl Model for Writing {
    fn name(&self) -> &str {
        "writing"
    }
    fn model(&self) -> &str {
        "writing"
    }
    fn generate<'a>(
        &'a self,
        messages: &'a [ChatMessage],
        _: &'a Map<String, Value>,
        events: &'a (dyn Fn(CallEvent) + Send + Sync),
        _: &'a CancellationToken,
    ) -> BoxFuture<'a, Generated> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        events(CallEvent::Sent);
        let last = messages.last().map(|m| m.content.clone()).unwrap_or_default();
        let (text, state) = match (self.script)(&last) {
            Ok(text) => (text, VerdictState::Scored),
            Err(state) => (String::new(), state),
        };
        Box::pin(std::future::ready(Generated {
            text,
            state,
            reason: "as scripted".into(),
            raw: vec![],
            usage: None,
            latency_ms: 1,
            attempts: 1,
            finish_reason: None,
            model_returned: Some("writing-1".into()),
            stop: None,
        }))
    }
}

pub fn item(id: &str, arm: &str, response: &str) -> Item {
    let subject = Subject { prompt: format!("Question {id}"), ..Subject::default() };
    Item { id: id.into(), arm: arm.into(), response: response.into(), subject, verdicts: vec![] }
}

pub fn items(n: usize) -> Vec<Item> {
    (0..n).map(|i| item(&format!("c{i:03}"), "default", &format!("Answer number {i}"))).collect()
}

/// A configuration with a priced judge `j` and a priced model `m`.
pub fn config() -> Config {
    let text = "[judge.j]\nbase_url = \"http://127.0.0.1:9/v1\"\nmodel = \"jm\"\nmax_tokens = 1000\nprice_in = 1.0\nprice_out = 10.0\n\
        [judge.free]\nbase_url = \"http://127.0.0.1:9/v1\"\nmodel = \"jm\"\n\
        [model.m]\nbase_url = \"http://127.0.0.1:9/v1\"\nmodel = \"mm\"\nprice_in = 1.0\nprice_out = 10.0\n";
    Config::parse(text, Path::new("config.toml")).unwrap()
}

pub fn request(criteria: &[&str]) -> RunRequest {
    RunRequest {
        set: SetChoice::Named("set".into()),
        arms: vec![],
        rubric: RubricChoice::Criteria(criteria.iter().map(|c| (*c).to_owned()).collect()),
        judge: "j".into(),
        model: None,
        repeats: 1,
        generations: 1,
        concurrency: None,
        max_cost_usd: None,
        max_calls: None,
        until: None,
        max_tokens: None,
    }
}

/// A registry in a folder of its own, with its threads.
pub struct Registry {
    pub dir: tempfile::TempDir,
    pub handle: Handle,
}

impl Registry {
    pub fn empty() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let handle = Handle::open(&dir.path().join("r.db")).unwrap();
        Self { dir, handle }
    }

    pub async fn with_items(items: Vec<Item>) -> Self {
        let new = Self::empty();
        new.handle.write(move |s| s.import_items("set", items)).await.unwrap();
        new
    }

    pub fn path(&self) -> std::path::PathBuf {
        self.dir.path().join("r.db")
    }

    pub async fn plan(&self, request: RunRequest) -> RunPlan {
        self.try_plan(request).await.unwrap_or_else(|e| panic!("{e}"))
    }

    pub async fn try_plan(&self, request: RunRequest) -> Result<RunPlan, EvalError> {
        self.handle.read(move |s: &Store| Ok(plan(s, &config(), &request))).await.unwrap()
    }

    /// Plans and stores a run.
    pub async fn create(&self, request: RunRequest) -> String {
        let planned = self.plan(request).await;
        assert_eq!(planned.refused, None);
        self.handle.write(move |s| s.create_run(&planned.run)).await.unwrap()
    }

    pub async fn run(&self, id: &str) -> RunInfo {
        let id = id.to_owned();
        self.handle.read(move |s| s.run(&id)).await.unwrap()
    }

    pub async fn go(
        &self,
        id: &str,
        judge: &Arc<Scripted>,
        scope: RunScope,
        control: &Control,
    ) -> Result<RunInfo, EvalError> {
        self.go_telling(id, judge, None, scope, control, |_| ()).await
    }

    pub async fn go_telling(
        &self,
        id: &str,
        judge: &Arc<Scripted>,
        model: Option<Arc<dyn Model>>,
        scope: RunScope,
        control: &Control,
        tell: impl Fn(Progress) + Send + Sync + 'static,
    ) -> Result<RunInfo, EvalError> {
        let judge: Arc<dyn Judge> = Arc::clone(judge) as _;
        execute(self.handle.clone(), &config(), id.into(), judge, model, 4, control.clone(), scope, tell)
            .await
    }

    /// What a run holds, by key, without times: what an export compares.
    pub async fn content(&self, id: &str) -> Vec<Value> {
        let id = id.to_owned();
        let all = self.handle.read(move |s| s.verdicts(&id)).await.unwrap();
        all.into_iter()
            .map(|v| {
                let v = v.verdict;
                json!([
                    v.item,
                    v.criterion,
                    v.repeat,
                    v.state,
                    v.reading,
                    v.reason,
                    v.nonce,
                    String::from_utf8_lossy(&v.raw),
                    v.flags
                ])
            })
            .collect()
    }
}
