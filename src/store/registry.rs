//! The calls an application needs: register a prompt, get the newest, get a version — over any storage.

use super::rows::{NewRevision, RevisionInfo};
use super::tx::WriteTx;
use super::{Result, Store, StoreError};
use crate::core::prompt::{PromptName, Selector, Template};
use serde_json::{Map, Value};
use std::path::Path;

/// A version of a prompt, with its text.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Version {
    /// The prompt.
    pub name: String,
    /// Its place in the history: 3 for `r3`.
    pub revision: u32,
    /// The first 8 hex digits of the digest.
    pub version: String,
    /// sha256 of the template's bytes, 64 hex digits.
    pub digest: String,
    /// The exact text (for chat: the canonical JSON of the messages).
    pub template: String,
    /// What was given along.
    pub metadata: Map<String, Value>,
    /// RFC 3339.
    pub created_at: String,
}

fn version(info: RevisionInfo, template: String) -> Version {
    Version {
        name: info.name.to_string(),
        revision: info.seq,
        version: info.digest.short(),
        digest: info.digest.hex(),
        template,
        metadata: info.metadata,
        created_at: info.created_at,
    }
}

/// A registry of prompts over a storage.
///
/// ```
/// use assize::Registry;
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path().join("registry.db");
/// let mut registry = Registry::open(&path)?;
/// let first = registry.register("support/summary", "Summarise: {{ ticket }}", Default::default())?;
/// registry.register("support/summary", "Summarise in one line: {{ ticket }}", Default::default())?;
/// assert_eq!(registry.get_latest("support/summary")?.revision, 2);
/// assert_eq!(registry.get_version("support/summary", &first.version)?.template, "Summarise: {{ ticket }}");
/// # Ok(()) }
/// ```
pub struct Registry<S: WriteTx = Store> {
    storage: S,
}

impl Registry<Store> {
    /// Opens (or makes) the SQLite registry at `path`.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Ok(Self { storage: Store::open(path.as_ref())? })
    }
}

impl<S: WriteTx> Registry<S> {
    /// A registry over another storage.
    pub fn over(storage: S) -> Self {
        Self { storage }
    }

    /// Registers a text; the newest version after it, which is the one before if the text did not change.
    ///
    /// # Errors
    /// When the name is no prompt name, or the storage fails.
    pub fn register(&mut self, name: &str, template: &str, metadata: Map<String, Value>) -> Result<Version> {
        let name = parse(name)?;
        let new = NewRevision { metadata, ..NewRevision::new(name, Template::text(template)) };
        Ok(version(self.storage.register(new)?.revision, template.to_owned()))
    }

    fn find(&self, name: &PromptName, selector: &Selector) -> Result<Version> {
        let info = self.storage.resolve(name, selector)?;
        let template = self.storage.text(&info.digest)?;
        Ok(version(info, template))
    }

    /// The newest version.
    ///
    /// # Errors
    /// When there is no such prompt.
    pub fn get_latest(&self, name: &str) -> Result<Version> {
        self.find(&parse(name)?, &Selector::LATEST)
    }

    /// The version that a selector picks: 4 to 64 hex digits of a digest, `r12`, `~1` or a label.
    ///
    /// # Errors
    /// When there is none, or several.
    pub fn get_version(&self, name: &str, version: &str) -> Result<Version> {
        let selector = version
            .parse()
            .map_err(|e: crate::core::prompt::NameError| StoreError::Invalid(e.to_string()))?;
        self.find(&parse(name)?, &selector)
    }
}

fn parse(name: &str) -> Result<PromptName> {
    name.parse().map_err(|e: crate::core::prompt::NameError| StoreError::Invalid(e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Memory;

    fn works<S: WriteTx>(storage: S) {
        let mut registry = Registry::over(storage);
        let one = registry.register("a", "one", Map::new()).unwrap();
        assert_eq!(registry.register("a", "one", Map::new()).unwrap().revision, 1);
        registry.register("a", "two", Map::new()).unwrap();
        assert_eq!(registry.register("a", "one", Map::new()).unwrap().revision, 3);
        assert_eq!(registry.get_version("a", &one.version).unwrap().revision, 3);
        assert_eq!(registry.get_version("a", "r1").unwrap().template, "one");
        assert_eq!(registry.get_latest("a").unwrap().digest, one.digest);
        assert!(registry.get_latest("b").is_err());
        for case in ["201779", "244046"] {
            registry.register("c", &format!("You are a careful reviewer. Case {case}."), Map::new()).unwrap();
        }
        assert!(matches!(registry.get_version("c", "e6247467"), Err(StoreError::Ambiguous { .. })));
        let labelled = NewRevision {
            labels: vec!["production".parse().unwrap()],
            ..NewRevision::new("c".parse().unwrap(), Template::text("third"))
        };
        registry.storage.register(labelled).unwrap();
        assert_eq!(registry.get_version("c", "production").unwrap().template, "third");
        assert_eq!(registry.get_version("c", "production~2").unwrap().revision, 1);
        assert!(registry.register("No Name", "x", Map::new()).is_err());
    }

    #[test]
    fn both_storages_keep_the_same_promises() {
        works(Memory::default());
        works(Store::in_memory().unwrap());
    }
}
