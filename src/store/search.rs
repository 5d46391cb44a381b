//! Full-text search over the distinct lines of prompts.
use super::*;

impl Store {
    /// Lines that hold all words of the query (the last one as a prefix), best first.
    pub fn search(&self, _query: &str, _limit: usize) -> Result<Vec<Hit>> {
        todo!()
    }
}
