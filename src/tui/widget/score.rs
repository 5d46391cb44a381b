//! A revision's score and its change, in the few columns of a history.

use crate::core::stats::decision::Decision;
use crate::core::text;
use crate::eval::history::{HistoryPoint, MeanChange};
use crate::tui::theme::Meaning;
use crate::tui::widget::decided::look;

/// A revision's mean with the longer side of its interval, and its change from the scored revision before.
pub fn score_words(points: &[HistoryPoint], seq: u32) -> (String, String, Meaning) {
    let Some(point) = points.iter().find(|p| p.seq == seq) else {
        return ("—".into(), String::new(), Meaning::Dim);
    };
    let mean = text::fixed(Some(point.mean), 2);
    let shown = match point.ci95 {
        // The interval is not even on a scale with ends: never less than its longer side is shown.
        Some((lo, hi)) => format!("{mean}±{}", short((hi - point.mean).max(point.mean - lo))),
        None => mean,
    };
    let Some(change) = point.change else { return (shown, String::new(), Meaning::Dim) };
    let (words, meaning) = change_words(&change);
    (shown, words, meaning)
}

/// `▲.12`, `▼.31`, or `?` where there is no evidence and `·` where cases are too few; and its colour.
pub fn change_words(change: &MeanChange) -> (String, Meaning) {
    let look = look(change.decision);
    let size = match change.decision {
        Decision::Better | Decision::Worse => short(change.difference.abs()),
        Decision::NotWorse | Decision::NoEvidence | Decision::TooFew => String::new(),
    };
    (format!("{}{size}", look.sign), look.meaning)
}

/// `.12` for 0.12.
fn short(value: f64) -> String {
    let shown = text::fixed(Some(value), 2);
    shown.strip_prefix('0').map_or(shown.clone(), ToOwned::to_owned)
}
