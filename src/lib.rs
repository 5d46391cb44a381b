//! assize: a local registry of LLM prompts with diffs, judge scores and human review.
//!
//! ```text
//!   core  <-  store, judge, interop  <-  eval  <-  questions  <-  tui, cli
//! ```
#![warn(missing_docs)]

pub mod aside;
pub mod children;
pub mod cli;
pub mod clock;
pub mod config;
pub mod core;
pub mod eval;
pub mod interop;
pub mod judge;
pub mod logfile;
pub mod questions;
pub mod signals;
pub mod store;
pub mod tui;
