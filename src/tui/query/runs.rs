//! Questions about runs: lists, grids, items, and what a run would do.

use crate::eval::modes::{self, FailureMode};
use crate::questions::coverage::Coverage;
use crate::questions::grid::Gridded;
use crate::questions::plan::{self, RunPlan, RunRequest};
use crate::store::scores::Effort;
use crate::store::{FullItem, ReviewInfo, RunInfo, RunItem, StoreError, VerdictInfo};
use crate::tui::question::{Lane, Question};

/// The newest runs.
#[derive(Debug)]
pub struct AskRuns;

/// At most so many runs in the list.
const NEWEST: usize = 500;

impl Question for AskRuns {
    type Answer = Vec<RunInfo>;

    fn work(self) -> Lane<Self::Answer> {
        Lane::read(|s, _| s.runs(Some(NEWEST)))
    }
}

/// What judging took, by run.
#[derive(Debug)]
pub struct Efforts;

impl Question for Efforts {
    type Answer = Vec<Effort>;

    fn work(self) -> Lane<Self::Answer> {
        Lane::read(|s, _| s.effort(None))
    }
}

/// A run with its cells.
#[derive(Debug)]
pub struct AskGrid(pub String);

impl Question for AskGrid {
    type Answer = Gridded;

    fn work(self) -> Lane<Gridded> {
        Lane::read(move |s, _| Gridded::read(s, &self.0))
    }
}

/// An item of a run.
#[derive(Debug)]
pub struct AskItem {
    /// The run.
    pub run: String,
    /// Its place in it.
    pub item: u32,
}

/// An item with its texts.
#[derive(Debug)]
pub struct AskLoadedItem {
    /// The item.
    pub item: FullItem,
    /// What the judge said.
    pub verdicts: Vec<VerdictInfo>,
    /// What people said.
    pub reviews: Vec<ReviewInfo>,
}

impl Question for AskItem {
    type Answer = AskLoadedItem;

    fn work(self) -> Lane<AskLoadedItem> {
        Lane::read(move |s, _| {
            let reviews = s.reviews(Some(&self.run))?;
            Ok(AskLoadedItem {
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

impl Question for Means {
    type Answer = Coverage;

    fn work(self) -> Lane<Coverage> {
        Lane::read(move |s, _| Coverage::read(s, &self.0))
    }
}

/// The failure modes of a run.
#[derive(Debug)]
pub struct AskModes(pub String);

/// The failure modes of a run, and what is stale about it.
#[derive(Debug)]
pub struct Tagged {
    /// The run.
    pub run: RunInfo,
    /// Its items.
    pub items: Vec<RunItem>,
    /// Commonest first.
    pub modes: Vec<FailureMode>,
    /// What is stale.
    pub notes: Vec<String>,
}

impl Question for AskModes {
    type Answer = Tagged;

    fn work(self) -> Lane<Tagged> {
        Lane::read(move |s, _| {
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
    pub mode: Option<FailureMode>,
}

impl Question for DraftRubric {
    type Answer = String;

    fn work(self) -> Lane<String> {
        Lane::read(move |s, _| modes::draft(s, &self.run, self.mode.as_ref()))
    }
}

/// What a plan can choose from.
#[derive(Debug)]
pub struct AskChoices;

impl Question for AskChoices {
    type Answer = plan::Choices;

    fn work(self) -> Lane<Self::Answer> {
        Lane::read(plan::choices)
    }
}

/// What a run would do.
#[derive(Debug)]
pub struct PlanOf(pub RunRequest);

impl Question for PlanOf {
    type Answer = RunPlan;

    fn work(self) -> Lane<RunPlan> {
        Lane::read(move |s, config| {
            plan::plan(s, config, &self.0).map_err(|e| StoreError::Invalid(e.to_string()))
        })
    }
}

/// Model servers that answer on this machine, as `URL#MODEL`.
#[derive(Debug)]
pub struct Endpoints;

impl Question for Endpoints {
    type Answer = Vec<String>;

    fn work(self) -> Lane<Self::Answer> {
        Lane::compute(move |_| async move {
            let found = crate::judge::endpoints_here().await;
            let named = |e: &crate::judge::FoundEndpoint| -> Vec<String> {
                e.models.iter().map(|model| format!("{}#{model}", e.base_url)).collect()
            };
            Ok(found.iter().flat_map(named).collect())
        })
    }
}
