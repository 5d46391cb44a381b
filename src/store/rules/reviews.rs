//! Reviews: what may be kept, and which of many are in force.

use crate::store::error::{Result, StoreError};
use crate::store::rows::{NewReview, ReviewInfo, Sampling};
use std::collections::{HashMap, HashSet};

/// Refuses what cannot be kept: a score that is none, a reviewer without a name, a word after the reveal that does not say so.
/// A word after the reveal says that the judge was seen; overriding it has a score, faulting its reasons has none.
pub(in crate::store) fn check(review: &NewReview) -> Result<()> {
    if let Some(score) = review.score.filter(|s| !(1..=5).contains(s)) {
        return Err(StoreError::Invalid(format!("the score {score} is not one of 1 to 5")));
    }
    let wrong = match review.sampling {
        _ if review.undo.is_some() => None,
        Sampling::Random | Sampling::Picked => None,
        _ if !review.saw_judge => Some("it was given after the judge was seen, and says that it was not"),
        Sampling::WrongReasons if review.score.is_some() => {
            Some("a word on the judge's reasons has no score")
        }
        Sampling::Agree if review.score.is_none() => Some("agreeing with the judge needs its score"),
        _ => None,
    };
    if let Some(why) = wrong {
        return Err(StoreError::Invalid(format!("this review cannot be kept: {why}")));
    }
    if review.reviewer.trim().is_empty() { Err(StoreError::NoReviewer) } else { Ok(()) }
}

/// What is said when an earlier review cannot be taken back.
pub(in crate::store) fn no_undo(review: &NewReview, earlier: i64) -> StoreError {
    StoreError::NotFound(format!(
        "review {earlier} cannot be taken back: it is none of {}'s in run {}",
        review.reviewer, review.run
    ))
}

/// Reviews in force, those taken back left out: per run, item, criterion and reviewer the newest blind one, the newest given
/// with the judge in sight, and the newest word on its reasons. None displaces another. `rows` in the order in which they were
/// given; in that order they come out.
pub(in crate::store) fn in_force(
    rows: impl IntoIterator<Item = ReviewInfo>,
    undone: &HashSet<i64>,
) -> Vec<ReviewInfo> {
    let mut rows: Vec<ReviewInfo> =
        rows.into_iter().filter(|r| r.review.undo.is_none() && !undone.contains(&r.id)).collect();
    let mut newest = HashMap::with_capacity(rows.len());
    for (at, r) in rows.iter().map(|row| &row.review).enumerate() {
        let on_reasons = r.sampling == Sampling::WrongReasons;
        let key = (r.run.as_str(), r.item, r.criterion, r.reviewer.as_str(), r.saw_judge, on_reasons);
        newest.insert(key, at);
    }
    let kept: HashSet<usize> = newest.into_values().collect();
    let mut at = 0..;
    rows.retain(|_| at.next().is_some_and(|at| kept.contains(&at)));
    rows.sort_by_key(|r| r.id);
    rows
}
