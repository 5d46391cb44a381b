//! Quantiles of a weighted mean whose weights are gamma variables: what the bounded intervals are made of.
//!
//! ```text
//! theta = sum G_j s_j / sum G_j m_j,  G_j ~ Gamma(a_j)      (s_j, m_j): an observation (v, 1) or a cluster (sum, size)
//! P(theta <= c) = P(sum G_j (s_j - c m_j) <= 0)             a linear form in gammas: Imhof (1961)
//! ```
//! No random numbers: the same values give the same quantile on every machine.

use super::dist::{finite, normal_quantile};
use std::array::from_fn;
use std::f64::consts::FRAC_1_PI;
use std::sync::LazyLock;

/// Step of the trapezoid rule in t. The integrand is analytic in a strip, so the error falls like e^(-c / step): with
/// this step it lies below 1e-9.
const STEP: f64 = 0.125;
/// The integrand is left out where it is smaller than the root of this.
const NOTHING: f64 = 1e30;
/// A probability below this cannot be told from the error of the sum; its quantile is the smallest value there is.
const LEAST: f64 = 1e-9;

/// An observed value or cluster: `sum` over `size` items, seen `times` times.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Atom {
    /// The values added up.
    pub sum: f64,
    /// How many items they are.
    pub size: f64,
    /// How often exactly this was seen: the shape of its gamma.
    pub times: u32,
}

impl Atom {
    fn ratio(&self) -> f64 {
        self.sum / self.size
    }
}

/// The weighted mean: observed atoms with whole weights, and pseudo-atoms that share one (fractional) weight.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct GammaMean {
    seen: Vec<Atom>,
    pseudo: Vec<Atom>,
    share: f64,
}

/// So many points of the rule are worked out side by side: each is a chain of products, every one of which waits for the one
/// before it.
const LANES: usize = 8;
type Lanes = [f64; LANES];

/// Complex numbers side by side, as far as they are needed here.
#[derive(Clone, Copy)]
struct Complex(Lanes, Lanes);

impl Complex {
    const ONE: Self = Self([1.0; LANES], [0.0; LANES]);

    fn times(self, other: Self) -> Self {
        let mut out = self;
        for lane in 0..LANES {
            let (a, b, c, d) = (self.0[lane], self.1[lane], other.0[lane], other.1[lane]);
            out.0[lane] = a * c - b * d;
            out.1[lane] = a * d + b * c;
        }
        out
    }

    fn power(self, mut exponent: u32) -> Self {
        let (mut out, mut base) = (Self::ONE, self);
        while exponent > 0 {
            if exponent & 1 == 1 {
                out = out.times(base);
            }
            exponent >>= 1;
            if exponent > 0 {
                base = base.times(base);
            }
        }
        out
    }
}

/// The points of the rule: e^-t and u, in steps of t. Below t = -3.5 the variable u is under 1e-15 of its unit; they end a
/// multiple of [`LANES`] later, far beyond where any integrand ends.
static POINTS: LazyLock<Vec<(f64, f64)>> = LazyLock::new(|| {
    let point = |i: i32| {
        let t = STEP * f64::from(i);
        let inner = (-t).exp();
        (inner, (t - inner).exp())
    };
    (-28..2004).map(point).collect()
});

impl GammaMean {
    /// `share` is the weight of each of the pseudo-atoms; their `times` is not read.
    pub(super) fn new(seen: Vec<Atom>, pseudo: Vec<Atom>, share: f64) -> Self {
        Self { seen, pseudo, share }
    }

    /// (atom, weight) of all.
    fn weighted(&self) -> impl Iterator<Item = (&Atom, f64)> {
        let seen = self.seen.iter().map(|a| (a, f64::from(a.times)));
        seen.chain(self.pseudo.iter().map(|a| (a, self.share)))
    }

    /// P(theta <= c) = 1/2 - (1/pi) int_0^inf sin(sum a_j atan(l_j u)) / (u prod (1 + l_j^2 u^2)^(a_j / 2)) du with
    /// l_j = s_j - c m_j. With u = u0 e^(t - e^-t) the integrand falls off on both sides faster than exponentially,
    /// and the trapezoid rule needs some forty points.
    pub(super) fn cdf(&self, c: f64) -> f64 {
        let slope = |a: &Atom| a.sum - c * a.size;
        let spread: f64 = self.weighted().map(|(a, w)| w * slope(a).powi(2)).sum();
        if spread <= 0.0 {
            return 0.5;
        }
        let unit = 1.0 / spread.sqrt();
        let seen: Vec<(f64, u32)> = self.seen.iter().map(|a| (slope(a) * unit, a.times)).collect();
        let pseudo: Vec<f64> = self.pseudo.iter().map(|a| slope(a) * unit).collect();
        let mut total = 0.0;
        'points: for points in POINTS.chunks_exact(LANES) {
            let u: Lanes = from_fn(|lane| points.get(lane).map_or(0.0, |p| p.1));
            // The product of the whole powers; its phase may wind round, which the sine does not see.
            let mut whole = Complex::ONE;
            for &(slope, times) in &seen {
                let factor = Complex([1.0; LANES], u.map(|u| slope * u));
                whole = whole.times(if times == 1 { factor } else { factor.power(times) });
            }
            let (mut phase, mut square) = ([0.0; LANES], [1.0; LANES]);
            for &slope in &pseudo {
                for lane in 0..LANES {
                    phase[lane] += (slope * u[lane]).atan();
                    square[lane] *= 1.0 + (slope * u[lane]).powi(2);
                }
            }
            for (lane, (inner, _)) in points.iter().enumerate().take(LANES) {
                let (re, im) = (whole.0[lane], whole.1[lane]);
                let length = re * re + im * im;
                let size = length * square[lane].powf(self.share);
                if !size.is_finite() || size > NOTHING {
                    break 'points;
                }
                let (sin, cos) = (self.share * phase[lane]).sin_cos();
                let imaginary = re * sin + im * cos;
                // Im(Z) / |Z|^2, with |Z| of the whole and of the pseudo part apart.
                total += (1.0 + inner) * imaginary / (length.sqrt() * size.sqrt());
            }
        }
        (0.5 - FRAC_1_PI * STEP * total).clamp(0.0, 1.0)
    }

    /// The c with P(theta <= c) = p: secant steps on the normal scale, where the distribution is nearly a line, inside
    /// a bracket that is halved whenever a step would leave it. `None` when there are no atoms or p is no probability.
    pub(super) fn quantile(&self, p: f64) -> Option<f64> {
        if !(p > 0.0 && p < 1.0) {
            return None;
        }
        let ratios = || self.weighted().filter(|(_, w)| *w > 0.0).map(|(a, _)| a.ratio());
        let (mut low, mut high) =
            (finite(ratios().fold(f64::INFINITY, f64::min))?, ratios().fold(f64::NEG_INFINITY, f64::max));
        let range = finite(high - low)?;
        if range <= 1e-12 * low.abs().max(high.abs()) || p <= LEAST {
            return Some(low);
        }
        if p >= 1.0 - LEAST {
            return Some(high);
        }
        let z = normal_quantile(p)?;
        let (mass, sum) = self.weighted().fold((0.0, 0.0), |(m, s), (a, w)| (m + w * a.size, s + w * a.sum));
        let centre = sum / mass;
        let sd =
            self.weighted().map(|(a, w)| w * (a.sum - centre * a.size).powi(2)).sum::<f64>().sqrt() / mass;
        let (mut x, mut slope, mut last) = (centre + z * sd, 1.0 / sd, None);
        for _ in 0..200 {
            if !(x > low && x < high) {
                x = 0.5 * (low + high);
            }
            let below = self.cdf(x);
            if below < p {
                low = x;
            } else {
                high = x;
            }
            let miss = normal_quantile(below).map(|at| at - z);
            if let (Some(now), Some((x0, before))) = (miss, last) {
                let secant: f64 = (now - before) / (x - x0);
                if secant.is_finite() && secant > 0.0 {
                    slope = secant;
                }
            }
            let next = match miss {
                Some(now) => {
                    last = Some((x, now));
                    x - now / slope
                }
                None => 0.5 * (low + high),
            };
            if (next - x).abs() <= 1e-10 * range || high - low <= 1e-10 * range {
                return finite(next.clamp(low, high));
            }
            x = next;
        }
        finite(x)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn atom(sum: f64, times: u32) -> Atom {
        Atom { sum, size: 1.0, times }
    }

    #[test]
    fn two_values_are_a_beta_distribution() {
        // Weights 7 and 3 on 1 and 0: Beta(7, 3); I_0.7(7, 3) by the binomial sum.
        let mean = GammaMean::new(vec![atom(1.0, 7), atom(0.0, 3)], vec![], 0.0);
        let want: f64 = (7..=9)
            .map(|k| {
                let choose = [36.0, 9.0, 1.0].get(k as usize - 7).copied().unwrap();
                choose * 0.7_f64.powi(k) * 0.3_f64.powi(9 - k)
            })
            .sum();
        assert!((mean.cdf(0.7) - want).abs() < 1e-9, "{} {want}", mean.cdf(0.7));
        let back = mean.quantile(want).unwrap();
        assert!((back - 0.7).abs() < 1e-9, "{back}");
    }

    #[test]
    fn a_quantile_that_no_sum_can_resolve_is_the_end() {
        let mean = GammaMean::new(vec![atom(1.0, 7), atom(0.0, 3)], vec![], 0.0);
        assert_eq!(mean.quantile(1e-30), Some(0.0));
        assert_eq!(mean.quantile(0.0), None);
        let one = GammaMean::new(vec![atom(3.0, 2)], vec![], 0.0);
        assert_eq!(one.quantile(0.025), Some(3.0));
    }

    proptest! {
        #[test]
        fn quantiles_invert_the_distribution(
            counts in prop::collection::vec(0..40_u32, 9),
            share in 0.05..1.0_f64,
            p in 0.001..0.999_f64,
        ) {
            prop_assume!(counts.iter().sum::<u32>() > 1);
            let at = |i: usize, times: u32| atom(i as f64 - 4.0, times);
            let seen = counts.iter().enumerate().filter(|(_, n)| **n > 0).map(|(i, n)| at(i, *n)).collect();
            let mean = GammaMean::new(seen, (0..9).map(|i| at(i, 0)).collect(), share);
            let c = mean.quantile(p).unwrap();
            prop_assert!((mean.cdf(c) - p).abs() < 1e-7, "{c} {}", mean.cdf(c));
        }
    }
}
