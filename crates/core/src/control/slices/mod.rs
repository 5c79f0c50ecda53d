//! Service, pods and the slices there are → the EndpointSlices to write (the EndpointSlice
//! controller).

mod endpoint;
mod hints;
mod pack;

use svclab_netfilter::order::{Gather, Order};

use super::members::{HEADLESS_LABEL, families, members};
use super::triggers::TRIGGER_TIME;
use crate::object::{
    EndpointSlice, Labels, Node, ObjectMeta, OwnerReference, Pod, SERVICE_NAME_LABEL, Service,
    Shared, SlicePort,
};

use endpoint::{Group, same_ports};
use pack::Draft;

pub use hints::{Topology, wants_hints};

pub(super) use endpoint::{dump, identity, is_same, ports_key};

pub(super) const MANAGED_BY_LABEL: &str = "endpointslice.kubernetes.io/managed-by";
const MANAGED_BY: &str = "endpointslice-controller.k8s.io";

/// The writes that bring a Service's slices in line. New slices have a `generateName` and no name.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Writes {
    pub create: Vec<EndpointSlice>,
    pub update: Vec<EndpointSlice>,
    /// Names, in the Service's namespace.
    pub delete: Vec<String>,
    pub events: Vec<Event>,
    /// Hints were given by topology.
    pub hinted: bool,
}

/// What the controller says about the Service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    pub warning: bool,
    pub reason: &'static str,
    pub message: String,
}

/// Whether the slice is this controller's work.
pub fn is_managed(slice: &EndpointSlice) -> bool {
    slice.metadata.labels.get(MANAGED_BY_LABEL).is_some_and(|it| it == MANAGED_BY)
}

/// What a turn looks at beside the Service, its pods and its slices.
pub struct Surroundings<'a> {
    pub node: &'a dyn Fn(&str) -> Option<&'a Node>,
    pub topology: &'a Topology,
    /// Whether hints were given by topology before.
    pub hinted: bool,
    /// For the annotation, if it is known.
    pub trigger: Option<String>,
}

/// `pods` in the order of their creation; `existing` are slices that [`is_managed`].
pub fn reconcile(
    service: &Service,
    pods: &[&Pod],
    existing: &[&EndpointSlice],
    around: &Surroundings,
) -> Writes {
    let families = families(service);
    let pods: Vec<&Pod> = members(service, pods.iter().copied()).collect();
    let mut writes = Writes { hinted: around.hinted, ..Writes::default() };
    let mut sorted = families.clone();
    sorted.order();
    for family in sorted {
        let of_family = existing.iter().filter(|it| it.address_type == family);
        let slices: Vec<&EndpointSlice> = of_family.copied().collect();
        let groups = endpoint::groups(service, &pods, family, around.node, &slices);
        let turn = Turn { service, family };
        turn.reconcile(groups, &slices, around, &mut writes);
    }
    let other = existing.iter().filter(|it| !families.contains(&it.address_type.as_str()));
    writes.delete.extend(other.map(|it| it.metadata.name.clone()));
    writes
}

/// One family of one Service.
struct Turn<'a> {
    service: &'a Service,
    family: &'static str,
}

impl Turn<'_> {
    /// `reconcileByAddressType`
    fn reconcile(
        &self,
        groups: Vec<Group>,
        existing: &[&EndpointSlice],
        around: &Surroundings,
        writes: &mut Writes,
    ) {
        let mut draft = Draft::default();
        let mut rest: Vec<&EndpointSlice> = Vec::new();
        for slice in existing {
            // The controller takes the ports it reads, null, for others than the empty list it
            // makes: slices without ports are made anew each time.
            if self.owns(slice) && !slice.ports.is_empty() {
                rest.push(slice);
            } else {
                draft.delete.push(slice);
            }
        }
        for group in groups {
            let of_group = |it: &&EndpointSlice| same_ports(&it.ports, &group.ports);
            let (slices, others) = rest.into_iter().partition(of_group);
            rest = others;
            self.pack(group, slices, &mut draft);
        }
        rest.order_by_key(|it| ports_key(&it.ports));
        draft.delete.extend(rest);
        self.keep_one(existing.len(), &mut draft);
        self.hint(around, &mut draft, writes);
        self.finish(draft, around.trigger.as_ref(), writes);
    }

    fn owns(&self, slice: &EndpointSlice) -> bool {
        slice.metadata.owner_references.iter().any(|it| it.uid == self.service.metadata.uid)
    }

    /// A Service without endpoints has one empty slice.
    fn keep_one(&self, existing: usize, draft: &mut Draft) {
        if existing != draft.delete.len() || !draft.create.is_empty() {
            return;
        }
        let placeholder = self.empty(Vec::new());
        match draft.delete.as_slice() {
            [one] if is_same_placeholder(one, &placeholder) => draft.delete.clear(),
            _ => draft.create.push(placeholder),
        }
    }

    /// A new slice takes over the name of one that goes (`finalize`).
    fn finish(&self, draft: Draft, trigger: Option<&String>, writes: &mut Writes) {
        let Draft { mut create, mut update, delete, .. } = draft;
        for slice in delete {
            if !self.owns(slice) || create.is_empty() {
                writes.delete.push(slice.metadata.name.clone());
            } else if let Some(mut fresh) = create.pop() {
                fresh.metadata.name.clone_from(&slice.metadata.name);
                update.push(fresh);
            }
        }
        for slice in create.iter_mut().chain(&mut update) {
            let annotations = &mut slice.metadata.annotations;
            if annotations.get(TRIGGER_TIME) == trigger {
                continue;
            }
            match trigger {
                Some(time) => annotations.insert(TRIGGER_TIME.into(), time.clone()),
                None => annotations.remove(TRIGGER_TIME),
            };
        }
        if self.service.metadata.deletion_timestamp.is_none() {
            writes.create.extend(create);
        }
        writes.update.extend(update);
    }

    fn empty(&self, ports: Vec<SlicePort>) -> EndpointSlice {
        let meta = &self.service.metadata;
        EndpointSlice {
            metadata: ObjectMeta {
                generate_name: format!("{}-", meta.name).into(),
                namespace: meta.namespace.clone(),
                labels: self.labels(),
                owner_references: vec![OwnerReference {
                    api_version: "v1".into(),
                    kind: "Service".into(),
                    name: meta.name.clone(),
                    uid: meta.uid.clone(),
                    controller: Some(true),
                    block_owner_deletion: Some(true),
                }]
                .into(),
                ..ObjectMeta::default()
            },
            address_type: self.family.into(),
            endpoints: Vec::new(),
            ports,
        }
    }

    fn labels(&self) -> Shared<Labels> {
        let plain = plain_labels(&self.service.metadata.labels);
        let mut res: Labels = plain.map(|(key, value)| (key.clone(), value.clone())).gather();
        res.insert(SERVICE_NAME_LABEL.into(), self.service.metadata.name.clone());
        res.insert(MANAGED_BY_LABEL.into(), MANAGED_BY.into());
        if self.service.spec.is_headless() {
            res.insert(HEADLESS_LABEL.into(), String::new());
        }
        res.into()
    }
}

/// Without those that the controller sets itself.
fn plain_labels(labels: &Labels) -> impl Iterator<Item = (&String, &String)> {
    let reserved = [SERVICE_NAME_LABEL, MANAGED_BY_LABEL, HEADLESS_LABEL];
    labels.iter().filter(move |(key, _)| !reserved.contains(&key.as_str()))
}

fn is_same_placeholder(slice: &EndpointSlice, placeholder: &EndpointSlice) -> bool {
    slice.endpoints.is_empty()
        && slice.ports.is_empty()
        && slice.metadata.labels == placeholder.metadata.labels
        && slice.address_type == placeholder.address_type
}
