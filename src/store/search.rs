//! Full-text search over the distinct lines of prompts: each line once, with the revision that first held it.

use super::body::text_at;
use super::rows::Hit;
use super::{Result, Store, StoreError};
use crate::core::digest::Digest;
use rusqlite::{Connection, params};
use std::collections::{HashMap, HashSet};

/// Longer lines are indexed up to here.
const LINE: usize = 2_000;

fn line_hash(line: &str) -> i64 {
    let digest = Digest::of(line);
    digest.as_bytes().iter().take(8).fold(0_i64, |n, b| n << 8 | i64::from(*b))
}

fn indexed(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(|l| cut(l.trim())).filter(|l| !l.is_empty())
}

fn cut(line: &str) -> &str {
    if line.len() <= LINE {
        return line;
    }
    let end = line.char_indices().nth(LINE).map_or(line.len(), |(at, _)| at);
    line.get(..end).unwrap_or(line)
}

/// The lines of one prompt that are in the index for sure: an import asks the table but once for each.
#[derive(Default)]
pub(super) struct Seen {
    prompt: i64,
    hashes: HashSet<i64>,
}

/// Adds the lines of a new revision that its prompt did not hold before.
pub(super) fn index(conn: &Connection, prompt: i64, seq: u32, text: &str, seen: &mut Seen) -> Result<()> {
    if seen.prompt != prompt {
        *seen = Seen { prompt, hashes: HashSet::new() };
    }
    let mut add = conn.prepare_cached(
        "INSERT INTO line (prompt_id, hash, first_seq) VALUES (?1, ?2, ?3) ON CONFLICT (prompt_id, hash) DO NOTHING",
    )?;
    let mut put = conn.prepare_cached("INSERT INTO line_fts (rowid, text) VALUES (?1, ?2)")?;
    for line in indexed(text) {
        let hash = line_hash(line);
        if seen.hashes.insert(hash) && add.execute(params![prompt, hash, seq])? == 1 {
            put.execute(params![conn.last_insert_rowid(), line])?;
        }
    }
    Ok(())
}

/// Takes the lines of a body that is about to be forgotten out of the index. A line that another revision of the
/// prompt holds too stays, under the first of those.
pub(super) fn forget(conn: &Connection, digest: &Digest, text: &[u8]) -> Result<()> {
    // Without this the index would keep the words until its next merge.
    conn.execute("INSERT INTO line_fts (line_fts, rank) VALUES ('secure-delete', 1)", [])?;
    let text = String::from_utf8_lossy(text);
    let prompts: Vec<i64> = conn
        .prepare("SELECT DISTINCT prompt_id FROM revision WHERE digest = ?1")?
        .query_map([digest.as_bytes()], |r| r.get(0))?
        .collect::<Result<_, _>>()?;
    for prompt in prompts {
        let elsewhere = first_seqs(conn, prompt, digest)?;
        for hash in indexed(&text).map(line_hash) {
            if let Some(seq) = elsewhere.get(&hash) {
                let sql = "UPDATE line SET first_seq = ?3 WHERE prompt_id = ?1 AND hash = ?2";
                conn.execute(sql, params![prompt, hash, seq])?;
                continue;
            }
            let key = params![prompt, hash];
            conn.execute("DELETE FROM line_fts WHERE rowid IN (SELECT id FROM line WHERE prompt_id = ?1 AND hash = ?2)", key)?;
            conn.execute("DELETE FROM line WHERE prompt_id = ?1 AND hash = ?2", key)?;
        }
    }
    Ok(())
}

/// The lines of a prompt's texts, all but one text, with the first revision that holds each.
fn first_seqs(conn: &Connection, prompt: i64, but: &Digest) -> Result<HashMap<i64, u32>> {
    let mut stmt = conn.prepare(
        "SELECT min(r.seq), b.bytes, b.unpacked FROM revision r JOIN body b ON b.digest = r.digest \
         WHERE r.prompt_id = ?1 AND b.forgotten = 0 AND b.digest <> ?2 GROUP BY b.digest",
    )?;
    let mut rows = stmt.query(params![prompt, but.as_bytes()])?;
    let mut first = HashMap::new();
    while let Some(row) = rows.next()? {
        let (seq, bytes): (u32, Vec<u8>) = (row.get(0)?, text_at(row, 1)?);
        for line in indexed(&String::from_utf8_lossy(&bytes)) {
            first.entry(line_hash(line)).and_modify(|s: &mut u32| *s = (*s).min(seq)).or_insert(seq);
        }
    }
    Ok(first)
}

/// For `fsck`: calls `fault` for each line of the index that its prompt does not hold since just that revision, and for each
/// revision with lines that the index lacks; how many lines there are.
pub(super) fn check(conn: &Connection, mut fault: impl FnMut(String, &str)) -> Result<u64> {
    let mut lines = conn.prepare(
        "SELECT l.id, l.hash, l.first_seq, f.text FROM line l LEFT JOIN line_fts f ON f.rowid = l.id WHERE l.prompt_id = ?1",
    )?;
    let mut texts = conn.prepare(
        "SELECT r.seq, b.bytes, b.unpacked FROM revision r JOIN body b ON b.digest = r.digest \
         WHERE r.prompt_id = ?1 AND b.forgotten = 0 ORDER BY r.seq",
    )?;
    let mut prompts = conn.prepare("SELECT id, name FROM prompt ORDER BY id")?;
    let (mut prompts, mut count) = (prompts.query([])?, 0);
    while let Some(prompt) = prompts.next()? {
        let (prompt, name): (i64, String) = (prompt.get(0)?, prompt.get(1)?);
        // Line to its row and first revision.
        let mut known: HashMap<i64, (i64, i64)> = HashMap::new();
        let mut rows = lines.query([prompt])?;
        while let Some(row) = rows.next()? {
            let (id, hash, first, text): (i64, i64, i64, Option<String>) =
                (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
            count += 1;
            if text.is_none_or(|text| line_hash(&text) != hash) {
                fault(format!("line {id} of the search index"), "its text does not fit its hash");
            }
            known.insert(hash, (id, first));
        }
        let mut held: HashSet<i64> = HashSet::new();
        let mut rows = texts.query([prompt])?;
        while let Some(row) = rows.next()? {
            let (seq, text): (i64, Vec<u8>) = (row.get(0)?, text_at(row, 1)?);
            let mut missing = HashSet::new();
            for hash in indexed(&String::from_utf8_lossy(&text)).map(line_hash) {
                match known.get(&hash) {
                    None => _ = missing.insert(hash),
                    Some((_, first)) if *first == seq => _ = held.insert(hash),
                    Some(_) => {}
                }
            }
            if !missing.is_empty() {
                fault(
                    format!("{name} r{seq} in the search index"),
                    &format!("{} of its lines are gone", missing.len()),
                );
            }
        }
        for (id, _) in known.iter().filter(|(hash, _)| !held.contains(hash)).map(|(_, line)| line) {
            fault(format!("line {id} of the search index"), "the revision it points at does not hold it");
        }
    }
    Ok(count)
}

/// Up to so many matching lines are put in order of merit; of more, the newest come first.
const RANKED: i64 = 2_000;

/// Words as FTS5 wants them: each quoted (one that holds a blank is found as it stands), the last one as a prefix (but not
/// a single ASCII letter, with which nearly every line has a word). None of no words.
pub(super) fn match_expression<W: AsRef<str>>(words: impl IntoIterator<Item = W>) -> Option<String> {
    let words: Vec<String> =
        words.into_iter().map(|w| format!("\"{}\"", w.as_ref().replace(['"', '\0'], " "))).collect();
    let (last, rest) = words.split_last()?;
    let star = if last.len() > 3 { "*" } else { "" };
    Some(rest.iter().cloned().chain([format!("{last}{star}")]).collect::<Vec<_>>().join(" "))
}

impl Store {
    /// Whether more lines hold these words than are put in order.
    pub(super) fn stands_in_many_lines(&self, words: &str) -> Result<bool> {
        let sql = "SELECT count(*) >= ?2 FROM (SELECT 1 FROM line_fts WHERE line_fts MATCH ?1 LIMIT ?2)";
        Ok(self.conn.prepare_cached(sql)?.query_row(params![words, RANKED], |r| r.get(0))?)
    }

    /// Lines that hold all words of the query (the last one as a prefix), best first; where very many do, newest first.
    ///
    /// # Errors
    /// When the query has no words.
    pub fn search(&self, query: &str, limit: usize) -> Result<Vec<Hit>> {
        let Some(words) = match_expression(query.split_whitespace()) else {
            return Err(StoreError::Invalid("nothing to search for: give one word or more".into()));
        };
        let many = self.stands_in_many_lines(&words)?;
        let sql = format!(
            "SELECT p.name, l.first_seq, f.text FROM line_fts f JOIN line l ON l.id = f.rowid \
             JOIN prompt p ON p.id = l.prompt_id WHERE line_fts MATCH ?1 AND p.archived = 0 ORDER BY {} LIMIT ?2",
            if many { "f.rowid DESC" } else { "f.rank" }
        );
        let found: Vec<(String, u32, String)> = self
            .conn
            .prepare_cached(&sql)?
            .query_map(params![words, limit as i64], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))?
            .collect::<Result<_, _>>()?;
        Ok(found
            .into_iter()
            .filter_map(|(name, seq, line)| {
                Some(Hit { name: name.parse().ok()?, seq, line, place: crate::core::find::Place::Template })
            })
            .collect())
    }
}
