//! Stopping when the answer is known: an interval that holds at every moment, however often it is looked at.
//!
//! ```text
//! one score after another -> Sequence (wealth of two bettors against every possible mean) -> interval so far
//! Until                   -> the rule a run stops by
//! ```
//! A t interval holds for a number of cases fixed beforehand. Looked at after every case it misses the true mean at
//! some moment far more often than 5 %. A confidence sequence pays for being looked at with width.

use super::dist::finite;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Means that are tested between the ends of the scale: steps of 0.005 on a scale from 1 to 5.
const STEPS: usize = 800;
/// The largest share of its wealth that a bettor may lose at once.
const BOLDNESS: f64 = 0.75;

/// A confidence sequence for the mean of scores between two known ends: the hedged capital process of Waudby-Smith and
/// Ramdas, "Estimating means of bounded random variables by betting" (Journal of the Royal Statistical Society B, 2024;
/// arXiv 2010.09686), theorem 3 with c = 3/4 and theta = 1/2.
///
/// For each possible mean m one bettor stakes on scores above it, another on scores below; if m is the true mean
/// neither can expect to win, so half of either's wealth reaches 1 / alpha at any time at all with probability alpha
/// at most (Ville's inequality). What has been ruled out stays so. Holds for any distribution of scores, at any n; it
/// asks that cases come in random order.
#[derive(Debug, Clone)]
pub struct Sequence {
    low: f64,
    high: f64,
    alpha: f64,
    /// Logarithms of both bettors' wealth against each mean.
    wealth: Vec<(f64, f64)>,
    /// First and last mean not ruled out.
    alive: (usize, usize),
    n: usize,
    /// Sum of the scores, scaled to 0..1.
    sum: f64,
    /// Sum of squared distances, each from the mean guessed before it.
    squares: f64,
}

impl Sequence {
    /// Nothing seen yet. Scores lie between `low` and `high`; the true mean is missed at some moment with probability
    /// `alpha` at most.
    pub fn new(low: f64, high: f64, alpha: f64) -> Self {
        Self::with_steps(low, high, alpha, STEPS)
    }

    fn with_steps(low: f64, high: f64, alpha: f64, steps: usize) -> Self {
        let wealth = vec![(0.0, 0.0); steps + 1];
        Self { low, high, alpha, wealth, alive: (0, steps), n: 0, sum: 0.0, squares: 0.0 }
    }

    /// How many scores were seen.
    pub fn n(&self) -> usize {
        self.n
    }

    /// Their mean.
    pub fn mean(&self) -> Option<f64> {
        finite(self.low + (self.high - self.low) * self.sum / self.n as f64).filter(|_| self.n > 0)
    }

    /// Takes one more score; one that is outside the scale or no number is refused (false).
    pub fn push(&mut self, score: f64) -> bool {
        if !(self.low..=self.high).contains(&score) {
            return false;
        }
        let x = (score - self.low) / (self.high - self.low);
        let (t, steps) = ((self.n + 1) as f64, (self.wealth.len() - 1) as f64);
        // Guesses from what came before only: a bet may not know its outcome.
        let variance = (0.25 + self.squares) / t;
        let stake = (2.0 * (2.0 / self.alpha).ln() / (variance * t * (t + 1.0).ln())).sqrt();
        for (j, (up, down)) in self.wealth.iter_mut().enumerate() {
            if (self.alive.0..=self.alive.1).contains(&j) {
                let m = j as f64 / steps;
                *up += (stake.min(BOLDNESS / m) * (x - m)).ln_1p();
                *down += (-stake.min(BOLDNESS / (1.0 - m)) * (x - m)).ln_1p();
            }
        }
        self.n += 1;
        self.sum += x;
        let guess = (0.5 + self.sum) / (self.n as f64 + 1.0);
        self.squares += (x - guess) * (x - guess);
        self.rule_out();
        true
    }

    /// Moves the ends inwards past every mean against which a bettor has won enough. Never past the last one.
    fn rule_out(&mut self) {
        let limit = (2.0 / self.alpha).ln();
        let lost = |j: usize| self.wealth.get(j).is_some_and(|(up, down)| up.max(*down) >= limit);
        let (mut first, mut last) = self.alive;
        while first < last && lost(first) {
            first += 1;
        }
        while first < last && lost(last) {
            last -= 1;
        }
        self.alive = (first, last);
    }

    /// Where the mean lies, at this and every other moment together. Wider by the step between the means tested, as
    /// those in between were not. The whole scale while nothing is ruled out.
    pub fn interval(&self) -> (f64, f64) {
        let step = (self.high - self.low) / (self.wealth.len() - 1) as f64;
        let (first, last) = self.alive;
        let low = self.low + step * first.saturating_sub(1) as f64;
        let high = self.low + step * (last + 1).min(self.wealth.len() - 1) as f64;
        (low, high)
    }

    /// Half the width of the interval.
    pub fn half(&self) -> f64 {
        let (low, high) = self.interval();
        0.5 * (high - low)
    }
}

/// When a run has seen enough.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Until {
    /// Half of the interval of every arm's mean on every criterion is below so many points.
    Ci(f64),
    /// The second arm is known to be no worse than the first by more than so many points on every criterion, or to be
    /// worse on one.
    Decided(f64),
}

impl fmt::Display for Until {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ci(width) => write!(f, "ci<{width}"),
            Self::Decided(margin) => write!(f, "decided, margin {margin}"),
        }
    }
}

impl FromStr for Until {
    type Err = String;

    /// `ci<0.2`, or `decided` (with a margin of 0.2 until another is set).
    fn from_str(text: &str) -> Result<Self, String> {
        if text.trim() == "decided" {
            return Ok(Self::Decided(0.2));
        }
        let width = text.trim().strip_prefix("ci").and_then(|t| t.trim_start().strip_prefix('<'));
        match width.and_then(|t| t.trim().parse::<f64>().ok()).filter(|w| *w > 0.0 && *w < 4.0) {
            Some(width) => Ok(Self::Ci(width)),
            None => Err(format!("'{text}' is no rule: write 'ci<0.2' (more than 0, less than 4) or decided")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::mean::mean_ci;
    use super::super::rng::Rng;
    use super::*;
    use proptest::prelude::*;

    /// Shares of the scores 1 to 5 in hundredths.
    type Shape = [u64; 5];

    fn draw(shape: &Shape, rng: &mut Rng) -> f64 {
        let mut at = rng.below(100);
        for (score, share) in (1_u8..).zip(shape) {
            if at < *share {
                return f64::from(score);
            }
            at -= share;
        }
        5.0
    }

    fn true_mean(shape: &Shape) -> f64 {
        (1..).zip(shape).map(|(score, share)| f64::from(score) * *share as f64 / 100.0).sum()
    }

    const SHAPES: [Shape; 4] =
        [[50, 0, 0, 0, 50], [0, 10, 0, 0, 90], [10, 20, 40, 20, 10], [5, 0, 0, 15, 80]];

    /// Each path is looked at after every one of 300 cases; a path counts once if its interval ever missed.
    #[test]
    fn the_error_rate_holds_however_often_one_looks() {
        let mut rng = Rng::seeded(5);
        for shape in &SHAPES {
            let truth = true_mean(shape);
            let missed = (0..500)
                .filter(|_| {
                    let mut s = Sequence::with_steps(1.0, 5.0, 0.05, 80);
                    let at = ((truth - 1.0) / 4.0 * 80.0).round() as usize;
                    assert!((1.0 + at as f64 * 0.05 - truth).abs() < 1e-9, "{truth} is tested itself");
                    (0..300).any(|_| {
                        s.push(draw(shape, &mut rng));
                        !(s.alive.0..=s.alive.1).contains(&at)
                    })
                })
                .count();
            // 25 of 500 is 5 %; three standard errors more is 39.
            assert!(missed <= 39, "{missed} of 500 paths of {shape:?} missed the mean at some moment");
        }
    }

    /// Why a t interval is not used for this.
    #[test]
    fn a_t_interval_looked_at_after_every_case_misses_far_too_often() {
        let (mut rng, shape) = (Rng::seeded(6), &SHAPES[2]);
        let missed = (0..200)
            .filter(|_| {
                let mut seen: Vec<f64> = Vec::new();
                (0..300).any(|_| {
                    seen.push(draw(shape, &mut rng));
                    let ends = mean_ci(&seen, 0.95).interval();
                    seen.len() >= 10 && ends.is_some_and(|(lo, hi)| 3.0 < lo || hi < 3.0)
                })
            })
            .count();
        assert!(missed > 40, "{missed} of 200: more than 20 %");
    }

    #[test]
    fn it_narrows_enough_to_be_of_use() {
        let mut s = Sequence::new(1.0, 5.0, 0.05);
        assert_eq!(s.interval(), (1.0, 5.0));
        let mut rng = Rng::seeded(7);
        for _ in 0..200 {
            assert!(s.push(draw(&SHAPES[2], &mut rng)));
        }
        let (lo, hi) = s.interval();
        // sd 1.1: a t interval fixed at 200 cases would be 0.15 to either side.
        assert!(lo < 3.0 && 3.0 < hi && s.half() < 0.35, "{lo} {hi}");
        // Pairs that never differ: the bettors need about a hundred to rule out a drop of 0.2.
        let mut ties = Sequence::new(-4.0, 4.0, 0.05);
        let needed = (1..).find(|_| ties.push(0.0) && ties.interval().0 >= -0.2).unwrap();
        assert!((60..160).contains(&needed), "{needed}");
    }

    #[test]
    fn what_is_no_score_is_refused_and_changes_nothing() {
        let mut s = Sequence::new(1.0, 5.0, 0.05);
        assert!(!s.push(0.0) && !s.push(f64::NAN) && !s.push(6.0));
        assert_eq!((s.n(), s.mean(), s.interval()), (0, None, (1.0, 5.0)));
    }

    #[test]
    fn rules_are_read_and_written() {
        assert_eq!("ci<0.2".parse(), Ok(Until::Ci(0.2)));
        assert_eq!(" ci < .15 ".parse(), Ok(Until::Ci(0.15)));
        assert_eq!("decided".parse(), Ok(Until::Decided(0.2)));
        for bad in ["", "ci", "ci<0", "ci<x", "ci>1", "ci<NaN", "never"] {
            assert!(bad.parse::<Until>().is_err(), "{bad}");
        }
        assert_eq!(Until::Ci(0.2).to_string(), "ci<0.2");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn the_interval_only_ever_narrows_and_stays_on_the_scale(scores in prop::collection::vec(1..=5_u8, 0..60)) {
            let mut s = Sequence::with_steps(1.0, 5.0, 0.05, 80);
            let mut before = s.interval();
            for score in scores {
                s.push(f64::from(score));
                let (lo, hi) = s.interval();
                prop_assert!(lo >= before.0 && hi <= before.1 && lo < hi && lo >= 1.0 && hi <= 5.0 + 1e-9);
                before = (lo, hi);
            }
        }

        #[test]
        fn turning_the_scale_turns_the_interval(scores in prop::collection::vec(1..=5_u8, 0..40)) {
            let (mut s, mut turned) = (Sequence::with_steps(1.0, 5.0, 0.05, 80), Sequence::with_steps(1.0, 5.0, 0.05, 80));
            for score in scores {
                s.push(f64::from(score));
                turned.push(6.0 - f64::from(score));
            }
            let ((a, b), (c, d)) = (s.interval(), turned.interval());
            prop_assert!((a - (6.0 - d)).abs() < 1e-9 && (b - (6.0 - c)).abs() < 1e-9);
        }
    }
}
