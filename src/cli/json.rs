//! The JSON shapes that several verbs share, so that a revision or a run looks the same everywhere.

use crate::core::prompt::TemplateKind;
use crate::core::rubric::Scale;
use crate::core::stats::compare::Comparison;
use crate::core::verdict::VerdictState;
use crate::eval::{ArmSummary, CriterionSummary};
use crate::store::{BatchInfo, LabelMove, RevisionInfo, RunInfo, RunUsage};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// One entry of a history.
pub fn revision(info: &RevisionInfo, version: &str) -> Value {
    json!({
        "revision": info.seq,
        "version": version,
        "digest": info.digest,
        "parent": info.parent,
        "created_at": info.created_at,
        "author": info.author,
        "message": info.message,
        "labels": info.labels,
        "tags": info.tags,
        "kind": info.kind,
        "syntax": info.syntax.name(),
        "config": info.config,
        "settings_digest": info.settings_digest,
        "metadata": info.metadata,
        "bytes": info.bytes,
    })
}

/// A body under the key that says what it is: `template`, or `messages` for chat.
pub fn body(kind: TemplateKind, text: &str) -> (&'static str, Value) {
    match kind {
        TemplateKind::Text => ("template", Value::from(text)),
        TemplateKind::Chat => ("messages", serde_json::from_str(text).unwrap_or_else(|_| Value::from(text))),
    }
}

/// A label's move.
pub fn label_move(name: &str, moved: &LabelMove) -> Value {
    let seq = |n: Option<u32>| n.map(|n| format!("r{n}"));
    json!({ "schema": 1, "name": name, "label": moved.label, "from": seq(moved.from), "to": seq(moved.to) })
}

/// Verdicts by state; only states that occur, `scored` always.
pub fn verdicts(counts: &BTreeMap<VerdictState, u32>) -> Value {
    let mut map = Map::new();
    map.insert("scored".into(), json!(counts.get(&VerdictState::Scored).copied().unwrap_or(0)));
    for (state, count) in counts.iter().filter(|(s, n)| **s != VerdictState::Scored && **n > 0) {
        map.insert(state.name().into(), json!(count));
    }
    Value::Object(map)
}

/// A level as JSON has it: `score` where answers are scores, else `label`, and `pass` where that is asked.
pub fn answer(scale: &Scale, level: Option<u8>) -> Map<String, Value> {
    let mut map = Map::new();
    map.insert("score".into(), json!(level.filter(|_| scale.is_scores())));
    if scale.has_labels() {
        map.insert("label".into(), json!(level.and_then(|level| scale.label(level))));
    }
    if let Some(passes) = level.and_then(|level| scale.passes(level)) {
        map.insert("pass".into(), json!(passes));
    }
    map
}

/// What a scale is, beside what is answered on it.
pub fn scale(scale: &Scale) -> Map<String, Value> {
    let mut map = Map::new();
    map.insert("scale".into(), json!(scale.name()));
    if let Scale::Categories { names, ordered } = scale {
        map.insert("categories".into(), json!(names));
        map.insert("ordered".into(), json!(ordered));
    }
    map
}

/// A criterion's mean, or the share that passes, with its coverage.
pub fn criterion(summary: &CriterionSummary) -> Value {
    let mut value = criterion_of_scores(summary);
    let Some(map) = value.as_object_mut() else { return value };
    map.extend(scale(&summary.scale));
    if summary.scale.has_labels() {
        let counts = summary.labels.iter().map(|(label, n)| (label.clone(), json!(n)));
        map.insert("labels".into(), Value::Object(counts.collect()));
    }
    if summary.scale == Scale::PassFail {
        let share = map.remove("mean");
        map.insert("share".into(), share.unwrap_or_default());
        let people = map.remove("people_mean");
        map.insert("people_share".into(), people.unwrap_or_default());
        if let Some(corrected) = map.get_mut("corrected").and_then(Value::as_object_mut) {
            let share = corrected.get("mean").cloned();
            corrected.insert("share".into(), share.unwrap_or_default());
        }
    }
    value
}

fn criterion_of_scores(summary: &CriterionSummary) -> Value {
    json!({
        "name": summary.name,
        "mean": summary.mean,
        "ci95": summary.ci95.map(|(lo, hi)| [lo, hi]),
        "n": summary.n,
        "coverage": summary.coverage,
        "scored": summary.scored,
        "asked": summary.asked,
        "failed": summary.failed,
        "sources": summary.sources,
        "checked_by_people": summary.checked.items,
        "people_mean": summary.checked.people,
        "skipped_by_people": summary.checked.skipped,
        "corrected": summary.checked.corrected.map(|p| json!({
            "mean": p.estimate, "ci95": [p.lo, p.hi], "n_labelled": summary.checked.random,
            "lambda": p.lam, "sample": summary.checked.random,
        })),
    })
}

/// A difference as people's labels put it right.
pub fn corrected_difference(c: &Comparison) -> Value {
    c.people.map_or(
        Value::Null,
        |p| json!({"difference": p.difference, "ci95": [p.ci95.0, p.ci95.1], "n_labelled": p.n_labelled}),
    )
}

/// The judge less people on each arm, in points.
pub fn bias(c: &Comparison) -> Value {
    c.people.map_or(Value::Null, |p| json!({"a": p.bias_a, "b": p.bias_b}))
}

/// An arm's means.
pub fn arm(summary: &ArmSummary) -> Value {
    json!({ "arm": summary.arm, "criteria": summary.criteria.iter().map(criterion).collect::<Vec<_>>() })
}

/// What a run cost, without its time.
pub fn usage(usage: &RunUsage) -> Value {
    json!({
        "calls": usage.calls,
        "cached": usage.cached,
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "cost_usd": usage.cost_usd,
        "judging": usage.judging(),
        "generation": usage.generation,
        "unknown": usage.unknown,
    })
}

/// A batch of a run at its endpoint.
pub fn batch(info: &BatchInfo) -> Value {
    json!({
        "batch": info.batch_id, "stage": info.stage.name(), "status": info.status, "requests": info.batch.keys.len(),
        "created_at": info.created_at,
    })
}

/// One run of the list.
pub fn run(info: &RunInfo) -> Value {
    json!({
        "run": info.id,
        "state": info.state,
        "created_at": info.created_at,
        "arms": info.arms,
        "rubric": info.spec.rubric,
        "judge": info.spec.judge,
        "verdicts": verdicts(&info.verdicts),
        "set": info.spec.set,
        "items": info.items,
        "planned": info.planned,
        "imported": info.imported,
        "reason": info.reason,
        "judge_retired": info.retired,
    })
}
