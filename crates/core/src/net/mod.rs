//! The cluster's network: nodes, their kernels, pods on bridges, one LAN and a router.
//!
//! Facts that every walk needs stand here; [`stack`] takes a packet through one node's hooks,
//! [`travel`] from link to link, [`exchange`] makes a request's packets, [`probe`] asks one node
//! for every way a packet may go.

pub mod exchange;
pub mod probe;
pub mod stack;
pub mod travel;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::rc::Rc;

use ipnet::IpNet;
use svclab_netfilter::walk::RecentLists;
use svclab_netfilter::{AddrType, Conntrack, Dice, RuleSet};

use crate::rng::Rng;
use crate::trace::{NodeName, Route};

/// What a walk leaves to chance.
pub trait Chance: Dice {
    /// A port of the range, for `MASQUERADE --random-fully` and for clients.
    fn port(&mut self, range: RangeInclusive<u16>) -> u16;
}

impl Dice for Rng {
    fn draw(&mut self, _threshold: u32) -> u32 {
        (self.next_u64() >> 33) as u32
    }
}

impl Chance for Rng {
    fn port(&mut self, range: RangeInclusive<u16>) -> u16 {
        let count = u64::from(range.end().saturating_sub(*range.start())) + 1;
        range.start() + self.below(count) as u16
    }
}

/// One node's network stack: what it was told and what it remembers.
#[derive(Debug, Clone, PartialEq)]
pub struct Kernel {
    pub rules: Rc<RuleSet>,
    pub conntrack: Conntrack,
    pub recent: RecentLists,
}

impl Default for Kernel {
    fn default() -> Kernel {
        let rules = Rc::new(RuleSet::builtin());
        Kernel { rules, conntrack: Conntrack::default(), recent: RecentLists::default() }
    }
}

/// A node: eth0 on the LAN, the bridge cni0 for its pods.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    pub name: NodeName,
    pub address: IpAddr,
    pub pod_cidr: IpNet,
}

impl Node {
    /// cni0's address: the first of the node's pod addresses.
    pub fn bridge(&self) -> IpAddr {
        self.pod_cidr.hosts().next().unwrap_or(self.pod_cidr.addr())
    }

    /// The primary address of one of the node's devices.
    pub fn address_of(&self, device: &str) -> IpAddr {
        match device {
            "cni0" => self.bridge(),
            "lo" => IpAddr::from([127, 0, 0, 1]),
            _ => self.address,
        }
    }

    /// What the kernel's routing table says of an address (`inet_addr_type`).
    pub fn addr_type(&self, ip: IpAddr) -> AddrType {
        if ip == self.address || ip == self.bridge() || ip.is_loopback() {
            return AddrType::Local;
        }
        let broadcast =
            matches!(self.pod_cidr, IpNet::V4(net) if IpAddr::V4(net.broadcast()) == ip);
        if broadcast { AddrType::Broadcast } else { AddrType::Unicast }
    }
}

/// A pod's end of the network. Pods on the node's own network have none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// `namespace/name`
    pub pod: Rc<str>,
    pub node: NodeName,
    pub ip: IpAddr,
    /// The node's end of the veth pair.
    pub device: Rc<str>,
    /// TCP ports that the pod's containers listen on.
    pub listens: Vec<u16>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Network {
    pub nodes: Vec<Node>,
    /// One for each node.
    pub kernels: BTreeMap<NodeName, Kernel>,
    /// By address; see [`Network::attach`].
    pub pods: BTreeMap<IpAddr, Attachment>,
    /// The addresses of each pod.
    pub(crate) addresses: BTreeMap<Rc<str>, Vec<IpAddr>>,
    pub lan: IpNet,
    pub router: IpAddr,
    /// Whether a bridge port may send a frame back to where it came from (CNI's `hairpinMode`).
    pub hairpin: bool,
}

impl Network {
    pub fn node(&self, name: &str) -> Option<&Node> {
        self.nodes.iter().find(|node| &*node.name == name)
    }

    pub fn kernel(&self, node: &str) -> Option<&Kernel> {
        self.kernels.get(node)
    }

    pub fn pod(&self, name: &str) -> Option<&Attachment> {
        self.pods.get(self.addresses.get(name)?.first()?)
    }

    /// Plugs a pod in at one of its addresses.
    pub fn attach(&mut self, end: Attachment) {
        self.addresses.entry(end.pod.clone()).or_default().push(end.ip);
        self.pods.insert(end.ip, end);
    }

    /// Takes a pod's addresses from it.
    pub fn detach(&mut self, name: &str) {
        for ip in self.addresses.remove(name).unwrap_or_default() {
            self.pods.remove(&ip);
        }
    }

    /// The node that holds an address of the LAN.
    pub fn owner(&self, ip: IpAddr) -> Option<&Node> {
        self.nodes.iter().find(|node| node.address == ip)
    }

    /// A node's main routing table, the most special first; other nodes' pods through the nodes
    /// themselves (flannel's host-gw).
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
        res.push(Route { destination: self.lan, via: None, device: "eth0".into() });
        res.push(self.default_route(self.router));
        res.sort_by_key(|route| std::cmp::Reverse(route.destination.prefix_len()));
        res
    }

    /// A pod's routing table: its node's pods on the link, all else through the bridge.
    pub fn pod_routes(&self, node: &Node) -> [Route; 2] {
        let on_link = Route { destination: node.pod_cidr, via: None, device: "eth0".into() };
        [on_link, self.default_route(node.bridge())]
    }

    fn default_route(&self, via: IpAddr) -> Route {
        let all = match via {
            IpAddr::V4(_) => IpNet::new([0, 0, 0, 0].into(), 0),
            IpAddr::V6(_) => IpNet::new([0u16; 8].into(), 0),
        };
        let destination = all.expect("a prefix of 0 is valid");
        Route { destination, via: Some(via), device: "eth0".into() }
    }
}

/// The first route that leads to `ip`; `routes` stand with the longest prefix first.
pub fn route_to(routes: &[Route], ip: IpAddr) -> Option<&Route> {
    routes.iter().find(|route| route.destination.contains(&ip))
}
