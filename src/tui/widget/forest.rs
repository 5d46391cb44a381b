//! Charts of one row: a mean with its interval on the scale from 1 to 5, or a measure of what judging took.

use crate::core::text;
use crate::store::scores::Effort;

/// What the bars show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "the names are what is measured")]
pub enum ForestMetric {
    #[default]
    Score,
    Cost,
    Latency,
    Failures,
}

impl ForestMetric {
    /// The one after it.
    pub fn next(self) -> Self {
        match self {
            Self::Score => Self::Cost,
            Self::Cost => Self::Latency,
            Self::Latency => Self::Failures,
            Self::Failures => Self::Score,
        }
    }

    /// What it is called, with its unit.
    pub fn words(self) -> &'static str {
        match self {
            Self::Score => "score, 1 to 5",
            Self::Cost => "cost of judging, USD",
            Self::Latency => "latency of a request, seconds",
            Self::Failures => "verdicts without a score, share",
        }
    }

    /// Its value of an effort; `None` for scores, and where nothing is known.
    pub fn of(self, effort: &Effort) -> Option<f64> {
        match self {
            Self::Score => None,
            Self::Cost => effort.cost_usd,
            Self::Latency => effort.latency_ms.map(|ms| ms / 1000.0),
            Self::Failures => Some(effort.failed as f64 / effort.verdicts.max(1) as f64),
        }
    }

    /// The value in words.
    pub fn shown(self, value: Option<f64>) -> String {
        match (self, value) {
            (_, None) => "—".to_owned(),
            (Self::Cost, Some(v)) => format!("${}", text::fixed(Some(v), 4)),
            (Self::Latency, Some(v)) => format!("{} s", text::fixed(Some(v), 2)),
            (Self::Failures, Some(v)) => format!("{} %", text::fixed(Some(100.0 * v), 1)),
            (Self::Score, v) => text::fixed(v, 2),
        }
    }
}

/// The scale from 1 to 5 in `width` columns, with a mean and its interval on it.
pub fn forest(mean: Option<f64>, ci95: Option<(f64, f64)>, width: usize) -> String {
    if width < 2 {
        return String::new();
    }
    let place = |v: f64| (((v - 1.0) / 4.0 * (width - 1) as f64).round().max(0.0) as usize).min(width - 1);
    let mut cells = vec!['·'; width];
    if let Some((lo, hi)) = ci95 {
        let (lo, hi) = (place(lo), place(hi));
        cells[lo..=hi].fill('─');
        cells[lo] = '├';
        cells[hi] = '┤';
    }
    if let Some(mean) = mean {
        cells[place(mean)] = '●';
    }
    cells.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mean_stands_on_its_scale_and_what_is_unknown_is_no_number() {
        assert_eq!(forest(Some(3.0), Some((2.0, 4.0)), 9), "··├─●─┤··");
        assert_eq!(forest(Some(5.0), None, 5), "····●");
        assert_eq!(forest(None, None, 3), "···");
        assert_eq!(forest(Some(3.0), Some((0.0, 9.0)), 5), "├─●─┤");
        assert_eq!(forest(Some(3.0), None, 1), "");
        let nothing =
            Effort { seq: 1, of: String::new(), verdicts: 0, failed: 0, latency_ms: None, cost_usd: None };
        let mut metric = ForestMetric::Score;
        for shown in ["—", "—", "—", "0.0 %"] {
            assert_eq!(metric.shown(metric.of(&nothing)), shown);
            metric = metric.next();
        }
        assert_eq!(metric, ForestMetric::Score);
    }
}
