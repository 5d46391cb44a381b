//! Scores along a prompt's history: each revision's mean, and its change from the revision before it.
//!
//! ```text
//! scores: RevisionScore (revision, criterion version, fingerprint) with people's labels
//!     -> main_judge -> points (overall | per criterion) -> Change, decided as `run compare` decides it
//! ```
//! A change is "associated" with a revision, never caused by it: models and cases change, too. It is formed over cases that
//! both revisions have, per criterion version and fingerprint; scores of two judges or of an edited question never meet. What
//! it is taken to mean is what a comparison of the two revisions says of it: by people wherever their sample allows, cases of
//! one source as one, and corrected for all criteria on which the two are compared.

use super::human_scores::People;
use crate::core::digest::Digest;
use crate::core::prompt::PromptName;
use crate::core::rubric::Scale;
use crate::core::stats::bounded::{SCORES, bounded_ci};
use crate::core::stats::compare::{Basis, Comparison, Pair, PairedInput, decide_one};
use crate::core::stats::decision::Decision;
use crate::core::stats::mean::mean;
use crate::store::{Result, RevisionScore, Store};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// What a change can be taken to mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeMark {
    /// Better beyond chance.
    Better,
    /// Worse beyond chance.
    Worse,
    /// It may well be chance, or there are too few cases.
    NoEvidence,
}

impl ChangeMark {
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
pub struct MeanChange {
    /// The revision it is a change from.
    pub since: u32,
    /// Mean difference in points over common cases; corrected by people where they decide.
    pub difference: f64,
    /// Its paired 95 % interval.
    pub ci95: Option<(f64, f64)>,
    /// Common cases.
    pub n: usize,
    /// What it is taken to mean, of the later revision against the earlier one.
    pub decision: Decision,
    /// Whose scores decide.
    pub basis: Basis,
}

impl MeanChange {
    fn of(since: u32, found: &Comparison) -> Option<Self> {
        let (difference, ci95) = found.decisive();
        Some(Self {
            since,
            difference: difference?,
            ci95,
            n: found.n,
            decision: found.decision(None),
            basis: found.basis(),
        })
    }

    /// The decision as a sign.
    pub fn mark(&self) -> ChangeMark {
        match self.decision {
            Decision::Better => ChangeMark::Better,
            Decision::Worse => ChangeMark::Worse,
            Decision::NotWorse | Decision::NoEvidence | Decision::TooFew => ChangeMark::NoEvidence,
        }
    }
}

/// The scores of a prompt's revisions with what people say of the same responses.
///
/// # Errors
/// When there is no such prompt, or the registry cannot be read.
pub fn scores(store: &Store, name: &PromptName) -> Result<Vec<RevisionScore>> {
    let mut scores = store.revision_scores(name)?;
    let scales = store.scales()?;
    for row in &mut scores {
        row.scale = scales.get(&row.criterion_version).cloned().unwrap_or_default();
    }
    // A category has no mean, and no place in a history of means.
    scores.retain(|row| row.scale.has_mean());
    if scores.is_empty() || !store.has_reviews()? {
        return Ok(scores);
    }
    let reviewed = store.reviewed_everywhere()?;
    // People's scores by revision, criterion, its version, fingerprint and case: one for each response.
    type Key = (u32, String, Digest, Option<Digest>);
    let mut said: HashMap<Key, BTreeMap<String, Vec<(f64, bool)>>> = HashMap::new();
    let revision = |arm: &str| -> Option<u32> {
        let revision = arm.split('+').next()?.strip_prefix(name.as_str())?.strip_prefix("@r")?;
        revision.parse().ok()
    };
    for run in store.runs(None)?.into_iter().filter(|run| run.arms.iter().any(|arm| revision(arm).is_some()))
    {
        let reviews = store.reviews_among(&run.id, &reviewed)?;
        if reviews.is_empty() {
            continue;
        }
        let items = store.run_items(&run.id)?;
        let people = People::of(&run.id, &items, &reviews);
        for (column, criterion) in (0_u32..).zip(&run.criteria) {
            let asked = run.spec.criteria.get(column as usize).filter(|_| !run.spec.own_criterion);
            let version =
                asked.map_or_else(|| Digest::of(criterion), crate::core::rubric::Criterion::version);
            for item in &items {
                let Some(seq) = revision(&item.arm) else { continue };
                let Some(score) = people.blind(item.ord, column) else { continue };
                let key = (seq, criterion.clone(), version, run.fingerprint);
                let cases = said.entry(key).or_default();
                cases
                    .entry(item.case_id.clone())
                    .or_default()
                    .push((score, people.is_random(item.ord, column)));
            }
        }
    }
    for row in &mut scores {
        let key = (row.seq, row.criterion.clone(), row.criterion_version, Some(row.fingerprint));
        for (case, all) in said.get(&key).into_iter().flatten() {
            let values: Vec<f64> = all.iter().map(|(score, _)| *score).collect();
            if let Some(value) = mean(&values) {
                row.people.insert(case.clone(), (value, all.iter().any(|(_, random)| *random)));
            }
        }
    }
    Ok(scores)
}

/// One revision on one criterion, or on all of them.
#[derive(Debug, Clone, PartialEq)]
pub struct HistoryPoint {
    /// The revision.
    pub seq: u32,
    /// The criterion; `None` for all together.
    pub criterion: Option<String>,
    /// On which it is answered: what the figures are in.
    pub scale: Scale,
    /// Mean over cases, or the share that passes; a case's score is the mean of its passes (and criteria).
    pub mean: f64,
    /// Its 95 % interval; `None` below two cases.
    pub ci95: Option<(f64, f64)>,
    /// Cases with a score.
    pub n: usize,
    /// Verdicts without one.
    pub failed: u32,
    /// The change from the nearest earlier revision that was scored on common cases.
    pub change: Option<MeanChange>,
}

/// The fingerprint with most scores of this prompt: scores of two are never put side by side.
pub fn main_judge(scores: &[RevisionScore]) -> Option<Digest> {
    let mut counts: BTreeMap<Digest, usize> = BTreeMap::new();
    for score in scores {
        *counts.entry(score.fingerprint).or_default() += score.cases.len();
    }
    counts.into_iter().max_by_key(|(_, n)| *n).map(|(judge, _)| judge)
}

/// One case of a revision on one version of a criterion.
#[derive(Debug, Clone, Copy)]
struct ScoredCase<'a> {
    judge: f64,
    people: Option<(f64, bool)>,
    cluster: Option<&'a str>,
}

/// Which question and which case: what two revisions must share to be compared. Numbers, in the order of the cases' ids.
type CasePlace = (u32, u32);

/// The cells of a criterion, by their place, and how many verdicts have no score.
type CriterionCells<'a> = (Vec<(CasePlace, ScoredCase<'a>)>, u32);

/// The scores of a revision under one judge: by criterion.
type JudgeScores<'a> = BTreeMap<&'a str, CriterionCells<'a>>;

/// The rows that figures on one criterion, or on all together, are made of, and the scale of these figures: of a name that was
/// answered on several scales the newest; of all criteria those answered by scores, else those of pass or fail.
fn on_one_scale<'a>(scores: &'a [RevisionScore], criterion: Option<&str>) -> (Scale, Vec<&'a RevisionScore>) {
    let named = || scores.iter().filter(|s| criterion.is_none_or(|c| c == s.criterion));
    let newest = named().max_by_key(|s| s.seq).map(|s| &s.scale);
    let any_scores = named().any(|s| s.scale.is_scores());
    let scale = match (criterion, newest) {
        (None, Some(_)) if any_scores => Scale::OneToFive,
        (_, newest) => newest.cloned().unwrap_or_default(),
    };
    let rows = scores.iter().filter(|s| s.scale == scale).collect();
    (scale, rows)
}

fn revisions<'a>(scores: &[&'a RevisionScore], judge: Digest) -> BTreeMap<u32, JudgeScores<'a>> {
    let mine = || scores.iter().copied().filter(|s| s.fingerprint == judge);
    let mut names: BTreeSet<&str> = BTreeSet::new();
    let mut last: &[(Arc<str>, f64)] = &[];
    for cases in mine().map(|s| &s.cases) {
        // Revisions are mostly judged on the same cases.
        if !(cases.len() == last.len() && cases.iter().zip(last).all(|(a, b)| a.0 == b.0)) {
            names.extend(cases.iter().map(|(case, _)| &**case));
            last = cases;
        }
    }
    let names: Vec<&str> = names.into_iter().collect();
    // The cases come in the order of their names, most of them.
    let number = |case: &str, near: usize| {
        let found = names.get(near).filter(|name| **name == case).map(|_| near);
        found.or_else(|| names.binary_search(&case).ok())
    };
    let versions: BTreeSet<Digest> = mine().map(|s| s.criterion_version).collect();
    let versions: BTreeMap<Digest, u32> = versions.into_iter().zip(0..).collect();
    let mut found: BTreeMap<u32, JudgeScores<'_>> = BTreeMap::new();
    for score in mine() {
        let entry = found.entry(score.seq).or_default().entry(&score.criterion).or_default();
        entry.1 += score.failed;
        let version = versions.get(&score.criterion_version).copied().unwrap_or_default();
        let mut near = 0;
        entry.0.extend(score.cases.iter().filter_map(|(case, mean)| {
            let place = number(case, near)?;
            near = place + 1;
            let said = ScoredCase {
                judge: *mean,
                people: score.people.get(&**case).copied(),
                cluster: score.clusters.get(&**case).map(String::as_str),
            };
            Some(((version, u32::try_from(place).ok()?), said))
        }));
    }
    for (cells, _) in found.values_mut().flat_map(BTreeMap::values_mut) {
        // Of several rows of one place, which are of judges elsewhere and here, the last counts.
        cells.reverse();
        cells.sort_by_key(|(place, _)| *place);
        cells.dedup_by_key(|(place, _)| *place);
    }
    found
}

/// Means by case, so that a case with several criteria is one piece of evidence.
fn by_case(mut cells: Vec<(u32, f64)>) -> Vec<f64> {
    cells.sort_by_key(|(case, _)| *case);
    cells
        .chunk_by(|a, b| a.0 == b.0)
        .filter_map(|of| match of {
            [(_, one)] => Some(*one),
            several => mean(&several.iter().map(|(_, value)| *value).collect::<Vec<_>>()),
        })
        .collect()
}

/// What both revisions have on a criterion, or on all: as a comparison takes it.
fn common(before: &JudgeScores<'_>, after: &JudgeScores<'_>, criterion: Option<&str>) -> PairedInput {
    // A case, then and now.
    let mut cells: Vec<(u32, ScoredCase<'_>, ScoredCase<'_>)> = Vec::new();
    for (name, (now, _)) in after.iter().filter(|(name, _)| criterion.is_none_or(|c| c == **name)) {
        let Some((then, _)) = before.get(name) else { continue };
        let mut left = then.iter().peekable();
        for (place, b) in now {
            while left.next_if(|(at, _)| at < place).is_some() {}
            if let Some((_, a)) = left.next_if(|(at, _)| at == place) {
                cells.push((place.1, *a, *b));
            }
        }
    }
    cells.sort_by_key(|(case, ..)| *case);
    let complete = cells.iter().all(|(_, a, b)| a.people.is_some() && b.people.is_some());
    let mut known: HashMap<&str, u32> = HashMap::new();
    let (mut pairs, mut people) = (Vec::new(), Vec::new());
    let score =
        |of: Option<(f64, bool)>| of.filter(|(_, random)| *random || complete).map(|(score, _)| score);
    for case in cells.chunk_by(|a, b| a.0 == b.0) {
        let average = |each: &mut dyn Iterator<Item = Option<f64>>| -> Option<f64> {
            mean(&each.collect::<Option<Vec<f64>>>()?)
        };
        let (a, b) = match case {
            [(_, a, b)] => (Some(a.judge), Some(b.judge)),
            several => (
                average(&mut several.iter().map(|(_, a, _)| Some(a.judge))),
                average(&mut several.iter().map(|(_, _, b)| Some(b.judge))),
            ),
        };
        let next = known.len() as u32;
        let cluster = case.iter().find_map(|(_, _, b)| b.cluster);
        pairs.push(Pair { a, b, cluster: cluster.map(|name| *known.entry(name).or_insert(next)) });
        people.push([
            average(&mut case.iter().map(|(_, a, _)| score(a.people))),
            average(&mut case.iter().map(|(_, _, b)| score(b.people))),
        ]);
    }
    if people.iter().all(|sides| sides.iter().all(Option::is_none)) {
        people.clear();
    }
    PairedInput { name: criterion.unwrap_or_default().to_owned(), pairs, people }
}

/// On how many criteria two revisions have two independent cases in common: so many are corrected for.
fn together(before: &JudgeScores<'_>, after: &JudgeScores<'_>) -> usize {
    let counts = |(name, (now, _)): &(&&str, &CriterionCells<'_>)| {
        let Some((then, _)) = before.get(**name) else { return false };
        let mut sources: BTreeSet<(Option<&str>, u32)> = BTreeSet::new();
        let mut left = then.iter().peekable();
        for (place, b) in now {
            while left.next_if(|(at, _)| at < place).is_some() {}
            if left.next_if(|(at, _)| at == place).is_some() {
                sources.insert((b.cluster, if b.cluster.is_some() { 0 } else { place.1 }));
            }
            if sources.len() > 1 {
                return true;
            }
        }
        false
    };
    after.iter().filter(counts).count()
}

/// The change from one revision to another, on one criterion or on all, corrected as a comparison of the two corrects it: for
/// all criteria on which they have two independent cases in common.
fn change(
    since: u32,
    before: &JudgeScores<'_>,
    after: &JudgeScores<'_>,
    criterion: Option<&str>,
    scale: &Scale,
) -> Option<MeanChange> {
    let input = common(before, after, criterion);
    if input.pairs.is_empty() {
        return None;
    }
    let together = if criterion.is_some() { together(before, after) } else { 1 };
    MeanChange::of(since, &decide_one(&input, together).on(scale))
}

/// A prompt's revisions under its main judge, oldest first: on one criterion, or all together.
pub fn points(scores: &[RevisionScore], criterion: Option<&str>) -> Vec<HistoryPoint> {
    points_of_each(scores, &[criterion]).remove(0)
}

/// [`points`] for each of these, on as many threads as the machine has.
pub fn points_of_each(scores: &[RevisionScore], wanted: &[Option<&str>]) -> Vec<Vec<HistoryPoint>> {
    let Some(judge) = main_judge(scores) else { return vec![Vec::new(); wanted.len()] };
    if scores.iter().any(|s| !s.scale.is_scores()) {
        let of = |criterion: &Option<&str>| {
            let (scale, rows) = on_one_scale(scores, *criterion);
            points_on(&revisions(&rows, judge), *criterion, &scale)
        };
        return wanted.iter().map(of).collect();
    }
    let scale = Scale::OneToFive;
    let revisions = revisions(&scores.iter().collect::<Vec<_>>(), judge);
    let few = revisions.values().flat_map(BTreeMap::values).map(|(cells, _)| cells.len()).sum::<usize>()
        < FEW_CELLS;
    if few || wanted.len() < 2 {
        return wanted.iter().map(|criterion| points_on(&revisions, *criterion, &scale)).collect();
    }
    std::thread::scope(|scope| {
        let each: Vec<_> = wanted
            .iter()
            .map(|criterion| scope.spawn(|| points_on(&revisions, *criterion, &scale)))
            .collect();
        each.into_iter().map(|one| one.join().unwrap_or_default()).collect()
    })
}

/// Below so many cells threads take longer to start than to work.
const FEW_CELLS: usize = 20_000;

fn points_on(
    revisions: &BTreeMap<u32, JudgeScores<'_>>,
    criterion: Option<&str>,
    scale: &Scale,
) -> Vec<HistoryPoint> {
    let mut out = Vec::new();
    for (seq, columns) in revisions {
        let mine = || columns.iter().filter(|(name, _)| criterion.is_none_or(|c| c == **name));
        let cells =
            mine().flat_map(|(_, (cells, _))| cells.iter().map(|(place, said)| (place.1, said.judge)));
        let ci = bounded_ci(&by_case(cells.collect()), None, SCORES, 0.95);
        let Some(mean) = ci.mean.and_then(|mean| scale.figure(mean)) else { continue };
        let change = revisions
            .range(..*seq)
            .rev()
            .find_map(|(since, before)| change(*since, before, columns, criterion, scale));
        out.push(HistoryPoint {
            seq: *seq,
            criterion: criterion.map(ToOwned::to_owned),
            scale: scale.clone(),
            mean,
            ci95: ci.ci.and_then(|(lo, hi)| Some((scale.figure(lo)?, scale.figure(hi)?))),
            n: ci.n,
            failed: mine().map(|(_, (_, failed))| failed).sum(),
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
pub fn changes(scores: &[RevisionScore], left: u32, right: u32) -> Vec<(String, MeanChange)> {
    let Some(judge) = main_judge(scores) else { return Vec::new() };
    let of = |name: String| {
        let (scale, rows) = on_one_scale(scores, Some(&name));
        let found = revisions(&rows, judge);
        let change = change(left, found.get(&left)?, found.get(&right)?, Some(&name), &scale)?;
        Some((name, change))
    };
    criteria(scores).into_iter().filter_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(seq: u32, criterion: &str, version: &str, values: &[f64]) -> RevisionScore {
        RevisionScore {
            scale: Scale::OneToFive,
            seq,
            criterion: criterion.into(),
            criterion_version: Digest::of(version),
            fingerprint: Digest::of("j"),
            recorded: false,
            cases: values.iter().enumerate().map(|(i, v)| (format!("c{i}").into(), *v)).collect(),
            clusters: BTreeMap::new(),
            people: BTreeMap::new(),
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
        assert_eq!(
            marks,
            [(1, None), (3, Some((1, ChangeMark::Better))), (4, Some((3, ChangeMark::NoEvidence)))]
        );
        assert_eq!(changes(&scores, 3, 1)[0].1.mark(), ChangeMark::Worse);
        // Five cases that all rise may be chance.
        let few = [score(1, "tone", "v", &base[..5]), score(2, "tone", "v", &up[..5])];
        assert_eq!(points(&few, None)[1].change.map(|c| c.decision), Some(Decision::TooFew));
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
    fn sources_count_once_and_people_decide_where_their_sample_allows() {
        let base = vec![3.0; 60];
        let up: Vec<f64> = (0..60).map(|i| if i % 4 == 0 { 3.0 } else { 4.0 }).collect();
        let mut scores = [score(1, "tone", "v", &base), score(2, "tone", "v", &up)];
        let mark = |scores: &[RevisionScore]| changes(scores, 1, 2)[0].1;
        assert_eq!((mark(&scores).mark(), mark(&scores).basis), (ChangeMark::Better, Basis::Judge));
        // People see no such gain.
        for row in &mut scores {
            row.people = (0..60).step_by(2).map(|i| (format!("c{i}"), (3.0, true))).collect();
        }
        let by_people = mark(&scores);
        assert_eq!(
            (by_people.mark(), by_people.basis),
            (ChangeMark::NoEvidence, Basis::People),
            "{by_people:?}"
        );
        // The twin: of labels that were picked nothing follows.
        for row in &mut scores {
            row.people.values_mut().for_each(|said| said.1 = false);
        }
        assert_eq!((mark(&scores).mark(), mark(&scores).basis), (ChangeMark::Better, Basis::Judge));
        for row in &mut scores {
            row.clusters = (0..60).map(|i| (format!("c{i}"), format!("d{}", i % 4))).collect();
        }
        assert_eq!(mark(&scores).decision, Decision::TooFew, "four sources");
    }

    #[test]
    fn one_case_has_no_interval_and_criteria_of_a_case_count_once() {
        let found = points(&[score(1, "a", "a", &[2.0]), score(1, "b", "b", &[4.0])], None);
        assert_eq!((found[0].mean, found[0].ci95, found[0].n), (3.0, None, 1));
        assert_eq!(criteria(&[score(1, "b", "b", &[]), score(1, "a", "a", &[])]), ["a", "b"]);
    }
}
