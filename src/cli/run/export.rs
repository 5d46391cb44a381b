//! `run export`: a run as JSONL, sorted by key; two runs of the same plan and replies give the same bytes.

use super::super::context::Ctx;
use super::super::error::Result;
use super::OK;
use super::show::verdict_json;
use serde_json::json;

/// Writes the run to stdout.
pub(super) fn run(ctx: &Ctx, id: &str, full: bool) -> Result<u8> {
    let store = ctx.read()?;
    let run = store.run(id)?;
    let items = store.run_items(&run.id)?;
    let mut verdicts = store.verdicts(&run.id)?;
    let key = |v: &crate::store::VerdictInfo| {
        let item = items.get(v.verdict.item as usize);
        (item.map(|i| (i.case_id.clone(), i.arm.clone(), i.repeat)), v.verdict.criterion, v.verdict.repeat)
    };
    verdicts.sort_by_cached_key(key);
    let mut head = json!({
        "assize_run": 1, "set": run.spec.set, "set_digest": run.spec.set_digest, "rubric": run.spec.rubric,
        "criteria": run.criteria, "judge": run.spec.judge, "fingerprint": run.fingerprint, "repeats": run.spec.repeats,
        "items": run.items, "planned": run.planned,
    });
    if let Some(map) = head.as_object_mut().filter(|_| full) {
        map.insert("run".into(), json!(run.id));
        map.insert("created_at".into(), json!(run.created_at));
        map.insert("usage".into(), super::super::json::usage(&run.usage));
    }
    let mut out = format!("{head}\n");
    for verdict in &verdicts {
        out += &format!("{}\n", verdict_json(&run, &items, verdict, full));
    }
    ctx.out.bytes(out.as_bytes())?;
    Ok(OK)
}
