//! Two arms of one run, or all of them, worked out from the run once read.
//!
//! ```text
//! a run's items, cells, reviews -> Field --versus(a, b, slice)--> comparisons, noise floors, flips, power, trust
//!                                        --every_pair-----------> each pair of arms, all p's corrected together
//! ```

use super::{DELTA, Versus, compared, together};
use crate::core::rubric::Scale;
use crate::core::stats::compare::Comparison;
use crate::eval::compare::{Score, matched};
use crate::eval::{CriterionSummary, People, RunNotes, summarize};
use crate::questions::grid::Gridded;
use crate::questions::noise;
use crate::store::{Cell, Result, RunInfo, RunItem, Store};

/// A run as it is compared.
#[derive(Debug, Clone)]
pub struct Field {
    /// The run.
    pub run: RunInfo,
    /// What is to be known before its figures are read.
    pub notes: RunNotes,
    items: Vec<RunItem>,
    cells: Vec<Cell>,
    people: People,
    /// By column.
    scales: Vec<Scale>,
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
        let grid = Gridded::read(store, run)?;
        let people = grid.people();
        let Gridded { run, items, cells, notes, .. } = grid;
        let scales = (0..).zip(&run.criteria).map(|(column, _)| run.scale(column)).collect();
        Ok(Self { people, items, cells, notes, run, scales })
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
                    scale: self.scales.get(cell.criterion as usize)?,
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
        // The judge's spread is learned from the whole run: a slice has few cases to learn it from.
        let noise = noise::of_cells(&self.run, &self.cells, &self.items);
        let names = (self.arm(a).to_owned(), self.arm(b).to_owned());
        let rows = matched(self.scores(a, b));
        let mut found = Versus::of(names, &rows, slice, |row| noise::floor(&noise, row), DELTA);
        found.trust = self.trust(a, b, slice, &found.found);
        found
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
            .map(|(a, b)| PairOf { arms: (a, b), found: compared(&matched(self.scores(a, b))) })
            .collect();
        together(pairs.iter_mut().map(|p| &mut p.found));
        pairs
    }
}
