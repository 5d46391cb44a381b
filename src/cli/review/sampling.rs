//! How scores that were given elsewhere were chosen, and which of them the registry has.
//!
//! Only what was drawn at random may correct a judge's mean. Three things are known to be so: what a file says is random,
//! what stands at the top of a drawn queue (`sheet.rs`), and a complete labelling, which leaves nothing to choose.

use super::super::error::Result;
use crate::core::verdict::VerdictState;
use crate::store::{NewReview, ReviewInfo, Sampling, Store};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

/// What a row says of how it was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SamplingClaim {
    /// Nothing: random where the labelling is complete, else picked.
    Unsaid,
    /// This.
    Said,
    /// It belongs to a complete labelling.
    All,
}

/// A labelling that says it is complete and is not.
pub(super) struct Incomplete {
    /// The first row that says so.
    pub index: usize,
    /// How much is missing.
    pub why: String,
}

/// A complete labelling of a run on a criterion, in one file and by one person or by several who shared it out, is a random
/// sample: of what has a response and a verdict, nothing was left out. What others scored, or what is in the registry already,
/// does not count: one score more beside a complete labelling is chosen all the same.
pub(super) fn settle(
    store: &Store,
    given: &mut [(NewReview, SamplingClaim)],
) -> Result<std::result::Result<(), Incomplete>> {
    /// Places in the file by reviewer.
    type Shares = BTreeMap<String, Vec<usize>>;
    let mut groups: BTreeMap<String, BTreeMap<u32, Shares>> = BTreeMap::new();
    for (index, (r, claim)) in given.iter().enumerate() {
        if *claim != SamplingClaim::Said && !r.saw_judge && r.score.is_some() && r.undo.is_none() {
            let columns = groups.entry(r.run.clone()).or_default();
            columns.entry(r.criterion).or_default().entry(r.reviewer.clone()).or_default().push(index);
        }
    }
    for (run, columns) in groups {
        let mut needed: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
        for cell in store.cells(&run)? {
            if !matches!(cell.state, VerdictState::NotGenerated | VerdictState::Overflow) {
                needed.entry(cell.criterion).or_default().insert(cell.item);
            }
        }
        for (column, shares) in columns {
            let needed = needed.remove(&column).unwrap_or_default();
            let missing = |places: &[usize]| {
                let items: BTreeSet<u32> =
                    places.iter().filter_map(|i| given.get(*i)).map(|(r, _)| r.item).collect();
                needed.difference(&items).count()
            };
            let together: Vec<usize> = shares.values().flatten().copied().collect();
            let whole: Vec<usize> =
                shares.into_values().filter(|places| missing(places) == 0).flatten().collect();
            let left = missing(&together);
            if !needed.is_empty() && left == 0 {
                for index in if whole.is_empty() { together } else { whole } {
                    if let Some((review, _)) = given.get_mut(index) {
                        review.sampling = Sampling::Random;
                    }
                }
            } else if let Some(index) =
                together.into_iter().find(|i| given.get(*i).is_some_and(|g| g.1 == SamplingClaim::All))
            {
                let why = format!(
                    "'sampling' is 'all', and {left} of {} items of run {run} have no score on this criterion: give \
                     them too, or say 'random' or 'picked'",
                    needed.len()
                );
                return Ok(Err(Incomplete { index, why }));
            }
        }
    }
    Ok(Ok(()))
}

/// All that a review says but the time it took and how it was chosen.
type ReviewContent = ((String, u32, u32, String), (Option<u8>, Option<i64>, String, Vec<String>, bool));

fn said(r: &NewReview) -> ReviewContent {
    (
        (r.run.clone(), r.item, r.criterion, r.reviewer.clone()),
        (r.score, r.undo, r.comment.clone(), r.modes.clone(), r.saw_judge),
    )
}

/// What the registry holds of some runs already.
#[derive(Default)]
pub(super) struct KnownReviews {
    in_force: HashMap<ReviewContent, Sampling>,
    log: HashMap<ReviewContent, VecDeque<i64>>,
}

impl KnownReviews {
    /// Reads it.
    pub(super) fn of<'a>(store: &Store, runs: impl Iterator<Item = &'a str>) -> Result<Self> {
        let mut known = Self::default();
        for id in runs.collect::<BTreeSet<&str>>() {
            for ReviewInfo { review, .. } in store.reviews(Some(id))? {
                known.in_force.insert(said(&review), review.sampling);
            }
            for row in store.review_log(id)? {
                known.log.entry(said(&row.review)).or_default().push_back(row.id);
            }
        }
        Ok(known)
    }

    /// The number of the row of a log that says the same. Each is met once, so that a score given twice comes back twice,
    /// and a second import of the same file adds nothing.
    pub(super) fn take(&mut self, review: &NewReview) -> Option<i64> {
        self.log.get_mut(&said(review))?.pop_front()
    }

    /// Whether the same score is in force as one of a picked item.
    pub(super) fn has_picked(&self, review: &NewReview) -> bool {
        self.in_force.get(&said(review)) == Some(&Sampling::Picked)
    }

    /// Whether a score written by hand is in force. One that was kept as picked is not known as a random one.
    pub(super) fn has(&self, review: &NewReview) -> bool {
        let better = |kept: &Sampling| review.sampling == Sampling::Random && *kept == Sampling::Picked;
        self.in_force.get(&said(review)).is_some_and(|kept| !better(kept))
    }
}

/// What came of an import: how many were new, and of these how many are random, picked, or skips.
pub(super) struct ImportedReviews {
    new: usize,
    known: usize,
    random: usize,
    skipped: usize,
}

impl ImportedReviews {
    /// Of what was added, and the number of known ones.
    pub(super) fn of(new: &[NewReview], known: usize) -> Self {
        let blind = |r: &&NewReview| !r.saw_judge && r.sampling == Sampling::Random && r.undo.is_none();
        let count = |scored: bool| new.iter().filter(blind).filter(|r| r.score.is_some() == scored).count();
        Self { new: new.len(), known, random: count(true), skipped: count(false) }
    }

    /// As a document.
    pub(super) fn json(&self) -> Value {
        json!({
            "schema": 1, "new": self.new, "known": self.known, "random": self.random, "skipped": self.skipped,
        })
    }

    /// As a line.
    pub(super) fn words(&self) -> String {
        let skipped = match self.skipped {
            0 => String::new(),
            n => format!(", {n} skipped"),
        };
        let sample = match (self.new, self.random) {
            (0, _) => "",
            (_, 0) => "; none was drawn at random, so they correct no mean",
            _ => "",
        };
        format!(
            "reviews: {} new ({} drawn at random{skipped}), {} known{sample}",
            self.new, self.random, self.known
        )
    }
}
