//! What do a run's scores come to, and how much of what was planned do they rest on?
//!
//! ```text
//! Gridded -> Coverage: by criterion over all arms, by arm; where several models answered, by model and pooled nowhere
//! ```
//! A mean and its share of scored verdicts are made by `eval::summary`.

use super::grid::Gridded;
use crate::eval::{
    ArmSummary, CriterionSummary, ModelGroup, People, RunNotes, RunSummary, grouped, summarize,
};
use crate::store::{Cell, Result, RunInfo, RunItem, Store};

/// What a run's scores come to.
#[derive(Debug, Clone)]
pub struct Coverage {
    /// The run.
    pub run: RunInfo,
    /// Over all arms, in the order of the run's columns.
    pub criteria: Vec<CriterionSummary>,
    /// Of each arm.
    pub arms: Vec<ArmSummary>,
    /// Of each model, where several answered; no mean is over all of them then.
    pub groups: Vec<ModelGroup>,
    /// Reviews with a score.
    pub reviewed: usize,
    /// Verdicts that bear a flag.
    pub flagged: usize,
    /// What is to be known before they are read.
    pub notes: RunNotes,
}

impl Coverage {
    /// Of a run by its id or its first digits.
    ///
    /// # Errors
    /// When there is no such run, or several.
    pub fn read(store: &Store, run: &str) -> Result<Self> {
        Self::of(store, Gridded::read(store, run)?)
    }

    /// Of a run that was read.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub fn of(store: &Store, grid: Gridded) -> Result<Self> {
        let (summary, groups) = grouped(store, &grid.run, &grid.cells, &grid.items, &grid.people())?;
        let (reviewed, flagged) = (grid.reviewed(), grid.flagged());
        let Gridded { run, notes, .. } = grid;
        Ok(Self { run, criteria: summary.criteria, arms: summary.arms, groups, reviewed, flagged, notes })
    }
}

/// The same means of cells that change while one looks; only where one model answered.
pub fn means(run: &RunInfo, cells: &[Cell], items: &[RunItem], people: &People) -> RunSummary {
    summarize(run, cells, items, people)
}
