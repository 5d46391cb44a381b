//! Verdicts: what may be stored, and what links each to the one before it.

use crate::core::digest::{Digest, RowDigest};
use crate::core::verdict::VerdictState;
use crate::store::columns::to_json;
use crate::store::error::{Result, StoreError};
use crate::store::rows::NewVerdict;

/// What a verdict's row digest covers, on top of the digest of the row before.
pub(in crate::store) fn verdict_digest(
    previous: Option<&[u8]>,
    run: &str,
    seq: i64,
    v: &NewVerdict,
    cost_usd: Option<f64>,
    at: &str,
    texts: &Texts,
) -> Digest {
    RowDigest::new("assize.verdict.1")
        .maybe(previous, RowDigest::bytes)
        .text(run)
        .int(seq)
        .int(i64::from(v.item))
        .int(i64::from(v.criterion))
        .int(i64::from(v.repeat))
        .text(&texts.state)
        .maybe(v.reading.as_ref().map(|r| i64::from(r.score)), RowDigest::int)
        .bytes(v.criterion_version.as_bytes())
        .bytes(v.fingerprint.as_bytes())
        .maybe(v.response.as_ref().map(Digest::as_bytes), RowDigest::bytes)
        .maybe(v.cache_key.as_ref().map(Digest::as_bytes), RowDigest::bytes)
        .int(i64::from(v.cached))
        .text(&v.rung)
        .text(&texts.flags)
        .text(&texts.repairs)
        .maybe(v.model_returned.as_deref(), RowDigest::text)
        .maybe(v.finish_reason.as_deref(), RowDigest::text)
        .maybe(v.prompt_tokens.map(|n| n as i64), RowDigest::int)
        .maybe(v.completion_tokens.map(|n| n as i64), RowDigest::int)
        .maybe(cost_usd, RowDigest::real)
        .int(v.latency_ms as i64)
        .int(i64::from(v.attempts))
        .text(at)
        .text(&texts.explanation)
        .text(&texts.evidence)
        .text(&v.nonce)
        .bytes(&texts.raw_digest)
        .finish()
}

/// The texts of a verdict exactly as they are stored: `fsck` hashes these, and not what was read out of them.
pub(in crate::store) struct Texts {
    pub state: String,
    pub flags: String,
    pub repairs: String,
    pub explanation: String,
    pub evidence: String,
    pub raw_digest: Vec<u8>,
}

impl Texts {
    pub(in crate::store) fn of(v: &NewVerdict) -> Result<Self> {
        let none = Vec::new();
        Ok(Self {
            state: v.state.name().to_owned(),
            flags: to_json(&v.flags)?,
            repairs: to_json(v.reading.as_ref().map_or(&none, |r| &r.repairs))?,
            explanation: v.reading.as_ref().map_or_else(|| v.reason.clone(), |r| r.explanation.clone()),
            evidence: to_json(v.reading.as_ref().map_or(&none, |r| &r.evidence))?,
            raw_digest: Digest::of(&v.raw).as_bytes().to_vec(),
        })
    }
}

/// A price as it is stored: a number, and never the sign of zero alone. What is none would not fit the row's digest when read
/// back.
pub(in crate::store) fn price(cost_usd: Option<f64>) -> Option<f64> {
    cost_usd.filter(|c| c.is_finite()).map(|c| c + 0.0)
}

/// A scored verdict has a score from 1 to 5, a failed one has none, and its price is a number: anything else is a
/// fault of the caller that must never reach a mean.
pub(in crate::store) fn check(v: &NewVerdict) -> Result<()> {
    let sound = match (v.state, &v.reading) {
        (VerdictState::Scored, Some(reading)) => (1..=5).contains(&reading.score),
        (VerdictState::Scored, None) | (_, Some(_)) => false,
        (_, None) => true,
    };
    if !sound {
        return Err(StoreError::Invalid(format!(
            "a verdict is either scored from 1 to 5 or failed without a score; this one is '{}' with {:?}",
            v.state.name(),
            v.reading.as_ref().map(|r| r.score)
        )));
    }
    Ok(())
}
