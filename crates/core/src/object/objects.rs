//! All objects of a cluster, by key.

use std::collections::BTreeMap;
use std::ops::Index;
use std::rc::Rc;

use super::Object;
use crate::key::{Kind, ObjectKey};

/// Objects by kind, namespace and name. A clone shares them: an earlier moment costs a map of
/// pointers, not a copy of every object.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Objects {
    by_key: BTreeMap<ObjectKey, (Id, Rc<Object>)>,
    /// Comparing names is what a large cluster would spend its time with.
    by_id: BTreeMap<Id, Rc<Object>>,
    made: u32,
}

/// An object from its creation until its removal; later ones are greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(u32);

impl Objects {
    pub fn new() -> Objects {
        Objects::default()
    }

    pub fn get(&self, key: &ObjectKey) -> Option<&Object> {
        self.shared(key).map(Rc::as_ref)
    }

    pub fn shared(&self, key: &ObjectKey) -> Option<&Rc<Object>> {
        self.by_key.get(key).map(|(_, object)| object)
    }

    pub fn id(&self, key: &ObjectKey) -> Option<Id> {
        self.by_key.get(key).map(|(id, _)| *id)
    }

    pub fn by_id(&self, id: Id) -> Option<&Object> {
        self.by_id.get(&id).map(Rc::as_ref)
    }

    pub fn contains_key(&self, key: &ObjectKey) -> bool {
        self.by_key.contains_key(key)
    }

    /// Gives back what stood there before.
    pub fn insert(&mut self, object: impl Into<Rc<Object>>) -> Option<Rc<Object>> {
        let object = object.into();
        let key = object.key();
        if let Some((id, old)) = self.by_key.get_mut(&key) {
            self.by_id.insert(*id, object.clone());
            return Some(std::mem::replace(old, object));
        }
        let id = Id(self.made);
        self.made += 1;
        self.by_id.insert(id, object.clone());
        self.by_key.insert(key, (id, object));
        None
    }

    pub fn remove(&mut self, key: &ObjectKey) -> Option<Rc<Object>> {
        let (id, object) = self.by_key.remove(key)?;
        self.by_id.remove(&id);
        Some(object)
    }

    pub fn len(&self) -> usize {
        self.by_key.len()
    }

    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = (&ObjectKey, &Object)> {
        self.by_key.iter().map(|(key, (_, object))| (key, object.as_ref()))
    }

    pub fn keys(&self) -> impl Iterator<Item = &ObjectKey> {
        self.by_key.keys()
    }

    pub fn values(&self) -> impl Iterator<Item = &Object> {
        self.by_key.values().map(|(_, object)| object.as_ref())
    }

    /// As [`Objects::values`], to be kept by whoever asks.
    pub fn all_shared(&self) -> impl Iterator<Item = &Rc<Object>> {
        self.by_key.values().map(|(_, object)| object)
    }

    /// The objects of one kind, by namespace and name.
    pub fn of_kind(&self, kind: Kind) -> impl Iterator<Item = &Object> {
        let there = self.by_key.range(ObjectKey::new(kind, "", "")..);
        there.take_while(move |(key, _)| key.kind == kind).map(|(_, (_, object))| object.as_ref())
    }

    /// The objects of one kind in one namespace, by name.
    pub fn in_namespace<'a>(
        &'a self,
        kind: Kind,
        namespace: &'a str,
    ) -> impl Iterator<Item = &'a Object> {
        let there = self.by_key.range(ObjectKey::new(kind, namespace, "")..);
        there
            .take_while(move |(key, _)| key.kind == kind && key.namespace == namespace)
            .map(|(_, (_, object))| object.as_ref())
    }
}

impl Index<&ObjectKey> for Objects {
    type Output = Object;

    /// Panics where there is no such object.
    fn index(&self, key: &ObjectKey) -> &Object {
        self.get(key).expect("the object is there")
    }
}

impl FromIterator<Object> for Objects {
    fn from_iter<I: IntoIterator<Item = Object>>(objects: I) -> Objects {
        let mut res = Objects::new();
        for object in objects {
            res.insert(object);
        }
        res
    }
}
