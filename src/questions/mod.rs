//! What users ask, each question answered in one file: the screens, the command line, JSON and the library ask here, so that
//! one question has one answer.
//!
//! ```text
//! core, store, eval  <-  questions  <-  tui, cli
//! ```
//!
//! A file here reads what an answer needs and puts it together; figures are worked out by `core::stats` and `eval`. What takes
//! time is a function of its own that needs no registry, so that a screen can ask for it on another thread. Words, colours and
//! the shape of JSON are the surfaces' own.

pub mod agreement;
pub mod blame;
pub mod comparison;
pub mod coverage;
pub mod difference;
pub mod grid;
pub mod licence;
pub mod noise;
pub mod plan;
pub mod rendered;
pub mod report;
pub mod tokens;
