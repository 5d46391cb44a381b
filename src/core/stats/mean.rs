//! Means with intervals: independent cases, cases that share a source, missing verdicts, and rates.
//!
//! ```text
//! scores -> mean_ci                          scores + clusters -> clustered_mean_ci
//! scores with holes -> missing_bounds        passes of n       -> wilson
//! ```
//! What is undefined is `None`, never NaN and never a made-up number: one score has a mean but no interval.

use super::dist::{finite, t_star, z_star};
use std::collections::BTreeMap;

/// Values that differ by less than this share of their size are the same number up to rounding (means of repeats
/// are thirds and fifths, and their differences carry a few units in the last place).
const ROUNDING: f64 = 1e-12;

/// The sum with the lost low parts added back (Neumaier 1974), so that the order of the cases does not matter.
pub(super) fn sum(values: impl IntoIterator<Item = f64>) -> f64 {
    let (mut total, mut lost) = (0.0_f64, 0.0_f64);
    for v in values {
        let next = total + v;
        lost += if total.abs() >= v.abs() { (total - next) + v } else { (v - next) + total };
        total = next;
    }
    total + lost
}

/// Whether all values are one number, up to rounding; its spread is then exactly 0.
pub(super) fn is_constant(values: &[f64]) -> bool {
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    values.is_empty() || high - low <= ROUNDING * low.abs().max(high.abs())
}

/// Arithmetic mean; `None` when empty or not finite.
pub fn mean(values: &[f64]) -> Option<f64> {
    match values {
        [] => None,
        [first, ..] if first.is_finite() && values.iter().all(|v| v == first) => Some(*first),
        _ => finite(sum(values.iter().copied()) / values.len() as f64),
    }
}

/// Sum of squared deviations from the mean, in two passes; exactly 0 for constant values.
pub(super) fn squares(values: &[f64]) -> Option<f64> {
    let m = mean(values)?;
    if is_constant(values) {
        return Some(0.0);
    }
    finite(sum(values.iter().map(|v| (v - m) * (v - m))))
}

/// Sample variance, with n-1 below. `None` for fewer than two values.
pub fn variance(values: &[f64]) -> Option<f64> {
    if values.len() < 2 {
        return None;
    }
    Some(squares(values)? / (values.len() as f64 - 1.0))
}

/// Sample standard deviation. `None` for fewer than two values.
pub fn sd(values: &[f64]) -> Option<f64> {
    variance(values).map(f64::sqrt)
}

/// A mean and how far it can be trusted. All in the unit of the scores.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct MeanCi {
    /// How many scores went in.
    pub n: usize,
    /// Their mean; `None` when there are none.
    pub mean: Option<f64>,
    /// Sample standard deviation; needs two scores.
    pub sd: Option<f64>,
    /// Standard error of the mean, sd / sqrt(n).
    pub se: Option<f64>,
    /// Lower end of the interval.
    pub lo: Option<f64>,
    /// Upper end of the interval.
    pub hi: Option<f64>,
}

impl MeanCi {
    /// Both ends of the interval, or neither.
    pub fn interval(&self) -> Option<(f64, f64)> {
        self.lo.zip(self.hi)
    }
}

/// `centre` -/+ `factor * se`, if both ends are finite.
pub(super) fn around(centre: f64, factor: f64, se: f64) -> Option<(f64, f64)> {
    finite(centre - factor * se).zip(finite(centre + factor * se))
}

/// Mean with Student's interval, m -/+ t*(n-1) sd/sqrt(n) (Student 1908), for independent cases.
pub fn mean_ci(values: &[f64], level: f64) -> MeanCi {
    let n = values.len();
    let Some(centre) = mean(values) else {
        return MeanCi { n, ..MeanCi::default() };
    };
    let sd = sd(values);
    let se = sd.map(|s| s / (n as f64).sqrt());
    let ends = se.and_then(|se| around(centre, t_star(level, n as f64 - 1.0)?, se));
    MeanCi { n, mean: Some(centre), sd, se, lo: ends.map(|e| e.0), hi: ends.map(|e| e.1) }
}

/// A mean over cases that share sources: cases of one cluster are not independent.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ClusterCi {
    /// How many scores went in.
    pub n: usize,
    /// How many different clusters they come from. Below 10 the interval itself is rough: say "few clusters".
    pub clusters: usize,
    /// The plain mean of the scores.
    pub mean: Option<f64>,
    /// Standard error without a correction for few clusters: sqrt(sum S_c^2) / n, S_c the residuals of c summed.
    pub se_cr0: Option<f64>,
    /// CR0 times sqrt(G / (G-1)): the one the interval uses. `None` with one cluster.
    pub se_cr1: Option<f64>,
    /// Miller's form: the squared CLT error plus the products of residuals within clusters, over n^2.
    pub se_miller: Option<f64>,
    /// Lower end, with t*(G-1); `None` with one cluster.
    pub lo: Option<f64>,
    /// Upper end.
    pub hi: Option<f64>,
}

impl ClusterCi {
    /// Both ends of the interval, or neither.
    pub fn interval(&self) -> Option<(f64, f64)> {
        self.lo.zip(self.hi)
    }

    /// Fewer than ten clusters: the interval is shown with a warning.
    pub fn few_clusters(&self) -> bool {
        self.clusters < 10
    }
}

/// Clustered mean: Liang and Zeger's sandwich (1986) for a mean, with the G/(G-1) correction, t with G-1 degrees of
/// freedom; and Miller's standard error (arXiv 2411.00640, eq. 4). With one case in each cluster it equals
/// [`mean_ci`]. `clusters[i]` names the source of `values[i]`; if the lengths differ nothing is defined.
pub fn clustered_mean_ci(values: &[f64], clusters: &[u32], level: f64) -> ClusterCi {
    let n = values.len();
    let Some(centre) = mean(values).filter(|_| clusters.len() == n) else {
        return ClusterCi { n, ..ClusterCi::default() };
    };
    let constant = is_constant(values);
    // Per cluster: the residuals' sum and sum of squares.
    let mut groups: BTreeMap<u32, (f64, f64)> = BTreeMap::new();
    for (value, cluster) in values.iter().zip(clusters) {
        let residual = if constant { 0.0 } else { value - centre };
        let (total, own) = groups.entry(*cluster).or_default();
        *total += residual;
        *own += residual * residual;
    }
    let (size, g) = (n as f64, groups.len() as f64);
    let between = sum(groups.values().map(|(total, _)| total * total));
    let crossed = sum(groups.values().map(|(total, own)| total * total - own));
    // One cluster: its residuals sum to 0 up to rounding, and rounding is no spread.
    let se_cr0 = finite(if groups.len() == 1 { 0.0 } else { between.sqrt() / size });
    let se_cr1 = if groups.len() > 1 { se_cr0.map(|se| se * (g / (g - 1.0)).sqrt()) } else { None };
    // The cross terms can be negative; a negative variance estimate has no root.
    let se_miller = variance(values)
        .map(|v| v / size + crossed / (size * size))
        .filter(|&v| v >= -1e-15)
        .and_then(|v| finite(v.max(0.0).sqrt()));
    let ends = se_cr1.and_then(|se| around(centre, t_star(level, g - 1.0)?, se));
    ClusterCi {
        n,
        clusters: groups.len(),
        mean: Some(centre),
        se_cr0,
        se_cr1,
        se_miller,
        lo: ends.map(|e| e.0),
        hi: ends.map(|e| e.1),
    }
}

/// What the mean could be, had the missing verdicts been scored.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MissingBounds {
    /// Scored and missing together.
    pub n: usize,
    /// How many have no score.
    pub missing: usize,
    /// The mean of those scored; `None` if none is.
    pub mean_scored: Option<f64>,
    /// The mean if each missing one had the lowest score; `None` only when n is 0.
    pub lower: Option<f64>,
    /// The mean if each missing one had the highest score.
    pub upper: Option<f64>,
}

/// Worst-case bounds (Manski 1990): (sum + min m)/n and (sum + max m)/n for m missing scores of a scale min..max.
pub fn missing_bounds(scores: &[Option<f64>], min: f64, max: f64) -> MissingBounds {
    let scored: Vec<f64> = scores.iter().flatten().copied().collect();
    let filled = |fill: f64| {
        let all: Vec<f64> = scores.iter().map(|s| s.unwrap_or(fill)).collect();
        mean(&all)
    };
    MissingBounds {
        n: scores.len(),
        missing: scores.len() - scored.len(),
        mean_scored: mean(&scored),
        lower: filled(min),
        upper: filled(max),
    }
}

/// A share of successes with its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// k / n.
    pub p: f64,
    /// Lower end, within 0..1.
    pub lo: f64,
    /// Upper end, within 0..1.
    pub hi: f64,
}

/// Wilson's score interval (1927): (p + z^2/2n -/+ z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n). `None` when n is 0,
/// k > n, or the level is not within 0..1.
pub fn wilson(k: u64, n: u64, level: f64) -> Option<Rate> {
    if n == 0 || k > n {
        return None;
    }
    let z = z_star(level)?;
    let (size, p) = (n as f64, k as f64 / n as f64);
    let centre = p + z * z / (2.0 * size);
    let reach = z * (p * (1.0 - p) / size + z * z / (4.0 * size * size)).sqrt();
    let scale = 1.0 + z * z / size;
    // At k = 0 and k = n one end is 0 or 1 by algebra; rounding must not push it past.
    let lo = if k == 0 { 0.0 } else { (centre - reach) / scale };
    let hi = if k == n { 1.0 } else { (centre + reach) / scale };
    Some(Rate { p, lo, hi })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_score_has_a_mean_and_no_interval() {
        let m = mean_ci(&[4.0], 0.95);
        assert_eq!((m.n, m.mean, m.sd, m.interval()), (1, Some(4.0), None, None));
        assert_eq!(mean_ci(&[], 0.95), MeanCi::default());
    }

    #[test]
    fn equal_thirds_have_no_spread() {
        // 10/3 - 3 and 13/3 - 4 differ in the last place.
        let m = mean_ci(&[10.0 / 3.0 - 3.0, 13.0 / 3.0 - 4.0, 1.0 / 3.0], 0.95);
        assert_eq!(m.se, Some(0.0));
        assert_eq!(m.lo, m.hi);
    }

    #[test]
    fn what_overflows_is_undefined_not_infinite() {
        let m = mean_ci(&[f64::MAX, f64::MAX / 2.0, -f64::MAX], 0.95);
        assert!([m.mean, m.sd, m.se, m.lo, m.hi].iter().flatten().all(|v| v.is_finite()));
        assert_eq!(mean_ci(&[f64::NAN, 1.0], 0.95).mean, None);
        assert_eq!(mean_ci(&[1.0, 2.0], 1.0).interval(), None);
    }

    #[test]
    fn unequal_lengths_define_nothing() {
        assert_eq!(clustered_mean_ci(&[1.0, 2.0], &[0], 0.95).mean, None);
        assert_eq!(wilson(3, 2, 0.95), None);
    }

    proptest! {
        #[test]
        fn order_does_not_matter(mut v in prop::collection::vec(-1e6..1e6_f64, 0..40), seed: u64) {
            let before = mean_ci(&v, 0.95);
            super::super::rng::Rng::seeded(seed).shuffle(&mut v);
            let after = mean_ci(&v, 0.95);
            for (x, y) in [(before.mean, after.mean), (before.lo, after.lo), (before.hi, after.hi)] {
                prop_assert_eq!(x.is_some(), y.is_some());
                let (x, y) = (x.unwrap_or(0.0), y.unwrap_or(0.0));
                prop_assert!((x - y).abs() <= 1e-9 * x.abs().max(1.0));
            }
        }

        #[test]
        fn any_finite_scores_give_finite_answers(v in prop::collection::vec(prop::num::f64::ANY, 0..12)) {
            let clusters: Vec<u32> = (0..v.len() as u32).map(|i| i % 3).collect();
            let m = mean_ci(&v, 0.95);
            let c = clustered_mean_ci(&v, &clusters, 0.95);
            let all = [m.mean, m.sd, m.se, m.lo, m.hi, c.mean, c.se_cr0, c.se_cr1, c.se_miller, c.lo, c.hi];
            prop_assert!(all.iter().flatten().all(|x| x.is_finite()));
        }

        #[test]
        fn one_case_in_each_cluster_is_the_plain_interval(v in prop::collection::vec(1.0..5.0_f64, 2..30)) {
            let clusters: Vec<u32> = (0..v.len() as u32).collect();
            let (m, c) = (mean_ci(&v, 0.95), clustered_mean_ci(&v, &clusters, 0.95));
            prop_assert!((m.lo.unwrap() - c.lo.unwrap()).abs() < 1e-9);
            prop_assert!((m.se.unwrap() - c.se_miller.unwrap()).abs() < 1e-9);
        }

        #[test]
        fn bounds_hold_the_mean_whatever_is_missing(v in prop::collection::vec(prop::option::of(1.0..=5.0_f64), 1..30)) {
            let b = missing_bounds(&v, 1.0, 5.0);
            let (lo, hi) = (b.lower.unwrap(), b.upper.unwrap());
            prop_assert!((1.0 - 1e-12..=5.0 + 1e-12).contains(&lo) && lo <= hi && hi <= 5.0 + 1e-12);
            prop_assert!((hi - lo - 4.0 * b.missing as f64 / b.n as f64).abs() < 1e-9);
        }

        #[test]
        fn rates_stay_between_0_and_1(n in 1..5000_u64, share in 0.0..=1.0_f64) {
            let k = (share * n as f64) as u64;
            let r = wilson(k, n, 0.95).unwrap();
            prop_assert!(0.0 <= r.lo && r.lo <= r.p && r.p <= r.hi && r.hi <= 1.0);
        }
    }
}
