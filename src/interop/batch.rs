//! What an importer makes of a source, before anything is stored: what comes in, what each field became, what is refused.
//!
//! ```text
//! Source --Importer::read--> Batch { prompts, sets, rubrics, refused, ledger, notes } --one transaction--> the registry
//! ```
//! The ledger accounts for each leaf of the source: kept (with its target), metadata, or dropped (and why). What an importer
//! did not speak of is dropped, and said so.

use crate::core::item::{Case, Item};
use crate::core::rubric::Rubric;
use crate::store::NewRevision;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// A row, an entry or a file that does not come in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refused {
    /// The file, with the line or the pointer of the entry where there is one: `cases.csv line 3`, `results.json /results/4`.
    pub place: String,
    /// What is wrong, and what to do.
    pub why: String,
}

/// What a field of the source became.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldFate {
    /// Its path, with `[]` for each entry of a list and `*` for each key of a map: `results[].response.output`.
    pub field: String,
    /// A target (`vars.q`, `reference`, `template`), `metadata` or `dropped`.
    pub to: String,
    /// Why.
    pub why: String,
}

/// Where a dropped field goes.
pub const DROPPED: &str = "dropped";
/// Where a field goes that is kept beside a prompt.
pub const METADATA: &str = "metadata";

/// Cases or items, for one set.
#[derive(Debug, Clone, PartialEq)]
pub enum BatchRows {
    /// Inputs.
    Cases(Vec<Case>),
    /// Prompts with responses, and verdicts that came with them.
    Items(Vec<Item>),
}

impl BatchRows {
    /// How many there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Cases(rows) => rows.len(),
            Self::Items(rows) => rows.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What comes in.
#[derive(Debug, Default)]
pub struct Batch {
    /// Revisions, in their order.
    pub prompts: Vec<NewRevision>,
    /// Sets by name.
    pub sets: Vec<(String, BatchRows)>,
    /// Criteria that came along.
    pub rubrics: Vec<Rubric>,
    /// What does not come in.
    pub refused: Vec<Refused>,
    /// What each field became.
    pub ledger: Ledger,
    /// What a user should know besides.
    pub notes: Vec<String>,
}

impl Batch {
    /// Whether nothing would come in.
    pub fn is_empty(&self) -> bool {
        self.prompts.is_empty()
            && self.rubrics.is_empty()
            && self.sets.iter().all(|(_, rows)| rows.is_empty())
    }

    /// Leaves an entry out.
    pub fn refuse(&mut self, place: impl Into<String>, why: impl Into<String>) {
        self.refused.push(Refused { place: place.into(), why: why.into() });
    }

    /// Tells something once.
    pub fn note(&mut self, words: impl Into<String>) {
        let words = words.into();
        if !self.notes.contains(&words) {
            self.notes.push(words);
        }
    }

    /// Adds what another source gave; sets of one name and kind are joined, their later rows behind.
    pub fn join(&mut self, other: Self) {
        self.prompts.extend(other.prompts);
        for (name, rows) in other.sets {
            let same = self.sets.iter_mut().find(|(known, _)| *known == name).map(|(_, rows)| rows);
            match (same, rows) {
                (Some(BatchRows::Cases(all)), BatchRows::Cases(more)) => all.extend(more),
                (Some(BatchRows::Items(all)), BatchRows::Items(more)) => all.extend(more),
                (_, rows) => self.sets.push((name, rows)),
            }
        }
        self.rubrics.extend(other.rubrics);
        self.refused.extend(other.refused);
        self.ledger.join(other.ledger);
        other.notes.into_iter().for_each(|note| self.note(note));
    }
}

/// What each field of a source became.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Ledger {
    entries: Vec<BatchEntry>,
    fields: BTreeMap<String, (String, String)>,
}

#[derive(Debug, Clone, PartialEq)]
struct BatchEntry {
    pattern: Vec<String>,
    to: String,
    why: String,
}

impl Ledger {
    /// Says what all leaves became whose path fits `pattern`: names with points between, `[]` for entries of a list, `*` for any
    /// key, and `**` at the end for all below. What is said first counts.
    pub fn say(&mut self, pattern: &str, to: &str, why: &str) {
        self.entries.push(BatchEntry { pattern: split(pattern), to: to.to_owned(), why: why.to_owned() });
    }

    /// As [`Ledger::say`], where a name may itself hold points and brackets (a column, a variable).
    pub fn say_name(&mut self, name: &str, to: &str, why: &str) {
        self.entries.push(BatchEntry {
            pattern: vec![name.to_owned()],
            to: to.to_owned(),
            why: why.to_owned(),
        });
    }

    /// Several that are dropped for one reason.
    pub fn drop_all(&mut self, patterns: &[&str], why: &str) {
        patterns.iter().for_each(|pattern| self.say(pattern, DROPPED, why));
    }

    /// Goes through a source, leaf by leaf; what nobody spoke of is dropped.
    pub fn account(&mut self, source: &Value) {
        let mut path = Vec::new();
        self.walk(source, &mut path);
    }

    fn walk(&mut self, value: &Value, path: &mut Vec<String>) {
        match value {
            Value::Object(map) if !map.is_empty() => {
                for (key, value) in map {
                    path.push(key.clone());
                    self.walk(value, path);
                    path.pop();
                }
            }
            Value::Array(list) if !list.is_empty() => {
                path.push("[]".to_owned());
                list.iter().for_each(|value| self.walk(value, path));
                path.pop();
            }
            _ => self.leaf(path),
        }
    }

    fn leaf(&mut self, path: &[String]) {
        let (field, to, why) = match self.entries.iter().find(|entry| fits(&entry.pattern, path)) {
            Some(entry) => (shown(path, &entry.pattern), entry.to.clone(), entry.why.clone()),
            None => (shown(path, path), DROPPED.to_owned(), "has no counterpart here".to_owned()),
        };
        self.fields.entry(field).or_insert((to, why));
    }

    fn join(&mut self, other: Self) {
        for (field, became) in other.fields {
            self.fields.entry(field).or_insert(became);
        }
    }

    /// What became of each field that was there.
    pub fn fields(&self) -> Vec<FieldFate> {
        let of = |(field, (to, why)): (&String, &(String, String))| FieldFate {
            field: field.clone(),
            to: to.clone(),
            why: why.clone(),
        };
        self.fields.iter().map(of).collect()
    }

    /// What the leaf at `path` (names, and `[]` for entries of lists) became.
    pub fn became(&self, path: &[String]) -> Option<&str> {
        self.entries.iter().find(|entry| fits(&entry.pattern, path)).map(|entry| entry.to.as_str())
    }
}

/// `a[].b` as `a`, `[]`, `b`.
fn split(pattern: &str) -> Vec<String> {
    let mut out = Vec::new();
    for part in pattern.split('.') {
        let name = part.trim_end_matches("[]");
        if !name.is_empty() {
            out.push(name.to_owned());
        }
        out.extend(std::iter::repeat_n("[]".to_owned(), (part.len() - name.len()) / 2));
    }
    out
}

fn fits(pattern: &[String], path: &[String]) -> bool {
    let (open, pattern) = match pattern.split_last() {
        Some((last, rest)) if last == "**" => (true, rest),
        _ => (false, pattern),
    };
    (path.len() == pattern.len() || open && path.len() > pattern.len() || open && path.len() == pattern.len())
        && pattern.iter().zip(path).all(|(want, got)| want == got || (want == "*" && got != "[]"))
}

/// The path as a field is shown: keys of a map as `*` where the pattern says so, all below a `**` as one.
fn shown(path: &[String], pattern: &[String]) -> String {
    let mut out = String::new();
    for (at, name) in path.iter().enumerate() {
        match pattern.get(at).map(String::as_str) {
            Some("**") => {
                out.push_str(".**");
                break;
            }
            Some("*") => out.push_str(".*"),
            _ if name == "[]" => out.push_str("[]"),
            _ => {
                out.push('.');
                out.push_str(name);
            }
        }
    }
    out.trim_start_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_leaf_is_accounted_for_and_what_nobody_spoke_of_is_dropped() {
        let mut ledger = Ledger::default();
        ledger.say("rows[].vars.*", "vars.*", "a variable");
        ledger.say("rows[].out", "response", "the answer");
        ledger.say("config.**", DROPPED, "may hold keys");
        ledger.say_name("a.b[]", METADATA, "a column");
        ledger.account(&json!({
            "rows": [{"vars": {"q": 1, "z": [2]}, "out": "x"}, {"vars": {}, "out": null, "more": {"deep": [[1]]}}],
            "config": {"key": ["sk"], "n": 1}, "a.b[]": 3, "empty": []
        }));
        let fields: Vec<_> = ledger.fields().into_iter().map(|f| (f.field, f.to)).collect();
        let expected = [
            ("a.b[]", "metadata"),
            ("config.**", "dropped"),
            ("empty", "dropped"),
            ("rows[].more.deep[][]", "dropped"),
            ("rows[].out", "response"),
            ("rows[].vars", "dropped"),
            ("rows[].vars.*", "vars.*"),
            ("rows[].vars.z[]", "dropped"),
        ];
        assert_eq!(fields, expected.map(|(field, to)| (field.to_owned(), to.to_owned())));
    }

    #[test]
    fn joined_batches_keep_their_rows_apart_by_set() {
        let case = |id: &str| Case {
            id: id.into(),
            vars: Default::default(),
            reference: None,
            tags: vec![],
            cluster: None,
        };
        let batch = |set: &str, id: &str| Batch {
            sets: vec![(set.into(), BatchRows::Cases(vec![case(id)]))],
            ..Batch::default()
        };
        let mut all = batch("s", "1");
        all.join(batch("s", "2"));
        all.join(batch("t", "3"));
        assert_eq!(
            all.sets.iter().map(|(n, r)| (n.as_str(), r.len())).collect::<Vec<_>>(),
            [("s", 2), ("t", 1)]
        );
        assert!(!all.is_empty() && Batch::default().is_empty());
    }
}
