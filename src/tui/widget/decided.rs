//! How a decision looks: its sign, its words and its colour, the same wherever a change is shown.
//!
//! Nothing here reads a figure: colour and sign come from [`Decision`] alone, so that no screen can say more than it does.

use crate::core::stats::decision::Decision;
use crate::tui::theme::Meaning;

/// The look of a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecisionStyle {
    /// One column: colour alone says nothing.
    pub sign: &'static str,
    /// In words, for a column of its own.
    pub words: &'static str,
    /// The colour of the change, its interval and its sign.
    pub meaning: Meaning,
}

/// The look of a decision.
pub fn look(decision: Decision) -> DecisionStyle {
    let (sign, words, meaning) = match decision {
        Decision::Better => ("▲", "better", Meaning::Good),
        Decision::Worse => ("▼", "worse", Meaning::Error),
        Decision::NotWorse => ("=", "not worse", Meaning::Text),
        Decision::NoEvidence => ("?", "no evidence", Meaning::Dim),
        Decision::TooFew => ("·", "too few cases", Meaning::Dim),
    };
    DecisionStyle { sign, words, meaning }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_decision_has_a_sign_of_its_own_and_only_two_have_a_colour() {
        let all =
            [Decision::Better, Decision::Worse, Decision::NotWorse, Decision::NoEvidence, Decision::TooFew];
        let signs: std::collections::BTreeSet<&str> = all.iter().map(|d| look(*d).sign).collect();
        assert_eq!(signs.len(), all.len());
        let coloured = all.iter().filter(|d| matches!(look(**d).meaning, Meaning::Good | Meaning::Error));
        assert_eq!(coloured.count(), 2);
    }
}
