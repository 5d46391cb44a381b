//! Human against judge on the fixed scores 1 to 5: a 5x5 grid, and the figures read from it.
//!
//! ```text
//! (human, judge) pairs -> Grid -> exact, within one, error, bias, kappas, alpha, rank correlations
//!                              -> the same without each pair, and with each that might come in -> intervals
//! ```
//! Every figure depends on the pairs only through the grid, so an interval costs the same for 50 verdicts and for
//! 100,000 once the grid is counted.

use super::alpha::Coincidences;
use super::bounded::{bounded_ci, shared};
use super::dist::finite;
use super::jackknife::{held_of_kinds, held_of_sums};
use super::rank::{average_ranks, pearson, spearman};
use super::share::share_ci;

/// Scores on the scale.
const LABELS: usize = 5;

/// A mean of scores as a score from 1 to 5, halves up.
pub fn as_score(mean: f64) -> u8 {
    (mean + 0.5).floor().clamp(1.0, 5.0) as u8
}

/// How the two cut the distance between scores when agreement by chance is taken out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weights {
    /// (i - j)^2: the one to report for scores.
    Quadratic,
    /// |i - j|.
    Linear,
    /// Equal or not.
    Unweighted,
}

/// How often a human's score met a judge's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ScoreTable {
    /// `cells[human - 1][judge - 1]`.
    pub cells: [[u64; LABELS]; LABELS],
    /// Pairs that were no scores from 1 to 5; counted, never clamped onto the grid.
    pub rejected: u64,
}

impl ScoreTable {
    /// Counts (human, judge) pairs.
    pub fn of(pairs: impl IntoIterator<Item = (u8, u8)>) -> Self {
        let mut grid = Self::default();
        for (human, judge) in pairs {
            grid.add(human, judge);
        }
        grid
    }

    fn add(&mut self, human: u8, judge: u8) {
        let place = |score: u8| usize::from(score).checked_sub(1);
        let cell = place(human)
            .and_then(|h| self.cells.get_mut(h))
            .zip(place(judge))
            .and_then(|(row, j)| row.get_mut(j));
        match cell {
            Some(cell) => *cell += 1,
            None => self.rejected += 1,
        }
    }

    /// This grid less `part`, pairs of it that are left out.
    #[must_use]
    pub fn without(&self, part: &Self) -> Self {
        let mut left = *self;
        for (mine, theirs) in left.cells.iter_mut().flatten().zip(part.cells.iter().flatten()) {
            *mine = mine.saturating_sub(*theirs);
        }
        left.rejected = left.rejected.saturating_sub(part.rejected);
        left
    }

    /// Pairs on the grid.
    pub fn n(&self) -> u64 {
        self.cells.iter().flatten().sum()
    }

    /// (people's score, the judge's score, how often) of each cell.
    pub fn counts(&self) -> impl Iterator<Item = (u8, u8, u64)> + '_ {
        let rows = (1_u8..).zip(&self.cells);
        rows.flat_map(|(h, row)| (1_u8..).zip(row).map(move |(j, &count)| (h, j, count)))
    }

    /// (human index, judge index, count) of each cell.
    fn each(&self) -> impl Iterator<Item = (usize, usize, f64)> + '_ {
        self.cells
            .iter()
            .enumerate()
            .flat_map(|(h, row)| row.iter().enumerate().map(move |(j, &count)| (h, j, count as f64)))
    }

    /// Mean over the pairs of something that depends on both scores.
    fn average(&self, of: impl Fn(f64, f64) -> f64) -> Option<f64> {
        let total: f64 = self.each().map(|(h, j, count)| count * of(h as f64, j as f64)).sum();
        finite(total / self.n() as f64)
    }

    /// Totals per human score and per judge score.
    fn margins(&self) -> ([f64; LABELS], [f64; LABELS]) {
        let (mut human, mut judge) = ([0.0; LABELS], [0.0; LABELS]);
        for (h, j, count) in self.each() {
            if let (Some(row), Some(column)) = (human.get_mut(h), judge.get_mut(j)) {
                *row += count;
                *column += count;
            }
        }
        (human, judge)
    }

    /// Share of equal scores.
    pub fn exact(&self) -> Option<f64> {
        self.average(|h, j| f64::from(u8::from(h == j)))
    }

    /// Share of scores at most one apart.
    pub fn within_one(&self) -> Option<f64> {
        self.average(|h, j| f64::from(u8::from((h - j).abs() <= 1.0)))
    }

    /// Mean distance between the two, in points.
    pub fn mae(&self) -> Option<f64> {
        self.average(|h, j| (h - j).abs())
    }

    /// Mean of judge - human, in points: above 0 the judge is kinder.
    pub fn bias(&self) -> Option<f64> {
        self.average(|h, j| j - h)
    }

    /// Cohen's weighted kappa (1968) on the fixed labels 1..5: 1 - sum w o / sum w e, with e the product of the margins
    /// over n. `None` when both give one and the same score throughout, or there are no pairs.
    pub fn kappa(&self, weights: Weights) -> Option<f64> {
        let weight = |h: usize, j: usize| {
            let apart = h.abs_diff(j) as f64;
            match weights {
                Weights::Quadratic => apart * apart,
                Weights::Linear => apart,
                Weights::Unweighted => f64::from(u8::from(h != j)),
            }
        };
        let (human, judge) = self.margins();
        let observed: f64 = self.each().map(|(h, j, count)| weight(h, j) * count).sum();
        let by_chance: f64 = human
            .iter()
            .enumerate()
            .flat_map(|(h, x)| judge.iter().enumerate().map(move |(j, y)| weight(h, j) * x * y))
            .sum();
        if by_chance <= 0.0 {
            return None;
        }
        finite(1.0 - observed * self.n() as f64 / by_chance)
    }

    /// Krippendorff's ordinal alpha of the two raters: see [`super::alpha::krippendorff_alpha`].
    pub fn alpha_ordinal(&self) -> Option<f64> {
        let (human, judge) = self.margins();
        let given: Vec<f64> = human.iter().zip(&judge).map(|(h, j)| h + j).collect();
        let n: f64 = given.iter().sum();
        let distance = |c: usize, k: usize| {
            let (low, high) = (c.min(k), c.max(k));
            let through: f64 = given.iter().take(high + 1).skip(low).sum();
            let ends: f64 = [low, high].iter().filter_map(|&i| given.get(i)).sum();
            (through - 0.5 * ends).powi(2)
        };
        let observed: f64 = self.each().map(|(h, j, count)| count * distance(h, j)).sum();
        let expected: f64 = (0..LABELS)
            .flat_map(|c| (c + 1..LABELS).map(move |k| (c, k)))
            .filter_map(|(c, k)| Some(given.get(c)? * given.get(k)? * distance(c, k)))
            .sum();
        if expected <= 0.0 {
            return None;
        }
        finite(1.0 - (n - 1.0) * observed / expected)
    }

    /// Pearson's correlation of the cells' scores, each label standing for the value given for it.
    fn correlation(&self, human: &[f64; LABELS], judge: &[f64; LABELS]) -> Option<f64> {
        let n = self.n() as f64;
        let at = |values: &[f64; LABELS], i: usize| values.get(i).copied().unwrap_or(0.0);
        let mean_h: f64 = self.each().map(|(h, _, c)| c * at(human, h)).sum::<f64>() / n;
        let mean_j: f64 = self.each().map(|(_, j, c)| c * at(judge, j)).sum::<f64>() / n;
        let (mut hh, mut jj, mut hj) = (0.0, 0.0, 0.0);
        for (h, j, count) in self.each() {
            let (x, y) = (at(human, h) - mean_h, at(judge, j) - mean_j);
            hh += count * x * x;
            jj += count * y * y;
            hj += count * x * y;
        }
        let (rows, columns) = self.margins();
        let varies = |margin: &[f64]| margin.iter().filter(|m| **m > 0.0).count() > 1;
        if !varies(&rows) || !varies(&columns) {
            return None;
        }
        finite(hj / (hh * jj).sqrt()).map(|r| r.clamp(-1.0, 1.0))
    }

    /// Pearson's correlation of the scores; `None` when one side is constant.
    pub fn pearson(&self) -> Option<f64> {
        let scores = [1.0, 2.0, 3.0, 4.0, 5.0];
        self.correlation(&scores, &scores)
    }

    /// Spearman's rho: the same on average ranks.
    pub fn spearman(&self) -> Option<f64> {
        let ranks = |margin: [f64; LABELS]| {
            let mut below = 0.0;
            margin.map(|count| {
                let rank = below + (count + 1.0) / 2.0;
                below += count;
                rank
            })
        };
        let (human, judge) = self.margins();
        self.correlation(&ranks(human), &ranks(judge))
    }

    /// Kendall's tau-b: concordant less discordant pairs over the root of the pairs not tied on either side.
    pub fn tau_b(&self) -> Option<f64> {
        let mut surplus = 0.0;
        for (h, j, count) in self.each() {
            for (_, i, other) in self.each().filter(|(g, i, _)| *g > h && *i != j) {
                surplus += if i > j { count * other } else { -count * other };
            }
        }
        let n = self.n() as f64;
        let (human, judge) = self.margins();
        let untied = |margin: [f64; LABELS]| (n * n - margin.iter().map(|m| m * m).sum::<f64>()) / 2.0;
        let (left, right) = (untied(human), untied(judge));
        if left <= 0.0 || right <= 0.0 {
            return None;
        }
        finite(surplus / (left.sqrt() * right.sqrt())).map(|t| t.clamp(-1.0, 1.0))
    }
}

/// A figure with its 95 % interval; either is `None` where it is not defined.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Figure {
    /// The figure.
    pub value: Option<f64>,
    /// Its interval.
    pub ci95: Option<(f64, f64)>,
}

/// Agreement of a judge with a human; what tables show has its interval.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Agreement {
    /// Pairs of two scores from 1 to 5.
    pub n: usize,
    /// The grid the figures are read from.
    pub grid: ScoreTable,
    /// Share of equal scores.
    pub exact: Figure,
    /// Share at most one apart.
    pub within_one: Figure,
    /// Mean absolute distance in points.
    pub mae: Option<f64>,
    /// Mean of judge - human in points.
    pub bias: Figure,
    /// Cohen's kappa with quadratic weights.
    pub kappa_quadratic: Figure,
    /// With linear weights.
    pub kappa_linear: Option<f64>,
    /// Without weights.
    pub kappa_unweighted: Option<f64>,
    /// Krippendorff's ordinal alpha.
    pub alpha_ordinal: Figure,
    /// Spearman's rho.
    pub spearman: Figure,
    /// Kendall's tau-b.
    pub tau_b: Figure,
    /// Pearson's correlation.
    pub pearson: Option<f64>,
}

/// Agreement over (human, judge) pairs at 95 %. Shares have the interval of [`super::share`], the bias the bounded one, the
/// coefficients that of [`super::jackknife`], where anything on the grid might come in. With `clusters` (one for each pair) the
/// units are clusters. Pairs that are not on the scale are counted in the grid's `rejected` and otherwise left out.
pub fn agreement(pairs: &[(u8, u8)], clusters: Option<&[u32]>) -> Agreement {
    let (kept, sources) = on_scale(pairs, clusters);
    let found = by_score(pairs, &kept, sources.as_deref());
    let coefficient = |of: &dyn Fn(&ScoreTable) -> Option<f64>| Figure {
        value: of(&found.grid),
        ci95: coefficient_ci(&kept, sources.as_deref(), of),
    };
    let each: Vec<f64> = kept.iter().map(|&(h, j)| f64::from(j) - f64::from(h)).collect();
    let bias = bounded_ci(&each, sources.as_deref(), (-4.0, 4.0), 0.95);
    Agreement {
        mae: found.grid.mae(),
        bias: Figure { value: bias.mean, ci95: bias.ci },
        spearman: coefficient(&ScoreTable::spearman),
        tau_b: coefficient(&ScoreTable::tau_b),
        pearson: found.grid.pearson(),
        ..found
    }
}

/// Of [`agreement`] only what needs whole scores: the grid, shares, kappas and alpha. Distance, bias and correlations are left
/// out, for those who have the means behind the scores.
pub fn agreement_by_score(pairs: &[(u8, u8)], clusters: Option<&[u32]>) -> Agreement {
    let (kept, sources) = on_scale(pairs, clusters);
    by_score(pairs, &kept, sources.as_deref())
}

/// The pairs that are scores, and their clusters where any two share one.
fn on_scale(pairs: &[(u8, u8)], clusters: Option<&[u32]>) -> (Vec<(u8, u8)>, Option<Vec<u32>>) {
    let fits = |&(h, j): &(u8, u8)| (1..=5).contains(&h) && (1..=5).contains(&j);
    let clusters = clusters.filter(|c| c.len() == pairs.len());
    let kept = pairs.iter().copied().filter(fits).collect();
    let sources: Option<Vec<u32>> =
        clusters.map(|c| pairs.iter().zip(c).filter(|(p, _)| fits(p)).map(|(_, c)| *c).collect());
    (kept, sources.filter(|c| shared(c)))
}

fn by_score(pairs: &[(u8, u8)], kept: &[(u8, u8)], sources: Option<&[u32]>) -> Agreement {
    let grid = ScoreTable::of(pairs.iter().copied());
    let coefficient = |of: &dyn Fn(&ScoreTable) -> Option<f64>| Figure {
        value: of(&grid),
        ci95: coefficient_ci(kept, sources, of),
    };
    let share = |apart: u8| {
        let hits: Vec<bool> = kept.iter().map(|(h, j)| h.abs_diff(*j) <= apart).collect();
        let found = share_ci(&hits, sources, 0.95);
        Figure { value: found.map(|s| s.p), ci95: found.and_then(|s| s.held) }
    };
    Agreement {
        n: kept.len(),
        grid,
        exact: share(0),
        within_one: share(1),
        kappa_quadratic: coefficient(&|g| g.kappa(Weights::Quadratic)),
        kappa_linear: grid.kappa(Weights::Linear),
        kappa_unweighted: grid.kappa(Weights::Unweighted),
        alpha_ordinal: coefficient(&ScoreTable::alpha_ordinal),
        ..Agreement::default()
    }
}

/// Every pair of scores that there can be.
pub fn all_pairs() -> Vec<(u8, u8)> {
    (1..=5_u8).flat_map(|h| (1..=5_u8).map(move |j| (h, j))).collect()
}

/// The 95 % interval of a coefficient that the grid of `pairs` gives, all of them on the scale; see [`super::jackknife`]. Without
/// clusters, or with one pair in each, a unit is a pair, and pairs of one cell are alike.
pub fn coefficient_ci(
    pairs: &[(u8, u8)],
    clusters: Option<&[u32]>,
    of: &dyn Fn(&ScoreTable) -> Option<f64>,
) -> Option<(f64, f64)> {
    let cells = all_pairs();
    let place =
        |&(h, j): &(u8, u8)| usize::from(h.saturating_sub(1)) * LABELS + usize::from(j.saturating_sub(1));
    let rows: Vec<usize> = pairs.iter().map(place).collect();
    let could: Vec<usize> = (0..cells.len()).collect();
    held_of_kinds(&rows, cells.len(), clusters, &could, (-1.0, 1.0), 0.95, |counts| {
        let mut grid = ScoreTable::default();
        for (cell, n) in grid.cells.iter_mut().flatten().zip(counts) {
            *cell = n.max(0.0) as u64;
        }
        of(&grid)
    })
}

/// Ordinal alpha of any number of raters over units of scores 1 to 5, with its interval at 95 %: any two scores might come in.
/// `clusters`, if given, names the source of each unit.
pub fn raters_alpha(units: &[Vec<u8>], clusters: Option<&[u32]>) -> Figure {
    let parts: Vec<Coincidences> = units.iter().map(|unit| Coincidences::of(unit)).collect();
    let could: Vec<Coincidences> = all_pairs().into_iter().map(|(a, b)| Coincidences::of(&[a, b])).collect();
    let value = parts.iter().fold(Coincidences::default(), |sum, part| sum.plus(part, 1.0)).alpha_ordinal();
    let (plus, of) = (Coincidences::plus, Coincidences::alpha_ordinal);
    Figure { value, ci95: held_of_sums(&parts, clusters, &could, (-1.0, 1.0), 0.95, plus, of) }
}

/// How far humans agree among themselves: no judge can be asked for more.
#[derive(Debug, Clone, PartialEq)]
pub struct Ceiling {
    /// Ordinal alpha among the humans.
    pub alpha_ordinal: Option<f64>,
    /// Each human's Spearman correlation with the mean of the others, over the items both scored.
    pub rho: Vec<Option<f64>>,
}

/// The human ceiling; `ratings` has one row for each human, one column for each item.
pub fn human_ceiling(ratings: &[Vec<Option<f64>>]) -> Ceiling {
    let against_others = |one: usize| {
        let own = ratings.get(one)?;
        let (mut x, mut y) = (vec![], vec![]);
        for (item, score) in own.iter().enumerate() {
            let others: Vec<f64> = ratings
                .iter()
                .enumerate()
                .filter(|(rater, _)| *rater != one)
                .filter_map(|(_, row)| row.get(item).copied().flatten())
                .collect();
            if let (Some(score), Some(mean)) = (score, super::mean::mean(&others)) {
                x.push(*score);
                y.push(mean);
            }
        }
        spearman(&x, &y)
    };
    Ceiling {
        alpha_ordinal: super::alpha::krippendorff_alpha(ratings, super::alpha::Metric::Ordinal),
        rho: (0..ratings.len()).map(against_others).collect(),
    }
}

/// Whether a judge rewards length more than humans do.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LengthBias {
    /// Spearman correlation of the judge's scores with the responses' lengths.
    pub judge: f64,
    /// The same for the humans: longer answers may well be better.
    pub human: f64,
    /// Judge less human: the part that is bias.
    pub excess: f64,
}

/// Length bias over items that both scored. `None` where a correlation is undefined.
pub fn length_bias(human: &[f64], judge: &[f64], lengths: &[f64]) -> Option<LengthBias> {
    let ranks = average_ranks(lengths);
    let judge = pearson(&average_ranks(judge), &ranks)?;
    let human = pearson(&average_ranks(human), &ranks)?;
    Some(LengthBias { judge, human, excess: judge - human })
}

#[cfg(test)]
mod tests {
    use super::super::alpha::{Metric, krippendorff_alpha};
    use super::super::rank::kendall_tau_b;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn off_the_scale_is_counted_and_never_clamped() {
        let a = agreement(&[(4, 4), (0, 4), (4, 6), (5, 4)], None);
        assert_eq!((a.n, a.grid.rejected), (2, 2));
        assert_eq!(a.exact.value, Some(0.5));
    }

    #[test]
    fn a_perfect_score_may_be_chance_and_few_pairs_have_no_interval() {
        let perfect = |n: u8| agreement(&(0..n).map(|i| (i % 5 + 1, i % 5 + 1)).collect::<Vec<_>>(), None);
        let (lo, hi) = perfect(30).kappa_quadratic.ci95.unwrap();
        assert!(hi == 1.0 && (0.2..0.8).contains(&lo), "{lo} {hi}");
        assert_eq!(perfect(14).kappa_quadratic.ci95, None);
        let a = agreement(&[(1, 1), (2, 2), (3, 3), (4, 4), (5, 5), (3, 3)], None);
        assert_eq!(a.kappa_quadratic, Figure { value: Some(1.0), ci95: None });
        let (lo, hi) = a.exact.ci95.unwrap();
        assert!(lo < 0.7 && hi == 1.0, "{lo}");
    }

    #[test]
    fn nothing_to_compare_is_all_undefined() {
        let none = agreement(&[], None);
        assert_eq!(none, Agreement::default());
        let one = agreement(&[(3, 4)], None);
        assert_eq!((one.bias.value, one.bias.ci95, one.spearman.value), (Some(1.0), None, None));
    }

    #[test]
    fn the_interval_of_kappa_is_near_its_theory() {
        // 2x2 margins 50/50 with 80 % agreement on 400 pairs: kappa 0.6, large-sample SE sqrt(.8*.2/400)/.5 = 0.04.
        let pairs: Vec<(u8, u8)> = (0..400)
            .map(|i| (if i % 2 == 0 { 2 } else { 4 }, if (i / 2) % 5 == 0 { 6 } else { 0 }))
            .collect();
        let pairs: Vec<(u8, u8)> = pairs.iter().map(|&(h, f)| (h, if f == 6 { 6 - h } else { h })).collect();
        let k = agreement(&pairs, None).kappa_quadratic;
        assert!((k.value.unwrap() - 0.6).abs() < 1e-12);
        let (lo, hi) = k.ci95.unwrap();
        assert!((hi - lo - 2.0 * 1.96 * 0.04).abs() < 0.02, "{lo} {hi}");
    }

    #[test]
    fn ceiling_and_length_bias() {
        let row = |s: &[u8]| s.iter().map(|&v| Some(f64::from(v))).collect::<Vec<_>>();
        let c = human_ceiling(&[row(&[1, 2, 3, 4]), row(&[1, 2, 3, 4]), row(&[2, 3, 4, 5])]);
        assert!(c.rho.iter().all(|r| r.is_some_and(|r| (r - 1.0).abs() < 1e-12)));
        assert_eq!(human_ceiling(&[row(&[1, 2])]).rho, [None]);
        let l = length_bias(&[1.0, 2.0, 3.0], &[3.0, 2.0, 1.0], &[10.0, 20.0, 30.0]).unwrap();
        assert!(
            (l.human - 1.0).abs() < 1e-12 && (l.judge + 1.0).abs() < 1e-12 && (l.excess + 2.0).abs() < 1e-12
        );
        assert_eq!(length_bias(&[1.0, 1.0], &[1.0, 2.0], &[1.0, 2.0]), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(8))]
        #[test]
        fn the_grid_says_what_the_lists_say(pairs in prop::collection::vec((1..=5_u8, 1..=5_u8), 0..60)) {
            let grid = ScoreTable::of(pairs.iter().copied());
            let (x, y): (Vec<f64>, Vec<f64>) = pairs.iter().map(|&(h, j)| (f64::from(h), f64::from(j))).unzip();
            let rows: Vec<Vec<Option<f64>>> = [&x, &y].iter().map(|r| r.iter().map(|v| Some(*v)).collect()).collect();
            let both = [
                (grid.pearson(), pearson(&x, &y)),
                (grid.spearman(), spearman(&x, &y)),
                (grid.tau_b(), kendall_tau_b(&x, &y)),
                (grid.alpha_ordinal(), krippendorff_alpha(&rows, Metric::Ordinal)),
            ];
            for (from_grid, from_lists) in both {
                prop_assert_eq!(from_grid.is_some(), from_lists.is_some());
                prop_assert!((from_grid.unwrap_or(0.0) - from_lists.unwrap_or(0.0)).abs() < 1e-9);
            }
        }

        #[test]
        fn agreement_is_symmetric_blind_to_order_and_bounded(
            pairs in prop::collection::vec((1..=5_u8, 1..=5_u8), 0..30), seed: u64,
        ) {
            let first = agreement(&pairs, None);
            let mut mixed = pairs.clone();
            crate::core::stats::rng::Rng::seeded(seed).shuffle(&mut mixed);
            let again = agreement(&mixed, None);
            prop_assert_eq!(first.kappa_quadratic, again.kappa_quadratic);
            prop_assert_eq!(first.alpha_ordinal, again.alpha_ordinal);
            let turned: Vec<(u8, u8)> = pairs.iter().map(|&(h, j)| (j, h)).collect();
            let other = agreement(&turned, None);
            for (x, y) in [
                (first.kappa_quadratic, other.kappa_quadratic),
                (first.alpha_ordinal, other.alpha_ordinal),
                (first.spearman, other.spearman),
                (first.tau_b, other.tau_b),
                (first.exact, other.exact),
            ] {
                prop_assert!((x.value.unwrap_or(9.0) - y.value.unwrap_or(9.0)).abs() < 1e-9);
                prop_assert!(x.value.is_none_or(|v| (-1.0 - 1e-9..=1.0 + 1e-9).contains(&v)));
                prop_assert!(x.ci95.is_none_or(|(lo, hi)| lo.is_finite() && lo <= hi));
            }
            prop_assert!((first.bias.value.unwrap_or(0.0) + other.bias.value.unwrap_or(0.0)).abs() < 1e-9);
        }
    }
}
