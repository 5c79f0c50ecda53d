//! kube-proxy in IPVS mode: the objects of a cluster → one node's virtual servers, the addresses
//! of its dummy device, its ipsets ([`sets`]) and the rules of iptables that ask them ([`rules`]).

mod print;
mod rules;
mod sets;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

use serde::{Deserialize, Serialize};
use svclab_netfilter::text::Restore;
use svclab_netfilter::{IpSets, OriginId, Protocol};

use super::node::{ThisNode, device_addresses, node_port_ips, this_node};
use super::origin::{Destination, Origin, Origins, Purpose};
use super::select::{Selection, select};
use super::service::ServicePort;
use super::settings::Settings;
use super::watch::Watch;
use crate::object::Objects;

pub use rules::jumps as ipvs_jumps;
use sets::Filling;

/// The device that carries the Services' addresses, so that packets to them are for this machine.
pub const DUMMY_DEVICE: &str = "kube-ipvs0";

/// What the first sync of a node makes.
#[derive(Debug, Clone, PartialEq)]
pub struct Ipvs {
    pub scheduler: Scheduler,
    /// By protocol, address and port; the kernel's own order is that of a hash.
    pub servers: BTreeMap<(Protocol, SocketAddr), VirtualServer>,
    /// The addresses of [`DUMMY_DEVICE`].
    pub bound: BTreeSet<IpAddr>,
    pub sets: IpSets,
    /// What `iptables-restore` is given; the jumps to it are [`ipvs_jumps`].
    pub restore: Restore,
    /// The first is that of the jumps.
    pub origins: Origins,
}

/// A frontend of IPVS. Its real servers get their packets by NAT.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct VirtualServer {
    /// For how many seconds a client keeps its real server.
    pub persistent: Option<u32>,
    pub real: BTreeMap<SocketAddr, RealServer>,
    pub origin: Option<OriginId>,
}

/// A backend of IPVS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RealServer {
    /// 1; 0 for one that gets no new connections but has some left.
    pub weight: u32,
    pub active: u32,
    pub inactive: u32,
}

impl Default for RealServer {
    fn default() -> RealServer {
        RealServer { weight: 1, active: 0, inactive: 0 }
    }
}

/// How IPVS chooses among real servers (`ipvs.scheduler` of kube-proxy's configuration).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scheduler {
    /// One after the other.
    #[default]
    Rr,
    Wrr,
    /// The one with the fewest connections.
    Lc,
    Wlc,
    Sed,
    Nq,
    /// By the client's address.
    Sh,
    Mh,
    /// By the address that was asked for.
    Dh,
    Lblc,
    Lblcr,
}

impl Scheduler {
    /// As `ipvsadm` prints it.
    pub fn name(self) -> &'static str {
        match self {
            Scheduler::Rr => "rr",
            Scheduler::Wrr => "wrr",
            Scheduler::Lc => "lc",
            Scheduler::Wlc => "wlc",
            Scheduler::Sed => "sed",
            Scheduler::Nq => "nq",
            Scheduler::Sh => "sh",
            Scheduler::Mh => "mh",
            Scheduler::Dh => "dh",
            Scheduler::Lblc => "lblc",
            Scheduler::Lblcr => "lblcr",
        }
    }
}

/// The state after the first sync of a node.
pub fn ipvs(objects: &Objects, settings: &Settings) -> Ipvs {
    ipvs_of(&Watch::of(objects, settings.clone()), objects, settings)
}

/// The same from what the kube-proxies have heard.
pub(super) fn ipvs_of(watch: &Watch, objects: &Objects, settings: &Settings) -> Ipvs {
    let node = this_node(objects, settings);
    let devices = device_addresses(objects, settings);
    let mut maker = Maker {
        servers: BTreeMap::new(),
        bound: BTreeSet::new(),
        filling: Filling::new(settings.family),
        origins: rules::origins(),
        settings,
        node: &node,
        node_ips: node_port_ips(&devices, settings, &node),
        devices,
    };
    watch.each_port(&settings.node, |service, key, port, endpoints| {
        let origin = |purpose| Origin {
            service: Some(Rc::clone(service)),
            port: Rc::from(key.port),
            endpoint: None,
            slice: None,
            purpose,
        };
        let port = Port { protocol: key.protocol.into(), port, origin: &origin };
        let selection = select(port.port, endpoints, &node, settings);
        let local = endpoints.iter().filter(|it| it.is_on(&node.name));
        local.for_each(|it| maker.loopback(&port, it));
        maker.frontends(&port, &selection);
        maker.sets(&port);
    });
    maker.finish()
}

/// A service port on its way into the kernel.
struct Port<'a> {
    protocol: Protocol,
    port: &'a ServicePort,
    origin: &'a dyn Fn(Purpose) -> Origin,
}

struct Maker<'a> {
    servers: BTreeMap<(Protocol, SocketAddr), VirtualServer>,
    bound: BTreeSet<IpAddr>,
    filling: Filling,
    origins: Origins,
    settings: &'a Settings,
    node: &'a ThisNode,
    /// The addresses that the node has already.
    devices: Vec<IpAddr>,
    /// Those of them that take NodePorts.
    node_ips: Vec<IpAddr>,
}

impl Maker<'_> {
    fn frontends(&mut self, port: &Port<'_>, selection: &Selection<'_>) {
        let ServicePort { cluster_ip, external_ips, vips, node_port, .. } = port.port;
        let (local, at) = (port.port.external_local, port.port.port);
        let inside = (Destination::ClusterIp, port.port.internal_local);
        self.serve(port, SocketAddr::new(*cluster_ip, at), inside, selection);
        for ip in external_ips {
            let outside = (Destination::ExternalIp, local);
            self.serve(port, SocketAddr::new(*ip, at), outside, selection);
        }
        for ip in vips {
            let outside = (Destination::LoadBalancerIp, local);
            self.serve(port, SocketAddr::new(*ip, at), outside, selection);
        }
        let Some(node_port) = node_port else { return };
        for ip in self.node_ips.clone() {
            let outside = (Destination::NodePort, local);
            self.serve(port, SocketAddr::new(ip, *node_port), outside, selection);
        }
    }

    /// Addresses that another device has already are not given to the dummy device.
    fn serve(
        &mut self,
        port: &Port<'_>,
        at: SocketAddr,
        (destination, is_local): (Destination, bool),
        selection: &Selection<'_>,
    ) {
        if destination == Destination::ClusterIp || !self.has_address(at.ip()) {
            self.bound.insert(at.ip());
        }
        let origin = self.origins.add((port.origin)(Purpose::Balance(destination)));
        let server = VirtualServer {
            persistent: port.port.affinity_seconds,
            real: real_servers(selection, is_local),
            origin: Some(origin),
        };
        self.servers.insert((port.protocol, at), server);
    }

    fn has_address(&self, ip: IpAddr) -> bool {
        ip.is_loopback() || self.devices.contains(&ip)
    }

    fn finish(mut self) -> Ipvs {
        for ip in &self.bound {
            self.filling.bound(*ip);
        }
        let sets = self.filling.sets;
        let node = (self.settings, self.node.detector.as_ref());
        let restore = rules::restore(node, &sets, self.filling.refused, &mut self.origins);
        Ipvs {
            scheduler: self.settings.ipvs.scheduler,
            servers: self.servers,
            bound: self.bound,
            sets,
            restore,
            origins: self.origins,
        }
    }
}

/// Unlike in the other modes, a Local policy without a local endpoint uses those of other nodes.
fn real_servers(selection: &Selection<'_>, is_local: bool) -> BTreeMap<SocketAddr, RealServer> {
    let local = is_local && !selection.local.is_empty();
    let endpoints = if local { &selection.local } else { &selection.cluster };
    let at = endpoints.iter().map(|it| SocketAddr::new(it.ip, it.port));
    at.map(|it| (it, RealServer::default())).collect()
}

impl Ipvs {
    /// What a sync makes of `before`: a real server that is not wanted any more stays with weight
    /// 0 as long as it has TCP connections, which `count` tells by virtual and real server, active
    /// and inactive (`GracefulTerminationManager`).
    #[must_use]
    pub fn after(
        mut self,
        before: &Ipvs,
        count: impl Fn(Protocol, SocketAddr, SocketAddr) -> (u32, u32),
    ) -> Ipvs {
        for (key, server) in &mut self.servers {
            let old = before.servers.get(key).map(|it| &it.real).into_iter().flatten();
            for (at, _) in old {
                let left = count(key.0, key.1, *at) != (0, 0);
                if !server.real.contains_key(at) && key.0 == Protocol::Tcp && left {
                    server.real.insert(*at, RealServer { weight: 0, ..RealServer::default() });
                }
            }
        }
        self.counted(count)
    }

    /// With the connections that each real server has now.
    #[must_use]
    pub fn counted(
        mut self,
        count: impl Fn(Protocol, SocketAddr, SocketAddr) -> (u32, u32),
    ) -> Ipvs {
        for (key, server) in &mut self.servers {
            for (at, real) in &mut server.real {
                (real.active, real.inactive) = count(key.0, key.1, *at);
            }
        }
        self
    }

    /// All that kube-proxy writes: as `ipvsadm -Ln`, `ipset save` and `iptables-restore` have it, with
    /// empty lines between.
    pub fn whole(&self) -> String {
        format!("{self}\n{}\n{}", self.save_sets(), self.restore)
    }

    /// Whether a real server waits for its last connections to end.
    pub fn is_leaving(&self) -> bool {
        self.servers.values().any(|it| it.real.values().any(|it| it.weight == 0))
    }

    /// The first of the rules and sets that is about `id`.
    pub fn origin(&self, id: Option<OriginId>) -> Option<&Origin> {
        self.origins.get(id?)
    }

    /// How many rules ask for a set.
    pub fn references(&self, set: &str) -> usize {
        rules::references(&self.restore, set)
    }

    /// As `ipset list` prints all sets.
    pub fn list_sets(&self) -> String {
        let sets = self.sets.0.iter();
        let texts: Vec<String> =
            sets.map(|(name, set)| set.list(name, self.references(name))).collect();
        texts.join("\n")
    }

    /// As `ipset save` prints them.
    pub fn save_sets(&self) -> String {
        self.sets.0.iter().map(|(name, set)| set.save(name)).collect()
    }
}
