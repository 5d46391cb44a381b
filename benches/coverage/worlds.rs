//! Worlds with a known truth: scores and differences of many shapes, alone or in clusters, with one pass or several, with
//! labels of people on some; and what the intervals make of them.

use crate::cells::{Cell, World, run};
use assize::core::stats::bounded::{DIFFERENCES, Ends, SCORES, bounded_ci};
use assize::core::stats::compare::{Comparison, Pair, PairedInput, paired_compare};
use assize::core::stats::corrected::{Labelled, Unlabelled, corrected};
use assize::core::stats::gate::{GateInput, GateRule, GateVerdict, gate_one};
use assize::core::stats::mean::{clustered_mean_ci, mean_ci};
use assize::core::stats::ppi::{Lambda, ppi_mean};
use assize::core::stats::rng::Rng;
use assize::core::stats::share::share_ci;

/// A distribution of one value: values and their chances.
pub struct Shape {
    pub name: &'static str,
    pub steps: &'static [(f64, f64)],
}

/// How cases share sources.
#[derive(Clone, Copy, PartialEq)]
pub enum Sources {
    /// So many cases each; 1 is none shared.
    Equal(usize),
    /// 1, 2, 3, 5, 9 and again.
    Unequal,
}

impl Sources {
    /// The source of each of `n` cases.
    pub fn of(self, n: usize) -> Vec<u32> {
        match self {
            Self::Equal(size) => (0..n).map(|i| (i / size) as u32).collect(),
            Self::Unequal => {
                let sizes = [1, 2, 3, 5, 9].into_iter().cycle().zip(0_u32..);
                sizes.flat_map(|(size, source)| std::iter::repeat_n(source, size)).take(n).collect()
            }
        }
    }
}

/// A number within 0..1.
pub fn unit(rng: &mut Rng) -> f64 {
    rng.below(1 << 53) as f64 / (1_u64 << 53) as f64
}

/// One of the values, by its chance.
pub fn pick(steps: &[(f64, f64)], rng: &mut Rng) -> f64 {
    let mut at = unit(rng);
    for (value, chance) in steps {
        at -= chance;
        if at < 0.0 {
            return *value;
        }
    }
    steps.last().map_or(0.0, |s| s.0)
}

/// What a pass adds to the value of a case.
const PASS: [(f64, f64); 3] = [(0.0, 0.6), (-1.0, 0.2), (1.0, 0.2)];

impl Shape {
    /// The mean of one pass, kept within the scale.
    pub fn truth(&self, passes: usize, scale: Ends) -> f64 {
        let noise: &[(f64, f64)] = if passes > 1 { &PASS } else { &[(0.0, 1.0)] };
        let each = self.steps.iter().flat_map(|(v, p)| noise.iter().map(move |(d, q)| (v + d, p * q)));
        each.map(|(v, p)| v.clamp(scale.0, scale.1) * p).sum()
    }

    /// A value for each source given. A case repeats its source's own value with the chance that makes the correlation
    /// within sources 0.3, so that the shape of a single case stays as it is.
    pub fn sample(&self, sources: &[u32], rng: &mut Rng) -> Vec<f64> {
        let shared = sources.windows(2).any(|w| w[0] == w[1]);
        let (mut own, mut last) = (0.0, None);
        let mut one = |source: &u32| {
            if last != Some(*source) {
                (own, last) = (pick(self.steps, rng), Some(*source));
            }
            let same = shared && unit(rng) < 0.3_f64.sqrt();
            if same { own } else { pick(self.steps, rng) }
        };
        sources.iter().map(&mut one).collect()
    }
}

/// The mean over passes of a value.
fn passed(value: f64, passes: usize, scale: Ends, rng: &mut Rng) -> f64 {
    if passes < 2 {
        return value;
    }
    (0..passes).map(|_| (value + pick(&PASS, rng)).clamp(scale.0, scale.1)).sum::<f64>() / passes as f64
}

/// Differences B - A.
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

/// Differences of a candidate that is neither better nor worse.
pub const LEVEL: [Shape; 2] = [
    Shape { name: "symmetric", steps: &[(0.0, 0.54), (-1.0, 0.21), (1.0, 0.21), (-2.0, 0.02), (2.0, 0.02)] },
    Shape { name: "mostly ties", steps: &[(0.0, 0.84), (-1.0, 0.08), (1.0, 0.08)] },
];

/// Scores 1 to 5.
pub const SCORE_SHAPES: [Shape; 7] = [
    Shape { name: "symmetric", steps: &[(3.0, 0.4), (2.0, 0.2), (4.0, 0.2), (1.0, 0.1), (5.0, 0.1)] },
    Shape { name: "ceiling", steps: &[(5.0, 0.7), (4.0, 0.17), (3.0, 0.08), (2.0, 0.03), (1.0, 0.02)] },
    Shape { name: "floor", steps: &[(1.0, 0.7), (2.0, 0.17), (3.0, 0.08), (4.0, 0.03), (5.0, 0.02)] },
    Shape { name: "10 % break", steps: &[(5.0, 0.9), (1.0, 0.1)] },
    Shape { name: "5 % break", steps: &[(5.0, 0.95), (1.0, 0.05)] },
    Shape { name: "two values", steps: &[(5.0, 0.6), (1.0, 0.4)] },
    Shape { name: "mostly ties", steps: &[(4.0, 0.8), (3.0, 0.12), (5.0, 0.06), (1.0, 0.02)] },
];

/// A single mean; the twin is Student's interval, by clusters (CR1) where cases share sources.
pub fn means(shape: &Shape, n: usize, sources: Sources, passes: usize, worlds: usize, seed: u64) -> Cell {
    let (clusters, truth) = (sources.of(n), shape.truth(passes, SCORES));
    run(worlds, seed, |rng| {
        let values: Vec<f64> =
            shape.sample(&clusters, rng).into_iter().map(|v| passed(v, passes, SCORES, rng)).collect();
        let ours = bounded_ci(&values, Some(&clusters), SCORES, 0.95).ci;
        World { truth, scale: SCORES, ours, twin: student(&values, &clusters), passed: None }
    })
}

fn student(values: &[f64], clusters: &[u32]) -> Option<Ends> {
    let shared = clusters.windows(2).any(|w| w[0] == w[1]);
    if shared {
        clustered_mean_ci(values, clusters, 0.95).interval()
    } else {
        mean_ci(values, 0.95).interval()
    }
}

/// The program's own comparison of these differences, each the B of an A of 0 points.
fn comparison(values: &[f64], clusters: &[u32]) -> Comparison {
    let shared = clusters.windows(2).any(|w| w[0] == w[1]);
    let pair = |(d, c): (&f64, &u32)| Pair { a: Some(0.0), b: Some(*d), cluster: shared.then_some(*c) };
    let pairs = values.iter().zip(clusters).map(pair).collect();
    paired_compare(&[PairedInput { name: String::new(), pairs, people: Vec::new() }], 1).remove(0)
}

fn gate(row: Comparison, margin: f64) -> bool {
    let input = GateInput { comparison: row, coverage_a: Some(1.0), coverage_b: Some(1.0), humans: 0 };
    gate_one(&input, &GateRule { margin, ..GateRule::default() }).verdict == GateVerdict::Pass
}

/// Paired differences through the program's own comparison and gate; the twin is as for means.
pub fn differences(
    shape: &Shape,
    n: usize,
    sources: Sources,
    passes: usize,
    worlds: usize,
    seed: u64,
) -> Cell {
    let (clusters, truth) = (sources.of(n), shape.truth(passes, DIFFERENCES));
    run(worlds, seed, |rng| {
        let values: Vec<f64> =
            shape.sample(&clusters, rng).into_iter().map(|v| passed(v, passes, DIFFERENCES, rng)).collect();
        let twin = student(&values, &clusters);
        let row = comparison(&values, &clusters);
        let ours = row.ci95;
        let by_t = twin.is_some_and(|(lo, _)| lo + 1e-9 >= truth);
        let passed = (truth < -1e-9).then(|| (gate(row, -truth), by_t));
        World { truth, scale: DIFFERENCES, ours, twin, passed }
    })
}

/// Share of worlds in which a gate at `margin` passes a candidate that is better by `gain`.
pub fn gate_passes(shape: &Shape, n: usize, margin: f64, gain: f64, worlds: usize, seed: u64) -> f64 {
    let clusters = Sources::Equal(1).of(n);
    let cell = run(worlds, seed, |rng| {
        let mut values = shape.sample(&clusters, rng);
        values.iter_mut().for_each(|v| *v = (*v + gain).clamp(-4.0, 4.0));
        World { passed: Some((gate(comparison(&values, &clusters), margin), false)), ..World::default() }
    });
    cell.passed().unwrap_or_default()
}

/// People's scores with a judge's beside them.
struct Both {
    people: Vec<f64>,
    judge: Vec<f64>,
    sources: Vec<u32>,
}

/// What labels of `n` rows drawn at random make of it; the twin is PPI++ with its normal interval.
fn put_right(all: &Both, n: usize, scale: Ends, truth: f64, rng: &mut Rng) -> World {
    let mut order: Vec<usize> = (0..all.people.len()).collect();
    rng.shuffle(&mut order);
    let (drawn, others) = order.split_at(n.min(order.len()));
    let labelled: Vec<Labelled> = drawn
        .iter()
        .map(|&i| Labelled { people: all.people[i], judge: all.judge[i], cluster: Some(all.sources[i]) })
        .collect();
    let rest: Vec<Unlabelled> =
        others.iter().map(|&i| Unlabelled { judge: all.judge[i], cluster: Some(all.sources[i]) }).collect();
    let people: Vec<f64> = labelled.iter().map(|l| l.people).collect();
    let judged: Vec<f64> = labelled.iter().map(|l| l.judge).collect();
    let alone: Vec<f64> = rest.iter().map(|u| u.judge).collect();
    let twin = ppi_mean(&people, &judged, &alone, Lambda::Tuned, 0.95).map(|p| (p.lo, p.hi));
    let ours = corrected(&labelled, &rest, scale, 0.95).map(|c| (c.lo, c.hi));
    World { truth, scale, ours, twin, passed: None }
}

/// A judge that says `missed` for a quarter of what people see, and is kinder by a point on the share `kind`.
fn kinder(
    people: &[f64],
    (missed, kind): (f64, f64),
    bounds: (f64, f64),
    passes: usize,
    rng: &mut Rng,
) -> Vec<f64> {
    people
        .iter()
        .map(|v| {
            let seen = if unit(rng) < 0.25 { missed } else { *v };
            let more = if unit(rng) < kind { 1.0 } else { 0.0 };
            passed((seen + more).clamp(bounds.0, bounds.1), passes, bounds, rng)
        })
        .collect()
}

/// A corrected mean over `arms` responses to each of 150 / `arms` cases, of which `n` are labelled. The judge misses a
/// quarter of what is not a 5, and is kinder by a point on three in ten.
pub fn corrected_means(
    shape: &Shape,
    n: usize,
    arms: usize,
    passes: usize,
    worlds: usize,
    seed: u64,
) -> Cell {
    let sources = Sources::Equal(arms).of(150 / arms * arms);
    let truth = shape.truth(1, SCORES);
    run(worlds, seed, |rng| {
        let people = shape.sample(&sources, rng);
        let judge = kinder(&people, (5.0, 0.3), SCORES, passes, rng);
        put_right(&Both { people, judge, sources: sources.clone() }, n, SCORES, truth, rng)
    })
}

/// A corrected difference over 150 cases, `n` of them labelled; the judge is 0.7 kinder to B and misses a quarter of what
/// people see.
pub fn corrected_differences(
    shape: &Shape,
    n: usize,
    sources: Sources,
    passes: usize,
    worlds: usize,
    seed: u64,
) -> Cell {
    let sources = sources.of(150);
    let truth = shape.truth(1, DIFFERENCES);
    run(worlds, seed, |rng| {
        let people = shape.sample(&sources, rng);
        let judge = kinder(&people, (0.0, 0.7), DIFFERENCES, passes, rng);
        put_right(&Both { people, judge, sources: sources.clone() }, n, DIFFERENCES, truth, rng)
    })
}

/// A share `p` of n cases; the twin is p -/+ z sqrt(p(1-p)/n), which knows no clusters.
pub fn shares(p: f64, n: usize, sources: Sources, worlds: usize, seed: u64) -> Cell {
    let clusters = sources.of(n);
    run(worlds, seed, |rng| {
        let mut own = false;
        let mut last = None;
        let hits: Vec<bool> = clusters
            .iter()
            .map(|c| {
                if last != Some(*c) {
                    (own, last) = (unit(rng) < p, Some(*c));
                }
                let same = sources != Sources::Equal(1) && unit(rng) < 0.3_f64.sqrt();
                if same { own } else { unit(rng) < p }
            })
            .collect();
        let found = share_ci(&hits, Some(&clusters), 0.95);
        let plain = found.map(|s| {
            let reach = 1.96 * (s.p * (1.0 - s.p) / n as f64).sqrt();
            (s.p - reach, s.p + reach)
        });
        World { truth: p, scale: (0.0, 1.0), ours: found.and_then(|s| s.held), twin: plain, passed: None }
    })
}
