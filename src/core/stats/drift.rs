//! Whether the judge has changed: anchors, responses judged again in each run, against their own earlier scores.
//!
//! ```text
//! p = (#{earlier < s} + (#{earlier = s} + 1)/2) / (#earlier + 1)      s among the same anchor's earlier scores
//! M = mean over lam in +-{.4, .8, 1.2, 1.6} of prod (1 + lam (p - 1/2))     alarm where M >= 20
//! ```
//! A conformal test martingale (Vovk, Gammerman and Shafer 2005, ch. 7, with constant bets). While each anchor's scores
//! come in an order that says nothing, M has an expectation of 1 at most, so that an alarm is false in at most 1 of 20
//! histories however long (Ville). Betting on "new less stored score" would not hold: the stored score's own noise is the
//! same in every run.

/// The stakes.
const STAKES: [f64; 8] = [0.4, -0.4, 0.8, -0.8, 1.2, -1.2, 1.6, -1.6];

/// The history of a set of anchors.
#[derive(Debug, Clone, PartialEq)]
pub struct Drift {
    /// p of each anchor in each run, `[run][anchor]`; `None` where it was not judged or has no earlier score.
    pub p: Vec<Vec<Option<f64>>>,
    /// The evidence after each run.
    pub evidence: Vec<f64>,
    /// The first run (from 1) after which the evidence reached the alarm.
    pub alarm_run: Option<usize>,
}

/// Follows the anchors through `runs` (`[run][anchor]`, `None` where an anchor was not judged). `reference` holds the
/// earlier scores of each anchor. After an alarm start again with a new history.
pub fn anchor_drift(reference: &[Vec<f64>], runs: &[Vec<Option<f64>>], alarm: f64) -> Drift {
    let mut earlier: Vec<Vec<f64>> = reference.to_vec();
    let mut wealth = [1.0; STAKES.len()];
    let mut found = Drift { p: vec![], evidence: vec![], alarm_run: None };
    for (run, scores) in runs.iter().enumerate() {
        let mut row = vec![];
        for (anchor, score) in earlier.iter_mut().zip(scores) {
            let Some(score) = score.filter(|s| s.is_finite()) else {
                row.push(None);
                continue;
            };
            let below = anchor.iter().filter(|e| **e < score).count() as f64;
            let equal = anchor.iter().filter(|e| **e == score).count() as f64;
            let p = (below + 0.5 * (equal + 1.0)) / (anchor.len() as f64 + 1.0);
            wealth.iter_mut().zip(STAKES).for_each(|(w, lam)| *w *= 1.0 + lam * (p - 0.5));
            anchor.push(score);
            row.push(Some(p));
        }
        let evidence = wealth.iter().sum::<f64>() / STAKES.len() as f64;
        if evidence >= alarm {
            found.alarm_run.get_or_insert(run + 1);
        }
        found.p.push(row);
        found.evidence.push(evidence);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::stats::rng::Rng;

    #[test]
    fn a_judge_that_stays_raises_no_alarm_and_one_that_drops_does() {
        let mut rng = Rng::seeded(3);
        let mut alarms = |drop: f64| {
            (0..200)
                .filter(|_| {
                    let noise = |rng: &mut Rng| rng.below(3) as f64 - 1.0;
                    let reference: Vec<Vec<f64>> =
                        (0..20).map(|_| (0..3).map(|_| 3.0 + noise(&mut rng)).collect()).collect();
                    let runs: Vec<Vec<Option<f64>>> = (0..10)
                        .map(|_| (0..20).map(|_| Some(3.0 - drop + noise(&mut rng))).collect())
                        .collect();
                    anchor_drift(&reference, &runs, 20.0).alarm_run.is_some()
                })
                .count()
        };
        let (calm, dropped) = (alarms(0.0), alarms(0.6));
        assert!(calm <= 16 && dropped > 150, "{calm} {dropped}");
    }
}
