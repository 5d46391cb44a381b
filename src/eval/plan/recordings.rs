//! What a recorded judge knows of a plan: it replays imported verdicts, and has nothing to say of any other question.

use super::super::error::EvalError;
use super::super::recorded::{candidates, load, several_fit};
use super::arms::{PlanItem, Response};
use super::{PlanNotes, own_of};
use crate::core::digest::Digest;
use crate::core::rubric::Criterion;
use crate::core::text;
use crate::judge::recorded::{RecordedAnswer, RecordedKey};
use crate::judge::{Lookup, RecordedJudge};
use crate::store::runs::OWN;
use crate::store::{RunSpec, Store};

/// How much of a plan a judge knows.
#[derive(Default)]
struct RecordedShare {
    planned: usize,
    known: usize,
    /// Recorded with different results.
    unlike: usize,
    /// Texts recorded as the answer to another prompt.
    elsewhere: usize,
}

/// The recorded judge that is meant: the named one, or the only one that knows anything of the plan; `None` where none does.
/// Refuses a plan of which nothing was recorded, and says how much of it would fail.
///
/// # Errors
/// When no verdicts were imported, none of this judge, or several judges fit.
pub(super) fn choose(
    store: &Store,
    of: Option<&str>,
    spec: &RunSpec,
    rows: &[PlanItem],
    notes: &mut PlanNotes,
) -> Result<Option<String>, EvalError> {
    let named = candidates(store, of)?;
    let mut fitting: Vec<(String, RecordedShare)> = Vec::new();
    let mut elsewhere = 0;
    for name in &named {
        let known = known(&load(store, name)?, spec, rows);
        elsewhere += known.elsewhere;
        if known.known > 0 || known.planned == 0 {
            fitting.push((name.clone(), known));
        }
    }
    match fitting.as_slice() {
        [] => {
            notes.refused.push(nothing(of, spec, elsewhere));
            Ok(of.map(ToOwned::to_owned))
        }
        [(name, known)] => {
            warn(known, notes);
            Ok(Some(name.clone()))
        }
        several => Err(several_fit(&several.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>())),
    }
}

fn known(judge: &RecordedJudge, spec: &RunSpec, rows: &[PlanItem]) -> RecordedShare {
    let named: Vec<Digest> = spec.criteria.iter().map(Criterion::version).collect();
    let mut out = RecordedShare::default();
    for row in rows.iter().filter(|r| !matches!(r.response, Response::Failed)) {
        let stored = match &row.response {
            Response::Stored { subject, text } => Some((subject, Digest::of(text))),
            _ => None,
        };
        let place = Lookup { set: spec.set.clone(), case_id: row.case_id.clone(), arm: row.arm.name.clone() };
        let own = stored.as_ref().and_then(|(subject, _)| own_of(subject)).map(|c| c.version());
        let versions = if spec.own_criterion { own.as_slice() } else { named.as_slice() };
        out.planned += if spec.own_criterion { 1 } else { named.len() } * spec.repeats as usize;
        let Some((subject, response)) = stored else { continue };
        for (criterion, repeat) in versions.iter().flat_map(|v| (0..spec.repeats).map(move |n| (v, n))) {
            let key = RecordedKey { response, criterion: *criterion, repeat };
            match judge.find(&key, &place, &subject.prompt) {
                RecordedAnswer::Nothing => {}
                RecordedAnswer::OtherPrompt => out.elsewhere += 1,
                RecordedAnswer::Reply(_) => out.known += 1,
                RecordedAnswer::Conflict(_) => {
                    out.known += 1;
                    out.unlike += 1;
                }
            }
        }
    }
    out
}

/// Why a plan of which nothing was recorded is refused.
fn nothing(of: Option<&str>, spec: &RunSpec, elsewhere: usize) -> String {
    let criteria: Vec<&str> = spec.criteria.iter().map(|c| c.name.as_str()).collect();
    let criteria = if spec.own_criterion { OWN.to_owned() } else { criteria.join(", ") };
    let by = of.map(|name| format!(" by '{name}'")).unwrap_or_default();
    let texts = match elsewhere {
        0 => String::new(),
        n => format!(" ({} stood as the answer to another prompt)", text::plural(n, "text", "texts")),
    };
    format!(
        "no verdict on {criteria} was recorded{by} for these responses{texts}, and a recorded judge asks nobody: choose a \
         question that was recorded{}, or another judge. What counts is the response's text and the criterion's exact \
         wording, not its name",
        if spec.own_criterion { "" } else { ", such as each item's own criterion" }
    )
}

fn warn(known: &RecordedShare, notes: &mut PlanNotes) {
    if known.known < known.planned {
        notes.warnings.push(format!(
            "{} of {} were recorded: the others will have no score (E)",
            text::count(known.known as u64),
            text::plural(known.planned, "verdict", "verdicts"),
        ));
    }
    if known.unlike > 0 {
        notes.warnings.push(format!(
            "{} recorded more than once with different results, which will have no score (?): `run show --items` names the runs",
            text::plural(known.unlike, "verdict was", "verdicts were"),
        ));
    }
}
