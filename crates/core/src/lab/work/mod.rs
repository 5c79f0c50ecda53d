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
use crate::object::{Id, Object, Pod};
use crate::time::{Duration, Instant};

pub(super) use endpoints::Memory;

/// `DefaultTypedItemBasedRateLimiter`: 5 ms, doubled with each failure in a row, at most 1000 s.
fn back_off(failed: u32) -> Duration {
    const MOST: Duration = Duration::from_secs(1000);
    let times = 1_u64.checked_shl(failed).filter(|_| failed < 30);
    times.map_or(MOST, |times| Duration::from_millis(5 * times).min(MOST))
}

type Work = fn(&mut Lab, (&ObjectKey, Id), Option<EntryId>);

impl Lab {
    pub(super) fn work(&mut self, task: Task, cause: Option<EntryId>) {
        match task {
            Task::Deployment(id) => self.look_at(id, Lab::deployment, cause),
            Task::ReplicaSet(id) => self.look_at(id, Lab::replica_set, cause),
            Task::StatefulSet(id) => self.look_at(id, Lab::stateful_set, cause),
            Task::DaemonSet(id) => self.look_at(id, Lab::daemon_set, cause),
            Task::Schedule(key) => self.schedule(&key, cause),
            Task::Pod(id) => self.look_at(id, Lab::pod_task, cause),
            Task::Endpoints(id) => self.look_at(id, Lab::endpoints, cause),
            Task::Slices(id) => self.look_at(id, Lab::slices, cause),
            Task::Mirror(key) => self.mirror(&key, cause),
            Task::Proxy(node, family) => self.sync_proxy(&node, family, cause),
            Task::NameServer(key) => self.name_server(&key, cause),
            Task::Node(name) => self.node(&name, cause),
            task => self.work_seldom(task, cause),
        }
    }

    /// What a cluster that comes up and stays well never does. Apart, so that the page need not
    /// fetch it first.
    #[inline(never)]
    fn work_seldom(&mut self, task: Task, cause: Option<EntryId>) {
        match task {
            Task::Retry { for_pods } => self.retry_pending(for_pods, cause),
            Task::Collect(uid) => self.collect(&uid, cause),
            Task::Dependents(key) => self.settle_dependents(&key, cause),
            Task::EmptyNamespace(name) => self.empty_namespace(&name, cause),
            Task::FinishNamespace(name) => self.finish_namespace(&name, cause),
            Task::Canary(node, family) => self.look_for_canary(&node, family, cause),
            Task::LoadBalancer(key) => self.load_balancer(&key, cause),
            Task::Announce(key) => self.announce(&key, cause),
            Task::HealthChecks => self.renew_relays(),
            Task::IngressStatus => self.ingress_status(cause),
            Task::Silence(name) => self.silence(&name, cause),
            Task::Evict(key) => self.evict_by_taint(&key, cause),
            Task::CollectPods(node) => self.collect_pods(&node, cause),
            Task::Boot(node) => self.boot(&node, cause),
            Task::Deployment(_)
            | Task::ReplicaSet(_)
            | Task::StatefulSet(_)
            | Task::DaemonSet(_)
            | Task::Schedule(_)
            | Task::Pod(_)
            | Task::Endpoints(_)
            | Task::Slices(_)
            | Task::Mirror(_)
            | Task::Proxy(..)
            | Task::NameServer(_)
            | Task::Node(_) => {}
        }
    }

    /// Nothing is to be done for an object that is gone.
    fn look_at(&mut self, id: Id, work: Work, cause: Option<EntryId>) {
        if let Some(key) = self.objects.key_of(id).cloned() {
            work(self, (&key, id), cause);
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
        Ok(self.made(admitted.object, (by, of), cause))
    }

    fn made(
        &mut self,
        object: Object,
        (by, of): (Component, &ObjectKey),
        cause: Option<EntryId>,
    ) -> EntryId {
        let key = object.key();
        let made = self.note(cause, Happening::Made { key, by, of: Some(of.clone()) });
        self.write(object, Some(made));
        made
    }

    /// Makes pods one after the other; the first refusal ends it, and is an event. A namespace
    /// that is about to go is no failure.
    fn create_pods(
        &mut self,
        pods: impl Iterator<Item = Pod>,
        (by, of): (Component, &ObjectKey),
        cause: Option<EntryId>,
    ) -> Result<(), String> {
        let mut last = None;
        for pod in pods {
            let name = pod.metadata.name.clone();
            let refusal = match self.admit_pod(pod, &mut last) {
                Ok(object) => {
                    self.made(object, (by, of), cause);
                    continue;
                }
                Err(refusal) => refusal,
            };
            if self.is_ending(&of.namespace) {
                return Ok(());
            }
            let error = refusal.message.clone();
            if by == Component::StatefulSetController && refusal.reason == "AlreadyExists" {
                return Err(error);
            }
            let message = match by {
                Component::StatefulSetController => {
                    let (set, why) = (&of.name, refusal.message);
                    format!("create Pod {name} in StatefulSet {set} failed error: {why}")
                }
                _ => format!("Error creating: {}", refusal.message),
            };
            self.record((of, by), (true, "FailedCreate", message), cause);
            return Err(error);
        }
        Ok(())
    }

    /// A pod that is given as the `last` one was differs from it in its generated name alone.
    fn admit_pod(&mut self, pod: Pod, last: &mut Option<(Pod, Object)>) -> Result<Object, Refusal> {
        let Lab { objects, rng, settings, .. } = self;
        match last.as_ref().filter(|(given, _)| pod.metadata.name.is_empty() && *given == pod) {
            Some((_, admitted)) => admit::create_alike(objects, admitted, rng, settings),
            None => {
                let given = pod.clone();
                let object = admit::create(objects, Object::Pod(pod), rng, settings)?.object;
                *last = Some((given, object.clone()));
                Ok(object)
            }
        }
    }

    fn is_ending(&self, namespace: &str) -> bool {
        let key = ObjectKey::new(Kind::Namespace, "", namespace);
        let namespace = self.objects.get(&key).and_then(Object::as_namespace);
        namespace.is_some_and(|it| it.is_terminating())
    }

    /// A turn has ended: one that failed is tried again, each time after twice as long.
    fn settle(&mut self, task: Task, succeeded: bool, cause: Option<EntryId>) {
        if succeeded {
            self.retries.remove(&task);
            return;
        }
        let failed = self.retries.get(&task).copied().unwrap_or(0);
        self.retries.insert(task.clone(), failed.saturating_add(1));
        self.soon(back_off(failed), task, cause);
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
