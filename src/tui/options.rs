//! How the screens are started.

use std::path::PathBuf;

/// How to start the screens.
#[derive(Debug, Clone)]
pub struct ScreenOptions {
    /// The registry's file.
    pub registry: PathBuf,
    /// Whether it is the demo's: said on the screen.
    pub demo: bool,
    /// Leave colours out, whatever the terminal can do.
    pub plain: bool,
    /// Where the registry is a pack for one reviewer: the run whose queue opens. Whose it is the config says.
    pub pack: Option<String>,
}
