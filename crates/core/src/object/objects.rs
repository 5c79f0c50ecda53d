//! All objects of a cluster, by key.

use std::collections::BTreeMap;
use std::ops::Index;
use std::rc::Rc;

use super::Object;
use crate::digest::DigestMap;
use crate::key::{Kind, ObjectKey};

/// Objects by kind, namespace and name. A clone shares them: an earlier moment costs pointers, not
/// a copy of every object.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Objects {
    /// By id; none where the object is gone.
    all: Vec<Option<(Rc<ObjectKey>, Rc<Object>)>>,
    ids: DigestMap<Rc<ObjectKey>, Id>,
    in_order: BTreeMap<Rc<ObjectKey>, Id>,
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
        self.entry(self.id(key)?).map(|(_, object)| object)
    }

    pub fn id(&self, key: &ObjectKey) -> Option<Id> {
        self.ids.get(key).copied()
    }

    pub fn by_id(&self, id: Id) -> Option<&Object> {
        self.entry(id).map(|(_, object)| object.as_ref())
    }

    pub fn key_of(&self, id: Id) -> Option<&Rc<ObjectKey>> {
        self.entry(id).map(|(key, _)| key)
    }

    fn entry(&self, id: Id) -> Option<&(Rc<ObjectKey>, Rc<Object>)> {
        self.all.get(id.0 as usize)?.as_ref()
    }

    pub fn contains_key(&self, key: &ObjectKey) -> bool {
        self.id(key).is_some()
    }

    /// Gives back what stood there before.
    pub fn insert(&mut self, object: impl Into<Rc<Object>>) -> Option<Rc<Object>> {
        let object = object.into();
        let key = object.key();
        match self.id(&key) {
            Some(id) => self.replace(id, object),
            None => {
                self.add(key, object);
                None
            }
        }
    }

    /// Another state of an object that is there, which is given back.
    pub(crate) fn replace(&mut self, id: Id, object: Rc<Object>) -> Option<Rc<Object>> {
        let (_, old) = self.all.get_mut(id.0 as usize)?.as_mut()?;
        Some(std::mem::replace(old, object))
    }

    /// An object that is not there yet.
    pub(crate) fn add(&mut self, key: ObjectKey, object: Rc<Object>) -> Id {
        let (id, key) = (Id(self.all.len() as u32), Rc::new(key));
        self.ids.insert(key.clone(), id);
        self.in_order.insert(key.clone(), id);
        self.all.push(Some((key, object)));
        id
    }

    pub fn remove(&mut self, key: &ObjectKey) -> Option<Rc<Object>> {
        let id = self.ids.remove(key)?;
        self.in_order.remove(key);
        let (_, object) = self.all.get_mut(id.0 as usize)?.take()?;
        Some(object)
    }

    pub fn len(&self) -> usize {
        self.in_order.len()
    }

    pub fn is_empty(&self) -> bool {
        self.in_order.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = (&ObjectKey, &Object)> {
        let there = self.in_order.values().filter_map(|id| self.entry(*id));
        there.map(|(key, object)| (key.as_ref(), object.as_ref()))
    }

    pub fn keys(&self) -> impl Iterator<Item = &ObjectKey> {
        self.in_order.keys().map(Rc::as_ref)
    }

    pub fn values(&self) -> impl Iterator<Item = &Object> {
        self.all_shared().map(Rc::as_ref)
    }

    /// As [`Objects::values`], to be kept by whoever asks.
    pub fn all_shared(&self) -> impl Iterator<Item = &Rc<Object>> {
        self.in_order.values().filter_map(|id| self.entry(*id)).map(|(_, object)| object)
    }

    /// The objects of one kind, by namespace and name.
    pub fn of_kind(&self, kind: Kind) -> impl Iterator<Item = &Object> {
        let there = self.in_order.range::<ObjectKey, _>(ObjectKey::new(kind, "", "")..);
        let there = there.take_while(move |(key, _)| key.kind == kind);
        there.filter_map(|(_, id)| self.by_id(*id))
    }

    /// The objects of one kind in one namespace, by name.
    pub fn in_namespace<'a>(
        &'a self,
        kind: Kind,
        namespace: &'a str,
    ) -> impl Iterator<Item = &'a Object> {
        let there = self.in_order.range::<ObjectKey, _>(ObjectKey::new(kind, namespace, "")..);
        let inside = move |key: &ObjectKey| key.kind == kind && key.namespace == namespace;
        there.take_while(move |(key, _)| inside(key)).filter_map(|(_, id)| self.by_id(*id))
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
