//! The keys of a run: what was planned, and what of it is still to be asked. Pure.

use super::control::RunScope;
use crate::core::digest::{Digest, RowDigest};
use crate::core::verdict::VerdictState;
use crate::store::Cell;
use std::collections::HashMap;

/// One verdict that a run plans: a response, a question, a pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VerdictKey {
    /// `RunItem::ord`.
    pub item: u32,
    /// Column.
    pub criterion: u32,
    /// Pass, from 0.
    pub repeat: u32,
}

impl VerdictKey {
    /// The key of a cell.
    pub fn of(cell: &Cell) -> Self {
        Self { item: cell.item, criterion: cell.criterion, repeat: cell.repeat }
    }
}

/// All keys of a run, by item, then criterion, then pass.
pub fn planned(items: u32, criteria: u32, repeats: u32) -> impl Iterator<Item = VerdictKey> {
    (0..items).flat_map(move |item| {
        (0..criteria)
            .flat_map(move |criterion| (0..repeats).map(move |repeat| VerdictKey { item, criterion, repeat }))
    })
}

/// The planned keys that are still to be asked, in their order, given the newest verdict of each key.
///
/// [`RunScope::Missing`]: no verdict, or one that never got an answer of its own (see [`VerdictState::is_open_on_resume`]).
/// [`RunScope::Failed`]: these, and all failures.
pub fn missing(
    planned: impl IntoIterator<Item = VerdictKey>,
    cells: &[Cell],
    scope: RunScope,
) -> Vec<VerdictKey> {
    let known: HashMap<VerdictKey, VerdictState> =
        cells.iter().map(|c| (VerdictKey::of(c), c.state)).collect();
    let is_open = |state: VerdictState| match scope {
        RunScope::Missing => state.is_open_on_resume(),
        RunScope::Failed => state != VerdictState::Scored,
    };
    planned.into_iter().filter(|key| known.get(key).is_none_or(|state| is_open(*state))).collect()
}

/// Under which a scored verdict may serve again: everything that decides it is in here, and nothing else. Editing a
/// criterion, a response, what surrounds it, or the judge makes another key; each pass has its own.
pub(super) fn cache_key(
    fingerprint: &Digest,
    response: &Digest,
    subject: &Digest,
    criterion: &Digest,
    repeat: u32,
) -> Digest {
    RowDigest::new("assize.cache.1")
        .bytes(fingerprint.as_bytes())
        .bytes(response.as_bytes())
        .bytes(subject.as_bytes())
        .bytes(criterion.as_bytes())
        .int(i64::from(repeat))
        .finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    fn cell(key: VerdictKey, state: VerdictState) -> Cell {
        let score = (state == VerdictState::Scored).then_some(3);
        Cell { item: key.item, criterion: key.criterion, repeat: key.repeat, state, score, flagged: false }
    }

    #[test]
    fn keys_come_by_item_then_criterion_then_pass() {
        let keys: Vec<_> = planned(2, 2, 2).map(|k| (k.item, k.criterion, k.repeat)).collect();
        let want = [(0, 0, 0), (0, 0, 1), (0, 1, 0), (0, 1, 1), (1, 0, 0), (1, 0, 1), (1, 1, 0), (1, 1, 1)];
        assert_eq!(keys, want);
    }

    #[test]
    fn each_part_of_a_cache_key_counts() {
        let [a, b] = ["a", "b"].map(Digest::of);
        let base = cache_key(&a, &a, &a, &a, 0);
        let others = [
            cache_key(&b, &a, &a, &a, 0),
            cache_key(&a, &b, &a, &a, 0),
            cache_key(&a, &a, &b, &a, 0),
            cache_key(&a, &a, &a, &b, 0),
            cache_key(&a, &a, &a, &a, 1),
        ];
        assert_eq!(others.iter().chain([&base]).collect::<HashSet<_>>().len(), 6);
    }

    proptest! {
        #[test]
        fn what_is_stored_and_what_is_missing_make_the_plan(
            (items, criteria, repeats) in (0u32..6, 0u32..4, 1u32..4),
            states in proptest::collection::vec(proptest::option::of(0usize..12), 0..80),
        ) {
            let all: Vec<VerdictKey> = planned(items, criteria, repeats).collect();
            prop_assert_eq!(all.len(), (items * criteria * repeats) as usize);
            let cells: Vec<Cell> = all.iter().zip(&states)
                .filter_map(|(key, state)| state.map(|s| cell(*key, VerdictState::ALL[s])))
                .collect();
            for scope in [RunScope::Missing, RunScope::Failed] {
                let open = missing(all.iter().copied(), &cells, scope);
                let closed: HashSet<VerdictKey> = cells.iter()
                    .filter(|c| c.state == VerdictState::Scored || scope == RunScope::Missing && !c.state.is_open_on_resume())
                    .map(VerdictKey::of)
                    .collect();
                prop_assert!(open.iter().all(|k| !closed.contains(k)));
                let union: HashSet<VerdictKey> = open.iter().copied().chain(closed).collect();
                prop_assert_eq!(union, all.iter().copied().collect::<HashSet<_>>());
                prop_assert!(open.is_sorted());
            }
        }
    }
}
