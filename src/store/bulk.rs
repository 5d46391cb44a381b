//! A run with all that belongs to it in one step: for registries that are made to measure on.

use super::case_rows::add_response;
use super::rows::{NewResponse, NewRun, NewVerdict, RunState};
use super::verdicts::{insert_verdict, used_by};
use super::{Result, Store};
use crate::core::digest::Digest;

impl Store {
    /// Stores a finished run with its responses, in the order of its items, and its verdicts, each checked, hashed and chained as
    /// one that came by itself. Its id.
    ///
    /// # Errors
    /// When a verdict is neither scored nor failed, or the registry cannot be written.
    pub fn add_judged_run(
        &mut self,
        run: &NewRun,
        fingerprint: &Digest,
        responses: &[NewResponse],
        verdicts: &[NewVerdict],
    ) -> Result<String> {
        let id = self.create_run(run)?;
        self.set_fingerprint(&id, fingerprint)?;
        self.write(|conn| {
            for (ord, response) in (0..).zip(responses) {
                add_response(conn, ord, response)?;
            }
            verdicts.iter().try_for_each(|v| insert_verdict(conn, &id, v, &used_by(v)))
        })?;
        self.finish_run(&id, RunState::Complete, "")?;
        Ok(id)
    }
}
