//! An interval for a figure that has no formula of its own: the percentile bootstrap over independent units.
//!
//! ```text
//! groups of rows (a case alone, or all rows of one source) -> drawn with replacement -> the figure of each draw
//!                                                          -> the middle 95 % of them
//! ```

use super::rng::Rng;

/// Resamples behind an interval.
const RESAMPLES: usize = 1000;
/// Rows drawn for all resamples together: a large table must not hold up a screen. Never fewer than 200 resamples.
const MOST_ROWS: usize = 2_000_000;

/// The 95 % percentile interval (Efron 1979) of `of`, which is given the numbers of the rows drawn. Whole `groups` are
/// drawn, as many as there are. `None` for fewer than two groups, where the figure is undefined in more than one draw
/// of twenty, and where it never varies: then the draws know nothing about how far it may be off.
pub fn percentile_interval(
    groups: &[Vec<usize>],
    seed: u64,
    of: impl Fn(&[usize]) -> Option<f64>,
) -> Option<(f64, f64)> {
    if groups.len() < 2 {
        return None;
    }
    let rows: usize = groups.iter().map(Vec::len).sum();
    let times = (MOST_ROWS / rows.max(1)).clamp(200, RESAMPLES);
    let mut rng = Rng::seeded(seed);
    let mut drawn = Vec::with_capacity(rows);
    let mut values: Vec<f64> = Vec::with_capacity(times);
    for _ in 0..times {
        drawn.clear();
        for _ in 0..groups.len() {
            drawn.extend(groups.get(rng.below(groups.len() as u64) as usize).into_iter().flatten());
        }
        values.extend(of(&drawn).filter(|v| v.is_finite()));
    }
    if values.len() * 20 < times * 19 {
        return None;
    }
    values.sort_by(f64::total_cmp);
    let at = |share: f64| values.get((share * (values.len() - 1) as f64).round() as usize).copied();
    at(0.025).zip(at(0.975)).filter(|(lo, hi)| hi - lo > 1e-12)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::stats::mean::{mean, mean_ci};

    fn alone(n: usize) -> Vec<Vec<usize>> {
        (0..n).map(|i| vec![i]).collect()
    }

    #[test]
    fn the_interval_of_a_mean_is_close_to_students_and_the_seed_decides_it() {
        let values: Vec<f64> = (0..200).map(|i| f64::from(i % 5 + 1)).collect();
        let of = |drawn: &[usize]| mean(&drawn.iter().map(|i| values[*i]).collect::<Vec<_>>());
        let (lo, hi) = percentile_interval(&alone(200), 7, of).unwrap();
        let (low, high) = mean_ci(&values, 0.95).interval().unwrap();
        assert!((lo - low).abs() < 0.04 && (hi - high).abs() < 0.04, "{lo} {hi} {low} {high}");
        assert_eq!(percentile_interval(&alone(200), 7, of), Some((lo, hi)));
        // Ten rows of one source are one piece of evidence: the interval is wider.
        let sources: Vec<Vec<usize>> = (0..20).map(|g| (0..10).map(|i| g * 10 + i).collect()).collect();
        let same: Vec<f64> = (0..200).map(|i| f64::from(i / 10 % 5 + 1)).collect();
        let of = |drawn: &[usize]| mean(&drawn.iter().map(|i| same[*i]).collect::<Vec<_>>());
        let (a, b) = percentile_interval(&sources, 7, of).unwrap();
        let (c, d) = percentile_interval(&alone(200), 7, of).unwrap();
        assert!(b - a > 2.0 * (d - c));
    }

    #[test]
    fn nothing_is_said_of_one_group_a_constant_or_what_is_undefined() {
        assert_eq!(percentile_interval(&alone(1), 1, |_| Some(1.0)), None);
        assert_eq!(percentile_interval(&[], 1, |_| Some(1.0)), None);
        assert_eq!(percentile_interval(&alone(9), 1, |_| Some(1.0)), None);
        assert_eq!(percentile_interval(&alone(9), 1, |_| None), None);
        assert_eq!(percentile_interval(&alone(9), 1, |d| Some(d.len() as f64 / 0.0)), None);
    }
}
