//! Scores along a prompt's history: each revision's mean, and its change from the revision before it.
//!
//! ```text
//! RevisionScore (revision, criterion version, fingerprint) -> main_judge -> points (overall | per criterion) -> Change
//! ```
//! A change is "associated" with a revision, never caused by it: models and cases change, too. It is formed over cases that
//! both revisions have, per criterion version and fingerprint; scores of two judges or of an edited question never meet.

use crate::core::digest::Digest;
use crate::core::stats::bounded::{DIFFERENCES, SCORES, bounded_ci};
use crate::core::stats::mean::mean;
use crate::store::RevisionScore;
use std::collections::{BTreeMap, BTreeSet};

/// Fewer cases than this can show nothing: the same bound as for a comparison of arms.
const LEAST: usize = 6;

/// What a change can be taken to mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// Its 95 % interval lies above 0.
    Better,
    /// Below.
    Worse,
    /// It may well be chance, or there are fewer than six cases.
    NoEvidence,
}

impl Mark {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::Worse => "worse",
            Self::NoEvidence => "no evidence",
        }
    }

    /// Its sign on a screen: colour alone says nothing.
    pub fn sign(self) -> &'static str {
        match self {
            Self::Better => "▲",
            Self::Worse => "▼",
            Self::NoEvidence => "?",
        }
    }
}

/// The change of a mean from one revision to another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Change {
    /// The revision it is a change from.
    pub since: u32,
    /// Mean difference in points over common cases.
    pub difference: f64,
    /// Its paired 95 % interval, Student's t over cases.
    pub ci95: Option<(f64, f64)>,
    /// Common cases.
    pub n: usize,
}

impl Change {
    fn of(since: u32, pairs: &[f64]) -> Option<Self> {
        let ci = bounded_ci(pairs, None, DIFFERENCES, 0.95);
        Some(Self { since, difference: ci.mean?, ci95: ci.ci, n: ci.n })
    }

    /// What it can be taken to mean.
    pub fn mark(&self) -> Mark {
        match self.ci95.filter(|_| self.n >= LEAST) {
            Some((lo, _)) if lo > 0.0 => Mark::Better,
            Some((_, hi)) if hi < 0.0 => Mark::Worse,
            _ => Mark::NoEvidence,
        }
    }
}

/// One revision on one criterion, or on all of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// The revision.
    pub seq: u32,
    /// The criterion; `None` for all together.
    pub criterion: Option<String>,
    /// Mean over cases; a case's score is the mean of its passes (and criteria).
    pub mean: f64,
    /// Its 95 % interval; `None` below two cases.
    pub ci95: Option<(f64, f64)>,
    /// Cases with a score.
    pub n: usize,
    /// Verdicts without one.
    pub failed: u32,
    /// The change from the nearest earlier revision that was scored on common cases.
    pub change: Option<Change>,
}

/// The fingerprint with most scores of this prompt: scores of two are never put side by side.
pub fn main_judge(scores: &[RevisionScore]) -> Option<Digest> {
    let mut counts: BTreeMap<Digest, usize> = BTreeMap::new();
    for score in scores {
        *counts.entry(score.fingerprint).or_default() += score.cases.len();
    }
    counts.into_iter().max_by_key(|(_, n)| *n).map(|(judge, _)| judge)
}

/// Scores by (criterion version, case).
type Cells<'a> = BTreeMap<(Digest, &'a str), f64>;

/// The scores of each revision under one judge, on one criterion or all.
fn revisions<'a>(
    scores: &'a [RevisionScore],
    judge: Digest,
    criterion: Option<&str>,
) -> BTreeMap<u32, (Cells<'a>, u32)> {
    let mut found: BTreeMap<u32, (Cells<'a>, u32)> = BTreeMap::new();
    let fits =
        |s: &&RevisionScore| s.fingerprint == judge && criterion.is_none_or(|name| s.criterion == name);
    for score in scores.iter().filter(fits) {
        let entry = found.entry(score.seq).or_default();
        entry.1 += score.failed;
        entry.0.extend(score.cases.iter().map(|(case, m)| ((score.criterion_version, case.as_str()), *m)));
    }
    found
}

/// Means by case, so that a case with several criteria is one piece of evidence.
fn by_case<'a>(cells: impl Iterator<Item = (&'a str, f64)>) -> Vec<f64> {
    let mut cases: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for (case, value) in cells {
        cases.entry(case).or_default().push(value);
    }
    cases.values().filter_map(|v| mean(v)).collect()
}

fn differences(before: &Cells, after: &Cells) -> Vec<f64> {
    by_case(after.iter().filter_map(|(key, now)| Some((key.1, now - before.get(key)?))))
}

/// A prompt's revisions under its main judge, oldest first: on one criterion, or all together.
pub fn points(scores: &[RevisionScore], criterion: Option<&str>) -> Vec<Point> {
    let Some(judge) = main_judge(scores) else { return Vec::new() };
    let revisions = revisions(scores, judge, criterion);
    let mut out = Vec::new();
    for (seq, (cells, failed)) in &revisions {
        let values = by_case(cells.iter().map(|(key, v)| (key.1, *v)));
        let ci = bounded_ci(&values, None, SCORES, 0.95);
        let Some(mean) = ci.mean else { continue };
        let change = revisions
            .range(..*seq)
            .rev()
            .find_map(|(since, (before, _))| Change::of(*since, &differences(before, cells)));
        out.push(Point {
            seq: *seq,
            criterion: criterion.map(ToOwned::to_owned),
            mean,
            ci95: ci.ci,
            n: ci.n,
            failed: *failed,
            change,
        });
    }
    out
}

/// The criteria a prompt was judged on, in alphabetical order.
pub fn criteria(scores: &[RevisionScore]) -> Vec<String> {
    scores.iter().map(|s| s.criterion.clone()).collect::<BTreeSet<_>>().into_iter().collect()
}

/// The change of each criterion from one revision to another, where both were judged alike on common cases.
pub fn changes(scores: &[RevisionScore], left: u32, right: u32) -> Vec<(String, Change)> {
    let Some(judge) = main_judge(scores) else { return Vec::new() };
    let of = |name: String| {
        let found = revisions(scores, judge, Some(&name));
        let change = Change::of(left, &differences(&found.get(&left)?.0, &found.get(&right)?.0))?;
        Some((name, change))
    };
    criteria(scores).into_iter().filter_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(seq: u32, criterion: &str, version: &str, values: &[f64]) -> RevisionScore {
        RevisionScore {
            seq,
            criterion: criterion.into(),
            criterion_version: Digest::of(version),
            fingerprint: Digest::of("j"),
            recorded: false,
            cases: values.iter().enumerate().map(|(i, v)| (format!("c{i}"), *v)).collect(),
            failed: 0,
        }
    }

    #[test]
    fn a_revision_is_better_only_beyond_chance_and_against_the_one_before_it() {
        let base = [3.0, 2.0, 3.0, 4.0, 3.0, 2.0, 3.0, 4.0].repeat(4);
        let up: Vec<f64> = base.iter().enumerate().map(|(i, v)| v + [0.5, 1.0][i % 2]).collect();
        let noise: Vec<f64> = up.iter().enumerate().map(|(i, v)| v + [0.5, -0.5][i % 2]).collect();
        let scores =
            [score(1, "tone", "v", &base), score(3, "tone", "v", &up), score(4, "tone", "v", &noise)];
        let found = points(&scores, None);
        let marks: Vec<_> = found.iter().map(|p| (p.seq, p.change.map(|c| (c.since, c.mark())))).collect();
        assert_eq!(marks, [(1, None), (3, Some((1, Mark::Better))), (4, Some((3, Mark::NoEvidence)))]);
        assert_eq!(changes(&scores, 3, 1)[0].1.mark(), Mark::Worse);
        // Five cases that all rise may be chance.
        let few = [score(1, "tone", "v", &base[..5]), score(2, "tone", "v", &up[..5])];
        assert_eq!(points(&few, None)[1].change.map(|c| c.mark()), Some(Mark::NoEvidence));
    }

    #[test]
    fn an_edited_question_and_another_judge_never_meet() {
        let scores = [score(1, "tone", "v1", &[1.0; 9]), score(2, "tone", "v2", &[5.0; 9])];
        assert_eq!(points(&scores, Some("tone"))[1].change, None);
        assert_eq!(changes(&scores, 1, 2), []);
        let mut other = score(2, "tone", "v1", &[5.0; 3]);
        other.fingerprint = Digest::of("another");
        assert_eq!(points(&[scores[0].clone(), other], None).len(), 1);
        assert_eq!(points(&[], None), []);
    }

    #[test]
    fn one_case_has_no_interval_and_criteria_of_a_case_count_once() {
        let found = points(&[score(1, "a", "a", &[2.0]), score(1, "b", "b", &[4.0])], None);
        assert_eq!((found[0].mean, found[0].ci95, found[0].n), (3.0, None, 1));
        assert_eq!(criteria(&[score(1, "b", "b", &[]), score(1, "a", "a", &[])]), ["a", "b"]);
    }
}
