//! Numbers for texts and other names that come again and again, mostly one after the other.

use std::collections::HashMap;
use std::hash::Hash;

/// Gives each name a number, from 0 in the order of their first use.
#[derive(Debug)]
pub struct Numbers<'a, K: ?Sized> {
    known: HashMap<&'a K, u32>,
    /// The name asked for last: rows of one case follow each other.
    last: Option<(&'a K, u32)>,
}

impl<K: ?Sized> Default for Numbers<'_, K> {
    fn default() -> Self {
        Self { known: HashMap::new(), last: None }
    }
}

impl<'a, K: Eq + Hash + ?Sized> Numbers<'a, K> {
    /// The number of a name.
    pub fn of(&mut self, name: &'a K) -> u32 {
        if let Some((last, number)) = self.last
            && last == name
        {
            return number;
        }
        let next = self.known.len() as u32;
        let number = *self.known.entry(name).or_insert(next);
        self.last = Some((name, number));
        number
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether none was asked for.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_number_whatever_comes_between() {
        let mut numbers: Numbers<'_, str> = Numbers::default();
        assert!(numbers.is_empty());
        let found: Vec<u32> = ["b", "b", "a", "b", "c", "c", "a"].map(|name| numbers.of(name)).to_vec();
        assert_eq!((found, numbers.len()), (vec![0, 0, 1, 0, 2, 2, 1], 3));
    }
}
