//! Runs: what is to be judged, what it would cost, carrying it out, and what came of it.
//!
//! ```text
//! RunRequest --plan--> Plan --Store::create_run--> a stored run --execute--> verdicts, one by one
//!                                                       ^                        | killed, stopped, cancelled
//!                                                       +------- execute --------+
//! cells --summarize--> means with their intervals and coverage
//! ```
//! No score is invented here: what could not be judged keeps the name of its failure, and means say how many of the
//! planned verdicts they rest on.

pub mod agreement;
mod attempt;
mod batch;
mod budget;
mod check_results;
pub mod compare;
mod control;
mod endpoints;
mod error;
mod estimate;
mod evaluator;
mod execute;
pub mod history;
mod human_scores;
mod judges;
pub mod modes;
mod noise;
mod numbers;
mod packs;
mod pairwise;
mod plan;
mod queue;
mod recorded;
mod render;
mod staleness;
mod stopping;
mod summary;
mod unproven;
mod verdict_key;
#[cfg(test)]
pub(crate) mod worlds;

pub use attempt::{Asked, Attempt, attempts};
pub use batch::{as_batch, cancel_batches};
pub use check_results::{CheckSummary, CheckedItem, check_item, check_run, summarize_checks};
pub use control::{Control, Progress, RunScope};
pub use endpoints::{open_judge, open_model};
pub use error::EvalError;
pub use estimate::Guess;
pub use evaluator::{Evaluation, Evaluator};
pub use execute::{execute, execute_stored, exit_code};
pub use human_scores::{Checked, People};
pub use judges::{Reliance, fingerprints, rests_on_judge, rests_on_model};
#[cfg(test)]
pub(crate) use noise::made_up;
pub use noise::{Noise, PASS_MARK, Spread, noise, noise_floor};
pub use numbers::Numbers;
pub use packs::{PackChoice, choose_items};
pub use pairwise::{
    PairFigures, PairPlan, PairProgress, PairResult, PairwiseRequest, PairwiseRun, compare_pairs,
    pair_sentence, plan_pairs, rehearse,
};
pub use plan::{ArmChoice, Overflow, RubricChoice, RunPlan, RunRequest, SetChoice, plan};
pub use queue::{QueueSpec, RunQueue};
pub use recorded::{RECORDED, is_recorded, recorded_as};
pub use render::{RenderError, RenderedCase, render_case, render_with};
pub use staleness::{ModelGroup, RunNotes, grouped, notes, retired, stale};
pub use summary::{
    ArmSummary, CriterionSummary, Expected, RunSummary, ScoredItem, coverage, doubts, mean_over, summarize,
    summarize_together,
};
pub use verdict_key::{VerdictKey, missing, planned};
