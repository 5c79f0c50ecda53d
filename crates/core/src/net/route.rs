//! Routing tables of nodes, pods and outside hosts, the most special route first.

use std::cmp::Reverse;
use std::net::IpAddr;
use std::rc::Rc;

use ipnet::IpNet;
use svclab_netfilter::order::Order;

use super::{Host, Network, Node};
use crate::family::{Addresses, OfFamily, Ranges, first_host};
use crate::trace::Route;

/// The machines and their links.
#[derive(Clone, Copy)]
pub(super) struct Topology<'a> {
    pub(super) nodes: &'a [Node],
    pub(super) lan: Ranges,
    pub(super) router: Addresses,
}

impl Topology<'_> {
    fn routes(self, node: &Node) -> Vec<Route> {
        let to_pods = |it: &'_ Node, destination: IpNet| -> Option<Route> {
            if it.name == node.name {
                return Some(Route { destination, via: None, device: "cni0".into() });
            }
            it.addresses.of(destination.family()).map(|gateway| via(destination, gateway))
        };
        let mut res: Vec<Route> = Vec::new();
        for it in self.nodes {
            res.extend(it.pod_cidrs.iter().filter_map(|range| to_pods(it, range)));
        }
        res.extend(node.routes.iter().cloned());
        res.extend(self.lan.iter().map(on_link));
        res.extend(self.router.iter().map(default_route));
        by_prefix(res)
    }

    /// The device by which the node sends to `ip`.
    pub(super) fn device_to(self, node: &Node, ip: IpAddr) -> Option<Rc<str>> {
        if node.is_local(ip) {
            return Some("lo".into());
        }
        route_to(&self.routes(node), ip).map(|it| it.device.clone())
    }
}

impl Network {
    /// A node's main routing table; other nodes' pods through the nodes themselves (flannel's
    /// host-gw).
    pub fn routes(&self, node: &Node) -> Vec<Route> {
        self.topology().routes(node)
    }

    /// What routes follow from, apart from the kernels that packets change.
    pub(super) fn topology(&self) -> Topology<'_> {
        Topology { nodes: &self.nodes, lan: self.lan, router: self.router }
    }

    /// A pod's routing table: its node's pods on the link, all else through the bridge.
    pub fn pod_routes(&self, node: &Node) -> Vec<Route> {
        let links = node.pod_cidrs.iter().map(on_link);
        let defaults = node.pod_cidrs.iter().map(|range| default_route(first_host(range)));
        links.chain(defaults).collect()
    }

    /// The routing table of a host on the LAN.
    pub fn host_routes(&self, host: &Host) -> Vec<Route> {
        let mut res = host.routes.clone();
        res.extend(self.lan.iter().map(on_link));
        res.extend(self.router.iter().map(default_route));
        by_prefix(res)
    }
}

/// The first route that leads to `ip`; `routes` stand with the longest prefix first.
pub fn route_to(routes: &[Route], ip: IpAddr) -> Option<&Route> {
    routes.iter().find(|route| route.destination.contains(&ip))
}

/// A route over another machine of the LAN.
pub fn via(destination: IpNet, gateway: IpAddr) -> Route {
    Route { destination, via: Some(gateway), device: "eth0".into() }
}

fn on_link(destination: IpNet) -> Route {
    Route { destination, via: None, device: "eth0".into() }
}

fn default_route(gateway: IpAddr) -> Route {
    let all = match gateway {
        IpAddr::V4(_) => IpNet::new([0, 0, 0, 0].into(), 0),
        IpAddr::V6(_) => IpNet::new([0u16; 8].into(), 0),
    };
    via(all.expect("a prefix of 0 is valid"), gateway)
}

fn by_prefix(mut routes: Vec<Route>) -> Vec<Route> {
    routes.order_by_key(|route| Reverse(route.destination.prefix_len()));
    routes
}

/// The way of a packet that stays on its machine.
pub(super) fn loopback(destination: IpAddr) -> Route {
    Route { destination: destination.into(), via: None, device: "lo".into() }
}
