//! A mean or a difference corrected by people's labels: the judge saw every item, people a random sample of them.
//!
//! ```text
//! e_i = Y_i - lam_i (f_i - mean f_u)      Y people, f judge; lam_i tuned without item i: no item chooses its own weight
//! theta = mean e                          (Angelopoulos et al. 2023, PPI++, arXiv 2311.01453, with leave-one-out lam)
//! variance: labelled + unlabelled + the cross term of clusters that have both kinds; df by Welch and Satterthwaite
//! interval: hull of that t and of MOVER (Zou and Donner 2008) around the bounded intervals of mean e
//! ```
//! The sample must be random: items that a reviewer picked do not qualify. Measured coverage is in docs/trust.md.

use super::bounded::{
    Ends, bounded_ci, clip, dirichlet, extreme, gaffke, gaffke_ci, gaffke_weight, grouped, hull, points,
    rule_of_three, shared, singles,
};
use super::dist::{finite, normal_sf, t_star};
use super::mean::{is_constant, mean, sum, variance};
use super::ppi::Lambda;
use std::collections::{BTreeMap, BTreeSet};

/// An item that people and judge scored. For a difference of two arms both figures are B - A of one case.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Labelled {
    /// People's score (mean over people).
    pub people: f64,
    /// The judge's (mean over passes).
    pub judge: f64,
    /// The source it shares with others, if it shares one. Items of both kinds use the same numbers.
    pub cluster: Option<u32>,
}

/// An item that only the judge scored.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Unlabelled {
    /// The judge's score.
    pub judge: f64,
    /// The source it shares with others.
    pub cluster: Option<u32>,
}

/// A mean or difference corrected by people's labels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Corrected {
    /// The corrected figure, within the scale.
    pub estimate: f64,
    /// Its standard error.
    pub se: f64,
    /// Lower end, within the scale.
    pub lo: f64,
    /// Upper end.
    pub hi: f64,
    /// The lower limit that also allows for a break no labelled case shows (Gaffke's): what a gate reads.
    pub safe_lo: f64,
    /// How far the judge was used, 0 (people only) to 1; the mean over the labelled items.
    pub lam: f64,
    /// Labelled items.
    pub n_labelled: usize,
    /// Items with the judge's score alone.
    pub n_unlabelled: usize,
    /// Independent units among the labelled ones.
    pub units: usize,
    /// Degrees of freedom of the t part.
    pub df: f64,
}

impl Corrected {
    /// Both ends.
    pub fn interval(&self) -> Ends {
        (self.lo, self.hi)
    }
}

/// The parts of a corrected interval, for tests and for those who want to see them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CorrectedParts {
    /// Estimate (not clipped), mean lam, variances, df and the t interval.
    pub spread: Sandwich,
    /// E part of the mean of e.
    pub residual_extreme: Option<Ends>,
    /// D part of the mean of e.
    pub residual_dirichlet: Option<Ends>,
    /// Hull of t and MOVER, clipped to the scale.
    pub ci: Ends,
    /// MOVER around Gaffke's lower limit of mean e, at most the lower end.
    pub safe_lo: f64,
}

/// The corrected figure on the scale `bounds`: (1, 5) for means, (-4, 4) for paired differences. With fewer than two
/// unlabelled units the people stand alone (see [`bounded_ci`]). `None` with fewer than two labelled units or figures
/// that are not finite.
pub fn corrected(labelled: &[Labelled], rest: &[Unlabelled], bounds: Ends, level: f64) -> Option<Corrected> {
    let data = ClusteredScores::of(labelled, rest)?;
    let (n_labelled, n_unlabelled, units) = (labelled.len(), rest.len(), data.units());
    if data.alone() {
        let ci = bounded_ci(&data.people, Some(&data.clusters), bounds, level);
        let (lo, hi) = ci.ci?;
        let safe_lo = gaffke_ci(&data.people, Some(&data.clusters), bounds, level)?.0.min(lo);
        let (estimate, se, df) = (ci.mean?, ci.se?, ci.df?);
        return Some(Corrected {
            estimate,
            se,
            lo,
            hi,
            safe_lo,
            lam: 0.0,
            n_labelled,
            n_unlabelled,
            units,
            df,
        });
    }
    let CorrectedParts { spread, safe_lo, ci: (lo, hi), .. } = data.parts(bounds, level)?;
    let Sandwich { se, lam, df, .. } = spread;
    let estimate = spread.estimate.clamp(bounds.0, bounds.1);
    Some(Corrected { estimate, se, lo, hi, safe_lo, lam, n_labelled, n_unlabelled, units, df })
}

/// The parts of [`corrected`]; `None` also where the people stand alone.
pub fn corrected_parts(
    labelled: &[Labelled],
    rest: &[Unlabelled],
    bounds: Ends,
    level: f64,
) -> Option<CorrectedParts> {
    let data = ClusteredScores::of(labelled, rest)?;
    if data.alone() { None } else { data.parts(bounds, level) }
}

/// The sandwich of any lam: what [`corrected`] is measured against. Variance, df and interval as there, but one lam for
/// all items, tuned on all of them or given, and t alone.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sandwich {
    /// theta = lam mean(f_u) + mean(Y - lam f_l).
    pub estimate: f64,
    /// The lam used.
    pub lam: f64,
    /// Variance from the labelled items.
    pub var_labelled: f64,
    /// Variance from the others.
    pub var_unlabelled: f64,
    /// Twice the covariance of the two.
    pub cross: f64,
    /// Standard error.
    pub se: f64,
    /// Welch and Satterthwaite's degrees of freedom.
    pub df: f64,
    /// The t interval.
    pub ci: Ends,
}

/// PPI++ with one lam and the cluster sandwich.
pub fn sandwich(labelled: &[Labelled], rest: &[Unlabelled], lambda: Lambda, level: f64) -> Option<Sandwich> {
    let data = ClusteredScores::of(labelled, rest)?;
    let lam = match lambda {
        _ if data.rest.is_empty() => 0.0,
        Lambda::Fixed(lam) => finite(lam)?,
        Lambda::Tuned => data.tuned(None)?,
    };
    data.spread(&vec![lam; data.people.len()], lam, level)
}

/// The scores with their clusters as numbers of one numbering.
struct ClusteredScores {
    people: Vec<f64>,
    judge: Vec<f64>,
    clusters: Vec<u32>,
    rest: Vec<f64>,
    rest_clusters: Vec<u32>,
    clustered: bool,
}

impl ClusteredScores {
    fn of(labelled: &[Labelled], rest: &[Unlabelled]) -> Option<Self> {
        let fine = labelled.iter().all(|l| l.people.is_finite() && l.judge.is_finite())
            && rest.iter().all(|u| u.judge.is_finite());
        if !fine || labelled.len() < 2 {
            return None;
        }
        // Items alone get numbers that no cluster has.
        let mut numbers: BTreeMap<u32, u32> = BTreeMap::new();
        let mut next = 0_u32;
        let mut number = |cluster: Option<u32>| {
            let mut fresh = || {
                next += 1;
                next
            };
            match cluster {
                Some(given) => *numbers.entry(given).or_insert_with(fresh),
                None => fresh(),
            }
        };
        let clusters: Vec<u32> = labelled.iter().map(|l| number(l.cluster)).collect();
        let rest_clusters: Vec<u32> = rest.iter().map(|u| number(u.cluster)).collect();
        let all: Vec<u32> = clusters.iter().chain(&rest_clusters).copied().collect();
        Some(Self {
            people: labelled.iter().map(|l| l.people).collect(),
            judge: labelled.iter().map(|l| l.judge).collect(),
            rest: rest.iter().map(|u| u.judge).collect(),
            clustered: shared(&all),
            clusters,
            rest_clusters,
        })
    }

    fn units(&self) -> usize {
        self.clusters.iter().collect::<BTreeSet<_>>().len()
    }

    /// Whether too few items are unlabelled for a variance of theirs.
    fn alone(&self) -> bool {
        self.rest_clusters.iter().collect::<BTreeSet<_>>().len() < 2
    }

    /// lam with the smallest variance, within 0..1, without the item `left_out`:
    /// cov(f, Y) / ((1 + n/N) var(f of all)). 0 for a judge that never varies.
    fn tuned(&self, left_out: Option<usize>) -> Option<f64> {
        let keep = |values: &[f64]| -> Vec<f64> {
            values.iter().enumerate().filter(|(i, _)| Some(*i) != left_out).map(|(_, v)| *v).collect()
        };
        let (people, judge) = (keep(&self.people), keep(&self.judge));
        let n = people.len() as f64;
        let (my, mf) = (mean(&people)?, mean(&judge)?);
        let covariance = sum(people.iter().zip(&judge).map(|(y, f)| (y - my) * (f - mf))) / n;
        // The spread of the judge holds no answer of people: item i stays in it.
        let together: Vec<f64> = self.judge.iter().chain(&self.rest).copied().collect();
        let spread = variance(&together)?;
        if spread <= 0.0 {
            return Some(0.0);
        }
        finite(covariance / ((1.0 + n / self.rest.len() as f64) * spread)).map(|lam| lam.clamp(0.0, 1.0))
    }

    /// e_i of given lams.
    fn residuals(&self, lams: &[f64]) -> Vec<f64> {
        let centre = mean(&self.rest).unwrap_or(0.0);
        let pairs = self.people.iter().zip(&self.judge);
        pairs.zip(lams).map(|((y, f), lam)| y - lam * (f - centre)).collect()
    }

    /// Estimate, variances and t interval. With V = labelled + unlabelled + cross, but at least a quarter of the larger
    /// of the first two.
    fn spread(&self, lams: &[f64], lam: f64, level: f64) -> Option<Sandwich> {
        let e = self.residuals(lams);
        let estimate = mean(&e)?;
        let ours = by_cluster(&e, &self.clusters, 1.0)?;
        let scale = if self.rest.is_empty() { 0.0 } else { lam };
        let theirs = by_cluster(&self.rest, &self.rest_clusters, scale).unwrap_or_default();
        let inflated = |sums: &BTreeMap<u32, f64>| {
            let g = sums.len() as f64;
            if g < 2.0 { None } else { Some(g / (g - 1.0) * sum(sums.values().map(|s| s * s))) }
        };
        let var_labelled = inflated(&ours)?;
        let var_unlabelled = inflated(&theirs).unwrap_or(0.0);
        let cross = if self.clustered {
            2.0 * sum(ours.iter().filter_map(|(c, a)| Some(a * theirs.get(c)?)))
        } else {
            0.0
        };
        let total = var_labelled + var_unlabelled;
        let se = finite((total + cross).max(var_labelled.max(var_unlabelled) / 4.0).sqrt())?;
        let term = |v: f64, g: usize| if g < 2 { 0.0 } else { v * v / (g as f64 - 1.0) };
        let below = term(var_labelled, ours.len()) + term(var_unlabelled, theirs.len());
        let df = if below > 0.0 { total * total / below } else { ours.len() as f64 - 1.0 };
        let reach = t_star(level, df)? * se;
        let ci = (finite(estimate - reach)?, finite(estimate + reach)?);
        Some(Sandwich { estimate, lam, var_labelled, var_unlabelled, cross, se, df, ci })
    }

    fn parts(&self, bounds: Ends, level: f64) -> Option<CorrectedParts> {
        let lams = (0..self.people.len()).map(|i| self.tuned(Some(i))).collect::<Option<Vec<f64>>>()?;
        let lam = mean(&lams)?;
        let s = self.spread(&lams, lam, level)?;
        let e = self.residuals(&lams);
        let tail = 0.5 * (1.0 - level);
        let factor = t_star(level, s.df)?;
        // Residuals live around the people's scale, moved by what the judge adds beyond the middle of its own.
        let moved = lam * (mean(&self.rest)? - 0.5 * (bounds.0 + bounds.1));
        let around = (bounds.0 + moved, bounds.1 + moved);
        let (seen, units) =
            if self.clustered { (grouped(&e, &self.clusters), self.units()) } else { (singles(&e), e.len()) };
        let (weight, q) =
            if self.clustered { (2.0, normal_sf(factor)) } else { ((30.0 / e.len() as f64).min(1.0), tail) };
        let residual_extreme = extreme(&seen, 0.5, q);
        let residual_dirichlet = dirichlet(&seen, &points(around), weight, 1.0, tail);
        let equal = is_constant(&e).then(|| rule_of_three(s.estimate, units, around, tail));
        let added = (factor * factor * (s.var_unlabelled + s.cross)).max(0.0);
        let mover = |(l, u): Ends| {
            let reach = |d: f64| (d * d + added).sqrt();
            (s.estimate - reach(s.estimate - l), s.estimate + reach(u - s.estimate))
        };
        let sides = [residual_extreme, residual_dirichlet, equal].into_iter().flatten().map(mover);
        let ci = clip(hull(sides.chain([s.ci]))?, bounds);
        let safe = mover(gaffke(&seen, around, gaffke_weight(self.clustered), tail)?).0;
        Some(CorrectedParts {
            spread: s,
            residual_extreme,
            residual_dirichlet,
            ci: (finite(ci.0)?, finite(ci.1)?),
            safe_lo: finite(safe)?.clamp(bounds.0, ci.0.max(bounds.0)),
        })
    }
}

/// scale * (v - mean) / n, summed within each cluster.
fn by_cluster(values: &[f64], clusters: &[u32], scale: f64) -> Option<BTreeMap<u32, f64>> {
    let (centre, n) = (mean(values)?, values.len() as f64);
    let mut sums: BTreeMap<u32, f64> = BTreeMap::new();
    for (value, cluster) in values.iter().zip(clusters) {
        *sums.entry(*cluster).or_default() += scale * (value - centre) / n;
    }
    Some(sums)
}
