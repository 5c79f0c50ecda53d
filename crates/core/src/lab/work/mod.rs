//! Each task carried out: what the controllers want is written, and the log says why.

mod deployment;
mod endpoints;
mod replica_set;
mod sets;

use super::Lab;
use super::delete::DeleteOptions;
use super::log::{Component, EntryId, Happening};
use super::queue::Task;
use crate::admit::{self, Refusal};
use crate::key::{Kind, ObjectKey};
use crate::object::{Object, Pod};
use crate::time::Instant;

pub(super) use endpoints::Memory;

impl Lab {
    pub(super) fn work(&mut self, task: Task, cause: Option<EntryId>) {
        match task {
            Task::Deployment(key) => self.deployment(&key, cause),
            Task::ReplicaSet(key) => self.replica_set(&key, cause),
            Task::StatefulSet(key) => self.stateful_set(&key, cause),
            Task::DaemonSet(key) => self.daemon_set(&key, cause),
            Task::Schedule(key) => self.schedule(&key, cause),
            Task::Retry { for_pods } => self.retry_pending(for_pods, cause),
            Task::Pod(key) => self.pod_task(&key, cause),
            Task::Endpoints(key) => self.endpoints(&key, cause),
            Task::Slices(key) => self.slices(&key, cause),
            Task::Mirror(key) => self.mirror(&key, cause),
            Task::Collect(uid) => self.collect(&uid, cause),
            Task::Dependents(key) => self.settle_dependents(&key, cause),
            Task::EmptyNamespace(name) => self.empty_namespace(&name, cause),
            Task::FinishNamespace(name) => self.finish_namespace(&name, cause),
            Task::Proxy(node, family) => self.sync_proxy(&node, family, cause),
            Task::LoadBalancer(key) => self.load_balancer(&key, cause),
            Task::Announce(key) => self.announce(&key, cause),
            Task::HealthChecks => self.renew_relays(),
            Task::IngressStatus => self.ingress_status(cause),
            Task::Node(name) => self.node(&name, cause),
            Task::Silence(name) => self.silence(&name, cause),
            Task::Evict(key) => self.evict_by_taint(&key, cause),
            Task::CollectPods(node) => self.collect_pods(&node, cause),
            Task::Boot(node) => self.boot(&node, cause),
        }
    }

    /// A controller's create, through the same admission as the user's.
    fn create(
        &mut self,
        object: Object,
        (by, of): (Component, &ObjectKey),
        cause: Option<EntryId>,
    ) -> Result<EntryId, Refusal> {
        let admitted = admit::create(&self.objects, object, &mut self.rng, &self.settings)?;
        let key = admitted.object.key();
        let made = self.note(cause, Happening::Made { key, by, of: Some(of.clone()) });
        self.write(admitted.object, Some(made));
        Ok(made)
    }

    /// Makes pods one after the other; the first refusal ends it, and is an event.
    fn create_pods(
        &mut self,
        pods: impl Iterator<Item = Pod>,
        (by, of): (Component, &ObjectKey),
        cause: Option<EntryId>,
    ) {
        for pod in pods {
            let name = pod.metadata.name.clone();
            let Err(refusal) = self.create(Object::Pod(pod), (by, of), cause) else { continue };
            let message = match by {
                Component::StatefulSetController => {
                    let (set, why) = (&of.name, refusal.message);
                    format!("create Pod {name} in StatefulSet {set} failed error: {why}")
                }
                _ => format!("Error creating: {}", refusal.message),
            };
            self.record((of, by), (true, "FailedCreate", message), cause);
            return;
        }
    }

    fn delete_pods(
        &mut self,
        names: Vec<String>,
        (by, of): (Component, &ObjectKey),
        cause: Option<EntryId>,
    ) {
        for name in names {
            let key = ObjectKey::new(Kind::Pod, &of.namespace, name);
            let what = Happening::Removed { key: key.clone(), by, of: Some(of.clone()) };
            let cause = self.note(cause, what);
            self.delete(&key, DeleteOptions::default(), Some(cause));
        }
    }

    /// An Event that no change of an object goes with.
    pub(super) fn record(
        &mut self,
        (key, by): (&ObjectKey, Component),
        (warning, reason, message): (bool, &'static str, String),
        cause: Option<EntryId>,
    ) -> EntryId {
        let key = key.clone();
        self.note(cause, Happening::Recorded { key, by, warning, reason, message })
    }

    /// Puts a task into the queue for later, if that still lies ahead.
    fn later(&mut self, at: Option<Instant>, task: Task, cause: Option<EntryId>) {
        if let Some(at) = at.filter(|at| *at > self.now) {
            self.queue.push(at, task, cause);
        }
    }
}
