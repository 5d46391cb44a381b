//! Means over the rows of a grid, each with its interval and what it rests on.

use super::board::{Board, Sheet};
use crate::core::stats::bounded::{SCORES, bounded_ci};
use crate::core::text;
use crate::eval::{Checked, People};
use crate::store::RunItem;
use std::collections::HashMap;

/// A mean with what it rests on.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Mean {
    /// Over items; an item's score is the mean of its passes. `None` when nothing is scored.
    pub mean: Option<f64>,
    /// The 95 % interval; `None` below two items.
    pub ci95: Option<(f64, f64)>,
    /// Items with a score.
    pub n: usize,
    /// Items planned.
    pub planned: usize,
    /// What people say about it.
    pub checked: Checked,
}

impl Mean {
    /// `4.02±.11`; without an interval the mean alone; `—` without a score.
    pub fn words(&self) -> String {
        match (self.mean, self.ci95) {
            (None, _) => "—".to_owned(),
            (Some(mean), None) => format!("{mean:.2}"),
            (Some(mean), Some((lo, hi))) => format!("{mean:.2}±{}", bare((hi - lo) / 2.0)),
        }
    }

    /// `4.10±.15`: the mean corrected by a random sample of people's scores; else how many items people checked.
    pub fn people(&self) -> String {
        match (self.checked.corrected, self.checked.items) {
            (Some(p), _) => format!("{:.2}±{}", p.estimate, bare((p.hi - p.lo) / 2.0)),
            (None, 0) => "—".to_owned(),
            (None, n) => format!("{} seen", text::count(n as u64)),
        }
    }

    /// `38/40`: how much of what was planned the mean rests on.
    pub fn coverage(&self) -> String {
        format!("{}/{}", text::count(self.n as u64), text::count(self.planned as u64))
    }
}

/// `.11`: two digits, without the zero before the point.
fn bare(value: f64) -> String {
    let shown = format!("{value:.2}");
    shown.strip_prefix('0').map_or_else(|| shown.clone(), ToOwned::to_owned)
}

/// The means of each group and criterion, group by group.
pub fn means(sheet: &Sheet, board: &Board, items: &[RunItem], people: &People) -> Vec<Mean> {
    let mut names: HashMap<&str, u32> = HashMap::new();
    for cluster in items.iter().filter_map(|i| i.cluster.as_deref()) {
        let next = names.len() as u32;
        names.entry(cluster).or_insert(next);
    }
    let mut all = Vec::new();
    for group in 0..sheet.groups.len() {
        let ords: Vec<u32> =
            sheet.rows.iter().filter_map(|r| r.items.get(group).copied().flatten()).collect();
        for criterion in 0..board.columns() {
            let mut mean = mean_of(&ords, criterion, board, items, &names);
            let judged: Vec<(u32, Option<f64>)> =
                ords.iter().map(|o| (*o, board.score(*o, criterion))).collect();
            mean.checked = people.check(criterion as u32, &judged);
            all.push(mean);
        }
    }
    all
}

fn mean_of(
    ords: &[u32],
    criterion: usize,
    board: &Board,
    items: &[RunItem],
    names: &HashMap<&str, u32>,
) -> Mean {
    let (mut values, mut clusters) = (Vec::new(), Vec::new());
    for ord in ords {
        if let Some(score) = board.score(*ord, criterion) {
            values.push(score);
            // An item without a cluster is one of its own: numbers from the end, which no name has.
            let named =
                items.get(*ord as usize).and_then(|i| i.cluster.as_deref()).and_then(|c| names.get(c));
            clusters.push(named.copied().unwrap_or(u32::MAX - *ord));
        }
    }
    let found = bounded_ci(&values, Some(&clusters), SCORES, 0.95);
    Mean {
        mean: found.mean,
        ci95: found.ci,
        n: values.len(),
        planned: ords.iter().filter(|o| board.is_planned(**o, criterion)).count(),
        checked: Checked::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::board::tests::{item, scored};
    use super::*;

    #[test]
    fn means_carry_their_coverage_and_never_an_invented_number() {
        let items: Vec<RunItem> = (0..3).map(|i| item(i, &format!("c{i}"), "x")).collect();
        let sheet = Sheet::new(&items, &["x".into()]);
        let mut board = Board::new(3, 1, 1);
        let means = |board: &Board| means(&sheet, board, &items, &People::default());
        assert_eq!(means(&board)[0].words(), "—");
        board.put(&scored(0, 0, 0, 4));
        assert_eq!(means(&board)[0].words(), "4.00");
        board.put(&scored(1, 0, 0, 5));
        let mean = means(&board)[0];
        // Two values 1 apart: Student would go 6.35 to both sides, but the scale ends at 1 and 5.
        assert_eq!((mean.words().as_str(), mean.coverage().as_str()), ("4.50±2.00", "2/3"));
        assert_eq!(bare(0.114), ".11");
        assert_eq!(mean.people(), "—");
    }
}
