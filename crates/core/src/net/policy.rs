//! NetworkPolicies as a network plugin enforces them: whether a packet may leave or reach a pod.
//!
//! Policies are addresses and ports here; who knows the objects makes them. They are asked on the
//! pod's own node, at its veth, about packets whose destination is translated already: they never
//! see a cluster IP. What belongs to a connection that was let in is not asked about again.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::rc::Rc;

use ipnet::IpNet;
use svclab_netfilter::{Packet, Protocol};

use crate::trace::{PolicyDirection, Ruling};

/// One NetworkPolicy.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// `namespace/name`
    pub name: Rc<str>,
    /// The addresses of the pods it selects.
    pub pods: BTreeSet<IpAddr>,
    /// What it lets in; None where it is no policy for this direction.
    pub ingress: Option<Vec<Rule>>,
    pub egress: Option<Vec<Rule>>,
}

/// Lets a packet through that is of any of the peers and for any of the ports.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Empty: everybody.
    pub peers: Vec<Peer>,
    /// Empty: whatever the protocol.
    pub ports: Vec<Ports>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Peer {
    Pods(BTreeSet<IpAddr>),
    Block { cidr: IpNet, except: Vec<IpNet> },
}

#[derive(Debug, Clone, PartialEq)]
pub struct Ports {
    pub protocol: Protocol,
    pub which: Which,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Which {
    Range(RangeInclusive<u16>),
    /// The ports that pods give a name to, each with the pod's address.
    Named(BTreeSet<(IpAddr, u16)>),
}

/// What `policies` say of a packet; None where none of them selects the pod for this direction, so
/// that everything passes.
pub fn ask(policies: &[Policy], direction: PolicyDirection, packet: &Packet) -> Option<Ruling> {
    let (own, other) = match direction {
        PolicyDirection::Ingress => (packet.dst, packet.src),
        PolicyDirection::Egress => (packet.src, packet.dst),
    };
    let asked: Vec<(&Policy, &[Rule])> = policies
        .iter()
        .filter(|it| it.pods.contains(&own))
        .filter_map(|it| Some((it, it.rules(direction)?)))
        .collect();
    if asked.is_empty() {
        return None;
    }
    let allows = |rules: &[Rule]| rules.iter().any(|it| it.allows(other, packet));
    let by = asked.iter().find(|(_, rules)| allows(rules)).map(|(it, _)| it.name.clone());
    let asked = asked.iter().map(|(it, _)| it.name.clone()).collect();
    Some(Ruling { direction, asked, by })
}

impl Policy {
    fn rules(&self, direction: PolicyDirection) -> Option<&[Rule]> {
        match direction {
            PolicyDirection::Ingress => self.ingress.as_deref(),
            PolicyDirection::Egress => self.egress.as_deref(),
        }
    }
}

impl Rule {
    fn allows(&self, other: IpAddr, packet: &Packet) -> bool {
        let peer = self.peers.is_empty() || self.peers.iter().any(|it| it.contains(other));
        peer && (self.ports.is_empty() || self.ports.iter().any(|it| it.contain(packet)))
    }
}

impl Peer {
    fn contains(&self, ip: IpAddr) -> bool {
        match self {
            Peer::Pods(ips) => ips.contains(&ip),
            Peer::Block { cidr, except } => {
                cidr.contains(&ip) && !except.iter().any(|it| it.contains(&ip))
            }
        }
    }
}

impl Ports {
    fn contain(&self, packet: &Packet) -> bool {
        let Some(port) = packet.dport().filter(|_| packet.protocol() == self.protocol) else {
            return false;
        };
        match &self.which {
            Which::Range(range) => range.contains(&port),
            Which::Named(ports) => ports.contains(&(packet.dst, port)),
        }
    }
}
