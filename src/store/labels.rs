//! Labels: movable pointers with an append-only log, moved by compare-and-set inside one transaction.

use super::events::{log_event, read_event};
use super::lookup::{prompt_id, resolve, revision_at};
use super::rows::{Cause, EventInfo, Expect, LabelMove};
use super::rules;
pub use super::rules::labels::Consent;
use super::rules::labels::{Keeping, Move, ask_gate, ends, keeps_name, lifts, protects};
use super::{Result, Store, StoreError};
use crate::core::prompt::{Label, PromptName, Selector};
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::{Value, json};

pub(super) fn is_protected(conn: &Connection, label: &str) -> Result<bool> {
    Ok(conn
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM protected_label WHERE label = ?1)")?
        .query_row([label], |r| r.get(0))?)
}

/// The largest drop that a gate before a move of this label lets pass; `None` when its protection asks for no gate.
fn gate_margin(conn: &Connection, label: &str) -> Result<Option<f64>> {
    if !is_protected(conn, label)? {
        return Ok(None);
    }
    Ok(conn
        .prepare_cached(
            "SELECT payload ->> 'gate' FROM event WHERE prompt_id IS NULL AND kind = 'protected' \
             AND payload ->> 'label' = ?1 ORDER BY id DESC LIMIT 1",
        )?
        .query_row([label], |r| r.get(0))
        .optional()?
        .flatten())
}

fn present(conn: &Connection, prompt: i64, label: &str) -> Result<Option<u32>> {
    Ok(conn
        .prepare_cached("SELECT seq FROM label WHERE prompt_id = ?1 AND label = ?2")?
        .query_row(params![prompt, label], |r| r.get(0))
        .optional()?)
}

/// Where a label stands, or where it stood last: what its gate holds a move against. Removing a label takes away no gate.
fn stand(conn: &Connection, prompt: i64, label: &str) -> Result<Option<u32>> {
    if let Some(now) = present(conn, prompt, label)? {
        return Ok(Some(now));
    }
    let sql = "SELECT payload ->> 'to' FROM event WHERE prompt_id = ?1 AND kind = 'label_set' \
         AND payload ->> 'label' = ?2 ORDER BY id DESC LIMIT 1";
    Ok(conn.prepare_cached(sql)?.query_row(params![prompt, label], |r| r.get(0)).optional()?.flatten())
}

/// Refuses to take a prompt's name away from under a protected label that was not named again.
pub(super) fn refuse_protected(
    conn: &Connection,
    (prompt, name): (i64, &PromptName),
    confirmed: &[Label],
    verb: &'static str,
) -> Result<()> {
    let labels: Vec<String> = conn
        .prepare_cached(
            "SELECT l.label FROM label l JOIN protected_label p ON p.label = l.label WHERE l.prompt_id = ?1 ORDER BY 1",
        )?
        .query_map([prompt], |r| r.get(0))?
        .collect::<Result<_, _>>()?;
    keeps_name(name, labels, confirmed, verb)
}

/// Where a label stands in all prompts that have it, by content ids.
fn stood(conn: &Connection, label: &Label) -> Result<Value> {
    let mut stmt = conn.prepare(
        "SELECT lower(hex(p.uid)), lower(hex(coalesce(r.named, r.row_digest))) FROM label l JOIN prompt p ON p.id = l.prompt_id \
         JOIN revision r ON r.prompt_id = l.prompt_id AND r.seq = l.seq WHERE l.label = ?1 ORDER BY p.uid",
    )?;
    let rows = stmt.query_map([label.as_str()], |r| Ok((r.get(0)?, Value::String(r.get(1)?))))?;
    Ok(Value::Object(rows.collect::<rusqlite::Result<_>>()?))
}

/// How a label is kept.
fn keeping(conn: &Connection, label: &str) -> Result<Keeping> {
    Ok(Keeping { protected: is_protected(conn, label)?, gate: gate_margin(conn, label)? })
}

/// Sets (or, with `None`, removes) a label inside a transaction; `guard` is (what must be there, confirmed).
pub(super) fn move_label(
    conn: &Connection,
    (prompt, name): (i64, &PromptName),
    label: &Label,
    to: Option<u32>,
    guard: (Option<Option<u32>>, bool),
    cause: &Cause,
) -> Result<LabelMove> {
    let from = present(conn, prompt, label.as_str())?;
    let moved = LabelMove { label: label.to_string(), from, to };
    let (expected, confirmed) = guard;
    let keeping = keeping(conn, label.as_str())?;
    if !(Move { name, label, from, to, expected, keeping, confirmed }).check()? {
        return Ok(moved);
    }
    let kind = match to {
        Some(seq) => {
            conn.prepare_cached("INSERT INTO label (prompt_id, label, seq) VALUES (?1, ?2, ?3) ON CONFLICT (prompt_id, label) DO UPDATE SET seq = ?3")?
                .execute(params![prompt, label.as_str(), seq])?;
            "label_set"
        }
        None => {
            conn.execute(
                "DELETE FROM label WHERE prompt_id = ?1 AND label = ?2",
                params![prompt, label.as_str()],
            )?;
            "label_removed"
        }
    };
    let mut payload = json!({"label": label, "from": from, "to": to});
    if !keeping.protected
        && let Some(payload) = payload.as_object_mut()
    {
        // Where registries are joined, what was moved without consent does not move a label that somebody protected.
        payload.insert("open".to_owned(), true.into());
    }
    log_event(conn, Some(prompt), kind, &payload, cause)?;
    Ok(moved)
}

impl Store {
    /// Points a label at a revision; `expect` makes it a compare-and-set; a protected label needs consent.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] names the present value when the expectation fails; [`StoreError::Invalid`] says which
    /// consent a protected label lacks.
    pub fn set_label(
        &mut self,
        name: &PromptName,
        label: &Label,
        selector: &Selector,
        expect: Option<&Expect>,
        consent: impl Into<Consent>,
        cause: &Cause,
    ) -> Result<LabelMove> {
        let consent = consent.into();
        self.write(|conn| {
            let (prompt, info) = resolve(conn, name, selector)?;
            let expected = match expect {
                None => None,
                Some(Expect::Unset) => Some(None),
                Some(Expect::At(at)) => Some(Some(resolve(conn, name, at)?.1.seq)),
            };
            let (now, to) = (stand(conn, prompt, label.as_str())?, info.seq);
            ask_gate((name, label), keeping(conn, label.as_str())?, now, to, consent)?;
            let named = consent != Consent::Unasked;
            move_label(conn, (prompt, name), label, Some(to), (expected, named), cause)
        })
    }

    /// Removes a label.
    ///
    /// # Errors
    /// When it is not set, or protected and not confirmed.
    pub fn remove_label(
        &mut self,
        name: &PromptName,
        label: &Label,
        confirmed: bool,
        cause: &Cause,
    ) -> Result<LabelMove> {
        self.write(|conn| {
            let prompt = prompt_id(conn, name)?;
            if present(conn, prompt, label.as_str())?.is_none() {
                return Err(StoreError::NotFound(format!("{name} has no label '{label}'")));
            }
            move_label(conn, (prompt, name), label, None, (None, confirmed), cause)
        })
    }

    /// Takes back the last move (of one label, or of any of the prompt's) that was not taken back yet.
    ///
    /// # Errors
    /// When there is none, or the label has since been moved by hand.
    pub fn undo_label(
        &mut self,
        name: &PromptName,
        label: Option<&Label>,
        confirmed: bool,
        cause: &Cause,
    ) -> Result<LabelMove> {
        self.write(|conn| {
            let prompt = prompt_id(conn, name)?;
            let (event, payload) = last_move(conn, prompt, label)?
                .ok_or_else(|| StoreError::NotFound(format!("{name} has no label move to take back")))?;
            let (label, back_to, was) = label_and_ends(event, &payload)?;
            if let Some(seq) = back_to
                && revision_at(conn, prompt, seq)?.is_none()
            {
                return Err(StoreError::Damaged(format!("r{seq} of {name} is missing")));
            }
            let moved = move_label(conn, (prompt, name), &label, back_to, (Some(was), confirmed), cause)?;
            log_event(conn, Some(prompt), "label_undone", &json!({"label": label, "event": event}), cause)?;
            Ok(moved)
        })
    }

    /// What [`Store::undo_label`] would take back: the label, where it was before, and where it stands since.
    ///
    /// # Errors
    /// When there is no such prompt, or no move to take back.
    pub fn last_label_move(&self, name: &PromptName) -> Result<(Label, Option<u32>, Option<u32>)> {
        let prompt = prompt_id(&self.conn, name)?;
        let (event, payload) = last_move(&self.conn, prompt, None)?
            .ok_or_else(|| StoreError::NotFound(format!("{name} has no label move to take back")))?;
        label_and_ends(event, &payload)
    }

    /// Moves of a prompt's labels, newest first.
    ///
    /// # Errors
    /// When there is no such prompt.
    pub fn label_log(&self, name: &PromptName, label: Option<&Label>) -> Result<Vec<EventInfo>> {
        let prompt = prompt_id(&self.conn, name)?;
        let mut stmt = self.conn.prepare_cached(
            "SELECT at, kind, author, reason, payload FROM event WHERE prompt_id = ?1 \
             AND kind IN ('label_set', 'label_removed') AND (?2 IS NULL OR payload ->> 'label' = ?2) ORDER BY id DESC",
        )?;
        Ok(stmt
            .query_map(params![prompt, label.map(Label::as_str)], read_event)?
            .collect::<Result<_, _>>()?)
    }

    /// From now on moving this label (in any prompt) asks for its name and, with `gate`, for a gate of that margin that
    /// has passed; taking a move back and removing the label ask for the name alone. To protect it anew in another way is
    /// to change what guards it, and asks for its name as well; in the same way changes nothing, and is no event.
    ///
    /// # Errors
    /// When its protection would change and that was not `confirmed`, or the registry cannot be written.
    pub fn protect(
        &mut self,
        label: &Label,
        gate: Option<f64>,
        confirmed: bool,
        cause: &Cause,
    ) -> Result<()> {
        self.write(|conn| {
            if !protects(label, keeping(conn, label.as_str())?, gate, confirmed)? {
                return Ok(());
            }
            conn.execute(
                "INSERT INTO protected_label (label) VALUES (?1) ON CONFLICT DO NOTHING",
                [label.as_str()],
            )?;
            let mut payload = gate
                .map_or_else(|| json!({"label": label}), |margin| json!({"label": label, "gate": margin}));
            if let Some(payload) = payload.as_object_mut() {
                payload.insert("stood".to_owned(), stood(conn, label)?);
            }
            log_event(conn, None, "protected", &payload, cause).map(|_| ())
        })
    }

    /// Lifts the protection.
    ///
    /// # Errors
    /// When the label is not protected, or that was not `confirmed`.
    pub fn unprotect(&mut self, label: &Label, confirmed: bool, cause: &Cause) -> Result<()> {
        self.write(|conn| {
            lifts(label, keeping(conn, label.as_str())?, confirmed)?;
            conn.execute("DELETE FROM protected_label WHERE label = ?1", [label.as_str()])?;
            log_event(conn, None, "unprotected", &json!({"label": label}), cause).map(|_| ())
        })
    }

    /// The margin of the gate that a move of this label needs, if it needs one.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub fn gate_of(&self, label: &Label) -> Result<Option<f64>> {
        gate_margin(&self.conn, label.as_str())
    }

    /// What a label's gate holds a move against: where it stands in a prompt's history, or stood before it was removed.
    ///
    /// # Errors
    /// When there is no such prompt.
    pub fn label_stand(&self, name: &PromptName, label: &Label) -> Result<Option<u32>> {
        stand(&self.conn, prompt_id(&self.conn, name)?, label.as_str())
    }

    /// Protected labels, sorted.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub fn protected(&self) -> Result<Vec<String>> {
        let mut stmt = self.conn.prepare_cached("SELECT label FROM protected_label ORDER BY label")?;
        Ok(stmt.query_map([], |r| r.get(0))?.collect::<Result<_, _>>()?)
    }
}

/// The label of a move, from where and to where.
fn label_and_ends(event: i64, payload: &Value) -> Result<(Label, Option<u32>, Option<u32>)> {
    ends(payload).ok_or_else(|| StoreError::Damaged(format!("event {event} names no label")))
}

/// The newest move that is neither taken back nor itself the taking back of one.
fn last_move(conn: &Connection, prompt: i64, label: Option<&Label>) -> Result<Option<(i64, Value)>> {
    let mut stmt = conn.prepare_cached(
        "SELECT id, kind, payload FROM event WHERE prompt_id = ?1 AND kind IN ('label_set','label_removed','label_undone') \
         AND (?2 IS NULL OR payload ->> 'label' = ?2) ORDER BY id DESC",
    )?;
    let rows = stmt.query_map(params![prompt, label.map(Label::as_str)], |row| {
        let payload: String = row.get(2)?;
        Ok((row.get(0)?, row.get(1)?, serde_json::from_str(&payload).unwrap_or(Value::Null)))
    })?;
    Ok(rules::labels::last_move(rows.collect::<rusqlite::Result<Vec<_>>>()?))
}
