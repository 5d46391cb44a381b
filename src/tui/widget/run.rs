//! A run in a few words.

use crate::store::{RunInfo, RunState};

/// The start of a run's id, as shown.
pub fn short(id: &str) -> &str {
    id.get(..6).unwrap_or(id)
}

/// How many verdicts have a state.
pub fn done(run: &RunInfo) -> u32 {
    run.verdicts.values().sum()
}

/// Verdicts that were not reached by this program asking a live judge.
pub fn is_recorded(run: &RunInfo) -> bool {
    run.is_recorded()
}

/// The word that says so, unless the judge's own name does.
pub fn recorded_words(run: &RunInfo) -> &'static str {
    if is_recorded(run) && !run.spec.judge.contains("recorded") { "recorded" } else { "" }
}

/// The state of a run in one word.
pub fn state_words(run: &RunInfo) -> &'static str {
    match run.state {
        RunState::Running => "running",
        RunState::Complete => "complete",
        RunState::Partial => "partial",
        RunState::Stopped => "stopped",
    }
}

/// The arms in a few words: `r56, r58`, or their number where there are many.
pub fn arms_words(run: &RunInfo) -> String {
    match run.arms.as_slice() {
        [] => "no arm".to_owned(),
        few if few.len() <= 3 => few.join(", "),
        many => format!("{} arms", many.len()),
    }
}

/// Failed verdicts by sign: `2 ? 1 T`.
pub fn failed_words(run: &RunInfo) -> String {
    let failed =
        run.verdicts.iter().filter(|(s, n)| **s != crate::core::verdict::VerdictState::Scored && **n > 0);
    failed.map(|(state, n)| format!("{n} {}", state.sign())).collect::<Vec<_>>().join(" ")
}
