//! Distributions: normal, Student t, and the noncentral t that sample sizes need.
//!
//! ```text
//! erfc (crate libm)          -> normal cdf -> normal quantile
//! incomplete beta fraction   -> t cdf      -> t quantile
//! normal cdf over a scaled chi density     -> power of a t test
//! incomplete beta of any two shapes        -> beta cdf and quantile
//! finite sums                              -> chi-square of whole degrees of freedom
//! ```
//! All are pure and accurate to about 1e-13 relative in the body and 1e-10 in the tails (tests compare them with
//! published tables and with another implementation). Arguments that mean nothing give `None`.

use std::f64::consts::{FRAC_1_SQRT_2, PI};

/// `Some` only for a number that can be shown: neither NaN nor infinite.
pub(super) fn finite(x: f64) -> Option<f64> {
    x.is_finite().then_some(x)
}

/// P(Z > x) for a standard normal Z, keeping relative precision far into the upper tail.
pub fn normal_sf(x: f64) -> f64 {
    0.5 * libm::erfc(x * FRAC_1_SQRT_2)
}

/// P(Z <= x) for a standard normal Z.
pub fn normal_cdf(x: f64) -> f64 {
    normal_sf(-x)
}

/// The x with P(Z > x) = `tail`, for 0 < tail <= 0.5. Starts from Abramowitz and Stegun 26.2.23 (error below
/// 4.5e-4) and takes Halley steps on the exact tail: each cubes the error.
fn normal_upper(tail: f64) -> f64 {
    let t = (-2.0 * tail.ln()).sqrt();
    let top = 2.515_517 + t * (0.802_853 + t * 0.010_328);
    let bottom = 1.0 + t * (1.432_788 + t * (0.189_269 + t * 0.001_308));
    let mut x = t - top / bottom;
    for _ in 0..4 {
        let density = (-0.5 * x * x).exp() / (2.0 * PI).sqrt();
        if density <= 0.0 {
            break;
        }
        let step = (normal_sf(x) - tail) / density;
        x += step / (1.0 + 0.5 * x * step);
    }
    x
}

/// The normal quantile: x with P(Z <= x) = p. `None` unless 0 < p < 1.
pub fn normal_quantile(p: f64) -> Option<f64> {
    if !(p > 0.0 && p < 1.0) {
        return None;
    }
    finite(if p < 0.5 { -normal_upper(p) } else { normal_upper(1.0 - p) })
}

/// ln Gamma for x > 0.
fn ln_gamma(x: f64) -> f64 {
    libm::lgamma(x)
}

/// ln B(a, 1/2). For large a the two big logarithms would cancel, so the ratio Gamma(a) / Gamma(a + 1/2) is taken
/// from its asymptotic series in 1/a (DLMF 5.11.13).
fn ln_beta_half(a: f64) -> f64 {
    if a < 30.0 {
        return ln_gamma(a) + 0.5 * PI.ln() - ln_gamma(a + 0.5);
    }
    let r = 1.0 / (a * a);
    let series = (1.0 / 8.0 - r * (1.0 / 192.0 - r * (1.0 / 640.0 - r * 17.0 / 14_336.0))) / a;
    0.5 * PI.ln() - 0.5 * a.ln() + series
}

/// The continued fraction of the incomplete beta function (DLMF 8.17.22) by Lentz's method. Converges quickly for
/// x < (a+1)/(a+b+2).
fn beta_fraction(a: f64, b: f64, x: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let guard = |v: f64| if v.abs() < TINY { TINY } else { v };
    let mut c = 1.0;
    let mut d = 1.0 / guard(1.0 - (a + b) * x / (a + 1.0));
    let mut h = d;
    for m in 1..20_000 {
        let m = f64::from(m);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / guard(1.0 + even * d);
        c = guard(1.0 + even / c);
        h *= d * c;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / guard(1.0 + odd * d);
        c = guard(1.0 + odd / c);
        h *= d * c;
        if (d * c - 1.0).abs() < 1e-16 {
            break;
        }
    }
    h
}

/// P(X <= x) for X ~ Beta(a, b): the regularised incomplete beta function, by whichever of the two continued fractions
/// converges (DLMF 8.17.22). `None` unless both shapes are above 0 and x is within 0..1.
pub fn beta_cdf(x: f64, a: f64, b: f64) -> Option<f64> {
    let fine = (0.0..=1.0).contains(&x) && a > 0.0 && b > 0.0 && a.is_finite() && b.is_finite();
    if !fine || x == 0.0 || x == 1.0 {
        return fine.then_some(x);
    }
    let ln_beta = ln_gamma(a) + ln_gamma(b) - ln_gamma(a + b);
    let front = (a * x.ln() + b * (-x).ln_1p() - ln_beta).exp();
    let below = if x < (a + 1.0) / (a + b + 2.0) {
        front * beta_fraction(a, b, x) / a
    } else {
        1.0 - front * beta_fraction(b, a, 1.0 - x) / b
    };
    finite(below).map(|p| p.clamp(0.0, 1.0))
}

/// The x with P(X <= x) = p for X ~ Beta(a, b), by halving, to 2^-60. `None` unless 0 < p < 1 and both shapes are above 0.
pub fn beta_quantile(p: f64, a: f64, b: f64) -> Option<f64> {
    if !(p > 0.0 && p < 1.0) {
        return None;
    }
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if beta_cdf(middle, a, b)? < p {
            low = middle;
        } else {
            high = middle;
        }
    }
    Some(0.5 * (low + high))
}

/// P(X > x) for chi-square with `df` whole degrees of freedom, by its finite sum (Abramowitz and Stegun 26.4.4, 26.4.5).
/// `None` for x below 0 or no degree of freedom.
pub fn chi_square_sf(x: f64, df: usize) -> Option<f64> {
    if x.is_nan() || x < 0.0 || df == 0 {
        return None;
    }
    let y = 0.5 * x;
    // Terms y^s / Gamma(s + 1) with s = 0, 1, ... or 1/2, 3/2, ...
    let odd = df % 2 == 1;
    let (mut term, mut s) = if odd { (2.0 * (y / PI).sqrt(), 0.5) } else { (1.0, 0.0) };
    let mut total = 0.0;
    for _ in 0..df / 2 {
        total += term;
        s += 1.0;
        term *= y / s;
    }
    let start = if odd { 2.0 * normal_sf(x.sqrt()) } else { 0.0 };
    finite(start + (-y).exp() * total).map(|p| p.clamp(0.0, 1.0))
}

/// P(|T| > t) for Student's t: the regularised incomplete beta I_x(df/2, 1/2) at x = df/(df + t^2), taken from its
/// complement near the middle. Arguments are checked by the callers.
fn t_both_tails(t: f64, df: f64) -> f64 {
    let square = t * t / df;
    if !square.is_finite() {
        return 0.0;
    }
    let (a, x, y) = (0.5 * df, 1.0 / (1.0 + square), square / (1.0 + square));
    // ln of x^a y^(1/2) / B(a, 1/2); x is near 1 for large df, so its logarithm comes from ln_1p.
    let front = (-a * square.ln_1p() + 0.5 * y.ln() - ln_beta_half(a)).exp();
    if x < (a + 1.0) / (a + 2.5) {
        front * beta_fraction(a, 0.5, x) / a
    } else {
        1.0 - front * beta_fraction(0.5, a, y) / 0.5
    }
}

/// P(|T| >= |t|) for Student's t with `df` degrees of freedom: the two-sided p of a t test. `None` unless df > 0.
pub fn t_two_sided(t: f64, df: f64) -> Option<f64> {
    if !(df > 0.0 && df.is_finite()) || t.is_nan() {
        return None;
    }
    if t == 0.0 {
        return Some(1.0);
    }
    finite(t_both_tails(t.abs(), df)).map(|p| p.clamp(0.0, 1.0))
}

/// P(T <= t) for Student's t. `None` unless df > 0.
pub fn t_cdf(t: f64, df: f64) -> Option<f64> {
    let half = 0.5 * t_two_sided(t, df)?;
    Some(if t > 0.0 { 1.0 - half } else { half })
}

/// Log of the density of Student's t, for Newton steps.
fn t_ln_density(t: f64, df: f64) -> f64 {
    -0.5 * df.ln() - ln_beta_half(0.5 * df) - 0.5 * (df + 1.0) * (t * t / df).ln_1p()
}

/// The t > 0 with P(T > t) = `tail`, 0 < tail < 0.5: Newton steps on the tail, kept inside a bracket that is halved
/// whenever a step would leave it.
fn t_upper(tail: f64, df: f64) -> Option<f64> {
    let z = normal_upper(tail);
    let mut x = z + (z * z * z + z) / (4.0 * df);
    let (mut low, mut high) = (0.0, x.max(1.0));
    while t_both_tails(high, df) > 2.0 * tail {
        low = high;
        high *= 4.0;
        if !high.is_finite() {
            return None;
        }
    }
    for _ in 0..200 {
        if !(x > low && x < high) {
            x = 0.5 * (low + high);
        }
        let miss = 0.5 * t_both_tails(x, df) - tail;
        if miss > 0.0 {
            low = x;
        } else {
            high = x;
        }
        let next = x + miss / t_ln_density(x, df).exp();
        if (next - x).abs() <= 1e-15 * x || high - low <= 1e-15 * high {
            return finite(next);
        }
        x = next;
    }
    finite(x)
}

/// Student's t quantile: the t with P(T <= t) = p. `None` unless 0 < p < 1 and df > 0.
pub fn t_quantile(p: f64, df: f64) -> Option<f64> {
    if !(p > 0.0 && p < 1.0 && df > 0.0 && df.is_finite()) {
        return None;
    }
    if p == 0.5 {
        return Some(0.0);
    }
    if p < 0.5 { t_upper(p, df).map(|t| -t) } else { t_upper(1.0 - p, df) }
}

/// The factor t* of a two-sided interval of `level` (0.95) with `df` degrees of freedom.
pub(super) fn t_star(level: f64, df: f64) -> Option<f64> {
    (level > 0.0 && level < 1.0).then(|| t_quantile(0.5 + 0.5 * level, df)).flatten()
}

/// The factor z* of a two-sided normal interval of `level`.
pub(crate) fn z_star(level: f64) -> Option<f64> {
    (level > 0.0 && level < 1.0).then(|| normal_quantile(0.5 + 0.5 * level)).flatten()
}

/// P(T' <= t) for a noncentral t with noncentrality `delta`: the integral over s of Phi(t s - delta) times the
/// density of s = sqrt(chi2_df / df) (Johnson, Kotz and Balakrishnan, vol. 2, ch. 31), by Simpson's rule over 14
/// standard deviations of s. Needs df >= 1; absolute error below 1e-8 at df = 1 and 1e-10 from df = 2.
pub(super) fn noncentral_t_cdf(t: f64, df: f64, delta: f64) -> Option<f64> {
    // Away from 0 the integrand is as smooth as a normal density, of which an eighth of a standard deviation is enough.
    let is_smooth = df > 200.0 && t.abs() < 5.0;
    noncentral_t_in(t, df, delta, if is_smooth { 224 } else { 800 })
}

/// The same in so many steps.
fn noncentral_t_in(t: f64, df: f64, delta: f64, steps: u32) -> Option<f64> {
    if !(df >= 1.0 && t.is_finite() && delta.is_finite() && df.is_finite()) {
        return None;
    }
    let reach = 14.0 / (2.0 * df).sqrt();
    let low = (1.0 - reach).max(0.0);
    let high = 1.0 + reach;
    // ln density of s: ln 2 + (df/2) ln(df/2) - ln Gamma(df/2) + (df-1) ln s - df s^2 / 2. Written around s = 1 so
    // that the large terms have cancelled on paper.
    let half = 0.5 * df;
    let constant = 2.0_f64.ln() + half * half.ln() - half - ln_gamma(half);
    let integrand = |s: f64| {
        let log_s = if s > 0.0 {
            (df - 1.0) * s.ln()
        } else if df > 1.0 {
            f64::NEG_INFINITY
        } else {
            0.0
        };
        (constant + log_s - half * (s * s - 1.0)).exp() * normal_cdf(t * s - delta)
    };
    let h = (high - low) / f64::from(steps);
    let sum: f64 = (0..=steps)
        .map(|i| {
            let weight = if i == 0 || i == steps {
                1.0
            } else if i % 2 == 1 {
                4.0
            } else {
                2.0
            };
            weight * integrand(low + h * f64::from(i))
        })
        .sum();
    finite(sum * h / 3.0).map(|p| p.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use statrs::distribution::{Beta, ContinuousCDF, Normal, StudentsT};

    fn near(got: f64, want: f64, relative: f64) {
        assert!((got - want).abs() <= relative * want.abs(), "{got:e} is not {want:e}");
    }

    #[test]
    fn normal_matches_published_values() {
        // 20-digit values as in the tables of Abramowitz and Stegun (26.1, 26.5) and later recomputations.
        near(normal_quantile(0.975).unwrap(), 1.959_963_984_540_054, 1e-14);
        near(normal_quantile(0.8).unwrap(), 0.841_621_233_572_914_3, 1e-13);
        near(normal_quantile(0.995).unwrap(), 2.575_829_303_548_900_4, 1e-14);
        near(normal_sf(1.0), 0.158_655_253_931_457_05, 1e-14);
        near(normal_sf(5.0), 2.866_515_718_791_939e-7, 1e-12);
        near(normal_sf(10.0), 7.619_853_024_160_527e-24, 1e-12);
        assert_eq!(normal_cdf(0.0), 0.5);
    }

    #[test]
    fn t_matches_closed_forms_and_tables() {
        near(t_quantile(0.975, 1.0).unwrap(), 12.706_204_736_174_698, 1e-12);
        near(t_quantile(0.975, 2.0).unwrap(), 4.302_652_729_749_464, 1e-12);
        near(t_quantile(0.975, 9.0).unwrap(), 2.262_157_162_798_205_4, 1e-12);
        near(t_quantile(0.975, 1e6).unwrap(), 1.959_966_356_814_107, 1e-10);
        // df = 1 is Cauchy: quantile tan(pi (p - 1/2)).
        for p in [0.51, 0.6, 0.9, 0.999, 0.999_999] {
            near(t_quantile(p, 1.0).unwrap(), (PI * (p - 0.5)).tan(), 1e-9);
        }
        // df = 2: t = (2p - 1) sqrt(2 / (4 p (1-p))).
        for p in [0.55, 0.75, 0.99, 0.9999] {
            near(t_quantile(p, 2.0).unwrap(), (2.0 * p - 1.0) * (0.5 / (p * (1.0 - p))).sqrt(), 1e-11);
        }
    }

    #[test]
    fn noncentral_t_reduces_to_t_and_matches_power_tables() {
        for (t, df) in [(0.3, 1.0), (-1.7, 4.0), (2.5, 30.0), (1.0, 1000.0)] {
            let gap = noncentral_t_cdf(t, df, 0.0).unwrap() - t_cdf(t, df).unwrap();
            assert!(gap.abs() < 1e-9, "{t} {df}: {gap:e}");
        }
        // Adaptive quadrature of the same integral at 15 digits (mpmath).
        near(noncentral_t_cdf(2.0, 10.0, 1.0).unwrap(), 0.807_611_562_530_375, 1e-10);
        // Fewer steps are as good where the integrand is smooth.
        for df in [201.0, 1_000.0, 1e5] {
            for (t, delta) in [(1.96, 2.8), (-1.96, 2.8), (4.9, 0.3), (1.96, 0.0)] {
                let many = noncentral_t_in(t, df, delta, 4_000).unwrap();
                let gap = noncentral_t_cdf(t, df, delta).unwrap() - many;
                assert!(gap.abs() < 1e-11, "{t} {df} {delta}: {gap:e}");
            }
        }
    }

    #[test]
    fn chi_square_matches_its_table() {
        // 5 % points (Abramowitz and Stegun, table 26.8).
        for (df, point) in
            [(1, 3.841_458_820_694_124), (2, 5.991_464_547_107_979), (5, 11.070_497_693_516_35)]
        {
            near(chi_square_sf(point, df).unwrap(), 0.05, 1e-10);
        }
        assert_eq!(
            (chi_square_sf(-1.0, 2), chi_square_sf(1.0, 0), chi_square_sf(0.0, 3)),
            (None, None, Some(1.0))
        );
    }

    #[test]
    fn nonsense_gives_none() {
        assert_eq!(
            (beta_cdf(0.5, 0.0, 1.0), beta_quantile(1.0, 1.0, 1.0), beta_cdf(1.1, 1.0, 1.0)),
            (None, None, None)
        );
        for p in [0.0, 1.0, -0.1, 1.1, f64::NAN] {
            assert_eq!(normal_quantile(p), None);
            assert_eq!(t_quantile(p, 3.0), None);
        }
        assert_eq!(t_quantile(0.9, 0.0), None);
        assert_eq!(t_two_sided(f64::NAN, 3.0), None);
        assert_eq!(t_two_sided(f64::INFINITY, 3.0), Some(0.0));
    }

    proptest! {
        #[test]
        fn normal_agrees_with_another_implementation(x in -8.0..8.0_f64) {
            let other = Normal::new(0.0, 1.0).unwrap();
            prop_assert!((normal_cdf(x) - other.cdf(x)).abs() < 1e-10);
            let back = normal_quantile(normal_cdf(x.min(5.0))).unwrap();
            prop_assert!((back - x.min(5.0)).abs() < 1e-9, "{x} came back as {back}");
        }

        #[test]
        fn t_agrees_with_another_implementation(t in -30.0..30.0_f64, df in 1..2000_u32) {
            let df = f64::from(df);
            let other = StudentsT::new(0.0, 1.0, df).unwrap();
            prop_assert!((t_cdf(t, df).unwrap() - other.cdf(t)).abs() < 1e-10);
        }

        #[test]
        fn beta_agrees_with_another_implementation(x in 0.0..1.0_f64, a in 0.1..300.0_f64, b in 0.1..300.0_f64) {
            let other = Beta::new(a, b).unwrap();
            prop_assert!((beta_cdf(x, a, b).unwrap() - other.cdf(x)).abs() < 1e-9);
            // Intervals of shares have shapes from 1/2 on; below, the cdf is so steep at its ends that no x comes near enough.
            let (p, a, b) = (x.clamp(0.001, 0.999), a.max(0.5), b.max(0.5));
            prop_assert!((beta_cdf(beta_quantile(p, a, b).unwrap(), a, b).unwrap() - p).abs() < 1e-9);
        }

        #[test]
        fn t_quantile_inverts_the_cdf(p in 0.0001..0.9999_f64, df in 1.0..5000.0_f64) {
            let t = t_quantile(p, df).unwrap();
            prop_assert!((t_cdf(t, df).unwrap() - p).abs() < 1e-12);
            prop_assert!((t + t_quantile(1.0 - p, df).unwrap()).abs() <= 1e-8 * t.abs().max(1.0));
        }
    }
}
