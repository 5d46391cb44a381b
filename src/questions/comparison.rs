//! Is one arm better than another, on the same cases and by the same judge?
//!
//! ```text
//! one run (of_run)        \                    /-> per criterion: difference, interval, decision, noise floor
//!                          -> cases side by side -> flips, slices by tag, sentence, power
//! runs pooled (pooled)    /                    \-> gate: is the candidate not worse?
//! ```
//! Every difference is B - A. The figures are made by `core::stats` and `eval`.

use crate::core::stats::compare::{Comparison, PairedInput, adjust, paired_compare, verdict_sentence};
use crate::eval::CriterionSummary;
use crate::eval::compare::{Flip, Matched, flips, power_words, tags};

mod of_run;
mod pooled;

pub use of_run::{Field, PairOf};
pub use pooled::{AskedOf, CannotCompare, Decided, Narrow, OnGround, Pairs, gate, pairs};

/// The seed of the sign flips: the same answer today and tomorrow, and wherever it is asked.
const SEED: u64 = 20_261_123;

/// The change that the power meter speaks of, in points, where none is named.
pub const DELTA: f64 = 0.2;

/// B against A.
#[derive(Debug, Clone, Default)]
pub struct Versus {
    /// The arms' full names: A's, against which B's is held. Every difference is B - A.
    pub names: (String, String),
    /// Per criterion.
    pub found: Vec<Comparison>,
    /// Per criterion: the smallest change that is more than the judge's own noise, where it is known.
    pub floors: Vec<Option<f64>>,
    /// Scores that changed, the largest drop first.
    pub flips: Vec<Flip>,
    /// What the table means, in a sentence.
    pub sentence: String,
    /// The smallest change these cases can show, and how many more a given one needs.
    pub power: Option<String>,
    /// Per criterion of one run: each arm's mean over all its cases, and what it rests on; empty where runs are pooled.
    /// [`Comparison::mean_a`] is over the cases that both arms have.
    pub trust: Vec<[CriterionSummary; 2]>,
    /// Tags of all cases, and how many have each.
    pub slices: Vec<(String, usize)>,
}

impl Versus {
    /// Compares cases side by side, all or those of one tag. `floor` is the judge's noise for a row, `delta` the change that
    /// the power meter speaks of.
    fn of(
        names: (String, String),
        all: &[Matched],
        slice: Option<&str>,
        floor: impl Fn(&Matched) -> Option<f64>,
        delta: f64,
    ) -> Self {
        let cut: Vec<Matched>;
        let rows = match slice {
            Some(tag) => {
                cut = all.iter().map(|row| row.only(tag)).collect();
                &cut
            }
            None => all,
        };
        let found = compared(rows);
        Self {
            floors: rows.iter().map(|row| row.scale.difference(floor(row)?)).collect(),
            flips: flips(rows),
            sentence: verdict_sentence(&found, &names.0, &names.1),
            power: power_words(&found, delta),
            trust: Vec::new(),
            slices: tags(all),
            found,
            names,
        }
    }
}

fn compared(rows: &[Matched]) -> Vec<Comparison> {
    let inputs: Vec<PairedInput> = rows.iter().map(Matched::input).collect();
    let found = paired_compare(&inputs, SEED);
    let mut found: Vec<Comparison> =
        found.into_iter().zip(rows).map(|(comparison, row)| comparison.on(&row.scale)).collect();
    // What has no mean is compared with nothing, and makes the others no stricter.
    adjust(found.iter_mut());
    found
}

/// Corrects every p of several comparisons for all of them together.
pub fn together<'a>(all: impl Iterator<Item = &'a mut Vec<Comparison>>) {
    adjust(all.flat_map(|found| found.iter_mut()));
}
