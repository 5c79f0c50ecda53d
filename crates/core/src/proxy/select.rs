//! Which endpoints of a service port this node uses (`CategorizeEndpoints`).

use std::collections::BTreeMap;

use svclab_netfilter::order::Gather;

use super::endpoint::Endpoint;
use super::node::ThisNode;
use super::service::ServicePort;
use super::settings::{Settings, Version};
use crate::object::ForName;

#[derive(Default)]
pub(super) struct Selection<'a> {
    /// For the Cluster policy.
    pub(super) cluster: Vec<&'a Endpoint>,
    /// For the Local policy.
    pub(super) local: Vec<&'a Endpoint>,
    /// All that some chain of this node leads to.
    pub(super) reachable: Vec<&'a Endpoint>,
    /// Whether any endpoint anywhere can be used.
    pub(super) any: bool,
}

pub(super) fn select<'a>(
    port: &ServicePort,
    endpoints: &'a [Endpoint],
    node: &ThisNode,
    settings: &Settings,
) -> Selection<'a> {
    let mut res = Selection::default();
    let all = || endpoints.iter();
    let mut topology = Topology::None;
    if port.uses_cluster() {
        topology = Topology::of(endpoints, port, node, settings);
        res.cluster = all().filter(|it| it.ready && topology.allows(it, node)).collect();
        if res.cluster.is_empty() {
            res.cluster = all().filter(|it| it.is_winding_down()).collect();
        }
        res.any = !res.cluster.is_empty();
    }
    if !port.uses_local() {
        res.reachable = res.cluster.clone();
        return res;
    }

    res.any |= all().any(|it| it.ready || it.is_winding_down());
    res.local = all().filter(|it| it.is_on(&node.name) && it.ready).collect();
    let mut fallback = false;
    if res.local.is_empty() {
        res.local = all().filter(|it| it.is_on(&node.name) && it.is_winding_down()).collect();
        fallback = !res.local.is_empty();
    }
    let superset = topology == Topology::None && !fallback;
    res.reachable = match port.uses_cluster() {
        false => res.local.clone(),
        true if superset => res.cluster.clone(),
        true => union(&res.cluster, &res.local),
    };
    res
}

fn union<'a>(one: &[&'a Endpoint], other: &[&'a Endpoint]) -> Vec<&'a Endpoint> {
    let all = one.iter().chain(other).map(|it| (&it.text, *it));
    all.gather::<BTreeMap<_, _>>().into_values().collect()
}

/// Which hints are in force. They count only where every ready endpoint has them and one of them
/// means this node; the others are as if there were none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Topology {
    None,
    Zone,
    Node,
}

impl Topology {
    fn of(
        endpoints: &[Endpoint],
        port: &ServicePort,
        node: &ThisNode,
        settings: &Settings,
    ) -> Topology {
        let modern = settings.version >= Version::Modern;
        let ready = || endpoints.iter().filter(|it| it.ready);
        let by_node = modern && settings.gate("PreferSameTrafficDistribution", true);
        if by_node && all_hinted(ready().map(Endpoint::node_hints), &node.name) {
            return Topology::Node;
        }
        let by_zone = modern || asks_for_zones(port, settings);
        if by_zone && all_hinted(ready().map(Endpoint::zone_hints), &node.zone) {
            return Topology::Zone;
        }
        Topology::None
    }

    fn allows(self, endpoint: &Endpoint, node: &ThisNode) -> bool {
        match self {
            Topology::None => true,
            Topology::Zone => names(endpoint.zone_hints(), &node.zone),
            Topology::Node => names(endpoint.node_hints(), &node.name),
        }
    }
}

/// 1.30 heeds hints only where an annotation or a feature gate says so.
fn asks_for_zones(port: &ServicePort, settings: &Settings) -> bool {
    settings.gate("TopologyAwareHints", true)
        && (port.hints_annotated
            || settings.gate("ServiceTrafficDistribution", settings.traffic_distribution))
}

fn all_hinted<'a>(mut hints: impl Iterator<Item = &'a [ForName]>, name: &str) -> bool {
    let mut named = false;
    let every = hints.all(|it| {
        named |= names(it, name);
        !it.is_empty()
    });
    every && named && !name.is_empty()
}

fn names(hints: &[ForName], name: &str) -> bool {
    hints.iter().any(|it| it.name == name)
}
