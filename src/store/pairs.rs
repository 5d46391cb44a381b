//! Pairwise answers: which of two responses a judge preferred, one row for each order in which it was asked.
//!
//! ```text
//! key (judge, subject, both texts in their order, criterion) -> newest answer of the key counts; a failed one stays
//! ```
//! A pair that is asked about again finds its answers by their key, whatever the arms are called by then.

use super::case_rows::{ArmKey, arm_key, uid_of_set};
use super::columns::to_json;
use super::events::next_stamp;
use super::rows::Arm;
use super::time::now;
use super::{Result, Store, StoreError};
use crate::core::digest::{Digest, RowDigest};
use crate::core::pairwise::{Choice, PairReading};
use crate::core::verdict::VerdictState;
use rusqlite::{Connection, OptionalExtension, params};

/// An answer to be stored.
#[derive(Debug, Clone, PartialEq)]
pub struct NewPairAnswer {
    /// What makes two questions the same: see [`pair_key`].
    pub key: Digest,
    /// The case set's row.
    pub set_id: i64,
    /// The case.
    pub case_id: String,
    /// Whose response stood first, and whose second.
    pub arms: (Arm, Arm),
    /// Digests of these responses.
    pub responses: (Digest, Digest),
    /// The criterion's name.
    pub criterion: String,
    /// And version.
    pub criterion_version: Digest,
    /// The judge's name.
    pub judge: String,
    /// And its fingerprint for pairs.
    pub fingerprint: Digest,
    /// How it ended; `scored` stands for "answered".
    pub state: VerdictState,
    /// Present exactly when answered.
    pub reading: Option<PairReading>,
    /// Why there is no answer; empty when there is.
    pub reason: String,
    /// Marks for people.
    pub flags: Vec<String>,
    /// Which step of the ladder the reply came by.
    pub rung: String,
    /// The model that answered.
    pub model_returned: Option<String>,
    /// Why the model stopped.
    pub finish_reason: Option<String>,
    /// Tokens read; unknown when absent.
    pub prompt_tokens: Option<u64>,
    /// Tokens written; unknown when absent.
    pub completion_tokens: Option<u64>,
    /// USD; unknown when absent.
    pub cost_usd: Option<f64>,
    /// The last exchange, in milliseconds.
    pub latency_ms: u64,
    /// HTTP requests made for it.
    pub attempts: u32,
    /// The call's nonce; the exact request is rebuilt from it.
    pub nonce: String,
    /// The reply as it came.
    pub raw: Vec<u8>,
}

/// A stored answer, as far as results need it.
#[derive(Debug, Clone, PartialEq)]
pub struct PairAnswer {
    /// How it ended.
    pub state: VerdictState,
    /// Which was better, when answered.
    pub choice: Option<Choice>,
    /// Why; or the reason why there is no answer.
    pub explanation: String,
    /// Marks for people.
    pub flags: Vec<String>,
    /// The model that answered.
    pub model_returned: Option<String>,
    /// RFC 3339.
    pub at: String,
}

/// The key of a question about two responses in this order.
pub fn pair_key(
    fingerprint: &Digest,
    subject: &Digest,
    (first, second): (&Digest, &Digest),
    criterion: &Digest,
) -> Digest {
    RowDigest::new("assize.pair.1")
        .bytes(fingerprint.as_bytes())
        .bytes(subject.as_bytes())
        .bytes(first.as_bytes())
        .bytes(second.as_bytes())
        .bytes(criterion.as_bytes())
        .finish()
}

/// A row as it is stored: what `fsck` hashes again.
struct StoredPairAnswer {
    key: Vec<u8>,
    set_id: i64,
    case_id: String,
    arms: (ArmKey, ArmKey),
    responses: (Vec<u8>, Vec<u8>),
    criterion: String,
    version: Vec<u8>,
    judge: String,
    fingerprint: Vec<u8>,
    state: String,
    choice: Option<String>,
    explanation: String,
    flags: String,
    repairs: String,
    rung: String,
    model_returned: Option<String>,
    finish_reason: Option<String>,
    tokens: (Option<i64>, Option<i64>),
    cost_usd: Option<f64>,
    latency_ms: i64,
    attempts: i64,
    nonce: String,
    raw_digest: Vec<u8>,
    at: String,
}

const COLUMNS: &str = "key, set_id, case_id, first_arm, second_arm, first, second, criterion, criterion_version, judge, \
    fingerprint, state, choice, explanation, flags, repairs, rung, model_returned, finish_reason, prompt_tokens, \
    completion_tokens, cost_usd, latency_ms, attempts, nonce, raw_digest, at";

impl StoredPairAnswer {
    fn of(a: &NewPairAnswer, arms: (ArmKey, ArmKey)) -> Result<Self> {
        let none = Vec::new();
        let bytes = |d: &Digest| d.as_bytes().to_vec();
        Ok(Self {
            key: bytes(&a.key),
            set_id: a.set_id,
            case_id: a.case_id.clone(),
            arms,
            responses: (bytes(&a.responses.0), bytes(&a.responses.1)),
            criterion: a.criterion.clone(),
            version: bytes(&a.criterion_version),
            judge: a.judge.clone(),
            fingerprint: bytes(&a.fingerprint),
            state: a.state.name().to_owned(),
            choice: a.reading.as_ref().map(|r| r.choice.name().to_owned()),
            explanation: a.reading.as_ref().map_or_else(|| a.reason.clone(), |r| r.explanation.clone()),
            flags: to_json(&a.flags)?,
            repairs: to_json(a.reading.as_ref().map_or(&none, |r| &r.repairs))?,
            rung: a.rung.clone(),
            model_returned: a.model_returned.clone(),
            finish_reason: a.finish_reason.clone(),
            tokens: (a.prompt_tokens.map(|n| n as i64), a.completion_tokens.map(|n| n as i64)),
            // SQLite keeps neither NaN nor the sign of zero: the row would not fit its digest when read back.
            cost_usd: a.cost_usd.filter(|c| c.is_finite()).map(|c| c + 0.0),
            latency_ms: a.latency_ms as i64,
            attempts: i64::from(a.attempts),
            nonce: a.nonce.clone(),
            raw_digest: bytes(&Digest::of(&a.raw)),
            at: now(),
        })
    }

    /// As `digest_fields.rs` lists it.
    fn digest(&self, set: &Digest, stamp: i64) -> Digest {
        RowDigest::new("assize.pair_answer.2")
            .bytes(&self.key)
            .bytes(set.as_bytes())
            .text(&self.case_id)
            .bytes(self.arms.0.id.as_bytes())
            .bytes(self.arms.1.id.as_bytes())
            .bytes(&self.responses.0)
            .bytes(&self.responses.1)
            .text(&self.criterion)
            .bytes(&self.version)
            .text(&self.judge)
            .bytes(&self.fingerprint)
            .text(&self.state)
            .maybe(self.choice.as_deref(), RowDigest::text)
            .text(&self.explanation)
            .text(&self.flags)
            .text(&self.repairs)
            .text(&self.rung)
            .maybe(self.model_returned.as_deref(), RowDigest::text)
            .maybe(self.finish_reason.as_deref(), RowDigest::text)
            .maybe(self.tokens.0, RowDigest::int)
            .maybe(self.tokens.1, RowDigest::int)
            .maybe(self.cost_usd, RowDigest::real)
            .int(self.latency_ms)
            .int(self.attempts)
            .text(&self.nonce)
            .bytes(&self.raw_digest)
            .text(&self.at)
            .int(stamp)
            .maybe(None::<&[u8]>, RowDigest::bytes)
            .finish()
    }

    fn insert(&self, conn: &Connection, raw: &[u8]) -> Result<()> {
        let stamp = next_stamp(conn, "pair_answer")?;
        let digest = self.digest(&uid_of_set(conn, self.set_id)?, stamp);
        let sql = format!(
            "INSERT INTO pair_answer ({COLUMNS}, raw, row_digest, stamp) VALUES \
             (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19,?20,?21,?22,?23,?24,?25,?26,?27,?28,?29,?30)"
        );
        conn.prepare_cached(&sql)?.execute(params![
            self.key,
            self.set_id,
            self.case_id,
            self.arms.0.row,
            self.arms.1.row,
            self.responses.0,
            self.responses.1,
            self.criterion,
            self.version,
            self.judge,
            self.fingerprint,
            self.state,
            self.choice,
            self.explanation,
            self.flags,
            self.repairs,
            self.rung,
            self.model_returned,
            self.finish_reason,
            self.tokens.0,
            self.tokens.1,
            self.cost_usd,
            self.latency_ms,
            self.attempts,
            self.nonce,
            self.raw_digest,
            self.at,
            raw,
            digest.as_bytes(),
            stamp
        ])?;
        Ok(())
    }
}

impl Store {
    /// Stores an answer.
    ///
    /// # Errors
    /// When it is neither answered nor failed, or the registry cannot be written; then nothing of it was stored.
    pub fn save_pair_answer(&mut self, answer: &NewPairAnswer) -> Result<()> {
        if (answer.state == VerdictState::Scored) != answer.reading.is_some() {
            return Err(StoreError::Invalid(format!(
                "an answer is either given or failed without a winner; this one is '{}'",
                answer.state.name()
            )));
        }
        self.write(|conn| {
            let arms = (arm_key(conn, &answer.arms.0)?, arm_key(conn, &answer.arms.1)?);
            StoredPairAnswer::of(answer, arms)?.insert(conn, &answer.raw)
        })
    }

    /// The newest answer of a key.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub fn pair_answer(&self, key: &Digest) -> Result<Option<PairAnswer>> {
        let sql = "SELECT state, choice, explanation, flags, model_returned, at FROM pair_answer \
            WHERE key = ?1 ORDER BY id DESC LIMIT 1";
        Ok(self
            .conn
            .prepare_cached(sql)?
            .query_row([key.as_bytes()], |r| {
                Ok(PairAnswer {
                    state: r.get::<_, String>(0)?.parse().unwrap_or(VerdictState::Unparseable),
                    choice: r.get::<_, Option<String>>(1)?.and_then(|c| c.parse().ok()),
                    explanation: r.get(2)?,
                    flags: serde_json::from_str(&r.get::<_, String>(3)?).unwrap_or_default(),
                    model_returned: r.get(4)?,
                    at: r.get(5)?,
                })
            })
            .optional()?)
    }
}
