//! Full-text search over the distinct lines of prompts: each line once, with the revision that first held it.

use super::rows::Hit;
use super::{Result, Store, StoreError};
use crate::core::digest::Digest;
use rusqlite::{Connection, params};

/// Longer lines are indexed up to here.
const LINE: usize = 2_000;

fn line_hash(line: &str) -> i64 {
    let digest = Digest::of(line);
    digest.as_bytes().iter().take(8).fold(0_i64, |n, b| n << 8 | i64::from(*b))
}

fn indexed(text: &str) -> impl Iterator<Item = String> {
    text.lines().map(|l| l.trim().chars().take(LINE).collect::<String>()).filter(|l| !l.is_empty())
}

/// Adds the lines of a new revision that its prompt did not hold before.
pub(super) fn index(conn: &Connection, prompt: i64, seq: u32, text: &str) -> Result<()> {
    let mut add = conn.prepare_cached(
        "INSERT INTO line (prompt_id, hash, first_seq) VALUES (?1, ?2, ?3) ON CONFLICT (prompt_id, hash) DO NOTHING",
    )?;
    let mut put = conn.prepare_cached("INSERT INTO line_fts (rowid, text) VALUES (?1, ?2)")?;
    for line in indexed(text) {
        if add.execute(params![prompt, line_hash(&line), seq])? == 1 {
            put.execute(params![conn.last_insert_rowid(), line])?;
        }
    }
    Ok(())
}

/// Takes the lines of a forgotten body out of the index.
pub(super) fn forget(conn: &Connection, digest: &Digest, text: &[u8]) -> Result<()> {
    let text = String::from_utf8_lossy(text);
    let prompts: Vec<i64> = conn
        .prepare("SELECT DISTINCT prompt_id FROM revision WHERE digest = ?1")?
        .query_map([digest.as_bytes()], |r| r.get(0))?
        .collect::<Result<_, _>>()?;
    for prompt in prompts {
        for line in indexed(&text) {
            let key = params![prompt, line_hash(&line)];
            conn.execute("DELETE FROM line_fts WHERE rowid IN (SELECT id FROM line WHERE prompt_id = ?1 AND hash = ?2)", key)?;
            conn.execute(
                "DELETE FROM line WHERE prompt_id = ?1 AND hash = ?2",
                params![prompt, line_hash(&line)],
            )?;
        }
    }
    Ok(())
}

/// Words as FTS5 wants them: each quoted, the last one as a prefix.
fn match_expression(query: &str) -> Option<String> {
    let words: Vec<String> =
        query.split_whitespace().map(|w| format!("\"{}\"", w.replace(['"', '\0'], " "))).collect();
    let (last, rest) = words.split_last()?;
    Some(rest.iter().cloned().chain([format!("{last}*")]).collect::<Vec<_>>().join(" "))
}

impl Store {
    /// Lines that hold all words of the query (the last one as a prefix), best first.
    ///
    /// # Errors
    /// When the query has no words.
    pub fn search(&self, query: &str, limit: usize) -> Result<Vec<Hit>> {
        let Some(words) = match_expression(query) else {
            return Err(StoreError::Invalid("nothing to search for: give one word or more".into()));
        };
        let mut stmt = self.conn.prepare_cached(
            "SELECT p.name, l.first_seq, f.text FROM line_fts f JOIN line l ON l.id = f.rowid \
             JOIN prompt p ON p.id = l.prompt_id WHERE line_fts MATCH ?1 AND p.archived = 0 ORDER BY f.rank LIMIT ?2",
        )?;
        let rows = stmt.query_map(params![words, limit as i64], |r| {
            Ok((r.get::<_, String>(0)?, r.get::<_, u32>(1)?, r.get::<_, String>(2)?))
        })?;
        Ok(rows
            .filter_map(std::result::Result::ok)
            .filter_map(|(name, seq, line)| Some(Hit { name: name.parse().ok()?, seq, line }))
            .collect())
    }
}
