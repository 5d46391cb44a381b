//! Judges that are no longer to be used, and what rests on them.
//!
//! ```text
//! retire -> event judge_retired (fingerprint) --newest event of a fingerprint decides--> retired, or not
//! back   -> event judge_unretired                          \--> RunInfo::retired, the refusal of new runs
//! ```
//! Nothing of a run changes: its scores stay what they were, and say whose they are.

use super::events::log_event;
use super::rows::Cause;
use super::{Result, Store};
use crate::core::digest::Digest;
use crate::core::prompt::{Label, PromptName};
use serde::Serialize;
use serde_json::json;
use std::collections::BTreeMap;

/// When and why a judge was retired.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Retired {
    /// RFC 3339.
    pub at: String,
    /// As given.
    pub reason: Option<String>,
}

/// A label whose revision was judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelUse {
    /// The prompt.
    pub name: PromptName,
    /// The label.
    pub label: Label,
    /// The revision it points at.
    pub seq: u32,
    /// Ids of the runs that judged that revision's responses.
    pub runs: Vec<String>,
}

const RETIRED: &str = "judge_retired";
const BACK: &str = "judge_unretired";

/// Since when the judge of the run `r` is retired; NULL where it is not. Events that belong to no prompt are few, and an
/// index finds them.
pub(super) const RETIRED_AT: &str = "(SELECT CASE e.kind WHEN 'judge_retired' THEN e.at END FROM event e \
    WHERE e.prompt_id IS NULL AND e.kind IN ('judge_retired', 'judge_unretired') \
    AND e.payload ->> 'fingerprint' = lower(hex(r.fingerprint)) ORDER BY e.id DESC LIMIT 1)";

impl Store {
    /// Marks a judge as retired (or, with `back`, takes that back); false when it already is so.
    ///
    /// # Errors
    /// When the registry cannot be written.
    pub fn retire_judge(
        &mut self,
        fingerprint: &Digest,
        name: &str,
        back: bool,
        cause: &Cause,
    ) -> Result<bool> {
        if self.retired_judges()?.contains_key(fingerprint) != back {
            return Ok(false);
        }
        let payload = json!({"fingerprint": fingerprint, "judge": name});
        let kind = if back { BACK } else { RETIRED };
        self.write(|conn| log_event(conn, None, kind, &payload, cause).map(|_| true))
    }

    /// All judges that are retired now, by fingerprint.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub fn retired_judges(&self) -> Result<BTreeMap<Digest, Retired>> {
        let mut stmt = self.conn.prepare_cached(
            "SELECT kind, payload ->> 'fingerprint', at, reason FROM event \
             WHERE prompt_id IS NULL AND kind IN ('judge_retired', 'judge_unretired') ORDER BY id",
        )?;
        let mut rows = stmt.query([])?;
        let mut retired = BTreeMap::new();
        while let Some(row) = rows.next()? {
            let Some(fingerprint) = row.get::<_, Option<String>>(1)?.and_then(|f| f.parse().ok()) else {
                continue;
            };
            if row.get_ref(0)?.as_str().is_ok_and(|kind| kind == RETIRED) {
                retired.insert(fingerprint, Retired { at: row.get(2)?, reason: row.get(3)? });
            } else {
                retired.remove(&fingerprint);
            }
        }
        Ok(retired)
    }

    /// Labels that point at a revision whose responses were judged, with the runs that did: what a later comparison with
    /// that label rests on.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub fn judged_labels(&self) -> Result<Vec<LabelUse>> {
        let mut stmt = self.conn.prepare_cached(
            "SELECT DISTINCT p.name, l.label, l.seq, i.run_id FROM label l \
             JOIN prompt p ON p.id = l.prompt_id AND p.archived = 0 \
             JOIN arm a ON a.prompt_id = l.prompt_id AND a.seq = l.seq \
             JOIN run_item i ON i.arm_id = a.id ORDER BY p.name, l.label, i.run_id",
        )?;
        let mut rows = stmt.query([])?;
        let mut found: Vec<LabelUse> = Vec::new();
        while let Some(row) = rows.next()? {
            let (name, label): (String, String) = (row.get(0)?, row.get(1)?);
            let (Ok(name), Ok(label)) = (name.parse::<PromptName>(), label.parse::<Label>()) else {
                continue;
            };
            let (seq, run) = (row.get(2)?, row.get(3)?);
            match found.last_mut().filter(|last| last.name == name && last.label == label) {
                Some(last) => last.runs.push(run),
                None => found.push(LabelUse { name, label, seq, runs: vec![run] }),
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_event_of_a_fingerprint_decides() {
        let mut store = Store::in_memory().unwrap();
        let [one, two] = ["one", "two"].map(Digest::of);
        let why = Cause { author: Some("ana".into()), reason: Some("shut down".into()) };
        assert!(store.retire_judge(&one, "main", false, &why).unwrap());
        assert!(!store.retire_judge(&one, "main", false, &why).unwrap(), "it is so already");
        assert!(!store.retire_judge(&two, "main", true, &why).unwrap(), "there is nothing to take back");
        let now = store.retired_judges().unwrap();
        assert_eq!(now.keys().collect::<Vec<_>>(), [&one]);
        assert_eq!(now[&one].reason.as_deref(), Some("shut down"));
        assert!(store.retire_judge(&one, "main", true, &why).unwrap());
        assert!(store.retired_judges().unwrap().is_empty());
        assert_eq!(store.fsck().unwrap().faults, []);
    }
}
