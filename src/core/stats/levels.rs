//! The field's two correlations of a judge with people where several systems (arms) answered the same documents (cases).
//!
//! ```text
//! rows = documents, columns = systems
//! document level  correlation over the systems within each document, averaged over documents where it is defined
//! system level    correlation of the systems' means
//! pooled          correlation of all cells
//! ```
//! A high system level with a low document level is a judge that ranks systems and not answers.

use super::mean::mean;
use super::rank::{kendall_tau_b, pearson, spearman};

/// One coefficient at the three levels; `None` where it is not defined.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct AtLevels {
    /// Mean over documents.
    pub document: Option<f64>,
    /// Of the systems' means.
    pub system: Option<f64>,
    /// Of all cells.
    pub pooled: Option<f64>,
}

/// Correlations by level.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Levels {
    /// Spearman's rho.
    pub spearman: AtLevels,
    /// Kendall's tau-b.
    pub kendall: AtLevels,
    /// Pearson's.
    pub pearson: AtLevels,
    /// Documents on which the scores of both vary, and so give Spearman's rho.
    pub documents_used: usize,
    /// Documents on which it is not defined: one side gives all systems the same score, or fewer than two were scored.
    pub documents_undefined: usize,
    /// Systems with a score of both sides.
    pub systems: usize,
}

/// Correlations of `human` and `judge`, both `[document][system]` with `None` where there is no score. Only cells that both
/// scored count, at every level. With two systems a document's correlation is -1, 0 or 1, and the system level says nothing
/// but which is better.
pub fn correlation_levels(human: &[Vec<Option<f64>>], judge: &[Vec<Option<f64>>]) -> Levels {
    // (document, system, human, judge)
    let cells: Vec<(usize, usize, f64, f64)> = human
        .iter()
        .zip(judge)
        .enumerate()
        .flat_map(|(d, (h, j))| h.iter().zip(j).enumerate().map(move |(s, (h, j))| (d, s, *h, *j)))
        .filter_map(|(d, s, h, j)| Some((d, s, h.filter(|v| v.is_finite())?, j.filter(|v| v.is_finite())?)))
        .collect();
    let documents = cells.iter().map(|c| c.0 + 1).max().unwrap_or(0);
    let systems = cells.iter().map(|c| c.1 + 1).max().unwrap_or(0);
    let side = |keep: &dyn Fn(&(usize, usize, f64, f64)) -> bool| -> (Vec<f64>, Vec<f64>) {
        cells.iter().filter(|c| keep(c)).map(|c| (c.2, c.3)).unzip()
    };
    let mut within: Vec<(Vec<f64>, Vec<f64>)> = vec![(vec![], vec![]); documents];
    for (d, _, h, j) in &cells {
        if let Some(row) = within.get_mut(*d) {
            row.0.push(*h);
            row.1.push(*j);
        }
    }
    let means: (Vec<f64>, Vec<f64>) = (0..systems)
        .filter_map(|s| {
            let (h, j) = side(&|c| c.1 == s);
            mean(&h).zip(mean(&j))
        })
        .unzip();
    let pooled = side(&|_| true);
    let at = |of: fn(&[f64], &[f64]) -> Option<f64>| {
        let each: Vec<f64> = within.iter().filter_map(|(h, j)| of(h, j)).collect();
        AtLevels { document: mean(&each), system: of(&means.0, &means.1), pooled: of(&pooled.0, &pooled.1) }
    };
    let used = within.iter().filter(|(h, j)| spearman(h, j).is_some()).count();
    Levels {
        spearman: at(spearman),
        kendall: at(kendall_tau_b),
        pearson: at(pearson),
        documents_used: used,
        documents_undefined: human.len().min(judge.len()) - used,
        systems: means.0.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_without_a_score_of_both_are_left_out() {
        let human =
            [vec![Some(1.0), Some(2.0), None], vec![Some(2.0), Some(4.0), Some(5.0)], vec![None, None, None]];
        let judge = [
            vec![Some(1.0), Some(3.0), Some(5.0)],
            vec![Some(5.0), Some(4.0), None],
            vec![None, None, Some(1.0)],
        ];
        let found = correlation_levels(&human, &judge);
        assert_eq!((found.documents_used, found.documents_undefined, found.systems), (2, 1, 2));
        assert_eq!(found.spearman.document, Some(0.0));
        // Means 1.5 and 3 of people, 3 and 3.5 of the judge.
        assert!((found.spearman.system.unwrap() - 1.0).abs() < 1e-12);
        assert_eq!(correlation_levels(&[], &[]), Levels::default());
    }
}
