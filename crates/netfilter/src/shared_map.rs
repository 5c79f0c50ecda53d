//! A sorted map whose copies cost next to nothing, also when they are then changed.
//!
//! The entries stand in blocks. A copy shares all of them; a change copies the list of blocks and
//! the one block that it falls into. That is what a kernel with twenty thousand chains needs when
//! a sync changes ten of them while traces and earlier moments keep the rules as they were.

use std::fmt;
use std::rc::Rc;

use crate::order::Order;

/// A full block is split in two; one with less than a quarter joins its neighbour.
const BLOCK: usize = 64;

type Block<K, V> = Rc<Vec<(K, V)>>;

/// Entries ascend within a block and from block to block; no block is empty.
#[derive(Clone)]
pub struct SharedMap<K, V> {
    blocks: Rc<Vec<Block<K, V>>>,
    len: usize,
}

impl<K: Ord + Clone, V: Clone> SharedMap<K, V> {
    pub fn new() -> SharedMap<K, V> {
        SharedMap { blocks: Rc::default(), len: 0 }
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub fn get(&self, key: &K) -> Option<&V> {
        let (block, index) = self.find(key).ok()?;
        Some(&self.blocks[block][index].1)
    }

    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        let place = self.find(key).ok()?;
        Some(self.value_at(place))
    }

    pub fn contains_key(&self, key: &K) -> bool {
        self.find(key).is_ok()
    }

    /// The value of `key`, made by `default` where there is none.
    pub fn get_or_insert_with(&mut self, key: K, default: impl FnOnce() -> V) -> &mut V {
        let place = match self.find(&key) {
            Ok(place) => place,
            Err(place) => self.insert_at(place, (key, default())),
        };
        self.value_at(place)
    }

    /// Gives back what stood there before.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        match self.find(&key) {
            Ok(place) => Some(std::mem::replace(self.value_at(place), value)),
            Err(place) => {
                self.insert_at(place, (key, value));
                None
            }
        }
    }

    pub fn remove(&mut self, key: &K) -> Option<V> {
        let (block, index) = self.find(key).ok()?;
        let blocks = Rc::make_mut(&mut self.blocks);
        let (_, value) = Rc::make_mut(&mut blocks[block]).remove(index);
        self.len -= 1;
        join_small(blocks, block);
        Some(value)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> + Clone {
        self.blocks.iter().flat_map(|block| block.iter().map(|(key, value)| (key, value)))
    }

    pub fn keys(&self) -> impl Iterator<Item = &K> + Clone {
        self.iter().map(|(key, _)| key)
    }

    pub fn values(&self) -> impl Iterator<Item = &V> + Clone {
        self.iter().map(|(_, value)| value)
    }

    fn value_at(&mut self, (block, index): (usize, usize)) -> &mut V {
        let blocks = Rc::make_mut(&mut self.blocks);
        &mut Rc::make_mut(&mut blocks[block])[index].1
    }

    /// Whether the two share everything: neither was changed since it was copied from the other.
    pub fn is_copy_of(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.blocks, &other.blocks)
    }

    /// Where `key` stands, or where it would be inserted.
    fn find(&self, key: &K) -> Result<(usize, usize), (usize, usize)> {
        let ends_before = |it: &Block<K, V>| it.last().is_some_and(|(last, _)| last < key);
        let block = self.blocks.partition_point(ends_before);
        let Some(entries) = self.blocks.get(block) else {
            let last = self.blocks.len().saturating_sub(1);
            return Err((last, self.blocks.last().map_or(0, |it| it.len())));
        };
        match entries.binary_search_by(|(it, _)| it.cmp(key)) {
            Ok(index) => Ok((block, index)),
            Err(index) => Err((block, index)),
        }
    }

    /// Gives back where the entry stands then.
    fn insert_at(&mut self, (block, index): (usize, usize), entry: (K, V)) -> (usize, usize) {
        self.len += 1;
        let blocks = Rc::make_mut(&mut self.blocks);
        if blocks.is_empty() {
            blocks.push(Rc::default());
        }
        let entries = Rc::make_mut(&mut blocks[block]);
        entries.insert(index, entry);
        if entries.len() <= BLOCK {
            return (block, index);
        }
        let upper = entries.split_off(BLOCK / 2);
        blocks.insert(block + 1, Rc::new(upper));
        if index < BLOCK / 2 { (block, index) } else { (block + 1, index - BLOCK / 2) }
    }

    /// All at once: entries in ascending order, each key once.
    fn from_ascending(entries: Vec<(K, V)>) -> SharedMap<K, V> {
        let len = entries.len();
        let mut entries = entries.into_iter();
        let mut blocks = Vec::with_capacity(len.div_ceil(BLOCK));
        while entries.len() > 0 {
            blocks.push(Rc::new(entries.by_ref().take(BLOCK).collect()));
        }
        SharedMap { blocks: Rc::new(blocks), len }
    }
}

fn join_small<K: Clone, V: Clone>(blocks: &mut Vec<Block<K, V>>, at: usize) {
    let len = blocks[at].len();
    let next = at + 1;
    if len == 0 {
        blocks.remove(at);
    } else if len < BLOCK / 4 && blocks.get(next).is_some_and(|it| it.len() + len <= BLOCK) {
        let joined = blocks.remove(next);
        Rc::make_mut(&mut blocks[at]).extend(joined.iter().cloned());
    }
}

impl<K, V> Default for SharedMap<K, V> {
    fn default() -> Self {
        SharedMap { blocks: Rc::default(), len: 0 }
    }
}

/// The last of several entries with one key stays.
impl<K: Ord + Clone, V: Clone> FromIterator<(K, V)> for SharedMap<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let mut entries: Vec<(K, V)> = entries.into_iter().collect();
        entries.reverse();
        entries.order_by(|(a, _), (b, _)| a.cmp(b));
        entries.dedup_by(|(a, _), (b, _)| a == b);
        SharedMap::from_ascending(entries)
    }
}

/// Many new entries are merged in one go.
impl<K: Ord + Clone, V: Clone> Extend<(K, V)> for SharedMap<K, V> {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, entries: I) {
        let entries: Vec<(K, V)> = entries.into_iter().collect();
        if entries.len() > self.len() / 8 {
            let old = self.iter().map(|(key, value)| (key.clone(), value.clone()));
            *self = old.chain(entries).collect();
        } else {
            for (key, value) in entries {
                self.insert(key, value);
            }
        }
    }
}

/// Equal are maps with the same entries, however they stand in blocks.
impl<K: Ord + Clone, V: Clone + PartialEq> PartialEq for SharedMap<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.is_copy_of(other) || (self.len == other.len && self.iter().eq(other.iter()))
    }
}

impl<K: Ord + Clone + fmt::Debug, V: Clone + fmt::Debug> fmt::Debug for SharedMap<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone)]
    enum Edit {
        Insert(u16, u8),
        Remove(u16),
        Touch(u16),
        Extend(Vec<(u16, u8)>),
    }

    fn edit() -> impl Strategy<Value = Edit> {
        let key = 0u16..600;
        prop_oneof![
            4 => (key.clone(), any::<u8>()).prop_map(|(key, value)| Edit::Insert(key, value)),
            4 => key.clone().prop_map(Edit::Remove),
            2 => key.clone().prop_map(Edit::Touch),
            1 => prop::collection::vec((key, any::<u8>()), 0..300).prop_map(Edit::Extend),
        ]
    }

    /// Carries out the edit on both, which must answer alike.
    fn carry_out(edit: Edit, map: &mut SharedMap<u16, u8>, model: &mut BTreeMap<u16, u8>) {
        match edit {
            Edit::Insert(key, value) => {
                assert_eq!(map.insert(key, value), model.insert(key, value));
            }
            Edit::Remove(key) => assert_eq!(map.remove(&key), model.remove(&key)),
            Edit::Touch(key) => {
                let (it, other) =
                    (map.get_or_insert_with(key, || 7), model.entry(key).or_insert(7));
                (*it, *other) = (it.wrapping_add(1), other.wrapping_add(1));
            }
            Edit::Extend(entries) => {
                map.extend(entries.clone());
                model.extend(entries);
            }
        }
    }

    #[track_caller]
    fn check(map: &SharedMap<u16, u8>, model: &BTreeMap<u16, u8>) {
        assert!(map.iter().eq(model.iter()), "{map:?} is not {model:?}");
        assert_eq!(map.len(), model.len());
        assert!((0..600).all(|key| map.get(&key) == model.get(&key)));
        assert_eq!(*map, model.iter().map(|(key, value)| (*key, *value)).collect());
        let sound = |it: &Block<u16, u8>| (1..=BLOCK).contains(&it.len());
        assert!(map.blocks.iter().all(sound));
    }

    proptest! {
        #[test]
        fn it_holds_what_a_btree_map_holds_and_copies_stay_as_they_were(
            edits in prop::collection::vec(edit(), 0..200),
            copy_at in 0usize..200,
        ) {
            let (mut map, mut model) = (SharedMap::new(), BTreeMap::new());
            let mut kept = None;
            for (index, edit) in edits.into_iter().enumerate() {
                if index == copy_at {
                    kept = Some((map.clone(), model.clone()));
                }
                carry_out(edit, &mut map, &mut model);
            }
            check(&map, &model);
            if let Some((map, model)) = kept {
                check(&map, &model);
            }
        }
    }
}
