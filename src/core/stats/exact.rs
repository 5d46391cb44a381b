//! Intervals of `k` of `n` from quantiles of the beta distribution: Clopper and Pearson's, Jeffreys'.

use super::dist::beta_quantile;

/// Quantiles of Beta(k + more, n - k + more) with an end that no count can move past left at 0 or 1.
fn beta_ends(k: f64, n: f64, more: (f64, f64), level: f64) -> Option<(f64, f64)> {
    if !(n > 0.0 && (0.0..=n).contains(&k) && level > 0.0 && level < 1.0) {
        return None;
    }
    let tail = 0.5 * (1.0 - level);
    let lo = if k == 0.0 { 0.0 } else { beta_quantile(tail, k + more.0, n - k + more.1)? };
    let hi = if k == n { 1.0 } else { beta_quantile(1.0 - tail, k + more.1, n - k + more.0)? };
    Some((lo, hi))
}

/// Clopper and Pearson's exact interval (1934) for `k` of `n`: Beta(k, n-k+1) and Beta(k+1, n-k). Covers at least
/// `level` whatever the share. `None` for no case or k > n.
pub fn clopper_pearson(k: u64, n: u64, level: f64) -> Option<(f64, f64)> {
    beta_ends(k as f64, n as f64, (0.0, 1.0), level)
}

/// Jeffreys' interval (Brown, Cai and DasGupta 2001) for `k` of `n`: quantiles of Beta(k + 1/2, n - k + 1/2), with 0 as
/// its lower end at k = 0 and 1 as its upper at k = n. `n` may be any positive number of cases, so that shares of
/// clustered ones can be put in.
pub fn jeffreys(k: f64, n: f64, level: f64) -> Option<(f64, f64)> {
    beta_ends(k, n, (0.5, 0.5), level)
}
