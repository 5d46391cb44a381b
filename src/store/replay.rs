//! What events say, taken together: names, archive flags, descriptions, labels, protections, tags. Pure: no registry is read.
//!
//! ```text
//! events in their order -> hear -> where each label stands -- a move that did not see where it stood? the later in the order
//!                                                             wins; a protected label stays; a conflict until it is moved again
//! ```

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Where a label stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Stand {
    /// Number of the revision; nothing when it was removed.
    pub at: Option<i64>,
    /// Where the move would have it that did not win: somebody has to settle it.
    pub other: Option<Option<i64>>,
}

/// What the events say, taken together.
#[derive(Default)]
pub(super) struct Projections {
    pub names: BTreeMap<i64, String>,
    pub archived: BTreeSet<i64>,
    pub descriptions: BTreeMap<i64, String>,
    /// By prompt and label.
    pub labels: BTreeMap<(i64, String), Stand>,
    /// (prompt, sequence number, tag).
    pub tags: BTreeSet<(i64, i64, String)>,
    pub protected: BTreeSet<String>,
}

impl Projections {
    /// Where a label stands in a prompt.
    pub(super) fn stand(&self, key: &(i64, String)) -> Option<i64> {
        self.labels.get(key).and_then(|stand| stand.at)
    }

    /// Takes in the next event; `stood` says where a label stood, in which prompts, when it was protected.
    pub(super) fn hear(&mut self, prompt: Option<i64>, kind: &str, payload: &Value, stood: &[(i64, i64)]) {
        let text = |key: &str| payload.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let number = |key: &str| payload.get(key).and_then(Value::as_i64);
        let list = |key: &str| -> Vec<String> {
            let values = payload.get(key).and_then(Value::as_array);
            values.into_iter().flatten().filter_map(|v| Some(v.as_str()?.to_owned())).collect()
        };
        let Some(id) = prompt else {
            match kind {
                "protected" => self.protect(text("label"), stood, payload.get("stood").is_some()),
                "unprotected" => _ = self.protected.remove(&text("label")),
                _ => {}
            }
            return;
        };
        match kind {
            "label_set" | "label_removed" => {
                let to = number("to").filter(|_| kind == "label_set");
                let open = payload.get("open") == Some(&Value::Bool(true));
                self.move_label((id, text("label")), number("from"), to, open);
            }
            "archived" => _ = self.archived.insert(id),
            "unarchived" => _ = self.archived.remove(&id),
            "renamed" => _ = self.names.insert(id, text("to")),
            "described" => _ = self.descriptions.insert(id, text("to")),
            "tagged" => {
                let seq = number("seq").unwrap_or(0);
                self.tags.extend(list("add").into_iter().map(|tag| (id, seq, tag)));
                for tag in list("remove") {
                    self.tags.remove(&(id, seq, tag));
                }
            }
            _ => {}
        }
    }

    /// `open`: the mover knew of no protection.
    fn move_label(&mut self, key: (i64, String), from: Option<i64>, to: Option<i64>, open: bool) {
        let protected = self.protected.contains(&key.1);
        let stand = self.labels.entry(key).or_default();
        let unseen = stand.at != from;
        if protected && (unseen || open) {
            stand.other = Some(to).filter(|to| *to != stand.at);
            return;
        }
        let before = std::mem::replace(&mut stand.at, to);
        stand.other = (unseen && before != to).then_some(before);
    }

    /// A label stays where it stood for whoever protected it.
    fn protect(&mut self, label: String, stood: &[(i64, i64)], told: bool) {
        let fresh = self.protected.insert(label.clone());
        if !fresh || !told {
            return;
        }
        for ((prompt, name), stand) in &mut self.labels {
            let then = stood.iter().find(|(p, _)| p == prompt).map(|(_, seq)| *seq);
            if *name == label && stand.at != then {
                stand.other = Some(stand.at);
                stand.at = then;
            }
        }
    }
}

/// The name of a prompt that another live one has as well.
pub(super) fn beside_another(name: &str, uid: &[u8]) -> String {
    let uid: String = uid.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    format!("{name}-{uid}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn set(from: Option<i64>, to: Option<i64>) -> Value {
        json!({"label": "production", "from": from, "to": to})
    }

    #[test]
    fn a_move_that_did_not_see_the_one_before_it_is_a_conflict_until_somebody_moves_again() {
        let (mut told, key) = (Projections::default(), (1, "production".to_owned()));
        told.hear(Some(1), "label_set", &set(None, Some(3)), &[]);
        assert_eq!(told.labels[&key], Stand { at: Some(3), other: None });
        told.hear(Some(1), "label_set", &set(Some(3), Some(4)), &[]);
        told.hear(Some(1), "label_set", &set(Some(3), Some(5)), &[]);
        assert_eq!(told.labels[&key], Stand { at: Some(5), other: Some(Some(4)) });
        told.hear(Some(1), "label_set", &set(Some(5), Some(4)), &[]);
        assert_eq!(told.labels[&key], Stand { at: Some(4), other: None });
    }

    #[test]
    fn a_protected_label_stays_where_it_stood_for_whoever_protected_it() {
        let (mut told, key) = (Projections::default(), (1, "production".to_owned()));
        let open = |from, to| {
            let mut payload = set(from, to);
            payload["open"] = json!(true);
            payload
        };
        let protect = json!({"label": "production", "stood": {}});
        told.hear(Some(1), "label_set", &open(None, Some(3)), &[]);
        // Moved elsewhere, unseen by who protects it.
        told.hear(Some(1), "label_set", &open(Some(3), Some(4)), &[]);
        told.hear(None, "protected", &protect, &[(1, 3)]);
        assert_eq!(told.labels[&key], Stand { at: Some(3), other: Some(Some(4)) });
        // And by somebody who did not know that it is protected.
        told.hear(Some(1), "label_set", &open(Some(3), Some(5)), &[]);
        assert_eq!(told.labels[&key].at, Some(3));
        // A move with consent that saw where it stood.
        told.hear(Some(1), "label_set", &set(Some(3), Some(6)), &[]);
        assert_eq!(told.labels[&key], Stand { at: Some(6), other: None });
        // Two that did not see each other: the first moved it.
        told.hear(Some(1), "label_set", &set(Some(3), Some(7)), &[]);
        assert_eq!(told.labels[&key], Stand { at: Some(6), other: Some(Some(7)) });
    }
}
