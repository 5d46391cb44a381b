//! Which pairs there are: two arms' stored responses to the same cases.

use super::super::error::EvalError;
use super::super::estimate::question_bytes;
use super::super::plan::{PlanNotes, RubricChoice, SetChoice, criteria_of, some};
use crate::core::digest::Digest;
use crate::core::item::{Item, Subject};
use crate::core::prompt::Reference;
use crate::core::rubric::Criterion;
use crate::store::{Arm, CaseSetInfo, Store};
use std::collections::HashMap;
use std::sync::Arc;

/// Which arms are held side by side, on what, and by whom.
#[derive(Debug, Clone, PartialEq)]
pub struct PairwiseRequest {
    /// The first arm: its name, or `NAME[@SEL][+MODEL]`.
    pub a: String,
    /// The second arm.
    pub b: String,
    /// The case set; the one that both arms have responses in when absent.
    pub set: Option<SetChoice>,
    /// The questions.
    pub rubric: RubricChoice,
    /// A configured judge, or `URL#MODEL`.
    pub judge: String,
    /// Calls in flight; the judge's configured number when absent.
    pub concurrency: Option<usize>,
    /// Cap for one invocation, in HTTP requests.
    pub max_calls: Option<u64>,
    /// Failed questions are asked again.
    pub retry: bool,
}

/// Two responses to one case.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ResponsePair {
    pub case_id: String,
    pub subject: Arc<Subject>,
    pub subject_digest: Digest,
    a: (Arc<str>, Digest),
    b: (Arc<str>, Digest),
}

impl ResponsePair {
    pub fn texts(&self, a_first: bool) -> (Arc<str>, Arc<str>) {
        let (a, b) = (Arc::clone(&self.a.0), Arc::clone(&self.b.0));
        if a_first { (a, b) } else { (b, a) }
    }

    pub fn digests(&self, a_first: bool) -> (&Digest, &Digest) {
        if a_first { (&self.a.1, &self.b.1) } else { (&self.b.1, &self.a.1) }
    }

    /// Bytes that the judge is sent for one question.
    pub fn bytes(&self, criterion: &Criterion) -> usize {
        question_bytes(&self.subject, self.a.0.len() + self.b.0.len(), criterion)
    }
}

/// What a comparison is about.
#[derive(Debug, Clone, PartialEq)]
pub struct PairPlan {
    /// The case set.
    pub set: CaseSetInfo,
    /// A and B by their full names.
    pub arms: (Arm, Arm),
    /// The questions, in order.
    pub criteria: Vec<Criterion>,
    /// Cases to which only one of the arms has a response; they make no pair.
    pub unpaired: usize,
    /// Worth knowing.
    pub warnings: Vec<String>,
    pub(super) pairs: Vec<ResponsePair>,
}

impl PairPlan {
    /// How many pairs there are.
    pub fn pairs(&self) -> usize {
        self.pairs.len()
    }

    /// How many questions: each pair under each criterion, in both orders.
    pub fn questions(&self) -> usize {
        self.pairs.len() * self.criteria.len() * 2
    }
}

/// Finds the pairs. Nothing is sent, nothing is stored.
///
/// # Errors
/// When an arm, a set or a rubric does not exist or is ambiguous, or the arms have no case in common.
pub fn plan_pairs(store: &Store, request: &PairwiseRequest) -> Result<PairPlan, EvalError> {
    let mut notes = PlanNotes::default();
    let (_, criteria, _) = criteria_of(store, &request.rubric, &mut notes)?;
    if criteria.is_empty() {
        return Err(EvalError::Input("which question? give --rubric NAME or --criteria a,b".into()));
    }
    if request.max_calls == Some(0) {
        return Err(EvalError::Input("a cap on calls is at least 1".into()));
    }
    let (set, a, b) = ground(store, request)?;
    if a == b {
        return Err(EvalError::Input(format!("'{a}' is both arms: name two")));
    }
    let known = store.arms()?;
    let arm = |name: &str| {
        let bare = || Arm { name: name.to_owned(), prompt: None, model: None };
        known.iter().find(|k| k.name == name).cloned().unwrap_or_else(bare)
    };
    let of_a = by_case(store, &set, &a)?;
    let of_b = by_case(store, &set, &b)?;
    let all = of_a.len() + of_b.len();
    let (mut pairs, mut differ) = (Vec::new(), 0);
    let mut of_a: HashMap<String, Item> = of_a.into_iter().map(|item| (item.id.clone(), item)).collect();
    for item_b in of_b {
        let Some(item_a) = of_a.remove(&item_b.id) else { continue };
        let (subject, same) = common(&item_a.subject, &item_b.subject);
        differ += usize::from(!same);
        let subject_digest = subject.digest().unwrap_or_else(|_| Digest::of(&subject.prompt));
        let side = |text: &str| (Arc::from(text), Digest::of(text));
        pairs.push(ResponsePair {
            case_id: item_b.id,
            subject: Arc::new(subject),
            subject_digest,
            a: side(&item_a.response),
            b: side(&item_b.response),
        });
    }
    if pairs.is_empty() {
        return Err(EvalError::Input(format!(
            "'{a}' and '{b}' have no case of '{}' in common that both answered",
            set.name
        )));
    }
    if differ > 0 {
        notes.warnings.push(format!(
            "in {differ} of {} pairs the arms answered different prompts: the judge is shown what they have in common",
            pairs.len()
        ));
    }
    let unpaired = all - 2 * pairs.len();
    let arms = (arm(&a), arm(&b));
    Ok(PairPlan { set, arms, criteria, unpaired, warnings: notes.warnings, pairs })
}

/// Responses of an arm that can be judged, in the order of the cases.
fn by_case(store: &Store, set: &CaseSetInfo, arm: &str) -> Result<Vec<Item>, EvalError> {
    let mut items = store.items_of(set.id, &[arm.to_owned()], 0)?;
    let places: HashMap<String, usize> =
        items.iter().enumerate().map(|(at, item)| (item.id.clone(), at)).collect();
    // A later response for the same case replaces an earlier one.
    let mut at = 0..;
    items.retain(|item| at.next() == places.get(&item.id).copied() && !item.response.trim().is_empty());
    Ok(items)
}

/// The set, and the full names of both arms in it.
fn ground(store: &Store, request: &PairwiseRequest) -> Result<(CaseSetInfo, String, String), EvalError> {
    let sets = match &request.set {
        Some(SetChoice::Named(name)) => vec![store.case_set(name)?],
        Some(SetChoice::Version(name, digest)) => vec![store.case_set_by_digest(name, digest)?],
        None => newest(store.case_sets()?),
    };
    let (texts, mut found, mut why) = ([&request.a, &request.b], Vec::new(), None);
    for set in sets {
        match (arm_in(store, &set, texts[0]), arm_in(store, &set, texts[1])) {
            (Ok(a), Ok(b)) => found.push((set, a, b)),
            (Err(error), _) | (_, Err(error)) => why = why.or(Some(error)),
        }
    }
    match (found.len(), request.set.is_some()) {
        (1, _) => {}
        (0, true) => {
            return Err(why.unwrap_or_else(|| EvalError::Input("there is no such set".into())));
        }
        (0, false) => {
            return Err(EvalError::Input(format!(
                "no case set holds responses of both '{}' and '{}': `assize cases list` shows the arms of each set",
                request.a, request.b
            )));
        }
        _ => {
            let names: Vec<String> =
                found.iter().map(|(set, _, _)| format!("--cases {}", set.name)).collect();
            return Err(EvalError::Input(format!(
                "both arms have responses in several sets; choose one: {}",
                some(&names)
            )));
        }
    }
    found.pop().ok_or_else(|| EvalError::Internal("a set was lost".into()))
}

/// The newest version of each set.
fn newest(sets: Vec<CaseSetInfo>) -> Vec<CaseSetInfo> {
    let mut by_name: Vec<CaseSetInfo> = Vec::new();
    for set in sets {
        match by_name.iter_mut().find(|known| known.name == set.name) {
            Some(known) if known.id < set.id => *known = set,
            Some(_) => {}
            None => by_name.push(set),
        }
    }
    by_name
}

/// The one arm of a set that a name means.
fn arm_in(store: &Store, set: &CaseSetInfo, text: &str) -> Result<String, EvalError> {
    if set.arms.iter().any(|arm| arm == text) {
        return Ok(text.to_owned());
    }
    let (prompt, model) = text.split_once('+').map_or((text, None), |(p, m)| (p, Some(m)));
    let base = prompt
        .parse::<Reference>()
        .ok()
        .and_then(|r| store.resolve(&r.name, &r.selector).ok())
        .map_or_else(|| prompt.to_owned(), |info| format!("{}@r{}", info.name, info.seq));
    let fits = |arm: &&String| match (arm.split_once('+'), model) {
        (Some((of, by)), Some(model)) => of == base && by == model,
        (Some((of, _)), None) => of == base,
        (None, _) => **arm == base && model.is_none(),
    };
    let found: Vec<String> = set.arms.iter().filter(fits).cloned().collect();
    match found.as_slice() {
        [one] => Ok(one.clone()),
        [] => Err(EvalError::Input(format!(
            "the set '{}' has no responses of an arm '{text}'; it has: {}",
            set.name,
            if set.arms.is_empty() { "none".to_owned() } else { some(&set.arms) }
        ))),
        several => Err(EvalError::Input(format!("several arms fit '{text}': {}", several.join(", ")))),
    }
}

/// What the judge is shown of two subjects, and whether they are the same. Where two prompts led to the responses, neither
/// is the measure of the other: the case's variables are shown, or both prompts in an order that says nothing.
fn common(a: &Subject, b: &Subject) -> (Subject, bool) {
    if a.prompt == b.prompt && a.vars == b.vars {
        return (a.clone(), true);
    }
    let prompt = if a.vars == b.vars && !a.vars.is_empty() {
        "Two wordings of one task were given for the input in \"variables\"; the responses answer one each."
            .to_owned()
    } else {
        let (one, two) = if a.prompt <= b.prompt { (a, b) } else { (b, a) };
        format!(
            "Two wordings of one task were given; the responses answer one each, in no particular order.\n\n{}\n\n----\n\n{}",
            one.prompt, two.prompt
        )
    };
    let vars = if a.vars == b.vars { a.vars.clone() } else { serde_json::Map::new() };
    let reference = a.reference.clone().filter(|r| b.reference.as_ref() == Some(r));
    (Subject { prompt, vars, reference, ..a.clone() }, false)
}
