//! Stopping a run when its question is answered.
//!
//! ```text
//! cases in a random order (from the run's id) -> verdicts as they are saved -> a case whose verdicts are all there,
//! in that order, is looked at -> one Sequence for each mean -> the rule is met: nothing more is asked
//! ```
//! Cases are looked at in the order in which they were drawn, not in that in which answers come: a quick answer may be
//! a short one, and a short one may score otherwise. Cases of one source are one unit, whose score is their mean.

use super::verdict_key::VerdictKey;
use crate::core::digest::Digest;
use crate::core::stats::mean::mean;
use crate::core::stats::rng::Rng;
use crate::core::stats::sequential::{Sequence, Until};
use crate::store::{Cell, RunInfo, RunItem};
use std::collections::{BTreeMap, HashMap, HashSet};

/// The chance of an error that a rule accepts.
const ALPHA: f64 = 0.05;
/// Units that any answer needs.
const LEAST: usize = 5;

/// One mean that is watched: of an arm, or of the second arm minus the first.
struct Series {
    name: String,
    criterion: u32,
    arm: Option<usize>,
    seen: Sequence,
}

/// Watches a run's verdicts.
pub(super) struct StopWatch {
    rule: Until,
    arms: Vec<String>,
    /// Items of each unit by arm, in the order drawn.
    units: Vec<Vec<Vec<u32>>>,
    /// Unit of each item.
    place: Vec<usize>,
    /// Keys of each unit that have no verdict yet.
    open: Vec<usize>,
    known: HashSet<VerdictKey>,
    scores: HashMap<(u32, u32), Vec<f64>>,
    next: usize,
    series: Vec<Series>,
}

impl StopWatch {
    /// Over a run's items; `cells` are the verdicts there are.
    pub fn new(rule: Until, run: &RunInfo, items: &[RunItem], cells: &[Cell]) -> Self {
        let (units, place) = drawn(run, items);
        let each = run.criteria.len() * run.spec.repeats as usize;
        let open = units.iter().map(|u| u.iter().map(Vec::len).sum::<usize>() * each).collect();
        let mut watch = Self {
            series: series(rule, run),
            rule,
            arms: run.arms.clone(),
            units,
            place,
            open,
            known: HashSet::new(),
            scores: HashMap::new(),
            next: 0,
        };
        cells.iter().filter(|c| !c.state.is_open_on_resume()).for_each(|cell| watch.take(cell));
        watch
    }

    /// Where an item stands in the order drawn.
    pub fn rank(&self, item: u32) -> usize {
        self.place.get(item as usize).copied().unwrap_or(usize::MAX)
    }

    /// Takes a verdict that was saved.
    pub fn take(&mut self, cell: &Cell) {
        let Some(unit) = self.place.get(cell.item as usize).copied() else { return };
        if let Some(score) = cell.score {
            self.scores.entry((cell.item, cell.criterion)).or_default().push(f64::from(score));
        }
        if self.known.insert(VerdictKey::of(cell))
            && let Some(open) = self.open.get_mut(unit)
        {
            *open = open.saturating_sub(1);
        }
        while self.open.get(self.next) == Some(&0) && self.answer().is_none() {
            self.look();
        }
    }

    /// Looks at the next unit.
    fn look(&mut self) {
        let Some(unit) = self.units.get(self.next) else { return };
        let of = |arm: usize, criterion: u32| -> Option<f64> {
            let scored = |item: &u32| self.scores.get(&(*item, criterion)).and_then(|s| mean(s));
            mean(&unit.get(arm)?.iter().filter_map(scored).collect::<Vec<_>>())
        };
        let values: Vec<Option<f64>> = self
            .series
            .iter()
            .map(|s| match s.arm {
                Some(arm) => of(arm, s.criterion),
                None => Some(of(1, s.criterion)? - of(0, s.criterion)?),
            })
            .collect();
        for (series, value) in self.series.iter_mut().zip(values) {
            if let Some(value) = value {
                series.seen.push(value);
            }
        }
        self.next += 1;
    }

    /// The answer, in words; `None` while there is none.
    pub fn answer(&self) -> Option<String> {
        if self.series.is_empty() || self.series.iter().any(|s| s.seen.n() < LEAST) {
            return None;
        }
        let after = format!("after {} of {} cases", self.next, self.units.len());
        let interval = |s: &Series| {
            let (lo, hi) = s.seen.interval();
            format!("{} {lo:+.2} to {hi:+.2}", s.name)
        };
        match self.rule {
            Until::Ci(width) => {
                let widest = self.series.iter().map(|s| s.seen.half()).fold(0.0, f64::max);
                (widest < width).then(|| format!("every mean is known to ±{widest:.2} {after}"))
            }
            Until::Decided(margin) => {
                let worse: Vec<String> =
                    self.series.iter().filter(|s| s.seen.interval().1 < -margin).map(interval).collect();
                let (a, b) = (self.arms.first()?, self.arms.get(1)?);
                if !worse.is_empty() {
                    return Some(format!("{b} is worse than {a} {after}: {}", worse.join(", ")));
                }
                let fine = self.series.iter().all(|s| s.seen.interval().0 >= -margin);
                fine.then(|| format!("{b} is not worse than {a} by more than {margin} {after}"))
            }
        }
    }
}

/// Units of items by arm in a random order that is the same whenever this run goes on, and the unit of each item.
fn drawn(run: &RunInfo, items: &[RunItem]) -> (Vec<Vec<Vec<u32>>>, Vec<usize>) {
    let mut groups: BTreeMap<(bool, &str), Vec<&RunItem>> = BTreeMap::new();
    for item in items {
        let name = item.cluster.as_deref();
        groups.entry((name.is_some(), name.unwrap_or(&item.case_id))).or_default().push(item);
    }
    let mut groups: Vec<Vec<&RunItem>> = groups.into_values().collect();
    let seed = Digest::of(&run.id).as_bytes().iter().take(8).fold(0, |all, b| all << 8 | u64::from(*b));
    Rng::seeded(seed).shuffle(&mut groups);
    let mut place = vec![usize::MAX; items.len()];
    let mut units = Vec::with_capacity(groups.len());
    for (at, group) in groups.iter().enumerate() {
        for item in group {
            if let Some(place) = place.get_mut(item.ord as usize) {
                *place = at;
            }
        }
        let of = |arm: &String| group.iter().filter(|i| i.arm == *arm).map(|i| i.ord).collect();
        units.push(run.arms.iter().map(of).collect());
    }
    (units, place)
}

/// A decision needs all its intervals to hold together, so each takes its share of the error; the means of `ci<` each
/// hold on their own, as those of a table do.
fn series(rule: Until, run: &RunInfo) -> Vec<Series> {
    let columns = || (0_u32..).zip(&run.criteria);
    match rule {
        Until::Ci(_) => (0..run.arms.len())
            .flat_map(|arm| {
                columns().map(move |(criterion, name)| Series {
                    name: name.clone(),
                    criterion,
                    arm: Some(arm),
                    seen: Sequence::new(1.0, 5.0, ALPHA),
                })
            })
            .collect(),
        Until::Decided(_) => {
            let alpha = ALPHA / run.criteria.len().max(1) as f64;
            let one = |(criterion, name): (u32, &String)| Series {
                name: name.clone(),
                criterion,
                arm: None,
                seen: Sequence::new(-4.0, 4.0, alpha),
            };
            columns().map(one).collect()
        }
    }
}
