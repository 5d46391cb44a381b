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
pub(super) struct IndexedLines {
    prompt: i64,
    hashes: HashSet<i64>,
}

/// Adds the lines of a new revision that its prompt did not hold before.
pub(super) fn index(
    conn: &Connection,
    prompt: i64,
    seq: u32,
    text: &str,
    seen: &mut IndexedLines,
) -> Result<()> {
    if seen.prompt != prompt {
        *seen = IndexedLines { prompt, hashes: HashSet::new() };
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

/// Takes all lines of a prompt out of the index.
pub(super) fn drop_lines(conn: &Connection, prompt: i64) -> Result<()> {
    conn.execute("DELETE FROM line_fts WHERE rowid IN (SELECT id FROM line WHERE prompt_id = ?1)", [prompt])?;
    conn.execute("DELETE FROM line WHERE prompt_id = ?1", [prompt])?;
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

/// Scripts that are written without blanks between words, or join endings to them: to the index a sentence is one word, so
/// that what stands inside of it is looked for in the text itself.
fn is_unspaced(c: char) -> bool {
    matches!(c,
        '\u{e00}'..='\u{eff}' // Thai, Lao
        | '\u{1000}'..='\u{109f}' // Burmese
        | '\u{1780}'..='\u{17ff}' // Khmer
        | '\u{2e80}'..='\u{2fdf}' | '\u{3005}'..='\u{3007}' | '\u{3040}'..='\u{30ff}' | '\u{31f0}'..='\u{31ff}' // kana
        | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}' // Han
        | '\u{ac00}'..='\u{d7af}' | '\u{1100}'..='\u{11ff}' // Hangul
        | '\u{ff66}'..='\u{ff9f}')
}

/// How words are found: by an index, or, of scripts without blanks, in the column itself.
pub(super) struct WordLookup {
    /// The condition, its values as `?N` from `first` on.
    pub sql: String,
    /// The values.
    pub values: Vec<String>,
    /// Whether the index is asked.
    pub indexed: bool,
}

/// The condition for all of the words, over the index `index` and the text that stands in `column`. None of no words.
pub(super) fn wanted<W: AsRef<str>>(
    words: &[W],
    index: &str,
    column: &str,
    first: usize,
) -> Option<WordLookup> {
    let (held, plain): (Vec<&str>, Vec<&str>) =
        words.iter().map(AsRef::as_ref).filter(|w| !w.is_empty()).partition(|w| w.chars().any(is_unspaced));
    let expression = match_expression(&plain);
    let mut conditions: Vec<String> = Vec::new();
    let mut values: Vec<String> = Vec::new();
    let indexed = expression.is_some();
    if let Some(expression) = expression {
        conditions.push(format!("{index} MATCH ?{first}"));
        values.push(expression);
    }
    for word in held {
        conditions.push(format!("instr({column}, ?{}) > 0", first + values.len()));
        values.push(word.to_owned());
    }
    (!conditions.is_empty()).then(|| WordLookup { sql: conditions.join(" AND "), values, indexed })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::prompt::Template;
    use crate::store::NewRevision;

    fn store(texts: &[(&str, &str)]) -> Store {
        let mut store = Store::in_memory().unwrap();
        for (name, text) in texts {
            store.register(NewRevision::new(name.parse().unwrap(), Template::text(*text))).unwrap();
        }
        store
    }

    fn names(store: &Store, query: &str) -> Vec<String> {
        store.search(query, 10).unwrap().iter().map(|hit| hit.name.to_string()).collect()
    }

    #[test]
    fn words_inside_of_sentences_without_blanks_are_found() {
        let store = store(&[
            ("ja", "あなたは専門の編集者です。要約を三行で書いてください。"),
            ("zh", "请用三句话总结下面的文章"),
            ("th", "ช่วยสรุปบทความนี้ให้หน่อย"),
            ("ko", "다음 글을 요약해 주세요"),
            ("en", "Summarise 要約 in English"),
        ]);
        for (query, found) in [
            ("専門", vec!["ja"]),
            ("三行", vec!["ja"]),
            ("总结", vec!["zh"]),
            ("สรุป", vec!["th"]),
            ("요약", vec!["ko"]),
            ("要約", vec!["en", "ja"]),
            ("English 要約", vec!["en"]),
            ("無い", vec![]),
        ] {
            let mut names = names(&store, query);
            names.sort();
            assert_eq!(names, found, "{query}");
        }
    }

    #[test]
    fn lines_that_hold_the_marks_too_come_first() {
        let store = store(&[("a", "Le café est C prêt"), ("b", "Write C++ only"), ("c", "C is old")]);
        assert_eq!(names(&store, "C++")[0], "b");
        assert_eq!(names(&store, "c++").len(), 3);
    }
}
