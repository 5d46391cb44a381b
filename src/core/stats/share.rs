//! A share of cases, with an interval that never has no width, also where cases share sources.
//!
//! ```text
//! hits, clusters -> V (CR1) -> n_eff = p(1-p)/V, at most n; G when p is 0 or 1 -> times (z/t_{G-1})^2 -> Wilson
//! k of n         -> clopper_pearson (never short of its level), jeffreys (of it on average)
//!
//! printed: n < 30    clopper_pearson
//!          n >= 30   hull(Wilson, Jeffreys)
//!          clusters  hull(Wilson of the cases they are worth, the bounded interval on 0..1)
//! ```
//! Korn and Graubard (1998): the share keeps its value, and counts as many cases as it is worth. That alone misses a share of
//! one in twenty in 30 clusters of 10 in one world of six, and Wilson's one in ten of ten cases in 0.07. Measured coverage is in
//! docs/trust.md.

use super::bounded::{Ends, bounded_ci, hull, shared};
use super::dist::{finite, t_star, z_star};
pub use super::exact::{clopper_pearson, jeffreys};
use std::collections::BTreeMap;

/// A share and its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ShareCi {
    /// Cases.
    pub n: usize,
    /// Independent units among them.
    pub units: usize,
    /// hits / n.
    pub p: f64,
    /// CR1 variance of p; 0 when all cases are alike. `None` with one cluster.
    pub var_cr1: Option<f64>,
    /// Cases it is worth, before few clusters are allowed for.
    pub n_eff: Option<f64>,
    /// The same times (z/t_{G-1})^2.
    pub n_df: Option<f64>,
    /// Wilson's interval for `n_df` cases. `None` with one cluster.
    pub wilson: Option<Ends>,
    /// Jeffreys' interval for as many. `None` with one cluster.
    pub jeffreys: Option<Ends>,
    /// The interval that is printed. `None` with one cluster.
    pub held: Option<Ends>,
}

/// Cases from which on Wilson's and Jeffreys' intervals together hold their level; below, only the exact one does.
const MANY: u64 = 30;

/// The interval that is printed of `k` independent cases of `n`. `None` for no case or k > n.
pub fn counted(k: u64, n: u64, level: f64) -> Option<Ends> {
    if n < MANY {
        return clopper_pearson(k, n, level);
    }
    let (k, n) = (k as f64, n as f64);
    hull([wilson_real(k / n, n, level)?, jeffreys(k, n, level)?])
}

/// Wilson's score interval for a share `p` of any positive number of cases.
pub fn wilson_real(p: f64, n: f64, level: f64) -> Option<Ends> {
    if !(n > 0.0 && (0.0..=1.0).contains(&p)) {
        return None;
    }
    let z = z_star(level)?;
    let centre = p + z * z / (2.0 * n);
    let reach = z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + z * z / n;
    let lo = if p == 0.0 { 0.0 } else { (centre - reach) / scale };
    let hi = if p == 1.0 { 1.0 } else { (centre + reach) / scale };
    finite(lo).zip(finite(hi))
}

/// The share of `hits` at `level`. Without clusters, or with one case in each, Wilson's interval for n cases.
pub fn share_ci(hits: &[bool], clusters: Option<&[u32]>, level: f64) -> Option<ShareCi> {
    let n = hits.len();
    let k = hits.iter().filter(|h| **h).count();
    let p = finite(k as f64 / n as f64)?;
    match clusters.filter(|c| c.len() == n && shared(c)) {
        Some(clusters) => share_by_clusters(hits, clusters, level),
        None => {
            let size = n as f64;
            let wilson = wilson_real(p, size, level);
            let var = (n > 1).then(|| p * (1.0 - p) / (size - 1.0));
            let jeffreys = jeffreys(p * size, size, level);
            Some(ShareCi {
                n,
                units: n,
                p,
                var_cr1: var,
                n_eff: Some(size),
                n_df: Some(size),
                wilson,
                jeffreys,
                held: counted(k as u64, n as u64, level),
            })
        }
    }
}

/// The same with every case's cluster taken as it is given.
pub fn share_by_clusters(hits: &[bool], clusters: &[u32], level: f64) -> Option<ShareCi> {
    let n = hits.len();
    let p = finite(hits.iter().filter(|h| **h).count() as f64 / n as f64)?;
    let mut sums: BTreeMap<u32, f64> = BTreeMap::new();
    for (hit, cluster) in hits.iter().zip(clusters) {
        *sums.entry(*cluster).or_default() += f64::from(u8::from(*hit)) - p;
    }
    let units = sums.len();
    if units < 2 || clusters.len() != n {
        let none = ShareCi {
            n,
            units,
            p,
            var_cr1: None,
            n_eff: None,
            n_df: None,
            wilson: None,
            jeffreys: None,
            held: None,
        };
        return Some(none);
    }
    let g = units as f64;
    let var = g / (g - 1.0) * sums.values().map(|s| s * s).sum::<f64>() / (n as f64).powi(2);
    let plain = p * (1.0 - p);
    let n_eff = if plain > 0.0 && var > 1e-15 { (plain / var).min(n as f64) } else { g };
    let n_df = n_eff * (z_star(level)? / t_star(level, g - 1.0)?).powi(2);
    let wilson = wilson_real(p, n_df, level);
    let jeffreys = jeffreys(p * n_df, n_df, level);
    let each: Vec<f64> = hits.iter().map(|h| f64::from(u8::from(*h))).collect();
    let bounded = bounded_ci(&each, Some(clusters), (0.0, 1.0), level).ci;
    Some(ShareCi {
        n,
        units,
        p,
        var_cr1: Some(var),
        n_eff: Some(n_eff),
        n_df: Some(n_df),
        wilson,
        jeffreys,
        held: hull([wilson, bounded].into_iter().flatten()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_reviewer_does_not_make_it_certain() {
        // Twelve items, all agreed: one reviewer, then two.
        let one = share_ci(&[true; 12], None, 0.95).unwrap().wilson.unwrap();
        let sources: Vec<u32> = (0..24).map(|i| i / 2).collect();
        let two = share_ci(&[true; 24], Some(&sources), 0.95).unwrap().wilson.unwrap();
        assert!((one.0 - 0.757_5).abs() < 1e-3 && one.1 == 1.0, "{one:?}");
        assert!(two.0 > 0.65 && two.0 <= one.0 && two.1 == 1.0, "{two:?}");
        // What is printed of both is no narrower, and has a width.
        let printed = share_ci(&[true; 24], Some(&sources), 0.95).unwrap().held.unwrap();
        assert!(printed.0 <= two.0 && printed.1 == 1.0, "{printed:?}");
        assert_eq!(share_ci(&[true; 12], None, 0.95).unwrap().held, clopper_pearson(12, 12, 0.95));
    }

    /// Chance of k of n.
    fn chance(n: u64, k: u64, p: f64) -> f64 {
        let ways: f64 = (0..k).map(|i| ((n - i) as f64 / (i + 1) as f64).ln()).sum();
        (ways + k as f64 * p.ln() + (n - k) as f64 * (1.0 - p).ln()).exp()
    }

    #[test]
    fn a_printed_share_holds_where_wilson_alone_does_not() {
        let held = |n: u64, p: f64, of: &dyn Fn(u64) -> Ends| -> f64 {
            (0..=n).filter(|k| of(*k).0 <= p + 1e-12 && p <= of(*k).1 + 1e-12).map(|k| chance(n, k, p)).sum()
        };
        let mut least = 1.0_f64;
        for n in [5, 8, 10, 15, 30, 60, 120] {
            for p in [0.05, 0.1, 0.2, 0.5, 0.8, 0.95] {
                let ours = held(n, p, &|k| counted(k, n, 0.95).unwrap());
                assert!(ours >= 0.94, "{n} {p}: {ours}");
                least = least.min(held(n, p, &|k| wilson_real(k as f64 / n as f64, n as f64, 0.95).unwrap()));
            }
        }
        assert!(least < 0.92, "the twin holds {least}");
    }
}
