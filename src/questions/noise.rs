//! How much of a run's spread is the judge's own, and which change is worth believing?
//!
//! ```text
//! Gridded -> per criterion: the judge against itself, where the spread comes from, the noise floor of its own means
//!        \-> the floor of a comparison: over the cases that both arms have, judged as often as they were
//! ```
//! A floor is made by `eval::noise_floor` alone.

use super::grid::Gridded;
use crate::eval::compare::Matched;
use crate::eval::{Noise, noise, noise_floor};
use crate::store::{Cell, RunInfo, RunItem};

/// The noise of a run; `None` where nothing was judged or written twice.
pub fn of(grid: &Gridded) -> Option<Vec<Noise>> {
    let spec = &grid.run.spec;
    (spec.repeats > 1 || spec.generations > 1).then(|| of_cells(&grid.run, &grid.cells, &grid.items))
}

/// The noise of these cells.
pub fn of_cells(run: &RunInfo, cells: &[Cell], items: &[RunItem]) -> Vec<Noise> {
    noise(run, cells, items)
}

/// The smallest change of this row that is more than the judge's own noise.
pub fn floor(noise: &[Noise], row: &Matched) -> Option<f64> {
    let sd = noise.iter().find(|n| n.name == row.name)?.passes.within_sd?;
    noise_floor(sd, row.passes())
}
