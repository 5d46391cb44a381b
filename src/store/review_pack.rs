//! A pack: a small registry of its own with a run's items and questions for one reviewer, and nothing else of the run.
//!
//! ```text
//! run -> items of a queue, in their order --> FILE: case set, responses, a run without verdicts, one event (`review_pack`)
//!                                             scored there, on another machine, by the same screens and commands
//! FILE's reviews -> review_take.rs -> the run again, found by content
//! ```
//! No verdict, no review, no judge's name and no other person's goes along. The event says for whom and from which run, and of
//! each item what finds its place again: set, case, arm, the response's digest and the versions of the questions. The file
//! needs no log beside it: whatever stops the program, what was scored is in it.

use super::case_rows::{add_case, add_response, add_set};
use super::columns::to_json;
use super::events::log_event;
use super::file::{EXISTS, cannot_open, rename_to_new, sync_folder};
use super::reviews::judged;
use super::rows::*;
use super::run_rows::{RunRow, insert_run_as};
use super::{Result, Store, StoreError};
use crate::core::digest::{Digest, RowDigest};
use crate::core::item::{Case, Subject};
use crate::core::queue::{order, seed};
use rusqlite::{Connection, OptionalExtension};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeSet, HashSet};
use std::path::Path;

/// The event in a pack.
const PACK: &str = "review_pack";
/// The event in the registry that a pack was made from.
const GIVEN_OUT: &str = "review_given_out";

/// What a pack is made for.
#[derive(Debug, Clone, PartialEq)]
pub struct NewPack {
    /// The run.
    pub run: String,
    /// Who is to review.
    pub reviewer: String,
    /// Places of the run's items, in the order in which they are to be met.
    pub items: Vec<u32>,
    /// How many of these, from the first on, everybody gets.
    pub shared: usize,
}

/// What a pack says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PackInfo {
    /// Who is to review.
    pub reviewer: String,
    /// The run that it was made from.
    pub run: String,
    /// The name of the run's case set.
    pub set: String,
    /// How many items, from the first of the queue on, everybody got.
    pub shared: usize,
    /// Over the responses that the run shows: what the items were drawn from.
    pub(super) pool: Digest,
    /// In the order of their places in the pack.
    pub(super) items: Vec<PackedItem>,
    /// The run in the pack.
    #[serde(skip)]
    pub packed_run: String,
}

/// Where an item comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PackedItem {
    /// Its place in the run.
    pub item: u32,
    pub case: String,
    pub arm: String,
    pub response: Digest,
    /// The version of each column's question; none where an item's own question was never asked.
    pub questions: Vec<Option<Digest>>,
}

/// An item of a pack with its texts.
struct ItemTexts {
    from: PackedItem,
    run_item: RunItem,
    subject: Subject,
    response: String,
}

/// Over the responses that a run shows, in whatever order.
pub(super) fn pool(conn: &Connection, run: &str) -> Result<Digest> {
    let shown: BTreeSet<Vec<u8>> = super::shared_reviews::shown(conn, run)?
        .into_iter()
        .map(|s| s.response.as_bytes().to_vec())
        .collect();
    Ok(shown.iter().fold(RowDigest::new("assize.pool.1"), |digest, one| digest.bytes(one)).finish())
}

impl Store {
    /// Items of a run that have a response to be read: what a queue may hand out.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub fn readable_items(&self, run: &str) -> Result<HashSet<u32>> {
        let shown = super::shared_reviews::shown(&self.conn, run)?;
        let mut kept = self.conn.prepare_cached("SELECT forgotten FROM body WHERE digest = ?1")?;
        let mut items = HashSet::with_capacity(shown.len());
        for one in shown {
            let forgotten = kept.query_row([one.response.as_bytes()], |r| r.get::<_, bool>(0)).optional()?;
            if forgotten == Some(false) {
                items.insert(one.item);
            }
        }
        Ok(items)
    }

    /// Items of a run that other people than this one have been given in packs, front or not.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub fn given_out(&self, run: &str, but: &str) -> Result<HashSet<u32>> {
        let mut stmt =
            self.conn.prepare_cached("SELECT payload FROM event WHERE prompt_id IS NULL AND kind = ?1")?;
        let mut rows = stmt.query([GIVEN_OUT])?;
        let mut items = HashSet::new();
        while let Some(row) = rows.next()? {
            let payload: Value =
                serde_json::from_str(row.get_ref(0)?.as_str().unwrap_or_default()).unwrap_or_default();
            let is = |key: &str, what: &str| payload.get(key).and_then(Value::as_str) == Some(what);
            if is("run", run) && !is("for", but) {
                let given = payload.get("items").and_then(Value::as_array).into_iter().flatten();
                items.extend(given.filter_map(Value::as_u64).filter_map(|i| u32::try_from(i).ok()));
            }
        }
        Ok(items)
    }

    /// Makes a pack, and keeps who was given which items.
    ///
    /// # Errors
    /// When a file of this name is there, it or the registry cannot be written, or an item has no response.
    pub fn make_pack(&mut self, pack: &NewPack, to: &Path) -> Result<PackInfo> {
        let cannot =
            |why: &str| StoreError::Invalid(format!("cannot write the pack {}: {why}", to.display()));
        if to.symlink_metadata().is_ok() {
            return Err(cannot(EXISTS));
        }
        if pack.reviewer.trim().is_empty() {
            return Err(StoreError::NoReviewer);
        }
        let run = self.run(&pack.run)?;
        let items = self.texts_for(&run, &pack.items)?;
        self.note_given_out(&run.id, pack)?;
        let info = PackInfo {
            reviewer: pack.reviewer.clone(),
            run: run.id.clone(),
            set: run.spec.set.clone(),
            shared: pack.shared,
            pool: pool(&self.conn, &run.id)?,
            items: Vec::new(),
            packed_run: String::new(),
        };
        let columns = self.columns_of(&run.id)?;
        // It gets its name when it is whole.
        let part = super::migrate::beside(to, ".unfinished");
        if part.symlink_metadata().is_ok() {
            let why =
                "is left of a pack that was cut short, or one is at work: remove it, or choose another name";
            return Err(cannot(&format!("{} {why}", part.display())));
        }
        let made = write(&part, &run, &columns, items, info)
            .and_then(|info| rename_to_new(&part, to).map_err(|why| cannot(&why)).map(|()| info));
        if made.is_err() {
            for ending in ["", "-wal", "-shm", "-journal"] {
                let _ = std::fs::remove_file(super::migrate::beside(&part, ending));
            }
        }
        sync_folder(to.parent());
        made
    }

    fn note_given_out(&mut self, run: &str, pack: &NewPack) -> Result<()> {
        let mut items = pack.items.clone();
        items.sort_unstable();
        let payload = json!({"run": run, "for": pack.reviewer, "items": items, "shared": pack.shared});
        self.write(|conn| {
            let sql =
                "SELECT EXISTS (SELECT 1 FROM event WHERE prompt_id IS NULL AND kind = ?1 AND payload = ?2)";
            let known: bool = conn.query_row(sql, [GIVEN_OUT, &payload.to_string()], |r| r.get(0))?;
            if !known {
                log_event(conn, None, GIVEN_OUT, &payload, &Cause::default())?;
            }
            Ok(())
        })
    }

    fn columns_of(&self, run: &str) -> Result<Vec<(String, bool, Option<Digest>, String)>> {
        let sql = "SELECT name, own, version, json FROM run_criterion WHERE run_id = ?1 ORDER BY ord";
        let mut stmt = self.conn.prepare_cached(sql)?;
        let rows = stmt.query_map([run], |r| {
            let version: Option<Vec<u8>> = r.get(2)?;
            Ok((r.get(0)?, r.get(1)?, version.and_then(|v| Digest::from_bytes(&v)), r.get(3)?))
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    fn texts_for(&self, run: &RunInfo, items: &[u32]) -> Result<Vec<ItemTexts>> {
        let columns = u32::try_from(run.criteria.len()).unwrap_or(u32::MAX);
        let mut texts = Vec::with_capacity(items.len());
        for item in items {
            let FullItem { item: run_item, subject, response } = self.full_item(&run.id, *item)?;
            let (Some(subject), Some(Ok(response))) = (subject, response) else {
                let why = format!("item {item} of run {} has no response to be read", run.id);
                return Err(StoreError::Invalid(why));
            };
            let question = |column| {
                let about = judged(&self.conn, &run.id, *item, column)?;
                Ok(Digest::from_bytes(&about.version))
            };
            let from = PackedItem {
                item: *item,
                case: run_item.case_id.clone(),
                arm: run_item.arm.clone(),
                response: Digest::of(&response),
                questions: (0..columns).map(question).collect::<Result<_>>()?,
            };
            texts.push(ItemTexts { from, run_item, subject, response });
        }
        Ok(texts)
    }

    /// What a pack says of itself; nothing where this registry is none.
    ///
    /// # Errors
    /// When the registry cannot be read, or what it says does not read.
    pub fn pack_info(&self) -> Result<Option<PackInfo>> {
        let sql = "SELECT payload FROM event WHERE prompt_id IS NULL AND kind = ?1 ORDER BY id LIMIT 1";
        let Some(payload) = self.conn.query_row(sql, [PACK], |r| r.get::<_, String>(0)).optional()? else {
            return Ok(None);
        };
        let info: PackInfo = serde_json::from_str(&payload)
            .map_err(|e| StoreError::Damaged(format!("what the pack says of itself does not read: {e}")))?;
        let packed_run = self.conn.query_row("SELECT id FROM run ORDER BY seq LIMIT 1", [], |r| r.get(0))?;
        Ok(Some(PackInfo { packed_run, ..info }))
    }
}

impl PackInfo {
    /// How many items there are.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Places of the items in the run that the pack was made from.
    pub fn places(&self) -> BTreeSet<u32> {
        self.items.iter().map(|item| item.item).collect()
    }
}

/// Over what a pack holds: the same items for the same person from the same run have one id.
fn run_id(info: &PackInfo, items: &[ItemTexts]) -> String {
    let start = RowDigest::new("assize.review_pack.1").text(&info.run).text(&info.reviewer);
    let digest = items.iter().fold(start, |digest, item| {
        let digest = digest.text(&item.from.case).text(&item.from.arm).bytes(item.from.response.as_bytes());
        item.from
            .questions
            .iter()
            .fold(digest, |d, q| d.maybe(q.as_ref().map(Digest::as_bytes), RowDigest::bytes))
    });
    digest.finish().hex().chars().take(12).collect()
}

/// Writes the pack's registry.
fn write(
    path: &Path,
    run: &RunInfo,
    columns: &[(String, bool, Option<Digest>, String)],
    items: Vec<ItemTexts>,
    mut info: PackInfo,
) -> Result<PackInfo> {
    let id = run_id(&info, &items);
    // The queue of a run is a shuffle by its id: each item stands where the shuffle finds it in its turn.
    let mut placed: Vec<(usize, ItemTexts)> = order(seed(&id), items.len()).into_iter().zip(items).collect();
    placed.sort_by_key(|(at, _)| *at);
    let items: Vec<ItemTexts> = placed.into_iter().map(|(_, item)| item).collect();
    info.items = items.iter().map(|item| item.from.clone()).collect();
    let mut store = Store::open(path)?;
    store.write(|conn| {
        let set_digest = RowDigest::new("assize.review_pack.1").text(&id).finish();
        let (set_id, _) = add_set(conn, &run.spec.set, &set_digest, "items", items.len())?;
        let mut cases = HashSet::new();
        let mut planned = Vec::with_capacity(items.len());
        for (ord, ItemTexts { run_item, subject, response, .. }) in items.into_iter().enumerate() {
            if cases.insert(run_item.case_id.clone()) {
                let case = Case {
                    id: run_item.case_id.clone(),
                    vars: subject.vars.clone(),
                    reference: subject.reference.clone(),
                    tags: subject.tags.clone(),
                    cluster: subject.cluster.clone(),
                };
                add_case(conn, set_id, ord, &case)?;
            }
            let arm = Arm { name: run_item.arm.clone(), prompt: None, model: None };
            let response = NewResponse {
                set_id,
                case_id: run_item.case_id.clone(),
                arm: arm.clone(),
                repeat: run_item.repeat,
                subject,
                text: Ok(response),
                detail: json!({}),
            };
            add_response(conn, ord as i64, &response)?;
            planned.push((RunItem { ord: ord as u32, set_id, ..run_item }, arm));
        }
        let spec = people_alone(&run.spec, set_digest);
        let row = RunRow {
            spec: &spec,
            criteria: columns,
            items: &planned,
            imported: false,
            fingerprint: None,
            // No judge was asked, and none will be.
            state: RunState::Partial,
        };
        insert_run_as(conn, id.clone(), &row)?;
        let payload: Value = serde_json::from_str(&to_json(&info)?).unwrap_or_default();
        log_event(conn, None, PACK, &payload, &Cause::default())?;
        Ok(())
    })?;
    // In the file itself, not in a log beside it; and with pages as small as its texts.
    let cannot = |e: rusqlite::Error| cannot_open(path, &e);
    store
        .conn
        .pragma_update_and_check(None, "journal_mode", "DELETE", |_| Ok(()))
        .and_then(|()| store.conn.pragma_update(None, "page_size", 1024))
        .and_then(|()| store.conn.execute_batch("VACUUM"))
        .map_err(cannot)?;
    info.packed_run = id;
    Ok(info)
}

/// A plan of which only what people are asked is left.
fn people_alone(spec: &RunSpec, set_digest: Digest) -> RunSpec {
    RunSpec {
        set: spec.set.clone(),
        set_digest,
        rubric: spec.rubric.clone(),
        criteria: spec.criteria.clone(),
        own_criterion: spec.own_criterion,
        judge: "people".to_owned(),
        judge_config: Value::Null,
        model: None,
        model_config: None,
        repeats: 1,
        max_cost_usd: None,
        max_calls: None,
        until: None,
        includes: Default::default(),
        max_tokens: None,
        checks: Vec::new(),
        generations: 1,
        batch: false,
    }
}
