//! What the checks of a run's rubric say of its responses. Computed from what is stored whenever it is asked for: the
//! same response always gives the same outcome, so that nothing can go stale.

use crate::core::checks::{Check, Outcome};
use crate::store::{FullItem, Result, RunInfo, Store};
use serde::Serialize;

/// One check over the responses of one arm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckSummary {
    /// The arm's full name.
    pub arm: String,
    /// The check's name.
    pub name: String,
    /// Responses that pass.
    pub pass: u32,
    /// Responses that do not.
    pub fail: u32,
    /// Where it cannot be decided: no response, or no reference.
    pub not_applicable: u32,
}

/// One response on one check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckedItem {
    /// The case.
    pub item: String,
    /// The arm's full name.
    pub arm: String,
    /// The check's name.
    pub name: String,
    /// How it ended.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// One item on all checks, in their order.
pub fn check_item(checks: &[Check], item: &FullItem) -> Vec<Outcome> {
    let response = item.response.as_ref().and_then(|r| r.as_ref().ok());
    let reference = item.subject.as_ref().and_then(|s| s.reference.as_deref());
    let run = |check: &Check| match response {
        Some(text) => check.run(text, reference),
        None => Outcome::NotApplicable { why: "there is no response".into() },
    };
    checks.iter().map(run).collect()
}

/// All responses of a run on all checks, by item; empty for a rubric without checks.
///
/// # Errors
/// When the registry cannot be read.
pub fn check_run(store: &Store, run: &RunInfo) -> Result<Vec<CheckedItem>> {
    let checks = &run.spec.checks;
    let mut checked = Vec::new();
    for item in if checks.is_empty() { 0..0 } else { 0..run.items } {
        let full = store.full_item(&run.id, item)?;
        for (check, outcome) in checks.iter().zip(check_item(checks, &full)) {
            checked.push(CheckedItem {
                item: full.item.case_id.clone(),
                arm: full.item.arm.clone(),
                name: check.name.clone(),
                outcome,
            });
        }
    }
    Ok(checked)
}

/// Counts by arm and check, in the run's order.
pub fn summarize_checks(run: &RunInfo, checked: &[CheckedItem]) -> Vec<CheckSummary> {
    let mut rows = Vec::new();
    for arm in &run.arms {
        for check in &run.spec.checks {
            let mine = || checked.iter().filter(|c| c.arm == *arm && c.name == check.name);
            let count = |word: &str| mine().filter(|c| c.outcome.word() == word).count() as u32;
            rows.push(CheckSummary {
                arm: arm.clone(),
                name: check.name.clone(),
                pass: count("pass"),
                fail: count("fail"),
                not_applicable: count("n/a"),
            });
        }
    }
    rows
}
