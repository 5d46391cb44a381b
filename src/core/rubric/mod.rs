//! Rubrics: criteria on their scales, each score or label with its anchor, read from TOML and versioned by digest.
//!
//! ```text
//! FILE.toml --read--> Rubric --version--> digest: editing any word makes another version
//! built in, ad hoc, an item's own question --> Criterion --> the judge and the reviewer read the same words
//! ```

mod builtin;
mod checks;
mod criterion;
mod read;
mod scale;

pub use builtin::{
    ad_hoc, ad_hoc_on, builtin_criteria, builtin_criterion, builtin_rubric, builtin_rubrics, by_name, own,
};
pub use criterion::{Criterion, Rubric, is_name};
pub use read::{RubricError, read, to_toml};
pub use scale::Scale;
