//! Reviews: human scores, append-only. An undo is a row that takes back an earlier one; one that takes over a score given under
//! another wording of the question is named by an event (`renewal`).

use super::events::next_stamp;
use super::lookup::digest_at;
use super::review_rows::all_reviews;
use super::rows::{NewReview, ReviewInfo, RunInfo};
use super::rules::reviews::{check, in_force, no_undo};
use super::time::check_time;
use super::{Result, Store, StoreError};
use crate::core::digest::{Digest, RowDigest};
use crate::core::rubric::Criterion;
use rusqlite::{Connection, OptionalExtension, params};

/// What a review refers to, by content id.
struct Ids {
    arm: Vec<u8>,
    undone: Option<Vec<u8>>,
}

/// What a review's row digest covers, as `digest_fields.rs` lists it.
fn review_digest(
    r: &NewReview,
    modes: &str,
    about: &ReviewSubject,
    ids: &Ids,
    (at, stamp, named): (&str, i64, Option<&[u8]>),
) -> Digest {
    RowDigest::new("assize.review.2")
        .text(&r.run)
        .int(i64::from(r.item))
        .int(i64::from(r.criterion))
        .text(&about.case_id)
        .bytes(&ids.arm)
        .bytes(&about.version)
        .maybe(about.response.as_deref(), RowDigest::bytes)
        .text(&r.reviewer)
        .maybe(r.score.map(i64::from), RowDigest::int)
        .text(&r.comment)
        .text(modes)
        .int(i64::from(r.saw_judge))
        .text(r.sampling.name())
        .maybe(ids.undone.as_deref(), RowDigest::bytes)
        .maybe(r.seconds, RowDigest::real)
        .text(at)
        .int(stamp)
        .maybe(named, RowDigest::bytes)
        .finish()
}

/// What is taken back must be there, by the same reviewer, in the same run or of the same response and question.
fn check_undo(conn: &Connection, review: &NewReview, about: &ReviewSubject) -> Result<()> {
    let Some(earlier) = review.undo else { return Ok(()) };
    let column: Option<String> = conn
        .prepare_cached("SELECT name FROM run_criterion WHERE run_id = ?1 AND ord = ?2")?
        .query_row(params![review.run, review.criterion], |r| r.get(0))
        .optional()?;
    // A bare name and the criterion that it stands for are one question.
    let alike = super::review_rows::alike(&about.version, column.as_deref().unwrap_or_default());
    let there: bool = conn
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM review WHERE id = ?1 AND reviewer = ?3 AND \
             (run_id = ?2 OR response = ?4 AND criterion_version IN (?5, ?6)))",
        )?
        .query_row(
            params![earlier, review.run, review.reviewer, about.response, about.version, alike],
            |r| r.get(0),
        )?;
    if there {
        return Ok(());
    }
    Err(no_undo(review, earlier))
}

/// What a review is about.
pub(super) struct ReviewSubject {
    pub case_id: String,
    arm: i64,
    pub version: Vec<u8>,
    pub response: Option<Vec<u8>>,
}

/// Where a review was given before it came here.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct GivenElsewhere<'a> {
    /// When; now where it is not known.
    pub at: Option<&'a str>,
    /// The content id that it has there, and keeps.
    pub id: Option<&'a [u8]>,
}

pub(super) fn judged(conn: &Connection, run: &str, item: u32, criterion: u32) -> Result<ReviewSubject> {
    let (case_id, arm): (String, i64) = conn
        .prepare_cached("SELECT case_id, arm_id FROM run_item WHERE run_id = ?1 AND ord = ?2")?
        .query_row(params![run, item], |r| Ok((r.get(0)?, r.get(1)?)))
        .optional()?
        .ok_or_else(|| StoreError::NotFound(format!("run {run} has no item {item}")))?;
    let known: Option<Option<Vec<u8>>> = conn
        .prepare_cached("SELECT version FROM run_criterion WHERE run_id = ?1 AND ord = ?2")?
        .query_row(params![run, criterion], |r| r.get(0))
        .optional()?;
    let Some(version) = known else {
        return Err(StoreError::NotFound(format!("run {run} has no criterion {criterion}")));
    };
    // Items with a question of their own: the version is the one the judge was asked. The sign keeps SQLite from walking
    // the whole run backwards along its order.
    let judged: Option<(Digest, Option<Vec<u8>>)> = conn
        .prepare_cached(
            "SELECT criterion_version, response FROM verdict WHERE run_id = ?1 AND item = ?2 AND criterion = ?3 ORDER BY +seq DESC LIMIT 1",
        )?
        .query_row(params![run, item, criterion], |r| Ok((digest_at(r, 0)?, r.get(1)?)))
        .optional()?;
    let (asked, response) = judged.map_or((None, None), |(v, r)| (Some(v.as_bytes().to_vec()), r));
    let version = version.or(asked).unwrap_or_default();
    // Scored before the judge was asked: the response is the one that the item shows.
    let response = match response {
        Some(response) => Some(response),
        None => conn
            .prepare_cached(
                "SELECT r.text FROM run_item i JOIN response r ON r.id = (SELECT max(n.id) FROM response n WHERE \
                 n.set_id = i.set_id AND n.arm_id = i.arm_id AND n.case_id = i.case_id AND n.repeat = i.repeat) \
                 WHERE i.run_id = ?1 AND i.ord = ?2",
            )?
            .query_row(params![run, item], |r| r.get(0))
            .optional()?
            .flatten(),
    };
    Ok(ReviewSubject { case_id, arm, version, response })
}

/// Refuses an answer that the scale of its question does not have: a 4 where pass or fail is asked.
fn check_level(conn: &Connection, review: &NewReview) -> Result<()> {
    let Some(level) = review.score else { return Ok(()) };
    let sql = "SELECT json FROM run_criterion WHERE run_id = ?1 AND ord = ?2 AND json LIKE '%\"scale\"%'";
    let text: Option<String> = conn
        .prepare_cached(sql)?
        .query_row(params![review.run, review.criterion], |r| r.get(0))
        .optional()?;
    let asked = text.and_then(|text| serde_json::from_str::<Criterion>(&text).ok());
    match asked {
        Some(asked) if !asked.scale.holds(level) => Err(StoreError::Invalid(format!(
            "'{}' is answered by {}, and this is {level}",
            asked.name,
            asked.scale.words()
        ))),
        _ => Ok(()),
    }
}

/// Adds one within a transaction.
pub(super) fn insert(conn: &Connection, review: &NewReview) -> Result<i64> {
    insert_given(conn, review, GivenElsewhere::default())
}

/// Adds one that was given elsewhere.
pub(super) fn insert_given(
    conn: &Connection,
    review: &NewReview,
    elsewhere: GivenElsewhere<'_>,
) -> Result<i64> {
    check(review)?;
    // SQLite keeps neither NaN nor the sign of zero: the row would not fit its digest when read back.
    let seconds = review.seconds.filter(|s| s.is_finite()).map(|s| s + 0.0);
    let review = &NewReview { seconds, ..review.clone() };
    let modes = serde_json::to_string(&review.modes).unwrap_or_default();
    check_level(conn, review)?;
    let about = judged(conn, &review.run, review.item, review.criterion)?;
    check_undo(conn, review, &about)?;
    let (at, stamp) = (check_time(elsewhere.at)?, next_stamp(conn, "review")?);
    let id = |sql: &str, row: i64| conn.prepare_cached(sql)?.query_row([row], |r| r.get::<_, Vec<u8>>(0));
    let ids = Ids {
        arm: id("SELECT coalesce(named, row_digest) FROM arm WHERE id = ?1", about.arm)?,
        undone: review
            .undo
            .map(|row| id("SELECT coalesce(named, row_digest) FROM review WHERE id = ?1", row))
            .transpose()?,
    };
    let digest = review_digest(review, &modes, &about, &ids, (&at, stamp, elsewhere.id));
    let ReviewSubject { case_id, arm, version, response } = about;
    conn.prepare_cached(
                "INSERT INTO review (run_id, item, criterion, case_id, arm_id, criterion_version, response, reviewer, score, comment, \
                 modes, saw_judge, sampling, undone, seconds, at, row_digest, stamp, named) \
                 VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19)",
            )?
            .execute(params![
                    review.run,
                    review.item,
                    review.criterion,
                    case_id,
                    arm,
                    version,
                    response,
                    review.reviewer,
                    review.score,
                    review.comment,
                    modes,
                    review.saw_judge,
                    review.sampling.name(),
                    review.undo,
                    review.seconds,
                    at,
                    digest.as_bytes(),
                    stamp,
                    elsewhere.id
                ],
            )?;
    Ok(conn.last_insert_rowid())
}

impl Store {
    /// The versions under which the question that a review at this place answers may be known: its own, and where a bare name
    /// and the criterion that it stands for are one question, the other.
    ///
    /// # Errors
    /// When the run has no such item or column.
    pub fn question_at(&self, run: &RunInfo, item: u32, criterion: u32) -> Result<Vec<Digest>> {
        let own = judged(&self.conn, &run.id, item, criterion)?.version;
        let column = run.criteria.get(criterion as usize).map_or("", String::as_str);
        let other = super::review_rows::alike(&own, column);
        Ok([own, other].iter().filter_map(|version| Digest::from_bytes(version)).collect())
    }

    /// Adds a review; its id.
    ///
    /// # Errors
    /// When run, item or criterion do not exist, the score is none of 1 to 5, or the reviewer has no name.
    pub fn add_review(&mut self, review: &NewReview) -> Result<i64> {
        self.write(|conn| insert(conn, review))
    }

    /// Reviews in force, those taken back left out: per run, item, criterion and reviewer the newest blind one, the
    /// newest given with the judge in sight, and the newest word on its reasons. None displaces another: a score
    /// changed after the reveal leaves the blind one to be compared with the judge.
    ///
    /// A review is of a response and a question. Of one run (`Some`), those given elsewhere count as well wherever the
    /// run shows that response under that question; they stand at its items. Of all (`None`), each stands once, where it
    /// was given.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub fn reviews(&self, run: Option<&str>) -> Result<Vec<ReviewInfo>> {
        let (rows, undone) = match run {
            Some(run) => super::shared_reviews::bearing(self, run)?,
            None => {
                let rows: Vec<ReviewInfo> =
                    all_reviews(&self.conn, None)?.into_iter().map(|r| r.info).collect();
                let undone = rows.iter().filter_map(|r| r.review.undo).collect();
                (rows, undone)
            }
        };
        Ok(in_force(rows, &undone))
    }

    /// Whether anybody has reviewed anything.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub fn has_reviews(&self) -> Result<bool> {
        Ok(self.conn.query_row("SELECT EXISTS (SELECT 1 FROM review)", [], |r| r.get(0))?)
    }

    /// Every review row ever stored for a run, in order, those taken back included.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub fn review_log(&self, run: &str) -> Result<Vec<ReviewInfo>> {
        Ok(all_reviews(&self.conn, Some(run))?.into_iter().map(|r| r.info).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::item::{ImportedVerdict, Item, Subject};
    use crate::store::rows::Sampling;
    use std::collections::HashMap;

    #[test]
    fn what_fails_in_the_middle_leaves_no_review() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = Store::open(&dir.path().join("r.db")).unwrap();
        let item = |i: u32| Item {
            id: format!("c{i}"),
            arm: "a".into(),
            response: "r".into(),
            subject: Subject {
                prompt: "p".into(),
                vars: serde_json::Map::new(),
                reference: None,
                tags: Vec::new(),
                cluster: None,
                criterion: None,
                anchors: None,
            },
            verdicts: vec![ImportedVerdict {
                label: None,
                criterion: "accuracy".into(),
                judge: "j".into(),
                repeat: 0,
                score: Some(3),
                explanation: "x".into(),
                state: None,
                reply: None,
            }],
        };
        let items: Vec<Item> = (0..4).map(item).collect();
        store.import_items("set", items).unwrap();
        let run = store.runs(None).unwrap()[0].id.clone();
        let review = |item: u32| NewReview {
            run: run.clone(),
            item,
            criterion: 0,
            reviewer: "ana".into(),
            score: Some(4),
            comment: String::new(),
            modes: vec!["long".into()],
            saw_judge: false,
            sampling: Sampling::Picked,
            seconds: None,
            undo: None,
        };
        let all: Vec<NewReview> = (0..4).map(review).collect();
        // From the third on the registry refuses: as a full disk would, at a place of our choosing.
        let third = "CREATE TEMP TRIGGER third BEFORE INSERT ON main.review WHEN NEW.item = 2 BEGIN \
                     SELECT RAISE(ABORT, 'no more'); END";
        store.conn.execute_batch(third).unwrap();
        let why = store.add_reviews(&all, &HashMap::new()).unwrap_err();
        assert!(why.to_string().contains("no more"), "{why}");
        assert!(store.review_log(&run).unwrap().is_empty());
        // The twin: one by one, what came before it stays.
        let each: Vec<bool> = all.iter().map(|r| store.add_review(r).is_ok()).collect();
        assert_eq!(each, [true, true, false, true]);
        assert_eq!(store.review_log(&run).unwrap().len(), 3);
    }
}
