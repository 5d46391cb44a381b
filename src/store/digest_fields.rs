//! What a row's digest covers, table by table: its own values, and of other rows their content ids. Numbers of rows here mean
//! nothing in another registry, so no digest covers one.
//!
//! ```text
//! revision -> prompt's uid, its parent's id, digest, message ...     event -> prompt's uid, payload with ids for numbers
//! response -> case set's uid, arm's id, texts by digest ...          review -> arm's id, id of the review it takes back ...
//! ```
//! A content id is the row's digest, or what is kept in `named` where it is not: of a row that was imported, which is named by
//! its origin, and of one whose digest is another since a text of it was forgotten.

use crate::core::digest::{Digest, RowDigest};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::Value as Json;

/// The content id of a row of a table that has a column for another.
pub(super) const ID: &str = "coalesce(named, row_digest)";

/// Whose value a covered column is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    /// The row's own.
    Own,
    /// The uid of the prompt in `prompt_id`.
    Prompt,
    /// The uid of the case set in this column.
    Set,
    /// The id of the arm in this column.
    Arm,
    /// The id of the prompt's revision whose number is in this column.
    Revision,
    /// The id of the review in this column.
    Review,
    /// An arm's name, without the number of the revision: that is a place in a history.
    Name,
    /// An event's payload with content ids in the place of numbers.
    Payload,
}

/// One covered column.
#[derive(Debug, Clone, Copy)]
pub(super) struct CoveredColumn {
    pub name: &'static str,
    pub of: Of,
    /// Whether it may be NULL.
    pub optional: bool,
}

pub(super) const fn own(name: &'static str) -> CoveredColumn {
    CoveredColumn { name, of: Of::Own, optional: false }
}

pub(super) const fn maybe(name: &'static str) -> CoveredColumn {
    CoveredColumn { name, of: Of::Own, optional: true }
}

const fn of(of: Of, name: &'static str) -> CoveredColumn {
    CoveredColumn { name, of, optional: false }
}

const fn maybe_of(of: Of, name: &'static str) -> CoveredColumn {
    CoveredColumn { name, of, optional: true }
}

/// A table, and what the digests of its rows cover, in order.
pub(super) struct Covered {
    pub table: &'static str,
    pub tag: &'static str,
    pub columns: &'static [CoveredColumn],
    /// Which of them may be blanked when a text is forgotten.
    pub texts: &'static [&'static str],
    /// The index of what was said, and its column.
    pub index: Option<(&'static str, &'static str)>,
}

impl CoveredColumn {
    /// As SQL reads it from the table `t`.
    fn sql(&self) -> String {
        let Self { name, of, .. } = self;
        match of {
            Of::Own | Of::Payload => format!("t.{name}"),
            Of::Prompt => format!("(SELECT uid FROM prompt WHERE id = t.{name})"),
            Of::Set => format!("(SELECT uid FROM case_set WHERE id = t.{name})"),
            Of::Arm => format!("(SELECT {ID} FROM arm WHERE id = t.{name})"),
            Of::Review => format!("(SELECT {ID} FROM review WHERE id = t.{name})"),
            Of::Revision => {
                format!("(SELECT {ID} FROM revision WHERE prompt_id = t.prompt_id AND seq = t.{name})")
            }
            Of::Name => format!(
                "replace(CASE WHEN t.seq IS NULL THEN t.{name} ELSE replace(t.{name}, '@r' || t.seq, '@r') END, \
                 '#' || substr(lower(hex({ID})), 1, 8), '')"
            ),
        }
    }
}

/// An arm's name without the number of its revision: what [`Of::Name`] reads.
pub(super) fn unnumbered(name: &str, seq: Option<u32>) -> String {
    seq.map_or_else(|| name.to_owned(), |seq| name.replace(&format!("@r{seq}"), "@r"))
}

impl Covered {
    /// Reads what its digests cover, `more` columns first, of the rows that `narrow` picks (`WHERE`, `ORDER BY`; the table is
    /// `t`).
    pub(super) fn select(&self, more: &str, narrow: &str) -> String {
        let columns: Vec<String> = self.columns.iter().map(CoveredColumn::sql).collect();
        format!("SELECT {more}, {} FROM {} t {narrow}", columns.join(", "), self.table)
    }

    /// The covered values of a row of [`Covered::select`], from a column on.
    pub(super) fn values(
        &self,
        conn: &Connection,
        row: &Row<'_>,
        from: usize,
    ) -> rusqlite::Result<Vec<Value>> {
        let mut values = values(row, from, self.columns.len())?;
        let place = |of| self.columns.iter().position(|c: &CoveredColumn| c.of == of);
        if let Some(at) = place(Of::Payload) {
            let text = |name: &str| {
                let at = self.columns.iter().position(|c| c.name == name)?;
                if let Some(Value::Text(text)) = values.get(at) { Some(text.clone()) } else { None }
            };
            if let (Some(kind), Some(payload)) = (text("kind"), text("payload"))
                && is_numbered(&kind)
            {
                let uid = place(Of::Prompt).and_then(|at| values.get(at));
                let uid = if let Some(Value::Blob(uid)) = uid { Some(uid.clone()) } else { None };
                let prompt = match uid {
                    Some(uid) => conn
                        .prepare_cached("SELECT id FROM prompt WHERE uid = ?1")?
                        .query_row([uid], |r| r.get(0))
                        .optional()?,
                    None => None,
                };
                if let Some(value) = values.get_mut(at) {
                    *value = Value::Text(with_ids(conn, prompt, &kind, &payload)?);
                }
            }
        }
        Ok(values)
    }

    pub(super) fn digest(&self, values: &[Value]) -> Digest {
        fed(RowDigest::new(self.tag), self.columns, values).finish()
    }

    pub(super) fn by_name(table: &str) -> Option<&'static Self> {
        ROWS.iter().find(|covered| covered.table == table)
    }
}

/// Values of a row, as they are stored.
pub(super) fn values(row: &Row<'_>, from: usize, count: usize) -> rusqlite::Result<Vec<Value>> {
    (from..from + count).map(|at| row.get(at)).collect()
}

/// Adds a row's values to a digest.
pub(super) fn fed(digest: RowDigest, columns: &[CoveredColumn], values: &[Value]) -> RowDigest {
    columns.iter().zip(values).fold(digest, |digest, (column, value)| feed(digest, column.optional, value))
}

/// Adds one value.
pub(super) fn feed(digest: RowDigest, optional: bool, value: &Value) -> RowDigest {
    let one = |digest: RowDigest, value: &Value| match value {
        Value::Null => digest,
        Value::Integer(n) => digest.int(*n),
        Value::Real(n) => digest.real(*n),
        Value::Text(text) => digest.text(text),
        Value::Blob(bytes) => digest.bytes(bytes),
    };
    if optional { digest.maybe(Some(value).filter(|v| **v != Value::Null), one) } else { one(digest, value) }
}

/// Tables in an order in which no row is before one that it refers to.
pub(super) const ROWS: [Covered; 10] = [
    Covered {
        table: "prompt",
        tag: "assize.prompt.2",
        columns: &[own("uid"), own("first_name"), own("nth"), own("created_at")],
        texts: &[],
        index: None,
    },
    Covered {
        table: "case_set",
        tag: "assize.case_set.2",
        columns: &[
            own("uid"),
            own("name"),
            own("digest"),
            own("kind"),
            own("created_at"),
            own("rows"),
            own("stamp"),
        ],
        texts: &[],
        index: None,
    },
    Covered {
        table: "case_row",
        tag: "assize.case.2",
        columns: &[of(Of::Set, "set_id"), own("ord"), own("case_id"), own("payload")],
        texts: &[],
        index: None,
    },
    Covered {
        table: "rubric",
        tag: "assize.rubric.2",
        columns: &[own("name"), own("digest"), own("json"), own("created_at"), own("stamp")],
        texts: &[],
        index: None,
    },
    Covered {
        table: "revision",
        tag: "assize.revision.2",
        columns: &[
            of(Of::Prompt, "prompt_id"),
            own("stamp"),
            own("digest"),
            own("settings_digest"),
            own("kind"),
            own("syntax"),
            own("config"),
            maybe_of(Of::Revision, "parent"),
            maybe("author"),
            maybe("message"),
            own("created_at"),
            own("recorded_at"),
            own("metadata"),
            own("bytes"),
            maybe("origin"),
            maybe("named"),
        ],
        texts: &["author", "message", "metadata"],
        index: Some(("message_fts", "message")),
    },
    Covered {
        table: "arm",
        tag: "assize.arm.2",
        columns: &[
            of(Of::Name, "name"),
            own("kind"),
            maybe_of(Of::Prompt, "prompt_id"),
            maybe_of(Of::Revision, "seq"),
            maybe("model"),
            maybe("named"),
        ],
        texts: &["name", "model"],
        index: None,
    },
    Covered {
        table: "response",
        tag: "assize.response.2",
        columns: &[
            of(Of::Set, "set_id"),
            own("case_id"),
            of(Of::Arm, "arm_id"),
            own("repeat"),
            own("ord"),
            own("subject"),
            own("state"),
            maybe("text"),
            own("detail"),
            own("created_at"),
            own("stamp"),
            maybe("named"),
        ],
        texts: &["detail"],
        index: None,
    },
    Covered {
        table: "review",
        tag: "assize.review.2",
        columns: &[
            own("run_id"),
            own("item"),
            own("criterion"),
            own("case_id"),
            of(Of::Arm, "arm_id"),
            own("criterion_version"),
            maybe("response"),
            own("reviewer"),
            maybe("score"),
            own("comment"),
            own("modes"),
            own("saw_judge"),
            own("sampling"),
            maybe_of(Of::Review, "undone"),
            maybe("seconds"),
            own("at"),
            own("stamp"),
            maybe("named"),
        ],
        texts: &["reviewer", "comment"],
        index: Some(("comment_fts", "comment")),
    },
    Covered {
        table: "event",
        tag: "assize.event.2",
        columns: &[
            maybe_of(Of::Prompt, "prompt_id"),
            own("at"),
            maybe("author"),
            maybe("reason"),
            own("kind"),
            of(Of::Payload, "payload"),
            own("stamp"),
            maybe("named"),
        ],
        texts: &["author", "reason", "payload"],
        index: None,
    },
    Covered {
        table: "pair_answer",
        tag: "assize.pair_answer.2",
        columns: &[
            own("key"),
            of(Of::Set, "set_id"),
            own("case_id"),
            of(Of::Arm, "first_arm"),
            of(Of::Arm, "second_arm"),
            own("first"),
            own("second"),
            own("criterion"),
            own("criterion_version"),
            own("judge"),
            own("fingerprint"),
            own("state"),
            maybe("choice"),
            own("explanation"),
            own("flags"),
            own("repairs"),
            own("rung"),
            maybe("model_returned"),
            maybe("finish_reason"),
            maybe("prompt_tokens"),
            maybe("completion_tokens"),
            maybe("cost_usd"),
            own("latency_ms"),
            own("attempts"),
            own("nonce"),
            own("raw_digest"),
            own("at"),
            own("stamp"),
            maybe("named"),
        ],
        texts: &["judge", "explanation", "flags", "repairs", "model_returned", "finish_reason"],
        index: None,
    },
];

/// Of a run; its criteria and items follow. The names of its arms follow from its items.
pub(super) const RUN: &[CoveredColumn] = &[
    own("id"),
    own("stamp"),
    own("created_at"),
    own("spec"),
    own("judge"),
    own("imported"),
    own("items"),
    own("planned"),
];
pub(super) const RUN_TAG: &str = "assize.run.2";
pub(super) const RUN_CRITERION: &[CoveredColumn] = &[own("name"), own("own"), maybe("version"), own("json")];
pub(super) const RUN_ITEM: &[CoveredColumn] = &[
    own("case_id"),
    of(Of::Arm, "arm_id"),
    of(Of::Set, "set_id"),
    own("repeat"),
    maybe("cluster"),
    own("tags"),
];

/// Columns of a table as SQL reads them.
pub(super) fn names(columns: &[CoveredColumn]) -> String {
    columns.iter().map(CoveredColumn::sql).collect::<Vec<_>>().join(", ")
}

/// The digest of a whole plan as it is stored: the run's row, its columns and its items, in their order.
pub(super) fn plan_digest(conn: &Connection, run: &str) -> rusqlite::Result<Digest> {
    let sql = format!("SELECT {} FROM run t WHERE id = ?1", names(RUN));
    let own = conn.prepare_cached(&sql)?.query_row([run], |row| values(row, 0, RUN.len()))?;
    plan_digest_of(conn, run, &own)
}

/// As [`plan_digest`], with other values of the run's row.
pub(super) fn plan_digest_of(conn: &Connection, run: &str, own: &[Value]) -> rusqlite::Result<Digest> {
    let mut digest = fed(RowDigest::new(RUN_TAG), RUN, own);
    for (table, columns) in [("run_criterion", RUN_CRITERION), ("run_item", RUN_ITEM)] {
        let sql = format!("SELECT {} FROM {table} t WHERE run_id = ?1 ORDER BY ord", names(columns));
        let mut statement = conn.prepare_cached(&sql)?;
        let mut rows = statement.query([run])?;
        while let Some(row) = rows.next()? {
            digest = fed(digest, columns, &values(row, 0, columns.len())?);
        }
    }
    Ok(digest.finish())
}

/// A prompt's content id: its first name, and how many were made under it before.
pub(super) fn prompt_uid(first_name: &str, nth: i64) -> Digest {
    RowDigest::new("assize.prompt.id").text(first_name).int(nth).finish()
}

/// A case set's content id.
pub(super) fn set_uid(name: &str, digest: &[u8], kind: &str, rows: i64) -> Digest {
    RowDigest::new("assize.case_set.id").text(name).bytes(digest).text(kind).int(rows).finish()
}

/// The content id of an imported revision: what two people import is one.
pub(super) fn imported_id(prompt: &[u8], origin: &[u8]) -> Digest {
    RowDigest::new("assize.revision.id").bytes(prompt).bytes(origin).finish()
}

/// Whether the payload of such an event holds numbers that mean something in this registry only.
fn is_numbered(kind: &str) -> bool {
    matches!(kind, "label_set" | "label_removed" | "label_undone" | "tagged" | "reviews_renewed")
}

/// An event's payload with content ids in the place of numbers of revisions, events and reviews.
pub(super) fn with_ids(
    conn: &Connection,
    prompt: Option<i64>,
    kind: &str,
    payload: &str,
) -> rusqlite::Result<String> {
    let revision = format!("SELECT lower(hex({ID})) FROM revision WHERE prompt_id = ?1 AND seq = ?2");
    let of = |table: &str| format!("SELECT lower(hex({ID})) FROM {table} WHERE ?1 IS ?1 AND id = ?2");
    translated(
        conn,
        prompt,
        (kind, payload),
        Json::as_i64,
        [&revision, &of("event"), &of("review")],
        Json::String,
    )
}

/// The reverse of [`with_ids`].
pub(super) fn with_numbers(
    conn: &Connection,
    prompt: Option<i64>,
    kind: &str,
    payload: &str,
) -> rusqlite::Result<String> {
    let revision = format!("SELECT seq FROM revision WHERE prompt_id = ?1 AND {ID} = ?2");
    let of = |table: &str| format!("SELECT id FROM {table} WHERE ?1 IS ?1 AND {ID} = ?2");
    let bytes = |value: &Json| Some(value.as_str()?.parse::<Digest>().ok()?.as_bytes().to_vec());
    translated(conn, prompt, (kind, payload), bytes, [&revision, &of("event"), &of("review")], |n: i64| {
        n.into()
    })
}

/// Replaces references in a payload; `asked` is the SQL for revisions, events and reviews. What refers to nothing stays.
fn translated<K: rusqlite::ToSql, V: rusqlite::types::FromSql>(
    conn: &Connection,
    prompt: Option<i64>,
    (kind, payload): (&str, &str),
    key: impl Fn(&Json) -> Option<K>,
    asked: [&str; 3],
    value: impl Fn(V) -> Json,
) -> rusqlite::Result<String> {
    let Ok(mut json) = serde_json::from_str::<Json>(payload) else { return Ok(payload.to_owned()) };
    // Written otherwise than this program writes it: whoever did it did not make it anew.
    let as_written = json.to_string();
    if !is_numbered(kind) || as_written != payload {
        return Ok(payload.to_owned());
    }
    let [revision, event, review] = asked;
    let replace = |json: &mut Json, field: &str, sql: &str| -> rusqlite::Result<()> {
        let Some(slot) = json.get_mut(field) else { return Ok(()) };
        let Some(known) = key(slot) else { return Ok(()) };
        let found: Option<V> =
            conn.prepare_cached(sql)?.query_row(params![prompt, known], |r| r.get(0)).optional()?;
        if let Some(found) = found {
            *slot = value(found);
        }
        Ok(())
    };
    match kind {
        "tagged" => replace(&mut json, "seq", revision)?,
        "label_undone" => replace(&mut json, "event", event)?,
        "reviews_renewed" => {
            let rows = json.get_mut("rows").and_then(Json::as_array_mut);
            for row in rows.into_iter().flatten() {
                replace(row, "review", review)?;
                replace(row, "new", review)?;
            }
        }
        _ => {
            replace(&mut json, "from", revision)?;
            replace(&mut json, "to", revision)?;
        }
    }
    Ok(json.to_string())
}
