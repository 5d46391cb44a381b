//! Two arms of one run, or all of them: what the Compare screen shows, worked out off the loop.
//!
//! ```text
//! a run's items, cells, reviews -> Field --versus(a, b, slice)--> comparisons, noise floors, flips, power, trust
//!                                        --every_pair-----------> each pair of arms, all p's corrected together
//! ```

use super::compare::{Flip, Matched, Score, flips, matched, power_words, tags};
use super::groups::{Notes, notes};
use super::people::People;
use super::summary::{CriterionSummary, summarize};
use crate::core::stats::compare::{Comparison, adjust, paired_compare, verdict_sentence};
use crate::store::{Cell, Result, RunInfo, RunItem, Store};

/// The seed of the sign flips: the same answer today and tomorrow, and the same as the command line's.
const SEED: u64 = 20_261_123;

/// The change that the power meter speaks of, in points.
pub const DELTA: f64 = 0.2;

/// A run as it is compared.
#[derive(Debug, Clone)]
pub struct Field {
    /// The run.
    pub run: RunInfo,
    /// What is to be known before its figures are read.
    pub notes: Notes,
    items: Vec<RunItem>,
    cells: Vec<Cell>,
    people: People,
}

/// B against A.
#[derive(Debug, Clone, Default)]
pub struct Versus {
    /// The arms' full names: A's, against which B's is held. Every difference is B - A.
    pub names: (String, String),
    /// Per criterion.
    pub found: Vec<Comparison>,
    /// Per criterion: the smallest change that is more than the judge's own noise, where it is known.
    pub floors: Vec<Option<f64>>,
    /// Scores that changed, the largest drop first.
    pub flips: Vec<Flip>,
    /// What the table means, in a sentence.
    pub sentence: String,
    /// The smallest change these cases can show, and how many more a given one needs.
    pub power: Option<String>,
    /// Per criterion: each arm's mean over all its cases, and what it rests on. [`Comparison::mean_a`] is over the cases that
    /// both arms have.
    pub trust: Vec<[CriterionSummary; 2]>,
    /// Tags of the cases, and how many have each.
    pub slices: Vec<(String, usize)>,
}

/// One pair of several arms.
#[derive(Debug, Clone)]
pub struct PairOf {
    /// Their places among the run's arms.
    pub arms: (usize, usize),
    /// Per criterion, p corrected over all pairs and criteria.
    pub found: Vec<Comparison>,
}

impl Field {
    /// Reads it.
    ///
    /// # Errors
    /// When there is no such run.
    pub fn read(store: &Store, run: &str) -> Result<Self> {
        let run = store.run(run)?;
        let items = store.run_items(&run.id)?;
        Ok(Self {
            people: People::of(&run.id, &items, &store.reviews(Some(&run.id))?),
            items,
            cells: store.cells(&run.id)?,
            notes: notes(store, &run)?,
            run,
        })
    }

    fn arm(&self, at: usize) -> &str {
        self.run.arms.get(at).map_or("", String::as_str)
    }

    /// The scores of two arms as the comparison takes them.
    fn scores(&self, a: usize, b: usize) -> Vec<Score<'_>> {
        let (a, b) = (self.arm(a), self.arm(b));
        let complete: Vec<bool> = (0..)
            .zip(&self.run.criteria)
            .map(|(criterion, _)| {
                let mut ours = self.items.iter().filter(|i| i.arm == a || i.arm == b);
                ours.all(|i| self.people.blind(i.ord, criterion).is_some())
            })
            .collect();
        self.cells
            .iter()
            .filter_map(|cell| {
                let item = self.items.get(cell.item as usize)?;
                let side = [a, b].iter().position(|arm| *arm == item.arm)?;
                Some(Score {
                    criterion: self.run.criteria.get(cell.criterion as usize)?,
                    case: &item.case_id,
                    side,
                    score: cell.score,
                    generation: item.repeat,
                    people: self.people.label(
                        item.ord,
                        cell.criterion,
                        complete.get(cell.criterion as usize) == Some(&true),
                    ),
                    cluster: item.cluster.as_deref(),
                    tags: &item.tags,
                    item: Some(item.ord),
                })
            })
            .collect()
    }

    /// Compares two arms, over all their cases or those of one tag.
    pub fn versus(&self, a: usize, b: usize, slice: Option<&str>) -> Versus {
        let all = matched(self.scores(a, b));
        let slices = tags(&all);
        let rows: Vec<_> = match slice {
            Some(tag) => all.iter().map(|row| row.only(tag)).collect(),
            None => all,
        };
        let found = paired_compare(&rows.iter().map(Matched::input).collect::<Vec<_>>(), SEED);
        // The judge's spread is learned from the whole run: a slice has few cases to learn it from.
        let noise = super::noise(&self.run, &self.cells, &self.items);
        let floor = |row: &Matched| {
            let sd = noise.iter().find(|n| n.name == row.name)?.passes.within_sd?;
            super::noise_floor(sd, row.passes())
        };
        Versus {
            names: (self.arm(a).to_owned(), self.arm(b).to_owned()),
            floors: rows.iter().map(floor).collect(),
            flips: flips(&rows),
            sentence: verdict_sentence(&found, self.arm(a), self.arm(b)),
            power: power_words(&found, DELTA),
            trust: self.trust(a, b, slice, &found),
            slices,
            found,
        }
    }

    fn trust(
        &self,
        a: usize,
        b: usize,
        slice: Option<&str>,
        found: &[Comparison],
    ) -> Vec<[CriterionSummary; 2]> {
        let inside: Vec<RunItem> = self
            .items
            .iter()
            .filter(|i| slice.is_none_or(|tag| i.tags.iter().any(|t| t == tag)))
            .cloned()
            .collect();
        let summary = summarize(&self.run, &self.cells, &inside, &self.people);
        let of = |arm: usize, name: &str| -> Option<CriterionSummary> {
            let arm = summary.arms.iter().find(|x| x.arm == self.arm(arm))?;
            arm.criteria.iter().find(|c| c.name == name).cloned()
        };
        found.iter().filter_map(|c| Some([of(a, &c.name)?, of(b, &c.name)?])).collect()
    }

    /// Every pair of the run's arms, the later against the earlier one; `turned` the other way round.
    pub fn every_pair(&self, turned: bool) -> Vec<PairOf> {
        let n = self.run.arms.len();
        let mut pairs: Vec<PairOf> = (0..n)
            .flat_map(|a| (a + 1..n).map(move |b| (a, b)))
            .map(|(a, b)| if turned { (b, a) } else { (a, b) })
            .map(|(a, b)| {
                let rows = matched(self.scores(a, b));
                let inputs: Vec<_> = rows.iter().map(Matched::input).collect();
                PairOf { arms: (a, b), found: paired_compare(&inputs, SEED) }
            })
            .collect();
        adjust(pairs.iter_mut().flat_map(|p| p.found.iter_mut()));
        pairs
    }
}
