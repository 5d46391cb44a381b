//! Case sets: which cases of an import make a set.

use crate::core::item::Case;
use crate::store::error::{Result, StoreError};
use std::collections::HashMap;

/// The cases of a set, each once, in their order.
///
/// # Errors
/// When there are none, or an id occurs twice with other content.
pub(in crate::store) fn unique(cases: &[Case]) -> Result<Vec<&Case>> {
    if cases.is_empty() {
        return Err(StoreError::Invalid("there are no cases".into()));
    }
    let (mut unique, mut seen) = (Vec::new(), HashMap::new());
    for case in cases {
        match seen.insert(&case.id, case) {
            None => unique.push(case),
            Some(other) if other == case => {}
            Some(_) => {
                return Err(StoreError::Invalid(format!(
                    "case '{}' occurs twice with different content: give one another id",
                    case.id
                )));
            }
        }
    }
    Ok(unique)
}
