//! What users ask, each question answered in one file: the screens, the command line, JSON and the library ask here, so that
//! one question has one answer.
//!
//! ```text
//! core, store, eval  <-  questions  <-  tui, cli
//! ```
//!
//! Means, coverage and the noise floor are answered by `eval::summary` and `eval::noise`, comparisons by `core::stats`.

pub mod difference;
pub mod tokens;
