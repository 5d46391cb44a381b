//! What a run would do and cost, and what keeps it from being started. Nothing is sent, nothing is stored.
//!
//! ```text
//! set + arms --choose--> rows (stored response | to be generated)   rubric --> criteria
//!                              \__________________ x _________________/  x passes = keys
//!                                                  \--> calls, cached, tokens, money; warnings; refused
//! ```

mod arms;
mod context_fit;
mod recordings;

pub use context_fit::Overflow;

use super::endpoints::stored_config;
use super::error::EvalError;
use super::estimate::{Guess, PriceRates, UNWRITTEN, question_bytes};
use super::recorded::{candidates, recorded_as, recorded_name};
use super::verdict_key::cache_key;
use crate::config::{Config, Role};
use crate::core::checks::Check;
use crate::core::digest::Digest;
use crate::core::prompt::{PromptName, Selector};
use crate::core::rubric::{self, Criterion, Rubric};
use crate::core::stats::sequential::Until;
use crate::core::template::Included;
use crate::judge::JudgeConfig;
use crate::judge::retirement::retirement_warning;
use crate::store::{CaseSetInfo, NewRun, RunItem, RunSpec, Store};
use arms::{PlanItem, Response};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What is to be judged, by what, how often, and for how much at most.
#[derive(Debug, Clone, PartialEq)]
pub struct RunRequest {
    /// Cases or items.
    pub set: SetChoice,
    /// Whose responses; all arms of the set when empty.
    pub arms: Vec<ArmChoice>,
    /// The questions.
    pub rubric: RubricChoice,
    /// A configured judge, `URL#MODEL`, `recorded:NAME`, or `recorded` where only one of these fits.
    pub judge: String,
    /// Who writes responses that are not stored yet: a configured model or `URL#MODEL`.
    pub model: Option<String>,
    /// Passes per (item, criterion); at least 1.
    pub repeats: u32,
    /// Responses written for each case of a generating arm; at least 1.
    pub generations: u32,
    /// Calls in flight; the judge's configured number when absent.
    pub concurrency: Option<usize>,
    /// Cap for one invocation, in USD.
    pub max_cost_usd: Option<f64>,
    /// Cap for one invocation, in HTTP requests.
    pub max_calls: Option<u64>,
    /// Stop as soon as this is known.
    pub until: Option<Until>,
    /// Cap for one invocation, in tokens read and written.
    pub max_tokens: Option<u64>,
}

/// Which cases or items.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SetChoice {
    /// The newest version of this name in the registry.
    Named(String),
    /// This very version of this name.
    Version(String, Digest),
}

/// Whose responses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ArmChoice {
    /// An arm that has responses in the set, by its full name.
    Imported(String),
    /// A revision of a prompt, run by the request's model.
    Prompt {
        /// The prompt.
        name: PromptName,
        /// Which revision.
        selector: Selector,
    },
}

/// The questions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RubricChoice {
    /// A stored rubric, else a built-in one.
    Named(String),
    /// This very rubric.
    Exact(Rubric),
    /// Criteria by name: built in, else with generic anchors.
    Criteria(Vec<String>),
    /// Each item's own criterion.
    Own,
}

/// What a run would do.
#[derive(Debug, Clone, PartialEq)]
pub struct RunPlan {
    /// To be stored by `Store::create_run`.
    pub run: NewRun,
    /// Judge calls, if each is answered at once; cached ones and missing responses left out.
    pub calls_judge: u64,
    /// Calls that generate responses.
    pub calls_generate: u64,
    /// Verdicts an earlier run has reached already: free. Known only once this judge has been used.
    pub cached: u64,
    /// Tokens read and written, low guess.
    pub tokens_low: u64,
    /// High guess: every answer as long as it may be.
    pub tokens_high: u64,
    /// USD, low guess; absent when a price is not known.
    pub cost_low: Option<f64>,
    /// USD, high guess.
    pub cost_high: Option<f64>,
    /// Prompts that do not fit the window of the model or the judge, or may not.
    pub overflows: Vec<Overflow>,
    /// Of these, what judging takes.
    pub judging: Guess,
    /// Of these, what writing responses takes.
    pub generating: Guess,
    /// Where the judge's and the model's prices come from; empty where they are not known.
    pub price_sources: (String, String),
    /// Worth knowing before saying yes.
    pub warnings: Vec<String>,
    /// Why it cannot be started, and what would help.
    pub refused: Option<String>,
}

/// What is gathered while planning.
#[derive(Default)]
pub(super) struct PlanNotes {
    pub(super) warnings: Vec<String>,
    refused: Vec<String>,
    includes: BTreeMap<String, Vec<Included>>,
}

/// Plans a run: pure over what the registry says now.
///
/// # Errors
/// When a name in the request does not exist or is ambiguous. What could be meant but must not be started comes back as
/// [`RunPlan::refused`].
pub fn plan(store: &Store, config: &Config, request: &RunRequest) -> Result<RunPlan, EvalError> {
    if request.repeats == 0 || request.generations == 0 {
        return Err(EvalError::Input("--repeats is at least 1, and so is --generations".into()));
    }
    let set = match &request.set {
        SetChoice::Named(name) => store.case_set(name)?,
        SetChoice::Version(name, digest) => store.case_set_by_digest(name, digest)?,
    };
    let replays = recorded_name(&request.judge);
    let judge = match replays {
        // First of all what is missing, before anything is said of arms and criteria.
        Some(of) => candidates(store, of).map(|_| None)?,
        None => Some(config.resolve_endpoint(Role::Judge, &request.judge)?),
    };
    let model =
        request.model.as_deref().map(|name| config.resolve_endpoint(Role::Model, name)).transpose()?;
    let mut notes = PlanNotes::default();
    let rows = arms::choose(store, &set, request, model.as_ref(), &mut notes)?;
    let (rubric, criteria, checks) = criteria_of(store, &request.rubric, &mut notes)?;
    if request.generations > 1 && !rows.iter().any(|r| r.generation > 0) {
        notes
            .refused
            .push("--generations above 1 needs an arm that a model writes: give --arm and --model".into());
    }
    if request.rubric == RubricChoice::Own {
        require_own(&rows, &mut notes);
    }
    let mut spec = spec_of(&set, request, judge.as_ref(), model.as_ref(), rubric, criteria);
    spec.includes = std::mem::take(&mut notes.includes);
    spec.checks = checks;
    let judge_rates = judge.as_ref().map_or(PriceRates { free: true, ..PriceRates::default() }, |judge| {
        PriceRates::of(judge).with_learned_room(store, judge)
    });
    let model_rates = model.as_ref().map(PriceRates::of).unwrap_or_default();
    check_caps(request, &judge_rates, model.as_ref().map(|_| &model_rates), &rows, &mut notes);
    let overflows = context_fit::overflows(&rows, &spec.criteria, judge.as_ref(), model.as_ref());
    notes.warnings.extend(context_fit::warnings(&overflows));
    notes.warnings.extend(judge.iter().chain(&model).filter_map(retirement_warning));
    let sums = count(store, &spec, &rows, &judge_rates, &model_rates)?;
    if let Some(of) = replays
        && let Some(name) = recordings::choose(store, of, &spec, &rows, &mut notes)?
    {
        // Who is not to be used any more is not to be replayed either.
        let imported = Digest::of(format!("imported:{name}"));
        notes.refused.extend(super::judges::refusal(store, &name, &imported)?);
        spec.judge = recorded_as(&name);
        spec.judge_config = json!({"recorded": true, "judge": name});
    }
    if let Some(fingerprint) = known_fingerprint(store, &spec)? {
        notes.refused.extend(super::judges::refusal(store, &spec.judge, &fingerprint)?);
    }
    let items: Vec<_> = rows.into_iter().enumerate().map(|(ord, row)| row.into_item(ord, set.id)).collect();
    if matches!(request.until, Some(Until::Decided(_))) {
        require_two_arms(&items, &mut notes);
    }
    let source = |config: Option<&JudgeConfig>| config.map(|c| c.price_source.clone()).unwrap_or_default();
    let guess = sums.judging.plus(&sums.generating);
    Ok(RunPlan {
        price_sources: (source(judge.as_ref()), source(model.as_ref())),
        judging: sums.judging,
        generating: sums.generating,
        run: NewRun { spec, items },
        calls_judge: sums.judge,
        calls_generate: sums.generate,
        cached: sums.cached,
        tokens_low: guess.tokens.0,
        tokens_high: guess.tokens.1,
        cost_low: guess.cost.0,
        cost_high: guess.cost.1,
        overflows,
        warnings: notes.warnings,
        refused: (!notes.refused.is_empty()).then(|| notes.refused.join("\n")),
    })
}

/// A decision is about one arm against another.
fn require_two_arms(items: &[(RunItem, crate::store::Arm)], notes: &mut PlanNotes) {
    let arms: std::collections::BTreeSet<&str> = items.iter().map(|(item, _)| item.arm.as_str()).collect();
    if arms.len() != 2 {
        notes.refused.push(format!(
            "--until decided holds one arm against another, and this run has {}: give --arm twice",
            arms.len()
        ));
    }
}

fn spec_of(
    set: &CaseSetInfo,
    request: &RunRequest,
    judge: Option<&JudgeConfig>,
    model: Option<&JudgeConfig>,
    rubric: String,
    criteria: Vec<Criterion>,
) -> RunSpec {
    RunSpec {
        set: set.name.clone(),
        set_digest: set.digest,
        rubric,
        own_criterion: criteria.is_empty(),
        criteria,
        judge: request.judge.clone(),
        judge_config: judge.map_or_else(|| json!({"recorded": true}), stored_config),
        model: request.model.clone(),
        model_config: model.map(stored_config),
        repeats: request.repeats,
        max_cost_usd: request.max_cost_usd,
        max_calls: request.max_calls,
        until: request.until,
        includes: Default::default(),
        max_tokens: request.max_tokens,
        checks: Vec::new(),
        generations: request.generations,
        batch: false,
    }
}

/// The rubric's shown name, its criteria (none for items that bring their own) and its checks.
pub(super) fn criteria_of(
    store: &Store,
    choice: &RubricChoice,
    notes: &mut PlanNotes,
) -> Result<(String, Vec<Criterion>, Vec<Check>), EvalError> {
    let whole = |rubric: &Rubric| (rubric.name.clone(), rubric.criteria.clone(), rubric.checks.clone());
    match choice {
        RubricChoice::Own => Ok(("own".into(), Vec::new(), Vec::new())),
        RubricChoice::Exact(rubric) => Ok(whole(rubric)),
        RubricChoice::Named(name) => {
            let stored = store.rubrics()?;
            let found =
                stored.iter().map(|r| &r.rubric).chain(rubric::builtin_rubrics()).find(|r| r.name == *name);
            let Some(found) = found else {
                let mut names: Vec<&str> = stored.iter().map(|r| r.rubric.name.as_str()).collect();
                names.extend(rubric::builtin_rubrics().iter().map(|r| r.name.as_str()));
                return Err(EvalError::Input(format!(
                    "no rubric is named '{name}'; there are: {}. `assize rubric add FILE.toml` adds one",
                    names.join(", ")
                )));
            };
            Ok(whole(found))
        }
        RubricChoice::Criteria(names) => {
            let mut criteria: Vec<Criterion> = Vec::new();
            for name in names {
                if !rubric::is_name(name) {
                    return Err(EvalError::Input(format!(
                        "'{name}' is no criterion: --criteria takes short names such as accuracy,clarity; a whole question goes into a rubric file"
                    )));
                }
                if criteria.iter().any(|c| c.name == *name) {
                    return Err(EvalError::Input(format!("the criterion '{name}' is given twice")));
                }
                criteria.push(rubric::by_name(name));
            }
            if criteria.is_empty() {
                return Err(EvalError::Input(
                    "--criteria needs at least one name, such as accuracy,clarity".into(),
                ));
            }
            for generic in criteria.iter().filter(|c| c.generic) {
                notes.warnings.push(format!(
                    "'{}' is not built in: its question and anchors are generic; a rubric file says what is meant",
                    generic.name
                ));
            }
            Ok(("criteria".into(), criteria, Vec::new()))
        }
    }
}

fn require_own(rows: &[PlanItem], notes: &mut PlanNotes) {
    let without: Vec<&str> = rows
        .iter()
        .filter(|r| !matches!(&r.response, Response::Stored { subject, .. } if subject.criterion.is_some()))
        .filter(|r| !matches!(r.response, Response::Failed))
        .map(|r| r.case_id.as_str())
        .collect();
    if let Some(first) = without.first() {
        notes.refused.push(format!(
            "{} of {} items bring no criterion of their own (the first is '{first}'): give --rubric NAME or --criteria a,b",
            without.len(),
            rows.len()
        ));
    }
}

fn check_caps(
    request: &RunRequest,
    judge: &PriceRates,
    model: Option<&PriceRates>,
    rows: &[PlanItem],
    notes: &mut PlanNotes,
) {
    if request.max_calls == Some(0) || request.max_tokens == Some(0) {
        notes.refused.push("a cap on calls or tokens is at least 1".into());
    }
    let Some(cap) = request.max_cost_usd else { return };
    if !(cap.is_finite() && cap > 0.0) {
        notes.refused.push("--max-cost is a number of USD above 0".into());
    }
    let generates = rows.iter().any(|r| matches!(r.response, Response::Unwritten(_)));
    let names = [
        (judge.cost(1, 1).is_none()).then_some(("judge", Some(&request.judge))),
        (generates && model.is_some_and(|m| m.cost(1, 1).is_none()))
            .then_some(("model", request.model.as_ref())),
    ];
    for (role, name) in names.into_iter().flatten() {
        notes.refused.push(format!(
            "the price of the {role} '{}' is not known, so --max-cost cannot be kept: set price_in and price_out in [{role}.NAME], or cap calls with --max-calls or tokens with --max-tokens",
            name.map_or("", String::as_str)
        ));
    }
}

#[derive(Default)]
struct Sums {
    judge: u64,
    generate: u64,
    cached: u64,
    judging: Guess,
    generating: Guess,
}

fn count(
    store: &Store,
    spec: &RunSpec,
    rows: &[PlanItem],
    judge: &PriceRates,
    model: &PriceRates,
) -> Result<Sums, EvalError> {
    let fingerprint = if judge.free { None } else { known_fingerprint(store, spec)? };
    let versions: Vec<Digest> = spec.criteria.iter().map(Criterion::version).collect();
    let mut sums = Sums::default();
    for row in rows {
        match &row.response {
            Response::Failed => {}
            Response::Unwritten(subject) => {
                sums.generate += 1;
                sums.generating.add(model, subject.prompt.len() + 40, 1);
                for criterion in &spec.criteria {
                    sums.judge += u64::from(spec.repeats);
                    sums.judging.add(
                        judge,
                        question_bytes(subject, UNWRITTEN, criterion),
                        u64::from(spec.repeats),
                    );
                }
            }
            Response::Stored { subject, text } => {
                let own = spec.own_criterion.then(|| own_of(subject)).flatten();
                let own_version = own.as_ref().map(Criterion::version);
                let questions =
                    spec.criteria.iter().zip(&versions).chain(own.as_ref().zip(own_version.as_ref()));
                let digests = fingerprint.map(|f| (f, Digest::of(text), subject.digest()));
                for (criterion, version) in questions {
                    let mut calls = u64::from(spec.repeats);
                    if let Some((fingerprint, response, Ok(subject))) = &digests {
                        for repeat in 0..spec.repeats {
                            let key = cache_key(fingerprint, response, subject, version, repeat);
                            if store.cached_verdict(&key)?.is_some() {
                                sums.cached += 1;
                                calls -= 1;
                            }
                        }
                    }
                    sums.judge += calls;
                    sums.judging.add(judge, question_bytes(subject, text.len(), criterion), calls);
                }
            }
        }
    }
    if judge.free {
        sums.judge = 0;
    }
    Ok(sums)
}

/// An item's own criterion.
pub(super) fn own_of(subject: &crate::core::item::Subject) -> Option<Criterion> {
    subject.criterion.as_deref().map(|c| rubric::own(c, subject.anchors.as_ref()))
}

/// The fingerprint this judge had when it was last used with the same settings.
fn known_fingerprint(store: &Store, spec: &RunSpec) -> Result<Option<Digest>, EvalError> {
    let runs = store.runs(Some(100))?;
    Ok(runs
        .iter()
        .find(|r| {
            r.spec.judge == spec.judge && r.spec.judge_config == spec.judge_config && r.fingerprint.is_some()
        })
        .and_then(|r| r.fingerprint))
}

impl PlanItem {
    fn into_item(self, ord: usize, set_id: i64) -> (RunItem, crate::store::Arm) {
        let item = RunItem {
            ord: u32::try_from(ord).unwrap_or(u32::MAX),
            case_id: self.case_id,
            arm: self.arm.name.clone(),
            set_id,
            repeat: self.generation,
            cluster: self.cluster,
            tags: self.tags,
        };
        (item, self.arm)
    }
}

/// Names and lists in messages: the first few, then how many more.
pub(super) fn some(names: &[String]) -> String {
    let shown: Vec<&str> = names.iter().take(5).map(String::as_str).collect();
    let more = names.len().saturating_sub(shown.len());
    if more > 0 { format!("{} and {more} more", shown.join(", ")) } else { shown.join(", ") }
}

/// What a plan says of itself in JSON: for `--dry-run`.
impl RunPlan {
    /// Counts and money as one JSON object.
    pub fn to_json(&self) -> Value {
        json!({
            "items": self.run.items.len(),
            "criteria": self.run.spec.criteria.iter().map(|c| &c.name).collect::<Vec<_>>(),
            "own_criterion": self.run.spec.own_criterion,
            "repeats": self.run.spec.repeats,
            "generations": self.run.spec.generations,
            "checks": self.run.spec.checks.iter().map(|c| &c.name).collect::<Vec<_>>(),
            "calls": {"judge": self.calls_judge, "generate": self.calls_generate},
            "cached": self.cached,
            "tokens": {"low": self.tokens_low, "high": self.tokens_high},
            "cost_usd": {"low": self.cost_low, "high": self.cost_high},
            "includes": self.run.spec.includes,
            "overflows": self.overflows,
            "judging": self.judging.to_json(&self.price_sources.0),
            "generating": self.generating.to_json(&self.price_sources.1),
            "warnings": self.warnings,
            "refused": self.refused,
        })
    }
}
