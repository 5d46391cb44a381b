//! Two arms over all runs that judged both: which verdicts belong together.
//!
//! ```text
//! names -> arms -> their pooled verdicts -> one for each key -> paired by case, criterion version and judge -> Pairs
//! ```

use super::{Versus, compared};
use crate::core::digest::Digest;
use crate::core::prompt::Reference;
use crate::core::rubric::Scale;
use crate::core::stats::compare::Comparison;
use crate::core::stats::gate::{self, GateInput, GateReport, GateRule};
use crate::core::stats::reliability::Repeatability;
use crate::core::verdict::VerdictState;
use crate::eval::compare::{Matched, Score, matched};
use crate::eval::{Numbers, People, Spread, coverage};
use crate::store::{PoolQuery, PooledVerdict, Store, StoreError};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

/// Which verdicts count.
#[derive(Debug, Clone, Default)]
pub struct Narrow {
    /// Only this run.
    pub run: Option<String>,
    /// Only this case set.
    pub cases: Option<String>,
    /// Only runs under this rubric.
    pub rubric: Option<String>,
    /// Only this judge.
    pub judge: Option<String>,
    /// Verdicts that a response tried to dictate count as missing.
    pub without_dictated: bool,
}

/// What arms were judged on: a case set and a judge, each in one version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct OnGround {
    /// The case set's name.
    pub set: String,
    /// Its version, in short.
    pub version: String,
    /// The judge's name.
    pub judge: String,
    /// Its fingerprint, in short.
    pub fingerprint: String,
}

/// Why two arms cannot be compared.
#[derive(Debug, thiserror::Error)]
pub enum CannotCompare {
    /// The registry's error.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No verdict is of what was asked for.
    #[error("there are no verdicts to compare")]
    NothingJudged,
    /// No judged arm has this name; these there are.
    #[error("no judged arm is named '{name}'; there are: {}", known.join(", "))]
    UnknownArm {
        /// The name.
        name: String,
        /// All judged arms.
        known: Vec<String>,
    },
    /// Several arms fit the name.
    #[error("several arms fit '{name}': {}", fitting.join(", "))]
    SeveralArms {
        /// The name.
        name: String,
        /// The arms that fit.
        fitting: Vec<String>,
    },
    /// One arm was named twice.
    #[error("'{0}' is both arms: name two")]
    OneArm(String),
    /// This arm has no verdict.
    #[error("'{0}' has no verdict yet")]
    NotJudged(String),
    /// No case set and judge is common to both.
    #[error("'{}' and '{}' were never judged alike (same case set, same judge)", arms.0, arms.1)]
    NeverAlike {
        /// Both arms.
        arms: (String, String),
        /// What each was judged on.
        grounds: (Vec<OnGround>, Vec<OnGround>),
    },
    /// The judge's endpoint answered with several models, whose scores are not compared.
    #[error(
        "the judge's endpoint answered with more than one model ({}), whose scores are not compared",
        .0.join(", ")
    )]
    SeveralModels(Vec<String>),
    /// They could be compared on several.
    #[error("there is more than one ground to compare them on")]
    SeveralGrounds(Vec<OnGround>),
}

type Result<T> = std::result::Result<T, CannotCompare>;

/// Two arms on common ground: the cases' scores side by side for each criterion.
pub struct Pairs {
    /// Per criterion, in order of first appearance: its cases.
    pub rows: Vec<Matched>,
    /// Per criterion: share of planned verdicts that are scored, of A and of B.
    pub coverage: Vec<(f64, f64)>,
    /// Per criterion: the smallest change that is more than the judge's own noise, where it is known.
    pub floors: Vec<Option<f64>>,
    /// Per criterion that was judged more than once: the judge against itself, over every arm of the same ground.
    pub itself: BTreeMap<String, Repeatability>,
    /// The arms' full names.
    pub names: (String, String),
    /// Per criterion: cases with a score by people on either arm.
    pub humans: Vec<usize>,
    /// Scored verdicts whose response, or judge, speaks of an attempt to dictate them.
    pub flagged: usize,
    /// Per criterion: by whom and under which wording it was judged.
    pub asked: Vec<AskedOf>,
    /// The runs whose verdicts count, in the order of their first.
    pub runs: Vec<String>,
    /// Verdicts of A and of B that ended without a score, by state.
    pub failed: BTreeMap<VerdictState, [usize; 2]>,
}

impl Pairs {
    /// Compares them, over all cases or those of one tag.
    pub fn versus(&self, slice: Option<&str>, delta: f64) -> Versus {
        // A slice's own passes are told by nobody yet: its floor would need the spread once more.
        let floor = |row: &Matched| {
            let at = self.rows.iter().position(|r| r.name == row.name).filter(|_| slice.is_none())?;
            self.floors.get(at).copied().flatten()
        };
        Versus::of(self.names.clone(), &self.rows, slice, floor, delta)
    }

    /// The differences alone.
    pub fn compared(&self) -> Vec<Comparison> {
        compared(&self.rows)
    }
}

/// A gate's answer, and what it rests on.
#[derive(Debug)]
pub struct Decided {
    /// The answer, criterion by criterion.
    pub report: GateReport,
    /// What was decided on, in the same order.
    pub inputs: Vec<GateInput>,
    /// Both arms' full names.
    pub names: (String, String),
    /// Scored verdicts that a response may have dictated.
    pub flagged: usize,
    /// What each criterion was judged by, in the same order.
    pub asked: Vec<AskedOf>,
    /// Criteria of categories, which no margin can be held against: nothing is decided on them.
    pub left_out: Vec<String>,
}

/// By whom, and under which wording, a criterion was judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedOf {
    /// The judge's name.
    pub judge: String,
    /// Its fingerprint.
    pub fingerprint: Digest,
    /// The version of the question.
    pub version: Digest,
    /// The models that answered, as far as that was told.
    pub models: BTreeSet<String>,
}

/// Holds the candidate against the baseline, by the verdicts that are stored.
///
/// # Errors
/// When they cannot be compared.
pub fn gate(
    store: &Store,
    baseline: &str,
    candidate: &str,
    rule: &GateRule,
    narrow: &Narrow,
) -> Result<Decided> {
    let pairs = pairs(store, baseline, candidate, narrow)?;
    let (mut inputs, mut asked, mut left_out) = (Vec::new(), Vec::new(), Vec::new());
    let of_each = pairs.coverage.iter().zip(&pairs.humans).zip(&pairs.asked);
    for (comparison, (((a, b), humans), by)) in pairs.compared().into_iter().zip(of_each) {
        if !comparison.scale.has_mean() {
            left_out.push(comparison.name);
            continue;
        }
        inputs.push(GateInput { comparison, coverage_a: Some(*a), coverage_b: Some(*b), humans: *humans });
        asked.push(by.clone());
    }
    let report = gate::gate(&inputs, rule);
    Ok(Decided { report, inputs, names: pairs.names, flagged: pairs.flagged, asked, left_out })
}

/// The one arm that a name means; several are listed as they must be typed.
fn one_arm(text: &str, known: &BTreeSet<String>) -> Result<String> {
    if known.contains(text) {
        return Ok(text.to_owned());
    }
    // NAME@rN leaves the model out.
    let fits = |name: &String| name.split_once('+').is_some_and(|(prompt, _)| prompt == text);
    let found: Vec<&String> = known.iter().filter(|n| fits(n)).collect();
    match found.as_slice() {
        [one] => Ok((*one).clone()),
        [] => {
            let known = known.iter().cloned().collect();
            Err(CannotCompare::UnknownArm { name: text.to_owned(), known })
        }
        several => {
            let fitting = several.iter().map(|s| (*s).clone()).collect();
            Err(CannotCompare::SeveralArms { name: text.to_owned(), fitting })
        }
    }
}

/// The verdicts of two arms, paired by case, criterion version and judge. An arm is an imported one's name, or
/// `NAME[@SEL][+MODEL]`.
///
/// # Errors
/// When a name fits no arm or several, or both were not judged alike.
pub fn pairs(store: &Store, a: &str, b: &str, narrow: &Narrow) -> Result<Pairs> {
    let mut query = PoolQuery {
        arms: Vec::new(),
        run: narrow.run.as_deref().map(|id| store.run(id)).transpose()?.map(|run| run.id),
        set: narrow.cases.clone(),
        rubric: narrow.rubric.clone(),
        judge: narrow.judge.clone(),
    };
    let known = store.judged_arms(&query)?;
    if known.is_empty() {
        return Err(CannotCompare::NothingJudged);
    }
    let selected = |text: &str| arm_of(store, text, &known);
    let (a, b) = (selected(a)?, selected(b)?);
    if a == b {
        return Err(CannotCompare::OneArm(a));
    }
    // What was judged beside either arm shows the judge's own spread as well.
    query.arms = vec![a.clone(), b.clone()];
    let all = store.pooled(&query)?;
    let spread = Spread::of(&all);
    let of = |v: &PooledVerdict, arm: &String| *v.arm == **arm;
    let ours: Vec<PooledVerdict> = all.into_iter().filter(|v| of(v, &a) || of(v, &b)).collect();
    if let Some(arm) = [&a, &b].into_iter().find(|arm| !ours.iter().any(|v| of(v, arm))) {
        return Err(CannotCompare::NotJudged(arm.clone()));
    }
    check_alike(&ours, &a, &b)?;
    let mut ours = one_for_each_key(ours);
    let dictated = |v: &&mut PooledVerdict| v.dictated && v.score.is_some();
    let flagged = ours.iter_mut().filter(dictated).fold(0, |n, v| {
        if narrow.without_dictated {
            v.score = None;
        }
        n + 1
    });
    let labels = Labels::of(store, &ours)?;
    Ok(Pairs { flagged, ..pair_up(&ours, &labels, &spread, &store.scales()?, (a, b)) })
}

/// One verdict for each key: runs may have asked the same thing again. A scored one counts before a failed one,
/// then the newest (the rows come oldest first).
fn one_for_each_key(rows: Vec<PooledVerdict>) -> Vec<PooledVerdict> {
    type Key = (Arc<str>, Arc<str>, Digest, u32, u32);
    if !is_any_asked_twice(&rows) {
        return rows;
    }
    let mut kept: Vec<PooledVerdict> = Vec::with_capacity(rows.len());
    let mut places: HashMap<Key, usize> = HashMap::new();
    for row in rows {
        let (case, arm) = (Arc::clone(&row.case_id), Arc::clone(&row.arm));
        let key = (case, arm, row.criterion_version, row.generation, row.repeat);
        match places.get(&key).and_then(|at| kept.get_mut(*at)) {
            Some(before) if before.score.is_none() || row.score.is_some() => *before = row,
            Some(_) => {}
            None => {
                places.insert(key, kept.len());
                kept.push(row);
            }
        }
    }
    kept
}

fn is_any_asked_twice(rows: &[PooledVerdict]) -> bool {
    let (mut cases, mut arms, mut versions) =
        (Numbers::<str>::default(), Numbers::<str>::default(), Numbers::<Digest>::default());
    let key = |v| {
        let v: &PooledVerdict = v;
        let version = versions.of(&v.criterion_version);
        [cases.of(&v.case_id), arms.of(&v.arm), version, v.generation, v.repeat]
    };
    let mut keys: Vec<[u32; 5]> = rows.iter().map(key).collect();
    keys.sort_unstable();
    keys.windows(2).any(|two| matches!(two, [a, b] if a == b))
}

/// An imported arm's name as it is; else `NAME[@SEL][+MODEL]`, latest when SEL is left out.
fn arm_of(store: &Store, text: &str, known: &BTreeSet<String>) -> Result<String> {
    if known.contains(text) {
        return Ok(text.to_owned());
    }
    let (prompt, model) = text.split_once('+').map_or((text, None), |(p, m)| (p, Some(m)));
    let Ok(reference) = prompt.parse::<Reference>() else { return one_arm(text, known) };
    match store.resolve(&reference.name, &reference.selector) {
        Ok(info) => {
            let model = model.map(|m| format!("+{m}")).unwrap_or_default();
            one_arm(&format!("{}@r{}{model}", info.name, info.seq), known)
        }
        Err(StoreError::NoPrompt { .. }) => one_arm(text, known),
        Err(error) => Err(error.into()),
    }
}

/// Scores of two judges, or over two case sets, are never compared.
fn check_alike(ours: &[PooledVerdict], a: &str, b: &str) -> Result<()> {
    let of = |arm: &str| -> BTreeSet<OnGround> {
        let mut grounds: Vec<(&str, Digest, &str, Digest)> = ours
            .iter()
            .filter(|v| *v.arm == *arm)
            .map(|v| (&*v.set, v.set_digest, &*v.judge, v.fingerprint))
            .collect();
        // Most follow one like them.
        grounds.dedup();
        let shown = |(set, version, judge, print): (&str, Digest, &str, Digest)| OnGround {
            set: set.to_owned(),
            version: version.short(),
            judge: judge.to_owned(),
            fingerprint: print.short(),
        };
        grounds.into_iter().map(shown).collect()
    };
    let (of_a, of_b) = (of(a), of(b));
    let both = of_a.intersection(&of_b).count();
    let one = both == 1 && of_a.len() == 1 && of_b.len() == 1;
    let mut models: Vec<&str> = ours.iter().filter_map(|v| v.model_returned.as_deref()).collect();
    models.dedup();
    let models: BTreeSet<&str> = models.into_iter().collect();
    match both {
        0 => Err(CannotCompare::NeverAlike {
            arms: (a.to_owned(), b.to_owned()),
            grounds: (of_a.into_iter().collect(), of_b.into_iter().collect()),
        }),
        _ if one && models.len() > 1 => {
            Err(CannotCompare::SeveralModels(models.into_iter().map(str::to_owned).collect()))
        }
        _ if one => Ok(()),
        _ => Err(CannotCompare::SeveralGrounds(of_a.union(&of_b).cloned().collect())),
    }
}

/// The rows of the comparison: a criterion's name; where one case was judged under two versions of it, each version
/// apart, because an edited question is another question.
struct RowNames {
    /// Of each verdict, by its place: its row.
    rows: Vec<usize>,
    /// The rows' names, in the order of their first verdict.
    names: Vec<String>,
}

impl RowNames {
    fn of(ours: &[PooledVerdict]) -> Self {
        let keys: Vec<(&str, Digest)> = ours.iter().map(|v| (&*v.criterion, v.criterion_version)).collect();
        let mut numbers: Numbers<'_, (&str, Digest)> = Numbers::default();
        let kinds: Vec<u32> = keys.iter().map(|key| numbers.of(key)).collect();
        let mut firsts: Vec<&PooledVerdict> = Vec::with_capacity(numbers.len());
        let mut versions: HashMap<&str, usize> = HashMap::new();
        for (v, kind) in ours.iter().zip(&kinds) {
            if *kind as usize == firsts.len() {
                firsts.push(v);
                *versions.entry(&*v.criterion).or_default() += 1;
            }
        }
        let mut edited: HashSet<&str> = HashSet::new();
        if versions.values().any(|n| *n > 1) {
            let mut of_case: HashMap<(&str, &str), Digest> = HashMap::new();
            for v in ours {
                let first = *of_case.entry((&v.criterion, &v.case_id)).or_insert(v.criterion_version);
                if first != v.criterion_version {
                    edited.insert(&v.criterion);
                }
            }
        }
        let name = |v: &&PooledVerdict| {
            if edited.contains(&*v.criterion) {
                format!("{}@{}", v.criterion, v.criterion_version.short())
            } else {
                v.criterion.to_string()
            }
        };
        // Cases may bring questions of their own: kinds of one name are one row.
        let mut names: Vec<String> = Vec::new();
        let row = |name: String| {
            names.iter().position(|known| *known == name).unwrap_or_else(|| {
                names.push(name);
                names.len() - 1
            })
        };
        let row_of: Vec<usize> = firsts.iter().map(name).map(row).collect();
        let rows = kinds.iter().filter_map(|kind| row_of.get(*kind as usize).copied()).collect();
        Self { rows, names }
    }

    /// Each verdict with its row and the row's name.
    fn with<'a>(
        &'a self,
        ours: &'a [PooledVerdict],
    ) -> impl Iterator<Item = (&'a PooledVerdict, usize, &'a str)> {
        let named = |row: &usize| (*row, self.names.get(*row).map_or("", String::as_str));
        ours.iter().zip(self.rows.iter().map(named)).map(|(v, (row, name))| (v, row, name))
    }
}

/// What people say of a compared response on a criterion.
#[derive(Debug, Clone, Copy, Default)]
struct Said {
    /// Their score, where it may correct the judge.
    label: Option<f64>,
    /// Whether anybody scored it.
    checked: bool,
}

/// People's scores of the compared responses, in the order of the verdicts; empty where there are none at all.
#[derive(Default)]
struct Labels(Vec<Said>);

impl Labels {
    fn of(store: &Store, ours: &[PooledVerdict]) -> Result<Self> {
        let mut runs: HashMap<&str, People> = HashMap::new();
        let reviewed = store.reviewed()?;
        let mut seen = "";
        for v in ours.iter().filter(|v| std::mem::replace(&mut seen, &*v.run) != &*v.run) {
            if !runs.contains_key(&*v.run) {
                let reviews = store.reviews_among(&v.run, &reviewed)?;
                let items = if reviews.is_empty() { Vec::new() } else { store.run_items(&v.run)? };
                runs.insert(&*v.run, People::of(&v.run, &items, &reviews));
            }
        }
        if runs.values().all(People::is_empty) {
            return Ok(Self::default());
        }
        // Criteria of which people scored every compared response blind, by name and version.
        let mut open: HashSet<(&str, Digest)> = HashSet::new();
        let mut people: Option<(&str, &People)> = None;
        let mut told: Vec<(&PooledVerdict, Option<&People>)> = Vec::with_capacity(ours.len());
        for v in ours {
            if people.is_none_or(|(run, _)| *run != *v.run) {
                people = runs.get(&*v.run).map(|found| (&*v.run, found));
            }
            let own = people.map(|(_, found)| found);
            if own.and_then(|p| p.blind(v.item, v.column)).is_none() {
                open.insert((&*v.criterion, v.criterion_version));
            }
            told.push((v, own));
        }
        let said = |(v, people): (&PooledVerdict, Option<&People>)| {
            let complete = !open.contains(&(&*v.criterion, v.criterion_version));
            Said {
                label: people.and_then(|p| p.label(v.item, v.column, complete)),
                checked: people.is_some_and(|p| p.is_scored(v.item, v.column)),
            }
        };
        Ok(Self(told.into_iter().map(said).collect()))
    }

    /// One for each verdict.
    fn each(&self) -> impl Iterator<Item = Said> {
        self.0.iter().copied().chain(std::iter::repeat(Said::default()))
    }
}

/// What is counted of a row.
#[derive(Default)]
struct RowOf<'v> {
    /// One of its verdicts, which names its criterion and fingerprint.
    first: Option<&'v PooledVerdict>,
    /// What either arm was asked: a key that only one was asked counts against the other's coverage.
    keys: Vec<(u32, u32, u32)>,
    /// Scored verdicts of A and of B.
    scored: [usize; 2],
    /// Cases that people scored.
    checked: Vec<u32>,
}

fn pair_up(
    ours: &[PooledVerdict],
    labels: &Labels,
    spread: &Spread,
    scales: &HashMap<Digest, Scale>,
    (a, b): (String, String),
) -> Pairs {
    let names = RowNames::of(ours);
    let side = |v: &PooledVerdict| usize::from(*v.arm == *b);
    let rows = matched(names.with(ours).zip(labels.each()).map(|((v, _, name), said)| Score {
        criterion: name,
        scale: scales.get(&v.criterion_version).unwrap_or(&Scale::OneToFive),
        case: &v.case_id,
        side: side(v),
        score: v.score,
        generation: v.generation,
        people: said.label,
        cluster: v.cluster.as_deref(),
        tags: &v.tags,
        item: None,
    }));
    // In the order of the rows, which is that of their first verdicts.
    let mut each: Vec<RowOf<'_>> = rows.iter().map(|_| RowOf::default()).collect();
    let mut cases: Numbers<'_, str> = Numbers::default();
    for ((v, row, _), said) in names.with(ours).zip(labels.each()) {
        let Some(row) = each.get_mut(row) else { continue };
        let case = cases.of(&v.case_id);
        row.first.get_or_insert(v);
        row.keys.push((case, v.generation, v.repeat));
        row.scored[side(v)] += usize::from(v.score.is_some());
        if said.checked {
            row.checked.push(case);
        }
    }
    for row in &mut each {
        row.keys.sort_unstable();
        row.keys.dedup();
        row.checked.sort_unstable();
        row.checked.dedup();
    }
    let share =
        |row: &RowOf<'_>| (coverage(row.scored[0], row.keys.len()), coverage(row.scored[1], row.keys.len()));
    let shares = each.iter().map(share).collect();
    let humans = each.iter().map(|row| row.checked.len()).collect();
    // The noise floor of a row: over the cases that both arms have, judged as often as they were.
    let floor = |(row, of): (&Matched, &RowOf<'_>)| {
        let v = of.first?;
        spread.floor(&v.criterion, v.fingerprint, row.passes())
    };
    let itself = |(row, of): (&Matched, &RowOf<'_>)| {
        let v = of.first?;
        Some((row.name.clone(), spread.itself(&v.criterion, v.fingerprint)?))
    };
    let both = || rows.iter().zip(&each);
    let (floors, itself) = (both().map(floor).collect(), both().filter_map(itself).collect());
    // Of one ground all verdicts are of one judge; several models are refused before.
    let models: BTreeSet<String> =
        ours.iter().filter_map(|v| v.model_returned.as_deref()).map(str::to_owned).collect();
    let by = |of: &RowOf<'_>| {
        let v = of.first;
        AskedOf {
            judge: v.map_or_else(String::new, |v| v.judge.to_string()),
            fingerprint: v.map_or_else(|| Digest::of(""), |v| v.fingerprint),
            version: v.map_or_else(|| Digest::of(""), |v| v.criterion_version),
            models: models.clone(),
        }
    };
    let asked = each.iter().map(by).collect();
    let mut failed: BTreeMap<VerdictState, [usize; 2]> = BTreeMap::new();
    let mut runs: Vec<String> = Vec::new();
    for v in ours {
        if v.state != VerdictState::Scored
            && let Some(n) = failed.entry(v.state).or_default().get_mut(side(v))
        {
            *n += 1;
        }
        if runs.last().is_none_or(|run| **run != *v.run) && !runs.iter().any(|run| **run == *v.run) {
            runs.push(v.run.to_string());
        }
    }
    Pairs { asked, coverage: shares, floors, humans, flagged: 0, rows, itself, runs, failed, names: (a, b) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::compare::is_noise;
    use crate::eval::made_up;

    fn pairs(rows: Vec<PooledVerdict>) -> Pairs {
        let spread = Spread::of(&rows);
        pair_up(
            &one_for_each_key(rows),
            &Labels::default(),
            &spread,
            &HashMap::new(),
            ("a".into(), "b".into()),
        )
    }

    #[test]
    fn a_change_below_the_judges_own_spread_is_noise() {
        let mut rows = Vec::new();
        for case in ["c1", "c2", "c3", "c4"] {
            for (arm, passes) in [("a", [3, 4]), ("b", [4, 4])] {
                rows.extend((0..).zip(passes).map(|(n, s)| made_up(case, arm, "v", n, Some(s))));
            }
        }
        let found = pairs(rows);
        let compared = found.compared();
        // 0.5 higher, and a judge whose passes lie 0.5 apart: 1.96 x 0.5 x sqrt(2 / (4 x 2)).
        assert_eq!(compared[0].difference, Some(0.5));
        let floor = found.floors[0].unwrap();
        assert!((floor - 1.959_964 * 0.5 * 0.5).abs() < 1e-6, "{floor}");
        assert!(!is_noise(&compared[0], Some(floor)) && is_noise(&compared[0], Some(0.51)));
        assert_eq!(
            pairs(vec![made_up("c", "a", "v", 0, Some(1)), made_up("c", "b", "v", 0, Some(5))]).floors,
            [None]
        );
    }

    #[test]
    fn a_key_that_two_runs_asked_counts_once_and_the_newest_score_counts() {
        let found = pairs(vec![
            made_up("c", "a", "v", 0, Some(1)),
            made_up("c", "b", "v", 0, Some(5)),
            made_up("c", "a", "v", 0, Some(3)),
            made_up("c", "a", "v", 0, None),
            made_up("c", "a", "v", 1, Some(5)),
        ]);
        assert_eq!(found.rows[0].input().pairs[0].a, Some(4.0), "3 of repeat 0 and 5 of repeat 1");
        assert_eq!(found.coverage, [(1.0, 0.5)], "b was never asked for repeat 1");
    }

    #[test]
    fn two_versions_of_a_criterion_are_never_paired() {
        let found = pairs(vec![made_up("c", "a", "v1", 0, Some(1)), made_up("c", "b", "v2", 0, Some(5))]);
        assert_eq!(found.rows.len(), 2);
        for row in found.rows.iter().map(Matched::input) {
            assert!(row.name.starts_with("accuracy@"), "{}", row.name);
            assert!(row.pairs.iter().all(|p| p.a.is_none() || p.b.is_none()));
        }
    }

    #[test]
    fn each_item_may_bring_its_own_question() {
        let found = pairs(vec![
            made_up("c1", "a", "q1", 0, Some(1)),
            made_up("c1", "b", "q1", 0, Some(2)),
            made_up("c2", "a", "q2", 0, Some(3)),
            made_up("c2", "b", "q2", 0, Some(4)),
        ]);
        assert_eq!((found.rows.len(), found.rows[0].name.as_str()), (1, "accuracy"));
        assert_eq!(found.rows[0].input().pairs.len(), 2);
    }
}
