//! Exchanging records with other registries by way of a place. A merge is a union: whatever the order, and however often.
//!
//! ```text
//! rows that are new --seal--> records: writer, number, kind, content id; chained
//! place -> packs that are whole -> records that are not here -> rows (merge) -> numbers, names, labels (derive)
//! records that the place lacks -> packs -> place
//! ```
//! A registry knows of each writer a beginning of its records, without a gap: what is missing is one number for each. A writer is
//! a file: a copy of it writes under another name.

mod derive;
mod folder;
mod merge;
mod pack;
mod record;

pub use derive::Conflict;

use super::projections::{names_in_force, told};
use super::report::{FsckReport, RESTORE};
use super::{Result, Store, StoreError, tally};
use crate::core::digest::Digest;
use derive::{Derived, derive, label_conflicts};
use folder::{Folder, ListedPack};
use merge::{Merge, MergeResult};
use pack::{Head, chained};
use record::{LocalRow, RecordKind, SyncRecord};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// What an exchange did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exchange {
    /// Where.
    pub place: String,
    /// Records put there.
    pub sent: usize,
    /// Records that are new here.
    pub received: usize,
    /// What people have to settle, or should know of.
    pub conflicts: Vec<Conflict>,
    /// Packs that were left alone, and why.
    pub refused: Vec<String>,
}

/// Which file a path leads to: another than before means that this one is a copy.
fn file_id(path: &Path) -> String {
    use std::os::unix::fs::MetadataExt;
    let machine = std::fs::read_to_string("/etc/machine-id").unwrap_or_default();
    let system = rustix::fs::statvfs(path).map(|about| about.f_fsid).unwrap_or_default();
    let inode = path.metadata().map(|about| about.ino()).unwrap_or_default();
    format!("{}:{system:x}:{inode}", Digest::of(machine.trim()).short())
}

fn new_writer() -> String {
    format!("{:016x}{:016x}", rand::random::<u64>(), rand::random::<u64>())
}

impl Store {
    /// Exchanges records with a folder; without one, with that of the last time. `as_new` gives this file a writer's name of its
    /// own, for a copy that was taken for its original.
    ///
    /// # Errors
    /// When there is no such folder, another file writes under this one's name, or registry or folder cannot be written.
    pub fn sync(&mut self, place: Option<&Path>, as_new: bool) -> Result<Exchange> {
        if self.is_in_memory() || self.in_group {
            return Err(StoreError::Invalid("a registry in memory has nothing to exchange".to_owned()));
        }
        let place = self.sync_place(place)?;
        let folder = Folder::open(Path::new(&place))?;
        let file = file_id(&self.path);
        let writer = self.write(|conn| {
            let writer = identify(conn, &file, as_new)?;
            seal(conn, &writer)?;
            Ok(writer)
        })?;
        let listed = folder.listed()?;
        let covered = covered(&listed);
        refuse_twin(&self.conn, &writer, &covered)?;
        let mut exchange = Exchange { place: place.clone(), ..Exchange::default() };
        let known = known(&self.conn)?;
        if listed.iter().any(|pack| pack.head.to > known.get(&pack.head.writer).copied().unwrap_or(0)) {
            self.receive(&folder, &listed, &writer, &mut exchange)?;
        }
        let packs = self.packs_for(&covered)?;
        exchange.sent = packs.iter().map(|(pack, _)| (pack.head.to - pack.head.from + 1) as usize).sum();
        if !packs.is_empty() {
            folder.add(&writer, &packs)?;
        }
        let ends = packs.iter().map(|(pack, _)| &pack.head);
        self.write(|conn| {
            ends.into_iter().try_for_each(|head| keep_end(conn, head))?;
            conn.execute("UPDATE replica SET place = ?1 WHERE place IS NOT ?1", [&place])?;
            Ok(())
        })?;
        if known.len() > 1 || exchange.received > 0 {
            let told = told(&self.conn)?;
            let names = names_in_force(&self.conn, &told)?;
            exchange.conflicts.extend(label_conflicts(&told, &names));
        }
        let Exchange { sent, received, conflicts, .. } = &exchange;
        tracing::info!(place, sent, received, conflicts = conflicts.len(), "records were exchanged");
        Ok(exchange)
    }

    fn sync_place(&self, given: Option<&Path>) -> Result<String> {
        if let Some(given) = given {
            let whole = given.canonicalize().or_else(|_| std::path::absolute(given));
            return Ok(whole.unwrap_or_else(|_| given.to_owned()).display().to_string());
        }
        let last: Option<Option<String>> =
            self.conn.query_row("SELECT place FROM replica", [], |r| r.get(0)).optional()?;
        last.flatten().ok_or(StoreError::NoPlace)
    }

    /// For `fsck`: the records of each writer are without a gap, and those that were written.
    pub(super) fn check_records(&self, report: &mut FsckReport) -> Result<()> {
        let mut stmt = self.conn.prepare("SELECT writer, seq, digest FROM chain ORDER BY writer, seq")?;
        let mut rows = stmt.query([])?;
        let mut last = (String::new(), 0, pack::start(""));
        while let Some(row) = rows.next()? {
            let (writer, seq): (String, i64) = (row.get(0)?, row.get(1)?);
            if last.0 != writer {
                last = (writer.clone(), 0, pack::start(&writer));
            }
            let mut records = self.conn.prepare_cached(
                "SELECT kind, id, seq FROM record WHERE writer = ?1 AND seq > ?2 AND seq <= ?3 ORDER BY seq",
            )?;
            let mut found = records.query(params![writer, last.1, seq])?;
            while let Some(record) = found.next()? {
                report.count("record");
                last.1 += i64::from(record.get::<_, i64>(2)? == last.1 + 1);
                last.2 = chained(&last.2, record.get(0)?, record.get_ref(1)?.as_bytes().unwrap_or_default());
            }
            if last.1 != seq || last.2.as_bytes() != row.get_ref(2)?.as_bytes().unwrap_or_default() {
                let what = format!("its records up to {seq} are not those that were exchanged");
                report.fault(format!("writer {writer}"), what, RESTORE);
                last = (writer, seq, last.2);
            }
        }
        Ok(())
    }

    /// Takes in what is there and not here, in one transaction.
    fn receive(
        &mut self,
        folder: &Folder,
        listed: &[ListedPack],
        writer: &str,
        exchange: &mut Exchange,
    ) -> Result<()> {
        let forgotten = std::cell::Cell::new(0);
        self.overwrite_freed()?;
        // What may not change otherwise (numbers) is changed here.
        self.conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
        let done = self.write_then(
            |conn| {
                if let Some((table, of)) = tally::unsound(conn)?.into_iter().next() {
                    return Err(StoreError::Damaged(format!(
                        "rows of {table} are missing ({of}); nothing was exchanged"
                    )));
                }
                seal(conn, writer)?;
                let mut merge = Merge::new(conn)?;
                let (received, refused) = take_packs(conn, folder, listed, &mut merge)?;
                let derived = derive(conn, &merge.touched)?;
                keep_heads(conn)?;
                Ok((received, refused, derived))
            },
            |conn, (_, _, derived)| {
                forgotten.set(finish(conn, derived)?);
                Ok(())
            },
        );
        self.conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, true)?;
        let (received, refused, derived) = done?;
        if forgotten.get() > 0 {
            // Else the log would hold the text until somebody folds it into the file.
            self.cut_log()?;
        }
        (exchange.received, exchange.refused, exchange.conflicts) = (received, refused, derived.conflicts);
        Ok(())
    }

    /// Packs of all records that a place lacks.
    fn packs_for(&self, covered: &BTreeMap<String, (i64, Digest)>) -> Result<Vec<(ListedPack, Vec<u8>)>> {
        let mut packs = Vec::new();
        for (writer, last) in known(&self.conn)? {
            let (there, _) = covered.get(&writer).copied().unwrap_or((0, pack::start(&writer)));
            if last <= there {
                continue;
            }
            let mut before = chain_at(&self.conn, &writer, there)?;
            let names = names_of(&self.conn, &writer, there)?;
            let rows = rows_of(&self.conn, &names)?;
            let (mut records, mut size, mut from) = (Vec::new(), 0, there + 1);
            for ((kind, id), seq) in names.into_iter().zip(there + 1..) {
                let record = match rows.get(&(kind, id.clone())) {
                    Some(row) => record::read(&self.conn, kind, &id, *row)?,
                    None => SyncRecord { kind, id, values: None },
                };
                size += record.size();
                records.push(record);
                // A case set and its cases come together.
                let whole = !matches!(kind.table(), "case_set" | "case_row");
                if size > pack::LENGTH && whole || seq == last {
                    let step = |chain, record: &SyncRecord| chained(&chain, record.kind.number(), &record.id);
                    let after = records.iter().fold(before, step);
                    let head = Head { writer: writer.clone(), from, to: seq, before, after };
                    let (name, bytes) = pack::made(&head, &records);
                    packs.push((ListedPack { name, bytes: bytes.len() as u64, head }, bytes));
                    (before, from, size) = (after, seq + 1, 0);
                    records.clear();
                }
            }
        }
        Ok(packs)
    }
}

/// This file's name as a writer: a new one for a file that is not the one it was.
fn identify(conn: &Connection, file: &str, as_new: bool) -> Result<String> {
    let here: Option<(String, String)> =
        conn.query_row("SELECT writer, file FROM replica", [], |r| Ok((r.get(0)?, r.get(1)?))).optional()?;
    match here {
        Some((writer, was)) if was == file && !as_new => Ok(writer),
        Some((writer, _)) => {
            let new = new_writer();
            if as_new {
                // What the other file wrote under this name is told by its packs.
                for table in ["record", "chain"] {
                    conn.execute(&format!("DELETE FROM {table} WHERE writer = ?1"), [&writer])?;
                }
                conn.execute("DELETE FROM sealed", [])?;
            }
            conn.execute("UPDATE replica SET writer = ?1, file = ?2", params![new, file])?;
            Ok(new)
        }
        None => {
            let new = new_writer();
            conn.execute("INSERT INTO replica (id, writer, file) VALUES (1, ?1, ?2)", params![new, file])?;
            Ok(new)
        }
    }
}

/// How many records of each writer are here.
fn known(conn: &Connection) -> Result<BTreeMap<String, i64>> {
    let mut stmt = conn.prepare_cached("SELECT writer, max(seq) FROM chain GROUP BY writer")?;
    Ok(stmt.query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?.collect::<rusqlite::Result<_>>()?)
}

fn keep_end(conn: &Connection, head: &Head) -> Result<()> {
    conn.prepare_cached("INSERT OR IGNORE INTO chain (writer, seq, digest) VALUES (?1, ?2, ?3)")?
        .execute(params![head.writer, head.to, head.after.as_bytes()])?;
    Ok(())
}

/// A writer's chain up to one of its records.
fn chain_at(conn: &Connection, writer: &str, seq: i64) -> Result<Digest> {
    let kept: Option<Option<(i64, Vec<u8>)>> = conn
        .prepare_cached(
            "SELECT seq, digest FROM chain WHERE writer = ?1 AND seq <= ?2 ORDER BY seq DESC LIMIT 1",
        )?
        .query_row(params![writer, seq], |r| Ok(Some((r.get(0)?, r.get(1)?))))
        .optional()?;
    let kept = kept.flatten().and_then(|(at, digest)| Some((at, Digest::from_bytes(&digest)?)));
    let (at, mut chain) = kept.unwrap_or((0, pack::start(writer)));
    let mut stmt = conn.prepare_cached(
        "SELECT kind, id FROM record WHERE writer = ?1 AND seq > ?2 AND seq <= ?3 ORDER BY seq",
    )?;
    let mut rows = stmt.query(params![writer, at, seq])?;
    while let Some(row) = rows.next()? {
        chain = chained(&chain, row.get(0)?, row.get_ref(1)?.as_bytes().unwrap_or_default());
    }
    Ok(chain)
}

/// What of each writer's records a place has without a gap, and the chain up to there.
fn covered(listed: &[ListedPack]) -> BTreeMap<String, (i64, Digest)> {
    let mut out: BTreeMap<String, (i64, Digest)> = BTreeMap::new();
    for ListedPack { head, .. } in listed {
        let here = out.entry(head.writer.clone()).or_insert_with(|| (0, pack::start(&head.writer)));
        if head.from <= here.0 + 1 && head.to > here.0 {
            *here = (head.to, head.after);
        }
    }
    out
}

/// Two files that write under one name.
fn refuse_twin(conn: &Connection, writer: &str, covered: &BTreeMap<String, (i64, Digest)>) -> Result<()> {
    let Some((there, chain)) = covered.get(writer) else { return Ok(()) };
    let here = known(conn)?.get(writer).copied().unwrap_or(0);
    if *there <= here && chain_at(conn, writer, *there)? == *chain {
        return Ok(());
    }
    Err(StoreError::Twin)
}

/// The tables whose rows are numbered, with their number in SQL.
fn number_of(kind: RecordKind) -> &'static str {
    match kind.table() {
        "run" => "t.seq",
        "case_row" => "t.set_id",
        _ => "t.id",
    }
}

/// Gives every row that has none a record of this file.
fn seal(conn: &Connection, writer: &str) -> Result<()> {
    let mut last: i64 = conn
        .prepare_cached("SELECT coalesce(max(seq), 0) FROM chain WHERE writer = ?1")?
        .query_row([writer], |r| r.get(0))?;
    let mut chain = chain_at(conn, writer, last)?;
    let first = last;
    let mut add = conn.prepare_cached(
        "INSERT INTO record (writer, seq, kind, id) SELECT ?1, ?2, ?3, ?4 WHERE NOT EXISTS \
         (SELECT 1 FROM record WHERE id = ?4 AND kind = ?3)",
    )?;
    let mut put = |kind: RecordKind, id: &[u8]| -> rusqlite::Result<()> {
        if add.execute(params![writer, last + 1, kind.number(), id])? > 0 {
            last += 1;
            chain = chained(&chain, kind.number(), id);
        }
        Ok(())
    };
    for kind in RecordKind::ALL.into_iter().filter(|kind| *kind != RecordKind::Account) {
        let (table, number) = (kind.table(), number_of(kind));
        let head: i64 = conn
            .prepare_cached("SELECT head FROM sealed WHERE what = ?1")?
            .query_row([table], |r| r.get(0))
            .optional()?
            .unwrap_or(0);
        let order = if table == "case_row" { "t.set_id, t.ord" } else { number };
        let sql =
            format!("SELECT {}, {number} FROM {table} t WHERE {number} > ?1 ORDER BY {order}", kind.id());
        let mut stmt = conn.prepare_cached(&sql)?;
        let mut rows = stmt.query([head])?;
        while let Some(row) = rows.next()? {
            put(kind, row.get_ref(0)?.as_bytes().unwrap_or_default())?;
        }
    }
    let runs: Vec<String> = conn
        .prepare_cached("SELECT id FROM run ORDER BY seq")?
        .query_map([], |r| r.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for run in runs {
        let id = record::account_id(&record::account(conn, &run)?);
        put(RecordKind::Account, id.as_bytes())?;
    }
    if last > first {
        conn.prepare_cached("INSERT INTO chain (writer, seq, digest) VALUES (?1, ?2, ?3)")?
            .execute(params![writer, last, chain.as_bytes()])?;
        keep_heads(conn)?;
    }
    Ok(())
}

/// Rows up to the present ones have records.
fn keep_heads(conn: &Connection) -> Result<()> {
    for kind in RecordKind::ALL.into_iter().filter(|kind| *kind != RecordKind::Account) {
        let (table, number) = (kind.table(), number_of(kind));
        conn.prepare_cached(&format!(
            "INSERT INTO sealed (what, head) SELECT ?1, coalesce(max({number}), 0) FROM {table} t WHERE true \
             ON CONFLICT (what) DO UPDATE SET head = excluded.head"
        ))?
        .execute([table])?;
    }
    Ok(())
}

/// Takes in packs as far as what they refer to is here; how many records were new, and what was refused.
fn take_packs(
    conn: &Connection,
    folder: &Folder,
    listed: &[ListedPack],
    merge: &mut Merge<'_>,
) -> Result<(usize, Vec<String>)> {
    let (mut received, mut refused) = (0, Vec::new());
    let mut waiting: Vec<&ListedPack> = listed.iter().collect();
    loop {
        let before = waiting.len();
        let mut still = Vec::new();
        for pack in waiting {
            conn.execute_batch("SAVEPOINT pack")?;
            let taken = take_pack(conn, folder, pack, merge);
            if !matches!(taken, Ok(Some(_))) {
                conn.execute_batch("ROLLBACK TO pack")?;
                merge.forget_what_is_known();
            }
            conn.execute_batch("RELEASE pack")?;
            match taken {
                Ok(Some(new)) => received += new,
                Ok(None) => still.push(pack),
                // A review of a run, say, that another writer's pack brings.
                Err(StoreError::Sqlite { source, .. })
                    if source
                        .0
                        .sqlite_error()
                        .is_some_and(|e| e.extended_code == rusqlite::ffi::SQLITE_CONSTRAINT_FOREIGNKEY) =>
                {
                    still.push(pack);
                }
                Err(StoreError::Invalid(why)) => refused.push(format!("{}: {why}", pack.name)),
                Err(StoreError::Sqlite { source, .. })
                    if source.0.sqlite_error_code() == Some(rusqlite::ErrorCode::ConstraintViolation) =>
                {
                    refused.push(format!("{}: it holds what no registry can hold: {source}", pack.name));
                }
                Err(other) => return Err(other),
            }
        }
        if still.is_empty() || still.len() == before {
            return Ok((received, refused));
        }
        waiting = still;
    }
}

/// Takes in one pack; nothing while it is not whole, or what it refers to is not here.
fn take_pack(
    conn: &Connection,
    folder: &Folder,
    pack: &ListedPack,
    merge: &mut Merge<'_>,
) -> Result<Option<usize>> {
    let Head { writer, from, to, .. } = &pack.head;
    let known = known(conn)?.get(writer).copied().unwrap_or(0);
    if *to <= known {
        return Ok(Some(0));
    }
    if *from > known + 1 {
        return Ok(None);
    }
    let Some(records) = folder.records(pack) else { return Ok(None) };
    if chain_at(conn, writer, from - 1)? != pack.head.before {
        return Err(StoreError::TwoWriters(writer.clone()));
    }
    let mut new = 0;
    for (record, seq) in records.iter().zip(*from..) {
        if seq <= known {
            let same: bool = conn
                .prepare_cached("SELECT EXISTS (SELECT 1 FROM record WHERE writer = ?1 AND seq = ?2 AND kind = ?3 AND id = ?4)")?
                .query_row(params![writer, seq, record.kind.number(), record.id], |r| r.get(0))?;
            if !same {
                return Err(StoreError::TwoWriters(writer.clone()));
            }
            continue;
        }
        match merge.take(record)? {
            MergeResult::Early => return Ok(None),
            MergeResult::New => new += 1,
            MergeResult::Known => {}
        }
        conn.prepare_cached("INSERT INTO record (writer, seq, kind, id) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![writer, seq, record.kind.number(), record.id])?;
    }
    keep_end(conn, &pack.head)?;
    Ok(Some(new))
}

/// What comes after indexes and counts are up to date; how many texts were forgotten.
fn finish(conn: &Connection, derived: &Derived) -> Result<usize> {
    if derived.shifted.contains("review") {
        conn.execute("INSERT INTO comment_fts (comment_fts) VALUES ('rebuild')", [])?;
    }
    tally::count_again(conn, &derived.shifted)?;
    // Whoever forgot a text, and whenever: it does not come back with the records of somebody who has not.
    let mut bodies = Vec::new();
    let mut stmt = conn.prepare(
        "SELECT DISTINCT b.digest, b.bytes, b.unpacked FROM event e JOIN body b ON b.digest = unhex(e.payload ->> 'digest') \
         WHERE e.kind = 'forgotten' AND b.forgotten = 0",
    )?;
    let mut rows = stmt.query([])?;
    while let Some(r) = rows.next()? {
        if let Some(digest) = Digest::from_bytes(&r.get::<_, Vec<u8>>(0)?) {
            bodies.push((digest, super::body::text_at(r, 1)?));
        }
    }
    drop(rows);
    if !bodies.is_empty() {
        super::forget::forget_bodies(conn, &bodies)?;
    }
    Ok(bodies.len())
}

/// Kinds and ids of a writer's records after one of them, in order.
fn names_of(conn: &Connection, writer: &str, after: i64) -> Result<Vec<(RecordKind, Vec<u8>)>> {
    let mut stmt =
        conn.prepare_cached("SELECT kind, id FROM record WHERE writer = ?1 AND seq > ?2 ORDER BY seq")?;
    let mut rows = stmt.query(params![writer, after])?;
    let mut out = Vec::new();
    while let Some(row) = rows.next()? {
        let kind = RecordKind::numbered(row.get(0)?)
            .ok_or_else(|| StoreError::Damaged("a record is of no kind".to_owned()))?;
        out.push((kind, row.get(1)?));
    }
    Ok(out)
}

/// Where the rows of records are now.
fn rows_of(
    conn: &Connection,
    names: &[(RecordKind, Vec<u8>)],
) -> Result<HashMap<(RecordKind, Vec<u8>), LocalRow>> {
    let mut out = HashMap::new();
    for kind in RecordKind::ALL {
        let mut wanted: std::collections::HashSet<&[u8]> =
            names.iter().filter(|(k, _)| *k == kind).map(|(_, id)| id.as_slice()).collect();
        if wanted.is_empty() {
            continue;
        }
        if kind == RecordKind::Account {
            let mut stmt = conn.prepare("SELECT id, seq FROM run")?;
            let runs: Vec<(String, i64)> =
                stmt.query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?.collect::<rusqlite::Result<_>>()?;
            for (run, seq) in runs {
                let id = record::account_id(&record::account(conn, &run)?);
                if wanted.remove(id.as_bytes()) {
                    out.insert((kind, id.as_bytes().to_vec()), LocalRow(seq, 0));
                }
            }
            continue;
        }
        let (table, number) = (kind.table(), number_of(kind));
        let second = if table == "case_row" { "t.ord" } else { "0" };
        let mut stmt = conn.prepare(&format!("SELECT {}, {number}, {second} FROM {table} t", kind.id()))?;
        let mut rows = stmt.query([])?;
        while let Some(row) = rows.next()? {
            let id = row.get_ref(0)?.as_bytes().unwrap_or_default();
            if wanted.remove(id) {
                out.insert((kind, id.to_vec()), LocalRow(row.get(1)?, row.get(2)?));
            }
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests;
