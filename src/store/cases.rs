//! Case sets, responses and rubrics.
use super::*;
use crate::core::item::{Case, Item};
use crate::core::rubric::Rubric;

impl Store {
    /// Imports cases as a version of the set `name`; the same content again is known.
    pub fn import_cases(&mut self, _name: &str, _cases: Vec<Case>) -> Result<(CaseSetInfo, Imported)> {
        todo!()
    }
    /// Imports items as one set; their verdicts become one finished run per judge's name. Refuses one (id, arm) twice with other content.
    pub fn import_items(&mut self, _name: &str, _items: Vec<Item>) -> Result<ImportedItems> {
        todo!()
    }
    /// Imports responses (case, arm, text) for the newest version of a set.
    pub fn import_responses(&mut self, _set: &str, _rows: Vec<(String, String, String)>) -> Result<Imported> {
        todo!()
    }
    /// All sets, newest version of each name first by name.
    pub fn case_sets(&self) -> Result<Vec<CaseSetInfo>> {
        todo!()
    }
    /// The newest version of a set.
    pub fn case_set(&self, _name: &str) -> Result<CaseSetInfo> {
        todo!()
    }
    /// A set by version.
    pub fn case_set_by_digest(
        &self,
        _name: &str,
        _digest: &crate::core::digest::Digest,
    ) -> Result<CaseSetInfo> {
        todo!()
    }
    /// Its cases, in order; for a set of items, one case for each id.
    pub fn cases(&self, _set_id: i64) -> Result<Vec<Case>> {
        todo!()
    }
    /// Stored responses of a set, as items, in order (only those with a text).
    pub fn items(&self, _set_id: i64, _arms: &[String]) -> Result<Vec<Item>> {
        todo!()
    }
    /// Stores a response; an earlier failed one of the same key stays, the newest counts.
    pub fn save_response(&mut self, _response: NewResponse) -> Result<ResponseText> {
        todo!()
    }
    /// Arms by name.
    pub fn arms(&self) -> Result<Vec<Arm>> {
        todo!()
    }
    /// Adds a version of a rubric; false when it is there already.
    pub fn add_rubric(&mut self, _rubric: &Rubric) -> Result<bool> {
        todo!()
    }
    /// Stored rubrics: the newest version of each name.
    pub fn rubrics(&self) -> Result<Vec<RubricInfo>> {
        todo!()
    }
}
