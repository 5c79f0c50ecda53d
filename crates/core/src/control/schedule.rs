//! Pod → node (the scheduler, as far as the lab needs one).

use std::collections::BTreeMap;

use super::affinity::{asks_for, repelling};
use crate::object::{Node, Pod, Taint};

/// The node for `pod`: ready, schedulable, with the labels its `nodeSelector` asks for and no
/// taint it does not tolerate; of these the one with the fewest pods of the same controller, then
/// with the fewest pods at all, then the first by name. The error is the event's message.
///
/// `kin`: the pods of the same controller; `count`: how many pods a node has.
pub fn choose<'a>(
    pod: &Pod,
    nodes: impl Iterator<Item = &'a Node>,
    kin: impl Iterator<Item = &'a Pod>,
    count: &dyn Fn(&str) -> usize,
) -> Result<&'a Node, String> {
    let kin = by_node(kin);
    let mut refusals: BTreeMap<String, usize> = BTreeMap::new();
    let mut all = 0;
    let mut best: Option<((usize, usize), &Node)> = None;
    for node in nodes {
        all += 1;
        if let Some(reason) = refusal(pod, node) {
            *refusals.entry(reason).or_default() += 1;
            continue;
        }
        let name = node.metadata.name.as_str();
        let rank = (kin.get(name).copied().unwrap_or_default(), count(name));
        if best.is_none_or(|(known, _)| rank < known) {
            best = Some((rank, node));
        }
    }
    best.map(|(_, node)| node).ok_or_else(|| unschedulable(all, &refusals))
}

fn by_node<'a>(kin: impl Iterator<Item = &'a Pod>) -> BTreeMap<&'a str, usize> {
    let mut res = BTreeMap::new();
    for pod in kin.filter(|it| !it.spec.node_name.is_empty() && !it.is_terminating()) {
        *res.entry(pod.spec.node_name.as_str()).or_default() += 1;
    }
    res
}

fn refusal(pod: &Pod, node: &Node) -> Option<String> {
    let cordon = Taint {
        key: "node.kubernetes.io/unschedulable".into(),
        effect: "NoSchedule".into(),
        ..Taint::default()
    };
    if node.spec.unschedulable && !pod.spec.tolerations.iter().any(|it| it.tolerates(&cordon)) {
        return Some("node(s) were unschedulable".into());
    }
    if !asks_for(&pod.spec, node) {
        return Some("node(s) didn't match Pod's node affinity/selector".into());
    }
    let taint = repelling(&pod.spec, node, &["NoSchedule", "NoExecute"])?;
    Some(format!("node(s) had untolerated taint {{{}: {}}}", taint.key, taint.value))
}

fn unschedulable(count: usize, refusals: &BTreeMap<String, usize>) -> String {
    let mut reasons: Vec<String> = refusals.iter().map(|(why, n)| format!("{n} {why}")).collect();
    reasons.sort();
    format!(
        "0/{count} nodes are available: {}. preemption: 0/{count} nodes are available: {count} \
         Preemption is not helpful for scheduling.",
        reasons.join(", ")
    )
}
