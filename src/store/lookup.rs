//! Finding prompts and revisions: by name, number, label or the beginning of a digest.

use super::rows::RevisionInfo;
use super::rules::near::nearest;
use super::{Result, StoreError, There};
use crate::core::digest::Digest;
use crate::core::prompt::{Base, PromptName, Selector, Syntax, TemplateKind};
use rusqlite::{Connection, OptionalExtension, Row, params};

pub(super) const REVISION: &str = "SELECT r.seq, r.digest, r.settings_digest, r.kind, r.syntax, r.config, r.parent, r.author, \
    r.message, r.created_at, r.metadata, r.bytes, p.name, r.id, r.prompt_id \
    FROM revision r JOIN prompt p ON p.id = r.prompt_id ";

pub(super) fn digest_at(row: &Row, at: usize) -> rusqlite::Result<Digest> {
    let bytes: Vec<u8> = row.get(at)?;
    Digest::from_bytes(&bytes).ok_or_else(|| {
        rusqlite::Error::FromSqlConversionFailure(at, rusqlite::types::Type::Blob, "not a digest".into())
    })
}

pub(super) fn prompt_id(conn: &Connection, name: &PromptName) -> Result<i64> {
    find_prompt(conn, name)?.map(|(id, _)| id).ok_or_else(|| no_prompt(conn, name))
}

pub(super) fn find_prompt(conn: &Connection, name: &PromptName) -> Result<Option<(i64, u32)>> {
    Ok(conn
        .prepare_cached("SELECT id, latest FROM prompt WHERE name = ?1 AND archived = 0")?
        .query_row([name.as_str()], |r| Ok((r.get(0)?, r.get(1)?)))
        .optional()?)
}

pub(super) fn has_prompt(conn: &Connection, name: &PromptName) -> Result<bool> {
    Ok(find_prompt(conn, name)?.is_some())
}

pub(super) fn no_prompt(conn: &Connection, name: &PromptName) -> StoreError {
    let archived: bool = conn
        .query_row("SELECT EXISTS (SELECT 1 FROM prompt WHERE name = ?1)", [name.as_str()], |r| r.get(0))
        .unwrap_or(false);
    let near =
        if archived { Vec::new() } else { nearest(name.as_str(), live_names(conn).unwrap_or_default()) };
    StoreError::NoPrompt { name: name.to_string(), archived, near }
}

fn live_names(conn: &Connection) -> Result<Vec<String>> {
    let mut stmt = conn.prepare("SELECT name FROM prompt WHERE archived = 0 LIMIT 20000")?;
    Ok(stmt.query_map([], |r| r.get(0))?.collect::<Result<_, _>>()?)
}

pub(super) fn read_revision(row: &Row) -> rusqlite::Result<(RevisionInfo, i64, i64)> {
    let text = |at: usize| row.get::<_, String>(at);
    let map = |at: usize| text(at).map(|t| serde_json::from_str(&t).unwrap_or_default());
    let name: String = text(12)?;
    let name = name.parse().map_err(|e: crate::core::prompt::NameError| {
        rusqlite::Error::FromSqlConversionFailure(12, rusqlite::types::Type::Text, Box::new(e))
    })?;
    let info = RevisionInfo {
        name,
        seq: row.get(0)?,
        digest: digest_at(row, 1)?,
        settings_digest: digest_at(row, 2)?,
        kind: if text(3)? == "chat" { TemplateKind::Chat } else { TemplateKind::Text },
        syntax: text(4)?.parse().unwrap_or(Syntax::Jinja),
        config: map(5)?,
        parent: row.get(6)?,
        author: row.get(7)?,
        message: row.get(8)?,
        created_at: text(9)?,
        metadata: map(10)?,
        tags: Vec::new(),
        labels: Vec::new(),
        bytes: row.get::<_, i64>(11)?.unsigned_abs(),
    };
    Ok((info, row.get(13)?, row.get(14)?))
}

/// Adds what is kept apart from the row: labels and tags.
pub(super) fn complete(
    conn: &Connection,
    (mut info, id, prompt): (RevisionInfo, i64, i64),
) -> Result<RevisionInfo> {
    info.labels = conn
        .prepare_cached("SELECT label FROM label WHERE prompt_id = ?1 AND seq = ?2 ORDER BY label")?
        .query_map(params![prompt, info.seq], |r| r.get(0))?
        .collect::<Result<_, _>>()?;
    info.tags = tags_of(conn, id)?;
    Ok(info)
}

pub(super) fn revision_at(conn: &Connection, prompt: i64, seq: u32) -> Result<Option<RevisionInfo>> {
    let sql = format!("{REVISION} WHERE r.prompt_id = ?1 AND r.seq = ?2");
    let found = conn.prepare_cached(&sql)?.query_row(params![prompt, seq], read_revision).optional()?;
    found.map(|row| complete(conn, row)).transpose()
}

pub(super) fn resolve(
    conn: &Connection,
    name: &PromptName,
    selector: &Selector,
) -> Result<(i64, RevisionInfo)> {
    let Some((prompt, latest)) = find_prompt(conn, name)? else { return Err(no_prompt(conn, name)) };
    let missing = |there: There| StoreError::NoRevision {
        name: name.to_string(),
        selector: selector.to_string(),
        there,
    };
    let seq = match &selector.base {
        Base::Latest => latest,
        Base::Revision(seq) => *seq,
        Base::Label(label) => conn
            .prepare_cached("SELECT seq FROM label WHERE prompt_id = ?1 AND label = ?2")?
            .query_row(params![prompt, label.as_str()], |r| r.get(0))
            .optional()?
            .ok_or_else(|| missing(There::Labels(label_list(conn, prompt))))?,
        Base::Digest(prefix) => {
            by_digest(conn, prompt, name, prefix)?.ok_or_else(|| missing(There::Versions))?
        }
    };
    let found = seq
        .checked_sub(selector.back)
        .filter(|s| *s > 0)
        .map(|s| revision_at(conn, prompt, s))
        .transpose()?;
    found.flatten().map(|info| (prompt, info)).ok_or_else(|| missing(There::UpTo(latest)))
}

fn label_list(conn: &Connection, prompt: i64) -> Vec<String> {
    conn.prepare_cached("SELECT label FROM label WHERE prompt_id = ?1 ORDER BY label")
        .and_then(|mut s| s.query_map([prompt], |r| r.get(0))?.collect())
        .unwrap_or_default()
}

/// The newest revision holding the one digest that starts with `prefix`: a range of the index, whatever its length.
pub(super) fn by_digest(
    conn: &Connection,
    prompt: i64,
    name: &PromptName,
    prefix: &str,
) -> Result<Option<u32>> {
    let bound = |fill: char| {
        let rest = 64_usize.saturating_sub(prefix.len());
        format!("{prefix}{}", fill.to_string().repeat(rest)).parse::<Digest>()
    };
    let (Ok(low), Ok(high)) = (bound('0'), bound('f')) else { return Ok(None) };
    let mut stmt = conn.prepare_cached(
        "SELECT digest, max(seq) FROM revision WHERE prompt_id = ?1 AND digest BETWEEN ?2 AND ?3 GROUP BY digest ORDER BY 1",
    )?;
    let found: Vec<(String, u32)> = stmt
        .query_map(params![prompt, low.as_bytes(), high.as_bytes()], |r| {
            Ok((digest_at(r, 0)?.hex(), r.get(1)?))
        })?
        .collect::<Result<_, _>>()?;
    if found.len() < 2 {
        return Ok(found.first().map(|(_, seq)| *seq));
    }
    // Enough digits of each to tell them all apart.
    let apart = (prefix.len().max(8)..=64).find(|n| {
        let cut: std::collections::HashSet<&str> = found.iter().filter_map(|(h, _)| h.get(..*n)).collect();
        cut.len() == found.len()
    });
    let digits = apart.unwrap_or(64);
    let candidates =
        found.iter().map(|(hex, seq)| format!("{}… (r{seq})", hex.get(..digits).unwrap_or(hex))).collect();
    Err(StoreError::Ambiguous { name: name.to_string(), prefix: prefix.to_owned(), candidates })
}

pub(super) fn revision_id(conn: &Connection, prompt: i64, seq: u32) -> Result<i64> {
    Ok(conn
        .prepare_cached("SELECT id FROM revision WHERE prompt_id = ?1 AND seq = ?2")?
        .query_row(params![prompt, seq], |r| r.get(0))?)
}

pub(super) fn tags_of(conn: &Connection, revision: i64) -> Result<Vec<String>> {
    Ok(conn
        .prepare_cached("SELECT tag FROM revision_tag WHERE revision_id = ?1 ORDER BY tag")?
        .query_map([revision], |r| r.get(0))?
        .collect::<Result<_, _>>()?)
}
