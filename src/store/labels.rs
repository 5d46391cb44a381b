//! Labels: movable pointers with an append-only log.
use super::*;
use crate::core::prompt::{Label, PromptName, Selector};

impl Store {
    /// Points a label at a revision; `expect` makes it a compare-and-set; a protected label needs `confirmed`.
    pub fn set_label(
        &mut self,
        _name: &PromptName,
        _label: &Label,
        _selector: &Selector,
        _expect: Option<&Expect>,
        _confirmed: bool,
        _cause: &Cause,
    ) -> Result<LabelMove> {
        todo!()
    }
    /// Removes a label.
    pub fn remove_label(
        &mut self,
        _name: &PromptName,
        _label: &Label,
        _confirmed: bool,
        _cause: &Cause,
    ) -> Result<LabelMove> {
        todo!()
    }
    /// Takes back the last move (of one label, or of any of the prompt's).
    pub fn undo_label(
        &mut self,
        _name: &PromptName,
        _label: Option<&Label>,
        _confirmed: bool,
        _cause: &Cause,
    ) -> Result<LabelMove> {
        todo!()
    }
    /// Moves of a prompt's labels, newest first.
    pub fn label_log(&self, _name: &PromptName, _label: Option<&Label>) -> Result<Vec<EventInfo>> {
        todo!()
    }
    /// From now on moving this label (anywhere) asks for its name.
    pub fn protect(&mut self, _label: &Label, _cause: &Cause) -> Result<()> {
        todo!()
    }
    /// Lifts the protection.
    pub fn unprotect(&mut self, _label: &Label, _cause: &Cause) -> Result<()> {
        todo!()
    }
    /// Protected labels, sorted.
    pub fn protected(&self) -> Result<Vec<String>> {
        todo!()
    }
}
