//! When a command leads to the screens, and where they open.

use super::error::{CliError, Result};
use super::output::ColorChoice;
use std::io::IsTerminal;
use std::path::PathBuf;

/// What the program does after the arguments are read.
pub enum Next {
    /// It is done.
    Exit(u8),
    /// It opens the screens.
    Screens(Screens),
}

/// Where the screens open.
pub struct Screens {
    /// The registry's file.
    pub registry: PathBuf,
    /// Whether it is the demo's.
    pub demo: bool,
    /// When to colour.
    pub color: ColorChoice,
    /// Who reviews, if said.
    pub reviewer: Option<String>,
    /// Where the registry is a pack for one reviewer.
    pub pack: Option<PackScreens>,
}

/// A pack: its queue is what opens, and its reviewer is the only one.
pub struct PackScreens {
    /// The run in it.
    pub run: String,
}

/// The screens are refused where nobody could see or steer them.
///
/// # Errors
/// When stdin or stdout is no terminal.
pub fn need_terminal() -> Result<()> {
    if std::io::stdin().is_terminal() && std::io::stdout().is_terminal() {
        return Ok(());
    }
    Err(CliError::input(
        "the screens need a terminal, and stdin or stdout is none; each action also exists as a command: assize --help",
    ))
}
