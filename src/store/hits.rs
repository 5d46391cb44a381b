//! Searching lines, messages and explanations by their words.

use super::rows::Hit;
use super::search::{RANKED, WordLookup, wanted};
use super::{Result, Store, StoreError};
use rusqlite::params;

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
        let given: Vec<&str> = query.split_whitespace().collect();
        let Some(WordLookup { sql: condition, values, indexed }) = wanted(&given, "line_fts", "f.text", 2)
        else {
            return Err(StoreError::Invalid("nothing to search for: give one word or more".into()));
        };
        // Only the index knows ranks.
        let many = !indexed
            || values.len() > 1
            || self.stands_in_many_lines(values.first().map_or("", String::as_str))?;
        let sql = format!(
            "SELECT p.name, l.first_seq, f.text FROM line_fts f JOIN line l ON l.id = f.rowid \
             JOIN prompt p ON p.id = l.prompt_id WHERE {condition} AND p.archived = 0 ORDER BY {} LIMIT ?1",
            if many { "f.rowid DESC" } else { "f.rank" }
        );
        let mut found: Vec<(String, u32, String)> = self
            .conn
            .prepare_cached(&sql)?
            .query_map(
                rusqlite::params_from_iter(
                    [rusqlite::types::Value::from(i64::try_from(limit).unwrap_or(i64::MAX))]
                        .into_iter()
                        .chain(values.into_iter().map(Into::into)),
                ),
                |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)),
            )?
            .collect::<Result<_, _>>()?;
        // The index knows letters only: of `C++` it finds each word that begins with C. Lines that hold it as it is come first.
        let marked: Vec<String> = given
            .iter()
            .filter(|w| w.chars().any(|c| !c.is_alphanumeric()))
            .map(|w| w.to_lowercase())
            .collect();
        if !marked.is_empty() {
            let as_it_is = |line: &str| {
                let line = line.to_lowercase();
                marked.iter().all(|word| line.contains(word.as_str()))
            };
            found.sort_by_key(|(_, _, line)| !as_it_is(line));
        }
        Ok(found
            .into_iter()
            .filter_map(|(name, seq, line)| {
                Some(Hit {
                    name: name.parse().ok()?,
                    seq,
                    line,
                    place: crate::core::search_query::SearchField::Template,
                })
            })
            .collect())
    }
}
