//! The order in which a reviewer meets items.
//!
//! ```text
//! the run's id -> seed; seed + number of items -> order: a shuffle that is the same for ever
//! what is known of each item    -> arrange: disagreement, near the gate, flagged, rare slice (not random)
//! ```
//! A human-corrected mean needs a random sample of items, so the random order is the usual one, and every other says
//! of itself that it is not random. The seed follows from the run's stored id, so that all reviewers of a run meet its
//! items in one order (two of them can then be compared), today, on another machine, or in ten years.

use crate::core::digest::{Digest, RowDigest};
use crate::core::stats::rng::Rng;
use std::collections::BTreeMap;

/// A shuffle of `0..n` from `seed`: xoshiro256++ seeded by splitmix64, Fisher-Yates from the end. Never changes.
pub fn order(seed: u64, n: usize) -> Vec<usize> {
    let mut items: Vec<usize> = (0..n).collect();
    Rng::seeded(seed).shuffle(&mut items);
    items
}

/// The seed of a run's queue: the first eight bytes of a digest over its id.
pub fn seed(run: &str) -> u64 {
    Digest::of(format!("review:{run}")).as_bytes().iter().take(8).fold(0, |n, b| n << 8 | u64::from(*b))
}

/// The seals of a drawn queue that leaves the program, one for each place: 16 hex digits over the run, its seed and all
/// places up to this one. Rows that carry them in this order, without a gap from the first on, are the top of that queue.
pub fn seals(run: &str, places: &[(u32, u32)]) -> Vec<String> {
    let start = RowDigest::new("assize.queue.1").text(run).bytes(&seed(run).to_be_bytes()).finish();
    let next = |before: &mut Digest, (item, criterion): &(u32, u32)| {
        *before = RowDigest::new("assize.queue.1")
            .bytes(before.as_bytes())
            .int(i64::from(*item))
            .int(i64::from(*criterion))
            .finish();
        Some(before.hex().chars().take(16).collect())
    };
    places.iter().scan(start, next).collect()
}

/// Items that every reviewer scores: a share of `0..n` drawn by the seed, independently of their order.
pub fn doubled(seed: u64, n: usize, share: f64) -> Vec<bool> {
    let share = if share.is_finite() { share.clamp(0.0, 1.0) } else { 1.0 };
    let many = (share * n as f64).ceil() as usize;
    let mut chosen = vec![false; n];
    for i in order(seed ^ DOUBLED, n).into_iter().take(many) {
        if let Some(place) = chosen.get_mut(i) {
            *place = true;
        }
    }
    chosen
}

/// Sets the shuffle of the items that all score apart from that of the queue.
const DOUBLED: u64 = 0x6a09_e667_f3bc_c908;

/// How the criteria of an item are gone through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pass {
    /// All criteria of an item, then the next item.
    #[default]
    Together,
    /// All items under one criterion, then the next criterion.
    OneByOne,
}

/// (item, criterion) in the order in which they are asked.
pub fn places(items: &[u32], criteria: u32, pass: Pass) -> Vec<(u32, u32)> {
    match pass {
        Pass::Together => items.iter().flat_map(|i| (0..criteria).map(move |c| (*i, c))).collect(),
        Pass::OneByOne => (0..criteria).flat_map(|c| items.iter().map(move |i| (*i, c))).collect(),
    }
}

/// Which items come first.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum ReviewOrder {
    /// Shuffled: the only order whose reviews may correct a judge's mean.
    #[default]
    Random,
    /// The widest range among the judge's repeats first.
    Disagreement,
    /// The mean score nearest to this mark first.
    NearGate(f64),
    /// Flagged verdicts (suspicious response, quote not found) first.
    Flagged,
    /// Items of the smallest slice first.
    RareSlice,
}

impl ReviewOrder {
    /// Whether items reviewed in this order are a random sample.
    pub fn is_random(self) -> bool {
        self == Self::Random
    }

    /// In a word or two, as screens, flags and sheets write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Random => "random",
            Self::Disagreement => "disagree",
            Self::NearGate(_) => "near-gate",
            Self::Flagged => "flagged",
            Self::RareSlice => "rare-slice",
        }
    }

    /// The order of this name; `mark` is what near means for the gate.
    pub fn named(name: &str, mark: f64) -> Option<Self> {
        Self::all(mark).into_iter().find(|o| o.name() == name)
    }

    /// Every order, the random one first.
    pub fn all(mark: f64) -> [Self; 5] {
        [Self::Random, Self::Disagreement, Self::NearGate(mark), Self::Flagged, Self::RareSlice]
    }
}

/// What an order may look at. Never the arm: the queue is blind.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Candidate {
    /// Scores of the judge's repeats, a list for each criterion; failed verdicts are simply not here.
    pub scores: Vec<Vec<f64>>,
    /// Whether something about the verdict asks for a human.
    pub flagged: bool,
    /// The slice the item belongs to (a tag), if any.
    pub slice: Option<String>,
}

impl Candidate {
    /// The widest range of one criterion's repeats.
    fn range(&self) -> f64 {
        let of = |scores: &Vec<f64>| {
            let low = scores.iter().copied().fold(f64::INFINITY, f64::min);
            let high = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            if scores.is_empty() { 0.0 } else { high - low }
        };
        self.scores.iter().map(of).fold(0.0, f64::max)
    }

    /// Distance of the nearest criterion's mean from a mark; an item without a score is farthest.
    fn distance(&self, mark: f64) -> f64 {
        let of = |scores: &Vec<f64>| {
            let n = scores.len() as f64;
            if n == 0.0 { f64::INFINITY } else { (scores.iter().sum::<f64>() / n - mark).abs() }
        };
        self.scores.iter().map(of).fold(f64::INFINITY, f64::min)
    }
}

/// Indices of `items` in the order asked for. What an order cannot tell apart stays shuffled by `seed`, so that the
/// order of import never decides.
pub fn arrange(order_by: ReviewOrder, seed: u64, items: &[Candidate]) -> Vec<usize> {
    let mut sizes: BTreeMap<&str, usize> = BTreeMap::new();
    for slice in items.iter().filter_map(|item| item.slice.as_deref()) {
        *sizes.entry(slice).or_default() += 1;
    }
    let urgency = |item: &Candidate| match order_by {
        ReviewOrder::Random => 0.0,
        ReviewOrder::Disagreement => -item.range(),
        ReviewOrder::NearGate(mark) => item.distance(mark),
        ReviewOrder::Flagged => f64::from(u8::from(!item.flagged)),
        ReviewOrder::RareSlice => {
            let size = item.slice.as_deref().and_then(|slice| sizes.get(slice));
            size.map_or(f64::INFINITY, |n| *n as f64)
        }
    };
    let mut keyed: Vec<(f64, usize)> = order(seed, items.len())
        .into_iter()
        .filter_map(|i| items.get(i).map(|item| (urgency(item), i)))
        .collect();
    keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
    keyed.into_iter().map(|(_, i)| i).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn scored(scores: &[f64]) -> Candidate {
        Candidate { scores: vec![scores.to_vec()], ..Candidate::default() }
    }

    #[test]
    fn a_seed_gives_the_same_order_for_ever() {
        // From a second implementation of the published algorithms. If this fails, stored queues are broken: the code
        // is wrong, never these numbers.
        assert_eq!(order(0, 10), [0, 5, 1, 2, 9, 7, 6, 8, 4, 3]);
        assert_eq!(order(42, 10), [6, 9, 7, 8, 0, 5, 3, 4, 2, 1]);
        assert_eq!(order(u64::MAX, 7), [1, 5, 6, 3, 0, 4, 2]);
        assert_eq!(order(1, 0), Vec::<usize>::new());
        assert_eq!(order(1, 1), [0]);
    }

    #[test]
    fn not_random_orders_say_so_and_put_first_what_they_promise() {
        let items =
            [scored(&[4.0, 4.0]), scored(&[1.0, 5.0]), scored(&[3.0, 4.0]), scored(&[]), scored(&[2.0, 3.0])];
        let by_range = arrange(ReviewOrder::Disagreement, 1, &items);
        assert_eq!(by_range.first(), Some(&1));
        let near = arrange(ReviewOrder::NearGate(4.0), 1, &items);
        assert_eq!((near.first(), near.last()), (Some(&0), Some(&3)));
        let mut flagged = items.to_vec();
        flagged[3].flagged = true;
        assert_eq!(arrange(ReviewOrder::Flagged, 1, &flagged).first(), Some(&3));
        let mut sliced = items.to_vec();
        for (i, slice) in [(0, "long"), (1, "long"), (2, "legal"), (4, "long")] {
            sliced[i].slice = Some(slice.to_owned());
        }
        let rare = arrange(ReviewOrder::RareSlice, 1, &sliced);
        assert_eq!((rare.first(), rare.last()), (Some(&2), Some(&3)));
        for o in [
            ReviewOrder::Disagreement,
            ReviewOrder::NearGate(4.0),
            ReviewOrder::Flagged,
            ReviewOrder::RareSlice,
        ] {
            assert!(!o.is_random());
        }
        assert!(ReviewOrder::Random.is_random());
        assert_eq!(arrange(ReviewOrder::Random, 5, &items), order(5, items.len()));
    }

    #[test]
    fn criteria_go_together_or_one_by_one() {
        assert_eq!(places(&[7, 3], 2, Pass::Together), [(7, 0), (7, 1), (3, 0), (3, 1)]);
        assert_eq!(places(&[7, 3], 2, Pass::OneByOne), [(7, 0), (3, 0), (7, 1), (3, 1)]);
    }

    #[test]
    fn the_queue_of_a_run_is_the_same_for_ever() {
        // Stored reviews rest on it: the first of the queue are a random sample.
        assert_eq!(seed("0123456789ab"), 0x28d58691c5faf9c5);
        assert_ne!(seed("a"), seed("b"));
    }

    #[test]
    fn a_seal_covers_all_places_up_to_its_own() {
        let all = seals("r", &[(3, 0), (1, 0), (2, 0)]);
        assert_eq!(seals("r", &[(3, 0), (1, 0)]), all.get(..2).unwrap());
        assert_ne!(seals("r", &[(1, 0), (3, 0)])[1], all[1]);
        assert_ne!(seals("s", &[(3, 0)])[0], all[0]);
        assert!(all.iter().all(|s| s.len() == 16));
    }

    #[test]
    fn so_many_items_are_scored_by_everybody() {
        let share = |s: f64| doubled(9, 40, s).iter().filter(|d| **d).count();
        assert_eq!([share(0.0), share(0.2), share(1.0), share(7.0), share(f64::NAN)], [0, 8, 40, 40, 40]);
        // Which they are does not follow from where they stand in the queue.
        let head: usize = order(9, 40).iter().take(8).filter(|i| doubled(9, 40, 0.2)[**i]).count();
        assert!(head < 8, "{head}");
    }

    proptest! {
        #[test]
        fn every_order_shows_every_item_once(seed: u64, scores in prop::collection::vec(prop::num::f64::ANY, 0..40)) {
            let items: Vec<Candidate> = scores.iter().map(|s| scored(&[*s, 3.0])).collect();
            for o in [ReviewOrder::Random, ReviewOrder::Disagreement, ReviewOrder::NearGate(3.0), ReviewOrder::Flagged, ReviewOrder::RareSlice] {
                let mut all = arrange(o, seed, &items);
                all.sort_unstable();
                prop_assert_eq!(all, (0..items.len()).collect::<Vec<_>>());
            }
        }
    }
}
