//! Checking every stored byte against its digest, and every projection against the events it came from; backups.
//!
//! Nothing is repaired in place: what is named here is restored from a backup.

use super::body::fault_of;
use super::cases::{ResponseRow, arm_digest, case_digest, rubric_digest, set_row_digest};
use super::open::sync_folder;
use super::prompts::{RevisionRow, digest_at, event_digest};
use super::reviews::{all_reviews, review_digest};
use super::rows::RunItem;
use super::runs::{Plan, with_criterion, with_item};
use super::verdicts::{Reply, each_verdict};
use super::{Result, Store, StoreError, strangers};
use crate::core::digest::Digest;
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, Row, params};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// One fault that `fsck` found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// Table and row: `revision 12 (summarize r3)`.
    pub place: String,
    /// What is wrong.
    pub what: String,
    /// What it affects and what to do.
    pub advice: String,
}

/// What `fsck` read and found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct FsckReport {
    /// Rows re-hashed, by table.
    pub checked: BTreeMap<String, u64>,
    /// Bodies that were forgotten on purpose.
    pub forgotten: u64,
    /// Where rows are gone, or came by another program; each is a fault as well.
    pub missing: Vec<super::Vanished>,
    /// Empty when all is well.
    pub faults: Vec<Fault>,
}

impl FsckReport {
    pub(super) fn fault(&mut self, place: String, what: impl Into<String>, advice: &str) {
        self.faults.push(Fault { place, what: what.into(), advice: advice.into() });
    }

    pub(super) fn count(&mut self, table: &str) {
        *self.checked.entry(table.to_owned()).or_default() += 1;
    }
}

pub(super) const RESTORE: &str = "`assize restore BACKUP` puts a backup made before the damage in its place and keeps this file; or export what is sound, or a backup, and import it into a new registry";

const NOT_FIT: &str = "the row does not fit its digest";

impl Store {
    /// Re-hashes all bodies and rows, walks the chains, compares projections with events. Repairs nothing.
    ///
    /// # Errors
    /// Only when the registry cannot be read at all; damage is in the report.
    pub fn fsck(&self) -> Result<FsckReport> {
        let mut report = FsckReport::default();
        match self.check_schema(&mut report) {
            Ok(true) => {}
            Ok(false) => return Ok(report),
            Err(e) => report.fault("schema".to_owned(), format!("cannot be read: {e}"), RESTORE),
        }
        self.check_sqlite(&mut report);
        let parts: [(&str, fn(&Self, &mut FsckReport) -> Result<()>); 13] = [
            ("tally", Self::check_tally),
            ("body", Self::check_bodies),
            ("revision", Self::check_revisions),
            ("event", Self::check_events),
            ("response", Self::check_responses),
            ("case_set", Self::check_cases),
            ("rubric", Self::check_arms_and_rubrics),
            ("run", Self::check_runs),
            ("review", Self::check_reviews),
            ("pair_answer", Self::check_pairs),
            ("run_batch", Self::check_batches),
            ("prompt", Self::check_projections),
            ("line", Self::check_index),
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

    pub(super) fn each(&self, sql: &str, mut visit: impl FnMut(&Row) -> rusqlite::Result<()>) -> Result<()> {
        let mut stmt = self.conn.prepare(sql)?;
        let mut rows = stmt.query([])?;
        while let Some(row) = rows.next()? {
            visit(row)?;
        }
        Ok(())
    }

    /// Tables, indexes and triggers are those of a new registry, word for word: without its triggers content could be
    /// changed. Whether nothing foreign is among them, and the rest can be looked at without running it.
    fn check_schema(&self, report: &mut FsckReport) -> Result<bool> {
        let found = strangers::differences(&self.conn)?;
        for name in found.foreign.iter().chain(&found.missing) {
            let what = "a table, an index or a trigger is not as this program makes it";
            report.fault(format!("schema {name}"), what, RESTORE);
        }
        if !found.foreign.is_empty() {
            let what = "nothing else of it was looked at: what somebody else put into it would have been run";
            report.fault("registry".to_owned(), what, RESTORE);
        }
        Ok(found.foreign.is_empty())
    }

    fn check_bodies(&self, report: &mut FsckReport) -> Result<()> {
        let mut forgotten = BTreeSet::new();
        self.each(
            "SELECT payload ->> 'digest' FROM event WHERE kind = 'forgotten' AND json_valid(payload)",
            |r| {
                forgotten.extend(r.get::<_, Option<String>>(0)?);
                Ok(())
            },
        )?;
        let mut bad: Vec<(Vec<u8>, &str)> = Vec::new();
        self.each(
            "SELECT digest, bytes, unpacked, forgotten, length(bytes) = 0 AND unpacked IS NULL FROM body",
            |r| {
                report.count("body");
                let named: Vec<u8> = r.get(0)?;
                if r.get(3)? {
                    report.forgotten += 1;
                    let told = Digest::from_bytes(&named).is_some_and(|d| forgotten.contains(&d.hex()));
                    if !told || !r.get::<_, bool>(4)? {
                        bad.push((named, "it is marked as forgotten, and no event says so"));
                    }
                } else if let Some(what) = fault_of(r)? {
                    bad.push((named, what));
                }
                Ok(())
            },
        )?;
        for (named, what) in bad {
            let short: String = named.iter().take(4).map(|b| format!("{b:02x}")).collect();
            report.fault(format!("body {short}"), format!("{what}; {}", self.users_of(&named)?), RESTORE);
        }
        Ok(())
    }

    /// What a damaged body means to people: whose text it is.
    fn users_of(&self, digest: &[u8]) -> Result<String> {
        let sql = "SELECT p.name || ' r' || r.seq FROM revision r JOIN prompt p ON p.id = r.prompt_id WHERE r.digest = ?1 \
            UNION ALL SELECT 'the response of ' || a.name || ' to ' || o.case_id FROM response o JOIN arm a ON a.id = o.arm_id \
            WHERE o.text = ?1 OR o.subject = ?1 \
            UNION ALL SELECT 'the case ' || c.case_id FROM case_row c WHERE c.payload = ?1 LIMIT 6";
        let mut users: Vec<String> =
            self.conn.prepare(sql)?.query_map(params![digest], |r| r.get(0))?.collect::<Result<_, _>>()?;
        if users.len() > 5 {
            users.truncate(5);
            users.push("more".into());
        }
        Ok(if users.is_empty() { "nothing uses it".into() } else { format!("used by {}", users.join(", ")) })
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
                report.fault(place.clone(), NOT_FIT, RESTORE);
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
                report.fault(format!("event {}", r.get::<_, i64>(0)?), NOT_FIT, RESTORE);
            }
            Ok(())
        })
    }

    fn check_responses(&self, report: &mut FsckReport) -> Result<()> {
        let sql = "SELECT set_id, case_id, arm_id, repeat, ord, subject, state, text, detail, created_at, row_digest, \
            EXISTS (SELECT 1 FROM body b WHERE b.digest = subject) AND (text IS NULL OR EXISTS (SELECT 1 FROM body b WHERE b.digest = text)) \
            FROM response";
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
                report.fault(format!("response of case {case_id}"), NOT_FIT, RESTORE);
            }
            if !r.get::<_, bool>(11)? {
                report.fault(format!("response of case {case_id}"), "its text is missing", RESTORE);
            }
            Ok(())
        })
    }

    fn check_cases(&self, report: &mut FsckReport) -> Result<()> {
        let sql = "SELECT s.name, s.digest, s.kind, s.created_at, s.rows, s.row_digest, \
            (SELECT count(*) FROM case_row c WHERE c.set_id = s.id) FROM case_set s";
        self.each(sql, |r| {
            report.count("case_set");
            let (name, kind, at): (String, String, String) = (r.get(0)?, r.get(2)?, r.get(3)?);
            let (digest, rows, there): (Vec<u8>, i64, i64) = (r.get(1)?, r.get(4)?, r.get(6)?);
            if set_row_digest(&name, &digest, &kind, &at, rows).as_bytes() != r.get::<_, Vec<u8>>(5)? {
                report.fault(format!("case set {name}"), NOT_FIT, RESTORE);
            }
            // Of items each case stands once, however many arms answered it.
            if kind == "cases" && rows != there || there > rows || there == 0 && rows > 0 {
                let what = format!("it should have {rows} cases and has {there}");
                report.fault(format!("case set {name}"), what, RESTORE);
            }
            Ok(())
        })?;
        let sql = "SELECT c.set_id, c.ord, c.case_id, c.payload, c.row_digest, \
            EXISTS (SELECT 1 FROM body b WHERE b.digest = c.payload) FROM case_row c";
        self.each(sql, |r| {
            report.count("case");
            let (case_id, payload): (String, Vec<u8>) = (r.get(2)?, r.get(3)?);
            let digest = case_digest(r.get(0)?, r.get(1)?, &case_id, &payload);
            if digest.as_bytes() != r.get::<_, Vec<u8>>(4)? {
                report.fault(format!("case {case_id}"), NOT_FIT, RESTORE);
            }
            if !r.get::<_, bool>(5)? {
                report.fault(format!("case {case_id}"), "its content is missing", RESTORE);
            }
            Ok(())
        })
    }

    fn check_arms_and_rubrics(&self, report: &mut FsckReport) -> Result<()> {
        self.each("SELECT name, kind, prompt_id, seq, model, row_digest FROM arm", |r| {
            report.count("arm");
            let (name, kind, model): (String, String, Option<String>) = (r.get(0)?, r.get(1)?, r.get(4)?);
            let digest = arm_digest(&name, &kind, r.get(2)?, r.get(3)?, model.as_deref());
            if digest.as_bytes() != r.get::<_, Vec<u8>>(5)? {
                report.fault(format!("arm {name}"), NOT_FIT, RESTORE);
            }
            Ok(())
        })?;
        self.each("SELECT name, digest, json, created_at, row_digest FROM rubric", |r| {
            report.count("rubric");
            let (name, text, at): (String, String, String) = (r.get(0)?, r.get(2)?, r.get(3)?);
            let digest = rubric_digest(&name, &r.get::<_, Vec<u8>>(1)?, &text, &at);
            if digest.as_bytes() != r.get::<_, Vec<u8>>(4)? {
                report.fault(format!("rubric {name}"), NOT_FIT, RESTORE);
            }
            Ok(())
        })
    }

    fn check_runs(&self, report: &mut FsckReport) -> Result<()> {
        let mut runs: Vec<String> = Vec::new();
        self.each("SELECT id FROM run ORDER BY seq", |r| {
            runs.push(r.get(0)?);
            Ok(())
        })?;
        for run in runs {
            report.count("run");
            let place = format!("run {run}");
            match self.plan_fits(&run) {
                Ok(true) => {}
                Ok(false) => report.fault(place.clone(), "its plan does not fit its digest", RESTORE),
                Err(e) => report.fault(place.clone(), format!("its plan cannot be read: {e}"), RESTORE),
            }
            if let Err(e) = self.check_chain(&run, report) {
                report.fault(place.clone(), format!("its verdicts cannot be read: {e}"), RESTORE);
            }
            if let Err(e) = self.check_account(&run, report) {
                report.fault(place, format!("its state cannot be read: {e}"), RESTORE);
            }
        }
        Ok(())
    }

    /// Whether a run's row, columns and items are the plan that was stored first.
    fn plan_fits(&self, run: &str) -> Result<bool> {
        let sql = "SELECT seq, created_at, spec, judge, imported, items, planned, arms, row_digest FROM run WHERE id = ?1";
        let (mut digest, stored) = self.conn.query_row(sql, [run], |r| {
            let text = |at: usize| r.get::<_, String>(at);
            let (created_at, spec, judge, arms) = (text(1)?, text(2)?, text(3)?, text(7)?);
            let plan = Plan {
                id: run,
                seq: r.get(0)?,
                created_at: &created_at,
                spec: &spec,
                judge: &judge,
                imported: r.get(4)?,
                items: r.get(5)?,
                planned: r.get(6)?,
                arms: &arms,
            };
            Ok((plan.digest(), r.get::<_, Vec<u8>>(8)?))
        })?;
        let mut stmt = self.conn.prepare(
            "SELECT name, own, version, json, ord FROM run_criterion WHERE run_id = ?1 ORDER BY ord",
        )?;
        let (mut rows, mut next) = (stmt.query([run])?, 0_u32);
        while let Some(r) = rows.next()? {
            if r.get::<_, u32>(4)? != next {
                return Ok(false);
            }
            next += 1;
            let (name, text): (String, String) = (r.get(0)?, r.get(3)?);
            let version: Option<Vec<u8>> = r.get(2)?;
            digest = with_criterion(digest, &name, r.get(1)?, version.as_deref(), &text);
        }
        let mut stmt = self.conn.prepare(
            "SELECT ord, case_id, arm_id, set_id, repeat, cluster, tags FROM run_item WHERE run_id = ?1 ORDER BY ord",
        )?;
        let (mut rows, mut next) = (stmt.query([run])?, 0_u32);
        while let Some(r) = rows.next()? {
            let item = RunItem {
                ord: r.get(0)?,
                case_id: r.get(1)?,
                arm: String::new(),
                set_id: r.get(3)?,
                repeat: r.get(4)?,
                cluster: r.get(5)?,
                tags: Vec::new(),
            };
            if item.ord != next {
                return Ok(false);
            }
            next += 1;
            digest = with_item(digest, &item, r.get(2)?, &r.get::<_, String>(6)?);
        }
        Ok(digest.finish().as_bytes() == stored)
    }

    /// Walks a run's chain of verdicts, and compares it with what is kept about it.
    fn check_chain(&self, run: &str, report: &mut FsckReport) -> Result<()> {
        let sql = "SELECT s.verdicts, s.chain, r.fingerprint FROM run_state s JOIN run r ON r.id = s.run_id WHERE s.run_id = ?1";
        let (count, head, judge): (i64, Option<Vec<u8>>, Option<Vec<u8>>) =
            self.conn.query_row(sql, [run], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))?;
        let (mut previous, mut expected, mut others) = (None::<Vec<u8>>, 1_i64, 0_u64);
        let mut bad: Vec<(i64, &str)> = Vec::new();
        each_verdict(&self.conn, run, |link| {
            report.count("verdict");
            if !link.fits(previous.as_deref(), run) || link.seq != expected {
                bad.push((link.seq, "the row does not fit its digest or its chain"));
            }
            match link.reply() {
                Reply::Whole => {}
                // A reply that quoted a forgotten text was emptied on purpose.
                Reply::Emptied if report.forgotten > 0 => {}
                Reply::Emptied | Reply::Changed => bad.push((link.seq, "its reply does not fit its digest")),
            }
            if judge.as_ref().is_some_and(|j| j != link.info.verdict.fingerprint.as_bytes()) {
                others += 1;
            }
            expected = link.seq + 1;
            previous = Some(link.row_digest.clone());
        })?;
        for (seq, what) in bad {
            report.fault(format!("verdict {seq} of run {run}"), what, RESTORE);
        }
        let place = || format!("run {run}");
        if others > 0 {
            let what = format!("{others} of its verdicts carry another judge's fingerprint than the run");
            report.fault(place(), what, RESTORE);
        }
        if self.kept_counts(run)? != self.counted(run)? {
            report.fault(place(), "its counts by state differ from its verdicts", RESTORE);
        }
        if expected - 1 != count || previous != head {
            let what = format!("its chain should have {count} verdicts and has {}", expected - 1);
            report.fault(place(), what, RESTORE);
        }
        Ok(())
    }

    fn check_reviews(&self, report: &mut FsckReport) -> Result<()> {
        for row in all_reviews(&self.conn, None)? {
            report.count("review");
            let (r, info) = (&row.info.review, &row.info);
            let digest = review_digest(
                r,
                &row.modes,
                &info.case_id,
                row.arm,
                &row.version,
                row.response.as_deref(),
                &info.at,
            );
            if digest.as_bytes() != row.row_digest {
                report.fault(format!("review {} by {}", info.id, r.reviewer), NOT_FIT, RESTORE);
            }
        }
        Ok(())
    }

    fn check_batches(&self, report: &mut FsckReport) -> Result<()> {
        self.check_batches_with(|id, fits| {
            report.count("run_batch");
            if !fits {
                report.fault(format!("batch {id}"), NOT_FIT, RESTORE);
            }
        })
    }

    fn check_pairs(&self, report: &mut FsckReport) -> Result<()> {
        let forgotten = report.forgotten > 0;
        self.faulty_pair_answers(forgotten, |id, fault| {
            report.count("pair_answer");
            if let Some(what) = fault {
                report.fault(format!("pair answer {id}"), what, RESTORE);
            }
        })
    }

    /// A consistent copy, also while others write.
    ///
    /// # Errors
    /// When the file exists already, or cannot be written.
    pub fn backup(&self, to: &Path) -> Result<()> {
        let cannot = |why: &dyn std::fmt::Display| {
            StoreError::Invalid(format!("cannot write the backup {}: {why}", to.display()))
        };
        if to.symlink_metadata().is_ok() {
            return Err(cannot(&EXISTS));
        }
        // It gets its name when it is whole: half a copy is no backup.
        let part = super::migrate::beside(to, ".unfinished");
        if part.symlink_metadata().is_ok() {
            let why = "is left of a backup that was cut short, or one is at work: remove it, or choose another name";
            return Err(cannot(&format!("{} {why}", part.display())));
        }
        copy_to(&self.conn, &part).map_err(|why| cannot(&why))?;
        if let Err(e) = rename_to_new(&part, to) {
            let _ = std::fs::remove_file(&part);
            return Err(cannot(&e));
        }
        sync_folder(to.parent());
        Ok(())
    }
}

const EXISTS: &str = "it exists already; choose another name";

/// Gives a file a name that no other has, where the system can look and act in one step; else in two.
fn rename_to_new(from: &Path, to: &Path) -> Result<(), String> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    use rustix::io::Errno;
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(()),
        Err(Errno::EXIST) => Err(EXISTS.to_owned()),
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) if to.symlink_metadata().is_err() => {
            std::fs::rename(from, to).map_err(|e| e.to_string())
        }
        Err(e) => Err(e.to_string()),
    }
}

/// Copies a whole database into a new file (0600), which is on disk when this returns; a copy that failed is removed.
pub(super) fn copy_to(from: &Connection, to: &Path) -> Result<(), String> {
    use std::os::unix::fs::OpenOptionsExt;
    let file =
        std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(to).map_err(|e| match e
            .kind()
        {
            std::io::ErrorKind::AlreadyExists => EXISTS.to_owned(),
            _ => e.to_string(),
        })?;
    let pages = || copy_pages(from, &mut Connection::open(to).map_err(|e| e.to_string())?);
    let copied = pages().and_then(|()| file.sync_all().map_err(|e| e.to_string()));
    if copied.is_err() {
        let _ = std::fs::remove_file(to);
    }
    sync_folder(to.parent());
    copied
}

/// Copies all pages into another database.
pub(super) fn copy_pages(from: &Connection, to: &mut Connection) -> Result<(), String> {
    let backup = Backup::new(from, to).map_err(|e| e.to_string())?;
    // All pages in one step: what others write meanwhile would make a copy in parts begin again and again.
    let start = std::time::Instant::now();
    loop {
        match backup.step(-1).map_err(|e| e.to_string())? {
            StepResult::Done => return Ok(()),
            _ if start.elapsed() > std::time::Duration::from_secs(30) => {
                return Err(StoreError::Busy.to_string());
            }
            _ => std::thread::sleep(std::time::Duration::from_millis(10)),
        }
    }
}
