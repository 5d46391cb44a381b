//! Batches of a run: what was sent to the endpoint in one file, and how it stands there.
//!
//! ```text
//! planned -> creating -> sent (its id is stored) -> settled (its lines are verdicts, or open again)
//!    |           `-- asked for, no answer: looked up by its token, then sent or dropped
//!    `-- nothing was asked for: dropped
//! ```

use super::columns::to_json;
use super::time::now;
use super::{Result, Store};
use crate::core::digest::{Digest, RowDigest};
use rusqlite::{Row, params};

/// How far a batch came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchStage {
    /// The row stands; nothing that costs was asked for.
    Planned,
    /// It was asked for; whether it is there is not known.
    Creating,
    /// It is there.
    Sent,
    /// Its results were taken in.
    Settled,
    /// It is not there, and never will be.
    Dropped,
}

impl BatchStage {
    const ALL: [(Self, &'static str); 5] = [
        (Self::Planned, "planned"),
        (Self::Creating, "creating"),
        (Self::Sent, "sent"),
        (Self::Settled, "settled"),
        (Self::Dropped, "dropped"),
    ];

    /// As it is stored.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(stage, _)| *stage == self).map_or("", |(_, name)| name)
    }
}

/// A batch to be stored, before anything is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewBatch {
    /// Unique: goes along as metadata.
    pub token: String,
    /// Item, criterion and repeat of each line.
    pub keys: Vec<(u32, u32, u32)>,
    /// How the replies' form is asked for.
    pub rung: String,
    /// Digest of the lines.
    pub input: Digest,
}

/// A stored batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchInfo {
    /// Its row.
    pub id: i64,
    /// What was sent.
    pub batch: NewBatch,
    /// RFC 3339.
    pub created_at: String,
    /// How far it came.
    pub stage: BatchStage,
    /// The uploaded file's id at the endpoint.
    pub file_id: Option<String>,
    /// The batch's id at the endpoint.
    pub batch_id: Option<String>,
    /// As the endpoint last told it.
    pub status: String,
}

fn digest(run: &str, token: &str, keys: &str, rung: &str, input: &[u8], since: i64, at: &str) -> Digest {
    RowDigest::new("assize.run_batch.1")
        .text(run)
        .text(token)
        .text(keys)
        .text(rung)
        .bytes(input)
        .int(since)
        .text(at)
        .finish()
}

fn read(r: &Row) -> rusqlite::Result<BatchInfo> {
    let (keys, stage): (String, String) = (r.get(2)?, r.get(6)?);
    let found = BatchStage::ALL.into_iter().find(|(_, name)| *name == stage);
    Ok(BatchInfo {
        id: r.get(0)?,
        batch: NewBatch {
            token: r.get(1)?,
            keys: serde_json::from_str(&keys).unwrap_or_default(),
            rung: r.get(3)?,
            input: super::lookup::digest_at(r, 4)?,
        },
        created_at: r.get(5)?,
        stage: found.map_or(BatchStage::Sent, |(stage, _)| stage),
        file_id: r.get(7)?,
        batch_id: r.get(8)?,
        status: r.get(9)?,
    })
}

impl Store {
    /// Stores a batch that is about to be sent; its row.
    ///
    /// # Errors
    /// When another process has taken the run over, or the registry cannot be written.
    pub fn add_batch(&mut self, run: &str, batch: &NewBatch) -> Result<i64> {
        let mine = self.leases.get(run).cloned();
        let (keys, at) = (to_json(&batch.keys)?, now());
        self.write(|conn| {
            super::run_rows::still_mine(conn, run, mine.as_deref())?;
            let since: i64 =
                conn.query_row("SELECT verdicts FROM run_state WHERE run_id = ?1", [run], |r| r.get(0))?;
            let row = digest(run, &batch.token, &keys, &batch.rung, batch.input.as_bytes(), since, &at);
            conn.execute(
                "INSERT INTO run_batch (run_id, token, keys, rung, input, since, created_at, row_digest, state) \
                 VALUES (?1,?2,?3,?4,?5,?6,?7,?8,'planned')",
                params![run, batch.token, keys, batch.rung, batch.input.as_bytes(), since, at, row.as_bytes()],
            )?;
            Ok(conn.last_insert_rowid())
        })
    }

    /// Says how far a batch came: its stage, ids and status.
    ///
    /// # Errors
    /// When the registry cannot be written.
    pub fn set_batch(&mut self, info: &BatchInfo) -> Result<()> {
        self.write(|conn| {
            conn.execute(
                "UPDATE run_batch SET state = ?2, file_id = ?3, batch_id = ?4, status = ?5 WHERE id = ?1",
                params![info.id, info.stage.name(), info.file_id, info.batch_id, info.status],
            )?;
            Ok(())
        })
    }

    /// The batches of a run, oldest first.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub fn batches(&self, run: &str) -> Result<Vec<BatchInfo>> {
        let sql = "SELECT id, token, keys, rung, input, created_at, state, file_id, batch_id, status FROM run_batch \
            WHERE run_id = ?1 ORDER BY id";
        Ok(self.conn.prepare_cached(sql)?.query_map([run], read)?.collect::<Result<_, _>>()?)
    }

    /// Keys (item, criterion, repeat) of verdicts that were stored after a batch was made: those of its lines that were
    /// taken in already.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub fn verdicts_since_batch(&self, batch: i64) -> Result<Vec<(u32, u32, u32)>> {
        let sql = "SELECT v.item, v.criterion, v.repeat FROM run_batch b JOIN verdict v ON v.run_id = b.run_id \
            AND v.seq > b.since WHERE b.id = ?1";
        let row = |r: &Row| Ok((r.get(0)?, r.get(1)?, r.get(2)?));
        Ok(self.conn.prepare_cached(sql)?.query_map([batch], row)?.collect::<Result<_, _>>()?)
    }

    /// The rows of batches, each with whether it fits its digest.
    pub(super) fn check_batches_with(&self, mut each: impl FnMut(i64, bool)) -> Result<()> {
        let sql = "SELECT id, run_id, token, keys, rung, input, since, created_at, row_digest FROM run_batch ORDER BY id";
        self.each(sql, |r| {
            let text = |at: usize| r.get::<_, String>(at);
            let input: Vec<u8> = r.get(5)?;
            let rebuilt = digest(&text(1)?, &text(2)?, &text(3)?, &text(4)?, &input, r.get(6)?, &text(7)?);
            each(r.get(0)?, rebuilt.as_bytes() == r.get::<_, Vec<u8>>(8)?);
            Ok(())
        })
    }
}
