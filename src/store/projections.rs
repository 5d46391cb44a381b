//! What is rebuilt from events and compared with what the tables say: names, archive flags, descriptions, labels,
//! protected labels, tags, newest revisions and the search index.
//!
//! ```text
//! prompt + its events, oldest first -> Told --+-- as the tables say? fine
//!                                             +-- not? a fault each, with what to do
//! ```

use super::fsck::RESTORE;
use super::prompts::prompt_digest;
use super::rows::FsckReport;
use super::{Result, Store, said, search};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What the events say, taken together.
#[derive(Default)]
struct Told {
    names: BTreeMap<i64, String>,
    archived: BTreeSet<i64>,
    descriptions: BTreeMap<i64, String>,
    /// (prompt, label) to sequence number.
    labels: BTreeMap<(i64, String), i64>,
    /// (prompt, sequence number, tag).
    tags: BTreeSet<(i64, i64, String)>,
    protected: BTreeSet<String>,
}

impl Told {
    fn hear(&mut self, prompt: Option<i64>, kind: &str, payload: &Value) {
        let text = |key: &str| payload.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let number = |key: &str| payload.get(key).and_then(Value::as_i64).unwrap_or(0);
        let list = |key: &str| -> Vec<String> {
            let values = payload.get(key).and_then(Value::as_array);
            values.into_iter().flatten().filter_map(|v| Some(v.as_str()?.to_owned())).collect()
        };
        let Some(id) = prompt else {
            match kind {
                "protected" => _ = self.protected.insert(text("label")),
                "unprotected" => _ = self.protected.remove(&text("label")),
                _ => {}
            }
            return;
        };
        match kind {
            "label_set" => _ = self.labels.insert((id, text("label")), number("to")),
            "label_removed" => _ = self.labels.remove(&(id, text("label"))),
            "archived" => _ = self.archived.insert(id),
            "unarchived" => _ = self.archived.remove(&id),
            "renamed" => _ = self.names.insert(id, text("to")),
            "described" => _ = self.descriptions.insert(id, text("to")),
            "tagged" => {
                self.tags.extend(list("add").into_iter().map(|tag| (id, number("seq"), tag)));
                for tag in list("remove") {
                    self.tags.remove(&(id, number("seq"), tag));
                }
            }
            _ => {}
        }
    }
}

impl Store {
    /// Compares the projections with the events they follow from.
    pub(super) fn check_projections(&self, report: &mut FsckReport) -> Result<()> {
        let mut told = Told::default();
        self.each("SELECT prompt_id, kind, payload FROM event ORDER BY id", |r| {
            let payload = serde_json::from_str(&r.get::<_, String>(2)?).unwrap_or(Value::Null);
            told.hear(r.get(0)?, &r.get::<_, String>(1)?, &payload);
            Ok(())
        })?;
        self.check_prompts(&told, report)?;
        self.check_labels(&told, report)?;
        let mut tags = BTreeSet::new();
        let sql =
            "SELECT r.prompt_id, r.seq, t.tag FROM revision_tag t JOIN revision r ON r.id = t.revision_id";
        self.each(sql, |r| {
            report.count("tag");
            tags.insert((r.get(0)?, r.get(1)?, r.get(2)?));
            Ok(())
        })?;
        for (prompt, seq, tag) in tags.symmetric_difference(&told.tags) {
            let place = format!("tag {tag} of r{seq} of prompt {prompt}");
            report.fault(place, "it differs from its log", "add or remove the tag again as it should be");
        }
        Ok(())
    }

    fn check_prompts(&self, told: &Told, report: &mut FsckReport) -> Result<()> {
        let sql = "SELECT p.id, p.name, p.first_name, p.created_at, p.row_digest, p.archived, p.description, p.latest, \
            coalesce((SELECT max(seq) FROM revision r WHERE r.prompt_id = p.id), 0), \
            (SELECT count(*) FROM revision r WHERE r.prompt_id = p.id) FROM prompt p";
        self.each(sql, |r| {
            report.count("prompt");
            let (id, name, first): (i64, String, String) = (r.get(0)?, r.get(1)?, r.get(2)?);
            let (newest, highest, count): (i64, i64, i64) = (r.get(7)?, r.get(8)?, r.get(9)?);
            let place = || format!("prompt {name}");
            if prompt_digest(&first, &r.get::<_, String>(3)?).as_bytes() != r.get::<_, Vec<u8>>(4)? {
                report.fault(place(), "where it comes from does not fit its digest", RESTORE);
            }
            if newest != highest || count != highest {
                let what = format!("newest is r{newest}, its rows end at r{highest} ({count} of them)");
                report.fault(place(), what, RESTORE);
            }
            let named = told.names.get(&id).unwrap_or(&first);
            if *named != name || told.archived.contains(&id) != r.get::<_, bool>(5)? {
                let what = format!("name or archive flag differ from its log, by which it is {named}");
                report.fault(place(), what, RESTORE);
            }
            if told.descriptions.get(&id).map_or("", String::as_str) != r.get::<_, String>(6)? {
                report.fault(place(), "its description differs from its log", "describe it again");
            }
            Ok(())
        })
    }

    fn check_labels(&self, told: &Told, report: &mut FsckReport) -> Result<()> {
        let mut stored: BTreeMap<(i64, String), i64> = BTreeMap::new();
        self.each("SELECT prompt_id, label, seq FROM label", |r| {
            report.count("label");
            stored.insert((r.get(0)?, r.get(1)?), r.get(2)?);
            Ok(())
        })?;
        let at = |seq: Option<&i64>| seq.map_or_else(|| "not set".to_owned(), |s| format!("at r{s}"));
        for key in told.labels.keys().chain(stored.keys()).collect::<BTreeSet<_>>() {
            let (log, table) = (told.labels.get(key), stored.get(key));
            if log != table {
                let what = format!("by its log it is {}, in the table {}", at(log), at(table));
                let place = format!("label {} of prompt {}", key.1, key.0);
                report.fault(place, what, "set the label again where it belongs");
            }
        }
        let mut protected = BTreeSet::new();
        self.each("SELECT label FROM protected_label", |r| {
            protected.insert(r.get::<_, String>(0)?);
            Ok(())
        })?;
        for label in protected.symmetric_difference(&told.protected) {
            report.fault(
                format!("label {label}"),
                "whether it is protected differs from its log",
                "protect or unprotect it again",
            );
        }
        Ok(())
    }

    /// The search index against the texts it was made of.
    pub(super) fn check_index(&self, report: &mut FsckReport) -> Result<()> {
        let mut faults = Vec::new();
        let lines = search::check(&self.conn, |place, what| faults.push((place, what.to_owned())))?;
        report.checked.insert("line".into(), lines);
        for (place, what) in faults {
            let advice = "only searching is affected; `assize restore BACKUP`, or export all and import it into a new registry";
            report.fault(place, what, advice);
        }
        for index in said::ALL {
            let bad = index.check(&self.conn)?;
            if let Some(first) = bad.first() {
                let what = format!("it differs from {} of its texts, as that of row {first}", bad.len());
                report.fault(
                    format!("search index {}", index.name),
                    what,
                    "only searching is affected; `assize restore BACKUP`",
                );
            }
        }
        Ok(())
    }
}
