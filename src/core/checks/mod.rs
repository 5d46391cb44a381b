//! Checks that need no judge: what a program can decide about a response, beside the criteria that only a reader can.
//!
//! ```text
//! rubric TOML [[checks]] --read--> Check --run(response, reference)--> passed | failed: why | not applicable: why
//! ```
//! A check never becomes a score: it is counted apart from the scores from 1 to 5. The same response and reference give
//! the same outcome always, so that nothing of it is stored.

mod check;
mod run;
mod schema;
mod words;

pub use check::{Check, Kind, Outcome};
pub use run::similarity;
pub use schema::{Schema, SchemaError};
