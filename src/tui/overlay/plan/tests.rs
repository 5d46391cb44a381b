//! The plan dialog: what its lines choose, and what the request becomes.

use super::*;
use crate::core::digest::Digest;
use crate::core::prompt::PromptName;
use crate::questions::plan::Choices;

fn set(name: &str, kind: &str, arms: &[&str]) -> CaseSetInfo {
    CaseSetInfo {
        id: 1,
        name: name.into(),
        digest: Digest::of(name),
        kind: kind.into(),
        rows: 40,
        created_at: "2026-01-01T00:00:00Z".into(),
        arms: arms.iter().map(|a| (*a).to_owned()).collect(),
    }
}

fn dialog(spots: usize, judges: &[&str], recorded: bool) -> PlanDialog {
    let name: PromptName = "p".parse().unwrap();
    let mut dialog = PlanDialog {
        spots: (0..spots).map(|i| RevisionRef { name: name.clone(), seq: i as u32 + 1 }).collect(),
        choices: Pending::default(),
        plan: Pending::default(),
        endpoints: Pending::default(),
        created: Pending::default(),
        field: PlanField::Set,
        set: 0,
        arms: 0,
        rubric: 0,
        judge: 0,
        model: 0,
        repeats: 1,
        generations: 1,
        cap: 0,
        criteria: "accuracy, clarity".into(),
        address: "http://127.0.0.1:1/v1#m".into(),
        dirty: false,
    };
    dialog.choices.set(Choices {
        sets: vec![set("support", "cases", &[]), set("prometheus", "items", &["a", "b"])],
        rubrics: Vec::new(),
        judges: judges.iter().map(|j| (*j).to_owned()).collect(),
        models: vec!["small".into()],
        recorded: if recorded { vec!["gpt".into(), "llama".into()] } else { Vec::new() },
    });
    dialog.defaults();
    dialog
}

#[test]
fn revisions_are_generated_over_cases_by_a_configured_judge() {
    let dialog = dialog(2, &["local"], true);
    let request = dialog.request().unwrap();
    assert!(matches!(request.set, SetChoice::Named(name) if name == "support"));
    assert_eq!(request.arms.len(), 2);
    assert_eq!((request.judge.as_str(), request.model.as_deref()), ("local", Some("small")));
    assert!(dialog.fields().contains(&PlanField::Model));
}

#[test]
fn without_a_judge_recorded_verdicts_over_imported_items_come_first() {
    let dialog = dialog(1, &[], true);
    let request = dialog.request().unwrap();
    assert!(matches!(request.set, SetChoice::Named(name) if name == "prometheus"));
    assert!(request.arms.is_empty(), "all imported arms");
    assert!(matches!(request.rubric, RubricChoice::Own));
    assert_eq!((request.judge.as_str(), request.model), ("recorded:gpt", None));
}

#[test]
fn each_recorded_judge_can_be_chosen() {
    let mut dialog = dialog(0, &["local"], true);
    let mut judges = Vec::new();
    for judge in 0..dialog.judge_options().len() {
        dialog.judge = judge;
        judges.push(dialog.request().unwrap().judge);
    }
    assert_eq!(judges, ["local", "recorded:gpt", "recorded:llama", "http://127.0.0.1:1/v1#m"]);
}

#[test]
fn criteria_and_address_are_taken_as_typed() {
    let mut dialog = dialog(0, &[], false);
    assert_eq!(dialog.judge_options(), [EndpointChoices::Typed]);
    assert!(dialog.fields().contains(&PlanField::Address));
    dialog.rubric = dialog.rubric_options().len() - 1;
    dialog.criteria = "accuracy,  tone,".into();
    let request = dialog.request().unwrap();
    assert_eq!(request.judge, "http://127.0.0.1:1/v1#m");
    assert!(matches!(request.rubric, RubricChoice::Criteria(names) if names == ["accuracy", "tone"]));
}

#[test]
fn the_cursor_stays_on_lines_that_are_there() {
    let mut dialog = dialog(1, &["local"], false);
    for _ in 0..20 {
        dialog.move_field(true);
    }
    assert_eq!(dialog.field, PlanField::Cap);
    for _ in 0..20 {
        dialog.move_field(false);
    }
    assert_eq!(dialog.field, PlanField::Set);
}

#[test]
fn a_cap_holds_on_money_calls_or_tokens_and_responses_are_asked_for_where_one_is_written() {
    let mut dialog = dialog(1, &["local"], false);
    let caps = |dialog: &PlanDialog| {
        let request = dialog.request().unwrap();
        (request.max_cost_usd, request.max_calls, request.max_tokens)
    };
    assert_eq!(caps(&dialog), (None, None, None));
    let mut kinds = [false; 3];
    for cap in 1..CAPS.len() {
        dialog.cap = cap;
        let (usd, calls, tokens) = caps(&dialog);
        let set = [usd.is_some(), calls.is_some(), tokens.is_some()];
        assert_eq!(set.iter().filter(|s| **s).count(), 1, "{cap}");
        kinds = std::array::from_fn(|i| kinds[i] || set[i]);
    }
    assert_eq!(kinds, [true; 3]);
    dialog.generations = 3;
    assert!(dialog.fields().contains(&PlanField::Generations));
    assert_eq!(dialog.request().unwrap().generations, 3);
}
