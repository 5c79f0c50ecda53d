//! kube-proxy in IPVS mode: the objects of a cluster → one node's virtual servers, as
//! `ipvsadm -Ln` lists them. Its ipsets and its few fixed rules of iptables are not made here.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{IpAddr, SocketAddr};

use svclab_netfilter::Protocol;

use super::node::{node_port_ips, this_node};
use super::select::{Selection, select};
use super::service::ServicePort;
use super::settings::Settings;
use super::watch::Watch;
use crate::object::Objects;

/// By protocol, address and port; the kernel's own order is that of a hash.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Ipvs {
    pub servers: BTreeMap<(Protocol, SocketAddr), VirtualServer>,
}

/// Its scheduler is round robin, and each real server has weight 1 and gets its packets by NAT.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct VirtualServer {
    /// For how many seconds a client keeps its real server.
    pub persistent: Option<u32>,
    pub real: BTreeSet<SocketAddr>,
}

/// The virtual servers after the first sync of a node.
pub fn ipvs(objects: &Objects, settings: &Settings) -> Ipvs {
    let node = this_node(objects, settings);
    let node_ips = node_port_ips(objects, settings, &node);
    let mut res = Ipvs::default();
    Watch::of(objects, settings.clone()).each_port(|_, key, port, endpoints| {
        let selection = select(port, endpoints, &node, settings);
        for (at, is_local) in frontends(port, &node_ips) {
            let server = VirtualServer {
                persistent: port.affinity_seconds,
                real: real_servers(&selection, is_local),
            };
            res.servers.insert((key.protocol.into(), at), server);
        }
    });
    res
}

/// Where a port is served, and whether the Local policy holds there.
fn frontends(port: &ServicePort, node_ips: &[IpAddr]) -> Vec<(SocketAddr, bool)> {
    let cluster = (SocketAddr::new(port.cluster_ip, port.port), port.internal_local);
    let outside = port.external_ips.iter().chain(&port.vips);
    let outside = outside.map(|ip| SocketAddr::new(*ip, port.port));
    let node_ports = port.node_port.into_iter();
    let node_ports =
        node_ports.flat_map(|port| node_ips.iter().map(move |ip| SocketAddr::new(*ip, port)));
    let external = outside.chain(node_ports).map(|at| (at, port.external_local));
    [cluster].into_iter().chain(external).collect()
}

/// Unlike in the other modes, a Local policy without a local endpoint uses those of other nodes.
fn real_servers(selection: &Selection<'_>, is_local: bool) -> BTreeSet<SocketAddr> {
    let local = is_local && !selection.local.is_empty();
    let endpoints = if local { &selection.local } else { &selection.cluster };
    endpoints.iter().map(|it| SocketAddr::new(it.ip, it.port)).collect()
}

/// As `ipvsadm -Ln`, before the first connection.
impl fmt::Display for Ipvs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "IP Virtual Server version 1.2.1 (size=4096)")?;
        writeln!(f, "Prot LocalAddress:Port Scheduler Flags")?;
        writeln!(f, "  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn")?;
        for ((protocol, at), server) in &self.servers {
            let protocol = protocol.name().to_ascii_uppercase();
            write!(f, "{protocol:<4} {at} rr")?;
            if let Some(seconds) = server.persistent {
                write!(f, " persistent {seconds}")?;
            }
            writeln!(f)?;
            for real in &server.real {
                let real = real.to_string();
                writeln!(f, "  -> {real:<28} {:<7} {:<6} {:<10} {:<10}", "Masq", 1, 0, 0)?;
            }
        }
        Ok(())
    }
}
