//! The node kube-proxy runs on.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use svclab_netfilter::Family;
use svclab_netfilter::order::Order;

use super::address::{family, parse_cidr, parse_ip};
use super::detect::{Detector, detector};
use super::settings::{DetectLocal, Settings, Version};
use crate::key::{Kind, ObjectKey};
use crate::object::{Labels, Node, Object, Objects};

#[derive(Debug, Clone, PartialEq)]
pub(super) struct ThisNode {
    pub(super) name: String,
    /// The address of this family, or the loopback address where the node has none.
    pub(super) ip: IpAddr,
    pub(super) zone: String,
    pub(super) detector: Option<Detector>,
    pub(super) node_ports: NodePorts,
}

/// Where NodePorts listen.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct NodePorts {
    /// On which addresses; every local one where this is none.
    pub(super) only: Option<Vec<IpAddr>>,
    pub(super) localhost: bool,
}

const ZONE_LABEL: &str = "topology.kubernetes.io/zone";

pub(super) fn this_node(objects: &Objects, settings: &Settings) -> ThisNode {
    let node = node_object(objects, settings);
    let zone = node.and_then(|it| it.metadata.labels.get(ZONE_LABEL));
    let addresses = node.map(addresses).unwrap_or_default();
    let of_family = addresses.iter().copied().find(|it| family(*it) == settings.family);
    let ip = of_family.unwrap_or(loopback(settings.family));
    ThisNode {
        name: settings.node.clone(),
        ip,
        zone: zone.cloned().unwrap_or_default(),
        detector: detector(settings, node),
        node_ports: node_ports(settings, ip, &addresses),
    }
}

fn node_object<'a>(objects: &'a Objects, settings: &Settings) -> Option<&'a Node> {
    objects.get(&ObjectKey::new(Kind::Node, "", &settings.node)).and_then(Object::as_node)
}

/// What kube-proxy watches in its own node: when it changes, all rules are written anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Watched {
    labels: Labels,
    addresses: Vec<IpAddr>,
    pod_cidrs: Vec<String>,
}

/// 1.30 looks at every label; newer releases at the zone, and they start again when the node's
/// addresses change. Every release does when pods are told by the node's ranges and those change.
pub(super) fn watched(objects: &Objects, settings: &Settings) -> Watched {
    let modern = settings.version >= Version::Modern;
    let by_range = settings.detect_local_mode == DetectLocal::NodeCidr;
    let node = node_object(objects, settings);
    let mut labels = node.map(|it| Labels::clone(&it.metadata.labels)).unwrap_or_default();
    labels.retain(|name, _| !modern || name == ZONE_LABEL);
    Watched {
        labels,
        addresses: node.filter(|_| modern).map(addresses).unwrap_or_default(),
        pod_cidrs: node
            .filter(|_| by_range)
            .map(|it| it.spec.pod_cidrs.clone())
            .unwrap_or_default(),
    }
}

/// InternalIPs before ExternalIPs.
fn addresses(node: &Node) -> Vec<IpAddr> {
    let of_type = |kind: &'static str| {
        let addresses = node.status.addresses.iter().filter(move |it| it.r#type == kind);
        addresses.filter_map(|it| parse_ip(&it.address))
    };
    of_type("InternalIP").chain(of_type("ExternalIP")).collect()
}

fn loopback(family: Family) -> IpAddr {
    match family {
        Family::V4 => IpAddr::V4(Ipv4Addr::LOCALHOST),
        Family::V6 => IpAddr::V6(Ipv6Addr::LOCALHOST),
    }
}

fn node_ports(settings: &Settings, ip: IpAddr, addresses: &[IpAddr]) -> NodePorts {
    let nets = node_port_nets(settings, ip);
    let v4 = settings.family == Family::V4;
    let all = nets.is_empty() || nets.iter().any(|it| it.prefix_len() == 0);
    let localhost = v4 && settings.localhost_node_ports && (all || nets.iter().any(has_loopback));
    if all {
        return NodePorts { only: None, localhost };
    }
    let of_family = addresses.iter().copied().filter(|it| family(*it) == settings.family);
    let mut only: Vec<IpAddr> = of_family
        .chain([loopback(settings.family)])
        .filter(|ip| nets.iter().any(|net| net.contains(ip)))
        .filter(|ip| localhost || !ip.is_loopback())
        .collect();
    only.order_by_key(IpAddr::to_string);
    only.dedup();
    NodePorts { only: Some(only), localhost }
}

/// Where NodePorts listen in nftables mode: the node's own address unless something else is
/// configured, be it for the other family, and never loopback. None for every local address.
pub(super) fn nft_node_ports(settings: &Settings, node: &ThisNode) -> Option<Vec<IpAddr>> {
    let ips = match &node.node_ports.only {
        Some(ips) => ips.clone(),
        None if settings.node_port_addresses.iter().all(|it| it == PRIMARY) => vec![node.ip],
        None => return None,
    };
    Some(ips.into_iter().filter(|it| !it.is_loopback()).collect())
}

/// The addresses of the node's devices: those of the Node object where nothing else is known.
pub(super) fn device_addresses(objects: &Objects, settings: &Settings) -> Vec<IpAddr> {
    let known = || node_object(objects, settings).map(addresses).unwrap_or_default();
    let own = &settings.local_addresses;
    if own.is_empty() { known() } else { own.clone() }
}

/// The addresses that take NodePorts in IPVS mode: all of the node's but loopback.
pub(super) fn node_port_ips(
    devices: &[IpAddr],
    settings: &Settings,
    node: &ThisNode,
) -> Vec<IpAddr> {
    let ips = node.node_ports.only.as_deref().unwrap_or(devices).iter().copied();
    ips.filter(|it| family(*it) == settings.family && !it.is_loopback()).collect()
}

/// The word for the node's own address among `nodePortAddresses`.
const PRIMARY: &str = "primary";

/// The networks of this family; newer releases know the word [`PRIMARY`].
fn node_port_nets(settings: &Settings, ip: IpAddr) -> Vec<IpNet> {
    let primary = settings.version >= Version::Modern;
    let net = |text: &String| match text.as_str() {
        PRIMARY if primary => Some(IpNet::from(ip)),
        text => parse_cidr(text),
    };
    let nets = settings.node_port_addresses.iter().filter_map(net);
    nets.filter(|it| family(it.addr()) == settings.family).collect()
}

fn has_loopback(net: &IpNet) -> bool {
    net.addr().is_loopback() || net.contains(&IpAddr::V4(Ipv4Addr::LOCALHOST))
}
