//! Scores pooled over runs, for compare, gate, history and trends.

use super::prompts::{digest_at, prompt_id};
use super::rows::{PoolQuery, PooledVerdict, RevisionScore};
use super::{Result, Store};
use crate::core::digest::Digest;
use crate::core::prompt::PromptName;
use crate::core::verdict::State;
use rusqlite::params;
use std::collections::BTreeMap;

impl Store {
    /// The newest verdict of each key in each run that fits.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub fn pooled(&self, query: &PoolQuery) -> Result<Vec<PooledVerdict>> {
        let runs: Vec<(String, String)> = self
            .conn
            .prepare_cached(
                "SELECT id, judge FROM run WHERE (?1 IS NULL OR id LIKE ?1 || '%') AND (?2 IS NULL OR judge = ?2) \
                 AND (?3 IS NULL OR spec ->> 'rubric' = ?3) ORDER BY seq",
            )?
            .query_map(params![query.run, query.judge, query.rubric], |r| Ok((r.get(0)?, r.get(1)?)))?
            .collect::<Result<_, _>>()?;
        let mut pooled = Vec::new();
        for (run, judge) in runs {
            self.pool_run(&run, &judge, query, &mut pooled)?;
        }
        Ok(pooled)
    }

    /// Walks one run along the index of its keys: the last row of a key is its newest verdict.
    fn pool_run(
        &self,
        run: &str,
        judge: &str,
        query: &PoolQuery,
        pooled: &mut Vec<PooledVerdict>,
    ) -> Result<()> {
        let mut stmt = self.conn.prepare_cached(
            "SELECT v.item, v.criterion, v.repeat, s.digest, s.name, i.case_id, a.name, c.name, v.criterion_version, \
             v.fingerprint, v.model_returned, v.state, v.score, i.cluster, i.tags, i.repeat FROM verdict v \
             JOIN run_item i ON i.run_id = v.run_id AND i.ord = v.item JOIN arm a ON a.id = i.arm_id \
             JOIN case_set s ON s.id = i.set_id \
             JOIN run_criterion c ON c.run_id = v.run_id AND c.ord = v.criterion \
             WHERE v.run_id = ?1 AND (?2 IS NULL OR s.name = ?2) ORDER BY v.item, v.criterion, v.repeat, v.seq",
        )?;
        let mut rows = stmt.query(params![run, query.set])?;
        let mut last: Option<(u32, u32, u32)> = None;
        while let Some(r) = rows.next()? {
            let arm: String = r.get(6)?;
            if !query.arms.is_empty() && !query.arms.contains(&arm) {
                continue;
            }
            let key = (r.get(0)?, r.get(1)?, r.get(2)?);
            if last.replace(key) == Some(key) {
                pooled.pop();
            }
            let tags = r.get_ref(14)?.as_bytes().unwrap_or_default();
            pooled.push(PooledVerdict {
                run: run.to_owned(),
                set_digest: digest_at(r, 3)?,
                set: r.get(4)?,
                case_id: r.get(5)?,
                arm,
                criterion: r.get(7)?,
                criterion_version: digest_at(r, 8)?,
                judge: judge.to_owned(),
                fingerprint: digest_at(r, 9)?,
                model_returned: r.get(10)?,
                generation: r.get(15)?,
                repeat: key.2,
                state: r
                    .get_ref(11)?
                    .as_str()
                    .ok()
                    .and_then(|s| s.parse().ok())
                    .unwrap_or(State::Unparseable),
                score: r.get(12)?,
                cluster: r.get(13)?,
                tags: if tags == b"[]" {
                    Vec::new()
                } else {
                    serde_json::from_slice(tags).unwrap_or_default()
                },
            });
        }
        Ok(())
    }

    /// Scores of a prompt's revisions, oldest first: per revision, criterion, its version, and fingerprint.
    ///
    /// # Errors
    /// When there is no such prompt.
    pub fn revision_scores(&self, name: &PromptName) -> Result<Vec<RevisionScore>> {
        let prompt = prompt_id(&self.conn, name)?;
        let mut stmt = self.conn.prepare_cached(
            "SELECT a.seq, c.name, v.fingerprint, r.imported OR r.judge = 'recorded', i.case_id, v.score, c.version \
             FROM arm a JOIN run_item i ON i.arm_id = a.id JOIN run r ON r.id = i.run_id \
             JOIN verdict v ON v.run_id = i.run_id AND v.item = i.ord \
             JOIN run_criterion c ON c.run_id = v.run_id AND c.ord = v.criterion \
             WHERE a.prompt_id = ?1 AND v.seq = (SELECT max(w.seq) FROM verdict w WHERE w.run_id = v.run_id \
                 AND w.item = v.item AND w.criterion = v.criterion AND w.repeat = v.repeat)",
        )?;
        type Key = (u32, String, Digest, Digest, bool);
        let mut groups: BTreeMap<Key, (BTreeMap<String, (f64, u32)>, u32)> = BTreeMap::new();
        let mut rows = stmt.query([prompt])?;
        while let Some(r) = rows.next()? {
            let name: String = r.get(1)?;
            let version = r.get::<_, Option<Vec<u8>>>(6)?.and_then(|v| Digest::from_bytes(&v));
            let version = version.unwrap_or_else(|| Digest::of(&name));
            let group = groups.entry((r.get(0)?, name, version, digest_at(r, 2)?, r.get(3)?)).or_default();
            match r.get::<_, Option<u8>>(5)? {
                Some(score) => {
                    let case = group.0.entry(r.get(4)?).or_insert((0.0, 0));
                    *case = (case.0 + f64::from(score), case.1 + 1);
                }
                None => group.1 += 1,
            }
        }
        Ok(groups
            .into_iter()
            .map(|((seq, criterion, criterion_version, fingerprint, recorded), (cases, failed))| {
                RevisionScore {
                    seq,
                    criterion,
                    criterion_version,
                    fingerprint,
                    recorded,
                    cases: cases.into_iter().map(|(id, (sum, n))| (id, sum / f64::from(n))).collect(),
                    failed,
                }
            })
            .collect())
    }
}
