//! Full-text search over the distinct lines of prompts: each line once, with the revision that first held it.

use super::body::text_at;
use super::{Result, StoreError};
use crate::core::digest::Digest;
use crate::core::prompt::{Template, TemplateKind};
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::{HashMap, HashSet};

/// How lines are taken from texts: those of a chat's messages, each to its end. An index of another kind is made anew.
const LINES: i64 = 2;

/// Where an index says of what kind it is: beside its own settings, of which FTS5 reads over those it does not know.
const KIND: &str = "assize_lines";

/// Whether the index holds lines as they were taken once. One that cannot be read is not old but damaged.
pub(super) fn is_old(conn: &Connection) -> bool {
    let sql = "SELECT v FROM line_fts_config WHERE k = ?1";
    let kind = conn.query_row(sql, [KIND], |r| r.get::<_, i64>(0)).optional();
    kind.is_ok_and(|kind| kind.unwrap_or_default() < LINES)
}

/// Notes in a new index how its lines are taken.
pub(super) fn mark_current(conn: &Connection) -> rusqlite::Result<()> {
    conn.execute("INSERT OR REPLACE INTO line_fts_config (k, v) VALUES (?1, ?2)", params![KIND, LINES])?;
    Ok(())
}

/// Brings an index up to date in which a chat's lines are those of its JSON, and a line ends after 2,000 characters. Other
/// prompts' lines stay as they are; and so does an index of texts that cannot be read, which is for `fsck` to tell.
pub(super) fn renew(conn: &Connection) -> Result<()> {
    conn.execute_batch("SAVEPOINT renewal")?;
    match index_anew(conn) {
        // Of a transaction that found no room nothing is left to go on with.
        Err(StoreError::Full) => return Err(StoreError::Full),
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "the search index stays as it was");
            conn.execute_batch("ROLLBACK TO renewal")?;
        }
        Ok(()) => {}
    }
    Ok(conn.execute_batch("RELEASE renewal")?)
}

fn index_anew(conn: &Connection) -> Result<()> {
    let prompts: Vec<i64> = conn
        .prepare(
            "SELECT prompt_id FROM revision WHERE kind = 'chat' UNION \
             SELECT l.prompt_id FROM line_fts f JOIN line l ON l.id = f.rowid WHERE length(f.text) >= 2000",
        )?
        .query_map([], |r| r.get(0))?
        .collect::<Result<_, _>>()?;
    for prompt in prompts {
        drop_lines(conn, prompt)?;
        index_stored(conn, prompt, |_| true)?;
    }
    Ok(mark_current(conn)?)
}

/// Adds the lines of those revisions of a prompt, by their row numbers, that are `wanted`.
pub(super) fn index_stored(conn: &Connection, prompt: i64, wanted: impl Fn(i64) -> bool) -> Result<()> {
    let mut seen = IndexedLines::default();
    let mut texts = conn.prepare_cached(
        "SELECT r.id, r.seq, b.bytes, b.unpacked, r.kind FROM revision r JOIN body b ON b.digest = r.digest \
         WHERE r.prompt_id = ?1 AND b.forgotten = 0 ORDER BY r.seq",
    )?;
    let mut found = texts.query([prompt])?;
    while let Some(r) = found.next()? {
        if wanted(r.get(0)?) {
            index(conn, prompt, r.get(1)?, &template(&text_at(r, 2)?, &r.get::<_, String>(4)?), &mut seen)?;
        }
    }
    Ok(())
}

fn line_hash(line: &str) -> i64 {
    let digest = Digest::of(line);
    digest.as_bytes().iter().take(8).fold(0_i64, |n, b| n << 8 | i64::from(*b))
}

/// A stored body as the template that it is of a revision of this kind.
fn template(bytes: &[u8], kind: &str) -> Template {
    let kind = if kind == TemplateKind::Chat.name() { TemplateKind::Chat } else { TemplateKind::Text };
    Template { kind, body: String::from_utf8_lossy(bytes).into_owned() }
}

/// The lines of a template's searchable text.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|l| !l.is_empty())
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
    text: &Template,
    seen: &mut IndexedLines,
) -> Result<()> {
    if seen.prompt != prompt {
        *seen = IndexedLines { prompt, hashes: HashSet::new() };
    }
    let mut add = conn.prepare_cached(
        "INSERT INTO line (prompt_id, hash, first_seq) VALUES (?1, ?2, ?3) ON CONFLICT (prompt_id, hash) DO NOTHING",
    )?;
    let mut put = conn.prepare_cached("INSERT INTO line_fts (rowid, text) VALUES (?1, ?2)")?;
    for line in lines(&text.searchable()) {
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
    let prompts: Vec<(i64, String)> = conn
        .prepare("SELECT DISTINCT prompt_id, kind FROM revision WHERE digest = ?1")?
        .query_map([digest.as_bytes()], |r| Ok((r.get(0)?, r.get(1)?)))?
        .collect::<Result<_, _>>()?;
    for (prompt, kind) in prompts {
        let elsewhere = first_seqs(conn, prompt, digest)?;
        for hash in lines(&template(text, &kind).searchable()).map(line_hash) {
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
        "SELECT min(r.seq), b.bytes, b.unpacked, r.kind FROM revision r JOIN body b ON b.digest = r.digest \
         WHERE r.prompt_id = ?1 AND b.forgotten = 0 AND b.digest <> ?2 GROUP BY b.digest, r.kind",
    )?;
    let mut rows = stmt.query(params![prompt, but.as_bytes()])?;
    let mut first = HashMap::new();
    while let Some(row) = rows.next()? {
        let (seq, text): (u32, Template) =
            (row.get(0)?, template(&text_at(row, 1)?, &row.get::<_, String>(3)?));
        for line in lines(&text.searchable()) {
            first.entry(line_hash(line)).and_modify(|s: &mut u32| *s = (*s).min(seq)).or_insert(seq);
        }
    }
    Ok(first)
}

/// For `fsck`: calls `fault` for each line of the index that its prompt does not hold since just that revision, and for each
/// revision with lines that the index lacks; how many lines there are.
pub(super) fn check(conn: &Connection, mut fault: impl FnMut(String, &str)) -> Result<u64> {
    let mut kept = conn.prepare(
        "SELECT l.id, l.hash, l.first_seq, f.text FROM line l LEFT JOIN line_fts f ON f.rowid = l.id WHERE l.prompt_id = ?1",
    )?;
    let mut texts = conn.prepare(
        "SELECT r.seq, b.bytes, b.unpacked, r.kind FROM revision r JOIN body b ON b.digest = r.digest \
         WHERE r.prompt_id = ?1 AND b.forgotten = 0 ORDER BY r.seq",
    )?;
    let mut prompts = conn.prepare("SELECT id, name FROM prompt ORDER BY id")?;
    let (mut prompts, mut count) = (prompts.query([])?, 0);
    while let Some(prompt) = prompts.next()? {
        let (prompt, name): (i64, String) = (prompt.get(0)?, prompt.get(1)?);
        // Line to its row and first revision.
        let mut known: HashMap<i64, (i64, i64)> = HashMap::new();
        let mut rows = kept.query([prompt])?;
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
            let (seq, text): (i64, Template) =
                (row.get(0)?, template(&text_at(row, 1)?, &row.get::<_, String>(3)?));
            let mut missing = HashSet::new();
            for hash in lines(&text.searchable()).map(line_hash) {
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
pub(super) const RANKED: i64 = 2_000;

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

#[cfg(test)]
mod tests {
    use super::super::Store;
    use super::*;
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

    fn chat(messages: &serde_json::Value) -> NewRevision {
        NewRevision::new("c".parse().unwrap(), Template::chat(messages).unwrap())
    }

    #[test]
    fn a_chat_is_searched_by_the_lines_of_its_messages() {
        let mut store = Store::in_memory().unwrap();
        let image = format!("data:image/png;base64,{}", "iVBORw0KGgo".repeat(9));
        let arguments = "{\"place\":\"Rome\\nViterbo\",\"days\":3}";
        let messages = serde_json::json!([
            {"role": "system", "content": "Be kind.\nAlways answer \"briefly\".\tNever shout.\r\n要約を三行で。"},
            {"role": "user", "content": [
                {"type": "text", "text": "First part\nLook closely", "cache_control": {"type": "ephemeral"}},
                {"type": "image_url", "image_url": {"url": image}}, "Last part"]},
            {"role": "assistant", "content": null, "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": arguments}}]},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "maps", "input": {"to": "Ostia"}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "Rain\nlater"}]}]},
            {"role": "tool", "tool_call_id": "c1", "content": "sunny\nand warm"},
            {"role": "assistant", "content": null, "refusal": "No.\nSorry."},
        ]);
        store.register(chat(&messages)).unwrap();
        let line =
            |words: &str| store.search(words, 9).unwrap().into_iter().map(|h| h.line).collect::<Vec<_>>();
        for (words, expected) in [
            ("kind", "Be kind."),
            ("Always", "Always answer \"briefly\".\tNever shout."),
            ("Never", "Always answer \"briefly\".\tNever shout."),
            ("三行", "要約を三行で。"),
            ("closely", "Look closely"),
            ("Last", "Last part"),
            ("weather Rome", "[call weather({\"place\":\"Rome"),
            ("Viterbo", "Viterbo\",\"days\":3})]"),
            ("maps Ostia", "[call maps({\"to\":\"Ostia\"})]"),
            ("later", "later"),
            ("warm", "and warm"),
            ("Sorry", "Sorry."),
        ] {
            assert_eq!(line(words), [expected], "{words}");
        }
        for none in [
            "nAlways",
            "role",
            "system",
            "content",
            "tool_calls",
            "nViterbo",
            "nlater",
            "ephemeral",
            "iVBORw0KGgo",
            "kind Always",
        ] {
            assert_eq!(line(none), [""; 0], "{none}");
        }
        // Filters look for the line in the text again.
        let find = |text: &str| {
            store.find(&crate::core::search_query::Find::parse(text).unwrap(), 9).unwrap().lines.len()
        };
        assert_eq!((find("Viterbo changed:<1d"), find("\"answer briefly\" changed:<1d")), (1, 1));
        assert_eq!(store.fsck().unwrap().faults, vec![]);
    }

    #[test]
    fn a_line_is_searched_to_its_end() {
        let long = format!("{}needlehere {}", "word ".repeat(10_000), "tail ".repeat(9));
        let cjk = format!("{}要約する。", "専門の編集者です、".repeat(6_000));
        let store =
            store(&[("a", &long), ("b", &cjk), ("c", &format!("x\n{}", "y".repeat(50_000) + " needlehere"))]);
        let mut found = names(&store, "needlehere");
        found.sort();
        assert_eq!(found, ["a", "c"]);
        assert_eq!(names(&store, "needlehere tail"), ["a"]);
        assert_eq!(names(&store, "要約"), ["b"]);
        assert_eq!(store.search("needlehere tail", 9).unwrap()[0].line, long.trim());
        assert_eq!(store.fsck().unwrap().faults, vec![]);
    }

    #[test]
    fn the_same_bytes_as_a_text_and_as_a_chat_are_forgotten_in_both() {
        let mut store = Store::in_memory().unwrap();
        let new = chat(&serde_json::json!([{"role": "user", "content": "quokka\nwombat"}]));
        let body = new.template.body.clone();
        let digest = new.template.digest();
        store.register(NewRevision { labels: vec![], ..new }).unwrap();
        store.register(NewRevision::new("c".parse().unwrap(), Template::text(body))).unwrap();
        store.register(NewRevision::new("c".parse().unwrap(), Template::text("wombat"))).unwrap();
        let seqs = |store: &Store, words: &str| {
            store.search(words, 9).unwrap().iter().map(|h| h.seq).collect::<Vec<_>>()
        };
        assert_eq!(
            (seqs(&store, "quokka"), seqs(&store, "wombat"), seqs(&store, "content")),
            (vec![1, 2], vec![1], vec![2])
        );
        store.forget(&digest, &crate::store::rows::Cause::default()).unwrap();
        assert_eq!((seqs(&store, "quokka"), seqs(&store, "content")), (vec![], vec![]));
        assert_eq!(seqs(&store, "wombat"), [3]);
        assert_eq!(store.fsck().unwrap().faults, vec![]);
    }

    /// An index as it was made once: of a chat the JSON, of a long line the first 2,000 characters.
    fn age(conn: &Connection) {
        let prompts = "SELECT r.prompt_id, r.seq, b.bytes, b.unpacked FROM revision r JOIN body b ON b.digest = r.digest ORDER BY r.id";
        let old: Vec<(i64, u32, Vec<u8>)> = conn
            .prepare(prompts)
            .unwrap()
            .query_map([], |r| Ok((r.get(0)?, r.get(1)?, text_at(r, 2)?)))
            .unwrap()
            .map(std::result::Result::unwrap)
            .collect();
        conn.execute_batch("DELETE FROM line_fts; DELETE FROM line").unwrap();
        for (prompt, seq, text) in old {
            let text = String::from_utf8(text).unwrap();
            let cut: Vec<String> = text.lines().map(|l| l.trim().chars().take(2_000).collect()).collect();
            index(conn, prompt, seq, &Template::text(cut.join("\n")), &mut IndexedLines::default()).unwrap();
        }
        conn.execute("DELETE FROM line_fts_config WHERE k = ?1", [KIND]).unwrap();
    }

    #[test]
    fn an_index_of_the_former_kind_is_made_anew_as_the_registry_is_opened() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("r.db");
        let mut store = Store::open(&path).unwrap();
        assert!(!is_old(&store.conn));
        for text in ["one", "two"] {
            store
                .register(chat(
                    &serde_json::json!([{"role": "user", "content": format!("first\n{text} quokka")}]),
                ))
                .unwrap();
        }
        let long = "wordy ".repeat(900) + "needlehere";
        store.register(NewRevision::new("long".parse().unwrap(), Template::text(&long))).unwrap();
        store.register(NewRevision::new("short".parse().unwrap(), Template::text("as it was"))).unwrap();
        age(&store.conn);
        let count = |store: &Store, words: &str| store.search(words, 9).unwrap().len();
        assert_eq!((count(&store, "nfirst"), count(&store, "needlehere"), is_old(&store.conn)), (0, 0, true));
        assert_eq!(count(&store, "role"), 2);
        let faults = store.fsck().unwrap().faults.len();
        assert!(faults > 2, "{faults}");
        store.conn.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
        drop(store);
        // A check changes nothing, and finds nothing: the index is as it was made then.
        let before = std::fs::read(&path).unwrap();
        assert_eq!(crate::store::offline_check::fsck_file(&path).unwrap().faults, vec![]);
        assert!(before == std::fs::read(&path).unwrap());
        assert!(Store::open_settled(&path).is_none());
        let store = Store::open(&path).unwrap();
        assert_eq!(
            (
                count(&store, "role"),
                count(&store, "quokka"),
                count(&store, "needlehere"),
                count(&store, "was")
            ),
            (0, 2, 1, 1)
        );
        assert_eq!((store.fsck().unwrap().faults, is_old(&store.conn)), (vec![], false));
        assert!(!crate::store::migrate::beside(&path, ".bak-v7").exists());
        drop(store);
        assert!(Store::open_settled(&path).is_some());
    }

    /// What `fsck` is to tell has to be opened first.
    #[test]
    fn damage_leaves_the_former_index_and_the_registry_opens() {
        let dir = tempfile::tempdir().unwrap();
        for damage in
            ["UPDATE body SET bytes = x'00' WHERE unpacked IS NOT NULL", "DELETE FROM line_fts_data"]
        {
            let path = dir.path().join(format!("{}.db", damage.len()));
            let mut store = Store::open(&path).unwrap();
            let text = "many words ".repeat(200);
            store.register(chat(&serde_json::json!([{"role": "user", "content": text}]))).unwrap();
            age(&store.conn);
            let trigger = rusqlite::config::DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER;
            store.conn.set_db_config(trigger, false).unwrap();
            assert!(store.conn.execute(damage, []).unwrap() > 0);
            drop(store);
            let store = Store::open(&path).unwrap();
            assert_eq!(is_old(&store.conn), damage.starts_with("DELETE"), "{damage}");
            assert!(!store.fsck().unwrap().faults.is_empty(), "{damage}");
        }
    }
}
