//! Why a command could not do its work, and the exit code that says so.

use crate::core::prompt::{ChatError, NameError};
use crate::interop::ImportError;
use crate::store::StoreError;
use std::io;

/// The result of a command.
pub type Result<T, E = CliError> = std::result::Result<T, E>;

/// Done.
pub const DONE: u8 = 0;
/// A gate failed, or `diff --exit-code` found a difference.
pub const FAILED: u8 = 1;
/// Usage, config or input.
pub const INPUT: u8 = 2;
/// Inconclusive: coverage or interval.
pub const INCONCLUSIVE: u8 = 3;
/// The registry.
pub const REGISTRY: u8 = 4;
/// The judge's endpoint.
pub const ENDPOINT: u8 = 5;
/// Ctrl-C.
pub const INTERRUPTED: u8 = 130;
/// SIGTERM.
pub const TERMINATED: u8 = 143;

/// A failure with its exit code and what to tell.
#[derive(Debug)]
pub struct CliError {
    /// The exit code.
    pub code: u8,
    /// What happened, where, and what to do next; empty when there is nothing to add.
    pub message: String,
}

impl CliError {
    /// Something asked wrongly: exit 2.
    pub fn input(message: impl Into<String>) -> Self {
        Self { code: INPUT, message: message.into() }
    }

    /// The registry's own trouble: exit 4.
    pub fn registry(message: impl Into<String>) -> Self {
        Self { code: REGISTRY, message: message.into() }
    }

    /// Ends with `code` and says nothing more.
    pub fn quiet(code: u8) -> Self {
        Self { code, message: String::new() }
    }
}

impl From<io::Error> for CliError {
    fn from(error: io::Error) -> Self {
        // A reader that has seen enough (`| head`) is no failure.
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::quiet(DONE),
            _ => Self::input(format!("cannot read or write: {error}")),
        }
    }
}

impl From<StoreError> for CliError {
    fn from(error: StoreError) -> Self {
        tracing::error!(error = &error as &dyn std::error::Error, "the registry");
        Self { code: error.exit_code(), message: super::advice::told(&error) }
    }
}

impl From<NameError> for CliError {
    fn from(error: NameError) -> Self {
        Self::input(error.to_string())
    }
}

impl From<ChatError> for CliError {
    fn from(error: ChatError) -> Self {
        Self::input(error.to_string())
    }
}

impl From<ImportError> for CliError {
    fn from(error: ImportError) -> Self {
        Self::input(error.to_string())
    }
}

impl From<crate::core::rubric::RubricError> for CliError {
    fn from(error: crate::core::rubric::RubricError) -> Self {
        Self::input(error.to_string())
    }
}
