//! What all verdicts of a run took together, kept with the run's account so that nobody has to read them for it.

use serde::{Deserialize, Serialize};

/// Sums over all verdict rows of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct VerdictSums {
    /// Rows; fewer than the run has where an earlier build wrote some: then the rows themselves are read.
    pub verdicts: u64,
    /// Those without a score.
    pub failed: u64,
    /// Those that were really sent and timed.
    pub timed: u64,
    /// Milliseconds of these together.
    pub timed_ms: u64,
    /// USD of those with a price.
    pub cost_usd: Option<f64>,
}

impl VerdictSums {
    pub(super) fn is_none(&self) -> bool {
        *self == Self::default()
    }

    pub(super) fn plus(&self, more: &Self) -> Self {
        Self {
            verdicts: self.verdicts + more.verdicts,
            failed: self.failed + more.failed,
            timed: self.timed + more.timed,
            timed_ms: self.timed_ms + more.timed_ms,
            cost_usd: self
                .cost_usd
                .zip(more.cost_usd)
                .map(|(a, b)| a + b)
                .or(self.cost_usd)
                .or(more.cost_usd),
        }
    }
}
