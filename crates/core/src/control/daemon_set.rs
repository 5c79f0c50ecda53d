//! DaemonSet → one pod on each node that takes it (the DaemonSet controller).

use std::collections::BTreeMap;

use serde_json::{Value, json};
use svclab_netfilter::order::Order;

use super::affinity::{asks_for, repelling, target};
use super::available::{is_available, next_available};
use super::deployment::share;
use super::revision::owner;
use crate::admit::TEMPLATE_GENERATION;
use crate::object::{
    DaemonSet, DaemonSetStatus, IntOrString, Node, ObjectMeta, Pod, PodSpec, Shared, Toleration,
};
use crate::time::Instant;

pub const HASH_LABEL: &str = "controller-revision-hash";
const GENERATION_LABEL: &str = "pod-template-generation";

/// What one turn wants.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Plan {
    pub create: Vec<Pod>,
    /// Names of pods.
    pub delete: Vec<String>,
    /// Pods that ended and are replaced: name, and whether they failed.
    pub ended: Vec<(String, bool)>,
    /// The new status, where it changed.
    pub status: Option<DaemonSetStatus>,
    /// When to look again, because a pod will have become available.
    pub recheck: Option<Instant>,
}

/// One turn. `pods`: those that the set controls; `hash`: of its present template.
pub fn sync<'a>(
    set: &'a DaemonSet,
    pods: impl Iterator<Item = &'a Pod>,
    nodes: &[&'a Node],
    hash: &'a str,
    now: Instant,
) -> Plan {
    let spec = pod_spec(set);
    let mut by_node: BTreeMap<&str, Vec<&Pod>> = BTreeMap::new();
    for pod in pods {
        if let Some(node) = target(pod) {
            by_node.entry(node).or_default().push(pod);
        }
    }
    for pods in by_node.values_mut() {
        pods.order_by(|a, b| age(a).cmp(&age(b)));
    }
    let turn = Turn { set, spec, by_node, hash, now };
    turn.plan(nodes)
}

/// The oldest first; of the same second, in the order of names.
fn age(pod: &Pod) -> (&str, &str) {
    (&pod.metadata.creation_timestamp, &pod.metadata.name)
}

struct Turn<'a> {
    set: &'a DaemonSet,
    /// Of its pods, before a node is named in it.
    spec: Shared<PodSpec>,
    by_node: BTreeMap<&'a str, Vec<&'a Pod>>,
    hash: &'a str,
    now: Instant,
}

impl Turn<'_> {
    fn plan(&self, nodes: &[&Node]) -> Plan {
        let mut plan = Plan::default();
        for node in nodes {
            self.manage(node, &mut plan);
        }
        let known = |name: &str| nodes.iter().any(|node| node.metadata.name == name);
        for (name, pods) in self.by_node.iter().filter(|(name, _)| !known(name)) {
            // Pods bound to a node that is gone are not this controller's to remove.
            let waiting = pods.iter().filter(|it| it.spec.node_name != **name);
            plan.delete.extend(waiting.map(|it| it.metadata.name.clone()));
        }
        if plan.create.is_empty()
            && plan.delete.is_empty()
            && plan.ended.is_empty()
            && self.set.spec.update_strategy.r#type != "OnDelete"
        {
            self.roll(nodes, &mut plan);
        }
        let pods = self.by_node.values().flatten().copied();
        plan.recheck = next_available(pods, self.set.spec.min_ready_seconds, self.now);
        plan.status = Some(self.status(nodes)).filter(|it| *it != self.set.status);
        plan
    }

    /// Whether a pod should be put on the node, and whether one there may stay
    /// (`NodeShouldRunDaemonPod`).
    fn should_run(&self, node: &Node) -> (bool, bool) {
        let named = &self.spec.node_name;
        if !(named.is_empty() || *named == node.metadata.name) || !asks_for(&self.spec, node) {
            return (false, false);
        }
        let keeps_out = repelling(&self.spec, node, &["NoSchedule", "NoExecute"]).is_some();
        let drives_out = repelling(&self.spec, node, &["NoExecute"]).is_some();
        (!keeps_out, !drives_out)
    }

    /// `podsShouldBeOnNode`
    fn manage(&self, node: &Node, plan: &mut Plan) {
        let pods = self.by_node.get(node.metadata.name.as_str());
        let (should_run, may_stay) = self.should_run(node);
        let Some(pods) = pods else {
            if should_run {
                plan.create.push(self.new_pod(&node.metadata.name));
            }
            return;
        };
        let mut living = 0;
        for pod in pods.iter().filter(|it| !it.is_terminating()) {
            let name = pod.metadata.name.clone();
            if !may_stay {
                plan.delete.push(name);
            } else if pod.is_finished() {
                plan.ended.push((name, pod.status.phase == "Failed"));
            } else {
                living += 1;
                if living > 1 + usize::from(self.surge() > 0) {
                    plan.delete.push(name);
                }
            }
        }
        if self.surge() > 0 && may_stay {
            self.settle_surge(pods, plan);
        }
    }

    /// With a surge an old pod stays until its successor is available.
    fn settle_surge(&self, pods: &[&Pod], plan: &mut Plan) {
        let (new, old) = self.sides(pods);
        let (Some(new), Some(old)) = (new, old) else { return };
        if !old.is_ready() || self.is_available(new) {
            plan.delete.push(old.metadata.name.clone());
        }
    }

    /// The oldest living pod of the present template, and of another one.
    fn sides<'p>(&self, pods: &[&'p Pod]) -> (Option<&'p Pod>, Option<&'p Pod>) {
        let living = || pods.iter().filter(|it| !it.is_terminating() && !it.is_finished());
        let new = living().find(|it| self.is_updated(it)).copied();
        (new, living().find(|it| !self.is_updated(it)).copied())
    }

    /// Replaces pods of another template, as many at once as may be missing (`rollingUpdate`).
    fn roll(&self, nodes: &[&Node], plan: &mut Plan) {
        let wanted = nodes.iter().filter(|node| self.should_run(node).0).count();
        let wanted = i32::try_from(wanted).unwrap_or(i32::MAX);
        if self.surge() > 0 {
            return self.roll_with_surge(wanted, plan);
        }
        let mut unavailable = 0;
        let (mut broken, mut candidates) = (Vec::new(), Vec::new());
        for pods in self.by_node.values() {
            match self.sides(pods) {
                (None, None) | (Some(_), Some(_)) => unavailable += 1,
                (Some(new), None) => unavailable += i32::from(!self.is_available(new)),
                (None, Some(old)) if self.is_available(old) => candidates.push(old),
                (None, Some(old)) => broken.push(old),
            }
        }
        let room = share(&self.limit(), wanted, true).max(1).saturating_sub(unavailable).max(0);
        let room = usize::try_from(room).unwrap_or(0);
        let gone = broken.into_iter().chain(candidates.into_iter().take(room));
        plan.delete.extend(gone.map(|it| it.metadata.name.clone()));
    }

    fn roll_with_surge(&self, wanted: i32, plan: &mut Plan) {
        let rolling = self.set.spec.update_strategy.rolling_update.clone().unwrap_or_default();
        let most = share(&rolling.max_surge.unwrap_or_default(), wanted, true);
        let (mut surging, mut candidates) = (0, Vec::new());
        for (node, pods) in &self.by_node {
            match self.sides(pods) {
                (Some(new), Some(_)) => surging += i32::from(!self.is_available(new)),
                (None, Some(_)) => candidates.push(*node),
                _ => {}
            }
        }
        let room = usize::try_from(most.saturating_sub(surging)).unwrap_or(0);
        plan.create.extend(candidates.into_iter().take(room).map(|node| self.new_pod(node)));
    }

    fn surge(&self) -> i32 {
        let rolling = self.set.spec.update_strategy.rolling_update.as_ref();
        let surge = rolling.and_then(|it| it.max_surge.as_ref());
        surge.map_or(0, |it| share(it, 100, true))
    }

    fn limit(&self) -> IntOrString {
        let rolling = self.set.spec.update_strategy.rolling_update.as_ref();
        rolling.and_then(|it| it.max_unavailable.clone()).unwrap_or(IntOrString::Int(1))
    }

    fn is_available(&self, pod: &Pod) -> bool {
        is_available(pod, self.set.spec.min_ready_seconds, self.now)
    }

    fn is_updated(&self, pod: &Pod) -> bool {
        pod.metadata.labels.get(HASH_LABEL).is_some_and(|it| it == self.hash)
    }

    /// `updateDaemonSetStatus`: on each node the oldest pod counts.
    fn status(&self, nodes: &[&Node]) -> DaemonSetStatus {
        let mut res = DaemonSetStatus {
            observed_generation: self.set.metadata.generation,
            collision_count: self.set.status.collision_count,
            conditions: self.set.status.conditions.clone(),
            ..DaemonSetStatus::default()
        };
        for node in nodes {
            let first = self.by_node.get(node.metadata.name.as_str()).and_then(|it| it.first());
            if !self.should_run(node).0 {
                res.number_misscheduled += i32::from(first.is_some());
                continue;
            }
            res.desired_number_scheduled += 1;
            let Some(pod) = first else { continue };
            res.current_number_scheduled += 1;
            res.number_ready += i32::from(pod.is_ready());
            res.number_available += i32::from(self.is_available(pod));
            res.updated_number_scheduled += i32::from(self.is_updated(pod));
        }
        res.number_unavailable = res.desired_number_scheduled - res.number_available;
        res
    }

    fn new_pod(&self, node: &str) -> Pod {
        let template = &self.set.spec.template;
        let mut labels = template.metadata.labels.clone();
        labels.insert(HASH_LABEL.into(), self.hash.into());
        if let Some(generation) = self.set.metadata.annotations.get(TEMPLATE_GENERATION) {
            labels.insert(GENERATION_LABEL.into(), generation.clone());
        }
        let metadata = ObjectMeta {
            generate_name: format!("{}-", self.set.metadata.name).into(),
            namespace: self.set.metadata.namespace.clone(),
            labels,
            annotations: template.metadata.annotations.clone(),
            owner_references: vec![owner("apps/v1", "DaemonSet", &self.set.metadata)].into(),
            ..ObjectMeta::default()
        };
        let mut spec = self.spec.clone();
        name_node(&mut spec.affinity, node);
        Pod { metadata, spec, ..Pod::default() }
    }
}

/// What the template asks for, and the taints that every daemon pod bears
/// (`AddOrUpdateDaemonPodTolerations`).
fn pod_spec(set: &DaemonSet) -> Shared<PodSpec> {
    let mut spec = set.spec.template.spec.clone();
    let mut borne = vec![
        ("not-ready", "NoExecute"),
        ("unreachable", "NoExecute"),
        ("disk-pressure", "NoSchedule"),
        ("memory-pressure", "NoSchedule"),
        ("pid-pressure", "NoSchedule"),
        ("unschedulable", "NoSchedule"),
    ];
    if spec.host_network {
        borne.push(("network-unavailable", "NoSchedule"));
    }
    for (name, effect) in borne {
        let toleration = Toleration {
            key: format!("node.kubernetes.io/{name}"),
            operator: "Exists".into(),
            effect: effect.into(),
            ..Toleration::default()
        };
        if !spec.tolerations.contains(&toleration) {
            spec.tolerations.push(toleration);
        }
    }
    spec
}

/// Ties the pod to one node (`ReplaceDaemonSetPodNodeNameNodeAffinity`).
fn name_node(affinity: &mut Value, node: &str) {
    let field = json!({"key": "metadata.name", "operator": "In", "values": [node]});
    let term = json!({"matchFields": [field]});
    if affinity.is_null() {
        *affinity = json!({});
    }
    affinity["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"] =
        json!({"nodeSelectorTerms": [term]});
}
