//! Taking in histories: revisions in order, and the events of an export, all in one transaction.
//!
//! ```text
//! rows (new ones only) -> revisions -> events of prompts that this import made, with their own times -> labels of the rows
//! ```

use super::labels::{is_protected, move_label};
use super::prompts::{add_revision, insert_event, prompt_id};
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
            let mut fresh: BTreeMap<&PromptName, bool> = BTreeMap::new();
            for (name, _) in events {
                if !fresh.contains_key(name) {
                    fresh.insert(name, matches!(prompt_id(conn, name), Err(StoreError::NoPrompt { .. })));
                }
            }
            let mut count = Imported::default();
            let mut labels: Vec<(i64, &PromptName, &Label, u32, Cause)> = Vec::new();
            for row in &rows {
                let (prompt, seq, is_new) = add_revision(conn, row)?;
                if !is_new {
                    count.known += 1;
                    continue;
                }
                count.new += 1;
                let cause = Cause { author: row.author.clone(), reason: Some("import".into()) };
                labels.extend(row.labels.iter().map(|l| (prompt, &row.name, l, seq, cause.clone())));
            }
            let mut taken = 0;
            for (name, event) in events.iter().filter(|(name, _)| fresh.get(name) == Some(&true)) {
                taken += usize::from(replay(conn, name, event)?);
            }
            for (prompt, name, label, seq, cause) in labels {
                if !is_protected(conn, label.as_str())? {
                    move_label(conn, (prompt, name), label, Some(seq), (None, false), &cause)?;
                }
            }
            Ok((count, taken))
        })
    }
}

/// Takes in one event of another registry; false for one that has no meaning here.
fn replay(conn: &Connection, name: &PromptName, event: &EventInfo) -> Result<bool> {
    let prompt = match prompt_id(conn, name) {
        Err(StoreError::NoPrompt { .. }) => return Ok(false),
        other => other?,
    };
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
        // Only live prompts are exported: an archiving in their past was taken back.
        "archived" | "unarchived" | "tagged" | "untagged" | "copied" => {}
        // The name it has now is the one it came with.
        "renamed" if text("to") == Some(name.as_str()) => {}
        _ => return Ok(false),
    }
    let cause = Cause { author: event.author.clone(), reason: event.reason.clone() };
    insert_event(conn, &event.at, Some(prompt), &event.kind, &event.payload, &cause)?;
    Ok(true)
}

fn project_label(conn: &Connection, prompt: i64, label: &Label, event: &EventInfo) -> Result<()> {
    let to = event.payload.get("to").and_then(Value::as_u64).and_then(|n| u32::try_from(n).ok());
    let Some(seq) = to.filter(|_| event.kind == "label_set") else {
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
