//! Verdicts: each is the next link of its run's chain, stored with the reply it was read from.
//!
//! ```text
//! NewVerdict -> scored with a score, or failed without? -> still our lease? -> row digest over the row before it
//!            -> verdict + verdict_text + the run's count, chain head and counts by state, in one transaction
//! ```

use super::columns::to_json;
use super::digest_fields::feed;
use super::judged::VerdictSums;
use super::lookup::digest_at;
use super::rows::*;
use super::rules::verdicts::{Texts, check, price, verdict_digest};
use super::time::now;
use super::{Result, Store};
use crate::core::digest::{Digest, RowDigest};
use crate::core::evidence::is_suspicious;
use crate::core::verdict::{Reading, VerdictState};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::collections::BTreeMap;

/// What a verdict's row digest covers after the digest of the row before, in its order, as SQL reads it; and whether it may be
/// NULL.
pub(super) const COVERED: &[(&str, bool)] = &[
    ("v.run_id", false),
    ("coalesce(v.place, v.seq)", false),
    ("v.item", false),
    ("v.criterion", false),
    ("v.repeat", false),
    ("v.state", false),
    ("v.score", true),
    ("v.criterion_version", false),
    ("v.fingerprint", false),
    ("v.response", true),
    ("v.cache_key", true),
    ("v.cached", false),
    ("v.rung", false),
    ("v.flags", false),
    ("v.repairs", false),
    ("v.model_returned", true),
    ("v.finish_reason", true),
    ("v.prompt_tokens", true),
    ("v.completion_tokens", true),
    ("v.cost_usd", true),
    ("v.latency_ms", false),
    ("v.attempts", false),
    ("v.at", false),
    ("t.explanation", false),
    ("t.evidence", false),
    ("t.nonce", false),
    ("t.raw_digest", false),
];

/// The digest of a verdict from its values as they are stored.
pub(super) fn digest_of(previous: Option<&[u8]>, values: &[Value]) -> Digest {
    let begun = RowDigest::new("assize.verdict.1").maybe(previous, RowDigest::bytes);
    COVERED
        .iter()
        .zip(values)
        .fold(begun, |digest, ((_, optional), value)| feed(digest, *optional, value))
        .finish()
}

/// The texts of a stored verdict.
fn stored_texts(row: &Row) -> rusqlite::Result<Texts> {
    Ok(Texts {
        state: row.get(4)?,
        flags: row.get(12)?,
        repairs: row.get(13)?,
        explanation: row.get(22)?,
        evidence: row.get(23)?,
        raw_digest: row.get(28)?,
    })
}

pub(super) fn insert_verdict(conn: &Connection, run: &str, v: &NewVerdict, used: &RunUsage) -> Result<()> {
    check(v)?;
    let cost_usd = price(v.cost_usd);
    let (count, chain, counts, usage): (i64, Option<Vec<u8>>, String, String) = conn
        .prepare_cached("SELECT verdicts, chain, counts, usage FROM run_state WHERE run_id = ?1")?
        .query_row([run], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?)))
        .optional()?
        .ok_or_else(|| super::run_rows::no_run(run))?;
    let usage = super::run_rows::with_usage(&usage, &RunUsage { judged: judged_by(v), ..*used })?;
    let counts = recounted(conn, run, v, &counts)?;
    let (seq, at, texts) = (count + 1, now(), Texts::of(v)?);
    // After branches were joined the newest of them is followed: its own number may be lower than how many there are.
    let digest = verdict_digest(chain.as_deref(), run, seq, v, cost_usd, &at, &texts);
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
        cost_usd,
        v.latency_ms as i64,
        v.attempts,
        at,
        digest.as_bytes()
    ])?;
    conn.prepare_cached(
        "INSERT INTO verdict_text (verdict_id, explanation, evidence, nonce, raw, raw_digest) VALUES (?1,?2,?3,?4,?5,?6)",
    )?
    .execute(params![
        conn.last_insert_rowid(),
        texts.explanation,
        texts.evidence,
        v.nonce,
        v.raw,
        texts.raw_digest
    ])?;
    conn.prepare_cached(
        "UPDATE run_state SET verdicts = ?2, chain = ?3, counts = ?4, usage = ?5 WHERE run_id = ?1",
    )?
    .execute(params![run, seq, digest.as_bytes(), counts, usage])?;
    Ok(())
}

/// What a verdict adds to what its run took.
pub(super) fn judged_by(v: &NewVerdict) -> VerdictSums {
    let timed = !v.cached && v.latency_ms > 0;
    VerdictSums {
        verdicts: 1,
        failed: u64::from(v.reading.is_none()),
        timed: u64::from(timed),
        timed_ms: if timed { v.latency_ms } else { 0 },
        cost_usd: v.cost_usd.filter(|c| c.is_finite()),
    }
}

/// What a verdict says it used.
pub(super) fn used_by(verdict: &NewVerdict) -> RunUsage {
    RunUsage {
        cached: u64::from(verdict.cached),
        prompt_tokens: verdict.prompt_tokens,
        completion_tokens: verdict.completion_tokens,
        cost_usd: verdict.cost_usd,
        ..RunUsage::default()
    }
}

/// The counts by state once this verdict is the newest of its key.
fn recounted(conn: &Connection, run: &str, v: &NewVerdict, counts: &str) -> Result<String> {
    let mut counts: BTreeMap<VerdictState, u32> = serde_json::from_str(counts).unwrap_or_default();
    let before: Option<String> = conn
        .prepare_cached(
            "SELECT state FROM verdict WHERE run_id = ?1 AND item = ?2 AND criterion = ?3 AND repeat = ?4 ORDER BY seq DESC LIMIT 1",
        )?
        .query_row(params![run, v.item, v.criterion, v.repeat], |r| r.get(0))
        .optional()?;
    if let Some(old) = before.and_then(|s| s.parse::<VerdictState>().ok()) {
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
    v.row_digest, t.raw_digest, coalesce(v.place, v.seq), v.previous FROM verdict v JOIN verdict_text t ON t.verdict_id = v.id ";

pub(super) fn optional_digest(row: &Row, at: usize) -> rusqlite::Result<Option<Digest>> {
    Ok(row.get::<_, Option<Vec<u8>>>(at)?.and_then(|b| Digest::from_bytes(&b)))
}

/// Whether a verdict's flags, as stored, hold one that a person should look into.
fn is_flagged(flags: &str) -> bool {
    // Nearly all have none.
    flags != "[]"
        && serde_json::from_str(flags).is_ok_and(|all: Vec<String>| all.iter().any(|f| is_suspicious(f)))
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
            state: state.parse().unwrap_or(VerdictState::Unparseable),
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

/// A link of a run's chain as it is stored.
pub(super) struct ChainLink {
    pub seq: i64,
    pub info: VerdictInfo,
    pub row_digest: Vec<u8>,
    texts: Texts,
    /// Its number when it was written.
    place: i64,
    /// The row it was written after, where that is not the one before it.
    previous: Option<Vec<u8>>,
}

impl ChainLink {
    /// Whether the row fits its digest, given the row before it.
    pub(super) fn fits(&self, previous: Option<&[u8]>, run: &str) -> bool {
        let v = &self.info.verdict;
        // The first of a branch follows none.
        let previous = self.previous.as_deref().or(previous).filter(|digest| !digest.is_empty());
        let rebuilt = verdict_digest(previous, run, self.place, v, v.cost_usd, &self.info.at, &self.texts);
        rebuilt.as_bytes() == self.row_digest
    }

    /// Whether its reply is the one that came, or was emptied.
    pub(super) fn reply(&self) -> StoredReply {
        let raw = &self.info.verdict.raw;
        if Digest::of(raw).as_bytes() == self.texts.raw_digest {
            StoredReply::Whole
        } else if raw.is_empty() {
            StoredReply::Emptied
        } else {
            StoredReply::Changed
        }
    }
}

/// What became of a stored reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StoredReply {
    Whole,
    /// As `forget` leaves it.
    Emptied,
    Changed,
}

/// Walks a run's chain.
pub(super) fn each_verdict(conn: &Connection, run: &str, mut visit: impl FnMut(&ChainLink)) -> Result<()> {
    let sql = format!("{VERDICT} WHERE v.run_id = ?1 ORDER BY v.seq");
    let mut stmt = conn.prepare(&sql)?;
    let mut rows = stmt.query([run])?;
    while let Some(row) = rows.next()? {
        visit(&ChainLink {
            seq: row.get(26)?,
            info: read_verdict(row)?,
            row_digest: row.get(27)?,
            texts: stored_texts(row)?,
            place: row.get(29)?,
            previous: row.get(30)?,
        });
    }
    Ok(())
}

impl Store {
    /// Stores a verdict as the next link of the run's chain; what it says it used goes to the run's account.
    ///
    /// # Errors
    /// When it is neither scored nor failed, when another process has taken the run over, or when the registry cannot
    /// be written; then nothing of it was stored.
    pub fn save_verdict(&mut self, run: &str, verdict: &NewVerdict) -> Result<()> {
        self.save_paid_verdict(run, verdict, &used_by(verdict))
    }

    /// As [`Store::save_verdict`], and adds what it cost to the run's account in the same step: neither is ever without
    /// the other.
    ///
    /// # Errors
    /// As [`Store::save_verdict`].
    pub fn save_paid_verdict(&mut self, run: &str, verdict: &NewVerdict, used: &RunUsage) -> Result<()> {
        let mine = self.leases.get(run).cloned();
        self.write(|conn| {
            super::run_rows::still_mine(conn, run, mine.as_deref())?;
            insert_verdict(conn, run, verdict, used)
        })
    }

    /// A scored verdict stored earlier under this key.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub fn cached_verdict(&self, key: &Digest) -> Result<Option<VerdictInfo>> {
        let sql = format!(
            "{VERDICT} WHERE v.cache_key = ?1 AND v.state = 'scored' ORDER BY v.at, v.row_digest LIMIT 1"
        );
        Ok(self.conn.prepare_cached(&sql)?.query_row([key.as_bytes()], read_verdict).optional()?)
    }

    /// The newest verdict of each key: one small row per cell.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub fn cells(&self, run: &str) -> Result<Vec<Cell>> {
        // The order is the index's own, and it holds every column: nothing is sorted, no row is looked up.
        let mut stmt = self.conn.prepare_cached(
            "SELECT item, criterion, repeat, state, score, flags FROM verdict \
             WHERE run_id = ?1 ORDER BY item, criterion, repeat, seq",
        )?;
        let mut rows = stmt.query([run])?;
        let mut cells: Vec<Cell> = Vec::new();
        while let Some(r) = rows.next()? {
            let score: Option<u8> = r.get(4)?;
            // The table holds that what has a score is scored.
            let state = match score {
                Some(_) => VerdictState::Scored,
                None => r
                    .get_ref(3)?
                    .as_str()
                    .ok()
                    .and_then(|s| s.parse().ok())
                    .unwrap_or(VerdictState::Unparseable),
            };
            let cell = Cell {
                item: r.get(0)?,
                criterion: r.get(1)?,
                repeat: r.get(2)?,
                state,
                score,
                flagged: is_flagged(r.get_ref(5)?.as_str().unwrap_or_default()),
            };
            let key = |c: &Cell| (c.item, c.criterion, c.repeat);
            match cells.last_mut().filter(|last| key(last) == key(&cell)) {
                Some(last) => *last = cell,
                None => cells.push(cell),
            }
        }
        Ok(cells)
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

    /// Counted anew from the rows: `fsck` compares it with what is kept.
    pub(super) fn counted(&self, id: &str) -> Result<BTreeMap<VerdictState, u32>> {
        count_states(&self.conn, id)
    }
}

/// The newest verdicts of each key of a run, by state.
pub(super) fn count_states(conn: &Connection, run: &str) -> Result<BTreeMap<VerdictState, u32>> {
    let sql =
        format!("SELECT state, count(*) FROM verdict WHERE run_id = ?1 AND seq IN ({NEWEST}) GROUP BY state");
    let mut stmt = conn.prepare_cached(&sql)?;
    let rows = stmt.query_map([run], |r| Ok((r.get::<_, String>(0)?, r.get::<_, u32>(1)?)))?;
    let mut counts = BTreeMap::new();
    for row in rows {
        let (state, n) = row?;
        counts.insert(state.parse().unwrap_or(VerdictState::Unparseable), n);
    }
    Ok(counts)
}
