//! The indexes of what was said about versions (messages, explanations, comments): filled here, read by `find`; and for
//! `fsck` every word of each is compared with the text it came from.
//!
//! ```text
//! BEGIN -> newest rows noted -> whatever is written -> rows that came since, into the indexes at once -> COMMIT
//!
//! texts -> a second index in memory -> its words in order --+
//!          the stored index         -> its words in order --+--> rows where they differ
//! ```

use super::Result;
use rusqlite::types::Value;
use rusqlite::{Connection, Row, Rows};
use std::collections::BTreeSet;

/// An index and the texts it is of.
pub(super) struct TextIndex {
    pub name: &'static str,
    /// Where it comes from: row number and text.
    table: &'static str,
    id: &'static str,
    text: &'static str,
}

/// All of them.
pub(super) const ALL: [TextIndex; 3] = [
    TextIndex { name: "message_fts", table: "revision", id: "id", text: "message" },
    TextIndex { name: "explanation_fts", table: "verdict_text", id: "verdict_id", text: "explanation" },
    TextIndex { name: "comment_fts", table: "review", id: "id", text: "comment" },
];

/// The newest row of each table: all up to it are in the indexes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct IndexHeads([i64; 3]);

impl IndexHeads {
    /// As they stand now; asked for at the beginning of a writing transaction.
    pub(super) fn now(conn: &Connection) -> rusqlite::Result<Self> {
        let sql = "SELECT coalesce((SELECT max(id) FROM revision), 0), \
            coalesce((SELECT max(verdict_id) FROM verdict_text), 0), coalesce((SELECT max(id) FROM review), 0)";
        let heads = conn.prepare_cached(sql)?.query_row([], |r| Ok([r.get(0)?, r.get(1)?, r.get(2)?]))?;
        Ok(Self(heads))
    }

    /// Brings the indexes up to date, before the transaction ends. All rows of a group at once: FTS5 writes out what it
    /// holds at each savepoint, and each verdict of a group has one.
    pub(super) fn catch_up(self, conn: &Connection) -> rusqlite::Result<()> {
        let now = Self::now(conn)?;
        for ((index, before), after) in ALL.iter().zip(self.0).zip(now.0) {
            if after > before {
                let TextIndex { name, table, id, text } = index;
                let sql = format!(
                    "INSERT INTO {name} (rowid, {text}) SELECT {id}, {text} FROM {table} WHERE {id} > ?1 AND {text} <> ''"
                );
                conn.prepare_cached(&sql)?.execute([before])?;
            }
        }
        Ok(())
    }
}

/// A word of an index: in which row, and at which place of it.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct IndexedWord {
    term: Vec<u8>,
    row: i64,
    place: i64,
}

impl IndexedWord {
    fn read(row: Option<&Row>) -> rusqlite::Result<Option<Self>> {
        let Some(row) = row else { return Ok(None) };
        // Bytes, for a damaged index need not hold text.
        Ok(Some(Self { term: row.get_ref(0)?.as_bytes()?.to_vec(), row: row.get(1)?, place: row.get(2)? }))
    }
}

const WORDS: &str = "SELECT term, doc, offset FROM temp.said_words ORDER BY term, doc, offset";

impl TextIndex {
    /// The rows whose words are not in the index, or that it has other words of.
    pub(super) fn check(&self, conn: &Connection) -> Result<BTreeSet<i64>> {
        // Others may write meanwhile: index and texts are read as they were at one moment.
        conn.execute_batch("SAVEPOINT said")?;
        let bad = self.compared(conn);
        conn.execute_batch("RELEASE said")?;
        bad
    }

    fn compared(&self, conn: &Connection) -> Result<BTreeSet<i64>> {
        let fresh = Connection::open_in_memory()?;
        fresh.execute_batch("BEGIN; CREATE VIRTUAL TABLE said USING fts5(text, content='', columnsize=0, tokenize='unicode61')")?;
        let mut add = fresh.prepare("INSERT INTO said (rowid, text) VALUES (?1, ?2)")?;
        let Self { table, id, text, .. } = self;
        let mut texts = conn.prepare(&format!("SELECT {id}, {text} FROM {table} WHERE {text} <> ''"))?;
        let mut rows = texts.query([])?;
        while let Some(row) = rows.next()? {
            add.execute((row.get::<_, Value>(0)?, row.get::<_, Value>(1)?))?;
        }
        open_words(&fresh, "said")?;
        open_words(conn, self.name)?;
        let mut bad = BTreeSet::new();
        {
            let (mut right, mut there) = (fresh.prepare(WORDS)?, conn.prepare(WORDS)?);
            differ(&mut right.query([])?, &mut there.query([])?, &mut bad)?;
        }
        conn.execute_batch("DROP TABLE temp.said_words")?;
        Ok(bad)
    }
}

/// Makes an index's words readable as a table; nothing of it is written to the file.
fn open_words(conn: &Connection, index: &str) -> rusqlite::Result<()> {
    conn.execute_batch(&format!(
        "DROP TABLE IF EXISTS temp.said_words; CREATE VIRTUAL TABLE temp.said_words USING fts5vocab(main, {index}, instance)"
    ))
}

/// Walks two ordered lists of words side by side.
fn differ(right: &mut Rows, there: &mut Rows, bad: &mut BTreeSet<i64>) -> rusqlite::Result<()> {
    let (mut a, mut b) = (IndexedWord::read(right.next()?)?, IndexedWord::read(there.next()?)?);
    loop {
        let (left, stored) = match (&a, &b) {
            (None, None) => return Ok(()),
            (Some(_), None) => (true, false),
            (None, Some(_)) => (false, true),
            (Some(x), Some(y)) => (x <= y, x >= y),
        };
        if left != stored {
            bad.extend(if left { &a } else { &b }.as_ref().map(|word| word.row));
        }
        if left {
            a = IndexedWord::read(right.next()?)?;
        }
        if stored {
            b = IndexedWord::read(there.next()?)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::core::prompt::Template;
    use crate::core::search_query::Find;
    use crate::store::{Handle, NewRevision, Store, StoreError};

    #[test]
    fn an_index_that_differs_from_its_texts_is_named() {
        let damage = [
            ("", 0),
            ("INSERT INTO message_fts (message_fts, rowid, message) VALUES ('delete', 2, 'say two')", 1),
            ("INSERT INTO message_fts (rowid, message) VALUES (3, 'more')", 1),
            // A row that is none, and a word moved to another row.
            ("INSERT INTO message_fts (rowid, message) VALUES (9, 'say')", 1),
            (
                "INSERT INTO message_fts (message_fts, rowid, message) VALUES ('delete', 2, 'say two'); \
                 INSERT INTO message_fts (rowid, message) VALUES (3, 'say two')",
                2,
            ),
        ];
        for (sql, rows) in damage {
            let mut store = Store::in_memory().unwrap();
            for text in ["one", "two", "three"] {
                let message = Some(format!("say {text}"));
                let new = NewRevision::new("p".parse().unwrap(), Template::text(text));
                store.register(NewRevision { message, ..new }).unwrap();
            }
            store.conn.execute_batch(sql).unwrap();
            let bad = super::ALL[0].check(&store.conn).unwrap();
            assert_eq!(bad.len(), rows, "{sql}");
            let report = store.fsck().unwrap();
            assert_eq!(report.faults.len(), usize::from(rows > 0), "{sql}: {:?}", report.faults);
            assert!(report.faults.iter().all(|f| f.place == "search index message_fts"));
        }
    }

    /// Groups bring the indexes up to date once, and with what they keep only.
    #[test]
    fn what_a_group_says_is_found_and_what_it_takes_back_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let handle = Handle::open(&dir.path().join("r.db")).unwrap();
        let new = |text: &str| NewRevision {
            message: Some(format!("say {text}")),
            ..NewRevision::new("p".parse().unwrap(), Template::text(text))
        };
        let (kept, lost) = (new("kept"), new("lost"));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let good = handle.write(|s| s.register(kept));
            let bad = handle.write::<()>(|s| {
                s.register(lost)?;
                Err(StoreError::Invalid("no".into()))
            });
            assert!(matches!(tokio::join!(good, bad), (Ok(_), Err(_))));
        });
        let found = |words: &str| {
            let find = Find::parse(words).unwrap();
            handle.read_blocking(move |s| s.find(&find, 9)).unwrap().lines.len()
        };
        assert_eq!(
            (found("in:message kept"), found("in:message \"say kept\""), found("in:message lost")),
            (1, 1, 0)
        );
        assert_eq!(handle.read_blocking(|s| s.fsck()).unwrap().faults, vec![]);
    }
}
