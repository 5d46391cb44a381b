//! Prompts and their revisions.
use super::*;
use crate::core::prompt::{PromptName, Selector};

impl Store {
    /// Adds a revision, unless the newest one already holds the same template and settings (then labels and tags are still applied).
    pub fn register(&mut self, _new: NewRevision) -> Result<Registered> {
        todo!()
    }
    /// Adds many in one transaction, in order. A row whose `origin` is present is known and changes nothing.
    pub fn import_revisions(&mut self, _rows: Vec<NewRevision>) -> Result<Imported> {
        todo!()
    }
    /// The revision a selector picks.
    pub fn resolve(&self, _name: &PromptName, _selector: &Selector) -> Result<RevisionInfo> {
        todo!()
    }
    /// A prompt of the list.
    pub fn prompt(&self, _name: &PromptName) -> Result<PromptInfo> {
        todo!()
    }
    /// A prompt's history, newest first; `before` pages.
    pub fn log(
        &self,
        _name: &PromptName,
        _before: Option<u32>,
        _limit: Option<usize>,
    ) -> Result<Vec<RevisionInfo>> {
        todo!()
    }
    /// Prompts by name.
    pub fn list(&self, _query: &ListQuery) -> Result<Vec<PromptInfo>> {
        todo!()
    }
    /// How many prompts a query has, and how many revisions they hold together.
    pub fn count(&self, _query: &ListQuery) -> Result<(usize, usize)> {
        todo!()
    }
    /// All live names in order (for fuzzy filtering and completion).
    pub fn names(&self) -> Result<Vec<PromptName>> {
        todo!()
    }
    /// Puts a prompt away; its name becomes free.
    pub fn archive(&mut self, _name: &PromptName, _cause: &Cause) -> Result<()> {
        todo!()
    }
    /// Takes the most recently archived prompt of that name back; refused while the name is taken.
    pub fn unarchive(&mut self, _name: &PromptName, _cause: &Cause) -> Result<()> {
        todo!()
    }
    /// Gives a prompt another name.
    pub fn rename(&mut self, _from: &PromptName, _to: &PromptName, _cause: &Cause) -> Result<()> {
        todo!()
    }
    /// Starts a new prompt from one revision of another.
    pub fn copy(
        &mut self,
        _from: &PromptName,
        _selector: &Selector,
        _to: &PromptName,
        _cause: &Cause,
    ) -> Result<RevisionInfo> {
        todo!()
    }
    /// Sets the line about a prompt.
    pub fn describe(&mut self, _name: &PromptName, _text: &str, _cause: &Cause) -> Result<()> {
        todo!()
    }
    /// Adds and removes tags of a revision; the tags after.
    pub fn tag(
        &mut self,
        _name: &PromptName,
        _selector: &Selector,
        _add: &[String],
        _remove: &[String],
        _cause: &Cause,
    ) -> Result<Vec<String>> {
        todo!()
    }
    /// Everything that happened to a prompt besides its revisions, oldest first.
    pub fn events(&self, _name: &PromptName) -> Result<Vec<EventInfo>> {
        todo!()
    }
    /// Replaces a body (and raw replies quoting it) by a tombstone; says how many revisions and replies were touched.
    pub fn forget(
        &mut self,
        _digest: &crate::core::digest::Digest,
        _cause: &Cause,
    ) -> Result<(usize, usize)> {
        todo!()
    }
    /// Keeps an edit that was not registered.
    pub fn save_draft(&mut self, _prompt: &PromptName, _base: Option<u32>, _text: &str) -> Result<i64> {
        todo!()
    }
    /// The newest kept edit of a prompt: id, base revision, text.
    pub fn draft(&self, _prompt: &PromptName) -> Result<Option<(i64, Option<u32>, String)>> {
        todo!()
    }
    /// Drops a kept edit.
    pub fn drop_draft(&mut self, _id: i64) -> Result<()> {
        todo!()
    }
}
