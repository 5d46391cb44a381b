//! What to do next, in the words of the screens. Errors of the library say what happened and carry what is known as data.

use crate::eval::EvalError;
use crate::store::{Guarded, StoreError};

/// A registry's error as a screen tells it.
pub fn told(error: &StoreError) -> String {
    let what = error.to_string();
    let advice = match error {
        StoreError::NoPrompt { archived: true, .. } => ": the archive lists it",
        StoreError::NoReviewer => ": say who you are first",
        StoreError::Protected { against: Guarded::Move, .. } => ": its name, typed again, moves it",
        StoreError::Protected { against: Guarded::Name { .. }, .. } => ": move the label first",
        StoreError::NeedsGate { label, .. } => {
            return format!("{what}; `assize label set` asks it and moves {label}");
        }
        StoreError::Damaged(_) => "; leave, and let `assize fsck` name what is damaged",
        _ => return what,
    };
    format!("{what}{advice}")
}

/// An engine's error, likewise.
pub fn told_of_run(error: &EvalError) -> String {
    match error {
        EvalError::Store(error) => told(error),
        EvalError::Write { .. } | EvalError::Internal(_) => format!("{error}; resuming the run goes on"),
        other => other.to_string(),
    }
}
