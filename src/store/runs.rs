//! Runs and verdicts: the plan is stored first, then each verdict as the next link of the run's chain.
//!
//! ```text
//! create_run -> lease -> set_fingerprint -> save_verdict ... (each with its group's commit) -> finish_run
//!                 ^                                  | killed: the heartbeat grows old
//!                 +---------- resume ----------------+
//! ```

use super::body::text_at;
use super::case_rows::{StoredResponse, response_of};
use super::columns::to_json;
pub use super::columns::{OWN, column_of};
use super::judges::RETIRED_AT;
use super::lease::{Sight, seconds};
use super::rows::*;
use super::run_rows::{
    RunRow, insert_run, list_of, no_run, read_item, read_run, state_name, still_mine, with_usage,
};
use super::time::now;
use super::{Result, Store, StoreError, claims};
use crate::core::digest::Digest;
use crate::core::rubric::{Criterion, Scale};
use crate::core::verdict::VerdictState;
use rusqlite::{OptionalExtension, params};
use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::lookup::digest_at;

impl RunInfo {
    /// Whether its verdicts were reached elsewhere: imported with items, or replayed from such ones.
    pub fn is_recorded(&self) -> bool {
        self.imported || self.spec.judge_config.get("recorded").is_some_and(|r| r == true)
    }

    /// The scale on which a column is answered; questions that items bring are answered by scores.
    pub fn scale(&self, column: u32) -> Scale {
        let asked = self.spec.criteria.get(column as usize).filter(|_| !self.spec.own_criterion);
        asked.map(|criterion| criterion.scale.clone()).unwrap_or_default()
    }
}

impl Store {
    /// Versions of criteria that some run asked and that are answered by labels, with their scales.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub fn scales(&self) -> Result<HashMap<Digest, Scale>> {
        let sql = "SELECT DISTINCT version, json FROM run_criterion WHERE json LIKE '%\"scale\"%'";
        let mut stmt = self.conn.prepare_cached(sql)?;
        let mut rows = stmt.query([])?;
        let mut found = HashMap::new();
        while let Some(row) = rows.next()? {
            let criterion = serde_json::from_str::<Criterion>(row.get_ref(1)?.as_str().unwrap_or_default());
            // A question may hold the word; a row that cannot be read is for `fsck` to tell.
            if let Some(criterion) = criterion.ok().filter(|c| c.scale.has_labels()) {
                found.insert(digest_at(row, 0)?, criterion.scale);
            }
        }
        Ok(found)
    }

    /// Stores a plan; the run starts as `partial`, without a writer. Its id is random (12 hex digits).
    ///
    /// # Errors
    /// When the registry cannot be written.
    pub fn create_run(&mut self, run: &NewRun) -> Result<String> {
        let criteria: Vec<(String, bool, Option<Digest>, String)> = if run.spec.own_criterion {
            vec![(OWN.to_owned(), true, None, "{}".to_owned())]
        } else {
            let text = |c: &Criterion| Ok((c.name.clone(), false, Some(c.version()), to_json(c)?));
            run.spec.criteria.iter().map(text).collect::<Result<_>>()?
        };
        self.write(|conn| {
            insert_run(
                conn,
                &RunRow {
                    spec: &run.spec,
                    criteria: &criteria,
                    items: &run.items,
                    imported: false,
                    fingerprint: None,
                    state: RunState::Partial,
                },
            )
        })
    }

    /// Takes the lease: refused while another writer's heartbeat is fresh. The state becomes `running`.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] names the holder; [`StoreError::Unsure`] asks to try again, for up to a quarter of a minute,
    /// until it shows whether a holder that cannot be seen from here is there.
    pub fn lease(&mut self, run: &str, holder: &str) -> Result<()> {
        let mut watch = std::mem::take(&mut self.watch);
        let done = self.write(|conn| {
            let (present, beat): (Option<String>, Option<i64>) = conn
                .query_row("SELECT holder, heartbeat FROM run_state WHERE run_id = ?1", [run], |r| {
                    Ok((r.get(0)?, r.get(1)?))
                })
                .optional()?
                .ok_or_else(|| no_run(run))?;
            if let Some(other) = present.filter(|p| p != holder) {
                match watch.sees(&other, beat) {
                    Sight::Gone => claims::leave(conn, &other)?,
                    Sight::Unsure => return Err(StoreError::Unsure { run: run.to_owned(), holder: other }),
                    Sight::Alive => {
                        return Err(StoreError::Conflict(format!(
                            "run {run} is being written by {other}: wait for it, or end that process"
                        )));
                    }
                }
            }
            conn.execute(
                "UPDATE run_state SET state = 'running', reason = '', holder = ?2, heartbeat = ?3, finished_at = NULL WHERE run_id = ?1",
                params![run, holder, seconds()],
            )?;
            Ok(())
        });
        self.watch = watch;
        done?;
        self.leases.insert(run.to_owned(), holder.to_owned());
        Ok(())
    }

    /// Renews the lease.
    ///
    /// # Errors
    /// When another writer took it over.
    pub fn heartbeat(&mut self, run: &str, holder: &str) -> Result<()> {
        self.write(|conn| {
            let n = conn.execute(
                "UPDATE run_state SET heartbeat = ?3 WHERE run_id = ?1 AND holder = ?2",
                params![run, holder, seconds()],
            )?;
            if n == 0 {
                Err(StoreError::Conflict(format!("run {run} was taken over by another process")))
            } else {
                claims::beat(conn, holder)
            }
        })
    }

    /// Records the judge's fingerprint after discovery.
    ///
    /// # Errors
    /// When the run has another one already: its scores could not be pooled.
    pub fn set_fingerprint(&mut self, run: &str, fingerprint: &Digest) -> Result<()> {
        self.write(|conn| {
            let present: Option<Vec<u8>> = conn
                .query_row("SELECT fingerprint FROM run WHERE id = ?1", [run], |r| r.get(0))
                .optional()?
                .ok_or_else(|| no_run(run))?;
            match present {
                Some(bytes) if bytes != fingerprint.as_bytes() => Err(StoreError::Conflict(format!(
                    "the judge of run {run} has changed since it began (its fingerprint differs): start a new run"
                ))),
                Some(_) => Ok(()),
                None => {
                    conn.execute("UPDATE run SET fingerprint = ?2 WHERE id = ?1", params![run, fingerprint.as_bytes()])?;
                    Ok(())
                }
            }
        })
    }

    /// Ends the writing: state and reason; the lease is given back.
    ///
    /// # Errors
    /// When there is no such run, another process has taken it over, or the registry cannot be written.
    pub fn finish_run(&mut self, run: &str, state: RunState, reason: &str) -> Result<()> {
        let mine = self.leases.get(run).cloned();
        self.write(|conn| {
            still_mine(conn, run, mine.as_deref())?;
            let n = conn.execute(
                "UPDATE run_state SET state = ?2, reason = ?3, holder = NULL, heartbeat = NULL, finished_at = ?4 WHERE run_id = ?1",
                params![run, state_name(state), reason, now()],
            )?;
            if n == 0 {
                return Err(no_run(run));
            }
            mine.as_deref().map_or(Ok(()), |mine| claims::leave(conn, mine))
        })?;
        self.leases.remove(run);
        Ok(())
    }

    /// Adds to what the run cost.
    ///
    /// # Errors
    /// When the registry cannot be written.
    pub fn add_usage(&mut self, run: &str, more: &RunUsage) -> Result<()> {
        self.write(|conn| {
            let text: String = conn
                .prepare_cached("SELECT usage FROM run_state WHERE run_id = ?1")?
                .query_row([run], |r| r.get(0))
                .optional()?
                .ok_or_else(|| no_run(run))?;
            conn.prepare_cached("UPDATE run_state SET usage = ?2 WHERE run_id = ?1")?
                .execute(params![run, with_usage(&text, more)?])?;
            Ok(())
        })
    }

    /// Runs, newest first.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub fn runs(&self, limit: Option<usize>) -> Result<Vec<RunInfo>> {
        let ids: Vec<String> = self
            .conn
            .prepare_cached("SELECT id FROM run ORDER BY seq DESC LIMIT ?1")?
            .query_map([limit.map_or(-1, |n| n as i64)], |r| r.get(0))?
            .collect::<Result<_, _>>()?;
        ids.iter().map(|id| self.run_info(id)).collect()
    }

    /// One run by its id or an unambiguous prefix of it (4 or more digits).
    ///
    /// # Errors
    /// When none or several fit.
    pub fn run(&self, id: &str) -> Result<RunInfo> {
        let like = format!("{}%", id.replace(['%', '_'], "!"));
        let found: Vec<String> = self
            .conn
            .prepare_cached("SELECT id FROM run WHERE id LIKE ?1 ORDER BY seq DESC")?
            .query_map([like], |r| r.get(0))?
            .collect::<Result<_, _>>()?;
        match found.as_slice() {
            [one] if id.len() >= 4 => self.run_info(one),
            [] | [_] => Err(no_run(id)),
            several => {
                Err(StoreError::Invalid(format!("several runs start with '{id}': {}", several.join(", "))))
            }
        }
    }

    pub(super) fn run_info(&self, id: &str) -> Result<RunInfo> {
        let sql = format!(
            "SELECT r.created_at, r.spec, r.fingerprint, r.imported, r.items, r.planned, s.state, s.reason, s.holder, \
             s.heartbeat, s.usage, s.finished_at, s.counts, r.arms, {RETIRED_AT} \
             FROM run r JOIN run_state s ON s.run_id = r.id WHERE r.id = ?1"
        );
        let row = self.conn.prepare_cached(&sql)?.query_row([id], |r| Ok(read_run(id, r))).optional()?;
        let criteria = self.column("SELECT name FROM run_criterion WHERE run_id = ?1 ORDER BY ord", id)?;
        row.ok_or_else(|| no_run(id))?.map(|info| RunInfo { criteria, ..info })
    }

    pub(super) fn column(&self, sql: &str, id: &str) -> Result<Vec<String>> {
        Ok(self.conn.prepare_cached(sql)?.query_map([id], |r| r.get(0))?.collect::<Result<_, _>>()?)
    }

    pub(super) fn kept_counts(&self, id: &str) -> Result<BTreeMap<VerdictState, u32>> {
        let text: String = self
            .conn
            .prepare_cached("SELECT counts FROM run_state WHERE run_id = ?1")?
            .query_row([id], |r| r.get(0))?;
        Ok(serde_json::from_str(&text).unwrap_or_default())
    }

    /// The items of a run, without texts.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub fn run_items(&self, run: &str) -> Result<Vec<RunItem>> {
        let mut stmt = self.conn.prepare_cached(
            "SELECT ord, case_id, arm_id, set_id, repeat, cluster, tags FROM run_item WHERE run_id = ?1 ORDER BY ord",
        )?;
        // Few arms have many items: each name is looked up once.
        let mut name = self.conn.prepare_cached("SELECT name FROM arm WHERE id = ?1")?;
        let mut arms: HashMap<i64, Option<String>> = HashMap::new();
        let mut rows = stmt.query([run])?;
        let mut items = Vec::new();
        while let Some(r) = rows.next()? {
            let id: i64 = r.get(2)?;
            let arm = match arms.get(&id) {
                Some(known) => known.clone(),
                None => {
                    let found: Option<String> = name.query_row([id], |r| r.get(0)).optional()?;
                    arms.insert(id, found.clone());
                    found
                }
            };
            let Some(arm) = arm else { continue };
            items.push(RunItem {
                ord: r.get(0)?,
                case_id: r.get(1)?,
                arm,
                set_id: r.get(3)?,
                repeat: r.get(4)?,
                cluster: r.get(5)?,
                tags: list_of(r.get_ref(6)?.as_str().unwrap_or_default()),
            });
        }
        Ok(items)
    }

    /// The arms of a run's items, in their order.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub fn run_arms(&self, run: &str) -> Result<Vec<Arm>> {
        let names = self.run_info(run)?.arms;
        let mut arms = self.arms()?;
        arms.retain(|a| names.contains(&a.name));
        arms.sort_by_key(|a| names.iter().position(|n| *n == a.name));
        Ok(arms)
    }

    /// One item with its texts.
    ///
    /// # Errors
    /// When there is no such item, or a body is missing.
    pub fn full_item(&self, run: &str, item: u32) -> Result<FullItem> {
        let (item, arm): (RunItem, i64) = self
            .conn
            .prepare_cached(
                "SELECT i.ord, i.case_id, a.name, i.set_id, i.repeat, i.cluster, i.tags, a.id FROM run_item i \
                 JOIN arm a ON a.id = i.arm_id WHERE i.run_id = ?1 AND i.ord = ?2",
            )?
            .query_row(params![run, item], |r| Ok((read_item(r)?, r.get(7)?)))
            .optional()?
            .ok_or_else(|| StoreError::NotFound(format!("run {run} has no item {item}")))?;
        let stored: Option<StoredResponse> =
            response_of(&self.conn, item.set_id, arm, &item.case_id, item.repeat)?;
        let (subject, response) = match stored {
            None => (None, None),
            Some((subject, Ok(text))) => (Some(self.json(&subject)?), Some(Ok(self.text(&text)?))),
            Some((subject, Err(failed))) => (Some(self.json(&subject)?), Some(Err(failed))),
        };
        Ok(FullItem { item, subject, response })
    }

    /// Characters of the responses that a run shows at these places; nothing for those without a text.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub fn response_lengths(&self, run: &str, items: &BTreeSet<u32>) -> Result<HashMap<u32, u64>> {
        let mut stmt = self.conn.prepare_cached(
            "SELECT b.bytes, b.unpacked FROM run_item i JOIN response r ON r.id = (SELECT max(n.id) FROM \
             response n WHERE n.set_id = i.set_id AND n.arm_id = i.arm_id AND n.case_id = i.case_id AND \
             n.repeat = i.repeat) JOIN body b ON b.digest = r.text WHERE i.run_id = ?1 AND i.ord = ?2",
        )?;
        let mut lengths = HashMap::with_capacity(items.len());
        for item in items {
            let mut rows = stmt.query(params![run, item])?;
            if let Some(row) = rows.next()? {
                let text = text_at(row, 0)?;
                lengths.insert(*item, String::from_utf8_lossy(&text).chars().count() as u64);
            }
        }
        Ok(lengths)
    }

    /// What an endpoint was found to accept (JSON), if known.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub fn capability(&self, base_url: &str, model: &str) -> Result<Option<String>> {
        Ok(self
            .conn
            .query_row(
                "SELECT json FROM capability WHERE base_url = ?1 AND model = ?2",
                [base_url, model],
                |r| r.get(0),
            )
            .optional()?)
    }

    /// Remembers what an endpoint accepts.
    ///
    /// # Errors
    /// When the registry cannot be written.
    pub fn set_capability(&mut self, base_url: &str, model: &str, text: &str) -> Result<()> {
        self.write(|conn| {
            conn.execute(
                "INSERT INTO capability (base_url, model, json, at) VALUES (?1,?2,?3,?4) \
                 ON CONFLICT (base_url, model) DO UPDATE SET json = ?3, at = ?4",
                params![base_url, model, text, now()],
            )?;
            Ok(())
        })
    }
}
