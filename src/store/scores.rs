//! Scores pooled over runs, for compare, gate, history and trends.

use super::judged::VerdictSums;
use super::lookup::{digest_at, prompt_id};
use super::rows::{PoolQuery, PooledVerdict, RevisionScore, RunUsage};
use super::{Result, Store};
use crate::core::digest::Digest;
use crate::core::evidence;
use crate::core::prompt::PromptName;
use crate::core::rubric::Scale;
use crate::core::verdict::VerdictState;
use rusqlite::{Row, params};
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

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
    /// What judging took, by revision and fingerprint of one prompt, oldest revision first; or without a prompt by run. A run's own
    /// account has it; only where that is of an earlier build, or several revisions share the run, its rows are read.
    ///
    /// # Errors
    /// When there is no such prompt.
    pub fn effort(&self, name: Option<&PromptName>) -> Result<Vec<Effort>> {
        let arms = name.map(|name| self.arms_of(name)).transpose()?;
        let mut sums: BTreeMap<(u32, String), VerdictSums> = BTreeMap::new();
        let mut stmt = self.conn.prepare_cached(
            "SELECT r.id, r.arms, lower(hex(coalesce(r.fingerprint, \
             (SELECT v.fingerprint FROM verdict v WHERE v.run_id = r.id LIMIT 1)))), s.verdicts, s.usage FROM run r JOIN run_state s ON s.run_id = r.id \
             WHERE s.verdicts > 0 ORDER BY r.seq",
        )?;
        let mut rows = stmt.query([])?;
        while let Some(r) = rows.next()? {
            let held: Vec<String> =
                serde_json::from_str(r.get_ref(1)?.as_str().unwrap_or_default()).unwrap_or_default();
            let seq_of = |arm: &String| arms.as_ref().map_or(Some(0), |arms| arms.get(arm).map(|a| a.1));
            if !held.iter().any(|arm| seq_of(arm).is_some()) {
                continue;
            }
            let (run, print): (String, String) = (r.get(0)?, r.get(2)?);
            let usage: RunUsage =
                serde_json::from_str(r.get_ref(4)?.as_str().unwrap_or_default()).unwrap_or_default();
            let whole = usage.judged.verdicts == count(r, 3)?;
            let parts: Vec<(u32, VerdictSums)> = match (&arms, held.as_slice()) {
                (None, _) if whole => vec![(0, usage.judged)],
                (Some(_), [one]) if whole => vec![(seq_of(one).unwrap_or_default(), usage.judged)],
                (Some(arms), _) => {
                    let of = |(arm, sum): (i64, VerdictSums)| {
                        Some((arms.values().find(|(id, _)| *id == arm)?.1, sum))
                    };
                    self.effort_of(&run)?.into_iter().filter_map(of).collect()
                }
                (None, _) => self.effort_of(&run)?.into_iter().map(|(_, sum)| (0, sum)).collect(),
            };
            for (seq, part) in parts {
                let of = if name.is_some() { print.clone() } else { run.clone() };
                let sum = sums.entry((seq, of)).or_default();
                *sum = sum.plus(&part);
            }
        }
        let told = |((seq, of), sum): ((u32, String), VerdictSums)| Effort {
            seq,
            of,
            verdicts: sum.verdicts,
            failed: sum.failed,
            latency_ms: (sum.timed > 0).then(|| sum.timed_ms as f64 / sum.timed as f64),
            cost_usd: sum.cost_usd,
        };
        Ok(sums.into_iter().map(told).collect())
    }

    /// The same from a run's rows, by arm.
    fn effort_of(&self, run: &str) -> Result<Vec<(i64, VerdictSums)>> {
        let mut stmt = self.conn.prepare_cached(
            "SELECT i.arm_id, count(*), count(*) - count(v.score), count(CASE WHEN v.cached = 0 AND v.latency_ms > 0 THEN 1 END), \
             coalesce(sum(CASE WHEN v.cached = 0 THEN v.latency_ms END), 0), sum(v.cost_usd) FROM verdict v \
             JOIN run_item i ON i.run_id = v.run_id AND i.ord = v.item WHERE v.run_id = ?1 GROUP BY 1",
        )?;
        let rows = stmt.query_map([run], |r| {
            let sum = VerdictSums {
                verdicts: count(r, 1)?,
                failed: count(r, 2)?,
                timed: count(r, 3)?,
                timed_ms: count(r, 4)?,
                cost_usd: r.get(5)?,
            };
            Ok((r.get(0)?, sum))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The arms of a prompt by name: row and revision.
    fn arms_of(&self, name: &PromptName) -> Result<HashMap<String, (i64, u32)>> {
        let prompt = prompt_id(&self.conn, name)?;
        let mut stmt = self
            .conn
            .prepare_cached("SELECT name, id, seq FROM arm WHERE prompt_id = ?1 AND seq IS NOT NULL")?;
        let rows = stmt.query_map([prompt], |r| Ok((r.get(0)?, (r.get(1)?, r.get(2)?))))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Arms of which a run that fits holds verdicts; read from the runs' own rows alone.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub fn judged_arms(&self, query: &PoolQuery) -> Result<BTreeSet<String>> {
        Ok(self.pool(query)?.into_iter().flat_map(|run| run.arms).collect())
    }

    /// The runs that fit, oldest first.
    fn pool(&self, query: &PoolQuery) -> Result<Vec<PoolRun>> {
        let mut stmt = self.conn.prepare_cached(
            "SELECT r.id, r.judge, r.arms FROM run r JOIN run_state s ON s.run_id = r.id WHERE s.verdicts > 0 \
             AND (?1 IS NULL OR r.id LIKE ?1 || '%') AND (?2 IS NULL OR r.judge = ?2 \
             OR (?2 = 'recorded' AND r.judge LIKE 'recorded:%')) AND (?3 IS NULL OR r.spec ->> 'rubric' = ?3) \
             AND (?4 IS NULL OR r.spec ->> 'set' = ?4) ORDER BY r.seq",
        )?;
        let mut rows = stmt.query(params![query.run, query.judge, query.rubric, query.set])?;
        let mut runs = Vec::new();
        while let Some(r) = rows.next()? {
            let arms: Vec<String> =
                serde_json::from_str(r.get_ref(2)?.as_str().unwrap_or_default()).unwrap_or_default();
            if query.arms.is_empty() || arms.iter().any(|arm| query.arms.contains(arm)) {
                runs.push(PoolRun { id: r.get(0)?, judge: r.get(1)?, arms });
            }
        }
        Ok(runs)
    }

    /// The newest verdict of each key in each run that fits.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub fn pooled(&self, query: &PoolQuery) -> Result<Vec<PooledVerdict>> {
        let (mut pooled, mut shared) = (Vec::new(), Shared::default());
        for run in self.pool(query)? {
            self.pool_run(&run, &mut shared, &mut pooled)?;
        }
        Ok(pooled)
    }

    /// One run: its plan, then its verdicts in the order of their keys; the last row of a key is its newest verdict.
    fn pool_run(&self, run: &PoolRun, shared: &mut Shared, pooled: &mut Vec<PooledVerdict>) -> Result<()> {
        let (id, judge) = (shared.text(&run.id), shared.text(&run.judge));
        let mut sets: HashMap<i64, (Arc<str>, Digest)> = HashMap::new();
        let mut items: Vec<PoolItem> = Vec::new();
        for item in self.run_items(&run.id)? {
            let (set, set_digest) = match sets.entry(item.set_id) {
                Entry::Occupied(known) => known.get().clone(),
                Entry::Vacant(free) => {
                    let mut stmt =
                        self.conn.prepare_cached("SELECT name, digest FROM case_set WHERE id = ?1")?;
                    let (name, digest): (String, Digest) =
                        stmt.query_row([item.set_id], |r| Ok((r.get(0)?, digest_at(r, 1)?)))?;
                    free.insert((shared.text(&name), digest)).clone()
                }
            };
            items.push(PoolItem {
                set,
                set_digest,
                case_id: shared.text(&item.case_id),
                arm: shared.text(&item.arm),
                generation: item.repeat,
                cluster: item.cluster.map(|c| shared.text(&c)),
                tags: if item.tags.is_empty() { Arc::clone(&shared.untagged) } else { item.tags.into() },
            });
        }
        let columns: Vec<Arc<str>> =
            self.run_info(&run.id)?.criteria.iter().map(|name| shared.text(name)).collect();
        let from = pooled.len();
        let mut last: Option<(u32, u32, u32)> = None;
        for v in self.newest_by_key(&run.id, shared)? {
            let (Some(item), Some(criterion)) = (items.get(v.key.0 as usize), columns.get(v.key.1 as usize))
            else {
                continue;
            };
            if last.replace(v.key) == Some(v.key) && pooled.len() > from {
                pooled.pop();
            }
            pooled.push(PooledVerdict {
                run: Arc::clone(&id),
                item: v.key.0,
                column: v.key.1,
                set_digest: item.set_digest,
                set: Arc::clone(&item.set),
                case_id: Arc::clone(&item.case_id),
                arm: Arc::clone(&item.arm),
                criterion: Arc::clone(criterion),
                criterion_version: v.version,
                judge: Arc::clone(&judge),
                fingerprint: v.fingerprint,
                model_returned: v.model,
                generation: item.generation,
                repeat: v.key.2,
                state: v.state,
                score: v.score,
                dictated: v.dictated,
                cluster: item.cluster.clone(),
                tags: Arc::clone(&item.tags),
            });
        }
        Ok(())
    }

    /// Verdicts of a run, by key and then in the order in which they came. They lie beside each other in the table unless runs
    /// were made at the same time, so that to walk it costs less than to look each up from an index.
    fn newest_by_key(&self, run: &str, shared: &mut Shared) -> Result<Vec<PoolRow>> {
        let ends = "SELECT min(id), max(id) FROM verdict WHERE run_id = ?1 AND seq IN \
                    (1, (SELECT max(seq) FROM verdict WHERE run_id = ?1))";
        let (first, last): (Option<i64>, Option<i64>) =
            self.conn.prepare_cached(ends)?.query_row([run], |r| Ok((r.get(0)?, r.get(1)?)))?;
        let mut stmt = self.conn.prepare_cached(
            "SELECT item, criterion, repeat, state, score, criterion_version, fingerprint, flags, model_returned, run_id \
             FROM verdict WHERE id BETWEEN ?1 AND ?2 ORDER BY id",
        )?;
        let mut rows = stmt.query([first.unwrap_or(1), last.unwrap_or(0)])?;
        let mut found: Vec<PoolRow> = Vec::new();
        while let Some(r) = rows.next()? {
            if r.get_ref(9)?.as_str() != Ok(run) {
                continue;
            }
            let state =
                r.get_ref(3)?.as_str().ok().and_then(|s| s.parse().ok()).unwrap_or(VerdictState::Unparseable);
            found.push(PoolRow {
                key: (r.get(0)?, r.get(1)?, r.get(2)?),
                state,
                score: r.get(4)?,
                version: digest_at(r, 5)?,
                fingerprint: digest_at(r, 6)?,
                dictated: speaks_of_dictating(r.get_ref(7)?.as_str().unwrap_or_default()),
                model: r.get_ref(8)?.as_str().ok().map(|model| shared.text(model)),
            });
        }
        // Stable: of one key the newest stays last.
        found.sort_by_key(|row| row.key);
        Ok(found)
    }

    /// Scores of a prompt's revisions, oldest first: per revision, criterion, its version, and fingerprint. A key that several
    /// runs asked counts once: a scored verdict before a failed one, then the newest run's, as in a comparison.
    ///
    /// # Errors
    /// When there is no such prompt.
    pub fn revision_scores(&self, name: &PromptName) -> Result<Vec<RevisionScore>> {
        let arms = self.arms_of(name)?;
        let seq_of: HashMap<i64, u32> = arms.values().copied().collect();
        let mut cases = Cases::default();
        let mut groups: BTreeMap<GroupKey, Group> = BTreeMap::new();
        let mut stmt = self.conn.prepare_cached(
            "SELECT r.id, r.arms, coalesce(r.fingerprint, (SELECT v.fingerprint FROM verdict v WHERE v.run_id = r.id LIMIT 1)) AS print, \
             r.imported OR r.judge = 'recorded' OR r.judge LIKE 'recorded:%', r.seq FROM run r WHERE print IS NOT NULL ORDER BY r.seq",
        )?;
        let mut rows = stmt.query([])?;
        let mut runs: Vec<ScoredRun> = Vec::new();
        // In how many runs a revision was judged: where it is one, no key can be there twice.
        let mut times: HashMap<u32, usize> = HashMap::new();
        while let Some(r) = rows.next()? {
            let held: Vec<String> =
                serde_json::from_str(r.get_ref(1)?.as_str().unwrap_or_default()).unwrap_or_default();
            let seqs: BTreeSet<u32> = held.iter().filter_map(|arm| Some(arms.get(arm)?.1)).collect();
            if !seqs.is_empty() {
                seqs.iter().for_each(|seq| *times.entry(*seq).or_default() += 1);
                runs.push(ScoredRun {
                    id: r.get(0)?,
                    fingerprint: digest_at(r, 2)?,
                    recorded: r.get(3)?,
                    seq: r.get(4)?,
                });
            }
        }
        for run in &runs {
            let is_shared = |seq: u32| times.get(&seq).is_some_and(|n| *n > 1);
            self.score_run(run, &seq_of, &is_shared, &mut cases, &mut groups)?;
        }
        let order = cases.in_order();
        Ok(groups.into_iter().map(|(key, group)| group.score(key, &cases, &order)).collect())
    }

    /// One run's newest verdicts of each key, along the index that holds all it takes.
    fn score_run(
        &self,
        run: &ScoredRun,
        seq_of: &HashMap<i64, u32>,
        is_shared: &dyn Fn(u32) -> bool,
        cases: &mut Cases,
        groups: &mut BTreeMap<GroupKey, Group>,
    ) -> Result<()> {
        let mut stmt = self.conn.prepare_cached(
            "SELECT case_id, arm_id, repeat, cluster FROM run_item WHERE run_id = ?1 ORDER BY ord",
        )?;
        let mut rows = stmt.query([&run.id])?;
        let mut items: Vec<Option<ScoredItem>> = Vec::new();
        // The run's revisions: a verdict finds its group by their places.
        let mut seqs: Vec<u32> = Vec::new();
        while let Some(r) = rows.next()? {
            let (arm, generation) = (r.get(1)?, r.get(2)?);
            items.push(match seq_of.get(&arm) {
                Some(seq) => {
                    let slot = seqs.iter().position(|known| known == seq).unwrap_or_else(|| {
                        seqs.push(*seq);
                        seqs.len() - 1
                    });
                    let case = cases.number(r.get_ref(0)?.as_str().unwrap_or_default());
                    let shared = is_shared(*seq);
                    Some(ScoredItem { slot, case, arm, generation, cluster: r.get(3)?, shared })
                }
                None => None,
            });
        }
        let columns: Vec<(String, Digest)> = self
            .conn
            .prepare_cached("SELECT name, version FROM run_criterion WHERE run_id = ?1 ORDER BY ord")?
            .query_map([&run.id], |r| {
                let name: String = r.get(0)?;
                let version = r.get::<_, Option<Vec<u8>>>(1)?.and_then(|v| Digest::from_bytes(&v));
                let version = version.unwrap_or_else(|| Digest::of(&name));
                Ok((name, version))
            })?
            .collect::<Result<_, _>>()?;
        let mut open: Vec<Group> = (0..seqs.len() * columns.len()).map(|_| Group::default()).collect();
        let mut stmt = self.conn.prepare_cached(
            "SELECT item, criterion, repeat, score FROM verdict WHERE run_id = ?1 ORDER BY item, criterion, repeat, seq",
        )?;
        let mut rows = stmt.query([&run.id])?;
        let mut last: Option<((u32, u32, u32), Option<u8>)> = None;
        let mut take = |key: (u32, u32, u32), score: Option<u8>| {
            let Some(item) = items.get(key.0 as usize).and_then(Option::as_ref) else { return };
            let column = key.1 as usize;
            let place = item.slot * columns.len() + column;
            let Some(group) = open.get_mut(place).filter(|_| column < columns.len()) else { return };
            group.runs = 1;
            if let Some(cluster) = &item.cluster
                && group.clusters.get(&item.case) != Some(cluster)
            {
                group.clusters.insert(item.case, cluster.clone());
            }
            if item.shared {
                let place = (item.case, item.arm, item.generation, key.2);
                group.verdicts.push(ScoredVerdict { place, run: run.seq, score });
            } else {
                group.count(item.case, score);
            }
        };
        while let Some(r) = rows.next()? {
            let key = (r.get(0)?, r.get(1)?, r.get(2)?);
            if let Some((before, score)) = last.filter(|(before, _)| *before != key) {
                take(before, score);
            }
            last = Some((key, r.get(3)?));
        }
        if let Some((key, score)) = last {
            take(key, score);
        }
        let places = seqs.iter().flat_map(|seq| columns.iter().map(move |column| (seq, column)));
        for ((seq, (name, version)), group) in places.zip(open).filter(|(_, group)| group.runs > 0) {
            groups
                .entry((*seq, name.clone(), *version, run.fingerprint, run.recorded))
                .or_default()
                .join(group);
        }
        Ok(())
    }
}

/// Revision, criterion, its version, fingerprint, and whether the verdicts were reached elsewhere.
type GroupKey = (u32, String, Digest, Digest, bool);

/// A run that holds scores of a prompt.
struct ScoredRun {
    id: String,
    fingerprint: Digest,
    recorded: bool,
    seq: i64,
}

/// One of its items.
struct ScoredItem {
    /// Its revision's place among the run's.
    slot: usize,
    case: u32,
    arm: i64,
    generation: u32,
    cluster: Option<String>,
    /// Whether other runs judged its revision, too.
    shared: bool,
}

/// Cases by number.
#[derive(Default)]
struct Cases {
    numbers: HashMap<Arc<str>, u32>,
    names: Vec<Arc<str>>,
}

impl Cases {
    fn number(&mut self, case: &str) -> u32 {
        if let Some(known) = self.numbers.get(case) {
            return *known;
        }
        let (name, next): (Arc<str>, u32) = (case.into(), self.names.len() as u32);
        self.numbers.insert(Arc::clone(&name), next);
        self.names.push(name);
        next
    }

    /// All of them, by their names.
    fn in_order(&self) -> Vec<u32> {
        let mut order: Vec<u32> = (0..self.names.len() as u32).collect();
        order.sort_by_key(|case| self.names.get(*case as usize));
        order
    }
}

/// A verdict of a group: case, arm, generation and pass; the run it is of.
#[derive(Clone, Copy)]
struct ScoredVerdict {
    place: (u32, i64, u32, u32),
    run: i64,
    score: Option<u8>,
}

/// What belongs together.
#[derive(Default)]
struct Group {
    /// Those of revisions that several runs judged: of one place one counts.
    verdicts: Vec<ScoredVerdict>,
    /// By case: the sum of the scores that count, and their number.
    sums: Vec<(u32, u32)>,
    failed: u32,
    clusters: HashMap<u32, String>,
    runs: usize,
}

impl Group {
    fn count(&mut self, case: u32, score: Option<u8>) {
        let Some(score) = score else {
            self.failed += 1;
            return;
        };
        let case = case as usize;
        if self.sums.len() <= case {
            self.sums.resize(case + 1, (0, 0));
        }
        if let Some(sum) = self.sums.get_mut(case) {
            *sum = (sum.0 + u32::from(score), sum.1 + 1);
        }
    }

    fn join(&mut self, more: Self) {
        if self.runs == 0 {
            *self = more;
            return;
        }
        // Of a revision that several runs judged nothing is counted yet.
        self.runs += more.runs;
        self.clusters.extend(more.clusters);
        self.verdicts.extend(more.verdicts);
    }

    fn score(mut self, key: GroupKey, cases: &Cases, order: &[u32]) -> RevisionScore {
        let mut verdicts = std::mem::take(&mut self.verdicts);
        if self.runs > 1 {
            // Of one place the one that counts comes first.
            verdicts.sort_by_key(|v| (v.place, std::cmp::Reverse((v.score.is_some(), v.run))));
            verdicts.dedup_by_key(|v| v.place);
        }
        for v in verdicts {
            self.count(v.place.0, v.score);
        }
        let (sums, failed) = (std::mem::take(&mut self.sums), self.failed);
        let name = |case: u32| cases.names.get(case as usize).cloned();
        let mean = |case: &u32| {
            let (sum, n) = sums.get(*case as usize).copied().filter(|(_, n)| *n > 0)?;
            Some((name(*case)?, f64::from(sum) / f64::from(n)))
        };
        let (seq, criterion, criterion_version, fingerprint, recorded) = key;
        RevisionScore {
            scale: Scale::OneToFive,
            seq,
            criterion,
            criterion_version,
            fingerprint,
            recorded,
            cases: order.iter().filter_map(mean).collect(),
            clusters: self
                .clusters
                .into_iter()
                .filter_map(|(case, cluster)| Some((name(case)?.to_string(), cluster)))
                .collect(),
            people: BTreeMap::new(),
            failed,
        }
    }
}

/// A run whose verdicts are pooled.
struct PoolRun {
    id: String,
    judge: String,
    arms: Vec<String>,
}

/// An item of such a run.
struct PoolItem {
    set: Arc<str>,
    set_digest: Digest,
    case_id: Arc<str>,
    arm: Arc<str>,
    generation: u32,
    cluster: Option<Arc<str>>,
    tags: Arc<[String]>,
}

/// A verdict as it stands in its row: item, column and pass are its key.
struct PoolRow {
    key: (u32, u32, u32),
    state: VerdictState,
    score: Option<u8>,
    version: Digest,
    fingerprint: Digest,
    dictated: bool,
    model: Option<Arc<str>>,
}

/// Each text once.
#[derive(Default)]
struct Shared {
    texts: HashSet<Arc<str>>,
    untagged: Arc<[String]>,
}

impl Shared {
    fn text(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.texts.get(text) {
            return Arc::clone(known);
        }
        let new: Arc<str> = text.into();
        self.texts.insert(Arc::clone(&new));
        new
    }
}

/// A number that is not negative.
fn count(row: &Row, at: usize) -> rusqlite::Result<u64> {
    Ok(u64::try_from(row.get::<_, i64>(at)?).unwrap_or_default())
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
