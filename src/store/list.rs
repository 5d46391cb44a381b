//! Lists of prompts: a page at a time, by name, each with its newest revision, labels and tags.

use super::lookup::{read_revision, tags_of};
use super::rows::{ListQuery, PromptInfo, RevisionInfo};
use super::{Result, Store, StoreError};
use crate::core::prompt::PromptName;
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::collections::{BTreeMap, HashMap};

/// Columns as [`read_revision`] wants them, then what is the prompt's own.
const PROMPT: &str = "SELECT r.seq, r.digest, r.settings_digest, r.kind, r.syntax, r.config, r.parent, r.author, \
    r.message, r.created_at, r.metadata, r.bytes, p.name, r.id, r.prompt_id, p.description, p.archived \
    ";
/// Its rows: each prompt with its newest revision.
const NEWEST: &str = "FROM prompt p JOIN revision r ON r.prompt_id = p.id AND r.seq = p.latest";

impl Store {
    /// Prompts by name.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub fn list(&self, query: &ListQuery) -> Result<Vec<PromptInfo>> {
        Ok(self.page(query, None)?.into_iter().map(|(_, prompt)| prompt).collect())
    }

    /// Calls `each` for the prompts of a query, by name, holding no more than a part of them at a time. The reader keeps one
    /// view of the registry ([`Store::hold_view`]), else a prompt that is renamed meanwhile may be missed.
    ///
    /// # Errors
    /// What `each` says, or when the registry cannot be read.
    pub fn list_each<E: From<StoreError>>(
        &self,
        query: &ListQuery,
        mut each: impl FnMut(PromptInfo) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        // Names of the archive are in no index: each part of it sorts what is left of it.
        let most = if query.archived { 20_000 } else { 1_000 };
        let (mut left, mut last, mut offset) = (query.limit.unwrap_or(usize::MAX), None, query.offset);
        while left > 0 {
            let part = ListQuery { limit: Some(left.min(most)), offset, ..query.clone() };
            let rows = self.page(&part, last.as_ref())?;
            let count = rows.len();
            for (id, prompt) in rows {
                last = Some((prompt.name.to_string(), id));
                each(prompt)?;
            }
            if count < left.min(most) {
                break;
            }
            (left, offset) = (left - count, 0);
        }
        Ok(())
    }

    /// One page, each prompt with its row; `after` is the name and row that the page before ended with.
    fn page(&self, query: &ListQuery, after: Option<&(String, i64)>) -> Result<Vec<(i64, PromptInfo)>> {
        let limit = query.limit.map_or(-1, |n| n as i64);
        let (after, row) = after.map_or((None, None), |(name, id)| (Some(name), Some(id)));
        // Names are picked first and their rows joined then, so that rows that are skipped are not read. The index of
        // live names is in this order; without being told so the planner may sort all prompts for the sake of a page.
        let page = format!(
            "WITH page AS MATERIALIZED (SELECT id, name FROM prompt {} AND {} AND {} ORDER BY name, id LIMIT ?2 OFFSET ?3) ",
            if query.archived { "WHERE archived = 1" } else { "INDEXED BY prompt_name WHERE archived = 0" },
            if query.containing.is_some() { "instr(name, lower(?1)) > 0" } else { "?1 IS NULL" },
            if after.is_some() {
                "name >= ?4 AND (name, id) > (?4, ?5)"
            } else {
                "?4 IS NULL AND ?5 IS NULL"
            },
        );
        let of_page = params![query.containing, limit, query.offset as i64, after, row];
        let ask = |rest: &str| self.conn.prepare_cached(&format!("{page}{rest}"));
        // CROSS: the page comes first; how few rows it has is not known to the planner, who would read all labels instead.
        // Labels and tags of the whole page at once: a question for each prompt is what a long list would wait for.
        let mut labels: HashMap<i64, BTreeMap<String, u32>> = HashMap::new();
        let mut stmt =
            ask("SELECT l.prompt_id, l.label, l.seq FROM page CROSS JOIN label l ON l.prompt_id = page.id")?;
        let mut rows = stmt.query(of_page)?;
        while let Some(row) = rows.next()? {
            labels.entry(row.get(0)?).or_default().insert(row.get(1)?, row.get(2)?);
        }
        let mut tags: HashMap<i64, Vec<String>> = HashMap::new();
        let mut stmt = ask(
            "SELECT t.revision_id, t.tag FROM page CROSS JOIN prompt p ON p.id = page.id CROSS JOIN revision r \
             ON r.prompt_id = p.id AND r.seq = p.latest CROSS JOIN revision_tag t ON t.revision_id = r.id ORDER BY t.tag",
        )?;
        let mut rows = stmt.query(of_page)?;
        while let Some(row) = rows.next()? {
            tags.entry(row.get(0)?).or_default().push(row.get(1)?);
        }
        let mut stmt = ask(&format!(
            "{PROMPT} FROM page CROSS JOIN prompt p ON p.id = page.id CROSS JOIN revision r ON r.prompt_id = p.id AND \
             r.seq = p.latest ORDER BY page.name, page.id"
        ))?;
        let rows = stmt.query_map(of_page, read_prompt)?;
        rows.map(|row| {
            let row = row?;
            let (_, _, (_, id, prompt)) = &row;
            let (prompt, labels, tags) =
                (*prompt, labels.remove(prompt).unwrap_or_default(), tags.remove(id).unwrap_or_default());
            Ok((prompt, with_marks(row, labels, tags)))
        })
        .collect()
    }

    /// The place of a live prompt, or of an archived one, in the order of the list; `None` when it is not in it.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub fn place(&self, name: &PromptName, archived: bool) -> Result<Option<usize>> {
        let index = if archived { "" } else { "INDEXED BY prompt_name" };
        let sql = format!(
            "SELECT count(*) FILTER (WHERE name < ?1), count(*) FILTER (WHERE name = ?1) FROM prompt {index} \
             WHERE archived = {} AND name <= ?1",
            i32::from(archived)
        );
        let (before, there): (i64, i64) =
            self.conn.prepare_cached(&sql)?.query_row([name.as_str()], |r| Ok((r.get(0)?, r.get(1)?)))?;
        Ok((there > 0).then_some(before as usize))
    }

    /// How many prompts a query has, and how many revisions they hold together.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub fn count(&self, query: &ListQuery) -> Result<(usize, usize)> {
        let of = |(prompts, revisions): (i64, i64)| (prompts as usize, revisions as usize);
        if query.containing.is_none() && !query.archived {
            // What opening waits for does not grow with the registry: no row is counted but those that are put away.
            // Prompts and revisions are never deleted, so that the highest id tells how many there are.
            let sql = "SELECT coalesce((SELECT max(id) FROM prompt), 0) - count(*), \
                 coalesce((SELECT max(id) FROM revision), 0) - coalesce(sum(latest), 0) \
                 FROM prompt WHERE archived = 1 OR latest = 0";
            let row = self.conn.prepare_cached(sql)?.query_row([], |r| Ok((r.get(0)?, r.get(1)?)))?;
            return Ok(of(row));
        }
        let sql = "SELECT count(*), coalesce(sum(latest), 0) FROM prompt \
             WHERE archived = ?1 AND latest > 0 AND (?2 IS NULL OR instr(name, lower(?2)) > 0)";
        let row = self
            .conn
            .prepare_cached(sql)?
            .query_row(params![query.archived, query.containing], |r| Ok((r.get(0)?, r.get(1)?)))?;
        Ok(of(row))
    }

    /// All live names in order.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub fn names(&self) -> Result<Vec<PromptName>> {
        let mut stmt = self
            .conn
            .prepare_cached("SELECT name FROM prompt WHERE archived = 0 AND latest > 0 ORDER BY name")?;
        let names: Vec<String> = stmt.query_map([], |r| r.get(0))?.collect::<Result<_, _>>()?;
        names
            .into_iter()
            .map(|n| {
                n.parse()
                    .map_err(|_| StoreError::Damaged(format!("'{}' is no prompt name", n.escape_debug())))
            })
            .collect()
    }
}

/// One prompt, by its row.
pub(super) fn prompt_info(conn: &Connection, id: i64) -> Result<PromptInfo> {
    let found = conn
        .prepare_cached(&format!("{PROMPT} {NEWEST} WHERE p.id = ?1"))?
        .query_row([id], read_prompt)
        .optional()?
        .ok_or_else(|| StoreError::Damaged(format!("a prompt (row {id}) lacks its newest revision")))?;
    let (_, _, (_, revision, _)) = &found;
    let tags = tags_of(conn, *revision)?;
    let labels = conn
        .prepare_cached("SELECT label, seq FROM label WHERE prompt_id = ?1")?
        .query_map([id], |r| Ok((r.get(0)?, r.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    Ok(with_marks(found, labels, tags))
}

/// A prompt as read: description, archive flag, and its newest revision with the two keys of that row.
type PromptRow = (String, bool, (RevisionInfo, i64, i64));

fn read_prompt(row: &Row) -> rusqlite::Result<PromptRow> {
    Ok((row.get(15)?, row.get(16)?, read_revision(row)?))
}

/// A prompt with its labels and the tags of its newest revision.
fn with_marks(
    (description, archived, row): PromptRow,
    labels: BTreeMap<String, u32>,
    tags: Vec<String>,
) -> PromptInfo {
    let (mut newest, ..) = row;
    newest.labels = labels.iter().filter(|(_, seq)| **seq == newest.seq).map(|(l, _)| l.clone()).collect();
    newest.tags = tags;
    PromptInfo {
        name: newest.name.clone(),
        description,
        archived,
        revisions: newest.seq,
        latest: newest,
        labels,
    }
}
