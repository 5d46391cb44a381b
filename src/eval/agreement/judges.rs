//! Judges side by side: which of two goes with people more closely, on the responses that both judged and people scored.
//!
//! ```text
//! runs -> by question and judge: (case, arm, response) -> people's mean, the judge's mean
//!      -> every two judges on what they share -> difference of kappa, same score, distance; corrected for all pairs together
//! ```
//! What is easy or hard for both cancels: each figure of both is of the same items and the same labels.

use super::{AgreementData, AgreementFilter};
use crate::core::digest::Digest;
use crate::core::rubric;
use crate::core::stats::decision::{enough, level_of_each};
use crate::core::stats::judges::{ByBoth, JudgesDifference, judges_difference};
use crate::store::{Result, Store};
use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};

/// One of the judges.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct JudgeOf {
    /// Its name.
    pub name: String,
    /// Its fingerprint.
    pub fingerprint: Option<Digest>,
}

/// Two judges on one question.
#[derive(Debug, Clone, PartialEq)]
pub struct TwoJudges {
    /// The criterion's name.
    pub criterion: String,
    /// The version of its question.
    pub question: Digest,
    /// The first, by name.
    pub first: JudgeOf,
    /// The second.
    pub second: JudgeOf,
    /// Responses that both judged and people scored.
    pub items: usize,
    /// Independent sources among them.
    pub sources: usize,
    /// The figures, their intervals at 95 %.
    pub figures: JudgesDifference,
    /// Whose mean distance from people is smaller, at the level at which the statements on all pairs hold together: `Greater`
    /// for the first. `None` where it may be chance. The distance decides: its interval holds from few items on.
    pub closer: Option<Ordering>,
    /// How many pairs and questions were compared together.
    pub together: usize,
}

impl TwoJudges {
    /// What it comes to, as JSON has it: `first`, `second`, `no_evidence`, `too_few`.
    pub fn word(&self) -> &'static str {
        match self.closer {
            _ if !enough(self.sources) => "too_few",
            Some(Ordering::Greater) => "first",
            Some(Ordering::Less) => "second",
            _ => "no_evidence",
        }
    }

    /// The same as a sentence; names are put in as they are given.
    pub fn sentence(&self, first: &str, second: &str) -> String {
        match self.word() {
            "first" => format!("{first} goes with people more closely than {second}"),
            "second" => format!("{second} goes with people more closely than {first}"),
            "too_few" => "too few labelled responses to tell".to_owned(),
            _ => format!("the labels show no difference between {first} and {second} beyond chance"),
        }
    }
}

/// A response as every run of it has it: case, arm, generation, text.
type ResponseKey = (String, String, u32, Digest);

/// People's mean, the judge's mean, and the source.
type MeanPair = (f64, f64, String);

/// Every two judges of these runs that share labelled responses on a question, by criterion; `wanted` says which labels count
/// (its criterion is not looked at). Of several runs of one judge the later in the list counts.
///
/// # Errors
/// When the registry cannot be read.
pub fn judges(store: &Store, grounds: &[AgreementData], wanted: &AgreementFilter) -> Result<Vec<TwoJudges>> {
    let mut said: BTreeMap<(String, Digest), BTreeMap<JudgeOf, HashMap<ResponseKey, MeanPair>>> =
        BTreeMap::new();
    for ground in grounds {
        let run = &ground.run;
        let responses = store.shown_responses(&run.id)?;
        let judge = JudgeOf { name: run.spec.judge.clone(), fingerprint: run.fingerprint };
        for (criterion, name) in (0_u32..).zip(&run.criteria) {
            let asked = run.spec.criteria.get(criterion as usize).filter(|_| !run.spec.own_criterion);
            let question = asked.map_or_else(|| rubric::by_name(name).version(), rubric::Criterion::version);
            let pairs = ground.counted(&AgreementFilter { criterion, ..wanted.clone() }).pairs;
            if pairs.is_empty() {
                continue;
            }
            let of = said.entry((name.clone(), question)).or_default().entry(judge.clone()).or_default();
            for pair in pairs {
                let item = ground.items.get(pair.item as usize);
                let Some((item, response)) = item.zip(responses.get(&pair.item)) else { continue };
                let source = item.cluster.clone().unwrap_or_else(|| item.case_id.clone());
                let key = (item.case_id.clone(), item.arm.clone(), item.repeat, *response);
                of.insert(key, (pair.means.0, pair.means.1, source));
            }
        }
    }
    let mut found = Vec::new();
    for ((criterion, question), judges) in &said {
        let judges: Vec<_> = judges.iter().collect();
        for (at, (first, one)) in judges.iter().enumerate() {
            for (second, other) in judges.iter().skip(at + 1) {
                let (items, sources) = shared(one, other);
                if !items.is_empty() {
                    found.push((criterion, question, (*first, *second), items, sources));
                }
            }
        }
    }
    let together = found.len();
    let pair = |(criterion, question, (first, second), items, sources): (
        &String,
        &Digest,
        (&JudgeOf, &JudgeOf),
        Vec<ByBoth>,
        Vec<u32>,
    )| {
        let strict = judges_difference(&items, Some(&sources), level_of_each(together));
        TwoJudges {
            criterion: criterion.clone(),
            question: *question,
            first: first.clone(),
            second: second.clone(),
            items: items.len(),
            sources: sources.iter().collect::<std::collections::BTreeSet<_>>().len(),
            figures: judges_difference(&items, Some(&sources), 0.95),
            closer: strict.mae.sign().map(Ordering::reverse),
            together,
        }
    };
    Ok(found.into_iter().map(pair).collect())
}

/// The items of both, in a fixed order, with the source of each.
fn shared(
    one: &HashMap<ResponseKey, MeanPair>,
    other: &HashMap<ResponseKey, MeanPair>,
) -> (Vec<ByBoth>, Vec<u32>) {
    let both: BTreeMap<&ResponseKey, (&MeanPair, &MeanPair)> =
        one.iter().filter_map(|(key, a)| Some((key, (a, other.get(key)?)))).collect();
    let mut known: HashMap<&str, u32> = HashMap::new();
    let row = |(a, b): (&'_ MeanPair, &MeanPair)| ByBoth { people: a.0, first: a.1, second: b.1 };
    let mut sources = Vec::with_capacity(both.len());
    for (a, _) in both.values() {
        let next = known.len() as u32;
        sources.push(*known.entry(&a.2).or_insert(next));
    }
    (both.into_values().map(row).collect(), sources)
}
