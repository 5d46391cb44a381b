//! Several reviews in one transaction, among them those that were taken over from an earlier wording.

use super::renewal::{Renews, keep_imported};
use super::reviews::{GivenElsewhere, insert_given};
use super::rows::NewReview;
use super::{Result, Store};
use std::collections::{BTreeMap, HashMap};

impl Store {
    /// Adds several, in order, all or none; their ids. `takes_back` says which of them take back which earlier one of
    /// them, whose id is not known before.
    ///
    /// # Errors
    /// As [`Store::add_review`]; then none was added.
    pub fn add_reviews(
        &mut self,
        reviews: &[NewReview],
        takes_back: &HashMap<usize, usize>,
    ) -> Result<Vec<i64>> {
        self.import_reviews(reviews, takes_back, &HashMap::new(), &HashMap::new())
    }

    /// The same; `renews` says which of them were taken over from an earlier wording of their question where they come from,
    /// `times` when they were given (RFC 3339), where that is not now.
    ///
    /// # Errors
    /// As [`Store::add_review`]; then none was added.
    pub fn import_reviews(
        &mut self,
        reviews: &[NewReview],
        takes_back: &HashMap<usize, usize>,
        renews: &HashMap<usize, Renews>,
        times: &HashMap<usize, String>,
    ) -> Result<Vec<i64>> {
        if reviews.is_empty() {
            return Ok(Vec::new());
        }
        self.write(|conn| {
            let mut ids = Vec::with_capacity(reviews.len());
            let mut renewed: BTreeMap<&str, Vec<(i64, Option<i64>, i64)>> = BTreeMap::new();
            for (index, review) in reviews.iter().enumerate() {
                let earlier = takes_back.get(&index).and_then(|earlier| ids.get(*earlier).copied());
                let undo = earlier.or(review.undo);
                let elsewhere = GivenElsewhere { at: times.get(&index).map(String::as_str), id: None };
                let id = insert_given(conn, &NewReview { undo, ..review.clone() }, elsewhere)?;
                ids.push(id);
                if let Some(renews) = renews.get(&index) {
                    let here = renews.added.and_then(|at| ids.get(at).copied()).or(renews.known);
                    renewed.entry(&review.run).or_default().push((id, here, renews.number));
                }
            }
            for (run, rows) in renewed {
                keep_imported(conn, run, &rows)?;
            }
            Ok(ids)
        })
    }
}
