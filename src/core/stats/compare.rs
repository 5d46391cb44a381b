//! Two arms on the same cases, criterion by criterion: the table `run compare` prints, and the sentence above it.
//!
//! ```text
//! pairs per criterion -> Comparison (difference, interval, exact p, wins / ties / losses, missing)
//!                     -> Holm's p, and the interval at 1 - 0.05/m of m criteria -> Decision -> one sentence
//! ```

use super::bounded::{DIFFERENCES, Ends, bounded_ci, gaffke_ci};
use super::by_people::{ByPeople, by_people};
use super::decision::{Decision, enough, level_of_each};
use super::mean::mean;
use super::multiple_testing::holm;
pub use super::pair::Pair;
use super::paired::{difference, sign_flip, sign_flip_clustered, tally};
use crate::core::rubric::Scale;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// One criterion's cases.
#[derive(Debug, Clone, PartialEq)]
pub struct PairedInput {
    /// The criterion.
    pub name: String,
    /// One entry for each case that either arm was judged on.
    pub pairs: Vec<Pair>,
    /// People's scores of A and of B on these cases, where the response belongs to a random sample scored blind; empty
    /// where nobody scored.
    pub people: Vec<[Option<f64>; 2]>,
}

/// What the cases say about B against A on one criterion. Differences are B - A, in points.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// The criterion.
    pub name: String,
    /// Cases with a score on both sides: only these enter the figures.
    pub n: usize,
    /// Independent units among them: clusters where cases share a source, else cases.
    pub units: usize,
    /// Mean of A over these cases.
    pub mean_a: Option<f64>,
    /// Mean of B over these cases.
    pub mean_b: Option<f64>,
    /// Mean of B - A.
    pub difference: Option<f64>,
    /// Standard error of the difference (CR2 where cases share a source).
    pub se: Option<f64>,
    /// Its degrees of freedom.
    pub df: Option<f64>,
    /// Its 95 % interval, within the scale: see [`super::bounded`].
    pub ci95: Option<(f64, f64)>,
    /// The lower 95 % limit that also allows for a break no case shows (Gaffke's, at most the interval's own): what a
    /// gate reads.
    pub safe_lo: Option<f64>,
    /// The interval at 1 - 0.05/m for m criteria compared together: what the decision is read from.
    pub decision_ci: Option<(f64, f64)>,
    /// How many criteria (or pairs of arms and criteria) were compared together.
    pub together: usize,
    /// Sign-flip p: exact up to 20 units that differ, else from 10,000 seeded vectors.
    pub p: Option<f64>,
    /// The same, adjusted for the number of criteria (Holm).
    pub p_holm: Option<f64>,
    /// Cases on which B is higher.
    pub wins: usize,
    /// Cases on which both are equal.
    pub ties: usize,
    /// Cases on which B is lower.
    pub losses: usize,
    /// Cases with a score on one side or none.
    pub missing: usize,
    /// The difference as people's labels put it right, where a random sample of both arms allows.
    pub people: Option<ByPeople>,
    /// The scores behind that, to make its interval at another level.
    labels: LabelledCases,
    /// On which the criterion is answered: the figures are in its units, points or shares.
    pub scale: Scale,
    /// The differences behind the figures, in levels.
    pub values: Differences,
}

/// Cases with people's scores of A and of B beside the judge's.
type LabelledCases = (Vec<Pair>, Vec<[Option<f64>; 2]>);

/// Whose scores a decision rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// The judge's alone.
    Judge,
    /// The judge's, put right by a random sample of people's labels.
    People,
}

impl Basis {
    /// As JSON has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Judge => "judge",
            Self::People => "people",
        }
    }

    /// For people, after a decision.
    pub fn words(self) -> &'static str {
        match self {
            Self::Judge => "by the judge alone",
            Self::People => "corrected by people",
        }
    }
}

/// The differences of the complete pairs, and the clusters they share.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Differences {
    /// B - A, one for each pair.
    pub each: Vec<f64>,
    /// The cluster of each; `None` when no case names one.
    pub clusters: Option<Vec<u32>>,
}

impl Differences {
    /// Their interval at a level; `None` with fewer than two units.
    pub fn interval(&self, level: f64) -> Option<Ends> {
        bounded_ci(&self.each, self.clusters.as_deref(), DIFFERENCES, level).ci
    }
}

/// What a comparison can be taken to mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ComparisonOutcome {
    /// B is higher, beyond chance.
    Better,
    /// B is lower, beyond chance.
    Worse,
    /// The difference may well be chance.
    NoEvidence,
    /// So few units that no result could be beyond chance.
    TooFew,
}

impl Comparison {
    /// Whose scores decide: people's wherever their sample allows.
    pub fn basis(&self) -> Basis {
        if self.people.is_some() { Basis::People } else { Basis::Judge }
    }

    /// The difference and the 95 % interval that decide.
    pub fn decisive(&self) -> (Option<f64>, Option<Ends>) {
        self.people.map_or((self.difference, self.ci95), |p| (Some(p.difference), Some(p.ci95)))
    }

    /// The interval that decides where so many are decided together.
    fn at_level(&self, together: usize) -> Option<Ends> {
        match (self.people, together) {
            (_, 0 | 1) => self.decisive().1,
            (None, m) => self.in_units(self.values.interval(level_of_each(m))),
            (Some(_), m) => {
                let found = by_people(&self.labels.0, &self.labels.1, level_of_each(m));
                self.in_units(found.map(|found| found.ci95))
            }
        }
    }

    fn in_units(&self, of_levels: Option<Ends>) -> Option<Ends> {
        let (lo, hi) = of_levels?;
        Some((self.scale.difference(lo)?, self.scale.difference(hi)?))
    }

    /// The figures in the units of a scale, from those in levels: shares where answers are pass or fail, and no mean, difference
    /// or interval where they are categories.
    pub fn on(mut self, scale: &Scale) -> Self {
        if scale.is_scores() {
            return self;
        }
        self.scale = scale.clone();
        let difference = |of_levels: Option<f64>| of_levels.and_then(|d| scale.difference(d));
        let mean = |of_levels: Option<f64>| of_levels.and_then(|m| scale.figure(m));
        (self.mean_a, self.mean_b) = (mean(self.mean_a), mean(self.mean_b));
        self.difference = difference(self.difference);
        self.se = difference(self.se);
        self.ci95 = self.in_units(self.ci95);
        self.safe_lo = difference(self.safe_lo);
        self.decision_ci = self.in_units(self.decision_ci);
        self.people = self.people.filter(|_| scale.has_mean()).map(|p| ByPeople {
            difference: p.difference / scale.width(),
            ci95: (p.ci95.0 / scale.width(), p.ci95.1 / scale.width()),
            bias_a: difference(p.bias_a),
            bias_b: difference(p.bias_b),
            ..p
        });
        if !scale.has_mean() {
            // Of two categories neither is more.
            (self.wins, self.losses, self.p, self.df) = (0, 0, None, None);
        }
        self
    }

    /// The largest difference there can be, in the figures' units: 4 points, or a share of 1.
    pub fn reach(&self) -> f64 {
        DIFFERENCES.1 / self.scale.width()
    }

    /// Independent cases that the decision rests on: of a source that several share only one.
    pub fn deciding_units(&self) -> usize {
        self.people.map_or(self.units, |p| p.units)
    }

    /// What the row is taken to mean, read from `decision_ci` alone. `margin` is the drop that is acceptable, if one is
    /// given; with it "not worse" is possible, from an interval that only shows that no case broke as well.
    pub fn decision(&self, margin: Option<f64>) -> Decision {
        let found = Decision::of(self.decision_ci, self.deciding_units(), margin);
        // Of two categories neither is more, however many cases there are.
        if !self.scale.has_mean() && enough(self.units) { Decision::NoEvidence } else { found }
    }

    /// [`Comparison::decision`] without a margin.
    pub fn outcome(&self) -> ComparisonOutcome {
        match self.decision(None) {
            Decision::Better => ComparisonOutcome::Better,
            Decision::Worse => ComparisonOutcome::Worse,
            Decision::NotWorse | Decision::NoEvidence => ComparisonOutcome::NoEvidence,
            Decision::TooFew => ComparisonOutcome::TooFew,
        }
    }

    /// Standard deviation of one unit's difference as the interval sees it, se sqrt(n): what a power meter needs.
    pub fn sd(&self) -> Option<f64> {
        self.se.map(|se| se * (self.n as f64).sqrt()).filter(|sd| sd.is_finite())
    }
}

/// Compares B with A on every criterion. The interval and the sign flips treat cases of one cluster as one; a case
/// without a cluster stands alone. p is adjusted over the criteria by Holm, the interval of the decision by Bonferroni. A score that is not finite is missing.
pub fn paired_compare(criteria: &[PairedInput], seed: u64) -> Vec<Comparison> {
    let mut table: Vec<Comparison> = criteria.iter().map(|input| compare_one(input, Some(seed))).collect();
    adjust(table.iter_mut());
    table
}

/// The same decision on one criterion of `together` that are compared at once, without the figures that take long: `p`,
/// `p_holm` and `safe_lo` are `None`. For marks along a history.
pub fn decide_one(input: &PairedInput, together: usize) -> Comparison {
    let mut row = compare_one(input, None);
    row.together = together;
    row.decision_ci = row.at_level(together);
    row
}

/// Adjusts `p_holm` and `decision_ci` over all the comparisons given: a table of criteria, or of every pair of several arms.
pub fn adjust<'a>(comparisons: impl Iterator<Item = &'a mut Comparison>) {
    let mut table: Vec<&mut Comparison> = comparisons.collect();
    // Holm leaves out what is no probability, so that an undefined p makes the others no stricter.
    let p: Vec<f64> = table.iter().map(|row| row.p.unwrap_or(f64::NAN)).collect();
    for (row, adjusted) in table.iter_mut().zip(holm(&p)) {
        row.p_holm = adjusted;
    }
    // Only rows that have an interval count: an empty criterion makes the others no stricter.
    let together = table.iter().filter(|row| row.ci95.is_some()).count();
    for row in table {
        row.together = together;
        row.decision_ci = row.at_level(together);
    }
}

/// Cases with both scores, as (a, b, b - a), and the cluster of each: given numbers, or new ones for cases alone.
fn complete(pairs: &[Pair]) -> (Vec<f64>, Vec<f64>, Vec<f64>, Option<Vec<u32>>) {
    let score = |s: Option<f64>| s.filter(|v| v.is_finite());
    let both = || pairs.iter().filter_map(|p| Some((score(p.a)?, score(p.b)?, p.cluster)));
    let (a, b): (Vec<f64>, Vec<f64>) = both().map(|(a, b, _)| (a, b)).unzip();
    let d = a.iter().zip(&b).map(|(&a, &b)| difference(a, b)).collect();
    if both().all(|(_, _, cluster)| cluster.is_none()) {
        return (a, b, d, None);
    }
    let mut numbers: BTreeMap<u32, u32> = BTreeMap::new();
    let mut next = 0_u32;
    let mut fresh = || {
        next += 1;
        next
    };
    let clusters = both().map(|(_, _, cluster)| match cluster {
        Some(given) => *numbers.entry(given).or_insert_with(&mut fresh),
        None => fresh(),
    });
    let clusters = clusters.collect();
    (a, b, d, Some(clusters))
}

fn compare_one(input: &PairedInput, seed: Option<u64>) -> Comparison {
    let (a, b, d, clusters) = complete(&input.pairs);
    let fit = bounded_ci(&d, clusters.as_deref(), DIFFERENCES, 0.95);
    let (flip, units) = match &clusters {
        Some(clusters) => (
            seed.and_then(|seed| sign_flip_clustered(&d, clusters, seed)),
            clusters.iter().collect::<BTreeSet<_>>().len(),
        ),
        None => (seed.and_then(|seed| sign_flip(&d, seed)), d.len()),
    };
    let safe = fit.ci.filter(|_| seed.is_some()).and_then(|(lo, _)| {
        gaffke_ci(&d, clusters.as_deref(), DIFFERENCES, 0.95).map(|(safe, _)| safe.min(lo))
    });
    let (wins, ties, losses) = tally(&d);
    Comparison {
        name: input.name.clone(),
        n: d.len(),
        units,
        mean_a: mean(&a),
        mean_b: mean(&b),
        difference: fit.mean,
        se: fit.se,
        df: fit.df,
        ci95: fit.ci,
        safe_lo: safe,
        decision_ci: fit.ci,
        together: 1,
        p: flip.map(|f| f.p),
        p_holm: None,
        wins,
        ties,
        losses,
        missing: input.pairs.len() - d.len(),
        people: by_people(&input.pairs, &input.people, 0.95),
        labels: if input.people.is_empty() {
            LabelledCases::default()
        } else {
            (input.pairs.clone(), input.people.clone())
        },
        values: Differences { each: d, clusters },
        scale: Scale::OneToFive,
    }
}

/// Cases on which the arms differ, as (index, B - A), the largest drop first; equal ones in the order of the cases.
pub fn flips_by_drop(pairs: &[Pair]) -> Vec<(usize, f64)> {
    let mut flips: Vec<(usize, f64)> = pairs
        .iter()
        .enumerate()
        .filter_map(|(i, p)| Some((i, difference(p.a?, p.b?))))
        .filter(|(_, d)| d.is_finite() && *d != 0.0)
        .collect();
    flips.sort_by(|x, y| x.1.total_cmp(&y.1));
    flips
}

/// One plain sentence that says what the table means, for someone who knows no statistics. The names of the arms are
/// put in as they are given: clean them first where they come from a file.
pub fn verdict_sentence(table: &[Comparison], name_a: &str, name_b: &str) -> String {
    if table.iter().all(|row| row.n == 0) {
        return format!(
            "{name_b} and {name_a} share no case that is scored on both sides, so they cannot be compared."
        );
    }
    let of = |outcome: ComparisonOutcome| {
        table.iter().filter(move |row| row.scale.has_mean() && row.outcome() == outcome)
    };
    let changed = |outcome| {
        listed(of(outcome).map(|row| format!("{} ({:+.2})", row.name, row.decisive().0.unwrap_or_default())))
    };
    let mut parts = vec![];
    if let Some(names) = changed(ComparisonOutcome::Better) {
        parts.push(format!("better on {names}"));
    }
    if let Some(names) = changed(ComparisonOutcome::Worse) {
        parts.push(format!("worse on {names}"));
    }
    let mut sentence = match parts.as_slice() {
        [] => String::new(),
        parts => format!("{name_b} is {} than {name_a}", parts.join(" and ")),
    };
    let mut also = |text: String| {
        let gap = if sentence.is_empty() { "" } else { "; " };
        let _ = write!(sentence, "{gap}{text}");
    };
    if let Some(names) = listed(of(ComparisonOutcome::NoEvidence).map(|row| row.name.clone())) {
        also(format!("the cases show no difference between {name_a} and {name_b} beyond chance on {names}"));
    }
    if let Some(names) =
        listed(of(ComparisonOutcome::TooFew).map(|row| format!("{} ({})", row.name, count(row))))
    {
        also(format!("too few cases to tell on {names}"));
    }
    // Of two categories neither is more: how many cases moved is all that can be said.
    let moved = |row: &Comparison| {
        format!("{} of {} cases have another category on {}", row.n - row.ties, row.n, row.name)
    };
    let categories: Vec<String> =
        table.iter().filter(|row| !row.scale.has_mean() && row.n > 0).map(moved).collect();
    categories.into_iter().for_each(also);
    let mut letters = sentence.chars();
    match letters.next() {
        // A name keeps its own first letter; our own words start the sentence.
        Some(first) if parts.is_empty() => format!("{}{}.", first.to_uppercase(), letters.as_str()),
        _ => format!("{sentence}."),
    }
}

/// How many independent units a row rests on, in words.
fn count(row: &Comparison) -> String {
    let plural = |n: usize| if n == 1 { "" } else { "s" };
    if row.units == row.n {
        return format!("{} case{}", row.n, plural(row.n));
    }
    format!("{} cases from {} source{}", row.n, row.units, plural(row.units))
}

/// "a", "a and b", "a, b and c"; `None` for nothing.
fn listed(items: impl Iterator<Item = String>) -> Option<String> {
    let items: Vec<String> = items.collect();
    let (last, rest) = items.split_last()?;
    if rest.is_empty() { Some(last.clone()) } else { Some(format!("{} and {last}", rest.join(", "))) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pair(a: f64, b: f64) -> Pair {
        Pair { a: Some(a), b: Some(b), cluster: None }
    }

    fn input(name: &str, pairs: Vec<Pair>) -> PairedInput {
        PairedInput { name: name.to_owned(), pairs, people: Vec::new() }
    }

    fn ten() -> Vec<Pair> {
        let a = [3.0, 4.0, 2.0, 5.0, 3.0, 4.0, 3.0, 2.0, 4.0, 3.0];
        let b = [4.0, 4.0, 3.0, 5.0, 4.0, 5.0, 3.0, 4.0, 4.0, 2.0];
        a.iter().zip(b).map(|(&a, b)| pair(a, b)).collect()
    }

    #[test]
    fn a_table_row_joins_interval_exact_p_and_counts() {
        let mut pairs = ten();
        pairs.push(Pair { a: Some(5.0), b: None, cluster: None });
        pairs.push(Pair { a: None, b: Some(f64::NAN), cluster: None });
        let row = paired_compare(&[input("tone", pairs)], 1).remove(0);
        assert_eq!((row.n, row.units, row.missing), (10, 10, 2));
        assert_eq!((row.wins, row.ties, row.losses), (5, 4, 1));
        assert_eq!((row.mean_a, row.mean_b, row.difference), (Some(3.3), Some(3.8), Some(0.5)));
        let (lo, hi) = row.ci95.unwrap();
        // Student's interval is inside; what no case showed is added.
        assert!(lo < -0.107_936_470 && lo > -0.25 && (1.107_936_470..1.3).contains(&hi), "{lo} {hi}");
        assert!(row.safe_lo.unwrap() < lo);
        assert_eq!(row.decision_ci, row.ci95);
        assert_eq!((row.p, row.p_holm), (Some(0.1875), Some(0.1875)));
        assert!((row.sd().unwrap() - 0.849_836_585_598_797_5).abs() < 1e-9);
    }

    #[test]
    fn cases_that_share_a_source_count_once() {
        let d = [1.0, 1.0, 0.0, 1.0, -1.0, 0.0, 2.0, 1.0, 0.0, 0.0, 1.0, 1.0];
        let pairs: Vec<Pair> = d
            .iter()
            .enumerate()
            .map(|(i, d)| Pair { a: Some(3.0), b: Some(3.0 + d), cluster: Some(i as u32 / 3) })
            .collect();
        let row = paired_compare(&[input("x", pairs.clone())], 1).remove(0);
        assert_eq!((row.units, row.p), (4, Some(0.25)));
        assert_eq!(row.outcome(), ComparisonOutcome::TooFew);
        // One case each: as if there were no clusters, whether the numbers are given or not.
        let alone: Vec<Pair> =
            pairs.iter().enumerate().map(|(i, p)| Pair { cluster: Some(i as u32), ..*p }).collect();
        let free: Vec<Pair> = pairs.iter().map(|p| Pair { cluster: None, ..*p }).collect();
        let mixed: Vec<Pair> = alone
            .iter()
            .enumerate()
            .map(|(i, p)| if i > 4 { Pair { cluster: None, ..*p } } else { *p })
            .collect();
        let rows = [alone, free, mixed].map(|pairs| paired_compare(&[input("x", pairs)], 1).remove(0));
        for row in &rows {
            assert_eq!((row.units, row.p), (12, rows[0].p));
            assert!((row.ci95.unwrap().0 - rows[1].ci95.unwrap().0).abs() < 1e-9);
        }
    }

    #[test]
    fn an_empty_criterion_makes_the_others_no_stricter() {
        let table = paired_compare(&[input("tone", ten()), input("none", vec![]), input("again", ten())], 1);
        assert_eq!(table[0].p_holm, Some(0.375));
        assert_eq!((table[1].n, table[1].p, table[1].p_holm, table[1].mean_a), (0, None, None, None));
        assert_eq!(table[1].outcome(), ComparisonOutcome::TooFew);
    }

    #[test]
    fn sentences_say_what_the_table_means() {
        let up: Vec<Pair> = (0..24).map(|_| pair(3.0, 4.0)).collect();
        let down: Vec<Pair> = (0..24).map(|i| pair(4.0, 3.0 + f64::from(i % 2))).collect();
        let same: Vec<Pair> = (0..24).map(|_| pair(4.0, 4.0)).collect();
        let say = |criteria: &[PairedInput]| verdict_sentence(&paired_compare(criteria, 1), "r1", "r2");
        assert_eq!(say(&[input("tone", up.clone())]), "r2 is better on tone (+1.00) than r1.");
        assert_eq!(
            say(&[
                input("tone", up.clone()),
                input("depth", down),
                input("form", same.clone()),
                input("wit", up.get(..3).unwrap().to_vec()),
            ]),
            "r2 is better on tone (+1.00) and worse on depth (-0.50) than r1; the cases show no difference between r1 \
             and r2 beyond chance on form; too few cases to tell on wit (3 cases)."
        );
        assert_eq!(
            say(&[input("form", same)]),
            "The cases show no difference between r1 and r2 beyond chance on form."
        );
        assert_eq!(say(&[input("wit", vec![pair(1.0, 5.0)])]), "Too few cases to tell on wit (1 case).");
        let none = "r2 and r1 share no case that is scored on both sides, so they cannot be compared.";
        assert_eq!(say(&[]), none);
        assert_eq!(say(&[input("x", vec![Pair { a: Some(1.0), b: None, cluster: None }])]), none);
    }

    #[test]
    fn equal_cases_leave_a_width_and_a_table_shares_its_error() {
        let ties = |n: usize| paired_compare(&[input("x", vec![pair(4.0, 4.0); n])], 1).remove(0);
        let (lo, hi) = ties(10).ci95.unwrap();
        assert!((lo + 1.233_988_431).abs() < 1e-6 && (hi - 1.233_988_431).abs() < 1e-6, "{lo} {hi}");
        assert_eq!(ties(5).outcome(), ComparisonOutcome::TooFew);
        assert_eq!(ties(10).decision(Some(0.2)), Decision::NoEvidence);
        assert_eq!(ties(10).decision(Some(1.3)), Decision::NotWorse);
        // One criterion of three is decided at 98.3 %: the interval it is read from is the wider one.
        let table = paired_compare(&[input("a", ten()), input("b", ten()), input("none", vec![])], 1);
        assert_eq!(table[0].together, 2);
        assert!(table[0].decision_ci.unwrap().0 < table[0].ci95.unwrap().0);
        assert_eq!(table[2].decision_ci, None);
    }

    #[test]
    fn flips_begin_with_the_largest_drop() {
        let pairs = [pair(3.0, 4.0), pair(5.0, 1.0), pair(2.0, 2.0), pair(4.0, 3.0)];
        assert_eq!(flips_by_drop(&pairs), [(1, -4.0), (3, -1.0), (0, 1.0)]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn swapping_the_arms_turns_the_signs_and_nothing_else(
            cells in prop::collection::vec(
                (prop::option::of(1..=5_i32), prop::option::of(1..=5_i32), prop::option::of(0..6_u32)), 0..40),
            seed: u64,
        ) {
            let make = |turn: bool| -> Vec<Pair> {
                cells
                    .iter()
                    .map(|&(a, b, cluster)| {
                        let (a, b) = if turn { (b, a) } else { (a, b) };
                        Pair { a: a.map(f64::from), b: b.map(f64::from), cluster }
                    })
                    .collect()
            };
            let there = paired_compare(&[input("x", make(false))], 9).remove(0);
            let back = paired_compare(&[input("x", make(true))], 9).remove(0);
            prop_assert_eq!((there.p, there.n, there.missing), (back.p, back.n, back.missing));
            prop_assert_eq!((there.wins, there.losses), (back.losses, back.wins));
            if let (Some((lo, hi)), Some((low, high))) = (there.ci95, back.ci95) {
                prop_assert!((lo + high).abs() < 1e-9 && (hi + low).abs() < 1e-9);
            }
            let mut mixed = make(false);
            super::super::rng::Rng::seeded(seed).shuffle(&mut mixed);
            let again = paired_compare(&[input("x", mixed)], 9).remove(0);
            prop_assert_eq!((again.p, again.units), (there.p, there.units));
            prop_assert_eq!(again.outcome(), there.outcome());
        }

        #[test]
        fn nothing_shown_is_ever_nan(
            cells in prop::collection::vec((prop::num::f64::ANY, prop::num::f64::ANY, prop::option::of(0..3_u32)), 0..12),
        ) {
            let pairs = cells.into_iter().map(|(a, b, cluster)| Pair { a: Some(a), b: Some(b), cluster }).collect();
            let table = paired_compare(&[input("x", pairs)], 1);
            let row = &table[0];
            let all = [row.mean_a, row.mean_b, row.difference, row.se, row.p, row.p_holm, row.sd()];
            prop_assert!(all.iter().flatten().all(|v| v.is_finite()));
            prop_assert!(row.ci95.is_none_or(|(lo, hi)| lo.is_finite() && hi.is_finite()));
            let said = verdict_sentence(&table, "a", "b");
            prop_assert!(!said.contains("NaN") && !said.contains("inf"), "{}", said);
        }
    }
}
