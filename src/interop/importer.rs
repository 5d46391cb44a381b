//! The importers: one file for each format, one line for each in [`ALL`]. docs/technical/importing.md says how to add one.
//!
//! ```text
//! Source --sniff--> the first that knows it (or --as NAME) --read--> Batch
//! ```

use super::ImportError;
use super::batch::Batch;
use super::mapping::Target;
use super::source::Source;
use super::{
    braintrust, chat_file, deepeval, dotprompt, evals_log, inspect, langchain, langfuse, llm_template,
    openai_evals, phoenix, prompt_yml, promptfoo, prompty, semantic_kernel, table, traces,
};

/// A format that comes in.
pub struct Importer {
    /// Its name for `--as`.
    pub name: &'static str,
    /// What it takes, in a line.
    pub about: &'static str,
    /// Whether a source is of this format; cheap where it is not.
    pub sniff: fn(&Source) -> bool,
    /// What comes in, what each field became, and what is refused.
    pub read: fn(&Source, &Options) -> Result<Batch, ImportError>,
}

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

/// What the user asked for.
#[derive(Debug, Default, Clone)]
pub struct Options {
    /// The set's name.
    pub set: Option<String>,
    /// What fields become.
    pub map: Vec<(String, Target)>,
}

impl Options {
    /// The name of the set that a source's rows go into: as asked for, else the file's stem.
    ///
    /// # Errors
    /// When stdin is read and no name was given.
    pub fn set_name(&self, source: &Source) -> Result<String, ImportError> {
        match (&self.set, &source.stem) {
            (Some(name), _) => Ok(name.clone()),
            (None, Some(stem)) => Ok(stem.clone()),
            (None, None) => Err(source.fault("has no name to call the set by: add --set NAME")),
        }
    }
}

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
pub fn sniffed(source: &Source) -> Option<&'static Importer> {
    ALL.iter().find(|importer| (importer.sniff)(source)).copied()
}
