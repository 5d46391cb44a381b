//! Whether two judges, or two arms, use the categories equally often on the same cases: the margins of a square table.
//!
//! ```text
//! counts[first][second] -> d_i = row i - column i -> Stuart and Maxwell's d' S^-1 d, Bhapkar's, chi-square
//! ```

use super::dist::{chi_square_sf, finite};

/// A test of equal margins.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Homogeneity {
    /// The statistic; `None` where the two never differ.
    pub chi2: Option<f64>,
    /// Degrees of freedom.
    pub df: usize,
    /// Two-sided p; 1 where the two never differ.
    pub p: f64,
}

/// Both tests of one table.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Margins {
    /// Stuart (1955) and Maxwell (1970).
    pub stuart_maxwell: Homogeneity,
    /// Bhapkar (1966), S / (1 - S/n): the same in large samples, never less strict in small ones.
    pub bhapkar: Homogeneity,
}

/// Tests whether rows and columns of a square table of counts have equal margins. Categories that nobody used are left out.
/// On two categories Stuart and Maxwell's is McNemar's without correction. Degrees of freedom are the rank of S: one
/// fewer than the categories where all exchange cases with one another. `None` for no cases, fewer than two categories in
/// use, or a table that is not square.
pub fn marginal_homogeneity(counts: &[Vec<u64>]) -> Option<Margins> {
    let at = |i: usize, j: usize| counts.get(i).and_then(|row| row.get(j)).copied().unwrap_or(0) as f64;
    if counts.iter().any(|row| row.len() != counts.len()) {
        return None;
    }
    let size = counts.len();
    let row = |i: usize| (0..size).map(|j| at(i, j)).sum::<f64>();
    let column = |i: usize| (0..size).map(|j| at(j, i)).sum::<f64>();
    let used: Vec<usize> = (0..size).filter(|i| row(*i) + column(*i) > 0.0).collect();
    let n: f64 = used.iter().map(|i| row(*i)).sum();
    let k = used.len();
    if k < 2 {
        return None;
    }
    // The last category says nothing that the others do not.
    let kept = used.get(..k - 1)?;
    let mut matrix: Vec<Vec<f64>> = kept
        .iter()
        .map(|&i| {
            let covariance = |j: usize| {
                if i == j { row(i) + column(i) - 2.0 * at(i, i) } else { -at(i, j) - at(j, i) }
            };
            kept.iter().map(|&j| covariance(j)).chain([row(i) - column(i)]).collect()
        })
        .collect();
    let (chi2, rank) = quadratic_form(&mut matrix)?;
    if rank == 0 {
        let equal = Homogeneity { chi2: None, df: k - 1, p: 1.0 };
        return Some(Margins { stuart_maxwell: equal, bhapkar: equal });
    }
    let test =
        |chi2: f64| Some(Homogeneity { chi2: Some(finite(chi2)?), df: rank, p: chi_square_sf(chi2, rank)? });
    let whole = Homogeneity { chi2: None, df: rank, p: 0.0 };
    // All cases moved: the statistic has no bound.
    let bhapkar = if chi2 < n * (1.0 - 1e-12) { test(chi2 / (1.0 - chi2 / n))? } else { whole };
    Some(Margins { stuart_maxwell: test(chi2)?, bhapkar })
}

/// d' S^-1 d and the rank of S, for rows [S | d] with S symmetric and not negative: elimination along the diagonal, leaving
/// out what has become 0. S holds whole numbers, so that a pivot below 1e-9 is rounding.
fn quadratic_form(rows: &mut [Vec<f64>]) -> Option<(f64, usize)> {
    let size = rows.len();
    let (mut total, mut rank) = (0.0, 0);
    for c in 0..size {
        let pivot = rows.get(c)?.clone();
        let top = *pivot.get(c)?;
        if top < 1e-9 {
            continue;
        }
        rank += 1;
        total += pivot.get(size)?.powi(2) / top;
        for row in rows.iter_mut().skip(c + 1) {
            let factor = row.get(c)? / top;
            row.iter_mut().zip(&pivot).for_each(|(v, p)| *v -= factor * p);
        }
    }
    Some((total, rank))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_that_never_mix_and_tables_that_say_nothing() {
        // {1, 2} and {3, 4} exchange cases only within: two degrees of freedom, and the sum of two McNemar tests.
        let apart =
            marginal_homogeneity(&[vec![9, 5, 0, 0], vec![1, 9, 0, 0], vec![0, 0, 9, 2], vec![0, 0, 6, 9]])
                .unwrap();
        let want = 16.0 / 6.0 + 16.0 / 8.0;
        assert!((apart.stuart_maxwell.chi2.unwrap() - want).abs() < 1e-12);
        assert_eq!(apart.stuart_maxwell.df, 2);
        // Category 2 is used on the diagonal alone.
        let calm = marginal_homogeneity(&[vec![3, 0, 5], vec![0, 7, 0], vec![1, 0, 4]]).unwrap();
        assert_eq!((calm.stuart_maxwell.df, calm.stuart_maxwell.chi2), (1, Some(16.0 / 6.0)));
        assert_eq!(marginal_homogeneity(&[]), None);
        assert_eq!(marginal_homogeneity(&[vec![4, 0], vec![0, 0]]), None);
        assert_eq!(marginal_homogeneity(&[vec![1, 2]]), None);
        let moved = marginal_homogeneity(&[vec![0, 9], vec![0, 0]]).unwrap();
        assert_eq!((moved.stuart_maxwell.chi2, moved.bhapkar.p), (Some(9.0), 0.0));
    }
}
