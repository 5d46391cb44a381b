//! Reviews: human scores, append-only.
use super::*;

impl Store {
    /// Adds a review; its id.
    pub fn add_review(&mut self, _review: &NewReview) -> Result<i64> {
        todo!()
    }
    /// Reviews in force (newest per run, item, criterion, reviewer; taken-back ones left out) of one run, or of all.
    pub fn reviews(&self, _run: Option<&str>) -> Result<Vec<ReviewInfo>> {
        todo!()
    }
    /// Every review row ever stored for a run, in order, taken-back ones included.
    pub fn review_log(&self, _run: &str) -> Result<Vec<ReviewInfo>> {
        todo!()
    }
}
