//! Runs that stop when their question is answered: after how many cases, with what words, and what goes on from there.

use crate::eval_support::{Act, Registry, Scripted, item, request};
use assize::core::item::Item;
use assize::core::stats::sequential::Until;
use assize::eval::{Control, RunRequest, RunScope, exit_code};
use assize::store::{RunInfo, RunState};
use std::sync::Arc;

/// `n` cases, each answered by two arms.
fn two_arms(n: usize) -> Vec<Item> {
    (0..n)
        .flat_map(|i| {
            let one = |arm: &str| item(&format!("c{i:03}"), arm, &format!("{arm} {i}"));
            [one("base"), one("cand")]
        })
        .collect()
}

/// A judge that gives base 4 or 3 by turns, and cand so much less.
fn judge(drop: u8) -> Arc<Scripted> {
    Arc::new(Scripted::new(move |r, _| {
        let even = r.lookup.case_id.ends_with(['0', '2', '4', '6', '8']);
        let base = if even { 4 } else { 3 };
        Act::Score(if r.lookup.arm == "cand" { base - drop } else { base })
    }))
}

async fn go(registry: &Registry, id: &str, judge: &Arc<Scripted>) -> RunInfo {
    registry.go(id, judge, RunScope::Missing, &Control::new()).await.unwrap()
}

fn scored(run: &RunInfo) -> u32 {
    run.verdicts.values().sum()
}

#[tokio::test]
async fn a_clear_answer_stops_the_run_long_before_its_end_and_it_stays_so() {
    for (drop, words) in [(2, "cand is worse than base"), (0, "cand is not worse than base by more than 0.2")]
    {
        let registry = Registry::with_items(two_arms(400)).await;
        let id =
            registry.create(RunRequest { until: Some(Until::Decided(0.2)), ..request(&["accuracy"]) }).await;
        let judge = judge(drop);
        let run = go(&registry, &id, &judge).await;
        assert_eq!(run.state, RunState::Complete, "{}", run.reason);
        assert!(run.reason.starts_with(words), "{}", run.reason);
        assert!(run.reason.contains("of 400 cases"), "{}", run.reason);
        assert!((10..400).contains(&scored(&run)), "{} of 800 verdicts: {}", scored(&run), run.reason);
        assert_eq!(exit_code(&run, 0.0), 0);
        // Resumed, it asks for nothing: the answer is there.
        let asked = judge.asked();
        let again = go(&registry, &id, &judge).await;
        assert_eq!(
            (again.state, again.reason.as_str(), judge.asked()),
            (RunState::Complete, run.reason.as_str(), asked)
        );
    }
}

#[tokio::test]
async fn cases_are_drawn_at_random_and_in_the_same_order_after_a_break() {
    let registry = Registry::with_items(two_arms(60)).await;
    let id = registry.create(RunRequest { until: Some(Until::Ci(0.9)), ..request(&["accuracy"]) }).await;
    let judge = judge(1);
    let run = go(&registry, &id, &judge).await;
    assert!(run.reason.starts_with("every mean is known to ±0."), "{}", run.reason);
    let cases: Vec<String> = judge.keys.lock().unwrap().iter().map(|k| format!("{k:?}")).collect();
    let mut sorted = cases.clone();
    sorted.sort();
    assert_ne!(cases, sorted, "in the order of the file, not drawn");
    // A tighter rule than the cases can meet asks for all of them.
    let id = registry.create(RunRequest { until: Some(Until::Ci(0.05)), ..request(&["accuracy"]) }).await;
    let run = go(&registry, &id, &judge).await;
    assert_eq!((scored(&run), run.reason.as_str()), (120, ""));
}

#[tokio::test]
async fn a_decision_needs_two_arms() {
    let registry = Registry::with_items(two_arms(6).into_iter().filter(|i| i.arm == "base").collect()).await;
    let plan = registry.plan(RunRequest { until: Some(Until::Decided(0.2)), ..request(&["accuracy"]) }).await;
    assert!(plan.refused.unwrap().contains("--until decided"));
}
