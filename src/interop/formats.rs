//! The formats that come in: one file for each, one line for each in [`ALL`]. docs/technical/importing.md says how to add one.
//!
//! ```text
//! Source --sniff--> the first that knows it (or --as NAME) --read--> Batch
//! ```

use super::importer::Importer;
use super::source::ImportSource;
use super::{
    braintrust, chat_file, deepeval, dotprompt, evals_log, inspect, langchain, langfuse, llm_template,
    openai_evals, phoenix, prompt_yml, promptfoo, prompty, semantic_kernel, table, traces,
};

/// All of them, in the order in which they are asked; the most general last.
pub const ALL: &[&Importer] = &[
    &promptfoo::RESULTS,
    &promptfoo::CONFIG,
    &openai_evals::OPENAI,
    &prompt_yml::PROMPT_YML,
    &langfuse::LANGFUSE,
    &traces::TRACES,
    &inspect::INSPECT,
    &phoenix::PHOENIX,
    &deepeval::DEEPEVAL,
    &braintrust::BRAINTRUST,
    &evals_log::EVALS_LOG,
    &prompty::PROMPTY,
    &dotprompt::DOTPROMPT,
    &semantic_kernel::SEMANTIC_KERNEL,
    &langchain::LANGCHAIN,
    &llm_template::LLM,
    &chat_file::CHAT,
    &table::TABLE,
];

/// The importer of this name.
///
/// # Errors
/// When there is none, with all names.
pub fn named(name: &str) -> Result<&'static Importer, String> {
    let found = ALL.iter().find(|importer| importer.name == name).copied();
    found.ok_or_else(|| {
        let names: Vec<&str> = ALL.iter().map(|importer| importer.name).collect();
        format!("'{name}' is no format: use {}", names.join(", "))
    })
}

/// The first importer that knows a source.
pub fn sniffed(source: &ImportSource) -> Option<&'static Importer> {
    ALL.iter().find(|importer| (importer.sniff)(source)).copied()
}
