//! How many rows each table was given, kept beside them: a row that was taken out, or put in by hand, is missed and named.
//!
//! ```text
//! BEGIN -> highest numbers noted -> whatever is written -> rows that came since: counted; those of a run, a case set or a
//!          prompt also summed by their digests -> COMMIT
//!
//! fsck: tally --+-- as many rows as were given, and the same ones? fine
//!               +-- not? the table, of which run, set or prompt, how many were written, how many are there
//! ```
//! Numbers alone do not tell: the last row leaves no gap, nor do all of them. A count is of what this registry wrote, so rows
//! that another program put in are not in it. Rows are read back once for each group of writes, not once each.

use super::Result;
use super::report::{FsckReport, RESTORE, Vanished};
use crate::core::digest::{Digest, RowDigest};
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::{BTreeMap, BTreeSet};

/// Tables that are counted whole, with the column that numbers their rows: what is in them is chained or numbered elsewhere.
const COUNTED: [(&str, &str); 9] = [
    ("body", "id"),
    ("prompt", "id"),
    ("revision", "id"),
    ("verdict", "id"),
    ("arm", "id"),
    ("rubric", "id"),
    ("run", "seq"),
    ("run_batch", "id"),
    ("case_set", "id"),
];

/// Tables that are counted and chained apart for each value of a column.
struct Chained {
    table: &'static str,
    /// Of what its rows are.
    scope: &'static str,
    /// What numbers them: of cases their set, with which they are written once and for all.
    number: &'static str,
    order: &'static str,
    /// SQL for the content id of what a row is of, given the number in its column.
    id: Option<&'static str>,
    /// Several of them, for people.
    words: &'static str,
}

const PROMPT: Option<&str> = Some("SELECT lower(hex(uid)) FROM prompt WHERE id = ?1");
const SET: Option<&str> = Some("SELECT lower(hex(uid)) FROM case_set WHERE id = ?1");

const CHAINED: [Chained; 5] = [
    Chained { table: "event", scope: "prompt_id", number: "id", order: "id", id: PROMPT, words: "events" },
    Chained { table: "response", scope: "set_id", number: "id", order: "id", id: SET, words: "responses" },
    Chained { table: "review", scope: "run_id", number: "id", order: "id", id: None, words: "reviews" },
    Chained {
        table: "pair_answer",
        scope: "set_id",
        number: "id",
        order: "id",
        id: SET,
        words: "pair answers",
    },
    Chained {
        table: "case_row",
        scope: "set_id",
        number: "set_id",
        order: "set_id, ord",
        id: SET,
        words: "cases",
    },
];

/// The highest number of each table: all up to it are counted.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct TallyHeads {
    counted: [i64; COUNTED.len()],
    chained: [i64; CHAINED.len()],
}

/// Rows of one table, or of one run, set or prompt.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct RowCount {
    count: i64,
    chain: Option<Vec<u8>>,
}

impl RowCount {
    fn add(&mut self, row: &[u8]) {
        // A sum: the same rows in another order are the same rows.
        let row = RowDigest::new("assize.tally.2").bytes(row).finish();
        let sum = self.chain.get_or_insert_with(|| vec![0; 32]);
        let mut carry = 0;
        for (digit, more) in sum.iter_mut().zip(row.as_bytes()) {
            let all = u16::from(*digit) + u16::from(*more) + carry;
            (*digit, carry) = (all.to_le_bytes()[0], all >> 8);
        }
        self.count += 1;
    }
}

impl Vanished {
    fn place(&self) -> String {
        let words = CHAINED.iter().find(|c| c.table == self.table).map(|c| c.words);
        match words {
            Some(words) => format!("{words} of {}", self.of),
            None => format!("table {}", self.table),
        }
    }

    fn what(&self) -> String {
        let Self { written, there, .. } = self;
        match written - there {
            0 => format!("they are not the {written} that were written"),
            gone if gone > 0 => format!("{written} rows were written and {there} are there: {gone} are gone"),
            more => format!(
                "{written} rows were written and {there} are there: {} came by another program",
                more.unsigned_abs()
            ),
        }
    }
}

impl TallyHeads {
    /// As they stand now; asked for at the beginning of a writing transaction.
    pub(super) fn now(conn: &Connection) -> rusqlite::Result<Self> {
        let highest =
            |(table, number): (&str, &str)| format!("coalesce((SELECT max({number}) FROM {table}), 0)");
        let chained = CHAINED.iter().map(|c| (c.table, c.number));
        let columns: Vec<String> = COUNTED.iter().copied().chain(chained).map(highest).collect();
        conn.prepare_cached(&format!("SELECT {}", columns.join(", ")))?.query_row([], |r| {
            let mut heads = Self::default();
            for (at, head) in heads.counted.iter_mut().chain(&mut heads.chained).enumerate() {
                *head = r.get(at)?;
            }
            Ok(heads)
        })
    }

    /// Counts what came since, before the transaction ends.
    pub(super) fn catch_up(self, conn: &Connection) -> rusqlite::Result<()> {
        let now = Self::now(conn)?;
        for (((table, _), before), after) in COUNTED.iter().zip(self.counted).zip(now.counted) {
            if after > before {
                let mut rows = stored(conn, table, "")?;
                rows.count += after - before;
                keep(conn, table, "", &rows)?;
            }
        }
        for ((chained, before), after) in CHAINED.iter().zip(self.chained).zip(now.chained) {
            if after > before {
                chained.catch_up(conn, before)?;
            }
        }
        Ok(())
    }
}

fn stored(conn: &Connection, table: &str, scope: &str) -> rusqlite::Result<RowCount> {
    let sql = "SELECT rows, chain FROM tally WHERE what = ?1 AND scope = ?2";
    let row = |r: &rusqlite::Row<'_>| Ok(RowCount { count: r.get(0)?, chain: r.get(1)? });
    Ok(conn.prepare_cached(sql)?.query_row([table, scope], row).optional()?.unwrap_or_default())
}

fn keep(conn: &Connection, table: &str, scope: &str, rows: &RowCount) -> rusqlite::Result<()> {
    conn.prepare_cached(
        "INSERT INTO tally (what, scope, rows, chain) VALUES (?1, ?2, ?3, ?4) \
         ON CONFLICT (what, scope) DO UPDATE SET rows = ?3, chain = ?4",
    )?
    .execute(params![table, scope, rows.count, rows.chain])?;
    Ok(())
}

impl Chained {
    /// Calls `each` for the rows above a number, in order, with what they are of and their digest.
    fn walk(
        &self,
        conn: &Connection,
        above: i64,
        mut each: impl FnMut(&str, &[u8]) -> rusqlite::Result<()>,
    ) -> rusqlite::Result<()> {
        let Self { table, scope, number, order, .. } = self;
        // As they are stored, whatever a damage made of them.
        let sql = format!(
            "SELECT CAST(coalesce({scope}, '') AS TEXT), CAST(row_digest AS BLOB) FROM {table} WHERE {number} > ?1 ORDER BY {order}"
        );
        let mut stmt = conn.prepare_cached(&sql)?;
        let mut rows = stmt.query([above])?;
        let (mut number, mut of) = (None::<Vec<u8>>, String::new());
        while let Some(row) = rows.next()? {
            let here = row.get_ref(0)?.as_bytes()?;
            // Rows of one run, set or prompt lie together, mostly.
            if number.as_deref() != Some(here) {
                of = self.scope_id(conn, &String::from_utf8_lossy(here))?;
                number = Some(here.to_vec());
            }
            each(&of, row.get_ref(1)?.as_bytes()?)?;
        }
        Ok(())
    }

    /// The content id of what rows are of; where that is not there, what stands in their column.
    fn scope_id(&self, conn: &Connection, of: &str) -> rusqlite::Result<String> {
        let Some(sql) = self.id.filter(|_| !of.is_empty()) else { return Ok(of.to_owned()) };
        let id: Option<Option<String>> =
            conn.prepare_cached(sql)?.query_row([of], |r| r.get(0)).optional()?;
        Ok(id.flatten().unwrap_or_else(|| of.to_owned()))
    }

    fn catch_up(&self, conn: &Connection, before: i64) -> rusqlite::Result<()> {
        let mut touched: BTreeMap<String, RowCount> = BTreeMap::new();
        self.walk(conn, before, |scope, digest| {
            let rows = match touched.get_mut(scope) {
                Some(rows) => rows,
                None => {
                    let rows = stored(conn, self.table, scope)?;
                    touched.entry(scope.to_owned()).or_insert(rows)
                }
            };
            rows.add(digest);
            Ok(())
        })?;
        touched.iter().try_for_each(|(scope, rows)| keep(conn, self.table, scope, rows))
    }

    /// What it was given, by what its rows are of.
    fn told(&self, conn: &Connection) -> rusqlite::Result<BTreeMap<String, RowCount>> {
        conn.prepare_cached("SELECT scope, rows, chain FROM tally WHERE what = ?1")?
            .query_map([self.table], |r| Ok((r.get(0)?, RowCount { count: r.get(1)?, chain: r.get(2)? })))?
            .collect()
    }

    /// Where what is there differs from what it was given.
    fn compared(
        &self,
        conn: &Connection,
        there: &BTreeMap<String, RowCount>,
    ) -> rusqlite::Result<Vec<Vanished>> {
        let told = self.told(conn)?;
        let (none, mut out) = (RowCount::default(), Vec::new());
        for scope in told.keys().chain(there.keys()).collect::<BTreeSet<_>>() {
            let (told, there) = (told.get(scope).unwrap_or(&none), there.get(scope).unwrap_or(&none));
            // A look at their number alone has no chain to compare.
            if told.count != there.count || there.chain.is_some() && told.chain != there.chain {
                out.push(Vanished {
                    table: self.table.to_owned(),
                    of: self.named(conn, scope)?,
                    written: told.count,
                    there: there.count,
                });
            }
        }
        Ok(out)
    }

    /// What people call that which the rows are of.
    fn named(&self, conn: &Connection, scope: &str) -> rusqlite::Result<String> {
        let (sql, kind) = match self.scope {
            "run_id" => return Ok(format!("run {scope}")),
            "prompt_id" if scope.is_empty() => return Ok("the registry".to_owned()),
            "prompt_id" => ("SELECT name FROM prompt WHERE lower(hex(uid)) = ?1", "prompt"),
            _ => (
                "SELECT name || ' ' || substr(lower(hex(digest)), 1, 8) FROM case_set WHERE lower(hex(uid)) = ?1",
                "case set",
            ),
        };
        let name: Option<String> = conn.query_row(sql, [scope], |r| r.get(0)).optional()?;
        Ok(format!("{kind} {}", name.as_deref().unwrap_or(scope)))
    }
}

impl Chained {
    /// What is there, by what it is of.
    fn there(&self, conn: &Connection) -> rusqlite::Result<BTreeMap<String, RowCount>> {
        let mut there: BTreeMap<String, RowCount> = BTreeMap::new();
        self.walk(conn, i64::MIN, |scope, digest| {
            match there.get_mut(scope) {
                Some(rows) => rows.add(digest),
                None => there.entry(scope.to_owned()).or_default().add(digest),
            }
            Ok(())
        })?;
        Ok(there)
    }
}

/// Rows that are not those that were written: table, and what they are of.
pub(super) type Unsound = BTreeSet<(&'static str, String)>;

/// Where rows are not those that were written.
pub(super) fn unsound(conn: &Connection) -> rusqlite::Result<Unsound> {
    let mut out = Unsound::new();
    for chained in &CHAINED {
        let (told, there) = (chained.told(conn)?, chained.there(conn)?);
        let differs = told.keys().chain(there.keys()).filter(|scope| told.get(*scope) != there.get(*scope));
        out.extend(differs.map(|scope| (chained.table, scope.clone())));
    }
    Ok(out)
}

/// Chains rows anew whose texts were forgotten, so that they have other digests: all but those that were not sound before,
/// for damage must not be chained away. Nothing else may change a chain; triggers refuse it.
pub(super) fn rechain(conn: &Connection, unsound: &Unsound) -> rusqlite::Result<()> {
    for chained in &CHAINED {
        let there = chained.there(conn)?;
        for (scope, rows) in there.iter().filter(|(s, _)| !unsound.contains(&(chained.table, (*s).clone()))) {
            conn.prepare_cached(
                "UPDATE tally SET chain = ?3 WHERE what = ?1 AND scope = ?2 AND chain IS NOT ?3",
            )?
            .execute(params![chained.table, scope, rows.chain])?;
        }
    }
    Ok(())
}

/// The digest by which rows were chained before sums of them were kept.
fn linked(before: Option<&[u8]>, row: &[u8]) -> Digest {
    RowDigest::new("assize.tally.1").maybe(before, RowDigest::bytes).bytes(row).finish()
}

/// What was kept of rows before they had content ids: those of a table that are of one prompt, case set or run, by its
/// number, and whether they are there as they were written.
pub(super) struct Earlier(Vec<(&'static str, String, RowCount, bool)>);

/// Reads what was kept, and holds it against what is there.
pub(super) fn earlier(conn: &Connection) -> rusqlite::Result<Earlier> {
    let mut out = Vec::new();
    for chained in &CHAINED {
        let Chained { table, scope, order, .. } = chained;
        let sql = format!(
            "SELECT CAST(coalesce({scope}, '') AS TEXT), CAST(row_digest AS BLOB) FROM {table} ORDER BY {order}"
        );
        let mut there: BTreeMap<String, RowCount> = BTreeMap::new();
        let mut stmt = conn.prepare(&sql)?;
        let mut rows = stmt.query([])?;
        while let Some(row) = rows.next()? {
            let of = String::from_utf8_lossy(row.get_ref(0)?.as_bytes()?).into_owned();
            let here = there.entry(of).or_default();
            let next = linked(here.chain.as_deref(), row.get_ref(1)?.as_bytes()?);
            *here = RowCount { count: here.count + 1, chain: Some(next.as_bytes().to_vec()) };
        }
        for (scope, told) in chained.told(conn)? {
            let sound = there.get(&scope) == Some(&told);
            out.push((*table, scope, told, sound));
        }
    }
    Ok(Earlier(out))
}

/// Keeps sums in the place of chains, under content ids: of rows that were not as they were written the count alone is
/// right, so that they are still told of.
pub(super) fn renew(conn: &Connection, earlier: &Earlier) -> rusqlite::Result<()> {
    for chained in &CHAINED {
        conn.execute("DELETE FROM tally WHERE what = ?1", [chained.table])?;
        let there = chained.there(conn)?;
        for (_, number, told, sound) in earlier.0.iter().filter(|(table, ..)| *table == chained.table) {
            let scope = chained.scope_id(conn, number)?;
            let rows = there.get(&scope).filter(|_| *sound).unwrap_or(told);
            keep(conn, chained.table, &scope, rows)?;
        }
    }
    Ok(())
}

/// Counts rows anew of tables whose rows have other numbers now; none of it was unsound before.
pub(super) fn count_again(conn: &Connection, tables: &BTreeSet<&'static str>) -> rusqlite::Result<()> {
    for chained in CHAINED.iter().filter(|chained| tables.contains(chained.table)) {
        conn.execute("DELETE FROM tally WHERE what = ?1", [chained.table])?;
        for (scope, rows) in chained.there(conn)? {
            keep(conn, chained.table, &scope, &rows)?;
        }
    }
    Ok(())
}

/// Counts all that is there: for a registry of an older schema, when it is brought up to date.
pub(super) fn count_all(conn: &Connection) -> rusqlite::Result<()> {
    TallyHeads::default().catch_up(conn)
}

/// Each table has as many rows as it was given, and those of a run, a case set or a prompt are the same ones. Rows are
/// only ever added, so that their numbers have no gaps either.
pub(super) fn check(conn: &Connection, report: &mut FsckReport) -> Result<()> {
    for (table, number) in COUNTED {
        let sql = format!("SELECT count(*), coalesce(max({number}), 0) FROM {table}");
        let (there, highest): (i64, i64) = conn.query_row(&sql, [], |r| Ok((r.get(0)?, r.get(1)?)))?;
        let written = stored(conn, table, "")?.count;
        if there != written {
            report.missing.push(Vanished { table: table.to_owned(), of: String::new(), written, there });
        } else if there != highest {
            let what = format!("it should have {highest} rows and has {there}");
            report.fault(format!("table {table}"), what, RESTORE);
        }
    }
    let highest = TallyHeads::now(conn)?.chained;
    for (chained, highest) in CHAINED.iter().zip(highest) {
        let there = chained.there(conn)?;
        let (missing, count) =
            (chained.compared(conn, &there)?, there.values().map(|r| r.count).sum::<i64>());
        if missing.is_empty() && chained.number == "id" && count != highest {
            let what = format!("it should have {highest} rows and has {count}");
            report.fault(format!("table {}", chained.table), what, RESTORE);
        }
        report.missing.extend(missing);
    }
    for missing in report.missing.clone() {
        report.fault(missing.place(), missing.what(), RESTORE);
    }
    Ok(())
}

/// A quick look whether rows are missing, by their numbers alone: nothing of them is read. What `fsck` says is more.
///
/// # Errors
/// When the registry cannot be read.
pub(super) fn missing(conn: &Connection) -> Result<Vec<Vanished>> {
    let (heads, mut out) = (TallyHeads::now(conn)?, Vec::new());
    for ((table, _), there) in COUNTED.iter().zip(heads.counted) {
        let written = stored(conn, table, "")?.count;
        if there != written {
            out.push(Vanished { table: (*table).to_owned(), of: String::new(), written, there });
        }
    }
    for chained in &CHAINED {
        let Chained { table, scope, .. } = chained;
        let sql =
            format!("SELECT CAST(coalesce({scope}, '') AS TEXT), count(*) FROM {table} GROUP BY {scope}");
        let mut there: BTreeMap<String, RowCount> = BTreeMap::new();
        let mut stmt = conn.prepare(&sql)?;
        let mut rows = stmt.query([])?;
        while let Some(row) = rows.next()? {
            let of = chained.scope_id(conn, &row.get::<_, String>(0)?)?;
            there.entry(of).or_default().count += row.get::<_, i64>(1)?;
        }
        out.extend(chained.compared(conn, &there)?);
    }
    Ok(out)
}
