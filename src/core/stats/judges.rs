//! Two judges on the same labels: which of them goes with people more closely, and how sure that is.
//!
//! ```text
//! (people, first, second) per item -> kappa of each, their difference by the jackknife
//!                                  -> same score as people: a paired share (Tango; McNemar's exact p)
//!                                  -> distance from people: a paired difference (bounded interval)
//! ```
//! Each figure of both judges is of the same items, so that what is easy or hard for both cancels.

use super::agreement::{ScoreTable, Weights, all_pairs, as_score};
use super::bounded::{Ends, bounded_ci, clip, shared};
use super::jackknife::{held_of_rows, jackknife_of_rows};
use super::mean::mean;
use super::paired_share::PairedShare;
use std::collections::BTreeSet;

/// Items (of sources of their own; else sources) from which on the difference of two kappas has an interval: where one judge guesses now and then, few items show
/// how far off a guess can be, and below this number intervals were measured to hold in 80 to 93 %.
pub const LEAST_FOR_KAPPAS: usize = 200;

/// One item that people and both judges scored, each with the mean of its scores (1 to 5).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ByBoth {
    /// People's mean.
    pub people: f64,
    /// The first judge's mean over its passes.
    pub first: f64,
    /// The second's.
    pub second: f64,
}

/// One figure of both judges and its difference.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct FigureOfTwo {
    /// The first judge's.
    pub first: Option<f64>,
    /// The second's.
    pub second: Option<f64>,
    /// first - second.
    pub difference: Option<f64>,
    /// The interval of the difference; of kappa from [`LEAST_FOR_KAPPAS`] items on.
    pub ci: Option<Ends>,
    /// Of kappa: the jackknife's standard error.
    pub se: Option<f64>,
    /// Its degrees of freedom.
    pub df: Option<f64>,
    /// Its t interval alone, within -2..2.
    pub jackknife: Option<Ends>,
}

impl FigureOfTwo {
    /// Whether the interval leaves 0 out, and which side it is on: above 0 the first figure is larger.
    pub fn sign(&self) -> Option<std::cmp::Ordering> {
        let (lo, hi) = self.ci?;
        match (lo > 0.0, hi < 0.0) {
            (true, _) => Some(std::cmp::Ordering::Greater),
            (_, true) => Some(std::cmp::Ordering::Less),
            _ => None,
        }
    }
}

/// How two judges' agreement with people differs.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct JudgesDifference {
    /// Items.
    pub n: usize,
    /// Quadratic kappa with people.
    pub kappa: FigureOfTwo,
    /// Share of items with the same score as people (means rounded, halves up).
    pub exact: FigureOfTwo,
    /// Mean distance from people in points: here the smaller one is the better judge.
    pub mae: FigureOfTwo,
    /// Who scores as people do, counted: both, the second alone (`old_only`), the first alone (`new_only`), neither.
    pub counts: PairedShare,
    /// McNemar's exact p of `exact`; with clusters it takes their items for independent.
    pub p_exact: f64,
}

/// Compares two judges on the items that both and people scored. `clusters`, if given, names the source of each item.
pub fn judges_difference(items: &[ByBoth], clusters: Option<&[u32]>, level: f64) -> JudgesDifference {
    let clusters = clusters.filter(|c| c.len() == items.len() && shared(c));
    let scores: Vec<[u8; 3]> =
        items.iter().map(|i| [as_score(i.people), as_score(i.first), as_score(i.second)]).collect();
    let hits = || scores.iter().map(|[people, first, second]| (people == second, people == first));
    let counts = PairedShare::of(hits());
    let apart = |of: fn(&ByBoth) -> f64| items.iter().map(|i| (of(i) - i.people).abs()).collect::<Vec<f64>>();
    let (first, second) = (apart(|i| i.first), apart(|i| i.second));
    let d: Vec<f64> = first.iter().zip(&second).map(|(a, b)| a - b).collect();
    let mae = bounded_ci(&d, clusters, (-4.0, 4.0), level);
    let exact_ci = match clusters {
        None => counts.tango(level),
        Some(_) => {
            let d: Vec<f64> = hits().map(|(old, new)| f64::from(i8::from(new) - i8::from(old))).collect();
            bounded_ci(&d, clusters, (-1.0, 1.0), level).ci
        }
    };
    let share = |hits: u64| (counts.n() > 0).then(|| hits as f64 / counts.n() as f64);
    JudgesDifference {
        n: items.len(),
        kappa: kappas(&scores, clusters, level),
        exact: FigureOfTwo {
            first: share(counts.both + counts.new_only),
            second: share(counts.both + counts.old_only),
            difference: counts.difference(),
            ci: exact_ci,
            ..FigureOfTwo::default()
        },
        mae: FigureOfTwo {
            first: mean(&first),
            second: mean(&second),
            difference: mae.mean,
            ci: mae.ci,
            ..FigureOfTwo::default()
        },
        counts,
        p_exact: counts.mcnemar(),
    }
}

/// How many sources so many items are of.
fn sources(items: usize, clusters: Option<&[u32]>) -> usize {
    clusters.map_or(items, |c| c.iter().collect::<BTreeSet<_>>().len())
}

/// The difference of two quadratic kappas: the jackknife's parts, and the interval of [`super::jackknife`], where any
/// three scores might come in.
fn kappas(scores: &[[u8; 3]], clusters: Option<&[u32]>, level: f64) -> FigureOfTwo {
    let kappa = |rows: &[[u8; 3]], judge: usize| {
        let pairs = rows.iter().filter_map(|row| Some((row[0], *row.get(judge)?)));
        ScoreTable::of(pairs).kappa(Weights::Quadratic)
    };
    let gap = |rows: &[[u8; 3]]| Some(kappa(rows, 1)? - kappa(rows, 2)?);
    let could: Vec<[u8; 3]> =
        all_pairs().into_iter().flat_map(|(p, a)| (1..=5_u8).map(move |b| [p, a, b])).collect();
    let (first, second) = (kappa(scores, 1), kappa(scores, 2));
    let parts = jackknife_of_rows(scores, clusters, level, gap);
    FigureOfTwo {
        first,
        second,
        difference: first.zip(second).map(|(a, b)| a - b),
        ci: (sources(scores.len(), clusters) >= LEAST_FOR_KAPPAS)
            .then(|| held_of_rows(scores, clusters, &could, (-2.0, 2.0), level, gap))
            .flatten(),
        se: parts.map(|j| j.se),
        df: parts.map(|j| j.df),
        jackknife: parts.map(|j| clip(j.ci, (-2.0, 2.0))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::stats::rng::Rng;
    use std::cmp::Ordering;

    /// People, a judge that is right but for `a` in 10, and one that is right but for `b` in 10.
    fn items(n: usize, a: u64, b: u64, seed: u64) -> Vec<ByBoth> {
        let mut rng = Rng::seeded(seed);
        (0..n)
            .map(|_| {
                let people = (rng.below(5) + 1) as f64;
                let mut judge = |off: u64| {
                    if rng.below(10) < off { (rng.below(5) + 1) as f64 } else { people }
                };
                ByBoth { people, first: judge(a), second: judge(b) }
            })
            .collect()
    }

    #[test]
    fn the_better_judge_is_found_in_all_three_figures_and_turning_them_turns_the_sign() {
        let good = items(200, 1, 6, 3);
        let d = judges_difference(&good, None, 0.95);
        assert_eq!(
            (d.kappa.sign(), d.exact.sign(), d.mae.sign()),
            (Some(Ordering::Greater), Some(Ordering::Greater), Some(Ordering::Less))
        );
        assert!(d.p_exact < 1e-6);
        let turned: Vec<ByBoth> =
            good.iter().map(|i| ByBoth { first: i.second, second: i.first, ..*i }).collect();
        let back = judges_difference(&turned, None, 0.95);
        for (here, there) in [(d.kappa, back.kappa), (d.exact, back.exact), (d.mae, back.mae)] {
            assert!((here.difference.unwrap() + there.difference.unwrap()).abs() < 1e-12);
            assert!((here.ci.unwrap().0 + there.ci.unwrap().1).abs() < 1e-7);
        }
        // Judges that are equally good.
        let even = judges_difference(&items(200, 3, 3, 4), None, 0.95);
        assert_eq!((even.kappa.sign(), even.exact.sign(), even.mae.sign()), (None, None, None));
    }

    #[test]
    fn items_of_one_source_widen_every_interval_and_none_leaves_nothing() {
        let one = items(40, 2, 3, 5);
        let five: Vec<ByBoth> = one.iter().flat_map(|i| [*i; 5]).collect();
        let sources: Vec<u32> = (0..200).map(|i| i / 5).collect();
        let (plain, clustered) =
            (judges_difference(&five, None, 0.95), judges_difference(&five, Some(&sources), 0.95));
        let wider = |c: Option<Ends>, p: Option<Ends>| {
            let width = |ends: Option<Ends>| ends.map(|(lo, hi)| hi - lo).unwrap();
            assert!(width(c) > 1.8 * width(p), "{c:?} {p:?}");
        };
        wider(clustered.exact.ci, plain.exact.ci);
        wider(clustered.mae.ci, plain.mae.ci);
        wider(clustered.kappa.jackknife, plain.kappa.jackknife);
        // 200 items are enough for kappas, but not when they are of 40 sources.
        assert!(plain.kappa.ci.is_some() && clustered.kappa.ci.is_none());
        let none = judges_difference(&[], None, 0.95);
        assert_eq!((none.n, none.kappa, none.exact), (0, FigureOfTwo::default(), FigureOfTwo::default()));
        // Judges that are both right on all 200: what 200 cannot show.
        let (lo, hi) = judges_difference(&items(200, 0, 0, 1), None, 0.95).kappa.ci.unwrap();
        assert!(lo < -0.01 && hi > 0.01, "{lo} {hi}");
    }
}
