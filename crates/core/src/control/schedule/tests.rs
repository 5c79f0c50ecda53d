use serde_json::{Value, json};

use super::*;
use crate::object::Json;

/// Two workers in two zones and a control plane, as kubelet reports them.
fn nodes() -> Vec<Node> {
    let node = |name: &str, zone: &str, taints: Value| {
        let labels = json!({"topology.kubernetes.io/zone": zone, "kubernetes.io/hostname": name});
        let allocatable = json!({"cpu": "4", "memory": "8Gi", "pods": "110"});
        let whole = json!({
            "metadata": {"name": name, "labels": labels},
            "spec": {"taints": taints},
            "status": {"allocatable": allocatable},
        });
        Json::from_json(whole).expect("a Node")
    };
    let control = json!([{"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}]);
    vec![
        node("control-plane", "a", control),
        node("worker-1", "a", json!([])),
        node("worker-2", "b", json!([])),
    ]
}

fn pod(spec: Value) -> Pod {
    let spec = match spec {
        Value::Object(_) => spec,
        _ => json!({}),
    };
    let meta = json!({"name": "web", "namespace": "shop", "labels": {"app": "web"}});
    Json::from_json(json!({"metadata": meta, "spec": spec})).expect("a Pod")
}

fn on(node: &str, spec: Value) -> Pod {
    let mut res = pod(spec);
    res.spec.node_name = node.into();
    res
}

fn requests(cpu: &str, memory: &str) -> Value {
    let requests = json!({"cpu": cpu, "memory": memory});
    json!({"containers": [{"name": "a", "resources": {"requests": requests}}]})
}

#[track_caller]
fn check(spec: Value, nodes: &[Node], there: &[Pod], expected: Result<&str, &str>) {
    let mut usage: BTreeMap<&str, Usage> = BTreeMap::new();
    for pod in there {
        usage.entry(&pod.spec.node_name).or_default().add(&Demand::of(pod));
    }
    let snapshot = Snapshot {
        nodes: nodes.iter().collect(),
        usage: &|node| usage.get(node),
        kin: &|node| there.iter().filter(|it| it.spec.node_name == node).count(),
        pods: &|| there.iter().collect(),
    };
    let chosen = choose(&pod(spec), &snapshot);
    let chosen = chosen.as_ref().map(|it| it.metadata.name.as_str());
    assert_eq!(chosen.map_err(|it| it.message.as_str()), expected);
}

#[test]
fn replicas_go_to_the_node_with_the_fewest_of_them() {
    check(json!({}), &nodes(), &[], Ok("worker-1"));
    check(json!({}), &nodes(), &[on("worker-1", json!({}))], Ok("worker-2"));
}

#[test]
fn the_message_counts_the_reasons_and_sorts_them_as_text() {
    let mut cordoned = nodes();
    cordoned[2].spec.unschedulable = true;
    cordoned.remove(1);
    check(
        json!({}),
        &cordoned,
        &[],
        Err("0/2 nodes are available: 1 node(s) had untolerated taint \
             {node-role.kubernetes.io/control-plane: }, 1 node(s) were unschedulable. preemption: \
             0/2 nodes are available: 2 Preemption is not helpful for scheduling."),
    );
    check(json!({}), &[], &[], Err("no nodes available to schedule pods"));
}

#[test]
fn a_request_that_no_node_has_left_says_which_resource_lacks() {
    let there = [on("worker-1", requests("3500m", "1Gi")), on("worker-2", requests("1", "7.5Gi"))];
    check(
        requests("1", "1Gi"),
        &nodes(),
        &there,
        Err("0/3 nodes are available: 1 Insufficient cpu, 1 Insufficient memory, 1 node(s) had \
             untolerated taint {node-role.kubernetes.io/control-plane: }. preemption: 0/3 nodes \
             are available: 1 Preemption is not helpful for scheduling, 2 No preemption victims \
             found for incoming pod."),
    );
    check(requests("500m", "512Mi"), &nodes(), &there, Ok("worker-1"));
}

#[test]
fn a_host_port_is_there_once_on_a_node() {
    let port = json!({"containerPort": 80, "hostPort": 80, "protocol": "TCP"});
    let spec = json!({"containers": [{"name": "a", "ports": [port]}]});
    check(spec.clone(), &nodes(), &[on("worker-1", spec.clone())], Ok("worker-2"));
    let there = [on("worker-1", spec.clone()), on("worker-2", spec.clone())];
    check(
        spec,
        &nodes(),
        &there,
        Err("0/3 nodes are available: 1 node(s) had untolerated taint \
             {node-role.kubernetes.io/control-plane: }, 2 node(s) didn't have free ports for the \
             requested pod ports. preemption: 0/3 nodes are available: 1 Preemption is not \
             helpful for scheduling, 2 No preemption victims found for incoming pod."),
    );
}

fn affinity(terms: Value) -> Value {
    let required = "requiredDuringSchedulingIgnoredDuringExecution";
    json!({"affinity": {"nodeAffinity": {required: {"nodeSelectorTerms": terms}}}})
}

#[test]
fn affinity_terms_are_alternatives() {
    let zone = |operator: &str, values: Value| {
        let key = "topology.kubernetes.io/zone";
        json!({"matchExpressions": [{"key": key, "operator": operator, "values": values}]})
    };
    check(affinity(json!([zone("In", json!(["b"]))])), &nodes(), &[], Ok("worker-2"));
    check(affinity(json!([zone("NotIn", json!(["a"]))])), &nodes(), &[], Ok("worker-2"));
    let either = json!([zone("In", json!(["x"])), zone("Exists", json!([]))]);
    check(affinity(either), &nodes(), &[], Ok("worker-1"));
    let refused = "0/3 nodes are available: 1 node(s) had untolerated taint \
                   {node-role.kubernetes.io/control-plane: }, 2 node(s) didn't match Pod's node \
                   affinity/selector. preemption: 0/3 nodes are available: 3 Preemption is not \
                   helpful for scheduling.";
    check(affinity(json!([{}])), &nodes(), &[], Err(refused));
    check(json!({"nodeSelector": {"disk": "ssd"}}), &nodes(), &[], Err(refused));
}

#[test]
fn a_daemon_sets_pod_is_for_one_node_alone() {
    let field = json!({"key": "metadata.name", "operator": "In", "values": ["worker-2"]});
    let spec = affinity(json!([{"matchFields": [field]}]));
    check(spec.clone(), &nodes(), &[], Ok("worker-2"));
    let mut tainted = nodes();
    let taint = json!({"key": "gpu", "value": "yes", "effect": "NoSchedule"});
    tainted[2].spec.taints = vec![Json::from_json(taint).expect("a taint")];
    check(
        spec,
        &tainted,
        &[],
        Err("0/3 nodes are available: 1 node(s) had untolerated taint {gpu: yes}, 2 node(s) \
             didn't satisfy plugin(s) [NodeAffinity]. preemption: 0/3 nodes are available: 3 \
             Preemption is not helpful for scheduling."),
    );
}

#[test]
fn topology_spread_keeps_the_skew() {
    let spread = |key: &str| {
        let selector = json!({"matchLabels": {"app": "web"}});
        let constraint = json!({
            "maxSkew": 1, "topologyKey": key, "whenUnsatisfiable": "DoNotSchedule",
            "labelSelector": selector,
        });
        json!({"topologySpreadConstraints": [constraint]})
    };
    let zone = "topology.kubernetes.io/zone";
    check(spread(zone), &nodes(), &[on("worker-1", json!({}))], Ok("worker-2"));
    let mut full = nodes();
    full[2].status.allocatable.insert("pods".into(), "0".into());
    check(
        spread(zone),
        &full,
        &[on("worker-1", json!({}))],
        Err(
            "0/3 nodes are available: 1 Too many pods, 1 node(s) didn't match pod topology spread \
             constraints, 1 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: \
             }. preemption: 0/3 nodes are available: 1 Preemption is not helpful for scheduling, \
             2 No preemption victims found for incoming pod.",
        ),
    );
    check(
        spread("rack"),
        &nodes(),
        &[],
        Err("0/3 nodes are available: 1 node(s) had untolerated taint \
             {node-role.kubernetes.io/control-plane: }, 2 node(s) didn't match pod topology \
             spread constraints (missing required label). preemption: 0/3 nodes are available: 3 \
             Preemption is not helpful for scheduling."),
    );
}

#[test]
fn a_node_that_is_better_avoided_comes_last() {
    let mut avoided = nodes();
    let taint = json!({"key": "slow", "effect": "PreferNoSchedule"});
    avoided[1].spec.taints = vec![Json::from_json(taint).expect("a taint")];
    check(json!({}), &avoided, &[on("worker-2", json!({}))], Ok("worker-2"));
}
