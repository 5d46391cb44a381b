//! assize: a local registry of LLM prompts with diffs, judge scores and human review.
//!
//! What an application needs is at this root: a [`Registry`] of prompts, the [`Diff`] of two texts, an [`Evaluator`] that puts
//! responses before a judge, and [`paired_compare`] with its [`verdict_sentence`] for what the scores say.
//!
//! ```
//! use assize::{Diff, Evaluator, Pair, PairedInput, RecordedJudge, Registry, VerdictState, criterion};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let dir = tempfile::tempdir()?;
//! # let path = dir.path().join("registry.db");
//! // Versions are named by their content.
//! let mut registry = Registry::open(&path)?;
//! let first = registry.register("support/summary", "Summarise:\n{{ ticket }}\n", Default::default())?;
//! let second = registry.register("support/summary", "Summarise in a line:\n{{ ticket }}\n", Default::default())?;
//! assert_eq!(registry.get_version("support/summary", &first.version)?.revision, 1);
//!
//! let diff = Diff::new(&first.template, &second.template);
//! assert_eq!((diff.stats.removed, diff.stats.added), (1, 1));
//!
//! // A judge that replays what was recorded; `Evaluator::asking("http://127.0.0.1:8080/v1#MODEL")` asks a live one.
//! let accuracy = criterion("accuracy");
//! let judge = RecordedJudge::new("scripted").with_score("On 4 July 1776.", &accuracy, 4, "One date is off.");
//! let verdicts =
//!     Evaluator::replaying(judge).evaluate_response("When was it signed?", "On 4 July 1776.", &[accuracy]).await;
//! assert_eq!((verdicts[0].state, verdicts[0].score), (VerdictState::Scored, Some(4)));
//!
//! // Scores of two variants on the same cases. What could not be judged is no number.
//! let pair = |a, b| Pair { a, b, cluster: None };
//! let pairs = [(3.0, 4.0), (2.0, 4.0), (4.0, 4.0), (3.0, 5.0), (2.0, 3.0), (3.0, 4.0)];
//! let mut pairs: Vec<Pair> = pairs.into_iter().map(|(a, b)| pair(Some(a), Some(b))).collect();
//! pairs.push(pair(Some(3.0), None));
//! let table = assize::paired_compare(&[PairedInput { name: "accuracy".into(), pairs, people: Vec::new() }], 1);
//! assert!(!assize::verdict_sentence(&table, "first", "second").is_empty());
//! # Ok(()) }
//! ```
//!
//! With `default-features = false` the library is built without the command line (feature `cli`) and the screens (`tui`), and
//! without what only they need. The modules that are not shown here are the program's own: they change without notice.
//!
//! ```text
//! core  <-  store, judge, interop  <-  eval  <-  questions  <-  tui, cli
//! ```
#![warn(missing_docs)]

mod children;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod cli;
mod clock;
#[doc(hidden)]
pub mod config;
#[doc(hidden)]
pub mod core;
#[doc(hidden)]
pub mod eval;
#[doc(hidden)]
pub mod interop;
#[doc(hidden)]
pub mod judge;
#[doc(hidden)]
pub mod logfile;
#[doc(hidden)]
pub mod questions;
#[doc(hidden)]
pub mod signals;
#[doc(hidden)]
pub mod store;
#[cfg(feature = "tui")]
#[doc(hidden)]
pub mod tui;
#[doc(hidden)]
pub mod worker_process;

pub use crate::core::diff::{Diff, LineEnd, Move, Note, Row, RowKind, Side, Span, Stats, unified};
pub use crate::core::item::Subject;
pub use crate::core::prompt::{
    Base, Label, NameError, PromptName, Selector, Settings, Syntax, Template, TemplateKind,
};
pub use crate::core::rubric::{Criterion, by_name as criterion};
pub use crate::core::stats::compare::{Comparison, PairedInput, paired_compare, verdict_sentence};
pub use crate::core::stats::pair::Pair;
pub use crate::core::verdict::VerdictState;
pub use crate::eval::{Evaluation, Evaluator};
pub use crate::judge::{RecordedJudge, Stop, StopKind};
pub use crate::store::registry::{Registry, Version};
pub use crate::store::{Memory, SqliteError, StoreError};
