//! Moves of labels: compare-and-set, protection, gates.

use crate::core::prompt::{Label, PromptName};
use crate::store::error::{Guarded, Result, StoreError};
use serde_json::Value;
use std::collections::HashSet;

/// What the mover of a protected label brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consent {
    /// Nothing: a protected label stays.
    Unasked,
    /// Its name, typed again.
    Named,
    /// Its name, and a gate that has passed.
    Gated,
}

impl From<bool> for Consent {
    fn from(named: bool) -> Self {
        if named { Self::Named } else { Self::Unasked }
    }
}

/// How a label is kept.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(in crate::store) struct Keeping {
    /// It moves with consent only.
    pub protected: bool,
    /// The largest drop that a gate before a move lets pass, where its protection asks for one.
    pub gate: Option<f64>,
}

/// A move of a label that somebody wants.
#[derive(Debug, Clone, Copy)]
pub(in crate::store) struct Move<'a> {
    pub name: &'a PromptName,
    pub label: &'a Label,
    /// Where it stands.
    pub from: Option<u32>,
    /// Where it is to stand; nowhere when it is removed.
    pub to: Option<u32>,
    /// Where it must stand for the move to go ahead.
    pub expected: Option<Option<u32>>,
    pub keeping: Keeping,
    pub confirmed: bool,
}

impl Move<'_> {
    /// Whether the move changes anything.
    ///
    /// # Errors
    /// When the label stands elsewhere than expected, or is protected and nobody confirmed it.
    pub fn check(&self) -> Result<bool> {
        if let Some(expected) = self.expected
            && expected != self.from
        {
            return Err(StoreError::Conflict(format!(
                "{}: {} is {}, and was expected to be {}; nothing was changed",
                self.name,
                self.label,
                shown(self.from),
                shown(expected)
            )));
        }
        if self.from == self.to {
            return Ok(false);
        }
        if self.keeping.protected && !self.confirmed {
            return Err(StoreError::Protected { label: self.label.to_string(), against: Guarded::Move });
        }
        Ok(true)
    }
}

/// Refuses a move that a gate has to let pass first. `stands`: where the label stands, or stood before it was removed: what a
/// gate holds a move against.
pub(in crate::store) fn ask_gate(
    (name, label): (&PromptName, &Label),
    keeping: Keeping,
    stands: Option<u32>,
    to: u32,
    consent: Consent,
) -> Result<()> {
    match (stands, keeping.gate) {
        (Some(now), Some(margin)) if consent != Consent::Gated && now != to => {
            Err(StoreError::NeedsGate { name: name.to_string(), label: label.to_string(), now, to, margin })
        }
        _ => Ok(()),
    }
}

/// Whether protecting a label in this way changes anything.
///
/// # Errors
/// When it is protected in another way and nobody confirmed the change.
pub(in crate::store) fn protects(
    label: &Label,
    keeping: Keeping,
    gate: Option<f64>,
    confirmed: bool,
) -> Result<bool> {
    if keeping.protected && keeping.gate == gate {
        return Ok(false);
    }
    if keeping.protected && !confirmed {
        let against = Guarded::Change { is: keeping.gate, wanted: gate };
        return Err(StoreError::Protected { label: label.to_string(), against });
    }
    Ok(true)
}

/// Refuses to lift a protection that nobody confirmed to be meant, or that is not there.
pub(in crate::store) fn lifts(label: &Label, keeping: Keeping, confirmed: bool) -> Result<()> {
    match (keeping.protected, confirmed) {
        (false, _) => Err(StoreError::NotFound(format!("'{label}' is not protected"))),
        (true, false) => Err(StoreError::Protected { label: label.to_string(), against: Guarded::Lift }),
        (true, true) => Ok(()),
    }
}

/// Refuses to take a prompt's name away from under a protected label that was not named again. `protected`: those that the
/// prompt carries.
pub(in crate::store) fn keeps_name(
    name: &PromptName,
    protected: Vec<String>,
    confirmed: &[Label],
    verb: &'static str,
) -> Result<()> {
    match protected.into_iter().find(|label| !confirmed.iter().any(|c| c.as_str() == label)) {
        None => Ok(()),
        Some(label) => {
            let against = Guarded::Name { name: name.to_string(), verb };
            Err(StoreError::Protected { label, against })
        }
    }
}

/// The newest move that is neither taken back nor itself the taking back of one. `events`: a prompt's events about labels, the
/// newest first, each with its number, kind and payload.
pub(in crate::store) fn last_move(
    events: impl IntoIterator<Item = (i64, String, Value)>,
) -> Option<(i64, Value)> {
    let (mut undone, mut skip_next) = (HashSet::new(), false);
    for (id, kind, payload) in events {
        match kind.as_str() {
            "label_undone" => {
                undone.extend(payload.get("event").and_then(Value::as_i64));
                // The move just before it is the one that carried out the undoing.
                skip_next = true;
            }
            "label_set" | "label_removed" if skip_next => skip_next = false,
            "label_set" | "label_removed" if !undone.contains(&id) => return Some((id, payload)),
            _ => {}
        }
    }
    None
}

/// The label of a move, from where and to where; `None` where its event names no label.
pub(in crate::store) fn ends(payload: &Value) -> Option<(Label, Option<u32>, Option<u32>)> {
    let seq = |key: &str| payload.get(key).and_then(Value::as_u64).and_then(|n| u32::try_from(n).ok());
    let label = payload.get("label").and_then(Value::as_str).and_then(|l| l.parse().ok())?;
    Some((label, seq("from"), seq("to")))
}

fn shown(seq: Option<u32>) -> String {
    seq.map_or_else(|| "not set".to_owned(), |s| format!("at r{s}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_expected_comes_before_what_is_protected() {
        let (name, label) = ("p".parse().unwrap(), "production".parse().unwrap());
        let keeping = Keeping { protected: true, gate: None };
        let moved = Move {
            name: &name,
            label: &label,
            from: Some(1),
            to: Some(2),
            expected: None,
            keeping,
            confirmed: false,
        };
        assert!(matches!(moved.check(), Err(StoreError::Protected { .. })));
        assert!(matches!(Move { expected: Some(None), ..moved }.check(), Err(StoreError::Conflict(_))));
        assert!(!Move { to: Some(1), ..moved }.check().unwrap(), "it stands there already");
        assert!(Move { confirmed: true, ..moved }.check().unwrap());
        let gated = Keeping { gate: Some(0.2), ..keeping };
        let ask = |stands, to, consent| ask_gate((&name, &label), gated, stands, to, consent);
        assert!(matches!(ask(Some(1), 2, Consent::Named), Err(StoreError::NeedsGate { .. })));
        assert!(ask(Some(1), 2, Consent::Gated).is_ok() && ask(None, 2, Consent::Named).is_ok());
        assert!(ask(Some(2), 2, Consent::Named).is_ok());
        assert!(!protects(&label, gated, Some(0.2), false).unwrap());
        assert!(matches!(protects(&label, gated, None, false), Err(StoreError::Protected { .. })));
        assert!(lifts(&label, Keeping::default(), true).is_err() && lifts(&label, keeping, true).is_ok());
    }
}
