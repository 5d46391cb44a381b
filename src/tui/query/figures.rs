//! Questions whose answers are figures: judges against people, arms against arms. Resampling takes a moment: neither the
//! loop nor other questions wait for it.

use crate::questions::agreement::{self, AgreementData, AgreementFilter, Among, Answer, TwoJudges};
use crate::questions::comparison::{Field, PairOf, Versus};
use crate::tui::advice::told;
use crate::tui::question::{Lane, Question, blocking};
use std::sync::Arc;

/// How far judge and people agree on one criterion and slice.
#[derive(Debug)]
pub struct AskAgreement {
    /// The run.
    pub run: String,
    /// Criterion and slice.
    pub wanted: AgreementFilter,
    /// What an earlier answer was worked out from.
    pub ground: Option<Arc<AgreementData>>,
}

/// What is said of one criterion and slice.
#[derive(Debug)]
pub struct Agreeing {
    /// What it was worked out from, to be handed in again with the next question.
    pub ground: Arc<AgreementData>,
    /// The figures.
    pub found: Answer,
}

impl Question for AskAgreement {
    type Answer = Agreeing;

    fn work(self) -> Lane<Agreeing> {
        Lane::compute(move |handle| async move {
            let Self { run, wanted, ground } = self;
            let ground = match ground {
                Some(ground) => ground,
                None => {
                    Arc::new(handle.read(move |s| agreement::ground(s, &run)).await.map_err(|e| told(&e))?)
                }
            };
            blocking(move || Agreeing { found: Answer::of(&ground, &wanted), ground }).await
        })
    }
}

/// The standard figures of one criterion.
#[derive(Debug)]
pub struct AskStandard {
    /// From an answer to [`AskAgreement`].
    pub ground: Arc<AgreementData>,
    /// Criterion and slice.
    pub wanted: AgreementFilter,
}

impl Question for AskStandard {
    type Answer = agreement::StandardFigures;

    fn work(self) -> Lane<Self::Answer> {
        Lane::compute(move |_| blocking(move || agreement::standard(&self.ground, &self.wanted)))
    }
}

/// Every two judges of a run's responses on one of its criteria.
#[derive(Debug)]
pub struct Judges {
    /// The run.
    pub run: String,
    /// Criterion and slice.
    pub wanted: AgreementFilter,
}

impl Question for Judges {
    type Answer = Vec<TwoJudges>;

    fn work(self) -> Lane<Self::Answer> {
        Lane::read(move |s, _| {
            let run = s.run(&self.run)?;
            let name = run.criteria.get(self.wanted.criterion as usize);
            let found = agreement::judges(s, Among::Run(&run.id), &self.wanted)?;
            Ok(found.into_iter().filter(|two| Some(&two.criterion) == name).collect())
        })
    }
}

/// Two arms of a run compared.
#[derive(Debug)]
pub struct AskArms {
    /// The run.
    pub run: String,
    /// Their places among the run's arms: the second against the first.
    pub arms: (usize, usize),
    /// The cases of one tag.
    pub slice: Option<String>,
    /// What an earlier answer was worked out from.
    pub field: Option<Arc<Field>>,
}

/// Two arms compared, and what it was worked out from.
#[derive(Debug)]
pub struct TwoArms {
    /// To be handed in again with the next question.
    pub field: Arc<Field>,
    /// The second against the first.
    pub found: Versus,
}

impl Question for AskArms {
    type Answer = TwoArms;

    fn work(self) -> Lane<TwoArms> {
        Lane::compute(move |handle| async move {
            let Self { run, arms, slice, field } = self;
            let field = match field {
                Some(field) => field,
                None => Arc::new(handle.read(move |s| Field::read(s, &run)).await.map_err(|e| told(&e))?),
            };
            blocking(move || TwoArms { found: field.versus(arms.0, arms.1, slice.as_deref()), field }).await
        })
    }
}

/// Every pair of a run's arms.
#[derive(Debug)]
pub struct AskPairs {
    /// From an answer to [`AskArms`].
    pub field: Arc<Field>,
    /// The earlier arm against the later one.
    pub turned: bool,
}

impl Question for AskPairs {
    type Answer = Vec<PairOf>;

    fn work(self) -> Lane<Self::Answer> {
        Lane::compute(move |_| blocking(move || self.field.every_pair(self.turned)))
    }
}
