//! What a run's cells say: for each criterion a mean with its interval and coverage, over all and by arm. The one place where
//! means over a run, an arm or a criterion are made.
//!
//! ```text
//! cells -> Row (an item's mean over its scored passes) -> mean_over: mean, interval, coverage, failures, people's word
//! ```
//! An item's score is the mean of its scored passes. Items that share a source, or a case under several arms, are not
//! independent: then the interval is the clustered one.
//!
//! Coverage is the share of verdicts with a score among those that were to be reached. What was to be reached on a criterion is
//! what any arm was asked of it, for each arm that shares a case with it: a case that one arm never answered counts against
//! that arm. A gate counts the same way over its two arms.

use super::human_scores::{Checked, People};
use super::numbers::Numbers;
use crate::core::rubric::Scale;
use crate::core::stats::bounded::{SCORES, bounded_ci};
use crate::core::stats::item_discrimination;
use crate::core::text;
use crate::core::verdict::VerdictState;
use crate::store::{Cell, RunInfo, RunItem};
use std::collections::{HashMap, HashSet};

/// Two-sided level of all intervals.
const LEVEL: f64 = 0.95;

/// Fewer sources than this make an interval that says little.
const FEW_SOURCES: usize = 4;

/// One criterion's scores.
#[derive(Debug, Clone, PartialEq)]
pub struct CriterionSummary {
    /// Its name.
    pub name: String,
    /// On which it is answered: the figures are in its units.
    pub scale: Scale,
    /// Items by label, in the scale's order; empty where answers are scores.
    pub labels: Vec<(String, usize)>,
    /// Mean of the items' scores, or the share that passes; `None` when none is scored, and of categories.
    pub mean: Option<f64>,
    /// 95 % interval of the mean; `None` where there can be none (one item, one cluster).
    pub ci95: Option<(f64, f64)>,
    /// Items with a score.
    pub n: usize,
    /// Items that were to be scored.
    pub planned: usize,
    /// Verdicts (items x passes) with a score.
    pub scored: usize,
    /// Verdicts that were to be reached.
    pub asked: usize,
    /// Verdicts that ended without a score.
    pub failed: usize,
    /// `scored` as a share of `asked`, 0 to 1.
    pub coverage: f64,
    /// Independent sources that the mean rests on: clusters, else cases.
    pub sources: usize,
    /// What people say about the mean.
    pub checked: Checked,
}

impl CriterionSummary {
    /// What is to be known before the interval is read: that it rests on two or three sources.
    pub fn caution(&self) -> Option<String> {
        self.ci95.filter(|_| self.sources < FEW_SOURCES).map(|_| {
            format!(
                "the interval rests on {}: another one could move it far",
                text::plural(self.sources, "source", "sources")
            )
        })
    }
}

/// One arm's scores.
#[derive(Debug, Clone, PartialEq)]
pub struct ArmSummary {
    /// Its full name.
    pub arm: String,
    /// In the order of the run's columns.
    pub criteria: Vec<CriterionSummary>,
}

/// All scores of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct RunSummary {
    /// Over all arms, in the order of the run's columns.
    pub criteria: Vec<CriterionSummary>,
    /// Each arm alone, in order of first use.
    pub arms: Vec<ArmSummary>,
}

/// The scores of one item's passes on one criterion.
#[derive(Debug, Clone, Copy, Default)]
struct PassScores {
    sum: f64,
    scored: usize,
    failed: usize,
}

impl PassScores {
    fn mean(self) -> Option<f64> {
        (self.scored > 0).then(|| self.sum / self.scored as f64)
    }

    fn seen(self) -> usize {
        self.scored + self.failed
    }
}

/// By column, then by the item's place in the run.
struct ItemCells(Vec<Vec<PassScores>>);

impl ItemCells {
    fn of(columns: usize, cells: &[Cell]) -> Self {
        let items = cells.iter().map(|c| c.item as usize + 1).max().unwrap_or(0);
        let mut all = vec![vec![PassScores::default(); items]; columns];
        for cell in cells {
            let column = all.get_mut(cell.criterion as usize);
            let Some(scores) = column.and_then(|c| c.get_mut(cell.item as usize)) else { continue };
            match (cell.state, cell.score) {
                (VerdictState::Scored, Some(score)) => {
                    scores.scored += 1;
                    scores.sum += f64::from(score);
                }
                _ => scores.failed += 1,
            }
        }
        Self(all)
    }

    fn at(&self, column: u32, item: u32) -> PassScores {
        self.0.get(column as usize).and_then(|c| c.get(item as usize)).copied().unwrap_or_default()
    }
}

/// Criteria of a run that say nothing, and why: (column, reason). See [`crate::core::stats::item_discrimination`].
pub fn doubts(
    run: &RunInfo,
    cells: &[Cell],
    items: &[RunItem],
    people: &People,
) -> Vec<(usize, item_discrimination::Doubt)> {
    let columns = ItemCells::of(run.criteria.len(), cells);
    let of = |(at, name): (u32, &String)| {
        let score = |item: &RunItem| columns.at(at, item.ord).mean();
        let said = |item: &RunItem| people.scores(item.ord, at);
        item_discrimination::CriterionScores {
            name: name.clone(),
            scores: items.iter().map(score).collect(),
            people: items.iter().map(said).collect(),
        }
    };
    item_discrimination::doubts(&(0..).zip(&run.criteria).map(of).collect::<Vec<_>>())
}

/// One item on one criterion, as a mean takes it.
#[derive(Debug, Clone, Copy)]
pub struct ScoredItem<'a> {
    /// The item.
    pub item: &'a RunItem,
    /// The mean of its scored passes.
    pub score: Option<f64>,
    /// How many passes these are.
    pub scored: usize,
    /// Passes that ended without a score.
    pub failed: usize,
    /// Its source as a number, in the order of first sight.
    pub source: u32,
}

/// The source of each item as a number, in the order of the items: its cluster, or its case.
pub fn sources(items: &[RunItem]) -> Vec<u32> {
    let mut numbers: Numbers<'_, str> = Numbers::default();
    items.iter().map(|item| numbers.of(item.cluster.as_deref().unwrap_or(&item.case_id))).collect()
}

/// What was to be judged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Expected {
    /// Responses.
    pub items: usize,
    /// Verdicts: responses x passes.
    pub verdicts: usize,
}

/// The mean of a criterion over any items: a run's, an arm's, those on a screen. Items of one cluster are one source, and so
/// are the responses of several arms to one case.
pub fn mean_over(
    (name, scale): (&str, &Scale),
    criterion: u32,
    rows: &[ScoredItem<'_>],
    asked: Expected,
    people: &People,
) -> CriterionSummary {
    let mut values = Vec::with_capacity(rows.len());
    let mut sources: Vec<u32> = Vec::with_capacity(rows.len());
    let (mut scored, mut failed) = (0, 0);
    for row in rows {
        failed += row.failed;
        let Some(score) = row.score else { continue };
        scored += row.scored;
        values.push(score);
        sources.push(row.source);
    }
    let found = bounded_ci(&values, Some(&sources), SCORES, LEVEL);
    // One unit for each source, or for each value where none share theirs.
    let of = if found.clustered { found.units } else { values.len() };
    let judged: Vec<(u32, Option<f64>)> = rows.iter().map(|r| (r.item.ord, r.score)).collect();
    CriterionSummary {
        name: name.to_owned(),
        labels: labels(scale, &values),
        scale: scale.clone(),
        mean: found.mean.and_then(|mean| scale.figure(mean)),
        ci95: found.ci.and_then(|(lo, hi)| Some((scale.figure(lo)?, scale.figure(hi)?))),
        n: values.len(),
        planned: asked.items,
        scored,
        asked: asked.verdicts,
        failed,
        coverage: coverage(scored, asked.verdicts),
        sources: of,
        checked: people.check(criterion, &judged).on(scale),
    }
}

/// How many items have each label: an item whose passes differ has none.
fn labels(scale: &Scale, levels: &[f64]) -> Vec<(String, usize)> {
    let of = |level: u8| levels.iter().filter(|v| (**v - f64::from(level)).abs() < 1e-9).count();
    let label = |level: u8| Some((scale.label(level)?.to_owned(), of(level)));
    scale.levels().into_iter().filter_map(label).collect()
}

/// Verdicts with a score as a share of those that were to be reached; 0 where none was.
pub fn coverage(scored: usize, asked: usize) -> f64 {
    if asked == 0 { 0.0 } else { scored as f64 / asked as f64 }
}

/// What each arm was to be judged on, for each column, in the order of the run's arms: what any arm that shares a case with it was
/// asked on the criterion. Imported arms that have no case in common were asked of different cases.
fn asked(run: &RunInfo, items: &[RunItem], cells: &[Cell]) -> Vec<Vec<Expected>> {
    let mut keys: Numbers<'_, (&str, u32)> = Numbers::default();
    let names: Vec<(&str, u32)> = items.iter().map(|item| (item.case_id.as_str(), item.repeat)).collect();
    let numbers: Vec<u32> = names.iter().map(|name| keys.of(name)).collect();
    if !run.imported {
        let all = Expected { items: keys.len(), verdicts: keys.len() * run.spec.repeats.max(1) as usize };
        return vec![vec![all; run.arms.len()]; run.criteria.len()];
    }
    let place = |arm: &String| run.arms.iter().position(|a| a == arm).unwrap_or(run.arms.len());
    let key_of: HashMap<u32, (u32, usize)> =
        items.iter().zip(numbers).map(|(item, key)| (item.ord, (key, place(&item.arm)))).collect();
    (0_u32..).zip(&run.criteria).map(|(column, _)| held(run.arms.len(), column, &key_of, cells)).collect()
}

/// What the imported verdicts of a column hold, by arm.
fn held(arms: usize, column: u32, key_of: &HashMap<u32, (u32, usize)>, cells: &[Cell]) -> Vec<Expected> {
    // Imported verdicts plan what they hold, and may have more passes of one item than of another.
    let mut together: Vec<usize> = (0..arms).collect();
    let mut first_of: HashMap<u32, usize> = HashMap::new();
    let held: Vec<(u32, u32, usize)> = cells
        .iter()
        .filter(|c| c.criterion == column)
        .filter_map(|c| key_of.get(&c.item).map(|(key, arm)| (*key, c.repeat, *arm)))
        .filter(|(_, _, arm)| *arm < arms)
        .collect();
    for (key, _, arm) in &held {
        let of = |arm: usize| together.get(arm).copied().unwrap_or(arm);
        let (one, other) = (of(*first_of.entry(*key).or_insert(*arm)), of(*arm));
        together.iter_mut().filter(|at| **at == other).for_each(|at| *at = one);
    }
    let among = |group: usize| {
        let mine = held.iter().filter(|(_, _, arm)| together.get(*arm) == Some(&group));
        let verdicts: HashSet<(u32, u32)> = mine.map(|(key, repeat, _)| (*key, *repeat)).collect();
        let items: HashSet<u32> = verdicts.iter().map(|v| v.0).collect();
        Expected { items: items.len(), verdicts: verdicts.len() }
    };
    let groups: HashMap<usize, Expected> =
        together.iter().copied().collect::<HashSet<_>>().into_iter().map(|g| (g, among(g))).collect();
    together.iter().map(|group| groups.get(group).copied().unwrap_or_default()).collect()
}

/// Sums up a run from its newest cells. Only scored verdicts enter a mean.
pub fn summarize(run: &RunInfo, cells: &[Cell], items: &[RunItem], people: &People) -> RunSummary {
    let parts = MeanParts::of(run, cells, items, people);
    let arms = run
        .arms
        .iter()
        .enumerate()
        .map(|(at, arm)| {
            let criteria = parts.means(|item| item.arm == *arm, at..at + 1);
            ArmSummary { arm: arm.clone(), criteria }
        })
        .collect();
    RunSummary { criteria: parts.all(), arms }
}

/// [`summarize`] over all arms only.
pub fn summarize_together(
    run: &RunInfo,
    cells: &[Cell],
    items: &[RunItem],
    people: &People,
) -> Vec<CriterionSummary> {
    MeanParts::of(run, cells, items, people).all()
}

/// What means of a run are made of.
struct MeanParts<'a> {
    run: &'a RunInfo,
    items: &'a [RunItem],
    people: &'a People,
    columns: ItemCells,
    /// By column, then by arm.
    asked: Vec<Vec<Expected>>,
    /// Of each item.
    sources: Vec<u32>,
}

impl<'a> MeanParts<'a> {
    fn of(run: &'a RunInfo, cells: &[Cell], items: &'a [RunItem], people: &'a People) -> Self {
        let columns = ItemCells::of(run.criteria.len(), cells);
        Self { run, items, people, columns, asked: asked(run, items, cells), sources: sources(items) }
    }

    fn all(&self) -> Vec<CriterionSummary> {
        self.means(|_| true, 0..self.run.arms.len())
    }

    fn means(&self, of: impl Fn(&RunItem) -> bool, arms: std::ops::Range<usize>) -> Vec<CriterionSummary> {
        let mine: Vec<(&RunItem, u32)> =
            self.items.iter().zip(self.sources.iter().copied()).filter(|(item, _)| of(item)).collect();
        (0..)
            .zip(self.run.criteria.iter().zip(&self.asked))
            .map(|(column, (name, asked))| {
                let rows: Vec<ScoredItem<'_>> = mine
                    .iter()
                    .map(|(item, source)| (*item, *source, self.columns.at(column, item.ord)))
                    .filter(|(.., s)| s.seen() > 0 || !self.run.imported)
                    .map(|(item, source, s)| ScoredItem {
                        item,
                        score: s.mean(),
                        scored: s.scored,
                        failed: s.failed,
                        source,
                    })
                    .collect();
                let asked = asked.get(arms.clone()).unwrap_or_default();
                let asked = Expected {
                    items: asked.iter().map(|a| a.items).sum(),
                    verdicts: asked.iter().map(|a| a.verdicts).sum(),
                };
                mean_over((name, &self.run.scale(column)), column, &rows, asked, self.people)
            })
            .collect()
    }
}
