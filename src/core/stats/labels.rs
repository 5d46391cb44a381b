//! Named categories (pass and fail; safe, mild, severe): agreement of two, and of any number of raters.
//!
//! Scores from 1 to 5 have [`super::agreement`]; here a label is a place in a list of names, and what is not in it says nothing.

use super::alpha::{Metric, krippendorff_alpha};
use super::dist::{finite, z_star};

/// Agreement of two raters by category.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct NominalKappa {
    /// Pairs of known labels.
    pub n: usize,
    /// Share of equal labels.
    pub exact: Option<f64>,
    /// Cohen's kappa; `None` where both always give one and the same label.
    pub kappa: Option<f64>,
    /// Its large-sample standard error.
    pub se: Option<f64>,
    /// kappa -/+ z se, not clipped: for large samples, and to compare with other programs.
    pub normal: Option<(f64, f64)>,
}

/// Cohen's kappa without weights (1960) of two raters whose labels are places below `categories`, with the variance of
/// Fleiss, Cohen and Everitt (1969, Psychological Bulletin 72: 323):
///
/// ```text
/// A = sum p_ii (1 - (p_i. + p_.i)(1 - k))^2     B = (1 - k)^2 sum_{i != j} p_ij (p_.i + p_j.)^2
/// C = (k - p_e (1 - k))^2                       se^2 = (A + B - C) / (n (1 - p_e)^2)
/// ```
pub fn nominal_kappa(pairs: &[(usize, usize)], categories: usize, level: f64) -> NominalKappa {
    let known: Vec<(usize, usize)> =
        pairs.iter().copied().filter(|(a, b)| *a < categories && *b < categories).collect();
    let n = known.len();
    let size = n as f64;
    let Some(exact) = finite(known.iter().filter(|(a, b)| a == b).count() as f64 / size) else {
        return NominalKappa::default();
    };
    let share =
        |side: &dyn Fn(&(usize, usize)) -> bool| known.iter().filter(|p| side(p)).count() as f64 / size;
    let first: Vec<f64> = (0..categories).map(|c| share(&|p| p.0 == c)).collect();
    let second: Vec<f64> = (0..categories).map(|c| share(&|p| p.1 == c)).collect();
    let at = |list: &[f64], c: usize| list.get(c).copied().unwrap_or(0.0);
    let by_chance: f64 = first.iter().zip(&second).map(|(a, b)| a * b).sum();
    let none = NominalKappa { n, exact: Some(exact), ..NominalKappa::default() };
    if by_chance >= 1.0 - 1e-12 {
        return none;
    }
    let kappa = (exact - by_chance) / (1.0 - by_chance);
    let rest = 1.0 - kappa;
    // A and B together: every pair adds a square.
    let squares: f64 = known
        .iter()
        .map(|&(a, b)| match a == b {
            true => (1.0 - (at(&first, a) + at(&second, a)) * rest).powi(2),
            false => (rest * (at(&second, a) + at(&first, b))).powi(2),
        })
        .sum();
    let variance = (squares / size - (kappa - by_chance * rest).powi(2)) / (size * (1.0 - by_chance).powi(2));
    let se = finite(variance.max(0.0).sqrt());
    let reach = se.zip(z_star(level)).map(|(se, z)| z * se);
    NominalKappa { kappa: finite(kappa), se, normal: reach.map(|r| (kappa - r, kappa + r)), ..none }
}

/// Krippendorff's alpha of labels: `ratings` has one row for each rater, one column for each unit, `None` where it was not
/// rated. `ordered` says that the list of labels goes from least to most: then alpha is ordinal, else nominal.
pub fn alpha_of_labels(ratings: &[Vec<Option<usize>>], ordered: bool) -> Option<f64> {
    let rows: Vec<Vec<Option<f64>>> =
        ratings.iter().map(|row| row.iter().map(|label| label.map(|l| l as f64)).collect()).collect();
    krippendorff_alpha(&rows, if ordered { Metric::Ordinal } else { Metric::Nominal })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_labels_say_nothing_and_one_label_throughout_has_no_kappa() {
        let some = nominal_kappa(&[(0, 0), (1, 0), (7, 0)], 2, 0.95);
        assert_eq!((some.n, some.exact), (2, Some(0.5)));
        let flat = nominal_kappa(&[(1, 1); 5], 2, 0.95);
        assert_eq!((flat.exact, flat.kappa, flat.normal), (Some(1.0), None, None));
        assert_eq!(nominal_kappa(&[], 2, 0.95), NominalKappa::default());
    }
}
