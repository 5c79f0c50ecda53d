//! The cluster's network: nodes, their kernels, their pods, one LAN, a router, and hosts outside.
//!
//! Who is there: [`node`], [`party`]; what they know: [`route`], [`neighbour`], [`limit`]; what the network plugin
//! makes of it: [`layout`], its rules ([`cni`]); what `ip` tells of it: [`table`]. [`stack`] takes a packet through one node's hooks, [`travel`] from
//! link to link, [`exchange`] makes the packets of a connection or a question, [`capture`] prints
//! what passes an interface, [`policy`] says which
//! packets NetworkPolicies let through, [`balancer`] what kube-proxy does to them in other modes
//! than iptables, [`probe`] asks one node for every way a packet may go.

mod layout;
mod limit;
mod neighbour;
mod node;
mod party;
mod route;

pub mod balancer;
pub mod capture;
pub mod cni;
pub mod exchange;
pub mod policy;
pub mod probe;
pub mod stack;
pub mod table;
pub mod travel;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::rc::Rc;

use svclab_netfilter::memory::Memory;
use svclab_netfilter::order::Gather;
use svclab_netfilter::{Conntrack, CounterTable, Dice, Family, Protocol, RuleSet};

use crate::family::{Addresses, OfFamily, Ranges};
use crate::rng::Rng;
use crate::trace::{NodeName, Route};

use balancer::Balancer;
pub use layout::{Encapsulation, Layout, Tunnel};
pub use limit::ErrorLimit;
pub use neighbour::{API_SERVER, Asked, Neighbours, State};
pub use node::{Node, ReversePath, Sysctls};
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
    /// What `iptables` shows.
    pub rules: Rc<RuleSet>,
    /// What `ip6tables` shows.
    pub rules6: Rc<RuleSet>,
    pub conntrack: Conntrack,
    /// What matches like `recent` and `limit` remember.
    pub memory: Memory,
    /// Of the rules and policies that packets have met.
    pub counters: CounterTable,
    pub counters6: CounterTable,
    pub errors: ErrorLimit,
    /// What kube-proxy works with in another mode than iptables, by IPv4 and IPv6.
    balancers: [Option<Box<Balancer>>; 2],
}

impl Kernel {
    /// With these rules for one family.
    pub fn of(family: Family, rules: RuleSet) -> Kernel {
        let mut res = Kernel::default();
        *res.rules_mut(family) = Rc::new(rules);
        res
    }

    pub fn rules(&self, family: Family) -> &Rc<RuleSet> {
        match family {
            Family::V4 => &self.rules,
            Family::V6 => &self.rules6,
        }
    }

    /// What kube-proxy works with beside the rules of iptables.
    pub fn balancer(&self, family: Family) -> Option<&Balancer> {
        self.balancers[family as usize].as_deref()
    }

    pub fn balancer_mut(&mut self, family: Family) -> &mut Option<Box<Balancer>> {
        &mut self.balancers[family as usize]
    }

    pub fn counters_mut(&mut self, family: Family) -> &mut CounterTable {
        match family {
            Family::V4 => &mut self.counters,
            Family::V6 => &mut self.counters6,
        }
    }

    pub fn rules_mut(&mut self, family: Family) -> &mut Rc<RuleSet> {
        match family {
            Family::V4 => &mut self.rules,
            Family::V6 => &mut self.rules6,
        }
    }
}

impl Default for Kernel {
    fn default() -> Kernel {
        let rules = Rc::new(RuleSet::builtin());
        Kernel {
            rules6: rules.clone(),
            rules,
            conntrack: Conntrack::default(),
            memory: Memory::default(),
            counters: CounterTable::default(),
            counters6: CounterTable::default(),
            errors: ErrorLimit::default(),
            balancers: [None, None],
        }
    }
}

/// What a load balancer's address and port lead to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Relay {
    /// The node ports that pass its health checks now.
    pub targets: Vec<SocketAddr>,
    /// Counts connections: they go to one target after the other.
    pub next: usize,
}

impl Relay {
    fn take(&mut self) -> Option<SocketAddr> {
        let index = self.next.checked_rem(self.targets.len())?;
        self.next = self.next.wrapping_add(1);
        self.targets.get(index).copied()
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
    /// Routes that somebody added in a pod, by its name.
    pub pod_routes: BTreeMap<Rc<str>, Vec<Route>>,
    /// Of pods and hosts, where it is not what is usual: what `sysctl` says there, and the errors
    /// they sent.
    namespaces: BTreeMap<Party, (Sysctls, ErrorLimit)>,
    /// What runs on the nodes' own network.
    pub guests: Vec<Guest>,
    /// Outside the cluster.
    pub hosts: Vec<Host>,
    /// Addresses of load balancers, and the node that answers ARP for each (MetalLB's layer 2).
    pub announced: BTreeMap<IpAddr, NodeName>,
    /// By the address of a load balancer that opens connections of its own.
    pub relays: BTreeMap<(Protocol, SocketAddr), Relay>,
    /// What all of them know of each other's MAC addresses.
    pub neighbours: Neighbours,
    pub lan: Ranges,
    pub router: Addresses,
    /// The NetworkPolicies that the network plugin enforces.
    pub policies: Rc<[policy::Policy]>,
    /// Whether a bridge port may send a frame back to where it came from (CNI's `hairpinMode`).
    pub hairpin: bool,
}

impl Network {
    /// The machines on their LAN, before any pod runs.
    pub fn new(
        nodes: Vec<Node>,
        hosts: Vec<Host>,
        lan: impl Into<Ranges>,
        router: impl Into<Addresses>,
    ) -> Network {
        let kernels = nodes.iter().map(|it| (it.name.clone(), Kernel::default()));
        Network {
            kernels: kernels.gather(),
            nodes,
            pods: BTreeMap::new(),
            addresses: BTreeMap::new(),
            pod_routes: BTreeMap::new(),
            namespaces: BTreeMap::new(),
            guests: Vec::new(),
            hosts,
            announced: BTreeMap::new(),
            relays: BTreeMap::new(),
            neighbours: Neighbours::default(),
            lan: lan.into(),
            router: router.into(),
            policies: Rc::default(),
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

    /// The end at which a pod, known by one of its addresses, has an address of this family.
    pub fn end(&self, ip: IpAddr, family: Family) -> Option<&Attachment> {
        let own = self.pods.get(&ip)?;
        if ip.family() == family {
            return Some(own);
        }
        let all = self.addresses.get(&own.pod)?;
        self.pods.get(all.iter().find(|it| it.family() == family)?)
    }

    /// Whose network namespace an end belongs to.
    pub fn party(&self, end: &Attachment) -> Party {
        Party::Pod(self.pod(&end.pod).map_or(end.ip, |it| it.ip))
    }

    /// All ends of a pod, the one with its first address first.
    pub fn ends(&self, pod: &str) -> impl Iterator<Item = &Attachment> {
        let all = self.addresses.get(pod).into_iter().flatten();
        all.filter_map(|ip| self.pods.get(ip))
    }

    /// What the programs of a pod listen on from now.
    pub fn listen(&mut self, pod: &str, ports: &Ports) {
        for ip in self.addresses.get(pod).into_iter().flatten() {
            if let Some(end) = self.pods.get_mut(ip) {
                end.listens = ports.clone();
            }
        }
    }

    /// Plugs a pod in at one of its addresses.
    pub fn attach(&mut self, end: Attachment) {
        self.addresses.entry(end.pod.clone()).or_default().push(end.ip);
        self.pods.insert(end.ip, end);
    }

    /// Lets somebody run on a node's own network; who was there already has other ports now.
    pub fn seat(&mut self, guest: Guest) {
        self.guests.retain(|it| (&it.name, &it.node) != (&guest.name, &guest.node));
        self.guests.push(guest);
    }

    /// Takes a pod's addresses from it.
    pub fn detach(&mut self, name: &str) {
        for ip in self.addresses.remove(name).unwrap_or_default() {
            if let Some(end) = self.pods.remove(&ip) {
                self.unplugged(&end);
            }
        }
        self.guests.retain(|it| &*it.name != name);
    }

    /// A device that has gone, or a bridge without any port, has no neighbours
    /// (`neigh_carrier_down`).
    fn unplugged(&mut self, end: &Attachment) {
        let bridged = self.node(&end.node).is_some_and(|it| it.layout.is_bridged());
        let more = bridged && self.pods.values().any(|it| it.node == end.node);
        let range = self.node(&end.node).and_then(|it| it.pod_cidrs.of(end.ip.family()));
        self.neighbours.forget(|party, ip| match party {
            Party::Pod(own) => *own == end.ip,
            Party::Node(name) if *name == end.node && !more => {
                ip == end.ip || bridged && range.is_some_and(|it| it.contains(&ip))
            }
            _ => false,
        });
    }

    /// A machine that is switched off knows nobody any more.
    pub fn switch(&mut self, name: &str, up: bool) {
        if let Some(node) = self.nodes.iter_mut().find(|it| &*it.name == name) {
            node.up = up;
            node.dummy = None;
        }
        if !up {
            self.neighbours.forget(|party, _| *party == Party::Node(name.into()));
        }
    }
}
