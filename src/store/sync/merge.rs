//! Takes records of others in: rows are added, none is removed. What follows from them (numbers, names, labels) is made anew
//! afterwards, in derive.rs.

use super::super::body::{put_body, put_tombstone};
use super::super::digest_fields::{Covered, Of, unnumbered};
use super::super::{Result, StoreError};
use super::record::{RecordKind, SyncRecord, account, account_id, is_known, plan, verdict};
use crate::core::digest::Digest;
use crate::core::prompt::{Label, PromptName};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params, params_from_iter};
use serde_json::Value as Json;
use std::collections::{BTreeSet, HashMap};

/// Numbers of revisions that have yet to get theirs begin here.
pub(super) const UNNUMBERED: i64 = 1 << 31;

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MergeResult {
    New,
    /// It was here.
    Known,
    /// It refers to something that is not here yet.
    Early,
}

/// What has to be made anew.
#[derive(Debug, Default)]
pub(super) struct Touched {
    /// Prompts with new revisions.
    pub prompts: BTreeSet<i64>,
    /// Runs with new verdicts or another account.
    pub runs: BTreeSet<String>,
    /// Tables with new rows.
    pub tables: BTreeSet<&'static str>,
}

/// Content ids of arms, of revisions by prompt, of reviews, with their numbers here.
#[derive(Default)]
struct LocalNumbers {
    arms: Option<HashMap<Vec<u8>, i64>>,
    reviews: Option<HashMap<Vec<u8>, i64>>,
    events: Option<HashMap<Vec<u8>, i64>>,
    revisions: HashMap<i64, HashMap<Vec<u8>, i64>>,
}

pub(super) struct Merge<'a> {
    conn: &'a Connection,
    /// Revisions up to this row are in the index of messages.
    indexed: i64,
    known: LocalNumbers,
    pub touched: Touched,
}

fn load(conn: &Connection, sql: &str, of: &[i64]) -> rusqlite::Result<HashMap<Vec<u8>, i64>> {
    let mut stmt = conn.prepare_cached(sql)?;
    stmt.query_map(params_from_iter(of), |r| Ok((r.get(0)?, r.get(1)?)))?.collect()
}

fn blob(value: &Value) -> Option<&[u8]> {
    if let Value::Blob(bytes) = value { Some(bytes) } else { None }
}

fn word(value: Option<&Value>) -> Option<&str> {
    if let Some(Value::Text(text)) = value { Some(text) } else { None }
}

impl<'a> Merge<'a> {
    pub(super) fn new(conn: &'a Connection) -> Result<Self> {
        let indexed = conn.query_row("SELECT coalesce(max(id), 0) FROM revision", [], |r| r.get(0))?;
        Ok(Self { conn, indexed, known: LocalNumbers::default(), touched: Touched::default() })
    }

    /// After a pack was taken back.
    pub(super) fn forget_what_is_known(&mut self) {
        self.known = LocalNumbers::default();
    }

    fn prompt(&self, uid: &[u8]) -> rusqlite::Result<Option<i64>> {
        self.conn
            .prepare_cached("SELECT id FROM prompt WHERE uid = ?1")?
            .query_row([uid], |r| r.get(0))
            .optional()
    }

    fn set(&self, uid: &[u8]) -> rusqlite::Result<Option<i64>> {
        self.conn
            .prepare_cached("SELECT id FROM case_set WHERE uid = ?1")?
            .query_row([uid], |r| r.get(0))
            .optional()
    }

    fn arm(&mut self, id: &[u8]) -> rusqlite::Result<Option<i64>> {
        if self.known.arms.is_none() {
            self.known.arms = Some(load(self.conn, "SELECT coalesce(named, row_digest), id FROM arm", &[])?);
        }
        Ok(self.known.arms.as_ref().and_then(|arms| arms.get(id)).copied())
    }

    fn review(&mut self, id: &[u8]) -> rusqlite::Result<Option<i64>> {
        if self.known.reviews.is_none() {
            self.known.reviews =
                Some(load(self.conn, "SELECT coalesce(named, row_digest), id FROM review", &[])?);
        }
        Ok(self.known.reviews.as_ref().and_then(|reviews| reviews.get(id)).copied())
    }

    fn event(&mut self, id: &[u8]) -> rusqlite::Result<Option<i64>> {
        if self.known.events.is_none() {
            self.known.events =
                Some(load(self.conn, "SELECT coalesce(named, row_digest), id FROM event", &[])?);
        }
        Ok(self.known.events.as_ref().and_then(|events| events.get(id)).copied())
    }

    fn revisions(&mut self, prompt: i64) -> rusqlite::Result<&mut HashMap<Vec<u8>, i64>> {
        if !self.known.revisions.contains_key(&prompt) {
            let sql = "SELECT coalesce(named, row_digest), seq FROM revision WHERE prompt_id = ?1";
            self.known.revisions.insert(prompt, load(self.conn, sql, &[prompt])?);
        }
        Ok(self.known.revisions.entry(prompt).or_default())
    }

    /// Takes a record in.
    pub(super) fn take(&mut self, record: &SyncRecord) -> Result<MergeResult> {
        let known = is_known(self.conn, record.kind, &record.id)?;
        let Some(values) = &record.values else { return Ok(MergeResult::Known) };
        match record.kind {
            RecordKind::Body => self.body(known, &record.id, values),
            RecordKind::Row(_) => match record.kind.covered() {
                Some(covered) if known => self.row_again(covered, &record.id, values),
                Some(covered) => self.row(covered, &record.id, values),
                None => Ok(MergeResult::Known),
            },
            _ if known => Ok(MergeResult::Known),
            RecordKind::Run => self.run(values),
            RecordKind::Verdict => self.verdict(values),
            RecordKind::Account => self.account(&record.id, values),
        }
    }

    fn body(&mut self, known: bool, id: &[u8], values: &[Value]) -> Result<MergeResult> {
        match values.first().and_then(blob) {
            _ if known => {}
            Some(text) => _ = put_body(self.conn, text)?,
            None => put_tombstone(self.conn, id)?,
        }
        Ok(if known { MergeResult::Known } else { MergeResult::New })
    }

    /// A row that is here under the same id may be told otherwise elsewhere: when it was made there. The earliest stays.
    fn row_again(&mut self, covered: &'static Covered, id: &[u8], values: &[Value]) -> Result<MergeResult> {
        let (key, order) = match covered.table {
            "prompt" => ("uid", "created_at"),
            "case_set" => ("uid", "stamp"),
            "rubric" => ("digest", "stamp"),
            "revision" => ("named", "stamp"),
            _ => return Ok(MergeResult::Known),
        };
        let table = covered.table;
        let origin = covered.columns.iter().position(|c| c.name == "origin").and_then(|at| values.get(at));
        let (narrow, keys) = match origin {
            // Only what was imported is made by two people and is one; an index finds it.
            Some(Value::Null) => return Ok(MergeResult::Known),
            Some(origin) => (
                " AND origin = ?2 AND prompt_id = (SELECT id FROM prompt WHERE uid = ?3)",
                vec![
                    Value::Blob(id.to_vec()),
                    origin.clone(),
                    values.first().cloned().unwrap_or(Value::Null),
                ],
            ),
            None => ("", vec![Value::Blob(id.to_vec())]),
        };
        let sql = format!("SELECT {order}, row_digest, id FROM {table} WHERE {key} = ?1{narrow}");
        let here: Option<(Value, Vec<u8>, i64)> = self
            .conn
            .prepare_cached(&sql)?
            .query_row(params_from_iter(keys), |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))
            .optional()?;
        let Some((stamp, digest, row)) = here else { return Ok(MergeResult::Known) };
        let place = covered.columns.iter().position(|c| c.name == order);
        let Some(theirs) = place.and_then(|at| values.get(at)) else { return Ok(MergeResult::Known) };
        let new = covered.digest(values);
        let earlier = match (theirs, &stamp) {
            (Value::Integer(a), Value::Integer(b)) => (a, new.as_bytes()) < (b, digest.as_slice()),
            (Value::Text(a), Value::Text(b)) => (a, new.as_bytes()) < (b, digest.as_slice()),
            _ => false,
        };
        if !earlier {
            return Ok(MergeResult::Known);
        }
        let Some(mut columns) = self.columns(covered, values)? else { return Ok(MergeResult::Early) };
        columns.push(("row_digest", Value::Blob(new.as_bytes().to_vec())));
        let indexed = table == "revision" && row <= self.indexed;
        if indexed {
            let message = "SELECT coalesce(message, '') FROM revision WHERE id = ?1";
            let was: String = self.conn.query_row(message, [row], |r| r.get(0))?;
            self.conn.execute("INSERT INTO message_fts (message_fts, rowid, message) SELECT 'delete', ?1, ?2 WHERE ?2 <> ''", params![row, was])?;
        }
        if table == "revision"
            && let Some((_, Value::Integer(prompt))) = columns.iter().find(|(name, _)| *name == "prompt_id")
        {
            self.touched.prompts.insert(*prompt);
        }
        let list: Vec<String> =
            columns.iter().enumerate().map(|(n, (name, _))| format!("{name} = ?{}", n + 2)).collect();
        let all = std::iter::once(Value::Integer(row)).chain(columns.into_iter().map(|(_, value)| value));
        let sql = format!("UPDATE {table} SET {} WHERE id = ?1", list.join(", "));
        self.conn.execute(&sql, params_from_iter(all))?;
        if indexed {
            let sql = "INSERT INTO message_fts (rowid, message) SELECT id, message FROM revision WHERE id = ?1 AND message <> ''";
            self.conn.execute(sql, [row])?;
        }
        Ok(MergeResult::Known)
    }

    /// The columns of a row as they are stored here; nothing while it refers to something that is not here.
    fn columns(
        &mut self,
        covered: &'static Covered,
        values: &[Value],
    ) -> Result<Option<Vec<(&'static str, Value)>>> {
        let mut prompt = None;
        let mut out: Vec<(&'static str, Value)> = Vec::with_capacity(values.len() + 2);
        for (column, value) in covered.columns.iter().zip(values) {
            let stored = match (column.of, value) {
                (_, Value::Null) => Some(Value::Null),
                (Of::Own | Of::Payload | Of::Name, value) => Some(value.clone()),
                (Of::Prompt, value) => {
                    prompt = self.prompt(blob(value).unwrap_or_default())?;
                    prompt.map(Value::Integer)
                }
                (Of::Set, value) => self.set(blob(value).unwrap_or_default())?.map(Value::Integer),
                (Of::Arm, value) => self.arm(blob(value).unwrap_or_default())?.map(Value::Integer),
                (Of::Review, value) => self.review(blob(value).unwrap_or_default())?.map(Value::Integer),
                (Of::Revision, value) => match prompt {
                    Some(prompt) => self
                        .revisions(prompt)?
                        .get(blob(value).unwrap_or_default())
                        .copied()
                        .map(Value::Integer),
                    None => None,
                },
            };
            match stored {
                Some(stored) => out.push((column.name, stored)),
                None => return Ok(None),
            }
        }
        Ok(Some(out))
    }

    fn row(&mut self, covered: &'static Covered, id: &[u8], values: &[Value]) -> Result<MergeResult> {
        let table = covered.table;
        let Some(mut columns) = self.columns(covered, values)? else { return Ok(MergeResult::Early) };
        let digest = covered.digest(values.get(..covered.columns.len()).unwrap_or_default());
        let value = |columns: &[(&str, Value)], name: &str| {
            columns.iter().find(|(n, _)| *n == name).map(|(_, value)| value.clone())
        };
        columns.push(("row_digest", Value::Blob(digest.as_bytes().to_vec())));
        let invalid =
            |what: &str| Err(StoreError::Invalid(format!("a record of another registry holds {what}")));
        match table {
            "prompt" => {
                let first = value(&columns, "first_name");
                if word(first.as_ref()).is_none_or(|name| name.parse::<PromptName>().is_err()) {
                    return invalid("a prompt without a name");
                }
                // Its name follows from its events.
                columns.push(("name", first.unwrap_or(Value::Null)));
                columns.push(("archived", Value::Integer(1)));
            }
            "revision" => {
                let Some(Value::Integer(prompt)) = value(&columns, "prompt_id") else {
                    return invalid("a revision of no prompt");
                };
                let seq = UNNUMBERED + self.revisions(prompt)?.len() as i64;
                columns.push(("seq", Value::Integer(seq)));
                self.revisions(prompt)?.insert(id.to_vec(), seq);
                self.touched.prompts.insert(prompt);
            }
            "arm" => {
                // Until numbers are given its name holds the one that it has now.
                if let (Some(Value::Text(name)), Some(Value::Integer(seq))) =
                    (value(&columns, "name"), value(&columns, "seq"))
                    && let Some((_, stored)) = columns.iter_mut().find(|(n, _)| *n == "name")
                {
                    *stored = Value::Text(name.replacen("@r", &format!("@r{seq}"), 1));
                }
                if let Some((_, Value::Text(name))) = columns.iter_mut().find(|(n, _)| *n == "name") {
                    *name = told_apart(self.conn, std::mem::take(name), id)?;
                }
            }
            "event" => {
                let kind = value(&columns, "kind");
                let payload = value(&columns, "payload");
                let prompt = if let Some(Value::Integer(prompt)) = value(&columns, "prompt_id") {
                    Some(prompt)
                } else {
                    None
                };
                if !self.has_what_it_names(prompt, word(kind.as_ref()), word(payload.as_ref()))? {
                    return Ok(MergeResult::Early);
                }
                self.known.events = None;
            }
            "pair_answer" => {
                columns.push(("raw", values.last().cloned().unwrap_or_else(|| Value::Blob(Vec::new()))));
            }
            _ => {}
        }
        let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
        let marks: Vec<String> = (1..=names.len()).map(|n| format!("?{n}")).collect();
        let sql = format!("INSERT INTO {table} ({}) VALUES ({})", names.join(", "), marks.join(", "));
        self.conn.prepare_cached(&sql)?.execute(params_from_iter(columns.iter().map(|(_, value)| value)))?;
        let row = self.conn.last_insert_rowid();
        match table {
            "arm" => _ = self.known.arms.as_mut().map(|arms| arms.insert(id.to_vec(), row)),
            "review" => _ = self.known.reviews.as_mut().map(|reviews| reviews.insert(id.to_vec(), row)),
            _ => {}
        }
        self.touched.tables.insert(table);
        Ok(MergeResult::New)
    }

    /// Whether the revisions, events and reviews that an event's payload names are here; what it does is checked as well.
    fn has_what_it_names(
        &mut self,
        prompt: Option<i64>,
        kind: Option<&str>,
        payload: Option<&str>,
    ) -> Result<bool> {
        let (Some(kind), Some(payload)) = (kind, payload.and_then(|p| serde_json::from_str::<Json>(p).ok()))
        else {
            return Err(StoreError::Invalid("an event of another registry cannot be read".to_owned()));
        };
        let id = |json: &Json, key: &str| {
            Some(json.get(key)?.as_str()?.parse::<Digest>().ok()?.as_bytes().to_vec())
        };
        let fields: &[&str] = match kind {
            "label_set" | "label_removed" => &["from", "to"],
            "tagged" => &["seq"],
            _ => &[],
        };
        for field in fields {
            match (id(&payload, field), prompt) {
                (Some(id), Some(prompt)) if !self.revisions(prompt)?.contains_key(&id) => return Ok(false),
                _ => {}
            }
        }
        let word = |key: &str| payload.get(key).and_then(Json::as_str);
        let sound = match kind {
            "label_set" | "label_removed" => word("label").is_some_and(|l| l.parse::<Label>().is_ok()),
            "renamed" => word("to").is_some_and(|n| n.parse::<PromptName>().is_ok()),
            _ => true,
        };
        if !sound {
            return Err(StoreError::Invalid(
                "an event of another registry holds a name that is none".to_owned(),
            ));
        }
        match kind {
            "label_undone" => {
                if let Some(id) = id(&payload, "event")
                    && self.event(&id)?.is_none()
                {
                    return Ok(false);
                }
            }
            "reviews_renewed" => {
                for row in payload.get("rows").and_then(Json::as_array).into_iter().flatten() {
                    for key in ["review", "new"] {
                        if let Some(id) = id(row, key)
                            && self.review(&id)?.is_none()
                        {
                            return Ok(false);
                        }
                    }
                }
            }
            _ => {}
        }
        Ok(true)
    }

    fn run(&mut self, values: &[Value]) -> Result<MergeResult> {
        let Some(parts) = plan(values) else { return Ok(MergeResult::Early) };
        let mut items = Vec::with_capacity(parts.items.len());
        for item in &parts.items {
            let [case, arm, set, repeat, cluster, tags] = item else { return Ok(MergeResult::Early) };
            let arm = self.arm(blob(arm).unwrap_or_default())?;
            let (Some(arm), Some(set)) = (arm, self.set(blob(set).unwrap_or_default())?) else {
                return Ok(MergeResult::Early);
            };
            items.push((case, arm, set, repeat, cluster, tags));
        }
        let Some(run) = word(parts.own.first()) else { return Ok(MergeResult::Early) };
        let [_, stamp, created_at, spec, judge, imported, count, planned] = parts.own else {
            return Ok(MergeResult::Early);
        };
        self.conn.execute(
            "INSERT INTO run (id, seq, stamp, created_at, spec, judge, imported, items, planned, arms, row_digest) \
             VALUES (?1, (SELECT coalesce(max(seq), 0) + 1 FROM run), ?2, ?3, ?4, ?5, ?6, ?7, ?8, '[]', ?9)",
            params![run, stamp, created_at, spec, judge, imported, count, planned, parts.digest().as_bytes()],
        )?;
        self.conn.execute("INSERT INTO run_state (run_id, state) VALUES (?1, 'partial')", [run])?;
        for (ord, row) in parts.criteria.iter().enumerate() {
            let [name, own, version, json] = row else { continue };
            self.conn
                .prepare_cached("INSERT INTO run_criterion (run_id, ord, name, own, version, json) VALUES (?1,?2,?3,?4,?5,?6)")?
                .execute(params![run, ord as i64, name, own, version, json])?;
        }
        for (ord, (case, arm, set, repeat, cluster, tags)) in items.into_iter().enumerate() {
            self.conn
                .prepare_cached(
                    "INSERT INTO run_item (run_id, ord, case_id, arm_id, set_id, repeat, cluster, tags) VALUES (?1,?2,?3,?4,?5,?6,?7,?8)",
                )?
                .execute(params![run, ord as i64, case, arm, set, repeat, cluster, tags])?;
        }
        self.touched.runs.insert(run.to_owned());
        self.touched.tables.insert("run");
        Ok(MergeResult::New)
    }

    fn verdict(&mut self, values: &[Value]) -> Result<MergeResult> {
        let Some(parts) = verdict(values) else { return Ok(MergeResult::Early) };
        let Some(run) = word(parts.covered.first()) else { return Ok(MergeResult::Early) };
        let there: bool = self
            .conn
            .prepare_cached("SELECT EXISTS (SELECT 1 FROM run WHERE id = ?1)")?
            .query_row([run], |r| r.get(0))?;
        if !there {
            return Ok(MergeResult::Early);
        }
        let digest = super::super::verdicts::digest_of(parts.previous, parts.covered);
        let (row, texts) = parts.covered.split_at(23);
        // Its place among the others is found when all are here.
        let all = row.iter().cloned().chain([
            parts.previous.map_or(Value::Null, |p| Value::Blob(p.to_vec())),
            parts.named.map_or(Value::Null, |n| Value::Blob(n.to_vec())),
            Value::Blob(digest.as_bytes().to_vec()),
        ]);
        self.conn
            .prepare_cached(
                "INSERT INTO verdict (run_id, place, item, criterion, repeat, state, score, criterion_version, fingerprint, \
                 response, cache_key, cached, rung, flags, repairs, model_returned, finish_reason, prompt_tokens, \
                 completion_tokens, cost_usd, latency_ms, attempts, at, previous, named, row_digest, seq) \
                 VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19,?20,?21,?22,?23,?24,?25,?26, \
                 (SELECT coalesce(max(seq), 0) + 1 FROM verdict WHERE run_id = ?1))",
            )?
            .execute(params_from_iter(all))?;
        let id = self.conn.last_insert_rowid();
        let [explanation, evidence, nonce, raw_digest] = texts else { return Ok(MergeResult::Early) };
        self.conn
            .prepare_cached(
                "INSERT INTO verdict_text (verdict_id, explanation, evidence, nonce, raw, raw_digest) VALUES (?1,?2,?3,?4,?5,?6)",
            )?
            .execute(params![id, explanation, evidence, nonce, parts.raw, raw_digest])?;
        self.touched.runs.insert(run.to_owned());
        Ok(MergeResult::New)
    }

    /// How far a run came elsewhere: of two accounts the one that ended later, then the one with more verdicts.
    fn account(&mut self, id: &[u8], values: &[Value]) -> Result<MergeResult> {
        let [Value::Text(run), verdicts, state, reason, usage, finished_at, fingerprint] = values else {
            return Ok(MergeResult::Early);
        };
        let writer: Option<Option<String>> = self
            .conn
            .query_row("SELECT holder FROM run_state WHERE run_id = ?1", [run], |r| r.get(0))
            .optional()?;
        let Some(writer) = writer else { return Ok(MergeResult::Early) };
        self.touched.runs.insert(run.clone());
        let here = account(self.conn, run)?;
        let rank = |values: &[Value], id: &[u8]| {
            let ended = word(values.get(5)).unwrap_or_default().to_owned();
            let count = if let Some(Value::Integer(n)) = values.get(1) { *n } else { 0 };
            (ended, count, id.to_vec())
        };
        // One that is being written here is what it is here.
        if writer.is_none() && rank(values, id) > rank(&here, account_id(&here).as_bytes()) {
            self.conn.execute(
                "UPDATE run_state SET state = ?2, reason = ?3, usage = ?4, finished_at = ?5, verdicts = ?6 WHERE run_id = ?1",
                params![run, state, reason, usage, finished_at, verdicts],
            )?;
        }
        self.conn.execute(
            "UPDATE run SET fingerprint = ?2 WHERE id = ?1 AND ?2 IS NOT NULL AND (fingerprint IS NULL OR fingerprint > ?2)",
            params![run, fingerprint],
        )?;
        Ok(MergeResult::New)
    }
}

/// The name of an arm once its revision has a number.
pub(super) fn numbered_name(name: &str, old: u32, new: u32) -> String {
    let bare = unnumbered(name, Some(old));
    bare.replacen("@r", &format!("@r{new}"), 1)
}

/// Two arms of one name are told apart by the beginning of an id, which is no part of what they are called.
fn told_apart(conn: &Connection, name: String, id: &[u8]) -> rusqlite::Result<String> {
    let taken: bool = conn
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM arm WHERE name = ?1)")?
        .query_row([&name], |r| r.get(0))?;
    let id: String = id.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    Ok(if taken { format!("{name}#{id}") } else { name })
}

/// The name for an arm that is here, where another may have it.
pub(super) fn free_arm_name(conn: &Connection, row: i64, name: String) -> rusqlite::Result<String> {
    let sql = "SELECT coalesce(named, row_digest) FROM arm WHERE id = ?1";
    let id: Vec<u8> = conn.query_row(sql, [row], |r| r.get(0))?;
    told_apart(conn, name, &id)
}
