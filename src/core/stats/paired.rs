//! Two arms on the same cases: the paired t interval, and tests that need no normality.
//!
//! ```text
//! (a, b) per case -> d = b - a -> paired_diff: mean, t interval, p
//!                              -> sign_flip:   p by flipping signs, whole clusters at once
//! wins, losses                 -> sign_test, sign_test_mid
//! ```

use super::dist::t_two_sided;
use super::mean::{MeanCi, mean_ci, sum};
use super::rank::pearson;
use super::rng::Rng;
use std::collections::BTreeMap;

/// Two values nearer than this share of the larger are a tie: repeats' means differ in their last places.
const ROUNDING: f64 = 1e-12;

/// b - a, exactly 0 where the two are equal up to rounding.
pub(super) fn difference(a: f64, b: f64) -> f64 {
    let d = b - a;
    if d.abs() <= ROUNDING * a.abs().max(b.abs()) { 0.0 } else { d }
}

/// What the same cases say about B against A.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PairedDiff {
    /// Number of pairs, and the mean of b - a with its standard error and interval.
    pub diff: MeanCi,
    /// The t statistic; `None` for fewer than two pairs or when all differences are equal.
    pub t: Option<f64>,
    /// Degrees of freedom, n - 1; `None` for fewer than two pairs.
    pub df: Option<usize>,
    /// Two-sided p of the t test; 1 when every difference is 0, `None` when all are equal and not 0.
    pub p: Option<f64>,
    /// Pearson's correlation of the two arms over the cases: the higher, the more pairing has gained.
    pub corr: Option<f64>,
    /// Cases on which B is higher.
    pub wins: usize,
    /// Cases on which both are equal.
    pub ties: usize,
    /// Cases on which B is lower.
    pub losses: usize,
}

/// Paired t test (Student 1908): d_i = b_i - a_i, interval mean(d) -/+ t*(n-1) sd(d)/sqrt(n). Pairs beyond the
/// shorter slice are not counted; the caller pairs and counts what is missing.
pub fn paired_diff(a: &[f64], b: &[f64], level: f64) -> PairedDiff {
    let d: Vec<f64> = a.iter().zip(b).map(|(&a, &b)| difference(a, b)).collect();
    let diff = mean_ci(&d, level);
    let n = d.len();
    let t = match (diff.mean, diff.se) {
        (Some(m), Some(se)) if se > 0.0 => Some(m / se).filter(|t| t.is_finite()),
        _ => None,
    };
    let p = match t {
        Some(t) => t_two_sided(t, n as f64 - 1.0),
        None => (n > 1 && d.iter().all(|&d| d == 0.0)).then_some(1.0),
    };
    let (a, b) = (a.get(..n).unwrap_or(a), b.get(..n).unwrap_or(b));
    let (wins, ties, losses) = tally(&d);
    PairedDiff { diff, t, df: (n > 1).then(|| n - 1), p, corr: pearson(a, b), wins, ties, losses }
}

/// Wins, ties and losses among differences b - a.
pub fn tally(d: &[f64]) -> (usize, usize, usize) {
    let wins = d.iter().filter(|&&d| d > 0.0).count();
    let losses = d.iter().filter(|&&d| d < 0.0).count();
    (wins, d.len() - wins - losses, losses)
}

/// How a sign-flip p was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlipMethod {
    /// Every sign vector was counted.
    Exact,
    /// This many random sign vectors were drawn.
    Sampled(u64),
}

/// Result of a sign-flip test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SignFlip {
    /// Two-sided p. Exact: count / total. Sampled: (count + 1) / (draws + 1), so that it is never 0.
    pub p: f64,
    /// Sign vectors whose sum is at least as far from 0 as the one seen.
    pub count: u64,
    /// All sign vectors considered.
    pub total: u64,
    /// Exact or sampled.
    pub method: FlipMethod,
}

/// Up to this many units that are not 0 every sign vector is counted.
pub const EXACT_UNITS: usize = 20;
/// Random sign vectors above that.
pub const DRAWS: u64 = 10_000;

/// Sign-flip test of "no difference" (Fisher 1935, the paired randomisation test): under the null each difference is
/// as likely with either sign, so p is the share of sign vectors e with |sum e_i d_i| >= |sum d_i|.
///
/// Differences of 0 do not change p and are left out of the enumeration. Up to [`EXACT_UNITS`] others: exact. Above:
/// [`DRAWS`] random vectors from `seed`, p = (count+1)/(draws+1) (Phipson and Smyth 2010); sizes are sorted first,
/// so neither the order of the cases nor which arm is called A changes p. `None` when there is no difference at all
/// to look at (empty) or one is not finite.
pub fn sign_flip(d: &[f64], seed: u64) -> Option<SignFlip> {
    if d.is_empty() || d.iter().any(|v| !v.is_finite()) {
        return None;
    }
    let mut sizes: Vec<f64> = d.iter().map(|v| v.abs()).filter(|&v| v > 0.0).collect();
    sizes.sort_by(f64::total_cmp);
    let scale = sum(sizes.iter().copied());
    if !scale.is_finite() {
        return None;
    }
    // Sums that are equal on paper differ by rounding: a sum this near to the one seen counts as reaching it.
    let reach = sum(d.iter().copied()).abs() - 1e-12 * scale;
    if sizes.len() <= EXACT_UNITS {
        let zeros = (d.len() - sizes.len()).min(40) as u32;
        let (count, total) = (count_exact(&sizes, reach) << zeros, 1_u64 << (sizes.len() as u32 + zeros));
        return Some(SignFlip { p: count as f64 / total as f64, count, total, method: FlipMethod::Exact });
    }
    let count = count_sampled(&sizes, reach, seed);
    let p = (count + 1) as f64 / (DRAWS + 1) as f64;
    Some(SignFlip { p, count, total: DRAWS, method: FlipMethod::Sampled(DRAWS) })
}

/// Sign flips of whole clusters: cases of one source move together, so the units are the sums of each cluster.
/// `None` also when the lengths differ.
pub fn sign_flip_clustered(d: &[f64], clusters: &[u32], seed: u64) -> Option<SignFlip> {
    if d.len() != clusters.len() {
        return None;
    }
    let mut groups: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
    for (&d, &cluster) in d.iter().zip(clusters) {
        groups.entry(cluster).or_default().push(d);
    }
    let sums: Vec<f64> = groups
        .values()
        .map(|own| {
            let total = sum(own.iter().copied());
            // 0.2 + 0.1 - 0.3 is a 0 that rounding has spoilt.
            let scale = own.iter().map(|v| v.abs()).sum::<f64>();
            if total.abs() <= ROUNDING * scale { 0.0 } else { total }
        })
        .collect();
    sign_flip(&sums, seed)
}

/// All 2^k sums of +-sizes, sorted.
fn signed_sums(sizes: &[f64]) -> Vec<f64> {
    let mut sums = vec![0.0];
    for &size in sizes {
        sums = sums.iter().flat_map(|&s| [s - size, s + size]).collect();
    }
    sums.sort_by(f64::total_cmp);
    sums
}

/// How many sign vectors reach: the sizes are split in two halves, and for each sum of one half those of the other
/// that lift the total to `reach` or drop it to `-reach` are counted by a sliding border.
fn count_exact(sizes: &[f64], reach: f64) -> u64 {
    if reach <= 0.0 {
        return 1 << sizes.len();
    }
    let (left, right) = sizes.split_at(sizes.len() / 2);
    let (left, right) = (signed_sums(left), signed_sums(right));
    // As l grows, more of the right half reach upwards; the sums are symmetric about 0, so downwards is the same
    // count again.
    let mut border = right.len();
    let upwards: u64 = left
        .iter()
        .map(|l| {
            while border.checked_sub(1).and_then(|i| right.get(i)).is_some_and(|r| l + r >= reach) {
                border -= 1;
            }
            (right.len() - border) as u64
        })
        .sum();
    2 * upwards
}

/// Random signs, one bit each, out of 64-bit words.
struct Signs {
    rng: Rng,
    bits: u64,
    left: u32,
}

impl Signs {
    /// How many of `k` random signs are plus.
    fn plus(&mut self, k: usize) -> u64 {
        let whole: u64 = (0..k / 64).map(|_| u64::from(self.rng.next_u64().count_ones())).sum();
        let rest = (k % 64) as u32;
        if self.left < rest {
            (self.bits, self.left) = (self.rng.next_u64(), 64);
        }
        let taken = self.bits & ((1 << rest) - 1);
        self.bits >>= rest;
        self.left -= rest;
        whole + u64::from(taken.count_ones())
    }
}

/// How many of [`DRAWS`] random sign vectors reach. Of equal sizes only the number of plus signs matters, so a
/// hundred thousand scores from 1 to 5 are drawn as a handful of counts.
fn count_sampled(sizes: &[f64], reach: f64, seed: u64) -> u64 {
    let groups: Vec<(f64, usize)> =
        sizes.chunk_by(|a, b| a == b).filter_map(|run| Some((*run.first()?, run.len()))).collect();
    let mut signs = Signs { rng: Rng::seeded(seed), bits: 0, left: 0 };
    (0..DRAWS)
        .filter(|_| {
            let total: f64 =
                groups.iter().map(|&(size, k)| size * (2.0 * signs.plus(k) as f64 - k as f64)).sum();
            total.abs() >= reach
        })
        .count() as u64
}

/// Sign test (Arbuthnot 1710): two-sided binomial p of `wins` against `losses` at one half, ties left out. 1 when
/// there is neither. On wins and losses of pass/fail pairs it is McNemar's exact test.
pub fn sign_test(wins: u64, losses: u64) -> f64 {
    if wins == losses { 1.0 } else { (2.0 * smaller_tail(wins, losses).0).min(1.0) }
}

/// The same with half the chance of the very result (mid-p: Lancaster 1961; for pairs Fagerland and others 2013): less
/// strict, and seldom above its level.
pub fn sign_test_mid(wins: u64, losses: u64) -> f64 {
    let (tail, last) = smaller_tail(wins, losses);
    if wins == losses { 1.0 } else { (2.0 * tail - last).min(1.0) }
}

/// P(X <= min) and P(X = min) of a fair binomial X.
fn smaller_tail(wins: u64, losses: u64) -> (f64, f64) {
    let n = wins + losses;
    // ln of C(n,k) / 2^n, built up term by term from k = 0: large n must neither overflow nor underflow.
    let mut ln_term = -(n as f64) * std::f64::consts::LN_2;
    let mut tail = ln_term.exp();
    for k in 1..=wins.min(losses) {
        ln_term += ((n - k + 1) as f64 / k as f64).ln();
        tail += ln_term.exp();
    }
    (tail, ln_term.exp())
}

#[cfg(test)]
mod tests {
    use super::super::rng::Rng;
    use super::*;
    use proptest::prelude::*;

    /// The definition, word for word: every sign vector, one after the other.
    fn by_definition(d: &[f64]) -> u64 {
        let seen = d.iter().sum::<f64>().abs();
        (0..1_u64 << d.len())
            .filter(|mask| {
                let total: f64 =
                    d.iter().enumerate().map(|(i, v)| if mask >> i & 1 == 1 { *v } else { -v }).sum();
                total.abs() >= seen - 1e-9
            })
            .count() as u64
    }

    #[test]
    fn twenty_units_are_exact_and_twenty_one_are_sampled() {
        let twenty = [1.0; 20];
        let exact = sign_flip(&twenty, 1).unwrap();
        assert_eq!((exact.count, exact.total, exact.method), (2, 1 << 20, FlipMethod::Exact));
        let more = sign_flip(&[1.0; 21], 1).unwrap();
        assert_eq!((more.method, more.count), (FlipMethod::Sampled(10_000), 0));
        assert!((more.p - 1.0 / 10_001.0).abs() < 1e-15);
        // Zeros change nothing.
        let padded: Vec<f64> = twenty.iter().copied().chain([0.0; 300]).collect();
        assert_eq!(sign_flip(&padded, 1).unwrap().p, exact.p);
    }

    #[test]
    fn a_sampled_p_is_near_the_exact_one_and_repeats_with_its_seed() {
        let d: Vec<f64> = (0..30).map(|i| if i % 3 == 0 { -1.0 } else { 1.0 }).collect();
        // 20 up, 10 down of equal size: the sign-flip p is the binomial's.
        let exact = sign_test(20, 10);
        let p = sign_flip(&d, 42).unwrap().p;
        // Four standard errors of 10,000 draws.
        assert!((p - exact).abs() < 4.0 * (exact * (1.0 - exact) / 10_000.0).sqrt(), "{p} against {exact}");
        assert_eq!(sign_flip(&d, 42), sign_flip(&d, 42));
        assert_ne!(sign_flip(&d, 42), sign_flip(&d, 43));
    }

    #[test]
    fn a_seed_gives_the_same_p_for_ever() {
        // From a second implementation. If this fails, stored comparisons no longer repeat.
        let d: Vec<f64> =
            (0..30).map(|i| f64::from(1 + i % 2) * if i % 3 == 0 { -1.0 } else { 1.0 }).collect();
        let flip = sign_flip(&d, 42).unwrap();
        assert_eq!((flip.count, flip.total), (1065, 10_000));
    }

    #[test]
    fn drawn_signs_are_fair_and_different_sizes_are_told_apart() {
        let mut signs = Signs { rng: Rng::seeded(3), bits: 0, left: 0 };
        let plus: u64 = (0..2000).map(|k| signs.plus(k % 150)).sum();
        let all: u64 = (0..2000).map(|k| k % 150).sum();
        // Five standard deviations of a fair coin.
        assert!((plus as f64 - all as f64 / 2.0).abs() < 5.0 * (all as f64 / 4.0).sqrt(), "{plus} of {all}");
        // 24 units of four sizes: the exact count is within reach of the definition's halves.
        let d: Vec<f64> =
            (0..24).map(|i| f64::from(i % 4 + 1) * if i % 5 == 0 { -1.0 } else { 1.0 }).collect();
        let mut sizes: Vec<f64> = d.iter().map(|v| v.abs()).collect();
        sizes.sort_by(f64::total_cmp);
        let reach = d.iter().sum::<f64>().abs() - 1e-9;
        let exact = count_exact(&sizes, reach) as f64 / f64::from(1 << 24);
        let p = sign_flip(&d, 8).unwrap().p;
        assert!((p - exact).abs() < 4.0 * (exact * (1.0 - exact) / 10_000.0).sqrt() + 1e-4, "{p} {exact}");
    }

    #[test]
    fn thirds_that_are_equal_on_paper_count_as_reaching() {
        let third = 1.0 / 3.0;
        let d = [third, 4.0 / 3.0 - 1.0, 7.0 / 3.0 - 2.0, -(10.0 / 3.0 - 3.0)];
        assert_eq!(sign_flip(&d, 0).unwrap().count, by_definition(&[1.0, 1.0, 1.0, -1.0]));
    }

    #[test]
    fn a_single_cluster_can_prove_nothing() {
        let flip = sign_flip_clustered(&[1.0, 1.0, 2.0], &[9, 9, 9], 0).unwrap();
        assert_eq!(flip.p, 1.0);
        assert_eq!(sign_flip_clustered(&[1.0], &[], 0), None);
        assert_eq!(sign_flip(&[], 0), None);
        assert_eq!(sign_flip(&[f64::NAN], 0), None);
    }

    proptest! {
        #[test]
        fn exact_counts_equal_the_definition(d in prop::collection::vec(-4..=4_i32, 1..13)) {
            let d: Vec<f64> = d.into_iter().map(f64::from).collect();
            let flip = sign_flip(&d, 0).unwrap();
            prop_assert_eq!(flip.count, by_definition(&d));
            prop_assert_eq!(flip.total, 1 << d.len());
        }

        #[test]
        fn p_knows_neither_order_nor_direction(
            d in prop::collection::vec(-4..=4_i32, 1..60), seed: u64,
        ) {
            let mut d: Vec<f64> = d.into_iter().map(f64::from).collect();
            let first = sign_flip(&d, 5).unwrap();
            Rng::seeded(seed).shuffle(&mut d);
            let turned: Vec<f64> = d.iter().map(|v| -v).collect();
            prop_assert_eq!(sign_flip(&d, 5).unwrap(), first);
            prop_assert_eq!(sign_flip(&turned, 5).unwrap(), first);
            prop_assert!(first.p > 0.0 && first.p <= 1.0);
        }

        #[test]
        fn swapping_the_arms_only_turns_the_sign(
            pairs in prop::collection::vec((1.0..=5.0_f64, 1.0..=5.0_f64), 0..40),
        ) {
            let (a, b): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
            let (there, back) = (paired_diff(&a, &b, 0.95), paired_diff(&b, &a, 0.95));
            prop_assert_eq!((there.wins, there.ties, there.losses), (back.losses, back.ties, back.wins));
            if let (Some(x), Some(y)) = (there.diff.mean, back.diff.mean) {
                prop_assert!((x + y).abs() < 1e-12);
            }
            if let (Some((lo, _)), Some((_, hi))) = (there.diff.interval(), back.diff.interval()) {
                prop_assert!((lo + hi).abs() < 1e-9);
            }
            if let (Some(x), Some(y)) = (there.p, back.p) {
                prop_assert!((x - y).abs() < 1e-9 && (0.0..=1.0).contains(&x));
            }
        }

        #[test]
        fn whatever_is_finite_stays_finite(
            pairs in prop::collection::vec((prop::num::f64::ANY, prop::num::f64::ANY), 0..10),
        ) {
            let (a, b): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
            let r = paired_diff(&a, &b, 0.95);
            let all = [r.diff.mean, r.diff.sd, r.diff.se, r.diff.lo, r.diff.hi, r.t, r.p, r.corr];
            prop_assert!(all.iter().flatten().all(|x| x.is_finite()));
        }

        #[test]
        fn the_sign_test_is_a_probability(wins in 0..3000_u64, losses in 0..3000_u64) {
            let p = sign_test(wins, losses);
            prop_assert!((0.0..=1.0).contains(&p));
            prop_assert_eq!(p, sign_test(losses, wins));
        }
    }
}
