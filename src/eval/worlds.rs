//! Random comparisons, and the test that no two surfaces say different things of one of them.
//!
//! Whoever shows a decision takes [`world`] and holds what it shows against [`crate::core::stats::compare::Comparison::decision`]:
//! here the sentence and the marks of a history, in `cli` the table, the document, the gate and its reports, in `tui` the signs
//! and colours. A few hundred worlds in every run of the tests; `cargo test --release --lib one_decision -- --ignored` takes
//! 100,000, or as many as `ASSIZE_WORLDS` says.

use crate::core::stats::compare::{Comparison, Pair, PairedInput, paired_compare};
use crate::core::stats::rng::Rng;

/// Worlds in every run of the tests.
pub(crate) const FEW: u64 = 300;
/// Worlds in the long run.
const MANY: u64 = 100_000;

/// The last world of the long run: [`MANY`], or as `ASSIZE_WORLDS` says.
pub(crate) fn many() -> u64 {
    std::env::var("ASSIZE_WORLDS").ok().and_then(|n| n.parse().ok()).unwrap_or(MANY)
}

/// Two arms on some criteria.
pub(crate) struct World {
    /// The cases of each criterion.
    pub inputs: Vec<PairedInput>,
    /// A margin for a gate.
    pub margin: f64,
}

impl World {
    /// The comparison of all criteria, as `run compare` makes it.
    pub fn compared(&self) -> Vec<Comparison> {
        paired_compare(&self.inputs, 1)
    }
}

/// A world of its own for each seed: one to three criteria, 1 to 90 cases; symmetric scores, a ceiling, rare breaks, ties,
/// two-valued scores; shared sources; missing sides; labels of people on some cases, and a judge that leans.
pub(crate) fn world(seed: u64) -> World {
    let mut rng = Rng::seeded(seed);
    let mut below = move |n: u64| rng.below(n) as usize;
    let most = [8, 16, 40, 90][(seed % 4) as usize];
    let cases = 1 + below(most);
    let clusters = below(4);
    let labelled = [0, 0, 3, 1][below(4)];
    let criteria = 1 + below(3);
    let mut one = |name: usize| {
        let (shape, lift, lean) = (below(5), below(5) as f64 * 0.25 - 0.5, below(3) as f64 * 0.5);
        let (mut pairs, mut people) = (Vec::new(), Vec::new());
        for case in 0..cases {
            let mut noise = || below(5) as f64 * 0.5 - 1.0;
            let base = 3.0 + noise();
            let (a, b) = match shape {
                0 => (base, base + lift + noise()),
                1 => (5.0, if below(4) == 0 { 4.0 + lift.min(0.0) } else { 5.0 }),
                2 => (5.0, if below(20) == 0 { 1.0 } else { 5.0 }),
                3 => (4.0, 4.0),
                _ => (f64::from(u8::from(below(2) == 0)) + 1.0, f64::from(u8::from(below(3) > 0)) + 1.0),
            };
            let within = |v: f64| v.clamp(1.0, 5.0);
            let missing = below(25) == 0;
            let cluster = match clusters {
                0 | 1 => None,
                2 => Some((case / 5) as u32),
                _ => Some((case as f64).sqrt() as u32),
            };
            pairs.push(Pair { a: Some(within(a)), b: (!missing).then(|| within(b + lean)), cluster });
            let seen = labelled > 0 && case % labelled == 0;
            people.push([Some(within(a)), Some(within(b))].map(|said| said.filter(|_| seen && !missing)));
        }
        if people.iter().flatten().all(Option::is_none) {
            people.clear();
        }
        PairedInput { name: format!("c{name}"), pairs, people }
    };
    let inputs = (0..criteria).map(&mut one).collect();
    World { inputs, margin: [0.0, 0.1, 0.2, 0.5, 1.0][(seed % 5) as usize] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::digest::Digest;
    use crate::core::stats::compare::verdict_sentence;
    use crate::core::stats::decision::Decision;
    use crate::eval::history::changes;
    use crate::store::RevisionScore;
    use std::collections::{BTreeMap, BTreeSet};

    /// The world as two revisions of a prompt.
    fn as_history(world: &World) -> Vec<RevisionScore> {
        let of = |seq: u32, input: &PairedInput| {
            let side = (seq - 1) as usize;
            let named = |at: usize| format!("k{at:03}");
            let score = |p: &Pair| if side == 0 { p.a } else { p.b };
            let cases = input.pairs.iter().enumerate();
            RevisionScore {
                scale: crate::core::rubric::Scale::OneToFive,
                seq,
                criterion: input.name.clone(),
                criterion_version: Digest::of(&input.name),
                fingerprint: Digest::of("j"),
                recorded: false,
                cases: cases.clone().filter_map(|(at, p)| Some((named(at).into(), score(p)?))).collect(),
                clusters: cases.filter_map(|(at, p)| Some((named(at), format!("s{}", p.cluster?)))).collect(),
                people: input
                    .people
                    .iter()
                    .enumerate()
                    .filter_map(|(at, sides)| Some((named(at), (sides[side]?, true))))
                    .collect(),
                failed: 0,
            }
        };
        [1, 2].into_iter().flat_map(|seq| world.inputs.iter().map(move |input| of(seq, input))).collect()
    }

    /// The part of the sentence in which a criterion stands.
    fn said(sentence: &str, name: &str) -> Option<Decision> {
        let parts = sentence.trim_end_matches('.').split("; ").flat_map(|part| part.split(" and worse on "));
        let worse =
            sentence.split_once("worse on ").map(|(_, rest)| rest.split("; ").next().unwrap_or_default());
        if worse.is_some_and(|part| part.contains(&format!("{name} ("))) {
            return Some(Decision::Worse);
        }
        parts.filter(|part| part.contains(name)).find_map(|part| match part {
            p if p.contains("better on ") => Some(Decision::Better),
            p if p.to_lowercase().contains("too few cases") => Some(Decision::TooFew),
            p if p.contains("no difference") => Some(Decision::NoEvidence),
            _ => None,
        })
    }

    fn one_decision(seeds: impl Iterator<Item = u64>) -> BTreeSet<&'static str> {
        let mut met = BTreeSet::new();
        for seed in seeds {
            let world = world(seed);
            let found = world.compared();
            let sentence = verdict_sentence(&found, "old", "new");
            let history: BTreeMap<String, Decision> =
                changes(&as_history(&world), 1, 2).into_iter().map(|(name, c)| (name, c.decision)).collect();
            for row in &found {
                let decision = row.decision(None);
                met.insert(decision.word());
                if found.iter().any(|row| row.n > 0) {
                    assert_eq!(said(&sentence, &row.name), Some(decision), "{seed} {}: {sentence}", row.name);
                }
                if row.n > 0 {
                    assert_eq!(history.get(&row.name), Some(&decision), "{seed} {}", row.name);
                }
                // Its own interval never says the opposite.
                let (_, interval) = row.decisive();
                match (decision, interval) {
                    (Decision::Better, Some((lo, _))) => assert!(lo > 0.0, "{seed}"),
                    (Decision::Worse, Some((_, hi))) => assert!(hi < 0.0, "{seed}"),
                    (Decision::Better | Decision::Worse, None) => {
                        panic!("{seed}: decided without an interval")
                    }
                    _ => {}
                }
            }
        }
        met
    }

    #[test]
    fn one_decision_in_sentences_and_histories() {
        let met = one_decision(0..FEW);
        assert_eq!(met.len(), 4, "the worlds are dull: {met:?}");
    }

    #[test]
    #[ignore = "minutes, in a release build; the same over a few hundred worlds runs always"]
    fn one_decision_in_sentences_and_histories_of_many() {
        one_decision(FEW..many());
    }
}
