//! (in work)
use std::path::PathBuf;

/// What the screens are opened on.
#[derive(Debug, Clone)]
pub struct Options {
    /// The registry's file.
    pub registry: PathBuf,
    /// It is the demo's.
    pub demo: bool,
}

/// Opens the screens.
///
/// # Errors
/// When there is no terminal, or the registry cannot be opened.
pub fn run(_options: Options) -> anyhow::Result<()> {
    anyhow::bail!("the screens are not built yet")
}
