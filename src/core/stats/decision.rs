//! What an interval can be taken to mean, in one place: the same words for a table, a sentence, a gate and a file.
//!
//! ```text
//! units < 6       -> TooFew      all of them equal would still leave half the scale open
//! lo > 0          -> Better      hi < 0        -> Worse
//! lo >= -margin   -> NotWorse    (only where a margin is given)
//! else            -> NoEvidence
//! ```
//! With m criteria the interval is the one at 1 - 0.05/m (Bonferroni): all decisions of a table hold together at 95 %,
//! and none can disagree with the interval it is read from.

use super::bounded::{DIFFERENCES, Ends, unseen_share};

/// Interval ends this near to a limit are on it: means of repeats are thirds and fifths.
const ROUNDING: f64 = 1e-9;

/// What the cases say of B against A.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// B is higher, beyond chance.
    Better,
    /// B is lower, beyond chance.
    Worse,
    /// B is at most the margin lower.
    NotWorse,
    /// The difference may well be chance.
    NoEvidence,
    /// So few independent cases that even equal ones leave the answer open.
    TooFew,
}

impl Decision {
    /// Read from an interval of B - A over `units` independent cases. `margin` is the drop that is acceptable, if one
    /// is given.
    pub fn of(interval: Option<Ends>, units: usize, margin: Option<f64>) -> Self {
        let Some((lo, hi)) = interval.filter(|_| enough(units)) else { return Self::TooFew };
        if lo > ROUNDING {
            Self::Better
        } else if hi < -ROUNDING {
            Self::Worse
        } else if margin.is_some_and(|m| lo + ROUNDING >= -m) {
            Self::NotWorse
        } else {
            Self::NoEvidence
        }
    }

    /// The word in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::Worse => "worse",
            Self::NotWorse => "not_worse",
            Self::NoEvidence => "no_evidence",
            Self::TooFew => "too_few",
        }
    }

    /// The words for people, of `b` against `a`.
    pub fn sentence(self, a: &str, b: &str) -> String {
        match self {
            Self::Better => format!("{b} is better than {a}"),
            Self::Worse => format!("{b} is worse than {a}"),
            Self::NotWorse => format!("{b} is not worse than {a} by more than the margin"),
            Self::NoEvidence => format!("the cases show no difference between {a} and {b} beyond chance"),
            Self::TooFew => "too few cases to tell".to_owned(),
        }
    }
}

/// Whether so many independent cases can decide anything: not while a drop that none of them shows may still cost more
/// than half of a score's scale, which is below six.
pub fn enough(units: usize) -> bool {
    let range = 0.5 * (DIFFERENCES.1 - DIFFERENCES.0);
    range * unseen_share(units, 0.025) <= 0.5 * range
}

/// The level of each of `m` intervals that hold together at 95 %.
pub fn level_of_each(m: usize) -> f64 {
    1.0 - 0.05 / m.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_is_read_one_way() {
        let of = |lo, hi| Decision::of(Some((lo, hi)), 20, Some(0.2));
        assert_eq!(of(0.1, 0.3), Decision::Better);
        assert_eq!(of(-0.4, -0.1), Decision::Worse);
        assert_eq!(of(-0.2, 0.1), Decision::NotWorse);
        assert_eq!(of(-0.21, 0.1), Decision::NoEvidence);
        assert_eq!(Decision::of(Some((-0.1, 0.1)), 20, None), Decision::NoEvidence);
        assert_eq!(Decision::of(None, 20, None), Decision::TooFew);
    }

    #[test]
    fn below_six_nothing_is_decided() {
        assert!(!enough(0) && !enough(5) && enough(6));
        assert_eq!(Decision::of(Some((0.5, 0.9)), 5, Some(1.0)).word(), "too_few");
        assert_eq!(Decision::of(Some((0.5, 0.9)), 6, Some(1.0)).word(), "better");
    }
}
