//! Scores pooled over runs, for compare, gate, history and trends.

use super::prompts::{digest_at, prompt_id};
use super::rows::{PoolQuery, PooledVerdict, RevisionScore};
use super::{Result, Store};
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
        let mut stmt = self.conn.prepare_cached(
            "SELECT v.run_id, s.digest, s.name, i.case_id, a.name, c.name, v.criterion_version, r.judge, v.fingerprint, \
             v.model_returned, v.repeat, v.state, v.score, i.cluster, i.tags, r.spec ->> 'rubric' \
             FROM verdict v JOIN run r ON r.id = v.run_id \
             JOIN run_item i ON i.run_id = v.run_id AND i.ord = v.item JOIN arm a ON a.id = i.arm_id \
             JOIN case_set s ON s.id = i.set_id \
             JOIN run_criterion c ON c.run_id = v.run_id AND c.ord = v.criterion \
             WHERE v.seq = (SELECT max(w.seq) FROM verdict w WHERE w.run_id = v.run_id AND w.item = v.item \
                            AND w.criterion = v.criterion AND w.repeat = v.repeat) \
             AND (?1 IS NULL OR v.run_id LIKE ?1 || '%') AND (?2 IS NULL OR s.name = ?2) \
             AND (?3 IS NULL OR r.judge = ?3) ORDER BY r.seq, v.item, v.criterion, v.repeat",
        )?;
        let rows = stmt.query_map(params![query.run, query.set, query.judge], |r| {
            let rubric: Option<String> = r.get(15)?;
            Ok((
                rubric,
                PooledVerdict {
                    run: r.get(0)?,
                    set_digest: digest_at(r, 1)?,
                    set: r.get(2)?,
                    case_id: r.get(3)?,
                    arm: r.get(4)?,
                    criterion: r.get(5)?,
                    criterion_version: digest_at(r, 6)?,
                    judge: r.get(7)?,
                    fingerprint: digest_at(r, 8)?,
                    model_returned: r.get(9)?,
                    repeat: r.get(10)?,
                    state: r.get::<_, String>(11)?.parse().unwrap_or(State::Unparseable),
                    score: r.get(12)?,
                    cluster: r.get(13)?,
                    tags: serde_json::from_str(&r.get::<_, String>(14)?).unwrap_or_default(),
                },
            ))
        })?;
        let mut pooled = Vec::new();
        for row in rows {
            let (rubric, verdict) = row?;
            let fits = (query.arms.is_empty() || query.arms.contains(&verdict.arm))
                && query.rubric.as_ref().is_none_or(|want| rubric.as_ref() == Some(want));
            if fits {
                pooled.push(verdict);
            }
        }
        Ok(pooled)
    }

    /// Scores of a prompt's revisions, oldest first: per revision, criterion and fingerprint.
    ///
    /// # Errors
    /// When there is no such prompt.
    pub fn revision_scores(&self, name: &PromptName) -> Result<Vec<RevisionScore>> {
        let prompt = prompt_id(&self.conn, name)?;
        let mut stmt = self.conn.prepare_cached(
            "SELECT a.seq, c.name, v.fingerprint, r.imported OR r.judge = 'recorded', i.case_id, v.score \
             FROM arm a JOIN run_item i ON i.arm_id = a.id JOIN run r ON r.id = i.run_id \
             JOIN verdict v ON v.run_id = i.run_id AND v.item = i.ord \
             JOIN run_criterion c ON c.run_id = v.run_id AND c.ord = v.criterion \
             WHERE a.prompt_id = ?1 AND v.seq = (SELECT max(w.seq) FROM verdict w WHERE w.run_id = v.run_id \
                 AND w.item = v.item AND w.criterion = v.criterion AND w.repeat = v.repeat)",
        )?;
        type Key = (u32, String, crate::core::digest::Digest, bool);
        let mut groups: BTreeMap<Key, (BTreeMap<String, (f64, u32)>, u32)> = BTreeMap::new();
        let mut rows = stmt.query([prompt])?;
        while let Some(r) = rows.next()? {
            let group = groups.entry((r.get(0)?, r.get(1)?, digest_at(r, 2)?, r.get(3)?)).or_default();
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
            .map(|((seq, criterion, fingerprint, recorded), (cases, failed))| RevisionScore {
                seq,
                criterion,
                fingerprint,
                recorded,
                cases: cases.into_iter().map(|(id, (sum, n))| (id, sum / f64::from(n))).collect(),
                failed,
            })
            .collect())
    }
}
