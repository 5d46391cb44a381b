//! What a prompt includes, found in the registry: now for a draft or a registration, or as a run recorded it.
//!
//! ```text
//! reference -> recorded by the run? -> that very digest
//!           -> the revision being registered, when it would be the newest of that name
//!           -> else what the selector picks now
//! ```

use super::rows::{NewRevision, RevisionInfo};
use super::{Result, Store, StoreError};
use crate::core::digest::Digest;
use crate::core::prompt::{PromptName, Reference, Selector, Syntax, Template, TemplateKind};
use crate::core::template::{ComposeError, Included, Part, Parts, compose};
use serde::Deserialize as _;
use serde_json::Value;

/// The key of a revision's metadata under which its includes are recorded.
pub const INCLUDES: &str = "includes";

impl Store {
    /// The prompts that a revision includes. `recorded` holds what a run resolved before and goes first.
    ///
    /// # Errors
    /// When one of them is missing or includes its includer.
    pub fn parts(
        &self,
        root: (&PromptName, u32),
        template: &Template,
        syntax: Syntax,
        recorded: &[Included],
    ) -> std::result::Result<Parts, ComposeError> {
        self.gather(root, template, syntax, |written, reference| {
            match recorded.iter().find(|i| i.reference == written) {
                Some(included) => self.part_of(included.clone()),
                None => self.part(written, reference),
            }
        })
    }

    /// The prompts that a revision would include once it is registered as `seq`.
    ///
    /// # Errors
    /// As [`Store::parts`].
    pub fn parts_of_new(&self, new: &NewRevision, seq: u32) -> std::result::Result<Parts, ComposeError> {
        let (template, syntax) = (&new.template, new.settings.syntax);
        self.gather((&new.name, seq), template, syntax, |written, reference| {
            if reference.name == new.name && reference.selector == Selector::LATEST {
                let digest = template.digest();
                let name = new.name.clone();
                let reference = written.to_owned();
                return Ok(Part {
                    included: Included { reference, name, revision: seq, digest, syntax },
                    text: template.body.as_str().into(),
                });
            }
            self.part(written, reference)
        })
    }

    fn gather(
        &self,
        root: (&PromptName, u32),
        template: &Template,
        syntax: Syntax,
        fetch: impl FnMut(&str, &Reference) -> std::result::Result<Part, String>,
    ) -> std::result::Result<Parts, ComposeError> {
        // The common prompt includes nothing, and a literal one never does.
        if !matches!(syntax, Syntax::Jinja | Syntax::Fstring) || !template.body.contains('{') {
            return Ok(Parts::default());
        }
        let messages = template.messages();
        let texts: Vec<&str> = messages.iter().map(|m| m.content.as_str()).collect();
        compose(root, &texts, syntax, fetch)
    }

    fn part(&self, written: &str, reference: &Reference) -> std::result::Result<Part, String> {
        let info = self.resolve(&reference.name, &reference.selector).map_err(|e| e.to_string())?;
        if info.kind == TemplateKind::Chat {
            return Err(format!("{} r{} is a chat; only texts can be included", info.name, info.seq));
        }
        self.part_of(Included {
            reference: written.to_owned(),
            revision: info.seq,
            digest: info.digest,
            syntax: info.syntax,
            name: info.name,
        })
    }

    fn part_of(&self, included: Included) -> std::result::Result<Part, String> {
        let text = self.text(&included.digest).map_err(|e| e.to_string())?;
        Ok(Part { included, text: text.into() })
    }

    /// For a registration: what the new revision includes, written into its metadata. A cycle is refused; what is
    /// missing or does not parse is left for the caller to warn of, as with any other fault of a template.
    pub(super) fn record_includes(&self, new: &mut NewRevision) -> Result<()> {
        // What a copy brings along was true of its source; another's key of that name is left alone.
        if new.metadata.get(INCLUDES).is_some_and(|v| Vec::<Included>::deserialize(v).is_ok()) {
            new.metadata.remove(INCLUDES);
        }
        let latest = if self.has_prompt(&new.name)? { self.prompt(&new.name)?.revisions } else { 0 };
        match self.parts_of_new(new, latest + 1) {
            Ok(parts) if parts.is_empty() => {}
            Ok(parts) => {
                let list = serde_json::to_value(parts.included()).unwrap_or(Value::Null);
                new.metadata.insert(INCLUDES.to_owned(), list);
            }
            Err(error @ (ComposeError::Cycle(_) | ComposeError::TooMany(_))) => {
                return Err(StoreError::Invalid(format!(
                    "{error}; nothing was registered. Include an older revision by its number, or take one include out"
                )));
            }
            Err(ComposeError::Missing { .. } | ComposeError::Template(_)) => {}
        }
        Ok(())
    }
}

impl RevisionInfo {
    /// What its includes stood for when it was registered.
    pub fn includes(&self) -> Vec<Included> {
        let list = self.metadata.get(INCLUDES).cloned();
        list.and_then(|v| serde_json::from_value(v).ok()).unwrap_or_default()
    }

    /// Its includes that stand for another text now: as they were, and the digest now.
    pub fn moved_includes(&self, now: &Parts) -> Vec<(Included, Digest)> {
        let now = now.included();
        let moved = |then: Included| {
            let found = now.iter().find(|i| i.reference == then.reference)?;
            (found.digest != then.digest).then_some((then, found.digest))
        };
        self.includes().into_iter().filter_map(moved).collect()
    }
}
