//! How far a judge agrees with the people who scored the same responses, and how far they agree among themselves.
//!
//! ```text
//! a run's cells and reviews -> Ground -> per criterion and slice: Agreed
//!     judge against people's mean grid, shares, bias, kappa, alpha, correlations: the judge as means and gates use it
//!     judge against one person    the same, every person's score apart: what one colleague's word is worth
//!     people against people       the ceiling: no judge can be asked for more
//!     judge against itself        from its passes
//!     length                      does the judge favour long responses more than people do?
//!     standard.rs                 correlation by document and system, confusion, calibration, people one by one
//! several runs -> judges.rs: two judges on the same labels
//! ```
//! An item that several people scored is one piece of evidence, and so are cases of one source: intervals leave out or count
//! them together. The judge stands with the mean of its scored passes, which is what every other figure of a run is made
//! of. Where a score must be one of 1 to 5 (the grid, same score, kappa, alpha), means are rounded, halves up.

use super::summary::sources;
use crate::core::rubric::Scale;
use crate::core::stats::agreement::{
    Agreement, Figure, agreement, agreement_by_score, all_pairs, as_score, raters_alpha,
};
use crate::core::stats::bounded::bounded_ci;
use crate::core::stats::jackknife::{held_of_kinds, held_of_rows, held_of_sums};
use crate::core::stats::mean::mean;
use crate::core::stats::rank::{Moments, PairKinds, average_ranks, kendall_tau_b, pearson, spearman};
use crate::core::stats::reliability::{Repeatability, repeatability};
use crate::store::{Cell, Result, ReviewInfo, RunInfo, RunItem, Store};
use std::collections::{BTreeMap, BTreeSet, HashMap};

mod judges;
mod labels;
mod standard;

pub use judges::{JudgeOf, TwoJudges, judges};
pub use labels::PassAgreement;
pub use standard::{ByLevel, Correlations, StandardFigures, TwoPeople};

/// All that agreement is worked out from.
#[derive(Debug, Clone)]
pub struct AgreementData {
    /// The run.
    pub run: RunInfo,
    /// Its items, by their place in it.
    pub items: Vec<RunItem>,
    cells: Vec<Cell>,
    reviews: Vec<ReviewInfo>,
    /// Characters of the reviewed responses, by item.
    lengths: HashMap<u32, u64>,
    /// The source of each item as a number, by the item's place.
    sources: Vec<u32>,
}

/// What counts on one criterion, put together once for all its figures.
struct Counted<'a> {
    /// People's scores, by item and then by reviewer.
    people: BTreeMap<u32, BTreeMap<&'a str, u8>>,
    /// The mean of the judge's scored passes, by item.
    judged: HashMap<u32, f64>,
    /// One for each item that people and judge scored, by item.
    pairs: Vec<PeopleAndJudge>,
}

/// Which scores count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AgreementFilter {
    /// Column of the run.
    pub criterion: u32,
    /// Only cases with this tag.
    pub slice: Option<String>,
    /// Only this reviewer.
    pub reviewer: Option<String>,
    /// Scores given after the judge's was seen count too.
    pub with_seen: bool,
}

/// People's and the judge's score of one item.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PeopleAndJudge {
    /// People's mean, rounded: 1 to 5.
    pub human: u8,
    /// The mean of the judge's scored passes, rounded: 1 to 5.
    pub judge: u8,
    /// Both before rounding: people's, the judge's.
    pub means: (f64, f64),
    /// The item's place in the run.
    pub item: u32,
}

/// How far people agree among themselves: every pair of two people on one item.
#[derive(Debug, Clone, PartialEq)]
pub struct PeopleAgreement {
    /// Items that two or more people scored.
    pub items: usize,
    /// The figures; bias says nothing here, because neither side is the judge.
    pub figures: Agreement,
}

/// Whether scores go with the length of a response.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Length {
    /// Items with a length, a judge's and a person's score.
    pub n: usize,
    /// Spearman's correlation of length and the judge's score.
    pub judge: Option<f64>,
    /// The same of people's scores (their mean on an item).
    pub human: Option<f64>,
    /// Judge less people: above 0 the judge favours long responses more than people do.
    pub lean: Figure,
}

/// What is said of one criterion.
#[derive(Debug, Clone, PartialEq)]
pub struct Agreed {
    /// One for each item that both people and the judge scored.
    pub pairs: Vec<PeopleAndJudge>,
    /// How many these are.
    pub items: usize,
    /// Who scored.
    pub people: Vec<String>,
    /// The judge as used (the mean of its passes) against people's mean on each item.
    pub figures: Agreement,
    /// The judge as used against each person's score apart.
    pub single: Agreement,
    /// People among themselves; `None` where no item has two of them.
    pub ceiling: Option<PeopleAgreement>,
    /// Favour for long responses.
    pub length: Length,
    /// Rates of pass and fail, where that is asked.
    pub pass: Option<PassAgreement>,
}

impl AgreementData {
    /// Reads it.
    ///
    /// # Errors
    /// When there is no such run.
    pub fn read(store: &Store, run: &str) -> Result<Self> {
        let run = store.run(run)?;
        let reviews = store.reviews(Some(&run.id))?;
        let reviewed: BTreeSet<u32> = reviews.iter().map(|r| r.review.item).collect();
        let lengths = store.response_lengths(&run.id, &reviewed)?;
        let (items, cells) = (store.run_items(&run.id)?, store.cells(&run.id)?);
        let sources = sources(&items);
        Ok(Self { run, items, cells, reviews, lengths, sources })
    }

    /// Whether a person scored anything here.
    pub fn has_reviews(&self) -> bool {
        self.reviews.iter().any(|r| r.review.score.is_some())
    }

    /// Tags of the items with a pair of scores on this criterion, and how many items have each, the commonest first.
    pub fn slices(&self, wanted: &AgreementFilter) -> Vec<(String, usize)> {
        if self.items.iter().all(|i| i.tags.is_empty()) {
            return Vec::new();
        }
        let all = AgreementFilter { slice: None, ..wanted.clone() };
        let scored: BTreeSet<u32> = self.counted(&all).pairs.iter().map(|p| p.item).collect();
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for item in self.items.iter().filter(|i| scored.contains(&i.ord)) {
            item.tags.iter().for_each(|t| *counts.entry(t).or_default() += 1);
        }
        let mut counts: Vec<(String, usize)> = counts.into_iter().map(|(t, n)| (t.to_owned(), n)).collect();
        counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        counts
    }

    /// The judge against itself on a criterion, over all items of the slice: also where nobody has reviewed anything.
    pub fn itself(&self, wanted: &AgreementFilter) -> Option<Repeatability> {
        let inside = self.inside(wanted);
        let mut passes: BTreeMap<u32, Vec<Option<f64>>> = BTreeMap::new();
        for cell in &self.cells {
            if cell.criterion == wanted.criterion && inside.as_ref().is_none_or(|i| i.contains(&cell.item)) {
                passes.entry(cell.item).or_default().push(cell.score.map(f64::from));
            }
        }
        Some(repeatability(&passes.into_values().collect::<Vec<_>>())).filter(|r| r.n > 0)
    }

    /// The items of the slice; `None` where all count.
    fn inside(&self, wanted: &AgreementFilter) -> Option<BTreeSet<u32>> {
        let tag = wanted.slice.as_ref()?;
        Some(self.items.iter().filter(|i| i.tags.contains(tag)).map(|i| i.ord).collect())
    }

    /// Scores that count, by item and then by reviewer.
    fn people(&self, wanted: &AgreementFilter) -> BTreeMap<u32, BTreeMap<&str, u8>> {
        let inside = self.inside(wanted);
        let mut found: BTreeMap<u32, BTreeMap<&str, u8>> = BTreeMap::new();
        // Newest last: of a blind score and one given with the judge in sight the later one counts.
        for r in self.reviews.iter().map(|r| &r.review) {
            let counts = r.criterion == wanted.criterion
                && (wanted.with_seen || !r.saw_judge)
                && inside.as_ref().is_none_or(|i| i.contains(&r.item))
                && wanted.reviewer.as_ref().is_none_or(|n| *n == r.reviewer);
            if let (true, Some(score)) = (counts, r.score) {
                found.entry(r.item).or_default().insert(&r.reviewer, score);
            }
        }
        found
    }

    /// The mean of the judge's scored passes, by item.
    fn judged(&self, criterion: u32) -> HashMap<u32, f64> {
        let mut found: HashMap<u32, (f64, f64)> = HashMap::with_capacity(self.items.len());
        for cell in self.cells.iter().filter(|c| c.criterion == criterion) {
            if let Some(score) = cell.score {
                let sum = found.entry(cell.item).or_default();
                *sum = (sum.0 + f64::from(score), sum.1 + 1.0);
            }
        }
        found.into_iter().map(|(item, (sum, n))| (item, sum / n)).collect()
    }

    fn counted(&self, wanted: &AgreementFilter) -> Counted<'_> {
        let (people, judged) = (self.people(wanted), self.judged(wanted.criterion));
        let pair = |(item, said): (&u32, &BTreeMap<&str, u8>)| {
            let judge = *judged.get(item)?;
            let human = mean(&said.values().map(|s| f64::from(*s)).collect::<Vec<_>>())?;
            Some(PeopleAndJudge {
                human: as_score(human),
                judge: as_score(judge),
                means: (human, judge),
                item: *item,
            })
        };
        let pairs = people.iter().filter_map(pair).collect();
        Counted { people, judged, pairs }
    }

    /// Works the figures out.
    pub fn agree(&self, wanted: &AgreementFilter) -> Agreed {
        let scale = self.run.scale(wanted.criterion);
        self.agree_on(self.counted(wanted), None, &scale)
    }

    /// [`Ground::agree`] and [`Ground::standard`] of the same scores.
    pub fn told(&self, wanted: &AgreementFilter) -> (Agreed, StandardFigures) {
        let counted = self.counted(wanted);
        let standard = self.standard_of(&counted);
        // Of two people in all the ceiling is what the two come to.
        let people: BTreeSet<&str> = counted.people.values().flat_map(|said| said.keys().copied()).collect();
        let two = standard.reviewers.first().filter(|_| people.len() == 2).map(|two| two.figures);
        (self.agree_on(counted, two, &self.run.scale(wanted.criterion)), standard)
    }

    fn agree_on(&self, counted: Counted<'_>, two: Option<Agreement>, scale: &Scale) -> Agreed {
        let Counted { people: by_item, judged, pairs } = counted;
        let both: BTreeSet<u32> = pairs.iter().map(|p| p.item).collect();
        let scored = || by_item.iter().filter(|(item, _)| both.contains(item));
        let people: BTreeSet<&str> = scored().flat_map(|(_, said)| said.keys().copied()).collect();
        let single: Vec<PeopleAndJudge> = scored()
            .filter_map(|(item, said)| Some((item, said, *judged.get(item)?)))
            .flat_map(|(item, said, judge)| {
                said.values().map(move |human| PeopleAndJudge {
                    human: *human,
                    judge: as_score(judge),
                    means: (f64::from(*human), judge),
                    item: *item,
                })
            })
            .collect();
        let pass = (*scale == Scale::PassFail).then(|| PassAgreement::of(&pairs, judged.values()));
        let agreed = Agreed {
            items: pairs.len(),
            pass,
            people: people.into_iter().map(ToOwned::to_owned).collect(),
            figures: figures_of(&pairs, &self.sources),
            single: figures_of(&single, &self.sources),
            ceiling: ceiling(&by_item, &self.sources, two),
            length: self.length(&by_item, &judged),
            pairs,
        };
        agreed.on(scale)
    }

    fn length(&self, by_item: &BTreeMap<u32, BTreeMap<&str, u8>>, judged: &HashMap<u32, f64>) -> Length {
        let rows: Vec<(u32, [f64; 3])> = by_item
            .iter()
            .filter_map(|(item, said)| {
                let human = mean(&said.values().map(|s| f64::from(*s)).collect::<Vec<_>>())?;
                let length = *self.lengths.get(item)? as f64;
                Some((*item, [length, *judged.get(item)?, human]))
            })
            .collect();
        let clusters = clusters(rows.iter().map(|(item, _)| *item), &self.sources);
        let (scale, level) = ((-2.0, 2.0), 0.95);
        let ranks = |drawn: &[[f64; 3]]| [0, 1, 2].map(|at| ranks_of(drawn, at));
        let of_ranks =
            |[length, judge, human]: &[Vec<f64>; 3]| (pearson(length, judge), pearson(length, human));
        let lean = |(judge, human): (Option<f64>, Option<f64>)| Some(judge? - human?);
        let each: Vec<[f64; 3]> = rows.iter().map(|(_, row)| *row).collect();
        let all = ranks(&each);
        let (judge, human) = of_ranks(&all);
        let ci95 = if each.len() > MANY {
            let middle = (each.len() as f64 + 1.0) / 2.0;
            let [length, judge, human] = &all;
            let moments = |(length, (judge, human)): (&f64, (&f64, &f64))| {
                let length = length - middle;
                [Moments::of(length, judge - middle), Moments::of(length, human - middle)]
            };
            let parts: Vec<[Moments; 2]> = length.iter().zip(judge.iter().zip(human)).map(moments).collect();
            let plus = |all: &[Moments; 2], one: &[Moments; 2], times: f64| {
                [all[0].plus(&one[0], times), all[1].plus(&one[1], times)]
            };
            let lean = |[judge, human]: &[Moments; 2]| Some(judge.pearson()? - human.pearson()?);
            held_of_sums(&parts, Some(&clusters), &[], scale, level, plus, lean)
        } else {
            held_of_rows(&each, Some(&clusters), &[], scale, level, |drawn| lean(of_ranks(&ranks(drawn))))
        };
        Length { n: each.len(), judge, human, lean: Figure { value: lean((judge, human)), ci95 } }
    }
}

/// Items from which on ranks stay as they are when some of the items are left out: another order of so many moves a correlation
/// by less than its own error.
const MANY: usize = 400;

fn ranks_of(rows: &[[f64; 3]], at: usize) -> Vec<f64> {
    average_ranks(&rows.iter().map(|row| row.get(at).copied().unwrap_or_default()).collect::<Vec<_>>())
}

/// The figures of people's and the judge's scores, clustered only where a source has more than one row: bias, distance and
/// correlations from the means as they are, the others from whole scores.
fn figures_of(pairs: &[PeopleAndJudge], sources: &[u32]) -> Agreement {
    let whole = |p: &PeopleAndJudge| p.means == (f64::from(p.human), f64::from(p.judge));
    let scores: Vec<(u8, u8)> = pairs.iter().map(|p| (p.human, p.judge)).collect();
    let clusters = clusters(pairs.iter().map(|p| p.item), sources);
    if pairs.iter().all(whole) {
        return agreement(&scores, Some(&clusters));
    }
    let by_score = agreement_by_score(&scores, Some(&clusters));
    let means: Vec<(f64, f64)> = pairs.iter().map(|p| p.means).collect();
    let could: Vec<(f64, f64)> = all_pairs().into_iter().map(|(h, j)| (f64::from(h), f64::from(j))).collect();
    let (human, judge): (Vec<f64>, Vec<f64>) = means.iter().copied().unzip();
    // What might come in is among the kinds, and not among the rows.
    let all: Vec<(f64, f64)> = means.iter().chain(&could).copied().collect();
    let (kinds, mut rows) = PairKinds::of(&all);
    let could = rows.split_off(means.len());
    let correlation = |of: fn(&[f64], &[f64]) -> Option<f64>,
                       counted: fn(&PairKinds, &[f64]) -> Option<f64>| {
        let of_counts = |counts: &[f64]| counted(&kinds, counts);
        let (n, scale) = (kinds.pairs.len(), (-1.0, 1.0));
        let ci95 = held_of_kinds(&rows, n, Some(&clusters), &could, scale, 0.95, of_counts);
        Figure { value: of(&human, &judge), ci95 }
    };
    let each = |of: fn(f64, f64) -> f64| means.iter().map(|(h, j)| of(*h, *j)).collect::<Vec<f64>>();
    let bias = bounded_ci(&each(|h, j| j - h), Some(&clusters), (-4.0, 4.0), 0.95);
    Agreement {
        mae: mean(&each(|h, j| (h - j).abs())),
        bias: Figure { value: bias.mean, ci95: bias.ci },
        spearman: correlation(spearman, PairKinds::spearman),
        tau_b: correlation(kendall_tau_b, PairKinds::kendall_tau_b),
        pearson: pearson(&human, &judge),
        ..by_score
    }
}

/// The source of each row.
fn clusters(items: impl Iterator<Item = u32>, sources: &[u32]) -> Vec<u32> {
    items.map(|item| sources.get(item as usize).copied().unwrap_or(u32::MAX)).collect()
}

/// The figures of (one person's, another's) scores.
fn figures_of_scores(rows: impl Iterator<Item = ((u8, u8), u32)>, sources: &[u32]) -> Agreement {
    let (pairs, items): (Vec<(u8, u8)>, Vec<u32>) = rows.unzip();
    agreement(&pairs, Some(&clusters(items.into_iter(), sources)))
}

/// `two` are the figures of the two people, where there are no others and they are known.
fn ceiling(
    by_item: &BTreeMap<u32, BTreeMap<&str, u8>>,
    sources: &[u32],
    two: Option<Agreement>,
) -> Option<PeopleAgreement> {
    let shared: Vec<(u32, Vec<u8>)> = by_item
        .iter()
        .filter(|(_, said)| said.len() > 1)
        .map(|(item, said)| (*item, said.values().copied().collect()))
        .collect();
    if shared.is_empty() {
        return None;
    }
    // By name, so that the same person is on the same side throughout.
    let pairs = shared.iter().flat_map(|(item, scores)| {
        scores
            .iter()
            .enumerate()
            .flat_map(move |(i, a)| scores.iter().skip(i + 1).map(move |b| ((*a, *b), *item)))
    });
    let mut figures = two.unwrap_or_else(|| figures_of_scores(pairs, sources));
    let clusters = clusters(shared.iter().map(|(item, _)| *item), sources);
    let units: Vec<Vec<u8>> = shared.iter().map(|(_, scores)| scores.clone()).collect();
    figures.alpha_ordinal = raters_alpha(&units, Some(&clusters));
    Some(PeopleAgreement { items: shared.len(), figures })
}

impl Agreed {
    /// Name, figure and how many items it rests on, in the order in which tables show them.
    pub fn table(&self) -> [(&'static str, &'static str, Figure, usize); 7] {
        rows(&self.figures, self.items)
    }

    /// The same against single people: each figure rests on pairs of scores.
    pub fn table_single(&self) -> [(&'static str, &'static str, Figure, usize); 7] {
        rows(&self.single, self.single.n)
    }
}

impl PeopleAgreement {
    /// As [`Agreed::table`].
    pub fn table(&self) -> [(&'static str, &'static str, Figure, usize); 7] {
        rows(&self.figures, self.items)
    }
}

fn rows(f: &Agreement, items: usize) -> [(&'static str, &'static str, Figure, usize); 7] {
    [
        ("exact", "same score", f.exact, f.n),
        ("within_one", "within one", f.within_one, f.n),
        ("bias", "bias", f.bias, f.n),
        ("kappa_quadratic", "kappa, quadratic", f.kappa_quadratic, f.n),
        ("alpha_ordinal", "alpha, ordinal", f.alpha_ordinal, items),
        ("spearman", "Spearman", f.spearman, f.n),
        ("tau_b", "tau-b", f.tau_b, f.n),
    ]
}
