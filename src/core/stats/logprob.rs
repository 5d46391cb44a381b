//! A score from the judge's own probabilities: the mean of the labels, weighted by the logprobs of the score token.

use super::dist::finite;

/// Below this share of the probability on score tokens the endpoint is treated as giving no usable logprobs.
pub const MIN_MASS: f64 = 0.5;

/// What the top tokens at the score's position say.
#[derive(Debug, Clone, PartialEq)]
pub struct LogprobScore {
    /// sum k p_k / sum p_k; `None` when no token is a label.
    pub score: Option<f64>,
    /// Probability that fell on labels. Below [`MIN_MASS`] the score says little: see [`LogprobScore::usable`].
    pub mass: f64,
    /// Each label's share of that mass, in the order of the labels; `None` when it is 0.
    pub dist: Vec<Option<f64>>,
}

impl LogprobScore {
    /// The score, if enough of the probability stands behind it; else repeats have to be used.
    pub fn usable(&self) -> Option<f64> {
        self.score.filter(|_| self.mass >= MIN_MASS)
    }
}

/// Probability-weighted label (G-Eval, arXiv 2303.16634, eq. 1, renormalised over the labels seen):
/// p_k = sum of exp(logprob) over the tokens that are label k, score = sum k p_k / sum p_k. `top` are the
/// alternatives at one position, that of the final score. Logprobs above 0 are no probabilities and are left out,
/// but for the rounding some servers show.
pub fn expectation<T: AsRef<str>>(top: &[(T, f64)], labels: &[(&str, f64)]) -> LogprobScore {
    let weight = |label: &str| -> f64 {
        top.iter().filter(|(token, lp)| token.as_ref() == label && *lp <= 1e-3).map(|(_, lp)| lp.exp()).sum()
    };
    let weights: Vec<f64> = labels.iter().map(|(label, _)| weight(label)).collect();
    let mass: f64 = weights.iter().sum();
    let share = |w: f64| if mass > 0.0 { finite(w / mass) } else { None };
    let dist: Vec<Option<f64>> = weights.into_iter().map(share).collect();
    let parts: Option<Vec<f64>> =
        dist.iter().zip(labels).map(|(share, (_, value))| share.map(|s| s * value)).collect();
    let score = parts.filter(|p| !p.is_empty()).and_then(|p| finite(p.iter().sum()));
    LogprobScore { score, mass, dist }
}

/// [`expectation`] over the digits 1 to 5, white space around a token ignored: " 4" is a 4, "10" is not a 1.
pub fn logprob_score<T: AsRef<str>>(top: &[(T, f64)]) -> LogprobScore {
    let trimmed: Vec<(&str, f64)> = top.iter().map(|(token, lp)| (token.as_ref().trim(), *lp)).collect();
    expectation(&trimmed, &[("1", 1.0), ("2", 2.0), ("3", 3.0), ("4", 4.0), ("5", 5.0)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn little_mass_is_not_usable() {
        let low = logprob_score(&[("Score", -0.05), ("4", -4.0)]);
        assert_eq!((low.score, low.usable()), (Some(4.0), None));
        let sure = logprob_score(&[("4", -0.1)]);
        assert_eq!(sure.usable(), sure.score);
        assert_eq!(logprob_score(&[("4", f64::NAN), ("5", 3.0)]).score, None);
        assert_eq!(logprob_score(&[("4", f64::NEG_INFINITY)]).score, None);
    }

    proptest! {
        #[test]
        fn a_score_lies_on_the_scale(top in prop::collection::vec(("[0-9 ]{1,2}", -30.0..0.0_f64), 0..8)) {
            let s = logprob_score(&top);
            prop_assert!(s.score.is_none_or(|v| (1.0 - 1e-12..=5.0 + 1e-12).contains(&v)));
            prop_assert!(s.mass.is_finite() && s.mass >= 0.0);
            let total: f64 = s.dist.iter().flatten().sum();
            prop_assert!(s.score.is_none() || (total - 1.0).abs() < 1e-9);
        }
    }
}
