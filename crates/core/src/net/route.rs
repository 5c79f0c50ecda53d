//! Routing tables of nodes, pods and outside hosts, the most special route first.

use std::cmp::Reverse;
use std::net::IpAddr;

use ipnet::IpNet;
use svclab_netfilter::order::Order;

use super::{Host, Network, Node};
use crate::trace::Route;

impl Network {
    /// A node's main routing table; other nodes' pods through the nodes themselves (flannel's
    /// host-gw).
    pub fn routes(&self, node: &Node) -> Vec<Route> {
        let mut res: Vec<Route> = self
            .nodes
            .iter()
            .map(|it| {
                let own = it.name == node.name;
                Route {
                    destination: it.pod_cidr,
                    via: (!own).then_some(it.address),
                    device: if own { "cni0".into() } else { "eth0".into() },
                }
            })
            .collect();
        res.extend(node.routes.iter().cloned());
        res.push(on_link(self.lan));
        res.push(default_route(self.router));
        by_prefix(res)
    }

    /// A pod's routing table: its node's pods on the link, all else through the bridge.
    pub fn pod_routes(&self, node: &Node) -> [Route; 2] {
        [on_link(node.pod_cidr), default_route(node.bridge())]
    }

    /// The routing table of a host on the LAN.
    pub fn host_routes(&self, host: &Host) -> Vec<Route> {
        let mut res = host.routes.clone();
        res.extend([on_link(self.lan), default_route(self.router)]);
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
