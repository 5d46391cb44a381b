//! How two lists go together: Pearson, Spearman, and Kendall's tau-b. All are `None` when one side is constant,
//! when there are fewer than two pairs, or when the lengths differ.

use super::dist::finite;
use super::mean::{mean, squares, sum};

/// Whether the two lists pair up, and every number is one.
fn usable(x: &[f64], y: &[f64]) -> bool {
    x.len() == y.len() && x.len() > 1 && x.iter().chain(y).all(|v| v.is_finite())
}

/// Pearson's product-moment correlation: sum of products of deviations over the root of both sums of squares.
pub fn pearson(x: &[f64], y: &[f64]) -> Option<f64> {
    if !usable(x, y) {
        return None;
    }
    let (mx, my) = (mean(x)?, mean(y)?);
    let (sx, sy) = (squares(x)?, squares(y)?);
    if sx <= 0.0 || sy <= 0.0 {
        return None;
    }
    let products = sum(x.iter().zip(y).map(|(a, b)| (a - mx) * (b - my)));
    // Rounding may put a perfect correlation at 1.0000000000000002.
    finite(products / (sx.sqrt() * sy.sqrt())).map(|r| r.clamp(-1.0, 1.0))
}

/// Ranks from 1; ties share the average of their places.
pub fn average_ranks(x: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..x.len()).collect();
    let at = |i: usize| x.get(i).copied().unwrap_or(f64::NAN);
    order.sort_by(|&i, &j| at(i).total_cmp(&at(j)));
    let mut ranks = vec![0.0; x.len()];
    let mut place = 0;
    for tied in order.chunk_by(|&i, &j| at(i) == at(j)) {
        let shared = place as f64 + (tied.len() as f64 + 1.0) / 2.0;
        for &i in tied {
            if let Some(rank) = ranks.get_mut(i) {
                *rank = shared;
            }
        }
        place += tied.len();
    }
    ranks
}

/// Spearman's rho (1904): Pearson's correlation of average ranks.
pub fn spearman(x: &[f64], y: &[f64]) -> Option<f64> {
    if !usable(x, y) {
        return None;
    }
    pearson(&average_ranks(x), &average_ranks(y))
}

/// Kendall's tau-b (1945), corrected for ties: (concordant - discordant) / sqrt((n0 - n1)(n0 - n2)) with n0 pairs in
/// all, n1 tied in x and n2 tied in y. Discordant pairs are counted by merge sort (Knight 1966), so that 100,000
/// verdicts take a moment and not a minute.
pub fn kendall_tau_b(x: &[f64], y: &[f64]) -> Option<f64> {
    if !usable(x, y) {
        return None;
    }
    let mut pairs: Vec<(f64, f64)> = x.iter().copied().zip(y.iter().copied()).collect();
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let tied_x = tied_pairs(pairs.chunk_by(|a, b| a.0 == b.0).map(<[_]>::len));
    let tied_both = tied_pairs(pairs.chunk_by(|a, b| a == b).map(<[_]>::len));
    let mut ys: Vec<f64> = pairs.iter().map(|p| p.1).collect();
    let discordant = sort_counting_swaps(&mut ys);
    let tied_y = tied_pairs(ys.chunk_by(|a, b| a == b).map(<[_]>::len));
    let n = x.len() as f64;
    let all = n * (n - 1.0) / 2.0;
    if tied_x >= all || tied_y >= all {
        return None;
    }
    let surplus = all - tied_x - tied_y + tied_both - 2.0 * discordant as f64;
    finite(surplus / ((all - tied_x).sqrt() * (all - tied_y).sqrt())).map(|t| t.clamp(-1.0, 1.0))
}

/// Pairs within runs of equal values.
fn tied_pairs(runs: impl Iterator<Item = usize>) -> f64 {
    runs.map(|t| t as f64 * (t as f64 - 1.0) / 2.0).sum()
}

/// Merge sort that counts how many pairs stood in the wrong order.
fn sort_counting_swaps(values: &mut [f64]) -> u64 {
    if values.len() < 2 {
        return 0;
    }
    let (left, right) = values.split_at_mut(values.len() / 2);
    let mut swaps = sort_counting_swaps(left) + sort_counting_swaps(right);
    let mut merged = Vec::with_capacity(left.len() + right.len());
    let (mut l, mut r) = (left.iter().copied().peekable(), right.iter().copied().peekable());
    let mut left_over = left.len() as u64;
    while let (Some(&a), Some(&b)) = (l.peek(), r.peek()) {
        if b < a {
            swaps += left_over;
            merged.extend(r.next());
        } else {
            left_over -= 1;
            merged.extend(l.next());
        }
    }
    merged.extend(l);
    merged.extend(r);
    values.copy_from_slice(&merged);
    swaps
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Tau-b from its definition, pair by pair.
    fn tau_by_definition(x: &[f64], y: &[f64]) -> Option<f64> {
        let (mut surplus, mut in_x, mut in_y) = (0.0, 0.0, 0.0);
        for i in 0..x.len() {
            for j in 0..i {
                let (a, b) =
                    ((x[i] - x[j]).partial_cmp(&0.0)? as i32, (y[i] - y[j]).partial_cmp(&0.0)? as i32);
                surplus += f64::from(a * b);
                in_x += f64::from(a.abs());
                in_y += f64::from(b.abs());
            }
        }
        (in_x > 0.0 && in_y > 0.0).then(|| surplus / f64::sqrt(in_x * in_y))
    }

    #[test]
    fn constants_short_lists_and_unequal_lengths_are_undefined() {
        for f in [pearson, spearman, kendall_tau_b] {
            assert_eq!(f(&[1.0, 2.0, 3.0], &[4.0; 3]), None);
            assert_eq!(f(&[1.0], &[2.0]), None);
            assert_eq!(f(&[], &[]), None);
            assert_eq!(f(&[1.0, 2.0], &[1.0]), None);
            assert_eq!(f(&[1.0, f64::NAN], &[1.0, 2.0]), None);
        }
        assert_eq!(average_ranks(&[3.0, 1.0, 3.0, 2.0]), [3.5, 1.0, 3.5, 2.0]);
    }

    proptest! {
        #[test]
        fn tau_equals_its_definition(pairs in prop::collection::vec((1..=5_i32, 1..=5_i32), 2..40)) {
            let (x, y): (Vec<f64>, Vec<f64>) = pairs.iter().map(|&(a, b)| (f64::from(a), f64::from(b))).unzip();
            match (kendall_tau_b(&x, &y), tau_by_definition(&x, &y)) {
                (Some(got), Some(want)) => prop_assert!((got - want).abs() < 1e-12),
                (got, want) => prop_assert_eq!(got, want),
            }
        }

        #[test]
        fn correlations_are_symmetric_bounded_and_blind_to_order(
            pairs in prop::collection::vec((1..=5_i32, 1..=5_i32), 2..40), seed: u64,
        ) {
            let split = |p: &[(i32, i32)]| -> (Vec<f64>, Vec<f64>) {
                p.iter().map(|&(a, b)| (f64::from(a), f64::from(b))).unzip()
            };
            let (x, y) = split(&pairs);
            let mut mixed = pairs.clone();
            super::super::rng::Rng::seeded(seed).shuffle(&mut mixed);
            let (mx, my) = split(&mixed);
            for f in [pearson, spearman, kendall_tau_b] {
                if let Some(r) = f(&x, &y) {
                    prop_assert!((-1.0..=1.0).contains(&r));
                    prop_assert!((r - f(&y, &x).unwrap()).abs() < 1e-12);
                    prop_assert!((r - f(&mx, &my).unwrap()).abs() < 1e-12);
                }
            }
        }

        #[test]
        fn nothing_is_ever_infinite(pairs in prop::collection::vec((prop::num::f64::ANY, prop::num::f64::ANY), 0..8)) {
            let (x, y): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
            for f in [pearson, spearman, kendall_tau_b] {
                prop_assert!(f(&x, &y).is_none_or(f64::is_finite));
            }
        }
    }
}
