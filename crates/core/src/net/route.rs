//! Routing tables of nodes, pods and outside hosts, the most special route first.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::rc::Rc;

use ipnet::IpNet;
use svclab_netfilter::order::Order;

use super::layout::{Encapsulation, blocks};
use super::{Attachment, Host, Network, Node};
use crate::family::{Addresses, OfFamily, Ranges, first_host};
use crate::trace::Route;

/// The machines and their links.
#[derive(Clone, Copy)]
pub(super) struct Topology<'a> {
    pub(super) nodes: &'a [Node],
    pub(super) pods: &'a BTreeMap<IpAddr, Attachment>,
    pub(super) lan: Ranges,
    pub(super) router: Addresses,
}

impl Topology<'_> {
    /// The node's routes to networks that are `wanted`, and some others, in no order.
    fn routes(self, node: &Node, wanted: &dyn Fn(&IpNet) -> bool) -> Vec<Route> {
        let mut res: Vec<Route> = Vec::new();
        for it in self.nodes {
            for range in it.pod_cidrs.iter().filter(wanted) {
                match it.name == node.name {
                    true => self.own_pods(node, range, &mut res),
                    false => self.pods_of(node, it, range, &mut res),
                }
            }
        }
        res.extend(node.routes.iter().cloned());
        res.extend(self.lan.iter().filter(wanted).map(on_link));
        res.extend(self.router.iter().map(default_route));
        res
    }

    /// The one by which the node sends to `ip`: the first of the most special ones.
    pub(super) fn route(self, node: &Node, ip: IpAddr) -> Option<Route> {
        let leads = |it: &IpNet| it.contains(&ip);
        let routes = self.routes(node, &leads).into_iter().filter(|it| leads(&it.destination));
        routes.min_by_key(|it| Reverse(it.destination.prefix_len()))
    }

    /// The bridge, or each pod's own device; of a block nothing else is anywhere.
    fn own_pods(self, node: &Node, range: IpNet, res: &mut Vec<Route>) {
        if node.layout.is_bridged() {
            res.push(Route::new(range, "cni0"));
            return;
        }
        let pods = self.pods.values().filter(|it| it.node == node.name && range.contains(&it.ip));
        res.extend(pods.map(|it| Route::new(it.ip.into(), it.device.clone())));
        let blackhole = |block| Route { blackhole: true, ..Route::new(block, "") };
        res.extend(self.blocks(node, range).into_iter().map(blackhole));
    }

    /// The way of `node` to the pods of another one.
    fn pods_of(self, node: &Node, other: &Node, range: IpNet, res: &mut Vec<Route>) {
        let family = range.family();
        let tunnel = node.layout.tunnel(family).filter(|_| !node.layout.is_direct());
        let gateway = match tunnel.map(|it| it.kind) {
            Some(Encapsulation::Vxlan { .. }) => other.tunnel_address(family),
            _ => other.addresses.of(family),
        };
        let Some(gateway) = gateway else { return };
        let device = tunnel.map_or("eth0", |it| it.device);
        let to = |block| Route { device: device.into(), ..via(block, gateway) };
        match node.layout.is_bridged() {
            true => res.push(to(range)),
            false => res.extend(self.blocks(other, range).into_iter().map(to)),
        }
    }

    fn blocks(self, node: &Node, range: IpNet) -> Vec<IpNet> {
        let pods = self.pods.values().filter(|it| it.node == node.name);
        blocks(range, pods.map(|it| it.ip))
    }

    /// The device by which the node sends to `ip`.
    pub(super) fn device_to(self, node: &Node, ip: IpAddr) -> Option<Rc<str>> {
        if node.is_local(ip) {
            return Some("lo".into());
        }
        self.route(node, ip).filter(|it| !it.blackhole).map(|it| it.device)
    }
}

impl Network {
    /// A node's main routing table, with the way to all pods as its layout makes it.
    pub fn routes(&self, node: &Node) -> Vec<Route> {
        by_prefix(self.topology().routes(node, &|_| true))
    }

    /// What routes follow from, apart from the kernels that packets change.
    pub(super) fn topology(&self) -> Topology<'_> {
        Topology { nodes: &self.nodes, pods: &self.pods, lan: self.lan, router: self.router }
    }

    /// A pod's routing table: its node's pods on the link, all else through the bridge; without a
    /// bridge everything over an address that the node answers for; and what somebody added.
    pub fn pod_routes(&self, pod: &Attachment) -> Vec<Route> {
        let mut res = self.node(&pod.node).map(|it| self.routes_in(it)).unwrap_or_default();
        match self.pod_routes.get(&pod.pod) {
            None => res,
            Some(more) => {
                res.splice(0..0, more.iter().cloned());
                by_prefix(res)
            }
        }
    }

    fn routes_in(&self, node: &Node) -> Vec<Route> {
        if !node.layout.is_bridged() {
            let families = node.pod_cidrs.families();
            let gateways = families.filter_map(|it| node.layout.pod_gateway(it));
            let routes = gateways.map(|it| [on_link(it.into()), default_route(it)]);
            return by_prefix(routes.flatten().collect());
        }
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
    Route { via: Some(gateway), ..Route::new(destination, "eth0") }
}

fn on_link(destination: IpNet) -> Route {
    Route::new(destination, "eth0")
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
    Route::new(destination.into(), "lo")
}
