//! Runs and verdicts: the plan is stored first, then each verdict as the next link of the run's chain.
//!
//! ```text
//! create_run -> lease -> set_fingerprint -> save_verdict ... (each with its group's commit) -> finish_run
//!                 ^                                  | killed: the heartbeat grows old
//!                 +---------- resume ----------------+
//! ```

use super::body::text_at;
use super::cases::{StoredResponse, arm_id, response_of};
use super::judges::RETIRED_AT;
use super::lease::{Sight, is_alive, seconds};
use super::prompts::now;
use super::rows::*;
use super::{Result, Store, StoreError, claims};
use crate::core::digest::{Digest, RowDigest};
use crate::core::rubric::Criterion;
use crate::core::verdict::State;
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::collections::BTreeMap;

/// The column of items that bring a whole question of their own.
pub const OWN: &str = "own";

pub(super) fn to_json<T: serde::Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value)
        .map_err(|e| StoreError::Invalid(format!("a value cannot be written as JSON: {e}")))
}

/// The column's name for an item's own criterion: the name it gives, or `own` for a whole question.
pub fn column_of(criterion: &str) -> &str {
    let short = criterion.len() <= 40
        && criterion.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && criterion.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(c));
    if short { criterion } else { OWN }
}

fn new_id() -> String {
    format!("{:012x}", rand::random::<u64>() & 0xffff_ffff_ffff)
}

impl RunInfo {
    /// Whether its verdicts were reached elsewhere: imported with items, or replayed from such ones.
    pub fn is_recorded(&self) -> bool {
        self.imported || self.spec.judge_config.get("recorded").is_some_and(|r| r == true)
    }
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

/// What a plan's digest covers: everything but the fingerprint, which is known only after discovery.
pub(super) struct Plan<'a> {
    pub id: &'a str,
    pub seq: i64,
    pub created_at: &'a str,
    pub spec: &'a str,
    pub judge: &'a str,
    pub imported: bool,
    pub items: i64,
    pub planned: i64,
    pub arms: &'a str,
}

impl Plan<'_> {
    /// The beginning of the digest; criteria follow, then items, in their order.
    pub(super) fn digest(&self) -> RowDigest {
        RowDigest::new("assize.run.1")
            .text(self.id)
            .int(self.seq)
            .text(self.created_at)
            .text(self.spec)
            .text(self.judge)
            .int(i64::from(self.imported))
            .int(self.items)
            .int(self.planned)
            .text(self.arms)
    }
}

pub(super) fn with_criterion(
    plan: RowDigest,
    name: &str,
    own: bool,
    version: Option<&[u8]>,
    text: &str,
) -> RowDigest {
    plan.text(name).int(i64::from(own)).maybe(version, RowDigest::bytes).text(text)
}

pub(super) fn with_item(plan: RowDigest, item: &RunItem, arm: i64, tags: &str) -> RowDigest {
    plan.text(&item.case_id)
        .int(arm)
        .int(item.set_id)
        .int(i64::from(item.repeat))
        .maybe(item.cluster.as_deref(), RowDigest::text)
        .text(tags)
}

pub(super) fn insert_run(conn: &Connection, run: &RunRow) -> Result<String> {
    let (id, created_at, spec) = (new_id(), now(), to_json(run.spec)?);
    let planned = run.items.len() * run.criteria.len() * run.spec.repeats as usize;
    if u32::try_from(planned).is_err() {
        return Err(StoreError::Invalid(format!("{planned} verdicts are more than one run can hold")));
    }
    let mut arms: Vec<(&str, i64)> = Vec::new();
    let mut known = std::collections::HashMap::new();
    for (_, arm) in run.items {
        if !known.contains_key(arm.name.as_str()) {
            let row = arm_id(conn, arm)?;
            known.insert(arm.name.as_str(), row);
            arms.push((&arm.name, row));
        }
    }
    let arm_names = to_json(&arms.iter().map(|(name, _)| name).collect::<Vec<_>>())?;
    let seq = conn.query_row("SELECT coalesce(max(seq), 0) + 1 FROM run", [], |r| r.get(0))?;
    let plan = Plan {
        id: &id,
        seq,
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
        let (tags, arm) = (to_json(&item.tags)?, known.get(arm.name.as_str()).copied().unwrap_or_default());
        digest = with_item(digest, item, arm, &tags);
        items.push((item, arm, tags));
    }
    insert_plan(conn, &plan, run.fingerprint.as_ref(), &digest.finish())?;
    conn.execute(
        "INSERT INTO run_state (run_id, state) VALUES (?1, ?2)",
        params![id, state_name(run.state)],
    )?;
    insert_columns_and_items(conn, &id, run.criteria, &items)?;
    Ok(id)
}

fn insert_plan(conn: &Connection, plan: &Plan, fingerprint: Option<&Digest>, digest: &Digest) -> Result<()> {
    conn.execute(
        "INSERT INTO run (id, seq, created_at, spec, judge, fingerprint, imported, items, planned, arms, row_digest) \
         VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11)",
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
            digest.as_bytes()
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
    StoreError::NotFound(format!("no run has the id '{id}'; `assize runs` lists them"))
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

fn state_name(state: RunState) -> &'static str {
    match state {
        RunState::Running => "running",
        RunState::Complete => "complete",
        RunState::Partial => "partial",
        RunState::Stopped => "stopped",
    }
}

impl Store {
    /// Stores a plan; the run starts as `partial`, without a writer. Its id is random (12 hex digits).
    ///
    /// # Errors
    /// When the registry cannot be written.
    pub fn create_run(&mut self, run: &NewRun) -> Result<String> {
        let criteria: Vec<(String, bool, Option<Digest>, String)> = if run.spec.own_criterion {
            vec![(OWN.to_owned(), true, None, "{}".to_owned())]
        } else {
            let text = |c: &Criterion| Ok((c.name.clone(), false, Some(c.version()), to_json(c)?));
            run.spec.criteria.iter().map(text).collect::<Result<_>>()?
        };
        self.write(|conn| {
            insert_run(
                conn,
                &RunRow {
                    spec: &run.spec,
                    criteria: &criteria,
                    items: &run.items,
                    imported: false,
                    fingerprint: None,
                    state: RunState::Partial,
                },
            )
        })
    }

    /// Takes the lease: refused while another writer's heartbeat is fresh. The state becomes `running`.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] names the holder; [`StoreError::Unsure`] asks to try again, for up to a quarter of a minute,
    /// until it shows whether a holder that cannot be seen from here is there.
    pub fn lease(&mut self, run: &str, holder: &str) -> Result<()> {
        let mut watch = std::mem::take(&mut self.watch);
        let done = self.write(|conn| {
            let (present, beat): (Option<String>, Option<i64>) = conn
                .query_row("SELECT holder, heartbeat FROM run_state WHERE run_id = ?1", [run], |r| {
                    Ok((r.get(0)?, r.get(1)?))
                })
                .optional()?
                .ok_or_else(|| no_run(run))?;
            if let Some(other) = present.filter(|p| p != holder) {
                match watch.sees(&other, beat) {
                    Sight::Gone => claims::leave(conn, &other)?,
                    Sight::Unsure => return Err(StoreError::Unsure { run: run.to_owned(), holder: other }),
                    Sight::Alive => {
                        return Err(StoreError::Conflict(format!(
                            "run {run} is being written by {other}: wait for it, or end that process"
                        )));
                    }
                }
            }
            conn.execute(
                "UPDATE run_state SET state = 'running', reason = '', holder = ?2, heartbeat = ?3, finished_at = NULL WHERE run_id = ?1",
                params![run, holder, seconds()],
            )?;
            Ok(())
        });
        self.watch = watch;
        done?;
        self.leases.insert(run.to_owned(), holder.to_owned());
        Ok(())
    }

    /// Renews the lease.
    ///
    /// # Errors
    /// When another writer took it over.
    pub fn heartbeat(&mut self, run: &str, holder: &str) -> Result<()> {
        self.write(|conn| {
            let n = conn.execute(
                "UPDATE run_state SET heartbeat = ?3 WHERE run_id = ?1 AND holder = ?2",
                params![run, holder, seconds()],
            )?;
            if n == 0 {
                Err(StoreError::Conflict(format!("run {run} was taken over by another process")))
            } else {
                claims::beat(conn, holder)
            }
        })
    }

    /// Records the judge's fingerprint after discovery.
    ///
    /// # Errors
    /// When the run has another one already: its scores could not be pooled.
    pub fn set_fingerprint(&mut self, run: &str, fingerprint: &Digest) -> Result<()> {
        self.write(|conn| {
            let present: Option<Vec<u8>> = conn
                .query_row("SELECT fingerprint FROM run WHERE id = ?1", [run], |r| r.get(0))
                .optional()?
                .ok_or_else(|| no_run(run))?;
            match present {
                Some(bytes) if bytes != fingerprint.as_bytes() => Err(StoreError::Conflict(format!(
                    "the judge of run {run} has changed since it began (its fingerprint differs): start a new run"
                ))),
                Some(_) => Ok(()),
                None => {
                    conn.execute("UPDATE run SET fingerprint = ?2 WHERE id = ?1", params![run, fingerprint.as_bytes()])?;
                    Ok(())
                }
            }
        })
    }

    /// Ends the writing: state and reason; the lease is given back.
    ///
    /// # Errors
    /// When there is no such run, another process has taken it over, or the registry cannot be written.
    pub fn finish_run(&mut self, run: &str, state: RunState, reason: &str) -> Result<()> {
        let mine = self.leases.get(run).cloned();
        self.write(|conn| {
            still_mine(conn, run, mine.as_deref())?;
            let n = conn.execute(
                "UPDATE run_state SET state = ?2, reason = ?3, holder = NULL, heartbeat = NULL, finished_at = ?4 WHERE run_id = ?1",
                params![run, state_name(state), reason, now()],
            )?;
            if n == 0 {
                return Err(no_run(run));
            }
            mine.as_deref().map_or(Ok(()), |mine| claims::leave(conn, mine))
        })?;
        self.leases.remove(run);
        Ok(())
    }

    /// Adds to what the run cost.
    ///
    /// # Errors
    /// When the registry cannot be written.
    pub fn add_usage(&mut self, run: &str, more: &RunUsage) -> Result<()> {
        self.write(|conn| {
            let text: String = conn
                .prepare_cached("SELECT usage FROM run_state WHERE run_id = ?1")?
                .query_row([run], |r| r.get(0))
                .optional()?
                .ok_or_else(|| no_run(run))?;
            conn.prepare_cached("UPDATE run_state SET usage = ?2 WHERE run_id = ?1")?
                .execute(params![run, with_usage(&text, more)?])?;
            Ok(())
        })
    }

    /// Runs, newest first.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub fn runs(&self, limit: Option<usize>) -> Result<Vec<RunInfo>> {
        let ids: Vec<String> = self
            .conn
            .prepare_cached("SELECT id FROM run ORDER BY seq DESC LIMIT ?1")?
            .query_map([limit.map_or(-1, |n| n as i64)], |r| r.get(0))?
            .collect::<Result<_, _>>()?;
        ids.iter().map(|id| self.run_info(id)).collect()
    }

    /// One run by its id or an unambiguous prefix of it (4 or more digits).
    ///
    /// # Errors
    /// When none or several fit.
    pub fn run(&self, id: &str) -> Result<RunInfo> {
        let like = format!("{}%", id.replace(['%', '_'], "!"));
        let found: Vec<String> = self
            .conn
            .prepare_cached("SELECT id FROM run WHERE id LIKE ?1 ORDER BY seq DESC")?
            .query_map([like], |r| r.get(0))?
            .collect::<Result<_, _>>()?;
        match found.as_slice() {
            [one] if id.len() >= 4 => self.run_info(one),
            [] | [_] => Err(no_run(id)),
            several => {
                Err(StoreError::Invalid(format!("several runs start with '{id}': {}", several.join(", "))))
            }
        }
    }

    pub(super) fn run_info(&self, id: &str) -> Result<RunInfo> {
        let sql = format!(
            "SELECT r.created_at, r.spec, r.fingerprint, r.imported, r.items, r.planned, s.state, s.reason, s.holder, \
             s.heartbeat, s.usage, s.finished_at, s.counts, r.arms, {RETIRED_AT} \
             FROM run r JOIN run_state s ON s.run_id = r.id WHERE r.id = ?1"
        );
        let row = self.conn.prepare_cached(&sql)?.query_row([id], |r| Ok(read_run(id, r))).optional()?;
        let criteria = self.column("SELECT name FROM run_criterion WHERE run_id = ?1 ORDER BY ord", id)?;
        row.ok_or_else(|| no_run(id))?.map(|info| RunInfo { criteria, ..info })
    }

    pub(super) fn column(&self, sql: &str, id: &str) -> Result<Vec<String>> {
        Ok(self.conn.prepare_cached(sql)?.query_map([id], |r| r.get(0))?.collect::<Result<_, _>>()?)
    }

    pub(super) fn kept_counts(&self, id: &str) -> Result<BTreeMap<State, u32>> {
        let text: String = self
            .conn
            .prepare_cached("SELECT counts FROM run_state WHERE run_id = ?1")?
            .query_row([id], |r| r.get(0))?;
        Ok(serde_json::from_str(&text).unwrap_or_default())
    }

    /// The items of a run, without texts.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub fn run_items(&self, run: &str) -> Result<Vec<RunItem>> {
        let mut stmt = self.conn.prepare_cached(
            "SELECT i.ord, i.case_id, a.name, i.set_id, i.repeat, i.cluster, i.tags FROM run_item i \
             JOIN arm a ON a.id = i.arm_id WHERE i.run_id = ?1 ORDER BY i.ord",
        )?;
        Ok(stmt.query_map([run], read_item)?.collect::<Result<_, _>>()?)
    }

    /// The arms of a run's items, in their order.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub fn run_arms(&self, run: &str) -> Result<Vec<Arm>> {
        let names = self.run_info(run)?.arms;
        let mut arms = self.arms()?;
        arms.retain(|a| names.contains(&a.name));
        arms.sort_by_key(|a| names.iter().position(|n| *n == a.name));
        Ok(arms)
    }

    /// One item with its texts.
    ///
    /// # Errors
    /// When there is no such item, or a body is missing.
    pub fn full_item(&self, run: &str, item: u32) -> Result<FullItem> {
        let (item, arm): (RunItem, i64) = self
            .conn
            .prepare_cached(
                "SELECT i.ord, i.case_id, a.name, i.set_id, i.repeat, i.cluster, i.tags, a.id FROM run_item i \
                 JOIN arm a ON a.id = i.arm_id WHERE i.run_id = ?1 AND i.ord = ?2",
            )?
            .query_row(params![run, item], |r| Ok((read_item(r)?, r.get(7)?)))
            .optional()?
            .ok_or_else(|| StoreError::NotFound(format!("run {run} has no item {item}")))?;
        let stored: Option<StoredResponse> =
            response_of(&self.conn, item.set_id, arm, &item.case_id, item.repeat)?;
        let (subject, response) = match stored {
            None => (None, None),
            Some((subject, Ok(text))) => (Some(self.json(&subject)?), Some(Ok(self.text(&text)?))),
            Some((subject, Err(failed))) => (Some(self.json(&subject)?), Some(Err(failed))),
        };
        Ok(FullItem { item, subject, response })
    }

    /// Length of an item's response in characters; `None` where there is none.
    ///
    /// # Errors
    /// When there is no such item.
    pub fn response_length(&self, run: &str, item: u32) -> Result<Option<u64>> {
        let text = self
            .conn
            .prepare_cached(
                "SELECT b.bytes, b.unpacked FROM run_item i JOIN response r ON r.id = (SELECT max(n.id) FROM \
                 response n WHERE n.set_id = i.set_id AND n.arm_id = i.arm_id AND n.case_id = i.case_id AND \
                 n.repeat = i.repeat) JOIN body b ON b.digest = r.text WHERE i.run_id = ?1 AND i.ord = ?2",
            )?
            .query_row(params![run, item], |r| text_at(r, 0))
            .optional()?;
        Ok(text.map(|t| String::from_utf8_lossy(&t).chars().count() as u64))
    }

    /// What an endpoint was found to accept (JSON), if known.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub fn capability(&self, base_url: &str, model: &str) -> Result<Option<String>> {
        Ok(self
            .conn
            .query_row(
                "SELECT json FROM capability WHERE base_url = ?1 AND model = ?2",
                [base_url, model],
                |r| r.get(0),
            )
            .optional()?)
    }

    /// Remembers what an endpoint accepts.
    ///
    /// # Errors
    /// When the registry cannot be written.
    pub fn set_capability(&mut self, base_url: &str, model: &str, text: &str) -> Result<()> {
        self.write(|conn| {
            conn.execute(
                "INSERT INTO capability (base_url, model, json, at) VALUES (?1,?2,?3,?4) \
                 ON CONFLICT (base_url, model) DO UPDATE SET json = ?3, at = ?4",
                params![base_url, model, text, now()],
            )?;
            Ok(())
        })
    }
}

/// A run of the list, all but its columns' names.
fn read_run(id: &str, r: &Row) -> Result<RunInfo> {
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

fn read_item(row: &Row) -> rusqlite::Result<RunItem> {
    Ok(RunItem {
        ord: row.get(0)?,
        case_id: row.get(1)?,
        arm: row.get(2)?,
        set_id: row.get(3)?,
        repeat: row.get(4)?,
        cluster: row.get(5)?,
        tags: serde_json::from_str(&row.get::<_, String>(6)?).unwrap_or_default(),
    })
}
