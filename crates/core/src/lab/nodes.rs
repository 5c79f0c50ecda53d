//! The controllers that watch Nodes: address ranges, silence, taints, eviction, and what becomes of
//! the pods of a node that is no more.

use ipnet::IpNet;

use super::Lab;
use super::delete::DeleteOptions;
use super::log::{Component, EntryId, Happening};
use super::queue::Task;
use super::store::CONTROLLER;
use crate::control::node_lifecycle::{self as lifecycle, GRACE, STARTUP_GRACE};
use crate::key::{Kind, ObjectKey};
use crate::object::{Node, Object, Pod, PodCondition, Taint, Word};
use crate::time::{Duration, Instant};

/// `gcCheckPeriod` and `quarantineTime` of the pod garbage collector.
const COLLECTS_EVERY: Duration = Duration::from_secs(20);
const QUARANTINE: Duration = Duration::from_secs(40);

/// Each node's part of the cluster's range (`--node-cidr-mask-size`), by IP family.
const MASKS: (u8, u8) = (24, 64);

impl Lab {
    pub(super) fn tell_node_controllers(
        &mut self,
        key: &ObjectKey,
        old: Option<&Node>,
        new: Option<&Node>,
        cause: Option<EntryId>,
    ) {
        let Some(node) = new else {
            self.node_is_gone(key, cause);
            return;
        };
        if old.is_none() {
            let name = &key.name;
            let message = format!("Node {name} event: Registered Node {name} in Controller");
            self.record(
                (key, Component::NodeController),
                (false, "RegisteredNode", message),
                cause,
            );
        }
        if old.is_some_and(|old| old.spec.unschedulable != node.spec.unschedulable) {
            let word =
                if node.spec.unschedulable { "NodeNotSchedulable" } else { "NodeSchedulable" };
            self.kubelet_says(&key.name, word, cause);
        }
        self.listen_for(key, old, node, cause);
        // Whether any node is ready decides for all of them whether pods have to leave.
        let all = old.map(Node::is_ready) != Some(node.is_ready());
        let nodes = self.objects.of_kind(Kind::Node).map(|it| it.meta().name.clone());
        let concerned: Vec<String> = nodes.filter(|it| all || *it == key.name).collect();
        for name in concerned {
            self.soon(CONTROLLER, Task::Node(name), cause);
        }
    }

    /// A node without a kubelet that runs is heard of only when somebody writes its status.
    fn listen_for(
        &mut self,
        key: &ObjectKey,
        old: Option<&Node>,
        node: &Node,
        cause: Option<EntryId>,
    ) {
        let unknown = node.status.conditions.iter().any(|it| it.status == "Unknown");
        let posted = old.is_none_or(|old| old.status != node.status) && !unknown;
        if posted && !self.machine_runs(&key.name) {
            self.expect_of(&key.name, grace(node), cause);
        }
    }

    /// From now on the node is silent.
    pub(super) fn expect_of(&mut self, node: &str, within: Duration, cause: Option<EntryId>) {
        self.heard.insert(node.into(), self.now);
        self.soon(within, Task::Silence(node.to_owned()), cause);
    }

    /// The node lifecycle controller, when a node may have been silent for too long.
    pub(super) fn silence(&mut self, name: &str, cause: Option<EntryId>) {
        let key = ObjectKey::new(Kind::Node, "", name);
        let Some(heard) = self.heard.get(name).copied() else { return };
        let Some(mut node) = self.objects.get(&key).and_then(Object::as_node).cloned() else {
            return;
        };
        let due = heard + grace(&node);
        if self.now < due {
            self.queue.push(due, Task::Silence(name.to_owned()), cause);
            return;
        }
        let was_ready = node.is_ready();
        lifecycle::fall_silent(&mut node, &self.now.rfc3339());
        let mut cause = cause;
        if was_ready {
            let message = format!("Node {name} status is now: NodeNotReady");
            let event = (false, "NodeNotReady", message);
            cause = Some(self.record((&key, Component::NodeController), event, cause));
        }
        self.write(Object::Node(node), cause);
        if was_ready {
            self.mark_pods_not_ready(name, cause);
        }
    }

    /// `MarkPodsNotReady`: nobody knows how the pods of a silent node are.
    fn mark_pods_not_ready(&mut self, node: &str, cause: Option<EntryId>) {
        let now = Word::from(self.now.rfc3339());
        for key in self.pods_on(node) {
            let Some(mut pod) = self.objects.get(&key).and_then(Object::as_pod).cloned() else {
                continue;
            };
            let mut conditions = pod.status.conditions.iter_mut();
            let Some(ready) = conditions.find(|it| it.r#type == "Ready" && it.status == "True")
            else {
                continue;
            };
            ready.status = "False".into();
            ready.last_transition_time = Some(now.clone());
            let event = (true, "NodeNotReady", "Node is not ready".to_owned());
            let cause = self.record((&key, Component::NodeController), event, cause);
            self.write(Object::Pod(pod), Some(cause));
        }
    }

    /// What the controllers make of one node: its range, its taints, who has to leave.
    pub(super) fn node(&mut self, name: &str, cause: Option<EntryId>) {
        let key = ObjectKey::new(Kind::Node, "", name);
        let Some(node) = self.objects.get(&key).and_then(Object::as_node) else { return };
        let mut node = node.clone();
        if node.spec.pod_cidrs.is_empty() {
            node.spec.pod_cidrs = self.free_ranges();
            node.spec.pod_cidr = node.spec.pod_cidrs.first().cloned().unwrap_or_default();
        }
        let ready = |it: &Object| it.as_node().is_some_and(Node::is_ready);
        let evicts = self.objects.of_kind(Kind::Node).any(ready);
        node.spec.taints = lifecycle::taints(&node, evicts, &self.now.rfc3339());
        let taints = node.spec.taints.clone();
        let posts = self.machine_runs(name) && !node.is_ready();
        self.write(Object::Node(node), cause);
        if posts {
            self.post_status(name, cause);
        }
        let evicting = taints.iter().any(|it| it.effect == "NoExecute");
        if evicting || !self.evictions.is_empty() {
            for pod in self.pods_on(name) {
                self.plan_eviction(&pod, &taints, cause);
            }
        }
    }

    /// The next free part of each range of the cluster, in the order of registration.
    fn free_ranges(&mut self) -> Vec<String> {
        let nodes = self.objects.of_kind(Kind::Node).filter_map(Object::as_node);
        let used: Vec<String> = nodes.flat_map(|it| it.spec.pod_cidrs.clone()).collect();
        let parts = |range: IpNet| {
            let mask = if range.addr().is_ipv4() { MASKS.0 } else { MASKS.1 };
            range.subnets(mask).into_iter().flatten().map(|it| it.to_string())
        };
        let free = |range| parts(range).find(|it| !used.contains(it));
        self.cluster_cidrs.iter().filter_map(free).collect()
    }

    /// A pod was bound: its node may be missing, or repel it.
    pub(super) fn tell_nodes_of_pod(
        &mut self,
        key: &ObjectKey,
        old: Option<&Pod>,
        pod: &Pod,
        cause: Option<EntryId>,
    ) {
        let name = &pod.spec.node_name;
        if name.is_empty() || old.is_some_and(|old| old.spec.node_name == *name) {
            return;
        }
        let node = self.objects.get(&ObjectKey::new(Kind::Node, "", name));
        let Some(node) = node.and_then(Object::as_node) else {
            self.collect_pods_later(name, cause);
            return;
        };
        if node.spec.taints.iter().any(|it| it.effect == "NoExecute") {
            let taints = node.spec.taints.clone();
            self.plan_eviction(key, &taints, cause);
        }
    }

    /// The taint eviction controller: a pod that the node's taints drive out goes when its
    /// tolerations are over; it stays if they go first.
    fn plan_eviction(&mut self, key: &ObjectKey, taints: &[Taint], cause: Option<EntryId>) {
        let Some(pod) = self.objects.get(key).and_then(Object::as_pod) else { return };
        let evicting = taints.iter().any(|it| it.effect == "NoExecute");
        let stays = lifecycle::may_stay(pod, taints).filter(|_| evicting);
        let Some(stays) = stays else {
            if self.evictions.remove(key).is_some() {
                let message = format!("Cancelling deletion of Pod {}/{}", key.namespace, key.name);
                let by = Component::TaintEvictionController;
                self.record((key, by), (false, "TaintManagerEviction", message), cause);
            }
            return;
        };
        let due = self.now + stays;
        let due = self.evictions.get(key).map_or(due, |known| due.min(*known));
        self.evictions.insert(key.clone(), due);
        self.queue.push(due, Task::Evict(key.clone()), cause);
    }

    pub(super) fn evict_by_taint(&mut self, key: &ObjectKey, cause: Option<EntryId>) {
        let Some(due) = self.evictions.get(key).copied() else { return };
        if self.now < due {
            self.queue.push(due, Task::Evict(key.clone()), cause);
            return;
        }
        self.evictions.remove(key);
        let Some(pod) = self.objects.get(key).and_then(Object::as_pod).cloned() else { return };
        if pod.is_terminating() {
            return;
        }
        let message = format!("Marking for deletion Pod {}/{}", key.namespace, key.name);
        let by = Component::TaintEvictionController;
        let event = (false, "TaintManagerEviction", message);
        let cause = Some(self.record((key, by), event, cause));
        let why = "Taint manager: deleting due to NoExecute taint";
        self.disrupt(pod, ("DeletionByTaintManager", why), cause);
        self.delete(key, DeleteOptions::default(), cause);
    }

    /// The pod's condition `DisruptionTarget`, before it is deleted.
    pub(super) fn disrupt(
        &mut self,
        mut pod: Pod,
        (reason, message): (&'static str, &str),
        cause: Option<EntryId>,
    ) {
        pod.status.conditions.retain(|it| it.r#type != "DisruptionTarget");
        pod.status.conditions.push(PodCondition {
            r#type: "DisruptionTarget".into(),
            status: "True".into(),
            last_transition_time: Some(self.now.rfc3339().into()),
            reason: reason.into(),
            message: message.into(),
            ..PodCondition::default()
        });
        self.write(Object::Pod(pod), cause);
    }

    fn node_is_gone(&mut self, key: &ObjectKey, cause: Option<EntryId>) {
        self.heard.remove(key.name.as_str());
        let name = &key.name;
        let message = format!("Node {name} event: Removing Node {name} from Controller");
        let event = (false, "RemovingNode", message);
        let cause = Some(self.record((key, Component::NodeController), event, cause));
        for pod in self.pods_on(name) {
            self.evictions.remove(&pod);
        }
        self.collect_pods_later(name, cause);
    }

    /// The pod garbage collector sees at its next turn that the node is missing, and acts when the
    /// quarantine is over.
    fn collect_pods_later(&mut self, node: &str, cause: Option<EntryId>) {
        let period = COLLECTS_EVERY.as_micros();
        let turn = self.now.as_micros().div_ceil(period).saturating_mul(period);
        let at = Instant::from_micros(turn) + QUARANTINE;
        self.queue.push(at, Task::CollectPods(node.to_owned()), cause);
    }

    /// Removes the pods of a node that is still missing, whatever they wait for.
    pub(super) fn collect_pods(&mut self, node: &str, cause: Option<EntryId>) {
        if self.objects.contains_key(&ObjectKey::new(Kind::Node, "", node)) {
            return;
        }
        for key in self.pods_on(node) {
            let by = Component::PodGarbageCollector;
            let what = Happening::Removed { key: key.clone(), by, of: None };
            let cause = Some(self.note(cause, what));
            let pod = self.objects.get(&key).and_then(Object::as_pod).cloned();
            if let Some(mut pod) = pod.filter(|it| !it.is_finished()) {
                pod.status.phase = "Failed".into();
                let why = "PodGC: node no longer exists";
                self.disrupt(pod, ("DeletionByPodGC", why), cause);
            }
            let grace_period_seconds = Some(0);
            let options = DeleteOptions { grace_period_seconds, ..DeleteOptions::default() };
            self.delete(&key, options, cause);
        }
    }

    pub(super) fn pods_on(&self, node: &str) -> Vec<ObjectKey> {
        self.index.bound(node).filter_map(|id| self.key_of(id)).collect()
    }
}

/// A node that never posted may take a little longer.
fn grace(node: &Node) -> Duration {
    if lifecycle::has_posted(node) { GRACE } else { STARTUP_GRACE }
}
