//! Questions whose answers are figures: judges against people, arms against arms. Resampling takes a moment: neither the
//! loop nor other questions wait for it.

use crate::core::stats::repeat::Repeatability;
use crate::eval::agreement::{self, Agreed, Ground, TwoJudges, Wanted};
use crate::eval::versus::{Field, PairOf, Versus};
use crate::tui::question::{Question, Work, blocking};
use std::sync::Arc;

/// How far judge and people agree on one criterion and slice.
#[derive(Debug)]
pub struct Agreement {
    /// The run.
    pub run: String,
    /// Criterion and slice.
    pub wanted: Wanted,
    /// What an earlier answer was worked out from.
    pub ground: Option<Arc<Ground>>,
}

/// What is said of one criterion and slice.
#[derive(Debug)]
pub struct Agreeing {
    /// What it was worked out from, to be handed in again with the next question.
    pub ground: Arc<Ground>,
    /// Judge against people.
    pub found: Agreed,
    /// The judge against itself.
    pub itself: Option<Repeatability>,
    /// Tags that can be asked for, with their items.
    pub slices: Vec<(String, usize)>,
}

impl Question for Agreement {
    type Answer = Agreeing;

    fn work(self) -> Work<Agreeing> {
        Work::compute(move |handle| async move {
            let Self { run, wanted, ground } = self;
            let ground = match ground {
                Some(ground) => ground,
                None => {
                    Arc::new(handle.read(move |s| Ground::read(s, &run)).await.map_err(|e| e.to_string())?)
                }
            };
            blocking(move || Agreeing {
                found: ground.agree(&wanted),
                itself: ground.itself(&wanted),
                slices: ground.slices(&wanted),
                ground,
            })
            .await
        })
    }
}

/// The standard figures of one criterion.
#[derive(Debug)]
pub struct Standard {
    /// From an answer to [`Agreement`].
    pub ground: Arc<Ground>,
    /// Criterion and slice.
    pub wanted: Wanted,
}

impl Question for Standard {
    type Answer = agreement::Standard;

    fn work(self) -> Work<Self::Answer> {
        Work::compute(move |_| blocking(move || self.ground.standard(&self.wanted)))
    }
}

/// Every two judges of a run's responses on one of its criteria.
#[derive(Debug)]
pub struct Judges {
    /// The run.
    pub run: String,
    /// Criterion and slice.
    pub wanted: Wanted,
}

/// At most so many runs of a case set are searched for other judges, the newest first.
const RUNS_OF_A_SET: usize = 20;

impl Question for Judges {
    type Answer = Vec<TwoJudges>;

    fn work(self) -> Work<Self::Answer> {
        Work::read(move |s, _| {
            let run = s.run(&self.run)?;
            let name = run.criteria.get(self.wanted.criterion as usize);
            let all = s.runs(None)?;
            let alike = all.iter().filter(|other| other.spec.set == run.spec.set && other.id != run.id);
            // Of several runs of one judge the last in the list counts: the run in sight.
            let mut ids: Vec<&str> = alike.map(|r| r.id.as_str()).take(RUNS_OF_A_SET).collect();
            ids.reverse();
            ids.push(&run.id);
            let grounds =
                ids.into_iter().map(|id| Ground::read(s, id)).collect::<crate::store::Result<Vec<_>>>()?;
            let found = agreement::judges(s, &grounds, &self.wanted)?;
            Ok(found.into_iter().filter(|two| Some(&two.criterion) == name).collect())
        })
    }
}

/// Two arms of a run compared.
#[derive(Debug)]
pub struct Arms {
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

impl Question for Arms {
    type Answer = TwoArms;

    fn work(self) -> Work<TwoArms> {
        Work::compute(move |handle| async move {
            let Self { run, arms, slice, field } = self;
            let field = match field {
                Some(field) => field,
                None => {
                    Arc::new(handle.read(move |s| Field::read(s, &run)).await.map_err(|e| e.to_string())?)
                }
            };
            blocking(move || TwoArms { found: field.versus(arms.0, arms.1, slice.as_deref()), field }).await
        })
    }
}

/// Every pair of a run's arms.
#[derive(Debug)]
pub struct Pairs {
    /// From an answer to [`Arms`].
    pub field: Arc<Field>,
    /// The earlier arm against the later one.
    pub turned: bool,
}

impl Question for Pairs {
    type Answer = Vec<PairOf>;

    fn work(self) -> Work<Self::Answer> {
        Work::compute(move |_| blocking(move || self.field.every_pair(self.turned)))
    }
}
