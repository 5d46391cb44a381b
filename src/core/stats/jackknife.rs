//! Intervals of figures that are no means (kappa, alpha, correlations), from how they move when one unit is left out or
//! another comes in.
//!
//! ```text
//! pseudo_i = G theta - (G - 1) theta without i      J: theta -/+ t*_{G-1} sd(pseudo) / sqrt(G)
//! E  quantiles of their mean with a pseudo-observation of weight 1/2 at the smallest (largest) of them
//! D  quantiles of their mean with a prior of weight 1/2 over what could come in: (G + 1) theta with k - G theta
//! r3 when no unit moves the figure: theta with the share that G units can miss turned into the worst that could come in
//!
//! held = hull(J, E, D), or r3, within the scale; with clusters a unit is a cluster, E has weight 1, D 2, at Phi(-t*_df)
//! ```
//! Tukey (1958), Efron and Stein (1981) for J; E and D are those of [`super::bounded`] on the pseudo-values. J alone misses
//! a kappa near its end, or a break that few cases show. No random numbers. Measured coverage is in docs/trust.md.

use super::bounded::{Ends, clip, extreme, hull, shared, unseen_share};
use super::dist::{finite, normal_sf, t_star};
use super::imhof::{Atom, GammaMean};
use super::mean::around;
use super::rng::Rng;

/// Units below which no interval is given: where one case in ten breaks, ten units were measured to fall short.
pub const LEAST: usize = 15;
/// More units than this are put together in blocks, which are left out one by one: a large table must not hold up a screen.
const MOST: usize = 400;
/// Blocks of those.
const BLOCKS: usize = 200;

/// What a figure is asked of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaveOut {
    /// All units.
    All,
    /// All but one of this kind.
    Without(usize),
    /// All, and so many more units of what could come in, by its place.
    With(usize, usize),
}

/// The interval at `level` of a figure within `scale`; `None` with fewer than [`LEAST`] units, or where the figure is not
/// defined without one of them. `times[k]` says how many units of kind k there are; `extra` how many things could come in.
pub fn held(
    times: &[usize],
    extra: usize,
    clustered: bool,
    scale: Ends,
    level: f64,
    of: impl Fn(LeaveOut) -> Option<f64>,
) -> Option<Ends> {
    let units: usize = times.iter().sum();
    if units < LEAST {
        return None;
    }
    let (value, pseudo) = pseudo_values(times, |k| of(k.map_or(LeaveOut::All, LeaveOut::Without)))?;
    let found = of_pseudo_values(value, &pseudo, level)?;
    let g = units as f64;
    let tail = 0.5 * (1.0 - level);
    if found.se <= 1e-12 {
        // So many more units that their share is what may have been missed.
        let share = unseen_share(units, tail);
        let more = (g * share / (1.0 - share)).ceil() as usize;
        let worst = (0..extra).filter_map(|k| of(LeaveOut::With(k, more)).and_then(finite)).map(|v| (v, v));
        return hull(worst.chain([(value, value)]))
            .map(|ends| clip(ends, scale))
            .filter(|(lo, hi)| hi - lo > 1e-12);
    }
    let q = if clustered { normal_sf(t_star(level, found.df)?) } else { tail };
    let (weight, prior) = if clustered { (1.0, 2.0) } else { (0.5, 0.5) };
    let atom =
        |&(times, sum): &(usize, f64)| Some(Atom { sum, size: 1.0, times: u32::try_from(times).ok()? });
    let mut seen: Vec<Atom> = pseudo.iter().map(atom).collect::<Option<_>>()?;
    // Equal ones together, up to rounding: fewer atoms, the same quantiles.
    seen.sort_by(|a, b| a.sum.total_cmp(&b.sum));
    let near = |a: f64, b: f64| (a - b).abs() <= 1e-9 * a.abs().max(1.0);
    seen.dedup_by(|next, kept| {
        let same = near(next.sum, kept.sum);
        kept.times += if same { next.times } else { 0 };
        same
    });
    let centre = seen.iter().map(|a| a.sum * f64::from(a.times)).sum::<f64>() / g;
    seen.iter_mut().for_each(|a| a.sum += value - centre);
    let could: Vec<Atom> = (0..extra)
        .filter_map(|k| of(LeaveOut::With(k, 1)).and_then(finite))
        .map(|with| Atom { sum: (g + 1.0) * with - g * value, size: 1.0, times: 0 })
        .collect();
    let e = extreme(&seen, weight, q);
    let d = if could.is_empty() {
        None
    } else {
        let share = prior / could.len() as f64;
        let mean = GammaMean::new(seen, could, share);
        mean.quantile(tail).zip(mean.quantile(1.0 - tail))
    };
    hull([Some(found.ci), e, d].into_iter().flatten()).map(|ends| clip(ends, scale))
}

/// Rows as units: each its own, or all of a cluster one; in the order of the clusters' numbers.
fn units_of<R: Copy>(rows: &[R], clusters: Option<&[u32]>) -> Vec<Vec<R>> {
    let number = |at: usize| clusters.and_then(|c| c.get(at)).map_or(at, |c| *c as usize);
    let mut order: Vec<(usize, R)> = rows.iter().enumerate().map(|(at, row)| (number(at), *row)).collect();
    // Stable: rows of one cluster stay in their order.
    order.sort_by_key(|(unit, _)| *unit);
    order.chunk_by(|a, b| a.0 == b.0).map(|unit| unit.iter().map(|(_, row)| *row).collect()).collect()
}

/// All rows but those of one unit.
fn all_but<R: Copy>(units: &[Vec<R>], left_out: Option<usize>) -> Vec<R> {
    units.iter().enumerate().filter(|(k, _)| Some(*k) != left_out).flat_map(|(_, u)| u).copied().collect()
}

/// The plain jackknife of a figure of rows, each its own unit or all of a cluster one.
pub fn jackknife_of_rows<R: Copy>(
    rows: &[R],
    clusters: Option<&[u32]>,
    level: f64,
    of: impl Fn(&[R]) -> Option<f64>,
) -> Option<Jackknife> {
    let units = units_of(rows, clusters);
    jackknife(&vec![1; units.len()], level, |left_out| of(&all_but(&units, left_out)))
}

/// The same as [`held`] for a figure of rows, each its own unit or all of a cluster one; `could` are rows that might come in. Beyond
/// 400 units they are drawn into 200 blocks, the same ones every time, that are left out one by one.
pub fn held_of_rows<R: Copy>(
    rows: &[R],
    clusters: Option<&[u32]>,
    could: &[R],
    scale: Ends,
    level: f64,
    of: impl Fn(&[R]) -> Option<f64>,
) -> Option<Ends> {
    let units = units_of(rows, clusters);
    let clustered = units.len() < rows.len();
    let units = in_blocks(units);
    // One row that comes into a cluster's place is as many as a cluster has.
    let size = rows.len().div_ceil(units.len().max(1));
    held(&vec![1; units.len()], could.len(), clustered, scale, level, |change| {
        let left_out = if let LeaveOut::Without(k) = change { Some(k) } else { None };
        let mut drawn = all_but(&units, left_out);
        if let LeaveOut::With(k, times) = change {
            drawn.extend(std::iter::repeat_n(*could.get(k)?, times * size));
        }
        of(&drawn)
    })
}

/// The same as [`held_of_rows`] for a figure of a sum over rows: what is left out is taken off the sum, so that many rows cost
/// as much as they are.
pub fn held_of_sums<S: Copy + Default>(
    rows: &[S],
    clusters: Option<&[u32]>,
    could: &[S],
    scale: Ends,
    level: f64,
    // A sum with so many times another added to it; the number may be negative.
    plus: impl Fn(&S, &S, f64) -> S,
    of: impl Fn(&S) -> Option<f64>,
) -> Option<Ends> {
    let units = units_of(rows, clusters);
    let clustered = units.len() < rows.len();
    let units = in_blocks(units);
    let size = rows.len().div_ceil(units.len().max(1));
    let sum = |rows: &[S]| rows.iter().fold(S::default(), |sum, row| plus(&sum, row, 1.0));
    let parts: Vec<S> = units.iter().map(|unit| sum(unit)).collect();
    let all = sum(&parts);
    held(&vec![1; parts.len()], could.len(), clustered, scale, level, |change| match change {
        LeaveOut::All => of(&all),
        LeaveOut::Without(k) => of(&plus(&all, parts.get(k)?, -1.0)),
        LeaveOut::With(k, times) => of(&plus(&all, could.get(k)?, (times * size) as f64)),
    })
}

/// The same as [`held`] for a figure that only depends on how many rows there are of each of `kinds` kinds. `rows` says of which
/// kind each row is, `could` of which kinds those are that might come in. A figure of many rows costs as much as one of few.
pub fn held_of_kinds(
    rows: &[usize],
    kinds: usize,
    clusters: Option<&[u32]>,
    could: &[usize],
    scale: Ends,
    level: f64,
    of: impl Fn(&[f64]) -> Option<f64>,
) -> Option<Ends> {
    let mut all = vec![0.0; kinds];
    for kind in rows {
        *all.get_mut(*kind)? += 1.0;
    }
    let moved = |by: &[(usize, f64)]| {
        let mut counts = all.clone();
        for (kind, n) in by {
            *counts.get_mut(*kind)? += n;
        }
        of(&counts)
    };
    let clusters = clusters.filter(|c| c.len() < rows.len() || shared(c));
    if clusters.is_none() {
        let times: Vec<usize> = all.iter().map(|n| *n as usize).collect();
        return held(&times, could.len(), false, scale, level, |change| match change {
            LeaveOut::All => of(&all),
            LeaveOut::Without(k) => moved(&[(k, -1.0)]),
            LeaveOut::With(k, more) => moved(&[(*could.get(k)?, more as f64)]),
        });
    }
    let units = in_blocks(units_of(rows, clusters));
    let size = rows.len().div_ceil(units.len().max(1));
    held(&vec![1; units.len()], could.len(), true, scale, level, |change| match change {
        LeaveOut::All => of(&all),
        LeaveOut::Without(k) => moved(&units.get(k)?.iter().map(|kind| (*kind, -1.0)).collect::<Vec<_>>()),
        LeaveOut::With(k, more) => moved(&[(*could.get(k)?, (more * size) as f64)]),
    })
}

/// Beyond 400 units: drawn into 200 blocks, the same ones every time.
fn in_blocks<R>(mut units: Vec<Vec<R>>) -> Vec<Vec<R>> {
    if units.len() <= MOST {
        return units;
    }
    Rng::seeded(units.len() as u64).shuffle(&mut units);
    let mut blocks: Vec<Vec<R>> = (0..BLOCKS).map(|_| Vec::new()).collect();
    for (at, unit) in units.into_iter().enumerate() {
        if let Some(block) = blocks.get_mut(at % BLOCKS) {
            block.extend(unit);
        }
    }
    blocks
}

/// A figure with its jackknife error.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Jackknife {
    /// The figure of all units.
    pub value: f64,
    /// Its standard error.
    pub se: f64,
    /// Degrees of freedom, units - 1.
    pub df: f64,
    /// value -/+ t* se, not clipped.
    pub ci: Ends,
}

/// The delete-one jackknife. `times[k]` says how many units of kind k there are, all alike (1 where each is its own kind);
/// `of(None)` is the figure of all units, `of(Some(k))` that without one unit of kind k. `None` with fewer than two units or
/// where the figure is not defined without one of them.
pub fn jackknife(
    times: &[usize],
    level: f64,
    of: impl Fn(Option<usize>) -> Option<f64>,
) -> Option<Jackknife> {
    let (value, pseudo) = pseudo_values(times, of)?;
    of_pseudo_values(value, &pseudo, level)
}

/// The figure of all units, and for each kind how many units it has and their pseudo-value.
fn pseudo_values(
    times: &[usize],
    of: impl Fn(Option<usize>) -> Option<f64>,
) -> Option<(f64, Vec<(usize, f64)>)> {
    let units = times.iter().sum::<usize>() as f64;
    if units < 2.0 {
        return None;
    }
    let value = of(None).and_then(finite)?;
    let each = times
        .iter()
        .enumerate()
        .filter(|(_, times)| **times > 0)
        .map(|(k, times)| Some((*times, units * value - (units - 1.0) * of(Some(k)).and_then(finite)?)))
        .collect::<Option<_>>()?;
    Some((value, each))
}

fn of_pseudo_values(value: f64, pseudo: &[(usize, f64)], level: f64) -> Option<Jackknife> {
    let weighted = || pseudo.iter().map(|(times, p)| (*times as f64, *p));
    let units: f64 = weighted().map(|(w, _)| w).sum();
    let centre = weighted().map(|(w, p)| w * p).sum::<f64>() / units;
    let squares = weighted().map(|(w, p)| w * (p - centre).powi(2)).sum::<f64>();
    let se = finite((squares / (units - 1.0) / units).sqrt())?;
    let df = units - 1.0;
    Some(Jackknife { value, se, df, ci: around(value, t_star(level, df)?, se)? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::stats::mean::{mean, mean_ci};

    #[test]
    fn of_a_mean_it_is_students_interval() {
        let x = [1.0, 2.0, 2.0, 5.0, 4.0];
        let without = |k: Option<usize>| {
            mean(&x.iter().enumerate().filter(|(i, _)| Some(*i) != k).map(|(_, v)| *v).collect::<Vec<_>>())
        };
        let (lo, hi) = jackknife(&[1; 5], 0.95, without).unwrap().ci;
        let (low, high) = mean_ci(&x, 0.95).interval().unwrap();
        assert!((lo - low).abs() < 1e-12 && (hi - high).abs() < 1e-12);
        // Equal units counted together.
        let kinds = [1.0, 2.0, 5.0, 4.0];
        let of = |k: Option<usize>| {
            let n = if k.is_some() { 4.0 } else { 5.0 };
            Some((14.0 - k.map_or(0.0, |k| kinds[k])) / n)
        };
        let (a, b) = jackknife(&[1, 2, 1, 1], 0.95, of).unwrap().ci;
        assert!((a - low).abs() < 1e-12 && (b - high).abs() < 1e-12);
        assert_eq!(jackknife(&[1], 0.95, |_| Some(1.0)), None);
        assert_eq!(jackknife(&[1, 1], 0.95, |k| (k != Some(0)).then_some(1.0)), None);
    }

    #[test]
    fn an_interval_has_a_width_a_scale_and_enough_units() {
        let share = |hits: usize, n: usize| {
            let rows: Vec<f64> = (0..n).map(|i| if i < hits { 1.0 } else { 0.0 }).collect();
            held_of_rows(&rows, None, &[0.0, 1.0], (0.0, 1.0), 0.95, mean)
        };
        // None of 30: as many as can be missed.
        let (lo, hi) = share(0, 30).unwrap();
        assert!(lo == 0.0 && (0.11..0.15).contains(&hi), "{lo} {hi}");
        let (lo, hi) = share(29, 30).unwrap();
        assert!(lo < 0.87 && hi == 1.0, "{lo} {hi}");
        assert_eq!(share(7, 14), None);
        // Many units in blocks: close to a plain interval of a share.
        let (lo, hi) = share(1000, 2000).unwrap();
        assert!((hi - lo - 2.0 * 1.96 * 0.011_18).abs() < 0.012, "{lo} {hi}");
        assert_eq!(share(1000, 2000), share(1000, 2000));
    }

    #[test]
    fn counts_of_kinds_say_what_the_rows_say() {
        let rows: Vec<usize> = (0..300).map(|i| i * i % 7 % 4).collect();
        let values: Vec<f64> = rows.iter().map(|kind| *kind as f64).collect();
        let of = |counts: &[f64]| {
            let n: f64 = counts.iter().sum();
            Some(counts.iter().zip(0..).map(|(c, kind)| c * f64::from(kind)).sum::<f64>() / n)
        };
        let sources: Vec<u32> = (0..300).map(|i| i / 10).collect();
        for clusters in [None, Some(sources.as_slice())] {
            let by_kind = held_of_kinds(&rows, 4, clusters, &[0, 3], (0.0, 3.0), 0.95, of).unwrap();
            let by_row = held_of_rows(&values, clusters, &[0.0, 3.0], (0.0, 3.0), 0.95, mean).unwrap();
            assert!(
                (by_kind.0 - by_row.0).abs() < 1e-7 && (by_kind.1 - by_row.1).abs() < 1e-7,
                "{by_kind:?} {by_row:?}"
            );
        }
        // Sums that lose what is left out say the same, in blocks and with clusters.
        let many: Vec<f64> = (0..1000).map(|i| f64::from(i * i % 7 % 4)).collect();
        let sums: Vec<(f64, f64)> = many.iter().map(|v| (*v, 1.0)).collect();
        let plus = |a: &(f64, f64), b: &(f64, f64), times: f64| (a.0 + times * b.0, a.1 + times * b.1);
        let sources: Vec<u32> = (0..1000).map(|i| i / 2).collect();
        for clusters in [None, Some(sources.as_slice())] {
            let share = |sum: &(f64, f64)| Some(sum.0 / sum.1);
            let could = [(0.0, 1.0), (3.0, 1.0)];
            let by_sum = held_of_sums(&sums, clusters, &could, (0.0, 3.0), 0.95, plus, share).unwrap();
            let by_row = held_of_rows(&many, clusters, &[0.0, 3.0], (0.0, 3.0), 0.95, mean).unwrap();
            assert!((by_sum.0 - by_row.0).abs() < 1e-9 && (by_sum.1 - by_row.1).abs() < 1e-9);
        }
        assert_eq!(held_of_kinds(&rows, 1, None, &[], (0.0, 3.0), 0.95, of), None);
    }

    #[test]
    fn rows_of_one_cluster_are_one_unit() {
        let rows: Vec<f64> = (0..200).map(|i| f64::from(i / 10 % 4)).collect();
        let sources: Vec<u32> = (0..200).map(|i| i / 10).collect();
        let width = |clusters: Option<&[u32]>| {
            held_of_rows(&rows, clusters, &[], (0.0, 3.0), 0.95, mean).map(|(lo, hi)| hi - lo).unwrap()
        };
        assert!(width(Some(&sources)) > 2.5 * width(None));
        assert_eq!(held_of_rows(&rows, Some(&[0; 200]), &[], (0.0, 3.0), 0.95, mean), None);
    }
}
