//! Two arms over all runs that judged both: which verdicts belong together.
//!
//! ```text
//! names -> arms -> their pooled verdicts -> one for each key -> paired by case, criterion version and judge -> Pairs
//! ```

use super::{Versus, compared};
use crate::core::digest::Digest;
use crate::core::prompt::Reference;
use crate::core::stats::compare::Comparison;
use crate::core::stats::gate::{self, GateInput, GateReport, GateRule};
use crate::core::stats::repeat::Repeatability;
use crate::eval::compare::{Matched, Score, matched};
use crate::eval::{People, Spread, coverage};
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
    let inputs: Vec<GateInput> = pairs
        .compared()
        .into_iter()
        .zip(pairs.coverage.iter().zip(&pairs.humans))
        .map(|(comparison, ((a, b), humans))| GateInput {
            comparison,
            coverage_a: Some(*a),
            coverage_b: Some(*b),
            humans: *humans,
        })
        .collect();
    Ok(Decided { report: gate::gate(&inputs, rule), inputs, names: pairs.names, flagged: pairs.flagged })
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
    Ok(Pairs { flagged, ..pair_up(&ours, &labels, &spread, a, b) })
}

/// One verdict for each key: runs may have asked the same thing again. A scored one counts before a failed one,
/// then the newest (the rows come oldest first).
fn one_for_each_key(rows: Vec<PooledVerdict>) -> Vec<PooledVerdict> {
    type Key = (Arc<str>, Arc<str>, Digest, u32, u32);
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
        let grounds: HashSet<(&str, Digest, &str, Digest)> = ours
            .iter()
            .filter(|v| *v.arm == *arm)
            .map(|v| (&*v.set, v.set_digest, &*v.judge, v.fingerprint))
            .collect();
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
    let models: BTreeSet<&str> = ours.iter().filter_map(|v| v.model_returned.as_deref()).collect();
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
struct RowNames<'v>(HashMap<(&'v str, Digest), String>);

impl<'v> RowNames<'v> {
    fn of(ours: &'v [PooledVerdict]) -> Self {
        let mut of_case: HashMap<(&str, &str), Digest> = HashMap::new();
        let mut edited: HashSet<&str> = HashSet::new();
        for v in ours {
            let first = *of_case.entry((&v.criterion, &v.case_id)).or_insert(v.criterion_version);
            if first != v.criterion_version {
                edited.insert(&v.criterion);
            }
        }
        let mut names = HashMap::new();
        for v in ours {
            names.entry((&*v.criterion, v.criterion_version)).or_insert_with(|| {
                if edited.contains(&*v.criterion) {
                    format!("{}@{}", v.criterion, v.criterion_version.short())
                } else {
                    v.criterion.to_string()
                }
            });
        }
        Self(names)
    }

    fn name<'a>(&'a self, v: &'a PooledVerdict) -> Option<&'a str> {
        self.0.get(&(&*v.criterion, v.criterion_version)).map(String::as_str)
    }
}

/// People's scores of the compared responses, by run.
#[derive(Default)]
struct Labels {
    runs: HashMap<Arc<str>, People>,
    /// Criteria of which people scored every compared response blind, by name and version.
    complete: HashSet<(Arc<str>, Digest)>,
}

impl Labels {
    fn of(store: &Store, ours: &[PooledVerdict]) -> Result<Self> {
        let mut labels = Self::default();
        let reviewed = store.reviewed()?;
        for v in ours {
            if !labels.runs.contains_key(&v.run) {
                let people =
                    People::of(&v.run, &store.run_items(&v.run)?, &store.reviews_among(&v.run, &reviewed)?);
                labels.runs.insert(Arc::clone(&v.run), people);
            }
        }
        let key = |v: &PooledVerdict| (Arc::clone(&v.criterion), v.criterion_version);
        let open: HashSet<(Arc<str>, Digest)> =
            ours.iter().filter(|v| labels.blind(v).is_none()).map(key).collect();
        labels.complete = ours.iter().map(key).filter(|key| !open.contains(key)).collect();
        Ok(labels)
    }

    fn blind(&self, v: &PooledVerdict) -> Option<f64> {
        self.runs.get(&v.run)?.blind(v.item, v.column)
    }

    fn label(&self, v: &PooledVerdict) -> Option<f64> {
        let people = self.runs.get(&v.run)?;
        let complete = self.complete.contains(&(Arc::clone(&v.criterion), v.criterion_version));
        people.label(v.item, v.column, complete)
    }

    /// Cases of the row with a score by people on either arm.
    fn is_checked(&self, v: &PooledVerdict) -> bool {
        self.runs.get(&v.run).is_some_and(|people| !people.scores(v.item, v.column).is_empty())
    }
}

fn pair_up(ours: &[PooledVerdict], labels: &Labels, spread: &Spread, a: String, b: String) -> Pairs {
    let names = RowNames::of(ours);
    let side = |v: &PooledVerdict| usize::from(*v.arm == *b);
    let rows = matched(ours.iter().filter_map(|v| {
        Some(Score {
            criterion: names.name(v)?,
            case: &v.case_id,
            side: side(v),
            score: v.score,
            generation: v.generation,
            people: labels.label(v),
            cluster: v.cluster.as_deref(),
            tags: &v.tags,
            item: None,
        })
    }));
    // A key that only one arm was asked counts against the other's coverage.
    let mut keys: HashMap<&str, HashSet<(&str, u32, u32)>> = HashMap::new();
    let mut scored: HashMap<&str, [usize; 2]> = HashMap::new();
    let mut checked: HashMap<&str, HashSet<&str>> = HashMap::new();
    // One verdict of each row, which names its criterion and fingerprint.
    let mut own: HashMap<&str, &PooledVerdict> = HashMap::new();
    for v in ours {
        let Some(name) = names.name(v) else { continue };
        own.entry(name).or_insert(v);
        keys.entry(name).or_default().insert((&v.case_id, v.generation, v.repeat));
        scored.entry(name).or_default()[side(v)] += usize::from(v.score.is_some());
        if labels.is_checked(v) {
            checked.entry(name).or_default().insert(&v.case_id);
        }
    }
    let share = |row: &Matched| {
        let asked = keys.get(row.name.as_str()).map_or(0, HashSet::len);
        let [a, b] = scored.get(row.name.as_str()).copied().unwrap_or_default();
        (coverage(a, asked), coverage(b, asked))
    };
    let shares = rows.iter().map(share).collect();
    let humans = rows.iter().map(|row| checked.get(row.name.as_str()).map_or(0, HashSet::len)).collect();
    let own = |row: &Matched| own.get(row.name.as_str()).copied();
    // The noise floor of a row: over the cases that both arms have, judged as often as they were.
    let floor = |row: &Matched| {
        let v = own(row)?;
        spread.floor(&v.criterion, v.fingerprint, row.passes())
    };
    let itself = |row: &Matched| {
        let v = own(row)?;
        Some((row.name.clone(), spread.itself(&v.criterion, v.fingerprint)?))
    };
    let (floors, itself) = (rows.iter().map(floor).collect(), rows.iter().filter_map(itself).collect());
    Pairs { coverage: shares, floors, humans, flagged: 0, rows, itself, names: (a, b) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::verdict::State;
    use crate::eval::compare::is_noise;

    fn verdict(case: &str, arm: &str, version: &str, repeat: u32, score: Option<u8>) -> PooledVerdict {
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
            state: if score.is_some() { State::Scored } else { State::Refused },
            score,
            dictated: false,
            cluster: None,
            tags: Vec::new().into(),
        }
    }

    fn pairs(rows: Vec<PooledVerdict>) -> Pairs {
        let spread = Spread::of(&rows);
        pair_up(&one_for_each_key(rows), &Labels::default(), &spread, "a".into(), "b".into())
    }

    #[test]
    fn a_change_below_the_judges_own_spread_is_noise() {
        let mut rows = Vec::new();
        for case in ["c1", "c2", "c3", "c4"] {
            for (arm, passes) in [("a", [3, 4]), ("b", [4, 4])] {
                rows.extend((0..).zip(passes).map(|(n, s)| verdict(case, arm, "v", n, Some(s))));
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
            pairs(vec![verdict("c", "a", "v", 0, Some(1)), verdict("c", "b", "v", 0, Some(5))]).floors,
            [None]
        );
    }

    #[test]
    fn a_key_that_two_runs_asked_counts_once_and_the_newest_score_counts() {
        let found = pairs(vec![
            verdict("c", "a", "v", 0, Some(1)),
            verdict("c", "b", "v", 0, Some(5)),
            verdict("c", "a", "v", 0, Some(3)),
            verdict("c", "a", "v", 0, None),
            verdict("c", "a", "v", 1, Some(5)),
        ]);
        assert_eq!(found.rows[0].input().pairs[0].a, Some(4.0), "3 of repeat 0 and 5 of repeat 1");
        assert_eq!(found.coverage, [(1.0, 0.5)], "b was never asked for repeat 1");
    }

    #[test]
    fn two_versions_of_a_criterion_are_never_paired() {
        let found = pairs(vec![verdict("c", "a", "v1", 0, Some(1)), verdict("c", "b", "v2", 0, Some(5))]);
        assert_eq!(found.rows.len(), 2);
        for row in found.rows.iter().map(Matched::input) {
            assert!(row.name.starts_with("accuracy@"), "{}", row.name);
            assert!(row.pairs.iter().all(|p| p.a.is_none() || p.b.is_none()));
        }
    }

    #[test]
    fn each_item_may_bring_its_own_question() {
        let found = pairs(vec![
            verdict("c1", "a", "q1", 0, Some(1)),
            verdict("c1", "b", "q1", 0, Some(2)),
            verdict("c2", "a", "q2", 0, Some(3)),
            verdict("c2", "b", "q2", 0, Some(4)),
        ]);
        assert_eq!((found.rows.len(), found.rows[0].name.as_str()), (1, "accuracy"));
        assert_eq!(found.rows[0].input().pairs.len(), 2);
    }
}
