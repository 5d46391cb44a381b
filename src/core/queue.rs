//! The order in which a reviewer meets items.
//!
//! ```text
//! stored seed + number of items -> order: a shuffle that is the same for ever
//! what is known of each item    -> arrange: disagreement, near the gate, flagged, rare slice (not random)
//! ```
//! A human-corrected mean needs a random sample of items, so the random order is the usual one, and every other says
//! of itself that it is not random. The seed is stored with the queue: reopened on another machine or in ten years it
//! gives the same order.

use crate::core::stats::rng::Rng;
use std::collections::BTreeMap;

/// A shuffle of `0..n` from `seed`: xoshiro256++ seeded by splitmix64, Fisher-Yates from the end. Never changes.
pub fn order(seed: u64, n: usize) -> Vec<usize> {
    let mut items: Vec<usize> = (0..n).collect();
    Rng::seeded(seed).shuffle(&mut items);
    items
}

/// Which items come first.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Order {
    /// Shuffled: the only order whose reviews may correct a judge's mean.
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

impl Order {
    /// Whether items reviewed in this order are a random sample.
    pub fn is_random(self) -> bool {
        self == Self::Random
    }
}

/// What an order may look at. Never the arm: the queue is blind.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Candidate {
    /// Scores of the judge's repeats; failed verdicts are simply not here.
    pub scores: Vec<f64>,
    /// Whether something about the verdict asks for a human.
    pub flagged: bool,
    /// The slice the item belongs to (a tag), if any.
    pub slice: Option<String>,
}

impl Candidate {
    fn range(&self) -> f64 {
        let low = self.scores.iter().copied().fold(f64::INFINITY, f64::min);
        let high = self.scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if self.scores.is_empty() { 0.0 } else { high - low }
    }

    /// Distance of the mean score from a mark; an item without a score is farthest.
    fn distance(&self, mark: f64) -> f64 {
        let n = self.scores.len() as f64;
        if n == 0.0 { f64::INFINITY } else { (self.scores.iter().sum::<f64>() / n - mark).abs() }
    }
}

/// Indices of `items` in the order asked for. What an order cannot tell apart stays shuffled by `seed`, so that the
/// order of import never decides.
pub fn arrange(order_by: Order, seed: u64, items: &[Candidate]) -> Vec<usize> {
    let mut sizes: BTreeMap<&str, usize> = BTreeMap::new();
    for slice in items.iter().filter_map(|item| item.slice.as_deref()) {
        *sizes.entry(slice).or_default() += 1;
    }
    let urgency = |item: &Candidate| match order_by {
        Order::Random => 0.0,
        Order::Disagreement => -item.range(),
        Order::NearGate(mark) => item.distance(mark),
        Order::Flagged => f64::from(u8::from(!item.flagged)),
        Order::RareSlice => {
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
        Candidate { scores: scores.to_vec(), ..Candidate::default() }
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
        let by_range = arrange(Order::Disagreement, 1, &items);
        assert_eq!(by_range.first(), Some(&1));
        let near = arrange(Order::NearGate(4.0), 1, &items);
        assert_eq!((near.first(), near.last()), (Some(&0), Some(&3)));
        let mut flagged = items.to_vec();
        flagged[3].flagged = true;
        assert_eq!(arrange(Order::Flagged, 1, &flagged).first(), Some(&3));
        let mut sliced = items.to_vec();
        for (i, slice) in [(0, "long"), (1, "long"), (2, "legal"), (4, "long")] {
            sliced[i].slice = Some(slice.to_owned());
        }
        let rare = arrange(Order::RareSlice, 1, &sliced);
        assert_eq!((rare.first(), rare.last()), (Some(&2), Some(&3)));
        for o in [Order::Disagreement, Order::NearGate(4.0), Order::Flagged, Order::RareSlice] {
            assert!(!o.is_random());
        }
        assert!(Order::Random.is_random());
        assert_eq!(arrange(Order::Random, 5, &items), order(5, items.len()));
    }

    proptest! {
        #[test]
        fn every_order_shows_every_item_once(seed: u64, scores in prop::collection::vec(prop::num::f64::ANY, 0..40)) {
            let items: Vec<Candidate> = scores.iter().map(|s| scored(&[*s, 3.0])).collect();
            for o in [Order::Random, Order::Disagreement, Order::NearGate(3.0), Order::Flagged, Order::RareSlice] {
                let mut all = arrange(o, seed, &items);
                all.sort_unstable();
                prop_assert_eq!(all, (0..items.len()).collect::<Vec<_>>());
            }
        }
    }
}
