//! Who hears of a change: for each kind, the controllers that watch it, and when they act.

use svclab_netfilter::order::Order;

use super::Lab;
use super::index::controller_selector;
use super::log::{Component, EntryId, Happening};
use super::queue::Task;
use super::store::CONTROLLER;
use crate::control::{ingress, mirror, slices};
use crate::key::{Kind, ObjectKey};
use crate::object::{EndpointSlice, Id, Labels, Node, Object, ObjectMeta, OwnerReference, Pod};
use crate::time::Duration;

const ENDPOINTS: Duration = Duration::from_millis(5);
/// How soon a slice that somebody else changed is looked at (`endpointSliceChangeMinSyncDelay`).
const REPAIR: Duration = Duration::from_secs(1);

impl Lab {
    /// Wakes everybody who watches this kind of object.
    pub(super) fn tell(
        &mut self,
        (key, id): (&ObjectKey, Id),
        old: Option<&Object>,
        new: Option<&Object>,
        cause: Option<EntryId>,
    ) {
        match key.kind {
            Kind::Deployment => self.soon(CONTROLLER, Task::Deployment(id), cause),
            Kind::StatefulSet => self.soon(CONTROLLER, Task::StatefulSet(id), cause),
            Kind::DaemonSet => self.soon(CONTROLLER, Task::DaemonSet(id), cause),
            Kind::ReplicaSet => {
                self.soon(CONTROLLER, Task::ReplicaSet(id), cause);
                self.tell_owners(key, old, new, cause);
            }
            Kind::Pod => {
                self.tell_owners(key, old, new, cause);
                let (old, new) = (old.and_then(Object::as_pod), new.and_then(Object::as_pod));
                self.tell_of_pod((key, id), old, new, cause);
            }
            Kind::Service => {
                self.tell_endpoints(id, ENDPOINTS, cause);
                let endpoints = ObjectKey::new(Kind::Endpoints, &key.namespace, &key.name);
                self.soon(ENDPOINTS, Task::Mirror(endpoints), cause);
                self.links.clear();
                self.names.changed = self.now;
                let (old, new) =
                    (old.and_then(Object::as_service), new.and_then(Object::as_service));
                self.tell_balancer(key, old, new, cause);
                self.wake_proxies(key, cause);
            }
            Kind::Endpoints => {
                self.soon(ENDPOINTS, Task::Mirror(key.clone()), cause);
                if new.is_none() {
                    let service = ObjectKey::new(Kind::Service, &key.namespace, &key.name);
                    if let Some(service) = self.objects.id(&service) {
                        self.soon(ENDPOINTS, Task::Endpoints(service), cause);
                    }
                }
            }
            Kind::EndpointSlice => {
                self.names.changed = self.now;
                self.wake_proxies(key, cause);
                let slices = [old, new].into_iter().flatten().filter_map(Object::as_endpoint_slice);
                if let Some(name) = slices.filter_map(EndpointSlice::service_name).next() {
                    self.tell_speakers(&ObjectKey::new(Kind::Service, &key.namespace, name), cause);
                }
                if !self.is_by_controller(key, cause) {
                    self.tell_of_slice(old.and_then(Object::as_endpoint_slice), cause);
                    self.tell_of_slice(new.and_then(Object::as_endpoint_slice), cause);
                }
            }
            Kind::Node => {
                let (old, new) = (old.and_then(Object::as_node), new.and_then(Object::as_node));
                self.tell_of_node(key, old, new, cause);
                self.tell_scheduler_of_node(old, new, cause);
                self.tell_speakers_of_node(old, new, cause);
                self.tell_node_controllers(key, old, new, cause);
                self.wake_proxies(key, cause);
            }
            Kind::ConfigMap => self.tell_of_corefile(key, cause),
            Kind::Ingress => self.tell_of_ingress(key, new.and_then(Object::as_ingress), cause),
            _ => {}
        }
    }

    fn tell_of_pod(
        &mut self,
        (key, id): (&ObjectKey, Id),
        old: Option<&Pod>,
        new: Option<&Pod>,
        cause: Option<EntryId>,
    ) {
        if let Some(pod) = new {
            self.tell_scheduler_of_pod(key, old, pod, cause);
            self.tell_nodes_of_pod(key, old, pod, cause);
        }
        self.tell_scheduler_of_room(old, new, cause);
        self.kubelet_heard((key, id), old, new, cause);
        if [old, new].into_iter().flatten().any(ingress::is_controller) {
            self.tell_ingress_controllers(old, new, cause);
        }
        let counts = |pod: Option<&Pod>| pod.is_some_and(may_be_endpoint);
        if (!counts(old) && !counts(new)) || old.map(facts) == new.map(facts) {
            return;
        }
        // Where the labels are the same, so are the Services.
        let relabelled =
            |old: &&Pod| new.is_none_or(|new| new.metadata.labels != old.metadata.labels);
        let pods = old.filter(relabelled).into_iter().chain(new);
        let services = pods.map(|pod| self.index.services_of(&self.objects, pod));
        let services: Vec<Id> = services.flatten().collect();
        for service in services {
            self.tell_endpoints(service, ENDPOINTS, cause);
        }
    }

    fn tell_endpoints(&mut self, service: Id, after: Duration, cause: Option<EntryId>) {
        self.soon(after, Task::Endpoints(service), cause);
        self.soon(after, Task::Slices(service), cause);
    }

    /// Wakes the controller of an object, the one that it had before, and, where it has none, those
    /// that might take it.
    fn tell_owners(
        &mut self,
        key: &ObjectKey,
        old: Option<&Object>,
        new: Option<&Object>,
        cause: Option<EntryId>,
    ) {
        let before = old.and_then(|it| it.meta().controller());
        let after = new.and_then(|it| it.meta().controller());
        let same = |it: &&OwnerReference| before == Some(*it);
        for owner in [before, after.filter(|it| !same(it))].into_iter().flatten() {
            let Some(kind) = Kind::parse(&owner.api_version, &owner.kind) else { continue };
            let owner = ObjectKey::new(kind, &key.namespace, &owner.name);
            if new.is_none() && key.kind == Kind::Pod {
                self.tell_of_last_pod(&owner, cause);
            }
            if let Some(task) = self.objects.id(&owner).and_then(|id| task(owner.kind, id)) {
                self.soon(CONTROLLER, task, cause);
            }
        }
        let Some(orphan) = new.map(Object::meta).filter(|_| after.is_none()) else { return };
        let known = old.map(Object::meta).filter(|_| before.is_none());
        if known.is_none_or(|it| it.labels != orphan.labels) {
            self.tell_adopters(key.kind, orphan, cause);
        }
    }

    /// A Deployment that recreates waits until the pods of its old ReplicaSets are gone.
    fn tell_of_last_pod(&mut self, set: &ObjectKey, cause: Option<EntryId>) {
        let Some(set) = self.objects.get(set).and_then(Object::as_replica_set) else { return };
        let Some(owner) = set.metadata.controller() else { return };
        let key = ObjectKey::new(Kind::Deployment, &set.metadata.namespace, &owner.name);
        let deployment = self.objects.get(&key).and_then(Object::as_deployment);
        let recreates = deployment.is_some_and(|it| it.spec.strategy.r#type == "Recreate");
        if let Some(id) = self.objects.id(&key).filter(|_| recreates) {
            self.soon(CONTROLLER, Task::Deployment(id), cause);
        }
    }

    fn tell_adopters(&mut self, kind: Kind, orphan: &ObjectMeta, cause: Option<EntryId>) {
        let is_for = |it: &Object| (it.kind() == Kind::Deployment) == (kind == Kind::ReplicaSet);
        let takes = |it: &Object| {
            controller_selector(it).is_some_and(|it| it.matches(&orphan.labels)) && is_for(it)
        };
        let known = self.index.controllers(&orphan.namespace, &orphan.labels);
        let known = known.filter_map(|id| Some((id, self.objects.by_id(id)?)));
        let adopters = known.filter(|(_, it)| takes(it)).map(|(id, it)| (it.key(), id));
        let mut adopters: Vec<(ObjectKey, Id)> = adopters.collect();
        adopters.order();
        for task in adopters.into_iter().filter_map(|(key, id)| task(key.kind, id)) {
            self.soon(CONTROLLER, task, cause);
        }
    }

    /// The slice controllers know their own writes.
    fn is_by_controller(&self, slice: &ObjectKey, cause: Option<EntryId>) -> bool {
        let entry = cause.and_then(|id| self.log.get(id));
        entry.is_some_and(|entry| match &entry.what {
            Happening::Slice { key, .. } => key == slice,
            Happening::Removed { key, by, .. } => {
                let controllers =
                    [Component::EndpointSliceController, Component::MirroringController];
                key == slice && controllers.contains(by)
            }
            _ => false,
        })
    }

    /// Somebody else changed a slice: its controller puts it right.
    fn tell_of_slice(&mut self, slice: Option<&EndpointSlice>, cause: Option<EntryId>) {
        let Some(slice) = slice else { return };
        let Some(name) = slice.service_name() else { return };
        let namespace = &slice.metadata.namespace;
        if slices::is_managed(slice) {
            let service = ObjectKey::new(Kind::Service, namespace, name);
            if let Some(service) = self.objects.id(&service) {
                self.soon(REPAIR, Task::Slices(service), cause);
            }
        } else if mirror::is_mirrored(slice) {
            let endpoints = ObjectKey::new(Kind::Endpoints, namespace, name);
            self.soon(ENDPOINTS, Task::Mirror(endpoints), cause);
        }
    }

    /// DaemonSets look at every node; slices wait for nodes that they do not know, and hints
    /// follow the nodes' zones.
    fn tell_of_node(
        &mut self,
        key: &ObjectKey,
        old: Option<&Node>,
        new: Option<&Node>,
        cause: Option<EntryId>,
    ) {
        let facts =
            |it: &Node| (it.metadata.labels.clone(), it.spec.taints.clone(), it.spec.unschedulable);
        if old.map(facts) != new.map(facts) {
            let sets = self.objects.of_kind(Kind::DaemonSet);
            let sets: Vec<Id> = sets.filter_map(|it| self.objects.id(&it.key())).collect();
            for set in sets {
                self.soon(CONTROLLER, Task::DaemonSet(set), cause);
            }
        }
        let cpu = |it: &Node| (it.is_ready(), it.status.allocatable.get("cpu").cloned());
        let mut services: Vec<Id> = Vec::new();
        if old.map(facts) != new.map(facts) || old.map(cpu) != new.map(cpu) {
            services.extend(self.memory.hinted().filter_map(|it| self.objects.id(it)));
        }
        if old.is_none() {
            let pods: Vec<&Pod> = self.pods_of(self.index.bound(&key.name)).collect();
            services.extend(pods.iter().flat_map(|pod| self.index.services_of(&self.objects, pod)));
        }
        for service in services {
            self.soon(REPAIR, Task::Slices(service), cause);
        }
    }
}

fn task(kind: Kind, controller: Id) -> Option<Task> {
    Some(match kind {
        Kind::Deployment => Task::Deployment(controller),
        Kind::ReplicaSet => Task::ReplicaSet(controller),
        Kind::StatefulSet => Task::StatefulSet(controller),
        Kind::DaemonSet => Task::DaemonSet(controller),
        _ => return None,
    })
}

/// No endpoint is made of a pod without an address, or of one that has ended.
fn may_be_endpoint(pod: &Pod) -> bool {
    !pod.status.pod_ips.is_empty() && !pod.is_finished()
}

/// What the endpoint controllers look at in a pod (`podEndpointsChanged`).
fn facts(pod: &Pod) -> (bool, bool, bool, Vec<&str>, &Labels, [&str; 3]) {
    let names = [&pod.spec.hostname, &pod.spec.subdomain, &pod.spec.node_name];
    let names = names.map(String::as_str);
    let addresses = pod.status.pod_ips.iter().map(|it| it.ip.as_str()).collect();
    let (ready, ending) = (pod.is_ready(), pod.is_terminating());
    (ready, ending, pod.is_finished(), addresses, &pod.metadata.labels, names)
}
