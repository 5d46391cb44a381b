//! Case sets, responses, arms and rubrics. A set is versioned by a digest over its rows.

use super::body::put_body;
use super::prompts::{digest_at, now};
use super::rows::*;
use super::{Result, Store, StoreError};
use crate::core::canonical::{self, Numbers};
use crate::core::digest::{Digest, RowDigest};
use crate::core::item::{Case, Item, Subject};
use crate::core::rubric::Rubric;
use crate::core::verdict::State;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::{Value, json};

fn json_error(e: &serde_json::Error) -> StoreError {
    StoreError::Invalid(format!("a value cannot be written as JSON: {e}"))
}

fn read_set(conn: &Connection, row: &Row) -> rusqlite::Result<CaseSetInfo> {
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

const SET: &str = "SELECT id, name, digest, kind, rows, created_at FROM case_set ";

fn find_set(conn: &Connection, name: &str, digest: Option<&Digest>) -> Result<Option<CaseSetInfo>> {
    let sql = format!("{SET} WHERE name = ?1 AND (?2 IS NULL OR digest = ?2) ORDER BY id DESC LIMIT 1");
    Ok(conn
        .prepare_cached(&sql)?
        .query_row(params![name, digest.map(Digest::as_bytes)], |r| read_set(conn, r))
        .optional()?)
}

/// What a set's row digest covers.
pub(super) fn set_row_digest(name: &str, digest: &[u8], kind: &str, created_at: &str, rows: i64) -> Digest {
    RowDigest::new("assize.case_set.1")
        .text(name)
        .bytes(digest)
        .text(kind)
        .text(created_at)
        .int(rows)
        .finish()
}

/// What a case's row digest covers.
pub(super) fn case_digest(set: i64, ord: i64, case_id: &str, payload: &[u8]) -> Digest {
    RowDigest::new("assize.case.1").int(set).int(ord).text(case_id).bytes(payload).finish()
}

/// What an arm's row digest covers.
pub(super) fn arm_digest(
    name: &str,
    kind: &str,
    prompt: Option<i64>,
    seq: Option<u32>,
    model: Option<&str>,
) -> Digest {
    RowDigest::new("assize.arm.1")
        .text(name)
        .text(kind)
        .maybe(prompt, RowDigest::int)
        .maybe(seq.map(i64::from), RowDigest::int)
        .maybe(model, RowDigest::text)
        .finish()
}

/// What a rubric's row digest covers.
pub(super) fn rubric_digest(name: &str, digest: &[u8], text: &str, created_at: &str) -> Digest {
    RowDigest::new("assize.rubric.1").text(name).bytes(digest).text(text).text(created_at).finish()
}

/// The set's row, and whether it was made now.
fn add_set(conn: &Connection, name: &str, digest: &Digest, kind: &str, rows: usize) -> Result<(i64, bool)> {
    let at = now();
    let row_digest = set_row_digest(name, digest.as_bytes(), kind, &at, rows as i64);
    let changed = conn.execute(
        "INSERT INTO case_set (name, digest, kind, created_at, rows, row_digest) VALUES (?1,?2,?3,?4,?5,?6) ON CONFLICT DO NOTHING",
        params![name, digest.as_bytes(), kind, at, rows as i64, row_digest.as_bytes()],
    )?;
    let id = conn.query_row(
        "SELECT id FROM case_set WHERE name = ?1 AND digest = ?2",
        params![name, digest.as_bytes()],
        |r| r.get(0),
    )?;
    Ok((id, changed == 1))
}

fn add_case(conn: &Connection, set: i64, ord: usize, case: &Case) -> Result<()> {
    let payload = canonical::to_string(case, Numbers::Written).map_err(|e| json_error(&e))?;
    let digest = put_body(conn, payload.as_bytes())?;
    let row_digest = case_digest(set, ord as i64, &case.id, digest.as_bytes());
    conn.prepare_cached(
        "INSERT INTO case_row (set_id, ord, case_id, payload, row_digest) VALUES (?1,?2,?3,?4,?5)",
    )?
    .execute(params![set, ord as i64, case.id, digest.as_bytes(), row_digest.as_bytes()])?;
    Ok(())
}

/// The arm's row, made when missing.
pub(super) fn arm_id(conn: &Connection, arm: &Arm) -> Result<i64> {
    let found = conn
        .prepare_cached("SELECT id FROM arm WHERE name = ?1")?
        .query_row([&arm.name], |r| r.get(0))
        .optional()?;
    if let Some(id) = found {
        return Ok(id);
    }
    let (prompt, seq) = match &arm.prompt {
        Some((name, seq)) => (Some(super::prompts::prompt_id(conn, name)?), Some(*seq)),
        None => (None, None),
    };
    let kind = if arm.prompt.is_some() { "generated" } else { "imported" };
    let digest = arm_digest(&arm.name, kind, prompt, seq, arm.model.as_deref());
    conn.execute(
        "INSERT INTO arm (name, kind, prompt_id, seq, model, row_digest) VALUES (?1,?2,?3,?4,?5,?6)",
        params![arm.name, kind, prompt, seq, arm.model, digest.as_bytes()],
    )?;
    Ok(conn.last_insert_rowid())
}

/// What a response's row digest covers.
pub(super) struct ResponseRow<'a> {
    pub set_id: i64,
    pub case_id: &'a str,
    pub arm_id: i64,
    pub repeat: u32,
    pub ord: i64,
    pub subject: &'a [u8],
    pub state: &'a str,
    pub text: Option<&'a [u8]>,
    pub detail: &'a str,
    pub created_at: &'a str,
}

impl ResponseRow<'_> {
    pub(super) fn digest(&self) -> Digest {
        RowDigest::new("assize.response.1")
            .int(self.set_id)
            .text(self.case_id)
            .int(self.arm_id)
            .int(i64::from(self.repeat))
            .int(self.ord)
            .bytes(self.subject)
            .text(self.state)
            .maybe(self.text, RowDigest::bytes)
            .text(self.detail)
            .text(self.created_at)
            .finish()
    }

    fn insert(&self, conn: &Connection) -> Result<()> {
        conn.prepare_cached(
            "INSERT INTO response (set_id, case_id, arm_id, repeat, ord, subject, state, text, detail, created_at, row_digest) \
             VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11)",
        )?
        .execute(params![
            self.set_id,
            self.case_id,
            self.arm_id,
            self.repeat,
            self.ord,
            self.subject,
            self.state,
            self.text,
            self.detail,
            self.created_at,
            self.digest().as_bytes()
        ])?;
        Ok(())
    }
}

fn add_response(conn: &Connection, ord: i64, new: &NewResponse) -> Result<ResponseText> {
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
        set_id: new.set_id,
        case_id: &new.case_id,
        arm_id: arm_id(conn, &new.arm)?,
        repeat: new.repeat,
        ord,
        subject: subject.as_bytes(),
        state,
        text: text.as_ref().map(Digest::as_bytes),
        detail: &detail,
        created_at: &at,
    };
    row.insert(conn)?;
    Ok(match (text, &new.text) {
        (Some(digest), _) => ResponseText::Text(digest),
        (None, Err((state, reason))) => ResponseText::Failed(*state, reason.clone()),
        (None, Ok(_)) => ResponseText::Failed(State::NotGenerated, "the response is empty".into()),
    })
}

/// A stored response: what it answered and its text, or why there is none.
pub(super) type StoredResponse = (Digest, Result<Digest, (State, String)>);

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
                Err((state.parse().unwrap_or(State::NotGenerated), reason.to_owned()))
            };
            Ok((digest_at(r, 0)?, text))
        })
        .optional()?)
}

fn set_digest<T: serde::Serialize>(rows: &[T]) -> Result<Digest> {
    crate::core::digest::written_digest(&rows).map_err(|e| json_error(&e))
}

fn items_digest(items: &[Item]) -> Result<Digest> {
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
fn merged(items: Vec<Item>) -> Result<Vec<Item>> {
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
fn one_verdict_per_key(item: &mut Item) -> Result<()> {
    let mut kept: Vec<crate::core::item::ImportedVerdict> = Vec::with_capacity(item.verdicts.len());
    for verdict in std::mem::take(&mut item.verdicts) {
        let column = super::runs::column_of(&verdict.criterion);
        let same = kept.iter().find(|k| {
            k.judge == verdict.judge
                && k.repeat == verdict.repeat
                && super::runs::column_of(&k.criterion) == column
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
        if cases.is_empty() {
            return Err(StoreError::Invalid("there are no cases".into()));
        }
        let mut unique: Vec<&Case> = Vec::new();
        let mut seen = std::collections::HashMap::new();
        for case in &cases {
            match seen.insert(&case.id, case) {
                None => unique.push(case),
                Some(other) if other == case => {}
                Some(_) => {
                    let why = format!(
                        "case '{}' occurs twice with different content: give one another id",
                        case.id
                    );
                    return Err(StoreError::Invalid(why));
                }
            }
        }
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
            let runs = super::recorded::import_verdicts(conn, &set, &items)?;
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
        let sql = format!("{SET} WHERE id IN (SELECT max(id) FROM case_set GROUP BY name) ORDER BY name");
        let mut stmt = self.conn.prepare_cached(&sql)?;
        Ok(stmt.query_map([], |r| read_set(&self.conn, r))?.collect::<Result<_, _>>()?)
    }

    /// The newest version of a set.
    ///
    /// # Errors
    /// When there is none of this name.
    pub fn case_set(&self, name: &str) -> Result<CaseSetInfo> {
        find_set(&self.conn, name, None)?.ok_or_else(|| {
            StoreError::NotFound(format!("no case set is named '{name}'; `assize cases list` shows them"))
        })
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
            let at = now();
            let row_digest = rubric_digest(&rubric.name, digest.as_bytes(), &text, &at);
            let n = conn.execute(
                "INSERT INTO rubric (name, digest, json, created_at, row_digest) VALUES (?1,?2,?3,?4,?5) ON CONFLICT (digest) DO NOTHING",
                params![rubric.name, digest.as_bytes(), text, at, row_digest.as_bytes()],
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
            "SELECT json, digest, created_at FROM rubric WHERE id IN (SELECT max(id) FROM rubric GROUP BY name) ORDER BY name",
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

fn case_of(item: &Item) -> Case {
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
