//! Records: a fact as it travels, with no number of any registry in it, and how it is written as bytes.
//!
//! ```text
//! row -> values that its digest covers (store/digest_fields.rs), content ids for what it refers to -> record -> bytes of a pack
//! bytes -> record -> digest anew: a record that does not fit its id is refused
//! ```

use super::super::body::text_of;
use super::super::digest_fields::{Covered, ROWS, RUN, RUN_CRITERION, RUN_ITEM, RUN_TAG, fed, names, values};
use super::super::verdicts::{COVERED as VERDICT, digest_of as verdict_digest};
use super::super::{Result, StoreError};
use crate::core::digest::{Digest, RowDigest};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params};

/// What a record is of. Each kind refers to earlier ones only, and to itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum RecordKind {
    /// A text.
    Body,
    /// Rows of a table of [`ROWS`], by its place there.
    Row(u8),
    /// A plan with its criteria and items.
    Run,
    Verdict,
    /// How far a run came, and what it cost.
    Account,
}

/// Tables with rows of their own, in the order in which records of them are written; runs stand before what refers to them.
const ORDER: [RecordKind; 14] = [
    RecordKind::Body,
    RecordKind::Row(0),
    RecordKind::Row(1),
    RecordKind::Row(2),
    RecordKind::Row(3),
    RecordKind::Row(4),
    RecordKind::Row(5),
    RecordKind::Row(6),
    RecordKind::Run,
    RecordKind::Verdict,
    RecordKind::Row(7),
    RecordKind::Row(8),
    RecordKind::Row(9),
    RecordKind::Account,
];

impl RecordKind {
    pub(super) const ALL: [Self; 14] = ORDER;

    pub(super) fn number(self) -> u8 {
        Self::ALL.iter().position(|k| *k == self).map_or(u8::MAX, |at| at as u8)
    }

    pub(super) fn numbered(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }

    pub(super) fn covered(self) -> Option<&'static Covered> {
        if let Self::Row(at) = self { ROWS.get(usize::from(at)) } else { None }
    }

    pub(super) fn table(self) -> &'static str {
        match self {
            Self::Body => "body",
            Self::Row(_) => self.covered().map_or("", |covered| covered.table),
            Self::Run => "run",
            Self::Verdict => "verdict",
            Self::Account => "run_state",
        }
    }

    /// SQL for the content id of a row, `t` being its table.
    pub(super) fn id(self) -> &'static str {
        match (self, self.table()) {
            (Self::Body, _) | (_, "rubric") => "t.digest",
            (Self::Run, _) => "CAST(t.id AS BLOB)",
            (_, "prompt" | "case_set") => "t.uid",
            (_, "case_row") => "t.row_digest",
            _ => "coalesce(t.named, t.row_digest)",
        }
    }
}

/// A fact with its name.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct SyncRecord {
    pub kind: RecordKind,
    pub id: Vec<u8>,
    /// Nothing where what it was is not there any more: the account of a run that has gone on since.
    pub values: Option<Vec<Value>>,
}

impl SyncRecord {
    /// About how many bytes it takes.
    pub(super) fn size(&self) -> usize {
        let one = |value: &Value| match value {
            Value::Text(text) => text.len() + 9,
            Value::Blob(bytes) => bytes.len() + 9,
            _ => 9,
        };
        self.id.len() + 17 + self.values.iter().flatten().map(one).sum::<usize>()
    }

    /// Whether its id is that of its values. What was forgotten has none but its id.
    pub(super) fn fits(&self) -> bool {
        let Some(values) = &self.values else { return self.kind == RecordKind::Account };
        let own = |at: usize| {
            if let Some(Value::Blob(bytes)) = values.get(at) { Some(bytes.as_slice()) } else { None }
        };
        match self.kind {
            RecordKind::Body => match values.first() {
                Some(Value::Blob(text)) => Digest::of(text).as_bytes() == self.id,
                // A tombstone.
                other => other == Some(&Value::Null),
            },
            RecordKind::Row(_) => {
                let Some(covered) = self.kind.covered() else { return false };
                let width = covered.columns.len();
                let more = usize::from(covered.table == "pair_answer");
                if values.len() != width + more {
                    return false;
                }
                let digest = covered.digest(values.get(..width).unwrap_or_default());
                match covered.table {
                    "prompt" | "case_set" => own(0) == Some(self.id.as_slice()),
                    "rubric" => own(1) == Some(self.id.as_slice()),
                    "case_row" => digest.as_bytes() == self.id,
                    _ => own(width - 1).map_or(digest.as_bytes() == self.id, |named| named == self.id),
                }
            }
            RecordKind::Run => plan(values).is_some() && values.first() == Some(&Value::Text(text(&self.id))),
            RecordKind::Verdict => match verdict(values) {
                Some(parts) => {
                    let digest = verdict_digest(parts.previous, parts.covered);
                    let reply =
                        parts.covered.last() == Some(&Value::Blob(Digest::of(parts.raw).as_bytes().to_vec()));
                    (reply || parts.raw.is_empty()) && parts.named.unwrap_or(digest.as_bytes()) == self.id
                }
                None => false,
            },
            RecordKind::Account => values.len() == 7 && account_id(values).as_bytes() == self.id,
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The parts of a plan's values: the run's own, its criteria, its items.
pub(super) struct PlanParts<'a> {
    pub own: &'a [Value],
    pub criteria: Vec<&'a [Value]>,
    pub items: Vec<&'a [Value]>,
}

pub(super) fn plan(values: &[Value]) -> Option<PlanParts<'_>> {
    let count = |at: usize| match values.get(at) {
        Some(Value::Integer(n)) => usize::try_from(*n).ok(),
        _ => None,
    };
    let own = values.get(..RUN.len())?;
    let (criteria, items) = (count(RUN.len())?, count(RUN.len() + 1)?);
    let rest = values.get(RUN.len() + 2..)?;
    let (first, second) = rest.split_at_checked(criteria.checked_mul(RUN_CRITERION.len())?)?;
    (second.len() == items.checked_mul(RUN_ITEM.len())?).then(|| PlanParts {
        own,
        criteria: first.chunks(RUN_CRITERION.len()).collect(),
        items: second.chunks(RUN_ITEM.len()).collect(),
    })
}

impl PlanParts<'_> {
    /// As `store/digest_fields.rs` makes it of a stored plan.
    pub(super) fn digest(&self) -> Digest {
        let own = fed(RowDigest::new(RUN_TAG), RUN, self.own);
        let criteria = self.criteria.iter().fold(own, |digest, row| fed(digest, RUN_CRITERION, row));
        self.items.iter().fold(criteria, |digest, row| fed(digest, RUN_ITEM, row)).finish()
    }
}

/// The parts of a verdict's values.
pub(super) struct VerdictParts<'a> {
    pub previous: Option<&'a [u8]>,
    pub named: Option<&'a [u8]>,
    pub raw: &'a [u8],
    pub covered: &'a [Value],
}

pub(super) fn verdict(values: &[Value]) -> Option<VerdictParts<'_>> {
    let blob = |at: usize| match values.get(at) {
        Some(Value::Blob(bytes)) => Some(Some(bytes.as_slice())),
        Some(Value::Null) => Some(None),
        _ => None,
    };
    let covered = values.get(3..)?;
    (covered.len() == VERDICT.len()).then_some(())?;
    Some(VerdictParts { previous: blob(0)?, named: blob(1)?, raw: blob(2)??, covered })
}

/// Of an account: run, verdicts, state, reason, usage, when it ended, the judge's fingerprint.
pub(super) fn account_id(values: &[Value]) -> Digest {
    values
        .iter()
        .fold(RowDigest::new("assize.account.1"), |digest, value| match value {
            Value::Null => digest.maybe(None::<i64>, RowDigest::int),
            Value::Integer(n) => digest.int(*n),
            Value::Real(n) => digest.real(*n),
            Value::Text(text) => digest.text(text),
            Value::Blob(bytes) => digest.bytes(bytes),
        })
        .finish()
}

/// A run's account as it stands; one that is being written elsewhere is partial.
pub(super) fn account(conn: &Connection, run: &str) -> rusqlite::Result<Vec<Value>> {
    conn.prepare_cached(
        "SELECT r.id, s.verdicts, CASE s.state WHEN 'running' THEN 'partial' ELSE s.state END, s.reason, s.usage, \
         s.finished_at, r.fingerprint FROM run r JOIN run_state s ON s.run_id = r.id WHERE r.id = ?1",
    )?
    .query_row([run], |r| values(r, 0, 7))
}

/// Reads the record of a row: `row` is its number here (of a run the sequence number).
pub(super) fn read(conn: &Connection, kind: RecordKind, id: &[u8], row: LocalRow) -> Result<SyncRecord> {
    let made = |values| Ok(SyncRecord { kind, id: id.to_vec(), values: Some(values) });
    match kind {
        RecordKind::Body => {
            let found = conn
                .prepare_cached("SELECT bytes, unpacked, forgotten FROM body t WHERE id = ?1")?
                .query_row([row.0], |r| Ok(if r.get(2)? { None } else { Some(text_of(r, 0)?) }))?;
            let text = match found {
                None => Value::Null,
                Some(Ok(text)) => Value::Blob(text),
                Some(Err(why)) => return Err(StoreError::Damaged(format!("a text cannot be read: {why}"))),
            };
            made(vec![text])
        }
        RecordKind::Row(_) => {
            let Some(covered) = kind.covered() else { return Err(StoreError::Closed) };
            let key = if covered.table == "case_row" {
                "t.set_id = ?1 AND t.ord = ?2"
            } else {
                "t.id = ?1 AND ?2 = 0"
            };
            let more = if covered.table == "pair_answer" { "t.raw" } else { "NULL" };
            let sql = covered.select(more, &format!("WHERE {key}"));
            let values = conn.prepare_cached(&sql)?.query_row([row.0, row.1], |r| {
                let mut values = covered.values(conn, r, 1)?;
                if covered.table == "pair_answer" {
                    values.push(r.get(0)?);
                }
                Ok(values)
            })?;
            made(values)
        }
        RecordKind::Run => {
            let run = text(id);
            let own = conn
                .prepare_cached(&format!("SELECT {} FROM run t WHERE id = ?1", names(RUN)))?
                .query_row([&run], |r| values(r, 0, RUN.len()))?;
            let mut rows: [Vec<Value>; 2] = [Vec::new(), Vec::new()];
            let tables = [("run_criterion", RUN_CRITERION), ("run_item", RUN_ITEM)];
            for ((table, columns), out) in tables.into_iter().zip(&mut rows) {
                let sql = format!("SELECT {} FROM {table} t WHERE run_id = ?1 ORDER BY ord", names(columns));
                let mut stmt = conn.prepare_cached(&sql)?;
                let mut found = stmt.query([&run])?;
                while let Some(row) = found.next()? {
                    out.extend(values(row, 0, columns.len())?);
                }
            }
            let [criteria, items] = rows;
            let counts = [criteria.len() / RUN_CRITERION.len(), items.len() / RUN_ITEM.len()];
            let counts = counts.map(|n| Value::Integer(n as i64));
            made(own.into_iter().chain(counts).chain(criteria).chain(items).collect())
        }
        RecordKind::Verdict => {
            let columns: Vec<&str> = VERDICT.iter().map(|(sql, _)| *sql).collect();
            let sql = format!(
                "SELECT coalesce(v.previous, (SELECT q.row_digest FROM verdict q WHERE q.run_id = v.run_id AND q.seq = v.seq - 1)), \
                 v.named, t.raw, {} FROM verdict v JOIN verdict_text t ON t.verdict_id = v.id WHERE v.id = ?1",
                columns.join(", ")
            );
            let mut values =
                conn.prepare_cached(&sql)?.query_row([row.0], |r| values(r, 0, VERDICT.len() + 3))?;
            // The first of a branch follows none.
            if let Some(first) = values.first_mut().filter(|v| **v == Value::Blob(Vec::new())) {
                *first = Value::Null;
            }
            made(values)
        }
        RecordKind::Account => {
            let run: Option<String> = conn
                .prepare_cached("SELECT id FROM run WHERE seq = ?1")?
                .query_row([row.0], |r| r.get(0))
                .optional()?;
            let values = run.map(|run| account(conn, &run)).transpose()?;
            let values = values.filter(|values| account_id(values).as_bytes() == id);
            Ok(SyncRecord { kind, id: id.to_vec(), values })
        }
    }
}

/// The number of a row here; two where a row has two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LocalRow(pub i64, pub i64);

/// Whether a registry has this record already.
pub(super) fn is_known(conn: &Connection, kind: RecordKind, id: &[u8]) -> rusqlite::Result<bool> {
    conn.prepare_cached("SELECT EXISTS (SELECT 1 FROM record WHERE id = ?1 AND kind = ?2)")?
        .query_row(params![id, kind.number()], |r| r.get(0))
}

fn put_length(out: &mut Vec<u8>, length: usize) {
    out.extend((length as u64).to_le_bytes());
}

/// Adds a record to the bytes of a pack.
pub(super) fn write(record: &SyncRecord, out: &mut Vec<u8>) {
    out.push(record.kind.number());
    put_length(out, record.id.len());
    out.extend(&record.id);
    let Some(values) = &record.values else {
        put_length(out, usize::MAX);
        return;
    };
    put_length(out, values.len());
    for value in values {
        match value {
            Value::Null => out.push(0),
            Value::Integer(n) => {
                out.push(1);
                out.extend(n.to_le_bytes());
            }
            Value::Real(n) => {
                out.push(2);
                out.extend(n.to_bits().to_le_bytes());
            }
            Value::Text(text) => {
                out.push(3);
                put_length(out, text.len());
                out.extend(text.as_bytes());
            }
            Value::Blob(bytes) => {
                out.push(4);
                put_length(out, bytes.len());
                out.extend(bytes);
            }
        }
    }
}

/// What is left of a pack's bytes.
pub(super) struct PackReader<'a>(pub &'a [u8]);

impl<'a> PackReader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.take(8)?.try_into().ok()?))
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        self.take(length)
    }

    fn value(&mut self) -> Option<Value> {
        Some(match self.take(1)? {
            [0] => Value::Null,
            [1] => Value::Integer(self.number()? as i64),
            [2] => Value::Real(f64::from_bits(self.number()?)),
            [3] => Value::Text(String::from_utf8(self.bytes()?.to_vec()).ok()?),
            [4] => Value::Blob(self.bytes()?.to_vec()),
            _ => return None,
        })
    }

    /// The next record; nothing where the bytes are none.
    pub(super) fn record(&mut self) -> Option<SyncRecord> {
        let kind = RecordKind::numbered(*self.take(1)?.first()?)?;
        let id = self.bytes()?.to_vec();
        let count = self.number()?;
        if count == u64::MAX {
            return Some(SyncRecord { kind, id, values: None });
        }
        // No more values than there are bytes.
        let count = usize::try_from(count).ok().filter(|n| *n <= self.0.len())?;
        let mut values = Vec::with_capacity(count.min(64));
        for _ in 0..count {
            values.push(self.value()?);
        }
        Some(SyncRecord { kind, id, values: Some(values) })
    }
}
