//! What a plan can choose from.

use crate::config::Config;
use crate::core::rubric::Rubric as StoredRubric;
use crate::store::{CaseSetInfo, Store};

/// What can be chosen from.
#[derive(Debug, Clone, PartialEq)]
pub struct Choices {
    /// Case sets, by name.
    pub sets: Vec<CaseSetInfo>,
    /// Rubrics: stored ones, and those that come with the program.
    pub rubrics: Vec<StoredRubric>,
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
pub fn choices(store: &Store, config: &Config) -> crate::store::Result<Choices> {
    Ok(Choices {
        sets: store.case_sets()?,
        rubrics: rubrics(store)?,
        judges: config.judges.keys().cloned().collect(),
        models: config.models.keys().cloned().collect(),
        recorded: store.recorded_judges()?,
    })
}

/// Stored rubrics first: one of them may carry the name of a built-in one, and then stands for it.
fn rubrics(store: &Store) -> crate::store::Result<Vec<StoredRubric>> {
    let mut rubrics: Vec<StoredRubric> = store.rubrics()?.into_iter().map(|r| r.rubric).collect();
    for rubric in crate::eval::built_in_rubrics() {
        if rubrics.iter().all(|r| r.name != rubric.name) {
            rubrics.push(rubric);
        }
    }
    Ok(rubrics)
}
