//! Means of numbers within 0..1 by betting: an interval that assumes nothing but the bounds, and a process that may be
//! looked at after every case.
//!
//! ```text
//! mu_t = (1/2 + sum x) / (t + 1)   v_t = (1/4 + sum (x_i - mu_i)^2) / (t + 1)     guesses from what came before
//! K+ *= 1 + min(lam, .5/m)(x - m)  K- *= 1 - min(lam, .5/(1-m))(x - m)            two bettors against a mean m
//! ```
//! Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting" (Journal of the Royal Statistical
//! Society B, 2024). Both depend on the order of the cases: give them in one that no score chose. [`super::sequential`] is
//! the same idea over a grid of means, for runs that stop by themselves.

use super::bounded::Ends;

/// The largest share of its wealth that a bettor may lose at once.
const BOLDNESS: f64 = 0.5;

/// The variances guessed before each x, v_0 .. v_{n-1}.
fn guesses(x: &[f64]) -> Vec<f64> {
    let (mut total, mut squares) = (0.0, 0.0);
    let mut found = vec![];
    for (t, value) in x.iter().enumerate() {
        let t = t as f64;
        found.push((0.25 + squares) / (t + 1.0));
        total += value;
        let guess = (0.5 + total) / (t + 2.0);
        squares += (value - guess) * (value - guess);
    }
    found
}

/// What staking `lam` on `side` (1 above m, -1 below) turns one unit into when x comes.
fn payoff(lam: f64, side: f64, x: f64, m: f64) -> f64 {
    let most = BOLDNESS / if side > 0.0 { m } else { 1.0 - m };
    1.0 + side * lam.min(most) * (x - m)
}

/// The interval of the mean of `x` by hedged capital with stakes for a fixed n: every m against which half of neither
/// bettor's wealth ever reached 1/(1 - level). Holds at `level` for any distribution within 0..1, at any n, and is two to
/// four times as wide as Student's. `None` for no values or any outside 0..1.
pub fn betting_mean_ci(x: &[f64], level: f64) -> Option<Ends> {
    if x.is_empty() || !x.iter().all(|v| (0.0..=1.0).contains(v)) || !(level > 0.0 && level < 1.0) {
        return None;
    }
    let alpha = 1.0 - level;
    let n = x.len() as f64;
    let stakes: Vec<f64> = guesses(x).iter().map(|v| (2.0 * (2.0 / alpha).ln() / (n * v)).sqrt()).collect();
    let limit = (2.0 / alpha).ln();
    let ruled_out = |m: f64, side: f64| {
        let mut wealth = 0.0_f64;
        x.iter().zip(&stakes).any(|(x, lam)| {
            wealth += payoff(*lam, side, *x, m).ln();
            wealth >= limit
        })
    };
    // Wealth of the bettor on "above m" falls as m grows, and the other way round: one border on each side.
    let border = |side: f64| {
        let (mut out, mut inside) = if side > 0.0 { (0.0, 1.0) } else { (1.0, 0.0) };
        if !ruled_out(out, side) {
            return out;
        }
        for _ in 0..50 {
            let middle = 0.5 * (out + inside);
            if ruled_out(middle, side) {
                out = middle;
            } else {
                inside = middle;
            }
        }
        inside
    };
    Some((border(1.0), border(-1.0)))
}

/// Evidence against "the mean is `m0`" after each x: half of both bettors' wealth. It reaches 1/alpha at any time at all
/// with probability alpha at most (Ville), as long as the mean of x given the past is m0: each case once, never the same
/// stored score again and again.
pub fn betting_process(x: &[f64], m0: f64, alpha: f64) -> Vec<f64> {
    let (mut up, mut down) = (1.0, 1.0);
    let steps = x.iter().zip(guesses(x)).enumerate();
    steps
        .map(|(i, (x, v))| {
            let t = i as f64 + 1.0;
            let lam = (2.0 * (2.0 / alpha).ln() / (v * t * (1.0 + t).ln())).sqrt();
            up *= payoff(lam, 1.0, *x, m0);
            down *= payoff(lam, -1.0, *x, m0);
            0.5 * (up + down)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::stats::rng::Rng;

    #[test]
    fn it_holds_a_rare_value_and_refuses_what_is_out_of_bounds() {
        assert_eq!(betting_mean_ci(&[], 0.95), None);
        assert_eq!(betting_mean_ci(&[1.5], 0.95), None);
        let mut rng = Rng::seeded(4);
        let held = (0..400).filter(|_| {
            let x: Vec<f64> = (0..30).map(|_| if rng.below(20) == 0 { 0.0 } else { 0.5 }).collect();
            betting_mean_ci(&x, 0.95).is_some_and(|(lo, hi)| lo <= 0.475 && 0.475 <= hi)
        });
        assert!(held.count() >= 380);
    }

    #[test]
    fn the_process_rises_only_when_the_mean_is_another() {
        let mut rng = Rng::seeded(5);
        let mut crossed = |share: u64| {
            (0..200)
                .filter(|_| {
                    let x: Vec<f64> =
                        (0..100).map(|_| if rng.below(100) < share { 1.0 } else { 0.0 }).collect();
                    betting_process(&x, 0.5, 0.05).iter().any(|e| *e >= 20.0)
                })
                .count()
        };
        assert!(crossed(50) <= 16 && crossed(75) > 150);
    }
}
