//! Objects written and removed, and who hears of it.

use std::collections::VecDeque;
use std::rc::Rc;

use super::Lab;
use super::log::EntryId;
use super::queue::Task;
use crate::admit;
use crate::key::{Kind, ObjectKey};
use crate::object::{Id, Object, Pod};
use crate::time::Duration;

/// How long watchers take to act on a change.
pub(super) const CONTROLLER: Duration = Duration::from_millis(10);

/// How many changes a watch can look back on.
const KEPT_CHANGES: usize = 1000;

/// One event of a watch (`watch.Event`).
#[derive(Debug, Clone, PartialEq)]
pub struct WatchEvent {
    pub what: Watched,
    /// The object after the change; its last state where it was deleted.
    pub object: Rc<Object>,
    pub resource_version: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Watched {
    Added,
    Modified,
    Deleted,
}

/// The latest changes of the store, oldest first.
pub(super) type Changes = VecDeque<WatchEvent>;

impl Lab {
    /// Stores the object as the API server does: versions, then the watchers hear of it.
    /// Nothing happens where nothing changed. An object that waits for its deletion goes with its
    /// last finalizer.
    pub(super) fn write(&mut self, object: Object, cause: Option<EntryId>) -> ObjectKey {
        let version = self.settings.version;
        self.put(object, &|old, new| admit::next_generation(old, new, version), cause)
    }

    /// The same through the subresource `status`: whatever changes, the generation stays.
    pub(super) fn write_status(&mut self, object: Object, cause: Option<EntryId>) -> ObjectKey {
        self.put(object, &|_, new| new.meta().generation, cause)
    }

    fn put(
        &mut self,
        mut object: Object,
        generation: &dyn Fn(Option<&Object>, &Object) -> i64,
        cause: Option<EntryId>,
    ) -> ObjectKey {
        let key = object.key();
        let id = self.objects.id(&key);
        let old = id.and_then(|id| self.objects.by_id(id));
        let generation = generation(old, &object);
        let meta = object.meta_mut();
        match old {
            Some(old) => {
                meta.uid.clone_from(&old.meta().uid);
                meta.creation_timestamp.clone_from(&old.meta().creation_timestamp);
                meta.resource_version.clone_from(&old.meta().resource_version);
            }
            None if meta.uid.is_empty() => meta.uid = self.rng.uid().into(),
            None => {}
        }
        meta.generation = generation;
        if old == Some(&object) {
            return key;
        }
        if old.is_some() && waits_for_nothing(&object) {
            self.remove(&key, cause);
            return key;
        }
        self.resource_version += 1;
        let meta = object.meta_mut();
        meta.resource_version = self.resource_version.to_string();
        if old.is_none() {
            meta.creation_timestamp = self.now.rfc3339().into();
        }
        let object = Rc::new(object);
        let (id, old) = match id {
            Some(id) => (id, self.objects.replace(id, object.clone())),
            None => (self.objects.add(key.clone(), object.clone()), None),
        };
        self.index.replace(&self.objects, (&key, id), old.as_deref(), Some(&object));
        let what = if old.is_none() { Watched::Added } else { Watched::Modified };
        self.remember(what, object.clone());
        self.tell((&key, id), old.as_deref(), Some(&object), cause);
        if old.is_none() {
            self.check_owners(&key, object.meta(), cause);
        }
        key
    }

    /// Takes the object out of the store, whatever waits for it.
    pub(super) fn remove(&mut self, key: &ObjectKey, cause: Option<EntryId>) {
        let Some(id) = self.objects.id(key) else { return };
        let Some(old) = self.objects.remove(key) else { return };
        self.index.replace(&self.objects, (key, id), Some(&old), None);
        self.resource_version += 1;
        self.sources.remove(key);
        self.memory.forget((key, id));
        self.remember(Watched::Deleted, old.clone());
        self.tell((key, id), Some(&old), None, cause);
        self.clean_up_after(key, &old, cause);
    }

    /// A version of an object that watches get although it is gone with the next one.
    pub(super) fn show_version(&mut self, mut object: Object) {
        self.resource_version += 1;
        object.meta_mut().resource_version = self.resource_version.to_string();
        self.remember(Watched::Modified, Rc::new(object));
    }

    fn remember(&mut self, what: Watched, object: Rc<Object>) {
        if self.changes.len() == KEPT_CHANGES {
            self.changes.pop_front();
        }
        let resource_version = self.resource_version;
        self.changes.push_back(WatchEvent { what, object, resource_version });
    }

    /// What a watch that has seen everything up to `resource_version` gets, oldest first. Only
    /// the latest 1000 changes are kept.
    pub fn watch(&self, resource_version: u64) -> impl Iterator<Item = &WatchEvent> {
        let first = self.changes.partition_point(|it| it.resource_version <= resource_version);
        self.changes.range(first..)
    }

    /// The version of the store's last change (`metadata.resourceVersion` of a list).
    pub fn resource_version(&self) -> u64 {
        self.resource_version
    }

    pub(super) fn soon(&mut self, after: Duration, task: Task, cause: Option<EntryId>) {
        self.queue.push(self.now + after, task, cause);
    }

    pub(super) fn pods(&self) -> impl Iterator<Item = &Pod> {
        self.objects.of_kind(Kind::Pod).filter_map(Object::as_pod)
    }

    /// Those of the objects that are pods, in the order of their creation.
    pub(super) fn pods_of<'a>(
        &'a self,
        ids: impl Iterator<Item = Id> + 'a,
    ) -> impl Iterator<Item = &'a Pod> + 'a {
        ids.filter_map(|id| self.objects.by_id(id)?.as_pod())
    }

    pub(super) fn key_of(&self, id: Id) -> Option<ObjectKey> {
        self.objects.key_of(id).map(|it| ObjectKey::clone(it))
    }
}

/// Asked to go, with neither a finalizer nor a grace period left.
fn waits_for_nothing(object: &Object) -> bool {
    let meta = object.meta();
    if object.as_namespace().is_some_and(|it| !it.spec.finalizers.is_empty()) {
        return false;
    }
    let grace = meta.deletion_grace_period_seconds.unwrap_or(0);
    meta.deletion_timestamp.is_some() && meta.finalizers.is_empty() && grace == 0
}
