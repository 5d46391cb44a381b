//! Checking every stored byte against its digest, and every projection against the events it came from; backups.
//!
//! Nothing is repaired in place: what is named here is restored from a backup.

use super::cases::ResponseRow;
use super::prompts::{RevisionRow, digest_at, event_digest};
use super::reviews::{all_reviews, review_digest};
use super::rows::{Fault, FsckReport};
use super::runs::{each_verdict, rebuilt_digest};
use super::{Result, Store, StoreError};
use crate::core::digest::Digest;
use rusqlite::Row;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

impl FsckReport {
    fn fault(&mut self, place: String, what: impl Into<String>, advice: &str) {
        self.faults.push(Fault { place, what: what.into(), advice: advice.into() });
    }

    fn count(&mut self, table: &str) {
        *self.checked.entry(table.to_owned()).or_default() += 1;
    }
}

const RESTORE: &str = "restore a backup made before the damage, or export what is sound and import it anew";

impl Store {
    /// Re-hashes all bodies and rows, walks the chains, compares projections with events. Repairs nothing.
    ///
    /// # Errors
    /// Only when the registry cannot be read at all; damage is in the report.
    pub fn fsck(&self) -> Result<FsckReport> {
        let mut report = FsckReport { checked: BTreeMap::new(), forgotten: 0, faults: Vec::new() };
        self.check_sqlite(&mut report);
        let parts: [(&str, fn(&Self, &mut FsckReport) -> Result<()>); 7] = [
            ("body", Self::check_bodies),
            ("revision", Self::check_revisions),
            ("event", Self::check_events),
            ("response", Self::check_responses),
            ("verdict", Self::check_runs),
            ("review", Self::check_reviews),
            ("label", Self::check_projections),
        ];
        for (table, check) in parts {
            if let Err(e) = check(self, &mut report) {
                report.fault(table.to_owned(), format!("cannot be read: {e}"), RESTORE);
            }
        }
        Ok(report)
    }

    fn check_sqlite(&self, report: &mut FsckReport) {
        for pragma in ["integrity_check", "foreign_key_check"] {
            let lines: rusqlite::Result<Vec<String>> =
                self.conn.prepare(&format!("PRAGMA {pragma}")).and_then(|mut s| {
                    s.query_map([], |r| r.get::<_, rusqlite::types::Value>(0).map(|v| format!("{v:?}")))?
                        .collect()
                });
            match lines {
                Err(e) => report.fault("file".into(), e.to_string(), RESTORE),
                Ok(lines) => {
                    for line in lines.into_iter().filter(|l| !l.contains("\"ok\"")) {
                        report.fault("file".into(), format!("{pragma}: {line}"), RESTORE);
                    }
                }
            }
        }
    }

    fn each(&self, sql: &str, mut visit: impl FnMut(&Row) -> rusqlite::Result<()>) -> Result<()> {
        let mut stmt = self.conn.prepare(sql)?;
        let mut rows = stmt.query([])?;
        while let Some(row) = rows.next()? {
            visit(row)?;
        }
        Ok(())
    }

    fn check_bodies(&self, report: &mut FsckReport) -> Result<()> {
        self.each("SELECT digest, bytes, forgotten FROM body", |r| {
            report.count("body");
            let (named, bytes): (Vec<u8>, Vec<u8>) = (r.get(0)?, r.get(1)?);
            if r.get(2)? {
                report.forgotten += 1;
            } else if Digest::of(&bytes).as_bytes() != named {
                let name: String = named.iter().take(4).map(|b| format!("{b:02x}")).collect();
                report.fault(format!("body {name}"), "its bytes do not fit its digest", RESTORE);
            }
            Ok(())
        })
    }

    fn check_revisions(&self, report: &mut FsckReport) -> Result<()> {
        let sql = "SELECT r.prompt_id, r.seq, r.digest, r.settings_digest, r.kind, r.syntax, r.config, r.parent, r.author, \
            r.message, r.created_at, r.recorded_at, r.metadata, r.bytes, r.origin, r.row_digest, coalesce(p.name, '?'), \
            EXISTS (SELECT 1 FROM body b WHERE b.digest = r.digest) \
            FROM revision r LEFT JOIN prompt p ON p.id = r.prompt_id";
        self.each(sql, |r| {
            report.count("revision");
            let text = |at: usize| r.get::<_, String>(at);
            let (kind, syntax, config, created_at, recorded_at, metadata) =
                (text(4)?, text(5)?, text(6)?, text(10)?, text(11)?, text(12)?);
            let (author, message): (Option<String>, Option<String>) = (r.get(8)?, r.get(9)?);
            let origin: Option<Vec<u8>> = r.get(14)?;
            let row = RevisionRow {
                prompt_id: r.get(0)?,
                seq: r.get(1)?,
                digest: digest_at(r, 2)?,
                settings: digest_at(r, 3)?,
                kind: &kind,
                syntax: &syntax,
                config: &config,
                parent: r.get(7)?,
                author: author.as_deref(),
                message: message.as_deref(),
                created_at: &created_at,
                recorded_at: &recorded_at,
                metadata: &metadata,
                bytes: r.get(13)?,
                origin: origin.as_deref(),
            };
            let place = format!("revision {} r{}", text(16)?, row.seq);
            if row.digest().as_bytes() != r.get::<_, Vec<u8>>(15)? {
                report.fault(place.clone(), "the row does not fit its digest", RESTORE);
            }
            if !r.get::<_, bool>(17)? {
                report.fault(place, "its text is missing", RESTORE);
            }
            Ok(())
        })
    }

    fn check_events(&self, report: &mut FsckReport) -> Result<()> {
        self.each("SELECT id, prompt_id, at, author, reason, kind, payload, row_digest FROM event", |r| {
            report.count("event");
            let (author, reason): (Option<String>, Option<String>) = (r.get(3)?, r.get(4)?);
            let (at, kind, payload): (String, String, String) = (r.get(2)?, r.get(5)?, r.get(6)?);
            let digest = event_digest(r.get(1)?, &at, author.as_deref(), reason.as_deref(), &kind, &payload);
            if digest.as_bytes() != r.get::<_, Vec<u8>>(7)? {
                report.fault(
                    format!("event {}", r.get::<_, i64>(0)?),
                    "the row does not fit its digest",
                    RESTORE,
                );
            }
            Ok(())
        })
    }

    fn check_responses(&self, report: &mut FsckReport) -> Result<()> {
        let sql = "SELECT set_id, case_id, arm_id, repeat, ord, subject, state, text, detail, created_at, row_digest FROM response";
        self.each(sql, |r| {
            report.count("response");
            let (case_id, state, detail, at): (String, String, String, String) =
                (r.get(1)?, r.get(6)?, r.get(8)?, r.get(9)?);
            let (subject, text): (Vec<u8>, Option<Vec<u8>>) = (r.get(5)?, r.get(7)?);
            let row = ResponseRow {
                set_id: r.get(0)?,
                case_id: &case_id,
                arm_id: r.get(2)?,
                repeat: r.get(3)?,
                ord: r.get(4)?,
                subject: &subject,
                state: &state,
                text: text.as_deref(),
                detail: &detail,
                created_at: &at,
            };
            if row.digest().as_bytes() != r.get::<_, Vec<u8>>(10)? {
                report.fault(
                    format!("response of case {case_id}"),
                    "the row does not fit its digest",
                    RESTORE,
                );
            }
            Ok(())
        })?;
        self.each("SELECT s.name, s.rows, (SELECT count(*) FROM case_row c WHERE c.set_id = s.id), s.kind FROM case_set s", |r| {
            report.count("case_set");
            let (rows, there, kind): (i64, i64, String) = (r.get(1)?, r.get(2)?, r.get(3)?);
            if kind == "cases" && rows != there {
                let what = format!("it should have {rows} cases and has {there}");
                report.fault(format!("case set {}", r.get::<_, String>(0)?), what, RESTORE);
            }
            Ok(())
        })
    }

    fn check_runs(&self, report: &mut FsckReport) -> Result<()> {
        let mut runs: Vec<(String, i64, Option<Vec<u8>>)> = Vec::new();
        self.each("SELECT run_id, verdicts, chain FROM run_state", |r| {
            runs.push((r.get(0)?, r.get(1)?, r.get(2)?));
            Ok(())
        })?;
        for (run, count, head) in runs {
            let (mut previous, mut expected) = (None::<Vec<u8>>, 1_i64);
            let mut broken = Vec::new();
            each_verdict(&self.conn, &run, |seq, info, stored| {
                report.count("verdict");
                let rebuilt = rebuilt_digest(previous.as_deref(), &run, seq, info);
                let fits = rebuilt.is_ok_and(|d| d.as_bytes() == stored);
                // A reply that quoted a forgotten text was emptied on purpose.
                if !(fits || info.verdict.raw.is_empty() && report.forgotten > 0) || seq != expected {
                    broken.push(seq);
                }
                expected = seq + 1;
                previous = Some(stored.to_vec());
            })?;
            for seq in &broken {
                report.fault(
                    format!("verdict {seq} of run {run}"),
                    "the row does not fit its digest or its chain",
                    RESTORE,
                );
            }
            if self.kept_counts(&run)? != self.counted(&run)? {
                report.fault(format!("run {run}"), "its counts by state differ from its verdicts", RESTORE);
            }
            if expected - 1 != count || previous != head {
                let what = format!("its chain should have {count} verdicts and has {}", expected - 1);
                report.fault(format!("run {run}"), what, RESTORE);
            }
        }
        Ok(())
    }

    fn check_reviews(&self, report: &mut FsckReport) -> Result<()> {
        for row in all_reviews(&self.conn, None)? {
            report.count("review");
            let (r, info) = (&row.info.review, &row.info);
            let digest =
                review_digest(r, &info.case_id, row.arm, &row.version, row.response.as_deref(), &info.at);
            if digest.as_bytes() != row.row_digest {
                report.fault(
                    format!("review {} by {}", info.id, r.reviewer),
                    "the row does not fit its digest",
                    RESTORE,
                );
            }
        }
        Ok(())
    }

    /// Labels, names, archive flags and newest revisions are rebuilt from events and rows, and compared.
    fn check_projections(&self, report: &mut FsckReport) -> Result<()> {
        let mut labels: BTreeMap<(i64, String), i64> = BTreeMap::new();
        let mut state: BTreeMap<i64, (Option<String>, bool)> = BTreeMap::new();
        self.each(
            "SELECT prompt_id, kind, payload FROM event WHERE prompt_id IS NOT NULL ORDER BY id",
            |r| {
                let (prompt, kind): (i64, String) = (r.get(0)?, r.get(1)?);
                let payload: Value = serde_json::from_str(&r.get::<_, String>(2)?).unwrap_or(Value::Null);
                let text =
                    |key: &str| payload.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
                match kind.as_str() {
                    "label_set" => {
                        labels.insert(
                            (prompt, text("label")),
                            payload.get("to").and_then(Value::as_i64).unwrap_or(0),
                        );
                    }
                    "label_removed" => {
                        labels.remove(&(prompt, text("label")));
                    }
                    "archived" => state.entry(prompt).or_default().1 = true,
                    "unarchived" => state.entry(prompt).or_default().1 = false,
                    "renamed" => state.entry(prompt).or_default().0 = Some(text("to")),
                    _ => {}
                }
                Ok(())
            },
        )?;
        let mut stored: BTreeMap<(i64, String), i64> = BTreeMap::new();
        self.each("SELECT prompt_id, label, seq FROM label", |r| {
            report.count("label");
            stored.insert((r.get(0)?, r.get(1)?), r.get(2)?);
            Ok(())
        })?;
        for key in labels.keys().chain(stored.keys()).collect::<std::collections::BTreeSet<_>>() {
            if labels.get(key) != stored.get(key) {
                let what = format!("its log says {:?}, the table {:?}", labels.get(key), stored.get(key));
                report.fault(
                    format!("label {} of prompt {}", key.1, key.0),
                    what,
                    "set the label again where it belongs",
                );
            }
        }
        let sql = "SELECT p.id, p.name, p.archived, p.latest, coalesce((SELECT max(seq) FROM revision r WHERE r.prompt_id = p.id), 0), \
            (SELECT count(*) FROM revision r WHERE r.prompt_id = p.id) FROM prompt p";
        self.each(sql, |r| {
            report.count("prompt");
            let (id, name): (i64, String) = (r.get(0)?, r.get(1)?);
            let (newest, highest, count): (i64, i64, i64) = (r.get(3)?, r.get(4)?, r.get(5)?);
            if newest != highest || count != highest {
                report.fault(
                    format!("prompt {name}"),
                    format!("newest is r{newest}, its rows end at r{highest} ({count} of them)"),
                    RESTORE,
                );
            }
            if let Some((renamed, archived)) = state.get(&id)
                && (renamed.as_ref().is_some_and(|n| *n != name) || *archived != r.get::<_, bool>(2)?)
            {
                report.fault(format!("prompt {name}"), "name or archive flag differ from their log", RESTORE);
            }
            Ok(())
        })
    }

    /// A consistent copy, also while others write.
    ///
    /// # Errors
    /// When the file exists already, or cannot be written.
    pub fn backup(&self, to: &Path) -> Result<()> {
        use std::os::unix::fs::OpenOptionsExt;
        let cannot =
            |why: String| StoreError::Invalid(format!("cannot write the backup {}: {why}", to.display()));
        std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(to).map_err(|e| {
            cannot(if e.kind() == std::io::ErrorKind::AlreadyExists {
                "it exists already; choose another name".into()
            } else {
                e.to_string()
            })
        })?;
        self.conn
            .backup("main", to, None::<fn(rusqlite::backup::Progress)>)
            .map_err(|e| cannot(e.to_string()))
    }
}
