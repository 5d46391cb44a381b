//! The true pass rate behind a judge's, from how often it is right on items that people scored.
//!
//! ```text
//! judge: k of n pass     people: m1 pass (judge passes tp of them), m0 fail (judge fails tn of them)
//! theta = (p + q0 - 1) / (q0 + q1 - 1)     q1 = tp/m1, q0 = tn/m0     (Rogan and Gladen 1978)
//! ```

use super::bounded::Ends;
use super::dist::{finite, z_star};
use super::ppi::rogan_gladen;

/// The counts that a pass rate is corrected from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Calibration {
    /// Items the judge passes.
    pub judge_pass: u64,
    /// Items it judged.
    pub judge_n: u64,
    /// Of what people pass, items the judge passes.
    pub tp: u64,
    /// Items people pass.
    pub m_pass: u64,
    /// Of what people fail, items the judge fails.
    pub tn: u64,
    /// Items people fail.
    pub m_fail: u64,
}

/// A corrected pass rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PassRate {
    /// The rate, within 0..1.
    pub point: f64,
    /// The rate from smoothed counts, which the interval is built around; not clipped.
    pub smoothed: f64,
    /// What the curvature moves it by.
    pub shift: f64,
    /// Standard error.
    pub se: f64,
    /// The interval within 0..1. It has no width where the judge's rate lies beyond what its own errors explain.
    pub ci: Ends,
    /// Whether the interval before clipping meets 0..1 at all. If not, the labels are not of the same kind as the items:
    /// say so, and print no interval.
    pub fits: bool,
}

/// The plug-in interval of arXiv 2511.21140 with smoothed counts and its shift for curvature:
///
/// ```text
/// p~ = (k + z^2/2)/(n + z^2)   q~ = (hits + 1)/(m + 2)   n~ = n + z^2   m~ = m + 2   J~ = q0~ + q1~ - 1
/// th~ = (p~ + q0~ - 1)/J~      d = 2 z^2 (-(1 - th~) q0~(1 - q0~)/m0~ + th~ q1~(1 - q1~)/m1~)
/// se = sqrt(p~(1 - p~)/n~ + (1 - th~)^2 q0~(1 - q0~)/m0~ + th~^2 q1~(1 - q1~)/m1~) / J~
/// th~ + d -/+ z se, clipped to 0..1
/// ```
/// `None` where people pass or fail nothing, counts do not fit, or the judge is no better than chance (J or J~ not above 0).
pub fn pass_rate(c: &Calibration, level: f64) -> Option<PassRate> {
    let fits = c.tp <= c.m_pass && c.tn <= c.m_fail && c.judge_pass <= c.judge_n;
    if !fits || c.m_pass == 0 || c.m_fail == 0 || c.judge_n == 0 {
        return None;
    }
    let z = z_star(level)?;
    let share = |hits: u64, n: u64| hits as f64 / n as f64;
    let point = rogan_gladen(share(c.judge_pass, c.judge_n), share(c.tp, c.m_pass), share(c.tn, c.m_fail))?;
    let n = c.judge_n as f64 + z * z;
    let p = (c.judge_pass as f64 + 0.5 * z * z) / n;
    let (m1, m0) = (c.m_pass as f64 + 2.0, c.m_fail as f64 + 2.0);
    let (q1, q0) = ((c.tp as f64 + 1.0) / m1, (c.tn as f64 + 1.0) / m0);
    let gain = q0 + q1 - 1.0;
    if gain <= 1e-12 {
        return None;
    }
    let smoothed = (p + q0 - 1.0) / gain;
    let (v0, v1) = (q0 * (1.0 - q0) / m0, q1 * (1.0 - q1) / m1);
    let shift = 2.0 * z * z * (smoothed * v1 - (1.0 - smoothed) * v0);
    let se = (p * (1.0 - p) / n + (1.0 - smoothed).powi(2) * v0 + smoothed.powi(2) * v1).sqrt() / gain;
    let (lo, hi) = (finite(smoothed + shift - z * se)?, finite(smoothed + shift + z * se)?);
    let ci = (lo.clamp(0.0, 1.0), hi.clamp(0.0, 1.0));
    Some(PassRate { point, smoothed, shift, se, ci, fits: hi > 0.0 && lo < 1.0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_that_its_errors_cannot_explain_is_told() {
        let fine = Calibration { judge_pass: 62, judge_n: 100, tp: 45, m_pass: 50, tn: 40, m_fail: 50 };
        assert!(pass_rate(&fine, 0.95).is_some_and(|r| r.fits && r.ci.1 - r.ci.0 > 0.1));
        let odd = Calibration { judge_pass: 5, tp: 27, m_pass: 30, tn: 24, m_fail: 30, ..fine };
        assert!(pass_rate(&odd, 0.95).is_some_and(|r| !r.fits && r.point == 0.0));
        assert_eq!(pass_rate(&Calibration { tp: 51, ..fine }, 0.95), None);
        assert_eq!(pass_rate(&Calibration { m_fail: 0, tn: 0, ..fine }, 0.95), None);
        // A coin.
        assert_eq!(pass_rate(&Calibration { tp: 25, tn: 25, ..fine }, 0.95), None);
    }
}
