//! ReplicaSet → pods (the ReplicaSet controller).

use std::collections::BTreeMap;

use svclab_netfilter::order::Order;

use super::available::{is_available, next_available, ready_since};
use super::conditions::{self, condition};
use super::revision::owner;
use crate::object::{ObjectMeta, Pod, ReplicaSet, ReplicaSetStatus, WorkloadCondition};
use crate::time::Instant;

/// Pods that one turn makes or deletes at most (`BurstReplicas`).
const BURST: usize = 500;
/// The condition of a ReplicaSet whose pods cannot be made.
pub const FAILURE: &str = "ReplicaFailure";
const DELETION_COST: &str = "controller.kubernetes.io/pod-deletion-cost";

/// What one turn wants.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Plan {
    /// So many pods as [`new_pod`] makes them.
    pub create: usize,
    /// Names of pods.
    pub delete: Vec<String>,
    /// The status from what there was before.
    pub status: ReplicaSetStatus,
    /// When to look again, because a pod will have become available.
    pub recheck: Option<Instant>,
}

/// One turn. `owned`: the pods that name the ReplicaSet as their controller; `related`: how many
/// pods of its Deployment's ReplicaSets each node runs.
pub fn sync<'a>(
    set: &ReplicaSet,
    owned: impl Iterator<Item = &'a Pod>,
    related: &dyn Fn() -> BTreeMap<String, usize>,
    now: Instant,
) -> Plan {
    let deleted = set.metadata.deletion_timestamp.is_some();
    let active: Vec<&Pod> = owned.filter(|pod| is_active(pod)).collect();
    let mut plan = Plan::default();
    let wanted = usize::try_from(set.replicas()).unwrap_or(0);
    if !deleted && active.len() < wanted {
        plan.create = (wanted - active.len()).min(BURST);
    } else if !deleted && active.len() > wanted {
        let surplus = (active.len() - wanted).min(BURST);
        plan.delete = victims(&active, surplus, &related(), now);
    }
    plan.recheck = next_available(active.iter().copied(), set.spec.min_ready_seconds, now);
    plan.status = status(set, &active, now);
    plan
}

/// Says in the status why pods could not be made; `now` is when that was.
pub fn note_failure(status: &mut ReplicaSetStatus, error: Option<String>, now: Instant) {
    let Some(error) = error else { return conditions::remove(&mut status.conditions, FAILURE) };
    if conditions::find(&status.conditions, FAILURE).is_none() {
        let failure = condition(FAILURE, "True", ("FailedCreate", error), now);
        status.conditions.push(WorkloadCondition { last_update_time: None, ..failure });
    }
}

/// Whether the pod counts: it neither ends nor has ended (`IsPodActive`).
pub fn is_active(pod: &Pod) -> bool {
    !pod.is_terminating() && !pod.is_finished()
}

/// `calculateStatus`
fn status(set: &ReplicaSet, active: &[&Pod], now: Instant) -> ReplicaSetStatus {
    let count = |what: &dyn Fn(&Pod) -> bool| {
        i32::try_from(active.iter().filter(|pod| what(pod)).count()).unwrap_or(i32::MAX)
    };
    let template = &set.spec.template.metadata.labels;
    let labelled =
        |pod: &Pod| template.iter().all(|(key, value)| pod.metadata.labels.get(key) == Some(value));
    ReplicaSetStatus {
        replicas: count(&|_| true),
        fully_labeled_replicas: count(&labelled),
        ready_replicas: count(&Pod::is_ready),
        available_replicas: count(&|pod| is_available(pod, set.spec.min_ready_seconds, now)),
        observed_generation: set.metadata.generation,
        conditions: set.status.conditions.clone(),
    }
}

/// Which pods go first when there are too many (`ActivePodsWithRanks`).
fn victims(
    active: &[&Pod],
    count: usize,
    related: &BTreeMap<String, usize>,
    now: Instant,
) -> Vec<String> {
    let mut pods = active.to_vec();
    pods.order_by_key(|pod| rank(pod, related, now));
    pods.into_iter().take(count).map(|pod| pod.metadata.name.clone()).collect()
}

/// The lowest goes first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Rank<'a> {
    bound: bool,
    phase: u8,
    ready: bool,
    cost: i32,
    /// Most crowded nodes first.
    crowd: std::cmp::Reverse<usize>,
    /// Those that became ready last first, on a logarithmic scale.
    ready_for: u32,
    restarts: std::cmp::Reverse<i32>,
    age: u32,
    uid: &'a str,
}

fn rank<'a>(pod: &'a Pod, related: &BTreeMap<String, usize>, now: Instant) -> Rank<'a> {
    let node = &pod.spec.node_name;
    let cost = pod.metadata.annotations.get(DELETION_COST);
    let restarts = pod.status.container_statuses.iter().map(|it| it.restart_count).max();
    let created = Instant::from_rfc3339(&pod.metadata.creation_timestamp);
    Rank {
        bound: !node.is_empty(),
        phase: match pod.status.phase.as_str() {
            "Running" => 2,
            "Unknown" => 1,
            _ => 0,
        },
        ready: pod.is_ready(),
        cost: cost.and_then(|it| it.parse().ok()).unwrap_or(0),
        crowd: std::cmp::Reverse(related.get(node).copied().unwrap_or(0)),
        ready_for: if pod.is_ready() { log_scale(ready_since(pod), now) } else { 0 },
        restarts: std::cmp::Reverse(restarts.unwrap_or(0)),
        age: log_scale(created.unwrap_or(Instant::START), now),
        uid: &pod.metadata.uid,
    }
}

/// Two times that lie about as far back count as the same (`logarithmicRankDiff`).
fn log_scale(then: Instant, now: Instant) -> u32 {
    (now - then).as_micros().saturating_mul(1000).checked_ilog2().map_or(0, |it| it + 1)
}

/// A pod as the ReplicaSet makes them.
pub fn new_pod(set: &ReplicaSet) -> Pod {
    let template = &set.spec.template;
    let metadata = ObjectMeta {
        generate_name: format!("{}-", set.metadata.name).into(),
        namespace: set.metadata.namespace.clone(),
        labels: template.metadata.labels.clone(),
        annotations: template.metadata.annotations.clone(),
        finalizers: template.metadata.finalizers.clone(),
        owner_references: vec![owner("apps/v1", "ReplicaSet", &set.metadata)].into(),
        ..ObjectMeta::default()
    };
    Pod { metadata, spec: template.spec.clone(), ..Pod::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::PodCondition;
    use crate::time::Duration;

    const NOW: Instant = Instant::START;

    fn pod(name: &str, node: &str, phase: &'static str) -> Pod {
        let mut pod = Pod::default();
        pod.metadata.name = name.into();
        pod.metadata.uid = name.to_owned().into();
        pod.metadata.creation_timestamp = NOW.rfc3339().into();
        pod.spec.node_name = node.into();
        pod.status.phase = phase.into();
        pod
    }

    fn ready(name: &str, node: &str, since: u64) -> Pod {
        let mut pod = pod(name, node, "Running");
        pod.status.conditions.push(PodCondition {
            r#type: "Ready".into(),
            status: "True".into(),
            last_transition_time: Some((NOW + Duration::from_secs(since)).rfc3339().into()),
            ..PodCondition::default()
        });
        pod
    }

    /// The order in which pods are given up (spec §4.4).
    #[track_caller]
    fn check_order(pods: &[Pod], expected: &str) {
        let all: Vec<&Pod> = pods.iter().collect();
        let mut related = BTreeMap::new();
        for pod in &all {
            *related.entry(pod.spec.node_name.clone()).or_default() += 1;
        }
        let order = victims(&all, all.len(), &related, NOW + Duration::from_secs(1000));
        assert_eq!(order.join(" "), expected);
    }

    #[test]
    fn pods_that_serve_least_go_first() {
        let pending = pod("pending", "w1", "Pending");
        let failing = pod("failing", "w2", "Running");
        check_order(
            &[ready("good", "w3", 0), failing, pending, pod("unbound", "", "Pending")],
            "unbound pending failing good",
        );
    }

    #[test]
    fn a_lower_deletion_cost_comes_before_a_crowded_node() {
        let mut cheap = ready("cheap", "w1", 0);
        cheap.metadata.annotations.insert(DELETION_COST.into(), "-5".into());
        let crowded = [ready("a", "w2", 0), ready("b", "w2", 0)];
        check_order(&[crowded[0].clone(), crowded[1].clone(), cheap], "cheap a b");
    }

    #[test]
    fn a_crowded_node_gives_up_first_then_who_was_ready_for_a_shorter_time() {
        check_order(
            &[ready("alone", "w1", 990), ready("old", "w2", 0), ready("young", "w2", 990)],
            "young old alone",
        );
    }

    #[test]
    fn nearly_equal_ages_count_as_equal() {
        check_order(&[ready("b", "w1", 0), ready("a", "w2", 10)], "a b");
        check_order(&[ready("a", "w1", 0), ready("b", "w2", 10)], "a b");
    }
}
