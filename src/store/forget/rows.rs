//! Rows whose texts their digests cover: a text is blanked, the row is hashed anew, and in a chain all rows after it.
//!
//! ```text
//! row -> does its digest fit? no: it is left as it is, and told
//!     -> texts that hold the secret -> blanked -> digest anew; of a verdict also those after it, and the head of the chain
//! ```
//! Nothing else may change such a row: triggers refuse it, and `fsck` finds it. So the triggers are off for this one
//! transaction, and what is hashed is checked before it is changed: damage is never hashed away.

use super::Secret;
use crate::core::digest::{Digest, RowDigest};
use crate::store::Result;
use rusqlite::types::Value;
use rusqlite::{Connection, params, params_from_iter};

/// What a row's digest covers, in its order; a column that may be NULL ends in `?`.
struct Covered {
    table: &'static str,
    tag: &'static str,
    columns: &'static [&'static str],
    /// Which of them may be blanked.
    texts: &'static [&'static str],
    /// The index of what was said, and its column.
    index: Option<(&'static str, &'static str)>,
}

const ROWS: [Covered; 6] = [
    Covered {
        table: "revision",
        tag: "assize.revision.1",
        columns: &[
            "prompt_id",
            "seq",
            "digest",
            "settings_digest",
            "kind",
            "syntax",
            "config",
            "parent?",
            "author?",
            "message?",
            "created_at",
            "recorded_at",
            "metadata",
            "bytes",
            "origin?",
        ],
        texts: &["author", "message", "metadata"],
        index: Some(("message_fts", "message")),
    },
    Covered {
        table: "event",
        tag: "assize.event.1",
        columns: &["prompt_id?", "at", "author?", "reason?", "kind", "payload"],
        texts: &["author", "reason", "payload"],
        index: None,
    },
    Covered {
        table: "response",
        tag: "assize.response.1",
        columns: &[
            "set_id",
            "case_id",
            "arm_id",
            "repeat",
            "ord",
            "subject",
            "state",
            "text?",
            "detail",
            "created_at",
        ],
        texts: &["detail"],
        index: None,
    },
    Covered {
        table: "arm",
        tag: "assize.arm.1",
        columns: &["name", "kind", "prompt_id?", "seq?", "model?"],
        texts: &["name", "model"],
        index: None,
    },
    Covered {
        table: "review",
        tag: "assize.review.1",
        columns: &[
            "run_id",
            "item",
            "criterion",
            "case_id",
            "arm_id",
            "criterion_version",
            "response?",
            "reviewer",
            "score?",
            "comment",
            "modes",
            "saw_judge",
            "sampling",
            "undone?",
            "seconds?",
            "at",
        ],
        texts: &["reviewer", "comment"],
        index: Some(("comment_fts", "comment")),
    },
    Covered {
        table: "pair_answer",
        tag: "assize.pair_answer.1",
        columns: &[
            "key",
            "set_id",
            "case_id",
            "first_arm",
            "second_arm",
            "first",
            "second",
            "criterion",
            "criterion_version",
            "judge",
            "fingerprint",
            "state",
            "choice?",
            "explanation",
            "flags",
            "repairs",
            "rung",
            "model_returned?",
            "finish_reason?",
            "prompt_tokens?",
            "completion_tokens?",
            "cost_usd?",
            "latency_ms",
            "attempts",
            "nonce",
            "raw_digest",
            "at",
        ],
        texts: &["judge", "explanation", "flags", "repairs", "model_returned", "finish_reason"],
        index: None,
    },
];

/// Of a verdict, after the digest of the one before it.
const VERDICT: &[&str] = &[
    "run_id",
    "seq",
    "item",
    "criterion",
    "repeat",
    "state",
    "score?",
    "criterion_version",
    "fingerprint",
    "response?",
    "cache_key?",
    "cached",
    "rung",
    "flags",
    "repairs",
    "model_returned?",
    "finish_reason?",
    "prompt_tokens?",
    "completion_tokens?",
    "cost_usd?",
    "latency_ms",
    "attempts",
    "at",
    "explanation",
    "evidence",
    "nonce",
    "raw_digest",
];

const OF_VERDICT: &[&str] = &["flags", "repairs", "model_returned", "finish_reason"];
const OF_VERDICT_TEXT: &[&str] = &["explanation", "evidence"];

/// Of a run; its criteria and items follow.
const RUN: &[&str] = &["id", "seq", "created_at", "spec", "judge", "imported", "items", "planned", "arms"];
const OF_RUN: &[&str] = &["spec", "judge", "arms"];
const RUN_CRITERION: &[&str] = &["name", "own", "version?", "json"];
const RUN_ITEM: &[&str] = &["case_id", "arm_id", "set_id", "repeat", "cluster?", "tags"];

/// Events whose payload a table is made of again by `fsck`: it cannot be blanked in one of both.
const PROJECTED: &str = "kind LIKE 'label%' OR kind LIKE '%protected' OR kind LIKE '%archived' \
    OR kind IN ('tagged', 'untagged', 'renamed', 'copied')";

/// The name of a column without its mark.
fn plain(column: &str) -> &str {
    column.trim_end_matches('?')
}

fn names(columns: &[&str], of: &str) -> String {
    columns.iter().map(|c| format!("{of}{}", plain(c))).collect::<Vec<_>>().join(", ")
}

/// Adds a row's values to a digest, as the columns say.
fn fed(mut digest: RowDigest, columns: &[&str], values: &[Value]) -> RowDigest {
    let one = |digest: RowDigest, value: &Value| match value {
        Value::Null => digest,
        Value::Integer(n) => digest.int(*n),
        Value::Real(n) => digest.real(*n),
        Value::Text(text) => digest.text(text),
        Value::Blob(bytes) => digest.bytes(bytes),
    };
    for (column, value) in columns.iter().zip(values) {
        digest = if column.ends_with('?') {
            digest.maybe(Some(value).filter(|v| **v != Value::Null), one)
        } else {
            one(digest, value)
        };
    }
    digest
}

fn values(row: &rusqlite::Row<'_>, from: usize, count: usize) -> rusqlite::Result<Vec<Value>> {
    (from..from + count).map(|at| row.get(at)).collect()
}

/// Blanks the texts among the values; the columns that changed, with what they held.
fn blanked(secret: &Secret, columns: &[&str], texts: &[&str], values: &mut [Value]) -> Vec<(usize, String)> {
    let mut changed = Vec::new();
    for (at, (column, value)) in columns.iter().zip(values).enumerate() {
        let Value::Text(text) = value else { continue };
        if texts.contains(&plain(column))
            && let Some(clean) = secret.out_of(text)
        {
            changed.push((at, std::mem::replace(text, clean)));
        }
    }
    changed
}

fn set(conn: &Connection, table: &str, key: &str, id: &Value, columns: &[(&str, Value)]) -> Result<()> {
    let list: Vec<String> =
        columns.iter().enumerate().map(|(n, (c, _))| format!("{c} = ?{}", n + 2)).collect();
    let all = std::iter::once(id).chain(columns.iter().map(|(_, value)| value));
    let sql = format!("UPDATE {table} SET {} WHERE {key} = ?1", list.join(", "));
    conn.execute(&sql, params_from_iter(all))?;
    Ok(())
}

/// Puts the words of a blanked text in the place of those it held.
fn reindex(conn: &Connection, (index, column): (&str, &str), id: &Value, was: &str, is: &str) -> Result<()> {
    conn.execute(&format!("INSERT INTO {index} ({index}, rank) VALUES ('secure-delete', 1)"), [])?;
    let sql = format!("INSERT INTO {index} ({index}, rowid, {column}) VALUES ('delete', ?1, ?2)");
    conn.execute(&sql, params![id, was])?;
    conn.execute(&format!("INSERT INTO {index} (rowid, {column}) VALUES (?1, ?2)"), params![id, is])?;
    Ok(())
}

/// What was done to rows.
#[derive(Default)]
pub(super) struct Done {
    /// Rows of which a text was blanked.
    pub texts: usize,
    /// Raw replies.
    pub replies: usize,
    /// Rows that were left as they are, and why.
    pub left: Vec<String>,
}

impl Done {
    fn left(&mut self, what: String) {
        self.left.push(format!(
            "{what}: it does not fit its digest, so it was not touched; `assize fsck` says more"
        ));
    }
}

/// All of it: rows, verdicts with their chains, runs.
pub(super) fn blank_all(conn: &Connection, secret: &Secret) -> Result<Done> {
    let mut done = Done::default();
    for covered in &ROWS {
        of_rows(conn, covered, secret, &mut done)?;
    }
    let runs: Vec<String> = conn
        .prepare("SELECT id FROM run ORDER BY seq")?
        .query_map([], |r| r.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for run in runs {
        of_verdicts(conn, &run, secret, &mut done)?;
        of_plan(conn, &run, secret, &mut done)?;
    }
    Ok(done)
}

fn of_rows(conn: &Connection, covered: &Covered, secret: &Secret, done: &mut Done) -> Result<()> {
    let Covered { table, tag, columns, texts, index } = covered;
    // A reply lies beside what its row's digest covers, under a digest of its own.
    let raw = if *table == "pair_answer" { "raw" } else { "NULL" };
    let skip = if *table == "event" { PROJECTED } else { "0" };
    let sql =
        format!("SELECT id, row_digest, {raw}, {skip}, {} FROM {table} ORDER BY id", names(columns, ""));
    let mut changes = Vec::new();
    let mut statement = conn.prepare(&sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (id, stored, raw): (Value, Vec<u8>, Option<Vec<u8>>) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let texts: &[&str] = if row.get(3)? { &["author", "reason"] } else { texts };
        let before = values(row, 4, columns.len())?;
        let mut after = before.clone();
        let changed = blanked(secret, columns, texts, &mut after);
        let reply = raw.and_then(|raw| secret.out_of_reply(&raw));
        if changed.is_empty() && reply.is_none() {
            continue;
        }
        if fed(RowDigest::new(tag), columns, &before).finish().as_bytes() != stored {
            done.left(format!("{table} {id:?}"));
            continue;
        }
        changes.push((id, changed, reply, after));
    }
    drop(rows);
    for (id, changed, reply, mut after) in changes {
        let mut columns_set = Vec::new();
        if let Some(reply) = reply {
            done.replies += 1;
            if let Some(digest) = &reply.digest
                && let Some(at) = columns.iter().position(|c| *c == "raw_digest")
                && let Some(value) = after.get_mut(at)
            {
                *value = Value::Blob(digest.as_bytes().to_vec());
                columns_set.push(("raw_digest", value.clone()));
            }
            columns_set.push(("raw", Value::Blob(reply.bytes)));
        }
        done.texts += usize::from(!changed.is_empty());
        for (at, was) in &changed {
            let (Some(column), Some(value)) = (columns.get(*at).map(|c| plain(c)), after.get(*at)) else {
                continue;
            };
            columns_set.push((column, value.clone()));
            if let (Some(index), Value::Text(is)) = (index.filter(|i| i.1 == column), value) {
                reindex(conn, index, &id, was, is)?;
            }
        }
        let digest = fed(RowDigest::new(tag), columns, &after).finish();
        columns_set.push(("row_digest", Value::Blob(digest.as_bytes().to_vec())));
        set(conn, table, "id", &id, &columns_set)?;
    }
    Ok(())
}

fn of_verdicts(conn: &Connection, run: &str, secret: &Secret, done: &mut Done) -> Result<()> {
    let sql = format!(
        "SELECT v.id, v.row_digest, t.raw, {} FROM (SELECT v.*, t.explanation, t.evidence, t.nonce, t.raw_digest FROM verdict v \
         JOIN verdict_text t ON t.verdict_id = v.id WHERE v.run_id = ?1) v JOIN verdict_text t ON t.verdict_id = v.id ORDER BY v.seq",
        names(VERDICT, "v.")
    );
    let link = |previous: Option<&[u8]>, values: &[Value]| -> Digest {
        let begun = RowDigest::new("assize.verdict.1").maybe(previous, RowDigest::bytes);
        fed(begun, VERDICT, values).finish()
    };
    // First whether anything is to be done at all, and whether the chain is whole.
    let (mut any, mut whole, mut previous) = (false, true, None::<Vec<u8>>);
    let mut statement = conn.prepare(&sql)?;
    let mut rows = statement.query([run])?;
    while let Some(row) = rows.next()? {
        let (stored, raw): (Vec<u8>, Vec<u8>) = (row.get(1)?, row.get(2)?);
        let mut values = values(row, 3, VERDICT.len())?;
        whole &= link(previous.as_deref(), &values).as_bytes() == stored;
        let texts: Vec<&str> = OF_VERDICT.iter().chain(OF_VERDICT_TEXT).copied().collect();
        any |=
            secret.out_of_reply(&raw).is_some() || !blanked(secret, VERDICT, &texts, &mut values).is_empty();
        previous = Some(stored);
    }
    drop(rows);
    if !any {
        return Ok(());
    }
    if !whole {
        done.left(format!("the verdicts of run {run}"));
        return Ok(());
    }
    let mut ids = Vec::new();
    let mut rows = statement.query([run])?;
    while let Some(row) = rows.next()? {
        ids.push(row.get::<_, i64>(0)?);
    }
    drop(rows);
    let one = sql.replace("WHERE v.run_id = ?1", "WHERE v.id = ?1");
    let mut one = conn.prepare(&one)?;
    let mut previous = None::<Digest>;
    for id in ids {
        let (raw, mut now) =
            one.query_row([id], |row| Ok((row.get::<_, Vec<u8>>(2)?, values(row, 3, VERDICT.len())?)))?;
        let id = Value::Integer(id);
        let mut of_text = Vec::new();
        if let Some(reply) = secret.out_of_reply(&raw) {
            done.replies += 1;
            if let (Some(digest), Some(last)) = (reply.digest, now.last_mut()) {
                *last = Value::Blob(digest.as_bytes().to_vec());
                of_text.push(("raw_digest", last.clone()));
            }
            of_text.push(("raw", Value::Blob(reply.bytes)));
        }
        let mut of_verdict = Vec::new();
        let changed = blanked(secret, VERDICT, OF_VERDICT, &mut now);
        let said = blanked(secret, VERDICT, OF_VERDICT_TEXT, &mut now);
        done.texts += usize::from(!changed.is_empty() || !said.is_empty());
        for (at, was) in changed.iter().chain(&said) {
            let (Some(column), Some(value)) = (VERDICT.get(*at).map(|c| plain(c)), now.get(*at)) else {
                continue;
            };
            let list = if OF_VERDICT_TEXT.contains(&column) { &mut of_text } else { &mut of_verdict };
            list.push((column, value.clone()));
            if let ("explanation", Value::Text(is)) = (column, value) {
                reindex(conn, ("explanation_fts", "explanation"), &id, was, is)?;
            }
        }
        let digest = link(previous.as_ref().map(Digest::as_bytes), &now);
        of_verdict.push(("row_digest", Value::Blob(digest.as_bytes().to_vec())));
        set(conn, "verdict", "id", &id, &of_verdict)?;
        if !of_text.is_empty() {
            set(conn, "verdict_text", "verdict_id", &id, &of_text)?;
        }
        previous = Some(digest);
    }
    conn.execute(
        "UPDATE run_state SET chain = ?2 WHERE run_id = ?1",
        params![run, previous.as_ref().map(Digest::as_bytes)],
    )?;
    Ok(())
}

fn of_plan(conn: &Connection, run: &str, secret: &Secret, done: &mut Done) -> Result<()> {
    let sql = format!("SELECT row_digest, {} FROM run WHERE id = ?1", names(RUN, ""));
    let (stored, before) =
        conn.query_row(&sql, [run], |row| Ok((row.get::<_, Vec<u8>>(0)?, values(row, 1, RUN.len())?)))?;
    let mut after = before.clone();
    let changed = blanked(secret, RUN, OF_RUN, &mut after);
    if changed.is_empty() {
        return Ok(());
    }
    let whole = |own: &[Value]| -> Result<Digest> {
        let mut digest = fed(RowDigest::new("assize.run.1"), RUN, own);
        for (table, columns) in [("run_criterion", RUN_CRITERION), ("run_item", RUN_ITEM)] {
            let sql = format!("SELECT {} FROM {table} WHERE run_id = ?1 ORDER BY ord", names(columns, ""));
            let mut statement = conn.prepare(&sql)?;
            let mut rows = statement.query([run])?;
            while let Some(row) = rows.next()? {
                digest = fed(digest, columns, &values(row, 0, columns.len())?);
            }
        }
        Ok(digest.finish())
    };
    if whole(&before)?.as_bytes() != stored {
        done.left(format!("the plan of run {run}"));
        return Ok(());
    }
    let mut columns: Vec<(&str, Value)> = Vec::new();
    for (at, _) in &changed {
        if let (Some(column), Some(value)) = (RUN.get(*at), after.get(*at)) {
            columns.push((column, value.clone()));
        }
    }
    columns.push(("row_digest", Value::Blob(whole(&after)?.as_bytes().to_vec())));
    done.texts += 1;
    set(conn, "run", "id", &Value::Text(run.to_owned()), &columns)
}
