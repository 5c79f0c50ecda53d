//! A map whose keys are found by their digest: comparing names is what a large cluster would
//! spend its time with.

use std::borrow::Borrow;
use std::hash::{Hash, Hasher};

/// Keys in no order of theirs: what is to be shown in order stands in another map.
///
/// An entry stands at the place that its digest names or, where others stand there, at the first
/// free one after it. Half of all places are free at least.
#[derive(Debug, Clone)]
pub(crate) struct DigestMap<K, V> {
    /// As many as a power of two, or none.
    places: Vec<Option<(K, V)>>,
    len: usize,
}

impl<K: Hash + Eq, V> DigestMap<K, V> {
    pub(crate) fn get<Q: Hash + Eq>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        let at = self.find(key).ok()?;
        self.places.get(at)?.as_ref().map(|(_, value)| value)
    }

    pub(crate) fn contains_key<Q: Hash + Eq>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.find(key).is_ok()
    }

    /// Gives back what stood there before.
    pub(crate) fn insert(&mut self, key: K, value: V) -> Option<V> {
        let at = self.find(&key);
        if at.is_err() && (self.len + 1) * 2 > self.places.len() {
            self.grow();
            return self.insert(key, value);
        }
        let (Ok(at) | Err(at)) = at;
        let old = self.places.get_mut(at)?.replace((key, value)).map(|(_, value)| value);
        self.len += usize::from(old.is_none());
        old
    }

    pub(crate) fn remove<Q: Hash + Eq>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let mut free = self.find(key).ok()?;
        let (_, value) = self.places.get_mut(free)?.take()?;
        self.len -= 1;
        // What could not stand here before moves up, for nobody looks behind a free place.
        let mut at = self.after(free);
        while let Some((other, _)) = self.places.get(at)?.as_ref() {
            let behind = |from: usize| at.wrapping_sub(from) & (self.places.len() - 1);
            if behind(self.first(other)) >= behind(free) {
                self.places.swap(free, at);
                free = at;
            }
            at = self.after(at);
        }
        Some(value)
    }

    fn grow(&mut self) {
        let more = (self.places.len() * 2).max(8);
        let before = std::mem::take(&mut self.places);
        self.places.resize_with(more, || None);
        for entry in before.into_iter().flatten() {
            if let Err(at) = self.find(&entry.0) {
                self.places[at] = Some(entry);
            }
        }
    }

    /// Where `key` stands, or where it would be inserted.
    fn find<Q: Hash + Eq>(&self, key: &Q) -> Result<usize, usize>
    where
        K: Borrow<Q>,
    {
        let mut at = self.first(key);
        while let Some(Some((known, _))) = self.places.get(at) {
            if known.borrow() == key {
                return Ok(at);
            }
            at = self.after(at);
        }
        Err(at)
    }

    fn first(&self, key: &impl Hash) -> usize {
        // The upper half of a product depends on all that went into it.
        (digest(key) >> 32) as usize & self.places.len().wrapping_sub(1)
    }

    fn after(&self, at: usize) -> usize {
        (at + 1) & (self.places.len() - 1)
    }
}

impl<K, V> Default for DigestMap<K, V> {
    fn default() -> Self {
        DigestMap { places: Vec::new(), len: 0 }
    }
}

/// Whatever the order in which they were filled.
impl<K: Hash + Eq, V: PartialEq> PartialEq for DigestMap<K, V> {
    fn eq(&self, other: &Self) -> bool {
        let mut all = self.places.iter().flatten();
        self.len == other.len && all.all(|(key, value)| other.get(key) == Some(value))
    }
}

/// Two values have the same one by chance alone.
pub(crate) fn digest(value: &impl Hash) -> u64 {
    let mut hasher = Words(0);
    value.hash(&mut hasher);
    hasher.finish()
}

/// Eight bytes at a time; the standard library's own hashers differ from run to run.
struct Words(u64);

impl Words {
    fn add(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

impl Hasher for Words {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        words.iter().for_each(|word| self.add(u64::from_le_bytes(*word)));
        let rest = rest.iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
        self.add(rest);
    }

    fn write_u8(&mut self, byte: u8) {
        self.add(byte.into());
    }

    fn write_isize(&mut self, word: isize) {
        self.add(word as u64);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// Many keys have one digest.
    #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
    struct Key(u8);

    impl Hash for Key {
        fn hash<H: Hasher>(&self, hasher: &mut H) {
            (self.0 % 3).hash(hasher);
        }
    }

    proptest! {
        #[test]
        fn it_holds_what_a_btree_map_holds(edits in prop::collection::vec((0..12u8, 0..2u8), 0..99)) {
            let (mut map, mut model) = (DigestMap::default(), BTreeMap::new());
            for (key, value) in edits {
                let key = Key(key);
                match value {
                    0 => prop_assert_eq!(map.remove(&key), model.remove(&key)),
                    value => prop_assert_eq!(
                        map.insert(key.clone(), value),
                        model.insert(key, value)
                    ),
                }
                for key in (0..12).map(Key) {
                    prop_assert_eq!(map.get(&key), model.get(&key));
                }
                prop_assert_eq!(map.len, model.len());
                let mut other = DigestMap::default();
                model.iter().rev().for_each(|(key, value)| _ = other.insert(key.clone(), *value));
                prop_assert!(map == other);
            }
        }
    }
}
