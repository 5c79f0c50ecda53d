//! A map whose keys are found by their digest: comparing names is what a large cluster would
//! spend its time with.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};

/// Keys in no order of theirs: what is to be shown in order stands in another map.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct DigestMap<K, V> {
    /// By the digest, and by the count of those with the same in the last 32 bits.
    entries: BTreeMap<u128, (K, V)>,
}

impl<K: Hash + Eq, V> DigestMap<K, V> {
    pub(crate) fn get<Q: Hash + Eq>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        let mut of_digest = (first_place(key)..).map_while(|place| self.entries.get(&place));
        of_digest.find(|(known, _)| known.borrow() == key).map(|(_, value)| value)
    }

    pub(crate) fn get_mut<Q: Hash + Eq>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        let place = self.place(key).ok()?;
        self.entries.get_mut(&place).map(|(_, value)| value)
    }

    pub(crate) fn contains_key<Q: Hash + Eq>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.get(key).is_some()
    }

    /// Gives back what stood there before.
    pub(crate) fn insert(&mut self, key: K, value: V) -> Option<V> {
        let (Ok(place) | Err(place)) = self.place(&key);
        self.entries.insert(place, (key, value)).map(|(_, value)| value)
    }

    pub(crate) fn remove<Q: Hash + Eq>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let place = self.place(key).ok()?;
        let (_, value) = self.entries.remove(&place)?;
        // The last of its digest takes the place.
        let later = (place + 1..).take_while(|later| self.entries.contains_key(later));
        if let Some(last) = later.last()
            && let Some(moved) = self.entries.remove(&last)
        {
            self.entries.insert(place, moved);
        }
        Some(value)
    }

    /// Where `key` stands, or where it would be inserted.
    fn place<Q: Hash + Eq>(&self, key: &Q) -> Result<u128, u128>
    where
        K: Borrow<Q>,
    {
        let mut place = first_place(key);
        while let Some((known, _)) = self.entries.get(&place) {
            if known.borrow() == key {
                return Ok(place);
            }
            place += 1;
        }
        Err(place)
    }
}

impl<K, V> Default for DigestMap<K, V> {
    fn default() -> Self {
        DigestMap { entries: BTreeMap::new() }
    }
}

fn first_place(key: &impl Hash) -> u128 {
    let mut hasher = Words(0);
    key.hash(&mut hasher);
    u128::from(hasher.finish()) << 32
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
        fn it_holds_what_a_btree_map_holds(edits in prop::collection::vec((0..12u8, 0..3u8), 0..99)) {
            let (mut map, mut model) = (DigestMap::default(), BTreeMap::new());
            for (key, value) in edits {
                let key = Key(key);
                match value {
                    0 => prop_assert_eq!(map.remove(&key), model.remove(&key)),
                    1 => prop_assert_eq!(
                        map.get_mut(&key).map(|it| *it += 9),
                        model.get_mut(&key).map(|it| *it += 9)
                    ),
                    value => prop_assert_eq!(
                        map.insert(key.clone(), value),
                        model.insert(key, value)
                    ),
                }
                for key in (0..12).map(Key) {
                    prop_assert_eq!(map.get(&key), model.get(&key));
                }
                prop_assert_eq!(map.entries.len(), model.len());
            }
        }
    }
}
