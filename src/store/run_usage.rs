//! What is kept about a run beside its verdicts (state, reason, account of tokens and money), held against the verdicts.
//!
//! These columns move while a run is written, so that no digest covers them. They may hold more than the verdicts tell
//! (retries cost, a run is stopped in the middle); only what no run can come to is a fault.

use super::report::RESTORE;
use super::rows::{FsckReport, RunInfo, RunUsage};
use super::{Result, Store};

/// What a run's verdicts say of themselves, each covered by its digest.
struct RecountedUsage {
    /// Planned keys that have a verdict.
    keys: u32,
    prompt: f64,
    completion: f64,
    cost: f64,
    cached: i64,
}

/// The moving columns as they are stored.
struct StoredUsage {
    state: String,
    reason: String,
    /// Whether there is a writer, its heartbeat, and a time when the writing ended.
    has: (bool, bool, bool),
}

impl Store {
    /// Names what a run's state and account cannot be, given its plan and its verdicts.
    pub(super) fn check_account(&self, run: &str, report: &mut FsckReport) -> Result<()> {
        let info = self.run_info(run)?;
        let kept = self.kept(run)?;
        let told = self.told(run)?;
        let mut fault = |what: String| report.fault(format!("run {run}"), what, RESTORE);
        for what in impossible_state(&info, &kept, &told) {
            fault(what);
        }
        // An imported run has no account: its verdicts were paid for elsewhere.
        if !info.imported {
            for what in too_little(&info.usage, &told) {
                fault(what);
            }
        }
        Ok(())
    }

    fn kept(&self, run: &str) -> Result<StoredUsage> {
        let sql = "SELECT state, reason, holder IS NOT NULL, heartbeat IS NOT NULL, finished_at IS NOT NULL \
            FROM run_state WHERE run_id = ?1";
        Ok(self.conn.prepare_cached(sql)?.query_row([run], |r| {
            Ok(StoredUsage { state: r.get(0)?, reason: r.get(1)?, has: (r.get(2)?, r.get(3)?, r.get(4)?) })
        })?)
    }

    fn told(&self, run: &str) -> Result<RecountedUsage> {
        // total() is a float: numbers that were damaged must not end the check by an overflow.
        let sql = "SELECT count(DISTINCT item || ' ' || criterion || ' ' || repeat), total(prompt_tokens), \
            total(completion_tokens), total(cost_usd), coalesce(sum(cached), 0) FROM verdict WHERE run_id = ?1";
        Ok(self.conn.prepare_cached(sql)?.query_row([run], |r| {
            Ok(RecountedUsage {
                keys: r.get(0)?,
                prompt: r.get(1)?,
                completion: r.get(2)?,
                cost: r.get(3)?,
                cached: r.get(4)?,
            })
        })?)
    }
}

fn impossible_state(info: &RunInfo, kept: &StoredUsage, told: &RecountedUsage) -> Vec<String> {
    let (writer, heartbeat, ended) = kept.has;
    let complete = kept.state == "complete";
    // A run that ends when enough is known is complete without the rest, and its reason says what is known.
    let may_end_early = info.spec.until.is_some();
    let rules = [
        (
            complete && !info.imported && !may_end_early && told.keys < info.planned,
            format!("it is said to be complete, and {} of {} verdicts are there", told.keys, info.planned),
        ),
        (
            complete && !may_end_early && !kept.reason.is_empty(),
            "it is said to be complete, and names a reason why it was not".to_owned(),
        ),
        (
            matches!(kept.state.as_str(), "partial" | "stopped") && ended && kept.reason.is_empty(),
            "it is said to have been ended early, and names no reason".to_owned(),
        ),
        ((kept.state == "stopped") && !ended, "it is said to be stopped, and never ended".to_owned()),
        ((kept.state == "running") != writer, "its state and its writer do not fit together".to_owned()),
        (writer != heartbeat, "it has a writer without a heartbeat, or the other way round".to_owned()),
    ];
    rules.into_iter().filter(|(wrong, _)| *wrong).map(|(_, what)| what).collect()
}

/// What is accounted for less than the verdicts themselves used.
fn too_little(usage: &RunUsage, told: &RecountedUsage) -> Vec<String> {
    let of = |tokens: Option<u64>| tokens.unwrap_or(0) as f64;
    let rows = [
        ("prompt tokens", of(usage.prompt_tokens), told.prompt),
        ("completion tokens", of(usage.completion_tokens), told.completion),
        ("USD", usage.cost_usd.unwrap_or(0.0), told.cost),
        ("verdicts from the cache", usage.cached as f64, told.cached as f64),
    ];
    rows.into_iter()
        // Sums of fractions differ in their last digits with the order they were added in.
        .filter(|(_, kept, used)| *kept < used - used.abs() * 1e-9 - 1e-12)
        .map(|(what, kept, used)| format!("its account holds {kept} {what}, and its verdicts used {used}"))
        .collect()
}
