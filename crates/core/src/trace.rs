//! What happened to a packet, as data: sent packet → steps → verdict.
//!
//! Everything on the screen about packets is drawn from a [`Trace`]. A step's packet is the packet
//! **after** that step.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::rc::Rc;

use ipnet::IpNet;
use svclab_netfilter::walk::Nat;
use svclab_netfilter::{CtStatus, Direction, Entry, Hook, Packet, Passage, RuleSet, TableName};

use crate::dns::{Query, Reply};
use crate::net::balancer;
use crate::time::Instant;

/// A node's name; cheap to copy.
pub type NodeName = Rc<str>;

/// One packet's way, in the order it happened.
#[derive(Debug, Clone, PartialEq)]
pub struct Trace {
    pub at: Instant,
    pub sent: Packet,
    /// Of the device that the sender's first route leads to, in bytes.
    pub mtu: u32,
    pub steps: Vec<Step>,
    pub verdict: Verdict,
    /// The rules that the packet met, by node, as they stood then.
    pub rules: BTreeMap<NodeName, Rc<RuleSet>>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    pub at: Instant,
    pub place: Place,
    pub event: Event,
    pub packet: Packet,
}

/// Where a packet can be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// A pod's own network namespace (its eth0). `pod` is `namespace/name`.
    Pod { node: NodeName, pod: Rc<str> },
    /// The node's end of a pod's veth pair.
    Veth { node: NodeName, pod: Rc<str>, device: Rc<str> },
    /// The node's bridge, cni0.
    Bridge { node: NodeName },
    /// A table at a hook of the node's netfilter.
    Hook { node: NodeName, hook: Hook, table: TableName },
    /// The node's connection tracking.
    Conntrack { node: NodeName, hook: Hook },
    /// IPVS at a hook of the node.
    Ipvs { node: NodeName, hook: Hook },
    /// The node's routing decision.
    Routing { node: NodeName },
    /// The node's eth0.
    Nic { node: NodeName },
    /// The node's device towards other nodes' pods, where the network plugin tunnels.
    Tunnel { node: NodeName, device: Rc<str> },
    /// The wire between the nodes.
    Lan,
    /// A process on the node itself.
    Process { node: NodeName },
    /// The router between the LAN and everything outside.
    Router,
    /// A host outside the cluster.
    Host { name: Rc<str> },
}

impl Place {
    /// The node this place is in.
    pub fn node(&self) -> Option<&NodeName> {
        match self {
            Place::Pod { node, .. }
            | Place::Veth { node, .. }
            | Place::Bridge { node }
            | Place::Hook { node, .. }
            | Place::Conntrack { node, .. }
            | Place::Ipvs { node, .. }
            | Place::Routing { node }
            | Place::Nic { node }
            | Place::Tunnel { node, .. }
            | Place::Process { node } => Some(node),
            Place::Lan | Place::Router | Place::Host { .. } => None,
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A process hands the packet to its kernel.
    Sent,
    /// The packet passes a device or a wire.
    Passed,
    /// Who has this address? The node that announces it answers ARP.
    Resolved { ip: IpAddr, by: NodeName },
    /// The bridge sends the frame on to a port or up to the host.
    Bridged { to: BridgeTo },
    /// A route was chosen.
    Routed { route: Route },
    /// The connection's entry was found, or a new one begun.
    Tracked { status: CtStatus, direction: Direction, entry: Box<Entry> },
    /// A table's chains were walked. For nat this happens to a connection's first packet alone.
    Walked(Box<Passage>),
    /// kube-proxy's own chains of nftables were walked, or IPVS was asked.
    Balanced(Box<Balanced>),
    /// The connection's NAT binding rewrote the header; no rule was looked at.
    Translated { before: Box<Packet> },
    /// NetworkPolicies that select the pod were asked.
    Policed(Box<Ruling>),
    /// A tunnel put the packet into one from node to node; `inner` is the one inside.
    Wrapped { inner: Box<Packet> },
    /// The other end of the tunnel took it out again.
    Unwrapped,
    /// A process got the packet.
    Delivered,
    /// Nothing comes of it; why.
    Lost(Loss),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum BridgeTo {
    /// The frame is for the bridge's own MAC address: the host routes it.
    Host,
    /// Another port of the bridge.
    Port,
}

/// What kube-proxy made of a packet where it works with another thing than iptables.
#[derive(Debug, Clone, PartialEq)]
pub struct Balanced {
    pub steps: Vec<balancer::Step>,
    pub verdict: svclab_netfilter::Verdict,
    pub nat: Option<Nat>,
    /// The packet when it came in.
    pub before: Packet,
}

/// What the NetworkPolicies of a pod say of a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ruling {
    pub direction: PolicyDirection,
    /// Those that select the pod, as `namespace/name`.
    pub asked: Vec<Rc<str>>,
    /// The one that lets the packet through; None: it is dropped.
    pub by: Option<Rc<str>>,
}

/// The API's words, seen from the pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PolicyDirection {
    Ingress,
    Egress,
}

/// One line of a routing table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Route {
    pub destination: IpNet,
    pub via: Option<IpAddr>,
    pub device: Rc<str>,
    /// Packets for it end here.
    pub blackhole: bool,
}

impl Route {
    /// To a network on the device's link.
    pub fn new(destination: IpNet, device: impl Into<Rc<str>>) -> Route {
        Route { destination, via: None, device: device.into(), blackhole: false }
    }
}

/// `default via 10.244.1.1 dev eth0`, as `ip route` prints it.
impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.blackhole {
            return write!(f, "blackhole {}", self.destination);
        }
        let host = self.destination.max_prefix_len();
        match self.destination.prefix_len() {
            0 => f.write_str("default")?,
            prefix if prefix == host => write!(f, "{}", self.destination.addr())?,
            _ => write!(f, "{}", self.destination)?,
        }
        if let Some(via) = self.via {
            write!(f, " via {via}")?;
        }
        write!(f, " dev {}", self.device)
    }
}

/// Why a packet is lost without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Loss {
    /// A rule or a chain's policy dropped it.
    Dropped,
    /// No NetworkPolicy that selects the pod lets it through.
    Denied,
    /// Nobody answers ARP for the address on the last link.
    NoNeighbour,
    /// The frame goes to a MAC address that nobody on the link has any more: the sender's entry
    /// for the neighbour is older than the neighbour's end.
    NeighbourGone,
    /// No route leads there.
    NoRoute,
    /// The router knows no such network.
    Unroutable,
    /// It would leave by the bridge port it came in by, and hairpin mode is off.
    HairpinOff,
    TtlExceeded,
    /// The address cannot come from there or go there: loopback on a wire, the machine's own
    /// address from outside.
    Martian,
    /// An answer would not leave by the device the packet came in by (`rp_filter`).
    ReversePath,
    /// The machine is not the receiver and forwards nothing.
    NotForwarded,
    /// The machine is switched off.
    MachineDown,
}

/// How a packet ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    Delivered,
    /// A REJECT rule answered with ICMP.
    Rejected,
    Lost(Loss),
}

/// A request and all packets it made, in the order they were sent. Those that were sent again have
/// traces of their own, each with its time.
#[derive(Debug, Clone, PartialEq)]
pub struct Exchange {
    /// Counts from 1.
    pub id: usize,
    pub at: Instant,
    pub request: Request,
    pub packets: Vec<Rc<Trace>>,
    pub result: Answer,
    /// When the client knows the result.
    pub ended: Instant,
}

/// What a client asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Whose process asks: a pod (`namespace/name`), a node or an outside host.
    pub from: Rc<str>,
    pub host: String,
    pub to: IpAddr,
    pub port: u16,
    pub what: Question,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// `GET http://host:port/path`
    Http {
        method: String,
        path: String,
        /// What the client calls itself (`User-Agent`); empty where it does not say.
        agent: String,
    },
    /// A TCP connection, opened and closed again (`nc -z`).
    Connect,
    /// One UDP datagram (`nc -u`).
    Datagram,
    /// An ICMP echo request (`ping`).
    Echo,
    /// A question to a name server.
    Name(Box<Query>),
}

/// What the client sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// A response: `served_by` is the pod, `seen` the source address it saw.
    Http { status: u16, body: String, served_by: Rc<str>, seen: IpAddr },
    /// A connection, or the answer to a datagram: who is at the other end and what source it saw.
    Reached { by: Rc<str>, seen: IpAddr },
    /// A name server's reply.
    Replied { by: Rc<str>, seen: IpAddr, reply: Box<Reply> },
    /// An echo reply: how many hops its packet had left.
    Echoed { ttl: u8 },
    /// `Connection refused`: an RST or an ICMP port unreachable came back.
    Refused,
    /// `Connection reset by peer`: the other end knows nothing of an open connection.
    Reset,
    /// The sender's own kernel refused: `Operation not permitted` where the node's rules stopped a
    /// datagram, `Permission denied` where it was for a broadcast address.
    Denied,
    /// No answer until the client gave up.
    TimedOut,
    /// `No route to host`: the client's own kernel knew no way, or a machine on the way said so.
    NoRoute,
}
