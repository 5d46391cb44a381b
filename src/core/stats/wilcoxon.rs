//! Wilcoxon's signed-rank test: an option for those who ask for it. On a 1 to 5 scale ties and zeros are the rule, so
//! the sign-flip test of [`super::paired`] is what comparisons use.

use super::dist::normal_sf;
use super::rank::average_ranks;

/// What becomes of differences that are 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Zeros {
    /// Left out before ranking (Wilcoxon 1945).
    Drop,
    /// Ranked with the others, then left out of the sums (Pratt 1959).
    Pratt,
}

/// How p is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Counting all sign vectors; only without ties and zeros, and up to 60 differences.
    Exact,
    /// Normal approximation with the variance corrected for ties.
    Asymptotic {
        /// Half a rank nearer to the middle before dividing (continuity correction).
        correction: bool,
    },
}

/// Result of the test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Wilcoxon {
    /// The smaller of the rank sums of positive and of negative differences; `None` when all are 0.
    pub statistic: Option<f64>,
    /// Two-sided p; 1 when all differences are 0.
    pub p: f64,
}

/// Signed-rank test of differences centred on 0 (Wilcoxon 1945). `None` when there are no differences, one is not
/// finite, or the exact method is asked for where it does not hold.
pub fn wilcoxon(d: &[f64], zeros: Zeros, method: Method) -> Option<Wilcoxon> {
    if d.is_empty() || d.iter().any(|v| !v.is_finite()) {
        return None;
    }
    if d.iter().all(|&v| v == 0.0) {
        return Some(Wilcoxon { statistic: None, p: 1.0 });
    }
    let kept: Vec<f64> = match zeros {
        Zeros::Drop => d.iter().copied().filter(|&v| v != 0.0).collect(),
        Zeros::Pratt => d.to_vec(),
    };
    let sizes: Vec<f64> = kept.iter().map(|v| v.abs()).collect();
    let ranks = average_ranks(&sizes);
    let rank_sum = |sign: f64| -> f64 {
        kept.iter().zip(&ranks).filter(|(v, _)| **v * sign > 0.0).map(|(_, rank)| rank).sum()
    };
    let statistic = rank_sum(1.0).min(rank_sum(-1.0));
    let p = match method {
        Method::Exact => exact(&sizes, d.len(), statistic)?,
        Method::Asymptotic { correction } => asymptotic(&kept, &ranks, statistic, correction)?,
    };
    Some(Wilcoxon { statistic: Some(statistic), p })
}

/// The share of sign vectors whose smaller rank sum is at most `statistic`, twice one tail. Without ties the ranks
/// are 1..n, and the number of subsets with each sum comes from adding one rank after the other.
fn exact(sizes: &[f64], given: usize, statistic: f64) -> Option<f64> {
    let n = sizes.len();
    let mut sorted = sizes.to_vec();
    sorted.sort_by(f64::total_cmp);
    let tied = sorted.windows(2).any(|w| matches!(w, [a, b] if a == b));
    if tied || n != given || n > 60 {
        return None;
    }
    let top = n * (n + 1) / 2;
    let mut subsets = vec![0.0_f64; top + 1];
    if let Some(empty) = subsets.first_mut() {
        *empty = 1.0;
    }
    for rank in 1..=n {
        let before = subsets.clone();
        for (place, old) in subsets.iter_mut().skip(rank).zip(&before) {
            *place += old;
        }
    }
    let tail: f64 = subsets.iter().take(statistic as usize + 1).sum();
    Some((2.0 * tail / 2.0_f64.powi(n as i32)).min(1.0))
}

/// Normal approximation: mean n(n+1)/4 and variance n(n+1)(2n+1)/24, both less what Pratt's zeros would add, and the
/// variance less sum(t^3 - t)/48 over ties of size t.
fn asymptotic(kept: &[f64], ranks: &[f64], statistic: f64, correction: bool) -> Option<f64> {
    let n = kept.len() as f64;
    let zeros = kept.iter().filter(|&&v| v == 0.0).count() as f64;
    let centre = (n * (n + 1.0) - zeros * (zeros + 1.0)) / 4.0;
    let mut signed: Vec<f64> =
        kept.iter().zip(ranks).filter(|(v, _)| **v != 0.0).map(|(_, rank)| *rank).collect();
    signed.sort_by(f64::total_cmp);
    let ties: f64 = signed.chunk_by(|a, b| a == b).map(|run| run.len() as f64).map(|t| t * t * t - t).sum();
    let full = n * (n + 1.0) * (2.0 * n + 1.0) - zeros * (zeros + 1.0) * (2.0 * zeros + 1.0);
    let variance = (full - 0.5 * ties) / 24.0;
    if variance <= 0.0 {
        return None;
    }
    let gap = (statistic - centre).abs();
    let gap = if correction { (gap - 0.5).max(0.0) } else { gap };
    Some((2.0 * normal_sf(gap / variance.sqrt())).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn exact_is_refused_where_it_does_not_hold() {
        assert_eq!(wilcoxon(&[1.0, 1.0, 2.0], Zeros::Drop, Method::Exact), None);
        assert_eq!(wilcoxon(&[1.0, 0.0, 2.0], Zeros::Drop, Method::Exact), None);
        assert_eq!(wilcoxon(&[], Zeros::Drop, Method::Exact), None);
        assert_eq!(wilcoxon(&[f64::INFINITY], Zeros::Drop, Method::Exact), None);
    }

    proptest! {
        #[test]
        fn direction_and_order_do_not_matter(d in prop::collection::vec(-4..=4_i32, 1..50), half: bool) {
            let d: Vec<f64> = d.into_iter().map(f64::from).collect();
            let turned: Vec<f64> = d.iter().rev().map(|v| -v).collect();
            for zeros in [Zeros::Drop, Zeros::Pratt] {
                let method = Method::Asymptotic { correction: half };
                let (x, y) = (wilcoxon(&d, zeros, method), wilcoxon(&turned, zeros, method));
                prop_assert_eq!(x, y);
                prop_assert!(x.is_none_or(|w| (0.0..=1.0).contains(&w.p)));
            }
        }
    }
}
