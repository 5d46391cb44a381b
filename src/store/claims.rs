//! Claims: which questions are being put to an endpoint right now, so that two processes do not pay for one answer.
//!
//! ```text
//! claim --+-- answered meanwhile? -> read it
//!         +-- another process, alive, asks it? -> wait, and look again
//!         +-- else ours -> asked -> answer stored, claim given back, in one transaction
//! ```
//! A claimant has a heartbeat as the writer of a run has; what a process that is gone was asking is anybody's.

use super::lease::{LeaseWatch, Sight, seconds};
use super::{Result, Store};
use crate::core::digest::{Digest, RowDigest};
use crate::core::verdict::VerdictState;
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::HashMap;

/// What is asked of an endpoint, and paid for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PaidQuestion {
    /// A verdict, by the key under which it may be used again.
    Verdict(Digest),
    /// Which of two responses is better, by [`pair_key`](super::pair_key); whether a failed answer is asked for again.
    Pair(Digest, bool),
    /// A response that is to be written.
    Response {
        /// The case set's row.
        set: i64,
        /// The arm's name.
        arm: String,
        /// The case.
        case: String,
        /// Which of its responses to the case.
        repeat: u32,
    },
}

/// Whose a question is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// The asker's: it may be put.
    Mine,
    /// Nobody's any more: its answer is stored.
    Answered,
    /// Another process puts it.
    Held,
}

impl PaidQuestion {
    fn key(&self) -> Digest {
        match self {
            Self::Verdict(key) | Self::Pair(key, _) => *key,
            Self::Response { set, arm, case, repeat } => RowDigest::new("assize.question.1")
                .int(*set)
                .text(arm)
                .text(case)
                .int(i64::from(*repeat))
                .finish(),
        }
    }

    fn is_answered(&self, conn: &Connection) -> Result<bool> {
        let exists = |sql: &str, values: &[&dyn rusqlite::ToSql]| -> Result<bool> {
            Ok(conn.prepare_cached(sql)?.query_row(values, |r| r.get(0))?)
        };
        match self {
            Self::Verdict(key) => exists(
                "SELECT EXISTS (SELECT 1 FROM verdict WHERE cache_key = ?1 AND state = 'scored')",
                &[&key.as_bytes()],
            ),
            Self::Pair(key, again) => {
                let state: Option<String> = conn
                    .prepare_cached("SELECT state FROM pair_answer WHERE key = ?1 ORDER BY id DESC LIMIT 1")?
                    .query_row([key.as_bytes()], |r| r.get(0))
                    .optional()?;
                let state = state.and_then(|state| state.parse::<VerdictState>().ok());
                Ok(state.is_some_and(|s| s == VerdictState::Scored || !again && !s.is_open_on_resume()))
            }
            Self::Response { set, arm, case, repeat } => exists(
                // As a run reads it: a later row for the same key replaces the one before.
                "SELECT coalesce((SELECT r.state = 'ok' FROM response r JOIN arm a ON a.id = r.arm_id WHERE r.set_id = ?1 \
                 AND a.name = ?2 AND r.case_id = ?3 AND r.repeat = ?4 ORDER BY r.id DESC LIMIT 1), 0)",
                &[set, arm, case, repeat],
            ),
        }
    }
}

fn claim(
    conn: &Connection,
    watch: &mut LeaseWatch,
    mine: &str,
    questions: &[PaidQuestion],
) -> Result<Vec<Claim>> {
    conn.prepare_cached(
        "INSERT INTO claimant (holder, heartbeat) VALUES (?1, ?2) ON CONFLICT (holder) DO UPDATE SET heartbeat = ?2",
    )?
    .execute(params![mine, seconds()])?;
    // Whether another claimant is there is looked at once for all of its claims.
    let mut gone: HashMap<String, bool> = HashMap::new();
    let mut out = Vec::with_capacity(questions.len());
    for question in questions {
        if question.is_answered(conn)? {
            out.push(Claim::Answered);
            continue;
        }
        let key = question.key();
        let held: Option<(String, Option<i64>)> = conn
            .prepare_cached(
                "SELECT c.holder, h.heartbeat FROM claim c LEFT JOIN claimant h ON h.holder = c.holder WHERE c.key = ?1",
            )?
            .query_row([key.as_bytes()], |r| Ok((r.get(0)?, r.get(1)?)))
            .optional()?;
        let other = held.filter(|(holder, _)| holder != mine);
        if let Some((holder, beat)) = other {
            let gone =
                *gone.entry(holder).or_insert_with_key(|holder| watch.sees(holder, beat) == Sight::Gone);
            if !gone {
                out.push(Claim::Held);
                continue;
            }
        }
        conn.prepare_cached(
            "INSERT INTO claim (key, holder) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET holder = ?2",
        )?
        .execute(params![key.as_bytes(), mine])?;
        out.push(Claim::Mine);
    }
    for holder in gone.into_iter().filter(|(_, gone)| *gone).map(|(holder, _)| holder) {
        leave(conn, &holder)?;
    }
    Ok(out)
}

/// Gives back all that somebody claims.
pub(super) fn leave(conn: &Connection, holder: &str) -> Result<()> {
    conn.prepare_cached("DELETE FROM claim WHERE holder = ?1")?.execute([holder])?;
    conn.prepare_cached("DELETE FROM claimant WHERE holder = ?1")?.execute([holder])?;
    Ok(())
}

/// Says that somebody is still there.
pub(super) fn beat(conn: &Connection, holder: &str) -> Result<()> {
    conn.prepare_cached("UPDATE claimant SET heartbeat = ?2 WHERE holder = ?1")?
        .execute(params![holder, seconds()])?;
    Ok(())
}

impl Store {
    /// Claims questions for `holder`, in one transaction; whose each is now, in their order.
    ///
    /// # Errors
    /// When the registry cannot be written.
    pub fn claim(&mut self, holder: &str, questions: &[PaidQuestion]) -> Result<Vec<Claim>> {
        let mut watch = std::mem::take(&mut self.watch);
        let done = self.write(|conn| claim(conn, &mut watch, holder, questions));
        self.watch = watch;
        done
    }

    /// As [`Store::claim`], for the writer of a run.
    ///
    /// # Errors
    /// When the registry cannot be written.
    pub fn claim_for_run(&mut self, run: &str, questions: &[PaidQuestion]) -> Result<Vec<Claim>> {
        match self.leases.get(run).cloned() {
            Some(holder) => self.claim(&holder, questions),
            None => Ok(vec![Claim::Mine; questions.len()]),
        }
    }

    /// Gives back one claim: its answer is stored, or none came.
    ///
    /// # Errors
    /// When the registry cannot be written.
    pub fn release(&mut self, holder: &str, question: &PaidQuestion) -> Result<()> {
        let key = question.key();
        self.write(|conn| {
            conn.prepare_cached("DELETE FROM claim WHERE key = ?1 AND holder = ?2")?
                .execute(params![key.as_bytes(), holder])?;
            Ok(())
        })
    }

    /// As [`Store::release`], for the writer of a run.
    ///
    /// # Errors
    /// When the registry cannot be written.
    pub fn release_for_run(&mut self, run: &str, question: &PaidQuestion) -> Result<()> {
        match self.leases.get(run).cloned() {
            Some(holder) => self.release(&holder, question),
            None => Ok(()),
        }
    }

    /// Renews the heartbeat of a claimant that writes no run.
    ///
    /// # Errors
    /// When the registry cannot be written.
    pub fn beat_claims(&mut self, holder: &str) -> Result<()> {
        self.write(|conn| beat(conn, holder))
    }

    /// Gives back all claims of a holder.
    ///
    /// # Errors
    /// When the registry cannot be written.
    pub fn leave_claims(&mut self, holder: &str) -> Result<()> {
        self.write(|conn| leave(conn, holder))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::lease::{holder, host_name};

    #[test]
    fn one_of_two_asks_and_what_a_dead_one_claimed_is_free() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("r.db");
        let (mut one, mut two) = (Store::open(&path).unwrap(), Store::open(&path).unwrap());
        let (me, other) = (holder(), holder());
        let questions: Vec<PaidQuestion> =
            (0..3_u8).map(|n| PaidQuestion::Verdict(Digest::of([n]))).collect();
        assert_eq!(one.claim(&me, &questions[..2]).unwrap(), [Claim::Mine, Claim::Mine]);
        assert_eq!(two.claim(&other, &questions).unwrap(), [Claim::Held, Claim::Held, Claim::Mine]);
        assert_eq!(one.claim(&me, &questions).unwrap(), [Claim::Mine, Claim::Mine, Claim::Held]);
        // The answer did not come, or was a failure: the next one asks.
        one.release(&me, &questions[0]).unwrap();
        assert_eq!(two.claim(&other, &questions).unwrap(), [Claim::Mine, Claim::Held, Claim::Mine]);
        one.leave_claims(&me).unwrap();
        assert_eq!(two.claim(&other, &questions[1..2]).unwrap(), [Claim::Mine]);
        // A process that is not there any more.
        let dead = format!("4194999@{}", host_name());
        let fresh = [PaidQuestion::Pair(Digest::of("p"), false)];
        assert_eq!(one.claim(&dead, &fresh).unwrap(), [Claim::Mine]);
        assert_eq!(two.claim(&other, &fresh).unwrap(), [Claim::Mine]);
        let left: i64 = two
            .conn
            .query_row("SELECT count(*) FROM claimant WHERE holder = ?1", [&dead], |r| r.get(0))
            .unwrap();
        assert_eq!((left, two.fsck().unwrap().faults), (0, vec![]));
    }
}
