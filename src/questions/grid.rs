//! What was judged in a run, cell by cell?
//!
//! ```text
//! run, items, newest verdict of each key, reviews, notes -> Gridded -> board: faces and their tally, rows by case and arm
//!                                                                  \-> coverage, noise, comparison, doubts
//! ```

use crate::core::stats::item_discrimination::Doubt;
use crate::eval::{People, RunNotes, doubts, notes};
use crate::store::{Cell, Result, ReviewInfo, RunInfo, RunItem, Store};

pub mod board;

/// A run with its items and cells.
#[derive(Debug, Clone)]
pub struct Gridded {
    /// The run.
    pub run: RunInfo,
    /// Its items.
    pub items: Vec<RunItem>,
    /// The newest verdict of each key.
    pub cells: Vec<Cell>,
    /// Reviews by people that count for its responses.
    pub reviews: Vec<ReviewInfo>,
    /// What is to be known before its figures are read.
    pub notes: RunNotes,
}

impl Gridded {
    /// Reads a run by its id or its first digits.
    ///
    /// # Errors
    /// When there is no such run, or several.
    pub fn read(store: &Store, run: &str) -> Result<Self> {
        let run = store.run(run)?;
        Ok(Self {
            items: store.run_items(&run.id)?,
            cells: store.cells(&run.id)?,
            reviews: store.reviews(Some(&run.id))?,
            notes: notes(store, &run)?,
            run,
        })
    }

    /// Scores by people, as figures take them.
    pub fn people(&self) -> People {
        People::of(&self.run.id, &self.items, &self.reviews)
    }

    /// Reviews with a score.
    pub fn reviewed(&self) -> usize {
        self.reviews.iter().filter(|r| r.review.score.is_some()).count()
    }

    /// Verdicts that bear a flag: a quote that is not found, a response that speaks to the judge, and the like.
    pub fn flagged(&self) -> usize {
        self.cells.iter().filter(|cell| cell.flagged).count()
    }

    /// Criteria, by their place, that say nothing, and why.
    pub fn doubts(&self) -> Vec<(usize, Doubt)> {
        doubts(&self.run, &self.cells, &self.items, &self.people())
    }

    /// Its cells to be looked up and counted, and the rows they stand in.
    pub fn board(&self) -> (board::Board, board::Sheet) {
        board::assemble(&self.run, &self.items, &self.cells)
    }
}
