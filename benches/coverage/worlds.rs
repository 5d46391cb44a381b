//! Worlds with a known truth: differences of many shapes, alone or in clusters, and what the intervals make of them.

use assize::core::stats::bounded::{DIFFERENCES, bounded_ci, gaffke_ci};
use assize::core::stats::compare::{Comparison, Pair, PairedInput, paired_compare};
use assize::core::stats::corrected::{Labelled, Unlabelled, corrected};
use assize::core::stats::gate::{GateInput, GateRule, GateVerdict, gate_one};
use assize::core::stats::mean::mean_ci;
use assize::core::stats::rng::Rng;

/// A distribution of B - A: values and their chances.
pub struct Shape {
    pub name: &'static str,
    pub steps: &'static [(f64, f64)],
}

impl Shape {
    pub fn truth(&self) -> f64 {
        self.steps.iter().map(|(v, p)| v * p).sum()
    }

    fn draw(&self, rng: &mut Rng) -> f64 {
        let mut at = unit(rng);
        for (value, chance) in self.steps {
            at -= chance;
            if at < 0.0 {
                return *value;
            }
        }
        self.steps.last().map_or(0.0, |s| s.0)
    }

    /// `n` differences. In clusters of `size` a case repeats its cluster's own value with the chance that makes the
    /// correlation within clusters 0.3, so that the shape of a single case stays as it is.
    pub fn sample(&self, n: usize, size: usize, rng: &mut Rng) -> (Vec<f64>, Vec<u32>) {
        let mut own = 0.0;
        let mut values = vec![];
        for i in 0..n {
            if i % size == 0 {
                own = self.draw(rng);
            }
            let same = size > 1 && unit(rng) < 0.3_f64.sqrt();
            values.push(if same { own } else { self.draw(rng) });
        }
        (values, (0..n).map(|i| (i / size) as u32).collect())
    }
}

/// A number within 0..1.
fn unit(rng: &mut Rng) -> f64 {
    rng.below(1 << 53) as f64 / (1_u64 << 53) as f64
}

pub const SHAPES: [Shape; 8] = [
    Shape { name: "symmetric", steps: &[(0.0, 0.54), (-1.0, 0.21), (1.0, 0.21), (-2.0, 0.02), (2.0, 0.02)] },
    Shape { name: "drop of 0.3", steps: &[(0.0, 0.5), (-1.0, 0.34), (1.0, 0.08), (-2.0, 0.06), (2.0, 0.02)] },
    Shape { name: "ceiling", steps: &[(0.0, 0.7), (-1.0, 0.17), (1.0, 0.09), (-2.0, 0.03), (2.0, 0.01)] },
    Shape { name: "10 % break", steps: &[(0.0, 0.9), (-4.0, 0.1)] },
    Shape { name: "5 % break", steps: &[(0.0, 0.95), (-4.0, 0.05)] },
    Shape { name: "two values", steps: &[(0.0, 0.75), (-4.0, 0.15), (4.0, 0.1)] },
    Shape {
        name: "symmetric and 5 % break",
        steps: &[(0.0, 0.513), (-1.0, 0.1995), (1.0, 0.1995), (-2.0, 0.019), (2.0, 0.019), (-4.0, 0.05)],
    },
    Shape { name: "mostly ties", steps: &[(0.0, 0.8), (-1.0, 0.12), (1.0, 0.06), (-3.0, 0.02)] },
];

/// Shares over the worlds of one cell.
#[derive(Default, Clone, Copy)]
pub struct Cell {
    /// The interval holds the truth.
    pub held: f64,
    /// Student's interval holds it.
    pub held_t: f64,
    /// Mean width.
    pub width: f64,
    /// Student's.
    pub width_t: f64,
    /// A gate passes although the margin is exactly the true drop; `None` where the truth is no drop.
    pub passed: Option<f64>,
    /// The same, by the lower limit of Student's interval.
    pub passed_t: Option<f64>,
}

/// A comparison that holds these figures; its p is not looked at.
fn comparison(n: usize, units: usize, ci: (f64, f64), safe: f64) -> Comparison {
    let pairs = vec![Pair { a: Some(3.0), b: Some(3.0), cluster: None }];
    let mut c =
        paired_compare(&[PairedInput { name: String::new(), pairs, people: Vec::new() }], 1).remove(0);
    (c.n, c.units, c.ci95, c.safe_lo) = (n, units, Some(ci), Some(safe));
    c
}

fn share(hits: usize, worlds: usize) -> f64 {
    hits as f64 / worlds as f64
}

/// Paired differences: `n` cases in clusters of `size`.
pub fn differences(shape: &Shape, n: usize, size: usize, worlds: usize, seed: u64) -> Cell {
    let mut rng = Rng::seeded(seed);
    let truth = shape.truth();
    let (mut held, mut held_t, mut passed, mut passed_t) = (0, 0, 0, 0);
    let mut cell = Cell::default();
    for _ in 0..worlds {
        let (values, clusters) = shape.sample(n, size, &mut rng);
        let found = bounded_ci(&values, Some(&clusters), DIFFERENCES, 0.95);
        let Some((lo, hi)) = found.ci else { continue };
        let (low, high) = mean_ci(&values, 0.95).interval().unwrap_or((f64::NAN, f64::NAN));
        held += usize::from(lo <= truth + 1e-9 && truth <= hi + 1e-9);
        held_t += usize::from(low <= truth + 1e-9 && truth <= high + 1e-9);
        cell.width += (hi - lo) / worlds as f64;
        cell.width_t += (high - low) / worlds as f64;
        let safe = gaffke_ci(&values, Some(&clusters), DIFFERENCES, 0.95).map_or(lo, |g| g.0.min(lo));
        let row = comparison(n, found.units, (lo, hi), safe);
        let input = GateInput { comparison: row, coverage_a: Some(1.0), coverage_b: Some(1.0), humans: 0 };
        let rule = GateRule { margin: -truth, ..GateRule::default() };
        passed += usize::from(gate_one(&input, &rule).verdict == GateVerdict::Pass);
        passed_t += usize::from(low + 1e-9 >= truth);
    }
    cell.held = share(held, worlds);
    cell.held_t = share(held_t, worlds);
    if truth < -1e-9 {
        (cell.passed, cell.passed_t) = (Some(share(passed, worlds)), Some(share(passed_t, worlds)));
    }
    cell
}

/// Share of worlds in which a gate at `margin` passes.
pub fn gate_passes(shape: &Shape, n: usize, margin: f64, gain: f64, worlds: usize, seed: u64) -> f64 {
    let mut rng = Rng::seeded(seed);
    let mut passed = 0;
    for _ in 0..worlds {
        let (mut values, _) = shape.sample(n, 1, &mut rng);
        values.iter_mut().for_each(|v| *v = (*v + gain).clamp(-4.0, 4.0));
        let Some((lo, hi)) = bounded_ci(&values, None, DIFFERENCES, 0.95).ci else { continue };
        let safe = gaffke_ci(&values, None, DIFFERENCES, 0.95).map_or(lo, |g| g.0.min(lo));
        let row = comparison(n, n, (lo, hi), safe);
        let input = GateInput { comparison: row, coverage_a: Some(1.0), coverage_b: Some(1.0), humans: 0 };
        let rule = GateRule { margin, ..GateRule::default() };
        passed += usize::from(gate_one(&input, &rule).verdict == GateVerdict::Pass);
    }
    share(passed, worlds)
}

/// The corrected difference: 150 cases, `n` of them labelled, a judge that is 0.7 kinder to B and misses a quarter of
/// what people see. The twin is the judge's own interval.
pub fn corrected_differences(shape: &Shape, n: usize, worlds: usize, seed: u64) -> Cell {
    let mut rng = Rng::seeded(seed);
    let truth = shape.truth();
    let (mut held, mut held_judge) = (0, 0);
    let mut cell = Cell::default();
    for _ in 0..worlds {
        let (values, _) = shape.sample(150, 1, &mut rng);
        let judged: Vec<f64> = values
            .iter()
            .map(|v| {
                let seen = if unit(&mut rng) < 0.25 { 0.0 } else { *v };
                let kind = if unit(&mut rng) < 0.7 { 1.0 } else { 0.0 };
                (seen + kind).clamp(-4.0, 4.0)
            })
            .collect();
        let both = values.iter().zip(&judged);
        let labelled: Vec<Labelled> = both
            .take(n)
            .map(|(people, judge)| Labelled { people: *people, judge: *judge, cluster: None })
            .collect();
        let rest: Vec<Unlabelled> =
            judged.iter().skip(n).map(|judge| Unlabelled { judge: *judge, cluster: None }).collect();
        let Some(found) = corrected(&labelled, &rest, DIFFERENCES, 0.95) else { continue };
        held += usize::from(found.lo <= truth + 1e-9 && truth <= found.hi + 1e-9);
        cell.width += (found.hi - found.lo) / worlds as f64;
        let (low, high) = mean_ci(&judged, 0.95).interval().unwrap_or((f64::NAN, f64::NAN));
        held_judge += usize::from(low <= truth && truth <= high);
        cell.width_t += (high - low) / worlds as f64;
    }
    cell.held = share(held, worlds);
    cell.held_t = share(held_judge, worlds);
    cell
}
