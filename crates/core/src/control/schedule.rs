//! Pod → node, as kube-scheduler's default plugins choose one.
//!
//! A node is asked filter by filter and its first refusal counts, in the scheduler's order:
//! cordoned, taints, affinity, host ports, resources, topology spread. Of the nodes left the
//! replicas of one owner are spread evenly, which is what the scores come to in a small cluster.

mod demand;
mod spread;

use std::cmp::Reverse;
use std::collections::BTreeMap;

use svclab_netfilter::order::Order;

use super::affinity::{asks_for, preference, repelling, target};
use crate::object::{Node, Pod, Taint};

use spread::Spread;

pub use demand::{Demand, Usage};

const UNSCHEDULABLE: &str = "node.kubernetes.io/unschedulable";

/// What the scheduler knows beside the pod.
pub struct Snapshot<'a> {
    pub nodes: Vec<&'a Node>,
    /// What the pods of a node take.
    pub usage: &'a dyn Fn(&str) -> Option<&'a Usage>,
    /// How many pods of the same controller a node has.
    pub kin: &'a dyn Fn(&str) -> usize,
    /// The pods of the pod's namespace; asked for by topology spread alone.
    pub pods: &'a dyn Fn() -> Vec<&'a Pod>,
}

/// Why no node takes the pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unschedulable {
    /// The message of `FailedScheduling` and of the condition `PodScheduled`.
    pub message: String,
    /// Whether it may fit once another pod is gone.
    pub waits_for_pods: bool,
}

/// A node's refusal; where pods are in the way, evicting some might help.
struct Refused {
    reasons: Vec<String>,
    pods_in_the_way: bool,
}

/// The node for `pod`: of those that no filter refuses, first those without a `PreferNoSchedule`
/// taint that it does not tolerate, then by preferred affinity, then with the fewest pods of the
/// same controller, then with the fewest pods at all, then the first by name.
pub fn choose<'a>(pod: &Pod, snapshot: &Snapshot<'a>) -> Result<&'a Node, Unschedulable> {
    let demand = Demand::of(pod);
    let spread = Spread::of(pod, snapshot);
    let empty = Usage::default();
    let mut refusals = Vec::new();
    let mut best = None;
    for &node in &snapshot.nodes {
        let usage = (snapshot.usage)(&node.metadata.name).unwrap_or(&empty);
        if let Some(refused) = refusal(pod, node, (&demand, usage), &spread) {
            refusals.push(refused);
            continue;
        }
        let kin = (snapshot.kin)(&node.metadata.name);
        let preferred = Reverse(preference(&pod.spec, node));
        let rank = (avoided(pod, node), preferred, kin, usage.pods);
        if best.as_ref().is_none_or(|(known, _)| rank < *known) {
            best = Some((rank, node));
        }
    }
    best.map(|(_, node)| node).ok_or_else(|| unschedulable(pod, &refusals))
}

fn refusal(
    pod: &Pod,
    node: &Node,
    (demand, usage): (&Demand, &Usage),
    spread: &Spread,
) -> Option<Refused> {
    let never = |reason: String| Some(Refused { reasons: vec![reason], pods_in_the_way: false });
    // A pod for one node alone, as a DaemonSet's, lets the scheduler skip all others.
    if target(pod).is_some_and(|it| it != node.metadata.name) {
        return never("node(s) didn't satisfy plugin(s) [NodeAffinity]".into());
    }
    if node.spec.unschedulable && !tolerates(pod, &cordon()) {
        return never("node(s) were unschedulable".into());
    }
    if let Some(taint) = repelling(&pod.spec, node, &["NoSchedule", "NoExecute"]) {
        let (key, value) = (&taint.key, &taint.value);
        return never(format!("node(s) had untolerated taint {{{key}: {value}}}"));
    }
    if !asks_for(&pod.spec, node) {
        return never("node(s) didn't match Pod's node affinity/selector".into());
    }
    if demand.ports_taken(usage) {
        let reasons = vec!["node(s) didn't have free ports for the requested pod ports".into()];
        return Some(Refused { reasons, pods_in_the_way: true });
    }
    let reasons = demand.insufficient(usage, node);
    if !reasons.is_empty() {
        return Some(Refused { reasons, pods_in_the_way: true });
    }
    let (reason, pods_in_the_way) = spread.refusal(node)?;
    Some(Refused { reasons: vec![reason.into()], pods_in_the_way })
}

fn tolerates(pod: &Pod, taint: &Taint) -> bool {
    pod.spec.tolerations.iter().any(|it| it.tolerates(taint))
}

/// What a cordoned node is tested with, whether or not it carries the taint already.
fn cordon() -> Taint {
    Taint { key: UNSCHEDULABLE.into(), effect: "NoSchedule".into(), ..Taint::default() }
}

fn avoided(pod: &Pod, node: &Node) -> usize {
    let avoid = |it: &&Taint| it.effect == "PreferNoSchedule" && !tolerates(pod, it);
    node.spec.taints.iter().filter(avoid).count()
}

/// `FitError.Error`, followed by what preemption says.
fn unschedulable(pod: &Pod, refusals: &[Refused]) -> Unschedulable {
    if refusals.is_empty() {
        let message = "no nodes available to schedule pods".into();
        return Unschedulable { message, waits_for_pods: false };
    }
    let reasons = refusals.iter().flat_map(|it| it.reasons.iter().map(String::as_str));
    let preemption = refusals.iter().map(|it| match it.pods_in_the_way {
        true => "No preemption victims found for incoming pod",
        false => "Preemption is not helpful for scheduling",
    });
    let all = refusals.len();
    let preemption = match pod.spec.preemption_policy.as_deref() {
        Some("Never") => "not eligible due to preemptionPolicy=Never.".to_owned(),
        _ => fit_error(all, preemption),
    };
    let message = format!("{} preemption: {preemption}", fit_error(all, reasons));
    let waits_for_pods = refusals.iter().any(|it| it.pods_in_the_way);
    Unschedulable { message, waits_for_pods }
}

/// The reasons with their counts, sorted as text.
fn fit_error<'a>(nodes: usize, reasons: impl Iterator<Item = &'a str>) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for reason in reasons {
        *counts.entry(reason).or_default() += 1;
    }
    let mut texts: Vec<String> = counts.iter().map(|(why, n)| format!("{n} {why}")).collect();
    texts.order();
    format!("0/{nodes} nodes are available: {}.", texts.join(", "))
}

#[cfg(test)]
mod tests;
