//! What can a run be made of, and what would it do?
//!
//! ```text
//! registry + config -> choices: case sets, rubrics, judges, models, recorded judges
//! a choice of them  -> eval::plan: calls, tokens, cost, warnings, or why it is refused
//! ```

use crate::config::Config;
use crate::core::rubric::builtin_rubrics;
use crate::eval::EvalError;
use crate::store::{CaseSetInfo, Result, RubricInfo, Store};

pub use crate::eval::{RunPlan, RunRequest};

/// What can be chosen from.
#[derive(Debug, Clone, PartialEq)]
pub struct Choices {
    /// Case sets, by name.
    pub sets: Vec<CaseSetInfo>,
    /// As [`rubrics`].
    pub rubrics: Vec<RubricInfo>,
    /// Names of judges in the config.
    pub judges: Vec<String>,
    /// Names of models in the config.
    pub models: Vec<String>,
    /// Names of the judges whose verdicts were imported, which a recorded judge can replay.
    pub recorded: Vec<String>,
}

/// Reads what can be chosen from.
///
/// # Errors
/// When the registry cannot be read.
pub fn choices(store: &Store, config: &Config) -> Result<Choices> {
    Ok(Choices {
        sets: store.case_sets()?,
        rubrics: rubrics(store)?,
        judges: config.judges.keys().cloned().collect(),
        models: config.models.keys().cloned().collect(),
        recorded: store.recorded_judges()?,
    })
}

/// Stored rubrics, then those that come with the program; a stored one stands for a built-in one of its name.
///
/// # Errors
/// When the registry cannot be read.
pub fn rubrics(store: &Store) -> Result<Vec<RubricInfo>> {
    let mut list = store.rubrics()?;
    for rubric in builtin_rubrics() {
        if !list.iter().any(|r| r.rubric.name == rubric.name) {
            let digest = rubric.version();
            list.push(RubricInfo {
                rubric: rubric.clone(),
                digest,
                created_at: String::new(),
                built_in: true,
            });
        }
    }
    Ok(list)
}

/// What a run of these would do; nothing is stored and nothing is asked.
///
/// # Errors
/// When something named is not there, or cannot be rendered or reached as configured.
pub fn plan(store: &Store, config: &Config, request: &RunRequest) -> std::result::Result<RunPlan, EvalError> {
    crate::eval::plan(store, config, request)
}
