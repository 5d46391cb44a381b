//! What every storage promises: the same stories, told to SQLite and to memory.

use super::rows::*;
use super::rules::labels::Consent;
use super::tx::WriteTx;
use super::{Memory, StoreError};
use crate::core::digest::Digest;
use crate::core::item::Case;
use crate::core::prompt::{Label, PromptName, Selector, Template};
use crate::core::rubric::Criterion;
use crate::core::verdict::{Reading, VerdictState};
use serde_json::json;

/// Tells a story to each storage.
macro_rules! contract {
    ($($story:ident),* $(,)?) => {
        mod sqlite { $(#[test] fn $story() { super::$story(crate::store::Store::in_memory().unwrap()); })* }
        mod memory { $(#[test] fn $story() { super::$story(crate::store::Memory::default()); })* }
    };
}

contract!(
    a_history_is_what_was_registered,
    selectors_pick_and_say_what_there_is,
    a_protected_label_moves_with_consent_only,
    moves_are_taken_back_one_by_one,
    a_run_keeps_the_newest_verdict_of_each_key,
    reviews_are_in_force_until_taken_back,
    what_is_refused_changes_nothing,
);

fn name() -> PromptName {
    "support/summary".parse().unwrap()
}

fn label(text: &str) -> Label {
    text.parse().unwrap()
}

fn add(tx: &mut impl WriteTx, text: &str) -> Registered {
    tx.register(NewRevision::new(name(), Template::text(text))).unwrap()
}

fn sel(text: &str) -> Selector {
    text.parse().unwrap()
}

fn sound(tx: &impl WriteTx) {
    let report = tx.check().unwrap();
    assert!(report.faults.is_empty(), "{:?}", report.faults);
}

fn a_history_is_what_was_registered(mut tx: impl WriteTx) {
    let first = add(&mut tx, "one {{ a }}\n");
    assert!(first.new && first.revision.seq == 1 && first.revision.parent.is_none());
    assert!(!add(&mut tx, "one {{ a }}\n").new, "the newest holds it already");
    add(&mut tx, "two\r\n");
    let tagged = NewRevision {
        tags: vec!["b".into(), "a".into()],
        labels: vec![label("staging")],
        metadata: json!({"from": "here"}).as_object().unwrap().clone(),
        author: Some("ana".into()),
        message: Some("back".into()),
        ..NewRevision::new(name(), Template::text("one {{ a }}\n"))
    };
    let third = tx.register(tagged).unwrap();
    assert!(third.new, "an older text again is a new revision");
    let info = &third.revision;
    assert_eq!((info.seq, info.parent, info.digest), (3, Some(2), first.revision.digest));
    assert_eq!(
        (info.tags.clone(), info.labels.clone()),
        (vec!["a".into(), "b".into()], vec!["staging".into()])
    );
    assert_eq!(tx.text(&tx.resolve(&name(), &sel("r2")).unwrap().digest).unwrap(), "two\r\n");
    let log: Vec<u32> = tx.log(&name(), None, None).unwrap().iter().map(|r| r.seq).collect();
    assert_eq!(log, [3, 2, 1]);
    let page: Vec<u32> = tx.log(&name(), Some(3), Some(1)).unwrap().iter().map(|r| r.seq).collect();
    assert_eq!(page, [2]);
    let kinds: Vec<String> = tx.events(&name()).unwrap().into_iter().map(|e| e.kind).collect();
    assert_eq!(kinds, ["tagged", "label_set"]);
    sound(&tx);
}

fn selectors_pick_and_say_what_there_is(mut tx: impl WriteTx) {
    let one = add(&mut tx, "one").revision;
    add(&mut tx, "two");
    let found = |text: &str| tx.resolve(&name(), &sel(text)).map(|r| r.seq);
    assert_eq!(found("latest").unwrap(), 2);
    assert_eq!((found("~1").unwrap(), found("r1").unwrap(), found(&one.digest.short()).unwrap()), (1, 1, 1));
    for (text, says) in [
        ("r9", "support/summary has no revision 'r9'; it has r1 to r2"),
        ("production", "support/summary has no revision 'production'; its labels: none"),
        ("0000", "support/summary has no revision '0000'"),
    ] {
        assert_eq!(found(text).unwrap_err().to_string(), says);
    }
    let missing = tx.resolve(&"support/sumary".parse().unwrap(), &Selector::LATEST).unwrap_err();
    assert_eq!(missing.to_string(), "no prompt is named 'support/sumary'; did you mean support/summary?");
    for text in ["You are a careful reviewer. Case 201779.", "You are a careful reviewer. Case 244046."] {
        add(&mut tx, text);
    }
    assert!(matches!(tx.resolve(&name(), &sel("e6247467")), Err(StoreError::Ambiguous { .. })));
}

fn a_protected_label_moves_with_consent_only(mut tx: impl WriteTx) {
    let (production, cause) = (label("production"), Cause::default());
    for text in ["one", "two", "three"] {
        add(&mut tx, text);
    }
    let moved = tx.set_label(&name(), &production, &sel("r1"), None, Consent::Unasked, &cause).unwrap();
    assert_eq!((moved.from, moved.to), (None, Some(1)));
    let expect = Some(Expect::At(sel("r2")));
    let wrong = tx.set_label(&name(), &production, &sel("r3"), expect.as_ref(), Consent::Unasked, &cause);
    assert_eq!(
        wrong.unwrap_err().to_string(),
        "support/summary: production is at r1, and was expected to be at r2; nothing was changed"
    );
    tx.protect(&production, None, false, &cause).unwrap();
    assert_eq!(tx.protected().unwrap(), ["production"]);
    let refused = tx.set_label(&name(), &production, &sel("r2"), None, Consent::Unasked, &cause);
    assert!(matches!(refused, Err(StoreError::Protected { against: super::Guarded::Move, .. })));
    assert!(matches!(
        tx.protect(&production, Some(0.2), false, &cause),
        Err(StoreError::Protected { against: super::Guarded::Change { is: None, wanted: Some(_) }, .. })
    ));
    tx.protect(&production, Some(0.2), true, &cause).unwrap();
    assert_eq!(tx.gate_of(&production).unwrap(), Some(0.2));
    let refused = tx.set_label(&name(), &production, &sel("r2"), None, Consent::Named, &cause);
    assert!(matches!(refused, Err(StoreError::NeedsGate { now: 1, to: 2, .. })));
    tx.set_label(&name(), &production, &sel("r2"), None, Consent::Gated, &cause).unwrap();
    // Removing takes away no gate: it holds a move against where the label stood last.
    assert!(tx.remove_label(&name(), &production, false, &cause).is_err());
    tx.remove_label(&name(), &production, true, &cause).unwrap();
    assert_eq!(tx.label_stand(&name(), &production).unwrap(), Some(2));
    let refused = tx.set_label(&name(), &production, &sel("r3"), None, Consent::Named, &cause);
    assert!(matches!(refused, Err(StoreError::NeedsGate { now: 2, to: 3, .. })));
    assert!(tx.unprotect(&production, false, &cause).is_err());
    tx.unprotect(&production, true, &cause).unwrap();
    assert!(tx.unprotect(&production, true, &cause).is_err(), "it is not protected any more");
    assert_eq!((tx.protected().unwrap().len(), tx.gate_of(&production).unwrap()), (0, None));
    sound(&tx);
}

fn moves_are_taken_back_one_by_one(mut tx: impl WriteTx) {
    let (a, b, cause) = (label("a"), label("b"), Cause { author: Some("ana".into()), reason: None });
    for text in ["one", "two", "three"] {
        add(&mut tx, text);
    }
    for (label, to) in [(&a, "r1"), (&b, "r1"), (&a, "r2"), (&a, "r3")] {
        tx.set_label(&name(), label, &sel(to), None, Consent::Unasked, &cause).unwrap();
    }
    let ends = |m: LabelMove| (m.label, m.from, m.to);
    let mut back = |label: Option<&Label>| tx.undo_label(&name(), label, false, &cause);
    assert_eq!(ends(back(None).unwrap()), ("a".into(), Some(3), Some(2)));
    assert_eq!(ends(back(None).unwrap()), ("a".into(), Some(2), Some(1)));
    assert_eq!(ends(back(Some(&a)).unwrap()), ("a".into(), Some(1), None));
    assert!(back(Some(&a)).is_err());
    assert_eq!(ends(back(None).unwrap()), ("b".into(), Some(1), None));
    assert!(back(None).unwrap_err().to_string().contains("no label move to take back"));
    assert!(tx.resolve(&name(), &Selector::LATEST).unwrap().labels.is_empty());
    sound(&tx);
}

/// A run of two cases by one arm on two criteria.
fn planned(tx: &mut impl WriteTx) -> String {
    let case = |id: &str| Case {
        id: id.into(),
        vars: serde_json::Map::new(),
        reference: None,
        tags: Vec::new(),
        cluster: None,
    };
    let (set, count) = tx.import_cases("set", vec![case("x"), case("y"), case("x")]).unwrap();
    assert_eq!((count.new, count.known, set.rows), (2, 1, 2));
    assert_eq!(tx.case_set("set").unwrap().digest, set.digest);
    let criterion = |name: &str| Criterion {
        name: name.into(),
        question: format!("{name}?"),
        anchors: (0..5).map(|i| i.to_string()).collect(),
        scale: crate::core::rubric::Scale::OneToFive,
        steps: Vec::new(),
        generic: false,
    };
    let arm = Arm { name: "arm".into(), prompt: None, model: None };
    let item = |case: &str| RunItem {
        ord: 0,
        case_id: case.into(),
        arm: "arm".into(),
        set_id: set.id,
        repeat: 0,
        cluster: None,
        tags: vec!["t".into()],
    };
    let spec = json!({
        "set": "set", "set_digest": set.digest, "rubric": "r", "criteria": [], "own_criterion": false, "judge": "j",
        "judge_config": {}, "model": null, "model_config": null, "repeats": 2, "max_cost_usd": null, "max_calls": null,
    });
    let spec = RunSpec {
        criteria: vec![criterion("tone"), criterion("style")],
        ..serde_json::from_value(spec).unwrap()
    };
    let run = NewRun { spec, items: vec![(item("x"), arm.clone()), (item("y"), arm)] };
    tx.create_run(&run).unwrap()
}

fn verdict(item: u32, criterion: u32, score: Option<u8>) -> NewVerdict {
    NewVerdict {
        item,
        criterion,
        repeat: 0,
        state: if score.is_some() { VerdictState::Scored } else { VerdictState::Refused },
        reading: score.map(|score| Reading {
            score,
            explanation: "so".into(),
            evidence: Vec::new(),
            injection_suspected: false,
            repairs: Vec::new(),
        }),
        reason: if score.is_some() { String::new() } else { "no".into() },
        criterion_version: Digest::of("v"),
        fingerprint: Digest::of("f"),
        response: None,
        cache_key: None,
        cached: false,
        rung: "json_schema".into(),
        flags: Vec::new(),
        model_returned: None,
        finish_reason: None,
        prompt_tokens: Some(10),
        completion_tokens: Some(2),
        cost_usd: Some(0.5),
        latency_ms: 7,
        attempts: 1,
        nonce: "n".into(),
        raw: b"{}".to_vec(),
    }
}

fn a_run_keeps_the_newest_verdict_of_each_key(mut tx: impl WriteTx) {
    let id = planned(&mut tx);
    let run = tx.run(id.get(..6).unwrap()).unwrap();
    assert_eq!((run.id.as_str(), run.items, run.planned, run.state), (id.as_str(), 2, 8, RunState::Partial));
    assert_eq!(
        (run.criteria.clone(), run.arms.clone()),
        (vec!["tone".into(), "style".into()], vec!["arm".into()])
    );
    let items: Vec<(u32, String)> =
        tx.run_items(&id).unwrap().into_iter().map(|i| (i.ord, i.case_id)).collect();
    assert_eq!(items, [(0, "x".into()), (1, "y".into())]);
    for v in [verdict(1, 0, None), verdict(0, 1, Some(2)), verdict(1, 0, Some(4)), verdict(0, 0, Some(5))] {
        tx.save_verdict(&id, &v).unwrap();
    }
    let cells: Vec<_> =
        tx.cells(&id).unwrap().iter().map(|c| (c.item, c.criterion, c.state, c.score)).collect();
    let scored = VerdictState::Scored;
    assert_eq!(cells, [(0, 0, scored, Some(5)), (0, 1, scored, Some(2)), (1, 0, scored, Some(4))]);
    let texts: Vec<_> =
        tx.verdicts(&id).unwrap().into_iter().map(|v| v.verdict.reading.unwrap().score).collect();
    assert_eq!(texts, [5, 2, 4]);
    let run = tx.run(&id).unwrap();
    assert_eq!(run.verdicts, [(VerdictState::Scored, 3)].into());
    assert_eq!((run.usage.prompt_tokens, run.usage.cost_usd), (Some(40), Some(2.0)));
    tx.finish_run(&id, RunState::Stopped, "enough").unwrap();
    let run = tx.run(&id).unwrap();
    assert_eq!(
        (run.state, run.reason.as_str(), run.finished_at.is_some()),
        (RunState::Stopped, "enough", true)
    );
    assert_eq!(tx.runs(Some(5)).unwrap().len(), 1);
    assert_eq!(tx.check().unwrap().checked.get("verdict"), Some(&4), "links of the chain, not keys");
    sound(&tx);
}

fn review(run: &str, who: &str, score: Option<u8>) -> NewReview {
    NewReview {
        run: run.into(),
        item: 0,
        criterion: 0,
        reviewer: who.into(),
        score,
        comment: String::new(),
        modes: vec!["long".into()],
        saw_judge: false,
        sampling: Sampling::Random,
        seconds: Some(1.5),
        undo: None,
    }
}

fn reviews_are_in_force_until_taken_back(mut tx: impl WriteTx) {
    let id = planned(&mut tx);
    tx.save_verdict(&id, &verdict(0, 0, Some(4))).unwrap();
    tx.add_review(&review(&id, "ana", Some(2))).unwrap();
    let later = tx.add_review(&review(&id, "ana", Some(3))).unwrap();
    let seen = NewReview { saw_judge: true, sampling: Sampling::Override, ..review(&id, "ana", Some(5)) };
    tx.add_review(&seen).unwrap();
    tx.add_review(&review(&id, "ben", None)).unwrap();
    let scores = |all: Vec<ReviewInfo>| -> Vec<(String, Option<u8>)> {
        all.into_iter().map(|r| (r.review.reviewer, r.review.score)).collect()
    };
    let said = |who: &str, score: Option<u8>| (who.to_owned(), score);
    // A blind score is displaced by the next blind one, not by one that has seen the judge.
    let all = scores(tx.reviews(Some(&id)).unwrap());
    assert_eq!(all, [said("ana", Some(3)), said("ana", Some(5)), said("ben", None)]);
    let other = NewReview { undo: Some(later), score: None, ..review(&id, "ben", None) };
    assert!(matches!(tx.add_review(&other), Err(StoreError::NotFound(_))), "it is not ben's");
    tx.add_review(&NewReview { undo: Some(later), ..review(&id, "ana", None) }).unwrap();
    let all = scores(tx.reviews(None).unwrap());
    assert_eq!(all, [said("ana", Some(2)), said("ana", Some(5)), said("ben", None)]);
    let log = tx.review_log(&id).unwrap();
    assert_eq!(log.len(), 5);
    let first = &log[0];
    assert_eq!(
        (first.case_id.as_str(), first.arm.as_str(), first.given_in.as_str()),
        ("x", "arm", id.as_str())
    );
    assert_eq!(first.question, Some(tx.run(&id).unwrap().spec.criteria[0].version()));
    sound(&tx);
}

fn what_is_refused_changes_nothing(mut tx: impl WriteTx) {
    let id = planned(&mut tx);
    let odd = NewVerdict { reading: None, ..verdict(0, 0, Some(4)) };
    assert!(matches!(tx.save_verdict(&id, &odd), Err(StoreError::Invalid(_))));
    assert!(matches!(tx.save_verdict("000000000000", &verdict(0, 0, Some(4))), Err(StoreError::NoRun(_))));
    assert!(matches!(tx.run("000000000000"), Err(StoreError::NoRun(_))));
    assert!(matches!(tx.case_set("other"), Err(StoreError::NoCaseSet(_))));
    let wrong = [
        NewReview { score: Some(6), ..review(&id, "ana", None) },
        NewReview { reviewer: " ".into(), ..review(&id, "ana", Some(3)) },
        NewReview { item: 9, ..review(&id, "ana", Some(3)) },
        NewReview { criterion: 9, ..review(&id, "ana", Some(3)) },
        NewReview { sampling: Sampling::Agree, ..review(&id, "ana", Some(3)) },
    ];
    let words: Vec<String> = wrong.iter().map(|r| tx.add_review(r).unwrap_err().to_string()).collect();
    assert_eq!(words[0], "the score 6 is not one of 1 to 5");
    assert_eq!(words[1], "a review needs the reviewer's name");
    assert_eq!(words[2], format!("run {id} has no item 9"));
    assert_eq!(words[3], format!("run {id} has no criterion 9"));
    assert!(words[4].contains("after the judge was seen"), "{}", words[4]);
    assert!(tx.import_cases("empty", Vec::new()).is_err());
    let bad =
        NewRevision { created_at: Some("yesterday".into()), ..NewRevision::new(name(), Template::text("x")) };
    assert!(matches!(tx.register(bad), Err(StoreError::Invalid(_))));
    assert!(tx.log(&name(), None, None).is_err(), "no prompt was made by it");
    assert!(tx.cells(&id).unwrap().is_empty() && tx.review_log(&id).unwrap().is_empty());
    sound(&tx);
}

/// A storage that keeps no promise would be caught: what somebody changed in memory no longer fits its digests.
#[test]
fn a_changed_verdict_and_a_changed_text_are_named() {
    let mut memory = Memory::default();
    add(&mut memory, "one");
    let id = planned(&mut memory);
    for score in [2, 3, 4] {
        memory.save_verdict(&id, &verdict(0, 0, Some(score))).unwrap();
    }
    memory.spoil();
    let faults: Vec<String> =
        super::tx::ReadTx::check(&memory).unwrap().faults.into_iter().map(|f| f.place).collect();
    assert_eq!(faults.len(), 2, "{faults:?}");
    assert!(faults[0].starts_with("body ") && faults[1].starts_with("verdict 2 of run "), "{faults:?}");
}
