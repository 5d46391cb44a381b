//! How far a judge agrees with itself: repeats of the same verdicts, where the spread comes from, and the smallest
//! change worth believing.
//!
//! ```text
//! item x repeat            -> repeatability, flip_rate
//! case x generation x judge -> variance_split
//! A judged against A       -> noise_floor
//! ```

use super::alpha::{Metric, alpha_of_units};
use super::dist::{finite, t_star, z_star};
use super::mean::{mean, sd, squares, sum};
use super::paired::difference;

/// Self-agreement over repeated scores. Items with fewer than two scores say nothing and are counted apart.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Repeatability {
    /// Items with at least two scores.
    pub n: usize,
    /// Items left out because fewer than two of their repeats were scored.
    pub dropped: usize,
    /// The most repeats any item has.
    pub repeats: usize,
    /// Items whose repeats are all equal.
    pub all_equal: usize,
    /// Items whose repeats lie 2 or more apart: these go to a human first.
    pub range_ge2: usize,
    /// Standard deviation of one repeat around its item's mean: sqrt(MSW).
    pub within_sd: Option<f64>,
    /// ICC(1): how far one single score can be relied on.
    pub icc1: Option<f64>,
    /// ICC(k): how far the mean of the repeats can be relied on.
    pub icck: Option<f64>,
    /// Ordinal alpha with the repeats as raters.
    pub alpha_ordinal: Option<f64>,
}

/// One-way random-effects analysis (Shrout and Fleiss 1979): ICC(1) = (MSB - MSW) / (MSB + (k-1) MSW), ICC(k) =
/// (MSB - MSW) / MSB, within SD = sqrt(MSW). With unequal repeats k is (N - sum k_i^2 / N) / (n - 1) (Donner and Koval
/// 1980). ICCs are `None` for fewer than two items or when nothing varies.
pub fn repeatability(items: &[Vec<Option<f64>>]) -> Repeatability {
    let scored: Vec<Vec<f64>> = items
        .iter()
        .map(|item| item.iter().flatten().copied().filter(|s| s.is_finite()).collect::<Vec<f64>>())
        .filter(|item| item.len() > 1)
        .collect();
    let range = |item: &[f64]| {
        let low = item.iter().copied().fold(f64::INFINITY, f64::min);
        item.iter().copied().fold(f64::NEG_INFINITY, f64::max) - low
    };
    let squares = mean_squares(&scored);
    let within = squares.map(|s| s.within);
    let between = squares.and_then(|s| Some((s.between?, s)));
    Repeatability {
        n: scored.len(),
        dropped: items.len() - scored.len(),
        repeats: scored.iter().map(Vec::len).max().unwrap_or(0),
        all_equal: scored.iter().filter(|item| range(item) == 0.0).count(),
        range_ge2: scored.iter().filter(|item| range(item) >= 2.0 - 1e-9).count(),
        within_sd: within.map(f64::sqrt),
        icc1: between.and_then(|(b, s)| finite((b - s.within) / (b + (s.k - 1.0) * s.within))),
        icck: between.and_then(|(b, s)| finite((b - s.within) / b)),
        alpha_ordinal: alpha_of_units(scored, Metric::Ordinal),
    }
}

/// Mean squares of a one-way analysis.
#[derive(Clone, Copy)]
struct MeanSquares {
    between: Option<f64>,
    within: f64,
    /// Repeats an item has, as the analysis sees it.
    k: f64,
}

fn mean_squares(items: &[Vec<f64>]) -> Option<MeanSquares> {
    let all: Vec<f64> = items.iter().flatten().copied().collect();
    let (n, total) = (items.len() as f64, all.len() as f64);
    let grand = mean(&all)?;
    let inner: Option<Vec<f64>> = items.iter().map(|item| squares(item)).collect();
    let within = finite(sum(inner?) / (total - n))?;
    let outer: Option<Vec<f64>> =
        items.iter().map(|item| Some(item.len() as f64 * difference(grand, mean(item)?).powi(2))).collect();
    let uneven = sum(items.iter().map(|item| (item.len() as f64).powi(2))) / total;
    Some(MeanSquares { between: finite(sum(outer?) / (n - 1.0)), within, k: (total - uneven) / (n - 1.0) })
}

/// How many items would pass in one repeat and fail in another, at a pass mark: (flipped, items with two scores).
pub fn flip_rate(items: &[Vec<Option<f64>>], mark: f64) -> (usize, usize) {
    let scored = items.iter().map(|item| item.iter().flatten()).filter(|item| item.clone().count() > 1);
    scored.fold((0, 0), |(flipped, n), item| {
        let passes = item.clone().filter(|s| **s >= mark).count();
        (flipped + usize::from(passes > 0 && passes < item.count()), n + 1)
    })
}

/// Where the spread of scores comes from. Each is a variance; negative estimates (chance) are given as 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VarianceSplit {
    /// Between cases: some are harder. More cases help.
    pub case: Option<f64>,
    /// Between responses to one case: the arm's own chance. More generations help.
    pub generation: Option<f64>,
    /// Between verdicts on one response: the judge's noise. More judge repeats help.
    pub judge: Option<f64>,
}

/// Sums of squares and degrees of freedom of a nested analysis, gathered case by case.
#[derive(Default)]
struct Nested {
    between: Vec<f64>,
    generations: Vec<f64>,
    verdicts: Vec<f64>,
    /// Numbers of cases, responses and verdicts.
    sizes: (f64, f64, f64),
    /// sum n_i^2, sum n_ij^2, and sum of n_ij^2 / n_i.
    uneven: (f64, f64, f64),
}

impl Nested {
    fn gather(cases: &[Vec<Vec<f64>>]) -> Option<Self> {
        let grand = mean(&cases.iter().flatten().flatten().copied().collect::<Vec<_>>())?;
        let mut all = Self::default();
        for case in cases {
            let scores: Vec<f64> = case.iter().flatten().copied().collect();
            let Some(own) = mean(&scores) else { continue };
            let n_i = scores.len() as f64;
            all.between.push(n_i * difference(grand, own).powi(2));
            all.sizes.0 += 1.0;
            all.uneven.0 += n_i * n_i;
            for response in case.iter().filter(|r| !r.is_empty()) {
                let n_ij = response.len() as f64;
                all.generations.push(n_ij * difference(own, mean(response)?).powi(2));
                all.verdicts.push(squares(response)?);
                all.sizes.1 += 1.0;
                all.sizes.2 += n_ij;
                all.uneven.1 += n_ij * n_ij;
                all.uneven.2 += n_ij * n_ij / n_i;
            }
        }
        Some(all)
    }
}

/// Nested random-effects analysis by mean squares (Searle, Casella and McCulloch 1992, ch. 5; unequal numbers
/// allowed): scores of verdict k on response j to case i are case + generation + judge. A part that the plan cannot
/// show (one generation each, one verdict each) is `None`.
pub fn variance_split(cases: &[Vec<Vec<f64>>]) -> VarianceSplit {
    let none = VarianceSplit { case: None, generation: None, judge: None };
    let Some(all) = Nested::gather(cases) else { return none };
    let (a, b, n) = all.sizes;
    let mean_square = |squares: Vec<f64>, df: f64| finite(sum(squares) / df).filter(|_| df > 0.0);
    let judge = mean_square(all.verdicts, n - b);
    let ms_generation = mean_square(all.generations, b - a);
    let ms_case = mean_square(all.between, a - 1.0);
    let k1 = (n - all.uneven.2) / (b - a);
    let k2 = (all.uneven.2 - all.uneven.1 / n) / (a - 1.0);
    let k3 = (n - all.uneven.0 / n) / (a - 1.0);
    let part = |ms: f64, rest: f64, k: f64| finite((ms - rest) / k).map(|v| v.max(0.0));
    // Where a level was not repeated its variance is inside that above it and cannot be taken out.
    let generation = ms_generation.zip(judge).and_then(|(ms, j)| part(ms, j, k1));
    let case = match (ms_case, judge, generation) {
        (Some(ms), Some(j), Some(g)) => part(ms, j + k2 * g, k3),
        (Some(ms), Some(j), None) => part(ms, j, k3),
        (Some(ms), None, _) => ms_generation.and_then(|g| part(ms, g, k3)),
        _ => None,
    };
    VarianceSplit { case, generation, judge }
}

/// Smallest mean change worth believing, from A judged a second time: half the width of the 95 % paired interval of
/// the differences, t*(n-1) sd(d) / sqrt(n). Changes below it are what re-judging alone brings about. `None` for
/// fewer than two differences.
pub fn noise_floor(differences: &[f64]) -> Option<f64> {
    let n = differences.len() as f64;
    finite(t_star(0.95, n - 1.0)? * sd(differences)? / n.sqrt())
}

/// The same, expected from the judge's within-item SD when two arms are each judged `repeats` times on `n` cases:
/// z* s sqrt(2 / (n repeats)).
pub fn noise_floor_from_repeats(within_sd: f64, n: usize, repeats: usize) -> Option<f64> {
    let scores = (n * repeats) as f64;
    finite(z_star(0.95)? * within_sd * (2.0 / scores).sqrt()).filter(|_| within_sd >= 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn full(items: &[&[f64]]) -> Vec<Vec<Option<f64>>> {
        items.iter().map(|item| item.iter().map(|s| Some(*s)).collect()).collect()
    }

    #[test]
    fn constants_and_single_items_have_no_icc() {
        let same = repeatability(&full(&[&[4.0, 4.0], &[4.0, 4.0]]));
        assert_eq!((same.within_sd, same.icc1, same.icck, same.alpha_ordinal), (Some(0.0), None, None, None));
        let single = repeatability(&full(&[&[4.0, 5.0]]));
        assert_eq!((single.n, single.icc1), (1, None));
        assert_eq!(repeatability(&[]), Repeatability::default());
    }

    #[test]
    fn equal_item_means_with_noise_inside_have_no_icc_of_minus_infinity() {
        // 0.1 + 0.2 is not 0.3: the means differ by rounding only.
        let r = repeatability(&full(&[&[0.1, 0.2], &[0.0, 0.3], &[0.3, 0.1 + 0.2 - 0.3]]));
        assert_eq!(r.icck, None);
        assert!((r.icc1.unwrap() + 1.0).abs() < 1e-12);
    }

    #[test]
    fn an_item_scored_once_is_counted_apart() {
        let mut items = full(&[&[1.0, 1.0, 2.0], &[4.0, 5.0, 4.0], &[3.0, 3.0, 3.0]]);
        let before = repeatability(&items);
        items.push(vec![Some(5.0), None, None]);
        let after = repeatability(&items);
        assert_eq!(after, Repeatability { dropped: 1, ..before });
    }

    #[test]
    fn flips_are_items_on_both_sides_of_the_mark() {
        let items = full(&[&[3.0, 4.0], &[4.0, 5.0], &[2.0, 3.0], &[5.0]]);
        assert_eq!(flip_rate(&items, 4.0), (1, 3));
        assert_eq!(flip_rate(&[], 4.0), (0, 0));
    }

    #[test]
    fn the_split_finds_each_source_alone() {
        // Only cases differ; only generations differ; only verdicts differ.
        let by_case = vec![vec![vec![1.0; 2]; 2], vec![vec![5.0; 2]; 2]];
        let s = variance_split(&by_case);
        assert_eq!((s.case, s.generation, s.judge), (Some(8.0), Some(0.0), Some(0.0)));
        let by_generation = vec![vec![vec![2.0, 2.0], vec![4.0, 4.0]]; 3];
        let s = variance_split(&by_generation);
        assert_eq!((s.case, s.generation, s.judge), (Some(0.0), Some(2.0), Some(0.0)));
        let by_judge = vec![vec![vec![2.0, 4.0]; 3]; 3];
        let s = variance_split(&by_judge);
        assert_eq!((s.case, s.generation, s.judge), (Some(0.0), Some(0.0), Some(2.0)));
        // One verdict each: judge and generation cannot be told apart.
        let s = variance_split(&[vec![vec![1.0], vec![2.0]], vec![vec![4.0], vec![5.0]]]);
        assert_eq!((s.generation, s.judge), (None, None));
        assert!(s.case.unwrap() > 0.0);
        assert_eq!(variance_split(&[]).case, None);
    }

    #[test]
    fn the_noise_floor_falls_with_cases_and_repeats() {
        let one = noise_floor_from_repeats(0.44, 40, 1).unwrap();
        assert!((noise_floor_from_repeats(0.44, 160, 1).unwrap() - one / 2.0).abs() < 1e-12);
        assert_eq!(noise_floor_from_repeats(0.44, 0, 1), None);
        assert_eq!(noise_floor(&[0.0, 0.0, 0.0]), Some(0.0));
        assert_eq!(noise_floor(&[1.0]), None);
    }

    proptest! {
        #[test]
        fn reliability_is_bounded_and_finite(
            items in prop::collection::vec(prop::collection::vec(prop::option::of(1..=5_i32), 0..5), 0..20),
        ) {
            let items: Vec<Vec<Option<f64>>> =
                items.into_iter().map(|i| i.into_iter().map(|s| s.map(f64::from)).collect()).collect();
            let r = repeatability(&items);
            prop_assert!(r.all_equal + r.range_ge2 <= r.n && r.n + r.dropped == items.len());
            prop_assert!(r.icc1.is_none_or(|v| v <= 1.0 + 1e-12 && v.is_finite()));
            prop_assert!(r.icck.is_none_or(|v| v <= 1.0 + 1e-12 && v.is_finite()));
            let split: Vec<Vec<Vec<f64>>> =
                items.iter().map(|i| i.iter().map(|s| s.iter().copied().collect()).collect()).collect();
            let s = variance_split(&split);
            prop_assert!([s.case, s.generation, s.judge].iter().flatten().all(|v| v.is_finite() && *v >= 0.0));
        }
    }
}
