//! What is rebuilt from events and compared with what the tables say: names, archive flags, descriptions, labels,
//! protected labels, tags, newest revisions and the search index.
//!
//! ```text
//! prompt + its events, oldest first -> Told --+-- as the tables say? fine
//!                                             +-- not? a fault each, with what to do
//! ```

use super::digest_fields::{Covered, prompt_uid};
use super::replay::{Projections, beside_another};
use super::report::{Advice, RESTORE};
use super::rows::FsckReport;
use super::{Result, Store, search, text_index};
use crate::core::digest::Digest;
use rusqlite::{Connection, OptionalExtension};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// All events in their order, taken together.
pub(super) fn told(conn: &Connection) -> Result<Projections> {
    let mut told = Projections::default();
    let mut stmt = conn.prepare("SELECT prompt_id, kind, payload FROM event ORDER BY id")?;
    let mut rows = stmt.query([])?;
    while let Some(r) = rows.next()? {
        let (kind, payload): (String, String) = (r.get(1)?, r.get(2)?);
        let payload = serde_json::from_str(&payload).unwrap_or(Value::Null);
        let stood = if kind == "protected" { stood(conn, &payload)? } else { Vec::new() };
        told.hear(r.get(0)?, &kind, &payload, &stood);
    }
    Ok(told)
}

/// Where a label stood in which prompts when it was protected: numbers here for the content ids that the event holds.
fn stood(conn: &Connection, payload: &Value) -> Result<Vec<(i64, i64)>> {
    let mut find = conn.prepare_cached(
        "SELECT p.id, r.seq FROM prompt p JOIN revision r ON r.prompt_id = p.id AND coalesce(r.named, r.row_digest) = ?2 \
         WHERE p.uid = ?1",
    )?;
    let mut out = Vec::new();
    for (prompt, revision) in payload.get("stood").and_then(Value::as_object).into_iter().flatten() {
        let (Ok(prompt), Some(revision)) =
            (prompt.parse::<Digest>(), revision.as_str().and_then(|r| r.parse::<Digest>().ok()))
        else {
            continue;
        };
        let found = find
            .query_row([prompt.as_bytes(), revision.as_bytes()], |r| Ok((r.get(0)?, r.get(1)?)))
            .optional()?;
        out.extend(found);
    }
    Ok(out)
}

/// What prompts are called: by their events, and of two live ones of one name that of the lower uid has it; the other has
/// the beginning of its uid behind it until one of them is renamed or archived.
pub(super) fn names_in_force(conn: &Connection, told: &Projections) -> Result<BTreeMap<i64, String>> {
    let mut names = BTreeMap::new();
    let mut stmt = conn.prepare("SELECT id, first_name, uid FROM prompt ORDER BY uid")?;
    let mut rows = stmt.query([])?;
    let mut taken = BTreeSet::new();
    while let Some(r) = rows.next()? {
        let (id, first, uid): (i64, String, Vec<u8>) = (r.get(0)?, r.get(1)?, r.get(2)?);
        let mut name = told.names.get(&id).cloned().unwrap_or(first);
        if !told.archived.contains(&id) && !taken.insert(name.clone()) {
            name = beside_another(&name, &uid);
            taken.insert(name.clone());
        }
        names.insert(id, name);
    }
    Ok(names)
}

impl Store {
    /// Compares the projections with the events they follow from.
    pub(super) fn check_projections(&self, report: &mut FsckReport) -> Result<()> {
        let told = told(&self.conn)?;
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
            report.fault(place, "it differs from its log", Advice::TagAgain);
        }
        Ok(())
    }

    fn check_prompts(&self, told: &Projections, report: &mut FsckReport) -> Result<()> {
        let sql = Covered::by_name("prompt").map(|covered| {
            let more = "t.id, t.name, t.first_name, t.nth, t.row_digest, t.archived, t.description, t.latest, \
                coalesce((SELECT max(seq) FROM revision r WHERE r.prompt_id = t.id), 0), \
                (SELECT count(*) FROM revision r WHERE r.prompt_id = t.id), t.uid";
            (covered, covered.select(more, ""))
        });
        let Some((covered, sql)) = sql else { return Ok(()) };
        let names = names_in_force(&self.conn, told)?;
        self.each(&sql, |r| {
            report.count("prompt");
            let (id, name, first): (i64, String, String) = (r.get(0)?, r.get(1)?, r.get(2)?);
            let (newest, highest, count): (i64, i64, i64) = (r.get(7)?, r.get(8)?, r.get(9)?);
            let place = || format!("prompt {name}");
            let fits =
                covered.digest(&covered.values(&self.conn, r, 11)?).as_bytes() == r.get::<_, Vec<u8>>(4)?;
            if !fits || prompt_uid(&first, r.get(3)?).as_bytes() != r.get::<_, Vec<u8>>(10)? {
                report.fault(place(), "where it comes from does not fit its digest", RESTORE);
            }
            if newest != highest || count != highest {
                let what = format!("newest is r{newest}, its rows end at r{highest} ({count} of them)");
                report.fault(place(), what, RESTORE);
            }
            let named = names.get(&id).unwrap_or(&first);
            if *named != name || told.archived.contains(&id) != r.get::<_, bool>(5)? {
                let what = format!("name or archive flag differ from its log, by which it is {named}");
                report.fault(place(), what, RESTORE);
            }
            if told.descriptions.get(&id).map_or("", String::as_str) != r.get::<_, String>(6)? {
                report.fault(place(), "its description differs from its log", Advice::DescribeAgain);
            }
            Ok(())
        })
    }

    fn check_labels(&self, told: &Projections, report: &mut FsckReport) -> Result<()> {
        let mut stored: BTreeMap<(i64, String), i64> = BTreeMap::new();
        self.each("SELECT prompt_id, label, seq FROM label", |r| {
            report.count("label");
            stored.insert((r.get(0)?, r.get(1)?), r.get(2)?);
            Ok(())
        })?;
        let at = |seq: Option<i64>| seq.map_or_else(|| "not set".to_owned(), |s| format!("at r{s}"));
        for key in told.labels.keys().chain(stored.keys()).collect::<BTreeSet<_>>() {
            let (log, table) = (told.stand(key), stored.get(key).copied());
            if log != table {
                let what = format!("by its log it is {}, in the table {}", at(log), at(table));
                let place = format!("label {} of prompt {}", key.1, key.0);
                report.fault(place, what, Advice::LabelAgain);
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
                Advice::ProtectAgain,
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
            report.fault(place, what, Advice::RestoreForSearch);
        }
        for index in text_index::ALL {
            let bad = index.check(&self.conn)?;
            if let Some(first) = bad.first() {
                let what = format!("it differs from {} of its texts, as that of row {first}", bad.len());
                report.fault(format!("search index {}", index.name), what, Advice::RestoreForSearch);
            }
        }
        Ok(())
    }
}
