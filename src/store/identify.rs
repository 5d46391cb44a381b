//! Brings the rows of a registry of an older schema their content ids: what covered numbers of rows covers ids from then on.
//!
//! ```text
//! row -> does it fit the digest that it has? no: left as it is, so that it fits no digest afterwards either, and fsck names it
//!     -> stamp from its number -> digest anew, rows that it refers to first -> counts and sums of rows anew
//! ```
//! Verdicts stay as they are: their chain never covered a number of this registry alone.

use super::digest_fields::{
    Covered, CoveredColumn, ROWS, fed, imported_id, maybe, own, plan_digest, prompt_uid, set_uid, values,
};
use super::{Result, tally};
use crate::core::digest::RowDigest;
use rusqlite::types::Value;
use rusqlite::{Connection, params};
use std::collections::HashMap;

/// What the digests covered before, by table: numbers of rows among them.
fn before(table: &str) -> (&'static str, Vec<CoveredColumn>) {
    let (tag, columns): (_, &[&'static str]) = match table {
        "prompt" => ("assize.prompt.1", &["first_name", "created_at"]),
        "case_set" => ("assize.case_set.1", &["name", "digest", "kind", "created_at", "rows"]),
        "case_row" => ("assize.case.1", &["set_id", "ord", "case_id", "payload"]),
        "rubric" => ("assize.rubric.1", &["name", "digest", "json", "created_at"]),
        "revision" => (
            "assize.revision.1",
            &[
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
        ),
        "arm" => ("assize.arm.1", &["name", "kind", "prompt_id?", "seq?", "model?"]),
        "response" => (
            "assize.response.1",
            &[
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
        ),
        "review" => (
            "assize.review.1",
            &[
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
        ),
        "event" => ("assize.event.1", &["prompt_id?", "at", "author?", "reason?", "kind", "payload"]),
        "pair_answer" => (
            "assize.pair_answer.1",
            &[
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
        ),
        "run" => (
            "assize.run.1",
            &["id", "seq", "created_at", "spec", "judge", "imported", "items", "planned", "arms"],
        ),
        "run_criterion" => ("", &["name", "own", "version?", "json"]),
        _ => ("", &["case_id", "arm_id", "set_id", "repeat", "cluster?", "tags"]),
    };
    let column = |name: &&'static str| name.strip_suffix('?').map_or_else(|| own(name), maybe);
    (tag, columns.iter().map(column).collect())
}

fn list(columns: &[CoveredColumn]) -> String {
    columns.iter().map(|c| format!("t.{}", c.name)).collect::<Vec<_>>().join(", ")
}

/// Numbers of rows: two columns where a row has two.
type Keys = Vec<(i64, i64)>;

fn keys(conn: &Connection, table: &str) -> rusqlite::Result<Keys> {
    let sql = match table {
        "case_row" => "SELECT set_id, ord FROM case_row ORDER BY set_id, ord".to_owned(),
        "revision" => "SELECT id, 0 FROM revision ORDER BY prompt_id, seq".to_owned(),
        _ => format!("SELECT id, 0 FROM {table} ORDER BY id"),
    };
    conn.prepare(&sql)?.query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?.collect()
}

/// Gives every row its content id. Triggers are off meanwhile; `tallied` says whether rows were counted before.
pub(super) fn give_ids(conn: &Connection, tallied: bool) -> Result<()> {
    let sound = if tallied { Some(tally::earlier(conn)?) } else { None };
    conn.execute_batch(
        "UPDATE revision SET stamp = seq; UPDATE run SET stamp = seq; UPDATE event SET stamp = id; \
         UPDATE response SET stamp = id; UPDATE review SET stamp = id; UPDATE pair_answer SET stamp = id; \
         UPDATE rubric SET stamp = id; UPDATE case_set SET stamp = id;",
    )?;
    name_prompts(conn)?;
    name_sets(conn)?;
    for covered in &ROWS {
        rehash(conn, covered)?;
    }
    rehash_runs(conn)?;
    match sound {
        Some(sound) => tally::renew(conn, &sound)?,
        None => tally::count_all(conn)?,
    }
    Ok(())
}

fn name_prompts(conn: &Connection) -> Result<()> {
    let mut stmt = conn.prepare("SELECT id, first_name FROM prompt ORDER BY id")?;
    let prompts: Vec<(i64, String)> =
        stmt.query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?.collect::<rusqlite::Result<_>>()?;
    let mut made: HashMap<String, i64> = HashMap::new();
    let mut set = conn.prepare("UPDATE prompt SET uid = ?2, nth = ?3 WHERE id = ?1")?;
    for (id, name) in prompts {
        let nth = made.entry(name.clone()).or_default();
        set.execute(params![id, prompt_uid(&name, *nth).as_bytes(), *nth])?;
        *nth += 1;
    }
    Ok(())
}

fn name_sets(conn: &Connection) -> Result<()> {
    let mut stmt = conn.prepare("SELECT id, name, digest, kind, rows FROM case_set ORDER BY id")?;
    let mut sets = Vec::new();
    let mut rows = stmt.query([])?;
    while let Some(r) = rows.next()? {
        let (name, kind): (String, String) = (r.get(1)?, r.get(3)?);
        sets.push((r.get::<_, i64>(0)?, set_uid(&name, &r.get::<_, Vec<u8>>(2)?, &kind, r.get(4)?)));
    }
    for (id, uid) in sets {
        conn.execute("UPDATE case_set SET uid = ?2 WHERE id = ?1", params![id, uid.as_bytes()])?;
    }
    Ok(())
}

fn rehash(conn: &Connection, covered: &Covered) -> Result<()> {
    let table = covered.table;
    let (tag, old) = before(table);
    let row = if table == "case_row" { "t.set_id = ?1 AND t.ord = ?2" } else { "t.id = ?1 AND ?2 = 0" };
    let mut was = conn.prepare(&format!("SELECT row_digest, {} FROM {table} t WHERE {row}", list(&old)))?;
    let mut is = conn.prepare(&covered.select("NULL", &format!("WHERE {row}")))?;
    let named = covered.columns.last().is_some_and(|c| c.name == "named");
    let named = if named { ", named = ?4" } else { "" };
    let mut set = conn.prepare(&format!("UPDATE {table} AS t SET row_digest = ?3{named} WHERE {row}"))?;
    for (a, b) in keys(conn, table)? {
        let fits = was.query_row([a, b], |r| {
            let stored: Vec<u8> = r.get(0)?;
            Ok(fed(RowDigest::new(tag), &old, &values(r, 1, old.len())?).finish().as_bytes() == stored)
        });
        // A row that cannot be read is damaged too.
        if !fits.unwrap_or(false) {
            continue;
        }
        let mut values = is.query_row([a, b], |r| covered.values(conn, r, 1))?;
        if table == "revision" {
            let at = |name| covered.columns.iter().position(|c| c.name == name);
            let blob = |name| match at(name).and_then(|at| values.get(at)) {
                Some(Value::Blob(bytes)) => Some(bytes.clone()),
                _ => None,
            };
            if let (Some(prompt), Some(origin)) = (blob("prompt_id"), blob("origin"))
                && let Some(last) = values.last_mut()
            {
                *last = Value::Blob(imported_id(&prompt, &origin).as_bytes().to_vec());
            }
        }
        let digest = covered.digest(&values);
        match values.last().filter(|_| !named.is_empty()) {
            Some(id) => set.execute(params![a, b, digest.as_bytes(), id])?,
            None => set.execute(params![a, b, digest.as_bytes()])?,
        };
    }
    Ok(())
}

fn rehash_runs(conn: &Connection) -> Result<()> {
    let runs: Vec<String> = conn
        .prepare("SELECT id FROM run ORDER BY seq")?
        .query_map([], |r| r.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for run in runs {
        if earlier_plan(conn, &run).unwrap_or(false) {
            let digest = plan_digest(conn, &run)?;
            conn.execute("UPDATE run SET row_digest = ?2 WHERE id = ?1", params![run, digest.as_bytes()])?;
        }
    }
    Ok(())
}

/// Whether a plan fits the digest that it has.
fn earlier_plan(conn: &Connection, run: &str) -> rusqlite::Result<bool> {
    let (tag, own) = before("run");
    let sql = format!("SELECT row_digest, {} FROM run t WHERE id = ?1", list(&own));
    let (stored, own_values): (Vec<u8>, _) =
        conn.query_row(&sql, [run], |r| Ok((r.get(0)?, values(r, 1, own.len())?)))?;
    let mut digest = fed(RowDigest::new(tag), &own, &own_values);
    for table in ["run_criterion", "run_item"] {
        let (_, columns) = before(table);
        let sql = format!("SELECT {} FROM {table} t WHERE run_id = ?1 ORDER BY ord", list(&columns));
        let mut stmt = conn.prepare_cached(&sql)?;
        let mut rows = stmt.query([run])?;
        while let Some(row) = rows.next()? {
            digest = fed(digest, &columns, &values(row, 0, columns.len())?);
        }
    }
    Ok(digest.finish().as_bytes() == stored)
}
