//! Prompts and their revisions: the sequence is set in the writing transaction, content is only ever added.

use super::body::put_body;
use super::digest_fields::{imported_id, prompt_uid};
use super::events::{log_event, read_event};
use super::labels::refuse_protected;
use super::list::prompt_info;
use super::lookup::{
    REVISION, complete, digest_at, find_prompt, has_prompt, prompt_id, read_revision, resolve, revision_at,
    revision_id,
};
use super::rows::{Cause, EventInfo, NewRevision, PromptInfo, Registered, RevisionInfo};
use super::time::{check_time, now};
use super::{Result, Store, StoreError, search};
use crate::core::digest::{Digest, RowDigest};
use crate::core::prompt::{Label, PromptName, Selector};
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::{Value, json};

/// What a revision's row digest covers, as `digest_fields.rs` lists it.
struct RevisionRow<'a> {
    prompt: &'a [u8],
    stamp: i64,
    digest: Digest,
    settings: Digest,
    kind: &'a str,
    syntax: &'a str,
    config: &'a str,
    parent: Option<&'a [u8]>,
    author: Option<&'a str>,
    message: Option<&'a str>,
    created_at: &'a str,
    recorded_at: &'a str,
    metadata: &'a str,
    bytes: i64,
    origin: Option<&'a [u8]>,
    named: Option<Digest>,
}

impl RevisionRow<'_> {
    fn digest(&self) -> Digest {
        RowDigest::new("assize.revision.2")
            .bytes(self.prompt)
            .int(self.stamp)
            .bytes(self.digest.as_bytes())
            .bytes(self.settings.as_bytes())
            .text(self.kind)
            .text(self.syntax)
            .text(self.config)
            .maybe(self.parent, RowDigest::bytes)
            .maybe(self.author, RowDigest::text)
            .maybe(self.message, RowDigest::text)
            .text(self.created_at)
            .text(self.recorded_at)
            .text(self.metadata)
            .int(self.bytes)
            .maybe(self.origin, RowDigest::bytes)
            .maybe(self.named.as_ref().map(Digest::as_bytes), RowDigest::bytes)
            .finish()
    }
}

/// What a prompt's row digest covers: where it comes from. What it is called now follows from its events.
fn prompt_digest(uid: &Digest, first_name: &str, nth: i64, created_at: &str) -> Digest {
    RowDigest::new("assize.prompt.2")
        .bytes(uid.as_bytes())
        .text(first_name)
        .int(nth)
        .text(created_at)
        .finish()
}

/// A prompt as the next revision finds it.
struct Before {
    id: i64,
    uid: Digest,
    /// Number of its newest revision; 0 when it has none.
    latest: u32,
    newest: Option<Newest>,
}

/// What the next revision says of the one before it.
struct Newest {
    settings: Digest,
    id: Digest,
    stamp: i64,
}

impl Before {
    fn find(conn: &Connection, name: &PromptName) -> Result<Option<Self>> {
        Ok(conn
            .prepare_cached(
                "SELECT p.id, p.uid, p.latest, r.settings_digest, coalesce(r.named, r.row_digest), r.stamp FROM prompt p \
                 LEFT JOIN revision r ON r.prompt_id = p.id AND r.seq = p.latest WHERE p.name = ?1 AND p.archived = 0",
            )?
            .query_row([name.as_str()], |r| {
                let latest = r.get(2)?;
                let newest = if latest == 0 {
                    None
                } else {
                    Some(Newest { settings: digest_at(r, 3)?, id: digest_at(r, 4)?, stamp: r.get(5)? })
                };
                Ok(Self { id: r.get(0)?, uid: digest_at(r, 1)?, latest, newest })
            })
            .optional()?)
    }

    /// Makes a prompt.
    fn make(conn: &Connection, name: &PromptName, at: &str) -> Result<Self> {
        let mut nth = 0;
        let uid = loop {
            let uid = prompt_uid(name.as_str(), nth);
            let taken: bool = conn
                .prepare_cached("SELECT EXISTS (SELECT 1 FROM prompt WHERE uid = ?1)")?
                .query_row([uid.as_bytes()], |r| r.get(0))?;
            if !taken {
                break uid;
            }
            nth += 1;
        };
        let digest = prompt_digest(&uid, name.as_str(), nth, at);
        conn.prepare_cached(
            "INSERT INTO prompt (name, first_name, created_at, row_digest, nth, uid) VALUES (?1, ?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![name.as_str(), at, digest.as_bytes(), nth, uid.as_bytes()])?;
        Ok(Self { id: conn.last_insert_rowid(), uid, latest: 0, newest: None })
    }
}

/// Adds one revision inside a transaction. `true` when it is new.
pub(super) fn add_revision(
    conn: &Connection,
    new: &NewRevision,
    seen: &mut search::IndexedLines,
) -> Result<(i64, u32, bool)> {
    let created_at = check_time(new.created_at.as_deref())?;
    let before = match Before::find(conn, &new.name)? {
        Some(found) => found,
        None => Before::make(conn, &new.name, &created_at)?,
    };
    let prompt = before.id;
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
    if new.origin.is_none() && before.newest.as_ref().is_some_and(|newest| newest.settings == settings) {
        return Ok((prompt, before.latest, false));
    }
    insert_revision(conn, &before, settings, &created_at, new)?;
    let seq = before.latest + 1;
    conn.prepare_cached("UPDATE prompt SET latest = ?2 WHERE id = ?1")?.execute(params![prompt, seq])?;
    search::index(conn, prompt, seq, &new.template, seen)?;
    Ok((prompt, seq, true))
}

fn insert_revision(
    conn: &Connection,
    before: &Before,
    settings: Digest,
    created_at: &str,
    new: &NewRevision,
) -> Result<()> {
    let (prompt, seq) = (before.id, before.latest + 1);
    let digest = put_body(conn, new.template.body.as_bytes())?;
    let config = Value::Object(new.settings.config.clone()).to_string();
    let metadata = Value::Object(new.metadata.clone()).to_string();
    let origin = new.origin.as_ref().map(Digest::as_bytes);
    let recorded_at = now();
    let row = RevisionRow {
        prompt: before.uid.as_bytes(),
        stamp: before.newest.as_ref().map_or(0, |newest| newest.stamp) + 1,
        digest,
        settings,
        kind: new.template.kind.name(),
        syntax: new.settings.syntax.name(),
        config: &config,
        parent: before.newest.as_ref().map(|newest| newest.id.as_bytes()),
        author: new.author.as_deref(),
        message: new.message.as_deref(),
        created_at,
        recorded_at: &recorded_at,
        metadata: &metadata,
        bytes: new.template.body.len() as i64,
        origin,
        named: origin.map(|origin| imported_id(before.uid.as_bytes(), origin)),
    };
    conn.prepare_cached(
        "INSERT INTO revision (prompt_id, seq, digest, settings_digest, kind, syntax, config, parent, author, message, \
         created_at, recorded_at, metadata, bytes, origin, row_digest, stamp, named) \
         VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18)",
    )?
    .execute(params![
        prompt,
        seq,
        row.digest.as_bytes(),
        row.settings.as_bytes(),
        row.kind,
        row.syntax,
        row.config,
        (seq > 1).then(|| seq - 1),
        row.author,
        row.message,
        row.created_at,
        row.recorded_at,
        row.metadata,
        row.bytes,
        row.origin,
        row.digest().as_bytes(),
        row.stamp,
        row.named.as_ref().map(Digest::as_bytes),
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
            let (prompt, seq, is_new) = add_revision(conn, &new, &mut search::IndexedLines::default())?;
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
            log_event(conn, Some(id), "archived", &json!({"name": name}), cause)?;
            Self::settle_names(conn)
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
                return Err(StoreError::NotArchived(name.to_string()));
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
            log_event(conn, Some(id), "renamed", &json!({"from": from, "to": to}), cause)?;
            Self::settle_names(conn)
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
            let (prompt, seq, _) = add_revision(conn, &new, &mut search::IndexedLines::default())?;
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

fn refuse_taken(conn: &Connection, name: &PromptName) -> Result<()> {
    match find_prompt(conn, name)? {
        Some(_) => Err(StoreError::Invalid(format!(
            "'{name}' is taken: choose another name, or archive that prompt first"
        ))),
        None => Ok(()),
    }
}
