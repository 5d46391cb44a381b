//! Pure parts: no clock, disk, network, screen or async. What goes in decides what comes out.
//!
//! ```text
//! canonical JSON in one form, no digit changed
//! digest   exact bytes -> the name of a version; row digests for fsck
//! prompt   names, labels, selectors, templates and their settings
//! chat     messages and the bodies of requests around them
//! template variables and rendering in five syntaxes
//! tokens   offline token counts; bpe is the encoding they are counted with
//! near     how near two names are, for "did you mean"
//! toml_doc TOML with the line of each problem
//! text     the one place that cuts, measures or cleans strings; Untrusted
//! aside    work that may cost more than anybody waits for, and where it is done
//! secrets  what reads like a key; blank takes one out of a text, however it is spelled
//! blame    a history -> the revision that brought each line
//! diff     two texts -> aligned rows, words refined; unified output
//! item     cases, responses and items to be judged
//! rubric   criteria with anchors for 1..5
//! checks   what a program can decide about a response, without a judge
//! evidence quotes found in a response; marks of forged or hidden text
//! verdict  the states a judgement can end in
//! parse    a judge's reply -> a score with its reasons, or why there is none
//! stats    means, intervals, agreement, comparison
//! queue    the order of a blind review, from a stored seed
//! ```
pub mod blame;
pub mod bounded_work;
mod bounded_worker;
pub mod bpe;
pub mod canonical;
pub mod chat;
pub mod checks;
pub mod context;
pub mod diff;
pub mod digest;
pub mod evidence;
pub mod item;
pub mod message;
pub mod name;
pub mod near_names;
pub mod pairwise;
pub mod parse;
pub mod prompt;
pub mod queue;
pub mod redact;
pub mod rubric;
pub mod search_query;
pub mod secrets;
pub mod stats;
pub mod template;
pub mod text;
pub mod theme_file;
pub mod tokens;
pub mod toml_doc;
pub mod verdict;
