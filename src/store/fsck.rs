//! Checking every stored byte against its digest, and every projection against the events it came from.
//!
//! ```text
//! file_check: schema, SQLite's own checks, counts of rows -> rows, chains, events (here) -> the search index, records of sync
//! ```
//! Nothing is repaired in place: what is named here is restored from a backup.

use super::body::fault_of;
use super::digest_fields::{Covered, plan_digest};
use super::report::{FsckReport, RESTORE};
use super::verdicts::{StoredReply, each_verdict};
use super::{Result, Store};
use crate::core::digest::Digest;
use rusqlite::{Row, params};
use std::collections::BTreeSet;

/// Tables whose rows are numbered in the order of their stamps, and equal ones by their content ids: what of, the number, the id.
pub(super) const ORDERED: [(&str, &str, &str, &str); 6] = [
    ("revision", "prompt_id", "seq", "coalesce(named, row_digest)"),
    ("event", "1", "id", "coalesce(named, row_digest)"),
    ("response", "1", "id", "coalesce(named, row_digest)"),
    ("review", "1", "id", "coalesce(named, row_digest)"),
    ("pair_answer", "1", "id", "coalesce(named, row_digest)"),
    ("run", "1", "seq", "id"),
];

/// A part of the check.
pub(super) type Part = fn(&Store, &mut FsckReport) -> Result<()>;

const NOT_FIT: &str = "the row does not fit its digest";

impl Store {
    /// Re-hashes all bodies and rows, walks the chains, compares projections with events. Repairs nothing.
    ///
    /// # Errors
    /// Only when the registry cannot be read at all; damage is in the report.
    pub fn fsck(&self) -> Result<FsckReport> {
        let mut report = FsckReport::default();
        if !self.check_file(&mut report) {
            return Ok(report);
        }
        self.check_rules(&mut report);
        self.check_each(&mut report, &[("line", Self::check_index), ("record", Self::check_records)]);
        Ok(report)
    }

    /// What follows from the rows alone, in whatever they are kept: digests, chains, order, what events come to.
    ///
    /// # Errors
    /// None; damage is in the report.
    pub fn check(&self) -> Result<FsckReport> {
        let mut report = FsckReport::default();
        self.check_rules(&mut report);
        Ok(report)
    }

    fn check_rules(&self, report: &mut FsckReport) {
        self.check_each(
            report,
            &[
                ("body", Self::check_bodies),
                ("row", Self::check_contents),
                ("order", Self::check_order),
                ("run", Self::check_runs),
                ("run_batch", Self::check_batches),
                ("prompt", Self::check_projections),
            ],
        );
    }

    /// Each part; one that cannot be read is a fault, and the others are looked at all the same.
    pub(super) fn check_each(&self, report: &mut FsckReport, parts: &[(&str, Part)]) {
        for (table, check) in parts {
            if let Err(e) = check(self, report) {
                report.fault((*table).to_owned(), format!("cannot be read: {e}"), RESTORE);
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

    /// Rows of a table against their digests; `place` and `fault` are SQL: what people call a row, and what else is wrong
    /// with it.
    fn check_rows(&self, report: &mut FsckReport, table: &str, place: &str, fault: &str) -> Result<()> {
        let Some(covered) = Covered::by_name(table) else { return Ok(()) };
        let counted = if table == "case_row" { "case" } else { table };
        self.each(&covered.select(&format!("{place}, row_digest, {fault}"), ""), |r| {
            report.count(counted);
            let place: String = r.get(0)?;
            let values = covered.values(&self.conn, r, 3)?;
            if covered.digest(&values).as_bytes() != r.get::<_, Vec<u8>>(1)? {
                report.fault(place.clone(), NOT_FIT, RESTORE);
            }
            if let Some(what) = r.get::<_, Option<String>>(2)? {
                report.fault(place, what, RESTORE);
            }
            Ok(())
        })
    }

    fn check_contents(&self, report: &mut FsckReport) -> Result<()> {
        const HAS: &str = "EXISTS (SELECT 1 FROM body b WHERE b.digest = ";
        let rows: [(&str, &str, &str); 9] = [
            (
                "revision",
                "'revision ' || coalesce((SELECT name FROM prompt p WHERE p.id = t.prompt_id), '?') || ' r' || t.seq",
                &format!("CASE WHEN NOT {HAS}t.digest) THEN 'its text is missing' END"),
            ),
            ("event", "'event ' || t.id", "NULL"),
            (
                "response",
                "'response of case ' || t.case_id",
                &format!(
                    "CASE WHEN NOT {HAS}t.subject) OR t.text IS NOT NULL AND NOT {HAS}t.text) THEN 'its text is missing' END"
                ),
            ),
            // Of items each case stands once, however many arms answered it.
            (
                "case_set",
                "'case set ' || t.name",
                "(SELECT CASE WHEN t.kind = 'cases' AND t.rows <> count(*) OR count(*) > t.rows OR count(*) = 0 AND t.rows > 0 \
                 THEN 'it should have ' || t.rows || ' cases and has ' || count(*) END FROM case_row c WHERE c.set_id = t.id)",
            ),
            (
                "case_row",
                "'case ' || t.case_id",
                &format!("CASE WHEN NOT {HAS}t.payload) THEN 'its content is missing' END"),
            ),
            ("arm", "'arm ' || t.name", "NULL"),
            ("rubric", "'rubric ' || t.name", "NULL"),
            ("review", "'review ' || t.id || ' by ' || t.reviewer", "NULL"),
            ("pair_answer", "'pair answer ' || t.id", "NULL"),
        ];
        for (table, place, fault) in rows {
            if let Err(e) = self.check_rows(report, table, place, fault) {
                report.fault(table.to_owned(), format!("cannot be read: {e}"), RESTORE);
            }
        }
        self.check_replies(report)
    }

    /// Replies of pair answers against the digests of how they came.
    fn check_replies(&self, report: &mut FsckReport) -> Result<()> {
        let forgotten = report.forgotten > 0;
        self.each("SELECT id, raw, raw_digest FROM pair_answer", |r| {
            let (raw, kept): (Vec<u8>, Vec<u8>) = (r.get(1)?, r.get(2)?);
            // A reply that quoted a forgotten text was emptied on purpose.
            if Digest::of(&raw).as_bytes() != kept && !(raw.is_empty() && forgotten) {
                let place = format!("pair answer {}", r.get::<_, i64>(0)?);
                report.fault(place, "its reply does not fit its digest", RESTORE);
            }
            Ok(())
        })
    }

    /// Numbers of rows follow the order in which they were written.
    fn check_order(&self, report: &mut FsckReport) -> Result<()> {
        for (table, of, number, id) in ORDERED {
            let sql = format!(
                "SELECT count(*) FROM (SELECT {number} AS n, stamp, {id} AS id, lag(stamp) OVER w AS before, lag({id}) OVER w AS \
                 earlier, row_number() OVER w AS nth FROM {table} WINDOW w AS (PARTITION BY {of} ORDER BY {number})) \
                 WHERE n <> nth OR (stamp, id) <= (before, earlier)"
            );
            let wrong: i64 = self.conn.query_row(&sql, [], |r| r.get(0))?;
            if wrong > 0 {
                let what = format!("{wrong} of its rows have another number than their order gives them");
                report.fault(format!("table {table}"), what, RESTORE);
            }
        }
        Ok(())
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
        for table in ["run_criterion", "run_item"] {
            let sql = format!(
                "SELECT count(*), coalesce(max(ord), -1), coalesce(min(ord), 0) FROM {table} WHERE run_id = ?1"
            );
            let (count, last, first): (i64, i64, i64) =
                self.conn.query_row(&sql, [run], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))?;
            if count != last + 1 || first != 0 {
                return Ok(false);
            }
        }
        let sql = "SELECT row_digest, arms, (SELECT json_group_array(name) FROM (SELECT a.name FROM run_item i JOIN arm a ON \
            a.id = i.arm_id WHERE i.run_id = run.id GROUP BY a.id ORDER BY min(i.ord))) FROM run WHERE id = ?1";
        let (stored, names, there): (Vec<u8>, String, String) =
            self.conn.query_row(sql, [run], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))?;
        let list = |text: &str| serde_json::from_str::<Vec<String>>(text).ok();
        Ok(list(&names) == list(&there) && plan_digest(&self.conn, run)?.as_bytes() == stored)
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
                StoredReply::Whole => {}
                // A reply that quoted a forgotten text was emptied on purpose.
                StoredReply::Emptied if report.forgotten > 0 => {}
                StoredReply::Emptied | StoredReply::Changed => {
                    bad.push((link.seq, "its reply does not fit its digest"))
                }
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

    fn check_batches(&self, report: &mut FsckReport) -> Result<()> {
        self.check_batches_with(|id, fits| {
            report.count("run_batch");
            if !fits {
                report.fault(format!("batch {id}"), NOT_FIT, RESTORE);
            }
        })
    }
}
