//! Taking over what people said under another wording of a question: an explicit act, kept in an event.
//!
//! ```text
//! stale review (row 12, question v1) --renew--> a review of the same person and score (row 40, question v2)
//!                                               + event reviews_renewed: who, when, why, {"review":12,"new":40,"from":v1,"to":v2}
//! ```
//! The new row is a review like any other: it counts in every run, can be taken back, and is part of the same log. The event
//! says that nobody scored anew. One that was taken over in another registry stays so when it is imported: its event names the
//! row that it took over, here (`review`) or by its number there (`elsewhere`).

use super::events::log_event;
use super::review_rows::{KIND, read_row, select};
use super::reviews::insert;
use super::rows::{Cause, NewReview};
use super::shared_reviews::StaleReview;
use super::{Result, Store};
use rusqlite::{Connection, params};
use serde_json::{Value, json};

/// The earlier row that an imported review took over in the registry that it comes from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Renews {
    /// Its number there.
    pub number: i64,
    /// Its number here, where it is here already.
    pub known: Option<i64>,
    /// Its place among the reviews that are imported together, where it is one of them.
    pub added: Option<usize>,
}

/// Keeps that reviews just imported were taken over before they came: (the new row, the row taken over, its number there).
pub(super) fn keep_imported(conn: &Connection, run: &str, rows: &[(i64, Option<i64>, i64)]) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let row = |(new, here, there): &(i64, Option<i64>, i64)| match here {
        Some(here) => json!({"review": here, "new": new}),
        None => json!({"elsewhere": there, "new": new}),
    };
    let rows: Vec<Value> = rows.iter().map(row).collect();
    let cause = Cause { author: None, reason: Some("taken over before they were imported".to_owned()) };
    log_event(conn, None, KIND, &json!({"run": run, "imported": true, "rows": rows}), &cause)?;
    Ok(())
}

impl Store {
    /// Takes stale reviews of a run over ([`Store::stale_reviews`]), all or none: each becomes a review of the same reviewer with
    /// the same score under the question as it stands. Who does it, when and why is kept with the rows and both versions of the
    /// question. The ids of the new reviews, in the order given.
    ///
    /// # Errors
    /// When a row is not there, or the registry cannot be written.
    pub fn renew_reviews(&mut self, run: &str, stale: &[StaleReview], cause: &Cause) -> Result<Vec<i64>> {
        if stale.is_empty() {
            return Ok(Vec::new());
        }
        self.write(|conn| {
            let mut ids = Vec::with_capacity(stale.len());
            let mut rows = Vec::with_capacity(stale.len());
            for old in stale {
                let earlier = conn
                    .prepare_cached(&(select("") + " WHERE v.id = ?1"))?
                    .query_row(params![old.id], read_row)?
                    .info
                    .review;
                let review = NewReview {
                    run: run.to_owned(),
                    item: old.item,
                    criterion: old.criterion,
                    sampling: old.sampling,
                    seconds: None,
                    ..earlier
                };
                let id = insert(conn, &review)?;
                rows.push(
                    json!({"review": old.id, "new": id, "from": old.version.hex(), "to": old.now.hex()}),
                );
                ids.push(id);
            }
            log_event(conn, None, KIND, &json!({"run": run, "rows": rows}), cause)?;
            Ok(ids)
        })
    }
}
