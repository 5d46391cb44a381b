//! Two arms on the same cases: their scores put side by side, for the command line and for the screen.
//!
//! ```text
//! scores of both arms -> matched (case by case, by criterion) -> inputs of core::stats::compare
//!                                                            |-> passes (for the noise floor), flips, slices by tag
//! comparisons -> power_words: what so many cases can show, and how many more a change needs
//! ```

use super::numbers::Numbers;
use crate::core::rubric::Scale;
use crate::core::stats::compare::{Comparison, Pair, PairedInput};
use crate::core::stats::decision::Decision;
use crate::core::stats::mean::mean;
use crate::core::stats::power::{ErrorRates, more_cases, smallest_change_df};
use crate::core::text;
use std::collections::BTreeMap;

/// One verdict of one of the arms.
#[derive(Debug, Clone, Copy)]
pub struct Score<'a> {
    /// Name of the row it belongs to: a criterion.
    pub criterion: &'a str,
    /// On which it is answered.
    pub scale: &'a Scale,
    /// The case.
    pub case: &'a str,
    /// 0 for A, 1 for B.
    pub side: usize,
    /// The level when scored.
    pub score: Option<u8>,
    /// Which of several responses of the arm to the case.
    pub generation: u32,
    /// People's mean score of that response, where it belongs to their random sample.
    pub people: Option<f64>,
    /// The source that the case shares with others.
    pub cluster: Option<&'a str>,
    /// Slices that the case belongs to.
    pub tags: &'a [String],
    /// Where its item stands in a run, when there is one run.
    pub item: Option<u32>,
}

/// One case under both arms.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ComparedCase {
    /// Its id.
    pub id: String,
    /// Its slices.
    pub tags: Vec<String>,
    cluster: Option<u32>,
    /// Scores of each arm's passes.
    passes: [Vec<f64>; 2],
    /// People's scores of each arm's responses, by generation.
    people: [BTreeMap<u32, f64>; 2],
    /// Each arm's item in the run.
    pub items: [Option<u32>; 2],
}

impl ComparedCase {
    /// Scored passes of A and of B.
    fn counts(&self) -> (usize, usize) {
        (self.passes[0].len(), self.passes[1].len())
    }

    /// Mean of each arm's passes.
    fn means(&self) -> [Option<f64>; 2] {
        [mean(&self.passes[0]), mean(&self.passes[1])]
    }
}

/// One criterion's cases, by id.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Matched {
    /// The criterion.
    pub name: String,
    /// Every case that either arm was asked about.
    pub cases: Vec<ComparedCase>,
    /// On which the criterion is answered.
    pub scale: Scale,
}

/// A case whose score or label changed.
#[derive(Debug, Clone, PartialEq)]
pub struct Flip {
    /// On which the criterion is answered.
    pub scale: Scale,
    /// The case.
    pub case: String,
    /// The criterion.
    pub criterion: String,
    /// A's level, mean of its passes.
    pub a: f64,
    /// B's.
    pub b: f64,
    /// Each arm's item in the run.
    pub items: [Option<u32>; 2],
}

impl Flip {
    /// The label of one of its sides; `None` where answers are scores, or the passes of the side differ.
    pub fn label(&self, level: f64) -> Option<&str> {
        let at = self.scale.levels().into_iter().find(|known| (f64::from(*known) - level).abs() < 1e-9)?;
        self.scale.label(at)
    }

    /// One of its sides as people read it.
    pub fn shown(&self, level: f64) -> String {
        let figure = || self.scale.figure(level).map_or_else(|| "mixed".to_owned(), |v| format!("{v:.2}"));
        self.label(level).map_or_else(figure, str::to_owned)
    }
}

/// Puts the scores side by side, criteria in the order of their first score.
pub fn matched<'a>(scores: impl IntoIterator<Item = Score<'a>>) -> Vec<Matched> {
    let (mut criteria, mut ids, mut clusters) =
        (Numbers::<str>::default(), Numbers::<str>::default(), Numbers::<str>::default());
    let mut rows: Vec<Matched> = Vec::new();
    // For each criterion, where a case stands among its cases.
    let mut places: Vec<Vec<Option<usize>>> = Vec::new();
    for s in scores {
        let (row, id) = (criteria.of(s.criterion) as usize, ids.of(s.case) as usize);
        if row == rows.len() {
            rows.push(Matched { name: s.criterion.to_owned(), cases: Vec::new(), scale: s.scale.clone() });
            places.push(Vec::new());
        }
        let (Some(row), Some(places)) = (rows.get_mut(row), places.get_mut(row)) else { continue };
        if places.len() <= id {
            places.resize(id + 1, None);
        }
        let Some(place) = places.get_mut(id) else { continue };
        let at = *place.get_or_insert_with(|| {
            row.cases.push(ComparedCase { id: s.case.to_owned(), ..ComparedCase::default() });
            row.cases.len() - 1
        });
        let Some(case) = row.cases.get_mut(at) else { continue };
        if let Some(cluster) = s.cluster {
            case.cluster = Some(clusters.of(cluster));
        }
        if case.tags.is_empty() && !s.tags.is_empty() {
            case.tags = s.tags.to_vec();
        }
        if let Some(item) = case.items.get_mut(s.side) {
            *item = item.or(s.item);
        }
        if let (Some(said), Some(people)) = (case.people.get_mut(s.side), s.people) {
            said.insert(s.generation, people);
        }
        if let (Some(passes), Some(score)) = (case.passes.get_mut(s.side), s.score) {
            passes.push(f64::from(score));
        }
    }
    for row in &mut rows {
        row.cases.sort_by(|a, b| a.id.cmp(&b.id));
    }
    rows
}

impl Matched {
    /// What the tests of a comparison take.
    pub fn input(&self) -> PairedInput {
        let pair = |c: &ComparedCase| {
            let [a, b] = c.means();
            Pair { a, b, cluster: c.cluster }
        };
        let said = |of: &BTreeMap<u32, f64>| mean(&of.values().copied().collect::<Vec<_>>());
        let said_of = |c: &ComparedCase| [said(&c.people[0]), said(&c.people[1])];
        let people = if self.cases.iter().all(|c| c.people.iter().all(BTreeMap::is_empty)) {
            Vec::new()
        } else {
            self.cases.iter().map(said_of).collect()
        };
        PairedInput { name: self.name.clone(), pairs: self.cases.iter().map(pair).collect(), people }
    }

    /// Scored passes of A and of B, case by case: what [`super::noise_floor`] takes.
    pub fn passes(&self) -> impl Iterator<Item = (usize, usize)> {
        self.cases.iter().map(ComparedCase::counts)
    }

    /// Only the cases with this tag.
    pub fn only(&self, tag: &str) -> Self {
        let cases = self.cases.iter().filter(|c| c.tags.iter().any(|t| t == tag)).cloned().collect();
        Self { name: self.name.clone(), cases, scale: self.scale.clone() }
    }
}

/// Tags of the cases and how many cases have each, the commonest first.
pub fn tags(rows: &[Matched]) -> Vec<(String, usize)> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for case in rows.first().into_iter().flat_map(|r| &r.cases) {
        case.tags.iter().for_each(|t| *counts.entry(t).or_default() += 1);
    }
    let mut counts: Vec<(String, usize)> = counts.into_iter().map(|(t, n)| (t.to_owned(), n)).collect();
    counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    counts
}

/// All scores that changed, the largest drop first.
pub fn flips(rows: &[Matched]) -> Vec<Flip> {
    let mut found: Vec<Flip> = rows
        .iter()
        .flat_map(|row| row.cases.iter().map(move |case| (row, case)))
        .filter_map(|(row, case)| {
            let [Some(a), Some(b)] = case.means() else { return None };
            ((a - b).abs() > 1e-9).then(|| Flip {
                scale: row.scale.clone(),
                case: case.id.clone(),
                criterion: row.name.clone(),
                a,
                b,
                items: case.items,
            })
        })
        .collect();
    found.sort_by(|x, y| (x.b - x.a).total_cmp(&(y.b - y.a)).then_with(|| x.case.cmp(&y.case)));
    found
}

/// Whether a change is no larger than what judging the same responses again would bring about. One that is decided is more than
/// that: its interval has the judge's own noise in it.
pub fn is_noise(c: &Comparison, floor: Option<f64>) -> bool {
    let decided = matches!(c.decision(None), Decision::Better | Decision::Worse);
    !decided && c.difference.zip(floor).is_some_and(|(d, floor)| d.abs() < floor)
}

/// The smallest change that this many cases would show four times in five, at 5 %; `None` below two cases.
pub fn smallest(c: &Comparison) -> Option<f64> {
    smallest_change_df(c.se?, c.df?, ErrorRates::default())
}

/// How many more cases would show a change of `delta` four times in five; `None` where the cases so far cannot say.
pub fn more(c: &Comparison, delta: f64) -> Option<u64> {
    match c.sd()? {
        0.0 => None,
        sd => more_cases(c.n, sd, delta, ErrorRates::default()),
    }
}

/// The power meter in one sentence, for people; `None` where no criterion has two cases that differ in their change.
pub fn power_words(found: &[Comparison], delta: f64) -> Option<String> {
    let can: Vec<String> = found
        .iter()
        .filter_map(|c| Some((c, smallest(c).filter(|s| *s > 0.0)?)))
        .map(|(c, s)| format!("{} {s:.2}", c.name))
        .collect();
    if can.is_empty() {
        return None;
    }
    let lacking: Vec<String> = found
        .iter()
        .filter_map(|c| Some((c, more(c, delta).filter(|n| *n > 0)?)))
        .map(|(c, n)| format!("{} on {}", text::count(n), c.name))
        .collect();
    let rest = if lacking.is_empty() {
        format!("a change of {delta} would show.")
    } else {
        format!("to show {delta} takes more cases: {}.", lacking.join(", "))
    };
    Some(format!("Smallest change these cases can show: {}; {rest}", can.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::stats::compare::paired_compare;

    fn score<'a>(case: &'a str, side: usize, score: Option<u8>, tags: &'a [String]) -> Score<'a> {
        Score {
            criterion: "tone",
            scale: &Scale::OneToFive,
            case,
            side,
            score,
            generation: 0,
            people: None,
            cluster: None,
            tags,
            item: Some(side as u32),
        }
    }

    #[test]
    fn passes_are_averaged_flips_sorted_by_drop_and_slices_taken() {
        let (easy, hard) = (vec!["easy".to_owned()], vec!["hard".to_owned()]);
        let rows = matched([
            score("c1", 0, Some(5), &hard),
            score("c1", 0, Some(4), &hard),
            score("c1", 1, Some(2), &hard),
            score("c2", 0, Some(3), &easy),
            score("c2", 1, Some(4), &easy),
            score("c3", 0, Some(3), &easy),
            score("c3", 1, None, &easy),
            score("c4", 0, Some(3), &easy),
            score("c4", 1, Some(3), &easy),
        ]);
        let found = flips(&rows);
        let shown: Vec<_> = found.iter().map(|f| (f.case.as_str(), f.a, f.b)).collect();
        assert_eq!(shown, [("c1", 4.5, 2.0), ("c2", 3.0, 4.0)]);
        assert_eq!(found[0].items, [Some(0), Some(1)]);
        assert_eq!(tags(&rows), [("easy".into(), 3), ("hard".into(), 1)]);
        let all = paired_compare(&[rows[0].input()], 1);
        assert_eq!((all[0].n, all[0].missing), (3, 1));
        let sliced = paired_compare(&[rows[0].only("easy").input()], 1);
        assert_eq!((sliced[0].n, sliced[0].missing, sliced[0].wins), (2, 1, 1));
    }

    #[test]
    fn what_is_decided_is_more_than_noise() {
        let cases: Vec<String> = (0..40).map(|i| format!("c{i}")).collect();
        let up = |share: usize| {
            let rows = matched(cases.iter().enumerate().flat_map(|(i, case)| {
                [score(case, 0, Some(3), &[]), score(case, 1, Some(3 + u8::from(i % share == 0)), &[])]
            }));
            paired_compare(&[rows[0].input()], 1).remove(0)
        };
        // A quarter of a point on forty cases is beyond chance, whatever floor another spread suggests.
        assert!(!is_noise(&up(4), Some(0.5)), "{:?}", up(4).decision(None));
        // The twin: one case that moved is not.
        assert!(is_noise(&up(40), Some(0.5)) && !is_noise(&up(40), Some(0.01)) && !is_noise(&up(40), None));
    }

    #[test]
    fn passes_are_counted_by_case_and_the_meter_needs_spread() {
        let cases: Vec<String> = (0..12).map(|i| format!("c{i}")).collect();
        let one = |passes: u8| {
            let all = cases.iter().enumerate().flat_map(move |(i, case)| {
                (0..2).flat_map(move |side| {
                    (0..passes).map(move |p| score(case, side, Some(2 + (i as u8 + p + side as u8) % 3), &[]))
                })
            });
            matched(all)
        };
        assert!(one(3)[0].passes().eq(std::iter::repeat_n((3, 3), 12)));
        let found = paired_compare(&[one(1)[0].input()], 1);
        let words = power_words(&found, 0.2).unwrap();
        assert!(words.contains("tone ") && words.contains("more cases"), "{words}");
        assert_eq!(more(&found[0], 100.0), Some(0));
        let same = matched(cases.iter().flat_map(|c| [score(c, 0, Some(3), &[]), score(c, 1, Some(3), &[])]));
        assert_eq!(power_words(&paired_compare(&[same[0].input()], 1), 0.2), None);
        assert_eq!(power_words(&[], 0.2), None);
    }
}
