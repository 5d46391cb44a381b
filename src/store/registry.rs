//! The calls an application needs: register a prompt, get the newest, get a version — over any storage.

use super::rows::{NewRevision, RevisionInfo};
use super::{Result, Store, StoreError};
use crate::core::digest::Digest;
use crate::core::prompt::{Base, Label, PromptName, Selector, Template};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::Path;

/// A version of a prompt, with its text.
#[derive(Debug, Clone, PartialEq)]
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

/// Where prompts are kept. [`Store`] keeps them in SQLite, [`Memory`] in memory; a server could do so too.
pub trait Storage {
    /// Adds a revision, unless the newest already holds this text; what is now the newest.
    ///
    /// # Errors
    /// What the storage says.
    fn add(&mut self, revision: NewRevision) -> Result<Version>;
    /// The revision a selector picks.
    ///
    /// # Errors
    /// When there is none.
    fn find(&self, name: &PromptName, selector: &Selector) -> Result<Version>;
}

impl Storage for Store {
    fn add(&mut self, revision: NewRevision) -> Result<Version> {
        let template = revision.template.body.clone();
        Ok(version(self.register(revision)?.revision, template))
    }

    fn find(&self, name: &PromptName, selector: &Selector) -> Result<Version> {
        let info = self.resolve(name, selector)?;
        let template = self.text(&info.digest)?;
        Ok(version(info, template))
    }
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

/// Prompts in memory: for tests of applications, and the proof that the trait is enough.
#[derive(Debug, Default)]
pub struct Memory {
    prompts: BTreeMap<PromptName, Vec<Kept>>,
    labels: BTreeMap<(PromptName, Label), usize>,
}

#[derive(Debug)]
struct Kept {
    version: Version,
    settings: Digest,
}

impl Storage for Memory {
    fn add(&mut self, new: NewRevision) -> Result<Version> {
        let settings =
            new.settings.digest(&new.template).map_err(|e| StoreError::Invalid(format!("config: {e}")))?;
        let history = self.prompts.entry(new.name.clone()).or_default();
        if history.last().is_none_or(|last| last.settings != settings) {
            let digest = new.template.digest();
            let version = Version {
                name: new.name.to_string(),
                revision: history.len() as u32 + 1,
                version: digest.short(),
                digest: digest.hex(),
                template: new.template.body,
                metadata: new.metadata,
                created_at: new.created_at.unwrap_or_else(super::time::now),
            };
            history.push(Kept { version, settings });
        }
        for label in new.labels {
            self.labels.insert((new.name.clone(), label), history.len() - 1);
        }
        history.last().map(|kept| kept.version.clone()).ok_or(StoreError::Closed)
    }

    fn find(&self, name: &PromptName, selector: &Selector) -> Result<Version> {
        let history = self.prompts.get(name).map(Vec::as_slice).unwrap_or_default();
        let at = match &selector.base {
            Base::Latest => history.len().checked_sub(1),
            Base::Revision(seq) => (*seq as usize).checked_sub(1),
            Base::Digest(prefix) => newest_with(history, name, prefix)?,
            Base::Label(label) => self.labels.get(&(name.clone(), label.clone())).copied(),
        };
        at.and_then(|i| i.checked_sub(selector.back as usize))
            .and_then(|i| history.get(i))
            .map(|kept| kept.version.clone())
            .ok_or_else(|| {
                StoreError::NotFound(format!("no prompt is named '{name}' with a revision '{selector}'"))
            })
    }
}

/// The newest entry with the one digest that starts so; several digests are refused.
fn newest_with(history: &[Kept], name: &PromptName, prefix: &str) -> Result<Option<usize>> {
    let fits = |kept: &&Kept| kept.version.digest.starts_with(prefix);
    let digests: BTreeMap<&str, u32> =
        history.iter().filter(fits).map(|k| (k.version.digest.as_str(), k.version.revision)).collect();
    if digests.len() > 1 {
        let candidates = digests.iter().map(|(digest, seq)| format!("{digest} (r{seq})")).collect();
        return Err(StoreError::Ambiguous { name: name.to_string(), prefix: prefix.to_owned(), candidates });
    }
    Ok(history.iter().rposition(|kept| fits(&kept)))
}

/// A registry of prompts over a storage.
///
/// ```
/// use assize::store::registry::Registry;
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
pub struct Registry<S: Storage = Store> {
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

impl<S: Storage> Registry<S> {
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
        self.storage.add(NewRevision { metadata, ..NewRevision::new(name, Template::text(template)) })
    }

    /// The newest version.
    ///
    /// # Errors
    /// When there is no such prompt.
    pub fn get_latest(&self, name: &str) -> Result<Version> {
        self.storage.find(&parse(name)?, &Selector::LATEST)
    }

    /// The version that a selector picks: 4 to 64 hex digits of a digest, `r12`, `~1` or a label.
    ///
    /// # Errors
    /// When there is none, or several.
    pub fn get_version(&self, name: &str, version: &str) -> Result<Version> {
        let selector = version
            .parse()
            .map_err(|e: crate::core::prompt::NameError| StoreError::Invalid(e.to_string()))?;
        self.storage.find(&parse(name)?, &selector)
    }
}

fn parse(name: &str) -> Result<PromptName> {
    name.parse().map_err(|e: crate::core::prompt::NameError| StoreError::Invalid(e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn works<S: Storage>(storage: S) {
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
        registry.storage.add(labelled).unwrap();
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
