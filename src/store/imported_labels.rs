//! The criteria of verdicts that came with labels: which scale they are on.
//!
//! ```text
//! labels of a column -> a registered criterion of that name that knows them all
//!                    -> pass and fail: that scale, with general anchors
//!                    -> else categories, in the order in which they first come
//! ```
//! A judge that gave labels on one criterion and scores on another has one run with both.

use super::columns::{OWN, column_of};
use super::{Result, StoreError};
use crate::core::item::{ImportedVerdict, Item};
use crate::core::rubric::{self, Criterion, Rubric, Scale};
use rusqlite::Connection;

/// The criteria of a judge's columns where any of its verdicts is a label; `None` where all are scores, whose criteria are
/// meant by their names.
///
/// # Errors
/// When one criterion has labels and scores, or more labels than a scale has, or scores of items' own questions stand beside labels.
pub(super) fn criteria(
    conn: &Connection,
    columns: &[&str],
    items: &[&Item],
    judge: &str,
) -> Result<Option<Vec<Criterion>>> {
    let mine = || items.iter().flat_map(|item| &item.verdicts).filter(|v| v.judge == judge);
    if mine().all(|v| v.label.is_none()) {
        return Ok(None);
    }
    let mut registered: Vec<Criterion> = Vec::new();
    let mut stmt = conn.prepare_cached("SELECT json FROM rubric ORDER BY stamp DESC, digest DESC")?;
    let mut rows = stmt.query([])?;
    while let Some(row) = rows.next()? {
        // A rubric that cannot be read is for `fsck` to tell.
        let rubric = serde_json::from_str::<Rubric>(row.get_ref(0)?.as_str().unwrap_or_default());
        registered.extend(rubric.into_iter().flat_map(|r| r.criteria));
    }
    let of = |column: &&str| {
        let verdicts: Vec<&ImportedVerdict> = mine().filter(|v| column_of(&v.criterion) == *column).collect();
        criterion(column, &verdicts, &registered).map_err(|why| {
            StoreError::Invalid(format!("the verdicts of judge '{judge}' on '{column}' {why}"))
        })
    };
    columns.iter().map(of).collect::<Result<Vec<_>>>().map(Some)
}

fn criterion(
    column: &str,
    verdicts: &[&ImportedVerdict],
    registered: &[Criterion],
) -> std::result::Result<Criterion, String> {
    let mut labels: Vec<&str> = Vec::new();
    for label in verdicts.iter().filter_map(|v| v.label.as_deref()) {
        if !labels.iter().any(|known| known.to_lowercase() == label.to_lowercase()) {
            labels.push(label);
        }
    }
    if labels.is_empty() {
        return if column == OWN {
            Err("answer the items' own questions by scores, and others by labels: name two judges".into())
        } else {
            Ok(rubric::by_name(column))
        };
    }
    if verdicts.iter().any(|v| v.score.is_some()) {
        return Err("are labels and scores: a criterion has one scale".into());
    }
    let knows = |scale: &Scale| labels.iter().all(|label| scale.level(label).is_some());
    if let Some(known) = registered.iter().find(|c| c.name == column && knows(&c.scale)) {
        return Ok(known.clone());
    }
    let scale = if knows(&Scale::PassFail) {
        Scale::PassFail
    } else if labels.len() > Scale::MOST {
        return Err(format!("have {} labels; a criterion has at most {}", labels.len(), Scale::MOST));
    } else {
        Scale::Categories { names: labels.iter().map(|label| (*label).to_owned()).collect(), ordered: false }
    };
    Ok(rubric::ad_hoc_on(column, scale))
}
