//! What a run's cells say: for each criterion a mean with its interval and coverage, over all and by arm.
//!
//! An item's score is the mean of its scored passes. Items that share a source, or a case under several arms, are not
//! independent: then the interval is the clustered one.

use super::people::{Checked, People};
use crate::core::stats::bounded::{SCORES, bounded_ci};
use crate::core::stats::mean::mean;
use crate::core::stats::useful;
use crate::core::verdict::State;
use crate::store::{Cell, RunInfo, RunItem};
use std::collections::HashMap;

/// Two-sided level of all intervals.
const LEVEL: f64 = 0.95;

/// One criterion's scores.
#[derive(Debug, Clone, PartialEq)]
pub struct CriterionSummary {
    /// Its name.
    pub name: String,
    /// Mean of the items' scores; `None` when none is scored.
    pub mean: Option<f64>,
    /// 95 % interval of the mean; `None` where there can be none (one item, one cluster).
    pub ci95: Option<(f64, f64)>,
    /// Items with a score.
    pub n: usize,
    /// Items that were to be scored.
    pub planned: usize,
    /// Scored verdicts (items x passes) as a share of those planned, 0 to 1.
    pub coverage: f64,
    /// What people say about the mean.
    pub checked: Checked,
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

/// Scores by column, then by item.
type Columns = HashMap<u32, HashMap<u32, Scores>>;

fn columns(cells: &[Cell]) -> Columns {
    let mut by_column = Columns::new();
    for cell in cells {
        let scores = by_column.entry(cell.criterion).or_default().entry(cell.item).or_default();
        scores.1 += 1;
        if let (State::Scored, Some(score)) = (cell.state, cell.score) {
            scores.0.push(f64::from(score));
        }
    }
    by_column
}

/// Criteria of a run that say nothing, and why: (column, reason). See [`crate::core::stats::useful`].
pub fn doubts(
    run: &RunInfo,
    cells: &[Cell],
    items: &[RunItem],
    people: &People,
) -> Vec<(usize, useful::Doubt)> {
    let by_column = columns(cells);
    let of = |(at, name): (u32, &String)| {
        let scores = by_column.get(&at);
        let score = |item: &RunItem| scores.and_then(|s| mean(&s.get(&item.ord)?.0));
        let said = |item: &RunItem| people.scores(item.ord, at);
        useful::Column {
            name: name.clone(),
            scores: items.iter().map(score).collect(),
            people: items.iter().map(said).collect(),
        }
    };
    useful::doubts(&(0..).zip(&run.criteria).map(of).collect::<Vec<_>>())
}

/// Sums up a run from its newest cells. Only scored verdicts enter a mean.
pub fn summarize(run: &RunInfo, cells: &[Cell], items: &[RunItem], people: &People) -> RunSummary {
    let by_column = columns(cells);
    let none = HashMap::new();
    let of = |items: &[&RunItem]| -> Vec<CriterionSummary> {
        (0..)
            .zip(&run.criteria)
            .map(|(column, name)| {
                let scores = by_column.get(&column).unwrap_or(&none);
                let mut summary = column_of(run, name, items, scores);
                let score = |i: &RunItem| scores.get(&i.ord).and_then(|s| mean(&s.0));
                let judged: Vec<(u32, Option<f64>)> = items.iter().map(|i| (i.ord, score(i))).collect();
                summary.checked = people.check(column, &judged);
                summary
            })
            .collect()
    };
    let all: Vec<&RunItem> = items.iter().collect();
    let arms = run
        .arms
        .iter()
        .map(|arm| {
            let mine: Vec<&RunItem> = items.iter().filter(|i| i.arm == *arm).collect();
            ArmSummary { arm: arm.clone(), criteria: of(&mine) }
        })
        .collect();
    RunSummary { criteria: of(&all), arms }
}

/// The scores of one item's passes, and how many passes have a verdict, scored or not.
#[derive(Default)]
struct Scores(Vec<f64>, usize);

fn column_of(
    run: &RunInfo,
    name: &str,
    items: &[&RunItem],
    scores: &HashMap<u32, Scores>,
) -> CriterionSummary {
    // Imported verdicts plan what they hold; a run of ours plans every item.
    let planned: Vec<&&RunItem> =
        items.iter().filter(|i| !run.imported || scores.contains_key(&i.ord)).collect();
    let mut values = Vec::new();
    let mut groups: Vec<u32> = Vec::new();
    let mut known: HashMap<&str, u32> = HashMap::new();
    let mut verdicts = 0;
    for item in &planned {
        let Some(found) = scores.get(&item.ord) else { continue };
        let Some(score) = mean(&found.0) else { continue };
        verdicts += found.0.len();
        values.push(score);
        let next = known.len() as u32;
        groups.push(*known.entry(item.cluster.as_deref().unwrap_or(&item.case_id)).or_insert(next));
    }
    let found = bounded_ci(&values, Some(&groups), SCORES, LEVEL);
    // Imported verdicts may have more passes of one criterion than of another.
    let wanted = if run.imported {
        planned.iter().filter_map(|i| Some(scores.get(&i.ord)?.1)).sum()
    } else {
        planned.len() * run.spec.repeats.max(1) as usize
    };
    let coverage = if wanted == 0 { 0.0 } else { verdicts as f64 / wanted as f64 };
    CriterionSummary {
        name: name.to_owned(),
        mean: found.mean,
        ci95: found.ci,
        n: values.len(),
        planned: planned.len(),
        coverage,
        checked: Checked::default(),
    }
}
