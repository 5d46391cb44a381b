//! What a registry can be asked and told, whatever keeps it: domain operations, each whole or not at all.
//!
//! ```text
//! ReadTx  <- WriteTx     Store: SQLite      Memory: the process's memory
//! ```
//! What is allowed is decided by `rules`, so that every storage decides alike; `contract.rs` asks the same of each. Lists and
//! searches that an index answers, sync, forgetting and backups are the file's own and stay with [`Store`].

use super::rows::{
    CaseSetInfo, Cause, Cell, EventInfo, Expect, FsckReport, Imported, LabelMove, NewReview, NewRevision,
    NewRun, NewVerdict, Registered, ReviewInfo, RevisionInfo, RunInfo, RunItem, RunState, VerdictInfo,
};
use super::rules::labels::Consent;
use super::{Result, Store};
use crate::core::digest::Digest;
use crate::core::item::Case;
use crate::core::prompt::{Label, PromptName, Selector};

/// Questions. Every method fails when the storage cannot be read; what else it fails of is said with it.
pub trait ReadTx {
    /// The revision that a selector picks.
    ///
    /// # Errors
    /// When prompt or revision do not exist, or a digest's prefix fits several.
    fn resolve(&self, name: &PromptName, selector: &Selector) -> Result<RevisionInfo>;
    /// A text by its digest.
    ///
    /// # Errors
    /// When it is not there.
    fn text(&self, digest: &Digest) -> Result<String>;
    /// A prompt's history below `before`, newest first.
    ///
    /// # Errors
    /// When there is no such prompt.
    fn log(&self, name: &PromptName, before: Option<u32>, limit: Option<usize>) -> Result<Vec<RevisionInfo>>;
    /// What happened to a prompt besides its revisions, in order.
    ///
    /// # Errors
    /// When there is no such prompt.
    fn events(&self, name: &PromptName) -> Result<Vec<EventInfo>>;
    /// Protected labels, sorted.
    ///
    /// # Errors
    /// None but the storage's.
    fn protected(&self) -> Result<Vec<String>>;
    /// The margin of the gate that a move of this label needs, if it needs one.
    ///
    /// # Errors
    /// None but the storage's.
    fn gate_of(&self, label: &Label) -> Result<Option<f64>>;
    /// Where a label stands in a prompt, or stood before it was removed.
    ///
    /// # Errors
    /// When there is no such prompt.
    fn label_stand(&self, name: &PromptName, label: &Label) -> Result<Option<u32>>;
    /// The newest set of this name.
    ///
    /// # Errors
    /// When there is none.
    fn case_set(&self, name: &str) -> Result<CaseSetInfo>;
    /// Runs, newest first.
    ///
    /// # Errors
    /// None but the storage's.
    fn runs(&self, limit: Option<usize>) -> Result<Vec<RunInfo>>;
    /// A run by its id, or by 4 or more first digits of it.
    ///
    /// # Errors
    /// When none or several fit.
    fn run(&self, id: &str) -> Result<RunInfo>;
    /// A run's items, in their order.
    ///
    /// # Errors
    /// None but the storage's.
    fn run_items(&self, run: &str) -> Result<Vec<RunItem>>;
    /// The newest verdict of each key, in the order of the keys, without texts.
    ///
    /// # Errors
    /// None but the storage's.
    fn cells(&self, run: &str) -> Result<Vec<Cell>>;
    /// The same with their texts.
    ///
    /// # Errors
    /// None but the storage's.
    fn verdicts(&self, run: &str) -> Result<Vec<VerdictInfo>>;
    /// Reviews in force, of one run or of all; see `rules::reviews`.
    ///
    /// # Errors
    /// None but the storage's.
    fn reviews(&self, run: Option<&str>) -> Result<Vec<ReviewInfo>>;
    /// Every review given in a run, in order, those taken back included.
    ///
    /// # Errors
    /// None but the storage's.
    fn review_log(&self, run: &str) -> Result<Vec<ReviewInfo>>;
    /// Whether all that is kept fits its digests and events: what `fsck` says of a registry besides its file.
    ///
    /// # Errors
    /// When nothing can be read at all; what does not fit is in the report.
    fn check(&self) -> Result<FsckReport>;
}

/// Changes. What fails changes nothing.
pub trait WriteTx: ReadTx {
    /// Adds a revision, unless the newest holds the same template and settings; labels and tags are set in either case.
    ///
    /// # Errors
    /// When a label is protected, or a time is no time.
    fn register(&mut self, new: NewRevision) -> Result<Registered>;
    /// Points a label at a revision.
    ///
    /// # Errors
    /// When it stands elsewhere than `expect` says, or is protected and `consent` is lacking.
    fn set_label(
        &mut self,
        name: &PromptName,
        label: &Label,
        selector: &Selector,
        expect: Option<&Expect>,
        consent: Consent,
        cause: &Cause,
    ) -> Result<LabelMove>;
    /// Removes a label.
    ///
    /// # Errors
    /// When it is not set, or protected and not confirmed.
    fn remove_label(
        &mut self,
        name: &PromptName,
        label: &Label,
        confirmed: bool,
        cause: &Cause,
    ) -> Result<LabelMove>;
    /// Takes back the last move that was not taken back yet, of one label or of any.
    ///
    /// # Errors
    /// When there is none, or the label has since been moved.
    fn undo_label(
        &mut self,
        name: &PromptName,
        label: Option<&Label>,
        confirmed: bool,
        cause: &Cause,
    ) -> Result<LabelMove>;
    /// Protects a label, with a gate of this margin where one is given.
    ///
    /// # Errors
    /// When it is protected in another way and that was not confirmed.
    fn protect(&mut self, label: &Label, gate: Option<f64>, confirmed: bool, cause: &Cause) -> Result<()>;
    /// Lifts a protection.
    ///
    /// # Errors
    /// When there is none, or it was not confirmed.
    fn unprotect(&mut self, label: &Label, confirmed: bool, cause: &Cause) -> Result<()>;
    /// Takes cases in; a set of this name with the same cases is known.
    ///
    /// # Errors
    /// When two cases share an id.
    fn import_cases(&mut self, name: &str, cases: Vec<Case>) -> Result<(CaseSetInfo, Imported)>;
    /// Stores a plan; the run's id.
    ///
    /// # Errors
    /// When it plans more verdicts than a run can hold.
    fn create_run(&mut self, run: &NewRun) -> Result<String>;
    /// Stores a verdict: the next link of its run's chain.
    ///
    /// # Errors
    /// When it is neither scored with a score nor failed without one, or there is no such run.
    fn save_verdict(&mut self, run: &str, verdict: &NewVerdict) -> Result<()>;
    /// Ends a run's writing.
    ///
    /// # Errors
    /// When there is no such run.
    fn finish_run(&mut self, run: &str, state: RunState, reason: &str) -> Result<()>;
    /// Adds a review; its number.
    ///
    /// # Errors
    /// When run, item or column do not exist, what it takes back is not there, or it cannot be kept.
    fn add_review(&mut self, review: &NewReview) -> Result<i64>;
}

/// Hands each method on to the inherent one of the same name.
macro_rules! hand_on {
    ($($method:ident($($argument:ident: $kind:ty),*) -> $answer:ty;)*) => {
        $(fn $method(&self, $($argument: $kind),*) -> $answer { Store::$method(self, $($argument),*) })*
    };
    (mut $($method:ident($($argument:ident: $kind:ty),*) -> $answer:ty;)*) => {
        $(fn $method(&mut self, $($argument: $kind),*) -> $answer { Store::$method(self, $($argument),*) })*
    };
}

impl ReadTx for Store {
    hand_on! {
        resolve(name: &PromptName, selector: &Selector) -> Result<RevisionInfo>;
        text(digest: &Digest) -> Result<String>;
        log(name: &PromptName, before: Option<u32>, limit: Option<usize>) -> Result<Vec<RevisionInfo>>;
        events(name: &PromptName) -> Result<Vec<EventInfo>>;
        protected() -> Result<Vec<String>>;
        gate_of(label: &Label) -> Result<Option<f64>>;
        label_stand(name: &PromptName, label: &Label) -> Result<Option<u32>>;
        case_set(name: &str) -> Result<CaseSetInfo>;
        runs(limit: Option<usize>) -> Result<Vec<RunInfo>>;
        run(id: &str) -> Result<RunInfo>;
        run_items(run: &str) -> Result<Vec<RunItem>>;
        cells(run: &str) -> Result<Vec<Cell>>;
        verdicts(run: &str) -> Result<Vec<VerdictInfo>>;
        reviews(run: Option<&str>) -> Result<Vec<ReviewInfo>>;
        review_log(run: &str) -> Result<Vec<ReviewInfo>>;
        check() -> Result<FsckReport>;
    }
}

impl WriteTx for Store {
    hand_on! { mut
        register(new: NewRevision) -> Result<Registered>;
        set_label(name: &PromptName, label: &Label, selector: &Selector, expect: Option<&Expect>, consent: Consent, cause: &Cause) -> Result<LabelMove>;
        remove_label(name: &PromptName, label: &Label, confirmed: bool, cause: &Cause) -> Result<LabelMove>;
        undo_label(name: &PromptName, label: Option<&Label>, confirmed: bool, cause: &Cause) -> Result<LabelMove>;
        protect(label: &Label, gate: Option<f64>, confirmed: bool, cause: &Cause) -> Result<()>;
        unprotect(label: &Label, confirmed: bool, cause: &Cause) -> Result<()>;
        import_cases(name: &str, cases: Vec<Case>) -> Result<(CaseSetInfo, Imported)>;
        create_run(run: &NewRun) -> Result<String>;
        save_verdict(run: &str, verdict: &NewVerdict) -> Result<()>;
        finish_run(run: &str, state: RunState, reason: &str) -> Result<()>;
        add_review(review: &NewReview) -> Result<i64>;
    }
}
