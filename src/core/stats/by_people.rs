//! What people's labels of a random sample make of a judge's figures: a corrected mean, a corrected difference of two arms,
//! and the judge's bias on each.
//!
//! ```text
//! rows (people's score, judge's score, source)            -> corrected_mean
//! pairs of two arms with people's scores beside the judge's -> by_people: difference, interval, bias of each arm
//! ```

use super::corrected::{Corrected, Labelled, Unlabelled, corrected};
use super::dist::finite;
use super::mean::mean;
use super::pair::Pair;
use std::collections::BTreeSet;

/// Fewer items than this, scored by people at random, correct nothing.
pub const LEAST: usize = 10;

/// Ends of the scale of scores.
pub const SCORE: (f64, f64) = (1.0, 5.0);
/// Ends of what a score can change by.
pub const CHANGE: (f64, f64) = (-4.0, 4.0);

/// One item as a correction takes it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LabelledItem {
    /// People's mean score, where the item belongs to their random sample.
    pub people: Option<f64>,
    /// The judge's mean score.
    pub judge: Option<f64>,
    /// Rows of one source are not independent.
    pub source: u32,
}

/// A difference of two arms as people's labels put it right. Differences are B - A, in points.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ByPeople {
    /// The corrected difference.
    pub difference: f64,
    /// Its 95 % interval.
    pub ci95: (f64, f64),
    /// Cases with a label of people on either arm that it rests on.
    pub n_labelled: usize,
    /// Independent units among these: sources, where cases share one.
    pub units: usize,
    /// The judge less people on the labelled cases of A, in points; above 0 the judge is kinder.
    pub bias_a: Option<f64>,
    /// The same on B.
    pub bias_b: Option<f64>,
}

/// The mean over all rows, by people where they scored and by the corrected judge elsewhere; see [`corrected`]. `bounds`
/// are the ends of the scale: (1, 5) for scores, (-4, 4) for differences. Rows without either score say nothing; a row that
/// only people scored counts where they scored every row. `None` below [`LEAST`] labels.
pub fn corrected_mean(rows: &[LabelledItem], bounds: (f64, f64), level: f64) -> Option<Corrected> {
    let complete = rows.iter().all(|r| r.people.is_some());
    let cluster = |r: &LabelledItem| Some(r.source);
    let labelled: Vec<Labelled> = rows
        .iter()
        .filter_map(|r| {
            let people = r.people?;
            // Where people stand alone the judge is not looked at.
            let judge = if complete { people } else { r.judge? };
            Some(Labelled { people, judge, cluster: cluster(r) })
        })
        .collect();
    let rest: Vec<Unlabelled> = rows
        .iter()
        .filter(|r| r.people.is_none())
        .filter_map(|r| Some(Unlabelled { judge: r.judge?, cluster: cluster(r) }))
        .collect();
    if labelled.len() < LEAST { None } else { corrected(&labelled, &rest, bounds, level) }
}

/// The corrected difference over cases that the judge scored on both arms; `people` has their scores of A and of B for
/// each of `pairs`. Where most labels come in pairs the paired difference is corrected; else each arm's mean is, and the two
/// intervals are put together (MOVER: Zou and Donner 2008, taking the arms as unrelated, which never narrows the interval
/// of arms that share their cases). `None` where neither way has [`LEAST`] labels.
pub fn by_people(pairs: &[Pair], people: &[[Option<f64>; 2]], level: f64) -> Option<ByPeople> {
    let rows: Vec<(f64, f64, [Option<f64>; 2], u32)> = pairs
        .iter()
        .zip(people)
        .enumerate()
        .filter_map(|(at, (pair, said))| {
            // A case without a source is its own: numbers from the end, which no source has.
            let own = u32::MAX - u32::try_from(at).unwrap_or(u32::MAX / 2);
            Some((pair.a?, pair.b?, *said, pair.cluster.unwrap_or(own)))
        })
        .collect();
    let side = |b: bool| -> Vec<LabelledItem> {
        rows.iter()
            .map(|(a, bb, said, source)| LabelledItem {
                people: said[usize::from(b)],
                judge: Some(if b { *bb } else { *a }),
                source: *source,
            })
            .collect()
    };
    let (arm_a, arm_b) = (side(false), side(true));
    let labelled = |rows: &[LabelledItem]| rows.iter().filter(|r| r.people.is_some()).count();
    let bias = |rows: &[LabelledItem]| {
        mean(&rows.iter().filter_map(|r| Some(r.judge? - r.people?)).collect::<Vec<_>>())
    };
    let both: Vec<LabelledItem> = rows
        .iter()
        .map(|(a, b, said, source)| LabelledItem {
            people: said[0].zip(said[1]).map(|(a, b)| b - a),
            judge: Some(b - a),
            source: *source,
        })
        .collect();
    let paired = labelled(&both);
    let sources = |of: &dyn Fn(&[Option<f64>; 2]) -> bool| {
        rows.iter().filter(|(_, _, said, _)| of(said)).map(|row| row.3).collect::<BTreeSet<u32>>().len()
    };
    let (difference, lo, hi, n_labelled, units) =
        if 2 * paired >= labelled(&arm_a).min(labelled(&arm_b)) && paired >= LEAST {
            let found = corrected_mean(&both, CHANGE, level)?;
            (found.estimate, found.lo, found.hi, paired, sources(&|said| said.iter().all(Option::is_some)))
        } else {
            let (a, b) = (corrected_mean(&arm_a, SCORE, level)?, corrected_mean(&arm_b, SCORE, level)?);
            let difference = b.estimate - a.estimate;
            let below = (b.estimate - b.lo).hypot(a.hi - a.estimate);
            let above = (b.hi - b.estimate).hypot(a.estimate - a.lo);
            let any = rows.iter().filter(|(_, _, said, _)| said.iter().any(Option::is_some)).count();
            let (lo, hi) = ((difference - below).max(CHANGE.0), (difference + above).min(CHANGE.1));
            (difference, lo, hi, any, sources(&|said| said.iter().any(Option::is_some)))
        };
    Some(ByPeople {
        difference: finite(difference)?,
        ci95: (finite(lo)?, finite(hi)?),
        n_labelled,
        units,
        bias_a: bias(&arm_a),
        bias_b: bias(&arm_b),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::stats::rng::Rng;

    /// A judge that likes B by 0.7 more than people do; people like A by 0.3 more. `drawn` says which side of a case has a
    /// label.
    fn world(cases: usize, drawn: impl Fn(usize) -> [bool; 2]) -> (Vec<Pair>, Vec<[Option<f64>; 2]>) {
        let mut rng = Rng::seeded(7);
        let mut noise = move || rng.below(3) as f64 * 0.5 - 0.5;
        (0..cases)
            .map(|at| {
                let (a, b) = (3.4 + noise(), 3.1 + noise());
                let label = drawn(at);
                let pair = Pair { a: Some(a), b: Some(b + 0.7), cluster: None };
                (pair, [Some(a).filter(|_| label[0]), Some(b).filter(|_| label[1])])
            })
            .unzip()
    }

    #[test]
    fn labels_turn_a_kind_judges_better_into_worse() {
        let (pairs, people) = world(150, |at| [at < 40; 2]);
        let found = by_people(&pairs, &people, 0.95).unwrap();
        assert!(found.difference < 0.0 && found.ci95.1 < 0.15, "{found:?}");
        assert_eq!(found.n_labelled, 40);
        assert!(found.bias_a.unwrap().abs() < 1e-9 && (found.bias_b.unwrap() - 0.7).abs() < 1e-9);
        // The twin: without them the judge's own difference stands.
        let raw = mean(&pairs.iter().map(|p| p.b.unwrap() - p.a.unwrap()).collect::<Vec<_>>()).unwrap();
        assert!(raw > 0.2, "{raw}");
    }

    #[test]
    fn labels_that_seldom_meet_on_a_case_correct_each_arm() {
        let (pairs, people) = world(150, |at| [at % 3 == 0, at % 3 == 1]);
        let found = by_people(&pairs, &people, 0.95).unwrap();
        assert_eq!(found.n_labelled, 100);
        assert!(
            (found.difference + 0.3).abs() < 0.2 && found.ci95.0 < -0.3 && found.ci95.1 > -0.3,
            "{found:?}"
        );
    }

    #[test]
    fn labelled_cases_of_one_source_are_one_unit() {
        let (mut pairs, people) = world(150, |at| [at < 40; 2]);
        assert_eq!(by_people(&pairs, &people, 0.95).unwrap().units, 40);
        pairs.iter_mut().zip(0..).for_each(|(pair, at)| pair.cluster = Some(at / 10));
        let found = by_people(&pairs, &people, 0.95).unwrap();
        assert_eq!((found.n_labelled, found.units), (40, 4));
        // On either arm alone.
        let (mut pairs, people) = world(150, |at| [at % 3 == 0, at % 3 == 1]);
        assert_eq!(by_people(&pairs, &people, 0.95).unwrap().units, 100);
        pairs.iter_mut().zip(0..).for_each(|(pair, at)| pair.cluster = Some(at / 10));
        assert_eq!(by_people(&pairs, &people, 0.95).unwrap().units, 15);
    }

    #[test]
    fn few_labels_correct_nothing() {
        let (pairs, people) = world(150, |at| [at < 9; 2]);
        assert_eq!(by_people(&pairs, &people, 0.95), None);
        let (pairs, people) = world(150, |at| [at < 60, false]);
        assert_eq!(by_people(&pairs, &people, 0.95), None);
    }
}
