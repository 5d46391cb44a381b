//! What agreement is where answers are labels: rates of pass and fail against people's, and kappa of categories.
//!
//! ```text
//! pairs (people's label, the judge's) -> tp fn fp tn -> TPR, TNR, precision ... with intervals
//!                                     -> how many pass in truth (Rogan and Gladen), from how many the judge passes
//! ```
//! Of several passes, or several people, the majority counts; a tie is no pass.

use super::{Agreed, PeopleAndJudge};
use crate::core::rubric::Scale;
use crate::core::stats::agreement::{Agreement, Figure};
use crate::core::stats::confusion::{Binary, ConfusionRates};
use crate::core::stats::labels::nominal_kappa;
use crate::core::stats::pass_rate::{Calibration, PassRate, pass_rate};

const LEVEL: f64 = 0.95;

/// The middle of the levels of pass and fail: a mean above it is a majority of passes.
const TIE: f64 = 3.0;

/// A judge of pass and fail against people.
#[derive(Debug, Clone, PartialEq)]
pub struct PassAgreement {
    /// Items by what both say.
    pub counts: Binary,
    /// Their rates.
    pub rates: ConfusionRates,
    /// Items that the judge passes, and items that it judged, with and without a label.
    pub judge: (u64, u64),
    /// The share that passes in truth, from the judge's share and how often it is right; `None` where that cannot be said.
    pub corrected: Option<PassRate>,
}

impl PassAgreement {
    pub(super) fn of<'a>(pairs: &[PeopleAndJudge], judged: impl Iterator<Item = &'a f64>) -> Self {
        let counts = Binary::of(pairs.iter().map(|p| (p.means.0 > TIE, p.means.1 > TIE)));
        let judge = judged.fold((0, 0), |(k, n), mean| (k + u64::from(*mean > TIE), n + 1));
        let calibration = Calibration {
            judge_pass: judge.0,
            judge_n: judge.1,
            tp: counts.tp,
            m_pass: counts.tp + counts.fn_,
            tn: counts.tn,
            m_fail: counts.tn + counts.fp,
        };
        Self { counts, rates: counts.rates(LEVEL), judge, corrected: pass_rate(&calibration, LEVEL) }
    }
}

impl Agreed {
    /// The figures as the scale has them: a bias of passes is a share; categories have no bias, and unless they are ordered no
    /// weights and ranks either.
    pub(super) fn on(mut self, scale: &Scale) -> Self {
        if scale.is_scores() {
            return self;
        }
        let pairs: Vec<(u8, u8)> = self.pairs.iter().map(|p| (p.human, p.judge)).collect();
        in_units(&mut self.figures, scale, &pairs);
        in_units(&mut self.single, scale, &[]);
        if let Some(ceiling) = &mut self.ceiling {
            in_units(&mut ceiling.figures, scale, &[]);
        }
        if !scale.has_mean() {
            self.length = super::Length { n: self.length.n, ..super::Length::default() };
        }
        self
    }
}

fn in_units(figures: &mut Agreement, scale: &Scale, pairs: &[(u8, u8)]) {
    if scale.has_mean() {
        let width = scale.width();
        figures.mae = figures.mae.map(|mae| mae / width);
        figures.bias = Figure {
            value: figures.bias.value.map(|bias| bias / width),
            ci95: figures.bias.ci95.map(|(lo, hi)| (lo / width, hi / width)),
        };
        return;
    }
    (figures.mae, figures.bias, figures.within_one) = (None, Figure::default(), Figure::default());
    let Scale::Categories { names, ordered: false } = scale else { return };
    (figures.spearman, figures.tau_b, figures.alpha_ordinal) =
        (Figure::default(), Figure::default(), Figure::default());
    (figures.kappa_quadratic, figures.kappa_linear, figures.pearson) = (Figure::default(), None, None);
    let places: Vec<(usize, usize)> =
        pairs.iter().filter_map(|(h, j)| Some((scale.place(*h)?, scale.place(*j)?))).collect();
    if !places.is_empty() {
        figures.kappa_unweighted = nominal_kappa(&places, names.len(), LEVEL).kappa;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_majority_passes_and_a_tie_does_not() {
        let pair = |human, judge| PeopleAndJudge { human: 0, judge: 0, means: (human, judge), item: 0 };
        let pairs = [pair(5.0, 5.0), pair(5.0, 3.0), pair(1.0, 1.0), pair(3.0, 11.0 / 3.0)];
        let found = PassAgreement::of(&pairs, [5.0, 3.0, 1.0, 11.0 / 3.0, 5.0, 1.0].iter());
        let Binary { tp, fn_, fp, tn } = found.counts;
        assert_eq!((tp, fn_, fp, tn, found.judge), (1, 1, 1, 1, (3, 6)));
        // No better than chance: nothing can be corrected by it.
        assert_eq!((found.rates.tpr.value, found.corrected), (Some(0.5), None));
    }
}
