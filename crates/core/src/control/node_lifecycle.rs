//! What the node lifecycle and taint eviction controllers make of a Node: whether it is still heard
//! of, its taints, and when pods have to leave it.

use crate::object::{Node, NodeCondition, Pod, Taint, Toleration};
use crate::time::Duration;

/// `--node-monitor-grace-period` since 1.32: so long a node may be silent.
pub const GRACE: Duration = Duration::from_secs(50);
/// `--node-startup-grace-period`: so long a new node may take to its first status.
pub const STARTUP_GRACE: Duration = Duration::from_secs(60);

const NOT_READY: &str = "node.kubernetes.io/not-ready";
const UNREACHABLE: &str = "node.kubernetes.io/unreachable";
const UNSCHEDULABLE: &str = "node.kubernetes.io/unschedulable";

/// The conditions that kubelet posts, in the order the controller adds them.
const POSTED: [&str; 4] = ["Ready", "MemoryPressure", "DiskPressure", "PIDPressure"];

/// Which condition with which status makes which taint (`nodeConditionToTaintKeyStatusMap`).
const TAINTED: [(&str, &str, &str); 6] = [
    ("Ready", "False", NOT_READY),
    ("Ready", "Unknown", UNREACHABLE),
    ("MemoryPressure", "True", "node.kubernetes.io/memory-pressure"),
    ("DiskPressure", "True", "node.kubernetes.io/disk-pressure"),
    ("NetworkUnavailable", "True", "node.kubernetes.io/network-unavailable"),
    ("PIDPressure", "True", "node.kubernetes.io/pid-pressure"),
];

/// Whether the node's kubelet ever said how it is.
pub fn has_posted(node: &Node) -> bool {
    node.status.conditions.iter().any(|it| it.r#type == "Ready")
}

/// Nothing was heard of the node for too long: what its kubelet posts is unknown
/// (`tryUpdateNodeHealth`).
pub fn fall_silent(node: &mut Node, now: &str) {
    let created = node.metadata.creation_timestamp.to_string();
    for name in POSTED {
        let conditions = &mut node.status.conditions;
        match conditions.iter_mut().find(|it| it.r#type == name) {
            Some(old) if old.status == "Unknown" => {}
            Some(old) => {
                old.status = "Unknown".into();
                old.reason = "NodeStatusUnknown".into();
                old.message = "Kubelet stopped posting node status.".into();
                old.last_transition_time = Some(now.into());
            }
            None => conditions.push(NodeCondition {
                r#type: name.into(),
                status: "Unknown".into(),
                reason: "NodeStatusNeverUpdated".into(),
                message: "Kubelet never posted node status.".into(),
                last_heartbeat_time: Some(created.clone()),
                last_transition_time: Some(now.into()),
            }),
        }
    }
}

/// The node's taints as its conditions and its cordon want them; those that the controller does
/// not know stay, new ones come last. Without `evicts` no pod is made to leave: while no node of
/// the cluster is ready, the fault is taken to be the control plane's own.
pub fn taints(node: &Node, evicts: bool, now: &str) -> Vec<Taint> {
    let mut wanted: Vec<(&str, &str)> = Vec::new();
    for condition in &node.status.conditions {
        let what = (condition.r#type.as_str(), condition.status.as_str());
        let found = TAINTED.iter().find(|(name, status, _)| (*name, *status) == what);
        wanted.extend(found.map(|(_, _, key)| (*key, "NoSchedule")));
    }
    if node.spec.unschedulable {
        wanted.push((UNSCHEDULABLE, "NoSchedule"));
    }
    let leaves =
        wanted.iter().find(|it| [NOT_READY, UNREACHABLE].contains(&it.0)).filter(|_| evicts);
    wanted.extend(leaves.map(|it| (it.0, "NoExecute")).into_iter().collect::<Vec<_>>());
    let is_wanted = |it: &Taint| wanted.contains(&(it.key.as_str(), it.effect.as_str()));
    let mut res: Vec<Taint> = node.spec.taints.clone();
    res.retain(|it| !is_own(it) || is_wanted(it));
    for (key, effect) in wanted {
        if !res.iter().any(|it| (it.key.as_str(), it.effect.as_str()) == (key, effect)) {
            let time_added = Some(now.into());
            let (key, effect) = (key.into(), effect.into());
            res.push(Taint { key, effect, time_added, ..Taint::default() });
        }
    }
    res
}

/// A taint that this controller sets and takes away.
fn is_own(taint: &Taint) -> bool {
    let key = taint.key.as_str();
    match taint.effect.as_str() {
        "NoSchedule" => key == UNSCHEDULABLE || TAINTED.iter().any(|it| it.2 == key),
        "NoExecute" => [NOT_READY, UNREACHABLE].contains(&key),
        _ => false,
    }
}

/// How long the pod may stay on a node with these taints; None: for ever (`processPodOnNode`).
pub fn may_stay(pod: &Pod, taints: &[Taint]) -> Option<Duration> {
    let evicting = taints.iter().filter(|it| it.effect == "NoExecute");
    let mut tolerations: Vec<&Toleration> = Vec::new();
    for taint in evicting {
        match pod.spec.tolerations.iter().find(|it| it.tolerates(taint)) {
            Some(it) => tolerations.push(it),
            None => return Some(Duration::ZERO),
        }
    }
    let seconds = tolerations.iter().filter_map(|it| it.toleration_seconds).min()?;
    Some(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::Json;
    use serde_json::{Value, json};

    fn node(spec: Value, conditions: Value) -> Node {
        let whole = json!({"spec": spec, "status": {"conditions": conditions}});
        Json::from_json(whole).expect("a Node")
    }

    #[track_caller]
    fn check(node: &Node, evicts: bool, expected: &[&str]) {
        let taints = taints(node, evicts, "now");
        let texts: Vec<String> =
            taints.iter().map(|it| format!("{}:{}", it.key, it.effect)).collect();
        assert_eq!(texts, expected);
    }

    #[test]
    fn taints_follow_conditions_and_cordon() {
        let known = json!([{"key": "gpu", "effect": "NoSchedule"}]);
        let spec = json!({"taints": known, "unschedulable": true});
        let silent = node(spec, json!([{"type": "Ready", "status": "Unknown"}]));
        let all = [
            "gpu:NoSchedule",
            "node.kubernetes.io/unreachable:NoSchedule",
            "node.kubernetes.io/unschedulable:NoSchedule",
            "node.kubernetes.io/unreachable:NoExecute",
        ];
        check(&silent, true, &all);
        check(&silent, false, &all[..3]);
        let mut back = silent.clone();
        back.spec.taints = taints(&silent, true, "then");
        back.spec.unschedulable = false;
        back.status.conditions[0].status = "True".into();
        check(&back, true, &["gpu:NoSchedule"]);
    }

    #[test]
    fn a_node_that_never_posted_gets_all_four_conditions() {
        let mut silent = node(json!({}), json!([]));
        fall_silent(&mut silent, "now");
        let found: Vec<_> =
            silent.status.conditions.iter().map(|it| (it.r#type.as_str(), &*it.reason)).collect();
        let reason = "NodeStatusNeverUpdated";
        assert_eq!(found, POSTED.map(|name| (name, reason)));
    }

    #[track_caller]
    fn check_stay(tolerations: Value, expected: Option<u64>) {
        let pod = Json::from_json(json!({"spec": {"tolerations": tolerations}}));
        let taints: Vec<Taint> = [NOT_READY, "maintenance"]
            .map(|key| Taint { key: key.into(), effect: "NoExecute".into(), ..Taint::default() })
            .into();
        assert_eq!(may_stay(&pod.expect("a pod"), &taints), expected.map(Duration::from_secs));
    }

    #[test]
    fn a_pod_stays_as_long_as_every_taint_is_tolerated() {
        let not_ready = json!({"key": NOT_READY, "operator": "Exists", "tolerationSeconds": 300});
        check_stay(json!([not_ready]), Some(0));
        let other = json!({"key": "maintenance", "operator": "Exists"});
        check_stay(json!([not_ready, other]), Some(300));
        check_stay(json!([{"operator": "Exists"}]), None);
        check_stay(json!([{"operator": "Exists", "tolerationSeconds": -5}]), Some(0));
    }
}
