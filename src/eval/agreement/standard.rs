//! The figures that papers on judges report, beside those of the table: correlation by document and by system, confusion by
//! score, calibration, and people one by one.
//!
//! ```text
//! cases x arms, people's and the judge's means -> levels: within each case, and of the arms' means
//! the grid of people's and the judge's scores  -> confusion
//! people's means by the judge's score          -> calibration: "says 4: people 3.1"
//! every two people on what both scored         -> reviewers
//! ```

use super::{AgreementData, AgreementFilter, Counted, clusters, figures_of_scores};
use crate::core::stats::agreement::{Agreement, Figure, ScoreTable, as_score};
use crate::core::stats::bounded::bounded_ci;
use crate::core::stats::calibration::{Calibrated, calibration_table};
use crate::core::stats::confusion::{ByScore, by_score};
use crate::core::stats::jackknife::held_of_rows;
use crate::core::stats::levels::{AtLevels, Levels, correlation_levels};
use crate::core::stats::mean::mean;
use crate::core::stats::rank::{kendall_tau_b, pearson, spearman};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The level of the intervals.
const LEVEL: f64 = 0.95;
/// Where a correlation can be.
const SCALE: (f64, f64) = (-1.0, 1.0);

/// A coefficient within cases and over arms.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ByLevel {
    /// Mean over cases of the correlation over the arms within one: does the judge rank the answers to a case as people do?
    pub document: Figure,
    /// Correlation of the arms' means: does it rank the arms as people do?
    pub system: Figure,
    /// Of all cells, whatever case and arm.
    pub pooled: Option<f64>,
}

/// Correlations of judge and people where several arms answered the same cases.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Correlations {
    /// Spearman's.
    pub spearman: ByLevel,
    /// Kendall's tau-b.
    pub kendall: ByLevel,
    /// Pearson's.
    pub pearson: ByLevel,
    /// Cases on which the document level rests.
    pub documents: usize,
    /// Cases where it is not defined: one side gives all arms the same score.
    pub undefined: usize,
    /// Arms on which the system level rests.
    pub systems: usize,
}

/// Two people on the items that both scored.
#[derive(Debug, Clone, PartialEq)]
pub struct TwoPeople {
    /// The first, by name.
    pub first: String,
    /// The second.
    pub second: String,
    /// The figures; the bias is the second's score less the first's.
    pub figures: Agreement,
}

/// The standard figures of one criterion.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StandardFigures {
    /// `None` where fewer than two arms have scores.
    pub levels: Option<Correlations>,
    /// Score by score, 1 to 5: how often people and the judge gave it, and how often both did.
    pub confusion: Vec<ByScore>,
    /// What people give on average where the judge gives 1 to 5 (its mean rounded).
    pub calibration: Vec<Calibrated>,
    /// Every two people with an item in common.
    pub reviewers: Vec<TwoPeople>,
}

type Coefficient = fn(&[f64], &[f64]) -> Option<f64>;

/// Cases by arms, of people or of the judge.
type Cells = Vec<Vec<Option<f64>>>;

impl AgreementData {
    /// Works them out.
    pub fn standard(&self, wanted: &AgreementFilter) -> StandardFigures {
        self.standard_of(&self.counted(wanted))
    }

    pub(super) fn standard_of(&self, counted: &Counted<'_>) -> StandardFigures {
        let pairs = &counted.pairs;
        let grid = ScoreTable::of(pairs.iter().map(|p| (p.human, p.judge)));
        let said: Vec<(f64, u8)> = pairs.iter().map(|p| (p.means.0, as_score(p.means.1))).collect();
        let clusters = clusters(pairs.iter().map(|p| p.item), &self.sources);
        StandardFigures {
            levels: self.levels(counted),
            confusion: by_score(&grid, LEVEL),
            calibration: calibration_table(&said, Some(&clusters), LEVEL),
            reviewers: self.reviewers(counted),
        }
    }

    fn levels(&self, counted: &Counted<'_>) -> Option<Correlations> {
        if self.run.arms.len() < 2 {
            return None;
        }
        let means: HashMap<u32, (f64, f64)> = counted.pairs.iter().map(|p| (p.item, p.means)).collect();
        let systems = self.run.arms.len();
        let mut rows: BTreeMap<(&str, u32), usize> = BTreeMap::new();
        let (mut human, mut judge): (Cells, Cells) = (Vec::new(), Vec::new());
        // One item of each row, which has its source.
        let mut first: Vec<u32> = Vec::new();
        for item in &self.items {
            let Some((people, judged)) = means.get(&item.ord) else { continue };
            let Some(arm) = self.run.arms.iter().position(|a| *a == item.arm) else { continue };
            let row = *rows.entry((&item.case_id, item.repeat)).or_insert_with(|| {
                human.push(vec![None; systems]);
                judge.push(vec![None; systems]);
                first.push(item.ord);
                first.len() - 1
            });
            let cell = human.get_mut(row).and_then(|r| r.get_mut(arm));
            if let (Some(h), Some(j)) = (cell, judge.get_mut(row).and_then(|r| r.get_mut(arm))) {
                (*h, *j) = (Some(*people), Some(*judged));
            }
        }
        let all = correlation_levels(&human, &judge);
        if all.systems < 2 {
            return None;
        }
        let sources = clusters(first.into_iter(), &self.sources);
        let rows: Vec<usize> = (0..sources.len()).collect();
        let of = |at: fn(&Levels) -> AtLevels, coefficient: Coefficient| {
            // The cases where it is defined, each with its source.
            let (each, of_case): (Vec<f64>, Vec<u32>) = human
                .iter()
                .zip(&judge)
                .zip(&sources)
                .filter_map(|((h, j), source)| {
                    let one = correlation_levels(std::slice::from_ref(h), std::slice::from_ref(j));
                    Some((at(&one).document?, *source))
                })
                .unzip();
            let document = bounded_ci(&each, Some(&of_case), SCALE, LEVEL).ci;
            let system = |drawn: &[usize]| of_means(&human, &judge, drawn, coefficient);
            let system = held_of_rows(&rows, Some(&sources), &[], SCALE, LEVEL, system);
            let found = at(&all);
            ByLevel {
                document: Figure { value: found.document, ci95: document },
                system: Figure { value: found.system, ci95: system },
                pooled: found.pooled,
            }
        };
        Some(Correlations {
            spearman: of(|l| l.spearman, spearman),
            kendall: of(|l| l.kendall, kendall_tau_b),
            pearson: of(|l| l.pearson, pearson),
            documents: all.documents_used,
            undefined: all.documents_undefined,
            systems: all.systems,
        })
    }

    fn reviewers(&self, counted: &Counted<'_>) -> Vec<TwoPeople> {
        let by_item = &counted.people;
        let names: BTreeSet<&str> = by_item.values().flat_map(|said| said.keys().copied()).collect();
        let names: Vec<&str> = names.into_iter().collect();
        let mut found = Vec::new();
        for (at, first) in names.iter().enumerate() {
            for second in names.iter().skip(at + 1) {
                let both = by_item
                    .iter()
                    .filter_map(|(item, said)| Some(((*said.get(first)?, *said.get(second)?), *item)));
                let figures = figures_of_scores(both, &self.sources);
                if figures.n > 0 {
                    found.push(TwoPeople {
                        first: (*first).to_owned(),
                        second: (*second).to_owned(),
                        figures,
                    });
                }
            }
        }
        found
    }
}

/// The correlation of the arms' means over some cases.
fn of_means(human: &Cells, judge: &Cells, drawn: &[usize], of: Coefficient) -> Option<f64> {
    let systems = human.first().map_or(0, Vec::len);
    let (mut people, mut judged) = (Vec::with_capacity(systems), Vec::with_capacity(systems));
    for system in 0..systems {
        let cell = |cells: &Cells, row: usize| cells.get(row).and_then(|r| r.get(system)).copied().flatten();
        let (h, j): (Vec<f64>, Vec<f64>) =
            drawn.iter().filter_map(|row| Some((cell(human, *row)?, cell(judge, *row)?))).unzip();
        if let Some((h, j)) = mean(&h).zip(mean(&j)) {
            people.push(h);
            judged.push(j);
        }
    }
    of(&people, &judged)
}
