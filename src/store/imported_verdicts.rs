//! Verdicts that came with items: one finished run for each judge's name, chained like any other.

use super::columns::{OWN, column_of, to_json};
use super::imported_labels;
use super::lookup::digest_at;
use super::rows::*;
use super::run_rows::{RunRow, insert_run};
use super::time::now;
use super::verdicts::insert_verdict;
use super::verdicts::optional_digest;
use super::{Result, Store, StoreError};
use crate::core::digest::Digest;
use crate::core::evidence::INJECTION_SUSPECTED;
use crate::core::item::{Item, Subject};
use crate::core::rubric::{self, Criterion};
use crate::core::verdict::{Reading, VerdictState};
use rusqlite::{Connection, params};
use serde_json::json;
use std::collections::HashMap;

/// The highest pass that an imported verdict may belong to: beyond it the number is surely something else.
const MOST_REPEATS: u32 = 9_999;

/// An imported verdict, with what it was about.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordedVerdict {
    /// The run it was imported as.
    pub run: String,
    /// The set's name.
    pub set: String,
    /// The case's id.
    pub case_id: String,
    /// The arm's name.
    pub arm: String,
    /// Digest of the text judged.
    pub response: Digest,
    /// Version of the criterion that its name, or the item's own question, stands for.
    pub criterion: Digest,
    /// Which of several passes.
    pub repeat: u32,
    /// How it ended.
    pub state: VerdictState,
    /// Present exactly when scored.
    pub reading: Option<Reading>,
    /// What went wrong, for failures.
    pub reason: String,
    /// The reply's bytes.
    pub raw: Vec<u8>,
    /// Digest of the prompt; `None` where it is not known.
    pub prompt: Option<Digest>,
}

impl Store {
    /// The names of the judges whose verdicts were imported, oldest first.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub fn recorded_judges(&self) -> Result<Vec<String>> {
        let mut stmt = self
            .conn
            .prepare_cached("SELECT judge FROM run WHERE imported GROUP BY judge ORDER BY min(seq)")?;
        Ok(stmt.query_map([], |r| r.get(0))?.collect::<Result<_, _>>()?)
    }

    /// All imported verdicts of one judge, oldest import first.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub fn recorded_verdicts(&self, judge: &str) -> Result<Vec<RecordedVerdict>> {
        let mut stmt = self.conn.prepare_cached(
            "SELECT u.id, s.name, i.case_id, a.name, v.response, v.criterion_version, v.repeat, v.state, v.score, \
             t.explanation, t.evidence, v.repairs, v.flags, t.raw, c.name, (SELECT subject FROM response r WHERE \
             r.set_id = i.set_id AND r.arm_id = i.arm_id AND r.case_id = i.case_id AND r.repeat = i.repeat \
             ORDER BY r.id DESC LIMIT 1) \
             FROM run u JOIN verdict v ON v.run_id = u.id JOIN verdict_text t ON t.verdict_id = v.id \
             JOIN run_item i ON i.run_id = u.id AND i.ord = v.item JOIN arm a ON a.id = i.arm_id \
             JOIN case_set s ON s.id = i.set_id JOIN run_criterion c ON c.run_id = u.id AND c.ord = v.criterion \
             WHERE u.imported AND u.judge = ?1 AND v.response IS NOT NULL ORDER BY u.seq, v.seq",
        )?;
        let mut rows = stmt.query([judge])?;
        let mut subjects: HashMap<Digest, Option<Subject>> = HashMap::new();
        let mut out = Vec::new();
        while let Some(r) = rows.next()? {
            let subject = optional_digest(r, 15)?.and_then(|digest| {
                // One that was forgotten on purpose says nothing of its prompt any more.
                subjects.entry(digest).or_insert_with(|| self.json(&digest).ok()).as_ref()
            });
            let list = |at: usize| -> rusqlite::Result<Vec<String>> {
                Ok(serde_json::from_str(&r.get::<_, String>(at)?).unwrap_or_default())
            };
            let (explanation, flags): (String, Vec<String>) = (r.get(9)?, list(12)?);
            let reading = match r.get::<_, Option<u8>>(8)? {
                None => None,
                Some(score) => Some(Reading {
                    score,
                    evidence: list(10)?,
                    explanation: explanation.clone(),
                    injection_suspected: flags.iter().any(|f| f == INJECTION_SUSPECTED),
                    repairs: list(11)?,
                }),
            };
            out.push(RecordedVerdict {
                run: r.get(0)?,
                set: r.get(1)?,
                case_id: r.get(2)?,
                arm: r.get(3)?,
                response: digest_at(r, 4)?,
                criterion: version_meant(&digest_at(r, 5)?, &r.get::<_, String>(14)?, subject),
                repeat: r.get(6)?,
                state: r.get::<_, String>(7)?.parse().unwrap_or(VerdictState::Unparseable),
                reason: if reading.is_some() { String::new() } else { explanation },
                reading,
                raw: r.get(13)?,
                prompt: subject.filter(|s| !s.prompt.is_empty()).map(|s| Digest::of(&s.prompt)),
            });
        }
        Ok(out)
    }
}

/// Verdicts come with a criterion's name, or with the item's own question, and are stored under the digest of that text:
/// what they are about is the criterion that the text stands for, with the item's anchors where it is the item's own.
pub(super) fn version_meant(stored: &Digest, column: &str, subject: Option<&Subject>) -> Digest {
    let own = subject.and_then(|s| s.criterion.as_deref().map(|text| (text, s.anchors.as_ref())));
    match own {
        Some((text, anchors)) if Digest::of(text) == *stored => rubric::own(text, anchors).version(),
        _ if Digest::of(column) == *stored => Criterion::version(&rubric::by_name(column)),
        _ => *stored,
    }
}

/// Makes one finished run per judge's name out of the verdicts that came with items.
pub(super) fn import_verdicts(
    conn: &Connection,
    set: &CaseSetInfo,
    items: &[Item],
) -> Result<Vec<(String, String, usize)>> {
    let mut judges: Vec<&str> = Vec::new();
    for verdict in items.iter().flat_map(|i| &i.verdicts) {
        if !judges.contains(&verdict.judge.as_str()) {
            judges.push(&verdict.judge);
        }
    }
    judges.into_iter().map(|judge| import_run(conn, set, items, judge)).collect()
}

/// What a judge's verdicts span.
struct RecordedSpan<'a> {
    /// Names of the criteria, in order of first use.
    columns: Vec<&'a str>,
    /// The items that have any.
    chosen: Vec<&'a Item>,
    repeats: u32,
}

impl<'a> RecordedSpan<'a> {
    fn of(items: &'a [Item], judge: &str) -> Result<Self> {
        let mut columns: Vec<&str> = Vec::new();
        let (mut chosen, mut repeats) = (Vec::new(), 1);
        for item in items {
            let mut any = false;
            for verdict in item.verdicts.iter().filter(|v| v.judge == judge) {
                any = true;
                if verdict.repeat > MOST_REPEATS {
                    return Err(StoreError::Invalid(format!(
                        "item '{}' of arm '{}': repeat {} is more than {MOST_REPEATS}; repeats count up from 0",
                        item.id, item.arm, verdict.repeat
                    )));
                }
                repeats = repeats.max(verdict.repeat + 1);
                let column = column_of(&verdict.criterion);
                if !columns.contains(&column) {
                    columns.push(column);
                }
            }
            if any {
                chosen.push(item);
            }
        }
        Ok(Self { columns, chosen, repeats })
    }
}

fn import_run(
    conn: &Connection,
    set: &CaseSetInfo,
    items: &[Item],
    judge: &str,
) -> Result<(String, String, usize)> {
    let fingerprint = Digest::of(format!("imported:{judge}"));
    let RecordedSpan { columns, chosen, repeats } = RecordedSpan::of(items, judge)?;
    let labelled = imported_labels::criteria(conn, &columns, &chosen, judge)?;
    let criteria: Vec<_> = match &labelled {
        None => columns.iter().map(|c| ((*c).to_owned(), true, None, "{}".to_owned())).collect(),
        Some(asked) => asked
            .iter()
            .map(|c| Ok((c.name.clone(), false, Some(c.version()), to_json(c)?)))
            .collect::<Result<_>>()?,
    };
    let run_items: Vec<(RunItem, Arm)> = chosen
        .iter()
        .enumerate()
        .map(|(ord, item)| {
            let arm = Arm { name: item.arm.clone(), prompt: None, model: None };
            (run_item(ord, item, set.id), arm)
        })
        .collect();
    let spec = RunSpec {
        set: set.name.clone(),
        set_digest: set.digest,
        rubric: OWN.into(),
        criteria: labelled.clone().unwrap_or_default(),
        own_criterion: labelled.is_none(),
        judge: judge.to_owned(),
        judge_config: json!({"imported": true}),
        model: None,
        model_config: None,
        repeats,
        max_cost_usd: None,
        max_calls: None,
        until: None,
        includes: Default::default(),
        max_tokens: None,
        checks: Vec::new(),
        generations: 1,
        batch: false,
    };
    let row = RunRow {
        spec: &spec,
        criteria: &criteria,
        items: &run_items,
        imported: true,
        fingerprint: Some(fingerprint),
        state: RunState::Complete,
    };
    let id = insert_run(conn, &row)?;
    let mut count = 0;
    for (ord, item) in chosen.iter().enumerate() {
        for verdict in item.verdicts.iter().filter(|v| v.judge == judge) {
            let column = columns.iter().position(|c| *c == column_of(&verdict.criterion)).unwrap_or(0);
            let asked = labelled.as_ref().and_then(|asked| asked.get(column));
            let verdict = imported_verdict(item, verdict, (ord, column), asked, fingerprint)?;
            insert_verdict(conn, &id, &verdict, &RunUsage::default())?;
            count += 1;
        }
    }
    conn.execute("UPDATE run_state SET finished_at = ?2 WHERE run_id = ?1", params![id, now()])?;
    Ok((id, judge.to_owned(), count))
}

fn run_item(ord: usize, item: &Item, set_id: i64) -> RunItem {
    RunItem {
        ord: ord as u32,
        case_id: item.id.clone(),
        arm: item.arm.clone(),
        set_id,
        repeat: 0,
        cluster: item.subject.cluster.clone(),
        tags: item.subject.tags.clone(),
    }
}

fn imported_verdict(
    item: &Item,
    verdict: &crate::core::item::ImportedVerdict,
    (ord, column): (usize, usize),
    asked: Option<&Criterion>,
    fingerprint: Digest,
) -> Result<NewVerdict> {
    let reply = verdict.reply.clone().unwrap_or_default();
    let bad = |what: String| StoreError::Invalid(format!("item '{}' of arm '{}': {what}", item.id, item.arm));
    let level = verdict.label.as_deref().and_then(|label| asked?.scale.level(label));
    let (state, reading) = match (level.or(verdict.score), &verdict.state) {
        (Some(score @ 1..=5), None) => (
            VerdictState::Scored,
            Some(Reading {
                score,
                evidence: reply.evidence,
                explanation: verdict.explanation.clone(),
                injection_suspected: reply.flags.iter().any(|f| f == INJECTION_SUSPECTED),
                repairs: reply.repairs,
            }),
        ),
        (Some(score), None) => return Err(bad(format!("the score {score} is not one of 1 to 5"))),
        (None, Some(name)) => match name.parse::<VerdictState>().map_err(|e| bad(e.to_string()))? {
            VerdictState::Scored => return Err(bad("a scored verdict needs a score".into())),
            state => (state, None),
        },
        (Some(1..=5), Some(name)) if name == "scored" => {
            let plain = crate::core::item::ImportedVerdict { state: None, ..verdict.clone() };
            return imported_verdict(item, &plain, (ord, column), asked, fingerprint);
        }
        _ => {
            return Err(bad(
                "a verdict has either a score from 1 to 5, or null with the state of a failure".into()
            ));
        }
    };
    Ok(NewVerdict {
        item: ord as u32,
        criterion: column as u32,
        repeat: verdict.repeat,
        state,
        reading,
        reason: verdict.explanation.clone(),
        criterion_version: asked.map_or_else(|| Digest::of(&verdict.criterion), Criterion::version),
        fingerprint,
        response: Some(Digest::of(&item.response)),
        cache_key: None,
        cached: false,
        rung: "imported".into(),
        flags: reply.flags,
        model_returned: reply.model,
        finish_reason: None,
        prompt_tokens: reply.prompt_tokens,
        completion_tokens: reply.completion_tokens,
        cost_usd: None,
        latency_ms: 0,
        attempts: 0,
        nonce: String::new(),
        raw: reply.raw.unwrap_or_else(|| verdict.explanation.clone()).into_bytes(),
    })
}
