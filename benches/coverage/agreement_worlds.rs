//! Worlds of a judge and people with a known agreement: kappa, alpha of two and of three raters, and the difference of two
//! judges' kappas.

use crate::cells::{Cell, World, run};
use crate::worlds::{Sources, unit};
use assize::core::stats::agreement::{ScoreTable, Weights, coefficient_ci, raters_alpha};
use assize::core::stats::alpha::Coincidences;
use assize::core::stats::jackknife::jackknife_of_rows;
use assize::core::stats::judges::{ByBoth, judges_difference};
use assize::core::stats::rng::Rng;

/// Chances of (people's, the judge's) scores.
pub type Table = [[f64; 5]; 5];

/// A joint distribution by name.
pub struct Joint {
    pub name: &'static str,
    pub table: Table,
}

/// People's shares of the scores, and by how many points the judge is off.
fn noise(people: [f64; 5], steps: &[(i32, f64)]) -> Table {
    let mut table = [[0.0; 5]; 5];
    for (h, (row, share)) in table.iter_mut().zip(people).enumerate() {
        for (step, chance) in steps {
            let judge = (h as i32 + step).clamp(0, 4) as usize;
            row[judge] += share * chance;
        }
    }
    table
}

/// All of them: symmetric, ceiling, floor, breaks of 5 to 1, mostly ties, two values.
pub fn joints() -> Vec<Joint> {
    let (even, high, low) =
        ([0.1, 0.2, 0.4, 0.2, 0.1], [0.02, 0.03, 0.08, 0.17, 0.7], [0.7, 0.17, 0.08, 0.03, 0.02]);
    let broken = |share: f64| {
        let mut table = noise([0.05, 0.05, 0.1, 0.2, 0.6], &[(0, 1.0)]);
        table[4][4] -= share;
        table[4][0] += share;
        table
    };
    let mut two = [[0.0; 5]; 5];
    (two[4][4], two[4][0], two[0][0], two[0][4]) = (0.54, 0.06, 0.36, 0.04);
    let off = [(0, 0.75), (-1, 0.15), (1, 0.1)];
    [
        ("symmetric", noise(even, &[(0, 0.6), (-1, 0.2), (1, 0.2)])),
        ("ceiling", noise(high, &off)),
        ("floor", noise(low, &off)),
        ("10 % break", broken(0.1)),
        ("5 % break", broken(0.05)),
        ("two values", two),
        ("mostly ties", noise(even, &[(0, 0.8), (-1, 0.1), (1, 0.08), (-3, 0.02)])),
    ]
    .into_iter()
    .map(|(name, table)| Joint { name, table })
    .collect()
}

/// So many pairs of each kind that nothing is left of chance.
fn grid(table: &Table) -> ScoreTable {
    let mut grid = ScoreTable::default();
    for (row, shares) in grid.cells.iter_mut().zip(table) {
        row.iter_mut().zip(shares).for_each(|(cell, share)| *cell = (share * 1e9).round() as u64);
    }
    grid
}

fn draw(table: &Table, rng: &mut Rng) -> (u8, u8) {
    let mut at = unit(rng);
    for (h, row) in (1..).zip(table) {
        for (j, chance) in (1..).zip(row) {
            at -= chance;
            if at < 0.0 {
                return (h, j);
            }
        }
    }
    (5, 5)
}

/// Draws for each source, where a case repeats its source's own draw so often that the correlation within is 0.3.
fn sample<T: Copy>(sources: &[u32], rng: &mut Rng, one: impl Fn(&mut Rng) -> T) -> Vec<T> {
    let shared = sources.windows(2).any(|w| w[0] == w[1]);
    let mut own: Option<(u32, T)> = None;
    let mut out = vec![];
    for source in sources {
        let kept = match own {
            Some((of, kept)) if of == *source => kept,
            _ => one(rng),
        };
        own = Some((*source, kept));
        out.push(if shared && unit(rng) < 0.3_f64.sqrt() { kept } else { one(rng) });
    }
    out
}

/// A coefficient of the program's agreement table: its figure of a grid, and its interval.
#[derive(Clone, Copy)]
pub enum Coefficient {
    /// Quadratic kappa.
    Kappa,
    /// Ordinal alpha.
    Alpha,
    /// Spearman's rho.
    Spearman,
}

impl Coefficient {
    fn of(self, grid: &ScoreTable) -> Option<f64> {
        match self {
            Self::Kappa => grid.kappa(Weights::Quadratic),
            Self::Alpha => grid.alpha_ordinal(),
            Self::Spearman => grid.spearman(),
        }
    }
}

/// The twin is the plain jackknife with t.
pub fn coefficients(
    what: Coefficient,
    joint: &Joint,
    n: usize,
    sources: Sources,
    worlds: usize,
    seed: u64,
) -> Cell {
    let clusters = sources.of(n);
    let truth = what.of(&grid(&joint.table)).unwrap_or(f64::NAN);
    run(worlds, seed, |rng| {
        let pairs = sample(&clusters, rng, |rng| draw(&joint.table, rng));
        let ours = coefficient_ci(&pairs, Some(&clusters), &|grid| what.of(grid));
        let of = |rows: &[(u8, u8)]| what.of(&ScoreTable::of(rows.iter().copied()));
        let twin = jackknife_of_rows(&pairs, Some(&clusters), 0.95, of).map(|j| j.ci);
        World { truth, scale: (-1.0, 1.0), ours, twin, passed: None }
    })
}

/// A score of the judge, given what people said.
fn given(table: &Table, people: u8, rng: &mut Rng) -> u8 {
    let row = table[usize::from(people) - 1];
    let mut at = unit(rng) * row.iter().sum::<f64>();
    for (score, chance) in (1_u8..).zip(row) {
        at -= chance;
        if at < 0.0 {
            return score;
        }
    }
    5
}

/// Ordinal alpha of three raters, each of whom sees an item's worth as the judge of the table sees people's word. The twin is
/// the plain jackknife with t.
pub fn three_raters(joint: &Joint, n: usize, sources: Sources, worlds: usize, seed: u64) -> Cell {
    let clusters = sources.of(n);
    // Two of them: both given the same worth.
    let mut two = [[0.0; 5]; 5];
    for row in &joint.table {
        let worth: f64 = row.iter().sum();
        for (a, first) in row.iter().enumerate() {
            for (b, second) in row.iter().enumerate() {
                two[a][b] += if worth > 0.0 { first * second / worth } else { 0.0 };
            }
        }
    }
    let truth = grid(&two).alpha_ordinal().unwrap_or(f64::NAN);
    run(worlds, seed, |rng| {
        let items = sample(&clusters, rng, |rng| {
            let (worth, _) = draw(&joint.table, rng);
            [(); 3].map(|()| given(&joint.table, worth, rng))
        });
        let units: Vec<Vec<u8>> = items.iter().map(|i| i.to_vec()).collect();
        let parts: Vec<Coincidences> = units.iter().map(|unit| Coincidences::of(unit)).collect();
        let of = |rows: &[Coincidences]| {
            rows.iter().fold(Coincidences::default(), |sum, part| sum.plus(part, 1.0)).alpha_ordinal()
        };
        let ours = raters_alpha(&units, Some(&clusters)).ci95;
        let twin = jackknife_of_rows(&parts, Some(&clusters), 0.95, of).map(|j| j.ci);
        World { truth, scale: (-1.0, 1.0), ours, twin, passed: None }
    })
}

/// Two judges on the same labels: the second guesses one item in seven. The twin is the plain jackknife with t.
pub fn two_judges(joint: &Joint, n: usize, sources: Sources, worlds: usize, seed: u64) -> Cell {
    let clusters = sources.of(n);
    let mut worse = joint.table;
    for row in &mut worse {
        let guessed = row.iter().sum::<f64>() / 7.0 / 5.0;
        row.iter_mut().for_each(|share| *share = *share * 6.0 / 7.0 + guessed);
    }
    let kappa = |table: &Table| grid(table).kappa(Weights::Quadratic).unwrap_or(f64::NAN);
    let truth = kappa(&joint.table) - kappa(&worse);
    run(worlds, seed, |rng| {
        let three = sample(&clusters, rng, |rng| {
            let (people, first) = draw(&joint.table, rng);
            let second = given(&worse, people, rng);
            ByBoth { people: f64::from(people), first: f64::from(first), second: f64::from(second) }
        });
        let found = judges_difference(&three, Some(&clusters), 0.95).kappa;
        World { truth, scale: (-2.0, 2.0), ours: found.ci, twin: found.jackknife, passed: None }
    })
}
