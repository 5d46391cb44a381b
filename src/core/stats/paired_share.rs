//! Two shares of the same cases: pass rates of two arms, or how often two judges score as people do.
//!
//! ```text
//!              new passes   new fails
//! old passes   both         old_only       difference = (new_only - old_only) / n
//! old fails    new_only     neither        test: old_only against new_only (McNemar, exact)
//! ```
//! Only the cases on which the two differ carry the difference; how many agree tells how sure one may be.

use super::bounded::Ends;
use super::dist::{finite, z_star};
use super::mean::wilson;
use super::paired::{sign_test, sign_test_mid};

/// Counts of cases by what both say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PairedShare {
    /// Both pass.
    pub both: u64,
    /// Only the old one passes.
    pub old_only: u64,
    /// Only the new one passes.
    pub new_only: u64,
    /// Neither passes.
    pub neither: u64,
}

/// A difference of two shares with Newcombe's interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Newcombe {
    /// new - old.
    pub diff: f64,
    /// The correlation of the two, corrected for continuity.
    pub phi: f64,
    /// The interval, within -1..1.
    pub ci: Ends,
}

impl PairedShare {
    /// Counts (old passes, new passes) pairs.
    pub fn of(pairs: impl IntoIterator<Item = (bool, bool)>) -> Self {
        let mut counts = Self::default();
        for pair in pairs {
            match pair {
                (true, true) => counts.both += 1,
                (true, false) => counts.old_only += 1,
                (false, true) => counts.new_only += 1,
                (false, false) => counts.neither += 1,
            }
        }
        counts
    }

    /// Cases counted.
    pub fn n(&self) -> u64 {
        self.both + self.old_only + self.new_only + self.neither
    }

    /// Share of the new one less that of the old one. `None` without cases.
    pub fn difference(&self) -> Option<f64> {
        finite((self.new_only as f64 - self.old_only as f64) / self.n() as f64)
    }

    /// McNemar's exact test: two-sided p that the two shares are equal.
    pub fn mcnemar(&self) -> f64 {
        sign_test(self.new_only, self.old_only)
    }

    /// Its mid-p.
    pub fn mcnemar_mid(&self) -> f64 {
        sign_test_mid(self.new_only, self.old_only)
    }

    /// Newcombe's method 10 (1998, Statistics in Medicine 17: 2635): Wilson's limits of both shares put together as
    /// squares, less what their correlation phi takes away. phi = (ad - bc) / sqrt of the margins' product, with ad - bc
    /// made smaller by n/2 (not below 0) where it is positive, and 0 where a margin is 0.
    pub fn newcombe(&self, level: f64) -> Option<Newcombe> {
        let (a, b, c, d) =
            (self.both as f64, self.old_only as f64, self.new_only as f64, self.neither as f64);
        let n = self.n();
        let old = wilson(self.both + self.old_only, n, level)?;
        let new = wilson(self.both + self.new_only, n, level)?;
        let margins = (a + b) * (c + d) * (a + c) * (b + d);
        let surplus = a * d - b * c;
        let surplus = if surplus > 0.0 { (surplus - 0.5 * n as f64).max(0.0) } else { surplus };
        let phi = if margins > 0.0 { surplus / margins.sqrt() } else { 0.0 };
        let reach = |x: f64, y: f64| (x * x - 2.0 * phi * x * y + y * y).max(0.0).sqrt();
        let diff = new.p - old.p;
        let lo = diff - reach(new.p - new.lo, old.hi - old.p);
        let hi = diff + reach(new.hi - new.p, old.p - old.lo);
        Some(Newcombe { diff, phi, ci: (finite(lo)?.max(-1.0), finite(hi)?.min(1.0)) })
    }

    /// Tango's score interval (1998, Statistics in Medicine 17: 891): the D with (c - b - nD) / sqrt(n (2q + D(1-D)))
    /// = -/+ z, where q is the likeliest share of old-only under D. Never leaves -1..1, never has no width. `None`
    /// without cases.
    pub fn tango(&self, level: f64) -> Option<Ends> {
        let z = z_star(level)?;
        let diff = self.difference()?;
        let (n, b, c) = (self.n() as f64, self.old_only as f64, self.new_only as f64);
        let score = |at: f64| {
            let linear = -b - c + (2.0 * n - c + b) * at;
            let constant = -b * at * (1.0 - at);
            let q = ((linear * linear - 8.0 * n * constant).max(0.0).sqrt() - linear) / (4.0 * n);
            let spread = (n * (2.0 * q + at * (1.0 - at))).max(0.0).sqrt();
            (c - b - n * at) / spread.max(f64::MIN_POSITIVE)
        };
        // The score falls as D grows; the limit lies where it passes z.
        let limit = |end: f64| {
            let (mut inside, mut outside) = (diff, end);
            for _ in 0..60 {
                let middle = 0.5 * (inside + outside);
                if score(middle).abs() < z {
                    inside = middle;
                } else {
                    outside = middle;
                }
            }
            outside
        };
        Some((limit(-1.0), limit(1.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nothing_is_said_of_no_cases() {
        let none = PairedShare::default();
        assert_eq!((none.difference(), none.newcombe(0.95), none.tango(0.95)), (None, None, None));
        assert_eq!(none.mcnemar(), 1.0);
    }

    proptest! {
        #[test]
        fn intervals_hold_the_difference_stay_on_the_scale_and_turn_with_the_arms(
            both in 0..40_u64, old_only in 0..20_u64, new_only in 0..20_u64, neither in 0..40_u64,
        ) {
            let counts = PairedShare { both, old_only, new_only, neither };
            prop_assume!(counts.n() > 0);
            let turned = PairedShare { old_only: new_only, new_only: old_only, ..counts };
            let diff = counts.difference().unwrap();
            for (here, there) in [
                (counts.tango(0.95).unwrap(), turned.tango(0.95).unwrap()),
                (counts.newcombe(0.95).unwrap().ci, turned.newcombe(0.95).unwrap().ci),
            ] {
                prop_assert!(-1.0 <= here.0 && here.0 <= diff + 1e-9 && diff <= here.1 + 1e-9 && here.1 <= 1.0);
                prop_assert!(here.1 - here.0 > 1e-6, "{here:?} has no width");
                prop_assert!((here.0 + there.1).abs() < 1e-7 && (here.1 + there.0).abs() < 1e-7);
            }
            prop_assert!(counts.mcnemar_mid() <= counts.mcnemar());
        }
    }
}
