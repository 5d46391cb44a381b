//! What a judge's score is worth: when it says 4, what do people say on average?

use super::bounded::{Ends, SCORES, bounded_ci, rule_of_three};
use super::mean::mean;

/// One score of the judge.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Calibrated {
    /// The judge's score.
    pub judge: u8,
    /// Items with it that people scored.
    pub n: usize,
    /// People's mean on them.
    pub mean: Option<f64>,
    /// Its interval within 1..5 (see [`bounded_ci`]); of one item alone what the others may be: 1 in 40 of the scale off.
    /// `None` without items, and for items of one source.
    pub ci: Option<Ends>,
}

/// People's mean for each score of the judge, 1 to 5. `pairs` are (people's score or mean of several, the judge's score);
/// `clusters`, if given, names the source of each. A judge's score off the scale is left out.
pub fn calibration_table(pairs: &[(f64, u8)], clusters: Option<&[u32]>, level: f64) -> Vec<Calibrated> {
    let clusters = clusters.filter(|c| c.len() == pairs.len());
    (1..=5_u8)
        .map(|judge| {
            let places: Vec<usize> = pairs
                .iter()
                .enumerate()
                .filter(|(_, p)| p.1 == judge && p.0.is_finite())
                .map(|(i, _)| i)
                .collect();
            let people: Vec<f64> = places.iter().filter_map(|i| pairs.get(*i)).map(|p| p.0).collect();
            let sources: Option<Vec<u32>> =
                clusters.map(|c| places.iter().filter_map(|i| c.get(*i)).copied().collect());
            let ci = match people.as_slice() {
                [one] => Some(rule_of_three(*one, 1, SCORES, 0.5 * (1.0 - level))),
                _ => bounded_ci(&people, sources.as_deref(), SCORES, level).ci,
            };
            Calibrated { judge, n: people.len(), mean: mean(&people), ci }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_of_one_source_count_as_one() {
        let pairs: Vec<(f64, u8)> = (0..12).map(|i| (f64::from(i / 3 % 3 + 2), 4)).collect();
        let sources: Vec<u32> = (0..12).map(|i| i / 3).collect();
        let width = |rows: &[Calibrated]| rows[3].ci.map(|(lo, hi)| hi - lo).unwrap();
        let (alone, shared) =
            (calibration_table(&pairs, None, 0.95), calibration_table(&pairs, Some(&sources), 0.95));
        assert_eq!((alone[3].n, alone[0].n, alone[0].ci), (12, 0, None));
        assert!(width(&shared) > 1.5 * width(&alone), "{} {}", width(&shared), width(&alone));
    }
}
