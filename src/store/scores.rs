//! Scores pooled over runs, for compare, gate, history and trends.
use super::*;
use crate::core::prompt::PromptName;

impl Store {
    /// The newest verdict of each key in each run that fits.
    pub fn pooled(&self, _query: &PoolQuery) -> Result<Vec<PooledVerdict>> {
        todo!()
    }
    /// Scores of a prompt's revisions, oldest first.
    pub fn revision_scores(&self, _name: &PromptName) -> Result<Vec<RevisionScore>> {
        todo!()
    }
}
