//! Two responses side by side: what a judge said in each order, and what both orders together amount to.
//!
//! ```text
//! A before B: first  \                      A before B: first  \
//! B before A: second /-> A wins             B before A: first  /-> tie: the place was preferred, not the text
//! an order without an answer -> open: never a winner
//! ```

use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// What a judge says of two responses in the order in which it was shown them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Choice {
    /// The first is better.
    First,
    /// The second is better.
    Second,
    /// Neither is better.
    Tie,
}

impl Choice {
    /// As judges say it, and as it is stored.
    pub fn name(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Second => "second",
            Self::Tie => "tie",
        }
    }
}

/// Not a choice.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the winner must be \"first\", \"second\" or \"tie\"")]
pub struct NotAChoice;

impl FromStr for Choice {
    type Err = NotAChoice;
    fn from_str(text: &str) -> Result<Self, NotAChoice> {
        [Self::First, Self::Second, Self::Tie].into_iter().find(|c| c.name() == text).ok_or(NotAChoice)
    }
}

/// What was read from a judge's reply about two responses; always with a reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PairReading {
    /// Which is better.
    pub choice: Choice,
    /// Why; never empty.
    pub explanation: String,
    /// The judge says that a response tried to influence it.
    pub injection_suspected: bool,
    /// What had to be mended before the reply could be read.
    pub repairs: Vec<String>,
}

/// What a pair comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PairVerdict {
    /// A is better in both orders.
    A,
    /// B is better in both orders.
    B,
    /// Both orders were answered, and do not agree on a winner.
    Tie,
    /// An order has no answer.
    Open,
}

/// What a pair comes to: `a_first` was said when A stood first, `b_first` when B did; `None` is no answer.
pub fn outcome(a_first: Option<Choice>, b_first: Option<Choice>) -> PairVerdict {
    match (a_first, b_first) {
        (None, _) | (_, None) => PairVerdict::Open,
        (Some(Choice::First), Some(Choice::Second)) => PairVerdict::A,
        (Some(Choice::Second), Some(Choice::First)) => PairVerdict::B,
        _ => PairVerdict::Tie,
    }
}

/// Pairs of one criterion, counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct PairCounts {
    /// Pairs in which A won.
    pub a: u32,
    /// Pairs in which B won.
    pub b: u32,
    /// Pairs answered in both orders without a common winner.
    pub ties: u32,
    /// Pairs that lack an answer.
    pub open: u32,
    /// Of the answered pairs: those in which the first place won in both orders.
    pub always_first: u32,
    /// Those in which the second place did.
    pub always_second: u32,
    /// Those of which both orders say that neither is better. Any other tie has a winner in one order alone.
    pub equal: u32,
}

impl PairCounts {
    /// Counts one pair.
    pub fn add(&mut self, a_first: Option<Choice>, b_first: Option<Choice>) {
        match outcome(a_first, b_first) {
            PairVerdict::A => self.a += 1,
            PairVerdict::B => self.b += 1,
            PairVerdict::Tie => self.ties += 1,
            PairVerdict::Open => self.open += 1,
        }
        match (a_first, b_first) {
            (Some(Choice::First), Some(Choice::First)) => self.always_first += 1,
            (Some(Choice::Second), Some(Choice::Second)) => self.always_second += 1,
            (Some(Choice::Tie), Some(Choice::Tie)) => self.equal += 1,
            _ => {}
        }
    }

    /// Pairs answered in both orders.
    pub fn answered(&self) -> u32 {
        self.a + self.b + self.ties
    }

    /// Ties in which one order named a winner and the other did not.
    pub fn half_decided(&self) -> u32 {
        self.ties - self.always_first - self.always_second - self.equal
    }

    /// Share (0 to 1) of the answered pairs in which the same place won in both orders; `None` without any.
    pub fn position_bias(&self) -> Option<f64> {
        let same = self.always_first + self.always_second;
        (self.answered() > 0).then(|| f64::from(same) / f64::from(self.answered()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Choice::{First, Second, Tie};

    #[test]
    fn only_both_orders_together_make_a_winner() {
        for (a_first, b_first, want) in [
            (Some(First), Some(Second), PairVerdict::A),
            (Some(Second), Some(First), PairVerdict::B),
            (Some(First), Some(First), PairVerdict::Tie),
            (Some(Second), Some(Second), PairVerdict::Tie),
            (Some(First), Some(Tie), PairVerdict::Tie),
            (Some(Tie), Some(Tie), PairVerdict::Tie),
            (Some(First), None, PairVerdict::Open),
            (None, Some(First), PairVerdict::Open),
            (None, None, PairVerdict::Open),
        ] {
            assert_eq!(outcome(a_first, b_first), want, "{a_first:?} {b_first:?}");
        }
    }

    #[test]
    fn position_bias_counts_places_and_only_answered_pairs() {
        let mut tally = PairCounts::default();
        assert_eq!(tally.position_bias(), None);
        for (a_first, b_first) in [
            (Some(First), Some(First)),
            (Some(Second), Some(Second)),
            (Some(First), Some(Second)),
            (Some(Tie), Some(First)),
            (Some(First), None),
            (Some(Tie), Some(Tie)),
        ] {
            tally.add(a_first, b_first);
        }
        assert_eq!((tally.a, tally.b, tally.ties, tally.open, tally.equal), (1, 0, 4, 1, 1));
        assert_eq!((tally.always_first, tally.always_second, tally.position_bias()), (1, 1, Some(0.4)));
    }
}
