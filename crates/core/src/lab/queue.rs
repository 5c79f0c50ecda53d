//! What is going to happen, by when.

use std::collections::BTreeMap;
use std::rc::Rc;

use svclab_netfilter::Family;

use super::log::EntryId;
use crate::digest::DigestMap;
use crate::key::ObjectKey;
use crate::object::Id;
use crate::time::Instant;
use crate::trace::NodeName;

/// One piece of work for a part of the cluster.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Task {
    Deployment(Id),
    ReplicaSet(Id),
    StatefulSet(Id),
    DaemonSet(Id),
    Schedule(ObjectKey),
    /// Tries pending pods again: all, or those that wait for other pods to go.
    Retry {
        for_pods: bool,
    },
    /// kubelet takes a pod, or something is due in it.
    Pod(Id),
    Endpoints(Id),
    Slices(Id),
    /// Mirrors the Endpoints of this key into slices.
    Mirror(ObjectKey),
    /// Deletes what names an owner that is gone, by its UID.
    Collect(String),
    /// Deletes or frees what an object owns that waits for this.
    Dependents(ObjectKey),
    EmptyNamespace(String),
    FinishNamespace(String),
    Proxy(NodeName, Family),
    /// kube-proxy looks whether its canary chain is still there.
    Canary(NodeName, Family),
    /// CoreDNS in this pod starts, or looks at its Corefile.
    NameServer(ObjectKey),
    /// The load balancer looks at a Service.
    LoadBalancer(ObjectKey),
    /// A load balancer of its own acts on what its health checks of nodes found.
    HealthChecks,
    /// Its speakers agree on the node that answers for a Service.
    Announce(ObjectKey),
    /// ingress-nginx writes its addresses.
    IngressStatus,
    /// The controllers of nodes look at one.
    Node(String),
    /// Nothing may have been heard of the node for too long.
    Silence(String),
    /// A node's taints may drive out the pod.
    Evict(ObjectKey),
    /// The pods of a node that may be missing.
    CollectPods(String),
    /// A machine that was switched on has started.
    Boot(NodeName),
}

/// Tasks by time; those of one instant in the order they came.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Queue {
    tasks: BTreeMap<Turn, (Rc<Task>, Option<EntryId>)>,
    waiting: DigestMap<Rc<Task>, Turn>,
    count: u64,
}

type Turn = (Instant, u64);

impl Queue {
    /// A task that waits already keeps its cause and the earlier of the two times.
    pub(super) fn push(&mut self, at: Instant, task: Task, cause: Option<EntryId>) {
        let mut cause = cause;
        if let Some(turn) = self.waiting.get(&task) {
            if turn.0 <= at {
                return;
            }
            cause = self.tasks.remove(turn).and_then(|(_, first)| first).or(cause);
        }
        let task = Rc::new(task);
        let turn = (at, self.count);
        self.count += 1;
        self.tasks.insert(turn, (task.clone(), cause));
        self.waiting.insert(task, turn);
    }

    pub(super) fn has(&self, task: Task) -> bool {
        self.waiting.contains_key(&task)
    }

    pub(super) fn next_at(&self) -> Option<Instant> {
        self.tasks.keys().next().map(|(at, _)| *at)
    }

    pub(super) fn pop_until(&mut self, at: Instant) -> Option<(Instant, Task, Option<EntryId>)> {
        let first = self.tasks.first_entry().filter(|it| it.key().0 <= at)?;
        let due = first.key().0;
        let (task, cause) = first.remove();
        self.waiting.remove(&task);
        Some((due, Rc::unwrap_or_clone(task), cause))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Duration;

    #[test]
    fn the_sooner_of_two_times_wins_and_the_first_cause_stays() {
        let at = |seconds| Instant::START + Duration::from_secs(seconds);
        let task = || Task::Proxy("worker-1".into(), Family::V4);
        let mut queue = Queue::default();
        queue.push(at(5), task(), Some(EntryId(1)));
        queue.push(at(9), task(), Some(EntryId(2)));
        queue.push(at(3), task(), Some(EntryId(3)));
        assert_eq!(queue.next_at(), Some(at(3)));
        assert_eq!(queue.pop_until(at(9)), Some((at(3), task(), Some(EntryId(1)))));
        assert_eq!(queue.pop_until(at(9)), None);
    }
}
