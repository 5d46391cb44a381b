//! The rows of reviews as they are read back, with what renews what.

use super::Result;
use super::rows::{NewReview, ReviewInfo, Sampling};
use super::run_rows::list_of;
use crate::core::digest::Digest;
use crate::core::rubric;
use rusqlite::Connection;
use serde_json::Value;
use std::collections::HashMap;

/// A stored review with what its digest covers besides.
pub(super) struct ReviewRow {
    pub info: ReviewInfo,
    pub version: Vec<u8>,
    pub response: Option<Vec<u8>>,
}

/// The columns of a review, `more` behind them; the caller adds what narrows it.
pub(super) fn select(more: &str) -> String {
    format!(
        "SELECT v.id, v.run_id, v.item, v.criterion, v.case_id, v.arm_id, v.criterion_version, v.response, v.reviewer, \
         v.score, v.comment, v.modes, v.saw_judge, v.sampling, v.undone, v.seconds, v.at, v.row_digest, \
         coalesce(a.name, '?'){more} FROM review v LEFT JOIN arm a ON a.id = v.arm_id"
    )
}

/// A row of [`select`].
pub(super) fn read_row(r: &rusqlite::Row<'_>) -> rusqlite::Result<ReviewRow> {
    let sampling = Sampling::named(r.get_ref(13)?.as_str().unwrap_or_default());
    Ok(ReviewRow {
        info: ReviewInfo {
            id: r.get(0)?,
            review: NewReview {
                run: r.get(1)?,
                item: r.get(2)?,
                criterion: r.get(3)?,
                reviewer: r.get(8)?,
                score: r.get(9)?,
                comment: r.get(10)?,
                modes: list_of(r.get_ref(11)?.as_str().unwrap_or_default()),
                saw_judge: r.get(12)?,
                sampling: sampling.unwrap_or(Sampling::Picked),
                seconds: r.get(15)?,
                undo: r.get(14)?,
            },
            given_in: r.get(1)?,
            renews: None,
            case_id: r.get(4)?,
            arm: r.get(18)?,
            question: Digest::from_bytes(&r.get::<_, Vec<u8>>(6)?),
            at: r.get(16)?,
        },
        version: r.get(6)?,
        response: r.get(7)?,
    })
}

pub(super) fn all_reviews(conn: &Connection, run: Option<&str>) -> Result<Vec<ReviewRow>> {
    // Two texts, so that one run's rows are found by the index; they are put in order here, where none is copied for it.
    let narrow = if run.is_some() { " WHERE v.run_id = ?1" } else { " WHERE ?1 IS NULL" };
    let mut stmt = conn.prepare_cached(&(select("") + narrow))?;
    let mut rows: Vec<ReviewRow> = stmt.query_map([run], read_row)?.collect::<Result<_, _>>()?;
    rows.sort_by_key(|row| row.info.id);
    mark(conn, rows.iter_mut().map(|r| &mut r.info))?;
    Ok(rows)
}

/// The kind of the event.
pub(super) const KIND: &str = "reviews_renewed";

/// Marks the reviews that take over an earlier one.
pub(super) fn mark<'a>(conn: &Connection, rows: impl Iterator<Item = &'a mut ReviewInfo>) -> Result<()> {
    // Events without a prompt are few, and have an index.
    let mut stmt =
        conn.prepare_cached("SELECT payload FROM event WHERE prompt_id IS NULL AND kind = ?1 ORDER BY id")?;
    let payloads: Vec<String> = stmt.query_map([KIND], |r| r.get(0))?.collect::<Result<_, _>>()?;
    if payloads.is_empty() {
        return Ok(());
    }
    let mut renews: HashMap<i64, i64> = HashMap::new();
    for payload in payloads {
        let payload: Value = serde_json::from_str(&payload).unwrap_or_default();
        for row in payload.get("rows").and_then(Value::as_array).into_iter().flatten() {
            let id = |key: &str| row.get(key).and_then(Value::as_i64);
            renews.extend(id("new").zip(id("review").or_else(|| id("elsewhere"))));
        }
    }
    rows.for_each(|info| info.renews = renews.get(&info.id).copied());
    Ok(())
}

/// The other digest under which the same question may be stored: of a criterion's bare name, or of what the name stands for.
pub(super) fn alike(version: &[u8], column: &str) -> Vec<u8> {
    let (name, meant) = (Digest::of(column), rubric::by_name(column).version());
    if version == meant.as_bytes() {
        name.as_bytes().to_vec()
    } else if version == name.as_bytes() {
        meant.as_bytes().to_vec()
    } else {
        version.to_vec()
    }
}
