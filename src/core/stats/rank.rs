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

/// Sums of pairs, of which Pearson's correlation is made: to leave pairs out is to take theirs off. For numbers near 0 whose
/// products add up exactly, such as ranks less their middle.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Moments {
    n: f64,
    x: f64,
    y: f64,
    xx: f64,
    yy: f64,
    xy: f64,
}

impl Moments {
    /// Of one pair.
    pub fn of(x: f64, y: f64) -> Self {
        Self { n: 1.0, x, y, xx: x * x, yy: y * y, xy: x * y }
    }

    /// These, and so many times others: a number below 0 takes pairs out again.
    #[must_use]
    pub fn plus(&self, other: &Self, times: f64) -> Self {
        Self {
            n: self.n + times * other.n,
            x: self.x + times * other.x,
            y: self.y + times * other.y,
            xx: self.xx + times * other.xx,
            yy: self.yy + times * other.yy,
            xy: self.xy + times * other.xy,
        }
    }

    /// Pearson's correlation of the pairs; `None` where one side is constant or there are fewer than two.
    pub fn pearson(&self) -> Option<f64> {
        if self.n < 2.0 {
            return None;
        }
        let (xx, yy) = (self.xx - self.x * self.x / self.n, self.yy - self.y * self.y / self.n);
        // What rounding leaves of a constant side is no spread.
        if xx <= 1e-12 * self.xx || yy <= 1e-12 * self.yy {
            return None;
        }
        finite((self.xy - self.x * self.y / self.n) / (xx.sqrt() * yy.sqrt())).map(|r| r.clamp(-1.0, 1.0))
    }
}

/// Pairs of values, each of which occurs often: correlations of any numbers of them, at the cost of the different ones.
#[derive(Debug, Clone, PartialEq)]
pub struct PairKinds {
    /// The different pairs.
    pub pairs: Vec<(f64, f64)>,
    /// Places of the pairs by x, and by y.
    by_x: Vec<usize>,
    by_y: Vec<usize>,
}

impl PairKinds {
    /// The different pairs among these, and of which kind each is.
    pub fn of(rows: &[(f64, f64)]) -> (Self, Vec<usize>) {
        let mut pairs = rows.to_vec();
        pairs.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
        pairs.dedup();
        let place = |row: &(f64, f64)| {
            pairs.partition_point(|p| p.0.total_cmp(&row.0).then(p.1.total_cmp(&row.1)).is_lt())
        };
        let kinds = rows.iter().map(place).collect();
        let mut by_y: Vec<usize> = (0..pairs.len()).collect();
        let y = |at: usize| pairs.get(at).map_or(f64::NAN, |p| p.1);
        by_y.sort_by(|a, b| y(*a).total_cmp(&y(*b)));
        (Self { by_x: (0..pairs.len()).collect(), by_y, pairs }, kinds)
    }

    fn values(&self, counts: &[f64], side: bool) -> impl Iterator<Item = (f64, f64)> {
        let of = move |p: &(f64, f64)| if side { p.1 } else { p.0 };
        self.pairs.iter().map(of).zip(counts.to_vec())
    }

    /// Pearson's correlation of so many pairs of each kind.
    pub fn pearson(&self, counts: &[f64]) -> Option<f64> {
        let x: Vec<f64> = self.values(counts, false).map(|v| v.0).collect();
        let y: Vec<f64> = self.values(counts, true).map(|v| v.0).collect();
        weighted_pearson(&x, &y, counts)
    }

    /// Spearman's.
    pub fn spearman(&self, counts: &[f64]) -> Option<f64> {
        let ranks = |order: &[usize], side: bool| {
            let value = |at: usize| self.pairs.get(at).map_or(f64::NAN, |p| if side { p.1 } else { p.0 });
            let count = |at: &usize| counts.get(*at).copied().unwrap_or(0.0);
            let mut ranks = vec![0.0; self.pairs.len()];
            let mut below = 0.0;
            for tied in order.chunk_by(|a, b| value(*a) == value(*b)) {
                let n: f64 = tied.iter().map(count).sum();
                for at in tied {
                    if let Some(rank) = ranks.get_mut(*at) {
                        *rank = below + (n + 1.0) / 2.0;
                    }
                }
                below += n;
            }
            ranks
        };
        weighted_pearson(&ranks(&self.by_x, false), &ranks(&self.by_y, true), counts)
    }

    /// Kendall's tau-b.
    pub fn kendall_tau_b(&self, counts: &[f64]) -> Option<f64> {
        let two = |n: f64| n * (n - 1.0) / 2.0;
        let kinds: Vec<(f64, f64, f64)> = self
            .pairs
            .iter()
            .zip(counts)
            .filter(|(_, n)| **n > 0.0)
            .map(|((x, y), n)| (*x, *y, *n))
            .collect();
        let n: f64 = kinds.iter().map(|k| k.2).sum();
        let (mut surplus, mut same_x, mut same_y) = (0.0, 0.0, 0.0);
        for (at, (x, y, k)) in kinds.iter().enumerate() {
            (same_x, same_y) = (same_x + two(*k), same_y + two(*k));
            for (x2, y2, k2) in kinds.iter().skip(at + 1) {
                let both = k * k2;
                let (dx, dy) = (x2 - x, y2 - y);
                if dx == 0.0 {
                    same_x += both;
                } else if dy != 0.0 {
                    surplus += if (dx > 0.0) == (dy > 0.0) { both } else { -both };
                }
                if dy == 0.0 {
                    same_y += both;
                }
            }
        }
        let all = two(n);
        if same_x >= all || same_y >= all {
            return None;
        }
        finite(surplus / ((all - same_x).sqrt() * (all - same_y).sqrt())).map(|t| t.clamp(-1.0, 1.0))
    }
}

/// Pearson's correlation where each pair counts so often. `None` where one side is constant or there are fewer than two.
pub fn weighted_pearson(x: &[f64], y: &[f64], counts: &[f64]) -> Option<f64> {
    let n: f64 = counts.iter().sum();
    if n < 2.0 || x.len() != counts.len() || y.len() != counts.len() {
        return None;
    }
    let mean = |v: &[f64]| v.iter().zip(counts).map(|(v, c)| v * c).sum::<f64>() / n;
    let (mx, my) = (mean(x), mean(y));
    let (mut xx, mut yy, mut xy) = (0.0, 0.0, 0.0);
    for ((x, y), c) in x.iter().zip(y).zip(counts) {
        let (dx, dy) = (x - mx, y - my);
        (xx, yy, xy) = (xx + c * dx * dx, yy + c * dy * dy, xy + c * dx * dy);
    }
    // What rounding leaves of a constant side is no spread.
    let spread = |squares: f64, centre: f64| squares > 1e-18 * n * (1.0 + centre * centre);
    if !(spread(xx, mx) && spread(yy, my)) {
        return None;
    }
    finite(xy / (xx.sqrt() * yy.sqrt())).map(|r| r.clamp(-1.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn counted_pairs_correlate_as_listed_ones(
            rows in prop::collection::vec((1..=9_i32, 1..=9_i32), 0..60),
        ) {
            let rows: Vec<(f64, f64)> = rows.iter().map(|(x, y)| (f64::from(*x) / 2.0, f64::from(*y) / 2.0)).collect();
            let (x, y): (Vec<f64>, Vec<f64>) = rows.iter().copied().unzip();
            let (kinds, of) = PairKinds::of(&rows);
            let mut counts = vec![0.0; kinds.pairs.len()];
            of.iter().for_each(|kind| counts[*kind] += 1.0);
            let sum = |start: Moments, times: f64| {
                rows.iter().fold(start, |sum, (x, y)| sum.plus(&Moments::of(*x, *y), times))
            };
            for (ours, theirs) in [
                (sum(sum(Moments::default(), 3.0), -2.0).pearson(), pearson(&x, &y)),
                (kinds.pearson(&counts), pearson(&x, &y)),
                (kinds.spearman(&counts), spearman(&x, &y)),
                (kinds.kendall_tau_b(&counts), kendall_tau_b(&x, &y)),
            ] {
                prop_assert_eq!(ours.is_some(), theirs.is_some());
                prop_assert!((ours.unwrap_or(0.0) - theirs.unwrap_or(0.0)).abs() < 1e-9);
            }
        }
    }

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
