//! Objects written and removed, and who hears of it.

use super::Lab;
use super::log::{Component, EntryId, Happening};
use super::queue::Task;
use crate::admit;
use crate::control::members;
use crate::key::{Kind, ObjectKey};
use crate::object::{Object, ObjectMeta, Pod, Service};
use crate::time::Duration;

/// How long watchers take to act on a change.
const CONTROLLER: Duration = Duration::from_millis(10);
const SCHEDULER: Duration = Duration::from_millis(20);
const ENDPOINTS: Duration = Duration::from_millis(5);
/// How long a sample program takes from SIGTERM to its end.
const STOP: Duration = Duration::from_millis(200);

impl Lab {
    /// Stores the object as the API server does: versions, then the watchers hear of it.
    /// Nothing happens where nothing changed.
    pub(super) fn write(&mut self, mut object: Object, cause: Option<EntryId>) -> ObjectKey {
        let key = object.key();
        let old = self.objects.get(&key);
        let generation = admit::next_generation(old, &object);
        let meta = object.meta_mut();
        match old {
            Some(old) => {
                meta.uid.clone_from(&old.meta().uid);
                meta.creation_timestamp.clone_from(&old.meta().creation_timestamp);
                meta.resource_version.clone_from(&old.meta().resource_version);
            }
            None if meta.uid.is_empty() => meta.uid = self.rng.uid(),
            None => {}
        }
        meta.generation = generation;
        if old == Some(&object) {
            return key;
        }
        self.resource_version += 1;
        let meta = object.meta_mut();
        meta.resource_version = self.resource_version.to_string();
        if old.is_none() {
            meta.creation_timestamp = self.now.rfc3339();
        }
        let old = self.objects.insert(object.clone());
        self.tell(&key, old.as_deref(), Some(&object), cause);
        key
    }

    /// Deletes as the API server does: a pod that runs is asked to end first.
    pub(super) fn delete(&mut self, key: &ObjectKey, cause: Option<EntryId>) {
        let Some(object) = self.objects.get(key).cloned() else { return };
        if let Object::Pod(mut pod) = object
            && !pod.spec.node_name.is_empty()
            && !pod.is_finished()
        {
            if pod.is_terminating() {
                return;
            }
            let grace = pod.spec.termination_grace_period_seconds.unwrap_or(30);
            let ends = self.now + Duration::from_secs(u64::try_from(grace).unwrap_or(0));
            pod.metadata.deletion_timestamp = Some(ends.rfc3339());
            pod.metadata.deletion_grace_period_seconds = Some(grace);
            let cause = Some(self.note(cause, Happening::Terminating { pod: key.clone() }));
            self.write(Object::Pod(pod), cause);
            self.queue.push(self.now + STOP, Task::Stopped(key.clone()), cause);
            return;
        }
        self.remove(key, cause);
    }

    /// Takes the object out of the store.
    pub(super) fn remove(&mut self, key: &ObjectKey, cause: Option<EntryId>) {
        let Some(old) = self.objects.remove(key) else { return };
        self.resource_version += 1;
        self.sources.remove(key);
        self.running.remove(key);
        self.tell(key, Some(&old), None, cause);
        self.queue.push(self.now + CONTROLLER, Task::Collect(key.clone()), cause);
    }

    /// Removes what the object that is gone controlled, and what stood in its namespace.
    pub(super) fn collect(&mut self, gone: &ObjectKey, cause: Option<EntryId>) {
        if self.objects.contains_key(gone) {
            return;
        }
        let orphaned = |object: &Object| {
            let of_owner = object
                .meta()
                .controller()
                .is_some_and(|owner| owner.kind == gone.kind.name() && owner.name == gone.name);
            let in_namespace = gone.kind == Kind::Namespace;
            let place = if in_namespace { &gone.name } else { &gone.namespace };
            object.meta().namespace == *place && (in_namespace || of_owner)
        };
        let endpoints = |key: &ObjectKey| {
            gone.kind == Kind::Service
                && key.kind == Kind::Endpoints
                && (&key.namespace, &key.name) == (&gone.namespace, &gone.name)
        };
        let left: Vec<ObjectKey> = self
            .objects
            .iter()
            .filter(|(key, object)| orphaned(object) || endpoints(key))
            .map(|(key, _)| key.clone())
            .collect();
        for key in left {
            let what = Happening::Removed { key: key.clone(), by: Component::GarbageCollector };
            let cause = self.note(cause, what);
            self.delete(&key, Some(cause));
        }
    }

    /// Wakes everybody who watches this kind of object.
    fn tell(
        &mut self,
        key: &ObjectKey,
        old: Option<&Object>,
        new: Option<&Object>,
        cause: Option<EntryId>,
    ) {
        match key.kind {
            Kind::Deployment => self.soon(CONTROLLER, Task::Deployment(key.clone()), cause),
            Kind::ReplicaSet => {
                self.soon(CONTROLLER, Task::ReplicaSet(key.clone()), cause);
                if let Some(set) = new.or(old) {
                    self.tell_owner(set.meta(), cause);
                }
            }
            Kind::Pod => self.tell_of_pod(key, pod(old), pod(new), cause),
            Kind::Service => {
                self.soon(ENDPOINTS, Task::Endpoints(key.clone()), cause);
                self.soon(ENDPOINTS, Task::Slices(key.clone()), cause);
                self.wake_proxies(cause);
            }
            Kind::EndpointSlice => self.wake_proxies(cause),
            _ => {}
        }
    }

    fn tell_of_pod(
        &mut self,
        key: &ObjectKey,
        old: Option<&Pod>,
        new: Option<&Pod>,
        cause: Option<EntryId>,
    ) {
        if let Some(pod) = new {
            let bound = !pod.spec.node_name.is_empty();
            if !bound && !pod.is_terminating() {
                self.soon(SCHEDULER, Task::Schedule(key.clone()), cause);
            }
            if bound && !self.running.contains_key(key) && !pod.is_terminating() {
                self.soon(CONTROLLER, Task::Accept(key.clone()), cause);
            }
        }
        if let Some(pod) = new.or(old) {
            self.tell_owner(&pod.metadata, cause);
        }
        if old.map(facts) == new.map(facts) {
            return;
        }
        let services = self.objects.in_namespace(Kind::Service, &key.namespace).filter_map(service);
        let touched: Vec<ObjectKey> = services
            .filter(|it| [old, new].into_iter().flatten().any(|pod| members::selects(it, pod)))
            .map(|it| ObjectKey::new(Kind::Service, &it.metadata.namespace, &it.metadata.name))
            .collect();
        for service in touched {
            self.soon(ENDPOINTS, Task::Endpoints(service.clone()), cause);
            self.soon(ENDPOINTS, Task::Slices(service), cause);
        }
    }

    fn tell_owner(&mut self, meta: &ObjectMeta, cause: Option<EntryId>) {
        let Some(owner) = meta.controller() else { return };
        let (kind, to_task): (_, fn(ObjectKey) -> Task) = match owner.kind.as_str() {
            "ReplicaSet" => (Kind::ReplicaSet, Task::ReplicaSet),
            "Deployment" => (Kind::Deployment, Task::Deployment),
            _ => return,
        };
        let key = ObjectKey::new(kind, &meta.namespace, &owner.name);
        self.soon(CONTROLLER, to_task(key), cause);
    }

    pub(super) fn soon(&mut self, after: Duration, task: Task, cause: Option<EntryId>) {
        self.queue.push(self.now + after, task, cause);
    }

    pub(super) fn pods(&self) -> impl Iterator<Item = &Pod> {
        self.objects.of_kind(Kind::Pod).filter_map(Object::as_pod)
    }

    pub(super) fn pods_in<'a>(&'a self, namespace: &'a str) -> impl Iterator<Item = &'a Pod> {
        self.objects.in_namespace(Kind::Pod, namespace).filter_map(Object::as_pod)
    }
}

fn pod(object: Option<&Object>) -> Option<&Pod> {
    match object {
        Some(Object::Pod(pod)) => Some(pod),
        _ => None,
    }
}

fn service(object: &Object) -> Option<&Service> {
    match object {
        Object::Service(service) => Some(service),
        _ => None,
    }
}

/// What the endpoint controllers look at in a pod (`podEndpointsChanged`).
fn facts(pod: &Pod) -> (bool, bool, bool, Vec<std::net::IpAddr>, crate::object::Labels, String) {
    let names = format!("{}.{}", pod.spec.hostname, pod.spec.subdomain);
    let labels = pod.metadata.labels.clone();
    let (ready, ending) = (pod.is_ready(), pod.is_terminating());
    (ready, ending, pod.is_finished(), pod.addresses(), labels, names)
}
