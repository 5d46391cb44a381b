//! The queue of a run for one reviewer: which items, in which order, what is done.
//!
//! ```text
//! run, items, cells, reviews -> RunQueue -> places (item, criterion), done or not -> next
//! ```
//! The order looks at the judge's scores where it is asked to; what it hands out never shows them.

use crate::core::queue::{Candidate, Pass, ReviewOrder, arrange, doubled, places, seed};
use crate::store::{Cell, ReviewInfo, RunInfo, RunItem};
use std::collections::{BTreeMap, BTreeSet};

/// What a reviewer wants of a queue.
#[derive(Debug, Clone, PartialEq)]
pub struct QueueSpec {
    /// Who reviews.
    pub reviewer: String,
    /// Which items come first.
    pub order: ReviewOrder,
    /// All criteria of an item at once, or one criterion at a time.
    pub pass: Pass,
    /// Share of items that every reviewer scores; the others go to whoever comes first.
    pub double: f64,
}

/// A queue as it stands.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunQueue {
    /// (item, criterion), in order.
    pub places: Vec<(u32, u32)>,
    /// Which of them this reviewer has scored, blind or not.
    pub done: Vec<bool>,
    /// Which of the others this reviewer has skipped: they come back when all else is done.
    pub skipped: Vec<bool>,
}

impl RunQueue {
    /// Arranges the items of a run.
    pub fn of(
        run: &RunInfo,
        items: &[RunItem],
        cells: &[Cell],
        reviews: &[ReviewInfo],
        spec: &QueueSpec,
    ) -> Self {
        let seed = seed(&run.id);
        let columns = u32::try_from(run.criteria.len()).unwrap_or(u32::MAX);
        let candidates = if spec.order.is_random() {
            vec![Candidate::default(); items.len()]
        } else {
            candidates(items, cells, columns)
        };
        let shared = doubled(seed, items.len(), spec.double);
        let (mut mine, mut others) = (BTreeSet::new(), BTreeSet::new());
        let mut scored = BTreeSet::new();
        for r in reviews.iter().map(|r| &r.review) {
            if r.reviewer == spec.reviewer && (r.score.is_some() || r.saw_judge) {
                scored.insert((r.item, r.criterion));
            }
            let set = if r.reviewer == spec.reviewer { &mut mine } else { &mut others };
            set.insert((r.item, r.criterion));
        }
        let order: Vec<u32> = arrange(spec.order, seed, &candidates)
            .into_iter()
            .filter_map(|i| {
                let item = items.get(i)?.ord;
                let taken = |c| others.contains(&(item, c)) && !mine.contains(&(item, c));
                let leave = !shared.get(i).copied().unwrap_or(true) && (0..columns).all(taken);
                (!leave).then_some(item)
            })
            .collect();
        let places = places(&order, columns, spec.pass);
        let done: Vec<bool> = places.iter().map(|place| scored.contains(place)).collect();
        let skipped = places.iter().zip(&done).map(|(place, done)| !done && mine.contains(place)).collect();
        Self { places, done, skipped }
    }

    /// The first place not dealt with, those skipped before last; the length of the queue when there is none.
    pub fn next(&self) -> usize {
        let skipped = |at: &usize| self.skipped.get(*at).copied().unwrap_or_default();
        let mut open = self.done.iter().enumerate().filter(|(_, done)| !**done).map(|(at, _)| at);
        let first = open.clone().find(|at| !skipped(at)).or_else(|| open.next());
        first.unwrap_or(self.places.len())
    }

    /// How many were skipped and have no score yet.
    pub fn left_out(&self) -> usize {
        self.done.iter().zip(&self.skipped).filter(|(done, skipped)| **skipped && !**done).count()
    }
}

/// What the judge's scores and the tags say of each item.
fn candidates(items: &[RunItem], cells: &[Cell], columns: u32) -> Vec<Candidate> {
    let mut scores: BTreeMap<(u32, u32), Vec<f64>> = BTreeMap::new();
    let mut flagged = BTreeSet::new();
    for cell in cells {
        scores.entry((cell.item, cell.criterion)).or_default().extend(cell.score.map(f64::from));
        if cell.flagged {
            flagged.insert(cell.item);
        }
    }
    let mut sizes: BTreeMap<&str, usize> = BTreeMap::new();
    for tag in items.iter().flat_map(|i| &i.tags) {
        *sizes.entry(tag).or_default() += 1;
    }
    let rarest = |item: &RunItem| {
        item.tags.iter().min_by_key(|t| (sizes.get(t.as_str()).copied(), t.as_str())).cloned()
    };
    items
        .iter()
        .map(|item| Candidate {
            scores: (0..columns).map(|c| scores.remove(&(item.ord, c)).unwrap_or_default()).collect(),
            flagged: flagged.contains(&item.ord),
            slice: rarest(item),
        })
        .collect()
}
