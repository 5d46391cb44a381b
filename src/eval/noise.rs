//! How much of a run's spread is the judge's own, and the smallest change worth believing.
//!
//! ```text
//! cells (item x criterion x pass) --> per criterion: repeatability, range, flips, variance split, noise floor
//! verdicts pooled over runs       --> the judge's spread per (criterion version, fingerprint) \
//!                                     passes of each case of both arms                         --> noise_floor
//! ```
//! A noise floor is made by [`noise_floor`] alone, from the passes that each case really has.

use super::numbers::Numbers;
use crate::core::digest::Digest;
use crate::core::stats::mean::mean;
use crate::core::stats::reliability::{
    Repeatability, VarianceSplit, flip_rate, noise_floor_from_repeats, repeatability, variance_split,
};
use crate::store::{Cell, PooledVerdict, RunInfo, RunItem};
use std::collections::{BTreeMap, HashMap};

/// From this score on a response counts as good: where flips are counted.
pub const PASS_MARK: f64 = 4.0;

/// What the passes and generations of a run say of one criterion.
#[derive(Debug, Clone, PartialEq)]
pub struct Noise {
    /// The criterion's name.
    pub name: String,
    /// Agreement of the passes with each other.
    pub passes: Repeatability,
    /// Mean over items of the largest less the smallest score of their passes; `None` without items of two passes.
    pub mean_range: Option<f64>,
    /// Items that are good ([`PASS_MARK`]) in one pass and not in another, of how many.
    pub flips: (usize, usize),
    /// Where the spread comes from.
    pub split: VarianceSplit,
    /// The smallest difference of two means over these items worth believing, judged as often as here; `None` where
    /// nothing was judged twice.
    pub floor: Option<f64>,
}

/// The change of a mean over cases that judging the same responses again would bring about by itself, 95 times in a hundred at
/// most: z s sqrt(sum (1/a_i + 1/b_i)) / n, where case i has a_i scored passes on one side and b_i on the other, and `within_sd`
/// (s) is the spread of one pass around its item's mean, in points. With k passes throughout it is z s sqrt(2 / (n k)). Cases
/// without a pass on one side are left out; `None` without any other.
pub fn noise_floor(within_sd: f64, passes: impl IntoIterator<Item = (usize, usize)>) -> Option<f64> {
    let (mut n, mut parts) = (0.0, 0.0);
    for (a, b) in passes.into_iter().filter(|(a, b)| *a > 0 && *b > 0) {
        n += 1.0;
        parts += 1.0 / a as f64 + 1.0 / b as f64;
    }
    // One case with one pass on each side has z s sqrt(2).
    let one = noise_floor_from_repeats(within_sd, 1, 1)?;
    (n > 0.0).then(|| one * (parts / 2.0_f64).sqrt() / n)
}

/// Works the noise out from the cells of a run.
pub fn noise(run: &RunInfo, cells: &[Cell], items: &[RunItem]) -> Vec<Noise> {
    (0u32..)
        .zip(&run.criteria)
        .map(|(column, name)| {
            let mine: Vec<&Cell> = cells.iter().filter(|c| c.criterion == column).collect();
            noise_of(name, run.spec.repeats.max(1) as usize, &mine, items)
        })
        .collect()
}

fn noise_of(name: &str, repeats: usize, cells: &[&Cell], items: &[RunItem]) -> Noise {
    let mut table: Vec<Vec<Option<f64>>> = vec![vec![None; repeats]; items.len()];
    for cell in cells {
        let row = table.get_mut(cell.item as usize);
        if let Some(slot) = row.and_then(|r| r.get_mut(cell.repeat as usize)) {
            *slot = cell.score.map(f64::from);
        }
    }
    let mut nested: BTreeMap<(&str, &str), Vec<Vec<f64>>> = BTreeMap::new();
    for (item, row) in items.iter().zip(&table) {
        nested.entry((&item.arm, &item.case_id)).or_default().push(row.iter().flatten().copied().collect());
    }
    let nested: Vec<Vec<Vec<f64>>> = nested.into_values().collect();
    let passes = repeatability(&table);
    let counts = table.iter().map(|row| row.iter().flatten().count()).filter(|n| *n > 1);
    let floor = passes.within_sd.and_then(|sd| noise_floor(sd, counts.map(|n| (n, n))));
    Noise {
        name: name.to_owned(),
        mean_range: mean(&table.iter().filter_map(|row| range(row)).collect::<Vec<_>>()),
        flips: flip_rate(&table, PASS_MARK),
        split: variance_split(&nested),
        floor,
        passes,
    }
}

/// The largest less the smallest, of two scores or more.
fn range(row: &[Option<f64>]) -> Option<f64> {
    let scores: Vec<f64> = row.iter().flatten().copied().collect();
    let low = scores.iter().copied().reduce(f64::min)?;
    let high = scores.iter().copied().reduce(f64::max)?;
    (scores.len() > 1).then_some(high - low)
}

/// The judge's own spread, learned from every verdict that was reached more than once.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Spread(HashMap<(String, Digest), Repeatability>);

impl Spread {
    /// Learns it: per criterion and fingerprint, over all arms and cases. Versions of a criterion are told apart item by
    /// item, so that their scores never meet, and pooled after that: each item may bring a question of its own.
    pub fn of(verdicts: &[PooledVerdict]) -> Self {
        let (mut names, mut prints, mut versions) =
            (Numbers::<str>::default(), Numbers::<Digest>::default(), Numbers::<Digest>::default());
        let (mut sets, mut cases, mut arms) =
            (Numbers::<str>::default(), Numbers::<str>::default(), Numbers::<str>::default());
        // What is pooled, which item it is, its pass and score.
        type Scored<'v> = ([u32; 2], [u32; 5], u32, f64, &'v PooledVerdict);
        let number = |v| -> Option<Scored<'_>> {
            let v: &PooledVerdict = v;
            let score = f64::from(v.score?);
            let group = [names.of(&v.criterion), prints.of(&v.fingerprint)];
            let version = versions.of(&v.criterion_version);
            let item = [version, sets.of(&v.set), cases.of(&v.case_id), arms.of(&v.arm), v.generation];
            Some((group, item, v.repeat, score, v))
        };
        let mut scored: Vec<Scored<'_>> = verdicts.iter().filter_map(number).collect();
        // Stable: of one pass the newest verdict stays last.
        scored.sort_by_key(|row| (row.0, row.1, row.2));
        let passes = |item: &[Scored<'_>]| -> Vec<Option<f64>> {
            item.chunk_by(|a, b| a.2 == b.2).map(|pass| pass.last().map(|row| row.3)).collect()
        };
        let within = |group: &[Scored<'_>]| {
            let first = group.first()?.4;
            let table: Vec<Vec<Option<f64>>> = group.chunk_by(|a, b| a.1 == b.1).map(passes).collect();
            let found = Some(repeatability(&table)).filter(|r| r.n > 0)?;
            Some(((first.criterion.to_string(), first.fingerprint), found))
        };
        Self(scored.chunk_by(|a, b| a.0 == b.0).filter_map(within).collect())
    }

    /// [`noise_floor`] of a comparison; `None` where this judge was never asked twice on this criterion.
    pub fn floor(
        &self,
        criterion: &str,
        fingerprint: Digest,
        passes: impl IntoIterator<Item = (usize, usize)>,
    ) -> Option<f64> {
        noise_floor(self.itself(criterion, fingerprint)?.within_sd?, passes)
    }

    /// How far this judge repeats itself on this criterion, over everything it was asked more than once.
    pub fn itself(&self, criterion: &str, fingerprint: Digest) -> Option<Repeatability> {
        self.0.get(&(criterion.to_owned(), fingerprint)).copied()
    }
}

/// A verdict for tests: what differs between them; without a score it is a refusal.
#[cfg(test)]
pub(crate) fn made_up(case: &str, arm: &str, version: &str, repeat: u32, score: Option<u8>) -> PooledVerdict {
    PooledVerdict {
        run: "r".into(),
        item: 0,
        column: 0,
        set_digest: Digest::of("set"),
        set: "set".into(),
        case_id: case.into(),
        arm: arm.into(),
        criterion: "accuracy".into(),
        criterion_version: Digest::of(version),
        judge: "j".into(),
        fingerprint: Digest::of("j"),
        model_returned: None,
        generation: 0,
        repeat,
        state: if score.is_some() {
            crate::core::verdict::VerdictState::Scored
        } else {
            crate::core::verdict::VerdictState::Refused
        },
        score,
        dictated: false,
        cluster: None,
        tags: Vec::new().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::verdict::VerdictState;

    fn pooled(case: &str, repeat: u32, score: u8) -> PooledVerdict {
        made_up(case, "a", "v", repeat, Some(score))
    }

    #[test]
    fn the_floor_falls_with_more_cases_and_needs_two_passes() {
        let once = Spread::of(&[pooled("a", 0, 3), pooled("b", 0, 4)]);
        let floor = |s: &Spread, n, k| s.floor("accuracy", Digest::of("j"), std::iter::repeat_n((k, k), n));
        assert_eq!(floor(&once, 10, 1), None);
        let twice = Spread::of(&[pooled("a", 0, 3), pooled("a", 1, 4), pooled("b", 0, 4), pooled("b", 1, 4)]);
        // Within-item variance (0.5 + 0) / 2, so s = 0.5; 1.96 x 0.5 x sqrt(2 / n).
        let at = |n, k| floor(&twice, n, k).unwrap();
        assert!((at(50, 1) - 1.959_964 * 0.5 * (2.0f64 / 50.0).sqrt()).abs() < 1e-6);
        assert!(at(50, 2) < at(50, 1) && at(200, 1) < at(50, 1));
        assert_eq!(floor(&twice, 0, 1), None);
        assert_eq!(twice.floor("accuracy", Digest::of("other"), [(1, 1)]), None);
        // One pass that is missing of 600 moves it by its own share, and not to what one pass throughout would give.
        let full = noise_floor(0.5, std::iter::repeat_n((3, 3), 100)).unwrap();
        let lacks = noise_floor(0.5, std::iter::repeat_n((3, 3), 99).chain([(2, 3)])).unwrap();
        assert!((full - at(100, 3)).abs() < 1e-12);
        assert!(lacks > full && lacks < 1.002 * full, "{lacks} {full}");
        // A case that one side lacks is no case of the comparison.
        assert_eq!(noise_floor(0.5, [(3, 3), (0, 3)]), noise_floor(0.5, [(3, 3)]));
    }

    #[test]
    fn ranges_flips_and_the_split_are_those_of_the_cells() {
        let item = |ord: u32, case: &str, generation: u32| RunItem {
            ord,
            case_id: case.into(),
            arm: "a".into(),
            set_id: 1,
            repeat: generation,
            cluster: None,
            tags: Vec::new(),
        };
        let items = [item(0, "x", 0), item(1, "x", 1), item(2, "y", 0), item(3, "y", 1)];
        let scores = [[5, 5], [3, 4], [1, 1], [2, 2]];
        let cells: Vec<Cell> = (0u32..)
            .zip(scores)
            .flat_map(|(item, passes)| {
                (0u32..).zip(passes).map(move |(repeat, score)| Cell {
                    item,
                    criterion: 0,
                    repeat,
                    state: VerdictState::Scored,
                    score: Some(score),
                    flagged: false,
                })
            })
            .collect();
        let found = noise_of("accuracy", 2, &cells.iter().collect::<Vec<_>>(), &items);
        assert_eq!((found.mean_range, found.flips), (Some(0.25), (1, 4)));
        // Mean squares: judge 0.5 / 4; generations (2.25 + 1) / 2; cases 15.125 over (a - 1) = 1.
        let judge = found.split.judge.unwrap();
        assert!((judge - 0.125).abs() < 1e-12);
        assert!((found.split.generation.unwrap() - (1.625 - 0.125) / 2.0).abs() < 1e-12);
        assert!(found.split.case.is_some_and(|v| v > 2.0));
        assert!(found.floor.is_some());
    }
}
