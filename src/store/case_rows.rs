//! The rows of case sets, arms and responses, as written and as read back.

use super::body::put_body;
use super::digest_fields::{set_uid, unnumbered};
use super::events::next_stamp;
use super::lookup::{digest_at, prompt_id};
use super::rows::*;
use super::time::now;
use super::{Result, StoreError};
use crate::core::canonical::{self, Numbers};
use crate::core::digest::{Digest, RowDigest};
use crate::core::item::{Case, Item, Subject};
use crate::core::verdict::VerdictState;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::{Value, json};

pub(super) fn json_error(e: &serde_json::Error) -> StoreError {
    StoreError::Invalid(format!("a value cannot be written as JSON: {e}"))
}

pub(super) fn read_set(conn: &Connection, row: &Row) -> rusqlite::Result<CaseSetInfo> {
    let id: i64 = row.get(0)?;
    let arms = conn
        .prepare_cached("SELECT DISTINCT a.name FROM response r JOIN arm a ON a.id = r.arm_id WHERE r.set_id = ?1 ORDER BY a.name")?
        .query_map([id], |r| r.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    Ok(CaseSetInfo {
        id,
        name: row.get(1)?,
        digest: digest_at(row, 2)?,
        kind: row.get(3)?,
        rows: row.get::<_, i64>(4)?.unsigned_abs(),
        created_at: row.get(5)?,
        arms,
    })
}

pub(super) const SET: &str = "SELECT id, name, digest, kind, rows, created_at FROM case_set ";

pub(super) fn find_set(
    conn: &Connection,
    name: &str,
    digest: Option<&Digest>,
) -> Result<Option<CaseSetInfo>> {
    let sql = format!(
        "{SET} WHERE name = ?1 AND (?2 IS NULL OR digest = ?2) ORDER BY stamp DESC, uid DESC LIMIT 1"
    );
    Ok(conn
        .prepare_cached(&sql)?
        .query_row(params![name, digest.map(Digest::as_bytes)], |r| read_set(conn, r))
        .optional()?)
}

/// The set's row, and whether it was made now.
pub(super) fn add_set(
    conn: &Connection,
    name: &str,
    digest: &Digest,
    kind: &str,
    rows: usize,
) -> Result<(i64, bool)> {
    let find = || {
        conn.prepare_cached("SELECT id FROM case_set WHERE name = ?1 AND digest = ?2")?
            .query_row(params![name, digest.as_bytes()], |r| r.get(0))
            .optional()
    };
    if let Some(id) = find()? {
        return Ok((id, false));
    }
    let (at, rows, stamp) = (now(), rows as i64, next_stamp(conn, "case_set")?);
    let uid = set_uid(name, digest.as_bytes(), kind, rows);
    let row_digest = RowDigest::new("assize.case_set.2")
        .bytes(uid.as_bytes())
        .text(name)
        .bytes(digest.as_bytes())
        .text(kind)
        .text(&at)
        .int(rows)
        .int(stamp)
        .finish();
    conn.execute(
        "INSERT INTO case_set (name, digest, kind, created_at, rows, row_digest, uid, stamp) VALUES (?1,?2,?3,?4,?5,?6,?7,?8)",
        params![name, digest.as_bytes(), kind, at, rows, row_digest.as_bytes(), uid.as_bytes(), stamp],
    )?;
    Ok((conn.last_insert_rowid(), true))
}

/// A case set's content id.
pub(super) fn uid_of_set(conn: &Connection, set: i64) -> Result<Digest> {
    Ok(conn
        .prepare_cached("SELECT uid FROM case_set WHERE id = ?1")?
        .query_row([set], |r| digest_at(r, 0))?)
}

pub(super) fn add_case(conn: &Connection, set: i64, ord: usize, case: &Case) -> Result<()> {
    let payload = canonical::to_string(case, Numbers::Written).map_err(|e| json_error(&e))?;
    let digest = put_body(conn, payload.as_bytes())?;
    let row_digest = RowDigest::new("assize.case.2")
        .bytes(uid_of_set(conn, set)?.as_bytes())
        .int(ord as i64)
        .text(&case.id)
        .bytes(digest.as_bytes())
        .finish();
    conn.prepare_cached(
        "INSERT INTO case_row (set_id, ord, case_id, payload, row_digest) VALUES (?1,?2,?3,?4,?5)",
    )?
    .execute(params![set, ord as i64, case.id, digest.as_bytes(), row_digest.as_bytes()])?;
    Ok(())
}

/// An arm's row and its content id.
#[derive(Debug, Clone, Copy)]
pub(super) struct ArmKey {
    pub row: i64,
    pub id: Digest,
}

/// The arm, made when missing.
pub(super) fn arm_key(conn: &Connection, arm: &Arm) -> Result<ArmKey> {
    let found = conn
        .prepare_cached("SELECT id, coalesce(named, row_digest) FROM arm WHERE name = ?1")?
        .query_row([&arm.name], |r| Ok(ArmKey { row: r.get(0)?, id: digest_at(r, 1)? }))
        .optional()?;
    if let Some(found) = found {
        return Ok(found);
    }
    let (mut prompt, mut seq, mut ids) = (None, None, None);
    if let Some((name, number)) = &arm.prompt {
        let row = prompt_id(conn, name)?;
        (prompt, seq) = (Some(row), Some(*number));
        ids = conn
            .prepare_cached(
                "SELECT p.uid, coalesce(r.named, r.row_digest) FROM prompt p LEFT JOIN revision r ON r.prompt_id = p.id \
                 AND r.seq = ?2 WHERE p.id = ?1",
            )?
            .query_row(params![row, number], |r| Ok((r.get::<_, Vec<u8>>(0)?, r.get::<_, Option<Vec<u8>>>(1)?)))
            .optional()?;
    }
    let kind = if arm.prompt.is_some() { "generated" } else { "imported" };
    let digest = RowDigest::new("assize.arm.2")
        .text(&unnumbered(&arm.name, seq))
        .text(kind)
        .maybe(ids.as_ref().map(|(uid, _)| uid.as_slice()), RowDigest::bytes)
        .maybe(ids.as_ref().and_then(|(_, revision)| revision.as_deref()), RowDigest::bytes)
        .maybe(arm.model.as_deref(), RowDigest::text)
        .maybe(None::<&[u8]>, RowDigest::bytes)
        .finish();
    conn.execute(
        "INSERT INTO arm (name, kind, prompt_id, seq, model, row_digest) VALUES (?1,?2,?3,?4,?5,?6)",
        params![arm.name, kind, prompt, seq, arm.model, digest.as_bytes()],
    )?;
    Ok(ArmKey { row: conn.last_insert_rowid(), id: digest })
}

/// The arm's row, made when missing.
pub(super) fn arm_id(conn: &Connection, arm: &Arm) -> Result<i64> {
    Ok(arm_key(conn, arm)?.row)
}

/// A response's row, with the content ids of what it refers to.
struct ResponseRow<'a> {
    set: i64,
    case_id: &'a str,
    arm: ArmKey,
    repeat: u32,
    ord: i64,
    subject: &'a [u8],
    state: &'a str,
    text: Option<&'a [u8]>,
    detail: &'a str,
    created_at: &'a str,
    stamp: i64,
}

impl ResponseRow<'_> {
    fn digest(&self, set: &Digest) -> Digest {
        RowDigest::new("assize.response.2")
            .bytes(set.as_bytes())
            .text(self.case_id)
            .bytes(self.arm.id.as_bytes())
            .int(i64::from(self.repeat))
            .int(self.ord)
            .bytes(self.subject)
            .text(self.state)
            .maybe(self.text, RowDigest::bytes)
            .text(self.detail)
            .text(self.created_at)
            .int(self.stamp)
            .maybe(None::<&[u8]>, RowDigest::bytes)
            .finish()
    }

    fn insert(&self, conn: &Connection) -> Result<()> {
        let digest = self.digest(&uid_of_set(conn, self.set)?);
        conn.prepare_cached(
            "INSERT INTO response (set_id, case_id, arm_id, repeat, ord, subject, state, text, detail, created_at, row_digest, \
             stamp) VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12)",
        )?
        .execute(params![
            self.set,
            self.case_id,
            self.arm.row,
            self.repeat,
            self.ord,
            self.subject,
            self.state,
            self.text,
            self.detail,
            self.created_at,
            digest.as_bytes(),
            self.stamp
        ])?;
        Ok(())
    }
}

pub(super) fn add_response(conn: &Connection, ord: i64, new: &NewResponse) -> Result<ResponseText> {
    let subject = canonical::to_string(&new.subject, Numbers::Written).map_err(|e| json_error(&e))?;
    let subject = put_body(conn, subject.as_bytes())?;
    let (state, text, detail) = match &new.text {
        Ok(text) if text.trim().is_empty() => {
            ("not_generated", None, json!({"reason": "the response is empty"}))
        }
        Ok(text) => ("ok", Some(put_body(conn, text.as_bytes())?), new.detail.clone()),
        Err((state, reason)) => (state.name(), None, json!({"reason": reason})),
    };
    let (detail, at) = (detail.to_string(), now());
    let row = ResponseRow {
        set: new.set_id,
        case_id: &new.case_id,
        arm: arm_key(conn, &new.arm)?,
        repeat: new.repeat,
        ord,
        subject: subject.as_bytes(),
        state,
        text: text.as_ref().map(Digest::as_bytes),
        detail: &detail,
        created_at: &at,
        stamp: next_stamp(conn, "response")?,
    };
    row.insert(conn)?;
    Ok(match (text, &new.text) {
        (Some(digest), _) => ResponseText::Text(digest),
        (None, Err((state, reason))) => ResponseText::Failed(*state, reason.clone()),
        (None, Ok(_)) => ResponseText::Failed(VerdictState::NotGenerated, "the response is empty".into()),
    })
}

/// A stored response: what it answered and its text, or why there is none.
pub(super) type StoredResponse = (Digest, Result<Digest, (VerdictState, String)>);

/// The newest response of a key.
pub(super) fn response_of(
    conn: &Connection,
    set: i64,
    arm: i64,
    case: &str,
    repeat: u32,
) -> Result<Option<StoredResponse>> {
    Ok(conn
        .prepare_cached(
            "SELECT subject, state, text, detail FROM response \
             WHERE set_id = ?1 AND arm_id = ?2 AND case_id = ?3 AND repeat = ?4 ORDER BY id DESC LIMIT 1",
        )?
        .query_row(params![set, arm, case, repeat], |r| {
            let state: String = r.get(1)?;
            let text = if state == "ok" {
                Ok(digest_at(r, 2)?)
            } else {
                let detail: Value = serde_json::from_str(&r.get::<_, String>(3)?).unwrap_or(Value::Null);
                let reason = detail.get("reason").and_then(Value::as_str).unwrap_or("no reason was stored");
                Err((state.parse().unwrap_or(VerdictState::NotGenerated), reason.to_owned()))
            };
            Ok((digest_at(r, 0)?, text))
        })
        .optional()?)
}

pub(super) fn set_digest<T: serde::Serialize>(rows: &[T]) -> Result<Digest> {
    crate::core::digest::written_digest(&rows).map_err(|e| json_error(&e))
}

pub(super) fn items_digest(items: &[Item]) -> Result<Digest> {
    let rows: Vec<Value> = items
        .iter()
        .map(|i| {
            let verdicts: Vec<Value> = i.verdicts.iter().map(|v| json!(v)).collect();
            json!({"id": i.id, "arm": i.arm, "response": i.response, "subject": i.subject, "verdicts": verdicts})
        })
        .collect();
    set_digest(&rows)
}

/// The items, each (id, arm) once: rows that repeat one add their verdicts to it.
pub(super) fn merged(items: Vec<Item>) -> Result<Vec<Item>> {
    let mut places = std::collections::HashMap::new();
    let mut unique: Vec<Item> = Vec::with_capacity(items.len());
    for item in items {
        let next = unique.len();
        let place = *places.entry((item.id.clone(), item.arm.clone())).or_insert(next);
        match unique.get_mut(place) {
            None => unique.push(item),
            Some(first) if first.response == item.response && first.subject == item.subject => {
                first.verdicts.extend(item.verdicts);
            }
            Some(_) => {
                return Err(StoreError::Invalid(format!(
                    "item '{}' of arm '{}' occurs twice with different content: give one of them another id or arm",
                    item.id, item.arm
                )));
            }
        }
    }
    for item in &mut unique {
        one_verdict_per_key(item)?;
    }
    Ok(unique)
}

/// Leaves one verdict for each judge, criterion and repeat; two that differ are refused, for one would hide the other.
pub(super) fn one_verdict_per_key(item: &mut Item) -> Result<()> {
    let mut kept: Vec<crate::core::item::ImportedVerdict> = Vec::with_capacity(item.verdicts.len());
    for verdict in std::mem::take(&mut item.verdicts) {
        let column = super::columns::column_of(&verdict.criterion);
        let same = kept.iter().find(|k| {
            k.judge == verdict.judge
                && k.repeat == verdict.repeat
                && super::columns::column_of(&k.criterion) == column
        });
        match same {
            None => kept.push(verdict),
            Some(other) if *other == verdict => {}
            Some(_) => {
                return Err(StoreError::Invalid(format!(
                    "item '{}' of arm '{}' has two different verdicts of judge '{}' for criterion '{column}', repeat {}: \
                     give one another repeat, or a short name to its criterion",
                    item.id, item.arm, verdict.judge, verdict.repeat
                )));
            }
        }
    }
    item.verdicts = kept;
    Ok(())
}

pub(super) fn case_of(item: &Item) -> Case {
    Case {
        id: item.id.clone(),
        vars: item.subject.vars.clone(),
        reference: item.subject.reference.clone(),
        tags: item.subject.tags.clone(),
        cluster: item.subject.cluster.clone(),
    }
}

/// What a case says about a response whose prompt is not known.
pub fn subject_of(case: &Case) -> Subject {
    Subject {
        prompt: String::new(),
        vars: case.vars.clone(),
        reference: case.reference.clone(),
        tags: case.tags.clone(),
        cluster: case.cluster.clone(),
        criterion: None,
        anchors: None,
    }
}
