//! Rows whose texts their digests cover: a text is blanked, the row is hashed anew, and in a chain all rows after it.
//!
//! ```text
//! row -> does its digest fit? no: it is left as it is, and told
//!     -> texts that hold the secret -> blanked -> digest anew; of a verdict also those after it, and the head of the chain
//! ```
//! Nothing else may change such a row: triggers refuse it, and `fsck` finds it. So the triggers are off for this one
//! transaction, and what is hashed is checked before it is changed: damage is never hashed away.

use super::Secret;
use crate::core::digest::Digest;
use crate::store::Result;
use crate::store::digest_fields::{Covered, Of, ROWS, RUN, names, plan_digest_of, values, with_numbers};
use crate::store::verdicts::{COVERED as VERDICT, digest_of as verdict_digest};
use rusqlite::types::Value;
use rusqlite::{Connection, params, params_from_iter};
use std::collections::HashMap;

const OF_VERDICT: &[&str] = &["flags", "repairs", "model_returned", "finish_reason"];
const OF_VERDICT_TEXT: &[&str] = &["explanation", "evidence"];

const OF_RUN: &[&str] = &["spec", "judge"];

/// Events whose payload a table is made of again by `fsck`: it cannot be blanked in one of both.
const PROJECTED: &str = "kind LIKE 'label%' OR kind LIKE '%protected' OR kind LIKE '%archived' \
    OR kind IN ('tagged', 'untagged', 'renamed', 'copied')";

/// The name of a column of [`VERDICT`].
fn plain(column: &(&'static str, bool)) -> &'static str {
    column.0.split_once('.').map_or(column.0, |(_, name)| name)
}

/// Blanks the texts among the values; the columns that changed, with what they held.
fn blanked<'a>(
    secret: &Secret,
    columns: impl Iterator<Item = &'a str>,
    texts: &[&str],
    values: &mut [Value],
) -> Vec<(usize, String)> {
    let mut changed = Vec::new();
    for (at, (column, value)) in columns.zip(values).enumerate() {
        let Value::Text(text) = value else { continue };
        if texts.contains(&column)
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
pub(super) struct ForgottenRows {
    /// Rows of which a text was blanked.
    pub texts: usize,
    /// Raw replies.
    pub replies: usize,
    /// Rows that were left as they are, and why.
    pub left: Vec<String>,
}

impl ForgottenRows {
    fn left(&mut self, what: String) {
        self.left.push(format!(
            "{what}: it does not fit its digest, so it was not touched; `assize fsck` says more"
        ));
    }
}

/// All of it: rows, verdicts with their chains, runs.
pub(super) fn blank_all(conn: &Connection, secret: &Secret) -> Result<ForgottenRows> {
    let mut done = ForgottenRows::default();
    for covered in ROWS.iter().filter(|covered| !covered.texts.is_empty()) {
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

fn of_rows(conn: &Connection, covered: &Covered, secret: &Secret, done: &mut ForgottenRows) -> Result<()> {
    let Covered { table, columns, texts, index, .. } = covered;
    // A reply lies beside what its row's digest covers, under a digest of its own.
    let raw = if *table == "pair_answer" { "raw" } else { "NULL" };
    let skip = if *table == "event" { PROJECTED } else { "0" };
    let more = format!("t.id, t.row_digest, {raw}, {skip}");
    let mut changes = Vec::new();
    let mut statement = conn.prepare(&covered.select(&more, "ORDER BY t.id"))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (id, stored, raw): (Value, Vec<u8>, Option<Vec<u8>>) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let texts: &[&str] = if row.get(3)? { &["author", "reason"] } else { texts };
        let before = covered.values(conn, row, 4)?;
        let mut after = before.clone();
        let changed = blanked(secret, columns.iter().map(|c| c.name), texts, &mut after);
        let reply = raw.and_then(|raw| secret.out_of_reply(&raw));
        if changed.is_empty() && reply.is_none() {
            continue;
        }
        if covered.digest(&before).as_bytes() != stored {
            done.left(format!("{table} {id:?}"));
            continue;
        }
        changes.push((id, changed, reply, after, stored));
    }
    drop(rows);
    for (id, changed, reply, mut after, stored) in changes {
        let mut columns_set = Vec::new();
        if let Some(reply) = reply {
            done.replies += 1;
            if let Some(digest) = &reply.digest
                && let Some(at) = columns.iter().position(|c| c.name == "raw_digest")
                && let Some(value) = after.get_mut(at)
            {
                *value = Value::Blob(digest.as_bytes().to_vec());
                columns_set.push(("raw_digest", value.clone()));
            }
            columns_set.push(("raw", Value::Blob(reply.bytes)));
        }
        done.texts += usize::from(!changed.is_empty());
        for (at, was) in &changed {
            let (Some(column), Some(value)) = (columns.get(*at).map(|c| c.name), after.get(*at)) else {
                continue;
            };
            columns_set.push((column, stored_form(conn, covered, &id, column, value)?));
            if let (Some(index), Value::Text(is)) = (index.filter(|i| i.1 == column), value) {
                reindex(conn, index, &id, was, is)?;
            }
        }
        // Others know it by the id that it has; its digest is another from now on.
        if let Some(named) = after.last_mut().filter(|v| **v == Value::Null) {
            *named = Value::Blob(stored);
            columns_set.push(("named", named.clone()));
        }
        columns_set.push(("row_digest", Value::Blob(covered.digest(&after).as_bytes().to_vec())));
        set(conn, table, "id", &id, &columns_set)?;
    }
    Ok(())
}

/// A covered value as it is stored: an arm's name with its number, a payload with numbers.
fn stored_form(
    conn: &Connection,
    covered: &Covered,
    id: &Value,
    column: &str,
    value: &Value,
) -> Result<Value> {
    let of = covered.columns.iter().find(|c| c.name == column).map(|c| c.of);
    let (Some(Of::Name | Of::Payload), Value::Text(text)) = (of, value) else { return Ok(value.clone()) };
    let text = if of == Some(Of::Name) {
        let seq: Option<u32> = conn.query_row("SELECT seq FROM arm WHERE id = ?1", [id], |r| r.get(0))?;
        seq.map_or_else(|| text.clone(), |seq| text.replacen("@r", &format!("@r{seq}"), 1))
    } else {
        let (prompt, kind): (Option<i64>, String) =
            conn.query_row("SELECT prompt_id, kind FROM event WHERE id = ?1", [id], |r| {
                Ok((r.get(0)?, r.get(1)?))
            })?;
        with_numbers(conn, prompt, &kind, text)?
    };
    Ok(Value::Text(text))
}

/// A verdict on its way through its run's chain.
struct Linked {
    id: i64,
    stored: Vec<u8>,
    /// Digest of the row it was written after.
    after: Option<Vec<u8>>,
    /// Whether that is told in its row.
    told: bool,
    raw: Vec<u8>,
    values: Vec<Value>,
}

impl Linked {
    fn digest(&self, after: Option<&[u8]>) -> Digest {
        verdict_digest(after, &self.values)
    }
}

/// Walks a run's verdicts in their order.
fn each_link(conn: &Connection, run: &str, mut visit: impl FnMut(Linked) -> Result<()>) -> Result<()> {
    let columns: Vec<&str> = VERDICT.iter().map(|(sql, _)| *sql).collect();
    let sql = format!(
        "SELECT v.id, v.row_digest, v.previous, t.raw, {} FROM verdict v JOIN verdict_text t ON t.verdict_id = v.id \
         WHERE v.run_id = ?1 ORDER BY v.seq",
        columns.join(", ")
    );
    let mut statement = conn.prepare(&sql)?;
    let mut rows = statement.query([run])?;
    let mut before = None::<Vec<u8>>;
    while let Some(row) = rows.next()? {
        let (stored, told): (Vec<u8>, Option<Vec<u8>>) = (row.get(1)?, row.get(2)?);
        visit(Linked {
            id: row.get(0)?,
            told: told.as_ref().is_some_and(|digest| !digest.is_empty()),
            after: told.or(before).filter(|digest| !digest.is_empty()),
            raw: row.get(3)?,
            values: values(row, 4, VERDICT.len())?,
            stored: stored.clone(),
        })?;
        before = Some(stored);
    }
    Ok(())
}

fn of_verdicts(conn: &Connection, run: &str, secret: &Secret, done: &mut ForgottenRows) -> Result<()> {
    // First whether anything is to be done at all, and whether the chain is whole.
    let (mut any, mut whole) = (false, true);
    let texts: Vec<&str> = OF_VERDICT.iter().chain(OF_VERDICT_TEXT).copied().collect();
    let columns = || VERDICT.iter().map(plain);
    each_link(conn, run, |mut link| {
        whole &= link.digest(link.after.as_deref()).as_bytes() == link.stored;
        any |= secret.out_of_reply(&link.raw).is_some()
            || !blanked(secret, columns(), &texts, &mut link.values).is_empty();
        Ok(())
    })?;
    if !any {
        return Ok(());
    }
    if !whole {
        done.left(format!("the verdicts of run {run}"));
        return Ok(());
    }
    // A row is changed after it was read, and no row is read twice.
    let (mut renewed, mut head) = (HashMap::<Vec<u8>, Vec<u8>>::new(), None);
    each_link(conn, run, |mut link| {
        let id = Value::Integer(link.id);
        let (mut of_text, mut of_verdict) = (Vec::new(), Vec::new());
        if let Some(reply) = secret.out_of_reply(&link.raw) {
            done.replies += 1;
            if let (Some(digest), Some(last)) = (reply.digest, link.values.last_mut()) {
                *last = Value::Blob(digest.as_bytes().to_vec());
                of_text.push(("raw_digest", last.clone()));
            }
            of_text.push(("raw", Value::Blob(reply.bytes)));
        }
        let changed = blanked(secret, columns(), &texts, &mut link.values);
        done.texts += usize::from(!changed.is_empty());
        for (at, was) in &changed {
            let (Some(column), Some(value)) = (VERDICT.get(*at).map(plain), link.values.get(*at)) else {
                continue;
            };
            let list = if OF_VERDICT_TEXT.contains(&column) { &mut of_text } else { &mut of_verdict };
            list.push((column, value.clone()));
            if let ("explanation", Value::Text(is)) = (column, value) {
                reindex(conn, ("explanation_fts", "explanation"), &id, was, is)?;
            }
        }
        let after = link.after.as_ref().map(|old| renewed.get(old).unwrap_or(old).clone());
        let digest = link.digest(after.as_deref()).as_bytes().to_vec();
        if digest != link.stored {
            of_verdict.push(("row_digest", Value::Blob(digest.clone())));
            if let (true, Some(after)) = (link.told, after) {
                of_verdict.push(("previous", Value::Blob(after)));
            }
            let named = "UPDATE verdict SET named = coalesce(named, row_digest) WHERE id = ?1";
            conn.prepare_cached(named)?.execute([link.id])?;
            set(conn, "verdict", "id", &id, &of_verdict)?;
            renewed.insert(link.stored, digest.clone());
        }
        if !of_text.is_empty() {
            set(conn, "verdict_text", "verdict_id", &id, &of_text)?;
        }
        head = Some(digest);
        Ok(())
    })?;
    conn.execute("UPDATE run_state SET chain = ?2 WHERE run_id = ?1", params![run, head])?;
    Ok(())
}

fn of_plan(conn: &Connection, run: &str, secret: &Secret, done: &mut ForgottenRows) -> Result<()> {
    let sql = format!("SELECT row_digest, arms, {} FROM run t WHERE id = ?1", names(RUN));
    let (stored, arms, before): (Vec<u8>, String, Vec<Value>) =
        conn.query_row(&sql, [run], |row| Ok((row.get(0)?, row.get(1)?, values(row, 2, RUN.len())?)))?;
    let id = Value::Text(run.to_owned());
    if let Some(clean) = secret.out_of(&arms) {
        set(conn, "run", "id", &id, &[("arms", Value::Text(clean))])?;
    }
    let mut after = before.clone();
    let changed = blanked(secret, RUN.iter().map(|c| c.name), OF_RUN, &mut after);
    if changed.is_empty() {
        return Ok(());
    }
    if plan_digest_of(conn, run, &before)?.as_bytes() != stored {
        done.left(format!("the plan of run {run}"));
        return Ok(());
    }
    let mut columns: Vec<(&str, Value)> = Vec::new();
    for (at, _) in &changed {
        if let (Some(column), Some(value)) = (RUN.get(*at), after.get(*at)) {
            columns.push((column.name, value.clone()));
        }
    }
    columns.push(("row_digest", Value::Blob(plan_digest_of(conn, run, &after)?.as_bytes().to_vec())));
    done.texts += 1;
    set(conn, "run", "id", &id, &columns)
}
