//! Taking in histories: revisions in order, and the events of an export, all in one transaction.
//!
//! ```text
//! rows (new ones only) -> revisions -> events of prompts that this import made, with their own times -> labels of the rows
//! ```

use super::events::insert_event;
use super::labels::{is_protected, move_label};
use super::lookup::{has_prompt, revision_id};
use super::prompts::{add_revision, add_tags, tag_new};
use super::rows::{Cause, EventInfo, Imported, NewRevision};
use super::{Result, Store, StoreError};
use crate::core::prompt::{Label, PromptName};
use rusqlite::{Connection, params};
use serde_json::Value;
use std::collections::BTreeMap;

impl Store {
    /// Adds many in one transaction, in order. A row whose `origin` is present is known and changes nothing.
    ///
    /// # Errors
    /// As [`Store::register`]; then nothing at all was added.
    pub fn import_revisions(&mut self, rows: Vec<NewRevision>) -> Result<Imported> {
        self.import_history(rows, &[]).map(|(count, _)| count)
    }

    /// As [`Store::import_revisions`], with the events of an export: they are taken in, in order and with their own
    /// times, for prompts that did not exist before. How many revisions, and how many events were taken in.
    ///
    /// # Errors
    /// As [`Store::register`], or when an event moves a label to a revision that is not there; then nothing was added.
    pub fn import_history(
        &mut self,
        rows: Vec<NewRevision>,
        events: &[(PromptName, EventInfo)],
    ) -> Result<(Imported, usize)> {
        self.write(|conn| {
            let mut fresh: BTreeMap<&PromptName, Option<i64>> = BTreeMap::new();
            for (name, _) in events {
                if !fresh.contains_key(name) && !has_prompt(conn, name)? {
                    fresh.insert(name, None);
                }
            }
            let (mut count, mut seen) = (Imported::default(), super::search::IndexedLines::default());
            let mut added = Vec::new();
            for mut row in rows {
                let name = row.name.clone();
                // Tags of a prompt with a log come with their own events.
                let tags = if fresh.contains_key(&name) { std::mem::take(&mut row.tags) } else { Vec::new() };
                let (prompt, seq, is_new) = add_revision(conn, &row, &mut seen)?;
                if let Some(id) = fresh.get_mut(&name) {
                    *id = Some(prompt);
                }
                if is_new {
                    count.new += 1;
                    added.push(Added { prompt, seq, row, tags });
                } else {
                    count.known += 1;
                }
            }
            let mut taken = 0;
            for (name, event) in events {
                if let Some(Some(prompt)) = fresh.get(name) {
                    taken += usize::from(replay(conn, (*prompt, name), event)?);
                }
            }
            added.iter().try_for_each(|added| added.settle(conn))?;
            Ok((count, taken))
        })
    }
}

/// A revision that an import made, and what its row said besides.
struct Added {
    prompt: i64,
    seq: u32,
    row: NewRevision,
    tags: Vec<String>,
}

impl Added {
    /// Labels and tags that stand in the row, where no event has brought them.
    fn settle(&self, conn: &Connection) -> Result<()> {
        let cause = Cause { author: self.row.author.clone(), reason: Some("import".into()) };
        for label in &self.row.labels {
            if !is_protected(conn, label.as_str())? {
                move_label(
                    conn,
                    (self.prompt, &self.row.name),
                    label,
                    Some(self.seq),
                    (None, false),
                    &cause,
                )?;
            }
        }
        let revision = revision_id(conn, self.prompt, self.seq)?;
        let mut there = conn.prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM revision_tag WHERE revision_id = ?1 AND tag = ?2)",
        )?;
        let mut missing = Vec::new();
        for tag in &self.tags {
            if !there.query_row(params![revision, tag], |r| r.get(0))? {
                missing.push(tag.clone());
            }
        }
        tag_new(conn, (self.prompt, self.seq, revision), &missing, self.row.author.clone())
    }
}

/// Takes in one event of another registry; false for one that has no meaning here.
fn replay(conn: &Connection, (prompt, name): (i64, &PromptName), event: &EventInfo) -> Result<bool> {
    let text = |key: &str| event.payload.get(key).and_then(Value::as_str);
    match event.kind.as_str() {
        "label_set" | "label_removed" => {
            let bad = || StoreError::Invalid(format!("{name}: an event of {} moves no label", event.at));
            let label: Label = text("label").and_then(|l| l.parse().ok()).ok_or_else(bad)?;
            if is_protected(conn, label.as_str())? {
                return Ok(false);
            }
            project_label(conn, prompt, &label, event)?;
        }
        "described" => {
            let text = text("to").unwrap_or_default();
            conn.execute("UPDATE prompt SET description = ?2 WHERE id = ?1", params![prompt, text])?;
        }
        "archived" | "unarchived" => {
            let archived = event.kind == "archived";
            conn.execute("UPDATE prompt SET archived = ?2 WHERE id = ?1", params![prompt, archived])?;
        }
        "tagged" => project_tags(conn, prompt, event)?,
        "copied" => {}
        // The name it has now is the one it came with.
        "renamed" if text("to") == Some(name.as_str()) => {}
        _ => return Ok(false),
    }
    let cause = Cause { author: event.author.clone(), reason: event.reason.clone() };
    insert_event(conn, &event.at, Some(prompt), &event.kind, &event.payload, &cause)?;
    Ok(true)
}

/// The revision an event names.
fn named_revision(event: &EventInfo, key: &str) -> Option<u32> {
    event.payload.get(key).and_then(Value::as_u64).and_then(|n| u32::try_from(n).ok())
}

fn project_tags(conn: &Connection, prompt: i64, event: &EventInfo) -> Result<()> {
    let missing = || {
        StoreError::Invalid(format!("an event of {} tags a revision that the file does not hold", event.at))
    };
    let seq = named_revision(event, "seq").ok_or_else(missing)?;
    let revision = revision_id(conn, prompt, seq).map_err(|_| missing())?;
    let list = |key: &str| -> Vec<String> {
        let values = event.payload.get(key).and_then(Value::as_array);
        values.into_iter().flatten().filter_map(|v| v.as_str().map(str::to_owned)).collect()
    };
    add_tags(conn, revision, &list("add"))?;
    for tag in list("remove") {
        conn.execute("DELETE FROM revision_tag WHERE revision_id = ?1 AND tag = ?2", params![revision, tag])?;
    }
    Ok(())
}

fn project_label(conn: &Connection, prompt: i64, label: &Label, event: &EventInfo) -> Result<()> {
    let Some(seq) = named_revision(event, "to").filter(|_| event.kind == "label_set") else {
        conn.execute(
            "DELETE FROM label WHERE prompt_id = ?1 AND label = ?2",
            params![prompt, label.as_str()],
        )?;
        return Ok(());
    };
    let there: bool = conn.query_row(
        "SELECT EXISTS (SELECT 1 FROM revision WHERE prompt_id = ?1 AND seq = ?2)",
        params![prompt, seq],
        |r| r.get(0),
    )?;
    if !there {
        return Err(StoreError::Invalid(format!(
            "an event sets '{label}' to r{seq}, which the file does not hold"
        )));
    }
    conn.execute(
        "INSERT INTO label (prompt_id, label, seq) VALUES (?1, ?2, ?3) ON CONFLICT (prompt_id, label) DO UPDATE SET seq = ?3",
        params![prompt, label.as_str(), seq],
    )?;
    Ok(())
}
