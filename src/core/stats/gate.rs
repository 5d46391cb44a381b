//! The gate: may the candidate replace the baseline? Non-inferiority by a margin, on the paired 95 % interval.
//!
//! ```text
//! enough pairs? enough coverage? an interval?  --no--> Inconclusive (exit 3)
//!        | yes
//! hi < -margin: Fail    else enough humans? lower limit >= -margin: Pass    else: Inconclusive
//!        v
//! any failure: 1    else any inconclusive: 3    else: 0
//! ```
//! Each criterion is read by its own 95 % interval: a candidate must pass on all of them, which needs no correction, and one
//! that fails on any may do so by chance the more often the more there are. `run compare` corrects over all of them; where that
//! would call a failure no evidence, the reason says so, and `Better` is only what it calls better.
//!
//! The lower limit is `safe_lo`, which allows for a break that no case shows (Gaffke's bound): a candidate exactly at
//! the margin passes in at most 2.5 % whatever its differences look like. When all cases agree it needs
//! [`cases_needed`] of them; a candidate that is better by more than an unseen break could cost passes with fewer.

use super::bounded::{DIFFERENCES, unseen_share};
use super::compare::Comparison;
use super::decision::{Decision, enough};
use std::fmt;

/// Interval ends this near to the margin are on it: a drop of exactly 0.2 computed from thirds or fifths must not fail
/// a margin of 0.2 by a rounding error.
const ROUNDING: f64 = 1e-9;

/// What is asked of a candidate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GateRule {
    /// The largest drop that is acceptable, in points; not negative.
    pub margin: f64,
    /// Pairs every criterion needs.
    pub min_pairs: usize,
    /// Share of planned verdicts that must be scored, for each arm.
    pub min_coverage: f64,
    /// Cases a human must have reviewed, for each criterion; 0 asks for none.
    pub require_human: usize,
}

impl Default for GateRule {
    /// Margin 0.2, 10 pairs, 90 % coverage, no human.
    fn default() -> Self {
        Self { margin: 0.2, min_pairs: 10, min_coverage: 0.9, require_human: 0 }
    }
}

/// One criterion put before the gate.
#[derive(Debug, Clone, PartialEq)]
pub struct GateInput {
    /// Candidate (B) against baseline (A).
    pub comparison: Comparison,
    /// Scored share of the baseline's verdicts on this criterion, 0..1; `None` when none was planned.
    pub coverage_a: Option<f64>,
    /// The same of the candidate.
    pub coverage_b: Option<f64>,
    /// Cases of this criterion that a human has reviewed.
    pub humans: usize,
}

/// What the gate says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GateVerdict {
    /// No worse than the margin allows.
    Pass,
    /// Worse than the margin, for certain.
    Fail,
    /// The cases do not decide it.
    Inconclusive,
}

impl GateVerdict {
    /// The exit code of `assize gate`.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Pass => 0,
            Self::Fail => 1,
            Self::Inconclusive => 3,
        }
    }
}

impl fmt::Display for GateVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Inconclusive => "inconclusive",
        })
    }
}

/// What one criterion came to.
#[derive(Debug, Clone, PartialEq)]
pub struct GateResult {
    /// The criterion.
    pub name: String,
    /// Its verdict.
    pub verdict: GateVerdict,
    /// Why, in one plain sentence without its full stop.
    pub reason: String,
    /// Whether a precondition is not met (pairs, coverage, humans, interval, cases for the margin), as opposed to an
    /// interval that crosses.
    pub unmet: bool,
    /// The verdict in the words of a comparison: better, worse, not worse, no evidence, too few.
    pub decision: Decision,
}

/// What all criteria came to.
#[derive(Debug, Clone, PartialEq)]
pub struct GateReport {
    /// Decides the exit code.
    pub verdict: GateVerdict,
    /// One entry for each criterion, in the order given.
    pub criteria: Vec<GateResult>,
}

/// Judges every criterion, then the whole. Any certain failure fails it, whatever else is missing; else it is
/// inconclusive while any criterion is, or there is none.
pub fn gate(criteria: &[GateInput], rule: &GateRule) -> GateReport {
    let criteria: Vec<GateResult> = criteria.iter().map(|input| gate_one(input, rule)).collect();
    let any = |verdict: GateVerdict| criteria.iter().any(|c| c.verdict == verdict);
    let verdict = if any(GateVerdict::Fail) {
        GateVerdict::Fail
    } else if criteria.is_empty() || any(GateVerdict::Inconclusive) {
        GateVerdict::Inconclusive
    } else {
        GateVerdict::Pass
    };
    GateReport { verdict, criteria }
}

impl GateReport {
    /// Lets no criterion pass for which something else is missing: `missing` says what, by the criterion's place. What fails for
    /// certain still fails.
    pub fn hold_back(&mut self, missing: impl Fn(usize) -> Option<String>) {
        for (at, found) in self.criteria.iter_mut().enumerate() {
            if let Some(reason) = missing(at).filter(|_| found.verdict == GateVerdict::Pass) {
                (found.verdict, found.unmet, found.decision) =
                    (GateVerdict::Inconclusive, true, Decision::TooFew);
                found.reason = reason;
                if self.verdict == GateVerdict::Pass {
                    self.verdict = GateVerdict::Inconclusive;
                }
            }
        }
    }
}

/// The fewest cases (clusters, where cases share a source) that can show a drop of `margin` to be absent when none of
/// them changed: the smallest n with (1 - margin/4)^n <= 0.025. `None` for a margin of 0, which no number can show.
pub fn cases_needed(margin: f64) -> Option<usize> {
    cases_for(margin / DIFFERENCES.1)
}

/// [`cases_needed`] for a margin as a share of the largest drop there can be.
fn cases_for(share: f64) -> Option<usize> {
    if share >= 1.0 {
        return Some(1);
    }
    let need = 0.025_f64.ln() / (1.0 - share).ln();
    // A whole number must not be rounded up to the next.
    (share > 0.0 && need.is_finite()).then(|| (need * (1.0 - 1e-12)).ceil() as usize)
}

/// One criterion on its own.
pub fn gate_one(input: &GateInput, rule: &GateRule) -> GateResult {
    let row = &input.comparison;
    let missing = unmet(input, rule);
    let (verdict, reason, unmet) = match (missing, row.decisive().1) {
        (Some(reason), _) => (GateVerdict::Inconclusive, reason, true),
        (None, None) => (GateVerdict::Inconclusive, "no interval can be formed".to_owned(), true),
        (None, Some((lo, hi))) => match (against_margin(row, (lo, hi), rule.margin), few_humans(input, rule))
        {
            ((GateVerdict::Pass | GateVerdict::Inconclusive, ..), Some(reason)) => {
                (GateVerdict::Inconclusive, reason, true)
            }
            ((verdict, reason, few), _) => (verdict, format!("{reason}, {}", row.basis().words()), few),
        },
    };
    let decision = match (verdict, unmet) {
        (GateVerdict::Fail, _) => Decision::Worse,
        // Better is what the comparison calls so, over all criteria together.
        (GateVerdict::Pass, _) if row.decision(None) == Decision::Better => Decision::Better,
        (GateVerdict::Pass, _) => Decision::NotWorse,
        (GateVerdict::Inconclusive, true) => Decision::TooFew,
        (GateVerdict::Inconclusive, false) => Decision::NoEvidence,
    };
    let reason = match (verdict, row.decision(None)) {
        (GateVerdict::Fail, compared) if compared != Decision::Worse => {
            format!("{reason}; over all {} criteria together it may be chance", row.together)
        }
        (GateVerdict::Pass, Decision::Worse) => format!("{reason}; it is worse, and not by more than that"),
        (GateVerdict::Inconclusive, Decision::Worse) if !unmet => {
            format!("{reason}; it is worse, and whether by more than that is open")
        }
        _ => reason,
    };
    GateResult { name: row.name.clone(), verdict, reason, unmet, decision }
}

/// The first precondition that is not met, said with both figures.
fn unmet(input: &GateInput, rule: &GateRule) -> Option<String> {
    if !(rule.margin.is_finite() && rule.margin >= 0.0) {
        return Some(format!("the margin {} is not a number of points", rule.margin));
    }
    if input.comparison.n < rule.min_pairs {
        return Some(format!("{} pairs, {} needed", input.comparison.n, rule.min_pairs));
    }
    for (arm, coverage) in [("baseline", input.coverage_a), ("candidate", input.coverage_b)] {
        match coverage {
            // The negation also catches NaN: an unknown coverage is no coverage.
            Some(share) if share + ROUNDING >= rule.min_coverage => {}
            Some(share) => {
                let (have, need) = (100.0 * share, 100.0 * rule.min_coverage);
                return Some(format!("coverage of the {arm} is {have:.1} %, {need:.1} % needed"));
            }
            None => return Some(format!("coverage of the {arm} is unknown")),
        }
    }
    None
}

/// Whether people must have reviewed more.
fn few_humans(input: &GateInput, rule: &GateRule) -> Option<String> {
    let short = input.humans < rule.require_human;
    short.then(|| format!("{} cases reviewed by a human, {} needed", input.humans, rule.require_human))
}

/// The lower limit of the difference (points) that also allows for a break no case shows: what a gate reads. Where people
/// decide, what their labels could have missed is taken off their interval's. `None` where there is no interval.
pub fn safe_lo(row: &Comparison) -> Option<f64> {
    match row.people {
        None => row.safe_lo,
        Some(p) => Some(p.ci95.0 - row.reach() * unseen_share(p.units, 0.025)),
    }
}

/// The verdict, its reason, and whether more cases are a precondition. The lower limit that is read is the one named in
/// the reason.
fn against_margin(row: &Comparison, (lo, hi): (f64, f64), margin: f64) -> (GateVerdict, String, bool) {
    let limit = -margin;
    let units = row.deciding_units();
    let interval = format!("the 95 % interval {lo:+.2} to {hi:+.2}");
    let above = |value: f64| value + ROUNDING >= limit;
    // Two units cannot fail a candidate for certain either.
    if hi + ROUNDING < limit && enough(units) {
        return (GateVerdict::Fail, format!("{interval} lies below {limit:+.2}"), false);
    }
    let need = cases_for(margin / row.reach());
    let few = need.is_none_or(|need| units < need);
    // So many labels would have shown a break that costs more than the margin.
    let safe = if row.people.is_some() && !few { Some(lo) } else { safe_lo(row) };
    let safe = safe.filter(|_| enough(units)).map(|safe| safe.min(lo));
    if safe.map_or(!few && above(lo), above) {
        return match safe {
            Some(safe) if safe + 0.005 < lo => (
                GateVerdict::Pass,
                format!("the lower limit {safe:+.2}, with a break no case shows, stays above {limit:+.2}"),
                false,
            ),
            _ => (GateVerdict::Pass, format!("{interval} stays above {limit:+.2}"), false),
        };
    }
    let what = match row.people {
        Some(p) if units == p.n_labelled => "labelled cases",
        Some(_) => "sources of labelled cases",
        None if units == row.n => "cases",
        None => "sources of cases",
    };
    let needs = need.filter(|_| few).map(|need| {
        format!(
            "a margin of {margin} needs at least {need} {what}: with fewer, a break in {:.0} % of the cases can be \
             unseen (there are {})",
            100.0 * (margin / row.reach()).min(1.0),
            units
        )
    });
    if !above(lo) {
        let more = needs.unwrap_or_else(|| "more cases are needed".to_owned());
        return (GateVerdict::Inconclusive, format!("{interval} crosses {limit:+.2}: {more}"), false);
    }
    let reason = match (needs, need) {
        (Some(reason), _) => reason,
        (None, Some(_)) => format!(
            "the lower limit {:+.2}, with a break no case shows, crosses {limit:+.2}: more cases are needed",
            safe.unwrap_or(lo)
        ),
        (None, None) => "a margin of 0 cannot be shown by cases that do not differ".to_owned(),
    };
    (GateVerdict::Inconclusive, reason, few)
}

#[cfg(test)]
mod tests {
    use super::super::compare::{Pair, PairedInput, paired_compare};
    use super::*;
    use proptest::prelude::*;

    fn input(d: &[f64]) -> GateInput {
        let pairs = d.iter().map(|d| Pair { a: Some(4.0), b: Some(4.0 + d), cluster: None }).collect();
        let comparison =
            paired_compare(&[PairedInput { name: "x".to_owned(), pairs, people: Vec::new() }], 1).remove(0);
        GateInput { comparison, coverage_a: Some(1.0), coverage_b: Some(1.0), humans: 0 }
    }

    fn with(lo: f64, hi: f64) -> GateInput {
        let mut input = input(&[0.0; 80]);
        input.comparison.ci95 = Some((lo, hi));
        input.comparison.safe_lo = Some(lo);
        input
    }

    #[test]
    fn the_interval_decides_against_the_margin() {
        let rule = GateRule::default();
        for (lo, hi, want) in [
            (-0.1, 0.3, GateVerdict::Pass),
            (-0.2, -0.1, GateVerdict::Pass),
            (-0.4, -0.2, GateVerdict::Inconclusive),
            (-0.4, -0.21, GateVerdict::Fail),
            (-0.21, 0.5, GateVerdict::Inconclusive),
        ] {
            let report = gate(&[with(lo, hi)], &rule);
            assert_eq!(report.verdict, want, "{lo} {hi}: {}", report.criteria[0].reason);
            assert!(!report.criteria[0].unmet);
        }
    }

    #[test]
    fn a_drop_of_exactly_the_margin_passes_whatever_rounding_does() {
        // 3.8 - 4.0 is -0.20000000000000018.
        let drop = 3.8 - 4.0;
        assert_eq!(gate(&[with(drop, 0.1)], &GateRule::default()).verdict, GateVerdict::Pass);
        assert_eq!(gate(&[with(-0.5, drop)], &GateRule::default()).verdict, GateVerdict::Inconclusive);
        assert_eq!(gate(&[with(-0.5, -0.21)], &GateRule::default()).verdict, GateVerdict::Fail);
    }

    #[test]
    fn preconditions_come_before_any_verdict() {
        let rule = GateRule::default();
        let good = with(-0.1, 0.1);
        let few = input(&[-2.0; 9]);
        let low = GateInput { coverage_b: Some(0.89), ..good.clone() };
        let unknown = GateInput { coverage_a: None, ..good.clone() };
        let nan = GateInput { coverage_a: Some(f64::NAN), ..good.clone() };
        let mut open = good.clone();
        open.comparison.ci95 = None;
        for bad in [few, low, unknown, nan, open] {
            let report = gate(&[good.clone(), bad.clone()], &rule);
            assert_eq!(report.verdict.exit_code(), 3);
            assert!(report.criteria[1].unmet, "{:?}", report.criteria[1]);
            // A certain failure beside it fails the whole, whatever else is missing.
            assert_eq!(gate(&[bad, with(-3.0, -2.0)], &rule).verdict.exit_code(), 1);
        }
        assert_eq!(gate(&[], &rule).verdict, GateVerdict::Inconclusive);
        let human = GateRule { require_human: 5, ..rule };
        assert_eq!(
            gate(std::slice::from_ref(&good), &human).criteria[0].reason,
            "0 cases reviewed by a human, 5 needed"
        );
        let exactly = GateInput { coverage_a: Some(9.0 / 10.0), ..good };
        assert_eq!(gate(&[exactly], &rule).verdict, GateVerdict::Pass);
    }

    #[test]
    fn any_failure_outweighs_what_is_open() {
        let (pass, open, fail) = (with(-0.1, 0.1), with(-0.5, 0.1), with(-0.9, -0.5));
        let code = |all: &[&GateInput]| {
            let all: Vec<GateInput> = all.iter().map(|i| (*i).clone()).collect();
            gate(&all, &GateRule::default()).verdict.exit_code()
        };
        assert_eq!(code(&[&pass, &pass]), 0);
        assert_eq!(code(&[&pass, &open]), 3);
        assert_eq!(code(&[&open, &fail, &pass]), 1);
    }

    #[test]
    fn a_margin_needs_its_cases() {
        assert_eq!([0.2, 0.3, 0.5, 1.0].map(cases_needed), [72, 48, 28, 13].map(Some));
        assert_eq!((cases_needed(0.0), cases_needed(4.0)), (None, Some(1)));
        let rule = GateRule::default();
        // No case changed: ten can miss a break in a quarter of all.
        let ten = gate(&[input(&[0.0; 10])], &rule);
        assert_eq!(ten.verdict, GateVerdict::Inconclusive);
        let words = "crosses -0.20: a margin of 0.2 needs at least 72 cases: with fewer, a break in 5 % of the \
                     cases can be unseen (there are 10)";
        assert!(ten.criteria[0].reason.contains(words), "{}", ten.criteria[0].reason);
        assert_eq!(gate(&[input(&[0.0; 71])], &rule).verdict, GateVerdict::Inconclusive);
        assert_eq!(gate(&[input(&[0.0; 72])], &rule).verdict, GateVerdict::Pass);
        // Better by more than an unseen break could cost: +0.7 on 60 cases.
        let better: Vec<f64> =
            (0..60).map(|i| [0.0, 1.0, 2.0, 0.0, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0][i % 10]).collect();
        let found = gate(&[input(&better)], &rule);
        assert_eq!((found.verdict, found.criteria[0].decision), (GateVerdict::Pass, Decision::Better));
        // An interval that stays above by itself, with a break unseen below it, says what the margin needs.
        let mut level = input(&[0.0; 60]);
        level.comparison.ci95 = Some((-0.1, 0.1));
        let open = gate(&[level], &rule);
        assert_eq!(open.verdict, GateVerdict::Inconclusive);
        let words = "a margin of 0.2 needs at least 72 cases";
        assert!(open.criteria[0].reason.starts_with(words), "{}", open.criteria[0].reason);
    }

    #[test]
    fn labelled_cases_count_by_their_sources() {
        // People and judge agree that nothing changed, on 80 of 100 cases.
        let found = |cluster: &dyn Fn(usize) -> Option<u32>| {
            let pair = |at: usize| Pair { a: Some(4.0), b: Some(4.0), cluster: cluster(at) };
            let people = (0..100).map(|at| [Some(4.0).filter(|_| at < 80); 2]).collect();
            let input = PairedInput { name: "x".to_owned(), pairs: (0..100).map(pair).collect(), people };
            let comparison = paired_compare(&[input], 1).remove(0);
            let input = GateInput { comparison, coverage_a: Some(1.0), coverage_b: Some(1.0), humans: 80 };
            gate(&[input], &GateRule::default()).criteria.remove(0)
        };
        assert_eq!(found(&|_| None).verdict, GateVerdict::Pass);
        let of_eight = found(&|at| Some(at as u32 / 10));
        assert_eq!(of_eight.verdict, GateVerdict::Inconclusive);
        let words = "a margin of 0.2 needs at least 72 sources of labelled cases";
        assert!(
            of_eight.reason.contains(words) && of_eight.reason.contains("(there are 8)"),
            "{}",
            of_eight.reason
        );
        // Of four nothing is decided, however clear.
        let pairs = (0..100).map(|at| Pair { a: Some(2.0), b: Some(5.0), cluster: Some(at / 25) }).collect();
        let people = vec![[Some(2.0), Some(5.0)]; 100];
        let input = PairedInput { name: "x".to_owned(), pairs, people };
        assert_eq!(paired_compare(&[input], 1)[0].decision(None), Decision::TooFew);
    }

    proptest! {
        #[test]
        fn a_wider_margin_never_turns_a_pass(lo in -4.0..4.0_f64, width in 0.0..3.0_f64, m in 0.0..2.0_f64, more in 0.0..2.0_f64) {
            let case = [with(lo, lo + width)];
            let at = |margin: f64| gate(&case, &GateRule { margin, ..GateRule::default() }).verdict;
            prop_assert!(at(m) != GateVerdict::Pass || at(m + more) == GateVerdict::Pass);
            prop_assert!(at(m + more) != GateVerdict::Fail || at(m) == GateVerdict::Fail);
        }
    }
}
