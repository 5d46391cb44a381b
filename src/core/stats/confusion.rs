//! Where a judge goes wrong: pass and fail against people's, and score by score.
//!
//! ```text
//! tp fn / fp tn  -> rates with Wilson's and the exact interval, F1, balanced accuracy      (positive = pass)
//! the 5x5 grid   -> by_score: of what people gave s, how much did the judge give s; of what the judge gave s, ...
//!                -> Binary::at_least: pass is a score of at least so much
//! ```

use super::agreement::ScoreTable;
use super::bounded::Ends;
use super::dist::finite;
use super::mean::wilson;
use super::share::{clopper_pearson, counted};

/// A rate, what it is a share of, and its intervals. All but `n` are `None` where `n` is 0.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Counted {
    /// hits / n.
    pub value: Option<f64>,
    /// What was counted.
    pub n: u64,
    /// Wilson's interval.
    pub wilson: Option<Ends>,
    /// Clopper and Pearson's: wider, never short of its level.
    pub exact: Option<Ends>,
    /// The one that is printed: [`super::share::counted`].
    pub held: Option<Ends>,
}

impl Counted {
    /// `hits` of `n`.
    pub fn of(hits: u64, n: u64, level: f64) -> Self {
        let rate = wilson(hits, n, level);
        let exact = clopper_pearson(hits, n, level);
        let held = counted(hits, n, level);
        Self { value: rate.map(|r| r.p), n, wilson: rate.map(|r| (r.lo, r.hi)), exact, held }
    }
}

/// A judge's passes and fails against people's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Binary {
    /// Both pass.
    pub tp: u64,
    /// People pass, the judge fails.
    pub fn_: u64,
    /// People fail, the judge passes.
    pub fp: u64,
    /// Both fail.
    pub tn: u64,
}

/// What a table of passes and fails comes to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ConfusionRates {
    /// Of what people pass, how much the judge passes (sensitivity, recall).
    pub tpr: Counted,
    /// Of what people fail, how much the judge fails (specificity).
    pub tnr: Counted,
    /// Of what the judge passes, how much people pass.
    pub precision: Counted,
    /// Of what the judge fails, how much people fail.
    pub npv: Counted,
    /// Of all, how much is judged as people do.
    pub accuracy: Counted,
    /// Harmonic mean of precision and recall.
    pub f1: Option<f64>,
    /// Mean of `tpr` and `tnr`.
    pub balanced_accuracy: Option<f64>,
}

impl Binary {
    /// Counts (people pass, judge passes) pairs.
    pub fn of(pairs: impl IntoIterator<Item = (bool, bool)>) -> Self {
        let mut counts = Self::default();
        for pair in pairs {
            match pair {
                (true, true) => counts.tp += 1,
                (true, false) => counts.fn_ += 1,
                (false, true) => counts.fp += 1,
                (false, false) => counts.tn += 1,
            }
        }
        counts
    }

    /// From a grid of scores, where a pass is a score of at least `pass`.
    pub fn at_least(grid: &ScoreTable, pass: u8) -> Self {
        let mut counts = Self::default();
        for (human, judge, times) in grid.counts() {
            *match (human >= pass, judge >= pass) {
                (true, true) => &mut counts.tp,
                (true, false) => &mut counts.fn_,
                (false, true) => &mut counts.fp,
                (false, false) => &mut counts.tn,
            } += times;
        }
        counts
    }

    /// The rates, with intervals at `level`.
    pub fn rates(&self, level: f64) -> ConfusionRates {
        let of = |hits, n| Counted::of(hits, n, level);
        let tpr = of(self.tp, self.tp + self.fn_);
        let tnr = of(self.tn, self.tn + self.fp);
        let precision = of(self.tp, self.tp + self.fp);
        let both = |a: Option<f64>, b: Option<f64>| a.zip(b);
        ConfusionRates {
            tpr,
            tnr,
            precision,
            npv: of(self.tn, self.tn + self.fn_),
            accuracy: of(self.tp + self.tn, self.tp + self.fn_ + self.fp + self.tn),
            f1: both(precision.value, tpr.value).and_then(|(p, r)| finite(2.0 * p * r / (p + r))),
            balanced_accuracy: both(tpr.value, tnr.value).map(|(a, b)| 0.5 * (a + b)),
        }
    }
}

/// One score of the scale: how often each gave it, and how often both did.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ByScore {
    /// The score.
    pub score: u8,
    /// Items to which people gave it.
    pub people: u64,
    /// Items to which the judge gave it.
    pub judge: u64,
    /// Items to which both did.
    pub both: u64,
    /// Of people's, the share that the judge gave it too (recall).
    pub recall: Counted,
    /// Of the judge's, the share that people gave it too (precision).
    pub precision: Counted,
}

/// The confusion of a grid score by score, 1 to 5.
pub fn by_score(grid: &ScoreTable, level: f64) -> Vec<ByScore> {
    (1..=5_u8)
        .map(|score| {
            let sum = |keep: &dyn Fn(u8, u8) -> bool| -> u64 {
                grid.counts().filter(|(h, j, _)| keep(*h, *j)).map(|(_, _, times)| times).sum()
            };
            let (people, judge) = (sum(&|h, _| h == score), sum(&|_, j| j == score));
            let both = sum(&|h, j| h == score && j == score);
            let (recall, precision) = (Counted::of(both, people, level), Counted::of(both, judge, level));
            ByScore { score, people, judge, both, recall, precision }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grid_is_told_score_by_score_and_cut_in_two() {
        let grid = ScoreTable::of([(5, 5), (5, 5), (5, 4), (4, 5), (2, 5), (1, 1)]);
        let rows = by_score(&grid, 0.95);
        let five = rows.get(4).unwrap();
        assert_eq!((five.people, five.judge, five.both), (3, 4, 2));
        assert_eq!((five.recall.value, five.precision.value), (Some(2.0 / 3.0), Some(0.5)));
        let three = rows.get(2).unwrap();
        assert_eq!((three.recall, three.precision.wilson), (Counted::default(), None));
        assert_eq!(Binary::at_least(&grid, 4), Binary { tp: 4, fn_: 0, fp: 1, tn: 1 });
        let pairs = [(true, true), (false, true), (true, false), (false, false), (false, false)];
        assert_eq!(Binary::of(pairs), Binary { tp: 1, fn_: 1, fp: 1, tn: 2 });
    }
}
