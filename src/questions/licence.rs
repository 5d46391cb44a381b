//! Has a judge earned its licence on a criterion?
//!
//! ```text
//! labelled responses --by a hash of their source--> train 40 % | dev 30 % | test 30 %, the same for every judge
//! blind labels of the test part, beside the judge's verdicts -> TPR and TNR, or kappa, with intervals
//!     lower ends >= the bar -> held      else refused      labels that could not show it -> too few, nothing is looked at
//! ```
//! A licence is of a fingerprint, a version of the question, and the model that answered: where one of them is another, it has
//! lapsed. Each look at the test part is an event; the n-th look reads intervals at 1 - 0.05/n (Bonferroni), so that trying rubrics
//! until one passes does not pay.

use crate::core::digest::{Digest, RowDigest};
use crate::core::rubric::{Criterion, Scale};
use crate::core::stats::agreement::{Figure, agreement_by_score};
use crate::core::stats::confusion::{Binary, ConfusionRates, Counted};
use crate::core::stats::dist::z_star;
use crate::core::stats::labels::nominal_kappa;
use crate::eval::agreement::{AgreementData, AgreementFilter};
use crate::questions::comparison::AskedOf;
use crate::store::{Cause, EventInfo, Result, RunInfo, Store};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The least lower end of TPR and of TNR.
pub const RATE_BAR: f64 = 0.8;

/// How far below people's own agreement the lower end of a judge's kappa may lie.
pub const KAPPA_SLACK: f64 = 0.1;

/// Middle of the levels of pass and fail.
const TIE: f64 = 3.0;

/// Which part of the labels a response belongs to, for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LabelPart {
    /// May stand in a rubric as an example.
    Train,
    /// What a rubric is tried on.
    Dev,
    /// What it is licensed on.
    Test,
}

/// The part of a source (a cluster, or a case alone) on a criterion: by a hash, so that no draw has to be kept, and none can be
/// repeated until it pleases.
pub fn part_of(criterion: &str, source: &str) -> LabelPart {
    let drawn = RowDigest::new("assize.label_part.1").text(criterion).text(source).finish();
    match u32::from(drawn.as_bytes().first().copied().unwrap_or_default()) * 100 / 256 {
        0..40 => LabelPart::Train,
        40..70 => LabelPart::Dev,
        _ => LabelPart::Test,
    }
}

/// How it stands with a licence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LicenceState {
    /// It was granted, and nothing has changed since.
    Held,
    /// The test part does not show what the bar asks.
    Refused,
    /// It was granted to another fingerprint, version of the question, or answering model.
    Lapsed,
    /// The labels could not show it, whatever the judge said.
    TooFew,
}

impl LicenceState {
    /// As JSON has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Refused => "refused",
            Self::Lapsed => "lapsed",
            Self::TooFew => "too_few",
        }
    }
}

/// What is known of a judge's licence on a criterion.
#[derive(Debug, Clone)]
pub struct Licence {
    /// How it stands.
    pub state: LicenceState,
    /// Why, in a sentence without its full stop.
    pub why: String,
    /// Labelled responses of train, dev and test that the judge judged, too.
    pub parts: [usize; 3],
    /// Looks at the test part so far, this one included.
    pub openings: usize,
    /// When it was granted.
    pub since: Option<String>,
    /// What is licensed.
    pub of: LicensedPair,
    /// What the test part shows: rates of pass and fail, or kappa beside people's own.
    pub shown: Value,
}

/// To what a licence is granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LicensedPair {
    /// The judge's fingerprint.
    pub fingerprint: Option<Digest>,
    /// The version of the question.
    pub version: Digest,
    /// The models that answered.
    pub models: BTreeSet<String>,
}

impl LicensedPair {
    fn json(&self, judge: &str, criterion: &str) -> Value {
        json!({
            "judge": judge, "criterion": criterion, "fingerprint": self.fingerprint, "criterion_version": self.version,
            "models": self.models,
        })
    }

    fn is_of(&self, payload: &Value) -> bool {
        payload["fingerprint"] == json!(self.fingerprint)
            && payload["criterion_version"] == json!(self.version)
            && payload["models"] == json!(self.models)
    }
}

/// One labelled response of the test part.
#[derive(Debug, Clone, Copy)]
struct Tested {
    means: (f64, f64),
    human: u8,
    judge: u8,
    source: u32,
}

/// The labels of a judge on a criterion.
struct Gathered {
    of: LicensedPair,
    scale: Scale,
    parts: [usize; 3],
    test: Vec<Tested>,
    /// People's own agreement (kappa), where two of them scored the same responses.
    people: Option<f64>,
}

fn column_of(run: &RunInfo, criterion: &str) -> Option<u32> {
    run.criteria.iter().position(|c| c == criterion).and_then(|at| u32::try_from(at).ok())
}

fn version_of(run: &RunInfo, column: u32) -> Digest {
    let asked = run.spec.criteria.get(column as usize).filter(|_| !run.spec.own_criterion);
    let name = run.criteria.get(column as usize).map_or("", String::as_str);
    asked.map_or_else(|| Digest::of(name), Criterion::version)
}

/// The labelled responses under the newest fingerprint and version of the question; `None` where the judge never judged it.
fn gather(store: &Store, judge: &str, criterion: &str) -> Result<Option<Gathered>> {
    let is_judges = |run: &RunInfo| {
        run.spec.judge == judge
            || run.fingerprint.is_some_and(|f| judge.len() >= 8 && f.hex().starts_with(judge))
    };
    let runs: Vec<(RunInfo, u32)> = store
        .runs(None)?
        .into_iter()
        .filter(is_judges)
        .filter_map(|run| column_of(&run, criterion).map(|column| (run, column)))
        .collect();
    let Some((newest, column)) = runs.first() else { return Ok(None) };
    let (fingerprint, version) = (newest.fingerprint, version_of(newest, *column));
    let scale = newest.scale(*column);
    let mut models = BTreeSet::new();
    let mut seen: BTreeSet<(Option<Digest>, String, u32)> = BTreeSet::new();
    let mut sources: BTreeMap<String, u32> = BTreeMap::new();
    let (mut parts, mut test, mut people) = ([0; 3], Vec::new(), Vec::new());
    for (run, column) in
        runs.iter().filter(|(r, c)| r.fingerprint == fingerprint && version_of(r, *c) == version)
    {
        let data = AgreementData::read(store, &run.id)?;
        models.extend(store.models_returned(&run.id)?);
        let agreed = data.agree(&AgreementFilter { criterion: *column, ..AgreementFilter::default() });
        people.extend(agreed.ceiling.as_ref().and_then(|c| match &scale {
            Scale::Categories { ordered: false, .. } => c.figures.kappa_unweighted,
            _ => c.figures.kappa_quadratic.value,
        }));
        for pair in &agreed.pairs {
            let Some(item) = data.items.get(pair.item as usize) else { continue };
            // The newest run's verdict of a response counts.
            if !seen.insert((Some(Digest::of(&item.case_id)), item.arm.clone(), item.repeat)) {
                continue;
            }
            let source = item.cluster.as_deref().unwrap_or(&item.case_id);
            let part = part_of(criterion, source);
            if let Some(count) = parts.get_mut(part as usize) {
                *count += 1;
            }
            if part == LabelPart::Test {
                let next = sources.len() as u32;
                let source = *sources.entry(source.to_owned()).or_insert(next);
                test.push(Tested { means: pair.means, human: pair.human, judge: pair.judge, source });
            }
        }
    }
    let of = LicensedPair { fingerprint, version, models };
    Ok(Some(Gathered { of, scale, parts, test, people: people.first().copied() }))
}

/// The licence of a judge on a criterion. Looks at the test part, and keeps that it did, unless a licence is held or the labels are
/// too few to show anything. `None` where the judge never judged the criterion.
///
/// # Errors
/// When the registry cannot be read, or the look cannot be kept.
pub fn licence(store: &mut Store, judge: &str, criterion: &str, cause: &Cause) -> Result<Option<Licence>> {
    let Some(found) = gather(store, judge, criterion)? else { return Ok(None) };
    let openings = store.licence_openings()?;
    let on_criterion: Vec<_> = openings.iter().filter(|e| e.payload["criterion"] == criterion).collect();
    let mine = || on_criterion.iter().rev().filter(|e| e.payload["judge"] == judge);
    let before = on_criterion.len();
    let known = |state, why: String, since: Option<String>, shown: Value, openings: usize| Licence {
        state,
        why,
        parts: found.parts,
        openings,
        since,
        of: found.of.clone(),
        shown,
    };
    if let Some(held) = mine().find(|e| found.of.is_of(&e.payload))
        && held.payload["state"] == "held"
    {
        let why = format!("granted on {}, and nothing has changed since", held.at);
        let shown = held.payload["shown"].clone();
        return Ok(Some(known(LicenceState::Held, why, Some(held.at.clone()), shown, before)));
    }
    let lapsed = mine().find(|e| e.payload["state"] == "held").map(|e| {
        let changed = [
            ("fingerprint", "the judge's endpoint or parameters"),
            ("criterion_version", "the wording of the criterion"),
            ("models", "the answering model"),
        ];
        let now = found.of.json(judge, criterion);
        let what: Vec<&str> =
            changed.iter().filter(|(key, _)| e.payload[*key] != now[*key]).map(|(_, words)| *words).collect();
        format!("granted on {}; since then another is {}", e.at, what.join(" and "))
    });
    let level = 1.0 - 0.05 / (before + 1) as f64;
    let few = too_few(&found, level);
    match (lapsed, few) {
        (Some(why), Some(few)) => {
            let why = format!("{why}; {few}");
            Ok(Some(known(LicenceState::Lapsed, why, None, Value::Null, before)))
        }
        (None, Some(few)) => Ok(Some(known(LicenceState::TooFew, few, None, Value::Null, before))),
        (lapsed, None) => {
            let (held, why, shown) = look(&found, level);
            let state = if held { LicenceState::Held } else { LicenceState::Refused };
            let mut payload = found.of.json(judge, criterion);
            if let Some(map) = payload.as_object_mut() {
                map.insert("state".into(), json!(state.name()));
                map.insert("level".into(), json!(level));
                map.insert("shown".into(), shown.clone());
                map.insert("test".into(), json!(found.test.len()));
            }
            store.open_licence(&payload, cause)?;
            let since = if held { store.licence_openings()?.last().map(|e| e.at.clone()) } else { None };
            let why = lapsed.map_or_else(|| why.clone(), |was| format!("{was}; {why}"));
            Ok(Some(known(state, why, since, shown, before + 1)))
        }
    }
}

/// Whether what judged a criterion holds a licence on it; else what is missing, in a sentence.
///
/// # Errors
/// When the registry cannot be read.
pub fn missing(store: &Store, criterion: &str, by: &AskedOf) -> Result<Option<String>> {
    let of =
        LicensedPair { fingerprint: Some(by.fingerprint), version: by.version, models: by.models.clone() };
    let openings = store.licence_openings()?;
    let on = |e: &&EventInfo| e.payload["criterion"] == criterion && of.is_of(&e.payload);
    Ok(match openings.iter().rev().find(on) {
        Some(found) if found.payload["state"] == "held" => None,
        Some(_) => Some(format!("judge '{}' was refused a licence on it", by.judge)),
        None => Some(format!("judge '{}' has no licence on it, as it asks and answers now", by.judge)),
    })
}

/// What is missing for the test part to show anything, whatever the judge said of it.
fn too_few(found: &Gathered, level: f64) -> Option<String> {
    let count = |n: usize, what: &str| format!("{n} {what}");
    if found.scale == Scale::PassFail {
        let need = least_for_rate(level);
        let pass = found.test.iter().filter(|t| t.means.0 > TIE).count();
        let fail = found.test.len() - pass;
        return (pass < need || fail < need).then(|| {
            format!(
                "the test part has {} and {} by people's labels, and needs {need} of each",
                count(pass, "passes"),
                count(fail, "fails")
            )
        });
    }
    let sources: BTreeSet<u32> = found.test.iter().map(|t| t.source).collect();
    if sources.len() < LEAST_FOR_KAPPA {
        return Some(format!(
            "the test part has labels of {}, and needs {LEAST_FOR_KAPPA}",
            count(sources.len(), "sources")
        ));
    }
    found.people.is_none().then(|| {
        "no response is labelled by two people, so that nobody knows how far people agree themselves"
            .to_owned()
    })
}

/// Independent responses below which an interval of kappa says nothing.
const LEAST_FOR_KAPPA: usize = 20;

/// The fewest of a kind that let a judge without an error reach the bar.
fn least_for_rate(level: f64) -> usize {
    let reaches = |n: &u64| Counted::of(*n, *n, level).held.is_some_and(|(lo, _)| lo >= RATE_BAR);
    (1..10_000).find(reaches).map_or(usize::MAX, |n| n as usize)
}

fn look(found: &Gathered, level: f64) -> (bool, String, Value) {
    let ends = |e: Option<(f64, f64)>| json!(e.map(|(lo, hi)| [lo, hi]));
    if found.scale == Scale::PassFail {
        let counts = Binary::of(found.test.iter().map(|t| (t.means.0 > TIE, t.means.1 > TIE)));
        let rates: ConfusionRates = counts.rates(level);
        let low = |c: &Counted| c.held.map_or(0.0, |(lo, _)| lo);
        let held = low(&rates.tpr) >= RATE_BAR && low(&rates.tnr) >= RATE_BAR;
        let share = |c: &Counted| json!({"value": c.value, "ci": ends(c.held), "n": c.n});
        let shown =
            json!({"tpr": share(&rates.tpr), "tnr": share(&rates.tnr), "level": level, "bar": RATE_BAR});
        let words = |name: &str, c: &Counted| {
            let (lo, hi) = c.held.unwrap_or_default();
            format!("{name} {:.2} [{lo:.2}, {hi:.2}]", c.value.unwrap_or_default())
        };
        let (tpr, tnr) = (words("TPR", &rates.tpr), words("TNR", &rates.tnr));
        let judged = if held { "reach" } else { "do not both reach" };
        return (held, format!("{tpr} and {tnr}: their lower ends {judged} {RATE_BAR}"), shown);
    }
    let kappa = kappa(found, level);
    let people = found.people.unwrap_or(1.0);
    let bar = people - KAPPA_SLACK;
    let held = kappa.ci95.is_some_and(|(lo, _)| lo >= bar);
    let (lo, hi) = kappa.ci95.unwrap_or_default();
    let shown = json!({"kappa": {"value": kappa.value, "ci": ends(kappa.ci95), "n": found.test.len()}, "people": people, "level": level, "bar": bar});
    let reaches = if held { "reaches" } else { "does not reach" };
    let why = format!(
        "kappa {:.2} [{lo:.2}, {hi:.2}]: its lower end {reaches} {bar:.2}, people's own {people:.2} less {KAPPA_SLACK}",
        kappa.value.unwrap_or_default()
    );
    (held, why, shown)
}

/// Quadratic kappa, of unordered categories the plain one; its interval stretched from 95 % to the level.
fn kappa(found: &Gathered, level: f64) -> Figure {
    let pairs: Vec<(u8, u8)> = found.test.iter().map(|t| (t.human, t.judge)).collect();
    if let Scale::Categories { names, ordered: false } = &found.scale {
        let places: Vec<(usize, usize)> = pairs
            .iter()
            .filter_map(|(h, j)| Some((found.scale.place(*h)?, found.scale.place(*j)?)))
            .collect();
        let plain = nominal_kappa(&places, names.len(), level);
        return Figure { value: plain.kappa, ci95: plain.normal };
    }
    let sources: Vec<u32> = found.test.iter().map(|t| t.source).collect();
    let at_95 = agreement_by_score(&pairs, Some(&sources)).kappa_quadratic;
    let stretch = z_star(level).zip(z_star(0.95)).map_or(1.0, |(wanted, given)| wanted / given);
    let ci95 = at_95
        .value
        .zip(at_95.ci95)
        .map(|(k, (lo, hi))| ((k - (k - lo) * stretch).max(-1.0), (k + (hi - k) * stretch).min(1.0)));
    Figure { value: at_95.value, ci95 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_in_one_part_for_good_and_the_parts_have_their_shares() {
        let mut counts = [0_usize; 3];
        for at in 0..10_000 {
            let source = format!("case-{at}");
            let part = part_of("grounded", &source);
            assert_eq!(part, part_of("grounded", &source));
            counts[part as usize] += 1;
        }
        for (count, share) in counts.into_iter().zip([0.4, 0.3, 0.3]) {
            assert!((count as f64 / 10_000.0 - share).abs() < 0.02, "{counts:?}");
        }
    }

    #[test]
    fn more_looks_need_more_labels() {
        let at = |looks: f64| least_for_rate(1.0 - 0.05 / looks);
        assert!(
            at(1.0) >= 16 && at(1.0) < at(5.0) && at(5.0) < at(50.0),
            "{} {} {}",
            at(1.0),
            at(5.0),
            at(50.0)
        );
    }
}
