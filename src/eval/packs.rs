//! Which items of a run a pack holds.
//!
//! ```text
//! the run's random order   | front: everybody's | next ones that are in no other person's pack |
//! ```

use std::collections::HashSet;

/// Items for a pack.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PackChoice {
    /// In the order in which they are to be met.
    pub items: Vec<u32>,
    /// How many of these, from the first on, everybody gets.
    pub shared: usize,
    /// How many fewer they are than was asked for.
    pub lacking: usize,
}

/// Chooses `sample` items (all when `None`) of `open`, a run's items in its random order: the share `overlap` of them are the
/// first ones, whoever else has them; the rest are the next ones that are not among `others`. Nothing but the order decides, so
/// that any such choice is a random sample, and those of several people together are the beginning of the order.
pub fn choose_items(open: &[u32], others: &HashSet<u32>, sample: Option<usize>, overlap: f64) -> PackChoice {
    let asked = sample.unwrap_or(open.len());
    let wanted = asked.min(open.len());
    // A share such as 0.7 is not exact in binary: 0.7 of 10 are 7.
    let front = ((overlap.clamp(0.0, 1.0) * wanted as f64 - 1e-9).ceil().max(0.0) as usize).min(wanted);
    let (shared, rest) = open.split_at(front);
    let own = rest.iter().filter(|item| !others.contains(item)).take(wanted - front);
    let items: Vec<u32> = shared.iter().chain(own).copied().collect();
    PackChoice { lacking: asked.saturating_sub(items.len()), items, shared: front }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::queue::{order, seed};
    use proptest::prelude::*;

    #[test]
    fn a_share_is_rounded_up_and_no_further() {
        let open: Vec<u32> = (0..100).collect();
        let shared = |n, share| choose_items(&open, &HashSet::new(), Some(n), share).shared;
        assert_eq!([shared(60, 0.2), shared(10, 0.7), shared(30, 0.1), shared(10, 0.11)], [12, 7, 3, 2]);
        assert_eq!([shared(60, 0.0), shared(60, 1.0), shared(200, 1.0)], [0, 60, 100]);
        let all = choose_items(&open, &HashSet::new(), None, 0.2);
        assert_eq!((all.items.len(), all.shared, all.lacking), (100, 20, 0));
        assert_eq!(choose_items(&open, &HashSet::new(), Some(200), 1.0).lacking, 100);
    }

    proptest! {
        /// Whoever comes when: two packs have the front in common and nothing else, and all of them are the order's beginning.
        #[test]
        fn packs_share_exactly_the_front(total in 1..200usize, sample in 1..60usize, percent in 0..=100u32, people in 2..5usize) {
            let open: Vec<u32> = order(seed("r"), total).into_iter().map(|i| i as u32).collect();
            let overlap = f64::from(percent) / 100.0;
            let mut given: Vec<HashSet<u32>> = Vec::new();
            let front = choose_items(&open, &HashSet::new(), Some(sample), overlap).shared;
            for _ in 0..people {
                let others: HashSet<u32> = given.iter().flatten().copied().collect();
                let choice = choose_items(&open, &others, Some(sample), overlap);
                prop_assert_eq!(choice.items.get(..front), open.get(..front));
                prop_assert_eq!(choice.items.len() + choice.lacking, sample);
                given.push(choice.items.into_iter().collect());
            }
            let common: HashSet<u32> = open.iter().take(front).copied().collect();
            for (i, one) in given.iter().enumerate() {
                for other in given.iter().skip(i + 1) {
                    prop_assert_eq!(&(one & other), &common);
                }
            }
            let all: HashSet<u32> = given.iter().flatten().copied().collect();
            prop_assert_eq!(all, open.iter().take(given.iter().flatten().collect::<HashSet<_>>().len()).copied().collect());
        }
    }
}
