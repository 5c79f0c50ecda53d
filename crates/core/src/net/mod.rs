//! The cluster's network: nodes, their kernels, pods on bridges, one LAN, a router, and hosts outside.
//!
//! Who is there: [`node`], [`party`]; what they know: [`route`], [`limit`], the rules of the
//! network plugin ([`cni`]). [`stack`] takes a packet through one node's hooks, [`travel`] from
//! link to link, [`exchange`] makes the packets of a connection or a question, [`capture`] prints
//! what passes an interface, [`probe`] asks one node for every way a packet may go.

mod limit;
mod node;
mod party;
mod route;

pub mod capture;
pub mod cni;
pub mod exchange;
pub mod probe;
pub mod stack;
pub mod travel;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::rc::Rc;

use ipnet::IpNet;
use svclab_netfilter::memory::Memory;
use svclab_netfilter::order::Gather;
use svclab_netfilter::{Conntrack, CounterTable, Dice, RuleSet};

use crate::rng::Rng;
use crate::trace::NodeName;

pub use limit::ErrorLimit;
pub use node::{Node, Sysctls};
pub use party::{Attachment, Guest, Host, Party, Ports};
pub use route::{route_to, via};

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
    /// What matches like `recent` and `limit` remember.
    pub memory: Memory,
    /// Of the rules and policies that packets have met.
    pub counters: CounterTable,
    pub errors: ErrorLimit,
}

impl Default for Kernel {
    fn default() -> Kernel {
        let rules = Rc::new(RuleSet::builtin());
        Kernel {
            rules,
            conntrack: Conntrack::default(),
            memory: Memory::default(),
            counters: CounterTable::default(),
            errors: ErrorLimit::default(),
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Network {
    pub nodes: Vec<Node>,
    /// One for each node.
    pub kernels: BTreeMap<NodeName, Kernel>,
    /// By address; see [`Network::attach`].
    pub pods: BTreeMap<IpAddr, Attachment>,
    /// The addresses of each pod.
    addresses: BTreeMap<Rc<str>, Vec<IpAddr>>,
    /// What runs on the nodes' own network.
    pub guests: Vec<Guest>,
    /// Outside the cluster.
    pub hosts: Vec<Host>,
    /// Addresses of load balancers, and the node that answers ARP for each (MetalLB's layer 2).
    pub announced: BTreeMap<IpAddr, NodeName>,
    pub lan: IpNet,
    pub router: IpAddr,
    /// Whether a bridge port may send a frame back to where it came from (CNI's `hairpinMode`).
    pub hairpin: bool,
}

impl Network {
    /// The machines on their LAN, before any pod runs.
    pub fn new(nodes: Vec<Node>, hosts: Vec<Host>, lan: IpNet, router: IpAddr) -> Network {
        let kernels = nodes.iter().map(|it| (it.name.clone(), Kernel::default()));
        Network {
            kernels: kernels.gather(),
            nodes,
            pods: BTreeMap::new(),
            addresses: BTreeMap::new(),
            guests: Vec::new(),
            hosts,
            announced: BTreeMap::new(),
            lan,
            router,
            hairpin: true,
        }
    }

    pub fn node(&self, name: &str) -> Option<&Node> {
        self.nodes.iter().find(|node| &*node.name == name)
    }

    pub fn kernel(&self, node: &str) -> Option<&Kernel> {
        self.kernels.get(node)
    }

    pub fn host(&self, name: &str) -> Option<&Host> {
        self.hosts.iter().find(|host| &*host.name == name)
    }

    pub fn pod(&self, name: &str) -> Option<&Attachment> {
        self.pods.get(self.addresses.get(name)?.first()?)
    }

    /// Plugs a pod in at one of its addresses.
    pub fn attach(&mut self, end: Attachment) {
        self.addresses.entry(end.pod.clone()).or_default().push(end.ip);
        self.pods.insert(end.ip, end);
    }

    /// Lets somebody run on a node's own network; who was there already has other ports now.
    pub fn seat(&mut self, guest: Guest) {
        self.guests.retain(|it| it.name != guest.name);
        self.guests.push(guest);
    }

    /// Takes a pod's addresses from it.
    pub fn detach(&mut self, name: &str) {
        for ip in self.addresses.remove(name).unwrap_or_default() {
            self.pods.remove(&ip);
        }
        self.guests.retain(|it| &*it.name != name);
    }
}
