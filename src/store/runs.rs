//! Runs and verdicts: the plan is stored first, then each verdict as the next link of the run's chain.
//!
//! ```text
//! create_run -> lease -> set_fingerprint -> save_verdict ... (each with its group's commit) -> finish_run
//!                 ^                                  | killed: the heartbeat grows old
//!                 +---------- resume ----------------+
//! ```

use super::cases::{StoredResponse, arm_id, response_of};
use super::lease::{is_alive, seconds};
use super::prompts::{digest_at, now};
use super::rows::*;
use super::{Result, Store, StoreError};
use crate::core::digest::{Digest, RowDigest};
use crate::core::rubric::Criterion;
use crate::core::verdict::{Reading, State};
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::collections::BTreeMap;

/// The column of items that bring a whole question of their own.
pub const OWN: &str = "own";

fn to_json<T: serde::Serialize>(value: &T) -> Result<String> {
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

pub(super) fn insert_run(conn: &Connection, run: &RunRow) -> Result<String> {
    let id = new_id();
    let planned = run.items.len() * run.criteria.len() * run.spec.repeats as usize;
    conn.execute(
        "INSERT INTO run (id, seq, created_at, spec, judge, fingerprint, imported, items, planned) \
         VALUES (?1, (SELECT coalesce(max(seq), 0) + 1 FROM run), ?2,?3,?4,?5,?6,?7,?8)",
        params![
            id,
            now(),
            to_json(run.spec)?,
            run.spec.judge,
            run.fingerprint.as_ref().map(Digest::as_bytes),
            run.imported,
            run.items.len() as i64,
            planned as i64
        ],
    )?;
    conn.execute(
        "INSERT INTO run_state (run_id, state) VALUES (?1, ?2)",
        params![id, state_name(run.state)],
    )?;
    for (ord, (name, own, version, text)) in run.criteria.iter().enumerate() {
        conn.execute(
            "INSERT INTO run_criterion (run_id, ord, name, own, version, json) VALUES (?1,?2,?3,?4,?5,?6)",
            params![id, ord as i64, name, own, version.as_ref().map(Digest::as_bytes), text],
        )?;
    }
    let mut add = conn.prepare_cached(
        "INSERT INTO run_item (run_id, ord, case_id, arm_id, set_id, repeat, cluster, tags) VALUES (?1,?2,?3,?4,?5,?6,?7,?8)",
    )?;
    let mut arms = std::collections::HashMap::new();
    for (ord, (item, arm)) in run.items.iter().enumerate() {
        let arm = match arms.get(&arm.name) {
            Some(known) => *known,
            None => {
                let made = arm_id(conn, arm)?;
                arms.insert(&arm.name, made);
                made
            }
        };
        let tags = to_json(&item.tags)?;
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
    Ok(id)
}

fn state_name(state: RunState) -> &'static str {
    match state {
        RunState::Running => "running",
        RunState::Complete => "complete",
        RunState::Partial => "partial",
        RunState::Stopped => "stopped",
    }
}

/// What a verdict's row digest covers, on top of the digest of the row before.
pub(super) fn verdict_digest(
    previous: Option<&[u8]>,
    run: &str,
    seq: i64,
    v: &NewVerdict,
    at: &str,
    texts: &Texts,
) -> Digest {
    RowDigest::new("assize.verdict.1")
        .maybe(previous, RowDigest::bytes)
        .text(run)
        .int(seq)
        .int(i64::from(v.item))
        .int(i64::from(v.criterion))
        .int(i64::from(v.repeat))
        .text(v.state.name())
        .maybe(v.reading.as_ref().map(|r| i64::from(r.score)), RowDigest::int)
        .bytes(v.criterion_version.as_bytes())
        .bytes(v.fingerprint.as_bytes())
        .maybe(v.response.as_ref().map(Digest::as_bytes), RowDigest::bytes)
        .maybe(v.cache_key.as_ref().map(Digest::as_bytes), RowDigest::bytes)
        .int(i64::from(v.cached))
        .text(&v.rung)
        .text(&texts.flags)
        .text(&texts.repairs)
        .maybe(v.model_returned.as_deref(), RowDigest::text)
        .maybe(v.finish_reason.as_deref(), RowDigest::text)
        .maybe(v.prompt_tokens.map(|n| n as i64), RowDigest::int)
        .maybe(v.completion_tokens.map(|n| n as i64), RowDigest::int)
        .maybe(v.cost_usd, RowDigest::real)
        .int(v.latency_ms as i64)
        .int(i64::from(v.attempts))
        .text(at)
        .text(&texts.explanation)
        .text(&texts.evidence)
        .text(&v.nonce)
        .bytes(Digest::of(&v.raw).as_bytes())
        .finish()
}

/// The texts of a verdict as they are stored.
pub(super) struct Texts {
    pub flags: String,
    pub repairs: String,
    pub explanation: String,
    pub evidence: String,
}

impl Texts {
    fn of(v: &NewVerdict) -> Result<Self> {
        let none = Vec::new();
        Ok(Self {
            flags: to_json(&v.flags)?,
            repairs: to_json(v.reading.as_ref().map_or(&none, |r| &r.repairs))?,
            explanation: v.reading.as_ref().map_or_else(|| v.reason.clone(), |r| r.explanation.clone()),
            evidence: to_json(v.reading.as_ref().map_or(&none, |r| &r.evidence))?,
        })
    }
}

pub(super) fn insert_verdict(conn: &Connection, run: &str, v: &NewVerdict) -> Result<()> {
    let (count, chain, counts): (i64, Option<Vec<u8>>, String) = conn
        .prepare_cached("SELECT verdicts, chain, counts FROM run_state WHERE run_id = ?1")?
        .query_row([run], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))?;
    let counts = recounted(conn, run, v, &counts)?;
    let (seq, at, texts) = (count + 1, now(), Texts::of(v)?);
    let digest = verdict_digest(chain.as_deref(), run, seq, v, &at, &texts);
    conn.prepare_cached(
        "INSERT INTO verdict (run_id, seq, item, criterion, repeat, state, score, criterion_version, fingerprint, response, \
         cache_key, cached, rung, flags, repairs, model_returned, finish_reason, prompt_tokens, completion_tokens, cost_usd, \
         latency_ms, attempts, at, row_digest) \
         VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19,?20,?21,?22,?23,?24)",
    )?
    .execute(params![
        run,
        seq,
        v.item,
        v.criterion,
        v.repeat,
        v.state.name(),
        v.reading.as_ref().map(|r| r.score),
        v.criterion_version.as_bytes(),
        v.fingerprint.as_bytes(),
        v.response.as_ref().map(Digest::as_bytes),
        v.cache_key.as_ref().map(Digest::as_bytes),
        v.cached,
        v.rung,
        texts.flags,
        texts.repairs,
        v.model_returned,
        v.finish_reason,
        v.prompt_tokens.map(|n| n as i64),
        v.completion_tokens.map(|n| n as i64),
        v.cost_usd,
        v.latency_ms as i64,
        v.attempts,
        at,
        digest.as_bytes()
    ])?;
    conn.prepare_cached(
        "INSERT INTO verdict_text (verdict_id, explanation, evidence, nonce, raw) VALUES (?1,?2,?3,?4,?5)",
    )?
    .execute(params![conn.last_insert_rowid(), texts.explanation, texts.evidence, v.nonce, v.raw])?;
    conn.prepare_cached("UPDATE run_state SET verdicts = ?2, chain = ?3, counts = ?4 WHERE run_id = ?1")?
        .execute(params![run, seq, digest.as_bytes(), counts])?;
    Ok(())
}

/// The counts by state once this verdict is the newest of its key.
fn recounted(conn: &Connection, run: &str, v: &NewVerdict, counts: &str) -> Result<String> {
    let mut counts: BTreeMap<State, u32> = serde_json::from_str(counts).unwrap_or_default();
    let before: Option<String> = conn
        .prepare_cached(
            "SELECT state FROM verdict WHERE run_id = ?1 AND item = ?2 AND criterion = ?3 AND repeat = ?4 ORDER BY seq DESC LIMIT 1",
        )?
        .query_row(params![run, v.item, v.criterion, v.repeat], |r| r.get(0))
        .optional()?;
    if let Some(old) = before.and_then(|s| s.parse::<State>().ok()) {
        let left = counts.remove(&old).unwrap_or(1).saturating_sub(1);
        if left > 0 {
            counts.insert(old, left);
        }
    }
    *counts.entry(v.state).or_default() += 1;
    to_json(&counts)
}

/// The newest verdict of each key: the highest sequence number.
const NEWEST: &str = "SELECT max(seq) FROM verdict WHERE run_id = ?1 GROUP BY item, criterion, repeat";

const VERDICT: &str = "SELECT v.id, v.item, v.criterion, v.repeat, v.state, v.score, v.criterion_version, v.fingerprint, \
    v.response, v.cache_key, v.cached, v.rung, v.flags, v.repairs, v.model_returned, v.finish_reason, v.prompt_tokens, \
    v.completion_tokens, v.cost_usd, v.latency_ms, v.attempts, v.at, t.explanation, t.evidence, t.nonce, t.raw, v.seq, \
    v.row_digest FROM verdict v JOIN verdict_text t ON t.verdict_id = v.id ";

fn optional_digest(row: &Row, at: usize) -> rusqlite::Result<Option<Digest>> {
    Ok(row.get::<_, Option<Vec<u8>>>(at)?.and_then(|b| Digest::from_bytes(&b)))
}

fn read_verdict(row: &Row) -> rusqlite::Result<VerdictInfo> {
    let list = |at: usize| -> rusqlite::Result<Vec<String>> {
        Ok(serde_json::from_str(&row.get::<_, String>(at)?).unwrap_or_default())
    };
    let count = |at: usize| -> rusqlite::Result<Option<u64>> {
        Ok(row.get::<_, Option<i64>>(at)?.map(i64::unsigned_abs))
    };
    let explanation: String = row.get(22)?;
    let score: Option<u8> = row.get(5)?;
    let flags = list(12)?;
    let reading = score.map(|score| -> rusqlite::Result<Reading> {
        Ok(Reading {
            score,
            evidence: list(23)?,
            explanation: explanation.clone(),
            injection_suspected: flags.iter().any(|f| f == "injection_suspected"),
            repairs: list(13)?,
        })
    });
    let state: String = row.get(4)?;
    Ok(VerdictInfo {
        id: row.get(0)?,
        verdict: NewVerdict {
            item: row.get(1)?,
            criterion: row.get(2)?,
            repeat: row.get(3)?,
            state: state.parse().unwrap_or(State::Unparseable),
            reading: reading.transpose()?,
            reason: if score.is_some() { String::new() } else { explanation },
            criterion_version: digest_at(row, 6)?,
            fingerprint: digest_at(row, 7)?,
            response: optional_digest(row, 8)?,
            cache_key: optional_digest(row, 9)?,
            cached: row.get(10)?,
            rung: row.get(11)?,
            flags,
            model_returned: row.get(14)?,
            finish_reason: row.get(15)?,
            prompt_tokens: count(16)?,
            completion_tokens: count(17)?,
            cost_usd: row.get(18)?,
            latency_ms: row.get::<_, i64>(19)?.unsigned_abs(),
            attempts: row.get(20)?,
            nonce: row.get(24)?,
            raw: row.get(25)?,
        },
        at: row.get(21)?,
    })
}

/// Walks a run's chain: each verdict with its sequence number and the digest stored beside it.
pub(super) fn each_verdict(
    conn: &Connection,
    run: &str,
    mut visit: impl FnMut(i64, &VerdictInfo, &[u8]),
) -> Result<()> {
    let sql = format!("{VERDICT} WHERE v.run_id = ?1 ORDER BY v.seq");
    let mut stmt = conn.prepare(&sql)?;
    let mut rows = stmt.query([run])?;
    while let Some(row) = rows.next()? {
        visit(row.get(26)?, &read_verdict(row)?, &row.get::<_, Vec<u8>>(27)?);
    }
    Ok(())
}

pub(super) fn rebuilt_digest(
    previous: Option<&[u8]>,
    run: &str,
    seq: i64,
    info: &VerdictInfo,
) -> Result<Digest> {
    Ok(verdict_digest(previous, run, seq, &info.verdict, &info.at, &Texts::of(&info.verdict)?))
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
    /// [`StoreError::Conflict`] names the holder.
    pub fn lease(&mut self, run: &str, holder: &str) -> Result<()> {
        self.write(|conn| {
            let (present, beat): (Option<String>, Option<i64>) = conn.query_row(
                "SELECT holder, heartbeat FROM run_state WHERE run_id = ?1",
                [run],
                |r| Ok((r.get(0)?, r.get(1)?)),
            )?;
            if let Some(other) = present.filter(|p| p != holder && is_alive(p, beat)) {
                return Err(StoreError::Conflict(format!(
                    "run {run} is being written by {other}: wait for it, or end that process"
                )));
            }
            conn.execute(
                "UPDATE run_state SET state = 'running', reason = '', holder = ?2, heartbeat = ?3, finished_at = NULL WHERE run_id = ?1",
                params![run, holder, seconds()],
            )?;
            Ok(())
        })
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
                Ok(())
            }
        })
    }

    /// Records the judge's fingerprint after discovery.
    ///
    /// # Errors
    /// When the run has another one already: its scores could not be pooled.
    pub fn set_fingerprint(&mut self, run: &str, fingerprint: &Digest) -> Result<()> {
        self.write(|conn| {
            let present: Option<Vec<u8>> =
                conn.query_row("SELECT fingerprint FROM run WHERE id = ?1", [run], |r| r.get(0))?;
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
    /// When the registry cannot be written.
    pub fn finish_run(&mut self, run: &str, state: RunState, reason: &str) -> Result<()> {
        self.write(|conn| {
            conn.execute(
                "UPDATE run_state SET state = ?2, reason = ?3, holder = NULL, heartbeat = NULL, finished_at = ?4 WHERE run_id = ?1",
                params![run, state_name(state), reason, now()],
            )?;
            Ok(())
        })
    }

    /// Adds to what the run cost.
    ///
    /// # Errors
    /// When the registry cannot be written.
    pub fn add_usage(&mut self, run: &str, more: &RunUsage) -> Result<()> {
        self.write(|conn| {
            let text: String =
                conn.query_row("SELECT usage FROM run_state WHERE run_id = ?1", [run], |r| r.get(0))?;
            let was: RunUsage = serde_json::from_str(&text).unwrap_or_default();
            let add = |a: Option<u64>, b: Option<u64>| {
                if a.is_none() && b.is_none() { None } else { Some(a.unwrap_or(0) + b.unwrap_or(0)) }
            };
            let cost = match (was.cost_usd, more.cost_usd) {
                (None, None) => None,
                (a, b) => Some(a.unwrap_or(0.0) + b.unwrap_or(0.0)),
            };
            let sum = RunUsage {
                calls: was.calls + more.calls,
                cached: was.cached + more.cached,
                prompt_tokens: add(was.prompt_tokens, more.prompt_tokens),
                completion_tokens: add(was.completion_tokens, more.completion_tokens),
                cost_usd: cost,
                wall_s: was.wall_s + more.wall_s,
            };
            conn.execute("UPDATE run_state SET usage = ?2 WHERE run_id = ?1", params![run, to_json(&sum)?])?;
            Ok(())
        })
    }

    /// Stores a verdict as the next link of the run's chain.
    ///
    /// # Errors
    /// When the registry cannot be written; then nothing of it was stored.
    pub fn save_verdict(&mut self, run: &str, verdict: &NewVerdict) -> Result<()> {
        self.write(|conn| insert_verdict(conn, run, verdict))
    }

    /// A scored verdict stored earlier under this key.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub fn cached_verdict(&self, key: &Digest) -> Result<Option<VerdictInfo>> {
        let sql = format!("{VERDICT} WHERE v.cache_key = ?1 AND v.state = 'scored' ORDER BY v.id LIMIT 1");
        Ok(self.conn.prepare_cached(&sql)?.query_row([key.as_bytes()], read_verdict).optional()?)
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
            [] | [_] => {
                Err(StoreError::NotFound(format!("no run has the id '{id}'; `assize runs` lists them")))
            }
            several => {
                Err(StoreError::Invalid(format!("several runs start with '{id}': {}", several.join(", "))))
            }
        }
    }

    fn run_info(&self, id: &str) -> Result<RunInfo> {
        type Raw = (
            String,
            String,
            Option<Digest>,
            bool,
            u32,
            u32,
            String,
            String,
            Option<String>,
            Option<i64>,
            String,
            Option<String>,
        );
        let raw: Raw = self
            .conn
            .prepare_cached(
                "SELECT r.created_at, r.spec, r.fingerprint, r.imported, r.items, r.planned, s.state, s.reason, s.holder, \
                 s.heartbeat, s.usage, s.finished_at FROM run r JOIN run_state s ON s.run_id = r.id WHERE r.id = ?1",
            )?
            .query_row([id], |r| {
                Ok((
                    r.get(0)?,
                    r.get(1)?,
                    optional_digest(r, 2)?,
                    r.get(3)?,
                    r.get(4)?,
                    r.get(5)?,
                    r.get(6)?,
                    r.get(7)?,
                    r.get(8)?,
                    r.get(9)?,
                    r.get(10)?,
                    r.get(11)?,
                ))
            })?;
        let (
            created_at,
            spec,
            fingerprint,
            imported,
            items,
            planned,
            state,
            reason,
            holder,
            beat,
            usage,
            finished_at,
        ) = raw;
        let alive = holder.as_deref().is_some_and(|h| is_alive(h, beat));
        let state = match state.as_str() {
            "running" if alive => RunState::Running,
            "complete" => RunState::Complete,
            "stopped" => RunState::Stopped,
            _ => RunState::Partial,
        };
        let spec: RunSpec = serde_json::from_str(&spec)
            .map_err(|e| StoreError::Damaged(format!("the plan of run {id} does not read: {e}")))?;
        Ok(RunInfo {
            id: id.to_owned(),
            state,
            reason,
            created_at,
            finished_at,
            spec,
            fingerprint,
            imported,
            items,
            planned,
            criteria: self.column("SELECT name FROM run_criterion WHERE run_id = ?1 ORDER BY ord", id)?,
            arms: self.column(
                "SELECT a.name FROM run_item i JOIN arm a ON a.id = i.arm_id WHERE i.run_id = ?1 GROUP BY a.id ORDER BY min(i.ord)",
                id,
            )?,
            verdicts: self.kept_counts(id)?,
            usage: serde_json::from_str(&usage).unwrap_or_default(),
            holder: holder.filter(|_| alive),
        })
    }

    fn column(&self, sql: &str, id: &str) -> Result<Vec<String>> {
        Ok(self.conn.prepare_cached(sql)?.query_map([id], |r| r.get(0))?.collect::<Result<_, _>>()?)
    }

    pub(super) fn kept_counts(&self, id: &str) -> Result<BTreeMap<State, u32>> {
        let text: String = self
            .conn
            .prepare_cached("SELECT counts FROM run_state WHERE run_id = ?1")?
            .query_row([id], |r| r.get(0))?;
        Ok(serde_json::from_str(&text).unwrap_or_default())
    }

    /// Counted anew from the rows: `fsck` compares it with what is kept.
    pub(super) fn counted(&self, id: &str) -> Result<BTreeMap<State, u32>> {
        let sql = format!(
            "SELECT state, count(*) FROM verdict WHERE run_id = ?1 AND seq IN ({NEWEST}) GROUP BY state"
        );
        let mut stmt = self.conn.prepare_cached(&sql)?;
        let rows = stmt.query_map([id], |r| Ok((r.get::<_, String>(0)?, r.get::<_, u32>(1)?)))?;
        let mut counts = BTreeMap::new();
        for row in rows {
            let (state, n) = row?;
            counts.insert(state.parse().unwrap_or(State::Unparseable), n);
        }
        Ok(counts)
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
        let names: std::collections::HashSet<String> = self.run_info(run)?.arms.into_iter().collect();
        Ok(self.arms()?.into_iter().filter(|a| names.contains(&a.name)).collect())
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

    /// The newest verdict of each key: one small row per cell.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub fn cells(&self, run: &str) -> Result<Vec<Cell>> {
        let sql = format!(
            "SELECT item, criterion, repeat, state, score, flags <> '[]' FROM verdict \
             WHERE run_id = ?1 AND seq IN ({NEWEST}) ORDER BY item, criterion, repeat"
        );
        let mut stmt = self.conn.prepare_cached(&sql)?;
        let rows = stmt.query_map([run], |r| {
            Ok(Cell {
                item: r.get(0)?,
                criterion: r.get(1)?,
                repeat: r.get(2)?,
                state: r.get::<_, String>(3)?.parse().unwrap_or(State::Unparseable),
                score: r.get(4)?,
                flagged: r.get(5)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// All newest verdicts with their texts, by key.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub fn verdicts(&self, run: &str) -> Result<Vec<VerdictInfo>> {
        let sql = format!(
            "{VERDICT} WHERE v.run_id = ?1 AND v.seq IN ({NEWEST}) ORDER BY v.item, v.criterion, v.repeat"
        );
        Ok(self.conn.prepare_cached(&sql)?.query_map([run], read_verdict)?.collect::<Result<_, _>>()?)
    }

    /// The newest verdicts of one item, all criteria and repeats.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub fn item_verdicts(&self, run: &str, item: u32) -> Result<Vec<VerdictInfo>> {
        let sql = format!(
            "{VERDICT} WHERE v.run_id = ?1 AND v.item = ?2 AND v.seq IN (SELECT max(seq) FROM verdict \
             WHERE run_id = ?1 AND item = ?2 GROUP BY criterion, repeat) ORDER BY v.criterion, v.repeat"
        );
        Ok(self
            .conn
            .prepare_cached(&sql)?
            .query_map(params![run, item], read_verdict)?
            .collect::<Result<_, _>>()?)
    }

    /// The models that say they answered in a run; several mean that the endpoint changed on the way.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub fn models_returned(&self, run: &str) -> Result<Vec<String>> {
        self.column(
            "SELECT DISTINCT model_returned FROM verdict WHERE run_id = ?1 AND model_returned IS NOT NULL",
            run,
        )
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
