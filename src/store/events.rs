//! The append-only log: what happened besides revisions, each event a row with its digest.

use super::Result;
use super::digest_fields::with_ids;
use super::rows::{Cause, EventInfo};
use super::time::now;
use crate::core::digest::RowDigest;
use rusqlite::{Connection, Row, params};
use serde_json::Value;

/// Appends an event.
pub(super) fn log_event(
    conn: &Connection,
    prompt: Option<i64>,
    kind: &str,
    payload: &Value,
    cause: &Cause,
) -> Result<i64> {
    insert_event(conn, &now(), prompt, kind, payload, cause)
}

/// Appends an event that happened at `at`.
pub(super) fn insert_event(
    conn: &Connection,
    at: &str,
    prompt: Option<i64>,
    kind: &str,
    payload: &Value,
    cause: &Cause,
) -> Result<i64> {
    let (payload, stamp) = (payload.to_string(), next_stamp(conn, "event")?);
    let uid: Option<Vec<u8>> = match prompt {
        None => None,
        Some(id) => {
            conn.prepare_cached("SELECT uid FROM prompt WHERE id = ?1")?.query_row([id], |r| r.get(0))?
        }
    };
    let digest = RowDigest::new("assize.event.2")
        .maybe(uid.as_deref(), RowDigest::bytes)
        .text(at)
        .maybe(cause.author.as_deref(), RowDigest::text)
        .maybe(cause.reason.as_deref(), RowDigest::text)
        .text(kind)
        .text(&with_ids(conn, prompt, kind, &payload)?)
        .int(stamp)
        .maybe(None::<&[u8]>, RowDigest::bytes)
        .finish();
    conn.prepare_cached(
        "INSERT INTO event (prompt_id, at, author, reason, kind, payload, row_digest, stamp) VALUES (?1,?2,?3,?4,?5,?6,?7,?8)",
    )?
    .execute(params![prompt, at, cause.author, cause.reason, kind, payload, digest.as_bytes(), stamp])?;
    Ok(conn.last_insert_rowid())
}

/// The stamp of the next row of a table: higher than that of any row it has.
pub(super) fn next_stamp(conn: &Connection, table: &str) -> rusqlite::Result<i64> {
    // The rows of the others are numbered in the order of their stamps.
    let newest = match table {
        "case_set" | "rubric" => format!("SELECT max(stamp) FROM {table}"),
        _ => format!("SELECT stamp FROM {table} ORDER BY id DESC LIMIT 1"),
    };
    let sql = format!("SELECT coalesce(({newest}), 0) + 1");
    conn.prepare_cached(&sql)?.query_row([], |r| r.get(0))
}

/// An event as people are told of it: without what only the joining of registries reads.
pub(super) fn read_event(row: &Row) -> rusqlite::Result<EventInfo> {
    let mut payload: Value = serde_json::from_str(&row.get::<_, String>(4)?).unwrap_or(Value::Null);
    if let Some(payload) = payload.as_object_mut() {
        payload.retain(|key, _| key != "open" && key != "stood");
    }
    Ok(EventInfo { at: row.get(0)?, kind: row.get(1)?, author: row.get(2)?, reason: row.get(3)?, payload })
}
