//! Correcting a judge by its humans. Every form needs the human-scored items to be a random sample: items that a
//! reviewer picked do not qualify.
//!
//! ```text
//! human and judge scores on a sample, judge scores on the rest -> ppi_mean
//! a pass rate, sensitivity, specificity                        -> rogan_gladen
//! a distribution over 1..5, a confusion matrix                 -> misclassification
//! ```

use super::dist::{finite, z_star};
use super::mean::{mean, squares, sum, variance};

/// A human-corrected mean.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ppi {
    /// The corrected mean.
    pub estimate: f64,
    /// Its standard error.
    pub se: f64,
    /// Lower end, normal interval.
    pub lo: f64,
    /// Upper end.
    pub hi: f64,
    /// How far the judge was used: 0 not at all (the human mean), 1 in full.
    pub lam: f64,
}

/// How far to use the judge.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Lambda {
    /// The value with the smallest variance, within 0..1: a useless judge is not used.
    Tuned,
    /// A given one.
    Fixed(f64),
}

/// Prediction-powered mean (Angelopoulos et al. 2023, arXiv 2301.09633; tuned as in PPI++, arXiv 2311.01453):
/// theta = lam mean(f_u) + mean(Y - lam f_l), se^2 = var(lam f_u)/N + var(Y - lam f_l)/n with population variances,
/// tuned lam = clip(cov(f_l, Y) / ((1 + n/N) var(f_l and f_u together)), 0, 1), that last one a sample variance.
///
/// `human` and `judged` are the scores of the n labelled items in the same order, `unlabelled` the judge's on the N
/// others. `None` with fewer than two labelled or, unless lam is 0, two unlabelled items.
pub fn ppi_mean(
    human: &[f64],
    judged: &[f64],
    unlabelled: &[f64],
    lambda: Lambda,
    level: f64,
) -> Option<Ppi> {
    if human.len() != judged.len() || human.len() < 2 {
        return None;
    }
    let (n, others) = (human.len() as f64, unlabelled.len() as f64);
    let lam = match lambda {
        Lambda::Fixed(lam) => finite(lam)?,
        Lambda::Tuned if unlabelled.len() < 2 => 0.0,
        Lambda::Tuned => tuned(human, judged, unlabelled)?,
    };
    let rest: Vec<f64> = human.iter().zip(judged).map(|(y, f)| y - lam * f).collect();
    let (mut estimate, mut square) = (mean(&rest)?, squares(&rest)? / n / n);
    if lam != 0.0 {
        if unlabelled.len() < 2 {
            return None;
        }
        estimate += lam * mean(unlabelled)?;
        square += lam * lam * squares(unlabelled)? / others / others;
    }
    let se = finite(square.sqrt())?;
    let reach = z_star(level)? * se;
    Some(Ppi {
        estimate: finite(estimate)?,
        se,
        lo: finite(estimate - reach)?,
        hi: finite(estimate + reach)?,
        lam,
    })
}

/// The lambda with the smallest variance; 0 for a judge that never varies.
fn tuned(human: &[f64], judged: &[f64], unlabelled: &[f64]) -> Option<f64> {
    let n = human.len() as f64;
    let (my, mf) = (mean(human)?, mean(judged)?);
    let covariance = sum(human.iter().zip(judged).map(|(y, f)| (y - my) * (f - mf))) / n;
    let together: Vec<f64> = judged.iter().chain(unlabelled).copied().collect();
    let spread = variance(&together)?;
    if spread <= 0.0 {
        return Some(0.0);
    }
    finite(covariance / ((1.0 + n / unlabelled.len() as f64) * spread)).map(|lam| lam.clamp(0.0, 1.0))
}

/// True pass rate behind an observed one (Rogan and Gladen 1978): (p + sp - 1) / (se + sp - 1), within 0..1. `None`
/// when the judge is no better than chance (se + sp <= 1) or an argument is no probability.
pub fn rogan_gladen(observed: f64, sensitivity: f64, specificity: f64) -> Option<f64> {
    let fine = [observed, sensitivity, specificity].iter().all(|p| (0.0..=1.0).contains(p));
    let gain = sensitivity + specificity - 1.0;
    if !fine || gain <= 1e-12 {
        return None;
    }
    finite((observed + specificity - 1.0) / gain).map(|p| p.clamp(0.0, 1.0))
}

/// A corrected distribution over the scores 1, 2, ...
#[derive(Debug, Clone, PartialEq)]
pub struct CorrectedDistribution {
    /// Estimated true share of each score. Shares outside 0..1 are shown as they are: they mean that the confusion
    /// matrix does not fit these verdicts.
    pub shares: Vec<f64>,
    /// Mean of the true scores.
    pub mean: f64,
    /// Mean of the observed ones.
    pub observed_mean: f64,
}

/// A matrix whose inverse could magnify an error more than this many times is refused.
const WORST_CONDITION: f64 = 1e3;

/// Solves M^T pi = q: row t of `confusion` says how the judge scores what is truly t, q are the shares it gave.
/// `None` when the shapes do not fit, a row is no distribution, or M is so near singular that sampling error would
/// swamp the answer (its condition number, in the 1-norm, above 1000).
pub fn misclassification(confusion: &[Vec<f64>], observed: &[f64]) -> Option<CorrectedDistribution> {
    let n = observed.len();
    let is_distribution = |row: &[f64]| {
        row.len() == n
            && row.iter().all(|p| (0.0..=1.0).contains(p))
            && (sum(row.iter().copied()) - 1.0).abs() < 1e-6
    };
    if n == 0 || confusion.len() != n || !is_distribution(observed) {
        return None;
    }
    if !confusion.iter().all(|row| is_distribution(row)) {
        return None;
    }
    let turned: Vec<Vec<f64>> =
        (0..n).map(|c| confusion.iter().map(|row| row.get(c).copied().unwrap_or(0.0)).collect()).collect();
    let shares = solve(&turned, observed)?;
    if condition(&turned)? > WORST_CONDITION {
        return None;
    }
    let average = |shares: &[f64]| sum(shares.iter().enumerate().map(|(i, p)| (i as f64 + 1.0) * p));
    Some(CorrectedDistribution { mean: finite(average(&shares))?, observed_mean: average(observed), shares })
}

/// Gaussian elimination with partial pivoting. `None` for a singular matrix.
fn solve(matrix: &[Vec<f64>], right: &[f64]) -> Option<Vec<f64>> {
    let n = right.len();
    let mut rows: Vec<Vec<f64>> =
        matrix.iter().zip(right).map(|(row, r)| row.iter().copied().chain([*r]).collect()).collect();
    let size = |row: &[f64], c: usize| row.get(c).map_or(0.0, |v| v.abs());
    for c in 0..n {
        let best = (c..n).max_by(|&i, &j| {
            let at = |i: usize| rows.get(i).map_or(0.0, |row| size(row, c));
            at(i).total_cmp(&at(j))
        })?;
        rows.swap(c, best);
        let pivot = rows.get(c)?.clone();
        let top = pivot.get(c).copied().filter(|p| p.abs() > 1e-14)?;
        for row in rows.iter_mut().skip(c + 1) {
            let factor = row.get(c)? / top;
            row.iter_mut().zip(&pivot).for_each(|(v, p)| *v -= factor * p);
        }
    }
    let mut out = vec![0.0; n];
    for c in (0..n).rev() {
        let row = rows.get(c)?;
        let known = sum(row.iter().zip(&out).skip(c + 1).map(|(a, x)| a * x));
        *out.get_mut(c)? = finite((row.get(n)? - known) / row.get(c)?)?;
    }
    Some(out)
}

/// Condition number in the 1-norm, from the inverse column by column (the matrices are 5 by 5).
fn condition(matrix: &[Vec<f64>]) -> Option<f64> {
    let n = matrix.len();
    let column_sums =
        (0..n).map(|c| matrix.iter().filter_map(|row| row.get(c)).map(|v| v.abs()).sum::<f64>());
    let norm = column_sums.fold(0.0, f64::max);
    let mut inverse_norm = 0.0_f64;
    for c in 0..n {
        let unit: Vec<f64> = (0..n).map(|i| if i == c { 1.0 } else { 0.0 }).collect();
        inverse_norm = inverse_norm.max(solve(matrix, &unit)?.iter().map(|v| v.abs()).sum());
    }
    finite(norm * inverse_norm)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_cannot_be_corrected_is_refused() {
        assert_eq!(rogan_gladen(0.6, 0.5, 0.5), None);
        assert_eq!(rogan_gladen(1.6, 0.9, 0.9), None);
        assert_eq!(rogan_gladen(0.05, 0.9, 0.9), Some(0.0));
        let blind = vec![vec![0.5, 0.5], vec![0.5, 0.5]];
        assert_eq!(misclassification(&blind, &[0.4, 0.6]), None);
        let nearly = vec![vec![0.5, 0.5], vec![0.4999, 0.5001]];
        assert_eq!(misclassification(&nearly, &[0.4, 0.6]), None);
        assert_eq!(misclassification(&blind, &[1.0]), None);
        assert_eq!(misclassification(&[], &[]), None);
    }

    #[test]
    fn with_every_item_checked_the_human_mean_stands() {
        let p = ppi_mean(&[1.0, 2.0, 4.0], &[5.0, 5.0, 4.0], &[], Lambda::Tuned, 0.95).unwrap();
        assert_eq!(p.lam, 0.0);
        assert!((p.estimate - 7.0 / 3.0).abs() < 1e-12);
        assert_eq!(ppi_mean(&[1.0, 2.0], &[1.0, 2.0], &[], Lambda::Fixed(1.0), 0.95), None);
        assert_eq!(ppi_mean(&[1.0], &[1.0], &[2.0, 3.0], Lambda::Tuned, 0.95), None);
    }

    proptest! {
        #[test]
        fn a_known_confusion_is_undone(raw in prop::collection::vec(0.01..1.0_f64, 5), off in 0.0..0.3_f64) {
            let total: f64 = raw.iter().sum();
            let truth: Vec<f64> = raw.iter().map(|v| v / total).collect();
            let confusion: Vec<Vec<f64>> =
                (0..5).map(|t| (0..5).map(|s| if s == t { 1.0 - off } else { off / 4.0 }).collect()).collect();
            let observed: Vec<f64> = (0..5).map(|s| (0..5).map(|t| truth[t] * confusion[t][s]).sum()).collect();
            let back = misclassification(&confusion, &observed).unwrap();
            for (x, y) in back.shares.iter().zip(&truth) {
                prop_assert!((x - y).abs() < 1e-9);
            }
        }

        #[test]
        fn tuning_never_widens_much_and_stays_finite(
            pairs in prop::collection::vec((1.0..5.0_f64, 1.0..5.0_f64), 2..30),
            rest in prop::collection::vec(1.0..5.0_f64, 0..60),
        ) {
            let (y, f): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
            let p = ppi_mean(&y, &f, &rest, Lambda::Tuned, 0.95).unwrap();
            prop_assert!([p.estimate, p.se, p.lo, p.hi].iter().all(|v| v.is_finite()));
            prop_assert!((0.0..=1.0).contains(&p.lam) && p.lo <= p.estimate && p.estimate <= p.hi);
        }

        #[test]
        fn a_corrected_rate_is_a_rate(p in 0.0..=1.0_f64, se in 0.0..=1.0_f64, sp in 0.0..=1.0_f64) {
            prop_assert!(rogan_gladen(p, se, sp).is_none_or(|v| (0.0..=1.0).contains(&v)));
        }
    }
}
