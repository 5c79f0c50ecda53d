//! Carries out what the endpoint controllers want: Endpoints, EndpointSlices, mirrored slices.

use std::collections::BTreeSet;
use std::rc::Rc;

use svclab_netfilter::SharedMap;
use svclab_netfilter::order::Order;

use super::super::Lab;
use super::super::delete::DeleteOptions;
use super::super::index::Index;
use super::super::log::{Component, EntryId, Happening};
use crate::control::members::is_managed;
use crate::control::slices::{self, Surroundings, Topology, Writes};
use crate::control::triggers::Triggers;
use crate::control::{endpoints, mirror};
use crate::key::{Kind, ObjectKey};
use crate::object::{EndpointSlice, Endpoints, Id, Node, Object, Objects, Pod, Service};

/// What the endpoint controllers remember of each Service.
#[derive(Debug, Clone, PartialEq, Default)]
pub(in crate::lab) struct Memory {
    endpoints: SharedMap<Id, Rc<Triggers>>,
    slices: SharedMap<Id, Rc<Triggers>>,
    /// Services whose slices have hints by topology.
    hinted: BTreeSet<ObjectKey>,
}

impl Memory {
    pub(in crate::lab) fn hinted(&self) -> impl Iterator<Item = &ObjectKey> {
        self.hinted.iter()
    }

    pub(in crate::lab) fn forget(&mut self, (service, id): (&ObjectKey, Id)) {
        self.endpoints.remove(&id);
        self.slices.remove(&id);
        self.hinted.remove(service);
    }
}

impl Lab {
    pub(super) fn endpoints(&mut self, (key, id): (&ObjectKey, Id), cause: Option<EntryId>) {
        let Lab { objects, index, memory, .. } = self;
        let Some(service) = managed_service(objects, id) else { return };
        let own = ObjectKey::new(Kind::Endpoints, &key.namespace, &key.name);
        let old = objects.get(&own).and_then(Object::as_endpoints);
        let members = || members((objects, index), id);
        let triggers = memory.endpoints.get_or_insert_with(id, Rc::default);
        let trigger = Rc::make_mut(triggers).next(service, members());
        let new = endpoints::reconcile(service, members(), old, trigger, self.settings.version);
        let is_new = old.map(|it| &it.subsets) != new.as_ref().map(|it| &it.subsets);
        let Some(new) = new else { return };
        let cause = match is_new {
            true => Some(self.note(cause, endpoints_entry(&own, &new))),
            false => cause,
        };
        self.write(Object::Endpoints(new), cause);
    }

    pub(super) fn slices(&mut self, (key, id): (&ObjectKey, Id), cause: Option<EntryId>) {
        const BY: Component = Component::EndpointSliceController;
        let Lab { objects, index, memory, .. } = self;
        let Some(service) = managed_service(objects, id) else { return };
        let existing = slices_of((objects, index), key, &slices::is_managed);
        let mut pods: Vec<&Pod> = members((objects, index), id).collect();
        pods.order_by(|a, b| age(a).cmp(&age(b)));
        let triggers = memory.slices.get_or_insert_with(id, Rc::default);
        let trigger = Rc::make_mut(triggers).next(service, pods.iter().copied());
        let topology = match slices::wants_hints(service) {
            true => Topology::of(objects.of_kind(Kind::Node).filter_map(Object::as_node)),
            false => Topology::default(),
        };
        let around = Surroundings {
            node: &|name| objects.get(&ObjectKey::new(Kind::Node, "", name))?.as_node(),
            topology: &topology,
            hinted: memory.hinted.contains(key),
            trigger,
        };
        let writes = slices::reconcile(service, &pods, &existing, &around);
        if writes.hinted != around.hinted {
            match writes.hinted {
                true => memory.hinted.insert(key.clone()),
                false => memory.hinted.remove(key),
            };
        }
        self.write_slices(key, writes, BY, cause);
    }

    pub(super) fn mirror(&mut self, key: &ObjectKey, cause: Option<EntryId>) {
        let service = ObjectKey::new(Kind::Service, &key.namespace, &key.name);
        let existing = slices_of((&self.objects, &self.index), &service, &mirror::is_mirrored);
        let endpoints = self.objects.get(key).and_then(Object::as_endpoints);
        let service = self.objects.get(&service).and_then(Object::as_service);
        let writes = match endpoints.filter(|it| mirror::should_mirror(it, service)) {
            Some(endpoints) => mirror::reconcile(endpoints, &existing),
            None => Writes {
                delete: existing.iter().map(|it| it.metadata.name.clone()).collect(),
                ..Writes::default()
            },
        };
        self.write_slices(key, writes, Component::MirroringController, cause);
    }

    pub(in crate::lab) fn node_objects(&self) -> impl Iterator<Item = &Node> {
        self.objects.of_kind(Kind::Node).filter_map(Object::as_node)
    }

    fn write_slices(
        &mut self,
        key: &ObjectKey,
        writes: Writes,
        by: Component,
        cause: Option<EntryId>,
    ) {
        for mut slice in writes.create {
            slice.metadata.name = format!("{}{}", slice.metadata.generate_name, self.rng.suffix(5));
            self.write_slice(slice, cause);
        }
        for slice in writes.update {
            self.write_slice(slice, cause);
        }
        for name in writes.delete {
            let slice = ObjectKey::new(Kind::EndpointSlice, &key.namespace, name);
            let of = Some(key.clone());
            let cause = self.note(cause, Happening::Removed { key: slice.clone(), by, of });
            self.delete(&slice, DeleteOptions::default(), Some(cause));
        }
        for event in writes.events {
            let what = (event.warning, event.reason, event.message);
            self.record((key, by), what, cause);
        }
    }

    /// Nothing happens, and nothing is said, where the slice is as it was.
    fn write_slice(&mut self, mut slice: EndpointSlice, cause: Option<EntryId>) {
        let key =
            ObjectKey::new(Kind::EndpointSlice, &slice.metadata.namespace, &slice.metadata.name);
        if let Some(old) = self.objects.get(&key).and_then(Object::as_endpoint_slice) {
            let meta = &mut slice.metadata;
            meta.uid.clone_from(&old.metadata.uid);
            meta.creation_timestamp.clone_from(&old.metadata.creation_timestamp);
            meta.resource_version.clone_from(&old.metadata.resource_version);
            meta.generation = old.metadata.generation;
            if *old == slice {
                return;
            }
        }
        let ready = slice.endpoints.iter().filter(|it| it.conditions.is_ready()).count();
        let total = slice.endpoints.len();
        let cause = self.note(cause, Happening::Slice { key, ready, total });
        self.write(Object::EndpointSlice(slice), Some(cause));
    }
}

/// A Service that the endpoint controllers look after.
fn managed_service(objects: &Objects, id: Id) -> Option<&Service> {
    objects.by_id(id)?.as_service().filter(|it| is_managed(it))
}

/// The pods that the Service's selector takes, in the order of their creation.
fn members<'a>(
    (objects, index): (&'a Objects, &'a Index),
    service: Id,
) -> impl Iterator<Item = &'a Pod> {
    index.members(service).filter_map(|id| objects.by_id(id)?.as_pod())
}

/// The Service's slices of one controller that are not about to go.
fn slices_of<'a>(
    (objects, index): (&'a Objects, &'a Index),
    service: &ObjectKey,
    of: &dyn Fn(&EndpointSlice) -> bool,
) -> Vec<&'a EndpointSlice> {
    let slices = index.slices(service);
    let slices = slices.filter_map(|id| objects.by_id(id)?.as_endpoint_slice());
    slices.filter(|it| of(it) && it.metadata.deletion_timestamp.is_none()).collect()
}

/// Pods by creation; those of the same second by name.
fn age(pod: &Pod) -> (&str, &str) {
    (&pod.metadata.creation_timestamp, &pod.metadata.name)
}

fn endpoints_entry(key: &ObjectKey, endpoints: &Endpoints) -> Happening {
    let (mut ready, mut not_ready) = (Vec::new(), Vec::new());
    for subset in &endpoints.subsets {
        for port in &subset.ports {
            let end = format!(":{}", port.port);
            let text = |ip: &str| [ip, end.as_str()].concat();
            ready.extend(subset.addresses.iter().map(|it| text(&it.ip)));
            not_ready.extend(subset.not_ready_addresses.iter().map(|it| text(&it.ip)));
        }
    }
    Happening::Endpoints { key: key.clone(), ready, not_ready }
}
