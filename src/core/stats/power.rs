//! How many cases a change needs, and the smallest change so many cases can show.
//!
//! ```text
//! sd of the differences, n     -> smallest_change (the power meter's reading)
//! sd, delta                    -> sample_size -> more_cases, given those there are
//! variances per repeat         -> sample_size_repeats (Miller)
//! ```

use super::dist::{finite, noncentral_t_cdf, normal_quantile, t_quantile, z_star};

/// The error rates a plan accepts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ErrorRates {
    /// Two-sided chance of seeing a difference that is not there.
    pub alpha: f64,
    /// Chance of seeing one that is.
    pub power: f64,
}

impl Default for ErrorRates {
    /// 5 % and 80 %, as is usual.
    fn default() -> Self {
        Self { alpha: 0.05, power: 0.8 }
    }
}

impl ErrorRates {
    /// z_{1 - alpha/2} + z_{power}.
    fn z_sum(self) -> Option<f64> {
        finite(normal_quantile(1.0 - 0.5 * self.alpha)? + normal_quantile(self.power)?).filter(|&z| z > 0.0)
    }
}

/// Cases a paired comparison needs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SampleSize {
    /// By the normal formula, not rounded.
    pub n_normal: f64,
    /// The same, rounded up to whole cases.
    pub n_normal_ceil: u64,
    /// For the t test that is in fact used, not rounded; at least 2.
    pub n_t: f64,
}

/// Cases needed to show a mean difference `delta` when differences have standard deviation `sd`:
/// n = (z_{1-a/2} + z_power)^2 sd^2 / delta^2, and for the t test the n at which the noncentral t gives that power
/// (Cohen 1988, ch. 2). Above 100,000 the t correction is its limit, z_{1-a/2}^2 / 2 (Guenther 1981). `None` when
/// sd <= 0, delta is 0 or the rates are no probabilities.
pub fn sample_size(sd: f64, delta: f64, rates: ErrorRates) -> Option<SampleSize> {
    let effect = finite(delta.abs() / sd).filter(|&e| e > 0.0 && sd > 0.0)?;
    let n_normal = finite((rates.z_sum()? / effect).powi(2))?;
    let n_t = if n_normal > 1e5 {
        n_normal + z_star(1.0 - rates.alpha)?.powi(2) / 2.0
    } else {
        cases_for_t(effect, n_normal, rates)?
    };
    Some(SampleSize { n_normal, n_normal_ceil: n_normal.ceil() as u64, n_t })
}

/// Power of the two-sided paired t test with `n` cases (any real n >= 2) for a standardised `effect`.
pub fn t_test_power(effect: f64, n: f64, alpha: f64) -> Option<f64> {
    let df = finite(n - 1.0).filter(|&df| df >= 1.0)?;
    let edge = t_quantile(1.0 - 0.5 * alpha, df)?;
    let shift = effect * n.sqrt();
    Some(1.0 - noncentral_t_cdf(edge, df, shift)? + noncentral_t_cdf(-edge, df, shift)?)
}

/// The real n at which the t test has the wanted power, by halving a bracket.
fn cases_for_t(effect: f64, n_normal: f64, rates: ErrorRates) -> Option<f64> {
    let (low, mut high) = (2.0, n_normal + 10.0);
    if t_test_power(effect, low, rates.alpha)? >= rates.power {
        return Some(low);
    }
    while t_test_power(effect, high, rates.alpha)? < rates.power {
        high *= 2.0;
        if high > 1e9 {
            return None;
        }
    }
    crossing((low, high), 1e-7, |n| Some(t_test_power(effect, n, rates.alpha)? - rates.power))
}

/// Where a growing function becomes positive, within a relative `precision`: the upper end of a bracket that is cut by the
/// Illinois rule (Dowell and Jarratt 1971) and each third time halved. The function must not be positive at its lower end, nor
/// negative at its upper.
fn crossing(bracket: (f64, f64), precision: f64, f: impl Fn(f64) -> Option<f64>) -> Option<f64> {
    let (mut low, mut high) = bracket;
    let (mut below, mut above) = (f(low)?, f(high)?);
    let mut kept = 0;
    // A hundred halves: more than a number has digits.
    for turn in 0..300 {
        if high - low <= precision * high {
            break;
        }
        let secant = (low * above - high * below) / (above - below);
        let cuts = turn % 3 != 2 && secant > low && secant < high;
        let at = if cuts { secant } else { 0.5 * (low + high) };
        let value = f(at)?;
        if value < 0.0 {
            (low, below) = (at, value);
            above *= if kept < 0 { 0.5 } else { 1.0 };
            kept = -1;
        } else {
            (high, above) = (at, value);
            below *= if kept > 0 { 0.5 } else { 1.0 };
            kept = 1;
        }
    }
    Some(high)
}

/// The smallest mean difference that `n` independent cases can show: see [`smallest_change_df`]. `None` for fewer than
/// two cases; 0 when the differences do not vary.
pub fn smallest_change(sd: f64, n: usize, rates: ErrorRates) -> Option<f64> {
    if n < 2 {
        return None;
    }
    smallest_change_df(sd / (n as f64).sqrt(), n as f64 - 1.0, rates)
}

/// The smallest mean difference that a t test with standard error `se` and `df` degrees of freedom finds with the
/// wanted power: the noncentrality at which the noncentral t gives it, times se. With few clusters df is small, and the
/// change far larger than the normal formula has it.
pub fn smallest_change_df(se: f64, df: f64, rates: ErrorRates) -> Option<f64> {
    if se == 0.0 && df >= 1.0 {
        return Some(0.0);
    }
    let edge = t_quantile(1.0 - 0.5 * rates.alpha, df).filter(|_| se > 0.0 && df >= 1.0)?;
    let power =
        |shift: f64| Some(1.0 - noncentral_t_cdf(edge, df, shift)? + noncentral_t_cdf(-edge, df, shift)?);
    let (mut low, mut high) = (0.0, rates.z_sum()?);
    while power(high)? < rates.power {
        low = high;
        high *= 2.0;
        if high > 1e6 {
            return None;
        }
    }
    let shift = crossing((low, high), 1e-9, |shift| Some(power(shift)? - rates.power))?;
    finite(shift * se)
}

/// How many cases beyond the `have` there are would show a change of `delta` (t test, whole cases). 0 when there are
/// enough already.
pub fn more_cases(have: usize, sd: f64, delta: f64, rates: ErrorRates) -> Option<u64> {
    // The solver stops within 1e-7 of n: a whole number must not be rounded up to the next.
    let needed = (sample_size(sd, delta, rates)?.n_t * (1.0 - 1e-6)).ceil() as u64;
    Some(needed.saturating_sub(have as u64))
}

/// What a repeated measurement adds to the variance of one case's difference.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RepeatVariance {
    /// omega^2: variance of the true difference between cases.
    pub between: f64,
    /// Variance of one repeat of A within a case.
    pub within_a: f64,
    /// Variance of one repeat of B within a case.
    pub within_b: f64,
    /// Repeats of A for each case.
    pub repeats_a: u32,
    /// Repeats of B for each case.
    pub repeats_b: u32,
}

/// Cases needed when each is measured several times: n = (z + z)^2 (omega^2 + s_A^2/K_A + s_B^2/K_B) / delta^2
/// (Miller, arXiv 2411.00640, section 5). Not rounded.
pub fn sample_size_repeats(v: RepeatVariance, delta: f64, rates: ErrorRates) -> Option<f64> {
    if v.repeats_a == 0 || v.repeats_b == 0 || [v.between, v.within_a, v.within_b].iter().any(|s| *s < 0.0) {
        return None;
    }
    let variance = v.between + v.within_a / f64::from(v.repeats_a) + v.within_b / f64::from(v.repeats_b);
    finite(rates.z_sum()?.powi(2) * variance / (delta * delta))
}

/// How many times more cases are needed when they come in clusters of `size` with intraclass correlation `icc`:
/// 1 + (size - 1) icc (Kish 1965).
pub fn design_effect(size: f64, icc: f64) -> Option<f64> {
    finite(1.0 + (size - 1.0) * icc).filter(|_| size >= 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nothing_to_show_needs_no_answer() {
        let usual = ErrorRates::default();
        assert_eq!(sample_size(1.0, 0.0, usual), None);
        assert_eq!(sample_size(0.0, 1.0, usual), None);
        assert_eq!(sample_size(f64::NAN, 1.0, usual), None);
        assert_eq!(sample_size(1.0, 0.2, ErrorRates { alpha: 0.0, power: 0.8 }), None);
        assert_eq!(smallest_change(1.0, 1, usual), None);
        assert_eq!(smallest_change(0.0, 5, usual), Some(0.0));
        assert_eq!(design_effect(5.0, 0.25), Some(2.0));
    }

    #[test]
    fn the_meter_and_the_plan_agree() {
        let usual = ErrorRates::default();
        assert_eq!(more_cases(40, 1.0, 0.2, usual), Some(199 - 40));
        assert_eq!(more_cases(500, 1.0, 0.2, usual), Some(0));
        let change = smallest_change(1.0, 199, usual).unwrap();
        assert!(change < 0.2 && smallest_change(1.0, 198, usual).unwrap() > 0.2, "{change}");
        // Six cases: the change shown has 80 % power, where the normal formula's has 61 %.
        let few = smallest_change(1.0, 6, usual).unwrap();
        assert!((t_test_power(few, 6.0, 0.05).unwrap() - 0.8).abs() < 1e-6);
        assert!(t_test_power(usual.z_sum().unwrap() / 6.0_f64.sqrt(), 6.0, 0.05).unwrap() < 0.65);
        // Two sources: one degree of freedom.
        assert!(smallest_change_df(0.15, 1.0, usual).unwrap() > 1.5);
        assert_eq!(smallest_change_df(0.0, 5.0, usual), Some(0.0));
    }

    #[test]
    fn where_the_exact_t_ends_its_limit_goes_on() {
        let usual = ErrorRates::default();
        let (near, far) =
            (sample_size(1.0, 0.008_87, usual).unwrap(), sample_size(1.0, 0.008_85, usual).unwrap());
        assert!(near.n_normal < 1e5 && far.n_normal > 1e5);
        // The exact power also counts the chance of a significant result in the wrong direction (1e-6), which here
        // saves a quarter of a case.
        assert!(((near.n_t - near.n_normal) - (far.n_t - far.n_normal)).abs() < 0.3, "{near:?} {far:?}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]
        #[test]
        fn the_t_needs_more_and_reaches_its_power(sd in 0.2..2.0_f64, delta in 0.1..2.0_f64) {
            let s = sample_size(sd, delta, ErrorRates::default()).unwrap();
            prop_assert!(s.n_t >= s.n_normal.min(2.0) && s.n_t >= 2.0);
            if s.n_t > 2.0 {
                prop_assert!(s.n_t > s.n_normal);
                prop_assert!((t_test_power(delta / sd, s.n_t, 0.05).unwrap() - 0.8).abs() < 1e-5);
            }
        }
    }
}
