//! kube-proxy as it was up to Kubernetes 1.1 (and could still be until 1.25): it listens on a port
//! of its own for each service port, and copies bytes. The objects of a cluster → its ports and
//! the rules that lead packets to them.
//!
//! It knew neither traffic policies nor source ranges nor SCTP; they are passed over.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

use ipnet::IpNet;
use svclab_netfilter::text::Restore;
use svclab_netfilter::{OriginId, Protocol};

use super::names::PortKey;
use super::node::this_node;
use super::origin::{Origin, Origins, Purpose};
use super::service::ServicePort;
use super::settings::Settings;
use super::watch::Watch;
use crate::object::Objects;

/// What the kube-proxy of one node has made.
#[derive(Debug, Clone, PartialEq)]
pub struct Userspace {
    /// By the port that kube-proxy listens on.
    pub ports: BTreeMap<(Protocol, u16), Listening>,
    /// The node's address, from which kube-proxy opens its own connections.
    pub node: IpAddr,
    /// Jumps and rules, as `iptables-save` would print them.
    pub restore: Restore,
    /// The first is that of the jumps.
    pub origins: Origins,
}

/// A socket of kube-proxy's.
#[derive(Debug, Clone, PartialEq)]
pub struct Listening {
    /// The ready ones, in order.
    pub endpoints: Vec<SocketAddr>,
    /// For how many seconds a client keeps its endpoint.
    pub affinity_seconds: Option<u32>,
    pub origin: OriginId,
}

/// Where a kernel looks for a free port (`net.ipv4.ip_local_port_range`).
const PORTS: std::ops::RangeInclusive<u16> = 32_768..=60_999;

pub fn userspace(objects: &Objects, settings: &Settings) -> Userspace {
    let node = this_node(objects, settings);
    let mut maker = Maker {
        ports: BTreeMap::new(),
        origins: Origins::new(),
        node: node.ip,
        nat: Vec::new(),
        filter: Vec::new(),
    };
    let watch = Watch::of(objects, settings.clone());
    watch.each_port(&settings.node, |service, key, port, endpoints| {
        let protocol: Protocol = key.protocol.into();
        if protocol == Protocol::Sctp {
            return;
        }
        let ready = endpoints.iter().filter(|it| it.ready);
        let origin = maker.origins.add(Origin {
            service: Some(Rc::clone(service)),
            port: Rc::from(key.port),
            endpoint: None,
            slice: None,
            purpose: Purpose::HandToProxy,
        });
        let listening = Listening {
            endpoints: ready.map(|it| SocketAddr::new(it.ip, it.port)).collect(),
            affinity_seconds: port.affinity_seconds,
            origin,
        };
        let at = maker.listen(protocol, key, listening);
        maker.portals(&key.to_string(), (protocol, at), port, origin);
    });
    maker.finish()
}

struct Maker {
    ports: BTreeMap<(Protocol, u16), Listening>,
    origins: Origins,
    node: IpAddr,
    /// Rules without `-A`, with their origins.
    nat: Vec<(String, OriginId)>,
    filter: Vec<(String, OriginId)>,
}

impl Maker {
    /// A real kernel gives any port that is free; here it follows from the name.
    fn listen(&mut self, protocol: Protocol, key: PortKey<'_>, listening: Listening) -> u16 {
        let size = u32::from(PORTS.end() - PORTS.start()) + 1;
        let hash = key
            .to_string()
            .bytes()
            .fold(0x811c_9dc5u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
        let first = PORTS.start() + (hash % size) as u16;
        let free = |port: &u16| !self.ports.contains_key(&(protocol, *port));
        let port = (first..=*PORTS.end()).chain(PORTS).find(free).unwrap_or(first);
        self.ports.insert((protocol, port), listening);
        port
    }

    fn portals(
        &mut self,
        name: &str,
        (protocol, at): (Protocol, u16),
        port: &ServicePort,
        origin: OriginId,
    ) {
        let to = SocketAddr::new(self.node, at);
        let redirect = format!("REDIRECT --to-ports {at}");
        let dnat = format!("DNAT --to-destination {to}");
        let protocol = protocol.name();
        let line = |chain: &str, ip: Option<IpAddr>, more: &str, dport: u16, then: &str| {
            let ip = ip.map_or(String::new(), |it| format!("-d {} ", IpNet::from(it)));
            let line = format!(
                "{chain} {ip}-p {protocol} -m comment --comment \"{name}\" -m {protocol} \
                 --dport {dport}{more} -j {then}"
            );
            (line, origin)
        };
        let inside = Some(port.cluster_ip);
        self.nat.push(line("KUBE-PORTALS-CONTAINER", inside, "", port.port, &redirect));
        self.nat.push(line("KUBE-PORTALS-HOST", inside, "", port.port, &dnat));
        for ip in port.external_ips.iter().chain(&port.vips) {
            // From elsewhere, or to an address that is the machine's own.
            let elsewhere = " -m physdev ! --physdev-is-in -m addrtype ! --src-type LOCAL";
            let own = " -m addrtype --dst-type LOCAL";
            for (chain, more, then) in [
                ("KUBE-PORTALS-CONTAINER", elsewhere, &redirect),
                ("KUBE-PORTALS-CONTAINER", own, &redirect),
                ("KUBE-PORTALS-HOST", own, &dnat),
            ] {
                self.nat.push(line(chain, Some(*ip), more, port.port, then));
            }
        }
        if let Some(number) = port.node_port {
            self.nat.push(line("KUBE-NODEPORT-CONTAINER", None, "", number, &redirect));
            self.nat.push(line("KUBE-NODEPORT-HOST", None, "", number, &dnat));
            let new = " -m state --state NEW";
            self.filter.push(line("KUBE-NODEPORT-NON-LOCAL", None, new, number, "ACCEPT"));
        }
    }

    fn finish(mut self) -> Userspace {
        let jump = super::jumps::ORIGIN;
        let cluster = "handle ClusterIPs; NOTE: this must be before the NodePort rules";
        let nodes = "handle service NodePorts; NOTE: this must be the last rule in the chain";
        let mut nat: Vec<(String, OriginId)> = Vec::new();
        for (from, to) in [("PREROUTING", "CONTAINER"), ("OUTPUT", "HOST")] {
            let portals = format!("{from} -m comment --comment \"{cluster}\" -j KUBE-PORTALS-{to}");
            let ports = format!(
                "{from} -m addrtype --dst-type LOCAL -m comment --comment \"{nodes}\" \
                 -j KUBE-NODEPORT-{to}"
            );
            nat.extend([(portals, jump), (ports, jump)]);
        }
        nat.append(&mut self.nat);
        let mut filter = vec![(
            "INPUT -m comment --comment \"Ensure that non-local NodePort traffic can flow\" \
             -j KUBE-NODEPORT-NON-LOCAL"
                .to_owned(),
            jump,
        )];
        filter.append(&mut self.filter);
        let chains = ["PORTALS-CONTAINER", "PORTALS-HOST", "NODEPORT-CONTAINER", "NODEPORT-HOST"];
        let tables = [("nat", &chains[..], nat), ("filter", &["NODEPORT-NON-LOCAL"], filter)];
        let restore = restore(tables);
        Userspace { ports: self.ports, node: self.node, restore, origins: self.origins }
    }
}

type TableText<'a> = (&'a str, &'a [&'a str], Vec<(String, OriginId)>);

fn restore(tables: [TableText<'_>; 2]) -> Restore {
    let (mut text, mut ids) = (String::new(), Vec::new());
    for (table, chains, rules) in tables {
        let _ = writeln!(text, "*{table}");
        for it in chains {
            let _ = writeln!(text, ":KUBE-{it} - [0:0]");
        }
        for (line, id) in rules {
            let _ = writeln!(text, "-A {line}");
            ids.push(id);
        }
        text.push_str("COMMIT\n");
    }
    super::origin::stamped(&text, ids.into_iter())
}
