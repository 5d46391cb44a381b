//! A case set wears out: of many edits tried on the same cases some look better by chance. Each look at "is it better?"
//! spends a part of what may be wrong in the set's whole life.
//!
//! ```text
//! alpha_j = alpha gamma_j + (alpha_{j-1} if look j-1 said "better")      gamma_j = 5 / ((j + 4)(j + 5)), sum 1
//! better iff p_j <= alpha_j (one-sided)                                  the interval printed is at 1 - 2 alpha_j
//! ```
//! Online fallback (Tian and Ramdas 2021, "Online control of the familywise error rate", Statistical Methods in Medical
//! Research 30): the chance that any "better" of the whole history is false stays within alpha, whatever the looks have to
//! do with each other. Fresh cases start at look 1. A display that decides nothing is no look.

/// What look `j` (from 1) may spend of its own.
fn share(look: usize) -> f64 {
    let j = look as f64;
    5.0 / ((j + 4.0) * (j + 5.0))
}

/// One look.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct InterimLook {
    /// Which one, from 1.
    pub look: usize,
    /// The one-sided level it is held against.
    pub alpha: f64,
    /// The level of the two-sided interval to print.
    pub level: f64,
    /// Whether it said "better".
    pub better: bool,
}

/// The level of the next look after `past` of them: what it is held against and its interval's level. `alpha` is what may
/// be wrong in all (0.025 one-sided).
pub fn next_look(past: &[InterimLook], alpha: f64) -> (f64, f64) {
    let kept = past.last().filter(|last| last.better).map_or(0.0, |last| last.alpha);
    let own = alpha * share(past.len() + 1) + kept;
    (own, 1.0 - 2.0 * own)
}

/// The looks of a history of one-sided p's, in the order in which they were asked for.
pub fn looks(p_one_sided: &[f64], alpha: f64) -> Vec<InterimLook> {
    let mut found: Vec<InterimLook> = vec![];
    for p in p_one_sided {
        let (own, level) = next_look(&found, alpha);
        found.push(InterimLook { look: found.len() + 1, alpha: own, level, better: *p <= own });
    }
    found
}

/// How much of `alpha` so many looks have spent: alpha (1 - 5/(n + 5)).
pub fn spent(looks: usize, alpha: f64) -> f64 {
    alpha * (1.0 - 5.0 / (looks as f64 + 5.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::stats::rng::Rng;

    #[test]
    fn a_hundred_looks_at_nothing_seldom_say_better_and_plain_ones_nearly_always_do() {
        let mut rng = Rng::seeded(9);
        let (mut ours, mut plain) = (0, 0);
        for _ in 0..1000 {
            let p: Vec<f64> = (0..100).map(|_| (rng.below(1_000_000) as f64 + 0.5) / 1e6).collect();
            ours += usize::from(looks(&p, 0.025).iter().any(|l| l.better));
            plain += usize::from(p.iter().any(|p| *p <= 0.025));
        }
        // 2.5 % of 1000 is 25; three standard errors more is 40.
        assert!(ours <= 40 && plain > 850, "{ours} {plain}");
        let all: f64 = (1..=100).map(|j| 0.025 * share(j)).sum();
        assert!((all - spent(100, 0.025)).abs() < 1e-15);
    }
}
