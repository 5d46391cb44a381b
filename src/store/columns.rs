//! The columns of a run: the names of its criteria, and how values are written into one.

use super::{Result, StoreError};

/// The column of items that bring a whole question of their own.
pub const OWN: &str = "own";

pub(super) fn to_json<T: serde::Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value)
        .map_err(|e| StoreError::Invalid(format!("a value cannot be written as JSON: {e}")))
}

/// The column's name for an item's own criterion: the name it gives, or `own` for a whole question.
pub fn column_of(criterion: &str) -> &str {
    let short = criterion.len() <= 40
        && criterion.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && criterion.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(c));
    if short { criterion } else { OWN }
}
