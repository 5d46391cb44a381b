//! (stub)
use crate::config::Config;
use crate::core::digest::Digest;
use crate::core::prompt::{PromptName, Selector};
use crate::judge::{Judge, Model};
use crate::store::*;
use std::sync::Arc;
/// stub
#[derive(Debug, Clone)]
pub struct RunRequest {
    pub set: SetChoice,
    pub arms: Vec<ArmChoice>,
    pub rubric: RubricChoice,
    pub judge: String,
    pub model: Option<String>,
    pub repeats: u32,
    pub concurrency: Option<usize>,
    pub max_cost_usd: Option<f64>,
    pub max_calls: Option<u64>,
}
/// stub
#[derive(Debug, Clone)]
pub enum SetChoice {
    Named(String),
}
/// stub
#[derive(Debug, Clone)]
pub enum ArmChoice {
    Imported(String),
    Prompt { name: PromptName, selector: Selector },
}
/// stub
#[derive(Debug, Clone)]
pub enum RubricChoice {
    Named(String),
    Criteria(Vec<String>),
    Own,
}
/// stub
#[derive(Debug, Clone)]
pub struct Plan {
    pub run: NewRun,
    pub calls_judge: u64,
    pub calls_generate: u64,
    pub cached: u64,
    pub tokens_low: u64,
    pub tokens_high: u64,
    pub cost_low: Option<f64>,
    pub cost_high: Option<f64>,
    pub warnings: Vec<String>,
    pub refused: Option<String>,
}
/// stub
pub fn plan(_store: &Store, _config: &Config, _request: &RunRequest) -> Result<Plan, EvalError> {
    Err(EvalError)
}
/// stub
pub fn open_judge(_config: &Config, _store: &Store, _name: &str) -> Result<Arc<dyn Judge>, EvalError> {
    Err(EvalError)
}
/// stub
pub fn open_model(_config: &Config, _name: &str) -> Result<Arc<dyn Model>, EvalError> {
    Err(EvalError)
}
/// stub
#[derive(Debug, thiserror::Error)]
#[error("stub")]
pub struct EvalError;
impl EvalError {
    /// stub
    pub fn exit_code(&self) -> u8 {
        2
    }
}
/// stub
#[derive(Clone, Default)]
pub struct Control {
    paused: Arc<std::sync::atomic::AtomicBool>,
}
impl Control {
    pub fn new() -> Self {
        Self::default()
    }
    pub fn cancel(&self) {}
    pub fn pause(&self, p: bool) {
        self.paused.store(p, std::sync::atomic::Ordering::Relaxed)
    }
    pub fn is_paused(&self) -> bool {
        self.paused.load(std::sync::atomic::Ordering::Relaxed)
    }
}
/// stub
#[derive(Debug, Clone)]
pub enum Progress {
    Discovering,
    Discovered { fingerprint: Digest, notes: Vec<String> },
    Began { item: u32, criterion: u32, repeat: u32 },
    Waiting { until_s: f64, why: String },
    Resumed,
    Generated { item: u32 },
    Saved { cell: Cell, explanation_known: bool, cost_usd: Option<f64>, tokens: Option<u64>, cached: bool },
    Ended { state: RunState, reason: String },
}
/// stub
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    Missing,
    Failed,
}
/// stub
pub async fn execute(
    _handle: Handle,
    _config: &Config,
    _run_id: String,
    _judge: Arc<dyn Judge>,
    _model: Option<Arc<dyn Model>>,
    _concurrency: usize,
    _control: Control,
    _scope: Scope,
    _progress: impl Fn(Progress) + Send + Sync + 'static,
) -> Result<RunInfo, EvalError> {
    Err(EvalError)
}
/// stub
pub struct CriterionSummary {
    pub name: String,
    pub mean: Option<f64>,
    pub ci95: Option<(f64, f64)>,
    pub n: usize,
    pub planned: usize,
    pub coverage: f64,
}
/// stub
pub struct ArmSummary {
    pub arm: String,
    pub criteria: Vec<CriterionSummary>,
}
/// stub
pub struct RunSummary {
    pub criteria: Vec<CriterionSummary>,
    pub arms: Vec<ArmSummary>,
}
/// stub
pub fn summarize(_run: &RunInfo, _cells: &[Cell], _items: &[RunItem]) -> RunSummary {
    RunSummary { criteria: vec![], arms: vec![] }
}
/// stub
pub fn built_in_rubrics() -> Vec<crate::core::rubric::Rubric> {
    vec![]
}

/// stub
pub async fn execute_stored(
    _h: Handle,
    _c: &Config,
    _run: String,
    _scope: Scope,
    _n: Option<usize>,
    _control: Control,
    _p: impl Fn(Progress) + Send + Sync + 'static,
) -> Result<RunInfo, EvalError> {
    Err(EvalError)
}
