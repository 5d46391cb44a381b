//! Case sets, responses, arms and rubrics. A set is versioned by a digest over its rows.

use super::case_rows::{
    SET, add_case, add_response, add_set, arm_id, case_of, find_set, items_digest, json_error, merged,
    read_set, response_of, set_digest,
};
use super::events::next_stamp;
use super::lookup::digest_at;
use super::rows::*;
use super::rules::cases::unique;
use super::time::now;
use super::{Result, Store, StoreError};
use crate::core::digest::{Digest, RowDigest};
use crate::core::item::{Case, Item};
use crate::core::rubric::Rubric;
use rusqlite::{OptionalExtension, params};
use serde_json::json;

pub use super::case_rows::subject_of;

/// Cases or items about to be imported into a set.
#[derive(Debug, Clone, PartialEq)]
pub enum NewSet {
    /// Inputs only.
    Cases(Vec<Case>),
    /// Prompts with responses.
    Items(Vec<Item>),
}

impl Store {
    /// Imports cases as a version of the set `name`; the same content again is known.
    ///
    /// # Errors
    /// When there are none, or an id occurs twice with other content.
    pub fn import_cases(&mut self, name: &str, cases: Vec<Case>) -> Result<(CaseSetInfo, Imported)> {
        let unique = unique(&cases)?;
        let digest = set_digest(&unique)?;
        self.write(|conn| {
            let (id, new) = add_set(conn, name, &digest, "cases", unique.len())?;
            let mut count = Imported::default();
            if new {
                for (ord, case) in unique.iter().enumerate() {
                    add_case(conn, id, ord, case)?;
                }
                count.new = unique.len();
            }
            count.known = cases.len() - count.new;
            Ok((find_set(conn, name, Some(&digest))?.ok_or(StoreError::Closed)?, count))
        })
    }

    /// Imports items as one set; their verdicts become one finished run per judge's name.
    ///
    /// # Errors
    /// When there are none, or one (id, arm) occurs twice with other content.
    pub fn import_items(&mut self, name: &str, items: Vec<Item>) -> Result<ImportedItems> {
        if items.is_empty() {
            return Err(StoreError::Invalid("there are no items".into()));
        }
        let given = items.len();
        let items = merged(items)?;
        let digest = items_digest(&items)?;
        self.write(|conn| {
            let (id, new) = add_set(conn, name, &digest, "items", items.len())?;
            let set = || find_set(conn, name, Some(&digest))?.ok_or(StoreError::Closed);
            if !new {
                let count = Imported { new: 0, known: given };
                return Ok(ImportedItems { set: set()?, count, runs: Vec::new() });
            }
            let mut cases = std::collections::HashSet::new();
            for (ord, item) in items.iter().enumerate() {
                if cases.insert(&item.id) {
                    add_case(conn, id, ord, &case_of(item))?;
                }
                let arm = Arm { name: item.arm.clone(), prompt: None, model: None };
                let response = NewResponse {
                    set_id: id,
                    case_id: item.id.clone(),
                    arm,
                    repeat: 0,
                    subject: item.subject.clone(),
                    text: Ok(item.response.clone()),
                    detail: json!({}),
                };
                add_response(conn, ord as i64, &response)?;
            }
            let set = set()?;
            let runs = super::imported_verdicts::import_verdicts(conn, &set, &items)?;
            let count = Imported { new: items.len(), known: given - items.len() };
            Ok(ImportedItems { set, count, runs })
        })
    }

    /// Imports responses (case, arm, text) for the newest version of a set.
    ///
    /// # Errors
    /// When the set or a case does not exist, or a key has another text already.
    pub fn import_responses(&mut self, set: &str, rows: Vec<(String, String, String)>) -> Result<Imported> {
        let info = self.case_set(set)?;
        let cases: std::collections::HashMap<String, Case> =
            self.cases(info.id)?.into_iter().map(|c| (c.id.clone(), c)).collect();
        self.write(|conn| {
            let mut count = Imported::default();
            for (ord, (case_id, arm, text)) in rows.iter().enumerate() {
                let line = ord + 1;
                let Some(case) = cases.get(case_id) else {
                    return Err(StoreError::Invalid(format!(
                        "line {line}: the set '{set}' has no case '{case_id}'"
                    )));
                };
                let arm = Arm { name: arm.clone(), prompt: None, model: None };
                let known = response_of(conn, info.id, arm_id(conn, &arm)?, case_id, 0)?;
                match known {
                    Some((_, Ok(digest))) if digest == Digest::of(text) => count.known += 1,
                    Some((_, Ok(_))) => {
                        let why = format!(
                            "line {line}: arm '{}' has another response for case '{case_id}' already",
                            arm.name
                        );
                        return Err(StoreError::Invalid(why));
                    }
                    // An empty response is a failed one, and so is known as well.
                    Some((_, Err(_))) if text.trim().is_empty() => count.known += 1,
                    _ => {
                        let subject = subject_of(case);
                        let response = NewResponse {
                            set_id: info.id,
                            case_id: case_id.clone(),
                            arm,
                            repeat: 0,
                            subject,
                            text: Ok(text.clone()),
                            detail: json!({}),
                        };
                        add_response(conn, ord as i64, &response)?;
                        count.new += 1;
                    }
                }
            }
            Ok(count)
        })
    }

    /// All sets: the newest version of each name, by name.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub fn case_sets(&self) -> Result<Vec<CaseSetInfo>> {
        let sql = format!(
            "{SET} WHERE NOT EXISTS (SELECT 1 FROM case_set n WHERE n.name = case_set.name AND (n.stamp, n.uid) > (case_set.stamp, case_set.uid)) \
             ORDER BY name"
        );
        let mut stmt = self.conn.prepare_cached(&sql)?;
        Ok(stmt.query_map([], |r| read_set(&self.conn, r))?.collect::<Result<_, _>>()?)
    }

    /// The newest version of a set.
    ///
    /// # Errors
    /// When there is none of this name.
    pub fn case_set(&self, name: &str) -> Result<CaseSetInfo> {
        find_set(&self.conn, name, None)?.ok_or_else(|| StoreError::NoCaseSet(name.to_owned()))
    }

    /// A set by version.
    ///
    /// # Errors
    /// When there is none.
    pub fn case_set_by_digest(&self, name: &str, digest: &Digest) -> Result<CaseSetInfo> {
        find_set(&self.conn, name, Some(digest))?.ok_or_else(|| {
            StoreError::NotFound(format!("the case set '{name}' has no version {}", digest.short()))
        })
    }

    /// Its cases, in order; for a set of items, one case for each id.
    ///
    /// # Errors
    /// When a body is missing.
    pub fn cases(&self, set_id: i64) -> Result<Vec<Case>> {
        let mut stmt =
            self.conn.prepare_cached("SELECT payload FROM case_row WHERE set_id = ?1 ORDER BY ord")?;
        let digests: Vec<Digest> =
            stmt.query_map([set_id], |r| digest_at(r, 0))?.collect::<Result<_, _>>()?;
        digests.iter().map(|d| self.json(d)).collect()
    }

    pub(super) fn json<T: serde::de::DeserializeOwned>(&self, digest: &Digest) -> Result<T> {
        serde_json::from_slice(&self.body(digest)?).map_err(|e| {
            StoreError::Damaged(format!("the body {} does not read as JSON: {e}", digest.short()))
        })
    }

    /// Stored responses of a set, as items, in order (only those with a text); all arms when `arms` is empty.
    ///
    /// # Errors
    /// When a body is missing.
    pub fn items(&self, set_id: i64, arms: &[String]) -> Result<Vec<Item>> {
        self.items_of(set_id, arms, 0)
    }

    /// As [`Store::items`], of one generation: several responses may have been written for a case.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub fn items_of(&self, set_id: i64, arms: &[String], generation: u32) -> Result<Vec<Item>> {
        let mut stmt = self.conn.prepare_cached(
            "SELECT r.case_id, a.name, r.subject, r.text FROM response r JOIN arm a ON a.id = r.arm_id \
             WHERE r.set_id = ?1 AND r.state = 'ok' AND r.repeat = ?2 ORDER BY r.ord, r.id",
        )?;
        let rows: Vec<(String, String, Digest, Digest)> = stmt
            .query_map(params![set_id, generation], |r| {
                Ok((r.get(0)?, r.get(1)?, digest_at(r, 2)?, digest_at(r, 3)?))
            })?
            .collect::<Result<_, _>>()?;
        rows.into_iter()
            .filter(|(_, arm, _, _)| arms.is_empty() || arms.contains(arm))
            .map(|(id, arm, subject, text)| {
                Ok(Item {
                    id,
                    arm,
                    response: self.text(&text)?,
                    subject: self.json(&subject)?,
                    verdicts: Vec::new(),
                })
            })
            .collect()
    }

    /// Stored responses of a set without their texts: (case, arm), in order.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub fn response_keys(&self, set_id: i64) -> Result<Vec<(String, String)>> {
        let mut stmt = self.conn.prepare_cached(
            "SELECT DISTINCT r.case_id, a.name FROM response r JOIN arm a ON a.id = r.arm_id \
             WHERE r.set_id = ?1 AND r.repeat = 0 ORDER BY r.ord, r.id",
        )?;
        Ok(stmt.query_map([set_id], |r| Ok((r.get(0)?, r.get(1)?)))?.collect::<Result<_, _>>()?)
    }

    /// Stores a response; an earlier failed one of the same key stays, the newest counts.
    ///
    /// # Errors
    /// When the registry cannot be written.
    pub fn save_response(&mut self, response: NewResponse) -> Result<ResponseText> {
        self.write(|conn| {
            let ord: i64 = conn
                .query_row(
                    "SELECT ord FROM case_row WHERE set_id = ?1 AND case_id = ?2",
                    params![response.set_id, response.case_id],
                    |r| r.get(0),
                )
                .optional()?
                .unwrap_or(0);
            add_response(conn, ord, &response)
        })
    }

    /// Arms by name.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub fn arms(&self) -> Result<Vec<Arm>> {
        let mut stmt = self.conn.prepare_cached(
            "SELECT a.name, p.name, a.seq, a.model FROM arm a LEFT JOIN prompt p ON p.id = a.prompt_id ORDER BY a.name",
        )?;
        let rows = stmt.query_map([], |r| {
            let prompt: Option<String> = r.get(1)?;
            let seq: Option<u32> = r.get(2)?;
            Ok(Arm {
                name: r.get(0)?,
                prompt: prompt.and_then(|p| p.parse().ok()).zip(seq),
                model: r.get(3)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Adds a version of a rubric; false when it is there already.
    ///
    /// # Errors
    /// When the registry cannot be written.
    pub fn add_rubric(&mut self, rubric: &Rubric) -> Result<bool> {
        let text = serde_json::to_string(rubric).map_err(|e| json_error(&e))?;
        let digest = rubric.version();
        self.write(|conn| {
            let (at, stamp) = (now(), next_stamp(conn, "rubric")?);
            let row_digest = RowDigest::new("assize.rubric.2")
                .text(&rubric.name)
                .bytes(digest.as_bytes())
                .text(&text)
                .text(&at)
                .int(stamp)
                .finish();
            let n = conn.execute(
                "INSERT INTO rubric (name, digest, json, created_at, row_digest, stamp) VALUES (?1,?2,?3,?4,?5,?6) ON CONFLICT (digest) DO NOTHING",
                params![rubric.name, digest.as_bytes(), text, at, row_digest.as_bytes(), stamp],
            )?;
            Ok(n == 1)
        })
    }

    /// Stored rubrics: the newest version of each name.
    ///
    /// # Errors
    /// When one does not read.
    pub fn rubrics(&self) -> Result<Vec<RubricInfo>> {
        let mut stmt = self.conn.prepare_cached(
            "SELECT json, digest, created_at FROM rubric WHERE NOT EXISTS (SELECT 1 FROM rubric n WHERE n.name = rubric.name AND \
             (n.stamp, n.digest) > (rubric.stamp, rubric.digest)) ORDER BY name",
        )?;
        let rows: Vec<(String, Digest, String)> = stmt
            .query_map([], |r| Ok((r.get(0)?, digest_at(r, 1)?, r.get(2)?)))?
            .collect::<Result<_, _>>()?;
        rows.into_iter()
            .map(|(text, digest, created_at)| {
                let rubric = serde_json::from_str(&text)
                    .map_err(|e| StoreError::Damaged(format!("rubric {}: {e}", digest.short())))?;
                Ok(RubricInfo { rubric, digest, created_at, built_in: false })
            })
            .collect()
    }
}
