//! A mean as the screens write it. What it is comes from `eval::summary` alone; here it only gets its words.
//!
//! Its interval is written with both ends, never as `±`: on a scale with ends it is not even, and half of it on both
//! sides would reach beyond 5.

use crate::core::text;
use crate::eval::CriterionSummary;

/// `4.02`; `—` without a score.
pub fn value(mean: Option<f64>) -> String {
    mean.map_or_else(|| "—".to_owned(), |m| text::fixed(Some(m), 2))
}

/// `3.91–4.13`, for a narrow column; `—` where there is no interval.
pub fn span(interval: Option<(f64, f64)>) -> String {
    interval.map_or_else(|| "—".to_owned(), |(lo, hi)| format!("{lo:.2}–{hi:.2}"))
}

/// `4.02 [3.91, 4.13]`; the mean alone where there is no interval.
pub fn with_interval(mean: Option<f64>, interval: Option<(f64, f64)>) -> String {
    let shown = value(mean);
    interval.map_or_else(|| shown.clone(), |(lo, hi)| format!("{shown} [{lo:.2}, {hi:.2}]"))
}

/// `38/40`: items with a score, of those planned.
pub fn scored(c: &CriterionSummary) -> String {
    format!("{}/{}", text::count(c.n as u64), text::count(c.planned as u64))
}

/// `97.5 %`: the share of verdicts with a score among those that were to be reached.
pub fn coverage(c: &CriterionSummary) -> String {
    format!("{:.1} %", 100.0 * c.coverage)
}

/// Whether something that was planned has no score.
pub fn is_thin(c: &CriterionSummary) -> bool {
    c.n < c.planned || c.coverage < 1.0
}

/// What people's own scores say, and what they make of the judge's mean: `people 3.00 (40)`, `corrected 3.11 [2.41, 3.81]`.
pub fn people(c: &CriterionSummary) -> Vec<String> {
    let said = (c.checked.items > 0)
        .then(|| format!("people {} ({})", value(c.checked.people), text::count(c.checked.items as u64)));
    let corrected = c
        .checked
        .corrected
        .map(|p| format!("corrected {}", with_interval(Some(p.estimate), Some((p.lo, p.hi)))));
    said.into_iter().chain(corrected).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mean_without_a_score_is_a_dash_and_without_an_interval_alone() {
        assert_eq!((value(None), value(Some(4.0))), ("—".to_owned(), "4.00".to_owned()));
        assert_eq!((span(None), span(Some((2.5, 5.0)))), ("—".to_owned(), "2.50–5.00".to_owned()));
        assert_eq!(with_interval(Some(4.5), Some((2.5, 5.0))), "4.50 [2.50, 5.00]");
        assert_eq!(with_interval(Some(4.5), None), "4.50");
    }
}
