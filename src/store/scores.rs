//! Scores pooled over runs, for compare, gate, history and trends.

use super::lookup::{digest_at, prompt_id};
use super::rows::{PoolQuery, PooledVerdict, RevisionScore};
use super::{Result, Store};
use crate::core::digest::Digest;
use crate::core::evidence;
use crate::core::prompt::PromptName;
use crate::core::verdict::State;
use rusqlite::params;
use std::collections::BTreeMap;

/// What judging one revision took, or one run: averages over requests that were really sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Effort {
    /// The revision; 0 for a run.
    pub seq: u32,
    /// The run's id, or the fingerprint in hex where it is of a revision.
    pub of: String,
    /// Verdicts, repeats and failures included.
    pub verdicts: u64,
    /// Those without a score.
    pub failed: u64,
    /// Mean milliseconds of a request; `None` where nothing was timed (recorded, imported, cached).
    pub latency_ms: Option<f64>,
    /// USD of all verdicts together; `None` where no price is known.
    pub cost_usd: Option<f64>,
}

impl Store {
    /// What judging took, by revision and fingerprint of one prompt, oldest revision first; or without a prompt by run.
    ///
    /// # Errors
    /// When there is no such prompt.
    pub fn effort(&self, name: Option<&PromptName>) -> Result<Vec<Effort>> {
        let figures = "count(*), count(*) - count(v.score), avg(CASE WHEN v.cached = 0 AND v.latency_ms > 0 \
             THEN v.latency_ms END), sum(v.cost_usd)";
        let sql = match name {
            Some(_) => format!(
                "SELECT a.seq, lower(hex(v.fingerprint)), {figures} FROM arm a JOIN run_item i ON i.arm_id = a.id \
                 JOIN verdict v ON v.run_id = i.run_id AND v.item = i.ord WHERE a.prompt_id = ?1 GROUP BY 1, 2 ORDER BY 1"
            ),
            None => format!("SELECT 0, v.run_id, {figures} FROM verdict v WHERE ?1 IS NULL GROUP BY 2"),
        };
        let prompt = name.map(|name| prompt_id(&self.conn, name)).transpose()?;
        let mut stmt = self.conn.prepare_cached(&sql)?;
        let count = |n: i64| u64::try_from(n).unwrap_or_default();
        let rows = stmt.query_map([prompt], |r| {
            Ok(Effort {
                seq: r.get(0)?,
                of: r.get(1)?,
                verdicts: count(r.get(2)?),
                failed: count(r.get(3)?),
                latency_ms: r.get(4)?,
                cost_usd: r.get(5)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The newest verdict of each key in each run that fits.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub fn pooled(&self, query: &PoolQuery) -> Result<Vec<PooledVerdict>> {
        let runs: Vec<(String, String)> = self
            .conn
            .prepare_cached(
                "SELECT id, judge FROM run WHERE (?1 IS NULL OR id LIKE ?1 || '%') AND (?2 IS NULL OR judge = ?2 \
                 OR (?2 = 'recorded' AND judge LIKE 'recorded:%')) \
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
             v.fingerprint, v.model_returned, v.state, v.score, i.cluster, i.tags, i.repeat, v.flags FROM verdict v \
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
                dictated: speaks_of_dictating(r.get_ref(16)?.as_str().unwrap_or_default()),
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

    /// Scores of a prompt's revisions, oldest first: per revision, criterion, its version, and fingerprint. A key that several
    /// runs asked counts once: a scored verdict before a failed one, then the newest run's, as in a comparison.
    ///
    /// # Errors
    /// When there is no such prompt.
    pub fn revision_scores(&self, name: &PromptName) -> Result<Vec<RevisionScore>> {
        let prompt = prompt_id(&self.conn, name)?;
        let mut stmt = self.conn.prepare_cached(
            "SELECT a.seq, c.name, v.fingerprint, r.imported OR r.judge = 'recorded' OR r.judge LIKE 'recorded:%', i.case_id, v.score, c.version, \
             i.cluster, a.id, i.repeat, v.repeat, r.seq \
             FROM arm a JOIN run_item i ON i.arm_id = a.id JOIN run r ON r.id = i.run_id \
             JOIN verdict v ON v.run_id = i.run_id AND v.item = i.ord \
             JOIN run_criterion c ON c.run_id = v.run_id AND c.ord = v.criterion \
             WHERE a.prompt_id = ?1 AND v.seq = (SELECT max(w.seq) FROM verdict w WHERE w.run_id = v.run_id \
                 AND w.item = v.item AND w.criterion = v.criterion AND w.repeat = v.repeat)",
        )?;
        type Key = (u32, String, Digest, Digest, bool);
        /// Case, arm, generation and pass.
        type Place = (String, i64, u32, u32);
        #[derive(Default)]
        struct Group {
            /// The score and the run it is of.
            verdicts: BTreeMap<Place, (Option<u8>, i64)>,
            clusters: BTreeMap<String, String>,
        }
        let mut groups: BTreeMap<Key, Group> = BTreeMap::new();
        let mut rows = stmt.query([prompt])?;
        while let Some(r) = rows.next()? {
            let name: String = r.get(1)?;
            let version = r.get::<_, Option<Vec<u8>>>(6)?.and_then(|v| Digest::from_bytes(&v));
            let version = version.unwrap_or_else(|| Digest::of(&name));
            let group = groups.entry((r.get(0)?, name, version, digest_at(r, 2)?, r.get(3)?)).or_default();
            let (case, score, run): (String, Option<u8>, i64) = (r.get(4)?, r.get(5)?, r.get(11)?);
            if let Some(cluster) = r.get(7)? {
                group.clusters.insert(case.clone(), cluster);
            }
            let kept = group.verdicts.entry((case, r.get(8)?, r.get(9)?, r.get(10)?)).or_insert((score, run));
            if (score.is_some(), run) > (kept.0.is_some(), kept.1) {
                *kept = (score, run);
            }
        }
        Ok(groups
            .into_iter()
            .map(|((seq, criterion, criterion_version, fingerprint, recorded), group)| {
                let mut cases: BTreeMap<String, (f64, u32)> = BTreeMap::new();
                let mut failed = 0;
                for ((case, ..), (score, _)) in group.verdicts {
                    match score {
                        Some(score) => {
                            let case = cases.entry(case).or_insert((0.0, 0));
                            *case = (case.0 + f64::from(score), case.1 + 1);
                        }
                        None => failed += 1,
                    }
                }
                RevisionScore {
                    seq,
                    criterion,
                    criterion_version,
                    fingerprint,
                    recorded,
                    cases: cases.into_iter().map(|(id, (sum, n))| (id, sum / f64::from(n))).collect(),
                    clusters: group.clusters,
                    people: BTreeMap::new(),
                    failed,
                }
            })
            .collect())
    }
}

/// Whether a verdict's flags say that a response tried to dictate it.
fn speaks_of_dictating(flags: &str) -> bool {
    // Nearly all have none.
    flags != "[]"
        && serde_json::from_str(flags).is_ok_and(|all: Vec<String>| {
            all.iter()
                .any(|f| [evidence::INJECTION_SUSPECTED, evidence::INJECTION_PATTERN].contains(&f.as_str()))
        })
}
