//! A run and its verdicts, made without a judge: for processes that only write.

use assize::core::digest::Digest;
use assize::core::item::{Item, Subject};
use assize::core::rubric::Criterion;
use assize::core::verdict::{Reading, VerdictState};
use assize::store::{Arm, CaseSetInfo, NewRun, NewVerdict, RunItem, RunSpec, Store};

/// A criterion named "accuracy".
pub fn criterion(question: &str) -> Criterion {
    Criterion {
        name: "accuracy".into(),
        question: question.into(),
        anchors: ["1", "2", "3", "4", "5"].map(String::from).to_vec(),
        scale: assize::core::rubric::Scale::OneToFive,
        steps: vec![],
        generic: false,
    }
}

/// One pass of judge `j`, with no cap.
pub fn spec(set: &CaseSetInfo, criteria: Vec<Criterion>) -> RunSpec {
    RunSpec {
        set: set.name.clone(),
        set_digest: set.digest,
        rubric: "r".into(),
        criteria,
        own_criterion: false,
        judge: "j".into(),
        judge_config: serde_json::json!({}),
        model: None,
        model_config: None,
        repeats: 1,
        max_cost_usd: None,
        max_calls: None,
        until: None,
        includes: Default::default(),
        max_tokens: None,
        checks: Vec::new(),
        generations: 1,
        batch: false,
    }
}

/// A case of a plan.
pub fn run_item(set: &CaseSetInfo, ord: u32, case: &str, arm: &Arm) -> RunItem {
    RunItem {
        ord,
        case_id: case.into(),
        arm: arm.name.clone(),
        set_id: set.id,
        repeat: 0,
        cluster: None,
        tags: vec![],
    }
}

/// A run of one item that may be judged as often as wanted; its id.
pub fn a_run(store: &mut Store) -> String {
    let subject = Subject { prompt: "?".into(), ..Subject::default() };
    let item = Item { id: "a".into(), arm: "x".into(), response: "one".into(), subject, verdicts: vec![] };
    let set = store.import_items("set", vec![item]).unwrap().set;
    let spec = RunSpec { repeats: 100_000, ..spec(&set, vec![criterion("Is it right?")]) };
    let arm = Arm { name: "x".into(), prompt: None, model: None };
    let item = run_item(&set, 0, "a", &arm);
    store.create_run(&NewRun { spec, items: vec![(item, arm)] }).unwrap()
}

/// One of its verdicts: two of three are scored.
pub fn verdict(i: u32) -> NewVerdict {
    let scored = !i.is_multiple_of(3);
    NewVerdict {
        item: 0,
        criterion: 0,
        repeat: i,
        state: if scored { VerdictState::Scored } else { VerdictState::TimedOut },
        reading: scored.then(|| Reading {
            score: (i % 5 + 1) as u8,
            evidence: vec![format!("quote {i}")],
            explanation: format!("because {i}"),
            injection_suspected: false,
            repairs: vec![],
        }),
        reason: if scored { String::new() } else { "no answer in time".into() },
        criterion_version: Digest::of("criterion"),
        fingerprint: Digest::of("judge"),
        response: Some(Digest::of("one")),
        cache_key: None,
        cached: false,
        rung: "schema".into(),
        flags: vec![],
        model_returned: Some("m".into()),
        finish_reason: Some("stop".into()),
        prompt_tokens: Some(10),
        completion_tokens: None,
        cost_usd: Some(0.001),
        latency_ms: 12,
        attempts: 1,
        nonce: format!("{i:04x}"),
        raw: format!("{{\"score\": {i}}}").into_bytes(),
    }
}
