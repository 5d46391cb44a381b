//! What pairs of responses come to: a test, an interval and a decision for each question.
//!
//! ```text
//! won by A, tied, won by B (-1, 0, 1 for each answered pair)
//!     p         sign test over the pairs with a winner, exact; where cases share a source, sign flips of whole sources
//!     net       share that B wins less share that A wins, over all answered pairs, ties included; its interval
//!     decision  read from that interval at 1 - 0.05/m for m questions, as everywhere else
//!     places    the first place against the second where one of them won in both orders: exact sign test
//! ```

use super::PairwiseRun;
use crate::core::pairwise::{PairCounts, PairVerdict};
use crate::core::stats::bounded::{Ends, bounded_ci};
use crate::core::stats::decision::{Decision, level_of_each};
use crate::core::stats::multiple_testing::holm;
use crate::core::stats::paired::{sign_flip_clustered, sign_test};
use std::collections::HashMap;

/// The seed of the sign flips.
const SEED: u64 = 20_261_123;

/// What a pair can come to: -1 where A wins, 1 where B does.
const ENDS: Ends = (-1.0, 1.0);

/// One question over all answered pairs.
#[derive(Debug, Clone, PartialEq)]
pub struct PairFigures {
    /// The pairs, counted.
    pub tally: PairCounts,
    /// Independent units among the answered pairs: sources where cases share one, else cases.
    pub units: usize,
    /// Two-sided p that A and B win equally often; `None` without a winner.
    pub p: Option<f64>,
    /// The same, adjusted for the number of questions (Holm).
    pub p_holm: Option<f64>,
    /// Share (0 to 1) that B wins less the share that A wins.
    pub net: Option<f64>,
    /// Its 95 % interval.
    pub ci95: Option<Ends>,
    /// What it can be taken to mean, of B against A.
    pub decision: Decision,
    /// Two-sided p that both places win equally often, where one place won in both orders; `None` where none did.
    pub p_places: Option<f64>,
}

/// What each answered pair came to, and its source.
type PairValues = (Vec<f64>, Option<Vec<u32>>);

impl PairwiseRun {
    /// The figures of each of `criteria` questions, corrected together.
    pub fn figures(&self, criteria: usize) -> Vec<PairFigures> {
        let values: Vec<PairValues> = (0..criteria).map(|at| self.values(at)).collect();
        let together = values.iter().filter(|(v, _)| !v.is_empty()).count();
        let mut found: Vec<PairFigures> = values
            .iter()
            .enumerate()
            .map(|(at, (values, sources))| {
                let sources = sources.as_deref();
                let tally = self.tally(at);
                let fit = bounded_ci(values, sources, ENDS, 0.95);
                let decisive = bounded_ci(values, sources, ENDS, level_of_each(together)).ci;
                let winners = tally.a + tally.b > 0;
                let p = match sources {
                    Some(sources) => sign_flip_clustered(values, sources, SEED).map(|f| f.p),
                    None => Some(sign_test(u64::from(tally.a), u64::from(tally.b))),
                };
                let (first, second) = (u64::from(tally.always_first), u64::from(tally.always_second));
                PairFigures {
                    tally,
                    units: fit.units,
                    p: p.filter(|_| winners),
                    p_holm: None,
                    net: fit.mean,
                    ci95: fit.ci,
                    decision: Decision::of(decisive, fit.units, None),
                    p_places: (first + second > 0).then(|| sign_test(first, second)),
                }
            })
            .collect();
        let each: Vec<f64> = found.iter().map(|f| f.p.unwrap_or(f64::NAN)).collect();
        for (row, adjusted) in found.iter_mut().zip(holm(&each)) {
            row.p_holm = adjusted;
        }
        found
    }

    fn values(&self, criterion: usize) -> PairValues {
        let mut known: HashMap<&str, u32> = HashMap::new();
        let (mut values, mut sources) = (Vec::new(), Vec::new());
        for result in self.results.iter().filter(|r| r.criterion == criterion) {
            values.push(match result.outcome() {
                PairVerdict::A => -1.0,
                PairVerdict::Tie => 0.0,
                PairVerdict::B => 1.0,
                PairVerdict::Open => continue,
            });
            let next = known.len() as u32;
            sources.push(*known.entry(result.cluster.as_deref().unwrap_or(&result.case_id)).or_insert(next));
        }
        let shared = known.len() < values.len();
        (values, shared.then_some(sources))
    }
}

/// The sentence above the figures: of which questions B, or A, is better, and where the pairs do not tell.
pub fn sentence(figures: &[(&str, PairFigures)], a: &str, b: &str) -> String {
    let of = |decision: Decision| -> Option<String> {
        let names: Vec<&str> =
            figures.iter().filter(|(_, f)| f.decision == decision).map(|(name, _)| *name).collect();
        (!names.is_empty()).then(|| names.join(", "))
    };
    let parts = [
        of(Decision::Better).map(|names| format!("{b} is preferred to {a} on {names}")),
        of(Decision::Worse).map(|names| format!("{a} is preferred to {b} on {names}")),
        of(Decision::NoEvidence)
            .map(|names| format!("the pairs show no preference for {a} or {b} beyond chance on {names}")),
        of(Decision::TooFew).map(|names| format!("too few pairs to tell on {names}")),
    ];
    let text = parts.into_iter().flatten().collect::<Vec<_>>().join("; ");
    let mut letters = text.chars();
    match (
        letters.next(),
        figures.iter().any(|(_, f)| matches!(f.decision, Decision::Better | Decision::Worse)),
    ) {
        (Some(first), false) => format!("{}{}.", first.to_uppercase(), letters.as_str()),
        _ => format!("{text}."),
    }
}

#[cfg(test)]
mod tests {
    use super::super::PairResult;
    use super::*;
    use crate::core::digest::Digest;
    use crate::core::pairwise::Choice;
    use crate::core::verdict::VerdictState;
    use crate::store::{PairAnswer, Spend};

    fn answer(choice: Choice) -> Option<PairAnswer> {
        Some(PairAnswer {
            state: VerdictState::Scored,
            choice: Some(choice),
            explanation: "x".into(),
            flags: Vec::new(),
            model_returned: None,
            at: String::new(),
        })
    }

    /// A pair that came to this, of a source.
    fn pair(at: usize, outcome: PairVerdict, cluster: Option<String>) -> PairResult {
        use Choice::{First, Second, Tie};
        let (a_first, b_first) = match outcome {
            PairVerdict::A => (answer(First), answer(Second)),
            PairVerdict::B => (answer(Second), answer(First)),
            PairVerdict::Tie => (answer(Tie), answer(Tie)),
            PairVerdict::Open => (None, answer(First)),
        };
        PairResult { case_id: format!("c{at}"), cluster, criterion: 0, a_first, b_first }
    }

    fn run(results: Vec<PairResult>) -> PairwiseRun {
        PairwiseRun {
            fingerprint: Digest::of("j"),
            results,
            missing: 0,
            calls: 0,
            spent: Spend::default(),
            stopped: None,
            capped: None,
            notes: Vec::new(),
        }
    }

    fn of(counts: [usize; 4]) -> PairFigures {
        let kinds = [PairVerdict::A, PairVerdict::B, PairVerdict::Tie, PairVerdict::Open];
        let all = kinds.into_iter().zip(counts).flat_map(|(kind, n)| std::iter::repeat_n(kind, n));
        run(all.enumerate().map(|(at, kind)| pair(at, kind, None)).collect()).figures(1).remove(0)
    }

    #[test]
    fn the_test_is_exact_over_winners_and_the_interval_knows_the_ties() {
        // 17 to none, 63 ties: p = 2^-16.
        let found = of([17, 0, 63, 5]);
        assert!((found.p.unwrap() - 2.0_f64.powi(-16)).abs() < 1e-12, "{found:?}");
        assert_eq!((found.net, found.units), (Some(-17.0 / 80.0), 80));
        let (lo, hi) = found.ci95.unwrap();
        assert!(lo < -17.0 / 80.0 && -17.0 / 80.0 < hi && hi < 0.0, "{found:?}");
        assert_eq!(found.decision, Decision::Worse);
        // The twin: as many winners on both sides.
        let even = of([9, 8, 63, 5]);
        assert!(even.p.is_some_and(|p| (p - 1.0).abs() < 1e-9), "{even:?}");
        assert_eq!(even.decision, Decision::NoEvidence);
        // Nobody wins: no p, and an interval that still has a width.
        let ties = of([0, 0, 12, 0]);
        assert_eq!((ties.p, ties.net, ties.decision), (None, Some(0.0), Decision::NoEvidence));
        assert!(ties.ci95.is_some_and(|(lo, hi)| lo < -0.1 && hi > 0.1), "{ties:?}");
        assert_eq!(of([0, 3, 0, 0]).decision, Decision::TooFew);
        assert_eq!(of([0, 0, 0, 4]).net, None);
    }

    #[test]
    fn pairs_of_one_source_are_one_piece_of_evidence() {
        let clustered = |sources: usize| {
            let kind = |at: usize| if at < 30 { PairVerdict::B } else { PairVerdict::Tie };
            let all = (0..40).map(|at| pair(at, kind(at), Some(format!("d{}", at % sources)))).collect();
            run(all).figures(1).remove(0)
        };
        assert_eq!((clustered(4).units, clustered(4).decision), (4, Decision::TooFew));
        assert!(clustered(4).p.unwrap() > 0.1, "sixteen ways to flip four sources");
        assert_eq!((clustered(40).units, clustered(40).decision), (40, Decision::Better));
    }

    #[test]
    fn the_sentence_says_who_is_preferred_on_what() {
        let rows = [("tone", of([17, 0, 3, 0])), ("facts", of([3, 3, 30, 0])), ("form", of([1, 1, 0, 0]))];
        let said = sentence(&rows, "old", "new");
        assert_eq!(
            said,
            "old is preferred to new on tone; the pairs show no preference for old or new beyond chance on facts; too few \
             pairs to tell on form."
        );
        assert!(sentence(&rows[1..2], "old", "new").starts_with("The pairs show no"));
    }
}
