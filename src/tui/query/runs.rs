//! Questions about runs: lists, grids, items, and what a run would do.

use crate::eval::modes::{self, Mode};
use crate::eval::{CriterionSummary, Notes, People, Plan, RunRequest, summarize};
use crate::store::scores::Effort;
use crate::store::{Cell, FullItem, ReviewInfo, RunInfo, RunItem, StoreError, VerdictInfo};
use crate::tui::doc::choices;
use crate::tui::question::{Question, Work};

/// The newest runs.
#[derive(Debug)]
pub struct Runs;

/// At most so many runs in the list.
const NEWEST: usize = 500;

impl Question for Runs {
    type Answer = Vec<RunInfo>;

    fn work(self) -> Work<Self::Answer> {
        Work::read(|s, _| s.runs(Some(NEWEST)))
    }
}

/// What judging took, by run.
#[derive(Debug)]
pub struct Efforts;

impl Question for Efforts {
    type Answer = Vec<Effort>;

    fn work(self) -> Work<Self::Answer> {
        Work::read(|s, _| s.effort(None))
    }
}

/// A run with its cells.
#[derive(Debug)]
pub struct Grid(pub String);

/// A run with its items and cells.
#[derive(Debug)]
pub struct Gridded {
    /// The run.
    pub run: RunInfo,
    /// Its items.
    pub items: Vec<RunItem>,
    /// The newest verdict of each key.
    pub cells: Vec<Cell>,
    /// What people said.
    pub reviews: Vec<ReviewInfo>,
    /// What is to be known before its figures are read.
    pub notes: Notes,
}

impl Question for Grid {
    type Answer = Gridded;

    fn work(self) -> Work<Gridded> {
        Work::read(move |s, _| {
            let run = s.run(&self.0)?;
            Ok(Gridded {
                items: s.run_items(&run.id)?,
                cells: s.cells(&run.id)?,
                reviews: s.reviews(Some(&run.id))?,
                notes: crate::eval::notes(s, &run)?,
                run,
            })
        })
    }
}

/// An item of a run.
#[derive(Debug)]
pub struct Item {
    /// The run.
    pub run: String,
    /// Its place in it.
    pub item: u32,
}

/// An item with its texts.
#[derive(Debug)]
pub struct Loaded {
    /// The item.
    pub item: FullItem,
    /// What the judge said.
    pub verdicts: Vec<VerdictInfo>,
    /// What people said.
    pub reviews: Vec<ReviewInfo>,
}

impl Question for Item {
    type Answer = Loaded;

    fn work(self) -> Work<Loaded> {
        Work::read(move |s, _| {
            let reviews = s.reviews(Some(&self.run))?;
            Ok(Loaded {
                item: s.full_item(&self.run, self.item)?,
                verdicts: s.item_verdicts(&self.run, self.item)?,
                reviews: reviews.into_iter().filter(|r| r.review.item == self.item).collect(),
            })
        })
    }
}

/// A run's means.
#[derive(Debug)]
pub struct Means(pub String);

/// What a run's scores come to, as `run show` says it.
#[derive(Debug, Clone)]
pub struct Figures {
    /// The run.
    pub run: RunInfo,
    /// Over all arms, by criterion.
    pub criteria: Vec<CriterionSummary>,
    /// Scores by people.
    pub reviewed: usize,
    /// What is to be known before they are read.
    pub notes: Notes,
}

impl Question for Means {
    type Answer = Figures;

    fn work(self) -> Work<Figures> {
        Work::read(move |s, _| {
            let run = s.run(&self.0)?;
            let (items, reviews) = (s.run_items(&run.id)?, s.reviews(Some(&run.id))?);
            let people = People::of(&run.id, &items, &reviews);
            Ok(Figures {
                criteria: summarize(&run, &s.cells(&run.id)?, &items, &people).criteria,
                reviewed: reviews.iter().filter(|r| r.review.score.is_some()).count(),
                notes: crate::eval::notes(s, &run)?,
                run,
            })
        })
    }
}

/// The failure modes of a run.
#[derive(Debug)]
pub struct Modes(pub String);

/// The failure modes of a run, and what is stale about it.
#[derive(Debug)]
pub struct Tagged {
    /// The run.
    pub run: RunInfo,
    /// Its items.
    pub items: Vec<RunItem>,
    /// Commonest first.
    pub modes: Vec<Mode>,
    /// What is stale.
    pub notes: Vec<String>,
}

impl Question for Modes {
    type Answer = Tagged;

    fn work(self) -> Work<Tagged> {
        Work::read(move |s, _| {
            let run = s.run(&self.0)?;
            Ok(Tagged {
                items: s.run_items(&run.id)?,
                modes: modes::pareto(&s.reviews(Some(&run.id))?),
                notes: crate::eval::stale(s, &run)?,
                run,
            })
        })
    }
}

/// The rubric of a run to be edited, with a criterion for a failure mode where one is given.
#[derive(Debug)]
pub struct DraftRubric {
    /// The run.
    pub run: String,
    /// The mode.
    pub mode: Option<Mode>,
}

impl Question for DraftRubric {
    type Answer = String;

    fn work(self) -> Work<String> {
        Work::read(move |s, _| modes::draft(s, &self.run, self.mode.as_ref()))
    }
}

/// What a plan can choose from.
#[derive(Debug)]
pub struct Choices;

impl Question for Choices {
    type Answer = choices::Choices;

    fn work(self) -> Work<Self::Answer> {
        Work::read(choices::choices)
    }
}

/// What a run would do.
#[derive(Debug)]
pub struct PlanOf(pub RunRequest);

impl Question for PlanOf {
    type Answer = Plan;

    fn work(self) -> Work<Plan> {
        Work::read(move |s, config| {
            crate::eval::plan(s, config, &self.0).map_err(|e| StoreError::Invalid(e.to_string()))
        })
    }
}

/// Model servers that answer on this machine, as `URL#MODEL`.
#[derive(Debug)]
pub struct Endpoints;

impl Question for Endpoints {
    type Answer = Vec<String>;

    fn work(self) -> Work<Self::Answer> {
        Work::compute(move |_| async move {
            let found = crate::judge::endpoints_here().await;
            let named = |e: &crate::judge::FoundEndpoint| -> Vec<String> {
                e.models.iter().map(|model| format!("{}#{model}", e.base_url)).collect()
            };
            Ok(found.iter().flat_map(named).collect())
        })
    }
}
