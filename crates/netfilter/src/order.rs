//! Sorting and gathering that are compiled once.
//!
//! A list → the same list in order; items → a sorted map or set.
//! The standard library's sort is compiled anew for each type and each comparison, 4 kB of
//! the page each time, and collecting into a `BTreeMap` sorts a list first.
//! Here one sort orders places, and each list only moves its items there.

use std::cmp::Ordering;

/// Stable sorts of a list: equal items keep their order.
pub trait Order<T> {
    fn order_by(&mut self, compare: impl Fn(&T, &T) -> Ordering);

    /// Asks for each item's key once.
    fn order_by_key<K: Ord>(&mut self, key: impl FnMut(&T) -> K);

    fn order(&mut self)
    where
        T: Ord,
    {
        self.order_by(T::cmp);
    }
}

impl<T> Order<T> for [T] {
    fn order_by(&mut self, compare: impl Fn(&T, &T) -> Ordering) {
        if !self.is_sorted_by(|a, b| compare(a, b).is_le()) {
            let places = places(self.len(), &|a, b| compare(&self[a], &self[b]));
            bring(self, places);
        }
    }

    fn order_by_key<K: Ord>(&mut self, key: impl FnMut(&T) -> K) {
        if self.len() < 2 {
            return;
        }
        let keys: Vec<K> = self.iter().map(key).collect();
        bring(self, places(keys.len(), &|a, b| keys[a].cmp(&keys[b])));
    }
}

/// Moves each item to its place.
fn bring<T>(list: &mut [T], mut places: Vec<usize>) {
    for at in 0..list.len() {
        while places[at] != at {
            let to = places[at];
            list.swap(at, to);
            places.swap(at, to);
        }
    }
}

/// Where each item goes.
fn places(len: usize, compare: &dyn Fn(usize, usize) -> Ordering) -> Vec<usize> {
    let mut sorted: Vec<usize> = (0..len).collect();
    sorted.sort_by(|a, b| compare(*a, *b));
    let mut res = vec![0; len];
    for (place, item) in sorted.into_iter().enumerate() {
        res[item] = place;
    }
    res
}

/// Collecting into a map or set one item after the other; of equal keys, the last stays.
pub trait Gather: Iterator + Sized {
    fn gather<C: Default + Extend<Self::Item>>(self) -> C {
        let mut res = C::default();
        res.extend(self);
        res
    }
}

impl<I: Iterator> Gather for I {}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn order_is_the_stable_sort(list: Vec<(u8, u32)>) {
            let mut sorted = list.clone();
            sorted.sort_by_key(|it| it.0);
            let mut ordered = list;
            ordered.order_by_key(|it| it.0);
            prop_assert_eq!(ordered, sorted);
        }

        #[test]
        fn gathering_is_collecting(items: Vec<(u8, u32)>) {
            let gathered: BTreeMap<u8, u32> = items.iter().copied().gather();
            prop_assert_eq!(gathered, items.into_iter().collect());
        }
    }
}
