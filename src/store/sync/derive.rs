//! What follows from records is made anew once they are here: numbers, in the order of stamps; names, labels, tags, archive flags,
//! from the events; counts and accounts of runs; indexes. Two registries with the same records say the same afterwards.
//!
//! ```text
//! payloads of events: ids for numbers -> revisions, events, responses, reviews, answers, runs, verdicts numbered by (stamp, id)
//! -> numbers for ids -> projections -> search index
//! ```

use super::super::digest_fields::{with_ids, with_numbers};
use super::super::projections::{names_in_force, told};
use super::super::replay::Projections;
use super::super::rows::RunUsage;
use super::super::search;
use super::super::verdicts::count_states;
use super::super::{Result, Store};
use super::merge::{Touched, UNNUMBERED, free_arm_name, numbered_name};
use rusqlite::{Connection, OptionalExtension, params};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Something that two people did without knowing of each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Conflict {
    /// The prompt.
    pub prompt: String,
    /// `label`, `name` or `revision`.
    pub kind: &'static str,
    /// The label; the name that both would have; how the revision was called here before.
    pub what: String,
    /// What holds from now on.
    pub winner: String,
    /// What does not.
    pub other: String,
}

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Derived {
    pub conflicts: Vec<Conflict>,
    /// Tables whose rows have other numbers now.
    pub shifted: BTreeSet<&'static str>,
}

/// Makes all anew that the records taken in have an influence on.
pub(super) fn derive(conn: &Connection, touched: &Touched) -> Result<Derived> {
    let mut conflicts = Vec::new();
    payloads(conn, with_ids)?;
    for prompt in &touched.prompts {
        number_revisions(conn, *prompt, &mut conflicts)?;
    }
    let mut shifted = BTreeSet::new();
    for table in ["event", "response", "review", "pair_answer"] {
        #[cfg(test)]
        if super::tests::in_order_of_arrival() {
            continue;
        }
        if touched.tables.contains(table) && number_rows(conn, table)? {
            shifted.insert(table);
        }
    }
    payloads(conn, with_numbers)?;
    if touched.tables.contains("run") {
        number_runs(conn)?;
    }
    for run in &touched.runs {
        number_verdicts(conn, run)?;
        settle_account(conn, run)?;
    }
    name_arms_of_runs(conn)?;
    project(conn, &mut conflicts)?;
    Ok(Derived { conflicts, shifted })
}

/// Rewrites the payloads of all events that name revisions, events or reviews.
fn payloads(
    conn: &Connection,
    rewrite: fn(&Connection, Option<i64>, &str, &str) -> rusqlite::Result<String>,
) -> Result<()> {
    let mut stmt = conn.prepare("SELECT id, prompt_id, kind, payload FROM event ORDER BY id")?;
    let mut rows = stmt.query([])?;
    let mut changed = Vec::new();
    while let Some(r) = rows.next()? {
        let (kind, payload): (String, String) = (r.get(2)?, r.get(3)?);
        let now = rewrite(conn, r.get(1)?, &kind, &payload)?;
        if now != payload {
            changed.push((r.get::<_, i64>(0)?, now));
        }
    }
    let mut set = conn.prepare_cached("UPDATE event SET payload = ?2 WHERE id = ?1")?;
    for (id, payload) in changed {
        set.execute(params![id, payload])?;
    }
    Ok(())
}

/// Numbers a prompt's revisions in the order of their stamps; what says their numbers follows.
fn number_revisions(conn: &Connection, prompt: i64, conflicts: &mut Vec<Conflict>) -> Result<()> {
    let mut stmt = conn.prepare_cached(
        "SELECT id, seq, parent FROM revision WHERE prompt_id = ?1 ORDER BY stamp, coalesce(named, row_digest)",
    )?;
    let rows: Vec<(i64, i64, Option<i64>)> = stmt
        .query_map([prompt], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let new: HashMap<i64, i64> = rows.iter().zip(1..).map(|((_, old, _), seq)| (*old, seq)).collect();
    let moved = rows.iter().any(|(_, old, _)| *old < UNNUMBERED && new.get(old) != Some(old));
    let name: String = conn.query_row("SELECT name FROM prompt WHERE id = ?1", [prompt], |r| r.get(0))?;
    let mut set = conn.prepare_cached("UPDATE revision SET seq = ?2, parent = ?3 WHERE id = ?1")?;
    for (id, old, parent) in &rows {
        let (Some(seq), parent) = (new.get(old), parent.and_then(|p| new.get(&p).copied())) else { continue };
        set.execute(params![id, -seq, parent])?;
        if *old < UNNUMBERED && old != seq {
            conflicts.push(Conflict {
                prompt: name.clone(),
                kind: "revision",
                what: format!("r{old}"),
                winner: format!("r{seq}"),
                other: format!("r{old}"),
            });
        }
    }
    conn.execute("UPDATE revision SET seq = -seq WHERE prompt_id = ?1", [prompt])?;
    conn.execute(
        "UPDATE prompt SET latest = (SELECT count(*) FROM revision WHERE prompt_id = ?1) WHERE id = ?1",
        [prompt],
    )?;
    number_arms(conn, prompt, &new)?;
    if moved {
        search::drop_lines(conn, prompt)?;
    }
    let fresh: BTreeSet<i64> =
        rows.iter().filter(|(_, old, _)| moved || *old >= UNNUMBERED).map(|(id, ..)| *id).collect();
    search::index_stored(conn, prompt, |row| fresh.contains(&row))
}

/// Arms keep pointing at the same text: their numbers and the numbers in their names follow.
fn number_arms(conn: &Connection, prompt: i64, new: &HashMap<i64, i64>) -> Result<()> {
    let mut stmt =
        conn.prepare_cached("SELECT id, name, seq FROM arm WHERE prompt_id = ?1 AND seq IS NOT NULL")?;
    let arms: Vec<(i64, String, i64)> = stmt
        .query_map([prompt], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let changed: Vec<(i64, String, i64)> = arms
        .into_iter()
        .filter_map(|(id, name, old)| {
            let seq = *new.get(&old)?;
            let name = numbered_name(&name, u32::try_from(old).ok()?, u32::try_from(seq).ok()?);
            (seq != old).then_some((id, name, seq))
        })
        .collect();
    // One may take the name that another has yet to give up.
    for (id, ..) in &changed {
        conn.execute("UPDATE arm SET name = '#' || id WHERE id = ?1", [id])?;
    }
    for (id, name, seq) in changed {
        let name = free_arm_name(conn, id, name)?;
        conn.execute("UPDATE arm SET name = ?2, seq = ?3 WHERE id = ?1", params![id, name, seq])?;
    }
    Ok(())
}

/// Numbers the rows of a table in the order of their stamps; whether any has another number now.
fn number_rows(conn: &Connection, table: &str) -> Result<bool> {
    let sql = format!(
        "SELECT id, nth FROM (SELECT id, row_number() OVER (ORDER BY stamp, coalesce(named, row_digest)) AS nth FROM {table}) \
         WHERE id <> nth"
    );
    let moved: Vec<(i64, i64)> = conn
        .prepare(&sql)?
        .query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let mut set = conn.prepare(&format!("UPDATE {table} SET id = ?2 WHERE id = ?1"))?;
    for (id, nth) in &moved {
        set.execute([*id, -nth])?;
    }
    conn.execute(&format!("UPDATE {table} SET id = -id WHERE id < 0"), [])?;
    if table == "review" && !moved.is_empty() {
        let new: HashMap<i64, i64> = moved.iter().copied().collect();
        let undone: Vec<(i64, i64)> = conn
            .prepare("SELECT id, undone FROM review WHERE undone IS NOT NULL")?
            .query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?
            .collect::<rusqlite::Result<_>>()?;
        for (id, old) in undone {
            if let Some(now) = new.get(&old) {
                conn.execute("UPDATE review SET undone = ?2 WHERE id = ?1", params![id, now])?;
            }
        }
    }
    Ok(!moved.is_empty())
}

fn number_runs(conn: &Connection) -> Result<()> {
    let runs: Vec<String> = conn
        .prepare("SELECT id FROM run ORDER BY stamp, id")?
        .query_map([], |r| r.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for (run, seq) in runs.iter().zip(1_i64..) {
        conn.execute("UPDATE run SET seq = ?2 WHERE id = ?1", params![run, -seq])?;
    }
    conn.execute("UPDATE run SET seq = -seq", [])?;
    Ok(())
}

/// Numbers a run's verdicts: by their places when they were written, and of two of one place by their ids.
fn number_verdicts(conn: &Connection, run: &str) -> Result<()> {
    let mut stmt = conn.prepare_cached(
        "SELECT id, seq, coalesce(place, seq), previous, row_digest FROM verdict WHERE run_id = ?1 \
         ORDER BY 3, coalesce(named, row_digest)",
    )?;
    type Verdict = (i64, i64, i64, Option<Vec<u8>>, Vec<u8>);
    let row = |r: &rusqlite::Row<'_>| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?, r.get(4)?));
    let rows: Vec<Verdict> = stmt.query_map([run], row)?.collect::<rusqlite::Result<_>>()?;
    // What each was written after, before any has another number.
    let mut by_seq: Vec<(i64, &Vec<u8>)> = rows.iter().map(|(_, seq, _, _, digest)| (*seq, digest)).collect();
    by_seq.sort_unstable();
    let before: HashMap<i64, &Vec<u8>> =
        by_seq.iter().zip(by_seq.iter().skip(1)).map(|((_, digest), (seq, _))| (*seq, *digest)).collect();
    let mut set =
        conn.prepare_cached("UPDATE verdict SET seq = ?2, place = ?3, previous = ?4 WHERE id = ?1")?;
    let mut last: Option<&Vec<u8>> = None;
    for ((id, old, place, previous, digest), seq) in rows.iter().zip(1_i64..) {
        // A row that came in tells what it follows, or is the first; one that was here may leave it to its neighbour.
        let after = previous.as_ref().filter(|p| !p.is_empty());
        let first = *place == 1 || previous.as_ref().is_some_and(Vec::is_empty);
        let after = after.or_else(|| if first { None } else { before.get(old).copied() });
        let told = if after == last { None } else { Some(after.map_or(&[][..], Vec::as_slice)) };
        set.execute(params![id, -seq, Some(place).filter(|p| **p != seq), told])?;
        last = Some(digest);
    }
    conn.execute("UPDATE verdict SET seq = -seq WHERE run_id = ?1", [run])?;
    let counts = super::super::columns::to_json(&count_states(conn, run)?)?;
    conn.execute(
        "UPDATE run_state SET verdicts = ?2, chain = ?3, counts = ?4 WHERE run_id = ?1",
        params![run, rows.len() as i64, last, counts],
    )?;
    Ok(())
}

/// A run's account holds at least what its verdicts say of themselves.
fn settle_account(conn: &Connection, run: &str) -> Result<()> {
    let sql = "SELECT s.usage, r.imported, total(v.prompt_tokens), count(v.prompt_tokens), total(v.completion_tokens), \
         count(v.completion_tokens), total(v.cost_usd), count(v.cost_usd), coalesce(sum(v.cached), 0) FROM run_state s \
         JOIN run r ON r.id = s.run_id LEFT JOIN verdict v ON v.run_id = s.run_id WHERE s.run_id = ?1 GROUP BY s.run_id";
    let found = conn
        .query_row(sql, [run], |r| {
            let sum = |at: usize| -> rusqlite::Result<Option<f64>> {
                let (total, count): (f64, i64) = (r.get(at)?, r.get(at + 1)?);
                Ok((count > 0).then_some(total))
            };
            Ok((
                r.get::<_, String>(0)?,
                r.get::<_, bool>(1)?,
                [sum(2)?, sum(4)?, sum(6)?],
                r.get::<_, i64>(8)?,
            ))
        })
        .optional()?;
    let Some((usage, false, [prompt, completion, cost], cached)) = found else { return Ok(()) };
    let kept: RunUsage = serde_json::from_str(&usage).unwrap_or_default();
    let most = |kept: Option<u64>, told: Option<f64>| match told {
        Some(told) if told > kept.unwrap_or(0) as f64 => Some(told as u64),
        _ => kept,
    };
    let now = RunUsage {
        prompt_tokens: most(kept.prompt_tokens, prompt),
        completion_tokens: most(kept.completion_tokens, completion),
        cost_usd: match cost {
            Some(told) if told > kept.cost_usd.unwrap_or(0.0) => Some(told),
            _ => kept.cost_usd,
        },
        cached: kept.cached.max(cached.unsigned_abs()),
        ..kept
    };
    if now != kept {
        let text = super::super::columns::to_json(&now)?;
        conn.execute("UPDATE run_state SET usage = ?2 WHERE run_id = ?1", params![run, text])?;
    }
    Ok(())
}

/// The names of a run's arms, in the order of its items.
fn name_arms_of_runs(conn: &Connection) -> Result<()> {
    conn.execute(
        "UPDATE run SET arms = n.names FROM (SELECT run_id, json_group_array(name) AS names FROM (SELECT i.run_id, a.name FROM \
         run_item i JOIN arm a ON a.id = i.arm_id GROUP BY i.run_id, a.id ORDER BY i.run_id, min(i.ord)) GROUP BY run_id) n \
         WHERE n.run_id = run.id AND n.names <> run.arms",
        [],
    )?;
    Ok(())
}

/// Names, archive flags, descriptions, labels, protections and tags, as the events say.
fn project(conn: &Connection, conflicts: &mut Vec<Conflict>) -> Result<()> {
    let told = told(conn)?;
    let names = names_in_force(conn, &told)?;
    name_prompts(conn, &told, &names, conflicts)?;
    let mut there: BTreeMap<(i64, String), i64> = BTreeMap::new();
    let mut stmt = conn.prepare("SELECT prompt_id, label, seq FROM label")?;
    let mut rows = stmt.query([])?;
    while let Some(r) = rows.next()? {
        there.insert((r.get(0)?, r.get(1)?), r.get(2)?);
    }
    drop(rows);
    for (key, stand) in &told.labels {
        let (prompt, label) = key;
        match stand.at {
            Some(seq) if there.get(key) != Some(&seq) => {
                conn.execute(
                    "INSERT OR REPLACE INTO label (prompt_id, label, seq) VALUES (?1, ?2, ?3)",
                    params![prompt, label, seq],
                )?;
            }
            None if there.contains_key(key) => {
                conn.execute(
                    "DELETE FROM label WHERE prompt_id = ?1 AND label = ?2",
                    params![prompt, label],
                )?;
            }
            _ => {}
        }
    }
    conn.execute("DELETE FROM protected_label", [])?;
    for label in &told.protected {
        conn.execute("INSERT INTO protected_label (label) VALUES (?1)", [label])?;
    }
    let mut there: BTreeSet<(i64, i64, String)> = BTreeSet::new();
    let mut stmt = conn.prepare(
        "SELECT r.prompt_id, r.seq, t.tag FROM revision_tag t JOIN revision r ON r.id = t.revision_id",
    )?;
    let mut rows = stmt.query([])?;
    while let Some(r) = rows.next()? {
        there.insert((r.get(0)?, r.get(1)?, r.get(2)?));
    }
    drop(rows);
    let of = "(SELECT id FROM revision WHERE prompt_id = ?1 AND seq = ?2)";
    for (prompt, seq, tag) in there.difference(&told.tags) {
        conn.execute(
            &format!("DELETE FROM revision_tag WHERE revision_id = {of} AND tag = ?3"),
            params![prompt, seq, tag],
        )?;
    }
    for (prompt, seq, tag) in told.tags.difference(&there) {
        conn.execute(
            &format!("INSERT INTO revision_tag (revision_id, tag) SELECT {of}, ?3 WHERE {of} IS NOT NULL"),
            params![prompt, seq, tag],
        )?;
    }
    Ok(())
}

/// Labels that somebody has to settle.
pub(super) fn label_conflicts(told: &Projections, names: &BTreeMap<i64, String>) -> Vec<Conflict> {
    let at = |seq: Option<i64>| seq.map_or_else(|| "not set".to_owned(), |seq| format!("r{seq}"));
    let open = told.labels.iter().filter_map(|((prompt, label), stand)| {
        let other = stand.other?;
        Some(Conflict {
            prompt: names.get(prompt).cloned().unwrap_or_default(),
            kind: "label",
            what: label.clone(),
            winner: at(stand.at),
            other: at(other),
        })
    });
    open.collect()
}

fn name_prompts(
    conn: &Connection,
    told: &Projections,
    names: &BTreeMap<i64, String>,
    conflicts: &mut Vec<Conflict>,
) -> Result<()> {
    let mut stmt = conn.prepare("SELECT id, name, archived, description, first_name FROM prompt")?;
    let mut rows = stmt.query([])?;
    let mut changed = Vec::new();
    while let Some(r) = rows.next()? {
        let (id, first): (i64, String) = (r.get(0)?, r.get(4)?);
        let Some(name) = names.get(&id) else { continue };
        let archived = told.archived.contains(&id);
        let description = told.descriptions.get(&id).map_or("", String::as_str);
        let wanted = told.names.get(&id).unwrap_or(&first);
        if name != wanted {
            conflicts.push(Conflict {
                prompt: name.clone(),
                kind: "name",
                what: wanted.clone(),
                winner: "the other prompt of this name".to_owned(),
                other: name.clone(),
            });
        }
        if *name != r.get::<_, String>(1)?
            || archived != r.get::<_, bool>(2)?
            || description != r.get::<_, String>(3)?
        {
            changed.push((id, name, archived, description));
        }
    }
    drop(rows);
    // One may take the name that another has yet to give up.
    for (id, ..) in &changed {
        conn.execute("UPDATE prompt SET archived = 1 WHERE id = ?1", [id])?;
    }
    for (id, name, archived, description) in changed {
        conn.execute(
            "UPDATE prompt SET name = ?2, archived = ?3, description = ?4 WHERE id = ?1",
            params![id, name, archived, description],
        )?;
    }
    Ok(())
}

impl Store {
    /// Gives prompts their own name back that another one had as well, once that one has another, or is archived.
    pub(in crate::store) fn settle_names(conn: &Connection) -> Result<()> {
        let apart: bool = conn.query_row(
            "SELECT EXISTS (SELECT 1 FROM prompt WHERE archived = 0 AND name GLOB '*-' || substr(lower(hex(uid)), 1, 8))",
            [],
            |r| r.get(0),
        )?;
        if apart {
            let told = told(conn)?;
            let names = names_in_force(conn, &told)?;
            name_prompts(conn, &told, &names, &mut Vec::new())?;
        }
        Ok(())
    }
}
