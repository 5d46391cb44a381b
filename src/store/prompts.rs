//! Prompts and their revisions: the sequence is set in the writing transaction, content is only ever added.

use super::body::put_body;
use super::labels::refuse_protected;
use super::list::prompt_info;
use super::rows::{Cause, EventInfo, NewRevision, PromptInfo, Registered, RevisionInfo};
use super::{Result, Store, StoreError, search};
use crate::core::digest::{Digest, RowDigest};
use crate::core::prompt::{Base, Kind, Label, PromptName, Selector, Syntax};
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::{Value, json};

const REVISION: &str = "SELECT r.seq, r.digest, r.settings_digest, r.kind, r.syntax, r.config, r.parent, r.author, \
    r.message, r.created_at, r.metadata, r.bytes, p.name, r.id, r.prompt_id \
    FROM revision r JOIN prompt p ON p.id = r.prompt_id ";

/// Now, as RFC 3339.
pub(super) fn now() -> String {
    crate::clock::now().round(jiff::Unit::Millisecond).unwrap_or_else(|_| crate::clock::now()).to_string()
}

pub(super) fn digest_at(row: &Row, at: usize) -> rusqlite::Result<Digest> {
    let bytes: Vec<u8> = row.get(at)?;
    Digest::from_bytes(&bytes).ok_or_else(|| {
        rusqlite::Error::FromSqlConversionFailure(at, rusqlite::types::Type::Blob, "not a digest".into())
    })
}

/// Appends an event.
pub(super) fn log_event(
    conn: &Connection,
    prompt: Option<i64>,
    kind: &str,
    payload: &Value,
    cause: &Cause,
) -> Result<i64> {
    insert_event(conn, &now(), prompt, kind, payload, cause)
}

/// Appends an event that happened at `at`.
pub(super) fn insert_event(
    conn: &Connection,
    at: &str,
    prompt: Option<i64>,
    kind: &str,
    payload: &Value,
    cause: &Cause,
) -> Result<i64> {
    let payload = payload.to_string();
    let digest = event_digest(prompt, at, cause.author.as_deref(), cause.reason.as_deref(), kind, &payload);
    conn.prepare_cached(
        "INSERT INTO event (prompt_id, at, author, reason, kind, payload, row_digest) VALUES (?1,?2,?3,?4,?5,?6,?7)",
    )?
    .execute(params![prompt, at, cause.author, cause.reason, kind, payload, digest.as_bytes()])?;
    Ok(conn.last_insert_rowid())
}

pub(super) fn event_digest(
    prompt: Option<i64>,
    at: &str,
    author: Option<&str>,
    reason: Option<&str>,
    kind: &str,
    payload: &str,
) -> Digest {
    RowDigest::new("assize.event.1")
        .maybe(prompt, RowDigest::int)
        .text(at)
        .maybe(author, RowDigest::text)
        .maybe(reason, RowDigest::text)
        .text(kind)
        .text(payload)
        .finish()
}

/// What a revision's row digest covers.
pub(super) struct RevisionRow<'a> {
    pub prompt_id: i64,
    pub seq: u32,
    pub digest: Digest,
    pub settings: Digest,
    pub kind: &'a str,
    pub syntax: &'a str,
    pub config: &'a str,
    pub parent: Option<u32>,
    pub author: Option<&'a str>,
    pub message: Option<&'a str>,
    pub created_at: &'a str,
    pub recorded_at: &'a str,
    pub metadata: &'a str,
    pub bytes: i64,
    pub origin: Option<&'a [u8]>,
}

impl RevisionRow<'_> {
    pub(super) fn digest(&self) -> Digest {
        RowDigest::new("assize.revision.1")
            .int(self.prompt_id)
            .int(i64::from(self.seq))
            .bytes(self.digest.as_bytes())
            .bytes(self.settings.as_bytes())
            .text(self.kind)
            .text(self.syntax)
            .text(self.config)
            .maybe(self.parent.map(i64::from), RowDigest::int)
            .maybe(self.author, RowDigest::text)
            .maybe(self.message, RowDigest::text)
            .text(self.created_at)
            .text(self.recorded_at)
            .text(self.metadata)
            .int(self.bytes)
            .maybe(self.origin, RowDigest::bytes)
            .finish()
    }
}

/// What a prompt's row digest covers: where it comes from. What it is called now follows from its events.
pub(super) fn prompt_digest(first_name: &str, created_at: &str) -> Digest {
    RowDigest::new("assize.prompt.1").text(first_name).text(created_at).finish()
}

pub(super) fn prompt_id(conn: &Connection, name: &PromptName) -> Result<i64> {
    find_prompt(conn, name)?.map(|(id, _)| id).ok_or_else(|| no_prompt(conn, name))
}

fn find_prompt(conn: &Connection, name: &PromptName) -> Result<Option<(i64, u32)>> {
    Ok(conn
        .prepare_cached("SELECT id, latest FROM prompt WHERE name = ?1 AND archived = 0")?
        .query_row([name.as_str()], |r| Ok((r.get(0)?, r.get(1)?)))
        .optional()?)
}

pub(super) fn has_prompt(conn: &Connection, name: &PromptName) -> Result<bool> {
    Ok(find_prompt(conn, name)?.is_some())
}

fn no_prompt(conn: &Connection, name: &PromptName) -> StoreError {
    let near = nearest(conn, name.as_str()).unwrap_or_default();
    let archived: bool = conn
        .query_row("SELECT EXISTS (SELECT 1 FROM prompt WHERE name = ?1)", [name.as_str()], |r| r.get(0))
        .unwrap_or(false);
    let hint = match (archived, near.as_slice()) {
        (true, _) => format!("; it is archived: `assize unarchive {name}` takes it back"),
        (false, []) => "; `assize list` shows what there is".to_owned(),
        (false, near) => format!("; did you mean {}?", near.join(" or ")),
    };
    StoreError::NoPrompt { name: name.to_string(), hint }
}

/// Up to three live names that are nearest: few letters apart, or holding the text whole.
fn nearest(conn: &Connection, name: &str) -> Result<Vec<String>> {
    let wanted: Vec<char> = name.chars().collect();
    let allowed = (wanted.len() / 3).clamp(1, 6);
    let mut stmt = conn.prepare("SELECT name FROM prompt WHERE archived = 0 LIMIT 20000")?;
    let mut near: Vec<(usize, String)> = Vec::new();
    let mut rows = stmt.query([])?;
    while let Some(row) = rows.next()? {
        let other: String = row.get(0)?;
        let apart = letters_apart(&wanted, &other, allowed);
        if apart <= allowed {
            near.push((apart, other));
        } else if other.contains(name) {
            near.push((allowed + 1, other));
        }
    }
    near.sort();
    Ok(near.into_iter().take(3).map(|(_, n)| n).collect())
}

/// Levenshtein's distance, given up (as `limit + 1`) once it is larger than `limit`.
fn letters_apart(wanted: &[char], other: &str, limit: usize) -> usize {
    if other.chars().count().abs_diff(wanted.len()) > limit {
        return limit + 1;
    }
    let mut row: Vec<usize> = (0..=wanted.len()).collect();
    for (i, letter) in other.chars().enumerate() {
        let mut left = i + 1;
        let mut diagonal = std::mem::replace(&mut row, vec![left]);
        for (pair, mine) in diagonal.windows(2).zip(wanted) {
            let [over_left, over] = pair else { continue };
            left = (over_left + usize::from(letter != *mine)).min(over + 1).min(left + 1);
            row.push(left);
        }
        diagonal.clear();
        if row.iter().min().is_none_or(|least| *least > limit) {
            return limit + 1;
        }
    }
    row.last().copied().unwrap_or(limit + 1)
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
        kind: if text(3)? == "chat" { Kind::Chat } else { Kind::Text },
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
fn complete(conn: &Connection, (mut info, id, prompt): (RevisionInfo, i64, i64)) -> Result<RevisionInfo> {
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
    let missing = |hint: String| StoreError::NoRevision {
        name: name.to_string(),
        selector: selector.to_string(),
        hint,
    };
    let seq = match &selector.base {
        Base::Latest => latest,
        Base::Revision(seq) => *seq,
        Base::Label(label) => conn
            .prepare_cached("SELECT seq FROM label WHERE prompt_id = ?1 AND label = ?2")?
            .query_row(params![prompt, label.as_str()], |r| r.get(0))
            .optional()?
            .ok_or_else(|| missing(format!("; its labels: {}", label_list(conn, prompt))))?,
        Base::Digest(prefix) => by_digest(conn, prompt, name, prefix)?
            .ok_or_else(|| missing(format!("; `assize log {name}` lists its versions")))?,
    };
    let found = seq
        .checked_sub(selector.back)
        .filter(|s| *s > 0)
        .map(|s| revision_at(conn, prompt, s))
        .transpose()?;
    found.flatten().map(|info| (prompt, info)).ok_or_else(|| missing(format!("; it has r1 to r{latest}")))
}

fn label_list(conn: &Connection, prompt: i64) -> String {
    let labels: Vec<String> = conn
        .prepare_cached("SELECT label FROM label WHERE prompt_id = ?1 ORDER BY label")
        .and_then(|mut s| s.query_map([prompt], |r| r.get(0))?.collect())
        .unwrap_or_default();
    if labels.is_empty() { "none".into() } else { labels.join(", ") }
}

/// The newest revision holding the one digest that starts with `prefix`: a range of the index, whatever its length.
fn by_digest(conn: &Connection, prompt: i64, name: &PromptName, prefix: &str) -> Result<Option<u32>> {
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

fn check_time(at: Option<&str>) -> Result<String> {
    match at {
        None => Ok(now()),
        Some(text) if text.parse::<jiff::Timestamp>().is_ok() => Ok(text.to_owned()),
        Some(text) => Err(StoreError::Invalid(format!(
            "'{text}' is not a time: write it as 2026-01-31T12:00:00Z (RFC 3339, with its offset)"
        ))),
    }
}

/// Adds one revision inside a transaction. `true` when it is new.
pub(super) fn add_revision(
    conn: &Connection,
    new: &NewRevision,
    seen: &mut search::Seen,
) -> Result<(i64, u32, bool)> {
    let (prompt, latest) = match find_prompt(conn, &new.name)? {
        Some(found) => found,
        None => {
            let at = check_time(new.created_at.as_deref())?;
            let digest = prompt_digest(new.name.as_str(), &at);
            conn.prepare_cached(
                "INSERT INTO prompt (name, first_name, created_at, row_digest) VALUES (?1, ?1, ?2, ?3)",
            )?
            .execute(params![new.name.as_str(), at, digest.as_bytes()])?;
            (conn.last_insert_rowid(), 0)
        }
    };
    if let Some(origin) = &new.origin {
        let known: Option<u32> = conn
            .prepare_cached("SELECT seq FROM revision WHERE prompt_id = ?1 AND origin = ?2")?
            .query_row(params![prompt, origin.as_bytes()], |r| r.get(0))
            .optional()?;
        if let Some(seq) = known {
            return Ok((prompt, seq, false));
        }
    }
    let settings =
        new.settings.digest(&new.template).map_err(|e| StoreError::Invalid(format!("config: {e}")))?;
    if latest > 0 && new.origin.is_none() {
        let newest: Vec<u8> = conn
            .prepare_cached("SELECT settings_digest FROM revision WHERE prompt_id = ?1 AND seq = ?2")?
            .query_row(params![prompt, latest], |r| r.get(0))?;
        if newest == settings.as_bytes() {
            return Ok((prompt, latest, false));
        }
    }
    let seq = latest + 1;
    insert_revision(conn, prompt, seq, settings, new)?;
    conn.prepare_cached("UPDATE prompt SET latest = ?2 WHERE id = ?1")?.execute(params![prompt, seq])?;
    search::index(conn, prompt, seq, &new.template.body, seen)?;
    Ok((prompt, seq, true))
}

fn insert_revision(
    conn: &Connection,
    prompt: i64,
    seq: u32,
    settings: Digest,
    new: &NewRevision,
) -> Result<()> {
    let digest = put_body(conn, new.template.body.as_bytes())?;
    let config = Value::Object(new.settings.config.clone()).to_string();
    let metadata = Value::Object(new.metadata.clone()).to_string();
    let (created_at, recorded_at) = (check_time(new.created_at.as_deref())?, now());
    let row = RevisionRow {
        prompt_id: prompt,
        seq,
        digest,
        settings,
        kind: new.template.kind.name(),
        syntax: new.settings.syntax.name(),
        config: &config,
        parent: (seq > 1).then(|| seq - 1),
        author: new.author.as_deref(),
        message: new.message.as_deref(),
        created_at: &created_at,
        recorded_at: &recorded_at,
        metadata: &metadata,
        bytes: new.template.body.len() as i64,
        origin: new.origin.as_ref().map(Digest::as_bytes),
    };
    conn.prepare_cached(
        "INSERT INTO revision (prompt_id, seq, digest, settings_digest, kind, syntax, config, parent, author, message, \
         created_at, recorded_at, metadata, bytes, origin, row_digest) \
         VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16)",
    )?
    .execute(params![
        row.prompt_id,
        row.seq,
        row.digest.as_bytes(),
        row.settings.as_bytes(),
        row.kind,
        row.syntax,
        row.config,
        row.parent,
        row.author,
        row.message,
        row.created_at,
        row.recorded_at,
        row.metadata,
        row.bytes,
        row.origin,
        row.digest().as_bytes()
    ])?;
    let id = conn.last_insert_rowid();
    tag_new(conn, (prompt, seq, id), &new.tags, new.author.clone())
}

/// Tags that come with a revision are a change of tags like any other, with its event.
pub(super) fn tag_new(
    conn: &Connection,
    (prompt, seq, revision): (i64, u32, i64),
    tags: &[String],
    author: Option<String>,
) -> Result<()> {
    if tags.is_empty() {
        return Ok(());
    }
    add_tags(conn, revision, tags)?;
    let cause = Cause { author, reason: None };
    log_event(conn, Some(prompt), "tagged", &json!({"seq": seq, "add": tags}), &cause).map(|_| ())
}

pub(super) fn revision_id(conn: &Connection, prompt: i64, seq: u32) -> Result<i64> {
    Ok(conn
        .prepare_cached("SELECT id FROM revision WHERE prompt_id = ?1 AND seq = ?2")?
        .query_row(params![prompt, seq], |r| r.get(0))?)
}

pub(super) fn add_tags(conn: &Connection, revision: i64, tags: &[String]) -> Result<()> {
    for tag in tags {
        if tag.trim().is_empty() || tag.len() > 200 {
            return Err(StoreError::Invalid(format!(
                "'{tag}' is not a tag: use 1 to 200 bytes that are not blank"
            )));
        }
        conn.prepare_cached(
            "INSERT INTO revision_tag (revision_id, tag) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
        )?
        .execute(params![revision, tag])?;
    }
    Ok(())
}

impl Store {
    /// Adds a revision, unless the newest one already holds the same template and settings (labels and tags are
    /// still applied).
    ///
    /// # Errors
    /// When a label is protected, a time is no time, the prompt would include itself, or the registry cannot be written.
    pub fn register(&mut self, mut new: NewRevision) -> Result<Registered> {
        self.record_includes(&mut new)?;
        self.write(|conn| {
            let (prompt, seq, is_new) = add_revision(conn, &new, &mut search::Seen::default())?;
            let cause = Cause { author: new.author.clone(), reason: None };
            for label in &new.labels {
                super::labels::move_label(
                    conn,
                    (prompt, &new.name),
                    label,
                    Some(seq),
                    (None, false),
                    &cause,
                )?;
            }
            if !is_new {
                let id = revision_id(conn, prompt, seq)?;
                tag_new(conn, (prompt, seq, id), &new.tags, new.author.clone())?;
            }
            let revision = revision_at(conn, prompt, seq)?.ok_or(StoreError::Closed)?;
            Ok(Registered { revision, new: is_new })
        })
    }

    /// The revision a selector picks.
    ///
    /// # Errors
    /// When prompt or revision do not exist, or a digest's prefix fits several (its candidates are named).
    pub fn resolve(&self, name: &PromptName, selector: &Selector) -> Result<RevisionInfo> {
        resolve(&self.conn, name, selector).map(|(_, info)| info)
    }

    /// Whether a live prompt has this name. Asking for one that is not there costs a look at many names, for the sake of its
    /// message: who only wants to know asks here.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub fn has_prompt(&self, name: &PromptName) -> Result<bool> {
        has_prompt(&self.conn, name)
    }

    /// A prompt of the list.
    ///
    /// # Errors
    /// When there is none of this name.
    pub fn prompt(&self, name: &PromptName) -> Result<PromptInfo> {
        let id = prompt_id(&self.conn, name)?;
        prompt_info(&self.conn, id)
    }

    /// A prompt's history, newest first; `before` pages.
    ///
    /// # Errors
    /// When there is none of this name.
    pub fn log(
        &self,
        name: &PromptName,
        before: Option<u32>,
        limit: Option<usize>,
    ) -> Result<Vec<RevisionInfo>> {
        let id = prompt_id(&self.conn, name)?;
        let sql = format!("{REVISION} WHERE r.prompt_id = ?1 AND r.seq < ?2 ORDER BY r.seq DESC LIMIT ?3");
        let limit = limit.map_or(-1, |n| n as i64);
        let rows: Vec<_> = self
            .conn
            .prepare_cached(&sql)?
            .query_map(params![id, before.unwrap_or(u32::MAX), limit], read_revision)?
            .collect::<Result<_, _>>()?;
        rows.into_iter().map(|row| complete(&self.conn, row)).collect()
    }

    /// Puts a prompt away; its name becomes free.
    ///
    /// # Errors
    /// When there is none of this name, or it carries a protected label.
    pub fn archive(&mut self, name: &PromptName, cause: &Cause) -> Result<()> {
        self.archive_with(name, &[], cause)
    }

    /// As [`Store::archive`], with the protected labels that were named again.
    ///
    /// # Errors
    /// When there is none of this name, or it carries another protected label.
    pub fn archive_with(&mut self, name: &PromptName, confirmed: &[Label], cause: &Cause) -> Result<()> {
        self.write(|conn| {
            let id = prompt_id(conn, name)?;
            refuse_protected(conn, (id, name), confirmed, "archive")?;
            conn.execute("UPDATE prompt SET archived = 1 WHERE id = ?1", [id])?;
            log_event(conn, Some(id), "archived", &json!({"name": name}), cause).map(|_| ())
        })
    }

    /// Takes the most recently archived prompt of that name back.
    ///
    /// # Errors
    /// When none of that name is archived, or the name is in use again.
    pub fn unarchive(&mut self, name: &PromptName, cause: &Cause) -> Result<()> {
        self.write(|conn| {
            if find_prompt(conn, name)?.is_some() {
                let why = format!("'{name}' is in use by another prompt: rename that one first");
                return Err(StoreError::Invalid(why));
            }
            let id: Option<i64> = conn
                .query_row(
                    "SELECT p.id FROM prompt p JOIN event e ON e.prompt_id = p.id AND e.kind = 'archived' \
                     WHERE p.name = ?1 AND p.archived = 1 ORDER BY e.id DESC LIMIT 1",
                    [name.as_str()],
                    |r| r.get(0),
                )
                .optional()?;
            let Some(id) = id else {
                return Err(StoreError::NotFound(format!(
                    "no archived prompt is named '{name}'; `assize list --archived` shows them"
                )));
            };
            conn.execute("UPDATE prompt SET archived = 0 WHERE id = ?1", [id])?;
            log_event(conn, Some(id), "unarchived", &json!({"name": name}), cause).map(|_| ())
        })
    }

    /// Gives a prompt another name.
    ///
    /// # Errors
    /// When there is none of this name, the new name is taken, or it carries a protected label.
    pub fn rename(&mut self, from: &PromptName, to: &PromptName, cause: &Cause) -> Result<()> {
        self.rename_with(from, to, &[], cause)
    }

    /// As [`Store::rename`], with the protected labels that were named again.
    ///
    /// # Errors
    /// When there is none of this name, the new name is taken, or it carries another protected label.
    pub fn rename_with(
        &mut self,
        from: &PromptName,
        to: &PromptName,
        confirmed: &[Label],
        cause: &Cause,
    ) -> Result<()> {
        self.write(|conn| {
            let id = prompt_id(conn, from)?;
            refuse_taken(conn, to)?;
            refuse_protected(conn, (id, from), confirmed, "rename")?;
            conn.execute("UPDATE prompt SET name = ?2 WHERE id = ?1", params![id, to.as_str()])?;
            log_event(conn, Some(id), "renamed", &json!({"from": from, "to": to}), cause).map(|_| ())
        })
    }

    /// Starts a new prompt from one revision of another.
    ///
    /// # Errors
    /// When the revision does not exist, or the new name is taken.
    pub fn copy(
        &mut self,
        from: &PromptName,
        selector: &Selector,
        to: &PromptName,
        cause: &Cause,
    ) -> Result<RevisionInfo> {
        let source = self.resolve(from, selector)?;
        let body = self.text(&source.digest)?;
        let mut new = NewRevision {
            settings: source.settings(),
            author: cause.author.clone(),
            message: Some(
                cause.reason.clone().unwrap_or_else(|| format!("copied from {from} r{}", source.seq)),
            ),
            metadata: source.metadata.clone(),
            tags: source.tags.clone(),
            ..NewRevision::new(to.clone(), crate::core::prompt::Template { kind: source.kind, body })
        };
        self.record_includes(&mut new)?;
        self.write(|conn| {
            refuse_taken(conn, to)?;
            let (prompt, seq, _) = add_revision(conn, &new, &mut search::Seen::default())?;
            log_event(
                conn,
                Some(prompt),
                "copied",
                &json!({"from": from, "revision": source.seq, "to": to}),
                cause,
            )?;
            revision_at(conn, prompt, seq)?.ok_or(StoreError::Closed)
        })
    }

    /// Sets the line about a prompt.
    ///
    /// # Errors
    /// When there is none of this name.
    pub fn describe(&mut self, name: &PromptName, text: &str, cause: &Cause) -> Result<()> {
        self.write(|conn| {
            let id = prompt_id(conn, name)?;
            let before: String =
                conn.query_row("SELECT description FROM prompt WHERE id = ?1", [id], |r| r.get(0))?;
            conn.execute("UPDATE prompt SET description = ?2 WHERE id = ?1", params![id, text])?;
            log_event(conn, Some(id), "described", &json!({"from": before, "to": text}), cause).map(|_| ())
        })
    }

    /// Adds and removes tags of a revision; the tags after.
    ///
    /// # Errors
    /// When the revision does not exist, or a tag is blank.
    pub fn tag(
        &mut self,
        name: &PromptName,
        selector: &Selector,
        add: &[String],
        remove: &[String],
        cause: &Cause,
    ) -> Result<Vec<String>> {
        self.write(|conn| {
            let (prompt, info) = resolve(conn, name, selector)?;
            let id = revision_id(conn, prompt, info.seq)?;
            add_tags(conn, id, add)?;
            for tag in remove {
                conn.execute(
                    "DELETE FROM revision_tag WHERE revision_id = ?1 AND tag = ?2",
                    params![id, tag],
                )?;
            }
            log_event(
                conn,
                Some(prompt),
                "tagged",
                &json!({"seq": info.seq, "add": add, "remove": remove}),
                cause,
            )?;
            Ok(revision_at(conn, prompt, info.seq)?.map(|r| r.tags).unwrap_or_default())
        })
    }

    /// Everything that happened to a prompt besides its revisions, oldest first.
    ///
    /// # Errors
    /// When there is none of this name.
    pub fn events(&self, name: &PromptName) -> Result<Vec<EventInfo>> {
        let id = prompt_id(&self.conn, name)?;
        let mut stmt = self.conn.prepare_cached(
            "SELECT at, kind, author, reason, payload FROM event WHERE prompt_id = ?1 ORDER BY id",
        )?;
        Ok(stmt.query_map([id], read_event)?.collect::<Result<_, _>>()?)
    }
}

pub(super) fn read_event(row: &Row) -> rusqlite::Result<EventInfo> {
    Ok(EventInfo {
        at: row.get(0)?,
        kind: row.get(1)?,
        author: row.get(2)?,
        reason: row.get(3)?,
        payload: serde_json::from_str(&row.get::<_, String>(4)?).unwrap_or(Value::Null),
    })
}

fn refuse_taken(conn: &Connection, name: &PromptName) -> Result<()> {
    match find_prompt(conn, name)? {
        Some(_) => Err(StoreError::Invalid(format!(
            "'{name}' is taken: choose another name, or archive that prompt first"
        ))),
        None => Ok(()),
    }
}

pub(super) fn tags_of(conn: &Connection, revision: i64) -> Result<Vec<String>> {
    Ok(conn
        .prepare_cached("SELECT tag FROM revision_tag WHERE revision_id = ?1 ORDER BY tag")?
        .query_map([revision], |r| r.get(0))?
        .collect::<Result<_, _>>()?)
}
