//! How far do a judge and people agree, and which of two judges goes with people more closely?
//!
//! ```text
//! registry -> Ground (a run's verdicts, reviews, items) --Wanted: criterion, slice, person--> Answer, Standard
//! several grounds -> every two judges on the responses that both judged and people scored
//! ```
//! The figures are made by `eval::agreement`.

use crate::core::stats::reliability::Repeatability;
use crate::eval::agreement;
use crate::store::{Result, Store};

pub use crate::eval::agreement::{
    Agreed, AgreementData, AgreementFilter, JudgeOf, PeopleAgreement, StandardFigures, TwoJudges,
};

/// What is said of one criterion and slice.
#[derive(Debug)]
pub struct Answer {
    /// Judge against people.
    pub agreed: Agreed,
    /// The judge against itself, where it judged more than once.
    pub itself: Option<Repeatability>,
    /// Tags that can be asked for, with their items.
    pub slices: Vec<(String, usize)>,
}

impl Answer {
    /// Works it out. Resampling takes a moment: not on the screens' loop.
    pub fn of(ground: &AgreementData, wanted: &AgreementFilter) -> Self {
        Self { agreed: ground.agree(wanted), itself: ground.itself(wanted), slices: ground.slices(wanted) }
    }

    /// The same with the field's standard figures of the same scores.
    pub fn with_standard(ground: &AgreementData, wanted: &AgreementFilter) -> (Self, StandardFigures) {
        let (agreed, standard) = ground.told(wanted);
        (Self { agreed, itself: ground.itself(wanted), slices: ground.slices(wanted) }, standard)
    }

    /// Whether there is nothing to say.
    pub fn is_empty(&self) -> bool {
        self.agreed.pairs.is_empty() && self.itself.is_none()
    }

    /// The same for each tag alone.
    pub fn by_slice(&self, ground: &AgreementData, wanted: &AgreementFilter) -> Vec<(String, Agreed)> {
        let of = |(tag, _): &(String, usize)| {
            (tag.clone(), ground.agree(&AgreementFilter { slice: Some(tag.clone()), ..wanted.clone() }))
        };
        self.slices.iter().map(of).collect()
    }
}

/// What a run says of its judge.
///
/// # Errors
/// When there is no such run.
pub fn ground(store: &Store, run: &str) -> Result<AgreementData> {
    AgreementData::read(store, run)
}

/// All runs that say something of their judge, newest first: those with reviews or several passes.
///
/// # Errors
/// When the registry cannot be read.
pub fn grounds(store: &Store) -> Result<Vec<AgreementData>> {
    let mut grounds = Vec::new();
    for run in store.runs(None)? {
        let ground = ground(store, &run.id)?;
        if ground.has_reviews() || ground.run.spec.repeats > 1 {
            grounds.push(ground);
        }
    }
    Ok(grounds)
}

/// The field's standard figures of one criterion.
pub fn standard(ground: &AgreementData, wanted: &AgreementFilter) -> StandardFigures {
    ground.standard(wanted)
}

/// Whose judges are set side by side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Among<'a> {
    /// Every judge of the registry; of a judge's runs the newest counts.
    All,
    /// Judges of the responses that this run judged; the run itself counts before newer ones of its judge.
    Run(&'a str),
}

/// At most so many other runs of a case set are searched for other judges, the newest first.
const RUNS_OF_A_SET: usize = 20;

/// Every two judges on what they share, on every question; corrected for all of them together.
///
/// # Errors
/// When there is no such run.
pub fn judges(store: &Store, among: Among, wanted: &AgreementFilter) -> Result<Vec<TwoJudges>> {
    // Of several runs of one judge the last in the list counts.
    let mut ids: Vec<String> = Vec::new();
    match among {
        Among::All => ids.extend(store.runs(None)?.into_iter().map(|run| run.id)),
        Among::Run(id) => {
            let run = store.run(id)?;
            ids.push(run.id.clone());
            let alike = store.runs(None)?.into_iter();
            let alike = alike.filter(|other| other.spec.set == run.spec.set && other.id != run.id);
            ids.extend(alike.map(|other| other.id).take(RUNS_OF_A_SET));
        }
    }
    let grounds = ids.iter().rev().map(|id| ground(store, id)).collect::<Result<Vec<_>>>()?;
    agreement::judges(store, &grounds, wanted)
}
