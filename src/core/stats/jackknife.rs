//! The jackknife: how a figure moves when one unit is left out.
//!
//! ```text
//! pseudo_i = G theta - (G - 1) theta without i     se = sd(pseudo) / sqrt(G)     theta -/+ t*_{G-1} se
//! ```
//! Tukey (1958); Efron and Stein (1981) on its variance. No random numbers.

use super::bounded::Ends;
use super::dist::{finite, t_star};
use super::mean::around;

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
    let units = times.iter().sum::<usize>() as f64;
    if units < 2.0 {
        return None;
    }
    let value = of(None).and_then(finite)?;
    let without: Vec<(f64, f64)> = times
        .iter()
        .enumerate()
        .filter(|(_, times)| **times > 0)
        .map(|(k, times)| {
            Some((*times as f64, units * value - (units - 1.0) * of(Some(k)).and_then(finite)?))
        })
        .collect::<Option<_>>()?;
    let centre = without.iter().map(|(w, p)| w * p).sum::<f64>() / units;
    let squares = without.iter().map(|(w, p)| w * (p - centre).powi(2)).sum::<f64>();
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
}
