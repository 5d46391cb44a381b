//! Many judged runs: revisions of the first prompt, one after another, on the same cases by one judge.
//!
//! ```text
//! cases -> for each run: responses of revision r, a verdict for each of (case, criterion, pass) -> a finished run
//! ```
//! A case has a worth of its own, revisions drift a little, and each pass of the judge errs by itself, so that comparisons,
//! trends and noise have something to find.

use super::{CRITERIA, Dice, PASSES, RegistrySize, line};
use crate::core::digest::Digest;
use crate::core::item::{Case, Subject};
use crate::core::rubric;
use crate::core::verdict::{Reading, VerdictState};
use crate::store::{Arm, NewResponse, NewRun, NewVerdict, Result, RunItem, RunSpec, Store, StoreError};
use serde_json::json;

/// The name of the case set.
const SET: &str = "made-up";
/// The judge's name.
pub const JUDGE: &str = "made-up-judge";

/// Judges `runs` revisions of the first prompt; as many verdicts in each as make up the shape's number, rounded down to whole
/// cases.
///
/// # Errors
/// When the registry cannot be written.
pub fn history(shape: &RegistrySize, runs: usize, store: &mut Store) -> Result<()> {
    let cases = (shape.verdicts / runs.max(1) / (CRITERIA.len() * PASSES)).max(1);
    let case = |at: usize| Case {
        id: format!("case-{at:06}"),
        vars: [("input", format!("Question {at}.")), ("language", "English".to_owned())]
            .map(|(k, v)| (k.to_owned(), v.into()))
            .into_iter()
            .collect(),
        reference: None,
        tags: Vec::new(),
        cluster: None,
    };
    let (set, _) = store.import_cases(SET, (0..cases).map(case).collect())?;
    let name = shape.name(0).map_err(|e| StoreError::Invalid(e.to_string()))?;
    let spec = RunSpec {
        set: set.name.clone(),
        set_digest: set.digest,
        rubric: "criteria".into(),
        criteria: CRITERIA.map(rubric::by_name).to_vec(),
        own_criterion: false,
        judge: JUDGE.into(),
        judge_config: json!({"made_up": true}),
        model: None,
        model_config: None,
        repeats: PASSES as u32,
        max_cost_usd: None,
        max_calls: None,
        until: None,
        includes: Default::default(),
        max_tokens: None,
        checks: Vec::new(),
        generations: 1,
        batch: false,
    };
    for revision in 1..=runs {
        let arm = Arm {
            name: format!("{name}@r{revision}+made-up"),
            prompt: Some((name.clone(), revision as u32)),
            model: Some("made-up".into()),
        };
        let item = |at: usize| {
            let item = RunItem {
                ord: at as u32,
                case_id: format!("case-{at:06}"),
                arm: arm.name.clone(),
                set_id: set.id,
                repeat: 0,
                cluster: None,
                tags: Vec::new(),
            };
            (item, arm.clone())
        };
        let texts: Vec<String> = (0..cases).map(|at| response(shape, revision, at)).collect();
        let responses: Vec<NewResponse> = texts
            .iter()
            .enumerate()
            .map(|(at, text)| NewResponse {
                set_id: set.id,
                case_id: format!("case-{at:06}"),
                arm: arm.clone(),
                repeat: 0,
                subject: Subject { prompt: format!("Question {at}."), ..Subject::default() },
                text: Ok(text.clone()),
                detail: json!({}),
            })
            .collect();
        let verdicts: Vec<NewVerdict> = texts
            .iter()
            .enumerate()
            .flat_map(|(at, text)| verdicts(shape, &spec, revision, at, Digest::of(text)))
            .collect();
        let run = NewRun { spec: spec.clone(), items: (0..cases).map(item).collect() };
        store.add_judged_run(&run, &Digest::of(JUDGE), &responses, &verdicts)?;
    }
    Ok(())
}

fn response(shape: &RegistrySize, revision: usize, case: usize) -> String {
    let mut dice = Dice::of([shape.seed, (1 << 42) + revision as u64, case as u64]);
    let lines: Vec<String> = (0..4).map(|_| line(&mut dice)).collect();
    format!("Response {case} of revision {revision}.\n{}", lines.join("\n"))
}

/// All verdicts on one response: one in fifty is a failure.
fn verdicts(
    shape: &RegistrySize,
    spec: &RunSpec,
    revision: usize,
    case: usize,
    response: Digest,
) -> Vec<NewVerdict> {
    let mut worth = Dice::of([shape.seed, 1 << 43, case as u64]);
    let base = 2 + worth.below(4);
    let mut dice = Dice::of([shape.seed, (1 << 44) + revision as u64, case as u64]);
    let mut out = Vec::with_capacity(CRITERIA.len() * PASSES);
    for (column, criterion) in (0..).zip(&spec.criteria) {
        // Later revisions are a little better; one case in thirty breaks.
        let better = usize::from(dice.below(200) < revision);
        let seen = if dice.below(30) == 0 { 1 } else { base + better };
        for repeat in 0..PASSES as u32 {
            let refused = dice.below(50) == 0;
            let score = (seen + dice.below(5) / 2).saturating_sub(1).clamp(1, 5) as u8;
            let explanation = format!("made up for measuring: {}", line(&mut dice));
            let reading = Reading {
                score,
                evidence: Vec::new(),
                explanation,
                injection_suspected: false,
                repairs: Vec::new(),
            };
            out.push(NewVerdict {
                item: case as u32,
                criterion: column,
                repeat,
                state: if refused { VerdictState::Refused } else { VerdictState::Scored },
                reading: (!refused).then_some(reading),
                reason: if refused { "made up for measuring".into() } else { String::new() },
                criterion_version: criterion.version(),
                fingerprint: Digest::of(JUDGE),
                response: Some(response),
                cache_key: None,
                cached: false,
                rung: "schema".into(),
                flags: Vec::new(),
                model_returned: Some("made-up".into()),
                finish_reason: Some("stop".into()),
                prompt_tokens: Some(400 + dice.below(50) as u64),
                completion_tokens: Some(60 + dice.below(20) as u64),
                cost_usd: None,
                latency_ms: 200 + dice.below(300) as u64,
                attempts: 1,
                nonce: String::new(),
                raw: b"{}".to_vec(),
            });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_run_is_of_a_revision_and_holds_its_share_of_the_verdicts() {
        let shape = RegistrySize { prompts: 1, revisions: 4, verdicts: 330, seed: 5 };
        let mut store = Store::in_memory().unwrap();
        shape.revisions().for_each(|rows| assert!(store.import_revisions(rows).is_ok()));
        history(&shape, 3, &mut store).unwrap();
        let runs = store.runs(None).unwrap();
        let of = |run: &crate::store::RunInfo| store.cells(&run.id).unwrap().len();
        assert_eq!(runs.iter().map(of).collect::<Vec<_>>(), [110; 3]);
        assert!(runs.iter().all(|r| r.state == crate::store::RunState::Complete && !r.imported));
        let scores = store.revision_scores(&shape.name(0).unwrap()).unwrap();
        let seqs: std::collections::BTreeSet<u32> = scores.iter().map(|s| s.seq).collect();
        assert_eq!((seqs.into_iter().collect::<Vec<_>>(), scores.len()), (vec![1, 2, 3], 15));
        assert!(store.fsck().unwrap().faults.is_empty());
    }
}
