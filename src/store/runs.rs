//! Runs and verdicts: the plan stored first, then each verdict, chained.
use super::*;
use crate::core::digest::Digest;

impl Store {
    /// Stores a plan; the run starts as `partial` without a writer. Its id is random (12 hex digits).
    pub fn create_run(&mut self, _run: &NewRun) -> Result<String> {
        todo!()
    }
    /// Takes the lease: refused (Conflict, naming the holder) while another writer's heartbeat is fresh (15 s). State becomes running.
    pub fn lease(&mut self, _run: &str, _holder: &str) -> Result<()> {
        todo!()
    }
    /// Renews the lease.
    pub fn heartbeat(&mut self, _run: &str, _holder: &str) -> Result<()> {
        todo!()
    }
    /// Records the judge's fingerprint after discovery (once; a later other one is refused).
    pub fn set_fingerprint(&mut self, _run: &str, _fingerprint: &Digest) -> Result<()> {
        todo!()
    }
    /// Ends the writing: state, reason; the lease is given back.
    pub fn finish_run(&mut self, _run: &str, _state: RunState, _reason: &str) -> Result<()> {
        todo!()
    }
    /// Adds to what the run cost (calls made, tokens, seconds), in the same group as its verdicts.
    pub fn add_usage(&mut self, _run: &str, _more: &RunUsage) -> Result<()> {
        todo!()
    }
    /// Stores a verdict as the next link of the run's chain.
    pub fn save_verdict(&mut self, _run: &str, _verdict: &NewVerdict) -> Result<()> {
        todo!()
    }
    /// A scored verdict stored earlier under this key, in any run that is not imported.
    pub fn cached_verdict(&self, _key: &Digest) -> Result<Option<VerdictInfo>> {
        todo!()
    }
    /// Runs, newest first.
    pub fn runs(&self, _limit: Option<usize>) -> Result<Vec<RunInfo>> {
        todo!()
    }
    /// One run by its id or an unambiguous prefix of it (4 or more digits).
    pub fn run(&self, _id: &str) -> Result<RunInfo> {
        todo!()
    }
    /// The items of a run, without texts.
    pub fn run_items(&self, _run: &str) -> Result<Vec<RunItem>> {
        todo!()
    }
    /// One item with its texts.
    pub fn full_item(&self, _run: &str, _item: u32) -> Result<FullItem> {
        todo!()
    }
    /// The newest verdict of each key: one small row per cell.
    pub fn cells(&self, _run: &str) -> Result<Vec<Cell>> {
        todo!()
    }
    /// All newest verdicts with their texts, by key.
    pub fn verdicts(&self, _run: &str) -> Result<Vec<VerdictInfo>> {
        todo!()
    }
    /// The newest verdicts of one item, all criteria and repeats.
    pub fn item_verdicts(&self, _run: &str, _item: u32) -> Result<Vec<VerdictInfo>> {
        todo!()
    }
    /// What an endpoint was found to accept (JSON), if known.
    pub fn capability(&self, _base_url: &str, _model: &str) -> Result<Option<String>> {
        todo!()
    }
    /// Remembers what an endpoint accepts.
    pub fn set_capability(&mut self, _base_url: &str, _model: &str, _json: &str) -> Result<()> {
        todo!()
    }
}
