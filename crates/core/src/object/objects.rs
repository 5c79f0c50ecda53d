//! All objects of a cluster, by key.

use std::collections::BTreeMap;
use std::ops::Index;
use std::rc::Rc;

use super::Object;
use crate::key::{Kind, ObjectKey};

/// Objects by kind, namespace and name. A clone shares them: an earlier moment costs a map of
/// pointers, not a copy of every object.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Objects(BTreeMap<ObjectKey, Rc<Object>>);

impl Objects {
    pub fn new() -> Objects {
        Objects::default()
    }

    pub fn get(&self, key: &ObjectKey) -> Option<&Object> {
        self.0.get(key).map(Rc::as_ref)
    }

    pub fn shared(&self, key: &ObjectKey) -> Option<&Rc<Object>> {
        self.0.get(key)
    }

    pub fn contains_key(&self, key: &ObjectKey) -> bool {
        self.0.contains_key(key)
    }

    /// Gives back what stood there before.
    pub fn insert(&mut self, object: impl Into<Rc<Object>>) -> Option<Rc<Object>> {
        let object = object.into();
        self.0.insert(object.key(), object)
    }

    pub fn remove(&mut self, key: &ObjectKey) -> Option<Rc<Object>> {
        self.0.remove(key)
    }

    pub fn retain(&mut self, mut keep: impl FnMut(&ObjectKey, &Object) -> bool) {
        self.0.retain(|key, object| keep(key, object));
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = (&ObjectKey, &Object)> {
        self.0.iter().map(|(key, object)| (key, object.as_ref()))
    }

    pub fn keys(&self) -> impl Iterator<Item = &ObjectKey> {
        self.0.keys()
    }

    pub fn values(&self) -> impl Iterator<Item = &Object> {
        self.0.values().map(Rc::as_ref)
    }

    pub fn all_shared(&self) -> impl Iterator<Item = &Rc<Object>> {
        self.0.values()
    }

    /// The objects of one kind, by namespace and name.
    pub fn of_kind(&self, kind: Kind) -> impl Iterator<Item = &Object> {
        let there = self.0.range(ObjectKey::new(kind, "", "")..);
        there.take_while(move |(key, _)| key.kind == kind).map(|(_, object)| object.as_ref())
    }

    /// The objects of one kind in one namespace, by name.
    pub fn in_namespace<'a>(
        &'a self,
        kind: Kind,
        namespace: &'a str,
    ) -> impl Iterator<Item = &'a Object> {
        let there = self.0.range(ObjectKey::new(kind, namespace, "")..);
        there
            .take_while(move |(key, _)| key.kind == kind && key.namespace == namespace)
            .map(|(_, object)| object.as_ref())
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
        Objects(objects.into_iter().map(|it| (it.key(), Rc::new(it))).collect())
    }
}
