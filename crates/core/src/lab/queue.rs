//! What is going to happen, by when.

use std::collections::BTreeMap;

use super::log::EntryId;
use crate::key::ObjectKey;
use crate::time::Instant;
use crate::trace::NodeName;

/// One piece of work for a part of the cluster.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Task {
    Deployment(ObjectKey),
    ReplicaSet(ObjectKey),
    Schedule(ObjectKey),
    /// kubelet takes a pod that was bound to its node.
    Accept(ObjectKey),
    /// The pod's sandbox is up.
    Sandbox(ObjectKey),
    /// The pod's containers start.
    Start(ObjectKey),
    /// The readiness probe of the container at this index.
    Probe(ObjectKey, usize),
    /// kubelet writes the pod's status.
    Report(ObjectKey),
    /// The containers of a pod that was asked to end are gone.
    Stopped(ObjectKey),
    Endpoints(ObjectKey),
    Slices(ObjectKey),
    /// Removes what an object that is gone has left.
    Collect(ObjectKey),
    Proxy(NodeName),
}

/// Tasks by time; those of one instant in the order they came.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Queue {
    tasks: BTreeMap<(Instant, u64), (Task, Option<EntryId>)>,
    waiting: BTreeMap<Task, Instant>,
    count: u64,
}

impl Queue {
    /// A task that waits already keeps its time and cause.
    pub(super) fn push(&mut self, at: Instant, task: Task, cause: Option<EntryId>) {
        if self.waiting.contains_key(&task) {
            return;
        }
        self.waiting.insert(task.clone(), at);
        self.tasks.insert((at, self.count), (task, cause));
        self.count += 1;
    }

    pub(super) fn next_at(&self) -> Option<Instant> {
        self.tasks.keys().next().map(|(at, _)| *at)
    }

    pub(super) fn pop_until(&mut self, at: Instant) -> Option<(Instant, Task, Option<EntryId>)> {
        let first = self.tasks.first_entry().filter(|it| it.key().0 <= at)?;
        let due = first.key().0;
        let (task, cause) = first.remove();
        self.waiting.remove(&task);
        Some((due, task, cause))
    }
}
