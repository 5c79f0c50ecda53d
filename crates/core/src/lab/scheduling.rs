//! The scheduler's queue: which pods wait for a node, and when each is tried again.

use super::Lab;
use super::log::{EntryId, Happening};
use super::queue::Task;
use crate::control::schedule::{self, Snapshot, Unschedulable};
use crate::key::{Kind, ObjectKey};
use crate::object::{Node, Object, Pod, PodCondition};
use crate::time::{Duration, Instant};

const SCHEDULER: Duration = Duration::from_millis(20);
/// `podInitialBackoffSeconds` and `podMaxBackoffSeconds`
const BACK_OFF: (u64, u64) = (1, 10);

/// A pod that no node took.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Waiting {
    attempts: u32,
    tried_at: Instant,
    /// Whether it may fit once another pod is gone.
    for_pods: bool,
}

impl Waiting {
    /// Before this moment it is not tried again.
    fn backs_off_until(&self) -> Instant {
        let (first, most) = BACK_OFF;
        let doubled = first << self.attempts.saturating_sub(1).min(10);
        self.tried_at + Duration::from_secs(doubled.min(most))
    }
}

impl Lab {
    /// Puts an unbound pod into the queue where it is new or another one than it was. What the
    /// scheduler itself writes into its status is no reason to try again.
    pub(super) fn tell_scheduler_of_pod(
        &mut self,
        key: &ObjectKey,
        old: Option<&Pod>,
        pod: &Pod,
        cause: Option<EntryId>,
    ) {
        let same = old
            .is_some_and(|old| old.metadata.labels == pod.metadata.labels && old.spec == pod.spec);
        if self.scheduler && !same && is_for_scheduler(pod) {
            self.soon(SCHEDULER, Task::Schedule(key.clone()), cause);
        }
    }

    /// A bound pod has gone or ended: what waits for its place is tried again.
    pub(super) fn tell_scheduler_of_room(
        &mut self,
        old: Option<&Pod>,
        new: Option<&Pod>,
        cause: Option<EntryId>,
    ) {
        let takes = |it: &Pod| !it.spec.node_name.is_empty() && !it.is_finished();
        if old.is_some_and(takes) && !new.is_some_and(takes) && !self.pending.is_empty() {
            self.soon(SCHEDULER, Task::Retry { for_pods: true }, cause);
        }
    }

    /// A node changed in what the scheduler looks at: every pending pod is tried again.
    pub(super) fn tell_scheduler_of_node(
        &mut self,
        old: Option<&Node>,
        new: Option<&Node>,
        cause: Option<EntryId>,
    ) {
        let facts = |it: &Node| {
            let taints = it.spec.taints.clone();
            (
                it.metadata.labels.clone(),
                taints,
                it.spec.unschedulable,
                it.status.allocatable.clone(),
            )
        };
        if old.map(facts) != new.map(facts) && !self.pending.is_empty() {
            self.soon(SCHEDULER, Task::Retry { for_pods: false }, cause);
        }
    }

    pub(super) fn retry_pending(&mut self, for_pods: bool, cause: Option<EntryId>) {
        let again = self.pending.iter().filter(|(_, it)| it.for_pods || !for_pods);
        let again: Vec<(ObjectKey, Instant)> =
            again.map(|(key, it)| (key.clone(), it.backs_off_until())).collect();
        for (key, at) in again {
            self.queue.push(at.max(self.now), Task::Schedule(key), cause);
        }
    }

    pub(super) fn schedule(&mut self, key: &ObjectKey, cause: Option<EntryId>) {
        let pod = self.objects.get(key).and_then(Object::as_pod);
        let Some(pod) = pod.filter(|it| is_for_scheduler(it)).cloned() else {
            self.pending.remove(key);
            return;
        };
        match self.choose_node(&pod) {
            Ok(node) => self.bind(key, pod, node, cause),
            Err(why) => self.keep_pending(key, pod, why, cause),
        }
    }

    fn choose_node(&self, pod: &Pod) -> Result<String, Unschedulable> {
        let owner = pod.metadata.controller().map_or("", |it| &it.uid);
        let namespace = &pod.metadata.namespace;
        let pods = || {
            let pods = self.objects.in_namespace(Kind::Pod, namespace);
            pods.filter_map(Object::as_pod).collect()
        };
        let snapshot = Snapshot {
            nodes: self.objects.of_kind(Kind::Node).filter_map(Object::as_node).collect(),
            usage: &|node| self.index.usage(node),
            kin: &|node| self.index.kin(owner, node),
            pods: &pods,
        };
        schedule::choose(pod, &snapshot).map(|it| it.metadata.name.clone())
    }

    fn bind(&mut self, key: &ObjectKey, mut pod: Pod, node: String, cause: Option<EntryId>) {
        self.pending.remove(key);
        pod.spec.node_name.clone_from(&node);
        set_scheduled(&mut pod, Ok(()), &self.now.rfc3339());
        let what = Happening::Scheduled { pod: key.clone(), node: node.into() };
        let cause = self.note(cause, what);
        self.write(Object::Pod(pod), Some(cause));
    }

    fn keep_pending(
        &mut self,
        key: &ObjectKey,
        mut pod: Pod,
        why: Unschedulable,
        cause: Option<EntryId>,
    ) {
        let attempts = self.pending.get(key).map_or(0, |it| it.attempts).saturating_add(1);
        let waiting = Waiting { attempts, tried_at: self.now, for_pods: why.waits_for_pods };
        self.pending.insert(key.clone(), waiting);
        set_scheduled(&mut pod, Err(&why.message), &self.now.rfc3339());
        let what = Happening::Unschedulable { pod: key.clone(), message: why.message };
        let cause = self.note(cause, what);
        self.write(Object::Pod(pod), Some(cause));
    }
}

/// Unbound, and for nobody else to schedule.
fn is_for_scheduler(pod: &Pod) -> bool {
    let spec = &pod.spec;
    spec.node_name.is_empty()
        && matches!(spec.scheduler_name.as_str(), "" | "default-scheduler")
        && spec.scheduling_gates.is_empty()
        && !pod.is_terminating()
        && !pod.is_finished()
}

/// The condition `PodScheduled`; an error is the message why not.
fn set_scheduled(pod: &mut Pod, scheduled: Result<(), &str>, now: &str) {
    const NAME: &str = "PodScheduled";
    let (status, reason, message) = match scheduled {
        Ok(()) => ("True", "", ""),
        Err(message) => ("False", "Unschedulable", message),
    };
    let since = pod.condition(NAME).filter(|it| it.status == status);
    let since = since.and_then(|it| it.last_transition_time.clone());
    let condition = PodCondition {
        r#type: NAME.into(),
        status: status.into(),
        last_transition_time: since.or_else(|| Some(now.to_owned().into())),
        reason: reason.into(),
        message: message.into(),
        ..PodCondition::default()
    };
    let conditions = &mut pod.status.conditions;
    match conditions.iter_mut().find(|it| it.r#type == NAME) {
        Some(old) => *old = condition,
        None => conditions.push(condition),
    }
}
