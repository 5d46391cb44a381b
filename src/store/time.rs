//! Times as they are stored: RFC 3339, as given or the clock's.

use super::{Result, StoreError};

/// Now, as RFC 3339.
pub(super) fn now() -> String {
    crate::clock::now().round(jiff::Unit::Millisecond).unwrap_or_else(|_| crate::clock::now()).to_string()
}

pub(super) fn check_time(at: Option<&str>) -> Result<String> {
    match at {
        None => Ok(now()),
        Some(text) if text.parse::<jiff::Timestamp>().is_ok() => Ok(text.to_owned()),
        Some(text) => Err(StoreError::Invalid(format!(
            "'{text}' is not a time: write it as 2026-01-31T12:00:00Z (RFC 3339, with its offset)"
        ))),
    }
}
