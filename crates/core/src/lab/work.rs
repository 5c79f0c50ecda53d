//! Each task carried out: the controllers, the scheduler and the endpoint controllers.

use super::Lab;
use super::delete::DeleteOptions;
use super::log::{Component, EntryId, Happening};
use super::queue::Task;
use crate::admit;
use crate::control::slices::{self, is_managed};
use crate::control::workload::{self, Rollout, Scaling};
use crate::control::{endpoints, schedule};
use crate::key::{Kind, ObjectKey};
use crate::object::{Endpoints, Object, ObjectMeta, Pod, PodCondition, ReplicaSet, Service};

impl Lab {
    pub(super) fn work(&mut self, task: Task, cause: Option<EntryId>) {
        match task {
            Task::Deployment(key) => self.deployment(&key, cause),
            Task::ReplicaSet(key) => self.replica_set(&key, cause),
            Task::Schedule(key) => self.schedule(&key, cause),
            Task::Pod(key) => self.pod_task(&key, cause),
            Task::Endpoints(key) => self.endpoints(&key, cause),
            Task::Slices(key) => self.slices(&key, cause),
            Task::Collect(uid) => self.collect(&uid, cause),
            Task::Dependents(key) => self.settle_dependents(&key, cause),
            Task::EmptyNamespace(name) => self.empty_namespace(&name, cause),
            Task::FinishNamespace(name) => self.finish_namespace(&name, cause),
            Task::Proxy(node) => self.sync_proxy(&node, cause),
        }
    }

    fn deployment(&mut self, key: &ObjectKey, cause: Option<EntryId>) {
        let Some(Object::Deployment(deployment)) = self.objects.get(key) else { return };
        let owned = workload::owned_sets(deployment, self.replica_sets(&deployment.metadata.uid));
        let step = match deployment.metadata.deletion_timestamp {
            Some(_) => Rollout::Done,
            None => workload::rollout(deployment, &owned),
        };
        let status = workload::deployment_status(deployment, &owned);
        self.write(Object::Deployment(status), cause);
        match step {
            Rollout::Create(set) => {
                let by = Component::DeploymentController;
                self.create(Object::ReplicaSet(*set), by, Some(key), cause);
            }
            Rollout::Scale { name, replicas } => {
                let set = ObjectKey::new(Kind::ReplicaSet, &key.namespace, name);
                let Some(Object::ReplicaSet(set)) = self.objects.get(&set) else { return };
                let mut set = set.clone();
                let from = set.replicas();
                set.spec.replicas = Some(replicas);
                let set = Object::ReplicaSet(set);
                let what =
                    Happening::Scaled { key: set.key(), of: key.clone(), from, to: replicas };
                let cause = self.note(cause, what);
                self.write(set, Some(cause));
            }
            Rollout::Done => {}
        }
    }

    /// The ReplicaSets that name the owner with this UID.
    fn replica_sets(&self, uid: &str) -> impl Iterator<Item = &ReplicaSet> {
        self.index.dependents(uid).filter_map(|key| self.objects.get(key)?.as_replica_set())
    }

    fn replica_set(&mut self, key: &ObjectKey, cause: Option<EntryId>) {
        let Some(Object::ReplicaSet(set)) = self.objects.get(key) else { return };
        let dependents = self.pods_of(self.index.dependents(&set.metadata.uid));
        let mut owned = workload::owned_pods(set, dependents);
        owned.sort_by_key(|pod| version(&pod.metadata));
        let scaling = match set.metadata.deletion_timestamp {
            Some(_) => Scaling::Enough,
            None => workload::scale(set, &owned),
        };
        let status = workload::with_status(set, &owned);
        self.write(Object::ReplicaSet(status), cause);
        match scaling {
            Scaling::Create { count, pod } => {
                for _ in 0..count {
                    let pod = Object::Pod((*pod).clone());
                    self.create(pod, Component::ReplicaSetController, Some(key), cause);
                }
            }
            Scaling::Delete(names) => {
                for name in names {
                    let pod = ObjectKey::new(Kind::Pod, &key.namespace, name);
                    let by = Component::ReplicaSetController;
                    let of = Some(key.clone());
                    let cause = self.note(cause, Happening::Removed { key: pod.clone(), by, of });
                    self.delete(&pod, DeleteOptions::default(), Some(cause));
                }
            }
            Scaling::Enough => {}
        }
    }

    /// A controller's create, through the same admission as the user's.
    pub(super) fn create(
        &mut self,
        object: Object,
        by: Component,
        of: Option<&ObjectKey>,
        cause: Option<EntryId>,
    ) {
        let name = object.meta().name.clone();
        match admit::create(&self.objects, object, &mut self.rng, &self.settings) {
            Ok(admitted) => {
                let key = admitted.object.key();
                let cause = self.note(cause, Happening::Made { key, by, of: of.cloned() });
                self.write(admitted.object, Some(cause));
            }
            Err(refusal) => {
                let message = refusal.message;
                self.note(cause, Happening::Refused { name, message });
            }
        }
    }

    fn schedule(&mut self, key: &ObjectKey, cause: Option<EntryId>) {
        let Some(Object::Pod(pod)) = self.objects.get(key) else { return };
        if !pod.spec.node_name.is_empty() {
            return;
        }
        let mut pod = pod.clone();
        let nodes = self.objects.of_kind(Kind::Node).filter_map(Object::as_node);
        let owner = pod.metadata.controller().map_or("", |it| &it.uid);
        let kin = self.pods_of(self.index.dependents(owner));
        let count = |node: &str| self.index.bound_count(node);
        let chosen = schedule::choose(&pod, nodes, kin, &count).map(|it| it.metadata.name.clone());
        match chosen {
            Ok(node) => {
                pod.spec.node_name.clone_from(&node);
                pod.status.conditions = vec![scheduled(&self.now.rfc3339())];
                let what = Happening::Scheduled { pod: key.clone(), node: node.into() };
                let cause = self.note(cause, what);
                self.write(Object::Pod(pod), Some(cause));
            }
            Err(message) => {
                self.note(cause, Happening::Unschedulable { pod: key.clone(), message });
            }
        }
    }

    fn service(&self, key: &ObjectKey) -> Option<Service> {
        match self.objects.get(key) {
            Some(Object::Service(service)) => Some(service.clone()),
            _ => None,
        }
    }

    /// Services that the endpoint controllers leave alone have no selector or are ExternalName.
    fn managed_service(&self, key: &ObjectKey) -> Option<Service> {
        let managed =
            |it: &Service| !it.spec.selector.is_empty() && it.spec.r#type != "ExternalName";
        self.service(key).filter(managed)
    }

    fn endpoints(&mut self, key: &ObjectKey, cause: Option<EntryId>) {
        let Some(service) = self.managed_service(key) else { return };
        let subsets = endpoints::subsets(&service, self.pods_of(self.index.members(key)));
        let own = ObjectKey::new(Kind::Endpoints, &key.namespace, &key.name);
        let old = match self.objects.get(&own) {
            Some(Object::Endpoints(old)) => Some(old.clone()),
            _ => None,
        };
        let metadata = ObjectMeta {
            name: key.name.clone(),
            namespace: key.namespace.clone(),
            ..old.as_ref().map(|it| it.metadata.clone()).unwrap_or_default()
        };
        let labels = endpoints_labels(&service);
        let new = Endpoints { metadata: ObjectMeta { labels, ..metadata }, subsets };
        if old.as_ref() == Some(&new) {
            return;
        }
        let cause = match old.as_ref().is_some_and(|it| it.subsets == new.subsets) {
            true => cause,
            false => Some(self.note(cause, endpoints_entry(&own, &new))),
        };
        self.write(Object::Endpoints(new), cause);
    }

    fn slices(&mut self, key: &ObjectKey, cause: Option<EntryId>) {
        let Some(service) = self.managed_service(key) else { return };
        let slices = self.index.slices(key).filter_map(|key| self.objects.get(key));
        let existing = slices.filter_map(|object| match object {
            Object::EndpointSlice(slice) if is_managed(slice, &service) => Some(slice.clone()),
            _ => None,
        });
        let mut pods: Vec<&Pod> = self.pods_of(self.index.members(key)).collect();
        pods.sort_by_key(|pod| version(&pod.metadata));
        let zone = |node: &str| {
            let node = self.objects.get(&ObjectKey::new(Kind::Node, "", node))?;
            node.meta().labels.get("topology.kubernetes.io/zone").cloned()
        };
        let existing = existing.collect();
        let writes = slices::reconcile(&service, pods.into_iter(), existing, &zone);
        for mut slice in writes.create {
            let name = format!("{}{}", slice.metadata.generate_name, self.rng.suffix(5));
            slice.metadata.name = name;
            self.write_slice(Object::EndpointSlice(slice), cause);
        }
        for slice in writes.update {
            self.write_slice(Object::EndpointSlice(slice), cause);
        }
        for name in writes.delete {
            let key = ObjectKey::new(Kind::EndpointSlice, &key.namespace, name);
            let by = Component::EndpointSliceController;
            let cause = self.note(cause, Happening::Removed { key: key.clone(), by, of: None });
            self.remove(&key, Some(cause));
        }
    }

    fn write_slice(&mut self, object: Object, cause: Option<EntryId>) {
        let Object::EndpointSlice(slice) = &object else { return };
        let ready = slice.endpoints.iter().filter(|it| it.conditions.is_ready()).count();
        let total = slice.endpoints.len();
        let cause = self.note(cause, Happening::Slice { key: object.key(), ready, total });
        self.write(object, Some(cause));
    }
}

fn scheduled(now: &str) -> PodCondition {
    PodCondition {
        r#type: "PodScheduled".into(),
        status: "True".into(),
        last_transition_time: Some(now.into()),
        ..PodCondition::default()
    }
}

fn endpoints_labels(service: &Service) -> crate::object::Labels {
    const HEADLESS: &str = "service.kubernetes.io/headless";
    let mut labels = service.metadata.labels.clone();
    labels.remove(HEADLESS);
    if service.spec.is_headless() {
        labels.insert(HEADLESS.into(), String::new());
    }
    labels
}

fn endpoints_entry(key: &ObjectKey, endpoints: &Endpoints) -> Happening {
    let (mut ready, mut not_ready) = (Vec::new(), Vec::new());
    for subset in &endpoints.subsets {
        for port in &subset.ports {
            let text = |ip: &str| format!("{ip}:{}", port.port);
            ready.extend(subset.addresses.iter().map(|it| text(&it.ip)));
            not_ready.extend(subset.not_ready_addresses.iter().map(|it| text(&it.ip)));
        }
    }
    Happening::Endpoints { key: key.clone(), ready, not_ready }
}

/// Objects in the order of their creation have ascending versions of their first write; a later
/// write only moves them behind others that were made at the same instant.
fn version(meta: &ObjectMeta) -> (String, String) {
    (meta.creation_timestamp.clone(), meta.uid.clone())
}
