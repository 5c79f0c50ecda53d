//! Who can send and receive: each has its own network namespace, addresses and open ports.

use std::collections::BTreeSet;
use std::fmt;
use std::iter::once;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;

use ipnet::IpNet;
use svclab_netfilter::order::Gather;
use svclab_netfilter::{AddrType, Family, Protocol};

use super::Network;
use crate::family::OfFamily;
use crate::trace::{NodeName, Route};

/// A network namespace that packets start from and end in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Party {
    /// A pod's, which its pause container holds and all its containers share; by the first of its
    /// addresses.
    Pod(IpAddr),
    /// A node's: its processes, its kernel, and pods with `hostNetwork`.
    Node(NodeName),
    /// That of a host outside the cluster.
    Host(Rc<str>),
}

/// The ports that processes listen on: on every address of their namespace, or on loopback alone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ports {
    everywhere: BTreeSet<(Protocol, u16)>,
    loopback: BTreeSet<(Protocol, u16)>,
}

impl Ports {
    /// Whether others reach it.
    pub fn contains(&self, protocol: Protocol, port: u16) -> bool {
        self.everywhere.contains(&(protocol, port))
    }

    /// Whether somebody listens there, for a packet that has come so far.
    pub fn answer(&self, protocol: Protocol, at: SocketAddr) -> bool {
        let within = || at.ip().is_loopback() && self.loopback.contains(&(protocol, at.port()));
        self.contains(protocol, at.port()) || within()
    }

    /// These too, bound to 127.0.0.1: nobody outside of the namespace reaches them.
    pub fn with_loopback(mut self, ports: impl Iterator<Item = (Protocol, u16)>) -> Ports {
        self.loopback.extend(ports);
        self
    }

    /// Those that only the namespace's own processes reach.
    pub fn on_loopback(&self) -> impl Iterator<Item = (Protocol, u16)> {
        self.loopback.iter().copied()
    }

    /// The TCP ports that others reach, in order.
    pub fn tcp(&self) -> Vec<u16> {
        self.iter().filter(|it| it.0 == Protocol::Tcp).map(|it| it.1).collect()
    }

    /// Those that others reach.
    pub fn iter(&self) -> impl Iterator<Item = (Protocol, u16)> {
        self.everywhere.iter().copied()
    }
}

impl FromIterator<(Protocol, u16)> for Ports {
    fn from_iter<I: IntoIterator<Item = (Protocol, u16)>>(ports: I) -> Ports {
        Ports { everywhere: ports.into_iter().gather(), loopback: BTreeSet::new() }
    }
}

impl From<crate::object::Protocol> for Protocol {
    fn from(it: crate::object::Protocol) -> Protocol {
        match it {
            crate::object::Protocol::Tcp => Protocol::Tcp,
            crate::object::Protocol::Udp => Protocol::Udp,
            crate::object::Protocol::Sctp => Protocol::Sctp,
        }
    }
}

/// A pod's end of the network for one of its addresses. Pods on the node's own network have none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// `namespace/name`
    pub pod: Rc<str>,
    pub node: NodeName,
    pub ip: IpAddr,
    /// The node's end of the veth pair.
    pub device: Rc<str>,
    pub listens: Ports,
}

/// A process on a node's own network: that of a pod with `hostNetwork`, or one of the cluster's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guest {
    /// `namespace/name` of the pod, or the program's name.
    pub name: Rc<str>,
    pub node: NodeName,
    pub listens: Ports,
}

/// A host outside the cluster: on the LAN, or behind the router where its address is elsewhere.
#[derive(Debug, Clone, PartialEq)]
pub struct Host {
    pub name: Rc<str>,
    pub address: IpAddr,
    /// More addresses of it.
    pub aliases: Vec<IpNet>,
    /// Its own routes besides the one to its link and the default route.
    pub routes: Vec<Route>,
    pub listens: Ports,
}

impl Host {
    /// The address it sends from.
    fn address_of(&self, family: Family) -> Option<IpAddr> {
        let more = self.aliases.iter().map(IpNet::addr);
        once(self.address).chain(more).find(|it| it.family() == family)
    }

    pub fn owns(&self, ip: IpAddr) -> bool {
        self.address == ip || self.aliases.iter().any(|it| it.contains(&ip))
    }
}

impl Network {
    /// Whether `ip` is one of the party's own addresses.
    pub fn owns(&self, party: &Party, ip: IpAddr) -> bool {
        match party {
            Party::Pod(own) => {
                ip.is_loopback() || self.end(*own, ip.family()).is_some_and(|it| it.ip == ip)
            }
            Party::Node(name) => self.node(name).is_some_and(|it| it.is_local(ip)),
            Party::Host(name) => ip.is_loopback() || self.host(name).is_some_and(|it| it.owns(ip)),
        }
    }

    /// Whether `ip` means everybody on one of the party's links (`RTN_BROADCAST`).
    pub fn is_broadcast(&self, party: &Party, ip: IpAddr) -> bool {
        let link = self.interface(party, Family::V4).filter(|it| it.prefix_len() < 31);
        let everybody = [Ipv4Addr::BROADCAST, Ipv4Addr::new(127, 255, 255, 255)];
        let of_bridge = match party {
            Party::Node(name) => {
                self.node(name).is_some_and(|it| it.addr_type(ip) == AddrType::Broadcast)
            }
            _ => false,
        };
        of_bridge
            || everybody.iter().any(|it| ip == *it)
            || link.is_some_and(|it| it.broadcast() == ip)
    }

    /// The party's address of a family, with the prefix of its interface: `10.244.1.9/24`.
    pub fn interface(&self, party: &Party, family: Family) -> Option<IpNet> {
        let on_lan = |ip: IpAddr| {
            let lan = self.lan.of(family).filter(|it| it.contains(&ip));
            lan.map_or_else(|| Ok(ip.into()), |it| IpNet::new(ip, it.prefix_len()))
        };
        match party {
            Party::Pod(own) => {
                let end = self.end(*own, family)?;
                let range = self.node(&end.node)?.pod_cidrs.of(family)?;
                IpNet::new(end.ip, range.prefix_len()).ok()
            }
            Party::Node(name) => on_lan(self.node(name)?.addresses.of(family)?).ok(),
            Party::Host(name) => on_lan(self.host(name)?.address_of(family)?).ok(),
        }
    }

    /// The name of whoever listens there, `at` being one of the party's addresses.
    pub fn listener(&self, party: &Party, protocol: Protocol, at: SocketAddr) -> Option<Rc<str>> {
        match party {
            Party::Pod(ip) => {
                let pod = self.pods.get(ip)?;
                pod.listens.answer(protocol, at).then(|| pod.pod.clone())
            }
            Party::Node(node) => {
                let mut here = self.guests.iter().filter(|it| it.node == *node);
                let found = here.find(|it| it.listens.answer(protocol, at))?;
                Some(found.name.clone())
            }
            Party::Host(name) => {
                let host = self.host(name)?;
                host.listens.answer(protocol, at).then(|| host.name.clone())
            }
        }
    }

    /// The source address that the party's kernel gives to a packet for `to`: by the first route,
    /// before any translation. None where no route leads there.
    pub fn source_address(&self, party: &Party, to: IpAddr) -> Option<IpAddr> {
        match party {
            _ if to.is_loopback() => Some(to),
            Party::Pod(own) => self.end(*own, to.family()).map(|it| it.ip),
            Party::Host(name) => self.host(name)?.address_of(to.family()),
            Party::Node(name) => {
                let node = self.node(name)?;
                if node.is_local(to) {
                    return Some(to);
                }
                let route = self.topology().route(node, to)?;
                node.address_of(&route.device, to.family())
            }
        }
    }

    /// The party's name as people know it: `shop/web-1`, `worker-1`, `laptop`.
    pub fn name_of(&self, party: &Party) -> Rc<str> {
        match party {
            Party::Pod(ip) => {
                self.pods.get(ip).map_or_else(|| ip.to_string().into(), |it| it.pod.clone())
            }
            Party::Node(name) | Party::Host(name) => name.clone(),
        }
    }
}

/// `pod 10.244.1.5`, `node worker-1`, `host laptop`.
impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Party::Pod(ip) => write!(f, "pod {ip}"),
            Party::Node(name) => write!(f, "node {name}"),
            Party::Host(name) => write!(f, "host {name}"),
        }
    }
}
