//! What `fsck` says of the file, before anything is read out of its rows: its schema, SQLite's own checks, how many rows each
//! table was given.

use super::report::{FsckReport, RESTORE};
use super::{Result, Store, foreign_schema};

impl Store {
    /// Whether the rest may be looked at.
    pub(super) fn check_file(&self, report: &mut FsckReport) -> bool {
        match self.check_schema(report) {
            Ok(true) => {}
            Ok(false) => return false,
            Err(e) => report.fault("schema".to_owned(), format!("cannot be read: {e}"), RESTORE),
        }
        self.check_sqlite(report);
        self.check_each(report, &[("tally", Self::check_tally)]);
        true
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

    /// Tables, indexes and triggers are those of a new registry, word for word: without its triggers content could be
    /// changed. Whether nothing foreign is among them, and the rest can be looked at without running it.
    fn check_schema(&self, report: &mut FsckReport) -> Result<bool> {
        let found = foreign_schema::differences(&self.conn)?;
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
}
