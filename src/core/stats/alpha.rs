//! Krippendorff's alpha: agreement of any number of raters, with missing ratings.

use super::dist::finite;
use super::mean::sum;

/// How far apart two ratings count as being.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// Equal or not.
    Nominal,
    /// By how many ratings lie between them: the one for 1..5 scores.
    Ordinal,
    /// The square of their difference.
    Interval,
}

/// The ratings that can be compared, each value with how often it was given.
struct RatingCounts {
    /// Sorted distinct values.
    value: Vec<f64>,
    /// n_c: how many pairable ratings have that value.
    count: Vec<f64>,
    /// Ratings below that value: running sum of `count`.
    below: Vec<f64>,
}

impl RatingCounts {
    fn of(units: &[Vec<f64>]) -> Self {
        let mut all: Vec<f64> = units.iter().flatten().copied().collect();
        all.sort_by(f64::total_cmp);
        let (mut value, mut count, mut below, mut seen) = (vec![], vec![], vec![], 0.0);
        for run in all.chunk_by(|a, b| a == b) {
            value.extend(run.first());
            count.push(run.len() as f64);
            below.push(seen);
            seen += run.len() as f64;
        }
        Self { value, count, below }
    }

    fn place(&self, rating: f64) -> usize {
        self.value.partition_point(|v| *v < rating)
    }

    fn get(list: &[f64], place: usize) -> f64 {
        list.get(place).copied().unwrap_or(0.0)
    }

    /// delta^2 between the values at places c and k.
    fn distance(&self, metric: Metric, c: usize, k: usize) -> f64 {
        let (c, k) = (c.min(k), c.max(k));
        match metric {
            _ if c == k => 0.0,
            Metric::Nominal => 1.0,
            Metric::Interval => (Self::get(&self.value, k) - Self::get(&self.value, c)).powi(2),
            Metric::Ordinal => {
                // sum of n_g for g = c..k, less half of both ends.
                let through =
                    Self::get(&self.below, k) + Self::get(&self.count, k) - Self::get(&self.below, c);
                (through - 0.5 * (Self::get(&self.count, c) + Self::get(&self.count, k))).powi(2)
            }
        }
    }
}

/// Krippendorff's alpha (2011, "Computing Krippendorff's alpha-reliability"): 1 - (n-1) sum o_ck delta^2_ck / sum
/// n_c n_k delta^2_ck, where the coincidences o_ck = sum over units of n_ck / (m_u - 1) and units with a single
/// rating say nothing. `ratings` has one row for each rater and one column for each unit; a short row is missing the
/// rest. `None` when no unit has two ratings, or all ratings are equal.
pub fn krippendorff_alpha(ratings: &[Vec<Option<f64>>], metric: Metric) -> Option<f64> {
    let width = ratings.iter().map(Vec::len).max().unwrap_or(0);
    let units: Vec<Vec<f64>> = (0..width)
        .map(|u| ratings.iter().filter_map(|row| row.get(u).copied().flatten()).collect())
        .collect();
    alpha_of_units(units, metric)
}

/// The same, given the ratings of each unit (their order says nothing).
pub fn alpha_of_units(mut units: Vec<Vec<f64>>, metric: Metric) -> Option<f64> {
    for unit in &mut units {
        unit.retain(|r| r.is_finite());
    }
    units.retain(|unit| unit.len() > 1);
    let values = RatingCounts::of(&units);
    let n: f64 = values.count.iter().sum();
    let observed = sum(units.iter().map(|unit| {
        let places: Vec<usize> = unit.iter().map(|r| values.place(*r)).collect();
        let apart: f64 = pairs(places.len())
            .map(|(i, j)| match (places.get(i), places.get(j)) {
                (Some(&c), Some(&k)) => values.distance(metric, c, k),
                _ => 0.0,
            })
            .sum();
        apart / (unit.len() as f64 - 1.0)
    }));
    let expected = sum(pairs(values.value.len()).map(|(c, k)| {
        RatingCounts::get(&values.count, c)
            * RatingCounts::get(&values.count, k)
            * values.distance(metric, c, k)
    }));
    if expected <= 0.0 {
        return None;
    }
    finite(1.0 - (n - 1.0) * observed / expected)
}

/// Scores on the scale.
const LABELS: usize = 5;

/// What units of scores 1 to 5 add to ordinal alpha. Alpha depends on the ratings only through these sums, so that a
/// figure of a thousand units costs a thousand additions.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Coincidences {
    /// `o_ck` of each pair of values c < k that met within a unit.
    met: [[f64; LABELS]; LABELS],
    /// `n_c`: how many pairable ratings have that value.
    given: [f64; LABELS],
}

impl Coincidences {
    /// Of one unit's ratings; those off the scale are left out, and a single one says nothing.
    pub fn of(unit: &[u8]) -> Self {
        let places: Vec<usize> =
            unit.iter().filter(|s| (1..=5).contains(*s)).map(|s| usize::from(*s) - 1).collect();
        let mut found = Self::default();
        if places.len() < 2 {
            return found;
        }
        for (i, j) in pairs(places.len()) {
            if let (Some(&c), Some(&k)) = (places.get(i), places.get(j)) {
                found.met[c.min(k)][c.max(k)] += 1.0 / (places.len() as f64 - 1.0);
            }
        }
        places.iter().for_each(|c| found.given[*c] += 1.0);
        found
    }

    /// These, and so many times others: a number below 0 takes units out again.
    #[must_use]
    pub fn plus(&self, other: &Self, times: f64) -> Self {
        let mut all = *self;
        for (mine, theirs) in all.met.iter_mut().flatten().zip(other.met.iter().flatten()) {
            *mine += times * theirs;
        }
        for (mine, theirs) in all.given.iter_mut().zip(&other.given) {
            *mine += times * theirs;
        }
        all
    }

    /// Ordinal alpha of all units taken in: see [`krippendorff_alpha`].
    pub fn alpha_ordinal(&self) -> Option<f64> {
        let n: f64 = self.given.iter().sum();
        let distance = |c: usize, k: usize| {
            let through: f64 = self.given.iter().take(k + 1).skip(c).sum();
            (through - 0.5 * (self.given[c] + self.given[k])).powi(2)
        };
        let both = || pairs(LABELS);
        let observed: f64 = both().map(|(c, k)| self.met[c][k] * distance(c, k)).sum();
        let expected: f64 = both().map(|(c, k)| self.given[c] * self.given[k] * distance(c, k)).sum();
        if expected <= 0.0 {
            return None;
        }
        finite(1.0 - (n - 1.0) * observed / expected)
    }
}

/// Each unordered pair of different places once.
fn pairs(n: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..n).flat_map(move |i| (i + 1..n).map(move |j| (i, j)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn sums_of_units_give_the_same_alpha(
            units in prop::collection::vec(prop::collection::vec(1..=5_u8, 0..5), 0..20),
        ) {
            let all = units.iter().fold(Coincidences::default(), |all, u| all.plus(&Coincidences::of(u), 1.0));
            let lists = units.iter().map(|u| u.iter().map(|s| f64::from(*s)).collect()).collect();
            let (from_sums, from_lists) = (all.alpha_ordinal(), alpha_of_units(lists, Metric::Ordinal));
            prop_assert_eq!(from_sums.is_some(), from_lists.is_some());
            prop_assert!((from_sums.unwrap_or(0.0) - from_lists.unwrap_or(0.0)).abs() < 1e-9);
        }

        #[test]
        fn raters_and_units_have_no_order(
            units in prop::collection::vec(prop::collection::vec(prop::option::of(1..=5_i32), 3), 1..20),
        ) {
            let rows = |units: &[Vec<Option<i32>>], order: [usize; 3]| -> Vec<Vec<Option<f64>>> {
                order.iter().map(|&r| units.iter().map(|u| u[r].map(f64::from)).collect()).collect()
            };
            let turned: Vec<_> = units.iter().rev().cloned().collect();
            for metric in [Metric::Nominal, Metric::Ordinal, Metric::Interval] {
                let first = krippendorff_alpha(&rows(&units, [0, 1, 2]), metric);
                let other = krippendorff_alpha(&rows(&turned, [2, 0, 1]), metric);
                prop_assert_eq!(first.is_some(), other.is_some());
                if let (Some(x), Some(y)) = (first, other) {
                    prop_assert!((x - y).abs() < 1e-9 && x <= 1.0 + 1e-12);
                }
            }
        }

        #[test]
        fn full_agreement_is_1(units in prop::collection::vec(1..=5_i32, 2..20)) {
            let row: Vec<Option<f64>> = units.iter().map(|&u| Some(f64::from(u))).collect();
            let alpha = krippendorff_alpha(&[row.clone(), row], Metric::Ordinal);
            let constant = units.windows(2).all(|w| w[0] == w[1]);
            prop_assert_eq!(alpha, if constant { None } else { Some(1.0) });
        }
    }
}
