//! What comes in from files and goes out to them: one file for each format, no registry and no terminal.
//!
//! ```text
//! any file -> source (bytes, text, JSON, YAML) -> importer (which format) -> batch (what comes in, what each field became)
//! FILE.jsonl -> jsonl (lines, sizes, UTF-8) -> json (no doubled keys) -> prompts | cases | responses | items -> rows
//!                                                                        any fault: the whole file, with its line
//! reviews -> sheet (CSV for a spreadsheet) -> scores
//! rows -> prompts::row -> FILE.jsonl or a folder, and back without loss
//! ```

pub mod align;
pub mod batch;
pub mod braintrust;
pub mod cases;
pub mod chat_file;
pub mod deepeval;
pub mod dotprompt;
pub mod evals_log;
pub mod folder;
pub mod foreign;
pub mod formats;
pub mod generated;
pub mod git;
pub mod importer;
pub mod inspect;
pub mod items;
pub mod json;
pub mod jsonl;
pub mod langchain;
pub mod langfuse;
pub mod llm_template;
pub mod mapping;
pub mod openai_evals;
pub mod phoenix;
pub mod prompt_yml;
pub mod promptfoo;
pub mod prompts;
pub mod prompty;
pub mod responses;
pub mod semantic_kernel;
pub mod sheet;
pub mod source;
pub mod table;
pub mod traces;
pub mod yaml;

/// Why a file was refused; nothing of it was taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportError {
    /// The file, or `stdin`.
    pub file: String,
    /// The line, from 1, where one is to blame.
    pub line: Option<usize>,
    /// What is wrong, and what to do.
    pub what: String,
}

impl ImportError {
    /// A fault of the whole file.
    pub fn new(file: &str, what: impl Into<String>) -> Self {
        Self { file: file.into(), line: None, what: what.into() }
    }

    /// A fault of one line.
    pub fn at(file: &str, line: usize, what: impl Into<String>) -> Self {
        Self { file: file.into(), line: Some(line), what: what.into() }
    }
}

impl std::fmt::Display for ImportError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line {
            Some(line) => write!(f, "{} line {line}: {}; nothing was imported", self.file, self.what),
            None => write!(f, "{}: {}; nothing was imported", self.file, self.what),
        }
    }
}

impl std::error::Error for ImportError {}
