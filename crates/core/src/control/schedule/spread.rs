//! `topologySpreadConstraints` that must hold (`whenUnsatisfiable: DoNotSchedule`).

use std::collections::BTreeMap;

use super::Snapshot;
use crate::control::affinity::asks_for;
use crate::object::json::api;
use crate::object::{Json, LabelSelector, Node, Pod};

api! {
    struct TopologySpreadConstraint {
        max_skew: i64,
        topology_key: String,
        when_unsatisfiable: String,
        label_selector: Option<LabelSelector>,
        min_domains: Option<i64>,
        match_label_keys: Vec<String>,
    }
}

/// A pod's constraints with how its like are spread now.
#[derive(Default)]
pub(super) struct Spread {
    constraints: Vec<Constraint>,
}

struct Constraint {
    key: String,
    /// How many matching pods a domain may have so that this one fits.
    limit: i64,
    domains: BTreeMap<String, i64>,
}

impl Spread {
    /// Nodes that the pod's affinity excludes or that lack one of the keys are no domains.
    pub(super) fn of(pod: &Pod, snapshot: &Snapshot<'_>) -> Spread {
        let written = pod.spec.topology_spread_constraints.iter();
        let written = written.filter_map(|it| TopologySpreadConstraint::from_json(it.clone()).ok());
        let written: Vec<TopologySpreadConstraint> =
            written.filter(|it| it.when_unsatisfiable == "DoNotSchedule").collect();
        if written.is_empty() {
            return Spread::default();
        }
        let has_keys = |node: &Node| {
            written.iter().all(|it| node.metadata.labels.contains_key(&it.topology_key))
        };
        let eligible = snapshot.nodes.iter().filter(|it| asks_for(&pod.spec, it) && has_keys(it));
        let eligible: Vec<&Node> = eligible.copied().collect();
        let pods = (snapshot.pods)();
        let constraint = |it: &TopologySpreadConstraint| it.constraint(pod, &eligible, &pods);
        Spread { constraints: written.iter().map(constraint).collect() }
    }

    /// The reason, and whether other pods are in the way.
    pub(super) fn refusal(&self, node: &Node) -> Option<(&'static str, bool)> {
        const MISMATCH: &str = "node(s) didn't match pod topology spread constraints";
        const NO_LABEL: &str =
            "node(s) didn't match pod topology spread constraints (missing required label)";
        self.constraints.iter().find_map(|it| {
            let Some(domain) = node.metadata.labels.get(&it.key) else {
                return Some((NO_LABEL, false));
            };
            let count = it.domains.get(domain).copied().unwrap_or(0);
            (count > it.limit).then_some((MISMATCH, true))
        })
    }
}

impl TopologySpreadConstraint {
    fn constraint(&self, pod: &Pod, nodes: &[&Node], pods: &[&Pod]) -> Constraint {
        let domain = |node: &Node| node.metadata.labels.get(&self.topology_key).cloned();
        let mut domains: BTreeMap<String, i64> = BTreeMap::new();
        let mut by_node: BTreeMap<&str, String> = BTreeMap::new();
        for node in nodes {
            if let Some(domain) = domain(node) {
                domains.entry(domain.clone()).or_default();
                by_node.insert(&node.metadata.name, domain);
            }
        }
        let counted = pods.iter().filter(|it| !it.is_terminating() && self.selects(pod, it));
        for other in counted {
            if let Some(domain) = by_node.get(other.spec.node_name.as_str()) {
                *domains.entry(domain.clone()).or_default() += 1;
            }
        }
        let wanted = usize::try_from(self.min_domains.unwrap_or(1)).unwrap_or(1);
        let enough = domains.len() >= wanted;
        let least = domains.values().min().copied().filter(|_| enough).unwrap_or(0);
        let itself = i64::from(self.selects(pod, pod));
        let limit = self.max_skew.saturating_add(least).saturating_sub(itself);
        Constraint { key: self.topology_key.clone(), limit, domains }
    }

    fn selects(&self, pod: &Pod, other: &Pod) -> bool {
        let same = |key: &String| pod.metadata.labels.get(key) == other.metadata.labels.get(key);
        let Some(selector) = &self.label_selector else { return false };
        selector.matches(&other.metadata.labels) && self.match_label_keys.iter().all(same)
    }
}
