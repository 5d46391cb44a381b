//! What an importer is: a name, a look at a source, a reading of it. [`super::formats`] lists them all.

use super::ImportError;
use super::batch::Batch;
use super::mapping::Target;
use super::source::ImportSource;
/// A format that comes in.
pub struct Importer {
    /// Its name for `--as`.
    pub name: &'static str,
    /// What it takes, in a line.
    pub about: &'static str,
    /// Whether a source is of this format; cheap where it is not.
    pub sniff: fn(&ImportSource) -> bool,
    /// What comes in, what each field became, and what is refused.
    pub read: fn(&ImportSource, &ImportOptions) -> Result<Batch, ImportError>,
}

/// What the user asked for.
#[derive(Debug, Default, Clone)]
pub struct ImportOptions {
    /// The set's name.
    pub set: Option<String>,
    /// What fields become.
    pub map: Vec<(String, Target)>,
}

impl ImportOptions {
    /// The name of the set that a source's rows go into: as asked for, else the file's stem.
    ///
    /// # Errors
    /// When stdin is read and no name was given.
    pub fn set_name(&self, source: &ImportSource) -> Result<String, ImportError> {
        match (&self.set, &source.stem) {
            (Some(name), _) => Ok(name.clone()),
            (None, Some(stem)) => Ok(stem.clone()),
            (None, None) => Err(source.fault("has no name to call the set by: add --set NAME")),
        }
    }
}
