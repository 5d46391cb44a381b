//! The rows of a run: its plan with columns and items, as written and as read back.

use super::case_rows::{arm_key, uid_of_set};
use super::columns::to_json;
use super::digest_fields::RUN_TAG;
use super::lease::is_alive;
use super::rows::*;
use super::time::now;
use super::{Result, StoreError};
use crate::core::digest::{Digest, RowDigest};
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::collections::HashMap;
use std::collections::hash_map::Entry;

fn new_id() -> String {
    format!("{:012x}", rand::random::<u64>() & 0xffff_ffff_ffff)
}

/// A run's rows, before they have an id.
pub(super) struct RunRow<'a> {
    pub spec: &'a RunSpec,
    /// Name, whether each item brings its own, version, JSON.
    pub criteria: &'a [(String, bool, Option<Digest>, String)],
    pub items: &'a [(RunItem, Arm)],
    pub imported: bool,
    pub fingerprint: Option<Digest>,
    pub state: RunState,
}

/// A plan's row. Its digest covers all but the fingerprint, which is known only after discovery, its number here, and the names
/// of its arms, which follow from its items.
struct PlanRow<'a> {
    id: &'a str,
    seq: i64,
    stamp: i64,
    created_at: &'a str,
    spec: &'a str,
    judge: &'a str,
    imported: bool,
    items: i64,
    planned: i64,
    arms: &'a str,
}

impl PlanRow<'_> {
    /// The beginning of the digest; criteria follow, then items, in their order.
    fn digest(&self) -> RowDigest {
        RowDigest::new(RUN_TAG)
            .text(self.id)
            .int(self.stamp)
            .text(self.created_at)
            .text(self.spec)
            .text(self.judge)
            .int(i64::from(self.imported))
            .int(self.items)
            .int(self.planned)
    }
}

fn with_criterion(plan: RowDigest, name: &str, own: bool, version: Option<&[u8]>, text: &str) -> RowDigest {
    plan.text(name).int(i64::from(own)).maybe(version, RowDigest::bytes).text(text)
}

fn with_item(plan: RowDigest, item: &RunItem, arm: &Digest, set: &Digest, tags: &str) -> RowDigest {
    plan.text(&item.case_id)
        .bytes(arm.as_bytes())
        .bytes(set.as_bytes())
        .int(i64::from(item.repeat))
        .maybe(item.cluster.as_deref(), RowDigest::text)
        .text(tags)
}

pub(super) fn insert_run(conn: &Connection, run: &RunRow) -> Result<String> {
    insert_run_as(conn, new_id(), run)
}

/// The same under an id that follows from what the run is made of.
pub(super) fn insert_run_as(conn: &Connection, id: String, run: &RunRow) -> Result<String> {
    let (created_at, spec) = (now(), to_json(run.spec)?);
    let planned = run.items.len() * run.criteria.len() * run.spec.repeats as usize;
    if u32::try_from(planned).is_err() {
        return Err(StoreError::Invalid(format!("{planned} verdicts are more than one run can hold")));
    }
    let mut arms: Vec<&str> = Vec::new();
    let (mut known, mut sets) = (HashMap::new(), HashMap::new());
    for (item, arm) in run.items {
        if !known.contains_key(arm.name.as_str()) {
            known.insert(arm.name.as_str(), arm_key(conn, arm)?);
            arms.push(&arm.name);
        }
        if let Entry::Vacant(unknown) = sets.entry(item.set_id) {
            unknown.insert(uid_of_set(conn, item.set_id)?);
        }
    }
    let arm_names = to_json(&arms)?;
    let newest = "SELECT coalesce(max(seq), 0) + 1, coalesce((SELECT stamp FROM run ORDER BY seq DESC LIMIT 1), 0) + 1 FROM run";
    let (seq, stamp) = conn.query_row(newest, [], |r| Ok((r.get(0)?, r.get(1)?)))?;
    let plan = PlanRow {
        id: &id,
        seq,
        stamp,
        created_at: &created_at,
        spec: &spec,
        judge: &run.spec.judge,
        imported: run.imported,
        items: run.items.len() as i64,
        planned: planned as i64,
        arms: &arm_names,
    };
    let mut digest = plan.digest();
    for (name, own, version, text) in run.criteria {
        digest = with_criterion(digest, name, *own, version.as_ref().map(Digest::as_bytes), text);
    }
    let mut items = Vec::with_capacity(run.items.len());
    for (item, arm) in run.items {
        let (Some(arm), Some(set)) = (known.get(arm.name.as_str()), sets.get(&item.set_id)) else { continue };
        let tags = to_json(&item.tags)?;
        digest = with_item(digest, item, &arm.id, set, &tags);
        items.push((item, arm.row, tags));
    }
    insert_plan(conn, &plan, run.fingerprint.as_ref(), &digest.finish())?;
    conn.execute(
        "INSERT INTO run_state (run_id, state) VALUES (?1, ?2)",
        params![id, state_name(run.state)],
    )?;
    insert_columns_and_items(conn, &id, run.criteria, &items)?;
    Ok(id)
}

fn insert_plan(
    conn: &Connection,
    plan: &PlanRow,
    fingerprint: Option<&Digest>,
    digest: &Digest,
) -> Result<()> {
    conn.execute(
        "INSERT INTO run (id, seq, created_at, spec, judge, fingerprint, imported, items, planned, arms, row_digest, stamp) \
         VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12)",
        params![
            plan.id,
            plan.seq,
            plan.created_at,
            plan.spec,
            plan.judge,
            fingerprint.map(Digest::as_bytes),
            plan.imported,
            plan.items,
            plan.planned,
            plan.arms,
            digest.as_bytes(),
            plan.stamp
        ],
    )?;
    Ok(())
}

fn insert_columns_and_items(
    conn: &Connection,
    id: &str,
    criteria: &[(String, bool, Option<Digest>, String)],
    items: &[(&RunItem, i64, String)],
) -> Result<()> {
    for (ord, (name, own, version, text)) in criteria.iter().enumerate() {
        conn.execute(
            "INSERT INTO run_criterion (run_id, ord, name, own, version, json) VALUES (?1,?2,?3,?4,?5,?6)",
            params![id, ord as i64, name, own, version.as_ref().map(Digest::as_bytes), text],
        )?;
    }
    let mut add = conn.prepare_cached(
        "INSERT INTO run_item (run_id, ord, case_id, arm_id, set_id, repeat, cluster, tags) VALUES (?1,?2,?3,?4,?5,?6,?7,?8)",
    )?;
    for (ord, (item, arm, tags)) in items.iter().enumerate() {
        add.execute(params![
            id,
            ord as i64,
            item.case_id,
            arm,
            item.set_id,
            item.repeat,
            item.cluster,
            tags
        ])?;
    }
    Ok(())
}

/// A run's kept usage with what comes on top.
pub(super) fn with_usage(kept: &str, more: &RunUsage) -> Result<String> {
    let was: RunUsage = serde_json::from_str(kept).unwrap_or_default();
    // JSON has no NaN: a price that is no number would make the sum so far unknown.
    let more = RunUsage { cost_usd: more.cost_usd.filter(|c| c.is_finite()), ..*more };
    to_json(&was.plus(&more))
}

pub(super) fn no_run(id: &str) -> StoreError {
    StoreError::NoRun(id.to_owned())
}

/// Refuses to write a run whose lease we once had and have lost.
pub(super) fn still_mine(conn: &Connection, run: &str, mine: Option<&str>) -> Result<()> {
    let Some(mine) = mine else { return Ok(()) };
    let holder: Option<String> = conn
        .prepare_cached("SELECT holder FROM run_state WHERE run_id = ?1")?
        .query_row([run], |r| r.get(0))
        .optional()?
        .flatten();
    if holder.as_deref() == Some(mine) {
        return Ok(());
    }
    let by = holder.unwrap_or_else(|| "another process, which has ended".to_owned());
    Err(StoreError::Conflict(format!("run {run} was taken over by {by}; nothing more is written to it here")))
}

pub(super) fn state_name(state: RunState) -> &'static str {
    match state {
        RunState::Running => "running",
        RunState::Complete => "complete",
        RunState::Partial => "partial",
        RunState::Stopped => "stopped",
    }
}

/// A run of the list, all but its columns' names.
pub(super) fn read_run(id: &str, r: &Row) -> Result<RunInfo> {
    let text = |at: usize| r.get::<_, String>(at);
    let unreadable = |what: &str, e: &serde_json::Error| {
        StoreError::Damaged(format!("the {what} of run {id} does not read: {e}"))
    };
    let (holder, beat): (Option<String>, Option<i64>) = (r.get(8)?, r.get(9)?);
    let holder = holder.filter(|h| is_alive(h, beat));
    Ok(RunInfo {
        id: id.to_owned(),
        state: match text(6)?.as_str() {
            "running" if holder.is_some() => RunState::Running,
            "complete" => RunState::Complete,
            "stopped" => RunState::Stopped,
            _ => RunState::Partial,
        },
        reason: text(7)?,
        created_at: text(0)?,
        finished_at: r.get(11)?,
        spec: serde_json::from_str(&text(1)?).map_err(|e| unreadable("plan", &e))?,
        fingerprint: r.get::<_, Option<Vec<u8>>>(2)?.and_then(|b| Digest::from_bytes(&b)),
        imported: r.get(3)?,
        items: r.get(4)?,
        planned: r.get(5)?,
        criteria: Vec::new(),
        arms: serde_json::from_str(&text(13)?).map_err(|e| unreadable("list of arms", &e))?,
        verdicts: serde_json::from_str(&text(12)?).map_err(|e| unreadable("counts", &e))?,
        usage: serde_json::from_str(&text(10)?).map_err(|e| unreadable("usage", &e))?,
        holder,
        retired: r.get(14)?,
    })
}

pub(super) fn read_item(row: &Row) -> rusqlite::Result<RunItem> {
    Ok(RunItem {
        ord: row.get(0)?,
        case_id: row.get(1)?,
        arm: row.get(2)?,
        set_id: row.get(3)?,
        repeat: row.get(4)?,
        cluster: row.get(5)?,
        tags: list_of(row.get_ref(6)?.as_str().unwrap_or_default()),
    })
}

/// A JSON list of texts; nearly all are empty.
pub(super) fn list_of(json: &str) -> Vec<String> {
    if json == "[]" { Vec::new() } else { serde_json::from_str(json).unwrap_or_default() }
}
